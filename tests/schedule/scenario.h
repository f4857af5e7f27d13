/* scenario.h - what the scenarios share: SCENARIO, and tasks that count what happens to them

   SCENARIO(name) is a TEST that runs its body under schedule after schedule. Environment:
       SCHEDULE_MS=n        milliseconds for each scenario (1200; WPOOL_TEST_SECONDS also counts)
       WPOOL_TEST_SEED=n    the first seed (1); the others follow it
       SCHEDULE_SEED=n      replay: this seed only, then the last SCHEDULE_TRACE (200) operations
   A program with very many scenarios defines SCENARIO_PART before: each has that part of it all. */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "test.h"

#include "scheduler.h"

#ifndef SCENARIO_PART
#define SCENARIO_PART 1
#endif
#define SCENARIO_LEAST (1000 / SCENARIO_PART) /* schedules, however slow the machine */

#define SCENARIO(name)                                      \
    static void scenario_##name(void);                      \
    TEST(name) { scenario_repeat(#name, scenario_##name); } \
    static void scenario_##name(void)

#define HELPER static __attribute__((unused))

static const char *scenario_name;

/* Says which schedule it was, where nobody else will. */
HELPER void scenario_crash(int number) {
    printf("%s: seed %" PRIu64 ": crashed; replay: SCHEDULE_SEED=%" PRIu64 " PROGRAM %s\n",
           scenario_name, sched.seed, sched.seed, scenario_name);
    if (test_setting("SCHEDULE_SEED", 0)) sched_print(test_setting("SCHEDULE_TRACE", 200));
    fflush(stdout);
    if (number == 0) return;
    signal(number, SIG_DFL);
    raise(number);
}

#ifdef SCHEDULER_ASAN
void __asan_on_error(void);
void __asan_on_error(void) { scenario_crash(0); }
#endif

static void scenario_repeat(const char *name, void (*body)(void)) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    static char stack[64 * 1024]; /* to say so on, when the thread's own is used up */
    const uint64_t replayed = test_setting("SCHEDULE_SEED", 0);
    const uint64_t first = replayed ? replayed : test_setting("WPOOL_TEST_SEED", 1);
    const int64_t begin = test_now_ns();
    const int64_t usual = (int64_t)test_setting("WPOOL_TEST_SECONDS", 0) * 1000;
    const int64_t limit = (int64_t)test_setting("SCHEDULE_MS", usual ? (uint64_t)usual : 1200) *
                          1000000 / SCENARIO_PART;
    uint64_t count = 0;
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i],
                  &(struct sigaction){.sa_handler = scenario_crash, .sa_flags = SA_ONSTACK}, NULL);
    scenario_name = name;
    do {
        const char *verdict = sched_run(first + count++, body);
        if (replayed) sched_print(test_setting("SCHEDULE_TRACE", 200));
        if (verdict)
            test_end(TEST_FAILED,
                     "seed %" PRIu64 ": %s; replay: SCHEDULE_SEED=%" PRIu64 " PROGRAM %s",
                     sched.seed, verdict, sched.seed, name);
        if (replayed) return;
    } while (count < SCENARIO_LEAST || count % 16 != 0 || test_now_ns() - begin < limit);
    printf("%s: %" PRIu64 " schedules\n", name, count);
}

/* A number below n, as the seed has it; and yes in half of the schedules. */
HELPER unsigned pick(unsigned n) { return (unsigned)(sched_random() % n); }
HELPER bool maybe(void) { return sched_random() % 2; }

HELPER void idle_points(unsigned n) {
    for (; n > 0; n--)
        sched_point(true);
}

/* -- tasks: jobs that count -- */

typedef enum task_kind {
    TASK_PLAIN,     /* no record */
    TASK_NOTED,     /* on_done only */
    TASK_ID,        /* an id, and on_done */
    TASK_OWN_FREED, /* caller-owned; on_done frees it */
    TASK_OWN,       /* caller-owned; freed when all is over */
    TASK_KINDS
} task_kind;

