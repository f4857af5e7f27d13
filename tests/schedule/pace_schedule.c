/* Jobs that do not start at once, or not in the order in which they came: for their time, for
   others, in a lane, at a rate, by priority; jobs that run again; and a crew that follows the load
   by itself. Against their being cancelled, the end of the pool, and each other. */
#include "scenario.h"

enum { MOST = 6 };

typedef enum {
    WITH_ID,
    NOTED,
    OWNED,
    FREED,
    WAYS
} way; /* caller-owned: freed at the end, in on_done */

typedef struct paced {
    void (*body)(struct paced *p, wpool_job *job);
    way way;
    wpool_options options;
    unsigned fails; /* so many of its runs, the first ones */
    const struct paced *before[2];
    wpool_id ids[2]; /* of those */
    wpool_job *own;
    wpool_id id;
    wpool_status status;
    bool is_handed_in;
    bool is_over;      /* no further run begins */
    bool is_last;      /* the one that is about to begin, or has begun, is the last */
    bool lets_go;      /* its end does */
    bool is_asked;     /* somebody waits for it, after which its id is stale */
    bool is_late;      /* one has begun after the pool was stopped: in somebody's hands */
    bool ends_stopped; /* its last run has ended after the pool was stopped */
    int returned;      /* by it */
    unsigned runs, ends, dones, reports;
    int64_t handed_at, ended_at, waited; /* longest, before a run */
    wpool_state state;                   /* as on_done was told */
    int seen;                            /* error, the same */
} paced;

static struct {
    paced jobs[MOST];
    wpool_lane *lane;
    unsigned in_lane, starts;
    int last_in_lane; /* -1: the lane keeps no order */
    wpool_group *group;
    int64_t opened_at;
    bool is_disturbed; /* jobs may be told to end, or the pool is */
    bool is_light;     /* no two jobs are ready at the same time, unless one waits for long */
    bool is_closing, is_stopped;
    bool hands_in_inside;
    sched_flag go;
} all;

static void begin(void) {
    scene_all(TASK_KINDS);
    memset(&all, 0, sizeof all);
    all.last_in_lane = -1;
    scene.may_discard = true;
    for (int i = 0; i < MOST; i++) {
        all.jobs[i].way = (way)pick(WAYS);
        all.jobs[i].handed_at = -1;
    }
}

static void open_pool(wpool_config config) {
    scene_open(config);
    all.opened_at = sched.now;
}

static void *allocate(size_t size) {
    void *memory = sched_calloc(size);
    SCHED_CHECK(memory != NULL);
    return memory;
}

static wpool_mode any_mode(void) { return maybe() ? WPOOL_HOT : WPOOL_GRACEFUL; }

static int number(const paced *p) { return (int)(p - all.jobs); }

static bool is_accepted(const paced *p) { return p->is_handed_in && p->status == WPOOL_OK; }

/* -- a job -- */

static bool has_succeeded(const paced *p) {
    return p->dones == 1 && p->state == WPOOL_STATE_SUCCEEDED;
}

/* For how long it has been ready, at most. */
static int64_t waits_since(const paced *p) {
    return sched.now -
           (p->runs ? p->ended_at + p->options.retry.delay : p->handed_at + p->options.delay);
}

/* May it begin, once more? */
static void check_begins(paced *p) {
    const wpool_options *o = &p->options;
    SCHED_CHECK(p->runs == p->ends && p->dones == 0 && !p->is_over);
    p->is_over = p->is_last;
    SCHED_CHECK(sched.now >= p->handed_at + o->delay + o->period * (int64_t)p->runs);
    if (p->runs && !o->period) SCHED_CHECK(sched.now >= p->ended_at + o->retry.delay);
    if (p->runs) SCHED_CHECK(p->runs < o->retry.attempts || o->period);
    for (size_t i = 0; i < o->after_count; i++)
        SCHED_CHECK(has_succeeded(p->before[i]));
    if (all.is_stopped) SCHED_CHECK(!p->is_late);
    p->is_late = all.is_stopped;
}

static void enter_lane(const paced *p) {
    if (!p->options.lane) return;
    SCHED_CHECK(++all.in_lane <= all.lane->max_running);
    if (all.last_in_lane < 0) return;
    wpool_stats_snapshot stats;
    SCHED_CHECK(wpool_stats(scene.pool, &stats) == WPOOL_OK && stats.running == 1);
    if (p->runs > 0) return;
    SCHED_CHECK(number(p) >= all.last_in_lane);
    all.last_in_lane = number(p);
}

static int paced_run(void *arg, wpool_job *job) {
    paced *p = (paced *)arg;
    SCHED_NOTE("runs", number(p));
    check_begins(p);
    if (waits_since(p) > p->waited) p->waited = waits_since(p);
    enter_lane(p);
    all.starts++;
    SCHED_CHECK(wpool_job_attempt(job) == ++p->runs);
    if (p->body) p->body(p, job);
    if (p->options.lane) all.in_lane--;
    p->ended_at = sched.now;
    p->ends_stopped = all.is_stopped;
    p->returned = p->ends < p->fails ? 9 : 0;
    SCHED_NOTE("ends", number(p));
    p->ends++;
    return p->returned;
}

static void paced_done(void *arg, const wpool_result *result) {
    paced *p = (paced *)arg;
    SCHED_NOTE("on_done", number(p));
    SCHED_CHECK(p->dones++ == 0 && p->runs == p->ends);
    SCHED_CHECK(result->attempts == p->runs);
    SCHED_CHECK((result->state == WPOOL_STATE_DISCARDED) == (p->runs == 0));
    SCHED_CHECK((result->state == WPOOL_STATE_SUCCEEDED) == (result->error == 0));
    if (result->state == WPOOL_STATE_FAILED) SCHED_CHECK(result->error == 9);
    if (p->ends_stopped) SCHED_CHECK(result->error == p->returned); /* it is not put back */
    p->state = result->state;
    p->seen = result->error;
    if (p->lets_go) sched_raise(&all.go);
    if (p->way == FREED) sched_free(p->own);
}

static void task_lets_go(task *t, wpool_job *job) {
    (void)t, (void)job;
    sched_raise(&all.go);
}
static void lets_go(paced *p, wpool_job *job) {
    (void)p;
    task_lets_go(NULL, job);
}

static void works(paced *p, wpool_job *job) {
    (void)p, (void)job;
    idle_points(pick(12));
}

