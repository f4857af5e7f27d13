/* 12_pipeline - base64 of a file, through four stages that work at the same time.

                      +-> count --+      +-> encode -+
         read (main) -+-> count --+------+-> encode -+--> write (one worker, in order)
                      +-> count --+      +-> encode -+

   Shows: fan-out and fan-in with bounded memory. A stage is a pool. A block of the file carries a
   job for each stage; when it is through with one, it is submitted to the next. Pools block
   submitters when they are full, so a slow stage slows down all that are before it, up to the one
   who reads: that is backpressure from end to end.

   The order: the reader submits each block to the first stage and, at once, to the writer. So the
   writer gets them in the order of the file, and waits for the block that is next, whichever is
   ready. And its queue is what bounds the memory: a block is in it, or being written, or in the
   hands of the reader; so there are never more than BOUND, whichever stage is slow.
   Usage: 12_pipeline [-j WORKERS] [-s] [FILE]
   Build: cc -std=c11 -O2 -I.. 12_pipeline.c -o 12_pipeline -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE = 57,      /* bytes in a line of base64, ... */
    TEXT_LINE = 77, /* ... and the characters that they become, with the newline */
    LINES = 256,    /* of base64, in a block */
    BLOCK = LINES * LINE,
    QUEUED = 8,         /* blocks in the writer's queue, at most */
    BOUND = QUEUED + 2, /* blocks anywhere: also the one that is read, the one that is written */
    DEMONSTRATION = 64, /* blocks that are made up, without a file */
    MAX_WORKERS = 1024
};

struct pipeline {
    wpool *count, *encode, *write;
    FILE *in, *out;            /* NULL: made-up blocks, no output */
    bool is_slow;              /* the writer lets everything before it fill up */
    uint64_t blocks, lines;    /* the writer's only; so is the error */
    int error;                 /* the first one */
    pthread_mutex_t lock;      /* of the following: */
    pthread_cond_t changed;    /* there is one block more, or the last one has been read */
    unsigned in_flight, peak;  /* blocks that exist, and most of them ever */
    bool is_at_end, is_broken; /* nothing more to read; nothing more can be written */
};

struct block {
    struct pipeline *pipeline;
    wpool_job count, encode, write;
    size_t size, lines, text_size;
    unsigned char bytes[BLOCK];
    char text[LINES * TEXT_LINE];
};

/* ---- blocks, counted ---- */

static struct block *new_block(struct pipeline *pipeline) {
    struct block *block = (struct block *)calloc(1, sizeof *block);
    if (!block) return NULL;
    block->pipeline = pipeline;
    pthread_mutex_lock(&pipeline->lock);
    if (++pipeline->in_flight > pipeline->peak) pipeline->peak = pipeline->in_flight;
    pthread_cond_signal(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->lock);
    return block;
}

static void free_block(struct block *block) {
    struct pipeline *pipeline = block->pipeline;
    free(block);
    pthread_mutex_lock(&pipeline->lock);
    pipeline->in_flight--;
    pthread_mutex_unlock(&pipeline->lock);
}

/* A sink as slow as can be: it does not go on before all others have come to rest. */
static void wait_until_full(struct pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    while (pipeline->in_flight < BOUND && !pipeline->is_at_end)
        pthread_cond_wait(&pipeline->changed, &pipeline->lock);
    pthread_mutex_unlock(&pipeline->lock);
}

/* ---- the stages ---- */

/* Hands the block over to the next stage itself; blocks while that one is full. */
static int count(void *arg, wpool_job *job) {
    struct block *block = (struct block *)arg;
    (void)job;
    for (size_t i = 0; i < block->size; i++)
        block->lines += block->bytes[i] == '\n';
    return (int)wpool_submit_job(block->pipeline->encode, &block->encode, NULL);
}

