/* Finished jobs waiting for a reader: rows C2 to C5 (with a time: clock_test.c), and wpool_forget.
   Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

static wpool *results_pool(unsigned workers, size_t capacity, wpool_when_full when_full,
                           bool paused) {
    return pool_from((wpool_config){.workers = workers,
                                    .queue_capacity = capacity,
                                    .when_full = when_full,
                                    .start_paused = paused,
                                    .results = true});
}

static void check_take(wpool *pool, int64_t timeout, wpool_status expected) {
    CHECK_EQ(wpool_take(pool, timeout, NULL), expected);
}

/* ---- C2: order, and each result to one reader ---- */

TEST(results_of_one_worker_come_in_the_order_of_submission) {
    static order o;
    static step steps[50];
    wpool *pool = results_pool(1, 0, WPOOL_BLOCK, false);
    steps_submit(pool, steps, &o, 0, COUNT_OF(steps), NULL);
    for (unsigned i = 0; i < COUNT_OF(steps); i++) {
        wpool_result result;
        CHECK_EQ(wpool_take(pool, i % 2 ? WPOOL_FOREVER : WPOOL_SECONDS(1000), &result), WPOOL_OK);
        CHECK(result.arg == &steps[i]);
        CHECK(result.id != 0);
        CHECK_EQ(result.state, WPOOL_STATE_SUCCEEDED);
        CHECK_EQ(wpool_job_state(pool, result.id), WPOOL_STATE_UNKNOWN);
        CHECK_EQ(wpool_wait(pool, result.id, WPOOL_FOREVER, NULL), WPOOL_UNKNOWN);
    }
    check_take(pool, WPOOL_NOW, WPOOL_EMPTY);
    test_destroy(pool);
}

TEST(results_come_in_the_order_of_completion) {
    NEEDS_WORKERS();
    hold holds[3] = {HOLD_EMPTY, HOLD_EMPTY, HOLD_EMPTY};
    static const int ends[] = {1, 2, 0};
    wpool *pool = results_pool(3, 0, WPOOL_BLOCK, false);
    for (int i = 0; i < 3; i++) {
        hold_init(&holds[i]);
        CHECK_EQ(wpool_submit(pool, hold_job, &holds[i], NULL), WPOOL_OK);
    }
    for (int i = 0; i < 3; i++)
        gate_await_count(&holds[i].running, 1);
    for (int i = 0; i < 3; i++) {
        hold_release(&holds[ends[i]], 1);
        while (test_stats(pool).workers_idle != (unsigned)i + 1)
            sched_yield(); /* its worker has delivered it */
    }
    for (int i = 0; i < 3; i++) {
        wpool_result result;
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK(result.arg == &holds[ends[i]]);
    }
    test_destroy(pool);
}

/* Readers of one pool. */
typedef struct readers {
    wpool *pool;
    atomic_uint taken, done, closed, seen[10000]; /* how often the i-th argument was delivered */
    int64_t timeout;
    gate *start; /* to begin at the same time as others, or NULL */
} readers;

static void read_to_the_end(void *arg) {
    readers *r = (readers *)arg;
    if (r->start) gate_wait(r->start);
    for (;;) {
        wpool_result result;
        wpool_status status = wpool_take(r->pool, r->timeout, &result);
        if (status == WPOOL_EMPTY && r->timeout == WPOOL_NOW) {
            sched_yield();
        } else if (status == WPOOL_OK) {
            atomic_fetch_add(&r->taken, 1);
            atomic_uint *seen = (atomic_uint *)result.arg;
            if (seen >= r->seen && seen < r->seen + COUNT_OF(r->seen)) atomic_fetch_add(seen, 1);
        } else {
            CHECK(status == WPOOL_DONE || status == WPOOL_CLOSED);
            atomic_fetch_add(status == WPOOL_DONE ? &r->done : &r->closed, 1);
            return;
        }
    }
}

static int nothing_job(void *arg, wpool_job *job) {
    (void)arg;
    (void)job;
    return 0;
}

