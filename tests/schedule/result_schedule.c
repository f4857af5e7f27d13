/* Results and waiting: each is delivered once, to whoever; a job that waits starves nobody. */
#include "scenario.h"

static const task_kind waited_for[] = {TASK_ID, TASK_OWN};

/* -- take -- */

typedef struct reader {
    unsigned count;
    wpool_status last;
    bool is_patient;
} reader;

static void *reader_run(void *arg) {
    reader *r = (reader *)arg;
    wpool_result result;
    for (;;) {
        int64_t timeout = r->is_patient ? WPOOL_FOREVER : 20;
        r->last = wpool_take(scene.pool, timeout, &result);
        if (r->last == WPOOL_OK)
            r->count++, task_taken(&result);
        else if (r->is_patient || r->last != WPOOL_TIMEOUT)
            return NULL;
    }
}

/* Tasks that wpool_take delivers, if they were accepted. */
static unsigned to_deliver(void) {
    unsigned n = 0;
    for (int i = 0; i < TASKS; i++) {
        const task *t = &scene.tasks[i];
        n += task_is_accepted(t) && t->kind <= TASK_ID;
    }
    return n;
}

static void random_errors(void) {
    for (int i = 0; i < TASKS; i++)
        scene.tasks[i].error = pick(3) ? 0 : 7;
}

SCENARIO(take_two_readers) {
    reader readers[2] = {{.is_patient = maybe()}, {.is_patient = maybe()}};
    scene_all(TASK_KINDS);
    random_errors();
    scene_open(
        (wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(3), .results = true});
    int a = sched_spawn(reader_run, &readers[0]), b = sched_spawn(reader_run, &readers[1]);
    int c = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    task_submitter(TASKS_FROM(2, 2));
    idle_points(pick(40));
    scene.may_discard = pick(3) == 0;
    if (scene.may_discard)
        wpool_stop(scene.pool, maybe() ? WPOOL_HOT : WPOOL_GRACEFUL);
    else
        wpool_close(scene.pool);
    sched_join(a);
    sched_join(b);
    sched_join(c);
    SCHED_CHECK(readers[0].last == WPOOL_DONE && readers[1].last == WPOOL_DONE);
    SCHED_CHECK(readers[0].count + readers[1].count == to_deliver());
    scene_close();
}

/* Readers that poll the descriptor, and look no further than it says. */
typedef struct poller {
    unsigned count, futile;
    wpool_status last;
    bool takes_one; /* at a time: the descriptor has to stay readable */
} poller;

static void *poller_run(void *arg) {
    poller *p = (poller *)arg;
    wpool_result result;
    while (p->last == WPOOL_OK || p->last == WPOOL_EMPTY) {
        sched_poll();
        unsigned before = p->count;
        do {
            p->last = wpool_take(scene.pool, WPOOL_NOW, &result);
            if (p->last == WPOOL_OK) p->count++, task_taken(&result);
        } while (p->last == WPOOL_OK && !p->takes_one);
        p->futile += p->count == before;
    }
    return NULL;
}

