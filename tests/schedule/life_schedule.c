/* The pool's life: pause and start, drain, stop, shutdown; inline pools; what the system refuses;
   jobs that leave their thread. */
#include "scenario.h"

static unsigned runs_so_far(void) {
    unsigned n = 0;
    for (int i = 0; i < TASKS; i++)
        n += scene.tasks[i].runs;
    return n;
}

/* Every accepted task has ended by now. */
static void check_all_ended(void) {
    for (int i = 0; i < TASKS; i++)
        if (task_is_accepted(&scene.tasks[i]))
            SCHED_CHECK(scene.tasks[i].ends == 1 || scene.may_discard || scene.may_exit);
}

static void stop_or_close(void) {
    scene.may_discard = maybe();
    if (scene.may_discard) {
        wpool_stop(scene.pool, maybe() ? WPOOL_HOT : WPOOL_GRACEFUL);
    } else {
        wpool_close(scene.pool);
    }
    scene.is_closed = true;
}

/* -- pause -- */

/* After a pause each worker starts no more than what it has in its hands. */
static void *pauser(void *times) {
    for (uintptr_t i = (uintptr_t)times; i > 0; i--) {
        SCHED_CHECK(wpool_pause(scene.pool) == WPOOL_OK);
        unsigned before = runs_so_far();
        if (maybe()) SCHED_CHECK(wpool_pause(scene.pool) == WPOOL_ALREADY);
        idle_points(pick(40));
        if (!scene.may_discard && !scene.is_closed)
            SCHED_CHECK(runs_so_far() <= before + scene.pool->crew.serving);
        SCHED_CHECK(wpool_start(scene.pool) == WPOOL_OK);
        idle_points(pick(20));
    }
    return NULL;
}

SCENARIO(pause_and_submit) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){
        .workers = 1 + pick(2),
        .queue_capacity = pick(4) ? 1 + pick(3) : WPOOL_UNBUFFERED,
    });
    int a = sched_spawn(pauser, (void *)2), b = sched_spawn(task_submitter, TASKS_FROM(0, 3));
    task_submitter(TASKS_FROM(3, 3));
    sched_join(a);
    sched_join(b);
    if (maybe()) wpool_pause(scene.pool); /* the end starts it */
    scene_close();
    check_all_ended();
}

/* A pause lets nothing start that is submitted after it, also if a worker was about to look. */
SCENARIO(pause_holds_what_comes_after_it) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 2 + pick(3)});
    task_submitter(TASKS_FROM(0, pick(3)));
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    idle_points(pick(30));
    SCHED_CHECK(wpool_pause(scene.pool) == WPOOL_OK);
    unsigned before = runs_so_far();
    task_submitter(TASKS_FROM(3, 2));
    idle_points(pick(60));
    SCHED_CHECK(runs_so_far() == before);
    bool is_to_stop = scene.may_discard = pick(4) == 0;
    if (is_to_stop) SCHED_CHECK(wpool_stop(scene.pool, WPOOL_GRACEFUL) == WPOOL_OK);
    scene.is_closed = is_to_stop;
    scene_close();
    check_all_ended();
}

SCENARIO(pause_and_stop) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){
        .workers = 1 + pick(2), .queue_capacity = 1 + pick(3), .start_paused = maybe()});
    if (scene.pool->config.start_paused) wpool_start(scene.pool);
    scene.may_discard = true;
    int a = sched_spawn(pauser, (void *)2), b = sched_spawn(task_submitter, TASKS_FROM(0, 4));
    idle_points(pick(60));
    SCHED_CHECK(wpool_stop(scene.pool, WPOOL_GRACEFUL) == WPOOL_OK);
    scene.is_closed = true;
    sched_join(a);
    wpool_pause(scene.pool); /* holds back nothing now */
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    sched_join(b);
    scene_close();
}

/* -- drain, shutdown, stop -- */

static void *drainer(void *arg) {
    (void)arg;
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    return NULL;
}