static void meets(paced *p, wpool_job *job) {
    (void)p;
    task_meet(NULL, job);
}

static void waits_for_go(paced *p, wpool_job *job) {
    (void)p, (void)job;
    sched_await(&all.go);
}

/* Nobody waits for this time any more: when it comes, because all others sleep or slept too long,
   nothing is set for it. */
#define AGES INT64_C(30000000000000000)
static void look_soon(void) {
    const wpool__timer *top = scene.pool->keeper.timers.top;
    if (sched.now < AGES) return;
    SCHED_CHECK(!top || top->when < AGES);
    sched.look = NULL;
}
static void expect_soon(void) {
    if (sched.now < AGES) sched.look = look_soon;
}

/* -- handing in -- */

static wpool_status hand_in(paced *p) {
    wpool_options *o = &p->options;
    bool was_closed = scene.is_closed;
    o->on_done = paced_done;
    bool is_unknown = false, may_be_unknown;
    for (size_t i = 0; i < o->after_count; i++) {
        p->ids[i] = p->before[i]->id;
        is_unknown |= !is_accepted(p->before[i]);
    }
    o->after = p->ids;
    SCHED_NOTE("submit", number(p));
    p->handed_at = sched.now;
    if (p->way == WITH_ID || p->way == NOTED) {
        p->status =
            wpool_submit_with(scene.pool, paced_run, p, o, p->way == WITH_ID ? &p->id : NULL);
    } else {
        p->own = (wpool_job *)allocate(sizeof *p->own);
        wpool_job_init(p->own, paced_run, p);
        p->status = wpool_submit_job(scene.pool, p->own, o);
        if (p->status != WPOOL_OK && p->way == FREED) sched_free(p->own);
    }
    SCHED_NOTE("submitted, status", p->status);
    p->is_handed_in = true;
    if (was_closed) SCHED_CHECK(p->status != WPOOL_OK);
    if (is_unknown) SCHED_CHECK(p->status == WPOOL_UNKNOWN);
    may_be_unknown = is_unknown;
    for (size_t i = 0; i < o->after_count; i++)
        may_be_unknown |= p->before[i]->is_asked;
    bool may_be_full = o->lane && all.lane->max_waiting;
    SCHED_CHECK(p->status == WPOOL_OK || (p->status == WPOOL_UNKNOWN && may_be_unknown) ||
                (p->status == WPOOL_CLOSED && all.is_closing) ||
                (p->status == WPOOL_CANCELLED && o->group) ||
                (p->status == WPOOL_TIMEOUT && may_be_full && o->timeout));
    return p->status;
}

static void *hands_in(void *range) {
    unsigned from = (unsigned)(uintptr_t)range / 16, count = (unsigned)(uintptr_t)range % 16;
    for (unsigned i = from; i < from + count; i++)
        hand_in(&all.jobs[i]);
    return NULL;
}

static void make_lane(unsigned max_running, size_t max_waiting, wpool_rate rate) {
    all.lane = (wpool_lane *)allocate(sizeof *all.lane);
    *all.lane = (wpool_lane){.max_running = max_running, .max_waiting = max_waiting, .rate = rate};
    SCHED_CHECK(wpool_lane_init(all.lane, scene.pool) == WPOOL_OK);
}

static void make_group(void) {
    all.group = (wpool_group *)allocate(sizeof *all.group);
    SCHED_CHECK(wpool_group_init(all.group, NULL) == WPOOL_OK);
}

/* The job waits for that one, which has an id, or would have one. */
static void puts_after(paced *p, paced *before) {
    before->way = WITH_ID;
    p->before[p->options.after_count++] = before;
}

/* For something, or for several things, one after the other. */
static void hold(paced *p, paced *before) {
    unsigned how = 1 + pick(7);
    if (how & 1) p->options.delay = 1 + (int64_t)pick(60);
    if (how & 2 && before) puts_after(p, before);
    if (how & 4) p->options.lane = all.lane;
    if (pick(3) == 0) p->options.deadline = 1 + (int64_t)pick(100);
    if (all.group && maybe()) p->options.group = all.group;
    all.is_disturbed |= p->options.deadline || p->options.group;
}

/* -- who disturbs -- */

static void cancel(paced *p) {
    wpool_mode mode = any_mode();
    if (!is_accepted(p) || p->way != WITH_ID) return;
    wpool_status status = wpool_cancel(scene.pool, p->id, mode);
    SCHED_NOTE("cancelled, status", status);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_ALREADY ||
                status == (mode == WPOOL_HOT ? WPOOL_CANCELLED : WPOOL_RUNNING));
    if (status == WPOOL_OK) SCHED_CHECK(p->dones == 1 && p->state >= WPOOL_STATE_CANCELLED);
    p->is_last = true;
    p->is_over |= status == WPOOL_OK || status == WPOOL_ALREADY || p->runs > p->ends;
}

static void *cancels(void *arg) {
    (void)arg;
    all.is_disturbed = true;
    for (unsigned n = 1 + pick(4); n > 0; n--) {
        idle_points(pick(60));
        cancel(&all.jobs[pick(MOST)]);
    }
    return NULL;
}

static void *cancels_the_group(void *arg) {
    (void)arg;
    idle_points(pick(120));
    SCHED_CHECK(wpool_group_cancel(all.group) == WPOOL_OK);
    return NULL;
}

static void *closes(void *arg) {
    (void)arg;
    idle_points(pick(150));
    all.is_closing = true;
    SCHED_CHECK(wpool_close(scene.pool) == WPOOL_OK);
    scene.is_closed = true;
    return NULL;
}

static void *stops(void *arg) {
    (void)arg;
    idle_points(pick(150));
    all.is_closing = all.is_disturbed = true;
    if (maybe()) {
        wpool_status status = wpool_stop(scene.pool, any_mode());
        SCHED_CHECK(status == WPOOL_OK);
        all.is_stopped = true;
    } else {
        int64_t timeout = (int64_t)pick(100);
        wpool_status status = wpool_shutdown(scene.pool, any_mode(), timeout);
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT);
        all.is_stopped = status == WPOOL_TIMEOUT;
    }
    scene.is_closed = true;
    return NULL;
}

static void *goes_on(void *arg) {
    (void)arg;
    return NULL;
}

static void *(*any_of(void *(*first)(void *), void *(*second)(void *),
                      void *(*third)(void *)))(void *) {
    unsigned which = pick(3);
    return which == 0 ? first : which == 1 ? second : third;
}

