/* Misuse: each has a status of its own, and nothing is lost by it.
   Part of it is also built inline and, with WPOOL_NO_THREADS, without threads. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"
#include <limits.h>
#include <math.h>

/* After all that was done to it, the pool still works; what it has accepted has ended. */
static void check_unharmed(wpool *pool) {
    atomic_uint count = 0;
    count_submit(pool, &count, 10);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 10);
    const wpool_stats_snapshot stats = test_stats(pool);
    CHECK_EQ(stats.waiting + stats.running, 0);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* ---- arguments ---- */

static int no_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    (void)begin, (void)end, (void)arg, (void)job;
    CHECK(false);
    return 0;
}

/* Every function with a pool, on one that cannot be used for the reason `expected`. */
static void check_every_function(wpool *pool, wpool_job *submitted, wpool_status expected) {
    static atomic_uint count;
    void *args[] = {&count};
    wpool_job job;
    wpool_lane lane = {.max_running = 1};
    wpool_id id = 77;
    wpool_info info;
    wpool_result result;
    wpool_stats_snapshot stats;
    wpool_config config = {0};
    wpool_status why = WPOOL_OK;
    wpool_job_init(&job, count_job, &count);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), expected);
    CHECK_EQ(id, 0);
    CHECK_EQ(wpool_try_submit(pool, count_job, &count, &id), expected);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, NULL, &id), expected);
    CHECK_EQ(wpool_submit_many(pool, count_job, args, 1, &why), 0);
    CHECK_EQ(why, expected);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), expected);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_wait(pool, 1, WPOOL_FOREVER, &result), expected);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), expected);
    CHECK_EQ(wpool_forget(pool, 1), expected);
    CHECK_EQ(wpool_close_results(pool), expected);
    CHECK_EQ(wpool_job_state(pool, 1), WPOOL_STATE_UNKNOWN);
    CHECK_EQ(wpool_cancel(pool, 1, WPOOL_HOT), expected);
    CHECK_EQ(wpool_for(pool, 0, 1, 0, no_body, NULL), expected);
    CHECK_EQ(wpool_lane_init(&lane, pool), expected);
    CHECK_EQ(wpool_stats(pool, &stats), expected);
    CHECK_EQ(wpool_get_info(pool, &info), expected);
    CHECK_EQ(wpool_get_config(pool, &config), expected);
    CHECK_EQ(wpool_configure(pool, &config), expected);
    CHECK_STR(wpool_config_conflict(pool, &config), "pool");
    CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), expected);
    CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_HOT), expected);
    CHECK_EQ(wpool_worker_stop(pool, 0, WPOOL_HOT, &id), expected);
    CHECK_EQ(wpool_workers(pool, NULL, 0), 0);
    CHECK_EQ(wpool_start(pool), expected);
    CHECK_EQ(wpool_pause(pool), expected);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), expected);
    CHECK_EQ(wpool_close(pool), expected);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), expected);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, WPOOL_FOREVER), expected);
    if (submitted) CHECK_EQ(wpool_job_wait(submitted, WPOOL_FOREVER), expected);
    if (pool) CHECK_EQ(wpool_destroy(pool), expected);
    CHECK_EQ(atomic_load(&count), 0);
}

TEST(no_pool_is_invalid) { check_every_function(NULL, NULL, WPOOL_INVALID); }

TEST(no_function_is_invalid) {
    wpool *pool = pool_of(1);
    void *args[] = {NULL};
    wpool_job job;
    wpool_id id = 77;
    wpool_status why;
    wpool_job_init(&job, NULL, NULL);
    CHECK_EQ(wpool_submit(pool, NULL, NULL, &id), WPOOL_INVALID);
    CHECK_EQ(id, 0);
    CHECK_EQ(wpool_try_submit(pool, NULL, NULL, &id), WPOOL_INVALID);
    CHECK_EQ(wpool_submit_with(pool, NULL, NULL, NULL, &id), WPOOL_INVALID);
    CHECK_EQ(wpool_submit_many(pool, NULL, args, 1, &why), 0);
    CHECK_EQ(why, WPOOL_INVALID);
    CHECK_EQ(wpool_submit_many(pool, count_job, NULL, 1, &why), 0);
    CHECK_EQ(why, WPOOL_INVALID);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    check_unharmed(pool);
}

