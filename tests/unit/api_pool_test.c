/* Making a pool, what its jobs answer, its names, start, pause, close and stop: rows A1, A2, A7
   and A8. Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include <dirent.h>
#include <limits.h>

/* ---- A1: configs ---- */

static void run_100_jobs(wpool *pool) {
    atomic_uint count = 0;
    count_submit(pool, &count, 100);
    test_destroy(pool);
    CHECK_EQ(count, 100);
}

TEST(a_pool_without_a_config_works) { run_100_jobs(test_pool(NULL)); }

TEST(a_pool_with_a_zero_config_works) {
    wpool_config config = test_config();
    run_100_jobs(test_pool(&config));
}

static unsigned workers_of(wpool_config config) {
    wpool *pool = test_pool(&config);
    unsigned workers = test_stats(pool).workers;
    test_destroy(pool);
    return workers;
}

TEST(zero_workers_means_one_per_usable_cpu) {
    NEEDS_THREADS();
    CHECK_EQ(workers_of((wpool_config){0}), wpool_cpus());
}

TEST(the_limits_choose_the_workers_where_none_are_given) {
    NEEDS_THREADS();
    CHECK_EQ(workers_of((wpool_config){.min_workers = 7}), 7);
    CHECK_EQ(workers_of((wpool_config){.max_workers = 1}), 1);
    CHECK_EQ(workers_of((wpool_config){.min_workers = 3, .max_workers = 5}), 3);
    CHECK_EQ(workers_of((wpool_config){.workers = 4, .min_workers = 3, .max_workers = 5}), 4);
}

TEST(an_inline_pool_has_no_threads) {
    CHECK_EQ(workers_of((wpool_config){.max_workers = WPOOL_INLINE}), 0);
    run_100_jobs(test_pool(&(wpool_config){.max_workers = WPOOL_INLINE}));
}

static unsigned allowed_cpus(cpu_set_t *cpus) {
    CHECK_EQ(sched_getaffinity(0, sizeof *cpus, cpus), 0);
    return (unsigned)CPU_COUNT(cpus);
}

TEST(cpus_are_at_most_those_of_the_affinity_mask) {
    cpu_set_t cpus;
    CHECK(wpool_cpus() >= 1);
    CHECK(wpool_cpus() <= allowed_cpus(&cpus));
}

TEST(cpus_follow_the_affinity_mask) {
    cpu_set_t cpus;
    size_t cpu = 0;
    allowed_cpus(&cpus);
    while (!CPU_ISSET(cpu, &cpus))
        cpu++;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    CHECK_EQ(sched_setaffinity(0, sizeof cpus, &cpus), 0);
    CHECK_EQ(wpool_cpus(), 1);
}

TEST(io_workers_are_ten_per_cpu) { CHECK_EQ(wpool_io_workers(), 10 * wpool_cpus()); }

static void check_refused(wpool_config config) {
    int something;
    wpool *pool = (wpool *)(void *)&something;
    CHECK_EQ(wpool_create(&pool, &config), WPOOL_INVALID);
    CHECK(pool == NULL);
}

TEST(contradictory_numbers_of_workers_are_refused) {
    NEEDS_THREADS();
    check_refused((wpool_config){.workers = 4, .max_workers = 3});
    check_refused((wpool_config){.workers = 2, .min_workers = 3});
    check_refused((wpool_config){.min_workers = 5, .max_workers = 4});
    check_refused((wpool_config){.workers = 3, .min_workers = 1, .max_workers = 2});
    check_refused((wpool_config){.workers = 3, .min_workers = 4, .max_workers = 5});
    check_refused((wpool_config){.workers = WPOOL_MAX_WORKERS + 1});
    check_refused((wpool_config){.workers = 1, .max_workers = WPOOL_MAX_WORKERS + 1});
}

