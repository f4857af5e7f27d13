/* Threads run out: at the n-th one while a pool is made or gets more workers, for every n; when
   somebody is to keep the time; when a worker must be replaced; and for real, by the system's
   limit. */
#include "few_threads.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"
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
    return (wpool_config){
        .workers = workers,
        .hooks = {.worker_start = on_begin, .worker_exit = on_end, .user = &started}};
}

static void attendance_begin(void) {
    atomic_store(&started, 0);
    atomic_store(&ended, 0);
}

static void check_attendance(unsigned count) {
    CHECK_EQ(atomic_load(&started), count);
    CHECK_EQ(atomic_load(&ended), count);
}

/* ---- while the pool is made ---- */

/* A pool that is made of so many threads. */
static void check_no_thread(wpool_config config, unsigned threads) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    const surroundings before = surroundings_now();
    config.allocator = &allocator;
    attendance_begin();
    for (unsigned n = 1; n <= threads; n++) {
        wpool *pool = (wpool *)&used;
        threads_deny(n, n);
        CHECK_EQ(wpool_create(&pool, &config), WPOOL_NO_THREAD);
        CHECK(pool == NULL);
        CHECK_EQ(atomic_load(&threads_asked), n);
        memory_check_empty(&used);
    }
    check_attendance(threads * (threads - 1) / 2);
    surroundings_check(before);
}

TEST(no_thread_no_pool_whichever_worker_it_was) {
    check_no_thread(hooked(1), 1);
    check_no_thread(hooked(8), 8);
}

TEST(no_thread_no_paused_pool) {
    wpool_config config = hooked(5);
    config.start_paused = true;
    check_no_thread(config, 5);
}

static void on_stalled(void *user, wpool *pool) {
    (void)user, (void)pool;
    CHECK(false); /* there is no pool that could be */
}

/* It needs a thread more: the one that keeps the time. */
TEST(no_thread_no_pool_that_has_a_time) {
    wpool_config config = hooked(2);
    config.max_workers = 3;
    check_no_thread(config, 3);
    config = hooked(2);
    config.rate.per_second = 10;
    check_no_thread(config, 3);
    config = hooked(2);
    config.retry.attempts = 2;
    check_no_thread(config, 3);
    config = hooked(2);
    config.hooks.stalled = on_stalled;
    check_no_thread(config, 3);
}

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

/* ---- while workers are added ---- */

static wpool_status more_by_scale(wpool *pool, unsigned workers) {
    return wpool_scale_to(pool, workers, WPOOL_GRACEFUL);
}

static wpool_status more_by_configure(wpool *pool, unsigned workers) {
    wpool_config config = pool_config(pool);
    config.workers = workers;
    config.min_workers = 0; /* as many as workers says */
    config.queue_capacity = 3;
    config.when_full = WPOOL_REFUSE;
    return wpool_configure(pool, &config);
}

/* Two workers, of which so many are busy, are to become more; whichever thread is denied. */
static void check_no_more(wpool_status (*more)(wpool *, unsigned), unsigned added, unsigned busy) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    const surroundings before = surroundings_now();
    gate door = GATE_CLOSED;
    atomic_uint count = 0;
    wpool_config config = hooked(2);
    config.allocator = &allocator;
    config.min_workers = 1;
    wpool *pool = pool_from(config);
    for (unsigned i = 0; i < busy; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, &door, NULL), WPOOL_OK);
    gate_await_count(&door, busy);
    for (unsigned n = 1; n <= added; n++) {
        threads_deny(n, n);
        CHECK_EQ(more(pool, 2 + added), WPOOL_NO_THREAD);
        CHECK_EQ(atomic_load(&threads_asked), n);
        CHECK_EQ(pool_stats(pool).workers, 2);
        config = pool_config(pool);
        CHECK(config.workers == 2 && config.min_workers == 1 && config.max_workers == 0);
        CHECK(config.queue_capacity == 1024 && config.when_full == WPOOL_BLOCK);
        while (wpool_workers(pool, NULL, 0) != 2 || pool_stats(pool).workers_leaving > 0)
            sched_yield(); /* those that were started leave */
        surroundings_await_threads(before.threads + 2);
        count_submit(pool, &count, 10);
    }
    threads_deny(0, 0);
    CHECK_EQ(more(pool, 2 + added), WPOOL_OK);
    CHECK_EQ(pool_stats(pool).workers, 2 + added);
    gate_open(&door);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 10 * added);
    check_attendance(2 + added * (added - 1) / 2 + added);
    memory_check_empty(&used);
    surroundings_check(before);
}

TEST(no_thread_no_more_workers_whichever_it_was) {
    for (unsigned busy = 0; busy <= 2; busy++) {
        attendance_begin();
        check_no_more(more_by_scale, 5, busy);
    }
}

TEST(no_thread_no_other_config) {
    for (unsigned busy = 0; busy <= 2; busy++) {
        attendance_begin();
        check_no_more(more_by_configure, 5, busy);
    }
}

