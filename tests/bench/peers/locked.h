/* The pools that people write themselves: one mutex, conditions, and a store of function + argument
   that is a bounded ring, a ring that grows, or a list with an allocation per job. A worker reports
   a finished job and fetches the next one under the same lock. */
#ifndef PEER_LOCKED_H
#define PEER_LOCKED_H

#include "peer.h"
#include <pthread.h>

#define LOCKED_CAPACITY 1024 /* of the bounded ring, and the first size of the growing one */

typedef enum locked_kind { LOCKED_BOUNDED, LOCKED_GROWING, LOCKED_LIST } locked_kind;

typedef struct locked_call {
    wpool_fn fn;
    void *arg;
} locked_call;

typedef struct locked_node {
    struct locked_node *next;
    locked_call call;
} locked_node;

typedef struct locked_pool {
    const bench_load *load;
    pthread_t *threads;
    locked_kind kind;
    pthread_mutex_t mutex; /* protects what follows */
    pthread_cond_t work, room, idle;
    locked_call *ring;          /* bounded and growing: capacity places, a power of two */
    size_t head, capacity;      /* the oldest call is at head % capacity */
    locked_node *first, **last; /* list */
    size_t waiting, unfinished;
    bool stopped;
} locked_pool;

static void locked_grow(locked_pool *pool) {
    locked_call *ring = malloc(2 * pool->capacity * sizeof *ring);
    bench_check(ring != NULL, "out of memory");
    for (size_t i = 0; i < pool->waiting; i++) {
        ring[i] = pool->ring[(pool->head + i) & (pool->capacity - 1)];
    }
    free(pool->ring);
    pool->ring = ring;
    pool->head = 0;
    pool->capacity *= 2;
}

static void locked_push_ring(locked_pool *pool, locked_call call) {
    while (pool->waiting == pool->capacity) {
        if (pool->kind == LOCKED_GROWING)
            locked_grow(pool);
        else
            pthread_cond_wait(&pool->room, &pool->mutex);
    }
    pool->ring[(pool->head + pool->waiting) & (pool->capacity - 1)] = call;
}

static void locked_push_list(locked_pool *pool, locked_node *node) {
    *pool->last = node;
    pool->last = &node->next;
}

static locked_node *locked_pop_list(locked_pool *pool) {
    locked_node *node = pool->first;
    pool->first = node->next;
    if (!pool->first) pool->last = &pool->first;
    return node;
}

static void locked_submit_one(locked_pool *pool, locked_call call) {
    locked_node *node = NULL;
    if (pool->kind == LOCKED_LIST) {
        node = malloc(sizeof *node);
        bench_check(node != NULL, "out of memory");
        *node = (locked_node){.next = NULL, .call = call};
    }
    pthread_mutex_lock(&pool->mutex);
    if (node)
        locked_push_list(pool, node);
    else
        locked_push_ring(pool, call);
    pool->waiting++;
    pool->unfinished++;
    pthread_mutex_unlock(&pool->mutex);
    pthread_cond_signal(&pool->work);
}

static void locked_run_one(locked_pool *pool) {
    locked_node *node = pool->kind == LOCKED_LIST ? locked_pop_list(pool) : NULL;
    locked_call call = node ? node->call : pool->ring[pool->head++ & (pool->capacity - 1)];
    pool->waiting--;
    pthread_mutex_unlock(&pool->mutex);
    if (pool->kind == LOCKED_BOUNDED) pthread_cond_signal(&pool->room);
    call.fn(call.arg, NULL);
    free(node);
    pthread_mutex_lock(&pool->mutex);
    pool->unfinished--;
}

static void *locked_worker(void *arg) {
    locked_pool *pool = arg;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->waiting == 0 && !pool->stopped)
            pthread_cond_wait(&pool->work, &pool->mutex);
        if (pool->waiting == 0) break;
        locked_run_one(pool);
        if (pool->unfinished == 0) pthread_cond_broadcast(&pool->idle);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static void *locked_create(const bench_load *load, locked_kind kind) {
    locked_pool *pool = bench_alloc(1, sizeof *pool);
    pool->load = load;
    pool->kind = kind;
    pool->capacity = LOCKED_CAPACITY;
    pool->ring = bench_alloc(pool->capacity, sizeof *pool->ring);
    pool->last = &pool->first;
    pool->threads = bench_alloc(load->workers, sizeof *pool->threads);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->room, NULL);
    pthread_cond_init(&pool->idle, NULL);
    for (unsigned i = 0; i < load->workers; i++) {
        int error = pthread_create(&pool->threads[i], NULL, locked_worker, pool);
        bench_check(error == 0, "pthread_create");
    }
    return pool;
}

static void *locked_create_bounded(const bench_load *load) {
    return locked_create(load, LOCKED_BOUNDED);
}

static void *locked_create_growing(const bench_load *load) {
    return locked_create(load, LOCKED_GROWING);
}

static void *locked_create_list(const bench_load *load) { return locked_create(load, LOCKED_LIST); }

static void locked_submit(void *pool, unsigned submitter, size_t first, size_t count) {
    locked_pool *self = pool;
    const bench_load *load = self->load;
    (void)submitter;
    for (size_t i = first; i < first + count; i++) {
        locked_submit_one(self, (locked_call){.fn = load->fn, .arg = &load->slots[i]});
    }
}

static void locked_drain(void *pool) {
    locked_pool *self = pool;
    pthread_mutex_lock(&self->mutex);
    while (self->unfinished > 0)
        pthread_cond_wait(&self->idle, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
}

static void locked_destroy(void *pool) {
    locked_pool *self = pool;
    pthread_mutex_lock(&self->mutex);
    self->stopped = true;
    pthread_mutex_unlock(&self->mutex);
    pthread_cond_broadcast(&self->work);
    for (unsigned i = 0; i < self->load->workers; i++)
        pthread_join(self->threads[i], NULL);
    pthread_cond_destroy(&self->work);
    pthread_cond_destroy(&self->room);
    pthread_cond_destroy(&self->idle);
    pthread_mutex_destroy(&self->mutex);
    free(self->threads);
    free(self->ring);
    free(self);
}

static const bench_peer peer_mutex_ring = {
    .name = "mutex ring 1024",
    .create = locked_create_bounded,
    .submit = locked_submit,
    .drain = locked_drain,
    .destroy = locked_destroy,
};

static const bench_peer peer_mutex_deque = {
    .name = "mutex deque",
    .create = locked_create_growing,
    .submit = locked_submit,
    .drain = locked_drain,
    .destroy = locked_destroy,
};

static const bench_peer peer_mutex_list = {
    .name = "mutex list, malloc",
    .create = locked_create_list,
    .submit = locked_submit,
    .drain = locked_drain,
    .destroy = locked_destroy,
};

#endif /* PEER_LOCKED_H */
