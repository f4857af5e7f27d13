/* Workers come and go by themselves: a day of load, on a clock that the test moves. */
#include "clock.h"
#include "few_threads.h"
static char system_root[64]; /* below it is what /proc says; empty: the real one */
#define WPOOL_SYSTEM_ROOT system_root
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include <limits.h>
#include <sys/stat.h>

#define IDLE WPOOL_SECONDS(10)
#define COOLDOWN WPOOL_SECONDS(1)

/* ---- what the scaler has decided ---- */

static struct {
    atomic_uint count;
    wpool_scale_event list[10000];
    int64_t times[10000];
} decisions;

static void on_scaled(void *user, const wpool_scale_event *event) {
    const unsigned i = atomic_load(&decisions.count);
    CHECK(user == &decisions);
    CHECK(i < COUNT_OF(decisions.list));
    decisions.list[i] = *event;
    decisions.times[i] = test_clock_now();
    atomic_store(&decisions.count, i + 1);
}

static wpool *scaled_pool(wpool_config config) {
    config.hooks.scaled = on_scaled;
    config.hooks.user = &decisions;
    atomic_store(&decisions.count, 0);
    return pool_from(config);
}

static void decisions_await(unsigned count) {
    while (atomic_load(&decisions.count) < count)
        sched_yield();
}

/* The i-th one was this. */
static void decision_check(unsigned i, wpool_scale_reason reason, unsigned before, unsigned after) {
    decisions_await(i + 1);
    CHECK_EQ(decisions.list[i].reason, reason);
    CHECK_EQ(decisions.list[i].before, before);
    CHECK_EQ(decisions.list[i].after, after);
}

/* So many until the end, each beginning where the one before ended; they are in the counts. */
static void scaled_pool_end(wpool *pool, unsigned count) {
    const wpool_stats_snapshot stats = test_stats(pool);
    unsigned ups = 0, downs = 0;
    test_let_others_run();
    CHECK_EQ(atomic_load(&decisions.count), count);
    for (unsigned i = 0; i < count; i++) {
        ups += decisions.list[i].after > decisions.list[i].before;
        downs += decisions.list[i].after < decisions.list[i].before;
        if (i) CHECK_EQ(decisions.list[i].before, decisions.list[i - 1].after);
    }
    if (count) CHECK_EQ(stats.workers, decisions.list[count - 1].after);
    CHECK_EQ(stats.scale_ups, ups);
    CHECK_EQ(stats.scale_downs, downs);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&decisions.count), count);
}

/* ---- load, and time ---- */

static bool other_threads_sleep(void) {
    bool all = true;
    DIR *threads = opendir("/proc/self/task");
    CHECK(threads != NULL);
    for (struct dirent *t; (t = readdir(threads)) != NULL;) {
        helper thread = {.system_id = atoi(t->d_name)};
        if (*t->d_name != '.' && atoi(t->d_name) != syscall(SYS_gettid))
            all = all && helper_sleeps(&thread);
    }
    closedir(threads);
    return all;
}

/* Until they do, seen some times in a row, for it may be at a lock: then the scaler has decided
   whatever there is to decide, and who is idle knows since when. */
static void threads_await_sleep(void) {
    for (int seen = 0; seen < 10; sched_yield())
        seen = other_threads_sleep() ? seen + 1 : 0;
}

static void idle_await(wpool *pool) {
    test_await_idle(pool);
    threads_await_sleep();
}

static void submit_held(wpool *pool, hold *h, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(wpool_submit(pool, hold_job, h, NULL), WPOOL_OK);
}

/* So many jobs wait, and each worker is busy. */
static void load_begin(wpool *pool, hold *h, unsigned workers, unsigned waiting) {
    hold_workers(h, pool, workers);
    submit_held(pool, h, waiting);
}

static void load_end(wpool *pool, hold *h) {
    hold_release(h, 10000);
    test_drain(pool);
    idle_await(pool);
}

/* Somebody sleeps until then, and still does a nanosecond before: nothing is decided yet. */
static void pass_nearly(int64_t due) {
    const unsigned before = atomic_load(&decisions.count);
    test_clock_pass_nearly(due);
    CHECK_EQ(atomic_load(&decisions.count), before);
}

static void pass(int64_t due) {
    pass_nearly(due);
    test_clock_advance(1);
}

/* Until so many jobs run, however long that takes. */
static void pass_until_running(wpool *pool, unsigned count) {
    while (test_stats(pool).running != count) {
        test_clock_advance(COOLDOWN / 2);
        sched_yield();
    }
}

/* Does a thread sleep until some time? */
static bool timer_runs(void) {
    pthread_mutex_lock(&test_clock.mutex);
    const bool runs = test_clock.parked_count > 0;
    pthread_mutex_unlock(&test_clock.mutex);
    return runs;
}

/* Until the scaler has decided something, or sleeps until later. */
static void decision_or_timer(unsigned count_before) {
    while (atomic_load(&decisions.count) == count_before && !timer_runs())
        sched_yield();
}

/* ---- by load ---- */

TEST(two_workers_and_a_hundred_jobs_give_four) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 4});
    load_begin(pool, &h, 2, 99);
    threads_await_sleep();
    CHECK_EQ(atomic_load(&decisions.count), 0);
    submit_held(pool, &h, 1);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 4);
    CHECK_EQ(decisions.list[0].waiting, 100);
    CHECK_EQ(decisions.list[0].blocked, 0);
    gate_await_count(&h.running, 4);
    load_end(pool, &h);
    pass(IDLE);
    decision_check(1, WPOOL_SCALE_IDLE, 4, 2);
    scaled_pool_end(pool, 2);
}

TEST(a_great_burst_doubles_again_and_again) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.min_workers = 2, .max_workers = 16});
    load_begin(pool, &h, 2, 900);
    gate_await_count(&h.running, 16); /* no time has passed */
    decision_check(0, WPOOL_SCALE_LOAD, 2, 4);
    decision_check(1, WPOOL_SCALE_LOAD, 4, 8);
    decision_check(2, WPOOL_SCALE_LOAD, 8, 16);
    for (unsigned i = 0; i < 3; i++)
        CHECK(decisions.list[i].waiting >= 50 * decisions.list[i].before);
    load_end(pool, &h);
    scaled_pool_end(pool, 3);
}

TEST(a_threshold_may_be_high) {
    enum { THRESHOLD = 2 * 20000 };
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2,
                                             .max_workers = 3,
                                             .queue_capacity = THRESHOLD + 1,
                                             .scaling = {.jobs_per_worker = THRESHOLD / 2}});
    load_begin(pool, &h, 2, THRESHOLD - 1);
    threads_await_sleep();
    CHECK_EQ(atomic_load(&decisions.count), 0);
    submit_held(pool, &h, 1);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 3);
    hold_release(&h, THRESHOLD + 2);
    test_drain(pool);
    scaled_pool_end(pool, 1);
}

