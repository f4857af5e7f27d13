// oneTBB: task_group for submit.c and fork.c, parallel_for for loop.c, its queue for queue.c.
#include "tbb.h"
#include <tbb/concurrent_queue.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

// ---- submitting: the thread that waits runs jobs too, so there is one thread more ----

namespace {

struct tbb_pool {
    explicit tbb_pool(const bench_load *its_load)
        : load(its_load), limit(tbb::global_control::max_allowed_parallelism, load->workers + 1),
          arena(static_cast<int>(load->workers + load->submitters), load->submitters) {}

    const bench_load *load;
    tbb::global_control limit;  // workers, and one that waits
    tbb::task_arena arena;
    tbb::task_group group;
};

}  // namespace

void *peer_tbb_create(const bench_load *load) { return new tbb_pool(load); }

void peer_tbb_submit(void *pool, unsigned, size_t first, size_t count) {
    tbb_pool *self = static_cast<tbb_pool *>(pool);
    const bench_load *load = self->load;
    self->arena.execute([=] {
        for (size_t i = first; i < first + count; i++) {
            self->group.run([load, i] { load->fn(&load->slots[i], nullptr); });
        }
    });
}

void peer_tbb_drain(void *pool) {
    tbb_pool *self = static_cast<tbb_pool *>(pool);
    self->arena.execute([self] { self->group.wait(); });
}

void peer_tbb_destroy(void *pool) { delete static_cast<tbb_pool *>(pool); }

// ---- forks and loops: the caller is one of the workers ----

namespace {

struct tbb_arena {
    explicit tbb_arena(unsigned workers)
        : limit(tbb::global_control::max_allowed_parallelism, workers),
          arena(static_cast<int>(workers)) {}

    tbb::global_control limit;
    tbb::task_arena arena;
};

tbb_arena *arena_of(void *arena) { return static_cast<tbb_arena *>(arena); }

long fib(long n) {
    if (n < 2) return n;
    long a = 0;
    tbb::task_group group;
    group.run([&a, n] { a = fib(n - 1); });
    long b = fib(n - 2);
    group.wait();
    return a + b;
}

using range = tbb::blocked_range<size_t>;

template <class Partitioner>
void run_loop(const range &all, wpool_body body, void *arg, const Partitioner &how) {
    tbb::parallel_for(
        all, [=](const range &r) { body(r.begin(), r.end(), arg, nullptr); }, how);
}

}  // namespace

void *peer_tbb_arena(unsigned workers) { return new tbb_arena(workers); }

void peer_tbb_arena_destroy(void *arena) { delete arena_of(arena); }

long peer_tbb_fib(void *arena, long n) {
    return arena_of(arena)->arena.execute([n] { return fib(n); });
}

void peer_tbb_enter(void *arena, void (*fn)(void *arg), void *arg) {
    arena_of(arena)->arena.execute([=] { fn(arg); });
}

void peer_tbb_for_auto(void *, wpool_body body, size_t count, void *arg) {
    run_loop(range(0, count), body, arg, tbb::auto_partitioner());
}

void peer_tbb_for_static(void *, wpool_body body, size_t count, void *arg) {
    run_loop(range(0, count), body, arg, tbb::static_partitioner());
}

void peer_tbb_for_simple(void *, wpool_body body, size_t count, void *arg) {
    run_loop(range(0, count, 1024), body, arg, tbb::simple_partitioner());
}

// ---- the queue ----

namespace {

using bounded = tbb::concurrent_bounded_queue<void *>;

void *bounded_create() {
    bounded *queue = new bounded;
    queue->set_capacity(QUEUE_CAPACITY);
    return queue;
}

void bounded_destroy(void *queue) { delete static_cast<bounded *>(queue); }

size_t bounded_put(void *queue, void *const *values, size_t) {
    return static_cast<bounded *>(queue)->try_push(values[0]);
}

size_t bounded_take(void *queue, void **values, size_t) {
    return static_cast<bounded *>(queue)->try_pop(values[0]);
}

QUEUE_LOOPS(bounded, bounded_put, bounded_take, 1)

}  // namespace

const queue_peer peer_tbb_queue = {bounded_create, bounded_destroy, bounded_pairs, bounded_produce,
                                   bounded_consume};
