/* api.h - what the tests of submitting, results and pools share, on top of pools.h: pools that hold
   their jobs back, jobs that keep their order, threads of the test that are seen to sleep, or to
   block in a submit

   Include it after wpool.h with WPOOL_IMPLEMENTATION. Each api_*_test.c is run twice; with
   TEST_INLINE test_config() asks for a pool without threads. */
#ifndef API_H
#define API_H

#include "pools.h"
#include <semaphore.h>
#include <sys/syscall.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* ---- pools ---- */

/* To start from, where pool_from cannot be used. */
TEST_HELPER wpool_config test_config(void) {
    return (wpool_config){.max_workers = POOL_IS_INLINE ? WPOOL_INLINE : 0};
}

TEST_HELPER wpool *test_pool(const wpool_config *config) {
    wpool *pool;
    CHECK_EQ(wpool_create(&pool, config), WPOOL_OK);
    CHECK(pool != NULL);
    return pool;
}

/* workers and queue_capacity as in wpool_config; nothing starts before wpool_start. */
TEST_HELPER wpool *test_pool_paused(unsigned workers, size_t queue_capacity) {
    return pool_from(
        (wpool_config){.workers = workers, .queue_capacity = queue_capacity, .start_paused = true});
}

TEST_HELPER wpool *test_pool_of(unsigned workers, size_t queue_capacity) {
    wpool *pool = test_pool_paused(workers, queue_capacity);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    return pool;
}

/* How many jobs run at once at most: the inline pool of TEST_INLINE has one runner. */
TEST_HELPER unsigned test_runners(unsigned workers) {
    return POOL_IS_INLINE && workers > 1 ? 1 : workers;
}

/* A snapshot; each one that a test takes adds up. */
TEST_HELPER wpool_stats_snapshot test_stats(wpool *pool) {
    const wpool_stats_snapshot s = pool_stats(pool);
    CHECK_EQ(s.accepted,
             s.waiting + s.running + s.succeeded + s.failed + s.cancelled + s.discarded);
    CHECK(s.waiting <= s.accepted && s.running <= s.accepted && s.succeeded <= s.accepted);
    CHECK(s.failed <= s.accepted && s.cancelled <= s.accepted && s.discarded <= s.accepted);
    CHECK(s.workers_idle <= s.workers);
    return s;
}

TEST_HELPER void test_start(wpool *pool) { CHECK_EQ(wpool_start(pool), WPOOL_OK); }

TEST_HELPER void test_drain(wpool *pool) { CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK); }

TEST_HELPER void test_destroy(wpool *pool) { CHECK_EQ(wpool_destroy(pool), WPOOL_OK); }

/* Until every worker sleeps for lack of work. */
TEST_HELPER void test_await_idle(wpool *pool) {
    for (;;) {
        wpool_stats_snapshot s = test_stats(pool);
        if (s.workers_idle == s.workers) return;
        sched_yield();
    }
}

TEST_HELPER void test_await_running(wpool *pool, uint64_t count) {
    while (test_stats(pool).running != count)
        sched_yield();
}

/* Gives everybody else plenty of opportunity to do what they must not do. */
TEST_HELPER void test_let_others_run(void) {
    for (int i = 0; i < 100; i++)
        sched_yield();
}

/* ---- groups and lanes: their memory is any, and nobody touches it afterwards ---- */

TEST_HELPER void group_begin(wpool_group *group, wpool_group *parent) {
    memset((void *)group, 0xA5, sizeof *group);
    CHECK_EQ(wpool_group_init(group, parent), WPOOL_OK);
}

TEST_HELPER void lane_begin_rated(wpool_lane *lane, wpool *pool, unsigned max_running,
                                  size_t max_waiting, wpool_rate rate) {
    memset((void *)lane, 0xA5, sizeof *lane);
    lane->max_running = max_running;
    lane->max_waiting = max_waiting;
    lane->rate = rate;
    CHECK_EQ(wpool_lane_init(lane, pool), WPOOL_OK);
}

TEST_HELPER void lane_begin(wpool_lane *lane, wpool *pool, unsigned max_running,
                            size_t max_waiting) {
    lane_begin_rated(lane, pool, max_running, max_waiting, (wpool_rate){0});
}