TEST(no_place_for_an_answer_is_invalid_where_the_answer_is_the_point) {
    wpool *pool = pool_of(1);
    wpool_job job;
    wpool_result result;
    wpool_job_init(&job, count_job, NULL);
    CHECK_EQ(wpool_create(NULL, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_stats(pool, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_get_info(pool, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_get_config(pool, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_configure(pool, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_job_result(&job, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_job_result(NULL, &result), WPOOL_INVALID);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_EMPTY);
    check_unharmed(pool);
}

TEST(no_place_for_an_answer_is_fine_where_it_is_optional) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .results = true});
    atomic_uint count = 0;
    void *args[] = {&count, &count};
    wpool_id id;
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit_many(pool, count_job, args, 2, NULL), 2);
    CHECK_EQ(wpool_submit_many(pool, count_job, NULL, 0, NULL), 0);
    check_unharmed(pool);
    CHECK_EQ(atomic_load(&count), 4);
}

TEST(no_job_is_invalid_or_nothing) {
    wpool *pool = pool_of(1);
    wpool_job_init(NULL, count_job, NULL);
    CHECK_EQ(wpool_submit_job(pool, NULL, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_job_wait(NULL, WPOOL_NOW), WPOOL_INVALID);
    wpool_set_result(NULL, pool);
    CHECK(!wpool_cancelled(NULL));
    CHECK_EQ(wpool_job_id(NULL), 0);
    CHECK_EQ(wpool_job_attempt(NULL), 0);
    CHECK(wpool_job_pool(NULL) == NULL);
    CHECK(wpool_worker_state(NULL) == NULL);
    wpool_progress(NULL);
    CHECK_EQ(wpool_on_cancel(NULL, NULL, NULL), WPOOL_INVALID);
    check_unharmed(pool);
}

static void must_not_be_called(void *arg) {
    (void)arg;
    CHECK(false);
}

static int block_wrongly(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_blocking(job, NULL, arg), WPOOL_INVALID);
    CHECK_EQ(wpool_blocking(NULL, must_not_be_called, arg), WPOOL_INVALID);
    wpool_progress(job); /* it has no limit */
    return count_job(arg, job);
}

TEST(to_block_without_a_job_or_a_call_is_invalid) {
    wpool *pool = pool_of(1);
    atomic_uint count = 0;
    CHECK_EQ(wpool_blocking(NULL, must_not_be_called, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_submit(pool, block_wrongly, &count, NULL), WPOOL_OK);
    check_unharmed(pool);
    CHECK_EQ(atomic_load(&count), 1);
}

TEST(no_lane_and_a_lane_of_no_or_another_pool_are_invalid) {
    wpool *pool = pool_of(1), *other = pool_of(1);
    wpool_lane foreign = {.max_running = 1}, none = {.max_running = 1};
    const wpool_options options[] = {{.lane = &foreign}, {.lane = &none}};
    CHECK_EQ(wpool_lane_init(NULL, pool), WPOOL_INVALID);
    CHECK_EQ(wpool_lane_init(&foreign, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_lane_destroy(NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_lane_destroy(&none), WPOOL_INVALID);
    CHECK_EQ(wpool_lane_init(&foreign, other), WPOOL_OK);
    for (size_t i = 0; i < COUNT_OF(options); i++)
        CHECK_EQ(wpool_submit_with(pool, count_job, NULL, &options[i], NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_lane_destroy(&foreign), WPOOL_OK);
    CHECK_EQ(wpool_lane_destroy(&foreign), WPOOL_INVALID);
    check_unharmed(pool);
    check_unharmed(other);
}

TEST(options_that_make_no_sense_are_invalid) {
    static const wpool_options options[] = {{.delay = -1},
                                            {.delay = INT64_MIN},
                                            {.period = -1},
                                            {.period = INT64_MIN},
                                            {.run_limit = -1},
                                            {.run_limit = INT64_MIN},
                                            {.priority = (wpool_priority)3},
                                            {.priority = (wpool_priority)-1},
                                            {.priority = (wpool_priority)INT_MAX},
                                            {.after = NULL, .after_count = 1},
                                            {.after = NULL, .after_count = SIZE_MAX},
                                            {.retry = {.delay = -1}},
                                            {.retry = {.max_delay = -1}},
                                            {.retry = {.factor = -1}},
                                            {.retry = {.jitter = 2}}};
    wpool *pool = pool_of(1);
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        wpool_job job;
        wpool_id id = 77;
        wpool_job_init(&job, count_job, NULL);
        CHECK_EQ(wpool_submit_with(pool, count_job, NULL, &options[i], &id), WPOOL_INVALID);
        CHECK_EQ(id, 0);
        CHECK_EQ(wpool_submit_with(pool, count_job, NULL, &options[i], NULL), WPOOL_INVALID);
        CHECK_EQ(wpool_submit_job(pool, &job, &options[i]), WPOOL_INVALID);
        CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    }
    CHECK_EQ(test_stats(pool).accepted, 0);
    check_unharmed(pool);
}

static void check_bad_config(wpool_config config) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    wpool *pool = (wpool *)&used;
    if (!config.allocator) config.allocator = &allocator;
    CHECK_EQ(wpool_create(&pool, &config), WPOOL_INVALID);
    CHECK(pool == NULL);
    memory_check_empty(&used);
}

TEST(a_config_that_makes_no_sense_is_invalid) {
    const wpool_allocator no_alloc = {NULL, memory_free, NULL};
    const wpool_allocator no_free = {memory_alloc, NULL, NULL};
    const surroundings before = surroundings_now();
    check_bad_config((wpool_config){.when_full = (wpool_when_full)4});
    check_bad_config((wpool_config){.when_full = (wpool_when_full)-1});
    check_bad_config((wpool_config){.help = (wpool_help)3});
    check_bad_config((wpool_config){.help = (wpool_help)INT_MAX});
    check_bad_config((wpool_config){.allocator = &no_alloc});
    check_bad_config((wpool_config){.allocator = &no_free});
#ifndef WPOOL_NO_THREADS
    check_bad_config((wpool_config){.workers = 2, .min_workers = 3});
    check_bad_config((wpool_config){.workers = 4, .max_workers = 3});
    check_bad_config((wpool_config){.min_workers = 4, .max_workers = 3});
    check_bad_config((wpool_config){.workers = WPOOL_MAX_WORKERS + 1});
    check_bad_config((wpool_config){.max_workers = WPOOL_INLINE - 1});
#endif
    surroundings_check(before);
}

/* Neither a pool that is made with it nor one that is there. */
static void check_bad_field(const char *field, wpool_config config) {
    wpool *pool = pool_of(1);
    wpool_config changed, after;
    check_bad_config(config);
    CHECK_EQ(wpool_get_config(pool, &changed), WPOOL_OK);
    changed.order = config.order;
    changed.when_full = config.when_full;
    changed.scaling = config.scaling;
    changed.rate = config.rate;
    changed.retry = config.retry;
    CHECK_STR(wpool_config_conflict(pool, &changed), field);
    CHECK_EQ(wpool_configure(pool, &changed), WPOOL_INVALID);
    CHECK_EQ(wpool_get_config(pool, &after), WPOOL_OK);
    CHECK(after.order == WPOOL_FIFO && after.when_full == WPOOL_BLOCK);
    CHECK(after.scaling.wait == 0 && after.scaling.cooldown == WPOOL_SECONDS(1));
    CHECK(after.scaling.idle == WPOOL_SECONDS(10) && after.rate.burst == 0);
    check_unharmed(pool);
}

TEST(a_field_that_makes_no_sense_is_named) {
    check_bad_field("order", (wpool_config){.order = (wpool_order)3});
    check_bad_field("order", (wpool_config){.order = (wpool_order)-1});
    check_bad_field("order", (wpool_config){.order = WPOOL_LIFO, .when_full = WPOOL_DROP_OLDEST});
    check_bad_field("scaling", (wpool_config){.scaling = {.wait = -1}});
    check_bad_field("scaling", (wpool_config){.scaling = {.cooldown = -1}});
    check_bad_field("scaling", (wpool_config){.scaling = {.idle = INT64_MIN}});
    check_bad_field("scaling", (wpool_config){.scaling = {.step = WPOOL_MAX_WORKERS + 1}});
    check_bad_field("scaling", (wpool_config){.scaling = {.max_memory_percent = 101}});
    check_bad_field("scaling", (wpool_config){.scaling = {.max_cpu_percent = 101}});
    check_bad_field("rate", (wpool_config){.rate = {.per_second = -1, .burst = 2}});
    check_bad_field("rate", (wpool_config){.rate = {.per_second = (double)NAN, .burst = 2}});
    check_bad_field("retry", (wpool_config){.retry = {.delay = -1}});
    check_bad_field("retry", (wpool_config){.retry = {.max_delay = INT64_MIN}});
    check_bad_field("retry", (wpool_config){.retry = {.factor = -1}});
    check_bad_field("retry", (wpool_config){.retry = {.factor = (double)NAN}});
    check_bad_field("retry", (wpool_config){.retry = {.jitter = 1.5}});
    check_bad_field("retry", (wpool_config){.retry = {.jitter = -0.5}});
}

/* What makes sense, but only for a new pool. */
TEST(another_retry_is_a_conflict) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .retry = {.attempts = 2, .factor = 3}});
    wpool_config config;
    CHECK_EQ(wpool_get_config(pool, &config), WPOOL_OK);
    CHECK(wpool_config_conflict(pool, &config) == NULL);
    config.retry.factor = 4;
    CHECK_STR(wpool_config_conflict(pool, &config), "retry");
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_INVALID);
    check_unharmed(pool);
}