/* It holds less than so many for each worker. */
TEST(a_full_queue_is_load_for_a_while) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 1, .max_workers = 8, .queue_capacity = 10});
    load_begin(pool, &h, 1, 9);
    threads_await_sleep();
    CHECK_EQ(atomic_load(&decisions.count), 0);
    submit_held(pool, &h, 1);
    decision_check(0, WPOOL_SCALE_LOAD, 1, 2);
    gate_await_count(&h.running, 2);
    submit_held(pool, &h, 1);
    pass(WPOOL_MS(10));
    decision_check(1, WPOOL_SCALE_LOAD, 2, 4);
    gate_await_count(&h.running, 4);
    submit_held(pool, &h, 1);
    threads_await_sleep();
    test_clock_advance(WPOOL_MS(10));
    threads_await_sleep();
    CHECK_EQ(atomic_load(&decisions.count), 2);
    submit_held(pool, &h, 1);
    decision_check(2, WPOOL_SCALE_LOAD, 4, 8);
    load_end(pool, &h);
    pass(IDLE);
    decision_check(3, WPOOL_SCALE_IDLE, 8, 1);
    scaled_pool_end(pool, 4);
}

enum { ONE_BY_ONE, WITH_IDS, OWNED, AT_ONCE, BY_A_JOB, WAYS };

static void hand_in(wpool *pool, hold *h, int way, unsigned count) {
    static wpool_job owned[100];
    void *args[100];
    wpool_id id;
    CHECK(count <= COUNT_OF(owned));
    for (unsigned i = 0; i < count; i++) {
        args[i] = h;
        wpool_job_init(&owned[i], hold_job, h);
        if (way == AT_ONCE) continue;
        CHECK_EQ(way == OWNED ? wpool_submit_job(pool, &owned[i], NULL)
                              : wpool_submit(pool, hold_job, h, way == WITH_IDS ? &id : NULL),
                 WPOOL_OK);
    }
    if (way == AT_ONCE) CHECK_EQ(wpool_submit_many(pool, hold_job, args, count, NULL), count);
}

static int hand_in_job(void *arg, wpool_job *job) {
    hand_in(wpool_job_pool(job), (hold *)arg, BY_A_JOB, 100);
    return hold_job(arg, job);
}

TEST(however_jobs_are_handed_in_they_are_load) {
    for (int way = 0; way < WAYS; way++)
        for (int o = WPOOL_FIFO; o <= WPOOL_PRIORITY; o++) {
            hold h = HOLD_EMPTY;
            wpool *pool = scaled_pool(
                (wpool_config){.workers = 2, .max_workers = 4, .order = (wpool_order)o});
            hold_workers(&h, pool, way == BY_A_JOB ? 1 : 2);
            if (way == BY_A_JOB)
                CHECK_EQ(wpool_submit(pool, hand_in_job, &h, NULL), WPOOL_OK);
            else
                hand_in(pool, &h, way, 100);
            decision_check(0, WPOOL_SCALE_LOAD, 2, 4);
            gate_await_count(&h.running, 4);
            load_end(pool, &h);
            scaled_pool_end(pool, 1);
        }
}

TEST(a_slow_ramp_grows_when_it_is_time) {
    hold h = HOLD_EMPTY;
    unsigned workers = 2, count = 0;
    wpool *pool = scaled_pool(
        (wpool_config){.workers = 2, .max_workers = 16, .scaling = {.jobs_per_worker = 3}});
    hold_workers(&h, pool, 2);
    for (unsigned submitted = 3; submitted <= 100; submitted++) {
        submit_held(pool, &h, 1);
        if (submitted - workers == 3 * workers && workers < 16) {
            decision_check(count, WPOOL_SCALE_LOAD, workers, 2 * workers);
            CHECK_EQ(decisions.list[count++].waiting, 3 * workers);
            gate_await_count(&h.running, workers *= 2);
        }
        CHECK_EQ(atomic_load(&decisions.count), count);
        test_clock_advance(WPOOL_SECONDS(1));
    }
    CHECK_EQ(workers, 16);
    load_end(pool, &h);
    pass(IDLE);
    decision_check(count, WPOOL_SCALE_IDLE, 16, 2);
    scaled_pool_end(pool, count + 1);
}

TEST(it_grows_by_a_fixed_step) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){
        .workers = 2, .max_workers = 9, .scaling = {.jobs_per_worker = 5, .step = 3}});
    load_begin(pool, &h, 2, 10);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 5);
    gate_await_count(&h.running, 5);
    submit_held(pool, &h, 18);
    decision_check(1, WPOOL_SCALE_LOAD, 5, 8);
    gate_await_count(&h.running, 8);
    submit_held(pool, &h, 18);
    decision_check(2, WPOOL_SCALE_LOAD, 8, 9);
    load_end(pool, &h);
    scaled_pool_end(pool, 3);
}

/* They have no place in the queue until they are due. */
TEST(delayed_jobs_are_no_load) {
    hold h = HOLD_EMPTY;
    atomic_uint count = 0;
    const wpool_options options = {.delay = WPOOL_SECONDS(5)};
    wpool *pool = scaled_pool(
        (wpool_config){.workers = 2, .max_workers = 4, .scaling = {.wait = WPOOL_MS(20)}});
    hold_workers(&h, pool, 2);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), WPOOL_OK);
    pass(options.delay);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 4);
    load_end(pool, &h);
    CHECK_EQ(atomic_load(&count), 100);
    scaled_pool_end(pool, 1);
}

TEST(what_a_paused_pool_holds_back_is_no_load) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){
        .workers = 2, .max_workers = 4, .scaling = {.wait = WPOOL_MS(20)}, .start_paused = true});
    hold_init(&h);
    for (int i = 0; i < 3; i++) {
        submit_held(pool, &h, 300);
        test_clock_advance(IDLE);
        threads_await_sleep();
        CHECK_EQ(atomic_load(&decisions.count), 0);
    }
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 4);
    load_end(pool, &h);
    scaled_pool_end(pool, 1);
}

TEST(what_the_rate_holds_back_is_no_load) {
    atomic_uint count = 0;
    wpool *pool = scaled_pool((wpool_config){.workers = 2,
                                             .max_workers = 4,
                                             .scaling = {.wait = WPOOL_MS(20)},
                                             .rate = {.per_second = 10}});
    count_submit(pool, &count, 2);
    while (atomic_load(&count) != 1)
        sched_yield();
    idle_await(pool); /* for the second one it was not time */
    count_submit(pool, &count, 300);
    threads_await_sleep();
    for (unsigned i = 2; i <= 30; i++) {
        pass(WPOOL_MS(100));
        while (atomic_load(&count) != i)
            sched_yield();
        idle_await(pool);
    }
    wpool_config config = pool_config(pool);
    config.rate.per_second = 0;
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    test_drain(pool);
    test_destroy(pool);
}

/* ---- by wait ---- */

static const wpool_scaling by_wait = {.jobs_per_worker = UINT_MAX, .wait = WPOOL_MS(20)};

/* The time in which a decision falls because of a wait: not before it, nor after twice as much. */
static void pass_wait(void) {
    const unsigned count = atomic_load(&decisions.count);
    pass(by_wait.wait);
    decision_or_timer(count);
    if (atomic_load(&decisions.count) == count) test_clock_advance(by_wait.wait);
    decisions_await(count + 1);
}

