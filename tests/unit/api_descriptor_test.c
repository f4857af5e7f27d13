/* wpool_results_fd: results for who waits with poll, epoll or select. Also built with
   WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { RESULTS = 50000 };
#else
enum { RESULTS = 1000000 };
#endif

static wpool *results_pool(unsigned workers) {
    return pool_from((wpool_config){.workers = workers, .results = true});
}

static wpool *paused_pool(unsigned workers) {
    return pool_from((wpool_config){.workers = workers, .results = true, .start_paused = true});
}

static int descriptor_of(wpool *pool) {
    int descriptor = wpool_results_fd(pool);
    CHECK(descriptor >= 0);
    return descriptor;
}

static bool poll_for(int descriptor, int timeout) {
    struct pollfd waiting = {.fd = descriptor, .events = POLLIN};
    int count;
    do {
        count = poll(&waiting, 1, timeout);
    } while (count < 0 && errno == EINTR);
    CHECK(count == 0 || (count == 1 && waiting.revents == POLLIN));
    return count == 1;
}

static bool is_readable(wpool *pool) { return poll_for(descriptor_of(pool), 0); }

static void check_take(wpool *pool, wpool_status expected) {
    CHECK_EQ(wpool_take(pool, WPOOL_NOW, NULL), expected);
}

static void check_unreadable(wpool *pool) {
    for (int i = 0; i < 1000; i++)
        CHECK(!is_readable(pool));
}

/* Nothing there: whoever asks is told so once at most, and then sleeps. */
static void check_quiet(wpool *pool) {
    descriptor_of(pool); /* a new one is readable */
    check_take(pool, WPOOL_EMPTY);
    check_unreadable(pool);
}

/* Nothing will come any more, and whoever polls is told so at any time. */
static void check_end(wpool *pool, wpool_status end) {
    for (int i = 0; i < 10; i++) {
        CHECK(is_readable(pool));
        check_take(pool, end);
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), end);
    }
    CHECK(is_readable(pool));
}

/* So many results, each announced, and then none. */
static void check_results(wpool *pool, int count) {
    for (int i = 0; i < count; i++) {
        CHECK(is_readable(pool));
        check_take(pool, WPOOL_OK);
    }
    check_quiet(pool);
}

static int nothing_job(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    return 0;
}

static void submit_nothing(wpool *pool, int count) {
    for (int i = 0; i < count; i++)
        CHECK_EQ(wpool_submit(pool, nothing_job, NULL, NULL), WPOOL_OK);
}

/* ---- when it is readable ---- */

TEST(it_is_readable_until_the_last_result_is_taken) {
    wpool *pool = results_pool(2);
    check_quiet(pool);
    for (int count = 1; count <= 5; count++) {
        submit_nothing(pool, count);
        test_drain(pool);
        check_results(pool, count);
    }
    test_destroy(pool);
}

TEST(what_finished_before_it_was_asked_for_makes_it_readable) {
    wpool *pool = results_pool(2);
    submit_nothing(pool, 3);
    test_drain(pool);
    check_results(pool, 3);
    test_destroy(pool);
}

TEST(it_is_not_readable_while_jobs_wait_or_run) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    wpool *pool = results_pool(2);
    hold_workers(&h, pool, 2);
    submit_nothing(pool, 1);
    check_quiet(pool);
    hold_release(&h, 2);
    test_drain(pool);
    check_results(pool, 3);
    test_destroy(pool);
}

TEST(what_is_not_for_readers_does_not_make_it_readable) {
    wpool_job job;
    wpool_id forgotten;
    wpool *pool = paused_pool(2);
    check_quiet(pool);
    wpool_job_init(&job, nothing_job, NULL);
    CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, nothing_job, NULL, &forgotten), WPOOL_OK);
    CHECK_EQ(wpool_forget(pool, forgotten), WPOOL_OK);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    check_unreadable(pool);
    check_take(pool, WPOOL_EMPTY);
    test_destroy(pool);
}

TEST(a_result_that_was_waited_for_leaves_it_readable_at_most_once) {
    wpool_id id;
    wpool *pool = results_pool(1);
    check_quiet(pool);
    CHECK_EQ(wpool_submit(pool, nothing_job, NULL, &id), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, NULL), WPOOL_OK);
    check_quiet(pool);
    test_destroy(pool);
}

