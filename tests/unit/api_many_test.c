/* Submitting many jobs in one call: row B5. Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

#define MANY 1000u

static order ran;
static step steps[MANY];
static void *args[MANY];

static void args_init(void) {
    atomic_store(&ran.count, 0);
    for (unsigned i = 0; i < MANY; i++) {
        steps[i] = (step){&ran, i};
        args[i] = &steps[i];
    }
}

/* Each test of a policy runs twice: for plain jobs, and with their results to be taken. */
static wpool *pool_with(bool results, size_t capacity, wpool_when_full when_full, bool paused) {
    args_init();
    return pool_from((wpool_config){.workers = 1,
                                    .results = results,
                                    .queue_capacity = capacity,
                                    .when_full = when_full,
                                    .start_paused = paused});
}

/* All results are there, in the order in which the jobs ended: these numbers and no other. */
static void check_results(wpool *pool, unsigned first, unsigned count, wpool_state state) {
    for (unsigned i = first; i < first + count; i++) {
        wpool_result result;
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK_EQ(((step *)result.arg)->number, i);
        CHECK_EQ(result.state, state);
        CHECK(result.id != 0);
    }
}

static void check_no_more_results(wpool *pool) {
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_DONE);
}

TEST(many_jobs_that_fit_are_accepted_in_order) {
    for (int results = 0; results < 2; results++) {
        wpool_status why = WPOOL_FULL;
        wpool *pool = pool_with(results, MANY, WPOOL_REFUSE, true);
        CHECK_EQ(wpool_submit_many(pool, step_job, args, 50, &why), 50);
        CHECK_EQ(why, WPOOL_OK);
        CHECK_EQ(wpool_submit_many(pool, step_job, args + 50, 0, &why), 0);
        CHECK_EQ(why, WPOOL_OK);
        CHECK_EQ(test_stats(pool).waiting, 50);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        order_check(&ran, 0, 50);
        if (results) check_results(pool, 0, 50, WPOOL_STATE_SUCCEEDED);
        if (results) check_no_more_results(pool);
        test_destroy(pool);
    }
}

TEST(many_jobs_fill_the_queue_to_the_last_place) {
    for (int results = 0; results < 2; results++) {
        wpool_status why = WPOOL_FULL;
        wpool *pool = pool_with(results, MANY, WPOOL_REFUSE, true);
        CHECK_EQ(wpool_submit_many(pool, step_job, args, MANY, &why), MANY);
        CHECK_EQ(why, WPOOL_OK);
        CHECK_EQ(wpool_submit_many(pool, step_job, args, 1, &why), 0);
        CHECK_EQ(why, WPOOL_FULL);
        test_destroy(pool);
        CHECK_EQ(ran.count, MANY);
    }
}

TEST(no_jobs_are_none) {
    wpool_status why = WPOOL_FULL;
    wpool *pool = pool_with(false, 1, WPOOL_BLOCK, true);
    CHECK_EQ(wpool_submit_many(pool, step_job, NULL, 0, &why), 0);
    CHECK_EQ(why, WPOOL_OK);
    CHECK_EQ(wpool_submit_many(pool, step_job, NULL, 0, NULL), 0);
    CHECK_EQ(test_stats(pool).accepted, 0);
    test_destroy(pool);
}

TEST(refuse_accepts_the_first_jobs_and_says_full) {
    static const unsigned sizes[] = {1, 10, 63, 64, 65, 128, 300};
    for (size_t n = 0; n < COUNT_OF(sizes); n++)
        for (int results = 0; results < 2; results++) {
            unsigned size = sizes[n];
            wpool_status why = WPOOL_OK;
            wpool *pool = pool_with(results, size, WPOOL_REFUSE, true);
            CHECK_EQ(wpool_submit_many(pool, step_job, args, size + 25, &why), size);
            CHECK_EQ(why, WPOOL_FULL);
            CHECK_EQ(wpool_submit_many(pool, step_job, args, 25, NULL), 0);
            CHECK_EQ(test_stats(pool).accepted, size);
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
            test_drain(pool);
            if (results) check_results(pool, 0, size, WPOOL_STATE_SUCCEEDED);
            if (results) check_no_more_results(pool);
            test_destroy(pool);
            CHECK_EQ(ran.count, size);
        }
}

