/* Delay, period and retry, on a clock that the test moves: rows F4 and F6; and what a full queue
   (B2), a deadline (D9), a group and the end of the pool are to what waits for its time. */
#include "sleepers.h"
#include "few_threads.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "pace.h"
#include <math.h>

#define DUE WPOOL_MS(5)

#define EACH_WAY for (int way = 0; way < WAYS; way++)
#define EACH_POOL for (int is_inline = 0; is_inline < 2; is_inline++)
#define EACH_KIND for (int kind = 0; kind < KINDS; kind++)
#define EACH_MODE for (int mode = WPOOL_GRACEFUL; mode <= WPOOL_HOT; mode++)

static const wpool_config one_worker = {.workers = 1}, two_workers = {.workers = 2};

/* ---- what a job may wait for: its next start is DUE after it was submitted ---- */

enum { DELAYED, RETRIED, PERIODIC, KINDS };

static wpool_options kind_options(int kind, paced *p) {
    wpool_options options = {0};
    if (kind == DELAYED) options.delay = DUE;
    if (kind == PERIODIC) options.period = DUE;
    if (kind == RETRIED) {
        options.retry = (wpool_retry){.attempts = 3, .delay = DUE};
        p->error = 5;
        p->failures = 1;
    }
    return options;
}

/* How often it has run when it begins to wait. */
static unsigned kind_runs(int kind) { return kind != DELAYED; }

/* How it ends if it is not to run again. */
static wpool_state kind_end(int kind) {
    return kind == DELAYED ? WPOOL_STATE_DISCARDED : WPOOL_STATE_CANCELLED;
}

/* By somebody who did not let it run again. */
static void check_ended_early(paced *p, int kind, int error) {
    paced_check(p, kind_end(kind), error, kind_runs(kind));
}

/* Until it waits; count: those that do so already. */
static void kind_await(paced *p, int kind, unsigned count) {
    paced_await_runs(p, kind_runs(kind));
    pace_await_delayed(p->pool, count + 1);
    paced_check_waits(p, WPOOL_STATE_DELAYED, kind_runs(kind));
}

/* It waits when this returns. */
static void kind_submit(wpool *pool, paced *p, int way, int kind) {
    const wpool_options options = kind_options(kind, p);
    const uint64_t delayed = pace_stats(pool).delayed;
    paced_submit(pool, p, way, &options);
    kind_await(p, kind, (unsigned)delayed);
}

/* The same where nobody drives an inline pool yet. Also a member of a group (NULL: none). */
static void kind_submit_alone(wpool *pool, bool is_inline, paced *p, int way, int kind,
                              wpool_group *group) {
    wpool_options options = kind_options(kind, p);
    options.group = group;
    paced_submit(pool, p, way, &options);
    if (is_inline) CHECK_EQ(wpool_drain(pool, WPOOL_NOW), WPOOL_TIMEOUT);
    kind_await(p, kind, 0);
}

/* By wpool_stop: a periodic job has done what it could. */
static void check_stopped(paced *p, int kind) {
    if (kind == PERIODIC)
        paced_check(p, WPOOL_STATE_SUCCEEDED, 0, kind_runs(kind));
    else
        check_ended_early(p, kind, WPOOL_CANCELLED);
}

static void check_delayed(wpool *pool, uint64_t count) {
    const wpool_stats_snapshot stats = pace_stats(pool);
    CHECK_EQ(stats.delayed, count);
    CHECK_EQ(stats.waiting, count);
    CHECK_EQ(stats.running, 0);
}

/* Nothing has a time any more, and whatever passes, nothing happens. */
static void check_quiet(scene *s, paced *p) {
    const unsigned runs = atomic_load(&p->run_count);
    scene_release(s);
    AWAIT(pace_is_over(s->pool)); /* it runs until its on_done has returned */
    check_delayed(s->pool, 0);
    sleepers_await_none();
    test_clock_advance(10 * DUE);
    test_let_others_run();
    CHECK_EQ(atomic_load(&p->run_count), runs);
    CHECK_EQ(atomic_load(&p->done_count), 1);
}

/* ---- delay ---- */

TEST(a_delayed_job_starts_when_its_time_has_come) {
    static const int64_t delays[] = {1, DUE, WPOOL_SECONDS(36000)};
    for (size_t i = 0; i < COUNT_OF(delays); i++)
        EACH_POOL EACH_WAY {
            const wpool_options options = {.delay = delays[i]};
            paced p = {.lasts = 3};
            scene s;
            scene_begin(&s, is_inline, two_workers);
            paced_submit(s.pool, &p, way, &options);
            check_delayed(s.pool, 1);
            paced_check_waits(&p, WPOOL_STATE_DELAYED, 0);
            sleepers_pass_nearly(delays[i]);
            check_delayed(s.pool, 1);
            paced_check_waits(&p, WPOOL_STATE_DELAYED, 0);
            test_clock_advance(1);
            paced_await_done(&p);
            paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 1);
            CHECK_EQ(p.began[0], p.submitted + delays[i]);
            CHECK_EQ(p.attempts[0], 1);
            CHECK_EQ(p.result.waited_ns, delays[i]);
            CHECK_EQ(p.result.ran_ns, 3);
            test_drain(s.pool);
            CHECK_EQ(pace_stats(s.pool).succeeded, 1);
            CHECK_EQ(pace_stats(s.pool).retries, 0);
            check_quiet(&s, &p);
            test_destroy(s.pool);
        }
}

/* One after the other, or all of them late. */
TEST(delayed_jobs_start_in_the_order_of_their_times) {
    enum { COUNT = 1000 };
    const uint64_t seed = test_seed();
    EACH_POOL for (int is_jump = 0; is_jump < 2; is_jump++) {
        static step steps[COUNT];
        order o = {.count = 0};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        for (unsigned i = 0; i < COUNT; i++)
            steps[i] = (step){&o, i};
        for (unsigned i = COUNT; i > 1; i--) {
            const uint64_t j = test_choose(seed, i);
            const step other = steps[j];
            steps[j] = steps[i - 1];
            steps[i - 1] = other;
        }
        for (unsigned i = 0; i < COUNT; i++) {
            const wpool_options options = {.delay = WPOOL_MS(1 + steps[i].number)};
            CHECK_EQ(wpool_submit_with(s.pool, step_job, &steps[i], &options, NULL), WPOOL_OK);
        }
        check_delayed(s.pool, COUNT);
        for (unsigned i = 0; i < COUNT && !is_jump; i++) {
            sleepers_pass(WPOOL_MS(1));
            AWAIT(atomic_load(&o.count) == i + 1);
        }
        if (is_jump) test_clock_advance(WPOOL_MS(COUNT));
        test_drain(s.pool);
        order_check(&o, 0, COUNT);
        scene_end(&s);
    }
}

/* Whatever a full queue means: it is not what they wait in. */
TEST(what_waits_for_its_time_needs_no_place) {
    for (int when_full = WPOOL_BLOCK; when_full <= WPOOL_DROP_OLDEST; when_full++)
        EACH_POOL {
            enum { COUNT = 5 };
            const wpool_options options = {.delay = DUE};
            paced first = {.error = 0}, others[COUNT][WAYS] = {{{.error = 0}}};
            atomic_uint count = 0;
            scene s;
            scene_begin(&s, is_inline,
                        (wpool_config){.workers = 1,
                                       .queue_capacity = 1,
                                       .when_full = (wpool_when_full)when_full,
                                       .start_paused = true});
            paced_submit(s.pool, &first, PLAIN, NULL);
            for (int i = 0; i < COUNT; i++)
                EACH_WAY paced_submit(s.pool, &others[i][way], way, &options);
            CHECK_EQ(wpool_try_submit(s.pool, count_job, &count, NULL), WPOOL_FULL);
            CHECK_EQ(pace_stats(s.pool).delayed, COUNT * WAYS);
            CHECK_EQ(pace_stats(s.pool).waiting, COUNT * WAYS + 1);
            sleepers_pass(DUE);
            pace_await_delayed(s.pool, 0);
            sleepers_await_none(); /* paused: they are queued */
            for (int i = 0; i < COUNT; i++)
                EACH_WAY paced_check_waits(&others[i][way], WPOOL_STATE_WAITING, 0);
            CHECK_EQ(pace_stats(s.pool).waiting, COUNT * WAYS + 1);
            CHECK_EQ(wpool_start(s.pool), WPOOL_OK);
            test_drain(s.pool);
            scene_end(&s);
            paced_check(&first, WPOOL_STATE_SUCCEEDED, 0, 1);
            for (int i = 0; i < COUNT; i++)
                EACH_WAY paced_check(&others[i][way], WPOOL_STATE_SUCCEEDED, 0, 1);
        }
}

TEST(a_delayed_job_of_an_unbuffered_pool_is_accepted_at_once) {
    EACH_WAY {
        hold h = HOLD_EMPTY;
        paced p = {.error = 0};
        const wpool_options options = {.delay = DUE};
        wpool *pool = test_pool_of(1, WPOOL_UNBUFFERED);
        hold_workers(&h, pool, 1);
        paced_submit(pool, &p, way, &options);
        sleepers_pass(DUE);
        pace_await_delayed(pool, 0);
        paced_check_waits(&p, WPOOL_STATE_WAITING, 0);
        hold_release(&h, 1);
        paced_await_done(&p);
        test_destroy(pool);
        paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 1);
    }
}

TEST(what_waits_for_its_time_holds_no_worker) {
    EACH_POOL {
        enum { COUNT = 400, PLAIN_COUNT = 1000 };
        static paced jobs[KINDS][COUNT];
        atomic_uint count = 0;
        scene s;
        memset((void *)jobs, 0, sizeof jobs);
        scene_begin(&s, is_inline, one_worker);
        EACH_KIND for (int i = 0; i < COUNT; i++) {
            const wpool_options options = kind_options(kind, &jobs[kind][i]);
            paced_submit(s.pool, &jobs[kind][i], i % WAYS, &options);
        }
        pace_await_delayed(s.pool, KINDS * COUNT);
        count_submit(s.pool, &count, PLAIN_COUNT);
        AWAIT(atomic_load(&count) == PLAIN_COUNT);
        if (!is_inline) test_await_idle(s.pool);
        AWAIT(pace_stats(s.pool).succeeded == PLAIN_COUNT);
        check_delayed(s.pool, KINDS * COUNT);
        CHECK_EQ(wpool_stop(s.pool, WPOOL_GRACEFUL), WPOOL_OK);
        scene_end(&s);
        EACH_KIND for (int i = 0; i < COUNT; i++)
            CHECK_EQ(atomic_load(&jobs[kind][i].done_count), 1);
    }
}