static void check_each_once(int64_t timeout, size_t capacity) {
    static readers r;
    helper threads[3];
    memset(&r, 0, sizeof r);
    r.pool = results_pool(2, capacity, WPOOL_BLOCK, false);
    r.timeout = timeout;
    for (int i = 0; i < 3; i++)
        helper_start(&threads[i], read_to_the_end, &r);
    for (unsigned i = 0; i < COUNT_OF(r.seen); i++)
        CHECK_EQ(wpool_submit(r.pool, nothing_job, &r.seen[i], NULL), WPOOL_OK);
    CHECK_EQ(wpool_close(r.pool), WPOOL_OK);
    for (int i = 0; i < 3; i++)
        helper_join(&threads[i]);
    test_destroy(r.pool);
    CHECK_EQ(r.taken, COUNT_OF(r.seen));
    CHECK_EQ(r.done, 3);
    for (unsigned i = 0; i < COUNT_OF(r.seen); i++)
        CHECK_EQ(r.seen[i], 1);
}

TEST(each_result_goes_to_exactly_one_of_the_blocking_readers) {
    NEEDS_THREADS();
    check_each_once(WPOOL_FOREVER, 1024);
    check_each_once(WPOOL_FOREVER, 1);
}

TEST(each_result_goes_to_exactly_one_of_the_timed_readers) {
    NEEDS_THREADS();
    check_each_once(WPOOL_SECONDS(1000), 10);
}

TEST(each_result_goes_to_exactly_one_of_the_polling_readers) {
    NEEDS_THREADS();
    check_each_once(WPOOL_NOW, 10);
}

typedef struct rivals {
    wpool *pool;
    wpool_id ids[5000];
    atomic_uint waited;
    gate *start;
} rivals;

static void wait_for_each(void *arg) {
    rivals *r = (rivals *)arg;
    gate_count_up(r->start);
    gate_wait(r->start);
    for (size_t i = 0; i < COUNT_OF(r->ids); i++) {
        wpool_status status = wpool_wait(r->pool, r->ids[i], WPOOL_FOREVER, NULL);
        CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN);
        if (status == WPOOL_OK) atomic_fetch_add(&r->waited, 1);
    }
}

/* Two that wait for each id and one that reads, while the jobs run or when all have finished. */
static void compete_for_results(bool have_finished) {
    static rivals r;
    static readers others;
    helper waiters[2], reader;
    gate start = GATE_CLOSED;
    memset(&r, 0, sizeof r);
    memset(&others, 0, sizeof others);
    others.pool = r.pool = results_pool(have_finished ? 1 : 2, COUNT_OF(r.ids), WPOOL_BLOCK, true);
    others.timeout = WPOOL_FOREVER;
    others.start = r.start = &start;
    for (size_t i = 0; i < COUNT_OF(r.ids); i++)
        CHECK_EQ(wpool_submit(r.pool, nothing_job, &others.seen[i], &r.ids[i]), WPOOL_OK);
    if (have_finished) CHECK_EQ(wpool_start(r.pool), WPOOL_OK);
    if (have_finished) test_drain(r.pool);
    for (int i = 0; i < 2; i++)
        helper_start(&waiters[i], wait_for_each, &r);
    helper_start(&reader, read_to_the_end, &others);
    gate_await_count(&start, 2);
    gate_open(&start);
    if (!have_finished) CHECK_EQ(wpool_start(r.pool), WPOOL_OK);
    CHECK_EQ(wpool_close(r.pool), WPOOL_OK);
    for (int i = 0; i < 2; i++)
        helper_join(&waiters[i]);
    helper_join(&reader);
    CHECK_EQ(r.waited + others.taken, COUNT_OF(r.ids));
    for (size_t i = 0; i < COUNT_OF(r.ids); i++) {
        CHECK(others.seen[i] <= 1);
        CHECK_EQ(wpool_job_state(r.pool, r.ids[i]), WPOOL_STATE_UNKNOWN);
    }
    test_destroy(r.pool);
}

TEST(a_result_is_delivered_once_to_a_reader_or_a_waiter) {
    NEEDS_THREADS();
    for (int round = 0; round < 5; round++) {
        compete_for_results(false);
        compete_for_results(true);
    }
}

