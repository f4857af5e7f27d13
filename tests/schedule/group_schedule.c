/* Groups: cancelled, waited for and too late, against jobs that enter, start, finish and fail. What is
   in a group, and the group itself, is given back as soon as nobody may touch it any more: the
   scheduler keeps freed memory and looks whether it is written. */
#include "scenario.h"

enum { MEMBERS = 8, GROUPS = 3 };

typedef enum { NOTED, WITH_ID, OWNED, WAYS } way;

typedef struct member {
    void (*body)(struct member *m, wpool_job *job);
    way way;
    wpool_group *group;
    wpool *pool;
    int error; /* to return */
    int64_t deadline;
    wpool_job *own;
    wpool_id id;
    wpool_status status;
    bool is_handed_in, may_be_full;
    unsigned runs, ends, dones, calls;
    wpool_state state; /* as on_done was told */
    int seen;          /* error, the same */
    sched_flag is_called;
} member;

static struct {
    member members[MEMBERS];
    wpool_group *groups[GROUPS]; /* each below the one before, or all on their own */
    bool is_cancelled[GROUPS];   /* a cancel has returned */
    bool is_cancelling;          /* something may cancel them, some time */
    bool is_freed[GROUPS];
    wpool *other; /* another pool */
    sched_flag has_run;
    unsigned ended, ended_good;
} all;

/* -- the groups -- */

static void begin(unsigned groups, bool are_nested) {
    scene_all(TASK_NOTED);
    memset(&all, 0, sizeof all);
    scene.may_discard = true;
    for (unsigned i = 0; i < groups; i++) {
        all.groups[i] = (wpool_group *)sched_calloc(sizeof(wpool_group));
        memset((void *)all.groups[i], 0xA5, sizeof(wpool_group));
        wpool_group *parent = are_nested && i ? all.groups[i - 1] : NULL;
        SCHED_CHECK(wpool_group_init(all.groups[i], parent) == WPOOL_OK);
    }
    for (int i = 0; i < MEMBERS; i++)
        all.members[i].way = (way)pick(WAYS);
}

/* Was it cancelled for sure? Looks up the tree. */
static bool is_cancelled(const wpool_group *group) {
    for (; group; group = group->parent)
        for (int i = 0; i < GROUPS; i++)
            if (all.groups[i] == group && all.is_cancelled[i]) return true;
    return false;
}

static void cancel_group(unsigned i) {
    bool was = all.is_cancelled[i];
    wpool_status status = wpool_group_cancel(all.groups[i]);
    SCHED_NOTE("cancelled, status", status);
    SCHED_CHECK(status == WPOOL_ALREADY || (status == WPOOL_OK && !was));
    SCHED_CHECK(wpool_group_cancelled(all.groups[i]));
    all.is_cancelled[i] = true;
}

static void *cancels(void *which) {
    idle_points(pick(80));
    cancel_group((unsigned)(uintptr_t)which);
    return NULL;
}

/* What this thread wrote there has arrived. */
static void give_back(void *at) {
    sched_flush(&sched.threads[sched.current]);
    sched_free(at);
}

static void free_group(unsigned i) {
    give_back(all.groups[i]);
    all.groups[i] = NULL;
}

/* -- members -- */

static int number(const member *m) { return (int)(m - all.members); }

static int member_run(void *arg, wpool_job *job) {
    member *m = (member *)arg;
    SCHED_NOTE("member runs", number(m));
    SCHED_CHECK(m->runs++ == 0);
    SCHED_CHECK(wpool_job_pool(job) == m->pool);
    if (is_cancelled(m->group)) SCHED_CHECK(wpool_cancelled(job)); /* it had begun before */
    scene.running++;
    if (m->body) m->body(m, job);
    scene.running--;
    SCHED_CHECK(m->ends++ == 0);
    return m->error;
}

static void member_done(void *arg, const wpool_result *result) {
    member *m = (member *)arg;
    SCHED_NOTE("on_done of member", number(m));
    SCHED_CHECK(m->dones++ == 0);
    SCHED_CHECK((result->state == WPOOL_STATE_DISCARDED) == (m->runs == 0));
    SCHED_CHECK(m->runs == m->ends);
    m->state = result->state;
    m->seen = result->error;
    if (m->runs) SCHED_CHECK(m->seen == m->error);
}