TEST(it_grows_when_a_job_has_waited_too_long) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 8, .scaling = by_wait});
    load_begin(pool, &h, 2, 1);
    pass_wait();
    decision_check(0, WPOOL_SCALE_WAIT, 2, 4);
    CHECK_EQ(decisions.list[0].waiting, 1);
    gate_await_count(&h.running, 3);
    load_end(pool, &h);
    scaled_pool_end(pool, 1);
}

TEST(it_grows_until_no_job_waits_too_long) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 8, .scaling = by_wait});
    load_begin(pool, &h, 2, 10);
    pass_wait();
    decision_check(0, WPOOL_SCALE_WAIT, 2, 4);
    while (atomic_load(&decisions.count) < 2) {
        test_let_others_run();
        test_clock_advance(by_wait.wait);
    }
    decision_check(1, WPOOL_SCALE_WAIT, 4, 8);
    gate_await_count(&h.running, 8);
    load_end(pool, &h);
    scaled_pool_end(pool, 2);
}

TEST(delayed_jobs_wait_only_since_they_are_due) {
    atomic_uint count = 0;
    hold h = HOLD_EMPTY;
    const wpool_options options = {.delay = WPOOL_SECONDS(5)};
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 4, .scaling = by_wait});
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), WPOOL_OK);
    count_submit(pool, &count, 1); /* which the scaler looks at */
    test_clock_parked_until(1);
    hold_workers(&h, pool, 2);
    pass(options.delay);
    pass_wait();
    decision_check(0, WPOOL_SCALE_WAIT, 2, 4);
    load_end(pool, &h);
    CHECK_EQ(atomic_load(&count), 2);
    scaled_pool_end(pool, 1);
}

/* Two jobs run; each 10 ms one ends, another is submitted, and so many wait meanwhile. */
static wpool *flow(unsigned waiting, unsigned rounds) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 4, .scaling = by_wait});
    load_begin(pool, &h, 2, waiting);
    for (unsigned i = 1; i <= rounds && atomic_load(&decisions.count) == 0; i++) {
        test_clock_parked_until(1);
        test_clock_advance(by_wait.wait / 2);
        test_let_others_run();
        hold_release(&h, 1);
        gate_await_count(&h.running, 2 + i);
        submit_held(pool, &h, 1);
    }
    load_end(pool, &h);
    return pool;
}

TEST(it_does_not_grow_while_the_jobs_keep_moving) { scaled_pool_end(flow(1, 100), 0); }

TEST(it_grows_when_they_move_too_slowly) {
    wpool *pool = flow(4, 100);
    decision_check(0, WPOOL_SCALE_WAIT, 2, 4);
    test_destroy(pool);
}

/* ---- by idleness ---- */

/* A worker that knows its number, and leaves when it is told. */
typedef struct seat {
    gate door;
    unsigned worker;
} seat;

static void *note_number(void *user, unsigned worker) {
    (void)user;
    return (void *)(uintptr_t)worker;
}

static int seat_job(void *arg, wpool_job *job) {
    seat *s = (seat *)arg;
    s->worker = (unsigned)(uintptr_t)wpool_worker_state(job);
    return gate_job(&s->door, job);
}

/* Who has left, one after the other. */
static struct { atomic_uint count, workers[10]; } leavers;

static void note_leaver(void *user, unsigned worker, void *state) {
    const unsigned i = atomic_load(&leavers.count);
    (void)user, (void)state;
    CHECK(i < COUNT_OF(leavers.workers));
    atomic_store(&leavers.workers[i], worker);
    atomic_store(&leavers.count, i + 1);
}

TEST(who_is_idle_for_longest_leaves_first) {
    enum { WORKERS = 5, MIN = 2 };
    static const unsigned order_of_rest[WORKERS] = {2, 4, 0, 3, 1};
    seat seats[WORKERS];
    wpool *pool = scaled_pool(
        (wpool_config){.workers = WORKERS,
                       .min_workers = MIN,
                       .max_workers = WORKERS,
                       .hooks = {.worker_start = note_number, .worker_exit = note_leaver}});
    for (unsigned i = 0; i < WORKERS; i++) {
        seats[i] = (seat){.door = GATE_CLOSED};
        CHECK_EQ(wpool_submit(pool, seat_job, &seats[i], NULL), WPOOL_OK);
        gate_await_count(&seats[i].door, 1);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        for (unsigned j = 0; j < WORKERS; j++)
            if (seats[j].worker == order_of_rest[i]) gate_open(&seats[j].door);
        while (test_stats(pool).workers_idle != i + 1)
            sched_yield();
        threads_await_sleep();
        test_clock_advance(WPOOL_SECONDS(1));
    }
    pass(IDLE - WPOOL_SECONDS(WORKERS));
    for (unsigned i = 0; i < WORKERS - MIN; i++) {
        if (i) pass(WPOOL_SECONDS(1));
        decision_check(i, WPOOL_SCALE_IDLE, WORKERS - i, WORKERS - i - 1);
        while (atomic_load(&leavers.count) != i + 1)
            sched_yield();
        CHECK_EQ(atomic_load(&leavers.workers[i]), order_of_rest[i]);
    }
    test_clock_advance(IDLE);
    scaled_pool_end(pool, WORKERS - MIN);
}

TEST(work_ends_idleness) {
    atomic_uint count = 0;
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .min_workers = 1, .max_workers = 2});
    idle_await(pool);
    pass_nearly(IDLE);
    hold_workers(&h, pool, 2);
    count_submit(pool, &count, 99); /* not enough to grow, or to stay */
    load_end(pool, &h);
    pass(IDLE);
    decision_check(0, WPOOL_SCALE_IDLE, 2, 1);
    scaled_pool_end(pool, 1);
}

TEST(nobody_leaves_where_idleness_is_for_ever) {
    wpool *pool = scaled_pool((wpool_config){
        .workers = 4, .min_workers = 1, .max_workers = 4, .scaling = {.idle = WPOOL_FOREVER}});
    idle_await(pool);
    test_clock_advance(1000 * IDLE);
    scaled_pool_end(pool, 0);
}

/* ---- no flapping ---- */

TEST(it_does_not_grow_soon_after_it_has_shrunk) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){
        .workers = 4, .min_workers = 2, .max_workers = 8, .scaling = {.jobs_per_worker = 5}});
    idle_await(pool);
    pass(IDLE);
    decision_check(0, WPOOL_SCALE_IDLE, 4, 2);
    load_begin(pool, &h, 2, 10);
    pass(COOLDOWN);
    decision_check(1, WPOOL_SCALE_LOAD, 2, 4);
    load_end(pool, &h);
    scaled_pool_end(pool, 2);
}

TEST(it_does_not_shrink_soon_after_it_has_grown) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){
        .workers = 2, .max_workers = 8, .scaling = {.jobs_per_worker = 5, .idle = WPOOL_MS(1)}});
    load_begin(pool, &h, 2, 10);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 4);
    load_end(pool, &h);
    pass(COOLDOWN);
    decision_check(1, WPOOL_SCALE_IDLE, 4, 2);
    scaled_pool_end(pool, 2);
}

/* For an hour, one second is just too much, and the next one nothing. Who grows waits a cooldown
   before it shrinks, and the other way round. */
