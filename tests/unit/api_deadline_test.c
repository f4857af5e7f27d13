/* Deadlines of jobs and of groups, by the system's clock: what is due ends as it should, and what
   is not is left alone. When exactly: see deadline_clock_test.c. Also built with WPOOL_NO_THREADS.
   */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include "ways.h"

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { RACES = 1000 };
#else
enum { RACES = 10000 };
#endif

/* due: 0: never */
static void timed_submit(wpool *pool, request *r, int way, int64_t due, wpool_group *group) {
    request_submit(pool, r, way, (wpool_options){.deadline = due, .group = group});
}

static void let_time_pass(int64_t ns) {
    const int64_t until = test_now_ns() + ns;
    while (test_now_ns() < until)
        sched_yield();
}

/* How a job, or all of them, are due soon. */
enum { BY_OPTION, BY_GROUP_BEFORE, BY_GROUP_AFTER, BY_GROUP_ABOVE, MEANS };

static void groups_begin(wpool_group groups[2]) {
    CHECK_EQ(wpool_group_init(&groups[0], NULL), WPOOL_OK);
    CHECK_EQ(wpool_group_init(&groups[1], &groups[0]), WPOOL_OK);
}

static void due_submit(wpool *pool, request *r, int way, int means, wpool_group groups[2]) {
    const int64_t due = WPOOL_MS(1);
    const wpool_options options = {.deadline = means == BY_OPTION ? due : 0, .group = &groups[1]};
    wpool_status status = WPOOL_CANCELLED;
    while (means == BY_GROUP_BEFORE && status == WPOOL_CANCELLED) { /* it may be over already */
        CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_OK);
        groups_begin(groups);
        CHECK_EQ(wpool_group_deadline(&groups[1], due), WPOOL_OK);
        status = request_try(pool, r, way, options);
    }
    if (means != BY_GROUP_BEFORE) status = request_try(pool, r, way, options);
    CHECK_EQ(status, WPOOL_OK);
    if (means == BY_GROUP_AFTER) CHECK_EQ(wpool_group_deadline(&groups[1], due), WPOOL_OK);
    if (means == BY_GROUP_ABOVE) CHECK_EQ(wpool_group_deadline(&groups[0], due), WPOOL_OK);
}

TEST(a_job_that_is_due_never_starts) {
    for (int means = 0; means < MEANS; means++)
        for (int way = 0; way < WAYS; way++) {
            request due = {.id = 0}, other = {.id = 0};
            wpool_group groups[2];
            wpool *pool = test_pool_paused(2, 0);
            groups_begin(groups);
            due_submit(pool, &due, way, means, groups);
            timed_submit(pool, &other, way, 0, NULL);
            if (POOL_IS_INLINE || way == OWNED)
                let_time_pass(WPOOL_MS(1) + 1);
            else /* nobody starts it, nor asks for the time */
                CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_FOREVER, NULL), WPOOL_OK);
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
            test_drain(pool);
            CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_OK);
            CHECK_EQ(wpool_group_cancelled(&groups[1]), means != BY_OPTION);
            test_destroy(pool);
            request_check(&due, WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT);
            request_check(&other, WPOOL_STATE_SUCCEEDED, 0);
        }
}

TEST(a_job_that_runs_is_told_when_it_is_due) {
    NEEDS_WORKERS();
    for (int means = 0; means < MEANS; means++)
        for (int way = 0; way < WAYS; way++) {
            gate door = GATE_CLOSED;
            request due = {.task = {.is_patient = true, .error = 5}};
            request other = {.task = {.door = &door, .error = 6}};
            wpool_group groups[2];
            wpool *pool = pool_of(2);
            groups_begin(groups);
            timed_submit(pool, &other, way, 0, NULL);
            gate_await_count(&door, 1);
            due_submit(pool, &due, way, means, groups);
            CHECK_EQ(wpool_group_wait(&groups[1], WPOOL_FOREVER, NULL), WPOOL_OK);
            gate_open(&door);
            test_destroy(pool);
            CHECK(!atomic_load(&other.task.was_told));
            request_check(&other, WPOOL_STATE_FAILED, 6);
            CHECK_EQ(atomic_load(&due.task.done_count), 1);
            /* where the machine was slow it has not even started */
            CHECK(atomic_load(&due.task.state) == WPOOL_STATE_CANCELLED ||
                  atomic_load(&due.task.seen_error) == WPOOL_TIMEOUT);
        }
}

