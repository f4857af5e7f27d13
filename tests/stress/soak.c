/* Everything for a long time: pools that stay, with clients of theirs, and pools that come and go as
   in pool_stress.c. The process's memory, descriptors and threads are looked at now and then, and
   must stay as they were after a tenth of the time. WPOOL_TEST_SECONDS says how long. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "round.h"

enum { DRIVERS = 2, STEADY_POOLS = 3, STEADY_CLIENTS = 2 };

static atomic_bool is_over;

static void *driver_main(void *arg) {
    uint64_t random = *(const uint64_t *)arg;
    while (!atomic_load(&is_over))
        round_run(test_random(&random), CLIENTS * STEPS);
    return NULL;
}

/* ---- pools that stay ---- */

typedef struct steady {
    wpool *pool;
    wpool_config config;
    memory used;
    wpool_allocator allocator;
    uint64_t seed;
    atomic_size_t accepted, ended;
    pthread_t clients[STEADY_CLIENTS], reader;
} steady;

static int steady_job(void *arg, wpool_job *job) {
    steady *s = (steady *)arg;
    (void)job;
    atomic_fetch_add(&s->ended, 1);
    return 0;
}

/* And takes more results than it makes, so that they cannot pile up. */
static void steady_submit_some(steady *s, uint64_t *random) {
    void *args[16];
    const size_t count = 1 + choose(random, 16);
    for (size_t i = 0; i < count; i++)
        args[i] = s;
    atomic_fetch_add(&s->accepted, wpool_submit_many(s->pool, steady_job, args, count, NULL));
    for (size_t i = 0; i < 2 * count && s->config.results; i++)
        wpool_take(s->pool, WPOOL_NOW, NULL);
}

/* Submits up to 16 jobs with ids, then waits for some and forgets the others. */
static void steady_submit_with_ids(steady *s, uint64_t *random) {
    wpool_id ids[16];
    const unsigned count = 1 + choose(random, 16);
    for (unsigned i = 0; i < count; i++)
        atomic_fetch_add(&s->accepted, wpool_submit(s->pool, steady_job, s, &ids[i]) == WPOOL_OK);
    for (unsigned i = 0; i < count; i++) {
        const wpool_status status = choose(random, 2)
                                        ? wpool_wait(s->pool, ids[i], WPOOL_FOREVER, NULL)
                                        : wpool_forget(s->pool, ids[i]);
        CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN);
    }
}

static void steady_submit_own(steady *s) {
    wpool_job job;
    wpool_job_init(&job, steady_job, s);
    if (wpool_submit_job(s->pool, &job, NULL) != WPOOL_OK) return;
    atomic_fetch_add(&s->accepted, 1);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
}

static void *steady_client_main(void *arg) {
    steady *s = (steady *)arg;
    uint64_t random = s->seed ^ (uint64_t)(uintptr_t)&random;
    while (!atomic_load(&is_over)) {
        switch (choose(&random, 4)) {
        case 0:
            steady_submit_with_ids(s, &random);
            break;
        case 1:
            steady_submit_own(s);
            break;
        case 2:
            CHECK(pool_stats(s->pool).workers == s->config.workers);
            break;
        default:
            steady_submit_some(s, &random);
            break;
        }
    }
    return NULL;
}

static void *steady_reader_main(void *arg) {
    steady *s = (steady *)arg;
    wpool_status status;
    while ((status = wpool_take(s->pool, WPOOL_FOREVER, NULL)) == WPOOL_OK)
        continue;
    CHECK_EQ(status, WPOOL_DONE);
    return NULL;
}

static void steady_begin(steady *s, wpool_config config, uint64_t seed) {
    s->seed = seed;
    s->allocator = memory_allocator(&s->used);
    s->config = config;
    s->config.allocator = &s->allocator;
    CHECK_EQ(wpool_create(&s->pool, &s->config), WPOOL_OK);
    for (int i = 0; i < STEADY_CLIENTS; i++)
        s->clients[i] = thread_start(steady_client_main, s);
    if (s->config.results) s->reader = thread_start(steady_reader_main, s);
}

static void steady_end(steady *s) {
    for (int i = 0; i < STEADY_CLIENTS; i++)
        pthread_join(s->clients[i], NULL);
    CHECK_EQ(wpool_close(s->pool), WPOOL_OK);
    if (s->config.results) pthread_join(s->reader, NULL);
    CHECK_EQ(wpool_drain(s->pool, WPOOL_FOREVER), WPOOL_OK);
    const wpool_stats_snapshot stats = pool_stats(s->pool);
    CHECK_EQ(stats.accepted, atomic_load(&s->accepted));
    CHECK_EQ(stats.succeeded + stats.discarded, stats.accepted);
    CHECK_EQ(stats.succeeded, atomic_load(&s->ended));
    printf("%" PRIu64 " jobs in a pool that stayed, with %zu bytes\n", stats.accepted,
           atomic_load(&s->used.bytes));
    CHECK_EQ(wpool_destroy(s->pool), WPOOL_OK);
    memory_check_empty(&s->used);
}