TEST(a_wave_does_not_make_threads_come_and_go) {
    enum { HOUR = 3600, COOLDOWN_SECONDS = 10, JOBS = 2 + 2 * 2 };
    static unsigned starts[HOUR / 60 + 1];
    unsigned ups = 0;
    const int64_t begin = test_clock_now();
    hold h = HOLD_EMPTY;
    wpool *pool =
        scaled_pool((wpool_config){.workers = 2,
                                   .max_workers = 8,
                                   .scaling = {.jobs_per_worker = 2,
                                               .idle = WPOOL_MS(500),
                                               .cooldown = WPOOL_SECONDS(COOLDOWN_SECONDS)}});
    hold_init(&h);
    for (int second = 0; second < HOUR; second += 2) {
        unsigned count = atomic_load(&decisions.count);
        const bool is_enough = test_stats(pool).workers > 2;
        submit_held(pool, &h, JOBS);
        if (!is_enough) decision_or_timer(count);
        test_clock_advance(WPOOL_SECONDS(1));
        hold_release(&h, JOBS);
        test_drain(pool);
        test_await_idle(pool);
        count = atomic_load(&decisions.count);
        test_clock_advance(WPOOL_SECONDS(1));
        if (test_stats(pool).workers > 2) decision_or_timer(count);
    }
    for (unsigned i = 0; i < atomic_load(&decisions.count); i++) {
        const wpool_scale_event *e = &decisions.list[i];
        if (e->after < e->before) continue;
        ups++;
        starts[(decisions.times[i] - begin) / WPOOL_SECONDS(60)] += e->after - e->before;
    }
    CHECK(ups >= HOUR / (4 * COOLDOWN_SECONDS));
    CHECK(ups <= HOUR / (2 * COOLDOWN_SECONDS) + 1);
    for (size_t i = 0; i < COUNT_OF(starts); i++)
        CHECK(starts[i] <= 2 * (60 / (2 * COOLDOWN_SECONDS) + 1));
    test_destroy(pool);
}

/* ---- blocked workers ---- */

/* Jobs that block until the door is open. */
typedef struct blocked {
    gate begun, door;
} blocked;

#define BLOCKED \
    { GATE_CLOSED, GATE_CLOSED }

static void sleep_at(void *door) { gate_job(door, NULL); }

static int blocking_job(void *arg, wpool_job *job) {
    blocked *b = (blocked *)arg;
    gate_job(&b->begun, job);
    CHECK_EQ(wpool_blocking(job, sleep_at, &b->door), WPOOL_OK);
    return 0;
}

/* They block when all have begun: so no worker is on its way to one. */
static void blocked_begin(wpool *pool, blocked *b, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(wpool_submit(pool, blocking_job, b, NULL), WPOOL_OK);
    gate_await_count(&b->begun, count);
    gate_open(&b->begun);
    gate_await_count(&b->door, count);
}

static void blocked_end(wpool *pool, blocked *b, hold *h) {
    gate_open(&b->door);
    load_end(pool, h);
}

TEST(others_take_the_places_of_blocked_workers) {
    blocked b = BLOCKED;
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 4});
    blocked_begin(pool, &b, 2);
    CHECK_EQ(test_stats(pool).workers_blocked, 2);
    CHECK_EQ(atomic_load(&decisions.count), 0);
    hold_workers(&h, pool, 1);
    decision_check(0, WPOOL_SCALE_BLOCKED, 2, 3);
    CHECK_EQ(decisions.list[0].blocked, 2);
    CHECK_EQ(decisions.list[0].waiting, 1);
    submit_held(pool, &h, 1);
    decision_check(1, WPOOL_SCALE_BLOCKED, 3, 4);
    gate_await_count(&h.running, 2);
    submit_held(pool, &h, 1); /* there is no room */
    threads_await_sleep();
    CHECK_EQ(atomic_load(&decisions.count), 2);
    gate_open(&b.door);
    gate_await_count(&h.running, 3);
    load_end(pool, &h);
    CHECK_EQ(test_stats(pool).workers_blocked, 0);
    pass(IDLE);
    decision_check(2, WPOOL_SCALE_IDLE, 4, 2);
    scaled_pool_end(pool, 3);
}

TEST(a_blocked_worker_is_replaced_by_one) {
    blocked b = BLOCKED;
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 5});
    blocked_begin(pool, &b, 1);
    hold_workers(&h, pool, 1);
    submit_held(pool, &h, 1);
    decision_check(0, WPOOL_SCALE_BLOCKED, 2, 3);
    gate_await_count(&h.running, 2);
    submit_held(pool, &h, 10);
    threads_await_sleep();
    blocked_end(pool, &b, &h);
    scaled_pool_end(pool, 1);
}

/* It blocks, and does it again meanwhile, in one way or another. */
typedef struct deep {
    blocked blocked;
    wpool_job *job, *awaited; /* awaited: of another pool */
} deep;

static void block_again(void *arg) {
    deep *d = (deep *)arg;
    CHECK_EQ(d->awaited ? wpool_job_wait(d->awaited, WPOOL_FOREVER)
                        : wpool_blocking(d->job, sleep_at, &d->blocked.door),
             WPOOL_OK);
}

static int deep_job(void *arg, wpool_job *job) {
    deep *d = (deep *)arg;
    d->job = job;
    CHECK_EQ(wpool_blocking(job, block_again, d), WPOOL_OK);
    return 0;
}

TEST(a_worker_that_is_blocked_twice_is_replaced_by_one) {
    for (int waits = 0; waits < 2; waits++) {
        deep d = {.blocked = BLOCKED};
        hold h = HOLD_EMPTY;
        wpool_job awaited;
        wpool *other = pool_of(1);
        wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 5});
        wpool_job_init(&awaited, gate_job, &d.blocked.door);
        if (waits) {
            d.awaited = &awaited;
            CHECK_EQ(wpool_submit_job(other, &awaited, NULL), WPOOL_OK);
        }
        CHECK_EQ(wpool_submit(pool, deep_job, &d, NULL), WPOOL_OK);
        gate_await_count(&d.blocked.door, 1);
        threads_await_sleep();
        CHECK_EQ(test_stats(pool).workers_blocked, 1);
        hold_workers(&h, pool, 1);
        submit_held(pool, &h, 1);
        decision_check(0, WPOOL_SCALE_BLOCKED, 2, 3);
        CHECK_EQ(decisions.list[0].blocked, 1);
        gate_await_count(&h.running, 2);
        submit_held(pool, &h, 10);
        threads_await_sleep();
        CHECK_EQ(test_stats(pool).running, 3);
        blocked_end(pool, &d.blocked, &h);
        CHECK_EQ(test_stats(pool).workers_blocked, 0);
        scaled_pool_end(pool, 1);
        test_destroy(other);
    }
}

/* Twice: what was lent once, and came back, is lent again. */
TEST(no_cooldown_keeps_others_from_the_places_of_blocked_workers) {
    wpool *pool = scaled_pool((wpool_config){.workers = 3, .min_workers = 1, .max_workers = 3});
    for (unsigned i = 0; i < 2; i++) {
        blocked b = BLOCKED;
        hold h = HOLD_EMPTY;
        idle_await(pool);
        pass(IDLE);
        decision_check(2 * i, WPOOL_SCALE_IDLE, 3 - i, 1);
        blocked_begin(pool, &b, 1);
        hold_workers(&h, pool, 1);
        decision_check(2 * i + 1, WPOOL_SCALE_BLOCKED, 1, 2);
        blocked_end(pool, &b, &h);
    }
    scaled_pool_end(pool, 4);
}

