/* What takes too long to come about in a test, so that the pool's own words are set as if it had:
   ids that are used up, jobs nested as deeply as can be counted; and the check of the queue that
   WPOOL_DEBUG makes. */
#define WPOOL_DEBUG 1
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"

/* ---- ids ---- */

static wpool_id run_with_id(wpool *pool) {
    atomic_uint count = 0;
    wpool_id id;
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    test_drain(pool); /* the worker, too, has let go of the record */
    return id;
}

TEST(a_record_whose_ids_are_used_up_is_never_used_again) {
    wpool *pool = pool_of(1);
    wpool__record *record = wpool__table_at(&pool->table, (uint32_t)run_with_id(pool) - 1);
    const uint32_t last_generation = pool->table.first_generation - 1;
    atomic_store(&record->hold, (uint64_t)last_generation << 32);
    const wpool_id last = run_with_id(pool);
    CHECK_EQ(last, (uint64_t)last_generation << 32 | (record->index + 1));
    CHECK_EQ(wpool_job_state(pool, last), WPOOL_STATE_UNKNOWN);
    for (int i = 0; i < 300; i++)
        CHECK((uint32_t)run_with_id(pool) != (uint32_t)last);
    CHECK_EQ(wpool_wait(pool, last, WPOOL_NOW, NULL), WPOOL_UNKNOWN);
    test_destroy(pool);
}

/* ---- jobs inside of each other ---- */

/* As if so many jobs more ran inside of each other in this account, accepted past the queue. */
static void deepen(wpool *pool, wpool__account *account, uint64_t by) {
    atomic_fetch_add(&pool->watch.direct, by);
    atomic_fetch_add(&account->progress, by);
}

TEST(no_job_is_run_by_its_submitter_deeper_than_can_be_counted) {
    atomic_uint count = 0;
    wpool_id id = 1;
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 1, .when_full = WPOOL_RUN, .start_paused = true});
    wpool__account *account = wpool__watch_account(&pool->watch, 0);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    deepen(pool, account, WPOOL__FINISHED_ONE - 1);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_FULL);
    CHECK_EQ(id, 0);
    deepen(pool, account, (uint64_t)0 - 1); /* one less is still possible */
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 1);
    deepen(pool, account, 0 - (WPOOL__FINISHED_ONE - 2));
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 2);
}

static int wait_deep_job(void *arg, wpool_job *job) {
    wpool *pool = job->pool;
    wpool__account *account = wpool__watch_account(&pool->watch, 1);
    wpool_id id;
    CHECK_EQ(wpool_submit(pool, count_job, arg, &id), WPOOL_OK);
    deepen(pool, account, WPOOL__FINISHED_ONE - 2);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_NO_MEMORY);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_NO_MEMORY);
    deepen(pool, account, 0 - (WPOOL__FINISHED_ONE - 2));
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

