/* wpool.h under GenMC: what its seams are there. Include it before wpool.h.

   The futex is the kernel's as far as it promises: comparing and going to sleep is one step against
   waking; only who sleeps already is woken. A sleeper blocks where GenMC knows that it waits, so a
   forgotten wake-up ends in "Non-terminating spinloop". Not modelled: spurious wake-ups, deadlines.
   With MODEL_FUTEX 0, which is cheaper, a sleeper waits for the word to change, whoever is woken. */

#ifndef MODEL_H
#define MODEL_H

#include <assert.h>
#include <genmc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define WPOOL_STATIC
#define WPOOL_IMPLEMENTATION
#ifdef MODEL_WHOLE /* all of wpool.h, with platform.h for its room [platform] */
#define WPOOL_PLATFORM "platform.h"
#else
#define WPOOL_CORE_ONLY
#endif
#define WPOOL_CACHE_LINE 16
#define WPOOL_BATCH 2
#define WPOOL_SPINS 0
#define WPOOL_YIELDS 0
#define WPOOL_ASSERT(c) assert(c)
#ifndef WPOOL_DEQUE_SIZE
#define WPOOL_DEQUE_SIZE 2
#endif

/* -- atomics: GenMC reads a compare-exchange that fails with the order of one that succeeds. With
   MODEL_SPLIT_CAS 1, which costs executions, it may also fail at a load of the order for failure. -- */

#ifndef MODEL_SPLIT_CAS
#define MODEL_SPLIT_CAS 0
#endif
#if MODEL_SPLIT_CAS
#include "../support/atomics.h"
#define WPOOL_ATOMIC_CAS(p, expected, value, order, failed)                                \
    ({                                                                                     \
        __typeof__(*(expected)) model_seen = atomic_load_explicit(p, failed);              \
        bool model_is_same = model_seen == *(expected);                                    \
        if (!model_is_same) *(expected) = model_seen;                                      \
        model_is_same &&atomic_compare_exchange_strong_explicit(p, expected, value, order, \
                                                                failed);                   \
    })
#endif

/* -- memory: GenMC wants one size for each address, so it is zeroed by whole words, eight at a time,
   that --unroll=N cuts off nothing; or, with MODEL_MEMORY, it is never freed and comes from an array
   of so many bytes, for records with fields of several sizes -- */

#ifdef MODEL_MEMORY
static _Alignas(64) char model_memory[MODEL_MEMORY];
static size_t model_used; /* a client allocates under a lock, or in main */

static void *model_alloc(size_t size) {
    void *start = model_memory + model_used;
    model_used += (size + 63) / 64 * 64;
    WPOOL_ASSERT(model_used <= MODEL_MEMORY);
    return start;
}

#define WPOOL_FREE(ptr) ((void)(ptr))
#else
static void model_zero(volatile uint64_t *w) {
    w[0] = w[1] = w[2] = w[3] = w[4] = w[5] = w[6] = w[7] = 0;
}

static void *model_alloc(size_t size) {
    size_t words = (size + 63) / 64 * 8;
    uint64_t *start = (uint64_t *)malloc(words * sizeof *start);
    for (size_t i = 0; i < words; i += 8)
        model_zero(start + i);
    return start;
}

#define WPOOL_FREE(ptr) free(ptr)
#endif
#define WPOOL_CALLOC(size) model_alloc(size)

/* A shelf with the elements of an array, and one for records that is empty. */
#define MODEL_SHELF(array)                                                                         \
    {                                                                                              \
        .size = sizeof *(array), .first = sizeof(array) / sizeof *(array), .count = 1, .chunks = { \
            (unsigned char *)(array)                                                               \
        }                                                                                          \
    }
#define MODEL_RECORDS \
    { .size = sizeof(wpool__record), .first = WPOOL_RECORDS }
/* The first one at run time. */
#define MODEL_SHELVE(shelf, array)                                                                 \
    (wpool__shelf_init(shelf, NULL, sizeof *(array), (uint32_t)(sizeof(array) / sizeof *(array))), \
     (shelf)->count = 1, (shelf)->chunks[0] = (unsigned char *)(array))

/* -- sleeping -- */

#define WPOOL_PAUSE() ((void)0)
#ifdef MODEL_NO_RETRY /* what would wait for somebody by looking again ends there */
#define WPOOL_YIELD() __VERIFIER_assume(0)
#else
#define WPOOL_YIELD() ((void)0)
#endif
#define WPOOL_PARK(lot, word, value, deadline) \
    ((void)(lot), (void)(deadline), model_park(word, value))
#define WPOOL_UNPARK(lot, word, count) ((void)(lot), model_unpark(word, count))

#ifndef MODEL_PARKS
#define MODEL_PARKS 6 /* how often a client goes to sleep, at most; asserted */
#endif
#ifndef MODEL_FUTEX
#define MODEL_FUTEX 1
#endif
#ifndef MODEL_LAST_FIRST
#define MODEL_LAST_FIRST 0 /* 1: who went to sleep last is woken first */
#endif

static pthread_mutex_t model_kernel = PTHREAD_MUTEX_INITIALIZER;
static void *model_parked[MODEL_PARKS]; /* under model_kernel: the word slept on, NULL: woken */
static int model_parks;                 /* under model_kernel */
static _Atomic(int) model_woken[MODEL_PARKS];

static void model_park(_Atomic(uint32_t) *word, uint32_t value) {
#if MODEL_FUTEX
    pthread_mutex_lock(&model_kernel);
    if (atomic_load_explicit(word, memory_order_relaxed) != value) {
        pthread_mutex_unlock(&model_kernel);
        return;
    }
    int place = model_parks++;
    WPOOL_ASSERT(place < MODEL_PARKS);
    model_parked[place] = (void *)word;
    pthread_mutex_unlock(&model_kernel);
    __VERIFIER_loop_begin();
    __VERIFIER_spin_start();
    bool is_woken = atomic_load_explicit(&model_woken[place], memory_order_relaxed) != 0;
    __VERIFIER_spin_end(is_woken);
#else
    __VERIFIER_loop_begin();
    __VERIFIER_spin_start();
    bool is_changed = atomic_load_explicit(word, memory_order_relaxed) != value;
    __VERIFIER_spin_end(is_changed);
#endif
}

static void model_unpark(_Atomic(uint32_t) *word, int count) {
#if MODEL_FUTEX
    pthread_mutex_lock(&model_kernel);
    for (int i = 0; i < model_parks && count > 0; i++) {
        int place = MODEL_LAST_FIRST ? model_parks - 1 - i : i;
        if (model_parked[place] != (void *)word) continue;
        model_parked[place] = NULL;
        atomic_store_explicit(&model_woken[place], 1, memory_order_relaxed);
        count--;
    }
    pthread_mutex_unlock(&model_kernel);
#else
    (void)word;
    (void)count;
#endif
}

/* -- threads of a client: thread i runs body(i) -- */

#define MODEL_THREAD(body)                  \
    static void *body##_thread(void *arg) { \
        body((int)(intptr_t)arg);           \
        return NULL;                        \
    }
#define MODEL_START(thread, body, i) \
    pthread_create(thread, NULL, body##_thread, (void *)(intptr_t)(i))
#define MODEL_JOIN(thread) pthread_join(thread, NULL)

#endif
