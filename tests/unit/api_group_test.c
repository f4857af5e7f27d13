/* Groups: waiting for their jobs, cancelling them together, and pools below them. Also built with
   WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include "ways.h"

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { ROUNDS = 300, RACES = 500 };
#else
enum { ROUNDS = 3000, RACES = 5000 };
#endif

static wpool_status member_try(wpool *pool, wpool_group *group, request *r, int way) {
    return request_try(pool, r, way, (wpool_options){.group = group});
}

static void member_submit(wpool *pool, wpool_group *group, request *r, int way) {
    CHECK_EQ(member_try(pool, group, r, way), WPOOL_OK);
}

/* One in each way. */
static void members_submit(wpool *pool, wpool_group *group, request members[WAYS]) {
    requests_submit(pool, members, WAYS, (wpool_options){.group = group});
}

/* Each below the one before. */
static void chain_begin(wpool_group *groups, size_t count) {
    for (size_t i = 0; i < count; i++)
        group_begin(&groups[i], i ? &groups[i - 1] : NULL);
}

static void group_check(wpool_group *group, int first_error) {
    int error = 77;
    CHECK_EQ(wpool_group_wait(group, WPOOL_FOREVER, &error), WPOOL_OK);
    CHECK_EQ(error, first_error);
    CHECK_EQ(wpool_group_wait(group, WPOOL_NOW, NULL), WPOOL_OK);
}

/* ---- waiting ---- */

TEST(an_empty_group_is_not_waited_for) {
    wpool_group groups[3];
    chain_begin(groups, 3);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(wpool_group_wait(&groups[i], WPOOL_MS(1), NULL), WPOOL_OK);
        group_check(&groups[i], 0);
        CHECK(!wpool_group_cancelled(&groups[i]));
    }
}

TEST(all_members_have_ended_when_the_wait_returns) {
    for (unsigned workers = 1; workers <= 3; workers++)
        for (int depth = 1; depth <= 5; depth++) {
            static wpool_group groups[5];
            request members[20][WAYS];
            wpool *pool = pool_of(workers);
            memset((void *)members, 0, sizeof members);
            chain_begin(groups, (size_t)depth);
            for (int i = 0; i < 20; i++)
                members_submit(pool, &groups[i % depth], members[i]);
            group_check(&groups[0], 0);
            for (int i = 0; i < 20 * WAYS; i++) {
                request *m = &members[i / WAYS][i % WAYS];
                CHECK_EQ(atomic_load(&m->task.run_count), 1);
                if (i % WAYS != OWNED) request_check(m, WPOOL_STATE_SUCCEEDED, 0);
                if (i % WAYS == WITH_ID)
                    CHECK_EQ(wpool_wait(pool, m->id, WPOOL_NOW, NULL), WPOOL_OK);
                if (i % WAYS == OWNED) CHECK_EQ(wpool_job_wait(&m->job, WPOOL_NOW), WPOOL_OK);
            }
            for (int i = 0; i < depth; i++)
                group_check(&groups[i], 0);
            test_destroy(pool);
            requests_check(members[0], 20 * WAYS, WPOOL_STATE_SUCCEEDED, 0);
        }
}

TEST(a_wait_gives_up_when_time_is_out) {
    NEEDS_WORKERS();
    for (int way = 0; way < WAYS; way++) {
        gate door = GATE_CLOSED;
        request m = {.task = {.door = &door}};
        wpool_group groups[3];
        int error = 77;
        wpool *pool = pool_of(1);
        chain_begin(groups, 3);
        member_submit(pool, &groups[2], &m, way);
        for (int i = 0; i < 3; i++) {
            CHECK_EQ(wpool_group_wait(&groups[i], WPOOL_NOW, &error), WPOOL_TIMEOUT);
            CHECK_EQ(wpool_group_wait(&groups[i], 1, NULL), WPOOL_TIMEOUT);
            CHECK_EQ(wpool_group_wait(&groups[i], WPOOL_MS(1), NULL), WPOOL_TIMEOUT);
        }
        gate_open(&door);
        CHECK_EQ(wpool_group_wait(&groups[1], WPOOL_SECONDS(1000), NULL), WPOOL_OK);
        group_check(&groups[0], 0);
        test_destroy(pool);
    }
}