TEST(a_capacity_that_cannot_be_represented_is_refused) {
    const size_t capacities[] = {SIZE_MAX - 1, SIZE_MAX / 2,  SIZE_MAX / 2 + 2, SIZE_MAX / 3,
                                 SIZE_MAX / 4, SIZE_MAX / 24, SIZE_MAX / 96,    SIZE_MAX / 1000};
    const surroundings before = surroundings_now();
    for (size_t i = 0; i < COUNT_OF(capacities); i++) {
        memory used = {0}; /* it has no such block: it must be asked for neither more nor less */
        const wpool_allocator allocator = memory_allocator(&used);
        wpool_config config = test_config();
        wpool *pool = (wpool *)&used;
        config.allocator = &allocator;
        config.queue_capacity = capacities[i];
        wpool_status status = wpool_create(&pool, &config);
        CHECK(status == WPOOL_INVALID || status == WPOOL_NO_MEMORY);
        CHECK(pool == NULL);
        memory_check_empty(&used);
    }
    surroundings_check(before);
}

TEST(a_mode_that_does_not_exist_is_invalid) {
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_stop(pool, (wpool_mode)2), WPOOL_INVALID);
    CHECK_EQ(wpool_stop(pool, (wpool_mode)-1), WPOOL_INVALID);
    CHECK_EQ(wpool_shutdown(pool, (wpool_mode)2, WPOOL_FOREVER), WPOOL_INVALID);
    CHECK_EQ(wpool_shutdown(pool, (wpool_mode)-1, WPOOL_NOW), WPOOL_INVALID);
    CHECK_EQ(wpool_scale(pool, 1, (wpool_mode)2), WPOOL_INVALID);
    CHECK_EQ(wpool_scale_to(pool, 3, (wpool_mode)-1), WPOOL_INVALID);
    CHECK_EQ(wpool_worker_stop(pool, 0, (wpool_mode)2, NULL), WPOOL_INVALID);
    check_unharmed(pool);
}

