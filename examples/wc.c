/* wc - count lines, words and bytes of every regular file below a directory, in parallel.

   The main thread walks the tree and hands in jobs while it walks; the bounded queue slows the walk
   down to the pace of the workers. A file is one job, a large file one job per range. A job belongs
   to the file's own struct, so handing in allocates nothing more. Each worker counts into a tally
   of its own, its worker state; the tallies are added up when the workers end.

   A word is what white space separates: so say POSIX and GNU wc since 9.5. Before, GNU wc ignored
   bytes that cannot be printed: they neither began nor ended a word. -p does the same.

   Build: cc -std=c11 -O2 -I.. wc.c -o wc -pthread    (POSIX systems)
*/
#define _FILE_OFFSET_BITS 64
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    CHUNK = 128 * 1024,      /* bytes per read */
    RANGE = 4 * 1024 * 1024, /* bytes per job, ... */
    MAX_RANGES = 4096,       /* ... more if the file would need more jobs than this */
    QUEUED_FILES = 256,      /* each holds an open descriptor */
    MAX_WORKERS = 1024
};

/* What a byte is; also how a range begins and ends. */
enum kind { SPACE, WORD, NOTHING };

static unsigned char kinds[256];
static volatile sig_atomic_t interrupted;

struct totals {
    uint64_t lines, words, bytes;
};

/* A worker's own. */
struct tally {
    struct totals totals;
    unsigned char buffer[CHUNK];
};

struct program {
    wpool *pool;
    pthread_mutex_t lock; /* guards the next two, and messages */
    struct totals totals;
    uint64_t errors;
    uint64_t files, skipped; /* main thread only, as all that follows */
    bool show_progress;
    int64_t began_ns, shown_ns;
};

struct range {
    wpool_job job;
    struct file *file;
    off_t begin, end;
    unsigned char begins, ends; /* a kind each: of the first byte and of the last */
};

/* An open file. It goes when the last of its ranges has ended. */
struct file {
    struct program *program;
    char *path;
    int descriptor;
    atomic_bool reported;
    atomic_size_t left; /* ranges that have not ended */
    size_t range_count;
    struct range ranges[];
};

/* Where the walk is, or a subdirectory that it has still to visit. */
struct directory {
    struct directory *parent;
    struct directory *pending; /* subdirectories to visit */
    struct directory *next;    /* in the parent's list */
    dev_t device;
    ino_t inode;
    char name[];
};

/* ---- messages ---- */

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void report(struct program *program, const char *path, int error) {
    pthread_mutex_lock(&program->lock);
    program->errors++;
    fprintf(stderr, "%swc: %s: %s\n", program->show_progress ? "\r\033[K" : "", path,
            strerror(error));
    pthread_mutex_unlock(&program->lock);
}

/* The path of an entry, for messages, however long. NULL: out of memory. */
static char *path_of(const struct directory *directory, const char *name) {
    size_t length = strlen(name);
    const struct directory *up;
    char *path, *begin;

    for (up = directory; up; up = up->parent)
        length += strlen(up->name) + 1;
    path = (char *)malloc(length + 1);
    if (!path) return NULL;

    begin = path + length - strlen(name);
    memcpy(begin, name, strlen(name) + 1);
    for (up = directory; up; up = up->parent) {
        *--begin = '/';
        begin -= strlen(up->name);
        memcpy(begin, up->name, strlen(up->name));
    }
    return path;
}

static void report_entry(struct program *program, const struct directory *directory,
                         const char *name, int error) {
    char *path = path_of(directory, name);
    report(program, path ? path : name, error);
    free(path);
}

/* One line, ten times a second. */
static void show_progress(struct program *program) {
    wpool_stats_snapshot stats;
    int64_t now;
    if (!program->show_progress) return;
    now = now_ns();
    if (now - program->shown_ns < WPOOL_MS(100)) return;
    program->shown_ns = now;
    wpool_stats(program->pool, &stats);
    pthread_mutex_lock(&program->lock);
    fprintf(stderr, "\r%" PRIu64 " files found, %" PRIu64 " jobs done, %" PRIu64 " waiting\033[K",
            program->files, stats.succeeded, stats.waiting);
    pthread_mutex_unlock(&program->lock);
}