TEST(others_are_not_waited_for) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request stranger[WAYS] = {{.task = {.door = &door}}}, above[WAYS] = {{.task = {.door = &door}}};
    request beside[WAYS] = {{.task = {.door = &door}}}, mine[WAYS] = {{.id = 0}};
    wpool_group top, side, group;
    wpool *pool = pool_of(4);
    chain_begin(&top, 1);
    group_begin(&side, &top);
    group_begin(&group, &top);
    members_submit(pool, NULL, stranger);
    members_submit(pool, &top, above);
    members_submit(pool, &side, beside);
    members_submit(pool, &group, mine);
    group_check(&group, 0);
    CHECK_EQ(wpool_group_wait(&side, WPOOL_NOW, NULL), WPOOL_TIMEOUT);
    CHECK_EQ(wpool_group_wait(&top, WPOOL_NOW, NULL), WPOOL_TIMEOUT);
    gate_open(&door);
    group_check(&top, 0);
    group_check(&side, 0);
    test_destroy(pool);
    requests_check(stranger, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

static void wait_for_group(void *arg) {
    CHECK_EQ(wpool_group_wait((wpool_group *)arg, WPOOL_FOREVER, NULL), WPOOL_OK);
}

static void wait_long_for_group(void *arg) {
    int error = 77;
    CHECK_EQ(wpool_group_wait((wpool_group *)arg, WPOOL_SECONDS(1000), &error), WPOOL_OK);
    CHECK_EQ(error, 3);
}

TEST(everybody_who_waits_is_woken) {
    NEEDS_WORKERS();
    for (int way = 0; way < WAYS; way++) {
        gate door = GATE_CLOSED;
        request m = {.task = {.door = &door, .error = 3}};
        helper waiters[6];
        wpool_group groups[3];
        wpool *pool = pool_of(1);
        chain_begin(groups, 3);
        member_submit(pool, &groups[2], &m, way);
        for (int i = 0; i < 6; i++)
            helper_start(&waiters[i], i % 2 ? wait_for_group : wait_long_for_group, &groups[i / 2]);
        for (int i = 0; i < 6; i++)
            helper_await_sleep(&waiters[i]);
        gate_open(&door);
        for (int i = 0; i < 6; i++)
            helper_join(&waiters[i]);
        group_check(&groups[0], 3);
        test_destroy(pool);
    }
}

/* A member that hands in two more of its group, and so on. */
typedef struct spread {
    wpool_group *group;
    atomic_uint count;
    unsigned depth;
} spread;

typedef struct branch {
    spread *spread;
    unsigned depth;
} branch;

static int spread_job(void *arg, wpool_job *job) {
    branch *b = (branch *)arg;
    const wpool_options options = {.group = b->spread->group};
    atomic_fetch_add(&b->spread->count, 1);
    for (int i = 0; i < 2 && b->depth < b->spread->depth; i++) {
        branch *below = malloc(sizeof *below);
        *below = (branch){b->spread, b->depth + 1};
        CHECK_EQ(wpool_submit_with(wpool_job_pool(job), spread_job, below, &options, NULL),
                 WPOOL_OK);
    }
    free(b);
    return 0;
}

TEST(members_that_members_hand_in_are_waited_for) {
    for (unsigned workers = 1; workers <= 4; workers++)
        for (int round = 0; round < 20; round++) {
            wpool_group group;
            spread s = {.group = &group, .depth = 7};
            branch *first = malloc(sizeof *first);
            const wpool_options options = {.group = &group};
            wpool *pool = pool_of(workers);
            *first = (branch){&s, 0};
            group_begin(&group, NULL);
            CHECK_EQ(wpool_submit_with(pool, spread_job, first, &options, NULL), WPOOL_OK);
            group_check(&group, 0);
            CHECK_EQ(atomic_load(&s.count), 255);
            test_destroy(pool);
        }
}

TEST(a_group_has_members_in_several_pools) {
    for (int round = 0; round < 20; round++) {
        request members[3][2][WAYS] = {{{{.id = 0}}}};
        wpool_group groups[2];
        wpool *pools[3];
        chain_begin(groups, 2);
        for (unsigned i = 0; i < 3; i++)
            pools[i] = pool_of(i + 1);
        for (int i = 0; i < 6; i++)
            members_submit(pools[i % 3], &groups[i / 3], members[i % 3][i / 3]);
        group_check(&groups[0], 0);
        for (int i = 0; i < 3; i++) {
            CHECK_EQ(test_stats(pools[i]).succeeded, 2 * WAYS);
            test_destroy(pools[i]);
        }
        requests_check(members[0][0], 6 * WAYS, WPOOL_STATE_SUCCEEDED, 0);
    }
}

/* ---- the first error ---- */

TEST(the_error_that_came_first_is_kept) {
    for (int way = 0; way < WAYS; way++) {
        static const int errors[] = {0, 7, 8, 0, 9};
        request members[5] = {{.id = 0}};
        wpool_group groups[4];
        wpool *pool = test_pool_paused(1, 0);
        chain_begin(groups, 4);
        for (int i = 0; i < 5; i++) {
            members[i].task.error = errors[i];
            member_submit(pool, &groups[i < 2 ? 3 : 2], &members[i], way);
        }
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        for (int i = 0; i < 4; i++)
            for (int again = 0; again < 2; again++)
                group_check(&groups[i], 7);
        CHECK(!wpool_group_cancelled(&groups[0]) && !wpool_group_cancelled(&groups[3]));
        test_destroy(pool);
    }
}

TEST(the_first_error_goes_by_who_ended_first) {
    NEEDS_WORKERS();
    for (int way = 0; way < WAYS; way++) {
        gate doors[2] = {GATE_CLOSED, GATE_CLOSED};
        request members[2] = {{.task = {.door = &doors[0], .error = 7}},
                              {.task = {.door = &doors[1], .error = 8}}};
        wpool_group top, groups[2];
        wpool *pool = pool_of(2);
        chain_begin(&top, 1);
        for (int i = 0; i < 2; i++) {
            group_begin(&groups[i], &top);
            member_submit(pool, &groups[i], &members[i], way);
        }
        gate_open(&doors[1]);
        group_check(&groups[1], 8);
        gate_open(&doors[0]);
        group_check(&top, 8);
        group_check(&groups[0], 7);
        test_destroy(pool);
    }
}

TEST(a_discarded_member_has_ended_with_an_error) {
    request members[2] = {{.id = 0}};
    wpool_group groups[2];
    wpool *pool = test_pool_paused(1, 0);
    chain_begin(groups, 2);
    for (int i = 0; i < 2; i++)
        member_submit(pool, &groups[i], &members[i], WITH_ID);
    CHECK_EQ(wpool_cancel(pool, members[1].id, WPOOL_GRACEFUL), WPOOL_OK);
    group_check(&groups[1], WPOOL_CANCELLED);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    group_check(&groups[0], WPOOL_CANCELLED);
    CHECK(!wpool_group_cancelled(&groups[1]));
    test_destroy(pool);
    request_check(&members[0], WPOOL_STATE_SUCCEEDED, 0);
    request_check(&members[1], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
}

/* ---- waiting on a worker ---- */

enum { STRANGERS = 4 };

/* Hands in members, also to a group below, and others before, among and after them. */
typedef struct helping {
    wpool_group groups[2];
    atomic_uint strange;
    unsigned strange_seen; /* before the wait returned */
    request members[5][WAYS];
    wpool *members_pool; /* NULL: of the job itself */
} helping;

static void helping_begin(helping *h) { chain_begin(h->groups, 2); }

static int wait_for_members(void *arg, wpool_job *job) {
    helping *h = (helping *)arg;
    wpool *pool = wpool_job_pool(job), *members_pool = h->members_pool ? h->members_pool : pool;
    for (int i = 0; i < 5; i++) {
        if (i < STRANGERS) count_submit(pool, &h->strange, 1);
        members_submit(members_pool, &h->groups[i % 2], h->members[i]);
    }
    group_check(&h->groups[0], 0);
    h->strange_seen = atomic_load(&h->strange);
    for (int i = 0; i < 5 * WAYS; i++)
        CHECK_EQ(atomic_load(&h->members[i / WAYS][i % WAYS].task.run_count), 1);
    return 0;
}

static void helping_run(wpool *pool, helping *h) {
    helping_begin(h);
    CHECK_EQ(wpool_submit(pool, wait_for_members, h, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(atomic_load(&h->strange), STRANGERS);
    test_destroy(pool);
    requests_check(h->members[0], 5 * WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_worker_that_waits_runs_members_and_nothing_else) {
    helping h = {.strange = 0};
    helping_run(pool_of(1), &h);
    CHECK_EQ(h.strange_seen, 0);
}

TEST(a_worker_that_waits_may_run_anything) {
    for (unsigned workers = 1; workers <= 2; workers++) {
        helping h = {.strange = 0};
        helping_run(pool_from((wpool_config){.workers = workers, .help = WPOOL_HELP_ANY}), &h);
    }
}

TEST(a_worker_that_waits_lets_another_do_the_work) {
    NEEDS_WORKERS();
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_NONE; help++)
        for (int round = 0; round < 20; round++) {
            helping h = {.strange = 0};
            helping_run(pool_from((wpool_config){.workers = 2, .help = (wpool_help)help}), &h);
        }
}

static int note_thread(void *arg, wpool_job *job) {
    (void)job;
    *(pthread_t *)arg = pthread_self();
    return 0;
}

static int wait_asleep(void *arg, wpool_job *job) {
    pthread_t runner;
    wpool_group group;
    const wpool_options options = {.group = &group};
    group_begin(&group, NULL);
    CHECK_EQ(wpool_submit_with(wpool_job_pool(job), note_thread, &runner, &options, NULL),
             WPOOL_OK);
    group_check(&group, 0);
    CHECK(!pthread_equal(runner, pthread_self()));
    return count_job(arg, job);
}

TEST(a_worker_that_may_not_help_sleeps) {
    NEEDS_WORKERS();
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.workers = 2, .help = WPOOL_HELP_NONE});
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(wpool_submit(pool, wait_asleep, &count, NULL), WPOOL_OK);
        test_drain(pool);
    }
    CHECK_EQ(atomic_load(&count), 50);
    test_destroy(pool);
}

TEST(a_job_waits_for_members_in_another_pool) {
    for (int round = 0; round < 20; round++) {
        helping h = {.members_pool = pool_of(2)};
        helping_run(pool_of(1), &h);
        CHECK_EQ(h.strange_seen, 0);
        test_destroy(h.members_pool);
    }
}

/* Waits, on the only worker, for a member that another pool holds while members come in here. */
typedef struct woken {
    wpool_group group;
    wpool *pool;
    gate waits, door;
    request late;
} woken;

static void hand_in_late(void *arg) {
    woken *w = (woken *)arg;
    gate_wait(&w->waits);
    test_let_others_run();
    member_submit(w->pool, &w->group, &w->late, PLAIN);
    while (atomic_load(&w->late.task.done_count) == 0)
        sched_yield();
    gate_open(&w->door);
}

static int wait_and_be_woken(void *arg, wpool_job *job) {
    woken *w = (woken *)arg;
    (void)job;
    gate_open(&w->waits);
    group_check(&w->group, 0);
    return 0;
}

TEST(a_worker_that_waits_runs_members_that_come_later) {
    NEEDS_WORKERS();
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++)
        for (int round = 0; round < 20; round++) {
            woken w = {.waits = GATE_CLOSED, .door = GATE_CLOSED};
            request held = {.task = {.door = &w.door}};
            helper late;
            wpool *other = pool_of(1);
            w.pool = pool_from((wpool_config){.workers = 1, .help = (wpool_help)help});
            group_begin(&w.group, NULL);
            member_submit(other, &w.group, &held, WITH_ID);
            helper_start(&late, hand_in_late, &w);
            CHECK_EQ(wpool_submit(w.pool, wait_and_be_woken, &w, NULL), WPOOL_OK);
            helper_join(&late);
            test_destroy(w.pool);
            test_destroy(other);
        }
}

/* ---- who would wait for itself ---- */

static int wait_for_own_groups(void *arg, wpool_job *job) {
    wpool_group *groups = (wpool_group *)arg; /* a chain of four; the job is in [2] */
    int error = 77;
    (void)job;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(wpool_group_wait(&groups[i], WPOOL_FOREVER, &error), WPOOL_DEADLOCK);
        CHECK_EQ(wpool_group_wait(&groups[i], WPOOL_SECONDS(1000), NULL), WPOOL_DEADLOCK);
    }
    group_check(&groups[3], 0);
    return 0;
}

/* No member, but inside of one. */
static int run_inside(void *arg, wpool_job *job) {
    wpool_job inner;
    wpool_job_init(&inner, wait_for_own_groups, arg);
    CHECK_EQ(wpool_submit_job(wpool_job_pool(job), &inner, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&inner, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(a_member_cannot_wait_for_its_group) {
    static const wpool_fn fns[] = {wait_for_own_groups, run_inside};
    for (size_t i = 0; i < COUNT_OF(fns); i++)
        for (int way = 0; way < WAYS; way++) {
            wpool_group groups[4];
            wpool_job job;
            wpool_id id;
            wpool *pool = pool_of(1);
            chain_begin(groups, 4);
            const wpool_options options = {.group = &groups[2]};
            CHECK_EQ(way_submit(pool, way, fns[i], groups, &options, &job, &id), WPOOL_OK);
            group_check(&groups[0], 0);
            test_destroy(pool);
        }
}

static void wait_for_own_groups_when_done(void *arg, const wpool_result *result) {
    CHECK(result->arg == arg);
    wait_for_own_groups(arg, NULL);
}

static int nothing_job(void *arg, wpool_job *job);

/* It is one of its jobs until its on_done has returned, whoever calls that. */
TEST(on_done_of_a_member_cannot_wait_for_its_group) {
    enum { RUNS, IS_CANCELLED, IS_CANCELLED_WITH_OTHERS, IS_STOPPED, ENDS };
    for (int end = 0; end < ENDS; end++)
        for (int way = 0; way < WAYS; way++) {
            wpool_group groups[4];
            wpool_job job;
            wpool_id id;
            wpool *pool = test_pool_paused(2, 0);
            if (end == IS_CANCELLED && way != WITH_ID) way = WITH_ID;
            chain_begin(groups, 4);
            const wpool_options options = {.group = &groups[2],
                                           .on_done = wait_for_own_groups_when_done};
            CHECK_EQ(way_submit(pool, way, nothing_job, groups, &options, &job, &id), WPOOL_OK);
            if (end == IS_CANCELLED) CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_OK);
            if (end == IS_CANCELLED_WITH_OTHERS) CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_OK);
            if (end == IS_STOPPED) CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
            group_check(&groups[0], end == RUNS ? 0 : WPOOL_CANCELLED);
            test_destroy(pool);
            if (end == IS_CANCELLED) break;
        }
}

TEST(a_member_that_its_submitter_runs_cannot_wait_for_its_group) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    wpool_group groups[4];
    wpool *pool =
        pool_from((wpool_config){.workers = 1, .queue_capacity = 1, .when_full = WPOOL_RUN});
    hold_workers(&h, pool, 1);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    chain_begin(groups, 4);
    const wpool_options options = {.group = &groups[2]};
    CHECK_EQ(wpool_submit_with(pool, wait_for_own_groups, groups, &options, NULL), WPOOL_OK);
    group_check(&groups[0], 0);
    hold_release(&h, 2);
    test_destroy(pool);
}

/* ---- cancelling what is queued ---- */