/* The numbers of the workers as bits, when there are so many and none leaves. */
static unsigned await_numbers(wpool *pool, unsigned count) {
    wpool_worker_info infos[8];
    unsigned numbers = 0;
    while (wpool_workers(pool, infos, COUNT_OF(infos)) != count ||
           pool_stats(pool).workers_leaving > 0)
        sched_yield();
    for (unsigned i = 0; i < count; i++)
        numbers |= 1u << infos[i].worker;
    return numbers;
}

/* One of four has left, and so many of the others are busy: the first newcomer has its number. */
static void check_the_same(wpool_status (*more)(wpool *, unsigned), unsigned gone, unsigned busy,
                           unsigned denied) {
    gate door = GATE_CLOSED;
    atomic_uint count = 0;
    attendance_begin();
    wpool *pool = pool_from(hooked(4));
    CHECK_EQ(wpool_worker_stop(pool, gone, WPOOL_GRACEFUL, NULL), WPOOL_OK);
    const unsigned numbers = await_numbers(pool, 3);
    CHECK_EQ(numbers, 15 - (1u << gone));
    for (unsigned i = 0; i < busy; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, &door, NULL), WPOOL_OK);
    gate_await_count(&door, busy);
    threads_deny(denied, denied);
    CHECK_EQ(more(pool, 6), WPOOL_NO_THREAD);
    CHECK_EQ(await_numbers(pool, 3), numbers);
    CHECK_EQ(pool_config(pool).workers, 3);
    count_submit(pool, &count, 10);
    gate_open(&door);
    test_drain(pool);
    CHECK_EQ(atomic_load(&count), 10);
    test_destroy(pool);
    check_attendance(4 + denied - 1);
}

TEST(when_no_more_workers_come_those_that_were_there_stay) {
    static wpool_status (*const mores[])(wpool *, unsigned) = {more_by_scale, more_by_configure};
    for (size_t i = 0; i < COUNT_OF(mores); i++)
        for (unsigned gone = 0; gone < 4; gone++)
            for (unsigned busy = 0; busy <= 3; busy++)
                for (unsigned denied = 1; denied <= 3; denied++)
                    check_the_same(mores[i], gone, busy, denied);
}

static atomic_bool has_taken;

static int take_job(void *arg, wpool_job *job) {
    (void)arg;
    for (int i = 0; i < 2000; i++)
        CHECK_EQ(wpool_take(wpool_job_pool(job), WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    atomic_store(&has_taken, true);
    return 0;
}

/* It has perhaps seen the worker that is not there after all. */
TEST(the_only_worker_takes_and_no_other_comes) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .results = true});
    threads_deny(1, UINT32_MAX);
    CHECK_EQ(wpool_submit(pool, take_job, NULL, NULL), WPOOL_OK);
    while (!atomic_load(&has_taken))
        CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_NO_THREAD);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(fewer_workers_need_no_thread) {
    atomic_uint count = 0;
    wpool *pool = pool_from(hooked(5));
    threads_deny(1, UINT32_MAX);
    CHECK_EQ(wpool_scale(pool, -2, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(more_by_configure(pool, 1), WPOOL_OK);
    CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_NO_THREAD);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 1);
    check_attendance(5);
}

/* ---- nobody to keep the time ---- */

static bool is_same(const wpool_config *a, const wpool_config *b) {
    return a->workers == b->workers && a->min_workers == b->min_workers &&
           a->max_workers == b->max_workers && a->queue_capacity == b->queue_capacity &&
           a->when_full == b->when_full && a->rate.burst == b->rate.burst;
}

/* A change that takes so many threads, the first of which keeps the time; whichever is denied. */
static void check_no_change(wpool_status (*change)(wpool *), unsigned threads) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    const surroundings around = surroundings_now();
    for (unsigned n = 1; n <= threads; n++) {
        atomic_uint count = 0;
        wpool_config config = hooked(2);
        attendance_begin();
        config.allocator = &allocator;
        wpool *pool = pool_from(config);
        const wpool_config before = pool_config(pool);
        threads_deny(n, n);
        CHECK_EQ(change(pool), WPOOL_NO_THREAD);
        CHECK_EQ(atomic_load(&threads_asked), n);
        config = pool_config(pool);
        CHECK(is_same(&config, &before));
        while (wpool_workers(pool, NULL, 0) != 2)
            sched_yield(); /* those that were started leave */
        surroundings_await_threads(around.threads + 2 + (n > 1)); /* the one with the time stays */
        count_submit(pool, &count, 10);
        test_drain(pool);
        CHECK_EQ(atomic_load(&count), 10);
        threads_deny(0, 0);
        CHECK_EQ(change(pool), WPOOL_OK);
        config = pool_config(pool);
        CHECK(!is_same(&config, &before));
        test_destroy(pool);
        check_attendance(2 + (n > 1 ? n - 2 : 0) + threads - 1);
        memory_check_empty(&used);
        surroundings_check(around);
    }
}

static wpool_status change_rate(wpool *pool) {
    wpool_config config = pool_config(pool);
    config.rate = (wpool_rate){.per_second = 1e6, .burst = 2};
    config.queue_capacity = 3;
    return wpool_configure(pool, &config);
}

