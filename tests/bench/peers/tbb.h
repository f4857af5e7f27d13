/* What tbb.cc does with oneTBB, for C. Its pools: that of peer_tbb_create for submitting, that of
   peer_tbb_arena for the rest; there the calling thread is one of the workers. */
#ifndef PEER_TBB_H
#define PEER_TBB_H

#include "peer.h"
#include "queues.h"

#ifdef __cplusplus
extern "C" {
#endif

void *peer_tbb_create(const bench_load *load);
void peer_tbb_submit(void *pool, unsigned submitter, size_t first, size_t count);
void peer_tbb_drain(void *pool);
void peer_tbb_destroy(void *pool);

void *peer_tbb_arena(unsigned workers);
void peer_tbb_arena_destroy(void *arena);
long peer_tbb_fib(void *arena, long n);

/* Calls fn(arg) on the calling thread as one of the workers. */
void peer_tbb_enter(void *arena, void (*fn)(void *arg), void *arg);
/* From inside of it. */
void peer_tbb_for_auto(void *arena, wpool_body body, size_t count, void *arg);
void peer_tbb_for_static(void *arena, wpool_body body, size_t count, void *arg);
void peer_tbb_for_simple(void *arena, wpool_body body, size_t count, void *arg);

/* Its queue with a bound. */
extern const queue_peer peer_tbb_queue;

#ifdef __cplusplus
}
#endif

#endif /* PEER_TBB_H */
