/* Lanes whose jobs have times, and whose rate is limited, on a clock that the test moves. */
#include "clock.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

static void lane_begin(wpool_lane *lane, wpool *pool, unsigned max_running, size_t max_waiting,
                       wpool_rate rate) {
    memset((void *)lane, 0xA5, sizeof *lane);
    lane->max_running = max_running;
    lane->max_waiting = max_waiting;
    lane->rate = rate;
    CHECK_EQ(wpool_lane_init(lane, pool), WPOOL_OK);
}

static void lane_end(wpool_lane *lane) {
    CHECK_EQ(wpool_lane_destroy(lane), WPOOL_OK);
    memset((void *)lane, 0xA5, sizeof *lane);
}

static const wpool_rate no_rate = {0};

enum { PLAIN, WITH_ID, OWNED, WAYS }; /* to hand in a job */

typedef struct rider {
    task task;
    wpool_id id;
    wpool_job job;
    wpool_lane *lane;
} rider;

static void rider_submit(wpool *pool, rider *r, int way, wpool_options options) {
    options.on_done = task_done;
    wpool_job_init(&r->job, task_job, &r->task);
    CHECK_EQ(way == OWNED ? wpool_submit_job(pool, &r->job, &options)
                          : wpool_submit_with(pool, task_job, &r->task, &options,
                                              way == PLAIN ? NULL : &r->id),
             WPOOL_OK);
}

static void rider_await(rider *r) {
    while (atomic_load(&r->task.done_count) == 0)
        sched_yield();
}

static void rider_check(rider *r, wpool_state state, int error) {
    CHECK_EQ(r->task.done_count, 1);
    CHECK_EQ(r->task.state, state);
    CHECK_EQ(r->task.seen_error, error);
    CHECK_EQ(r->task.run_count, state != WPOOL_STATE_DISCARDED);
}

/* Somebody sleeps until what is due, and still does a nanosecond before; then it is time. */
static void pass_nearly(int64_t due) {
    test_clock_parked_until(1);
    test_clock_advance(due - 1);
    test_clock_parked_until(1);
}

static void pass(int64_t due) {
    pass_nearly(due);
    test_clock_advance(1);
}

static void await_count(atomic_uint *count, unsigned expected) {
    while (atomic_load(count) < expected)
        sched_yield();
    test_let_others_run();
    CHECK_EQ(*count, expected);
}

static void count_in(wpool *pool, atomic_uint *count, wpool_lane *lane, unsigned times) {
    const wpool_options options = {.lane = lane};
    for (unsigned i = 0; i < times; i++)
        CHECK_EQ(wpool_submit_with(pool, count_job, count, &options, NULL), WPOOL_OK);
}

/* ---- the rate of a lane ---- */

TEST(a_lane_starts_so_many_jobs_in_a_second) {
    for (unsigned burst = 0; burst <= 3; burst++) { /* 0 means one */
        const unsigned at_once = burst > 0 ? burst : 1;
        atomic_uint count = 0, others = 0;
        wpool_lane lane;
        wpool *pool = pool_of(2);
        lane_begin(&lane, pool, 100, 0, (wpool_rate){.per_second = 10, .burst = burst});
        count_in(pool, &count, &lane, at_once + 5);
        await_count(&count, at_once);
        for (unsigned i = 1; i <= 5; i++) {
            pass_nearly(WPOOL_MS(100));
            await_count(&count, at_once + i - 1);
            CHECK_EQ(test_stats(pool).delayed, 6 - i);
            count_submit(pool, &others, 1); /* nobody else is held back */
            await_count(&others, i);
            test_clock_advance(1);
            await_count(&count, at_once + i);
        }
        test_drain(pool);
        lane_end(&lane);
        test_destroy(pool);
    }
}

