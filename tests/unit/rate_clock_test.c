/* The rate at which jobs start, on a clock that the test moves: row F5; and what it is to a full
   queue (B2), deadlines (D9), waiting, pausing, the end of the pool and a change of the rate. */
#include "sleepers.h"

/* Everything that a thread calls that waits without sleeping. */
static atomic_uint looks;
#undef WPOOL_CLOCK
#define WPOOL_CLOCK() (atomic_fetch_add(&looks, 1), test_clock_now())
#define WPOOL_PAUSE() ((void)atomic_fetch_add(&looks, 1))
#define WPOOL_YIELD() (atomic_fetch_add(&looks, 1), (void)sched_yield())

#include "few_threads.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "pace.h"
#include <math.h>

#define STEP WPOOL_MS(10) /* from one start to the next at this rate */
#define RATE 100

#define EACH_WAY for (int way = 0; way < WAYS; way++)
#define EACH_POOL for (int is_inline = 0; is_inline < 2; is_inline++)

/* ---- jobs that keep when they started ---- */

typedef struct start_log {
    atomic_uint count;
    int64_t at[4000]; /* since the clock began */
} start_log;

static void starts_add(start_log *s) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    const unsigned count = atomic_load(&s->count);
    CHECK(count < COUNT_OF(s->at));
    s->at[count] = test_clock_now();
    atomic_store(&s->count, count + 1);
    pthread_mutex_unlock(&mutex);
}

static int start_job(void *arg, wpool_job *job) {
    (void)job;
    starts_add((start_log *)arg);
    return 0;
}

static void starts_await(start_log *s, unsigned count) {
    AWAIT(atomic_load(&s->count) >= count);
    CHECK_EQ(atomic_load(&s->count), count);
}

static void starts_check_still(start_log *s, unsigned count) {
    test_let_others_run();
    CHECK_EQ(atomic_load(&s->count), count);
}

static int compare_times(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Whatever the window, no more started in it than the rate allows. */
static void starts_check_windows(start_log *s, wpool_rate rate) {
    const unsigned count = atomic_load(&s->count), burst = rate.burst ? rate.burst : 1;
    qsort(s->at, count, sizeof *s->at, compare_times);
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = i; j < count; j++) {
            const double window = (double)(s->at[j] - s->at[i]) / 1e9;
            CHECK(j - i + 1 <= burst + rate.per_second * window + 1e-6);
        }
}

/* Jobs in each way, so many in all: in memory that stays. */
static void submit_starts(wpool *pool, start_log *s, unsigned count) {
    static wpool_job jobs[4000];
    static unsigned next;
    for (unsigned i = 0; i < count; i++, next = (next + 1) % COUNT_OF(jobs)) {
        wpool_id id;
        if (i % WAYS == OWNED) {
            wpool_job_init(&jobs[next], start_job, s);
            CHECK_EQ(wpool_submit_job(pool, &jobs[next], NULL), WPOOL_OK);
        } else {
            CHECK_EQ(wpool_submit(pool, start_job, s, i % WAYS == WITH_ID ? &id : NULL), WPOOL_OK);
        }
    }
}

/* One step of the rate, to a nanosecond: it may be rounded up to whole ones. */
static void pass_step(start_log *s, unsigned count) {
    const int64_t begin = test_clock_now();
    int64_t next;
    AWAIT((next = sleepers_first()) - begin == STEP || next - begin == STEP + 1);
    sleepers_pass_nearly(next - begin);
    starts_check_still(s, count);
    test_clock_advance(1);
}

/* So many have started, and the rest start one at each step. */
static void pass_steps(start_log *s, unsigned from, unsigned to) {
    for (unsigned count = from; count < to; count++) {
        starts_await(s, count);
        pass_step(s, count);
    }
    starts_await(s, to);
}

static wpool_config rated(unsigned workers, double per_second, unsigned burst) {
    return (wpool_config){.workers = workers,
                          .rate = {.per_second = per_second, .burst = burst},
                          .queue_capacity = 4000};
}

/* ---- when jobs start ---- */

TEST(a_burst_starts_at_once_and_then_one_after_the_other) {
    static const unsigned bursts[] = {0, 1, 3, 20};
    for (size_t i = 0; i < COUNT_OF(bursts); i++)
        EACH_POOL for (unsigned workers = 1; workers < 5; workers += 3) {
            const wpool_rate rate = {.per_second = RATE, .burst = bursts[i]};
            const unsigned burst = bursts[i] ? bursts[i] : 1;
            start_log starts = {.count = 0};
            scene s;
            scene_begin(&s, is_inline, rated(workers, RATE, bursts[i]));
            submit_starts(s.pool, &starts, 30);
            for (unsigned count = burst; count < 30; count++) {
                CHECK_EQ(pace_stats(s.pool).accepted, 30);
                pass_steps(&starts, count, count + 1);
            }
            test_drain(s.pool);
            CHECK_EQ(pace_stats(s.pool).succeeded, 30);
            starts_check_windows(&starts, rate);
            scene_end(&s);
        }
}