TEST(what_is_due_while_the_pool_is_paused_starts_when_it_goes_on) {
    EACH_KIND EACH_POOL EACH_WAY {
        paced p = {.error = 0};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        kind_submit(s.pool, &p, way, kind);
        CHECK_EQ(wpool_pause(s.pool), WPOOL_OK);
        sleepers_pass(DUE);
        pace_await_delayed(s.pool, 0);
        test_let_others_run();
        paced_check_waits(&p, WPOOL_STATE_WAITING, kind_runs(kind));
        test_clock_advance(2);
        CHECK_EQ(wpool_start(s.pool), WPOOL_OK);
        paced_await_runs(&p, kind_runs(kind) + 1);
        CHECK_EQ(p.began[kind_runs(kind)], p.submitted + DUE + 2);
        if (kind == PERIODIC) pace_await_delayed(s.pool, 1);
        wpool_stop(s.pool, WPOOL_GRACEFUL);
        scene_end(&s);
    }
}

TEST(a_delay_may_be_as_long_as_time_goes) {
    EACH_POOL {
        const wpool_options options[] = {
            {.delay = INT64_MAX},
            {.delay = INT64_MAX - 1, .period = INT64_MAX},
            {.period = INT64_MAX},
            {.retry = {.attempts = 9, .delay = INT64_MAX, .max_delay = INT64_MAX, .factor = 1e9}}};
        paced jobs[COUNT_OF(options)][WAYS];
        scene s;
        scene_begin(&s, is_inline, one_worker);
        for (size_t i = 0; i < COUNT_OF(options); i++)
            EACH_WAY {
                jobs[i][way] = (paced){.error = i == 3 ? 5 : 0};
                paced_submit(s.pool, &jobs[i][way], way, &options[i]);
            }
        for (int i = 0; i < 4; i++) {
            pace_await_delayed(s.pool, COUNT_OF(options) * WAYS);
            test_clock_advance(WPOOL_SECONDS(366 * 24 * 3600) * 30);
            test_let_others_run();
        }
        CHECK_EQ(wpool_stop(s.pool, WPOOL_GRACEFUL), WPOOL_OK);
        scene_end(&s);
        for (size_t i = 0; i < COUNT_OF(options); i++)
            EACH_WAY {
                CHECK_EQ(atomic_load(&jobs[i][way].done_count), 1);
                CHECK_EQ(atomic_load(&jobs[i][way].run_count), i >= 2);
            }
    }
}

static bool any_error(int error, void *arg) {
    (void)error, (void)arg;
    return true;
}

TEST(times_that_make_no_sense_are_refused) {
    const wpool_options options[] = {
        {.delay = -1},
        {.period = -1},
        {.delay = INT64_MIN},
        {.retry = {.attempts = 2, .delay = -1}},
        {.retry = {.attempts = 2, .max_delay = -1}},
        {.retry = {.attempts = 2, .factor = -1}},
        {.retry = {.attempts = 2, .jitter = -0.1}},
        {.retry = {.attempts = 2, .jitter = 1.1}},
        {.retry = {.attempts = 2, .jitter = (double)NAN, .when = any_error}}};
    wpool *pool = test_pool_of(1, 0);
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        EACH_WAY {
            paced p = {.id = 77};
            CHECK_EQ(paced_try(pool, &p, way, &options[i]), WPOOL_INVALID);
            CHECK_EQ(atomic_load(&p.done_count), 0);
            if (way == WITH_ID) CHECK_EQ(p.id, 0);
        }
        const wpool_config config = {.workers = 1, .retry = options[i].retry};
        wpool *other;
        if (i >= 3) CHECK_EQ(wpool_create(&other, &config), WPOOL_INVALID);
    }
    CHECK_EQ(pace_stats(pool).accepted, 0);
    test_destroy(pool);
}

TEST(a_time_that_nobody_would_keep_is_refused) {
    EACH_KIND EACH_WAY {
        paced p = {.id = 77};
        const wpool_options options = kind_options(kind, &p);
        wpool *pool = test_pool_of(1, 0);
        threads_deny(1, 1);
        CHECK_EQ(paced_try(pool, &p, way, &options), WPOOL_NO_THREAD);
        if (way == WITH_ID) CHECK_EQ(p.id, 0);
        CHECK_EQ(pace_stats(pool).accepted, 0);
        kind_submit(pool, &p, way, kind);
        sleepers_pass(DUE);
        paced_await_runs(&p, kind_runs(kind) + 1);
        test_destroy(pool);
        paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, kind_runs(kind) + 1);
    }
}

/* ---- retry ---- */

TEST(a_failed_job_is_tried_again_when_its_delay_is_over) {
    static const struct {
        wpool_retry retry;
        unsigned count;
        int64_t delays[6];
    } cases[] = {
        {{.attempts = 0}, 0, {0}},
        {{.attempts = 1, .delay = WPOOL_MS(3)}, 0, {0}},
        {{.attempts = 4}, 3, {WPOOL_MS(10), WPOOL_MS(20), WPOOL_MS(40)}},
        {{.attempts = 4, .delay = WPOOL_MS(3), .factor = 3},
         3,
         {WPOOL_MS(3), WPOOL_MS(9), WPOOL_MS(27)}},
        {{.attempts = 4, .delay = 1, .factor = 1}, 3, {1, 1, 1}},
        {{.attempts = 3, .delay = WPOOL_MS(4), .factor = 1.5}, 2, {WPOOL_MS(4), WPOOL_MS(6)}},
        {{.attempts = 6, .max_delay = WPOOL_MS(25)},
         5,
         {WPOOL_MS(10), WPOOL_MS(20), WPOOL_MS(25), WPOOL_MS(25), WPOOL_MS(25)}},
        {{.attempts = 4, .delay = WPOOL_SECONDS(40)},
         3,
         {WPOOL_SECONDS(40), WPOOL_SECONDS(60), WPOOL_SECONDS(60)}},
        {{.attempts = 3, .delay = WPOOL_SECONDS(90)}, 2, {WPOOL_SECONDS(90), WPOOL_SECONDS(90)}},
        {{.attempts = 3, .delay = WPOOL_MS(9), .max_delay = WPOOL_MS(2)},
         2,
         {WPOOL_MS(2), WPOOL_MS(2)}}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        EACH_POOL EACH_WAY {
            const wpool_options options = {.retry = cases[i].retry};
            paced p = {.error = 5, .lasts = WPOOL_MS(1)};
            scene s;
            scene_begin(&s, is_inline, one_worker);
            paced_submit(s.pool, &p, way, &options);
            for (unsigned run = 1; run <= cases[i].count; run++) {
                pace_await_delayed(s.pool, 1);
                check_delayed(s.pool, 1);
                CHECK_EQ(pace_stats(s.pool).retries, run);
                CHECK_EQ(pace_stats(s.pool).accepted, 1);
                paced_check_waits(&p, WPOOL_STATE_DELAYED, run);
                sleepers_pass_nearly(cases[i].delays[run - 1]);
                paced_check_waits(&p, WPOOL_STATE_DELAYED, run);
                test_clock_advance(1);
                paced_await_runs(&p, run + 1);
                CHECK_EQ(p.began[run] - p.began[run - 1], cases[i].delays[run - 1] + WPOOL_MS(1));
                CHECK_EQ(p.attempts[run], run + 1);
            }
            paced_await_done(&p);
            paced_check(&p, WPOOL_STATE_FAILED, 5, cases[i].count + 1);
            test_drain(s.pool);
            CHECK_EQ(pace_stats(s.pool).failed, 1);
            CHECK_EQ(pace_stats(s.pool).retries, cases[i].count);
            check_quiet(&s, &p);
            test_destroy(s.pool);
        }
}

TEST(a_job_that_succeeds_is_not_tried_again) {
    for (unsigned failures = 1; failures < 4; failures++)
        EACH_POOL EACH_WAY {
            const wpool_options options = {.retry = {.attempts = 4, .delay = DUE, .factor = 1}};
            paced p = {.error = 5, .failures = failures};
            scene s;
            scene_begin(&s, is_inline, one_worker);
            paced_submit(s.pool, &p, way, &options);
            for (unsigned run = 1; run <= failures; run++) {
                paced_await_runs(&p, run);
                sleepers_pass(DUE);
            }
            paced_await_done(&p);
            paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, failures + 1);
            check_quiet(&s, &p);
            test_destroy(s.pool);
        }
}

/* It may say no to an error, or when it has seen enough. */
static bool say_when(int error, void *arg) {
    const paced *p = (const paced *)arg;
    CHECK(error == 5 || error == 6);
    return error == 5 && atomic_load(&p->run_count) < 3;
}

TEST(a_job_is_tried_again_only_for_errors_that_are_worth_it) {
    EACH_POOL EACH_WAY for (int error = 5; error < 7; error++) {
        const wpool_options options = {.retry = {.attempts = 9, .delay = DUE, .when = say_when}};
        paced p = {.error = error};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        paced_submit(s.pool, &p, way, &options);
        PASS_UNTIL(atomic_load(&p.done_count) != 0);
        paced_check(&p, WPOOL_STATE_FAILED, error, error == 5 ? 3 : 1);
        scene_end(&s);
    }
}