TEST(every_status_has_a_text) {
    const char *texts[WPOOL_FAILED + 1];
    for (int i = 0; i <= WPOOL_FAILED; i++) {
        texts[i] = wpool_strerror((wpool_status)i);
        CHECK(texts[i] && strlen(texts[i]) >= 4);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(texts[i], texts[j]) != 0);
    }
    CHECK_STR(wpool_strerror(WPOOL_OK), "success");
    CHECK_STR(wpool_strerror(WPOOL_FULL), "the queue is full");
}

TEST(no_status_has_a_text_too) {
    const int garbage[] = {-1, WPOOL_RUNNING + 1, 1000, INT_MIN, INT_MAX};
    for (size_t i = 0; i < COUNT_OF(garbage); i++)
        CHECK_STR(wpool_strerror((wpool_status)garbage[i]), "not a wpool_status");
}

/* ---- the wrong time ---- */

TEST(a_closed_pool_accepts_nothing) {
    wpool *pool = pool_of(1);
    const wpool_options timed = {.timeout = WPOOL_FOREVER};
    atomic_uint count = 0;
    void *args[] = {&count};
    wpool_id id = 77;
    wpool_job job;
    wpool_status why;
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    wpool_job_init(&job, count_job, &count);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_CLOSED);
    CHECK_EQ(id, 0);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_CLOSED);
    CHECK_EQ(wpool_try_submit(pool, count_job, &count, &id), WPOOL_CLOSED);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &timed, &id), WPOOL_CLOSED);
    CHECK_EQ(wpool_submit_many(pool, count_job, args, 1, &why), 0);
    CHECK_EQ(why, WPOOL_CLOSED);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_CLOSED);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(test_stats(pool).accepted, 0);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 0);
}

