/* Jobs that are more than plain: with ids, in lanes, in another order, tried again, at a rate,
   after others, periodic; and the heap of timers, full of delayed jobs. Settings from the
   environment: JOBS (a multiple of 1000), LANES, DELAYED, REPEAT, ONLY, CSV. */
#define _GNU_SOURCE 1 /* as wpool.h would */
#include <stdint.h>

static int64_t shifted_clock_ns(void);
#define WPOOL_CLOCK() shifted_clock_ns()
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "table.h"
#include <stdatomic.h>

#define TOGETHER 1000 /* JOBS is a multiple: runs of a periodic job, jobs of a fan */

/* ---- a clock that can be set forward, so that all that is delayed is due ---- */

static _Atomic int64_t shift_ns;

static int64_t shifted_clock_ns(void) {
    return bench_now_ns() + atomic_load_explicit(&shift_ns, memory_order_relaxed);
}

/* ---- jobs, and ways to submit them ---- */

typedef struct work work;
typedef _Atomic uint64_t start_count;

typedef struct job_way {
    void (*submit)(work *self);
    wpool_fn fn;
    unsigned failures; /* of each job, before it succeeds */
    bool is_paused;    /* until all are submitted */
    wpool_order order;
    wpool_rate rate;
    wpool_options options;
} job_way;

struct work {
    const job_way *way;
    wpool *pool;
    size_t jobs, lane_count;
    start_count *slots; /* of each job: its starts */
    wpool_lane *lanes;
    wpool_job *own_jobs;
    wpool_id *ids;
};

static int count(void *slot, wpool_job *job) {
    (void)job;
    atomic_fetch_add_explicit((start_count *)slot, 1, memory_order_relaxed);
    return 0;
}

static int fail_once(void *slot, wpool_job *job) {
    count(slot, job);
    return wpool_job_attempt(job) == 1;
}

static int run_periodically(void *slot, wpool_job *job) {
    count(slot, job);
    return wpool_job_attempt(job) == TOGETHER; /* an error ends it */
}

static void submit_one(work *self, size_t i, const wpool_options *options, wpool_id *id) {
    wpool_status status =
        wpool_submit_with(self->pool, self->way->fn, &self->slots[i], options, id);
    bench_check(status == WPOOL_OK, "wpool_submit_with");
}

static void forget(work *self, wpool_id id) {
    bench_check(wpool_forget(self->pool, id) == WPOOL_OK, "wpool_forget");
}

static void submit_plain(work *self) {
    for (size_t i = 0; i < self->jobs; i++) {
        wpool_status status = wpool_submit(self->pool, self->way->fn, &self->slots[i], NULL);
        bench_check(status == WPOOL_OK, "wpool_submit");
    }
}

static void submit_and_forget(work *self) {
    for (size_t i = 0; i < self->jobs; i++) {
        submit_one(self, i, NULL, &self->ids[i]);
        forget(self, self->ids[i]);
    }
}

static void submit_and_wait(work *self) {
    for (size_t i = 0; i < self->jobs; i++)
        submit_one(self, i, NULL, &self->ids[i]);
    for (size_t i = 0; i < self->jobs; i++) {
        wpool_status status = wpool_wait(self->pool, self->ids[i], WPOOL_FOREVER, NULL);
        bench_check(status == WPOOL_OK, "wpool_wait");
    }
}

static void submit_own(work *self) {
    for (size_t i = 0; i < self->jobs; i++) {
        wpool_job_init(&self->own_jobs[i], self->way->fn, &self->slots[i]);
        wpool_status status = wpool_submit_job(self->pool, &self->own_jobs[i], NULL);
        bench_check(status == WPOOL_OK, "wpool_submit_job");
    }
}

static void submit_with(work *self) {
    for (size_t i = 0; i < self->jobs; i++)
        submit_one(self, i, &self->way->options, NULL);
}

static void submit_mixed(work *self) {
    wpool_options options = {.priority = WPOOL_NORMAL};
    for (size_t i = 0; i < self->jobs; i++) {
        options.priority = (wpool_priority)(i % (WPOOL_LOW + 1));
        submit_one(self, i, &options, NULL);
    }
}

static void submit_in_lane(work *self) {
    const wpool_options options = {.lane = self->lanes};
    for (size_t i = 0; i < self->jobs; i++)
        submit_one(self, i, &options, NULL);
}