/* Four groups: top, below it [1], below that [2]; and beside [1], [3]. */
static void family_begin(wpool_group groups[4]) {
    chain_begin(groups, 3);
    group_begin(&groups[3], &groups[0]);
}

TEST(queued_members_of_the_group_and_of_those_below_are_discarded) {
    for (unsigned workers = 1; workers <= 2; workers++) {
        request members[4][WAYS] = {{{.id = 0}}};
        wpool_group groups[4];
        wpool *pool = test_pool_paused(workers, 0);
        family_begin(groups);
        for (int i = 0; i < 4; i++)
            members_submit(pool, &groups[i], members[i]);
        CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_OK);
        CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_ALREADY);
        for (int i = 0; i < 4; i++) {
            CHECK_EQ(wpool_group_cancelled(&groups[i]), i == 1 || i == 2);
            for (int way = 0; way < OWNED; way++)
                if (i == 1 || i == 2)
                    request_check(&members[i][way], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
                else
                    CHECK_EQ(atomic_load(&members[i][way].task.done_count), 0);
        }
        CHECK_EQ(wpool_job_state(pool, members[2][WITH_ID].id), WPOOL_STATE_DISCARDED);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        group_check(&groups[2], WPOOL_CANCELLED);
        group_check(&groups[1], WPOOL_CANCELLED);
        group_check(&groups[3], 0);
        group_check(&groups[0], WPOOL_CANCELLED);
        CHECK_EQ(test_stats(pool).discarded, 2 * WAYS);
        CHECK_EQ(test_stats(pool).succeeded, 2 * WAYS);
        test_destroy(pool);
        for (int i = 0; i < 4; i++)
            if (i == 1 || i == 2)
                requests_check(members[i], WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            else
                requests_check(members[i], WAYS, WPOOL_STATE_SUCCEEDED, 0);
    }
}

static void check_refused(wpool *pool, wpool_group *group) {
    const wpool_stats_snapshot before = test_stats(pool);
    for (int way = 0; way < WAYS; way++) {
        request m = {.id = 77};
        CHECK_EQ(member_try(pool, group, &m, way), WPOOL_CANCELLED);
        if (way == WITH_ID) CHECK_EQ(m.id, 0);
        if (way == OWNED) { /* it may be handed in elsewhere */
            CHECK_EQ(wpool_job_wait(&m.job, WPOOL_FOREVER), WPOOL_UNKNOWN);
            CHECK_EQ(wpool_submit_job(pool, &m.job, NULL), WPOOL_OK);
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
            CHECK_EQ(wpool_job_wait(&m.job, WPOOL_FOREVER), WPOOL_OK);
            CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        }
        CHECK_EQ(atomic_load(&m.task.done_count), 0);
        CHECK_EQ(test_stats(pool).accepted, before.accepted + (way == OWNED));
    }
    CHECK_EQ(wpool_group_wait(group, WPOOL_FOREVER, NULL), WPOOL_OK);
}

TEST(a_cancelled_group_takes_no_job) {
    wpool_group groups[4], later;
    wpool *pool = test_pool_paused(1, 0);
    family_begin(groups);
    CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_OK);
    group_begin(&later, &groups[2]);
    CHECK(wpool_group_cancelled(&later));
    check_refused(pool, &groups[1]);
    check_refused(pool, &groups[2]);
    check_refused(pool, &later);
    group_begin(&groups[2], &groups[3]); /* used again */
    CHECK(!wpool_group_cancelled(&groups[2]));
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    for (int i = 0; i < 4; i++) {
        request members[WAYS] = {{.id = 0}};
        if (i == 1) continue;
        members_submit(pool, &groups[i], members);
        group_check(&groups[i], 0);
        test_drain(pool);
        requests_check(members, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    }
    test_destroy(pool);
}

/* Whatever would be done to make room is not done for it. */
TEST(a_full_pool_is_left_alone_by_a_job_of_a_cancelled_group) {
    for (int when_full = WPOOL_BLOCK; when_full <= WPOOL_DROP_OLDEST; when_full++) {
        atomic_uint count = 0;
        wpool_group group;
        wpool *pool = pool_from((wpool_config){.workers = 1,
                                               .queue_capacity = 2,
                                               .when_full = (wpool_when_full)when_full,
                                               .start_paused = true});
        count_submit(pool, &count, 2);
        chain_begin(&group, 1);
        CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
        for (int way = 0; way < WAYS; way++) {
            request m = {.id = 0};
            CHECK_EQ(member_try(pool, &group, &m, way), WPOOL_CANCELLED);
            CHECK_EQ(atomic_load(&m.task.done_count) + atomic_load(&m.task.run_count), 0);
        }
        CHECK_EQ(test_stats(pool).waiting, 2);
        CHECK_EQ(test_stats(pool).accepted, 2);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&count), 2);
    }
}

typedef struct blocked {
    wpool *pool;
    wpool_group *group;
    request member;
    int way;
    wpool_status status;
} blocked;

static void submit_blocked(void *arg) {
    blocked *b = (blocked *)arg;
    b->status = member_try(b->pool, b->group, &b->member, b->way);
}

/* It may have been accepted, but never runs; nobody waits until a worker has time for it. */
TEST(a_job_whose_submitter_was_blocked_does_not_outlive_its_group) {
    NEEDS_WORKERS();
    for (int way = 0; way < WAYS; way++)
        for (int is_below = 0; is_below < 2; is_below++) {
            hold h = HOLD_EMPTY;
            wpool_group groups[2];
            helper submitter;
            blocked b = {.pool = test_pool_of(1, 1), .group = &groups[1], .way = way};
            chain_begin(groups, 2);
            hold_workers(&h, b.pool, 1);
            CHECK_EQ(wpool_submit(b.pool, hold_job, &h, NULL), WPOOL_OK);
            helper_start(&submitter, submit_blocked, &b);
            helper_await_sleep(&submitter);
            CHECK_EQ(wpool_group_cancel(&groups[!is_below]), WPOOL_OK);
            hold_release(&h, 1);
            helper_join(&submitter);
            if (way != OWNED) CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_FOREVER, NULL), WPOOL_OK);
            hold_release(&h, 1);
            test_drain(b.pool);
            CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_OK);
            CHECK_EQ(test_stats(b.pool).accepted, 2 + (b.status == WPOOL_OK));
            CHECK_EQ(test_stats(b.pool).discarded, b.status == WPOOL_OK);
            test_destroy(b.pool);
            if (b.status == WPOOL_OK)
                request_check(&b.member, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            else
                CHECK_EQ(b.status, WPOOL_CANCELLED);
        }
}

static int wait_at_door_for_group(void *arg, wpool_job *job) {
    woken *w = (woken *)arg;
    gate_job(&w->door, job);
    group_check(&w->group, 0);
    return 0;
}

/* It would wait for ever: for a place in the queue behind the job that waits for it. */
TEST(a_job_whose_submitter_is_blocked_is_not_waited_for) {
    NEEDS_WORKERS();
    for (int way = 0; way < WAYS; way++) {
        atomic_uint count = 0;
        helper submitter;
        woken w = {.door = GATE_CLOSED};
        blocked b = {.pool = test_pool_of(1, 1), .group = &w.group, .way = way};
        group_begin(&w.group, NULL);
        CHECK_EQ(wpool_submit(b.pool, wait_at_door_for_group, &w, NULL), WPOOL_OK);
        gate_await_count(&w.door, 1);
        count_submit(b.pool, &count, 1);
        helper_start(&submitter, submit_blocked, &b);
        helper_await_sleep(&submitter);
        gate_open(&w.door);
        helper_join(&submitter);
        CHECK_EQ(b.status, WPOOL_OK);
        group_check(&w.group, 0);
        test_destroy(b.pool);
        request_check(&b.member, WPOOL_STATE_SUCCEEDED, 0);
    }
}

TEST(who_waits_for_a_group_is_woken_when_it_is_cancelled) {
    NEEDS_THREADS();
    for (int i = 0; i < 3; i++) {
        request members[2] = {{.id = 0}};
        helper waiter;
        wpool_group groups[3];
        wpool *pool = test_pool_paused(1, 0);
        chain_begin(groups, 3);
        for (int way = 0; way < OWNED; way++)
            member_submit(pool, &groups[2], &members[way], way);
        helper_start(&waiter, wait_for_group, &groups[i]);
        helper_await_sleep(&waiter);
        CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_OK);
        helper_join(&waiter);
        test_destroy(pool);
        requests_check(members, 2, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    }
}

/* The caller-owned one too: each on_done runs once, and is its last touch. */
static void free_done(void *arg, const wpool_result *result) {
    request *m = (request *)arg;
    CHECK_EQ(result->state, WPOOL_STATE_DISCARDED);
    CHECK_EQ(result->error, WPOOL_CANCELLED);
    memset((void *)m, 0xA5, sizeof *m);
    free(m);
}

TEST(on_done_of_a_cancelled_member_may_free_it) {
    for (int round = 0; round < 20; round++) {
        wpool_group groups[2];
        wpool *pool = test_pool_paused(2, 0);
        chain_begin(groups, 2);
        const wpool_options options = {.group = &groups[1], .on_done = free_done};
        for (int i = 0; i < 20; i++) {
            request *m = calloc(1, sizeof *m);
            wpool_job_init(&m->job, task_job, m);
            CHECK_EQ(wpool_submit_job(pool, &m->job, &options), WPOOL_OK);
        }
        CHECK_EQ(wpool_group_cancel(&groups[0]), WPOOL_OK);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        group_check(&groups[0], WPOOL_CANCELLED);
        test_drain(pool);
        CHECK_EQ(test_stats(pool).discarded, 20);
        test_destroy(pool);
    }
}

/* ---- cancelling what runs ---- */

