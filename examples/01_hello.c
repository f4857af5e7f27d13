/* 01_hello - hand functions to a pool and let it run them.

   Shows: wpool_create, wpool_submit, wpool_destroy.
   Build: cc -std=c11 -I.. 01_hello.c -o 01_hello -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <stdio.h>

#define NUMBERS 100

/* A job: a function with one argument. Returning 0 means success. */
static int square(void *arg, wpool_job *job) {
    int *number = (int *)arg;
    (void)job;
    *number *= *number;
    return 0;
}

int main(void) {
    wpool *pool;
    int numbers[NUMBERS];
    long sum = 0;

    /* NULL: everything at its default, one worker per processor. */
    wpool_status status = wpool_create(&pool, NULL);
    if (status != WPOOL_OK) {
        fprintf(stderr, "no pool: %s\n", wpool_strerror(status));
        return 1;
    }

    for (int i = 0; i < NUMBERS; i++) {
        numbers[i] = i + 1;
        status = wpool_submit(pool, square, &numbers[i], NULL);
        if (status != WPOOL_OK) {
            fprintf(stderr, "not submitted: %s\n", wpool_strerror(status));
            return 1;
        }
    }

    /* Runs what is left, ends the workers and frees everything. From here on the numbers are ours
       again: what the jobs wrote is visible. */
    wpool_destroy(pool);

    for (int i = 0; i < NUMBERS; i++)
        sum += numbers[i];
    printf("1 + 4 + 9 + ... + %d = %ld\n", NUMBERS * NUMBERS, sum);
    return sum == 338350 ? 0 : 1;
}