SCENARIO(take_by_descriptor) {
    poller pollers[2] = {{.takes_one = maybe()}, {.takes_one = maybe()}};
    reader other = {.is_patient = maybe()};
    bool is_closed_early = pick(4) == 0, has_other = maybe();
    scene_all(TASK_KINDS);
    random_errors();
    scene_open(
        (wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(3), .results = true});
    if (maybe()) task_submitter(TASKS_FROM(4, 2));
    int descriptor = wpool_results_fd(scene.pool);
    SCHED_CHECK(descriptor == 3 && wpool_results_fd(scene.pool) == 3);
    int a = sched_spawn(poller_run, &pollers[0]), b = sched_spawn(poller_run, &pollers[1]);
    int c = sched_spawn(task_submitter, TASKS_FROM(0, 4));
    int d = has_other ? sched_spawn(reader_run, &other) : 0;
    idle_points(pick(100));
    if (is_closed_early) {
        SCHED_CHECK(wpool_close_results(scene.pool) == WPOOL_OK);
    } else {
        if (maybe()) sched_join(c), c = 0;
        while (!c && pollers[0].count + pollers[1].count + other.count < to_deliver())
            sched_point(true); /* they are told of each result, not only of the end */
        wpool_close(scene.pool);
    }
    wpool_status end = is_closed_early ? WPOOL_CLOSED : WPOOL_DONE;
    sched_join(a);
    sched_join(b);
    if (d) sched_join(d);
    if (c) sched_join(c);
    SCHED_CHECK(pollers[0].last == end && pollers[1].last == end);
    if (!is_closed_early)
        SCHED_CHECK(pollers[0].count + pollers[1].count + other.count == to_deliver());
    SCHED_CHECK(pollers[0].futile + pollers[1].futile <= 2 * to_deliver() + 8); /* no busy loop */
    scene_close();
}

/* One worker: results come in the order in which the jobs have ended. */
static unsigned in_order_next;
static void *in_order_reader(void *arg) {
    wpool_result result;
    (void)arg;
    while (wpool_take(scene.pool, WPOOL_FOREVER, &result) == WPOOL_OK)
        SCHED_CHECK(task_number(task_taken(&result)) == (int)in_order_next++);
    return NULL;
}

SCENARIO(take_in_order) {
    in_order_next = 0;
    scene_all((task_kind)pick(3));
    scene_open((wpool_config){.workers = 1, .queue_capacity = 1 + pick(4), .results = true});
    int a = sched_spawn(in_order_reader, NULL);
    task_submitter(TASKS_FROM(0, 6));
    wpool_close(scene.pool);
    sched_join(a);
    SCHED_CHECK(in_order_next == 6);
    scene_close();
}

SCENARIO(close_results) {
    reader readers[2] = {{.is_patient = true}, {.is_patient = maybe()}};
    scene_all(TASK_KINDS);
    random_errors();
    scene_open(
        (wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(3), .results = true});
    int a = sched_spawn(reader_run, &readers[0]), b = sched_spawn(reader_run, &readers[1]);
    int c = sched_spawn(task_submitter, TASKS_FROM(0, 3));
    idle_points(pick(60));
    SCHED_CHECK(wpool_close_results(scene.pool) == WPOOL_OK);
    SCHED_CHECK(wpool_close_results(scene.pool) == WPOOL_ALREADY);
    SCHED_CHECK(wpool_take(scene.pool, WPOOL_FOREVER, NULL) == WPOOL_CLOSED);
    sched_join(a);
    sched_join(b);
    sched_join(c);
    SCHED_CHECK(readers[0].last == WPOOL_CLOSED && readers[1].last == WPOOL_CLOSED);
    task_submit(&scene.tasks[3]);
    for (int i = 0; i < 4; i++) {
        task *t = &scene.tasks[i];
        if (t->kind != TASK_ID) continue;
        bool was_taken = t->deliveries > 0;
        SCHED_CHECK(task_await(t, WPOOL_FOREVER) == (was_taken ? WPOOL_UNKNOWN : WPOOL_OK));
    }
    scene_close();
}

/* Jobs that take what others leave: nobody waits for himself. */
static bool takers_leave_early;
static bool is_about_to_close;
static void task_take(task *t, wpool_job *job) {
    wpool_result result;
    bool leaves = takers_leave_early && task_number(t) == 0;
    (void)job;
    for (;;) {
        wpool_status status =
            wpool_take(scene.pool, leaves && maybe() ? 15 : WPOOL_FOREVER, &result);
        SCHED_NOTE("job took, status", status);
        if (status == WPOOL_OK) {
            task_taken(&result);
            if (!leaves) continue;
        }
        if (status == WPOOL_DONE) SCHED_CHECK(is_about_to_close);
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_DONE || status == WPOOL_DEADLOCK ||
                    (leaves && status == WPOOL_TIMEOUT));
        return;
    }
}

