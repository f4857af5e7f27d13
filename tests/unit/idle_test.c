/* A pool with nothing to do costs nothing: no CPU time, no wake-ups, no timer. And one submit wakes
   one worker. The seam for parking counts what the system's own counters cannot tell apart. */
#define _GNU_SOURCE 1
#include <stdatomic.h>
#include <stdint.h>

static void park(_Atomic(uint32_t) *word, uint32_t value, int64_t deadline);
static void unpark(_Atomic(uint32_t) *word, int count);

#define WPOOL_PARK(lot, word, value, deadline) ((void)(lot), park((word), (value), (deadline)))
#define WPOOL_UNPARK(lot, word, count) ((void)(lot), unpark((word), (count)))
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"
#include <sys/resource.h>

static atomic_uint park_count, unpark_count, timed_park_count, parked_now;

static void park(_Atomic(uint32_t) *word, uint32_t value, int64_t deadline) {
    const bool is_timed = deadline != WPOOL__NEVER;
    const struct timespec until = {(time_t)(deadline / 1000000000), (long)(deadline % 1000000000)};
    atomic_fetch_add(&park_count, 1);
    atomic_fetch_add(&timed_park_count, is_timed);
    atomic_fetch_add(&parked_now, 1);
    syscall(SYS_futex, word, 9 | 128 /* wait bitset, private */, value, is_timed ? &until : NULL,
            NULL, UINT32_MAX);
    atomic_fetch_sub(&parked_now, 1);
}

static void unpark(_Atomic(uint32_t) *word, int count) {
    atomic_fetch_add(&unpark_count, 1);
    syscall(SYS_futex, word, 1 | 128 /* wake, private */, count, NULL, NULL, 0);
}

/* ---- what the system counts for each thread but the first ---- */

enum { MAX_THREADS = 200 };

typedef struct census {
    unsigned count;
    long ids[MAX_THREADS];
    unsigned long voluntary[MAX_THREADS]; /* times it went to sleep */
    unsigned long ticks[MAX_THREADS];     /* of CPU time */
} census;

static FILE *open_of_thread(long id, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/%s", id, name);
    return fopen(path, "r");
}

static unsigned long voluntary_switches(long id) {
    char line[256];
    unsigned long count = 0;
    FILE *file = open_of_thread(id, "status");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "voluntary_ctxt_switches: %lu", &count) == 1) break;
    fclose(file);
    return count;
}

static unsigned long cpu_ticks(long id) {
    char text[1000] = "";
    unsigned long user, system;
    FILE *file = open_of_thread(id, "stat");
    CHECK(file != NULL);
    CHECK(fgets(text, sizeof text, file) != NULL);
    fclose(file);
    const char *rest = strrchr(text, ')');
    CHECK(rest && sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                         &system) == 2);
    return user + system;
}

/* The workers only: sanitizers have threads of their own. */
static bool is_worker(long id) {
    char name[64] = "";
    FILE *file = open_of_thread(id, "comm");
    if (!file) return false;
    CHECK(fgets(name, sizeof name, file) != NULL);
    fclose(file);
    return strncmp(name, "idle-", 5) == 0;
}

static void census_take(census *c) {
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    c->count = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        const long id = strtol(entry->d_name, NULL, 10);
        if (id == 0 || !is_worker(id)) continue;
        CHECK(c->count < MAX_THREADS);
        c->ids[c->count] = id;
        c->voluntary[c->count] = voluntary_switches(id);
        c->ticks[c->count++] = cpu_ticks(id);
    }
    closedir(tasks);
}

/* Two looks, a second apart: all but the threads that run a job (`exempt` of them) did nothing. */
static void check_nothing_happens(unsigned workers, unsigned exempt) {
    static census before, after;
    const struct timespec second = {1, 0};
    unsigned active = 0;
    census_take(&before);
    const unsigned parks = atomic_load(&park_count), unparks = atomic_load(&unpark_count);
    nanosleep(&second, NULL);
    census_take(&after);
    CHECK_EQ(before.count, workers);
    CHECK_EQ(after.count, workers);
    for (unsigned i = 0; i < workers; i++) {
        CHECK_EQ(before.ids[i], after.ids[i]);
        active += before.voluntary[i] != after.voluntary[i] || before.ticks[i] != after.ticks[i];
    }
    CHECK(active <= exempt);
    CHECK_EQ(atomic_load(&park_count), parks);
    CHECK_EQ(atomic_load(&unpark_count), unparks);
    CHECK_EQ(atomic_load(&timed_park_count), 0);
}

