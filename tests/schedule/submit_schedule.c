/* Accepting jobs, and what a full queue means. */
#include "scenario.h"

SCENARIO(submit_destroy) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){.workers = 1 + pick(3), .queue_capacity = 1 + pick(3)});
    sched.look = scene_look_capacity;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(task_submitter, TASKS_FROM(2, 2));
    task_submit(&scene.tasks[4]);
    sched_join(a);
    sched_join(b);
    scene_close();
    for (int i = 0; i < 5; i++)
        SCHED_CHECK(scene.tasks[i].status == WPOOL_OK);
}

/* As many jobs as workers wait for each other: no job waits while a worker is idle. */
static void meet(unsigned workers) {
    scene_all(TASK_KINDS);
    unsigned before = pick(3), first = before, n = workers;
    scene.meeting = workers;
    for (unsigned i = 0; i < n; i++)
        scene.tasks[first + i].body = task_meet;
    scene_open((wpool_config){.workers = workers, .start_paused = pick(4) == 0});
    task_submitter(TASKS_FROM(0, before));
    if (!maybe())
        wpool_start(scene.pool);
    else if (wpool_start(scene.pool) == WPOOL_OK || maybe())
        wpool_drain(scene.pool, WPOOL_FOREVER);
}

SCENARIO(meet_one_submitter) {
    unsigned workers = 2 + pick(2);
    meet(workers);
    for (unsigned i = 0; i < TASKS; i++)
        if (scene.tasks[i].body) task_submit(&scene.tasks[i]);
    scene_close();
    SCHED_CHECK(scene.met == workers);
}

static void *meet_submitter(void *half) {
    for (unsigned i = 0; i < TASKS; i++)
        if (scene.tasks[i].body && i % 2 == (uintptr_t)half) task_submit(&scene.tasks[i]);
    return NULL;
}

SCENARIO(meet_two_submitters) {
    unsigned workers = 2 + pick(2);
    meet(workers);
    int other = sched_spawn(meet_submitter, (void *)1);
    meet_submitter((void *)0);
    sched_join(other);
    scene_close();
    SCHED_CHECK(scene.met == workers);
}

/* All are queued when the workers come: what one takes as a batch others must be able to steal. */
SCENARIO(meet_in_a_batch) {
    unsigned workers = 2 + pick(2), quick = pick(3);
    scene_all(TASK_KINDS);
    scene.meeting = workers;
    for (unsigned i = 0; i < workers; i++)
        scene.tasks[(i + quick) % (workers + quick)].body = task_meet;
    scene_open((wpool_config){.workers = workers, .start_paused = true, .queue_capacity = 8});
    task_submitter(TASKS_FROM(0, workers + quick));
    wpool_start(scene.pool);
    scene_close();
    SCHED_CHECK(scene.met == workers);
}

/* A job makes the others and then waits without the pool knowing. */
static void task_fork_and_meet(task *t, wpool_job *job) {
    for (unsigned i = 1; i < scene.meeting; i++)
        SCHED_CHECK(task_submit(&t[i]) == WPOOL_OK);
    task_meet(t, job);
}

SCENARIO(meet_own_children) {
    unsigned workers = 2 + pick(2);
    scene_all(TASK_KINDS);
    scene.meeting = workers;
    for (unsigned i = 0; i < workers; i++)
        scene.tasks[i].body = i ? task_meet : task_fork_and_meet;
    scene_open((wpool_config){.workers = workers, .queue_capacity = 1 + pick(2)});
    if (maybe()) wpool_drain(scene.pool, WPOOL_FOREVER);
    task_submit(&scene.tasks[0]);
    wpool_drain(scene.pool, WPOOL_FOREVER); /* a close would refuse the children */
    scene_close();
    SCHED_CHECK(scene.met == workers);
}

