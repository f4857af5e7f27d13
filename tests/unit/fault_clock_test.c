/* The clock jumps: far ahead, as where a machine was stopped for a while; up to where the numbers
   end; and, read by several processors that are not quite in step, a little back. Nobody gives up
   before its time or never, and no job takes less than no time. */
#include "clock.h"

static int64_t skewed_clock(void);

#undef WPOOL_CLOCK
#define WPOOL_CLOCK() skewed_clock()
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"

#define YEARS(n) (WPOOL_SECONDS(366 * 24 * 3600) * (n))

static uint64_t seed;
static int64_t skew; /* a processor is behind by less than that, at random (0: none is) */

static uint64_t choose(uint64_t count) { return test_choose(seed, count); }

static int64_t skewed_clock(void) {
    return test_clock_now() - (skew ? (int64_t)choose((uint64_t)skew) : 0);
}

/* ---- a call that waits, on a thread of its own ---- */

typedef struct timed {
    wpool *pool;
    wpool_id id;
    wpool_job *job;
    int64_t timeout;
    wpool_status status;
    helper helper;
} timed;

static void wait_by_id(timed *t) { t->status = wpool_wait(t->pool, t->id, t->timeout, NULL); }
static void wait_for_embedded(timed *t) { t->status = wpool_job_wait(t->job, t->timeout); }
static void drain(timed *t) { t->status = wpool_drain(t->pool, t->timeout); }
static void take(timed *t) { t->status = wpool_take(t->pool, t->timeout, NULL); }

static void shut_down(timed *t) { t->status = wpool_shutdown(t->pool, WPOOL_GRACEFUL, t->timeout); }

static void submit(timed *t) {
    static int zero = 0;
    const wpool_options options = {.timeout = t->timeout};
    t->status = wpool_submit_with(t->pool, return_job, &zero, &options, NULL);
}

typedef void (*timed_call)(timed *);
static const timed_call calls[] = {wait_by_id, wait_for_embedded, drain, take, submit, shut_down};

/* ---- jumps, one by one ---- */

/* What keeps the calls waiting: a job that is held and fills the queue. */
typedef struct held {
    wpool *pool;
    hold hold;
    wpool_id id;
    wpool_job job;
} held;

static void held_begin(held *h) {
    h->pool = test_pool(&(wpool_config){.workers = 2, .queue_capacity = 1, .results = true});
    h->hold = (hold)HOLD_EMPTY;
    hold_init(&h->hold);
    wpool_job_init(&h->job, hold_job, &h->hold);
    CHECK_EQ(wpool_submit(h->pool, hold_job, &h->hold, &h->id), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(h->pool, &h->job, NULL), WPOOL_OK);
    gate_await_count(&h->hold.running, 2);
    CHECK_EQ(wpool_submit(h->pool, hold_job, &h->hold, NULL), WPOOL_OK);
}

typedef struct caller {
    timed timed;
    timed_call call;
} caller;

static void caller_run(void *arg) {
    caller *c = (caller *)arg;
    c->call(&c->timed);
}

static void caller_start(caller *c, held *h, timed_call call, int64_t timeout) {
    *c = (caller){{.pool = h->pool, .id = h->id, .job = &h->job, .timeout = timeout}, call};
    helper_start(&c->timed.helper, caller_run, c);
}

static wpool_status caller_end(caller *c) {
    helper_join(&c->timed.helper);
    return c->timed.status;
}

static void held_end(held *h) {
    hold_release(&h->hold, 3);
    test_destroy(h->pool);
}

TEST(a_jump_far_ahead_ends_what_has_a_time) {
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        held h;
        caller c;
        held_begin(&h);
        caller_start(&c, &h, calls[i], WPOOL_MS(5));
        test_clock_parked_until(1);
        test_clock_advance(YEARS(10));
        CHECK_EQ(caller_end(&c), WPOOL_TIMEOUT);
        held_end(&h);
    }
}

/* With a timeout that never ends, or only behind the end of the numbers. */
static void check_goes_on(timed_call call, int64_t timeout, int64_t before, int64_t after) {
    held h;
    caller c;
    held_begin(&h);
    test_clock_advance(before);
    caller_start(&c, &h, call, timeout);
    helper_await_sleep(&c.timed.helper);
    test_clock_advance(after);
    helper_await_sleep(&c.timed.helper);
    CHECK(!atomic_load(&c.timed.helper.is_finished));
    hold_release(&h.hold, 3);
    CHECK_EQ(caller_end(&c), WPOOL_OK);
    test_destroy(h.pool);
}

TEST(no_jump_ends_what_waits_for_ever) {
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        check_goes_on(calls[i], WPOOL_FOREVER, 0, YEARS(10));
        check_goes_on(calls[i], INT64_MAX, 0, YEARS(10));
        check_goes_on(calls[i], INT64_MIN, YEARS(10), YEARS(10));
    }
}

TEST(a_time_behind_the_end_of_the_clock_does_not_come) {
    const int64_t to_the_end = INT64_MAX - test_clock_now();
    check_goes_on(wait_by_id, WPOOL_SECONDS(1), to_the_end - WPOOL_MS(500), WPOOL_MS(499));
    check_goes_on(drain, WPOOL_SECONDS(1), 0, 1000);
}