SCENARIO(drain_while_jobs_submit) {
    scene_all(TASK_KINDS);
    for (int i = 0; i < 4; i++)
        scene.tasks[i].body = task_chain;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(3),
                              .when_full = pick(3) ? WPOOL_BLOCK : WPOOL_RUN});
    int a = sched_spawn(drainer, NULL);
    task_submitter(TASKS_FROM(0, 4));
    drainer(NULL);
    for (int i = 0; i < TASKS; i++) /* also its on_done, and all that its end hands over */
        SCHED_CHECK(scene.tasks[i].ends == 1 && (!scene.tasks[i].has_done || scene.tasks[i].dones));
    sched_join(a);
    scene_close();
}

/* Ends when it is told to, or flag 1 is raised. */
static void task_until_cancelled(task *t, wpool_job *job) {
    sched_raise(&scene.flags[2]);
    while (!scene.flags[1] && !wpool_cancelled(job))
        sched_point(true);
    if (wpool_cancelled(job)) t->error = 5;
}

SCENARIO(shutdown_in_time_or_not) {
    scene_all(TASK_KINDS);
    bool is_hot = maybe();
    scene.tasks[0].body = is_hot ? task_until_cancelled : task_tell_and_hold;
    scene_open(
        (wpool_config){.workers = 1 + pick(2), .queue_capacity = 4, .results = pick(4) == 0});
    task_submitter(TASKS_FROM(0, 3));
    sched_await(&scene.flags[2]);
    int64_t begin = sched.now, timeout = (int64_t)pick(3) * 200;
    scene.may_discard = true;
    wpool_status status = wpool_shutdown(scene.pool, is_hot ? WPOOL_HOT : WPOOL_GRACEFUL, timeout);
    SCHED_CHECK(status == WPOOL_TIMEOUT && sched.now - begin >= timeout);
    SCHED_CHECK(task_submit(&scene.tasks[4]) == WPOOL_CLOSED);
    if (!is_hot) SCHED_CHECK(scene.tasks[0].ends == 0);
    if (!is_hot) sched_raise(&scene.flags[1]);
    SCHED_CHECK(wpool_shutdown(scene.pool, WPOOL_GRACEFUL, WPOOL_FOREVER) == WPOOL_OK);
    if (is_hot && scene.tasks[0].has_done)
        SCHED_CHECK(scene.tasks[0].state == WPOOL_STATE_CANCELLED);
    scene_close();
    SCHED_CHECK(scene.tasks[0].ends == 1);
}

static void *raiser(void *arg) {
    (void)arg;
    idle_points(pick(60));
    sched_raise(&scene.flags[1]);
    return NULL;
}

SCENARIO(shutdown_against_the_end) {
    scene_all(TASK_KINDS);
    scene.tasks[0].body = scene.tasks[2].body = task_hold;
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 4});
    int a = sched_spawn(raiser, NULL);
    task_submitter(TASKS_FROM(0, 4));
    wpool_status status = wpool_shutdown(scene.pool, WPOOL_GRACEFUL, (int64_t)pick(100));
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT);
    if (status == WPOOL_OK) check_all_ended();
    scene.may_discard = status == WPOOL_TIMEOUT;
    sched_join(a);
    scene_close();
}

/* Jobs overflow, batches lie in deques, others steal: and then it stops, perhaps from inside. */
static void task_stop(task *t, wpool_job *job) {
    (void)t, (void)job;
    wpool_stop(scene.pool, WPOOL_GRACEFUL);
    scene.is_closed = true;
}

