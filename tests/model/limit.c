/* A limit below the size: PRODUCERS threads claim and put ITEMS calls each, up to WANT at once,
   into a queue of SIZE places of which LIMIT may be used; a look for room is shared, as in
   wpool__pool_claim. CONSUMERS threads begin up to TAKES calls each, as a worker does: taken,
   then counted. Never are more calls accepted and not begun than LIMIT, nor more in the queue
   than that and one for each consumer; what is accepted is taken once. */

#ifndef SIZE
#define SIZE 4
#endif
#ifndef LIMIT
#define LIMIT 3
#endif
#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#ifndef CONSUMERS
#define CONSUMERS 1
#endif
#ifndef ITEMS
#define ITEMS 4
#endif
#ifndef WANT
#define WANT 2
#endif
#ifndef TAKES
#define TAKES 1
#endif
#ifndef FIRST
#define FIRST 0 /* calls that main has put before */
#endif
#define CALLS (FIRST + PRODUCERS * ITEMS)

#include "model.h"

#include "wpool.h"

#include "calls.h"

static wpool__slot slots[SIZE];
static wpool__queue queue = {.ring = &queue.first, .first = {.slots = slots, .mask = SIZE - 1}};
static wpool__account accounts[CONSUMERS + 1] = {{.is_shared = true}};
static wpool__watch watch = {.accounts = MODEL_SHELF(accounts), .count = CONSUMERS + 1};
static _Atomic(uint64_t) room_until;
static int accepted[CALLS + 1];

/* Accepted is never more than LIMIT above begun, which is read later here: so it may be higher than
   it was, not lower. */
static void look(void) {
    uint64_t tail = wpool__gate_count(&queue.tail);
    WPOOL_ASSERT(tail <= wpool__watch_left(&watch, 0) + LIMIT);
}

/* As wpool__pool_claim. */
static size_t claim(size_t want, uint64_t *first) {
    bool is_closed;
    uint64_t until = wpool__load_acquire(&room_until);
    size_t n = wpool__gate_claim(&queue.tail, until, want, first, &is_closed);
    if (n != 0) return n;
    until = wpool__watch_left(&watch, 0) + LIMIT;
    wpool__store_release(&room_until, until);
    return wpool__gate_claim(&queue.tail, until, want, first, &is_closed);
}

static void put(int from, int count) {
    for (int done = 0; done < count;) {
        uint64_t first;
        size_t n = claim((size_t)(count - done < WANT ? count - done : WANT), &first);
        if (n == 0) return;
        look();
        for (size_t i = 0; i < n; i++) {
            wpool__call call;
            int number = from + ++done;
            accepted[number] = 1;
            calls_make(&call, number);
            wpool__queue_put(&queue, first + i, call);
        }
    }
}

static void producer(int index) { put(FIRST + index * ITEMS, ITEMS); }
MODEL_THREAD(producer)

static bool begin(wpool__account *account) {
    wpool__call call;
    if (wpool__queue_take(&queue, &call, 1) == 0) return false;
    calls_check(call);
    wpool__account_begin(account);
    return true;
}

static void consumer(int index) {
    for (int i = 0; i < TAKES; i++)
        begin(&accounts[index + 1]);
}
MODEL_THREAD(consumer)

int main(void) {
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    uint64_t total = 0;
    put(0, FIRST);
    for (int i = 0; i < PRODUCERS; i++)
        MODEL_START(&producers[i], producer, i);
    for (int i = 0; i < CONSUMERS; i++)
        MODEL_START(&consumers[i], consumer, i);
    for (int i = 0; i < PRODUCERS; i++)
        MODEL_JOIN(producers[i]);
    for (int i = 0; i < CONSUMERS; i++)
        MODEL_JOIN(consumers[i]);
    look();
    while (begin(&accounts[0])) {
    }
    for (int i = 1; i <= CALLS; i++) {
        WPOOL_ASSERT(calls_taken[i] == accepted[i]);
        total += (uint64_t)accepted[i];
    }
    WPOOL_ASSERT(wpool__gate_count(&queue.tail) == total);
    return 0;
}
