/* Does the cost stay flat as numbers grow: of a plain job with more workers, jobs and submitters,
   of a fork and a loop with more workers? Settings from the environment: JOBS (where they do not
   grow), MAX_JOBS, FIB, ELEMENTS, REPEAT, ONLY, CSV. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "load.h"
#include "peers/forks.h"
#include "peers/locked.h"
#include "peers/loops.h"
#include "peers/outside.h"
#include "table.h"

#define MAX_COLUMNS 8
#define ROUNDS 31             /* at most, of a small load, */
#define ROUNDS_NS 50000000    /* and no further one after that time */
#define LARGE_TBB_JOB 1000000 /* oneTBB keeps some 270 bytes for each */

/* ---- what is measured ---- */

static const bench_row submit_rows[] = {
    {"wpool", BENCH_OURS, NULL, &peer_wpool},
    {"wpool 64 at once", BENCH_OURS, NULL, &peer_wpool_many},
    {"mutex ring 1024", BENCH_PEER, NULL, &peer_mutex_ring},
    {"mutex deque", BENCH_PEER, NULL, &peer_mutex_deque},
    {"GLib GThreadPool", BENCH_PEER, GLIB_ABSENT, &peer_glib},
    {"oneTBB (+caller)", BENCH_PEER, TBB_ABSENT, &peer_tbb},
};

static const bench_row fork_rows[] = {
    {"wpool_unfork", BENCH_OURS, NULL, &fork_wpool_unfork},
    {"wpool_join", BENCH_OURS, NULL, &fork_wpool_join},
    {"oneTBB task_group", BENCH_PEER, TBB_ABSENT, &fork_tbb},
};

static const bench_row loop_rows[] = {
    {"wpool_for", BENCH_OURS, NULL, &loop_wpool},
    {"oneTBB static", BENCH_PEER, TBB_ABSENT, &loop_tbb[0]},
    {"oneTBB auto", BENCH_PEER, TBB_ABSENT, &loop_tbb[1]},
    {"OpenMP static", BENCH_PEER, OPENMP_ABSENT, &loop_openmp[0]},
    {"OpenMP guided", BENCH_PEER, OPENMP_ABSENT, &loop_openmp[1]},
};

/* ns per job: the median of some pools' lives, since a small load is over before the clock has
   ticked often. */
static double measure_submit(const bench_row *row, const bench_column *column) {
    if (row->peer == &peer_tbb && column->size > LARGE_TBB_JOB) return BENCH_NONE;
    bench_load load = load_make(column->size, column->submitters, column->workers);
    double ns[ROUNDS], sum = 0;
    size_t rounds = 0;
    do {
        ns[rounds] = load_run_ns(row->peer, &load) / (double)load.jobs;
        sum += ns[rounds++] * (double)load.jobs;
    } while (rounds < ROUNDS && sum < ROUNDS_NS);
    return bench_spread_of(ns, rounds).median;
}

static double measure_fork(const bench_row *row, const bench_column *column) {
    return fork_measure(row->peer, column->workers, (long)column->size);
}

static double measure_loop(const bench_row *row, const bench_column *column) {
    return loop_measure(row->peer, column->workers, loop_axpy, column->size, 15);
}

/* ---- along which axis ---- */

static char titles[MAX_COLUMNS][24];

/* Runs the table with a column for each number, which set puts where it belongs. */
static void run_along(bench_table *table, const size_t *numbers, size_t count, bench_column usual,
                      void (*set)(bench_column *column, size_t number)) {
    bench_column columns[MAX_COLUMNS];
    for (size_t i = 0; i < count; i++) {
        columns[i] = usual;
        set(&columns[i], numbers[i]);
        snprintf(titles[i], sizeof titles[i], "%zu", numbers[i]);
        columns[i].title = titles[i];
    }
    bench_table_run(table, columns, count, 3);
}

static void set_workers(bench_column *column, size_t n) { column->workers = (unsigned)n; }

static void set_submitters(bench_column *column, size_t n) { column->submitters = (unsigned)n; }

static void set_jobs(bench_column *column, size_t n) { column->size = n; }

static const size_t many_workers[] = {1, 2, 4, 8, 16, 32, 64};
static const size_t many_submitters[] = {1, 2, 4, 8, 16};
static const size_t many_jobs[] = {1000, 10000, 100000, 1000000, 10000000};

static bench_table submit_table(const char *name, const char *title) {
    return (bench_table){
        .name = name, .title = title, .measure = measure_submit, BENCH_ROWS(submit_rows)};
}

static void grow_submit(void) {
    bench_column usual = {NULL, 2, 1, bench_setting("JOBS", 300000), "ns/job", 0};
    size_t max_jobs = bench_setting("MAX_JOBS", 10000000), sizes = 0;
    while (sizes < BENCH_COUNT(many_jobs) && many_jobs[sizes] <= max_jobs)
        sizes++;
    bench_table by_workers = submit_table("growth-submit-workers", "ns per job by workers");
    bench_table by_submitters =
        submit_table("growth-submit-submitters", "ns per job by submitters, 2 workers");
    bench_table by_jobs = submit_table("growth-submit-jobs", "ns per job by jobs, 2 workers");
    run_along(&by_workers, many_workers, BENCH_COUNT(many_workers), usual, set_workers);
    run_along(&by_submitters, many_submitters, BENCH_COUNT(many_submitters), usual, set_submitters);
    run_along(&by_jobs, many_jobs, sizes, usual, set_jobs);
}

static void grow_fork(void) {
    bench_column usual = {NULL, 1, 0, bench_setting("FIB", 32), "ns/fork", 0};
    bench_table table = {.name = "growth-fork-workers",
                         .title = "ns per fork by workers",
                         .measure = measure_fork,
                         BENCH_ROWS(fork_rows)};
    run_along(&table, many_workers, BENCH_COUNT(many_workers), usual, set_workers);
}

static void grow_loop(void) {
    bench_column usual = {NULL, 1, 0, bench_setting("ELEMENTS", 1000000), "us", 0};
    bench_table table = {.name = "growth-loop-workers",
                         .title = "us per loop by threads",
                         .measure = measure_loop,
                         BENCH_ROWS(loop_rows)};
    run_along(&table, many_workers, BENCH_COUNT(many_workers), usual, set_workers);
}

int main(void) {
    grow_submit();
    grow_fork();
    grow_loop();
    return 0;
}