static wpool *idle_pool(wpool_config config) {
    config.name = "idle";
    return pool_from(config);
}

static unsigned count_asleep(void) {
    static census c;
    unsigned asleep = 0;
    census_take(&c);
    for (unsigned i = 0; i < c.count; i++) {
        char state = '?', text[1000] = "";
        FILE *file = open_of_thread(c.ids[i], "stat");
        CHECK(file && fgets(text, sizeof text, file));
        fclose(file);
        CHECK(sscanf(strrchr(text, ')'), ") %c", &state) == 1);
        asleep += state == 'S';
    }
    return asleep;
}

/* Until so many threads are parked by the pool, and so many of its workers sleep in the system. */
static void await_asleep(unsigned parked, unsigned asleep) {
    while (atomic_load(&parked_now) != parked || count_asleep() != asleep)
        sched_yield();
}

/* ---- nothing happens ---- */

TEST(a_pool_that_never_had_a_job_does_nothing) {
    wpool *pool = idle_pool((wpool_config){.workers = 64});
    await_asleep(64, 64);
    check_nothing_happens(64, 0);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(a_pool_that_has_done_its_work_does_nothing) {
    atomic_uint count = 0;
    wpool *pool = idle_pool((wpool_config){.workers = 64});
    count_submit(pool, &count, 10000);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    await_asleep(64, 64);
    check_nothing_happens(64, 0);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(a_paused_pool_with_jobs_does_nothing) {
    atomic_uint count = 0;
    wpool *pool = idle_pool((wpool_config){.workers = 8, .start_paused = true});
    count_submit(pool, &count, 100);
    await_asleep(8, 8);
    check_nothing_happens(8, 0);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 100);
}

TEST(workers_without_work_do_nothing_while_one_runs_a_long_job) {
    task busy = {.is_patient = true};
    gate door = GATE_CLOSED;
    wpool *pool = idle_pool((wpool_config){.workers = 16});
    busy.door = &door;
    CHECK_EQ(wpool_submit(pool, task_job, &busy, NULL), WPOOL_OK);
    gate_await_count(&door, 1);
    gate_open(&door); /* from now on it burns CPU */
    await_asleep(15, 15);
    check_nothing_happens(16, 1);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static int wait_job(void *arg, wpool_job *job) {
    (void)job;
    return (int)wpool_job_wait((wpool_job *)arg, WPOOL_FOREVER);
}

TEST(a_worker_that_waits_for_a_running_job_does_nothing) {
    gate door = GATE_CLOSED;
    wpool_job long_job;
    atomic_uint count = 0;
    wpool *pool = idle_pool((wpool_config){.workers = 4});
    wpool_job_init(&long_job, gate_job, &door);
    CHECK_EQ(wpool_submit_job(pool, &long_job, NULL), WPOOL_OK);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_submit(pool, wait_job, &long_job, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    while (atomic_load(&count) == 0)
        sched_yield();
    await_asleep(3, 4);
    check_nothing_happens(4, 0);
    gate_open(&door);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static void submit_blocked(void *arg) {
    static atomic_uint count;
    CHECK_EQ(wpool_submit((wpool *)arg, count_job, &count, NULL), WPOOL_OK);
}

static void take_blocked(void *arg) {
    wpool_result result;
    CHECK_EQ(wpool_take((wpool *)arg, WPOOL_FOREVER, &result), WPOOL_OK);
}

static void drain_blocked(void *arg) {
    CHECK_EQ(wpool_drain((wpool *)arg, WPOOL_FOREVER), WPOOL_OK);
}

TEST(blocked_submitters_readers_and_drainers_do_nothing) {
    gate door = GATE_CLOSED;
    atomic_uint count = 0;
    helper submitter, reader, drainer;
    wpool *pool = idle_pool((wpool_config){.workers = 1, .queue_capacity = 1, .results = true});
    CHECK_EQ(wpool_submit(pool, gate_job, &door, NULL), WPOOL_OK);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    helper_start(&submitter, submit_blocked, pool);
    helper_start(&reader, take_blocked, pool);
    helper_start(&drainer, drain_blocked, pool);
    helper_await_sleep(&submitter);
    helper_await_sleep(&reader);
    helper_await_sleep(&drainer);
    await_asleep(3, 1);
    const unsigned long before = voluntary_switches(submitter.system_id) +
                                 voluntary_switches(reader.system_id) +
                                 voluntary_switches(drainer.system_id);
    check_nothing_happens(1, 0);
    CHECK_EQ(voluntary_switches(submitter.system_id) + voluntary_switches(reader.system_id) +
                 voluntary_switches(drainer.system_id),
             before);
    gate_open(&door);
    helper_join(&submitter);
    helper_join(&reader);
    helper_join(&drainer);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* ---- who is woken ---- */

TEST(one_submit_into_an_idle_pool_wakes_one_worker) {
    wpool *pool = idle_pool((wpool_config){.workers = 8});
    atomic_uint count = 0;
    for (unsigned round = 1; round <= 200; round++) {
        await_asleep(8, 8);
        const unsigned parks = atomic_load(&park_count), unparks = atomic_load(&unpark_count);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
        while (atomic_load(&count) != round)
            sched_yield();
        await_asleep(8, 8);
        CHECK_EQ(atomic_load(&unpark_count) - unparks, 1);
        CHECK_EQ(atomic_load(&park_count) - parks, 1);
    }
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(the_worker_that_slept_last_is_woken_first) {
    static census before, after;
    wpool *pool = idle_pool((wpool_config){.workers = 8});
    atomic_uint count = 0;
    unsigned active = 0;
    await_asleep(8, 8);
    census_take(&before);
    for (unsigned round = 1; round <= 50; round++) {
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
        while (atomic_load(&count) != round)
            sched_yield();
        await_asleep(8, 8);
    }
    census_take(&after);
    CHECK_EQ(after.count, before.count);
    for (unsigned i = 0; i < after.count; i++)
        active += before.voluntary[i] != after.voluntary[i];
    CHECK_EQ(active, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(a_submit_while_a_worker_is_awake_and_busy_wakes_one_more) {
    gate door = GATE_CLOSED;
    wpool *pool = idle_pool((wpool_config){.workers = 8});
    for (unsigned i = 1; i <= 8; i++) {
        await_asleep(9 - i, 8);
        const unsigned unparks = atomic_load(&unpark_count);
        CHECK_EQ(wpool_submit(pool, gate_job, &door, NULL), WPOOL_OK);
        gate_await_count(&door, i);
        CHECK_EQ(atomic_load(&unpark_count) - unparks, 1);
    }
    const unsigned unparks = atomic_load(&unpark_count);
    atomic_uint count = 0;
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(atomic_load(&unpark_count), unparks); /* nobody sleeps */
    gate_open(&door);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

/* A burst wakes one by one: each woken worker wakes the next if there is more. */
TEST(a_burst_into_an_idle_pool_wakes_no_worker_twice) {
    gate door = GATE_CLOSED;
    void *args[8];
    wpool *pool = idle_pool((wpool_config){.workers = 8});
    for (int i = 0; i < 8; i++)
        args[i] = &door;
    await_asleep(8, 8);
    const unsigned unparks = atomic_load(&unpark_count);
    CHECK_EQ(wpool_submit_many(pool, gate_job, args, 8, NULL), 8);
    gate_await_count(&door, 8); /* all eight run, so all eight have been woken */
    CHECK_EQ(atomic_load(&unpark_count) - unparks, 8);
    gate_open(&door);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

TEST(no_timer_is_armed_by_a_pool_that_works) {
    atomic_uint count = 0;
    wpool *pool = idle_pool((wpool_config){.workers = 4, .results = true});
    for (int round = 0; round < 20; round++) {
        count_submit(pool, &count, 100);
        for (int i = 0; i < 100; i++)
            CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_OK);
        CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    }
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&timed_park_count), 0);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}
