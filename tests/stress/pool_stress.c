/* Everything at once, at random: eight threads submit in all ways, wait, take, forget, look, pause,
   resume and end; pools of every kind come and go. At the end of each the books must balance.
   WPOOL_TEST_COUNT is the number of operations, WPOOL_TEST_SEED repeats the choices. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "round.h"

TEST(the_books_of_every_pool_balance) {
    const surroundings before = surroundings_now();
    uint64_t seed = test_seed();
    effort e = effort_begin(1);
    unsigned rounds = 0, next;
    for (; (next = (unsigned)effort_next(&e, CLIENTS * STEPS)) > 0; rounds++)
        round_run(test_random(&seed), next);
    operations_print();
    printf("%u pools\n", rounds);
    effort_print(&e, "operations from 8 threads");
    surroundings_check(before);
}
