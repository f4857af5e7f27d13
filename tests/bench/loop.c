/* A parallel loop over ELEMENTS iterations, beside other projects and one thread in the same run:
   with equal iterations (y += a x), and with ones that take longer and longer. Settings from the
   environment: ELEMENTS, REPEAT, ONLY, CSV. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "peers/loops.h"
#include "table.h"

#define SKEWED_STEPS 300 /* of the last iteration: about 100 ns on average */

static int loop_skewed(size_t begin, size_t end, void *arg, wpool_job *job) {
    const loop_data *data = arg;
    (void)job;
    for (size_t i = begin; i < end; i++) {
        uint64_t value = i;
        for (size_t step = i * SKEWED_STEPS / data->count; step > 0; step--)
            value = value * 6364136223846793005u + 1442695040888963407u; /* waits for the last */
        data->y[i] += (double)(value | 1);
    }
    return 0;
}

static const bench_row rows[] = {
    {"wpool_for", BENCH_OURS, NULL, &loop_wpool},
    {"wpool_for in a job", BENCH_OURS, NULL, &loop_wpool_inside},
    {"wpool_for, 1 more", BENCH_OURS, NULL, &loop_wpool_more},
    {"oneTBB static", BENCH_PEER, TBB_ABSENT, &loop_tbb[0]},
    {"oneTBB auto", BENCH_PEER, TBB_ABSENT, &loop_tbb[1]},
    {"oneTBB simple, 1024", BENCH_PEER, TBB_ABSENT, &loop_tbb[2]},
    {"OpenMP static", BENCH_PEER, OPENMP_ABSENT, &loop_openmp[0]},
    {"OpenMP guided", BENCH_PEER, OPENMP_ABSENT, &loop_openmp[1]},
    {"OpenMP dynamic, 1024", BENCH_PEER, OPENMP_ABSENT, &loop_openmp[2]},
    {"sequential", BENCH_BARE, NULL, &loop_plain},
};

static double measure(const bench_row *row, const bench_column *column) {
    if (column->unit[0] == 'u') /* us */
        return loop_measure(row->peer, column->workers, loop_axpy, column->size, LOOP_ROUNDS);
    double us = loop_measure(row->peer, column->workers, loop_skewed, column->size, 3);
    return us < 0 ? us : us / 1000;
}

int main(void) {
    size_t elements = bench_setting("ELEMENTS", 1000000);
    const bench_column columns[] = {
        {"equal, 1 thread, us", 1, 0, elements, "us", 1},
        {"equal, 2 threads, us", 2, 0, elements, "us", 1},
        {"skewed, 1 thread, ms", 1, 0, elements, "ms", 3},
        {"skewed, 2 threads, ms", 2, 0, elements, "ms", 3},
    };
    bench_table table = {.name = "loop",
                         .title =
                             bench_title("a loop over %zu elements, lower is better", elements),
                         .measure = measure,
                         BENCH_ROWS(rows)};
    bench_table_run(&table, columns, BENCH_COUNT(columns), 5);
    return 0;
}