TEST(a_pool_without_results_has_nothing_to_take_or_close) {
    wpool *pool = pool_of(1);
    wpool_result result;
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_INVALID);
    CHECK_EQ(wpool_take(pool, WPOOL_NOW, &result), WPOOL_INVALID);
    CHECK_EQ(wpool_close_results(pool), WPOOL_INVALID);
    check_unharmed(pool);
}

TEST(doing_it_twice_says_so) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .results = true});
    CHECK_EQ(wpool_start(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    CHECK_EQ(wpool_pause(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_close_results(pool), WPOOL_OK);
    CHECK_EQ(wpool_close_results(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_CLOSED);
    check_unharmed(pool);
}

TEST(a_job_that_has_not_finished_cannot_be_handed_in_again) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .start_paused = true});
    wpool *other = pool_of(1);
    atomic_uint count = 0;
    wpool_job job;
    wpool_result result;
    wpool_job_init(&job, count_job, &count);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_ALREADY);
    CHECK_EQ(wpool_submit_job(other, &job, NULL), WPOOL_ALREADY);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_EMPTY);
    if (!POOL_IS_INLINE) CHECK_EQ(wpool_job_wait(&job, WPOOL_NOW), WPOOL_TIMEOUT);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(other, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 2);
    check_unharmed(pool);
    check_unharmed(other);
}

static int set_and_fail(void *arg, wpool_job *job) {
    wpool_set_result(job, arg);
    return 7;
}

TEST(a_finished_job_that_is_refused_keeps_its_result) {
    wpool *pool = pool_of(1);
    int data;
    wpool_job job;
    wpool_result result;
    wpool_job_init(&job, set_and_fail, &data);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_CLOSED);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_FAILED);
    CHECK_EQ(result.error, 7);
    CHECK(result.data == &data && job.data == &data);
    CHECK_EQ(result.attempts, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* A job that one thread tries to hand in while another already waits for it. */
typedef struct refused {
    wpool *pool;
    wpool_job job;
    atomic_uint count;
} refused;

static void submit_refused(void *arg) {
    refused *r = (refused *)arg;
    CHECK_EQ(wpool_submit_job(r->pool, &r->job, NULL), WPOOL_CLOSED);
}

static void wait_refused(void *arg) {
    refused *r = (refused *)arg;
    CHECK_EQ(wpool_job_wait(&r->job, WPOOL_FOREVER), WPOOL_UNKNOWN);
}

TEST(who_waits_for_a_job_that_is_refused_in_the_end_is_told) {
    NEEDS_WORKERS();
    refused r = {.count = 0};
    task queued = {0};
    helper submitter, waiter;
    r.pool = pool_from((wpool_config){.workers = 1, .queue_capacity = 1, .start_paused = true});
    task_submit(r.pool, &queued, NULL);
    wpool_job_init(&r.job, count_job, &r.count);
    helper_start(&submitter, submit_refused, &r);
    helper_await_sleep(&submitter);
    helper_start(&waiter, wait_refused, &r);
    helper_await_sleep(&waiter);
    CHECK_EQ(wpool_close(r.pool), WPOOL_OK);
    helper_join(&submitter);
    helper_join(&waiter);
    CHECK_EQ(wpool_destroy(r.pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&r.count), 0);
}

/* ---- ids ---- */

static void check_unknown(wpool *pool, wpool_id id) {
    wpool_result result;
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, NULL), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_forget(pool, id), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_UNKNOWN);
}

