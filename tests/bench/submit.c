/* How many plain jobs a second go through a pool, from the first submit to the end of the drain,
   beside other pools in the same run. Settings from the environment: JOBS, REPEAT, ONLY, CSV. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "load.h"
#include "peers/locked.h"
#include "peers/outside.h"
#include "table.h"

static const bench_row rows[] = {
    {.name = "wpool", .kind = BENCH_OURS, .peer = &peer_wpool},
    {.name = "wpool 64 at once", .kind = BENCH_OURS, .peer = &peer_wpool_many},
    {.name = "mutex ring 1024", .kind = BENCH_PEER, .peer = &peer_mutex_ring},
    {.name = "mutex deque", .kind = BENCH_PEER, .peer = &peer_mutex_deque},
    {.name = "mutex list, malloc", .kind = BENCH_PEER, .peer = &peer_mutex_list},
    {.name = "libuv", .kind = BENCH_PEER, .absent = LIBUV_ABSENT, .peer = &peer_libuv},
    {.name = "GLib GThreadPool", .kind = BENCH_PEER, .absent = GLIB_ABSENT, .peer = &peer_glib},
    {.name = "oneTBB (+caller)", .kind = BENCH_PEER, .absent = TBB_ABSENT, .peer = &peer_tbb},
};

static double measure(const bench_row *row, const bench_column *column) {
    bench_load load = load_make(column->size, column->submitters, column->workers);
    return (double)load.jobs * 1000 / load_run_ns(row->peer, &load);
}

int main(void) {
    size_t jobs = bench_setting("JOBS", 2000000);
    const bench_column columns[] = {
        {"1 submitter, 1 worker", 1, 1, jobs, "M/s", 0},
        {"1 submitter, 2 workers", 2, 1, jobs, "M/s", 0},
        {"4 submitters, 2 workers", 2, 4, jobs, "M/s", 0},
    };
    bench_table table = {.name = "submit",
                         .title = bench_title("Mjobs/s, higher is better; %zu jobs", jobs),
                         .measure = measure,
                         BENCH_ROWS(rows)};
    bench_table_run(&table, columns, BENCH_COUNT(columns), 5);
    return 0;
}
