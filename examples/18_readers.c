/* 18_readers - two readers who poll: while nothing has finished they have something else to do.
   Meanwhile the pool is closed, and in the end one of them stops it.

   Shows: wpool_take with WPOOL_NOW and with a timeout, and what tells "nothing there yet" from
   "there will never be anything": WPOOL_EMPTY, or WPOOL_TIMEOUT, from WPOOL_DONE. A closed pool
   delivers all results, a stopped one also those of the jobs that never ran: each job is accounted
   for exactly once, by exactly one of the readers.
   Build: cc -std=c11 -I.. 18_readers.c -o 18_readers -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

enum { JOBS = 1000, WANTED = 600 }; /* the job after those WANTED would take for ever */

static int wrong;

static void expect(bool holds, const char *promise) {
    if (holds) return;
    fprintf(stderr, "not as promised: %s\n", promise);
    wrong = 1;
}

struct task {
    uint64_t number, factor;
    unsigned taken; /* by how many readers; no atomic: only one ever has it */
};

struct reader {
    wpool *pool;
    atomic_uint *answers; /* of both readers together */
    struct task *unchecked[JOBS];
    unsigned unchecked_count, checked, by_state[WPOOL_STATE_DISCARDED + 1];
};

/* The largest prime factor. With 0 it goes on until it is told to end. */
static int factorise(void *arg, wpool_job *job) {
    struct task *task = (struct task *)arg;
    uint64_t rest = task->number;
    for (uint64_t divisor = 2; divisor <= rest / divisor || rest == 0; divisor++) {
        if (wpool_cancelled(job)) return ECANCELED;
        while (rest != 0 && rest % divisor == 0 && rest > divisor)
            rest /= divisor;
    }
    task->factor = rest;
    return 0;
}

/* What a reader does while nothing has finished. */
static void check_one(struct reader *reader) {
    const struct task *task = reader->unchecked[--reader->unchecked_count];
    expect(task->factor > 1 && task->number % task->factor == 0, "a factor divides its number");
    reader->checked++;
}

static void account(struct reader *reader, const wpool_result *result) {
    struct task *task = (struct task *)result->arg;
    task->taken++;
    reader->by_state[result->state]++;
    if (result->state != WPOOL_STATE_SUCCEEDED) return;
    reader->unchecked[reader->unchecked_count++] = task;
    /* Enough: what runs is told to end, what is queued never starts. */
    if (atomic_fetch_add(reader->answers, 1) + 1 == WANTED)
        expect(wpool_stop(reader->pool, WPOOL_HOT) == WPOOL_OK, "stopped for the first time");
}

/* Polls as long as there is something else to do, else waits a little. */
static int read_results(void *arg, wpool_job *job) {
    struct reader *reader = (struct reader *)arg;
    wpool_result result;
    wpool_status status;
    (void)job;
    do {
        const int64_t patience = reader->unchecked_count > 0 ? WPOOL_NOW : WPOOL_MS(1);
        status = wpool_take(reader->pool, patience, &result);
        if (status == WPOOL_OK) account(reader, &result);
        if (status == WPOOL_EMPTY) check_one(reader); /* nothing there yet */
        expect(status <= WPOOL_DONE || status == WPOOL_TIMEOUT, "what wpool_take answers");
    } while (status != WPOOL_DONE);
    while (reader->unchecked_count > 0)
        check_one(reader);
    return 0;
}

static void report(const char *who, const struct reader *reader) {
    printf("%-9s %u succeeded, %u cancelled, %u discarded; %u checked\n", who,
           reader->by_state[WPOOL_STATE_SUCCEEDED], reader->by_state[WPOOL_STATE_CANCELLED],
           reader->by_state[WPOOL_STATE_DISCARDED], reader->checked);
}

static void poll_once(wpool *pool, const char *when, wpool_status promised) {
    const wpool_status status = wpool_take(pool, WPOOL_NOW, NULL);
    expect(status == promised, "what a poll answers");
    printf("%-9s %s\n", when, wpool_strerror(status));
}

int main(void) {
    static struct task tasks[JOBS];
    static struct reader both[2];
    const wpool_config computing = {.workers = 1, .results = true, .start_paused = true};
    const wpool_config reading = {.workers = 2}; /* the readers are jobs of a second pool */
    wpool *pool, *readers;
    wpool_stats_snapshot stats;
    atomic_uint answers = 0;

    if (wpool_create(&pool, &computing) != WPOOL_OK) return 1;
    if (wpool_create(&readers, &reading) != WPOOL_OK) return 1;
    for (unsigned i = 0; i < JOBS; i++) {
        tasks[i].number = i == WANTED ? 0 : 1000000000 + i;
        if (wpool_submit(pool, factorise, &tasks[i], NULL) != WPOOL_OK) return 1;
    }
    poll_once(pool, "paused", WPOOL_EMPTY);
    wpool_close(pool); /* no new jobs; all that was accepted is still to come */
    poll_once(pool, "closed", WPOOL_EMPTY);
    wpool_stats(pool, &stats);
    if (stats.workers == 0) return wrong; /* without threads nobody could read while a job runs */

    for (int i = 0; i < 2; i++) {
        both[i].pool = pool;
        both[i].answers = &answers;
        if (wpool_submit(readers, read_results, &both[i], NULL) != WPOOL_OK) return 1;
    }
    wpool_start(pool);
    wpool_destroy(readers); /* returns when both readers have */
    poll_once(pool, "ended", WPOOL_DONE);

    wpool_stats(pool, &stats);
    wpool_destroy(pool);
    report("reader 1", &both[0]);
    report("reader 2", &both[1]);
    for (int i = 0; i < JOBS; i++)
        expect(tasks[i].taken == 1, "each job reaches exactly one reader");
    printf("%-9s %" PRIu64 " = %" PRIu64 " succeeded + %" PRIu64 " cancelled + %" PRIu64
           " discarded\n",
           "together", stats.accepted, stats.succeeded, stats.cancelled, stats.discarded);
    expect(stats.succeeded == WANTED, "no job was lost before");
    expect(stats.cancelled <= 1, "one job ran, if any");
    expect(stats.cancelled + stats.discarded == JOBS - WANTED, "nor one after that");
    return wrong;
}
