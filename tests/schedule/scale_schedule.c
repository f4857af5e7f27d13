/* Workers come and go, and the configuration changes, while there is work: whatever a worker holds that
   leaves, and whatever it was woken for, is for the others; nothing queued is lost, nor a wake-up.

   The scheduler knows twelve threads in a schedule, each counted once: so many can begin. */
#include "parallel.h"

static task *begin(task_kind kind) {
    scene_all(kind);
    return scene.tasks;
}

static wpool_mode any_mode(void) { return maybe() ? WPOOL_HOT : WPOOL_GRACEFUL; }

static bool is_settled(wpool_status status) {
    return status == WPOOL_OK || status == WPOOL_INVALID;
}

/* Lets one go: whoever comes to hand, or a certain one. At least one stays, so the answer may be no. */
static wpool_status let_one_go(wpool_mode mode) {
    unsigned which = pick(4);
    wpool_id job = 77;
    wpool_status status = which < 3 ? wpool_worker_stop(scene.pool, which, mode, &job)
                                    : wpool_scale(scene.pool, -1, mode);
    SCHED_NOTE("one is to go, status", status);
    SCHED_CHECK(is_settled(status) ||
                (which < 3 && (status == WPOOL_ALREADY || status == WPOOL_UNKNOWN)));
    if (which < 3 && status != WPOOL_OK) SCHED_CHECK(job == 0);
    return status;
}

static void *goes(void *times) {
    for (uintptr_t i = (uintptr_t)times; i > 0; i--) {
        idle_points(pick(20));
        let_one_go(any_mode());
    }
    return NULL;
}

static void *comes(void *times) {
    for (uintptr_t i = (uintptr_t)times; i > 0; i--) {
        wpool_status status = wpool_scale(scene.pool, 1, WPOOL_GRACEFUL);
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_NO_THREAD);
        idle_points(pick(20));
    }
    return NULL;
}

/* Who was told to leave is gone before long, when nothing runs. */
static void check_crew(void) {
    wpool_stats_snapshot now;
    wpool_config config;
    do {
        SCHED_CHECK(wpool_stats(scene.pool, &now) == WPOOL_OK);
        if (now.workers_leaving) sched_point(true);
    } while (now.workers_leaving);
    SCHED_CHECK(wpool_get_config(scene.pool, &config) == WPOOL_OK);
    bool may_scale = config.max_workers > config.workers; /* by itself */
    SCHED_CHECK(now.workers == config.workers || (may_scale && now.workers > config.workers));
    SCHED_CHECK(now.workers >= 1);
    if (!may_scale) SCHED_CHECK(wpool_workers(scene.pool, NULL, 0) == now.workers);
}

/* All has ended, and was run, but where it may be discarded; the counts say so. */
static void check_all(void) {
    unsigned accepted = 0, runs = 0, good = 0;
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    for (int i = 0; i < TASKS; i++) {
        const task *t = &scene.tasks[i];
        accepted += task_is_accepted(t);
        runs += t->runs;
        good += t->runs && t->error == 0;
    }
    wpool_stats_snapshot now = scene_stats();
    SCHED_CHECK(now.waiting == 0 && now.running == 0 && (scene.running == 0 || scene.may_exit));
    SCHED_CHECK(now.accepted == accepted && now.discarded == accepted - runs);
    SCHED_CHECK(now.succeeded == good || scene.may_exit);
    check_crew();
}

/* -- bodies -- */

static unsigned exits_left;

static void task_works(task *t, wpool_job *job) {
    idle_points(pick(12));
    if (wpool_cancelled(job)) t->error = 7;
}

/* Waits for one that it hands in, on the worker that may be about to leave. */
static void task_nests(task *t, wpool_job *job) {
    task *inner = t + 4;
    (void)job;
    if (inner >= scene.tasks + TASKS) return;
    inner->kind = maybe() ? TASK_ID : TASK_OWN;
    inner->body = task_works;
    if (task_submit(inner) == WPOOL_OK) SCHED_CHECK(task_await(inner, WPOOL_FOREVER) == WPOOL_OK);
}

static void task_forks(task *t, wpool_job *job) {
    (void)t;
    tree_run(job, 1 + pick(2));
}

static void task_may_exit(task *t, wpool_job *job) {
    if (exits_left == 0) return;
    exits_left--;
    task_exit(t, job);
}

