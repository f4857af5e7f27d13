/* Waiting for one job, from outside and from inside of jobs: rows C1 and C1b (with a time:
   clock_test.c). Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

/* With large stacks: jobs run inside of each other. */
static wpool *helping_pool(unsigned workers, size_t capacity, wpool_help help) {
    return pool_from((wpool_config){.workers = workers,
                                    .queue_capacity = capacity,
                                    .help = help,
                                    .stack_size = 8 * 1024 * 1024});
}

/* ---- from outside ---- */

TEST(waiting_may_leave_the_result_behind) {
    atomic_uint count = 0;
    wpool_id id;
    wpool *pool = test_pool_of(2, 0);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(count, 1);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_UNKNOWN);
    test_destroy(pool);
}

TEST(jobs_can_be_waited_for_in_any_order) {
    static int errors[200];
    wpool_id ids[200];
    uint64_t random = test_seed();
    wpool *pool = test_pool_of(2, 0);
    for (int i = 0; i < 200; i++) {
        errors[i] = i;
        CHECK_EQ(wpool_submit(pool, return_job, &errors[i], &ids[i]), WPOOL_OK);
    }
    for (int left = 200; left > 0; left--) {
        wpool_result result;
        int i = (int)(test_random(&random) % (unsigned)left);
        CHECK_EQ(wpool_wait(pool, ids[i], WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK_EQ(result.id, ids[i]);
        CHECK(result.arg == &errors[result.error]);
        ids[i] = ids[left - 1];
    }
    test_destroy(pool);
}

typedef struct waiting {
    wpool *pool;
    wpool_id id;
    atomic_uint got, missed;
} waiting;

static void wait_once(void *arg) {
    waiting *w = (waiting *)arg;
    wpool_result result = {0};
    wpool_status status = wpool_wait(w->pool, w->id, WPOOL_FOREVER, &result);
    CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN);
    CHECK_EQ(result.id, status == WPOOL_OK ? w->id : 0);
    atomic_fetch_add(status == WPOOL_OK ? &w->got : &w->missed, 1);
}

TEST(of_several_that_wait_for_one_id_exactly_one_gets_it) {
    NEEDS_THREADS();
    for (int round = 0; round < 50; round++) {
        atomic_uint count = 0;
        helper threads[4];
        waiting w = {.pool = test_pool_paused(1, 0)};
        CHECK_EQ(wpool_submit(w.pool, count_job, &count, &w.id), WPOOL_OK);
        for (int i = 0; i < 4; i++)
            helper_start(&threads[i], wait_once, &w);
        for (int i = 0; i < 4 && round % 2; i++)
            helper_await_sleep(&threads[i]);
        CHECK_EQ(wpool_start(w.pool), WPOOL_OK);
        for (int i = 0; i < 4; i++)
            helper_join(&threads[i]);
        CHECK_EQ(w.got, 1);
        CHECK_EQ(w.missed, 3);
        test_destroy(w.pool);
    }
}

TEST(who_waits_for_a_job_that_is_discarded_is_told) {
    NEEDS_THREADS();
    atomic_uint count = 0;
    helper thread;
    waiting w = {.pool = test_pool_paused(1, 0)};
    CHECK_EQ(wpool_submit(w.pool, count_job, &count, &w.id), WPOOL_OK);
    helper_start(&thread, wait_once, &w);
    helper_await_sleep(&thread);
    CHECK_EQ(wpool_stop(w.pool, WPOOL_GRACEFUL), WPOOL_OK);
    helper_join(&thread);
    CHECK_EQ(w.got, 1);
    test_destroy(w.pool);
    CHECK_EQ(count, 0);
}

/* ---- from inside of a job ---- */

/* How many jobs of this test are running on this thread, one inside of the other. */
static _Thread_local unsigned depth;

typedef struct scene scene;

struct scene {
    unsigned before, after; /* other jobs submitted before and after the one that is waited for */
    bool is_embedded;
    int64_t timeout;
    wpool_status expected;
    atomic_uint others, others_inside; /* other jobs that ran; inside of one that waits */
    atomic_uint targets, targets_inside;
    gate *until; /* the job that is waited for ends when this opens; may be NULL */
};

static int other_job(void *arg, wpool_job *job) {
    scene *s = (scene *)arg;
    (void)job;
    atomic_fetch_add(&s->others, 1);
    if (depth > 0) atomic_fetch_add(&s->others_inside, 1);
    return 0;
}

static int target_job(void *arg, wpool_job *job) {
    scene *s = (scene *)arg;
    (void)job;
    atomic_fetch_add(&s->targets, 1);
    if (depth > 0) atomic_fetch_add(&s->targets_inside, 1);
    if (s->until) gate_job(s->until, job);
    return 17;
}

static void submit_others(wpool *pool, scene *s, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(wpool_submit(pool, other_job, s, NULL), WPOOL_OK);
}

/* Submits others, the one it waits for, and others; then waits. */
static int waiting_job(void *arg, wpool_job *job) {
    scene *s = (scene *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_job target;
    wpool_result result;
    wpool_id id = 0;
    wpool_status status;
    submit_others(pool, s, s->before);
    wpool_job_init(&target, target_job, s);
    if (s->is_embedded)
        CHECK_EQ(wpool_submit_job(pool, &target, NULL), WPOOL_OK);
    else
        CHECK_EQ(wpool_submit(pool, target_job, s, &id), WPOOL_OK);
    submit_others(pool, s, s->after);
    depth++;
    if (s->is_embedded)
        status = wpool_job_wait(&target, s->timeout);
    else
        status = wpool_wait(pool, id, s->timeout, &result);
    depth--;
    CHECK_EQ(status, s->expected);
    if (status == WPOOL_OK && s->is_embedded)
        CHECK_EQ(wpool_job_result(&target, &result), WPOOL_OK);
    if (status == WPOOL_OK) CHECK_EQ(result.error, 17);
    return 0;
}

static scene scene_of(unsigned before, unsigned after, bool is_embedded) {
    return (scene){.before = before,
                   .after = after,
                   .is_embedded = is_embedded,
                   .timeout = WPOOL_FOREVER,
                   .expected = WPOOL_OK};
}

static void scene_play(scene *s, wpool *pool) {
    CHECK_EQ(wpool_submit(pool, waiting_job, s, NULL), WPOOL_OK);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(s->targets, 1);
    CHECK_EQ(s->others, s->before + s->after);
}

TEST(a_waiting_worker_runs_what_it_waits_for_and_nothing_else) {
    static const unsigned places[][2] = {{0, 0}, {0, 1}, {1, 0}, {0, 150}, {150, 0}, {75, 75}};
    static const size_t capacities[] = {1, 10, 64, 1024};
    for (size_t p = 0; p < COUNT_OF(places); p++)
        for (size_t c = 0; c < COUNT_OF(capacities); c++)
            for (unsigned i = 0; i < 6; i++) {
                unsigned workers = 1 + i / 2;
                scene s = scene_of(places[p][0], places[p][1], i % 2);
                scene_play(&s, helping_pool(workers, capacities[c], WPOOL_HELP_NARROW));
                CHECK_EQ(s.others_inside, 0);
                if (workers == 1) CHECK_EQ(s.targets_inside, 1);
            }
}

TEST(a_waiting_worker_runs_any_job_if_it_is_told_to_help) {
    for (unsigned i = 0; i < 2; i++) {
        scene s = scene_of(40, 40, i % 2);
        scene_play(&s, helping_pool(1, 0, WPOOL_HELP_ANY));
        CHECK_EQ(s.targets_inside, 1);
        CHECK(s.others_inside >= 39); /* those before the target, in their order */
    }
}

TEST(a_waiting_worker_that_must_not_help_leaves_the_job_to_others) {
    NEEDS_WORKERS();
    for (unsigned i = 0; i < 6; i++) {
        scene s = scene_of(20, 20, i % 2);
        scene_play(&s, helping_pool(2 + i / 2, 0, WPOOL_HELP_NONE));
        CHECK_EQ(s.targets_inside + s.others_inside, 0);
    }
}

TEST(a_waiting_worker_that_must_not_help_gives_up_in_time) {
    for (unsigned i = 0; i < 2; i++) {
        scene s = scene_of(5, 5, false);
        s.timeout = WPOOL_NOW;
        s.expected = WPOOL_TIMEOUT;
        scene_play(&s, helping_pool(1, 0, WPOOL_HELP_NONE));
        CHECK_EQ(s.targets_inside + s.others_inside, 0);
    }
}

TEST(while_a_worker_waits_the_others_run_what_it_put_aside) {
    NEEDS_WORKERS();
    for (unsigned i = 0; i < 8; i++) { /* another worker may have begun the target: at least 3 */
        gate until = GATE_CLOSED;
        scene s = scene_of(100, 100, i % 2);
        s.until = &until;
        wpool *pool = helping_pool(3 + i / 4, i & 2 ? 1024 : 1, WPOOL_HELP_NARROW);
        CHECK_EQ(wpool_submit(pool, waiting_job, &s, NULL), WPOOL_OK);
        while (atomic_load(&s.others) < 200)
            sched_yield();
        gate_open(&until);
        test_drain(pool);
        test_destroy(pool);
        CHECK_EQ(s.others_inside, 0);
    }
}

TEST(a_job_waits_for_one_that_another_worker_runs) {
    NEEDS_WORKERS();
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_NONE; help++) {
        gate until = GATE_CLOSED;
        scene s = scene_of(0, 0, help % 2);
        s.until = &until;
        hold h = HOLD_EMPTY;
        wpool *pool = helping_pool(2, 0, (wpool_help)help);
        hold_init(&h);
        CHECK_EQ(wpool_submit(pool, waiting_job, &s, NULL), WPOOL_OK);
        gate_await_count(&until, 1);
        test_let_others_run();
        gate_open(&until);
        test_drain(pool);
        test_destroy(pool);
        CHECK_EQ(s.targets, 1);
    }
}

typedef struct distant {
    wpool_job blocked, target, waiter;
    wpool_id id; /* of the target, if it is not embedded */
    hold hold;
    atomic_uint ran;
} distant;

static int wait_for_distant_job(void *arg, wpool_job *job) {
    distant *d = (distant *)arg;
    if (d->id)
        CHECK_EQ(wpool_wait(wpool_job_pool(job), d->id, WPOOL_FOREVER, NULL), WPOOL_OK);
    else
        CHECK_EQ(wpool_job_wait(&d->target, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(a_waiting_worker_finds_the_job_in_the_batch_of_a_blocked_one) {
    NEEDS_WORKERS();
    for (int is_embedded = 0; is_embedded < 2; is_embedded++) {
        distant d = {.hold = HOLD_EMPTY};
        wpool *pool = test_pool_paused(2, 0);
        hold_init(&d.hold);
        wpool_job_init(&d.blocked, hold_job, &d.hold);
        wpool_job_init(&d.target, count_job, &d.ran);
        wpool_job_init(&d.waiter, wait_for_distant_job, &d);
        test_await_idle(pool);
        /* one worker takes two of the three, the other one the last */
        CHECK_EQ(wpool_submit_job(pool, &d.blocked, NULL), WPOOL_OK);
        if (is_embedded)
            CHECK_EQ(wpool_submit_job(pool, &d.target, NULL), WPOOL_OK);
        else
            CHECK_EQ(wpool_submit(pool, count_job, &d.ran, &d.id), WPOOL_OK);
        CHECK_EQ(wpool_submit_job(pool, &d.waiter, NULL), WPOOL_OK);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&d.waiter, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(d.ran, 1);
        hold_release(&d.hold, 1);
        test_destroy(pool);
    }
}

/* -- a lock that is held while waiting -- */

typedef struct locked {
    pthread_mutex_t mutex; /* answers an error to who holds it already */
    atomic_uint ran, done;
} locked;

static int lock_job(void *arg, wpool_job *job) {
    locked *l = (locked *)arg;
    (void)job;
    CHECK_EQ(pthread_mutex_lock(&l->mutex), 0);
    atomic_fetch_add(&l->ran, 1);
    CHECK_EQ(pthread_mutex_unlock(&l->mutex), 0);
    return 0;
}

/* Submits jobs that need the lock and one that does not; waits for that one, holding the lock. */
static int wait_locked_job(void *arg, wpool_job *job) {
    locked *l = (locked *)arg;
    wpool *pool = wpool_job_pool(job);
    for (int i = 0; i < 40; i++) {
        wpool_id id;
        for (int j = 0; j < 10; j++)
            CHECK_EQ(wpool_submit(pool, lock_job, l, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, count_job, &l->done, &id), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, lock_job, l, NULL), WPOOL_OK);
        CHECK_EQ(pthread_mutex_lock(&l->mutex), 0);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
        CHECK_EQ(pthread_mutex_unlock(&l->mutex), 0);
    }
    return 0;
}

TEST(a_lock_held_while_waiting_is_not_met_again_on_the_thread) {
    for (unsigned workers = 1; workers <= 4; workers++) {
        locked l = {.ran = 0};
        pthread_mutexattr_t attr;
        pthread_mutexattr_init(&attr);
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
        CHECK_EQ(pthread_mutex_init(&l.mutex, &attr), 0);
        wpool *pool = helping_pool(workers, 50, WPOOL_HELP_NARROW);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(wpool_submit(pool, wait_locked_job, &l, NULL), WPOOL_OK);
        test_drain(pool);
        test_destroy(pool);
        CHECK_EQ(l.ran, 3 * 40 * 11);
        CHECK_EQ(l.done, 3 * 40);
    }
}

/* -- nesting -- */

typedef struct nest {
    unsigned left; /* levels below this one */
    atomic_uint *levels;
} nest;

static int nest_job(void *arg, wpool_job *job) {
    nest *n = (nest *)arg;
    nest below = {n->left - 1, n->levels};
    wpool *pool = wpool_job_pool(job);
    atomic_fetch_add(n->levels, 1);
    if (n->left == 0) return 0;
    if (n->left % 2) {
        wpool_job child;
        wpool_job_init(&child, nest_job, &below);
        CHECK_EQ(wpool_submit_job(pool, &child, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&child, WPOOL_FOREVER), WPOOL_OK);
    } else {
        wpool_id id;
        CHECK_EQ(wpool_submit(pool, nest_job, &below, &id), WPOOL_OK);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    return 0;
}

TEST(waits_nest_deeply) {
    static const size_t capacities[] = {1, 1024};
    for (size_t c = 0; c < COUNT_OF(capacities); c++)
        for (unsigned workers = 1; workers <= 3; workers++)
            for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++) {
                atomic_uint levels = 0;
                nest n = {300, &levels};
                wpool *pool = helping_pool(workers, capacities[c], (wpool_help)help);
                CHECK_EQ(wpool_submit(pool, nest_job, &n, NULL), WPOOL_OK);
                test_drain(pool);
                test_destroy(pool);
                CHECK_EQ(levels, 301);
            }
}

typedef struct fibonacci {
    wpool_job job;
    unsigned n, value;
} fibonacci;

static int fibonacci_job(void *arg, wpool_job *job) {
    fibonacci *f = (fibonacci *)arg;
    fibonacci parts[2];
    f->value = f->n;
    if (f->n < 2) return 0;
    for (unsigned i = 0; i < 2; i++) {
        parts[i].n = f->n - 1 - i;
        wpool_job_init(&parts[i].job, fibonacci_job, &parts[i]);
        CHECK_EQ(wpool_submit_job(wpool_job_pool(job), &parts[i].job, NULL), WPOOL_OK);
    }
    for (unsigned i = 0; i < 2; i++)
        CHECK_EQ(wpool_job_wait(&parts[i].job, WPOOL_FOREVER), WPOOL_OK);
    f->value = parts[0].value + parts[1].value;
    return 0;
}

TEST(a_tree_of_waits_computes) {
    static const size_t capacities[] = {1, 1024, WPOOL_UNBUFFERED};
    for (size_t c = 0; c < COUNT_OF(capacities); c++)
        for (unsigned workers = 1; workers <= 4; workers++)
            for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++) {
                fibonacci f = {.n = 14};
                wpool *pool = helping_pool(workers, capacities[c], (wpool_help)help);
                wpool_job_init(&f.job, fibonacci_job, &f);
                CHECK_EQ(wpool_submit_job(pool, &f.job, NULL), WPOOL_OK);
                CHECK_EQ(wpool_job_wait(&f.job, WPOOL_FOREVER), WPOOL_OK);
                CHECK_EQ(f.value, 377);
                test_destroy(pool);
            }
}

#define CHILDREN 50

typedef struct parent {
    gate *meeting; /* all parents wait at the same time; NULL: this one does not care */
    unsigned parents;
    bool is_reversed, is_embedded;
    atomic_uint *children;
} parent;

static void wait_for_children(wpool *pool, const parent *p, wpool_job *jobs, const wpool_id *ids) {
    for (int i = 0; i < CHILDREN; i++) {
        int n = p->is_reversed ? CHILDREN - 1 - i : i;
        if (p->is_embedded)
            CHECK_EQ(wpool_job_wait(&jobs[n], WPOOL_FOREVER), WPOOL_OK);
        else
            CHECK_EQ(wpool_wait(pool, ids[n], WPOOL_FOREVER, NULL), WPOOL_OK);
    }
}

static int parent_job(void *arg, wpool_job *job) {
    parent *p = (parent *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_job jobs[CHILDREN];
    wpool_id ids[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        wpool_job_init(&jobs[i], count_job, p->children);
        if (p->is_embedded)
            CHECK_EQ(wpool_submit_job(pool, &jobs[i], NULL), WPOOL_OK);
        else
            CHECK_EQ(wpool_submit(pool, count_job, p->children, &ids[i]), WPOOL_OK);
    }
    if (p->meeting) gate_count_up(p->meeting);
    if (p->meeting) gate_await_count(p->meeting, p->parents);
    wait_for_children(pool, p, jobs, ids);
    return 0;
}

/* So many parents, submitted at once. */
static void check_parents(unsigned workers, unsigned parents, parent p) {
    static const size_t capacities[] = {1, 60, 1024};
    for (size_t c = 0; c < COUNT_OF(capacities); c++) {
        gate meeting = GATE_CLOSED;
        atomic_uint children = 0;
        wpool *pool = helping_pool(workers, capacities[c], WPOOL_HELP_NARROW);
        parent copy = p;
        copy.children = &children;
        copy.parents = parents;
        if (p.meeting) copy.meeting = &meeting;
        for (unsigned i = 0; i < parents; i++)
            CHECK_EQ(wpool_submit(pool, parent_job, &copy, NULL), WPOOL_OK);
        test_drain(pool);
        test_destroy(pool);
        CHECK_EQ(children, parents * CHILDREN);
    }
}

TEST(children_can_be_waited_for_in_reverse) {
    for (unsigned i = 0; i < 12; i++)
        check_parents(1 + i / 4, 4, (parent){.is_reversed = i & 1, .is_embedded = i & 2});
}

TEST(all_workers_may_wait_at_once) {
    NEEDS_WORKERS();
    static gate any;
    for (unsigned i = 0; i < 16; i++) {
        unsigned workers = 1 + i / 4;
        check_parents(workers, workers,
                      (parent){.meeting = &any, .is_reversed = i & 1, .is_embedded = i & 2});
    }
}

/* -- waiting for oneself -- */

typedef struct cycle {
    wpool_id parent;
    wpool_status seen;
} cycle;

static int wait_for_parent_job(void *arg, wpool_job *job) {
    cycle *c = (cycle *)arg;
    c->seen = wpool_wait(wpool_job_pool(job), c->parent, WPOOL_FOREVER, NULL);
    return 0;
}

static int wait_for_child_job(void *arg, wpool_job *job) {
    wpool_id id;
    wpool *pool = wpool_job_pool(job);
    CHECK_EQ(wpool_wait(pool, wpool_job_id(job), WPOOL_FOREVER, NULL), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_wait(pool, wpool_job_id(job), WPOOL_NOW, NULL), WPOOL_DEADLOCK);
    CHECK_EQ(wpool_submit(pool, wait_for_parent_job, arg, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

TEST(waiting_for_oneself_or_for_the_job_below_is_a_deadlock) {
    cycle c = {.seen = WPOOL_OK};
    wpool *pool = test_pool_of(1, 0);
    CHECK_EQ(wpool_submit(pool, wait_for_child_job, &c, &c.parent), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, c.parent, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(c.seen, WPOOL_DEADLOCK);
    test_destroy(pool);
}

static int wait_for_self_job(void *arg, wpool_job *job) {
    *(wpool_status *)arg = wpool_wait(wpool_job_pool(job), wpool_job_id(job), WPOOL_FOREVER, NULL);
    return 0;
}

TEST(a_job_that_its_submitter_runs_must_not_wait_for_itself) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    wpool_status status = WPOOL_OK;
    wpool_id id;
    wpool *pool =
        test_pool(&(wpool_config){.workers = 1, .queue_capacity = 1, .when_full = WPOOL_RUN});
    hold_workers(&h, pool, 1);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, wait_for_self_job, &status, &id), WPOOL_OK);
    CHECK_EQ(status, WPOOL_DEADLOCK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, NULL), WPOOL_OK);
    hold_release(&h, 2);
    test_destroy(pool);
}

/* -- waiting for a job of another pool, and for one that somebody else submitted -- */

typedef struct errand {
    wpool *pool;
    wpool_id id;
    atomic_uint ran;
} errand;

static int wait_elsewhere_job(void *arg, wpool_job *job) {
    errand *e = (errand *)arg;
    wpool *pool = e->pool ? e->pool : wpool_job_pool(job);
    if (e->id == 0) CHECK_EQ(wpool_submit(pool, count_job, &e->ran, &e->id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, e->id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

TEST(a_job_may_wait_for_a_job_of_another_pool) {
    for (int i = 0; i < 50; i++) {
        errand e = {.pool = test_pool_of(1, 0)};
        wpool *pool = test_pool_of(1, 0);
        CHECK_EQ(wpool_submit(pool, wait_elsewhere_job, &e, NULL), WPOOL_OK);
        test_drain(pool);
        test_destroy(pool);
        test_destroy(e.pool);
        CHECK_EQ(e.ran, 1);
    }
}

TEST(a_job_may_wait_for_a_job_that_somebody_else_submitted) {
    for (unsigned others = 0; others < 200; others += 40) {
        errand e = {.pool = NULL};
        atomic_uint count = 0;
        wpool *pool = test_pool_paused(1, 0);
        CHECK_EQ(wpool_submit(pool, wait_elsewhere_job, &e, NULL), WPOOL_OK);
        count_submit(pool, &count, others);
        CHECK_EQ(wpool_submit(pool, count_job, &e.ran, &e.id), WPOOL_OK);
        count_submit(pool, &count, others);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        test_destroy(pool);
        CHECK_EQ(e.ran, 1);
        CHECK_EQ(count, 2 * others);
    }
}
