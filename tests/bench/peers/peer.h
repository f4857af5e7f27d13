/* What a pool must be able to do to be compared, and wpool doing it. Also read by tbb.cc. */
#ifndef PEER_H
#define PEER_H

#include "wpool.h"

typedef WPOOL_ATOMIC(uint64_t) bench_slot;

/* The jobs of one measurement: fn(&slots[i], NULL) for every i. All pools call the same kind of
   function; only wpool passes a second argument. */
typedef struct bench_load {
    wpool_fn fn;
    bench_slot *slots;
    size_t jobs;
    unsigned submitters, workers;
} bench_load;

typedef struct bench_peer {
    const char *name;
    void *(*create)(const bench_load *load); /* NULL: not installed */
    void (*submit)(void *pool, unsigned submitter, size_t first, size_t count);
    void (*drain)(void *pool); /* every submitted job has run; only destroy may follow */
    void (*destroy)(void *pool);
} bench_peer;

#ifndef __cplusplus
#include "../bench.h"

#define PEER_WPOOL_MANY 64 /* jobs per wpool_submit_many */

typedef struct peer_wpool_pool {
    const bench_load *load;
    wpool *pool;
} peer_wpool_pool;

static void *peer_wpool_create(const bench_load *load) {
    peer_wpool_pool *self = bench_alloc(1, sizeof *self);
    self->load = load;
    self->pool = bench_pool_of(load->workers);
    return self;
}

static void peer_wpool_submit(void *pool, unsigned submitter, size_t first, size_t count) {
    const peer_wpool_pool *self = pool;
    const bench_load *load = self->load;
    (void)submitter;
    for (size_t i = first; i < first + count; i++) {
        wpool_status status = wpool_submit(self->pool, load->fn, &load->slots[i], NULL);
        bench_check(status == WPOOL_OK, "wpool_submit");
    }
}

static void peer_wpool_submit_many(void *pool, unsigned submitter, size_t first, size_t count) {
    const peer_wpool_pool *self = pool;
    const bench_load *load = self->load;
    (void)submitter;
    while (count > 0) {
        void *args[PEER_WPOOL_MANY];
        size_t n = count < PEER_WPOOL_MANY ? count : PEER_WPOOL_MANY;
        for (size_t i = 0; i < n; i++)
            args[i] = &load->slots[first + i];
        bench_check(wpool_submit_many(self->pool, load->fn, args, n, NULL) == n, "submit_many");
        first += n;
        count -= n;
    }
}

static void peer_wpool_drain(void *pool) {
    const peer_wpool_pool *self = pool;
    bench_check(wpool_drain(self->pool, WPOOL_FOREVER) == WPOOL_OK, "wpool_drain");
}

static void peer_wpool_destroy(void *pool) {
    peer_wpool_pool *self = pool;
    bench_pool_end(self->pool);
    free(self);
}

static const bench_peer peer_wpool = {
    .name = "wpool",
    .create = peer_wpool_create,
    .submit = peer_wpool_submit,
    .drain = peer_wpool_drain,
    .destroy = peer_wpool_destroy,
};

static const bench_peer peer_wpool_many = {
    .name = "wpool 64 at once",
    .create = peer_wpool_create,
    .submit = peer_wpool_submit_many,
    .drain = peer_wpool_drain,
    .destroy = peer_wpool_destroy,
};

/* The peer's name, and what was measured in each column. */
static inline void peer_print_row(const bench_peer *peer, const bench_spread *row, size_t columns) {
    printf("%-24s", peer->name);
    for (size_t i = 0; peer->create && i < columns; i++)
        bench_print_spread(row[i]);
    printf("%s\n", peer->create ? "" : "not installed, skipped");
}
#endif /* __cplusplus */

#endif /* PEER_H */