/* Several into the own queue: what is too much lies in the own deque. */
static void task_hands_in(task *t, wpool_job *job) {
    (void)job;
    for (unsigned i = 4; i < TASKS && t + i < scene.tasks + TASKS; i += 4)
        task_submit(t + i);
    idle_points(pick(20));
}

static void (*any_body(void))(task *, wpool_job *) {
    static void (*const bodies[])(task *, wpool_job *) = {task_works, task_works,    task_nests,
                                                          task_forks, task_may_exit, task_hands_in};
    return bodies[pick(6)];
}

/* Four tasks of any body; the others are for these. */
static void begin_any(void) {
    scene_all(TASK_KINDS);
    exits_left = 2;
    bool with_forks =
        maybe(); /* who forks must not be left by pthread_exit, nor what runs inside */
    for (int i = 0; i < TASKS; i++) {
        task *t = &scene.tasks[i];
        t->body = i < 4 ? any_body() : task_works;
        if (t->body == (with_forks ? task_may_exit : task_forks)) t->body = task_works;
    }
}

/* -- leaving -- */

/* Whatever they do, whatever they hold. */
SCENARIO(leave_at_work) {
    begin_any();
    scene_open((wpool_config){
        .workers = 2 + pick(2), .queue_capacity = 1 + pick(4), .help = (wpool_help)pick(2)});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(goes, (void *)(uintptr_t)(1 + pick(2)));
    task_submitter(TASKS_FROM(2, 2));
    sched_join(a);
    sched_join(b);
    check_all();
    scene_close();
}

/* One worker leaves, the others are enough for all jobs at once: so they must be. */
SCENARIO(leave_and_meet) {
    task *tasks = begin(TASK_KINDS);
    unsigned stay = 1 + pick(2);
    scene.meeting = stay;
    for (unsigned i = 0; i < stay; i++)
        tasks[i].body = task_meet;
    scene_open((wpool_config){.workers = stay + 1, .queue_capacity = 1 + pick(3)});
    if (maybe()) idle_points(pick(100)); /* all of them asleep */
    int a = sched_spawn(task_submitter, TASKS_FROM(0, stay));
    idle_points(pick(30));
    SCHED_CHECK(wpool_scale(scene.pool, -1, WPOOL_GRACEFUL) == WPOOL_OK);
    sched_join(a);
    check_all();
    scene_close();
}

/* Who hands them in is told to leave, and what it holds must be run, all at once, by those who stay:
   also when these find other work first. */
static void task_leaves_behind(task *t, wpool_job *job) {
    wpool_worker_info infos[4];
    size_t n = wpool_workers(scene.pool, infos, 4);
    for (unsigned i = 1; i <= 2; i++)
        task_submit(t + i);
    if (maybe()) idle_points(pick(60));
    for (size_t i = 0; i < n && i < 4; i++)
        if (infos[i].worker == job->worker->index)
            SCHED_CHECK(wpool_worker_stop(scene.pool, infos[i].worker, WPOOL_GRACEFUL, NULL) ==
                        WPOOL_OK);
    if (maybe()) task_submit(t + 3);
    sched_await(&scene.flags[2]); /* another one has begun, or this one is all that kept it */
}
static void task_meet_and_tell(task *t, wpool_job *job) {
    sched_raise(&scene.flags[2]);
    task_meet(t, job);
}

SCENARIO(leave_things_behind) {
    task *tasks = begin(TASK_KINDS);
    scene.meeting = 2;
    tasks[0].body = task_leaves_behind;
    tasks[1].body = tasks[2].body = task_meet_and_tell;
    tasks[3].body = tasks[4].body = task_works;
    scene_open((wpool_config){.workers = 3, .queue_capacity = 1 + pick(3)});
    if (maybe()) idle_points(pick(60));
    task_submit(&tasks[0]);
    if (maybe()) task_submit(&tasks[4]);
    check_all();
    scene_close();
}

/* It holds what nobody else could have taken when it was told: the queue is paused. */
static void task_keeps(task *t, wpool_job *job) {
    (void)job;
    SCHED_CHECK(wpool_pause(scene.pool) == WPOOL_OK);
    task_submit(t + 1);
    task_submit(t + 2);
    task_submit(t + 3);
    sched_raise(&scene.flags[2]);
    sched_await(&scene.flags[1]);
}