/* In each way by itself. */
TEST(every_kind_of_job_is_held_back) {
    EACH_POOL EACH_WAY {
        paced jobs[4] = {{.error = 0}};
        scene s;
        scene_begin(&s, is_inline, rated(2, RATE, 1));
        for (unsigned i = 0; i < COUNT_OF(jobs); i++)
            paced_submit(s.pool, &jobs[i], way, NULL);
        for (unsigned i = 0; i < COUNT_OF(jobs); i++) {
            AWAIT(pace_stats(s.pool).succeeded == i + 1);
            test_let_others_run();
            CHECK_EQ(pace_stats(s.pool).waiting, COUNT_OF(jobs) - i - 1);
            CHECK_EQ(pace_stats(s.pool).delayed, 0); /* they are queued */
            if (i + 1 == COUNT_OF(jobs)) break;
            sleepers_pass_nearly(sleepers_next() - test_clock_now());
            CHECK_EQ(pace_stats(s.pool).succeeded, i + 1);
            test_clock_advance(1);
        }
        scene_end(&s);
    }
}

/* So many a second that are no whole number of nanoseconds apart: not more, and hardly fewer. */
TEST(any_rate_is_kept) {
    static const wpool_rate rates[] = {{3, 2}, {0.5, 1}, {7, 1}, {1e6, 10}, {1e9, 5}, {0.001, 2}};
    for (size_t i = 0; i < COUNT_OF(rates); i++)
        EACH_POOL {
            enum { COUNT = 300 };
            const double span = (COUNT - rates[i].burst) / rates[i].per_second * 1e9;
            start_log starts = {.count = 0};
            scene s;
            scene_begin(&s, is_inline, rated(1, rates[i].per_second, rates[i].burst));
            submit_starts(s.pool, &starts, COUNT);
            for (unsigned count = rates[i].burst; count < COUNT; count++) {
                AWAIT(atomic_load(&starts.count) >= count);
                PASS_UNTIL(atomic_load(&starts.count) > count);
            }
            starts_check_windows(&starts, rates[i]);
            const int64_t took = starts.at[COUNT - 1] - starts.at[0];
            CHECK((double)took <= span * 1.000001 + COUNT);
            scene_end(&s);
        }
}

/* What may have started, by the book: a bucket of so many parts that fills by one each step. */
/* Everything has started that may: the threads of the pool sleep, so none of them has a part of the
   rate in its hands, as one has that looks for a job. Inline (no workers), the caller runs them. */
static void settle(wpool *pool, start_log *s, unsigned workers) {
    unsigned before;
    if (workers) {
        AWAIT(sleepers_still() == workers + 1);
        return;
    }
    do {
        before = atomic_load(&s->count);
        (void)wpool_drain(pool, WPOOL_NOW);
    } while (atomic_load(&s->count) != before);
}

static void settle_until(wpool *pool, start_log *s, unsigned workers, unsigned count) {
    for (settle(pool, s, workers); atomic_load(&s->count) < count; settle(pool, s, workers))
        test_clock_advance(STEP + 1);
}

static const unsigned settlers[] = {0, 1, 4};

TEST(at_random_times_as_many_start_as_may) {
    const uint64_t seed = test_seed();
    for (unsigned burst = 1; burst < 9; burst += 2)
        for (size_t i = 0; i < COUNT_OF(settlers); i++) {
            const wpool_rate rate = {.per_second = RATE, .burst = burst};
            static start_log starts;
            int64_t credit = STEP * burst;
            unsigned submitted = 0, started = 0;
            memset((void *)&starts, 0, sizeof starts);
            wpool *pool = scene_pool(settlers[i] == 0, rated(settlers[i], RATE, burst));
            for (int round = 0; round < 200; round++) {
                int64_t passed = (int64_t)test_choose(seed, (uint64_t)STEP * 2 * burst);
                const unsigned more = (unsigned)test_choose(seed, 2 * burst);
                /* never so that some nanoseconds would make a difference */
                if ((credit + passed) % STEP < WPOOL_MS(1)) passed += WPOOL_MS(1);
                test_clock_advance(passed);
                credit = credit + passed < STEP * burst ? credit + passed : STEP * burst;
                for (; started < submitted && credit >= STEP; started++)
                    credit -= STEP;
                settle(pool, &starts, settlers[i]);
                CHECK_EQ(atomic_load(&starts.count), started);
                submit_starts(pool, &starts, more);
                submitted += more;
                for (; started < submitted && credit >= STEP; started++)
                    credit -= STEP;
                settle(pool, &starts, settlers[i]);
                CHECK_EQ(atomic_load(&starts.count), started);
            }
            settle_until(pool, &starts, settlers[i], submitted);
            starts_check_windows(&starts, rate);
            test_destroy(pool);
        }
}