static void submit_in_lanes(work *self) {
    for (size_t i = 0; i < self->jobs; i++) {
        const wpool_options options = {.lane = &self->lanes[i % self->lane_count]};
        submit_one(self, i, &options, NULL);
    }
}

static void submit_periodic(work *self) {
    for (size_t i = 0; i < self->jobs; i += TOGETHER)
        submit_one(self, i, &self->way->options, NULL);
}

static void submit_chain(work *self) {
    for (size_t i = 0; i < self->jobs; i++) {
        const wpool_options options = {.after = &self->ids[i - (i > 0)], .after_count = i > 0};
        submit_one(self, i, &options, &self->ids[i]);
        if (i > 0) forget(self, self->ids[i - 1]);
    }
    forget(self, self->ids[self->jobs - 1]);
}

/* One job, then many after it, then one after these. */
static void submit_fans(work *self) {
    for (size_t begin = 0; begin < self->jobs; begin += TOGETHER) {
        wpool_id *ids = &self->ids[begin];
        const size_t last = TOGETHER - 1;
        const wpool_options after_first = {.after = ids, .after_count = 1};
        const wpool_options after_many = {.after = ids + 1, .after_count = last - 1};
        submit_one(self, begin, NULL, ids);
        for (size_t i = 1; i < last; i++)
            submit_one(self, begin + i, &after_first, &ids[i]);
        submit_one(self, begin + last, &after_many, &ids[last]);
        for (size_t i = 0; i <= last; i++)
            forget(self, ids[i]);
    }
}

/* ---- a pool's life with them ---- */

static work work_make(const job_way *way, size_t jobs, wpool_config config) {
    work self = {.way = way, .jobs = jobs, .lane_count = bench_setting("LANES", 10000)};
    self.pool = bench_pool(config);
    self.slots = bench_alloc(jobs, sizeof *self.slots);
    self.lanes = bench_alloc(self.lane_count, sizeof *self.lanes);
    self.own_jobs = bench_alloc(jobs, sizeof *self.own_jobs);
    self.ids = bench_alloc(jobs, sizeof *self.ids);
    for (size_t i = 0; i < self.lane_count; i++)
        bench_check(wpool_lane_init(&self.lanes[i], self.pool) == WPOOL_OK, "wpool_lane_init");
    return self;
}

/* All memory but the pool stays until the process ends. */
static void work_end(const work *self, size_t starts) {
    size_t counted = 0;
    bench_pool_end(self->pool);
    for (size_t i = 0; i < self->jobs; i++)
        counted += atomic_load(&self->slots[i]);
    bench_check(counted == starts, "each job starts as often as it is to");
}

static void drain(work *self) {
    bench_check(wpool_drain(self->pool, WPOOL_FOREVER) == WPOOL_OK, "wpool_drain");
}

/* From the first submit to the end of the drain. */
static double work_run_ns(work *self) {
    int64_t before_ns = bench_now_ns();
    if (self->way->is_paused) wpool_pause(self->pool);
    self->way->submit(self);
    if (self->way->is_paused) wpool_start(self->pool);
    drain(self);
    return (double)(bench_now_ns() - before_ns);
}

/* No workers: an inline pool. */
static wpool_config config_of(unsigned workers) {
    return workers ? (wpool_config){.workers = workers}
                   : (wpool_config){.max_workers = WPOOL_INLINE};
}

static double measure_way_ns(const job_way *way, const bench_column *column) {
    wpool_config config = config_of(column->workers);
    config.order = way->order;
    config.rate = way->rate;
    if (way->is_paused) config.queue_capacity = column->size;
    work self = work_make(way, column->size, config);
    work_run_ns(&self);
    double ns = work_run_ns(&self);
    work_end(&self, 2 * (1 + way->failures) * self.jobs);
    return ns / (double)self.jobs;
}

static double measure_way(const bench_row *row, const bench_column *column) {
    return 1000 / measure_way_ns(row->peer, column);
}