SCENARIO(take_inside) {
    unsigned takers = 1 + pick(3);
    scene_all(TASK_KINDS);
    takers_leave_early = maybe();
    is_about_to_close = false;
    random_errors();
    for (unsigned i = 0; i < takers; i++)
        scene.tasks[i].body = task_take;
    scene_open(
        (wpool_config){.workers = 1 + pick(3), .queue_capacity = 1 + pick(4), .results = true});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, takers));
    task_submitter(TASKS_FROM(takers, 3));
    bool is_early = maybe();
    if (is_early) sched_join(a);
    idle_points(pick(40));
    wpool_drain(scene.pool, maybe() ? 100 : WPOOL_NOW);
    is_about_to_close = true;
    wpool_close(scene.pool);
    if (!is_early) sched_join(a);
    scene_close();
}

/* The same, beside readers that are no jobs; with stop now and then. */
SCENARIO(take_inside_and_outside) {
    reader r = {.is_patient = maybe()};
    unsigned takers = 1 + pick(2);
    scene_all(TASK_KINDS);
    takers_leave_early = maybe();
    is_about_to_close = false;
    for (unsigned i = 0; i < takers; i++)
        scene.tasks[i].body = task_take;
    scene_open(
        (wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(4), .results = true});
    int a = sched_spawn(reader_run, &r);
    task_submitter(TASKS_FROM(0, takers + 2));
    is_about_to_close = true;
    scene.may_discard = pick(4) == 0;
    if (scene.may_discard)
        wpool_stop(scene.pool, WPOOL_GRACEFUL);
    else
        wpool_close(scene.pool);
    sched_join(a);
    SCHED_CHECK(r.last == WPOOL_DONE);
    scene_close();
}

/* A job that takes hands in jobs: the other takers must not be told DONE before it closes. */
static void task_feed_and_take(task *t, wpool_job *job) {
    wpool_result result;
    (void)job;
    for (unsigned i = 4; i < 7; i++) {
        SCHED_CHECK(task_submit(&scene.tasks[i]) == WPOOL_OK);
        wpool_status status = wpool_take(scene.pool, WPOOL_NOW, &result);
        if (status == WPOOL_OK) task_taken(&result);
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_EMPTY);
    }
    sched_raise(&scene.flags[2]);
    task_take(t, job);
}

SCENARIO(take_inside_feeding) {
    scene_all((task_kind)pick(3));
    takers_leave_early = is_about_to_close = false;
    scene.tasks[0].body = task_feed_and_take;
    scene.tasks[1].body = task_take;
    scene_open(
        (wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(3), .results = true});
    task_submitter(TASKS_FROM(0, 2));
    sched_await(&scene.flags[2]);
    is_about_to_close = true;
    wpool_close(scene.pool);
    scene_close();
}

/* With one worker a job may wait for one that takes: that runs inside of it. */
static void task_wait_for_taker(task *t, wpool_job *job) {
    (void)job;
    SCHED_CHECK(task_submit(&t[4]) == WPOOL_OK);
    sched_raise(&scene.flags[2]);
    SCHED_CHECK(wpool_job_wait(t[4].own, WPOOL_FOREVER) == WPOOL_OK);
}

SCENARIO(take_inside_a_wait) {
    reader r = {.is_patient = true};
    scene_all((task_kind)pick(3));
    takers_leave_early = is_about_to_close = false;
    scene.tasks[0].body = task_wait_for_taker;
    scene.tasks[4].kind = TASK_OWN;
    scene.tasks[1].body = scene.tasks[4].body = task_take;
    scene_open((wpool_config){.workers = 1, .queue_capacity = 1 + pick(3), .results = true});
    int a = maybe() ? sched_spawn(reader_run, &r) : 0;
    task_submitter(TASKS_FROM(0, 1 + pick(3)));
    sched_await(&scene.flags[2]);
    is_about_to_close = true;
    wpool_close(scene.pool);
    if (a) sched_join(a);
    scene_close();
}

