/* How pools end: close, stop, drain, shutdown, destroy, and jobs that take their thread away.
   Part of it is also built inline and, with WPOOL_NO_THREADS, without threads. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"

/* A pool of one worker that is busy until the door opens, as `t`. */
static wpool *busy_pool(gate *door, task *t, wpool_id *id) {
    wpool *pool = pool_of(1);
    t->door = door;
    task_submit(pool, t, id);
    gate_await_count(door, 1);
    return pool;
}

static void check_ended(task *t, wpool_state state) {
    CHECK_EQ(atomic_load(&t->done_count), 1);
    CHECK_EQ(atomic_load(&t->state), state);
    CHECK_EQ(atomic_load(&t->run_count), state == WPOOL_STATE_DISCARDED ? 0 : 1);
}

static void check_all_ended(task *tasks, size_t count, wpool_state state) {
    for (size_t i = 0; i < count; i++)
        check_ended(&tasks[i], state);
}

static void submit_all(wpool *pool, task *tasks, size_t count) {
    for (size_t i = 0; i < count; i++)
        task_submit(pool, &tasks[i], NULL);
}

/* ---- D1: close ---- */

TEST(after_close_everything_queued_still_runs) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    task first = {0}, queued[20] = {{0}};
    atomic_uint plain = 0;
    wpool_job mine;
    wpool *pool = busy_pool(&door, &first, NULL);
    submit_all(pool, queued, 20);
    count_submit(pool, &plain, 20);
    wpool_job_init(&mine, count_job, &plain);
    CHECK_EQ(wpool_submit_job(pool, &mine, NULL), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(pool_stats(pool).waiting, 41);
    CHECK_EQ(wpool_submit(pool, count_job, &plain, NULL), WPOOL_CLOSED);
    gate_open(&door);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&plain), 21);
    check_all_ended(queued, 20, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(pool_stats(pool).succeeded, 42);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(a_closed_paused_pool_keeps_its_jobs_until_it_is_started) {
    wpool *pool = pool_from((wpool_config){.workers = 2, .start_paused = true});
    task queued[10] = {{0}};
    submit_all(pool, queued, 10);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_NOW), WPOOL_TIMEOUT);
    CHECK_EQ(pool_stats(pool).waiting, 10);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    check_all_ended(queued, 10, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(closing_twice_says_so) {
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(close_may_be_followed_by_stop) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    task running = {0}, queued[10] = {{0}};
    wpool *pool = busy_pool(&door, &running, NULL);
    submit_all(pool, queued, 10);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_ALREADY);
    check_all_ended(queued, 10, WPOOL_STATE_DISCARDED);
    gate_open(&door);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_ended(&running, WPOOL_STATE_SUCCEEDED);
}

static int close_job(void *arg, wpool_job *job) {
    *(wpool_status *)arg = wpool_close(wpool_job_pool(job));
    return 0;
}

