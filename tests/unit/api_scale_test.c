/* Workers that come and go: wpool_scale, wpool_scale_to, wpool_worker_stop, and what queued and
   running jobs, loops, takers, hooks and the end of a pool make of it. Also built with
   WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include <limits.h>

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { ROUNDS = 30, STEPS = 200 };
#else
enum { ROUNDS = 300, STEPS = 2000 };
#endif

enum { MOST = 64 }; /* more workers than any test has */

static const wpool_mode modes[] = {WPOOL_GRACEFUL, WPOOL_HOT};

/* ---- workers that are seen, by themselves and from outside ---- */

static char numbers[MOST];

static void *number_of(void *user, unsigned worker) {
    (void)user;
    CHECK(worker < MOST);
    return &numbers[worker];
}

static unsigned worker_of(const wpool_job *job) {
    return (unsigned)((char *)wpool_worker_state(job) - numbers);
}

static wpool *numbered_pool(wpool_config config) {
    config.hooks.worker_start = number_of;
    return pool_from(config);
}

static wpool *numbered_pool_of(unsigned workers) {
    return numbered_pool((wpool_config){.workers = workers});
}

/* Those that leave are busy, or they might be gone. */
static void check_workers(wpool *pool, unsigned workers, unsigned leaving) {
    const wpool_stats_snapshot s = test_stats(pool);
    CHECK_EQ(s.workers, workers);
    CHECK_EQ(s.workers_leaving, leaving);
    CHECK_EQ(wpool_workers(pool, NULL, 0), workers + leaving);
}

/* Until those that leave are gone. */
static void await_gone(wpool *pool, unsigned workers) {
    while (wpool_workers(pool, NULL, 0) != workers || test_stats(pool).workers_leaving > 0)
        sched_yield();
    CHECK_EQ(test_stats(pool).workers, workers);
}

static wpool_worker_info info_of(wpool *pool, unsigned worker) {
    wpool_worker_info infos[MOST];
    const size_t n = wpool_workers(pool, infos, MOST);
    size_t i = 0;
    while (i < n && infos[i].worker != worker)
        i++;
    CHECK(i < n);
    return infos[i];
}

static wpool_activity activity_of(wpool *pool, unsigned worker) {
    return info_of(pool, worker).activity;
}

/* Exactly so many jobs run at once; who was told to leave may have had one more in its hands. */
static void check_runs_at_once(wpool *pool, unsigned workers) {
    gate g = GATE_CLOSED;
    await_gone(pool, workers);
    for (unsigned i = 0; i < workers; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
    gate_await_count(&g, workers);
    wpool_try_submit(pool, gate_job, &g, NULL); /* if there is room for one that waits */
    test_let_others_run();
    CHECK_EQ(test_stats(pool).running, workers);
    gate_open(&g);
    test_drain(pool);
}

/* ---- a job that says where it is, and stays until its door opens or, patient, it is told ---- */

typedef struct stay {
    gate door;
    bool is_patient, leaves;
    int error;
    unsigned worker; /* once it has counted up at the door */
    atomic_bool was_told;
    wpool_id id;
} stay;

static int stay_job(void *arg, wpool_job *job) {
    stay *s = (stay *)arg;
    s->worker = worker_of(job);
    CHECK(!wpool_cancelled(job));
    gate_count_up(&s->door);
    if (!s->is_patient) gate_wait(&s->door);
    while (s->is_patient && !wpool_cancelled(job))
        sched_yield();
    atomic_store(&s->was_told, wpool_cancelled(job));
    if (s->leaves) pthread_exit(NULL);
    return s->error;
}

static void stay_begin(wpool *pool, stay *s) {
    CHECK_EQ(wpool_submit(pool, stay_job, s, &s->id), WPOOL_OK);
    gate_await_count(&s->door, 1);
}

static void stays_begin(wpool *pool, stay *stays, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        stays[i] = (stay){.door = GATE_CLOSED};
        stay_begin(pool, &stays[i]);
    }
}

static void stays_end(stay *stays, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        gate_open(&stays[i].door);
}

static unsigned count_told(const stay *stays, unsigned count) {
    unsigned told = 0;
    for (unsigned i = 0; i < count; i++)
        told += atomic_load(&stays[i].was_told);
    return told;
}

/* ---- more ---- */

TEST(new_workers_take_what_waits) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        gate g = GATE_CLOSED;
        wpool *pool = pool_of(1);
        for (int i = 0; i < 10; i++)
            CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
        gate_await_count(&g, 1);
        CHECK_EQ(wpool_scale(pool, 3, modes[m]), WPOOL_OK);
        check_workers(pool, 4, 0);
        gate_await_count(&g, 4);
        test_let_others_run();
        CHECK_EQ(test_stats(pool).running, 4);
        CHECK_EQ(wpool_scale_to(pool, 7, modes[m]), WPOOL_OK);
        check_workers(pool, 7, 0);
        gate_await_count(&g, 7);
        test_let_others_run();
        CHECK_EQ(test_stats(pool).running, 7);
        CHECK_EQ(test_stats(pool).waiting, 3);
        gate_open(&g);
        test_drain(pool);
        CHECK_EQ(test_stats(pool).cancelled, 0);
        test_destroy(pool);
    }
}

TEST(many_more_workers_than_at_first) {
    NEEDS_WORKERS();
    const surroundings before = surroundings_now();
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    wpool *pool = numbered_pool((wpool_config){.workers = 1, .allocator = &allocator});
    for (unsigned workers = 2; workers <= MOST; workers += workers / 2) {
        CHECK_EQ(wpool_scale_to(pool, workers, WPOOL_GRACEFUL), WPOOL_OK);
        check_runs_at_once(pool, workers);
    }
    CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    check_runs_at_once(pool, 1);
    surroundings_await_threads(before.threads + 1);
    test_destroy(pool);
    memory_check_empty(&used);
    surroundings_check(before);
}

/* ---- fewer ---- */

TEST(workers_without_a_job_leave_at_once) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        const surroundings before = surroundings_now();
        wpool *pool = pool_of(6);
        test_await_idle(pool);
        CHECK_EQ(wpool_scale(pool, -2, modes[m]), WPOOL_OK);
        CHECK_EQ(test_stats(pool).workers, 4);
        await_gone(pool, 4);
        check_runs_at_once(pool, 4);
        CHECK_EQ(wpool_scale_to(pool, 1, modes[m]), WPOOL_OK);
        CHECK_EQ(test_stats(pool).workers, 1);
        await_gone(pool, 1);
        surroundings_await_threads(before.threads + 1);
        check_runs_at_once(pool, 1);
        CHECK_EQ(test_stats(pool).cancelled, 0);
        test_destroy(pool);
    }
}

TEST(busy_workers_leave_after_their_job) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        stay stays[4];
        atomic_uint count = 0;
        unsigned leaving = 0;
        wpool *pool = numbered_pool_of(4);
        stays_begin(pool, stays, 4);
        CHECK_EQ(wpool_scale(pool, -2, modes[m]), WPOOL_OK);
        check_workers(pool, 2, 2);
        CHECK_EQ(wpool_scale_to(pool, 1, modes[m]), WPOOL_OK);
        check_workers(pool, 1, 3);
        for (int i = 0; i < 4; i++) {
            const wpool_worker_info info = info_of(pool, stays[i].worker);
            CHECK(info.running == 1 && info.job == stays[i].id);
            CHECK(info.activity == WPOOL_LEAVING || info.activity == WPOOL_BUSY);
            leaving += info.activity == WPOOL_LEAVING;
        }
        CHECK_EQ(leaving, 3);
        count_submit(pool, &count, 100);
        test_let_others_run();
        check_workers(pool, 1, 3);
        stays_end(stays, 4);
        await_gone(pool, 1);
        test_drain(pool);
        CHECK_EQ(atomic_load(&count), 100);
        CHECK_EQ(count_told(stays, 4), modes[m] == WPOOL_HOT ? 3 : 0);
        CHECK_EQ(test_stats(pool).succeeded, 104);
        check_runs_at_once(pool, 1);
        test_destroy(pool);
    }
}

/* One by one: each is on the list until its job has ended, and no longer. */
TEST(a_worker_is_listed_until_its_job_has_ended) {
    NEEDS_WORKERS();
    stay stays[5];
    wpool *pool = numbered_pool_of(5);
    stays_begin(pool, stays, 5);
    CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    for (unsigned i = 0, left = 4; i < 5; i++) {
        wpool_worker_info infos[5];
        check_workers(pool, 1, left);
        left -= activity_of(pool, stays[i].worker) == WPOOL_LEAVING;
        gate_open(&stays[i].door);
        while (wpool_workers(pool, infos, 5) != 1 + left)
            sched_yield();
        for (unsigned j = i + 1; j < 5; j++)
            CHECK_EQ(info_of(pool, stays[j].worker).job, stays[j].id);
    }
    await_gone(pool, 1);
    test_destroy(pool);
}

TEST(those_without_a_job_leave_first) {
    NEEDS_WORKERS();
    for (unsigned busy = 1; busy <= 4; busy++) {
        stay stays[4];
        wpool *pool = numbered_pool_of(6);
        stays_begin(pool, stays, busy);
        while (test_stats(pool).workers_idle != 6 - busy)
            sched_yield();
        CHECK_EQ(wpool_scale_to(pool, busy, WPOOL_HOT), WPOOL_OK);
        await_gone(pool, busy);
        for (unsigned i = 0; i < busy; i++)
            CHECK_EQ(activity_of(pool, stays[i].worker), WPOOL_BUSY);
        stays_end(stays, busy);
        test_drain(pool);
        CHECK_EQ(count_told(stays, busy), 0);
        check_runs_at_once(pool, busy);
        test_destroy(pool);
    }
}

TEST(no_more_than_needed_are_told) {
    NEEDS_WORKERS();
    stay stays[5];
    wpool *pool = numbered_pool_of(6);
    stays_begin(pool, stays, 5);
    for (int i = 0; i < 5; i++)
        stays[i].error = 7;
    while (test_stats(pool).workers_idle != 1)
        sched_yield();
    CHECK_EQ(wpool_scale(pool, -3, WPOOL_HOT), WPOOL_OK); /* the idle one and two others */
    CHECK_EQ(test_stats(pool).workers, 3);
    stays_end(stays, 5);
    test_drain(pool);
    await_gone(pool, 3);
    CHECK_EQ(count_told(stays, 5), 2);
    CHECK_EQ(test_stats(pool).cancelled, 2);
    CHECK_EQ(test_stats(pool).failed, 3);
    test_destroy(pool);
}

