/* 15_uv - the prime factors of the numbers on standard input: 14_poll in a loop of libuv.

   Shows: wpool_results_fd as a uv_poll_t. Results become one more kind of event of a loop that has
   others, and the thread of the loop is the only one that touches the program's data.

   Backpressure: while the pool's queue is full, reading is stopped; see 14_poll.
   Usage: 15_uv <NUMBERS   (one per line, below 2^64; answered as soon as each is done)
   Build: cc -std=c11 -O2 -I.. 15_uv.c -o 15_uv -luv -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum {
    QUEUED = 64,      /* numbers that wait for a worker, at most */
    LINE = 4096,      /* bytes; longer lines are bad ones */
    MOST_FACTORS = 63 /* 2^63 has so many */
};

struct number {
    uint64_t value, factors[MOST_FACTORS];
    int factor_count;
};

/* Of a terminal or a pipe. A file cannot be polled: it is read with one request after the other. */
union stream {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tty_t tty;
    uv_pipe_t pipe;
};

struct tool {
    wpool *pool;
    uv_loop_t loop;
    uv_poll_t results;
    union stream input;
    uv_fs_t request; /* to read from a file */
    bool is_file, is_reading;
    char text[LINE]; /* what has been read and is not yet in the pool */
    size_t size;
    uint64_t line;  /* how many have been dealt with */
    bool is_long;   /* the beginning of a line did not fit, and is gone */
    bool is_full;   /* the pool; the next line waits in the text */
    bool is_at_end; /* nothing more to read */
    bool is_broken; /* nothing more to print */
    int status;     /* of the program */
};

static void complain(struct tool *tool, const char *what, const char *why) {
    fprintf(stderr, "15_uv: %s: %s\n", what, why);
    tool->status = 1;
}

/* ---- the job ---- */

static int factorise(void *arg, wpool_job *job) {
    struct number *number = (struct number *)arg;
    uint64_t rest = number->value;
    for (uint64_t divisor = 2; divisor <= rest / divisor; divisor += divisor == 2 ? 1 : 2) {
        if (wpool_cancelled(job)) return ECANCELED;
        for (; rest % divisor == 0; rest /= divisor)
            number->factors[number->factor_count++] = divisor;
    }
    if (rest > 1) number->factors[number->factor_count++] = rest;
    return 0;
}

/* ---- from lines to jobs ---- */

/* What is under way is told to end; its results, in which the memory is, still come. */
static void give_up(struct tool *tool, const char *what, const char *why) {
    complain(tool, what, why);
    tool->is_at_end = true;
    tool->size = 0;
    wpool_stop(tool->pool, WPOOL_HOT);
}

static bool parse(const char *begin, const char *end, uint64_t *value) {
    *value = 0;
    for (const char *c = begin; c < end; c++) {
        if (*c < '0' || *c > '9') return false;
        unsigned digit = (unsigned)(*c - '0');
        if (*value > (UINT64_MAX - digit) / 10) return false;
        *value = *value * 10 + digit;
    }
    return begin < end;
}

/* Hands it to the pool. WPOOL_FULL: not now. */
static wpool_status submit_number(struct tool *tool, uint64_t value) {
    struct number *number = (struct number *)malloc(sizeof *number);
    if (!number) return WPOOL_NO_MEMORY;
    number->value = value;
    number->factor_count = 0;
    wpool_status status = wpool_try_submit(tool->pool, factorise, number, NULL);
    if (status != WPOOL_OK) free(number);
    return status;
}

/* False: the line is still to be dealt with. */
static bool submit_line(struct tool *tool, const char *begin, const char *end) {
    uint64_t value;
    wpool_status status = WPOOL_OK;
    if (!tool->is_long && parse(begin, end, &value)) {
        status = submit_number(tool, value);
    } else {
        char where[40];
        snprintf(where, sizeof where, "line %" PRIu64, tool->line + 1);
        complain(tool, where, "not a number below 2^64");
    }
    tool->is_full = status == WPOOL_FULL;
    if (status != WPOOL_OK && !tool->is_full) give_up(tool, "submit", wpool_strerror(status));
    if (status != WPOOL_OK) return false;
    tool->line++;
    tool->is_long = false;
    return true;
}

/* Submits the lines that are complete, up to the first one for which there is no room. */
static void submit_lines(struct tool *tool) {
    char *begin = tool->text, *end;
    tool->is_full = false;
    while ((end = (char *)memchr(begin, '\n', tool->size)) && submit_line(tool, begin, end)) {
        tool->size -= (size_t)(end + 1 - begin);
        begin = end + 1;
    }
    memmove(tool->text, begin, tool->size);
    if (!end && tool->size == LINE) {
        tool->is_long = true;
        tool->size = 0;
    }
    if (tool->is_at_end && tool->size == 0) wpool_close(tool->pool);
}

/* ---- from results to lines ---- */

static bool print_number(const struct number *number) {
    printf("%" PRIu64 ":", number->value);
    for (int i = 0; i < number->factor_count; i++)
        printf(" %" PRIu64, number->factors[i]);
    putchar('\n');
    return !ferror(stdout);
}

static void give_up_printing(struct tool *tool) {
    tool->is_broken = true;
    give_up(tool, "cannot write", strerror(errno));
}

/* Takes what has finished until the pool says that there is nothing, which makes the descriptor
   unreadable. False: and there never will be. */