/* ---- counting: on the workers ---- */

static void *start_tally(void *user, unsigned worker) {
    (void)user, (void)worker;
    return calloc(1, sizeof(struct tally));
}

static void add_totals(struct program *program, const struct totals *more) {
    pthread_mutex_lock(&program->lock);
    program->totals.lines += more->lines;
    program->totals.words += more->words;
    program->totals.bytes += more->bytes;
    pthread_mutex_unlock(&program->lock);
}

static void end_tally(void *user, unsigned worker, void *state) {
    (void)worker;
    if (state) add_totals((struct program *)user, &((struct tally *)state)->totals);
    free(state);
}

static void count_bytes(struct totals *totals, struct range *range, const unsigned char *bytes,
                        size_t length) {
    uint64_t lines = 0, words = 0;
    unsigned in_word;
    size_t i = 0;

    if (range->begins == NOTHING) {
        while (i < length && kinds[bytes[i]] == NOTHING)
            i++;
        if (i < length) {
            range->begins = kinds[bytes[i]];
            range->ends = SPACE;
        }
    }
    for (in_word = range->ends; i < length; i++) {
        unsigned kind = kinds[bytes[i]];
        unsigned now = kind == NOTHING ? in_word : kind;
        words += now > in_word;
        lines += bytes[i] == '\n';
        in_word = now;
    }
    range->ends = (unsigned char)in_word;
    totals->lines += lines;
    totals->words += words;
    totals->bytes += length;
}

/* Every range takes its first word for a new one, also where it goes on from the range before. */
static uint64_t words_counted_twice(const struct file *file) {
    uint64_t twice = 0;
    unsigned before = SPACE;
    for (size_t i = 0; i < file->range_count; i++) {
        if (file->ranges[i].begins == NOTHING) continue;
        twice += before == WORD && file->ranges[i].begins == WORD;
        before = file->ranges[i].ends;
    }
    return twice;
}

/* The last one cleans up. */
static void ranges_ended(struct file *file, size_t ranges) {
    struct totals correction = {0, 0, 0};
    if (atomic_fetch_sub(&file->left, ranges) != ranges) return;
    correction.words -= words_counted_twice(file); /* wraps around, and back in the sum */
    if (correction.words != 0) add_totals(file->program, &correction);
    close(file->descriptor);
    free(file->path);
    free(file);
}

/* However the job ended, also when it was discarded. */
static void range_done(void *arg, const wpool_result *result) {
    (void)result;
    ranges_ended(((struct range *)arg)->file, 1);
}

static int range_failed(struct range *range, int error) {
    struct file *file = range->file;
    if (!atomic_exchange(&file->reported, true)) report(file->program, file->path, error);
    return error;
}

static int count_range(void *arg, wpool_job *job) {
    struct range *range = (struct range *)arg;
    struct tally *tally = (struct tally *)wpool_worker_state(job);
    off_t at = range->begin;

    if (!tally) return range_failed(range, ENOMEM);
    while (at < range->end && !wpool_cancelled(job)) {
        size_t wanted = range->end - at < CHUNK ? (size_t)(range->end - at) : CHUNK;
        ssize_t got = pread(range->file->descriptor, tally->buffer, wanted, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return range_failed(range, errno);
        if (got == 0) break; /* the end, or the file has shrunk */
        count_bytes(&tally->totals, range, tally->buffer, (size_t)got);
        at += got;
    }
    return wpool_cancelled(job) ? ECANCELED : 0;
}

/* ---- walking: on the main thread ---- */

static void wait_for_jobs(struct program *program) {
    while (!interrupted && wpool_drain(program->pool, WPOOL_MS(100)) == WPOOL_TIMEOUT)
        show_progress(program);
}

/* openat; when descriptors run out, after the jobs that hold them. */
static int open_at(struct program *program, int directory, const char *name, int flags) {
    bool waited = false;
    for (;;) {
        int descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC | flags);
        if (descriptor >= 0) return descriptor;
        if ((errno == EMFILE || errno == ENFILE) && !waited) {
            wait_for_jobs(program);
            waited = true;
        } else if (errno != EINTR || interrupted) {
            return -1;
        }
    }
}