/* ---- one of them ---- */

TEST(a_worker_that_is_stopped_tells_which_job_it_runs) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        stay stays[4];
        wpool_id id = 77;
        wpool *pool = numbered_pool_of(4);
        stays_begin(pool, stays, 4);
        CHECK_EQ(wpool_worker_stop(pool, stays[2].worker, modes[m], &id), WPOOL_OK);
        CHECK_EQ(id, stays[2].id);
        check_workers(pool, 3, 1);
        CHECK_EQ(wpool_worker_stop(pool, stays[0].worker, modes[m], NULL), WPOOL_OK);
        check_workers(pool, 2, 2);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(activity_of(pool, stays[i].worker), i % 2 ? WPOOL_BUSY : WPOOL_LEAVING);
        stays_end(stays, 4);
        await_gone(pool, 2);
        for (int i = 0; i < 4; i++) {
            wpool_result result;
            CHECK_EQ(wpool_wait(pool, stays[i].id, WPOOL_FOREVER, &result), WPOOL_OK);
            CHECK_EQ(result.state, WPOOL_STATE_SUCCEEDED);
            CHECK_EQ(result.worker, stays[i].worker);
            CHECK_EQ(atomic_load(&stays[i].was_told), i % 2 == 0 && modes[m] == WPOOL_HOT);
        }
        test_destroy(pool);
    }
}

static void stay_when_done(void *arg, const wpool_result *result) {
    (void)result;
    gate_job(arg, NULL);
}

static int nothing(void *arg, wpool_job *job);

/* One that ran counts as running until its on_done has returned. */
TEST(a_worker_that_is_stopped_during_on_done_tells_whose_that_is) {
    NEEDS_WORKERS();
    static const wpool_options options = {.on_done = stay_when_done};
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        gate done = GATE_CLOSED;
        wpool_id id, was = 77;
        wpool_result result;
        wpool_worker_info infos[2];
        wpool *pool = pool_of(2);
        CHECK_EQ(wpool_submit_with(pool, nothing, &done, &options, &id), WPOOL_OK);
        gate_await_count(&done, 1);
        CHECK_EQ(wpool_workers(pool, infos, 2), 2);
        const int busy = infos[0].running == 0;
        CHECK(infos[busy].running == 1 && infos[busy].activity == WPOOL_BUSY);
        CHECK(infos[busy].job == id);
        CHECK_EQ(wpool_worker_stop(pool, infos[busy].worker, modes[m], &was), WPOOL_OK);
        CHECK(was == id);
        gate_open(&done);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK_EQ(result.state, WPOOL_STATE_SUCCEEDED);
        await_gone(pool, 1);
        test_destroy(pool);
    }
}

/* Jobs with ids, one after the other, each of which looks whether it was told. */
typedef struct listening {
    wpool *pool;
    atomic_bool is_over;
    atomic_uint told_count, ended[2]; /* on each worker */
    wpool_id told;                    /* the last one */
} listening;

static int listening_job(void *arg, wpool_job *job) {
    (void)arg;
    for (volatile int i = 0; i < 100; i++)
        continue;
    return wpool_cancelled(job);
}

static void note_told(void *arg, const wpool_result *result) {
    listening *s = (listening *)arg;
    atomic_fetch_add(&s->ended[result->worker], 1);
    if (result->state != WPOOL_STATE_CANCELLED) return;
    s->told = result->id;
    atomic_fetch_add(&s->told_count, 1);
}

static void listening_jobs(void *arg) {
    static const wpool_options options = {.on_done = note_told};
    listening *s = (listening *)arg;
    while (!atomic_load(&s->is_over)) {
        wpool_id id;
        CHECK_EQ(wpool_submit_with(s->pool, listening_job, s, &options, &id), WPOOL_OK);
        CHECK_EQ(wpool_forget(s->pool, id), WPOOL_OK);
    }
}

