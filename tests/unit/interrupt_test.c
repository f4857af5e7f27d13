/* config.interrupt_signal: a job that is told to end leaves the system call that it is blocked in;
   nobody else does. */
#include "few_threads.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include "ways.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { ROUNDS = 100 };
#else
enum { ROUNDS = 500 };
#endif

static wpool *interrupted_pool(unsigned workers, wpool_group *group) {
    return pool_from(
        (wpool_config){.workers = workers, .group = group, .interrupt_signal = SIGUSR1});
}

/* ---- the program's own handler counts the signals of each thread ---- */

static _Thread_local volatile sig_atomic_t signals_here;
static atomic_uint signals_anywhere;

static void count_signal(int number) {
    CHECK_EQ(number, SIGUSR1);
    signals_here++;
    atomic_fetch_add(&signals_anywhere, 1);
}

static void count_signals(void) {
    struct sigaction action = {.sa_handler = count_signal};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
}

static bool is_handled_by(void (*handler)(int)) {
    struct sigaction action;
    CHECK_EQ(sigaction(SIGUSR1, NULL, &action), 0);
    return action.sa_handler == handler;
}

/* ---- system calls that nothing ends but a signal ---- */

static void block_in_read(void) {
    int ends[2];
    char c;
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(read(ends[0], &c, 1), -1);
    CHECK_EQ(errno, EINTR);
    close(ends[0]);
    close(ends[1]);
}

static void block_in_nanosleep(void) {
    const struct timespec long_time = {.tv_sec = 1000000};
    CHECK_EQ(nanosleep(&long_time, NULL), -1);
    CHECK_EQ(errno, EINTR);
}

static void block_in_poll(void) {
    CHECK_EQ(poll(NULL, 0, -1), -1);
    CHECK_EQ(errno, EINTR);
}

typedef void (*block_call)(void);
static const block_call block_calls[] = {block_in_read, block_in_nanosleep, block_in_poll};

/* A job that blocks, perhaps only when a signal has come already. */
typedef struct blocker {
    block_call block;
    bool is_late;
    gate here;
    atomic_int system_id;
    wpool_id id;
    wpool_job job;
} blocker;

static int block_job(void *arg, wpool_job *job) {
    blocker *b = (blocker *)arg;
    const sig_atomic_t before = signals_here;
    atomic_store(&b->system_id, (int)syscall(SYS_gettid));
    gate_count_up(&b->here);
    while (b->is_late && (!wpool_cancelled(job) || signals_here == before))
        sched_yield();
    b->block();
    CHECK(wpool_cancelled(job));
    return 4;
}

/* Until it is blocked, most likely. */
static void blocker_await(blocker *b) {
    helper it = {.system_id = 0};
    gate_await_count(&b->here, 1);
    atomic_store(&it.system_id, atomic_load(&b->system_id));
    if (!b->is_late) helper_await_sleep(&it);
}

/* ---- all ways to be told ---- */

typedef struct telling {
    wpool *pool;
    wpool_group *group;
    blocker *blocker;
} telling;

static void tell_by_cancel(telling *t) {
    CHECK_EQ(wpool_cancel(t->pool, t->blocker->id, WPOOL_HOT), WPOOL_CANCELLED);
}

static void tell_by_stop(telling *t) { CHECK_EQ(wpool_stop(t->pool, WPOOL_HOT), WPOOL_OK); }

static void tell_by_shutdown(telling *t) {
    const wpool_status status = wpool_shutdown(t->pool, WPOOL_HOT, WPOOL_NOW);
    CHECK(status == WPOOL_TIMEOUT || status == WPOOL_OK);
}

static void tell_by_worker_stop(telling *t) {
    wpool_worker_info infos[2];
    CHECK_EQ(wpool_workers(t->pool, infos, 2), 2);
    const bool is_second = infos[1].activity == WPOOL_BUSY;
    CHECK_EQ(infos[!is_second].activity, WPOOL_AVAILABLE);
    CHECK_EQ(wpool_worker_stop(t->pool, infos[is_second].worker, WPOOL_HOT, NULL), WPOOL_OK);
}

