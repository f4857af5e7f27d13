/* 14_poll - the prime factors of the numbers on standard input, as they come and as they are found.

   Shows: wpool_results_fd. One thread waits with poll(2) for two things at once, a line to read and
   a result to print. It blocks nowhere else, but where it writes.

   Backpressure: wpool_try_submit answers WPOOL_FULL when QUEUED numbers wait. Then nothing more is
   read until a result has come; whoever writes the input is slowed down by the pipe. So the memory
   is bounded, however long the input is.
   Usage: 14_poll <NUMBERS   (one per line, below 2^64; answered as soon as each is done)
   Build: cc -std=c11 -O2 -I.. 14_poll.c -o 14_poll -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    QUEUED = 64,      /* numbers that wait for a worker, at most */
    LINE = 4096,      /* bytes; longer lines are bad ones */
    MOST_FACTORS = 63 /* 2^63 has so many */
};

struct number {
    uint64_t value, factors[MOST_FACTORS];
    int factor_count;
};

struct tool {
    wpool *pool;
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
    fprintf(stderr, "14_poll: %s: %s\n", what, why);
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

/* There is room in the text: it has been submitted, but for the beginning of a line. */
static void read_text(struct tool *tool) {
    ssize_t got = read(STDIN_FILENO, tool->text + tool->size, LINE - tool->size);
    if (got > 0) {
        tool->size += (size_t)got;
    } else if (got == 0) {
        tool->is_at_end = true;
        if (tool->size > 0 || tool->is_long) tool->text[tool->size++] = '\n';
    } else if (errno != EINTR && errno != EAGAIN) {
        give_up(tool, "cannot read", strerror(errno));
    }
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

/* ---- the loop ---- */

/* False: poll failed. */
static bool wait_and_read(struct tool *tool, int results) {
    bool wants_input = !tool->is_at_end && !tool->is_full;
    struct pollfd descriptors[] = {{.fd = results, .events = POLLIN},
                                   {.fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN}};
    if (poll(descriptors, 2, -1) < 0) return errno == EINTR;
    if (descriptors[1].revents) read_text(tool); /* data, the end, or an error */
    return true;
}

static void run(struct tool *tool) {
    int results = wpool_results_fd(tool->pool);
    if (results < 0) {
        complain(tool, "no descriptor", strerror(errno));
        return;
    }
    while (print_results(tool)) {
        submit_lines(tool);
        if (!wait_and_read(tool, results)) {
            complain(tool, "poll", strerror(errno));
            return;
        }
    }
}

static int usage(void) {
    fputs("usage: 14_poll <NUMBERS\n"
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
