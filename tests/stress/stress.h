/* stress.h - how long a stress test goes on, and what it tells about itself

   Include it after pools.h. Environment: WPOOL_TEST_COUNT  exactly so many steps of each test
                                          WPOOL_TEST_SECONDS  without a count: for so long */
#ifndef STRESS_H
#define STRESS_H

#include "pools.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) && !defined(__SANITIZE_THREAD__)
#define __SANITIZE_THREAD__ 1 /* clang's way to say it */
#endif
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

typedef struct effort {
    uint64_t wanted; /* 0: until the time is over */
    uint64_t done;
    int64_t began, until;
} effort;

/* Without a count it gets one of so many equal shares of the time. */
TEST_HELPER effort effort_begin(unsigned shares) {
    const int64_t now = test_now_ns();
    return (effort){.wanted = test_setting("WPOOL_TEST_COUNT", 0),
                    .began = now,
                    .until = now + (int64_t)test_seconds(2) * 1000000000 / shares};
}

/* How many steps are next, at most so many. 0: it is over. */
TEST_HELPER uint64_t effort_next(effort *e, uint64_t most) {
    uint64_t next = most;
    if (e->wanted && e->wanted - e->done < most) next = e->wanted - e->done;
    if (!e->wanted && test_now_ns() >= e->until) next = 0;
    e->done += next;
    return next;
}

/* The same for who makes an unknown number of steps at a time, and adds them to done itself. */
TEST_HELPER bool effort_goes_on(const effort *e) {
    return e->wanted ? e->done < e->wanted : test_now_ns() < e->until;
}

TEST_HELPER void effort_print(const effort *e, const char *what) {
    const double seconds = (double)(test_now_ns() - e->began) / 1e9;
    printf("%" PRIu64 " %s in %.1f s\n", e->done, what, seconds);
}

TEST_HELPER unsigned choose(uint64_t *random, unsigned count) {
    return (unsigned)(test_random(random) % count);
}

/* The memory that the process has in use, in KiB. */
TEST_HELPER uint64_t resident_kib(void) {
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    CHECK(file != NULL);
    CHECK_EQ(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

#endif /* STRESS_H */