static void check_stale_ids(wpool *pool) {
    atomic_uint count = 0;
    wpool_id waited, forgotten, later;
    CHECK_EQ(wpool_submit(pool, count_job, &count, &waited), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, waited, WPOOL_FOREVER, NULL), WPOOL_OK);
    check_unknown(pool, waited);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &forgotten), WPOOL_OK);
    CHECK_EQ(wpool_forget(pool, forgotten), WPOOL_OK);
    check_unknown(pool, forgotten);
    for (int i = 0; i < 200; i++) { /* the records are used again, for other jobs */
        CHECK_EQ(wpool_submit(pool, count_job, &count, &later), WPOOL_OK);
        check_unknown(pool, waited);
        check_unknown(pool, forgotten);
        CHECK(later != waited && later != forgotten);
        CHECK_EQ(wpool_wait(pool, later, WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    check_unharmed(pool);
    CHECK_EQ(atomic_load(&count), 202);
}

TEST(a_stale_id_is_unknown) {
    check_stale_ids(pool_of(1));
    check_stale_ids(pool_of(4));
}

TEST(a_taken_id_is_stale) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .results = true});
    atomic_uint count = 0;
    wpool_id id;
    wpool_result result;
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.id, id);
    check_unknown(pool, id);
    check_unharmed(pool);
}

TEST(an_id_that_never_was_is_unknown) {
    wpool *pool = pool_of(1);
    uint64_t seed = test_seed();
    check_unknown(pool, 0);
    check_unknown(pool, 1);
    check_unknown(pool, UINT64_MAX);
    check_unknown(pool, UINT32_MAX);
    for (unsigned bit = 0; bit < 64; bit++)
        check_unknown(pool, UINT64_C(1) << bit);
    for (int i = 0; i < 1000; i++)
        check_unknown(pool, test_random(&seed));
    check_unharmed(pool);
}

TEST(an_id_of_another_pool_is_unknown) {
    wpool *pool = pool_of(1), *other = pool_of(1);
    atomic_uint count = 0;
    wpool_id ids[100], foreign[100];
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[i]), WPOOL_OK);
        CHECK_EQ(wpool_submit(other, count_job, &count, &foreign[i]), WPOOL_OK);
    }
    for (int i = 0; i < 100; i++) {
        check_unknown(pool, foreign[i]);
        check_unknown(other, ids[i]);
    }
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(wpool_wait(pool, ids[i], WPOOL_FOREVER, NULL), WPOOL_OK);
        CHECK_EQ(wpool_wait(other, foreign[i], WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    check_unharmed(pool);
    check_unharmed(other);
}

/* ---- waiting for oneself ---- */

static int wait_for_own_id(void *arg, wpool_job *job) {
    (void)arg;
    CHECK_EQ(wpool_wait(wpool_job_pool(job), wpool_job_id(job), WPOOL_FOREVER, NULL),
             WPOOL_DEADLOCK);
    return 0;
}

static int wait_for_own_job(void *arg, wpool_job *job) {
    (void)arg;
    CHECK_EQ(wpool_job_wait(job, WPOOL_FOREVER), WPOOL_DEADLOCK);
    return 0;
}

TEST(a_job_that_waits_for_itself_is_told) {
    wpool *pool = pool_of(1);
    wpool_job job;
    wpool_id id;
    wpool_result result;
    wpool_job_init(&job, wait_for_own_job, NULL);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, wait_for_own_id, NULL, &id), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(job.error, 0);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_SUCCEEDED);
    check_unharmed(pool);
}

/* Waits for the job that waits for it. */
static int wait_for_outer_id(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_wait(wpool_job_pool(job), *(wpool_id *)arg, WPOOL_FOREVER, NULL),
             WPOOL_DEADLOCK);
    return 0;
}

static int wait_for_outer_job(void *arg, wpool_job *job) {
    (void)job;
    CHECK_EQ(wpool_job_wait((wpool_job *)arg, WPOOL_FOREVER), WPOOL_DEADLOCK);
    return 0;
}

