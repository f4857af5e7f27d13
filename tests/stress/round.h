/* round.h - a pool's life at random: clients call all public functions, and at the end the books
   must balance. Include it after wpool.h with WPOOL_IMPLEMENTATION. */
#ifndef ROUND_H
#define ROUND_H

#include "stress.h"

enum { CLIENTS = 8, STEPS = 150, ITEMS = CLIENTS * STEPS * 4, IDS = 32 };

/* A job, and what became of it. */
typedef struct item {
    struct round *round;
    enum kind { RETURN, FAIL, LEAVE, SPAWN, TAKE, LOOP } kind;
    bool has_done;  /* an on_done of its own */
    bool is_listed; /* with config.results, its result is to be delivered */
    atomic_bool is_accepted;
    atomic_uint run_count, done_count;
    atomic_uint delivered; /* by take, wait and forget */
    atomic_uint told_count;
    atomic_int state;
    wpool_job job;
} item;

typedef struct round {
    wpool *pool;
    wpool_config config;
    memory used;
    wpool_allocator allocator;
    atomic_uint item_count, clients_left;
    atomic_uint begun, ended; /* worker_start, worker_exit */
    atomic_bool is_results_closed;
    uint64_t seed;
    item items[ITEMS];
} round_;

typedef struct client {
    round_ *round;
    uint64_t random;
    unsigned step_count;
    wpool_stats_snapshot seen;
    struct {
        wpool_id id;
        item *item;
    } ids[IDS];
    pthread_t thread;
} client;

static item *item_new(round_ *r) {
    const unsigned i = atomic_fetch_add(&r->item_count, 1);
    CHECK(i < ITEMS);
    r->items[i].round = r;
    return &r->items[i];
}

/* A result agrees with itself and with what the job did. */
static void check_result(const item *it, const wpool_result *result) {
    const bool was_started = result->state != WPOOL_STATE_DISCARDED;
    CHECK(result->arg == it);
    CHECK(result->state >= WPOOL_STATE_SUCCEEDED && result->state <= WPOOL_STATE_DISCARDED);
    CHECK_EQ(result->error == 0, result->state == WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(result->attempts, was_started);
    CHECK(result->data == (was_started ? it : NULL));
    CHECK(result->waited_ns >= 0 && result->ran_ns >= 0);
}

static void check_delivered(round_ *r, const wpool_result *result) {
    item *it = (item *)result->arg;
    CHECK(it >= r->items && it < r->items + ITEMS && it->round == r);
    check_result(it, result);
    CHECK_EQ(atomic_fetch_add(&it->delivered, 1), 0);
}

static void item_done(void *arg, const wpool_result *result) {
    item *it = (item *)arg;
    check_result(it, result);
    atomic_store(&it->state, result->state);
    atomic_fetch_add(&it->done_count, 1);
}

/* ---- what jobs do ---- */

static int item_job(void *arg, wpool_job *job);

/* A job that makes another one and waits for it. */
static void spawn(item *parent, wpool *pool) {
    item *child = item_new(parent->round);
    wpool_id id = 0;
    const bool is_embedded = parent->has_done;
    child->has_done = true;
    wpool_options options = {.on_done = item_done};
    wpool_result result;
    wpool_status status;
    if (is_embedded) {
        wpool_job_init(&child->job, item_job, child);
        status = wpool_submit_job(pool, &child->job, &options);
    } else {
        child->is_listed = true;
        status = wpool_submit_with(pool, item_job, child, &options, &id);
    }
    atomic_store(&child->is_accepted, status == WPOOL_OK);
    CHECK(status == WPOOL_OK || status == WPOOL_CLOSED || status == WPOOL_FULL);
    if (status != WPOOL_OK || parent->round->config.help == WPOOL_HELP_NONE) return;
    status = is_embedded ? wpool_job_wait(&child->job, WPOOL_FOREVER)
                         : wpool_wait(pool, id, WPOOL_FOREVER, &result);
    if (!is_embedded && status == WPOOL_OK) check_delivered(parent->round, &result);
    CHECK(status == WPOOL_OK || (!is_embedded && status == WPOOL_UNKNOWN));
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_DEADLOCK);
}