TEST(drop_oldest_accepts_all_and_keeps_the_last) {
    static const unsigned sizes[] = {1, 10, 64, 100};
    for (size_t n = 0; n < COUNT_OF(sizes); n++)
        for (int results = 0; results < 2; results++) {
            unsigned size = sizes[n];
            wpool_status why = WPOOL_FULL;
            wpool *pool = pool_with(results, size, WPOOL_DROP_OLDEST, true);
            CHECK_EQ(wpool_submit_many(pool, step_job, args, MANY, &why), MANY);
            CHECK_EQ(why, WPOOL_OK);
            CHECK_EQ(test_stats(pool).discarded, MANY - size);
            if (results) check_results(pool, 0, MANY - size, WPOOL_STATE_DISCARDED);
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
            test_drain(pool);
            if (results) check_results(pool, MANY - size, size, WPOOL_STATE_SUCCEEDED);
            test_destroy(pool);
            order_check(&ran, MANY - size, size);
        }
}

TEST(what_is_refused_leaves_no_record) {
    memory counts = {0};
    wpool_allocator allocator = memory_allocator(&counts);
    wpool_id id;
    args_init();
    wpool *pool = pool_from((wpool_config){.workers = 1,
                                           .queue_capacity = 10,
                                           .when_full = WPOOL_REFUSE,
                                           .results = true,
                                           .start_paused = true,
                                           .allocator = &allocator});
    CHECK_EQ(wpool_submit_many(pool, step_job, args, 100, NULL), 10);
    unsigned before = counts.asked;
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(wpool_submit_many(pool, step_job, args, 100, NULL), 0);
        CHECK_EQ(wpool_submit(pool, step_job, args[0], &id), WPOOL_FULL);
        CHECK_EQ(wpool_try_submit(pool, step_job, args[0], NULL), WPOOL_FULL);
    }
    CHECK(counts.asked <= before + 1);
    test_destroy(pool);
    memory_check_empty(&counts);
    CHECK_EQ(ran.count, 10);
}

static pthread_t submitter;
static atomic_uint here, elsewhere;

static int where_job(void *arg, wpool_job *job) {
    bool is_here = pthread_equal(pthread_self(), submitter);
    (void)arg;
    (void)job;
    atomic_fetch_add(is_here ? &here : &elsewhere, 1);
    return 0;
}

TEST(run_runs_what_does_not_fit_in_the_caller) {
    submitter = pthread_self();
    for (int results = 0; results < 2; results++) {
        wpool_status why = WPOOL_FULL;
        wpool *pool = pool_with(results, 10, WPOOL_RUN, true);
        here = elsewhere = 0;
        CHECK_EQ(wpool_submit_many(pool, where_job, args, 200, &why), 200);
        CHECK_EQ(why, WPOOL_OK);
        CHECK_EQ(here, 190);
        CHECK_EQ(elsewhere, 0);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(here + elsewhere, 200);
        if (test_stats(pool).workers > 0) CHECK_EQ(elsewhere, 10);
        for (int i = 0; i < 200 * results; i++)
            CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_OK);
        if (results) check_no_more_results(pool);
        test_destroy(pool);
    }
}

TEST(block_passes_more_jobs_than_there_are_places) {
    static const size_t sizes[] = {1, 7, 64, 100, WPOOL_UNBUFFERED};
    for (size_t n = 0; n < COUNT_OF(sizes); n++)
        for (int results = 0; results < 2; results++) {
            wpool_status why = WPOOL_FULL;
            wpool *pool = pool_with(results, sizes[n], WPOOL_BLOCK, false);
            CHECK_EQ(wpool_submit_many(pool, step_job, args, MANY, &why), MANY);
            CHECK_EQ(why, WPOOL_OK);
            test_drain(pool);
            if (results) {
                for (unsigned i = 0; i < MANY; i++)
                    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_OK);
                check_no_more_results(pool);
            }
            test_destroy(pool);
            order_check(&ran, 0, MANY);
        }
}

TEST(a_closed_pool_accepts_none_of_many) {
    for (int results = 0; results < 2; results++) {
        wpool_status why = WPOOL_OK;
        wpool *pool = pool_with(results, 10, WPOOL_BLOCK, true);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        CHECK_EQ(wpool_submit_many(pool, step_job, args, 5, &why), 0);
        CHECK_EQ(why, WPOOL_CLOSED);
        CHECK_EQ(wpool_submit_many(pool, step_job, args, 5, NULL), 0);
        test_destroy(pool);
        CHECK_EQ(ran.count, 0);
    }
}

typedef struct bulk {
    wpool *pool;
    size_t count, accepted;
    wpool_status why;
    uint64_t seed;
} bulk;

