/* Every two calls that may meet: for each pair of CALLS, also for a call with itself, a scenario
   FIRST__SECOND. A small pool of any kind with some jobs in it meets both, from two threads or from
   a thread and a job of the pool. Each answer must be one that the documentation allows there. At
   the end every accepted job has ended once and was delivered once at most, and the counts say so.

   Not in the list: what cannot meet another call on the same pool (create, destroy), what only asks
   the job itself (`work` does), and what has nothing to do with a pool. */
#define SCENARIO_PART 80
#include "parallel.h"

/* What a call does that the other one, or the scenario, must know. */
enum {
    CLOSES = 1,
    DISCARDS = 2,
    PAUSES = 4,
    AGAIN = 8,
    READS = 16,
    SCALES = 32,   /* or configures */
    TELLS = 64,    /* whatever runs */
    GROUPED = 128, /* ends the members of the group */
    PACED = 256    /* has jobs that fail, and are told to end, on their own */
};

/* X(a, name, what it does). No name begins or ends with another one: a pair can be run alone. */
#define CALLS(X, a)                        \
    X(a, submit_plain, 0)                  \
    X(a, try_submit, 0)                    \
    X(a, submit_with, 0)                   \
    X(a, submit_many, 0)                   \
    X(a, submit_job, 0)                    \
    X(a, submit_again, AGAIN)              \
    X(a, submit_inside, 0)                 \
    X(a, job_wait, 0)                      \
    X(a, job_result, 0)                    \
    X(a, wait_id, 0)                       \
    X(a, take, READS)                      \
    X(a, results_fd, READS)                \
    X(a, forget, 0)                        \
    X(a, cancel, DISCARDS)                 \
    X(a, discard, DISCARDS)                \
    X(a, close_results, 0)                 \
    X(a, job_state, 0)                     \
    X(a, start, 0)                         \
    X(a, pause, PAUSES)                    \
    X(a, close_pool, CLOSES)               \
    X(a, stop_graceful, CLOSES | DISCARDS) \
    X(a, stop_hot, CLOSES | DISCARDS)      \
    X(a, drain, 0)                         \
    X(a, shutdown, CLOSES | DISCARDS)      \
    X(a, stats, 0)                         \
    X(a, workers, 0)                       \
    X(a, get_info, 0)                      \
    X(a, loop, 0)                          \
    X(a, reduce, 0)                        \
    X(a, map, 0)                           \
    X(a, fork, 0)                          \
    X(a, other_pool, 0)                    \
    X(a, scale_up, SCALES)                 \
    X(a, scale_graceful, SCALES)           \
    X(a, scale_hot, SCALES | TELLS)        \
    X(a, worker_stop, SCALES | TELLS)      \
    X(a, configure, SCALES)                \
    X(a, get_config, 0)                    \
    X(a, group_submit, 0)                  \
    X(a, group_wait, 0)                    \
    X(a, group_cancels, GROUPED)           \
    X(a, group_deadline, GROUPED)          \
    X(a, blocking, 0)                      \
    X(a, submit_paced, PACED)              \
    X(a, submit_periodic, PACED)           \
    X(a, lane, PACED)

#define CALL_NUMBER(a, name, does) CALL_##name,
enum { CALLS(CALL_NUMBER, ) CALL_COUNT };

/* Who makes one of the two calls: a thread, or a job that it hands in. */
typedef struct side {
    unsigned call;
    bool is_job;
    task *tasks;            /* four, which are its own */
    struct member *members; /* two */
    struct paced *paced;    /* two */
} side;

/* A job of the group. */
typedef struct member {
    enum { NOTED, WITH_THE_ID, OF_THE_CALLER, WAYS } way;
    wpool_status status;
    bool is_handed_in;
    unsigned runs, ends, dones, deliveries;
    int error; /* to return */
    wpool_state state;
    wpool_id id;
    wpool_job job;
} member;
#define MEMBERS 6

/* A job that waits, or runs again. */
typedef struct paced {
    wpool_status status;
    bool is_handed_in;
    unsigned fails; /* so often, at first */
    unsigned runs, ends, dones, deliveries;
    wpool_state state;
    wpool_id id;
} paced;
#define PACED_JOBS 4

/* Tasks of the scenario itself; those of the sides follow. */
enum { WITH_ID, OWNED, HELD, CALLER, OF_SIDES };
_Static_assert(OF_SIDES + 2 * 4 == TASKS, "four for each side");

static struct {
    side sides[2];
    unsigned does; /* either of the two */
    unsigned readers;
    bool will_close;   /* somebody surely closes the pool, whatever waits for that */
    bool closes_early; /* and it is the scenario */
    bool is_done;      /* a reader who is no job was told so */
    bool are_results_closed;
    unsigned results_closing, closing, started; /* begun so far */
    unsigned starting;                          /* and not ended */
    unsigned stopping[2];                       /* by mode */
    bool is_stopped[2];
    bool is_told; /* some job, hot, on its own */
    wpool_group group;
    bool is_group_cancelled; /* a call has returned */
    member members[MEMBERS]; /* two of the scenario's own */
    bool is_gone[TASKS];     /* see note_gone */
    paced paced[PACED_JOBS];
    wpool_lane lanes[2]; /* of each side */
} pair;

static bool is_unbuffered(void) { return wpool__pool_is_unbuffered(scene.pool); }
static const wpool_config *config(void) { return &scene.pool->config; }

/* How long a call may take. A job that helps nobody does not wait for ever. */
static int64_t patience(const side *s) {
    bool is_limited = s->is_job && config()->help == WPOOL_HELP_NONE;
    int64_t some = (int64_t)pick(100);
    return pick(3) == 0 ? WPOOL_NOW : is_limited || maybe() ? some : WPOOL_FOREVER;
}

/* What ends well, but for the time. */
static void check_in_time(wpool_status status, int64_t timeout) {
    SCHED_CHECK(status == WPOOL_OK || (status == WPOOL_TIMEOUT && timeout >= 0));
}

/* A task that does nothing but ask its job. */
static void work(task *t, wpool_job *job) {
    SCHED_CHECK(wpool_job_attempt(job) == 1 && !wpool_worker_state(job));
    if (t->kind > TASK_ID) SCHED_CHECK(wpool_job_id(job) == 0);
    idle_points(pick(6));
    if (wpool_cancelled(job)) SCHED_CHECK(pair.stopping[WPOOL_HOT] > 0 || pair.is_told);
}