TEST(a_deadline_that_is_far_away_changes_nothing) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        static request jobs[200][WAYS];
        memory used = {0};
        const wpool_allocator allocator = memory_allocator(&used);
        wpool_group groups[2];
        wpool *pool = pool_from((wpool_config){
            .workers = workers, .allocator = &allocator, .start_paused = workers == 2});
        memset((void *)jobs, 0, sizeof jobs);
        groups_begin(groups);
        CHECK_EQ(wpool_group_deadline(&groups[0], WPOOL_SECONDS(1000)), WPOOL_OK);
        for (int i = 0; i < 200 * WAYS; i++)
            timed_submit(pool, &jobs[i / WAYS][i % WAYS], i % WAYS, WPOOL_SECONDS(1000 + i % 7),
                         i % 2 ? &groups[1] : NULL);
        if (workers == 1) CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_FOREVER, NULL), WPOOL_OK);
        test_destroy(pool);
        memory_check_empty(&used);
        CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_NOW, NULL), WPOOL_OK);
        CHECK(!wpool_group_cancelled(&groups[1]));
        for (int i = 0; i < 200 * WAYS; i++)
            request_check(&jobs[i / WAYS][i % WAYS], WPOOL_STATE_SUCCEEDED, 0);
    }
}

/* The group's memory is gone when the wait has returned, whatever its deadline is. */
TEST(a_group_with_a_deadline_may_go_when_the_wait_has_returned) {
    atomic_uint count = 0;
    wpool *pool = pool_of(2);
    for (int i = 0; i < RACES; i++) {
        wpool_group *group = malloc(sizeof *group);
        const wpool_options options = {.group = group, .deadline = i % 3};
        CHECK_EQ(wpool_group_init(group, NULL), WPOOL_OK);
        if (i % 2) CHECK_EQ(wpool_group_deadline(group, 1 + i % 5 * 1000), WPOOL_OK);
        for (int j = 0; j < 3; j++) {
            const wpool_status status = wpool_submit_with(pool, count_job, &count, &options, NULL);
            CHECK(status == WPOOL_OK || (i % 2 && status == WPOOL_CANCELLED));
        }
        if (i % 5 == 0) CHECK_EQ(wpool_group_deadline(group, i % 7 * 1000), WPOOL_OK);
        CHECK_EQ(wpool_group_wait(group, WPOOL_FOREVER, NULL), WPOOL_OK);
        memset((void *)group, 0xA5, sizeof *group);
        free(group);
    }
    test_drain(pool);
    CHECK_EQ(test_stats(pool).succeeded, atomic_load(&count));
    test_destroy(pool);
}

/* ---- everything at once ---- */

enum { RACERS = 3, GROUPS = 4 };

typedef struct racer {
    wpool_job job;
    wpool_status accepted;
    atomic_uint ran, done, state;
    int64_t due;
} racer;

typedef struct race {
    uint64_t seed;
    wpool *pools[2];
    wpool_group groups[GROUPS];
    atomic_uint next;
    racer *racers;
} race;

static int racer_job(void *arg, wpool_job *job) {
    racer *r = (racer *)arg;
    CHECK_EQ(atomic_fetch_add(&r->ran, 1), 0);
    for (int64_t i = 0; i < r->due % 10 && !wpool_cancelled(job); i++)
        sched_yield();
    return wpool_cancelled(job) ? 5 : 0;
}

