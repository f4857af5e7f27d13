/* 02_results - ask for an id when submitting, and get the job's error code and result pointer.

   Shows: ids, wpool_wait, wpool_set_result, wpool_job_state, wpool_forget, names, stale ids.
   Build: cc -std=c11 -I.. 02_results.c -o 02_results -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int wrong;

static void expect(bool holds, const char *promise) {
    if (holds) return;
    fprintf(stderr, "not as promised: %s\n", promise);
    wrong = 1;
}

/* Answers in two ways: an error code for the pool, and a pointer for whoever waits. */
static int divide(void *arg, wpool_job *job) {
    const int *operands = (const int *)arg;
    int *quotient;

    if (operands[1] == 0) return EDOM;
    quotient = (int *)malloc(sizeof *quotient);
    if (!quotient) return ENOMEM;
    *quotient = operands[0] / operands[1];
    wpool_set_result(job, quotient);
    return 0;
}

int main(void) {
    wpool *pool;
    int fine[2] = {84, 2}, bad[2] = {1, 0};
    wpool_id fine_id, bad_id, unwanted_id;
    wpool_result result;
    const wpool_options named = {.name = "divide by zero"};

    if (wpool_create(&pool, NULL) != WPOOL_OK) return 1;

    /* An id makes the pool keep a record of the job, until somebody is given the result. */
    if (wpool_submit(pool, divide, fine, &fine_id) != WPOOL_OK) return 1;
    if (wpool_submit_with(pool, divide, bad, &named, &bad_id) != WPOOL_OK) return 1;

    expect(wpool_wait(pool, fine_id, WPOOL_FOREVER, &result) == WPOOL_OK, "wait for a job");
    expect(result.state == WPOOL_STATE_SUCCEEDED && result.error == 0, "the job succeeded");
    expect(result.data && *(int *)result.data == 42, "84 / 2 is 42");
    if (result.data) printf("84 / 2 = %d\n", *(int *)result.data);
    free(result.data); /* the pool never looks behind the pointer: it is ours */

    expect(wpool_wait(pool, bad_id, WPOOL_FOREVER, &result) == WPOOL_OK, "wait for the other");
    expect(result.state == WPOOL_STATE_FAILED && result.error == EDOM, "its error arrives");
    expect(result.arg == bad && result.data == NULL, "so does its argument");
    printf("%s: error %d\n", result.name, result.error);

    /* A result is delivered once; then the id is stale, and is never reused for another job. */
    expect(wpool_wait(pool, fine_id, WPOOL_NOW, NULL) == WPOOL_UNKNOWN, "stale ids are known");
    expect(wpool_job_state(pool, fine_id) == WPOOL_STATE_UNKNOWN, "also for job_state");

    /* Not interested any more: the job still runs, and its record goes when it has finished. */
    if (wpool_submit(pool, divide, bad, &unwanted_id) != WPOOL_OK) return 1;
    expect(wpool_forget(pool, unwanted_id) == WPOOL_OK, "a job can be forgotten");
    expect(wpool_job_state(pool, unwanted_id) == WPOOL_STATE_UNKNOWN, "then its id is stale");

    wpool_destroy(pool);
    return wrong;
}