/* A job that takes a result, if there is one soon. */
static void take_inside(round_ *r, bool waits) {
    wpool_result result;
    const wpool_status status = wpool_take(r->pool, waits ? 50000 : WPOOL_NOW, &result);
    if (status == WPOOL_OK) check_delivered(r, &result);
    CHECK(r->config.results ? status <= WPOOL_DONE || status == WPOOL_CLOSED ||
                                  status == WPOOL_TIMEOUT || status == WPOOL_DEADLOCK
                            : status == WPOOL_INVALID);
}

static int count_range(size_t begin, size_t end, void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_add((atomic_uint *)arg, (unsigned)(end - begin));
    return 0;
}

/* A job that forks others, and has a loop run in parallel. */
static void loop_inside(wpool *pool, wpool_job *self) {
    atomic_uint count = 0;
    wpool_job children[3];
    for (int i = 0; i < 3; i++)
        wpool_fork(self, &children[i], count_job, &count);
    wpool_join(self, &children[2]);
    if (wpool_unfork(self, &children[1])) atomic_fetch_add(&count, 1);
    wpool_join(self, &children[0]);
    CHECK_EQ(atomic_load(&count), 3);
    const wpool_status status = wpool_for(pool, 0, 64, 4, count_range, &count);
    CHECK(status == WPOOL_OK || status == WPOOL_CANCELLED);
    if (status == WPOOL_OK) CHECK_EQ(atomic_load(&count), 67);
}

static void item_told(void *arg) { atomic_fetch_add(&((item *)arg)->told_count, 1); }

/* Only a plain job may not. */
static void listen(item *it, wpool_job *job) {
    const bool is_plain = !it->job.fn && wpool_job_id(job) == 0 && !it->has_done;
    const wpool_status status = wpool_on_cancel(job, item_told, it);
    CHECK(status == WPOOL_OK || (status == WPOOL_CANCELLED && wpool_cancelled(job)) ||
          (status == WPOOL_INVALID && is_plain));
}

static int item_job(void *arg, wpool_job *job) {
    item *it = (item *)arg;
    atomic_fetch_add(&it->run_count, 1);
    wpool_set_result(job, it);
    CHECK(wpool_job_pool(job) == it->round->pool);
    CHECK_EQ(wpool_job_attempt(job), 1);
    CHECK(wpool_worker_state(job) == NULL || wpool_worker_state(job) == it->round);
    if (it->job.fn) CHECK_EQ(wpool_job_id(job), 0);
    if (it->kind != RETURN) listen(it, job);
    if (it->kind == SPAWN) spawn(it, it->round->pool);
    if (it->kind == TAKE) take_inside(it->round, it->has_done);
    if (it->kind == LOOP) loop_inside(it->round->pool, job);
    if (it->kind == LEAVE) pthread_exit(NULL);
    return it->kind == FAIL || wpool_cancelled(job);
}

/* ---- what clients do: each operation is one call of a public function, or a few ---- */

static void check_submitted(item *it, wpool_status status) {
    atomic_store(&it->is_accepted, status == WPOOL_OK);
    CHECK(status == WPOOL_OK || status == WPOOL_CLOSED || status == WPOOL_FULL ||
          status == WPOOL_TIMEOUT);
}

static item *item_choose(client *c) {
    item *it = item_new(c->round);
    const wpool_config *config = &c->round->config;
    const bool runs_here = config->when_full == WPOOL_RUN || config->max_workers == WPOOL_INLINE;
    const enum kind seldom[] = {FAIL, FAIL, SPAWN, TAKE, LOOP};
    it->kind = choose(&c->random, 8) ? RETURN : seldom[choose(&c->random, 5)];
    if (!runs_here && choose(&c->random, 100) == 0) it->kind = LEAVE;
    return it;
}

