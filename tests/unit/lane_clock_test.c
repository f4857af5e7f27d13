/* Lanes whose jobs have times, and whose rate is limited, on a clock that the test moves. */
#include "clock.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include "ways.h"

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
        lane_begin_rated(&lane, pool, 100, 0, (wpool_rate){.per_second = 10, .burst = burst});
        count_in(pool, &count, &lane, at_once + 5);
        await_count(&count, at_once);
        for (unsigned i = 1; i <= 5; i++) {
            test_clock_pass_nearly(WPOOL_MS(100));
            await_count(&count, at_once + i - 1);
            CHECK_EQ(test_stats(pool).delayed, 6 - i);
            count_submit(pool, &others, 1); /* nobody else is held back */
            await_count(&others, i);
            test_clock_advance(1);
            await_count(&count, at_once + i);
        }
        lane_and_pool_end(&lane, pool);
    }
}

TEST(after_a_rest_a_lane_starts_a_burst_again) {
    atomic_uint count = 0;
    wpool_lane lane;
    wpool *pool = pool_of(2);
    lane_begin_rated(&lane, pool, 100, 0, (wpool_rate){.per_second = 1, .burst = 3});
    count_in(pool, &count, &lane, 3);
    await_count(&count, 3);
    test_clock_advance(WPOOL_SECONDS(2)); /* two of the three */
    count_in(pool, &count, &lane, 3);
    await_count(&count, 5);
    test_clock_pass(WPOOL_SECONDS(1));
    await_count(&count, 6);
    test_clock_advance(WPOOL_SECONDS(1000)); /* not more than three */
    count_in(pool, &count, &lane, 4);
    await_count(&count, 9);
    test_clock_pass(WPOOL_SECONDS(1));
    await_count(&count, 10);
    lane_end(&lane);
    test_destroy(pool);
}

TEST(each_lane_has_its_own_rate) {
    atomic_uint slow_count = 0, fast_count = 0;
    wpool_lane slow, fast;
    wpool *pool = pool_of(1);
    lane_begin_rated(&slow, pool, 1, 0, (wpool_rate){.per_second = 1});
    lane_begin_rated(&fast, pool, 1, 0, (wpool_rate){.per_second = 2});
    count_in(pool, &slow_count, &slow, 2);
    count_in(pool, &fast_count, &fast, 3);
    await_count(&slow_count, 1);
    await_count(&fast_count, 1);
    test_clock_pass(WPOOL_MS(500));
    await_count(&fast_count, 2);
    CHECK_EQ(slow_count, 1);
    test_clock_pass(WPOOL_MS(500));
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
    wpool *pool = pool_of(2);
    lane_begin_rated(&lane, pool, 1, 0, (wpool_rate){.per_second = 1});
    hold_lane(&h, pool, &lane, 2);
    test_clock_advance(WPOOL_SECONDS(10));
    test_let_others_run();
    CHECK_EQ(test_stats(pool).running, 1);
    CHECK_EQ(test_stats(pool).delayed, 1);
    hold_release(&h, 1);
    gate_await_count(&h.running, 2);
    hold_release(&h, 1);
    lane_and_pool_end(&lane, pool);
}

