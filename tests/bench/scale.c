/* How fast a pool of one worker has those that a burst of jobs needs, beside threads started one
   after the other and a pool that has them all; and how long a job waits for the worker that comes
   in place of one in wpool_blocking, beside the start of a thread. Settings from the environment:
   SAMPLES, REPEAT, ONLY, CSV. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "table.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#define PAUSE_NS 200000 /* so long the new threads of a pool have to go to sleep */

/* ---- a burst: as many jobs as workers may be, none of which ends before all have started ---- */

typedef struct burst {
    unsigned jobs;
    _Atomic unsigned started;
    pthread_barrier_t all_started;     /* and the submitter */
    int64_t grown_ns, last_started_ns; /* when the last worker was there, the last job began */
} burst;

static void begin(burst *self) {
    if (atomic_fetch_add(&self->started, 1) + 1 == self->jobs)
        self->last_started_ns = bench_now_ns();
}

static void await_all(void *arg) { pthread_barrier_wait(&((burst *)arg)->all_started); }

static int wait_busy(void *arg, wpool_job *job) {
    (void)job;
    begin(arg);
    await_all(arg);
    return 0;
}

static int wait_blocked(void *arg, wpool_job *job) {
    begin(arg);
    return wpool_blocking(job, await_all, arg) != WPOOL_OK;
}

static void note_grown(void *user, const wpool_scale_event *event) {
    burst *self = user;
    if (event->after == self->jobs) self->grown_ns = bench_now_ns();
}

/* A pool, and what its jobs do; NULL in its place: threads without a pool. */
typedef struct burst_way {
    bool is_whole; /* all workers are there from the start */
    wpool_scaling scaling;
    wpool_fn fn;
} burst_way;

/* Returns when the first job was submitted. */
static int64_t run_pool(const burst_way *way, burst *self) {
    wpool_config config = {.max_workers = self->jobs, .scaling = way->scaling};
    config.min_workers = way->is_whole ? self->jobs : 1;
    config.hooks = (wpool_hooks){.scaled = note_grown, .user = self};
    wpool *pool = bench_pool(config);
    bench_sleep_ns(PAUSE_NS);
    int64_t before_ns = bench_now_ns();
    for (unsigned i = 0; i < self->jobs; i++)
        bench_check(wpool_submit(pool, way->fn, self, NULL) == WPOOL_OK, "wpool_submit");
    await_all(self);
    wpool_stats_snapshot stats;
    bench_check(wpool_stats(pool, &stats) == WPOOL_OK, "wpool_stats");
    bench_check(stats.workers == self->jobs, "all workers are there");
    bench_pool_end(pool);
    bench_check(way->is_whole || self->grown_ns, "the last decision was told");
    return before_ns;
}

static void *run_thread(void *arg) {
    wait_busy(arg, NULL);
    return NULL;
}