static void tell_by_group(telling *t) { CHECK_EQ(wpool_group_cancel(t->group), WPOOL_OK); }

static void tell_by_group_deadline(telling *t) {
    CHECK_EQ(wpool_group_deadline(t->group, WPOOL_MS(1)), WPOOL_OK);
}

/* The group is the job's or the pool's. */
static const struct means {
    void (*tell)(telling *);
    unsigned workers;
    bool needs_id, is_job_in_group, is_pool_in_group;
} means[] = {{tell_by_cancel, 1, true, false, false},
             {tell_by_stop, 1, false, false, false},
             {tell_by_shutdown, 1, false, false, false},
             {tell_by_worker_stop, 2, false, false, false},
             {tell_by_group, 1, false, true, false},
             {tell_by_group, 1, false, false, true},
             {tell_by_group_deadline, 1, false, true, false},
             {tell_by_group_deadline, 1, false, false, true}};

static void check_told(const struct means *m, int way, block_call block, bool is_late) {
    blocker b = {.block = block, .is_late = is_late, .here = GATE_CLOSED};
    wpool_group group;
    const wpool_options options = {.group = m->is_job_in_group ? &group : NULL};
    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
    telling t = {interrupted_pool(m->workers, m->is_pool_in_group ? &group : NULL), &group, &b};
    CHECK_EQ(way_submit(t.pool, way, block_job, &b, &options, &b.job, &b.id), WPOOL_OK);
    blocker_await(&b);
    m->tell(&t);
    test_drain(t.pool);
    CHECK_EQ(test_stats(t.pool).cancelled, 1);
    test_destroy(t.pool);
}

TEST(a_blocked_job_that_is_told_goes_on) {
    for (size_t i = 0; i < COUNT_OF(means); i++)
        for (int way = 0; way < WAYS; way++)
            for (size_t j = 0; j < COUNT_OF(block_calls) && (way == WITH_ID || !means[i].needs_id);
                 j++)
                check_told(&means[i], way, block_calls[j], false);
}

/* The first signal comes before the call, and does not end it. */
TEST(the_signal_is_sent_again_until_the_job_ends) {
    count_signals();
    for (size_t i = 0; i < COUNT_OF(means); i++)
        for (int way = 0; way < WAYS; way++)
            for (size_t j = 0; j < COUNT_OF(block_calls) && (way == WITH_ID || !means[i].needs_id);
                 j++)
                check_told(&means[i], way, block_calls[j], true);
}

TEST(a_blocked_job_goes_on_when_it_is_due) {
    for (int way = 0; way < WAYS; way++)
        for (size_t i = 0; i < COUNT_OF(block_calls); i++) {
            wpool *pool = interrupted_pool(1, NULL);
            int64_t due = WPOOL_MS(5);
            while (test_stats(pool).cancelled == 0) { /* or it has not started, on a busy machine */
                blocker b = {.block = block_calls[i], .here = GATE_CLOSED};
                const wpool_options options = {.deadline = due};
                CHECK_EQ(way_submit(pool, way, block_job, &b, &options, &b.job, &b.id), WPOOL_OK);
                test_drain(pool);
                due *= 2;
            }
            test_destroy(pool);
        }
}

static int block_many_times(void *arg, wpool_job *job) {
    blocker *b = (blocker *)arg;
    gate_count_up(&b->here);
    for (int i = 0; i < 5; i++)
        b->block();
    CHECK(wpool_cancelled(job));
    return 0;
}