SCENARIO(leave_what_was_held) {
    task *tasks = begin(TASK_KINDS);
    tasks[0].body = task_keeps;
    scene.meeting = 2;
    tasks[1].body = tasks[3].body = maybe() ? task_meet : task_works;
    scene_open((wpool_config){.workers = 3, .queue_capacity = 1});
    task_submit(&tasks[0]);
    sched_await(&scene.flags[2]);
    wpool_worker_info infos[3];
    SCHED_CHECK(wpool_workers(scene.pool, infos, 3) == 3);
    for (unsigned i = 0; i < 3; i++)
        if (infos[i].running)
            SCHED_CHECK(wpool_worker_stop(scene.pool, i, any_mode(), NULL) == WPOOL_OK);
    if (maybe()) SCHED_CHECK(wpool_start(scene.pool) == WPOOL_OK);
    sched_raise(&scene.flags[1]);
    idle_points(pick(40));
    wpool_start(scene.pool);
    check_all();
    scene_close();
}

/* A worker is woken for a job and told to leave at once, again and again: each job is waited for. */
SCENARIO(leave_when_woken) {
    task *tasks = begin(TASK_OWN);
    scene_open((wpool_config){.workers = 2, .queue_capacity = 2});
    for (unsigned i = 0; i < 3; i++) {
        if (maybe()) idle_points(pick(80));
        int a = sched_spawn(task_submitter, TASKS_FROM(i, 1));
        SCHED_CHECK(wpool_scale(scene.pool, -1, any_mode()) == WPOOL_OK);
        sched_join(a);
        SCHED_CHECK(task_await(&tasks[i], WPOOL_FOREVER) == WPOOL_OK);
        if (i < 2) SCHED_CHECK(wpool_scale(scene.pool, 1, WPOOL_GRACEFUL) == WPOOL_OK);
    }
    check_all();
    scene_close();
}

/* The last job that there is ends on a worker that leaves: who waits for that is told. */
static void task_stops_its_worker(task *t, wpool_job *job) {
    (void)t;
    SCHED_CHECK(wpool_worker_stop(scene.pool, job->worker->index, WPOOL_GRACEFUL, NULL) ==
                WPOOL_OK);
    idle_points(pick(40));
}

SCENARIO(leave_last) {
    task *tasks = begin(TASK_PLAIN);
    tasks[0].body = task_stops_its_worker;
    scene_open((wpool_config){.workers = 2, .queue_capacity = 1});
    task_submit(&tasks[0]);
    idle_points(pick(300));
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    check_all();
    scene_close();
}

/* What it held is taken before other work, of which there is always more until then. */
static unsigned links;
static int link_run(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    links++;
    if (scene.tasks[1].runs == 0)
        SCHED_CHECK(wpool_submit(scene.pool, link_run, NULL, NULL) == WPOOL_OK);
    return 0;
}
static void task_leaves_one(task *t, wpool_job *job) {
    bool is_before = maybe();
    if (is_before) task_submit(t + 1);
    SCHED_CHECK(wpool_worker_stop(scene.pool, job->worker->index, WPOOL_GRACEFUL, NULL) ==
                WPOOL_OK);
    idle_points(pick(60));
    if (!is_before) task_submit(t + 1);
    if (is_before && maybe())
        while (t[1].runs == 0)
            sched_point(true);
}

SCENARIO(leave_beside_work) {
    task *tasks = begin(TASK_PLAIN);
    links = 0;
    tasks[0].body = task_leaves_one;
    scene_open((wpool_config){.workers = 2, .queue_capacity = 1});
    task_submit(&tasks[0]);
    for (int i = 0; i < 2; i++)
        SCHED_CHECK(wpool_submit(scene.pool, link_run, NULL, NULL) == WPOOL_OK);
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    SCHED_CHECK(scene_stats().succeeded == 2 + links);
    check_crew();
    scene_close();
}

/* A forked child of who computes is for those who stay: the one who was woken for it leaves. */
static int child_runs(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    sched_raise(&scene.flags[0]);
    return 0;
}
static void task_forks_and_computes(task *t, wpool_job *job) {
    wpool_job child;
    (void)t;
    wpool_fork(job, &child, child_runs, NULL);
    sched_await(&scene.flags[0]);
    wpool_join(job, &child);
}