/* -- the end -- */

/* Has it ended as it had to? */
static void check_ended(const paced *p) {
    const wpool_options *o = &p->options;
    if (!is_accepted(p)) {
        SCHED_CHECK(p->runs == 0 && p->dones == 0);
        return;
    }
    SCHED_CHECK(p->dones == 1);
    bool is_barred = false;
    for (size_t i = 0; i < o->after_count; i++)
        is_barred |= !has_succeeded(p->before[i]);
    if (is_barred) SCHED_CHECK(p->state == WPOOL_STATE_DISCARDED);
    if (is_barred && !all.is_disturbed) SCHED_CHECK(p->seen == WPOOL_CANCELLED);
    if (!o->deadline && !o->group) SCHED_CHECK(p->seen != WPOOL_TIMEOUT);
    if (is_barred || all.is_disturbed) return;
    unsigned attempts = o->retry.attempts ? o->retry.attempts : 1;
    if (!o->period) SCHED_CHECK(p->runs == (p->fails < attempts ? p->fails + 1 : attempts));
    if (!o->period || p->fails)
        SCHED_CHECK((p->state == WPOOL_STATE_SUCCEEDED) == (p->fails < attempts));
    else
        SCHED_CHECK(p->runs >= 1 && p->state == WPOOL_STATE_SUCCEEDED);
}

static void give_back(void *at) {
    sched_flush(&sched.threads[sched.current]);
    sched_free(at);
}

/* All comes to its end; the counts say the same as the jobs; nothing holds anything any more. */
static void end_all(void) {
    all.is_closing = true;
    SCHED_CHECK(wpool_shutdown(scene.pool, WPOOL_GRACEFUL, WPOOL_FOREVER) == WPOOL_OK);
    wpool_stats_snapshot now = scene_stats();
    uint64_t accepted = 0, discarded = 0, retries = 0;
    for (int i = 0; i < TASKS; i++)
        accepted += task_is_accepted(&scene.tasks[i]);
    for (int i = 0; i < MOST; i++) {
        const paced *p = &all.jobs[i];
        accepted += is_accepted(p);
        discarded += is_accepted(p) && p->runs == 0;
        retries += p->runs > 1 ? p->runs - 1 : 0;
    }
    SCHED_CHECK(now.accepted == accepted && now.waiting == 0 && now.running == 0);
    SCHED_CHECK(now.discarded >= discarded && now.delayed == 0 && now.retries >= retries);
    if (all.lane) SCHED_CHECK(wpool_lane_destroy(all.lane) == WPOOL_OK);
    give_back(all.lane);
    if (all.group) SCHED_CHECK(wpool_group_wait(all.group, WPOOL_FOREVER, NULL) == WPOOL_OK);
    SCHED_CHECK(!scene.pool->keeper.held && !scene.pool->keeper.lanes);
    scene_close();
    give_back(all.group);
    for (int i = 0; i < MOST; i++) {
        paced *p = &all.jobs[i];
        check_ended(p);
        if (p->way == OWNED) give_back(p->own);
    }
}

/* -- held -- */

/* Whatever they wait for, whoever comes first. */
SCENARIO(cancel_the_held) {
    begin();
    if (maybe()) make_group();
    open_pool((wpool_config){.workers = 1 + pick(2), .queue_capacity = 2});
    make_lane(1 + pick(2), 0, (wpool_rate){0});
    all.jobs[0].body = works;
    all.jobs[0].fails = pick(3) == 0;
    for (int i = 1; i < MOST; i++) {
        all.jobs[i].body = works;
        hold(&all.jobs[i], &all.jobs[pick((unsigned)i)]);
    }
    int a = sched_spawn(cancels, NULL);
    int b = all.group && maybe() ? sched_spawn(cancels_the_group, NULL) : 0;
    int c = sched_spawn(any_of(cancels, stops, goes_on), NULL);
    hands_in(TASKS_FROM(0, MOST));
    sched_join(a);
    if (b) sched_join(b);
    sched_join(c);
    end_all();
}

/* One job, one canceller, the moment of its release. */
SCENARIO(cancel_the_ready) {
    begin();
    open_pool((wpool_config){.workers = 1, .queue_capacity = 1, .start_paused = pick(4) == 0});
    make_lane(1, 0, (wpool_rate){0});
    all.jobs[0].way = all.jobs[1].way = WITH_ID;
    hold(&all.jobs[1], &all.jobs[0]);
    all.is_disturbed = true;
    hands_in(TASKS_FROM(0, 2));
    int a = sched_spawn(cancels, NULL);
    idle_points(pick(60));
    cancel(&all.jobs[1]);
    sched_join(a);
    wpool_start(scene.pool);
    end_all();
}

/* Who has been told to end does not wait for the job before it, which waits for that. */
SCENARIO(cancel_behind_another) {
    begin();
    unsigned who = pick(4);
    paced *first = &all.jobs[0], *second = &all.jobs[1];
    make_group();
    open_pool((wpool_config){.workers = 2, .queue_capacity = 2});
    make_lane(1, 0, (wpool_rate){0});
    first->way = WITH_ID;
    first->body = waits_for_go;
    first->options.lane = second->options.lane = maybe() ? all.lane : NULL;
    if (!first->options.lane) puts_after(second, first);
    second->lets_go = all.is_disturbed = true;
    second->options.group = all.group;
    if (who == 1) second->options.deadline = 1 + (int64_t)pick(60);
    if (who == 2) second->way = WITH_ID;
    hands_in(TASKS_FROM(0, 2));
    if (who == 0) cancels_the_group(NULL);
    if (who == 2) cancel(second);
    if (who == 3) stops(NULL);
    sched_await(&all.go);
    end_all();
}

/* Whatever of them has begun, is ready or waits: exactly so many places are there for others. */
SCENARIO(held_have_no_place) {
    unsigned accepted = 0, capacity = 1 + pick(3);
    begin();
    open_pool((wpool_config){
        .workers = 1 + pick(2), .queue_capacity = capacity, .order = (wpool_order)pick(3)});
    make_lane(1, 0, (wpool_rate){0});
    for (int i = 0; i < 4; i++) {
        hold(&all.jobs[i], NULL);
        if (!all.jobs[i].options.lane) all.jobs[i].options.delay = 1 + (int64_t)pick(60);
    }
    int a = maybe() ? sched_spawn(cancels, NULL) : 0;
    hands_in(TASKS_FROM(0, 4));
    idle_points(pick(200));
    SCHED_CHECK(wpool_pause(scene.pool) == WPOOL_OK);
    for (int i = 0; i < 5; i++) {
        scene.tasks[i].kind = TASK_PLAIN;
        scene.tasks[i].tries = true;
        accepted += task_submit(&scene.tasks[i]) == WPOOL_OK;
    }
    SCHED_CHECK(accepted == capacity);
    if (a) sched_join(a);
    SCHED_CHECK(wpool_start(scene.pool) == WPOOL_OK);
    end_all();
}

