/* Jobs that say that they block, and jobs that wait: another worker takes their place, if there may
   be one. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

/* How many are called at this moment, and most at once. */
static struct { atomic_uint now, most; } calls;

static void calls_begin(void) {
    const unsigned now = atomic_fetch_add(&calls.now, 1) + 1;
    unsigned most = atomic_load(&calls.most);
    while (most < now && !atomic_compare_exchange_weak(&calls.most, &most, now))
        continue;
}

static void wait_at(void *door) { gate_job(door, NULL); }

/* A job that blocks until the gate, its argument, is open. */
static int blocking_job(void *door, wpool_job *job) {
    CHECK_EQ(wpool_blocking(job, wait_at, door), WPOOL_OK);
    return 0;
}

static void submit_blocking(wpool *pool, gate *door, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(wpool_submit(pool, blocking_job, door, NULL), WPOOL_OK);
}

static wpool *pool_between(unsigned min, unsigned max) {
    return test_pool(&(wpool_config){.min_workers = min,
                                     .max_workers = max,
                                     .scaling = {.idle = WPOOL_MS(1), .cooldown = WPOOL_MS(1)}});
}

static void await_workers(wpool *pool, unsigned count) {
    while (test_stats(pool).workers != count)
        sched_yield();
}

static void await_count(atomic_uint *count, unsigned expected) {
    while (atomic_load(count) != expected)
        sched_yield();
}

/* ---- the place of a blocked worker ---- */

/* The best of some tries: who else uses the machine is not known. */
TEST(a_third_job_starts_within_10_ms_when_two_block) {
    NEEDS_WORKERS();
    int64_t best = INT64_MAX;
    for (int i = 0; i < 10; i++) {
        gate door = GATE_CLOSED, third = GATE_CLOSED;
        wpool *pool = pool_between(2, 3);
        submit_blocking(pool, &door, 2);
        gate_await_count(&door, 2);
        CHECK_EQ(test_stats(pool).workers_blocked, 2);
        const int64_t begin = test_now_ns();
        CHECK_EQ(wpool_submit(pool, gate_job, &third, NULL), WPOOL_OK);
        gate_await_count(&third, 1);
        const int64_t took = test_now_ns() - begin;
        if (took < best) best = took;
        gate_open(&third);
        gate_open(&door);
        test_destroy(pool);
    }
    CHECK(best < WPOOL_MS(10));
}

TEST(there_are_never_more_workers_than_there_may_be) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    wpool *pool = pool_between(2, 5);
    submit_blocking(pool, &door, 7);
    gate_await_count(&door, 5);
    CHECK_EQ(test_stats(pool).workers, 5);
    CHECK_EQ(test_stats(pool).workers_blocked, 5);
    test_let_others_run();
    CHECK_EQ(test_stats(pool).workers, 5);
    CHECK_EQ(test_stats(pool).running, 5);
    gate_open(&door);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).workers_blocked, 0);
    test_destroy(pool);
}

static void call_shortly(void *arg) {
    (void)arg;
    sched_yield();
}

static int short_job(void *arg, wpool_job *job) {
    calls_begin();
    CHECK_EQ(wpool_blocking(job, call_shortly, arg), WPOOL_OK);
    atomic_fetch_sub(&calls.now, 1);
    return 0;
}

TEST(ten_thousand_blockers_never_exceed_the_maximum) {
    NEEDS_WORKERS();
    enum { JOBS = 10000, MAX = 8 };
    gate door = GATE_CLOSED;
    wpool *pool = pool_between(2, MAX);
    submit_blocking(pool, &door, 2);
    gate_await_count(&door, 2);
    for (int i = 0; i < JOBS; i++) {
        CHECK_EQ(wpool_submit(pool, short_job, NULL, NULL), WPOOL_OK);
        CHECK(test_stats(pool).workers <= MAX);
    }
    gate_open(&door);
    test_drain(pool);
    CHECK(atomic_load(&calls.most) <= MAX);
    CHECK_EQ(test_stats(pool).succeeded, 2 + JOBS);
    test_destroy(pool);
}