SCENARIO(leave_when_forked) {
    task *tasks = begin(TASK_KINDS);
    tasks[0].body = task_forks_and_computes;
    scene_open((wpool_config){.workers = 3, .queue_capacity = 2});
    if (maybe()) idle_points(pick(80));
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 1));
    idle_points(pick(40));
    SCHED_CHECK(wpool_scale(scene.pool, -1, any_mode()) == WPOOL_OK);
    sched_join(a);
    check_all();
    scene_close();
}

/* Jobs in wpool_take: when the others leave, the last ones are told that nobody could go on. */
static void task_takes(task *t, wpool_job *job) {
    wpool_result result;
    (void)t, (void)job;
    wpool_status status =
        wpool_take(scene.pool, pick(3) ? WPOOL_FOREVER : 1 + (int64_t)pick(60), &result);
    SCHED_NOTE("take inside, status", status);
    if (status == WPOOL_OK)
        task_taken(&result);
    else
        SCHED_CHECK(status == WPOOL_DEADLOCK || status == WPOOL_TIMEOUT ||
                    (status == WPOOL_DONE && scene.pool->queue.tail & WPOOL__GATE_CLOSED));
}

SCENARIO(leave_in_take) {
    task *tasks = begin(TASK_PLAIN);
    for (int i = 0; i < 3; i++)
        tasks[i].body = task_takes;
    scene_open(
        (wpool_config){.workers = 2 + pick(2), .queue_capacity = 1 + pick(3), .results = true});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2 + pick(3)));
    int b = sched_spawn(goes, (void *)(uintptr_t)(1 + pick(2)));
    if (maybe()) let_one_go(WPOOL_GRACEFUL);
    sched_join(a);
    wpool_close(scene.pool);
    sched_join(b);
    check_all();
    scene_close();
}

/* The one who could have gone on leaves. */
static void task_takes_alone(task *t, wpool_job *job) {
    (void)t, (void)job;
    sched_raise(&scene.flags[2]);
    SCHED_CHECK(wpool_take(scene.pool, WPOOL_FOREVER, NULL) == WPOOL_DEADLOCK);
}

SCENARIO(leave_one_in_take) {
    task *tasks = begin(TASK_PLAIN);
    tasks[0].body = task_takes_alone;
    scene_open((wpool_config){.workers = 2, .queue_capacity = 1, .results = true});
    task_submit(&tasks[0]);
    sched_await(&scene.flags[2]);
    idle_points(pick(60));
    SCHED_CHECK(wpool_scale(scene.pool, -1, WPOOL_GRACEFUL) == WPOOL_OK);
    check_all();
    scene_close();
}

/* Told hot, who runs a job there is told, whatever kind it is; a job elsewhere is not. */
static void told_call(void *arg) { sched_raise((sched_flag *)arg); }
static void task_until_told(task *t, wpool_job *job) {
    sched_flag *is_called = &scene.flags[task_number(t)];
    wpool_status status =
        t->kind == TASK_PLAIN ? WPOOL_INVALID : wpool_on_cancel(job, told_call, is_called);
    if (status == WPOOL_INVALID)
        while (!wpool_cancelled(job))
            sched_point(true);
    else
        sched_await(is_called);
    SCHED_CHECK(wpool_cancelled(job));
    t->error = 7;
}
static void task_untold(task *t, wpool_job *job) {
    (void)t;
    idle_points(pick(30));
    SCHED_CHECK(!wpool_cancelled(job));
}

SCENARIO(leave_hot) {
    task *tasks = begin(TASK_KINDS);
    tasks[0].body = task_until_told;
    tasks[1].body = tasks[2].body = task_untold;
    scene_open((wpool_config){.workers = 2, .queue_capacity = 3});
    task_submit(&tasks[0]);
    if (maybe()) idle_points(pick(40));
    unsigned busy = 2;
    wpool_worker_info infos[2];
    while (busy == 2) {
        wpool_workers(scene.pool, infos, 2);
        for (unsigned i = 0; i < 2; i++)
            if (infos[i].running) busy = i;
        if (busy == 2) sched_point(true);
    }
    int a = sched_spawn(task_submitter, TASKS_FROM(1, 2));
    SCHED_CHECK(wpool_worker_stop(scene.pool, busy, WPOOL_HOT, NULL) == WPOOL_OK);
    if (maybe()) wpool_scale(scene.pool, 1, WPOOL_HOT); /* perhaps in that place */
    sched_join(a);
    check_all();
    SCHED_CHECK(tasks[0].error == 7 && scene_stats().cancelled == 1);
    scene_close();
}