/* Two are left, and both are told so, though the first that is told stays running. */
static void task_take_and_meet(task *t, wpool_job *job) {
    task_meet(t, job);
    task_hold(t, job);
    SCHED_CHECK(wpool_take(scene.pool, WPOOL_FOREVER, NULL) == WPOOL_DONE);
    if (++scene.running == 4) sched_raise(&scene.flags[3]);
    sched_await(&scene.flags[3]);
    scene.running--;
}

SCENARIO(take_inside_stays_done) {
    scene_all((task_kind)pick(3));
    scene.meeting = 2;
    scene.tasks[0].body = scene.tasks[1].body = task_take_and_meet;
    scene_open((wpool_config){.workers = 2, .results = true});
    task_submitter(TASKS_FROM(0, 2));
    sched_await(&scene.flags[0]);
    wpool_close(scene.pool);
    sched_raise(&scene.flags[1]);
    scene_close();
}

/* -- one id, many askers -- */

static unsigned given; /* how often the result of task 0, or the right to it, was given away */

static void *id_waiter(void *timeout) {
    wpool_status status = wpool_wait(scene.pool, scene.ids[0], (int64_t)(intptr_t)timeout, NULL);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN ||
                (status == WPOOL_TIMEOUT && (intptr_t)timeout >= 0));
    given += status == WPOOL_OK;
    return NULL;
}
static void *id_forgetter(void *arg) {
    (void)arg;
    idle_points(pick(30));
    wpool_status status = wpool_forget(scene.pool, scene.ids[0]);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN);
    given += status == WPOOL_OK;
    return NULL;
}
static void *id_taker(void *arg) {
    wpool_result result;
    (void)arg;
    while (wpool_take(scene.pool, WPOOL_FOREVER, &result) == WPOOL_OK)
        if (result.id == scene.ids[0]) given++;
    return NULL;
}
static void *id_looker(void *arg) {
    wpool_state state, before = WPOOL_STATE_WAITING;
    (void)arg;
    for (int i = 0; i < 6; i++, before = state) {
        state = wpool_job_state(scene.pool, scene.ids[0]);
        SCHED_CHECK(state == WPOOL_STATE_UNKNOWN || state >= before);
        if (before == WPOOL_STATE_UNKNOWN) SCHED_CHECK(state == WPOOL_STATE_UNKNOWN);
    }
    return NULL;
}

SCENARIO(one_id_many_askers) {
    static void *(*const askers[])(void *) = {id_waiter, id_forgetter, id_taker, id_looker};
    given = 0;
    scene_all(TASK_ID);
    bool results = pick(3) > 0;
    scene_open((wpool_config){.workers = 1 + pick(2), .results = results});
    int threads[4];
    task_submit(&scene.tasks[0]);
    scene.ids[0] = scene.tasks[0].id;
    for (int i = 0; i < 4; i++) {
        void *(*asker)(void *) = i ? askers[pick(4)] : id_waiter;
        if (!results && asker == id_taker) asker = id_waiter;
        intptr_t timeout = i && maybe() ? (intptr_t)pick(20) : -1;
        threads[i] = sched_spawn(asker, (void *)timeout);
    }
    task_submit(&scene.tasks[1]);
    wpool_close(scene.pool);
    for (int i = 0; i < 4; i++)
        sched_join(threads[i]);
    SCHED_CHECK(given == 1);
    SCHED_CHECK(wpool_job_state(scene.pool, scene.ids[0]) == WPOOL_STATE_UNKNOWN);
    SCHED_CHECK(wpool_wait(scene.pool, scene.ids[0], WPOOL_FOREVER, NULL) == WPOOL_UNKNOWN);
    SCHED_CHECK(wpool_forget(scene.pool, scene.ids[0]) == WPOOL_UNKNOWN);
    scene_close();
}

