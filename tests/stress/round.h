/* round.h - a pool's life at random: clients call all public functions, and at the end the books
   must balance. Include it after wpool.h with WPOOL_IMPLEMENTATION. */
#ifndef ROUND_H
#define ROUND_H

#include "stress.h"

enum { CLIENTS = 8, STEPS = 150, ITEMS = CLIENTS * STEPS * 5, RECENT = 64 };
enum { MOST_WORKERS = 6, MOST_SCALED = 64 /* by the pool itself */, LANES = 4 };
enum { ERAS = 32, GROUPS = 4, MOST_OPERATIONS = 64 };

/* A job, and what became of it. */
typedef struct item {
    struct round *round;
    wpool *pool;
    enum kind { RETURN, FAIL, LEAVE, SPAWN, TAKE, LOOP, GROUP, LISTEN, SLEEP, FOLLOW, BLOCK } kind;
    bool has_done;        /* an on_done of its own */
    bool may_be_late;     /* it has a deadline, or its group may have one */
    bool may_repeat;      /* it is tried again, or periodic */
    bool is_listed;       /* with config.results, its result is to be delivered */
    atomic_uint accepted; /* how often; more than once only if caller-owned */
    atomic_uint run_count, done_count, discarded_count;
    atomic_uint delivered; /* by take, wait and forget */
    atomic_uint listen_count, told_count;
    _Atomic(wpool_id) id;
    wpool_job job; /* with a function: it is caller-owned */
    wpool_group *member_of;
    wpool_group group; /* below that, for its children */
} item;

typedef struct round {
    wpool *pool;
    wpool_config config;
    memory used;
    wpool_allocator allocator;
    atomic_uint item_count, clients_left;
    atomic_uint begun, ended, threads; /* worker_start, worker_exit, and between the two */
    atomic_bool is_results_closed;
    uint64_t seed;
    /* Of these, whose time is over as soon as one of them is cancelled, those of the present. */
    wpool_group upstream, groups[ERAS][GROUPS];
    atomic_uint era;
    wpool_lane lanes[LANES];
    _Atomic(item *) recent[RECENT], recent_own[RECENT]; /* with ids; caller-owned */
    item items[ITEMS];
} round_;

typedef struct client {
    round_ *round;
    uint64_t random;
    unsigned step_count;
    uint64_t counts[MOST_OPERATIONS];
    wpool_stats_snapshot seen;
    pthread_t thread;
} client;

static bool is_inline(const round_ *r) { return r->config.max_workers == WPOOL_INLINE; }

static unsigned most_workers(const round_ *r) {
    return is_inline(r) ? MOST_WORKERS : r->config.max_workers;
}

static item *item_new(round_ *r) {
    const unsigned i = atomic_fetch_add(&r->item_count, 1);
    CHECK(i < ITEMS);
    r->items[i].round = r;
    r->items[i].pool = r->pool;
    return &r->items[i];
}

static void item_accepted(item *it, wpool_status status) {
    if (status == WPOOL_OK) atomic_fetch_add(&it->accepted, 1);
}

/* A result agrees with itself and with what the job did. */
static void check_result(const item *it, const wpool_result *result) {
    const bool was_started = result->state != WPOOL_STATE_DISCARDED;
    CHECK(result->arg == it);
    CHECK(result->state >= WPOOL_STATE_SUCCEEDED && result->state <= WPOOL_STATE_DISCARDED);
    CHECK_EQ(result->error == 0, result->state == WPOOL_STATE_SUCCEEDED);
    CHECK(was_started || result->error == WPOOL_CANCELLED ||
          (result->error == WPOOL_TIMEOUT && it->may_be_late));
    CHECK(result->attempts == was_started || (it->may_repeat && was_started));
    CHECK(result->data == (was_started ? it : NULL));
    CHECK(result->waited_ns >= 0 && result->ran_ns >= 0);
}

static void check_delivered(round_ *r, const wpool_result *result) {
    item *it = (item *)result->arg;
    CHECK(it >= r->items && it < r->items + ITEMS && it->round == r);
    check_result(it, result);
    CHECK_EQ(atomic_fetch_add(&it->delivered, 1), 0);
}

static int item_job(void *arg, wpool_job *job);

/* on_done may submit. */
static void follow(const item *it) {
    item *next = item_new(it->round);
    next->pool = it->pool;
    next->is_listed = true;
    item_accepted(next, wpool_try_submit(it->pool, item_job, next, NULL));
}

static void item_done(void *arg, const wpool_result *result) {
    item *it = (item *)arg;
    check_result(it, result);
    if (result->state == WPOOL_STATE_DISCARDED) atomic_fetch_add(&it->discarded_count, 1);
    if (it->kind == FOLLOW) follow(it);
    atomic_fetch_add(&it->done_count, 1);
}

