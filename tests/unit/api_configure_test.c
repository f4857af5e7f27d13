/* A pool that is made otherwise while it runs: wpool_get_config, wpool_configure and
   wpool_config_conflict. Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include <limits.h>

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { ROUNDS = 30, STEPS = 500 };
#else
enum { ROUNDS = 200, STEPS = 5000 };
#endif

static void configure(wpool *pool, wpool_config config) {
    CHECK(wpool_config_conflict(pool, &config) == NULL);
    CHECK_EQ(wpool_configure(pool, &config), WPOOL_OK);
}

static void set_capacity(wpool *pool, size_t capacity) {
    wpool_config config = pool_config(pool);
    config.queue_capacity = capacity;
    configure(pool, config);
    CHECK_EQ(pool_config(pool).queue_capacity, capacity);
}

static void set_workers(wpool *pool, unsigned workers, unsigned min, unsigned max) {
    wpool_config config = pool_config(pool);
    config.workers = workers;
    config.min_workers = min;
    config.max_workers = max;
    configure(pool, config);
}

static void check_workers(wpool *pool, unsigned workers, unsigned min, unsigned max) {
    const wpool_config config = pool_config(pool);
    CHECK_EQ(config.workers, workers);
    CHECK_EQ(config.min_workers, min);
    CHECK_EQ(config.max_workers, max);
    CHECK_EQ(test_stats(pool).workers, workers);
}

/* Until those that leave are gone. */
static void await_gone(wpool *pool, unsigned workers) {
    while (wpool_workers(pool, NULL, 0) != workers || test_stats(pool).workers_leaving > 0)
        sched_yield();
}

/* Everything is as it was, and as many threads and places are there. */
static void check_unchanged(wpool *pool, const wpool_config *before, wpool_stats_snapshot stats) {
    const wpool_config now = pool_config(pool);
    pool_check_same_config(&now, before);
    CHECK_EQ(test_stats(pool).workers, stats.workers);
    CHECK_EQ(test_stats(pool).workers_leaving, stats.workers_leaving);
    CHECK_EQ(test_stats(pool).accepted, stats.accepted);
}

static void check_refused(wpool *pool, wpool_config config, wpool_status expected) {
    const wpool_config before = pool_config(pool);
    const wpool_stats_snapshot stats = test_stats(pool);
    CHECK_EQ(wpool_configure(pool, &config), expected);
    check_unchanged(pool, &before, stats);
}

/* The only field that stands in the way has that name. */
static void check_conflict(wpool *pool, wpool_config config, const char *field) {
    CHECK_STR(wpool_config_conflict(pool, &config), field);
    check_refused(pool, config, WPOOL_INVALID);
    CHECK_STR(wpool_config_conflict(pool, &config), field);
}

/* ---- what it answers ---- */

TEST(the_defaults_are_filled_in) {
    wpool *pool = test_pool(&(wpool_config){.max_workers = POOL_IS_INLINE ? WPOOL_INLINE : 0});
    const wpool_config config = pool_config(pool);
    CHECK_STR(config.name, "wpool");
    CHECK_EQ(config.queue_capacity, 1024);
    CHECK_EQ(config.when_full, WPOOL_BLOCK);
    CHECK_EQ(config.help, WPOOL_HELP_NARROW);
    CHECK(!config.results && !config.start_paused && !config.pin_workers);
    CHECK(config.group == NULL && config.interrupt_signal == 0);
    CHECK(!config.hooks.worker_start && !config.hooks.worker_exit && !config.hooks.user);
    CHECK(!config.hooks.scaled && !config.hooks.job_stuck && !config.hooks.stalled);
    CHECK_EQ(config.order, WPOOL_FIFO);
    CHECK_EQ(config.scaling.jobs_per_worker, 50);
    CHECK_EQ(config.scaling.idle, WPOOL_SECONDS(10));
    CHECK_EQ(config.scaling.cooldown, WPOOL_SECONDS(1));
    CHECK(config.rate.per_second == 0);
    CHECK_EQ(config.max_workers, POOL_IS_INLINE ? WPOOL_INLINE : 0);
    CHECK_EQ(config.min_workers, 0);
    if (!POOL_IS_INLINE) CHECK_EQ(config.workers, wpool_cpus());
    test_destroy(pool);
}

static void *come(void *user, unsigned worker) {
    (void)worker;
    atomic_fetch_add((atomic_uint *)user, 1);
    return user;
}

static void go(void *user, unsigned worker, void *state) {
    (void)worker, (void)state;
    atomic_fetch_sub((atomic_uint *)user, 1);
}

static void on_scaled(void *user, const wpool_scale_event *event) { (void)user, (void)event; }
static void on_stuck(void *user, const wpool_stuck *stuck) { (void)user, (void)stuck; }
static void on_stalled(void *user, wpool *pool) { (void)user, (void)pool; }

static bool no_pressure(void *user) {
    (void)user;
    return false;
}

static bool any_error(int error, void *arg) {
    (void)error, (void)arg;
    return true;
}

/* Everything but the numbers of workers, each of them unlike its default. */
static wpool_config odd_config(const wpool_allocator *allocator, atomic_uint *present) {
    return (wpool_config){.name = "odd",
                          .workers = 3,
                          .queue_capacity = 17,
                          .when_full = WPOOL_DROP_OLDEST,
                          .order = WPOOL_PRIORITY,
                          .scaling = {.jobs_per_worker = 1000,
                                      .wait = WPOOL_SECONDS(1000),
                                      .step = 3,
                                      .idle = WPOOL_FOREVER,
                                      .cooldown = WPOOL_SECONDS(2),
                                      .max_rss_bytes = UINT64_C(1) << 60,
                                      .max_memory_percent = 99,
                                      .max_cpu_percent = 98,
                                      .pressure = no_pressure,
                                      .user = present},
                          .retry = {.attempts = 3,
                                    .delay = WPOOL_MS(1),
                                    .max_delay = WPOOL_MS(7),
                                    .factor = 1.5,
                                    .jitter = 0.25,
                                    .when = any_error},
                          .rate = {.per_second = 1e6, .burst = 1000},
                          .results = true,
                          .start_paused = true,
                          .help = WPOOL_HELP_ANY,
                          .pin_workers = true,
                          .stack_size = 1024 * 1024,
                          .hooks = {.worker_start = come,
                                    .worker_exit = go,
                                    .user = present,
                                    .scaled = on_scaled,
                                    .job_stuck = on_stuck,
                                    .stalled = on_stalled},
                          .allocator = allocator};
}