/* Whenever it comes: no other job than the one that was named was told, unless it began then. */
TEST(a_worker_that_is_stopped_names_the_job_that_is_told) {
    NEEDS_WORKERS();
    listening s = {.pool = pool_of(2)};
    helper submitter;
    helper_start(&submitter, listening_jobs, &s);
    for (int round = 0; round < 3 * ROUNDS; round++) {
        const unsigned told_before = atomic_load(&s.told_count);
        wpool_worker_info infos[2];
        wpool_id was = 77;
        CHECK_EQ(wpool_workers(s.pool, infos, 2), 2);
        const wpool_worker_info before = infos[round % 2];
        CHECK_EQ(wpool_worker_stop(s.pool, before.worker, WPOOL_HOT, &was), WPOOL_OK);
        await_gone(s.pool, 1);
        const unsigned told = atomic_load(&s.told_count) - told_before;
        const uint64_t ended = atomic_load(&s.ended[before.worker]) - before.finished;
        const bool has_begun_then = before.running == 0 || ended > 1;
        CHECK(told <= 1);
        CHECK(told == 0 || s.told == was || (was == 0 && has_begun_then));
        CHECK_EQ(wpool_scale(s.pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    }
    atomic_store(&s.is_over, true);
    helper_join(&submitter);
    test_destroy(s.pool);
}

TEST(a_patient_job_ends_when_its_worker_is_stopped_hot) {
    NEEDS_WORKERS();
    stay s = {.door = GATE_CLOSED, .is_patient = true, .error = 5};
    wpool_id id;
    wpool_result result;
    wpool *pool = numbered_pool_of(2);
    stay_begin(pool, &s);
    CHECK_EQ(wpool_worker_stop(pool, s.worker, WPOOL_HOT, &id), WPOOL_OK);
    CHECK_EQ(id, s.id);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK(result.state == WPOOL_STATE_CANCELLED && result.error == 5);
    await_gone(pool, 1);
    test_destroy(pool);
}

TEST(an_idle_worker_that_is_stopped_leaves) {
    NEEDS_WORKERS();
    wpool_worker_info infos[4];
    wpool_id id;
    wpool *pool = pool_of(4);
    test_await_idle(pool);
    for (unsigned left = 3, i = 0; left > 0; left--, i++) {
        id = 77;
        CHECK_EQ(wpool_worker_stop(pool, i, modes[i % 2], &id), WPOOL_OK);
        CHECK_EQ(id, 0);
        await_gone(pool, left);
        CHECK_EQ(wpool_worker_stop(pool, i, modes[i % 2], &id), WPOOL_UNKNOWN);
        CHECK_EQ(wpool_workers(pool, infos, 4), left);
        for (unsigned j = 0; j < left; j++)
            CHECK(infos[j].worker == i + 1 + j && infos[j].activity == WPOOL_AVAILABLE);
    }
    check_runs_at_once(pool, 1);
    test_destroy(pool);
}

/* ---- who is told ---- */

static void stop_hot(wpool *pool, unsigned worker, wpool_id expected) {
    wpool_id id = 77;
    CHECK_EQ(wpool_worker_stop(pool, worker, WPOOL_HOT, &id), WPOOL_OK);
    CHECK_EQ(id, expected);
}

TEST(plain_and_caller_owned_jobs_are_told_too) {
    NEEDS_WORKERS();
    stay plain = {.door = GATE_CLOSED, .is_patient = true, .error = 1}, owned = plain;
    stay other = {.door = GATE_CLOSED};
    wpool_job job;
    wpool *pool = numbered_pool_of(3);
    CHECK_EQ(wpool_submit(pool, stay_job, &plain, NULL), WPOOL_OK);
    wpool_job_init(&job, stay_job, &owned);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    stay_begin(pool, &other);
    gate_await_count(&plain.door, 1);
    gate_await_count(&owned.door, 1);
    stop_hot(pool, plain.worker, 0);
    stop_hot(pool, owned.worker, 0);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    await_gone(pool, 1);
    gate_open(&other.door);
    test_drain(pool);
    CHECK(!atomic_load(&other.was_told));
    CHECK_EQ(test_stats(pool).cancelled, 2);
    test_destroy(pool);
}

/* Submits the inner one and waits for it, in itself. */
typedef struct nest {
    stay inner;
    atomic_bool outer_was_told;
} nest;

static int nest_job(void *arg, wpool_job *job) {
    nest *n = (nest *)arg;
    CHECK_EQ(wpool_submit(wpool_job_pool(job), stay_job, &n->inner, &n->inner.id), WPOOL_OK);
    CHECK_EQ(wpool_wait(wpool_job_pool(job), n->inner.id, WPOOL_FOREVER, NULL), WPOOL_OK);
    atomic_store(&n->outer_was_told, wpool_cancelled(job));
    CHECK_EQ(n->inner.worker, worker_of(job));
    return 7;
}

TEST(the_outer_one_of_nested_jobs_is_told_too) {
    NEEDS_WORKERS();
    for (int is_plain = 0; is_plain < 2; is_plain++) {
        nest n = {.inner = {.door = GATE_CLOSED, .is_patient = true, .error = 1}};
        stay other = {.door = GATE_CLOSED};
        wpool_id id;
        wpool *pool = numbered_pool_of(2);
        stay_begin(pool, &other);
        CHECK_EQ(wpool_submit(pool, nest_job, &n, is_plain ? NULL : &id), WPOOL_OK);
        gate_await_count(&n.inner.door, 1);
        CHECK_EQ(info_of(pool, n.inner.worker).running, 2);
        stop_hot(pool, n.inner.worker, n.inner.id);
        await_gone(pool, 1);
        CHECK(atomic_load(&n.inner.was_told));
        CHECK(atomic_load(&n.outer_was_told));
        gate_open(&other.door);
        test_drain(pool);
        CHECK(!atomic_load(&other.was_told));
        CHECK_EQ(test_stats(pool).cancelled, 2);
        test_destroy(pool);
    }
}

typedef struct forker {
    stay parent, child;
    wpool_job job;
} forker;

/* Its child is on another worker. */
static int forker_job(void *arg, wpool_job *job) {
    forker *f = (forker *)arg;
    wpool_fork(job, &f->job, stay_job, &f->child);
    gate_await_count(&f->child.door, 1);
    CHECK_EQ(stay_job(&f->parent, job), 0);
    wpool_join(job, &f->job);
    return 0;
}

/* And not with the worker that has stolen them, which leaves when they have ended. */
TEST(forked_children_are_not_told_with_a_thief) {
    NEEDS_WORKERS();
    forker f = {.parent = {.door = GATE_CLOSED}, .child = {.door = GATE_CLOSED}};
    wpool *pool = numbered_pool_of(3);
    CHECK_EQ(wpool_submit(pool, forker_job, &f, NULL), WPOOL_OK);
    gate_await_count(&f.parent.door, 1);
    CHECK(f.child.worker != f.parent.worker);
    stop_hot(pool, f.child.worker, 0);
    check_workers(pool, 2, 1);
    gate_open(&f.child.door);
    await_gone(pool, 2);
    gate_open(&f.parent.door);
    test_drain(pool);
    CHECK(!atomic_load(&f.child.was_told));
    CHECK(!atomic_load(&f.parent.was_told));
    test_destroy(pool);
}

TEST(forked_children_are_told_with_their_parent) {
    NEEDS_WORKERS();
    forker f = {.parent = {.door = GATE_CLOSED, .is_patient = true},
                .child = {.door = GATE_CLOSED, .is_patient = true}};
    wpool *pool = numbered_pool_of(3);
    CHECK_EQ(wpool_submit(pool, forker_job, &f, NULL), WPOOL_OK);
    gate_await_count(&f.parent.door, 1);
    stop_hot(pool, f.parent.worker, 0);
    await_gone(pool, 2);
    CHECK(atomic_load(&f.child.was_told));
    CHECK(atomic_load(&f.parent.was_told));
    test_destroy(pool);
}

typedef struct listener {
    unsigned worker;
    bell bell;
} listener;

static int listen_job(void *arg, wpool_job *job) {
    listener *l = (listener *)arg;
    l->worker = worker_of(job);
    return bell_job(&l->bell, job);
}

TEST(on_cancel_is_called_once_by_who_stops_the_worker) {
    NEEDS_WORKERS();
    listener listeners[4];
    wpool_job jobs[2];
    wpool_id ids[2];
    wpool *pool = numbered_pool_of(4);
    for (int i = 0; i < 4; i++) {
        listeners[i] = (listener){.bell = {.door = GATE_CLOSED}};
        if (i < 2) {
            CHECK_EQ(wpool_submit(pool, listen_job, &listeners[i], &ids[i]), WPOOL_OK);
        } else {
            wpool_job_init(&jobs[i - 2], listen_job, &listeners[i]);
            CHECK_EQ(wpool_submit_job(pool, &jobs[i - 2], NULL), WPOOL_OK);
        }
        gate_await_count(&listeners[i].bell.door, 1);
    }
    CHECK_EQ(wpool_worker_stop(pool, listeners[3].worker, WPOOL_GRACEFUL, NULL), WPOOL_OK);
    for (int i = 0; i < 3; i += 2) {
        CHECK_EQ(wpool_worker_stop(pool, listeners[i].worker, WPOOL_HOT, NULL), WPOOL_OK);
        CHECK(pthread_equal(listeners[i].bell.thread, pthread_self()));
    }
    for (int i = 0; i < 4; i++)
        CHECK_EQ(listeners[i].bell.count, i == 0 || i == 2);
    for (int i = 0; i < 4; i++)
        gate_open(&listeners[i].bell.door);
    test_destroy(pool);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(listeners[i].bell.count, i == 0 || i == 2);
}

/* stay_job checks that it has not been told when it begins. */
TEST(the_next_one_with_that_number_has_not_been_told) {
    NEEDS_WORKERS();
    stay keeper = {.door = GATE_CLOSED};
    wpool *pool = numbered_pool((wpool_config){.workers = 2, .max_workers = 2, .min_workers = 1});
    stay_begin(pool, &keeper);
    for (int round = 0; round < ROUNDS; round++) {
        stay told = {.door = GATE_CLOSED, .is_patient = true, .error = 1};
        stay_begin(pool, &told);
        CHECK_EQ(told.worker, 1 - keeper.worker);
        stop_hot(pool, told.worker, told.id);
        await_gone(pool, 1);
        CHECK_EQ(wpool_scale(pool, 1, modes[round % 2]), WPOOL_OK);
        CHECK_EQ(wpool_forget(pool, told.id), WPOOL_OK);
    }
    CHECK_EQ(test_stats(pool).cancelled, ROUNDS);
    gate_open(&keeper.door);
    test_destroy(pool);
    CHECK(!atomic_load(&keeper.was_told));
}

/* ---- from inside ---- */

typedef struct insider {
    wpool_mode mode;
    atomic_uint count;
} insider;

static int stop_own_worker(void *arg, wpool_job *job) {
    insider *in = (insider *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_id id = 77;
    CHECK_EQ(wpool_worker_stop(pool, worker_of(job), in->mode, &id), WPOOL_OK);
    CHECK_EQ(id, wpool_job_id(job));
    CHECK_EQ(wpool_cancelled(job), in->mode == WPOOL_HOT);
    CHECK_EQ(activity_of(pool, worker_of(job)), WPOOL_LEAVING);
    CHECK_EQ(wpool_worker_stop(pool, worker_of(job), in->mode, NULL), WPOOL_ALREADY);
    count_submit(pool, &in->count, 20); /* for the others */
    return 3;
}

TEST(a_job_stops_its_own_worker) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        insider in = {.mode = modes[m]};
        wpool_id id;
        wpool_result result;
        wpool *pool = numbered_pool_of(5);
        for (unsigned left = 4; left >= 3; left--) {
            CHECK_EQ(wpool_submit(pool, stop_own_worker, &in, left % 2 ? &id : NULL), WPOOL_OK);
            await_gone(pool, left);
        }
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK_EQ(result.state, modes[m] == WPOOL_HOT ? WPOOL_STATE_CANCELLED : WPOOL_STATE_FAILED);
        test_drain(pool);
        CHECK_EQ(atomic_load(&in.count), 40);
        check_runs_at_once(pool, 3);
        test_destroy(pool);
    }
}

static int scale_up_job(void *arg, wpool_job *job) {
    gate *g = (gate *)arg;
    wpool *pool = wpool_job_pool(job);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, g, NULL), WPOOL_OK);
    CHECK_EQ(wpool_scale(pool, 4, WPOOL_GRACEFUL), WPOOL_OK);
    gate_await_count(g, 4);
    gate_open(g);
    return 0;
}

static int scale_down_job(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    CHECK_EQ(wpool_scale_to(pool, 1, *(wpool_mode *)arg), WPOOL_OK);
    CHECK_EQ(test_stats(pool).workers, 1);
    return 0;
}

TEST(a_job_scales_its_pool) {
    NEEDS_WORKERS();
    for (int round = 0; round < ROUNDS; round++) {
        gate g = GATE_CLOSED;
        wpool_mode mode = modes[round % 2];
        wpool *pool = numbered_pool_of(1);
        CHECK_EQ(wpool_submit(pool, scale_up_job, &g, NULL), WPOOL_OK);
        if (round % 4 < 2) test_drain(pool);
        gate_wait(&g);
        CHECK_EQ(wpool_submit(pool, scale_down_job, &mode, NULL), WPOOL_OK);
        test_drain(pool);
        await_gone(pool, 1);
        check_runs_at_once(pool, 1);
        test_destroy(pool);
    }
}

