/* 10_merge_sort - sort the lines of a file as `LC_ALL=C sort` does, or lines of random numbers.

   Shows: wpool_fork and wpool_join, with pieces that become sequential below a grain. Merging is
   parallel as well: while one thread merges the last two halves, the others would have nothing to
   do.
   Usage: 10_merge_sort [-j WORKERS] [-g GRAIN] [-n COUNT | FILE]
   Build: cc -std=c11 -O2 -I.. 10_merge_sort.c -o 10_merge_sort -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORKERS = 1024, NUMBER_SIZE = 24, FEW = 16 };

struct line {
    const char *text; /* may contain anything but a newline */
    size_t length;
};

struct lines {
    struct line *line;
    size_t count;
    char *text; /* what they point into */
};

static int compare(const struct line *a, const struct line *b) {
    size_t common = a->length < b->length ? a->length : b->length;
    int order = common ? memcmp(a->text, b->text, common) : 0;
    if (order != 0) return order;
    return (a->length > b->length) - (a->length < b->length);
}

/* ---- merging: two sorted pieces into a third place ---- */

struct pieces {
    const struct line *a, *b;
    size_t a_count, b_count;
    struct line *out;
    size_t grain;
};

struct merge {
    wpool_job job;
    struct pieces pieces;
};

/* Equal lines come from a first: the sort is stable. */
static void merge_alone(const struct pieces *m) {
    size_t i = 0, j = 0;
    struct line *out = m->out;
    while (i < m->a_count && j < m->b_count)
        *out++ = compare(&m->b[j], &m->a[i]) < 0 ? m->b[j++] : m->a[i++];
    while (i < m->a_count)
        *out++ = m->a[i++];
    while (j < m->b_count)
        *out++ = m->b[j++];
}

/* How many of the sorted lines belong before pivot; of those that are equal all or none. */
static size_t before(const struct line *line, size_t count, const struct line *pivot, bool equal) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(&line[middle], pivot);
        if (order < 0 || (order == 0 && equal))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Cuts the larger piece in two, and the other one where that cut belongs. Of three lines or more
   there is something on both sides, so the merges become smaller. */
static void cut(const struct pieces *m, size_t *a_cut, size_t *b_cut) {
    if (m->a_count >= m->b_count) {
        *a_cut = m->a_count / 2;
        *b_cut = before(m->b, m->b_count, &m->a[*a_cut], false);
    } else {
        *b_cut = m->b_count / 2;
        *a_cut = before(m->a, m->a_count, &m->b[*b_cut], true);
    }
}

static int merge(void *arg, wpool_job *self) {
    const struct pieces *m = &((const struct merge *)arg)->pieces;
    size_t a_cut, b_cut;
    if (m->a_count + m->b_count <= m->grain) {
        merge_alone(m);
        return 0;
    }
    cut(m, &a_cut, &b_cut);
    struct merge low = {.pieces = {m->a, m->b, a_cut, b_cut, m->out, m->grain}};
    struct merge high = {.pieces = {m->a + a_cut, m->b + b_cut, m->a_count - a_cut,
                                    m->b_count - b_cut, m->out + a_cut + b_cut, m->grain}};
    wpool_fork(self, &high.job, merge, &high);
    merge(&low, self);
    wpool_join(self, &high.job); /* runs it here if nobody has begun it */
    return 0;
}

/* ---- sorting ---- */

struct sort {
    wpool_job job;
    struct line *line, *spare; /* as many in each */
    size_t count, grain;
    bool into_spare; /* where the result is to be */
};

/* Insertion sort of few lines. */
static void sort_few(struct line *line, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct line moving = line[i];
        size_t j = i;
        for (; j > 0 && compare(&moving, &line[j - 1]) < 0; j--)
            line[j] = line[j - 1];
        line[j] = moving;
    }
}

static void merge_halves(const struct sort *s, size_t half, wpool_job *self) {
    struct line *from = s->into_spare ? s->line : s->spare;
    struct line *to = s->into_spare ? s->spare : s->line;
    struct merge whole = {.pieces = {from, from + half, half, s->count - half, to, s->grain}};
    merge(&whole, self);
}

/* The halves go to where the result is not to be, and are merged from there. */
static int sort(void *arg, wpool_job *self) {
    const struct sort *s = (const struct sort *)arg;
    size_t half = s->count / 2;
    if (s->count <= FEW) {
        sort_few(s->line, s->count);
        if (s->into_spare && s->count) memcpy(s->spare, s->line, s->count * sizeof *s->line);
        return 0;
    }
    struct sort low = {.line = s->line, .spare = s->spare, .count = half};
    struct sort high = {.line = s->line + half, .spare = s->spare + half, .count = s->count - half};
    low.grain = high.grain = s->grain;
    low.into_spare = high.into_spare = !s->into_spare;

    if (s->count > s->grain) {
        wpool_fork(self, &high.job, sort, &high);
        sort(&low, self);
        wpool_join(self, &high.job);
    } else { /* too small to be worth it: a recursive function like any other */
        sort(&low, self);
        sort(&high, self);
    }
    merge_halves(s, half, self);
    return 0;
}

static wpool_status sort_lines(struct lines *lines, size_t grain, unsigned workers) {
    const wpool_config config = {.name = "sort", .workers = workers};
    struct sort root = {.line = lines->line, .count = lines->count, .grain = grain};
    wpool *pool;
    wpool_status status = wpool_create(&pool, &config);
    if (status != WPOOL_OK) return status;

    root.spare = (struct line *)calloc(lines->count + 1, sizeof *root.spare);
    status = root.spare ? WPOOL_OK : WPOOL_NO_MEMORY;
    wpool_job_init(&root.job, sort, &root);
    if (status == WPOOL_OK) status = wpool_submit_job(pool, &root.job, NULL);
    if (status == WPOOL_OK) status = wpool_job_wait(&root.job, WPOOL_FOREVER);
    wpool_destroy(pool);
    free(root.spare);
    return status;
}

