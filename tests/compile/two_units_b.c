/* See two_units_a.c. */
#ifdef B_STATIC
#define WPOOL_STATIC
#define WPOOL_IMPLEMENTATION
#define b_runs_job b_runs_job_alone
#endif
#include "wpool.h"

int b_runs_job(wpool *pool);

static int one(void *arg, wpool_job *job) {
    (void)job;
    *(int *)arg += 1;
    return 0;
}

/* NULL: on a pool of its own. Answers how many times the job ran. */
int b_runs_job(wpool *pool) {
    wpool *own = NULL;
    wpool_job job;
    int count = 0;
    if (!pool && wpool_create(&own, NULL) != WPOOL_OK) return -1;
    wpool_job_init(&job, one, &count);
    if (wpool_submit_job(pool ? pool : own, &job, NULL) != WPOOL_OK) return -2;
    if (wpool_job_wait(&job, WPOOL_FOREVER) != WPOOL_OK) return -3;
    if (wpool_destroy(own) != WPOOL_OK) return -4;
    return count;
}
