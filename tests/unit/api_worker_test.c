/* What the workers do and where: how many run at once (A3), which jobs (A5), hooks, CPUs and stacks
   (A9), signals (A11), no job waits while a worker is idle (F3), the order of jobs. Also built with
   WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { SERIES = 30000 };
#else
enum { SERIES = 300000 };
#endif

/* ---- A3: how many run at once ---- */

typedef struct crowd {
    atomic_uint now, most, ran;
} crowd;

static int crowd_job(void *arg, wpool_job *job) {
    crowd *c = (crowd *)arg;
    unsigned now = atomic_fetch_add(&c->now, 1) + 1, most = atomic_load(&c->most);
    (void)job;
    while (most < now && !atomic_compare_exchange_weak(&c->most, &most, now))
        continue;
    if (atomic_fetch_add(&c->ran, 1) % 8 == 0) sched_yield();
    atomic_fetch_sub(&c->now, 1);
    return 0;
}

TEST(never_more_jobs_than_workers_run_at_once) {
    static const unsigned workers[] = {1, 2, 3, 8};
    for (size_t i = 0; i < COUNT_OF(workers); i++) {
        wpool *pool = test_pool_of(workers[i], 100);
        crowd c = {0};
        for (int n = 0; n < 4000; n++)
            CHECK_EQ(wpool_submit(pool, crowd_job, &c, NULL), WPOOL_OK);
        test_destroy(pool);
        CHECK_EQ(c.ran, 4000);
        CHECK(c.most >= 1 && c.most <= test_runners(workers[i]));
    }
}

TEST(all_workers_run_at_the_same_time_and_no_more) {
    NEEDS_WORKERS();
    for (unsigned workers = 1; workers <= 16; workers *= 2) {
        gate g = GATE_CLOSED;
        wpool *pool = test_pool_of(workers, 0);
        for (unsigned i = 0; i < workers + 5; i++)
            CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
        gate_await_count(&g, workers);
        test_let_others_run();
        wpool_stats_snapshot s = test_stats(pool);
        CHECK_EQ(s.running, workers);
        CHECK_EQ(s.waiting, 5);
        CHECK_EQ(g.count, workers);
        gate_open(&g);
        test_destroy(pool);
    }
}

/* ---- A5: what each of them does ---- */

static uint64_t finished_by_all(wpool *pool) {
    wpool_worker_info infos[8];
    uint64_t finished = 0;
    size_t n = wpool_workers(pool, infos, COUNT_OF(infos));
    for (size_t i = 0; i < n; i++) {
        CHECK_EQ(infos[i].worker, POOL_IS_INLINE ? WPOOL_INLINE : i);
        CHECK_EQ(infos[i].activity, WPOOL_AVAILABLE);
        CHECK_EQ(infos[i].running + infos[i].job + infos[i].failed + infos[i].cancelled, 0);
        finished += infos[i].finished;
    }
    return finished;
}

TEST(busy_workers_tell_which_job_they_run) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    wpool_worker_info infos[3];
    wpool_id ids[2], seen = 0;
    wpool *pool = test_pool_of(3, 0);
    CHECK_EQ(wpool_workers(pool, NULL, 0), 3);
    CHECK_EQ(finished_by_all(pool), 0);
    hold_init(&h);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, &ids[0]), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, &ids[1]), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    gate_await_count(&h.running, 3);
    CHECK_EQ(wpool_workers(pool, infos, 3), 3);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(infos[i].worker == i && infos[i].activity == WPOOL_BUSY && infos[i].running == 1);
        CHECK(infos[i].job == 0 || infos[i].job == ids[0] || infos[i].job == ids[1]);
        seen += infos[i].job;
    }
    CHECK_EQ(seen, ids[0] + ids[1]);
    hold_release(&h, 3);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(finished_by_all(pool), 3);
    test_destroy(pool);
}

static int inner_job(void *arg, wpool_job *job) {
    wpool_worker_info info;
    (void)arg;
    CHECK_EQ(wpool_workers(wpool_job_pool(job), &info, 1), 1);
    CHECK_EQ(info.running, 2);
    CHECK(info.job == wpool_job_id(job));
    return 0;
}

