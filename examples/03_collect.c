/* 03_collect - take finished jobs in the order they finish, with two readers at once.

   Shows: config.results, wpool_take, and how readers learn that nothing will come any more (DONE).
   The readers are jobs of a second pool: two pools never know of each other.
   Build: cc -std=c11 -I.. 03_collect.c -o 03_collect -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <stdint.h>
#include <stdio.h>

#define JOBS 1000

struct reader {
    wpool *source;
    int taken;
    long sum;
    wpool_status last; /* what ended its loop */
};

/* How many steps the Collatz sequence takes from a number to 1. */
static int collatz(void *arg, wpool_job *job) {
    uint64_t number = (uint64_t)(uintptr_t)arg;
    uintptr_t steps = 0;
    for (; number > 1; steps++)
        number = number % 2 ? 3 * number + 1 : number / 2;
    wpool_set_result(job, (void *)steps); /* a number fits into the pointer */
    return 0;
}

/* Takes whatever has finished. Every result reaches exactly one of the readers. */
static int read_results(void *arg, wpool_job *job) {
    struct reader *reader = (struct reader *)arg;
    wpool_result result;
    (void)job;
    while ((reader->last = wpool_take(reader->source, WPOOL_FOREVER, &result)) == WPOOL_OK) {
        reader->taken++;
        reader->sum += (long)(uintptr_t)result.data;
    }
    return 0;
}

int main(void) {
    const wpool_config counting = {.name = "collatz", .results = true};
    const wpool_config reading = {.name = "reader", .workers = 2};
    wpool *pool, *readers;
    struct reader reader[2] = {{0}};
    long sum;

    if (wpool_create(&pool, &counting) != WPOOL_OK) return 1;
    if (wpool_create(&readers, &reading) != WPOOL_OK) return 1;

    for (int i = 0; i < 2; i++) {
        reader[i].source = pool;
        if (wpool_submit(readers, read_results, &reader[i], NULL) != WPOOL_OK) return 1;
    }
    for (uintptr_t number = 1; number <= JOBS; number++)
        if (wpool_submit(pool, collatz, (void *)number, NULL) != WPOOL_OK) return 1;

    wpool_close(pool);      /* nothing new: after the last result the readers are told DONE */
    wpool_destroy(readers); /* returns when both readers have */
    wpool_destroy(pool);

    sum = reader[0].sum + reader[1].sum;
    printf("the numbers to %d need %ld steps\n", JOBS, sum);
    if (reader[0].last != WPOOL_DONE || reader[1].last != WPOOL_DONE) return 1;
    if (reader[0].taken + reader[1].taken != JOBS) return 1;
    return sum == 59542 ? 0 : 1;
}
