/* Submitting to a queue that is full or has no places: rows B1 to B4 (with a time: clock_test.c).
   Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { JOBS = 500 };
#else
enum { JOBS = 5000 };
#endif

static const size_t capacities[] = {1, 2, 3, 5, 64, 1000, 1024, 1025};

static wpool *pool_with(unsigned workers, size_t capacity, wpool_when_full when_full, bool paused) {
    return pool_from((wpool_config){.workers = workers,
                                    .queue_capacity = capacity,
                                    .when_full = when_full,
                                    .start_paused = paused});
}

/* ---- B1: exactly the capacity, and blocking ---- */

TEST(a_paused_pool_accepts_exactly_its_capacity) {
    for (size_t n = 0; n < COUNT_OF(capacities); n++) {
        atomic_uint count = 0;
        wpool *pool = test_pool_paused(2, capacities[n]);
        for (size_t i = 0; i < capacities[n]; i++)
            CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_OK);
        CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
        CHECK_EQ(test_stats(pool).waiting, capacities[n]);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_destroy(pool);
        CHECK_EQ(count, capacities[n]);
    }
}

TEST(capacity_zero_means_the_default_one) {
    atomic_uint count = 0;
    wpool *pool = test_pool_paused(1, 0);
    while (wpool_try_submit(pool, count_job, &count, NULL) == WPOOL_OK)
        continue;
    CHECK_EQ(test_stats(pool).waiting, WPOOL_QUEUE_CAPACITY);
    test_destroy(pool);
}

/* While all workers are busy, the capacity fits; each job that ends lets one more in. */
static void check_places(unsigned workers, size_t capacity) {
    hold h = HOLD_EMPTY;
    wpool *pool = test_pool_of(workers, capacity);
    unsigned ended = capacity < 300 ? (unsigned)capacity * 2 + 3 : 300;
    hold_workers(&h, pool, workers);
    for (size_t i = 0; i < capacity; i++)
        CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_FULL);
    for (unsigned i = 1; i <= ended; i++) {
        hold_release(&h, 1);
        gate_await_count(&h.running, workers + i);
        CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_OK);
        CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_FULL);
    }
    hold_release(&h, workers + (unsigned)capacity);
    test_destroy(pool);
    CHECK_EQ(h.running.count, workers + capacity + ended);
}

TEST(each_job_that_starts_lets_exactly_one_more_in) {
    NEEDS_WORKERS();
    for (size_t n = 0; n < COUNT_OF(capacities); n++)
        for (unsigned workers = 1; workers <= 3; workers++)
            check_places(workers, capacities[n]);
}

/* Until so many submits have returned; not one more has a reason to. */
static void await_returned(atomic_uint *returned, unsigned count) {
    while (atomic_load(returned) < count)
        sched_yield();
    test_let_others_run();
    CHECK_EQ(*returned, count);
}

/* Four blocked submitters go on one by one, as one job after the other starts. */
static void check_blocked(unsigned workers, size_t capacity) {
    hold h = HOLD_EMPTY;
    attempt attempts[4];
    atomic_uint returned = 0;
    wpool *pool = test_pool_of(workers, capacity);
    hold_workers(&h, pool, workers);
    for (size_t i = 0; i < capacity; i++)
        CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    attempts_start(attempts, 4, (attempt){pool, hold_job, &h, .returned = &returned});
    for (unsigned i = 1; i <= 4; i++) {
        hold_release(&h, 1);
        await_returned(&returned, i);
        CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_FULL);
    }
    attempts_join(attempts, 4, WPOOL_OK);
    hold_release(&h, workers + (unsigned)capacity);
    test_destroy(pool);
    CHECK_EQ(h.running.count, workers + capacity + 4);
}

TEST(blocked_submitters_go_on_when_a_single_place_becomes_free) {
    NEEDS_WORKERS();
    for (size_t n = 0; n < COUNT_OF(capacities); n++)
        for (unsigned workers = 1; workers <= 2; workers++)
            check_blocked(workers, capacities[n]);
}