/* Within its bounds, and all over them; the longest delay is one as well. */
TEST(a_part_of_the_delay_is_random) {
    static const double jitters[] = {0.25, 0.5, 1};
    for (size_t i = 0; i < COUNT_OF(jitters); i++)
        EACH_POOL for (int is_capped = 0; is_capped < 2; is_capped++) {
            const wpool_retry retry = {.attempts = COUNT_OF(((paced *)0)->began),
                                       .delay = WPOOL_MS(is_capped ? 100 : 8),
                                       .max_delay = is_capped ? WPOOL_MS(8) : 0,
                                       .factor = is_capped ? 2 : 1,
                                       .jitter = jitters[i]};
            const wpool_options options = {.retry = retry};
            const int64_t most = WPOOL_MS(8), least = most - (int64_t)((double)most * jitters[i]);
            int64_t shortest = INT64_MAX, longest = 0;
            paced p = {.error = 5};
            scene s;
            scene_begin(&s, is_inline, one_worker);
            paced_submit(s.pool, &p, PLAIN, &options);
            PASS_UNTIL(atomic_load(&p.done_count) != 0);
            paced_check(&p, WPOOL_STATE_FAILED, 5, retry.attempts);
            for (unsigned run = 1; run < retry.attempts; run++) {
                const int64_t delay = p.began[run] - p.began[run - 1];
                CHECK(delay >= least && delay <= most);
                if (delay < shortest) shortest = delay;
                if (delay > longest) longest = delay;
            }
            CHECK(shortest < least + (most - least) / 4);
            CHECK(longest > most - (most - least) / 4);
            scene_end(&s);
        }
}

static int count_and_fail(void *arg, wpool_job *job) {
    count_job(arg, job);
    return 5;
}