/* ---- what jobs do ---- */

/* A job that makes another one and waits for it, or for the group that it is in. */
static void spawn(item *parent) {
    item *child = item_new(parent->round);
    const bool may_wait = parent->round->config.help != WPOOL_HELP_NONE;
    wpool_group *group = parent->kind == GROUP && may_wait ? &parent->group : NULL;
    const bool is_embedded = parent->has_done;
    wpool_options options = {.on_done = item_done, .group = group};
    wpool_id id = 0;
    wpool_result result;
    wpool_status status;
    child->pool = parent->pool;
    child->has_done = true;
    child->may_be_late = group != NULL;
    if (group) CHECK_EQ(wpool_group_init(group, parent->member_of), WPOOL_OK);
    if (is_embedded) {
        wpool_job_init(&child->job, item_job, child);
        status = wpool_submit_job(child->pool, &child->job, &options);
    } else {
        child->is_listed = true;
        status = wpool_submit_with(child->pool, item_job, child, &options, &id);
    }
    item_accepted(child, status);
    CHECK(status == WPOOL_OK || status == WPOOL_CLOSED || status == WPOOL_FULL ||
          (group && status == WPOOL_CANCELLED));
    if (status != WPOOL_OK || !may_wait) return;
    if (group) CHECK_EQ(wpool_group_wait(group, WPOOL_FOREVER, NULL), WPOOL_OK);
    status = is_embedded ? wpool_job_wait(&child->job, WPOOL_FOREVER)
                         : wpool_wait(child->pool, id, WPOOL_FOREVER, &result);
    if (!is_embedded && status == WPOOL_OK) check_delivered(parent->round, &result);
    CHECK(status == WPOOL_OK || (!is_embedded && status == WPOOL_UNKNOWN));
    CHECK_EQ(wpool_drain(child->pool, WPOOL_FOREVER), WPOOL_DEADLOCK);
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

/* Only a plain job may not. True: told already. */
static bool listen(item *it, wpool_job *job, void (*call)(void *)) {
    const bool is_plain = !it->job.fn && wpool_job_id(job) == 0;
    atomic_fetch_add(&it->listen_count, call != NULL);
    const wpool_status status = wpool_on_cancel(job, call, it);
    CHECK(status == WPOOL_OK || (status == WPOOL_INVALID && is_plain) ||
          (status == WPOOL_CANCELLED && wpool_cancelled(job) && call));
    return status == WPOOL_CANCELLED;
}

/* Listens in turns, until it is told or has enough of it. */
static void listen_patiently(item *it, wpool_job *job) {
    for (unsigned turn = 0; turn < 8 && !listen(it, job, item_told); turn++) {
        sched_yield();
        if (turn % 2) listen(it, job, NULL);
    }
    listen(it, job, NULL);
    const unsigned told = atomic_load(&it->told_count);
    sched_yield();
    CHECK_EQ(atomic_load(&it->told_count), told);
}

/* In a system call, where the signal of config.interrupt_signal may find it. */
static void sleep_awhile(const item *it) {
    const struct timespec awhile = {.tv_nsec = 20000};
    if (it->round->config.interrupt_signal) nanosleep(&awhile, NULL);
}

/* Calls something that another worker's jobs need not wait for. */
static void yield(void *arg) {
    (void)arg;
    sched_yield();
}
static void block(wpool_job *job) {
    CHECK_EQ(wpool_blocking(job, yield, NULL), WPOOL_OK);
    wpool_progress(job);
}

static int item_job(void *arg, wpool_job *job) {
    item *it = (item *)arg;
    atomic_fetch_add(&it->run_count, 1);
    wpool_set_result(job, it);
    CHECK(wpool_job_pool(job) == it->pool);
    CHECK(wpool_job_attempt(job) == 1 || it->may_repeat);
    CHECK(wpool_worker_state(job) == NULL || wpool_worker_state(job) == it->round);
    if (it->job.fn) CHECK_EQ(wpool_job_id(job), 0);
    if (it->kind != RETURN) listen(it, job, item_told);
    if (it->kind == SPAWN || it->kind == GROUP) spawn(it);
    if (it->kind == TAKE) take_inside(it->round, it->has_done);
    if (it->kind == LOOP) loop_inside(it->pool, job);
    if (it->kind == LISTEN) listen_patiently(it, job);
    if (it->kind == SLEEP) sleep_awhile(it);
    if (it->kind == BLOCK) block(job);
    if (it->kind != RETURN && it->member_of)
        CHECK_EQ(wpool_group_wait(it->member_of, WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    if (it->kind == LEAVE) pthread_exit(NULL);
    return it->kind == FAIL || wpool_cancelled(job);
}

/* ---- what clients do: each operation is one call of a public function, or a few ---- */

static void check_submitted(item *it, wpool_status status) {
    item_accepted(it, status);
    CHECK(status == WPOOL_OK || status == WPOOL_CLOSED || status == WPOOL_FULL ||
          status == WPOOL_TIMEOUT || (it->member_of && status == WPOOL_CANCELLED));
}

static wpool_mode mode_choose(client *c) {
    return choose(&c->random, 2) ? WPOOL_HOT : WPOOL_GRACEFUL;
}

static item *item_choose(client *c) {
    item *it = item_new(c->round);
    const wpool_config *config = &c->round->config;
    const bool is_nested =
        config->when_full == WPOOL_RUN || config->help == WPOOL_HELP_ANY || is_inline(c->round);
    const enum kind seldom[] = {FAIL, SPAWN, TAKE, LOOP, GROUP, LISTEN, SLEEP, FOLLOW, BLOCK};
    it->kind = choose(&c->random, 8) ? RETURN : seldom[choose(&c->random, 9)];
    if (!is_nested && choose(&c->random, 100) == 0) it->kind = LEAVE;
    return it;
}

static wpool_group *group_choose(client *c) {
    const unsigned era = atomic_load(&c->round->era);
    return &c->round->groups[era < ERAS ? era : ERAS - 1][choose(&c->random, GROUPS)];
}

static wpool_options options_choose(client *c, item *it) {
    const int64_t deadlines[] = {1, 1000, 20000, WPOOL_SECONDS(10)};
    wpool_options options = {.name = choose(&c->random, 2) ? "stress" : NULL};
    if (it->has_done) options.on_done = item_done;
    if (choose(&c->random, 4) == 0) options.timeout = 1 + choose(&c->random, 100000);
    if (choose(&c->random, 8) == 0) options.deadline = deadlines[choose(&c->random, 4)];
    if (!it->member_of && choose(&c->random, 4) == 0) it->member_of = group_choose(c);
    options.group = it->member_of;
    it->may_be_late = options.deadline || options.group;
    return options;
}

static void keep(client *c, item *it, wpool_id id) {
    atomic_store(&it->id, id);
    if (id) atomic_store(&c->round->recent[choose(&c->random, RECENT)], it);
}

/* One that any of the clients has submitted, and that may have ended long ago; NULL: none. */
static item *recent_choose(client *c, wpool_id *id) {
    item *it = atomic_load(&c->round->recent[choose(&c->random, RECENT)]);
    *id = it ? atomic_load(&it->id) : 0;
    return it;
}

static void submit_by(client *c, wpool_status (*submit)(wpool *, wpool_fn, void *, wpool_id *)) {
    item *it = item_choose(c);
    wpool_id id = 0, *place = choose(&c->random, 2) ? &id : NULL;
    it->is_listed = true;
    check_submitted(it, submit(c->round->pool, item_job, it, place));
    keep(c, it, id);
}

static void do_submit(client *c) { submit_by(c, wpool_submit); }

static void do_try_submit(client *c) { submit_by(c, wpool_try_submit); }

static void submit_with(client *c, item *it, wpool *pool) {
    wpool_id id = 0, *place = choose(&c->random, 2) ? &id : NULL;
    it->pool = pool;
    it->has_done = choose(&c->random, 2);
    it->is_listed = true;
    const wpool_options options = options_choose(c, it);
    check_submitted(it, wpool_submit_with(pool, item_job, it, &options, place));
    if (pool == c->round->pool) keep(c, it, id);
}

static void do_submit_with(client *c) { submit_with(c, item_choose(c), c->round->pool); }

/* What waits, or runs more than once. A periodic one ends by its deadline. */
static void do_submit_paced(client *c) {
    const int64_t times[] = {1, 1000, 20000, 100000};
    item *it = item_choose(c);
    wpool_id id = 0, before;
    it->has_done = it->is_listed = true;
    wpool_options options = options_choose(c, it);
    options.priority = (wpool_priority)choose(&c->random, 3);
    if (choose(&c->random, 2)) options.delay = times[choose(&c->random, 4)];
    if (choose(&c->random, 2)) options.lane = &c->round->lanes[choose(&c->random, LANES)];
    if (choose(&c->random, 4) == 0) options.run_limit = times[choose(&c->random, 4)];
    if (choose(&c->random, 4) == 0)
        options.retry = (wpool_retry){.attempts = 3, .delay = times[choose(&c->random, 3)]};
    if (choose(&c->random, 8) == 0) {
        options.period = times[1 + choose(&c->random, 3)];
        options.deadline = 100000;
    }
    it->may_be_late |= options.period != 0;
    it->may_repeat = options.retry.attempts || options.period;
    if (recent_choose(c, &before) && choose(&c->random, 2)) {
        options.after = &before;
        options.after_count = 1;
    }
    const wpool_status status = wpool_submit_with(c->round->pool, item_job, it, &options, &id);
    if (status != WPOOL_UNKNOWN || !options.after_count) check_submitted(it, status);
    keep(c, it, id);
}

static void do_lane(client *c) {
    wpool_lane lane = {.max_running = choose(&c->random, 3), .rate = {choose(&c->random, 2), 0}};
    CHECK_EQ(wpool_lane_init(&lane, c->round->pool), WPOOL_OK);
    CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_OK);
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

/* Waits for it half of the time, then looks at its result, and may hand it in again. */
static void submit_own(client *c, item *it, wpool *pool) {
    const int64_t timeout = choose(&c->random, 2) ? 100000 : WPOOL_FOREVER;
    wpool_result result;
    it->pool = pool;
    it->has_done = true;
    wpool_job_init(&it->job, item_job, it);
    const wpool_options options = options_choose(c, it);
    CHECK_EQ(wpool_job_wait(&it->job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    if (pool == c->round->pool) atomic_store(&c->round->recent_own[choose(&c->random, RECENT)], it);
    do {
        const wpool_status status = wpool_submit_job(pool, &it->job, &options);
        check_submitted(it, status);
        if (status != WPOOL_OK || choose(&c->random, 2)) return;
        if (wpool_job_wait(&it->job, timeout) != WPOOL_OK) {
            CHECK(timeout != WPOOL_FOREVER);
            return;
        }
        CHECK_EQ(wpool_job_result(&it->job, &result), WPOOL_OK);
        check_result(it, &result);
    } while (choose(&c->random, 2));
}

static void do_submit_job(client *c) { submit_own(c, item_choose(c), c->round->pool); }

static int64_t timeout_choose(client *c) {
    const unsigned dice = choose(&c->random, 8);
    return dice == 0 ? 20000 : dice == 1 ? WPOOL_FOREVER : WPOOL_NOW;
}

static void do_job_wait(client *c) {
    item *it = atomic_load(&c->round->recent_own[choose(&c->random, RECENT)]);
    if (!it) return;
    const wpool_status status = wpool_job_wait(&it->job, timeout_choose(c));
    CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN || status == WPOOL_TIMEOUT);
}

static void do_wait(client *c) {
    wpool_id id;
    wpool_result result;
    const item *it = recent_choose(c, &id);
    const wpool_status status = wpool_wait(c->round->pool, id, timeout_choose(c), &result);
    CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN || status == WPOOL_TIMEOUT);
    if (status != WPOOL_OK) return;
    CHECK(result.id == id && result.arg == it);
    check_delivered(c->round, &result);
}

static void do_forget(client *c) {
    wpool_id id;
    item *it = recent_choose(c, &id);
    const wpool_status status = wpool_forget(c->round->pool, id);
    CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN);
    if (status == WPOOL_OK) CHECK_EQ(atomic_fetch_add(&it->delivered, 1), 0);
}

static void do_cancel(client *c) {
    wpool_id id;
    item *it = recent_choose(c, &id);
    const wpool_mode mode = mode_choose(c);
    const wpool_status status = wpool_cancel(c->round->pool, id, mode);
    CHECK(status == WPOOL_OK || status == WPOOL_ALREADY || status == WPOOL_UNKNOWN ||
          status == (mode == WPOOL_HOT ? WPOOL_CANCELLED : WPOOL_RUNNING));
    if (status == WPOOL_OK) CHECK(atomic_load(&it->run_count) == 0 || it->may_repeat);
}

static void do_discard(client *c) {
    wpool_id ids[4];
    for (unsigned i = 0; i < 4; i++)
        recent_choose(c, &ids[i]);
    CHECK(wpool_discard(c->round->pool, ids, 4, mode_choose(c)) <= 4);
}

static void do_results_fd(client *c) {
    const int descriptor = wpool_results_fd(c->round->pool);
    CHECK_EQ(descriptor >= 0, c->round->config.results);
    CHECK_EQ(wpool_results_fd(c->round->pool), descriptor);
}

static void do_job_state(client *c) {
    wpool_id id;
    recent_choose(c, &id);
    CHECK(wpool_job_state(c->round->pool, id) <= WPOOL_STATE_DISCARDED);
}

static void do_take(client *c) {
    round_ *r = c->round;
    wpool_result result;
    const wpool_status status = wpool_take(r->pool, choose(&c->random, 8) ? 0 : 50000, &result);
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
    CHECK(s.workers <= most_workers(c->round) && (s.workers > 0 || is_inline(c->round)));
    CHECK(s.delayed <= s.waiting && s.workers_blocked <= s.workers);
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
    const int64_t timeout = choose(&c->random, 4) ? WPOOL_NOW : 20000;
    const wpool_status status = wpool_drain(c->round->pool, timeout);
    CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT);
}

/* ---- workers and configuration ---- */

static void check_scaled(const client *c, wpool_status status) {
    CHECK(status == WPOOL_OK || status == WPOOL_INVALID || status == WPOOL_NO_THREAD);
    CHECK(status == WPOOL_INVALID || !is_inline(c->round));
}

static void do_scale(client *c) {
    const int delta = (int)choose(&c->random, 5) - 2;
    check_scaled(c, wpool_scale(c->round->pool, delta, mode_choose(c)));
}

static void do_scale_to(client *c) {
    const unsigned workers = choose(&c->random, MOST_WORKERS + 2);
    check_scaled(c, wpool_scale_to(c->round->pool, workers, mode_choose(c)));
}

static void do_worker_stop(client *c) {
    wpool_id id = 0;
    const unsigned worker = choose(&c->random, MOST_WORKERS + 1);
    const wpool_status status = wpool_worker_stop(c->round->pool, worker, mode_choose(c), &id);
    if (status != WPOOL_ALREADY && status != WPOOL_UNKNOWN) check_scaled(c, status);
}

static void do_workers(client *c) {
    wpool_worker_info infos[MOST_SCALED];
    const size_t count = wpool_workers(c->round->pool, infos, MOST_SCALED);
    CHECK(count > 0 && count <= most_workers(c->round));
    for (size_t i = 0; i < count; i++) {
        CHECK(is_inline(c->round) ? infos[i].worker == WPOOL_INLINE
                                  : infos[i].worker < 2 * MOST_SCALED);
        CHECK(infos[i].activity <= WPOOL_LEAVING);
        CHECK(infos[i].failed + infos[i].cancelled <= infos[i].finished);
    }
}

static void do_get_config(client *c) {
    wpool_config config;
    CHECK_EQ(wpool_get_config(c->round->pool, &config), WPOOL_OK);
    CHECK_STR(config.name, "stress");
    CHECK(config.results == c->round->config.results);
    CHECK(wpool_config_conflict(c->round->pool, &config) == NULL);
}

/* Nothing that the jobs of this pool must not meet: see item_choose and spawn. */
static void do_configure(client *c) {
    const wpool_config *first = &c->round->config;
    const size_t capacities[] = {first->queue_capacity, 1, 2, 16, 100};
    wpool_config config;
    CHECK_EQ(wpool_get_config(c->round->pool, &config), WPOOL_OK);
    if (!is_inline(c->round)) config.workers = 1 + choose(&c->random, MOST_WORKERS);
    config.queue_capacity = capacities[choose(&c->random, 5)];
    config.when_full = (wpool_when_full)choose(&c->random, 4);
    if (config.when_full == WPOOL_RUN) config.when_full = first->when_full;
    config.help = choose(&c->random, 2) ? first->help : WPOOL_HELP_NARROW;
    config.order = (wpool_order)choose(&c->random, 3);
    if (config.when_full == WPOOL_DROP_OLDEST) config.order = WPOOL_PRIORITY;
    config.rate = (wpool_rate){choose(&c->random, 4) ? 0 : 1e6, choose(&c->random, 3)};
    config.scaling.wait = choose(&c->random, 100000);
    const wpool_status status = wpool_configure(c->round->pool, &config);
    CHECK(status == WPOOL_OK || status == WPOOL_NO_THREAD);
}

/* ---- groups ---- */

static item *submit_to(client *c, wpool_group *group) {
    item *it = item_choose(c);
    it->member_of = group;
    if (choose(&c->random, 2)) {
        submit_with(c, it, c->round->pool);
    } else {
        submit_own(c, it, c->round->pool);
    }
    return it;
}

static void do_group_submit(client *c) { submit_to(c, group_choose(c)); }

/* The next ones to come take others. */
static void do_group_cancel(client *c) {
    const wpool_status status = wpool_group_cancel(group_choose(c));
    CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
    atomic_fetch_add(&c->round->era, 1);
}

static void do_group_deadline(client *c) {
    const int64_t timeouts[] = {1, 20000, 100000, WPOOL_SECONDS(10), WPOOL_FOREVER};
    CHECK_EQ(wpool_group_deadline(group_choose(c), timeouts[choose(&c->random, 5)]), WPOOL_OK);
    if (choose(&c->random, 8) == 0) atomic_fetch_add(&c->round->era, 1);
}

static void do_group_on_error(client *c) {
    CHECK_EQ(wpool_group_cancel_on_error(group_choose(c)), WPOOL_OK);
    if (choose(&c->random, 8) == 0) atomic_fetch_add(&c->round->era, 1);
}

static void do_group_wait(client *c) {
    int error;
    const wpool_status status = wpool_group_wait(group_choose(c), timeout_choose(c), &error);
    CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT ||
          (status == WPOOL_DEADLOCK && is_inline(c->round)));
}

