/* What memory a pool takes: for a queue full of plain jobs, and for a pool just made. Setting from
   the environment: JOBS, CSV. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "bench.h"
#include <stdatomic.h>

/* ---- a queue full of plain jobs ---- */

enum { EMPTY_POOL_BYTES, FULL_QUEUE_BYTES, QUEUE_FIGURES }; /* resident, more than before */

static int nothing(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    return 0;
}

static void measure_queue(const void *input, double *figures) {
    size_t jobs = *(const size_t *)input;
    wpool_config config = {.workers = 2, .queue_capacity = jobs, .start_paused = true};
    config.when_full = WPOOL_REFUSE;

    double before = bench_resident_bytes();
    wpool *pool = bench_pool(config);
    figures[EMPTY_POOL_BYTES] = bench_resident_bytes() - before;
    for (size_t i = 0; i < jobs; i++) {
        bench_check(wpool_submit(pool, nothing, NULL, NULL) == WPOOL_OK, "wpool_submit");
    }
    figures[FULL_QUEUE_BYTES] = bench_resident_bytes() - before;
    bench_pool_end(pool);
}

/* ---- a pool just made ---- */

enum { REQUESTS, REQUESTED_BYTES, RESIDENT_BYTES, LEFT_BYTES, POOL_FIGURES };

typedef struct count {
    _Atomic size_t requests, requested_bytes, freed_bytes;
} count;

static void *counting_alloc(size_t size, void *user) {
    count *self = user;
    self->requests++;
    self->requested_bytes += size;
    return malloc(size);
}

static void counting_free(void *ptr, size_t size, void *user) {
    count *self = user;
    self->freed_bytes += size;
    free(ptr);
}

static void measure_pool(const void *input, double *figures) {
    (void)input;
    count all = {0};
    wpool_allocator allocator = {.alloc = counting_alloc, .free = counting_free, .user = &all};

    double before = bench_resident_bytes();
    wpool *pool = bench_pool((wpool_config){.workers = 2, .allocator = &allocator});
    figures[REQUESTS] = (double)all.requests;
    figures[REQUESTED_BYTES] = (double)all.requested_bytes;
    bench_check(wpool_submit(pool, nothing, NULL, NULL) == WPOOL_OK, "wpool_submit");
    bench_check(wpool_drain(pool, WPOOL_FOREVER) == WPOOL_OK, "wpool_drain");
    figures[RESIDENT_BYTES] = bench_resident_bytes() - before;
    bench_pool_end(pool);
    figures[LEFT_BYTES] = (double)all.requested_bytes - (double)all.freed_bytes;
}

int main(void) {
    size_t jobs = bench_setting("JOBS", 1000000);
    double queue[QUEUE_FIGURES], pool[POOL_FIGURES];
    bench_in_child(measure_queue, &jobs, queue, QUEUE_FIGURES);
    bench_in_child(measure_pool, NULL, pool, POOL_FIGURES);

    printf("memory: %zu plain jobs in a paused pool of that capacity, 2 workers\n", jobs);
    printf("resident, pool made %.0f KiB more than before\n", queue[EMPTY_POOL_BYTES] / 1024);
    printf("resident, queue full %.0f KiB more than before, %.1f bytes per job\n",
           queue[FULL_QUEUE_BYTES] / 1024, queue[FULL_QUEUE_BYTES] / (double)jobs);
    double job = queue[FULL_QUEUE_BYTES] / (double)jobs;
    bench_spread bytes = {.median = job, .min = job, .max = job};
    bench_csv(&(bench_figure){"memory", "wpool", 2, 0, jobs, bytes, "B/job"});
    printf("memory: a pool of 2 workers with the default capacity\n");
    printf("requested           %.0f bytes in %.0f requests by wpool_create\n",
           pool[REQUESTED_BYTES], pool[REQUESTS]);
    printf("resident            %.0f KiB more than before, after one job\n",
           pool[RESIDENT_BYTES] / 1024);
    printf("left after destroy  %.0f bytes\n", pool[LEFT_BYTES]);
    return 0;
}