/* -- submitting -- */

static void check_submitted(wpool_status status, bool tries, bool has_timeout) {
    bool refuses =
        config()->when_full == WPOOL_REFUSE ||
        (config()->when_full == WPOOL_DROP_OLDEST && (is_unbuffered() || (pair.does & SCALES)));
    SCHED_CHECK(status == WPOOL_OK || (status == WPOOL_CLOSED && pair.closing > 0) ||
                (status == WPOOL_FULL && (tries || (refuses && !has_timeout))) ||
                (status == WPOOL_TIMEOUT && has_timeout));
}

static bool hand_in(task *t, task_kind kind) {
    t->kind = kind;
    check_submitted(task_submit(t), t->tries, t->timeout > 0);
    return t->status == WPOOL_OK;
}

static void call_submit_plain(side *s) {
    for (unsigned i = 0, n = 1 + pick(2); i < n; i++)
        hand_in(&s->tasks[i], TASK_PLAIN);
}

static void call_try_submit(side *s) {
    for (unsigned i = 0, n = 1 + pick(2); i < n; i++) {
        s->tasks[i].tries = true;
        hand_in(&s->tasks[i], maybe() ? TASK_PLAIN : TASK_ID);
    }
}

static void call_submit_with(side *s) {
    for (unsigned i = 0, n = 1 + pick(2); i < n; i++) {
        s->tasks[i].timeout = maybe() ? 0 : 1 + (int64_t)pick(100);
        hand_in(&s->tasks[i], (task_kind)pick(3));
    }
}

static void call_submit_many(side *s) {
    wpool_status why;
    bool was_closed = scene.is_closed;
    unsigned n = pick(5);
    for (unsigned i = 0; i < n; i++)
        s->tasks[i].kind = TASK_PLAIN;
    task_submit_many((unsigned)task_number(s->tasks), n, &why);
    check_submitted(why, false, false);
    if (was_closed && n > 0) SCHED_CHECK(why == WPOOL_CLOSED);
}

static void call_submit_job(side *s) {
    for (unsigned i = 0, n = 1 + pick(2); i < n; i++) {
        task *t = &s->tasks[i];
        bool is_in = hand_in(t, maybe() ? TASK_OWN : TASK_OWN_FREED);
        int64_t timeout = patience(s);
        if (is_in && t->kind == TASK_OWN) check_in_time(task_await(t, timeout), timeout);
    }
}

/* For ever only outside: it may be just being submitted by who is blocked. */
static void wait_again(const side *s, bool may_be_unknown) {
    int64_t timeout = patience(s);
    if (s->is_job && timeout == WPOOL_FOREVER) timeout = (int64_t)pick(100);
    wpool_status status = wpool_job_wait(&again.job, timeout);
    if (!may_be_unknown || status != WPOOL_UNKNOWN) check_in_time(status, timeout);
}

static void call_submit_again(side *s) {
    bool both = pair.sides[0].call == pair.sides[1].call;
    for (unsigned i = 0, n = 1 + pick(3); i < n; i++) {
        wpool_status status = again_submit();
        if (status == WPOOL_ALREADY) SCHED_CHECK(both || i > 0);
        if (status != WPOOL_ALREADY) check_submitted(status, false, false);
        if (maybe()) wait_again(s, both || again.accepted == 0);
    }
}

static void hand_in_next(task *t, wpool_job *job) {
    work(t, job);
    hand_in(t + 1, (task_kind)pick(TASK_KINDS));
}
static void hand_in_at_end(task *t) { hand_in(t + 2, (task_kind)pick(TASK_KINDS)); }

/* A job that submits, and an on_done that does. */
static void call_submit_inside(side *s) {
    s->tasks[0].body = hand_in_next;
    s->tasks[0].after = hand_in_at_end;
    hand_in(&s->tasks[0], (task_kind)pick(TASK_KINDS));
}

/* -- waiting, results -- */

/* A caller-owned task that is said to have finished. */
static void check_finished(const task *t) {
    wpool_result result;
    SCHED_CHECK(t->ends == 1 || scene.may_discard);
    SCHED_CHECK(wpool_job_result(t->own, &result) == WPOOL_OK);
    task_check_result(t, &result);
}

static void call_job_wait(side *s) {
    const task *t = &scene.tasks[OWNED];
    int64_t timeout = patience(s);
    if ((pair.does & AGAIN) && maybe()) {
        wait_again(s, true);
        return;
    }
    wpool_status status = wpool_job_wait(t->own, timeout);
    if (!task_is_accepted(t)) {
        SCHED_CHECK(status == (t->own ? WPOOL_UNKNOWN : WPOOL_INVALID));
        return;
    }
    check_in_time(status, timeout);
    if (status == WPOOL_OK) check_finished(t);
}

static void call_job_result(side *s) {
    const task *t = &scene.tasks[OWNED];
    wpool_status status = WPOOL_EMPTY, before;
    wpool_result result;
    (void)s;
    for (int i = 0; i < 3; i++) {
        before = status;
        status = wpool_job_result(t->own, &result);
        SCHED_CHECK(status == (t->own ? WPOOL_EMPTY : WPOOL_INVALID) ||
                    (status == WPOOL_OK && task_is_accepted(t)));
        if (before == WPOOL_OK) SCHED_CHECK(status == WPOOL_OK);
        if (status == WPOOL_OK) check_finished(t);
        idle_points(pick(20));
    }
}

/* A task whose id is known and that waits for nobody; or none. */
static task *any_with_id(void) {
    for (unsigned i = 0, first = pick(TASKS); i < TASKS; i++) {
        task *t = &scene.tasks[(first + i) % TASKS];
        if (task_is_accepted(t) && t->kind == TASK_ID && t->body == work) return t;
    }
    return NULL;
}

/* Its id was said to be stale: it has been delivered by the end, to whomever. */
static void note_gone(const task *t) {
    if (t) pair.is_gone[task_number(t)] = true;
}

