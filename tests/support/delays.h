/* delays.h - threads that are held up at random between their steps, as on a machine with too few
   CPUs: what is expected of them too early, or too often, is then missed

   Included before everything else, by `make delays`. Before one in DELAYS (400) of the atomic
   operations that write, and one in eight times as many that read, the thread is held up for up to
   0.1 ms, now and then 2 ms. It does not sleep then, as it would not without a CPU: some tests wait
   until a thread sleeps. */
#ifndef DELAYS_H
#define DELAYS_H

#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#undef _GNU_SOURCE /* the test may define it */

static inline int64_t delays_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void delays_step(unsigned rarer) {
    static _Thread_local uint64_t state, often;
    if (often == 0) {
        const char *text = getenv("DELAYS");
        often = text ? strtoull(text, NULL, 0) : 400;
        state = (uint64_t)gettid() * 0x9E3779B97F4A7C15 ^ (uint64_t)time(NULL);
    }
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* Marsaglia, 2003 */
    if (state % (often * rarer) != 0) return;
    const int64_t most = state / often / rarer % 8 ? 100000 : 2000000;
    const int64_t until = delays_now() + (int64_t)(state >> 20) % most;
    while (delays_now() < until)
        sched_yield();
}
#define DELAYS_BEFORE(operation) (delays_step(1), (operation))

#define WPOOL_ATOMIC_LOAD(p, order) (delays_step(8), atomic_load_explicit(p, order))
#define WPOOL_ATOMIC_STORE(p, value, order) DELAYS_BEFORE(atomic_store_explicit(p, value, order))
#define WPOOL_ATOMIC_EXCHANGE(p, value, order) \
    DELAYS_BEFORE(atomic_exchange_explicit(p, value, order))
#define WPOOL_ATOMIC_CAS(p, expected, value, order, failed) \
    DELAYS_BEFORE(atomic_compare_exchange_strong_explicit(p, expected, value, order, failed))
#define WPOOL_ATOMIC_ADD(p, value, order) DELAYS_BEFORE(atomic_fetch_add_explicit(p, value, order))
#define WPOOL_ATOMIC_SUB(p, value, order) DELAYS_BEFORE(atomic_fetch_sub_explicit(p, value, order))
#define WPOOL_ATOMIC_OR(p, value, order) DELAYS_BEFORE(atomic_fetch_or_explicit(p, value, order))
#define WPOOL_ATOMIC_AND(p, value, order) DELAYS_BEFORE(atomic_fetch_and_explicit(p, value, order))

#endif /* DELAYS_H */