TEST(what_was_waited_for_is_not_taken_as_well) {
    wpool *pool = results_pool(1, 0, WPOOL_BLOCK, true);
    wpool_id ids[10];
    for (int i = 0; i < 10; i++)
        CHECK_EQ(wpool_submit(pool, nothing_job, &ids[i], &ids[i]), WPOOL_OK);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    for (int i = 0; i < 10; i += 3)
        CHECK_EQ(wpool_wait(pool, ids[i], WPOOL_NOW, NULL), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    for (int i = 0; i < 10; i++) {
        wpool_result result;
        if (i % 3 == 0) continue;
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK(result.arg == &ids[i]);
    }
    check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
    test_destroy(pool);
}

TEST(an_embedded_job_is_not_taken) {
    wpool_job job;
    wpool *pool = results_pool(2, 0, WPOOL_BLOCK, false);
    wpool_job_init(&job, nothing_job, NULL);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, nothing_job, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    wpool_result result;
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK(result.arg == &job);
    check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_NOW), WPOOL_OK);
    test_destroy(pool);
}

TEST(without_results_there_is_nothing_to_take) {
    wpool *pool = test_pool_of(1, 0);
    check_take(pool, WPOOL_FOREVER, WPOOL_INVALID);
    CHECK_EQ(wpool_close_results(pool), WPOOL_INVALID);
    test_destroy(pool);
}

/* ---- C3: a result, nothing yet, or done ---- */

TEST(a_poll_answers_empty_then_a_result_then_done) {
    wpool *pool = results_pool(2, 0, WPOOL_BLOCK, true);
    check_take(pool, WPOOL_NOW, WPOOL_EMPTY);
    CHECK_EQ(wpool_submit(pool, nothing_job, NULL, NULL), WPOOL_OK);
    check_take(pool, WPOOL_NOW, WPOOL_EMPTY);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    check_take(pool, WPOOL_NOW, WPOOL_EMPTY);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    check_take(pool, WPOOL_NOW, WPOOL_OK);
    for (int i = 0; i < 3; i++) {
        check_take(pool, WPOOL_NOW, WPOOL_DONE);
        check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
    }
    test_destroy(pool);
}

TEST(a_pool_closed_with_nothing_pending_is_done_at_once) {
    wpool *pool = results_pool(2, 0, WPOOL_BLOCK, false);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
    test_destroy(pool);
}

TEST(what_is_discarded_is_delivered_before_done) {
    wpool *pool = results_pool(2, 0, WPOOL_BLOCK, true);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(wpool_submit(pool, nothing_job, NULL, NULL), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    for (int i = 0; i < 5; i++) {
        wpool_result result;
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
        CHECK_EQ(result.error, WPOOL_CANCELLED);
    }
    check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
    test_destroy(pool);
}

static void start_readers(helper *threads, unsigned n, readers *r) {
    r->timeout = WPOOL_FOREVER;
    for (unsigned i = 0; i < n; i++)
        helper_start(&threads[i], read_to_the_end, r);
    for (unsigned i = 0; i < n; i++)
        helper_await_sleep(&threads[i]);
    CHECK_EQ(r->done + r->closed, 0);
}

static void join_readers(helper *threads, unsigned n, readers *r, unsigned taken, unsigned done) {
    for (unsigned i = 0; i < n; i++)
        helper_join(&threads[i]);
    CHECK_EQ(r->taken, taken);
    CHECK_EQ(r->done, done);
    CHECK_EQ(r->closed, n - done);
}

/* Three readers are blocked, and nothing is pending, when end is called: so many are done then, the
   others are told that it is closed. */
static void check_readers_wake(wpool_status (*end)(wpool *), unsigned done) {
    for (int round = 0; round < 20; round++) {
        helper threads[3];
        readers r = {.pool = results_pool(2, 0, WPOOL_BLOCK, false)};
        start_readers(threads, 3, &r);
        CHECK_EQ(end(r.pool), WPOOL_OK);
        join_readers(threads, 3, &r, 0, done);
        test_destroy(r.pool);
    }
}

TEST(closing_wakes_blocked_readers_if_nothing_is_pending) {
    NEEDS_THREADS();
    check_readers_wake(wpool_close, 3);
}

TEST(blocked_readers_are_done_when_the_last_job_has_finished) {
    NEEDS_WORKERS();
    for (unsigned jobs = 1; jobs <= 4; jobs++) {
        hold h = HOLD_EMPTY;
        helper threads[3];
        readers r = {.pool = results_pool(2, 0, WPOOL_BLOCK, false)};
        hold_init(&h);
        for (unsigned i = 0; i < jobs; i++)
            CHECK_EQ(wpool_submit(r.pool, hold_job, &h, NULL), WPOOL_OK);
        start_readers(threads, 3, &r);
        CHECK_EQ(wpool_close(r.pool), WPOOL_OK);
        test_let_others_run();
        CHECK_EQ(r.done, 0);
        hold_release(&h, jobs);
        join_readers(threads, 3, &r, jobs, 3);
        test_destroy(r.pool);
    }
}

TEST(blocked_readers_are_done_when_the_last_job_is_an_embedded_one) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    helper threads[3];
    wpool_job job;
    readers r = {.pool = results_pool(2, 0, WPOOL_BLOCK, false)};
    hold_init(&h);
    wpool_job_init(&job, hold_job, &h);
    CHECK_EQ(wpool_submit_job(r.pool, &job, NULL), WPOOL_OK);
    start_readers(threads, 3, &r);
    CHECK_EQ(wpool_close(r.pool), WPOOL_OK);
    hold_release(&h, 1);
    join_readers(threads, 3, &r, 0, 3);
    test_destroy(r.pool);
}

