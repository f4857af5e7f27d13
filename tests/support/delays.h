/* delays.h - threads that are held up at random between their steps, as on a machine with too few
   CPUs: what is expected of them too early, or too often, is then missed

   Included before everything else, by `make delays`. Before one in DELAYS (400) of the atomic
   operations that write, the thread sleeps up to 0.1 ms, now and then 2 ms. */
#ifndef DELAYS_H
#define DELAYS_H

#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#undef _GNU_SOURCE /* the test may define it */

static inline void delays_step(void) {
    static _Thread_local uint64_t state, often;
    if (often == 0) {
        const char *text = getenv("DELAYS");
        often = text ? strtoull(text, NULL, 0) : 400;
        state = (uint64_t)gettid() * 0x9E3779B97F4A7C15 ^ (uint64_t)time(NULL);
    }
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* Marsaglia, 2003 */
    if (state % often != 0) return;
    const long most = state / often % 8 ? 100000 : 2000000;
    nanosleep(&(struct timespec){0, (long)(state >> 20) % most}, NULL);
}
#define DELAYS_BEFORE(operation) (delays_step(), (operation))

#define WPOOL_ATOMIC_LOAD(p, order) atomic_load_explicit(p, order)
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
