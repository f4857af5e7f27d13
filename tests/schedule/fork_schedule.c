/* fork, unfork and join, loops: every child runs once, and no child waits while a worker is idle. */
#include "parallel.h"

/* Computes without touching the pool until the flag is raised. */
static void compute_until(const sched_flag *flag) {
    while (!*flag)
        sched_point(true);
}

static void task_tree(task *t, wpool_job *job) {
    (void)t;
    tree_run(job, 3);
}

static wpool_help any_help(void) { return (wpool_help)pick(3); }

SCENARIO(fork_tree) {
    scene_all(TASK_KINDS);
    unsigned with_tree = pick(4);
    scene.tasks[with_tree].body = task_tree;
    scene_open((wpool_config){.workers = 1 + pick(3),
                              .queue_capacity = 1 + pick(4),
                              .help = any_help(),
                              .when_full = maybe() ? WPOOL_BLOCK : WPOOL_RUN});
    task_submitter(TASKS_FROM(0, 4));
    scene_close();
    SCHED_CHECK(scene.tasks[with_tree].ends == 1);
}

/* There is no memory for a larger deque at some time: children stay with those who forked them. */
SCENARIO(fork_without_memory) {
    scene_all(TASK_PLAIN);
    scene.tasks[0].body = task_tree;
    scene_open((wpool_config){.workers = 1 + pick(2)});
    sched.allocations_left = (int)pick(3);
    task_submitter(TASKS_FROM(0, 1));
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    sched.allocations_left = -1;
    scene_close();
    SCHED_CHECK(scene.tasks[0].ends == 1);
}

/* Where there is no worker to fork for: in the caller of a submit, in an inline pool. */
SCENARIO(fork_in_the_caller) {
    scene_all(TASK_PLAIN);
    scene.tasks[1].body = task_tree;
    bool is_inline = maybe();
    scene_open((wpool_config){.max_workers = is_inline ? WPOOL_INLINE : 1,
                              .workers = is_inline ? 0 : 1,
                              .queue_capacity = 1,
                              .start_paused = true,
                              .when_full = WPOOL_RUN});
    task_submitter(TASKS_FROM(0, 2));
    SCHED_CHECK(scene.tasks[1].ends == 1);
    scene_close();
}

/* -- work conservation -- */

static int raise_flag(void *arg, wpool_job *job) {
    (void)job;
    sched_raise((sched_flag *)arg);
    return 7;
}

/* Forks, and computes until the child has run: somebody else must take it out of its hands. */
static void task_compute(task *t, wpool_job *job) {
    wpool_job child;
    (void)t;
    compute();
    wpool_fork(job, &child, raise_flag, &scene.flags[0]);
    compute_until(&scene.flags[0]);
    if (maybe()) {
        SCHED_CHECK(!wpool_unfork(job, &child));
    } else {
        wpool_join(job, &child);
    }
    SCHED_CHECK(child.error == 7);
}

SCENARIO(fork_and_compute) {
    scene_all(TASK_KINDS);
    scene.tasks[0].body = task_compute;
    scene_open((wpool_config){.workers = 2 + pick(2)});
    compute();
    task_submitter(TASKS_FROM(0, 2));
    scene_close();
}

static int do_nothing(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    return 0;
}

/* The same after some other children, so that the deque's limit is up when the others go to sleep. */
static void task_compute_later(task *t, wpool_job *job) {
    wpool_job child;
    for (unsigned n = pick(4); n > 0; n--) {
        wpool_fork(job, &child, do_nothing, NULL);
        wpool_join(job, &child);
        if (maybe()) compute();
    }
    task_compute(t, job);
}

SCENARIO(fork_and_compute_later) {
    scene_all(TASK_PLAIN);
    scene.tasks[0].body = task_compute_later;
    scene_open((wpool_config){.workers = 2});
    task_submitter(TASKS_FROM(0, 1));
    scene_close();
}

/* All children run at the same time, each on a worker of its own. */
static int meet_all(void *arg, wpool_job *job) {
    (void)arg;
    task_meet(NULL, job);
    return 0;
}

static void task_fan_out(task *t, wpool_job *job) {
    wpool_job children[2];
    unsigned count = scene.meeting;
    (void)t;
    for (unsigned i = 0; i < count; i++)
        wpool_fork(job, &children[i], meet_all, NULL);
    compute_until(&scene.flags[0]);
    for (unsigned i = count; i > 0; i--)
        SCHED_CHECK(!wpool_unfork(job, &children[i - 1]));
}

SCENARIO(fork_more_than_one) {
    scene_all(TASK_PLAIN);
    scene.meeting = 2;
    scene.tasks[pick(2)].body = task_fan_out;
    scene_open((wpool_config){.workers = 3});
    task_submitter(TASKS_FROM(0, 2));
    scene_close();
    SCHED_CHECK(scene.met == 2);
}

/* The child forks one itself and computes until that one has run: only who waits for the child
   could run it. */
static int child_that_forks(void *arg, wpool_job *job) {
    (void)arg;
    sched_raise(&scene.flags[1]);
    wpool_job grandchild;
    for (unsigned n = pick(3); n > 0; n--) {
        wpool_fork(job, &grandchild, do_nothing, NULL);
        wpool_join(job, &grandchild);
    }
    compute();
    wpool_fork(job, &grandchild, raise_flag, &scene.flags[0]);
    compute_until(&scene.flags[0]);
    wpool_join(job, &grandchild);
    SCHED_CHECK(grandchild.error == 7);
    return 0;
}