/* Those that it waits for run, fail or are cancelled while it is handed in. */
SCENARIO(after_their_end) {
    begin();
    open_pool((wpool_config){.workers = 1 + pick(2), .queue_capacity = 2});
    for (int i = 0; i < MOST; i++) {
        paced *p = &all.jobs[i];
        p->body = works;
        p->fails = pick(4) == 0;
        if (i < 2) p->way = WITH_ID;
        for (unsigned n = i < 2 ? 0 : 1 + pick(2); n > 0; n--)
            puts_after(p, &all.jobs[pick((unsigned)i)]);
    }
    hands_in(TASKS_FROM(0, 2));
    int a = maybe() ? sched_spawn(any_of(cancels, closes, stops), NULL) : 0;
    hands_in(TASKS_FROM(2, MOST - 2));
    if (a) sched_join(a);
    end_all();
}

/* -- lanes -- */

enum { INTERVAL = 100 };

SCENARIO(lane_in_turn) {
    begin();
    open_pool((wpool_config){.workers = 1 + pick(3), .queue_capacity = 2});
    make_lane(1, 0, (wpool_rate){maybe() ? 1e9 / INTERVAL : 0, 2});
    all.last_in_lane = 0;
    for (int i = 0; i < MOST; i++) {
        all.jobs[i].body = works;
        all.jobs[i].options.lane = all.lane;
        all.jobs[i].fails = pick(4) == 0;
        if (maybe()) all.jobs[i].options.retry = (wpool_retry){.attempts = 2, .delay = 20};
    }
    int a = maybe() ? sched_spawn(any_of(cancels, stops, closes), NULL) : 0;
    hands_in(TASKS_FROM(0, MOST));
    if (a) sched_join(a);
    end_all();
}

/* Two submitters, one place. */
SCENARIO(lane_has_room) {
    begin();
    open_pool((wpool_config){.workers = 1 + pick(2), .queue_capacity = 2});
    make_lane(1 + pick(2), 1 + pick(2), (wpool_rate){0});
    for (int i = 0; i < MOST; i++) {
        all.jobs[i].body = works;
        all.jobs[i].options.lane = all.lane;
        if (pick(3) == 0) all.jobs[i].options.timeout = 1 + (int64_t)pick(60);
        if (pick(4) == 0) all.jobs[i].options.delay = 1 + (int64_t)pick(60);
    }
    int a = sched_spawn(hands_in, TASKS_FROM(0, 3));
    int b = maybe() ? sched_spawn(any_of(cancels, stops, closes), NULL) : 0;
    hands_in(TASKS_FROM(3, 3));
    sched_join(a);
    if (b) sched_join(b);
    end_all();
}

/* Nobody leaves the lane: there is room when the time of the one that waits has come; or the pool
   is closed. */
SCENARIO(lane_has_room_in_time) {
    begin();
    bool is_closed = maybe();
    open_pool((wpool_config){.workers = 2, .queue_capacity = 2});
    make_lane(is_closed ? 1 : 2, 1, (wpool_rate){is_closed ? 0 : 1e9 / INTERVAL, 1});
    for (int i = 0; i < 3; i++) {
        all.jobs[i].body = waits_for_go;
        all.jobs[i].options.lane = all.lane;
    }
    hands_in(TASKS_FROM(0, 2));
    int a = is_closed ? sched_spawn(closes, NULL) : 0;
    hand_in(&all.jobs[2]);
    sched_raise(&all.go);
    if (a) sched_join(a);
    end_all();
}

/* A job of the pool's own puts more into the lane than it holds: it is not blocked. */
static void fills_the_lane(paced *p, wpool_job *job) {
    (void)job;
    for (int i = 1; i < 4; i++)
        hand_in(p + i);
}

SCENARIO(lane_filled_inside) {
    begin();
    open_pool((wpool_config){.workers = 1, .queue_capacity = 1});
    make_lane(1, 1, (wpool_rate){0});
    for (int i = 0; i < MOST; i++)
        all.jobs[i].options.lane = all.lane;
    all.jobs[0].body = fills_the_lane;
    int a = sched_spawn(hands_in, TASKS_FROM(4, 2));
    hand_in(&all.jobs[0]);
    sched_join(a);
    end_all();
}

/* -- rates -- */

static void check_rate(unsigned starts, unsigned burst) {
    SCHED_CHECK(starts <= burst + (uint64_t)(sched.now - all.opened_at) / INTERVAL + 1);
}
static void in_step(paced *p, wpool_job *job) {
    works(p, job);
    check_rate(all.starts, 2);
}

SCENARIO(lane_in_step) {
    begin();
    open_pool((wpool_config){.workers = 2, .queue_capacity = 2});
    make_lane(2, 0, (wpool_rate){1e9 / INTERVAL, 2});
    for (int i = 0; i < MOST; i++) {
        all.jobs[i].body = in_step;
        all.jobs[i].options.lane = all.lane;
    }
    int a = maybe() ? sched_spawn(any_of(cancels, stops, closes), NULL) : 0;
    hands_in(TASKS_FROM(0, MOST));
    if (a) sched_join(a);
    end_all();
}

static void pause_briefly(void) {
    SCHED_CHECK(wpool_pause(scene.pool) == WPOOL_OK);
    idle_points(pick(100));
    wpool_status status = wpool_start(scene.pool); /* its end may have come */
    SCHED_CHECK(status == WPOOL_OK || (status == WPOOL_ALREADY && all.is_closing));
}

static void *pauses(void *arg) {
    (void)arg;
    for (unsigned n = 1 + pick(2); n > 0; n--) {
        idle_points(pick(100));
        pause_briefly();
    }
    return NULL;
}