static int outer_job(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    wpool_worker_info info;
    wpool_id id;
    (void)arg;
    CHECK_EQ(wpool_submit(pool, inner_job, NULL, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(wpool_workers(pool, &info, 1), 1);
    CHECK(info.running == 1 && info.job == wpool_job_id(job));
    return 7;
}

TEST(a_worker_tells_of_the_innermost_job) {
    wpool_worker_info info;
    wpool_id id;
    wpool *pool = test_pool_of(1, 0);
    CHECK_EQ(wpool_submit(pool, outer_job, NULL, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_workers(pool, &info, 1), 1);
    CHECK(info.activity == WPOOL_AVAILABLE && info.running == 0 && info.job == 0);
    CHECK(info.finished == 2 && info.failed == 1 && info.cancelled == 0);
    CHECK_EQ(wpool_workers(NULL, &info, 1), 0);
    test_destroy(pool);
}

/* A job ends with its on_done. */
typedef struct told {
    wpool *pool;
    unsigned depth, done_count;
} told;

static void look_when_done(void *arg, const wpool_result *result) {
    told *t = (told *)arg;
    wpool_worker_info info;
    CHECK_EQ(wpool_workers(t->pool, &info, 1), 1);
    CHECK_EQ(info.activity, WPOOL_BUSY);
    CHECK_EQ(info.running, t->depth--);
    CHECK(info.job == result->id);
    t->done_count++;
}

static int nesting_job(void *arg, wpool_job *job);

static void nest(told *t) {
    static const wpool_options options = {.on_done = look_when_done};
    wpool_id id;
    CHECK_EQ(wpool_submit_with(t->pool, nesting_job, t, &options, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(t->pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
}

static int nesting_job(void *arg, wpool_job *job) {
    told *t = (told *)arg;
    (void)job;
    if (++t->depth < 3) nest(t);
    return 0;
}

TEST(a_worker_tells_of_a_job_until_its_on_done_has_returned) {
    told t = {.pool = test_pool_of(1, 0)};
    nest(&t);
    CHECK_EQ(t.depth, 0);
    CHECK_EQ(t.done_count, 3);
    test_destroy(t.pool);
}

/* Jobs with an id, each of which hands in the next one. */
typedef struct series {
    unsigned left; /* of the job that runs */
    atomic_bool is_over;
} series;

static int series_job(void *arg, wpool_job *job) {
    series *s = (series *)arg;
    wpool_id id;
    if (s->left-- == 0) {
        atomic_store(&s->is_over, true);
        return 0;
    }
    CHECK_EQ(wpool_submit(wpool_job_pool(job), series_job, s, &id), WPOOL_OK);
    CHECK_EQ(wpool_forget(wpool_job_pool(job), id), WPOOL_OK);
    return 0;
}

TEST(a_worker_that_runs_a_job_tells_which_from_the_first_moment) {
    NEEDS_WORKERS();
    series s = {.left = SERIES};
    wpool_id id;
    wpool *pool = test_pool_of(1, 0);
    CHECK_EQ(wpool_submit(pool, series_job, &s, &id), WPOOL_OK);
    while (!atomic_load(&s.is_over)) {
        wpool_worker_info info;
        CHECK_EQ(wpool_workers(pool, &info, 1), 1);
        CHECK(info.running == 0 || info.job != 0);
    }
    test_destroy(pool);
}

/* ---- A9: hooks, processors, stacks ---- */

#define HOOKED 4u

typedef struct hooked {
    pthread_t threads[HOOKED];
    atomic_uint started[HOOKED], exited[HOOKED], jobs;
} hooked;

static void *start_hook(void *user, unsigned worker) {
    hooked *h = (hooked *)user;
    CHECK(worker < HOOKED);
    h->threads[worker] = pthread_self();
    CHECK_EQ(atomic_fetch_add(&h->started[worker], 1), 0);
    return &h->started[worker];
}

static void exit_hook(void *user, unsigned worker, void *state) {
    hooked *h = (hooked *)user;
    CHECK(state == &h->started[worker]);
    CHECK(pthread_equal(h->threads[worker], pthread_self()));
    CHECK_EQ(atomic_load(&h->started[worker]), 1);
    CHECK_EQ(atomic_fetch_add(&h->exited[worker], 1), 0);
}

/* Knows by its state which worker it is on, and that its hook ran on this thread. */
static int hooked_job(void *arg, wpool_job *job) {
    hooked *h = (hooked *)arg;
    atomic_uint *state = (atomic_uint *)wpool_worker_state(job);
    CHECK(state >= h->started && state < h->started + HOOKED);
    CHECK_EQ(atomic_load(state), 1);
    CHECK(pthread_equal(h->threads[state - h->started], pthread_self()));
    atomic_fetch_add(&h->jobs, 1);
    return 0;
}

TEST(hooks_run_once_per_worker_on_its_thread_and_jobs_get_the_state) {
    hooked h = {0};
    wpool *pool = pool_from((wpool_config){
        .workers = HOOKED,
        .hooks = (wpool_hooks){.worker_start = start_hook, .worker_exit = exit_hook, .user = &h}});
    wpool_job owned;
    wpool_id id;
    wpool_job_init(&owned, hooked_job, &h);
    CHECK_EQ(wpool_submit_job(pool, &owned, NULL), WPOOL_OK);
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(wpool_submit(pool, hooked_job, &h, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, hooked_job, &h, &id), WPOOL_OK);
    }
    test_drain(pool);
    for (unsigned i = 0; i < HOOKED; i++)
        CHECK_EQ(h.exited[i], 0);
    test_destroy(pool);
    CHECK_EQ(h.jobs, 1001);
    for (unsigned i = 0; i < HOOKED; i++) {
        unsigned expected = i < test_runners(HOOKED);
        CHECK_EQ(h.started[i], expected);
        CHECK_EQ(h.exited[i], expected);
    }
}

static int hooked_parent_job(void *arg, wpool_job *job) {
    for (int i = 0; i < 50; i++)
        CHECK_EQ(wpool_submit(wpool_job_pool(job), hooked_job, arg, NULL), WPOOL_OK);
    return hooked_job(arg, job);
}

TEST(jobs_that_a_worker_runs_inside_of_another_get_its_state) {
    hooked h = {0};
    wpool *pool = pool_from((wpool_config){
        .workers = 1,
        .queue_capacity = 1,
        .when_full = WPOOL_RUN,
        .hooks = (wpool_hooks){.worker_start = start_hook, .worker_exit = exit_hook, .user = &h}});
    CHECK_EQ(wpool_submit(pool, hooked_parent_job, &h, NULL), WPOOL_OK);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(h.jobs, 51);
}

static int no_state_job(void *arg, wpool_job *job) {
    CHECK(wpool_worker_state(job) == NULL);
    return count_job(arg, job);
}

TEST(without_hooks_there_is_no_state) {
    atomic_uint count = 0;
    wpool *pool = test_pool_of(2, 0);
    CHECK_EQ(wpool_submit(pool, no_state_job, &count, NULL), WPOOL_OK);
    test_destroy(pool);
    CHECK_EQ(count, 1);
}

static unsigned allowed_cpus(cpu_set_t *cpus) {
    CHECK_EQ(sched_getaffinity(0, sizeof *cpus, cpus), 0);
    return (unsigned)CPU_COUNT(cpus);
}

typedef struct pinned {
    wpool_job job;
    gate *gate;
    cpu_set_t cpus;
} pinned;

static int pinned_job(void *arg, wpool_job *job) {
    pinned *p = (pinned *)arg;
    allowed_cpus(&p->cpus);
    return gate_job(p->gate, job);
}

/* The number of the index-th allowed CPU, counting round. */
static size_t allowed_cpu(unsigned index) {
    cpu_set_t allowed;
    index %= allowed_cpus(&allowed);
    for (size_t cpu = 0;; cpu++)
        if (CPU_ISSET(cpu, &allowed) && index-- == 0) return cpu;
}

TEST(pinned_workers_are_bound_to_the_cpus_in_turn) {
    NEEDS_WORKERS();
    enum { WORKERS = 5 };
    pinned jobs[WORKERS];
    gate g = GATE_CLOSED;
    wpool *pool = test_pool(&(wpool_config){.workers = WORKERS, .pin_workers = true});
    for (int i = 0; i < WORKERS; i++) {
        jobs[i].gate = &g;
        wpool_job_init(&jobs[i].job, pinned_job, &jobs[i]);
        CHECK_EQ(wpool_submit_job(pool, &jobs[i].job, NULL), WPOOL_OK);
    }
    gate_await_count(&g, WORKERS);
    gate_open(&g);
    test_drain(pool);
    unsigned seen = 0;
    for (int i = 0; i < WORKERS; i++) {
        wpool_result result;
        CHECK_EQ(wpool_job_result(&jobs[i].job, &result), WPOOL_OK);
        CHECK_EQ(CPU_COUNT(&jobs[i].cpus), 1);
        CHECK(CPU_ISSET(allowed_cpu(result.worker), &jobs[i].cpus));
        seen |= 1u << result.worker;
    }
    CHECK_EQ(seen, (1u << WORKERS) - 1);
    test_destroy(pool);
}

static int affinity_job(void *arg, wpool_job *job) {
    (void)job;
    allowed_cpus((cpu_set_t *)arg);
    return 0;
}

TEST(workers_that_are_not_pinned_may_use_every_cpu) {
    cpu_set_t expected, seen;
    allowed_cpus(&expected);
    CPU_ZERO(&seen);
    wpool *pool = test_pool_of(2, 0);
    CHECK_EQ(wpool_submit(pool, affinity_job, &seen, NULL), WPOOL_OK);
    test_destroy(pool);
    CHECK(CPU_EQUAL(&expected, &seen));
}

static int stack_job(void *arg, wpool_job *job) {
    pthread_attr_t attr;
    size_t size;
    (void)job;
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    CHECK_EQ(pthread_attr_getstacksize(&attr, &size), 0);
    pthread_attr_destroy(&attr);
    *(size_t *)arg = size;
    return 0;
}

static size_t stack_of(size_t configured) {
    size_t size = 0;
    wpool *pool = test_pool(&(wpool_config){.workers = 1, .stack_size = configured});
    CHECK_EQ(wpool_submit(pool, stack_job, &size, NULL), WPOOL_OK);
    test_destroy(pool);
    return size;
}

TEST(workers_have_the_stack_that_was_asked_for) {
    NEEDS_WORKERS();
    const size_t slack = 256 * 1024; /* a guard page; what a sanitizer puts there */
    static const size_t asked[] = {1024 * 1024, 2 * 1024 * 1024, 3 * 1024 * 1024 + 1,
                                   32 * 1024 * 1024};
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        size_t size = stack_of(asked[i]);
        CHECK(size + 4096 >= asked[i]); /* a system may count the guard page in */
        CHECK(size <= asked[i] + slack);
    }
}

TEST(a_stack_smaller_than_the_system_allows_is_enlarged) {
    NEEDS_WORKERS();
    CHECK(stack_of(1) > 1);
}

/* ---- A11: signals ---- */

static bool is_synchronous(int number) {
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,
                                  SIGTRAP, SIGSYS, SIGABRT, SIGPROF};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (numbers[i] == number) return true;
    return false;
}

static int mask_job(void *arg, wpool_job *job) {
    (void)job;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, (sigset_t *)arg), 0);
    return 0;
}

TEST(workers_block_every_signal_but_the_synchronous_ones) {
    NEEDS_WORKERS();
    sigset_t mask;
    wpool *pool = test_pool_of(1, 0);
    CHECK_EQ(wpool_submit(pool, mask_job, &mask, NULL), WPOOL_OK);
    test_destroy(pool);
    for (int number = 1; number <= SIGRTMAX; number++) {
        bool is_the_libraries = number >= 32 && number < SIGRTMIN;
        if (number == SIGKILL || number == SIGSTOP || is_the_libraries) continue;
        CHECK_EQ(sigismember(&mask, number), !is_synchronous(number));
    }
}

TEST(the_creators_mask_stays_as_it_was) {
    sigset_t odd, before, after;
    sigemptyset(&odd);
    sigaddset(&odd, SIGUSR2);
    sigaddset(&odd, SIGSEGV);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &odd, &before), 0);
    test_destroy(test_pool_of(3, 0));
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, &after), 0);
    for (int number = 1; number < 32; number++)
        CHECK_EQ(sigismember(&after, number), number == SIGUSR2 || number == SIGSEGV);
}