TEST(the_place_is_given_back) {
    NEEDS_WORKERS();
    wpool *pool = pool_between(2, 6);
    for (int i = 0; i < 3; i++) {
        gate door = GATE_CLOSED;
        submit_blocking(pool, &door, 6);
        gate_await_count(&door, 6);
        gate_open(&door);
        test_drain(pool);
        CHECK_EQ(test_stats(pool).workers_blocked, 0);
        await_workers(pool, 2);
    }
    test_destroy(pool);
}

TEST(nothing_is_added_where_the_limits_are_the_same) {
    NEEDS_WORKERS();
    static const wpool_config configs[] = {
        {.workers = 2}, {.workers = 2, .max_workers = 2}, {.min_workers = 2, .max_workers = 2}};
    for (size_t i = 0; i < COUNT_OF(configs); i++) {
        gate door = GATE_CLOSED;
        atomic_uint count = 0;
        wpool *pool = test_pool(&configs[i]);
        submit_blocking(pool, &door, 2);
        gate_await_count(&door, 2);
        count_submit(pool, &count, 100);
        CHECK_EQ(test_stats(pool).workers_blocked, 2);
        test_let_others_run();
        CHECK_EQ(test_stats(pool).workers, 2);
        CHECK_EQ(atomic_load(&count), 0);
        gate_open(&door);
        test_drain(pool);
        CHECK_EQ(atomic_load(&count), 100);
        CHECK_EQ(test_stats(pool).scale_ups, 0);
        test_destroy(pool);
    }
}

/* It took them from the queue together with the one that blocks. */
TEST(what_a_blocked_worker_has_in_its_hands_is_run_by_others) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    atomic_uint count = 0;
    wpool *pool = pool_between(1, 2);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    submit_blocking(pool, &door, 1);
    count_submit(pool, &count, 40);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    await_count(&count, 40);
    gate_open(&door);
    test_destroy(pool);
}

/* It is none of those that take jobs. */
TEST(a_blocked_worker_that_is_to_leave_does_not_count) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED, other = GATE_CLOSED;
    wpool_worker_info infos[3];
    wpool *pool = test_pool_of(3, 0);
    submit_blocking(pool, &door, 1);
    gate_await_count(&door, 1);
    CHECK_EQ(test_stats(pool).workers_blocked, 1);
    CHECK_EQ(wpool_workers(pool, infos, 3), 3);
    for (int i = 0; i < 3; i++)
        if (infos[i].running)
            CHECK_EQ(wpool_worker_stop(pool, infos[i].worker, WPOOL_GRACEFUL, NULL), WPOOL_OK);
    CHECK_EQ(test_stats(pool).workers_leaving, 1);
    CHECK_EQ(test_stats(pool).workers_blocked, 0);
    submit_blocking(pool, &other, 1);
    gate_await_count(&other, 1);
    CHECK_EQ(test_stats(pool).workers_blocked, 1);
    gate_open(&door);
    while (wpool_workers(pool, NULL, 0) != 2)
        sched_yield();
    CHECK_EQ(test_stats(pool).workers_blocked, 1);
    gate_open(&other);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).workers_blocked, 0);
    test_destroy(pool);
}

/* A job that no worker could take would not even be accepted. */
TEST(a_submitter_without_room_gets_a_worker) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    atomic_uint count = 0;
    wpool *pool = test_pool(
        &(wpool_config){.workers = 1, .max_workers = 2, .queue_capacity = WPOOL_UNBUFFERED});
    submit_blocking(pool, &door, 1);
    gate_await_count(&door, 1);
    count_submit(pool, &count, 10);
    CHECK_EQ(test_stats(pool).workers, 2);
    gate_open(&door);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 10);
}

/* ---- what is called ---- */

typedef struct nest {
    wpool_job *job;
    unsigned depth;
    atomic_uint count;
} nest;

static void call_nested(void *arg) {
    nest *n = (nest *)arg;
    wpool *pool = wpool_job_pool(n->job);
    CHECK_EQ(test_stats(pool).workers_blocked, 1);
    if (n->depth-- > 0) CHECK_EQ(wpool_blocking(n->job, call_nested, n), WPOOL_OK);
    CHECK_EQ(test_stats(pool).workers_blocked, 1);
}

