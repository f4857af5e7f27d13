/* When the scaler is to look: SUBMITTERS threads accept one job each and then look at the poke
   word; the scaler stores it, for AT jobs that wait, and then looks itself. With BEGINS a worker
   begins one of the jobs meanwhile. With IDLE it is idle till then, and another one is blocked: the
   word says that more jobs wait than workers are idle. With HELD the job was accepted before, and
   is held: it becomes ready, as when its time has come. With PACED one more thread submits a job that
   is held: for a moment fewer seem to wait. With CLOSED it is refused. In the end, if so many wait,
   the scaler's timer is set, or the scaler has seen it. */

#ifndef SUBMITTERS
#define SUBMITTERS 1
#endif
#ifndef AT
#define AT 1
#endif
#ifndef BEGINS
#define BEGINS 0
#endif
#ifndef IDLE
#define IDLE 0
#endif
#ifndef HELD
#define HELD 0
#endif
#ifndef PACED
#define PACED 0
#endif
#ifndef CLOSED
#define CLOSED 0
#endif
#define MODEL_MEMORY 64
#define WPOOL_GUESTS 1

#include "model.h"

#include "wpool.h"

static wpool pool;
static wpool_worker workers[2]; /* a guest, and the worker */
static wpool__account accounts[2];
static wpool__view view = {.blocked = IDLE, .idle = IDLE};
static wpool__decision decision = {.poke_at = IDLE ? 2 : AT};
static wpool_job job;
static bool has_seen;

static void submitter(int index) {
    if (HELD && index == 0) {
        wpool__keeper_lock(&pool);
        wpool__pace_release(&job);
        wpool__keeper_unlock(&pool);
        return;
    }
    uint64_t first;
    bool is_closed;
    size_t n = wpool__gate_claim(&pool.queue.tail, SUBMITTERS, 1, &first, &is_closed);
    WPOOL_ASSERT(n == 1);
    wpool__scaler_notice(&pool, false);
}
MODEL_THREAD(submitter)

static void paced_submitter(int index) {
    (void)index;
    WPOOL_ASSERT(wpool__pool_accept_paced(&job, WPOOL_BLOCK, 0) ==
                 (CLOSED ? WPOOL_CLOSED : WPOOL_OK));
}
MODEL_THREAD(paced_submitter)

static void worker(int index) {
    (void)index;
    if (wpool__gate_count(&pool.queue.tail) == 0) return;
    wpool__store_relaxed(&workers[1].idle_since, 0);
    wpool__account_begin(&accounts[1]);
}
MODEL_THREAD(worker)

static void scaler(int index) {
    (void)index;
    has_seen = wpool__scaler_rest(&pool, &decision, &view);
}
MODEL_THREAD(scaler)

int main(void) {
    pthread_t submitters[SUBMITTERS], pacing, working, scaling;
    MODEL_SHELVE(&pool.crew.workers, workers);
    pool.crew.count = 2;
    MODEL_SHELVE(&pool.watch.accounts, accounts);
    pool.watch.count = 2;
    accounts[0].is_shared = true;
    workers[1].idle_since = IDLE;
    pool.scaler.poke = WPOOL__POKE_NEVER;
    pool.orders.lot = &pool.lot;
    job.pool = &pool;
    pool.watch.paced = pool.watch.held = HELD;
    job.is_paced = true;
    job.ready_ns = job.due_ns = WPOOL__NEVER - 1;
    if (CLOSED) wpool__gate_close(&pool.watch.paced);
    MODEL_START(&scaling, scaler, 0);
    if (PACED) MODEL_START(&pacing, paced_submitter, 0);
    for (int i = 0; i < SUBMITTERS; i++)
        MODEL_START(&submitters[i], submitter, i);
    if (BEGINS) MODEL_START(&working, worker, 0);
    for (int i = 0; i < SUBMITTERS; i++)
        MODEL_JOIN(submitters[i]);
    if (PACED) MODEL_JOIN(pacing);
    MODEL_JOIN(scaling);
    if (BEGINS) MODEL_JOIN(working);
    uint64_t enough = IDLE ? (workers[1].idle_since != 0) + 1 : AT;
    if (wpool__scaler_waiting(&pool, wpool__scaler_left(&pool)) >= enough)
        WPOOL_ASSERT(has_seen || pool.scaler.timer.link != NULL);
    return 0;
}
