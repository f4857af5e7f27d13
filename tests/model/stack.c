/* [idle]'s stack alone: worker 0 is on it; worker 1 enters while WAKERS threads take the top off. With
   AGAIN worker 0, once woken, enters again (ABA). In the end nobody has got lost. */

#ifndef WAKERS
#define WAKERS 1
#endif
#ifndef AGAIN
#define AGAIN 0
#endif

#include "model.h"

#include "wpool.h"

static wpool__sleeper sleepers[2];
static wpool__lot lot;
static wpool__idle idle = {MODEL_SHELF(sleepers), &lot, 0};
static int woken[WAKERS]; /* plain, each thread's own */

static void enterer(int index) {
    (void)index;
    wpool__idle_enter(&idle, 1, false);
}
MODEL_THREAD(enterer)

static void again(int index) {
    (void)index;
    wpool__idle_sleep(&idle, 0);
    wpool__idle_enter(&idle, 0, false);
}
MODEL_THREAD(again)

static void waker(int index) { woken[index] = wpool__idle_wake_top(&idle, WPOOL__WAKE_LOOK); }
MODEL_THREAD(waker)

int main(void) {
    pthread_t entering, back, wakers[WAKERS];
    unsigned left = 2 + AGAIN;
    wpool__idle_enter(&idle, 0, false);
    MODEL_START(&entering, enterer, 0);
    if (AGAIN) MODEL_START(&back, again, 0);
    for (int i = 0; i < WAKERS; i++)
        MODEL_START(&wakers[i], waker, i);
    MODEL_JOIN(entering);
    for (int i = 0; i < WAKERS; i++)
        MODEL_JOIN(wakers[i]);
    if (AGAIN) {
        wpool__idle_wake_all(&idle);
        MODEL_JOIN(back);
        wpool__idle_wake_all(&idle);
        for (int i = 0; i < 2; i++)
            WPOOL_ASSERT(wpool__load_relaxed(&sleepers[i].woken) != 0);
        left = 0;
    }
    for (int i = 0; i < WAKERS && !AGAIN; i++)
        left -= (unsigned)woken[i];
    uint64_t word = wpool__idle_word(&idle);
    WPOOL_ASSERT(wpool__idle_count(word) == left);
    WPOOL_ASSERT((wpool__idle_top(word) != 0) == (left != 0));
    return 0;
}
