/* The queue of the room [queue] as a queue of pointers of capacity 1024, beside other queues: ns
   for a put and a take in one thread, and values a second from threads that only put to threads
   that only take. Settings from the environment: ITEMS, REPEAT, ONLY, CSV. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "peers/queues_cc.h"
#include "peers/rings.h"
#include "peers/tbb.h"
#include "peers/absent.h"
#include "table.h"

/* ---- ours: a value is the argument of a call ---- */

typedef struct our_queue {
    wpool__queue queue;
    _Alignas(
        WPOOL_CACHE_LINE) _Atomic uint64_t until; /* as a pool keeps it: a limit that was true */
} our_queue;

static int nothing(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    return 0;
}

static void *our_create(void) {
    our_queue *self = aligned_alloc(WPOOL_CACHE_LINE, sizeof *self);
    bench_check(self != NULL, "out of memory");
    memset(self, 0, sizeof *self);
    bench_check(wpool__queue_init(&self->queue, NULL, QUEUE_CAPACITY), "out of memory");
    return self;
}

static void our_destroy(void *queue) {
    our_queue *self = queue;
    wpool__queue_free(&self->queue);
    free(self);
}

/* Claims up to n places; looks at the consumers' end only when the last limit seen is reached. */
static inline size_t our_claim(our_queue *self, size_t n, uint64_t *first) {
    bool is_closed;
    uint64_t until = atomic_load_explicit(&self->until, memory_order_acquire);
    size_t got = wpool__gate_claim(&self->queue.tail, until, n, first, &is_closed);
    if (got != 0) return got;
    until = atomic_load_explicit(&self->queue.head, memory_order_acquire) + QUEUE_CAPACITY;
    atomic_store_explicit(&self->until, until, memory_order_release);
    return wpool__gate_claim(&self->queue.tail, until, n, first, &is_closed);
}

static inline size_t our_put(void *queue, void *const *values, size_t n) {
    our_queue *self = queue;
    uint64_t first;
    size_t got = our_claim(self, n, &first);
    for (size_t i = 0; i < got; i++)
        wpool__queue_put(&self->queue, first + i, (wpool__call){nothing, values[i]});
    return got;
}

static inline size_t our_take(void *queue, void **values, size_t n) {
    our_queue *self = queue;
    wpool__call calls[QUEUE_BATCH];
    size_t got = wpool__queue_take(&self->queue, calls, n);
    for (size_t i = 0; i < got; i++)
        values[i] = calls[i].arg;
    return got;
}

QUEUE_LOOPS(our, our_put, our_take, 1)
QUEUE_LOOPS(our_many, our_put, our_take, QUEUE_BATCH)

static const queue_peer ours = {our_create, our_destroy, our_pairs, our_produce, our_consume};
static const queue_peer ours_many = {our_create, our_destroy, our_many_pairs, our_many_produce,
                                     our_many_consume};

/* ---- peers ---- */

#ifdef HAVE_TBB
#define TBB_QUEUE &peer_tbb_queue
#else
#define TBB_QUEUE NULL
#endif

#ifdef HAVE_MOODYCAMEL
#define MOODYCAMEL(peer) &peer
#else
#define MOODYCAMEL(peer) NULL
#endif

#ifdef HAVE_BOOST
#define BOOST &peer_boost
#else
#define BOOST NULL
#endif

static const bench_row rows[] = {
    {"wpool queue", BENCH_OURS, NULL, &ours},
    {"wpool queue, 32 at once", BENCH_OURS, NULL, &ours_many},
    {"mutex ring", BENCH_PEER, NULL, &peer_mutex_queue},
    {"Vyukov ring", BENCH_PEER, NULL, &peer_vyukov},
    {"ck_ring mpmc", BENCH_PEER, CK_ABSENT, &peer_ck},
    {"oneTBB bounded", BENCH_PEER, TBB_ABSENT, TBB_QUEUE},
    {"boost lockfree", BENCH_PEER, BOOST_ABSENT, BOOST},
    {"moodycamel", BENCH_OTHER, MOODYCAMEL_ABSENT, MOODYCAMEL(peer_moodycamel)},
    {"moodycamel tokens", BENCH_OTHER, MOODYCAMEL_ABSENT, MOODYCAMEL(peer_moodycamel_tokens)},
    {"moodycamel tokens 32", BENCH_OTHER, MOODYCAMEL_ABSENT, MOODYCAMEL(peer_moodycamel_bulk)},
};