TEST(a_burst_is_there_again_after_a_time_without_starts) {
    for (size_t i = 0; i < COUNT_OF(settlers); i++) {
        start_log starts = {.count = 0};
        unsigned started = 0;
        wpool *pool = scene_pool(settlers[i] == 0, rated(settlers[i], RATE, 5));
        for (unsigned idle = 0; idle < 12; idle++) { /* steps */
            const unsigned burst = idle == 0 ? 5 : idle < 5 ? idle : 5;
            test_clock_advance(idle * (STEP + 1));
            submit_starts(pool, &starts, 5);
            settle(pool, &starts, settlers[i]);
            CHECK_EQ(atomic_load(&starts.count), started + burst);
            started += 5;
            settle_until(pool, &starts, settlers[i], started);
        }
        test_destroy(pool);
    }
}

/* ---- who waits for the rate sleeps ---- */

/* Does the system say that all threads sleep but the caller? */
static bool all_others_sleep(void) {
    bool is_so = true;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        helper thread;
        atomic_init(&thread.system_id, atoi(entry->d_name));
        if (thread.system_id == 0 || thread.system_id == (int)syscall(SYS_gettid)) continue;
        is_so = is_so && helper_sleeps(&thread);
    }
    closedir(tasks);
    return is_so;
}

static void check_all_sleep(int64_t until) {
    const struct timespec real = {0, 50 * 1000000};
    unsigned parks, looked;
    sleepers_await(until);
    do { /* until what was still going on is over */
        parks = atomic_load(&sleepers_parks);
        looked = atomic_load(&looks);
        test_let_others_run();
    } while (!all_others_sleep() || atomic_load(&sleepers_parks) != parks ||
             atomic_load(&looks) != looked);
    const clock_t used = clock();
    nanosleep(&real, NULL);
    CHECK((clock() - used) * 1000 / CLOCKS_PER_SEC < 25);
    CHECK_EQ(atomic_load(&sleepers_parks), parks);
    CHECK_EQ(atomic_load(&looks), looked);
    CHECK_EQ(sleepers_first(), until);
}

TEST(nobody_looks_at_the_clock_before_it_is_time) {
    EACH_POOL for (unsigned workers = 1; workers < 5; workers += 3) {
        start_log starts = {.count = 0};
        scene s;
        scene_begin(&s, is_inline, rated(workers, 0.01, 2));
        submit_starts(s.pool, &starts, 5);
        for (unsigned count = 2; count < 5; count++) {
            starts_await(&starts, count);
            const int64_t until = sleepers_next();
            CHECK(until - test_clock_now() >= WPOOL_SECONDS(100));
            CHECK(until - test_clock_now() <= WPOOL_SECONDS(100) + 1);
            check_all_sleep(until);
            test_clock_advance(WPOOL_SECONDS(99));
            check_all_sleep(until);
            test_clock_advance(until - test_clock_now());
        }
        starts_await(&starts, 5);
        if (!is_inline) { /* nothing is queued: nobody has a time to wake */
            test_drain(s.pool);
            sleepers_await_none();
            test_await_idle(s.pool);
            check_all_sleep(INT64_MAX);
        }
        scene_end(&s);
    }
}

/* However much others have taken in advance: it is not asked for again at each interval. */
TEST(nobody_looks_often_while_more_was_taken_than_there_was) {
    hold h = HOLD_EMPTY;
    start_log starts = {.count = 0};
    wpool_config config = rated(1, 1000, 1);
    config.queue_capacity = 1;
    config.when_full = WPOOL_RUN;
    wpool *pool = scene_pool(false, config);
    hold_workers(&h, pool, 1);
    submit_starts(pool, &starts, 1001); /* all but one run here, at once */
    hold_release(&h, 1);
    unsigned looked = 0;
    for (;; looked++) {
        int64_t until = INT64_MAX;
        AWAIT(atomic_load(&starts.count) == 1001 ||
              ((until = sleepers_first()) != INT64_MAX && until > test_clock_now()));
        if (atomic_load(&starts.count) == 1001) break;
        test_clock_advance(until - test_clock_now());
    }
    CHECK(looked <= 12);
    test_drain(pool);
    test_destroy(pool);
}

/* ---- pause, close, stop, cancel, deadlines ---- */

