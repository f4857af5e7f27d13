/* 13_pgzip - gzip on all processors; gzip -d restores what it writes.

   Shows: a pipeline over a fixed set of blocks, with jobs that belong to the blocks; nothing is
   allocated while it runs. The main thread reads, the workers compress, one worker writes.
   Each worker keeps a zlib stream as its state.

   A block is compressed alone, but with the last 32 KiB before it as a dictionary, so that hardly
   anything is lost by cutting the file up; and each ends on a byte (Z_SYNC_FLUSH), so that they can
   be written one after the other. That is how pigz does it. The output is the same on however many
   workers.

   The blocks are used in turn. Who reads waits until the one whose turn it is has been written:
   that bounds the memory, and makes a slow output slow down the input.
   Usage: 13_pgzip [-j WORKERS] [-1 ... -9] [FILE]
   Build: cc -std=c11 -O2 -I.. 13_pgzip.c -o 13_pgzip -lz -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
    BLOCK = 128 * 1024,
    WINDOW = 32 * 1024,               /* as far back as deflate can refer */
    ROOM = BLOCK + BLOCK / 4 + 1024,  /* what no block becomes larger than */
    PER_WORKER = 3,                   /* blocks: being compressed, waiting for it, or written */
    DEMONSTRATION = 16 * 1024 * 1024, /* bytes */
    MAX_WORKERS = 1024
};

struct block {
    struct pgzip *pgzip;
    wpool_job compress, write;
    size_t window_size, size, packed_size;
    uLong crc;
    unsigned char window[WINDOW], bytes[BLOCK], packed[ROOM];
};

struct pgzip {
    FILE *in, *out;
    int level;
    unsigned workers;
    wpool *compress, *write;
    struct block *blocks;
    size_t block_count;
    uLong crc;      /* of everything up to the block that has been written last; */
    uint64_t size;  /* its bytes, before */
    int read_error; /* errno */
    bool is_broken; /* a block could not be compressed or written: the writer writes no more */
};

/* ---- the workers ---- */

static void *start_stream(void *user, unsigned worker) {
    const struct pgzip *pgzip = (const struct pgzip *)user;
    z_stream *stream = (z_stream *)calloc(1, sizeof *stream);
    (void)worker;
    if (stream &&
        deflateInit2(stream, pgzip->level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK)
        return stream;
    free(stream);
    return NULL;
}

static void end_stream(void *user, unsigned worker, void *state) {
    z_stream *stream = (z_stream *)state;
    (void)user, (void)worker;
    if (stream) deflateEnd(stream);
    free(stream);
}

static int compress_block(void *arg, wpool_job *job) {
    struct block *block = (struct block *)arg;
    z_stream *stream = (z_stream *)wpool_worker_state(job);
    if (!stream || deflateReset(stream) != Z_OK) return ENOMEM;
    if (block->window_size &&
        deflateSetDictionary(stream, block->window, (uInt)block->window_size) != Z_OK)
        return EINVAL;
    stream->next_in = block->bytes;
    stream->avail_in = (uInt)block->size;
    stream->next_out = block->packed;
    stream->avail_out = ROOM;
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in || !stream->avail_out)
        return EOVERFLOW;
    block->packed_size = ROOM - stream->avail_out;
    block->crc = crc32(0, block->bytes, (uInt)block->size);
    return 0;
}

/* ---- the writer: a pool of one worker, which takes the blocks in the order of the file ---- */

static int write_bytes(FILE *out, const void *bytes, size_t size) {
    errno = 0;
    if (fwrite(bytes, 1, size, out) == size) return 0;
    return errno ? errno : EIO;
}

/* Its error is in the job, where the reader finds it. */
static int write_block(void *arg, wpool_job *job) {
    struct block *block = (struct block *)arg;
    struct pgzip *pgzip = block->pgzip;
    (void)job;
    if (wpool_job_wait(&block->compress, WPOOL_FOREVER) != WPOOL_OK) return EIO;
    int error = block->compress.error;
    if (pgzip->is_broken) return ECANCELED; /* an earlier one is missing */
    if (!error) error = write_bytes(pgzip->out, block->packed, block->packed_size);
    if (error) pgzip->is_broken = true;
    pgzip->crc = crc32_combine(pgzip->crc, block->crc, (z_off_t)block->size);
    pgzip->size += block->size;
    return error;
}