static void task_leapfrog(task *t, wpool_job *job) {
    wpool_job child;
    (void)t;
    wpool_fork(job, &child, child_that_forks, NULL);
    compute_until(&scene.flags[1]); /* it has been stolen */
    wpool_join(job, &child);
    SCHED_CHECK(child.error == 0);
}

SCENARIO(fork_leapfrog) {
    scene_all(TASK_KINDS);
    scene.tasks[0].body = task_leapfrog;
    scene_open((wpool_config){.workers = 2, .help = any_help()});
    task_submitter(TASKS_FROM(0, 1));
    scene_close();
}

/* -- among everything else -- */

static void *stopper(void *arg) {
    (void)arg;
    compute();
    if (pick(3) == 0) wpool_pause(scene.pool);
    compute();
    scene.may_discard = true;
    wpool_stop(scene.pool, maybe() ? WPOOL_HOT : WPOOL_GRACEFUL);
    return NULL;
}

SCENARIO(fork_and_stop) {
    scene_all(TASK_KINDS);
    scene.tasks[pick(3)].body = task_tree;
    scene.may_discard = true;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(3),
                              .when_full = (wpool_when_full)pick(4),
                              .help = any_help()});
    int a = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    int b = sched_spawn(stopper, NULL);
    task_submitter(TASKS_FROM(2, 2));
    sched_join(a);
    sched_join(b);
    scene_close();
}

/* A job with children waits for other jobs meanwhile, which lie anywhere. */
static void task_fork_and_wait(task *t, wpool_job *job) {
    unsigned runs[NODES] = {0};
    node root = {.runs = runs, .number = 1, .depth = 1}, child;
    node_fork(job, &child, &root, 0);
    SCHED_CHECK(task_submit(&t[4]) == WPOOL_OK);
    SCHED_CHECK(task_submit(&t[5]) == WPOOL_OK);
    SCHED_CHECK(task_await(&t[4], WPOOL_FOREVER) == WPOOL_OK);
    SCHED_CHECK(node_end(job, &child) == 2);
    SCHED_CHECK(task_await(&t[5], WPOOL_FOREVER) == WPOOL_OK);
}

SCENARIO(fork_and_wait) {
    scene_all(TASK_KINDS);
    unsigned waiter = pick(3);
    scene.tasks[waiter].body = task_fork_and_wait;
    for (unsigned i = waiter + 4; i < waiter + 6; i++)
        scene.tasks[i].kind = maybe() ? TASK_ID : TASK_OWN;
    scene_open((wpool_config){.workers = 1 + pick(2),
                              .queue_capacity = 1 + pick(3),
                              .help = maybe() ? WPOOL_HELP_NARROW : WPOOL_HELP_ANY});
    task_submitter(TASKS_FROM(0, 3));
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    scene_close();
}

/* A child that was stolen leaves the thief's thread. */
static int child_that_leaves(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    if (maybe()) compute();
    sched_raise(&scene.flags[0]);
    sched_exit();
    return 0;
}

static void task_loses_a_child(task *t, wpool_job *job) {
    wpool_job child;
    wpool_result result;
    (void)t;
    wpool_fork(job, &child, child_that_leaves, NULL);
    compute_until(&scene.flags[0]);
    SCHED_CHECK(!wpool_unfork(job, &child));
    SCHED_CHECK(wpool_job_result(&child, &result) == WPOOL_OK);
    SCHED_CHECK(result.state == WPOOL_STATE_FAILED && result.error == WPOOL_FAILED);
}

SCENARIO(fork_and_lose) {
    scene_all(TASK_KINDS);
    scene.tasks[0].body = task_loses_a_child;
    scene_open((wpool_config){.workers = 2});
    sched.threads_left = maybe() ? 0 : -1;
    task_submitter(TASKS_FROM(0, 2));
    SCHED_CHECK(wpool_drain(scene.pool, WPOOL_FOREVER) == WPOOL_OK);
    scene_close();
}

/* -- loops -- */

static void *looper(void *arg) {
    (void)arg;
    loop_run(false);
    return NULL;
}

static void task_loop(task *t, wpool_job *job) {
    (void)t, (void)job;
    looper(NULL);
}

SCENARIO(loops_everywhere) {
    scene_all(TASK_KINDS);
    scene.tasks[pick(2)].body = task_loop;
    scene_open((wpool_config){.workers = 1 + pick(2), .queue_capacity = 1 + pick(2)});
    int a = sched_spawn(looper, NULL), b = sched_spawn(task_submitter, TASKS_FROM(0, 2));
    looper(NULL);
    sched_join(a);
    sched_join(b);
    scene_close();
}

static int loop_meet(size_t begin, size_t end, void *arg, wpool_job *job) {
    (void)arg;
    SCHED_CHECK(end == begin + 1);
    task_meet(NULL, job);
    return 0;
}

/* As many iterations run at once as there are workers, and the caller. */
SCENARIO(loop_on_all) {
    scene_all(TASK_PLAIN);
    unsigned workers = 1 + pick(2);
    scene.meeting = workers + 1;
    scene_open((wpool_config){.workers = workers});
    compute();
    SCHED_CHECK(wpool_for(scene.pool, 0, workers + 1, 1, loop_meet, NULL) == WPOOL_OK);
    scene_close();
    SCHED_CHECK(scene.met == workers + 1);
}

SCENARIO(reduce_in_order) {
    scene_all(TASK_PLAIN);
    scene_open((wpool_config){.workers = 1 + pick(2)});
    SCHED_CHECK(reduce_run() == WPOOL_OK);
    scene_close();
}
