/* fork, unfork, join (G1), loops, reduce and map (G2), and that no child waits while a worker is idle
   (F3). Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

/* Runs fn(arg) as a job of the pool, to its end. */
static void run_in(wpool *pool, wpool_fn fn, void *arg) {
    wpool_job job;
    wpool_job_init(&job, fn, arg);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(job.error, 0);
}

/* ---- G1: fork and join ---- */

typedef struct fib {
    wpool_job job;
    unsigned n;
    uint64_t value;
} fib;

static int fib_unfork(void *arg, wpool_job *self) {
    fib *f = (fib *)arg, a = {.n = f->n - 1}, b = {.n = f->n - 2};
    f->value = f->n;
    if (f->n < 2) return 0;
    wpool_fork(self, &a.job, fib_unfork, &a);
    fib_unfork(&b, self);
    if (wpool_unfork(self, &a.job)) fib_unfork(&a, self);
    f->value = a.value + b.value;
    return 0;
}

static int fib_join(void *arg, wpool_job *self) {
    fib *f = (fib *)arg, a = {.n = f->n - 1}, b = {.n = f->n - 2};
    f->value = f->n;
    if (f->n < 2) return 0;
    wpool_fork(self, &a.job, fib_join, &a);
    wpool_fork(self, &b.job, fib_join, &b);
    wpool_join(self, &b.job);
    wpool_join(self, &a.job);
    f->value = a.value + b.value;
    return 0;
}

/* The same through pointers to the functions, as other languages call them. */
static int fib_called(void *arg, wpool_job *self) {
    void (*volatile fork_it)(wpool_job *, wpool_job *, wpool_fn, void *) = wpool_fork;
    bool (*volatile unfork_it)(wpool_job *, wpool_job *) = wpool_unfork;
    fib *f = (fib *)arg, a = {.n = f->n - 1}, b = {.n = f->n - 2};
    f->value = f->n;
    if (f->n < 2) return 0;
    fork_it(self, &a.job, fib_called, &a);
    fib_called(&b, self);
    if (unfork_it(self, &a.job)) fib_called(&a, self);
    f->value = a.value + b.value;
    return 0;
}

TEST(a_tree_of_forks_is_joined) {
    static const wpool_fn ways[] = {fib_unfork, fib_join, fib_called};
    static const unsigned workers[] = {1, 2, 3, 8};
    for (size_t w = 0; w < COUNT_OF(workers); w++) {
        wpool *pool = test_pool_of(workers[w], 0);
        for (size_t i = 0; i < COUNT_OF(ways); i++) {
            fib f = {.n = 18};
            run_in(pool, ways[i], &f);
            CHECK_EQ(f.value, 2584);
        }
        test_destroy(pool);
    }
}

/* Forks all, then joins them from the first to the last. */
#define MANY 1000

static int join_in_order(void *arg, wpool_job *self) {
    static wpool_job children[MANY];
    atomic_uint *count = (atomic_uint *)arg;
    for (int i = 0; i < MANY; i++)
        wpool_fork(self, &children[i], count_job, count);
    for (int i = 0; i < MANY; i++)
        wpool_join(self, &children[i]);
    CHECK_EQ(atomic_load(count), MANY);
    for (int i = 0; i < MANY; i++)
        wpool_join(self, &children[i]); /* once more is harmless */
    CHECK_EQ(atomic_load(count), MANY);
    return 0;
}

static int join_backwards(void *arg, wpool_job *self) {
    static wpool_job children[MANY];
    atomic_uint *count = (atomic_uint *)arg;
    for (int i = 0; i < MANY; i++)
        wpool_fork(self, &children[i], count_job, count);
    for (int i = MANY; i > 0; i--)
        wpool_join(self, &children[i - 1]);
    CHECK_EQ(atomic_load(count), MANY);
    return 0;
}

TEST(children_are_joined_in_any_order) {
    for (unsigned workers = 1; workers <= 4; workers++) {
        wpool *pool = test_pool_of(workers, 0);
        atomic_uint forward = 0, backward = 0;
        run_in(pool, join_in_order, &forward);
        run_in(pool, join_backwards, &backward);
        test_destroy(pool);
    }
}

static int fails(void *arg, wpool_job *job) {
    wpool_set_result(job, arg);
    return 5;
}

static int join_a_failing_child(void *arg, wpool_job *self) {
    wpool_job child;
    wpool_result result;
    wpool_fork(self, &child, fails, arg);
    wpool_join(self, &child);
    CHECK_EQ(wpool_job_result(&child, &result), WPOOL_OK);
    CHECK_EQ(result.state, WPOOL_STATE_FAILED);
    CHECK_EQ(result.error, 5);
    CHECK(result.data == arg && result.arg == arg);
    return 0;
}

