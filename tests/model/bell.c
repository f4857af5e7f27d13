/* The bell of [parking]. RINGERS threads make one thing each and ring; POLLERS threads take QUOTA
   things each, and wait for the descriptor when there is none. A lost token shows as a poll that
   never ends; two tokens at a time, and one that is taken out by two, are asserted against. */

#ifndef RINGERS
#define RINGERS 1
#endif
#ifndef POLLERS
#define POLLERS 1
#endif
#define QUOTA (RINGERS / POLLERS)

#include <stdatomic.h>

static _Atomic(int) token = 1; /* in the descriptor */
#define WPOOL_TOKEN_PUT(ends) ((void)(ends), model_put())
#define WPOOL_TOKEN_GET(ends) ((void)(ends), model_get())
#define WPOOL_TOKEN_OPEN(ends) ((void)(ends), true)
#define WPOOL_TOKEN_CLOSE(ends) ((void)(ends))

#include "model.h"

/* The kernel has a lock around it: who finds a token there is later than who put it there. */
static void model_put(void) {
    int before = atomic_fetch_add_explicit(&token, 1, memory_order_acq_rel);
    WPOOL_ASSERT(before == 0);
}

static bool model_get(void) {
    int one = 1;
    return atomic_compare_exchange_strong_explicit(&token, &one, 0, memory_order_acq_rel,
                                                   memory_order_acquire);
}

static void model_poll(void) {
    __VERIFIER_loop_begin();
    __VERIFIER_spin_start();
    bool is_readable = atomic_load_explicit(&token, memory_order_acquire) != 0;
    __VERIFIER_spin_end(is_readable);
}

#include "wpool.h"

static wpool__bell bell = {.state = WPOOL__BELL_UP}; /* as when it was made */
static _Atomic(uint32_t) made;

static void ringer(int index) {
    (void)index;
    wpool__add_seq_cst(&made, 1); /* as results_push, whose exchange is sequentially consistent */
    wpool__bell_ring(&bell);
}
MODEL_THREAD(ringer)

/* One at a time, as under the lock of [results]. */
static bool look(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (POLLERS > 1) pthread_mutex_lock(&lock);
    uint32_t there = wpool__load_seq_cst(&made);
    if (there != 0) wpool__add_seq_cst(&made, UINT32_MAX);
    if (POLLERS > 1) pthread_mutex_unlock(&lock);
    return there != 0;
}

/* As wpool__pool_take_now. */
static bool take_now(void) {
    if (look()) return true;
    if (!wpool__bell_lower(&bell) || !look()) return false;
    wpool__bell_ring(&bell);
    return true;
}

static void poller(int index) {
    (void)index;
    for (int taken = 0; taken < QUOTA;) {
        model_poll();
        while (taken < QUOTA && take_now())
            taken++;
    }
}
MODEL_THREAD(poller)

int main(void) {
    pthread_t ringers[RINGERS], pollers[POLLERS];
    for (int i = 0; i < RINGERS; i++)
        MODEL_START(&ringers[i], ringer, i);
    for (int i = 0; i < POLLERS; i++)
        MODEL_START(&pollers[i], poller, i);
    for (int i = 0; i < RINGERS; i++)
        MODEL_JOIN(ringers[i]);
    for (int i = 0; i < POLLERS; i++)
        MODEL_JOIN(pollers[i]);
    WPOOL_ASSERT(atomic_load(&made) == 0);
    return 0;
}