/* Four submitters blocked at a full pool are told that it ends; their jobs never run. */
static void check_woken(wpool_status (*end)(wpool *)) {
    gate g = GATE_CLOSED;
    attempt attempts[4];
    atomic_uint returned = 0, ran = 0;
    wpool *pool = test_pool_of(1, 2);
    CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
    gate_await_count(&g, 1);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
    attempts_start(attempts, 4, (attempt){pool, count_job, &ran, .returned = &returned});
    CHECK_EQ(end(pool), WPOOL_OK);
    attempts_join(attempts, 4, WPOOL_CLOSED);
    gate_open(&g);
    test_destroy(pool);
    CHECK_EQ(ran, 0);
}

static wpool_status stop_gracefully(wpool *pool) { return wpool_stop(pool, WPOOL_GRACEFUL); }

TEST(closing_wakes_blocked_submitters) {
    NEEDS_WORKERS();
    check_woken(wpool_close);
}

TEST(stopping_wakes_blocked_submitters) {
    NEEDS_WORKERS();
    check_woken(stop_gracefully);
}

/* Every way to submit, and how it answers. */
static void check_every_way(wpool *pool, wpool_status expected) {
    atomic_uint count = 0;
    void *args[1] = {&count};
    wpool_options options = {.timeout = WPOOL_SECONDS(1000)};
    wpool_status why = WPOOL_OK;
    wpool_id id = 1;
    wpool_job job;
    wpool_job_init(&job, count_job, &count);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), expected);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), expected);
    CHECK_EQ(id, 0);
    CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), expected);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), expected);
    CHECK_EQ(wpool_submit_many(pool, count_job, args, 1, &why), 0);
    CHECK_EQ(why, expected);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), expected);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    CHECK_EQ(count, 0);
}

TEST(a_closed_pool_answers_at_once_full_or_not) {
    for (unsigned jobs = 0; jobs <= 3; jobs += 3) {
        atomic_uint count = 0;
        wpool *pool = test_pool_paused(2, 3);
        count_submit(pool, &count, jobs);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        check_every_way(pool, WPOOL_CLOSED);
        CHECK_EQ(test_stats(pool).accepted, jobs);
        test_destroy(pool);
    }
}

TEST(a_small_queue_passes_any_number_of_jobs) {
    for (size_t capacity = 1; capacity <= 5; capacity++) {
        atomic_uint count = 0;
        wpool *pool = test_pool_of(2, capacity);
        count_submit(pool, &count, JOBS);
        test_destroy(pool);
        CHECK_EQ(count, JOBS);
    }
}

static void submit_jobs(void *arg) {
    attempt *a = (attempt *)arg;
    for (int i = 0; i < JOBS; i++)
        CHECK_EQ(wpool_submit(a->pool, a->fn, a->arg, NULL), WPOOL_OK);
}

TEST(many_submitters_share_a_small_queue) {
    NEEDS_THREADS();
    for (size_t capacity = 1; capacity <= 64; capacity *= 8) {
        atomic_uint count = 0;
        attempt attempts[4];
        wpool *pool = test_pool_of(2, capacity);
        for (int i = 0; i < 4; i++) {
            attempts[i] = (attempt){.pool = pool, .fn = count_job, .arg = &count};
            helper_start(&attempts[i].helper, submit_jobs, &attempts[i]);
        }
        for (int i = 0; i < 4; i++)
            helper_join(&attempts[i].helper);
        test_destroy(pool);
        CHECK_EQ(count, 4 * JOBS);
    }
}

/* ---- B2: try ---- */

static void never_done(void *arg, const wpool_result *result) {
    (void)arg;
    (void)result;
    test_end(TEST_FAILED, "on_done of a job that was not accepted");
}

TEST(try_submit_says_full_whatever_the_policy_and_changes_nothing) {
    static const wpool_when_full policies[] = {WPOOL_BLOCK, WPOOL_REFUSE, WPOOL_RUN,
                                               WPOOL_DROP_OLDEST};
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        atomic_uint count = 0, refused = 0;
        wpool_id id = 1;
        wpool *pool = pool_with(2, 2, policies[i], true);
        CHECK_EQ(wpool_try_submit(pool, count_job, &count, &id), WPOOL_OK);
        CHECK(id != 0);
        CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_OK);
        CHECK_EQ(wpool_try_submit(pool, count_job, &refused, &id), WPOOL_FULL);
        CHECK_EQ(id, 0);
        CHECK_EQ(test_stats(pool).accepted, 2);
        CHECK_EQ(test_stats(pool).waiting, 2);
        test_destroy(pool);
        CHECK_EQ(count, 2);
        CHECK_EQ(refused, 0);
    }
}