TEST(after_a_rest_a_lane_starts_a_burst_again) {
    atomic_uint count = 0;
    wpool_lane lane;
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 100, 0, (wpool_rate){.per_second = 1, .burst = 3});
    count_in(pool, &count, &lane, 3);
    await_count(&count, 3);
    test_clock_advance(WPOOL_SECONDS(2)); /* two of the three */
    count_in(pool, &count, &lane, 3);
    await_count(&count, 5);
    pass(WPOOL_SECONDS(1));
    await_count(&count, 6);
    test_clock_advance(WPOOL_SECONDS(1000)); /* not more than three */
    count_in(pool, &count, &lane, 4);
    await_count(&count, 9);
    pass(WPOOL_SECONDS(1));
    await_count(&count, 10);
    lane_end(&lane);
    test_destroy(pool);
}

TEST(each_lane_has_its_own_rate) {
    atomic_uint slow_count = 0, fast_count = 0;
    wpool_lane slow, fast;
    wpool *pool = pool_of(1);
    lane_begin(&slow, pool, 1, 0, (wpool_rate){.per_second = 1});
    lane_begin(&fast, pool, 1, 0, (wpool_rate){.per_second = 2});
    count_in(pool, &slow_count, &slow, 2);
    count_in(pool, &fast_count, &fast, 3);
    await_count(&slow_count, 1);
    await_count(&fast_count, 1);
    pass(WPOOL_MS(500));
    await_count(&fast_count, 2);
    CHECK_EQ(slow_count, 1);
    pass(WPOOL_MS(500));
    await_count(&fast_count, 3);
    await_count(&slow_count, 2);
    test_drain(pool);
    lane_end(&slow);
    lane_end(&fast);
    test_destroy(pool);
}

/* Both the limit and the rate hold. */
TEST(a_lane_with_a_rate_still_runs_one_after_the_other) {
    hold h = HOLD_EMPTY;
    wpool_lane lane;
    const wpool_options options = {.lane = &lane};
    wpool *pool = pool_of(2);
    hold_init(&h);
    lane_begin(&lane, pool, 1, 0, (wpool_rate){.per_second = 1});
    for (int i = 0; i < 2; i++)
        CHECK_EQ(wpool_submit_with(pool, hold_job, &h, &options, NULL), WPOOL_OK);
    gate_await_count(&h.running, 1);
    test_clock_advance(WPOOL_SECONDS(10));
    test_let_others_run();
    CHECK_EQ(test_stats(pool).running, 1);
    CHECK_EQ(test_stats(pool).delayed, 1);
    hold_release(&h, 1);
    gate_await_count(&h.running, 2);
    hold_release(&h, 1);
    test_drain(pool);
    lane_end(&lane);
    test_destroy(pool);
}