static int write_header(const struct pgzip *pgzip) {
    static const unsigned char header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    return write_bytes(pgzip->out, header, sizeof header);
}

/* An empty block that says it is the last one, then checksum and size, least byte first. */
static int write_trailer(const struct pgzip *pgzip) {
    unsigned char trailer[10] = {3, 0};
    for (int i = 0; i < 4; i++) {
        trailer[2 + i] = (unsigned char)(pgzip->crc >> 8 * i & 255);
        trailer[6 + i] = (unsigned char)(pgzip->size >> 8 * i & 255);
    }
    int error = write_bytes(pgzip->out, trailer, sizeof trailer);
    if (!error && fflush(pgzip->out) != 0) error = errno;
    return error;
}

/* ---- the reader ---- */

/* Waits until the block has been written, if it ever was under way. Returns the error of that. */
static int await(struct block *block) {
    wpool_status status = wpool_job_wait(&block->write, WPOOL_FOREVER);
    if (status == WPOOL_UNKNOWN) return 0; /* its first turn */
    return status == WPOOL_OK ? block->write.error : EIO;
}

/* Reads, and hands the block to both pools. *is_over: that was the end. */
static int send_block(struct pgzip *pgzip, struct block *block, const struct block *previous,
                      bool *is_over) {
    errno = 0;
    block->size = fread(block->bytes, 1, BLOCK, pgzip->in);
    if (ferror(pgzip->in)) pgzip->read_error = errno ? errno : EIO;
    *is_over = block->size < BLOCK;
    if (pgzip->read_error || block->size == 0) return 0;

    block->window_size = previous ? WINDOW : 0;
    if (previous) memcpy(block->window, previous->bytes + BLOCK - WINDOW, WINDOW);
    if (wpool_submit_job(pgzip->compress, &block->compress, NULL) != WPOOL_OK) return EIO;
    if (wpool_submit_job(pgzip->write, &block->write, NULL) == WPOOL_OK) return 0;
    wpool_job_wait(&block->compress, WPOOL_FOREVER);
    return EIO;
}

static int send_all(struct pgzip *pgzip) {
    struct block *previous = NULL;
    bool is_over = false;
    int error = 0;
    for (size_t turn = 0; !is_over && !pgzip->read_error && !error; turn++) {
        struct block *block = &pgzip->blocks[turn % pgzip->block_count];
        error = await(block);
        if (!error) error = send_block(pgzip, block, previous, &is_over);
        previous = block;
    }
    for (size_t i = 0; i < pgzip->block_count; i++) { /* those still under way */
        int late = await(&pgzip->blocks[i]);
        if (!error || error == ECANCELED) error = late ? late : error;
    }
    return error;
}

/* ---- the program ---- */

static wpool_status prepare(struct pgzip *pgzip) {
    const wpool_config compress = {
        .name = "deflate",
        .workers = pgzip->workers,
        .hooks = {.worker_start = start_stream, .worker_exit = end_stream, .user = pgzip}};
    const wpool_config write = {.name = "write", .workers = 1};
    pgzip->block_count = (size_t)(pgzip->workers ? pgzip->workers : wpool_cpus()) * PER_WORKER;
    pgzip->blocks = (struct block *)calloc(pgzip->block_count, sizeof *pgzip->blocks);
    if (!pgzip->blocks) return WPOOL_NO_MEMORY;
    for (size_t i = 0; i < pgzip->block_count; i++) {
        struct block *block = &pgzip->blocks[i];
        block->pgzip = pgzip;
        wpool_job_init(&block->compress, compress_block, block);
        wpool_job_init(&block->write, write_block, block);
    }
    wpool_status status = wpool_create(&pgzip->compress, &compress);
    return status == WPOOL_OK ? wpool_create(&pgzip->write, &write) : status;
}

