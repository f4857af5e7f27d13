/* scheduler.h - the pool under a deterministic scheduler

   Include it in place of wpool.h: it gives the header seams behind which every thread is a coroutine
   of one real thread. Each atomic operation is a point where another one may go on; a seed decides
   everything, so a schedule that fails is replayed exactly. What it adds to plain interleaving:
       - store buffers: a store that is not sequentially consistent becomes visible to others later;
         in half of the schedules stores to different addresses also overtake each other, but never a
         release store (so missing releases show). Loads are never early.
       - threads that stand still for long between two operations (in half of the schedules), and
         sleeping ones that wake for no reason, or do not fall asleep, as a futex may
       - a clock that stands still unless everybody sleeps, and jumps now and then
       - allocations and thread starts that fail, where a scenario asks for it; freed memory is kept
         until the end and looked at, so that a late write shows
   If nobody can go on, a wake-up was lost: that is a failure, as is a schedule that does not end. */
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef SCHEDULER_STEPS
#define SCHEDULER_STEPS 40000 /* more is a livelock */
#endif
#define SCHEDULER_THREADS 12
#define SCHEDULER_STACK (64 * 1024)
#define SCHEDULER_BUFFER 6   /* stores of one thread not yet visible to others */
#define SCHEDULER_TRACE 4096 /* operations remembered, a power of two */

#if defined(__SANITIZE_ADDRESS__)
#define SCHEDULER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SCHEDULER_ASAN 1
#endif
#endif
#ifdef SCHEDULER_ASAN
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *size);
void __asan_unpoison_memory_region(void const volatile *at, size_t size);
#endif

typedef enum {
    THREAD_NONE,
    THREAD_READY,
    THREAD_ASLEEP,
    THREAD_JOINING,
    THREAD_ENDED
} thread_state;

typedef struct scheduled {
    void *stack_pointer;
    void *asan_stack;
    void *(*start)(void *);
    void *arg;
    thread_state state;
    int joins;        /* joining: whom */
    void *word;       /* asleep: on what */
    int64_t deadline; /* asleep: until when */
    uint64_t stalled; /* until this step others go first */
    struct wpool__context *contexts;
    struct sched_cleanup *cleanups;
    struct {
        void *at;
        uint64_t value;
        unsigned size;
        bool is_release;
    } stores[SCHEDULER_BUFFER];
    int store_count;
} scheduled;

/* As pthread_cleanup_push has them: run by sched_exit, innermost first. */
typedef struct sched_cleanup {
    void (*undo)(void *);
    void *arg;
    struct sched_cleanup *outer;
} sched_cleanup;

typedef struct sched_block {
    struct sched_block *next; /* freed */
    size_t size;
    _Alignas(16) unsigned char bytes[];
} sched_block;

typedef struct sched_operation {
    uint64_t step, before, after;
    const char *what, *function, *expression;
    void *at;
    int thread, line;
} sched_operation;

static struct {
    uint64_t seed, random;
    uint64_t steps;
    int64_t now;
    bool overtakes;    /* stores may overtake each other */
    bool stalls;       /* threads stand still now and then */
    bool has_fences;   /* the system has heavy fences */
    unsigned patience; /* one in so many operations is followed by somebody else's */
    int thread_count, current;
    scheduled threads[SCHEDULER_THREADS];
    char *stacks[SCHEDULER_THREADS];
    void *base_stack_pointer;
    void *base_asan_stack;
    const char *verdict; /* NULL: good so far */
    char text[256];
    void (*look)(void); /* called at each step, to check what must hold always; may be NULL */
    sched_block *freed;
    long allocated;       /* blocks alive */
    int allocations_left; /* then one fails; negative: none does */
    int threads_left;
    uint32_t token; /* in the only descriptor, if has_token */
    bool has_token;
    uint64_t operation_count;
    sched_operation operations[SCHEDULER_TRACE];
} sched;

static uint64_t sched_random(void) { /* xorshift64* (Vigna, 2016) */
    sched.random ^= sched.random >> 12;
    sched.random ^= sched.random << 25;
    sched.random ^= sched.random >> 27;
    return (sched.random * UINT64_C(2685821657736338717)) >> 16;
}
static bool sched_chance(unsigned one_in) { return sched_random() % one_in == 0; }