/* ---- B3: what a full queue means ---- */

TEST(refuse_says_full) {
    atomic_uint count = 0;
    wpool_options options = {.on_done = never_done};
    wpool_id id = 1;
    wpool_job job;
    wpool *pool = pool_with(2, 1, WPOOL_REFUSE, true);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_FULL);
    CHECK_EQ(id, 0);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), WPOOL_FULL);
    wpool_job_init(&job, count_job, &count);
    CHECK_EQ(wpool_submit_job(pool, &job, &options), WPOOL_FULL);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(count, 1);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    test_destroy(pool);
    CHECK_EQ(count, 2);
}

typedef struct place {
    pthread_t thread;
    atomic_uint ran, done;
    wpool_result result;
} place;

static int place_job(void *arg, wpool_job *job) {
    place *p = (place *)arg;
    (void)job;
    p->thread = pthread_self();
    atomic_fetch_add(&p->ran, 1);
    return 3;
}

static void place_done(void *arg, const wpool_result *result) {
    place *p = (place *)arg;
    p->result = *result;
    atomic_fetch_add(&p->done, 1);
}

static void check_ran_here(place *p) {
    CHECK_EQ(p->ran, 1);
    CHECK(pthread_equal(p->thread, pthread_self()));
}

TEST(run_runs_the_job_in_the_caller) {
    NEEDS_WORKERS();
    gate g = GATE_CLOSED;
    wpool_options options = {.on_done = place_done, .name = "here"};
    wpool_result result;
    wpool_id id;
    wpool_job job;
    place plain = {0}, with = {0}, by_id = {0}, owned = {0};
    wpool *pool = pool_with(1, 1, WPOOL_RUN, false);
    CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
    gate_await_count(&g, 1);
    CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, place_job, &plain, NULL), WPOOL_OK);
    check_ran_here(&plain);
    CHECK_EQ(wpool_submit_with(pool, place_job, &with, &options, NULL), WPOOL_OK);
    check_ran_here(&with);
    CHECK_EQ(with.done, 1);
    CHECK_EQ(with.result.worker, WPOOL_INLINE);
    CHECK_STR(with.result.name, "here");
    CHECK_EQ(wpool_submit(pool, place_job, &by_id, &id), WPOOL_OK);
    check_ran_here(&by_id);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, &result), WPOOL_OK);
    CHECK_EQ(result.error, 3);
    wpool_job_init(&job, place_job, &owned);
    CHECK_EQ(wpool_submit_job(pool, &job, &options), WPOOL_OK);
    check_ran_here(&owned);
    CHECK_EQ(owned.done, 1);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_NOW), WPOOL_OK);
    CHECK_EQ(job.error, 3);
    CHECK_EQ(test_stats(pool).failed, 4);
    gate_open(&g);
    test_destroy(pool);
}

TEST(run_runs_the_job_in_the_caller_even_of_a_paused_pool) {
    place first = {0}, second = {0};
    wpool *pool = pool_with(1, 1, WPOOL_RUN, true);
    CHECK_EQ(wpool_submit(pool, place_job, &first, NULL), WPOOL_OK);
    CHECK_EQ(first.ran, 0);
    CHECK_EQ(wpool_submit(pool, place_job, &second, NULL), WPOOL_OK);
    check_ran_here(&second);
    CHECK_EQ(first.ran, 0);
    test_destroy(pool);
    CHECK_EQ(first.ran, 1);
}

/* A step whose on_done keeps the order in which jobs are dropped. */
static order dropped_order;

static void step_dropped(void *arg, const wpool_result *result) {
    if (result->state != WPOOL_STATE_DISCARDED) return;
    CHECK_EQ(result->error, WPOOL_CANCELLED);
    CHECK_EQ(result->attempts, 0);
    CHECK_EQ(result->ran_ns, 0);
    CHECK(result->arg == arg);
    order_add(&dropped_order, ((step *)arg)->number);
}