TEST(what_the_rate_holds_back_can_be_cancelled_and_stopped) {
    for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
        rider first = {.id = 0}, held[WAYS] = {{.id = 0}}, last = {.id = 0};
        wpool_lane lane;
        wpool *pool = pool_of(1);
        lane_begin(&lane, pool, 1, 0, (wpool_rate){.per_second = 1});
        rider_submit(pool, &first, WITH_ID, (wpool_options){.lane = &lane});
        rider_await(&first);
        for (int way = 0; way < WAYS; way++)
            rider_submit(pool, &held[way], way, (wpool_options){.lane = &lane});
        rider_submit(pool, &last, PLAIN, (wpool_options){.lane = &lane});
        CHECK_EQ(wpool_job_state(pool, held[WITH_ID].id), WPOOL_STATE_DELAYED);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
        CHECK_EQ(wpool_cancel(pool, held[WITH_ID].id, WPOOL_GRACEFUL), WPOOL_OK);
        rider_check(&held[WITH_ID], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        if (is_stopped) {
            CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
            test_drain(pool); /* a worker may have some in its hands */
            rider_check(&held[PLAIN], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            rider_check(&held[OWNED], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            rider_check(&last, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        } else { /* what was cancelled uses nothing of the rate up */
            pass(WPOOL_SECONDS(1));
            rider_await(&held[PLAIN]);
            pass(WPOOL_SECONDS(1));
            rider_await(&held[OWNED]);
            pass(WPOOL_SECONDS(1));
            rider_await(&last);
            test_drain(pool);
            rider_check(&last, WPOOL_STATE_SUCCEEDED, 0);
        }
        lane_end(&lane);
        test_destroy(pool);
    }
}

static void destroy_pool(void *arg) { test_destroy((wpool *)arg); }

/* The only worker waits for the last one of the lane, and runs each when it is time. */
static int wait_for_last_job(void *arg, wpool_job *job) {
    rider *riders = (rider *)arg;
    wpool *pool = wpool_job_pool(job);
    for (int way = 0; way < WAYS; way++)
        rider_submit(pool, &riders[way], way, (wpool_options){.lane = riders[way].lane});
    CHECK_EQ(wpool_job_wait(&riders[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(a_worker_waits_for_what_the_rate_holds_back) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++) {
        rider riders[WAYS];
        wpool_lane lane;
        wpool *pool = pool_from((wpool_config){.workers = 1, .help = (wpool_help)help});
        memset((void *)riders, 0, sizeof riders);
        lane_begin(&lane, pool, 1, 0, (wpool_rate){.per_second = 1});
        for (int way = 0; way < WAYS; way++)
            riders[way].lane = &lane;
        CHECK_EQ(wpool_submit(pool, wait_for_last_job, riders, NULL), WPOOL_OK);
        for (int way = 0; way < WAYS; way++) {
            rider_await(&riders[way]);
            if (way < OWNED) pass(WPOOL_SECONDS(1));
        }
        test_drain(pool);
        lane_end(&lane);
        test_destroy(pool);
    }
}

TEST(a_pool_that_is_destroyed_still_keeps_to_the_rate) {
    atomic_uint count = 0;
    wpool_lane lane;
    helper end;
    wpool *pool = pool_of(1);
    lane_begin(&lane, pool, 1, 0, (wpool_rate){.per_second = 1});
    count_in(pool, &count, &lane, 3);
    await_count(&count, 1);
    helper_start(&end, destroy_pool, pool);
    for (unsigned i = 2; i <= 3; i++) {
        pass_nearly(WPOOL_SECONDS(1));
        await_count(&count, i - 1);
        test_clock_advance(1);
        await_count(&count, i);
    }
    helper_join(&end);
}

typedef struct late_submit {
    wpool *pool;
    wpool_lane *lane;
    void *arg; /* of hold_job */
    int64_t timeout;
    wpool_status status;
    helper helper;
} late_submit;

static void submit_late(void *arg) {
    late_submit *l = (late_submit *)arg;
    const wpool_options options = {.lane = l->lane, .timeout = l->timeout};
    l->status = wpool_submit_with(l->pool, hold_job, l->arg, &options, NULL);
}

TEST(a_job_that_the_rate_lets_start_makes_room) {
    hold h = HOLD_EMPTY;
    wpool_lane lane;
    const wpool_options options = {.lane = &lane};
    wpool *pool = pool_of(2);
    late_submit late = {.pool = pool, .lane = &lane, .arg = &h};
    hold_init(&h);
    lane_begin(&lane, pool, 100, 1, (wpool_rate){.per_second = 1});
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(wpool_submit_with(pool, hold_job, &h, &options, NULL), WPOOL_OK);
        gate_await_count(&h.running, 1);
    }
    helper_start(&late.helper, submit_late, &late);
    helper_await_sleep(&late.helper);
    pass(WPOOL_SECONDS(1));
    helper_join(&late.helper); /* though none of them has ended */
    CHECK_EQ(late.status, WPOOL_OK);
    gate_await_count(&h.running, 2);
    pass(WPOOL_SECONDS(1));
    hold_release(&h, 3);
    test_drain(pool);
    lane_end(&lane);
    test_destroy(pool);
}

/* ---- jobs with times ---- */

TEST(a_job_that_is_due_leaves_its_lane) {
    hold h = HOLD_EMPTY;
    rider due[WAYS] = {{.id = 0}}, others[WAYS] = {{.id = 0}};
    wpool_lane lane;
    const wpool_options plain = {.lane = &lane}, timed = {.lane = &lane, .deadline = WPOOL_MS(5)};
    wpool *pool = pool_of(2);
    hold_init(&h);
    lane_begin(&lane, pool, 1, 0, no_rate);
    CHECK_EQ(wpool_submit_with(pool, hold_job, &h, &plain, NULL), WPOOL_OK);
    gate_await_count(&h.running, 1);
    for (int way = 0; way < WAYS; way++) {
        rider_submit(pool, &due[way], way, timed);
        rider_submit(pool, &others[way], way, plain);
    }
    pass_nearly(WPOOL_MS(5));
    for (int way = 0; way < WAYS; way++)
        CHECK_EQ(due[way].task.done_count, 0);
    test_clock_advance(1);
    for (int way = 0; way < OWNED; way++) { /* the last one when somebody comes by, at least */
        rider_await(&due[way]);
        rider_check(&due[way], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        CHECK_EQ(others[way].task.done_count, 0);
    }
    hold_release(&h, 1);
    test_drain(pool);
    lane_end(&lane);
    test_destroy(pool);
    rider_check(&due[OWNED], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
    for (int way = 0; way < WAYS; way++)
        rider_check(&others[way], WPOOL_STATE_SUCCEEDED, 0);
}

/* Fails as often as it is told to. */
typedef struct trial {
    rider rider;
    unsigned failures;
    atomic_uint starts;
} trial;

static int trial_job(void *arg, wpool_job *job) {
    trial *t = (trial *)arg;
    (void)job;
    return atomic_fetch_add(&t->starts, 1) < t->failures;
}

static void trial_submit(wpool *pool, trial *t, wpool_lane *lane) {
    const wpool_options options = {
        .lane = lane, .retry = {.attempts = 5, .delay = WPOOL_SECONDS(1), .factor = 1}};
    CHECK_EQ(wpool_submit_with(pool, trial_job, t, &options, &t->rider.id), WPOOL_OK);
}

TEST(a_job_that_is_tried_again_keeps_its_place_and_no_worker) {
    trial t = {.failures = 2};
    rider next = {.id = 0};
    atomic_uint plain = 0, beside = 0;
    wpool_lane lane, other;
    wpool *pool = pool_of(1);
    lane_begin(&lane, pool, 1, 0, no_rate);
    lane_begin(&other, pool, 1, 0, no_rate);
    trial_submit(pool, &t, &lane);
    rider_submit(pool, &next, PLAIN, (wpool_options){.lane = &lane});
    for (unsigned i = 1; i <= 2; i++) {
        await_count(&t.starts, i);
        pass_nearly(WPOOL_SECONDS(1));
        count_submit(pool, &plain, 1);
        count_in(pool, &beside, &other, 1);
        await_count(&plain, i);
        await_count(&beside, i);
        CHECK_EQ(t.starts, i);
        CHECK_EQ(next.task.run_count, 0);
        CHECK_EQ(wpool_job_state(pool, t.rider.id), WPOOL_STATE_DELAYED);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
        test_clock_advance(1);
    }
    test_drain(pool);
    CHECK_EQ(t.starts, 3);
    rider_check(&next, WPOOL_STATE_SUCCEEDED, 0);
    lane_end(&lane);
    lane_end(&other);
    test_destroy(pool);
}

TEST(a_job_that_is_cancelled_before_it_is_tried_again_makes_room) {
    trial t = {.failures = 2};
    rider next = {.id = 0};
    wpool_lane lane;
    wpool *pool = pool_of(1);
    lane_begin(&lane, pool, 1, 0, no_rate);
    trial_submit(pool, &t, &lane);
    rider_submit(pool, &next, PLAIN, (wpool_options){.lane = &lane});
    await_count(&t.starts, 1);
    test_clock_parked_until(1);
    CHECK_EQ(next.task.run_count, 0);
    CHECK_EQ(wpool_cancel(pool, t.rider.id, WPOOL_GRACEFUL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(t.starts, 1);
    rider_check(&next, WPOOL_STATE_SUCCEEDED, 0);
    lane_end(&lane);
    test_destroy(pool);
}

TEST(a_periodic_job_lets_the_others_of_its_lane_pass) {
    atomic_uint runs = 0, others = 0;
    wpool_id id;
    wpool_lane lane;
    const wpool_options periodic = {.lane = &lane, .period = WPOOL_SECONDS(1)};
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0, no_rate);
    CHECK_EQ(wpool_submit_with(pool, count_job, &runs, &periodic, &id), WPOOL_OK);
    await_count(&runs, 1);
    for (unsigned i = 1; i <= 5; i++) {
        count_in(pool, &others, &lane, 3);
        await_count(&others, 3 * i);
        CHECK_EQ(runs, i);
        pass(WPOOL_SECONDS(1));
        await_count(&runs, i + 1);
    }
    CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
    CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(runs, 6);
    lane_end(&lane);
    test_destroy(pool);
}

/* Its time comes while another one runs in the lane: it waits like any other. */
TEST(a_periodic_job_waits_for_its_turn) {
    hold h = HOLD_EMPTY;
    atomic_uint runs = 0;
    wpool_id id;
    wpool_lane lane;
    const wpool_options periodic = {.lane = &lane, .period = WPOOL_SECONDS(1)};
    const wpool_options plain = {.lane = &lane};
    wpool *pool = pool_of(2);
    hold_init(&h);
    lane_begin(&lane, pool, 1, 0, no_rate);
    CHECK_EQ(wpool_submit_with(pool, count_job, &runs, &periodic, &id), WPOOL_OK);
    await_count(&runs, 1);
    CHECK_EQ(wpool_submit_with(pool, hold_job, &h, &plain, NULL), WPOOL_OK);
    gate_await_count(&h.running, 1);
    pass(WPOOL_SECONDS(1));
    await_count(&runs, 1);
    hold_release(&h, 1);
    await_count(&runs, 2);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    test_drain(pool);
    lane_end(&lane);
    test_destroy(pool);
}

TEST(a_delayed_job_enters_its_lane_when_it_is_time) {
    rider late = {.id = 0}, early = {.id = 0};
    wpool_lane lane;
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0, no_rate);
    rider_submit(pool, &late, WITH_ID, (wpool_options){.lane = &lane, .delay = WPOOL_SECONDS(1)});
    CHECK_EQ(wpool_job_state(pool, late.id), WPOOL_STATE_DELAYED);
    rider_submit(pool, &early, PLAIN, (wpool_options){.lane = &lane});
    rider_await(&early); /* it does not wait for somebody else's time */
    CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
    pass_nearly(WPOOL_SECONDS(1));
    test_let_others_run();
    CHECK_EQ(late.task.run_count, 0);
    test_clock_advance(1);
    test_drain(pool);
    rider_check(&late, WPOOL_STATE_SUCCEEDED, 0);
    lane_end(&lane);
    test_destroy(pool);
}

TEST(a_submit_to_a_full_lane_waits_exactly_so_long) {
    hold h = HOLD_EMPTY;
    wpool_lane lane;
    const wpool_options plain = {.lane = &lane};
    wpool *pool = pool_of(2);
    late_submit late = {.pool = pool, .lane = &lane, .timeout = WPOOL_MS(5)};
    hold_init(&h);
    lane_begin(&lane, pool, 1, 1, no_rate);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(wpool_submit_with(pool, hold_job, &h, &plain, NULL), WPOOL_OK);
        gate_await_count(&h.running, 1);
    }
    helper_start(&late.helper, submit_late, &late);
    pass_nearly(WPOOL_MS(5));
    test_let_others_run();
    CHECK(!late.helper.is_finished);
    test_clock_advance(1);
    helper_join(&late.helper);
    CHECK_EQ(late.status, WPOOL_TIMEOUT);
    hold_release(&h, 2);
    test_drain(pool);
    lane_end(&lane);
    test_destroy(pool);
}