static wpool_status change_range(wpool *pool) {
    wpool_config config = pool_config(pool);
    config.min_workers = 1;
    config.max_workers = 2;
    config.when_full = WPOOL_REFUSE;
    return wpool_configure(pool, &config);
}

static wpool_status change_workers_and_range(wpool *pool) {
    wpool_config config = pool_config(pool);
    config.workers = 4;
    config.max_workers = 5;
    return wpool_configure(pool, &config);
}

TEST(no_thread_no_rate_and_no_range_of_workers) {
    check_no_change(change_rate, 1);
    check_no_change(change_range, 1);
    check_no_change(change_workers_and_range, 3);
}

TEST(no_thread_no_job_that_has_a_time) {
    static const wpool_options options[] = {{.delay = 1, .on_done = task_done},
                                            {.period = 1, .on_done = task_done},
                                            {.retry.attempts = 2, .on_done = task_done},
                                            {.run_limit = WPOOL_SECONDS(99), .on_done = task_done}};
    const surroundings before = surroundings_now();
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        atomic_uint count = 0;
        task t = {0}, own = {0};
        wpool_job job;
        wpool_id id = 77;
        wpool_config config = hooked(2);
        config.allocator = &allocator;
        wpool *pool = pool_from(config);
        wpool_job_init(&job, task_job, &own);
        threads_deny(1, 3);
        CHECK_EQ(wpool_submit_with(pool, task_job, &t, &options[i], &id), WPOOL_NO_THREAD);
        CHECK_EQ(id, 0);
        CHECK_EQ(wpool_submit_with(pool, task_job, &t, &options[i], NULL), WPOOL_NO_THREAD);
        CHECK_EQ(wpool_submit_job(pool, &job, &options[i]), WPOOL_NO_THREAD);
        CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
        CHECK_EQ(atomic_load(&threads_asked), 3);
        CHECK_EQ(test_stats(pool).accepted, 0);
        count_submit(pool, &count, 10);
        test_drain(pool);
        CHECK_EQ(atomic_load(&count), 10);
        CHECK_EQ(wpool_submit_job(pool, &job, &options[i]), WPOOL_OK);
        CHECK_EQ(wpool_submit_with(pool, task_job, &t, &options[i], &id), WPOOL_OK);
        CHECK_EQ(atomic_load(&threads_asked), 4);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&t.done_count), 1);
        CHECK_EQ(atomic_load(&own.done_count), 1);
        CHECK(options[i].period || atomic_load(&t.run_count) == 1);
        memory_check_empty(&used);
        surroundings_check(before);
    }
}

TEST(no_thread_no_lane_with_a_rate) {
    const surroundings before = surroundings_now();
    atomic_uint count = 0;
    wpool_lane plain = {.max_running = 2};
    wpool_lane rated = {.max_running = 3, .max_waiting = 5, .rate = {.per_second = 1e6}};
    const wpool_options options[] = {{.lane = &plain}, {.lane = &rated}};
    wpool *pool = pool_of(2);
    threads_deny(1, 2);
    CHECK_EQ(wpool_lane_init(&rated, pool), WPOOL_NO_THREAD);
    CHECK_EQ(wpool_lane_init(&rated, pool), WPOOL_NO_THREAD);
    CHECK_EQ(wpool_lane_destroy(&rated), WPOOL_INVALID); /* it is none */
    CHECK(rated.max_running == 3 && rated.max_waiting == 5 && rated.rate.per_second > 0);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options[1], NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_lane_init(&plain, pool), WPOOL_OK);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options[0], NULL), WPOOL_OK);
    CHECK_EQ(atomic_load(&threads_asked), 2);
    CHECK_EQ(wpool_lane_init(&rated, pool), WPOOL_OK);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options[1], NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(wpool_lane_destroy(&plain), WPOOL_OK);
    CHECK_EQ(wpool_lane_destroy(&rated), WPOOL_OK);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 2);
    surroundings_check(before);
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

TEST(a_worker_that_is_to_leave_needs_no_replacement) {
    const surroundings before = surroundings_now();
    gate door = GATE_CLOSED;
    task leaver = {.door = &door, .leaves = true};
    wpool_worker_info infos[2];
    wpool *pool = pool_from(hooked(2));
    threads_deny(1, UINT32_MAX);
    task_submit(pool, &leaver, NULL);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_workers(pool, infos, 2), 2);
    const unsigned busy = infos[0].activity == WPOOL_BUSY ? 0 : 1;
    CHECK_EQ(wpool_worker_stop(pool, busy, WPOOL_GRACEFUL, NULL), WPOOL_OK);
    gate_open(&door);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    surroundings_await_threads(before.threads + 1);
    CHECK_EQ(atomic_load(&threads_asked), 0);
    CHECK_EQ(atomic_load(&leaver.state), WPOOL_STATE_FAILED);
    CHECK_EQ(wpool_workers(pool, infos, 2), 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    check_attendance(2);
    surroundings_check(before);
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
