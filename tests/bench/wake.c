/* How long an idle pool takes from the submit to the start of the job, beside the bare means to
   wake a thread and other pools. Settings from the environment: SAMPLES, REPEAT, CSV, and APART=1:
   the submitter alone on one CPU, so that no worker can run where it has just gone to sleep. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "bench.h"
#include "peers/locked.h"
#include "peers/outside.h"
#include "peers/peer.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#define DISCARDED 500
#define PAUSE_NS 200000 /* the submitter sleeps, so everybody sleeps */

/* ---- the bare means: one thread that waits for a word to change ---- */

typedef struct bare_waiter {
    const bench_load *load;
    pthread_t thread;
    _Atomic uint32_t word; /* jobs handed over */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} bare_waiter;

static void futex_sleep(_Atomic uint32_t *word, uint32_t expected) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void *futex_thread(void *arg) {
    bare_waiter *self = arg;
    for (uint32_t seen = 0; seen < self->load->jobs; seen++) {
        while (atomic_load_explicit(&self->word, memory_order_acquire) == seen) {
            futex_sleep(&self->word, seen);
        }
        self->load->fn(&self->load->slots[seen], NULL);
    }
    return NULL;
}

static void *condition_thread(void *arg) {
    bare_waiter *self = arg;
    for (uint32_t seen = 0; seen < self->load->jobs; seen++) {
        pthread_mutex_lock(&self->mutex);
        while (self->word == seen)
            pthread_cond_wait(&self->changed, &self->mutex);
        pthread_mutex_unlock(&self->mutex);
        self->load->fn(&self->load->slots[seen], NULL);
    }
    return NULL;
}

static void *bare_create(const bench_load *load, void *(*run)(void *)) {
    bare_waiter *self = bench_alloc(1, sizeof *self);
    self->load = load;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    bench_check(pthread_create(&self->thread, NULL, run, self) == 0, "pthread_create");
    return self;
}

static void *futex_create(const bench_load *load) { return bare_create(load, futex_thread); }

static void *condition_create(const bench_load *load) {
    return bare_create(load, condition_thread);
}

