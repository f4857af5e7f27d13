/* In which order queued jobs start, and that all else is the same in each order: rows F1, F2 and
   F3, and A6 for the order. Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { STEPS = 500 };
#else
enum { STEPS = 5000 };
#endif

enum { ORDERS = WPOOL_PRIORITY + 1, PRIORITIES = WPOOL_LOW + 1 };

/* More jobs than a worker takes at once, and than its deque holds at first. */
enum { MANY = 3 * WPOOL_BATCH };

/* Paused. */
static wpool *pool_in(int in_order, unsigned workers, size_t capacity, wpool_when_full when_full) {
    return pool_from((wpool_config){.workers = workers,
                                    .queue_capacity = capacity,
                                    .when_full = when_full,
                                    .order = (wpool_order)in_order,
                                    .start_paused = true});
}

static void set_order(wpool *pool, int in_order) {
    wpool_config config = pool_config(pool);
    config.order = (wpool_order)in_order;
    CHECK(wpool_config_conflict(pool, &config) == NULL);
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    CHECK_EQ(pool_config(pool).order, in_order);
}

/* ---- jobs that know when it is their turn ---- */

enum { PLAIN, TRY, IN_MANY, WITH, WITH_ID, OWNED, WAYS }; /* to hand one in */

typedef struct item {
    step step; /* its number is its expected place */
    wpool_id id;
    wpool_job job;
} item;

/* A priority is for the ways from WITH on. */
static wpool_status item_hand_in(wpool *pool, item *x, int way, int priority) {
    const wpool_options options = {.priority = (wpool_priority)priority};
    void *const args[1] = {&x->step};
    wpool_status why;
    switch (way) {
    case PLAIN:
        return wpool_submit(pool, step_job, &x->step, NULL);
    case TRY:
        return wpool_try_submit(pool, step_job, &x->step, NULL);
    case IN_MANY:
        wpool_submit_many(pool, step_job, args, 1, &why);
        return why;
    case WITH:
        return wpool_submit_with(pool, step_job, &x->step, &options, NULL);
    case WITH_ID:
        return wpool_submit_with(pool, step_job, &x->step, &options, &x->id);
    default:
        wpool_job_init(&x->job, step_job, &x->step);
        return wpool_submit_job(pool, &x->job, &options);
    }
}

/* In every way, in turn; they are to run in this order, the first one at that place. */
static void items_submit(wpool *pool, item *items, unsigned count, order *ran, int in_order,
                         unsigned first) {
    for (unsigned i = 0; i < count; i++) {
        items[i].step = (step){ran, first + (in_order == WPOOL_LIFO ? count - 1 - i : i)};
        CHECK_EQ(item_hand_in(pool, &items[i], (int)i % WAYS, WPOOL_NORMAL), WPOOL_OK);
    }
}

TEST(the_order_is_as_the_pool_says) {
    static item items[MANY];
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        order ran = {0};
        wpool *pool = pool_in(in_order, 1, 0, WPOOL_BLOCK);
        CHECK_EQ(pool_config(pool).order, in_order);
        items_submit(pool, items, MANY, &ran, in_order, 0);
        CHECK_EQ(test_stats(pool).waiting, MANY);
        test_start(pool);
        test_drain(pool);
        order_check(&ran, 0, MANY);
        test_destroy(pool);
    }
}

TEST(jobs_of_one_call_are_submitted_one_after_the_other) {
    static step steps[MANY];
    static void *args[MANY + 1]; /* one more than there is room for */
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        order ran = {0};
        wpool_status why;
        wpool *pool = pool_in(in_order, 1, MANY, WPOOL_REFUSE);
        for (unsigned i = 0; i < MANY; i++) {
            steps[i] = (step){&ran, in_order == WPOOL_LIFO ? MANY - 1 - i : i};
            args[i] = &steps[i];
        }
        CHECK_EQ(wpool_submit_many(pool, step_job, args, 1, &why), 1);
        CHECK_EQ(wpool_submit_many(pool, step_job, args + 1, MANY, &why), MANY - 1);
        CHECK_EQ(why, WPOOL_FULL);
        test_destroy(pool);
        order_check(&ran, 0, MANY);
    }
}

/* A tree of jobs, each of which submits the two below it. The numbers go from top to bottom. */
enum { NODES = 255 };

static order tree_ran;

static int node_job(void *arg, wpool_job *job) {
    const unsigned number = (unsigned)(uintptr_t)arg;
    order_add(&tree_ran, number);
    for (uintptr_t child = 2 * number; child <= 2 * number + 1 && child <= NODES; child++)
        CHECK_EQ(wpool_submit(wpool_job_pool(job), node_job, (void *)child, NULL), WPOOL_OK);
    return 0;
}

static unsigned check_depth_first(unsigned number, unsigned place) {
    if (number > NODES) return place;
    CHECK_EQ(tree_ran.numbers[place], number);
    return check_depth_first(2 * number, check_depth_first(2 * number + 1, place + 1));
}

TEST(what_running_jobs_submit_comes_last_or_first) {
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        wpool *pool = pool_in(in_order, 1, NODES, WPOOL_REFUSE);
        atomic_store(&tree_ran.count, 0);
        CHECK_EQ(wpool_submit(pool, node_job, (void *)(uintptr_t)1, NULL), WPOOL_OK);
        test_start(pool);
        test_drain(pool);
        test_destroy(pool);
        if (in_order == WPOOL_LIFO)
            CHECK_EQ(check_depth_first(1, 0), NODES);
        else
            order_check(&tree_ran, 1, NODES);
    }
}

TEST(what_is_submitted_while_a_job_runs_comes_last_or_first) {
    NEEDS_WORKERS();
    static item items[MANY];
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        order ran = {0};
        hold h = HOLD_EMPTY;
        wpool *pool = pool_in(in_order, 1, 0, WPOOL_BLOCK);
        hold_init(&h);
        if (in_order == WPOOL_LIFO) { /* beneath the job that runs */
            items_submit(pool, items, 10, &ran, in_order, MANY - 10);
            CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
        } else {
            CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
            items_submit(pool, items, 10, &ran, in_order, 0);
        }
        test_start(pool);
        gate_await_count(&h.running, 1);
        items_submit(pool, items + 10, MANY - 10, &ran, in_order, in_order == WPOOL_LIFO ? 0 : 10);
        hold_release(&h, 1);
        test_destroy(pool);
        order_check(&ran, 0, MANY);
    }
}

/* ---- the capacity, and a full queue ---- */

