/* Who sleeps is woken for no reason, at random: the futex answers EAGAIN or
   EINTR at once, or after a moment; without a futex, the condition does.
   Nothing may depend on why a sleep has ended: each waiting call goes on until
   what it waits for has come, or its time. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long faulty_syscall(long number, ...);
static int faulty_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
static int faulty_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                 const struct timespec *until);

#define syscall faulty_syscall
#define pthread_cond_wait faulty_cond_wait
#define pthread_cond_timedwait faulty_cond_timedwait
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#undef syscall
#undef pthread_cond_wait
#undef pthread_cond_timedwait

#include "api.h"

/* ---- the faults ---- */

typedef enum fault { FAULT_NONE, FAULT_AGAIN, FAULT_INTERRUPTED, FAULT_LATER, FAULTS } fault;

static uint64_t fault_seed;
static atomic_uint fault_count[FAULTS]; /* sleeps that ended so */

static unsigned choose(unsigned count) { return (unsigned)test_choose(fault_seed, count); }

/* Three of four sleeps end for no reason. */
static fault fault_choose(void) {
    const fault f = (fault)choose(FAULTS);
    atomic_fetch_add(&fault_count[f], 1);
    return f;
}

static void fault_begin(void) { fault_seed = test_seed(); }

/* There were faults of every kind. */
static bool fault_has_all(void) {
    bool has_all = true;
    for (int f = 0; f < FAULTS; f++)
        has_all = has_all && atomic_load(&fault_count[f]) > 0;
    return has_all;
}

static void fault_check(void) { CHECK(fault_has_all()); }

/* The end of a sleep that ends too early: up to 50 us from now. */
static struct timespec fault_moment(void) {
    const int64_t moment = test_now_ns() + choose(50000);
    return (struct timespec){(time_t)(moment / 1000000000), (long)(moment % 1000000000)};
}

static long faulty_wait(long number, void *word, int op, uint32_t value, struct timespec *until) {
    struct timespec moment;
    switch (fault_choose()) {
    case FAULT_AGAIN:
        errno = EAGAIN;
        return -1;
    case FAULT_INTERRUPTED:
        errno = EINTR;
        return -1;
    case FAULT_LATER:
        moment = fault_moment();
        until = &moment; /* it answers ETIMEDOUT, perhaps too early */
        break;
    default:
        break;
    }
    return syscall(number, word, op, value, until, NULL, UINT32_MAX);
}

/* As many arguments as the library gives each call. */
static long faulty_syscall(long number, ...) {
    va_list more;
    long answer;
    va_start(more, number);
    if (number == SYS_membarrier) {
        const int command = va_arg(more, int);
        const int flags = va_arg(more, int);
        answer = syscall(number, command, flags, va_arg(more, int));
    } else if (number == SYS_sched_getaffinity || number == SYS_sched_setaffinity) {
        const int pid = va_arg(more, int);
        const size_t size = va_arg(more, size_t);
        answer = syscall(number, pid, size, va_arg(more, unsigned long *));
    } else {
        void *const word = va_arg(more, void *);
        const int op = va_arg(more, int);
        const uint32_t value = va_arg(more, uint32_t);
        struct timespec *const until = va_arg(more, struct timespec *);
        const bool is_wake = (op & 127) == 1;
        answer = is_wake ? syscall(number, word, op, value, until, NULL, 0)
                         : faulty_wait(number, word, op, value, until);
    }
    va_end(more);
    return answer;
}

/* By the monotonic clock, as the library's conditions are. */
static __attribute__((unused)) int
faulty_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
    const fault f = fault_choose();
    struct timespec moment;
    if (f == FAULT_AGAIN || f == FAULT_INTERRUPTED) return 0;
    if (f == FAULT_LATER) moment = fault_moment();
    return pthread_cond_timedwait(cond, mutex, f == FAULT_LATER ? &moment : until);
}

static __attribute__((unused)) int faulty_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex) {
    const fault f = fault_choose();
    struct timespec moment;
    if (f == FAULT_AGAIN || f == FAULT_INTERRUPTED) return 0;
    if (f == FAULT_NONE) return pthread_cond_wait(cond, mutex);
    moment = fault_moment();
    return pthread_cond_timedwait(cond, mutex, &moment);
}

/* ---- the room [parking] ---- */

enum { LOCKERS = 3, LOCKINGS = 3000 };

typedef struct locked {
    wpool__lot lot;
    wpool__lock lock;
    unsigned count; /* under the lock */
} locked;

static void *lock_often(void *arg) {
    locked *l = (locked *)arg;
    for (unsigned i = 0; i < LOCKINGS; i++) {
        wpool__lock_take(&l->lot, &l->lock);
        const unsigned before = l->count;
        if (choose(4) == 0) sched_yield();
        l->count = before + 1;
        wpool__lock_release(&l->lot, &l->lock);
    }
    return NULL;
}

