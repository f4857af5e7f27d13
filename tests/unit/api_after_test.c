/* Jobs that start after others have succeeded: row F7. (With times: after_clock_test.c.) Also built
   with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include "ways.h"

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { LONG_CHAIN = 3000, ROUNDS = 20, RACES = 500 };
#else
enum { LONG_CHAIN = 50000, ROUNDS = 200, RACES = 5000 };
#endif

/* ---- jobs and those after them ---- */

static void node_submit_after(wpool *pool, request *n, int way, const wpool_id *after,
                              size_t count) {
    const wpool_options options = {.after = after, .after_count = count};
    request_submit(pool, n, way, options);
}

/* One in each way. */
static void nodes_submit_after(wpool *pool, request nodes[WAYS], const wpool_id *after,
                               size_t count) {
    for (int way = 0; way < WAYS; way++)
        node_submit_after(pool, &nodes[way], way, after, count);
}

/* Each after the one before, the first one after last, if that is not 0. Returns the last. */
static wpool_id chain_submit(wpool *pool, request *nodes, unsigned count, wpool_id last) {
    for (unsigned i = 0; i < count; i++) {
        node_submit_after(pool, &nodes[i], WITH_ID, &last, last != 0);
        last = nodes[i].id;
        CHECK(last != 0);
    }
    return last;
}

/* ---- in order ---- */

TEST(a_job_waits_until_the_one_before_has_succeeded) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request before = {.task = {.door = &door}}, after[WAYS] = {{.id = 0}};
    wpool *pool = pool_of(3);
    node_submit_after(pool, &before, WITH_ID, NULL, 0);
    nodes_submit_after(pool, after, &before.id, 1);
    gate_await_count(&door, 1);
    test_let_others_run();
    requests_check_not_ended(after, WAYS);
    CHECK_EQ(wpool_job_state(pool, after[WITH_ID].id), WPOOL_STATE_DELAYED);
    CHECK_EQ(wpool_job_wait(&after[OWNED].job, WPOOL_NOW), WPOOL_TIMEOUT);
    CHECK_EQ(test_stats(pool).waiting, WAYS);
    CHECK_EQ(test_stats(pool).delayed, WAYS);
    gate_open(&door);
    CHECK_EQ(wpool_job_wait(&after[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, after[WITH_ID].id, WPOOL_FOREVER, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).delayed, 0);
    test_destroy(pool);
    requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_paused_pool_starts_neither) {
    request before = {.id = 0}, after[WAYS] = {{.id = 0}};
    wpool *pool = test_pool_paused(2, 0);
    node_submit_after(pool, &before, WITH_ID, NULL, 0);
    nodes_submit_after(pool, after, &before.id, 1);
    CHECK_EQ(wpool_job_state(pool, before.id), WPOOL_STATE_WAITING);
    CHECK_EQ(wpool_job_state(pool, after[WITH_ID].id), WPOOL_STATE_DELAYED);
    CHECK_EQ(test_stats(pool).waiting, 1 + WAYS);
    CHECK_EQ(test_stats(pool).delayed, WAYS);
    requests_check_not_ended(after, WAYS);
    test_start(pool);
    test_drain(pool);
    requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    test_destroy(pool);
}

TEST(a_chain_of_a_thousand_runs_in_its_order) {
    enum { LENGTH = 1000 };
    for (unsigned workers = 1; workers <= 3; workers++)
        for (int is_paused = 0; is_paused < 2; is_paused++) {
            static step steps[LENGTH];
            static order ran;
            wpool_id id = 0, before;
            wpool *pool = is_paused ? test_pool_paused(workers, 2) : test_pool_of(workers, 2);
            atomic_store(&ran.count, 0);
            for (unsigned i = 0; i < LENGTH; i++) {
                const wpool_options options = {.after = &before, .after_count = i > 0};
                before = id;
                steps[i] = (step){&ran, i};
                CHECK_EQ(wpool_submit_with(pool, step_job, &steps[i], &options, &id), WPOOL_OK);
            }
            if (is_paused) {
                CHECK_EQ(ran.count, 0);
                CHECK_EQ(test_stats(pool).delayed, LENGTH - 1);
                test_start(pool);
            }
            CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
            order_check(&ran, 0, LENGTH);
            test_destroy(pool);
        }
}

/* Sums of those before, in plain memory: who starts too early reads what is not there, and a
   sanitizer sees it. */
typedef struct adder {
    const struct adder *before[4];
    unsigned value;
} adder;

static int add_job(void *arg, wpool_job *job) {
    adder *a = (adder *)arg;
    (void)job;
    a->value = 1;
    for (size_t i = 0; i < COUNT_OF(a->before) && a->before[i]; i++) {
        CHECK(a->before[i]->value != 0);
        a->value += a->before[i]->value;
    }
    return 0;
}

/* Those before may have ended when it is handed in, or not. */
TEST(a_diamond_meets_again) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        wpool *pool = pool_of(workers);
        for (int round = 0; round < 500; round++) {
            adder top = {.value = 0}, left = {{&top}, 0}, right = {{&top}, 0};
            adder bottom = {{&left, &right}, 0};
            wpool_id first, sides[2], last;
            const wpool_options after_first = {.after = &first, .after_count = 1};
            const wpool_options after_sides = {.after = sides, .after_count = 2};
            CHECK_EQ(wpool_submit(pool, add_job, &top, &first), WPOOL_OK);
            CHECK_EQ(wpool_submit_with(pool, add_job, &left, &after_first, &sides[0]), WPOOL_OK);
            CHECK_EQ(wpool_submit_with(pool, add_job, &right, &after_first, &sides[1]), WPOOL_OK);
            CHECK_EQ(wpool_submit_with(pool, add_job, &bottom, &after_sides, &last), WPOOL_OK);
            CHECK_EQ(wpool_wait(pool, last, WPOOL_FOREVER, NULL), WPOOL_OK);
            CHECK_EQ(bottom.value, 5);
        }
        test_destroy(pool);
    }
}

enum { WIDE = 1000 };