/* -- coroutines -- */

#if defined(__x86_64__)
void sched_swap(void **save, void *load) __asm__("sched_swap");
__asm__(".text\n"
        "sched_swap:\n"
        "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "movq %rsp, (%rdi); movq %rsi, %rsp\n"
        "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret\n");
static void *sched_prepare(char *stack, void (*entry)(void)) {
    void **top = (void **)(void *)(stack + SCHEDULER_STACK - 64);
    *--top = NULL; /* where entry would return to: it does not; keeps the stack aligned */
    *--top = (void *)(uintptr_t)entry;
    return top - 6;
}
#else
#error "scheduler.h: no coroutine switch for this processor"
#endif

static void sched_switch_to(int next) {
    scheduled *from = &sched.threads[sched.current], *to = &sched.threads[next];
    if (next == sched.current) return;
    sched.current = next;
#ifdef SCHEDULER_ASAN
    __sanitizer_start_switch_fiber(&from->asan_stack, sched.stacks[next], SCHEDULER_STACK);
#endif
    sched_swap(&from->stack_pointer, to->stack_pointer);
#ifdef SCHEDULER_ASAN
    __sanitizer_finish_switch_fiber(from->asan_stack, NULL, NULL);
#endif
}

#ifdef SCHEDULER_ASAN
static const void *sched_base_bottom;
static size_t sched_base_size;
#endif

/* Ends the schedule, from whichever coroutine. */
static void sched_end(const char *verdict) {
    scheduled *from = &sched.threads[sched.current];
    sched.verdict = verdict;
#ifdef SCHEDULER_ASAN
    __sanitizer_start_switch_fiber(NULL, sched_base_bottom, sched_base_size);
#endif
    sched_swap(&from->stack_pointer, sched.base_stack_pointer);
    abort();
}

static void sched_fail(const char *file, int line, const char *what) {
    snprintf(sched.text, sizeof sched.text, "%s:%d: %s", file, line, what);
    sched_end(sched.text);
}
#define SCHED_CHECK(c) ((c) ? (void)0 : sched_fail(__FILE__, __LINE__, #c))
/* -- memory with store buffers -- */

static void sched_write(void *at, uint64_t value, unsigned size) { memcpy(at, &value, size); }

static void sched_commit(scheduled *thread, int i) {
    sched_write(thread->stores[i].at, thread->stores[i].value, thread->stores[i].size);
    thread->store_count--;
    for (; i < thread->store_count; i++)
        thread->stores[i] = thread->stores[i + 1];
}

static void sched_flush(scheduled *thread) {
    while (thread->store_count > 0)
        sched_commit(thread, 0);
}

/* Lets one store become visible: the oldest, or one that may overtake those before it. */
static void sched_commit_some(scheduled *thread) {
    int i = sched.overtakes ? (int)(sched_random() % (unsigned)thread->store_count) : 0;
    if (thread->stores[i].is_release) i = 0;
    for (int j = 0; j < i; j++)
        if (thread->stores[j].at == thread->stores[i].at) i = 0;
    sched_commit(thread, i);
}

/* -- scheduling -- */

static void sched_wake_due(void) {
    for (int i = 0; i < sched.thread_count; i++) {
        scheduled *thread = &sched.threads[i];
        if (thread->state == THREAD_ASLEEP && thread->deadline <= sched.now)
            thread->state = THREAD_READY;
        if (thread->state == THREAD_JOINING && sched.threads[thread->joins].state == THREAD_ENDED)
            thread->state = THREAD_READY;
    }
}

/* Time goes on to the next deadline. False: there is none. */
static bool sched_pass_time(void) {
    int64_t next = INT64_MAX;
    for (int i = 0; i < sched.thread_count; i++)
        if (sched.threads[i].state == THREAD_ASLEEP && sched.threads[i].deadline < next)
            next = sched.threads[i].deadline;
    if (next == INT64_MAX) return false;
    if (next > sched.now) sched.now = next;
    sched_wake_due();
    return true;
}