static const job_way plain = {.submit = submit_plain, .fn = count};
static const job_way forgotten = {.submit = submit_and_forget, .fn = count};
static const job_way waited_for = {.submit = submit_and_wait, .fn = count};
static const job_way own = {.submit = submit_own, .fn = count};
static const job_way lifo = {.submit = submit_plain, .fn = count, .order = WPOOL_LIFO};
static const job_way one_priority = {.submit = submit_plain, .fn = count, .order = WPOOL_PRIORITY};
static const job_way priorities = {.submit = submit_mixed, .fn = count, .order = WPOOL_PRIORITY};
static const job_way one_lane = {.submit = submit_in_lane, .fn = count};
static const job_way many_lanes = {.submit = submit_in_lanes, .fn = count};
static const job_way never_retried = {
    .submit = submit_with, .fn = count, .options = {.retry = {.attempts = 2}}};
static const job_way retried = {.submit = submit_with,
                                .fn = fail_once,
                                .failures = 1,
                                .options = {.retry = {.attempts = 2, .delay = 1}}};
static const job_way rated = {.submit = submit_plain, .fn = count, .rate = {1e9, 1000000}};
static const job_way chain = {.submit = submit_chain, .fn = count, .is_paused = true};
static const job_way fans = {.submit = submit_fans, .fn = count, .is_paused = true};
static const job_way periodic = {
    .submit = submit_periodic, .fn = run_periodically, .options = {.period = 1}};

static const bench_row way_rows[] = {
    {.name = "plain", .kind = BENCH_BARE, .peer = &plain},
    {.name = "id, forgotten", .kind = BENCH_OURS, .peer = &forgotten},
    {.name = "id, waited for", .kind = BENCH_OURS, .peer = &waited_for},
    {.name = "caller-owned", .kind = BENCH_OURS, .peer = &own},
    {.name = "last in, first out", .kind = BENCH_OURS, .peer = &lifo},
    {.name = "one of three priorities", .kind = BENCH_OURS, .peer = &one_priority},
    {.name = "three priorities", .kind = BENCH_OURS, .peer = &priorities},
    {.name = "one lane", .kind = BENCH_OURS, .peer = &one_lane},
    {.name = "many lanes", .kind = BENCH_OURS, .peer = &many_lanes},
    {.name = "retry, not needed", .kind = BENCH_OURS, .peer = &never_retried},
    {.name = "retry, each once", .kind = BENCH_OURS, .peer = &retried},
    {.name = "rate, not reached", .kind = BENCH_OURS, .peer = &rated},
    {.name = "after, a chain", .kind = BENCH_OURS, .peer = &chain},
    {.name = "after, fans", .kind = BENCH_OURS, .peer = &fans},
    {.name = "period, each run", .kind = BENCH_OURS, .peer = &periodic},
};

static void run_ways(void) {
    size_t jobs = bench_setting("JOBS", 300000);
    bench_check(jobs % TOGETHER == 0, "JOBS is a multiple of 1000");
    const bench_column columns[] = {
        {"1 worker", 1, 1, jobs, "M/s", 1},
        {"2 workers", 2, 1, jobs, "M/s", 2},
    };
    bench_table table = {.name = "pace",
                         .title =
                             bench_title("Mjobs/s, higher is better; 1 submitter, %zu jobs", jobs),
                         .measure = measure_way,
                         BENCH_ROWS(way_rows)};
    bench_table_run(&table, columns, BENCH_COUNT(columns), 5);
}

/* ---- the heap of timers: delayed jobs ---- */

#define SOONEST_NS WPOOL_SECONDS(3600)
#define APART_NS WPOOL_MS(1) /* more than the clock goes on between two submits, mostly */

typedef enum heap_order { RISING, RANDOM, FALLING } heap_order;

/* What is measured of the jobs submitted in that order of their times: inserting, or expiry. */
typedef struct heap_way {
    heap_order order;
    bool is_expiry;
} heap_way;

/* The place of the i-th among the times. */
static size_t heap_place(const work *self, heap_order order, size_t i) {
    if (order == RANDOM) return (size_t)(i * UINT64_C(0x9E3779B97F4A7C15) % self->jobs);
    return order == RISING ? i : self->jobs - i;
}

static void submit_delayed(work *self, heap_order order) {
    for (size_t i = 0; i < self->jobs; i++) {
        int64_t later_ns = (int64_t)heap_place(self, order, i) * APART_NS;
        const wpool_options options = {.delay = SOONEST_NS + later_ns};
        submit_one(self, i, &options, NULL);
    }
}

static int64_t forward_ns; /* when the clock was set forward */