TEST(a_lock_has_one_holder) {
    static locked l;
    pthread_t threads[LOCKERS];
    fault_begin();
    CHECK(wpool__lot_init(&l.lot));
    unsigned rounds = 0;
    for (; !fault_has_all(); rounds++) { /* how often they meet is the machine's choice */
        for (int i = 0; i < LOCKERS; i++)
            threads[i] = thread_start(lock_often, &l);
        for (int i = 0; i < LOCKERS; i++)
            pthread_join(threads[i], NULL);
    }
    CHECK_EQ(l.count, rounds * LOCKERS * LOCKINGS);
    CHECK_EQ(atomic_load(&l.lock.word), 0);
    fault_check();
    wpool__lot_free(&l.lot);
}

/* ---- a pool and all who wait for it ---- */

enum { CLIENTS = 3, STEPS = 150, READERS = 2 };

typedef struct party {
    wpool *pool;
    wpool_config config;
    atomic_uint accepted, ran; /* jobs */
    atomic_uint listed;        /* of these, to be delivered by take or wait */
    atomic_uint delivered;
} party;

static int party_job(void *arg, wpool_job *job) {
    (void)job;
    while (choose(3) == 0)
        sched_yield(); /* so that others come to wait for it */
    atomic_fetch_add(&((party *)arg)->ran, 1);
    return choose(4) == 0; /* failures are counted under a lock */
}

/* False: refused, as the pool's policy has it. */
static bool party_accepted(party *p, wpool_status status) {
    if (status == WPOOL_OK) {
        atomic_fetch_add(&p->accepted, 1);
    } else {
        CHECK_EQ(status, WPOOL_FULL);
        CHECK(p->config.when_full != WPOOL_BLOCK);
    }
    return status == WPOOL_OK;
}

static void use_embedded(party *p) {
    wpool_job job;
    wpool_result result;
    wpool_job_init(&job, party_job, p);
    if (!party_accepted(p, wpool_submit_job(p->pool, &job, NULL))) return;
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK); /* it has finished */
}

static void use_id(party *p) {
    wpool_id id;
    if (!party_accepted(p, wpool_submit(p->pool, party_job, p, &id))) return;
    if (p->config.results) atomic_fetch_add(&p->listed, 1);
    const wpool_status status = wpool_wait(p->pool, id, WPOOL_FOREVER, NULL);
    if (status == WPOOL_OK && p->config.results) atomic_fetch_add(&p->delivered, 1);
    if (status != WPOOL_OK) CHECK(status == WPOOL_UNKNOWN && p->config.results);
}

static int nest_job(void *arg, wpool_job *job) {
    use_embedded((party *)arg);
    return party_job(arg, job);
}

static void use_plain(party *p) {
    const wpool_fn fn = choose(3) ? party_job : nest_job;
    if (!party_accepted(p, wpool_submit(p->pool, fn, p, NULL))) return;
    if (p->config.results) atomic_fetch_add(&p->listed, 1);
}

static void *client_main(void *arg) {
    party *p = (party *)arg;
    for (int i = 0; i < STEPS; i++) {
        const unsigned what = choose(8);
        if (what < 4) use_plain(p);
        if (what == 4 || what == 5) use_id(p);
        if (what == 6) use_embedded(p);
        if (what == 7 && choose(4) == 0) CHECK_EQ(wpool_drain(p->pool, WPOOL_FOREVER), WPOOL_OK);
    }
    return NULL;
}

static void *reader_main(void *arg) {
    party *p = (party *)arg;
    wpool_status status;
    while ((status = wpool_take(p->pool, WPOOL_FOREVER, NULL)) == WPOOL_OK)
        atomic_fetch_add(&p->delivered, 1);
    CHECK_EQ(status, WPOOL_DONE);
    return NULL;
}

static void party_check(party *p) {
    const wpool_stats_snapshot s = test_stats(p->pool);
    CHECK_EQ(s.waiting + s.running, 0);
    CHECK_EQ(s.accepted, atomic_load(&p->accepted));
    CHECK_EQ(s.succeeded + s.failed, atomic_load(&p->ran));
    CHECK_EQ(atomic_load(&p->delivered), atomic_load(&p->listed));
}

