/* PRODUCERS threads claim and put ITEMS calls each, up to WANT at once, into a queue of SIZE places;
   CONSUMERS threads look TAKES times each and take up to MAX calls at a look. What is left over is
   taken at the end. A place counts as free when its taker has said so, as an account does. A
   producer that finds no room tries no more. Every accepted call is taken exactly once and complete,
   each consumer gets them in the order of their tickets, the queue is never longer than SIZE. With CLOSE one
   more thread closes the gate: nothing is accepted that the count at that moment does not have. With
   GROW one more thread makes it a queue of GROW places meanwhile. */

#ifndef SIZE
#define SIZE 2
#endif
#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#ifndef CONSUMERS
#define CONSUMERS 1
#endif
#ifndef ITEMS
#define ITEMS 2
#endif
#ifndef WANT
#define WANT 1
#endif
#ifndef TAKES
#define TAKES 2
#endif
#ifndef MAX
#define MAX 1
#endif
#ifndef CLOSE
#define CLOSE 0
#endif
#ifndef GROW
#define GROW 0
#endif
#define CALLS (PRODUCERS * ITEMS)

#include "model.h"

#include "wpool.h"

#include "calls.h"

static wpool__slot slots[SIZE];
static wpool__queue queue = {.ring = &queue.first, .first = {.slots = slots, .mask = SIZE - 1}};
static _Atomic(uint64_t) capacity = SIZE; /* as the pool's */
static _Atomic(uint64_t) left_queue;      /* calls taken: in the pool a sum over the accounts */
static int accepted[CALLS + 1];
static uint64_t ticket_of[CALLS + 1];
static uint64_t closed_at;

static void producer(int index) {
    for (int done = 0; done < ITEMS;) {
        uint64_t first;
        bool is_closed;
        uint64_t places = wpool__load_seq_cst(&capacity);
        uint64_t until = wpool__load_seq_cst(&left_queue) + places;
        size_t n = wpool__gate_claim(&queue.tail, until,
                                     (size_t)(ITEMS - done < WANT ? ITEMS - done : WANT), &first,
                                     &is_closed);
        WPOOL_ASSERT(!is_closed || (CLOSE && n == 0));
        if (n == 0) return;
        for (size_t i = 0; i < n; i++) {
            int number = index * ITEMS + ++done;
            ticket_of[number] = (first + i) & WPOOL__GATE_COUNT;
            accepted[number] = 1;
            wpool__call call;
            calls_make(&call, number);
            wpool__queue_put(&queue, first + i, call);
        }
    }
}
MODEL_THREAD(producer)

/* The ticket after the last one taken. */
static uint64_t take(uint64_t next) {
    wpool__call calls[MAX];
    size_t n = wpool__queue_take(&queue, calls, MAX);
    for (size_t i = 0; i < n; i++) {
        int number = calls_check(calls[i]);
        WPOOL_ASSERT(ticket_of[number] >= next);
        next = ticket_of[number] + 1;
    }
    if (n != 0) wpool__add_seq_cst(&left_queue, n);
    return next;
}

static void consumer(int index) {
    (void)index;
    uint64_t next = 0;
    for (int i = 0; i < TAKES; i++) {
        WPOOL_ASSERT(wpool__queue_length(&queue) <= CALLS); /* never negative */
        next = take(next);
    }
}
MODEL_THREAD(consumer)

static void grower(int index) {
    (void)index;
    bool ok = wpool__queue_grow(&queue, GROW);
    WPOOL_ASSERT(ok);
    wpool__store_seq_cst(&capacity, GROW);
}
MODEL_THREAD(grower)

static void closer(int index) {
    (void)index;
    WPOOL_ASSERT(wpool__gate_close(&queue.tail));
    WPOOL_ASSERT(wpool__gate_is_closed(&queue.tail));
    closed_at = wpool__gate_count(&queue.tail);
}
MODEL_THREAD(closer)

int main(void) {
    pthread_t producers[PRODUCERS], consumers[CONSUMERS], closing, growing;
    uint64_t total = 0, next = 0;
    for (int i = 0; i < PRODUCERS; i++)
        MODEL_START(&producers[i], producer, i);
    for (int i = 0; i < CONSUMERS; i++)
        MODEL_START(&consumers[i], consumer, i);
    if (CLOSE) MODEL_START(&closing, closer, 0);
    if (GROW) MODEL_START(&growing, grower, 0);
    for (int i = 0; i < PRODUCERS; i++)
        MODEL_JOIN(producers[i]);
    for (int i = 0; i < CONSUMERS; i++)
        MODEL_JOIN(consumers[i]);
    if (CLOSE) MODEL_JOIN(closing);
    if (GROW) MODEL_JOIN(growing);
    while (wpool__queue_length(&queue) > 0)
        next = take(next);
    for (int i = 1; i <= CALLS; i++) {
        WPOOL_ASSERT(calls_taken[i] == accepted[i]);
        total += (uint64_t)accepted[i];
    }
    WPOOL_ASSERT(wpool__gate_count(&queue.tail) == total);
    if (CLOSE) WPOOL_ASSERT(closed_at == total);
    return 0;
}
