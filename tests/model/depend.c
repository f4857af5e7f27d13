/* [job]: a job comes after one that ends meanwhile, as wpool__after_wait_for and wpool__after_resolve
   in [pace]. Either the end is seen, and all that was done before it, or who ends it finds out that
   somebody depends on it. */

#include "model.h"

#include "wpool.h"

static wpool__lot lot;
static wpool__lock lock;
static wpool_job job = {.state = WPOOL_STATE_RUNNING};
static int data;             /* plain: what the job did */
static int listed, resolved; /* under the lock */

static void runner(int index) {
    (void)index;
    data = 1;
    if (!wpool__job_publish(&lot, &job, WPOOL_STATE_SUCCEEDED)) return;
    wpool__lock_take(&lot, &lock);
    WPOOL_ASSERT(listed > 0);
    resolved = listed;
    listed = 0;
    wpool__lock_release(&lot, &lock);
}
MODEL_THREAD(runner)

static void depender(int index) {
    (void)index;
    wpool__lock_take(&lot, &lock);
    wpool_state state = wpool__job_depend(&job);
    if (state == WPOOL_STATE_UNKNOWN) {
        listed++;
    } else {
        WPOOL_ASSERT(state == WPOOL_STATE_SUCCEEDED && data == 1);
    }
    wpool__lock_release(&lot, &lock);
}
MODEL_THREAD(depender)

int main(void) {
    pthread_t running, depending[DEPENDERS];
    MODEL_START(&running, runner, 0);
    for (int i = 0; i < DEPENDERS; i++)
        MODEL_START(&depending[i], depender, i);
    MODEL_JOIN(running);
    for (int i = 0; i < DEPENDERS; i++)
        MODEL_JOIN(depending[i]);
    WPOOL_ASSERT(listed == 0 && resolved <= DEPENDERS);
    return 0;
}