SCENARIO(rate_in_step) {
    begin();
    open_pool((wpool_config){
        .workers = 2, .queue_capacity = 2 + pick(4), .rate = {1e9 / INTERVAL, 1 + pick(2)}});
    for (int i = 0; i < MOST; i++) {
        all.jobs[i].body = in_step;
        if (pick(3) == 0) all.jobs[i].options.delay = 1 + (int64_t)pick(200);
    }
    int a = sched_spawn(any_of(pauses, stops, cancels), NULL);
    hands_in(TASKS_FROM(0, MOST));
    sched_join(a);
    end_all();
}

/* A rate that lets nothing start for years is lifted. */
SCENARIO(rate_is_lifted) {
    begin();
    open_pool((wpool_config){.workers = 1 + pick(2), .queue_capacity = 4, .rate = {1e-9, 1}});
    for (int i = 0; i < 3; i++)
        all.jobs[i].body = works;
    hand_in(&all.jobs[0]);
    int a = sched_spawn(hands_in, TASKS_FROM(1, 2));
    idle_points(pick(150));
    wpool_config config;
    SCHED_CHECK(wpool_get_config(scene.pool, &config) == WPOOL_OK);
    config.rate = maybe() ? (wpool_rate){0} : (wpool_rate){1e9 / INTERVAL, 1};
    SCHED_CHECK(wpool_configure(scene.pool, &config) == WPOOL_OK);
    expect_soon();
    sched_join(a);
    end_all();
}

/* -- again -- */

static void fails_often(paced *p) {
    p->body = works;
    p->fails = pick(4);
    p->options.retry = (wpool_retry){.attempts = 1 + pick(3), .delay = 1 + pick(60), .factor = 1};
}

SCENARIO(retry_against_the_end) {
    begin();
    if (pick(3) == 0) make_group();
    open_pool((wpool_config){.workers = 1 + pick(2), .queue_capacity = 2});
    for (int i = 0; i < 4; i++) {
        fails_often(&all.jobs[i]);
        all.jobs[i].options.group = all.group;
        if (pick(4) == 0) all.jobs[i].options.deadline = 1 + (int64_t)pick(200);
        all.is_disturbed |= all.jobs[i].options.deadline != 0;
    }
    all.is_disturbed |= all.group != NULL;
    int a = sched_spawn(any_of(cancels, stops, closes), NULL);
    int b = all.group ? sched_spawn(cancels_the_group, NULL) : 0;
    hands_in(TASKS_FROM(0, 4));
    sched_join(a);
    if (b) sched_join(b);
    end_all();
}

SCENARIO(period_against_the_end) {
    begin();
    open_pool((wpool_config){.workers = 1 + pick(2), .queue_capacity = 2});
    make_lane(1, 0, (wpool_rate){0});
    for (int i = 0; i < 3; i++) {
        paced *p = &all.jobs[i];
        p->body = works;
        p->options.period = 1 + (int64_t)pick(60);
        if (pick(3) == 0) p->options.delay = 1 + (int64_t)pick(60);
        if (pick(3) == 0) p->options.lane = all.lane;
        if (pick(3) == 0) p->options.deadline = 1 + (int64_t)pick(300);
        all.is_disturbed |= p->options.deadline != 0;
    }
    int a = sched_spawn(any_of(cancels, stops, closes), NULL);
    hands_in(TASKS_FROM(0, 3));
    idle_points(pick(300));
    sched_join(a);
    end_all();
}

/* A periodic job that would run again in years ends with the pool. */
SCENARIO(period_of_ages) {
    begin();
    open_pool((wpool_config){.workers = 1, .queue_capacity = 2});
    all.jobs[0].options.period = 2 * AGES;
    hand_in(&all.jobs[0]);
    any_of(closes, closes, stops)(NULL);
    expect_soon();
    end_all();
}

/* -- another order -- */

/* At each step: not more jobs accepted and not started than the capacity. Where no worker submits,
   and nothing is held. */
static void look_capacity(void) {
    const wpool *pool = scene.pool;
    uint64_t left = pool->watch.buried;
    const wpool__account *accounts = (const void *)pool->watch.accounts.chunks[0];
    for (unsigned i = 0; i < pool->watch.count; i++) {
        uint64_t progress = accounts[i].progress;
        left += progress / WPOOL__FINISHED_ONE + progress % WPOOL__FINISHED_ONE;
    }
    uint64_t accepted =
        (pool->queue.tail & WPOOL__GATE_COUNT) + (pool->watch.direct & WPOOL__GATE_COUNT);
    SCHED_CHECK(accepted + pool->watch.passed - left <= pool->capacity);
}

static wpool_order any_order(void) { return maybe() ? WPOOL_LIFO : WPOOL_PRIORITY; }

/* All kinds of jobs, of all priorities, from three threads: each runs, once. */
static void hand_in_all(void) {
    for (int i = 0; i < MOST; i++)
        all.jobs[i].options.priority = (wpool_priority)pick(3);
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 4));
    int b = sched_spawn(hands_in, TASKS_FROM(0, 3));
    hands_in(TASKS_FROM(3, 3));
    sched_join(a);
    sched_join(b);
}

SCENARIO(order_is_kept) {
    begin();
    open_pool((wpool_config){
        .workers = 1 + pick(2), .queue_capacity = 1 + pick(4), .order = any_order()});
    sched.look = look_capacity;
    int a = maybe() ? sched_spawn(any_of(pauses, cancels, goes_on), NULL) : 0;
    hand_in_all();
    if (a) sched_join(a);
    for (int i = 0; i < 4; i++)
        SCHED_CHECK(task_is_accepted(&scene.tasks[i]));
    scene.may_discard = false;
    end_all();
}

SCENARIO(order_against_stop) {
    begin();
    open_pool((wpool_config){
        .workers = 1 + pick(2), .queue_capacity = 1 + pick(4), .order = any_order()});
    int a = sched_spawn(stops, NULL);
    for (int i = 0; i < MOST; i++)
        if (pick(4) == 0) all.jobs[i].options.delay = 1 + (int64_t)pick(60);
    hand_in_all();
    sched_join(a);
    end_all();
}

static void *reorders(void *arg) {
    (void)arg;
    for (unsigned n = 1 + pick(2); n > 0; n--) {
        wpool_config config;
        idle_points(pick(100));
        SCHED_CHECK(wpool_get_config(scene.pool, &config) == WPOOL_OK);
        config.order = (wpool_order)pick(3);
        if (maybe()) config.queue_capacity = 4 + pick(4);
        SCHED_CHECK(wpool_configure(scene.pool, &config) == WPOOL_OK);
    }
    return NULL;
}