TEST(who_blocks_while_jobs_wait_is_replaced_at_once) {
    blocked b = BLOCKED;
    atomic_uint count = 0;
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 3});
    hold_workers(&h, pool, 2);
    CHECK_EQ(wpool_submit(pool, blocking_job, &b, NULL), WPOOL_OK);
    count_submit(pool, &count, 9);
    threads_await_sleep();
    CHECK_EQ(atomic_load(&decisions.count), 0);
    gate_open(&b.begun);
    hold_release(&h, 1); /* one worker comes to block, the other one holds on */
    decision_check(0, WPOOL_SCALE_BLOCKED, 2, 3);
    while (atomic_load(&count) != 9)
        sched_yield();
    blocked_end(pool, &b, &h);
    scaled_pool_end(pool, 1);
}

/* The idle worker had no reason to be replaced; it is no longer idle, so now there is one. */
TEST(a_blocked_worker_is_replaced_when_no_other_is_idle_any_more) {
    blocked b = BLOCKED;
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 3});
    blocked_begin(pool, &b, 1);
    while (test_stats(pool).workers_idle != 1)
        sched_yield();
    hold_workers(&h, pool, 1);
    submit_held(pool, &h, 1);
    decision_check(0, WPOOL_SCALE_BLOCKED, 2, 3);
    gate_await_count(&h.running, 2);
    blocked_end(pool, &b, &h);
    scaled_pool_end(pool, 1);
}

/* Asked for are those that stay, one of which blocks as well. */
TEST(a_blocked_worker_that_is_to_leave_is_not_replaced) {
    for (int mode = WPOOL_GRACEFUL; mode <= WPOOL_HOT; mode++) {
        blocked leaving = BLOCKED, serving = BLOCKED;
        hold h = HOLD_EMPTY;
        wpool_worker_info infos[4];
        wpool *pool = scaled_pool((wpool_config){.workers = 4, .max_workers = 8});
        blocked_begin(pool, &leaving, 2);
        CHECK_EQ(wpool_workers(pool, infos, 4), 4);
        for (int i = 0; i < 4; i++)
            if (infos[i].running)
                CHECK_EQ(wpool_worker_stop(pool, infos[i].worker, (wpool_mode)mode, NULL),
                         WPOOL_OK);
        CHECK_EQ(test_stats(pool).workers_leaving, 2);
        CHECK_EQ(wpool_submit(pool, blocking_job, &serving, NULL), WPOOL_OK);
        gate_await_count(&serving.begun, 1);
        hold_workers(&h, pool, 1);
        submit_held(pool, &h, 4);
        threads_await_sleep();
        CHECK_EQ(atomic_load(&decisions.count), 0);
        gate_open(&serving.begun);
        decision_check(0, WPOOL_SCALE_BLOCKED, 2, 3);
        CHECK_EQ(decisions.list[0].blocked, 1);
        gate_await_count(&h.running, 2);
        threads_await_sleep();
        CHECK_EQ(test_stats(pool).running, 5);
        gate_open(&leaving.door);
        threads_await_sleep();
        CHECK_EQ(test_stats(pool).running, 3);
        blocked_end(pool, &serving, &h);
        scaled_pool_end(pool, 1);
    }
}

/* ---- pressure ---- */

static bool answer(void *is_pressed) { return atomic_load((atomic_bool *)is_pressed); }

TEST(under_pressure_workers_leave_one_by_one_and_none_come) {
    atomic_bool is_pressed = false;
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){
        .workers = 4,
        .min_workers = 2,
        .max_workers = 8,
        .scaling = {.jobs_per_worker = 10, .pressure = answer, .user = &is_pressed}});
    hold_workers(&h, pool, 4);
    pass(COOLDOWN);
    test_clock_parked_until(1);
    CHECK_EQ(atomic_load(&decisions.count), 0);
    atomic_store(&is_pressed, true);
    pass(COOLDOWN);
    decision_check(0, WPOOL_SCALE_PRESSURE, 4, 3);
    submit_held(pool, &h, 30);
    pass(COOLDOWN);
    decision_check(1, WPOOL_SCALE_PRESSURE, 3, 2);
    pass(COOLDOWN);
    pass(COOLDOWN);
    test_clock_parked_until(1);
    CHECK_EQ(test_stats(pool).workers_leaving, 2); /* what has begun may end */
    CHECK_EQ(test_stats(pool).running, 4);
    atomic_store(&is_pressed, false);
    pass(COOLDOWN);
    decision_check(2, WPOOL_SCALE_LOAD, 2, 4);
    load_end(pool, &h);
    CHECK_EQ(test_stats(pool).succeeded, 34);
    scaled_pool_end(pool, 3);
}

/* The system has this file, and it says that; NULL: it has none. */
static void system_says(const char *file, const char *text) {
    char path[200] = "";
    if (!text) return;
    FILE *out = fopen(strcat(strcat(path, system_root), file), "w");
    CHECK(out != NULL);
    fputs(text, out);
    fclose(out);
}

static const char *const system_folders[] = {"", "/proc", "/proc/self", "/proc/pressure"};
static const char *const system_files[] = {"/proc/self/statm", "/proc/meminfo",
                                           "/proc/pressure/cpu"};

static void system_begin(void) {
    strcpy(system_root, "/tmp/wpool_scaler_XXXXXX");
    CHECK(mkdtemp(system_root) != NULL);
    for (size_t i = 1; i < COUNT_OF(system_folders); i++) {
        char path[200] = "";
        CHECK_EQ(mkdir(strcat(strcat(path, system_root), system_folders[i]), 0700), 0);
    }
}

static void system_remove(const char *entry) {
    char path[200] = "";
    remove(strcat(strcat(path, system_root), entry));
}

static void system_end(void) {
    for (size_t i = 0; i < COUNT_OF(system_files); i++)
        system_remove(system_files[i]);
    for (size_t i = COUNT_OF(system_folders); i-- > 0;)
        system_remove(system_folders[i]);
}

/* Does a pool with these rules shrink where the system says that? */
static bool is_pressed_where(wpool_scaling scaling, const char *statm, const char *meminfo,
                             const char *cpu) {
    system_begin();
    system_says(system_files[0], statm);
    system_says(system_files[1], meminfo);
    system_says(system_files[2], cpu);
    wpool *pool = scaled_pool(
        (wpool_config){.workers = 2, .min_workers = 1, .max_workers = 3, .scaling = scaling});
    idle_await(pool);
    test_clock_parked_until(1);
    test_clock_advance(COOLDOWN);
    test_clock_parked_until(1);
    const bool is_pressed = test_stats(pool).workers == 1;
    if (is_pressed) decision_check(0, WPOOL_SCALE_PRESSURE, 2, 1);
    scaled_pool_end(pool, is_pressed);
    system_end();
    return is_pressed;
}