/* Clients submit and wait, readers take; then everything ends. */
static void party_hold(wpool_config config) {
    party p = {.config = config};
    pthread_t clients[CLIENTS], readers[READERS];
    const int reader_count = config.results ? READERS : 0;
    p.pool = test_pool(&config);
    for (int i = 0; i < reader_count; i++)
        readers[i] = thread_start(reader_main, &p);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = thread_start(client_main, &p);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    test_drain(p.pool); /* jobs submit, too */
    CHECK_EQ(wpool_shutdown(p.pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    for (int i = 0; i < reader_count; i++)
        pthread_join(readers[i], NULL);
    party_check(&p);
    test_destroy(p.pool);
}

static void party_for_each(unsigned max_workers, bool results) {
    static const size_t capacities[] = {0, 1, 2, WPOOL_UNBUFFERED};
    const surroundings before = surroundings_now();
    fault_begin();
    for (size_t c = 0; c < COUNT_OF(capacities); c++)
        for (int when_full = WPOOL_BLOCK; when_full <= WPOOL_DROP_OLDEST; when_full++)
            party_hold((wpool_config){
                .workers = max_workers == WPOOL_INLINE ? 0 : 1 + choose(3),
                .max_workers = max_workers,
                .queue_capacity = capacities[c],
                .when_full = (wpool_when_full)when_full,
                .results = results,
                .help = choose(2) ? WPOOL_HELP_NARROW : WPOOL_HELP_ANY,
            });
    fault_check();
    surroundings_check(before);
}

TEST(workers_and_all_who_wait_go_on) { party_for_each(0, false); }
TEST(workers_and_all_who_wait_and_read_go_on) { party_for_each(0, true); }
TEST(callers_of_an_inline_pool_go_on) { party_for_each(WPOOL_INLINE, false); }
TEST(callers_and_readers_of_an_inline_pool_go_on) { party_for_each(WPOOL_INLINE, true); }

/* A worker that waits without helping sleeps until the other one has run the
 * job. */
TEST(a_worker_that_may_not_help_sleeps_on) {
    party p = {.config = {.workers = 2, .help = WPOOL_HELP_NONE}};
    fault_begin();
    p.pool = test_pool(&p.config);
    for (int i = 0; i < 300; i++) {
        CHECK(party_accepted(&p, wpool_submit(p.pool, nest_job, &p, NULL)));
        test_drain(p.pool); /* one at a time: two that wait would starve the pool */
    }
    party_check(&p);
    test_destroy(p.pool);
    fault_check();
}

/* ---- timed waits ---- */

typedef struct timed {
    wpool *pool;
    wpool_id id;
    wpool_job *job;
    int64_t timeout;
} timed;

static wpool_status wait_by_id(timed *t) { return wpool_wait(t->pool, t->id, t->timeout, NULL); }
static wpool_status wait_for_embedded(timed *t) { return wpool_job_wait(t->job, t->timeout); }
static wpool_status drain(timed *t) { return wpool_drain(t->pool, t->timeout); }
static wpool_status take(timed *t) { return wpool_take(t->pool, t->timeout, NULL); }

static wpool_status submit(timed *t) {
    const wpool_options options = {.timeout = t->timeout};
    return wpool_submit_with(t->pool, return_job, &(int){0}, &options, NULL);
}

static wpool_status shut_down(timed *t) {
    return wpool_shutdown(t->pool, WPOOL_GRACEFUL, t->timeout);
}

/* Time and again it is woken for nothing: it gives up when its time is over,
 * and not before. */
static void check_gives_up(timed *t, wpool_status (*call)(timed *)) {
    for (int i = 0; i < 15; i++) {
        const int64_t begin = test_now_ns();
        t->timeout = 1 + choose(500000);
        CHECK_EQ(call(t), WPOOL_TIMEOUT);
        CHECK(test_now_ns() - begin >= t->timeout);
    }
}

TEST(a_timed_wait_ends_in_its_time_and_not_before) {
    static wpool_status (*const calls[])(timed *) = {wait_by_id, wait_for_embedded, drain, take,
                                                     submit};
    hold h = HOLD_EMPTY;
    wpool_job job;
    timed t = {.job = &job};
    fault_begin();
    t.pool = test_pool(&(wpool_config){.workers = 1, .queue_capacity = 2, .results = true});
    hold_workers(&h, t.pool, 1);
    wpool_job_init(&job, hold_job, &h);
    CHECK_EQ(wpool_submit(t.pool, hold_job, &h, &t.id), WPOOL_OK);
    CHECK_EQ(wpool_submit_job(t.pool, &job, NULL), WPOOL_OK);
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        check_gives_up(&t, calls[i]);
    check_gives_up(&t, shut_down);
    hold_release(&h, 3);
    test_destroy(t.pool);
    fault_check();
}

static int gives_up_job(void *arg, wpool_job *job) {
    timed *t = (timed *)arg;
    (void)job;
    check_gives_up(t, wait_by_id);
    check_gives_up(t, wait_for_embedded);
    check_gives_up(t, take);
    return 0;
}

TEST(a_timed_wait_of_a_job_ends_in_its_time_and_not_before) {
    fault_begin();
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_NONE; help++) {
        hold h = HOLD_EMPTY;
        wpool_job job, other;
        timed t = {.job = &job};
        t.pool =
            test_pool(&(wpool_config){.workers = 3, .results = true, .help = (wpool_help)help});
        hold_init(&h);
        CHECK_EQ(wpool_submit(t.pool, hold_job, &h, &t.id), WPOOL_OK);
        wpool_job_init(&job, hold_job, &h);
        CHECK_EQ(wpool_submit_job(t.pool, &job, NULL), WPOOL_OK);
        gate_await_count(&h.running, 2);
        wpool_job_init(&other, gives_up_job, &t);
        CHECK_EQ(wpool_submit_job(t.pool, &other, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&other, WPOOL_FOREVER), WPOOL_OK);
        hold_release(&h, 2);
        test_destroy(t.pool);
    }
    fault_check();
}
