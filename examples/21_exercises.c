/* 21_exercises - what textbooks ask of a worker pool, each answered in some lines.

   tasks       10 workers do 1000 tasks; nothing is done twice, never more than 10 at once
   priorities  urgent tasks overtake the others, and yet none waits for ever
   scaling     2 workers become more while many tasks wait, and 2 again when none does
   retry       tasks that fail are tried again, three times at most
   workers     how many are best: for tasks that compute, and for tasks that wait
   Usage: 21_exercises [NAME]   (all in turn)
   Build: cc -std=c11 -O2 -I.. 21_exercises.c -o 21_exercises -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int wrong;

static void expect(bool holds, const char *promise) {
    if (holds) return;
    fprintf(stderr, "not as promised: %s\n", promise);
    wrong = 1;
}

static wpool *open_pool(const wpool_config *config) {
    wpool *pool;
    wpool_status status = wpool_create(&pool, config);
    if (status == WPOOL_OK) return pool;
    fprintf(stderr, "21_exercises: %s\n", wpool_strerror(status));
    exit(1);
}

/* Not if this was built with WPOOL_NO_THREADS. */
static bool has_threads(void) {
    wpool_stats_snapshot stats;
    wpool *pool = open_pool(NULL);
    wpool_stats(pool, &stats);
    wpool_destroy(pool);
    return stats.workers > 0;
}

static void submit(wpool *pool, wpool_fn fn, void *arg, const wpool_options *options) {
    if (wpool_submit_with(pool, fn, arg, options, NULL) != WPOOL_OK) exit(1);
}