/* Waits for room in the queue, but not longer than the user. */
static bool submit_range(struct program *program, struct range *range) {
    const wpool_options options = {.timeout = WPOOL_MS(100), .on_done = range_done};
    while (!interrupted) {
        wpool_status status = wpool_submit_job(program->pool, &range->job, &options);
        show_progress(program);
        if (status == WPOOL_OK) return true;
        if (status != WPOOL_TIMEOUT) {
            range_failed(range, EAGAIN);
            break;
        }
    }
    return false;
}

static void submit_ranges(struct program *program, struct file *file) {
    const size_t count = file->range_count; /* the file may be gone after its last submit */
    for (size_t i = 0; i < count; i++) {
        if (submit_range(program, &file->ranges[i])) continue;
        ranges_ended(file, count - i);
        return;
    }
}

/* Takes over the descriptor and the path. The last range reads as far as the file goes: it may have
   grown, or be one of those under /proc that say they are empty. */
static void submit_file(struct program *program, int descriptor, off_t size, char *path) {
    off_t length = RANGE;
    struct file *file;
    size_t count;

    while (size / length >= MAX_RANGES)
        length *= 2;
    count = size > 0 ? (size_t)((size - 1) / length + 1) : 1;
    file = path ? (struct file *)calloc(1, sizeof *file + count * sizeof file->ranges[0]) : NULL;
    if (!file) {
        report(program, path ? path : "a file", ENOMEM);
        close(descriptor);
        free(path);
        return;
    }
    file->program = program;
    file->path = path;
    file->descriptor = descriptor;
    file->range_count = count;
    atomic_init(&file->reported, false);
    atomic_init(&file->left, count);
    for (size_t i = 0; i < count; i++) {
        struct range *range = &file->ranges[i];
        wpool_job_init(&range->job, count_range, range);
        range->file = file;
        range->begin = (off_t)i * length;
        range->end = i + 1 < count ? range->begin + length : (off_t)INT64_MAX;
        range->begins = range->ends = NOTHING;
    }
    program->files++;
    submit_ranges(program, file);
}

static struct directory *new_directory(struct directory *parent, const char *name) {
    size_t size = strlen(name) + 1;
    struct directory *directory = (struct directory *)calloc(1, sizeof *directory + size);
    if (!directory) return NULL;
    memcpy(directory->name, name, size);
    directory->parent = parent;
    return directory;
}

static void add_pending(struct program *program, struct directory *parent, const char *name) {
    struct directory *child = new_directory(parent, name);
    if (!child) {
        report_entry(program, parent, name, ENOMEM);
        return;
    }
    child->next = parent->pending;
    parent->pending = child;
}

