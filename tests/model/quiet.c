/* [watch]: WORKERS threads each end one job and go to sleep, telling who waits for the end of all work
   ([worker]: rest, settle). One thread waits for it, as wpool_wait does: it is woken, and sees what
   all jobs did. */

#ifndef WORKERS
#define WORKERS 2
#endif

#include "model.h"

#include "wpool.h"

static wpool__lot lot;
static wpool__account accounts[WORKERS + 1] = {{.is_shared = true}};
static wpool__watch watch = {.accounts = MODEL_SHELF(accounts), .count = WORKERS + 1};
static wpool__sleeper sleepers[WORKERS];
static wpool__idle idle = {.sleepers = MODEL_SHELF(sleepers)};
static wpool__queue queue; /* only its gate */
static int did[WORKERS];   /* plain */

static void settle(void) {
    if (!wpool__event_has_waiters(&watch.quiet)) return;
    if (wpool__watch_unfinished(&watch, &idle, &queue) == 0)
        wpool__event_notify_all(&lot, &watch.quiet);
}

static void worker(int index) {
    did[index] = 1;
    wpool__account_end(&lot, &accounts[index + 1], WPOOL_STATE_SUCCEEDED);
    wpool__idle_enter(&idle, (unsigned)index, false);
    settle();
}
MODEL_THREAD(worker)

static bool is_quiet(void) { return wpool__watch_unfinished(&watch, &idle, &queue) == 0; }

static void waiter(int index) {
    (void)index;
    while (!is_quiet()) {
        uint32_t epoch = wpool__event_announce(&watch.quiet);
        if (is_quiet()) break;
        wpool__event_sleep(&lot, &watch.quiet, epoch, WPOOL__NEVER);
    }
    for (int i = 0; i < WORKERS; i++)
        WPOOL_ASSERT(did[i] == 1);
}
MODEL_THREAD(waiter)

int main(void) {
    pthread_t workers[WORKERS], waiting;
    wpool__store_relaxed(&queue.tail, WORKERS); /* accepted, and begun below */
    for (int i = 0; i < WORKERS; i++)
        wpool__account_begin(&accounts[i + 1]);
    for (int i = 0; i < WORKERS; i++)
        MODEL_START(&workers[i], worker, i);
    MODEL_START(&waiting, waiter, 0);
    for (int i = 0; i < WORKERS; i++)
        MODEL_JOIN(workers[i]);
    MODEL_JOIN(waiting);
    return 0;
}