static wpool_status submit_with(wpool *pool, wpool_fn fn, void *arg, int priority) {
    const wpool_options options = {.priority = (wpool_priority)priority};
    return wpool_submit_with(pool, fn, arg, &options, NULL);
}

/* Whatever the priority. */
static void check_full(wpool *pool, atomic_uint *count) {
    const wpool_options patient = {.timeout = WPOOL_MS(1)};
    for (int priority = 0; priority < PRIORITIES; priority++)
        CHECK_EQ(submit_with(pool, count_job, count, priority), WPOOL_FULL);
    CHECK_EQ(wpool_try_submit(pool, count_job, count, NULL), WPOOL_FULL);
    CHECK_EQ(wpool_submit_with(pool, count_job, count, &patient, NULL), WPOOL_TIMEOUT);
}

TEST(the_capacity_is_exact_in_each_order_for_all_priorities_together) {
    static const unsigned capacities[] = {1, 2, 3, 64, 65, 1000, 1025};
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (size_t n = 0; n < COUNT_OF(capacities); n++)
            for (int same = 0; same <= PRIORITIES; same++) { /* all of this one, or of each */
                atomic_uint count = 0;
                wpool *pool = pool_in(in_order, 2, capacities[n], WPOOL_REFUSE);
                for (unsigned i = 0; i < capacities[n]; i++)
                    CHECK_EQ(submit_with(pool, count_job, &count,
                                         same < PRIORITIES ? same : (int)i % PRIORITIES),
                             WPOOL_OK);
                check_full(pool, &count);
                CHECK_EQ(test_stats(pool).waiting, capacities[n]);
                test_start(pool);
                test_drain(pool);
                CHECK_EQ(count, capacities[n]);
                CHECK_EQ(submit_with(pool, count_job, &count, WPOOL_HIGH), WPOOL_OK);
                test_destroy(pool);
                CHECK_EQ(count, capacities[n] + 1);
            }
}

TEST(each_job_that_starts_lets_one_more_in_in_each_order) {
    NEEDS_WORKERS();
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (unsigned capacity = 1; capacity <= 100; capacity *= 10)
            for (unsigned workers = 1; workers <= 3; workers++) {
                hold h = HOLD_EMPTY;
                atomic_uint none = 0;
                const unsigned ended = 2 * capacity + 3;
                wpool *pool = pool_in(in_order, workers, capacity, WPOOL_REFUSE);
                test_start(pool);
                hold_init(&h);
                for (unsigned i = 1; i <= workers; i++) {
                    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
                    gate_await_count(&h.running, i);
                }
                for (unsigned i = 0; i < capacity; i++)
                    CHECK_EQ(submit_with(pool, hold_job, &h, (int)i % PRIORITIES), WPOOL_OK);
                for (unsigned i = 1; i <= ended; i++) {
                    check_full(pool, &none);
                    hold_release(&h, 1);
                    gate_await_count(&h.running, workers + i);
                    CHECK_EQ(submit_with(pool, hold_job, &h, (int)i % PRIORITIES), WPOOL_OK);
                }
                hold_release(&h, workers + capacity);
                test_destroy(pool);
                CHECK_EQ(h.running.count, workers + capacity + ended);
                CHECK_EQ(none, 0);
            }
}

/* Submits that are to block, of each priority in turn. */
static void attempts_start_in_turn(attempt *attempts, unsigned n, wpool *pool, atomic_uint *count) {
    static const wpool_options options[PRIORITIES] = {
        {.priority = WPOOL_HIGH}, {.priority = WPOOL_NORMAL}, {.priority = WPOOL_LOW}};
    for (unsigned i = 0; i < n; i++)
        attempts_start(&attempts[i], 1,
                       (attempt){pool, count_job, count, .options = &options[i % PRIORITIES]});
}

TEST(blocked_submitters_of_each_priority_go_on_or_are_sent_home) {
    NEEDS_WORKERS();
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (int is_closed = 0; is_closed < 2; is_closed++) {
            atomic_uint count = 0;
            attempt attempts[6];
            wpool *pool = pool_in(in_order, 1, 2, WPOOL_BLOCK);
            count_submit(pool, &count, 2);
            attempts_start_in_turn(attempts, 6, pool, &count);
            CHECK_EQ(test_stats(pool).waiting, 2);
            if (is_closed)
                CHECK_EQ(wpool_close(pool), WPOOL_OK);
            else
                test_start(pool);
            attempts_join(attempts, 6, is_closed ? WPOOL_CLOSED : WPOOL_OK);
            test_destroy(pool);
            CHECK_EQ(count, is_closed ? 2 : 8);
        }
}

TEST(what_does_not_fit_runs_in_the_caller_in_each_order) {
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        atomic_uint queued = 0, here = 0;
        wpool *pool = pool_in(in_order, 1, 3, WPOOL_RUN);
        count_submit(pool, &queued, 3);
        for (unsigned i = 1; i <= 9; i++) {
            CHECK_EQ(submit_with(pool, count_job, &here, (int)i % PRIORITIES), WPOOL_OK);
            CHECK_EQ(here, i);
        }
        CHECK_EQ(queued, 0);
        test_destroy(pool);
        CHECK_EQ(queued, 3);
    }
}

static order dropped;

static void step_done(void *arg, const wpool_result *result) {
    if (result->state == WPOOL_STATE_DISCARDED) order_add(&dropped, ((step *)arg)->number);
}

/* Names of priorities by what comes first. */
static const int by_rank[PRIORITIES] = {WPOOL_HIGH, WPOOL_NORMAL, WPOOL_LOW};

static int mixed_priority(unsigned i) { return by_rank[i * i % 5 % PRIORITIES]; }

/* The first of those of the lowest priority. */
static unsigned oldest_of_lowest(const bool *is_queued, unsigned count) {
    for (int rank = PRIORITIES - 1; rank >= 0; rank--)
        for (unsigned i = 0; i < count; i++)
            if (is_queued[i] && mixed_priority(i) == by_rank[rank]) return i;
    return count;
}

TEST(the_oldest_of_the_lowest_priority_is_dropped) {
    enum { CAPACITY = 10 };
    static step steps[MANY];
    order ran = {0};
    bool is_queued[MANY] = {false};
    wpool *pool = pool_in(WPOOL_PRIORITY, 1, CAPACITY, WPOOL_DROP_OLDEST);
    for (unsigned i = 0; i < MANY; i++) {
        const wpool_options options = {.on_done = step_done,
                                       .priority = (wpool_priority)mixed_priority(i)};
        steps[i] = (step){&ran, i};
        CHECK_EQ(wpool_submit_with(pool, step_job, &steps[i], &options, NULL), WPOOL_OK);
        if (i >= CAPACITY) {
            const unsigned oldest = oldest_of_lowest(is_queued, i);
            CHECK_EQ(dropped.count, i - CAPACITY + 1);
            CHECK_EQ(dropped.numbers[i - CAPACITY], oldest);
            is_queued[oldest] = false;
        }
        is_queued[i] = true;
    }
    test_destroy(pool);
    CHECK_EQ(ran.count, CAPACITY);
    for (unsigned i = 0; i < CAPACITY; i++)
        CHECK(is_queued[ran.numbers[i]]);
}

