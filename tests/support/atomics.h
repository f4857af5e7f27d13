/* atomics.h - the rest of the seam of the atomic operations

   Include it before wpool.h with WPOOL_IMPLEMENTATION, after those that the test has defined: the
   others are as they would be without. */
#ifndef ATOMICS_H
#define ATOMICS_H

#define WPOOL_ATOMIC_LOAD(p, order) atomic_load_explicit(p, order)
#define WPOOL_ATOMIC_STORE(p, value, order) atomic_store_explicit(p, value, order)
#define WPOOL_ATOMIC_EXCHANGE(p, value, order) atomic_exchange_explicit(p, value, order)
#define WPOOL_ATOMIC_ADD(p, value, order) atomic_fetch_add_explicit(p, value, order)
#define WPOOL_ATOMIC_SUB(p, value, order) atomic_fetch_sub_explicit(p, value, order)
#define WPOOL_ATOMIC_OR(p, value, order) atomic_fetch_or_explicit(p, value, order)
#ifndef WPOOL_ATOMIC_AND
#define WPOOL_ATOMIC_AND(p, value, order) atomic_fetch_and_explicit(p, value, order)
#endif

#endif /* ATOMICS_H */