static void keep_id(client *c, item *it, wpool_id id) {
    const unsigned i = choose(&c->random, IDS);
    if (!id) return;
    c->ids[i].id = id;
    c->ids[i].item = it;
}

static void submit_by(client *c, wpool_status (*submit)(wpool *, wpool_fn, void *, wpool_id *)) {
    item *it = item_choose(c);
    wpool_id id = 0, *place = choose(&c->random, 2) ? &id : NULL;
    it->is_listed = true;
    check_submitted(it, submit(c->round->pool, item_job, it, place));
    keep_id(c, it, id);
}

static void do_submit(client *c) { submit_by(c, wpool_submit); }

static void do_try_submit(client *c) { submit_by(c, wpool_try_submit); }

static void do_submit_with(client *c) {
    item *it = item_choose(c);
    wpool_options options = {.name = choose(&c->random, 2) ? "stress" : NULL};
    wpool_id id = 0, *place = choose(&c->random, 2) ? &id : NULL;
    it->has_done = choose(&c->random, 2);
    if (it->has_done) options.on_done = item_done;
    if (choose(&c->random, 4) == 0) options.timeout = 1 + choose(&c->random, 100000);
    it->is_listed = true;
    check_submitted(it, wpool_submit_with(c->round->pool, item_job, it, &options, place));
    keep_id(c, it, id);
}

static void do_submit_many(client *c) {
    void *args[8];
    wpool_status why;
    const size_t count = 1 + choose(&c->random, 8);
    for (size_t i = 0; i < count; i++)
        args[i] = item_choose(c);
    for (size_t i = 0; i < count; i++)
        ((item *)args[i])->is_listed = true;
    const size_t accepted = wpool_submit_many(c->round->pool, item_job, args, count, &why);
    CHECK(accepted <= count && (accepted == count) == (why == WPOOL_OK));
    for (size_t i = 0; i < count; i++)
        check_submitted((item *)args[i], i < accepted ? WPOOL_OK : why);
}

/* Waits for it half of the time, and then looks at its result. */
static void do_submit_job(client *c) {
    item *it = item_choose(c);
    const wpool_options options = {.on_done = item_done,
                                   .timeout = choose(&c->random, 4) ? 0 : 50000};
    wpool_result result;
    it->has_done = true;
    wpool_job_init(&it->job, item_job, it);
    CHECK_EQ(wpool_job_wait(&it->job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    check_submitted(it, wpool_submit_job(c->round->pool, &it->job, &options));
    if (!atomic_load(&it->is_accepted) || choose(&c->random, 2)) return;
    const wpool_status status = wpool_job_wait(&it->job, choose(&c->random, 2) ? 100000 : -1);
    CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT);
    if (status == WPOOL_OK) {
        CHECK_EQ(wpool_job_result(&it->job, &result), WPOOL_OK);
        check_result(it, &result);
    }
}

static void do_wait(client *c) {
    const int64_t timeouts[] = {WPOOL_NOW, 50000, WPOOL_FOREVER};
    const wpool_id id = c->ids[choose(&c->random, IDS)].id;
    wpool_result result;
    const wpool_status status =
        wpool_wait(c->round->pool, id, timeouts[choose(&c->random, 3)], &result);
    CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN || status == WPOOL_TIMEOUT);
    if (status != WPOOL_OK) return;
    CHECK(result.id == id);
    check_delivered(c->round, &result);
}

static void do_forget(client *c) {
    const unsigned i = choose(&c->random, IDS);
    const wpool_status status = wpool_forget(c->round->pool, c->ids[i].id);
    CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN);
    if (status == WPOOL_OK) CHECK_EQ(atomic_fetch_add(&c->ids[i].item->delivered, 1), 0);
}

