/* [watch]: the accounts, read while they change. A worker runs JOBS jobs, one after the other, of
   which each second one fails and the others succeed, and writes to a plain variable in each; with
   SHARED 1 it does so in the shared account, and a second thread ends one more there. A reader takes
   a snapshot: it agrees with itself, and what it says has ended is seen. A reader that would have to
   read again ends there. */

#ifndef JOBS
#define JOBS 2
#endif
#ifndef SHARED
#define SHARED 0
#endif
#define MODEL_NO_RETRY

#include "model.h"

#include "wpool.h"

static wpool__lot lot;
static wpool__account accounts[2] = {{.is_shared = true}};
static wpool__watch watch = {.accounts = MODEL_SHELF(accounts), .count = 2};
static int did[JOBS]; /* plain */

static void worker(int index) {
    wpool__account *account = &accounts[SHARED ? 0 : 1];
    (void)index;
    for (int i = 0; i < JOBS; i++) {
        wpool__account_begin(account);
        did[i] = 1;
        wpool__account_end(&lot, account, i % 2 ? WPOOL_STATE_FAILED : WPOOL_STATE_SUCCEEDED);
    }
}
MODEL_THREAD(worker)

static void other(int index) {
    (void)index;
    wpool__account_discard(&lot, &accounts[0], WPOOL_STATE_DISCARDED);
}
MODEL_THREAD(other)

static void reader(int index) {
    wpool_stats_snapshot stats = {0};
    (void)index;
    wpool__account_read(&accounts[SHARED ? 0 : 1], &stats);
    WPOOL_ASSERT(stats.running <= 1 && stats.discarded <= SHARED);
    WPOOL_ASSERT(stats.succeeded <= (JOBS + 1) / 2 && stats.failed <= JOBS / 2);
    WPOOL_ASSERT(stats.succeeded == stats.failed || stats.succeeded == stats.failed + 1);
    for (uint64_t i = 0; i < stats.succeeded + stats.failed; i++)
        WPOOL_ASSERT(did[i] == 1);
}
MODEL_THREAD(reader)

int main(void) {
    pthread_t working, reading, ending;
    MODEL_START(&working, worker, 0);
    if (SHARED) MODEL_START(&ending, other, 0);
    MODEL_START(&reading, reader, 0);
    MODEL_JOIN(working);
    if (SHARED) MODEL_JOIN(ending);
    MODEL_JOIN(reading);
    return 0;
}
