/* Cancelling: a job that is cancelled in time never runs, whoever else wants it; one that runs is told. */
#include "scenario.h"

static struct {
    unsigned removed, told; /* answers of wpool_cancel for the task */
    unsigned calls;         /* of what it had set by wpool_on_cancel */
    sched_flag is_called;
} fates[TASKS];

static task *begin_tasks(task_kind kind) {
    memset(fates, 0, sizeof fates);
    scene_all(kind);
    scene.may_discard = true;
    return scene.tasks;
}

/* Runs for a while, and ends early with an error when it is told. */
static void task_looks(task *t, wpool_job *job) {
    for (unsigned i = pick(6); i > 0 && !wpool_cancelled(job); i--)
        sched_point(true);
    t->error = wpool_cancelled(job) ? 7 : 0;
}

/* Ends when it is called, and only then. */
static void task_is_called(void *arg) {
    task *t = (task *)arg;
    SCHED_CHECK(fates[task_number(t)].calls++ == 0);
    SCHED_CHECK(t->dones == 0);
    sched_raise(&fates[task_number(t)].is_called);
}

static void task_listens(task *t, wpool_job *job) {
    wpool_status status = wpool_on_cancel(job, task_is_called, t);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_CANCELLED);
    if (status == WPOOL_CANCELLED) SCHED_CHECK(wpool_cancelled(job));
    sched_await(&fates[task_number(t)].is_called);
    SCHED_CHECK(wpool_cancelled(job));
    t->error = 7;
}

/* Ends when it likes: it may be called until then. */
static void task_listens_briefly(task *t, wpool_job *job) {
    wpool_status status = wpool_on_cancel(job, task_is_called, t);
    if (status == WPOOL_OK && pick(4) == 0) wpool_on_cancel(job, NULL, NULL);
    idle_points(pick(8));
}

static void cancel_task(unsigned i) {
    task *t = &scene.tasks[i];
    bool is_hot = maybe();
    while (!t->is_handed_in)
        sched_point(true);
    if (t->status != WPOOL_OK) return;
    unsigned ended = t->dones;
    wpool_status status = wpool_cancel(scene.pool, t->id, is_hot ? WPOOL_HOT : WPOOL_GRACEFUL);
    SCHED_NOTE("cancelled, status", status);
    fates[i].removed += status == WPOOL_OK;
    fates[i].told += status == WPOOL_CANCELLED;
    if (status == WPOOL_OK) SCHED_CHECK(t->runs == 0 && t->dones == 1 && !ended);
    if (status == WPOOL_CANCELLED || status == WPOOL_RUNNING)
        SCHED_CHECK(is_hot == (status == WPOOL_CANCELLED));
}

#define CANCELLED 5 /* tasks */
static void *canceller(void *arg) {
    (void)arg;
    unsigned first = pick(CANCELLED);
    for (unsigned i = 0; i < CANCELLED; i++)
        if (pick(4)) cancel_task((first + i) % CANCELLED);
    return NULL;
}

static void *waiter(void *arg) {
    (void)arg;
    for (unsigned i = 0; i < CANCELLED; i++) {
        task *t = &scene.tasks[i];
        while (!t->is_handed_in)
            sched_point(true);
        if (t->status == WPOOL_OK) SCHED_CHECK(task_await(t, WPOOL_FOREVER) == WPOOL_OK);
    }
    return NULL;
}

/* Never more calls in the queue than the capacity, whatever became of their jobs. */
static void look_ring(void) {
    const wpool *pool = scene.pool;
    if (!pool || (pool->queue.tail & WPOOL__GATE_CLOSED)) return;
    SCHED_CHECK((pool->queue.tail & WPOOL__GATE_COUNT) - pool->queue.head <= pool->capacity);
}

static void check_fates(bool was_stopped) {
    for (int i = 0; i < CANCELLED; i++) {
        const task *t = &scene.tasks[i];
        if (t->status != WPOOL_OK) continue;
        SCHED_CHECK(fates[i].removed <= 1);
        if (fates[i].removed) SCHED_CHECK(t->state == WPOOL_STATE_DISCARDED);
        if (!was_stopped) SCHED_CHECK((t->runs == 0) == (fates[i].removed == 1));
        if (!was_stopped && !fates[i].told && t->runs)
            SCHED_CHECK(t->state == WPOOL_STATE_SUCCEEDED);
        if (t->runs)
            SCHED_CHECK(t->state == (t->error ? WPOOL_STATE_CANCELLED : WPOOL_STATE_SUCCEEDED));
    }
}

