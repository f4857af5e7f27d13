/* Everything that has a time, by a clock that the test moves: timed submits (B2), waits (C1) and
   takes (C2), drain, and the times in results. No test takes any. */
#include "clock.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

#define TIMEOUT WPOOL_MS(5)

/* A helper that calls something with a timeout, and what that answered. */
typedef struct timed {
    wpool *pool;
    wpool_id id;
    wpool_job *job;
    const wpool_options *options;
    atomic_uint *count;
    int64_t timeout;
    wpool_status status;
    helper helper;
} timed;

static void timed_start(timed *t, void (*run)(void *)) {
    if (t->timeout == 0) t->timeout = TIMEOUT;
    helper_start(&t->helper, run, t);
}

static void timed_join(timed *t, wpool_status expected) {
    helper_join(&t->helper);
    CHECK_EQ(t->status, expected);
}

/* Somebody sleeps with a timeout, and still does when but a nanosecond of it is left. */
static void await_nearly_timeout(void) {
    test_clock_parked_until(1);
    test_clock_advance(TIMEOUT - 1);
    test_clock_parked_until(1);
}

/* It has slept since now; it gives up when its time is over, and not a nanosecond before. */
static void timed_expire(timed *t) {
    await_nearly_timeout();
    CHECK(!t->helper.is_finished);
    test_clock_advance(1);
    timed_join(t, WPOOL_TIMEOUT);
}

/* ---- B2: timed submits ---- */

static void submit_plain(void *arg) {
    timed *t = (timed *)arg;
    wpool_options options = {.timeout = t->timeout};
    t->status = wpool_submit_with(t->pool, count_job, t->count, &options, NULL);
}

static void submit_with_id(void *arg) {
    timed *t = (timed *)arg;
    wpool_options options = {.timeout = t->timeout};
    t->id = 1;
    t->status = wpool_submit_with(t->pool, count_job, t->count, &options, &t->id);
    CHECK_EQ(t->id != 0, t->status == WPOOL_OK);
}

static void submit_embedded(void *arg) {
    timed *t = (timed *)arg;
    wpool_options options = {.timeout = t->timeout};
    t->status = wpool_submit_job(t->pool, t->job, &options);
}

typedef void (*submit_way)(void *);
static const submit_way submit_ways[] = {submit_plain, submit_with_id, submit_embedded};
static const size_t capacities[] = {1, 2, 64, WPOOL_UNBUFFERED};

/* One worker that holds a job, and a full queue behind it. */
static wpool *full_pool(hold *h, size_t capacity, wpool_when_full when_full) {
    wpool *pool = test_pool(
        &(wpool_config){.workers = 1, .queue_capacity = capacity, .when_full = when_full});
    test_await_idle(pool); /* unbuffered: there must be somebody to take the first one */
    hold_workers(h, pool, 1);
    while (wpool_try_submit(pool, hold_job, h, NULL) == WPOOL_OK)
        continue;
    return pool;
}

static unsigned held_jobs(wpool *pool) { return (unsigned)test_stats(pool).accepted; }

TEST(a_timed_submit_gives_up_in_its_time_whatever_the_policy) {
    for (int when_full = WPOOL_BLOCK; when_full <= WPOOL_DROP_OLDEST; when_full++)
        for (size_t c = 0; c < COUNT_OF(capacities); c++)
            for (size_t way = 0; way < COUNT_OF(submit_ways); way++) {
                hold h = HOLD_EMPTY;
                atomic_uint count = 0;
                wpool_job job;
                wpool *pool = full_pool(&h, capacities[c], (wpool_when_full)when_full);
                timed t = {.pool = pool, .count = &count, .job = &job};
                unsigned held = held_jobs(pool);
                wpool_job_init(&job, count_job, &count);
                timed_start(&t, submit_ways[way]);
                timed_expire(&t);
                CHECK_EQ(test_stats(pool).accepted, held);
                CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
                hold_release(&h, held);
                test_drain(pool);
                test_await_idle(pool);
                CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK); /* may try again */
                test_destroy(pool);
                CHECK_EQ(count, 1);
            }
}

TEST(a_timed_submit_goes_on_when_there_is_room_in_time) {
    for (size_t c = 0; c < COUNT_OF(capacities); c++)
        for (size_t way = 0; way < COUNT_OF(submit_ways); way++) {
            hold h = HOLD_EMPTY;
            atomic_uint count = 0;
            wpool_job job;
            wpool *pool = full_pool(&h, capacities[c], WPOOL_REFUSE);
            timed t = {.pool = pool, .count = &count, .job = &job};
            unsigned held = held_jobs(pool);
            wpool_job_init(&job, count_job, &count);
            timed_start(&t, submit_ways[way]);
            await_nearly_timeout();
            hold_release(&h, 1);
            timed_join(&t, WPOOL_OK);
            hold_release(&h, held - 1);
            test_destroy(pool);
            CHECK_EQ(count, 1);
        }
}