SCENARIO(stop_against_everything) {
    scene_all(TASK_KINDS);
    scene.may_discard = true;
    for (int i = 0; i < 4; i++)
        scene.tasks[i].body = task_chain;
    if (maybe()) scene.tasks[2].body = task_stop;
    scene_open((wpool_config){.workers = 1 + pick(3),
                              .queue_capacity = 1 + pick(4),
                              .when_full = (wpool_when_full)pick(4),
                              .start_paused = maybe()});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(task_submitter, TASKS_FROM(2, 2));
    wpool_start(scene.pool);
    idle_points(pick(60));
    wpool_status status = wpool_stop(scene.pool, maybe() ? WPOOL_HOT : WPOOL_GRACEFUL);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
    scene_check_stopped();
    scene.is_closed = true;
    drainer(NULL);
    sched_join(a);
    sched_join(b);
    scene_close();
}

/* -- stats -- */

static void *watcher(void *arg) {
    wpool_stats_snapshot before = {0}, now;
    (void)arg;
    for (int i = 0; i < 6; i++, before = now) {
        now = scene_stats();
        SCHED_CHECK(now.waiting <= now.accepted && now.accepted <= TASKS);
        SCHED_CHECK(now.running <= scene.pool->crew.serving && now.succeeded <= now.accepted);
        SCHED_CHECK(now.workers_idle <= now.workers);
        SCHED_CHECK(now.accepted >= before.accepted && now.succeeded >= before.succeeded);
        SCHED_CHECK(now.failed >= before.failed && now.cancelled >= before.cancelled &&
                    now.discarded >= before.discarded);
    }
    return NULL;
}

SCENARIO(stats_add_up) {
    scene_all(TASK_KINDS);
    for (int i = 0; i < TASKS; i++)
        scene.tasks[i].error = maybe() ? 3 : 0;
    wpool_when_full when_full = pick(3) ? WPOOL_BLOCK : WPOOL_DROP_OLDEST;
    scene_open((wpool_config){
        .workers = 1 + pick(2), .queue_capacity = 1 + pick(3), .when_full = when_full});
    int a = sched_spawn(watcher, NULL), b = sched_spawn(task_submitter, TASKS_FROM(0, 4));
    task_submitter(TASKS_FROM(4, 4));
    if (maybe()) stop_or_close();
    scene.may_discard |= when_full == WPOOL_DROP_OLDEST;
    sched_join(b);
    drainer(NULL);
    wpool_stats_snapshot end = scene_stats();
    uint64_t accepted = 0, runs = runs_so_far(), good = 0;
    for (int i = 0; i < 8; i++) {
        accepted += scene.tasks[i].status == WPOOL_OK;
        good += scene.tasks[i].runs && scene.tasks[i].error == 0;
    }
    SCHED_CHECK(end.accepted == accepted && end.discarded == accepted - runs);
    SCHED_CHECK(end.waiting == 0 && end.running == 0 && end.succeeded == good);
    sched_join(a);
    scene_close();
}

/* -- inline -- */

static void *inline_user(void *range) {
    unsigned from = (unsigned)(uintptr_t)range / 16, count = (unsigned)(uintptr_t)range % 16;
    for (unsigned i = from; i < from + count; i++) {
        task *t = &scene.tasks[i];
        wpool_result result;
        bool is_accepted = task_submit(t) == WPOOL_OK;
        bool is_waited_for = t->kind == TASK_ID || t->kind == TASK_OWN;
        switch (pick(4)) {
        case 0:
            if (is_accepted && is_waited_for && !scene.pool->config.results)
                SCHED_CHECK(task_await(t, WPOOL_FOREVER) == WPOOL_OK);
            break;
        case 1:
            if (scene.pool->config.results &&
                wpool_take(scene.pool, maybe() ? WPOOL_NOW : 30, &result) == WPOOL_OK)
                task_taken(&result);
            break;
        case 2:
            drainer(NULL);
            break;
        default:
            break;
        }
    }
    return NULL;
}