static char *encode_line(const unsigned char *in, size_t size, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned three = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)in[i + 2] : 0);
        *out++ = digits[three >> 18];
        *out++ = digits[three >> 12 & 63];
        *out++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[three & 63] : '=';
    }
    *out++ = '\n';
    return out;
}

static int encode(void *arg, wpool_job *job) {
    struct block *block = (struct block *)arg;
    char *out = block->text;
    (void)job;
    for (size_t i = 0; i < block->size; i += LINE)
        out = encode_line(block->bytes + i, block->size - i < LINE ? block->size - i : LINE, out);
    block->text_size = (size_t)(out - block->text);
    return 0;
}

/* Waits until a block has come through. The jobs before hold its errors. */
static int await(struct block *block) {
    wpool_status status = wpool_job_wait(&block->count, WPOOL_FOREVER);
    if (status != WPOOL_OK || block->count.error) return EIO; /* then it is not in the next one */
    status = wpool_job_wait(&block->encode, WPOOL_FOREVER);
    return status != WPOOL_OK || block->encode.error ? EIO : 0;
}

static int write_text(const struct block *block, FILE *out) {
    errno = 0;
    if (!out || fwrite(block->text, 1, block->text_size, out) == block->text_size) return 0;
    return errno ? errno : EIO;
}

/* One worker, one block at a time, in the order of the file. */
static int write_block(void *arg, wpool_job *job) {
    struct block *block = (struct block *)arg;
    struct pipeline *pipeline = block->pipeline;
    int error = await(block);
    (void)job;
    if (pipeline->is_slow) wait_until_full(pipeline);
    if (!error && !pipeline->error) error = write_text(block, pipeline->out);
    pipeline->blocks++;
    pipeline->lines += block->lines;
    if (!error || pipeline->error) return error;

    pipeline->error = error;
    pthread_mutex_lock(&pipeline->lock);
    pipeline->is_broken = true; /* the reader looks at it */
    pthread_mutex_unlock(&pipeline->lock);
    return error;
}

/* The block's last job has ended, whatever came of it. */
static void on_written(void *arg, const wpool_result *result) {
    (void)result;
    free_block((struct block *)arg);
}

/* ---- the source ---- */

/* How many bytes there are; 0: none any more. */
static size_t fill(const struct pipeline *pipeline, struct block *block, unsigned number) {
    errno = 0;
    if (pipeline->in) return fread(block->bytes, 1, BLOCK, pipeline->in);
    memset(block->bytes, (int)('a' + number % 26), BLOCK);
    return number < DEMONSTRATION ? BLOCK : 0;
}

/* The block is the pipeline's from here on, unless this fails. */
static wpool_status send(struct pipeline *pipeline, struct block *block) {
    const wpool_options options = {.on_done = on_written};
    wpool_job_init(&block->count, count, block);
    wpool_job_init(&block->encode, encode, block);
    wpool_job_init(&block->write, write_block, block);
    wpool_status status = wpool_submit_job(pipeline->count, &block->count, NULL);
    if (status != WPOOL_OK) return status;
    status = wpool_submit_job(pipeline->write, &block->write, &options);
    if (status != WPOOL_OK) await(block); /* the other stages have it still */
    return status;
}

static int read_blocks(struct pipeline *pipeline) {
    int error = 0;
    bool is_over = false;
    for (unsigned number = 0; !error && !is_over; number++) {
        struct block *block = new_block(pipeline);
        if (!block) return ENOMEM;
        block->size = fill(pipeline, block, number);
        pthread_mutex_lock(&pipeline->lock);
        is_over = block->size == 0 || pipeline->is_broken;
        pthread_mutex_unlock(&pipeline->lock);
        if (pipeline->in && ferror(pipeline->in)) error = errno ? errno : EIO;
        if (!is_over && !error && send(pipeline, block) != WPOOL_OK) error = EIO;
        if (is_over || error) free_block(block);
    }
    return error;
}

