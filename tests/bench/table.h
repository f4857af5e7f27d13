/* The table that most benchmarks print: contenders by columns. Each cell is measured in processes
   of its own that take turns with those of all others; printed are medians, and how much faster we
   are than the best peer of each column. Figures go to the CSV file as well. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "bench.h"
#include <stdarg.h>
#include <string.h>

#define BENCH_NONE (-1.0) /* there is no such combination */
#define BENCH_HUNG (-2.0) /* a peer that did not come to an end */
#define BENCH_WIDE 4      /* more columns than that are printed without the extremes */
#define BENCH_NAME 36     /* width of the first column */

typedef enum bench_kind {
    BENCH_OURS,
    BENCH_PEER,
    BENCH_OTHER, /* a peer that promises less: compared apart */
    BENCH_BARE   /* the same work with nothing around it */
} bench_kind;

typedef struct bench_row {
    const char *name;
    bench_kind kind;
    const char *absent; /* why it is skipped; NULL: it is here */
    const void *peer;   /* for measure */
} bench_row;

typedef struct bench_column {
    const char *title;
    unsigned workers, submitters;
    size_t size;
    const char *unit; /* begins with M: more is better, otherwise less is */
    size_t bare;      /* 1 + the column whose bare cell this one is compared with; 0: none */
} bench_column;

/* Measures one cell: in a child process. */
typedef double bench_cell(const bench_row *row, const bench_column *column);

typedef struct bench_table {
    const char *name, *title;
    const char *other; /* what the peers are that promise less */
    const bench_row *rows;
    size_t row_count;
    const bench_column *columns;
    size_t column_count;
    bench_cell *measure;
    size_t repeat;
    double *samples; /* row by row, column by column */
} bench_table;

/* For the initializer of a table. */
#define BENCH_ROWS(array) .rows = (array), .row_count = BENCH_COUNT(array)

/* For the title of a table; it stays until the next one. */
__attribute__((format(printf, 1, 2), unused)) static const char *bench_title(const char *format,
                                                                             ...) {
    static char title[100];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(title, sizeof title, format, arguments);
    va_end(arguments);
    return title;
}

typedef struct bench_place {
    const bench_table *table;
    size_t row, column;
} bench_place;

static inline double *table_samples(bench_place at) {
    return at.table->samples + (at.row * at.table->column_count + at.column) * at.table->repeat;
}

/* Of a cell, whose samples it sorts. */
static inline bench_spread table_spread(bench_place at) {
    return bench_spread_of(table_samples(at), at.table->repeat);
}

static inline void table_child(const void *input, double *output) {
    const bench_place *at = input;
    *output = at->table->measure(&at->table->rows[at->row], &at->table->columns[at->column]);
}

/* Why the row is skipped, or NULL. Where the environment has ONLY, rows without that in their names
   are, but the bare ones. */
static inline const char *table_absent(const bench_row *row) {
    const char *only = getenv("ONLY");
    bool is_chosen = !only || row->kind == BENCH_BARE || strstr(row->name, only);
    return row->absent ? row->absent : is_chosen ? NULL : "not in ONLY";
}

/* One sample. A peer that hung once is not tried again. */
static inline void table_measure(bench_place at, size_t turn) {
    const bench_row *row = &at.table->rows[at.row];
    double *samples = table_samples(at);
    samples[turn] = BENCH_NONE;
    if (table_absent(row)) return;
    if (turn > 0 && samples[0] < 0) {
        samples[turn] = samples[0];
        return;
    }
    unsigned seconds = row->kind == BENCH_OURS ? BENCH_CHILD_SECONDS : BENCH_PEER_SECONDS;
    if (bench_try_in_child(table_child, &at, &samples[turn], 1, seconds)) return;
    bench_check(row->kind != BENCH_OURS, "ended in time");
    for (size_t r = 0; r <= turn; r++)
        samples[r] = BENCH_HUNG;
}

static inline void table_measure_all(const bench_table *table) {
    for (size_t r = 0; r < table->repeat; r++) {
        for (size_t c = 0; c < table->column_count; c++) {
            for (size_t turn = 0; turn < table->row_count; turn++) {
                size_t row = (turn + r) % table->row_count; /* nobody is always the first */
                table_measure((bench_place){table, row, c}, r);
            }
        }
    }
}

static inline int table_width(const bench_table *table) {
    return table->column_count > BENCH_WIDE ? 12 : 28;
}

static inline void table_print_cell(bench_place at) {
    char text[64];
    bench_spread spread = table_spread(at);
    if (spread.median < 0)
        snprintf(text, sizeof text, spread.median == BENCH_HUNG ? "hangs" : "-");
    else if (at.table->column_count > BENCH_WIDE)
        snprintf(text, sizeof text, "%.2f", spread.median);
    else
        snprintf(text, sizeof text, "%.2f [%.2f-%.2f]", spread.median, spread.min, spread.max);
    printf("%-*s", table_width(at.table), text);
}

static inline void table_print_row(const bench_table *table, size_t r) {
    const bench_row *row = &table->rows[r];
    printf("%-*s", BENCH_NAME, row->name);
    const char *absent = table_absent(row);
    if (absent) printf("skipped: %s", absent);
    for (size_t c = 0; c < table->column_count && !absent; c++)
        table_print_cell((bench_place){table, r, c});
    printf("\n");
}