TEST(last_in_first_out_does_not_go_with_dropping_the_oldest) {
    wpool *none, *pool = pool_in(WPOOL_LIFO, 1, 2, WPOOL_REFUSE);
    wpool *other = pool_in(WPOOL_FIFO, 1, 2, WPOOL_DROP_OLDEST);
    wpool_config config = test_config(), lifo = pool_config(pool), dropping = pool_config(other);
    config.order = WPOOL_LIFO;
    config.when_full = WPOOL_DROP_OLDEST;
    CHECK_EQ(wpool_create(&none, &config), WPOOL_INVALID);
    CHECK(none == NULL);
    lifo.when_full = WPOOL_DROP_OLDEST;
    CHECK_STR(wpool_config_conflict(pool, &lifo), "order");
    CHECK_EQ(wpool_configure(pool, &lifo), WPOOL_INVALID);
    CHECK_EQ(pool_config(pool).when_full, WPOOL_REFUSE);
    dropping.order = WPOOL_LIFO;
    CHECK_STR(wpool_config_conflict(other, &dropping), "order");
    CHECK_EQ(wpool_configure(other, &dropping), WPOOL_INVALID);
    CHECK_EQ(pool_config(other).order, WPOOL_FIFO);
    lifo.order = WPOOL_PRIORITY; /* both at once are fine */
    CHECK_EQ(wpool_configure(pool, &lifo), WPOOL_OK);
    test_destroy(pool);
    test_destroy(other);
}

TEST(orders_and_priorities_that_are_none_are_refused) {
    atomic_uint count = 0;
    wpool *none, *pool = pool_in(WPOOL_PRIORITY, 1, 0, WPOOL_BLOCK);
    wpool_config config = test_config(), changed = pool_config(pool);
    wpool_job job;
    const wpool_options options = {.priority = (wpool_priority)PRIORITIES};
    wpool_job_init(&job, count_job, &count);
    config.order = (wpool_order)ORDERS;
    CHECK_EQ(wpool_create(&none, &config), WPOOL_INVALID);
    changed.order = (wpool_order)ORDERS;
    CHECK_STR(wpool_config_conflict(pool, &changed), "order");
    CHECK_EQ(wpool_configure(pool, &changed), WPOOL_INVALID);
    CHECK_EQ(submit_with(pool, count_job, &count, PRIORITIES), WPOOL_INVALID);
    CHECK_EQ(wpool_submit_job(pool, &job, &options), WPOOL_INVALID);
    CHECK_EQ(test_stats(pool).accepted, 0);
    test_destroy(pool);
}

TEST(unbuffered_pools_hand_over_in_each_order) {
    NEEDS_WORKERS();
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (unsigned workers = 1; workers <= 3; workers++) {
            hold h = HOLD_EMPTY;
            atomic_uint count = 0;
            attempt attempts[6];
            wpool *pool = pool_in(in_order, workers, WPOOL_UNBUFFERED, WPOOL_BLOCK);
            test_start(pool);
            hold_workers(&h, pool, workers);
            CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
            attempts_start_in_turn(attempts, 6, pool, &count);
            CHECK_EQ(count, 0);
            CHECK_EQ(test_stats(pool).waiting, 0);
            hold_release(&h, workers);
            attempts_join(attempts, 6, WPOOL_OK);
            test_destroy(pool);
            CHECK_EQ(count, 6);
        }
}

/* ---- priorities ---- */

TEST(the_highest_priority_comes_first) {
    for (int from_low = 0; from_low < 2; from_low++) {
        static item items[6];
        order ran = {0};
        wpool *pool = pool_in(WPOOL_PRIORITY, 1, 0, WPOOL_BLOCK);
        for (unsigned i = 0; i < 6; i++) { /* two rounds of high to low, or low to high */
            const unsigned rank = from_low ? 2 - i % 3 : i % 3;
            items[i].step = (step){&ran, 2 * rank + i / 3};
            CHECK_EQ(item_hand_in(pool, &items[i], WITH + (int)i % 3, by_rank[rank]), WPOOL_OK);
        }
        test_destroy(pool);
        order_check(&ran, 0, 6);
    }
}

TEST(jobs_without_options_are_normal) {
    for (int way = PLAIN; way < WITH; way++) {
        static item items[3];
        order ran = {0};
        wpool *pool = pool_in(WPOOL_PRIORITY, 1, 0, WPOOL_BLOCK);
        for (unsigned i = 0; i < 3; i++)
            items[i].step = (step){&ran, 2 - i};
        CHECK_EQ(item_hand_in(pool, &items[0], WITH, WPOOL_LOW), WPOOL_OK);
        CHECK_EQ(item_hand_in(pool, &items[1], way, WPOOL_NORMAL), WPOOL_OK);
        CHECK_EQ(item_hand_in(pool, &items[2], WITH, WPOOL_HIGH), WPOOL_OK);
        test_destroy(pool);
        order_check(&ran, 0, 3);
    }
}

TEST(other_orders_have_no_priorities) {
    static item items[MANY];
    for (int in_order = WPOOL_FIFO; in_order <= WPOOL_LIFO; in_order++) {
        order ran = {0};
        wpool *pool = pool_in(in_order, 1, 0, WPOOL_BLOCK);
        for (unsigned i = 0; i < MANY; i++) {
            items[i].step = (step){&ran, in_order == WPOOL_LIFO ? MANY - 1 - i : i};
            CHECK_EQ(item_hand_in(pool, &items[i], WITH + (int)i % 3, (int)i / 3 % PRIORITIES),
                     WPOOL_OK);
        }
        test_destroy(pool);
        order_check(&ran, 0, MANY);
    }
}

/* MANY jobs of each priority are queued. While there are some of all, each 16 that start in a row
   have one of each, and most are high. */