TEST(running_members_are_told_however_deep_and_others_are_not) {
    NEEDS_WORKERS();
    for (int cancelled = 0; cancelled < 4; cancelled++) {
        gate door = GATE_CLOSED;
        request members[5][WAYS] = {{{.id = 0}}}; /* [4]: in no group */
        wpool_group groups[4];
        wpool *pool = pool_of(5 * WAYS);
        family_begin(groups);
        for (int i = 0; i < 5; i++) {
            const bool is_below = cancelled == 0 ? i < 4 : cancelled == 1 && i == 2;
            const bool is_told = is_below || i == cancelled;
            for (int way = 0; way < WAYS; way++)
                members[i][way].task = (task){.door = &door, .error = 5, .is_patient = is_told};
            members_submit(pool, i < 4 ? &groups[i] : NULL, members[i]);
        }
        gate_await_count(&door, 5 * WAYS);
        CHECK_EQ(wpool_group_cancel(&groups[cancelled]), WPOOL_OK);
        gate_open(&door);
        test_drain(pool);
        for (int i = 0; i < 5; i++)
            for (int way = 0; way < WAYS; way++) {
                task *t = &members[i][way].task;
                CHECK_EQ(atomic_load(&t->was_told), t->is_patient);
                request_check(&members[i][way],
                              t->is_patient ? WPOOL_STATE_CANCELLED : WPOOL_STATE_FAILED, 5);
            }
        test_destroy(pool);
    }
}

TEST(a_told_member_that_succeeds_has_succeeded) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request members[WAYS] = {{.id = 0}};
    wpool_group groups[2];
    wpool *pool = pool_of(WAYS);
    chain_begin(groups, 2);
    for (int way = 0; way < WAYS; way++)
        members[way].task = (task){.door = &door, .is_patient = true};
    members_submit(pool, &groups[1], members);
    gate_await_count(&door, WAYS);
    gate_open(&door);
    CHECK_EQ(wpool_group_cancel(&groups[0]), WPOOL_OK);
    group_check(&groups[0], 0);
    test_destroy(pool);
    requests_check(members, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

/* A member that cancels a group, and is in it or not. */
typedef struct suicide {
    wpool_group groups[3];
    int cancelled;
    gate door;
} suicide;

static int cancel_a_group(void *arg, wpool_job *job) {
    suicide *s = (suicide *)arg;
    CHECK(!wpool_cancelled(job));
    CHECK_EQ(wpool_group_cancel(&s->groups[s->cancelled]), WPOOL_OK);
    CHECK_EQ(wpool_cancelled(job), s->cancelled < 2);
    CHECK_EQ(wpool_group_cancel(&s->groups[s->cancelled]), WPOOL_ALREADY);
    return 6;
}

TEST(a_member_cancels_its_own_group) {
    for (int cancelled = 0; cancelled < 3; cancelled++)
        for (int way = 0; way < WAYS; way++) {
            suicide s = {.cancelled = cancelled};
            request rest[3][WAYS] = {{{.id = 0}}};
            wpool_job job;
            wpool_id id;
            wpool *pool = test_pool_paused(1, 0);
            chain_begin(s.groups, 3);
            const wpool_options options = {.group = &s.groups[1]};
            CHECK_EQ(way_submit(pool, way, cancel_a_group, &s, &options, &job, &id), WPOOL_OK);
            for (int i = 0; i < 3; i++)
                members_submit(pool, &s.groups[i], rest[i]);
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
            test_drain(pool);
            CHECK_EQ(test_stats(pool).cancelled, cancelled < 2);
            CHECK_EQ(test_stats(pool).discarded, WAYS * (3 - (unsigned)cancelled));
            group_check(&s.groups[1], cancelled < 2 ? WPOOL_CANCELLED : 6);
            test_destroy(pool);
            for (int i = 0; i < 3; i++)
                if (i < cancelled)
                    requests_check(rest[i], WAYS, WPOOL_STATE_SUCCEEDED, 0);
                else
                    requests_check(rest[i], WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        }
}

/* ---- loops and forked children of members ---- */

typedef struct parts {
    gate all_here;
    wpool_status status;
} parts;

static int wait_until_told(parts *p, wpool_job *job) {
    gate_count_up(&p->all_here);
    while (!wpool_cancelled(job))
        sched_yield();
    return 0;
}

static int wait_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    CHECK_EQ(end - begin, 1);
    return wait_until_told((parts *)arg, job);
}

static int loop_job(void *arg, wpool_job *job) {
    parts *p = (parts *)arg;
    p->status = wpool_for(wpool_job_pool(job), 0, 3, 1, wait_body, p);
    return wpool_cancelled(job);
}

static int forked_job(void *arg, wpool_job *job) { return wait_until_told((parts *)arg, job); }

static int fork_within_fork(void *arg, wpool_job *job) {
    parts *p = (parts *)arg;
    wpool_job child;
    wpool_fork(job, &child, forked_job, p);
    wait_until_told(p, job);
    wpool_join(job, &child);
    return 0;
}

static int fork_job(void *arg, wpool_job *job) {
    parts *p = (parts *)arg;
    wpool_job child;
    wpool_fork(job, &child, fork_within_fork, p);
    wait_until_told(p, job);
    wpool_join(job, &child);
    return wpool_cancelled(job);
}

TEST(loops_and_forked_children_of_members_are_told) {
    NEEDS_WORKERS();
    static const wpool_fn fns[] = {loop_job, fork_job};
    for (size_t i = 0; i < COUNT_OF(fns); i++)
        for (int way = 0; way < WAYS; way++) {
            parts p = {.all_here = GATE_CLOSED, .status = WPOOL_CANCELLED};
            wpool_group groups[3];
            wpool_job job;
            wpool_id id;
            wpool *pool = pool_of(3);
            chain_begin(groups, 3);
            const wpool_options options = {.group = &groups[2]};
            CHECK_EQ(way_submit(pool, way, fns[i], &p, &options, &job, &id), WPOOL_OK);
            gate_await_count(&p.all_here, 3);
            CHECK_EQ(wpool_group_cancel(&groups[0]), WPOOL_OK);
            group_check(&groups[0], 1);
            CHECK_EQ(p.status, WPOOL_CANCELLED);
            CHECK_EQ(test_stats(pool).cancelled, 1);
            test_destroy(pool);
        }
}

/* ---- wpool_on_cancel ---- */

TEST(who_listens_is_called_by_who_cancels_the_group) {
    NEEDS_WORKERS();
    for (int way = WITH_ID; way <= OWNED; way++) {
        bell bells[3] = {{.door = GATE_CLOSED}, {.door = GATE_CLOSED}, {.door = GATE_CLOSED}};
        wpool_group groups[4];
        wpool_job jobs[3];
        wpool_id id;
        wpool *pool = pool_of(3);
        family_begin(groups);
        for (int i = 0; i < 3; i++) { /* the last one is beside the group that is cancelled */
            const wpool_options options = {.group = &groups[i + 1]};
            CHECK_EQ(way_submit(pool, way, bell_job, &bells[i], &options, &jobs[i], &id), WPOOL_OK);
            gate_await_count(&bells[i].door, 1);
        }
        CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_OK);
        CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_ALREADY);
        for (int i = 0; i < 3; i++) {
            CHECK_EQ(bells[i].count, i < 2);
            if (i < 2) CHECK(pthread_equal(bells[i].thread, pthread_self()));
            gate_open(&bells[i].door);
        }
        group_check(&groups[0], 0);
        CHECK_EQ(wpool_group_cancel(&groups[0]), WPOOL_OK);
        CHECK_EQ(bells[2].count, 0);
        test_destroy(pool);
    }
}

static int listen_too_late(void *arg, wpool_job *job) {
    bell *b = (bell *)arg;
    gate_job(&b->door, job);
    CHECK_EQ(wpool_on_cancel(job, bell_ring, b), WPOOL_CANCELLED);
    CHECK_EQ(b->count, 1);
    return 0;
}

TEST(who_listens_after_the_group_was_cancelled_is_called_at_once) {
    NEEDS_WORKERS();
    bell b = {.door = GATE_CLOSED};
    wpool_group group;
    wpool_id id;
    const wpool_options options = {.group = &group};
    wpool *pool = pool_of(1);
    group_begin(&group, NULL);
    CHECK_EQ(wpool_submit_with(pool, listen_too_late, &b, &options, &id), WPOOL_OK);
    gate_await_count(&b.door, 1);
    CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
    gate_open(&b.door);
    group_check(&group, 0);
    test_destroy(pool);
}

/* ---- the first error cancels the rest ---- */

TEST(the_first_error_cancels_the_group_and_not_its_sisters) {
    for (int way = 0; way < WAYS; way++)
        for (int failing = 1; failing <= 2; failing++) {
            request before = {.id = 0}, bad = {.task = {.error = 7}}, rest[4][WAYS] = {{{.id = 0}}};
            wpool_group groups[4];
            wpool *pool = test_pool_paused(1, 0);
            family_begin(groups);
            CHECK_EQ(wpool_group_cancel_on_error(&groups[1]), WPOOL_OK);
            member_submit(pool, &groups[2], &before, way);
            member_submit(pool, &groups[failing], &bad, way);
            for (int i = 0; i < 4; i++)
                members_submit(pool, &groups[i], rest[i]);
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
            group_check(&groups[1], 7);
            CHECK(wpool_group_cancelled(&groups[1]) && wpool_group_cancelled(&groups[2]));
            CHECK(!wpool_group_cancelled(&groups[0]) && !wpool_group_cancelled(&groups[3]));
            CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_ALREADY);
            group_check(&groups[0], 7);
            group_check(&groups[3], 0);
            group_check(&groups[2], failing == 2 ? 7 : WPOOL_CANCELLED);
            test_destroy(pool);
            request_check(&before, WPOOL_STATE_SUCCEEDED, 0);
            request_check(&bad, WPOOL_STATE_FAILED, 7);
            for (int i = 0; i < 4; i++)
                if (i == 1 || i == 2)
                    requests_check(rest[i], WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
                else
                    requests_check(rest[i], WAYS, WPOOL_STATE_SUCCEEDED, 0);
        }
}