static void do_group_cancelled(client *c) { (void)wpool_group_cancelled(group_choose(c)); }

/* One that is gone when this returns. */
static void do_group_life(client *c) {
    wpool_group group;
    wpool_status status;
    item *items[2];
    int error = 0;
    CHECK_EQ(wpool_group_init(&group, choose(&c->random, 2) ? group_choose(c) : NULL), WPOOL_OK);
    if (choose(&c->random, 4) == 0) CHECK_EQ(wpool_group_cancel_on_error(&group), WPOOL_OK);
    for (int i = 0; i < 2; i++)
        items[i] = submit_to(c, &group);
    if (choose(&c->random, 4) == 0) CHECK_EQ(wpool_group_deadline(&group, 10000), WPOOL_OK);
    if (choose(&c->random, 4) == 0) {
        wpool_group_cancel(&group);
        CHECK(wpool_group_cancelled(&group));
        CHECK_EQ(atomic_load(&submit_to(c, &group)->accepted), 0);
    }
    while ((status = wpool_group_wait(&group, WPOOL_FOREVER, &error)) == WPOOL_DEADLOCK)
        CHECK(is_inline(c->round));
    CHECK_EQ(status, WPOOL_OK);
    for (int i = 0; i < 2; i++)
        if (items[i]->has_done)
            CHECK_EQ(atomic_load(&items[i]->done_count), atomic_load(&items[i]->accepted));
}