/* -- coming -- */

SCENARIO(come_beside_go) {
    begin_any();
    exits_left = 1;
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(4)});
    int a = sched_spawn(comes, (void *)2), b = sched_spawn(goes, (void *)2);
    task_submitter(TASKS_FROM(0, 4));
    sched_join(a);
    sched_join(b);
    check_all();
    scene_close();
}

/* New workers are enough for all jobs at once. */
SCENARIO(come_and_meet) {
    task *tasks = begin(TASK_KINDS);
    unsigned n = 2 + pick(2), last = pick(2);
    scene.meeting = n;
    for (unsigned i = 0; i < n; i++)
        tasks[i].body = task_meet;
    scene_open((wpool_config){.workers = 1 + last, .queue_capacity = 3});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, n));
    if (last && maybe()) SCHED_CHECK(wpool_scale(scene.pool, -1, WPOOL_GRACEFUL) == WPOOL_OK);
    SCHED_CHECK(wpool_scale_to(scene.pool, n, WPOOL_GRACEFUL) == WPOOL_OK);
    sched_join(a);
    check_all();
    scene_close();
}

/* No thread to be had: nothing has changed. */
SCENARIO(come_in_vain) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){.workers = 1, .queue_capacity = 2});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 3));
    if (maybe()) { /* of the submitter's own none is to fail */
        sched_join(a);
        a = 0;
        sched.allocations_left = (int)pick(3);
    } else {
        sched.threads_left = (int)pick(2);
    }
    wpool_status status = wpool_scale(scene.pool, 2, WPOOL_GRACEFUL);
    sched.threads_left = sched.allocations_left = -1;
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_NO_THREAD || status == WPOOL_NO_MEMORY);
    if (a) sched_join(a);
    check_all();
    SCHED_CHECK(scene_stats().workers == (status == WPOOL_OK ? 3 : 1));
    scene_close();
}

/* -- the end -- */

static void *ends(void *arg) {
    (void)arg;
    switch (pick(4)) {
    case 0:
        wpool_close(scene.pool);
        break;
    case 1:
        wpool_stop(scene.pool, any_mode());
        break;
    case 2:
        SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
        break;
    default:
        SCHED_CHECK(wpool_shutdown(scene.pool, any_mode(), WPOOL_FOREVER) == WPOOL_OK);
    }
    return NULL;
}

/* The last who left, and those who are about to, are joined by who destroys the pool, once each. */
SCENARIO(leave_at_the_end) {
    begin_any();
    scene.may_discard = true;
    scene_open((wpool_config){.workers = 2 + pick(2), .queue_capacity = 1 + pick(4)});
    int a = sched_spawn(ends, NULL), b = sched_spawn(goes, (void *)(uintptr_t)(1 + pick(2)));
    int c = maybe() ? sched_spawn(comes, (void *)1) : 0;
    task_submitter(TASKS_FROM(0, 3));
    sched_join(a);
    sched_join(b);
    if (c) sched_join(c);
    if (maybe()) check_all();
    if (maybe()) let_one_go(any_mode());
    scene_close();
}

/* A hot stop tells everybody, also who came just then. */
SCENARIO(stop_hot_and_come) {
    task *tasks = begin(TASK_KINDS);
    scene.may_discard = true;
    for (int i = 0; i < 2; i++) {
        tasks[i].body = task_until_told;
        tasks[i].kind = maybe() ? TASK_PLAIN : TASK_NOTED;
    }
    scene_open((wpool_config){.workers = 1, .queue_capacity = 2});
    int a = sched_spawn(comes, (void *)1), b = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    idle_points(pick(60));
    wpool_stop(scene.pool, WPOOL_HOT);
    sched_join(a);
    sched_join(b);
    check_all();
    scene_close();
}

