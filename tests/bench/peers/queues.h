/* What a queue must be able to do to be compared, and the loops that put and take, written once and
   compiled into each queue's own file, so that nobody pays for a call per value. For C and C++. */
#ifndef PEER_QUEUES_H
#define PEER_QUEUES_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_CAPACITY 1024
#define QUEUE_BATCH 32  /* at once, of those that can */
#define QUEUE_PAUSES 64 /* after so many failures the CPU is lent */

/* The values are numbers from 1 on, as pointers. */
typedef struct queue_peer {
    void *(*create)(void);
    void (*destroy)(void *queue);
    void (*pairs)(void *queue, size_t count);                 /* puts and takes in turn */
    void (*produce)(void *queue, size_t first, size_t count); /* puts first + 1, ... */
    uint64_t (*consume)(void *queue, size_t count);           /* returns the sum */
} queue_peer;

/* Each says how many it put or took, up to n; 0: full, or empty. side is the queue, or what a
   thread needs to use it. */
typedef size_t queue_put_fn(void *side, void *const *values, size_t n);
typedef size_t queue_take_fn(void *side, void **values, size_t n);

#if defined(__GNUC__) || defined(__clang__)
#define QUEUE_INLINE static inline __attribute__((always_inline))
#else
#define QUEUE_INLINE static inline
#endif

QUEUE_INLINE void queue_pause(size_t *failures) {
    if (++*failures % QUEUE_PAUSES == 0) {
        sched_yield();
        return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

QUEUE_INLINE void queue_put_all(void *side, void *const *values, size_t n, queue_put_fn *put) {
    size_t failures = 0;
    for (size_t done = 0; done < n;) {
        size_t more = put(side, values + done, n - done);
        if (more == 0) queue_pause(&failures);
        done += more;
    }
}

QUEUE_INLINE void queue_produce(void *side, size_t first, size_t count, size_t batch,
                                queue_put_fn *put) {
    void *values[QUEUE_BATCH];
    for (size_t done = 0; done < count;) {
        size_t n = count - done < batch ? count - done : batch;
        for (size_t i = 0; i < n; i++)
            values[i] = (void *)(uintptr_t)(first + done + i + 1);
        queue_put_all(side, values, n, put);
        done += n;
    }
}

QUEUE_INLINE uint64_t queue_consume(void *side, size_t count, size_t batch, queue_take_fn *take) {
    void *values[QUEUE_BATCH];
    uint64_t sum = 0;
    size_t failures = 0;
    while (count > 0) {
        size_t n = take(side, values, count < batch ? count : batch);
        if (n == 0)
            queue_pause(&failures);
        else
            failures = 0;
        for (size_t i = 0; i < n; i++)
            sum += (uint64_t)(uintptr_t)values[i];
        count -= n;
    }
    return sum;
}

QUEUE_INLINE void queue_pairs(void *side, size_t count, size_t batch, queue_put_fn *put,
                              queue_take_fn *take) {
    for (size_t done = 0; done < count; done += batch) {
        queue_produce(side, done, batch, batch, put);
        queue_consume(side, batch, batch, take);
    }
}

/* The loops of a queue, over its own put and take: name_pairs, name_produce, name_consume. */
#define QUEUE_LOOPS(name, put, take, batch)                               \
    static void name##_pairs(void *queue, size_t count) {                 \
        queue_pairs(queue, count, batch, put, take);                      \
    }                                                                     \
    static void name##_produce(void *queue, size_t first, size_t count) { \
        queue_produce(queue, first, count, batch, put);                   \
    }                                                                     \
    static uint64_t name##_consume(void *queue, size_t count) {           \
        return queue_consume(queue, count, batch, take);                  \
    }

#endif /* PEER_QUEUES_H */