TEST(one_job_comes_after_a_thousand) {
    for (unsigned workers = 1; workers <= 3; workers++)
        for (int is_paused = 0; is_paused < 2; is_paused++) {
            static wpool_id ids[WIDE];
            atomic_uint count = 0;
            request last[WAYS] = {{.id = 0}};
            wpool *pool = is_paused ? test_pool_paused(workers, 0) : pool_of(workers);
            for (int i = 0; i < WIDE; i++)
                CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[i]), WPOOL_OK);
            nodes_submit_after(pool, last, ids, WIDE);
            if (is_paused) test_start(pool);
            CHECK_EQ(wpool_job_wait(&last[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
            CHECK_EQ(count, WIDE);
            test_destroy(pool);
            requests_check(last, WAYS, WPOOL_STATE_SUCCEEDED, 0);
        }
}

TEST(the_last_one_of_a_thousand_is_waited_for) {
    NEEDS_WORKERS();
    static wpool_id ids[WIDE];
    atomic_uint count = 0;
    gate door = GATE_CLOSED;
    request slow = {.task = {.door = &door}}, last[WAYS] = {{.id = 0}};
    wpool *pool = pool_of(2);
    for (int i = 0; i < WIDE; i++) {
        if (i == WIDE / 2) node_submit_after(pool, &slow, WITH_ID, NULL, 0);
        if (i != WIDE / 2) CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[i]), WPOOL_OK);
    }
    ids[WIDE / 2] = slow.id;
    nodes_submit_after(pool, last, ids, WIDE);
    while (atomic_load(&count) < WIDE - 1)
        sched_yield();
    test_let_others_run();
    requests_check_not_ended(last, WAYS);
    gate_open(&door);
    test_destroy(pool);
    requests_check(last, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_thousand_come_after_one) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        static request after[WIDE][WAYS];
        request first = {.id = 0};
        wpool *pool = test_pool_paused(workers, 0);
        memset((void *)after, 0, sizeof after);
        node_submit_after(pool, &first, WITH_ID, NULL, 0);
        for (int i = 0; i < WIDE; i++)
            nodes_submit_after(pool, after[i], &first.id, 1);
        CHECK_EQ(test_stats(pool).delayed, WIDE * WAYS);
        test_start(pool);
        test_drain(pool);
        requests_check(after[0], WIDE * WAYS, WPOOL_STATE_SUCCEEDED, 0);
        test_destroy(pool);
    }
}

TEST(the_same_one_may_be_named_again_and_again) {
    request before[2] = {{.id = 0}}, after[WAYS] = {{.id = 0}};
    wpool_id ids[100];
    wpool *pool = test_pool_paused(2, 0);
    for (int i = 0; i < 2; i++)
        node_submit_after(pool, &before[i], WITH_ID, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        ids[i] = before[i % 3 == 1].id;
    nodes_submit_after(pool, after, ids, COUNT_OF(ids));
    test_start(pool);
    test_destroy(pool);
    requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(they_have_no_place_in_the_queue) {
    request before = {.id = 0}, after[WAYS] = {{.id = 0}};
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 2, .when_full = WPOOL_REFUSE, .start_paused = true});
    node_submit_after(pool, &before, WITH_ID, NULL, 0);
    nodes_submit_after(pool, after, &before.id, 1);
    count_submit(pool, &count, 1);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    CHECK_EQ(test_stats(pool).waiting, 2 + WAYS);
    test_start(pool);
    test_drain(pool);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    count_submit(pool, &count, 2);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    test_destroy(pool);
    requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    CHECK_EQ(count, 3);
}

/* ---- those before that end otherwise ---- */

enum { FAILS, LEAVES, IS_TOLD, IS_CANCELLED, IS_DROPPED, IN_CANCELLED_GROUP, STORIES };

