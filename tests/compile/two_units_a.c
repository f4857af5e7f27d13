/* One program, three files: this one and two_units_b.c use the implementation in strict.c, and
   two_units_b.c once more has one of its own (static). */
#include "wpool.h"

int b_runs_job(wpool *pool);       /* two_units_b.c */
int b_runs_job_alone(wpool *pool); /* two_units_b.c with B_STATIC */

static int one(void *arg, wpool_job *job) {
    (void)job;
    *(int *)arg += 1;
    return 0;
}

int main(void) {
    wpool *pool;
    int count = 0;
    if (wpool_create(&pool, NULL) != WPOOL_OK) return 1;
    if (wpool_submit(pool, one, &count, NULL) != WPOOL_OK) return 2;
    if (b_runs_job(pool) != 1 || b_runs_job_alone(NULL) != 1) return 3;
    if (wpool_destroy(pool) != WPOOL_OK) return 4;
    return count != 1;
}