/* A point where somebody else may go on; others only: and should. */
static void sched_point(bool others_only) {
    int ready[SCHEDULER_THREADS], stalled[SCHEDULER_THREADS], count = 0, stalled_count = 0;
    scheduled *self = &sched.threads[sched.current];
    if (++sched.steps > SCHEDULER_STEPS) sched_end("no end in sight: a livelock");
    if (sched.look) sched.look();
    if (sched_chance(64)) sched_pass_time();
    for (int i = 0; i < sched.thread_count; i++)
        if (sched.threads[i].store_count && sched_chance(6)) sched_commit_some(&sched.threads[i]);
    if (sched.stalls && sched_chance(64)) self->stalled = sched.steps + sched_random() % 512;
    bool stays = self->state == THREAD_READY;
    if (stays && !others_only && self->stalled <= sched.steps && !sched_chance(sched.patience))
        return;
    do {
        sched_wake_due();
        for (int i = 0; i < sched.thread_count; i++) {
            scheduled *thread = &sched.threads[i];
            if (thread->state != THREAD_READY || (others_only && stays && thread == self)) continue;
            if (thread->stalled > sched.steps)
                stalled[stalled_count++] = i;
            else
                ready[count++] = i;
        }
    } while (count + stalled_count == 0 && !stays && sched_pass_time());
    if (count > 0) {
        sched_switch_to(ready[sched_random() % (unsigned)count]);
    } else if (stalled_count > 0) {
        sched_switch_to(stalled[sched_random() % (unsigned)stalled_count]);
    } else if (!stays) {
        sched_end("nobody can go on: a lost wake-up");
    }
}

/* The end of the running thread. */
static void sched_leave(void) {
    sched_flush(&sched.threads[sched.current]);
    sched.threads[sched.current].state = THREAD_ENDED;
    if (sched.current == 0) sched_end(NULL);
    sched_point(false);
    abort();
}

/* As pthread_exit. */
static __attribute__((unused)) void sched_exit(void) {
    scheduled *self = &sched.threads[sched.current];
    while (self->cleanups) {
        sched_cleanup *innermost = self->cleanups;
        self->cleanups = innermost->outer;
        innermost->undo(innermost->arg);
    }
    sched_leave();
}

static void sched_entry(void) {
    scheduled *self = &sched.threads[sched.current];
#ifdef SCHEDULER_ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(NULL, &bottom, &size);
    if (!sched_base_bottom) sched_base_bottom = bottom, sched_base_size = size;
#endif
    self->start(self->arg);
    sched_leave();
}

static int sched_thread(void *(*start)(void *), void *arg) {
    int i = sched.thread_count;
    if (i == SCHEDULER_THREADS) sched_end("too many threads for the scheduler");
    scheduled *thread = &sched.threads[i];
    if (!sched.stacks[i]) { /* a page below it stays closed */
        char *stack = mmap(NULL, SCHEDULER_STACK + 4096, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stack == MAP_FAILED || mprotect(stack, 4096, PROT_NONE) != 0) abort();
        sched.stacks[i] = stack + 4096;
    }
#ifdef SCHEDULER_ASAN
    __asan_unpoison_memory_region(sched.stacks[i], SCHEDULER_STACK);
#endif
    memset(thread, 0, sizeof *thread);
    thread->state = THREAD_READY;
    thread->start = start;
    thread->arg = arg;
    thread->stack_pointer = sched_prepare(sched.stacks[i], sched_entry);
    sched.thread_count++;
    return i;
}

static int sched_spawn(void *(*start)(void *), void *arg) {
    sched_flush(&sched.threads[sched.current]);
    int i = sched_thread(start, arg);
    sched_point(false);
    return i;
}

static void sched_join(int i) {
    scheduled *self = &sched.threads[sched.current];
    sched_flush(self);
    self->state = THREAD_JOINING;
    self->joins = i;
    sched_point(false);
}

/* -- operations -- */

/* Where in the header an operation is. */
typedef struct sched_place {
    const char *function, *expression;
    int line;
} sched_place;
#define SCHED_HERE(expression) ((sched_place){__func__, #expression, __LINE__})

static void sched_trace(sched_place place, const char *what, void *at, uint64_t before,
                        uint64_t after) {
    sched.operations[sched.operation_count++ % SCHEDULER_TRACE] =
        (sched_operation){sched.steps,      before, after,         what,      place.function,
                          place.expression, at,     sched.current, place.line};
}

