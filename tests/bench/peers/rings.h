/* Bounded queues in C for queue.c: a ring under a mutex, the ring that most lock-free bounded
   queues are made like (Vyukov's, a cache line for each place), and Concurrency Kit's. */
#ifndef PEER_RINGS_H
#define PEER_RINGS_H

#include "../bench.h"
#include "queues.h"
#include <pthread.h>
#include <stdatomic.h>

/* ---- under a mutex ---- */

typedef struct mutex_queue {
    pthread_mutex_t mutex;
    size_t head, tail;
    void *values[QUEUE_CAPACITY];
} mutex_queue;

static void *mutex_queue_create(void) {
    mutex_queue *self = bench_alloc(1, sizeof *self);
    pthread_mutex_init(&self->mutex, NULL);
    return self;
}

static size_t mutex_queue_put(void *queue, void *const *values, size_t n) {
    mutex_queue *self = queue;
    (void)n;
    pthread_mutex_lock(&self->mutex);
    bool has_room = self->tail - self->head < QUEUE_CAPACITY;
    if (has_room) self->values[self->tail++ % QUEUE_CAPACITY] = *values;
    pthread_mutex_unlock(&self->mutex);
    return has_room;
}

static size_t mutex_queue_take(void *queue, void **values, size_t n) {
    mutex_queue *self = queue;
    (void)n;
    pthread_mutex_lock(&self->mutex);
    bool has_value = self->tail != self->head;
    if (has_value) *values = self->values[self->head++ % QUEUE_CAPACITY];
    pthread_mutex_unlock(&self->mutex);
    return has_value;
}

QUEUE_LOOPS(mutex_queue, mutex_queue_put, mutex_queue_take, 1)

static const queue_peer peer_mutex_queue = {mutex_queue_create, free, mutex_queue_pairs,
                                            mutex_queue_produce, mutex_queue_consume};

/* ---- Vyukov's ---- */

typedef struct vyukov_place {
    _Alignas(64) _Atomic size_t turn;
    void *value;
} vyukov_place;

typedef struct vyukov_queue {
    vyukov_place places[QUEUE_CAPACITY];
    _Alignas(64) _Atomic size_t tail;
    _Alignas(64) _Atomic size_t head;
} vyukov_queue;

static void *vyukov_create(void) {
    vyukov_queue *self = aligned_alloc(64, sizeof *self);
    bench_check(self != NULL, "out of memory");
    atomic_init(&self->tail, 0);
    atomic_init(&self->head, 0);
    for (size_t i = 0; i < QUEUE_CAPACITY; i++)
        atomic_init(&self->places[i].turn, i);
    return self;
}

/* The place whose turn is that of the end plus ahead, and is ours now; NULL: not yet its turn. */
static inline vyukov_place *vyukov_claim(vyukov_queue *self, _Atomic size_t *end, size_t ahead,
                                         size_t *ticket) {
    *ticket = atomic_load_explicit(end, memory_order_relaxed);
    for (;;) {
        vyukov_place *place = &self->places[*ticket % QUEUE_CAPACITY];
        size_t turn = atomic_load_explicit(&place->turn, memory_order_acquire);
        ptrdiff_t early = (ptrdiff_t)(turn - (*ticket + ahead));
        if (early < 0) return NULL;
        if (early > 0)
            *ticket = atomic_load_explicit(end, memory_order_relaxed);
        else if (atomic_compare_exchange_weak_explicit(end, ticket, *ticket + 1,
                                                       memory_order_relaxed, memory_order_relaxed))
            return place;
    }
}

static size_t vyukov_put(void *queue, void *const *values, size_t n) {
    vyukov_queue *self = queue;
    size_t ticket;
    vyukov_place *place = vyukov_claim(self, &self->tail, 0, &ticket);
    (void)n;
    if (!place) return 0;
    place->value = *values;
    atomic_store_explicit(&place->turn, ticket + 1, memory_order_release);
    return 1;
}

static size_t vyukov_take(void *queue, void **values, size_t n) {
    vyukov_queue *self = queue;
    size_t ticket;
    vyukov_place *place = vyukov_claim(self, &self->head, 1, &ticket);
    (void)n;
    if (!place) return 0;
    *values = place->value;
    atomic_store_explicit(&place->turn, ticket + QUEUE_CAPACITY, memory_order_release);
    return 1;
}

QUEUE_LOOPS(vyukov, vyukov_put, vyukov_take, 1)

static const queue_peer peer_vyukov = {vyukov_create, free, vyukov_pairs, vyukov_produce,
                                       vyukov_consume};

/* ---- Concurrency Kit's: holds a value less than it has places ---- */

#if __has_include(<ck_ring.h>)
#define CK_ABSENT NULL
#include <ck_ring.h>

typedef struct ck_queue {
    ck_ring_t ring;
    ck_ring_buffer_t buffer[QUEUE_CAPACITY];
} ck_queue;

static void *ck_queue_create(void) {
    ck_queue *self = aligned_alloc(64, (sizeof *self + 63) / 64 * 64);
    bench_check(self != NULL, "out of memory");
    ck_ring_init(&self->ring, QUEUE_CAPACITY);
    return self;
}

static size_t ck_queue_put(void *queue, void *const *values, size_t n) {
    ck_queue *self = queue;
    (void)n;
    return ck_ring_enqueue_mpmc(&self->ring, self->buffer, *values);
}

static size_t ck_queue_take(void *queue, void **values, size_t n) {
    ck_queue *self = queue;
    (void)n;
    return ck_ring_dequeue_mpmc(&self->ring, self->buffer, values);
}

QUEUE_LOOPS(ck_queue, ck_queue_put, ck_queue_take, 1)

static const queue_peer peer_ck = {ck_queue_create, free, ck_queue_pairs, ck_queue_produce,
                                   ck_queue_consume};
#else
#define CK_ABSENT "not installed (libck-dev)"
static const queue_peer peer_ck = {NULL, NULL, NULL, NULL, NULL};
#endif

#endif /* PEER_RINGS_H */