static void do_cancel(client *c) {
    const unsigned i = choose(&c->random, IDS);
    const wpool_mode mode = choose(&c->random, 2) ? WPOOL_HOT : WPOOL_GRACEFUL;
    const wpool_status status = wpool_cancel(c->round->pool, c->ids[i].id, mode);
    CHECK(status == WPOOL_OK || status == WPOOL_ALREADY || status == WPOOL_UNKNOWN ||
          status == (mode == WPOOL_HOT ? WPOOL_CANCELLED : WPOOL_RUNNING));
    if (status == WPOOL_OK) CHECK_EQ(atomic_load(&c->ids[i].item->run_count), 0);
}

static void do_discard(client *c) {
    wpool_id ids[4];
    for (unsigned i = 0; i < 4; i++)
        ids[i] = c->ids[choose(&c->random, IDS)].id;
    CHECK(wpool_discard(c->round->pool, ids, 4, WPOOL_GRACEFUL) <= 4);
}

static void do_results_fd(client *c) {
    const int descriptor = wpool_results_fd(c->round->pool);
    CHECK_EQ(descriptor >= 0, c->round->config.results);
    CHECK_EQ(wpool_results_fd(c->round->pool), descriptor);
}

static void do_job_state(client *c) {
    const wpool_id id = c->ids[choose(&c->random, IDS)].id;
    CHECK(wpool_job_state(c->round->pool, id) <= WPOOL_STATE_DISCARDED);
}

static void do_take(client *c) {
    round_ *r = c->round;
    wpool_result result;
    const wpool_status status = wpool_take(r->pool, choose(&c->random, 2) ? 50000 : 0, &result);
    CHECK(r->config.results
              ? status <= WPOOL_DONE || status == WPOOL_TIMEOUT || status == WPOOL_CLOSED
              : status == WPOOL_INVALID);
    if (status == WPOOL_OK) check_delivered(r, &result);
}

/* A snapshot agrees with itself, and what has ended does not become less. */
static void do_stats(client *c) {
    const wpool_stats_snapshot s = pool_stats(c->round->pool), *before = &c->seen;
    CHECK_EQ(s.accepted,
             s.waiting + s.running + s.succeeded + s.failed + s.cancelled + s.discarded);
    CHECK(s.waiting <= s.accepted && s.running <= s.accepted && s.succeeded <= s.accepted);
    CHECK(s.accepted >= before->accepted && s.succeeded >= before->succeeded);
    CHECK(s.failed >= before->failed && s.cancelled >= before->cancelled);
    CHECK(s.discarded >= before->discarded);
    CHECK(s.workers == c->round->config.workers || s.workers == 0);
    c->seen = s;
}

static void do_info(client *c) {
    wpool_info info;
    CHECK_EQ(wpool_get_info(c->round->pool, &info), WPOOL_OK);
    CHECK(info.id != 0 && strlen(info.uuid) == 36);
    CHECK_STR(info.name, "stress");
    CHECK_STR(wpool_strerror(WPOOL_OK), "success");
    CHECK_EQ(wpool_version(), WPOOL_VERSION);
}

static void do_for(client *c) {
    atomic_uint count = 0;
    const wpool_status status = wpool_for(c->round->pool, 0, 100, 7, count_range, &count);
    CHECK(status == WPOOL_OK || status == WPOOL_CANCELLED);
    if (status == WPOOL_OK) CHECK_EQ(atomic_load(&count), 100);
}

static void do_pause(client *c) {
    const wpool_status status = wpool_pause(c->round->pool);
    CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
}

static void do_start(client *c) {
    const wpool_status status = wpool_start(c->round->pool);
    CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
}

static void do_drain(client *c) {
    const int64_t timeouts[] = {WPOOL_NOW, 20000, 200000};
    const wpool_status status = wpool_drain(c->round->pool, timeouts[choose(&c->random, 3)]);
    CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT);
}

