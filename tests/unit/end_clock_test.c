/* Timeouts of shutdown and drain, on a clock that the test moves. */
#include "clock.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "pools.h"

/* A call of drain or shutdown on a thread of its own. */
typedef struct ending {
    wpool *pool;
    bool is_drain;
    wpool_mode mode;
    int64_t timeout;
    wpool_status status;
    atomic_bool has_returned;
    pthread_t thread;
} ending;

static void *end_in_thread(void *arg) {
    ending *e = (ending *)arg;
    e->status = e->is_drain ? wpool_drain(e->pool, e->timeout)
                            : wpool_shutdown(e->pool, e->mode, e->timeout);
    atomic_store(&e->has_returned, true);
    return NULL;
}

static void ending_start(ending *e) { e->thread = thread_start(end_in_thread, e); }

static wpool_status ending_result(ending *e) {
    pthread_join(e->thread, NULL);
    return e->status;
}

/* A pool of one worker with one job behind the door and five more queued. */
static wpool *held_pool(gate *door, task *running, task queued[5]) {
    wpool *pool = pool_of(1);
    running->door = door;
    task_submit(pool, running, NULL);
    gate_await_count(door, 1);
    for (int i = 0; i < 5; i++)
        task_submit(pool, &queued[i], NULL);
    return pool;
}

static void check_done(task *tasks, unsigned count, unsigned times, wpool_state state) {
    for (unsigned i = 0; i < count; i++) {
        CHECK_EQ(atomic_load(&tasks[i].done_count), times);
        if (times) CHECK_EQ(atomic_load(&tasks[i].state), state);
    }
}

static void check_shutdown_timeout(wpool_mode mode, wpool_state expected) {
    gate door = GATE_CLOSED;
    task running = {.error = 5}, queued[5] = {{0}};
    wpool *pool = held_pool(&door, &running, queued);
    ending e = {.pool = pool, .mode = mode, .timeout = WPOOL_MS(5)};
    ending_start(&e);
    test_clock_parked_until(1);
    test_clock_advance(WPOOL_MS(5) - 1);
    test_clock_parked_until(1);
    CHECK(!atomic_load(&e.has_returned));
    check_done(queued, 5, 0, WPOOL_STATE_UNKNOWN);
    test_clock_advance(1);
    CHECK_EQ(ending_result(&e), WPOOL_TIMEOUT);
    check_done(queued, 5, 1, WPOOL_STATE_DISCARDED);
    CHECK_EQ(atomic_load(&running.done_count), 0);
    CHECK_EQ(wpool_shutdown(pool, mode, WPOOL_NOW), WPOOL_TIMEOUT);
    gate_open(&door);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_done(&running, 1, 1, expected);
    check_done(queued, 5, 1, WPOOL_STATE_DISCARDED);
    CHECK_EQ(atomic_load(&running.was_told), mode == WPOOL_HOT);
}

TEST(a_graceful_shutdown_out_of_time_discards_what_is_queued) {
    check_shutdown_timeout(WPOOL_GRACEFUL, WPOOL_STATE_FAILED);
}

TEST(a_hot_shutdown_out_of_time_also_tells_the_running) {
    check_shutdown_timeout(WPOOL_HOT, WPOOL_STATE_CANCELLED);
}

/* Do the two workers name these jobs, each once, and run no others? */
static bool workers_name(wpool *pool, const wpool_id *ids, unsigned count) {
    wpool_worker_info infos[2];
    CHECK_EQ(wpool_workers(pool, infos, 2), 2);
    for (unsigned i = 0; i < count; i++)
        if ((infos[0].job == ids[i]) + (infos[1].job == ids[i]) != 1) return false;
    return infos[0].running + infos[1].running == count;
}

TEST(after_a_shutdown_out_of_time_the_workers_name_the_jobs_that_still_run) {
    for (int mode = WPOOL_GRACEFUL; mode <= WPOOL_HOT; mode++) {
        gate doors[] = {GATE_CLOSED, GATE_CLOSED};
        task tasks[] = {{.door = &doors[0]}, {.door = &doors[1]}, {0}};
        wpool_id ids[3]; /* the last one is queued */
        wpool *pool = pool_of(2);
        ending e = {.pool = pool, .mode = (wpool_mode)mode, .timeout = WPOOL_MS(5)};
        for (int i = 0; i < 3; i++)
            task_submit(pool, &tasks[i], &ids[i]);
        for (int i = 0; i < 2; i++)
            gate_await_count(&doors[i], 1);
        ending_start(&e);
        test_clock_pass(WPOOL_MS(5));
        CHECK_EQ(ending_result(&e), WPOOL_TIMEOUT);
        CHECK(workers_name(pool, ids, 2));
        gate_open(&doors[0]);
        while (!workers_name(pool, ids + 1, 1))
            sched_yield();
        gate_open(&doors[1]);
        CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
        CHECK(workers_name(pool, ids, 0));
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    }
}