TEST_HELPER void lane_end(wpool_lane *lane) {
    CHECK_EQ(wpool_lane_destroy(lane), WPOOL_OK);
    memset((void *)lane, 0xA5, sizeof *lane);
}

/* Everything has ended in between. */
TEST_HELPER void lane_and_pool_end(wpool_lane *lane, wpool *pool) {
    test_drain(pool);
    lane_end(lane);
    test_destroy(pool);
}

/* ---- jobs ---- */

/* Returns the int that arg points to. */
TEST_HELPER int return_job(void *arg, wpool_job *job) {
    (void)job;
    return *(int *)arg;
}

/* A job that fails as often as it is told to, at first. */
typedef struct trial {
    unsigned failures;
    atomic_uint starts;
} trial;

TEST_HELPER int trial_job(void *arg, wpool_job *job) {
    trial *t = (trial *)arg;
    const unsigned before = atomic_fetch_add(&t->starts, 1);
    CHECK_EQ(wpool_job_attempt(job), before + 1);
    return before < t->failures ? 8 : 0;
}

TEST_HELPER void trial_await(trial *t, unsigned starts) {
    while (atomic_load(&t->starts) < starts)
        sched_yield();
    CHECK_EQ(atomic_load(&t->starts), starts);
}

/* A job that says that it runs and ends when it gets a permit: hold_job with a hold as argument. */
typedef struct hold {
    gate running;
    sem_t permits;
} hold;

#define HOLD_EMPTY \
    { .running = GATE_CLOSED }

TEST_HELPER void hold_init(hold *h) { CHECK_EQ(sem_init(&h->permits, 0, 0), 0); }

TEST_HELPER void hold_take(hold *h) {
    while (sem_wait(&h->permits) != 0)
        continue;
}

TEST_HELPER void hold_release(hold *h, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        sem_post(&h->permits);
}

TEST_HELPER int hold_job(void *arg, wpool_job *job) {
    hold *h = (hold *)arg;
    (void)job;
    gate_count_up(&h->running);
    hold_take(h);
    return 0;
}

/* All workers of the pool are busy with hold_job when this returns. */
TEST_HELPER void hold_workers(hold *h, wpool *pool, unsigned workers) {
    hold_init(h);
    for (unsigned i = 0; i < workers; i++)
        CHECK_EQ(wpool_submit(pool, hold_job, h, NULL), WPOOL_OK);
    gate_await_count(&h->running, workers);
}

/* So many of them are in the lane when this returns; the first one runs. */
TEST_HELPER void hold_lane(hold *h, wpool *pool, wpool_lane *lane, unsigned count) {
    const wpool_options options = {.lane = lane};
    hold_init(h);
    for (unsigned i = 0; i < count; i++) {
        CHECK_EQ(wpool_submit_with(pool, hold_job, h, &options, NULL), WPOOL_OK);
        gate_await_count(&h->running, 1);
    }
}

/* For wpool_on_cancel: how often it was called, and where at last. bell_job waits at the door. */
typedef struct bell {
    gate door;
    pthread_t thread;
    unsigned count; /* not atomic: who called and who looks must be in an order */
    atomic_bool is_rung;
} bell;

TEST_HELPER void bell_ring(void *arg) {
    bell *b = (bell *)arg;
    b->thread = pthread_self();
    b->count++;
    atomic_store(&b->is_rung, true);
}

TEST_HELPER int bell_job(void *arg, wpool_job *job) {
    bell *b = (bell *)arg;
    CHECK_EQ(wpool_on_cancel(job, bell_ring, b), WPOOL_OK);
    return gate_job(&b->door, job);
}

/* Keeps in which order jobs ran, or ended; room for 2000. */
typedef struct order {
    atomic_uint count;
    unsigned numbers[2000];
} order;

TEST_HELPER void order_add(order *o, unsigned number) {
    unsigned i = atomic_fetch_add(&o->count, 1);
    CHECK(i < COUNT_OF(o->numbers));
    o->numbers[i] = number;
}

/* An argument for step_job: its place in the order. */
typedef struct step {
    order *order;
    unsigned number;
} step;

TEST_HELPER int step_job(void *arg, wpool_job *job) {
    step *s = (step *)arg;
    (void)job;
    order_add(s->order, s->number);
    return 0;
}