TEST(stopping_a_paused_pool_ends_blocked_readers) {
    NEEDS_THREADS();
    helper threads[3];
    readers r = {.pool = results_pool(2, 0, WPOOL_BLOCK, true)};
    start_readers(threads, 3, &r);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(wpool_submit(r.pool, nothing_job, NULL, NULL), WPOOL_OK);
    CHECK_EQ(wpool_stop(r.pool, WPOOL_GRACEFUL), WPOOL_OK);
    join_readers(threads, 3, &r, 10, 3);
    test_destroy(r.pool);
}

/* -- a job takes results of its own pool -- */

typedef struct inner {
    unsigned jobs; /* to submit before it takes */
    bool closes;   /* its pool, before it takes */
    atomic_uint taken, done, deadlocks;
    gate *meeting;          /* where it says that it is about to take, may be NULL */
    unsigned meeting_count; /* and waits until so many are */
} inner;

/* Takes to the end: until done, or a deadlock. */
static int take_job(void *arg, wpool_job *job) {
    inner *in = (inner *)arg;
    wpool *pool = wpool_job_pool(job);
    for (unsigned i = 0; i < in->jobs; i++)
        CHECK_EQ(wpool_submit(pool, nothing_job, NULL, NULL), WPOOL_OK);
    if (in->closes) CHECK_EQ(wpool_close(pool), WPOOL_OK);
    if (in->meeting) gate_count_up(in->meeting);
    if (in->meeting) gate_await_count(in->meeting, in->meeting_count);
    for (;;) {
        wpool_status status = wpool_take(pool, WPOOL_FOREVER, NULL);
        if (status == WPOOL_OK) {
            atomic_fetch_add(&in->taken, 1);
            continue;
        }
        CHECK(status == WPOOL_DONE || status == WPOOL_DEADLOCK);
        atomic_fetch_add(status == WPOOL_DONE ? &in->done : &in->deadlocks, 1);
        return 0;
    }
}