TEST(the_pools_retry_is_that_of_all_jobs_without_one) {
    EACH_POOL {
        const wpool_options once = {.retry = {.attempts = 1}}, twice = {.retry = {.attempts = 2}};
        const wpool_options named = {.name = "named"};
        atomic_uint counts[8] = {0};
        void *const args[2] = {&counts[4], &counts[4]};
        static const unsigned expected[COUNT_OF(counts)] = {3, 3, 3, 3, 6, 3, 1, 2};
        wpool_job jobs[2];
        wpool_id id;
        scene s;
        scene_begin(&s, is_inline, (wpool_config){.workers = 2, .retry = {.attempts = 3}});
        CHECK_EQ(wpool_submit(s.pool, count_and_fail, &counts[0], NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(s.pool, count_and_fail, &counts[1], &id), WPOOL_OK);
        CHECK_EQ(wpool_try_submit(s.pool, count_and_fail, &counts[2], NULL), WPOOL_OK);
        wpool_job_init(&jobs[0], count_and_fail, &counts[3]);
        CHECK_EQ(wpool_submit_job(s.pool, &jobs[0], NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit_many(s.pool, count_and_fail, args, 2, NULL), 2);
        CHECK_EQ(wpool_submit_with(s.pool, count_and_fail, &counts[5], &named, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit_with(s.pool, count_and_fail, &counts[6], &once, NULL), WPOOL_OK);
        wpool_job_init(&jobs[1], count_and_fail, &counts[7]);
        CHECK_EQ(wpool_submit_job(s.pool, &jobs[1], &twice), WPOOL_OK);
        PASS_UNTIL(pace_stats(s.pool).failed == 9);
        CHECK_EQ(pace_stats(s.pool).retries, 7 * 2 + 1);
        for (size_t i = 0; i < COUNT_OF(counts); i++)
            CHECK_EQ(atomic_load(&counts[i]), expected[i]);
        CHECK_EQ(wpool_job_wait(&jobs[0], WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(jobs[0].error, 5);
        scene_end(&s);
    }
}

TEST(a_job_that_was_told_to_end_is_not_tried_again) {
    EACH_WAY for (int is_stop = 0; is_stop < 2; is_stop++) {
        gate door = GATE_CLOSED;
        wpool_group group;
        const wpool_options options = {.group = &group, .retry = {.attempts = 5}};
        paced p = {.error = 5, .door = &door, .is_patient = true};
        wpool *pool = pool_of(1);
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        paced_submit(pool, &p, way, &options);
        gate_await_count(&door, 1);
        if (is_stop)
            CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
        else if (way == WITH_ID)
            CHECK_EQ(wpool_cancel(pool, p.id, WPOOL_HOT), WPOOL_CANCELLED);
        else
            CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
        gate_open(&door);
        test_drain(pool);
        test_destroy(pool);
        paced_check(&p, WPOOL_STATE_CANCELLED, 5, 1);
    }
}

TEST(a_job_that_fails_after_its_pool_was_stopped_is_not_tried_again) {
    EACH_WAY for (int is_stop = 0; is_stop < 2; is_stop++) {
        gate door = GATE_CLOSED;
        const wpool_options options = {.retry = {.attempts = 2, .delay = DUE}};
        paced p = {.error = 5, .door = &door};
        wpool *pool = pool_of(1);
        paced_submit(pool, &p, way, &options);
        gate_await_count(&door, 1);
        if (is_stop)
            CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
        else
            CHECK_EQ(wpool_close(pool), WPOOL_OK);
        gate_open(&door);
        if (!is_stop) sleepers_pass(DUE);
        test_drain(pool);
        test_destroy(pool);
        paced_check(&p, WPOOL_STATE_FAILED, 5, is_stop ? 1 : 2);
    }
}

TEST(a_job_that_leaves_its_thread_is_tried_again) {
    EACH_WAY {
        const wpool_options options = {.retry = {.attempts = 4, .delay = DUE, .factor = 1}};
        paced p = {.error = WPOOL_FAILED, .failures = 2, .leaves = true};
        wpool *pool = pool_of(1);
        paced_submit(pool, &p, way, &options);
        for (unsigned run = 1; run < 3; run++) {
            pace_await_delayed(pool, 1);
            sleepers_pass(DUE);
            paced_await_runs(&p, run + 1);
        }
        paced_await_done(&p);
        test_destroy(pool);
        paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 3);
    }
}

TEST(a_retried_job_has_one_result) {
    EACH_POOL for (unsigned failures = 2; failures < 4; failures++) {
        const wpool_options options = {.retry = {.attempts = 3}};
        const bool succeeds = failures == 2;
        paced p = {.error = 5, .failures = failures};
        wpool_result result;
        scene s;
        scene_begin(&s, is_inline, (wpool_config){.workers = 1, .results = true});
        paced_submit(s.pool, &p, PLAIN, &options);
        paced_await_runs(&p, 1);
        CHECK_EQ(wpool_take(s.pool, WPOOL_NOW, &result), WPOOL_EMPTY);
        PASS_UNTIL(atomic_load(&p.done_count) != 0);
        CHECK_EQ(wpool_take(s.pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK(result.arg == &p);
        CHECK_EQ(result.attempts, 3);
        CHECK_EQ(result.error, succeeds ? 0 : 5);
        CHECK_EQ(result.state, succeeds ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_FAILED);
        CHECK_EQ(wpool_close(s.pool), WPOOL_OK);
        CHECK_EQ(wpool_take(s.pool, WPOOL_FOREVER, &result), WPOOL_DONE);
        scene_end(&s);
    }
}

/* Its group sees the end only. */
TEST(an_error_that_is_tried_again_is_none_of_its_groups) {
    EACH_POOL EACH_WAY for (unsigned failures = 2; failures < 4; failures++) {
        const bool succeeds = failures == 2;
        int error;
        wpool_group group;
        const wpool_options options = {.group = &group, .retry = {.attempts = 3}};
        paced p = {.error = 5, .failures = failures};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        CHECK_EQ(wpool_group_cancel_on_error(&group), WPOOL_OK);
        paced_submit(s.pool, &p, way, &options);
        pace_await_delayed(s.pool, 1);
        CHECK(!wpool_group_cancelled(&group));
        PASS_UNTIL(atomic_load(&p.done_count) != 0);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, &error), WPOOL_OK);
        CHECK_EQ(error, succeeds ? 0 : 5);
        CHECK_EQ(wpool_group_cancelled(&group), !succeeds);
        scene_end(&s);
        paced_check(&p, succeeds ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_FAILED, error, 3);
    }
}

TEST(a_job_that_its_submitter_ran_is_tried_again) {
    EACH_WAY {
        hold h = HOLD_EMPTY;
        const wpool_options options = {.retry = {.attempts = 2, .delay = DUE}};
        paced p = {.error = 5, .failures = 1};
        wpool *pool =
            pool_from((wpool_config){.workers = 1, .queue_capacity = 1, .when_full = WPOOL_RUN});
        hold_workers(&h, pool, 1);
        CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
        paced_submit(pool, &p, way, &options);
        paced_check_waits(&p, WPOOL_STATE_DELAYED, 1);
        hold_release(&h, 2);
        sleepers_pass(DUE);
        paced_await_done(&p);
        paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 2);
        test_destroy(pool);
    }
}

/* ---- period ---- */

TEST(a_periodic_job_runs_at_each_of_its_times) {
    enum { RUNS = 60 };
    static const int64_t delays[] = {0, 1, WPOOL_SECONDS(60)};
    for (size_t i = 0; i < COUNT_OF(delays); i++)
        EACH_POOL EACH_WAY {
            const wpool_options options = {.delay = delays[i], .period = WPOOL_MS(7)};
            paced p = {.lasts = WPOOL_MS(2)};
            scene s;
            scene_begin(&s, is_inline, one_worker);
            paced_submit(s.pool, &p, way, &options);
            if (delays[i]) sleepers_pass(delays[i]);
            for (unsigned run = 1; run <= RUNS; run++) {
                paced_await_runs(&p, run);
                pace_await_delayed(s.pool, 1);
                check_delayed(s.pool, 1);
                CHECK_EQ(pace_stats(s.pool).accepted, 1);
                CHECK_EQ(pace_stats(s.pool).retries, run); /* times that it was put back */
                paced_check_waits(&p, WPOOL_STATE_DELAYED, run);
                CHECK_EQ(p.began[run - 1], p.submitted + delays[i] + WPOOL_MS(7) * (run - 1));
                sleepers_pass_nearly(WPOOL_MS(5));
                paced_check_waits(&p, WPOOL_STATE_DELAYED, run);
                test_clock_advance(1);
            }
            paced_await_runs(&p, RUNS + 1);
            CHECK_EQ(wpool_stop(s.pool, WPOOL_GRACEFUL), WPOOL_OK);
            paced_await_done(&p);
            check_quiet(&s, &p);
            test_destroy(s.pool);
        }
}

TEST(a_time_that_has_passed_while_the_job_ran_is_left_out) {
    EACH_POOL EACH_WAY {
        const wpool_options options = {.period = WPOOL_MS(5)};
        paced p = {.lasts = WPOOL_MS(12)};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        paced_submit(s.pool, &p, way, &options);
        for (unsigned run = 1; run < 20; run++) {
            paced_await_runs(&p, run);
            pace_await_delayed(s.pool, 1);
            CHECK_EQ(p.began[run - 1], p.submitted + WPOOL_MS(15) * (run - 1));
            sleepers_pass_nearly(WPOOL_MS(3));
            test_clock_advance(1);
        }
        paced_await_runs(&p, 20);
        wpool_stop(s.pool, WPOOL_GRACEFUL);
        scene_end(&s);
        CHECK_EQ(p.done_count, 1);
    }
}

/* Because the only worker was busy. */
TEST(a_run_that_is_late_makes_no_other_late) {
    EACH_WAY {
        hold h = HOLD_EMPTY;
        const wpool_options options = {.period = WPOOL_MS(5)};
        paced p = {.error = 0};
        wpool *pool = pool_of(1);
        paced_submit(pool, &p, way, &options);
        pace_await_delayed(pool, 1);
        hold_workers(&h, pool, 1);
        sleepers_pass(WPOOL_MS(5));
        AWAIT(pace_stats(pool).waiting == 1 && pace_stats(pool).delayed == 0);
        test_clock_advance(WPOOL_MS(7));
        test_let_others_run();
        CHECK_EQ(pace_stats(pool).waiting, 1);
        hold_release(&h, 1);
        paced_await_runs(&p, 2);
        pace_await_delayed(pool, 1);
        sleepers_pass(WPOOL_MS(3));
        paced_await_runs(&p, 3);
        pace_await_delayed(pool, 1);
        sleepers_pass(WPOOL_MS(5));
        paced_await_runs(&p, 4);
        CHECK_EQ(p.began[1], p.submitted + WPOOL_MS(12));
        CHECK_EQ(p.began[2], p.submitted + WPOOL_MS(15));
        CHECK_EQ(p.began[3], p.submitted + WPOOL_MS(20));
        test_destroy(pool);
        CHECK_EQ(p.done_count, 1);
    }
}

TEST(several_periods_keep_to_their_times) {
    static const int64_t periods[] = {2, 3, 5, 7, 11, 13};
    EACH_POOL {
        paced jobs[COUNT_OF(periods)][WAYS] = {{{.error = 0}}};
        scene s;
        scene_begin(&s, is_inline, (wpool_config){.workers = 3});
        for (size_t i = 0; i < COUNT_OF(periods); i++)
            EACH_WAY {
                const wpool_options options = {.period = periods[i]};
                paced_submit(s.pool, &jobs[i][way], way, &options);
            }
        for (int64_t now = 0; now < 60; now++) {
            for (size_t i = 0; i < COUNT_OF(periods); i++)
                EACH_WAY paced_await_runs(&jobs[i][way], (unsigned)(now / periods[i]) + 1);
            pace_await_delayed(s.pool, COUNT_OF(periods) * WAYS);
            test_clock_advance(1);
        }
        CHECK_EQ(wpool_stop(s.pool, WPOOL_GRACEFUL), WPOOL_OK);
        scene_end(&s);
        for (size_t i = 0; i < COUNT_OF(periods); i++)
            EACH_WAY {
                const paced *p = &jobs[i][way];
                CHECK_EQ(p->done_count, 1);
                for (unsigned run = 0; run < p->run_count; run++)
                    CHECK_EQ(p->began[run], p->submitted + periods[i] * run);
            }
    }
}

TEST(a_periodic_job_that_fails_has_ended) {
    EACH_POOL EACH_WAY for (unsigned successes = 0; successes < 3; successes++) {
        const wpool_options options = {.period = DUE};
        paced p = {.error = 5, .successes = successes};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        paced_submit(s.pool, &p, way, &options);
        for (unsigned run = 1; run <= successes; run++) {
            paced_await_runs(&p, run);
            sleepers_pass(DUE);
        }
        paced_await_done(&p);
        paced_check(&p, WPOOL_STATE_FAILED, 5, successes + 1);
        check_quiet(&s, &p);
        test_destroy(s.pool);
    }
}

/* While it runs: in each way to make an end. It may finish this run; in vain if it fails. */
TEST(a_periodic_job_is_ended_while_it_runs) {
    enum { CANCEL, CLOSE, STOP, GROUP, ENDS };
    for (int end = 0; end < ENDS; end++)
        EACH_MODE for (int error = 0; error < 2; error++) EACH_WAY {
            gate door = GATE_CLOSED;
            wpool_group group;
            const wpool_options options = {.period = DUE, .group = &group};
            const bool is_told = end == GROUP || (end != CLOSE && mode == WPOOL_HOT);
            paced p = {.door = &door, .error = error};
            wpool *pool = pool_of(1);
            if (end == CANCEL && way != WITH_ID) way = WITH_ID;
            CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
            paced_submit(pool, &p, way, &options);
            gate_await_count(&door, 1);
            if (end == CANCEL)
                CHECK_EQ(wpool_cancel(pool, p.id, (wpool_mode)mode),
                         mode == WPOOL_HOT ? WPOOL_CANCELLED : WPOOL_RUNNING);
            if (end == CLOSE) CHECK_EQ(wpool_close(pool), WPOOL_OK);
            if (end == STOP) CHECK_EQ(wpool_stop(pool, (wpool_mode)mode), WPOOL_OK);
            if (end == GROUP) CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
            CHECK_EQ(atomic_load(&p.done_count), 0);
            gate_open(&door);
            test_drain(pool);
            sleepers_await_none();
            test_destroy(pool);
            paced_check(&p,
                        !error    ? WPOOL_STATE_SUCCEEDED
                        : is_told ? WPOOL_STATE_CANCELLED
                                  : WPOOL_STATE_FAILED,
                        error, 1);
            if (end == CANCEL) break;
        }
}

/* In its third run. */
static int cancel_itself(void *arg, wpool_job *job) {
    paced *p = (paced *)arg;
    const int error = paced_job(arg, job);
    if (atomic_load(&p->run_count) == 3)
        CHECK_EQ(wpool_cancel(p->pool, wpool_job_id(job), WPOOL_GRACEFUL), WPOOL_RUNNING);
    return error;
}

TEST(a_periodic_job_may_end_itself) {
    EACH_POOL {
        const wpool_options options = {.period = DUE, .on_done = paced_done};
        paced p = {.error = 0};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        p.pool = s.pool;
        CHECK_EQ(wpool_submit_with(s.pool, cancel_itself, &p, &options, &p.id), WPOOL_OK);
        for (unsigned run = 1; run < 3; run++) {
            paced_await_runs(&p, run);
            sleepers_pass(DUE);
        }
        paced_await_done(&p);
        paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 3);
        check_quiet(&s, &p);
        test_destroy(s.pool);
    }
}

/* ---- the last on_done of a job that would have run again ---- */

/* It is ended while it runs: alone, by its id, or with its group. */
typedef struct last_run {
    paced paced; /* its argument */
    gate door, done;
    wpool_group group;
} last_run;

static void last_run_submit(wpool *pool, last_run *l, int way, int kind,
                            void (*on_done)(void *, const wpool_result *)) {
    paced *p = &l->paced;
    *l = (last_run){.paced = {.door = &l->door, .pool = pool}, GATE_CLOSED, GATE_CLOSED};
    wpool_options options = kind_options(kind, p);
    options.group = &l->group;
    options.on_done = on_done;
    CHECK_EQ(wpool_group_init(&l->group, NULL), WPOOL_OK);
    CHECK_EQ(way_submit(pool, way, paced_job, p, &options, &p->job, &p->id), WPOOL_OK);
    gate_await_count(&l->door, 1);
}

static void last_run_end_alone(last_run *l, wpool_mode mode) {
    CHECK_EQ(wpool_cancel(l->paced.pool, l->paced.id, mode),
             mode == WPOOL_HOT ? WPOOL_CANCELLED : WPOOL_RUNNING);
    gate_open(&l->door);
}

static void last_run_end_group(last_run *l) {
    CHECK_EQ(wpool_group_cancel(&l->group), WPOOL_OK);
    gate_open(&l->door);
}

static void last_run_check(last_run *l, int kind, bool is_told) {
    if (kind == PERIODIC)
        paced_check(&l->paced, WPOOL_STATE_SUCCEEDED, 0, 1);
    else
        paced_check(&l->paced, is_told ? WPOOL_STATE_CANCELLED : WPOOL_STATE_FAILED, 5, 1);
}

static void wait_for_itself_when_done(void *arg, const wpool_result *result) {
    last_run *l = (last_run *)arg;
    CHECK_EQ(wpool_wait(l->paced.pool, result->id, WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_group_wait(&l->group, WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    paced_done(arg, result);
}

TEST(the_last_on_done_cannot_wait_for_its_job) {
    EACH_POOL EACH_MODE for (int kind = RETRIED; kind < KINDS; kind++) {
        last_run l;
        scene s;
        scene_begin(&s, is_inline, two_workers);
        last_run_submit(s.pool, &l, WITH_ID, kind, wait_for_itself_when_done);
        last_run_end_alone(&l, (wpool_mode)mode);
        paced_await_done(&l.paced);
        last_run_check(&l, kind, mode == WPOOL_HOT);
        scene_end(&s);
    }
}

static void stay_when_done(void *arg, const wpool_result *result) {
    paced_done(arg, result);
    gate_job(&((last_run *)arg)->done, NULL);
}

/* Who stops a worker hot tells the jobs that run there, and waits for no on_done. */
TEST(workers_leave_during_the_last_on_done) {
    enum { ALONE_GRACEFUL, ALONE_HOT, WITH_GROUP, ENDS };
    for (int end = 0; end < ENDS; end++)
        for (int kind = RETRIED; kind < KINDS; kind++)
            EACH_WAY {
                last_run l;
                if (end != WITH_GROUP && way != WITH_ID) continue;
                wpool *pool = pool_of(3);
                last_run_submit(pool, &l, way, kind, stay_when_done);
                if (end == WITH_GROUP)
                    last_run_end_group(&l);
                else
                    last_run_end_alone(&l, end == ALONE_HOT ? WPOOL_HOT : WPOOL_GRACEFUL);
                gate_await_count(&l.done, 1);
                CHECK_EQ(wpool_scale(pool, -1, WPOOL_HOT), WPOOL_OK);
                CHECK_EQ(wpool_scale(pool, -1, WPOOL_HOT), WPOOL_OK);
                CHECK_EQ(pool_config(pool).workers, 1);
                gate_open(&l.done);
                test_drain(pool);
                test_destroy(pool);
                last_run_check(&l, kind, end != ALONE_GRACEFUL);
            }
}

/* ---- caller-owned: nothing is left of an earlier time, and on_done touches it last ---- */

TEST(a_job_is_handed_in_again_with_another_time) {
    EACH_POOL {
        paced p = {.error = 0};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        for (int round = 0; round < 20; round++) {
            const int kind = round % (KINDS + 1); /* KINDS: no time at all */
            const bool is_stopped = kind == PERIODIC || round % 3 == 0;
            wpool_group group;
            memset((void *)&p, 0, sizeof p);
            wpool_options options = kind < KINDS ? kind_options(kind, &p) : (wpool_options){0};
            options.group = &group;
            CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
            paced_submit(s.pool, &p, OWNED, &options);
            if (kind < KINDS) {
                kind_await(&p, kind, 0);
                CHECK_EQ(wpool_submit_job(s.pool, &p.job, NULL), WPOOL_ALREADY);
                if (is_stopped)
                    CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
                else
                    test_clock_advance(DUE);
            }
            paced_await_done(&p);
            CHECK_EQ(wpool_job_wait(&p.job, WPOOL_FOREVER), WPOOL_OK);
            if (kind < KINDS && is_stopped)
                check_ended_early(&p, kind, WPOOL_CANCELLED);
            else
                paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 1 + (kind == RETRIED));
            CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
            check_delayed(s.pool, 0);
            test_clock_advance(1 + round);
        }
        scene_end(&s);
    }
}

typedef struct freed {
    wpool_job job;
    unsigned failures;
    atomic_uint *freed;
} freed;

static int freed_job(void *arg, wpool_job *job) {
    const freed *f = (const freed *)arg;
    return wpool_job_attempt(job) <= f->failures ? 5 : 0;
}

static void free_it(void *arg, const wpool_result *result) {
    freed *f = (freed *)arg;
    atomic_uint *count = f->freed;
    CHECK(result->arg == arg);
    memset((void *)f, 0xA5, sizeof *f);
    free(f);
    atomic_fetch_add(count, 1);
}

/* Whatever ends it: its last run, its deadline, its group, or the pool's end. */
TEST(a_job_with_a_time_may_be_freed_when_it_has_ended) {
    enum { COUNT = 300 };
    const uint64_t seed = test_seed();
    EACH_POOL for (int round = 0; round < 20; round++) {
        atomic_uint count = 0;
        wpool_group group;
        scene s;
        scene_begin(&s, is_inline, (wpool_config){.workers = 3});
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        for (int i = 0; i < COUNT; i++) {
            freed *f = (freed *)malloc(sizeof *f);
            paced unused = {.error = 0};
            wpool_options options = kind_options(i % KINDS, &unused);
            CHECK(f != NULL);
            f->failures = i % KINDS == RETRIED;
            f->freed = &count;
            options.on_done = free_it;
            if (test_choose(seed, 3) == 0) options.group = &group;
            if (test_choose(seed, 3) == 0)
                options.deadline = 1 + (int64_t)test_choose(seed, 2 * DUE);
            if (test_choose(seed, 9) == 0) test_clock_advance(WPOOL_MS(1));
            wpool_job_init(&f->job, freed_job, f);
            CHECK_EQ(wpool_submit_job(s.pool, &f->job, &options), WPOOL_OK);
        }
        for (int i = 0; i < 5; i++)
            test_clock_advance((int64_t)test_choose(seed, DUE));
        CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
        test_clock_advance((int64_t)test_choose(seed, DUE));
        CHECK_EQ(round % 2 ? wpool_stop(s.pool, WPOOL_GRACEFUL) : wpool_close(s.pool), WPOOL_OK);
        PASS_UNTIL(atomic_load(&count) == COUNT);
        test_drain(s.pool);
        scene_end(&s);
    }
}

/* ---- close, stop and the others ---- */

TEST(closing_completes_what_waits_for_its_time) {
    EACH_KIND EACH_POOL EACH_WAY {
        atomic_uint count = 0;
        paced p = {.error = 0};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        kind_submit(s.pool, &p, way, kind);
        CHECK_EQ(wpool_close(s.pool), WPOOL_OK);
        CHECK_EQ(wpool_submit(s.pool, count_job, &count, NULL), WPOOL_CLOSED);
        if (kind != PERIODIC) {
            sleepers_pass_nearly(DUE);
            paced_check_waits(&p, WPOOL_STATE_DELAYED, kind_runs(kind));
            test_clock_advance(1);
        }
        paced_await_done(&p);
        paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 1 + (kind == RETRIED));
        check_quiet(&s, &p);
        test_destroy(s.pool);
    }
}

TEST(stopping_discards_what_waits_for_its_time) {
    EACH_KIND EACH_POOL EACH_WAY EACH_MODE {
        paced p = {.error = 0};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        kind_submit(s.pool, &p, way, kind);
        CHECK_EQ(wpool_stop(s.pool, (wpool_mode)mode), WPOOL_OK);
        paced_await_done(&p); /* a worker may have had it in its hands */
        check_stopped(&p, kind);
        if (way == OWNED) CHECK_EQ(wpool_job_wait(&p.job, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(p.ended, p.submitted);
        CHECK_EQ(pace_stats(s.pool).discarded, kind == DELAYED);
        check_quiet(&s, &p);
        test_destroy(s.pool);
    }
}

/* Waits for the end in one way or another, on a thread of its own. */
typedef struct ending {
    wpool *pool;
    int64_t timeout;
    wpool_status status;
    helper helper;
} ending;

static void end_by_shutdown(void *arg) {
    ending *e = (ending *)arg;
    e->status = wpool_shutdown(e->pool, WPOOL_GRACEFUL, e->timeout);
}

static void end_by_close(void *arg) {
    ending *e = (ending *)arg;
    CHECK_EQ(wpool_close(e->pool), WPOOL_OK);
    e->status = wpool_drain(e->pool, e->timeout);
}

static void drain_it(void *arg) {
    ending *e = (ending *)arg;
    e->status = wpool_drain(e->pool, e->timeout);
}

static void end_by_destroy(void *arg) {
    ending *e = (ending *)arg;
    e->status = wpool_destroy(e->pool);
    e->pool = NULL;
}

TEST(the_end_of_a_pool_waits_for_what_has_a_time) {
    static void (*const ends[])(void *) = {end_by_shutdown, end_by_close, end_by_destroy};
    const surroundings before = surroundings_now();
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        EACH_KIND EACH_POOL EACH_WAY {
            memory used = {0};
            const wpool_allocator allocator = memory_allocator(&used);
            paced p = {.error = 0};
            ending e = {.timeout = WPOOL_FOREVER};
            e.pool = scene_pool(is_inline, (wpool_config){.workers = 1, .allocator = &allocator});
            kind_submit_alone(e.pool, is_inline, &p, way, kind, NULL);
            helper_start(&e.helper, ends[i], &e);
            if (kind != PERIODIC) {
                sleepers_pass_nearly(DUE);
                CHECK(!atomic_load(&e.helper.is_finished));
                test_clock_advance(1);
            }
            helper_join(&e.helper);
            CHECK_EQ(e.status, WPOOL_OK);
            if (e.pool) test_destroy(e.pool);
            paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 1 + (kind == RETRIED));
            memory_check_empty(&used);
        }
    surroundings_check(before);
}

TEST(a_shutdown_out_of_time_discards_what_waits_for_its_own) {
    static const int64_t timeouts[] = {WPOOL_NOW, DUE - 1};
    for (size_t i = 0; i < COUNT_OF(timeouts); i++)
        for (int kind = DELAYED; kind < PERIODIC; kind++)
            EACH_POOL EACH_WAY {
                paced p = {.error = 0};
                ending e = {.timeout = timeouts[i]};
                e.pool = scene_pool(is_inline, one_worker);
                kind_submit_alone(e.pool, is_inline, &p, way, kind, NULL);
                helper_start(&e.helper, end_by_shutdown, &e);
                if (e.timeout) sleepers_pass_nearly(e.timeout), test_clock_advance(1);
                helper_join(&e.helper);
                CHECK_EQ(e.status, WPOOL_TIMEOUT);
                test_drain(e.pool); /* a worker may have had it in its hands */
                check_ended_early(&p, kind, WPOOL_CANCELLED);
                CHECK_EQ(p.ended, p.submitted + e.timeout);
                test_destroy(e.pool);
            }
}

TEST(draining_waits_until_a_periodic_job_is_cancelled) {
    EACH_POOL {
        paced p = {.error = 0};
        const wpool_options options = {.period = DUE};
        ending e = {.timeout = WPOOL_FOREVER};
        e.pool = scene_pool(is_inline, one_worker);
        paced_submit(e.pool, &p, WITH_ID, &options);
        helper_start(&e.helper, end_by_close, &e);
        paced_await_done(&p); /* the pool is closed */
        helper_join(&e.helper);
        test_destroy(e.pool);
        e.pool = scene_pool(is_inline, one_worker);
        p = (paced){.error = 0};
        paced_submit(e.pool, &p, WITH_ID, &options);
        helper_start(&e.helper, drain_it, &e);
        for (unsigned run = 1; run < 5; run++) {
            paced_await_runs(&p, run);
            sleepers_pass(DUE);
        }
        paced_await_runs(&p, 5);
        pace_await_delayed(e.pool, 1);
        CHECK(!atomic_load(&e.helper.is_finished));
        CHECK_EQ(wpool_cancel(e.pool, p.id, WPOOL_GRACEFUL), WPOOL_OK);
        helper_join(&e.helper);
        test_destroy(e.pool);
        paced_check(&p, WPOOL_STATE_CANCELLED, WPOOL_CANCELLED, 5);
    }
}

/* ---- cancel, deadlines, groups ---- */

TEST(cancelling_ends_what_waits_for_its_time) {
    EACH_KIND EACH_POOL EACH_MODE {
        paced p = {.error = 0};
        wpool_result result;
        scene s;
        scene_begin(&s, is_inline, one_worker);
        kind_submit(s.pool, &p, WITH_ID, kind);
        CHECK_EQ(wpool_cancel(s.pool, p.id, (wpool_mode)mode), WPOOL_OK);
        check_ended_early(&p, kind, WPOOL_CANCELLED);
        CHECK_EQ(wpool_job_state(s.pool, p.id), kind_end(kind));
        CHECK_EQ(wpool_cancel(s.pool, p.id, (wpool_mode)mode), WPOOL_ALREADY);
        CHECK_EQ(wpool_wait(s.pool, p.id, WPOOL_NOW, &result), WPOOL_OK);
        CHECK_EQ(result.state, kind_end(kind));
        CHECK_EQ(result.error, WPOOL_CANCELLED);
        CHECK_EQ(wpool_cancel(s.pool, p.id, (wpool_mode)mode), WPOOL_UNKNOWN);
        CHECK_EQ(pace_stats(s.pool).discarded, kind == DELAYED);
        CHECK_EQ(pace_stats(s.pool).cancelled, kind != DELAYED);
        check_quiet(&s, &p);
        test_destroy(s.pool);
    }
}

TEST(several_are_discarded_at_once) {
    EACH_POOL {
        enum { COUNT = 300 };
        static paced jobs[COUNT];
        wpool_id ids[COUNT];
        const uint64_t seed = test_seed();
        scene s;
        memset((void *)jobs, 0, sizeof jobs);
        scene_begin(&s, is_inline, one_worker);
        for (int i = 0; i < COUNT; i++) {
            const wpool_options options = {.delay = 1 + (int64_t)test_choose(seed, DUE)};
            paced_submit(s.pool, &jobs[i], WITH_ID, &options);
            ids[i] = jobs[i].id;
        }
        CHECK_EQ(wpool_discard(s.pool, ids + 1, COUNT - 2, WPOOL_GRACEFUL), COUNT - 2);
        check_delayed(s.pool, 2);
        PASS_UNTIL(pace_stats(s.pool).succeeded == 2);
        scene_end(&s);
        for (int i = 0; i < COUNT; i++)
            CHECK_EQ(jobs[i].result.state,
                     i == 0 || i == COUNT - 1 ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_DISCARDED);
    }
}

TEST(a_forgotten_job_still_has_its_time) {
    EACH_KIND EACH_POOL {
        paced p = {.error = 0};
        scene s;
        scene_begin(&s, is_inline, one_worker);
        kind_submit(s.pool, &p, WITH_ID, kind);
        CHECK_EQ(wpool_forget(s.pool, p.id), WPOOL_OK);
        CHECK_EQ(wpool_job_state(s.pool, p.id), WPOOL_STATE_UNKNOWN);
        check_delayed(s.pool, 1);
        sleepers_pass(DUE);
        paced_await_runs(&p, kind_runs(kind) + 1);
        CHECK_EQ(p.began[kind_runs(kind)], p.submitted + DUE);
        CHECK_EQ(wpool_close(s.pool), WPOOL_OK);
        scene_end(&s);
        paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, kind_runs(kind) + 1);
    }
}

/* Its own, or its group's. */
TEST(a_deadline_before_the_time_discards_the_job) {
    for (int is_group = 0; is_group < 2; is_group++)
        EACH_KIND EACH_POOL EACH_WAY {
            paced p = {.error = 0};
            wpool_options options = kind_options(kind, &p);
            wpool_group group;
            scene s;
            scene_begin(&s, is_inline, one_worker);
            CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
            options.group = &group;
            if (!is_group) options.deadline = DUE - 1;
            paced_submit(s.pool, &p, way, &options);
            if (is_group) CHECK_EQ(wpool_group_deadline(&group, DUE - 1), WPOOL_OK);
            kind_await(&p, kind, 0);
            sleepers_pass_nearly(DUE - 1);
            paced_check_waits(&p, WPOOL_STATE_DELAYED, kind_runs(kind));
            test_clock_advance(1);
            paced_await_done(&p);
            check_ended_early(&p, kind, WPOOL_TIMEOUT);
            test_drain(s.pool);
            check_quiet(&s, &p);
            test_destroy(s.pool);
        }
}

TEST(a_deadline_after_the_time_finds_the_job_running) {
    for (int kind = DELAYED; kind <= RETRIED; kind++)
        EACH_WAY {
            gate door = GATE_CLOSED;
            paced p = {.error = 5};
            wpool_options options = kind_options(kind, &p);
            wpool *pool = pool_of(1);
            options.deadline = DUE + 1;
            p.failures = 0;
            paced_submit(pool, &p, way, &options);
            kind_await(&p, kind, 0);
            p.door = &door;
            p.is_patient = true;
            sleepers_pass(DUE);
            gate_await_count(&door, 1);
            sleepers_await(test_clock_now() + 1);
            gate_open(&door);
            test_clock_advance(1);
            paced_await_done(&p);
            paced_check(&p, WPOOL_STATE_CANCELLED, 5, kind_runs(kind) + 1);
            test_destroy(pool);
        }
}

TEST(cancelling_a_group_ends_its_members_that_wait_for_their_time) {
    EACH_KIND EACH_POOL EACH_WAY {
        int error;
        paced p = {.error = 0}, other = {.error = 0};
        wpool_options options = kind_options(kind, &p);
        wpool_group groups[2];
        scene s;
        scene_begin(&s, is_inline, one_worker);
        CHECK_EQ(wpool_group_init(&groups[0], NULL), WPOOL_OK);
        CHECK_EQ(wpool_group_init(&groups[1], &groups[0]), WPOOL_OK);
        options.group = &groups[1];
        paced_submit(s.pool, &p, way, &options);
        kind_await(&p, kind, 0);
        CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_TIMEOUT);
        CHECK_EQ(wpool_group_cancel(&groups[0]), WPOOL_OK);
        paced_await_done(&p);
        check_ended_early(&p, kind, WPOOL_CANCELLED);
        CHECK_EQ(p.ended, p.submitted);
        CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_FOREVER, &error), WPOOL_OK);
        CHECK_EQ(error, WPOOL_CANCELLED);
        CHECK_EQ(paced_try(s.pool, &other, way, &options), WPOOL_CANCELLED);
        CHECK_EQ(pace_stats(s.pool).accepted, 1);
        check_quiet(&s, &p);
        test_destroy(s.pool);
    }
}