TEST(a_job_may_close_its_pool) {
    wpool *pool = pool_of(1);
    wpool_status status = WPOOL_FAILED;
    CHECK_EQ(wpool_submit(pool, close_job, &status, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(status, WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, close_job, &status, NULL), WPOOL_CLOSED);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* ---- D2: stop ---- */

/* What is running when a pool of two is stopped, one of both failing: how do the two see it? */
static void stop_two_running(wpool_mode mode, task *good, task *bad) {
    gate door = GATE_CLOSED;
    task queued[10] = {{0}};
    wpool *pool = pool_of(2);
    good->door = bad->door = &door;
    bad->error = 7;
    task_submit(pool, good, NULL);
    task_submit(pool, bad, NULL);
    gate_await_count(&door, 2);
    submit_all(pool, queued, 10);
    CHECK_EQ(wpool_stop(pool, mode), WPOOL_OK);
    check_all_ended(queued, 10, WPOOL_STATE_DISCARDED);
    CHECK_EQ(wpool_submit(pool, task_job, good, NULL), WPOOL_CLOSED);
    gate_open(&door);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(pool_stats(pool).discarded, 10);
    CHECK_EQ(pool_stats(pool).accepted, 12);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(a_graceful_stop_discards_what_is_queued_and_lets_the_running_finish) {
    NEEDS_WORKERS();
    task good = {0}, bad = {0};
    stop_two_running(WPOOL_GRACEFUL, &good, &bad);
    check_ended(&good, WPOOL_STATE_SUCCEEDED);
    check_ended(&bad, WPOOL_STATE_FAILED);
    CHECK(!atomic_load(&good.was_told) && !atomic_load(&bad.was_told));
}

TEST(a_hot_stop_tells_the_running) {
    NEEDS_WORKERS();
    task good = {0}, bad = {0};
    stop_two_running(WPOOL_HOT, &good, &bad);
    CHECK(atomic_load(&good.was_told) && atomic_load(&bad.was_told));
    check_ended(&good, WPOOL_STATE_SUCCEEDED);
    check_ended(&bad, WPOOL_STATE_CANCELLED);
    CHECK_EQ(atomic_load(&bad.seen_error), 7);
}

TEST(a_patient_job_ends_when_told) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    task t = {.is_patient = true, .error = 1};
    wpool *pool = busy_pool(&door, &t, NULL);
    gate_open(&door);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_ended(&t, WPOOL_STATE_CANCELLED);
}

TEST(a_plain_job_that_ends_because_it_was_told_counts_as_cancelled) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    task t = {.door = &door, .error = 1};
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_submit(pool, task_job, &t, NULL), WPOOL_OK);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    gate_open(&door);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(pool_stats(pool).cancelled, 1);
    CHECK_EQ(pool_stats(pool).failed, 0);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(stopping_twice_says_so_and_hot_may_follow_graceful) {
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_ALREADY);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_ALREADY);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_ALREADY);
    CHECK_EQ(wpool_close(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(discarded_jobs_can_be_waited_for_taken_and_asked) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .results = true, .start_paused = true});
    task by_id = {0}, by_take = {0}, embedded = {0};
    wpool_job mine;
    wpool_id id;
    wpool_result result;
    task_submit(pool, &by_id, &id);
    task_submit(pool, &by_take, NULL);
    wpool_job_init(&mine, task_job, &embedded);
    CHECK_EQ(wpool_submit_job(pool, &mine, task_options()), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_DISCARDED);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
    CHECK_EQ(result.error, WPOOL_CANCELLED);
    CHECK_EQ(result.attempts, 0);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK(result.arg == &by_take && result.state == WPOOL_STATE_DISCARDED);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_DONE);
    CHECK_EQ(wpool_job_wait(&mine, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_job_result(&mine, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_ended(&by_id, WPOOL_STATE_DISCARDED);
    check_ended(&by_take, WPOOL_STATE_DISCARDED);
    check_ended(&embedded, WPOOL_STATE_DISCARDED);
}

static int stop_job(void *arg, wpool_job *job) {
    *(wpool_status *)arg = wpool_stop(wpool_job_pool(job), WPOOL_HOT);
    return wpool_cancelled(job) ? 0 : 1;
}

TEST(a_job_may_stop_its_pool) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .start_paused = true});
    wpool_status status = WPOOL_FAILED;
    task queued[10] = {{0}};
    CHECK_EQ(wpool_submit(pool, stop_job, &status, NULL), WPOOL_OK);
    submit_all(pool, queued, 10);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(status, WPOOL_OK);
    check_all_ended(queued, 10, WPOOL_STATE_DISCARDED);
    CHECK_EQ(pool_stats(pool).succeeded, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* ---- drain and shutdown ---- */

TEST(drain_returns_at_once_when_there_is_nothing) {
    wpool *pool = pool_of(2);
    CHECK_EQ(wpool_drain(pool, WPOOL_NOW), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(drain_waits_for_what_runs_not_only_for_what_is_queued) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    task t = {0};
    wpool *pool = busy_pool(&door, &t, NULL);
    CHECK_EQ(pool_stats(pool).waiting, 0);
    CHECK_EQ(wpool_drain(pool, WPOOL_NOW), WPOOL_TIMEOUT);
    CHECK_EQ(wpool_drain(pool, 1), WPOOL_TIMEOUT);
    gate_open(&door);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    check_ended(&t, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static int spawn_job(void *arg, wpool_job *job) {
    atomic_uint *left = (atomic_uint *)arg;
    if (atomic_fetch_sub(left, 1) > 1)
        CHECK_EQ(wpool_submit(wpool_job_pool(job), spawn_job, left, NULL), WPOOL_OK);
    return 0;
}

TEST(drain_waits_for_jobs_that_jobs_submit) {
    wpool *pool = pool_of(2);
    for (int round = 0; round < 20; round++) {
        atomic_uint left = 100;
        CHECK_EQ(wpool_submit(pool, spawn_job, &left, NULL), WPOOL_OK);
        CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(atomic_load(&left), 0);
    }
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static void *drain_in_thread(void *pool) {
    CHECK_EQ(wpool_drain((wpool *)pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(pool_stats((wpool *)pool).succeeded, 500);
    return NULL;
}

TEST(any_number_of_threads_may_drain) {
    NEEDS_THREADS();
    pthread_t threads[8];
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.workers = 2, .start_paused = true});
    count_submit(pool, &count, 500);
    for (int i = 0; i < 8; i++)
        threads[i] = thread_start(drain_in_thread, pool);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(shutdown_runs_everything_and_may_be_called_again) {
    wpool *pool = pool_from((wpool_config){.workers = 2, .start_paused = true});
    task queued[50] = {{0}};
    submit_all(pool, queued, 50);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    check_all_ended(queued, 50, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(wpool_submit(pool, task_job, &queued[0], NULL), WPOOL_CLOSED);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_NOW), WPOOL_OK);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static void *shutdown_in_thread(void *pool) {
    CHECK_EQ(wpool_shutdown((wpool *)pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    return NULL;
}

TEST(threads_may_shut_down_at_the_same_time) {
    NEEDS_THREADS();
    for (int round = 0; round < 20; round++) {
        pthread_t threads[4];
        atomic_uint count = 0;
        wpool *pool = pool_of(2);
        count_submit(pool, &count, 100);
        for (int i = 0; i < 4; i++)
            threads[i] = thread_start(shutdown_in_thread, pool);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        CHECK_EQ(atomic_load(&count), 100);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    }
}

TEST(shutdown_follows_stop) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .start_paused = true});
    task queued[5] = {{0}};
    submit_all(pool, queued, 5);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    check_all_ended(queued, 5, WPOOL_STATE_DISCARDED);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* ---- D4: destroy leaves nothing, whatever state the pool was in ---- */

/* Ten jobs; some have ids or results that nobody fetches. */
static void submit_some(wpool *pool, task tasks[10], wpool_job *mine) {
    for (int i = 0; i < 9; i++) {
        wpool_id id;
        CHECK_EQ(wpool_submit_with(pool, task_job, &tasks[i], task_options(), i < 5 ? &id : NULL),
                 WPOOL_OK);
    }
    wpool_job_init(mine, task_job, &tasks[9]);
    CHECK_EQ(wpool_submit_job(pool, mine, task_options()), WPOOL_OK);
}

/* Bring a pool with ten jobs into a state and destroy it, a hundred times. */
static void check_destroy(wpool_config config, void (*bring)(wpool *), wpool_state expected) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    const surroundings before = surroundings_now();
    config.allocator = &allocator;
    config.workers = 2;
    for (int round = 0; round < 100; round++) {
        task tasks[10] = {{0}};
        wpool_job mine;
        wpool *pool = pool_from(config);
        submit_some(pool, tasks, &mine);
        bring(pool);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        check_all_ended(tasks, 10, expected);
        memory_check_empty(&used);
    }
    surroundings_check(before);
}

static void bring_nowhere(wpool *pool) { (void)pool; }
static void bring_to_pause(wpool *pool) { wpool_pause(pool); }
static void bring_to_close(wpool *pool) { CHECK_EQ(wpool_close(pool), WPOOL_OK); }

static void bring_to_stop(wpool *pool) { CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK); }

static void bring_to_rest(wpool *pool) { CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK); }

static void bring_to_shutdown(wpool *pool) {
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
}

static void bring_to_closed_results(wpool *pool) { CHECK_EQ(wpool_close_results(pool), WPOOL_OK); }

TEST(destroy_of_a_working_pool_runs_everything) {
    check_destroy((wpool_config){0}, bring_nowhere, WPOOL_STATE_SUCCEEDED);
}

TEST(destroy_of_a_pool_never_started_runs_everything) {
    check_destroy((wpool_config){.start_paused = true}, bring_nowhere, WPOOL_STATE_SUCCEEDED);
}

TEST(destroy_of_a_paused_pool_runs_everything) {
    check_destroy((wpool_config){0}, bring_to_pause, WPOOL_STATE_SUCCEEDED);
}

TEST(destroy_of_a_closed_pool_runs_everything) {
    check_destroy((wpool_config){0}, bring_to_close, WPOOL_STATE_SUCCEEDED);
}

TEST(destroy_of_a_closed_pool_never_started_runs_everything) {
    check_destroy((wpool_config){.start_paused = true}, bring_to_close, WPOOL_STATE_SUCCEEDED);
}

TEST(destroy_of_a_stopped_pool_runs_nothing_more) {
    check_destroy((wpool_config){.start_paused = true}, bring_to_stop, WPOOL_STATE_DISCARDED);
}

TEST(destroy_of_a_resting_pool_leaves_nothing) {
    check_destroy((wpool_config){0}, bring_to_rest, WPOOL_STATE_SUCCEEDED);
}

TEST(destroy_after_shutdown_leaves_nothing) {
    check_destroy((wpool_config){.results = true}, bring_to_shutdown, WPOOL_STATE_SUCCEEDED);
}

TEST(destroy_with_undelivered_results_leaves_nothing) {
    check_destroy((wpool_config){.results = true}, bring_to_rest, WPOOL_STATE_SUCCEEDED);
}

TEST(destroy_with_closed_results_leaves_nothing) {
    check_destroy((wpool_config){.results = true}, bring_to_closed_results, WPOOL_STATE_SUCCEEDED);
}

TEST(destroy_of_an_unused_pool_leaves_nothing) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    const surroundings before = surroundings_now();
    for (int round = 0; round < 200; round++)
        CHECK_EQ(wpool_destroy(pool_from((wpool_config){.workers = 3, .allocator = &allocator})),
                 WPOOL_OK);
    memory_check_empty(&used);
    surroundings_check(before);
}

TEST(destroy_of_no_pool_is_fine) { CHECK_EQ(wpool_destroy(NULL), WPOOL_OK); }

/* Blocks until somebody waits for the event; inline, all wait in one place. */
static void await_waiter(wpool *pool, wpool__event *event) {
    if (POOL_IS_INLINE) event = &pool->drive;
    while (!wpool__event_has_waiters(event))
        sched_yield();
}

static void *submit_until_closed(void *arg) {
    wpool *pool = (wpool *)arg;
    atomic_uint count = 0;
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_CLOSED);
    return NULL;
}

static void *take_until_done(void *arg) {
    wpool_result result;
    wpool_status status;
    do
        status = wpool_take((wpool *)arg, WPOOL_FOREVER, &result);
    while (status == WPOOL_OK);
    CHECK_EQ(status, WPOOL_DONE);
    return NULL;
}

TEST(blocked_submitters_are_sent_home_by_close_and_the_pool_destroyed) {
    NEEDS_WORKERS();
    for (int round = 0; round < 20; round++) {
        task queued = {0};
        pthread_t threads[4];
        wpool *pool =
            pool_from((wpool_config){.workers = 1, .queue_capacity = 1, .start_paused = true});
        task_submit(pool, &queued, NULL);
        for (int i = 0; i < 4; i++)
            threads[i] = thread_start(submit_until_closed, pool);
        await_waiter(pool, &pool->watch.room);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        check_ended(&queued, WPOOL_STATE_SUCCEEDED);
    }
}

TEST(blocked_readers_are_sent_home_by_stop_and_the_pool_destroyed) {
    NEEDS_THREADS();
    for (int round = 0; round < 20; round++) {
        task queued = {0};
        pthread_t threads[4];
        wpool *pool =
            pool_from((wpool_config){.workers = 1, .results = true, .start_paused = true});
        task_submit(pool, &queued, NULL);
        for (int i = 0; i < 4; i++)
            threads[i] = thread_start(take_until_done, pool);
        await_waiter(pool, &pool->results.event);
        CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        check_ended(&queued, WPOOL_STATE_DISCARDED);
    }
}

TEST(destroying_a_pool_leaves_another_one_alone) {
    atomic_uint count_a = 0, count_b = 0;
    wpool *b = pool_of(2);
    for (unsigned round = 1; round <= 100; round++) {
        wpool *a = pool_of(2);
        for (int i = 0; i < 10; i++) {
            CHECK_EQ(wpool_submit(b, count_job, &count_b, NULL), WPOOL_OK);
            CHECK_EQ(wpool_submit(a, count_job, &count_a, NULL), WPOOL_OK);
        }
        CHECK_EQ(wpool_destroy(a), WPOOL_OK);
        CHECK_EQ(atomic_load(&count_a), 10 * round);
    }
    CHECK_EQ(wpool_drain(b, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count_b), 1000);
    CHECK_EQ(wpool_destroy(b), WPOOL_OK);
}

static int end_own_pool(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    (void)arg;
    CHECK_EQ(wpool_destroy(pool), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, WPOOL_NOW), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_drain(pool, WPOOL_NOW), WPOOL_DEADLOCK);
    CHECK(!wpool_cancelled(job));
    return 0;
}

