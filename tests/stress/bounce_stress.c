/* One job at a time goes through pools that are idle otherwise: each submit has to wake a worker that
   sleeps, is about to, or has just been woken. A lost wake-up hangs. WPOOL_TEST_COUNT is how often
   the job runs in each test; the slowest is printed, and nothing is asserted about it. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "stress.h"
#include <semaphore.h>

static const char *const latency_names[] = {"10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s"};
enum { TESTS = 6, LATENCIES = sizeof latency_names / sizeof *latency_names };

/* How long things took: the longest, and how many took at least each of the times above. */
typedef struct latency {
    int64_t last, longest;
    uint64_t counts[LATENCIES];
} latency;

static void latency_begin(latency *l) { l->last = test_now_ns(); }

static void latency_end(latency *l) {
    const int64_t now = test_now_ns(), took = now - l->last;
    int64_t limit = 10000;
    if (took > l->longest) l->longest = took;
    for (int i = 0; i < LATENCIES && took >= limit; i++, limit *= 10)
        l->counts[i]++;
    l->last = now;
}

static void latency_print(const latency *l) {
    printf("longest %.3f ms", (double)l->longest / 1e6);
    for (int i = 0; i < LATENCIES; i++)
        printf(", >= %s: %" PRIu64, latency_names[i], l->counts[i]);
    puts("");
}

/* Some of the time, so that the worker is met at all stages of its going to sleep: nothing, a random
   while, or until it says that it is idle. */
static void hesitate(wpool *pool, uint64_t *random) {
    const unsigned dice = choose(random, 16);
    if (dice < 8) return;
    if (dice < 12) {
        for (volatile unsigned i = choose(random, 4096); i > 0; i--)
            continue;
        return;
    }
    for (;;) {
        const wpool_stats_snapshot s = pool_stats(pool);
        if (s.workers_idle == s.workers) return;
        sched_yield();
    }
}

/* ---- a thread hands the job in, waits until it has run, and again ---- */

static void bounce_off(wpool_config config) {
    wpool *pool = pool_from(config);
    atomic_uint count = 0;
    uint64_t seed = test_seed();
    effort e = effort_begin(TESTS);
    latency l = {0};
    wpool_job job;
    wpool_job_init(&job, count_job, &count);
    while (effort_next(&e, 1)) {
        hesitate(pool, &seed);
        latency_begin(&l);
        CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
        latency_end(&l);
        CHECK_EQ(atomic_load(&count), (unsigned)e.done);
    }
    CHECK_EQ(pool_stats(pool).succeeded, e.done);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    effort_print(&e, "times through an idle pool");
    latency_print(&l);
}

TEST(a_job_bounces_off_one_worker) { bounce_off((wpool_config){.workers = 1}); }

TEST(a_job_bounces_off_three_workers) { bounce_off((wpool_config){.workers = 3}); }

TEST(a_job_bounces_off_an_unbuffered_pool) {
    bounce_off((wpool_config){.workers = 2, .queue_capacity = WPOOL_UNBUFFERED});
}

/* ---- the same without any of the library's ways to wait ---- */

static int post_job(void *arg, wpool_job *job) {
    (void)job;
    sem_post((sem_t *)arg);
    return 0;
}

TEST(a_job_bounces_back_by_a_semaphore) {
    wpool *pool = pool_from((wpool_config){.workers = 2});
    uint64_t seed = test_seed();
    effort e = effort_begin(TESTS);
    latency l = {0};
    sem_t ran;
    sem_init(&ran, 0, 0);
    while (effort_next(&e, 1)) {
        hesitate(pool, &seed);
        latency_begin(&l);
        CHECK_EQ(wpool_submit(pool, post_job, &ran, NULL), WPOOL_OK);
        while (sem_wait(&ran) != 0)
            continue;
        latency_end(&l);
    }
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    effort_print(&e, "times through an idle pool");
    latency_print(&l);
}

/* ---- two pools pass the job to each other ---- */

typedef struct table_tennis {
    wpool *pools[2];
    effort effort;
    latency latency;
    gate over;
} table_tennis;

static int hit_job(void *arg, wpool_job *job) {
    table_tennis *t = (table_tennis *)arg;
    wpool *other = t->pools[wpool_job_pool(job) == t->pools[0]];
    latency_end(&t->latency);
    if (effort_next(&t->effort, 1) == 0) {
        gate_open(&t->over);
    } else {
        CHECK_EQ(wpool_submit(other, hit_job, t, NULL), WPOOL_OK);
    }
    return 0;
}

static void play(wpool_config config) {
    table_tennis t = {.over = GATE_CLOSED};
    t.pools[0] = pool_from(config);
    t.pools[1] = pool_from(config);
    t.effort = effort_begin(TESTS);
    latency_begin(&t.latency);
    CHECK_EQ(wpool_submit(t.pools[0], hit_job, &t, NULL), WPOOL_OK);
    gate_wait(&t.over);
    for (int i = 0; i < 2; i++) /* until no job is inside of the other pool's submit */
        CHECK_EQ(wpool_shutdown(t.pools[i], WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(wpool_destroy(t.pools[i]), WPOOL_OK);
    effort_print(&t.effort, "times from pool to pool");
    latency_print(&t.latency);
}

TEST(a_job_goes_back_and_forth_between_two_pools) { play((wpool_config){.workers = 1}); }

TEST(a_job_goes_back_and_forth_between_pools_of_two) { play((wpool_config){.workers = 2}); }