TEST(what_was_given_comes_back) {
    NEEDS_WORKERS();
    for (int has_limits = 0; has_limits < 2; has_limits++) {
        memory used = {0};
        char name[] = "odd";
        wpool_allocator allocator = memory_allocator(&used);
        atomic_uint present = 0;
        wpool_group group;
        wpool_config given = odd_config(&allocator, &present);
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        given.name = name;
        given.group = &group;
        given.interrupt_signal = SIGUSR2;
        if (has_limits) given.min_workers = 2, given.max_workers = 5;
        wpool *pool = test_pool(&given);
        memset(name, 'x', sizeof name - 1); /* and nothing points to what was given */
        memset(&allocator, 0, sizeof allocator);
        const wpool_config config = pool_config(pool);
        const wpool_allocator same = memory_allocator(&used);
        given.name = "odd";
        given.allocator = &same;
        pool_check_same_config(&config, &given);
        given.group = NULL;
        check_conflict(pool, given, "group");
        given.group = &group;
        given.interrupt_signal = 0;
        check_conflict(pool, given, "interrupt_signal");
        test_destroy(pool);
        memory_check_empty(&used);
    }
}

TEST(the_number_of_workers_follows_what_was_scaled) {
    NEEDS_WORKERS();
    wpool *pool = pool_from((wpool_config){.min_workers = 2, .max_workers = 6});
    check_workers(pool, 2, 2, 6);
    CHECK_EQ(wpool_scale(pool, 3, WPOOL_GRACEFUL), WPOOL_OK);
    check_workers(pool, 5, 2, 6);
    CHECK_EQ(wpool_scale_to(pool, 4, WPOOL_GRACEFUL), WPOOL_OK);
    check_workers(pool, 4, 2, 6);
    CHECK_EQ(wpool_worker_stop(pool, 0, WPOOL_GRACEFUL, NULL), WPOOL_OK);
    check_workers(pool, 3, 2, 6);
    CHECK_EQ(wpool_scale(pool, 4, WPOOL_GRACEFUL), WPOOL_INVALID);
    check_workers(pool, 3, 2, 6);
    test_destroy(pool);
}

/* ---- as it is ---- */

static void check_round_trip(wpool_config given) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    atomic_uint count = 0, present = 0;
    given.allocator = &allocator;
    given.hooks = (wpool_hooks){.worker_start = come, .worker_exit = go, .user = &present};
    wpool *pool = pool_from(given);
    if (given.start_paused) CHECK_EQ(wpool_start(pool), WPOOL_OK);
    count_submit(pool, &count, 20);
    test_drain(pool);
    const wpool_config before = pool_config(pool);
    const size_t blocks = atomic_load(&used.blocks);
    for (int i = 0; i < 20; i++) {
        const wpool_stats_snapshot stats = test_stats(pool);
        configure(pool, before);
        check_unchanged(pool, &before, stats);
        count_submit(pool, &count, 1);
        test_drain(pool);
    }
    CHECK_EQ(atomic_load(&used.blocks), blocks);
    if (!POOL_IS_INLINE) CHECK_EQ(test_stats(pool).workers, before.workers);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 40);
    CHECK_EQ(atomic_load(&present), 0);
    memory_check_empty(&used);
}

TEST(as_it_is_nothing_changes) {
    check_round_trip((wpool_config){.workers = 3});
    check_round_trip((wpool_config){.name = "a name of its own", .pin_workers = true});
    check_round_trip((wpool_config){.min_workers = 2, .max_workers = 4});
    check_round_trip((wpool_config){.workers = 3, .max_workers = 3, .start_paused = true});
    check_round_trip((wpool_config){.workers = 2, .queue_capacity = 100, .results = true});
    check_round_trip((wpool_config){.workers = 2, .queue_capacity = WPOOL_UNBUFFERED});
    check_round_trip((wpool_config){.when_full = WPOOL_RUN, .help = WPOOL_HELP_ANY});
    check_round_trip((wpool_config){.when_full = WPOOL_BLOCK, .help = WPOOL_HELP_NONE});
    check_round_trip((wpool_config){.workers = 1, .stack_size = 1024 * 1024});
}

TEST(a_long_name_and_names_of_the_same_text_are_no_conflict) {
    wpool *pool = pool_from((wpool_config){.name = "a name with more than thirty-one letters"});
    wpool_config config = pool_config(pool);
    char name[40];
    CHECK_EQ(strlen(config.name), 31);
    configure(pool, config);
    snprintf(name, sizeof name, "%s", config.name);
    config.name = name;
    configure(pool, config);
    test_destroy(pool);
}

TEST(zero_means_default_as_ever) {
    NEEDS_WORKERS();
    wpool *pool = pool_from((wpool_config){
        .workers = 3, .queue_capacity = 5, .when_full = WPOOL_REFUSE, .help = WPOOL_HELP_ANY});
    configure(pool, (wpool_config){0});
    check_workers(pool, wpool_cpus(), 0, 0);
    CHECK_EQ(pool_config(pool).queue_capacity, 1024);
    CHECK_EQ(pool_config(pool).when_full, WPOOL_BLOCK);
    CHECK_EQ(pool_config(pool).help, WPOOL_HELP_NARROW);
    CHECK_STR(pool_config(pool).name, "wpool");
    test_destroy(pool);
}

/* ---- what cannot be changed ---- */

static void check_retry_conflicts(wpool *pool) {
    for (int field = 0; field < 6; field++) {
        wpool_config config = pool_config(pool);
        wpool_retry *retry = &config.retry;
        if (field == 0) retry->attempts++;
        if (field == 1) retry->delay++;
        if (field == 2) retry->max_delay++;
        if (field == 3) retry->factor += 1;
        if (field == 4) retry->jitter += 0.25;
        if (field == 5) retry->when = retry->when ? NULL : any_error;
        check_conflict(pool, config, "retry");
    }
}