SCENARIO(inline_threads) {
    scene_all(TASK_KINDS);
    for (int i = 0; i < 8; i++)
        if (pick(3) == 0) scene.tasks[i].body = task_chain;
    wpool_when_full when_full = (wpool_when_full)pick(4);
    scene_open((wpool_config){.max_workers = WPOOL_INLINE,
                              .queue_capacity = pick(6) ? 1 + pick(3) : WPOOL_UNBUFFERED,
                              .when_full = when_full,
                              .results = maybe()});
    scene.may_discard = when_full == WPOOL_DROP_OLDEST;
    int a = sched_spawn(inline_user, TASKS_FROM(0, 2));
    int b = sched_spawn(inline_user, TASKS_FROM(2, 1));
    if (maybe())
        inline_user(TASKS_FROM(3, 1));
    else
        idle_points(pick(60));
    if (pick(3) == 0) {
        scene.may_discard = true;
        wpool_stop(scene.pool, WPOOL_GRACEFUL);
        scene.is_closed = true;
    }
    if (maybe()) drainer(NULL);
    sched_join(a);
    sched_join(b);
    scene_close();
}

static void *inline_reader(void *arg) {
    wpool_result result;
    (void)arg;
    while (wpool_take(scene.pool, WPOOL_FOREVER, &result) == WPOOL_OK)
        task_taken(&result);
    return NULL;
}

/* All that waits at once must be told of the end, whoever runs the last job. */
SCENARIO(inline_end) {
    scene_all((task_kind)pick(3));
    scene_open((wpool_config){.max_workers = WPOOL_INLINE,
                              .queue_capacity = 1 + pick(3),
                              .start_paused = pick(4) == 0,
                              .results = true});
    int a = sched_spawn(inline_reader, NULL), b = sched_spawn(drainer, NULL);
    int c = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    idle_points(pick(30));
    wpool_start(scene.pool);
    task_submitter(TASKS_FROM(2, 2));
    sched_join(c);
    stop_or_close();
    sched_join(a);
    sched_join(b);
    unsigned n = 0;
    for (int i = 0; i < 4; i++)
        n += scene.tasks[i].deliveries;
    SCHED_CHECK(n == 4);
    scene_close();
}

/* -- what the system refuses -- */

static unsigned hooked_starts, hooked_exits;
static void *hook_start(void *user, unsigned worker) {
    (void)worker;
    hooked_starts++;
    return user;
}
static void hook_exit(void *user, unsigned worker, void *state) {
    (void)worker;
    SCHED_CHECK(state == user);
    hooked_exits++;
}
static wpool_hooks hooks(void) {
    hooked_starts = hooked_exits = 0;
    return (wpool_hooks){
        .worker_start = hook_start, .worker_exit = hook_exit, .user = &hooked_starts};
}

/* The caller-owned jobs exist beforehand: theirs is not the memory that fails. */
static void make_own_jobs(void) {
    for (int i = 0; i < 8; i++)
        if (scene.tasks[i].kind >= TASK_OWN_FREED)
            scene.tasks[i].own = (wpool_job *)sched_calloc(sizeof(wpool_job));
}

static void task_chain_and_await(task *t, wpool_job *job) {
    (void)job;
    if (maybe()) sched.allocations_left = (int)pick(3);
    if (task_submit(&t[4]) != WPOOL_OK) return;
    if (t[4].kind == TASK_ID || t[4].kind == TASK_OWN)
        SCHED_CHECK(task_await(&t[4], WPOOL_FOREVER) == WPOOL_OK);
}