static int scale_around_wait(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    wpool_id ids[50];
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(wpool_submit(pool, count_job, arg, &ids[i]), WPOOL_OK);
        CHECK_EQ(wpool_scale(pool, i % 2 ? -1 : 1, WPOOL_GRACEFUL), WPOOL_OK);
    }
    for (int i = 0; i < 50; i++)
        CHECK_EQ(wpool_wait(pool, ids[i], WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

TEST(a_job_waits_for_others_while_it_scales_its_pool) {
    NEEDS_WORKERS();
    atomic_uint count = 0;
    wpool *pool = pool_of(2);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(wpool_submit(pool, scale_around_wait, &count, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(atomic_load(&count), 200);
    await_gone(pool, 2);
    test_destroy(pool);
}

static void scale_when_done(void *arg, const wpool_result *result) {
    wpool *pool = (wpool *)arg;
    CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_scale(pool, -1, WPOOL_HOT), WPOOL_OK);
    CHECK_EQ(result->state, WPOOL_STATE_SUCCEEDED);
}

static int nothing(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    return 0;
}

TEST(on_done_scales_the_pool) {
    NEEDS_WORKERS();
    const wpool_options options = {.on_done = scale_when_done};
    wpool *pool = pool_of(2);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(wpool_submit_with(pool, nothing, pool, &options, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).succeeded, 100);
    await_gone(pool, 2);
    test_destroy(pool);
}

/* ---- refusals ---- */

typedef struct sight {
    wpool_stats_snapshot stats;
    wpool_worker_info infos[MOST];
    size_t count;
} sight;

static sight look(wpool *pool) {
    sight s = {.stats = test_stats(pool)};
    s.count = wpool_workers(pool, s.infos, MOST);
    return s;
}

static void check_unchanged(wpool *pool, const sight *before) {
    const sight now = look(pool);
    CHECK_EQ(now.count, before->count);
    CHECK_EQ(now.stats.workers, before->stats.workers);
    CHECK_EQ(now.stats.workers_leaving, before->stats.workers_leaving);
    CHECK_EQ(now.stats.running, before->stats.running);
    for (size_t i = 0; i < now.count; i++) {
        CHECK_EQ(now.infos[i].worker, before->infos[i].worker);
        CHECK_EQ(now.infos[i].activity, before->infos[i].activity);
        CHECK_EQ(now.infos[i].job, before->infos[i].job);
    }
}

static void check_scale(wpool *pool, int delta, wpool_mode mode, wpool_status expected) {
    const sight before = look(pool);
    CHECK_EQ(wpool_scale(pool, delta, mode), expected);
    check_unchanged(pool, &before);
}

static void check_scale_to(wpool *pool, unsigned workers, wpool_mode mode, wpool_status expected) {
    const sight before = look(pool);
    CHECK_EQ(wpool_scale_to(pool, workers, mode), expected);
    check_unchanged(pool, &before);
}

static void check_stop(wpool *pool, unsigned worker, wpool_mode mode, wpool_status expected) {
    const sight before = look(pool);
    wpool_id id = 77;
    CHECK_EQ(wpool_worker_stop(pool, worker, mode, &id), expected);
    CHECK_EQ(wpool_worker_stop(pool, worker, mode, NULL), expected);
    check_unchanged(pool, &before);
}

TEST(to_as_many_as_there_are_changes_nothing) {
    NEEDS_WORKERS();
    stay s = {.door = GATE_CLOSED};
    wpool *pool = numbered_pool((wpool_config){.workers = 3, .min_workers = 3, .max_workers = 3});
    stay_begin(pool, &s);
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        check_scale(pool, 0, modes[m], WPOOL_OK);
        check_scale_to(pool, 3, modes[m], WPOOL_OK);
    }
    gate_open(&s.door);
    test_destroy(pool);
    CHECK(!atomic_load(&s.was_told));
}

TEST(beyond_the_limits_is_invalid) {
    NEEDS_WORKERS();
    stay stays[3];
    wpool *pool = numbered_pool((wpool_config){.workers = 3, .min_workers = 2, .max_workers = 4});
    stays_begin(pool, stays, 3);
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        const int deltas[] = {2, -2, -3, -4, 5, 1000, INT_MAX, INT_MIN, INT_MIN + 1};
        const unsigned workers[] = {0, 1, 5, 1000, INT_MAX, UINT_MAX, UINT_MAX - 1};
        for (size_t i = 0; i < COUNT_OF(deltas); i++)
            check_scale(pool, deltas[i], modes[m], WPOOL_INVALID);
        for (size_t i = 0; i < COUNT_OF(workers); i++)
            check_scale_to(pool, workers[i], modes[m], WPOOL_INVALID);
    }
    CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    check_scale(pool, 1, WPOOL_GRACEFUL, WPOOL_INVALID);
    CHECK_EQ(wpool_scale_to(pool, 2, WPOOL_GRACEFUL), WPOOL_OK);
    while (wpool_workers(pool, NULL, 0) > 3) /* the new one was idle */
        sched_yield();
    check_scale(pool, -1, WPOOL_GRACEFUL, WPOOL_INVALID);
    for (int i = 0; i < 3; i++)
        if (activity_of(pool, stays[i].worker) == WPOOL_BUSY)
            check_stop(pool, stays[i].worker, WPOOL_HOT, WPOOL_INVALID);
    stays_end(stays, 3);
    await_gone(pool, 2);
    CHECK_EQ(count_told(stays, 3), 0);
    test_destroy(pool);
}

TEST(without_limits_the_last_worker_stays_and_there_is_a_most) {
    NEEDS_WORKERS();
    wpool *pool = pool_of(2);
    test_await_idle(pool);
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        check_scale(pool, -2, modes[m], WPOOL_INVALID);
        check_scale(pool, INT_MIN, modes[m], WPOOL_INVALID);
        check_scale(pool, INT_MAX, modes[m], WPOOL_INVALID);
        check_scale(pool, WPOOL_MAX_WORKERS - 1, modes[m], WPOOL_INVALID);
        check_scale_to(pool, 0, modes[m], WPOOL_INVALID);
        check_scale_to(pool, WPOOL_MAX_WORKERS + 1, modes[m], WPOOL_INVALID);
        check_scale_to(pool, WPOOL_INLINE, modes[m], WPOOL_INVALID);
    }
    CHECK_EQ(wpool_scale(pool, -1, WPOOL_HOT), WPOOL_OK);
    await_gone(pool, 1);
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        check_scale(pool, -1, modes[m], WPOOL_INVALID);
        check_stop(pool, look(pool).infos[0].worker, modes[m], WPOOL_INVALID);
    }
    check_runs_at_once(pool, 1);
    test_destroy(pool);
}

TEST(only_the_lower_limit_is_given) {
    NEEDS_WORKERS();
    wpool *pool = pool_from((wpool_config){.workers = 3, .min_workers = 2});
    CHECK_EQ(wpool_scale(pool, 5, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_scale_to(pool, 2, WPOOL_GRACEFUL), WPOOL_OK);
    await_gone(pool, 2);
    check_scale(pool, -1, WPOOL_GRACEFUL, WPOOL_INVALID);
    check_stop(pool, look(pool).infos[0].worker, WPOOL_GRACEFUL, WPOOL_INVALID);
    test_destroy(pool);
}

TEST(only_the_upper_limit_is_given) {
    NEEDS_WORKERS();
    wpool *pool = pool_from((wpool_config){.workers = 2, .max_workers = 3});
    CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    check_scale(pool, 1, WPOOL_GRACEFUL, WPOOL_INVALID);
    CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    await_gone(pool, 1);
    check_scale(pool, -1, WPOOL_GRACEFUL, WPOOL_INVALID);
    test_destroy(pool);
}

TEST(a_mode_that_does_not_exist_is_invalid) {
    wpool *pool = pool_of(2);
    test_await_idle(pool);
    for (int mode = -1; mode <= 2; mode += 3) {
        check_scale(pool, 1, (wpool_mode)mode, WPOOL_INVALID);
        check_scale(pool, -1, (wpool_mode)mode, WPOOL_INVALID);
        check_scale_to(pool, 1, (wpool_mode)mode, WPOOL_INVALID);
        check_stop(pool, 0, (wpool_mode)mode, WPOOL_INVALID);
    }
    test_destroy(pool);
}

TEST(no_pool_is_invalid) {
    wpool_id id;
    CHECK_EQ(wpool_scale(NULL, 1, WPOOL_GRACEFUL), WPOOL_INVALID);
    CHECK_EQ(wpool_scale_to(NULL, 1, WPOOL_GRACEFUL), WPOOL_INVALID);
    CHECK_EQ(wpool_worker_stop(NULL, 0, WPOOL_GRACEFUL, &id), WPOOL_INVALID);
}

TEST(an_inline_pool_has_no_workers_to_scale) {
    atomic_uint count = 0;
    wpool *pool = test_pool(&(wpool_config){.max_workers = WPOOL_INLINE});
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        check_scale(pool, 1, modes[m], WPOOL_INVALID);
        check_scale(pool, -1, modes[m], WPOOL_INVALID);
        check_scale_to(pool, 2, modes[m], WPOOL_INVALID);
        check_stop(pool, 0, modes[m], WPOOL_INVALID);
        check_stop(pool, WPOOL_INLINE, modes[m], WPOOL_INVALID);
    }
    count_submit(pool, &count, 10);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 10);
}

TEST(a_worker_that_leaves_or_that_is_not_there_cannot_be_stopped) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        stay stays[3];
        wpool *pool = numbered_pool_of(3);
        stays_begin(pool, stays, 3);
        check_stop(pool, 3, modes[m], WPOOL_UNKNOWN);
        check_stop(pool, 4, modes[m], WPOOL_UNKNOWN);
        check_stop(pool, 10000, modes[m], WPOOL_UNKNOWN);
        check_stop(pool, UINT_MAX, modes[m], WPOOL_UNKNOWN);
        CHECK_EQ(wpool_worker_stop(pool, stays[1].worker, WPOOL_GRACEFUL, NULL), WPOOL_OK);
        check_stop(pool, stays[1].worker, modes[m], WPOOL_ALREADY);
        gate_open(&stays[1].door);
        await_gone(pool, 2);
        check_stop(pool, stays[1].worker, modes[m], WPOOL_UNKNOWN);
        stays_end(stays, 3);
        test_destroy(pool);
        CHECK_EQ(count_told(stays, 3), 0);
    }
}

TEST(those_that_leave_count_against_the_upper_limit) {
    NEEDS_WORKERS();
    stay stays[4];
    wpool *pool = numbered_pool((wpool_config){.workers = 4, .min_workers = 1, .max_workers = 4});
    stays_begin(pool, stays, 4);
    CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    check_workers(pool, 1, 3);
    for (int i = 1; i <= 3; i++)
        check_scale(pool, i, WPOOL_GRACEFUL, WPOOL_NO_THREAD);
    check_scale(pool, 4, WPOOL_GRACEFUL, WPOOL_INVALID);
    check_scale_to(pool, 3, WPOOL_GRACEFUL, WPOOL_NO_THREAD);
    for (unsigned i = 0, workers = 1, leaving = 3; i < 4; i++) {
        if (activity_of(pool, stays[i].worker) != WPOOL_LEAVING) continue;
        gate_open(&stays[i].door);
        while (wpool_workers(pool, NULL, 0) == workers + leaving)
            sched_yield();
        check_workers(pool, workers, --leaving);
        check_scale(pool, 2, WPOOL_GRACEFUL, workers < 3 ? WPOOL_NO_THREAD : WPOOL_INVALID);
        CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
        check_workers(pool, ++workers, leaving);
    }
    stays_end(stays, 4);
    check_runs_at_once(pool, 4);
    test_destroy(pool);
}

TEST(without_an_upper_limit_any_number_may_be_leaving) {
    NEEDS_WORKERS();
    enum { COUNT = 20 };
    stay stays[COUNT];
    bool seen[MOST] = {false};
    wpool *pool = numbered_pool_of(1);
    for (unsigned i = 0; i < COUNT; i++) {
        stays_begin(pool, &stays[i], 1);
        CHECK(!seen[stays[i].worker]);
        seen[stays[i].worker] = true;
        CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(wpool_worker_stop(pool, stays[i].worker, WPOOL_GRACEFUL, NULL), WPOOL_OK);
        check_workers(pool, 1, i + 1);
    }
    stays_end(stays, COUNT);
    await_gone(pool, 1);
    check_runs_at_once(pool, 1);
    test_destroy(pool);
}

/* ---- nothing is lost ---- */

/* The only worker has a batch in its hands, behind a job that stays; then the pool is paused, and
   another worker comes. */
