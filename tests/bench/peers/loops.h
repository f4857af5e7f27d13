/* Who can run a loop in parallel, for loop.c and growth.c, and a loop of equal and cheap
   iterations. */
#ifndef PEER_LOOPS_H
#define PEER_LOOPS_H

#include "../bench.h"
#include "absent.h"
#include "tbb.h"

typedef struct loop_peer {
    void *(*create)(unsigned workers); /* NULL: has only one thread */
    /* Calls fn(arg) where the loops are to be run from. NULL: anywhere. */
    void (*enter)(void *pool, void (*fn)(void *arg), void *arg);
    void (*run)(void *pool, wpool_body body, size_t count, void *arg);
    void (*destroy)(void *pool);
} loop_peer;

/* ---- wpool ---- */

/* The caller is one of them. */
static void *loop_wpool_create_less(unsigned workers) {
    if (workers == 1) return bench_pool((wpool_config){.max_workers = WPOOL_INLINE});
    return bench_pool_of(workers - 1);
}

static void loop_wpool_run(void *pool, wpool_body body, size_t count, void *arg) {
    bench_check(wpool_for(pool, 0, count, 0, body, arg) == WPOOL_OK, "wpool_for");
}

typedef struct loop_entry {
    void (*fn)(void *arg);
    void *arg;
} loop_entry;

static int loop_wpool_job(void *arg, wpool_job *job) {
    const loop_entry *entry = arg;
    (void)job;
    entry->fn(entry->arg);
    return 0;
}

static void loop_wpool_enter(void *pool, void (*fn)(void *arg), void *arg) {
    loop_entry entry = {fn, arg};
    bench_pool_run(pool, loop_wpool_job, &entry);
}

static const loop_peer loop_wpool = {loop_wpool_create_less, NULL, loop_wpool_run, bench_pool_end};
static const loop_peer loop_wpool_inside = {bench_pool_of, loop_wpool_enter, loop_wpool_run,
                                            bench_pool_end};
static const loop_peer loop_wpool_more = {bench_pool_of, NULL, loop_wpool_run, bench_pool_end};

/* ---- one thread ---- */

static void loop_plain_run(void *pool, wpool_body body, size_t count, void *arg) {
    (void)pool;
    body(0, count, arg, NULL);
}

static const loop_peer loop_plain = {.run = loop_plain_run};

/* ---- OpenMP: the iterations it shares out are blocks, so that the body is the same code ---- */

#ifdef _OPENMP
#define OPENMP_BLOCK 256
#define OPENMP_CHUNK 4 /* blocks */

static void *loop_openmp_create(unsigned workers) {
    unsigned *pool = bench_alloc(1, sizeof *pool);
    *pool = workers;
    return pool;
}

static inline void openmp_block(size_t block, wpool_body body, size_t count, void *arg) {
    size_t begin = block * OPENMP_BLOCK;
    body(begin, count - begin < OPENMP_BLOCK ? count : begin + OPENMP_BLOCK, arg, NULL);
}

static void loop_openmp_static(void *pool, wpool_body body, size_t count, void *arg) {
    unsigned workers = *(const unsigned *)pool;
    size_t blocks = (count + OPENMP_BLOCK - 1) / OPENMP_BLOCK;
#pragma omp parallel for num_threads(workers) schedule(static)
    for (size_t i = 0; i < blocks; i++)
        openmp_block(i, body, count, arg);
}

static void loop_openmp_dynamic(void *pool, wpool_body body, size_t count, void *arg) {
    unsigned workers = *(const unsigned *)pool;
    size_t blocks = (count + OPENMP_BLOCK - 1) / OPENMP_BLOCK;
#pragma omp parallel for num_threads(workers) schedule(dynamic, OPENMP_CHUNK)
    for (size_t i = 0; i < blocks; i++)
        openmp_block(i, body, count, arg);
}

static void loop_openmp_guided(void *pool, wpool_body body, size_t count, void *arg) {
    unsigned workers = *(const unsigned *)pool;
    size_t blocks = (count + OPENMP_BLOCK - 1) / OPENMP_BLOCK;
#pragma omp parallel for num_threads(workers) schedule(guided, OPENMP_CHUNK)
    for (size_t i = 0; i < blocks; i++)
        openmp_block(i, body, count, arg);
}