static wpool_status member_submit(member *m) {
    const wpool_options options = {
        .group = m->group, .deadline = m->deadline, .on_done = member_done};
    bool was_cancelled = is_cancelled(m->group);
    if (!m->pool) m->pool = scene.pool;
    if (m->way == OWNED) {
        if (!m->own) m->own = (wpool_job *)sched_calloc(sizeof *m->own);
        wpool_job_init(m->own, member_run, m);
        m->status = wpool_submit_job(m->pool, m->own, &options);
    } else {
        m->status =
            wpool_submit_with(m->pool, member_run, m, &options, m->way == WITH_ID ? &m->id : NULL);
    }
    SCHED_NOTE("submitted, status", m->status);
    m->is_handed_in = true;
    if (was_cancelled) SCHED_CHECK(m->status == WPOOL_CANCELLED);
    SCHED_CHECK(m->status == WPOOL_OK || (m->status == WPOOL_CANCELLED && all.is_cancelling) ||
                (m->status == WPOOL_FULL && m->may_be_full) || m->status == WPOOL_CLOSED);
    return m->status;
}

/* A thread that hands in the members from..from + count - 1. */
static void *submits(void *range) {
    unsigned from = (unsigned)(uintptr_t)range / 16, count = (unsigned)(uintptr_t)range % 16;
    for (unsigned i = from; i < from + count; i++)
        member_submit(&all.members[i]);
    return NULL;
}

static bool is_accepted(const member *m) { return m->is_handed_in && m->status == WPOOL_OK; }

static bool is_below(const wpool_group *group, const wpool_group *above) {
    while (group && group != above)
        group = group->parent;
    return group != NULL;
}

/* All that had been accepted has ended, in the group or below it. */
static void check_over(const wpool_group *group, const bool *were_accepted) {
    for (int i = 0; i < MEMBERS; i++)
        if (were_accepted[i] && is_below(all.members[i].group, group))
            SCHED_CHECK(all.members[i].dones == 1);
}

/* Waits until it is over; by somebody who may. */
static void wait_for(unsigned i) {
    bool were_accepted[MEMBERS];
    int first_error = 77;
    for (int m = 0; m < MEMBERS; m++)
        were_accepted[m] = is_accepted(&all.members[m]);
    wpool_status status = wpool_group_wait(all.groups[i], WPOOL_FOREVER, &first_error);
    SCHED_NOTE("waited for a group, error", first_error);
    SCHED_CHECK(status == WPOOL_OK);
    check_over(all.groups[i], were_accepted);
    bool is_met = first_error == 0;
    for (int m = 0; m < MEMBERS; m++)
        is_met |= all.members[m].dones && all.members[m].seen == first_error;
    SCHED_CHECK(is_met);
}

static void *waits(void *which) {
    if (maybe()) idle_points(pick(60));
    wait_for((unsigned)(uintptr_t)which);
    return NULL;
}

/* The group is over: its memory goes, and that of its jobs. */
static void end_group(unsigned i) {
    wait_for(i);
    for (int m = 0; m < MEMBERS; m++)
        if (all.members[m].group == all.groups[i]) {
            give_back(all.members[m].own);
            all.members[m].own = NULL;
            all.members[m].group = NULL;
        }
    free_group(i);
}

/* Each member has ended once, or was never accepted; and the pool says so. */
static void end_all(void) {
    uint64_t accepted = 0, succeeded = 0, ran = 0;
    if (scene.pool) SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    for (int i = 0; i < MEMBERS; i++) {
        member *m = &all.members[i];
        SCHED_CHECK(m->dones == is_accepted(m) && m->runs <= m->dones && m->runs == m->ends);
        if (m->pool == scene.pool && is_accepted(m)) accepted++, ran += m->runs;
        if (m->dones && m->state == WPOOL_STATE_SUCCEEDED) succeeded += m->pool == scene.pool;
        if (m->dones && m->runs == 0)
            SCHED_CHECK(m->seen == WPOOL_CANCELLED || m->seen == WPOOL_TIMEOUT);
        if (m->runs && m->error == 0) SCHED_CHECK(m->state == WPOOL_STATE_SUCCEEDED);
        give_back(m->own);
    }
    if (scene.pool) {
        for (int i = 0; i < TASKS; i++)
            accepted += task_is_accepted(&scene.tasks[i]), ran += scene.tasks[i].runs,
                succeeded += scene.tasks[i].runs && !scene.tasks[i].error;
        wpool_stats_snapshot now = scene_stats();
        SCHED_CHECK(now.accepted == accepted && now.discarded == accepted - ran);
        SCHED_CHECK(now.succeeded == succeeded && now.running == 0 && now.waiting == 0);
        scene_close();
    }
    for (unsigned i = 0; i < GROUPS; i++)
        if (all.groups[i]) free_group(i);
}