static pthread_t signalled_thread;
static volatile sig_atomic_t signal_count;

static void on_signal(int number) {
    (void)number;
    signalled_thread = pthread_self();
    signal_count++;
}

TEST(a_signal_to_the_process_is_handled_by_the_programs_own_thread) {
    gate g = GATE_CLOSED;
    wpool *pool = test_pool_of(4, 0);
    sigset_t usr1, before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    signal(SIGUSR1, on_signal);
    /* while nobody else takes it, it stays pending */
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &usr1, &before), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    test_let_others_run();
    CHECK_EQ(signal_count, 0);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    CHECK_EQ(signal_count, 1);
    CHECK(pthread_equal(signalled_thread, pthread_self()));
    gate_open(&g);
    test_destroy(pool);
}

/* ---- F3: no job waits while a worker is idle ---- */

/* Of these jobs some block, fewer than there are workers: the others run all the same. */
static void run_past_blockers(const wpool_config *config, unsigned jobs, uint64_t *random) {
    gate g = GATE_CLOSED;
    atomic_uint count = 0;
    unsigned blockers = 0;
    wpool *pool = test_pool(config);
    for (unsigned i = 0; i < jobs; i++) {
        bool blocks = blockers + 1 < config->workers && (i == 0 || test_random(random) % 4 == 0);
        wpool_fn fn = blocks ? gate_job : count_job;
        void *arg = blocks ? (void *)&g : (void *)&count;
        CHECK_EQ(wpool_submit(pool, fn, arg, NULL), WPOOL_OK);
        blockers += blocks;
    }
    if (config->start_paused) CHECK_EQ(wpool_start(pool), WPOOL_OK);
    while (atomic_load(&count) < jobs - blockers)
        sched_yield();
    gate_open(&g);
    test_destroy(pool);
}