static void check_each_conflict(wpool *pool) {
    memory other = {0};
    const wpool_allocator own = memory_allocator(&other), half = {memory_alloc, NULL, NULL};
    wpool_group group;
    wpool_config config = pool_config(pool);
    CHECK(wpool_config_conflict(pool, &config) == NULL);
    config.name = config.name[0] == 'o' ? NULL : "other";
    check_conflict(pool, config, "name");
    config = pool_config(pool);
    config.results = !config.results;
    check_conflict(pool, config, "results");
    config = pool_config(pool);
    config.start_paused = !config.start_paused;
    check_conflict(pool, config, "start_paused");
    config = pool_config(pool);
    config.pin_workers = !config.pin_workers;
    check_conflict(pool, config, "pin_workers");
    config = pool_config(pool);
    config.stack_size += 64 * 1024;
    check_conflict(pool, config, "stack_size");
    config = pool_config(pool);
    config.group = &group;
    check_conflict(pool, config, "group");
    config = pool_config(pool);
    config.interrupt_signal = SIGUSR1;
    check_conflict(pool, config, "interrupt_signal");
    config = pool_config(pool);
    config.hooks.worker_start = config.hooks.worker_start ? NULL : come;
    check_conflict(pool, config, "hooks");
    config = pool_config(pool);
    config.hooks.worker_exit = config.hooks.worker_exit ? NULL : go;
    check_conflict(pool, config, "hooks");
    config = pool_config(pool);
    config.hooks.user = &config;
    check_conflict(pool, config, "hooks");
    config = pool_config(pool);
    config.hooks.scaled = config.hooks.scaled ? NULL : on_scaled;
    check_conflict(pool, config, "hooks");
    config = pool_config(pool);
    config.hooks.job_stuck = config.hooks.job_stuck ? NULL : on_stuck;
    check_conflict(pool, config, "hooks");
    config = pool_config(pool);
    config.hooks.stalled = config.hooks.stalled ? NULL : on_stalled;
    check_conflict(pool, config, "hooks");
    check_retry_conflicts(pool);
    config = pool_config(pool);
    config.allocator = &own;
    check_conflict(pool, config, "allocator");
    config.allocator = &half;
    check_conflict(pool, config, "allocator");
    config = pool_config(pool);
    config.max_workers = config.max_workers == WPOOL_INLINE ? 0 : WPOOL_INLINE;
    check_conflict(pool, config, "max_workers");
}

TEST(what_cannot_be_changed_is_named) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    atomic_uint present = 0, count = 0;
    wpool *pools[] = {pool_from((wpool_config){.workers = 2}),
                      pool_from(odd_config(&allocator, &present)),
                      test_pool(&(wpool_config){.max_workers = WPOOL_INLINE})};
    for (size_t i = 0; i < COUNT_OF(pools); i++) {
        check_each_conflict(pools[i]);
        count_submit(pools[i], &count, 10);
        test_destroy(pools[i]);
    }
    CHECK_EQ(atomic_load(&count), 30);
    memory_check_empty(&used);
}

TEST(a_pool_with_an_allocator_keeps_it) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used), same = allocator;
    wpool *pool = pool_from((wpool_config){.workers = 1, .allocator = &allocator});
    wpool_config config = pool_config(pool);
    config.allocator = &same;
    configure(pool, config);
    config.allocator = NULL;
    check_conflict(pool, config, "allocator");
    test_destroy(pool);
    memory_check_empty(&used);
}

TEST(one_of_several_conflicts_is_named) {
    wpool *pool = pool_of(2);
    wpool_config config = pool_config(pool);
    config.stack_size += 1;
    config.hooks.user = pool;
    const char *field = wpool_config_conflict(pool, &config);
    CHECK(field && (!strcmp(field, "stack_size") || !strcmp(field, "hooks")));
    config.when_full = (wpool_when_full)4;
    config.stack_size -= 1;
    field = wpool_config_conflict(pool, &config);
    CHECK(field && (!strcmp(field, "when_full") || !strcmp(field, "hooks")));
    check_refused(pool, config, WPOOL_INVALID);
    test_destroy(pool);
}

TEST(values_that_make_no_sense_are_named) {
    wpool *pool = pool_of(2);
    wpool_config config = pool_config(pool);
    config.when_full = (wpool_when_full)-1;
    check_conflict(pool, config, "when_full");
    config = pool_config(pool);
    config.help = (wpool_help)-1;
    check_conflict(pool, config, "help");
    test_destroy(pool);
}

static void check_nonsense(wpool *pool, unsigned workers, unsigned min, unsigned max) {
    wpool_config config = pool_config(pool);
    config.workers = workers;
    config.min_workers = min;
    config.max_workers = max;
    const char *field = wpool_config_conflict(pool, &config);
    CHECK(field && strstr(field, "workers"));
    check_refused(pool, config, WPOOL_INVALID);
}

TEST(contradictory_numbers_of_workers_are_refused) {
    NEEDS_WORKERS();
    wpool *pool = pool_from((wpool_config){.workers = 3, .min_workers = 2, .max_workers = 5});
    check_nonsense(pool, 6, 2, 5);
    check_nonsense(pool, 1, 2, 5);
    check_nonsense(pool, 3, 5, 4);
    check_nonsense(pool, 0, 5, 4);
    check_nonsense(pool, WPOOL_MAX_WORKERS + 1, 0, 0);
    check_nonsense(pool, 3, 2, WPOOL_MAX_WORKERS + 1);
    check_nonsense(pool, 3, WPOOL_MAX_WORKERS + 1, 0);
    check_nonsense(pool, 3, 2, WPOOL_INLINE - 1);
    check_nonsense(pool, WPOOL_INLINE, 0, 0);
    test_destroy(pool);
}