TEST(a_joined_child_tells_how_it_ended) {
    int x;
    for (unsigned workers = 1; workers <= 2; workers++) {
        wpool *pool = test_pool_of(workers, 0);
        for (int i = 0; i < 100; i++)
            run_in(pool, join_a_failing_child, &x);
        test_destroy(pool);
    }
}

/* A child waits for a job of the pool, and the parent too: forks lie among submitted jobs. */
static int wait_for_another(void *arg, wpool_job *self) {
    wpool *pool = wpool_job_pool(self);
    atomic_uint *count = (atomic_uint *)arg;
    wpool_id id;
    CHECK_EQ(wpool_submit(pool, count_job, count, &id), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

static int fork_waiters(void *arg, wpool_job *self) {
    wpool_job children[4];
    for (int i = 0; i < 4; i++)
        wpool_fork(self, &children[i], wait_for_another, arg);
    wait_for_another(arg, self);
    for (int i = 4; i > 0; i--)
        wpool_join(self, &children[i - 1]);
    return 0;
}

TEST(children_and_jobs_in_one_deque) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        wpool *pool = test_pool_of(workers, 2);
        atomic_uint count = 0;
        for (int i = 0; i < 50; i++)
            run_in(pool, fork_waiters, &count);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&count), 50 * 10);
    }
}

static int fork_there(void *arg, wpool_job *self) {
    fib f = {.n = 12};
    fib_join(&f, self);
    CHECK_EQ(f.value, 144);
    return count_job(arg, self);
}

TEST(a_job_run_by_its_submitter_may_fork) {
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 1, .when_full = WPOOL_RUN, .start_paused = true});
    for (int i = 0; i < 3; i++)
        CHECK_EQ(wpool_submit(pool, fork_there, &count, NULL), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 2);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 3);
}

TEST(forks_are_no_jobs_in_the_counts) {
    wpool *pool = test_pool_of(2, 0);
    fib f = {.n = 12};
    run_in(pool, fib_join, &f);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).accepted, 1);
    CHECK_EQ(test_stats(pool).succeeded, 1);
    test_destroy(pool);
}

/* ---- F3: children of a job that computes ---- */

typedef struct conserving {
    unsigned children;
    atomic_uint running;
} conserving;

static int meet_others(void *arg, wpool_job *job) {
    conserving *c = (conserving *)arg;
    (void)job;
    atomic_fetch_add(&c->running, 1);
    while (atomic_load(&c->running) < c->children)
        sched_yield();
    return 0;
}

/* Goes on only when all children run at the same time, and touches the pool meanwhile as little as
   one that computes. */
static int fork_and_compute(void *arg, wpool_job *self) {
    conserving *c = (conserving *)arg;
    wpool_job children[7];
    for (unsigned i = 0; i < c->children; i++)
        wpool_fork(self, &children[i], meet_others, c);
    while (atomic_load(&c->running) < c->children)
        sched_yield();
    for (unsigned i = c->children; i > 0; i--)
        CHECK(!wpool_unfork(self, &children[i - 1]));
    return 0;
}

TEST(children_of_a_job_that_computes_are_run_by_idle_workers) {
    NEEDS_WORKERS();
    for (unsigned children = 1; children <= 7; children += 3) {
        wpool *pool = test_pool_of(children + 1, 0);
        for (int round = 0; round < 20; round++) {
            conserving c = {.children = children};
            if (round % 2) test_await_idle(pool);
            run_in(pool, fork_and_compute, &c);
        }
        test_destroy(pool);
    }
}

static int fork_and_tell(void *arg, wpool_job *self) {
    gate *gates = (gate *)arg;
    wpool_job grandchild;
    gate_count_up(&gates[0]); /* the child has been stolen */
    gate_wait(&gates[1]);     /* and the one who joins it sleeps, likely */
    conserving c = {.children = 1};
    wpool_fork(self, &grandchild, meet_others, &c);
    while (atomic_load(&c.running) == 0)
        sched_yield();
    wpool_join(self, &grandchild);
    return 0;
}

static int join_one_that_forks(void *arg, wpool_job *self) {
    wpool_job child;
    wpool_fork(self, &child, fork_and_tell, arg);
    gate_await_count((gate *)arg, 1);
    wpool_join(self, &child);
    return 0;
}