/* Seldom, since it leaves little to do for the others. */
static void do_end(client *c) {
    wpool *pool = c->round->pool;
    const wpool_mode mode = choose(&c->random, 2) ? WPOOL_HOT : WPOOL_GRACEFUL;
    wpool_status status = WPOOL_OK;
    switch (choose(&c->random, 200)) {
    case 0:
        status = wpool_close(pool);
        break;
    case 1:
        status = wpool_stop(pool, mode);
        break;
    case 2:
        status = wpool_shutdown(pool, mode, choose(&c->random, 1000000));
        if (status == WPOOL_TIMEOUT) return;
        break;
    case 3:
        if (c->round->config.results) atomic_store(&c->round->is_results_closed, true);
        status = wpool_close_results(pool);
        if (!c->round->config.results) CHECK_EQ(status, WPOOL_INVALID);
        return;
    default:
        return;
    }
    CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
}

static const struct operation {
    const char *name;
    unsigned weight; /* they add up to 64 */
    void (*run)(client *);
} operations[] = {
    {"submit", 9, do_submit},
    {"try_submit", 6, do_try_submit},
    {"submit_with", 9, do_submit_with},
    {"submit_many", 1, do_submit_many},
    {"submit_job", 8, do_submit_job},
    {"wait", 6, do_wait},
    {"forget", 3, do_forget},
    {"job_state", 2, do_job_state},
    {"take", 4, do_take},
    {"cancel", 2, do_cancel},
    {"discard", 1, do_discard},
    {"results_fd", 1, do_results_fd},
    {"stats", 4, do_stats},
    {"get_info", 1, do_info},
    {"pause", 1, do_pause},
    {"start", 2, do_start},
    {"drain", 2, do_drain},
    {"end", 1, do_end},
    {"for", 1, do_for},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };
static _Atomic uint64_t operation_counts[OPERATIONS];

static void *client_main(void *arg) {
    client *c = (client *)arg;
    uint64_t counts[OPERATIONS] = {0};
    for (unsigned step = 0; step < c->step_count; step++) {
        unsigned dice = choose(&c->random, 64), i = 0;
        while (dice >= operations[i].weight)
            dice -= operations[i++].weight;
        operations[i].run(c);
        counts[i]++;
    }
    for (unsigned i = 0; i < OPERATIONS; i++)
        atomic_fetch_add(&operation_counts[i], counts[i]);
    atomic_fetch_sub(&c->round->clients_left, 1);
    return NULL;
}

/* ---- a round ---- */

/* Resumes again and again while the clients work, so that nobody waits for ever. */
static void control(round_ *r) {
    while (atomic_load(&r->clients_left)) {
        if (choose(&r->seed, 16) == 0) wpool_pause(r->pool);
        sched_yield();
        wpool_start(r->pool);
    }
}

/* The end of the pool; all results left are taken. */
static void end(round_ *r) {
    wpool_start(r->pool);
    switch (choose(&r->seed, 4)) {
    case 0:
        wpool_drain(r->pool, WPOOL_FOREVER);
        break;
    case 1:
        wpool_stop(r->pool, choose(&r->seed, 2) ? WPOOL_HOT : WPOOL_GRACEFUL);
        break;
    case 2:
        wpool_shutdown(r->pool, WPOOL_HOT, choose(&r->seed, 1000000));
        break;
    default:
        break;
    }
    wpool_close(r->pool);
    if (!r->config.results) return;
    wpool_status status;
    wpool_result result;
    while ((status = wpool_take(r->pool, WPOOL_FOREVER, &result)) == WPOOL_OK)
        check_delivered(r, &result);
    CHECK_EQ(status, atomic_load(&r->is_results_closed) ? WPOOL_CLOSED : WPOOL_DONE);
}

