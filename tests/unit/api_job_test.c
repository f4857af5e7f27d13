/* Jobs that live in the caller's struct, ids, names and states: rows B6, B7 and D8, and what
   allocates nothing. Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

/* ---- B6: embedded jobs ---- */

typedef struct container {
    int before;
    wpool_job job;
    int answer;
    atomic_uint ran, done;
    wpool_result result;
} container;

static container *container_of(wpool_job *job) {
    return (container *)(void *)((char *)job - offsetof(container, job));
}

/* The job is not told its container by its argument. */
static int container_job(void *arg, wpool_job *job) {
    container *c = container_of(job);
    CHECK(arg == NULL);
    CHECK_EQ(c->before, 12345);
    CHECK_EQ(wpool_job_id(job), 0);
    CHECK_EQ(wpool_job_attempt(job), 1);
    CHECK(job->data == NULL);
    wpool_set_result(job, &c->answer);
    return (int)atomic_fetch_add(&c->ran, 1);
}

static container *container_new(void) {
    container *c = (container *)calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->before = 12345;
    wpool_job_init(&c->job, container_job, NULL);
    return c;
}

TEST(an_embedded_job_finds_its_container_and_has_the_result_in_it) {
    container *c = container_new();
    wpool *pool = test_pool_of(2, 0);
    CHECK_EQ(wpool_submit_job(pool, &c->job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&c->job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(c->ran, 1);
    CHECK_EQ(c->job.error, 0);
    CHECK(c->job.data == &c->answer);
    test_destroy(pool);
    free(c);
}

TEST(an_embedded_job_can_be_handed_in_again_once_it_has_finished) {
    container *c = container_new();
    wpool *pools[2] = {test_pool_of(2, 0), test_pool_of(1, 1)};
    for (int i = 0; i < 1000; i++) {
        wpool_result result;
        CHECK_EQ(wpool_submit_job(pools[i % 2], &c->job, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&c->job, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(wpool_job_result(&c->job, &result), WPOOL_OK);
        CHECK_EQ(result.error, i);
        CHECK_EQ(result.state, i ? WPOOL_STATE_FAILED : WPOOL_STATE_SUCCEEDED);
        CHECK_EQ(result.attempts, 1);
        CHECK(result.waited_ns >= 0 && result.ran_ns >= 0);
    }
    test_destroy(pools[0]);
    test_destroy(pools[1]);
    free(c);
}

TEST(an_embedded_job_in_the_queue_is_there_already) {
    container *c = container_new();
    wpool_result result;
    wpool *pool = test_pool_paused(2, 0);
    CHECK_EQ(wpool_job_wait(&c->job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_job_result(&c->job, &result), WPOOL_EMPTY);
    CHECK_EQ(wpool_submit_job(pool, &c->job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(pool, &c->job, NULL), WPOOL_ALREADY);
    CHECK_EQ(wpool_job_result(&c->job, &result), WPOOL_EMPTY);
    CHECK_EQ(wpool_job_wait(&c->job, WPOOL_NOW), WPOOL_TIMEOUT);
    CHECK_EQ(test_stats(pool).accepted, 1);
    test_destroy(pool);
    CHECK_EQ(c->ran, 1);
    free(c);
}

static int again_job(void *arg, wpool_job *job) {
    wpool_result result;
    CHECK_EQ(wpool_submit_job(wpool_job_pool(job), job, NULL), WPOOL_ALREADY);
    CHECK_EQ(wpool_job_result(job, &result), WPOOL_EMPTY);
    CHECK_EQ(wpool_job_wait(job, WPOOL_FOREVER), WPOOL_DEADLOCK);
    return count_job(arg, job);
}

TEST(an_embedded_job_that_runs_is_there_already) {
    atomic_uint count = 0;
    wpool_job job;
    wpool *pool = test_pool_of(2, 0);
    wpool_job_init(&job, again_job, &count);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    test_destroy(pool);
    CHECK_EQ(count, 1);
}

typedef struct contest {
    wpool *pool;
    wpool_job job;
    pthread_barrier_t line;
    atomic_uint ran, accepted;
} contest;

static void compete(void *arg) {
    contest *c = (contest *)arg;
    for (int i = 0; i < 500; i++) {
        pthread_barrier_wait(&c->line);
        wpool_status status = wpool_submit_job(c->pool, &c->job, NULL);
        CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
        if (status == WPOOL_OK) atomic_fetch_add(&c->accepted, 1);
        pthread_barrier_wait(&c->line);
    }
}

TEST(of_threads_that_hand_in_the_same_job_one_succeeds) {
    NEEDS_THREADS();
    contest c = {.pool = test_pool_paused(1, 0)};
    helper threads[3];
    wpool_job_init(&c.job, count_job, &c.ran);
    CHECK_EQ(pthread_barrier_init(&c.line, NULL, 4), 0);
    for (int i = 0; i < 3; i++)
        helper_start(&threads[i], compete, &c);
    for (unsigned i = 1; i <= 500; i++) {
        pthread_barrier_wait(&c.line); /* paused: it stays in the queue while they compete */
        pthread_barrier_wait(&c.line);
        CHECK_EQ(c.accepted, i);
        CHECK_EQ(wpool_start(c.pool), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&c.job, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(wpool_pause(c.pool), WPOOL_OK);
        test_await_idle(c.pool);
    }
    for (int i = 0; i < 3; i++)
        helper_join(&threads[i]);
    test_destroy(c.pool);
    CHECK_EQ(c.ran, 500);
}

static atomic_uint freed;

static void container_free(void *arg, const wpool_result *result) {
    container *c = (container *)arg;
    CHECK_EQ(result->id, 0);
    CHECK(result->data == &c->answer);
    memset(c, 0xFF, sizeof *c);
    free(c);
    atomic_fetch_add(&freed, 1);
}

static int container_by_arg_job(void *arg, wpool_job *job) {
    CHECK(arg == container_of(job));
    wpool_set_result(job, &((container *)arg)->answer);
    return 0;
}

TEST(on_done_may_free_the_container) {
    wpool_options options = {.on_done = container_free};
    wpool *pool = test_pool_of(3, 10);
    for (int i = 0; i < 2000; i++) {
        container *c = container_new();
        wpool_job_init(&c->job, container_by_arg_job, c);
        CHECK_EQ(wpool_submit_job(pool, &c->job, &options), WPOOL_OK);
    }
    test_drain(pool);
    CHECK_EQ(freed, 2000); /* draining waits for on_done as well */
    test_destroy(pool);
}

static void wait_when_done(void *arg, const wpool_result *result) {
    (void)result;
    gate_count_up((gate *)arg);
    gate_wait((gate *)arg);
}

static int nothing_job(void *arg, wpool_job *job) {
    (void)arg;
    (void)job;
    return 0;
}

TEST(draining_waits_for_on_done) {
    NEEDS_WORKERS();
    for (int is_embedded = 0; is_embedded < 2; is_embedded++) {
        gate g = GATE_CLOSED;
        wpool_options options = {.on_done = wait_when_done};
        wpool_job job;
        wpool *pool = test_pool_of(2, 0);
        wpool_job_init(&job, nothing_job, &g);
        if (is_embedded)
            CHECK_EQ(wpool_submit_job(pool, &job, &options), WPOOL_OK);
        else
            CHECK_EQ(wpool_submit_with(pool, nothing_job, &g, &options, NULL), WPOOL_OK);
        gate_await_count(&g, 1);
        CHECK_EQ(wpool_drain(pool, WPOOL_NOW), WPOOL_TIMEOUT);
        if (is_embedded) CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
        gate_open(&g);
        test_drain(pool);
        test_destroy(pool);
    }
}

static void hand_in_again(void *arg, const wpool_result *result) {
    static const wpool_options options = {.on_done = hand_in_again};
    container *c = (container *)arg;
    (void)result;
    if (atomic_fetch_add(&c->done, 1) < 99)
        CHECK_EQ(wpool_submit_job(c->job.pool, &c->job, &options), WPOOL_OK);
}

TEST(on_done_may_hand_the_job_in_again) {
    container *c = container_new();
    wpool_options options = {.on_done = hand_in_again};
    wpool *pool = test_pool_of(2, 1);
    wpool_job_init(&c->job, container_by_arg_job, c);
    CHECK_EQ(wpool_submit_job(pool, &c->job, &options), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(c->done, 100);
    CHECK_EQ(test_stats(pool).succeeded, 100);
    test_destroy(pool);
    free(c);
}

static void wait_for_job(void *arg) { CHECK_EQ(wpool_job_wait(arg, WPOOL_FOREVER), WPOOL_OK); }

TEST(any_number_of_threads_may_wait_for_an_embedded_job) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    helper threads[5];
    wpool_job job;
    hold_init(&h);
    wpool *pool = test_pool_of(1, 0);
    wpool_job_init(&job, hold_job, &h);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    for (int i = 0; i < 5; i++)
        helper_start(&threads[i], wait_for_job, &job);
    for (int i = 0; i < 5; i++)
        helper_await_sleep(&threads[i]);
    hold_release(&h, 1);
    for (int i = 0; i < 5; i++)
        helper_join(&threads[i]);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_NOW), WPOOL_OK);
    test_destroy(pool);
}

TEST(an_embedded_job_that_somebody_waits_for_is_there_already) {
    NEEDS_WORKERS();
    for (int is_running = 0; is_running < 2; is_running++) {
        hold h = HOLD_EMPTY;
        helper waiter;
        wpool_job job;
        hold_init(&h);
        wpool *pool = test_pool_paused(1, 0);
        wpool_job_init(&job, hold_job, &h);
        CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
        if (is_running) CHECK_EQ(wpool_start(pool), WPOOL_OK);
        gate_await_count(&h.running, (unsigned)is_running);
        helper_start(&waiter, wait_for_job, &job);
        helper_await_sleep(&waiter);
        CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_ALREADY);
        hold_release(&h, 1);
        if (!is_running) CHECK_EQ(wpool_start(pool), WPOOL_OK);
        helper_join(&waiter);
        test_destroy(pool);
        CHECK_EQ(h.running.count, 1);
    }
}

/* A submitter blocked at a full queue, whose job another thread waits for already. */
static void submit_container(void *arg) {
    container *c = (container *)arg;
    CHECK_EQ(wpool_submit_job(c->job.pool, &c->job, NULL), WPOOL_CLOSED);
}

static void wait_for_container(void *arg) {
    CHECK_EQ(wpool_job_wait(&((container *)arg)->job, WPOOL_FOREVER), WPOOL_UNKNOWN);
}

TEST(who_waits_for_a_job_that_is_then_not_accepted_is_woken) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    helper submitter, waiter;
    container *c = container_new();
    wpool *pool = test_pool_of(1, 1);
    hold_workers(&h, pool, 1);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    c->job.pool = pool;
    helper_start(&submitter, submit_container, c);
    helper_await_sleep(&submitter);
    helper_start(&waiter, wait_for_container, c);
    helper_await_sleep(&waiter);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    helper_join(&submitter);
    helper_join(&waiter);
    hold_release(&h, 2);
    test_destroy(pool);
    CHECK_EQ(c->ran, 0);
    free(c);
}

/* ---- what allocates nothing ---- */

TEST(plain_and_embedded_jobs_allocate_nothing) {
    memory counts = {0};
    wpool_allocator allocator = memory_allocator(&counts);
    wpool_options options = {.timeout = WPOOL_FOREVER};
    atomic_uint count = 0;
    void *args[50];
    wpool *pool =
        pool_from((wpool_config){.workers = 3, .queue_capacity = 100, .allocator = &allocator});
    unsigned before = counts.asked;
    CHECK(before > 0);
    for (int i = 0; i < 50; i++)
        args[i] = &count;
    for (int i = 0; i < 300; i++) {
        wpool_job job;
        wpool_job_init(&job, count_job, &count);
        CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit_many(pool, count_job, args, 50, NULL), 50);
        if (wpool_try_submit(pool, count_job, &count, NULL) != WPOOL_OK) count++;
        CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    }
    test_drain(pool);
    CHECK_EQ(count, 300 * 54);
    CHECK_EQ(counts.asked, before);
    test_destroy(pool);
    memory_check_empty(&counts);
}

TEST(records_of_delivered_jobs_are_used_again) {
    memory counts = {0};
    wpool_allocator allocator = memory_allocator(&counts);
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.workers = 2, .allocator = &allocator});
    unsigned before = counts.asked;
    for (int i = 0; i < 10000; i++) {
        wpool_id ids[20];
        int n = i % 20 + 1;
        for (int j = 0; j < n; j++)
            CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[j]), WPOOL_OK);
        for (int j = 0; j < n; j++)
            CHECK_EQ(j % 2 ? wpool_forget(pool, ids[j])
                           : wpool_wait(pool, ids[j], WPOOL_FOREVER, NULL),
                     WPOOL_OK);
    }
    /* of the forgotten ones up to the capacity may be queued at a time: a few chunks */
    CHECK(counts.asked <= before + 5);
    test_destroy(pool);
    memory_check_empty(&counts);
}

