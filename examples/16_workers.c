/* 16_workers - workers come and go while jobs flow, and nothing is lost.

   Shows: wpool_scale, wpool_scale_to, wpool_worker_stop, which tells the job that the worker runs,
   wpool_workers, wpool_discard, and what a graceful and a hot exit leave.
   Build: cc -std=c11 -I.. 16_workers.c -o 16_workers -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { JOBS = 12, MOST_WORKERS = 8 };

static int wrong;

static void expect(bool holds, const char *promise) {
    if (holds) return;
    fprintf(stderr, "not as promised: %s\n", promise);
    wrong = 1;
}

/* A pool with its jobs, each of which works until it may finish, or is told to end. */
struct shop {
    wpool *pool;
    atomic_bool may_finish[JOBS];
    wpool_id ids[JOBS];
};

static int work(void *arg, wpool_job *job) {
    const atomic_bool *may_finish = (const atomic_bool *)arg;
    while (!atomic_load(may_finish)) {
        if (wpool_cancelled(job)) return ECANCELED;
        sched_yield();
    }
    return 0;
}

static void open_shop(struct shop *shop, unsigned workers) {
    const wpool_config config = {.workers = workers};
    if (wpool_create(&shop->pool, &config) != WPOOL_OK) exit(1);
    for (int i = 0; i < JOBS; i++) {
        atomic_init(&shop->may_finish[i], false);
        if (wpool_submit(shop->pool, work, &shop->may_finish[i], &shop->ids[i]) != WPOOL_OK)
            exit(1);
    }
}

static int number_of(const struct shop *shop, wpool_id id) {
    for (int i = 0; i < JOBS; i++)
        if (shop->ids[i] == id) return i;
    return -1;
}

/* Until so many jobs run and nobody is about to leave: each worker has one then. */
static void await_running(const struct shop *shop, unsigned count) {
    wpool_stats_snapshot stats;
    do {
        sched_yield();
        wpool_stats(shop->pool, &stats);
    } while (stats.running != count || stats.workers_leaving != 0);
    expect(stats.workers == count, "no worker is idle while jobs wait");
}

static void print_workers(const struct shop *shop) {
    static const char *const activities[] = {"available", "busy", "leaving"};
    wpool_worker_info infos[MOST_WORKERS];
    const size_t count = wpool_workers(shop->pool, infos, MOST_WORKERS);
    puts("worker  state      job  finished  failed  cancelled");
    for (size_t i = 0; i < count && i < MOST_WORKERS; i++) {
        const wpool_worker_info *info = &infos[i];
        printf("%6u  %-9s  %3d  %8" PRIu64 "  %6" PRIu64 "  %9" PRIu64 "\n", info->worker,
               activities[info->activity], number_of(shop, info->job), info->finished, info->failed,
               info->cancelled);
    }
}

/* Lets one worker go, by its number, and tells how its job ended. */
static void let_go(struct shop *shop, unsigned worker, wpool_mode mode) {
    wpool_id id;
    wpool_result result;
    expect(wpool_worker_stop(shop->pool, worker, mode, &id) == WPOOL_OK, "there is that worker");
    const int job = number_of(shop, id);
    expect(job >= 0, "it tells the job");
    if (job < 0) exit(1);
    if (mode == WPOOL_GRACEFUL) { /* it stays until its job has finished */
        expect(wpool_worker_stop(shop->pool, worker, mode, NULL) == WPOOL_ALREADY, "it leaves");
        print_workers(shop);
        atomic_store(&shop->may_finish[job], true);
    }
    expect(wpool_wait(shop->pool, id, WPOOL_FOREVER, &result) == WPOOL_OK, "its job ends");
    expect(result.worker == worker, "by the worker that ran it");
    printf("worker %u leaves, its job %s\n", worker,
           result.state == WPOOL_STATE_SUCCEEDED ? "succeeded" : "was cancelled");
}

/* Takes some of the jobs that wait out of the queue. */
static void discard_some(struct shop *shop, size_t count) {
    wpool_id waiting[JOBS];
    size_t found = 0;
    for (int i = 0; i < JOBS && found < count; i++)
        if (wpool_job_state(shop->pool, shop->ids[i]) == WPOOL_STATE_WAITING)
            waiting[found++] = shop->ids[i];
    const size_t discarded = wpool_discard(shop->pool, waiting, found, WPOOL_GRACEFUL);
    expect(discarded == count, "what waits can be discarded");
    printf("%zu of the jobs that waited discarded\n", discarded);
}

/* What runs may finish, or is told to end; what waits never starts. */
static void close_shop(struct shop *shop, wpool_mode mode) {
    wpool_stats_snapshot s;
    expect(wpool_stop(shop->pool, mode) == WPOOL_OK, "stopped for the first time");
    for (int i = 0; i < JOBS; i++)
        if (mode == WPOOL_GRACEFUL) atomic_store(&shop->may_finish[i], true);
    wpool_drain(shop->pool, WPOOL_FOREVER);
    wpool_stats(shop->pool, &s);
    wpool_destroy(shop->pool);
    printf("%s exit: %" PRIu64 " accepted = %" PRIu64 " succeeded + %" PRIu64
           " cancelled + %" PRIu64 " discarded\n",
           mode == WPOOL_GRACEFUL ? "graceful" : "hot", s.accepted, s.succeeded, s.cancelled,
           s.discarded);
    expect(s.accepted == s.succeeded + s.cancelled + s.discarded, "every job is accounted for");
}

int main(void) {
    struct shop shop;
    open_shop(&shop, 2);
    wpool_status status = wpool_scale(shop.pool, +2, WPOOL_GRACEFUL);
    if (status == WPOOL_INVALID) return 0; /* built without threads */
    expect(status == WPOOL_OK, "two workers more");
    await_running(&shop, 4);
    print_workers(&shop);

    let_go(&shop, 1, WPOOL_GRACEFUL);
    let_go(&shop, 0, WPOOL_HOT);
    await_running(&shop, 2);
    expect(wpool_scale_to(shop.pool, 0, WPOOL_HOT) == WPOOL_INVALID, "the last one stays");
    expect(wpool_scale_to(shop.pool, 3, WPOOL_GRACEFUL) == WPOOL_OK, "back to three");
    await_running(&shop, 3);
    discard_some(&shop, 4);
    print_workers(&shop);
    close_shop(&shop, WPOOL_GRACEFUL);

    open_shop(&shop, 3);
    await_running(&shop, 3);
    close_shop(&shop, WPOOL_HOT);
    return wrong;
}