SCENARIO(submit_close) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(3)});
    sched.look = scene_look_capacity;
    for (unsigned i = 0; i < 4; i++)
        scene.tasks[i].tries = pick(4) == 0;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(task_submitter, TASKS_FROM(2, 2));
    for (unsigned i = pick(40); i > 0; i--)
        sched_point(true);
    SCHED_CHECK(wpool_close(scene.pool) == WPOOL_OK);
    scene.is_closed = true;
    SCHED_CHECK(wpool_close(scene.pool) == WPOOL_ALREADY);
    SCHED_CHECK(task_submit(&scene.tasks[4]) == WPOOL_CLOSED);
    sched_join(a);
    sched_join(b);
    for (unsigned i = 0; i < 4; i++)
        SCHED_CHECK(scene.tasks[i].status == WPOOL_OK || scene.tasks[i].status == WPOOL_CLOSED ||
                    (scene.tasks[i].tries && scene.tasks[i].status == WPOOL_FULL));
    scene_close();
}

/* The one worker holds a job, or the pool is paused; the queue is full. Tasks 0..3 are used. */
static void fill(wpool_config config) {
    scene_all(TASK_KINDS);
    config.workers = 1;
    config.start_paused = maybe();
    scene_open(config);
    sched.look = scene_look_capacity;
    if (!config.start_paused) {
        scene.tasks[0].body = task_tell_and_hold;
        task_submit(&scene.tasks[0]);
        sched_await(&scene.flags[2]);
    }
    task_submitter(TASKS_FROM(1, (unsigned)scene.pool->capacity));
}

SCENARIO(blocked_close) {
    fill((wpool_config){.queue_capacity = 1 + pick(2)});
    int a = sched_spawn(task_submitter, TASKS_FROM(4, 1));
    int b = sched_spawn(task_submitter, TASKS_FROM(5, 2));
    wpool_close(scene.pool);
    scene.is_closed = true;
    sched_join(a);
    sched_join(b);
    for (int i = 4; i < 7; i++)
        SCHED_CHECK(scene.tasks[i].status == WPOOL_CLOSED);
    sched_raise(&scene.flags[1]);
    scene_close();
}

SCENARIO(blocked_stop) {
    fill((wpool_config){.queue_capacity = 1 + pick(2)});
    scene.may_discard = true;
    int a = sched_spawn(task_submitter, TASKS_FROM(4, 1));
    int b = sched_spawn(task_submitter, TASKS_FROM(5, 2));
    SCHED_CHECK(wpool_stop(scene.pool, maybe() ? WPOOL_HOT : WPOOL_GRACEFUL) == WPOOL_OK);
    scene.is_closed = true;
    for (int i = 1; i < 4; i++)
        SCHED_CHECK(scene.tasks[i].runs == 0);
    sched_join(a);
    sched_join(b);
    sched_raise(&scene.flags[1]);
    scene_close();
    for (int i = 4; i < 7; i++)
        SCHED_CHECK(scene.tasks[i].status == WPOOL_CLOSED);
}

/* One job ends: one blocked submitter goes on, and only one. */
SCENARIO(blocked_one_place) {
    fill((wpool_config){.queue_capacity = 1 + pick(2)});
    int a = sched_spawn(task_submitter, TASKS_FROM(4, 1));
    int b = sched_spawn(task_submitter, TASKS_FROM(5, 2));
    sched_raise(&scene.flags[1]);
    wpool_start(scene.pool);
    sched_join(a);
    sched_join(b);
    for (int i = 4; i < 7; i++)
        SCHED_CHECK(scene.tasks[i].status == WPOOL_OK);
    scene_close();
}

SCENARIO(try_and_timed) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){.workers = 1,
                              .queue_capacity = 1 + pick(2),
                              .when_full = maybe() ? WPOOL_BLOCK : WPOOL_REFUSE,
                              .start_paused = maybe()});
    sched.look = scene_look_capacity;
    int64_t begin = sched.now;
    for (int i = 0; i < 4; i++) {
        scene.tasks[i].tries = i % 2;
        scene.tasks[i].timeout = 100 + (int64_t)pick(100);
    }
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(task_submitter, TASKS_FROM(2, 2));
    sched_join(a);
    sched_join(b);
    unsigned accepted = 0;
    for (int i = 0; i < 4; i++) {
        const task *t = &scene.tasks[i];
        accepted += t->status == WPOOL_OK;
        SCHED_CHECK(t->status == WPOOL_OK || t->status == (t->tries ? WPOOL_FULL : WPOOL_TIMEOUT));
        if (t->status == WPOOL_TIMEOUT) SCHED_CHECK(sched.now - begin >= t->timeout);
    }
    if (wpool_start(scene.pool) == WPOOL_OK) SCHED_CHECK(accepted == scene.pool->capacity);
    scene_close();
}