TEST(of_sixteen_jobs_one_is_normal_and_one_is_low) {
    static item items[PRIORITIES][MANY];
    static order ran;
    unsigned next[PRIORITIES] = {0}, of_sixteen[PRIORITIES] = {0};
    wpool *pool = pool_in(WPOOL_PRIORITY, 1, 0, WPOOL_BLOCK);
    for (unsigned i = 0; i < MANY; i++)
        for (int p = 0; p < PRIORITIES; p++) {
            items[p][i].step = (step){&ran, (unsigned)p * MANY + i};
            CHECK_EQ(item_hand_in(pool, &items[p][i], WITH + (int)i % 3, p), WPOOL_OK);
        }
    test_destroy(pool);
    CHECK_EQ(ran.count, PRIORITIES * MANY);
    for (unsigned i = 0; i < PRIORITIES * MANY; i++) {
        const unsigned p = ran.numbers[i] / MANY;
        CHECK_EQ(ran.numbers[i] % MANY, next[p]); /* first in, first out */
        next[p]++;
        of_sixteen[p]++;
        if (i >= 16) of_sixteen[ran.numbers[i - 16] / MANY]--;
        if (i < 15) continue;
        if (next[WPOOL_HIGH] < MANY) CHECK(of_sixteen[WPOOL_HIGH] > 8);
        if (next[WPOOL_NORMAL] < MANY) CHECK(of_sixteen[WPOOL_NORMAL] >= 1);
        if (next[WPOOL_LOW] < MANY) CHECK(of_sixteen[WPOOL_LOW] >= 1);
    }
}

/* High jobs without end: each one submits the next, until nobody hopes for anything any more. */
typedef struct stream {
    atomic_uint starts, hopes;
} stream;

static int stream_job(void *arg, wpool_job *job) {
    stream *s = (stream *)arg;
    atomic_fetch_add(&s->starts, 1);
    if (atomic_load(&s->hopes) > 0)
        CHECK_EQ(submit_with(wpool_job_pool(job), stream_job, s, WPOOL_HIGH), WPOOL_OK);
    return 0;
}

/* A normal or low job that is to start within so many starts; then the next one is submitted. */
typedef struct hope {
    stream *stream;
    int priority;
    unsigned submitted_at;
} hope;

static int hope_job(void *arg, wpool_job *job) {
    hope *h = (hope *)arg;
    stream *s = h->stream;
    const unsigned starts = atomic_fetch_add(&s->starts, 1) + 1;
    CHECK(starts - h->submitted_at <= 16);
    h->submitted_at = starts;
    if (atomic_fetch_sub(&s->hopes, 1) > 2)
        CHECK_EQ(submit_with(wpool_job_pool(job), hope_job, h, h->priority), WPOOL_OK);
    return 0;
}

TEST(jobs_of_low_priority_start_within_sixteen_of_high_priority) {
    for (unsigned width = 1; width <= 200; width += 33) { /* of the stream */
        stream s = {.hopes = 200};
        hope normal = {&s, WPOOL_NORMAL, 0}, low = {&s, WPOOL_LOW, 0};
        wpool *pool = pool_in(WPOOL_PRIORITY, 1, 0, WPOOL_BLOCK);
        for (unsigned i = 0; i < width; i++)
            CHECK_EQ(submit_with(pool, stream_job, &s, WPOOL_HIGH), WPOOL_OK);
        CHECK_EQ(submit_with(pool, hope_job, &normal, WPOOL_NORMAL), WPOOL_OK);
        CHECK_EQ(submit_with(pool, hope_job, &low, WPOOL_LOW), WPOOL_OK);
        test_start(pool);
        test_drain(pool);
        test_destroy(pool);
        CHECK_EQ(s.hopes, 0);
    }
}

static int wish_job(void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_sub(&((stream *)arg)->hopes, 1);
    return 0;
}

TEST(no_number_of_workers_passes_a_job_over_for_ever) {
    NEEDS_WORKERS();
    for (unsigned workers = 1; workers <= 4; workers++) {
        enum { WISHES = 100 };
        stream s = {.hopes = WISHES};
        wpool *pool = pool_in(WPOOL_PRIORITY, workers, 0, WPOOL_BLOCK);
        for (unsigned i = 0; i < 20 * workers; i++)
            CHECK_EQ(submit_with(pool, stream_job, &s, WPOOL_HIGH), WPOOL_OK);
        test_start(pool);
        for (int i = 0; i < WISHES; i++)
            CHECK_EQ(submit_with(pool, wish_job, &s, i % 2 ? WPOOL_NORMAL : WPOOL_LOW), WPOOL_OK);
        test_drain(pool);
        test_destroy(pool);
        CHECK_EQ(s.hopes, 0);
    }
}

/* ---- fair: no job waits while a worker is idle ---- */

typedef struct chain {
    wpool *pool;
    atomic_uint links;
    atomic_bool is_over; /* the job that may be passed over has run: no more links */
} chain;

static int end_chain_job(void *arg, wpool_job *job) {
    (void)job;
    atomic_store(&((chain *)arg)->is_over, true);
    return 0;
}

static int link_job(void *arg, wpool_job *job) {
    chain *c = (chain *)arg;
    (void)job;
    if (atomic_load(&c->is_over) || atomic_fetch_add(&c->links, 1) >= 100 * STEPS) return 0;
    while (wpool_try_submit(c->pool, link_job, c, NULL) == WPOOL_OK) {
    }
    return (int)wpool_submit(c->pool, link_job, c, NULL);
}

static int begin_chain_job(void *arg, wpool_job *job) {
    chain *c = (chain *)arg;
    const wpool_options low = {.priority = WPOOL_LOW};
    while (wpool_try_submit(c->pool, link_job, c, NULL) == WPOOL_OK) {
    }
    CHECK_EQ(wpool_submit_with(c->pool, end_chain_job, c, &low, NULL), WPOOL_OK);
    return link_job(arg, job);
}

/* Not even one that was accepted above the capacity, by a worker of the full pool. */
TEST(in_each_order_what_a_worker_hands_in_above_the_capacity_is_not_passed_over_for_ever) {
    for (int o = 0; o < ORDERS; o++) {
        wpool *pool = pool_in(o, 1, 4, WPOOL_BLOCK);
        chain c = {.pool = pool};
        CHECK_EQ(wpool_submit(pool, begin_chain_job, &c, NULL), WPOOL_OK);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        CHECK(atomic_load(&c.links) < 100 * STEPS);
        test_destroy(pool);
    }
}