/* Many members of each kind, below each other. */
TEST(cancelling_a_group_of_many_leaves_the_others) {
    enum { COUNT = 200 };
    EACH_POOL {
        static paced members[COUNT], others[COUNT];
        wpool_group groups[2];
        scene s;
        memset((void *)members, 0, sizeof members);
        memset((void *)others, 0, sizeof others);
        scene_begin(&s, is_inline, two_workers);
        CHECK_EQ(wpool_group_init(&groups[0], NULL), WPOOL_OK);
        CHECK_EQ(wpool_group_init(&groups[1], &groups[0]), WPOOL_OK);
        for (int i = 0; i < COUNT; i++) {
            wpool_options options = kind_options(i % KINDS, &members[i]);
            options.group = &groups[i % 2];
            paced_submit(s.pool, &members[i], i / KINDS % WAYS, &options);
            options = kind_options(i % PERIODIC, &others[i]);
            paced_submit(s.pool, &others[i], i / KINDS % WAYS, &options);
        }
        pace_await_delayed(s.pool, 2 * COUNT);
        CHECK_EQ(wpool_group_cancel(&groups[0]), WPOOL_OK);
        CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_FOREVER, NULL), WPOOL_OK);
        pace_await_delayed(s.pool, COUNT);
        sleepers_pass(DUE);
        test_drain(s.pool);
        scene_end(&s);
        for (int i = 0; i < COUNT; i++) {
            check_ended_early(&members[i], i % KINDS, WPOOL_CANCELLED);
            paced_check(&others[i], WPOOL_STATE_SUCCEEDED, 0, 1 + (i % PERIODIC == RETRIED));
        }
    }
}