TEST(a_timed_submit_is_told_when_the_pool_is_closed) {
    for (size_t c = 0; c < COUNT_OF(capacities); c++) {
        hold h = HOLD_EMPTY;
        atomic_uint count = 0;
        timed t = {.pool = full_pool(&h, capacities[c], WPOOL_BLOCK), .count = &count};
        timed_start(&t, submit_plain);
        test_clock_parked_until(1);
        CHECK_EQ(wpool_close(t.pool), WPOOL_OK);
        timed_join(&t, WPOOL_CLOSED);
        hold_release(&h, held_jobs(t.pool));
        test_destroy(t.pool);
        CHECK_EQ(count, 0);
    }
}

TEST(the_longest_timeouts_do_not_end) {
    static const int64_t longest[] = {INT64_MAX, INT64_MAX - 1000000001, WPOOL_FOREVER, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(longest); i++) {
        hold h = HOLD_EMPTY;
        atomic_uint count = 0;
        timed t = {.pool = full_pool(&h, 1, WPOOL_REFUSE), .count = &count, .timeout = longest[i]};
        timed_start(&t, submit_plain);
        helper_await_sleep(&t.helper);
        test_clock_advance(WPOOL_SECONDS(1000000000));
        helper_await_sleep(&t.helper);
        CHECK(!t.helper.is_finished);
        hold_release(&h, 2);
        timed_join(&t, WPOOL_OK);
        test_destroy(t.pool);
        CHECK_EQ(count, 1);
    }
}

TEST(a_timed_submit_with_room_asks_no_clock) {
    atomic_uint count = 0;
    timed t = {.pool = test_pool_of(1, 0), .count = &count, .timeout = 1};
    submit_plain(&t);
    CHECK_EQ(t.status, WPOOL_OK);
    test_destroy(t.pool);
    CHECK_EQ(count, 1);
}

static int timed_submits_job(void *arg, wpool_job *job) {
    timed t = {.pool = wpool_job_pool(job), .count = (atomic_uint *)arg, .timeout = TIMEOUT};
    for (int i = 0; i < 50; i++) {
        submit_plain(&t);
        CHECK_EQ(t.status, WPOOL_OK);
    }
    return 0;
}

TEST(a_timed_submit_of_a_worker_to_its_own_full_pool_does_not_wait) {
    atomic_uint count = 0;
    wpool *pool = test_pool_of(1, 1);
    CHECK_EQ(wpool_submit(pool, timed_submits_job, &count, NULL), WPOOL_OK);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(count, 50);
}

/* ---- C1: timed waits ---- */

static void wait_by_id(void *arg) {
    timed *t = (timed *)arg;
    t->status = wpool_wait(t->pool, t->id, t->timeout, NULL);
}

static void wait_for_embedded(void *arg) {
    timed *t = (timed *)arg;
    t->status = wpool_job_wait(t->job, t->timeout);
}

static void drain(void *arg) {
    timed *t = (timed *)arg;
    t->status = wpool_drain(t->pool, t->timeout);
}

static const submit_way wait_ways[] = {wait_by_id, wait_for_embedded, drain};

/* A pool with two jobs that a hold keeps: one with an id, one embedded. */
static timed held_pair(hold *h, wpool_job *job) {
    timed t = {.pool = test_pool_of(2, 0), .job = job};
    hold_init(h);
    CHECK_EQ(wpool_submit(t.pool, hold_job, h, &t.id), WPOOL_OK);
    wpool_job_init(job, hold_job, h);
    CHECK_EQ(wpool_submit_job(t.pool, job, NULL), WPOOL_OK);
    gate_await_count(&h->running, 2);
    return t;
}