TEST(values_that_do_not_exist_are_refused) {
    wpool_config config = test_config();
    config.when_full = (wpool_when_full)(WPOOL_DROP_OLDEST + 1);
    check_refused(config);
    config = test_config();
    config.help = (wpool_help)(WPOOL_HELP_NONE + 1);
    check_refused(config);
    config = test_config();
    config.queue_capacity = SIZE_MAX / 2;
    check_refused(config);
    config.queue_capacity = SIZE_MAX - 1;
    check_refused(config);
}

TEST(half_an_allocator_is_refused) {
    memory counts = {0};
    wpool_allocator allocator = memory_allocator(&counts);
    wpool_config config = test_config();
    config.allocator = &allocator;
    allocator.free = NULL;
    check_refused(config);
    allocator = memory_allocator(&counts);
    allocator.alloc = NULL;
    check_refused(config);
}

TEST(a_pool_needs_a_place_to_be_put) { CHECK_EQ(wpool_create(NULL, NULL), WPOOL_INVALID); }

TEST(a_pool_keeps_a_copy_of_its_allocator_and_returns_everything) {
    memory counts = {0};
    wpool_allocator allocator = memory_allocator(&counts);
    wpool *pool = pool_from((wpool_config){.workers = 3, .allocator = &allocator});
    memset(&allocator, 0, sizeof allocator);
    CHECK(counts.blocks > 0);
    wpool_id id;
    atomic_uint count = 0;
    for (int i = 0; i < 500; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
    test_destroy(pool);
    CHECK_EQ(count, 500);
    memory_check_empty(&counts);
}

/* ---- A2: what a job answers ---- */

typedef struct answer {
    int error;
    void *data;
    wpool_id own_id;
    wpool *own_pool;
    unsigned attempt;
} answer;

static int answer_job(void *arg, wpool_job *job) {
    answer *a = (answer *)arg;
    a->own_id = wpool_job_id(job);
    a->own_pool = wpool_job_pool(job);
    a->attempt = wpool_job_attempt(job);
    wpool_set_result(job, a->data);
    return a->error;
}

static void check_answer(wpool *pool, const answer *a, const wpool_result *result, wpool_id id) {
    CHECK_EQ(result->id, id);
    CHECK_EQ(result->error, a->error);
    CHECK_EQ(result->state, a->error ? WPOOL_STATE_FAILED : WPOOL_STATE_SUCCEEDED);
    CHECK(result->arg == a);
    CHECK(result->data == a->data);
    CHECK_EQ(result->attempts, 1);
    CHECK(result->waited_ns >= 0 && result->ran_ns >= 0);
    CHECK(result->worker == WPOOL_INLINE || result->worker < 2);
    CHECK_EQ(a->own_id, id);
    CHECK(a->own_pool == pool);
    CHECK_EQ(a->attempt, 1);
}

TEST(error_and_data_reach_the_submitter) {
    int errors[] = {0, 1, -1, 42, INT_MAX, INT_MIN};
    wpool *pool = test_pool_of(2, 0);
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        answer by_id = {.error = errors[i], .data = &errors[i]}, owned = by_id;
        wpool_job job;
        wpool_result result;
        wpool_id id;
        CHECK_EQ(wpool_submit(pool, answer_job, &by_id, &id), WPOOL_OK);
        CHECK(id != 0);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
        check_answer(pool, &by_id, &result, id);
        wpool_job_init(&job, answer_job, &owned);
        CHECK_EQ(wpool_submit_job(pool, &job, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(wpool_job_result(&job, &result), WPOOL_OK);
        check_answer(pool, &owned, &result, 0);
        CHECK_EQ(job.error, errors[i]);
        CHECK(job.data == owned.data);
    }
    test_destroy(pool);
}

TEST(a_plain_job_knows_its_pool_and_has_no_id) {
    wpool *pool = test_pool_of(2, 0);
    answer a = {.own_id = 1};
    CHECK_EQ(wpool_submit(pool, answer_job, &a, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(a.own_id, 0);
    CHECK(a.own_pool == pool);
    CHECK_EQ(a.attempt, 1);
    CHECK_EQ(test_stats(pool).succeeded, 1);
    test_destroy(pool);
}

/* ---- A7: names and identity ---- */

/* Has the process a thread of that name? */
static bool thread_is_named(const char *name) {
    char path[300], line[64];
    bool found = false;
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    while (!found && (entry = readdir(tasks)) != NULL) {
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        if (fgets(line, sizeof line, file)) {
            line[strcspn(line, "\n")] = '\0';
            found = strcmp(line, name) == 0;
        }
        fclose(file);
    }
    closedir(tasks);
    return found;
}

/* The threads of a pool with this name are "cut-0" to "cut-<workers - 1>". */
static void check_thread_names(const char *name, const char *cut, unsigned workers) {
    gate g = GATE_CLOSED;
    wpool_config config = {.name = name, .workers = workers};
    wpool *pool = test_pool(&config);
    for (unsigned i = 0; i < workers; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
    gate_await_count(&g, workers);
    for (unsigned i = 0; i < workers; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "%s-%u", cut, i);
        CHECK(thread_is_named(expected));
    }
    gate_open(&g);
    test_destroy(pool);
}

TEST(threads_have_the_name_of_the_pool_and_a_number) {
    NEEDS_WORKERS();
    check_thread_names(NULL, "wpool", 3);
    check_thread_names("crawler", "crawler", 4);
    check_thread_names("thirteen char", "thirteen char", 3);
}

TEST(a_long_name_is_cut_before_the_number) {
    NEEDS_WORKERS();
    check_thread_names("a name of many letters", "a name of man", 10);
    wpool_config config = {.name = "a name of many letters", .workers = 12};
    gate g = GATE_CLOSED;
    wpool *pool = test_pool(&config);
    for (unsigned i = 0; i < 12; i++)
        CHECK_EQ(wpool_submit(pool, gate_job, &g, NULL), WPOOL_OK);
    gate_await_count(&g, 12);
    CHECK(thread_is_named("a name of man-9"));
    CHECK(thread_is_named("a name of ma-10"));
    CHECK(thread_is_named("a name of ma-11"));
    gate_open(&g);
    test_destroy(pool);
}

static wpool_info info_of(wpool *pool) {
    wpool_info info;
    CHECK_EQ(wpool_get_info(pool, &info), WPOOL_OK);
    return info;
}

TEST(info_has_a_copy_of_the_name) {
    char name[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    wpool_config config = test_config();
    wpool *unnamed = test_pool(&config);
    config.name = name;
    wpool *named = test_pool(&config);
    memset(name, '?', sizeof name - 1);
    CHECK_STR(info_of(unnamed).name, "wpool");
    CHECK_STR(info_of(named).name, "abcdefghijklmnopqrstuvwxyz01234");
    test_destroy(unnamed);
    test_destroy(named);
}

TEST(the_uuid_is_a_version_4_one) {
    wpool *pool = test_pool_of(1, 0);
    wpool_info info = info_of(pool);
    CHECK_EQ(strlen(info.uuid), 36);
    for (int i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23)
            CHECK_EQ(info.uuid[i], '-');
        else
            CHECK(strchr("0123456789abcdef", info.uuid[i]) != NULL);
    CHECK_EQ(info.uuid[14], '4');
    CHECK(strchr("89ab", info.uuid[19]) != NULL);
    test_destroy(pool);
}

TEST(the_id_is_the_first_half_of_the_uuid) {
    wpool *pool = test_pool_of(1, 0);
    wpool_info info = info_of(pool);
    char digits[17] = "";
    for (int i = 0, n = 0; n < 16; i++)
        if (info.uuid[i] != '-') digits[n++] = info.uuid[i];
    CHECK(info.id == strtoull(digits, NULL, 16));
    CHECK(info_of(pool).id == info.id);
    CHECK_STR(info_of(pool).uuid, info.uuid);
    test_destroy(pool);
}

TEST(no_two_pools_have_the_same_identity) {
    wpool_info infos[20];
    for (size_t i = 0; i < COUNT_OF(infos); i++) {
        wpool *pool = test_pool_of(1, 0);
        infos[i] = info_of(pool);
        test_destroy(pool);
        for (size_t j = 0; j < i; j++) {
            CHECK(infos[i].id != infos[j].id);
            CHECK(strcmp(infos[i].uuid, infos[j].uuid) != 0);
        }
    }
}

/* ---- A8: start, pause, close, stop ---- */

/* A paused pool has kept so many jobs that count, and runs them when it goes on. It is its end. */
static void check_kept(wpool *pool, atomic_uint *count, unsigned kept) {
    CHECK_EQ(*count, 0);
    CHECK_EQ(test_stats(pool).waiting, kept);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(*count, kept);
    test_destroy(pool);
}

TEST(nothing_starts_before_start) {
    wpool *pool = test_pool_paused(2, 0);
    atomic_uint count = 0;
    wpool_id id;
    count_submit(pool, &count, 9);
    CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
    test_let_others_run();
    CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, NULL), WPOOL_TIMEOUT);
    CHECK_EQ(wpool_drain(pool, WPOOL_NOW), WPOOL_TIMEOUT);
    check_kept(pool, &count, 10);
}

TEST(starting_and_pausing_twice_say_so) {
    wpool *pool = test_pool_paused(2, 0);
    CHECK_EQ(wpool_pause(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_start(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    CHECK_EQ(wpool_pause(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_destroy(pool);
    pool = test_pool_of(2, 0);
    CHECK_EQ(wpool_start(pool), WPOOL_ALREADY);
    test_destroy(pool);
}

TEST(a_paused_pool_accepts_and_starts_nothing) {
    wpool *pool = test_pool_of(2, 0);
    atomic_uint count = 0;
    for (unsigned round = 1; round <= 20; round++) {
        test_await_idle(pool);
        CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        count_submit(pool, &count, 10);
        test_let_others_run();
        CHECK_EQ(count, 10 * (round - 1));
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(count, 10 * round);
    }
    test_destroy(pool);
}

TEST(pausing_lets_what_runs_finish_and_keeps_the_rest) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    atomic_uint count = 0;
    wpool *pool = test_pool_of(2, 0);
    hold_workers(&h, pool, 2);
    count_submit(pool, &count, 10);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    hold_release(&h, 2);
    test_await_running(pool, 0);
    test_await_idle(pool);
    test_let_others_run();
    check_kept(pool, &count, 10);
}

/* Pauses its own pool, and waits for a job that it submits then. */
static int pause_and_wait_job(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    wpool_id id;
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, arg, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

TEST(while_paused_a_job_gets_what_it_waits_for) {
    wpool *pool = test_pool_of(1, 0);
    atomic_uint count = 0;
    wpool_id id;
    CHECK_EQ(wpool_submit(pool, pause_and_wait_job, &count, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(count, 1);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_destroy(pool);
}

TEST(closing_twice_and_stopping_twice_say_so) {
    wpool *pool = test_pool_of(2, 0);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_ALREADY);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_ALREADY);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_ALREADY);
    CHECK_EQ(wpool_close(pool), WPOOL_ALREADY);
    test_destroy(pool);
}

TEST(a_stopped_pool_is_closed) {
    wpool *pool = test_pool_of(2, 0);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_submit(pool, count_job, NULL, NULL), WPOOL_CLOSED);
    test_destroy(pool);
}

TEST(a_closed_pool_can_be_paused_and_started) {
    wpool *pool = test_pool_paused(2, 0);
    atomic_uint count = 0;
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    test_let_others_run();
    CHECK_EQ(count, 0);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(count, 1);
    test_destroy(pool);
}

TEST(destroying_a_pool_that_never_started_runs_its_jobs) { run_100_jobs(test_pool_paused(2, 0)); }
