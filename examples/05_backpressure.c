/* 05_backpressure - what happens when jobs come faster than they can be run is your choice.

   Shows: queue_capacity, the four policies of when_full, wpool_try_submit, options.timeout.
   A paused pool starts nothing, so that its queue is full when this program says so.
   Build: cc -std=c11 -I.. 05_backpressure.c -o 05_backpressure -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY 4

static int wrong;
static atomic_int jobs_run, jobs_dropped;

static void expect(bool holds, const char *promise) {
    if (holds) return;
    fprintf(stderr, "not as promised: %s\n", promise);
    wrong = 1;
}

static int work(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    atomic_fetch_add(&jobs_run, 1);
    return 0;
}

static void on_done(void *arg, const wpool_result *result) {
    (void)arg;
    if (result->state == WPOOL_STATE_DISCARDED) atomic_fetch_add(&jobs_dropped, 1);
}

/* A pool that does not start its jobs yet, with a queue that is full. */
static wpool *full_pool(wpool_when_full when_full) {
    const wpool_config config = {
        .workers = 1, .queue_capacity = CAPACITY, .when_full = when_full, .start_paused = true};
    const wpool_options options = {.on_done = on_done};
    wpool *pool;
    if (wpool_create(&pool, &config) != WPOOL_OK) exit(1);
    for (int i = 0; i < CAPACITY; i++)
        expect(wpool_submit_with(pool, work, NULL, &options, NULL) == WPOOL_OK, "room for four");
    atomic_store(&jobs_run, 0);
    atomic_store(&jobs_dropped, 0);
    return pool;
}

/* One job more than fits, then let the pool run. */
static void one_too_many(const char *name, wpool_when_full when_full, wpool_status promised,
                         int run_at_once, int run_in_all, int dropped) {
    wpool *pool = full_pool(when_full);
    wpool_status status = wpool_submit(pool, work, NULL, NULL);
    expect(status == promised, "what a submit to a full queue answers");
    expect(atomic_load(&jobs_run) == run_at_once, "who runs it");
    wpool_destroy(pool);
    expect(atomic_load(&jobs_run) == run_in_all, "how many ran");
    expect(atomic_load(&jobs_dropped) == dropped, "dropped jobs are reported");
    printf("%-12s %s; %d of 5 ran, %d dropped\n", name, wpool_strerror(status),
           atomic_load(&jobs_run), atomic_load(&jobs_dropped));
}

/* WPOOL_BLOCK waits, unless the call says for how long, or that it must not. */
static void block(void) {
    const wpool_options patient = {.timeout = WPOOL_MS(10)};
    wpool_stats_snapshot stats;
    wpool *pool = full_pool(WPOOL_BLOCK);
    expect(wpool_try_submit(pool, work, NULL, NULL) == WPOOL_FULL, "try_submit never waits");
    expect(wpool_submit_with(pool, work, NULL, &patient, NULL) == WPOOL_TIMEOUT, "10 ms, no more");

    wpool_start(pool);
    for (int i = CAPACITY; i < 1000; i++) { /* each waits until a worker has made room */
        expect(wpool_submit(pool, work, NULL, NULL) == WPOOL_OK, "room in the end");
        expect(wpool_stats(pool, &stats) == WPOOL_OK && stats.waiting <= CAPACITY, "never more");
    }
    wpool_destroy(pool);
    expect(atomic_load(&jobs_run) == 1000, "everything accepted ran");
    printf("%-12s %d ran, never more than %d waiting\n", "block", atomic_load(&jobs_run), CAPACITY);
}

int main(void) {
    one_too_many("refuse", WPOOL_REFUSE, WPOOL_FULL, 0, 4, 0);
    one_too_many("run", WPOOL_RUN, WPOOL_OK, 1, 5, 0);
    one_too_many("drop oldest", WPOOL_DROP_OLDEST, WPOOL_OK, 0, 4, 1);
    block();
    return wrong;
}