TEST(a_told_job_is_interrupted_as_often_as_it_blocks) {
    for (size_t i = 0; i < COUNT_OF(block_calls); i++) {
        blocker b = {.block = block_calls[i], .here = GATE_CLOSED};
        wpool *pool = interrupted_pool(1, NULL);
        CHECK_EQ(wpool_submit(pool, block_many_times, &b, &b.id), WPOOL_OK);
        gate_await_count(&b.here, 1);
        CHECK_EQ(wpool_cancel(pool, b.id, WPOOL_HOT), WPOOL_CANCELLED);
        test_drain(pool);
        test_destroy(pool);
    }
}

/* Whenever the signal comes: the call that it would interrupt may just be about to begin. */
TEST(no_signal_is_lost) {
    wpool *pool = interrupted_pool(1, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        blocker b = {.block = block_calls[i % 3], .here = GATE_CLOSED};
        CHECK_EQ(wpool_submit(pool, block_job, &b, &b.id), WPOOL_OK);
        gate_await_count(&b.here, 1);
        CHECK_EQ(wpool_cancel(pool, b.id, WPOOL_HOT), WPOOL_CANCELLED);
        CHECK_EQ(wpool_wait(pool, b.id, WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    CHECK_EQ(test_stats(pool).cancelled, ROUNDS);
    test_destroy(pool);
}

/* ---- parts of a told job, and what it waits for ---- */

typedef struct parts {
    gate here;
    block_call block;
} parts;

static int block_part(void *arg, wpool_job *job) {
    parts *p = (parts *)arg;
    gate_count_up(&p->here);
    p->block();
    CHECK(wpool_cancelled(job));
    return 0;
}

static int block_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    CHECK_EQ(end - begin, 1);
    return block_part(arg, job);
}

static int loop_job(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_for(wpool_job_pool(job), 0, 2, 1, block_body, arg), WPOOL_CANCELLED);
    return 0;
}

static int fork_job(void *arg, wpool_job *job) {
    parts *p = (parts *)arg;
    wpool_job child;
    wpool_fork(job, &child, block_part, p);
    gate_await_count(&p->here, 1); /* another worker has it */
    block_part(p, job);
    wpool_join(job, &child);
    return 0;
}

TEST(parts_of_a_told_job_on_other_workers_go_on) {
    static const wpool_fn fns[] = {loop_job, fork_job};
    for (size_t i = 0; i < COUNT_OF(fns); i++)
        for (size_t j = 0; j < COUNT_OF(block_calls); j++) {
            parts p = {.here = GATE_CLOSED, .block = block_calls[j]};
            wpool_id id;
            wpool *pool = interrupted_pool(2, NULL);
            CHECK_EQ(wpool_submit(pool, fns[i], &p, &id), WPOOL_OK);
            gate_await_count(&p.here, 2);
            CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
            test_drain(pool);
            test_destroy(pool);
        }
}

typedef struct waiting {
    wpool_group group;
    hold hold;
    gate here;
} waiting;

static int wait_job(void *arg, wpool_job *job) {
    waiting *w = (waiting *)arg;
    const wpool_options options = {.group = &w->group};
    wpool_id id;
    CHECK_EQ(wpool_submit_with(wpool_job_pool(job), hold_job, &w->hold, &options, &id), WPOOL_OK);
    gate_await_count(&w->hold.running, 1); /* another worker has it */
    gate_count_up(&w->here);
    CHECK_EQ(wpool_group_wait(&w->group, WPOOL_SECONDS(1000), NULL), WPOOL_OK);
    CHECK_EQ(wpool_wait(wpool_job_pool(job), id, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK(wpool_cancelled(job));
    return 0;
}

/* A signal does not end what the library waits for. */
TEST(a_told_job_goes_on_waiting_for_others) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_NONE; help++) {
        waiting w = {.hold = HOLD_EMPTY, .here = GATE_CLOSED};
        wpool_id id;
        wpool *pool = pool_from(
            (wpool_config){.workers = 2, .help = (wpool_help)help, .interrupt_signal = SIGUSR1});
        count_signals();
        hold_init(&w.hold);
        CHECK_EQ(wpool_group_init(&w.group, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, wait_job, &w, &id), WPOOL_OK);
        gate_await_count(&w.here, 1);
        CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
        for (int i = 0; i < 10; i++)
            test_let_others_run();
        CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_RUNNING);
        hold_release(&w.hold, 1);
        test_destroy(pool);
    }
}