SCENARIO(memory_fails) {
    scene_all(TASK_KINDS);
    make_own_jobs();
    const wpool_config config = {.workers = 1 + pick(2),
                                 .queue_capacity = 1 + pick(3),
                                 .results = maybe(),
                                 .hooks = hooks()};
    sched.allocations_left = (int)pick(12);
    wpool_status status = wpool_create(&scene.pool, &config);
    if (status != WPOOL_OK) {
        SCHED_CHECK(status == WPOOL_NO_MEMORY && !scene.pool && hooked_starts == hooked_exits);
        for (int i = 0; i < 8; i++)
            sched_free(scene.tasks[i].own);
        return;
    }
    for (int i = 0; i < 4; i++)
        scene.tasks[i].body = task_chain_and_await;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    sched.allocations_left = (int)pick(4);
    task_submitter(TASKS_FROM(2, 2));
    sched.allocations_left = (int)pick(4);
    sched_join(a);
    drainer(NULL);
    sched.allocations_left = -1;
    for (int i = 4; i < 8; i++)
        if (!scene.tasks[i].is_handed_in) task_submit(&scene.tasks[i]);
    for (int i = 0; i < 8; i++)
        SCHED_CHECK(scene.tasks[i].status == WPOOL_OK || scene.tasks[i].status == WPOOL_NO_MEMORY);
    scene_close();
    SCHED_CHECK(hooked_starts == hooked_exits);
}

SCENARIO(threads_fail) {
    scene_all(TASK_KINDS);
    unsigned workers = 1 + pick(3);
    sched.threads_left = (int)pick(workers);
    wpool_status status = wpool_create(
        &scene.pool,
        &(wpool_config){.workers = workers, .start_paused = maybe(), .hooks = hooks()});
    SCHED_CHECK(status == WPOOL_NO_THREAD && !scene.pool);
    SCHED_CHECK(hooked_starts == hooked_exits && sched.allocated == 0);
}

/* -- jobs that leave their thread -- */

static void task_await_the_leaver(task *t, wpool_job *job) {
    (void)job;
    SCHED_CHECK(task_submit(&t[4]) == WPOOL_OK);
    if (t[4].kind == TASK_ID || t[4].kind == TASK_OWN) {
        scene.may_exit = true;
        SCHED_CHECK(task_await(&t[4], WPOOL_FOREVER) == WPOOL_OK);
    }
}

SCENARIO(jobs_leave) {
    scene_all(TASK_KINDS);
    bool is_nested = maybe();
    scene.tasks[pick(4)].body = task_exit;
    scene.tasks[pick(4)].body = is_nested ? task_await_the_leaver : task_exit;
    for (int i = 4; i < 8; i++)
        scene.tasks[i].body = is_nested ? task_exit : NULL;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(4),
                              .help = maybe() ? WPOOL_HELP_NARROW : WPOOL_HELP_ANY,
                              .hooks = hooks()});
    sched.threads_left = maybe() ? (int)pick(3) : -1;
    int a = sched.threads_left < 0 ? sched_spawn(task_submitter, TASKS_FROM(0, 2)) : 0;
    if (!a) task_submitter(TASKS_FROM(0, 2));
    task_submitter(TASKS_FROM(2, 2));
    if (a) sched_join(a);
    task *t = &scene.tasks[pick(4)];
    if (t->kind == TASK_ID || t->kind == TASK_OWN)
        SCHED_CHECK(task_await(t, WPOOL_FOREVER) == WPOOL_OK);
    if (maybe() || is_nested) drainer(NULL);
    scene_close();
    SCHED_CHECK(hooked_starts == hooked_exits);
}

/* A submitter runs the job itself, or as an inline pool's worker, and is gone. */
SCENARIO(jobs_leave_with_their_caller) {
    scene_all(TASK_KINDS);
    bool is_inline = maybe();
    for (int i = 0; i < 8; i++)
        scene.tasks[i].body = pick(3) == 0 ? task_exit : NULL;
    scene_open((wpool_config){.workers = is_inline ? 0 : 1,
                              .max_workers = is_inline ? WPOOL_INLINE : 1,
                              .queue_capacity = 1,
                              .when_full = maybe() ? WPOOL_RUN : WPOOL_BLOCK,
                              .hooks = hooks()});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 3));
    int b = sched_spawn(inline_user, TASKS_FROM(3, 2));
    int c = sched_spawn(drainer, NULL);
    sched_join(a);
    sched_join(b);
    sched_join(c);
    drainer(NULL);
    scene_close();
    SCHED_CHECK(hooked_starts == hooked_exits);
}