/* The accepted job has ended once, as its on_done was told; another one has not run. */
static void check_item(const round_ *r, const item *it) {
    const unsigned runs = atomic_load(&it->run_count), dones = atomic_load(&it->done_count);
    const bool is_accepted = atomic_load(&it->is_accepted);
    const bool is_due = is_accepted && it->is_listed;
    CHECK(runs <= is_accepted && atomic_load(&it->told_count) <= runs);
    CHECK_EQ(dones, is_accepted && it->has_done);
    if (dones) CHECK_EQ(runs, atomic_load(&it->state) != WPOOL_STATE_DISCARDED);
    CHECK(atomic_load(&it->delivered) <= is_due);
    if (r->config.results && !atomic_load(&r->is_results_closed))
        CHECK_EQ(atomic_load(&it->delivered), is_due);
}

static void check_books(round_ *r, const wpool_stats_snapshot *stats) {
    uint64_t accepted = 0, ran = 0;
    for (unsigned i = 0; i < atomic_load(&r->item_count); i++) {
        check_item(r, &r->items[i]);
        accepted += atomic_load(&r->items[i].is_accepted);
        ran += atomic_load(&r->items[i].run_count);
    }
    CHECK_EQ(stats->accepted, accepted);
    CHECK_EQ(stats->succeeded + stats->failed + stats->cancelled, ran);
    CHECK_EQ(stats->discarded, accepted - ran);
    CHECK_EQ(stats->waiting + stats->running, 0);
    CHECK_EQ(atomic_load(&r->begun), atomic_load(&r->ended));
    memory_check_empty(&r->used);
}

static void *round_worker_start(void *user, unsigned worker) {
    (void)worker;
    atomic_fetch_add(&((round_ *)user)->begun, 1);
    return user;
}

static void round_worker_exit(void *user, unsigned worker, void *state) {
    (void)worker;
    CHECK(state == user);
    atomic_fetch_add(&((round_ *)user)->ended, 1);
}

static wpool_config config_choose(round_ *r) {
    const size_t capacities[] = {0, 1, 2, 3, 16, 1000, WPOOL_UNBUFFERED};
    r->allocator = memory_allocator(&r->used);
    return (wpool_config){
        .name = "stress",
        .workers = 1 + choose(&r->seed, 4),
        .max_workers = choose(&r->seed, 8) ? 0 : WPOOL_INLINE,
        .queue_capacity = capacities[choose(&r->seed, 7)],
        .when_full = (wpool_when_full)choose(&r->seed, 4),
        .results = choose(&r->seed, 2),
        .start_paused = choose(&r->seed, 2),
        .help = (wpool_help)choose(&r->seed, 3),
        .pin_workers = choose(&r->seed, 8) == 0,
        .hooks = {round_worker_start, round_worker_exit, r},
        .allocator = &r->allocator,
    };
}

/* All of a pool's life, with so many operations of the clients together. */
static void round_run(uint64_t seed, unsigned operation_count) {
    round_ *r = calloc(1, sizeof *r);
    client clients[CLIENTS];
    CHECK(r != NULL);
    r->seed = seed;
    r->config = config_choose(r);
    CHECK_EQ(wpool_create(&r->pool, &r->config), WPOOL_OK);
    atomic_store(&r->clients_left, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (client){.round = r, .random = test_random(&r->seed)};
        clients[i].step_count = operation_count / CLIENTS + (i < operation_count % CLIENTS);
        clients[i].thread = thread_start(client_main, &clients[i]);
    }
    control(r);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    end(r);
    CHECK_EQ(wpool_shutdown(r->pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    const wpool_stats_snapshot stats = pool_stats(r->pool);
    CHECK_EQ(wpool_destroy(r->pool), WPOOL_OK);
    check_books(r, &stats);
    free(r);
}

static void operations_print(void) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        printf("%s %" PRIu64 ", ", operations[i].name, atomic_load(&operation_counts[i]));
        sum += atomic_load(&operation_counts[i]);
    }
    printf("together %" PRIu64 "\n", sum);
}

#endif /* ROUND_H */