/* ---- who is not told is not interrupted ---- */

/* A job that reads what the test writes at some time; a signal would end its call. */
typedef struct reader {
    gate here;
    int ends[2];
    wpool_id id;
    wpool_job job;
} reader;

static void reader_begin(reader *r) {
    r->here = (gate)GATE_CLOSED;
    CHECK_EQ(pipe(r->ends), 0);
}

static int read_job(void *arg, wpool_job *job) {
    reader *r = (reader *)arg;
    const sig_atomic_t before = signals_here;
    char c;
    gate_count_up(&r->here);
    CHECK_EQ(read(r->ends[0], &c, 1), 1);
    CHECK_EQ(signals_here, before);
    CHECK(!wpool_cancelled(job));
    return 0;
}

static void reader_submit(wpool *pool, reader *r, int way) {
    CHECK_EQ(way_submit(pool, way, read_job, r, NULL, &r->job, &r->id), WPOOL_OK);
}

static void reader_end(reader *r) { CHECK_EQ(write(r->ends[1], "x", 1), 1); }

static void reader_close(reader *r) {
    close(r->ends[0]);
    close(r->ends[1]);
}

/* It comes to its turn, in its own time, and all has ended. */
static void reader_finish(reader *r, wpool *pool) {
    gate_await_count(&r->here, 1);
    test_let_others_run();
    reader_end(r);
    test_drain(pool);
    reader_close(r);
}

TEST(a_job_on_another_worker_is_not_interrupted) {
    count_signals();
    for (int way = 0; way < WAYS; way++) {
        reader r;
        wpool *pool = interrupted_pool(2, NULL);
        reader_begin(&r);
        reader_submit(pool, &r, way);
        gate_await_count(&r.here, 1);
        for (int i = 0; i < ROUNDS / 10; i++) {
            blocker b = {.block = block_calls[i % 3], .is_late = i % 2, .here = GATE_CLOSED};
            CHECK_EQ(wpool_submit(pool, block_job, &b, &b.id), WPOOL_OK);
            gate_await_count(&b.here, 1);
            CHECK_EQ(wpool_cancel(pool, b.id, WPOOL_HOT), WPOOL_CANCELLED);
            CHECK_EQ(wpool_wait(pool, b.id, WPOOL_FOREVER, NULL), WPOOL_OK);
        }
        CHECK_EQ(test_stats(pool).running, 1);
        reader_end(&r);
        test_destroy(pool);
        reader_close(&r);
    }
}

/* Longer than it ever takes until the next signal. */
static void let_signals_come(void) {
    const int64_t until = test_now_ns() + WPOOL_MS(100);
    while (test_now_ns() < until)
        sched_yield();
}

static int cancel_self_and_wait(void *arg, wpool_job *job) {
    (void)arg;
    CHECK_EQ(wpool_cancel(wpool_job_pool(job), wpool_job_id(job), WPOOL_HOT), WPOOL_CANCELLED);
    let_signals_come();
    return 0;
}

/* The thread is not the pool's: it may have to do with the signal for other reasons. */
TEST(who_runs_jobs_without_being_a_worker_is_not_interrupted) {
    count_signals();
    wpool_id id;
    wpool *pool =
        test_pool(&(wpool_config){.max_workers = WPOOL_INLINE, .interrupt_signal = SIGUSR1});
    CHECK_EQ(wpool_submit(pool, cancel_self_and_wait, NULL, &id), WPOOL_OK);
    test_drain(pool);
    test_destroy(pool);
    hold h = HOLD_EMPTY;
    pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 1, .when_full = WPOOL_RUN, .interrupt_signal = SIGUSR1});
    hold_workers(&h, pool, 1);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, cancel_self_and_wait, NULL, &id), WPOOL_OK); /* here */
    hold_release(&h, 2);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&signals_anywhere), 0);
}