TEST(the_memory_of_the_process_is_a_pressure) {
    const uint64_t pages_300 = 300 * (uint64_t)sysconf(_SC_PAGESIZE);
    const wpool_scaling enough = {.max_rss_bytes = pages_300};
    const wpool_scaling less = {.max_rss_bytes = pages_300 - 1};
    const wpool_scaling huge = {.max_rss_bytes = UINT64_MAX};
    const char *const statm = "100000 300 50 1 0 90 0\n";
    CHECK(!is_pressed_where(enough, statm, NULL, NULL));
    CHECK(is_pressed_where(less, statm, NULL, NULL));
    CHECK(!is_pressed_where(huge, statm, NULL, NULL));
    CHECK(!is_pressed_where(less, NULL, NULL, NULL));
    CHECK(!is_pressed_where(less, "", NULL, NULL));
    CHECK(!is_pressed_where(less, "what?\n", NULL, NULL));
}

#define MEMINFO(total, available)                                                           \
    "MemTotal:       " total " kB\nMemFree:              10 kB\nMemAvailable:   " available \
    " kB\nBuffers:              10 kB\nSwapTotal:            10 kB\n"

TEST(the_memory_of_the_system_is_a_pressure) {
    const wpool_scaling enough = {.max_memory_percent = 75};
    const wpool_scaling less = {.max_memory_percent = 74};
    CHECK(!is_pressed_where(enough, NULL, MEMINFO("1000", "250"), NULL));
    CHECK(is_pressed_where(less, NULL, MEMINFO("1000", "250"), NULL));
    CHECK(is_pressed_where(enough, NULL, MEMINFO("100000000000", "24000000000"), NULL));
    CHECK(!is_pressed_where(enough, NULL, MEMINFO("100000000000", "26000000000"), NULL));
    CHECK(!is_pressed_where(less, NULL, NULL, NULL));
    CHECK(!is_pressed_where(less, NULL, "", NULL));
    CHECK(!is_pressed_where(less, NULL, "MemTotal: 1000 kB\n", NULL));
    CHECK(!is_pressed_where(less, NULL, MEMINFO("0", "0"), NULL));
}

#define CPU(some, full)                                                         \
    "some avg10=" some " avg60=0.00 avg300=0.00 total=123456\nfull avg10=" full \
    " avg60=0.00 avg300=0.00 total=0\n"

TEST(the_processors_are_a_pressure) {
    const wpool_scaling twelve = {.max_cpu_percent = 12}, thirteen = {.max_cpu_percent = 13};
    CHECK(is_pressed_where(twelve, NULL, NULL, CPU("12.34", "0.00")));
    CHECK(!is_pressed_where(thirteen, NULL, NULL, CPU("12.34", "0.00")));
    CHECK(!is_pressed_where(twelve, NULL, NULL, CPU("12.00", "99.00")));
    CHECK(is_pressed_where(twelve, NULL, NULL, CPU("100.00", "0.00")));
    CHECK(!is_pressed_where(twelve, NULL, NULL, NULL));
    CHECK(!is_pressed_where(twelve, NULL, NULL, ""));
    CHECK(!is_pressed_where(twelve, NULL, NULL, "none\n"));
}

TEST(any_of_the_three_is_a_pressure_but_not_where_the_user_is_asked) {
    atomic_bool is_pressed = false;
    wpool_scaling scaling = {
        .max_rss_bytes = 1, .max_memory_percent = 50, .max_cpu_percent = 50, .user = &is_pressed};
    for (unsigned i = 0; i < 8; i++) {
        const char *const statm = i & 1 ? "9 9 9 9 0 9 0\n" : "9 0 9 9 0 9 0\n";
        const char *const meminfo = i & 2 ? MEMINFO("100", "10") : MEMINFO("100", "90");
        const char *const cpu = i & 4 ? CPU("90.00", "0.00") : CPU("10.00", "0.00");
        scaling.pressure = NULL;
        CHECK_EQ(is_pressed_where(scaling, statm, meminfo, cpu), i != 0);
        scaling.pressure = answer;
        atomic_store(&is_pressed, i == 0);
        CHECK_EQ(is_pressed_where(scaling, statm, meminfo, cpu), i == 0);
    }
}

/* ---- threads that cannot be had ---- */

TEST(a_pool_is_not_made_where_nobody_could_scale_it) {
    const surroundings before = surroundings_now();
    const wpool_config config = {.workers = 2, .max_workers = 4};
    for (unsigned n = 1; n <= 3; n++) {
        wpool *pool;
        threads_deny(n, n);
        CHECK_EQ(wpool_create(&pool, &config), WPOOL_NO_THREAD);
        CHECK(pool == NULL);
        surroundings_check(before);
    }
}

/* The system is asked again after a cooldown, not before. */
static void check_denied(bool is_blocked, unsigned first_denied) {
    blocked b = BLOCKED;
    hold h = HOLD_EMPTY;
    const wpool_scale_reason reason = is_blocked ? WPOOL_SCALE_BLOCKED : WPOOL_SCALE_LOAD;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 4});
    hold_workers(&h, pool, is_blocked ? 0 : 2);
    if (is_blocked) blocked_begin(pool, &b, 2);
    threads_deny(first_denied, UINT_MAX);
    submit_held(pool, &h, 200);
    decisions_await(1);
    CHECK_EQ(decisions.list[0].reason, reason);
    CHECK_EQ(decisions.list[0].before, 2);
    CHECK(decisions.list[0].after < 4);
    for (int i = 0; i < 3; i++) {
        test_clock_parked_until(1);
        const unsigned asked = atomic_load(&threads_asked);
        const unsigned count = atomic_load(&decisions.count);
        test_clock_advance(COOLDOWN - 1);
        test_clock_parked_until(1);
        CHECK_EQ(atomic_load(&threads_asked), asked);
        CHECK_EQ(atomic_load(&decisions.count), count);
        test_clock_advance(1);
        decisions_await(count + 1);
        CHECK_EQ(decisions.list[count].reason, reason);
        CHECK(decisions.list[count].after < 4);
    }
    threads_deny(0, 0);
    pass_until_running(pool, 4);
    blocked_end(pool, &b, &h);
    CHECK_EQ(test_stats(pool).succeeded, 202);
    scaled_pool_end(pool, atomic_load(&decisions.count));
}

TEST(it_asks_again_for_a_thread_after_a_while) {
    for (unsigned first = 1; first <= 2; first++)
        check_denied(false, first);
}

TEST(it_asks_again_for_a_thread_in_place_of_a_blocked_worker) {
    for (unsigned first = 1; first <= 2; first++)
        check_denied(true, first);
}

TEST(it_gets_there_though_threads_are_denied_now_and_then) {
    const uint64_t seed = test_seed();
    for (int round = 0; round < 30; round++) {
        hold h = HOLD_EMPTY;
        wpool *pool = scaled_pool(
            (wpool_config){.workers = 1, .max_workers = 8, .scaling = {.jobs_per_worker = 2}});
        const unsigned first = 1 + (unsigned)test_choose(seed, 7);
        threads_deny(first, first + (unsigned)test_choose(seed, 10));
        load_begin(pool, &h, 1, 100);
        pass_until_running(pool, 8);
        load_end(pool, &h);
        CHECK_EQ(test_stats(pool).succeeded, 101);
        scaled_pool_end(pool, atomic_load(&decisions.count));
    }
}