static int nested_job(void *arg, wpool_job *job) {
    nest *n = (nest *)arg;
    n->job = job;
    for (n->depth = 0; n->depth < 3;) {
        const unsigned depth = n->depth;
        CHECK_EQ(wpool_blocking(job, call_nested, n), WPOOL_OK);
        CHECK_EQ(test_stats(wpool_job_pool(job)).workers_blocked, 0);
        n->depth = depth + 1;
    }
    return 0;
}

/* There are others, which could be counted too. */
TEST(who_blocks_while_it_blocks_counts_once) {
    NEEDS_WORKERS();
    nest n = {.depth = 0};
    wpool *pool = pool_between(5, 6);
    CHECK_EQ(wpool_submit(pool, nested_job, &n, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).succeeded, 1);
    test_destroy(pool);
}

static void call_pool(void *arg) {
    nest *n = (nest *)arg;
    wpool_id id;
    CHECK_EQ(wpool_submit(wpool_job_pool(n->job), count_job, &n->count, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(wpool_job_pool(n->job), id, WPOOL_FOREVER, NULL), WPOOL_OK);
}

static int calling_job(void *arg, wpool_job *job) {
    nest *n = (nest *)arg;
    n->job = job;
    for (int i = 0; i < 100; i++)
        CHECK_EQ(wpool_blocking(job, call_pool, n), WPOOL_OK);
    return 0;
}

TEST(what_is_called_may_use_the_pool) {
    NEEDS_WORKERS();
    for (unsigned max = 1; max <= 3; max++) {
        nest n = {.count = 0};
        wpool *pool = pool_between(1, max);
        CHECK_EQ(wpool_submit(pool, calling_job, &n, NULL), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(atomic_load(&n.count), 100);
        CHECK_EQ(test_stats(pool).workers_blocked, 0);
        test_destroy(pool);
    }
}

/* ---- where there is no place to give: it is called, and that is all ---- */

static void must_not_be_called(void *arg) {
    (void)arg;
    CHECK(false);
}

static int nonsense_job(void *arg, wpool_job *job) {
    (void)arg;
    CHECK_EQ(wpool_blocking(NULL, must_not_be_called, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_blocking(job, NULL, NULL), WPOOL_INVALID);
    return 0;
}

TEST(nonsense_is_refused) {
    wpool *pool = test_pool_of(1, 0);
    nonsense_job(NULL, NULL);
    CHECK_EQ(wpool_submit(pool, nonsense_job, NULL, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).succeeded, 1);
    test_destroy(pool);
}

/* Who is no worker, and runs a job. */
typedef struct placeless {
    wpool *pool;
    pthread_t thread;
    unsigned called;
} placeless;

static void placeless_call(void *arg) {
    placeless *p = (placeless *)arg;
    CHECK(pthread_equal(pthread_self(), p->thread));
    CHECK_EQ(test_stats(p->pool).workers_blocked, 0);
    p->called++;
}

static int placeless_job(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_blocking(job, placeless_call, arg), WPOOL_OK);
    return 0;
}

TEST(who_drives_an_inline_pool_has_no_place) {
    placeless p = {.pool = test_pool(&(wpool_config){.max_workers = WPOOL_INLINE}),
                   .thread = pthread_self()};
    CHECK_EQ(wpool_submit(p.pool, placeless_job, &p, NULL), WPOOL_OK);
    test_drain(p.pool);
    CHECK_EQ(p.called, 1);
    test_destroy(p.pool);
}

static int placeless_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    (void)begin, (void)end;
    return placeless_job(arg, job);
}

/* The worker is busy: the job of the full queue, and the loop, are the caller's. */
TEST(who_runs_a_job_or_a_loop_itself_has_no_place) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    placeless p = {.thread = pthread_self()};
    p.pool = test_pool(&(wpool_config){.workers = 1,
                                       .max_workers = 2,
                                       .queue_capacity = 1,
                                       .when_full = WPOOL_RUN,
                                       .scaling = {.jobs_per_worker = UINT_MAX}});
    CHECK_EQ(wpool_submit(p.pool, gate_job, &door, NULL), WPOOL_OK);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_submit(p.pool, gate_job, &door, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(p.pool, placeless_job, &p, NULL), WPOOL_OK);
    CHECK_EQ(p.called, 1);
    CHECK_EQ(wpool_for(p.pool, 0, 10, 1, placeless_body, &p), WPOOL_OK);
    CHECK_EQ(p.called, 11);
    CHECK_EQ(test_stats(p.pool).workers, 1);
    gate_open(&door);
    test_destroy(p.pool);
}