static void *submit_many_thread(void *arg) {
    wpool_status why;
    (void)arg;
    task_submit_many(6, 3, &why);
    return NULL;
}

SCENARIO(submit_many) {
    static const wpool_when_full policies[] = {WPOOL_BLOCK, WPOOL_REFUSE, WPOOL_RUN};
    wpool_when_full when_full = policies[pick(3)];
    wpool_status why;
    scene_all(TASK_KINDS);
    bool results = maybe();
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(3),
                              .when_full = when_full,
                              .results = results});
    if (when_full != WPOOL_RUN) sched.look = scene_look_capacity;
    int other = sched_spawn(submit_many_thread, NULL);
    size_t done = task_submit_many(0, 4, &why);
    bool closes = maybe();
    if (closes) wpool_close(scene.pool);
    sched_join(other);
    SCHED_CHECK(why == (done == 4 ? WPOOL_OK : WPOOL_FULL));
    if (when_full != WPOOL_REFUSE) SCHED_CHECK(done == 4);
    if (!closes && results)
        for (size_t i = 0; i < done; i++)
            SCHED_CHECK(wpool_take(scene.pool, WPOOL_FOREVER, NULL) == WPOOL_OK);
    scene_close();
}

/* One worker starts them in the order in which they came. */
static void task_in_order(task *t, wpool_job *job) {
    (void)job;
    SCHED_CHECK(scene.met++ == (unsigned)task_number(t));
}

SCENARIO(order_of_one_worker) {
    scene_all(TASK_KINDS);
    for (int i = 0; i < 6; i++)
        scene.tasks[i].body = task_in_order;
    scene_open((wpool_config){.workers = 1, .queue_capacity = 2 + pick(4)});
    wpool_status why;
    task_submitter(TASKS_FROM(0, 2));
    for (unsigned done = 2; done < 5;)
        done += (unsigned)task_submit_many(done, 5 - done, &why);
    task_submit(&scene.tasks[5]);
    scene_close();
}

/* When the submit has returned, the job is not in the queue any more. */
static void *unbuffered_submitter(void *range) {
    unsigned from = (unsigned)(uintptr_t)range / 16, count = (unsigned)(uintptr_t)range % 16;
    for (unsigned i = from; i < from + count; i++) {
        wpool_status status = task_submit(&scene.tasks[i]);
        uint64_t tail = scene.pool->queue.tail & ~WPOOL__GATE_CLOSED;
        if (status == WPOOL_OK) SCHED_CHECK(tail - scene.pool->queue.head <= scene.inside);
    }
    return NULL;
}

SCENARIO(unbuffered) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = WPOOL_UNBUFFERED});
    int a = sched_spawn(unbuffered_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(unbuffered_submitter, TASKS_FROM(2, 2));
    sched_join(a);
    sched_join(b);
    for (int i = 0; i < 4; i++)
        SCHED_CHECK(scene.tasks[i].status == WPOOL_OK);
    scene_close();
}

SCENARIO(unbuffered_end) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = WPOOL_UNBUFFERED});
    scene.tasks[0].body = scene.tasks[2].body = task_hold;
    scene.tasks[1].tries = maybe();
    scene.tasks[3].timeout = maybe() ? 50 : 0;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(task_submitter, TASKS_FROM(2, 2));
    for (unsigned i = pick(60); i > 0; i--)
        sched_point(true);
    scene.may_discard = maybe();
    if (scene.may_discard)
        wpool_stop(scene.pool, WPOOL_GRACEFUL);
    else
        wpool_close(scene.pool);
    scene.is_closed = true;
    sched_join(a);
    sched_join(b);
    for (int i = 0; i < 4; i++) {
        wpool_status status = scene.tasks[i].status;
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_CLOSED ||
                    (status == WPOOL_FULL && i == 1) || (status == WPOOL_TIMEOUT && i == 3));
    }
    sched_raise(&scene.flags[1]);
    scene_close();
}