static void call_wait_id(side *s) {
    for (unsigned n = 1 + pick(2); n > 0; n--) {
        task *t = any_with_id();
        int64_t timeout = patience(s);
        wpool_status status = t ? task_await(t, timeout) : wpool_wait(scene.pool, 0, timeout, NULL);
        if (status == WPOOL_UNKNOWN) {
            note_gone(t);
        } else {
            SCHED_CHECK(t != NULL);
            check_in_time(status, timeout);
        }
    }
}

static void call_forget(side *s) {
    task *t = any_with_id();
    (void)s;
    wpool_status status = wpool_forget(scene.pool, t ? t->id : 0);
    SCHED_CHECK(status == WPOOL_UNKNOWN || (status == WPOOL_OK && t));
    if (status == WPOOL_UNKNOWN) {
        note_gone(t);
    } else {
        SCHED_CHECK(t->deliveries++ == 0);
    }
}

static wpool_mode any_mode(void) {
    bool is_hot = maybe();
    pair.is_told |= is_hot;
    return is_hot ? WPOOL_HOT : WPOOL_GRACEFUL;
}

static void call_cancel(side *s) {
    for (unsigned n = 1 + pick(2); n > 0; n--) {
        task *t = any_with_id();
        wpool_mode mode = any_mode();
        (void)s;
        wpool_status status = wpool_cancel(scene.pool, t ? t->id : 0, mode);
        if (status == WPOOL_UNKNOWN) note_gone(t);
        if (status == WPOOL_UNKNOWN) continue;
        SCHED_CHECK(t != NULL);
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_ALREADY ||
                    status == (mode == WPOOL_HOT ? WPOOL_CANCELLED : WPOOL_RUNNING));
        if (status == WPOOL_OK) SCHED_CHECK(t->runs == 0 && t->dones == t->has_done);
        if (status == WPOOL_ALREADY) SCHED_CHECK(t->ends == 1 || t->runs == 0);
    }
}

static void call_discard(side *s) {
    wpool_id ids[3] = {0};
    unsigned n = pick(4);
    (void)s;
    for (unsigned i = 0; i < n; i++) {
        const task *t = any_with_id();
        if (t) ids[i] = t->id;
    }
    SCHED_CHECK(wpool_discard(scene.pool, ids, n, any_mode()) <= n);
}

static void call_job_state(side *s) {
    task *t = any_with_id();
    wpool_state before = WPOOL_STATE_WAITING, now;
    (void)s;
    for (int i = 0; i < 4; i++, before = now) {
        now = wpool_job_state(scene.pool, t ? t->id : 0);
        if (now == WPOOL_STATE_UNKNOWN) note_gone(t);
        if (now != WPOOL_STATE_UNKNOWN) SCHED_CHECK(t && before && now >= before);
        if (now == WPOOL_STATE_SUCCEEDED) SCHED_CHECK(t->ends == 1 && t->error == 0);
        if (now == WPOOL_STATE_DISCARDED) SCHED_CHECK(t->runs == 0 && scene.may_discard);
    }
}

/* What wpool_take may answer when there is no result. */
static void check_no_result(const side *s, wpool_status status, int64_t timeout) {
    SCHED_CHECK((status == WPOOL_EMPTY && timeout == WPOOL_NOW) ||
                (status == WPOOL_TIMEOUT && timeout > 0) ||
                (status == WPOOL_CLOSED && pair.results_closing > 0) ||
                (status == WPOOL_DONE && pair.closing > 0) ||
                (status == WPOOL_DEADLOCK && s->is_job && timeout != WPOOL_NOW));
    if (status != WPOOL_DONE || s->is_job) return;
    SCHED_CHECK(scene.running == 0);
    pair.is_done = true;
}

/* -- the group -- */

static int member_run(void *arg, wpool_job *job) {
    member *m = (member *)arg;
    SCHED_NOTE("member runs", m - pair.members);
    SCHED_CHECK(m->runs++ == 0);
    if (pair.is_group_cancelled) SCHED_CHECK(wpool_cancelled(job)); /* it had begun */
    idle_points(pick(6));
    SCHED_CHECK(m->ends++ == 0);
    return m->error;
}

static void member_done(void *arg, const wpool_result *result) {
    member *m = (member *)arg;
    SCHED_CHECK(m->dones++ == 0 && m->runs == m->ends);
    SCHED_CHECK((result->state == WPOOL_STATE_DISCARDED) == (m->runs == 0));
    SCHED_CHECK(m->runs ? result->error == m->error
                        : result->error == WPOOL_CANCELLED || result->error == WPOOL_TIMEOUT);
    m->state = result->state;
}

static void member_submit(member *m) {
    const wpool_options options = {.on_done = member_done, .group = &pair.group};
    bool was_cancelled = pair.is_group_cancelled;
    m->error = maybe() ? 0 : 5;
    m->way = pick(WAYS);
    if (m->way == OF_THE_CALLER) {
        wpool_job_init(&m->job, member_run, m);
        m->status = wpool_submit_job(scene.pool, &m->job, &options);
    } else {
        m->status = wpool_submit_with(scene.pool, member_run, m, &options,
                                      m->way == WITH_THE_ID ? &m->id : NULL);
    }
    SCHED_NOTE("member submitted, status", m->status);
    m->is_handed_in = true;
    if (was_cancelled) SCHED_CHECK(m->status == WPOOL_CANCELLED);
    if (m->status == WPOOL_CANCELLED)
        SCHED_CHECK(pair.does & GROUPED);
    else
        check_submitted(m->status, false, false);
}

static bool member_is_accepted(const member *m) { return m->is_handed_in && m->status == WPOOL_OK; }

static void call_group_submit(side *s) {
    for (unsigned i = 0, n = 1 + pick(2); i < n; i++)
        member_submit(&s->members[i]);
}

static void call_group_wait(side *s) {
    bool were_accepted[MEMBERS];
    int64_t timeout = patience(s);
    int first_error = 77;
    if (maybe()) call_group_submit(s);
    for (int i = 0; i < MEMBERS; i++)
        were_accepted[i] = member_is_accepted(&pair.members[i]);
    wpool_status status = wpool_group_wait(&pair.group, timeout, &first_error);
    check_in_time(status, timeout);
    SCHED_CHECK(first_error != 77);
    for (int i = 0; i < MEMBERS && status == WPOOL_OK; i++)
        if (were_accepted[i]) SCHED_CHECK(pair.members[i].dones == 1);
}