static void racer_done(void *arg, const wpool_result *result) {
    racer *r = (racer *)arg;
    if (result->state == WPOOL_STATE_DISCARDED)
        CHECK(result->error == WPOOL_TIMEOUT || result->error == WPOOL_CANCELLED);
    else
        CHECK_EQ(result->error, result->state == WPOOL_STATE_CANCELLED ? 5 : 0);
    atomic_store(&r->state, result->state);
    atomic_fetch_add(&r->done, 1);
}

static void race_thread(void *arg) {
    race *x = (race *)arg;
    for (unsigned i; (i = atomic_fetch_add(&x->next, 1)) < RACES;) {
        racer *r = &x->racers[i];
        wpool_group *group = &x->groups[test_choose(x->seed, GROUPS)];
        wpool *pool = x->pools[test_choose(x->seed, 2)];
        const int way = (int)test_choose(x->seed, WAYS);
        wpool_id id;
        r->due = (int64_t)test_choose(x->seed, 100000);
        const wpool_options options = {.on_done = racer_done,
                                       .deadline = test_choose(x->seed, 4) ? r->due : 0,
                                       .group = test_choose(x->seed, 2) ? group : NULL};
        r->accepted = way_submit(pool, way, racer_job, r, &options, &r->job, &id);
        CHECK(r->accepted == WPOOL_OK || (options.group && r->accepted == WPOOL_CANCELLED));
        if (way == WITH_ID && r->accepted == WPOOL_OK && r->due % 3 == 0)
            wpool_cancel(pool, id, WPOOL_HOT);
        if (test_choose(x->seed, 50) == 0) {
            const int64_t due = (int64_t)(test_choose(x->seed, 20) * test_choose(x->seed, 1000000));
            CHECK_EQ(wpool_group_deadline(group, due ? due : WPOOL_FOREVER), WPOOL_OK);
        }
    }
}

static void run_race(unsigned workers, uint64_t seed) {
    static racer racers[RACES];
    static race x;
    helper threads[RACERS];
    uint64_t accepted = 0, discarded = 0, cancelled = 0, expected[3] = {0};
    memset((void *)racers, 0, sizeof racers);
    memset((void *)&x, 0, sizeof x);
    x.seed = seed;
    x.racers = racers;
    for (int i = 0; i < 2; i++)
        x.pools[i] = pool_of(workers);
    for (int i = 0; i < GROUPS; i++)
        CHECK_EQ(wpool_group_init(&x.groups[i], i ? &x.groups[i / 2] : NULL), WPOOL_OK);
    for (int i = 0; i < RACERS; i++)
        helper_start(&threads[i], race_thread, &x);
    for (int i = 0; i < RACERS; i++)
        helper_join(&threads[i]);
    for (int i = 0; i < 2; i++) {
        test_drain(x.pools[i]);
        const wpool_stats_snapshot s = test_stats(x.pools[i]);
        expected[0] += s.accepted;
        expected[1] += s.discarded;
        expected[2] += s.cancelled;
    }
    CHECK_EQ(wpool_group_wait(&x.groups[0], WPOOL_NOW, NULL), WPOOL_OK);
    for (int i = 0; i < 2; i++)
        test_destroy(x.pools[i]);
    for (int i = 0; i < RACES; i++) {
        racer *r = &racers[i];
        CHECK_EQ(atomic_load(&r->done), r->accepted == WPOOL_OK);
        CHECK_EQ(atomic_load(&r->ran) + (atomic_load(&r->state) == WPOOL_STATE_DISCARDED),
                 r->accepted == WPOOL_OK);
        accepted += r->accepted == WPOOL_OK;
        discarded += atomic_load(&r->state) == WPOOL_STATE_DISCARDED;
        cancelled += atomic_load(&r->state) == WPOOL_STATE_CANCELLED;
    }
    CHECK_EQ(accepted, expected[0]);
    CHECK_EQ(discarded, expected[1]);
    CHECK_EQ(cancelled, expected[2]);
}

TEST(threads_submit_with_deadlines) {
    NEEDS_THREADS();
    const uint64_t seed = test_seed();
    run_race(1, seed);
    run_race(3, seed);
}
