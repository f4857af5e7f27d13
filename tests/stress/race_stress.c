/* Every call meets every other one, in every kind of pool. WPOOL_TEST_COUNT is the number of calls,
   WPOOL_TEST_SEED repeats the choices. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "race.h"

TEST(every_pair_of_calls_may_meet) {
    effort e = effort_begin(1);
    race(&e);
}