/* Records are used again and again; an old id never means another job. */
static wpool_id old_ids[TASKS];
static unsigned old_count;

static void *id_user(void *range) {
    unsigned from = (unsigned)(uintptr_t)range / 16, count = (unsigned)(uintptr_t)range % 16;
    for (unsigned i = from; i < from + count; i++) {
        task *t = &scene.tasks[i];
        SCHED_CHECK(task_submit(t) == WPOOL_OK);
        for (unsigned j = 0; j < old_count; j++)
            SCHED_CHECK(old_ids[j] != t->id);
        if (maybe())
            SCHED_CHECK(task_await(t, WPOOL_FOREVER) == WPOOL_OK);
        else
            SCHED_CHECK(wpool_forget(scene.pool, t->id) == WPOOL_OK);
        old_ids[old_count++] = t->id;
        wpool_id old = old_ids[pick(old_count)];
        SCHED_CHECK(wpool_job_state(scene.pool, old) == WPOOL_STATE_UNKNOWN);
        SCHED_CHECK(wpool_wait(scene.pool, old, WPOOL_NOW, NULL) == WPOOL_UNKNOWN);
        SCHED_CHECK(wpool_forget(scene.pool, old) == WPOOL_UNKNOWN);
    }
    return NULL;
}

SCENARIO(ids_used_again) {
    scene_all(TASK_ID);
    old_count = 0;
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(3)});
    int a = sched_spawn(id_user, TASKS_FROM(0, 3));
    int b = sched_spawn(id_user, TASKS_FROM(3, 3));
    id_user(TASKS_FROM(6, 3));
    sched_join(a);
    sched_join(b);
    scene_close();
}

/* -- waiting -- */

/* Waits from outside; the job is freed at once after. */
static void *outside_waiter(void *range) {
    unsigned from = (unsigned)(uintptr_t)range / 16, count = (unsigned)(uintptr_t)range % 16;
    for (unsigned i = from; i < from + count; i++)
        SCHED_CHECK(task_submit(&scene.tasks[i]) == WPOOL_OK);
    for (unsigned i = from; i < from + count; i++) {
        task *t = &scene.tasks[i];
        wpool_status status = task_await(t, maybe() ? (int64_t)pick(30) : WPOOL_FOREVER);
        if (status == WPOOL_TIMEOUT) status = task_await(t, WPOOL_FOREVER);
        SCHED_CHECK(status == WPOOL_OK);
    }
    return NULL;
}

static void waited_kinds(void) {
    scene_all(TASK_ID);
    for (int i = 0; i < TASKS; i++)
        scene.tasks[i].kind = waited_for[pick(2)];
    random_errors();
}

SCENARIO(wait_outside) {
    waited_kinds();
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(3)});
    int a = sched_spawn(outside_waiter, TASKS_FROM(0, 2));
    outside_waiter(TASKS_FROM(2, 2));
    sched_join(a);
    scene_close();
}

/* Hands in the tasks forks[number of t] names, and waits for them. */
static struct { unsigned first, count; } forks[TASKS];

static void task_fork_and_wait(task *t, wpool_job *job) {
    unsigned first = forks[task_number(t)].first, count = forks[task_number(t)].count;
    bool is_reversed = maybe();
    (void)job;
    task_submitter(TASKS_FROM(first, count));
    if (maybe())
        SCHED_CHECK((t->kind == TASK_ID ? wpool_wait(scene.pool, t->id, 9, NULL)
                                        : wpool_job_wait(t->own, WPOOL_FOREVER)) == WPOOL_DEADLOCK);
    for (unsigned i = 0; i < count; i++) {
        task *child = &scene.tasks[is_reversed ? first + count - 1 - i : first + i];
        wpool_status status = task_await(child, pick(4) ? WPOOL_FOREVER : (int64_t)pick(30));
        if (status == WPOOL_TIMEOUT) status = task_await(child, WPOOL_FOREVER);
        SCHED_CHECK(status == WPOOL_OK);
    }
}

