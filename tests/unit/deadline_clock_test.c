/* Deadlines of jobs and of groups, on a clock that the test moves. */
#include "clock.h"
#include "few_threads.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include "ways.h"

#define DUE WPOOL_MS(5)

/* due: 0: never */
static void timed_submit(wpool *pool, request *r, int way, int64_t due, wpool_group *group) {
    request_submit(pool, r, way, (wpool_options){.deadline = due, .group = group});
}

static void group_due(wpool_group *group, int64_t timeout) {
    CHECK_EQ(wpool_group_deadline(group, timeout), WPOOL_OK);
}

static void group_check(wpool_group *group, int first_error) {
    int error = 77;
    CHECK_EQ(wpool_group_wait(group, WPOOL_FOREVER, &error), WPOOL_OK);
    CHECK_EQ(error, first_error);
}

/* ---- jobs ---- */

TEST(a_queued_job_is_discarded_when_it_is_due) {
    for (int is_held = 0; is_held < 2; is_held++) { /* or paused */
        hold h = HOLD_EMPTY;
        request due[WAYS] = {{.id = 0}}, others[WAYS] = {{.id = 0}};
        wpool *pool = is_held ? test_pool_of(1, 0) : test_pool_paused(2, 0);
        if (is_held) hold_workers(&h, pool, 1);
        for (int way = 0; way < WAYS; way++) {
            timed_submit(pool, &due[way], way, DUE, NULL);
            timed_submit(pool, &others[way], way, 0, NULL);
        }
        test_clock_pass_nearly(DUE);
        for (int way = 0; way < WAYS; way++)
            CHECK_EQ(atomic_load(&due[way].task.done_count), 0);
        CHECK_EQ(wpool_job_state(pool, due[WITH_ID].id), WPOOL_STATE_WAITING);
        test_clock_advance(1);
        for (int way = 0; way < OWNED; way++) {
            request_await(&due[way]);
            request_check(&due[way], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        }
        while (wpool_job_state(pool, due[WITH_ID].id) != WPOOL_STATE_DISCARDED)
            sched_yield(); /* after its on_done */
        if (is_held)
            hold_release(&h, 1);
        else
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&due[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(due[OWNED].job.error, WPOOL_TIMEOUT);
        test_drain(pool);
        CHECK_EQ(test_stats(pool).discarded, WAYS);
        test_destroy(pool);
        request_check(&due[OWNED], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        for (int way = 0; way < WAYS; way++)
            request_check(&others[way], WPOOL_STATE_SUCCEEDED, 0);
    }
}

typedef struct sequel {
    wpool *pool;
    atomic_uint count;
    int way;
    wpool_job job;
    wpool_status status;
    atomic_bool is_submitted;
} sequel;

static void submit_sequel(void *arg, const wpool_result *result) {
    sequel *s = (sequel *)arg;
    void *const args[2] = {&s->count, &s->count};
    const wpool_options options = {.timeout = WPOOL_SECONDS(100), .priority = WPOOL_LOW};
    CHECK_EQ(result->state, WPOOL_STATE_DISCARDED);
    wpool_job_init(&s->job, count_job, &s->count);
    s->status = s->way == PLAIN ? wpool_submit(s->pool, count_job, &s->count, NULL)
                : s->way == WITH_ID
                    ? wpool_submit_with(s->pool, count_job, &s->count, &options, NULL)
                    : wpool_submit_job(s->pool, &s->job, NULL);
    CHECK_EQ(wpool_submit_many(s->pool, count_job, args, 2, NULL), 2);
    atomic_store(&s->is_submitted, true);
}

/* In a full pool it would wait for the place of its own job; and who keeps the time must not wait
   at all: others are due later. */
TEST(on_done_of_a_job_that_was_due_may_submit_to_the_full_pool) {
    for (size_t capacity = 0; capacity < 2; capacity++)
        for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++)
            for (int way = 0; way < WAYS; way++) {
                hold h = HOLD_EMPTY;
                wpool_config config = {.workers = 1, .queue_capacity = capacity};
                if (capacity == 0) config.queue_capacity = WPOOL_UNBUFFERED;
                wpool *pool = pool_from(config);
                sequel s = {.pool = pool, .way = way};
                const wpool_options options = {.on_done = submit_sequel,
                                               .delay = capacity ? 0 : 2 * DUE,
                                               .deadline = is_cancelled ? 0 : DUE};
                wpool_id id;
                hold_workers(&h, pool, 1);
                CHECK_EQ(wpool_submit_with(pool, count_job, &s, &options, &id), WPOOL_OK);
                if (is_cancelled)
                    CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_OK);
                else
                    test_clock_pass(DUE);
                while (!atomic_load(&s.is_submitted))
                    sched_yield();
                CHECK_EQ(s.status, WPOOL_OK);
                CHECK_EQ(test_stats(pool).waiting, 3);
                hold_release(&h, 1);
                test_drain(pool);
                CHECK_EQ(atomic_load(&s.count), 3);
                test_destroy(pool);
            }
}

TEST(a_running_job_is_told_when_it_is_due) {
    gate door = GATE_CLOSED;
    request due[WAYS], others[WAYS];
    wpool *pool = pool_of(2 * WAYS);
    for (int way = 0; way < WAYS; way++) {
        due[way] = (request){.task = {.door = &door, .error = 6, .is_patient = true}};
        others[way] = (request){.task = {.door = &door, .error = 7}};
        timed_submit(pool, &due[way], way, DUE, NULL);
        timed_submit(pool, &others[way], way, way == PLAIN ? 0 : DUE + 1, NULL);
    }
    gate_await_count(&door, 2 * WAYS);
    test_clock_pass_nearly(DUE);
    test_let_others_run();
    CHECK_EQ(test_stats(pool).running, 2 * WAYS);
    test_clock_advance(1);
    test_clock_parked_until(1); /* for the others; these have been told now */
    gate_open(&door);
    test_drain(pool);
    test_clock_advance(1);
    test_destroy(pool);
    for (int way = 0; way < WAYS; way++) {
        request_check(&due[way], WPOOL_STATE_CANCELLED, 6);
        request_check(&others[way], WPOOL_STATE_FAILED, 7);
        CHECK(!atomic_load(&others[way].task.was_told));
    }
}

static atomic_bool listens;

static void ring(void *arg) { atomic_fetch_add((atomic_uint *)arg, 1); }

static int listen_job(void *arg, wpool_job *job) {
    atomic_uint *rung = (atomic_uint *)arg;
    CHECK_EQ(wpool_on_cancel(job, ring, rung), WPOOL_OK);
    atomic_store(&listens, true);
    while (atomic_load(rung) == 0)
        sched_yield();
    CHECK(wpool_cancelled(job));
    return 3;
}

TEST(who_listens_is_called_once_when_it_is_due) {
    for (int is_group = 0; is_group < 2; is_group++) {
        atomic_uint rung = 0;
        wpool_group group;
        wpool_id id;
        const wpool_options options = {.deadline = is_group ? 0 : DUE,
                                       .group = is_group ? &group : NULL};
        wpool *pool = pool_of(1);
        group_begin(&group, NULL);
        if (is_group) group_due(&group, DUE);
        atomic_store(&listens, false);
        CHECK_EQ(wpool_submit_with(pool, listen_job, &rung, &options, &id), WPOOL_OK);
        while (!atomic_load(&listens))
            sched_yield();
        test_clock_pass_nearly(DUE);
        CHECK_EQ(atomic_load(&rung), 0);
        test_clock_advance(1);
        test_drain(pool);
        CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_CANCELLED);
        test_clock_advance(DUE);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&rung), 1);
    }
}

