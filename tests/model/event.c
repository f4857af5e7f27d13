/* WAITERS threads each wait for a permit and take it; NOTIFIERS threads each make one and notify. As
   many permits as waiters, or, with ALL, one flag that lets everybody through. All get away.
   BATCH: a notifier makes so many permits at once. HAS: it asks has_waiters first. CLOSE, with ALL: the
   flag is a gate's being closed. */

#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef NOTIFIERS
#define NOTIFIERS 2
#endif
#ifndef BATCH
#define BATCH 1
#endif
#ifndef ALL
#define ALL 0
#endif
#ifndef CLOSE
#define CLOSE 0
#endif
#ifndef HAS
#define HAS 1
#endif

#include "model.h"

#include "wpool.h"

static wpool__event event;
static wpool__lot lot;
static _Atomic(uint64_t) permits, used;
static int data; /* plain, with ALL: written before the flag */

static bool holds(void) {
    if (ALL) {
        bool is_set = CLOSE ? wpool__gate_is_closed(&permits) : wpool__gate_count(&permits) != 0;
        if (is_set) WPOOL_ASSERT(data == 1);
        return is_set;
    }
    uint64_t first;
    bool is_closed;
    return wpool__gate_claim(&used, wpool__gate_count(&permits), 1, &first, &is_closed) != 0;
}

static void waiter(int index) {
    (void)index;
    while (!holds()) {
        uint32_t epoch = wpool__event_announce(&event);
        if (holds()) return;
        wpool__event_sleep(&lot, &event, epoch, WPOOL__NEVER);
    }
}
MODEL_THREAD(waiter)

static void notifier(int index) {
    (void)index;
    if (ALL) data = 1;
    if (CLOSE) {
        wpool__gate_close(&permits);
    } else {
        wpool__add_seq_cst(&permits, BATCH);
    }
    if (HAS && !wpool__event_has_waiters(&event)) return;
    if (ALL) {
        wpool__event_notify_all(&lot, &event);
    } else {
        wpool__event_notify(&lot, &event, BATCH);
    }
}
MODEL_THREAD(notifier)

int main(void) {
    pthread_t waiters[WAITERS], notifiers[NOTIFIERS];
    for (int i = 0; i < WAITERS; i++)
        MODEL_START(&waiters[i], waiter, i);
    for (int i = 0; i < NOTIFIERS; i++)
        MODEL_START(&notifiers[i], notifier, i);
    for (int i = 0; i < WAITERS; i++)
        MODEL_JOIN(waiters[i]);
    for (int i = 0; i < NOTIFIERS; i++)
        MODEL_JOIN(notifiers[i]);
    return 0;
}