SCENARIO(wait_inside) {
    waited_kinds();
    forks[0].first = 2, forks[0].count = 3;
    forks[1].first = 5, forks[1].count = 2;
    forks[3].first = 7, forks[3].count = 2;
    forks[7].first = 9, forks[7].count = 1;
    scene.tasks[0].body = scene.tasks[1].body = scene.tasks[3].body = scene.tasks[7].body =
        task_fork_and_wait;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(4),
                              .help = maybe() ? WPOOL_HELP_NARROW : WPOOL_HELP_ANY});
    int a = sched_spawn(task_submitter, TASKS_FROM(10, 2));
    task_submitter(TASKS_FROM(0, 2));
    sched_join(a);
    wpool_drain(scene.pool, WPOOL_FOREVER);
    scene_close();
}

/* Two jobs wait for each other's children. */
static void task_wait_across(task *t, wpool_job *job) {
    int own = task_number(t), other = 1 - own;
    (void)job;
    task_submitter(TASKS_FROM(2 + (unsigned)own * 3, 3));
    sched_raise(&scene.flags[own]);
    sched_await(&scene.flags[other]);
    for (int i = maybe() ? 2 : 0, step = i ? -1 : 1; i >= 0 && i < 3; i += step)
        SCHED_CHECK(task_await(&scene.tasks[2 + other * 3 + i], WPOOL_FOREVER) == WPOOL_OK);
}

SCENARIO(wait_across) {
    waited_kinds();
    scene.tasks[0].body = scene.tasks[1].body = task_wait_across;
    scene_open((wpool_config){.workers = 2, .queue_capacity = 1 + pick(6)});
    task_submitter(TASKS_FROM(0, 2));
    wpool_drain(scene.pool, WPOOL_FOREVER);
    scene_close();
}

/* What lies above the job that is waited for is put aside, and no worker stays idle beside it. */
static int aside_thread;

static void task_aside_parent(task *t, wpool_job *job) {
    (void)job;
    aside_thread = sched.current;
    task_submitter(TASKS_FROM(1, 3));
    SCHED_CHECK(task_await(&t[3], WPOOL_FOREVER) == WPOOL_OK);
}
static void task_aside_other(task *t, wpool_job *job) { /* both must run for the last to go on */
    (void)t, (void)job;
    if (++scene.met == 2) sched_raise(&scene.flags[0]);
}
static void task_aside_last(task *t, wpool_job *job) {
    (void)t, (void)job;
    if (sched.current == aside_thread) sched_await(&scene.flags[0]);
}

SCENARIO(wait_puts_aside) {
    waited_kinds();
    scene.tasks[0].body = task_aside_parent;
    scene.tasks[1].body = scene.tasks[2].body = task_aside_other;
    scene.tasks[3].body = task_aside_last;
    scene_open((wpool_config){.workers = 2, .queue_capacity = 1 + pick(4)});
    task_submit(&scene.tasks[0]);
    wpool_drain(scene.pool, WPOOL_FOREVER);
    scene_close();
}

/* The same; but all lies in the deque of a third, who does something else. */
static void task_dig_parent(task *t, wpool_job *job) {
    (void)job;
    aside_thread = sched.current;
    sched_await(&scene.flags[3]);
    SCHED_CHECK(task_await(&t[3], WPOOL_FOREVER) == WPOOL_OK);
}
static void task_dig_source(task *t, wpool_job *job) {
    (void)t, (void)job;
    unsigned others = pick(3);
    task_submitter(TASKS_FROM(4, others));
    task_submitter(TASKS_FROM(2, 2));
    sched_raise(&scene.flags[3]);
    sched_await(&scene.flags[0]);
}
static void task_raise(task *t, wpool_job *job) {
    (void)t, (void)job;
    sched_raise(&scene.flags[0]);
}