/* The same of a part of a job: who came runs it after the stop has returned. */
static bool has_stopped;
static int child_is_told(void *arg, wpool_job *job) {
    (void)arg;
    if (has_stopped) SCHED_CHECK(wpool_cancelled(job));
    sched_raise(&scene.flags[0]);
    return 0;
}
static void task_forks_and_waits(task *t, wpool_job *job) {
    wpool_job child;
    (void)t;
    wpool_fork(job, &child, child_is_told, NULL);
    sched_raise(&scene.flags[2]);
    sched_await(&scene.flags[0]);
    wpool_join(job, &child);
}

SCENARIO(stop_hot_and_fork) {
    task *tasks = begin(TASK_KINDS);
    has_stopped = false;
    tasks[0].body = task_forks_and_waits;
    scene_open((wpool_config){.workers = 1, .queue_capacity = 1});
    task_submit(&tasks[0]);
    sched_await(&scene.flags[2]);
    int a = sched_spawn(comes, (void *)1);
    wpool_stop(scene.pool, WPOOL_HOT);
    has_stopped = true;
    sched_join(a);
    check_all();
    scene_close();
}

/* -- the configuration -- */

static unsigned most; /* capacity so far */

static void configure_capacity(size_t capacity) {
    wpool_config config;
    SCHED_CHECK(wpool_get_config(scene.pool, &config) == WPOOL_OK);
    config.queue_capacity = capacity;
    if (capacity != WPOOL_UNBUFFERED && capacity > most) most = (unsigned)capacity;
    SCHED_CHECK(wpool_configure(scene.pool, &config) == WPOOL_OK);
    SCHED_CHECK(scene.pool->capacity == (capacity == WPOOL_UNBUFFERED ? 0 : capacity));
}

/* Never more than was ever allowed. */
static void look_most(void) {
    const wpool *pool = scene.pool;
    if (!pool || (pool->queue.tail & WPOOL__GATE_CLOSED)) return;
    SCHED_CHECK((pool->queue.tail & WPOOL__GATE_COUNT) - pool->queue.head <= most);
}

static void open_with(unsigned workers, size_t capacity, bool is_paused) {
    most = (unsigned)capacity;
    scene_open(
        (wpool_config){.workers = workers, .queue_capacity = capacity, .start_paused = is_paused});
    sched.look = look_most;
}

/* Submitters who are blocked go on when there are more places, though nothing has run. */
SCENARIO(configure_makes_room) {
    scene_all(TASK_KINDS);
    unsigned n = 2 + pick(4), first = 1 + pick(n - 1);
    open_with(1 + pick(2), 1, true);
    int a = sched_spawn(task_submitter, TASKS_FROM(0, first));
    int b = sched_spawn(task_submitter, TASKS_FROM(first, n - first));
    idle_points(pick(60));
    if (maybe()) configure_capacity(1 + pick(n));
    configure_capacity(n);
    sched_join(a);
    sched_join(b);
    wpool_start(scene.pool);
    check_all();
    scene_close();
}

/* Fewer places: what is queued stays; then no more than that. */
SCENARIO(configure_takes_room) {
    task *tasks = begin(TASK_KINDS);
    unsigned before = 2 + pick(3), after = 1 + pick(before - 1), queued = pick(before + 1);
    open_with(1, before, true);
    bool is_before = maybe();
    for (unsigned i = 0; i < queued; i++)
        tasks[i].tries = !is_before; /* else it has room for sure */
    int a = sched_spawn(task_submitter, TASKS_FROM(0, queued));
    if (is_before) sched_join(a);
    configure_capacity(after);
    if (!is_before) sched_join(a);
    unsigned in = (unsigned)scene_stats().accepted;
    for (unsigned i = 6; i < 6 + before; i++) {
        tasks[i].tries = true;
        tasks[i].kind = maybe() ? TASK_PLAIN : TASK_ID;
        wpool_status status = task_submit(&tasks[i]);
        SCHED_CHECK(status == (in < after ? WPOOL_OK : WPOOL_FULL));
        in += status == WPOOL_OK;
    }
    wpool_start(scene.pool);
    check_all();
    scene_close();
}

/* One worker takes each submitter's jobs in order, whatever ring they are in. */
static unsigned seen[2];
static void task_in_order(task *t, wpool_job *job) {
    unsigned n = (unsigned)task_number(t), who = n >= 6;
    (void)job;
    SCHED_CHECK(seen[who] == n - 6 * who);
    seen[who]++;
}