static void call_group_cancels(side *s) {
    bool was_cancelled = pair.is_group_cancelled;
    if (maybe()) call_group_submit(s);
    wpool_status status = wpool_group_cancel(&pair.group);
    SCHED_CHECK(status == (was_cancelled ? WPOOL_ALREADY : WPOOL_OK) || status == WPOOL_ALREADY);
    SCHED_CHECK(wpool_group_cancelled(&pair.group));
    pair.is_group_cancelled = true;
}

static void call_group_deadline(side *s) {
    if (maybe()) SCHED_CHECK(wpool_group_deadline(&pair.group, (int64_t)pick(300)) == WPOOL_OK);
    if (maybe()) call_group_submit(s);
    if (maybe()) SCHED_CHECK(wpool_group_deadline(&pair.group, WPOOL_FOREVER) == WPOOL_OK);
    SCHED_CHECK(wpool_group_deadline(&pair.group, (int64_t)pick(300)) == WPOOL_OK);
}

/* -- jobs that wait -- */

static int paced_run(void *arg, wpool_job *job) {
    paced *p = (paced *)arg;
    SCHED_NOTE("paced runs", p - pair.paced);
    SCHED_CHECK(p->runs == p->ends && p->dones == 0);
    SCHED_CHECK(wpool_job_attempt(job) == ++p->runs);
    idle_points(pick(6));
    return p->ends++ < p->fails ? 5 : 0;
}

static void paced_done(void *arg, const wpool_result *result) {
    paced *p = (paced *)arg;
    SCHED_NOTE("on_done of paced", p - pair.paced);
    SCHED_CHECK(p->dones++ == 0 && p->runs == p->ends && result->attempts == p->runs);
    SCHED_CHECK((result->state == WPOOL_STATE_DISCARDED) == (p->runs == 0));
    p->state = result->state;
}

static bool paced_is_accepted(const paced *p) { return p->is_handed_in && p->status == WPOOL_OK; }

/* If it has no place in the queue, only a full lane refuses it. */
static void paced_submit(paced *p, wpool_options options) {
    options.on_done = paced_done;
    if (options.lane && maybe()) options.timeout = 1 + (int64_t)pick(100);
    p->status = wpool_submit_with(scene.pool, paced_run, p, &options, &p->id);
    SCHED_NOTE("paced submitted, status", p->status);
    p->is_handed_in = true;
    if (!options.lane && !options.delay && !options.period && !options.after_count) {
        check_submitted(p->status, false, false);
        return;
    }
    bool waits = options.timeout || (config()->when_full == WPOOL_BLOCK && !(pair.does & SCALES));
    SCHED_CHECK(p->status == WPOOL_OK || (p->status == WPOOL_CLOSED && pair.closing > 0) ||
                (p->status == WPOOL_FULL && options.lane && !waits) ||
                (p->status == WPOOL_TIMEOUT && options.lane && options.timeout) ||
                (p->status == WPOOL_UNKNOWN && options.after_count));
}

static void call_submit_paced(side *s) {
    const task *t = any_with_id();
    for (unsigned i = 0, n = 1 + pick(2); i < n; i++) {
        wpool_options options = {.priority = (wpool_priority)pick(3), .run_limit = pick(40)};
        if (maybe()) options.delay = 1 + (int64_t)pick(60);
        if (maybe()) options.lane = &pair.lanes[s - pair.sides];
        if (maybe()) options.retry = (wpool_retry){.attempts = 1 + pick(3), .delay = pick(60)};
        if (t && maybe()) options.after = &t->id, options.after_count = 1;
        s->paced[i].fails = pick(3);
        paced_submit(&s->paced[i], options);
    }
}

/* It ends only because it is told to: others may wait for that. */
static void call_submit_periodic(side *s) {
    paced *p = &s->paced[0];
    paced_submit(p, (wpool_options){.period = 1 + (int64_t)pick(60), .delay = (int64_t)pick(60)});
    if (p->status != WPOOL_OK) return;
    idle_points(pick(60));
    wpool_status status = wpool_cancel(scene.pool, p->id, maybe() ? WPOOL_HOT : WPOOL_GRACEFUL);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_CANCELLED || status == WPOOL_RUNNING ||
                status == WPOOL_ALREADY || (status == WPOOL_UNKNOWN && config()->results));
}

/* One for a moment, and jobs in one that stays. */
static void call_lane(side *s) {
    wpool_lane lane = {.max_running = pick(3), .max_waiting = pick(3)};
    SCHED_CHECK(wpool_lane_init(&lane, scene.pool) == WPOOL_OK);
    for (unsigned i = 0; i < 2; i++)
        paced_submit(&s->paced[i], (wpool_options){.lane = &pair.lanes[s - pair.sides]});
    SCHED_CHECK(wpool_lane_destroy(&lane) == WPOOL_OK);
}

static void blocks(void *arg) {
    (void)arg;
    idle_points(pick(20));
}
static void task_blocks(task *t, wpool_job *job) {
    work(t, job);
    SCHED_CHECK(wpool_blocking(job, blocks, NULL) == WPOOL_OK);
    wpool_progress(job);
}

static void call_blocking(side *s) {
    for (unsigned i = 0; i < 2; i++) {
        s->tasks[i].body = task_blocks;
        hand_in(&s->tasks[i], (task_kind)pick(TASK_KINDS));
    }
}

/* Counts a result that was taken. */
static void taken(const wpool_result *result) {
    const char *arg = (const char *)result->arg;
    if (arg >= (char *)pair.paced && arg < (char *)(pair.paced + PACED_JOBS)) {
        const paced *p = (paced *)result->arg;
        SCHED_CHECK(pair.paced[p - pair.paced].deliveries++ == 0);
        SCHED_CHECK(p->dones == 1 && result->state == p->state);
        return;
    }
    if (arg < (char *)pair.members || arg >= (char *)(pair.members + MEMBERS)) {
        task_taken(result);
        return;
    }
    member *m = (member *)result->arg;
    SCHED_CHECK(m->way != OF_THE_CALLER && m->deliveries++ == 0);
    SCHED_CHECK(m->dones == 1 && result->state == m->state);
}