static inline double table_speed(bench_place at) {
    double value = table_spread(at).median;
    if (value <= 0) return 0;
    return at.table->columns[at.column].unit[0] == 'M' ? value : 1 / value;
}

/* The fastest of a kind in that column, or row_count. */
static inline size_t table_best(const bench_table *table, size_t column, bench_kind kind) {
    size_t best = table->row_count;
    double speed = 0;
    for (size_t r = 0; r < table->row_count; r++) {
        bench_place at = {table, r, column};
        if (table->rows[r].kind != kind || table_speed(at) <= speed) continue;
        speed = table_speed(at);
        best = r;
    }
    return best;
}

/* How many times as fast our row is as the best of that kind, column by column. */
static inline void table_print_ratio(const bench_table *table, size_t row, bench_kind kind) {
    char text[64];
    snprintf(text, sizeof text, "%s / %s", table->rows[row].name,
             kind == BENCH_PEER ? "best" : table->other);
    printf("%-*s", BENCH_NAME, text);
    for (size_t c = 0; c < table->column_count; c++) {
        size_t best = table_best(table, c, kind);
        double speed = table_speed((bench_place){table, row, c});
        snprintf(text, sizeof text, "-");
        if (best < table->row_count && speed > 0) {
            double ratio = speed / table_speed((bench_place){table, best, c});
            bool is_wide = table->column_count > BENCH_WIDE;
            snprintf(text, sizeof text, "%.2f", ratio);
            if (!is_wide) snprintf(text, sizeof text, "%.2f (%s)", ratio, table->rows[best].name);
        }
        printf("%-*s", table_width(table), text);
    }
    printf("\n");
}

/* How many times as fast our row is as a bare one with one thread. */
static inline void table_print_speedup(const bench_table *table, size_t row, size_t bare) {
    char text[64];
    snprintf(text, sizeof text, "%s / %s", table->rows[row].name, table->rows[bare].name);
    printf("%-*s", BENCH_NAME, text);
    for (size_t c = 0; c < table->column_count; c++) {
        size_t alone = table->columns[c].bare;
        double speed = alone ? table_speed((bench_place){table, bare, alone - 1}) : 0;
        snprintf(text, sizeof text, "-");
        if (speed > 0) {
            speed = table_speed((bench_place){table, row, c}) / speed;
            snprintf(text, sizeof text, "%.3f", speed);
        }
        printf("%-*s", table_width(table), text);
    }
    printf("\n");
}

static inline bool table_has(const bench_table *table, bench_kind kind) {
    for (size_t r = 0; r < table->row_count; r++)
        if (table->rows[r].kind == kind && !table_absent(&table->rows[r])) return true;
    return false;
}

static inline bool table_has_bare_columns(const bench_table *table) {
    for (size_t c = 0; c < table->column_count; c++)
        if (table->columns[c].bare) return true;
    return false;
}

static inline void table_print_comparisons(const bench_table *table, size_t row) {
    if (table_has(table, BENCH_PEER)) table_print_ratio(table, row, BENCH_PEER);
    if (table_has(table, BENCH_OTHER)) table_print_ratio(table, row, BENCH_OTHER);
    if (!table_has_bare_columns(table)) return;
    for (size_t r = 0; r < table->row_count; r++)
        if (table->rows[r].kind == BENCH_BARE) table_print_speedup(table, row, r);
}

static inline void table_write_csv(const bench_table *table) {
    for (size_t c = 0; c < table->column_count; c++) {
        const bench_column *column = &table->columns[c];
        for (size_t r = 0; r < table->row_count; r++) {
            bench_figure figure = {.bench = table->name, .contender = table->rows[r].name};
            figure.workers = column->workers;
            figure.submitters = column->submitters;
            figure.size = column->size;
            figure.spread = table_spread((bench_place){table, r, c});
            figure.unit = column->unit;
            if (figure.spread.median >= 0) bench_csv(&figure);
        }
    }
}

/* Measures, prints and writes all of it, each cell REPEAT times, or as often as is usual. */
static inline void bench_table_run(bench_table *table, const bench_column *columns, size_t count,
                                   size_t usual) {
    table->columns = columns;
    table->column_count = count;
    table->repeat = bench_setting("REPEAT", usual);
    table->samples =
        bench_alloc(table->row_count * table->column_count * table->repeat, sizeof *table->samples);
    table_measure_all(table);
    printf("%s: %s; median%s of %zu\n%-*s", table->name, table->title,
           table->column_count > BENCH_WIDE ? "" : " [min-max]", table->repeat, BENCH_NAME, "");
    for (size_t c = 0; c < table->column_count; c++)
        printf("%-*s", table_width(table), table->columns[c].title);
    printf("\n");
    for (size_t r = 0; r < table->row_count; r++)
        table_print_row(table, r);
    for (size_t r = 0; r < table->row_count; r++)
        if (table->rows[r].kind == BENCH_OURS && !table_absent(&table->rows[r]))
            table_print_comparisons(table, r);
    table_write_csv(table);
    free(table->samples);
    fflush(stdout);
}

#endif /* BENCH_TABLE_H */