TEST(no_job_waits_deeper_than_can_be_counted) {
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.workers = 1, .results = true});
    CHECK_EQ(wpool_submit(pool, wait_deep_job, &count, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(atomic_load(&count), 1);
    test_destroy(pool);
}

/* ---- a job takes from a pool that it is in by way of another pool, or twice ---- */

typedef struct detour {
    wpool *outer, *inner;
    bool closes;
    int64_t timeout;
    wpool_status expected;
} detour;

static int take_outer_job(void *arg, wpool_job *job) {
    detour *d = (detour *)arg;
    (void)job;
    if (d->closes) CHECK_EQ(wpool_close(d->outer), WPOOL_OK);
    CHECK_EQ(wpool_take(d->outer, d->timeout, NULL), d->expected);
    return 0;
}

static int detour_job(void *arg, wpool_job *job) {
    detour *d = (detour *)arg;
    (void)job;
    CHECK_EQ(wpool_submit(d->inner, take_outer_job, d, NULL), WPOOL_OK);
    test_drain(d->inner);
    return 0;
}

/* With another job of the pool that is held meanwhile, or not. */
static void check_detour(bool is_held, bool closes, int64_t timeout, wpool_status expected) {
    hold h = HOLD_EMPTY;
    wpool_job job;
    detour d = {pool_from((wpool_config){.workers = 1 + is_held, .results = true}),
                pool_from((wpool_config){.max_workers = WPOOL_INLINE}), closes, timeout, expected};
    hold_init(&h);
    if (is_held) hold_workers(&h, d.outer, 1);
    wpool_job_init(&job, detour_job, &d);
    CHECK_EQ(wpool_submit_job(d.outer, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    hold_release(&h, is_held);
    test_destroy(d.inner);
    test_destroy(d.outer);
}

TEST(a_job_that_takes_by_a_detour_does_not_wait_for_itself) {
    check_detour(false, false, WPOOL_FOREVER, WPOOL_DEADLOCK);
    check_detour(false, true, WPOOL_FOREVER, WPOOL_DONE);
    check_detour(true, false, WPOOL_NOW, WPOOL_EMPTY);
    check_detour(true, true, WPOOL_NOW, WPOOL_EMPTY); /* the other one may still finish */
}

static int take_nested_job(void *arg, wpool_job *job) {
    unsigned *depth = (unsigned *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_result result;
    CHECK(wpool_worker_state(job) == NULL); /* its submitter runs it */
    if (++*depth < 3) {
        CHECK_EQ(wpool_submit(pool, take_nested_job, depth, NULL), WPOOL_OK);
    } else {
        CHECK_EQ(wpool_take(pool, WPOOL_NOW, &result), WPOOL_EMPTY);
        CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_DONE);
    }
    return 0;
}

TEST(a_taker_counts_all_the_jobs_that_wait_below_it) {
    unsigned depth = 0;
    wpool *pool = pool_from((wpool_config){.workers = 1,
                                           .queue_capacity = 1,
                                           .when_full = WPOOL_RUN,
                                           .results = true,
                                           .start_paused = true});
    for (int i = 0; i < 2; i++) /* the second one is run by this thread */
        CHECK_EQ(wpool_submit(pool, take_nested_job, &depth, NULL), WPOOL_OK);
    CHECK_EQ(depth, 3);
    CHECK_EQ(test_stats(pool).succeeded, 3);
    test_destroy(pool);
}

/* ---- the rest ---- */

TEST(a_job_that_was_never_handed_in_is_not_told_to_end) {
    wpool_job job;
    wpool_job_init(&job, return_job, NULL);
    CHECK(!wpool_cancelled(&job));
    CHECK(wpool_worker_state(&job) == NULL);
    CHECK(wpool_job_pool(&job) == NULL);
}

TEST(the_version_is_that_of_the_header) {
    CHECK_EQ(wpool_version(), WPOOL_VERSION);
    CHECK_EQ(WPOOL_VERSION / 10000, WPOOL_VERSION_MAJOR);
    CHECK_EQ(WPOOL_VERSION / 100 % 100, WPOOL_VERSION_MINOR);
}

static wpool__call call_of(uintptr_t number) { return (wpool__call){return_job, (void *)number}; }

TEST(the_check_of_the_queue_finds_what_is_wrong) {
    wpool__queue queue = {0};
    uint64_t first;
    bool is_closed;
    CHECK(wpool__queue_init(&queue, NULL, 4));
    CHECK(wpool__queue_is_valid(&queue));
    CHECK_EQ(wpool__gate_claim(&queue.tail, 3, 3, &first, &is_closed), 3);
    CHECK(!wpool__queue_is_valid(&queue)); /* claimed, and never put */
    for (uint64_t t = 0; t < 3; t++)
        wpool__queue_put(&queue, first + t, call_of(t));
    CHECK(wpool__queue_is_valid(&queue));
    CHECK(wpool__gate_close(&queue.tail));
    CHECK(wpool__queue_is_valid(&queue));
    atomic_store(&queue.head, 4); /* more taken than were there */
    CHECK(!wpool__queue_is_valid(&queue));
    atomic_store(&queue.head, 0);
    atomic_store(&queue.tail, 5); /* more than there is room for */
    CHECK(!wpool__queue_is_valid(&queue));
    wpool__queue_free(&queue);
}
