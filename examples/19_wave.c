/* 19_wave - the load comes in waves, and the workers with it: a picture of the scaler at work.

   Shows: min_workers, max_workers and config.scaling, hooks.scaled, a job with a period,
   wpool_blocking. The jobs only sleep, as if each waited for a disk. The more of them come, the
   longer is the queue: workers are added, until it gets shorter. Those that are left without work
   leave. With -b the jobs say that they block: another worker is there before a queue can grow.
   Usage: 19_wave [-b] [SECONDS]   (on a terminal a picture that moves, elsewhere a line per tick)
   Build: cc -std=c11 -I.. 19_wave.c -o 19_wave -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    LEAST_WORKERS = 2,
    MOST_WORKERS = 24,
    JOB_MS = 90,
    TICK_MS = 50,
    WAVE_MS = 3000,
    PEAK = 12, /* jobs per tick: for 22 workers */
    SHOWN = 60 /* ticks in the picture: a wave */
};

enum { SUBMITTED, WAITING, WORKERS, FINISHED, ROWS }; /* what is shown of each tick */
static const char *const row_names[ROWS] = {"submitted", "waiting", "workers", "finished"};
static const unsigned row_peaks[ROWS] = {PEAK, 4 * PEAK, MOST_WORKERS, PEAK};

static const char *const reasons[] = {"none", "load",     "wait",   "blocked",
                                      "idle", "pressure", "minimum"};
static atomic_uint decisions[WPOOL_SCALE_MINIMUM + 1]; /* of the scaler, by their reason */

struct wave {
    wpool *pool;
    bool says_so, is_terminal;
    unsigned tick, last_tick; /* after the last one nothing more is submitted */
    double height, slope;     /* of the wave: -1 to 1 */
    unsigned refused, most_workers;
    uint64_t finished;
    unsigned history[ROWS][SHOWN];
};

static void scaled(void *user, const wpool_scale_event *event) {
    (void)user;
    atomic_fetch_add(&decisions[event->reason], 1);
}

/* ---- the load ---- */

static void wait_for_disk(void *arg) {
    const struct timespec time = {.tv_nsec = JOB_MS * 1000000L};
    (void)arg;
    nanosleep(&time, NULL);
}

static int work(void *arg, wpool_job *job) {
    const struct wave *wave = (const struct wave *)arg;
    if (wave->says_so) return (int)wpool_blocking(job, wait_for_disk, NULL);
    wait_for_disk(NULL);
    return 0;
}

/* How many jobs the next tick brings: a point goes round a circle, and this is how high it is. */
static unsigned next_load(struct wave *wave) {
    const double angle = 2 * 3.14159265 * TICK_MS / WAVE_MS;
    wave->height += angle * wave->slope;
    wave->slope -= angle * wave->height;
    return wave->height > -1 ? (unsigned)(PEAK * (1 + wave->height) / 2) : 0;
}

/* ---- the picture ---- */

static void print_decisions(void) {
    for (int i = WPOOL_SCALE_LOAD; i <= WPOOL_SCALE_MINIMUM; i++)
        printf("  %s %u", reasons[i], atomic_load(&decisions[i]));
}

static void draw_row(const struct wave *wave, int row) {
    static const char *const bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const unsigned *history = wave->history[row], peak = row_peaks[row];
    printf("%9s %4u |", row_names[row], history[wave->tick % SHOWN]);
    for (unsigned i = 1; i <= SHOWN; i++) {
        const unsigned eighths = (history[(wave->tick + i) % SHOWN] * 8 + peak - 1) / peak;
        fputs(bars[eighths < 8 ? eighths : 8], stdout);
    }
    puts("|");
}