TEST(no_job_stays_behind_a_blocked_one) {
    NEEDS_WORKERS();
    static const size_t capacities[] = {1, 2, 3, 16, 64, 100, 1024, WPOOL_UNBUFFERED};
    uint64_t random = test_seed();
    for (unsigned workers = 2; workers <= 8; workers++)
        for (size_t i = 0; i < COUNT_OF(capacities); i++)
            for (unsigned jobs = 2; jobs <= 512; jobs *= 4)
                run_past_blockers(
                    &(wpool_config){.workers = workers, .queue_capacity = capacities[i]}, jobs,
                    &random);
}

TEST(no_job_stays_in_a_batch_behind_a_blocked_one) {
    NEEDS_WORKERS();
    uint64_t random = test_seed();
    for (unsigned workers = 2; workers <= 6; workers++)
        for (unsigned jobs = 2; jobs <= 300; jobs += 1 + jobs / 3)
            run_past_blockers(&(wpool_config){.workers = workers, .start_paused = true}, jobs,
                              &random);
}

typedef struct family {
    gate born, grown;
    atomic_uint children;
} family;

/* Fills its own queue and more, then blocks until the gate opens. */
static int parent_job(void *arg, wpool_job *job) {
    family *f = (family *)arg;
    count_submit(wpool_job_pool(job), &f->children, 100);
    return gate_job(&f->grown, job);
}