/* ---- what the process has ---- */

enum { RESIDENT, STEADY_BYTES, DESCRIPTORS, THREADS, MEASURES };
static const char *const measure_names[] = {"resident KiB", "bytes of the pools that stay",
                                            "descriptors", "threads"};

/* By how much they may be more than in the warm-up: enough for what comes and goes, too little for a
   leak. */
static const uint64_t may_grow[] = {4096, 1 << 20, 16, 16};

/* Of the samples taken after the warm-up, but warm_up, which is the most until then. */
typedef struct measure {
    uint64_t warm_up, first, least, most, last, count;
} measure;

static void measure_add(measure *m, bool is_warm, uint64_t value) {
    m->last = value;
    if (!is_warm) {
        if (value > m->warm_up) m->warm_up = value;
        return;
    }
    if (m->count++ == 0) m->first = m->least = m->most = value;
    if (value < m->least) m->least = value;
    if (value > m->most) m->most = value;
}

static void sample(measure *measures, bool is_warm, double seconds, steady *pools) {
    uint64_t values[MEASURES] = {resident_kib()};
    for (int i = 0; i < STEADY_POOLS; i++)
        values[STEADY_BYTES] += atomic_load(&pools[i].used.bytes);
    values[DESCRIPTORS] = surroundings_entries("/proc/self/fd") - 3; /* ".", ".." and its own */
    values[THREADS] = surroundings_entries("/proc/self/task") - 2;
    printf("%6.0f s", seconds);
    for (int i = 0; i < MEASURES; i++) {
        measure_add(&measures[i], is_warm, values[i]);
        printf("  %s %" PRIu64, measure_names[i], values[i]);
    }
    puts(is_warm ? "" : "  (warm-up)");
}

static void check_measures(const measure *measures) {
    for (int i = 0; i < MEASURES; i++) {
        const measure *m = &measures[i];
        printf("%s: warm-up at most %" PRIu64 ", then first %" PRIu64 ", least %" PRIu64
               ", most %" PRIu64 ", last %" PRIu64 ", of %" PRIu64 " samples\n",
               measure_names[i], m->warm_up, m->first, m->least, m->most, m->last, m->count);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        if (i == RESIDENT) continue; /* a sanitizer keeps memory for itself */
#endif
        CHECK(m->most <= m->warm_up + may_grow[i]);
    }
}

/* A hundred and eighty samples: the first tenth is the warm-up. */
static void watch(steady *pools) {
    measure measures[MEASURES] = {{0}};
    const int64_t began = test_now_ns(), step = (int64_t)test_seconds(10) * 1000000000 / 180;
    for (int64_t i = 1; i <= 180; i++) {
        const int64_t at = began + i * step;
        const struct timespec until = {.tv_sec = (time_t)(at / 1000000000),
                                       .tv_nsec = (long)(at % 1000000000)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
            continue;
        sample(measures, i > 18, (double)(at - began) / 1e9, pools);
    }
    check_measures(measures);
}

TEST(a_long_time_leaves_no_traces) {
    static steady pools[STEADY_POOLS];
    const surroundings before = surroundings_now();
    uint64_t seed = test_seed(), seeds[DRIVERS];
    pthread_t drivers[DRIVERS];
    steady_begin(&pools[0], (wpool_config){.workers = 2}, test_random(&seed));
    steady_begin(&pools[1],
                 (wpool_config){.workers = 2, .results = true, .when_full = WPOOL_DROP_OLDEST},
                 test_random(&seed));
    steady_begin(&pools[2],
                 (wpool_config){.workers = 3, .queue_capacity = 16, .when_full = WPOOL_RUN},
                 test_random(&seed));
    for (int i = 0; i < DRIVERS; i++) {
        seeds[i] = test_random(&seed);
        drivers[i] = thread_start(driver_main, &seeds[i]);
    }
    watch(pools);
    atomic_store(&is_over, true);
    for (int i = 0; i < DRIVERS; i++)
        pthread_join(drivers[i], NULL);
    for (int i = 0; i < STEADY_POOLS; i++)
        steady_end(&pools[i]);
    operations_print();
    surroundings_check(before);
}
