/* [watch] with [results]: a worker finishes JOBS jobs and hands their results over, as
   wpool__worker_finish does, in an account of its own or, with SHARED 1, in the shared one. A reader
   looks once, as wpool__pool_take_look does: if it is told that nothing is unfinished, every result
   is there, and what was done last (an on_done) is seen. */

#ifndef JOBS
#define JOBS 1
#endif
#ifndef SHARED
#define SHARED 0
#endif
#define WPOOL_RECORDS JOBS
#define MODEL_MEMORY 2048

#include "model.h"

#include "wpool.h"

static wpool__lot lot;
static wpool__table table = {.lot = &lot, .first_generation = 7, .records = MODEL_RECORDS};
static wpool__results results = {.table = &table, .lot = &lot};
static wpool__account accounts[2] = {{.is_shared = true}};
static wpool__watch watch = {.accounts = MODEL_SHELF(accounts), .count = 2};
static wpool__idle idle;
static wpool__queue queue; /* only its gate */
static wpool__record *records[JOBS];
static int did[JOBS]; /* plain */

static void worker(int index) {
    wpool__account *account = &accounts[SHARED ? 0 : 1];
    (void)index;
    for (int i = 0; i < JOBS; i++) {
        wpool__account_deliver(account, true);
        wpool__account_end(&lot, account, WPOOL_STATE_SUCCEEDED);
        wpool__results_push(&results, records[i]);
        did[i] = 1;
        wpool__account_deliver(account, false);
        if (i + 1 < JOBS) wpool__account_begin(account);
    }
}
MODEL_THREAD(worker)

static void reader(int index) {
    (void)index;
    bool is_done = wpool__watch_unfinished(&watch, &idle, &queue) == 0;
    for (int i = 0; i < JOBS; i++) {
        wpool__record *record = wpool__results_take(&results);
        if (!record) WPOOL_ASSERT(!is_done);
        if (is_done) WPOOL_ASSERT(did[i] == 1);
        if (record) wpool__table_drop(&table, record);
    }
}
MODEL_THREAD(reader)

int main(void) {
    pthread_t working, reading;
    for (int i = 0; i < JOBS; i++)
        records[i] = wpool__table_new(&table);
    wpool__store_relaxed(&queue.tail, JOBS); /* accepted, and the first begun */
    wpool__account_begin(&accounts[SHARED ? 0 : 1]);
    MODEL_START(&working, worker, 0);
    MODEL_START(&reading, reader, 0);
    MODEL_JOIN(working);
    MODEL_JOIN(reading);
    return 0;
}