TEST(the_children_of_a_blocked_job_run) {
    NEEDS_WORKERS();
    static const size_t capacities[] = {1, 10, 1024, WPOOL_UNBUFFERED};
    for (size_t i = 0; i < COUNT_OF(capacities); i++) {
        family f = {.born = GATE_CLOSED, .grown = GATE_CLOSED};
        wpool *pool = test_pool_of(2, capacities[i]);
        CHECK_EQ(wpool_submit(pool, parent_job, &f, NULL), WPOOL_OK);
        while (atomic_load(&f.children) < 100)
            sched_yield();
        gate_open(&f.grown);
        test_destroy(pool);
    }
}

/* ---- order ---- */

static step steps[2000];

static void steps_init(order *o) {
    for (unsigned i = 0; i < COUNT_OF(steps); i++)
        steps[i] = (step){o, i};
}

TEST(one_worker_runs_jobs_in_the_order_of_submission) {
    static order o;
    steps_init(&o);
    wpool *pool = test_pool_of(1, 0);
    for (unsigned i = 0; i < 2000; i++)
        CHECK_EQ(wpool_submit(pool, step_job, &steps[i], NULL), WPOOL_OK);
    test_destroy(pool);
    order_check(&o, 0, 2000);
}

TEST(one_worker_keeps_the_order_of_a_long_queue) {
    static const unsigned lengths[] = {2, 60, 61, 62, 64, 65, 66, 128, 200, 1000};
    for (size_t n = 0; n < COUNT_OF(lengths); n++) {
        order o = {0};
        steps_init(&o);
        wpool *pool = test_pool_paused(1, 0);
        for (unsigned i = 0; i < lengths[n]; i++)
            CHECK_EQ(wpool_submit(pool, step_job, &steps[i], NULL), WPOOL_OK);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_destroy(pool);
        order_check(&o, 0, lengths[n]);
    }
}