typedef struct task {
    void (*body)(struct task *task, wpool_job *job); /* NULL: nothing to do */
    void (*after)(struct task *task);                /* at the end of on_done, or NULL */
    task_kind kind;
    int error; /* to return */
    int64_t timeout;
    bool tries;          /* by wpool_try_submit; no on_done then */
    bool is_listed;      /* handed in by wpool_submit_many; no on_done then */
    wpool_status status; /* what submitting it answered */
    bool is_handed_in;   /* and it has */
    bool has_done;
    unsigned runs, ends, dones, deliveries;
    wpool_state state; /* as on_done was told */
    wpool_id id;
    wpool_job *own;
} task;

#define TASKS 12

/* The scenario that runs. */
static struct {
    wpool *pool;
    bool may_discard; /* jobs may be accepted and never run */
    bool may_exit;    /* jobs may leave their thread */
    bool is_closed;   /* a close or stop has returned */
    int running;
    unsigned met, meeting;
    unsigned inside; /* threads in a submit of task_submit */
    sched_flag flags[4];
    wpool_id ids[TASKS];
    task tasks[TASKS];
} scene;

HELPER void *scene_all(task_kind kind) { /* tasks of this kind, TASK_KINDS: of any */
    memset(&scene, 0, sizeof scene);
    for (int i = 0; i < TASKS; i++)
        scene.tasks[i].kind = kind == TASK_KINDS ? (task_kind)pick(TASK_KINDS) : kind;
    return NULL;
}

static int task_number(const task *t) { return (int)(t - scene.tasks); }

HELPER int task_run(void *arg, wpool_job *job) {
    task *t = (task *)arg;
    SCHED_NOTE("task runs", task_number(t));
    SCHED_CHECK(t->runs++ == 0);
    SCHED_CHECK(wpool_job_pool(job) == scene.pool);
    if (t->kind == TASK_ID && !t->is_listed) SCHED_CHECK(wpool_job_id(job) == t->id);
    scene.running++;
    if (t->body) t->body(t, job);
    wpool_set_result(job, t);
    scene.running--;
    SCHED_CHECK(t->ends++ == 0);
    SCHED_NOTE("task ends", task_number(t));
    return t->error;
}

HELPER void task_is_done(void *arg, const wpool_result *result) {
    task *t = (task *)arg;
    SCHED_NOTE("on_done of task", task_number(t));
    SCHED_CHECK(t->dones++ == 0);
    SCHED_CHECK(result->arg == t && (t->kind == TASK_NOTED || result->id == t->id));
    SCHED_CHECK((result->state == WPOOL_STATE_DISCARDED) == (t->runs == 0));
    if (t->ends) SCHED_CHECK((result->state == WPOOL_STATE_SUCCEEDED) == (t->error == 0));
    t->state = result->state;
    if (t->kind == TASK_OWN_FREED) sched_free(t->own);
    if (t->after) t->after(t);
}

/* Is it what is to be told of the task, which has ended? */
HELPER void task_check_result(const task *t, const wpool_result *result) {
    SCHED_CHECK(result->arg == t);
    if (result->state == WPOOL_STATE_DISCARDED) {
        SCHED_CHECK(t->runs == 0 && result->error == WPOOL_CANCELLED && result->attempts == 0);
        return;
    }
    SCHED_CHECK(t->runs == 1 && result->attempts == 1);
    if (t->ends == 0) { /* a job inside of it left the thread */
        SCHED_CHECK(scene.may_exit && result->state == WPOOL_STATE_FAILED);
        return;
    }
    SCHED_CHECK(result->error == t->error && result->data == t);
    SCHED_CHECK((result->state == WPOOL_STATE_SUCCEEDED) == (t->error == 0));
}

/* Waits for a task with an id, or a caller-owned one, whose job is freed then. */
HELPER wpool_status task_await(task *t, int64_t timeout) {
    wpool_result result;
    wpool_status status = t->kind == TASK_ID ? wpool_wait(scene.pool, t->id, timeout, &result)
                                             : wpool_job_wait(t->own, timeout);
    SCHED_NOTE("waited, status", status);
    if (status != WPOOL_OK) return status;
    if (t->kind == TASK_OWN) {
        SCHED_CHECK(wpool_job_result(t->own, &result) == WPOOL_OK);
        sched_free(t->own);
        t->own = NULL;
    }
    task_check_result(t, &result);
    SCHED_CHECK(t->deliveries++ == 0);
    return status;
}