TEST(a_timed_wait_gives_up_in_its_time_and_can_be_repeated) {
    for (size_t way = 0; way < COUNT_OF(wait_ways); way++) {
        hold h = HOLD_EMPTY;
        wpool_job job;
        timed t = held_pair(&h, &job);
        for (int i = 0; i < 3; i++) {
            timed_start(&t, wait_ways[way]);
            timed_expire(&t);
        }
        hold_release(&h, 2);
        CHECK_EQ(wpool_wait(t.pool, t.id, WPOOL_FOREVER, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
        test_destroy(t.pool);
    }
}

TEST(a_timed_wait_ends_when_the_job_does) {
    for (size_t way = 0; way < COUNT_OF(wait_ways); way++) {
        hold h = HOLD_EMPTY;
        wpool_job job;
        timed t = held_pair(&h, &job);
        timed_start(&t, wait_ways[way]);
        await_nearly_timeout();
        hold_release(&h, 2);
        timed_join(&t, WPOOL_OK);
        test_destroy(t.pool);
    }
}

TEST(several_that_wait_for_one_job_give_up_each_in_its_own_time) {
    hold h = HOLD_EMPTY;
    wpool_job job;
    timed pair = held_pair(&h, &job), waits[4];
    for (int i = 0; i < 4; i++) {
        waits[i] = pair;
        waits[i].timeout = WPOOL_MS(10 * (i + 1));
        timed_start(&waits[i], wait_ways[i % 2]);
    }
    for (unsigned i = 0; i < 3; i++) {
        test_clock_parked_until(4 - i);
        test_clock_advance(WPOOL_MS(10));
        timed_join(&waits[i], WPOOL_TIMEOUT);
    }
    test_clock_parked_until(1);
    CHECK(!waits[3].helper.is_finished);
    hold_release(&h, 2);
    timed_join(&waits[3], WPOOL_OK);
    test_destroy(pair.pool);
}

/* Runs on a worker what a helper would run. */
typedef struct on_worker {
    timed *timed;
    void (*run)(void *);
} on_worker;

static int on_worker_job(void *arg, wpool_job *job) {
    on_worker *w = (on_worker *)arg;
    (void)job;
    w->run(w->timed);
    w->timed->helper.is_finished = true;
    return 0;
}

TEST(a_timed_wait_on_a_worker_gives_up_in_its_time) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_NONE; help++)
        for (size_t way = 0; way < 2; way++) {
            hold h = HOLD_EMPTY;
            wpool_job job;
            timed t = {.job = &job, .timeout = TIMEOUT};
            on_worker w = {&t, wait_ways[way]};
            t.pool = test_pool(&(wpool_config){.workers = 3, .help = (wpool_help)help});
            hold_init(&h);
            CHECK_EQ(wpool_submit(t.pool, hold_job, &h, &t.id), WPOOL_OK);
            wpool_job_init(&job, hold_job, &h);
            CHECK_EQ(wpool_submit_job(t.pool, &job, NULL), WPOOL_OK);
            gate_await_count(&h.running, 2);
            CHECK_EQ(wpool_submit(t.pool, on_worker_job, &w, NULL), WPOOL_OK);
            await_nearly_timeout();
            CHECK(!t.helper.is_finished);
            test_clock_advance(1);
            test_await_running(t.pool, 2);
            CHECK_EQ(t.status, WPOOL_TIMEOUT);
            hold_release(&h, 2);
            test_destroy(t.pool);
        }
}

/* ---- C2: timed takes ---- */

static void take(void *arg) {
    timed *t = (timed *)arg;
    t->status = wpool_take(t->pool, t->timeout, NULL);
}

static wpool *results_pool(unsigned workers) {
    return test_pool(&(wpool_config){.workers = workers, .results = true});
}

TEST(a_timed_take_gives_up_in_its_time_and_can_be_repeated) {
    hold h = HOLD_EMPTY;
    timed t = {.pool = results_pool(1)};
    for (int i = 0; i < 3; i++) {
        timed_start(&t, take);
        timed_expire(&t);
    }
    hold_workers(&h, t.pool, 1);
    timed_start(&t, take);
    timed_expire(&t);
    hold_release(&h, 1);
    test_drain(t.pool);
    take(&t);
    CHECK_EQ(t.status, WPOOL_OK);
    test_destroy(t.pool);
}

static wpool_status close_pool(timed *t) { return wpool_close(t->pool); }
static wpool_status close_results(timed *t) { return wpool_close_results(t->pool); }

TEST(a_timed_take_ends_when_there_is_something_to_say) {
    static const struct {
        wpool_status (*end)(timed *); /* NULL: the job ends */
        bool has_job;
        wpool_status expected;
    } cases[] = {{NULL, true, WPOOL_OK},
                 {close_pool, false, WPOOL_DONE},
                 {close_results, false, WPOOL_CLOSED},
                 {close_results, true, WPOOL_CLOSED}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        hold h = HOLD_EMPTY;
        timed t = {.pool = results_pool(1)};
        hold_init(&h);
        if (cases[i].has_job) hold_workers(&h, t.pool, 1);
        timed_start(&t, take);
        await_nearly_timeout();
        if (cases[i].end)
            CHECK_EQ(cases[i].end(&t), WPOOL_OK);
        else
            hold_release(&h, 1);
        timed_join(&t, cases[i].expected);
        hold_release(&h, 1);
        test_destroy(t.pool);
    }
}