TEST(a_shutdown_in_time_runs_everything) {
    gate door = GATE_CLOSED;
    task running = {0}, queued[5] = {{0}};
    wpool *pool = held_pool(&door, &running, queued);
    ending e = {.pool = pool, .mode = WPOOL_HOT, .timeout = WPOOL_MS(5)};
    ending_start(&e);
    test_clock_parked_until(1);
    CHECK_EQ(wpool_submit(pool, task_job, &running, NULL), WPOOL_CLOSED);
    test_clock_advance(WPOOL_MS(4));
    gate_open(&door);
    CHECK_EQ(ending_result(&e), WPOOL_OK);
    check_done(queued, 5, 1, WPOOL_STATE_SUCCEEDED);
    check_done(&running, 1, 1, WPOOL_STATE_SUCCEEDED);
    CHECK(!atomic_load(&running.was_told));
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(a_shutdown_without_time_does_not_wait) {
    gate door = GATE_CLOSED;
    task running = {0}, queued[5] = {{0}};
    wpool *pool = held_pool(&door, &running, queued);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_NOW), WPOOL_TIMEOUT);
    check_done(queued, 5, 1, WPOOL_STATE_DISCARDED);
    gate_open(&door);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    check_done(&running, 1, 1, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(a_shutdown_may_be_given_all_the_time_there_is) {
    gate door = GATE_CLOSED;
    task running = {0}, queued[5] = {{0}};
    wpool *pool = held_pool(&door, &running, queued);
    ending e = {.pool = pool, .timeout = INT64_MAX}, f = e;
    f.timeout = INT64_MIN;
    ending_start(&e);
    ending_start(&f);
    gate_open(&door);
    CHECK_EQ(ending_result(&e), WPOOL_OK);
    CHECK_EQ(ending_result(&f), WPOOL_OK);
    check_done(queued, 5, 1, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(a_drain_out_of_time_changes_nothing) {
    gate door = GATE_CLOSED;
    task running = {0}, queued[5] = {{0}}, later = {0};
    wpool *pool = held_pool(&door, &running, queued);
    ending brief = {.pool = pool, .is_drain = true, .timeout = WPOOL_MS(5)};
    ending longer = {.pool = pool, .is_drain = true, .timeout = WPOOL_MS(10)};
    ending_start(&brief);
    ending_start(&longer);
    test_clock_parked_until(2);
    test_clock_advance(WPOOL_MS(5));
    CHECK_EQ(ending_result(&brief), WPOOL_TIMEOUT);
    test_clock_parked_until(1);
    CHECK(!atomic_load(&longer.has_returned));
    CHECK_EQ(pool_stats(pool).waiting, 5);
    task_submit(pool, &later, NULL);
    gate_open(&door);
    CHECK_EQ(ending_result(&longer), WPOOL_OK);
    check_done(queued, 5, 1, WPOOL_STATE_SUCCEEDED);
    check_done(&later, 1, 1, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static int take_time(void *arg, wpool_job *job) {
    test_clock_advance(WPOOL_MS(4));
    return count_job(arg, job);
}

/* Inline, the caller runs the jobs itself: it looks at the clock in between. */
TEST(an_inline_drain_ends_when_its_time_is_out) {
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.max_workers = WPOOL_INLINE});
    for (int i = 0; i < 5; i++)
        CHECK_EQ(wpool_submit(pool, take_time, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_MS(5)), WPOOL_TIMEOUT);
    CHECK_EQ(atomic_load(&count), 2);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 5);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(an_inline_shutdown_ends_when_its_time_is_out) {
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.max_workers = WPOOL_INLINE});
    for (int i = 0; i < 5; i++)
        CHECK_EQ(wpool_submit(pool, take_time, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_MS(5)), WPOOL_TIMEOUT);
    CHECK_EQ(atomic_load(&count), 2);
    CHECK_EQ(pool_stats(pool).discarded, 3);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}