SCENARIO(drop_oldest) {
    scene_all(TASK_KINDS);
    scene.may_discard = true;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(2),
                              .when_full = WPOOL_DROP_OLDEST,
                              .start_paused = pick(4) == 0});
    sched.look = scene_look_capacity;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 3));
    task_submitter(TASKS_FROM(3, 3));
    sched_join(a);
    for (int i = 0; i < 6; i++)
        SCHED_CHECK(scene.tasks[i].status == WPOOL_OK);
    scene_close();
}

SCENARIO(drop_oldest_in_order) {
    scene_all(TASK_KINDS);
    scene.may_discard = true;
    unsigned capacity = 1 + pick(2);
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = capacity,
                              .when_full = WPOOL_DROP_OLDEST,
                              .start_paused = true});
    task_submitter(TASKS_FROM(0, 5));
    scene_close();
    for (unsigned i = 0; i < 5; i++)
        SCHED_CHECK(scene.tasks[i].runs == (i >= 5 - capacity));
}

static void *drains(void *arg) {
    (void)arg;
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    return NULL;
}

SCENARIO(run_in_the_caller) {
    scene_all(TASK_KINDS);
    scene_open((wpool_config){.workers = 1,
                              .queue_capacity = maybe() ? 1 : WPOOL_UNBUFFERED,
                              .when_full = WPOOL_RUN,
                              .start_paused = pick(4) == 0});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(task_submitter, TASKS_FROM(2, 2));
    if (wpool_start(scene.pool) == WPOOL_ALREADY || maybe()) drains(NULL);
    sched_join(a);
    sched_join(b);
    drains(NULL);
    for (int i = 0; i < 4; i++) {
        SCHED_CHECK(scene.tasks[i].status == WPOOL_OK);
        task_check_ended(&scene.tasks[i]);
    }
    scene_close();
}

SCENARIO(refuse) {
    scene_all(TASK_KINDS);
    unsigned capacity = 1 + pick(2), accepted = 0;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = capacity,
                              .when_full = WPOOL_REFUSE,
                              .start_paused = true});
    sched.look = scene_look_capacity;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(task_submitter, TASKS_FROM(2, 2));
    sched_join(a);
    sched_join(b);
    for (int i = 0; i < 4; i++) {
        SCHED_CHECK(scene.tasks[i].status == WPOOL_OK || scene.tasks[i].status == WPOOL_FULL);
        accepted += scene.tasks[i].status == WPOOL_OK;
    }
    SCHED_CHECK(accepted == capacity);
    wpool_start(scene.pool);
    drains(NULL);
    SCHED_CHECK(task_submit(&scene.tasks[4]) == WPOOL_OK);
    scene_close();
}

/* Jobs hand in jobs while the queue is full: no worker is blocked by its own pool. */
static void task_fork(task *t, wpool_job *job) {
    (void)job;
    for (int i = 1; i <= 3; i++) {
        wpool_status status = task_submit(&t[i]);
        /* no place in time: only where a caller who is no worker runs the job, see WPOOL_RUN */
        SCHED_CHECK(status == WPOOL_OK || (status == WPOOL_TIMEOUT && t[i].timeout) ||
                    (status == WPOOL_FULL && scene.pool->config.when_full == WPOOL_REFUSE));
    }
}

SCENARIO(own_full) {
    scene_all(TASK_KINDS);
    wpool_when_full when_full = (wpool_when_full)pick(4);
    scene.may_discard = when_full == WPOOL_DROP_OLDEST;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = pick(4) ? 1 + pick(2) : WPOOL_UNBUFFERED,
                              .when_full = maybe() ? WPOOL_BLOCK : when_full});
    if (wpool__pool_is_unbuffered(scene.pool) && scene.may_discard)
        scene.pool->when_full = WPOOL_BLOCK; /* nothing to drop there: refused */
    scene.tasks[0].body = scene.tasks[4].body = task_fork;
    for (int i = 1; i < 8; i++)
        scene.tasks[i].timeout = pick(4) ? 0 : 20;
    scene.tasks[4].timeout = 0;
    int a = sched_spawn(task_submitter, TASKS_FROM(8, 2));
    task_submit(&scene.tasks[0]);
    task_submit(&scene.tasks[4]);
    sched_join(a);
    wpool_drain(scene.pool, WPOOL_FOREVER);
    scene_close();
}