/* A scenario's own remark in the trace. */
#define SCHED_NOTE(text, value) \
    sched_trace((sched_place){__func__, text, __LINE__}, "note", NULL, 0, (uint64_t)(value))

/* What happened last. */
static void sched_print(uint64_t count) {
    uint64_t i = sched.operation_count;
    if (count > i) count = i;
    if (count > SCHEDULER_TRACE) count = SCHEDULER_TRACE;
    printf("  step thread operation: in memory before -> after\n");
    for (i -= count; i < sched.operation_count; i++) {
        const sched_operation *o = &sched.operations[i % SCHEDULER_TRACE];
        printf("%6llu T%-2d %-8s %s:%d  %s  %#llx -> %#llx  @%04x\n", (unsigned long long)o->step,
               o->thread, o->what, o->function, o->line, o->expression,
               (unsigned long long)o->before, (unsigned long long)o->after,
               (unsigned)(uintptr_t)o->at & 0xFFFF);
    }
}

static uint64_t sched_read(void *at, unsigned size) {
    scheduled *self = &sched.threads[sched.current];
    uint64_t value = 0;
    for (int i = self->store_count - 1; i >= 0; i--)
        if (self->stores[i].at == at) return self->stores[i].value;
    memcpy(&value, at, size);
    return value;
}

static uint64_t sched_load(sched_place place, void *at, unsigned size) {
    sched_point(false);
    uint64_t value = sched_read(at, size);
    sched_trace(place, "load", at, value, value);
    return value;
}

/* Stores there are not held back: it may be something else by then, written by plain stores. */
static bool sched_is_on_stack(const void *at) {
    const char *stack = sched.stacks[sched.current];
    return (const char *)at >= stack && (const char *)at < stack + SCHEDULER_STACK;
}

static void sched_store(sched_place place, void *at, unsigned size, uint64_t value,
                        memory_order order) {
    sched_point(false);
    scheduled *self = &sched.threads[sched.current];
    sched_trace(place,
                order == memory_order_seq_cst   ? "store-sc"
                : order == memory_order_relaxed ? "store"
                                                : "store-rel",
                at, sched_read(at, size), value);
    if (order == memory_order_seq_cst || sched_is_on_stack(at)) {
        if (order != memory_order_relaxed || !sched.overtakes) sched_flush(self);
        sched_write(at, value, size);
        return;
    }
    if (self->store_count == SCHEDULER_BUFFER) sched_commit(self, 0);
    int i = self->store_count++;
    self->stores[i].at = at;
    self->stores[i].value = value;
    self->stores[i].size = size;
    self->stores[i].is_release = order != memory_order_relaxed;
}

/* A full fence in all threads. */
static void sched_fence_all(void) {
    sched_point(false);
    for (int i = 0; i < sched.thread_count; i++)
        sched_flush(&sched.threads[i]);
}

/* Before a read-modify-write: earlier stores become visible, of a relaxed one only those to the word. */
static void sched_before_exchange(void *at, memory_order order) {
    sched_point(false);
    scheduled *self = &sched.threads[sched.current];
    bool must = order != memory_order_relaxed || !sched.overtakes;
    for (int i = 0; i < self->store_count; i++)
        must |= self->stores[i].at == at;
    if (must) sched_flush(self);
}

enum { SCHED_SET, SCHED_ADD, SCHED_OR, SCHED_AND };
static uint64_t sched_update(sched_place place, void *at, unsigned size, uint64_t operand,
                             memory_order order, int how) {
    sched_before_exchange(at, order);
    uint64_t before = 0, after = operand;
    memcpy(&before, at, size);
    if (how == SCHED_ADD) after = before + operand;
    if (how == SCHED_OR) after = before | operand;
    if (how == SCHED_AND) after = before & operand;
    sched_write(at, after, size);
    sched_trace(place, "update", at, before, after);
    return before;
}

static bool sched_cas(sched_place place, void *at, unsigned size, void *expected, uint64_t value,
                      memory_order order) {
    sched_before_exchange(at, order);
    bool is_equal = memcmp(at, expected, size) == 0;
    sched_trace(place, is_equal ? "cas" : "cas-fail", at, sched_read(at, size), value);
    if (is_equal) {
        sched_write(at, value, size);
    } else {
        memcpy(expected, at, size);
    }
    return is_equal;
}