/* A chain in whose middle somebody does not succeed: all behind it are discarded. */
static void check_chain(int story, unsigned length, unsigned middle) {
    request *nodes = (request *)calloc(length, sizeof *nodes);
    atomic_uint others = 0;
    wpool_group group;
    wpool_options options = {.after_count = middle > 0};
    wpool_id id;
    wpool *pool = pool_from(
        (wpool_config){.workers = 2, .queue_capacity = 1, .when_full = WPOOL_DROP_OLDEST});
    CHECK(nodes != NULL);
    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    id = chain_submit(pool, nodes, middle, 0);
    nodes[middle].task.error = story == FAILS || story == IS_TOLD ? 9 : 0;
    nodes[middle].task.leaves = story == LEAVES;
    nodes[middle].task.is_patient = story == IS_TOLD;
    if (story == IN_CANCELLED_GROUP) options.group = &group;
    options.after = &id;
    request_submit(pool, &nodes[middle], WITH_ID, options);
    id = chain_submit(pool, nodes + middle + 1, length - middle - 1, nodes[middle].id);
    if (story == IS_CANCELLED)
        CHECK_EQ(wpool_cancel(pool, nodes[middle].id, WPOOL_GRACEFUL), WPOOL_OK);
    if (story == IN_CANCELLED_GROUP) CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
    if (story == IS_DROPPED) count_submit(pool, &others, 1); /* it was the only one with a place */
    test_start(pool);
    if (story == IS_TOLD) {
        while (atomic_load(&nodes[middle].task.run_count) == 0)
            sched_yield();
        CHECK_EQ(wpool_cancel(pool, nodes[middle].id, WPOOL_HOT), WPOOL_CANCELLED);
    }
    test_drain(pool);
    CHECK_EQ(test_stats(pool).delayed, 0);
    wpool_result result;
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
    CHECK_EQ(result.error, WPOOL_CANCELLED);
    CHECK_EQ(result.attempts, 0);
    test_destroy(pool);
    requests_check(nodes, middle, WPOOL_STATE_SUCCEEDED, 0);
    switch (story) {
    case FAILS:
        request_check(&nodes[middle], WPOOL_STATE_FAILED, 9);
        break;
    case LEAVES:
        CHECK_EQ(nodes[middle].task.state, WPOOL_STATE_FAILED);
        break;
    case IS_TOLD:
        request_check(&nodes[middle], WPOOL_STATE_CANCELLED, 9);
        break;
    default:
        request_check(&nodes[middle], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    }
    requests_check(nodes + middle + 1, length - middle - 1, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    free(nodes);
}

TEST(all_behind_a_failed_job_are_discarded) {
    for (unsigned middle = 0; middle <= 500; middle += 250)
        check_chain(FAILS, 1000, middle);
}
TEST(all_behind_a_job_that_left_its_thread_are_discarded) {
    NEEDS_WORKERS(); /* inline, it would be this one */
    check_chain(LEAVES, 100, 50);
}
TEST(all_behind_a_job_that_was_told_to_end_are_discarded) {
    NEEDS_WORKERS();
    check_chain(IS_TOLD, 100, 50);
}
TEST(all_behind_a_cancelled_job_are_discarded) {
    for (unsigned middle = 0; middle <= 50; middle += 25)
        check_chain(IS_CANCELLED, 100, middle);
}
TEST(all_behind_a_dropped_job_are_discarded) { check_chain(IS_DROPPED, 100, 0); }
TEST(all_behind_a_member_of_a_cancelled_group_are_discarded) {
    for (unsigned middle = 0; middle <= 50; middle += 25)
        check_chain(IN_CANCELLED_GROUP, 100, middle);
}
TEST(a_long_chain_is_discarded_on_a_small_stack) {
    check_chain(FAILS, LONG_CHAIN, 0);
    check_chain(IS_CANCELLED, LONG_CHAIN, 0);
}

TEST(who_was_told_and_succeeds_all_the_same_has_succeeded) {
    NEEDS_WORKERS();
    request before = {.task = {.is_patient = true}}, after[WAYS] = {{.id = 0}};
    wpool *pool = pool_of(1);
    node_submit_after(pool, &before, WITH_ID, NULL, 0);
    nodes_submit_after(pool, after, &before.id, 1);
    while (atomic_load(&before.task.run_count) == 0)
        sched_yield();
    CHECK_EQ(wpool_cancel(pool, before.id, WPOOL_HOT), WPOOL_CANCELLED);
    test_destroy(pool);
    requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

/* It does not wait for the others. */
TEST(the_first_that_fails_discards_it_at_once) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request slow = {.task = {.door = &door}}, bad = {.task = {.error = 4}},
            after[WAYS] = {{.id = 0}};
    wpool_id ids[2];
    wpool *pool = pool_of(2);
    node_submit_after(pool, &slow, WITH_ID, NULL, 0);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    node_submit_after(pool, &bad, WITH_ID, NULL, 0);
    ids[0] = slow.id;
    ids[1] = bad.id;
    nodes_submit_after(pool, after, ids, 2);
    test_start(pool);
    CHECK_EQ(wpool_job_wait(&after[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, after[WITH_ID].id, WPOOL_FOREVER, NULL), WPOOL_OK);
    while (atomic_load(&after[PLAIN].task.done_count) == 0)
        sched_yield();
    CHECK_EQ(slow.task.done_count, 0);
    gate_open(&door);
    test_destroy(pool);
    request_check(&slow, WPOOL_STATE_SUCCEEDED, 0);
    requests_check(after, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
}

TEST(what_is_not_behind_it_is_not_touched) {
    request good = {.id = 0}, bad = {.task = {.error = 4}};
    request after_good[WAYS] = {{.id = 0}}, after_bad[WAYS] = {{.id = 0}};
    wpool *pool = test_pool_paused(1, 0);
    node_submit_after(pool, &good, WITH_ID, NULL, 0);
    node_submit_after(pool, &bad, WITH_ID, NULL, 0);
    nodes_submit_after(pool, after_good, &good.id, 1);
    nodes_submit_after(pool, after_bad, &bad.id, 1);
    test_start(pool);
    test_destroy(pool);
    requests_check(after_good, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    requests_check(after_bad, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
}

/* ---- those before have ended already ---- */

TEST(after_one_that_has_succeeded_already_it_starts) {
    request before = {.id = 0}, after[WAYS] = {{.id = 0}};
    wpool *pool = pool_of(2);
    node_submit_after(pool, &before, WITH_ID, NULL, 0);
    test_drain(pool);
    nodes_submit_after(pool, after, &before.id, 1);
    test_drain(pool);
    requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    CHECK_EQ(wpool_wait(pool, before.id, WPOOL_NOW, NULL), WPOOL_OK);
    test_destroy(pool);
}

TEST(after_one_that_has_ended_otherwise_it_is_discarded) {
    for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
        request before = {.task = {.error = 2}}, after[WAYS] = {{.id = 0}};
        wpool *pool = test_pool_paused(1, 0);
        node_submit_after(pool, &before, WITH_ID, NULL, 0);
        if (is_cancelled) CHECK_EQ(wpool_cancel(pool, before.id, WPOOL_HOT), WPOOL_OK);
        test_start(pool);
        test_drain(pool);
        nodes_submit_after(pool, after, &before.id, 1);
        CHECK_EQ(wpool_wait(pool, after[WITH_ID].id, WPOOL_FOREVER, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&after[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(after[OWNED].job.error, WPOOL_CANCELLED);
        test_drain(pool);
        requests_check(after, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        CHECK_EQ(test_stats(pool).discarded, WAYS + is_cancelled);
        CHECK_EQ(wpool_submit_job(pool, &after[OWNED].job, NULL), WPOOL_OK);
        test_destroy(pool);
        CHECK_EQ(after[OWNED].task.run_count, 1);
    }
}

TEST(some_have_ended_and_some_have_not) {
    request before[4] = {{.id = 0}}, after[WAYS] = {{.id = 0}};
    wpool_id ids[4];
    wpool *pool = pool_of(1);
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            test_drain(pool);
            CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        }
        node_submit_after(pool, &before[i], WITH_ID, NULL, 0);
        ids[3 - i] = before[i].id;
    }
    nodes_submit_after(pool, after, ids, 4);
    requests_check_not_ended(after, WAYS);
    test_start(pool);
    test_destroy(pool);
    requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

/* ---- ids that name no job ---- */

TEST(ids_of_no_job_are_unknown_and_nothing_is_left_behind) {
    atomic_uint count = 0;
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    wpool_id unknown[6], ids[3];
    request good = {.id = 0}, bad = {.task = {.error = 3}}, waited = {.id = 0},
            forgotten = {.id = 0};
    wpool *other = test_pool_paused(1, 0);
    wpool *pool = pool_from((wpool_config){.workers = 1, .allocator = &allocator});
    CHECK_EQ(wpool_submit(other, count_job, &count, &unknown[0]), WPOOL_OK);
    node_submit_after(pool, &waited, WITH_ID, NULL, 0);
    node_submit_after(pool, &forgotten, WITH_ID, NULL, 0);
    CHECK_EQ(wpool_wait(pool, unknown[1] = waited.id, WPOOL_FOREVER, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    CHECK_EQ(wpool_forget(pool, unknown[2] = forgotten.id), WPOOL_OK);
    node_submit_after(pool, &good, WITH_ID, NULL, 0);
    node_submit_after(pool, &bad, WITH_ID, NULL, 0);
    unknown[3] = 0;
    unknown[4] = UINT64_MAX;
    unknown[5] = good.id ^ UINT64_C(1) << 40;
    const wpool_stats_snapshot before = test_stats(pool);
    for (int round = 0; round < 200; round++) /* were something left, it would add up */
        for (size_t i = 0; i < COUNT_OF(unknown); i++)
            for (int place = 0; place < 3; place++)
                for (int way = 0; way < WAYS; way++) {
                    request refused = {.id = 77};
                    wpool_group group;
                    const wpool_options options = {
                        .after = ids, .after_count = 1 + (size_t)place, .group = &group};
                    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
                    ids[0] = good.id;
                    ids[1] = bad.id;
                    ids[place] = unknown[i];
                    CHECK_EQ(request_try(pool, &refused, way, options), WPOOL_UNKNOWN);
                    if (way == WITH_ID) CHECK_EQ(refused.id, 0);
                    if (way == OWNED)
                        CHECK_EQ(wpool_job_wait(&refused.job, WPOOL_NOW), WPOOL_UNKNOWN);
                    CHECK_EQ(wpool_group_wait(&group, WPOOL_NOW, NULL), WPOOL_OK);
                    requests_check_not_ended(&refused, 1);
                }
    const wpool_stats_snapshot stats = test_stats(pool);
    CHECK_EQ(stats.accepted, before.accepted);
    CHECK_EQ(stats.waiting, 2);
    test_start(pool);
    test_drain(pool); /* good and bad tell nobody who is not there */
    test_destroy(pool);
    request_check(&good, WPOOL_STATE_SUCCEEDED, 0);
    request_check(&bad, WPOOL_STATE_FAILED, 3);
    test_destroy(other);
    memory_check_empty(&used);
}

TEST(a_refused_job_of_ones_own_may_be_handed_in_again) {
    request n = {.id = 0}, before = {.id = 0};
    wpool_id nothing = 0;
    wpool *pool = test_pool_paused(1, 0);
    const wpool_options options = {.after = &nothing, .after_count = 1};
    node_submit_after(pool, &before, WITH_ID, NULL, 0);
    CHECK_EQ(request_try(pool, &n, OWNED, options), WPOOL_UNKNOWN);
    node_submit_after(pool, &n, OWNED, &before.id, 1);
    test_start(pool);
    CHECK_EQ(wpool_job_wait(&n.job, WPOOL_FOREVER), WPOOL_OK);
    test_destroy(pool);
    request_check(&n, WPOOL_STATE_SUCCEEDED, 0);
}

/* The id that a submit is to fill names no job before. */
TEST(nothing_comes_after_itself) {
    atomic_uint count = 0;
    wpool_id ids[3] = {0};
    const wpool_options options = {.after = ids, .after_count = 3};
    wpool *pool = test_pool_paused(1, 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[i]), WPOOL_OK);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, &ids[2]), WPOOL_UNKNOWN);
    CHECK_EQ(ids[2], 0);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, &ids[2]), WPOOL_UNKNOWN);
    CHECK_EQ(test_stats(pool).accepted, 2);
    test_destroy(pool);
    CHECK_EQ(count, 2);
}

TEST(the_id_may_take_the_place_of_one_before) {
    request first = {.id = 0}, second = {.id = 0};
    wpool_id ids[2];
    const wpool_options options = {.on_done = task_done, .after = ids, .after_count = 2};
    wpool *pool = test_pool_paused(1, 0);
    node_submit_after(pool, &first, WITH_ID, NULL, 0);
    ids[0] = ids[1] = first.id;
    CHECK_EQ(wpool_submit_with(pool, task_job, &second.task, &options, &ids[1]), WPOOL_OK);
    CHECK(ids[1] != first.id);
    CHECK_EQ(wpool_job_state(pool, ids[1]), WPOOL_STATE_DELAYED);
    test_destroy(pool);
    request_check(&second, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_number_without_ids_is_invalid_and_ids_without_a_number_are_none) {
    request n[WAYS] = {{.id = 0}};
    const wpool_id nothing = 0;
    wpool *pool = test_pool_paused(1, 0);
    for (int way = 0; way < WAYS; way++)
        CHECK_EQ(request_try(pool, &n[way], way, (wpool_options){.after_count = 1}), WPOOL_INVALID);
    requests_check_not_ended(n, WAYS);
    CHECK_EQ(test_stats(pool).accepted, 0);
    nodes_submit_after(pool, n, &nothing, 0);
    CHECK_EQ(test_stats(pool).delayed, 0);
    test_destroy(pool);
    requests_check(n, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_closed_or_stopped_pool_accepts_none) {
    for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
        request before = {.id = 0}, after[WAYS] = {{.id = 0}};
        wpool *pool = test_pool_paused(1, 0);
        node_submit_after(pool, &before, WITH_ID, NULL, 0);
        CHECK_EQ(is_stopped ? wpool_stop(pool, WPOOL_HOT) : wpool_close(pool), WPOOL_OK);
        for (int way = 0; way < WAYS; way++) {
            const wpool_options options = {.after = &before.id, .after_count = 1};
            CHECK_EQ(request_try(pool, &after[way], way, options), WPOOL_CLOSED);
        }
        test_destroy(pool);
        requests_check_not_ended(after, WAYS);
    }
}

/* ---- what goes on after one has ended ---- */

typedef struct continuation {
    int error;
    bool in_on_done;
    atomic_bool has_returned;
    request after[WAYS];
} continuation;

static int continue_job(void *arg, wpool_job *job) {
    continuation *c = (continuation *)arg;
    const wpool_id self = wpool_job_id(job);
    if (!c->in_on_done) nodes_submit_after(wpool_job_pool(job), c->after, &self, 1);
    test_let_others_run();
    requests_check_not_ended(c->after, WAYS);
    atomic_store(&c->has_returned, true);
    return c->error;
}

static wpool *continue_in;

static void continue_done(void *arg, const wpool_result *result) {
    continuation *c = (continuation *)arg;
    if (c->in_on_done) nodes_submit_after(continue_in, c->after, &result->id, 1);
}

TEST(a_running_job_says_what_comes_after_it) {
    static const wpool_options options = {.on_done = continue_done};
    for (int in_on_done = 0; in_on_done < 2; in_on_done++)
        for (int error = 0; error < 2; error++)
            for (int has_results = 0; has_results < 2; has_results++) {
                continuation c = {.error = error, .in_on_done = in_on_done};
                wpool_id id;
                continue_in = pool_from((wpool_config){.workers = 2, .results = has_results});
                CHECK_EQ(wpool_submit_with(continue_in, continue_job, &c, &options, &id), WPOOL_OK);
                test_drain(continue_in);
                CHECK(c.has_returned);
                requests_check(c.after, WAYS, error ? WPOOL_STATE_DISCARDED : WPOOL_STATE_SUCCEEDED,
                               error ? WPOOL_CANCELLED : 0);
                test_destroy(continue_in);
            }
}

/* on_done of a discarded job submits, waits for nobody, and what it submits runs. */
TEST(on_done_of_a_discarded_job_submits_another) {
    request before = {.task = {.error = 1}};
    continuation c = {.in_on_done = true};
    const wpool_options options = {.on_done = continue_done, .after = &before.id, .after_count = 1};
    wpool_id id;
    continue_in = test_pool_paused(1, 0);
    node_submit_after(continue_in, &before, WITH_ID, NULL, 0);
    CHECK_EQ(wpool_submit_with(continue_in, continue_job, &c, &options, &id), WPOOL_OK);
    test_start(continue_in);
    test_drain(continue_in);
    CHECK(!c.has_returned);
    requests_check(c.after, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    test_destroy(continue_in);
}

/* ---- delivered, forgotten, cancelled, in groups ---- */

TEST(delivering_and_forgetting_those_before_changes_nothing) {
    for (int is_forgotten = 0; is_forgotten < 2; is_forgotten++)
        for (int error = 0; error < 2; error++) {
            request before = {.task = {.error = error}}, after[WAYS] = {{.id = 0}};
            wpool *pool = test_pool_paused(1, 0);
            node_submit_after(pool, &before, WITH_ID, NULL, 0);
            nodes_submit_after(pool, after, &before.id, 1);
            if (is_forgotten) CHECK_EQ(wpool_forget(pool, before.id), WPOOL_OK);
            CHECK_EQ(wpool_forget(pool, after[WITH_ID].id), WPOOL_OK);
            test_start(pool);
            if (!is_forgotten) CHECK_EQ(wpool_wait(pool, before.id, WPOOL_FOREVER, NULL), WPOOL_OK);
            test_drain(pool);
            requests_check(after, WAYS, error ? WPOOL_STATE_DISCARDED : WPOOL_STATE_SUCCEEDED,
                           error ? WPOOL_CANCELLED : 0);
            test_destroy(pool);
        }
}

TEST(all_results_are_taken_in_order_of_completion) {
    enum { LENGTH = 100 };
    for (int is_failing = 0; is_failing < 2; is_failing++) {
        static request nodes[LENGTH];
        wpool *pool =
            pool_from((wpool_config){.workers = 2, .results = true, .start_paused = true});
        memset((void *)nodes, 0, sizeof nodes);
        nodes[0].task.error = is_failing;
        chain_submit(pool, nodes, LENGTH, 0);
        test_start(pool);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        for (int i = 0; i < LENGTH; i++) {
            wpool_result result;
            CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
            if (!is_failing || i == 0) CHECK(result.id == nodes[i].id);
            CHECK_EQ(result.state, !is_failing ? WPOOL_STATE_SUCCEEDED
                                   : i == 0    ? WPOOL_STATE_FAILED
                                               : WPOOL_STATE_DISCARDED);
        }
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_DONE);
        test_destroy(pool);
    }
}

TEST(one_that_waits_for_others_is_cancelled) {
    for (int mode = WPOOL_GRACEFUL; mode <= WPOOL_HOT; mode++) {
        request before = {.id = 0}, doomed = {.id = 0}, after[WAYS] = {{.id = 0}};
        request beside[WAYS] = {{.id = 0}};
        wpool *pool = test_pool_paused(1, 0);
        node_submit_after(pool, &before, WITH_ID, NULL, 0);
        node_submit_after(pool, &doomed, WITH_ID, &before.id, 1);
        nodes_submit_after(pool, after, &doomed.id, 1);
        nodes_submit_after(pool, beside, &before.id, 1);
        CHECK_EQ(wpool_cancel(pool, doomed.id, (wpool_mode)mode), WPOOL_OK);
        request_check(&doomed, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        CHECK_EQ(wpool_cancel(pool, doomed.id, (wpool_mode)mode), WPOOL_ALREADY);
        CHECK_EQ(test_stats(pool).delayed, WAYS);
        test_start(pool);
        test_drain(pool);
        CHECK_EQ(test_stats(pool).discarded, 1 + WAYS);
        test_destroy(pool);
        requests_check(after, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        request_check(&before, WPOOL_STATE_SUCCEEDED, 0);
        requests_check(beside, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    }
}

TEST(members_of_a_group_wait_for_others) {
    for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
        request before = {.id = 0}, members[WAYS] = {{.id = 0}}, after[WAYS] = {{.id = 0}};
        wpool_group group;
        wpool *pool = test_pool_paused(1, 0);
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        node_submit_after(pool, &before, WITH_ID, NULL, 0);
        for (int way = 0; way < WAYS; way++) {
            const wpool_options options = {.group = &group, .after = &before.id, .after_count = 1};
            request_submit(pool, &members[way], way, options);
        }
        nodes_submit_after(pool, after, &members[WITH_ID].id, 1);
        if (!POOL_IS_INLINE) CHECK_EQ(wpool_group_wait(&group, WPOOL_NOW, NULL), WPOOL_TIMEOUT);
        if (is_cancelled) {
            CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
            request_check(&members[WITH_ID], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        }
        test_start(pool);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
        test_destroy(pool);
        const wpool_state state = is_cancelled ? WPOOL_STATE_DISCARDED : WPOOL_STATE_SUCCEEDED;
        requests_check(members, WAYS, state, is_cancelled ? WPOOL_CANCELLED : 0);
        requests_check(after, WAYS, state, is_cancelled ? WPOOL_CANCELLED : 0);
        request_check(&before, WPOOL_STATE_SUCCEEDED, 0);
    }
}

/* The first error is that of the member that failed, not of those behind it. */
TEST(a_group_keeps_the_error_that_came_first) {
    request nodes[10];
    wpool_group group;
    int error = 0;
    wpool *pool = test_pool_paused(2, 0);
    memset((void *)nodes, 0, sizeof nodes);
    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
    nodes[3].task.error = 55;
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        const wpool_options options = {
            .group = &group, .after = &nodes[i > 0 ? i - 1 : 0].id, .after_count = i > 0};
        request_submit(pool, &nodes[i], WITH_ID, options);
    }
    test_start(pool);
    CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, &error), WPOOL_OK);
    CHECK_EQ(error, 55);
    requests_check(nodes, 3, WPOOL_STATE_SUCCEEDED, 0);
    requests_check(nodes + 4, COUNT_OF(nodes) - 4, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    test_destroy(pool);
}

/* They enter the lane when they could start: others there do not wait for what they wait for. */
TEST(jobs_in_a_lane_come_after_others) {
    NEEDS_WORKERS();
    for (int error = 0; error < 2; error++) {
        gate door = GATE_CLOSED;
        request before = {.task = {.door = &door, .error = error}};
        request waits[WAYS] = {{.id = 0}}, passes = {.id = 0};
        wpool_lane lane = {.max_running = 1};
        wpool *pool = pool_of(2);
        CHECK_EQ(wpool_lane_init(&lane, pool), WPOOL_OK);
        node_submit_after(pool, &before, WITH_ID, NULL, 0);
        for (int way = 0; way < WAYS; way++) {
            const wpool_options options = {.lane = &lane, .after = &before.id, .after_count = 1};
            request_submit(pool, &waits[way], way, options);
        }
        request_submit(pool, &passes, WITH_ID, (wpool_options){.lane = &lane});
        CHECK_EQ(wpool_wait(pool, passes.id, WPOOL_FOREVER, NULL), WPOOL_OK);
        requests_check_not_ended(waits, WAYS);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
        gate_open(&door);
        test_drain(pool);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_OK);
        test_destroy(pool);
        requests_check(waits, WAYS, error ? WPOOL_STATE_DISCARDED : WPOOL_STATE_SUCCEEDED,
                       error ? WPOOL_CANCELLED : 0);
    }
}

TEST(all_orders_know_who_comes_after_whom) {
    for (int in_order = WPOOL_FIFO; in_order <= WPOOL_PRIORITY; in_order++) {
        static request nodes[WIDE];
        wpool *pool = pool_from(
            (wpool_config){.workers = 2, .order = (wpool_order)in_order, .start_paused = true});
        memset((void *)nodes, 0, sizeof nodes);
        chain_submit(pool, nodes, WIDE, 0);
        test_destroy(pool);
        requests_check(nodes, WIDE, WPOOL_STATE_SUCCEEDED, 0);
    }
}

/* ---- the end of the pool ---- */

static wpool_status close_pool(wpool *pool) { return wpool_close(pool); }
static wpool_status shut_down(wpool *pool) {
    return wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER);
}
static wpool_status drain(wpool *pool) {
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    return wpool_drain(pool, WPOOL_FOREVER);
}
static wpool_status do_nothing(wpool *pool) {
    (void)pool;
    return WPOOL_OK;
}

TEST(what_waits_for_others_still_runs_when_the_pool_is_closed_or_destroyed) {
    static wpool_status (*const ends[])(wpool *) = {close_pool, shut_down, drain, do_nothing};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        for (unsigned workers = 1; workers <= 2; workers++) {
            memory used = {0};
            const wpool_allocator allocator = memory_allocator(&used);
            request before = {.id = 0}, after[WAYS] = {{.id = 0}}, last[WAYS] = {{.id = 0}};
            wpool *pool = pool_from(
                (wpool_config){.workers = workers, .start_paused = true, .allocator = &allocator});
            node_submit_after(pool, &before, WITH_ID, NULL, 0);
            nodes_submit_after(pool, after, &before.id, 1);
            nodes_submit_after(pool, last, &after[WITH_ID].id, 1);
            CHECK_EQ(ends[i](pool), WPOOL_OK);
            test_destroy(pool);
            requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
            requests_check(last, WAYS, WPOOL_STATE_SUCCEEDED, 0);
            memory_check_empty(&used);
        }
}

TEST(a_stop_discards_what_waits_for_others) {
    for (int mode = WPOOL_GRACEFUL; mode <= WPOOL_HOT; mode++)
        for (int is_running = 0; is_running < 2; is_running++) {
            if (is_running && POOL_IS_INLINE) continue;
            gate door = GATE_CLOSED;
            memory used = {0};
            const wpool_allocator allocator = memory_allocator(&used);
            request before = {.task = {.door = is_running ? &door : NULL}};
            request after[WAYS] = {{.id = 0}}, last[WAYS] = {{.id = 0}};
            wpool *pool = pool_from(
                (wpool_config){.workers = 2, .start_paused = true, .allocator = &allocator});
            node_submit_after(pool, &before, WITH_ID, NULL, 0);
            nodes_submit_after(pool, after, &before.id, 1);
            nodes_submit_after(pool, last, &after[WITH_ID].id, 1);
            if (is_running) {
                test_start(pool);
                gate_await_count(&door, 1);
            }
            CHECK_EQ(wpool_stop(pool, (wpool_mode)mode), WPOOL_OK);
            CHECK_EQ(test_stats(pool).delayed, 0);
            while (test_stats(pool).waiting > 0) /* a worker may have some in its hands */
                sched_yield();
            gate_open(&door);
            test_destroy(pool);
            requests_check(after, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            requests_check(last, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            request_check(&before, is_running ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_DISCARDED,
                          is_running ? 0 : WPOOL_CANCELLED);
            memory_check_empty(&used);
        }
}

TEST(a_shutdown_whose_time_is_out_discards_what_waits_for_others) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request before = {.task = {.door = &door}}, after[WAYS] = {{.id = 0}};
    wpool *pool = pool_of(1);
    node_submit_after(pool, &before, WITH_ID, NULL, 0);
    nodes_submit_after(pool, after, &before.id, 1);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_MS(1)), WPOOL_TIMEOUT);
    requests_check(after, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    gate_open(&door);
    test_destroy(pool);
    request_check(&before, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_drain_waits_for_what_waits_for_others) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request before = {.task = {.door = &door}}, after[WAYS] = {{.id = 0}};
    wpool *pool = pool_of(2);
    node_submit_after(pool, &before, WITH_ID, NULL, 0);
    nodes_submit_after(pool, after, &before.id, 1);
    CHECK_EQ(wpool_drain(pool, WPOOL_MS(1)), WPOOL_TIMEOUT);
    gate_open(&door);
    test_drain(pool);
    requests_check(after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    test_destroy(pool);
}

/* ---- on workers that wait ---- */

typedef struct waiter {
    wpool_group group;
    bool for_group;
    request before, after[WAYS];
} waiter;

static int wait_job(void *arg, wpool_job *job) {
    waiter *w = (waiter *)arg;
    wpool *pool = wpool_job_pool(job);
    const wpool_options options = {.group = &w->group};
    CHECK_EQ(wpool_group_init(&w->group, NULL), WPOOL_OK);
    request_submit(pool, &w->before, WITH_ID, options);
    for (int way = 0; way < WAYS; way++) {
        const wpool_options after = {.group = &w->group, .after = &w->before.id, .after_count = 1};
        request_submit(pool, &w->after[way], way, after);
    }
    if (!w->for_group) {
        CHECK_EQ(wpool_job_wait(&w->after[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(wpool_wait(pool, w->after[WITH_ID].id, WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    CHECK_EQ(wpool_group_wait(&w->group, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

static void check_wait(unsigned workers, wpool_help help, bool for_group) {
    waiter w = {.for_group = for_group};
    wpool *pool = pool_from((wpool_config){.workers = workers, .help = help});
    CHECK_EQ(wpool_submit(pool, wait_job, &w, NULL), WPOOL_OK);
    test_drain(pool);
    test_destroy(pool);
    requests_check(w.after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_worker_waits_for_a_group_whose_members_wait_for_each_other) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        check_wait(workers, WPOOL_HELP_NARROW, true);
        check_wait(workers, WPOOL_HELP_ANY, true);
    }
}

/* The only worker runs the one before, too. */
TEST(a_worker_waits_for_a_job_that_waits_for_another) {
    for (unsigned workers = 1; workers <= 3; workers++)
        for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++)
            check_wait(workers, (wpool_help)help, false);
}

TEST(a_worker_that_may_not_help_waits_for_a_job_that_waits_for_another_one_elsewhere) {
    NEEDS_WORKERS();
    check_wait(2, WPOOL_HELP_NONE, false);
}

/* A chain, and a lane before it: all of that holds the last one back. */
typedef struct depth {
    request nodes[50];
    wpool_lane lane;
    request in_lane[3];
} depth;

static int wait_for_last_job(void *arg, wpool_job *job) {
    depth *d = (depth *)arg;
    wpool *pool = wpool_job_pool(job);
    CHECK_EQ(wpool_lane_init(&d->lane, pool), WPOOL_OK);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(request_try(pool, &d->in_lane[i], WITH_ID, (wpool_options){.lane = &d->lane}),
                 WPOOL_OK);
    const wpool_id last =
        chain_submit(pool, d->nodes, (unsigned)COUNT_OF(d->nodes), d->in_lane[2].id);
    CHECK_EQ(wpool_wait(pool, last, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

TEST(a_worker_runs_all_that_holds_a_job_back) {
    for (int in_order = WPOOL_FIFO; in_order <= WPOOL_PRIORITY; in_order++)
        for (unsigned workers = 1; workers <= 2; workers++) {
            depth d = {.lane = {.max_running = 1}};
            wpool *pool =
                pool_from((wpool_config){.workers = workers, .order = (wpool_order)in_order});
            CHECK_EQ(wpool_submit(pool, wait_for_last_job, &d, NULL), WPOOL_OK);
            test_drain(pool);
            CHECK_EQ(wpool_lane_destroy(&d.lane), WPOOL_OK);
            test_destroy(pool);
            requests_check(d.nodes, COUNT_OF(d.nodes), WPOOL_STATE_SUCCEEDED, 0);
            requests_check(d.in_lane, COUNT_OF(d.in_lane), WPOOL_STATE_SUCCEEDED, 0);
        }
}

/* Many such workers at once: graphs at random, partly in lanes that all share, and waits for any
   job of them. */
typedef struct thicket {
    uint64_t seed;
    wpool_lane lanes[3];
    atomic_uint ran;
} thicket;

enum { THICKETS = 40, BUSHES = 30 };

static int thicket_job(void *arg, wpool_job *job) {
    thicket *t = (thicket *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_id ids[BUSHES];
    for (unsigned i = 0; i < BUSHES; i++) {
        const uint64_t lane = test_choose(t->seed, 6), back = i ? test_choose(t->seed, i) : 0;
        const wpool_options options = {.lane = lane < 3 ? &t->lanes[lane] : NULL,
                                       .after = &ids[back],
                                       .after_count = i > 0 && test_choose(t->seed, 2)};
        CHECK_EQ(wpool_submit_with(pool, count_job, &t->ran, &options, &ids[i]), WPOOL_OK);
    }
    for (unsigned i = 0; i < BUSHES; i++) {
        const uint64_t j = test_choose(t->seed, BUSHES);
        if (ids[j] != 0) CHECK_EQ(wpool_wait(pool, ids[j], WPOOL_FOREVER, NULL), WPOOL_OK);
        ids[j] = 0;
    }
    return 0;
}

TEST(workers_wait_for_jobs_that_are_held_back_at_random) {
    const uint64_t seed = test_seed();
    for (unsigned workers = 1; workers <= 3; workers++)
        for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++) {
            thicket t = {.seed = seed};
            wpool *pool = pool_from((wpool_config){.workers = workers, .help = (wpool_help)help});
            for (unsigned i = 0; i < 3; i++) {
                t.lanes[i].max_running = 1 + i / 2;
                CHECK_EQ(wpool_lane_init(&t.lanes[i], pool), WPOOL_OK);
            }
            for (int i = 0; i < THICKETS; i++)
                CHECK_EQ(wpool_submit(pool, thicket_job, &t, NULL), WPOOL_OK);
            test_drain(pool);
            CHECK_EQ(t.ran, THICKETS * BUSHES);
            for (int i = 0; i < 3; i++)
                CHECK_EQ(wpool_lane_destroy(&t.lanes[i]), WPOOL_OK);
            test_destroy(pool);
        }
}

typedef struct head {
    request before, after[WAYS], last;
    wpool_group group;
} head;

static int wait_for_what_comes_after_job(void *arg, wpool_job *job) {
    head *h = (head *)arg;
    wpool *pool = wpool_job_pool(job);
    const wpool_id ids[] = {h->before.id, wpool_job_id(job)};
    nodes_submit_after(pool, h->after, ids, COUNT_OF(ids));
    const wpool_options last = {
        .after = &h->after[WITH_ID].id, .after_count = 1, .group = &h->group};
    request_submit(pool, &h->last, WITH_ID, last);
    CHECK_EQ(wpool_group_wait(&h->group, WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_job_wait(&h->after[OWNED].job, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_wait(pool, h->after[WITH_ID].id, WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_wait(pool, h->last.id, WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    requests_check_not_ended(h->after, WAYS);
    return 0;
}

TEST(who_waits_for_what_comes_after_itself_would_wait_for_itself) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_NONE; help++)
        for (unsigned workers = 1; workers <= 2; workers++) {
            head h = {.before = {.id = 0}};
            wpool_id id;
            wpool *pool = pool_from(
                (wpool_config){.workers = workers, .help = (wpool_help)help, .start_paused = true});
            wpool_group_init(&h.group, NULL);
            node_submit_after(pool, &h.before, WITH_ID, NULL, 0);
            CHECK_EQ(wpool_submit(pool, wait_for_what_comes_after_job, &h, &id), WPOOL_OK);
            test_start(pool);
            test_drain(pool);
            test_destroy(pool);
            requests_check(h.after, WAYS, WPOOL_STATE_SUCCEEDED, 0);
            request_check(&h.last, WPOOL_STATE_SUCCEEDED, 0);
        }
}

/* ---- memory that runs out ---- */

/* So many ids that the table grows; every allocation from the first on is denied once. */
TEST(without_memory_a_job_is_refused_and_nothing_is_left_behind) {
    enum { BEFORE = 300 };
    bool was_denied = true;
    unsigned refused = 0;
    for (unsigned n = 1; was_denied; n++) {
        memory used = {0};
        const wpool_allocator allocator = memory_allocator(&used);
        static request before[BEFORE], after[WAYS], failing[WAYS], bad;
        wpool_id ids[BEFORE];
        wpool_status status[WAYS], failing_status[WAYS];
        size_t id_count = 0;
        wpool *pool =
            pool_from((wpool_config){.workers = 1, .start_paused = true, .allocator = &allocator});
        const unsigned asked = atomic_load(&used.asked);
        memset((void *)before, 0, sizeof before);
        memset((void *)after, 0, sizeof after);
        memset((void *)failing, 0, sizeof failing);
        bad = (request){.task = {.error = 1}};
        node_submit_after(pool, &bad, WITH_ID, NULL, 0);
        used.first_denied = used.last_denied = asked + n;
        for (int i = 0; i < BEFORE; i++) {
            const wpool_status answer = request_try(pool, &before[i], WITH_ID, (wpool_options){0});
            CHECK(answer == WPOOL_OK || answer == WPOOL_NO_MEMORY);
            if (answer == WPOOL_OK) ids[id_count++] = before[i].id;
        }
        for (int way = 0; way < WAYS; way++) {
            const wpool_options options = {.after = ids, .after_count = id_count};
            const wpool_options after_bad = {.after = &bad.id, .after_count = 1};
            status[way] = request_try(pool, &after[way], way, options);
            failing_status[way] = request_try(pool, &failing[way], way, after_bad);
        }
        was_denied = atomic_load(&used.asked) >= used.first_denied;
        test_start(pool);
        test_drain(pool);
        const uint64_t accepted = test_stats(pool).accepted;
        uint64_t expected = 1 + id_count;
        for (int way = 0; way < WAYS; way++) {
            const wpool_status answers[] = {status[way], failing_status[way]};
            for (int i = 0; i < 2; i++) {
                CHECK(answers[i] == WPOOL_OK || answers[i] == WPOOL_NO_MEMORY);
                expected += answers[i] == WPOOL_OK;
                refused += answers[i] != WPOOL_OK;
            }
            if (status[way] == WPOOL_OK)
                request_check(&after[way], WPOOL_STATE_SUCCEEDED, 0);
            else
                requests_check_not_ended(&after[way], 1);
            if (failing_status[way] == WPOOL_OK)
                request_check(&failing[way], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            else
                requests_check_not_ended(&failing[way], 1);
        }
        CHECK_EQ(accepted, expected);
        test_destroy(pool);
        memory_check_empty(&used);
    }
    CHECK(refused > 0);
}

/* ---- races ---- */

/* A job ends while others name it. */
typedef struct race {
    wpool *pool;
    wpool_id before;
    gate go;
    helper helper;
    request after;
} race;

static void race_submit(void *arg) {
    race *r = (race *)arg;
    gate_wait(&r->go);
    for (int i = 0; i < 3; i++)
        sched_yield();
    node_submit_after(r->pool, &r->after, PLAIN, &r->before, 1);
}

TEST(others_are_named_while_they_end) {
    for (int error = 0; error < 2; error++) {
        wpool *pool = pool_of(2);
        for (int i = 0; i < RACES; i++) {
            request before = {.task = {.error = error}}, after[WAYS] = {{.id = 0}};
            node_submit_after(pool, &before, WITH_ID, NULL, 0);
            if (i % 2) sched_yield();
            nodes_submit_after(pool, after, &before.id, 1);
            CHECK_EQ(wpool_wait(pool, after[WITH_ID].id, WPOOL_FOREVER, NULL), WPOOL_OK);
            CHECK_EQ(wpool_job_wait(&after[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
            CHECK_EQ(wpool_wait(pool, before.id, WPOOL_FOREVER, NULL), WPOOL_OK);
            test_drain(pool); /* on_done of one's own job may still be on its way */
            requests_check(after, WAYS, error ? WPOOL_STATE_DISCARDED : WPOOL_STATE_SUCCEEDED,
                           error ? WPOOL_CANCELLED : 0);
        }
        test_destroy(pool);
    }
}

TEST(threads_name_the_same_one_while_it_ends_or_is_cancelled) {
    NEEDS_WORKERS();
    for (int i = 0; i < RACES / 10; i++) {
        enum { THREADS = 3 };
        race races[THREADS];
        request before = {.task = {.error = i % 2}};
        wpool *pool = pool_of(1);
        node_submit_after(pool, &before, WITH_ID, NULL, 0);
        for (int t = 0; t < THREADS; t++) {
            races[t] = (race){.pool = pool, .before = before.id, .go = GATE_CLOSED};
            helper_start(&races[t].helper, race_submit, &races[t]);
        }
        for (int t = 0; t < THREADS; t++)
            gate_open(&races[t].go);
        const wpool_status status = wpool_cancel(pool, before.id, WPOOL_GRACEFUL);
        const bool is_good = status != WPOOL_OK && i % 2 == 0;
        for (int t = 0; t < THREADS; t++)
            helper_join(&races[t].helper);
        test_destroy(pool);
        for (int t = 0; t < THREADS; t++)
            request_check(&races[t].after, is_good ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_DISCARDED,
                          is_good ? 0 : WPOOL_CANCELLED);
    }
}

/* A graph at random, some of whose jobs fail, while somebody cancels some. */
enum { GRAPH = 300, EDGES = 4 };

typedef struct vertex {
    task task;
    _Atomic(wpool_id) id;
    struct vertex *before[EDGES];
    unsigned edge_count, plain; /* plain memory, as in adder */
    atomic_bool was_cancelled;
} vertex;

static int vertex_job(void *arg, wpool_job *job) {
    vertex *v = (vertex *)arg;
    for (unsigned i = 0; i < v->edge_count; i++)
        CHECK_EQ(v->before[i]->plain, 1);
    v->plain++;
    return task_job(&v->task, job);
}

static void vertex_done(void *arg, const wpool_result *result) {
    vertex *v = (vertex *)arg;
    atomic_store(&v->task.state, result->state);
    atomic_store(&v->task.seen_error, result->error);
    atomic_fetch_add(&v->task.done_count, 1);
}

typedef struct graph {
    wpool *pool;
    uint64_t seed;
    atomic_bool is_over;
    vertex vertices[GRAPH];
} graph;

static void cancel_vertices(void *arg) {
    graph *g = (graph *)arg;
    while (!atomic_load(&g->is_over)) {
        vertex *v = &g->vertices[test_choose(g->seed, GRAPH)];
        if (test_choose(g->seed, 20) == 0 &&
            wpool_cancel(g->pool, atomic_load(&v->id), WPOOL_GRACEFUL) == WPOOL_OK)
            CHECK(!atomic_exchange(&v->was_cancelled, true));
        sched_yield();
    }
}

static void vertex_submit(graph *g, unsigned i) {
    vertex *v = &g->vertices[i];
    wpool_id ids[EDGES], id;
    v->edge_count = (unsigned)test_choose(g->seed, EDGES + 1);
    if (i == 0) v->edge_count = 0;
    v->task.error = test_choose(g->seed, 60) == 0;
    for (unsigned e = 0; e < v->edge_count; e++) {
        const uint64_t back = 1 + test_choose(g->seed, i < 20 ? i : 20);
        v->before[e] = &g->vertices[i - back];
        ids[e] = atomic_load(&v->before[e]->id);
    }
    const wpool_options options = {
        .on_done = vertex_done, .after = ids, .after_count = v->edge_count};
    CHECK_EQ(wpool_submit_with(g->pool, vertex_job, v, &options, &id), WPOOL_OK);
    atomic_store(&v->id, id);
}

static void vertex_check(vertex *v) {
    bool can_run = true;
    for (unsigned e = 0; e < v->edge_count; e++)
        can_run = can_run && v->before[e]->task.state == WPOOL_STATE_SUCCEEDED;
    CHECK_EQ(v->task.done_count, 1);
    CHECK(v->task.run_count <= 1);
    CHECK_EQ(v->task.run_count == 1, can_run && !v->was_cancelled);
    CHECK_EQ(v->task.run_count == 0, v->task.state == WPOOL_STATE_DISCARDED);
    if (v->task.run_count == 0) CHECK_EQ(v->task.seen_error, WPOOL_CANCELLED);
}

TEST(a_graph_at_random_is_run_as_far_as_it_can_be) {
    NEEDS_WORKERS();
    const uint64_t seed = test_seed();
    uint64_t ran = 0, discarded = 0;
    for (int round = 0; round < ROUNDS; round++) {
        static graph g;
        memory used = {0};
        const wpool_allocator allocator = memory_allocator(&used);
        helper canceller;
        memset((void *)&g, 0, sizeof g);
        g.seed = seed;
        g.pool = pool_from((wpool_config){.workers = 1 + (unsigned)round % 3,
                                          .order = (wpool_order)(round % (WPOOL_PRIORITY + 1)),
                                          .allocator = &allocator});
        helper_start(&canceller, cancel_vertices, &g);
        for (unsigned i = 0; i < GRAPH; i++)
            vertex_submit(&g, i);
        test_drain(g.pool);
        atomic_store(&g.is_over, true);
        helper_join(&canceller);
        const wpool_stats_snapshot stats = test_stats(g.pool);
        CHECK_EQ(stats.accepted, GRAPH);
        CHECK_EQ(stats.delayed + stats.waiting, 0);
        ran += stats.succeeded + stats.failed;
        discarded += stats.discarded;
        test_destroy(g.pool);
        for (int i = 0; i < GRAPH; i++)
            vertex_check(&g.vertices[i]);
        memory_check_empty(&used);
    }
    printf("%ju ran, %ju discarded\n", (uintmax_t)ran, (uintmax_t)discarded);
}