/* ---- other rules, while it runs ---- */

TEST(a_lower_threshold_holds_at_once) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.min_workers = 2, .max_workers = 8});
    load_begin(pool, &h, 2, 20);
    threads_await_sleep();
    CHECK_EQ(atomic_load(&decisions.count), 0);
    wpool_config config = pool_config(pool);
    config.scaling.jobs_per_worker = 10;
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 4);
    load_end(pool, &h);
    scaled_pool_end(pool, 1);
}

TEST(a_shorter_idle_time_holds_at_once) {
    wpool *pool = scaled_pool((wpool_config){
        .workers = 4, .min_workers = 2, .max_workers = 4, .scaling = {.idle = WPOOL_FOREVER}});
    idle_await(pool);
    test_clock_advance(IDLE);
    threads_await_sleep();
    CHECK_EQ(atomic_load(&decisions.count), 0);
    wpool_config config = pool_config(pool);
    CHECK_EQ(config.scaling.idle, WPOOL_FOREVER);
    config.scaling.idle = IDLE;
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    decision_check(0, WPOOL_SCALE_IDLE, 4, 2);
    scaled_pool_end(pool, 1);
}

TEST(a_wait_that_is_set_while_a_job_waits_holds) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.min_workers = 2, .max_workers = 4});
    load_begin(pool, &h, 2, 1);
    test_clock_advance(WPOOL_MS(5));
    wpool_config config = pool_config(pool);
    config.scaling.wait = WPOOL_MS(20);
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    pass_wait();
    decision_check(0, WPOOL_SCALE_WAIT, 2, 4);
    load_end(pool, &h);
    scaled_pool_end(pool, 1);
}

TEST(other_limits_hold_and_may_be_none) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.min_workers = 2, .max_workers = 2});
    wpool_config config = pool_config(pool);
    load_begin(pool, &h, 2, 900);
    test_let_others_run();
    CHECK_EQ(atomic_load(&decisions.count), 0);
    config.max_workers = 3;
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 3);
    gate_await_count(&h.running, 3);
    config = pool_config(pool);
    CHECK_EQ(config.min_workers, 2);
    CHECK_EQ(config.max_workers, 3);
    config.queue_capacity++; /* says nothing about workers */
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    CHECK_EQ(test_stats(pool).workers, 3);
    config.workers = config.max_workers = 2;
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    CHECK_EQ(test_stats(pool).workers, 2);
    test_clock_advance(1000 * IDLE);
    threads_await_sleep();
    CHECK_EQ(test_stats(pool).workers, 2);
    CHECK_EQ(atomic_load(&decisions.count), 1);
    load_end(pool, &h);
    test_destroy(pool);
}

/* What the scaler has made of it is not what was asked for. */
TEST(the_lower_bound_is_what_was_asked_for) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 8});
    load_begin(pool, &h, 2, 100);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 4);
    wpool_config config = pool_config(pool);
    CHECK_EQ(config.workers, 2);
    CHECK_EQ(config.min_workers, 0);
    CHECK_EQ(config.max_workers, 8);
    config.when_full = WPOOL_REFUSE;
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    CHECK_EQ(test_stats(pool).workers, 4);
    CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(test_stats(pool).workers, 5);
    CHECK_EQ(wpool_scale_to(pool, 3, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(pool_config(pool).workers, 3);
    submit_held(pool, &h, 100);
    decision_check(1, WPOOL_SCALE_LOAD, 3, 6);
    load_end(pool, &h);
    pass(IDLE);
    decision_check(2, WPOOL_SCALE_IDLE, 6, 3);
    test_destroy(pool);
}

TEST(rules_without_sense_are_refused) {
    static const wpool_scaling rules[] = {
        {.wait = -1},        {.cooldown = WPOOL_FOREVER}, {.idle = WPOOL_FOREVER - 1},
        {.idle = INT64_MIN}, {.max_memory_percent = 101}, {.max_cpu_percent = 101},
        {.wait = INT64_MIN}, {.cooldown = INT64_MIN}};
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 4});
    const wpool_config before = pool_config(pool);
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        wpool *none = pool;
        wpool_config config = before;
        config.scaling = rules[i];
        CHECK_STR(wpool_config_conflict(pool, &config), "scaling");
        CHECK_EQ(wpool_configure(pool, &config), WPOOL_INVALID);
        CHECK_EQ(wpool_create(&none, &config), WPOOL_INVALID);
        CHECK(none == NULL);
    }
    const wpool_config now = pool_config(pool);
    CHECK_EQ(memcmp(&before.scaling, &now.scaling, sizeof now.scaling), 0);
    CHECK_EQ(now.scaling.jobs_per_worker, 50);
    CHECK_EQ(now.scaling.idle, IDLE);
    CHECK_EQ(now.scaling.cooldown, COOLDOWN);
    scaled_pool_end(pool, 0);
}

/* ---- bounds, whatever happens ---- */

enum { STORM_MIN = 2, STORM_MAX = 6 };

static struct {
    wpool *pool;
    atomic_bool is_over;
    atomic_uint running, threads;
    uint64_t seed;
} storm;

static void *storm_thread_begins(void *user, unsigned worker) {
    (void)user;
    CHECK(worker < STORM_MAX);
    CHECK(atomic_fetch_add(&storm.threads, 1) < STORM_MAX);
    return NULL;
}

static void storm_thread_ends(void *user, unsigned worker, void *state) {
    (void)user, (void)worker, (void)state;
    atomic_fetch_sub(&storm.threads, 1);
}

static void storm_yield(void *arg) {
    (void)arg;
    for (uint64_t i = test_choose(storm.seed, 20); i > 0; i--)
        sched_yield();
}

static int storm_job(void *arg, wpool_job *job) {
    CHECK(atomic_fetch_add(&storm.running, 1) < STORM_MAX);
    if (test_choose(storm.seed, 3))
        storm_yield(arg);
    else
        CHECK_EQ(wpool_blocking(job, storm_yield, arg), WPOOL_OK);
    atomic_fetch_sub(&storm.running, 1);
    return 0;
}

static void storm_sample(void *arg) {
    (void)arg;
    while (!atomic_load(&storm.is_over)) {
        const wpool_stats_snapshot stats = test_stats(storm.pool);
        CHECK(stats.workers >= STORM_MIN);
        CHECK(stats.workers <= STORM_MAX);
        CHECK(stats.workers_blocked <= STORM_MAX);
        sched_yield();
    }
}