/* ---- where lines come from; these answer 0 or an errno ---- */

static int read_text(FILE *file, char **text, size_t *size) {
    size_t room = 0;
    for (;;) {
        if (*size == room) {
            char *larger = (char *)realloc(*text, room = room * 2 + 65536);
            if (!larger) return ENOMEM;
            *text = larger;
        }
        size_t got = fread(*text + *size, 1, room - *size, file);
        *size += got;
        if (got == 0) return ferror(file) ? EIO : 0;
    }
}

/* The last line may lack its newline. */
static int split_text(struct lines *lines, size_t size) {
    const char *end = lines->text + size;
    size_t count = 1;
    for (const char *at = lines->text; at < end; at++)
        count += *at == '\n';
    lines->line = (struct line *)calloc(count, sizeof *lines->line);
    if (!lines->line) return ENOMEM;
    for (const char *at = lines->text; at < end; lines->count++) {
        const char *newline = (const char *)memchr(at, '\n', (size_t)(end - at));
        if (!newline) newline = end;
        lines->line[lines->count].text = at;
        lines->line[lines->count].length = (size_t)(newline - at);
        at = newline + 1 > end ? end : newline + 1;
    }
    return 0;
}

static int read_lines(const char *name, struct lines *lines) {
    size_t size = 0;
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    if (!file) return errno;
    int error = read_text(file, &lines->text, &size);
    if (file != stdin) fclose(file);
    return error ? error : split_text(lines, size);
}

static int make_lines(size_t count, struct lines *lines) {
    uint64_t random = 88172645463325252U; /* xorshift, by Marsaglia: the same numbers each time */
    size_t size = 0;
    lines->text = (char *)malloc(count * NUMBER_SIZE + 1);
    if (!lines->text) return ENOMEM;
    for (size_t i = 0; i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size +=
            (size_t)snprintf(lines->text + size, NUMBER_SIZE, "%llu\n", (unsigned long long)random);
    }
    return split_text(lines, size);
}

/* ---- what is done with them; exit statuses ---- */

static int print(const struct lines *lines) {
    for (size_t i = 0; i < lines->count; i++) {
        const struct line *line = &lines->line[i];
        if (fwrite(line->text, 1, line->length, stdout) < line->length) break;
        if (putchar('\n') == EOF) break;
    }
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    perror("10_merge_sort");
    return 1;
}

/* Sorting changes neither of these. */
static uintptr_t sum_of(const struct lines *lines) {
    uintptr_t sum = 0;
    for (size_t i = 0; i < lines->count; i++)
        sum += (uintptr_t)lines->line[i].text * 31 + lines->line[i].length;
    return sum;
}

static bool is_in_order(const struct lines *lines) {
    for (size_t i = 1; i < lines->count; i++)
        if (compare(&lines->line[i - 1], &lines->line[i]) > 0) return false;
    return true;
}

static double seconds_now(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int complain(const char *what, const char *why) {
    fprintf(stderr, "10_merge_sort: %s: %s\n", what, why);
    return 1;
}

/* Sorts, and prints the lines of a file, or checks the numbers. */
static int run(struct lines *lines, size_t grain, unsigned workers, bool is_file) {
    uintptr_t sum = sum_of(lines);
    double began = seconds_now();
    wpool_status status = sort_lines(lines, grain, workers);
    double seconds = seconds_now() - began;
    if (status != WPOOL_OK) return complain("cannot sort", wpool_strerror(status));
    if (is_file) return print(lines);
    printf("%zu numbers sorted in %.3f s\n", lines->count, seconds);
    if (sum_of(lines) == sum && is_in_order(lines)) return 0;
    return complain("numbers", "sorted wrongly");
}

static int usage(void) {
    fputs("usage: 10_merge_sort [-j WORKERS] [-g GRAIN] [-n COUNT | FILE]\n"
          "Sorts the lines of FILE (-: standard input), or COUNT random numbers (200000).\n"
          "  -j WORKERS  threads (one per processor)\n"
          "  -g GRAIN    lines that one thread sorts or merges alone, from 2 (2048)\n",
          stderr);
    return 2;
}

static bool read_number(const char *text, long min, long max, long *number) {
    char *end;
    *number = strtol(text, &end, 10);
    return end != text && !*end && *number >= min && *number <= max;
}

int main(int argc, char **argv) {
    long workers = 0, grain = 2048, count = 200000;
    bool fine = true;
    int option;
    while ((option = getopt(argc, argv, "j:g:n:")) != -1) {
        if (option == 'j') fine = fine && read_number(optarg, 1, MAX_WORKERS, &workers);
        if (option == 'g') fine = fine && read_number(optarg, 2, 1000000000, &grain);
        if (option == 'n') fine = fine && read_number(optarg, 0, 100000000, &count);
        fine = fine && option != '?';
    }
    const char *name = optind < argc ? argv[optind] : NULL;
    if (!fine || argc - optind > 1) return usage();

    struct lines lines = {NULL, 0, NULL};
    int error = name ? read_lines(name, &lines) : make_lines((size_t)count, &lines);
    int status = error ? complain(name ? name : "numbers", strerror(error))
                       : run(&lines, (size_t)grain, (unsigned)workers, name != NULL);
    free(lines.line);
    free(lines.text);
    return status;
}