/* Its token comes after the result, and is taken with it. */
TEST(a_single_result_wakes_exactly_once) {
    NEEDS_WORKERS();
    wpool *pool = results_pool(1);
    int descriptor = descriptor_of(pool);
    check_quiet(pool);
    for (int i = 0; i < 2000; i++) {
        submit_nothing(pool, 1);
        CHECK(poll_for(descriptor, -1));
        check_take(pool, WPOOL_OK);
        check_take(pool, WPOOL_EMPTY);
        CHECK(!poll_for(descriptor, 0));
    }
    test_destroy(pool);
}

/* At the end of every other pair of rounds: one token may be left, and one for each of the two
   results may still be on its way. */
static void check_calms_down(wpool *pool) {
    for (int in_vain = 0; is_readable(pool); in_vain++) {
        check_take(pool, WPOOL_EMPTY);
        CHECK(in_vain < 3);
    }
}

/* Two jobs end while the reader looks, which polls after each result or only after WPOOL_EMPTY. */
TEST(what_finishes_while_a_reader_looks_is_announced) {
    NEEDS_WORKERS();
    wpool *pool = results_pool(2);
    int descriptor = descriptor_of(pool);
    atomic_uint count = 0;
    for (unsigned round = 0; round < RESULTS / 25; round++) {
        count_submit(pool, &count, 2);
        while (atomic_load(&count) == 2 * round)
            sched_yield();
        for (int left = 2; left > 0;) {
            wpool_status status = wpool_take(pool, WPOOL_NOW, NULL);
            CHECK(status == WPOOL_OK || status == WPOOL_EMPTY);
            if (status == WPOOL_OK) left--;
            if (left > 0 && (status == WPOOL_EMPTY || round % 2)) CHECK(poll_for(descriptor, -1));
        }
        if (round % 4 < 2) check_calms_down(pool);
    }
    test_destroy(pool);
}

/* ---- a million results, and none is lost ---- */

typedef void wait_function(int descriptor);

static void wait_with_poll(int descriptor) { CHECK(poll_for(descriptor, -1)); }

typedef struct traffic {
    wpool *pool;
    wait_function *wait;
    unsigned count;
    atomic_uint taken, futile;  /* results, and wake-ups without one */
    atomic_uchar seen[RESULTS]; /* how often the i-th was delivered */
} traffic;