TEST(the_first_error_tells_those_that_run) {
    NEEDS_WORKERS();
    for (int way = 0; way < WAYS; way++)
        for (int leaves = 0; leaves < 2; leaves++) {
            gate door = GATE_CLOSED;
            request patient[WAYS] = {{.id = 0}};
            request bad = {.task = {.door = &door, .error = 7, .leaves = leaves}};
            wpool_group groups[2];
            wpool *pool = pool_of(WAYS + 1);
            chain_begin(groups, 2);
            CHECK_EQ(wpool_group_cancel_on_error(&groups[0]), WPOOL_OK);
            for (int i = 0; i < WAYS; i++)
                patient[i].task = (task){.door = &door, .error = 8, .is_patient = true};
            members_submit(pool, &groups[0], patient);
            member_submit(pool, &groups[1], &bad, way);
            gate_await_count(&door, WAYS + 1);
            gate_open(&door);
            group_check(&groups[0], leaves ? WPOOL_FAILED : 7);
            test_destroy(pool);
            requests_check(patient, WAYS, WPOOL_STATE_CANCELLED, 8);
            request_check(&bad, WPOOL_STATE_FAILED, leaves ? WPOOL_FAILED : 7);
        }
}

/* Told, and discarded: that is no failure. */
TEST(who_was_cancelled_cancels_nobody) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request told = {.task = {.door = &door, .error = 7, .is_patient = true}}, queued = {.id = 0};
    request rest[WAYS] = {{.id = 0}};
    wpool_group groups[2];
    wpool *pool = pool_of(1);
    chain_begin(groups, 2);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(wpool_group_cancel_on_error(&groups[i]), WPOOL_OK);
    member_submit(pool, &groups[1], &told, WITH_ID);
    gate_await_count(&door, 1);
    gate_open(&door);
    member_submit(pool, &groups[1], &queued, WITH_ID);
    members_submit(pool, &groups[1], rest);
    CHECK_EQ(wpool_cancel(pool, queued.id, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_cancel(pool, told.id, WPOOL_HOT), WPOOL_CANCELLED);
    group_check(&groups[0], WPOOL_CANCELLED);
    CHECK(!wpool_group_cancelled(&groups[1]));
    test_destroy(pool);
    request_check(&told, WPOOL_STATE_CANCELLED, 7);
    requests_check(rest, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(an_error_of_before_cancels_nothing) {
    request bad[WAYS], good[WAYS] = {{.id = 0}};
    wpool_group group;
    wpool *pool = pool_of(1);
    chain_begin(&group, 1);
    for (int way = 0; way < WAYS; way++)
        bad[way] = (request){.task = {.error = 7}};
    members_submit(pool, &group, bad);
    group_check(&group, 7);
    CHECK_EQ(wpool_group_cancel_on_error(&group), WPOOL_OK);
    CHECK(!wpool_group_cancelled(&group));
    members_submit(pool, &group, good);
    group_check(&group, 7);
    CHECK(!wpool_group_cancelled(&group));
    test_destroy(pool);
    requests_check(good, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    requests_check(bad, WAYS, WPOOL_STATE_FAILED, 7);
}

static int nothing_job(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    return 0;
}

/* ---- pools below a group ---- */

static wpool *pool_below(wpool_group *group, unsigned workers, bool start_paused) {
    return pool_from(
        (wpool_config){.workers = workers, .group = group, .start_paused = start_paused});
}

static void check_stopped(wpool *pool) {
    atomic_uint count = 0;
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_CLOSED);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_ALREADY);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_ALREADY);
    CHECK_EQ(wpool_close(pool), WPOOL_ALREADY);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 0);
}

TEST(cancelling_a_group_discards_what_is_queued_in_its_pools) {
    for (int cancelled = 0; cancelled < 3; cancelled++) {
        request queued[4][WAYS] = {{{.id = 0}}};
        wpool_group groups[4];
        wpool *pools[4];
        family_begin(groups);
        for (int i = 0; i < 4; i++) {
            pools[i] = pool_below(&groups[i], 1, true);
            members_submit(pools[i], NULL, queued[i]);
        }
        CHECK_EQ(wpool_group_cancel(&groups[cancelled]), WPOOL_OK);
        for (int i = 0; i < 4; i++) {
            const bool is_stopped = i == 3 ? cancelled == 0 : i >= cancelled;
            if (is_stopped)
                check_stopped(pools[i]);
            else
                test_destroy(pools[i]);
            requests_check(queued[i], WAYS,
                           is_stopped ? WPOOL_STATE_DISCARDED : WPOOL_STATE_SUCCEEDED,
                           is_stopped ? WPOOL_CANCELLED : 0);
        }
    }
}

TEST(cancelling_a_group_tells_what_runs_in_its_pools) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request told[3][WAYS], other[WAYS];
    wpool_group groups[4];
    wpool *pools[3], *beside;
    family_begin(groups);
    beside = pool_below(&groups[3], WAYS, false);
    for (int way = 0; way < WAYS; way++)
        other[way] = (request){.task = {.door = &door}};
    members_submit(beside, NULL, other);
    for (int i = 0; i < 3; i++) { /* two below one group, and one deeper */
        pools[i] = pool_below(&groups[1 + i / 2], WAYS, false);
        for (int way = 0; way < WAYS; way++)
            told[i][way] = (request){.task = {.door = &door, .error = 4, .is_patient = true}};
        members_submit(pools[i], NULL, told[i]);
    }
    gate_await_count(&door, 4 * WAYS);
    CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_OK);
    gate_open(&door);
    for (int i = 0; i < 3; i++) {
        check_stopped(pools[i]);
        requests_check(told[i], WAYS, WPOOL_STATE_CANCELLED, 4);
    }
    test_drain(beside);
    CHECK_EQ(wpool_stop(beside, WPOOL_HOT), WPOOL_OK);
    test_destroy(beside);
    requests_check(other, WAYS, WPOOL_STATE_SUCCEEDED, 0);
    for (int way = 0; way < WAYS; way++)
        CHECK(!atomic_load(&other[way].task.was_told));
}

TEST(a_pool_that_is_gone_is_not_stopped) {
    const surroundings before = surroundings_now();
    for (int gone = 0; gone < 4; gone++) { /* 3: all */
        wpool_group groups[2];
        wpool *pools[3];
        memory used = {0};
        const wpool_allocator allocator = memory_allocator(&used);
        chain_begin(groups, 2);
        for (int i = 0; i < 3; i++)
            pools[i] = pool_from((wpool_config){
                .workers = 1, .group = &groups[1], .allocator = &allocator, .queue_capacity = 2});
        for (int i = 0; i < 3; i++)
            if (gone == i || gone == 3) test_destroy(pools[i]);
        CHECK_EQ(wpool_group_cancel(&groups[0]), WPOOL_OK);
        for (int i = 0; i < 3; i++)
            if (gone != i && gone != 3) check_stopped(pools[i]);
        CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_OK);
        memory_check_empty(&used);
        memset((void *)groups, 0xA5, sizeof groups);
    }
    surroundings_check(before);
}

TEST(a_pool_that_was_stopped_already_is_stopped_hot) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request m = {.task = {.door = &door, .is_patient = true}};
    wpool_group group;
    chain_begin(&group, 1);
    wpool *pool = pool_below(&group, 1, false);
    member_submit(pool, NULL, &m, PLAIN);
    gate_await_count(&door, 1);
    gate_open(&door);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
    check_stopped(pool);
    CHECK(atomic_load(&m.task.was_told));
}

TEST(the_jobs_of_pools_are_no_members) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request held = {.task = {.door = &door, .error = 3}}, mine[WAYS] = {{.id = 0}};
    wpool_group group;
    chain_begin(&group, 1);
    CHECK_EQ(wpool_group_cancel_on_error(&group), WPOOL_OK);
    wpool *pool = pool_below(&group, 2, false);
    member_submit(pool, NULL, &held, WITH_ID);
    gate_await_count(&door, 1);
    members_submit(pool, &group, mine);
    group_check(&group, 0);
    gate_open(&door);
    test_drain(pool);
    CHECK(!wpool_group_cancelled(&group));
    test_destroy(pool);
    request_check(&held, WPOOL_STATE_FAILED, 3);
}

TEST(a_group_has_pools_and_members_in_them) {
    for (int round = 0; round < 20; round++) {
        request members[4][WAYS] = {{{.id = 0}}};
        wpool_group groups[2];
        wpool *pools[2];
        chain_begin(groups, 2);
        for (int i = 0; i < 2; i++)
            pools[i] = pool_below(&groups[i], 2, true);
        for (int i = 0; i < 4; i++) /* of either group, in either pool */
            members_submit(pools[i / 2], &groups[i % 2], members[i]);
        if (round % 2)
            for (int i = 0; i < 2; i++)
                CHECK_EQ(wpool_start(pools[i]), WPOOL_OK);
        CHECK_EQ(wpool_group_cancel(&groups[round % 4 / 2]), WPOOL_OK);
        for (int i = 0; i < 2; i++)
            test_destroy(pools[i]);
        CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_OK);
        for (int i = 0; i < 4 * WAYS; i++) {
            request *m = &members[i / WAYS][i % WAYS];
            CHECK_EQ(atomic_load(&m->task.done_count), 1);
            CHECK_EQ(atomic_load(&m->task.run_count),
                     atomic_load(&m->task.state) == WPOOL_STATE_SUCCEEDED);
        }
    }
}

TEST(a_pool_below_a_cancelled_group_is_stopped_from_the_start) {
    wpool_group groups[2];
    chain_begin(groups, 2);
    CHECK_EQ(wpool_group_cancel(&groups[0]), WPOOL_OK);
    for (int start_paused = 0; start_paused < 2; start_paused++)
        check_stopped(pool_below(&groups[1], 2, start_paused));
    CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_OK);
}

static void cancel_it(void *arg) { CHECK_EQ(wpool_group_cancel((wpool_group *)arg), WPOOL_OK); }