static void show(const struct wave *wave) {
    if (!wave->is_terminal) {
        printf("tick %u ", wave->tick);
        for (int row = 0; row < ROWS; row++)
            printf("  %s %u", row_names[row], wave->history[row][wave->tick % SHOWN]);
        puts("");
        return;
    }
    if (wave->tick > 0) printf("\033[%dA", ROWS + 1); /* up to where the last one began */
    for (int row = 0; row < ROWS; row++)
        draw_row(wave, row);
    fputs("decisions:", stdout);
    print_decisions();
    puts("\033[K"); /* the rest of the line is no more */
    fflush(stdout);
}

/* ---- the clock ---- */

static int tick(void *arg, wpool_job *job) {
    struct wave *wave = (struct wave *)arg;
    const unsigned now = wave->tick % SHOWN,
                   load = wave->tick < wave->last_tick ? next_load(wave) : 0;
    wpool_stats_snapshot stats;
    (void)job;
    wpool_stats(wave->pool, &stats);
    wave->history[WAITING][now] = (unsigned)stats.waiting;
    wave->history[WORKERS][now] = stats.workers;
    wave->history[FINISHED][now] = (unsigned)(stats.succeeded - wave->finished);
    wave->history[SUBMITTED][now] = load;
    wave->finished = stats.succeeded;
    if (stats.workers > wave->most_workers) wave->most_workers = stats.workers;
    show(wave);

    for (unsigned i = 0; i < load; i++)
        if (wpool_try_submit(wave->pool, work, wave, NULL) != WPOOL_OK) wave->refused++;
    const bool is_calm = stats.succeeded == stats.accepted && stats.workers == LEAST_WORKERS;
    if (wave->tick++ < wave->last_tick || !is_calm) return 0;
    return WPOOL_DONE; /* anything but 0: there is no next time */
}

static int run(struct wave *wave) {
    const wpool_config config = {
        .name = "wave",
        .min_workers = LEAST_WORKERS,
        .max_workers = MOST_WORKERS,
        .scaling = {.jobs_per_worker = 2, .idle = WPOOL_MS(300), .cooldown = WPOOL_MS(100)},
        .hooks = {.scaled = scaled}};
    const wpool_config alone = {.name = "clock", .workers = 1};
    const wpool_options every_tick = {.period = WPOOL_MS(TICK_MS)};
    wpool_stats_snapshot stats;
    wpool_id id;
    wpool *clock;
    if (wpool_create(&wave->pool, &config) != WPOOL_OK) return 1;
    wpool_stats(wave->pool, &stats);
    if (stats.workers == 0) return (int)wpool_destroy(wave->pool); /* built without threads */
    if (wpool_create(&clock, &alone) != WPOOL_OK) return 1;
    if (wpool_submit_with(clock, tick, wave, &every_tick, &id) != WPOOL_OK) return 1;
    wpool_wait(clock, id, WPOOL_FOREVER, NULL);
    wpool_destroy(clock);

    wpool_stats(wave->pool, &stats);
    wpool_destroy(wave->pool);
    printf("%" PRIu64 " jobs accepted, %" PRIu64 " succeeded, %u refused\n", stats.accepted,
           stats.succeeded, wave->refused);
    printf("%u to %u workers, %" PRIu64 " times more, %" PRIu64 " times less:", stats.workers,
           wave->most_workers, stats.scale_ups, stats.scale_downs);
    print_decisions();
    puts("");
    return 0;
}

int main(int argc, char **argv) {
    static struct wave wave = {.height = -1};
    long seconds = 6;
    char *end = NULL;
    int option;
    bool fine = true;
    while ((option = getopt(argc, argv, "b")) != -1) {
        fine = fine && option == 'b';
        wave.says_so = true;
    }
    if (optind < argc) {
        seconds = strtol(argv[optind], &end, 10);
        fine = fine && end != argv[optind] && !*end && seconds >= 1 && seconds <= 86400;
    }
    if (!fine || argc - optind > 1) {
        fputs("usage: 19_wave [-b] [SECONDS]\n", stderr);
        return 2;
    }
    wave.is_terminal = isatty(STDOUT_FILENO);
    wave.last_tick = (unsigned)seconds * 1000 / TICK_MS;
    return run(&wave);
}