TEST(who_waits_for_a_child_helps_with_its_children) {
    NEEDS_WORKERS();
    for (int round = 0; round < 20; round++) {
        gate gates[2] = {GATE_CLOSED, GATE_CLOSED};
        wpool *pool = test_pool_of(2, 0);
        wpool_job job;
        wpool_job_init(&job, join_one_that_forks, gates);
        CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
        gate_await_count(&gates[0], 1);
        test_let_others_run();
        gate_open(&gates[1]);
        CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
        test_destroy(pool);
    }
}

/* ---- G2: loops ---- */

#define ELEMENTS 5000

typedef struct loop {
    size_t begin, end, grain;
    atomic_uchar runs[ELEMENTS];
    size_t fails_at;
    atomic_bool has_failed;
} loop;

static int loop_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    loop *l = (loop *)arg;
    CHECK(begin < end && begin >= l->begin && end <= l->end);
    CHECK(l->grain == 0 || end - begin <= l->grain);
    CHECK(wpool_job_pool(job) != NULL && !wpool_cancelled(job));
    for (size_t i = begin; i < end; i++) {
        CHECK_EQ(atomic_fetch_add(&l->runs[i], 1), 0);
        if (i == l->fails_at) return 1;
    }
    return 0;
}

static void check_loop(wpool *pool, size_t begin, size_t end, size_t grain) {
    loop l = {.begin = begin, .end = end, .grain = grain, .fails_at = SIZE_MAX};
    CHECK_EQ(wpool_for(pool, begin, end, grain, loop_body, &l), WPOOL_OK);
    for (size_t i = 0; i < ELEMENTS; i++)
        CHECK_EQ(atomic_load(&l.runs[i]), i >= begin && i < end);
}

static void check_loops(wpool *pool) {
    check_loop(pool, 0, 0, 0);
    check_loop(pool, 7, 7, 3);
    check_loop(pool, 0, 1, 0);
    check_loop(pool, 10, ELEMENTS, 0);
    check_loop(pool, 0, ELEMENTS, 1);
    check_loop(pool, 3, 4000, 7);
    check_loop(pool, 0, ELEMENTS, ELEMENTS);
    check_loop(pool, 0, ELEMENTS, SIZE_MAX);
    for (size_t n = 1; n <= 40; n++)
        check_loop(pool, 0, n, 1 + n % 5);
}

static int loops_job(void *arg, wpool_job *job) {
    (void)arg;
    check_loops(wpool_job_pool(job));
    return 0;
}

TEST(each_iteration_runs_once) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        wpool *pool = test_pool_of(workers, 0);
        check_loops(pool);
        run_in(pool, loops_job, NULL);
        test_destroy(pool);
    }
}

static void loops_thread(void *pool) { check_loops((wpool *)pool); }

TEST(more_threads_than_guests_run_loops) {
    NEEDS_THREADS();
    helper threads[WPOOL_GUESTS + 3];
    wpool *pool = test_pool_of(2, 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        helper_start(&threads[i], loops_thread, pool);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        helper_join(&threads[i]);
    test_destroy(pool);
}

TEST(a_loop_in_a_paused_pool_is_run_by_its_caller) {
    wpool *pool = test_pool_paused(2, 0);
    check_loops(pool);
    test_destroy(pool);
}

static int nested_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    for (size_t i = begin; i < end; i++)
        CHECK_EQ(wpool_map(wpool_job_pool(job), arg, 100, sizeof(atomic_uint), 0, count_job),
                 WPOOL_OK);
    return 0;
}

TEST(loops_nest) {
    wpool *pool = test_pool_of(3, 0);
    atomic_uint counts[100] = {0};
    CHECK_EQ(wpool_for(pool, 0, 50, 1, nested_body, counts), WPOOL_OK);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(atomic_load(&counts[i]), 50);
    test_destroy(pool);
}

TEST(an_error_ends_the_loop) {
    wpool *pool = test_pool_of(2, 0);
    for (size_t at = 0; at < ELEMENTS; at += 501) {
        loop l = {.end = ELEMENTS, .grain = 10, .fails_at = at};
        unsigned ran = 0;
        CHECK_EQ(wpool_for(pool, 0, ELEMENTS, 10, loop_body, &l), WPOOL_FAILED);
        for (size_t i = 0; i < ELEMENTS; i++)
            ran += atomic_load(&l.runs[i]);
        CHECK_EQ(atomic_load(&l.runs[at]), 1);
        if (at % 10 != 9) CHECK(ran < ELEMENTS);
    }
    test_destroy(pool);
}