/* Another pool, whose jobs are in the same groups, and that the same group may stop. */
static void do_other_pool(client *c) {
    const wpool_config config = {.name = "other",
                                 .workers = 1,
                                 .max_workers = choose(&c->random, 2) ? WPOOL_INLINE : 0,
                                 .queue_capacity = 2,
                                 .when_full = WPOOL_REFUSE,
                                 .group = choose(&c->random, 2) ? group_choose(c) : NULL};
    wpool *pool;
    CHECK_EQ(wpool_create(&pool, &config), WPOOL_OK);
    for (int i = 0; i < 4; i++) {
        item *it = item_new(c->round);
        it->kind = i == 0 ? LISTEN : RETURN;
        it->member_of = group_choose(c);
        if (i % 2) {
            submit_with(c, it, pool);
        } else {
            submit_own(c, it, pool);
        }
    }
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* ---- the end ---- */

static void check_ended(wpool_status status) {
    CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
}

static void end_close(client *c) { check_ended(wpool_close(c->round->pool)); }

static void end_stop(client *c) { check_ended(wpool_stop(c->round->pool, mode_choose(c))); }

static void end_shutdown(client *c) {
    const int64_t timeout = choose(&c->random, 1000000);
    const wpool_status status = wpool_shutdown(c->round->pool, mode_choose(c), timeout);
    CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT);
}