TEST(a_job_that_takes_runs_what_is_queued) {
    static const size_t capacities[] = {1, 10, 1024};
    for (size_t n = 0; n < COUNT_OF(capacities); n++) {
        inner in = {.jobs = 100};
        wpool *pool = results_pool(1, capacities[n], WPOOL_BLOCK, false);
        CHECK_EQ(wpool_submit(pool, take_job, &in, NULL), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(in.taken, 100);
        CHECK_EQ(in.deadlocks, 1); /* it would have waited for itself */
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        check_take(pool, WPOOL_FOREVER, WPOOL_OK);
        check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
        test_destroy(pool);
    }
}

static int poll_job(void *arg, wpool_job *job) {
    (void)arg;
    check_take(wpool_job_pool(job), WPOOL_NOW, WPOOL_EMPTY);
    return 0;
}

TEST(a_job_that_polls_is_told_that_there_is_nothing_yet) {
    wpool *pool = results_pool(1, 0, WPOOL_BLOCK, false);
    CHECK_EQ(wpool_submit(pool, poll_job, NULL, NULL), WPOOL_OK);
    test_drain(pool);
    test_destroy(pool);
}

static int poll_closed_job(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    check_take(pool, WPOOL_NOW, WPOOL_DONE);
    check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
    check_take(pool, WPOOL_NOW, WPOOL_DONE);
    return count_job(arg, job);
}

TEST(a_job_that_polls_its_closed_pool_is_done) {
    for (unsigned workers = 1; workers <= 2; workers++) {
        atomic_uint count = 0;
        wpool *pool = results_pool(workers, 0, WPOOL_BLOCK, false);
        CHECK_EQ(wpool_submit(pool, poll_closed_job, &count, NULL), WPOOL_OK);
        test_drain(pool);
        check_take(pool, WPOOL_NOW, WPOOL_OK);
        check_take(pool, WPOOL_NOW, WPOOL_DONE);
        test_destroy(pool);
        CHECK_EQ(count, 1);
    }
}

TEST(a_job_that_takes_from_its_closed_pool_is_done) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        inner in = {.jobs = 10, .closes = true};
        wpool *pool = results_pool(workers, 0, WPOOL_BLOCK, false);
        CHECK_EQ(wpool_submit(pool, take_job, &in, NULL), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(in.taken, 10);
        CHECK_EQ(in.done, 1);
        test_destroy(pool);
    }
}

/* So many jobs that all take, once they have met. */
static wpool *takers_begin(inner *in, gate *meeting, unsigned takers, unsigned workers) {
    wpool *pool = results_pool(workers, 0, WPOOL_BLOCK, false);
    *in = (inner){.meeting = meeting, .meeting_count = takers};
    for (unsigned i = 0; i < takers; i++)
        CHECK_EQ(wpool_submit(pool, take_job, in, NULL), WPOOL_OK);
    return pool;
}

TEST(the_last_of_the_workers_that_take_is_told_of_the_deadlock) {
    NEEDS_WORKERS();
    for (unsigned workers = 1; workers <= 4; workers++) {
        gate meeting = GATE_CLOSED;
        inner in;
        wpool *pool = takers_begin(&in, &meeting, workers, workers);
        /* one is told and ends; its result wakes another, which then waits on */
        while (atomic_load(&in.deadlocks) == 0)
            sched_yield();
        test_await_running(pool, workers - 1);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(in.deadlocks, 1);
        CHECK_EQ(in.done, workers - 1);
        test_destroy(pool);
    }
}

TEST(workers_that_all_take_are_done_when_the_pool_is_closed) {
    NEEDS_WORKERS();
    for (unsigned workers = 2; workers <= 4; workers++) {
        gate meeting = GATE_CLOSED;
        inner in;
        wpool *pool = takers_begin(&in, &meeting, workers, workers + 1);
        gate_await_count(&meeting, workers);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(in.done, workers);
        CHECK_EQ(in.deadlocks, 0);
        test_destroy(pool);
    }
}

/* A job that takes, and while it waits there runs another one that does so too, inside of it. */
static void check_nested_take(unsigned workers) {
    hold h = HOLD_EMPTY;
    gate meeting = GATE_CLOSED;
    inner outer = {.meeting = &meeting}, in = {.meeting = &meeting};
    hold_init(&h);
    wpool *pool = results_pool(workers, 0, WPOOL_BLOCK, false);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    for (unsigned i = 1; i < workers; i++) /* all other workers are busy until both take */
        CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, take_job, &outer, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, take_job, &in, NULL), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    if (!POOL_IS_INLINE) gate_await_count(&meeting, 2);
    hold_release(&h, workers - 1);
    test_drain(pool);
    CHECK_EQ(outer.done + in.done, 2);
    test_destroy(pool);
}

TEST(a_job_that_takes_inside_of_one_that_takes_is_done_too) { check_nested_take(1); }

TEST(a_job_that_takes_inside_of_one_that_takes_is_done_with_idle_workers) {
    NEEDS_WORKERS();
    check_nested_take(2);
    check_nested_take(4);
}

