/* few_threads.h - threads that run out

   Include it before wpool.h with WPOOL_IMPLEMENTATION: the library then asks here for its threads.
   After threads_deny(2, 4) it gets the first one it asks for, but not the next three. */
#ifndef FEW_THREADS_H
#define FEW_THREADS_H

#include "test.h"
#include <pthread.h>

#define WPOOL_THREAD_START(thread, attr, start, arg) threads_start((thread), (attr), (start), (arg))
#define WPOOL_THREAD_JOIN(thread) pthread_join((thread), NULL)

static atomic_uint threads_asked;
static unsigned threads_first_denied, threads_last_denied; /* the n-th one, from 1; 0: none */

TEST_HELPER bool threads_start(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                               void *arg) {
    const unsigned n = atomic_fetch_add(&threads_asked, 1) + 1;
    if (n >= threads_first_denied && n <= threads_last_denied) return false;
    return pthread_create(thread, attr, run, arg) == 0;
}

TEST_HELPER void threads_deny(unsigned first_denied, unsigned last_denied) {
    atomic_store(&threads_asked, 0);
    threads_first_denied = first_denied;
    threads_last_denied = last_denied;
}

#endif /* FEW_THREADS_H */