static void traffic_note(traffic *t, const wpool_result *result) {
    atomic_uchar *seen = (atomic_uchar *)result->arg;
    CHECK(seen >= t->seen && seen < t->seen + t->count);
    CHECK_EQ(result->state, WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(atomic_fetch_add(seen, 1), 0);
    atomic_fetch_add(&t->taken, 1);
}

static void poll_to_the_end(void *arg) {
    traffic *t = (traffic *)arg;
    int descriptor = descriptor_of(t->pool);
    wpool_status status = WPOOL_EMPTY;
    while (status == WPOOL_EMPTY) {
        wpool_result result;
        bool is_futile = true;
        t->wait(descriptor);
        while ((status = wpool_take(t->pool, WPOOL_NOW, &result)) == WPOOL_OK) {
            traffic_note(t, &result);
            is_futile = false;
        }
        if (is_futile && status == WPOOL_EMPTY) atomic_fetch_add(&t->futile, 1);
    }
    CHECK_EQ(status, WPOOL_DONE);
}

static void block_to_the_end(void *arg) {
    traffic *t = (traffic *)arg;
    wpool_result result;
    wpool_status status;
    while ((status = wpool_take(t->pool, WPOOL_FOREVER, &result)) == WPOOL_OK)
        traffic_note(t, &result);
    CHECK_EQ(status, WPOOL_DONE);
}

enum { WORKERS = 2, RESTS = 10 };

/* No busy loop: once so many results have been taken, all who poll sleep. Each token wakes each of
   them in vain once at most: one that is there, and one that each worker may be about to put there;
   and one such wake-up may not have been counted yet. */
static void check_rest(traffic *t, unsigned taken, helper *pollers, unsigned count) {
    test_drain(t->pool);
    while (atomic_load(&t->taken) < taken)
        sched_yield();
    const unsigned before = atomic_load(&t->futile);
    for (unsigned seen = 0; seen < 3;) {
        unsigned sleeping = 0;
        for (unsigned i = 0; i < count; i++)
            sleeping += helper_sleeps(&pollers[i]);
        seen = sleeping == count ? seen + 1 : 0;
        CHECK(atomic_load(&t->futile) - before <= count * (WORKERS + 2));
        sched_yield();
    }
}

static void check_traffic(const traffic *t) {
    CHECK_EQ(t->taken, t->count);
    for (unsigned i = 0; i < t->count; i++)
        CHECK_EQ(t->seen[i], 1);
    printf("%u results, %u wake-ups in vain\n", t->count, t->futile);
}

static void run_traffic(unsigned count, wait_function *wait, unsigned pollers, unsigned blockers) {
    static traffic t;
    helper readers[2];
    memset(&t, 0, sizeof t);
    t.count = count;
    t.wait = wait;
    t.pool = results_pool(WORKERS);
    for (unsigned i = 0; i < pollers + blockers; i++)
        helper_start(&readers[i], i < pollers ? poll_to_the_end : block_to_the_end, &t);
    for (unsigned i = 0; i < count; i++) {
        if (i % (count / RESTS) == 0) check_rest(&t, i, readers, pollers);
        CHECK_EQ(wpool_submit(t.pool, nothing_job, &t.seen[i], NULL), WPOOL_OK);
    }
    check_rest(&t, count, readers, pollers);
    CHECK_EQ(wpool_shutdown(t.pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    for (unsigned i = 0; i < pollers + blockers; i++)
        helper_join(&readers[i]);
    check_traffic(&t);
    check_end(t.pool, WPOOL_DONE);
    test_destroy(t.pool);
}

TEST(a_million_results_reach_one_who_polls) {
    NEEDS_THREADS();
    run_traffic(RESULTS, wait_with_poll, 1, 0);
}

TEST(a_million_results_reach_two_who_poll) {
    NEEDS_THREADS();
    run_traffic(RESULTS, wait_with_poll, 2, 0);
}

TEST(a_million_results_reach_one_who_polls_and_one_who_blocks) {
    NEEDS_THREADS();
    run_traffic(RESULTS, wait_with_poll, 1, 1);
}

#ifdef __linux__
static void wait_with_epoll(int descriptor, uint32_t events) {
    static _Thread_local int set = -1;
    struct epoll_event event = {.events = events};
    int count;
    if (set < 0) {
        set = epoll_create1(EPOLL_CLOEXEC);
        CHECK(set >= 0);
        CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event), 0);
    }
    do {
        count = epoll_wait(set, &event, 1, -1);
    } while (count < 0 && errno == EINTR);
    CHECK_EQ(count, 1);
    CHECK_EQ(event.events, EPOLLIN);
}

static void wait_with_level_triggered_epoll(int descriptor) {
    wait_with_epoll(descriptor, EPOLLIN);
}

static void wait_with_edge_triggered_epoll(int descriptor) {
    wait_with_epoll(descriptor, EPOLLIN | EPOLLET);
}

TEST(it_works_with_epoll) {
    NEEDS_THREADS();
    run_traffic(RESULTS / 10, wait_with_level_triggered_epoll, 2, 0);
    run_traffic(RESULTS / 10, wait_with_edge_triggered_epoll, 1, 0);
    run_traffic(RESULTS / 10, wait_with_edge_triggered_epoll, 2, 0);
}
#endif

TEST(a_job_that_finishes_while_it_is_asked_for_is_announced) {
    NEEDS_WORKERS();
    for (int round = 0; round < 300; round++) {
        wpool *pool = results_pool(1);
        submit_nothing(pool, 1);
        wpool_status status = WPOOL_EMPTY;
        while (status == WPOOL_EMPTY) {
            CHECK(poll_for(descriptor_of(pool), -1));
            status = wpool_take(pool, WPOOL_NOW, NULL);
        }
        CHECK_EQ(status, WPOOL_OK);
        check_take(pool, WPOOL_EMPTY);
        test_destroy(pool);
    }
}

/* ---- the end ---- */

static void start_poller(helper *poller, traffic *t, wpool *pool) {
    t->pool = pool;
    t->wait = wait_with_poll;
    helper_start(poller, poll_to_the_end, t);
    helper_await_sleep(poller);
}

TEST(closing_wakes_who_polls) {
    NEEDS_THREADS();
    static traffic t;
    for (int round = 0; round < 20; round++) {
        helper poller;
        start_poller(&poller, &t, results_pool(2));
        CHECK_EQ(wpool_close(t.pool), WPOOL_OK);
        helper_join(&poller);
        check_end(t.pool, WPOOL_DONE);
        test_destroy(t.pool);
    }
}

TEST(the_end_of_the_last_job_wakes_who_polls_even_if_it_has_no_result) {
    NEEDS_WORKERS();
    static traffic t;
    for (int is_embedded = 0; is_embedded < 2; is_embedded++) {
        helper poller;
        hold h = HOLD_EMPTY;
        wpool_job job;
        wpool_id id;
        wpool *pool = results_pool(2);
        hold_init(&h);
        wpool_job_init(&job, hold_job, &h);
        CHECK_EQ(is_embedded ? wpool_submit_job(pool, &job, NULL)
                             : wpool_submit(pool, hold_job, &h, &id),
                 WPOOL_OK);
        if (!is_embedded) CHECK_EQ(wpool_forget(pool, id), WPOOL_OK);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        start_poller(&poller, &t, pool);
        CHECK(!is_readable(pool));
        hold_release(&h, 1);
        helper_join(&poller);
        check_end(pool, WPOOL_DONE);
        test_destroy(pool);
    }
}

TEST(after_the_end_it_stays_readable_also_if_asked_for_only_then) {
    for (int is_early = 0; is_early < 2; is_early++) {
        wpool *pool = paused_pool(2);
        if (is_early) check_quiet(pool);
        submit_nothing(pool, 2);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        if (is_early) check_quiet(pool);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        CHECK(is_readable(pool));
        check_take(pool, WPOOL_OK);
        check_take(pool, WPOOL_OK);
        check_end(pool, WPOOL_DONE);
        test_destroy(pool);
    }
}

TEST(what_a_stop_discards_makes_it_readable) {
    wpool *pool = paused_pool(2);
    submit_nothing(pool, 5);
    check_quiet(pool);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    for (int i = 0; i < 5; i++) {
        wpool_result result;
        CHECK(is_readable(pool));
        CHECK_EQ(wpool_take(pool, WPOOL_NOW, &result), WPOOL_OK);
        CHECK_EQ(result.state, WPOOL_STATE_DISCARDED);
    }
    check_end(pool, WPOOL_DONE);
    test_destroy(pool);
}

TEST(when_the_results_are_closed_it_stays_readable) {
    for (int is_early = 0; is_early < 2; is_early++) {
        wpool *pool = results_pool(2);
        if (is_early) check_quiet(pool);
        CHECK_EQ(wpool_close_results(pool), WPOOL_OK);
        check_end(pool, WPOOL_CLOSED);
        submit_nothing(pool, 10);
        test_drain(pool);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        check_end(pool, WPOOL_CLOSED);
        test_destroy(pool);
    }
}

static void poll_until_closed(void *arg) {
    wpool *pool = (wpool *)arg;
    wpool_status status = WPOOL_EMPTY;
    while (status == WPOOL_EMPTY) {
        CHECK(poll_for(descriptor_of(pool), -1));
        status = wpool_take(pool, WPOOL_NOW, NULL);
    }
    CHECK_EQ(status, WPOOL_CLOSED);
}

TEST(closing_the_results_wakes_all_who_poll) {
    NEEDS_THREADS();
    for (int round = 0; round < 20; round++) {
        helper pollers[3];
        wpool *pool = results_pool(2);
        for (int i = 0; i < 3; i++)
            helper_start(&pollers[i], poll_until_closed, pool);
        for (int i = 0; i < 3; i++)
            helper_await_sleep(&pollers[i]);
        CHECK_EQ(wpool_close_results(pool), WPOOL_OK);
        for (int i = 0; i < 3; i++)
            helper_join(&pollers[i]);
        test_destroy(pool);
    }
}

/* ---- the descriptor itself ---- */

TEST(without_results_there_is_no_descriptor) {
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_results_fd(NULL), -1);
    CHECK_EQ(wpool_results_fd(pool), -1);
    test_destroy(pool);
}