TEST(in_each_order_nobody_waits_for_the_worker_that_is_busy) {
    NEEDS_WORKERS();
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (unsigned busy = 1; busy <= 3; busy++) {
            hold h = HOLD_EMPTY;
            atomic_uint count = 0;
            wpool *pool = pool_in(in_order, busy + 1, 0, WPOOL_BLOCK);
            hold_init(&h);
            for (unsigned i = 0; i < MANY; i++) { /* long jobs somewhere among short ones */
                if (i % (MANY / 3) == 1 && i / (MANY / 3) < busy)
                    CHECK_EQ(submit_with(pool, hold_job, &h, (int)i % PRIORITIES), WPOOL_OK);
                CHECK_EQ(submit_with(pool, count_job, &count, (int)i % PRIORITIES), WPOOL_OK);
            }
            test_start(pool);
            gate_await_count(&h.running, busy);
            while (atomic_load(&count) < MANY)
                sched_yield();
            hold_release(&h, busy);
            test_destroy(pool);
        }
}

TEST(in_each_order_the_jobs_spread_over_all_workers) {
    NEEDS_WORKERS();
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (int is_paused = 0; is_paused < 2; is_paused++) {
            enum { WORKERS = 8 };
            hold h = HOLD_EMPTY;
            wpool *pool = pool_in(in_order, WORKERS, 0, WPOOL_BLOCK);
            hold_init(&h);
            if (!is_paused) test_start(pool);
            for (int i = 0; i < 2 * WORKERS; i++)
                CHECK_EQ(submit_with(pool, hold_job, &h, i % PRIORITIES), WPOOL_OK);
            if (is_paused) test_start(pool);
            gate_await_count(&h.running, WORKERS); /* all at once, or this hangs */
            hold_release(&h, 2 * WORKERS);
            test_destroy(pool);
            CHECK_EQ(h.running.count, 2 * WORKERS);
        }
}

/* ---- the order is changed while jobs are queued ---- */

/* Of the jobs that ran, those from begin on did so in the order in which they were submitted. */
static void check_among_themselves(order *ran, int in_order, unsigned begin, unsigned end) {
    unsigned next = in_order == WPOOL_LIFO ? end : begin;
    for (unsigned i = 0; i < ran->count; i++) {
        const unsigned number = ran->numbers[i];
        if (number < begin || number >= end) continue;
        if (in_order == WPOOL_LIFO) next--;
        CHECK_EQ(number, next);
        if (in_order != WPOOL_LIFO) next++;
    }
    CHECK_EQ(next, in_order == WPOOL_LIFO ? begin : end);
}

/* What is queued stays as it is: the jobs that were submitted in one order keep that. */
TEST(each_job_keeps_the_order_in_which_it_was_submitted) {
    static item items[3][MANY];
    for (int first = 0; first < ORDERS; first++)
        for (int second = 0; second < ORDERS; second++)
            for (int third = 0; third < ORDERS; third++) {
                const int in_order[3] = {first, second, third};
                order ran = {0};
                wpool *pool = pool_in(first, 1, 0, WPOOL_BLOCK);
                for (unsigned batch = 0; batch < 3; batch++) {
                    set_order(pool, in_order[batch]);
                    items_submit(pool, items[batch], MANY, &ran, WPOOL_FIFO, batch * MANY);
                }
                CHECK_EQ(test_stats(pool).waiting, 3 * MANY);
                test_start(pool);
                test_drain(pool);
                CHECK_EQ(ran.count, 3 * MANY);
                for (unsigned batch = 0; batch < 3; batch++)
                    check_among_themselves(&ran, in_order[batch], batch * MANY, (batch + 1) * MANY);
                test_destroy(pool);
            }
}

TEST(the_order_changes_while_a_worker_has_jobs_in_its_hands) {
    NEEDS_WORKERS();
    static item items[2 * MANY];
    for (int from = 0; from < ORDERS; from++)
        for (int to = 0; to < ORDERS; to++) {
            hold h = HOLD_EMPTY;
            order ran = {0};
            wpool *pool = pool_in(from, 1, 0, WPOOL_BLOCK);
            hold_init(&h);
            if (from == WPOOL_LIFO) items_submit(pool, items, MANY, &ran, WPOOL_FIFO, 0);
            CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
            if (from != WPOOL_LIFO) items_submit(pool, items, MANY, &ran, WPOOL_FIFO, 0);
            test_start(pool);
            gate_await_count(&h.running, 1);
            set_order(pool, to);
            items_submit(pool, items + MANY, MANY, &ran, WPOOL_FIFO, MANY);
            hold_release(&h, 1);
            test_destroy(pool);
            CHECK_EQ(ran.count, 2 * MANY);
            check_among_themselves(&ran, from, 0, MANY);
            check_among_themselves(&ran, to, MANY, 2 * MANY);
        }
}

/* Jobs without end in the new order do not keep those of the old one from their turn. */
TEST(what_was_queued_in_another_order_has_its_turn) {
    for (int from = 0; from < ORDERS; from++)
        for (int to = 0; to < ORDERS; to++) {
            if (from == to) continue;
            stream s = {.hopes = 3 * MANY};
            wpool *pool = pool_in(from, 1, 0, WPOOL_BLOCK);
            for (int i = 0; i < 3 * MANY; i++)
                CHECK_EQ(submit_with(pool, wish_job, &s, i % PRIORITIES), WPOOL_OK);
            set_order(pool, to);
            for (int i = 0; i < 20; i++)
                CHECK_EQ(submit_with(pool, stream_job, &s, WPOOL_HIGH), WPOOL_OK);
            test_start(pool);
            test_drain(pool);
            CHECK_EQ(s.hopes, 0);
            test_destroy(pool);
        }
}

TEST(the_capacity_holds_across_changes_of_the_order) {
    for (int from = 0; from < ORDERS; from++)
        for (int to = 0; to < ORDERS; to++) {
            atomic_uint count = 0;
            wpool *pool = pool_in(from, 1, 10, WPOOL_REFUSE);
            for (int i = 0; i < 7; i++)
                CHECK_EQ(submit_with(pool, count_job, &count, i % PRIORITIES), WPOOL_OK);
            set_order(pool, to);
            for (int i = 0; i < 3; i++)
                CHECK_EQ(submit_with(pool, count_job, &count, i % PRIORITIES), WPOOL_OK);
            check_full(pool, &count);
            set_order(pool, from);
            check_full(pool, &count);
            wpool_config config = pool_config(pool);
            config.order = (wpool_order)to;
            config.queue_capacity = 12;
            CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
            count_submit(pool, &count, 2);
            check_full(pool, &count);
            test_destroy(pool);
            CHECK_EQ(count, 12);
        }
}