#define LOOP_OPENMP(run) \
    { loop_openmp_create, NULL, run, free }
#else
#define LOOP_OPENMP(run) \
    { NULL, NULL, NULL, NULL }
#endif

static const loop_peer loop_openmp[] = {LOOP_OPENMP(loop_openmp_static),
                                        LOOP_OPENMP(loop_openmp_guided),
                                        LOOP_OPENMP(loop_openmp_dynamic)};

/* ---- oneTBB ---- */

#ifdef HAVE_TBB
#define LOOP_TBB(run) \
    { peer_tbb_arena, peer_tbb_enter, run, peer_tbb_arena_destroy }
#else
#define LOOP_TBB(run) \
    { NULL, NULL, NULL, NULL }
#endif

static const loop_peer loop_tbb[] = {LOOP_TBB(peer_tbb_for_static), LOOP_TBB(peer_tbb_for_auto),
                                     LOOP_TBB(peer_tbb_for_simple)};

/* ---- a loop ---- */

typedef struct loop_data {
    size_t count;
    double *x, *y;
} loop_data;

/* Called through a pointer by all, so that nobody's compiler knows more than another's. */
static int loop_axpy(size_t begin, size_t end, void *arg, wpool_job *job) {
    const loop_data *data = arg;
    const double *x = data->x;
    double *y = data->y;
    (void)job;
    for (size_t i = begin; i < end; i++)
        y[i] += 0.5 * x[i];
    return 0;
}

/* ---- the measurement ---- */

#define LOOP_ROUNDS 64 /* at most */

typedef struct loop_measurement {
    const loop_peer *peer;
    void *pool;
    wpool_body body;
    loop_data data;
    size_t rounds;
    double us[LOOP_ROUNDS];
} loop_measurement;

static inline void loop_measure_rounds(void *arg) {
    loop_measurement *self = arg;
    const loop_peer *peer = self->peer;
    for (int i = 0; i < 2; i++) /* everybody is awake, and the memory where it will be */
        peer->run(self->pool, self->body, self->data.count, &self->data);
    for (size_t i = 0; i < self->rounds; i++) {
        int64_t started_ns = bench_now_ns();
        peer->run(self->pool, self->body, self->data.count, &self->data);
        self->us[i] = (double)(bench_now_ns() - started_ns) / 1000;
    }
}

/* Has every iteration been run as often as the loop? Each adds the same every time. */
static inline void loop_check(const loop_measurement *self) {
    loop_data once = self->data;
    once.y = bench_alloc(once.count, sizeof *once.y);
    self->body(0, once.count, &once, NULL);
    for (size_t i = 0; i < once.count; i++) {
        double sum = 0, y = self->data.y[i];
        for (size_t r = 0; r < self->rounds + 2; r++)
            sum += once.y[i];
        bench_check(!(sum < y) && !(sum > y), "each iteration once");
    }
    free(once.y);
}

/* us for a loop, median of so many rounds. */
static inline double loop_measure(const loop_peer *peer, unsigned workers, wpool_body body,
                                  size_t count, size_t rounds) {
    if (!peer->create && workers != 1) return -1;
    loop_measurement self = {.peer = peer, .body = body, .rounds = rounds};
    self.data.count = count;
    self.data.x = bench_alloc(count, sizeof *self.data.x);
    self.data.y = bench_alloc(count, sizeof *self.data.y);
    for (size_t i = 0; i < count; i++) {
        self.data.x[i] = (double)i; /* touch all of it */
        self.data.y[i] = 0;
    }
    self.pool = peer->create ? peer->create(workers) : NULL;
    if (peer->enter)
        peer->enter(self.pool, loop_measure_rounds, &self);
    else
        loop_measure_rounds(&self);
    if (peer->destroy) peer->destroy(self.pool);
    loop_check(&self);
    free(self.data.x);
    free(self.data.y);
    return bench_spread_of(self.us, rounds).median;
}

#endif /* PEER_LOOPS_H */
