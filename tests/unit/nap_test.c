/* Without threads, on the real clock: who waits sleeps until it is time. */
#ifndef WPOOL_NO_THREADS
#define WPOOL_NO_THREADS
#endif
#include "test.h"

/* Who does not sleep looks at the clock again and again. */
static unsigned looks;
#define WPOOL_CLOCK() (looks++, test_now_ns())
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"

#define DUE WPOOL_MS(20)

static int64_t nap_begin(void) {
    looks = 0;
    return test_now_ns();
}

/* So much time has passed, and nobody has watched it pass. */
static void nap_check(int64_t began, int64_t least) {
    CHECK(test_now_ns() - began >= least);
    CHECK(looks < 100);
}

enum { DRAIN, WAIT, JOB_WAIT, TAKE, GROUP_WAIT, SHUTDOWN, DESTROY, CALLS };

static wpool_status call(int which, wpool *pool, wpool_id id, wpool_job *job, wpool_group *group,
                         int64_t timeout) {
    switch (which) {
    case DRAIN:
        return wpool_drain(pool, timeout);
    case WAIT:
        return wpool_wait(pool, id, timeout, NULL);
    case JOB_WAIT:
        return wpool_job_wait(job, timeout);
    case TAKE:
        return wpool_take(pool, timeout, NULL);
    case GROUP_WAIT:
        return wpool_group_wait(group, timeout, NULL);
    case SHUTDOWN:
        return wpool_shutdown(pool, WPOOL_GRACEFUL, timeout);
    default:
        return WPOOL_OK; /* wpool_destroy waits */
    }
}

/* Two jobs that are due in so long, in a pool with results; one waits for them in that way. */
static void check_call(int which, int64_t delay, int64_t timeout) {
    atomic_uint count = 0;
    wpool_group group;
    wpool_job job;
    wpool_id id;
    const bool is_in_time = timeout == WPOOL_FOREVER;
    const wpool_options options = {.delay = delay, .group = &group};
    wpool *pool = pool_from((wpool_config){.results = true});
    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
    wpool_job_init(&job, count_job, &count);
    const int64_t began = nap_begin();
    CHECK_EQ(wpool_submit_job(pool, &job, &options), WPOOL_OK);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, &id), WPOOL_OK);
    CHECK_EQ(call(which, pool, id, &job, &group, timeout), is_in_time ? WPOOL_OK : WPOOL_TIMEOUT);
    if (!is_in_time) {
        nap_check(began, timeout);
        CHECK_EQ(atomic_load(&count), 0);
        wpool_stop(pool, WPOOL_GRACEFUL);
    }
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    nap_check(began, is_in_time ? delay : timeout);
    CHECK_EQ(atomic_load(&count), is_in_time ? 2 : 0);
}

TEST(who_waits_sleeps_until_the_job_is_due) {
    for (int which = 0; which < CALLS; which++)
        check_call(which, DUE, WPOOL_FOREVER);
}

TEST(who_waits_sleeps_until_time_is_out) {
    for (int which = 0; which < DESTROY; which++)
        check_call(which, WPOOL_SECONDS(1000), DUE);
}

static int fail_once(void *arg, wpool_job *job) {
    count_job(arg, job);
    return wpool_job_attempt(job) == 1;
}

TEST(who_drains_sleeps_until_it_is_time_to_try_again) {
    atomic_uint count = 0;
    const wpool_options options = {.retry = {.attempts = 2, .delay = DUE}};
    wpool *pool = pool_of(1);
    const int64_t began = nap_begin();
    CHECK_EQ(wpool_submit_with(pool, fail_once, &count, &options, NULL), WPOOL_OK);
    test_drain(pool);
    nap_check(began, DUE);
    CHECK_EQ(atomic_load(&count), 2);
    CHECK_EQ(test_stats(pool).succeeded, 1);
    test_destroy(pool);
}

TEST(who_drains_sleeps_while_the_rate_holds_jobs_back) {
    const wpool_rate rate = {.per_second = 1e9 / (double)DUE};
    for (int in_lane = 0; in_lane < 2; in_lane++) {
        atomic_uint count = 0;
        wpool_lane lane = {.rate = rate};
        const wpool_options options = {.lane = in_lane ? &lane : NULL};
        wpool *pool = pool_from((wpool_config){.rate = in_lane ? (wpool_rate){0} : rate});
        CHECK_EQ(wpool_lane_init(&lane, pool), WPOOL_OK);
        const int64_t began = nap_begin();
        for (int i = 0; i < 3; i++)
            CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), WPOOL_OK);
        test_drain(pool);
        nap_check(began, 2 * DUE);
        CHECK_EQ(atomic_load(&count), 3);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_OK);
        test_destroy(pool);
    }
}