/* Counts a result that was taken. */
HELPER task *task_taken(const wpool_result *result) {
    task *t = (task *)result->arg;
    SCHED_NOTE("taken, task", task_number(t));
    task_check_result(t, result);
    SCHED_CHECK(t->kind <= TASK_ID && t->deliveries++ == 0);
    SCHED_CHECK(result->id == t->id || t->kind != TASK_ID);
    return t;
}

/* Hands the task in, as its kind says. */
HELPER wpool_status task_submit(task *t) {
    const wpool_options options = {.timeout = t->timeout, .on_done = task_is_done};
    bool was_closed = scene.is_closed;
    wpool_status status;
    SCHED_NOTE("submit of task", task_number(t));
    scene.inside++;
    if (t->tries) {
        status = wpool_try_submit(scene.pool, task_run, t, t->kind == TASK_ID ? &t->id : NULL);
    } else if (t->kind == TASK_PLAIN) {
        status = t->timeout ? wpool_submit_with(scene.pool, task_run, t,
                                                &(wpool_options){.timeout = t->timeout}, NULL)
                            : wpool_submit(scene.pool, task_run, t, NULL);
    } else if (t->kind == TASK_NOTED || t->kind == TASK_ID) {
        t->has_done = true;
        status = wpool_submit_with(scene.pool, task_run, t, &options,
                                   t->kind == TASK_ID ? &t->id : NULL);
    } else {
        t->has_done = true;
        if (!t->own) t->own = (wpool_job *)sched_calloc(sizeof *t->own);
        SCHED_CHECK(t->own != NULL);
        wpool_job_init(t->own, task_run, t);
        status = wpool_submit_job(scene.pool, t->own, &options);
        if (status != WPOOL_OK && t->kind == TASK_OWN_FREED) sched_free(t->own);
    }
    scene.inside--;
    SCHED_NOTE("submitted, status", status);
    if (was_closed) SCHED_CHECK(status == WPOOL_CLOSED);
    t->status = status;
    t->is_handed_in = true;
    return status;
}

/* A thread that hands in the tasks from..from + count - 1. */
#define TASKS_FROM(from, count) ((void *)(uintptr_t)((from)*16 + (count)))
HELPER void *task_submitter(void *range) {
    unsigned from = (unsigned)(uintptr_t)range / 16, count = (unsigned)(uintptr_t)range % 16;
    for (unsigned i = from; i < from + count; i++)
        task_submit(&scene.tasks[i]);
    return NULL;
}

/* Hands in n tasks by wpool_submit_many. */
HELPER size_t task_submit_many(unsigned from, unsigned n, wpool_status *why) {
    void *args[TASKS] = {NULL};
    for (unsigned i = 0; i < n; i++) {
        args[i] = &scene.tasks[from + i];
        scene.tasks[from + i].is_listed = true;
    }
    size_t done = wpool_submit_many(scene.pool, task_run, args, n, why);
    SCHED_NOTE("submit_many accepted", done);
    for (unsigned i = 0; i < n; i++) {
        scene.tasks[from + i].is_handed_in = true;
        scene.tasks[from + i].status = i < done ? WPOOL_OK : *why;
    }
    SCHED_CHECK((done < n) == (*why != WPOOL_OK));
    return done;
}

HELPER bool task_is_accepted(const task *t) { return t->is_handed_in && t->status == WPOOL_OK; }

/* Has it ended, if it was accepted? */
HELPER void task_check_ended(const task *t) {
    if (!task_is_accepted(t)) {
        SCHED_CHECK(t->runs == 0 && t->dones == 0 && t->deliveries == 0);
        return;
    }
    SCHED_CHECK(t->runs == 1 || scene.may_discard);
    if (t->has_done) SCHED_CHECK(t->dones == 1);
    if (t->has_done && t->runs == 0) SCHED_CHECK(t->state == WPOOL_STATE_DISCARDED);
    SCHED_CHECK(t->deliveries <= 1);
}

/* -- bodies -- */

/* All the tasks with this body (scene.meeting of them) run at the same moment. */
HELPER void task_meet(task *t, wpool_job *job) {
    (void)t, (void)job;
    if (++scene.met == scene.meeting) sched_raise(&scene.flags[0]);
    sched_await(&scene.flags[0]);
}