TEST(a_timed_take_of_a_job_gives_up_in_its_time) {
    timed t = {.pool = results_pool(2), .timeout = TIMEOUT};
    on_worker w = {&t, take};
    CHECK_EQ(wpool_submit(t.pool, on_worker_job, &w, NULL), WPOOL_OK);
    await_nearly_timeout();
    CHECK(!t.helper.is_finished);
    test_clock_advance(1);
    test_drain(t.pool);
    CHECK_EQ(t.status, WPOOL_TIMEOUT);
    test_destroy(t.pool);
}

/* ---- inline pools ---- */

TEST(who_waits_while_another_thread_runs_an_inline_pool_gives_up_in_its_time) {
    static const submit_way ways[] = {wait_by_id, wait_for_embedded, drain, take};
    for (size_t way = 0; way < COUNT_OF(ways); way++) {
        hold h = HOLD_EMPTY;
        wpool_job job;
        timed driver = {.timeout = WPOOL_FOREVER}, t = {.job = &job};
        driver.pool = t.pool =
            test_pool(&(wpool_config){.max_workers = WPOOL_INLINE, .results = true});
        hold_init(&h);
        CHECK_EQ(wpool_submit(t.pool, hold_job, &h, &t.id), WPOOL_OK);
        wpool_job_init(&job, hold_job, &h);
        CHECK_EQ(wpool_submit_job(t.pool, &job, NULL), WPOOL_OK);
        timed_start(&driver, drain);
        gate_await_count(&h.running, 1);
        timed_start(&t, ways[way]);
        timed_expire(&t);
        hold_release(&h, 2);
        timed_join(&driver, WPOOL_OK);
        ways[way](&t);
        CHECK_EQ(t.status, WPOOL_OK);
        test_destroy(t.pool);
    }
}

/* ---- the times in a result ---- */

static int take_time_job(void *arg, wpool_job *job) {
    (void)job;
    test_clock_advance(*(int64_t *)arg);
    return 0;
}

static void check_times(const wpool_result *result, int64_t waited_ns, int64_t ran_ns) {
    CHECK_EQ(result->waited_ns, waited_ns);
    CHECK_EQ(result->ran_ns, ran_ns);
}

TEST(results_say_how_long_the_job_waited_and_ran) {
    for (int is_inline = 0; is_inline < 2; is_inline++) {
        int64_t first = WPOOL_MS(2), second = WPOOL_MS(7);
        wpool_result result;
        wpool_id id;
        wpool_job job;
        wpool *pool = test_pool(&(wpool_config){.workers = is_inline ? 0 : 1,
                                                .max_workers = is_inline ? WPOOL_INLINE : 0,
                                                .start_paused = true});
        CHECK_EQ(wpool_submit(pool, take_time_job, &first, &id), WPOOL_OK);
        test_clock_advance(WPOOL_MS(3));
        wpool_job_init(&job, take_time_job, &second);
        CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
        test_clock_advance(WPOOL_MS(1));
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, &result), WPOOL_OK);
        check_times(&result, WPOOL_MS(4), WPOOL_MS(2));
        CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK);
        check_times(&result, WPOOL_MS(3), WPOOL_MS(7));
        test_destroy(pool);
    }
}

TEST(a_discarded_job_has_waited_and_not_run) {
    int64_t time = WPOOL_MS(2);
    wpool_result result;
    wpool_id id;
    wpool_job job;
    wpool *pool = test_pool_paused(1, 0);
    wpool_job_init(&job, take_time_job, &time);
    CHECK_EQ(wpool_submit(pool, take_time_job, &time, &id), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    test_clock_advance(WPOOL_MS(9));
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, &result), WPOOL_OK);
    check_times(&result, WPOOL_MS(9), 0);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK);
    check_times(&result, WPOOL_MS(9), 0);
    test_destroy(pool);
}

TEST(the_times_of_a_job_handed_in_again_are_those_of_its_last_run) {
    int64_t time = WPOOL_MS(2);
    wpool_result result;
    wpool_job job;
    wpool *pool = test_pool_of(1, 0);
    wpool_job_init(&job, take_time_job, &time);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    test_await_idle(pool);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    test_clock_advance(WPOOL_MS(6));
    time = WPOOL_MS(4);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK);
    check_times(&result, WPOOL_MS(6), WPOOL_MS(4));
    CHECK_EQ(result.attempts, 1);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    test_clock_advance(WPOOL_MS(8));
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK);
    check_times(&result, WPOOL_MS(8), 0);
    CHECK_EQ(result.attempts, 0);
    test_destroy(pool);
}