static int stop_the_pool(size_t begin, size_t end, void *arg, wpool_job *job) {
    atomic_fetch_add((atomic_uint *)arg, (unsigned)(end - begin));
    CHECK(!wpool_cancelled(job) || begin > 0);
    wpool_stop(wpool_job_pool(job), WPOOL_HOT);
    return 0;
}

TEST(a_hot_stop_ends_the_loop) {
    wpool *pool = test_pool_of(1, 0);
    atomic_uint ran = 0;
    CHECK_EQ(wpool_for(pool, 0, 1000, 1, stop_the_pool, &ran), WPOOL_CANCELLED);
    CHECK(atomic_load(&ran) >= 1 && atomic_load(&ran) <= 2);
    test_destroy(pool);
}

static int meet_in_a_loop(size_t begin, size_t end, void *arg, wpool_job *job) {
    CHECK_EQ(end - begin, 1);
    return meet_others(arg, job);
}

TEST(the_caller_and_all_workers_take_part) {
    NEEDS_WORKERS();
    for (unsigned workers = 1; workers <= 5; workers += 2) {
        wpool *pool = test_pool_of(workers, 0);
        conserving c = {.children = workers + 1};
        CHECK_EQ(wpool_for(pool, 0, workers + 1, 1, meet_in_a_loop, &c), WPOOL_OK);
        test_destroy(pool);
    }
}

/* ---- reduce and map ---- */

static int add_fold(size_t begin, size_t end, void *partial, void *arg, wpool_job *job) {
    double *sum = (double *)partial;
    (void)job;
    for (size_t i = begin; i < end; i++)
        *sum += 1.0 / (double)(i + *(size_t *)arg);
    return 0;
}

static void add_combine(void *into, const void *from, void *arg) {
    (void)arg;
    *(double *)into += *(const double *)from;
}

TEST(a_reduction_is_the_same_on_any_number_of_workers) {
    static const size_t grains[] = {0, 1, 7, 100, 100000};
    for (size_t g = 0; g < COUNT_OF(grains); g++) {
        double first = 0;
        for (unsigned workers = 1; workers <= 4; workers++) {
            wpool *pool = test_pool_of(workers, 0);
            size_t offset = 1;
            double sum = 0;
            CHECK_EQ(wpool_reduce(pool, 0, 10000, grains[g], add_fold, add_combine, &offset, &sum,
                                  sizeof sum),
                     WPOOL_OK);
            CHECK(sum > 9.78 && sum < 9.79);
            if (workers == 1) first = sum;
            CHECK(memcmp(&sum, &first, sizeof sum) == 0);
            test_destroy(pool);
        }
    }
}

static int fails_at_77(size_t begin, size_t end, void *partial, void *arg, wpool_job *job) {
    (void)partial, (void)arg, (void)job;
    return begin <= 77 && 77 < end;
}

TEST(a_reduction_that_fails_leaves_the_result) {
    wpool *pool = test_pool_of(2, 0);
    double sum = 3;
    CHECK_EQ(wpool_reduce(pool, 0, 100, 10, fails_at_77, add_combine, NULL, &sum, sizeof sum),
             WPOOL_FAILED);
    CHECK(sum == 3);
    CHECK_EQ(wpool_reduce(pool, 5, 5, 10, fails_at_77, add_combine, NULL, &sum, sizeof sum),
             WPOOL_OK);
    CHECK(sum == 3);
    test_destroy(pool);
}

TEST(a_reduction_without_memory_fails) {
    memory used = {0};
    wpool_allocator allocator = memory_allocator(&used);
    double sum = 3;
    size_t offset = 1;
    wpool *pool = pool_from((wpool_config){.allocator = &allocator});
    used.first_denied = 1;
    used.last_denied = UINT32_MAX;
    CHECK_EQ(wpool_reduce(pool, 0, 10, 0, add_fold, add_combine, &offset, &sum, sizeof sum),
             WPOOL_NO_MEMORY);
    CHECK_EQ(wpool_reduce(pool, 0, SIZE_MAX, 1, add_fold, add_combine, &offset, &sum, 1000),
             WPOOL_NO_MEMORY);
    CHECK(sum == 3);
    used.last_denied = 0;
    test_destroy(pool);
}

static int double_it(void *element, wpool_job *job) {
    (void)job;
    *(int *)element *= 2;
    return 0;
}

TEST(map_calls_for_each_element) {
    static int numbers[ELEMENTS];
    wpool *pool = test_pool_of(3, 0);
    for (int i = 0; i < ELEMENTS; i++)
        numbers[i] = i;
    CHECK_EQ(wpool_map(pool, numbers, ELEMENTS, sizeof *numbers, 0, double_it), WPOOL_OK);
    CHECK_EQ(wpool_map(pool, numbers, ELEMENTS, sizeof *numbers, 13, double_it), WPOOL_OK);
    CHECK_EQ(wpool_map(pool, NULL, 0, 0, 0, double_it), WPOOL_OK);
    for (int i = 0; i < ELEMENTS; i++)
        CHECK_EQ(numbers[i], 4 * i);
    test_destroy(pool);
}