/* One call of wpool_take. */
static wpool_status take(const side *s, int64_t timeout) {
    wpool_result result;
    bool were_closed = pair.are_results_closed, was_done = pair.is_done;
    wpool_status status = wpool_take(scene.pool, timeout, &result);
    SCHED_CHECK((status == WPOOL_INVALID) == !config()->results);
    if (status == WPOOL_INVALID) return status;
    if (were_closed) SCHED_CHECK(status == WPOOL_CLOSED);
    if (was_done) SCHED_CHECK(status != WPOOL_OK);
    if (status == WPOOL_OK)
        taken(&result);
    else
        check_no_result(s, status, timeout);
    return status;
}

/* For ever only if the pool will be closed, or a result is sure to come. */
static void call_take(side *s) {
    bool may_stay = pair.will_close && !(s->is_job && config()->help == WPOOL_HELP_ANY);
    wpool_status status = WPOOL_OK;
    for (unsigned n = 1 + pick(4); n > 0 && status == WPOOL_OK; n--) {
        int64_t timeout = patience(s);
        bool is_fed = maybe() && hand_in(&s->tasks[n - 1], maybe() ? TASK_PLAIN : TASK_NOTED);
        bool will_come = may_stay || (is_fed && pair.readers == 1);
        status = take(s, timeout == WPOOL_FOREVER && !will_come ? (int64_t)pick(100) : timeout);
    }
}

/* Answers are looked for only when the descriptor says so; inline, nobody would run the jobs. */
static void call_results_fd(side *s) {
    int descriptor = wpool_results_fd(scene.pool);
    bool may_stay = pair.will_close && !s->is_job && !scene.pool->is_inline;
    SCHED_CHECK((descriptor >= 0) == config()->results);
    for (unsigned n = 1 + pick(3); n > 0 && descriptor >= 0; n--) {
        if (may_stay) sched_poll();
        while (take(s, WPOOL_NOW) == WPOOL_OK) {
        }
        SCHED_CHECK(wpool_results_fd(scene.pool) == descriptor);
    }
}

static void call_close_results(side *s) {
    bool were_closed = pair.are_results_closed;
    (void)s;
    pair.results_closing += config()->results;
    wpool_status status = wpool_close_results(scene.pool);
    if (!config()->results) {
        SCHED_CHECK(status == WPOOL_INVALID);
        return;
    }
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
    if (were_closed) SCHED_CHECK(status == WPOOL_ALREADY);
    if (pair.results_closing == 1) SCHED_CHECK(status == WPOOL_OK);
    pair.are_results_closed = true;
}

/* -- the pool's life -- */

static void call_start(side *s) {
    bool is_paused = config()->start_paused || (pair.does & PAUSES);
    (void)s;
    pair.started++, pair.starting++;
    wpool_status status = wpool_start(scene.pool);
    pair.starting--;
    SCHED_CHECK(status == WPOOL_ALREADY || (status == WPOOL_OK && is_paused));
}

/* What is submitted then waits. It is started again: others may wait for that. */
static void call_pause(side *s) {
    unsigned started = pair.started, starting = pair.starting;
    wpool_status status = wpool_pause(scene.pool);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
    s->tasks[0].tries = true;
    hand_in(&s->tasks[0], TASK_PLAIN);
    idle_points(pick(60));
    if (starting == 0 && pair.started == started) SCHED_CHECK(s->tasks[0].runs == 0);
    call_start(s);
}

static void call_close_pool(side *s) {
    bool was_closed = scene.is_closed;
    (void)s;
    pair.closing++;
    wpool_status status = wpool_close(scene.pool);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
    if (was_closed) SCHED_CHECK(status == WPOOL_ALREADY);
    if (pair.closing == 1) SCHED_CHECK(status == WPOOL_OK);
    scene.is_closed = true;
}

static void stop(wpool_mode mode) {
    bool was_stopped = pair.is_stopped[mode] || pair.is_stopped[WPOOL_HOT];
    pair.closing++;
    pair.stopping[mode]++;
    wpool_status status = wpool_stop(scene.pool, mode);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
    if (was_stopped) SCHED_CHECK(status == WPOOL_ALREADY);
    bool is_first = pair.stopping[WPOOL_HOT] + (mode == WPOOL_HOT ? 0 : pair.stopping[mode]) == 1;
    if (is_first) SCHED_CHECK(status == WPOOL_OK);
    pair.is_stopped[mode] = scene.is_closed = true;
    scene_check_stopped();
}
static void call_stop_graceful(side *s) { (void)s, stop(WPOOL_GRACEFUL); }
static void call_stop_hot(side *s) { (void)s, stop(WPOOL_HOT); }

static void call_drain(side *s) {
    int64_t timeout = patience(s);
    wpool_status status = wpool_drain(scene.pool, timeout);
    if (s->is_job)
        SCHED_CHECK(status == WPOOL_DEADLOCK);
    else
        check_in_time(status, timeout);
}

static void call_shutdown(side *s) {
    wpool_mode mode = maybe() ? WPOOL_HOT : WPOOL_GRACEFUL;
    int64_t timeout = patience(s);
    if (s->is_job) {
        SCHED_CHECK(wpool_shutdown(scene.pool, mode, timeout) == WPOOL_DEADLOCK);
        return;
    }
    pair.closing++, pair.started++, pair.starting++;
    if (timeout >= 0) pair.stopping[mode]++;
    wpool_status status = wpool_shutdown(scene.pool, mode, timeout);
    pair.starting--;
    check_in_time(status, timeout);
    if (status == WPOOL_OK) SCHED_CHECK(scene.running == 0);
    if (status == WPOOL_TIMEOUT) pair.is_stopped[mode] = true;
    scene.is_closed = true;
}

/* -- watching -- */