static int complain(const char *what, const char *why) {
    fprintf(stderr, "13_pgzip: %s: %s\n", what, why);
    return 1;
}

/* From in to out. Returns the exit status. */
static int compress_file(struct pgzip *pgzip) {
    int error = 0;
    wpool_status status = prepare(pgzip);
    if (status == WPOOL_OK) error = write_header(pgzip);
    if (status == WPOOL_OK && !error) error = send_all(pgzip);
    wpool_destroy(pgzip->write);
    wpool_destroy(pgzip->compress);
    free(pgzip->blocks);
    if (status != WPOOL_OK) return complain("cannot start", wpool_strerror(status));
    if (pgzip->read_error) return complain("cannot read", strerror(pgzip->read_error));
    if (!error) error = write_trailer(pgzip);
    return error ? complain("cannot write", strerror(error)) : 0;
}

static double seconds_now(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Lines of numbers, half of their digits random. */
static int write_demonstration(FILE *file) {
    unsigned random = 1;
    for (long written = 0; written < DEMONSTRATION; written += 64) {
        random = random * 1664525 + 1013904223;
        if (fprintf(file, "%020ld%020u%023u\n", written, random, random >> 16) < 0) return EIO;
    }
    return fflush(file) == 0 ? 0 : errno;
}

/* Prints how fast some made-up text is compressed by so many workers. */
static int measure(FILE *in, unsigned workers, int level) {
    struct pgzip pgzip = {.in = in, .out = tmpfile(), .workers = workers, .level = level};
    if (!pgzip.out) return complain("temporary file", strerror(errno));
    rewind(in);
    double began = seconds_now();
    int status = compress_file(&pgzip);
    double seconds = seconds_now() - began;
    if (!status)
        printf("%u workers: %.1f MB become %.1f MB, %.0f MB/s\n", workers, (double)pgzip.size / 1e6,
               (double)ftell(pgzip.out) / 1e6, (double)pgzip.size / 1e6 / seconds);
    fclose(pgzip.out);
    return status;
}

static int demonstrate(unsigned workers, int level) {
    FILE *in = tmpfile();
    int error = in ? write_demonstration(in) : errno;
    int status = error ? complain("temporary file", strerror(error)) : 0;
    if (!status) status = measure(in, 1, level);
    if (!status) status = measure(in, workers ? workers : wpool_cpus(), level);
    if (in) fclose(in);
    return status;
}

static int usage(void) {
    fputs("usage: 13_pgzip [-j WORKERS] [-1 ... -9] [FILE]\n"
          "Writes FILE (-: standard input) to standard output, not a terminal, as gzip would.\n"
          "Without FILE it shows how fast some made-up text is compressed.\n"
          "  -j WORKERS  threads that compress (one per processor)\n"
          "  -1 ... -9   fast ... small (-6)\n",
          stderr);
    return 2;
}

static bool read_number(const char *text, long min, long max, long *number) {
    char *end;
    *number = strtol(text, &end, 10);
    return end != text && !*end && *number >= min && *number <= max;
}

int main(int argc, char **argv) {
    long workers = 0;
    int option, level = 6;
    bool fine = true;
    while ((option = getopt(argc, argv, "j:123456789")) != -1) {
        if (option == 'j') fine = fine && read_number(optarg, 1, MAX_WORKERS, &workers);
        if (option >= '1' && option <= '9') level = option - '0';
        fine = fine && option != '?';
    }
    if (!fine || argc - optind > 1) return usage();
    if (optind == argc) return demonstrate((unsigned)workers, level);
    if (isatty(STDOUT_FILENO)) return usage();

    struct pgzip pgzip = {.out = stdout, .level = level, .workers = (unsigned)workers};
    bool is_stdin = strcmp(argv[optind], "-") == 0;
    pgzip.in = is_stdin ? stdin : fopen(argv[optind], "rb");
    if (!pgzip.in) return complain(argv[optind], strerror(errno));
    int status = compress_file(&pgzip);
    if (!is_stdin) fclose(pgzip.in);
    return status;
}