/* Among others that are queued. */
TEST(only_what_waits_for_its_time_counts_as_delayed) {
    enum { QUEUED = 10 };
    EACH_KIND EACH_POOL for (int is_closed = 0; is_closed < 2; is_closed++) {
        paced jobs[WAYS] = {{.error = 0}};
        atomic_uint count = 0;
        wpool_group group;
        scene s;
        scene_begin(&s, is_inline, one_worker);
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        EACH_WAY {
            wpool_options options = kind_options(kind, &jobs[way]);
            options.group = &group;
            paced_submit(s.pool, &jobs[way], way, &options);
            kind_await(&jobs[way], kind, (unsigned)way);
        }
        CHECK_EQ(wpool_pause(s.pool), WPOOL_OK);
        count_submit(s.pool, &count, QUEUED);
        CHECK_EQ(pace_stats(s.pool).delayed, WAYS);
        CHECK_EQ(pace_stats(s.pool).waiting, QUEUED + WAYS);
        CHECK_EQ(wpool_cancel(s.pool, jobs[WITH_ID].id, WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(pace_stats(s.pool).delayed, WAYS - 1);
        CHECK_EQ(pace_stats(s.pool).waiting, QUEUED + WAYS - 1);
        if (is_closed) {
            CHECK_EQ(wpool_close(s.pool), WPOOL_OK);
            CHECK_EQ(pace_stats(s.pool).delayed, kind == PERIODIC ? 0 : WAYS - 1);
        }
        CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
        pace_await_delayed(s.pool, 0);
        CHECK(pace_stats(s.pool).waiting >= QUEUED);
        CHECK_EQ(wpool_start(s.pool), WPOOL_OK);
        test_drain(s.pool);
        CHECK_EQ(atomic_load(&count), QUEUED);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
        scene_end(&s);
        EACH_WAY CHECK_EQ(jobs[way].done_count, 1);
    }
}

/* ---- who waits for it ---- */

typedef struct waiter {
    wpool *pool;
    paced *paced;
    wpool_group *group;
    int64_t timeout;
    wpool_status status;
    void (*call)(struct waiter *w);
    helper helper;
} waiter;

static void wait_by_id(waiter *w) {
    wpool_result result = {0};
    w->status = wpool_wait(w->pool, w->paced->id, w->timeout, &result);
    if (w->status == WPOOL_OK) CHECK_EQ(result.state, WPOOL_STATE_SUCCEEDED);
}

static void wait_for_job(waiter *w) { w->status = wpool_job_wait(&w->paced->job, w->timeout); }

static void wait_for_group(waiter *w) { w->status = wpool_group_wait(w->group, w->timeout, NULL); }

static void take_result(waiter *w) {
    wpool_result result = {0};
    w->status = wpool_take(w->pool, w->timeout, &result);
    if (w->status == WPOOL_OK) CHECK(result.arg == w->paced);
}

static void drain(waiter *w) { w->status = wpool_drain(w->pool, w->timeout); }

static const struct {
    void (*call)(waiter *w);
    bool ways[WAYS];                    /* how the job may have been handed in */
    bool is_for_workers, drives_inline; /* from inside of a job; from outside */
} waits[] = {{wait_by_id, {[WITH_ID] = true}, true, true},
             {wait_for_job, {[OWNED] = true}, true, true},
             {wait_for_group, {true, true, true}, true, false},
             {take_result, {true, true, false}, true, true},
             {drain, {true, true, true}, false, true}};

#define EACH_WAIT                                         \
    for (size_t wait = 0; wait < COUNT_OF(waits); wait++) \
    EACH_WAY if (waits[wait].ways[way])

static void wait_in_helper(void *arg) {
    waiter *w = (waiter *)arg;
    w->call(w);
}

TEST(who_waits_from_outside_sleeps_until_it_has_run) {
    for (int is_timeout = 0; is_timeout < 2; is_timeout++)
        for (int is_closed = 0; is_closed < 2; is_closed++)
            for (int kind = DELAYED; kind <= RETRIED; kind++)
                EACH_POOL EACH_WAIT {
                    if (is_inline && !waits[wait].drives_inline) continue;
                    paced p = {.error = 0};
                    wpool_group group;
                    waiter w = {.paced = &p, .group = &group, .call = waits[wait].call};
                    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
                    w.pool = scene_pool(is_inline, (wpool_config){.workers = 1, .results = true});
                    w.timeout = is_timeout ? DUE - 1 : WPOOL_FOREVER;
                    kind_submit_alone(w.pool, is_inline, &p, way, kind, &group);
                    if (is_closed) CHECK_EQ(wpool_close(w.pool), WPOOL_OK);
                    helper_start(&w.helper, wait_in_helper, &w);
                    sleepers_pass_nearly(is_timeout ? DUE - 1 : DUE);
                    CHECK(!atomic_load(&w.helper.is_finished));
                    paced_check_waits(&p, WPOOL_STATE_DELAYED, kind_runs(kind));
                    test_clock_advance(1);
                    helper_join(&w.helper);
                    CHECK_EQ(w.status, is_timeout ? WPOOL_TIMEOUT : WPOOL_OK);
                    if (is_timeout) paced_check_waits(&p, WPOOL_STATE_DELAYED, kind_runs(kind));
                    if (is_timeout) test_clock_advance(1);
                    if (is_closed && waits[wait].call == take_result && !is_timeout)
                        CHECK_EQ(wpool_take(w.pool, WPOOL_FOREVER, NULL), WPOOL_DONE);
                    test_destroy(w.pool);
                    paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, kind_runs(kind) + 1);
                }
}

/* As a job of the same pool, whose only worker it is. */
typedef struct inner {
    waiter waiter;
    int way, kind;
    atomic_bool is_over;
} inner;

static int inner_job(void *arg, wpool_job *job) {
    inner *in = (inner *)arg;
    waiter *w = &in->waiter;
    wpool_options options = kind_options(in->kind, w->paced);
    options.group = w->group;
    w->pool = wpool_job_pool(job);
    paced_submit(w->pool, w->paced, in->way, &options);
    w->call(w);
    atomic_store(&in->is_over, true);
    return 0;
}

TEST(a_worker_that_waits_for_a_time_runs_the_job_itself) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++)
        for (int kind = DELAYED; kind <= RETRIED; kind++)
            EACH_POOL EACH_WAIT {
                if (!waits[wait].is_for_workers) continue;
                paced p = {.error = 0};
                wpool_group group;
                inner in = {.way = way, .kind = kind};
                scene s;
                in.waiter = (waiter){.call = waits[wait].call, .paced = &p, .group = &group};
                in.waiter.timeout = WPOOL_FOREVER;
                CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
                scene_begin(
                    &s, is_inline,
                    (wpool_config){.workers = 1, .help = (wpool_help)help, .results = true});
                CHECK_EQ(wpool_submit(s.pool, inner_job, &in, NULL), WPOOL_OK);
                AWAIT(atomic_load(&p.run_count) == kind_runs(kind) &&
                      pace_stats(s.pool).delayed == 1);
                paced_check_waits(&p, WPOOL_STATE_DELAYED, kind_runs(kind));
                CHECK_EQ(pace_stats(s.pool).running, 1);
                sleepers_pass_nearly(DUE);
                paced_check_waits(&p, WPOOL_STATE_DELAYED, kind_runs(kind));
                CHECK(!atomic_load(&in.is_over));
                test_clock_advance(1);
                AWAIT(atomic_load(&in.is_over));
                CHECK_EQ(in.waiter.status, WPOOL_OK);
                CHECK_EQ(p.began[kind_runs(kind)], p.submitted + DUE);
                scene_end(&s);
                paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, kind_runs(kind) + 1);
            }
}

