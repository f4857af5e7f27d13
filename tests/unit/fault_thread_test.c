/* Threads run out: at the n-th one while a pool is made, for every n; when a worker must be
   replaced; and for real, by the system's limit. */
#include "few_threads.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "pools.h"
#include <sys/prctl.h>
#include <sys/resource.h>

static atomic_uint started, ended; /* as the hooks saw it */

static void *on_begin(void *user, unsigned worker) {
    (void)worker;
    atomic_fetch_add(&started, 1);
    return user;
}

static void on_end(void *user, unsigned worker, void *state) {
    (void)worker;
    CHECK(state == user);
    atomic_fetch_add(&ended, 1);
}

static wpool_config hooked(unsigned workers) {
    return (wpool_config){.workers = workers, .hooks = {on_begin, on_end, &started}};
}

static void check_attendance(unsigned count) {
    CHECK_EQ(atomic_load(&started), count);
    CHECK_EQ(atomic_load(&ended), count);
}

/* ---- while the pool is made ---- */

static void check_no_thread(unsigned workers, bool is_paused) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    const surroundings before = surroundings_now();
    for (unsigned n = 1; n <= workers; n++) {
        wpool *pool = (wpool *)&used;
        wpool_config config = hooked(workers);
        config.allocator = &allocator;
        config.start_paused = is_paused;
        threads_deny(n, n);
        CHECK_EQ(wpool_create(&pool, &config), WPOOL_NO_THREAD);
        CHECK(pool == NULL);
        CHECK_EQ(atomic_load(&threads_asked), n);
        memory_check_empty(&used);
    }
    check_attendance(workers * (workers - 1) / 2);
    surroundings_check(before);
}

TEST(no_thread_no_pool_whichever_worker_it_was) {
    check_no_thread(1, false);
    check_no_thread(8, false);
}

TEST(no_thread_no_paused_pool) { check_no_thread(5, true); }

TEST(threads_that_come_back_make_a_pool_again) {
    wpool *pool;
    const wpool_config config = {.workers = 2};
    atomic_uint count = 0;
    threads_deny(2, 2);
    CHECK_EQ(wpool_create(&pool, &config), WPOOL_NO_THREAD);
    CHECK_EQ(wpool_create(&pool, &config), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 1);
}

/* ---- when a worker must be replaced ---- */

/* Jobs that leave their threads, with others between: all end, nothing is left. */
static void check_leavers(unsigned workers, unsigned leaver_count) {
    const surroundings before = surroundings_now();
    atomic_uint count = 0;
    task *leavers = calloc(leaver_count, sizeof *leavers);
    wpool *pool = pool_from(hooked(workers));
    for (unsigned i = 0; i < leaver_count; i++) {
        leavers[i].leaves = true;
        task_submit(pool, &leavers[i], NULL);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
        if (i % 3 == 0) CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    }
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), leaver_count);
    for (unsigned i = 0; i < leaver_count; i++) {
        CHECK_EQ(atomic_load(&leavers[i].done_count), 1);
        CHECK_EQ(atomic_load(&leavers[i].state), WPOOL_STATE_FAILED);
    }
    surroundings_await_threads(before.threads + workers);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_attendance(workers + leaver_count);
    surroundings_check(before);
    free(leavers);
}

TEST(a_worker_that_cannot_be_replaced_goes_on_itself) {
    threads_deny(2, UINT32_MAX);
    check_leavers(1, 1);
}

TEST(a_worker_that_can_never_be_replaced_goes_on_and_on) {
    threads_deny(3, UINT32_MAX);
    check_leavers(2, 20);
}

TEST(a_worker_that_could_not_be_replaced_can_be_later) {
    threads_deny(2, 2);
    check_leavers(1, 5);
}

TEST(a_worker_that_could_not_be_replaced_twice_can_be_later) {
    threads_deny(3, 4);
    check_leavers(1, 10);
}

TEST(workers_that_are_replaced_now_and_then) {
    threads_deny(4, 7);
    check_leavers(2, 50);
}

/* ---- a nested job leaves, and there is no other thread ---- */

static int nest_job(void *arg, wpool_job *job) {
    wpool_id id;
    task_submit(wpool_job_pool(job), (task *)arg, &id);
    wpool_wait(wpool_job_pool(job), id, WPOOL_FOREVER, NULL);
    CHECK(false); /* it has left the thread */
    return 0;
}

TEST(a_worker_that_nested_jobs_left_is_replaced_as_soon_as_it_can_be) {
    threads_deny(2, 6);
    const surroundings before = surroundings_now();
    task leavers[10] = {{0}};
    atomic_uint count = 0;
    wpool *pool = pool_from(hooked(1));
    for (int i = 0; i < 10; i++) {
        leavers[i].leaves = true;
        CHECK_EQ(wpool_submit(pool, nest_job, &leavers[i], NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
        CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(atomic_load(&leavers[i].done_count), 1);
        CHECK_EQ(atomic_load(&count), i + 1);
    }
    CHECK_EQ(pool_stats(pool).failed, 20);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_attendance(11);
    surroundings_check(before);
}

/* ---- for real: a user who may have so many processes and threads ---- */

/* Become a user of its own, for whom the system counts. */
static void become_limited(rlim_t threads) {
    const uid_t nobody = 61234;
    struct rlimit limit = {threads, RLIM_INFINITY};
    if (geteuid() == 0) {
        if (setgid(nobody) != 0 || setuid(nobody) != 0) SKIP("cannot become another user");
        prctl(PR_SET_DUMPABLE, 1); /* or the leak checker could not look */
    } else {
        SKIP("not root: this user's other processes count, too");
    }
    getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = threads;
    CHECK_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
}

static void lift_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
}

TEST(the_system_denies_threads_for_real) {
    const surroundings before = surroundings_now();
    const unsigned own = before.threads - 2; /* "." and ".." */
    unsigned denied = 0;
    become_limited(own);
    for (unsigned free_threads = 0; free_threads <= 4; free_threads++) {
        wpool *pool;
        struct rlimit limit;
        wpool_config config = hooked(4);
        getrlimit(RLIMIT_NPROC, &limit);
        limit.rlim_cur = own + free_threads;
        CHECK_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
        const wpool_status status = wpool_create(&pool, &config);
        CHECK_EQ(status, free_threads < 4 ? WPOOL_NO_THREAD : WPOOL_OK);
        denied += status == WPOOL_NO_THREAD;
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        surroundings_check(before);
    }
    lift_limit();
    CHECK_EQ(denied, 4);
    check_attendance(0 + 1 + 2 + 3 + 4);
}

TEST(the_system_denies_a_replacement_for_real) {
    const surroundings before = surroundings_now();
    const unsigned own = before.threads - 2;
    atomic_uint count = 0;
    task leaver = {.leaves = true};
    become_limited(own + 1);
    wpool *pool = pool_from(hooked(1));
    CHECK_EQ(wpool_submit(pool, task_job, &leaver, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 1);
    CHECK_EQ(pool_stats(pool).failed, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_attendance(2);
    surroundings_check(before);
    lift_limit();
}