static void futex_submit(void *pool, unsigned submitter, size_t first, size_t count) {
    bare_waiter *self = pool;
    (void)submitter;
    atomic_store_explicit(&self->word, (uint32_t)(first + count), memory_order_release);
    syscall(SYS_futex, &self->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void condition_submit(void *pool, unsigned submitter, size_t first, size_t count) {
    bare_waiter *self = pool;
    (void)submitter;
    pthread_mutex_lock(&self->mutex);
    self->word = (uint32_t)(first + count);
    pthread_mutex_unlock(&self->mutex);
    pthread_cond_signal(&self->changed);
}

static void bare_drain(void *pool) {
    bare_waiter *self = pool;
    pthread_join(self->thread, NULL);
}

static const bench_peer peer_futex = {
    .name = "bare futex",
    .create = futex_create,
    .submit = futex_submit,
    .drain = bare_drain,
    .destroy = free,
};

static const bench_peer peer_condition = {
    .name = "bare condition",
    .create = condition_create,
    .submit = condition_submit,
    .drain = bare_drain,
    .destroy = free,
};

/* ---- the measurement ---- */

typedef struct measurement {
    const bench_peer *peer;
    size_t samples;
    bool is_apart;
} measurement;

static const bench_peer *const peers[] = {
    &peer_wpool, &peer_futex, &peer_condition, &peer_mutex_deque, &peer_libuv, &peer_glib,
};
enum { WPOOL_ROW = 0, FUTEX_ROW = 1 };

static const double percents[] = {50, 99, 99.9};

static int stamp(void *slot, wpool_job *job) {
    (void)job;
    atomic_store((bench_slot *)slot, (uint64_t)bench_now_ns());
    return 0;
}

static void split_cpus(cpu_set_t *first, cpu_set_t *others) {
    size_t cpu = 0;
    CPU_ZERO(first);
    bench_check(sched_getaffinity(0, sizeof *others, others) == 0, "sched_getaffinity");
    bench_check(CPU_COUNT(others) > 1, "two CPUs");
    while (!CPU_ISSET(cpu, others))
        cpu++;
    CPU_CLR(cpu, others);
    CPU_SET(cpu, first);
}

static void measure(const void *input, double *percentiles_us) {
    const measurement *self = input;
    bench_load load = {.fn = stamp, .jobs = DISCARDED + self->samples, .submitters = 1};
    load.workers = 2;
    load.slots = bench_alloc(load.jobs, sizeof *load.slots);
    double *latencies_us = bench_alloc(load.jobs, sizeof *latencies_us);

    cpu_set_t first, others;
    if (self->is_apart) {
        split_cpus(&first, &others);
        sched_setaffinity(0, sizeof others, &others); /* inherited by the workers */
    }
    void *pool = self->peer->create(&load);
    bench_sleep_ns(PAUSE_NS);
    for (size_t i = 0; i < load.jobs; i++) {
        /* libuv starts its threads at the first job */
        if (self->is_apart && i == 1) sched_setaffinity(0, sizeof first, &first);
        int64_t before_ns = bench_now_ns();
        self->peer->submit(pool, 0, i, 1);
        do {
            bench_sleep_ns(PAUSE_NS);
        } while (atomic_load(&load.slots[i]) == 0);
        latencies_us[i] = (double)((int64_t)atomic_load(&load.slots[i]) - before_ns) / 1000;
    }
    self->peer->drain(pool);
    self->peer->destroy(pool);

    bench_sort(latencies_us + DISCARDED, self->samples);
    for (size_t i = 0; i < BENCH_COUNT(percents); i++) {
        percentiles_us[i] = bench_percentile(latencies_us + DISCARDED, self->samples, percents[i]);
    }
}

static void write_csv(const bench_peer *peer, const bench_spread *spreads, size_t samples) {
    for (size_t i = 0; i < BENCH_COUNT(percents); i++) {
        char name[32];
        snprintf(name, sizeof name, "wake-p%g", percents[i]);
        bench_csv(&(bench_figure){name, peer->name, 2, 1, samples, spreads[i], "us"});
    }
}

/* Prints row p and writes it to the CSV file. */
static void report(size_t p, const bench_spread *spreads, size_t samples) {
    peer_print_row(peers[p], spreads, BENCH_COUNT(percents));
    if (peers[p]->create) write_csv(peers[p], spreads, samples);
}

int main(void) {
    size_t samples = bench_setting("SAMPLES", 20000), repeat = bench_setting("REPEAT", 5);
    bool is_apart = getenv("APART") != NULL;
    double *all = bench_alloc(BENCH_COUNT(peers) * BENCH_COUNT(percents) * repeat, sizeof *all);
    bench_spread table[BENCH_COUNT(peers)][BENCH_COUNT(percents)];

    for (size_t r = 0; r < repeat; r++) {
        for (size_t turn = 0; turn < BENCH_COUNT(peers); turn++) {
            size_t p = (turn + r) % BENCH_COUNT(peers); /* nobody is always the first */
            measurement input = {.peer = peers[p], .samples = samples, .is_apart = is_apart};
            double output[BENCH_COUNT(percents)] = {0};
            if (peers[p]->create) bench_in_child(measure, &input, output, BENCH_COUNT(percents));
            for (size_t i = 0; i < BENCH_COUNT(percents); i++) {
                all[(p * BENCH_COUNT(percents) + i) * repeat + r] = output[i];
            }
        }
    }
    printf("wake: us from submit to the start of the job, lower is better; "
           "2 workers%s, %zu samples, median [min-max] of %zu\n%-24s%-26s%-26s%-26s\n",
           is_apart ? " apart" : "", samples, repeat, "", "p50", "p99", "p99.9");
    for (size_t p = 0; p < BENCH_COUNT(peers); p++) {
        for (size_t i = 0; i < BENCH_COUNT(percents); i++) {
            table[p][i] = bench_spread_of(&all[(p * BENCH_COUNT(percents) + i) * repeat], repeat);
        }
        report(p, table[p], samples);
    }
    printf("wpool / bare futex      %-26.2f%-26.2f\n",
           table[WPOOL_ROW][0].median / table[FUTEX_ROW][0].median,
           table[WPOOL_ROW][1].median / table[FUTEX_ROW][1].median);
    free(all);
    return 0;
}
