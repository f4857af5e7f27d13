/* [pace]'s bucket of a rate, while the clock stands still: TAKERS threads take up to TAKES parts
   each (CHARGE: without asking), and one more changes the rate, from one part every OLD ns and
   OLD_BURST at once to NEW and NEW_BURST. In the end the new rate holds: the next part is not
   further away than one new burst and what was taken meanwhile, at the new rate. At once go the
   parts of the old burst and those of the new one, and those once more for each taker: who took by
   the old rate corrects that, though the change may have done so already. */

#ifndef OLD
#define OLD 100
#endif
#ifndef OLD_BURST
#define OLD_BURST 1
#endif
#ifndef NEW
#define NEW 2
#endif
#ifndef NEW_BURST
#define NEW_BURST 1
#endif
#ifndef TAKERS
#define TAKERS 1
#endif
#ifndef TAKES
#define TAKES 1
#endif
#ifndef CHARGE
#define CHARGE 0
#endif
#define MODEL_MEMORY 64

#include "model.h"

#include "wpool.h"

static wpool__bucket bucket;
static int taken[TAKERS]; /* each thread's own */

static void set(int64_t interval, unsigned burst) {
    wpool_rate rate = {1e9 / (double)interval, burst};
    wpool__bucket_set(&bucket, &rate);
    WPOOL_ASSERT(wpool__load_relaxed(&bucket.interval) == interval);
}

static bool take(void) {
    int64_t slot;
    return wpool__bucket_take(&bucket, &slot) == 0;
}

static void taker(int index) {
    for (int i = 0; i < TAKES; i++) {
        if (CHARGE) wpool__bucket_charge(&bucket);
        taken[index] += CHARGE || take();
    }
}
MODEL_THREAD(taker)

static void changer(int index) {
    (void)index;
    set(NEW, NEW_BURST);
}
MODEL_THREAD(changer)

int main(void) {
    pthread_t takers[TAKERS], changing;
    int all = 0;
    set(OLD, OLD_BURST);
    MODEL_START(&changing, changer, 0);
    for (int i = 0; i < TAKERS; i++)
        MODEL_START(&takers[i], taker, i);
    for (int i = 0; i < TAKERS; i++) {
        MODEL_JOIN(takers[i]);
        all += taken[i];
    }
    MODEL_JOIN(changing);
    WPOOL_ASSERT(wpool__load_relaxed(&bucket.next) <= (NEW_BURST + all) * NEW);
    while (!CHARGE && take())
        all++;
    WPOOL_ASSERT(CHARGE || all <= OLD_BURST + (1 + TAKERS) * NEW_BURST);
    return 0;
}