TEST(nothing_is_invalid) {
    wpool *pool = pool_of(2);
    wpool_config config = pool_config(pool);
    const wpool_config before = config;
    CHECK_EQ(wpool_get_config(NULL, &config), WPOOL_INVALID);
    CHECK_EQ(wpool_get_config(pool, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_configure(NULL, &config), WPOOL_INVALID);
    CHECK_EQ(wpool_configure(pool, NULL), WPOOL_INVALID);
    CHECK_STR(wpool_config_conflict(NULL, &config), "pool");
    CHECK_STR(wpool_config_conflict(pool, NULL), "pool");
    check_unchanged(pool, &before, test_stats(pool));
    test_destroy(pool);
}

/* ---- the capacity ---- */

/* Fills the pool, in which so many wait; returns how many wait now. */
static unsigned check_fill(wpool *pool, order *o, step *steps, unsigned *next, unsigned waiting,
                           size_t capacity) {
    CHECK_EQ(test_stats(pool).waiting, waiting);
    while (waiting < capacity) {
        steps[*next] = (step){o, *next};
        CHECK_EQ(wpool_try_submit(pool, step_job, &steps[*next], NULL), WPOOL_OK);
        ++*next, ++waiting;
    }
    steps[*next] = (step){o, UINT_MAX};
    CHECK_EQ(wpool_try_submit(pool, step_job, &steps[*next], NULL), WPOOL_FULL);
    CHECK_EQ(test_stats(pool).waiting, waiting);
    return waiting;
}

TEST(what_is_queued_stays_and_the_new_capacity_is_exact) {
    static const size_t capacities[] = {1, 2, 3, 64, 65, 100, 7, 1, 128, 300, 299, 1000, 5};
    for (unsigned workers = 1; workers <= 2; workers++) {
        static step steps[1100];
        order o = {0};
        unsigned next = 0, waiting = 0;
        wpool *pool = test_pool_paused(workers, 10);
        waiting = check_fill(pool, &o, steps, &next, waiting, 10);
        for (size_t i = 0; i < COUNT_OF(capacities); i++) {
            set_capacity(pool, capacities[i]);
            waiting = check_fill(pool, &o, steps, &next, waiting, capacities[i]);
        }
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(next, 1000);
        if (workers == 1) order_check(&o, 0, next);
        CHECK_EQ(atomic_load(&o.count), next);
        test_await_idle(pool);
        CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        check_fill(pool, &o, steps, &next, 0, 5);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&o.count), 1005);
    }
}

/* A job that says that it runs and goes on, in the order of the permits. */
typedef struct stage {
    hold h;
    order o;
} stage;

static stage the_stage = {.h = HOLD_EMPTY};

static int stage_job(void *arg, wpool_job *job) {
    hold_job(&the_stage.h, job);
    order_add(&the_stage.o, (unsigned)(uintptr_t)arg);
    return 0;
}

/* The worker goes on by some jobs, the capacity changes, the pool is filled: again and again, so
   the ring is grown and shrunk wherever its first job may be. */
TEST(rings_grow_and_shrink_with_jobs_anywhere_in_them) {
    NEEDS_WORKERS();
    uint64_t random = test_seed();
    for (int round = 0; round < ROUNDS / 10; round++) {
        unsigned submitted = 1, released = 0, changes = 0;
        wpool *pool = test_pool_of(1, 1 + test_random(&random) % 20);
        the_stage = (stage){.h = HOLD_EMPTY};
        hold_init(&the_stage.h);
        CHECK_EQ(wpool_submit(pool, stage_job, (void *)0, NULL), WPOOL_OK);
        gate_await_count(&the_stage.h.running, 1);
        for (; submitted < 1500; changes++) {
            const unsigned queued = submitted - released - 1;
            const size_t capacity = 1 + test_random(&random) % (changes % 4 ? 30 : 200);
            unsigned steps = (unsigned)(test_random(&random) % (queued + 1));
            hold_release(&the_stage.h, steps);
            released += steps;
            gate_await_count(&the_stage.h.running, released + 1);
            test_await_running(pool, 1);
            set_capacity(pool, capacity);
            while (submitted - released - 1 < capacity && submitted < 2000) {
                void *arg = (void *)(uintptr_t)submitted++;
                CHECK_EQ(wpool_try_submit(pool, stage_job, arg, NULL), WPOOL_OK);
            }
            CHECK_EQ(test_stats(pool).waiting, submitted - released - 1);
            if (submitted < 2000)
                CHECK_EQ(wpool_try_submit(pool, stage_job, NULL, NULL), WPOOL_FULL);
        }
        hold_release(&the_stage.h, submitted - released);
        test_destroy(pool);
        order_check(&the_stage.o, 0, submitted);
    }
}

static void no_more_memory(memory *m) {
    m->first_denied = 1;
    m->last_denied = UINT32_MAX;
}

TEST(a_capacity_there_is_no_memory_for_changes_nothing) {
    static const size_t huge[] = {SIZE_MAX - 1,   SIZE_MAX / 2,    SIZE_MAX / 4,
                                  SIZE_MAX / 16,  SIZE_MAX / 24,   SIZE_MAX / 64,
                                  SIZE_MAX / 100, SIZE_MAX / 1000, (size_t)1 << 40};
    const size_t large[] = {1025, 5000, 100000};
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){
        .workers = 2, .queue_capacity = 10, .start_paused = true, .allocator = &allocator});
    count_submit(pool, &count, 10);
    wpool_config config = pool_config(pool);
    for (size_t i = 0; i < COUNT_OF(huge) + COUNT_OF(large); i++) {
        const wpool_config before = pool_config(pool);
        const wpool_stats_snapshot stats = test_stats(pool);
        const bool is_huge = i < COUNT_OF(huge);
        if (!is_huge) no_more_memory(&used);
        config.queue_capacity = is_huge ? huge[i] : large[i - COUNT_OF(huge)];
        pool_change_policies(&config);
        const wpool_status status = wpool_configure(pool, &config);
        CHECK(status == WPOOL_NO_MEMORY || (is_huge && status == WPOOL_INVALID));
        const char *field = wpool_config_conflict(pool, &config);
        CHECK_EQ(field != NULL, status == WPOOL_INVALID);
        if (field) CHECK_STR(field, "queue_capacity");
        check_unchanged(pool, &before, stats);
        CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    }
    used.first_denied = used.last_denied = 0;
    set_capacity(pool, 5000);
    count_submit(pool, &count, 4990);
    CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 5000);
    memory_check_empty(&used);
}