/* Goes on when flag 1 is raised. */
HELPER void task_hold(task *t, wpool_job *job) {
    (void)t, (void)job;
    sched_await(&scene.flags[1]);
}

/* Raises flag 2: it runs; then as task_hold. */
HELPER void task_tell_and_hold(task *t, wpool_job *job) {
    sched_raise(&scene.flags[2]);
    task_hold(t, job);
}

/* Hands in the task four further on, if there is one. */
HELPER void task_chain(task *t, wpool_job *job) {
    (void)job;
    if (t + 4 >= scene.tasks + TASKS) return;
    t[4].body = task_chain;
    task_submit(&t[4]);
}

/* Leaves its thread, unless that is the scenario's own. */
HELPER void task_exit(task *t, wpool_job *job) {
    if (sched.current == 0) return;
    scene.may_exit = true;
    scene.running--;
    t->is_handed_in = true; /* where the submitter runs it, it does not come back to say so */
    t->error = WPOOL_FAILED;
    t->ends++;
    wpool_set_result(job, t);
    SCHED_NOTE("task leaves its thread", task_number(t));
    sched_exit();
}

/* -- a caller-owned job that is handed in again and again -- */

static struct {
    wpool_job job;
    unsigned runs, accepted, dones;
} again;

HELPER int again_run(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    again.runs++;
    return 0;
}
HELPER void again_done(void *arg, const wpool_result *result) {
    (void)arg, (void)result;
    again.dones++;
}
HELPER void again_init(void) {
    again.runs = again.accepted = again.dones = 0;
    wpool_job_init(&again.job, again_run, NULL);
}
HELPER wpool_status again_submit(void) {
    const wpool_options options = {.on_done = again_done};
    wpool_status status = wpool_submit_job(scene.pool, &again.job, &options);
    again.accepted += status == WPOOL_OK;
    return status;
}

/* -- the pool -- */

HELPER void scene_open(wpool_config config) {
    wpool_status status = wpool_create(&scene.pool, &config);
    SCHED_CHECK(status == WPOOL_OK && scene.pool);
}

/* The counts, which add up at any time. */
HELPER wpool_stats_snapshot scene_stats(void) {
    wpool_stats_snapshot now;
    SCHED_CHECK(wpool_stats(scene.pool, &now) == WPOOL_OK);
    SCHED_CHECK(now.accepted == now.waiting + now.running + now.succeeded + now.failed +
                                    now.cancelled + now.discarded);
    return now;
}

/* Destroys the pool; each accepted task has ended once, no other was touched. */
HELPER void scene_close(void) {
    sched.look = NULL;
    SCHED_CHECK(wpool_destroy(scene.pool) == WPOOL_OK);
    for (int i = 0; i < TASKS; i++) {
        task *t = &scene.tasks[i];
        task_check_ended(t);
        bool is_over = t->is_handed_in || t->runs; /* else its submitter was gone before */
        if (!t->own || (t->kind != TASK_OWN && is_over)) continue;
        wpool_result result;
        if (is_over && t->status == WPOOL_OK) {
            SCHED_CHECK(wpool_job_result(t->own, &result) == WPOOL_OK);
            SCHED_CHECK(result.state == t->state && result.error == t->own->error);
        }
        sched_free(t->own);
    }
}

/* A stop has returned: nothing is queued any more. */
HELPER void scene_check_stopped(void) {
    SCHED_CHECK((scene.pool->queue.tail & WPOOL__GATE_COUNT) == scene.pool->queue.head);
}

/* To look at each step: are there never more jobs accepted and not started than the capacity? Only
   where none is accepted past the queue. */
HELPER void scene_look_capacity(void) {
    const wpool *pool = scene.pool;
    if (!pool || (pool->queue.tail & WPOOL__GATE_CLOSED)) return;
    uint64_t left = 0;
    const wpool__account *accounts = (const void *)pool->watch.accounts.chunks[0];
    for (unsigned i = 0; i < pool->watch.count; i++) {
        uint64_t progress = accounts[i].progress;
        left += progress / WPOOL__FINISHED_ONE + progress % WPOOL__FINISHED_ONE;
    }
    SCHED_CHECK((pool->queue.tail & WPOOL__GATE_COUNT) - left <= pool->capacity);
}

#endif /* SCENARIO_H */