/* -- bodies -- */

static void member_works(member *m, wpool_job *job) {
    idle_points(pick(10));
    if (wpool_cancelled(job) && maybe()) m->error = 7;
}

static void member_is_called(void *arg) {
    member *m = (member *)arg;
    SCHED_CHECK(m->calls++ == 0 && m->dones == 0);
    sched_raise(&m->is_called);
}

/* Ends when it is told: by the call, or it looks. */
static void member_until_told(member *m, wpool_job *job) {
    if (maybe()) {
        wpool_status status = wpool_on_cancel(job, member_is_called, m);
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_CANCELLED);
        sched_await(&m->is_called);
    } else {
        while (!wpool_cancelled(job))
            sched_point(true);
    }
    SCHED_CHECK(wpool_cancelled(job));
    m->error = 7;
}

static void member_cancels(member *m, wpool_job *job) {
    (void)job;
    idle_points(pick(20));
    if (m->group) wpool_group_cancel(m->group);
}

/* A member would wait for itself. */
static void member_waits(member *m, wpool_job *job) {
    (void)job;
    SCHED_CHECK(wpool_group_wait(m->group, WPOOL_FOREVER, NULL) == WPOOL_DEADLOCK);
}

static void bodies(unsigned count, bool may_be_told) {
    for (unsigned i = 0; i < count; i++) {
        unsigned which = pick(may_be_told ? 4 : 2);
        all.members[i].body = which == 0   ? NULL
                              : which == 1 ? member_works
                              : which == 2 ? member_until_told
                                           : member_waits;
    }
}

/* Members 0..count - 1 in the groups 0..groups - 1, at random. */
static void spread(unsigned count, unsigned groups) {
    for (unsigned i = 0; i < count; i++)
        all.members[i].group = all.groups[pick(groups)];
}

static void open_any(void) {
    wpool_when_full when_full = (wpool_when_full)pick(4);
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(3),
                              .when_full = when_full,
                              .help = (wpool_help)pick(3)});
    for (int i = 0; i < MEMBERS; i++)
        all.members[i].may_be_full = when_full == WPOOL_REFUSE;
}

/* -- cancelling -- */

/* Members enter, wait, start, run and finish; those that wait to be told are. */
SCENARIO(cancel_members) {
    begin(1, false);
    all.is_cancelling = true;
    bodies(7, true);
    spread(7, 1);
    open_any();
    if (scene.pool->when_full == WPOOL_RUN) /* who runs one that waits for it cancels nothing */
        for (int i = 0; i < MEMBERS; i++)
            if (all.members[i].body == member_until_told) all.members[i].body = member_cancels;
    int a = sched_spawn(submits, TASKS_FROM(0, 4)), b = sched_spawn(cancels, 0);
    int c = maybe() ? sched_spawn(waits, 0) : 0, d = maybe() ? sched_spawn(cancels, 0) : 0;
    submits(TASKS_FROM(4, 3));
    sched_join(a);
    sched_join(b);
    if (c) sched_join(c);
    if (d) sched_join(d);
    end_group(0);
    end_all();
}