static void end_results(client *c) {
    if (c->round->config.results) atomic_store(&c->round->is_results_closed, true);
    const wpool_status status = wpool_close_results(c->round->pool);
    CHECK(c->round->config.results ? status <= WPOOL_OK || status == WPOOL_ALREADY
                                   : status == WPOOL_INVALID);
}

static void end_upstream(client *c) { check_ended(wpool_group_cancel(&c->round->upstream)); }

static const struct ending {
    const char *name;
    void (*run)(client *);
} endings[] = {{"close", end_close},
               {"stop", end_stop},
               {"shutdown", end_shutdown},
               {"close_results", end_results},
               {"cancel upstream", end_upstream}};
enum { ENDINGS = sizeof endings / sizeof *endings };

/* Seldom, since it leaves little to do for the others. */
static void do_end(client *c) {
    const unsigned dice = choose(&c->random, 200);
    if (dice < ENDINGS) endings[dice].run(c);
}

static const struct operation {
    const char *name;
    unsigned weight; /* they add up to WEIGHTS */
    unsigned cost;   /* about: what starts threads, or waits, takes longer */
    void (*run)(client *);
} operations[] = {
    {"submit", 9, 1, do_submit},
    {"try_submit", 6, 1, do_try_submit},
    {"submit_with", 9, 1, do_submit_with},
    {"submit_paced", 6, 1, do_submit_paced},
    {"lane", 1, 1, do_lane},
    {"submit_many", 1, 2, do_submit_many},
    {"submit_job", 8, 2, do_submit_job},
    {"job_wait", 2, 1, do_job_wait},
    {"wait", 6, 1, do_wait},
    {"forget", 3, 1, do_forget},
    {"job_state", 2, 1, do_job_state},
    {"take", 4, 1, do_take},
    {"cancel", 2, 1, do_cancel},
    {"discard", 1, 1, do_discard},
    {"results_fd", 1, 1, do_results_fd},
    {"stats", 4, 1, do_stats},
    {"workers", 1, 1, do_workers},
    {"get_info", 1, 1, do_info},
    {"get_config", 1, 1, do_get_config},
    {"pause", 1, 1, do_pause},
    {"start", 2, 1, do_start},
    {"drain", 2, 4, do_drain},
    {"for", 1, 4, do_for},
    {"group_submit", 3, 1, do_group_submit},
    {"group_cancelled", 1, 1, do_group_cancelled},
    {"group_on_error", 1, 1, do_group_on_error},
    {"group_wait", 2, 2, do_group_wait},
    {"group_cancel", 1, 1, do_group_cancel},
    {"group_deadline", 1, 1, do_group_deadline},
    {"group_life", 1, 4, do_group_life},
    {"configure", 1, 8, do_configure},
    {"scale", 1, 8, do_scale},
    {"scale_to", 1, 8, do_scale_to},
    {"worker_stop", 1, 8, do_worker_stop},
    {"other_pool", 1, 16, do_other_pool},
    {"end", 1, 1, do_end},
};
enum { OPERATIONS = sizeof operations / sizeof *operations, WEIGHTS = 90 };
static _Atomic uint64_t operation_counts[OPERATIONS];