TEST(the_bounds_hold_in_a_storm) {
    enum { ROUNDS = 1000 };
    helper sampler;
    uint64_t submitted = 0;
    unsigned count;
    const surroundings before = surroundings_now();
    storm.seed = test_seed();
    storm.pool = scaled_pool((wpool_config){
        .min_workers = STORM_MIN,
        .max_workers = STORM_MAX,
        .scaling = {.jobs_per_worker = 2, .wait = WPOOL_MS(3), .idle = WPOOL_MS(2), .cooldown = 1},
        .hooks = {.worker_start = storm_thread_begins, .worker_exit = storm_thread_ends}});
    helper_start(&sampler, storm_sample, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t jobs = test_choose(storm.seed, 20);
        for (uint64_t i = 0; i < jobs; i++)
            CHECK_EQ(wpool_submit(storm.pool, storm_job, NULL, NULL), WPOOL_OK);
        submitted += jobs;
        if (test_choose(storm.seed, 8) == 0) test_drain(storm.pool);
        test_clock_advance(WPOOL_MS(test_choose(storm.seed, 4)));
        storm_yield(NULL);
    }
    test_drain(storm.pool);
    atomic_store(&storm.is_over, true);
    helper_join(&sampler);
    CHECK_EQ(test_stats(storm.pool).succeeded, submitted);
    while (decisions.list[(count = atomic_load(&decisions.count)) - 1].after != STORM_MIN) {
        test_clock_advance(WPOOL_MS(2));
        sched_yield();
    }
    CHECK(count > 10);
    scaled_pool_end(storm.pool, count);
    surroundings_check(before);
}

TEST(a_pool_may_end_while_it_scales) {
    const uint64_t seed = test_seed();
    const surroundings before = surroundings_now();
    for (int round = 0; round < 200; round++) {
        memory used = {0};
        atomic_uint count = 0;
        const wpool_allocator allocator = memory_allocator(&used);
        const unsigned jobs = (unsigned)test_choose(seed, 200);
        wpool *pool = scaled_pool((wpool_config){.workers = 1,
                                                 .max_workers = 6,
                                                 .scaling = {.jobs_per_worker = 2, .idle = 1},
                                                 .allocator = &allocator});
        count_submit(pool, &count, jobs);
        if (test_choose(seed, 2)) test_clock_advance(COOLDOWN);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&count), jobs);
        memory_check_empty(&used);
    }
    surroundings_check(before);
}

/* ---- nobody looks at the clock when nothing can change ---- */

static void check_no_timer(void) {
    threads_await_sleep();
    test_clock_wake(0); /* all look again */
    threads_await_sleep();
    CHECK(!timer_runs());
}

TEST(no_timer_runs_when_time_changes_nothing) {
    hold h = HOLD_EMPTY;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 4});
    idle_await(pool);
    check_no_timer();
    load_begin(pool, &h, 2, 99);
    check_no_timer();
    submit_held(pool, &h, 1);
    decision_check(0, WPOOL_SCALE_LOAD, 2, 4);
    load_end(pool, &h);
    pass(IDLE);
    decision_check(1, WPOOL_SCALE_IDLE, 4, 2);
    check_no_timer();
    scaled_pool_end(pool, 2);
}

TEST(no_timer_runs_when_no_job_waits_and_nobody_is_to_leave) {
    hold h = HOLD_EMPTY;
    wpool *pool =
        scaled_pool((wpool_config){.workers = 2,
                                   .min_workers = 1,
                                   .max_workers = 4,
                                   .scaling = {.wait = WPOOL_MS(20), .idle = WPOOL_FOREVER}});
    idle_await(pool);
    check_no_timer();
    load_begin(pool, &h, 2, 1);
    test_clock_parked_until(1);
    load_end(pool, &h);
    test_clock_advance(WPOOL_MS(20)); /* a thread may have slept until then, not longer */
    check_no_timer();
    scaled_pool_end(pool, 0);
}

TEST(no_timer_runs_while_blocked_workers_have_no_reason_to_be_replaced) {
    blocked b = BLOCKED;
    wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 4});
    blocked_begin(pool, &b, 2);
    check_no_timer();
    gate_open(&b.door);
    scaled_pool_end(pool, 0);
}

TEST(it_rests_while_it_can_do_nothing) {
    hold h = HOLD_EMPTY;
    blocked b = BLOCKED;
    wpool *pool = scaled_pool((wpool_config){
        .workers = 3, .min_workers = 2, .max_workers = 4, .scaling = {.jobs_per_worker = 2}});
    idle_await(pool);
    threads_await_sleep();
    test_clock_advance(IDLE);
    decision_check(0, WPOOL_SCALE_IDLE, 3, 2);
    threads_await_sleep();
    load_begin(pool, &h, 2, 20); /* too soon to grow */
    threads_await_sleep();
    test_clock_advance(COOLDOWN);
    decision_check(1, WPOOL_SCALE_LOAD, 2, 4);
    gate_await_count(&h.running, 4);
    submit_held(pool, &h, 20); /* as many as may be */
    threads_await_sleep();
    hold_release(&h, 42);
    test_drain(pool);
    blocked_begin(pool, &b, 4); /* all of them */
    threads_await_sleep();
    submit_held(pool, &h, 20);
    threads_await_sleep();
    blocked_end(pool, &b, &h);
    scaled_pool_end(pool, 2);
}

/* ---- off ---- */

TEST(it_is_off_where_the_limits_do_not_ask_for_it) {
    static const wpool_config configs[] = {{.workers = 2},
                                           {.workers = 2, .max_workers = 2},
                                           {.min_workers = 2, .max_workers = 2},
                                           {.workers = 2, .min_workers = 2},
                                           {.workers = 2, .min_workers = 1}};
    const surroundings before = surroundings_now();
    for (size_t i = 0; i < COUNT_OF(configs); i++) {
        hold h = HOLD_EMPTY;
        blocked b = BLOCKED;
        wpool *pool = scaled_pool(configs[i]);
        load_begin(pool, &h, 2, 900);
        CHECK_EQ(surroundings_now().threads, before.threads + 2);
        load_end(pool, &h);
        test_clock_advance(1000 * IDLE);
        blocked_begin(pool, &b, 2);
        submit_held(pool, &h, 10);
        test_let_others_run();
        CHECK_EQ(test_stats(pool).workers, 2);
        gate_open(&b.door);
        scaled_pool_end(pool, 0);
    }
    surroundings_check(before);
}

/* Without a minimum it is the number of workers that was asked for last. */
TEST(it_is_on_as_soon_as_there_is_room_for_more_workers_than_were_asked_for) {
    for (int is_by_id = 0; is_by_id < 2; is_by_id++) {
        hold h = HOLD_EMPTY;
        wpool_id job;
        wpool *pool = scaled_pool((wpool_config){.workers = 2, .max_workers = 2});
        CHECK_EQ(is_by_id ? wpool_worker_stop(pool, 1, WPOOL_GRACEFUL, &job)
                          : wpool_scale_to(pool, 1, WPOOL_GRACEFUL),
                 WPOOL_OK);
        load_begin(pool, &h, 1, 50);
        decision_check(0, WPOOL_SCALE_LOAD, 1, 2);
        gate_await_count(&h.running, 2);
        load_end(pool, &h);
        pass(IDLE);
        decision_check(1, WPOOL_SCALE_IDLE, 2, 1);
        scaled_pool_end(pool, 2);
    }
}

TEST(it_is_off_in_an_inline_pool) {
    atomic_uint count = 0;
    wpool *pool = scaled_pool((wpool_config){
        .max_workers = WPOOL_INLINE, .scaling = {.jobs_per_worker = 1, .wait = 1, .idle = 1}});
    count_submit(pool, &count, 1000);
    test_clock_advance(IDLE);
    test_drain(pool);
    CHECK_EQ(atomic_load(&count), 1000);
    scaled_pool_end(pool, 0);
}