TEST(what_the_rate_holds_back_can_be_cancelled_and_stopped) {
    for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
        request first = {.id = 0}, held[WAYS] = {{.id = 0}}, last = {.id = 0};
        wpool_lane lane;
        wpool *pool = pool_of(1);
        lane_begin_rated(&lane, pool, 1, 0, (wpool_rate){.per_second = 1});
        request_submit(pool, &first, WITH_ID, (wpool_options){.lane = &lane});
        request_await(&first);
        for (int way = 0; way < WAYS; way++)
            request_submit(pool, &held[way], way, (wpool_options){.lane = &lane});
        request_submit(pool, &last, PLAIN, (wpool_options){.lane = &lane});
        CHECK_EQ(wpool_job_state(pool, held[WITH_ID].id), WPOOL_STATE_DELAYED);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
        CHECK_EQ(wpool_cancel(pool, held[WITH_ID].id, WPOOL_GRACEFUL), WPOOL_OK);
        request_check(&held[WITH_ID], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        if (is_stopped) {
            CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
            test_drain(pool); /* a worker may have some in its hands */
            request_check(&held[PLAIN], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            request_check(&held[OWNED], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            request_check(&last, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        } else { /* what was cancelled uses nothing of the rate up */
            test_clock_pass(WPOOL_SECONDS(1));
            request_await(&held[PLAIN]);
            test_clock_pass(WPOOL_SECONDS(1));
            request_await(&held[OWNED]);
            test_clock_pass(WPOOL_SECONDS(1));
            request_await(&last);
            test_drain(pool);
            request_check(&last, WPOOL_STATE_SUCCEEDED, 0);
        }
        lane_end(&lane);
        test_destroy(pool);
    }
}

static void destroy_pool(void *arg) { test_destroy((wpool *)arg); }

/* The only worker waits for the last one of the lane, and runs each when it is time. */
typedef struct party {
    request riders[WAYS];
    wpool_lane lane;
} party;

static int wait_for_last_job(void *arg, wpool_job *job) {
    party *p = (party *)arg;
    requests_submit(wpool_job_pool(job), p->riders, WAYS, (wpool_options){.lane = &p->lane});
    CHECK_EQ(wpool_job_wait(&p->riders[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(a_worker_waits_for_what_the_rate_holds_back) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++) {
        party p = {.riders = {{.id = 0}}};
        wpool *pool = pool_from((wpool_config){.workers = 1, .help = (wpool_help)help});
        lane_begin_rated(&p.lane, pool, 1, 0, (wpool_rate){.per_second = 1});
        CHECK_EQ(wpool_submit(pool, wait_for_last_job, &p, NULL), WPOOL_OK);
        for (int way = 0; way < WAYS; way++) {
            request_await(&p.riders[way]);
            if (way < OWNED) test_clock_pass(WPOOL_SECONDS(1));
        }
        lane_and_pool_end(&p.lane, pool);
    }
}

TEST(a_pool_that_is_destroyed_still_keeps_to_the_rate) {
    atomic_uint count = 0;
    wpool_lane lane;
    helper end;
    wpool *pool = pool_of(1);
    lane_begin_rated(&lane, pool, 1, 0, (wpool_rate){.per_second = 1});
    count_in(pool, &count, &lane, 3);
    await_count(&count, 1);
    helper_start(&end, destroy_pool, pool);
    for (unsigned i = 2; i <= 3; i++) {
        test_clock_pass_nearly(WPOOL_SECONDS(1));
        await_count(&count, i - 1);
        test_clock_advance(1);
        await_count(&count, i);
    }
    helper_join(&end);
}

TEST(a_job_that_the_rate_lets_start_makes_room) {
    hold h = HOLD_EMPTY;
    wpool_lane lane;
    const wpool_options options = {.lane = &lane};
    wpool *pool = pool_of(2);
    attempt late;
    lane_begin_rated(&lane, pool, 100, 1, (wpool_rate){.per_second = 1});
    hold_lane(&h, pool, &lane, 2);
    attempts_start(&late, 1, (attempt){pool, hold_job, &h, .options = &options});
    test_clock_pass(WPOOL_SECONDS(1));
    attempts_join(&late, 1, WPOOL_OK); /* though none of them has ended */
    gate_await_count(&h.running, 2);
    test_clock_pass(WPOOL_SECONDS(1));
    hold_release(&h, 3);
    lane_and_pool_end(&lane, pool);
}

/* ---- jobs with times ---- */

TEST(a_job_that_is_due_leaves_its_lane) {
    hold h = HOLD_EMPTY;
    request due[WAYS] = {{.id = 0}}, others[WAYS] = {{.id = 0}};
    wpool_lane lane;
    const wpool_options plain = {.lane = &lane}, timed = {.lane = &lane, .deadline = WPOOL_MS(5)};
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0);
    hold_lane(&h, pool, &lane, 1);
    for (int way = 0; way < WAYS; way++) {
        request_submit(pool, &due[way], way, timed);
        request_submit(pool, &others[way], way, plain);
    }
    test_clock_pass_nearly(WPOOL_MS(5));
    for (int way = 0; way < WAYS; way++)
        CHECK_EQ(due[way].task.done_count, 0);
    test_clock_advance(1);
    for (int way = 0; way < OWNED; way++) { /* the last one when somebody comes by, at least */
        request_await(&due[way]);
        request_check(&due[way], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        CHECK_EQ(others[way].task.done_count, 0);
    }
    hold_release(&h, 1);
    lane_and_pool_end(&lane, pool);
    request_check(&due[OWNED], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
    for (int way = 0; way < WAYS; way++)
        request_check(&others[way], WPOOL_STATE_SUCCEEDED, 0);
}

static wpool_id trial_submit(wpool *pool, trial *t, wpool_lane *lane) {
    const wpool_options options = {
        .lane = lane, .retry = {.attempts = 5, .delay = WPOOL_SECONDS(1), .factor = 1}};
    wpool_id id;
    CHECK_EQ(wpool_submit_with(pool, trial_job, t, &options, &id), WPOOL_OK);
    return id;
}

TEST(a_job_that_is_tried_again_keeps_its_place_and_no_worker) {
    trial t = {.failures = 2};
    request next = {.id = 0};
    atomic_uint plain = 0, beside = 0;
    wpool_lane lane, other;
    wpool *pool = pool_of(1);
    lane_begin(&lane, pool, 1, 0);
    lane_begin(&other, pool, 1, 0);
    const wpool_id id = trial_submit(pool, &t, &lane);
    request_submit(pool, &next, PLAIN, (wpool_options){.lane = &lane});
    for (unsigned i = 1; i <= 2; i++) {
        await_count(&t.starts, i);
        test_clock_pass_nearly(WPOOL_SECONDS(1));
        count_submit(pool, &plain, 1);
        count_in(pool, &beside, &other, 1);
        await_count(&plain, i);
        await_count(&beside, i);
        CHECK_EQ(t.starts, i);
        CHECK_EQ(next.task.run_count, 0);
        CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_DELAYED);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
        test_clock_advance(1);
    }
    test_drain(pool);
    CHECK_EQ(t.starts, 3);
    request_check(&next, WPOOL_STATE_SUCCEEDED, 0);
    lane_end(&lane);
    lane_end(&other);
    test_destroy(pool);
}

TEST(a_job_that_is_cancelled_before_it_is_tried_again_makes_room) {
    trial t = {.failures = 2};
    request next = {.id = 0};
    wpool_lane lane;
    wpool *pool = pool_of(1);
    lane_begin(&lane, pool, 1, 0);
    const wpool_id id = trial_submit(pool, &t, &lane);
    request_submit(pool, &next, PLAIN, (wpool_options){.lane = &lane});
    await_count(&t.starts, 1);
    test_clock_parked_until(1);
    CHECK_EQ(next.task.run_count, 0);
    CHECK_EQ(wpool_cancel(pool, id, WPOOL_GRACEFUL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(t.starts, 1);
    request_check(&next, WPOOL_STATE_SUCCEEDED, 0);
    lane_end(&lane);
    test_destroy(pool);
}

static void await_waiting(wpool *pool, wpool_id id) {
    while (wpool_job_state(pool, id) != WPOOL_STATE_DELAYED)
        sched_yield();
}

/* It has run for the first time, and does so once a second. */
static wpool_id periodic_submit(wpool *pool, atomic_uint *runs, wpool_lane *lane) {
    const wpool_options options = {.lane = lane, .period = WPOOL_SECONDS(1)};
    wpool_id id;
    CHECK_EQ(wpool_submit_with(pool, count_job, runs, &options, &id), WPOOL_OK);
    await_count(runs, 1);
    await_waiting(pool, id);
    return id;
}

TEST(a_periodic_job_lets_the_others_of_its_lane_pass) {
    atomic_uint runs = 0, others = 0;
    wpool_lane lane;
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0);
    const wpool_id id = periodic_submit(pool, &runs, &lane);
    for (unsigned i = 1; i <= 5; i++) {
        count_in(pool, &others, &lane, 3);
        await_count(&others, 3 * i);
        CHECK_EQ(runs, i);
        test_clock_pass(WPOOL_SECONDS(1));
        await_count(&runs, i + 1);
    }
    CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
    await_waiting(pool, id);
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
    wpool_lane lane;
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0);
    periodic_submit(pool, &runs, &lane);
    hold_lane(&h, pool, &lane, 1);
    test_clock_pass(WPOOL_SECONDS(1));
    await_count(&runs, 1);
    hold_release(&h, 1);
    await_count(&runs, 2);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    lane_and_pool_end(&lane, pool);
}

TEST(a_delayed_job_enters_its_lane_when_it_is_time) {
    request late = {.id = 0}, early = {.id = 0};
    wpool_lane lane;
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0);
    request_submit(pool, &late, WITH_ID, (wpool_options){.lane = &lane, .delay = WPOOL_SECONDS(1)});
    CHECK_EQ(wpool_job_state(pool, late.id), WPOOL_STATE_DELAYED);
    request_submit(pool, &early, PLAIN, (wpool_options){.lane = &lane});
    request_await(&early); /* it does not wait for somebody else's time */
    CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
    test_clock_pass_nearly(WPOOL_SECONDS(1));
    test_let_others_run();
    CHECK_EQ(late.task.run_count, 0);
    test_clock_advance(1);
    test_drain(pool);
    request_check(&late, WPOOL_STATE_SUCCEEDED, 0);
    lane_end(&lane);
    test_destroy(pool);
}

TEST(a_submit_to_a_full_lane_waits_exactly_so_long) {
    hold h = HOLD_EMPTY;
    wpool_lane lane;
    const wpool_options timed = {.lane = &lane, .timeout = WPOOL_MS(5)};
    wpool *pool = pool_of(2);
    attempt late;
    lane_begin(&lane, pool, 1, 1);
    hold_lane(&h, pool, &lane, 2);
    attempts_start(&late, 1, (attempt){pool, hold_job, &h, .options = &timed});
    test_clock_pass_nearly(WPOOL_MS(5));
    test_let_others_run();
    CHECK(!late.helper.is_finished);
    test_clock_advance(1);
    attempts_join(&late, 1, WPOOL_TIMEOUT);
    hold_release(&h, 2);
    lane_and_pool_end(&lane, pool);
}