static void release_when_asleep(void *arg) {
    hold *h = (hold *)arg;
    test_let_others_run();
    hold_release(h, 2);
}

static int take_one_job(void *arg, wpool_job *job) {
    (void)arg;
    check_take(wpool_job_pool(job), WPOOL_FOREVER, WPOOL_OK);
    return 0;
}

TEST(a_job_that_takes_in_its_submitters_thread_leaves_the_worker_free) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    helper thread;
    wpool *pool = results_pool(1, 1, WPOOL_RUN, false);
    hold_workers(&h, pool, 1);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    helper_start(&thread, release_when_asleep, &h);
    CHECK_EQ(wpool_submit(pool, take_one_job, NULL, NULL), WPOOL_OK); /* full: runs here */
    helper_join(&thread);
    test_destroy(pool);
}

/* ---- C4: nobody reads ---- */

TEST(results_that_nobody_takes_block_neither_jobs_nor_the_end) {
    static const size_t capacities[] = {1, 1024};
    for (size_t n = 0; n < COUNT_OF(capacities); n++) {
        memory counts = {0};
        wpool_allocator allocator = memory_allocator(&counts);
        atomic_uint count = 0;
        wpool *pool = pool_from((wpool_config){.workers = 2,
                                               .queue_capacity = capacities[n],
                                               .results = true,
                                               .allocator = &allocator});
        count_submit(pool, &count, 20000);
        if (n == 0) CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
        test_destroy(pool);
        CHECK_EQ(count, 20000);
        memory_check_empty(&counts);
    }
}

TEST(results_can_be_taken_after_the_shutdown) {
    atomic_uint count = 0;
    wpool *pool = results_pool(2, 0, WPOOL_BLOCK, false);
    count_submit(pool, &count, 100);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    for (int i = 0; i < 100; i++)
        check_take(pool, WPOOL_NOW, WPOOL_OK);
    check_take(pool, WPOOL_NOW, WPOOL_DONE);
    test_destroy(pool);
}

/* ---- C5: no more reading ---- */

TEST(closing_the_results_wakes_blocked_readers) {
    NEEDS_THREADS();
    check_readers_wake(wpool_close_results, 0);
}

TEST(after_closing_the_results_nothing_is_taken_but_ids_can_be_waited_for) {
    memory counts = {0};
    wpool_allocator allocator = memory_allocator(&counts);
    atomic_uint count = 0;
    wpool_id before, after;
    wpool_result result;
    wpool *pool = pool_from((wpool_config){.workers = 2, .results = true, .allocator = &allocator});
    CHECK_EQ(wpool_submit(pool, count_job, &count, &before), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(wpool_close_results(pool), WPOOL_OK);
    CHECK_EQ(wpool_close_results(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &after), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    test_drain(pool);
    check_take(pool, WPOOL_NOW, WPOOL_CLOSED);
    check_take(pool, WPOOL_FOREVER, WPOOL_CLOSED);
    CHECK_EQ(wpool_wait(pool, before, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.id, before);
    CHECK_EQ(wpool_wait(pool, after, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.id, after);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    check_take(pool, WPOOL_FOREVER, WPOOL_CLOSED);
    test_destroy(pool);
    CHECK_EQ(count, 4);
    memory_check_empty(&counts);
}

TEST(with_closed_results_jobs_without_an_id_leave_no_record) {
    memory counts = {0};
    wpool_allocator allocator = memory_allocator(&counts);
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){
        .workers = 2, .queue_capacity = 16, .results = true, .allocator = &allocator});
    CHECK_EQ(wpool_close_results(pool), WPOOL_OK);
    unsigned before = counts.asked;
    count_submit(pool, &count, 20000);
    test_drain(pool);
    CHECK(counts.asked <= before + 1);
    test_destroy(pool);
    memory_check_empty(&counts);
}

/* ---- wpool_forget ---- */

static void check_forgotten(wpool *pool, wpool_id id) {
    CHECK_EQ(wpool_forget(pool, id), WPOOL_OK);
    CHECK_EQ(wpool_forget(pool, id), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_UNKNOWN);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_UNKNOWN);
}

TEST(a_job_forgotten_before_it_starts_still_runs) {
    for (int results = 0; results < 2; results++) {
        atomic_uint count = 0;
        wpool_id id;
        wpool *pool =
            pool_from((wpool_config){.workers = 2, .results = results, .start_paused = true});
        CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
        check_forgotten(pool, id);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        if (results) check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
        test_destroy(pool);
        CHECK_EQ(count, 1);
    }
}

TEST(a_job_forgotten_while_it_runs_finishes) {
    NEEDS_WORKERS();
    for (int results = 0; results < 2; results++) {
        hold h = HOLD_EMPTY;
        wpool_id id;
        wpool *pool = test_pool(&(wpool_config){.workers = 1, .results = results});
        hold_init(&h);
        CHECK_EQ(wpool_submit(pool, hold_job, &h, &id), WPOOL_OK);
        gate_await_count(&h.running, 1);
        check_forgotten(pool, id);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        hold_release(&h, 1);
        if (results) check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
        test_drain(pool);
        CHECK_EQ(test_stats(pool).succeeded, 1);
        test_destroy(pool);
    }
}

/* Forgets its own id, given as argument. */
static int forget_self_job(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_forget(wpool_job_pool(job), *(wpool_id *)arg), WPOOL_OK);
    CHECK_EQ(wpool_job_id(job), *(wpool_id *)arg);
    return 0;
}

