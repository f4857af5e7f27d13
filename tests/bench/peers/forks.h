/* Who can fork and join, for fork.c and growth.c: Fibonacci numbers, a fork for each addition. */
#ifndef PEER_FORKS_H
#define PEER_FORKS_H

#include "../bench.h"
#include "absent.h"
#include "tbb.h"

typedef struct fork_peer {
    void *(*create)(unsigned workers); /* NULL: has only one thread */
    long (*fib)(void *pool, long n);
    void (*destroy)(void *pool);
    long easier; /* slow ones get a number smaller by this */
} fork_peer;

/* ---- nothing but calls ---- */

static long plain_fib(long n) { return n < 2 ? n : plain_fib(n - 1) + plain_fib(n - 2); }

static long plain_run(void *pool, long n) {
    (void)pool;
    return plain_fib(n);
}

static const fork_peer fork_plain = {.fib = plain_run};

/* The same, but each call is made: as each is that somebody else may have to make. */
#if defined(__GNUC__)
__attribute__((noinline))
#endif
static long
called_fib(long n) {
    long (*volatile call)(long) = called_fib;
    return n < 2 ? n : call(n - 1) + call(n - 2);
}

static long called_run(void *pool, long n) {
    (void)pool;
    return called_fib(n);
}

static const fork_peer fork_called = {.fib = called_run};

/* ---- wpool ---- */

typedef struct fib_call {
    wpool_job job;
    long n, result;
} fib_call;

static long fork_wpool_run(wpool *pool, wpool_fn fn, long n) {
    fib_call root = {.n = n};
    bench_pool_run(pool, fn, &root);
    return root.result;
}

static int unfork_job(void *arg, wpool_job *self);

/* What comes back is called as an ordinary function. */
static long unfork_fib(long n, wpool_job *self) {
    if (n < 2) return n;
    fib_call left;
    left.n = n - 1;
    wpool_fork(self, &left.job, unfork_job, &left);
    long right = unfork_fib(n - 2, self);
    return right + (wpool_unfork(self, &left.job) ? unfork_fib(n - 1, self) : left.result);
}

static int unfork_job(void *arg, wpool_job *self) {
    fib_call *call = arg;
    call->result = unfork_fib(call->n, self);
    return 0;
}

static long unfork_run(void *pool, long n) { return fork_wpool_run(pool, unfork_job, n); }

static const fork_peer fork_wpool_unfork = {bench_pool_of, unfork_run, bench_pool_end, 0};

/* What comes back is called by wpool_join. */
static int join_job(void *arg, wpool_job *self) {
    fib_call *call = arg;
    fib_call left, right;
    call->result = call->n;
    if (call->n < 2) return 0;
    left.n = call->n - 1;
    right.n = call->n - 2;
    wpool_fork(self, &left.job, join_job, &left);
    join_job(&right, self);
    wpool_join(self, &left.job);
    call->result = left.result + right.result;
    return 0;
}

static long join_run(void *pool, long n) { return fork_wpool_run(pool, join_job, n); }

static const fork_peer fork_wpool_join = {bench_pool_of, join_run, bench_pool_end, 0};

/* ---- OpenMP ---- */

#ifdef _OPENMP
static long openmp_fib(long n) {
    long left = 0;
    if (n < 2) return n;
#pragma omp task shared(left) firstprivate(n)
    left = openmp_fib(n - 1);
    long right = openmp_fib(n - 2);
#pragma omp taskwait
    return left + right;
}

static void *fork_openmp_create(unsigned workers) {
    unsigned *pool = bench_alloc(1, sizeof *pool);
    *pool = workers;
    return pool;
}

static long fork_openmp_run(void *pool, long n) {
    long result = 0;
    unsigned workers = *(const unsigned *)pool;
#pragma omp parallel num_threads(workers)
#pragma omp single
    result = openmp_fib(n);
    return result;
}

static const fork_peer fork_openmp = {fork_openmp_create, fork_openmp_run, free, 7};
#else
static const fork_peer fork_openmp = {NULL, NULL, NULL, 0};
#endif

/* ---- oneTBB ---- */

#ifdef HAVE_TBB
static const fork_peer fork_tbb = {peer_tbb_arena, peer_tbb_fib, peer_tbb_arena_destroy, 2};
#else
static const fork_peer fork_tbb = {NULL, NULL, NULL, 0};
#endif

/* ---- the measurement ---- */

/* In fib(n). */
static inline double fork_count(long n) {
    double before = 0, count = 0; /* of n - 2, n - 1 */
    for (long i = 2; i <= n; i++) {
        double next = before + count + 1;
        before = count;
        count = next;
    }
    return count;
}

/* ns per fork. The calling thread is a worker but in wpool, where it sleeps. */
static inline double fork_measure(const fork_peer *peer, unsigned workers, long n) {
    if (!peer->create && workers != 1) return -1;
    n -= peer->easier;
    if (n < 2) n = 2;
    void *pool = peer->create ? peer->create(workers) : NULL;
    peer->fib(pool, n < 20 ? n : 20); /* everybody is awake, and has touched his memory */
    int64_t started_ns = bench_now_ns();
    long result = peer->fib(pool, n);
    int64_t ended_ns = bench_now_ns();
    bench_check(result == plain_fib(n), "fib");
    if (peer->destroy) peer->destroy(pool);
    return (double)(ended_ns - started_ns) / fork_count(n);
}

#endif /* PEER_FORKS_H */