SCENARIO(configure_grows) {
    task *tasks = begin(TASK_KINDS);
    bool is_alone = maybe();
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < TASKS; i++)
        tasks[i].body = is_alone ? task_in_order : task_works;
    open_with(is_alone ? 1 : 2, 1, maybe());
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 5));
    int b = sched_spawn(task_submitter, TASKS_FROM(6, 5));
    for (unsigned capacity = 2 + pick(2), n = 1 + pick(3); n > 0; n--, capacity *= 2) {
        idle_points(pick(30));
        configure_capacity(capacity);
        wpool_start(scene.pool);
    }
    sched_join(a);
    sched_join(b);
    check_all();
    scene_close();
}

/* To and fro, with all that a full queue can mean. */
SCENARIO(configure_anything) {
    begin_any();
    exits_left = 0;
    most = 5;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = pick(4) ? 1 + pick(3) : WPOOL_UNBUFFERED,
                              .max_workers = pick(2) ? 3 : 0});
    scene.may_discard = true;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = maybe() ? sched_spawn(goes, (void *)1) : 0;
    for (unsigned n = 1 + pick(3); n > 0; n--) {
        wpool_config config;
        SCHED_CHECK(wpool_get_config(scene.pool, &config) == WPOOL_OK);
        config.queue_capacity = pick(4) ? 1 + pick(5) : WPOOL_UNBUFFERED;
        config.when_full = (wpool_when_full)pick(4);
        config.help = (wpool_help)pick(2);
        if (sched.thread_count < SCHEDULER_THREADS - 3) config.workers = 1 + pick(3);
        wpool_status status = wpool_configure(scene.pool, &config);
        SCHED_CHECK(status == WPOOL_OK || (status == WPOOL_NO_THREAD && config.max_workers == 3));
        idle_points(pick(20));
    }
    task_submitter(TASKS_FROM(2, 2));
    sched_join(a);
    if (b) sched_join(b);
    check_all();
    scene_close();
}

/* -- unbuffered: a submit returns when a worker has the job -- */

static void task_is_there(task *t, wpool_job *job) {
    (void)job;
    idle_points(pick(10));
    SCHED_NOTE("handed over, task", task_number(t));
}

SCENARIO(unbuffered_scaled) {
    task *tasks = begin(TASK_KINDS);
    unsigned workers = 1 + pick(3);
    for (int i = 0; i < TASKS; i++)
        tasks[i].body = task_is_there;
    scene_open((wpool_config){.workers = workers, .queue_capacity = WPOOL_UNBUFFERED});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 3));
    int b = sched_spawn(maybe() ? comes : goes, (void *)(uintptr_t)(1 + pick(2)));
    task_submitter(TASKS_FROM(3, 3));
    sched_join(a);
    sched_join(b);
    check_all();
    scene_close();
}

/* A place in the pool is a worker without work: one that came is one more. */
SCENARIO(unbuffered_one_more) {
    task *tasks = begin(TASK_KINDS);
    unsigned n = 2 + pick(2);
    scene.meeting = n;
    for (unsigned i = 0; i < n; i++)
        tasks[i].body = task_meet;
    scene_open((wpool_config){.workers = n - 1, .queue_capacity = WPOOL_UNBUFFERED});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 1));
    int b = sched_spawn(task_submitter, TASKS_FROM(1, n - 1));
    idle_points(pick(60));
    SCHED_CHECK(wpool_scale(scene.pool, 1, WPOOL_GRACEFUL) == WPOOL_OK);
    sched_join(a);
    sched_join(b);
    check_all();
    scene_close();
}

/* Blocked before and after: from no places to some, and back. */
SCENARIO(unbuffered_and_back) {
    scene_all(TASK_KINDS);
    bool is_first = maybe();
    most = TASKS;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = is_first ? WPOOL_UNBUFFERED : 1 + pick(2)});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 3));
    int b = sched_spawn(task_submitter, TASKS_FROM(3, 3));
    idle_points(pick(40));
    for (unsigned n = 1 + pick(3); n > 0; n--, is_first = !is_first) {
        configure_capacity(is_first ? 1 + pick(3) : WPOOL_UNBUFFERED);
        idle_points(pick(20));
    }
    sched_join(a);
    sched_join(b);
    check_all();
    scene_close();
}