TEST(a_worker_gives_up_before_the_time_has_come) {
    EACH_POOL EACH_WAIT {
        if (!waits[wait].is_for_workers) continue;
        paced p = {.error = 0};
        wpool_group group;
        inner in = {.way = way, .kind = DELAYED};
        scene s;
        in.waiter = (waiter){.call = waits[wait].call, .paced = &p, .group = &group};
        in.waiter.timeout = DUE - 1;
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        scene_begin(&s, is_inline, (wpool_config){.workers = 1, .results = true});
        CHECK_EQ(wpool_submit(s.pool, inner_job, &in, NULL), WPOOL_OK);
        pace_await_delayed(s.pool, 1);
        sleepers_pass_nearly(DUE - 1);
        CHECK(!atomic_load(&in.is_over));
        test_clock_advance(1);
        AWAIT(atomic_load(&in.is_over));
        CHECK_EQ(in.waiter.status, WPOOL_TIMEOUT);
        paced_check_waits(&p, WPOOL_STATE_DELAYED, 0);
        sleepers_pass(1);
        scene_end(&s);
        paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 1);
    }
}

/* More jobs that wait than workers, each for one of its own; one of them asleep (HELP_NONE) leaves
   the other worker to run what is due. */
TEST(many_jobs_wait_each_for_a_time) {
    enum { COUNT = 20 };
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_NONE; help++)
        EACH_POOL {
            if (is_inline && help == WPOOL_HELP_NONE) continue;
            const unsigned count = help == WPOOL_HELP_NONE ? 1 : COUNT;
            paced jobs[COUNT] = {{.error = 0}};
            inner inners[COUNT];
            scene s;
            scene_begin(
                &s, is_inline,
                (wpool_config){.workers = 2, .help = (wpool_help)help, .stack_size = 8 << 20});
            for (unsigned i = 0; i < count; i++) {
                inners[i] = (inner){.way = i % 2 ? OWNED : WITH_ID, .kind = (int)(i / 2 % 2)};
                inners[i].waiter = (waiter){.paced = &jobs[i], .timeout = WPOOL_FOREVER};
                inners[i].waiter.call = i % 2 ? wait_for_job : wait_by_id;
                CHECK_EQ(wpool_submit(s.pool, inner_job, &inners[i], NULL), WPOOL_OK);
            }
            PASS_UNTIL(pace_stats(s.pool).succeeded == 2 * count);
            scene_end(&s);
            for (unsigned i = 0; i < count; i++) {
                CHECK_EQ(inners[i].waiter.status, WPOOL_OK);
                paced_check(&jobs[i], WPOOL_STATE_SUCCEEDED, 0, 1 + (inners[i].kind == RETRIED));
            }
        }
}

static int end_from_inside(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_DEADLOCK);
    return count_job(arg, job);
}

TEST(no_job_of_the_pool_may_wait_for_its_end) {
    EACH_KIND EACH_POOL {
        paced p = {.error = 0};
        atomic_uint count = 0;
        scene s;
        scene_begin(&s, is_inline, one_worker);
        kind_submit(s.pool, &p, PLAIN, kind);
        count_submit(s.pool, &count, 1);
        CHECK_EQ(wpool_submit(s.pool, end_from_inside, &count, NULL), WPOOL_OK);
        AWAIT(atomic_load(&count) == 2);
        CHECK_EQ(wpool_submit(s.pool, count_job, &count, NULL), WPOOL_OK); /* it is open */
        AWAIT(atomic_load(&count) == 3);
        CHECK_EQ(wpool_stop(s.pool, WPOOL_GRACEFUL), WPOOL_OK);
        scene_end(&s);
        CHECK_EQ(p.done_count, 1);
    }
}

