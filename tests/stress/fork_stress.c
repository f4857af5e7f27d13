/* The process forks while its pools are busy, at instants of all kinds: the child is told by every
   function, at once, that the pools are not its own, and can make one that is. The parent's books
   balance as if nothing had been. WPOOL_TEST_COUNT is the number of forks. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "stress.h"

enum { POOLS = 4, CLIENTS = 2, MANY = 1000 };

/* A pool of the parent, with clients that keep it busy. */
typedef struct busy {
    wpool *pool;
    atomic_uint client_count, ended;
    unsigned accepted[CLIENTS];
    wpool_job jobs[CLIENTS]; /* each is handed in again and again */
    _Atomic(wpool_id) id;
    atomic_bool is_over;
    pthread_t threads[CLIENTS];
    uint64_t seed;
} busy;

static busy pools[POOLS];

static void busy_done(void *arg, const wpool_result *result) {
    busy *b = (busy *)arg;
    (void)result;
    atomic_fetch_add(&b->ended, 1);
}

static int busy_job(void *arg, wpool_job *job) {
    (void)arg;
    return wpool_cancelled(job);
}

/* ---- the parent's clients ---- */

/* Hands its own job in; another one with an id, which others may look up. */
static void busy_submit(busy *b, unsigned client, uint64_t *random) {
    const wpool_options options = {.on_done = busy_done};
    wpool_id id;
    b->accepted[client]++;
    if (choose(random, 2)) {
        CHECK_EQ(wpool_submit_job(b->pool, &b->jobs[client], &options), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&b->jobs[client], WPOOL_FOREVER), WPOOL_OK);
    } else {
        CHECK_EQ(wpool_submit_with(b->pool, busy_job, b, &options, &id), WPOOL_OK);
        atomic_store(&b->id, id);
        if (choose(random, 2)) wpool_wait(b->pool, id, 1 + choose(random, 50000), NULL);
        wpool_forget(b->pool, id);
    }
}

static void *busy_client_main(void *arg) {
    busy *b = (busy *)arg;
    const unsigned client = atomic_fetch_add(&b->client_count, 1);
    uint64_t random = b->seed + client;
    wpool_job_init(&b->jobs[client], busy_job, b);
    while (!atomic_load(&b->is_over)) {
        busy_submit(b, client, &random);
        if (choose(&random, 16) == 0) pool_stats(b->pool);
        if (choose(&random, 16) == 0) wpool_drain(b->pool, 1 + choose(&random, 50000));
        if (choose(&random, 64) == 0 && client == 0) {
            wpool_pause(b->pool);
            wpool_start(b->pool);
        }
    }
    return NULL;
}

/* Returns when the clients are busy: AddressSanitizer does not survive a fork while threads begin. */
static void busy_begin(busy *b, wpool_config config, uint64_t seed) {
    b->pool = pool_from(config);
    b->seed = seed;
    for (int i = 0; i < CLIENTS; i++)
        b->threads[i] = thread_start(busy_client_main, b);
    while (atomic_load(&b->client_count) < CLIENTS || atomic_load(&b->ended) < MANY)
        sched_yield();
}

static void busy_end(busy *b) {
    unsigned accepted = 0;
    atomic_store(&b->is_over, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(b->threads[i], NULL);
    for (int i = 0; i < CLIENTS; i++) /* not in the order of the threads */
        accepted += b->accepted[i];
    CHECK_EQ(wpool_shutdown(b->pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_destroy(b->pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&b->ended), accepted);
}

/* ---- the child ---- */

static int never_job(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    test_end(TEST_FAILED, "%s", "a job ran in the child");
}

static void check_submits(wpool *pool) {
    const wpool_status other = WPOOL_OTHER_PROCESS;
    const wpool_options options = {.name = "child", .timeout = 1000};
    void *args[2] = {NULL, NULL};
    wpool_job job;
    wpool_id id = 77;
    wpool_status why = WPOOL_OK;
    wpool_job_init(&job, never_job, NULL);
    CHECK_EQ(wpool_submit(pool, never_job, NULL, NULL), other);
    CHECK_EQ(wpool_submit(pool, never_job, NULL, &id), other);
    CHECK_EQ(id, 0);
    CHECK_EQ(wpool_try_submit(pool, never_job, NULL, &id), other);
    CHECK_EQ(wpool_submit_with(pool, never_job, NULL, &options, &id), other);
    CHECK_EQ(wpool_submit_many(pool, never_job, args, 2, &why), 0);
    CHECK_EQ(why, other);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), other);
    CHECK_EQ(wpool_submit_job(pool, &job, &options), other);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
}

static void check_results(wpool *pool, wpool_id id) {
    const wpool_status other = WPOOL_OTHER_PROCESS;
    wpool_result result;
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), other);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), other);
    CHECK_EQ(wpool_forget(pool, id), other);
    CHECK_EQ(wpool_close_results(pool), other);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_UNKNOWN);
}

