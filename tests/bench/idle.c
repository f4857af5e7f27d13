/* What a pool costs that has nothing to do: CPU time, wake-ups, timers. It has worked before, so
   that it is idle and not merely unused. Settings from the environment: WORKERS, IDLE_SECONDS,
   CSV. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "bench.h"
#include <dirent.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define JOBS_BEFORE 100000
#define SETTLE_NS 1000000000 /* from the last job to the first look */
#define MAX_THREADS 1024

typedef struct thread_switches {
    long thread; /* as /proc numbers it */
    unsigned long voluntary, involuntary;
} thread_switches;

/* All threads but the main one, at one moment. */
typedef struct snapshot {
    thread_switches threads[MAX_THREADS];
    size_t count;
} snapshot;

static int nothing(void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_add_explicit((_Atomic size_t *)arg, 1, memory_order_relaxed);
    return 0;
}

/* Of the whole process. */
static double cpu_ms(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    return seconds * 1000 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* Calls look with the number of each thread but the main one. */
static void for_each_worker(void (*look)(long thread, void *user), void *user) {
    DIR *tasks = opendir("/proc/self/task");
    bench_check(tasks != NULL, "/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        long thread = strtol(entry->d_name, NULL, 10);
        if (thread > 0 && thread != getpid()) look(thread, user);
    }
    closedir(tasks);
}

static FILE *open_task_file(long thread, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/%s", thread, name);
    return fopen(path, "r");
}

static void read_switches(long thread, void *user) {
    snapshot *all = user;
    bench_check(all->count < MAX_THREADS, "few enough threads");
    thread_switches *mine = &all->threads[all->count++];
    mine->thread = thread;
    char line[256];
    FILE *file = open_task_file(thread, "status");
    bench_check(file != NULL, "/proc/self/task/N/status");
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "voluntary_ctxt_switches: %lu", &mine->voluntary) == 1) continue;
        sscanf(line, "nonvoluntary_ctxt_switches: %lu", &mine->involuntary);
    }
    fclose(file);
}

/* Counts the threads that sleep on a futex with no limit of time, so with no timer. */
static void count_endless_sleep(long thread, void *user) {
    size_t *count = user;
    long number = 0;
    unsigned long timeout = 1;
    FILE *file = open_task_file(thread, "syscall");
    if (!file) return;
    if (fscanf(file, "%ld %*x %*x %*x %lx", &number, &timeout) == 2) {
        if (number == SYS_futex && timeout == 0) ++*count;
    }
    fclose(file);
}

/* Timers that the process made with timer_create. */
static size_t count_posix_timers(void) {
    char line[256];
    size_t count = 0;
    FILE *file = fopen("/proc/self/timers", "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        count += strncmp(line, "ID:", 3) == 0;
    fclose(file);
    return count;
}

static size_t count_timer_descriptors(void) {
    size_t count = 0;
    DIR *descriptors = opendir("/proc/self/fd");
    bench_check(descriptors != NULL, "/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(descriptors)) != NULL;) {
        char path[300], target[64] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, target, sizeof target - 1) > 0)
            count += strstr(target, "timerfd") != NULL;
    }
    closedir(descriptors);
    return count;
}

static void print_difference(const snapshot *before, const snapshot *after) {
    unsigned long voluntary = 0, involuntary = 0, most = 0;
    bench_check(before->count == after->count, "the same threads before and after");
    for (size_t i = 0; i < after->count; i++) {
        const thread_switches *old = &before->threads[i], *new = &after->threads[i];
        bench_check(old->thread == new->thread, "the same threads before and after");
        unsigned long woken = new->voluntary - old->voluntary;
        voluntary += woken;
        involuntary += new->involuntary - old->involuntary;
        if (woken > most) most = woken;
    }
    printf("context switches    %lu voluntary, %lu not; of the workers\n", voluntary, involuntary);
    printf("wake-ups a worker   %.3f on average, %lu at most\n",
           (double)voluntary / (double)after->count, most);
}

static void print_timers(size_t workers) {
    size_t endless = 0;
    for_each_worker(count_endless_sleep, &endless);
    printf("timers              %zu of timer_create, %zu descriptors\n", count_posix_timers(),
           count_timer_descriptors());
    printf("not asleep for good %zu workers: in a timed sleep, or awake\n", workers - endless);
}

static void write_csv(double ms, size_t workers, size_t seconds) {
    bench_spread cpu = {.median = ms, .min = ms, .max = ms};
    bench_csv(&(bench_figure){"idle", "wpool", (unsigned)workers, 0, seconds, cpu, "ms"});
}

int main(void) {
    size_t workers = bench_setting("WORKERS", 64), seconds = bench_setting("IDLE_SECONDS", 5);
    static snapshot before, after;
    wpool *pool = bench_pool_of((unsigned)workers);
    _Atomic size_t ran = 0;
    for (size_t i = 0; i < JOBS_BEFORE; i++)
        wpool_submit(pool, nothing, &ran, NULL);
    bench_check(wpool_drain(pool, WPOOL_FOREVER) == WPOOL_OK, "wpool_drain");
    bench_check(ran == JOBS_BEFORE, "each job runs exactly once");
    bench_sleep_ns(SETTLE_NS);

    for_each_worker(read_switches, &before);
    double cpu_before_ms = cpu_ms();
    bench_sleep_ns((int64_t)seconds * 1000000000);
    double cpu_after_ms = cpu_ms();
    for_each_worker(read_switches, &after);
    bench_check(after.count == workers, "as many threads as workers");

    printf("idle: %zu workers for %zu s, lower is better\n", workers, seconds);
    printf("CPU time            %.2f ms\n", cpu_after_ms - cpu_before_ms);
    print_difference(&before, &after);
    write_csv(cpu_after_ms - cpu_before_ms, workers, seconds);
    print_timers(workers);
    printf("resident            %.0f KiB\n", bench_resident_bytes() / 1024);
    bench_pool_end(pool);
    return 0;
}
