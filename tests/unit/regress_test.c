/* What users of the best-known C thread pools ran into, one test for each: it does not happen here.
   (C-Thread-Pool of Pithikos, and at the end threadpool of mbrossard.) */
#include "few_threads.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "pools.h"

TEST(destroying_one_pool_does_not_stop_the_other) {
    atomic_uint count = 0;
    wpool *a = pool_of(2), *b = pool_of(2);
    CHECK_EQ(wpool_destroy(a), WPOOL_OK);
    count_submit(b, &count, 100);
    CHECK_EQ(wpool_drain(b, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 100);
    CHECK_EQ(wpool_destroy(b), WPOOL_OK);
}

TEST(resuming_one_pool_does_not_resume_the_other) {
    atomic_uint count_a = 0, count_b = 0;
    wpool *a = pool_of(2), *b = pool_of(2);
    CHECK_EQ(wpool_pause(a), WPOOL_OK);
    CHECK_EQ(wpool_pause(b), WPOOL_OK);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(wpool_submit(a, count_job, &count_a, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(b, count_job, &count_b, NULL), WPOOL_OK);
    }
    CHECK_EQ(wpool_start(b), WPOOL_OK);
    CHECK_EQ(wpool_drain(b, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count_b), 100);
    CHECK_EQ(atomic_load(&count_a), 0);
    CHECK_EQ(pool_stats(a).waiting, 100);
    CHECK_EQ(wpool_destroy(b), WPOOL_OK);
    CHECK_EQ(wpool_destroy(a), WPOOL_OK);
    CHECK_EQ(atomic_load(&count_a), 100);
}

TEST(destroying_a_pool_with_a_thousand_jobs_runs_all_of_them) {
    atomic_uint count = 0;
    gate door = GATE_CLOSED;
    wpool *pool = pool_of(4);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, &door, NULL), WPOOL_OK);
    gate_await_count(&door, 4);
    count_submit(pool, &count, 1000);
    CHECK_EQ(pool_stats(pool).waiting, 1000);
    gate_open(&door);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 1000);
}

/* Waits for the pool, for a job of its own, and for a job submitted before it. */
static int wait_inside_job(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    wpool_id id;
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_submit(pool, count_job, arg, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

TEST(waiting_inside_of_a_job_does_not_hang) {
    atomic_uint count = 0;
    wpool *pool = pool_of(2);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(wpool_submit(pool, wait_inside_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 100);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(making_a_pool_does_not_hang_when_a_thread_cannot_be_made) {
    const wpool_config config = {.workers = 4};
    const surroundings before = surroundings_now();
    for (unsigned threads = 0; threads < 4; threads++) {
        wpool *pool;
        threads_deny(threads + 1, UINT32_MAX);
        CHECK_EQ(wpool_create(&pool, &config), WPOOL_NO_THREAD);
        CHECK(pool == NULL);
    }
    surroundings_check(before);
}

TEST(two_jobs_that_leave_their_threads_do_not_kill_a_pool_of_two) {
    atomic_uint count = 0;
    task leavers[2] = {{.leaves = true}, {.leaves = true}};
    wpool *pool = pool_of(2);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(wpool_submit(pool, task_job, &leavers[i], NULL), WPOOL_OK);
    count_submit(pool, &count, 100);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 100);
    CHECK_EQ(pool_stats(pool).failed, 2);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* Nothing is atomic here: ThreadSanitizer sees whether the pool orders what it must. */
static int plain_increment(void *arg, wpool_job *job) {
    (void)job;
    ++*(unsigned *)arg;
    return 0;
}

TEST(making_submitting_waiting_and_destroying_have_no_data_race) {
    for (int round = 0; round < 100; round++) {
        unsigned numbers[64] = {0};
        wpool_id ids[64];
        wpool *pool = pool_of(4);
        for (int i = 0; i < 64; i++)
            CHECK_EQ(wpool_submit(pool, plain_increment, &numbers[i], i % 2 ? &ids[i] : NULL),
                     WPOOL_OK);
        for (int i = 1; i < 64; i += 2) {
            CHECK_EQ(wpool_wait(pool, ids[i], WPOOL_FOREVER, NULL), WPOOL_OK);
            numbers[i]++;
        }
        if (round % 2) CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
        if (round % 2 == 0) CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        for (int i = 0; i < 64; i++)
            CHECK_EQ(numbers[i], i % 2 ? 2 : 1);
        if (round % 2) CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    }
}

TEST(it_compiles_as_cplusplus) {
    if (access("wpool.h", R_OK) != 0) SKIP("not started in the top folder");
    if (system("command -v c++ >/dev/null 2>&1") != 0) SKIP("no C++ compiler");
    CHECK_EQ(system("c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ "
                    "-I. -include wpool.h /dev/null"),
             0);
}

/* ---- threadpool of mbrossard ---- */

static atomic_uint argument_count;

static int run_argument(void *arg, wpool_job *job) { return count_job(*(atomic_uint **)arg, job); }

static void free_argument(void *arg, const wpool_result *result) {
    (void)result;
    free(arg);
    atomic_fetch_sub(&argument_count, 1);
}

TEST(destroying_right_after_submitting_runs_all_and_leaks_no_argument) {
    const wpool_options options = {.on_done = free_argument};
    atomic_uint count = 0;
    wpool *pool = pool_of(4);
    for (int i = 0; i < 64; i++) {
        atomic_uint **arg = malloc(sizeof *arg);
        *arg = &count;
        atomic_fetch_add(&argument_count, 1);
        CHECK_EQ(wpool_submit_with(pool, run_argument, arg, &options, NULL), WPOOL_OK);
    }
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 64);
    CHECK_EQ(atomic_load(&argument_count), 0);
}

TEST(destroying_after_workers_were_lost_runs_everything) {
    atomic_uint count = 0;
    task leavers[4] = {{0}};
    wpool *pool = pool_of(4);
    for (int i = 0; i < 4; i++) {
        leavers[i].leaves = true;
        CHECK_EQ(wpool_submit(pool, task_job, &leavers[i], NULL), WPOOL_OK);
    }
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    count_submit(pool, &count, 10);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 10);
}
