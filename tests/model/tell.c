/* [job]: a pool is stopped hot while a job starts: the stopper tells what runs after it has said so, the
   runner looks for that after its job runs, as wpool__worker_run_record. The job is told by one of them
   or both, and who sees that sees what the stopper did before. */

#include "model.h"

#include "wpool.h"

static wpool_job job = {.state = WPOOL_STATE_WAITING, .told = &job.state};
static _Atomic(uint32_t) control;
static int data; /* plain: the stopper's reason */

static void look(void) {
    if (wpool__job_is_told(&job)) WPOOL_ASSERT(data == 1);
}

static void runner(int index) {
    (void)index;
    if (!wpool__job_set_running(&job, 0)) return;
    if (wpool__load_seq_cst(&control) & WPOOL__JOB_TOLD) wpool__job_tell(&job, WPOOL__JOB_TOLD);
    look();
}
MODEL_THREAD(runner)

static void stopper(int index) {
    (void)index;
    data = 1;
    wpool__or_seq_cst(&control, WPOOL__JOB_TOLD);
    wpool__job_tell(&job, WPOOL__JOB_TOLD);
}
MODEL_THREAD(stopper)

int main(void) {
    pthread_t running, stopping;
    MODEL_START(&running, runner, 0);
    MODEL_START(&stopping, stopper, 0);
    MODEL_JOIN(running);
    MODEL_JOIN(stopping);
    WPOOL_ASSERT(wpool__job_is_told(&job));
    return 0;
}