TEST(drop_oldest_reports_the_oldest_and_keeps_the_order_of_the_others) {
    static const size_t sizes[] = {1, 2, 7, 64, 100};
    static step steps[300];
    static order ran;
    wpool_options options = {.on_done = step_dropped};
    for (size_t n = 0; n < COUNT_OF(sizes); n++) {
        unsigned capacity = (unsigned)sizes[n];
        wpool *pool = pool_with(1, capacity, WPOOL_DROP_OLDEST, true);
        atomic_store(&ran.count, 0);
        atomic_store(&dropped_order.count, 0);
        for (unsigned i = 0; i < 300; i++) {
            steps[i] = (step){&ran, i};
            CHECK_EQ(wpool_submit_with(pool, step_job, &steps[i], &options, NULL), WPOOL_OK);
            CHECK_EQ(test_stats(pool).waiting, i < capacity ? i + 1 : capacity);
        }
        order_check(&dropped_order, 0, 300 - capacity);
        CHECK_EQ(test_stats(pool).discarded, 300 - capacity);
        test_destroy(pool);
        order_check(&ran, 300 - capacity, capacity);
    }
}

TEST(drop_oldest_drops_what_waits_while_workers_are_busy) {
    NEEDS_WORKERS();
    static step steps[100];
    static order ran;
    hold h = HOLD_EMPTY;
    wpool_options options = {.on_done = step_dropped};
    wpool *pool = pool_with(1, 10, WPOOL_DROP_OLDEST, false);
    hold_workers(&h, pool, 1);
    steps_submit(pool, steps, &ran, 0, 100, &options);
    order_check(&dropped_order, 0, 90);
    hold_release(&h, 1);
    test_destroy(pool);
    order_check(&ran, 90, 10);
}

TEST(drop_oldest_drops_the_oldest_of_those_that_were_queued_with_a_running_one) {
    NEEDS_WORKERS();
    static step steps[20];
    static order ran;
    hold h = HOLD_EMPTY;
    wpool_options options = {.on_done = step_dropped};
    wpool *pool = pool_with(1, 10, WPOOL_DROP_OLDEST, true);
    hold_init(&h);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    steps_submit(pool, steps, &ran, 0, 9, &options);
    CHECK_EQ(wpool_start(pool), WPOOL_OK); /* it is full: the worker begins with what it has now */
    gate_await_count(&h.running, 1);
    steps_submit(pool, steps, &ran, 9, COUNT_OF(steps), &options);
    order_check(&dropped_order, 0, 10);
    hold_release(&h, 1);
    test_destroy(pool);
    order_check(&ran, 10, 10);
}

TEST(drop_oldest_discards_jobs_of_every_kind) {
    place by_id = {0}, owned = {0};
    wpool_options options = {.on_done = place_done};
    wpool_result result;
    wpool_id id;
    wpool_job job;
    wpool *pool = pool_with(2, 3, WPOOL_DROP_OLDEST, true);
    CHECK_EQ(wpool_submit(pool, place_job, &by_id, &id), WPOOL_OK);
    wpool_job_init(&job, place_job, &owned);
    CHECK_EQ(wpool_submit_job(pool, &job, &options), WPOOL_OK);
    atomic_uint count = 0;
    count_submit(pool, &count, 4);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
    CHECK_EQ(result.error, WPOOL_CANCELLED);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_NOW), WPOOL_OK);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
    CHECK_EQ(owned.done, 1);
    CHECK_EQ(test_stats(pool).discarded, 3);
    test_destroy(pool);
    CHECK_EQ(by_id.ran + owned.ran, 0);
    CHECK_EQ(count, 3);
}

TEST(dropped_jobs_are_delivered_to_the_readers) {
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.workers = 1,
                                           .queue_capacity = 2,
                                           .when_full = WPOOL_DROP_OLDEST,
                                           .start_paused = true,
                                           .results = true});
    count_submit(pool, &count, 5);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    for (int i = 0; i < 5; i++) {
        wpool_result result;
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK_EQ(result.state, i < 3 ? WPOOL_STATE_DISCARDED : WPOOL_STATE_SUCCEEDED);
    }
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_DONE);
    test_destroy(pool);
    CHECK_EQ(count, 2);
}

/* -- a worker that submits to its own full pool -- */

typedef struct brood {
    atomic_uint ran, ran_at_once; /* children; those that had run when their submit returned */
    unsigned accepted, refused;
} brood;