TEST(what_a_leaving_worker_had_in_its_hands_is_left_to_the_others) {
    NEEDS_WORKERS();
    for (unsigned queued = 1; queued <= 3 * WPOOL_BATCH; queued += 20) {
        stay s = {.door = GATE_CLOSED};
        atomic_uint count = 0;
        wpool *pool = numbered_pool((wpool_config){.workers = 1, .start_paused = true});
        CHECK_EQ(wpool_submit(pool, stay_job, &s, NULL), WPOOL_OK);
        count_submit(pool, &count, queued);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        gate_await_count(&s.door, 1);
        CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(wpool_worker_stop(pool, s.worker, modes[queued / 20 % 2], NULL), WPOOL_OK);
        gate_open(&s.door);
        await_gone(pool, 1);
        CHECK_EQ(atomic_load(&count), 0);
        CHECK_EQ(test_stats(pool).waiting, queued);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(atomic_load(&count), queued);
        test_destroy(pool);
    }
}

/* Fills its pool far beyond the capacity, and stays; or the other way round. */
typedef struct breeder {
    stay s;
    bool stays_first;
    atomic_uint count;
} breeder;

static int breeder_job(void *arg, wpool_job *job) {
    breeder *b = (breeder *)arg;
    if (b->stays_first) stay_job(&b->s, job);
    count_submit(wpool_job_pool(job), &b->count, 300);
    return b->stays_first ? 0 : stay_job(&b->s, job);
}

TEST(what_a_leaving_worker_has_submitted_is_left_to_the_others) {
    NEEDS_WORKERS();
    static const size_t capacities[] = {1, 10, 1000, WPOOL_UNBUFFERED};
    for (size_t i = 0; i < COUNT_OF(capacities); i++)
        for (size_t m = 0; m < COUNT_OF(modes); m++) {
            breeder b = {.s = {.door = GATE_CLOSED}};
            stay other = {.door = GATE_CLOSED};
            wpool *pool =
                numbered_pool((wpool_config){.workers = 2, .queue_capacity = capacities[i]});
            stay_begin(pool, &other);
            CHECK_EQ(wpool_submit(pool, breeder_job, &b, NULL), WPOOL_OK);
            gate_await_count(&b.s.door, 1);
            CHECK_EQ(wpool_worker_stop(pool, b.s.worker, modes[m], NULL), WPOOL_OK);
            gate_open(&b.s.door);
            await_gone(pool, 1);
            CHECK_EQ(atomic_load(&b.count), 0);
            CHECK_EQ(test_stats(pool).waiting, 300);
            if (m) CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK); /* a new one has it */
            if (m)
                while (atomic_load(&b.count) < 300)
                    sched_yield();
            gate_open(&other.door);
            test_drain(pool);
            CHECK_EQ(atomic_load(&b.count), 300);
            test_destroy(pool);
        }
}

/* Neither the leaving worker's end nor what it gave back makes room that was not there. */
TEST(the_capacity_is_exact_after_workers_have_left) {
    NEEDS_WORKERS();
    static const size_t capacities[] = {1, 3, 64, 100};
    for (size_t i = 0; i < COUNT_OF(capacities); i++) {
        breeder b = {.s = {.door = GATE_CLOSED}};
        stay other = {.door = GATE_CLOSED};
        wpool *pool = numbered_pool((wpool_config){.workers = 2, .queue_capacity = capacities[i]});
        stay_begin(pool, &other);
        CHECK_EQ(wpool_submit(pool, breeder_job, &b, NULL), WPOOL_OK);
        gate_await_count(&b.s.door, 1);
        CHECK_EQ(wpool_scale(pool, 3, WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(wpool_worker_stop(pool, b.s.worker, WPOOL_HOT, NULL), WPOOL_OK);
        gate_open(&b.s.door);
        gate_open(&other.door);
        test_drain(pool);
        await_gone(pool, 4);
        test_await_idle(pool);
        CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        for (unsigned round = 0; round < 2; round++) {
            while (wpool_try_submit(pool, count_job, &b.count, NULL) == WPOOL_OK)
                continue;
            CHECK_EQ(test_stats(pool).waiting, capacities[i]);
            CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
            await_gone(pool, 1);
        }
        test_destroy(pool);
        CHECK_EQ(atomic_load(&b.count), 300 + capacities[i]);
    }
}

typedef struct stream {
    wpool *pool;
    gate door;
    atomic_uint count;
    atomic_bool is_over;
} stream;

static void stream_jobs(void *arg) {
    stream *s = (stream *)arg;
    while (!atomic_load(&s->is_over))
        CHECK_EQ(wpool_submit(s->pool, count_job, &s->count, NULL), WPOOL_OK);
}

TEST(what_a_leaving_worker_had_runs_under_an_endless_stream_of_submits) {
    NEEDS_WORKERS();
    static const size_t capacities[] = {1, 10, 1000};
    for (size_t i = 0; i < COUNT_OF(capacities); i++)
        for (unsigned left = 1; left <= 2; left++) {
            helper submitters[2];
            stay others[2];
            breeder b = {.s = {.door = GATE_CLOSED}};
            stream s = {.count = 0};
            s.pool =
                numbered_pool((wpool_config){.workers = left + 1, .queue_capacity = capacities[i]});
            stays_begin(s.pool, others, left);
            CHECK_EQ(wpool_submit(s.pool, breeder_job, &b, NULL), WPOOL_OK);
            gate_await_count(&b.s.door, 1);
            for (size_t j = 0; j < COUNT_OF(submitters); j++)
                helper_start(&submitters[j], stream_jobs, &s);
            CHECK_EQ(wpool_worker_stop(s.pool, b.s.worker, WPOOL_GRACEFUL, NULL), WPOOL_OK);
            gate_open(&b.s.door);
            await_gone(s.pool, left);
            stays_end(others, left);
            while (atomic_load(&b.count) < 300)
                sched_yield();
            atomic_store(&s.is_over, true);
            for (size_t j = 0; j < COUNT_OF(submitters); j++)
                helper_join(&submitters[j]);
            test_destroy(s.pool);
        }
}

/* Submits itself again: whoever runs it finds the next job before it would look elsewhere. */
static int perpetual_job(void *arg, wpool_job *job) {
    stream *s = (stream *)arg;
    if (!atomic_load(&s->is_over))
        CHECK_EQ(wpool_submit(wpool_job_pool(job), perpetual_job, s, NULL), WPOOL_OK);
    return 0;
}

static int perpetuals_job(void *arg, wpool_job *job) {
    stream *s = (stream *)arg;
    gate_job(&s->door, job);
    for (int i = 0; i < 4; i++)
        perpetual_job(s, job);
    return 0;
}

enum { IS_BUSY, IS_GONE, BREEDS_LAST };

/* The leaving worker is still busy then, or gone, or only about to submit what it leaves. */
static void check_leftovers(size_t capacity, int way) {
    breeder b = {.s = {.door = GATE_CLOSED}, .stays_first = way == BREEDS_LAST};
    stream s = {.door = GATE_CLOSED};
    s.pool = numbered_pool((wpool_config){.workers = 2, .queue_capacity = capacity});
    CHECK_EQ(wpool_submit(s.pool, perpetuals_job, &s, NULL), WPOOL_OK);
    gate_await_count(&s.door, 1);
    CHECK_EQ(wpool_submit(s.pool, breeder_job, &b, NULL), WPOOL_OK);
    gate_await_count(&b.s.door, 1);
    CHECK_EQ(wpool_worker_stop(s.pool, b.s.worker, WPOOL_GRACEFUL, NULL), WPOOL_OK);
    if (way == IS_GONE) gate_open(&b.s.door);
    if (way == IS_GONE) await_gone(s.pool, 1);
    gate_open(&s.door);
    if (way == BREEDS_LAST) test_let_others_run();
    if (way == BREEDS_LAST) gate_open(&b.s.door);
    while (atomic_load(&b.count) < 300)
        sched_yield();
    atomic_store(&s.is_over, true);
    gate_open(&b.s.door);
    test_drain(s.pool);
    test_destroy(s.pool);
}

TEST(what_a_leaving_worker_had_runs_beside_jobs_that_never_end) {
    NEEDS_WORKERS();
    static const size_t capacities[] = {1, 10, 1000};
    for (size_t i = 0; i < COUNT_OF(capacities); i++)
        for (int way = IS_BUSY; way <= BREEDS_LAST; way++)
            check_leftovers(capacities[i], way);
}

/* It is in nobody's hands while its worker leaves: whoever waits for it finds it, and cancelling it
   works as ever. */
typedef struct bequest {
    stay s;
    wpool_job owned;
    wpool_id ids[2];
    atomic_uint count;
} bequest;

static int bequest_job(void *arg, wpool_job *job) {
    bequest *b = (bequest *)arg;
    wpool *pool = wpool_job_pool(job);
    count_submit(pool, &b->count, 100);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &b->count, &b->ids[i]), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(pool, &b->owned, NULL), WPOOL_OK);
    count_submit(pool, &b->count, 100);
    return stay_job(&b->s, job);
}

