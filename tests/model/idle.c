/* WORKERS threads take, search, sleep and wake as [worker] has it (step, end_search, rest), without
   spinning; MAKERS threads make JOBS pieces of work each and wake. All is done in the end, or somebody
   sleeps for ever. Where the work lies:
       SOURCE 0   behind a gate, as the queue has it, but without slots: made by a claim on
                  `made`, taken by one on `taken`
       SOURCE 1   in the deque of maker 0, who pushes as a worker does; its JOBS are all there are
       SOURCE 2   in [order]'s lists of ready jobs
       SOURCE 3   on [order]'s pile, which the maker makes first, as wpool_configure
       SOURCE 4   in [order]'s rings, the same
   With QUOTA a worker leaves for ever, as into a job that does not end, after so many jobs: work
   must find the others. Without, who runs the last one tells all to exit, as wpool__pool_free.
   With LEAVE one more thread lets the last worker leave meanwhile, as wpool__crew_dismiss; it goes as
   wpool__worker_retire has it, so the other one does the work. With LEAVE 2 that was told before.
   The first ASLEEP workers sleep already, and see what was done before any of them was woken; with SEARCHER the last one is the searcher. */

#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef MAKERS
#define MAKERS 1
#endif
#ifndef JOBS
#define JOBS 1
#endif
#ifndef QUOTA
#define QUOTA 0
#endif
#ifndef ASLEEP
#define ASLEEP 0
#endif
#ifndef SEARCHER
#define SEARCHER 0
#endif
#ifndef SOURCE
#define SOURCE 0
#endif
#ifndef LEAVE
#define LEAVE 0
#endif
#define CALLS (MAKERS * JOBS)
#if SOURCE >= 2
#define MODEL_MEMORY 1024 /* for the rings and the pile */
#endif

#include "model.h"

#include "wpool.h"

#include "calls.h"

static _Atomic(uint64_t) made, taken;
static wpool__deque deque;
static wpool__orders orders;
static wpool_job jobs[CALLS];
static wpool__sleeper sleepers[WORKERS];
static wpool__lot lot;
static wpool__idle idle = {MODEL_SHELF(sleepers), &lot, 0};
static _Atomic(uint32_t) exit_told, leave_told;
static _Atomic(uint32_t) done;
static int told; /* plain, with one maker: written before it makes anything */

static void maker(int index) {
    (void)index;
    if (MAKERS == 1) told = 1;
#if SOURCE == 3
    WPOOL_ASSERT(wpool__orders_make_pile(&orders, CALLS));
#elif SOURCE == 4
    WPOOL_ASSERT(wpool__orders_make_ranks(&orders, NULL, CALLS));
#endif
    for (int i = 0; i < JOBS; i++) {
#if SOURCE == 0
        uint64_t first;
        bool is_closed;
        size_t n = wpool__gate_claim(&made, CALLS, 1, &first, &is_closed);
        WPOOL_ASSERT(n == 1);
#else
        wpool__call call;
        calls_make(&call, i + 1);
#endif
#if SOURCE == 1
        wpool__deque_push(&deque, &call, 1);
#elif SOURCE == 2
        jobs[i].fn = call.fn;
        jobs[i].arg = call.arg;
        wpool__orders_put_ready(&orders, WPOOL_NORMAL, &jobs[i]);
#elif SOURCE == 3
        wpool__orders_put_pile(&orders, call);
#elif SOURCE == 4
        wpool__orders_put_rank(&orders, WPOOL_NORMAL, call);
#endif
        wpool__idle_wake(&idle);
    }
}
MODEL_THREAD(maker)

static bool sees_work(void) {
#if SOURCE == 0
    uint64_t seen = wpool__load_acquire(&taken); /* in this order, as wpool__queue_length */
    return wpool__gate_count(&made) != seen;
#elif SOURCE == 1
    return wpool__deque_length(&deque) != 0;
#else
    return wpool__orders_length(&orders) != 0 || wpool__orders_has_ready(&orders);
#endif
}