TEST(a_job_may_forget_itself) {
    wpool_id id;
    wpool *pool = results_pool(1, 0, WPOOL_BLOCK, false);
    CHECK_EQ(wpool_submit(pool, forget_self_job, &id, &id), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
    test_destroy(pool);
}

TEST(a_job_forgotten_after_it_has_finished_is_not_taken) {
    for (int results = 0; results < 2; results++) {
        atomic_uint count = 0;
        wpool_id ids[3];
        wpool *pool = pool_from((wpool_config){.workers = 1, .results = results});
        for (int i = 0; i < 3; i++)
            CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[i]), WPOOL_OK);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        test_drain(pool);
        check_forgotten(pool, ids[1]);
        for (int i = 0; i < 3 && results; i += 2) {
            wpool_result result;
            CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
            CHECK_EQ(result.id, ids[i]);
        }
        if (results) check_take(pool, WPOOL_FOREVER, WPOOL_DONE);
        test_destroy(pool);
        CHECK_EQ(count, 3);
    }
}

typedef struct waiter {
    wpool *pool;
    wpool_id id;
    helper helper;
} waiter;

static void wait_in_vain(void *arg) {
    waiter *w = (waiter *)arg;
    CHECK_EQ(wpool_wait(w->pool, w->id, WPOOL_FOREVER, NULL), WPOOL_UNKNOWN);
}

TEST(who_waits_for_a_job_that_is_forgotten_gets_nothing) {
    NEEDS_WORKERS();
    for (int results = 0; results < 2; results++) {
        hold h = HOLD_EMPTY;
        waiter w = {.pool = test_pool(&(wpool_config){.workers = 1, .results = results})};
        hold_init(&h);
        CHECK_EQ(wpool_submit(w.pool, hold_job, &h, &w.id), WPOOL_OK);
        helper_start(&w.helper, wait_in_vain, &w);
        helper_await_sleep(&w.helper);
        CHECK_EQ(wpool_forget(w.pool, w.id), WPOOL_OK);
        hold_release(&h, 1);
        helper_join(&w.helper);
        test_destroy(w.pool);
    }
}

TEST(a_reader_is_done_when_what_is_left_was_forgotten) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    helper threads[2];
    wpool_id id;
    readers r = {.pool = results_pool(1, 0, WPOOL_BLOCK, false)};
    hold_init(&h);
    CHECK_EQ(wpool_submit(r.pool, hold_job, &h, &id), WPOOL_OK);
    start_readers(threads, 2, &r);
    CHECK_EQ(wpool_close(r.pool), WPOOL_OK);
    CHECK_EQ(wpool_forget(r.pool, id), WPOOL_OK);
    hold_release(&h, 1);
    join_readers(threads, 2, &r, 0, 2);
    test_destroy(r.pool);
}