/* ---- blocked submitters ---- */

typedef struct blocked {
    wpool *pool;
    bool is_timed;
    wpool_status expected;
    atomic_uint count;
} blocked;

static void submit_blocked(void *arg) {
    blocked *b = (blocked *)arg;
    const wpool_options options = {.timeout = b->is_timed ? WPOOL_SECONDS(1000) : 0};
    CHECK_EQ(wpool_submit_with(b->pool, count_job, &b->count, &options, NULL), b->expected);
}

static void await_waiting(wpool *pool, uint64_t count) {
    while (test_stats(pool).waiting != count)
        sched_yield();
    test_let_others_run();
    CHECK_EQ(test_stats(pool).waiting, count);
}

TEST(blocked_submitters_go_on_when_there_is_room) {
    NEEDS_WORKERS();
    for (int is_timed = 0; is_timed < 2; is_timed++) {
        helper threads[8];
        blocked b = {.pool = test_pool_paused(2, 1), .is_timed = is_timed};
        count_submit(b.pool, &b.count, 1);
        for (size_t i = 0; i < COUNT_OF(threads); i++) {
            helper_start(&threads[i], submit_blocked, &b);
            helper_await_sleep(&threads[i]);
        }
        set_capacity(b.pool, 2);
        await_waiting(b.pool, 2);
        set_capacity(b.pool, 1);
        await_waiting(b.pool, 2);
        set_capacity(b.pool, 6);
        await_waiting(b.pool, 6);
        set_capacity(b.pool, 9);
        await_waiting(b.pool, 9);
        for (size_t i = 0; i < COUNT_OF(threads); i++)
            helper_join(&threads[i]);
        CHECK_EQ(wpool_try_submit(b.pool, count_job, &b.count, NULL), WPOOL_FULL);
        test_destroy(b.pool);
        CHECK_EQ(atomic_load(&b.count), 9);
    }
}

/* Above the new capacity each job that starts makes no room, until fewer wait. */
TEST(blocked_submitters_wait_until_fewer_are_queued_than_the_new_capacity) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    helper thread;
    blocked b = {.pool = test_pool_of(1, 10)};
    hold_workers(&h, b.pool, 1);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(wpool_submit(b.pool, hold_job, &h, NULL), WPOOL_OK);
    set_capacity(b.pool, 3);
    helper_start(&thread, submit_blocked, &b);
    for (unsigned run = 1; run <= 7; run++) {
        hold_release(&h, 1);
        gate_await_count(&h.running, 1 + run);
        await_waiting(b.pool, 10 - run);
        helper_await_sleep(&thread);
        CHECK(!atomic_load(&thread.is_finished));
    }
    hold_release(&h, 1);
    helper_join(&thread);
    hold_release(&h, 10);
    test_destroy(b.pool);
    CHECK_EQ(atomic_load(&b.count), 1);
}

TEST(blocked_submitters_are_sent_home_all_the_same) {
    NEEDS_WORKERS();
    helper threads[3];
    blocked b = {.pool = test_pool_paused(2, 4), .expected = WPOOL_CLOSED};
    count_submit(b.pool, &b.count, 4);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        helper_start(&threads[i], submit_blocked, &b);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        helper_await_sleep(&threads[i]);
    set_capacity(b.pool, 2);
    CHECK_EQ(wpool_close(b.pool), WPOOL_OK);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        helper_join(&threads[i]);
    set_capacity(b.pool, 20);
    CHECK_EQ(wpool_submit(b.pool, count_job, &b.count, NULL), WPOOL_CLOSED);
    test_destroy(b.pool);
    CHECK_EQ(atomic_load(&b.count), 4);
}

/* ---- unbuffered and back ---- */

TEST(an_unbuffered_pool_gets_a_buffer_and_loses_it) {
    NEEDS_WORKERS();
    for (int round = 0; round < ROUNDS / 5; round++) {
        hold h = HOLD_EMPTY, again = HOLD_EMPTY;
        helper thread;
        blocked b = {.pool = test_pool_of(2, WPOOL_UNBUFFERED)};
        hold_workers(&h, b.pool, 2);
        helper_start(&thread, submit_blocked, &b);
        helper_await_sleep(&thread);
        CHECK_EQ(wpool_try_submit(b.pool, count_job, &b.count, NULL), WPOOL_FULL);
        set_capacity(b.pool, 3);
        helper_join(&thread);
        count_submit(b.pool, &b.count, 2);
        CHECK_EQ(wpool_try_submit(b.pool, count_job, &b.count, NULL), WPOOL_FULL);
        set_capacity(b.pool, WPOOL_UNBUFFERED);
        CHECK_EQ(test_stats(b.pool).waiting, 3);
        CHECK_EQ(wpool_try_submit(b.pool, count_job, &b.count, NULL), WPOOL_FULL);
        hold_release(&h, 2);
        test_drain(b.pool);
        CHECK_EQ(atomic_load(&b.count), 3);
        hold_workers(&again, b.pool, 2);
        CHECK_EQ(wpool_try_submit(b.pool, count_job, &b.count, NULL), WPOOL_FULL);
        set_capacity(b.pool, 1);
        CHECK_EQ(wpool_try_submit(b.pool, count_job, &b.count, NULL), WPOOL_OK);
        CHECK_EQ(wpool_try_submit(b.pool, count_job, &b.count, NULL), WPOOL_FULL);
        hold_release(&again, 2);
        test_destroy(b.pool);
        CHECK_EQ(atomic_load(&b.count), 4);
    }
}

