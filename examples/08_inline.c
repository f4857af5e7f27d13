/* 08_inline - the same program with and without threads, by one field of the config.

   Shows: WPOOL_INLINE: no threads; jobs run inside wait, take, drain and destroy of the caller, in
   order. Good for debugging, for tests, and where there are no threads (-DWPOOL_NO_THREADS).
   Build: cc -std=c11 -I.. 08_inline.c -o 08_inline -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <stdint.h>
#include <stdio.h>

#define JOBS 20

static int fibonacci(void *arg, wpool_job *job) {
    uintptr_t current = 0, next = 1;
    for (uintptr_t n = (uintptr_t)arg; n > 0; n--) {
        uintptr_t sum = current + next;
        current = next;
        next = sum;
    }
    wpool_set_result(job, (void *)current);
    return 0;
}

/* The program. Nothing in it knows whether there are threads. Returns the sum, or 0. */
static uintptr_t run(const wpool_config *config) {
    wpool *pool;
    wpool_id ids[JOBS];
    wpool_result result;
    wpool_stats_snapshot stats;
    uintptr_t sum = 0;

    if (wpool_create(&pool, config) != WPOOL_OK) return 0;
    for (uintptr_t n = 0; n < JOBS; n++)
        if (wpool_submit(pool, fibonacci, (void *)n, &ids[n]) != WPOOL_OK) return 0;
    for (int i = 0; i < JOBS; i++) {
        if (wpool_wait(pool, ids[i], WPOOL_FOREVER, &result) != WPOOL_OK) return 0;
        sum += (uintptr_t)result.data;
    }
    if (wpool_stats(pool, &stats) != WPOOL_OK || stats.succeeded != JOBS) return 0;
    wpool_destroy(pool);
    printf("%s: %u threads, sum %lu\n", config->name, stats.workers, (unsigned long)sum);
    return sum;
}

int main(void) {
    const wpool_config threads = {.name = "threads", .workers = 4};
    const wpool_config inlined = {.name = "inline", .max_workers = WPOOL_INLINE};
    const uintptr_t expected = 10945; /* F(0) + ... + F(19) = F(21) - 1 */

    return run(&threads) == expected && run(&inlined) == expected ? 0 : 1;
}