static void operation_run(client *c, unsigned i) {
    operations[i].run(c);
    c->counts[i]++;
}

static void operations_add(const client *c) {
    for (unsigned i = 0; i < OPERATIONS; i++)
        atomic_fetch_add(&operation_counts[i], c->counts[i]);
}

TEST_HELPER void *client_main(void *arg) {
    client *c = (client *)arg;
    for (unsigned step = 0; step < c->step_count; step++) {
        unsigned dice = choose(&c->random, WEIGHTS), i = 0;
        while (dice >= operations[i].weight)
            dice -= operations[i++].weight;
        operation_run(c, i);
    }
    operations_add(c);
    atomic_fetch_sub(&c->round->clients_left, 1);
    return NULL;
}

/* ---- a round ---- */

/* Resumes again and again while the clients work, so that nobody waits for ever. */
TEST_HELPER void control(round_ *r) {
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
    const unsigned accepted = atomic_load(&it->accepted);
    const bool is_due = accepted && it->is_listed;
    CHECK((runs <= accepted || (accepted && it->may_repeat)) && (accepted <= 1 || it->job.fn));
    CHECK(atomic_load(&it->told_count) <= atomic_load(&it->listen_count));
    CHECK_EQ(dones, it->has_done ? accepted : 0);
    if (dones && !it->may_repeat) CHECK_EQ(runs + atomic_load(&it->discarded_count), dones);
    if (it->may_repeat) CHECK_EQ((runs > 0) + atomic_load(&it->discarded_count), dones);
    CHECK(atomic_load(&it->delivered) <= is_due);
    if (r->config.results && !atomic_load(&r->is_results_closed) && it->pool == r->pool)
        CHECK_EQ(atomic_load(&it->delivered), is_due);
}