SCENARIO(order_is_changed) {
    begin();
    open_pool((wpool_config){
        .workers = 1 + pick(2), .queue_capacity = 1 + pick(4), .order = (wpool_order)pick(3)});
    int a = sched_spawn(reorders, NULL);
    hand_in_all();
    sched_join(a);
    scene.may_discard = false;
    end_all();
}

/* The stack is short, its cards are used again and again. */
SCENARIO(order_of_few_cards) {
    begin();
    open_pool((wpool_config){.workers = 2, .queue_capacity = 2, .order = WPOOL_LIFO});
    sched.look = look_capacity;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 4));
    int b = sched_spawn(task_submitter, TASKS_FROM(4, 4));
    task_submitter(TASKS_FROM(8, 4));
    sched_join(a);
    sched_join(b);
    scene.may_discard = false;
    end_all();
}

/* -- waiting for what is held -- */

static void *waits_outside(void *arg) {
    paced *p = (paced *)arg;
    while (!p->is_handed_in)
        sched_point(true);
    if (!is_accepted(p)) return NULL;
    p->is_asked = true;
    if (p->way == WITH_ID)
        SCHED_CHECK(wpool_wait(scene.pool, p->id, WPOOL_FOREVER, NULL) == WPOOL_OK);
    if (p->way == OWNED) SCHED_CHECK(wpool_job_wait(p->own, WPOOL_FOREVER) == WPOOL_OK);
    if (p->way == WITH_ID) SCHED_CHECK(p->dones == 1);
    return NULL;
}

/* The only worker waits: for the job, or for all of a group. */
static void waits_inside(paced *p, wpool_job *job) {
    paced *other = p + 1 + pick(2);
    (void)job;
    if (all.hands_in_inside) hands_in(TASKS_FROM(1, 2));
    while (!other->is_handed_in)
        sched_point(true);
    if (all.group)
        SCHED_CHECK(wpool_group_wait(all.group, WPOOL_FOREVER, NULL) == WPOOL_OK);
    else
        waits_outside(other);
}

SCENARIO(wait_for_the_held) {
    begin();
    if (maybe()) make_group();
    open_pool((wpool_config){
        .workers = 1, .queue_capacity = 2, .help = maybe() ? WPOOL_HELP_ANY : WPOOL_HELP_NARROW});
    make_lane(1, 0, (wpool_rate){0});
    all.jobs[0].body = waits_inside;
    for (int i = 1; i < 3; i++) {
        paced *p = &all.jobs[i];
        p->way = maybe() ? WITH_ID : OWNED;
        p->body = works;
        p->options.delay = pick(3) ? 1 + (int64_t)pick(60) : 0;
        p->options.lane = maybe() ? all.lane : NULL;
        if (i == 2 && maybe()) puts_after(p, p - 1);
        p->options.group = all.group;
        p->fails = pick(2);
        p->options.retry = (wpool_retry){.attempts = 2, .delay = 30};
    }
    all.hands_in_inside = maybe();
    int a = sched_spawn(hands_in, TASKS_FROM(0, 1));
    if (!all.hands_in_inside) hands_in(TASKS_FROM(1, 2));
    sched_join(a);
    end_all();
}

/* Waits for one that comes after another, and then after the caller itself. */
static void waits_for_itself(paced *p, wpool_job *job) {
    paced *before = p + 1, *after = p + 2;
    wpool_status status;
    (void)job;
    while (!p->is_handed_in || !before->is_handed_in)
        sched_point(true);
    if (hand_in(after) != WPOOL_OK) return; /* closed */
    if (all.group)
        status = wpool_group_wait(all.group, WPOOL_FOREVER, NULL);
    else if (after->way == OWNED)
        status = wpool_job_wait(after->own, WPOOL_FOREVER);
    else
        status = wpool_wait(scene.pool, after->id, WPOOL_FOREVER, NULL);
    SCHED_NOTE("waited, status", status);
    SCHED_CHECK(status == (has_succeeded(before) ? WPOOL_DEADLOCK : WPOOL_OK));
}

SCENARIO(wait_for_itself) {
    begin();
    const wpool_help help = (wpool_help)pick(3);
    if (maybe()) make_group();
    open_pool((wpool_config){
        .workers = help == WPOOL_HELP_NONE ? 2 : 1 + pick(2), .queue_capacity = 2, .help = help});
    all.jobs[0].body = waits_for_itself;
    all.jobs[1].body = works;
    all.jobs[1].fails = pick(2);
    all.jobs[1].options.delay = pick(3) ? 0 : 1 + (int64_t)pick(60);
    all.jobs[2].way = maybe() ? WITH_ID : OWNED;
    all.jobs[2].options.group = all.group;
    puts_after(&all.jobs[2], &all.jobs[1]);
    puts_after(&all.jobs[2], &all.jobs[0]);
    int a = sched_spawn(hands_in, TASKS_FROM(0, 1));
    hands_in(TASKS_FROM(1, 1));
    sched_join(a);
    end_all();
}

static void takes_the_next(paced *p, wpool_job *job) {
    wpool_result result;
    (void)job;
    SCHED_CHECK(hand_in(p + 1) == WPOOL_OK);
    SCHED_CHECK(wpool_take(scene.pool, WPOOL_FOREVER, &result) == WPOOL_OK);
    SCHED_CHECK(result.arg == p + 1);
}

/* The only worker takes the result of what is held, or held back by the rate: it runs that itself,
   and is never told that it would wait for itself. */
SCENARIO(take_the_held) {
    begin();
    wpool_config config = {.workers = 1, .queue_capacity = 2, .results = true};
    if (maybe()) config.rate.per_second = 2e7;
    open_pool(config);
    all.jobs[0].body = takes_the_next;
    all.jobs[1].body = works;
    all.jobs[1].way = WITH_ID;
    all.jobs[1].options.delay = (int64_t)pick(60);
    hands_in(TASKS_FROM(0, 1));
    while (!all.jobs[1].is_handed_in)
        sched_point(true);
    end_all();
}