/* ---- jobs that wait ---- */

enum { BY_ID, BY_JOB, BY_GROUP, WAYS };

/* A job that another one waits for. */
typedef struct inner {
    int way;
    wpool_fn fn;
    void *arg;
    wpool *pool;
    wpool_id id;
    wpool_job job;
    wpool_group group;
} inner;

static void inner_submit(wpool *pool, inner *n) {
    const wpool_options options = {.group = n->way == BY_GROUP ? &n->group : NULL};
    n->pool = pool;
    CHECK_EQ(wpool_group_init(&n->group, NULL), WPOOL_OK);
    wpool_job_init(&n->job, n->fn, n->arg);
    CHECK_EQ(n->way == BY_ID ? wpool_submit(pool, n->fn, n->arg, &n->id)
                             : wpool_submit_job(pool, &n->job, &options),
             WPOOL_OK);
}

static int wait_job(void *arg, wpool_job *job) {
    inner *n = (inner *)arg;
    wpool_status status = WPOOL_OK;
    (void)job;
    if (n->way == BY_ID) status = wpool_wait(n->pool, n->id, WPOOL_FOREVER, NULL);
    if (n->way == BY_GROUP) status = wpool_group_wait(&n->group, WPOOL_FOREVER, NULL);
    if (n->way != BY_ID) CHECK_EQ(wpool_job_wait(&n->job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(status, WPOOL_OK);
    return 0;
}

static int submit_and_wait_job(void *arg, wpool_job *job) {
    inner_submit(wpool_job_pool(job), (inner *)arg);
    return wait_job(arg, job);
}

static int take_job(void *arg, wpool_job *job) {
    (void)arg;
    CHECK_EQ(wpool_take(wpool_job_pool(job), WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

static wpool *waiting_pool(unsigned min, unsigned max, wpool_help help) {
    return test_pool(&(wpool_config){.min_workers = min, .max_workers = max, .help = help});
}

/* The only worker may run nothing while it waits. */
TEST(a_worker_that_waits_and_may_not_help_is_replaced) {
    NEEDS_WORKERS();
    for (int way = 0; way < WAYS; way++) {
        gate door = GATE_CLOSED;
        inner n = {.way = way, .fn = gate_job, .arg = &door};
        wpool *pool = waiting_pool(1, 2, WPOOL_HELP_NONE);
        CHECK_EQ(wpool_submit(pool, submit_and_wait_job, &n, NULL), WPOOL_OK);
        gate_await_count(&door, 1);
        while (test_stats(pool).workers_blocked != 1)
            sched_yield();
        CHECK_EQ(test_stats(pool).workers, 2);
        CHECK_EQ(test_stats(pool).running, 2);
        gate_open(&door);
        test_drain(pool);
        CHECK_EQ(test_stats(pool).workers_blocked, 0);
        CHECK_EQ(test_stats(pool).succeeded, 2);
        test_destroy(pool);
    }
}

/* Each waits for the next one; the last one needs the last place. */
TEST(workers_that_wait_for_each_other_are_replaced_up_to_the_last) {
    NEEDS_WORKERS();
    enum { MAX = 5 };
    for (int way = 0; way < WAYS; way++) {
        atomic_uint count = 0;
        inner chain[MAX - 1];
        for (int i = 0; i < MAX - 1; i++) {
            const bool is_last = i == MAX - 2;
            chain[i] = (inner){.way = way,
                               .fn = is_last ? count_job : submit_and_wait_job,
                               .arg = is_last ? (void *)&count : (void *)&chain[i + 1]};
        }
        wpool *pool = waiting_pool(1, MAX, WPOOL_HELP_NONE);
        CHECK_EQ(wpool_submit(pool, submit_and_wait_job, &chain[0], NULL), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(atomic_load(&count), 1);
        CHECK_EQ(test_stats(pool).succeeded, MAX);
        test_destroy(pool);
    }
}

/* There is nothing that it could help with: the job runs already. */
TEST(a_worker_that_waits_for_a_job_that_runs_elsewhere_is_replaced) {
    NEEDS_WORKERS();
    static const wpool_help helps[] = {WPOOL_HELP_NARROW, WPOOL_HELP_NONE};
    for (size_t i = 0; i < COUNT_OF(helps); i++)
        for (int way = 0; way < WAYS; way++) {
            gate elsewhere = GATE_CLOSED, third = GATE_CLOSED;
            inner n = {.way = way, .fn = gate_job, .arg = &elsewhere};
            wpool *pool = waiting_pool(2, 3, helps[i]);
            inner_submit(pool, &n);
            gate_await_count(&elsewhere, 1);
            CHECK_EQ(wpool_submit(pool, wait_job, &n, NULL), WPOOL_OK);
            while (test_stats(pool).workers_blocked != 1)
                sched_yield();
            CHECK_EQ(wpool_submit(pool, gate_job, &third, NULL), WPOOL_OK);
            gate_await_count(&third, 1);
            CHECK_EQ(test_stats(pool).workers, 3);
            gate_open(&elsewhere);
            gate_open(&third);
            test_drain(pool);
            CHECK_EQ(test_stats(pool).workers_blocked, 0);
            test_destroy(pool);
        }
}

TEST(a_worker_that_takes_results_is_replaced) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED, third = GATE_CLOSED;
    wpool *pool = test_pool(&(wpool_config){.min_workers = 2, .max_workers = 3, .results = true});
    CHECK_EQ(wpool_submit(pool, gate_job, &door, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, take_job, NULL, NULL), WPOOL_OK);
    while (test_stats(pool).workers_blocked != 1)
        sched_yield();
    CHECK_EQ(wpool_submit(pool, gate_job, &third, NULL), WPOOL_OK);
    gate_await_count(&third, 1);
    gate_open(&door);
    gate_open(&third);
    test_drain(pool);
    test_destroy(pool);
}

TEST(a_worker_that_waits_for_another_pool_is_replaced) {
    NEEDS_WORKERS();
    for (int way = 0; way < WAYS; way++) {
        gate door = GATE_CLOSED, second = GATE_CLOSED;
        inner n = {.way = way, .fn = gate_job, .arg = &door};
        wpool *other = test_pool_of(1, 0), *pool = waiting_pool(1, 2, WPOOL_HELP_NARROW);
        inner_submit(other, &n);
        CHECK_EQ(wpool_submit(pool, wait_job, &n, NULL), WPOOL_OK);
        while (test_stats(pool).workers_blocked != 1)
            sched_yield();
        CHECK_EQ(wpool_submit(pool, gate_job, &second, NULL), WPOOL_OK);
        gate_await_count(&second, 1);
        CHECK_EQ(test_stats(other).workers_blocked, 0);
        gate_open(&second);
        gate_open(&door);
        test_destroy(pool);
        test_destroy(other);
    }
}

static int drain_job(void *other, wpool_job *job) {
    (void)job;
    CHECK_EQ(wpool_drain((wpool *)other, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

static int shutdown_job(void *other, wpool_job *job) {
    (void)job;
    CHECK_EQ(wpool_shutdown((wpool *)other, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

static int destroy_job(void *other, wpool_job *job) {
    (void)job;
    CHECK_EQ(wpool_destroy((wpool *)other), WPOOL_OK);
    return 0;
}

TEST(a_worker_that_waits_for_another_pools_end_is_replaced) {
    NEEDS_WORKERS();
    static const wpool_fn ends[] = {drain_job, shutdown_job, destroy_job};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        gate door = GATE_CLOSED, second = GATE_CLOSED;
        wpool *other = test_pool_of(1, 0), *pool = pool_between(1, 2);
        CHECK_EQ(wpool_submit(other, gate_job, &door, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, ends[i], other, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, gate_job, &second, NULL), WPOOL_OK);
        gate_await_count(&second, 1);
        CHECK_EQ(test_stats(pool).workers_blocked, 1);
        gate_open(&second);
        gate_open(&door);
        test_drain(pool);
        CHECK_EQ(test_stats(pool).workers_blocked, 0);
        test_destroy(pool);
        if (ends[i] != destroy_job) test_destroy(other);
    }
}

/* A pool whose only worker is busy until the door opens, without room; nor has its lane any. */
typedef struct crowded {
    gate door;
    wpool *pool;
    wpool_lane lane;
    wpool_job job;
    atomic_uint count;
} crowded;

static void crowded_begin(crowded *c, size_t capacity) {
    const wpool_options options = {.lane = &c->lane};
    *c = (crowded){.door = GATE_CLOSED, .pool = test_pool_of(1, capacity)};
    lane_begin(&c->lane, c->pool, 1, 1);
    CHECK_EQ(wpool_submit_with(c->pool, gate_job, &c->door, &options, NULL), WPOOL_OK);
    gate_await_count(&c->door, 1);
    CHECK_EQ(wpool_submit_with(c->pool, gate_job, &c->door, &options, NULL), WPOOL_OK);
    if (capacity != WPOOL_UNBUFFERED) count_submit(c->pool, &c->count, capacity);
}

static int crowd_job(void *arg, wpool_job *job) {
    crowded *c = (crowded *)arg;
    (void)job;
    count_submit(c->pool, &c->count, 1);
    return 0;
}

static int crowd_with_job(void *arg, wpool_job *job) {
    crowded *c = (crowded *)arg;
    (void)job;
    wpool_job_init(&c->job, count_job, &c->count);
    CHECK_EQ(wpool_submit_job(c->pool, &c->job, NULL), WPOOL_OK);
    return 0;
}

static int crowd_with_many(void *arg, wpool_job *job) {
    crowded *c = (crowded *)arg;
    void *args[] = {&c->count};
    (void)job;
    CHECK_EQ(wpool_submit_many(c->pool, count_job, args, 1, NULL), 1);
    return 0;
}

static int crowd_lane(void *arg, wpool_job *job) {
    crowded *c = (crowded *)arg;
    const wpool_options options = {.lane = &c->lane, .timeout = WPOOL_SECONDS(1000)};
    (void)job;
    CHECK_EQ(wpool_submit_with(c->pool, count_job, &c->count, &options, NULL), WPOOL_OK);
    return 0;
}

TEST(a_worker_that_submits_to_another_full_pool_is_replaced) {
    NEEDS_WORKERS();
    static const wpool_fn ways[] = {crowd_job, crowd_with_job, crowd_with_many, crowd_lane};
    static const size_t capacities[] = {1, 3, WPOOL_UNBUFFERED};
    for (size_t i = 0; i < COUNT_OF(ways) * COUNT_OF(capacities); i++) {
        const size_t capacity = capacities[i % COUNT_OF(capacities)];
        gate second = GATE_CLOSED;
        crowded c;
        wpool *pool = pool_between(1, 2);
        crowded_begin(&c, capacity);
        CHECK_EQ(wpool_submit(pool, ways[i / COUNT_OF(capacities)], &c, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, gate_job, &second, NULL), WPOOL_OK);
        gate_await_count(&second, 1);
        CHECK_EQ(test_stats(pool).workers, 2);
        CHECK_EQ(test_stats(pool).workers_blocked, 1);
        CHECK_EQ(test_stats(c.pool).workers_blocked, 0);
        gate_open(&c.door);
        while (test_stats(pool).workers_blocked != 0)
            sched_yield();
        gate_open(&second);
        test_drain(pool);
        test_destroy(pool);
        lane_and_pool_end(&c.lane, c.pool);
        CHECK_EQ(atomic_load(&c.count), 1 + (capacity != WPOOL_UNBUFFERED ? capacity : 0));
    }
}

/* It runs that pool's jobs itself. */
TEST(a_worker_that_drains_an_inline_pool_keeps_its_place) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    wpool *other = test_pool(&(wpool_config){.max_workers = WPOOL_INLINE}),
          *pool = pool_between(1, 2);
    CHECK_EQ(wpool_submit(other, gate_job, &door, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, drain_job, other, NULL), WPOOL_OK);
    gate_await_count(&door, 1);
    CHECK_EQ(test_stats(pool).workers_blocked, 0);
    gate_open(&door);
    test_drain(pool);
    test_destroy(pool);
    test_destroy(other);
}
