/* The rate holds jobs back while workers may come and go by themselves: on a clock that the test
   moves. */
#include "sleepers.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"

#define STEP WPOOL_SECONDS(10) /* from one start to the next at this rate */
#define COOLDOWN WPOOL_SECONDS(1)

static struct {
    atomic_uint count;
    wpool_scale_event first;
} decisions;

static void on_scaled(void *user, const wpool_scale_event *event) {
    (void)user;
    if (atomic_load(&decisions.count) == 0) decisions.first = *event;
    atomic_fetch_add(&decisions.count, 1);
}

/* What the rate holds back is no load; but when a job starts, and its worker is busy, the others
   are. That is seen though nobody submits any more. */
TEST(jobs_are_load_again_when_the_rate_no_longer_holds_them_back) {
    hold h = HOLD_EMPTY;
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.workers = 1,
                                           .max_workers = 2,
                                           .rate = {.per_second = 0.1},
                                           .hooks = {.scaled = on_scaled}});
    hold_init(&h);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    AWAIT(atomic_load(&count) == 1);
    test_await_idle(pool); /* for the second one it was not time */
    for (int i = 0; i < 100; i++)
        CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    for (int64_t passed = COOLDOWN; passed < STEP; passed += COOLDOWN) {
        sleepers_pass(COOLDOWN); /* it looks again */
        CHECK_EQ(atomic_load(&decisions.count), 0);
        CHECK_EQ(test_stats(pool).workers, 1);
    }
    PASS_UNTIL(atomic_load(&decisions.count) != 0);
    CHECK_EQ(decisions.first.reason, WPOOL_SCALE_LOAD);
    CHECK_EQ(decisions.first.before, 1);
    CHECK_EQ(decisions.first.after, 2);
    CHECK(decisions.first.waiting >= 100);
    hold_release(&h, 200);
    wpool_config config;
    CHECK_EQ(wpool_get_config(pool, &config), WPOOL_OK);
    config.rate = (wpool_rate){0};
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).succeeded, 102);
    test_destroy(pool);
}
