/* clock.h - a clock that stands still until the test moves it

   Include it before wpool.h with WPOOL_IMPLEMENTATION: the library then reads this clock and sleeps
   by it, so that nothing with a time takes any time in a test:

       submit something with a deadline in 5 ms
       test_clock_parked_until(1);           one thread sleeps with a deadline now
       test_clock_advance(WPOOL_MS(5)); */
#ifndef CLOCK_H
#define CLOCK_H

#include "test.h"
#include <pthread.h>

#define WPOOL_CLOCK() test_clock_now()
#define WPOOL_PARK(lot, word, value, deadline) \
    ((void)(lot), test_clock_park((word), (value), (deadline)))
#define WPOOL_UNPARK(lot, word, count) \
    ((void)(lot), (void)(word), (void)(count), test_clock_wake(0))

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t wake, parked;
    int64_t now;
    uint64_t round;        /* counts the wake-ups */
    unsigned parked_count; /* threads that sleep with a deadline since the last wake-up */
} test_clock = {PTHREAD_MUTEX_INITIALIZER,
                PTHREAD_COND_INITIALIZER,
                PTHREAD_COND_INITIALIZER,
                1000000000,
                0,
                0};

TEST_HELPER int64_t test_clock_now(void) {
    int64_t now;
    pthread_mutex_lock(&test_clock.mutex);
    now = test_clock.now;
    pthread_mutex_unlock(&test_clock.mutex);
    return now;
}

/* Move the time and wake everybody: who has reason to sleep on does so, and is counted anew. */
TEST_HELPER void test_clock_wake(int64_t advance_ns) {
    pthread_mutex_lock(&test_clock.mutex);
    test_clock.now += advance_ns;
    test_clock.round++;
    test_clock.parked_count = 0;
    pthread_cond_broadcast(&test_clock.wake);
    pthread_mutex_unlock(&test_clock.mutex);
}

TEST_HELPER void test_clock_advance(int64_t ns) { test_clock_wake(ns); }

/* Sleep while *word == value and the deadline, absolute, has not come. */
TEST_HELPER void test_clock_park(_Atomic(uint32_t) *word, uint32_t value, int64_t deadline) {
    const bool is_timed = deadline >= 0 && deadline != INT64_MAX;
    uint64_t counted_in_round = UINT64_MAX;
    pthread_mutex_lock(&test_clock.mutex);
    while (atomic_load(word) == value && !(is_timed && test_clock.now >= deadline)) {
        if (is_timed && counted_in_round != test_clock.round) {
            counted_in_round = test_clock.round;
            test_clock.parked_count++;
            pthread_cond_broadcast(&test_clock.parked);
        }
        pthread_cond_wait(&test_clock.wake, &test_clock.mutex);
    }
    pthread_mutex_unlock(&test_clock.mutex);
}

/* Block until so many threads sleep with a deadline, all of which looked at the present time. */
TEST_HELPER void test_clock_parked_until(unsigned deadline_count) {
    pthread_mutex_lock(&test_clock.mutex);
    while (test_clock.parked_count < deadline_count)
        pthread_cond_wait(&test_clock.parked, &test_clock.mutex);
    pthread_mutex_unlock(&test_clock.mutex);
}

/* Somebody sleeps until what is due, and still does a nanosecond before; then it is time. */
TEST_HELPER void test_clock_pass_nearly(int64_t due) {
    test_clock_parked_until(1);
    test_clock_advance(due - 1);
    test_clock_parked_until(1);
}

TEST_HELPER void test_clock_pass(int64_t due) {
    test_clock_pass_nearly(due);
    test_clock_advance(1);
}

#endif /* CLOCK_H */
