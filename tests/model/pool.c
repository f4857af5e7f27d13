/* The whole of wpool.h, with one worker and no results. The pool is made by hand, as wpool_create
   leaves it; one plain job is submitted, and the worker is told to exit, as wpool_destroy does at
   its end: the job has run once by then. With STOP wpool_stop comes before: the job has run at most
   once, and is counted once. With FINISH the end of all work is waited for, as wpool_destroy does:
   that takes longer than a minute. The worker starts before the submit and sleeps already (ASLEEP),
   or its thread starts after it. Its deque stays empty, and has no array. Nobody sleeps for ever.
   With CHANGE, another order, one more thread makes what that needs and sets it, as wpool_configure
   does, during the submit; the worker does not start then. */

#ifndef STOP
#define STOP 0
#endif
#ifndef FINISH
#define FINISH 0
#endif
#ifndef ASLEEP
#define ASLEEP 0
#endif
#ifndef CHANGE
#define CHANGE WPOOL_FIFO
#endif
#define MODEL_MEMORY 1024
#define WPOOL_GUESTS 1

#include "model.h"

#include "wpool.h"

static wpool pool;
static wpool_worker workers[2]; /* a guest, and the worker */
static wpool__sleeper sleepers[1];
static wpool__account accounts[2];
static wpool__slot slots[1];
static int ran; /* plain: two at a time would be a data race */

static int job(void *arg, wpool_job *self) {
    (void)arg, (void)self;
    ran++;
    return 0;
}

/* As wpool__pool_settle_in and wpool__pool_furnish. */
static void make(void) {
    wpool_worker *worker = &workers[1];
    pool.guard = 1;
    pool.config.workers = 1;
    MODEL_SHELVE(&pool.crew.workers, workers);
    pool.crew.count = 2;
    pool.crew.serving = pool.crew.present = 1;
    pool.guests = UINT32_MAX; /* no place for any */
    pool.capacity = 1;
    MODEL_SHELVE(&pool.idle.sleepers, sleepers);
    MODEL_SHELVE(&pool.watch.accounts, accounts);
    pool.watch.count = 2;
    accounts[0].is_shared = true;
    accounts[1].presence = WPOOL__SERVES;
    pool.idle.lot = pool.table.lot = pool.results.lot = &pool.lot;
    pool.results.table = &pool.table;
    pool.queue.ring = &pool.queue.first;
    pool.queue.first.slots = slots;
    worker->pool = &pool;
    worker->account = &accounts[1];
    worker->random = 1;
    worker->self.pool = &pool;
    worker->self.told = &worker->orders;
    worker->self.worker = worker;
    worker->self.forks = &worker->deque.forks;
}

/* A worker that slept before. */
static void *asleep(void *arg) {
    wpool_worker *worker = (wpool_worker *)arg;
    worker->is_searching = wpool__idle_sleep(&pool.idle, 0);
    return wpool__worker_main(worker);
}

static void start(void *(*body)(void *)) {
    bool ok = wpool__thread_start(&workers[1].thread, body, &workers[1], 0);
    WPOOL_ASSERT(ok);
}

static void changer(int index) {
    (void)index;
    wpool_config config = {.queue_capacity = 1, .order = CHANGE};
    WPOOL_ASSERT(wpool__pool_make_room(&pool, config.order, config.queue_capacity));
    wpool__pool_adjust(&pool, &config);
}
MODEL_THREAD(changer)

static void submit(void) {
    wpool_status status = wpool_submit(&pool, job, NULL, NULL);
    WPOOL_ASSERT(status == WPOOL_OK);
}

static void submit_during_change(void) {
    pthread_t changing;
    wpool__shelf_init(&pool.orders.cards, NULL, sizeof(wpool__card), 1);
    MODEL_START(&changing, changer, 0);
    submit();
    MODEL_JOIN(changing);
}

int main(void) {
    make();
    if (CHANGE != WPOOL_FIFO) {
        submit_during_change();
        return 0;
    }
    if (ASLEEP) {
        wpool__idle_enter(&pool.idle, 0, false);
        start(asleep);
    }
    submit();
    if (!ASLEEP) start(wpool__worker_main);
    if (STOP) wpool_stop(&pool, WPOOL_GRACEFUL);
    if (FINISH) {
        bool is_quiet = wpool__pool_finish(&pool, WPOOL__NEVER);
        WPOOL_ASSERT(is_quiet && ran == 1);
    }
    /* as wpool__pool_free */
    wpool__pool_set(&pool, WPOOL__EXIT);
    wpool__idle_wake_all(&pool.idle);
    wpool__thread_join(workers[1].thread);
    WPOOL_ASSERT(STOP ? ran <= 1 : ran == 1);
    WPOOL_ASSERT(wpool__worker_unfinished(&pool) == 0);
    return 0;
}