static int breed_job(void *arg, wpool_job *job) {
    brood *b = (brood *)arg;
    for (int i = 0; i < 100; i++) {
        unsigned before = atomic_load(&b->ran);
        wpool_status status = wpool_submit(wpool_job_pool(job), count_job, &b->ran, NULL);
        CHECK(status == WPOOL_OK || status == WPOOL_FULL);
        *(status == WPOOL_OK ? &b->accepted : &b->refused) += 1;
        atomic_fetch_add(&b->ran_at_once, atomic_load(&b->ran) - before);
    }
    return 0;
}

/* A job on the only worker submits 100 to a queue with this capacity. */
static brood breed(wpool_when_full when_full, size_t capacity, wpool_stats_snapshot *stats) {
    brood b = {0};
    wpool *pool = pool_with(1, capacity, when_full, false);
    CHECK_EQ(wpool_submit(pool, breed_job, &b, NULL), WPOOL_OK);
    test_drain(pool);
    *stats = test_stats(pool);
    test_destroy(pool);
    CHECK_EQ(b.ran, stats->succeeded - 1);
    CHECK_EQ(b.accepted + 1, stats->accepted);
    return b;
}

TEST(a_worker_is_not_blocked_by_its_own_full_pool) {
    wpool_stats_snapshot stats;
    for (size_t capacity = 1; capacity < 200; capacity *= 3) {
        brood b = breed(WPOOL_BLOCK, capacity, &stats);
        CHECK_EQ(b.ran, 100);
        CHECK_EQ(b.ran_at_once, 0);
    }
}

TEST(a_worker_is_refused_by_its_own_full_pool) {
    wpool_stats_snapshot stats;
    for (unsigned capacity = 1; capacity < 100; capacity *= 3) {
        brood b = breed(WPOOL_REFUSE, capacity, &stats);
        CHECK_EQ(b.refused, 100 - capacity);
        CHECK_EQ(b.ran, capacity);
    }
}

TEST(a_worker_runs_what_does_not_fit_into_its_own_full_pool) {
    wpool_stats_snapshot stats;
    for (unsigned capacity = 1; capacity < 100; capacity *= 3) {
        brood b = breed(WPOOL_RUN, capacity, &stats);
        CHECK_EQ(b.ran, 100);
        CHECK_EQ(b.ran_at_once, 100 - capacity);
    }
}

TEST(a_worker_drops_the_oldest_of_its_own_full_pool) {
    wpool_stats_snapshot stats;
    for (unsigned capacity = 1; capacity < 100; capacity *= 3) {
        brood b = breed(WPOOL_DROP_OLDEST, capacity, &stats);
        CHECK_EQ(b.accepted, 100);
        CHECK_EQ(b.ran, capacity);
        CHECK_EQ(stats.discarded, 100 - capacity);
    }
}

/* A tree of jobs: each node submits two, down to the leaves. What is refused runs in place. */
typedef struct tree {
    atomic_uint nodes, dropped;
} tree;

typedef struct node {
    tree *tree;
    unsigned depth;
} node;

static void node_done(void *arg, const wpool_result *result) {
    node *n = (node *)arg;
    if (result->state == WPOOL_STATE_DISCARDED) /* with all that it would have grown into */
        atomic_fetch_add(&n->tree->dropped, (1u << (n->depth + 1)) - 1);
    free(n);
}

static int node_job(void *arg, wpool_job *job);

static wpool_status node_submit(wpool *pool, tree *t, unsigned depth) {
    static const wpool_options options = {.on_done = node_done};
    node *n = (node *)malloc(sizeof *n);
    CHECK(n != NULL);
    *n = (node){t, depth};
    wpool_status status = wpool_submit_with(pool, node_job, n, &options, NULL);
    if (status != WPOOL_OK) free(n);
    return status;
}

static void node_grow(wpool *pool, tree *t, unsigned depth) {
    atomic_fetch_add(&t->nodes, 1);
    for (int i = 0; i < 2 && depth > 0; i++) {
        wpool_status status = node_submit(pool, t, depth - 1);
        CHECK(status == WPOOL_OK || status == WPOOL_FULL);
        if (status == WPOOL_FULL) node_grow(pool, t, depth - 1);
    }
}

static int node_job(void *arg, wpool_job *job) {
    node *n = (node *)arg;
    node_grow(wpool_job_pool(job), n->tree, n->depth);
    return 0;
}