TEST(a_paused_pool_keeps_no_starts_for_later) {
    EACH_POOL {
        start_log starts = {.count = 0};
        scene s;
        scene_begin(&s, is_inline, rated(2, RATE, 3));
        submit_starts(s.pool, &starts, 12);
        starts_await(&starts, 3);
        CHECK_EQ(wpool_pause(s.pool), WPOOL_OK);
        for (int i = 0; i < 20; i++) {
            test_clock_advance(STEP);
            starts_check_still(&starts, 3);
        }
        CHECK_EQ(wpool_start(s.pool), WPOOL_OK);
        pass_steps(&starts, 6, 12);
        starts_check_windows(&starts, (wpool_rate){RATE, 3});
        scene_end(&s);
    }
}

typedef struct ending {
    wpool *pool;
    helper helper;
} ending;

static void end_by_shutdown(void *arg) {
    CHECK_EQ(wpool_shutdown(((ending *)arg)->pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    test_destroy(((ending *)arg)->pool);
}

static void end_by_close(void *arg) {
    CHECK_EQ(wpool_close(((ending *)arg)->pool), WPOOL_OK);
    test_drain(((ending *)arg)->pool);
    test_destroy(((ending *)arg)->pool);
}

static void end_by_destroy(void *arg) { test_destroy(((ending *)arg)->pool); }

TEST(the_end_of_a_pool_is_no_faster) {
    static void (*const ends[])(void *) = {end_by_shutdown, end_by_close, end_by_destroy};
    const surroundings before = surroundings_now();
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        EACH_POOL {
            start_log starts = {.count = 0};
            ending e = {.pool = scene_pool(is_inline, rated(2, RATE, 2))};
            submit_starts(e.pool, &starts, 8);
            if (!is_inline) starts_await(&starts, 2);
            helper_start(&e.helper, ends[i], &e);
            for (unsigned count = 2; count < 8; count++) {
                starts_await(&starts, count);
                CHECK(!atomic_load(&e.helper.is_finished));
                pass_step(&starts, count);
            }
            helper_join(&e.helper);
            starts_check_windows(&starts, (wpool_rate){RATE, 2});
        }
    surroundings_check(before);
}

TEST(stopping_discards_what_is_held_back) {
    EACH_POOL EACH_WAY for (int mode = WPOOL_GRACEFUL; mode <= WPOOL_HOT; mode++) {
        paced jobs[5] = {{.error = 0}};
        scene s;
        scene_begin(&s, is_inline, rated(2, RATE, 1));
        for (unsigned i = 0; i < COUNT_OF(jobs); i++)
            paced_submit(s.pool, &jobs[i], way, NULL);
        AWAIT(pace_stats(s.pool).succeeded == 1);
        AWAIT(sleepers_first() != INT64_MAX);
        CHECK_EQ(wpool_stop(s.pool, (wpool_mode)mode), WPOOL_OK);
        test_drain(s.pool);
        CHECK_EQ(pace_stats(s.pool).discarded, COUNT_OF(jobs) - 1);
        scene_release(&s);
        sleepers_await_none();
        test_destroy(s.pool);
        unsigned runs = 0;
        for (unsigned i = 0; i < COUNT_OF(jobs); i++) {
            const bool has_run = jobs[i].run_count != 0;
            paced_check(&jobs[i], has_run ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_DISCARDED,
                        has_run ? 0 : WPOOL_CANCELLED, has_run);
            runs += has_run;
        }
        CHECK_EQ(runs, 1);
    }
}

/* Nor does it cost a start. */
TEST(a_job_that_is_held_back_is_cancelled) {
    EACH_POOL {
        paced jobs[4] = {{.error = 0}};
        scene s;
        scene_begin(&s, is_inline, rated(1, RATE, 1));
        for (unsigned i = 0; i < COUNT_OF(jobs); i++)
            paced_submit(s.pool, &jobs[i], WITH_ID, NULL);
        paced_await_done(&jobs[0]);
        const int64_t begin = test_clock_now();
        for (unsigned i = 1; i < 3; i++) {
            CHECK_EQ(wpool_job_state(s.pool, jobs[i].id), WPOOL_STATE_WAITING);
            CHECK_EQ(wpool_cancel(s.pool, jobs[i].id, WPOOL_GRACEFUL), WPOOL_OK);
            paced_check(&jobs[i], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED, 0);
        }
        PASS_UNTIL(atomic_load(&jobs[3].done_count) != 0);
        CHECK(jobs[3].began[0] - begin <= STEP + 1);
        scene_end(&s);
    }
}

TEST(a_deadline_passes_while_a_job_is_held_back) {
    EACH_POOL EACH_WAY {
        const wpool_options options = {.deadline = STEP / 2};
        paced first = {.error = 0}, due = {.error = 0}, last = {.error = 0};
        scene s;
        scene_begin(&s, is_inline, rated(1, RATE, 1));
        paced_submit(s.pool, &first, way, NULL);
        paced_await_done(&first);
        paced_submit(s.pool, &due, way, &options);
        paced_submit(s.pool, &last, way, NULL);
        sleepers_pass_nearly(STEP / 2);
        CHECK_EQ(due.done_count, 0);
        test_clock_advance(1);
        if (way != OWNED) paced_await_done(&due); /* that one keeps its place */
        PASS_UNTIL(atomic_load(&last.done_count) != 0);
        CHECK(last.began[0] - first.began[0] <= STEP + 1);
        paced_await_done(&due);
        paced_check(&due, WPOOL_STATE_DISCARDED, WPOOL_TIMEOUT, 0);
        scene_end(&s);
    }
}

/* ---- a full queue ---- */

typedef struct submission {
    wpool *pool;
    start_log *starts;
    int64_t timeout;
    wpool_status expected;
    helper helper;
} submission;

static void submit_blocked(void *arg) {
    submission *b = (submission *)arg;
    const wpool_options options = {.timeout = b->timeout};
    CHECK_EQ(wpool_submit_with(b->pool, start_job, b->starts, &options, NULL), b->expected);
}

/* The queue is full because of the rate, which also makes room. */
TEST(a_submit_waits_for_the_rate) {
    for (int is_timeout = 0; is_timeout < 2; is_timeout++) {
        start_log starts = {.count = 0};
        wpool_config config = rated(1, RATE, 1);
        config.queue_capacity = 1;
        submission b = {.pool = scene_pool(false, config), .starts = &starts};
        CHECK_EQ(wpool_submit(b.pool, start_job, &starts, NULL), WPOOL_OK);
        starts_await(&starts, 1);
        CHECK_EQ(wpool_submit(b.pool, start_job, &starts, NULL), WPOOL_OK);
        CHECK_EQ(wpool_try_submit(b.pool, start_job, &starts, NULL), WPOOL_FULL);
        b.timeout = is_timeout ? STEP - 1 : WPOOL_SECONDS(1);
        b.expected = is_timeout ? WPOOL_TIMEOUT : WPOOL_OK;
        helper_start(&b.helper, submit_blocked, &b);
        helper_await_sleep(&b.helper);
        if (is_timeout) {
            sleepers_pass_nearly(STEP - 1);
            CHECK(!atomic_load(&b.helper.is_finished));
            test_clock_advance(1);
        } else {
            pass_step(&starts, 1);
        }
        helper_join(&b.helper);
        PASS_UNTIL(atomic_load(&starts.count) == (is_timeout ? 2 : 3));
        test_drain(b.pool);
        test_destroy(b.pool);
    }
}

TEST(an_unbuffered_submit_waits_for_its_start) {
    start_log starts = {.count = 0};
    wpool_config config = rated(2, RATE, 1);
    config.queue_capacity = WPOOL_UNBUFFERED;
    submission b = {.pool = scene_pool(false, config), .starts = &starts, .expected = WPOOL_OK};
    CHECK_EQ(wpool_submit(b.pool, start_job, &starts, NULL), WPOOL_OK);
    starts_await(&starts, 1);
    helper_start(&b.helper, submit_blocked, &b);
    pass_step(&starts, 1);
    starts_await(&starts, 2);
    helper_join(&b.helper);
    test_destroy(b.pool);
    starts_check_windows(&starts, config.rate);
}

TEST(the_oldest_of_those_held_back_are_dropped) {
    enum { COUNT = 10 };
    EACH_POOL {
        paced jobs[COUNT] = {{.error = 0}};
        wpool_config config = rated(1, RATE, 1);
        scene s;
        config.queue_capacity = 2;
        config.when_full = WPOOL_DROP_OLDEST;
        scene_begin(&s, is_inline, config);
        for (int i = 0; i < COUNT; i++) {
            paced_submit(s.pool, &jobs[i], i % WAYS, NULL);
            if (i == 0) paced_await_done(&jobs[0]);
        }
        PASS_UNTIL(atomic_load(&jobs[COUNT - 1].done_count) != 0);
        scene_end(&s);
        for (int i = 0; i < COUNT; i++)
            CHECK_EQ(jobs[i].result.state,
                     i == 0 || i >= COUNT - 2 ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_DISCARDED);
    }
}

/* ---- waiting in a job, for one that is held back ---- */

typedef struct inner {
    start_log *starts;
    int way;
    int64_t lasts; /* so far it moves the clock before it waits */
    atomic_bool is_over;
} inner;

static int inner_job(void *arg, wpool_job *job) {
    inner *in = (inner *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_group group;
    const wpool_options member = {.group = &group};
    wpool_job child;
    wpool_id id;
    starts_add(in->starts);
    test_clock_advance(in->lasts);
    wpool_job_init(&child, start_job, in->starts);
    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
    if (in->way == OWNED) {
        CHECK_EQ(wpool_submit_job(pool, &child, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&child, WPOOL_FOREVER), WPOOL_OK);
    } else if (in->way == WITH_ID) {
        CHECK_EQ(wpool_submit(pool, start_job, in->starts, &id), WPOOL_OK);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    } else {
        CHECK_EQ(wpool_submit_with(pool, start_job, in->starts, &member, NULL), WPOOL_OK);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    atomic_store(&in->is_over, true);
    return 0;
}

/* A job that a worker runs since it waits for it starts at once; the next one is later for it. */
TEST(a_job_that_a_worker_waits_for_is_not_held_back) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++)
        for (int64_t lasts = 0; lasts <= 10 * STEP; lasts += 10 * STEP)
            EACH_POOL EACH_WAY {
                start_log starts = {.count = 0};
                inner in = {.starts = &starts, .way = way, .lasts = lasts};
                wpool_config config = rated(1, RATE, 1);
                scene s;
                config.help = (wpool_help)help;
                scene_begin(&s, is_inline, config);
                const int64_t begin = test_clock_now();
                CHECK_EQ(wpool_submit(s.pool, inner_job, &in, NULL), WPOOL_OK);
                if (help == WPOOL_HELP_ANY) PASS_UNTIL(atomic_load(&in.is_over));
                AWAIT(atomic_load(&in.is_over));
                CHECK_EQ(atomic_load(&starts.count), 2);
                CHECK_EQ(wpool_submit(s.pool, start_job, &starts, NULL), WPOOL_OK);
                PASS_UNTIL(atomic_load(&starts.count) == 3);
                scene_end(&s);
                if (help == WPOOL_HELP_NARROW) CHECK_EQ(starts.at[1], begin + lasts);
                CHECK_EQ(starts.at[2], lasts ? starts.at[1] + STEP : begin + 2 * STEP);
            }
}

/* Nor is one that its submitter runs. */
TEST(a_job_that_its_submitter_runs_is_not_held_back) {
    for (int is_held = 0; is_held < 2; is_held++) {
        hold h = HOLD_EMPTY;
        start_log starts = {.count = 0};
        wpool_config config = rated(1, RATE, 1);
        config.queue_capacity = 1;
        config.when_full = WPOOL_RUN;
        wpool *pool = scene_pool(false, config);
        const int64_t begin = test_clock_now();
        if (is_held) {
            hold_workers(&h, pool, 1);
            test_clock_advance(10 * STEP);
        } else {
            CHECK_EQ(wpool_submit(pool, start_job, &starts, NULL), WPOOL_OK);
            starts_await(&starts, 1);
        }
        CHECK_EQ(wpool_submit(pool, start_job, &starts, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, start_job, &starts, NULL), WPOOL_OK);
        CHECK_EQ(atomic_load(&starts.count), is_held ? 1 : 2);
        if (is_held) hold_release(&h, 1);
        PASS_UNTIL(atomic_load(&starts.count) == (is_held ? 2 : 3));
        CHECK_EQ(starts.at[is_held ? 1 : 2], begin + (is_held ? 11 * STEP : 2 * STEP));
        test_drain(pool);
        test_destroy(pool);
    }
}

TEST(a_waiting_worker_gives_up_while_the_job_is_held_back) {
    EACH_POOL {
        wpool_config config = rated(1, RATE, 1);
        scene s;
        config.results = true;
        scene_begin(&s, is_inline, config);
        paced first = {.error = 0}, second = {.error = 0};
        wpool_result result;
        paced_submit(s.pool, &first, WITH_ID, NULL);
        paced_await_done(&first);
        paced_submit(s.pool, &second, WITH_ID, NULL);
        CHECK_EQ(wpool_take(s.pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK_EQ(wpool_wait(s.pool, second.id, WPOOL_NOW, &result), WPOOL_TIMEOUT);
        CHECK_EQ(wpool_take(s.pool, WPOOL_NOW, &result), WPOOL_EMPTY);
        PASS_UNTIL(atomic_load(&second.done_count) != 0);
        CHECK_EQ(wpool_take(s.pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK(result.arg == &second);
        scene_end(&s);
    }
}

/* Submits one job, and takes results until there are no more. */
static int take_all_job(void *arg, wpool_job *job) {
    inner *in = (inner *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_result result;
    wpool_id id;
    starts_add(in->starts);
    CHECK_EQ(wpool_submit(pool, start_job, in->starts, &id), WPOOL_OK);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
    CHECK_EQ(result.id, id);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_DEADLOCK);
    atomic_store(&in->is_over, true);
    return 0;
}

/* What is held back may start later, and give a result: the last worker sleeps until then. */
TEST(the_last_worker_takes_what_is_held_back) {
    start_log starts = {.count = 0};
    inner in = {.starts = &starts};
    wpool_config config = rated(1, RATE, 1);
    config.results = true;
    wpool *pool = scene_pool(false, config);
    const int64_t begin = test_clock_now();
    CHECK_EQ(wpool_submit(pool, take_all_job, &in, NULL), WPOOL_OK);
    PASS_UNTIL(atomic_load(&in.is_over));
    CHECK_EQ(atomic_load(&starts.count), 2);
    CHECK_EQ(starts.at[1], begin + STEP);
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_OK);
    test_drain(pool);
    test_destroy(pool);
}

/* Loops and forked jobs are no jobs of the count: who calls them does not wait for the rate. */
static int add_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_add((atomic_uint *)arg, (unsigned)(end - begin));
    return 0;
}

static int fork_job(void *arg, wpool_job *job) {
    wpool_job child;
    wpool_fork(job, &child, count_job, arg);
    wpool_join(job, &child);
    CHECK_EQ(wpool_for(wpool_job_pool(job), 0, 1000, 10, add_body, arg), WPOOL_OK);
    return 0;
}

TEST(loops_and_forks_do_not_wait_for_the_rate) {
    EACH_POOL {
        start_log starts = {.count = 0};
        atomic_uint count = 0;
        scene s;
        scene_begin(&s, is_inline, rated(3, RATE, 1));
        submit_starts(s.pool, &starts, 3);
        starts_await(&starts, 1);
        CHECK_EQ(wpool_for(s.pool, 0, 1000, 10, add_body, &count), WPOOL_OK);
        CHECK_EQ(atomic_load(&count), 1000);
        starts_check_still(&starts, 1);
        PASS_UNTIL(atomic_load(&starts.count) == 3);
        CHECK_EQ(wpool_submit(s.pool, fork_job, &count, NULL), WPOOL_OK);
        PASS_UNTIL(atomic_load(&count) > 1000);
        AWAIT(atomic_load(&count) == 2001);
        scene_end(&s);
    }
}

/* ---- with a time of their own ---- */

TEST(what_is_due_is_held_back_too) {
    EACH_POOL EACH_WAY {
        const wpool_options options = {.delay = STEP / 2};
        paced jobs[3] = {{.error = 0}};
        scene s;
        scene_begin(&s, is_inline, rated(2, RATE, 1));
        for (unsigned i = 0; i < COUNT_OF(jobs); i++)
            paced_submit(s.pool, &jobs[i], way, &options);
        sleepers_pass(STEP / 2);
        for (unsigned i = 1; i <= COUNT_OF(jobs); i++) {
            AWAIT(pace_stats(s.pool).succeeded == i);
            if (i == COUNT_OF(jobs)) break;
            AWAIT(sleepers_first() - test_clock_now() >= STEP &&
                  sleepers_first() - test_clock_now() <= STEP + 1);
            test_clock_advance(STEP + 1);
        }
        scene_end(&s);
    }
}

/* Twice as fast as the rate: it runs as often as that allows. */
TEST(a_periodic_job_is_held_back) {
    EACH_POOL {
        const wpool_options options = {.period = STEP / 2};
        start_log starts = {.count = 0};
        scene s;
        scene_begin(&s, is_inline, rated(1, RATE, 1));
        CHECK_EQ(wpool_submit_with(s.pool, start_job, &starts, &options, NULL), WPOOL_OK);
        for (unsigned count = 1; count < 20; count++) {
            AWAIT(atomic_load(&starts.count) >= count);
            PASS_UNTIL(atomic_load(&starts.count) > count);
        }
        CHECK_EQ(wpool_stop(s.pool, WPOOL_GRACEFUL), WPOOL_OK);
        scene_end(&s);
        starts_check_windows(&starts, (wpool_rate){RATE, 1});
    }
}

/* ---- another rate ---- */

static void change_rate(wpool *pool, double per_second, unsigned burst) {
    wpool_config config;
    CHECK_EQ(wpool_get_config(pool, &config), WPOOL_OK);
    config.rate = (wpool_rate){.per_second = per_second, .burst = burst};
    CHECK(wpool_config_conflict(pool, &config) == NULL);
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    CHECK_EQ(wpool_get_config(pool, &config), WPOOL_OK);
    CHECK(config.rate.per_second == per_second);
}

TEST(a_faster_rate_holds_at_once) {
    EACH_POOL {
        start_log starts = {.count = 0};
        scene s;
        scene_begin(&s, is_inline, rated(2, 0.01, 1));
        submit_starts(s.pool, &starts, 5);
        starts_await(&starts, 1);
        AWAIT(sleepers_first() - test_clock_now() >= WPOOL_SECONDS(100));
        const int64_t begin = test_clock_now();
        change_rate(s.pool, RATE, 1);
        AWAIT(sleepers_first() - begin <= STEP + 1);
        PASS_UNTIL(atomic_load(&starts.count) == 5);
        CHECK(test_clock_now() - begin <= 4 * (STEP + 1));
        scene_end(&s);
    }
}

TEST(a_slower_rate_holds_at_once) {
    EACH_POOL {
        start_log starts = {.count = 0};
        scene s;
        scene_begin(&s, is_inline, rated(2, 1e6, 1));
        submit_starts(s.pool, &starts, 8);
        starts_await(&starts, 1);
        change_rate(s.pool, RATE, 1);
        const int64_t begin = test_clock_now();
        for (unsigned count = 1; count < 8; count++) {
            AWAIT(atomic_load(&starts.count) >= count);
            PASS_UNTIL(atomic_load(&starts.count) > count);
        }
        /* the next one may have been due by the old rate */
        CHECK(starts.at[7] - begin >= 6 * STEP);
        starts_check_windows(&starts, (wpool_rate){RATE, 2});
        scene_end(&s);
    }
}

TEST(without_a_rate_everything_starts) {
    EACH_POOL {
        start_log starts = {.count = 0};
        scene s;
        scene_begin(&s, is_inline, rated(2, RATE, 1));
        submit_starts(s.pool, &starts, 50);
        starts_await(&starts, 1);
        AWAIT(sleepers_first() != INT64_MAX);
        change_rate(s.pool, 0, 0);
        starts_await(&starts, 50);
        submit_starts(s.pool, &starts, 50);
        starts_await(&starts, 100);
        test_drain(s.pool);
        scene_end(&s);
    }
}

TEST(a_rate_may_come_later) {
    EACH_POOL {
        start_log starts = {.count = 0};
        scene s;
        scene_begin(&s, is_inline, (wpool_config){.workers = 2});
        submit_starts(s.pool, &starts, 50);
        starts_await(&starts, 50);
        test_drain(s.pool);
        change_rate(s.pool, RATE, 3);
        atomic_store(&starts.count, 0);
        submit_starts(s.pool, &starts, 10);
        pass_steps(&starts, 3, 10);
        test_drain(s.pool);
        starts_check_windows(&starts, (wpool_rate){RATE, 3});
        scene_end(&s);
    }
}

TEST(a_rate_that_makes_no_sense_is_refused) {
    const double rates[] = {-1, -0.001, (double)NAN, -(double)INFINITY};
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        wpool_config config = rated(1, rates[i], 1);
        wpool *pool;
        CHECK_EQ(wpool_create(&pool, &config), WPOOL_INVALID);
        pool = pool_of(1);
        CHECK_EQ(wpool_get_config(pool, &config), WPOOL_OK);
        config.rate.per_second = rates[i];
        CHECK_STR(wpool_config_conflict(pool, &config), "rate");
        CHECK_EQ(wpool_configure(pool, &config), WPOOL_INVALID);
        test_destroy(pool);
    }
}

/* The slowest there are, and the longest bursts: nothing overflows. */
TEST(a_rate_may_be_as_low_or_high_as_numbers_go) {
    static const wpool_rate rates[] = {{1e-300, 1},       {1e-9, 2}, {1e-12, UINT32_MAX},
                                       {1e300, 1},        {1e9, 1},  {1, UINT32_MAX},
                                       {1e9, UINT32_MAX}, {2e9, 3}};
    for (size_t i = 0; i < COUNT_OF(rates); i++)
        EACH_POOL {
            const unsigned burst = rates[i].burst < 5 ? rates[i].burst : 5;
            start_log starts = {.count = 0};
            scene s;
            scene_begin(&s, is_inline, rated(1, rates[i].per_second, rates[i].burst));
            submit_starts(s.pool, &starts, 5);
            if (rates[i].per_second < 1) {
                starts_await(&starts, burst);
                starts_check_still(&starts, burst);
                CHECK_EQ(wpool_stop(s.pool, WPOOL_GRACEFUL), WPOOL_OK);
            } else {
                PASS_UNTIL(atomic_load(&starts.count) == 5);
            }
            scene_end(&s);
        }
}

/* At the latest when it would be needed. */
TEST(a_rate_that_nobody_would_keep_is_refused) {
    atomic_uint count = 0;
    wpool_config config = rated(1, RATE, 1);
    wpool *pool;
    threads_deny(2, 2); /* after the worker */
    if (wpool_create(&pool, &config) == WPOOL_NO_THREAD) return;
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_NO_THREAD);
    test_destroy(pool);
}