/* ---- the measurement ---- */

typedef struct user {
    const queue_peer *peer;
    void *queue;
    pthread_barrier_t *ready;
    bool is_producer;
    size_t first, count;
    uint64_t sum;
    int64_t started_ns, ended_ns;
    pthread_t thread;
} user;

static void *user_run(void *arg) {
    user *self = arg;
    pthread_barrier_wait(self->ready);
    self->started_ns = bench_now_ns();
    if (self->is_producer)
        self->peer->produce(self->queue, self->first, self->count);
    else
        self->sum = self->peer->consume(self->queue, self->count);
    self->ended_ns = bench_now_ns();
    return NULL;
}

/* Waits for all; returns the time from the first one's start to the last one's end. */
static int64_t users_join(user *users, unsigned count, uint64_t *sum) {
    int64_t started_ns = INT64_MAX, ended_ns = 0;
    for (unsigned i = 0; i < count; i++) {
        pthread_join(users[i].thread, NULL);
        *sum += users[i].sum;
        if (users[i].started_ns < started_ns) started_ns = users[i].started_ns;
        if (users[i].ended_ns > ended_ns) ended_ns = users[i].ended_ns;
    }
    return ended_ns - started_ns;
}

/* pairs producers and as many consumers; millions of values a second. */
static double measure_threads(const queue_peer *peer, unsigned pairs, size_t items) {
    user *users = bench_alloc(2 * pairs, sizeof *users);
    void *queue = peer->create();
    pthread_barrier_t ready;
    uint64_t sum = 0;
    pthread_barrier_init(&ready, NULL, 2 * pairs);
    for (unsigned i = 0; i < 2 * pairs; i++) {
        user *self = &users[i];
        *self = (user){.peer = peer, .queue = queue, .ready = &ready, .is_producer = i < pairs};
        self->first = items * (i % pairs) / pairs;
        self->count = items * (i % pairs + 1) / pairs - self->first;
        bench_check(pthread_create(&self->thread, NULL, user_run, self) == 0, "pthread_create");
    }
    int64_t ns = users_join(users, 2 * pairs, &sum);
    bench_check(sum == (uint64_t)items * (items + 1) / 2, "each value comes out once");
    pthread_barrier_destroy(&ready);
    peer->destroy(queue);
    free(users);
    return (double)items * 1000 / (double)ns;
}

static void *pairs_run(void *arg) {
    user *self = arg;
    self->peer->pairs(self->queue, QUEUE_CAPACITY * 2); /* has touched all of it */
    self->started_ns = bench_now_ns();
    self->peer->pairs(self->queue, self->count);
    self->ended_ns = bench_now_ns();
    return NULL;
}

/* One thread, ns for a put and a take; not the only one of the process, since then glibc's locks
   are no atomic operations. */
static double measure_pairs(const queue_peer *peer, size_t items) {
    user self = {.peer = peer, .queue = peer->create(), .count = items};
    bench_check(pthread_create(&self.thread, NULL, pairs_run, &self) == 0, "pthread_create");
    pthread_join(self.thread, NULL);
    peer->destroy(self.queue);
    return (double)(self.ended_ns - self.started_ns) / (double)items;
}

static double measure(const bench_row *row, const bench_column *column) {
    if (column->submitters == 0) return measure_pairs(row->peer, column->size);
    return measure_threads(row->peer, column->submitters, column->size);
}

int main(void) {
    size_t items = bench_setting("ITEMS", 2000000) / QUEUE_BATCH * QUEUE_BATCH;
    const bench_column columns[] = {
        {"1 thread, ns per pair", 1, 0, items, "ns/pair", 0},
        {"1:1 threads, M/s", 1, 1, items, "M/s", 0},
        {"2:2 threads, M/s", 2, 2, items, "M/s", 0},
        {"4:4 threads, M/s", 4, 4, items, "M/s", 0},
    };
    bench_table table = {
        .name = "queue",
        .title = bench_title("%zu pointers through a queue of %d", items, QUEUE_CAPACITY),
        .measure = measure,
        BENCH_ROWS(rows)};
    table.other = "unbounded";
    bench_table_run(&table, columns, BENCH_COUNT(columns), 5);
    return 0;
}