TEST(who_waits_is_woken_when_it_will_not_come) {
    EACH_KIND EACH_POOL EACH_WAIT for (int is_stop = 0; is_stop < 2; is_stop++) {
        if (is_inline && !waits[wait].drives_inline) continue;
        if (waits[wait].call == wait_by_id) continue; /* it expects success */
        paced p = {.error = 0};
        wpool_group group;
        waiter w = {
            .paced = &p, .group = &group, .call = waits[wait].call, .timeout = WPOOL_FOREVER};
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        w.pool = scene_pool(is_inline, (wpool_config){.workers = 1, .results = true});
        kind_submit_alone(w.pool, is_inline, &p, way, kind, &group);
        helper_start(&w.helper, wait_in_helper, &w);
        helper_await_sleep(&w.helper);
        if (is_stop)
            CHECK_EQ(wpool_stop(w.pool, WPOOL_GRACEFUL), WPOOL_OK);
        else
            CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
        helper_join(&w.helper);
        CHECK_EQ(w.status, WPOOL_OK);
        test_destroy(w.pool);
        if (is_stop)
            check_stopped(&p, kind);
        else
            check_ended_early(&p, kind, WPOOL_CANCELLED);
    }
}

/* ---- many ---- */

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { MANY = 10000 };
#else
enum { MANY = 100000 };
#endif

typedef struct late {
    int64_t due;
    wpool_id id;
    wpool_job job;
} late;

static struct {
    atomic_uint ran, discarded;
    int64_t last;
    bool is_in_order;
} many;

/* On the only worker. */
static int late_job(void *arg, wpool_job *job) {
    const late *l = (const late *)arg;
    (void)job;
    CHECK(l->due <= test_clock_now());
    many.is_in_order = many.is_in_order && l->due >= many.last;
    many.last = l->due;
    atomic_fetch_add(&many.ran, 1);
    return 0;
}

static void late_done(void *arg, const wpool_result *result) {
    (void)arg;
    if (result->state == WPOOL_STATE_DISCARDED) atomic_fetch_add(&many.discarded, 1);
}

/* In so many steps of the clock. Those with an id are cancelled before. */
static void check_many(bool is_inline, unsigned steps, uint64_t seed) {
    late *jobs = (late *)calloc(MANY, sizeof *jobs);
    const int64_t begin = test_clock_now(), span = WPOOL_SECONDS(1);
    unsigned cancelled = 0;
    scene s;
    CHECK(jobs != NULL);
    scene_begin(&s, is_inline, one_worker);
    many.is_in_order = true;
    many.last = 0;
    atomic_store(&many.ran, 0);
    atomic_store(&many.discarded, 0);
    for (unsigned i = 0; i < MANY; i++) {
        const int64_t ahead = 1 + (int64_t)test_choose(seed, (uint64_t)span);
        const wpool_options options = {.delay = ahead, .on_done = late_done};
        jobs[i].due = begin + ahead;
        CHECK_EQ(way_submit(s.pool, (int)(i % WAYS), late_job, &jobs[i], &options, &jobs[i].job,
                            &jobs[i].id),
                 WPOOL_OK);
    }
    check_delayed(s.pool, MANY);
    for (unsigned i = WITH_ID; i < MANY; i += WAYS, cancelled++)
        CHECK_EQ(wpool_cancel(s.pool, jobs[i].id, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(atomic_load(&many.discarded), cancelled);
    check_delayed(s.pool, MANY - cancelled);
    for (unsigned i = 1; i <= steps; i++) {
        unsigned due = 0;
        test_clock_advance(begin + span / steps * i - test_clock_now());
        for (unsigned j = 0; j < MANY; j++)
            due += j % WAYS != WITH_ID && jobs[j].due <= test_clock_now();
        AWAIT(atomic_load(&many.ran) == due);
        AWAIT(pace_stats(s.pool).succeeded == due);
        check_delayed(s.pool, MANY - cancelled - due);
    }
    test_drain(s.pool);
    CHECK(many.is_in_order);
    CHECK_EQ(atomic_load(&many.ran), MANY - cancelled);
    scene_end(&s);
    free(jobs);
}

TEST(a_hundred_thousand_wait_for_their_times) {
    const uint64_t seed = test_seed();
    EACH_POOL {
        check_many(is_inline, 1, seed);
        check_many(is_inline, 20, seed);
    }
}

TEST(a_hundred_thousand_are_discarded_with_their_pool) {
    EACH_POOL for (int is_stop = 0; is_stop < 2; is_stop++) {
        const uint64_t seed = test_seed();
        atomic_uint count = 0;
        wpool_group group;
        scene s;
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        scene_begin(&s, is_inline, one_worker);
        atomic_store(&many.discarded, 0);
        for (unsigned i = 0; i < MANY; i++) {
            const wpool_options options = {.delay = 1 + (int64_t)test_choose(seed, DUE),
                                           .group = is_stop ? NULL : &group,
                                           .on_done = late_done};
            CHECK_EQ(wpool_submit_with(s.pool, count_job, &count, &options, NULL), WPOOL_OK);
        }
        if (is_stop)
            CHECK_EQ(wpool_stop(s.pool, WPOOL_GRACEFUL), WPOOL_OK);
        else
            CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
        AWAIT(atomic_load(&many.discarded) == MANY); /* a worker may have had one in its hands */
        scene_release(&s);
        sleepers_await_none();
        test_destroy(s.pool);
        CHECK_EQ(atomic_load(&count), 0);
    }
}

/* ---- everything at once, at random: whatever happens, each one ends once, and the counts add up
   at every step ---- */

enum { MIXED = 400 };

typedef struct mix {
    scene scene;
    uint64_t seed;
    atomic_bool is_over;
    helper watcher;
} mix;

static void watch_counts(void *arg) {
    mix *m = (mix *)arg;
    uint64_t finished = 0, accepted = 0;
    while (!atomic_load(&m->is_over)) {
        const wpool_stats_snapshot s = pace_stats(m->scene.pool);
        const uint64_t now = s.succeeded + s.failed + s.cancelled + s.discarded;
        CHECK(now >= finished && s.accepted >= accepted);
        finished = now;
        accepted = s.accepted;
        sched_yield();
    }
}

static wpool_options mix_options(uint64_t seed, paced *p, wpool_group *group) {
    const int64_t ms = WPOOL_MS(1);
    wpool_options options = {0};
    if (test_choose(seed, 2)) options.delay = ms * (int64_t)test_choose(seed, 20);
    if (test_choose(seed, 4) == 0) options.period = ms * (int64_t)(1 + test_choose(seed, 9));
    if (test_choose(seed, 4) == 0) options.deadline = ms * (int64_t)(1 + test_choose(seed, 40));
    if (test_choose(seed, 3) == 0) options.group = group;
    if (test_choose(seed, 2))
        options.retry = (wpool_retry){.attempts = (unsigned)test_choose(seed, 6),
                                      .delay = ms * (int64_t)test_choose(seed, 6),
                                      .jitter = (double)test_choose(seed, 5) / 4};
    if (test_choose(seed, 2)) p->error = 5;
    p->successes = (unsigned)test_choose(seed, 4);
    p->failures = (unsigned)test_choose(seed, 4);
    return options;
}

TEST(each_one_ends_once_whatever_happens) {
    const uint64_t seed = test_seed();
    for (int round = 0; round < 30; round++)
        EACH_POOL {
            static paced jobs[MIXED];
            wpool_group group;
            mix m = {.seed = seed};
            uint64_t ends[4] = {0}; /* by state, from succeeded */
            memset((void *)jobs, 0, sizeof jobs);
            CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
            scene_begin(&m.scene, is_inline, (wpool_config){.workers = 3});
            helper_start(&m.watcher, watch_counts, &m);
            for (int i = 0; i < MIXED; i++) {
                const wpool_options options = mix_options(seed, &jobs[i], &group);
                paced_submit(m.scene.pool, &jobs[i], (int)test_choose(seed, WAYS), &options);
                if (test_choose(seed, 8) == 0) test_clock_advance(WPOOL_MS(1));
                const int other = (int)test_choose(seed, (uint64_t)i + 1);
                if (jobs[other].id && test_choose(seed, 8) == 0)
                    wpool_cancel(m.scene.pool, jobs[other].id, (wpool_mode)test_choose(seed, 2));
            }
            for (int i = 0; i < 20; i++) {
                test_clock_advance(WPOOL_MS(1));
                if (i % 4 == 0) test_let_others_run();
            }
            if (test_choose(seed, 2)) CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
            if (test_choose(seed, 2))
                CHECK_EQ(wpool_stop(m.scene.pool, (wpool_mode)test_choose(seed, 2)), WPOOL_OK);
            else
                CHECK_EQ(wpool_close(m.scene.pool), WPOOL_OK);
            PASS_UNTIL(pace_is_over(m.scene.pool));
            test_drain(m.scene.pool);
            atomic_store(&m.is_over, true);
            helper_join(&m.watcher);
            for (int i = 0; i < MIXED; i++) {
                AWAIT(atomic_load(&jobs[i].done_count) == 1); /* of a caller-owned one at last */
                CHECK(jobs[i].result.state >= WPOOL_STATE_SUCCEEDED);
                CHECK_EQ(jobs[i].result.attempts, atomic_load(&jobs[i].run_count));
                ends[jobs[i].result.state - WPOOL_STATE_SUCCEEDED]++;
            }
            const wpool_stats_snapshot stats = pace_stats(m.scene.pool);
            CHECK_EQ(stats.accepted, MIXED);
            CHECK_EQ(stats.delayed, 0);
            CHECK_EQ(stats.succeeded, ends[0]);
            CHECK_EQ(stats.failed, ends[1]);
            CHECK_EQ(stats.cancelled, ends[2]);
            CHECK_EQ(stats.discarded, ends[3]);
            scene_end(&m.scene);
        }
}
