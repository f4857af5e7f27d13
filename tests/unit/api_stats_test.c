/* The counters add up in every snapshot: row C7. Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

typedef struct traffic {
    wpool *pool;
    uint64_t seed;
    atomic_uint accepted, succeeded, failed; /* what was handed in; what jobs returned */
    atomic_bool is_over;
    unsigned runners;
    gate start;
} traffic;

/* In an allocation of its own; its on_done frees it. */
typedef struct passenger {
    wpool_job job;
    traffic *traffic;
    int error;
} passenger;

static int passenger_job(void *arg, wpool_job *job) {
    passenger *p = (passenger *)arg;
    (void)job;
    atomic_fetch_add(p->error ? &p->traffic->failed : &p->traffic->succeeded, 1);
    return p->error;
}

static int succeed_job(void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_add(&((traffic *)arg)->succeeded, 1);
    return 0;
}

static int fail_job(void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_add(&((traffic *)arg)->failed, 1);
    return 7;
}

static void free_on_done(void *arg, const wpool_result *result) {
    (void)result;
    free(arg);
}

static void submit_owned(traffic *t, int error) {
    passenger *p = (passenger *)malloc(sizeof *p);
    wpool_options options = {.on_done = free_on_done};
    CHECK(p != NULL);
    p->traffic = t;
    p->error = error;
    wpool_job_init(&p->job, passenger_job, p);
    CHECK_EQ(wpool_submit_job(t->pool, &p->job, &options), WPOOL_OK);
}

/* A job of any kind. */
static void submit_one(traffic *t, uint64_t kind) {
    wpool_fn fn = kind & 1 ? fail_job : succeed_job;
    void *args[3] = {t, t, t};
    wpool_id id;
    switch (kind / 2 % 4) {
    case 0:
        CHECK_EQ(wpool_submit(t->pool, fn, t, NULL), WPOOL_OK);
        break;
    case 1:
        CHECK_EQ(wpool_submit(t->pool, fn, t, &id), WPOOL_OK);
        CHECK_EQ(wpool_forget(t->pool, id), WPOOL_OK);
        break;
    case 2:
        submit_owned(t, kind & 1);
        break;
    default:
        CHECK_EQ(wpool_submit_many(t->pool, fn, args, 3, NULL), 3);
        atomic_fetch_add(&t->accepted, 2);
    }
    atomic_fetch_add(&t->accepted, 1);
}

static void submit_traffic(void *arg) {
    traffic *t = (traffic *)arg;
    uint64_t random = t->seed ^ (uint64_t)(uintptr_t)&random;
    for (int i = 0; i < 3000; i++)
        submit_one(t, test_random(&random));
}

/* Takes one snapshot after the other, each of which adds up (test_stats) and never goes back. */
static void watch_traffic(void *arg) {
    traffic *t = (traffic *)arg;
    wpool_stats_snapshot last = {0};
    while (!atomic_load(&t->is_over)) {
        wpool_stats_snapshot s = test_stats(t->pool);
        CHECK(s.accepted >= last.accepted);
        CHECK(s.succeeded >= last.succeeded);
        CHECK(s.failed >= last.failed);
        CHECK(s.cancelled >= last.cancelled);
        CHECK(s.discarded >= last.discarded);
        CHECK(s.running <= t->runners);
        last = s;
    }
}

/* Three submitters and a watcher; what the counters say at the end is what happened. */
static void run_traffic(wpool_when_full when_full, uint64_t seed) {
    helper submitters[3], watcher;
    wpool *pool =
        pool_from((wpool_config){.workers = 3, .queue_capacity = 16, .when_full = when_full});
    traffic t = {.pool = pool, .seed = seed, .runners = test_runners(3)};
    helper_start(&watcher, watch_traffic, &t);
    for (size_t i = 0; i < COUNT_OF(submitters); i++)
        helper_start(&submitters[i], submit_traffic, &t);
    for (size_t i = 0; i < COUNT_OF(submitters); i++)
        helper_join(&submitters[i]);
    test_drain(t.pool);
    atomic_store(&t.is_over, true);
    helper_join(&watcher);
    wpool_stats_snapshot s = test_stats(t.pool);
    CHECK_EQ(s.accepted, t.accepted);
    CHECK_EQ(s.succeeded, t.succeeded);
    CHECK_EQ(s.failed, t.failed);
    CHECK_EQ(s.waiting + s.running + s.cancelled, 0);
    CHECK_EQ(s.discarded, t.accepted - t.succeeded - t.failed);
    CHECK_EQ(s.discarded > 0, when_full == WPOOL_DROP_OLDEST);
    test_destroy(t.pool);
}

TEST(every_snapshot_adds_up_while_jobs_block_for_room) {
    NEEDS_THREADS();
    run_traffic(WPOOL_BLOCK, test_seed());
}

TEST(every_snapshot_adds_up_while_jobs_are_dropped) {
    NEEDS_THREADS();
    run_traffic(WPOOL_DROP_OLDEST, test_seed());
}