/* Who cancels the group does not know what becomes of its pools. */
TEST(pools_end_while_their_group_is_cancelled) {
    NEEDS_THREADS();
    for (unsigned round = 0; round < ROUNDS / 10; round++) {
        request members[4][WAYS] = {{{.id = 0}}};
        wpool_group groups[2];
        wpool *pools[2];
        helper canceller;
        chain_begin(groups, 2);
        for (unsigned i = 0; i < 2; i++)
            pools[i] =
                pool_below(i == round % 2 ? &groups[1] : NULL, 1 + round % 3, round % 5 == 0);
        for (int i = 0; i < 4; i++)
            for (int way = 0; way < WAYS; way++) {
                request *m = &members[i][way];
                const wpool_status status = member_try(pools[i % 2], &groups[i / 2], m, way);
                CHECK_EQ(status, WPOOL_OK);
            }
        helper_start(&canceller, cancel_it, &groups[round % 4 / 2]);
        for (int i = 0; i < 2; i++)
            test_destroy(pools[i]);
        helper_join(&canceller);
        CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_OK);
        for (int i = 0; i < 4 * WAYS; i++)
            CHECK_EQ(atomic_load(&members[i / WAYS][i % WAYS].task.done_count), 1);
    }
}

static void wait_when_done(void *arg, const wpool_result *result) {
    (void)result;
    gate_job((gate *)arg, NULL);
}

static void destroy_it(void *arg) { test_destroy((wpool *)arg); }

/* Who cancels is held up in between, and has yet to tell the other pool, or the job in it. */
TEST(a_pool_is_there_until_the_canceller_is_done_with_it) {
    NEEDS_THREADS();
    for (int has_member = 0; has_member < 2; has_member++)
        for (int is_late = 0; is_late < 2; is_late++) {
            gate door = GATE_CLOSED;
            request m = {.id = 0};
            wpool_group group;
            const wpool_options options = {.group = &group, .on_done = wait_when_done};
            helper canceller, destroyer;
            chain_begin(&group, 1);
            wpool *pool = test_pool_paused(1, 0);
            wpool *other = has_member ? test_pool_paused(1, 0) : pool_below(&group, 1, false);
            if (has_member && is_late) member_submit(other, &group, &m, WITH_ID);
            CHECK_EQ(wpool_submit_with(pool, nothing_job, &door, &options, NULL), WPOOL_OK);
            if (has_member && !is_late) member_submit(other, &group, &m, WITH_ID);
            helper_start(&canceller, cancel_it, &group);
            gate_await_count(&door, 1);
            helper_start(&destroyer, destroy_it, other);
            test_let_others_run();
            gate_open(&door);
            helper_join(&destroyer);
            helper_join(&canceller);
            test_destroy(pool);
            CHECK_EQ(atomic_load(&m.task.done_count), has_member);
        }
}

/* A job stops its own pool through the group. */
static int cancel_upstream(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_group_cancel((wpool_group *)arg), WPOOL_OK);
    CHECK(wpool_cancelled(job));
    return 1;
}

TEST(a_job_cancels_the_group_above_its_pool) {
    request queued[WAYS] = {{.id = 0}};
    wpool_group groups[2];
    chain_begin(groups, 2);
    wpool *pool = pool_below(&groups[1], 1, true);
    CHECK_EQ(wpool_submit(pool, cancel_upstream, &groups[0], NULL), WPOOL_OK);
    members_submit(pool, NULL, queued);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).cancelled, 1);
    check_stopped(pool);
    requests_check(queued, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
}

/* ---- members and what else happens to jobs ---- */

TEST(a_member_is_cancelled_alone_by_its_id) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request members[2] = {{.task = {.door = &door, .error = 9, .is_patient = true}},
                          {.task = {.door = &door}}};
    request queued[2] = {{.id = 0}};
    wpool_group groups[2];
    wpool *pool = pool_of(2);
    chain_begin(groups, 2);
    for (int i = 0; i < 2; i++)
        member_submit(pool, &groups[1], &members[i], WITH_ID);
    gate_await_count(&door, 2);
    for (int i = 0; i < 2; i++)
        member_submit(pool, &groups[1], &queued[i], WITH_ID);
    CHECK_EQ(wpool_cancel(pool, members[0].id, WPOOL_HOT), WPOOL_CANCELLED);
    CHECK_EQ(wpool_cancel(pool, queued[0].id, WPOOL_HOT), WPOOL_OK);
    CHECK(!wpool_group_cancelled(&groups[1]));
    gate_open(&door);
    group_check(&groups[0], WPOOL_CANCELLED);
    CHECK(!atomic_load(&members[1].task.was_told));
    test_destroy(pool);
    request_check(&members[0], WPOOL_STATE_CANCELLED, 9);
    request_check(&members[1], WPOOL_STATE_SUCCEEDED, 0);
    request_check(&queued[0], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    request_check(&queued[1], WPOOL_STATE_SUCCEEDED, 0);
}

TEST(stopping_the_pool_ends_its_members_and_leaves_the_group) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request running[WAYS], queued[WAYS] = {{.id = 0}}, elsewhere[WAYS] = {{.id = 0}};
    wpool_group groups[2];
    wpool *pool = pool_of(WAYS), *other = test_pool_paused(1, 0);
    chain_begin(groups, 2);
    for (int way = 0; way < WAYS; way++)
        running[way] = (request){.task = {.door = &door, .error = 9, .is_patient = true}};
    members_submit(pool, &groups[1], running);
    gate_await_count(&door, WAYS);
    members_submit(pool, &groups[1], queued);
    members_submit(other, &groups[1], elsewhere);
    gate_open(&door);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    test_drain(pool);
    CHECK(!wpool_group_cancelled(&groups[1]));
    CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_TIMEOUT);
    CHECK_EQ(wpool_start(other), WPOOL_OK);
    CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_FOREVER, NULL), WPOOL_OK);
    test_destroy(pool);
    test_destroy(other);
    requests_check(running, WAYS, WPOOL_STATE_CANCELLED, 9);
    requests_check(queued, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    requests_check(elsewhere, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

static void end_by_stop(wpool *pool) { CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK); }

static void end_by_shutdown(wpool *pool) {
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
}

static void end_by_close(wpool *pool) { CHECK_EQ(wpool_close(pool), WPOOL_OK); }

TEST(the_end_of_a_pool_is_the_end_of_its_members) {
    static void (*const ends[])(wpool *) = {end_by_stop, end_by_shutdown, end_by_close, NULL};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        request members[WAYS] = {{.id = 0}};
        wpool_group groups[2];
        wpool *pool = test_pool_paused(2, 0);
        chain_begin(groups, 2);
        members_submit(pool, &groups[1], members);
        if (ends[i]) ends[i](pool);
        test_destroy(pool);
        group_check(&groups[0], i == 0 ? WPOOL_CANCELLED : 0);
        requests_check(members, WAYS, i == 0 ? WPOOL_STATE_DISCARDED : WPOOL_STATE_SUCCEEDED,
                       i == 0 ? WPOOL_CANCELLED : 0);
        memset((void *)groups, 0xA5, sizeof groups);
    }
}

TEST(a_forgotten_member_is_a_member) {
    request queued[2] = {{.id = 0}};
    wpool_group group;
    wpool *pool = test_pool_paused(1, 0);
    for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
        request *m = &queued[is_cancelled];
        chain_begin(&group, 1);
        member_submit(pool, &group, m, WITH_ID);
        CHECK_EQ(wpool_forget(pool, m->id), WPOOL_OK);
        if (is_cancelled) {
            CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
            request_check(m, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        } else {
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
        }
        group_check(&group, is_cancelled ? WPOOL_CANCELLED : 0);
        test_drain(pool);
        test_await_idle(pool);
        CHECK_EQ(wpool_pause(pool), is_cancelled ? WPOOL_ALREADY : WPOOL_OK);
    }
    test_destroy(pool);
    request_check(&queued[0], WPOOL_STATE_SUCCEEDED, 0);
}

TEST(a_forgotten_member_that_runs_is_told) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    request m = {.task = {.door = &door, .is_patient = true, .error = 2}};
    wpool_group group;
    wpool *pool = pool_of(1);
    chain_begin(&group, 1);
    member_submit(pool, &group, &m, WITH_ID);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_forget(pool, m.id), WPOOL_OK);
    gate_open(&door);
    CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
    group_check(&group, 2);
    test_destroy(pool);
    request_check(&m, WPOOL_STATE_CANCELLED, 2);
}

TEST(a_member_that_is_dropped_has_ended) {
    for (int way = 0; way < WAYS; way++) {
        request old = {.id = 0}, young = {.id = 0};
        wpool_group group;
        wpool *pool = pool_from((wpool_config){.workers = 1,
                                               .queue_capacity = 1,
                                               .when_full = WPOOL_DROP_OLDEST,
                                               .start_paused = true});
        chain_begin(&group, 1);
        member_submit(pool, &group, &old, way);
        member_submit(pool, NULL, &young, way);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_NOW, NULL), WPOOL_OK);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&old.task.state), WPOOL_STATE_DISCARDED);
        group_check(&group, atomic_load(&old.task.seen_error));
    }
}

TEST(the_results_of_members_are_taken) {
    request members[2] = {{.id = 0}};
    wpool_group group;
    wpool_result result;
    wpool *pool = pool_from((wpool_config){.workers = 1, .results = true, .start_paused = true});
    chain_begin(&group, 1);
    for (int way = 0; way < OWNED; way++)
        member_submit(pool, &group, &members[way], way);
    CHECK_EQ(wpool_take(pool, WPOOL_NOW, &result), WPOOL_EMPTY);
    CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(wpool_take(pool, WPOOL_NOW, &result), WPOOL_OK);
        CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
        CHECK_EQ(result.error, WPOOL_CANCELLED);
    }
    CHECK_EQ(wpool_take(pool, WPOOL_NOW, &result), WPOOL_EMPTY);
    test_destroy(pool);
}

