/* pace.h - jobs that have a time, handed in in each way: they keep when they ran and how they ended

   Include it after wpool.h with WPOOL_IMPLEMENTATION, which comes after sleepers.h. */
#ifndef PACE_H
#define PACE_H

#include "api.h"
#include "sleepers.h"
#include "ways.h"

/* ---- a pool, inline or not, in which time passes ---- */

/* An inline pool keeps the time while somebody waits: a thread of the test drains it. */
typedef struct scene {
    wpool *pool;
    bool is_inline;
    atomic_bool is_over;
    helper driver;
} scene;

TEST_HELPER void scene_drive(void *arg) {
    scene *s = (scene *)arg;
    while (!atomic_load(&s->is_over)) {
        test_drain(s->pool);
        sched_yield();
    }
}

TEST_HELPER wpool *scene_pool(bool is_inline, wpool_config config) {
    if (is_inline) config.max_workers = WPOOL_INLINE, config.workers = 0;
    return test_pool(&config);
}

TEST_HELPER void scene_begin(scene *s, bool is_inline, wpool_config config) {
    s->is_inline = is_inline;
    atomic_init(&s->is_over, false);
    s->pool = scene_pool(is_inline, config);
    if (is_inline) helper_start(&s->driver, scene_drive, s);
}

/* Nobody but a call of the test keeps the time of an inline pool from now on. Everything has ended
   before. */
TEST_HELPER void scene_release(scene *s) {
    if (s->is_inline && !atomic_exchange(&s->is_over, true)) helper_join(&s->driver);
}

TEST_HELPER void scene_end(scene *s) {
    scene_release(s);
    test_destroy(s->pool);
}

/* A snapshot that adds up. */
TEST_HELPER wpool_stats_snapshot pace_stats(wpool *pool) {
    const wpool_stats_snapshot s = test_stats(pool);
    CHECK(s.delayed <= s.waiting);
    return s;
}

/* ---- jobs ---- */

/* All zero: runs once and succeeds. */
typedef struct paced {
    int error; /* what it returns, after so many successes, so many times (0: always) */
    unsigned successes, failures;
    int64_t lasts; /* so far it moves the clock */
    gate *door;
    bool leaves; /* where it fails, by pthread_exit */
    bool is_patient;

    wpool *pool;
    int way;
    wpool_id id;
    wpool_job job;

    atomic_uint run_count, done_count;
    atomic_bool is_running;
    int64_t submitted, began[64];
    unsigned attempts[64]; /* as wpool_job_attempt said */
    int64_t ended;
    wpool_result result; /* as on_done got it */
} paced;

TEST_HELPER int paced_job(void *arg, wpool_job *job) {
    paced *p = (paced *)arg;
    const unsigned run = atomic_load(&p->run_count), place = run % COUNT_OF(p->began);
    const bool fails =
        p->error && run >= p->successes && (p->failures == 0 || run - p->successes < p->failures);
    CHECK(!atomic_exchange(&p->is_running, true));
    CHECK_EQ(atomic_load(&p->done_count), 0);
    p->began[place] = test_clock_now();
    p->attempts[place] = wpool_job_attempt(job);
    atomic_fetch_add(&p->run_count, 1);
    if (p->door) gate_job(p->door, job);
    while (p->is_patient && !wpool_cancelled(job))
        sched_yield();
    if (p->lasts) test_clock_advance(p->lasts);
    atomic_store(&p->is_running, false);
    if (fails && p->leaves) pthread_exit(NULL);
    return fails ? p->error : 0;
}

TEST_HELPER void paced_done(void *arg, const wpool_result *result) {
    paced *p = (paced *)arg;
    CHECK(result->arg == arg);
    CHECK(!atomic_load(&p->is_running));
    p->result = *result;
    p->ended = test_clock_now();
    CHECK_EQ(atomic_fetch_add(&p->done_count, 1), 0);
}

TEST_HELPER wpool_status paced_try(wpool *pool, paced *p, int way, const wpool_options *options) {
    wpool_options own = options ? *options : (wpool_options){0};
    own.on_done = paced_done;
    p->pool = pool;
    p->way = way;
    p->submitted = test_clock_now();
    return way_submit(pool, way, paced_job, p, &own, &p->job, &p->id);
}

/* options may be NULL; its on_done is ours. */
TEST_HELPER void paced_submit(wpool *pool, paced *p, int way, const wpool_options *options) {
    CHECK_EQ(paced_try(pool, p, way, options), WPOOL_OK);
}

TEST_HELPER void paced_await_runs(paced *p, unsigned count) {
    AWAIT(atomic_load(&p->run_count) >= count);
    CHECK_EQ(atomic_load(&p->run_count), count);
}

/* It has ended: how, and after so many runs. */
TEST_HELPER void paced_check(paced *p, wpool_state state, int error, unsigned runs) {
    CHECK_EQ(atomic_load(&p->done_count), 1);
    CHECK_EQ(p->result.state, state);
    CHECK_EQ(p->result.error, error);
    CHECK_EQ(atomic_load(&p->run_count), runs);
    CHECK_EQ(p->result.attempts, runs);
}

TEST_HELPER void paced_await_done(paced *p) { AWAIT(atomic_load(&p->done_count) != 0); }

/* It has not ended, nor does it run: it waits for its time, in this state as far as anybody can
   ask. */
TEST_HELPER void paced_check_waits(paced *p, wpool_state state, unsigned runs) {
    wpool_result result;
    CHECK_EQ(atomic_load(&p->done_count), 0);
    CHECK_EQ(atomic_load(&p->run_count), runs);
    if (p->way == WITH_ID) AWAIT(wpool_job_state(p->pool, p->id) == state); /* counted before */
    if (p->way == OWNED) CHECK_EQ(wpool_job_result(&p->job, &result), WPOOL_EMPTY);
}

/* Does nothing wait or run, in one snapshot? A job that is tried again changes from one to the other.
   */
TEST_HELPER bool pace_is_over(wpool *pool) {
    const wpool_stats_snapshot stats = pace_stats(pool);
    return stats.waiting + stats.running == 0;
}

/* Until so many jobs of the pool wait for their time. */
TEST_HELPER void pace_await_delayed(wpool *pool, uint64_t count) {
    AWAIT(pace_stats(pool).delayed == count);
}

#endif /* PACE_H */
