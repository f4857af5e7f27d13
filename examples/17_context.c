/* 17_context - a request is cancelled while its jobs run, and each of them decides how to end.

   Shows: wpool_group as what Go calls a context: cancelling it reaches the jobs of all groups below
   it; wpool_cancelled, wpool_on_cancel and config.interrupt_signal, three ways to hear of it;
   options.name; wpool_group_wait with the first error; wpool_group_deadline.
   Build: cc -std=c11 -I.. 17_context.c -o 17_context -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 100 }; /* of a picture */

static int wrong;

static void expect(bool holds, const char *promise) {
    if (holds) return;
    fprintf(stderr, "not as promised: %s\n", promise);
    wrong = 1;
}

struct task {
    const char *name;
    wpool_fn fn;
    wpool_state promised; /* how it should end */
    wpool_result result;  /* how it did */
    uint64_t progress;
    int pipe[2];
};

/* Half a picture is of no use: it finishes the one that it has begun, and succeeds. */
static int draw(void *arg, wpool_job *job) {
    struct task *task = (struct task *)arg;
    do {
        for (int line = 0; line < LINES; line++)
            task->progress++;
    } while (!wpool_cancelled(job));
    return 0;
}

/* Would go on for ever. It saves how far it came, to continue there another day. */
static int scan(void *arg, wpool_job *job) {
    struct task *task = (struct task *)arg;
    uint64_t files = 0;
    while (!wpool_cancelled(job))
        files++;
    task->progress = files;
    return WPOOL_CANCELLED;
}

static void write_byte(void *arg) {
    const struct task *task = (const struct task *)arg;
    expect(write(task->pipe[1], "x", 1) == 1, "there is room in a pipe");
}

/* Waits for a message that never comes. Who cancels the job writes something in its place. */
static int receive(void *arg, wpool_job *job) {
    struct task *task = (struct task *)arg;
    struct pollfd end = {.fd = task->pipe[0], .events = POLLIN};
    wpool_on_cancel(job, write_byte, task); /* called at once if it has been cancelled already */
    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        continue;
    return WPOOL_CANCELLED;
}

/* Sleeps for an hour; but a signal, sent as often as it takes, makes the system call return. */
static int sleep_on(void *arg, wpool_job *job) {
    const struct timespec hour = {.tv_sec = 3600};
    (void)arg;
    while (!wpool_cancelled(job))
        nanosleep(&hour, NULL);
    return WPOOL_CANCELLED;
}

static void on_done(void *arg, const wpool_result *result) {
    ((struct task *)arg)->result = *result;
}

static void submit(wpool *pool, struct task *task, wpool_group *group) {
    const wpool_options options = {.name = task->name, .group = group, .on_done = on_done};
    if (wpool_submit_with(pool, task->fn, task, &options, NULL) != WPOOL_OK) exit(1);
}

/* With a signal for those of its jobs that are in a system call when they are told to end. */
static wpool *open_pool(unsigned workers) {
    const wpool_config config = {.workers = workers, .interrupt_signal = SIGUSR1};
    wpool_stats_snapshot stats;
    wpool *pool;
    if (wpool_create(&pool, &config) != WPOOL_OK) exit(1);
    wpool_stats(pool, &stats);
    if (stats.workers == 0) exit(0); /* built without threads: nobody could cancel what runs */
    return pool;
}

static void await_running(wpool *pool, unsigned count) {
    wpool_stats_snapshot stats;
    do {
        sched_yield();
        wpool_stats(pool, &stats);
    } while (stats.running != count);
}

static void report(const struct task *task) {
    static const char *const ends[] = {"succeeded", "failed", "cancelled", "discarded"};
    const wpool_result *result = &task->result;
    expect(result->state == task->promised, "each job ends in its own way");
    printf("  %-7s %-9s  %s\n", result->name, ends[result->state - WPOOL_STATE_SUCCEEDED],
           wpool_strerror((wpool_status)result->error));
}

/* Somebody goes away, and all that was done for them ends. */
static void cancel(void) {
    struct task tasks[] = {{.name = "film", .fn = draw, .promised = WPOOL_STATE_SUCCEEDED},
                           {.name = "index", .fn = scan, .promised = WPOOL_STATE_CANCELLED},
                           {.name = "socket", .fn = receive, .promised = WPOOL_STATE_CANCELLED},
                           {.name = "backoff", .fn = sleep_on, .promised = WPOOL_STATE_CANCELLED},
                           {.name = "letter", .fn = scan, .promised = WPOOL_STATE_DISCARDED}};
    wpool_group request, files, messages;
    int first_error = 0;
    wpool *pool = open_pool(4);
    wpool_group_init(&request, NULL);
    wpool_group_init(&files, &request);
    wpool_group_init(&messages, &request);
    if (pipe(tasks[2].pipe) != 0) exit(1);
    for (int i = 0; i < 4; i++)
        submit(pool, &tasks[i], i < 2 ? &files : &messages);
    await_running(pool, 4);
    submit(pool, &tasks[4], &messages);

    expect(wpool_group_cancel(&request) == WPOOL_OK, "cancelled for the first time");
    expect(wpool_group_wait(&request, WPOOL_FOREVER, &first_error) == WPOOL_OK, "all end");
    printf("cancelled: the first error was \"%s\"\n", wpool_strerror((wpool_status)first_error));
    for (int i = 0; i < 5; i++)
        report(&tasks[i]);
    expect(tasks[0].progress % LINES == 0, "what succeeded is whole");
    expect(wpool_group_cancelled(&messages), "the parent's end is its children's");
    const wpool_options late = {.group = &messages};
    expect(wpool_submit_with(pool, scan, NULL, &late, NULL) == WPOOL_CANCELLED, "no job enters");
    wpool_destroy(pool);
    close(tasks[2].pipe[0]);
    close(tasks[2].pipe[1]);
}

/* What runs when the time is over is told to end, what has not started never will. */
static void run_out_of_time(void) {
    struct task tasks[] = {{.name = "backoff", .fn = sleep_on, .promised = WPOOL_STATE_CANCELLED},
                           {.name = "letter", .fn = scan, .promised = WPOOL_STATE_DISCARDED}};
    wpool_group request;
    wpool *pool = open_pool(1);
    wpool_group_init(&request, NULL);
    submit(pool, &tasks[0], &request);
    await_running(pool, 1);
    submit(pool, &tasks[1], &request);

    wpool_group_deadline(&request, WPOOL_MS(10));
    expect(wpool_group_wait(&request, WPOOL_FOREVER, NULL) == WPOOL_OK, "all end");
    puts("out of time:");
    for (int i = 0; i < 2; i++)
        report(&tasks[i]);
    expect(tasks[1].result.error == WPOOL_TIMEOUT, "it is said why it never started");
    wpool_destroy(pool);
}

int main(void) {
    cancel();
    run_out_of_time();
    return wrong;
}