/* Hands in those from first to end - 1, each with its place as its number. options may be NULL. */
TEST_HELPER void steps_submit(wpool *pool, step *steps, order *o, unsigned first, unsigned end,
                              const wpool_options *options) {
    for (unsigned i = first; i < end; i++) {
        steps[i] = (step){o, i};
        CHECK_EQ(options ? wpool_submit_with(pool, step_job, &steps[i], options, NULL)
                         : wpool_submit(pool, step_job, &steps[i], NULL),
                 WPOOL_OK);
    }
}

/* The numbers were first, first + 1, ... and nothing else. */
TEST_HELPER void order_check(order *o, unsigned first, unsigned count) {
    CHECK_EQ(atomic_load(&o->count), count);
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(o->numbers[i], first + i);
}

/* The job does something to its pool, a small one, and has so many others run, which count in its
   argument. */
TEST_HELPER void test_from_inside(wpool_fn fn, unsigned expected) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        atomic_uint count = 0;
        wpool *pool = test_pool_of(workers, 5);
        CHECK_EQ(wpool_submit(pool, fn, &count, NULL), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(atomic_load(&count), expected);
        test_destroy(pool);
    }
}

/* ---- threads of the test ---- */

/* A number below count, at random: each thread has a sequence of its own, all from one seed. */
TEST_HELPER uint64_t test_choose(uint64_t seed, uint64_t count) {
    static atomic_uint thread_count;
    static _Thread_local uint64_t state;
    if (state == 0) {
        state = seed + atomic_fetch_add(&thread_count, 1);
        state = test_random(&state);
    }
    return test_random(&state) % count;
}

typedef struct helper {
    pthread_t id;
    void (*run)(void *);
    void *arg;
    atomic_int system_id;
    atomic_bool is_finished;
} helper;

TEST_HELPER void *helper_main(void *arg) {
    helper *t = (helper *)arg;
    atomic_store(&t->system_id, (int)syscall(SYS_gettid));
    t->run(t->arg);
    atomic_store(&t->is_finished, true);
    return NULL;
}

TEST_HELPER void helper_start(helper *t, void (*run)(void *), void *arg) {
    t->run = run;
    t->arg = arg;
    atomic_init(&t->system_id, 0);
    atomic_init(&t->is_finished, false);
    CHECK_EQ(pthread_create(&t->id, NULL, helper_main, t), 0);
}

TEST_HELPER void helper_join(helper *t) { CHECK_EQ(pthread_join(t->id, NULL), 0); }

/* Does the system say that the thread sleeps? */
TEST_HELPER bool helper_sleeps(helper *t) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(&t->system_id));
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[length] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' && name_end[2] == 'S';
}

/* Until the thread sleeps, seen several times in a row, or has finished. To make it likely that it
   is blocked where the test wants it; no test may fail because it is not. */
TEST_HELPER void helper_await_sleep(helper *t) {
    unsigned seen = 0;
    while (seen < 3 && !atomic_load(&t->is_finished)) {
        seen = helper_sleeps(t) ? seen + 1 : 0;
        sched_yield();
    }
}

/* ---- submits that block ---- */

/* One submit, by a helper. */
typedef struct attempt {
    wpool *pool;
    wpool_fn fn;
    void *arg;
    const wpool_options *options; /* NULL: by wpool_submit */
    atomic_uint *returned;        /* counts it, if there is one */
    wpool_status status;
    helper helper;
} attempt;

TEST_HELPER void attempt_submit(void *arg) {
    attempt *a = (attempt *)arg;
    a->status = a->options ? wpool_submit_with(a->pool, a->fn, a->arg, a->options, NULL)
                           : wpool_submit(a->pool, a->fn, a->arg, NULL);
    if (a->returned) atomic_fetch_add(a->returned, 1);
}

/* So many times this one: all of them block. */
TEST_HELPER void attempts_start(attempt *attempts, unsigned count, attempt one) {
    for (unsigned i = 0; i < count; i++) {
        attempts[i] = one;
        helper_start(&attempts[i].helper, attempt_submit, &attempts[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        helper_await_sleep(&attempts[i].helper);
        CHECK(!atomic_load(&attempts[i].helper.is_finished));
    }
}

TEST_HELPER void attempts_join(attempt *attempts, unsigned count, wpool_status expected) {
    for (unsigned i = 0; i < count; i++) {
        helper_join(&attempts[i].helper);
        CHECK_EQ(attempts[i].status, expected);
    }
}

#endif /* API_H */
