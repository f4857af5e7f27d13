/* Threads that submit plain jobs to a pool, for submit.c and growth.c. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench.h"
#include "peers/peer.h"
#include <pthread.h>
#include <stdatomic.h>

/* A thread that submits; the main thread is one of them. */
typedef struct load_thread {
    const bench_peer *peer;
    void *pool;
    pthread_barrier_t *ready;
    unsigned index;
    size_t first, count;
    int64_t started_ns;
    pthread_t thread;
} load_thread;

/* The job: each has a slot of its own. */
static int load_add_one(void *slot, wpool_job *job) {
    (void)job;
    atomic_fetch_add_explicit((bench_slot *)slot, 1, memory_order_relaxed);
    return 0;
}

static void *load_thread_run(void *arg) {
    load_thread *self = arg;
    pthread_barrier_wait(self->ready);
    self->started_ns = bench_now_ns();
    self->peer->submit(self->pool, self->index, self->first, self->count);
    return NULL;
}

static void load_thread_start(load_thread *self, const bench_load *load) {
    size_t end = load->jobs * (self->index + 1) / load->submitters;
    self->first = load->jobs * self->index / load->submitters;
    self->count = end - self->first;
    if (self->index == 0) return;
    bench_check(pthread_create(&self->thread, NULL, load_thread_run, self) == 0, "pthread_create");
}

/* Submits everything; returns when the first submitter began. */
static int64_t load_submit(const bench_peer *peer, void *pool, const bench_load *load) {
    load_thread *threads = bench_alloc(load->submitters, sizeof *threads);
    pthread_barrier_t ready;
    pthread_barrier_init(&ready, NULL, load->submitters);
    for (unsigned i = 0; i < load->submitters; i++) {
        threads[i] = (load_thread){.peer = peer, .pool = pool, .ready = &ready, .index = i};
        load_thread_start(&threads[i], load);
    }
    load_thread_run(&threads[0]);
    int64_t started_ns = threads[0].started_ns;
    for (unsigned i = 1; i < load->submitters; i++) {
        pthread_join(threads[i].thread, NULL);
        if (threads[i].started_ns < started_ns) started_ns = threads[i].started_ns;
    }
    pthread_barrier_destroy(&ready);
    free(threads);
    return started_ns;
}

/* A load for so many threads; it stays until the process ends. */
static bench_load load_make(size_t jobs, unsigned submitters, unsigned workers) {
    bench_load load = {.fn = load_add_one, .jobs = jobs};
    load.submitters = submitters;
    load.workers = workers;
    load.slots = bench_alloc(jobs, sizeof *load.slots);
    return load;
}

/* A pool's life with that load; returns the time from the first submit to the end of the drain. */
static double load_run_ns(const bench_peer *peer, const bench_load *load) {
    for (size_t i = 0; i < load->jobs; i++)
        atomic_init(&load->slots[i], 0); /* touch all of it */
    void *pool = peer->create(load);
    int64_t started_ns = load_submit(peer, pool, load);
    peer->drain(pool);
    int64_t ended_ns = bench_now_ns();
    peer->destroy(pool);
    for (size_t i = 0; i < load->jobs; i++)
        bench_check(atomic_load(&load->slots[i]) == 1, "each job runs exactly once");
    return (double)(ended_ns - started_ns);
}

#endif /* BENCH_LOAD_H */