/* ---- B7: ids and names ---- */

static int compare_ids(const void *a, const void *b) {
    const wpool_id *x = (const wpool_id *)a, *y = (const wpool_id *)b;
    return *x < *y ? -1 : *x > *y;
}

TEST(ids_are_unique) {
    enum { COUNT = 200000, WINDOW = 300 };
    atomic_uint count = 0;
    wpool_id *ids = (wpool_id *)malloc(COUNT * sizeof *ids);
    CHECK(ids != NULL);
    wpool *pool = test_pool_of(2, 0);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[i]), WPOOL_OK);
        CHECK(ids[i] != 0);
        if (i >= WINDOW) CHECK_EQ(wpool_wait(pool, ids[i - WINDOW], WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    test_destroy(pool);
    CHECK_EQ(count, COUNT);
    qsort(ids, COUNT, sizeof *ids, compare_ids);
    for (int i = 1; i < COUNT; i++)
        CHECK(ids[i - 1] != ids[i]);
    free(ids);
}

static void check_unknown(wpool *pool, wpool_id id) {
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_UNKNOWN);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, NULL), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_forget(pool, id), WPOOL_UNKNOWN);
}

TEST(stale_ids_are_not_mistaken_for_newer_jobs) {
    enum { COUNT = 500 };
    static wpool_id stale[COUNT], fresh[COUNT];
    atomic_uint count = 0;
    wpool *pool = test_pool_of(2, 0);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &count, &stale[i]), WPOOL_OK);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(wpool_wait(pool, stale[i], WPOOL_FOREVER, NULL), WPOOL_OK);
    test_await_idle(pool);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &count, &fresh[i]), WPOOL_OK);
    for (int i = 0; i < COUNT; i++)
        check_unknown(pool, stale[i]);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(wpool_job_state(pool, fresh[i]), WPOOL_STATE_WAITING);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(wpool_wait(pool, fresh[i], WPOOL_FOREVER, NULL), WPOOL_OK);
    test_destroy(pool);
    CHECK_EQ(count, 2 * COUNT);
}