static int end_when_told(void *arg, wpool_job *job) {
    gate_count_up((gate *)arg);
    while (!wpool_cancelled(job))
        continue; /* no call: it ends at once, with a signal on its way */
    return 0;
}

/* A reader comes after a job of this function, which is told to end. */
static void check_next_is_not_interrupted(wpool_fn fn, int rounds) {
    count_signals();
    wpool *pool = interrupted_pool(1, NULL);
    for (int i = 0; i < rounds; i++) {
        gate here = GATE_CLOSED;
        reader r;
        wpool_id id;
        reader_begin(&r);
        CHECK_EQ(wpool_submit(pool, fn, &here, &id), WPOOL_OK);
        reader_submit(pool, &r, i % WAYS);
        gate_await_count(&here, 1);
        CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
        reader_finish(&r, pool);
    }
    test_destroy(pool);
}

TEST(the_next_job_on_the_worker_is_not_interrupted) {
    check_next_is_not_interrupted(end_when_told, ROUNDS);
}

/* Inside of a job that was told, after one that was told, and beside. */
static int wait_for_told_one(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    reader *r = (reader *)arg;
    wpool_group group;
    const wpool_options options = {.group = &group};
    const sig_atomic_t before = signals_here;
    gate here = GATE_CLOSED;
    gate_open(&here);
    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
    CHECK_EQ(wpool_group_deadline(&group, WPOOL_MS(1)), WPOOL_OK);
    const wpool_status status = wpool_submit_with(pool, end_when_told, &here, &options, NULL);
    CHECK(status == WPOOL_OK || status == WPOOL_CANCELLED);
    CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK); /* it runs here, inside */
    const sig_atomic_t after = signals_here;
    CHECK(after >= before);
    read_job(r, job);
    CHECK_EQ(signals_here, after);
    return 0;
}

TEST(the_job_around_a_told_one_is_not_interrupted) {
    count_signals();
    wpool *pool = interrupted_pool(1, NULL);
    for (int i = 0; i < ROUNDS / 10; i++) {
        reader r;
        reader_begin(&r);
        CHECK_EQ(wpool_submit(pool, wait_for_told_one, &r, NULL), WPOOL_OK);
        reader_finish(&r, pool);
    }
    test_destroy(pool);
}

typedef struct around {
    reader reader;
    block_call block;
    bool is_plain;
} around;

static int run_reader_and_block(void *arg, wpool_job *job) {
    around *a = (around *)arg;
    wpool *pool = wpool_job_pool(job);
    if (a->is_plain) {
        wpool_group group;
        const wpool_options options = {.group = &group};
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit_with(pool, read_job, &a->reader, &options, NULL), WPOOL_OK);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
    } else {
        reader_submit(pool, &a->reader, OWNED);
        CHECK_EQ(wpool_job_wait(&a->reader.job, WPOOL_FOREVER), WPOOL_OK);
    }
    CHECK(wpool_cancelled(job));
    a->block();
    return 0;
}

/* What runs inside of it is left in peace; then it is its own turn. */
TEST(a_job_that_is_told_while_it_waits_is_interrupted_later) {
    count_signals();
    for (int is_plain = 0; is_plain < 2; is_plain++)
        for (size_t i = 0; i < COUNT_OF(block_calls); i++) {
            around a = {.block = block_calls[i], .is_plain = is_plain};
            wpool_id id;
            wpool *pool = interrupted_pool(1, NULL);
            reader_begin(&a.reader);
            CHECK_EQ(wpool_submit(pool, run_reader_and_block, &a, &id), WPOOL_OK);
            gate_await_count(&a.reader.here, 1);
            CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
            test_let_others_run();
            reader_end(&a.reader);
            test_drain(pool);
            test_destroy(pool);
            reader_close(&a.reader);
        }
}