TEST(an_unbuffered_pool_gets_other_workers_with_its_buffer) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY, more = HOLD_EMPTY;
    atomic_uint count = 0;
    wpool *pool = test_pool_of(3, WPOOL_UNBUFFERED);
    wpool_config config = pool_config(pool);
    hold_workers(&h, pool, 3);
    config.workers = 5;
    config.queue_capacity = 2;
    configure(pool, config);
    hold_workers(&more, pool, 2);
    count_submit(pool, &count, 2);
    CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    config.workers = 1;
    config.queue_capacity = WPOOL_UNBUFFERED;
    configure(pool, config);
    CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    hold_release(&h, 3);
    hold_release(&more, 2);
    test_drain(pool);
    h = more = (hold)HOLD_EMPTY;
    hold_workers(&h, pool, 1);
    CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    hold_release(&h, 1);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 2);
}

/* ---- when_full ---- */

static void set_when_full(wpool *pool, wpool_when_full when_full) {
    wpool_config config = pool_config(pool);
    config.when_full = when_full;
    configure(pool, config);
    CHECK_EQ(pool_config(pool).when_full, when_full);
}

TEST(what_happens_when_it_is_full_changes) {
    for (int round = 0; round < 5; round++) {
        atomic_uint queued = 0, count = 0;
        wpool *pool = pool_from((wpool_config){
            .workers = 2, .queue_capacity = 10, .when_full = WPOOL_REFUSE, .start_paused = true});
        count_submit(pool, &queued, 10);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_FULL);
        set_when_full(pool, WPOOL_RUN);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
        CHECK_EQ(atomic_load(&count), 1);
        set_when_full(pool, WPOOL_DROP_OLDEST);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
        CHECK_EQ(test_stats(pool).discarded, 2);
        CHECK_EQ(atomic_load(&count), 1);
        set_when_full(pool, WPOOL_REFUSE);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_FULL);
        CHECK_EQ(test_stats(pool).waiting, 10);
        set_when_full(pool, WPOOL_BLOCK);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        count_submit(pool, &count, 100);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&queued), 8);
        CHECK_EQ(atomic_load(&count), 103);
    }
}

/* WPOOL_DROP_OLDEST wants workers that take no batches: the oldest one is among what is queued. */
TEST(drop_oldest_drops_the_oldest_after_a_change) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    static step steps[30];
    order o = {0};
    wpool *pool = test_pool_of(1, 10);
    hold_workers(&h, pool, 1);
    set_when_full(pool, WPOOL_DROP_OLDEST);
    steps_submit(pool, steps, &o, 0, 30, NULL);
    CHECK_EQ(test_stats(pool).discarded, 20);
    hold_release(&h, 1);
    test_destroy(pool);
    order_check(&o, 20, 10);
}

TEST(after_a_change_to_drop_oldest_workers_take_one_job_at_a_time) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    static step steps[20];
    order o = {0};
    wpool *pool = test_pool_paused(1, 10);
    hold_init(&h);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    steps_submit(pool, steps, &o, 0, 9, NULL);
    set_when_full(pool, WPOOL_DROP_OLDEST); /* it is full: the worker begins with what it has now */
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    gate_await_count(&h.running, 1);
    steps_submit(pool, steps, &o, 9, COUNT_OF(steps), NULL);
    CHECK_EQ(test_stats(pool).discarded, 10);
    hold_release(&h, 1);
    test_destroy(pool);
    order_check(&o, 10, 10);
}

/* What a worker has in its hands cannot be dropped, and nothing comes above the capacity. */
TEST(drop_oldest_comes_while_a_worker_has_a_batch_in_its_hands) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    atomic_uint count = 0;
    wpool *pool = test_pool_paused(1, 20);
    hold_init(&h);
    CHECK_EQ(wpool_submit(pool, hold_job, &h, NULL), WPOOL_OK);
    count_submit(pool, &count, 19);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    gate_await_count(&h.running, 1);
    set_when_full(pool, WPOOL_DROP_OLDEST);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK(test_stats(pool).waiting <= 20);
    hold_release(&h, 1);
    test_drain(pool);
    const wpool_stats_snapshot stats = test_stats(pool);
    CHECK_EQ(stats.discarded + atomic_load(&count), 119);
    test_destroy(pool);
}

TEST(a_smaller_capacity_drops_nothing_by_itself) {
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 20, .when_full = WPOOL_DROP_OLDEST, .start_paused = true});
    count_submit(pool, &count, 20);
    set_capacity(pool, 5);
    CHECK_EQ(test_stats(pool).waiting, 20);
    CHECK_EQ(test_stats(pool).discarded, 0);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK(test_stats(pool).waiting <= 20);
    CHECK(test_stats(pool).discarded >= 1);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).discarded + atomic_load(&count), 21);
    test_destroy(pool);
}

/* A submitter that is blocked already has its room or its answer in the end. */
static void submit_and_see(void *arg) {
    blocked *b = (blocked *)arg;
    const wpool_status status = wpool_submit(b->pool, count_job, &b->count, NULL);
    CHECK(status == WPOOL_OK || status == WPOOL_FULL);
    if (status == WPOOL_FULL) atomic_fetch_add(&b->count, 1);
}

TEST(blocked_submitters_end_whatever_the_pool_becomes) {
    NEEDS_WORKERS();
    for (int when_full = WPOOL_REFUSE; when_full <= WPOOL_DROP_OLDEST; when_full++) {
        helper threads[3];
        atomic_uint queued = 0;
        blocked b = {.pool = test_pool_paused(2, 2)};
        count_submit(b.pool, &queued, 2);
        for (size_t i = 0; i < COUNT_OF(threads); i++) {
            helper_start(&threads[i], submit_and_see, &b);
            helper_await_sleep(&threads[i]);
        }
        set_when_full(b.pool, (wpool_when_full)when_full);
        CHECK_EQ(wpool_start(b.pool), WPOOL_OK);
        for (size_t i = 0; i < COUNT_OF(threads); i++)
            helper_join(&threads[i]);
        test_drain(b.pool);
        CHECK_EQ(atomic_load(&b.count) + atomic_load(&queued) + test_stats(b.pool).discarded, 5);
        test_destroy(b.pool);
    }
}

/* ---- help ---- */

static void set_help(wpool *pool, wpool_help help) {
    wpool_config config = pool_config(pool);
    config.help = help;
    configure(pool, config);
    CHECK_EQ(pool_config(pool).help, help);
}

typedef struct waiting {
    hold h;
    gate waits;
    wpool_id id;
    atomic_uint count;
} waiting;