static void sched_park(sched_place place, void *word, uint32_t value, int64_t deadline) {
    scheduled *self = &sched.threads[sched.current];
    sched_flush(self);
    sched_point(false);
    uint32_t now;
    memcpy(&now, word, sizeof now);
    if (now != value || sched_chance(16)) return;
    sched_trace(place, "park", word, value, (uint64_t)deadline);
    self->state = THREAD_ASLEEP;
    self->word = word;
    self->deadline = deadline;
    sched_point(false);
    sched_trace(place, "unparked", word, 0, 0);
}

static void sched_unpark(sched_place place, void *word, int count) {
    sched_flush(&sched.threads[sched.current]);
    sched_point(false);
    int first = (int)(sched_random() % (unsigned)sched.thread_count);
    sched_trace(place, "unpark", word, (uint64_t)count, 0);
    for (int i = 0; i < sched.thread_count && count > 0; i++) {
        scheduled *thread = &sched.threads[(first + i) % sched.thread_count];
        if (thread->state != THREAD_ASLEEP || thread->word != word) continue;
        thread->state = THREAD_READY;
        count--;
    }
}

static void *sched_calloc(size_t size) {
    if (sched.allocations_left >= 0 && sched.allocations_left-- == 0) return NULL;
    sched.allocated++;
#ifdef SCHEDULER_ASAN
    return calloc(1, size);
#else
    sched_block *block = calloc(1, sizeof *block + size);
    if (!block) abort();
    block->size = size;
    return block->bytes;
#endif
}

static void sched_free(void *ptr) {
    if (!ptr) return;
    sched.allocated--;
#ifdef SCHEDULER_ASAN
    free(ptr);
#else
    sched_block *block = (sched_block *)(void *)((char *)ptr - offsetof(sched_block, bytes));
    memset(block->bytes, 0xDD, block->size);
    block->next = sched.freed;
    sched.freed = block;
#endif
}

/* Lets go of what was freed; false: something was written there since. */
static bool sched_forget(void) {
    bool is_clean = true;
    for (sched_block *block = sched.freed, *next; block; block = next) {
        next = block->next;
        if (block->size && (block->bytes[0] != 0xDD ||
                            memcmp(block->bytes, block->bytes + 1, block->size - 1) != 0))
            is_clean = false;
        free(block);
    }
    sched.freed = NULL;
    return is_clean;
}

/* -- the seams -- */

#define WPOOL_PLATFORM "tests/schedule/platform.h"
#define WPOOL_THREAD_SLOT (sched.threads[sched.current].contexts)
#define WPOOL_CLOCK() (sched.now += (int64_t)(sched_random() % 4))
#define WPOOL_ATOMIC(T) T
#define SCHED_SIZE(p) ((unsigned)sizeof *(p))
#define WPOOL_LIGHT_FENCE() ((void)0)
#define WPOOL_HEAVY_FENCE() sched_fence_all()
#define WPOOL_ATOMIC_LOAD(p, order) \
    ((__typeof__(*(p)))sched_load(SCHED_HERE(p), (void *)(p), SCHED_SIZE(p)))
#define WPOOL_ATOMIC_STORE(p, v, order) \
    sched_store(SCHED_HERE(p), (void *)(p), SCHED_SIZE(p), (uint64_t)(v), order)
#define WPOOL_ATOMIC_CAS(p, expected, v, order, failed) \
    sched_cas(SCHED_HERE(p), (void *)(p), SCHED_SIZE(p), (expected), (uint64_t)(v), order)
#define SCHED_UPDATE(p, v, order, how)                                                           \
    __extension__({                                                                              \
        (__typeof__(*(p)))sched_update(SCHED_HERE(p), (void *)(p), SCHED_SIZE(p), (uint64_t)(v), \
                                       order, how);                                              \
    })