static int block_when_told(void *arg, wpool_job *job) {
    end_when_told(arg, job);
    block_in_nanosleep();
    return 0;
}

TEST(an_idle_worker_is_not_interrupted) {
    count_signals();
    for (int has_id = 0; has_id < 2; has_id++) {
        gate here = GATE_CLOSED;
        wpool_id id;
        wpool *pool = interrupted_pool(1, NULL);
        CHECK_EQ(wpool_submit(pool, block_when_told, &here, has_id ? &id : NULL), WPOOL_OK);
        gate_await_count(&here, 1);
        CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
        test_drain(pool);
        test_await_idle(pool);
        const unsigned count = atomic_load(&signals_anywhere);
        CHECK(count > 0);
        let_signals_come();
        CHECK_EQ(atomic_load(&signals_anywhere), count);
        test_destroy(pool);
    }
}

TEST(a_graceful_cancel_interrupts_nobody) {
    count_signals();
    reader r;
    wpool *pool = interrupted_pool(1, NULL);
    reader_begin(&r);
    CHECK_EQ(wpool_submit(pool, read_job, &r, &r.id), WPOOL_OK);
    gate_await_count(&r.here, 1);
    CHECK_EQ(wpool_cancel(pool, r.id, WPOOL_GRACEFUL), WPOOL_RUNNING);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    test_let_others_run();
    reader_end(&r);
    test_drain(pool);
    test_destroy(pool);
    reader_close(&r);
    CHECK_EQ(signals_here, 0); /* nor the thread that cancels */
}

/* ---- the handler ---- */

TEST(a_handler_is_installed_when_there_is_none) {
    CHECK(is_handled_by(SIG_DFL));
    wpool *pool = interrupted_pool(1, NULL);
    CHECK(!is_handled_by(SIG_DFL));
    test_destroy(pool);
}

TEST(a_handler_of_the_program_stays) {
    count_signals();
    wpool *pools[2] = {interrupted_pool(1, NULL), interrupted_pool(1, NULL)};
    CHECK(is_handled_by(count_signal));
    blocker b = {.block = block_in_poll, .here = GATE_CLOSED};
    CHECK_EQ(wpool_submit(pools[0], block_job, &b, &b.id), WPOOL_OK);
    blocker_await(&b);
    CHECK_EQ(wpool_cancel(pools[0], b.id, WPOOL_HOT), WPOOL_CANCELLED);
    for (int i = 0; i < 2; i++)
        test_destroy(pools[i]);
    CHECK(is_handled_by(count_signal));
}

TEST(nothing_is_installed_without_the_signal) {
    gate here = GATE_CLOSED;
    wpool_id id;
    wpool *pool = pool_of(1);
    CHECK(is_handled_by(SIG_DFL));
    CHECK_EQ(wpool_submit(pool, end_when_told, &here, &id), WPOOL_OK);
    gate_await_count(&here, 1);
    CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
    test_destroy(pool);
    CHECK(is_handled_by(SIG_DFL));
}

TEST(two_pools_have_two_signals) {
    static const int numbers[] = {SIGUSR1, SIGUSR2};
    wpool *pools[2];
    blocker blockers[2] = {{.block = block_in_poll, .here = GATE_CLOSED},
                           {.block = block_in_nanosleep, .here = GATE_CLOSED}};
    for (int i = 0; i < 2; i++) {
        pools[i] = pool_from((wpool_config){.workers = 1, .interrupt_signal = numbers[i]});
        CHECK_EQ(wpool_submit(pools[i], block_job, &blockers[i], &blockers[i].id), WPOOL_OK);
        blocker_await(&blockers[i]);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(wpool_cancel(pools[i], blockers[i].id, WPOOL_HOT), WPOOL_CANCELLED);
        test_drain(pools[i]);
        test_destroy(pools[i]);
    }
}