TEST(ids_of_another_pool_are_unknown) {
    enum { COUNT = 200 };
    wpool_id own[COUNT], foreign[COUNT];
    atomic_uint count = 0;
    wpool *one = test_pool_paused(1, 0), *other = test_pool_paused(1, 0);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(wpool_submit(one, count_job, &count, &own[i]), WPOOL_OK);
        CHECK_EQ(wpool_submit(other, count_job, &count, &foreign[i]), WPOOL_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        check_unknown(one, foreign[i]);
        check_unknown(other, own[i]);
    }
    test_destroy(one);
    test_destroy(other);
    CHECK_EQ(count, 2 * COUNT);
}

TEST(invented_ids_are_unknown) {
    atomic_uint count = 0;
    wpool_id id;
    uint64_t random = test_seed();
    wpool *pool = test_pool_paused(1, 0);
    check_unknown(pool, 0);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
    check_unknown(pool, 0);
    for (int bit = 0; bit < 64; bit++)
        check_unknown(pool, id ^ UINT64_C(1) << bit);
    for (int i = 0; i < 10000; i++) {
        wpool_id invented = test_random(&random);
        if (invented != id) check_unknown(pool, invented);
        check_unknown(pool, (id & ~UINT64_C(0xFFFFFFFF)) | (uint32_t)(id + 1 + (uint32_t)i));
    }
    check_unknown(pool, UINT64_MAX);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_WAITING);
    test_destroy(pool);
}