static void check_tree(wpool_when_full when_full, size_t capacity) {
    enum { DEPTH = 10 };
    for (unsigned workers = 1; workers <= 4; workers++) {
        tree t = {0};
        wpool *pool = pool_with(workers, capacity, when_full, false);
        CHECK_EQ(node_submit(pool, &t, DEPTH), WPOOL_OK);
        test_drain(pool);
        test_destroy(pool);
        CHECK_EQ(t.nodes + t.dropped, (1 << (DEPTH + 1)) - 1);
        if (when_full != WPOOL_DROP_OLDEST) CHECK_EQ(t.dropped, 0);
    }
}

TEST(a_tree_of_jobs_grows_through_one_place_blocking) { check_tree(WPOOL_BLOCK, 1); }
TEST(a_tree_of_jobs_grows_through_one_place_refusing) { check_tree(WPOOL_REFUSE, 1); }
TEST(a_tree_of_jobs_grows_through_one_place_running) { check_tree(WPOOL_RUN, 1); }
TEST(a_tree_of_jobs_grows_through_one_place_dropping) { check_tree(WPOOL_DROP_OLDEST, 1); }
TEST(a_tree_of_jobs_grows_through_no_place) {
    NEEDS_WORKERS(); /* inline, nobody is there to take the first node */
    check_tree(WPOOL_BLOCK, WPOOL_UNBUFFERED);
}

/* ---- B4: no places ---- */

TEST(unbuffered_submit_returns_when_a_worker_has_the_job) {
    NEEDS_WORKERS();
    for (unsigned workers = 1; workers <= 3; workers++) {
        hold h = HOLD_EMPTY;
        attempt attempts[4];
        atomic_uint returned = 0;
        wpool *pool = test_pool_of(workers, WPOOL_UNBUFFERED);
        hold_workers(&h, pool, workers);
        attempts_start(attempts, 4, (attempt){pool, hold_job, &h, .returned = &returned});
        CHECK_EQ(test_stats(pool).waiting, 0);
        for (unsigned i = 1; i <= 4; i++) {
            hold_release(&h, 1);
            await_returned(&returned, i);
            gate_await_count(&h.running, workers + i);
        }
        attempts_join(attempts, 4, WPOOL_OK);
        hold_release(&h, workers);
        test_destroy(pool);
    }
}

TEST(unbuffered_try_submit_needs_an_idle_worker) {
    NEEDS_WORKERS();
    for (unsigned workers = 1; workers <= 3; workers++) {
        hold h = HOLD_EMPTY;
        wpool *pool = test_pool_of(workers, WPOOL_UNBUFFERED);
        hold_workers(&h, pool, workers);
        CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_FULL);
        for (unsigned i = 1; i <= 10; i++) {
            hold_release(&h, 1);
            while (test_stats(pool).workers_idle != 1)
                sched_yield();
            CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_OK);
            CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_FULL);
            gate_await_count(&h.running, workers + i);
        }
        hold_release(&h, workers);
        test_destroy(pool);
    }
}

TEST(unbuffered_try_submit_takes_one_idle_worker_after_the_other) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    hold_init(&h);
    wpool *pool = test_pool_of(5, WPOOL_UNBUFFERED);
    for (unsigned round = 0; round < 100; round++) {
        test_await_idle(pool);
        for (unsigned i = 1; i <= 5; i++) {
            CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_OK);
            gate_await_count(&h.running, 5 * round + i);
        }
        CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_FULL);
        hold_release(&h, 5);
    }
    test_destroy(pool);
}

/* The same, while those taken before have not yet begun: an idle worker is a place all the time. */
TEST(unbuffered_try_submit_takes_every_idle_worker_at_once) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    hold_init(&h);
    wpool *pool = test_pool_of(5, WPOOL_UNBUFFERED);
    for (unsigned round = 1; round <= 3000; round++) {
        test_await_idle(pool);
        for (int i = 0; i < 5; i++)
            CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_OK);
        CHECK_EQ(wpool_try_submit(pool, hold_job, &h, NULL), WPOOL_FULL);
        gate_await_count(&h.running, 5 * round);
        hold_release(&h, 5);
    }
    test_destroy(pool);
}

typedef struct meeting {
    wpool *pool;
    atomic_uint returned, finished;
    unsigned workers;
    helper helper;
} meeting;

static int meeting_job(void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_add(&((meeting *)arg)->finished, 1);
    return 0;
}

