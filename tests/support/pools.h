/* pools.h - pools for tests: made to measure, with counted memory, and checked for what they leave

   Include it after wpool.h with WPOOL_IMPLEMENTATION. With TEST_INLINE in the environment all pools
   are inline ones, as they are without threads. */
#ifndef POOLS_H
#define POOLS_H

#include "gate.h"
#include <dirent.h>
#include <sys/syscall.h>

/* Defined under a sanitizer. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define TEST_IS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) || \
    __has_feature(memory_sanitizer)
#define TEST_IS_SANITIZED
#endif
#endif

#ifdef WPOOL_NO_THREADS
#define POOL_IS_INLINE true
#else
#define POOL_IS_INLINE (getenv("TEST_INLINE") != NULL)
#endif
#define NEEDS_WORKERS()                                                             \
    do {                                                                            \
        if (POOL_IS_INLINE) SKIP("inline: it needs another thread that runs jobs"); \
    } while (0)
#ifdef WPOOL_NO_THREADS
#define NEEDS_THREADS() SKIP("WPOOL_NO_THREADS: only one thread may use the pool")
#else
#define NEEDS_THREADS() ((void)0)
#endif

TEST_HELPER wpool *pool_from(wpool_config config) {
    wpool *pool;
    if (POOL_IS_INLINE) config.max_workers = WPOOL_INLINE;
    CHECK_EQ(wpool_create(&pool, &config), WPOOL_OK);
    return pool;
}

TEST_HELPER wpool *pool_of(unsigned workers) {
    return pool_from((wpool_config){.workers = workers});
}

TEST_HELPER wpool_stats_snapshot pool_stats(wpool *pool) {
    wpool_stats_snapshot stats;
    CHECK_EQ(wpool_stats(pool, &stats), WPOOL_OK);
    return stats;
}

TEST_HELPER wpool_config pool_config(wpool *pool) {
    wpool_config config;
    memset(&config, 0xA5, sizeof config);
    CHECK_EQ(wpool_get_config(pool, &config), WPOOL_OK);
    return config;
}

TEST_HELPER void pool_check_same_scaling(const wpool_scaling *a, const wpool_scaling *b) {
    CHECK_EQ(a->jobs_per_worker, b->jobs_per_worker);
    CHECK_EQ(a->wait, b->wait);
    CHECK_EQ(a->step, b->step);
    CHECK_EQ(a->idle, b->idle);
    CHECK_EQ(a->cooldown, b->cooldown);
    CHECK_EQ(a->max_rss_bytes, b->max_rss_bytes);
    CHECK_EQ(a->max_memory_percent, b->max_memory_percent);
    CHECK_EQ(a->max_cpu_percent, b->max_cpu_percent);
    CHECK(a->pressure == b->pressure);
    CHECK(a->user == b->user);
}

TEST_HELPER void pool_check_same_retry(const wpool_retry *a, const wpool_retry *b) {
    CHECK_EQ(a->attempts, b->attempts);
    CHECK_EQ(a->delay, b->delay);
    CHECK_EQ(a->max_delay, b->max_delay);
    CHECK(a->factor == b->factor);
    CHECK(a->jitter == b->jitter);
    CHECK(a->when == b->when);
}

TEST_HELPER void pool_check_same_hooks(const wpool_hooks *a, const wpool_hooks *b) {
    CHECK(a->worker_start == b->worker_start);
    CHECK(a->worker_exit == b->worker_exit);
    CHECK(a->user == b->user);
    CHECK(a->scaled == b->scaled);
    CHECK(a->job_stuck == b->job_stuck);
    CHECK(a->stalled == b->stalled);
}

/* In every field. */
TEST_HELPER void pool_check_same_config(const wpool_config *a, const wpool_config *b) {
    CHECK_STR(a->name, b->name);
    CHECK_EQ(a->workers, b->workers);
    CHECK_EQ(a->min_workers, b->min_workers);
    CHECK_EQ(a->max_workers, b->max_workers);
    CHECK_EQ(a->queue_capacity, b->queue_capacity);
    CHECK_EQ(a->when_full, b->when_full);
    CHECK_EQ(a->order, b->order);
    pool_check_same_scaling(&a->scaling, &b->scaling);
    pool_check_same_retry(&a->retry, &b->retry);
    CHECK(a->rate.per_second == b->rate.per_second);
    CHECK_EQ(a->rate.burst, b->rate.burst);
    CHECK_EQ(a->results, b->results);
    CHECK_EQ(a->start_paused, b->start_paused);
    CHECK_EQ(a->help, b->help);
    CHECK_EQ(a->pin_workers, b->pin_workers);
    CHECK_EQ(a->stack_size, b->stack_size);
    CHECK(a->group == b->group);
    CHECK_EQ(a->interrupt_signal, b->interrupt_signal);
    pool_check_same_hooks(&a->hooks, &b->hooks);
    CHECK_EQ(a->allocator == NULL, b->allocator == NULL);
    if (!a->allocator) return;
    CHECK(a->allocator->alloc == b->allocator->alloc && a->allocator->free == b->allocator->free);
    CHECK(a->allocator->user == b->allocator->user);
}

/* All that can be changed but the workers and the capacity; jobs go on as before. */
TEST_HELPER void pool_change_policies(wpool_config *config) {
    config->when_full = WPOOL_REFUSE;
    config->order = WPOOL_PRIORITY;
    config->scaling = (wpool_scaling){.jobs_per_worker = UINT32_MAX, .idle = WPOOL_FOREVER};
    config->rate = (wpool_rate){.per_second = 1e9, .burst = 1000000};
    config->help = WPOOL_HELP_ANY;
}

/* A job that counts in its argument. */
TEST_HELPER int count_job(void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 0;
}