TEST(a_child_process_is_not_given_it) {
    for (int is_early = 0; is_early < 2; is_early++) {
        int status;
        wpool *pool = results_pool(1);
        if (is_early) check_quiet(pool);
        pid_t child = fork();
        if (child == 0) {
            CHECK_EQ(wpool_results_fd(pool), -1);
            _exit(0);
        }
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);
        submit_nothing(pool, 1);
        test_drain(pool);
        check_results(pool, 1);
        test_destroy(pool);
    }
}

static void limit_descriptors(rlim_t limit) {
    struct rlimit now;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &now), 0);
    now.rlim_cur = limit;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &now), 0);
}

TEST(without_a_free_descriptor_there_is_none_until_there_is_room) {
    struct rlimit before;
    wpool *pool = results_pool(1);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit_descriptors(0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(wpool_results_fd(pool), -1);
    submit_nothing(pool, 2);
    test_drain(pool);
    check_take(pool, WPOOL_OK); /* who does not poll misses nothing */
    limit_descriptors(before.rlim_cur);
    check_results(pool, 1);
    test_destroy(pool);
}

typedef struct asker {
    helper helper;
    wpool *pool;
    gate *start;
    int descriptor;
} asker;

static void ask(void *arg) {
    asker *a = (asker *)arg;
    gate_wait(a->start);
    a->descriptor = descriptor_of(a->pool);
}

TEST(whoever_asks_is_given_the_same_number) {
    NEEDS_THREADS();
    for (int round = 0; round < 20; round++) {
        asker askers[4];
        gate start = GATE_CLOSED;
        wpool *pool = results_pool(1);
        for (int i = 0; i < 4; i++) {
            askers[i].pool = pool;
            askers[i].start = &start;
            helper_start(&askers[i].helper, ask, &askers[i]);
        }
        gate_open(&start);
        for (int i = 0; i < 4; i++)
            helper_join(&askers[i].helper);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(askers[i].descriptor, wpool_results_fd(pool));
        test_destroy(pool);
    }
}

TEST(it_stays_the_same_and_pools_do_not_share_it) {
    wpool *pool = results_pool(1), *other = results_pool(1);
    int descriptor = descriptor_of(pool);
    CHECK(descriptor_of(other) != descriptor);
    check_quiet(other);
    submit_nothing(pool, 3);
    test_drain(pool);
    CHECK(!is_readable(other));
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(wpool_close_results(pool), WPOOL_OK);
    CHECK_EQ(descriptor_of(pool), descriptor);
    test_destroy(other);
    test_destroy(pool);
}

enum { LOW_DESCRIPTORS = 256 };

/* All new ones: it may have two ends. */
TEST(it_is_closed_on_exec) {
    bool was_open[LOW_DESCRIPTORS];
    for (int i = 0; i < LOW_DESCRIPTORS; i++)
        was_open[i] = fcntl(i, F_GETFD) >= 0;
    wpool *pool = results_pool(1);
    int descriptor = descriptor_of(pool);
    CHECK(descriptor < LOW_DESCRIPTORS && !was_open[descriptor]);
    for (int i = 0; i < LOW_DESCRIPTORS; i++) {
        int flags = fcntl(i, F_GETFD);
        CHECK(was_open[i] || flags < 0 || (flags & FD_CLOEXEC));
    }
    test_destroy(pool);
}

TEST(it_exists_from_when_it_is_asked_for_until_destroy) {
    const unsigned before = surroundings_entries("/proc/self/fd");
    wpool *pool = results_pool(1);
    submit_nothing(pool, 3);
    test_drain(pool);
    CHECK_EQ(surroundings_entries("/proc/self/fd"), before);
    int descriptor = descriptor_of(pool);
    CHECK(surroundings_entries("/proc/self/fd") > before);
    CHECK(fcntl(descriptor, F_GETFD) >= 0);
    test_destroy(pool);
    CHECK_EQ(fcntl(descriptor, F_GETFD), -1);
    CHECK_EQ(errno, EBADF);
    CHECK_EQ(surroundings_entries("/proc/self/fd"), before);
}