#define WPOOL_ATOMIC_EXCHANGE(p, v, order) SCHED_UPDATE(p, v, order, SCHED_SET)
#define WPOOL_ATOMIC_ADD(p, v, order) SCHED_UPDATE(p, v, order, SCHED_ADD)
#define WPOOL_ATOMIC_SUB(p, v, order) SCHED_UPDATE(p, -(uint64_t)(v), order, SCHED_ADD)
#define WPOOL_ATOMIC_OR(p, v, order) SCHED_UPDATE(p, v, order, SCHED_OR)
#define WPOOL_ATOMIC_AND(p, v, order) SCHED_UPDATE(p, v, order, SCHED_AND)
#define WPOOL_PARK(lot, word, value, deadline) \
    ((void)(lot), sched_park(SCHED_HERE(word), (void *)(word), value, deadline))
#define WPOOL_UNPARK(lot, word, count) \
    ((void)(lot), sched_unpark(SCHED_HERE(word), (void *)(word), count))
#define WPOOL_PAUSE() sched_point(true)
#define WPOOL_YIELD() sched_point(true)
#define WPOOL_CALLOC(size) sched_calloc(size)
#define WPOOL_FREE(ptr) sched_free(ptr)
#ifndef SCHEDULER_HEADER
#define SCHEDULER_HEADER "wpool.h"
#endif
#define WPOOL_QUEUE_CAPACITY 4
#define WPOOL_BATCH 2
#define WPOOL_DEQUE_SIZE 2
#define WPOOL_RECORDS 2
#define WPOOL_SPINS 1
#define WPOOL_YIELDS 1
#define WPOOL_FAIR_TICKS 3
#define WPOOL_GUESTS 1
#define WPOOL_PATIENCE 1
#define WPOOL_SHORT_SLEEP 3
#define WPOOL_DEBUG 1
#define WPOOL_ASSERT(c) SCHED_CHECK(c)
#define WPOOL_IMPLEMENTATION
#include SCHEDULER_HEADER

/* -- for scenarios -- */

/* A flag that threads and jobs wait for, without the pool. */
typedef uint32_t sched_flag;

static __attribute__((unused)) void sched_raise(sched_flag *flag) {
    *flag = 1;
    sched_unpark(SCHED_HERE(flag), flag, INT32_MAX);
}

static __attribute__((unused)) void sched_await(sched_flag *flag) {
    while (!*flag)
        sched_park(SCHED_HERE(flag), flag, 0, INT64_MAX);
}

/* As poll: until the descriptor is readable. */
static __attribute__((unused)) void sched_poll(void) { sched_await(&sched.token); }

static void *sched_main(void *scenario) {
    (*(void (**)(void))scenario)();
    sched.look = NULL;
    for (int i = 1; i < sched.thread_count; i++)
        SCHED_CHECK(sched.threads[i].state == THREAD_ENDED);
    SCHED_CHECK(sched.allocated == 0 && !sched.has_token);
    return NULL;
}

/* One schedule of the scenario. NULL: good; else what went wrong. */
static const char *sched_run(uint64_t seed, void (*scenario)(void)) {
    static const unsigned patience[] = {2, 4, 4, 16};
    sched.seed = seed;
    sched.random = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
    sched.random = (sched.random ^ (sched.random >> 29)) | 1;
    for (int i = 0; i < 4; i++)
        sched_random();
    sched.overtakes = seed % 2 != 0;
    sched.stalls = seed / 2 % 2 != 0;
    sched.has_fences = seed / 16 % 4 != 0;
    sched.patience = patience[seed / 4 % 4];
    sched.steps = sched.operation_count = 0;
    sched.now = 1000;
    sched.look = NULL;
    sched.allocated = 0;
    sched.token = sched.has_token = 0;
    sched.allocations_left = sched.threads_left = -1;
    sched.thread_count = 0;
    sched.verdict = NULL;
    sched.current = sched_thread(sched_main, (void *)&scenario);
#ifdef SCHEDULER_ASAN
    __sanitizer_start_switch_fiber(&sched.base_asan_stack, sched.stacks[0], SCHEDULER_STACK);
#endif
    sched_swap(&sched.base_stack_pointer, sched.threads[0].stack_pointer);
#ifdef SCHEDULER_ASAN
    __sanitizer_finish_switch_fiber(sched.base_asan_stack, NULL, NULL);
#endif
    if (!sched_forget() && !sched.verdict) sched.verdict = "freed memory was written";
    return sched.verdict;
}

#endif /* SCHEDULER_H */