static int wait_job(void *arg, wpool_job *job) {
    waiting *w = (waiting *)arg;
    count_submit(wpool_job_pool(job), &w->count, 20);
    gate_count_up(&w->waits);
    CHECK_EQ(wpool_wait(wpool_job_pool(job), w->id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

/* On one worker, while the other one holds: it runs what is queued, or it sleeps. */
static void check_help(wpool *pool, wpool_help help) {
    waiting w = {.h = HOLD_EMPTY, .waits = GATE_CLOSED};
    set_help(pool, help);
    hold_init(&w.h);
    CHECK_EQ(wpool_submit(pool, hold_job, &w.h, &w.id), WPOOL_OK);
    gate_await_count(&w.h.running, 1);
    CHECK_EQ(wpool_submit(pool, wait_job, &w, NULL), WPOOL_OK);
    gate_await_count(&w.waits, 1);
    while (help == WPOOL_HELP_ANY && atomic_load(&w.count) < 20)
        sched_yield();
    test_let_others_run();
    CHECK_EQ(atomic_load(&w.count), help == WPOOL_HELP_ANY ? 20 : 0);
    hold_release(&w.h, 1);
    test_drain(pool);
    CHECK_EQ(atomic_load(&w.count), 20);
}

TEST(the_way_to_help_changes) {
    NEEDS_WORKERS();
    static const wpool_help ways[] = {WPOOL_HELP_NARROW, WPOOL_HELP_ANY, WPOOL_HELP_NONE,
                                      WPOOL_HELP_ANY, WPOOL_HELP_NARROW};
    wpool *pool = pool_of(2);
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        check_help(pool, ways[i]);
    test_destroy(pool);
}

/* ---- workers ---- */

TEST(workers_and_their_limits_change_together) {
    NEEDS_WORKERS();
    wpool *pool = pool_of(2);
    check_workers(pool, 2, 0, 0);
    set_workers(pool, 5, 3, 6);
    check_workers(pool, 5, 3, 6);
    CHECK_EQ(wpool_scale_to(pool, 7, WPOOL_GRACEFUL), WPOOL_INVALID);
    CHECK_EQ(wpool_scale_to(pool, 2, WPOOL_GRACEFUL), WPOOL_INVALID);
    CHECK_EQ(wpool_scale_to(pool, 6, WPOOL_GRACEFUL), WPOOL_OK);
    check_workers(pool, 6, 3, 6);
    set_workers(pool, 1, 1, 2);
    check_workers(pool, 1, 1, 2);
    set_workers(pool, 1, 0, 0);
    CHECK_EQ(wpool_scale_to(pool, 9, WPOOL_GRACEFUL), WPOOL_OK);
    check_workers(pool, 9, 0, 0);
    set_workers(pool, 3, 2, 0);
    CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_GRACEFUL), WPOOL_INVALID);
    CHECK_EQ(wpool_scale_to(pool, 9, WPOOL_GRACEFUL), WPOOL_OK);
    set_workers(pool, 9, 0, 9);
    CHECK_EQ(wpool_scale_to(pool, 10, WPOOL_GRACEFUL), WPOOL_INVALID);
    CHECK_EQ(wpool_scale_to(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    await_gone(pool, 1);
    set_workers(pool, 0, 4, 9);
    check_workers(pool, 4, 4, 9);
    test_destroy(pool);
}

TEST(workers_that_are_too_many_leave_gracefully) {
    NEEDS_WORKERS();
    task tasks[5] = {{0}};
    gate door = GATE_CLOSED;
    atomic_uint count = 0;
    wpool *pool = pool_of(5);
    for (int i = 0; i < 5; i++) {
        tasks[i].door = &door;
        task_submit(pool, &tasks[i], NULL);
    }
    gate_await_count(&door, 5);
    count_submit(pool, &count, 100);
    set_workers(pool, 2, 1, 2);
    check_workers(pool, 2, 1, 2);
    CHECK_EQ(test_stats(pool).workers_leaving, 3);
    gate_open(&door);
    test_drain(pool);
    await_gone(pool, 2);
    CHECK_EQ(atomic_load(&count), 100);
    for (int i = 0; i < 5; i++)
        CHECK(!atomic_load(&tasks[i].was_told));
    test_destroy(pool);
}

TEST(those_that_leave_count_against_the_new_limit) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    wpool *pool = pool_from((wpool_config){.workers = 3, .min_workers = 1, .max_workers = 3});
    hold_workers(&h, pool, 3);
    set_workers(pool, 1, 1, 3);
    wpool_config config = pool_config(pool);
    config.workers = config.min_workers = 3;
    config.queue_capacity = 7;
    pool_change_policies(&config);
    CHECK(wpool_config_conflict(pool, &config) == NULL); /* it is no matter of the config */
    check_refused(pool, config, WPOOL_NO_THREAD);
    config.workers = 2;
    config.min_workers = 1;
    check_refused(pool, config, WPOOL_NO_THREAD);
    config.max_workers = 4;
    configure(pool, config);
    check_workers(pool, 2, 1, 4);
    hold_release(&h, 3);
    test_drain(pool);
    await_gone(pool, 2);
    config.workers = 4;
    configure(pool, config);
    hold again = HOLD_EMPTY;
    hold_workers(&again, pool, 4);
    hold_release(&again, 4);
    test_destroy(pool);
}

/* ---- an inline pool ---- */

TEST(an_inline_pool_changes_what_does_not_concern_workers) {
    atomic_uint count = 0;
    wpool *pool = test_pool(&(wpool_config){.max_workers = WPOOL_INLINE, .queue_capacity = 3});
    wpool_config config = pool_config(pool);
    CHECK_EQ(config.max_workers, WPOOL_INLINE);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    count_submit(pool, &count, 3);
    CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    config.queue_capacity = 5;
    config.when_full = WPOOL_REFUSE;
    config.help = WPOOL_HELP_ANY;
    configure(pool, config);
    count_submit(pool, &count, 2);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    config.workers = 5;
    config.min_workers = 7;
    configure(pool, config);
    CHECK_EQ(pool_config(pool).max_workers, WPOOL_INLINE);
    CHECK_EQ(pool_config(pool).queue_capacity, 5);
    CHECK_EQ(test_stats(pool).workers, 0);
    config.queue_capacity = 2;
    configure(pool, config);
    CHECK_EQ(test_stats(pool).waiting, 5);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(atomic_load(&count), 5);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    count_submit(pool, &count, 2);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 7);
}

/* ---- from inside, and all at once ---- */

static int configure_job(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    for (unsigned i = 0; i < 20; i++) {
        count_submit(pool, (atomic_uint *)arg, 10);
        set_capacity(pool, i % 2 ? 100 : 1);
        set_when_full(pool, i % 3 ? WPOOL_RUN : WPOOL_BLOCK);
    }
    return 0;
}

TEST(a_job_makes_its_pool_otherwise) { test_from_inside(configure_job, 200); }

typedef struct storm {
    wpool *pool;
    uint64_t seed;
    atomic_uint accepted, refused, ran, dropped;
    atomic_bool is_over;
} storm;

static int storm_job(void *arg, wpool_job *job) {
    storm *s = (storm *)arg;
    (void)job;
    if (atomic_fetch_add(&s->ran, 1) % 16 == 0) sched_yield();
    return 0;
}

static void configure_at_random(void *arg) {
    static const size_t capacities[] = {1, 2, 7, 64, 65, 300, 1024, 5000, WPOOL_UNBUFFERED};
    storm *s = (storm *)arg;
    while (!atomic_load(&s->is_over)) {
        wpool_config config = pool_config(s->pool);
        config.queue_capacity = capacities[test_choose(s->seed, COUNT_OF(capacities))];
        config.when_full = (wpool_when_full)test_choose(s->seed, WPOOL_DROP_OLDEST + 1);
        config.help = (wpool_help)test_choose(s->seed, WPOOL_HELP_NONE);
        if (!POOL_IS_INLINE) {
            config.workers = 1 + (unsigned)test_choose(s->seed, 5);
            config.min_workers = (unsigned)test_choose(s->seed, 2);
            config.max_workers = test_choose(s->seed, 2) ? 5 : 0;
        }
        const wpool_status status = wpool_configure(s->pool, &config);
        CHECK(status == WPOOL_OK || (status == WPOOL_NO_THREAD && config.max_workers == 5));
        if (test_choose(s->seed, 3) == 0) sched_yield();
    }
}

static void scale_at_random(void *arg) {
    storm *s = (storm *)arg;
    while (!atomic_load(&s->is_over)) {
        const unsigned workers = 1 + (unsigned)test_choose(s->seed, 6);
        const wpool_status status = wpool_scale_to(s->pool, workers, WPOOL_GRACEFUL);
        CHECK(status == WPOOL_OK || status == WPOOL_INVALID || status == WPOOL_NO_THREAD);
        const wpool_config config = pool_config(s->pool);
        CHECK(config.workers >= 1 && config.workers <= 6);
        CHECK(config.max_workers == 0 || config.workers <= config.max_workers);
        sched_yield();
    }
}

static void storm_done(void *arg, const wpool_result *result) {
    storm *s = (storm *)arg;
    if (result->state == WPOOL_STATE_DISCARDED) atomic_fetch_add(&s->dropped, 1);
}

static void submit_at_random(void *arg) {
    const wpool_options options = {.on_done = storm_done};
    storm *s = (storm *)arg;
    for (int accepted = 0; accepted < STEPS;) {
        wpool_status status;
        wpool_job job;
        switch (test_choose(s->seed, 3)) {
        case 0:
            wpool_job_init(&job, storm_job, s);
            status = wpool_submit_job(s->pool, &job, &options);
            if (status == WPOOL_OK) CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
            break;
        case 1:
            status = wpool_try_submit(s->pool, storm_job, s, NULL);
            break;
        default:
            status = wpool_submit(s->pool, storm_job, s, NULL);
        }
        CHECK(status == WPOOL_OK || status == WPOOL_FULL);
        atomic_fetch_add(status == WPOOL_OK ? &s->accepted : &s->refused, 1);
        accepted += status == WPOOL_OK;
        if (status == WPOOL_FULL) sched_yield();
    }
}

TEST(a_storm_of_changes_loses_no_job) {
    NEEDS_WORKERS();
    const surroundings before = surroundings_now();
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    helper configurers[2], scaler, submitters[4];
    storm s = {.seed = test_seed()};
    s.pool = pool_from((wpool_config){.workers = 2, .allocator = &allocator});
    for (size_t i = 0; i < COUNT_OF(configurers); i++)
        helper_start(&configurers[i], configure_at_random, &s);
    helper_start(&scaler, scale_at_random, &s);
    for (size_t i = 0; i < COUNT_OF(submitters); i++)
        helper_start(&submitters[i], submit_at_random, &s);
    for (size_t i = 0; i < COUNT_OF(submitters); i++)
        helper_join(&submitters[i]);
    atomic_store(&s.is_over, true);
    for (size_t i = 0; i < COUNT_OF(configurers); i++)
        helper_join(&configurers[i]);
    helper_join(&scaler);
    test_drain(s.pool);
    const wpool_stats_snapshot stats = test_stats(s.pool);
    CHECK_EQ(stats.accepted, atomic_load(&s.accepted));
    CHECK_EQ(stats.succeeded, atomic_load(&s.ran));
    CHECK_EQ(stats.succeeded + stats.discarded, stats.accepted);
    CHECK(atomic_load(&s.dropped) <= stats.discarded);
    set_when_full(s.pool, WPOOL_REFUSE);
    set_capacity(s.pool, 9);
    CHECK_EQ(wpool_pause(s.pool), WPOOL_OK);
    for (int i = 0; i < 9; i++)
        CHECK_EQ(wpool_submit(s.pool, storm_job, &s, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(s.pool, storm_job, &s, NULL), WPOOL_FULL);
    test_destroy(s.pool);
    memory_check_empty(&used);
    surroundings_check(before);
    printf("%u accepted, %u refused\n", atomic_load(&s.accepted), atomic_load(&s.refused));
}