#if SOURCE != 0
static bool take(wpool__call *call) {
#if SOURCE == 1
    return wpool__deque_steal(&deque, call, NULL);
#else
    if (wpool__orders_are_unused(&orders)) return false;
#if SOURCE == 2
    wpool_job *job = wpool__orders_take_ready(&orders, WPOOL_NORMAL);
    if (job) call->fn = job->fn, call->arg = job->arg;
    return job != NULL;
#elif SOURCE == 3
    return wpool__orders_has(&orders, WPOOL__HAS_PILE) && wpool__orders_take_pile(&orders, call);
#else
    if (!wpool__orders_has(&orders, WPOOL__HAS_RANKS)) return false;
    wpool__queue *rank = &orders.ranks[WPOOL_NORMAL];
    bool is_claimed = wpool__queue_length(rank) != 0;
    bool got = wpool__queue_take(rank, call, 1);
    __VERIFIER_assume(got || !is_claimed); /* it comes again and again until the call is put */
    return got;
#endif
#endif
}
#endif

static bool next(void) {
#if SOURCE == 0
    uint64_t first;
    bool is_closed;
    return wpool__gate_claim(&taken, wpool__gate_count(&made), 1, &first, &is_closed) != 0;
#else
    wpool__call call;
    bool got = take(&call);
    if (got) calls_check(call);
    return got;
#endif
}

static void run(void) {
    if (!QUOTA && wpool__add_seq_cst(&done, 1) + 1 == CALLS) {
        wpool__store_seq_cst(&exit_told, 1);
        wpool__idle_wake_all(&idle);
    }
}

static bool is_leaving(unsigned index) {
    return LEAVE && index == WORKERS - 1 && wpool__load_seq_cst(&leave_told);
}

static void dismisser(int index) {
    (void)index;
    wpool__store_seq_cst(&leave_told, 1);
    wpool__idle_wake_all(&idle);
}
MODEL_THREAD(dismisser)

static void rest(unsigned index, bool *is_searching) {
    if (!*is_searching) *is_searching = wpool__idle_search(&idle);
    wpool__idle_enter(&idle, index, *is_searching);
    if (is_leaving(index) || (!QUOTA && wpool__load_seq_cst(&exit_told))) {
        wpool__idle_wake_all(&idle);
    } else if (sees_work()) {
        wpool__idle_wake(&idle);
    }
    *is_searching = wpool__idle_sleep(&idle, index);
}

static void end_search(void) {
    wpool__idle_stop_search(&idle);
    if (wpool__idle_wants_waking(wpool__idle_word(&idle)) && sees_work()) wpool__idle_wake(&idle);
}

static void worker(int index) {
    bool is_searching = SEARCHER && index == WORKERS - 1;
    if (index < ASLEEP) {
        is_searching = wpool__idle_sleep(&idle, (unsigned)index);
        WPOOL_ASSERT(MAKERS != 1 || LEAVE || told == 1);
    }
    for (int ran = 0; QUOTA == 0 || ran < QUOTA;) {
        bool is_to_exit = !QUOTA && wpool__load_acquire(&exit_told) != 0;
        if (is_leaving((unsigned)index)) {
            wpool__idle_leave(&idle, is_searching);
            if (sees_work()) wpool__idle_wake(&idle);
            return;
        }
        if (next()) {
            if (is_searching) end_search();
            is_searching = false;
            run();
            ran++;
        } else if (is_to_exit) {
            return;
        } else {
            rest((unsigned)index, &is_searching);
        }
    }
}
MODEL_THREAD(worker)

int main(void) {
    pthread_t workers[WORKERS], makers[MAKERS], dismissing;
    if (SOURCE == 1) WPOOL_ASSERT(wpool__deque_init(&deque, NULL, false));
#if SOURCE >= 2
    orders.lot = &lot;
    wpool__shelf_init(&orders.cards, NULL, sizeof(wpool__card), 1);
#endif
    for (unsigned i = 0; i < ASLEEP; i++)
        wpool__idle_enter(&idle, i, false);
    if (SEARCHER) WPOOL_ASSERT(wpool__idle_search(&idle));
    leave_told = LEAVE == 2;
    for (int i = 0; i < WORKERS; i++)
        MODEL_START(&workers[i], worker, i);
    for (int i = 0; i < MAKERS; i++)
        MODEL_START(&makers[i], maker, i);
    if (LEAVE == 1) MODEL_START(&dismissing, dismisser, 0);
    for (int i = 0; i < WORKERS; i++)
        MODEL_JOIN(workers[i]);
    if (LEAVE == 1) MODEL_JOIN(dismissing);
    for (int i = 0; i < MAKERS; i++)
        MODEL_JOIN(makers[i]);
    if (SOURCE == 0) WPOOL_ASSERT(wpool__load_relaxed(&taken) == CALLS);
    if (SOURCE != 0) calls_check_all(1, CALLS);
    return 0;
}