/* Groups below each other: cancelling one cancels those below, no other. */
SCENARIO(cancel_below) {
    begin(3, true);
    all.is_cancelling = true;
    unsigned which = pick(3);
    spread(6, 3);
    for (unsigned i = 0; i < 6; i++) {
        bool is_in = is_below(all.members[i].group, all.groups[which]);
        all.members[i].body = is_in && maybe() ? member_until_told : member_works;
    }
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(4)});
    int a = sched_spawn(submits, TASKS_FROM(0, 3)),
        b = sched_spawn(cancels, (void *)(uintptr_t)which);
    int c = maybe() ? sched_spawn(waits, (void *)(uintptr_t)pick(3)) : 0;
    submits(TASKS_FROM(3, 3));
    sched_join(a);
    sched_join(b);
    if (c) sched_join(c);
    for (unsigned i = 3; i-- > 0;) {
        SCHED_CHECK(wpool_group_cancelled(all.groups[i]) == (i >= which));
        for (unsigned m = 0; m < 6; m++)
            if (all.members[m].group == all.groups[i] && i < which &&
                is_accepted(&all.members[m])) {
                wait_for(i);
                SCHED_CHECK(all.members[m].state == WPOOL_STATE_SUCCEEDED);
            }
        end_group(i);
    }
    end_all();
}

/* A submitter is blocked by the full queue when the group is cancelled: it comes back, and nothing
   runs of what comes afterwards. */
SCENARIO(cancel_the_blocked) {
    begin(1, false);
    all.is_cancelling = true;
    spread(5, 1);
    scene_open((wpool_config){.workers = 1, .queue_capacity = 1 + pick(2), .start_paused = true});
    int a = sched_spawn(submits, TASKS_FROM(0, 3)), b = sched_spawn(submits, TASKS_FROM(3, 2));
    idle_points(pick(60));
    cancel_group(0);
    unsigned begun = 0;
    for (int i = 0; i < 5; i++)
        begun += all.members[i].runs;
    SCHED_CHECK(begun == 0);
    wpool_start(scene.pool);
    sched_join(a);
    sched_join(b);
    end_group(0);
    for (int i = 0; i < 5; i++)
        SCHED_CHECK(all.members[i].runs == 0);
    end_all();
}

/* Jobs of the caller's keep their places until a worker comes by: then who waits for one gets it. */
SCENARIO(cancel_makes_places) {
    begin(1, false);
    all.is_cancelling = true;
    spread(2, 1);
    all.members[0].way = all.members[1].way = OWNED;
    scene_open((wpool_config){.workers = 1, .queue_capacity = 2, .start_paused = true});
    submits(TASKS_FROM(0, 2));
    cancel_group(0);
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 1));
    int b = maybe() ? sched_spawn(task_submitter, TASKS_FROM(1, 2)) : 0;
    idle_points(pick(20));
    wpool_start(scene.pool);
    sched_join(a);
    if (b) sched_join(b);
    end_group(0);
    end_all();
}

/* Not by their group: their worker is told to leave, hot, or the whole pool to stop. */
SCENARIO(told_with_the_worker) {
    begin(1, false);
    bool is_stop = maybe();
    for (int i = 0; i < 2; i++) {
        all.members[i].body = is_stop || i == 0 ? member_until_told : member_works;
        all.members[i].group = maybe() ? all.groups[0] : NULL;
    }
    scene_open((wpool_config){.workers = 2, .queue_capacity = 2});
    if (is_stop) {
        int a = sched_spawn(submits, TASKS_FROM(0, 2));
        idle_points(pick(100));
        wpool_stop(scene.pool, WPOOL_HOT);
        sched_join(a);
    } else {
        member_submit(&all.members[0]);
        while (all.members[0].runs == 0)
            sched_point(true);
        wpool_worker_info infos[2];
        wpool_workers(scene.pool, infos, 2);
        for (unsigned i = 0; i < 2; i++)
            if (infos[i].running)
                SCHED_CHECK(wpool_worker_stop(scene.pool, i, WPOOL_HOT, NULL) == WPOOL_OK);
        member_submit(&all.members[1]);
    }
    end_group(0);
    end_all();
}

/* The first that fails cancels the others, which end only so. */
static void member_fails(member *m, wpool_job *job) {
    idle_points(pick(20));
    m->error = wpool_cancelled(job) ? 7 : 9;
}