static int know_id_job(void *arg, wpool_job *job) {
    wpool_id id = *(wpool_id *)arg;
    CHECK(id != 0 && wpool_job_id(job) == id);
    CHECK_EQ(wpool_job_state(wpool_job_pool(job), id), WPOOL_STATE_RUNNING);
    return 0;
}

TEST(the_id_is_known_before_the_job_can_run) {
    wpool *pool = test_pool_of(2, 4);
    for (int i = 0; i < 2000; i++) {
        wpool_id id = 0;
        CHECK_EQ(wpool_submit(pool, know_id_job, &id, &id), WPOOL_OK);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    test_destroy(pool);
}

static void name_done(void *arg, const wpool_result *result) {
    CHECK_STR(result->name, "resize");
    atomic_fetch_add((atomic_uint *)arg, 1);
}

TEST(results_carry_the_name_of_the_job) {
    atomic_uint count = 0;
    wpool_options options = {.name = "resize", .on_done = name_done};
    wpool_result result;
    wpool_id id;
    wpool_job job;
    wpool *pool = pool_from((wpool_config){.workers = 2, .results = true});
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_STR(result.name, "resize");
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), WPOOL_OK);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_STR(result.name, "resize");
    wpool_job_init(&job, count_job, &count);
    CHECK_EQ(wpool_submit_job(pool, &job, &options), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK);
    CHECK_STR(result.name, "resize");
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK(result.name == NULL);
    test_destroy(pool);
    CHECK_EQ(count, 7);
}

