/* Jobs that start after others, and have times, or come after some that have, on a clock that the
   test moves. */
#include "clock.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include "ways.h"

/* One in each way. */
static void nodes_submit_after(wpool *pool, request nodes[WAYS], const wpool_id *id) {
    requests_submit(pool, nodes, WAYS, (wpool_options){.after = id, .after_count = 1});
}

static void nodes_check_not_ended(request *nodes, size_t count) {
    test_let_others_run();
    requests_check_not_ended(nodes, count);
}

/* ---- the times of those before ---- */

TEST(a_job_waits_until_the_delayed_one_before_has_succeeded) {
    request before = {.id = 0}, after[WAYS] = {{.id = 0}};
    wpool *pool = pool_of(2);
    request_submit(pool, &before, WITH_ID, (wpool_options){.delay = WPOOL_MS(5)});
    nodes_submit_after(pool, after, &before.id);
    test_clock_pass_nearly(WPOOL_MS(5));
    nodes_check_not_ended(after, WAYS);
    CHECK_EQ(test_stats(pool).delayed, 1 + WAYS);
    test_clock_advance(1);
    test_drain(pool);
    requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    test_destroy(pool);
}

TEST(all_behind_a_job_that_was_not_started_in_time_are_discarded) {
    for (int of_group = 0; of_group < 2; of_group++) {
        gate door = GATE_CLOSED;
        request before = {.id = 0}, after[WAYS] = {{.id = 0}}, last[WAYS] = {{.id = 0}};
        wpool_group group;
        wpool *pool = pool_of(1);
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, gate_job, &door, NULL), WPOOL_OK);
        gate_await_count(&door, 1);
        if (of_group) CHECK_EQ(wpool_group_deadline(&group, WPOOL_MS(5)), WPOOL_OK);
        request_submit(pool, &before, WITH_ID,
                       (wpool_options){.group = of_group ? &group : NULL,
                                       .deadline = of_group ? 0 : WPOOL_MS(5)});
        nodes_submit_after(pool, after, &before.id);
        nodes_submit_after(pool, last, &after[WITH_ID].id);
        test_clock_pass_nearly(WPOOL_MS(5));
        nodes_check_not_ended(after, WAYS);
        test_clock_advance(1);
        request_await(&before);
        gate_open(&door);
        test_drain(pool);
        request_check(&before, WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        requests_check(after, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        requests_check(last, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        test_destroy(pool);
    }
}

/* It has started so often, and would start again in a nanosecond: a second is nearly over. */
static void pass_nearly_to_next(trial *t, unsigned starts) {
    trial_await(t, starts);
    test_clock_pass_nearly(WPOOL_SECONDS(1));
    test_let_others_run();
    CHECK_EQ(t->starts, starts);
}

static const wpool_retry thrice = {.attempts = 3, .delay = WPOOL_SECONDS(1), .factor = 1};

TEST(a_job_waits_until_the_one_before_is_tried_no_more) {
    for (unsigned failures = 2; failures <= 3; failures++) {
        trial before = {.failures = failures};
        request after[WAYS] = {{.id = 0}};
        wpool_id id;
        const wpool_options options = {.retry = thrice};
        wpool *pool = pool_of(2);
        CHECK_EQ(wpool_submit_with(pool, trial_job, &before, &options, &id), WPOOL_OK);
        nodes_submit_after(pool, after, &id);
        for (unsigned i = 1; i < 3; i++) {
            pass_nearly_to_next(&before, i);
            nodes_check_not_ended(after, WAYS);
            test_clock_advance(1);
        }
        test_drain(pool);
        CHECK_EQ(before.starts, 3);
        requests_check(after, WAYS, failures < 3 ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_DISCARDED,
                       failures < 3 ? 0 : WPOOL_CANCELLED);
        test_destroy(pool);
    }
}

TEST(all_behind_a_job_that_was_to_be_tried_again_are_discarded_by_a_cancel_or_stop) {
    for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
        trial before = {.failures = 1};
        request after[WAYS] = {{.id = 0}};
        wpool_id id;
        const wpool_options options = {.retry = thrice};
        wpool *pool = pool_of(2);
        CHECK_EQ(wpool_submit_with(pool, trial_job, &before, &options, &id), WPOOL_OK);
        nodes_submit_after(pool, after, &id);
        trial_await(&before, 1);
        test_clock_parked_until(1);
        CHECK_EQ(is_stopped ? wpool_stop(pool, WPOOL_GRACEFUL)
                            : wpool_cancel(pool, id, WPOOL_GRACEFUL),
                 WPOOL_OK);
        requests_await(after, WAYS);
        test_destroy(pool);
        requests_check(after, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        CHECK_EQ(before.starts, 1);
    }
}

TEST(a_job_after_a_periodic_one_waits_until_that_has_ended) {
    for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) { /* or fails */
        trial before = {.failures = 0};
        request after[WAYS] = {{.id = 0}};
        wpool_id id;
        const wpool_options options = {.period = WPOOL_SECONDS(1)};
        wpool *pool = pool_of(2);
        CHECK_EQ(wpool_submit_with(pool, trial_job, &before, &options, &id), WPOOL_OK);
        nodes_submit_after(pool, after, &id);
        for (unsigned i = 1; i <= 5; i++) {
            pass_nearly_to_next(&before, i);
            nodes_check_not_ended(after, WAYS);
            if (i == 5 && !is_cancelled) before.failures = 100;
            if (i < 5 || !is_cancelled) test_clock_advance(1);
        }
        if (is_cancelled) CHECK_EQ(wpool_cancel(pool, id, WPOOL_GRACEFUL), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(before.starts, is_cancelled ? 5 : 6);
        requests_check(after, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        test_destroy(pool);
    }
}

/* The only worker waits for the last one, and runs each when it is time. */
typedef struct waiter {
    trial before;
    request after[WAYS];
} waiter;

static int wait_for_last_job(void *arg, wpool_job *job) {
    waiter *w = (waiter *)arg;
    wpool *pool = wpool_job_pool(job);
    const wpool_options options = {.retry = thrice};
    wpool_id id;
    CHECK_EQ(wpool_submit_with(pool, trial_job, &w->before, &options, &id), WPOOL_OK);
    nodes_submit_after(pool, w->after, &id);
    CHECK_EQ(wpool_wait(pool, w->after[WITH_ID].id, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&w->after[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(a_worker_waits_for_a_job_behind_one_that_is_tried_again) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++) {
        waiter w = {.before = {.failures = 2}};
        wpool *pool = pool_from((wpool_config){.workers = 1, .help = (wpool_help)help});
        CHECK_EQ(wpool_submit(pool, wait_for_last_job, &w, NULL), WPOOL_OK);
        for (unsigned i = 1; i < 3; i++) {
            pass_nearly_to_next(&w.before, i);
            test_clock_advance(1);
        }
        test_drain(pool);
        requests_check(w.after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
        test_destroy(pool);
    }
}

/* ---- their own times ---- */

TEST(a_job_with_a_delay_waits_for_both) {
    for (int is_late = 0; is_late < 2; is_late++) { /* the one before ends when time has passed */
        gate door = GATE_CLOSED;
        request before = {.task = {.door = &door}}, after[WAYS] = {{.id = 0}};
        wpool *pool = pool_of(2);
        request_submit(pool, &before, WITH_ID, (wpool_options){0});
        gate_await_count(&door, 1);
        for (int way = 0; way < WAYS; way++)
            request_submit(
                pool, &after[way], way,
                (wpool_options){.after = &before.id, .after_count = 1, .delay = WPOOL_SECONDS(1)});
        if (!is_late) {
            gate_open(&door);
            request_await(&before);
            test_clock_pass_nearly(WPOOL_SECONDS(1));
        } else {
            test_clock_advance(WPOOL_SECONDS(1));
        }
        nodes_check_not_ended(after, WAYS);
        CHECK_EQ(wpool_job_state(pool, after[WITH_ID].id), WPOOL_STATE_DELAYED);
        if (is_late)
            gate_open(&door);
        else
            test_clock_advance(1);
        test_drain(pool);
        requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
        test_destroy(pool);
    }
}

TEST(a_job_that_is_due_waits_for_nobody) {
    gate door = GATE_CLOSED;
    request before = {.task = {.door = &door}}, due[WAYS] = {{.id = 0}}, last[WAYS] = {{.id = 0}};
    wpool *pool = pool_of(2); /* one comes by */
    request_submit(pool, &before, WITH_ID, (wpool_options){0});
    gate_await_count(&door, 1);
    for (int way = 0; way < WAYS; way++)
        request_submit(
            pool, &due[way], way,
            (wpool_options){.after = &before.id, .after_count = 1, .deadline = WPOOL_MS(5)});
    nodes_submit_after(pool, last, &due[WITH_ID].id);
    test_clock_pass_nearly(WPOOL_MS(5));
    nodes_check_not_ended(due, WAYS);
    test_clock_advance(1);
    requests_await(due, WAYS);
    requests_await(last, WAYS);
    requests_check(due, WAYS, WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
    requests_check(last, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    gate_open(&door);
    test_destroy(pool);
    request_check(&before, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_job_that_comes_after_another_is_tried_again) {
    request before = {.id = 0}, last[WAYS] = {{.id = 0}};
    trial t = {.failures = 2};
    wpool_id id;
    wpool *pool = test_pool_paused(2, 0);
    request_submit(pool, &before, WITH_ID, (wpool_options){0});
    const wpool_options options = {.after = &before.id, .after_count = 1, .retry = thrice};
    CHECK_EQ(wpool_submit_with(pool, trial_job, &t, &options, &id), WPOOL_OK);
    nodes_submit_after(pool, last, &id);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    for (unsigned i = 1; i < 3; i++) {
        pass_nearly_to_next(&t, i);
        nodes_check_not_ended(last, WAYS);
        test_clock_advance(1);
    }
    test_drain(pool);
    requests_check(last, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    test_destroy(pool);
}

TEST(a_periodic_job_begins_after_another) {
    gate door = GATE_CLOSED;
    request before = {.task = {.door = &door}};
    trial t = {.failures = 0};
    wpool_id id;
    wpool *pool = pool_of(2);
    request_submit(pool, &before, WITH_ID, (wpool_options){0});
    const wpool_options options = {
        .after = &before.id, .after_count = 1, .period = WPOOL_SECONDS(1)};
    CHECK_EQ(wpool_submit_with(pool, trial_job, &t, &options, &id), WPOOL_OK);
    gate_await_count(&door, 1);
    test_clock_advance(WPOOL_SECONDS(10));
    test_let_others_run();
    CHECK_EQ(t.starts, 0);
    gate_open(&door);
    for (unsigned i = 1; i <= 3; i++) {
        pass_nearly_to_next(&t, i);
        test_clock_advance(1);
    }
    trial_await(&t, 4);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(t.starts, 4);
    test_destroy(pool);
}