TEST_HELPER void count_submit(wpool *pool, atomic_uint *count, size_t times) {
    for (size_t i = 0; i < times; i++)
        CHECK_EQ(wpool_submit(pool, count_job, count, NULL), WPOOL_OK);
}

/* ---- a job that says how it went: it waits at its door if it has one, and ends as told ---- */

typedef struct task {
    gate *door;
    int error;
    bool leaves;     /* by pthread_exit */
    bool is_patient; /* goes on until it is told to end */
    atomic_uint run_count, done_count;
    atomic_int state, seen_error; /* as on_done got them */
    atomic_bool was_told;
} task;

TEST_HELPER int task_job(void *arg, wpool_job *job) {
    task *t = (task *)arg;
    atomic_fetch_add(&t->run_count, 1);
    if (t->door) gate_job(t->door, job);
    while (t->is_patient && !wpool_cancelled(job))
        sched_yield();
    atomic_store(&t->was_told, wpool_cancelled(job));
    if (t->leaves) pthread_exit(NULL);
    return t->error;
}

TEST_HELPER void task_done(void *arg, const wpool_result *result) {
    task *t = (task *)arg;
    CHECK(result->arg == arg);
    atomic_store(&t->state, result->state);
    atomic_store(&t->seen_error, result->error);
    atomic_fetch_add(&t->done_count, 1);
}

TEST_HELPER const wpool_options *task_options(void) {
    static const wpool_options options = {.on_done = task_done};
    return &options;
}

TEST_HELPER void task_submit(wpool *pool, task *t, wpool_id *id) {
    CHECK_EQ(wpool_submit_with(pool, task_job, t, task_options(), id), WPOOL_OK);
}

/* ---- counted memory, which can also run out ---- */

typedef struct memory {
    atomic_size_t blocks, bytes;
    atomic_uint asked;     /* allocations wanted so far */
    unsigned first_denied; /* the n-th allocation is denied (0: none) */
    unsigned last_denied;  /* and those up to this one */
} memory;

typedef union memory_header {
    size_t size;
    max_align_t aligned;
} memory_header;

TEST_HELPER void *memory_alloc(size_t size, void *user) {
    memory *m = (memory *)user;
    const unsigned n = atomic_fetch_add(&m->asked, 1) + 1;
    if (n >= m->first_denied && n <= m->last_denied) return NULL;
    /* sanitizers would complain of more */
    memory_header *header = size >> 30 == 0 ? malloc(sizeof *header + size) : NULL;
    if (!header) return NULL;
    memset(header + 1, 0xA5, size);
    header->size = size;
    atomic_fetch_add(&m->blocks, 1);
    atomic_fetch_add(&m->bytes, size);
    return header + 1;
}

TEST_HELPER void memory_free(void *ptr, size_t size, void *user) {
    memory *m = (memory *)user;
    memory_header *header = (memory_header *)ptr - 1;
    CHECK_EQ(header->size, size);
    atomic_fetch_sub(&m->blocks, 1);
    atomic_fetch_sub(&m->bytes, size);
    free(header);
}

TEST_HELPER wpool_allocator memory_allocator(memory *m) {
    return (wpool_allocator){memory_alloc, memory_free, m};
}

TEST_HELPER void memory_check_empty(memory *m) {
    CHECK_EQ(atomic_load(&m->blocks), 0);
    CHECK_EQ(atomic_load(&m->bytes), 0);
}

TEST_HELPER pthread_t thread_start(void *(*run)(void *), void *arg) {
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, run, arg), 0);
    return thread;
}

/* ---- what else a pool could leave in the process ---- */

typedef struct surroundings {
    unsigned threads, descriptors, guard_pages;
} surroundings;

TEST_HELPER unsigned surroundings_entries(const char *directory) {
    unsigned count = 0;
    DIR *entries = opendir(directory);
    CHECK(entries != NULL);
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

/* Mappings that a fork wipes: what tells a pool in a child from one at home. */
TEST_HELPER unsigned surroundings_guard_pages(void) {
    char line[1024];
    unsigned count = 0;
    FILE *file = fopen("/proc/self/smaps", "re");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " wf")) count++;
    fclose(file);
    return count;
}

TEST_HELPER void *surroundings_first_thread(void *arg) {
    snprintf((char *)arg, 64, "/proc/self/task/%ld", (long)syscall(SYS_gettid));
    return NULL;
}

/* A joined thread is still listed for a moment: the number has ten seconds to become this. */
TEST_HELPER unsigned surroundings_threads(unsigned expected) {
    const int64_t until = test_now_ns() + 10 * INT64_C(1000000000);
    unsigned now; /* the last look: a directory that changes may be read wrongly */
    while ((now = surroundings_entries("/proc/self/task")) != expected && test_now_ns() < until)
        sched_yield();
    return now;
}

TEST_HELPER void surroundings_await_threads(unsigned expected) {
    CHECK_EQ(surroundings_threads(expected), expected);
}

/* After a first thread has come and gone: a sanitizer starts its own one with it. No pool is left
   then, so that there are as many threads each time. */
TEST_HELPER surroundings surroundings_now(void) {
    static unsigned threads; /* the time before */
    char path[64];
    pthread_join(thread_start(surroundings_first_thread, path), NULL);
    while (access(path, F_OK) == 0)
        sched_yield();
    threads = threads ? surroundings_threads(threads) : surroundings_entries("/proc/self/task");
    return (surroundings){threads, surroundings_entries("/proc/self/fd"),
                          surroundings_guard_pages()};
}

TEST_HELPER void surroundings_check(surroundings before) {
    surroundings_await_threads(before.threads);
    CHECK_EQ(surroundings_entries("/proc/self/fd"), before.descriptors);
    CHECK_EQ(surroundings_guard_pages(), before.guard_pages);
}

#endif /* POOLS_H */