TEST(what_is_no_signal_is_invalid) {
    static const int numbers[] = {-1, INT_MIN, SIGKILL, SIGSTOP, 65, 1000, INT_MAX};
    const surroundings before = surroundings_now();
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        wpool_config config = {.workers = 1, .interrupt_signal = numbers[i]};
        wpool *pool = (wpool *)&config;
        CHECK_EQ(wpool_create(&pool, &config), WPOOL_INVALID);
        CHECK(pool == NULL);
    }
    surroundings_check(before);
}

/* A worker, and who keeps the time and sends the signals. */
TEST(a_pool_without_a_thread_to_send_the_signal_is_not_made) {
    const surroundings before = surroundings_now();
    for (unsigned denied = 1; denied <= 2; denied++) {
        const wpool_config config = {.workers = 1, .interrupt_signal = SIGUSR1};
        wpool *pool = NULL;
        threads_deny(denied, denied);
        CHECK_EQ(wpool_create(&pool, &config), WPOOL_NO_THREAD);
        CHECK(pool == NULL);
        CHECK(is_handled_by(SIG_DFL));
    }
    surroundings_check(before);
}

/* ---- jobs that leave their thread, and the end ---- */

static int leave_when_told(void *arg, wpool_job *job) {
    end_when_told(arg, job);
    pthread_exit(NULL);
}

TEST(who_leaves_its_thread_is_interrupted_no_more) {
    check_next_is_not_interrupted(leave_when_told, ROUNDS / 10);
}

/* A job that leaves its thread inside of another one, which is told when the first is gone. */
typedef struct nested {
    wpool *pool;
    wpool_id outer;
    wpool_job inner;
} nested;

static int leave_job(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    pthread_exit(NULL);
}

static void free_and_cancel(void *arg, const wpool_result *result) {
    nested *n = (nested *)arg;
    wpool *pool = n->pool;
    const wpool_id outer = n->outer;
    CHECK_EQ(result->state, WPOOL_STATE_FAILED);
    memset((void *)&n->inner, 0xA5, sizeof n->inner);
    free(n);
    wpool_cancel(pool, outer, WPOOL_HOT);
}

static int run_leave_job(void *arg, wpool_job *job) {
    nested *n = (nested *)malloc(sizeof *n);
    const wpool_options options = {.group = (wpool_group *)arg, .on_done = free_and_cancel};
    CHECK(n != NULL);
    n->pool = wpool_job_pool(job);
    n->outer = wpool_job_id(job);
    wpool_job_init(&n->inner, leave_job, n);
    CHECK_EQ(wpool_submit_job(n->pool, &n->inner, &options), WPOOL_OK);
    wpool_group_wait((wpool_group *)arg, WPOOL_FOREVER, NULL); /* it runs here, and leaves */
    CHECK(false);
    return 0;
}

TEST(who_leaves_its_thread_inside_of_another_job_is_looked_at_no_more) {
    for (int i = 0; i < ROUNDS / 10; i++) {
        wpool_group group;
        wpool_id id;
        wpool *pool = interrupted_pool(1, NULL);
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, run_leave_job, &group, &id), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_FAILED);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_NOW, NULL), WPOOL_OK);
        test_destroy(pool);
    }
}

TEST(a_pool_with_a_signal_leaves_nothing_behind) {
    const surroundings before = surroundings_now();
    for (int i = 0; i < 20; i++) {
        blocker b = {.block = block_calls[i % 3], .here = GATE_CLOSED};
        memory used = {0};
        const wpool_allocator allocator = memory_allocator(&used);
        wpool *pool = pool_from(
            (wpool_config){.workers = 2, .interrupt_signal = SIGUSR1, .allocator = &allocator});
        CHECK_EQ(wpool_submit(pool, block_job, &b, &b.id), WPOOL_OK);
        gate_await_count(&b.here, 1);
        CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
        test_destroy(pool);
        memory_check_empty(&used);
    }
    surroundings_check(before);
}