/* Outside, by several, for what is released, cancelled and discarded. */
SCENARIO(wait_outside_for_the_held) {
    begin();
    open_pool((wpool_config){.workers = 1, .queue_capacity = 2});
    make_lane(1, 0, (wpool_rate){0});
    for (int i = 0; i < 4; i++) {
        if (i) hold(&all.jobs[i], &all.jobs[0]);
        all.jobs[i].body = works;
    }
    int a = sched_spawn(waits_outside, &all.jobs[2 + pick(2)]);
    int b = sched_spawn(waits_outside, &all.jobs[1]);
    int c = maybe() ? sched_spawn(stops, NULL) : 0;
    hands_in(TASKS_FROM(0, 4));
    sched_join(a);
    sched_join(b);
    if (c) sched_join(c);
    end_all();
}

/* -- the watchdog -- */

static void is_stuck(void *user, const wpool_stuck *stuck) {
    const paced *p = stuck->name ? &all.jobs[stuck->name[0] - '0'] : NULL;
    (void)user;
    SCHED_CHECK(p && stuck->id == p->id && stuck->ran_ns >= p->options.run_limit);
    SCHED_CHECK(++all.jobs[number(p)].reports <= p->runs + 1); /* one that is about to begin */
}

static void blocks(void *arg) {
    (void)arg;
    idle_points(pick(20));
}
static void is_watched(paced *p, wpool_job *job) {
    for (unsigned n = pick(4); n > 0; n--) {
        works(p, job);
        if (maybe()) wpool_progress(job);
        if (maybe()) SCHED_CHECK(wpool_blocking(job, blocks, NULL) == WPOOL_OK);
    }
}

SCENARIO(watched_to_its_end) {
    static const char *const names[] = {"0", "1", "2", "3", "4", "5"};
    begin();
    open_pool((wpool_config){
        .workers = 1 + pick(2), .queue_capacity = 2, .hooks = {.job_stuck = is_stuck}});
    for (int i = 0; i < MOST; i++) {
        fails_often(&all.jobs[i]);
        all.jobs[i].body = is_watched;
        all.jobs[i].options.name = names[i];
        all.jobs[i].options.run_limit = 1 + (int64_t)pick(40);
    }
    int a = sched_spawn(any_of(cancels, stops, goes_on), NULL);
    hands_in(TASKS_FROM(0, MOST));
    sched_join(a);
    end_all();
}

/* -- the scaler -- */

static unsigned least, most;
enum { LONG = 5000 };

/* At each step: not fewer, nor more, for a moment. */
static void look_crew(void) {
    const wpool__crew *crew = &scene.pool->crew;
    SCHED_CHECK(crew->serving >= least && crew->present <= most);
}

/* Some job has waited for that long, or still does. */
static void check_long_wait(void) {
    bool is_long = false;
    for (int i = 0; i < MOST; i++) {
        const paced *p = &all.jobs[i];
        bool is_ready = p->handed_at >= 0 && p->runs == p->ends && !p->dones;
        is_long |= p->waited >= LONG || (is_ready && waits_since(p) >= LONG);
    }
    SCHED_CHECK(is_long);
}

static void is_scaled(void *user, const wpool_scale_event *event) {
    (void)user;
    SCHED_NOTE("scaled to", event->after);
    if (all.is_light) check_long_wait();
    SCHED_CHECK(event->reason != WPOOL_SCALE_NONE && event->before <= most && event->after <= most);
    if (event->reason == WPOOL_SCALE_IDLE) SCHED_CHECK(event->after < event->before);
    if (event->reason == WPOOL_SCALE_BLOCKED) SCHED_CHECK(event->blocked > 0 && event->waiting > 0);
}

/* The scheduler knows few threads. */
static bool is_pressed(void *user) {
    (void)user;
    return sched.thread_count > SCHEDULER_THREADS - 4;
}

static const wpool_scaling by_load = {.jobs_per_worker = 1, .cooldown = 40, .idle = WPOOL_FOREVER};

/* As many jobs may be queued as meet: those that are not cannot make it grow. */
static void open_scaled(unsigned workers, unsigned min, unsigned max, wpool_scaling scaling) {
    least = min;
    most = max;
    open_pool((wpool_config){.workers = workers,
                             .min_workers = min,
                             .max_workers = max,
                             .queue_capacity = 4,
                             .scaling = scaling,
                             .hooks = {.scaled = is_scaled}});
    sched.look = look_crew;
}

/* So many jobs can only end together, and too few workers are there. */
static void meet_all(unsigned count) {
    scene.met = 0;
    scene.flags[0] = 0;
    scene.meeting = count;
    int threads[4];
    for (unsigned i = 1; i < count; i++)
        threads[i] = sched_spawn(hands_in, TASKS_FROM(i, 1));
    hand_in(&all.jobs[0]);
    for (unsigned i = 1; i < count; i++)
        sched_join(threads[i]);
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
}

static void all_meet(unsigned count) {
    bool are_held = maybe();
    for (unsigned i = 0; i < count; i++) {
        all.jobs[i].body = meets;
        if (are_held && maybe()) all.jobs[i].options.delay = 1 + (int64_t)pick(60);
    }
}

SCENARIO(grow_by_load) {
    unsigned count = maybe() ? 2 : 4;
    begin();
    all_meet(count);
    open_scaled(1, 1, count, by_load);
    meet_all(count);
    end_all();
}

SCENARIO(grow_by_wait) {
    unsigned count = 2 + pick(3);
    begin();
    all_meet(count);
    open_scaled(1, 1, count,
                (wpool_scaling){.jobs_per_worker = UINT32_MAX,
                                .wait = 1 + (int64_t)pick(60),
                                .step = 1,
                                .idle = WPOOL_FOREVER});
    meet_all(count);
    end_all();
}

/* They were queued while nothing might start. */
SCENARIO(grow_when_started) {
    begin();
    all_meet(2);
    open_scaled(1, 1, 2, by_load);
    SCHED_CHECK(wpool_pause(scene.pool) == WPOOL_OK);
    scene.meeting = 2;
    all.jobs[2].options.deadline = 1 + (int64_t)pick(60);
    all.jobs[2].way = WITH_ID;
    all.is_disturbed = true;
    hands_in(TASKS_FROM(0, 3));
    waits_outside(&all.jobs[2]); /* the keeper has time for it */
    SCHED_CHECK(wpool_start(scene.pool) == WPOOL_OK);
    end_all();
}

/* Never do two wait at the same time, unless one does for long; but for a moment one that is
   delayed may seem to wait. */