static void cancel_when_done(void *arg, const wpool_result *result) {
    (void)result;
    CHECK_EQ(wpool_group_cancel((wpool_group *)arg), WPOOL_OK);
}

TEST(on_done_cancels_a_group) {
    for (int is_member = 0; is_member < 2; is_member++) {
        request queued[WAYS] = {{.id = 0}};
        wpool_group group;
        wpool *pool = test_pool_paused(1, 0);
        chain_begin(&group, 1);
        const wpool_options options = {.on_done = cancel_when_done,
                                       .group = is_member ? &group : NULL};
        CHECK_EQ(wpool_submit_with(pool, nothing_job, &group, &options, NULL), WPOOL_OK);
        members_submit(pool, &group, queued);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        group_check(&group, WPOOL_CANCELLED);
        test_destroy(pool);
        requests_check(queued, WAYS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    }
}

/* Each on_done hands in the next one: a caller-owned job itself, again. */
typedef struct relay {
    wpool *pool;
    wpool_group *group;
    wpool_job job;
    unsigned left;
    bool is_owned;
} relay;

static void relay_hand_in(relay *r);

static void relay_done(void *arg, const wpool_result *result) {
    relay *r = (relay *)arg;
    CHECK_EQ(result->state, WPOOL_STATE_SUCCEEDED);
    if (--r->left > 0) relay_hand_in(r);
}

static void relay_hand_in(relay *r) {
    const wpool_options options = {.group = r->group, .on_done = relay_done};
    CHECK_EQ(r->is_owned ? wpool_submit_job(r->pool, &r->job, &options)
                         : wpool_submit_with(r->pool, nothing_job, r, &options, NULL),
             WPOOL_OK);
}

TEST(members_that_on_done_hands_in_are_waited_for) {
    for (int is_owned = 0; is_owned < 2; is_owned++)
        for (int round = 0; round < 20; round++) {
            wpool_group group;
            relay r = {.pool = pool_of(2), .group = &group, .left = 50, .is_owned = is_owned};
            wpool_job_init(&r.job, nothing_job, &r);
            group_begin(&group, NULL);
            relay_hand_in(&r);
            group_check(&group, 0);
            CHECK_EQ(r.left, 0);
            memset((void *)&group, 0xA5, sizeof group);
            test_destroy(r.pool);
        }
}

/* Records, and jobs of one's own, that were in a group once are in it no more. */
TEST(who_has_ended_is_in_no_group) {
    NEEDS_WORKERS();
    enum { COUNT = 3 * WPOOL_RECORDS };
    gate door = GATE_CLOSED;
    atomic_uint count = 0;
    request last[2] = {{.task = {.door = &door}}, {.task = {.door = &door}}};
    static wpool_job jobs[COUNT];
    wpool_group group;
    const wpool_options options = {.group = &group};
    wpool *pool = pool_of(2);
    chain_begin(&group, 1);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), WPOOL_OK);
        wpool_job_init(&jobs[i], count_job, &count);
        CHECK_EQ(wpool_submit_job(pool, &jobs[i], &options), WPOOL_OK);
    }
    group_check(&group, 0);
    test_drain(pool);
    for (int way = WITH_ID; way <= OWNED; way++)
        member_submit(pool, NULL, &last[way - WITH_ID], way);
    gate_await_count(&door, 2);
    CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(wpool_submit_job(pool, &jobs[i], NULL), WPOOL_OK);
    gate_open(&door);
    test_drain(pool);
    CHECK_EQ(atomic_load(&count), 3 * COUNT);
    test_destroy(pool);
    for (int i = 0; i < 2; i++)
        CHECK(!atomic_load(&last[i].task.was_told));
}

TEST(members_leave_no_memory_behind) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    for (int i = 0; i < 5; i++) {
        static request members[100][WAYS];
        wpool_group groups[3];
        wpool *pool =
            pool_from((wpool_config){.workers = 2, .allocator = &allocator, .start_paused = i % 2});
        memset((void *)members, 0, sizeof members);
        chain_begin(groups, 3);
        for (int j = 0; j < 100; j++)
            members_submit(pool, &groups[j % 3], members[j]);
        if (i > 1) CHECK_EQ(wpool_group_cancel(&groups[1]), WPOOL_OK);
        test_destroy(pool);
        memory_check_empty(&used);
    }
}

/* ---- the group's memory is free when the wait has returned ---- */

static void use_group_on_stack(wpool *pools[2], wpool_group *parent, unsigned round,
                               atomic_uint *count) {
    wpool_group group;
    wpool_job job;
    const wpool_options options = {.group = &group};
    group_begin(&group, parent);
    wpool_job_init(&job, count_job, count);
    for (unsigned i = 0; i <= round % 4; i++)
        CHECK_EQ(wpool_submit_with(pools[i % 2], count_job, count, &options, NULL), WPOOL_OK);
    if (round % 3 == 0) CHECK_EQ(wpool_submit_job(pools[0], &job, &options), WPOOL_OK);
    if (round % 5 == 0) CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
    CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
    memset((void *)&group, 0xA5, sizeof group);
}

TEST(the_group_may_go_when_the_wait_has_returned) {
    for (int has_parent = 0; has_parent < 2; has_parent++) {
        atomic_uint count = 0;
        wpool_group top;
        wpool *pools[2] = {pool_of(1), pool_of(3)};
        group_begin(&top, NULL);
        for (unsigned round = 0; round < ROUNDS; round++) {
            wpool_group *group = malloc(sizeof *group);
            const wpool_options options = {.group = group};
            use_group_on_stack(pools, has_parent ? &top : NULL, round, &count);
            group_begin(group, has_parent ? &top : NULL);
            for (int i = 0; i < 2; i++)
                CHECK_EQ(wpool_submit_with(pools[i], count_job, &count, &options, NULL), WPOOL_OK);
            CHECK_EQ(wpool_group_wait(group, WPOOL_SECONDS(1000), NULL), WPOOL_OK);
            free(group);
        }
        group_begin(&top, NULL);
        for (int i = 0; i < 2; i++) {
            test_drain(pools[i]);
            CHECK_EQ(test_stats(pools[i]).cancelled, 0);
        }
        CHECK_EQ(atomic_load(&count),
                 test_stats(pools[0]).succeeded + test_stats(pools[1]).succeeded);
        for (int i = 0; i < 2; i++)
            test_destroy(pools[i]);
    }
}

/* The same on workers, one of which may wait while it runs members. */
static int use_group_in_job(void *arg, wpool_job *job) {
    wpool *pools[2] = {wpool_job_pool(job), wpool_job_pool(job)};
    for (unsigned round = 1; round < 4; round++)
        use_group_on_stack(pools, NULL, round, (atomic_uint *)arg);
    return 0;
}

TEST(the_group_may_go_when_the_wait_of_a_worker_has_returned) {
    for (unsigned workers = 1; workers <= 3; workers++)
        for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++) {
            atomic_uint count = 0;
            wpool *pool = pool_from((wpool_config){
                .workers = workers, .help = (wpool_help)help, .stack_size = (size_t)8 << 20});
            for (unsigned i = 0; i < ROUNDS / 3; i++)
                CHECK_EQ(wpool_submit(pool, use_group_in_job, &count, NULL), WPOOL_OK);
            test_drain(pool);
            test_destroy(pool);
            CHECK_EQ(atomic_load(&count), ROUNDS / 3 * (2 + 3 + 4 + 1));
        }
}

/* ---- arguments ---- */

TEST(no_group_is_invalid) {
    wpool_group group;
    int error = 77;
    CHECK_EQ(wpool_group_init(NULL, NULL), WPOOL_INVALID);
    group_begin(&group, NULL);
    CHECK_EQ(wpool_group_init(NULL, &group), WPOOL_INVALID);
    CHECK_EQ(wpool_group_cancel(NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_group_cancel_on_error(NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_group_deadline(NULL, WPOOL_FOREVER), WPOOL_INVALID);
    CHECK_EQ(wpool_group_deadline(NULL, 1), WPOOL_INVALID);
    CHECK_EQ(wpool_group_wait(NULL, WPOOL_FOREVER, &error), WPOOL_INVALID);
    CHECK(!wpool_group_cancelled(NULL));
    group_check(&group, 0);
}

TEST(a_group_is_not_below_itself) {
    wpool_group group;
    CHECK_EQ(wpool_group_init(&group, &group), WPOOL_INVALID);
}

TEST(a_job_that_is_refused_is_in_no_group) {
    request m = {.id = 77};
    wpool_group group;
    const wpool_options options = {.group = &group};
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 1, .when_full = WPOOL_REFUSE, .start_paused = true});
    group_begin(&group, NULL);
    CHECK_EQ(wpool_submit_with(pool, NULL, NULL, &options, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_submit_with(NULL, task_job, &m, &options, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_submit(pool, nothing_job, NULL, NULL), WPOOL_OK);
    for (int is_closed = 0; is_closed < 2; is_closed++) {
        if (is_closed) CHECK_EQ(wpool_close(pool), WPOOL_OK);
        for (int way = 0; way < WAYS; way++)
            CHECK_EQ(member_try(pool, &group, &m, way), is_closed ? WPOOL_CLOSED : WPOOL_FULL);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_NOW, NULL), WPOOL_OK);
    }
    group_check(&group, 0);
    memset((void *)&m.job, 0xA5, sizeof m.job);
    CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&m.task.done_count), 0);
}

/* ---- everything at once ---- */

enum { RACERS = 3, GROUPS = 8 };

/* A job of the storm: a member of groups[group], each of which is below one with a lower number. */
typedef struct racer {
    struct race *race;
    unsigned number, group;
    int way;
    wpool_job job;
    wpool_id id;
    atomic_uint ran, done, state;
    wpool_status accepted;
} racer;