/* Everything is due. On the thread that keeps the time: it looks at the clock once more. */
static void set_forward(void *user, const wpool_stuck *stuck) {
    const work *self = user;
    (void)stuck;
    forward_ns = bench_now_ns();
    atomic_store(&shift_ns, 2 * SOONEST_NS + (int64_t)self->jobs * APART_NS);
}

static int await_forward(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    while (atomic_load(&shift_ns) == 0)
        bench_sleep_ns(10000);
    return 0;
}

static double expire_ns(work *self, bool is_inline) {
    const wpool_options options = {.run_limit = 1};
    if (is_inline) {
        set_forward(self, NULL);
    } else {
        wpool_status status = wpool_submit_with(self->pool, await_forward, NULL, &options, NULL);
        bench_check(status == WPOOL_OK, "wpool_submit_with");
    }
    drain(self);
    return (double)(bench_now_ns() - forward_ns);
}

/* ns per job. */
static double measure_heap(const bench_row *row, const bench_column *column) {
    const heap_way *way = row->peer;
    if (!way) return measure_way_ns(&plain, column);
    work self;
    wpool_config config = config_of(column->workers);
    config.hooks = (wpool_hooks){.job_stuck = set_forward, .user = &self};
    self = work_make(&waited_for, column->size, config);
    work_run_ns(&self); /* makes the records */
    int64_t before_ns = bench_now_ns();
    submit_delayed(&self, way->order);
    double insert_ns = (double)(bench_now_ns() - before_ns);
    double expiry_ns = expire_ns(&self, column->workers == 0);
    work_end(&self, 2 * self.jobs);
    return (way->is_expiry ? expiry_ns : insert_ns) / (double)self.jobs;
}

static const heap_way heap_ways[] = {{RISING, false}, {RANDOM, false}, {FALLING, false},
                                     {RISING, true},  {RANDOM, true},  {FALLING, true}};

static const bench_row heap_rows[] = {
    {.name = "plain", .kind = BENCH_BARE},
    {.name = "insert, later and later", .kind = BENCH_OURS, .peer = &heap_ways[0]},
    {.name = "insert, at random", .kind = BENCH_OURS, .peer = &heap_ways[1]},
    {.name = "insert, sooner and sooner", .kind = BENCH_OURS, .peer = &heap_ways[2]},
    {.name = "expiry, later and later", .kind = BENCH_OURS, .peer = &heap_ways[3]},
    {.name = "expiry, at random", .kind = BENCH_OURS, .peer = &heap_ways[4]},
    {.name = "expiry, sooner and sooner", .kind = BENCH_OURS, .peer = &heap_ways[5]},
};

static void run_heap(size_t delayed) {
    const bench_column columns[] = {
        {"2 workers", 2, 1, delayed, "ns", 1},
        {"inline", 0, 1, delayed, "ns", 2},
    };
    bench_table table = {
        .name = "pace-timers",
        .title = bench_title("ns per delayed job, lower is better; %zu are pending", delayed),
        .measure = measure_heap,
        BENCH_ROWS(heap_rows)};
    bench_table_run(&table, columns, BENCH_COUNT(columns), 5);
}

/* Resident bytes per delayed job that is pending. */
static void measure_bytes(const void *input, double *bytes) {
    work self = work_make(&waited_for, *(const size_t *)input, config_of(2));
    for (size_t i = 0; i < self.jobs; i++)
        atomic_init(&self.slots[i], 0);
    double before = bench_resident_bytes();
    submit_delayed(&self, RANDOM);
    *bytes = (bench_resident_bytes() - before) / (double)self.jobs;
    wpool_stop(self.pool, WPOOL_GRACEFUL);
    work_end(&self, 0);
}

static void run_bytes(size_t delayed) {
    double bytes;
    bench_in_child(measure_bytes, &delayed, &bytes, 1);
    printf(
        "pace-memory: %.1f resident bytes per delayed job, %zu are pending; %zu are a wpool_job, "
        "%zu a wpool_lane\n",
        bytes, delayed, sizeof(wpool_job), sizeof(wpool_lane));
    bench_csv(&(bench_figure){
        "pace-memory", "delayed job", 2, 1, delayed, {bytes, bytes, bytes}, "B/job"});
}

int main(void) {
    size_t delayed = bench_setting("DELAYED", 100000);
    run_ways();
    run_heap(delayed);
    run_bytes(delayed);
    return 0;
}