SCENARIO(grow_for_nothing) {
    begin();
    all.is_light = true;
    bool by_wait = maybe();
    wpool_scaling scaling = by_load;
    scaling.jobs_per_worker = by_wait ? UINT32_MAX : 3;
    scaling.wait = LONG;
    open_scaled(1, 1, 2, scaling);
    for (int i = 0; i < MOST; i++) {
        all.jobs[i].body = works;
        all.jobs[i].fails = by_wait ? pick(3) : 0;
        all.jobs[i].options.delay = 2 * LONG * i;
        all.jobs[i].options.retry = (wpool_retry){.attempts = 3, .delay = 20 * LONG, .factor = 1};
    }
    hands_in(TASKS_FROM(0, MOST));
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    end_all();
}

/* There is no thread at first. */
SCENARIO(grow_later) {
    begin();
    all_meet(2);
    open_scaled(1, 1, 2, by_load);
    sched.threads_left = 0;
    meet_all(2);
    end_all();
}

/* They have just left, or are about to. */
SCENARIO(grow_again) {
    begin();
    wpool_scaling scaling = by_load;
    scaling.idle = 1 + (int64_t)pick(80);
    open_scaled(1, 1, 2, scaling);
    for (unsigned round = 0; round < 2; round++) {
        wpool_job jobs[2];
        task tasks[2] = {{.body = task_meet}, {.body = task_meet}};
        scene.met = 0;
        scene.flags[0] = 0;
        scene.meeting = 2;
        for (int i = 0; i < 2; i++) {
            wpool_job_init(&jobs[i], task_run, &tasks[i]);
            SCHED_CHECK(wpool_submit_job(scene.pool, &jobs[i], NULL) == WPOOL_OK);
            idle_points(pick(60));
        }
        for (int i = 0; i < 2; i++)
            SCHED_CHECK(wpool_job_wait(&jobs[i], WPOOL_FOREVER) == WPOOL_OK);
        idle_points(pick(200));
    }
    sched.look = NULL;
    SCHED_CHECK(wpool_shutdown(scene.pool, WPOOL_GRACEFUL, WPOOL_FOREVER) == WPOOL_OK);
    scene_close();
}

/* A worker blocks, the others compute: another one does what they wait for. */
static void await_go(void *arg) {
    (void)arg;
    sched_await(&all.go);
}
static void blocks_until_go(paced *p, wpool_job *job) {
    (void)p;
    SCHED_CHECK(wpool_blocking(job, await_go, NULL) == WPOOL_OK);
}

/* The same in wpool_wait. */
static void waits_until_go(paced *p, wpool_job *job) {
    paced *last = &all.jobs[3];
    (void)p, (void)job;
    while (!last->is_handed_in)
        sched_point(true);
    SCHED_CHECK(wpool_job_wait(last->own, WPOOL_FOREVER) == WPOOL_OK);
}

SCENARIO(grow_for_the_blocked) {
    unsigned workers = 1 + pick(2);
    begin();
    bool waits = maybe();
    all.jobs[3].way = OWNED;
    all.jobs[3].body = lets_go;
    all.jobs[0].body = waits ? waits_until_go : blocks_until_go;
    for (unsigned i = 1; i < 3; i++)
        all.jobs[i].body = i < workers ? waits_for_go : works;
    if (maybe()) all.jobs[3].options.delay = 1 + (int64_t)pick(60);
    open_scaled(workers, workers, workers + 1,
                (wpool_scaling){.jobs_per_worker = UINT32_MAX,
                                .idle = maybe() ? WPOOL_FOREVER : 1 + (int64_t)pick(40),
                                .cooldown = 1 + (int64_t)pick(40)});
    scene.pool->help = WPOOL_HELP_NONE;
    int a = sched_spawn(hands_in, TASKS_FROM(0, 1));
    int b = sched_spawn(hands_in, TASKS_FROM(1, workers == 1 ? 2 : 1));
    idle_points(pick(400)); /* who took the place may have left */
    hand_in(&all.jobs[3]);
    sched_join(a);
    sched_join(b);
    end_all();
}

/* By the rules and by hand at once; and the end of the pool. */
static void *scales(void *arg) {
    (void)arg;
    for (unsigned n = 1 + pick(3); n > 0; n--) {
        wpool_config config;
        wpool_status status = WPOOL_OK;
        idle_points(pick(60));
        switch (pick(5)) {
        case 0:
            if (!is_pressed(NULL)) status = wpool_scale(scene.pool, 1, any_mode());
            break;
        case 1:
            status = wpool_scale(scene.pool, -1, any_mode());
            break;
        case 2:
            status = wpool_worker_stop(scene.pool, pick(3), any_mode(), NULL);
            break;
        case 3:
            pause_briefly();
            break;
        default:
            SCHED_CHECK(wpool_get_config(scene.pool, &config) == WPOOL_OK);
            config.scaling.jobs_per_worker = 1 + pick(3);
            config.scaling.wait = (int64_t)pick(60);
            config.max_workers = maybe() ? most : 2;
            config.workers = 1 + pick(2);
            status = wpool_configure(scene.pool, &config);
        }
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_INVALID || status == WPOOL_UNKNOWN ||
                    status == WPOOL_ALREADY || status == WPOOL_NO_THREAD);
    }
    return NULL;
}

SCENARIO(scaler_against_hands) {
    begin();
    for (int i = 0; i < MOST; i++) {
        all.jobs[i].body = maybe() ? works : is_watched;
        if (pick(4) == 0) all.jobs[i].options.delay = 1 + (int64_t)pick(60);
    }
    wpool_scaling scaling = by_load;
    scaling.idle = 1 + (int64_t)pick(100);
    scaling.pressure = is_pressed;
    all.is_disturbed = true;
    open_scaled(1, 1, 3, scaling);
    int a = sched_spawn(scales, NULL);
    int b = sched_spawn(any_of(hands_in, stops, closes), TASKS_FROM(0, 0));
    hands_in(TASKS_FROM(0, MOST));
    sched_join(a);
    sched_join(b);
    end_all();
}

/* Nothing has been waited for when the pool is destroyed: the scaler may be at work. */
SCENARIO(scaler_against_destroy) {
    begin();
    wpool_scaling scaling = by_load;
    scaling.idle = 1 + (int64_t)pick(40);
    open_scaled(1, 1, 4, scaling);
    task_submitter(TASKS_FROM(0, 1 + pick(6)));
    scene.may_discard = false;
    idle_points(pick(60));
    scene_close();
}