static void submit_50000_failures(void *arg) {
    traffic *t = (traffic *)arg;
    gate_count_up(&t->start);
    gate_wait(&t->start);
    for (int i = 0; i < 50000; i++)
        CHECK_EQ(wpool_submit(t->pool, fail_job, t, NULL), WPOOL_OK);
}

/* To a full pool that is paused: so all jobs but 64 end on the threads of their submitters. */
static wpool_stats_snapshot end_on_several_threads(wpool_when_full when_full) {
    helper threads[4];
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 64, .when_full = when_full, .start_paused = true});
    traffic t = {.pool = pool, .start = GATE_CLOSED};
    for (int i = 0; i < 4; i++)
        helper_start(&threads[i], submit_50000_failures, &t);
    gate_await_count(&t.start, 4);
    gate_open(&t.start);
    for (int i = 0; i < 4; i++)
        helper_join(&threads[i]);
    wpool_stats_snapshot s = test_stats(t.pool);
    CHECK_EQ(s.accepted, 200000);
    CHECK_EQ(s.waiting, 64);
    test_destroy(t.pool);
    return s;
}

TEST(what_several_submitters_drop_is_counted) {
    NEEDS_THREADS();
    wpool_stats_snapshot s = end_on_several_threads(WPOOL_DROP_OLDEST);
    CHECK_EQ(s.discarded, 199936);
}

TEST(what_fails_on_the_threads_of_several_submitters_is_counted) {
    NEEDS_THREADS();
    wpool_stats_snapshot s = end_on_several_threads(WPOOL_RUN);
    CHECK_EQ(s.failed, 199936);
}

static int until_cancelled_job(void *arg, wpool_job *job) {
    gate_count_up((gate *)arg);
    while (!wpool_cancelled(job))
        sched_yield();
    return 1;
}

TEST(every_snapshot_adds_up_while_the_pool_is_stopped) {
    NEEDS_WORKERS();
    for (int round = 0; round < 30; round++) {
        gate g = GATE_CLOSED;
        helper watcher;
        wpool_id id;
        traffic t = {.pool = test_pool_of(3, 200), .runners = 3};
        for (int i = 0; i < 3; i++)
            CHECK_EQ(wpool_submit(t.pool, until_cancelled_job, &g, &id), WPOOL_OK);
        gate_await_count(&g, 3);
        helper_start(&watcher, watch_traffic, &t);
        for (int i = 0; i < 20; i++)
            submit_one(&t, (uint64_t)i);
        CHECK_EQ(wpool_stop(t.pool, WPOOL_HOT), WPOOL_OK);
        test_drain(t.pool);
        atomic_store(&t.is_over, true);
        helper_join(&watcher);
        wpool_stats_snapshot s = test_stats(t.pool);
        CHECK_EQ(s.accepted, t.accepted + 3);
        CHECK_EQ(s.discarded, t.accepted);
        CHECK_EQ(s.cancelled, 3);
        test_destroy(t.pool);
    }
}

static void watch_waiting(void *arg) {
    traffic *t = (traffic *)arg;
    while (!atomic_load(&t->is_over))
        CHECK(test_stats(t->pool).waiting <= 16);
}

TEST(no_snapshot_shows_more_waiting_than_the_capacity) {
    NEEDS_THREADS();
    helper watcher;
    traffic t = {.pool = test_pool_of(3, 16)};
    helper_start(&watcher, watch_waiting, &t);
    for (int i = 0; i < 100000; i++)
        CHECK_EQ(wpool_submit(t.pool, succeed_job, &t, NULL), WPOOL_OK);
    atomic_store(&t.is_over, true);
    helper_join(&watcher);
    test_destroy(t.pool);
}

TEST(the_counters_know_every_ending) {
    static int zero = 0, error = 5;
    wpool *pool = test_pool_paused(2, 0);
    CHECK_EQ(wpool_submit(pool, return_job, &zero, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, return_job, &error, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, return_job, &error, NULL), WPOOL_OK);
    CHECK_EQ(test_stats(pool).waiting, 3);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    wpool_stats_snapshot s = test_stats(pool);
    CHECK_EQ(s.accepted, 3);
    CHECK_EQ(s.succeeded, 1);
    CHECK_EQ(s.failed, 2);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    test_await_idle(pool);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(wpool_submit(pool, return_job, &zero, NULL), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    test_drain(pool); /* a worker may have had one in its hands */
    s = test_stats(pool);
    CHECK_EQ(s.accepted, 7);
    CHECK_EQ(s.discarded, 4);
    CHECK_EQ(s.waiting + s.running, 0);
    test_destroy(pool);
}

TEST(idle_workers_are_counted) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    wpool *pool = test_pool_of(4, 0);
    test_await_idle(pool);
    CHECK_EQ(test_stats(pool).workers, 4);
    hold_workers(&h, pool, 3);
    while (test_stats(pool).workers_idle != 1)
        sched_yield();
    hold_release(&h, 3);
    test_destroy(pool);
}
