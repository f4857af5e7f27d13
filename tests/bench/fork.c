/* What a fork costs: fib(FIB) with a fork for each addition, beside the plain recursion and other
   projects in the same run. Settings from the environment: FIB, REPEAT, ONLY, CSV. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "peers/forks.h"
#include "table.h"

static const bench_row rows[] = {
    {"wpool_unfork", BENCH_OURS, NULL, &fork_wpool_unfork},
    {"wpool_join", BENCH_OURS, NULL, &fork_wpool_join},
    {"oneTBB task_group", BENCH_PEER, TBB_ABSENT, &fork_tbb},
    {"OpenMP tasks", BENCH_PEER, OPENMP_ABSENT, &fork_openmp},
    {"plain", BENCH_BARE, NULL, &fork_plain},
    {"plain, each called", BENCH_BARE, NULL, &fork_called},
};

static double measure(const bench_row *row, const bench_column *column) {
    return fork_measure(row->peer, column->workers, (long)column->size);
}

int main(void) {
    size_t fib = bench_setting("FIB", 35);
    const bench_column columns[] = {
        {"1 worker", 1, 0, fib, "ns/fork", 1},
        {"2 workers", 2, 0, fib, "ns/fork", 1},
    };
    bench_table table = {.name = "fork",
                         .title = bench_title("ns per fork in fib(%zu), lower is better", fib),
                         .measure = measure,
                         BENCH_ROWS(rows)};
    bench_table_run(&table, columns, BENCH_COUNT(columns), 5);
    return 0;
}