/* ---- a full queue ---- */

typedef struct burying {
    gate gate;
    wpool_job child;
    atomic_uint ran;
    bool drops_itself;
} burying;

static int dig_job(void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_add(&((burying *)arg)->ran, 1);
    return 0;
}

/* Forks, then fills the queue, and its own deque over the forked child. */
static int bury(void *arg, wpool_job *self) {
    burying *b = (burying *)arg;
    const wpool_options blocks = {.timeout = WPOOL_FOREVER};
    wpool *pool = wpool_job_pool(self);
    wpool_fork(self, &b->child, dig_job, b);
    CHECK_EQ(wpool_submit(pool, dig_job, b, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit_with(pool, dig_job, b, &blocks, NULL), WPOOL_OK);
    CHECK_EQ(test_stats(pool).waiting, 2);
    if (b->drops_itself) {
        CHECK_EQ(wpool_submit(pool, dig_job, b, NULL), WPOOL_OK);
    } else {
        gate_job(&b->gate, self);
    }
    wpool_join(self, &b->child);
    return 0;
}

/* Of the jobs over the child, the last one that was submitted is left. */
static void check_burying(burying *b, wpool *pool) {
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(test_stats(pool).discarded, 2);
    CHECK_EQ(atomic_load(&b->ran), 2);
    test_destroy(pool);
}

static wpool *pool_that_drops(void) {
    return pool_from(
        (wpool_config){.workers = 1, .queue_capacity = 1, .when_full = WPOOL_DROP_OLDEST});
}

TEST(drop_oldest_finds_what_lies_over_a_forked_child) {
    NEEDS_WORKERS();
    burying b = {.gate = GATE_CLOSED};
    wpool *pool = pool_that_drops();
    CHECK_EQ(wpool_submit(pool, bury, &b, NULL), WPOOL_OK);
    gate_await_count(&b.gate, 1);
    CHECK_EQ(wpool_submit(pool, dig_job, &b, NULL), WPOOL_OK);
    CHECK_EQ(test_stats(pool).waiting, 1);
    gate_open(&b.gate);
    check_burying(&b, pool);
}

TEST(a_job_that_drops_the_oldest_finds_what_lies_over_its_own_child) {
    burying b = {.drops_itself = true};
    wpool *pool = pool_that_drops();
    CHECK_EQ(wpool_submit(pool, bury, &b, NULL), WPOOL_OK);
    check_burying(&b, pool);
}

TEST(nonsense_is_refused) {
    wpool *pool = test_pool_of(1, 0);
    double sum = 0;
    int number = 0;
    CHECK_EQ(wpool_for(NULL, 0, 1, 0, loop_body, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_for(pool, 1, 0, 0, loop_body, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_for(pool, 0, 1, 0, NULL, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_reduce(NULL, 0, 1, 0, add_fold, add_combine, NULL, &sum, 8), WPOOL_INVALID);
    CHECK_EQ(wpool_reduce(pool, 1, 0, 0, add_fold, add_combine, NULL, &sum, 8), WPOOL_INVALID);
    CHECK_EQ(wpool_reduce(pool, 0, 1, 0, NULL, add_combine, NULL, &sum, 8), WPOOL_INVALID);
    CHECK_EQ(wpool_reduce(pool, 0, 1, 0, add_fold, NULL, NULL, &sum, 8), WPOOL_INVALID);
    CHECK_EQ(wpool_reduce(pool, 0, 1, 0, add_fold, add_combine, NULL, NULL, 8), WPOOL_INVALID);
    CHECK_EQ(wpool_reduce(pool, 0, 1, 0, add_fold, add_combine, NULL, &sum, 0), WPOOL_INVALID);
    CHECK_EQ(wpool_map(NULL, &number, 1, sizeof number, 0, double_it), WPOOL_INVALID);
    CHECK_EQ(wpool_map(pool, NULL, 1, sizeof number, 0, double_it), WPOOL_INVALID);
    CHECK_EQ(wpool_map(pool, &number, 1, 0, 0, double_it), WPOOL_INVALID);
    CHECK_EQ(wpool_map(pool, &number, 1, sizeof number, 0, NULL), WPOOL_INVALID);
    test_destroy(pool);
}