SCENARIO(cancel_on_error) {
    begin(2, true);
    all.is_cancelling = true;
    spread(5, 2);
    all.members[4].group = all.groups[1];
    unsigned which = pick(2); /* of the groups it is switched on */
    for (unsigned i = 0; i < 5; i++) {
        bool is_in = is_below(all.members[i].group, all.groups[which]);
        all.members[i].body = is_in && i < 2 ? member_until_told : member_works;
    }
    all.members[3].body = member_fails;
    all.members[3].group = all.groups[1];
    scene_open((wpool_config){.workers = 3, .queue_capacity = 2 + pick(3)});
    bool is_late = maybe();
    int a = 0;
    if (!is_late) SCHED_CHECK(wpool_group_cancel_on_error(all.groups[which]) == WPOOL_OK);
    a = sched_spawn(submits, TASKS_FROM(0, 2));
    if (is_late) SCHED_CHECK(wpool_group_cancel_on_error(all.groups[which]) == WPOOL_OK);
    int c = maybe() ? sched_spawn(waits, (void *)(uintptr_t)pick(2)) : 0;
    submits(TASKS_FROM(2, 3));
    sched_join(a);
    if (c) sched_join(c);
    wait_for(1);
    bool has_failed = all.members[3].dones && all.members[3].seen == 9;
    SCHED_CHECK(wpool_group_cancelled(all.groups[which]) == has_failed);
    if (which == 1) SCHED_CHECK(!wpool_group_cancelled(all.groups[0]));
    end_group(1);
    end_group(0);
    end_all();
}

/* -- waiting -- */

/* A member is submitted while a worker waits for the group, and it is the one who has to run it: the
   member that is in the way ends only then. */
static void member_needs_another(member *m, wpool_job *job) {
    (void)job;
    idle_points(pick(30));
    member_submit(m + 1);
    sched_await(&all.has_run);
}
static void member_tells(member *m, wpool_job *job) {
    (void)m, (void)job;
    sched_raise(&all.has_run);
}
static void task_waits(task *t, wpool_job *job) {
    (void)t, (void)job;
    while (!all.members[0].is_handed_in)
        sched_point(true);
    if (maybe()) idle_points(pick(30));
    wait_for(0);
}

SCENARIO(wait_by_the_worker) {
    begin(2, true);
    bool has_other = maybe();
    unsigned below = pick(2); /* in a group below the one that is waited for, too */
    all.members[0].body = member_needs_another;
    all.members[1].body = member_tells;
    all.members[0].group = all.groups[0];
    all.members[1].group = all.groups[below];
    scene_open((wpool_config){.workers = has_other ? 1 : 2,
                              .queue_capacity = 1 + pick(2),
                              .help = maybe() ? WPOOL_HELP_ANY : WPOOL_HELP_NARROW});
    if (has_other) {
        SCHED_CHECK(wpool_create(&all.other, &(wpool_config){.workers = 1}) == WPOOL_OK);
        all.members[0].pool = all.other;
        all.members[1].pool = scene.pool;
    }
    scene.tasks[0].body = task_waits;
    if (maybe()) {
        member_submit(&all.members[0]);
        task_submit(&scene.tasks[0]);
    } else {
        task_submit(&scene.tasks[0]);
        member_submit(&all.members[0]);
    }
    wait_for(0);
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    if (all.other) SCHED_CHECK(wpool_destroy(all.other) == WPOOL_OK);
    end_group(1);
    end_group(0);
    end_all();
}

/* Several wait at once, inside and outside, for ever or not. */
static void *waits_briefly(void *which) {
    int64_t timeout = (int64_t)pick(100);
    wpool_status status = wpool_group_wait(all.groups[(uintptr_t)which], timeout, NULL);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT);
    return NULL;
}

SCENARIO(wait_by_many) {
    begin(2, maybe());
    spread(6, 2);
    bodies(6, false);
    if (maybe()) all.members[pick(6)].body = member_waits;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 2 + pick(3),
                              .help = maybe() ? WPOOL_HELP_ANY : WPOOL_HELP_NARROW});
    int a = sched_spawn(submits, TASKS_FROM(1, 5)), b = sched_spawn(waits, 0);
    int c = sched_spawn(maybe() ? waits : waits_briefly, (void *)(uintptr_t)pick(2));
    scene.tasks[0].body = task_waits;
    member_submit(&all.members[0]);
    if (maybe()) task_submit(&scene.tasks[0]);
    sched_join(a);
    sched_join(b);
    sched_join(c);
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    end_group(1);
    end_group(0);
    end_all();
}