TEST(one_worker_keeps_the_order_of_batches) {
    static const size_t capacities[] = {1, 7, 64, 100, 1024};
    static void *args[2000];
    for (size_t n = 0; n < COUNT_OF(capacities); n++) {
        order o = {0};
        steps_init(&o);
        wpool *pool = test_pool_of(1, capacities[n]);
        for (unsigned i = 0; i < 2000; i++)
            args[i] = &steps[i];
        for (unsigned done = 0; done < 2000; done += 400) {
            CHECK_EQ(wpool_submit_many(pool, step_job, args + done, 399, NULL), 399);
            CHECK_EQ(wpool_submit(pool, step_job, args[done + 399], NULL), WPOOL_OK);
        }
        test_destroy(pool);
        order_check(&o, 0, 2000);
    }
}

TEST(one_worker_keeps_the_order_among_jobs_of_all_kinds) {
    static order o;
    static wpool_job jobs[1000];
    wpool_id id;
    steps_init(&o);
    wpool *pool = test_pool_of(1, 100);
    for (unsigned i = 0; i < 1000; i++) {
        if (i % 3 == 0) {
            CHECK_EQ(wpool_submit(pool, step_job, &steps[i], NULL), WPOOL_OK);
        } else if (i % 3 == 1) {
            CHECK_EQ(wpool_submit(pool, step_job, &steps[i], &id), WPOOL_OK);
        } else {
            wpool_job_init(&jobs[i], step_job, &steps[i]);
            CHECK_EQ(wpool_submit_job(pool, &jobs[i], NULL), WPOOL_OK);
        }
    }
    test_destroy(pool);
    order_check(&o, 0, 1000);
}

typedef struct producer {
    wpool *pool;
    step *steps;
} producer;

static void produce_500(void *arg) {
    producer *p = (producer *)arg;
    for (unsigned i = 0; i < 500; i++)
        CHECK_EQ(wpool_submit(p->pool, step_job, &p->steps[i], NULL), WPOOL_OK);
}

TEST(one_worker_keeps_the_order_of_each_of_several_submitters) {
    NEEDS_THREADS();
    static order o;
    helper threads[4];
    producer producers[4];
    unsigned next[4] = {0, 500, 1000, 1500};
    steps_init(&o);
    wpool *pool = test_pool_of(1, 32);
    for (unsigned i = 0; i < 4; i++) {
        producers[i] = (producer){pool, &steps[500 * i]};
        helper_start(&threads[i], produce_500, &producers[i]);
    }
    for (unsigned i = 0; i < 4; i++)
        helper_join(&threads[i]);
    test_destroy(pool);
    CHECK_EQ(o.count, 2000);
    for (unsigned i = 0; i < 2000; i++)
        CHECK_EQ(o.numbers[i], next[o.numbers[i] / 500]++);
}
