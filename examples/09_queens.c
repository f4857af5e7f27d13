/* 09_queens - in how many ways can N queens stand on a board of N x N, none attacking another?

   Shows: wpool_fork and wpool_unfork, divide and conquer in a tree that nobody knows beforehand.
   Each square that is free in a row is a branch. Near the root the branches are forked, so that any
   worker without work can take one; from a certain depth on they are too small for that, and a
   plain recursive function goes through them.
   Usage: 09_queens [-j WORKERS] [-c CUTOFF] [N]
   Build: cc -std=c11 -O2 -I.. 09_queens.c -o 09_queens -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MAX_N = 18, MAX_WORKERS = 1024 };

static const uint64_t known[MAX_N + 1] = {
    1,   1,    0,     0,     2,      10,      4,        40,       92,       352,
    724, 2680, 14200, 73712, 365596, 2279184, 14772512, 95815104, 666090624};

/* Queens stand in the rows above; each mask has a bit per column of the row that is next. */
struct board {
    unsigned all;                  /* the columns that there are */
    unsigned columns, left, right; /* attacked: straight down, and along both diagonals */
};

struct branch {
    wpool_job job;
    struct board board;
    int forks; /* so many rows are still forked */
    uint64_t solutions;
};

static unsigned free_squares(struct board board) {
    return board.all & ~(board.columns | board.left | board.right);
}

static struct board with_queen(struct board board, unsigned square) {
    board.columns |= square;
    board.left = (board.left | square) << 1;
    board.right = (board.right | square) >> 1;
    return board;
}

static uint64_t count_alone(struct board board) {
    uint64_t solutions = 0;
    if (board.columns == board.all) return 1;
    for (unsigned squares = free_squares(board); squares; squares &= squares - 1)
        solutions += count_alone(with_queen(board, squares & -squares));
    return solutions;
}

/* Counts the solutions of a branch. self is the job in which this is called, whichever that is. */
static int count(void *arg, wpool_job *self) {
    struct branch *branch = (struct branch *)arg;
    struct branch children[MAX_N]; /* memory for jobs is wherever you like: here, on the stack */
    int n = 0;

    if (branch->forks == 0) {
        branch->solutions = count_alone(branch->board);
        return 0;
    }
    for (unsigned squares = free_squares(branch->board); squares; squares &= squares - 1, n++) {
        children[n].board = with_queen(branch->board, squares & -squares);
        children[n].forks = branch->forks - 1;
        wpool_fork(self, &children[n].job, count, &children[n]);
    }
    branch->solutions = branch->board.columns == branch->board.all;
    while (n-- > 0) { /* the last one first: it is the nearest */
        if (wpool_unfork(self, &children[n].job)) count(&children[n], self); /* nobody took it */
        branch->solutions += children[n].solutions;
    }
    return 0;
}

static double seconds_now(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Forking is for jobs, so the root of the tree is one. */
static wpool_status count_on_pool(int n, int cutoff, unsigned workers, uint64_t *solutions) {
    const wpool_config config = {.name = "queens", .workers = workers};
    struct branch root = {.board = {.all = (1U << n) - 1}, .forks = cutoff};
    wpool *pool;
    wpool_status status = wpool_create(&pool, &config);
    if (status != WPOOL_OK) return status;

    wpool_job_init(&root.job, count, &root);
    status = wpool_submit_job(pool, &root.job, NULL);
    if (status == WPOOL_OK) status = wpool_job_wait(&root.job, WPOOL_FOREVER);
    wpool_destroy(pool);
    *solutions = root.solutions;
    return status;
}

static int usage(void) {
    fprintf(stderr,
            "usage: 09_queens [-j WORKERS] [-c CUTOFF] [N]\n"
            "Counts the ways to place N queens (1 to %d; 10).\n"
            "  -j WORKERS  threads (one per processor)\n"
            "  -c CUTOFF   rows that are forked, 0 to %d (4)\n",
            MAX_N, MAX_N);
    return 2;
}

static bool read_number(const char *text, long min, long max, long *number) {
    char *end;
    *number = strtol(text, &end, 10);
    return end != text && !*end && *number >= min && *number <= max;
}

int main(int argc, char **argv) {
    long workers = 0, cutoff = 4, n = 10;
    int option;
    bool fine = true;
    while ((option = getopt(argc, argv, "j:c:")) != -1) {
        if (option == 'j') fine = fine && read_number(optarg, 1, MAX_WORKERS, &workers);
        if (option == 'c') fine = fine && read_number(optarg, 0, MAX_N, &cutoff);
        fine = fine && option != '?';
    }
    if (optind < argc) fine = fine && read_number(argv[optind++], 1, MAX_N, &n);
    if (!fine || optind < argc) return usage();

    double began = seconds_now();
    uint64_t solutions = 0;
    wpool_status status = count_on_pool((int)n, (int)cutoff, (unsigned)workers, &solutions);
    if (status != WPOOL_OK) {
        fprintf(stderr, "09_queens: %s\n", wpool_strerror(status));
        return 1;
    }
    printf("%ld queens: %" PRIu64 " solutions, %.3f s\n", n, solutions, seconds_now() - began);
    if (solutions == known[n]) return 0;
    fprintf(stderr, "09_queens: not as known: %" PRIu64 "\n", known[n]);
    return 1;
}
