/* [job]: a job that is waited for. A runner runs it and publishes its end; WAITERS threads wait for
   that as wpool__pool_wait does, and read what it left. With STIR somebody stirs the sleepers
   meanwhile, as a fork does: nobody may go on before the end, nor sleep for ever. With SUBMITTERS so
   many threads try to have the job to hand it in again, as wpool_submit_job does: one at most gets
   it, after its end, and writes to it. */

#ifndef WAITERS
#define WAITERS 1
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 0
#endif
#ifndef STIR
#define STIR 0
#endif

#include "model.h"

#include "wpool.h"

static wpool__lot lot;
static wpool_job job = {.state = WPOOL_STATE_WAITING};
static int entered; /* plain: two who have the job at a time are a data race */
static _Atomic(int) runs;

static void runner(int index) {
    (void)index;
    job.thread = &lot; /* as wpool__worker_run_record */
    WPOOL_ASSERT(wpool__job_set_running(&job, 0));
    job.error = 7;
    job.data = &job;
    wpool__job_publish(&lot, &job, WPOOL_STATE_FAILED);
}
MODEL_THREAD(runner)

static void waiter(int index) {
    (void)index;
    for (;;) {
        wpool_state state = wpool__job_state_of(&job);
        if (state == WPOOL_STATE_RUNNING) WPOOL_ASSERT(job.thread == &lot);
        if (state >= WPOOL_STATE_SUCCEEDED) break;
        wpool__job_sleep(&lot, &job, state, WPOOL__NEVER);
    }
    WPOOL_ASSERT(job.error == 7 && job.data == &job);
}
MODEL_THREAD(waiter)

static void submitter(int index) {
    wpool_state state;
    (void)index;
    if (!wpool__job_enter(&job, &state)) return;
    WPOOL_ASSERT(state == WPOOL_STATE_FAILED && job.error == 7);
    job.error = 8;
    entered++;
}
MODEL_THREAD(submitter)

static void stirrer(int index) {
    (void)index;
    wpool__job_stir(&lot, &job);
}
MODEL_THREAD(stirrer)

int main(void) {
    pthread_t waiters[WAITERS + 1], submitters[SUBMITTERS + 1], running, stirring;
    MODEL_START(&running, runner, 0);
    for (int i = 0; i < WAITERS; i++)
        MODEL_START(&waiters[i], waiter, i);
    for (int i = 0; i < SUBMITTERS; i++)
        MODEL_START(&submitters[i], submitter, i);
    if (STIR) MODEL_START(&stirring, stirrer, 0);
    MODEL_JOIN(running);
    for (int i = 0; i < WAITERS; i++)
        MODEL_JOIN(waiters[i]);
    for (int i = 0; i < SUBMITTERS; i++)
        MODEL_JOIN(submitters[i]);
    if (STIR) MODEL_JOIN(stirring);
    WPOOL_ASSERT(entered <= 1);
    return 0;
}