static int wait_for_inner(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    wpool_id own = wpool_job_id(job), id;
    wpool_job inner;
    (void)arg;
    wpool_job_init(&inner, wait_for_outer_job, job);
    CHECK_EQ(wpool_submit_job(pool, &inner, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&inner, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(inner.error, 0);
    CHECK_EQ(wpool_submit(pool, wait_for_outer_id, &own, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

TEST(a_job_that_waits_for_the_job_it_runs_inside_of_is_told) {
    wpool *pool = pool_of(1);
    wpool_id id;
    wpool_result result;
    CHECK_EQ(wpool_submit(pool, wait_for_inner, NULL, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_SUCCEEDED);
    check_unharmed(pool);
}

static void wait_when_done(void *arg, const wpool_result *result) {
    CHECK_EQ(wpool_wait((wpool *)arg, result->id, WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
}

static int nothing(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    return 0;
}

TEST(on_done_that_waits_for_its_own_job_is_told) {
    const wpool_options options = {.on_done = wait_when_done};
    wpool *pool = pool_of(1);
    wpool_id id;
    CHECK_EQ(wpool_submit_with(pool, nothing, pool, &options, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    check_unharmed(pool);
}

TEST(on_done_of_a_discarded_job_that_waits_for_it_is_told) {
    const wpool_options options = {.on_done = wait_when_done};
    wpool *pool = pool_from((wpool_config){.workers = 1, .start_paused = true});
    wpool_id id;
    CHECK_EQ(wpool_submit_with(pool, nothing, pool, &options, &id), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static void end_when_done(void *arg, const wpool_result *result) {
    (void)result;
    CHECK_EQ(wpool_drain((wpool *)arg, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_shutdown((wpool *)arg, WPOOL_HOT, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_destroy((wpool *)arg), WPOOL_DEADLOCK);
}

TEST(on_done_of_a_discarded_job_cannot_end_the_pool) {
    const wpool_options options = {.on_done = end_when_done};
    wpool *pool = pool_from((wpool_config){.workers = 1, .start_paused = true});
    CHECK_EQ(wpool_submit_with(pool, nothing, pool, &options, NULL), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static int end_from_inside(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    (void)arg;
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, WPOOL_NOW), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_DEADLOCK);
    return 0;
}

TEST(a_job_cannot_end_its_pool_whoever_runs_it) {
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 1, .when_full = WPOOL_RUN, .start_paused = true});
    CHECK_EQ(wpool_submit(pool, end_from_inside, NULL, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, end_from_inside, NULL, NULL), WPOOL_OK); /* runs here */
    CHECK_EQ(test_stats(pool).succeeded, 1);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(test_stats(pool).succeeded, 2);
    check_unharmed(pool);
}

/* Without a worker to do it, and nobody else: what could never come true is said. */
TEST(an_inline_wait_that_nobody_could_end_is_told) {
#ifndef WPOOL_NO_THREADS
    SKIP("another thread could still come and start the pool");
#endif
    wpool *pool = pool_from((wpool_config){.results = true, .start_paused = true});
    wpool_id id;
    CHECK_EQ(wpool_submit(pool, nothing, NULL, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    check_unharmed(pool);
}

/* ---- another process ---- */

static void check_child(pid_t child) {
    int status;
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(a_child_process_is_told_that_the_pool_is_not_its_own) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    task running = {.door = &door}, queued[10] = {{0}};
    wpool_job job;
    wpool_result result;
    wpool *pool = pool_from((wpool_config){.workers = 2, .results = true});
    CHECK_EQ(wpool_submit_with(pool, task_job, &running, task_options(), NULL), WPOOL_OK);
    wpool_job_init(&job, gate_job, &door);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    gate_await_count(&door, 2);
    for (int i = 0; i < 10; i++)
        task_submit(pool, &queued[i], NULL);
    pid_t child = fork();
    if (child == 0) {
        check_every_function(pool, &job, WPOOL_OTHER_PROCESS);
        _exit(0);
    }
    check_child(child);
    gate_open(&door);
    for (int i = 0; i < 11; i++)
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(test_stats(pool).succeeded, 12);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(atomic_load(&queued[i].done_count), 1);
    check_unharmed(pool);
}

TEST(a_child_of_an_idle_or_inline_pool_is_told_too) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .results = true});
    wpool_lane lane = {.max_running = 1};
    const wpool_options options = {.lane = &lane};
    CHECK_EQ(wpool_lane_init(&lane, pool), WPOOL_OK);
    pid_t child = fork();
    if (child == 0) {
        check_every_function(pool, NULL, WPOOL_OTHER_PROCESS);
        CHECK_EQ(wpool_submit_with(pool, count_job, NULL, &options, NULL), WPOOL_OTHER_PROCESS);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_OTHER_PROCESS);
        _exit(0);
    }
    check_child(child);
    CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_OK);
    check_unharmed(pool);
}

static void check_every_group_function(wpool_group *group, wpool_status expected) {
    int error;
    CHECK_EQ(wpool_group_wait(group, WPOOL_NOW, NULL), expected);
    CHECK_EQ(wpool_group_wait(group, WPOOL_FOREVER, &error), expected);
    CHECK_EQ(wpool_group_cancel_on_error(group), expected);
    CHECK_EQ(wpool_group_deadline(group, WPOOL_SECONDS(1000)), expected);
    CHECK_EQ(wpool_group_cancel(group), expected);
    CHECK_EQ(wpool_group_cancelled(group), expected == WPOOL_OK);
}

/* One with a job of its own, one above it that has a pool, and one that is empty. */
TEST(a_child_process_is_told_that_a_group_is_not_its_own) {
    enum { GROUPS = 3 };
    task queued = {0};
    wpool_group groups[GROUPS];
    group_begin(&groups[0], NULL);
    group_begin(&groups[1], &groups[0]);
    group_begin(&groups[2], NULL);
    const wpool_options member = {.group = &groups[1], .on_done = task_done};
    wpool *pool =
        pool_from((wpool_config){.workers = 1, .start_paused = true, .group = &groups[0]});
    CHECK_EQ(wpool_submit_with(pool, task_job, &queued, &member, NULL), WPOOL_OK);
    for (int i = 0; i < GROUPS; i++) {
        pid_t child = fork();
        if (child == 0) {
            wpool_group own;
            check_every_group_function(&groups[i], WPOOL_OTHER_PROCESS);
            CHECK_EQ(wpool_submit_with(pool, task_job, &queued, &member, NULL),
                     WPOOL_OTHER_PROCESS);
            CHECK_EQ(atomic_load(&queued.done_count), 0);
            group_begin(&own, NULL);
            check_every_group_function(&own, WPOOL_OK);
            _exit(0);
        }
        check_child(child);
    }
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_group_wait(&groups[0], WPOOL_FOREVER, NULL), WPOOL_OK);
    check_unharmed(pool);
    CHECK_EQ(atomic_load(&queued.state), WPOOL_STATE_SUCCEEDED);
}

static int fork_job(void *arg, wpool_job *job) {
    pid_t child = fork();
    if (child == 0) {
        check_every_function(wpool_job_pool(job), NULL, WPOOL_OTHER_PROCESS);
        _exit(0);
    }
    check_child(child);
    return count_job(arg, job);
}

TEST(a_child_that_a_job_makes_is_told_too) {
    wpool *pool = pool_of(2);
    atomic_uint count = 0;
    for (int i = 0; i < 4; i++)
        CHECK_EQ(wpool_submit(pool, fork_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 4);
    check_unharmed(pool);
}

#if defined(__has_feature) && !defined(__SANITIZE_THREAD__)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1 /* clang's way to say it */
#endif
#endif

TEST(a_child_process_may_have_a_pool_of_its_own) {
#ifdef __SANITIZE_THREAD__
    SKIP("ThreadSanitizer: no new threads after the fork of a process with threads");
#endif
    wpool *pool = pool_of(2);
    test_await_idle(pool); /* AddressSanitizer does not survive a fork while threads begin */
    pid_t child = fork();
    if (child == 0) {
        check_unharmed(pool_of(2));
        _exit(0);
    }
    check_child(child);
    check_unharmed(pool);
}

/* Where the system cannot wipe a page at fork, the number of the process tells them apart. */
TEST(a_child_is_told_without_help_from_the_system) {
    wpool *pool = pool_of(1);
    wpool__guard_free(&pool->guard);
    pid_t child = fork();
    if (child == 0) {
        check_every_function(pool, NULL, WPOOL_OTHER_PROCESS);
        _exit(0);
    }
    check_child(child);
    check_unharmed(pool);
}