static void call_stats(side *s) {
    wpool_stats_snapshot before = {0}, now;
    (void)s;
    for (int i = 0; i < 3; i++, before = now) {
        now = scene_stats();
        SCHED_CHECK(now.workers_idle <= now.workers);
        SCHED_CHECK(now.workers == config()->workers || (pair.does & SCALES));
        SCHED_CHECK(now.accepted >= before.accepted &&
                    now.accepted <= TASKS + MEMBERS + PACED_JOBS + 6);
        SCHED_CHECK(now.succeeded >= before.succeeded && now.failed >= before.failed &&
                    now.cancelled >= before.cancelled && now.discarded >= before.discarded);
        bool may_end = pair.does & (GROUPED | PACED);
        if (!scene.may_discard && !may_end) SCHED_CHECK(now.discarded == 0);
        if (pair.stopping[WPOOL_HOT] == 0 && !pair.is_told && !may_end)
            SCHED_CHECK(now.cancelled == 0);
    }
}

/* What has finished does not become less, whoever has the number; who runs nothing runs no job. */
static void call_workers(side *s) {
    enum { MOST = SCHEDULER_THREADS };
    wpool_worker_info now[MOST];
    uint64_t before[MOST] = {0};
    (void)s;
    for (int round = 0; round < 3; round++) {
        size_t n = wpool_workers(scene.pool, now, MOST);
        SCHED_CHECK(n >= 1 && n <= MOST);
        if (!(pair.does & SCALES)) SCHED_CHECK(n == scene.pool->crew.serving);
        for (unsigned i = 0; i < n; i++) {
            unsigned number = scene.pool->is_inline ? 0 : now[i].worker;
            SCHED_CHECK(!scene.pool->is_inline || now[i].worker == WPOOL_INLINE);
            SCHED_CHECK(number < MOST && (i == 0 || number > now[i - 1].worker));
            if (now[i].activity != WPOOL_LEAVING)
                SCHED_CHECK((now[i].activity == WPOOL_BUSY) == (now[i].running > 0));
            else
                SCHED_CHECK(pair.does & SCALES);
            SCHED_CHECK(now[i].running > 0 || now[i].job == 0);
            SCHED_CHECK(now[i].finished >= before[number]);
            SCHED_CHECK(now[i].failed + now[i].cancelled <= now[i].finished);
            before[number] = now[i].finished;
        }
        idle_points(pick(20));
    }
    SCHED_CHECK(wpool_workers(NULL, now, 2) == 0 && wpool_workers(scene.pool, NULL, 2) >= 1);
}

static void call_get_info(side *s) {
    wpool_info info, other;
    (void)s;
    SCHED_CHECK(wpool_get_info(scene.pool, &info) == WPOOL_OK);
    SCHED_CHECK(wpool_get_info(scene.pool, &other) == WPOOL_OK);
    SCHED_CHECK(strcmp(info.name, "pair") == 0 && strlen(info.uuid) == 36);
    SCHED_CHECK(info.id == other.id && strcmp(info.uuid, other.uuid) == 0);
}

/* -- workers, the configuration -- */

/* No more threads than the scheduler knows, whatever the other side adds. */
static bool may_add(void) { return sched.thread_count <= SCHEDULER_THREADS - 5; }

/* By the rules, they come one by one. */
static bool is_pressed(void *user) {
    (void)user;
    return !may_add();
}

/* Fewer than one is none; the workers of an inline pool stay. */
static void check_scaled(wpool_status status, bool must) {
    SCHED_CHECK(scene.pool->is_inline ? status == WPOOL_INVALID
                                      : status == WPOOL_OK || (!must && status == WPOOL_INVALID));
}

static void call_scale_up(side *s) {
    (void)s;
    for (unsigned n = 1 + pick(2); n > 0 && may_add(); n--)
        check_scaled(wpool_scale(scene.pool, 1, maybe() ? WPOOL_HOT : WPOOL_GRACEFUL), true);
}

static void scale_down(wpool_mode mode) {
    if (mode == WPOOL_HOT) pair.is_told = true;
    for (unsigned n = 1 + pick(2); n > 0; n--)
        check_scaled(wpool_scale(scene.pool, -1, mode), false);
    if (maybe() && may_add()) check_scaled(wpool_scale_to(scene.pool, 2, mode), true);
}
static void call_scale_graceful(side *s) { (void)s, scale_down(WPOOL_GRACEFUL); }
static void call_scale_hot(side *s) { (void)s, scale_down(WPOOL_HOT); }

static void call_worker_stop(side *s) {
    (void)s;
    for (unsigned n = 1 + pick(2); n > 0; n--) {
        wpool_id job = 77;
        wpool_status status = wpool_worker_stop(scene.pool, pick(3), any_mode(), &job);
        if (status == WPOOL_ALREADY || status == WPOOL_UNKNOWN)
            SCHED_CHECK(!scene.pool->is_inline);
        else
            check_scaled(status, false);
        SCHED_CHECK(status == WPOOL_OK ? job != 77 : job == 0);
    }
}

static void call_configure(side *s) {
    (void)s;
    for (unsigned n = 1 + pick(2); n > 0; n--) {
        wpool_config now;
        SCHED_CHECK(wpool_get_config(scene.pool, &now) == WPOOL_OK);
        now.queue_capacity = pick(4) ? 1 + pick(6) : WPOOL_UNBUFFERED;
        if (maybe() && may_add() && !scene.pool->is_inline) now.workers = 1 + pick(3);
        if (now.when_full != WPOOL_DROP_OLDEST) now.order = (wpool_order)pick(3);
        now.rate = (wpool_rate){pick(3) ? 0 : 1e7, pick(3)};
        now.scaling = (wpool_scaling){.jobs_per_worker = 1 + pick(3),
                                      .wait = (int64_t)pick(60),
                                      .step = 1,
                                      .idle = 1 + (int64_t)pick(200),
                                      .cooldown = 1 + (int64_t)pick(60),
                                      .pressure = is_pressed};
        if (!scene.pool->is_inline) now.max_workers = maybe() ? SCHEDULER_THREADS : 0;
        if (!may_add() && !scene.pool->is_inline) now.workers = 1; /* others may have left */
        SCHED_CHECK(wpool_config_conflict(scene.pool, &now) == NULL);
        SCHED_CHECK(wpool_configure(scene.pool, &now) == WPOOL_OK);
    }
}