/* An inline pool has members: who waits drives it, beside others who do. */
static void *drains(void *arg) {
    (void)arg;
    SCHED_CHECK(wpool_drain(all.other, maybe() ? WPOOL_FOREVER : 1 + (int64_t)pick(60)) !=
                WPOOL_DEADLOCK);
    return NULL;
}

SCENARIO(wait_and_drive) {
    begin(1, false);
    bool is_cancelled = all.is_cancelling = maybe();
    spread(6, 1);
    bodies(6, false);
    scene_open((wpool_config){.workers = 1, .queue_capacity = 3});
    SCHED_CHECK(wpool_create(&all.other, &(wpool_config){.max_workers = WPOOL_INLINE,
                                                         .queue_capacity = 6}) == WPOOL_OK);
    for (int i = 0; i < 6; i++)
        if (pick(3)) all.members[i].pool = all.other;
    int a = sched_spawn(submits, TASKS_FROM(0, 3)), b = maybe() ? sched_spawn(waits, 0) : 0;
    int c = maybe() ? sched_spawn(drains, NULL) : 0;
    submits(TASKS_FROM(3, 3));
    if (is_cancelled) cancel_group(0);
    if (maybe()) wait_for(0);
    sched_join(a);
    if (b) sched_join(b);
    if (c) sched_join(c);
    end_group(0);
    SCHED_CHECK(wpool_destroy(all.other) == WPOOL_OK);
    end_all();
}

/* A group is used again and again, in the same place, by who waits for it: the last touch of its last
   member is before the wait returns. */
SCENARIO(wait_and_reuse) {
    begin(2, true);
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(2)});
    bool with_cancel = all.is_cancelling = maybe();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = round * 2; i < round * 2 + 2; i++)
            all.members[i].group = all.groups[1];
        submits(TASKS_FROM(round * 2, 2));
        int a = with_cancel ? sched_spawn(cancels, (void *)(uintptr_t)1) : 0;
        if (maybe()) wait_for(1);
        if (a) sched_join(a);
        wait_for(1);
        if (round == 2) break;
        for (unsigned i = round * 2; i < round * 2 + 2; i++)
            all.members[i].group = NULL;
        all.is_cancelled[1] = false;
        if (maybe()) {
            free_group(1);
            all.groups[1] = (wpool_group *)sched_calloc(sizeof(wpool_group));
        }
        sched_flush(&sched.threads[sched.current]);
        memset((void *)all.groups[1], 0xA5, sizeof(wpool_group));
        wpool_group_init(all.groups[1], all.groups[0]);
    }
    end_group(1);
    SCHED_CHECK(all.groups[0]->ties == 0 && !all.groups[0]->children);
    end_group(0);
    end_all();
}

/* -- upstream -- */

/* The pool is stopped by the group while it is destroyed, or just made. */
SCENARIO(upstream_against_destroy) {
    begin(2, true);
    all.is_cancelling = true;
    unsigned which = pick(2);
    int a = maybe() ? sched_spawn(cancels, (void *)(uintptr_t)which) : 0;
    bool has_deadline = pick(3) == 0;
    if (has_deadline && maybe())
        SCHED_CHECK(wpool_group_deadline(all.groups[0], 1 + (int64_t)pick(200)) == WPOOL_OK);
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(3),
                              .group = all.groups[1],
                              .max_workers = 0});
    if (has_deadline)
        SCHED_CHECK(wpool_group_deadline(all.groups[pick(2)], 1 + (int64_t)pick(200)) == WPOOL_OK);
    for (int i = 0; i < 4; i++) {
        all.members[i].group = maybe() ? all.groups[pick(2)] : NULL;
        all.members[i].body = member_works;
    }
    if (!a) a = sched_spawn(cancels, (void *)(uintptr_t)which);
    submits(TASKS_FROM(0, 1 + pick(4)));
    idle_points(pick(60));
    SCHED_CHECK(wpool_destroy(scene.pool) == WPOOL_OK); /* the end of all touches */
    scene.pool = NULL;
    sched_join(a);
    SCHED_CHECK(all.groups[0]->ties == 0 && !all.groups[1]->pools && !all.groups[1]->members);
    end_group(1);
    end_group(0);
    end_all();
}