/* ---- D8: states ---- */

TEST(a_job_waits_runs_and_succeeds_or_fails) {
    static int errors[] = {0, 9};
    wpool *pool = test_pool_paused(2, 0);
    wpool_id ids[2];
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(wpool_submit(pool, return_job, &errors[i], &ids[i]), WPOOL_OK);
        CHECK_EQ(wpool_job_state(pool, ids[i]), WPOOL_STATE_WAITING);
    }
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(wpool_job_state(pool, ids[0]), WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(wpool_job_state(pool, ids[1]), WPOOL_STATE_FAILED);
    for (int i = 0; i < 2; i++) {
        wpool_result result;
        CHECK_EQ(wpool_wait(pool, ids[i], WPOOL_NOW, &result), WPOOL_OK);
        CHECK_EQ(result.state, i ? WPOOL_STATE_FAILED : WPOOL_STATE_SUCCEEDED);
        check_unknown(pool, ids[i]);
    }
    test_destroy(pool);
}

TEST(a_job_that_runs_is_seen_running) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    wpool_id id;
    hold_init(&h);
    wpool *pool = test_pool_of(1, 0);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, &id), WPOOL_OK);
    gate_await_count(&h.running, 1);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_RUNNING);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, NULL), WPOOL_TIMEOUT);
    hold_release(&h, 1);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    test_destroy(pool);
}

TEST(a_job_that_never_starts_is_discarded) {
    atomic_uint count = 0;
    wpool_id id;
    wpool_result result;
    wpool *pool = test_pool_paused(1, 0);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_DISCARDED);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
    CHECK_EQ(result.error, WPOOL_CANCELLED);
    CHECK_EQ(result.worker, WPOOL_INLINE);
    CHECK_EQ(result.attempts, 0);
    check_unknown(pool, id);
    test_destroy(pool);
    CHECK_EQ(count, 0);
}

/* Stops its own pool hot, and ends as arg says. */
static int stop_job(void *arg, wpool_job *job) {
    CHECK(!wpool_cancelled(job));
    CHECK_EQ(wpool_stop(wpool_job_pool(job), WPOOL_HOT), WPOOL_OK);
    CHECK(wpool_cancelled(job));
    return *(int *)arg;
}

TEST(a_job_that_was_told_to_end_is_cancelled_or_has_succeeded_nonetheless) {
    static int errors[] = {0, 6};
    for (int i = 0; i < 2; i++) {
        wpool_id id;
        wpool_result result;
        wpool *pool = test_pool_of(1, 0);
        CHECK_EQ(wpool_submit(pool, stop_job, &errors[i], &id), WPOOL_OK);
        test_drain(pool);
        wpool_state expected = i ? WPOOL_STATE_CANCELLED : WPOOL_STATE_SUCCEEDED;
        CHECK_EQ(wpool_job_state(pool, id), expected);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, &result), WPOOL_OK);
        CHECK_EQ(result.state, expected);
        CHECK_EQ(result.error, errors[i]);
        CHECK_EQ(test_stats(pool).cancelled, (unsigned)i);
        test_destroy(pool);
    }
}