typedef struct race {
    uint64_t seed;
    wpool *pools[2];
    wpool_group groups[GROUPS];
    pthread_rwlock_t tree; /* to change it, as writer */
    atomic_uint next;
    racer *racers;
    bool is_patient;
} race;

static void racer_done(void *arg, const wpool_result *result) {
    racer *r = (racer *)arg;
    atomic_store(&r->state, result->state);
    atomic_fetch_add(&r->done, 1);
}

static int racer_job(void *arg, wpool_job *job);

/* Whatever has become of the job meanwhile. */
static void race_meddle(race *x, wpool *pool, wpool_id id) {
    switch (test_choose(x->seed, 12)) {
    case 0:
        wpool_cancel(pool, id, WPOOL_HOT);
        break;
    case 1:
        wpool_forget(pool, id);
        break;
    case 2:
        wpool_wait(pool, id, WPOOL_NOW, NULL);
        break;
    default:
        break;
    }
}

/* Hands in the next one; false: there are enough. A job does so in its own pool, where it is never
   blocked: two that wait for room in each other's would do so for ever. It may run inside of it
   then, so one that may wait patiently is not before it in the tree. */
static bool race_submit(race *x, wpool *pool, unsigned group) {
    const unsigned number = atomic_fetch_add(&x->next, 1);
    const wpool_options options = {.group = &x->groups[group], .on_done = racer_done};
    if (number >= RACES) return false;
    racer *r = &x->racers[number];
    r->race = x;
    r->number = number;
    r->group = group;
    r->way = (int)test_choose(x->seed, WAYS);
    r->accepted = way_submit(pool, r->way, racer_job, r, &options, &r->job, &r->id);
    CHECK(r->accepted == WPOOL_OK || r->accepted == WPOOL_CANCELLED);
    if (r->way == WITH_ID && r->accepted == WPOOL_OK) race_meddle(x, pool, r->id);
    return true;
}

/* In one pool for what comes later in the tree, so that nobody waits in a circle; else briefly. */
static void race_wait_in_job(const racer *r) {
    race *x = r->race;
    unsigned group = (unsigned)test_choose(x->seed, GROUPS);
    if (!x->is_patient) {
        const int64_t timeout = (int64_t)test_choose(x->seed, 50000);
        const wpool_status status = wpool_group_wait(&x->groups[group], timeout, NULL);
        CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT || status == WPOOL_DEADLOCK);
    } else if (r->group + 1 < GROUPS) {
        group = r->group + 1 + group % (GROUPS - r->group - 1);
        CHECK_EQ(wpool_group_wait(&x->groups[group], WPOOL_FOREVER, NULL), WPOOL_OK);
    }
}

static int racer_child(void *arg, wpool_job *job) {
    (void)arg;
    for (int i = 0; i < 20 && !wpool_cancelled(job); i++)
        sched_yield();
    return 0;
}

static int racer_job(void *arg, wpool_job *job) {
    racer *r = (racer *)arg;
    race *x = r->race;
    unsigned group;
    wpool_job child;
    CHECK_EQ(atomic_fetch_add(&r->ran, 1), 0);
    switch (test_choose(x->seed, 8)) {
    case 0:
        group = x->is_patient ? r->group : 0;
        group += (unsigned)test_choose(x->seed, GROUPS - group);
        race_submit(x, wpool_job_pool(job), group);
        break;
    case 1:
        race_wait_in_job(r);
        break;
    case 2:
        wpool_fork(job, &child, racer_child, NULL);
        racer_child(NULL, job);
        wpool_join(job, &child);
        break;
    case 3:
        return 1 + (int)(r->number % 100);
    case 4:
        if (test_choose(x->seed, 50) == 0)
            wpool_group_cancel(&x->groups[test_choose(x->seed, GROUPS)]);
        break;
    default:
        racer_child(NULL, job);
        break;
    }
    return wpool_cancelled(job);
}

/* A new tree; nobody else uses it. */
static void race_replant(race *x, bool is_first) {
    if (!is_first) CHECK_EQ(wpool_group_wait(&x->groups[0], WPOOL_FOREVER, NULL), WPOOL_OK);
    for (unsigned i = 0; i < GROUPS; i++) {
        group_begin(&x->groups[i], i ? &x->groups[test_choose(x->seed, i)] : NULL);
        if (test_choose(x->seed, 8) == 0)
            CHECK_EQ(wpool_group_cancel_on_error(&x->groups[i]), WPOOL_OK);
    }
}

/* A pool that is there for a moment. */
static void race_with_a_pool(race *x, unsigned group) {
    request members[WAYS] = {{.id = 0}};
    bool is_in[WAYS];
    wpool *pool = pool_below(test_choose(x->seed, 2) ? &x->groups[group] : NULL, 1, false);
    for (int way = 0; way < WAYS; way++) {
        wpool_group *other = &x->groups[test_choose(x->seed, GROUPS)];
        const wpool_status status = member_try(pool, other, &members[way], way);
        CHECK(status == WPOOL_OK || status == WPOOL_CANCELLED || status == WPOOL_CLOSED);
        is_in[way] = status == WPOOL_OK;
    }
    test_destroy(pool);
    for (int way = 0; way < WAYS; way++)
        CHECK_EQ(atomic_load(&members[way].task.done_count), is_in[way]);
}

static bool race_step(race *x) {
    const unsigned group = (unsigned)test_choose(x->seed, GROUPS);
    wpool_status status;
    switch (test_choose(x->seed, 16)) {
    case 0:
        status = wpool_group_cancel(&x->groups[group]);
        CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
        return true;
    case 1:
    case 2:
        status = wpool_group_wait(&x->groups[group], (int64_t)test_choose(x->seed, 50000), NULL);
        CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT);
        return true;
    case 3:
        CHECK_EQ(wpool_group_wait(&x->groups[group], WPOOL_FOREVER, NULL), WPOOL_OK);
        return true;
    case 4:
        race_with_a_pool(x, group);
        return true;
    case 5:
        if (test_choose(x->seed, 4) == 0)
            CHECK_EQ(
                wpool_group_deadline(&x->groups[group], (int64_t)test_choose(x->seed, 100000) - 1),
                WPOOL_OK);
        return true;
    case 6: /* beyond what the pool may have, or not */
        wpool_scale(x->pools[group % 2], group < GROUPS / 2 ? 1 : -1, WPOOL_HOT);
        return true;
    default:
        return race_submit(x, x->pools[test_choose(x->seed, 2)], group);
    }
}

static void race_thread(void *arg) {
    race *x = (race *)arg;
    for (bool goes_on = true; goes_on;) {
        if (test_choose(x->seed, 30) == 0) {
            CHECK_EQ(pthread_rwlock_wrlock(&x->tree), 0);
            race_replant(x, false);
        } else {
            CHECK_EQ(pthread_rwlock_rdlock(&x->tree), 0);
            goes_on = race_step(x);
        }
        CHECK_EQ(pthread_rwlock_unlock(&x->tree), 0);
    }
}

static void race_check(race *x, int pools) {
    uint64_t accepted = 0, discarded = 0, cancelled = 0, finished = 0;
    for (unsigned i = 0; i < RACES; i++) {
        racer *r = &x->racers[i];
        const unsigned state = atomic_load(&r->state);
        CHECK_EQ(atomic_load(&r->done), r->accepted == WPOOL_OK);
        CHECK_EQ(atomic_load(&r->ran), r->accepted == WPOOL_OK && state != WPOOL_STATE_DISCARDED);
        accepted += r->accepted == WPOOL_OK;
        discarded += state == WPOOL_STATE_DISCARDED;
        cancelled += state == WPOOL_STATE_CANCELLED;
    }
    for (int i = 0; i < pools; i++) {
        const wpool_stats_snapshot s = test_stats(x->pools[i]);
        CHECK_EQ(s.waiting + s.running, 0);
        finished += s.succeeded + s.failed;
        accepted -= s.accepted;
        discarded -= s.discarded;
        cancelled -= s.cancelled;
    }
    CHECK_EQ(accepted, 0);
    CHECK_EQ(discarded, 0);
    CHECK_EQ(cancelled, 0);
    CHECK(finished > 0);
}

/* pools: one or two */
static void run_race(int pools, wpool_config config, uint64_t seed) {
    static racer racers[RACES];
    static race x;
    helper threads[RACERS];
    memset((void *)racers, 0, sizeof racers);
    memset((void *)&x, 0, sizeof x);
    x.seed = seed;
    x.racers = racers;
    x.is_patient = pools == 1;
    CHECK_EQ(pthread_rwlock_init(&x.tree, NULL), 0);
    for (int i = 0; i < 2; i++)
        x.pools[i] = i < pools ? pool_from(config) : x.pools[0];
    race_replant(&x, true);
    for (int i = 0; i < RACERS; i++)
        helper_start(&threads[i], race_thread, &x);
    for (int i = 0; i < RACERS; i++)
        helper_join(&threads[i]);
    CHECK_EQ(wpool_group_wait(&x.groups[0], WPOOL_FOREVER, NULL), WPOOL_OK);
    for (int i = 0; i < pools; i++)
        test_drain(x.pools[i]);
    race_check(&x, pools);
    for (int i = 0; i < pools; i++)
        test_destroy(x.pools[i]);
}

TEST(threads_submit_to_groups_cancel_them_and_wait) {
    NEEDS_THREADS();
    const uint64_t seed = test_seed();
    run_race(1, (wpool_config){.workers = 1}, seed);
    run_race(1, (wpool_config){.workers = 3, .queue_capacity = 8, .max_workers = 5}, seed);
    run_race(2, (wpool_config){.workers = 1, .queue_capacity = 64}, seed);
    run_race(2, (wpool_config){.workers = 2, .help = WPOOL_HELP_ANY}, seed);
    run_race(2, (wpool_config){.workers = 2, .help = WPOOL_HELP_NONE}, seed);
    run_race(2, (wpool_config){.workers = 2, .queue_capacity = WPOOL_UNBUFFERED}, seed);
}