/* A member of the group is being cancelled, by its id, when its pool goes. */
SCENARIO(visit_against_destroy) {
    begin(1, false);
    all.is_cancelling = true;
    spread(4, 1);
    for (int i = 0; i < 4; i++)
        all.members[i].way = pick(3) ? WITH_ID : OWNED;
    scene_open((wpool_config){.workers = 1, .queue_capacity = 4, .start_paused = maybe()});
    submits(TASKS_FROM(0, 4));
    int a = sched_spawn(cancels, 0), b = maybe() ? sched_spawn(cancels, 0) : 0;
    idle_points(pick(60));
    SCHED_CHECK(wpool_destroy(scene.pool) == WPOOL_OK);
    scene.pool = NULL;
    sched_join(a);
    if (b) sched_join(b);
    end_group(0);
    end_all();
}

/* -- deadlines -- */

/* Who waits to be told is, when it is too late; who finishes before is not. */
SCENARIO(deadline_against_finish) {
    begin(1, false);
    all.is_cancelling = true; /* by the deadline: not, here */
    bool with_group = maybe();
    for (int i = 0; i < 6; i++) {
        all.members[i].group = with_group && maybe() ? all.groups[0] : NULL;
        all.members[i].deadline = pick(3) ? 1 + (int64_t)pick(300) : 0;
        all.members[i].body = all.members[i].deadline && maybe() ? member_until_told : member_works;
    }
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(4)});
    int a = sched_spawn(submits, TASKS_FROM(0, 3));
    submits(TASKS_FROM(3, 3));
    sched_join(a);
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    for (int i = 0; i < 6; i++) {
        const member *m = &all.members[i];
        if (m->runs == 0) SCHED_CHECK(m->seen == WPOOL_TIMEOUT);
        if (!m->deadline) SCHED_CHECK(m->state == WPOOL_STATE_SUCCEEDED);
    }
    end_group(0);
    end_all();
}

/* The group's own, set while its members come and go, later set anew or taken back. */
static void *sets_deadline(void *which) {
    idle_points(pick(60));
    if (maybe())
        SCHED_CHECK(wpool_group_deadline(all.groups[(uintptr_t)which], WPOOL_FOREVER) == WPOOL_OK);
    SCHED_CHECK(wpool_group_deadline(all.groups[(uintptr_t)which], (int64_t)pick(300)) == WPOOL_OK);
    return NULL;
}

SCENARIO(deadline_of_a_group) {
    begin(2, true);
    all.is_cancelling = true;
    unsigned which = pick(2);
    spread(5, 2);
    for (unsigned i = 0; i < 5; i++)
        all.members[i].body = is_below(all.members[i].group, all.groups[which]) && maybe()
                                  ? member_until_told
                                  : member_works;
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(4)});
    int a = sched_spawn(submits, TASKS_FROM(0, 3));
    int b = sched_spawn(sets_deadline, (void *)(uintptr_t)which);
    int c = maybe() ? sched_spawn(waits, (void *)(uintptr_t)pick(2)) : 0;
    if (maybe())
        wpool_group_deadline(all.groups[which], WPOOL_SECONDS(1)); /* the keeper knows one */
    submits(TASKS_FROM(3, 2));
    sched_join(a);
    sched_join(b);
    if (c) sched_join(c);
    end_group(1);
    end_group(0);
    end_all();
}

/* Queued when it is too late, and nobody takes it: it has ended in time all the same. */
SCENARIO(deadline_of_the_queued) {
    begin(1, false);
    all.is_cancelling = true;
    spread(3, 1);
    for (int i = 0; i < 3; i++) {
        all.members[i].way = maybe() ? WITH_ID : NOTED;
        all.members[i].deadline = maybe() ? 1 + (int64_t)pick(100) : 0;
    }
    scene_open((wpool_config){.workers = 1, .queue_capacity = 3, .start_paused = true});
    int a = sched_spawn(submits, TASKS_FROM(0, 3));
    if (maybe()) idle_points(pick(60));
    SCHED_CHECK(wpool_group_deadline(all.groups[0], (int64_t)pick(200)) == WPOOL_OK);
    sched_join(a);
    wait_for(0); /* the pool is paused */
    for (int i = 0; i < 3; i++)
        SCHED_CHECK(all.members[i].runs == 0);
    wpool_start(scene.pool);
    end_group(0);
    end_all();
}