static void end_own_pool_when_done(void *arg, const wpool_result *result) {
    (void)result;
    CHECK_EQ(wpool_destroy((wpool *)arg), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_drain((wpool *)arg, WPOOL_FOREVER), WPOOL_DEADLOCK);
}

static int wait_for_nested_end(void *arg, wpool_job *job) {
    wpool_job inner;
    (void)arg;
    wpool_job_init(&inner, end_own_pool, NULL);
    CHECK_EQ(wpool_submit_job(wpool_job_pool(job), &inner, NULL), WPOOL_OK);
    return wpool_job_wait(&inner, WPOOL_FOREVER) == WPOOL_OK ? inner.error : 1;
}

TEST(a_pool_cannot_be_ended_from_within_and_nothing_happens) {
    const wpool_options options = {.on_done = end_own_pool_when_done};
    wpool *pool = pool_of(1);
    atomic_uint count = 0;
    CHECK_EQ(wpool_submit(pool, end_own_pool, NULL, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, wait_for_nested_end, NULL, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit_with(pool, end_own_pool, pool, &options, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(pool_stats(pool).succeeded, 5);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static int destroy_other_pool(void *arg, wpool_job *job) {
    (void)job;
    CHECK_EQ(wpool_drain((wpool *)arg, WPOOL_FOREVER), WPOOL_OK);
    return (int)wpool_destroy((wpool *)arg);
}

TEST(a_job_may_end_another_pool) {
    wpool *outer = pool_of(1), *other = pool_of(1);
    task queued[10] = {{0}};
    submit_all(other, queued, 10);
    CHECK_EQ(wpool_submit(outer, destroy_other_pool, other, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(outer, WPOOL_FOREVER), WPOOL_OK);
    check_all_ended(queued, 10, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(pool_stats(outer).succeeded, 1);
    CHECK_EQ(wpool_destroy(outer), WPOOL_OK);
}

static void *use_pools(void *arg) {
    (void)arg;
    for (int round = 0; round < 10; round++) {
        atomic_uint count = 0;
        wpool *pool = pool_of(2);
        count_submit(pool, &count, 20);
        if (round % 2) CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        CHECK_EQ(atomic_load(&count), 20);
    }
    return NULL;
}

TEST(sixty_four_threads_make_use_and_destroy_pools) {
    NEEDS_THREADS();
    const surroundings before = surroundings_now();
    pthread_t threads[64];
    for (int i = 0; i < 64; i++)
        threads[i] = thread_start(use_pools, NULL);
    for (int i = 0; i < 64; i++)
        pthread_join(threads[i], NULL);
    surroundings_check(before);
}

/* ---- D10: on_done, exactly once for each accepted job ---- */

/* The three ways to hand in a job with on_done. */
enum { WITHOUT_ID, WITH_ID, EMBEDDED, WAYS };

static wpool_status submit_way(wpool *pool, int way, task *t, wpool_job *mine) {
    wpool_id id;
    if (way == WITHOUT_ID) return wpool_submit_with(pool, task_job, t, task_options(), NULL);
    if (way == WITH_ID) return wpool_submit_with(pool, task_job, t, task_options(), &id);
    wpool_job_init(mine, task_job, t);
    return wpool_submit_job(pool, mine, task_options());
}

static void check_done_after_return(wpool_config config, int error, wpool_state expected) {
    for (int way = 0; way < WAYS; way++) {
        task t = {.error = error};
        wpool_job mine;
        wpool *pool = pool_from(config);
        CHECK_EQ(submit_way(pool, way, &t, &mine), WPOOL_OK);
        CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
        check_ended(&t, expected);
        CHECK_EQ(atomic_load(&t.seen_error), error);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        check_ended(&t, expected);
    }
}

TEST(on_done_comes_once_for_a_job_that_returns) {
    check_done_after_return((wpool_config){.workers = 1}, 0, WPOOL_STATE_SUCCEEDED);
    check_done_after_return((wpool_config){.workers = 1}, -3, WPOOL_STATE_FAILED);
    check_done_after_return((wpool_config){.workers = 1, .results = true}, 0,
                            WPOOL_STATE_SUCCEEDED);
    check_done_after_return((wpool_config){.workers = 1, .results = true}, 9, WPOOL_STATE_FAILED);
}

TEST(on_done_comes_once_for_a_job_that_stop_discards) {
    for (int way = 0; way < WAYS; way++) {
        task t = {0};
        wpool_job mine;
        wpool *pool = pool_from((wpool_config){.workers = 1, .start_paused = true});
        CHECK_EQ(submit_way(pool, way, &t, &mine), WPOOL_OK);
        CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
        check_ended(&t, WPOOL_STATE_DISCARDED);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        check_ended(&t, WPOOL_STATE_DISCARDED);
    }
}

TEST(on_done_comes_once_for_a_job_that_is_dropped) {
    for (int way = 0; way < WAYS; way++) {
        task old = {0}, young = {0};
        wpool_job mine[2];
        wpool *pool = pool_from((wpool_config){.workers = 1,
                                               .queue_capacity = 1,
                                               .when_full = WPOOL_DROP_OLDEST,
                                               .start_paused = true});
        CHECK_EQ(submit_way(pool, way, &old, &mine[0]), WPOOL_OK);
        CHECK_EQ(submit_way(pool, way, &young, &mine[1]), WPOOL_OK);
        check_ended(&old, WPOOL_STATE_DISCARDED);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        check_ended(&old, WPOOL_STATE_DISCARDED);
        check_ended(&young, WPOOL_STATE_SUCCEEDED);
    }
}

TEST(on_done_comes_once_for_a_job_that_the_caller_runs) {
    for (int way = 0; way < WAYS; way++) {
        task queued = {0}, here = {.error = 4};
        wpool_job mine[2];
        wpool *pool = pool_from((wpool_config){
            .workers = 1, .queue_capacity = 1, .when_full = WPOOL_RUN, .start_paused = true});
        CHECK_EQ(submit_way(pool, way, &queued, &mine[0]), WPOOL_OK);
        CHECK_EQ(submit_way(pool, way, &here, &mine[1]), WPOOL_OK);
        check_ended(&here, WPOOL_STATE_FAILED);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        check_ended(&here, WPOOL_STATE_FAILED);
        check_ended(&queued, WPOOL_STATE_SUCCEEDED);
    }
}

static void check_refused(wpool *pool, wpool_status expected) {
    for (int way = 0; way < WAYS; way++) {
        task t = {0};
        wpool_job mine;
        CHECK_EQ(submit_way(pool, way, &t, &mine), expected);
        CHECK_EQ(atomic_load(&t.done_count) + atomic_load(&t.run_count), 0);
    }
}

TEST(on_done_never_comes_for_a_refused_job) {
    const wpool_options timed = {.timeout = 1, .on_done = task_done};
    task queued = {0}, late = {0};
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 1, .when_full = WPOOL_REFUSE, .start_paused = true});
    task_submit(pool, &queued, NULL);
    check_refused(pool, WPOOL_FULL);
    if (!POOL_IS_INLINE)
        CHECK_EQ(wpool_submit_with(pool, task_job, &late, &timed, NULL), WPOOL_TIMEOUT);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    check_refused(pool, WPOOL_CLOSED);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_ended(&queued, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(atomic_load(&late.done_count), 0);
}

/* ---- A12: a job calls pthread_exit ---- */

static void await_finished(wpool *pool, uint64_t failed) {
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(pool_stats(pool).failed, failed);
}

/* Are as many workers left? Each of so many jobs waits until all of them run. */
static void check_workers(wpool *pool, unsigned count) {
    gate door = GATE_CLOSED;
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, &door, NULL), WPOOL_OK);
    gate_await_count(&door, count);
    gate_open(&door);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
}

TEST(a_plain_job_that_leaves_its_thread_has_failed) {
    NEEDS_WORKERS();
    task t = {.leaves = true};
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_submit(pool, task_job, &t, NULL), WPOOL_OK);
    await_finished(pool, 1);
    check_workers(pool, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(a_job_with_an_id_that_leaves_its_thread_has_failed) {
    NEEDS_WORKERS();
    task t = {.leaves = true};
    wpool_id id;
    wpool_result result;
    wpool *pool = pool_of(1);
    task_submit(pool, &t, &id);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_FAILED);
    CHECK_EQ(result.error, WPOOL_FAILED);
    check_ended(&t, WPOOL_STATE_FAILED);
    check_workers(pool, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_ended(&t, WPOOL_STATE_FAILED);
}

TEST(an_embedded_job_that_leaves_its_thread_has_failed) {
    NEEDS_WORKERS();
    task t = {.leaves = true};
    wpool_job mine;
    wpool_result result;
    wpool *pool = pool_of(1);
    wpool_job_init(&mine, task_job, &t);
    CHECK_EQ(wpool_submit_job(pool, &mine, task_options()), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&mine, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_job_result(&mine, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_FAILED);
    CHECK_EQ(mine.error, WPOOL_FAILED);
    check_workers(pool, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_ended(&t, WPOOL_STATE_FAILED);
}

/* Waits for a job that leaves, which it has to run itself: both are gone then. */
static int wait_for_leaver(void *arg, wpool_job *job) {
    wpool_id id;
    task_submit(wpool_job_pool(job), (task *)arg, &id);
    wpool_wait(wpool_job_pool(job), id, WPOOL_FOREVER, NULL);
    CHECK(false); /* it has left the thread */
    return 0;
}

static int wait_for_leaver_embedded(void *arg, wpool_job *job) {
    task *outer = (task *)arg;
    wpool_job *inner = (wpool_job *)(void *)outer->door;
    atomic_fetch_add(&outer->run_count, 1);
    CHECK_EQ(wpool_submit_job(wpool_job_pool(job), inner, task_options()), WPOOL_OK);
    wpool_job_wait(inner, WPOOL_FOREVER);
    CHECK(false); /* it has left the thread */
    return 0;
}

TEST(a_nested_job_that_leaves_the_thread_takes_the_waiting_one_along) {
    NEEDS_WORKERS();
    task inner = {.leaves = true}, embedded = {.leaves = true};
    wpool_job job;
    task outer = {.door = (gate *)(void *)&job}; /* not a door here: the job to wait for */
    wpool_id id;
    wpool_result result;
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_submit(pool, wait_for_leaver, &inner, NULL), WPOOL_OK);
    await_finished(pool, 2);
    check_ended(&inner, WPOOL_STATE_FAILED);
    wpool_job_init(&job, task_job, &embedded);
    CHECK_EQ(wpool_submit_with(pool, wait_for_leaver_embedded, &outer, task_options(), &id),
             WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_FAILED);
    await_finished(pool, 4);
    check_ended(&embedded, WPOOL_STATE_FAILED);
    check_ended(&outer, WPOOL_STATE_FAILED);
    check_workers(pool, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* Counts threads as they come and go, each with a state of its own. */
typedef struct attendance {
    atomic_uint come, gone;
    atomic_uint states[2000];
} attendance;

static void *come(void *user, unsigned worker) {
    attendance *a = (attendance *)user;
    atomic_uint *state = &a->states[atomic_fetch_add(&a->come, 1)];
    atomic_store(state, worker + 1);
    return state;
}

static void go(void *user, unsigned worker, void *state) {
    CHECK_EQ(atomic_exchange((atomic_uint *)state, 0), worker + 1);
    atomic_fetch_add(&((attendance *)user)->gone, 1);
}

static int check_state_job(void *arg, wpool_job *job) {
    CHECK(atomic_load((atomic_uint *)wpool_worker_state(job)) != 0);
    return count_job(arg, job);
}

TEST(a_thousand_jobs_in_a_row_leave_their_threads_and_all_others_run) {
    NEEDS_WORKERS();
    static attendance a;
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    const surroundings before = surroundings_now();
    task leaver = {.leaves = true};
    atomic_uint count = 0;
    wpool *pool =
        pool_from((wpool_config){.workers = 2,
                                 .hooks = {.worker_start = come, .worker_exit = go, .user = &a},
                                 .allocator = &allocator});
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(wpool_submit(pool, task_job, &leaver, NULL), WPOOL_OK);
        if (i % 4 == 0) CHECK_EQ(wpool_submit(pool, check_state_job, &count, NULL), WPOOL_OK);
    }
    await_finished(pool, 1000);
    CHECK_EQ(atomic_load(&count), 250);
    check_workers(pool, 2);
    CHECK_EQ(atomic_load(&a.come), 1002);
    CHECK_EQ(atomic_load(&a.gone), 1000);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&a.gone), 1002);
    memory_check_empty(&used);
    surroundings_check(before);
}

TEST(destroy_runs_queued_jobs_that_leave_their_threads) {
    NEEDS_WORKERS();
    const surroundings before = surroundings_now();
    for (int round = 0; round < 50; round++) {
        task leavers[8] = {{0}};
        wpool *pool = pool_of(2);
        for (int i = 0; i < 8; i++) {
            leavers[i].leaves = true;
            task_submit(pool, &leavers[i], NULL);
        }
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        check_all_ended(leavers, 8, WPOOL_STATE_FAILED);
    }
    surroundings_check(before);
}

static void *run_leaver_in_caller(void *arg) {
    wpool *pool = (wpool *)arg;
    static task leaver = {.leaves = true};
    task_submit(pool, &leaver, NULL);
    if (POOL_IS_INLINE) wpool_drain(pool, WPOOL_FOREVER);
    CHECK(false); /* it has left the thread */
    return NULL;
}

TEST(a_job_that_leaves_the_callers_thread_has_failed_and_the_pool_goes_on) {
    NEEDS_THREADS();
    task first = {0};
    wpool *pool = pool_from((wpool_config){.workers = 1,
                                           .queue_capacity = POOL_IS_INLINE ? 10 : 1,
                                           .when_full = WPOOL_RUN,
                                           .start_paused = !POOL_IS_INLINE});
    task_submit(pool, &first, NULL);
    pthread_join(thread_start(run_leaver_in_caller, pool), NULL);
    CHECK_EQ(pool_stats(pool).failed, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_ended(&first, WPOOL_STATE_SUCCEEDED);
}

/* ---- a thread that waits learns at once what happens inside of another one's job ---- */

typedef struct handover {
    gate inner_submitted, go, seen;
    wpool_job inner;
} handover;

static int outer_job(void *arg, wpool_job *job) {
    handover *h = (handover *)arg;
    CHECK_EQ(wpool_submit_job(wpool_job_pool(job), &h->inner, NULL), WPOOL_OK);
    gate_open(&h->inner_submitted);
    gate_wait(&h->go);
    CHECK_EQ(wpool_job_wait(&h->inner, WPOOL_FOREVER), WPOOL_OK);
    gate_wait(&h->seen); /* the waiting thread has the inner job's end before this one ends */
    return 0;
}

static void wait_for_inner(void *arg) {
    handover *h = (handover *)arg;
    CHECK_EQ(wpool_job_wait(&h->inner, WPOOL_FOREVER), WPOOL_OK);
    gate_open(&h->seen);
}

static void drive(void *pool) { CHECK_EQ(wpool_drain((wpool *)pool, WPOOL_FOREVER), WPOOL_OK); }

TEST(a_nested_job_that_has_finished_is_seen_by_other_threads_at_once) {
    NEEDS_THREADS();
    atomic_uint count = 0;
    handover h = {.inner_submitted = GATE_CLOSED, .go = GATE_CLOSED, .seen = GATE_CLOSED};
    helper driver, waiter;
    wpool *pool = pool_of(1);
    wpool_job_init(&h.inner, count_job, &count);
    CHECK_EQ(wpool_submit(pool, outer_job, &h, NULL), WPOOL_OK);
    helper_start(&driver, drive, pool);
    gate_wait(&h.inner_submitted);
    helper_start(&waiter, wait_for_inner, &h);
    helper_await_sleep(&waiter);
    gate_open(&h.go);
    helper_join(&waiter);
    helper_join(&driver);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}
