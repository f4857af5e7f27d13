/* api.h - what the tests of submitting, results and pools share, on top of pools.h: pools that hold
   their jobs back, jobs that keep their order, threads of the test that are seen to sleep

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

/* ---- jobs ---- */

/* Returns the int that arg points to. */
TEST_HELPER int return_job(void *arg, wpool_job *job) {
    (void)job;
    return *(int *)arg;
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

/* The numbers were first, first + 1, ... and nothing else. */
TEST_HELPER void order_check(order *o, unsigned first, unsigned count) {
    CHECK_EQ(atomic_load(&o->count), count);
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(o->numbers[i], first + i);
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

#endif /* API_H */
