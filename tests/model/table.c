/* [job]'s table of records. Thread 0 makes a record, writes its argument, tells the id, and then lets
   go: claims the result and drops its reference; REUSE times. PINNERS threads pin the id that they
   find told, read the record and drop it. Who pins sees the record whole and of that id, and the same
   place is not given to two jobs at a time. With MAKERS 2 a second thread makes and drops records,
   too; RECORDS are there beforehand then, so that nobody waits for more. */

#ifndef PINNERS
#define PINNERS 1
#endif
#ifndef REUSE
#define REUSE 2
#endif
#ifndef MAKERS
#define MAKERS 1
#endif
#ifndef RECORDS
#define RECORDS 0 /* made by main */
#endif
#define WPOOL_RECORDS (RECORDS ? RECORDS : 1)

#define MODEL_MEMORY 2048
#include "model.h"

#include "wpool.h"

static wpool__lot lot;
static wpool__table table = {.lot = &lot, .first_generation = 7, .records = MODEL_RECORDS};
static _Atomic(wpool_id) told[MAKERS];
static int arguments[MAKERS * REUSE];

/* Makes a record and lets it go. */
static void make(int index, int i) {
    wpool__record *record = wpool__table_new(&table);
    WPOOL_ASSERT(record != NULL);
    record->job.arg = &arguments[index * REUSE + i];
    wpool_id id = record->job.id;
    wpool__store_relaxed(&told[index], id); /* relaxed: pin has to do without */
    WPOOL_ASSERT(record->job.arg == &arguments[index * REUSE + i]);
    WPOOL_ASSERT(wpool__record_claim(record));
    wpool__table_drop(&table, record);
}

static void maker(int index) {
    for (int i = 0; i < REUSE; i++)
        make(index, i);
}
MODEL_THREAD(maker)

static void pinner(int index) {
    wpool_id id = wpool__load_relaxed(&told[index % MAKERS]);
    wpool__record *record = wpool__table_pin(&table, id);
    if (!record) return;
    WPOOL_ASSERT(record->job.id == id);
    wpool__table_drop(&table, record);
}
MODEL_THREAD(pinner)

int main(void) {
    pthread_t makers[MAKERS], pinners[PINNERS + 1];
    if (RECORDS) make(0, 0);
    for (int i = 0; i < MAKERS; i++)
        MODEL_START(&makers[i], maker, i);
    for (int i = 0; i < PINNERS; i++)
        MODEL_START(&pinners[i], pinner, i);
    for (int i = 0; i < MAKERS; i++)
        MODEL_JOIN(makers[i]);
    for (int i = 0; i < PINNERS; i++)
        MODEL_JOIN(pinners[i]);
    return 0;
}