static bool print_results(struct tool *tool) {
    wpool_result result;
    wpool_status status;
    while ((status = wpool_take(tool->pool, WPOOL_NOW, &result)) == WPOOL_OK) {
        const struct number *number = (const struct number *)result.arg;
        bool is_wanted = !tool->is_broken && result.state == WPOOL_STATE_SUCCEEDED;
        if (is_wanted && !print_number(number)) give_up_printing(tool);
        free(result.arg);
    }
    if (!tool->is_broken && fflush(stdout) != 0) give_up_printing(tool);
    return status == WPOOL_EMPTY;
}

/* ---- reading ---- */

static uv_buf_t room(struct tool *tool) {
    return uv_buf_init(tool->text + tool->size, (unsigned)(LINE - tool->size));
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer) {
    (void)size;
    *buffer = room((struct tool *)handle->data);
}

/* got: bytes, or an error of libuv. */
static void add_text(struct tool *tool, ssize_t got) {
    if (got >= 0) {
        tool->size += (size_t)got;
    } else if (got == UV_EOF) {
        tool->is_at_end = true;
        if (tool->size > 0 || tool->is_long) tool->text[tool->size++] = '\n';
    } else {
        give_up(tool, "cannot read", uv_strerror((int)got));
    }
}

static void advance(struct tool *tool);

static void on_stream(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    struct tool *tool = (struct tool *)stream->data;
    (void)buffer;
    add_text(tool, got);
    advance(tool);
}

static void on_file(uv_fs_t *request) {
    struct tool *tool = (struct tool *)request->data;
    ssize_t got = request->result;
    uv_fs_req_cleanup(request);
    tool->is_reading = false;
    if (!tool->is_at_end) add_text(tool, got ? got : UV_EOF);
    advance(tool);
}

/* The text stays where it is while a request writes to it: all that is complete has been submitted.
   */
static int start_reading(struct tool *tool) {
    tool->is_reading = true;
    if (!tool->is_file) return uv_read_start(&tool->input.stream, on_room, on_stream);
    uv_buf_t buffer = room(tool);
    tool->request.data = tool;
    return uv_fs_read(&tool->loop, &tool->request, STDIN_FILENO, &buffer, 1, -1, on_file);
}

/* A request for a file is not taken back; it is the last one. */
static void stop_reading(struct tool *tool) {
    if (tool->is_file) return;
    tool->is_reading = false;
    uv_read_stop(&tool->input.stream);
}

/* Submits what has been read, and reads on if the pool has room for more. */
static void advance(struct tool *tool) {
    submit_lines(tool);
    bool wants_input = !tool->is_at_end && !tool->is_full;
    if (!wants_input && tool->is_reading) stop_reading(tool);
    if (!wants_input || tool->is_reading) return;
    int error = start_reading(tool);
    if (error) give_up(tool, "cannot read", uv_strerror(error));
}

static int open_input(struct tool *tool) {
    uv_handle_type type = uv_guess_handle(STDIN_FILENO);
    tool->is_file = type == UV_FILE || type == UV_UNKNOWN_HANDLE;
    if (tool->is_file) return 0;
    int error = type == UV_TTY ? uv_tty_init(&tool->loop, &tool->input.tty, STDIN_FILENO, 1)
                               : uv_pipe_init(&tool->loop, &tool->input.pipe, 0);
    if (error) return error;
    tool->input.handle.data = tool;
    return type == UV_TTY ? 0 : uv_pipe_open(&tool->input.pipe, STDIN_FILENO);
}

/* ---- the loop ---- */

static void close_handle(uv_handle_t *handle, void *arg) {
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* Without handles and requests uv_run returns. */
static void on_results(uv_poll_t *handle, int error, int events) {
    struct tool *tool = (struct tool *)handle->data;
    (void)error, (void)events;
    if (print_results(tool)) {
        advance(tool);
    } else {
        uv_walk(&tool->loop, close_handle, NULL);
    }
}

static int open_results(struct tool *tool) {
    int descriptor = wpool_results_fd(tool->pool);
    if (descriptor < 0) return UV_EMFILE;
    int error = uv_poll_init(&tool->loop, &tool->results, descriptor);
    if (error) return error;
    tool->results.data = tool;
    return uv_poll_start(&tool->results, UV_READABLE, on_results);
}

static void run(struct tool *tool) {
    int error = uv_loop_init(&tool->loop);
    if (error) {
        complain(tool, "loop", uv_strerror(error));
        return;
    }
    error = open_input(tool);
    if (!error) error = open_results(tool);
    if (error) {
        complain(tool, "cannot start", uv_strerror(error));
        uv_walk(&tool->loop, close_handle, NULL);
    } else {
        advance(tool);
    }
    uv_run(&tool->loop, UV_RUN_DEFAULT);
    uv_loop_close(&tool->loop);
}

static int usage(void) {
    fputs("usage: 15_uv <NUMBERS\n"
          "Writes the prime factors of the numbers on standard input, one per line.\n",
          stderr);
    return 2;
}

/* A missing one would have its number given to the next descriptor that is made. */
static bool has_standard_streams(void) {
    return fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0;
}

int main(int argc, char **argv) {
    struct tool tool = {.size = 0};
    const wpool_config config = {.queue_capacity = QUEUED, .results = true};
    (void)argv;
    if (argc > 1) return usage();
    signal(SIGPIPE, SIG_IGN); /* an error of write instead */
    if (!has_standard_streams()) {
        complain(&tool, "standard input or output", strerror(errno));
        return tool.status;
    }
    wpool_status status = wpool_create(&tool.pool, &config);
    if (status == WPOOL_OK) run(&tool);
    if (status != WPOOL_OK) complain(&tool, "cannot start", wpool_strerror(status));
    wpool_destroy(tool.pool);
    return tool.status;
}