static void end_input(struct pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    pipeline->is_at_end = true;
    pthread_cond_signal(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->lock);
}

/* ---- the program ---- */

static wpool_status create_stages(struct pipeline *pipeline, unsigned workers) {
    const wpool_config middle = {.name = "middle", .workers = workers, .queue_capacity = 2};
    const wpool_config last = {.name = "write", .workers = 1, .queue_capacity = QUEUED};
    wpool_stats_snapshot stats = {0};
    wpool_status status = wpool_create(&pipeline->count, &middle);
    if (status == WPOOL_OK) status = wpool_create(&pipeline->encode, &middle);
    if (status == WPOOL_OK) status = wpool_create(&pipeline->write, &last);
    if (status == WPOOL_OK) status = wpool_stats(pipeline->write, &stats);
    if (stats.workers == 0) pipeline->is_slow = false; /* nobody else could fill it */
    return status;
}

/* wpool_destroy is the last call on a pool. So the writer, which waits for jobs of the others, goes
   first; and the one that submits to the other of these before that one. */
static void destroy_stages(struct pipeline *pipeline) {
    wpool_destroy(pipeline->write);
    wpool_destroy(pipeline->count);
    wpool_destroy(pipeline->encode);
}

static int complain(const char *what, const char *why) {
    fprintf(stderr, "12_pipeline: %s: %s\n", what, why);
    return 1;
}

static int run(struct pipeline *pipeline, unsigned workers) {
    wpool_status status = create_stages(pipeline, workers);
    int error = status == WPOOL_OK ? read_blocks(pipeline) : 0;
    end_input(pipeline);
    destroy_stages(pipeline);
    if (status != WPOOL_OK) return complain("cannot start", wpool_strerror(status));
    if (error) return complain("cannot read", strerror(error));
    if (!pipeline->error && pipeline->out && fflush(pipeline->out) != 0) pipeline->error = errno;
    if (pipeline->error) return complain("cannot write", strerror(pipeline->error));

    fprintf(stderr, "%" PRIu64 " lines in %" PRIu64 " blocks, at most %u of %d at a time\n",
            pipeline->lines, pipeline->blocks, pipeline->peak, BOUND);
    if (pipeline->peak <= BOUND && pipeline->in_flight == 0) return 0;
    return complain("blocks", "more than there may be");
}

static int usage(void) {
    fputs("usage: 12_pipeline [-j WORKERS] [-s] [FILE]\n"
          "Writes the base64 of FILE (-: standard input) to standard output, and the number of\n"
          "its lines to standard error. Without FILE it is a demonstration that writes nothing.\n"
          "  -j WORKERS  threads in each of the two stages in the middle (one per processor)\n"
          "  -s          the writer waits until everything before it is full, before each block\n",
          stderr);
    return 2;
}

static bool read_number(const char *text, long min, long max, long *number) {
    char *end;
    *number = strtol(text, &end, 10);
    return end != text && !*end && *number >= min && *number <= max;
}

int main(int argc, char **argv) {
    struct pipeline pipeline = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                .changed = PTHREAD_COND_INITIALIZER};
    bool fine = true;
    long workers = 0;
    int option;
    while ((option = getopt(argc, argv, "j:s")) != -1) {
        if (option == 'j') fine = fine && read_number(optarg, 1, MAX_WORKERS, &workers);
        if (option == 's') pipeline.is_slow = true;
        fine = fine && option != '?';
    }
    if (!fine || argc - optind > 1) return usage();

    if (optind < argc) {
        bool is_stdin = strcmp(argv[optind], "-") == 0;
        pipeline.in = is_stdin ? stdin : fopen(argv[optind], "rb");
        if (!pipeline.in) return complain(argv[optind], strerror(errno));
        pipeline.out = stdout;
    }
    int status = run(&pipeline, (unsigned)workers);
    if (pipeline.in && pipeline.in != stdin) fclose(pipeline.in);
    return status;
}