SCENARIO(cancel_against_workers) {
    task *tasks = begin_tasks(TASK_ID);
    bool is_paused = maybe(), is_stopped = pick(4) == 0;
    for (int i = 0; i < CANCELLED; i++)
        tasks[i].body = task_looks;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = is_paused ? CANCELLED : 1 + pick(3),
                              .when_full = pick(3) ? WPOOL_BLOCK : WPOOL_RUN,
                              .start_paused = is_paused,
                              .results = pick(3) == 0});
    sched.look = look_ring;
    int a = sched_spawn(canceller, NULL), b = maybe() ? sched_spawn(canceller, NULL) : 0;
    int c = sched_spawn(waiter, NULL);
    task_submitter(TASKS_FROM(0, CANCELLED));
    if (is_stopped) wpool_stop(scene.pool, maybe() ? WPOOL_HOT : WPOOL_GRACEFUL);
    if (is_paused) wpool_start(scene.pool);
    sched_join(a);
    if (b) sched_join(b);
    sched_join(c);
    scene_close();
    check_fates(is_stopped);
}

/* Inline: cancelled by one thread while another drives. */
SCENARIO(cancel_inline) {
    task *tasks = begin_tasks(TASK_ID);
    for (int i = 0; i < CANCELLED; i++)
        tasks[i].body = task_looks;
    scene_open((wpool_config){.max_workers = WPOOL_INLINE, .queue_capacity = CANCELLED});
    int a = sched_spawn(canceller, NULL), b = maybe() ? sched_spawn(waiter, NULL) : 0;
    task_submitter(TASKS_FROM(0, CANCELLED));
    if (maybe()) SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    sched_join(a);
    if (b) sched_join(b);
    scene_close();
    check_fates(false);
}

/* Each job ends when it is called: by who cancels it, or by a hot stop. */
SCENARIO(cancel_calls) {
    task *tasks = begin_tasks(TASK_ID);
    bool is_hot_stop = maybe();
    for (int i = 0; i < 3; i++) {
        tasks[i].body = pick(3) ? task_listens : task_listens_briefly;
        if (is_hot_stop && maybe()) tasks[i].kind = maybe() ? TASK_OWN : TASK_NOTED;
    }
    scene_open((wpool_config){.workers = 1 + pick(3), .queue_capacity = 4});
    int a = maybe() ? sched_spawn(task_submitter, TASKS_FROM(0, 3)) : 0;
    if (!a) task_submitter(TASKS_FROM(0, 3));
    if (is_hot_stop) {
        wpool_stop(scene.pool, WPOOL_HOT);
    } else {
        for (unsigned i = 0; i < 3; i++) {
            while (!tasks[i].is_handed_in)
                sched_point(true);
            wpool_cancel(scene.pool, tasks[i].id, WPOOL_HOT);
        }
    }
    if (a) sched_join(a);
    scene_close();
    for (int i = 0; i < 3; i++)
        if (tasks[i].status == WPOOL_OK && tasks[i].body == task_listens)
            SCHED_CHECK(fates[i].calls == tasks[i].runs);
}

/* Places of cancelled jobs become free as others do: a submitter who waits for one gets it. */
SCENARIO(cancel_makes_room) {
    task *tasks = begin_tasks(TASK_ID);
    for (int i = 0; i < 3; i++)
        tasks[i].body = task_looks;
    scene_open(
        (wpool_config){.workers = 1, .queue_capacity = 1 + pick(2), .start_paused = maybe()});
    sched.look = look_ring;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 6));
    while (!tasks[0].is_handed_in)
        sched_point(true);
    wpool_cancel(scene.pool, tasks[0].id, WPOOL_GRACEFUL);
    wpool_start(scene.pool);
    sched_join(a);
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    wpool_stats_snapshot stats;
    SCHED_CHECK(wpool_stats(scene.pool, &stats) == WPOOL_OK);
    SCHED_CHECK(stats.accepted == 6 && stats.waiting == 0 &&
                stats.discarded == (tasks[0].runs == 0));
    scene_close();
}
