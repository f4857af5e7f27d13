/* [results]. FINISHERS threads finish RECORDS records each, made by main, and push them; PRELOAD
   more are finished and pushed before. READERS threads each wait for one, as wpool_take does,
   and give it back. With REMOVER one more thread delivers the first record by its id instead,
   once it is finished; with CLOSER one more closes the results meanwhile, and readers without a
   record see that. Each record is delivered at most once, whole, and given back: a new one can
   be had in its place without memory (but for one that was pushed after the closer had looked).
   */

#ifndef FINISHERS
#define FINISHERS 1
#endif
#ifndef RECORDS
#define RECORDS 1
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef REMOVER
#define REMOVER 0
#endif
#ifndef CLOSER
#define CLOSER 0
#endif
#ifndef PRELOAD
#define PRELOAD 0 /* records that main finishes and pushes, before the threads start */
#endif
#define ALL (FINISHERS * RECORDS + PRELOAD)
#define WPOOL_RECORDS ALL
#define MODEL_MEMORY 2048

#include "model.h"

#include "wpool.h"

static wpool__lot lot;
static wpool__table table = {.lot = &lot, .first_generation = 7, .records = MODEL_RECORDS};
static wpool__results results = {.table = &table, .lot = &lot};
static wpool__record *records[ALL];
static int delivered[ALL]; /* plain: twice at a time is a data race */

static void deliver(wpool__record *record) {
    int i = record->job.error - 1;
    WPOOL_ASSERT(i >= 0 && i < ALL && records[i] == record);
    delivered[i]++;
    wpool__table_drop(&table, record);
}

static void finish(int i) {
    records[i]->job.error = i + 1;
    wpool__job_publish(&lot, &records[i]->job, WPOOL_STATE_SUCCEEDED);
    if (wpool__results_is_closed(&results)) { /* as wpool__worker_hand_over */
        wpool__record_claim(records[i]);
        wpool__table_drop(&table, records[i]);
    } else {
        wpool__results_push(&results, records[i]);
    }
}

static void finisher(int index) {
    for (int i = 0; i < RECORDS; i++)
        finish(PRELOAD + index * RECORDS + i);
}
MODEL_THREAD(finisher)

/* As wpool__pool_take_now. */
static bool take_now(wpool__record **record) {
    *record = NULL;
    if (wpool__results_is_closed(&results)) return true;
    *record = wpool__results_take(&results);
    return *record != NULL;
}

static void reader(int index) {
    wpool__record *record;
    (void)index;
    while (!take_now(&record)) {
        uint32_t epoch = wpool__event_announce(&results.event);
        if (take_now(&record)) break;
        wpool__event_sleep(&lot, &results.event, epoch, WPOOL__NEVER);
    }
    if (record) deliver(record);
}
MODEL_THREAD(reader)

static void remover(int index) {
    (void)index;
    wpool__record *record = wpool__table_pin(&table, records[0]->job.id);
    if (!record) return;
    if (wpool__job_is_finished(&record->job) && wpool__record_claim(record)) {
        wpool__results_remove(&results, record);
        deliver(record);
    } else {
        wpool__table_drop(&table, record);
    }
}
MODEL_THREAD(remover)

static void closer(int index) {
    (void)index;
    WPOOL_ASSERT(wpool__results_close(&results));
}
MODEL_THREAD(closer)

int main(void) {
    pthread_t finishers[FINISHERS + 1], readers[READERS + 1], removing, closing;
    int count = 0;
    for (int i = 0; i < ALL; i++)
        records[i] = wpool__table_new(&table);
    for (int i = 0; i < PRELOAD; i++)
        finish(i);
    for (int i = 0; i < FINISHERS; i++)
        MODEL_START(&finishers[i], finisher, i);
    for (int i = 0; i < READERS; i++)
        MODEL_START(&readers[i], reader, i);
    if (REMOVER) MODEL_START(&removing, remover, 0);
    if (CLOSER) MODEL_START(&closing, closer, 0);
    for (int i = 0; i < FINISHERS; i++)
        MODEL_JOIN(finishers[i]);
    for (int i = 0; i < READERS; i++)
        MODEL_JOIN(readers[i]);
    if (REMOVER) MODEL_JOIN(removing);
    if (CLOSER) MODEL_JOIN(closing);
    if (REMOVER) { /* what neither took */
        wpool__record *record = wpool__results_take(&results);
        if (record) deliver(record);
    }
    if (CLOSER) WPOOL_ASSERT(!wpool__results_close(&results));
    for (int i = 0; i < ALL; i++)
        count += delivered[i];
    WPOOL_ASSERT(CLOSER ? count <= ALL : count == ALL);
    for (int i = 0; i < ALL && !(CLOSER && FINISHERS); i++)
        WPOOL_ASSERT(wpool__table_new(&table) != NULL);
    WPOOL_ASSERT(table.records.count == 1);
    return 0;
}