static void call_get_config(side *s) {
    wpool_config now;
    (void)s;
    for (unsigned i = 0; i < 3; i++) {
        SCHED_CHECK(wpool_get_config(scene.pool, &now) == WPOOL_OK);
        SCHED_CHECK(strcmp(now.name, "pair") == 0 && now.when_full == config()->when_full);
        SCHED_CHECK(now.workers <= 12 && (now.workers > 0 || scene.pool->is_inline));
        SCHED_CHECK(now.queue_capacity == WPOOL_UNBUFFERED || now.queue_capacity - 1 < 6);
        idle_points(pick(20));
    }
    now.results = !now.results;
    const char *conflict = wpool_config_conflict(scene.pool, &now);
    SCHED_CHECK(conflict && strcmp(conflict, "results") == 0);
}

/* -- parallel -- */

static bool may_be_cancelled(void) { return pair.does & (DISCARDS | TELLS); }

static void call_loop(side *s) {
    (void)s;
    loop_run(may_be_cancelled());
}

static void call_reduce(side *s) {
    (void)s;
    wpool_status status = reduce_run();
    SCHED_CHECK(status == WPOOL_OK || (status == WPOOL_CANCELLED && may_be_cancelled()));
}

static int map_element(void *element, wpool_job *job) {
    (void)job;
    SCHED_CHECK((*(unsigned *)element)++ == 0);
    return 0;
}

static void call_map(side *s) {
    unsigned elements[8] = {0}, n = pick(9);
    (void)s;
    wpool_status status =
        wpool_map(scene.pool, elements, n, sizeof *elements, pick(4), map_element);
    SCHED_CHECK(status == WPOOL_OK || (status == WPOOL_CANCELLED && may_be_cancelled()));
    for (unsigned i = 0; i < 8 && status == WPOOL_OK; i++)
        SCHED_CHECK(elements[i] == (i < n));
}

static void task_tree(task *t, wpool_job *job) {
    (void)t;
    tree_run(job, 1 + pick(2));
}

/* A job that forks and joins. */
static void call_fork(side *s) {
    s->tasks[0].body = task_tree;
    hand_in(&s->tasks[0], (task_kind)pick(TASK_KINDS));
    if (maybe()) hand_in(&s->tasks[1], TASK_PLAIN);
}

/* -- another pool -- */

/* A job of the other pool hands in one here, and waits for it. If that pool is waited for by a job
   from here, it must not be blocked. */
static int other_run(void *arg, wpool_job *job) {
    side *s = (side *)arg;
    (void)job;
    s->tasks[0].tries = s->is_job;
    if (hand_in(&s->tasks[0], s->is_job ? TASK_PLAIN : TASK_OWN) && !s->is_job)
        SCHED_CHECK(task_await(&s->tasks[0], WPOOL_FOREVER) == WPOOL_OK);
    return 0;
}

static void call_other_pool(side *s) {
    wpool *other;
    SCHED_CHECK(wpool_create(&other, &(wpool_config){.workers = 1}) == WPOOL_OK);
    SCHED_CHECK(wpool_submit(other, other_run, s, NULL) == WPOOL_OK);
    if (maybe()) call_submit_plain(&(side){.tasks = s->tasks + 1});
    SCHED_CHECK(wpool_destroy(other) == WPOOL_OK);
    SCHED_CHECK(s->tasks[0].is_handed_in);
}

/* -- the scenario -- */

static const struct call {
    void (*make)(side *s);
    unsigned does;
} calls[] = {
#define CALL_ENTRY(a, name, does) {call_##name, does},
    CALLS(CALL_ENTRY, )};

static void task_call(task *t, wpool_job *job) {
    (void)t, (void)job;
    side *s = &pair.sides[pair.sides[1].is_job];
    calls[s->call].make(s);
}

static void *side_run(void *arg) {
    side *s = (side *)arg;
    if (s->is_job) {
        scene.tasks[CALLER].body = task_call;
        hand_in(&scene.tasks[CALLER], (task_kind)pick(TASK_KINDS));
    } else {
        calls[s->call].make(s);
    }
    return NULL;
}

/* Everything about the two calls that is known beforehand. */
static void choose(unsigned first, unsigned second) {
    memset(&pair, 0, sizeof pair);
    for (unsigned i = 0; i < 2; i++)
        pair.sides[i] = (side){.call = i ? second : first,
                               .tasks = &scene.tasks[OF_SIDES + 4 * i],
                               .members = &pair.members[2 + 2 * i],
                               .paced = &pair.paced[2 * i]};
    wpool_group_init(&pair.group, NULL);
    if (pick(3) == 0) pair.sides[pick(2)].is_job = true;
    for (int i = 0; i < 2; i++) {
        unsigned does = calls[pair.sides[i].call].does;
        pair.does |= does;
        pair.readers += (does & READS) != 0;
        pair.will_close |= (does & CLOSES) && !pair.sides[i].is_job;
    }
    pair.closes_early = !pair.will_close && maybe();
    pair.will_close |= pair.closes_early;
    scene_all(TASK_KINDS);
    again_init();
    for (int i = 0; i < TASKS; i++) {
        scene.tasks[i].body = work;
        scene.tasks[i].error = pick(3) ? 0 : 5;
    }
    scene.tasks[WITH_ID].kind = TASK_ID;
    scene.tasks[OWNED].kind = TASK_OWN;
}

static void open_any(void) {
    bool is_inline = pick(5) == 0;
    scene_open((wpool_config){.name = "pair",
                              .workers = is_inline ? 0 : 1 + pick(2),
                              .max_workers = is_inline ? WPOOL_INLINE : 0,
                              .queue_capacity = pick(4) ? 1 + pick(3) : WPOOL_UNBUFFERED,
                              .when_full = (wpool_when_full)pick(4),
                              .help = (wpool_help)pick(3),
                              .results = maybe(),
                              .start_paused = pick(4) == 0});
    scene.may_discard = (pair.does & DISCARDS) || config()->when_full == WPOOL_DROP_OLDEST;
    for (int i = 0; i < 2; i++) {
        pair.lanes[i] = (wpool_lane){.max_running = pick(3), .max_waiting = pick(3)};
        SCHED_CHECK(wpool_lane_init(&pair.lanes[i], scene.pool) == WPOOL_OK);
    }
}