static int never_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    (void)begin, (void)end;
    return never_job(arg, job);
}

static int never_fold(size_t begin, size_t end, void *partial, void *arg, wpool_job *job) {
    (void)begin, (void)end, (void)partial;
    return never_job(arg, job);
}

static void never_combine(void *into, const void *from, void *arg) {
    (void)into, (void)from;
    never_job(arg, NULL);
}

static void check_loops(wpool *pool) {
    const wpool_status other = WPOOL_OTHER_PROCESS;
    int values[2] = {0, 0};
    CHECK_EQ(wpool_for(pool, 0, 10, 0, never_body, NULL), other);
    CHECK_EQ(wpool_reduce(pool, 0, 10, 0, never_fold, never_combine, NULL, values, sizeof *values),
             other);
    CHECK_EQ(wpool_map(pool, values, 2, sizeof *values, 0, never_job), other);
}

static void check_life(wpool *pool) {
    const wpool_status other = WPOOL_OTHER_PROCESS;
    wpool_stats_snapshot stats;
    wpool_info info;
    CHECK_EQ(wpool_stats(pool, &stats), other);
    CHECK_EQ(wpool_get_info(pool, &info), other);
    CHECK_EQ(wpool_start(pool), other);
    CHECK_EQ(wpool_pause(pool), other);
    CHECK_EQ(wpool_close(pool), other);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), other);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), other);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), other);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), other);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, WPOOL_NOW), other);
    CHECK_EQ(wpool_destroy(pool), other);
}

/* A job that was anywhere between its submit and its end when the process forked: it has finished,
   or is the parent's. */
static void check_job(wpool_job *job, const busy *b) {
    wpool_result result;
    wpool_status status = wpool_job_wait(job, WPOOL_FOREVER);
    CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN || status == WPOOL_OTHER_PROCESS);
    status = wpool_job_result(job, &result);
    CHECK(status == WPOOL_OK || status == WPOOL_EMPTY);
    CHECK(!wpool_cancelled(job));
    CHECK(wpool_job_pool(job) == b->pool || wpool_job_pool(job) == NULL);
    CHECK_EQ(wpool_job_id(job), 0);
    CHECK(wpool_job_attempt(job) <= 1);
    CHECK(wpool_worker_state(job) == NULL);
}

/* ThreadSanitizer allows no new threads after the fork of a process with threads. */
static void check_own_pool(uint64_t *random) {
#ifndef __SANITIZE_THREAD__
    atomic_uint count = 0;
    const unsigned wanted = choose(random, 20);
    wpool *pool = pool_of(1 + choose(random, 3));
    count_submit(pool, &count, wanted);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), wanted);
#else
    (void)random;
#endif
}

static _Noreturn void child_main(uint64_t random) {
    for (int i = 0; i < POOLS; i++) {
        busy *b = &pools[i];
        for (int j = 0; j < CLIENTS; j++)
            check_job(&b->jobs[j], b);
        check_submits(b->pool);
        check_loops(b->pool);
        check_results(b->pool, atomic_load(&b->id));
        check_life(b->pool);
    }
    if (choose(&random, 4) == 0) check_own_pool(&random);
    _exit(0);
}

/* ---- forks ---- */

static void fork_now(uint64_t random) {
    int status;
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) child_main(random);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int fork_job(void *arg, wpool_job *job) {
    (void)job;
    fork_now(*(const uint64_t *)arg);
    return 0;
}

/* By a thread of the test, or, seldom, by a job of a pool. */
static void fork_somewhere(uint64_t *random) {
    uint64_t seed = test_random(random);
    wpool_job job;
    for (volatile unsigned i = choose(random, 20000); i > 0; i--)
        continue;
    if (choose(random, 8)) {
        fork_now(seed);
    } else {
        wpool_job_init(&job, fork_job, &seed);
        const wpool_status status = wpool_submit_job(pools[choose(random, POOLS)].pool, &job, NULL);
        CHECK(status == WPOOL_OK || status == WPOOL_FULL);
        if (status == WPOOL_OK) CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    }
}

TEST(a_child_of_a_busy_process_is_told_that_the_pools_are_not_its_own) {
    uint64_t seed = test_seed();
    effort e = effort_begin(1);
    busy_begin(&pools[0], (wpool_config){.workers = 2}, test_random(&seed));
    busy_begin(&pools[1], (wpool_config){.workers = 1, .results = true}, test_random(&seed));
    busy_begin(&pools[2],
               (wpool_config){.workers = 2, .queue_capacity = 2, .when_full = WPOOL_DROP_OLDEST},
               test_random(&seed));
    busy_begin(&pools[3], (wpool_config){.max_workers = WPOOL_INLINE, .queue_capacity = 1},
               test_random(&seed));
    while (effort_next(&e, 1))
        fork_somewhere(&seed);
    for (int i = 0; i < POOLS; i++)
        busy_end(&pools[i]);
    effort_print(&e, "forks");
}