SCENARIO(wait_digs_elsewhere) {
    waited_kinds();
    scene.tasks[0].body = task_dig_parent;
    scene.tasks[1].body = task_dig_source;
    scene.tasks[2].body = task_raise;
    scene.tasks[3].body = task_aside_last;
    aside_thread = -1;
    scene_open((wpool_config){.workers = 3, .queue_capacity = 1 + pick(2)});
    task_submitter(TASKS_FROM(0, 2));
    wpool_drain(scene.pool, WPOOL_FOREVER);
    scene_close();
}

/* -- caller-owned jobs -- */

static void *again_submitter(void *arg) {
    (void)arg;
    for (int i = 0; i < 3; i++) {
        wpool_status status = again_submit();
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_ALREADY);
        status = maybe() ? wpool_job_wait(&again.job, WPOOL_FOREVER) : WPOOL_OK;
        /* unknown: just when another thread hands it in */
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN);
        idle_points(pick(20));
    }
    return NULL;
}
static void *again_waiter(void *arg) {
    (void)arg;
    for (int i = 0; i < 3; i++) {
        unsigned finished = again.runs;
        wpool_status status = wpool_job_wait(&again.job, maybe() ? 30 : WPOOL_FOREVER);
        SCHED_CHECK(status == WPOOL_OK || status == WPOOL_TIMEOUT || status == WPOOL_UNKNOWN);
        if (finished == 0 && status == WPOOL_OK) SCHED_CHECK(again.runs > 0);
    }
    return NULL;
}

SCENARIO(handed_in_again) {
    scene_all(TASK_PLAIN);
    again_init();
    SCHED_CHECK(wpool_job_wait(&again.job, WPOOL_FOREVER) == WPOOL_UNKNOWN);
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(2)});
    SCHED_CHECK(again_submit() == WPOOL_OK);
    int a = sched_spawn(again_submitter, NULL), b = sched_spawn(again_waiter, NULL);
    again_submitter(NULL);
    sched_join(a);
    sched_join(b);
    scene_close();
    SCHED_CHECK(again.runs == again.accepted && again.dones == again.accepted);
}

/* -- on_done that submits -- */

static void submit_next(task *t) {
    task *next = t + 4;
    if (next >= scene.tasks + TASKS) return;
    next->after = submit_next;
    wpool_status status = task_submit(next);
    SCHED_CHECK(status == WPOOL_OK || status == WPOOL_CLOSED ||
                (status == WPOOL_FULL && scene.pool->config.when_full == WPOOL_REFUSE));
}

SCENARIO(on_done_submits) {
    scene_all(TASK_KINDS);
    for (int i = 0; i < TASKS; i++)
        if (scene.tasks[i].kind == TASK_PLAIN) scene.tasks[i].kind = TASK_NOTED;
    wpool_when_full when_full = (wpool_when_full)pick(4);
    bool stops = pick(3) == 0;
    scene.may_discard = stops || when_full == WPOOL_DROP_OLDEST;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(2),
                              .when_full = when_full,
                              .start_paused = when_full == WPOOL_DROP_OLDEST && maybe()});
    sched.look =
        when_full == WPOOL_REFUSE || when_full == WPOOL_DROP_OLDEST ? scene_look_capacity : NULL;
    for (int i = 0; i < 4; i++)
        scene.tasks[i].after = submit_next;
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    task_submitter(TASKS_FROM(2, 2));
    sched_join(a);
    if (wpool_start(scene.pool) == WPOOL_ALREADY && maybe()) wpool_drain(scene.pool, WPOOL_FOREVER);
    if (stops) wpool_stop(scene.pool, WPOOL_GRACEFUL);
    scene_close();
}
