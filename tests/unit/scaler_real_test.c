/* The scaler on the real clock: from load to idleness, and back. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include <sys/resource.h>

enum { MIN = 1, MAX = 4, WAVES = 5 };

static struct { atomic_uint workers, most, ups, downs; } seen;

static void on_scaled(void *user, const wpool_scale_event *event) {
    CHECK(user == &seen);
    CHECK_EQ(event->before, atomic_load(&seen.workers));
    CHECK(event->after >= MIN && event->after <= MAX);
    atomic_fetch_add(event->after > event->before ? &seen.ups : &seen.downs, 1);
    atomic_store(&seen.workers, event->after);
}

static int64_t cpu_time(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return WPOOL_SECONDS(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
}

static void pass(int64_t ns) {
    const struct timespec time = {ns / WPOOL_SECONDS(1), ns % WPOOL_SECONDS(1)};
    nanosleep(&time, NULL);
}

TEST(workers_come_with_the_load_and_leave_with_it) {
    const surroundings before = surroundings_now();
    const unsigned by_load = 2;
    wpool_stats_snapshot stats;
    wpool *pool = test_pool(&(wpool_config){
        .min_workers = MIN,
        .max_workers = MAX,
        .scaling = {.jobs_per_worker = by_load, .idle = WPOOL_MS(20), .cooldown = WPOOL_MS(5)},
        .hooks = {.scaled = on_scaled, .user = &seen}});
    atomic_store(&seen.workers, MIN);
    for (int wave = 0; wave < WAVES; wave++) {
        hold h = HOLD_EMPTY;
        hold_workers(&h, pool, MIN);
        for (int i = 0; i < 20; i++)
            CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
        gate_await_count(&h.running, MAX);
        CHECK_EQ(test_stats(pool).workers, MAX);
        hold_release(&h, MIN + 20);
        test_drain(pool);
        while ((stats = test_stats(pool)).workers != MIN)
            pass(WPOOL_MS(1));
    }
    CHECK_EQ(stats.succeeded, WAVES * (MIN + 20));
    CHECK(stats.scale_ups >= WAVES * 2); /* 1, 2, 4 */
    CHECK(stats.scale_downs >= WAVES);
    while (atomic_load(&seen.downs) != stats.scale_downs) /* it is called after that */
        sched_yield();
    CHECK_EQ(stats.scale_ups, atomic_load(&seen.ups));

    const int64_t used = cpu_time(); /* from now on nobody has anything to do */
    pass(WPOOL_MS(200));
    CHECK(cpu_time() - used < WPOOL_MS(20));
    test_destroy(pool);
    surroundings_check(before);
}