/* What has ended is left alone, and so is who has its record, or is handed in again. */
TEST(a_job_that_ends_in_time_is_left_alone) {
    enum { COUNT = 3 * WPOOL_RECORDS };
    gate door = GATE_CLOSED;
    static request early[COUNT][WAYS];
    request late[WAYS];
    wpool *pool = pool_of(WAYS);
    memset((void *)early, 0, sizeof early);
    for (int i = 0; i < COUNT * WAYS; i++)
        timed_submit(pool, &early[i / WAYS][i % WAYS], i % WAYS, DUE + i % 7, NULL);
    test_drain(pool);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(wpool_wait(pool, early[i][WITH_ID].id, WPOOL_NOW, NULL), WPOOL_OK);
    for (int way = 0; way < WAYS; way++) {
        late[way] = (request){.task = {.door = &door, .error = 1}};
        timed_submit(pool, &late[way], way, 0, NULL);
    }
    gate_await_count(&door, WAYS);
    test_clock_advance(2 * DUE);
    test_let_others_run();
    for (int i = 0; i < COUNT; i++) { /* again: queued, and its old deadline over */
        memset((void *)&early[i][OWNED].task, 0, sizeof(task));
        timed_submit(pool, &early[i][OWNED], OWNED, 0, NULL);
    }
    gate_open(&door);
    test_drain(pool);
    test_destroy(pool);
    for (int way = 0; way < WAYS; way++) {
        request_check(&late[way], WPOOL_STATE_FAILED, 1);
        CHECK(!atomic_load(&late[way].task.was_told));
    }
    for (int i = 0; i < COUNT * WAYS; i++)
        request_check(&early[i / WAYS][i % WAYS], WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_deadline_may_be_as_far_away_as_time_goes) {
    request jobs[2] = {{.id = 0}};
    wpool_group group;
    wpool *pool = test_pool_paused(1, 0);
    group_begin(&group, NULL);
    group_due(&group, INT64_MAX);
    timed_submit(pool, &jobs[0], WITH_ID, INT64_MAX, NULL);
    timed_submit(pool, &jobs[1], WITH_ID, 0, &group);
    for (int i = 0; i < 4; i++) {
        test_clock_advance(WPOOL_SECONDS(366 * 24 * 3600) * 50);
        test_let_others_run();
    }
    CHECK(!wpool_group_cancelled(&group));
    test_destroy(pool);
    request_check(&jobs[0], WPOOL_STATE_SUCCEEDED, 0);
    request_check(&jobs[1], WPOOL_STATE_SUCCEEDED, 0);
}

/* ---- who waits for it is woken ---- */

typedef struct waiter {
    wpool *pool;
    request *request;
    wpool_group *group;
    helper helper;
} waiter;

static void wait_by_id(void *arg) {
    waiter *w = (waiter *)arg;
    wpool_result result;
    CHECK_EQ(wpool_wait(w->pool, w->request->id, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
    CHECK_EQ(result.error, WPOOL_TIMEOUT);
    CHECK_EQ(result.attempts, 0);
    CHECK_EQ(result.waited_ns, DUE);
}

static void take_result(void *arg) {
    waiter *w = (waiter *)arg;
    wpool_result result;
    CHECK_EQ(wpool_take(w->pool, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.error, WPOOL_TIMEOUT);
}

static void drain(void *arg) { test_drain(((waiter *)arg)->pool); }

static void wait_for_group(void *arg) { group_check(((waiter *)arg)->group, WPOOL_TIMEOUT); }

static void waiter_check_woken(waiter *w) {
    test_clock_pass_nearly(DUE);
    CHECK(!atomic_load(&w->helper.is_finished));
    test_clock_advance(1);
    helper_join(&w->helper);
    test_destroy(w->pool);
    request_check(w->request, WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
}

TEST(who_waits_is_woken_when_it_is_due) {
    static void (*const ways[])(void *) = {wait_by_id, take_result, drain, wait_for_group};
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        for (int is_group = 0; is_group < 2; is_group++) {
            request due = {.id = 0};
            wpool_group groups[2];
            waiter w = {.request = &due, .group = &groups[0]};
            w.pool = pool_from((wpool_config){.workers = 1, .results = true, .start_paused = true});
            group_begin(&groups[0], NULL);
            group_begin(&groups[1], &groups[0]);
            if (is_group) group_due(&groups[0], DUE);
            timed_submit(w.pool, &due, WITH_ID, is_group ? 0 : DUE, &groups[1]);
            helper_start(&w.helper, ways[i], &w);
            helper_await_sleep(&w.helper);
            waiter_check_woken(&w);
        }
}

TEST(who_sleeps_in_an_inline_pool_sees_a_deadline_set_meanwhile) {
    request due = {.id = 0};
    wpool_group group;
    waiter w = {.request = &due, .group = &group};
    w.pool = pool_from((wpool_config){.max_workers = WPOOL_INLINE, .start_paused = true});
    group_begin(&group, NULL);
    timed_submit(w.pool, &due, WITH_ID, 0, &group);
    helper_start(&w.helper, drain, &w);
    helper_await_sleep(&w.helper);
    group_due(&group, DUE);
    waiter_check_woken(&w);
}

typedef struct blocked {
    wpool *pool;
    wpool_group *group;
    request request;
    int way;
    helper helper;
} blocked;

static void submit_blocked(void *arg) {
    blocked *b = (blocked *)arg;
    timed_submit(b->pool, &b->request, b->way, b->group ? 0 : DUE, b->group);
}

/* Its time begins with the submit; it is over before there is room. */
TEST(a_job_whose_submitter_was_blocked_too_long_does_not_start) {
    for (int is_group = 0; is_group < 2; is_group++)
        for (int way = 0; way < WAYS; way++) {
            hold h = HOLD_EMPTY;
            wpool_group group;
            blocked b = {.pool = test_pool_of(1, 1), .way = way, .group = is_group ? &group : NULL};
            group_begin(&group, NULL);
            group_due(&group, DUE);
            hold_workers(&h, b.pool, 1);
            CHECK_EQ(wpool_submit(b.pool, hold_job, &h, NULL), WPOOL_OK);
            helper_start(&b.helper, submit_blocked, &b);
            helper_await_sleep(&b.helper);
            test_clock_parked_until(1);
            test_clock_advance(DUE);
            hold_release(&h, 1);
            helper_join(&b.helper);
            if (way != OWNED) request_await(&b.request); /* the worker is busy still */
            hold_release(&h, 1);
            test_drain(b.pool);
            test_destroy(b.pool);
            request_check(&b.request, WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        }
}

/* ---- groups ---- */

/* Set before the job came and after; the group's above; and the job's own. */
TEST(the_earliest_deadline_counts) {
    static const int64_t dues[][3] = {/* the job's, its group's, that of the one above */
                                      {5, 0, 0}, {0, 5, 0}, {0, 0, 5}, {5, 7, 9}, {9, 7, 5},
                                      {7, 5, 9}, {9, 5, 7}, {5, 5, 5}, {5, 0, 7}, {7, 0, 5}};
    for (size_t i = 0; i < COUNT_OF(dues); i++)
        for (int is_before = 0; is_before < 4; is_before++)
            for (int is_running = 0; is_running < 2; is_running++) {
                gate door = GATE_CLOSED;
                request due = {.task = {.error = 4, .is_patient = true}};
                wpool_group groups[2];
                wpool *pool = is_running ? pool_of(1) : test_pool_paused(1, 0);
                if (is_running) due.task.door = &door;
                for (int g = 0; g < 2; g++) {
                    group_begin(&groups[g], g ? &groups[0] : NULL);
                    if (dues[i][2 - g] && is_before >> g & 1)
                        group_due(&groups[g], WPOOL_MS(dues[i][2 - g]));
                }
                timed_submit(pool, &due, WITH_ID, WPOOL_MS(dues[i][0]), &groups[1]);
                gate_open(&door);
                if (is_running) gate_await_count(&door, 1);
                for (int g = 0; g < 2; g++)
                    if (dues[i][2 - g] && !(is_before >> g & 1))
                        group_due(&groups[g], WPOOL_MS(dues[i][2 - g]));
                test_clock_pass_nearly(WPOOL_MS(5));
                CHECK_EQ(atomic_load(&due.task.done_count), 0);
                CHECK(!wpool_group_cancelled(&groups[1]));
                test_clock_advance(1);
                request_await(&due);
                CHECK_EQ(wpool_group_cancelled(&groups[0]), dues[i][2] == 5);
                CHECK_EQ(wpool_group_cancelled(&groups[1]), dues[i][1] == 5 || dues[i][2] == 5);
                test_destroy(pool);
                request_check(&due, is_running ? WPOOL_STATE_CANCELLED : WPOOL_STATE_DISCARDED,
                              is_running ? 4 : WPOOL_TIMEOUT);
            }
}

TEST(a_group_is_cancelled_as_a_whole_when_it_is_due) {
    for (int is_before = 0; is_before < 2; is_before++) {
        gate door = GATE_CLOSED;
        request running[2][WAYS], queued[3][WAYS] = {{{.id = 0}}};
        wpool_group top, groups[2], beside;
        wpool *pools[2] = {pool_of(WAYS), pool_of(WAYS)};
        group_begin(&top, NULL);
        group_begin(&groups[0], &top);
        group_begin(&groups[1], &groups[0]);
        group_begin(&beside, &top);
        if (is_before) group_due(&groups[0], DUE);
        for (int i = 0; i < 2 * WAYS; i++) { /* each pool has members of one */
            request *t = &running[i / WAYS][i % WAYS];
            *t = (request){.task = {.door = &door, .error = 8, .is_patient = true}};
            timed_submit(pools[i / WAYS], t, i % WAYS, 0, &groups[i / WAYS]);
        }
        gate_await_count(&door, 2 * WAYS);
        for (int i = 0; i < 3 * WAYS; i++)
            timed_submit(pools[i % 2], &queued[i / WAYS][i % WAYS], i % WAYS, 0,
                         i / WAYS == 2 ? &beside : &groups[i / WAYS]);
        if (!is_before) group_due(&groups[0], DUE);
        gate_open(&door);
        test_clock_pass_nearly(DUE);
        CHECK(!wpool_group_cancelled(&groups[0]));
        test_clock_advance(1);
        CHECK(wpool_group_cancelled(&groups[0]) && wpool_group_cancelled(&groups[1]));
        CHECK(!wpool_group_cancelled(&top) && !wpool_group_cancelled(&beside));
        CHECK_EQ(wpool_group_wait(&top, WPOOL_FOREVER, NULL), WPOOL_OK);
        group_check(&beside, 0);
        for (int i = 0; i < 2; i++)
            test_destroy(pools[i]);
        for (int i = 0; i < 2 * WAYS; i++) {
            request_check(&running[i / WAYS][i % WAYS], WPOOL_STATE_CANCELLED, 8);
            request_check(&queued[i / WAYS][i % WAYS], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        }
        for (int way = 0; way < WAYS; way++)
            request_check(&queued[2][way], WPOOL_STATE_SUCCEEDED, 0);
    }
}

TEST(a_group_that_is_due_takes_no_job) {
    const wpool_options options = {.on_done = task_done};
    for (int is_above = 0; is_above < 2; is_above++)
        for (int64_t due = 0; due < 2; due++) {
            request t = {.id = 77};
            wpool_group groups[2];
            wpool_options member = options;
            wpool *pool = test_pool_paused(1, 0);
            group_begin(&groups[0], NULL);
            group_begin(&groups[1], &groups[0]);
            group_due(&groups[!is_above], due);
            test_clock_advance(due);
            CHECK(wpool_group_cancelled(&groups[1]));
            CHECK_EQ(wpool_group_cancelled(&groups[0]), is_above);
            member.group = &groups[1];
            CHECK_EQ(wpool_submit_with(pool, task_job, &t.task, &member, NULL), WPOOL_CANCELLED);
            CHECK_EQ(wpool_submit_with(pool, task_job, &t.task, &member, &t.id), WPOOL_CANCELLED);
            CHECK_EQ(t.id, 0);
            wpool_job_init(&t.job, task_job, &t.task);
            CHECK_EQ(wpool_submit_job(pool, &t.job, &member), WPOOL_CANCELLED);
            CHECK_EQ(test_stats(pool).accepted, 0);
            CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_OK);
            test_destroy(pool);
            CHECK_EQ(atomic_load(&t.task.done_count), 0);
        }
}

TEST(a_deadline_is_replaced) {
    static const int64_t seconds[] = {9, 2, WPOOL_FOREVER};
    for (size_t i = 0; i < COUNT_OF(seconds); i++)
        for (int is_running = 0; is_running < 2; is_running++) {
            const int64_t due = seconds[i] < 0 ? WPOOL_FOREVER : WPOOL_MS(seconds[i]);
            request t = {.task = {.error = 4, .is_patient = true}};
            gate door = GATE_CLOSED;
            wpool_group groups[2];
            wpool *pool = is_running ? pool_of(1) : test_pool_paused(1, 0);
            group_begin(&groups[0], NULL);
            group_begin(&groups[1], &groups[0]);
            group_due(&groups[0], WPOOL_MS(5));
            if (is_running) t.task.door = &door;
            gate_open(&door);
            timed_submit(pool, &t, PLAIN, 0, &groups[1]);
            if (is_running) gate_await_count(&door, 1);
            test_clock_parked_until(1);
            group_due(&groups[0], due);
            if (due == WPOOL_FOREVER) {
                test_clock_advance(WPOOL_SECONDS(1));
                test_let_others_run();
            } else {
                test_clock_pass_nearly(due);
            }
            CHECK_EQ(atomic_load(&t.task.done_count), 0);
            CHECK(!wpool_group_cancelled(&groups[1]));
            if (due == WPOOL_FOREVER) group_due(&groups[0], 1);
            test_clock_advance(1);
            request_await(&t);
            CHECK(wpool_group_cancelled(&groups[1]));
            test_destroy(pool);
            request_check(&t, is_running ? WPOOL_STATE_CANCELLED : WPOOL_STATE_DISCARDED,
                          is_running ? 4 : WPOOL_TIMEOUT);
        }
}

TEST(the_pools_below_a_group_are_stopped_when_it_is_due) {
    for (int is_before = 0; is_before < 2; is_before++)
        for (int is_above = 0; is_above < 2; is_above++) {
            gate door = GATE_CLOSED;
            request running = {.task = {.door = &door, .error = 2, .is_patient = true}};
            request queued[WAYS] = {{.id = 0}};
            wpool_group groups[2];
            group_begin(&groups[0], NULL);
            group_begin(&groups[1], &groups[0]);
            if (is_before) group_due(&groups[!is_above], DUE);
            wpool *pool = pool_from((wpool_config){.workers = 1, .group = &groups[1]});
            timed_submit(pool, &running, PLAIN, 0, NULL);
            gate_await_count(&door, 1);
            for (int way = 0; way < WAYS; way++)
                timed_submit(pool, &queued[way], way, 0, NULL);
            if (!is_before) group_due(&groups[!is_above], DUE);
            test_clock_pass_nearly(DUE);
            CHECK_EQ(test_stats(pool).waiting, WAYS);
            test_clock_advance(1);
            gate_open(&door);
            test_drain(pool);
            CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_ALREADY);
            test_destroy(pool);
            request_check(&running, WPOOL_STATE_CANCELLED, 2);
            for (int way = 0; way < WAYS; way++) {
                CHECK_EQ(atomic_load(&queued[way].task.state), WPOOL_STATE_DISCARDED);
                CHECK_EQ(atomic_load(&queued[way].task.done_count), 1);
            }
        }
}

/* ---- many ---- */

enum { MANY = 10000 };

typedef struct dated {
    wpool_id id;
    int64_t due;
} dated;

static struct {
    atomic_uint count;
    int64_t last;
    bool is_in_order;
} endings;

static int dated_job(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    CHECK(false);
    return 0;
}

static void dated_done(void *arg, const wpool_result *result) {
    const dated *d = (const dated *)arg;
    CHECK_EQ(result->state, WPOOL_STATE_DISCARDED);
    if (result->error == WPOOL_CANCELLED) return;
    CHECK_EQ(result->error, WPOOL_TIMEOUT);
    CHECK(d->due <= test_clock_now());
    endings.is_in_order = endings.is_in_order && d->due >= endings.last;
    endings.last = d->due;
    atomic_fetch_add(&endings.count, 1);
}

/* In so many steps of the clock. Some are cancelled before. */
static void check_order(unsigned steps, uint64_t seed) {
    static dated jobs[MANY];
    const int64_t begin = test_clock_now(), span = WPOOL_MS(100);
    unsigned left = 0;
    wpool *pool = test_pool_paused(1, MANY);
    endings.is_in_order = true;
    endings.last = 0;
    atomic_store(&endings.count, 0);
    for (int i = 0; i < MANY; i++) {
        const int64_t ahead = 1 + (int64_t)test_choose(seed, (uint64_t)span / 2) * 2;
        const wpool_options options = {.on_done = dated_done, .deadline = ahead};
        jobs[i].due = begin + ahead;
        CHECK_EQ(wpool_submit_with(pool, dated_job, &jobs[i], &options, &jobs[i].id), WPOOL_OK);
    }
    for (int i = 0; i < MANY; i += 3)
        CHECK_EQ(wpool_cancel(pool, jobs[i].id, WPOOL_HOT), WPOOL_OK);
    for (unsigned i = 1; i <= steps; i++) {
        test_clock_advance(begin + span / steps * i - test_clock_now());
        left = 0;
        for (int j = 0; j < MANY; j++)
            left += j % 3 != 0 && jobs[j].due > test_clock_now();
        while (atomic_load(&endings.count) != MANY - (MANY + 2) / 3 - left)
            sched_yield();
    }
    CHECK_EQ(left, 0);
    test_drain(pool);
    CHECK(endings.is_in_order);
    CHECK_EQ(test_stats(pool).discarded, MANY);
    test_destroy(pool);
}

TEST(many_end_in_the_order_of_their_deadlines) {
    const uint64_t seed = test_seed();
    check_order(1, seed);
    check_order(2, seed);
    check_order(50, seed);
}

/* ---- the end of a pool ---- */

static void end_by_close(wpool *pool) {
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
}

static void end_by_stop(wpool *pool) { CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK); }
static void end_by_hot_stop(wpool *pool) { CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK); }

static void end_by_shutdown(wpool *pool) {
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
}

static void end_by_destroy(wpool *pool) { (void)pool; }

TEST(a_pool_ends_before_its_deadlines) {
    static void (*const ends[])(wpool *) = {end_by_close, end_by_shutdown, end_by_destroy,
                                            end_by_stop, end_by_hot_stop};
    const surroundings before = surroundings_now();
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        for (int is_inline = 0; is_inline < 2; is_inline++) {
            request jobs[10][WAYS] = {{{.id = 0}}};
            wpool_group group;
            memory used = {0};
            const wpool_allocator allocator = memory_allocator(&used);
            wpool *pool = pool_from((wpool_config){.workers = is_inline ? 0 : 2,
                                                   .max_workers = is_inline ? WPOOL_INLINE : 0,
                                                   .allocator = &allocator,
                                                   .start_paused = true});
            group_begin(&group, NULL);
            group_due(&group, WPOOL_MS(7));
            for (int j = 0; j < 10 * WAYS; j++)
                timed_submit(pool, &jobs[j / WAYS][j % WAYS], j % WAYS, WPOOL_MS(5 + j % 7),
                             j % 2 ? &group : NULL);
            ends[i](pool);
            test_destroy(pool);
            for (int j = 0; j < 10 * WAYS; j++)
                request_check(&jobs[j / WAYS][j % WAYS],
                              i < 3 ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_DISCARDED,
                              i < 3 ? 0 : WPOOL_CANCELLED);
            memory_check_empty(&used);
            CHECK_EQ(wpool_group_wait(&group, WPOOL_NOW, NULL), WPOOL_OK);
            memset((void *)jobs, 0xA5, sizeof jobs);
            memset((void *)&group, 0xA5, sizeof group);
            test_clock_advance(WPOOL_MS(20));
        }
    surroundings_check(before);
}

static void destroy_it(void *arg) { test_destroy(((waiter *)arg)->pool); }

/* Closed, and being destroyed: what waits, and what runs, is due all the same. */
TEST(a_pool_that_ends_has_deadlines) {
    for (int way = 0; way < WAYS; way++)
        for (int is_destroyed = 0; is_destroyed < 2; is_destroyed++) {
            gate door = GATE_CLOSED;
            request running = {.task = {.door = &door, .error = 3, .is_patient = true}};
            request queued = {.id = 0};
            waiter w = {.pool = pool_of(1)};
            timed_submit(w.pool, &running, way, DUE, NULL);
            gate_await_count(&door, 1);
            timed_submit(w.pool, &queued, way, DUE - 1, NULL);
            if (is_destroyed) {
                helper_start(&w.helper, destroy_it, &w);
                helper_await_sleep(&w.helper);
            } else {
                CHECK_EQ(wpool_close(w.pool), WPOOL_OK);
            }
            test_clock_pass_nearly(DUE);
            if (way != OWNED) request_await(&queued);
            gate_open(&door);
            test_clock_advance(1);
            if (is_destroyed)
                helper_join(&w.helper);
            else
                test_destroy(w.pool);
            request_check(&running, WPOOL_STATE_CANCELLED, 3);
            request_check(&queued, WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        }
}

/* ---- nobody looks at the clock when nothing is due ---- */

/* Threads that sleep with a deadline: wakes all, and gives them time to sleep again. */
static unsigned timed_sleepers(void) {
    unsigned count;
    test_clock_wake(0);
    test_let_others_run();
    pthread_mutex_lock(&test_clock.mutex);
    count = test_clock.parked_count;
    pthread_mutex_unlock(&test_clock.mutex);
    return count;
}

TEST(no_thread_has_a_time_to_wake_when_nothing_is_due) {
    request jobs[3] = {{.id = 0}};
    wpool_group group;
    wpool *pool = pool_of(2);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(timed_sleepers(), 0);
    group_begin(&group, NULL);
    timed_submit(pool, &jobs[0], PLAIN, DUE, NULL); /* ends in time */
    timed_submit(pool, &jobs[1], PLAIN, 0, &group);
    group_due(&group, DUE);
    test_drain(pool);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    timed_submit(pool, &jobs[2], WITH_ID, DUE, NULL);
    test_clock_parked_until(1);
    CHECK_EQ(wpool_cancel(pool, jobs[2].id, WPOOL_HOT), WPOOL_OK);
    test_clock_advance(DUE); /* a thread may have slept until then, not longer */
    test_clock_advance(WPOOL_SECONDS(1));
    test_let_others_run();
    for (int i = 0; i < 20; i++)
        CHECK_EQ(timed_sleepers(), 0);
    test_destroy(pool);
    request_check(&jobs[2], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
}

TEST(a_pool_without_deadlines_has_no_thread_for_them) {
    atomic_uint count = 0;
    wpool_group group;
    const wpool_options options = {.group = &group};
    const surroundings before = surroundings_now();
    group_begin(&group, NULL);
    wpool *pool = pool_from((wpool_config){.workers = 2, .group = &group});
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), WPOOL_OK);
    group_check(&group, 0);
    surroundings_await_threads(before.threads + 2);
    test_destroy(pool);
    surroundings_check(before);
}

/* ---- nobody to keep the time: the system has no thread left ---- */

TEST(a_deadline_that_nobody_would_keep_is_refused) {
    for (int is_group = 0; is_group < 2; is_group++)
        for (int way = 0; way < WAYS; way++) {
            request t = {.id = 77};
            wpool_group group;
            const wpool_options options = {.deadline = is_group ? 0 : DUE,
                                           .group = is_group ? &group : NULL};
            wpool *pool = test_pool_of(1, 0);
            group_begin(&group, NULL);
            group_due(&group, DUE);
            threads_deny(1, 1);
            CHECK_EQ(request_try(pool, &t, way, options), WPOOL_NO_THREAD);
            if (way == WITH_ID) CHECK_EQ(t.id, 0);
            CHECK_EQ(test_stats(pool).accepted, 0);
            CHECK_EQ(wpool_group_wait(&group, WPOOL_NOW, NULL), WPOOL_OK);
            request_submit(pool, &t, way, options);
            test_drain(pool);
            test_destroy(pool);
            request_check(&t, WPOOL_STATE_SUCCEEDED, 0);
        }
}

TEST(a_groups_deadline_that_nobody_keeps_holds_for_what_has_not_started) {
    request jobs[WAYS] = {{.id = 0}};
    wpool_group group;
    wpool *pool = test_pool_paused(1, 0);
    group_begin(&group, NULL);
    for (int way = 0; way < WAYS; way++)
        timed_submit(pool, &jobs[way], way, 0, &group);
    threads_deny(1, 10);
    CHECK_EQ(wpool_group_deadline(&group, DUE), WPOOL_NO_THREAD);
    CHECK(!wpool_group_cancelled(&group));
    test_clock_advance(DUE);
    CHECK(wpool_group_cancelled(&group));
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    group_check(&group, WPOOL_TIMEOUT);
    test_destroy(pool);
    for (int way = 0; way < WAYS; way++)
        request_check(&jobs[way], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
}

TEST(a_pool_whose_groups_deadline_nobody_would_keep_is_not_made) {
    const surroundings before = surroundings_now();
    for (int i = 0; i < 2; i++) {
        wpool_group group;
        memory used = {0};
        const wpool_allocator allocator = memory_allocator(&used);
        const wpool_config config = {.workers = 2, .group = &group, .allocator = &allocator};
        wpool *pool = (wpool *)(void *)&group;
        group_begin(&group, NULL);
        group_due(&group, DUE);
        threads_deny(3, 3); /* after the workers */
        CHECK_EQ(wpool_create(&pool, &config), WPOOL_NO_THREAD);
        CHECK(pool == NULL);
        memory_check_empty(&used);
        CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
    }
    surroundings_check(before);
}

/* ---- inline ---- */

static wpool *inline_pool(void) { return pool_from((wpool_config){.max_workers = WPOOL_INLINE}); }

TEST(inline_a_job_that_is_due_does_not_start) {
    request due[2][WAYS] = {{{.id = 0}}}, others[WAYS] = {{.id = 0}};
    wpool_group group;
    wpool *pool = inline_pool();
    group_begin(&group, NULL);
    for (int way = 0; way < WAYS; way++) {
        timed_submit(pool, &due[0][way], way, DUE, NULL);
        timed_submit(pool, &others[way], way, DUE + 1, NULL);
        timed_submit(pool, &due[1][way], way, 0, &group);
    }
    group_due(&group, DUE);
    test_clock_advance(DUE);
    test_drain(pool);
    group_check(&group, WPOOL_TIMEOUT);
    CHECK_EQ(test_stats(pool).discarded, 2 * WAYS);
    test_destroy(pool);
    for (int way = 0; way < WAYS; way++) {
        request_check(&due[0][way], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        request_check(&due[1][way], WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
        request_check(&others[way], WPOOL_STATE_SUCCEEDED, 0);
    }
}

static int take_time_job(void *arg, wpool_job *job) {
    test_clock_advance(WPOOL_MS(2));
    return count_job(arg, job);
}

/* Each job takes 2 ms. */
TEST(inline_time_passes_while_jobs_run) {
    atomic_uint count = 0;
    wpool *pool = inline_pool();
    for (int i = 0; i < 5; i++) {
        const wpool_options options = {.deadline = WPOOL_MS(5)};
        CHECK_EQ(wpool_submit_with(pool, take_time_job, &count, &options, NULL), WPOOL_OK);
    }
    test_drain(pool);
    CHECK_EQ(atomic_load(&count), 3);
    CHECK_EQ(test_stats(pool).discarded, 2);
    test_destroy(pool);
}