static void visit_entry(struct program *program, int descriptor, struct directory *directory,
                        const char *name) {
    struct stat info;
    int file;

    if (fstatat(descriptor, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        report_entry(program, directory, name, errno);
    } else if (S_ISDIR(info.st_mode)) {
        add_pending(program, directory, name);
    } else if (!S_ISREG(info.st_mode)) {
        program->skipped++;
    } else {
        /* Should it have become a pipe meanwhile, opening must not wait for a writer. */
        file = open_at(program, descriptor, name, O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (file < 0 || fstat(file, &info) != 0) {
            report_entry(program, directory, name, errno);
            if (file >= 0) close(file);
        } else if (!S_ISREG(info.st_mode)) {
            program->skipped++;
            close(file);
        } else {
            submit_file(program, file, info.st_size, path_of(directory, name));
        }
    }
}

/* Hands in the files of a directory and remembers its subdirectories. */
static void list_directory(struct program *program, int descriptor, struct directory *directory) {
    int again = open_at(program, descriptor, ".", O_DIRECTORY);
    DIR *stream = again >= 0 ? fdopendir(again) : NULL;
    struct dirent *entry;
    struct stat info;

    if (!stream || fstat(again, &info) != 0) {
        report_entry(program, directory->parent, directory->name, errno);
        if (stream)
            closedir(stream);
        else if (again >= 0)
            close(again);
        return;
    }
    directory->device = info.st_dev;
    directory->inode = info.st_ino;
    while (!interrupted && (errno = 0, entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        visit_entry(program, descriptor, directory, entry->d_name);
    }
    if (!interrupted && errno != 0)
        report_entry(program, directory->parent, directory->name, errno);
    closedir(stream);
}

/* Lists a subdirectory. Returns its descriptor if there is something below it, else -1. */
static int descend(struct program *program, int outer, struct directory *child) {
    int inner = open_at(program, outer, child->name, O_DIRECTORY | O_NOFOLLOW);
    if (inner < 0) {
        report_entry(program, child->parent, child->name, errno);
        return -1;
    }
    list_directory(program, inner, child);
    if (child->pending) return inner;
    close(inner);
    return -1;
}

static bool is_same(int descriptor, const struct directory *directory) {
    struct stat info;
    return fstat(descriptor, &info) == 0 && info.st_dev == directory->device &&
           info.st_ino == directory->inode;
}

/* Opens a directory once more, by the names from the root to it. Returns -1 if it is not there. */
static int open_again(struct program *program, int root, const struct directory *directory) {
    const struct directory *up, **way;
    size_t depth = 0, left;
    int descriptor;

    for (up = directory; up->parent; up = up->parent)
        depth++;
    way = (const struct directory **)malloc((depth + 1) * sizeof *way);
    if (!way) return -1;
    for (up = directory, left = depth; left > 0; up = up->parent)
        way[--left] = up;

    descriptor = open_at(program, root, ".", O_DIRECTORY);
    for (size_t i = 0; descriptor >= 0 && i < depth; i++) {
        int inner = open_at(program, descriptor, way[i]->name, O_DIRECTORY | O_NOFOLLOW);
        close(descriptor);
        descriptor = inner;
    }
    free(way);
    if (descriptor < 0 || is_same(descriptor, directory)) return descriptor;
    close(descriptor);
    return -1;
}

/* Back to the parent by "..", or by its names if we were moved elsewhere, or lost (inner is -1).
   Returns -1 if it is not there any more. */
static int climb(struct program *program, int root, int inner, const struct directory *parent) {
    int outer = inner >= 0 ? open_at(program, inner, "..", O_DIRECTORY) : -1;
    if (outer >= 0 && is_same(outer, parent)) return outer;
    if (outer >= 0) close(outer);
    outer = open_again(program, root, parent);
    if (outer < 0 && parent->pending && !interrupted)
        report_entry(program, parent->parent, parent->name, ESTALE);
    return outer;
}

/* Walks the tree below an open directory. Four descriptors serve any depth, and no path is ever
   handed to the system. Names in memory are those of the subdirectories still to be visited on the
   way from the root to here; files go to the pool as they are found. Once interrupted, or while
   here is gone (descriptor is -1), all that is left is to free the names. */
static void walk(struct program *program, int root, struct directory *here) {
    int descriptor = open_at(program, root, ".", O_DIRECTORY);
    list_directory(program, root, here);
    while (here) {
        struct directory *child = here->pending, *parent = here->parent;
        int next = -1;
        if (child) {
            here->pending = child->next;
            if (!interrupted && descriptor >= 0) next = descend(program, descriptor, child);
            if (next < 0) {
                free(child);
                continue;
            }
            here = child;
        } else {
            if (!interrupted && parent) next = climb(program, root, descriptor, parent);
            free(here);
            here = parent;
        }
        if (descriptor >= 0) close(descriptor);
        descriptor = next;
    }
}

/* ---- the program ---- */

static void usage(FILE *out) {
    fputs("usage: wc [-p] [-q] [-j workers] [directory]\n"
          "Counts lines, words and bytes of all regular files below a directory (/usr/include).\n"
          "  -j N    N workers (one per processor)\n"
          "  -p      words as GNU wc counted before 9.5: unprintable bytes are ignored\n"
          "  -q      one line: LINES WORDS BYTES FILES\n"
          "  --help  this text\n"
          "Exit status: 0, 1 if something could not be read, 2 usage or no such directory,\n"
          "130 interrupted (the totals are partial).\n",
          out);
}

static void classify_bytes(bool ignore_unprintable) {
    for (int byte = 0; byte < 256; byte++) {
        if (isspace(byte))
            kinds[byte] = SPACE;
        else if (ignore_unprintable && !isprint(byte))
            kinds[byte] = NOTHING;
        else
            kinds[byte] = WORD;
    }
}

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* The second Ctrl-C ends the program the hard way. */
static void catch_interrupt(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
}

static void print_totals(const struct program *program, unsigned workers, bool quiet,
                         bool partial) {
    const struct totals *totals = &program->totals;
    double seconds = (double)(now_ns() - program->began_ns) / 1e9;

    if (program->show_progress) fputs("\r\033[K", stderr);
    if (partial) fputs("wc: interrupted, the totals are partial\n", stderr);
    if (quiet) {
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", totals->lines, totals->words,
               totals->bytes, program->files);
        return;
    }
    printf("%14s %14s %16s\n", "lines", "words", "bytes");
    printf("%14" PRIu64 " %14" PRIu64 " %16" PRIu64 "%s\n", totals->lines, totals->words,
           totals->bytes, partial ? "  (partial)" : "");
    printf("%" PRIu64 " files in %.3f s, %.0f MB/s, %u worker%s\n", program->files, seconds,
           (double)totals->bytes / 1e6 / seconds, workers, workers == 1 ? "" : "s");
    if (program->skipped) printf("%" PRIu64 " skipped: not regular files\n", program->skipped);
    if (program->errors) printf("%" PRIu64 " could not be read\n", program->errors);
}

/* Counts everything below an open directory. Returns the exit status. */
static int count_tree(int descriptor, const char *name, unsigned workers, bool quiet) {
    struct program program = {.lock = PTHREAD_MUTEX_INITIALIZER, .began_ns = now_ns()};
    const wpool_config config = {
        .name = "wc",
        .workers = workers,
        .queue_capacity = QUEUED_FILES,
        .hooks = {.worker_start = start_tally, .worker_exit = end_tally, .user = &program}};
    struct directory *root = new_directory(NULL, name);
    wpool_status status = root ? wpool_create(&program.pool, &config) : WPOOL_NO_MEMORY;
    wpool_stats_snapshot stats;
    bool partial;

    if (status != WPOOL_OK) {
        fprintf(stderr, "wc: cannot start: %s\n", wpool_strerror(status));
        free(root);
        return 2;
    }
    program.show_progress = isatty(STDERR_FILENO) == 1;

    catch_interrupt();
    walk(&program, descriptor, root);
    wait_for_jobs(&program);
    partial = interrupted;
    if (partial) wpool_stop(program.pool, WPOOL_HOT);
    wpool_stats(program.pool, &stats);
    wpool_destroy(program.pool);

    print_totals(&program, stats.workers, quiet, partial);
    if (fflush(stdout) != 0) {
        perror("wc");
        return 1;
    }
    return partial ? 130 : program.errors > 0;
}

int main(int argc, char **argv) {
    const char *name = "/usr/include";
    bool quiet = false, ignore_unprintable = false;
    long workers = 0;
    int option, descriptor, status;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    while ((option = getopt(argc, argv, "j:pq")) != -1) {
        char *end = NULL;
        if (option == 'j') workers = strtol(optarg, &end, 10);
        if (option == 'p') ignore_unprintable = true;
        if (option == 'q') quiet = true;
        if (option == '?' || (end && (*end || workers < 1 || workers > MAX_WORKERS))) {
            usage(stderr);
            return 2;
        }
    }
    if (argc - optind > 1) {
        usage(stderr);
        return 2;
    }
    if (optind < argc)
        name = argv[optind];
    else if (access(name, R_OK) != 0)
        name = "."; /* a machine without headers */

    descriptor = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        fprintf(stderr, "wc: %s: %s\n", name, strerror(errno));
        return 2;
    }
    classify_bytes(ignore_unprintable);
    status = count_tree(descriptor, name, (unsigned)workers, quiet);
    close(descriptor);
    return status;
}
