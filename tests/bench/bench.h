/* What every benchmark needs: settings, the clock, medians, and a fresh process for each
   measurement, so that no heap, thread or library is shared between two of them. Include after
   wpool.h, which asks for the system's functions beyond C11. */
#ifndef BENCH_H
#define BENCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BENCH_COUNT(array) (sizeof(array) / sizeof *(array))
#define BENCH_CHILD_SECONDS 300 /* a measurement that takes longer hangs, and is killed */
#define BENCH_PEER_SECONDS 30   /* the same for a peer, which may */

typedef struct bench_spread {
    double median, min, max;
} bench_spread;

/* Fills output, whose length the caller of bench_in_child knows. */
typedef void bench_measure(const void *input, double *output);

/* A wrong benchmark is worse than none: end the process. */
static inline void bench_check(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "bench: failed: %s\n", what);
    _exit(1);
}

/* A number from the environment. */
static inline size_t bench_setting(const char *name, size_t otherwise) {
    const char *text = getenv(name);
    size_t value = text ? (size_t)strtoull(text, NULL, 10) : otherwise;
    bench_check(value > 0, name);
    return value;
}

static inline int64_t bench_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void bench_sleep_ns(int64_t ns) {
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000),
                            .tv_nsec = (long)(ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) != 0)
        continue;
}

static inline void *bench_alloc(size_t count, size_t size) {
    void *memory = calloc(count, size);
    bench_check(memory != NULL, "out of memory");
    return memory;
}

static inline int bench_compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static inline void bench_sort(double *values, size_t count) {
    qsort(values, count, sizeof *values, bench_compare);
}

/* The smallest value that at least so many percent of the sorted values do not exceed. */
static inline double bench_percentile(const double *sorted, size_t count, double percent) {
    double below = percent / 100 * (double)count;
    size_t rank = (size_t)below;
    if ((double)rank < below) rank++;
    return sorted[rank == 0 ? 0 : rank - 1];
}

/* Sorts the values. */
static inline bench_spread bench_spread_of(double *values, size_t count) {
    bench_sort(values, count);
    double middle = (values[(count - 1) / 2] + values[count / 2]) / 2;
    return (bench_spread){.median = middle, .min = values[0], .max = values[count - 1]};
}

static inline void bench_print_spread(bench_spread spread) {
    char text[64];
    snprintf(text, sizeof text, "%.2f [%.2f-%.2f]", spread.median, spread.min, spread.max);
    printf("%-26s", text);
}

/* ---- a pool of ours ---- */

static inline void *bench_pool(wpool_config config) {
    wpool *pool;
    bench_check(wpool_create(&pool, &config) == WPOOL_OK, "wpool_create");
    return pool;
}

static inline void *bench_pool_of(unsigned workers) {
    return bench_pool((wpool_config){.workers = workers});
}

static inline void bench_pool_end(void *pool) {
    bench_check(wpool_destroy(pool) == WPOOL_OK, "wpool_destroy");
}

/* Runs fn(arg) as a job, to its end. */
static inline void bench_pool_run(wpool *pool, wpool_fn fn, void *arg) {
    wpool_job job;
    wpool_job_init(&job, fn, arg);
    bench_check(wpool_submit_job(pool, &job, NULL) == WPOOL_OK, "wpool_submit_job");
    bench_check(wpool_job_wait(&job, WPOOL_FOREVER) == WPOOL_OK, "wpool_job_wait");
}

/* ---- measurements ---- */

/* Resident memory of this process. */
static inline double bench_resident_bytes(void) {
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    bench_check(file && fscanf(file, "%lu %lu", &total, &resident) == 2, "/proc/self/statm");
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* Measure in a child process; the caller must have no threads. False: it took more seconds. */
static inline bool bench_try_in_child(bench_measure *measure, const void *input, double *output,
                                      size_t count, unsigned seconds) {
    size_t size = count * sizeof *output;
    double *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench_check(shared != MAP_FAILED, "mmap");
    fflush(stdout);
    pid_t child = fork();
    bench_check(child >= 0, "fork");
    if (child == 0) {
        alarm(seconds);
        measure(input, shared);
        _exit(0);
    }
    int status = 0;
    bench_check(waitpid(child, &status, 0) == child, "waitpid");
    bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    bench_check(hung || status == 0, "the measuring process");
    for (size_t i = 0; i < count; i++)
        output[i] = shared[i];
    munmap(shared, size);
    return !hung;
}

static inline void bench_in_child(bench_measure *measure, const void *input, double *output,
                                  size_t count) {
    bool ended = bench_try_in_child(measure, input, output, count, BENCH_CHILD_SECONDS);
    bench_check(ended, "the measuring process, in time");
}

/* One figure for the file that the environment calls CSV, if it does: what was measured and of
   whom, with how many threads, at which size. */
typedef struct bench_figure {
    const char *bench, *contender;
    unsigned workers, submitters;
    size_t size;
    bench_spread spread;
    const char *unit;
} bench_figure;

static inline void bench_csv(const bench_figure *figure) {
    const char *path = getenv("CSV");
    if (!path || !*path) return;
    FILE *file = fopen(path, "a");
    bench_check(file != NULL, path);
    fseek(file, 0, SEEK_END);
    if (ftell(file) == 0)
        fprintf(file, "bench,contender,workers,submitters,size,value,unit,min,max\n");
    fprintf(file, "%s,\"%s\",%u,%u,%zu,%.6g,%s,%.6g,%.6g\n", figure->bench, figure->contender,
            figure->workers, figure->submitters, figure->size, figure->spread.median, figure->unit,
            figure->spread.min, figure->spread.max);
    bench_check(fclose(file) == 0, path);
}

#endif /* BENCH_H */