/* What has been handed over is finished, or in a worker's hands: one job in each. */
static void meet(void *arg) {
    meeting *m = (meeting *)arg;
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ(wpool_submit(m->pool, meeting_job, m, NULL), WPOOL_OK);
        unsigned returned = atomic_fetch_add(&m->returned, 1) + 1;
        CHECK(returned <= atomic_load(&m->finished) + m->workers);
    }
}

TEST(unbuffered_producers_meet_workers_one_to_one) {
    NEEDS_WORKERS();
    for (unsigned workers = 1; workers <= 4; workers++) {
        meeting m = {.pool = test_pool_of(workers, WPOOL_UNBUFFERED), .workers = workers};
        helper helpers[3];
        for (int i = 0; i < 3; i++)
            helper_start(&helpers[i], meet, &m);
        for (int i = 0; i < 3; i++)
            helper_join(&helpers[i]);
        test_destroy(m.pool);
        CHECK_EQ(m.finished, 6000);
    }
}

static void check_unbuffered_woken(wpool_status (*end)(wpool *)) {
    hold h = HOLD_EMPTY;
    attempt attempts[3];
    atomic_uint returned = 0, ran = 0;
    wpool *pool = test_pool_of(1, WPOOL_UNBUFFERED);
    hold_workers(&h, pool, 1);
    attempts_start(attempts, 3, (attempt){pool, count_job, &ran, .returned = &returned});
    CHECK_EQ(end(pool), WPOOL_OK);
    attempts_join(attempts, 3, WPOOL_CLOSED);
    hold_release(&h, 1);
    test_destroy(pool);
    CHECK_EQ(ran, 0);
}

TEST(closing_wakes_submitters_to_an_unbuffered_pool) {
    NEEDS_WORKERS();
    check_unbuffered_woken(wpool_close);
}

TEST(stopping_wakes_submitters_to_an_unbuffered_pool) {
    NEEDS_WORKERS();
    check_unbuffered_woken(stop_gracefully);
}

TEST(an_unbuffered_pool_that_is_paused_takes_nothing) {
    NEEDS_WORKERS();
    attempt attempts[3];
    atomic_uint returned = 0, ran = 0;
    wpool *pool = test_pool_paused(2, WPOOL_UNBUFFERED);
    test_await_idle(pool);
    CHECK_EQ(wpool_try_submit(pool, count_job, &ran, NULL), WPOOL_FULL);
    attempts_start(attempts, 3, (attempt){pool, count_job, &ran, .returned = &returned});
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    attempts_join(attempts, 3, WPOOL_OK);
    test_destroy(pool);
    CHECK_EQ(ran, 3);
}

TEST(an_unbuffered_pool_with_busy_workers_follows_its_policy) {
    NEEDS_WORKERS();
    static const wpool_when_full policies[] = {WPOOL_REFUSE, WPOOL_DROP_OLDEST, WPOOL_RUN};
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        hold h = HOLD_EMPTY;
        place p = {0};
        wpool *pool = pool_with(1, WPOOL_UNBUFFERED, policies[i], false);
        test_await_idle(pool);
        hold_workers(&h, pool, 1);
        wpool_status expected = policies[i] == WPOOL_RUN ? WPOOL_OK : WPOOL_FULL;
        CHECK_EQ(wpool_submit(pool, place_job, &p, NULL), expected);
        if (policies[i] == WPOOL_RUN) check_ran_here(&p);
        hold_release(&h, 1);
        test_destroy(pool);
        CHECK_EQ(p.ran, policies[i] == WPOOL_RUN);
    }
}

TEST(a_worker_can_submit_to_its_own_unbuffered_pool) {
    wpool_stats_snapshot stats;
    brood b = breed(WPOOL_BLOCK, WPOOL_UNBUFFERED, &stats);
    CHECK_EQ(b.ran, 100);
}

TEST(an_inline_unbuffered_pool_runs_the_job_in_the_submit) {
    place p = {0};
    wpool *pool =
        test_pool(&(wpool_config){.max_workers = WPOOL_INLINE, .queue_capacity = WPOOL_UNBUFFERED});
    CHECK_EQ(wpool_submit(pool, place_job, &p, NULL), WPOOL_OK);
    check_ran_here(&p);
    test_destroy(pool);
}
