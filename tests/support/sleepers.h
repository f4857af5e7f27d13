/* sleepers.h - until when do the threads sleep that have a time to wake, on the clock of clock.h?

   Include it in place of clock.h:

       submit something that is due in 5 ms
       sleepers_pass(WPOOL_MS(5));    waits until a thread sleeps until exactly then; then it is */
#ifndef SLEEPERS_H
#define SLEEPERS_H

#include "clock.h"

#undef WPOOL_PARK
#define WPOOL_PARK(lot, word, value, deadline) \
    ((void)(lot), sleepers_park((word), (value), (deadline)))

/* What an AWAIT waits for comes at once, or never: not within so many seconds. */
#define AWAIT_SECONDS 40
#define AWAIT(c)                                                                                 \
    for (const int64_t await_until = test_now_ns() + AWAIT_SECONDS * INT64_C(1000000000); !(c);) \
    CHECK(test_now_ns() < await_until), sched_yield()

static struct {
    pthread_mutex_t mutex;
    int64_t until[256]; /* 0: free */
    struct {
        _Atomic(uint32_t) *word;
        uint32_t value;
    } on[256]; /* as long as they are equal */
} sleepers = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static atomic_uint sleepers_parks; /* times that any thread went to sleep, with a time or without */

TEST_HELPER void sleepers_park(_Atomic(uint32_t) *word, uint32_t value, int64_t deadline) {
    unsigned place = 0;
    pthread_mutex_lock(&sleepers.mutex);
    while (sleepers.until[place] != 0)
        place++;
    sleepers.until[place] = deadline < 0 ? INT64_MAX : deadline;
    sleepers.on[place].word = word;
    sleepers.on[place].value = value;
    pthread_mutex_unlock(&sleepers.mutex);
    atomic_fetch_add(&sleepers_parks, 1);
    test_clock_park(word, value, deadline);
    pthread_mutex_lock(&sleepers.mutex);
    sleepers.until[place] = 0;
    pthread_mutex_unlock(&sleepers.mutex);
}

/* The first time to which a thread sleeps; INT64_MAX: none has one. */
TEST_HELPER int64_t sleepers_first(void) {
    int64_t first = INT64_MAX;
    pthread_mutex_lock(&sleepers.mutex);
    for (unsigned i = 0; i < sizeof sleepers.until / sizeof *sleepers.until; i++)
        if (sleepers.until[i] != 0 && sleepers.until[i] < first) first = sleepers.until[i];
    pthread_mutex_unlock(&sleepers.mutex);
    return first;
}

/* How many threads sleep until this time. */
TEST_HELPER unsigned sleepers_count(int64_t when) {
    unsigned count = 0;
    pthread_mutex_lock(&sleepers.mutex);
    for (unsigned i = 0; i < sizeof sleepers.until / sizeof *sleepers.until; i++)
        count += sleepers.until[i] == when;
    pthread_mutex_unlock(&sleepers.mutex);
    return count;
}

/* How many threads sleep that nobody has woken, nor their time. */
TEST_HELPER unsigned sleepers_still(void) {
    const int64_t now = test_clock_now();
    unsigned count = 0;
    pthread_mutex_lock(&sleepers.mutex);
    for (unsigned i = 0; i < sizeof sleepers.until / sizeof *sleepers.until; i++)
        count +=
            sleepers.until[i] > now && atomic_load(sleepers.on[i].word) == sleepers.on[i].value;
    pthread_mutex_unlock(&sleepers.mutex);
    return count;
}

/* Until the first time to which a thread sleeps is this one. It may be on its way to look around
   once more, and sleep again. */
TEST_HELPER void sleepers_await(int64_t when) {
    const int64_t limit = test_now_ns() + AWAIT_SECONDS * INT64_C(1000000000);
    int64_t first;
    while ((first = sleepers_first()) != when && test_now_ns() < limit)
        sched_yield();
    CHECK_EQ(first - test_clock_now(), when - test_clock_now());
}

/* Waits for a thread that sleeps to a time that comes: the first of these. */
TEST_HELPER int64_t sleepers_next(void) {
    int64_t next;
    AWAIT((next = sleepers_first()) != INT64_MAX && next > test_clock_now());
    return next;
}

/* A thread sleeps until just then, and now it is a nanosecond before; all have had time to be
   wrong about it. */
TEST_HELPER void sleepers_pass_nearly(int64_t ns) {
    sleepers_await(test_clock_now() + ns);
    test_clock_advance(ns - 1);
    for (int i = 0; i < 20; i++)
        sched_yield();
    sleepers_await(test_clock_now() + 1);
}

TEST_HELPER void sleepers_pass(int64_t ns) {
    sleepers_await(test_clock_now() + ns);
    test_clock_advance(ns);
}

/* Moves the clock to whatever is next, again and again, until c: to see that it comes, not when: it
   may go on while somebody is on the way. */
#define PASS_UNTIL(c) AWAIT(sleepers_pass_next() && (c))

TEST_HELPER bool sleepers_pass_next(void) {
    const int64_t ahead = sleepers_first() - test_clock_now();
    if (ahead > 0 && ahead < INT64_MAX / 2) test_clock_advance(ahead);
    return true;
}

/* Until no thread has a time to wake; one may still sleep until a time that means nothing now. */
TEST_HELPER void sleepers_await_none(void) { PASS_UNTIL(sleepers_first() == INT64_MAX); }

#endif /* SLEEPERS_H */