TEST(who_is_blocked_when_the_order_changes_gets_in_all_the_same) {
    NEEDS_WORKERS();
    for (int from = 0; from < ORDERS; from++)
        for (int to = 0; to < ORDERS; to++) {
            atomic_uint count = 0;
            attempt attempts[3];
            wpool *pool = pool_in(from, 1, 1, WPOOL_BLOCK);
            count_submit(pool, &count, 1);
            attempts_start_in_turn(attempts, 3, pool, &count);
            set_order(pool, to);
            test_start(pool);
            attempts_join(attempts, 3, WPOOL_OK);
            test_destroy(pool);
            CHECK_EQ(count, 4);
        }
}

static int change_order_job(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    for (int i = 0; i < 30; i++) {
        for (int j = 0; j < 10; j++)
            CHECK_EQ(submit_with(pool, count_job, arg, j % PRIORITIES), WPOOL_OK);
        set_order(pool, i % ORDERS);
    }
    return 0;
}

TEST(a_job_changes_the_order_of_its_pool) { test_from_inside(change_order_job, 300); }

/* Every allocation is denied once; what is queued is there all the same. */
TEST(an_order_there_is_no_memory_for_changes_nothing) {
    for (int to = WPOOL_LIFO; to < ORDERS; to++) {
        unsigned refused = 0;
        wpool_status status;
        do {
            static item items[MANY];
            order ran = {0};
            memory used = {0};
            const wpool_allocator allocator = memory_allocator(&used);
            wpool *pool = pool_from(
                (wpool_config){.workers = 1, .start_paused = true, .allocator = &allocator});
            wpool_config config = pool_config(pool);
            items_submit(pool, items, MANY, &ran, WPOOL_FIFO, 0);
            used.first_denied = used.last_denied = atomic_load(&used.asked) + 1 + refused;
            config.order = (wpool_order)to;
            status = wpool_configure(pool, &config);
            CHECK(status == WPOOL_OK || status == WPOOL_NO_MEMORY);
            CHECK_EQ(pool_config(pool).order, status == WPOOL_OK ? to : WPOOL_FIFO);
            refused += status != WPOOL_OK;
            test_destroy(pool);
            order_check(&ran, 0, MANY);
            memory_check_empty(&used);
        } while (status != WPOOL_OK);
        CHECK(refused > 0);
    }
}

TEST(a_pool_there_is_no_memory_for_leaves_nothing_in_each_order) {
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        wpool_status status = WPOOL_NO_MEMORY;
        for (unsigned n = 1; status != WPOOL_OK; n++) {
            wpool *pool;
            memory used = {.first_denied = n, .last_denied = n};
            const wpool_allocator allocator = memory_allocator(&used);
            wpool_config config = test_config();
            config.order = (wpool_order)in_order;
            config.workers = 1;
            config.allocator = &allocator;
            status = wpool_create(&pool, &config);
            CHECK(status == WPOOL_OK || status == WPOOL_NO_MEMORY);
            if (status == WPOOL_OK) test_destroy(pool);
            memory_check_empty(&used);
        }
    }
}

/* ---- cancelling and ending ---- */

TEST(in_each_order_cancelled_jobs_never_run_and_the_others_keep_their_order) {
    static task cancelled[MANY];
    static item items[MANY];
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        order ran = {0};
        wpool_id ids[MANY];
        wpool *pool = pool_in(in_order, 1, 0, WPOOL_BLOCK);
        for (unsigned i = 0; i < MANY; i++) {
            cancelled[i] = (task){.error = 0};
            task_submit(pool, &cancelled[i], &ids[i]);
            items[i].step = (step){&ran, in_order == WPOOL_LIFO ? MANY - 1 - i : i};
            CHECK_EQ(item_hand_in(pool, &items[i], (int)i % WAYS, WPOOL_NORMAL), WPOOL_OK);
        }
        CHECK_EQ(wpool_cancel(pool, ids[0], WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(wpool_discard(pool, ids, MANY, WPOOL_HOT), MANY - 1);
        test_destroy(pool);
        order_check(&ran, 0, MANY);
        for (unsigned i = 0; i < MANY; i++) {
            CHECK_EQ(cancelled[i].done_count, 1);
            CHECK_EQ(cancelled[i].run_count, 0);
            CHECK_EQ(cancelled[i].state, WPOOL_STATE_DISCARDED);
        }
    }
}

TEST(in_each_order_a_group_is_cancelled) {
    static wpool_job jobs[MANY];
    static task tasks[MANY];
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        atomic_uint others = 0;
        wpool_group group;
        wpool *pool = pool_in(in_order, 1, 0, WPOOL_BLOCK);
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        for (int i = 0; i < MANY; i++) {
            const wpool_options options = {.on_done = task_done,
                                           .group = &group,
                                           .priority = (wpool_priority)(i % PRIORITIES)};
            tasks[i] = (task){.error = 0};
            wpool_job_init(&jobs[i], task_job, &tasks[i]);
            CHECK_EQ(i % 2 ? wpool_submit_job(pool, &jobs[i], &options)
                           : wpool_submit_with(pool, task_job, &tasks[i], &options, NULL),
                     WPOOL_OK);
            count_submit(pool, &others, 1);
        }
        CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
        test_start(pool);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
        test_destroy(pool);
        CHECK_EQ(others, MANY);
        for (int i = 0; i < MANY; i++) {
            CHECK_EQ(tasks[i].done_count, 1);
            CHECK_EQ(tasks[i].run_count, 0);
        }
    }
}

/* Tasks of all priorities, some with ids; returns those ids' count. */
static unsigned tasks_submit(wpool *pool, task *tasks, unsigned count, wpool_id *ids) {
    for (unsigned i = 0; i < count; i++) {
        const wpool_options options = {.on_done = task_done,
                                       .priority = (wpool_priority)(i % PRIORITIES)};
        tasks[i] = (task){.error = 0};
        CHECK_EQ(wpool_submit_with(pool, task_job, &tasks[i], &options, i % 2 ? &ids[i / 2] : NULL),
                 WPOOL_OK);
    }
    return count / 2;
}

TEST(in_each_order_stop_discards_all_that_is_queued) {
    static task tasks[MANY];
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (int mode = WPOOL_GRACEFUL; mode <= WPOOL_HOT; mode++) {
            wpool_id ids[MANY];
            wpool_result result;
            wpool *pool = pool_in(in_order, 2, 0, WPOOL_BLOCK);
            const unsigned id_count = tasks_submit(pool, tasks, MANY, ids);
            CHECK_EQ(wpool_stop(pool, (wpool_mode)mode), WPOOL_OK);
            test_drain(pool); /* one may have been in a worker's hands */
            CHECK_EQ(test_stats(pool).discarded, MANY);
            for (unsigned i = 0; i < id_count; i++) {
                CHECK_EQ(wpool_wait(pool, ids[i], WPOOL_NOW, &result), WPOOL_OK);
                CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
            }
            for (int i = 0; i < MANY; i++) {
                CHECK_EQ(tasks[i].done_count, 1);
                CHECK_EQ(tasks[i].run_count, 0);
            }
            test_destroy(pool);
        }
}