static void check_books(round_ *r, const wpool_stats_snapshot *stats) {
    uint64_t accepted = 0, ran = 0;
    for (unsigned i = 0; i < atomic_load(&r->item_count); i++) {
        check_item(r, &r->items[i]);
        if (r->items[i].pool != r->pool) continue;
        accepted += atomic_load(&r->items[i].accepted);
        const unsigned runs = atomic_load(&r->items[i].run_count);
        ran += r->items[i].may_repeat ? runs > 0 : runs;
    }
    CHECK_EQ(stats->accepted, accepted);
    CHECK_EQ(stats->succeeded + stats->failed + stats->cancelled, ran);
    CHECK_EQ(stats->discarded, accepted - ran);
    CHECK_EQ(stats->waiting + stats->running, 0);
    CHECK_EQ(atomic_load(&r->begun), atomic_load(&r->ended));
    memory_check_empty(&r->used);
}

static void *round_worker_start(void *user, unsigned worker) {
    round_ *r = (round_ *)user;
    (void)worker;
    atomic_fetch_add(&r->begun, 1);
    CHECK(atomic_fetch_add(&r->threads, 1) < most_workers(r));
    return user;
}

static void round_worker_exit(void *user, unsigned worker, void *state) {
    round_ *r = (round_ *)user;
    (void)worker;
    CHECK(state == user);
    atomic_fetch_add(&r->ended, 1);
    atomic_fetch_sub(&r->threads, 1);
}

