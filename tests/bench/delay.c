/* How long a forked child waits for an idle worker while the job that forked it computes and does
   not touch the pool. 2 workers; settings from the environment: SAMPLES, CSV.

       asleep  the other worker sleeps at the fork: from the fork to the child's start
       busy    the other one runs an earlier child: from the end of that one to the start of the
               next */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "bench.h"
#include <sched.h>
#include <stdatomic.h>

#define COMPUTED_NS 200000 /* long enough for the other worker to go to sleep */

typedef struct child {
    wpool_job job;
    int64_t computes_ns;
    _Atomic int64_t began_ns, ended_ns;
} child;

static void compute(int64_t ns) {
    for (int64_t end = bench_now_ns() + ns; bench_now_ns() < end;)
        continue;
}

static int run(void *arg, wpool_job *job) {
    child *self = arg;
    (void)job;
    atomic_store(&self->began_ns, bench_now_ns());
    compute(self->computes_ns);
    atomic_store(&self->ended_ns, bench_now_ns());
    return 0;
}

static void await(const _Atomic int64_t *moment) {
    while (atomic_load(moment) == 0)
        continue;
}

static double sample_asleep(wpool_job *self) {
    child only = {.computes_ns = 0};
    compute(COMPUTED_NS);
    int64_t before = bench_now_ns();
    wpool_fork(self, &only.job, run, &only);
    await(&only.ended_ns);
    bench_check(!wpool_unfork(self, &only.job), "the other worker ran it");
    return (double)(only.began_ns - before) / 1000;
}

static double sample_busy(wpool_job *self) {
    child first = {.computes_ns = COMPUTED_NS}, second = {.computes_ns = 0};
    wpool_fork(self, &first.job, run, &first);
    await(&first.began_ns);
    wpool_fork(self, &second.job, run, &second);
    await(&second.ended_ns);
    bench_check(!wpool_unfork(self, &second.job), "the other worker ran the second");
    bench_check(!wpool_unfork(self, &first.job), "the other worker ran the first");
    return (double)(second.began_ns - first.ended_ns) / 1000;
}

typedef struct sampling {
    double (*sample)(wpool_job *self);
    size_t count;
    double *delays_us;
} sampling;

static int take_samples(void *arg, wpool_job *self) {
    const sampling *s = arg;
    for (size_t i = 0; i < s->count; i++)
        s->delays_us[i] = s->sample(self);
    return 0;
}

static void measure(const char *name, double (*sample)(wpool_job *), size_t count) {
    static const double percents[] = {50, 99, 99.9};
    sampling s = {sample, count, bench_alloc(count, sizeof(double))};
    wpool *pool = bench_pool_of(2);
    bench_pool_run(pool, take_samples, &s);
    bench_pool_end(pool);
    bench_sort(s.delays_us, count);
    printf("%-24s", name);
    for (size_t i = 0; i < BENCH_COUNT(percents); i++) {
        double us = bench_percentile(s.delays_us, count, percents[i]);
        char bench[32];
        snprintf(bench, sizeof bench, "delay-p%g", percents[i]);
        bench_csv(&(bench_figure){bench, name, 2, 1, count, {us, us, us}, "us"});
        printf("%-26.2f", us);
    }
    printf("\n");
    free(s.delays_us);
}

int main(void) {
    size_t samples = bench_setting("SAMPLES", 5000);
    printf(
        "delay: us from being forked, or from the other worker's becoming idle, to the start of a "
        "child while its\nforker computes; 2 workers, %zu samples\n%-24s%-26s%-26s%-26s\n",
        samples, "", "p50", "p99", "p99.9");
    measure("asleep", sample_asleep, samples);
    measure("busy", sample_busy, samples);
    return 0;
}