TEST(in_each_order_stop_discards_while_workers_take) {
    NEEDS_WORKERS();
    static task tasks[MANY];
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (int round = 0; round < 50; round++) {
            wpool_id ids[MANY];
            wpool *pool = pool_in(in_order, 3, 0, WPOOL_BLOCK);
            test_start(pool);
            tasks_submit(pool, tasks, MANY, ids);
            CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
            test_destroy(pool);
            for (int i = 0; i < MANY; i++) {
                CHECK_EQ(tasks[i].done_count, 1);
                CHECK_EQ(tasks[i].run_count, tasks[i].state == WPOOL_STATE_SUCCEEDED);
            }
        }
}

TEST(in_each_order_close_runs_all_that_is_queued) {
    static task tasks[MANY];
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        wpool_id ids[MANY];
        wpool *pool = pool_in(in_order, 2, 0, WPOOL_BLOCK);
        tasks_submit(pool, tasks, MANY, ids);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(test_stats(pool).succeeded, MANY);
        test_destroy(pool);
    }
}

/* What leaving workers hold goes back. */
TEST(in_each_order_workers_come_and_go) {
    NEEDS_WORKERS();
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        hold h = HOLD_EMPTY;
        atomic_uint count = 0;
        wpool *pool = pool_in(in_order, 4, 0, WPOOL_BLOCK);
        hold_init(&h);
        for (int i = 0; i < MANY; i++) {
            if (i % (MANY / 4) == 0)
                CHECK_EQ(submit_with(pool, hold_job, &h, WPOOL_HIGH), WPOOL_OK);
            CHECK_EQ(submit_with(pool, count_job, &count, i % PRIORITIES), WPOOL_OK);
        }
        test_start(pool);
        CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
        hold_release(&h, 4);
        test_drain(pool);
        CHECK_EQ(wpool_scale_to(pool, 3, WPOOL_GRACEFUL), WPOOL_OK);
        count_submit(pool, &count, MANY);
        test_destroy(pool);
        CHECK_EQ(count, 2 * MANY);
    }
}

/* ---- waiting for a queued job, on a worker ---- */

enum { BY_ID, BY_JOB, BY_GROUP, WAITS };

typedef struct waiter {
    int how;
    unsigned place; /* of the one it waits for, among others */
    atomic_uint waited_for, others;
} waiter;