static int wait_for_bequest(void *arg, wpool_job *job) {
    bequest *b = (bequest *)arg;
    wpool_result result;
    gate_job(&b->s.door, job);
    CHECK_EQ(wpool_wait(wpool_job_pool(job), b->ids[0], WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(wpool_job_wait(&b->owned, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(who_waits_for_a_job_that_a_leaving_worker_had_finds_it) {
    NEEDS_WORKERS();
    static const size_t capacities[] = {1, 100, 1000, WPOOL_UNBUFFERED};
    for (int round = 0; round < ROUNDS; round++) {
        bequest b = {.s = {.door = GATE_CLOSED}};
        wpool *pool = numbered_pool(
            (wpool_config){.workers = 2, .queue_capacity = capacities[round / 2 % 4]});
        wpool_job_init(&b.owned, count_job, &b.count);
        CHECK_EQ(wpool_submit(pool, wait_for_bequest, &b, NULL), WPOOL_OK);
        gate_await_count(&b.s.door, 1);
        CHECK_EQ(wpool_submit(pool, bequest_job, &b, NULL), WPOOL_OK);
        gate_await_count(&b.s.door, 2);
        CHECK_EQ(wpool_worker_stop(pool, b.s.worker, modes[round % 2], NULL), WPOOL_OK);
        CHECK_EQ(wpool_cancel(pool, b.ids[1], modes[round % 2]), WPOOL_OK);
        gate_open(&b.s.door);
        test_drain(pool);
        await_gone(pool, 1);
        CHECK_EQ(atomic_load(&b.count), 202);
        CHECK_EQ(test_stats(pool).discarded, 1);
        test_destroy(pool);
    }
}

/* A wake-up that was meant for a worker which leaves goes to another one. */
TEST(no_job_waits_while_a_worker_is_idle) {
    NEEDS_WORKERS();
    for (int round = 0; round < STEPS; round++) {
        gate g = GATE_CLOSED;
        wpool *pool = pool_of(4);
        test_await_idle(pool);
        CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
        CHECK_EQ(wpool_scale(pool, -1, modes[round % 2]), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
        gate_await_count(&g, 3);
        gate_open(&g);
        test_destroy(pool);
    }
}

/* ---- jobs that leave their threads ---- */

TEST(a_job_leaves_the_thread_of_a_worker_that_leaves) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        const surroundings before = surroundings_now();
        stay s = {.door = GATE_CLOSED, .leaves = true};
        wpool_result result;
        wpool *pool = numbered_pool_of(3);
        stay_begin(pool, &s);
        CHECK_EQ(wpool_worker_stop(pool, s.worker, modes[m], NULL), WPOOL_OK);
        gate_open(&s.door);
        CHECK_EQ(wpool_wait(pool, s.id, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK(result.state == WPOOL_STATE_FAILED && result.error == WPOOL_FAILED);
        CHECK_EQ(atomic_load(&s.was_told), modes[m] == WPOOL_HOT);
        await_gone(pool, 2);
        check_runs_at_once(pool, 2);
        surroundings_await_threads(before.threads + 2);
        test_destroy(pool);
        surroundings_check(before);
    }
}

TEST(a_worker_whose_thread_was_left_can_leave) {
    NEEDS_WORKERS();
    for (int round = 0; round < ROUNDS; round++) {
        const surroundings before = surroundings_now();
        task leavers[10] = {{0}};
        wpool *pool = pool_of(3);
        for (int i = 0; i < 10; i++) {
            leavers[i].leaves = true;
            task_submit(pool, &leavers[i], NULL);
            if (i % 3 == 0) CHECK_EQ(wpool_scale(pool, -1, modes[i % 2]), WPOOL_OK);
            if (i % 3 == 1) CHECK_EQ(wpool_scale(pool, 1, modes[i % 2]), WPOOL_OK);
        }
        test_drain(pool);
        await_gone(pool, 2);
        CHECK_EQ(test_stats(pool).failed, 10);
        for (int i = 0; i < 10; i++)
            CHECK_EQ(atomic_load(&leavers[i].done_count), 1);
        check_runs_at_once(pool, 2);
        surroundings_await_threads(before.threads + 2);
        test_destroy(pool);
    }
}

/* ---- hooks and numbers ---- */

typedef struct attendance {
    unsigned most;
    atomic_uint come, gone, present;
    atomic_bool is_here[MOST];
} attendance;

static void *come(void *user, unsigned worker) {
    attendance *a = (attendance *)user;
    CHECK(worker < a->most);
    CHECK(!atomic_exchange(&a->is_here[worker], true));
    atomic_fetch_add(&a->come, 1);
    CHECK(atomic_fetch_add(&a->present, 1) < a->most);
    return &a->is_here[worker];
}

static void go(void *user, unsigned worker, void *state) {
    attendance *a = (attendance *)user;
    CHECK(state == &a->is_here[worker]);
    atomic_fetch_add(&a->gone, 1);
    atomic_fetch_sub(&a->present, 1);
    CHECK(atomic_exchange(&a->is_here[worker], false));
}

static int present_job(void *arg, wpool_job *job) {
    CHECK(atomic_load((atomic_bool *)wpool_worker_state(job)));
    return count_job(arg, job);
}

TEST(hooks_run_once_for_each_that_comes_and_goes_and_numbers_are_used_again) {
    NEEDS_WORKERS();
    attendance a = {.most = 5};
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){
        .workers = 2, .hooks = {.worker_start = come, .worker_exit = go, .user = &a}});
    for (unsigned round = 0; round < ROUNDS; round++) {
        CHECK_EQ(wpool_scale_to(pool, 5, modes[round % 2]), WPOOL_OK);
        for (int i = 0; i < 20; i++)
            CHECK_EQ(wpool_submit(pool, present_job, &count, NULL), WPOOL_OK);
        check_runs_at_once(pool, 5); /* so all have begun */
        CHECK_EQ(atomic_load(&a.come), 2 + 3 * (round + 1));
        CHECK_EQ(wpool_scale_to(pool, 2, modes[round / 2 % 2]), WPOOL_OK);
        await_gone(pool, 2);
        while (atomic_load(&a.gone) != 3 * (round + 1))
            sched_yield();
    }
    test_destroy(pool);
    CHECK_EQ(atomic_load(&a.come), 2 + 3 * ROUNDS);
    CHECK_EQ(atomic_load(&a.gone), 2 + 3 * ROUNDS);
    CHECK_EQ(atomic_load(&count), 20 * ROUNDS);
}

/* One that leaves before it ran anything has been started all the same. */
TEST(a_worker_that_leaves_at_once_has_come_and_gone) {
    NEEDS_WORKERS();
    attendance a = {.most = MOST};
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .hooks = {.worker_start = come, .worker_exit = go, .user = &a}});
    for (unsigned round = 0; round < 15; round++) {
        CHECK_EQ(wpool_scale(pool, 4, WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(wpool_scale(pool, -4, WPOOL_HOT), WPOOL_OK);
    }
    test_destroy(pool);
    CHECK_EQ(atomic_load(&a.come), 61);
    CHECK_EQ(atomic_load(&a.gone), 61);
}

TEST(the_counts_of_a_number_go_on) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    atomic_uint count = 0;
    uint64_t finished[2];
    wpool *pool = pool_of(2);
    hold_workers(&h, pool, 2);
    hold_release(&h, 2);
    test_drain(pool);
    for (unsigned round = 0; round < 20; round++) {
        const unsigned worker = round % 2;
        for (unsigned i = 0; i < 2; i++)
            finished[i] = info_of(pool, i).finished;
        CHECK_EQ(finished[0] + finished[1], 2 + round);
        CHECK_EQ(wpool_worker_stop(pool, worker, WPOOL_GRACEFUL, NULL), WPOOL_OK);
        await_gone(pool, 1);
        CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
        for (unsigned i = 0; i < 2; i++)
            CHECK_EQ(info_of(pool, i).finished, finished[i]);
        count_submit(pool, &count, 1);
        test_drain(pool);
    }
    CHECK_EQ(test_stats(pool).succeeded, 22);
    test_destroy(pool);
}

/* ---- takers ---- */

typedef struct takers {
    gate here;
    unsigned meeting; /* so many are there before the first takes: none runs inside of another */
    atomic_uint taken, done, deadlocks;
} takers;

/* Takes until there is no more to come. */
static int take_job(void *arg, wpool_job *job) {
    takers *t = (takers *)arg;
    gate_count_up(&t->here);
    gate_await_count(&t->here, t->meeting);
    for (;;) {
        const wpool_status status = wpool_take(wpool_job_pool(job), WPOOL_FOREVER, NULL);
        if (status != WPOOL_OK) {
            CHECK(status == WPOOL_DONE || status == WPOOL_DEADLOCK);
            atomic_fetch_add(status == WPOOL_DONE ? &t->done : &t->deadlocks, 1);
            return 0;
        }
        atomic_fetch_add(&t->taken, 1);
    }
}

/* So many take and sleep; all others leave. One is told, and its end is taken by another. */
static void check_takers(unsigned taking, unsigned idle, unsigned busy, wpool_mode mode) {
    takers t = {.here = GATE_CLOSED, .meeting = taking};
    stay stays[4];
    wpool *pool = numbered_pool((wpool_config){.workers = taking + idle + busy, .results = true});
    stays_begin(pool, stays, busy);
    for (unsigned i = 0; i < taking; i++)
        CHECK_EQ(wpool_submit(pool, take_job, &t, NULL), WPOOL_OK);
    gate_await_count(&t.here, taking);
    while (test_stats(pool).workers_idle < idle)
        sched_yield();
    test_let_others_run(); /* so that most of them sleep */
    for (unsigned i = 0; i < busy; i++)
        CHECK_EQ(wpool_worker_stop(pool, stays[i].worker, mode, NULL), WPOOL_OK);
    CHECK_EQ(atomic_load(&t.deadlocks), 0);
    CHECK_EQ(wpool_scale_to(pool, taking, mode), WPOOL_OK);
    stays_end(stays, busy);
    await_gone(pool, taking);
    while (atomic_load(&t.deadlocks) == 0)
        sched_yield();
    test_await_running(pool, taking - 1);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(atomic_load(&t.deadlocks), 1);
    CHECK_EQ(atomic_load(&t.done), taking - 1);
    test_destroy(pool);
}

TEST(when_the_others_have_left_those_that_take_are_told_of_the_deadlock) {
    NEEDS_WORKERS();
    for (int round = 0; round < ROUNDS / 5; round++)
        for (unsigned taking = 1; taking <= 3; taking++) {
            check_takers(taking, 1, 0, modes[round % 2]);
            check_takers(taking, 0, 1, modes[round % 2]);
            check_takers(taking, 2, 2, modes[round % 2]);
        }
}

TEST(one_that_takes_and_is_to_leave_is_told_of_the_deadlock_with_the_others) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        takers t = {.here = GATE_CLOSED};
        wpool_worker_info infos[2];
        wpool *pool = pool_from((wpool_config){.workers = 2, .results = true});
        CHECK_EQ(wpool_submit(pool, take_job, &t, NULL), WPOOL_OK);
        gate_await_count(&t.here, 1);
        test_let_others_run();
        CHECK_EQ(wpool_workers(pool, infos, 2), 2);
        const unsigned busy = infos[0].activity == WPOOL_BUSY ? 0 : 1;
        CHECK_EQ(wpool_worker_stop(pool, busy, modes[m], NULL), WPOOL_OK);
        check_workers(pool, 1, 1);
        CHECK_EQ(wpool_submit(pool, take_job, &t, NULL), WPOOL_OK);
        gate_await_count(&t.here, 2); /* unless one runs inside of the other */
        while (atomic_load(&t.deadlocks) == 0 && test_stats(pool).workers_idle == 0)
            sched_yield();
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(atomic_load(&t.deadlocks) + atomic_load(&t.done), 2);
        await_gone(pool, 1);
        test_destroy(pool);
    }
}

TEST(new_workers_serve_those_that_take) {
    NEEDS_WORKERS();
    takers t = {.here = GATE_CLOSED};
    stay s = {.door = GATE_CLOSED};
    atomic_uint count = 0;
    wpool *pool = numbered_pool((wpool_config){.workers = 2, .results = true});
    stay_begin(pool, &s);
    CHECK_EQ(wpool_submit(pool, take_job, &t, NULL), WPOOL_OK);
    gate_await_count(&t.here, 1);
    CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    test_let_others_run();
    gate_open(&s.door); /* two are without work now */
    while (atomic_load(&t.taken) < 1)
        sched_yield();
    for (unsigned i = 1; i <= 50; i++) {
        count_submit(pool, &count, 1);
        while (atomic_load(&t.taken) < 1 + i)
            sched_yield();
    }
    CHECK_EQ(atomic_load(&t.deadlocks), 0);
    CHECK_EQ(wpool_scale(pool, -2, WPOOL_GRACEFUL), WPOOL_OK);
    while (atomic_load(&t.deadlocks) == 0)
        sched_yield();
    test_drain(pool);
    test_destroy(pool);
}

/* ---- unbuffered pools ---- */

static void check_full(wpool *pool) {
    atomic_uint count = 0;
    test_let_others_run();
    CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
}

TEST(an_unbuffered_pool_has_as_many_places_as_workers) {
    NEEDS_WORKERS();
    stay stays[8];
    atomic_uint count = 0;
    wpool *pool = numbered_pool((wpool_config){.workers = 2, .queue_capacity = WPOOL_UNBUFFERED});
    stays_begin(pool, stays, 2);
    check_full(pool);
    for (unsigned workers = 3; workers <= 8; workers++) {
        CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
        stays_begin(pool, &stays[workers - 1], 1);
        check_full(pool);
    }
    CHECK_EQ(wpool_scale(pool, -5, WPOOL_HOT), WPOOL_OK);
    check_full(pool);
    stays_end(stays, 8);
    await_gone(pool, 3);
    test_drain(pool);
    CHECK_EQ(count_told(stays, 8), 5);
    test_await_idle(pool);
    stays_begin(pool, stays, 3);
    check_full(pool);
    stays_end(stays, 3);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(atomic_load(&count), 100);
    test_destroy(pool);
}

typedef struct blocked {
    wpool *pool;
    atomic_uint *count;
} blocked;

static void submit_blocked(void *arg) {
    blocked *b = (blocked *)arg;
    CHECK_EQ(wpool_submit(b->pool, count_job, b->count, NULL), WPOOL_OK);
}

TEST(a_submitter_blocked_by_an_unbuffered_pool_goes_on_with_a_new_worker) {
    NEEDS_WORKERS();
    for (int round = 0; round < ROUNDS / 5; round++) {
        atomic_uint count = 0;
        hold h = HOLD_EMPTY;
        helper threads[3];
        blocked b = {test_pool_of(2, WPOOL_UNBUFFERED), &count};
        hold_workers(&h, b.pool, 2);
        for (size_t i = 0; i < COUNT_OF(threads); i++) {
            helper_start(&threads[i], submit_blocked, &b);
            helper_await_sleep(&threads[i]);
        }
        CHECK_EQ(wpool_scale(b.pool, 1 + round % 2, WPOOL_GRACEFUL), WPOOL_OK);
        for (size_t i = 0; i < COUNT_OF(threads); i++)
            helper_join(&threads[i]);
        while (atomic_load(&count) < COUNT_OF(threads))
            sched_yield();
        hold_release(&h, 2);
        test_destroy(b.pool);
    }
}

/* The worker that leaves takes its place along: the submitter waits for the other one. */
TEST(a_submitter_blocked_by_an_unbuffered_pool_goes_on_when_workers_have_left) {
    NEEDS_WORKERS();
    for (int round = 0; round < ROUNDS / 5; round++) {
        atomic_uint count = 0;
        stay stays[2];
        helper thread;
        blocked b = {
            numbered_pool((wpool_config){.workers = 2, .queue_capacity = WPOOL_UNBUFFERED}),
            &count};
        stays_begin(b.pool, stays, 2);
        helper_start(&thread, submit_blocked, &b);
        helper_await_sleep(&thread);
        CHECK_EQ(wpool_worker_stop(b.pool, stays[round % 2].worker, WPOOL_GRACEFUL, NULL),
                 WPOOL_OK);
        gate_open(&stays[round % 2].door);
        await_gone(b.pool, 1);
        test_let_others_run();
        CHECK_EQ(atomic_load(&count), 0);
        check_full(b.pool);
        stays_end(stays, 2);
        helper_join(&thread);
        test_destroy(b.pool);
        CHECK_EQ(atomic_load(&count), 1);
    }
}

/* ---- the states of a pool ---- */

TEST(a_paused_pool_is_scaled) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        gate g = GATE_CLOSED;
        wpool *pool = test_pool_paused(2, 0);
        for (int i = 0; i < 10; i++)
            CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
        CHECK_EQ(wpool_scale(pool, 4, modes[m]), WPOOL_OK);
        CHECK_EQ(wpool_scale(pool, -3, modes[m]), WPOOL_OK);
        await_gone(pool, 3);
        test_let_others_run();
        CHECK_EQ(test_stats(pool).waiting, 10);
        CHECK_EQ(g.count, 0);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        gate_await_count(&g, 3);
        test_let_others_run();
        CHECK_EQ(test_stats(pool).running, 3);
        CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        CHECK_EQ(wpool_scale(pool, -2, WPOOL_GRACEFUL), WPOOL_OK);
        gate_open(&g);
        await_gone(pool, 1);
        CHECK_EQ(wpool_scale(pool, 1, modes[m]), WPOOL_OK);
        test_await_running(pool, 0);
        CHECK_EQ(test_stats(pool).waiting, 7);
        test_destroy(pool);
        CHECK_EQ(g.count, 10);
    }
}