static int64_t run_threads(burst *self) {
    pthread_t *threads = bench_alloc(self->jobs, sizeof *threads);
    int64_t before_ns = bench_now_ns();
    for (unsigned i = 0; i < self->jobs; i++)
        bench_check(pthread_create(&threads[i], NULL, run_thread, self) == 0, "pthread_create");
    self->grown_ns = bench_now_ns();
    await_all(self);
    for (unsigned i = 0; i < self->jobs; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return before_ns;
}

static const burst_way by_load = {.scaling = {.jobs_per_worker = 1}, .fn = wait_busy};
static const burst_way at_once = {.scaling = {.jobs_per_worker = 1, .step = WPOOL_MAX_WORKERS},
                                  .fn = wait_busy};
static const burst_way blocked = {.scaling = {.jobs_per_worker = UINT_MAX}, .fn = wait_blocked};
static const burst_way whole = {.is_whole = true, .fn = wait_busy};

static const bench_row burst_rows[] = {
    {.name = "wpool 1, doubling", .kind = BENCH_OURS, .peer = &by_load},
    {.name = "wpool 1, one step", .kind = BENCH_OURS, .peer = &at_once},
    {.name = "wpool 1, blocked", .kind = BENCH_OURS, .peer = &blocked},
    {.name = "threads", .kind = BENCH_BARE},
    {.name = "wpool all", .kind = BENCH_OURS, .peer = &whole}, /* the last: it does not grow */
};

typedef struct times {
    double grown_us, started_us; /* since the first submit */
} times;

static times measure_burst(const bench_row *row, const bench_column *column) {
    burst self = {.jobs = column->workers};
    pthread_barrier_init(&self.all_started, NULL, self.jobs + 1);
    int64_t before_ns = row->peer ? run_pool(row->peer, &self) : run_threads(&self);
    pthread_barrier_destroy(&self.all_started);
    return (times){(double)(self.grown_ns - before_ns) / 1000,
                   (double)(self.last_started_ns - before_ns) / 1000};
}

static double measure_grown(const bench_row *row, const bench_column *column) {
    return measure_burst(row, column).grown_us;
}

static double measure_started(const bench_row *row, const bench_column *column) {
    return measure_burst(row, column).started_us;
}

static void run_bursts(void) {
    const bench_column columns[] = {
        {"4 workers", 4, 1, 4, "us", 1},
        {"16 workers", 16, 1, 16, "us", 2},
        {"64 workers", 64, 1, 64, "us", 3},
    };
    bench_table grown = {.name = "scale-workers",
                         .title = "us from the first submit of a burst until all workers are there",
                         .measure = measure_grown,
                         BENCH_ROWS(burst_rows)};
    bench_table started = {.name = "scale-jobs",
                           .title = "us from the first submit until the last job has started",
                           .measure = measure_started,
                           BENCH_ROWS(burst_rows)};
    grown.row_count--;
    bench_table_run(&grown, columns, BENCH_COUNT(columns), 25);
    bench_table_run(&started, columns, BENCH_COUNT(columns), 25);
}

/* ---- a job that waits for a worker, which a thread is started for ---- */

typedef struct handover {
    wpool *pool;
    int64_t before_ns, started_ns;
    pthread_barrier_t started; /* both */
} handover;

static int start(void *arg, wpool_job *job) {
    handover *self = arg;
    (void)job;
    self->started_ns = bench_now_ns();
    pthread_barrier_wait(&self->started);
    return 0;
}

static void *start_thread(void *arg) {
    start(arg, NULL);
    return NULL;
}

static void await_start(void *arg) { pthread_barrier_wait(&((handover *)arg)->started); }

static int block(void *arg, wpool_job *job) {
    handover *self = arg;
    bench_check(wpool_submit(self->pool, start, self, NULL) == WPOOL_OK, "wpool_submit");
    self->before_ns = bench_now_ns();
    return wpool_blocking(job, await_start, self) != WPOOL_OK;
}

static void wait_for_lent(handover *self) {
    self->pool = bench_pool((wpool_config){.min_workers = 1, .max_workers = 2});
    bench_sleep_ns(PAUSE_NS);
    bench_pool_run(self->pool, block, self);
    bench_pool_end(self->pool);
}

static void wait_for_thread(handover *self) {
    pthread_t thread;
    bench_sleep_ns(PAUSE_NS);
    self->before_ns = bench_now_ns();
    bench_check(pthread_create(&thread, NULL, start_thread, self) == 0, "pthread_create");
    await_start(self);
    pthread_join(thread, NULL);
}

static const bench_row wait_rows[] = {
    {.name = "wpool_blocking", .kind = BENCH_OURS},
    {.name = "threads", .kind = BENCH_BARE},
};

static double measure_wait(const bench_row *row, const bench_column *column, double percent) {
    double *waits_us = bench_alloc(column->size, sizeof *waits_us);
    for (size_t i = 0; i < column->size; i++) {
        handover self = {.pool = NULL};
        pthread_barrier_init(&self.started, NULL, 2);
        row->kind == BENCH_OURS ? wait_for_lent(&self) : wait_for_thread(&self);
        pthread_barrier_destroy(&self.started);
        waits_us[i] = (double)(self.started_ns - self.before_ns) / 1000;
    }
    bench_sort(waits_us, column->size);
    double wait_us = bench_percentile(waits_us, column->size, percent);
    free(waits_us);
    return wait_us;
}

static double measure_p50(const bench_row *row, const bench_column *column) {
    return measure_wait(row, column, 50);
}

static double measure_p99(const bench_row *row, const bench_column *column) {
    return measure_wait(row, column, 99);
}

static void run_waits(void) {
    const bench_column column = {"1 worker of 2", 1, 0, bench_setting("SAMPLES", 1000), "us", 1};
    bench_table p50 = {.name = "scale-blocking-p50",
                       .title = "us from entering wpool_blocking to the start of a waiting job",
                       .measure = measure_p50,
                       BENCH_ROWS(wait_rows)};
    bench_table p99 = p50;
    p99.name = "scale-blocking-p99";
    p99.measure = measure_p99;
    bench_table_run(&p50, &column, 1, 5);
    bench_table_run(&p99, &column, 1, 5);
}

int main(void) {
    run_bursts();
    run_waits();
    return 0;
}