/* Some jobs beforehand: not so many that this thread is blocked, nor would run one that is held. */
static void prepare(void) {
    bool is_held = !config()->start_paused && !scene.pool->is_inline && maybe() &&
                   !(config()->when_full == WPOOL_RUN && is_unbuffered());
    bool has_to_fit = is_held || config()->start_paused;
    unsigned n = pick(3), first = pick(2);
    if (is_held) {
        scene.tasks[HELD].body = task_hold;
        hand_in(&scene.tasks[HELD], scene.tasks[HELD].kind);
    }
    for (unsigned i = 0; i < n && !(has_to_fit && i >= scene.pool->capacity); i++) {
        task *t = &scene.tasks[i ? !first : first];
        hand_in(t, t->kind);
    }
    if (maybe())
        for (unsigned i = 0; i < 2 && !(has_to_fit && i + n >= scene.pool->capacity); i++)
            member_submit(&pair.members[i]);
}

/* The counts at the end, against what the tasks have counted. */
static void check_counts(void) {
    wpool_stats_snapshot end = scene_stats();
    unsigned accepted = again.accepted, runs = again.runs, good = again.runs;
    for (int i = 0; i < TASKS; i++) {
        const task *t = &scene.tasks[i];
        accepted += task_is_accepted(t);
        runs += t->runs;
        good += t->runs && t->error == 0;
    }
    unsigned told = 0;
    for (int i = 0; i < MEMBERS; i++) {
        const member *m = &pair.members[i];
        accepted += member_is_accepted(m);
        runs += m->runs;
        good += m->runs && m->error == 0;
        told += m->state == WPOOL_STATE_CANCELLED;
        SCHED_CHECK(m->dones == member_is_accepted(m) && m->runs <= m->dones);
        if (m->dones && !m->runs) SCHED_CHECK(scene.may_discard || (pair.does & GROUPED));
    }
    for (int i = 0; i < PACED_JOBS; i++) {
        const paced *p = &pair.paced[i];
        accepted += paced_is_accepted(p);
        runs += p->runs > 0;
        good += p->state == WPOOL_STATE_SUCCEEDED;
        told += p->state == WPOOL_STATE_CANCELLED;
        SCHED_CHECK(p->dones == paced_is_accepted(p));
    }
    SCHED_CHECK(again.dones == again.accepted && (again.runs == again.dones || scene.may_discard));
    SCHED_CHECK(end.waiting == 0 && end.running == 0 && scene.running == 0);
    SCHED_CHECK(end.accepted == accepted && end.discarded == accepted - runs);
    SCHED_CHECK(end.succeeded == good && end.failed + end.cancelled == runs - good);
    if (pair.stopping[WPOOL_HOT] == 0 && !pair.is_told) SCHED_CHECK(end.cancelled == told);
}

/* What nobody has asked for is delivered yet, and nothing twice. */
static void check_deliveries(void) {
    wpool_result result;
    wpool_status status = WPOOL_OK;
    for (int i = 0; i < TASKS; i++) {
        task *t = &scene.tasks[i];
        if (!task_is_accepted(t) || t->kind != TASK_ID || t->deliveries > 0 || maybe()) continue;
        SCHED_CHECK(!pair.is_gone[i] && !pair.is_done);
        SCHED_CHECK(task_await(t, WPOOL_NOW) == WPOOL_OK);
    }
    while (config()->results && status == WPOOL_OK) {
        status = wpool_take(scene.pool, WPOOL_NOW, &result);
        if (status == WPOOL_OK) taken(&result), SCHED_CHECK(!pair.is_done);
    }
    if (config()->results)
        SCHED_CHECK(status == (pair.are_results_closed ? WPOOL_CLOSED : WPOOL_DONE));
    for (int i = 0; i < TASKS; i++) {
        const task *t = &scene.tasks[i];
        if (!task_is_accepted(t) || t->kind > TASK_ID) continue;
        bool must = pair.is_gone[i] || (config()->results && !pair.are_results_closed);
        SCHED_CHECK(t->deliveries == 1 || !must);
    }
}

static unsigned pair_first, pair_second;

static void meet(void) {
    choose(pair_first, pair_second);
    open_any();
    prepare();
    int a = sched_spawn(side_run, &pair.sides[0]), b = sched_spawn(side_run, &pair.sides[1]);
    idle_points(pick(60));
    call_start(NULL);
    sched_raise(&scene.flags[1]);
    if (pair.closes_early) call_close_pool(NULL);
    sched_join(a);
    sched_join(b);
    if (maybe()) SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    pair.closing++, pair.started++, pair.starting++; /* a side that is a job may be to come */
    SCHED_CHECK(wpool_shutdown(scene.pool, WPOOL_GRACEFUL, WPOOL_FOREVER) == WPOOL_OK);
    check_counts();
    check_deliveries();
    for (int i = 0; i < 2; i++)
        SCHED_CHECK(wpool_lane_destroy(&pair.lanes[i]) == WPOOL_OK);
    scene_close();
    SCHED_CHECK(pair.group.ties == 0 && pair.group.unfinished == 0 && !pair.group.members);
}

/* -- a scenario for each pair -- */

static void pair_run(unsigned first, unsigned second, const char *name) {
    pair_first = first;
    pair_second = second;
    scenario_repeat(name, meet);
}

/* CALLS inside of CALLS: the inner one is expanded when the outer one has been. */
#define NOTHING()
#define LATER(x) x NOTHING()
#define NOW(...) __VA_ARGS__
#define CALLS_LATER() CALLS

#define PAIR(first, second, does)                                   \
    static void pair_##first##__##second(void) {                    \
        pair_run(CALL_##first, CALL_##second, #first "__" #second); \
    }
#define PAIRS(a, first, does) LATER(CALLS_LATER)()(PAIR, first)
NOW(CALLS(PAIRS, ))

#define PAIR_TEST(first, second, does) {#first "__" #second, pair_##first##__##second, NULL},
#define PAIR_TESTS(a, first, does) {LATER(CALLS_LATER)()(PAIR_TEST, first)},
static test pairs[CALL_COUNT][CALL_COUNT] = {NOW(CALLS(PAIR_TESTS, ))};

__attribute__((constructor)) static void pairs_add(void) {
    for (int first = 0; first < CALL_COUNT; first++)
        for (int second = first; second < CALL_COUNT; second++) {
            *test_last = &pairs[first][second];
            test_last = &pairs[first][second].next;
        }
}