TEST(a_step_back_makes_nobody_give_up_or_wait_longer) {
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        held h;
        caller c;
        held_begin(&h);
        caller_start(&c, &h, calls[i], 1000);
        test_clock_parked_until(1);
        for (int n = 0; n < 20; n++) {
            test_clock_advance(999);
            test_clock_parked_until(1);
            test_clock_advance(-999);
            test_clock_parked_until(1);
        }
        CHECK(!atomic_load(&c.timed.helper.is_finished));
        test_clock_advance(1000);
        CHECK_EQ(caller_end(&c), WPOOL_TIMEOUT);
        held_end(&h);
    }
}

/* ---- no job takes less than no time ---- */

static void check_times(const wpool_result *result, bool has_run) {
    CHECK(result->waited_ns >= 0);
    CHECK(has_run ? result->ran_ns >= 0 : result->ran_ns == 0);
}

static void check_times_of(wpool *pool, bool has_run) {
    int zero = 0;
    wpool_id id;
    wpool_job job;
    wpool_result result;
    wpool_job_init(&job, return_job, &zero);
    CHECK_EQ(wpool_submit(pool, return_job, &zero, &id), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    if (!has_run) CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    check_times(&result, has_run);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK);
    check_times(&result, has_run);
}

TEST(no_job_waits_or_runs_for_less_than_no_time) {
    seed = test_seed();
    skew = 1000;
    for (int i = 0; i < 100; i++) {
        wpool *pool = test_pool_of(2, 0);
        for (int j = 0; j < 5; j++)
            check_times_of(pool, true);
        test_destroy(pool);
        pool = test_pool_paused(1, 0);
        check_times_of(pool, false);
        test_destroy(pool);
    }
}

/* ---- everything at once, at random ---- */

enum { CLIENTS = 3, STEPS = 200 };

typedef struct party {
    wpool *pool;
    atomic_uint clients_left;
    atomic_uint accepted, ran;
} party;

static atomic_uint timeout_count; /* over all parties */

static int party_job(void *arg, wpool_job *job) {
    (void)job;
    while (choose(4))
        sched_yield();
    atomic_fetch_add(&((party *)arg)->ran, 1);
    return 0;
}

/* It may have timed out, if it had a time, and then not before that. */
static bool party_went_on(wpool_status status, int64_t begin, int64_t timeout) {
    if (status == WPOOL_OK) return true;
    CHECK_EQ(status, WPOOL_TIMEOUT);
    CHECK(timeout != WPOOL_FOREVER);
    CHECK(test_clock_now() + skew >= begin + timeout);
    atomic_fetch_add(&timeout_count, 1);
    return false;
}

static void party_step(party *p, wpool_job *job) {
    const int64_t timeout = choose(4) ? 1 + (int64_t)choose(1000000) : WPOOL_FOREVER;
    const wpool_options options = {.timeout = timeout};
    int64_t begin = test_clock_now();
    if (!party_went_on(wpool_submit_job(p->pool, job, &options), begin, timeout)) return;
    atomic_fetch_add(&p->accepted, 1);
    begin = test_clock_now();
    party_went_on(wpool_drain(p->pool, timeout), begin, timeout);
    begin = test_clock_now();
    if (!party_went_on(wpool_job_wait(job, timeout), begin, timeout))
        CHECK_EQ(wpool_job_wait(job, WPOOL_FOREVER), WPOOL_OK);
    wpool_result result;
    CHECK_EQ(wpool_job_result(job, &result), WPOOL_OK);
    check_times(&result, true);
}

static void *client_main(void *arg) {
    party *p = (party *)arg;
    for (int i = 0; i < STEPS; i++) {
        wpool_job job;
        wpool_job_init(&job, party_job, p);
        party_step(p, &job);
    }
    atomic_fetch_sub(&p->clients_left, 1);
    return NULL;
}

static void party_hold(unsigned max_workers) {
    party p = {.clients_left = CLIENTS};
    pthread_t clients[CLIENTS];
    p.pool = test_pool(&(wpool_config){
        .workers = max_workers ? 0 : 2, .max_workers = max_workers, .queue_capacity = 1});
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = thread_start(client_main, &p);
    while (atomic_load(&p.clients_left)) {
        test_clock_advance(choose(1000) ? (int64_t)choose(100000) : WPOOL_SECONDS(3600));
        sched_yield();
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    test_drain(p.pool);
    CHECK_EQ(atomic_load(&p.ran), atomic_load(&p.accepted));
    CHECK_EQ(test_stats(p.pool).succeeded, atomic_load(&p.accepted));
    test_destroy(p.pool);
}

TEST(who_waits_while_the_clock_jumps_gives_up_in_its_time_or_goes_on) {
    seed = test_seed();
    skew = 1000;
    for (int i = 0; i < 3; i++) {
        party_hold(0);
        party_hold(WPOOL_INLINE);
    }
    CHECK(atomic_load(&timeout_count) > 0);
}