static int wait_job(void *arg, wpool_job *job) {
    waiter *w = (waiter *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_group group;
    wpool_options options = {.priority = WPOOL_LOW, .group = w->how == BY_GROUP ? &group : NULL};
    wpool_job mine;
    wpool_id id = 0;
    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
    wpool_job_init(&mine, count_job, &w->waited_for);
    for (unsigned i = 0; i < MANY; i++) {
        if (i == w->place)
            CHECK_EQ(w->how == BY_JOB
                         ? wpool_submit_job(pool, &mine, &options)
                         : wpool_submit_with(pool, count_job, &w->waited_for, &options, &id),
                     WPOOL_OK);
        CHECK_EQ(submit_with(pool, count_job, &w->others, (int)i % PRIORITIES), WPOOL_OK);
    }
    switch (w->how) {
    case BY_ID:
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
        break;
    case BY_JOB:
        CHECK_EQ(wpool_job_wait(&mine, WPOOL_FOREVER), WPOOL_OK);
        break;
    default:
        CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    CHECK_EQ(w->waited_for, 1);
    return 0;
}

TEST(in_each_order_a_worker_runs_the_queued_job_that_it_waits_for) {
    static const unsigned places[] = {0, 1, MANY / 2, MANY - 1};
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++)
            for (int how = 0; how < WAITS; how++)
                for (size_t n = 0; n < COUNT_OF(places); n++)
                    for (unsigned workers = 1; workers <= 2; workers++) {
                        waiter w = {.how = how, .place = places[n]};
                        wpool *pool = pool_from((wpool_config){.workers = workers,
                                                               .order = (wpool_order)in_order,
                                                               .help = (wpool_help)help});
                        CHECK_EQ(wpool_submit(pool, wait_job, &w, NULL), WPOOL_OK);
                        test_drain(pool);
                        test_destroy(pool);
                        CHECK_EQ(w.waited_for, 1);
                        CHECK_EQ(w.others, MANY);
                    }
}

/* A narrow wait on the only worker runs nothing else, and nothing else gets lost or out of order
   with its own kind. */
typedef struct lift {
    wpool_id id;
    order ran;
    step others[MANY], target;
} lift;

static int lift_job(void *arg, wpool_job *job) {
    lift *l = (lift *)arg;
    wpool *pool = wpool_job_pool(job);
    for (unsigned i = 0; i < MANY; i++) {
        l->others[i] = (step){&l->ran, i};
        CHECK_EQ(wpool_submit(pool, step_job, &l->others[i], NULL), WPOOL_OK);
        if (i != MANY / 2) continue;
        l->target = (step){&l->ran, MANY};
        CHECK_EQ(wpool_submit(pool, step_job, &l->target, &l->id), WPOOL_OK);
    }
    CHECK_EQ(wpool_wait(pool, l->id, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(l->ran.count, 1);
    CHECK_EQ(l->ran.numbers[0], MANY);
    return 0;
}

TEST(in_each_order_a_narrow_wait_runs_nothing_else) {
    for (int in_order = 0; in_order < ORDERS; in_order++) {
        static lift l;
        bool has_run[MANY] = {false};
        wpool *pool = pool_in(in_order, 1, 0, WPOOL_BLOCK);
        atomic_store(&l.ran.count, 0);
        CHECK_EQ(wpool_submit(pool, lift_job, &l, NULL), WPOOL_OK);
        test_start(pool);
        test_drain(pool);
        test_destroy(pool);
        CHECK_EQ(l.ran.count, MANY + 1);
        for (unsigned i = 1; i <= MANY; i++) {
            CHECK(l.ran.numbers[i] < MANY && !has_run[l.ran.numbers[i]]);
            has_run[l.ran.numbers[i]] = true;
        }
    }
}

typedef struct sum {
    unsigned depth, leaves;
} sum;

static int sum_job(void *arg, wpool_job *job) {
    sum *s = (sum *)arg, below[2];
    wpool_job jobs[2];
    s->leaves = s->depth == 0;
    for (int i = 0; i < 2 && s->depth > 0; i++) {
        const wpool_options options = {.priority = (wpool_priority)((int)s->depth % PRIORITIES)};
        below[i] = (sum){s->depth - 1, 0};
        wpool_job_init(&jobs[i], sum_job, &below[i]);
        CHECK_EQ(wpool_submit_job(wpool_job_pool(job), &jobs[i], &options), WPOOL_OK);
    }
    for (int i = 0; i < 2 && s->depth > 0; i++) {
        CHECK_EQ(wpool_job_wait(&jobs[i], WPOOL_FOREVER), WPOOL_OK);
        s->leaves += below[i].leaves;
    }
    return 0;
}

TEST(in_each_order_jobs_wait_for_the_jobs_below_them) {
    for (int in_order = 0; in_order < ORDERS; in_order++)
        for (unsigned workers = 1; workers <= 3; workers++) {
            sum top = {10, 0};
            wpool_job job;
            wpool *pool = pool_in(in_order, workers, 0, WPOOL_BLOCK);
            test_start(pool);
            wpool_job_init(&job, sum_job, &top);
            CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
            CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
            CHECK_EQ(top.leaves, 1 << 10);
            test_destroy(pool);
        }
}

/* ---- everything at once ---- */

typedef struct ticket {
    task task;
    wpool_job job;
    _Atomic(wpool_id) id;
    bool is_plain, is_accepted;
} ticket;

typedef struct storm {
    wpool *pool;
    uint64_t seed;
    atomic_uint next;
    atomic_bool is_over;
    ticket tickets[4 * STEPS];
} storm;

static void configure_at_random(void *arg) {
    static const size_t capacities[] = {1, 2, 7, 64, 65, 300, 1024, WPOOL_UNBUFFERED};
    storm *s = (storm *)arg;
    while (!atomic_load(&s->is_over)) {
        wpool_config config = pool_config(s->pool);
        config.order = (wpool_order)test_choose(s->seed, ORDERS);
        config.when_full = (wpool_when_full)test_choose(s->seed, WPOOL_DROP_OLDEST + 1);
        config.queue_capacity = capacities[test_choose(s->seed, COUNT_OF(capacities))];
        config.workers = 1 + (unsigned)test_choose(s->seed, 3);
        const bool is_refused = config.order == WPOOL_LIFO && config.when_full == WPOOL_DROP_OLDEST;
        CHECK_EQ(wpool_configure(s->pool, &config), is_refused ? WPOOL_INVALID : WPOOL_OK);
        if (test_choose(s->seed, 3) == 0) sched_yield();
    }
}

static void cancel_at_random(void *arg) {
    storm *s = (storm *)arg;
    while (!atomic_load(&s->is_over)) {
        const wpool_id id = atomic_load(&s->tickets[test_choose(s->seed, 4 * STEPS)].id);
        const wpool_status status = wpool_cancel(s->pool, id, WPOOL_GRACEFUL);
        CHECK(status == WPOOL_OK || status == WPOOL_RUNNING || status == WPOOL_ALREADY ||
              status == WPOOL_UNKNOWN);
        if (test_choose(s->seed, 10) == 0) sched_yield();
    }
}

static wpool_status ticket_submit(storm *s, ticket *t) {
    const wpool_options options = {.on_done = task_done,
                                   .priority = (wpool_priority)test_choose(s->seed, PRIORITIES)};
    void *const args[1] = {&t->task};
    wpool_status status;
    wpool_id id;
    switch (test_choose(s->seed, 5)) {
    case 0:
        wpool_job_init(&t->job, task_job, &t->task);
        return wpool_submit_job(s->pool, &t->job, &options);
    case 1:
        status = wpool_submit_with(s->pool, task_job, &t->task, &options, &id);
        atomic_store(&t->id, id);
        return status;
    case 2:
        return wpool_submit_with(s->pool, task_job, &t->task, &options, NULL);
    case 3:
        t->is_plain = true;
        return wpool_try_submit(s->pool, task_job, &t->task, NULL);
    default:
        t->is_plain = true;
        wpool_submit_many(s->pool, task_job, args, 1, &status);
        return status;
    }
}

static void submit_at_random(void *arg) {
    storm *s = (storm *)arg;
    for (unsigned i; (i = atomic_fetch_add(&s->next, 1)) < 4 * STEPS;) {
        const wpool_status status = ticket_submit(s, &s->tickets[i]);
        CHECK(status == WPOOL_OK || status == WPOOL_FULL);
        s->tickets[i].is_accepted = status == WPOOL_OK;
        if (status == WPOOL_FULL) sched_yield();
    }
}

TEST(a_storm_of_orders_loses_no_job_and_runs_none_twice) {
    NEEDS_WORKERS();
    static storm s;
    const surroundings before = surroundings_now();
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    helper configurer, canceller, submitters[4];
    uint64_t accepted = 0, ran = 0;
    s.seed = test_seed();
    s.pool = pool_from((wpool_config){.workers = 2, .allocator = &allocator});
    helper_start(&configurer, configure_at_random, &s);
    helper_start(&canceller, cancel_at_random, &s);
    for (size_t i = 0; i < COUNT_OF(submitters); i++)
        helper_start(&submitters[i], submit_at_random, &s);
    for (size_t i = 0; i < COUNT_OF(submitters); i++)
        helper_join(&submitters[i]);
    atomic_store(&s.is_over, true);
    helper_join(&configurer);
    helper_join(&canceller);
    test_drain(s.pool);
    for (ticket *t = s.tickets; t < s.tickets + COUNT_OF(s.tickets); t++) {
        const unsigned run_count = t->task.run_count;
        CHECK(run_count <= t->is_accepted);
        if (!t->is_plain) CHECK_EQ(t->task.done_count, t->is_accepted);
        if (!t->is_plain && t->is_accepted)
            CHECK_EQ(run_count, t->task.state == WPOOL_STATE_SUCCEEDED);
        accepted += t->is_accepted;
        ran += run_count;
    }
    const wpool_stats_snapshot stats = test_stats(s.pool);
    CHECK_EQ(stats.accepted, accepted);
    CHECK_EQ(stats.succeeded, ran);
    CHECK_EQ(stats.succeeded + stats.discarded, accepted);
    test_destroy(s.pool);
    memory_check_empty(&used);
    surroundings_check(before);
    printf("%ju accepted, %ju ran\n", (uintmax_t)accepted, (uintmax_t)ran);
}
