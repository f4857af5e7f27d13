/* A short run of tests/stress/race_stress.c: every pair of calls about once, fewer under a
   sanitizer. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "../stress/race.h"

TEST(calls_meet) {
    effort e = {.wanted = 600000, .began = test_now_ns()};
#ifdef TEST_IS_SANITIZED
    e.wanted = 60000;
#endif
    race(&e);
}