static void submit_bulk(void *arg) {
    bulk *b = (bulk *)arg;
    b->accepted = wpool_submit_many(b->pool, step_job, args, b->count, &b->why);
}

TEST(closing_sends_a_blocked_batch_home_with_what_was_accepted) {
    NEEDS_WORKERS();
    static const unsigned sizes[] = {1, 10, 64, 100};
    for (size_t n = 0; n < COUNT_OF(sizes); n++)
        for (int results = 0; results < 2; results++) {
            hold h = HOLD_EMPTY;
            helper thread;
            bulk b = {.pool = pool_with(results, sizes[n], WPOOL_BLOCK, false), .count = MANY};
            hold_workers(&h, b.pool, 1);
            helper_start(&thread, submit_bulk, &b);
            while (test_stats(b.pool).waiting < sizes[n])
                sched_yield();
            helper_await_sleep(&thread);
            CHECK_EQ(wpool_close(b.pool), WPOOL_OK);
            helper_join(&thread);
            CHECK_EQ(b.accepted, sizes[n]);
            CHECK_EQ(b.why, WPOOL_CLOSED);
            hold_release(&h, 1);
            test_drain(b.pool);
            if (results) CHECK_EQ(wpool_take(b.pool, WPOOL_FOREVER, NULL), WPOOL_OK);
            if (results) check_results(b.pool, 0, sizes[n], WPOOL_STATE_SUCCEEDED);
            test_destroy(b.pool);
            order_check(&ran, 0, sizes[n]);
        }
}

/* Random batches of args until 5000 jobs are in. */
static void submit_random(void *arg) {
    bulk *b = (bulk *)arg;
    while (b->accepted < 5000) {
        size_t n = (size_t)(test_random(&b->seed) % 200);
        if (n > 5000 - b->accepted) n = 5000 - b->accepted;
        CHECK_EQ(wpool_submit_many(b->pool, count_job, args, n, &b->why), n);
        CHECK_EQ(b->why, WPOOL_OK);
        b->accepted += n;
    }
}

TEST(several_threads_submit_batches) {
    NEEDS_THREADS();
    static const size_t sizes[] = {1, 16, 100, 1024};
    atomic_uint count = 0;
    uint64_t seed = test_seed();
    for (size_t n = 0; n < COUNT_OF(sizes); n++)
        for (int results = 0; results < 2; results++) {
            helper threads[3];
            bulk bulks[3];
            wpool *pool = pool_with(results, sizes[n], WPOOL_BLOCK, false);
            for (unsigned i = 0; i < MANY; i++)
                args[i] = &count;
            count = 0;
            for (int i = 0; i < 3; i++) {
                bulks[i] = (bulk){.pool = pool, .seed = test_random(&seed)};
                helper_start(&threads[i], submit_random, &bulks[i]);
            }
            for (int i = 0; i < 15000 * results; i++)
                CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_OK);
            for (int i = 0; i < 3; i++)
                helper_join(&threads[i]);
            if (results) check_no_more_results(pool);
            test_destroy(pool);
            CHECK_EQ(count, 15000);
        }
}

/* On the only worker: submits a batch to its own pool. */
static int submit_bulk_job(void *arg, wpool_job *job) {
    (void)job;
    submit_bulk(arg);
    return 0;
}

TEST(a_worker_submits_a_batch_to_its_own_full_pool) {
    static const struct {
        wpool_when_full when_full;
        wpool_status why;
        unsigned accepted, runs;
    } cases[] = {{WPOOL_BLOCK, WPOOL_OK, 200, 200},
                 {WPOOL_REFUSE, WPOOL_FULL, 10, 10},
                 {WPOOL_RUN, WPOOL_OK, 200, 200},
                 {WPOOL_DROP_OLDEST, WPOOL_OK, 200, 10}};
    for (size_t n = 0; n < COUNT_OF(cases); n++)
        for (int results = 0; results < 2; results++) {
            bulk b = {.pool = pool_with(results, 10, cases[n].when_full, false), .count = 200};
            CHECK_EQ(wpool_submit(b.pool, submit_bulk_job, &b, NULL), WPOOL_OK);
            test_drain(b.pool);
            CHECK_EQ(b.accepted, cases[n].accepted);
            CHECK_EQ(b.why, cases[n].why);
            CHECK_EQ(ran.count, cases[n].runs);
            CHECK_EQ(test_stats(b.pool).discarded, cases[n].accepted - cases[n].runs);
            test_destroy(b.pool);
        }
}
