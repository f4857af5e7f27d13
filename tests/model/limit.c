/* A limit below the size: PRODUCERS threads claim and put ITEMS calls each, up to WANT at once,
   into a queue of SIZE places of which LIMIT may be used; a look for room is shared, as in
   wpool__pool_claim. CONSUMERS threads begin up to TAKES calls each, as a worker does: taken,
   then counted. Never are more calls accepted and not begun than LIMIT, nor more in the queue
   than that and one for each consumer; what is accepted is taken once. With CHANGE one more thread
   makes that the limit, as wpool__pool_adjust does; main puts one more call afterwards, and has
   looked at the new one. */

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
#ifndef CHANGE
#define CHANGE 0
#endif
#define CALLS (FIRST + PRODUCERS * ITEMS + (CHANGE ? 1 : 0))

#include "model.h"

#include "wpool.h"

#include "calls.h"

static wpool__slot slots[SIZE];
static wpool__queue queue = {.ring = &queue.first, .first = {.slots = slots, .mask = SIZE - 1}};
static wpool__account accounts[CONSUMERS + 1] = {{.is_shared = true}};
static wpool__watch watch = {.accounts = MODEL_SHELF(accounts), .count = CONSUMERS + 1};
static _Atomic(uint64_t) room_until;
static _Atomic(size_t) capacity = LIMIT;
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
    uint64_t seen = wpool__load_acquire(&room_until), until = seen & WPOOL__GATE_COUNT;
    size_t n = wpool__gate_claim(&queue.tail, until, want, first, &is_closed);
    if (n != 0) return n;
    size_t places = wpool__load_seq_cst(&capacity);
    until = wpool__watch_left(&watch, 0) + places;
    wpool__cas_release(&room_until, &seen, (seen & ~WPOOL__GATE_COUNT) | until);
    return wpool__gate_claim(&queue.tail, until, want, first, &is_closed);
}

/* As wpool__pool_adjust. */
static void changer(int index) {
    (void)index;
    wpool__store_seq_cst(&capacity, CHANGE);
    uint64_t seen = wpool__load_relaxed(&room_until);
    while (
        !wpool__cas_release(&room_until, &seen, (seen & ~WPOOL__GATE_COUNT) + WPOOL__GATE_RING)) {
    }
}
MODEL_THREAD(changer)

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
    pthread_t producers[PRODUCERS], consumers[CONSUMERS], changing;
    uint64_t total = 0;
    put(0, FIRST);
    for (int i = 0; i < PRODUCERS; i++)
        MODEL_START(&producers[i], producer, i);
    for (int i = 0; i < CONSUMERS; i++)
        MODEL_START(&consumers[i], consumer, i);
    if (CHANGE) {
        MODEL_START(&changing, changer, 0);
        MODEL_JOIN(changing);
        uint64_t first;
        if (claim(1, &first) == 1) { /* by the new limit, whatever others do by the old one */
            WPOOL_ASSERT(first + 1 <= wpool__watch_left(&watch, 0) + CHANGE);
            wpool__call call;
            accepted[CALLS] = 1;
            calls_make(&call, CALLS);
            wpool__queue_put(&queue, first, call);
        }
    }
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
