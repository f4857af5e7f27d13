/* Calls that can be told apart: each carries its number in fn, in arg, and in plain memory behind
   arg that only an acquired call may read. Include it after wpool.h. */

#ifndef CALLS
#define CALLS 4
#endif

static int calls_data[CALLS + 1];  /* written by who makes the call, read by who takes it */
static int calls_taken[CALLS + 1]; /* plain: two takers of one call are a data race */

static void calls_make(wpool__call *call, int number) {
    calls_data[number] = number;
    call->fn = (wpool_fn)(uintptr_t)number;
    call->arg = &calls_data[number];
}

/* Checks a call that was taken; returns its number, from 1. */
static int calls_check(wpool__call call) {
    int number = (int)(uintptr_t)call.fn;
    WPOOL_ASSERT(number >= 1 && number <= CALLS);
    WPOOL_ASSERT(call.arg == &calls_data[number]);
    WPOOL_ASSERT(calls_data[number] == number);
    calls_taken[number]++;
    return number;
}

/* Were the calls first..last taken, each once? After all threads have been joined. */
static void calls_check_all(int first, int last) {
    for (int i = first; i <= last; i++)
        WPOOL_ASSERT(calls_taken[i] == 1);
}
