/* The owner pushes ITEMS calls, popping one after every POP_EVERY pushes, then pops until the deque is
   empty; THIEVES threads steal STEALS times each. First array: WPOOL_DEQUE_SIZE. Every call is
   taken exactly once and complete. With GROW the owner makes room for each call, else it
   asserts that there is room and pops what does not fit. */

#ifndef ITEMS
#define ITEMS 3
#endif
#ifndef THIEVES
#define THIEVES 1
#endif
#ifndef STEALS
#define STEALS 1
#endif
#ifndef POP_EVERY
#define POP_EVERY 2
#endif
#ifndef GROW
#define GROW 0
#endif
#ifndef FIRST
#define FIRST 1 /* calls pushed before the thieves start */
#endif
#define CALLS ITEMS

#include "model.h"

#include "wpool.h"

#include "calls.h"

static wpool__deque deque;

static void thief(int index) {
    (void)index;
    wpool__call call;
    for (int i = 0; i < STEALS; i++)
        if (wpool__deque_steal(&deque, &call, NULL)) calls_check(call);
}
MODEL_THREAD(thief)

static void pop(void) {
    wpool__call call;
    if (wpool__deque_pop(&deque, &call)) calls_check(call);
}

static void push(int number) {
    wpool__call call;
    calls_make(&call, number);
    if (GROW) {
        WPOOL_ASSERT(wpool__deque_reserve(&deque, 1));
    } else {
        /* as a worker does that has just found its deque short enough */
        while (wpool__deque_length(&deque) >= WPOOL_DEQUE_SIZE)
            pop();
    }
    wpool__deque_push(&deque, &call, 1);
}

int main(void) {
    pthread_t thieves[THIEVES];
    WPOOL_ASSERT(wpool__deque_init(&deque, NULL, false));
    for (int i = 1; i <= FIRST; i++)
        push(i);
    for (int i = 0; i < THIEVES; i++)
        MODEL_START(&thieves[i], thief, i);
    for (int i = FIRST + 1; i <= ITEMS; i++) {
        push(i);
        if (POP_EVERY && i % POP_EVERY == 0) pop();
    }
    while (wpool__deque_length(&deque) > 0)
        pop();
    pop();
    for (int i = 0; i < THIEVES; i++)
        MODEL_JOIN(thieves[i]);
    calls_check_all(1, ITEMS);
    wpool__deque_free(&deque);
    return 0;
}
