/* The owner forks ITEMS children, up to DEPTH at a time, and takes them back, the newest first;
   THIEVES threads steal STEALS times each, by force at once or, with ASKS, after the owner was asked.
   Every child is taken exactly once and complete. The light and the heavy fence are full fences
   here: that a light one and a heavy one are as good is the promise of the system. */

#ifndef ITEMS
#define ITEMS 2
#endif
#ifndef DEPTH
#define DEPTH ITEMS
#endif
#ifndef THIEVES
#define THIEVES 1
#endif
#ifndef STEALS
#define STEALS 1
#endif
#ifndef ASKS
#define ASKS 0
#endif
#ifndef OPEN
#define OPEN 0 /* so many of the first are pushed as calls, open at once */
#endif

#define WPOOL_LIGHT_FENCE() atomic_thread_fence(memory_order_seq_cst)
#define WPOOL_HEAVY_FENCE() atomic_thread_fence(memory_order_seq_cst)
#define WPOOL_PATIENCE ASKS
#define WPOOL_DEQUE_SIZE 4
#include "model.h"

#include "wpool.h"

static wpool__deque deque;
static wpool_job self, children[ITEMS];
static int made[ITEMS];
static _Atomic(int) taken[ITEMS];

static int number_of(void *child) { return (int)((wpool_job *)child - children); }

static void take(int number) {
    WPOOL_ASSERT(made[number] == number + 1);
    WPOOL_ASSERT(atomic_fetch_add_explicit(&taken[number], 1, memory_order_relaxed) == 0);
}

WPOOL_API int wpool__fork_run(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    return 0;
}

WPOOL_API void wpool__fork_look(wpool_job *job, wpool_job *child) {
    (void)job, (void)child;
    wpool__deque_set_limit(&deque);
    wpool__deque_open_half(&deque);
}

WPOOL_API bool wpool__fork_take_back(wpool_job *job, wpool_job *child) {
    wpool__call call;
    (void)job;
    if (!wpool__deque_pop(&deque, &call)) return false;
    WPOOL_ASSERT(call.arg == child);
    return true;
}

static void thief(int index) {
    wpool__call call;
    (void)index;
    for (int i = 0; i < STEALS; i++)
        if (wpool__deque_steal(&deque, &call, NULL)) take(number_of(call.arg));
}
MODEL_THREAD(thief)

static void fork_one(int i) {
    made[i] = i + 1;
    if (i < OPEN) {
        wpool__call call = {wpool__fork_run, &children[i]};
        wpool__deque_push(&deque, &call, 1);
    } else {
        wpool_fork(&self, &children[i], wpool__fork_run, NULL);
    }
}

int main(void) {
    pthread_t thieves[THIEVES];
    WPOOL_ASSERT(wpool__deque_init(&deque, NULL, true));
    self.forks = &deque.forks;
    wpool__deque_set_limit(&deque);
    fork_one(0);
    for (int i = 0; i < THIEVES; i++)
        MODEL_START(&thieves[i], thief, i);
    for (int first = 0; first < ITEMS; first += DEPTH) {
        for (int i = first ? first : 1; i < first + DEPTH && i < ITEMS; i++)
            fork_one(i);
        for (int i = first + DEPTH - 1; i >= first; i--)
            if (i < ITEMS && wpool_unfork(&self, &children[i])) take(i);
    }
    for (int i = 0; i < THIEVES; i++)
        MODEL_JOIN(thieves[i]);
    for (int i = 0; i < ITEMS; i++)
        WPOOL_ASSERT(taken[i] == 1);
    wpool__deque_free(&deque);
    return 0;
}
