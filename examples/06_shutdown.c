/* 06_shutdown - three ways to end a pool, and an argument that is freed in each of them.

   Shows: wpool_close, wpool_stop, wpool_shutdown with a timeout, wpool_cancelled, on_done.
   Build: cc -std=c11 -I.. 06_shutdown.c -o 06_shutdown -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define JOBS 8

static int wrong;
static atomic_int ended[WPOOL_STATE_DISCARDED + 1]; /* by state */

static void expect(bool holds, const char *promise) {
    if (holds) return;
    fprintf(stderr, "not as promised: %s\n", promise);
    wrong = 1;
}

static int quick(void *arg, wpool_job *job) {
    (void)job;
    *(int *)arg += 1;
    return 0;
}

/* Would run for ever, but looks now and then whether it should end. */
static int endless(void *arg, wpool_job *job) {
    unsigned *turns = (unsigned *)arg;
    while (!wpool_cancelled(job))
        *turns += 1;
    return ECANCELED;
}

/* Called exactly once for each accepted job, also when it never ran: the place to free. */
static void on_done(void *arg, const wpool_result *result) {
    free(arg);
    atomic_fetch_add(&ended[result->state], 1);
}

/* A pool of one worker with JOBS jobs, each with an argument of its own. */
static wpool *busy_pool(wpool_fn function, bool start_paused) {
    const wpool_config config = {.workers = 1, .start_paused = start_paused};
    const wpool_options options = {.on_done = on_done};
    wpool *pool;
    if (wpool_create(&pool, &config) != WPOOL_OK) exit(1);
    for (int i = 0; i <= WPOOL_STATE_DISCARDED; i++)
        atomic_store(&ended[i], 0);
    for (int i = 0; i < JOBS; i++) {
        void *arg = calloc(1, sizeof(unsigned));
        if (!arg || wpool_submit_with(pool, function, arg, &options, NULL) != WPOOL_OK) exit(1);
    }
    return pool;
}

static void report(const char *how) {
    int succeeded = atomic_load(&ended[WPOOL_STATE_SUCCEEDED]);
    int cancelled = atomic_load(&ended[WPOOL_STATE_CANCELLED]);
    int discarded = atomic_load(&ended[WPOOL_STATE_DISCARDED]);
    expect(succeeded + cancelled + discarded == JOBS, "every argument is freed exactly once");
    printf("%-9s %d succeeded, %d cancelled, %d discarded\n", how, succeeded, cancelled, discarded);
}

int main(void) {
    wpool_stats_snapshot stats;
    /* Close: nothing new comes in, everything queued still runs. */
    wpool *pool = busy_pool(quick, false);
    wpool_stats(pool, &stats);
    wpool_close(pool);
    expect(wpool_submit(pool, quick, NULL, NULL) == WPOOL_CLOSED, "a closed pool takes no job");
    expect(wpool_close(pool) == WPOOL_ALREADY, "closing twice is harmless");
    wpool_destroy(pool);
    expect(atomic_load(&ended[WPOOL_STATE_SUCCEEDED]) == JOBS, "queued jobs run after close");
    report("close");

    /* Stop: what has not started never will. */
    pool = busy_pool(quick, true);
    wpool_stop(pool, WPOOL_GRACEFUL);
    wpool_destroy(pool);
    expect(atomic_load(&ended[WPOOL_STATE_DISCARDED]) == JOBS, "stop discards what is queued");
    report("stop");

    if (stats.workers == 0) return wrong; /* no thread would look at the clock while a job runs */

    /* Shutdown: give the jobs some time, then discard what waits and tell what runs to end. */
    pool = busy_pool(endless, false);
    expect(wpool_shutdown(pool, WPOOL_HOT, WPOOL_MS(50)) == WPOOL_TIMEOUT, "time was out");
    wpool_destroy(pool); /* waits for the job that was told to end */
    expect(atomic_load(&ended[WPOOL_STATE_SUCCEEDED]) == 0, "none could finish");
    report("shutdown");
    return wrong;
}