TEST(a_closed_pool_is_scaled_while_it_has_jobs) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        gate g = GATE_CLOSED;
        wpool *pool = test_pool_of(1, 0);
        for (int i = 0; i < 10; i++)
            CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
        gate_await_count(&g, 1);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        CHECK_EQ(wpool_scale(pool, 3, modes[m]), WPOOL_OK);
        gate_await_count(&g, 4);
        CHECK_EQ(wpool_scale(pool, -2, modes[m]), WPOOL_OK);
        gate_open(&g);
        test_drain(pool);
        await_gone(pool, 2);
        CHECK_EQ(test_stats(pool).succeeded, 10);
        CHECK_EQ(wpool_scale(pool, 1, modes[m]), WPOOL_OK);
        test_destroy(pool);
    }
}

TEST(a_stopped_pool_is_scaled) {
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        stay stays[3];
        atomic_uint count = 0;
        wpool *pool = numbered_pool_of(3);
        stays_begin(pool, stays, 3);
        count_submit(pool, &count, 20);
        CHECK_EQ(wpool_scale(pool, -1, WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(wpool_stop(pool, modes[m]), WPOOL_OK); /* all, those that leave as well */
        CHECK_EQ(wpool_scale(pool, 2, WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
        stays_end(stays, 3);
        test_drain(pool);
        await_gone(pool, 1);
        CHECK_EQ(count_told(stays, 3), modes[m] == WPOOL_HOT ? 3 : 0);
        CHECK_EQ(test_stats(pool).discarded, 20);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&count), 0);
    }
}

TEST(a_pool_that_was_shut_down_is_scaled) {
    NEEDS_WORKERS();
    wpool *pool = pool_of(2);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_scale(pool, 3, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_scale(pool, -4, WPOOL_HOT), WPOOL_OK);
    await_gone(pool, 1);
    test_destroy(pool);
}

static void drain_pool(void *arg) { test_drain((wpool *)arg); }

TEST(drain_waits_for_those_that_leave) {
    NEEDS_WORKERS();
    stay stays[3];
    helper drainer;
    wpool *pool = numbered_pool_of(3);
    stays_begin(pool, stays, 3);
    CHECK_EQ(wpool_scale(pool, -2, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_NOW), WPOOL_TIMEOUT);
    helper_start(&drainer, drain_pool, pool);
    for (int i = 0; i < 3; i++) {
        helper_await_sleep(&drainer);
        CHECK(!atomic_load(&drainer.is_finished));
        gate_open(&stays[i].door);
    }
    helper_join(&drainer);
    await_gone(pool, 1);
    test_destroy(pool);
}

static void open_when_asleep(void *arg) {
    test_let_others_run();
    stays_end((stay *)arg, 3);
}

TEST(destroy_waits_for_those_that_leave) {
    NEEDS_WORKERS();
    for (int round = 0; round < ROUNDS / 5; round++) {
        const surroundings before = surroundings_now();
        memory used = {0};
        const wpool_allocator allocator = memory_allocator(&used);
        stay stays[3];
        atomic_uint count = 0;
        helper opener;
        wpool *pool = numbered_pool((wpool_config){.workers = 3, .allocator = &allocator});
        stays_begin(pool, stays, 3);
        count_submit(pool, &count, 50);
        CHECK_EQ(wpool_scale(pool, -2, modes[round % 2]), WPOOL_OK);
        if (round % 3 == 1) CHECK_EQ(wpool_scale(pool, 2, WPOOL_GRACEFUL), WPOOL_OK);
        if (round % 3 == 2) CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        helper_start(&opener, open_when_asleep, stays);
        test_destroy(pool);
        helper_join(&opener);
        CHECK_EQ(atomic_load(&count), 50);
        memory_check_empty(&used);
        surroundings_check(before);
    }
}

/* ---- storms ---- */

enum { UPPER = 6 };

typedef struct storm {
    wpool *pool;
    uint64_t seed;
    attendance a;
    atomic_uint accepted, ran; /* of the jobs that count */
    atomic_uint refused;
    bool has_nested; /* jobs inside of others */
    atomic_bool is_over;
} storm;

/* Scales at random, and is refused now and then. */
static void scale_at_random(void *arg) {
    storm *s = (storm *)arg;
    while (!atomic_load(&s->is_over)) {
        const wpool_mode mode = modes[test_choose(s->seed, 2)];
        wpool_status status;
        switch (test_choose(s->seed, 3)) {
        case 0:
            status = wpool_scale(s->pool, (int)test_choose(s->seed, 2 * UPPER + 1) - UPPER, mode);
            CHECK(status == WPOOL_OK || status == WPOOL_INVALID || status == WPOOL_NO_THREAD);
            break;
        case 1:
            status = wpool_scale_to(s->pool, 1 + (unsigned)test_choose(s->seed, UPPER), mode);
            CHECK(status == WPOOL_OK || status == WPOOL_NO_THREAD);
            break;
        default:
            status = wpool_worker_stop(s->pool, (unsigned)test_choose(s->seed, UPPER), mode, NULL);
            CHECK(status == WPOOL_OK || status == WPOOL_INVALID || status == WPOOL_ALREADY ||
                  status == WPOOL_UNKNOWN);
        }
        atomic_fetch_add(&s->refused, status != WPOOL_OK);
        if (test_choose(s->seed, 4) == 0) sched_yield();
    }
}

static void watch_limits(void *arg) {
    storm *s = (storm *)arg;
    while (!atomic_load(&s->is_over)) {
        wpool_worker_info infos[UPPER + 1];
        const wpool_stats_snapshot now = test_stats(s->pool);
        const size_t n = wpool_workers(s->pool, infos, UPPER + 1);
        CHECK(now.workers >= 1);
        CHECK(now.workers + now.workers_leaving <= UPPER);
        CHECK(n >= 1);
        CHECK(n <= UPPER);
        if (!s->has_nested) CHECK(now.running <= UPPER);
        for (size_t i = 0; i < n; i++) {
            CHECK(infos[i].worker < UPPER && (s->has_nested || infos[i].running <= 1));
            CHECK(i == 0 || infos[i].worker > infos[i - 1].worker);
        }
    }
}

static int storm_job(void *arg, wpool_job *job) {
    storm *s = (storm *)arg;
    CHECK(atomic_load((atomic_bool *)wpool_worker_state(job)));
    if (atomic_fetch_add(&s->ran, 1) % 16 == 0) sched_yield();
    return wpool_cancelled(job) ? 7 : 0;
}

/* Submits one more, and waits for it. */
static int storm_parent_job(void *arg, wpool_job *job) {
    storm *s = (storm *)arg;
    wpool_id id;
    CHECK_EQ(wpool_submit(s->pool, storm_job, s, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(s->pool, storm_job, s, &id), WPOOL_OK);
    atomic_fetch_add(&s->accepted, 2);
    CHECK_EQ(wpool_wait(s->pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return storm_job(s, job);
}

static void submit_at_random(void *arg) {
    storm *s = (storm *)arg;
    for (int i = 0; i < STEPS; i++) {
        void *args[5] = {s, s, s, s, s};
        wpool_job job;
        wpool_id id;
        atomic_fetch_add(&s->accepted, 1);
        switch (test_choose(s->seed, 6)) {
        case 0:
            CHECK_EQ(wpool_submit(s->pool, storm_job, s, &id), WPOOL_OK);
            CHECK_EQ(wpool_wait(s->pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
            break;
        case 1:
            wpool_job_init(&job, storm_job, s);
            CHECK_EQ(wpool_submit_job(s->pool, &job, NULL), WPOOL_OK);
            CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
            break;
        case 2:
            atomic_fetch_add(&s->accepted, 4);
            CHECK_EQ(wpool_submit_many(s->pool, storm_job, args, 5, NULL), 5);
            break;
        case 3:
            CHECK_EQ(wpool_submit(s->pool, storm_parent_job, s, NULL), WPOOL_OK);
            break;
        default:
            CHECK_EQ(wpool_submit(s->pool, storm_job, s, NULL), WPOOL_OK);
        }
    }
}

static void run_storm(wpool_config config, void (*load)(void *)) {
    enum { SCALERS = 3, LOADERS = 3 };
    const surroundings before = surroundings_now();
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    storm s = {.seed = test_seed(), .a = {.most = UPPER}, .has_nested = load == submit_at_random};
    helper scalers[SCALERS], loaders[LOADERS], watcher;
    config.workers = 3;
    config.min_workers = 1;
    config.max_workers = UPPER;
    config.hooks = (wpool_hooks){.worker_start = come, .worker_exit = go, .user = &s.a};
    config.allocator = &allocator;
    s.pool = pool_from(config);
    helper_start(&watcher, watch_limits, &s);
    for (int i = 0; i < SCALERS; i++)
        helper_start(&scalers[i], scale_at_random, &s);
    for (int i = 0; i < LOADERS; i++)
        helper_start(&loaders[i], load, &s);
    for (int i = 0; i < LOADERS; i++)
        helper_join(&loaders[i]);
    test_drain(s.pool);
    CHECK_EQ(atomic_load(&s.ran), atomic_load(&s.accepted));
    atomic_store(&s.is_over, true);
    for (int i = 0; i < SCALERS; i++)
        helper_join(&scalers[i]);
    helper_join(&watcher);
    config = pool_config(s.pool);
    config.scaling.jobs_per_worker = UINT_MAX; /* none comes by itself any more */
    CHECK_EQ(wpool_configure(s.pool, &config), WPOOL_OK);
    const unsigned workers = test_stats(s.pool).workers;
    await_gone(s.pool, workers);
    check_runs_at_once(s.pool, workers);
    test_destroy(s.pool);
    CHECK_EQ(atomic_load(&s.a.come), atomic_load(&s.a.gone));
    memory_check_empty(&used);
    surroundings_check(before);
    printf("%u workers came and went, %u calls were refused\n", atomic_load(&s.a.come),
           atomic_load(&s.refused));
}

TEST(a_storm_of_scaling_loses_no_job) {
    NEEDS_WORKERS();
    run_storm((wpool_config){.queue_capacity = 0}, submit_at_random);
}

TEST(a_storm_of_scaling_loses_no_job_of_a_small_pool) {
    NEEDS_WORKERS();
    run_storm((wpool_config){.queue_capacity = 2}, submit_at_random);
}

TEST(a_storm_of_scaling_loses_no_job_of_an_unbuffered_pool) {
    NEEDS_WORKERS();
    run_storm((wpool_config){.queue_capacity = WPOOL_UNBUFFERED}, submit_at_random);
}

TEST(a_storm_of_scaling_loses_no_job_where_any_job_may_help) {
    NEEDS_WORKERS();
    run_storm((wpool_config){.help = WPOOL_HELP_ANY}, submit_at_random);
}

static int add_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    (void)job;
    for (size_t i = begin; i < end; i++)
        atomic_fetch_add((_Atomic(uint64_t) *)arg, i);
    return 0;
}

typedef struct fib {
    wpool_job job;
    unsigned n;
    uint64_t value;
} fib;

static int fib_job(void *arg, wpool_job *self) {
    fib *f = (fib *)arg, a = {.n = f->n - 1}, b = {.n = f->n - 2};
    f->value = f->n;
    if (f->n < 2) return 0;
    wpool_fork(self, &a.job, fib_job, &a);
    fib_job(&b, self);
    if (wpool_unfork(self, &a.job)) fib_job(&a, self);
    f->value = a.value + b.value;
    return 0;
}

/* A loop in a job ends early when the job's worker is told to. */
static int loop_job(void *arg, wpool_job *job) {
    storm *s = (storm *)arg;
    _Atomic(uint64_t) sum = 0;
    const wpool_status status = wpool_for(s->pool, 0, 500, 3, add_body, &sum);
    if (status == WPOOL_OK) CHECK_EQ(atomic_load(&sum), 500 * 499 / 2);
    if (status != WPOOL_OK) CHECK(status == WPOOL_CANCELLED && wpool_cancelled(job));
    return storm_job(s, job);
}

static void loop_at_random(void *arg) {
    storm *s = (storm *)arg;
    for (int i = 0; i < STEPS / 10; i++) {
        _Atomic(uint64_t) sum = 0;
        wpool_job job;
        fib f = {.n = 12};
        switch (test_choose(s->seed, 3)) {
        case 0:
            CHECK_EQ(wpool_for(s->pool, 0, 1000, 7, add_body, &sum), WPOOL_OK);
            CHECK_EQ(atomic_load(&sum), 1000 * 999 / 2);
            break;
        case 1:
            wpool_job_init(&job, fib_job, &f);
            CHECK_EQ(wpool_submit_job(s->pool, &job, NULL), WPOOL_OK);
            CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
            CHECK_EQ(f.value, 144);
            break;
        default:
            atomic_fetch_add(&s->accepted, 1);
            CHECK_EQ(wpool_submit(s->pool, loop_job, s, NULL), WPOOL_OK);
        }
    }
}

TEST(loops_and_forks_are_complete_in_a_storm_of_scaling) {
    NEEDS_WORKERS();
    run_storm((wpool_config){.queue_capacity = 0}, loop_at_random);
}

static void take_and_submit(void *arg) {
    storm *s = (storm *)arg;
    for (int i = 0; i < STEPS; i++) {
        atomic_fetch_add(&s->accepted, 1);
        CHECK_EQ(wpool_submit(s->pool, storm_job, s, NULL), WPOOL_OK);
        CHECK_EQ(wpool_take(s->pool, WPOOL_FOREVER, NULL), WPOOL_OK);
    }
}

TEST(every_result_is_taken_in_a_storm_of_scaling) {
    NEEDS_WORKERS();
    run_storm((wpool_config){.results = true}, take_and_submit);
}

static int leave_job(void *arg, wpool_job *job) {
    storm_job(arg, job);
    pthread_exit(NULL);
    return 0;
}

static void leave_at_random(void *arg) {
    storm *s = (storm *)arg;
    for (int i = 0; i < STEPS / 5; i++) {
        atomic_fetch_add(&s->accepted, 1);
        CHECK_EQ(wpool_submit(s->pool, test_choose(s->seed, 4) ? storm_job : leave_job, s, NULL),
                 WPOOL_OK);
    }
}

TEST(jobs_leave_their_threads_in_a_storm_of_scaling) {
    NEEDS_WORKERS();
    run_storm((wpool_config){.queue_capacity = 0}, leave_at_random);
}