static void round_scaled(void *user, const wpool_scale_event *event) {
    const round_ *r = (const round_ *)user;
    CHECK(event->reason != WPOOL_SCALE_NONE && event->before > 0);
    CHECK(event->before <= most_workers(r) && event->after <= most_workers(r));
}

static void round_job_stuck(void *user, const wpool_stuck *stuck) {
    (void)user;
    CHECK(stuck->ran_ns > 0 && (!stuck->name || strcmp(stuck->name, "stress") == 0));
}

/* Workers come and go as the load does, in no time. */
static void scale(round_ *r, wpool_config *config) {
    config->min_workers = 1;
    config->max_workers = MOST_SCALED;
    config->scaling = (wpool_scaling){.jobs_per_worker = 1 + choose(&r->seed, 4),
                                      .wait = choose(&r->seed, 100000),
                                      .step = choose(&r->seed, 8),
                                      .idle = 1 + choose(&r->seed, 200000),
                                      .cooldown = 1 + choose(&r->seed, 100000)};
}

static wpool_config config_choose(round_ *r) {
    const size_t capacities[] = {0, 1, 2, 3, 16, 1000, WPOOL_UNBUFFERED};
    r->allocator = memory_allocator(&r->used);
    wpool_config config = {
        .name = "stress",
        .workers = 1 + choose(&r->seed, 4),
        .min_workers = choose(&r->seed, 2),
        .max_workers = choose(&r->seed, 8) ? MOST_WORKERS : WPOOL_INLINE,
        .queue_capacity = capacities[choose(&r->seed, 7)],
        .when_full = (wpool_when_full)choose(&r->seed, 4),
        .results = choose(&r->seed, 2),
        .start_paused = choose(&r->seed, 2),
        .help = (wpool_help)choose(&r->seed, 3),
        .pin_workers = choose(&r->seed, 8) == 0,
        .group = choose(&r->seed, 2) ? &r->upstream : NULL,
        .interrupt_signal = choose(&r->seed, 4) ? 0 : SIGUSR1,
        .hooks = {round_worker_start, round_worker_exit, r, round_scaled, round_job_stuck, NULL},
        .allocator = &r->allocator,
    };
    config.order = (wpool_order)choose(&r->seed, 3);
    if (config.when_full == WPOOL_DROP_OLDEST) config.order = WPOOL_PRIORITY;
    if (config.max_workers != WPOOL_INLINE && choose(&r->seed, 2)) scale(r, &config);
    return config;
}

static void lanes_init(round_ *r) {
    for (unsigned i = 0; i < LANES; i++) {
        r->lanes[i].max_running = 1 + i % 2;
        r->lanes[i].max_waiting = choose(&r->seed, 3);
        r->lanes[i].rate.per_second = i == 3 ? 1e6 : 0;
        CHECK_EQ(wpool_lane_init(&r->lanes[i], r->pool), WPOOL_OK);
    }
}

static void groups_init(round_ *r) {
    CHECK_EQ(wpool_group_init(&r->upstream, NULL), WPOOL_OK);
    for (unsigned era = 0; era < ERAS; era++) {
        wpool_group *groups = r->groups[era];
        wpool_group *parents[GROUPS] = {r->config.group, &groups[0], &groups[1], NULL};
        for (unsigned i = 0; i < GROUPS; i++)
            CHECK_EQ(wpool_group_init(&groups[i], parents[i]), WPOOL_OK);
    }
}

static round_ *round_begin(uint64_t seed) {
    round_ *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->seed = seed;
    r->config = config_choose(r);
    groups_init(r);
    CHECK_EQ(wpool_create(&r->pool, &r->config), WPOOL_OK);
    lanes_init(r);
    return r;
}

static void round_end(round_ *r) {
    end(r);
    CHECK_EQ(wpool_shutdown(r->pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    const wpool_stats_snapshot stats = pool_stats(r->pool);
    for (unsigned i = 0; i < LANES; i++)
        CHECK_EQ(wpool_lane_destroy(&r->lanes[i]), WPOOL_OK);
    CHECK_EQ(wpool_destroy(r->pool), WPOOL_OK);
    check_books(r, &stats);
    free(r);
}

/* All of a pool's life, with so many operations of the clients together. */
TEST_HELPER void round_run(uint64_t seed, unsigned operation_count) {
    round_ *r = round_begin(seed);
    client clients[CLIENTS];
    atomic_store(&r->clients_left, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (client){.round = r, .random = test_random(&r->seed)};
        clients[i].step_count = operation_count / CLIENTS + (i < operation_count % CLIENTS);
        clients[i].thread = thread_start(client_main, &clients[i]);
    }
    control(r);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    round_end(r);
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