static void sleep_ms(long ms) {
    const struct timespec time = {.tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

static int wait_for_disk(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    sleep_ms(5);
    return 0;
}

/* ---- 10 workers, 1000 tasks ---- */

enum { TASKS = 1000, TEN = 10 };
static atomic_uint running, most_running;

static int square(void *arg, wpool_job *job) {
    uint64_t *number = (uint64_t *)arg;
    unsigned now = atomic_fetch_add(&running, 1) + 1, most = atomic_load(&most_running);
    while (now > most && !atomic_compare_exchange_weak(&most_running, &most, now))
        continue;
    sleep_ms(1);
    *number *= *number;
    wpool_set_result(job, number);
    atomic_fetch_sub(&running, 1);
    return 0;
}

static void tasks(void) {
    static uint64_t numbers[TASKS];
    wpool *pool = open_pool(&(wpool_config){.workers = TEN, .results = true});
    wpool_worker_info infos[TEN] = {{0}};
    wpool_result result;
    uint64_t sum = 0, finished = 0;
    for (unsigned i = 0; i < TASKS; i++) {
        numbers[i] = i + 1;
        submit(pool, square, &numbers[i], NULL);
    }
    wpool_close(pool);
    while (wpool_take(pool, WPOOL_FOREVER, &result) == WPOOL_OK)
        sum += *(const uint64_t *)result.data;
    wpool_drain(pool, WPOOL_FOREVER);
    size_t count = wpool_workers(pool, infos, TEN);
    for (size_t i = 0; i < count; i++)
        finished += infos[i].finished;
    printf("%" PRIu64 " tasks done by %zu workers, at most %u at once, sum of the squares %" PRIu64
           "\n",
           finished, count, atomic_load(&most_running), sum);
    expect(finished == TASKS, "each is done once");
    expect(sum == (uint64_t)TASKS * (TASKS + 1) * (2 * TASKS + 1) / 6, "the sum");
    expect(atomic_load(&most_running) <= TEN, "ten workers do ten tasks at once");
    wpool_destroy(pool);
}

/* ---- priorities ---- */

enum { OF_EACH = 20 };
static char order[3 * OF_EACH + 1]; /* written by one worker */

static int note(void *arg, wpool_job *job) {
    (void)job;
    order[strlen(order)] = *(const char *)arg;
    return 0;
}

static void priorities(void) {
    static char names[] = {'l', 'n', 'H'};
    static const wpool_priority values[] = {WPOOL_LOW, WPOOL_NORMAL, WPOOL_HIGH};
    const wpool_config config = {.workers = 1, .order = WPOOL_PRIORITY, .start_paused = true};
    wpool *pool = open_pool(&config);
    memset(order, 0, sizeof order);
    for (int i = 0; i < 3 * OF_EACH; i++) { /* those that matter least come first */
        const wpool_options options = {.priority = values[i / OF_EACH]};
        submit(pool, note, &names[i / OF_EACH], &options);
    }
    wpool_destroy(pool); /* begins, and ends when all is done */
    printf("started in this order: %s\n", order);
    expect(order[0] == 'H', "the most urgent one is first");
    expect(memchr(order, 'n', 16) && memchr(order, 'l', 16), "none waits for ever");
}

/* ---- scaling ---- */

struct decisions {
    unsigned ups, downs, most;
};

/* On the thread that keeps the time, so there is no need for atomics. */
static void scaled(void *user, const wpool_scale_event *event) {
    struct decisions *decisions = (struct decisions *)user;
    decisions->ups += event->after > event->before;
    decisions->downs += event->after < event->before;
    if (event->after > decisions->most) decisions->most = event->after;
    printf("  %u workers become %u: %s\n", event->before, event->after,
           event->reason == WPOOL_SCALE_LOAD ? "many tasks wait" : "some have no work");
}

static void scaling(void) {
    struct decisions decisions = {0};
    const wpool_config config = {
        .min_workers = 2,
        .max_workers = 16,
        .start_paused = true,
        .scaling = {.jobs_per_worker = 50, .idle = WPOOL_MS(100), .cooldown = WPOOL_MS(50)},
        .hooks = {.scaled = scaled, .user = &decisions}};
    wpool_stats_snapshot stats;
    if (!has_threads()) return;
    wpool *pool = open_pool(&config);
    for (int i = 0; i < 190; i++) /* too many for 2 workers, and not for 4 */
        submit(pool, wait_for_disk, NULL, NULL);
    wpool_start(pool);
    wpool_drain(pool, WPOOL_FOREVER);
    do {
        sleep_ms(10);
        wpool_stats(pool, &stats);
    } while (stats.workers > 2);
    wpool_destroy(pool);
    expect(decisions.most == 4, "50 tasks or more for each of 2 workers give 4");
    expect(decisions.ups == stats.scale_ups && decisions.downs == stats.scale_downs,
           "each decision is told");
}

/* ---- retry ---- */

enum { FLAKY = 40, ATTEMPTS = 3 };

/* Fails as often as its argument says. */
static int fail_at_first(void *arg, wpool_job *job) {
    return wpool_job_attempt(job) <= *(const unsigned *)arg;
}

static void retry(void) {
    static const unsigned failures[] = {0, 1, 2, 3};
    wpool *pool = open_pool(&(wpool_config){
        .workers = 4, .retry = {.attempts = ATTEMPTS, .delay = WPOOL_MS(5), .jitter = 0.5}});
    wpool_stats_snapshot stats;
    for (int i = 0; i < FLAKY; i++)
        submit(pool, fail_at_first, (void *)&failures[i % 4], NULL);
    wpool_drain(pool, WPOOL_FOREVER);
    wpool_stats(pool, &stats);
    wpool_destroy(pool);
    printf("%d tasks: %" PRIu64 " succeeded, %" PRIu64 " failed, %" PRIu64 " tries more\n", FLAKY,
           stats.succeeded, stats.failed, stats.retries);
    expect(stats.failed == FLAKY / 4, "after the third try it is over");
    expect(stats.retries == FLAKY / 4 * (0 + 1 + 2 + 2), "no try too many");
}

/* ---- how many workers ---- */

static int compute(void *arg, wpool_job *job) {
    uint64_t x = (uint64_t)(uintptr_t)job;
    (void)arg;
    for (int i = 0; i < 500000; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    return x == 0; /* it never is, but who knows */
}

static double seconds_now(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Tasks per second. */
static double measure(wpool_fn fn, unsigned worker_count, unsigned task_count) {
    wpool *pool = open_pool(&(wpool_config){.workers = worker_count});
    const double began = seconds_now();
    for (unsigned i = 0; i < task_count; i++)
        submit(pool, fn, NULL, NULL);
    wpool_drain(pool, WPOOL_FOREVER);
    const double took = seconds_now() - began;
    wpool_destroy(pool);
    return task_count / took;
}

static void workers(void) {
    const unsigned cpus = wpool_cpus(), counts[] = {1, cpus, 2 * cpus, wpool_io_workers()};
    if (!has_threads()) return;
    printf("%-18s %10s %10s\n", "workers", "computing", "waiting");
    for (int i = 0; i < 4; i++) {
        const unsigned at_once = counts[i] < cpus ? counts[i] : cpus;
        printf("%-18u %10.0f %10.0f\n", counts[i], measure(compute, counts[i], 200 * at_once),
               measure(wait_for_disk, counts[i], 20 * counts[i]));
    }
    puts("(tasks per second)");
}

/* ---- all of them ---- */

static const struct exercise {
    const char *name;
    void (*run)(void);
} exercises[] = {{"tasks", tasks},
                 {"priorities", priorities},
                 {"scaling", scaling},
                 {"retry", retry},
                 {"workers", workers}};
enum { EXERCISES = sizeof exercises / sizeof *exercises };

int main(int argc, char **argv) {
    bool is_known = argc == 1;
    for (int i = 0; i < EXERCISES; i++) {
        if (argc > 2 || (argc == 2 && strcmp(argv[1], exercises[i].name) != 0)) continue;
        is_known = true;
        printf("%s\n", exercises[i].name);
        exercises[i].run();
    }
    if (is_known) return wrong;
    fputs("usage: 21_exercises [tasks | priorities | scaling | retry | workers]\n", stderr);
    return 2;
}
