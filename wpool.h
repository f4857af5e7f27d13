/* wpool.h - 0.1.0 - a worker pool for C11 in one file - SPDX-License-Identifier: MIT OR Unlicense

   Do this in *one* C file, before any other include of wpool.h, to make the implementation:

       #define WPOOL_IMPLEMENTATION
       #include "wpool.h"

   Everywhere else include it plainly, from C11 or C++11 and later. Link with -pthread.

   TABLE OF CONTENTS (search for the name in brackets)
       [manual]     what it is, an example, words, guarantees, caveats
       [config]     every macro with its default
       [api]        types and functions, each with what it promises
       [atomics]    operations whose names say the memory order
       [fork]       fork and unfork, inline
       ---- the implementation, C11 ----
       [platform]   threads, names, signals, processors, clock, random bytes, descriptors, fork
       [parking]    sleep while a word has a value; locks and events made of that; the bell
       [memory]     allocation: overflow-checked, zeroed, on cache lines
       [queue]      bounded lock-free queue of calls, many producers and consumers
       [deque]      one per worker: the owner pushes and pops, thieves steal
       [idle]       who sleeps and whom to wake
       [job]        records, ids with generations, states, cancelling
       [results]    finished jobs waiting for a reader
       [timer]      one heap for all that has a time
       [order]      what is queued by priority, last in first out, or after a wait
       [watch]      the accounts: what waits, runs and has finished
       [crew]       what a pool is made of, and who works for it
       [pace]       jobs that wait for their time, for others, or in their lane
       [group]      jobs that are waited for, and cancelled, together
       [worker]     the loop: deque, queue, steal, sleep; helping while waiting
       [scaler]     who keeps the time; who comes and goes, by hand or by the rules
       [pool]       accepting, waiting, ending
       [parallel]   joining what was forked; loops
       [public]     the functions of [api]: check the arguments, call inward
       [history]    changelog, licence
*/

/* ==== [manual] ===================================================================================

   wpool runs functions on worker threads. Submitting a function with its argument
   ("a job") costs some tens of nanoseconds, allocates nothing and takes no lock; an idle pool uses
   no CPU at all. Jobs may have ids, results and a state; the queue is bounded, and what happens
   when it is full is your choice; ending a pool loses nothing without telling you.

       #define WPOOL_IMPLEMENTATION
       #include "wpool.h"
       #include <stdio.h>

       static int square(void *arg, wpool_job *job) {
           int *x = (int *)arg;
           (void)job;
           *x *= *x;
           return 0;
       }

       int main(void) {
           wpool *pool;
           int v[100];
           if (wpool_create(&pool, NULL) != WPOOL_OK) return 1;
           for (int i = 0; i < 100; i++) {
               v[i] = i;
               wpool_submit(pool, square, &v[i], NULL);
           }
           wpool_destroy(pool);  // graceful: everything submitted has run
           printf("%d\n", v[99]);
           return 0;
       }

   The picture:

       submit -> [full?] -> queue -> worker -> deque -> run -> finish -> results -> take
                                       ^         |                |
                                       +-- steal +                +-> wait, on_done, counters

   Words
       pool      what wpool_create makes        worker   a thread of the pool
       job       one call of a function         queue    jobs accepted and not yet started
       results   finished jobs to be taken      graceful what runs may finish
       hot       what runs is told to end       group    jobs with one switch to cancel them all

   Three kinds of jobs, one way in
       plain         wpool_submit(pool, fn, arg, NULL): two words in the queue, nothing else.
       with an id    wpool_submit(pool, fn, arg, &id): the pool keeps a record until wpool_wait or
                     wpool_take has delivered it or wpool_forget lets it go.
       caller-owned  wpool_submit_job(pool, &mine->job, NULL): the record is in your struct, nothing
                     is allocated, the result is in the struct (job.data, job.error).

   Guarantees
       1. accepted = waiting + running + succeeded + failed + cancelled + discarded, in every
          snapshot of wpool_stats. Each accepted job ends exactly once, and its on_done is called
          exactly once.
       2. No job waits while a worker is idle, whichever worker holds it; nor does a forked child,
          however long the job that forked it computes.
       3. No lost wake-up; one submit wakes at most one worker.
       4. After wpool_close no job enters. After wpool_destroy no thread, descriptor or byte is
          left.
       5. A worker that waits for a job of its own pool runs that job itself if nobody began it, and
          what holds that back (after, its lane); it runs no other (WPOOL_HELP_NARROW), so a lock
          that it holds is never met again.
       6. Submitting a job, taking it and running it allocate nothing and take no lock (but ids come
          from a table that grows by chunks, under a lock; WPOOL_RUN counts failures under one; and
          groups, on_cancel, interrupt_signal, and all that waits for a time, for other jobs or in
          a lane, take one each).
       7. An idle pool arms no timer and wakes no thread (above its minimum of workers: until these
          have left).

   Caveats, honestly
       - The queue is lock-free in the usual sense of such rings: a producer that is suspended
         between claiming a slot and filling it delays the jobs behind it, nobody else.
       - The order is first in, first out for the queue as a whole. A worker takes jobs in batches
         (and an idle worker steals from a batch), so with several workers two neighbours may start
         in either order. With one worker, or WPOOL_DROP_OLDEST, the order is exact, but for jobs
         that a waiting worker had to lift out of its way, and those accepted above the capacity.
       - A worker that submits to its own full pool is never blocked: where another caller would
         wait, its job is accepted above the capacity (which may allocate).
       - Jobs may run inside of each other (by waiting, or WPOOL_RUN) 16,383 deep on one thread;
         then wpool_wait answers WPOOL_NO_MEMORY, and a submit that would run the job WPOOL_FULL.
       - wpool_destroy is the last call on a pool: no other call may be in progress or follow, nor
         may another thread still be on its way out of wpool_job_wait for one of its jobs. Of pools
         whose jobs wait for each other's, destroy the waiting one first. Threads blocked in
         wpool_submit or wpool_take are sent home by wpool_close or wpool_stop first.
       - A C++ exception cannot be caught by C: one that leaves a job ends the program. Wrap such a
         function: wpool_submit(pool, wpool_guarded<fn>, ...), and the job fails instead.
       - A job may wait for a caller-owned job once the submit of that one has returned. While its
         submitter is blocked by a full queue, the worker that waits is kept busy, a lone one for
         ever.
       - A child must be unforked or joined before the function that forked it returns; to leave
         that function otherwise (pthread_exit, longjmp, an exception) is not caught, and undefined.
       - A job that was cancelled before it started has ended, but keeps its place in the queue
         until a worker comes by.
       - Cancelling a job that runs is a request. No timeout of wpool_shutdown ends a job that does
         not look at wpool_cancelled; wpool_destroy waits for it, and an inline pool is inside of it
         meanwhile.
       - The workers that the scaler adds are threads, started by the one that keeps the time: some
         ten microseconds each. Where the system has none, it tries again after the cool-down.
       - A deadline of a job that an inline pool runs is looked at before it starts, not while it
         runs: the thread that would keep the time is inside of it.

   ==== [config] ===================================================================================

   Define before the include, in the file with WPOOL_IMPLEMENTATION (WPOOL_API in every file that
   includes).

       WPOOL_STATIC             keep all functions static to the one file that has everything
       WPOOL_API                the linkage of the public functions, written before each
       WPOOL_NO_THREADS         no threads at all: every pool is an inline one
       WPOOL_NO_MEMBARRIER      no heavy fences even where Linux has them: forking costs more
       WPOOL_NO_FUTEX           sleep on a mutex and a condition even where Linux has a futex
       WPOOL_NO_EVENTFD         wpool_results_fd is a pipe even where Linux has an eventfd
       WPOOL_ASSERT(c)          assert(c) of <assert.h>
       WPOOL_DEBUG              0; 1: assert at the end of a pool that nothing was left in it
       WPOOL_CACHE_LINE         64 (128 on Apple arm64)
       WPOOL_CALLOC(size)       calloc(1, size): zeroed memory; for pools without an allocator
       WPOOL_FREE(ptr)          free(ptr)
       WPOOL_QUEUE_CAPACITY     1024: what queue_capacity = 0 means
       WPOOL_BATCH              64: a worker takes at most so many jobs from the queue at once
       WPOOL_DEQUE_SIZE         64: first size of a worker's deque; a power of two, >= WPOOL_BATCH
       WPOOL_RECORDS            64: records for jobs with ids made at first; the table doubles
       WPOOL_GUESTS             4: so many threads that are no workers may be in wpool_for at once
                                with the workers' help; those beyond run their loops alone
       WPOOL_PATIENCE           256: so many pauses, some microseconds, a thief gives another worker
                                to open its deque, before it makes all threads pass a fence
       WPOOL_FAIR_TICKS         64: after so many jobs from its deque in a row, more than a batch
                                leaves there, a worker takes one from the queue
       WPOOL_SPINS              200: looks at something, with a pause each, before lending the CPU
       WPOOL_YIELDS             16: times the CPU is lent before sleeping
       WPOOL_SHORT_SLEEP        50000 ns: only a worker whose last sleep was shorter spins so

   Seams for checkers and other systems, each replaceable: WPOOL_ATOMIC(T) and the WPOOL_ATOMIC_*
   operations ([atomics]); WPOOL_LIGHT_FENCE and WPOOL_HEAVY_FENCE (the same room);
   WPOOL_PARK, WPOOL_UNPARK, WPOOL_PAUSE, WPOOL_YIELD, WPOOL_TOKEN_* ([parking]);
   WPOOL_PLATFORM, the name of a file that stands in for the room [platform], or in that room only
   WPOOL_CLOCK(), WPOOL_THREAD_START, WPOOL_THREAD_JOIN, WPOOL_CLEANUP_PUSH, WPOOL_CLEANUP_POP,
   WPOOL_SYSTEM_ROOT (where /proc and /sys are); WPOOL_THREAD_LOCAL or WPOOL_THREAD_SLOT
   ([worker]). With WPOOL_CORE_ONLY the rooms [atomics] to [watch] compile alone, without the
   operating system.
*/

#ifndef WPOOL_H
#define WPOOL_H

#if defined(WPOOL_IMPLEMENTATION) && !defined(_GNU_SOURCE) && !defined(WPOOL_CORE_ONLY)
#define _GNU_SOURCE 1 /* syscall(), MAP_ANONYMOUS, clock_gettime() under -std=c11 */
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef WPOOL_API
#if defined(WPOOL_STATIC) && (defined(__GNUC__) || defined(__clang__))
#define WPOOL_API static __attribute__((unused))
#elif defined(WPOOL_STATIC)
#define WPOOL_API static
#else
#define WPOOL_API extern
#endif
#endif

#ifndef WPOOL_ATOMIC
#ifdef __cplusplus
#define WPOOL_ATOMIC(T) T /* same size and place; C++ never touches it */
#else
#define WPOOL_ATOMIC(T) _Atomic(T)
#endif
#endif

/* ==== [api] ======================================================================================

   Unless a function says otherwise: any thread may call it, it neither blocks nor allocates, and a
   NULL or nonsensical argument is answered with WPOOL_INVALID. Every function with a pool answers
   WPOOL_OTHER_PROCESS in a child process that inherited the pool through fork().
*/
#ifdef __cplusplus
extern "C" {
#endif

#define WPOOL_VERSION_MAJOR 0
#define WPOOL_VERSION_MINOR 1
#define WPOOL_VERSION_PATCH 0
#define WPOOL_VERSION \
    (WPOOL_VERSION_MAJOR * 10000 + WPOOL_VERSION_MINOR * 100 + WPOOL_VERSION_PATCH)

typedef struct wpool wpool;             /* opaque */
typedef struct wpool_job wpool_job;     /* complete below: embed it, or put it on the stack */
typedef struct wpool_group wpool_group; /* complete below as well */
typedef struct wpool_lane wpool_lane;   /* the same */
typedef uint64_t wpool_id;              /* unique for the pool's life; 0 is never a job */

/* A job: 0 is success, anything else the job's error. job is its context (wpool_cancelled, ...). */
typedef int (*wpool_fn)(void *arg, wpool_job *job);

/* What a function answers; wpool_strerror gives the text. */
#define WPOOL_STATUS_LIST(X)                                        \
    X(OK, "success")                                                \
    X(EMPTY, "nothing there yet")                                   \
    X(DONE, "closed, and nothing can ever finish again")            \
    X(FULL, "the queue is full")                                    \
    X(CLOSED, "closed")                                             \
    X(TIMEOUT, "timed out")                                         \
    X(CANCELLED, "cancelled")                                       \
    X(ALREADY, "already so")                                        \
    X(UNKNOWN, "no such job: stale, delivered, or of another pool") \
    X(DEADLOCK, "the caller would wait for itself")                 \
    X(INVALID, "invalid argument")                                  \
    X(NO_MEMORY, "out of memory")                                   \
    X(NO_THREAD, "no thread could be started")                      \
    X(OTHER_PROCESS, "the pool belongs to the parent process")      \
    X(FAILED, "failed")                                             \
    X(RUNNING, "it runs, and may finish")

typedef enum wpool_status {
#define WPOOL_STATUS_VALUE(name, text) WPOOL_##name,
    WPOOL_STATUS_LIST(WPOOL_STATUS_VALUE)
#undef WPOOL_STATUS_VALUE
} wpool_status;

/* Where a job is. The last four are final. */
typedef enum wpool_state {
    WPOOL_STATE_UNKNOWN,
    WPOOL_STATE_WAITING,
    WPOOL_STATE_DELAYED,
    WPOOL_STATE_RUNNING,
    WPOOL_STATE_SUCCEEDED, /* returned 0 */
    WPOOL_STATE_FAILED,    /* returned an error, or left its thread with pthread_exit */
    WPOOL_STATE_CANCELLED, /* was told to end while running, and returned an error; or before it ran
                              again */
    WPOOL_STATE_DISCARDED  /* accepted, never started */
} wpool_state;

typedef enum wpool_mode {
    WPOOL_GRACEFUL, /* what runs may finish */
    WPOOL_HOT       /* what runs is told to end: wpool_cancelled becomes true */
} wpool_mode;

/* What a submit does when the queue is full. */
typedef enum wpool_when_full {
    WPOOL_BLOCK,      /* wait for room; a worker of this pool does not wait, see Caveats */
    WPOOL_REFUSE,     /* answer WPOOL_FULL */
    WPOOL_RUN,        /* run the job in the caller */
    WPOOL_DROP_OLDEST /* discard the oldest queued job, of the lowest priority, with its on_done and
                         its result */
} wpool_when_full;

/* Which of the queued jobs starts first. */
typedef enum wpool_order {
    WPOOL_FIFO,
    WPOOL_LIFO,    /* the one submitted last; not with WPOOL_DROP_OLDEST */
    WPOOL_PRIORITY /* by options.priority, each of them first in, first out. A lower one is never
                      passed over for ever: of 16 jobs that a worker takes, one at least is a normal
                      and one a low one, if there are such */
} wpool_order;

/* With WPOOL_PRIORITY. */
typedef enum wpool_priority { WPOOL_NORMAL, WPOOL_HIGH, WPOOL_LOW } wpool_priority;

/* What a worker may run while it waits for a job of its own pool. */
typedef enum wpool_help {
    WPOOL_HELP_NARROW, /* the job it waits for, and what holds that back */
    WPOOL_HELP_ANY,    /* any job, until none is queued */
    WPOOL_HELP_NONE    /* nothing: it sleeps, and too many of those starve the pool */
} wpool_help;

/* Times are nanoseconds on the monotonic clock. */
#define WPOOL_FOREVER (INT64_C(-1))
#define WPOOL_NOW (INT64_C(0))
#define WPOOL_MS(x) ((int64_t)(x)*INT64_C(1000000))
#define WPOOL_SECONDS(x) ((int64_t)(x)*INT64_C(1000000000))

#define WPOOL_INLINE 0xFFFFFFFFu      /* max_workers: no threads, see wpool_config */
#define WPOOL_MAX_WORKERS 32767u      /* more are refused */
#define WPOOL_UNBUFFERED ((size_t)-1) /* queue_capacity: 0 places */

typedef struct wpool_allocator {
    void *(*alloc)(size_t size,
                   void *user); /* any content, aligned as malloc does; NULL: none left */
    void (*free)(void *ptr, size_t size, void *user); /* with the size that was asked for */
    void *user;
} wpool_allocator;

/* Why the scaler changed the number of workers. */
typedef enum wpool_scale_reason {
    WPOOL_SCALE_NONE,
    WPOOL_SCALE_LOAD,     /* too many jobs wait for each worker */
    WPOOL_SCALE_WAIT,     /* the oldest one has waited too long */
    WPOOL_SCALE_BLOCKED,  /* in place of workers that wait or are in wpool_blocking */
    WPOOL_SCALE_IDLE,     /* workers have had no work for long enough */
    WPOOL_SCALE_PRESSURE, /* memory or processors are short */
    WPOOL_SCALE_MINIMUM   /* there were fewer than min_workers */
} wpool_scale_reason;

/* A decision of the scaler. */
typedef struct wpool_scale_event {
    wpool_scale_reason reason;
    unsigned before, after; /* workers; the same: no thread could be started */
    unsigned blocked;       /* of those before */
    uint64_t waiting;       /* jobs queued */
} wpool_scale_event;

/* A job that has run for longer than its run_limit. */
typedef struct wpool_stuck {
    wpool_id id;      /* 0: caller-owned, or nobody asked for it */
    const char *name; /* a copy, for the call; at most 31 characters; NULL: none */
    unsigned worker;
    int64_t ran_ns; /* so far: without the time in which it waited, or was in wpool_blocking; since
                       its start, or its last wpool_progress */
} wpool_stuck;

typedef struct wpool_hooks {
    /* On the worker's own thread (inline: in wpool_create) before its first job; what it returns is
       the worker's state, for example a database connection, that wpool_worker_state gives to each
       job there. */
    void *(*worker_start)(void *user, unsigned worker);
    /* on that thread (inline: in wpool_destroy), at its end */
    void (*worker_exit)(void *user, unsigned worker, void *state);
    void *user;
    /* These three on the thread that keeps the time (inline: who waits). They must be short and
       must not call functions of the pool that wait. */
    void (*scaled)(void *user,
                   const wpool_scale_event *event);          /* a decision has been carried out */
    void (*job_stuck)(void *user, const wpool_stuck *stuck); /* once for each run, see run_limit */
    void (*stalled)(void *user, wpool *pool); /* jobs are queued, but every worker has waited for
                                                 other jobs for a second, and none may be added; not
                                                 inline. Workers that wait for each other while
                                                 nothing is queued are not found */
} wpool_hooks;

/* When workers come and go by themselves: between min_workers (or workers, if that is 0) and
   max_workers, and only if that is more, whatever is set here. Delayed jobs do not count as
   waiting, nor any while the pool is paused or the rate holds jobs back. Zero means default. */
typedef struct wpool_scaling {
    unsigned
        jobs_per_worker; /* grow when so many jobs wait for each worker (50; UINT_MAX: never), or
                            as many as the queue holds (unbuffered: one submitter waits): then once
                            in 10 ms, at most. Times the workers above 4,194,303: never */
    int64_t wait;     /* grow also when the oldest job has waited so long, at the latest after twice
                         that time (0: whatever it waits). That is when as many have begun as waited
                         then: in the order LIFO, or for a low priority, one may wait longer */
    unsigned step;    /* by so many, WPOOL_MAX_WORKERS at most (0: to twice as many) */
    int64_t idle;     /* a worker without work for so long leaves (10 s; WPOOL_FOREVER: never) */
    int64_t cooldown; /* so long after workers have left none is added but for blocked ones; so long
                         after one was added none leaves for idleness; from one that leaves under
                         pressure to the next; and from one try to the next when the system has no
                         thread (1 s) */
    uint64_t max_rss_bytes;      /* do not grow, but shrink, one by one, while the process has more
                                    memory than that (0: no limit) */
    unsigned max_memory_percent; /* the same for the memory of the system in use (0) */
    unsigned max_cpu_percent;    /* the same for the part of the time in which something waits for a
                                    processor: Linux' pressure stall information (0) */
    bool (*pressure)(void *user); /* the same while it answers true; in place of these three */
    void *user;
} wpool_scaling;

/* When a failed job is tried again. Zero means default. */
typedef struct wpool_retry {
    unsigned attempts; /* how often it is started at most (1: no retry) */
    int64_t delay;     /* before the second (10 ms) */
    int64_t max_delay; /* (one minute, or delay if that is longer) */
    double factor;     /* by which each delay is longer than the one before (2) */
    double jitter;     /* 0 to 1: up to that part of each delay is left out, at random (0) */
    bool (*when)(int error, void *arg); /* for which errors (NULL: any); arg is the job's */
} wpool_retry;

/* How many jobs may start. */
typedef struct wpool_rate {
    double per_second; /* (0: no limit) */
    unsigned burst;    /* at once, after a time in which none was started (1); so many also make
                          up for a worker that wakes late. With 1 that time is lost: 10,000 per
                          second need some 10 */
} wpool_rate;

/* Zero means default, in every field. */
typedef struct wpool_config {
    const char *name; /* copied, at most 31 characters; threads are "name-0", ... ("wpool") */
    unsigned workers; /* threads (0: min_workers if set, else one per CPU the process may use) */
    unsigned min_workers;      /* never fewer (0: as workers says, and scaling by hand is free) */
    unsigned max_workers;      /* never more that work, not even for a moment (0: the same); a
                                  thread that has ended its last job may still be on its way out.
                                  WPOOL_INLINE: no threads; the jobs run inside wait, take, drain,
                                  shutdown and destroy of the callers */
    size_t queue_capacity;     /* jobs accepted and not started, exact (0: 1024), or
                                  WPOOL_UNBUFFERED: a submit returns when a worker has the job */
    wpool_when_full when_full; /* (WPOOL_BLOCK) */
    wpool_order order;         /* (WPOOL_FIFO) */
    wpool_scaling scaling;     /* when workers come and go by themselves */
    wpool_retry retry;         /* of jobs whose options have none (no retry) */
    wpool_rate rate;           /* at which jobs start (no limit). One that a worker runs since it
                                  waits for it, or its submitter (WPOOL_RUN), does so at once, and
                                  others the later. While it holds jobs back, idle workers do not
                                  help with loops and forked jobs either */
    bool results;              /* deliver every finished job of the pool's own to wpool_take */
    bool start_paused;         /* nothing starts before wpool_start */
    wpool_help help;           /* (WPOOL_HELP_NARROW) */
    bool pin_workers;          /* bind worker i to the i-th CPU the process may use, in turn */
    size_t stack_size;         /* bytes of a worker's stack (0: the system's default) */
    wpool_group *group;        /* upstream: cancelling it stops the pool, hot; it outlives the pool
                                  (NULL: none) */
    int interrupt_signal; /* a signal that a worker gets, again and again, from when its job was
                                  told to end until that has ended, so that read, nanosleep or poll
                                  return EINTR (0: none). A handler that does nothing is installed,
                                  unless the program has one. Each job then takes a lock */
    wpool_hooks hooks;
    const wpool_allocator *allocator; /* copied (NULL: WPOOL_CALLOC and WPOOL_FREE) */
} wpool_config;

/* How a job ended. */
typedef struct wpool_result {
    wpool_id id;      /* 0: caller-owned */
    const char *name; /* as given with the job */
    void *arg;
    void *data;        /* what wpool_set_result left */
    int error;         /* what the function returned; a wpool_status when it never returned */
    wpool_state state; /* succeeded, failed, cancelled or discarded */
    unsigned attempts; /* how often it was started */
    unsigned worker;   /* who ran it last; WPOOL_INLINE: no worker of the pool */
    int64_t waited_ns; /* from accepted to started */
    int64_t ran_ns;    /* from started to finished */
} wpool_result;

/* Per job. Zero means default. A job with a delay, a period, a lane or an after, and one that is
   tried again, has no place in the queue: it is accepted above the capacity. */
typedef struct wpool_options {
    const char *name;   /* not copied: must live as long as the job */
    int64_t timeout;    /* how long the submit may wait for room (0: what when_full says) */
    int64_t deadline;   /* so long after the submit the job is cancelled, hot; if it has not started
                         by then, it is discarded with WPOOL_TIMEOUT for its error (0: never) */
    wpool_group *group; /* of which the job becomes a member until it has ended (NULL: none) */
    wpool_priority priority; /* (WPOOL_NORMAL) */
    int64_t delay;           /* it does not start before so much time has passed (0: at once) */
    int64_t period;          /* it runs again and again, so far apart from the first time on: a
                                time that has passed while it ran is left out, none is late because
                                of another. Until it fails, is cancelled, or the pool is closed:
                                then it has succeeded, if it ever ran (0: once) */
    int64_t run_limit;     /* running longer than that is reported to hooks.job_stuck (0: never) */
    wpool_retry retry;     /* (as config.retry says) */
    wpool_lane *lane;      /* that it waits in, and runs in (NULL: none) */
    const wpool_id *after; /* it starts when these have succeeded; once one has ended in another
                                way, the worker that comes by discards it, with WPOOL_CANCELLED for
                                its error. Read before the id of the new job is written */
    size_t after_count;    /* of them */
    /* Called exactly once when the accepted job has ended, whatever happened to it, on the thread
       that ended it: a worker, who cancels or stops, or who keeps the time, which must not be kept
       for long. It may submit, also to the pool when that is full: where it would wait for room
       that this job had, what it submits is accepted above the capacity. It must return (no
       pthread_exit) and not wait for the pool.
       For a job of the pool's own it is called before the result is delivered. For a caller-owned
       one it is the very last touch of the job, so it may free it: then nobody may wait for it,
       since wpool_job_wait does not wait for on_done. */
    void (*on_done)(void *arg, const wpool_result *result);
} wpool_options;

/* When something is due. The pool's. */
typedef struct wpool__timer {
    int64_t when;
    void (*due)(wpool *pool, struct wpool__timer *timer);
    struct wpool__timer *child, *next, **link; /* in the heap; link NULL: not in it */
} wpool__timer;

/* What a rate allows. The pool's. */
typedef struct wpool__bucket {
    WPOOL_ATOMIC(int64_t) interval; /* between two; 0: no limit */
    WPOOL_ATOMIC(int64_t) window;   /* how far ahead of the time next may be */
    WPOOL_ATOMIC(int64_t) next;     /* when one is due that is in step */
} wpool__bucket;

/* Jobs that run a few at a time, in the order in which they were submitted, on any worker. The
   first three are yours to set before wpool_lane_init (zero means default), the rest is the
   pool's. */
struct wpool_lane {
    unsigned max_running; /* (1: strictly one after the other) */
    size_t max_waiting;   /* (0: no limit) */
    wpool_rate rate;      /* (no limit) */
    wpool *pool;
    wpool_job *first, **last, *latest;
    size_t waiting, running, ending;
    wpool_lane *next, **link;
    wpool__timer timer;
    wpool__bucket bucket;
};

/* A job. data and error may be read once it has finished; the rest is the pool's. */
struct wpool_job {
    void *data;
    int error;
    WPOOL_ATOMIC(uint32_t) state;
    wpool_fn fn;
    void *arg;
    wpool *pool;
    struct wpool_worker *worker;
    struct wpool__forks *forks;
    WPOOL_ATOMIC(const void *) thread;
    const WPOOL_ATOMIC(uint32_t) * told;
    void (*on_cancel)(void *arg);
    void *cancel_arg;
    wpool_job *next, **link;
    wpool_id id;
    const char *name;
    void (*on_done)(void *arg, const wpool_result *result);
    int64_t accepted_ns, started_ns, finished_ns;
    unsigned attempts, ran_by;
    bool is_listed;
    wpool__timer timer;
    int64_t deadline;
    wpool_group *group;
    wpool_job *group_next, **group_link, *group_told;
    /* of the room [pace] */
    uint8_t place, lane_part;
    bool is_paced, is_barred, has_timer, is_delayed, is_reported;
    unsigned pauses;
    wpool_priority priority;
    unsigned failures, blockers;
    struct wpool__edge *edges, *dependents;
    size_t edge_count;
    wpool_lane *lane;
    int64_t ready_ns, due_ns, period, run_limit, look_ns;
    WPOOL_ATOMIC(int64_t) watched;
    wpool_retry retry;
};

/* A set of jobs, of one pool or of several, with one switch to cancel them all. The pool's. */
struct wpool_group {
    wpool_group *parent;
    WPOOL_ATOMIC(uint32_t) lock; /* the topmost one's is that of the whole tree */
    WPOOL_ATOMIC(uint32_t) told;
    WPOOL_ATOMIC(int64_t) deadline;
    uint64_t unfinished, ties;
    wpool_job *members;
    wpool_group *children, *next, **link;
    struct wpool__upstream *pools;
    struct wpool__group_waiter *waiters;
    long process; /* that it belongs to */
    int first_error;
    bool cancels_on_error;
};

typedef struct wpool_stats_snapshot {
    uint64_t accepted; /* = the sum of the next six */
    uint64_t waiting, running;
    uint64_t succeeded, failed, cancelled, discarded;
    unsigned workers;         /* threads that take jobs (inline: 0) */
    unsigned workers_idle;    /* threads asleep for lack of work */
    unsigned workers_leaving; /* threads that end after the job they run */
    unsigned workers_blocked; /* of workers: those that wait, or are in wpool_blocking */
    uint64_t delayed;         /* of waiting: for their time, for others, or in their lane */
    uint64_t retries;         /* how often jobs were put back, to be tried, or to run, again */
    uint64_t scale_ups, scale_downs; /* decisions of the scaler */
} wpool_stats_snapshot;

typedef enum wpool_activity { WPOOL_AVAILABLE, WPOOL_BUSY, WPOOL_LEAVING } wpool_activity;

typedef struct wpool_worker_info {
    unsigned worker; /* as in wpool_result and the hooks; inline: WPOOL_INLINE. The number of one
                        that has left is given to another one later, and its counts go on */
    wpool_activity activity;
    unsigned running;  /* jobs; more than one: inside of each other, while the outer ones wait */
    wpool_id job;      /* of those that are not plain the innermost one; 0: none, or caller-owned */
    uint64_t finished; /* jobs so far, of which: */
    uint64_t failed, cancelled;
} wpool_worker_info;

typedef struct wpool_info {
    const char *name; /* lives as long as the pool */
    uint64_t id;      /* a random number, the first half of the uuid */
    char uuid[37];    /* version 4, text */
} wpool_info;

/* ---- life ---- */

/* Make a pool and start its workers. config may be NULL. Blocks until the threads exist; allocates.
   WPOOL_INVALID, WPOOL_NO_MEMORY, WPOOL_NO_THREAD: nothing is left behind, *pool is NULL. */
WPOOL_API wpool_status wpool_create(wpool **pool, const wpool_config *config);

/* Let jobs start, after start_paused or wpool_pause. WPOOL_ALREADY: they may already. */
WPOOL_API wpool_status wpool_start(wpool *pool);

/* No further job starts until wpool_start, but what a worker has in its hands at this moment, those
   that a running job waits for, and those run by their submitter (WPOOL_RUN). Submitting goes on;
   what is submitted after wpool_pause has returned waits.
   WPOOL_ALREADY: paused before. */
WPOOL_API wpool_status wpool_pause(wpool *pool);

/* No new jobs; everything queued still runs. Periodic ones end, those that do not run at this
   moment here, with their on_done. Blocked submitters return WPOOL_CLOSED, readers get what
   finishes and then WPOOL_DONE. WPOOL_ALREADY: closed before. */
WPOOL_API wpool_status wpool_close(wpool *pool);

/* No new jobs, and what is queued is discarded before this returns, but for what a worker has in
   its hands at this moment (that is discarded there); on_done of the discarded jobs runs here. What
   runs may finish (graceful) or sees wpool_cancelled (hot; wpool_on_cancel's are called here, as
   wherever jobs are told to end). WPOOL_ALREADY: stopped before, in this
   mode or in the hot one. */
WPOOL_API wpool_status wpool_stop(wpool *pool, wpool_mode mode);

/* Block until nothing waits or runs (that instant; others may submit meanwhile). WPOOL_TIMEOUT.
   WPOOL_DEADLOCK: called by a job of this pool. */
WPOOL_API wpool_status wpool_drain(wpool *pool, int64_t timeout);

/* Close, start if paused, and block until every job has ended. WPOOL_TIMEOUT: time was out, so what
   was queued has been discarded (its on_done runs here), and what runs was told to end if mode is
   hot; wpool_workers tells what still does (on each worker the innermost; not what submitters run
   themselves), and wpool_destroy waits for it. WPOOL_DEADLOCK: called by a job of this pool. */
WPOOL_API wpool_status wpool_shutdown(wpool *pool, wpool_mode mode, int64_t timeout);

/* Close, start if paused, block until every job has ended, end the threads, free everything. The
   last call on a pool. NULL is fine. WPOOL_DEADLOCK: called by a job of this pool; nothing
   happened. */
WPOOL_API wpool_status wpool_destroy(wpool *pool);

/* ---- edit ---- */

/* The configuration as it is now, with defaults filled in; min_workers and max_workers are 0 where
   they are to follow workers, group and retry are as they were given. Its pointers live as long as
   the pool. May wait for a wpool_configure or wpool_scale of another thread. */
WPOOL_API wpool_status wpool_get_config(wpool *pool, wpool_config *config);

/* Make the pool as config says; zero means default as in wpool_create, so begin with what
   wpool_get_config gave. May be changed while it runs: workers, min_workers, max_workers (workers
   that are too many leave, gracefully), queue_capacity (what is queued stays; there is room again
   when fewer are), when_full, order (what is queued already stays as it is, and is taken in turn
   with what comes later; those who submit just then may exceed the capacity by one each), scaling,
   rate, help. WPOOL_INVALID: something else differs, which wpool_config_conflict names, or the new
   values make no sense. WPOOL_NO_MEMORY, WPOOL_NO_THREAD: as for wpool_scale. Whatever it is not
   WPOOL_OK: nothing has changed. Allocates; starts threads. */
WPOOL_API wpool_status wpool_configure(wpool *pool, const wpool_config *config);

/* The name of a field, such as "allocator", for which wpool_configure would refuse the config: it
   cannot be changed, or its value makes no sense; "pool" if that or the config is NULL or not to be
   had. NULL: none. A constant text. */
WPOOL_API const char *wpool_config_conflict(wpool *pool, const wpool_config *config);

/* ---- workers ---- */

/* Add delta workers, or let -delta of them leave: those without a job first, the others after the
   job they run, which is told to end if mode is hot. What is queued stays, for the others; nothing
   is lost. Does not wait for them to be gone. WPOOL_INVALID: beyond min_workers or max_workers, or
   no worker would be left (wpool_pause does that); an inline pool. WPOOL_NO_THREAD: the system has
   none, or those that leave are still too many with the new ones. WPOOL_NO_MEMORY. Whatever it is
   not WPOOL_OK: nothing has changed. Starts threads; may wait for another such call. Without
   min_workers the scaler lets no worker go of as many as were asked for.
   A part that a worker took over from a job of another one's (wpool_fork, wpool_for) is told to end
   with that job. */
WPOOL_API wpool_status wpool_scale(wpool *pool, int delta, wpool_mode mode);

/* The same, to a number of workers. */
WPOOL_API wpool_status wpool_scale_to(wpool *pool, unsigned workers, wpool_mode mode);

/* Let one worker leave, as wpool_scale by -1 does; *was_running (may be NULL) is the id of the job
   that it runs, 0: none, or none with an id, or one that it has just taken and is about to begin
   (which is told, too, if hot). WPOOL_ALREADY: it is leaving. WPOOL_UNKNOWN: there is
   none of that number. WPOOL_INVALID as for wpool_scale. */
WPOOL_API wpool_status wpool_worker_stop(wpool *pool, unsigned worker, wpool_mode mode,
                                         wpool_id *was_running);

/* ---- submit ---- */

/* Hand a job to the pool. When the queue is full, config.when_full decides; WPOOL_BLOCK blocks
   until there is room. id may be NULL: then no record is kept (nor allocated, unless
   config.results). With an id, allocates now and then. WPOOL_FULL, WPOOL_CLOSED, WPOOL_NO_MEMORY:
   not accepted. */
WPOOL_API wpool_status wpool_submit(wpool *pool, wpool_fn fn, void *arg, wpool_id *id);

/* The same, but never blocks, runs or drops anything: WPOOL_FULL. */
WPOOL_API wpool_status wpool_try_submit(wpool *pool, wpool_fn fn, void *arg, wpool_id *id);

/* The same as wpool_submit, with options (NULL: none). WPOOL_TIMEOUT: no room within the timeout.
   WPOOL_UNKNOWN: options.after has an id that is stale, or of no job; so nothing can ever wait for
   itself. WPOOL_NO_MEMORY: also for after. WPOOL_NO_THREAD: nobody would keep the time. */
WPOOL_API wpool_status wpool_submit_with(wpool *pool, wpool_fn fn, void *arg,
                                         const wpool_options *options, wpool_id *id);

/* n plain jobs fn(args[i]), accepted in order, with one synchronisation for as many as fit. Returns
   how many were accepted, always the first ones; *why (may be NULL) says what stopped it, WPOOL_OK
   if nothing did. A full queue is handled as by wpool_submit. */
WPOOL_API size_t wpool_submit_many(wpool *pool, wpool_fn fn, void *const *args, size_t n,
                                   wpool_status *why);

/* Prepare a job of your own; it must stay where it is from submit until it has finished. */
WPOOL_API void wpool_job_init(wpool_job *job, wpool_fn fn, void *arg);

/* Hand it in; options may be NULL. Like wpool_submit_with, but allocates nothing (but for after),
   has no id and is not delivered to wpool_take. May be handed in again once it has finished.
   WPOOL_ALREADY: it has not finished yet. */
WPOOL_API wpool_status wpool_submit_job(wpool *pool, wpool_job *job, const wpool_options *options);

/* Block until it has finished: then data and error are valid, and the struct is yours again.
   WPOOL_TIMEOUT. WPOOL_UNKNOWN: never submitted, or being submitted by another thread just now.
   WPOOL_DEADLOCK: the caller is that job, or runs inside of it, or of one that must end before that
   job can begin (after, or a lane for one). On a worker of the pool: see config.help. */
WPOOL_API wpool_status wpool_job_wait(wpool_job *job, int64_t timeout);

/* How a finished caller-owned job ended, in full. WPOOL_EMPTY: it has not finished. */
WPOOL_API wpool_status wpool_job_result(const wpool_job *job, wpool_result *result);

/* ---- results ---- */

/* Block until the job has finished; its result goes to *result (may be NULL) and its id becomes
   stale. WPOOL_TIMEOUT. WPOOL_UNKNOWN: stale id, also when somebody else was given the result
   meanwhile. WPOOL_DEADLOCK as for wpool_job_wait. On a worker of the pool: see config.help. */
WPOOL_API wpool_status wpool_wait(wpool *pool, wpool_id id, int64_t timeout, wpool_result *result);

/* The next finished job in order of completion (config.results), for any number of readers.
   WPOOL_OK: *result is filled (may be NULL). WPOOL_EMPTY: nothing yet (timeout 0). WPOOL_TIMEOUT.
   WPOOL_DONE: closed, and nothing can ever finish again. WPOOL_CLOSED: after wpool_close_results.
   WPOOL_INVALID: a pool without config.results. On a worker of the pool it runs what is queued
   before it sleeps; WPOOL_DEADLOCK: every worker would sleep here, with no job delayed or held back
   by the rate; WPOOL_DONE: nothing can finish any more but jobs that are in wpool_take (so none
   should wait for a job that takes until then). */
WPOOL_API wpool_status wpool_take(wpool *pool, int64_t timeout, wpool_result *result);

/* Let the job's record go, finished or not; it still runs. WPOOL_UNKNOWN: stale id. */
WPOOL_API wpool_status wpool_forget(wpool *pool, wpool_id id);

/* No more wpool_take; blocked readers return WPOOL_CLOSED at once. wpool_wait by id goes on.
   WPOOL_ALREADY: closed before. */
WPOOL_API wpool_status wpool_close_results(wpool *pool);

/* A descriptor for poll, epoll, select or an event loop (config.results): readable when wpool_take
   may have an answer that is not WPOOL_EMPTY. When it is, call wpool_take(pool, WPOOL_NOW, ...)
   until it answers WPOOL_EMPTY, which is what makes it unreadable again; after WPOOL_DONE or
   WPOOL_CLOSED it stays readable. Do not read from it, nor close it: it is the pool's, always the
   same one, until wpool_destroy. Several threads may poll it.
   An inline pool runs nothing while everybody only polls.
   -1: a pool without config.results, of another process, or the system has no descriptor left. */
WPOOL_API int wpool_results_fd(wpool *pool);

/* Where the job is; WPOOL_STATE_UNKNOWN for a stale id. */
WPOOL_API wpool_state wpool_job_state(wpool *pool, wpool_id id);

/* ---- control ---- */

/* Cancel one job. WPOOL_OK: it does not run and never will (again); it has ended as discarded (one
   that has been tried, or run, before as cancelled), with its on_done (called here) and its result.
   Its place in the queue becomes free when a worker comes by. WPOOL_CANCELLED (hot): it runs and
   has been told to end, see wpool_cancelled. WPOOL_RUNNING (graceful): it runs and may finish, but
   not run again. WPOOL_ALREADY: it has ended, or is being discarded; one that
   ran counts as running until its on_done has returned. WPOOL_UNKNOWN: stale id. Hot, it may wait
   for what another thread calls because of wpool_on_cancel. */
WPOOL_API wpool_status wpool_cancel(wpool *pool, wpool_id id, wpool_mode mode);

/* The same for n jobs, from the first to the last; how many of them waited (also to be tried again)
   and will not start. What became of each of the others: wpool_job_state. */
WPOOL_API size_t wpool_discard(wpool *pool, const wpool_id *ids, size_t n, wpool_mode mode);

/* ---- groups: jobs that are waited for, and cancelled, together ---- */

/* Prepare a group, empty, below parent (NULL: none). It must stay where it is while it has jobs
   (until wpool_group_wait has answered WPOOL_OK), groups below it that have some, or pools
   (config.group); parent as long as the group is used. Nothing has to be freed.
   All groups of a tree share a lock, taken when a job of theirs is
   submitted and when it ends, for some instructions. */
WPOOL_API wpool_status wpool_group_init(wpool_group *group, wpool_group *parent);

/* Cancel every job of the group and of those below it, hot, as wpool_cancel does; stop the pools
   that have it as upstream, hot. From now on no job enters (WPOOL_CANCELLED); one whose submit is
   blocked by a full queue is discarded once it has been accepted. A caller-owned job that is queued
   keeps its place until a worker comes by, which discards it. WPOOL_ALREADY. May call on_done of
   jobs, and wait as wpool_cancel does. */
WPOOL_API wpool_status wpool_group_cancel(wpool_group *group);

/* From now on the first job of the group, or of one below it, that fails cancels the group; one
   that was told to end, or never started, does not. */
WPOOL_API wpool_status wpool_group_cancel_on_error(wpool_group *group);

/* The group is cancelled when so much time has passed from now on; what has not started by then is
   discarded with WPOOL_TIMEOUT for its error. In place of an earlier one; WPOOL_FOREVER: none.
   WPOOL_NO_THREAD: it holds, but a pool of its jobs has nobody to keep the time, so those of them
   that run are not told. Starts a thread of each of these pools. */
WPOOL_API wpool_status wpool_group_deadline(wpool_group *group, int64_t timeout);

/* Block until no job of the group, or of one below it, is left unfinished (that instant; others may
   enter meanwhile). *first_error (may be NULL) is the error of the first one that ended with one,
   a discarded one's too, 0: none. WPOOL_TIMEOUT. WPOOL_DEADLOCK: called by one of its jobs, or by
   one that these come after; or in an inline pool nobody runs what is left. WPOOL_NO_MEMORY. On a
   worker it runs queued jobs of the group meanwhile, see config.help. */
WPOOL_API wpool_status wpool_group_wait(wpool_group *group, int64_t timeout, int *first_error);

/* Was it cancelled, or one above it, or has a deadline of these passed? */
WPOOL_API bool wpool_group_cancelled(const wpool_group *group);

/* ---- lanes ---- */

/* Make a lane of the pool; its first three fields say what it allows. It stays until
   wpool_lane_destroy; thousands are cheap. A job whose options name a lane at its limit waits
   there, delayed; one with a delay or an after enters it when that is over. Destroy it before the
   pool. A full lane (max_waiting) is as a full queue: WPOOL_BLOCK waits for room, all
   else is WPOOL_REFUSE. A job that is tried again keeps its place. The next one begins when the
   result of the one before is there, after its on_done (if it is not caller-owned: then that may
   still be called meanwhile). WPOOL_NO_THREAD: nobody would keep the time (rate). */
WPOOL_API wpool_status wpool_lane_init(wpool_lane *lane, wpool *pool);

/* The memory is yours again. WPOOL_RUNNING: it still has jobs (one of the pool's until its on_done
   has returned); nothing happened. */
WPOOL_API wpool_status wpool_lane_destroy(wpool_lane *lane);

/* ---- in a job: about the job itself, on the thread that runs it ---- */

/* Should the job end early? It was cancelled, or the pool stopped, hot. One load: cheap enough for
   every turn of a loop. A job that then returns an error counts as cancelled, one that returns 0
   as succeeded. */
WPOOL_API bool wpool_cancelled(const wpool_job *job);

/* Have call(arg) called, once, when the job is told to end: on the thread that tells it. From now
   until the function that was given the job returns; after that it is not called, nor still
   running. In place of one that was set before; NULL: none. call must be short: it must not block,
   leave its thread, or call functions of this pool or of groups. WPOOL_CANCELLED: the job has been
   told already, so it was called here. WPOOL_INVALID: a plain job; let it have an id. Waits while
   others are being called. */
WPOOL_API wpool_status wpool_on_cancel(wpool_job *job, void (*call)(void *arg), void *arg);

/* Leave a result for the submitter (wpool_result.data). A plain job has nobody to leave it to. */
WPOOL_API void wpool_set_result(wpool_job *job, void *data);

/* It is getting on: its run_limit starts over. Of the job itself; nothing for a plain one, a forked
   one, or in the body of a loop. */
WPOOL_API void wpool_progress(wpool_job *job);

/* Call call(arg) here and now, say a system call that blocks. Meanwhile another worker takes this
   one's place if jobs wait for one and there are fewer than max_workers, and the job's run_limit
   does not count. call must return. On no worker (inline, the caller of a loop) no place is lent.
   */
WPOOL_API wpool_status wpool_blocking(wpool_job *job, void (*call)(void *arg), void *arg);

WPOOL_API wpool_id wpool_job_id(const wpool_job *job);      /* 0: plain or caller-owned */
WPOOL_API unsigned wpool_job_attempt(const wpool_job *job); /* 1 for the first */
WPOOL_API wpool *wpool_job_pool(const wpool_job *job);
WPOOL_API void *wpool_worker_state(const wpool_job *job); /* from hooks.worker_start, or NULL */

/* ---- parallel: fork and join, loops ---- */

/* Offer child, fn(arg, its job), to the other workers; the caller goes on. self is the job that
   calls, on its own thread. child is any memory, typically on the stack, that stays until it has
   been unforked or joined: each child must be, by the same job, before its function returns; the
   last one forked first is fastest. Some nanoseconds; may allocate when nested more than 60 deep.
   Whatever fn reads is what was written before the fork. Stopping the pool does not take it back,
   and it is no job in the counts. */
WPOOL_API void wpool_fork(wpool_job *self, wpool_job *child, wpool_fn fn, void *arg);

/* Take the child back. true: nobody has begun it; the caller calls the function itself, as an
   ordinary call. false: another worker has run it, and it has ended. Meanwhile the caller runs
   other parts of that same child, or blocks. */
WPOOL_API bool wpool_unfork(wpool_job *self, wpool_job *child);

/* Unfork the child and run it if nobody has begun it; when this returns it has ended, and
   wpool_job_result tells how. Harmless for one that has ended. */
WPOOL_API void wpool_join(wpool_job *self, wpool_job *child);

/* The iterations [begin, end) of a loop; job can be asked wpool_cancelled. Not 0: ends the loop. */
typedef int (*wpool_body)(size_t begin, size_t end, void *arg, wpool_job *job);

/* Run body over all of [begin, end) in parallel, in chunks of grain iterations at most (0: so many
   that 8 to 64 chunks come to each worker), on the calling thread and every worker without work;
   return when all is done. From inside a job or from outside. The body must not leave by
   pthread_exit or longjmp. With WPOOL_HELP_ANY a worker that waits for a part runs other jobs
   meanwhile, and the loop waits for them: none of those may wait for this one to end.
   WPOOL_FAILED: a body returned an error. WPOOL_CANCELLED: the pool was stopped hot, or the job
   that calls was told to end. In both cases no further chunk was begun. */
WPOOL_API wpool_status wpool_for(wpool *pool, size_t begin, size_t end, size_t grain,
                                 wpool_body body, void *arg);

/* Fold the iterations [begin, end) into *partial, which begins as a copy of the result. */
typedef int (*wpool_fold)(size_t begin, size_t end, void *partial, void *arg, wpool_job *job);
/* Fold *from into *into. */
typedef void (*wpool_combine)(void *into, const void *from, void *arg);

/* Fold [begin, end) in parallel, in chunks of grain iterations (0: 256 chunks). *result, of size
   bytes, holds the neutral element at first, and everything at the end. The chunks are combined in
   order, so with the same grain the result is the same to the last bit, on however many workers.
   Allocates a partial result for each chunk; WPOOL_NO_MEMORY. Otherwise as wpool_for; *result is
   then as it was. */
WPOOL_API wpool_status wpool_reduce(wpool *pool, size_t begin, size_t end, size_t grain,
                                    wpool_fold fold, wpool_combine combine, void *arg, void *result,
                                    size_t size);

/* Call fn(element, job) for each of the count elements, of size bytes, of an array; as wpool_for.
   */
WPOOL_API wpool_status wpool_map(wpool *pool, void *array, size_t count, size_t size, size_t grain,
                                 wpool_fn fn);

/* What the inline forms of fork and unfork call. */
WPOOL_API int wpool__fork_run(void *arg, wpool_job *self);
WPOOL_API void wpool__fork_look(wpool_job *self, wpool_job *child);
WPOOL_API bool wpool__fork_take_back(wpool_job *self, wpool_job *child);

/* ---- watching ---- */

/* A consistent count of everything; see guarantee 1. Not WPOOL_OK: all 0. */
WPOOL_API wpool_status wpool_stats(wpool *pool, wpool_stats_snapshot *stats);

/* What each worker does at this moment: the first n of them; returns how many there are (inline:
   one, whoever drives). 0: a pool of another process, or NULL. infos may be NULL. May wait for a
   wpool_scale of another thread. */
WPOOL_API size_t wpool_workers(wpool *pool, wpool_worker_info *infos, size_t n);

/* Name, id and UUID of the pool. */
WPOOL_API wpool_status wpool_get_info(wpool *pool, wpool_info *info);

/* ---- misc ---- */

WPOOL_API const char *wpool_strerror(wpool_status status); /* a constant text, never NULL */
WPOOL_API unsigned wpool_version(void); /* WPOOL_VERSION of the implementation linked in */
WPOOL_API unsigned
wpool_cpus(void); /* CPUs this process may use: affinity, cgroup quota; reads files */
WPOOL_API unsigned wpool_io_workers(void); /* 10 per CPU: a start for jobs that mostly wait */

#ifdef __cplusplus
} /* extern "C" */

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#ifdef __GNUC__
#include <cxxabi.h>
#endif
/* A job function that may throw, made safe to hand to the pool: the exception fails the job with
   WPOOL_FAILED. wpool_submit(pool, wpool_guarded<my_job>, arg, NULL) */
template <int (*Function)(void *, wpool_job *)> int wpool_guarded(void *arg, wpool_job *job) {
    try {
        return Function(arg, job);
#ifdef __GLIBCXX__
    } catch (abi::__forced_unwind &) {
        throw; /* pthread_exit unwinds this way */
#endif
    } catch (...) {
        return WPOOL_FAILED;
    }
}
#endif
#endif /* __cplusplus */

#ifndef __cplusplus
/* ==== [atomics] ==================================================================================
   The only place that spells a memory order. An operation's name says its order; each use that is
   stronger than relaxed carries a label, [Q1] for one, that its partner carries too. What needs
   store-load order is sequentially consistent on both sides; but for [D5], where one side is far
   more frequent than the other. There a light fence, which only the compiler sees, meets a heavy
   one, which makes all threads of the process pass a full fence (membarrier on Linux; the idea of
   Dice, Huang and Yang, 2001). Where there is no such thing ([platform]), that way is not taken. */

#ifndef WPOOL_ATOMIC_LOAD
#include <stdatomic.h>
#define WPOOL_ATOMIC_LOAD(p, order) atomic_load_explicit(p, order)
#define WPOOL_ATOMIC_STORE(p, value, order) atomic_store_explicit(p, value, order)
#define WPOOL_ATOMIC_EXCHANGE(p, value, order) atomic_exchange_explicit(p, value, order)
#define WPOOL_ATOMIC_CAS(p, expected, value, order, failed) \
    atomic_compare_exchange_strong_explicit(p, expected, value, order, failed)
#define WPOOL_ATOMIC_ADD(p, value, order) atomic_fetch_add_explicit(p, value, order)
#define WPOOL_ATOMIC_SUB(p, value, order) atomic_fetch_sub_explicit(p, value, order)
#define WPOOL_ATOMIC_OR(p, value, order) atomic_fetch_or_explicit(p, value, order)
#define WPOOL_ATOMIC_AND(p, value, order) atomic_fetch_and_explicit(p, value, order)
#endif

#define wpool__load_relaxed(p) WPOOL_ATOMIC_LOAD(p, memory_order_relaxed)
#define wpool__load_acquire(p) WPOOL_ATOMIC_LOAD(p, memory_order_acquire)
#define wpool__load_seq_cst(p) WPOOL_ATOMIC_LOAD(p, memory_order_seq_cst)
#define wpool__store_relaxed(p, value) WPOOL_ATOMIC_STORE(p, value, memory_order_relaxed)
#define wpool__store_release(p, value) WPOOL_ATOMIC_STORE(p, value, memory_order_release)
#define wpool__store_seq_cst(p, value) WPOOL_ATOMIC_STORE(p, value, memory_order_seq_cst)
#define wpool__exchange_acquire(p, value) WPOOL_ATOMIC_EXCHANGE(p, value, memory_order_acquire)
#define wpool__exchange_acq_rel(p, value) WPOOL_ATOMIC_EXCHANGE(p, value, memory_order_acq_rel)
#define wpool__exchange_seq_cst(p, value) WPOOL_ATOMIC_EXCHANGE(p, value, memory_order_seq_cst)
#define wpool__cas_relaxed(p, expected, value) \
    WPOOL_ATOMIC_CAS(p, expected, value, memory_order_relaxed, memory_order_relaxed)
#define wpool__cas_acquire(p, expected, value) \
    WPOOL_ATOMIC_CAS(p, expected, value, memory_order_acquire, memory_order_relaxed)
#define wpool__cas_release(p, expected, value) \
    WPOOL_ATOMIC_CAS(p, expected, value, memory_order_release, memory_order_relaxed)
#define wpool__cas_acq_rel(p, expected, value) \
    WPOOL_ATOMIC_CAS(p, expected, value, memory_order_acq_rel, memory_order_acquire)
#define wpool__cas_seq_cst(p, expected, value) \
    WPOOL_ATOMIC_CAS(p, expected, value, memory_order_seq_cst, memory_order_acquire)
#define wpool__add_relaxed(p, value) WPOOL_ATOMIC_ADD(p, value, memory_order_relaxed)
#define wpool__add_seq_cst(p, value) WPOOL_ATOMIC_ADD(p, value, memory_order_seq_cst)
#define wpool__sub_acq_rel(p, value) WPOOL_ATOMIC_SUB(p, value, memory_order_acq_rel)
#define wpool__or_relaxed(p, value) WPOOL_ATOMIC_OR(p, value, memory_order_relaxed)
#define wpool__or_seq_cst(p, value) WPOOL_ATOMIC_OR(p, value, memory_order_seq_cst)
#define wpool__and_relaxed(p, value) WPOOL_ATOMIC_AND(p, value, memory_order_relaxed)
#define wpool__and_acq_rel(p, value) WPOOL_ATOMIC_AND(p, value, memory_order_acq_rel)
#define wpool__and_seq_cst(p, value) WPOOL_ATOMIC_AND(p, value, memory_order_seq_cst)
#ifndef WPOOL_LIGHT_FENCE
#define WPOOL_LIGHT_FENCE() atomic_signal_fence(memory_order_seq_cst)
#endif

/* ==== [fork] =====================================================================================
   The owner's end of a worker's deque, so far that fork and unfork are a few instructions in their
   callers; the rest of them is in [deque] and [parallel]. */

/* A queued call: all that queue, deque and the worker's loop know of a job. */
typedef struct wpool__cell {
    WPOOL_ATOMIC(wpool_fn) fn;
    WPOOL_ATOMIC(void *) arg;
} wpool__cell;

/* Its invariants are the deque's. */
typedef struct wpool__forks {
    WPOOL_ATOMIC(int64_t) bottom; /* written by the owner only */
    WPOOL_ATOMIC(int64_t) guard;
    WPOOL_ATOMIC(int64_t) limit; /* a fork at or above it looks around; 0: somebody wants work */
    int64_t mask;                /* these two: the owner's only */
    wpool__cell *cells;
} wpool__forks;

#if defined(__GNUC__) || defined(__clang__)
#define WPOOL__LIKELY(c) __builtin_expect(!!(c), 1)
#define WPOOL__NOINLINE \
    __attribute__((noinline)) /* into what setjmp, as in cleanups, would upset */
#else
#define WPOOL__LIKELY(c) (c)
#define WPOOL__NOINLINE
#endif

static inline void wpool__fork_push(wpool_job *self, wpool_job *child, wpool_fn fn, void *arg) {
    wpool__forks *forks = self->forks;
    int64_t bottom = wpool__load_relaxed(&forks->bottom); /* relaxed: only the owner writes it */
    wpool__cell *cell = &forks->cells[bottom & forks->mask];
    child->fn = fn;
    child->arg = arg;
    child->told = self->told;
    /* relaxed, these: bottom publishes them, and thieves of an older cell fail their claim */
    wpool__store_relaxed(&child->state, (uint32_t)WPOOL_STATE_WAITING);
    wpool__store_relaxed(&cell->fn, wpool__fork_run);
    wpool__store_relaxed(&cell->arg, child);
    wpool__store_release(&forks->bottom, bottom + 1); /* [D1] hands the child over to thieves */
    WPOOL_LIGHT_FENCE();                              /* [D5] before the look at limit */
    /* relaxed: the fence, and there the look is repeated */
    if (!WPOOL__LIKELY(bottom < wpool__load_relaxed(&forks->limit))) wpool__fork_look(self, child);
}

/* Lowers bottom to a call. True: it is private, so the owner has it; else thieves may be after it.
   */
static inline bool wpool__fork_lower(wpool__forks *forks, int64_t bottom) {
    /* [D1] release: a thief may read this value in place of push's */
    wpool__store_release(&forks->bottom, bottom);
    WPOOL_LIGHT_FENCE();                                 /* [D5] before the look at guard */
    return bottom >= wpool__load_relaxed(&forks->guard); /* relaxed: the fence */
}

static inline bool wpool__fork_pop(wpool_job *self, wpool_job *child) {
    wpool__forks *forks = self->forks;
    int64_t bottom =
        wpool__load_relaxed(&forks->bottom) - 1; /* relaxed: only the owner writes it */
    /* relaxed: only the owner writes cells */
    if (WPOOL__LIKELY(wpool__load_relaxed(&forks->cells[bottom & forks->mask].arg) == child)) {
        if (WPOOL__LIKELY(wpool__fork_lower(forks, bottom))) return true;
        wpool__store_release(&forks->bottom, bottom + 1); /* [D1] as it was */
    }
    return wpool__fork_take_back(self, child);
}

/* The functions are there as well, for other languages and for pointers to them. */
#define wpool_fork(self, child, fn, arg) wpool__fork_push(self, child, fn, arg)
#define wpool_unfork(self, child) wpool__fork_pop(self, child)

#endif /* __cplusplus */

#endif /* WPOOL_H */

#if defined(WPOOL_IMPLEMENTATION) && !defined(WPOOL_IMPLEMENTATION_DONE)
#define WPOOL_IMPLEMENTATION_DONE
#ifdef __cplusplus
#error "wpool.h: put WPOOL_IMPLEMENTATION into a .c file, the implementation is C11"
#endif

#ifndef WPOOL_ASSERT
#include <assert.h>
#define WPOOL_ASSERT(c) assert(c)
#endif
#ifndef WPOOL_DEBUG
#define WPOOL_DEBUG 0
#endif
#ifndef WPOOL_CACHE_LINE
#if defined(__APPLE__) && defined(__aarch64__)
#define WPOOL_CACHE_LINE 128
#else
#define WPOOL_CACHE_LINE 64
#endif
#endif
#ifndef WPOOL_QUEUE_CAPACITY
#define WPOOL_QUEUE_CAPACITY 1024
#endif
#ifndef WPOOL_BATCH
#define WPOOL_BATCH 64
#endif
#ifndef WPOOL_DEQUE_SIZE
#define WPOOL_DEQUE_SIZE 64
#endif
#ifndef WPOOL_RECORDS
#define WPOOL_RECORDS 64
#endif
#ifndef WPOOL_GUESTS
#define WPOOL_GUESTS 4
#endif
#ifndef WPOOL_PATIENCE
#define WPOOL_PATIENCE 256
#endif
#ifndef WPOOL_FAIR_TICKS
#define WPOOL_FAIR_TICKS 64
#endif
#ifndef WPOOL_SPINS
#define WPOOL_SPINS 200
#endif
#ifndef WPOOL_YIELDS
#define WPOOL_YIELDS 16
#endif
#ifndef WPOOL_SHORT_SLEEP
#define WPOOL_SHORT_SLEEP 50000
#endif
#ifndef WPOOL_THREAD_LOCAL
#ifdef WPOOL_NO_THREADS
#define WPOOL_THREAD_LOCAL
#else
#define WPOOL_THREAD_LOCAL _Thread_local
#endif
#endif

_Static_assert((WPOOL_DEQUE_SIZE & (WPOOL_DEQUE_SIZE - 1)) == 0, "a power of two");
_Static_assert(WPOOL_DEQUE_SIZE >= WPOOL_BATCH, "a batch fits into an empty deque");
_Static_assert(WPOOL_GUESTS >= 1 && WPOOL_GUESTS <= 32, "bits of a word");
_Static_assert(WPOOL_FAIR_TICKS >= WPOOL_BATCH, "a batch is run in order");
_Static_assert(WPOOL_RECORDS >= 1 && WPOOL_RECORDS <= 64, "the places of records fit into an id");

/* ==== [platform] =================================================================================
   What differs between systems: threads, names, signals, processors, clock, random bytes,
   descriptors, fork. Linux has its own way for some of it; the rest is POSIX. A file of yours can
   stand in for the whole room (WPOOL_PLATFORM): the same names for another system, or for a
   checker. */
#ifndef WPOOL_CORE_ONLY
#ifdef WPOOL_PLATFORM
#include WPOOL_PLATFORM
#else

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifndef WPOOL_NO_THREADS
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#endif
#if defined(__linux__) && !defined(WPOOL_NO_EVENTFD)
#include <sys/eventfd.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#if !defined(CLOCK_MONOTONIC) || (defined(__GLIBC__) && !defined(__USE_MISC))
#error \
    "wpool.h: include it before the system's headers, or define _GNU_SOURCE (WPOOL_IMPLEMENTATION)"
#endif

#ifndef WPOOL_CLOCK
#define WPOOL_CLOCK() wpool__platform_clock()
static int64_t wpool__platform_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}
#endif

#ifndef WPOOL_SYSTEM_ROOT
#define WPOOL_SYSTEM_ROOT "" /* a test puts a tree of its own here */
#endif

#ifdef WPOOL_NO_THREADS
/* Sleeps until then; not if that never comes. */
static void wpool__platform_nap(int64_t deadline) {
    int64_t left = deadline == INT64_MAX ? 0 : deadline - WPOOL_CLOCK();
    if (left <= 0) return;
    struct timespec t;
    t.tv_sec = (time_t)(left / INT64_C(1000000000));
    t.tv_nsec = (long)(left % INT64_C(1000000000));
    nanosleep(&t, NULL);
}
#endif

#define WPOOL__CPU_WORDS 128 /* of a CPU mask: 8192 CPUs where a long has 64 bits */

/* The CPUs that the affinity mask allows, as bits; returns how many. */
static unsigned wpool__platform_affinity(unsigned long mask[WPOOL__CPU_WORDS]) {
    unsigned count = 0;
    memset(mask, 0, WPOOL__CPU_WORDS * sizeof *mask);
#if defined(__linux__)
    if (syscall(SYS_sched_getaffinity, 0, WPOOL__CPU_WORDS * sizeof *mask, mask) > 0)
        for (size_t i = 0; i < WPOOL__CPU_WORDS; i++)
            for (unsigned long bits = mask[i]; bits; bits &= bits - 1)
                count++;
#endif
    if (count == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        count = online > 0 ? (unsigned)online : 1;
    }
    return count;
}

#ifdef __linux__
/* The number in a small file, or -1; *second gets the one after it, or -1. "max" counts as none. */
static long long wpool__platform_read(const char *directory, const char *file, long long *second) {
    char path[4608];
    long long first = -1;
    *second = -1;
    snprintf(path, sizeof path, "%s/%s", directory, file);
    FILE *f = fopen(path, "re");
    if (!f) return -1;
    if (fscanf(f, "%lld %lld", &first, second) < 1) first = -1;
    fclose(f);
    return first;
}

/* The number after a word of a file below the root; -1: not there. */
static double wpool__platform_find(const char *file, const char *word) {
    char line[4608];
    double number = -1;
    snprintf(line, sizeof line, "%s%s", WPOOL_SYSTEM_ROOT, file);
    FILE *f = fopen(line, "re");
    while (f && number < 0 && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, word);
        if (at) number = strtod(at + strlen(word), NULL);
    }
    if (f) fclose(f);
    return number;
}

/* Memory of the process, in bytes; 0: not known. */
static uint64_t wpool__platform_rss(void) {
    long long pages = -1;
    char directory[4096];
    snprintf(directory, sizeof directory, "%s/proc/self", WPOOL_SYSTEM_ROOT);
    wpool__platform_read(directory, "statm", &pages);
    return pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Percent of the system's memory that are in use; 0: not known. */
static double wpool__platform_memory(void) {
    double total = wpool__platform_find("/proc/meminfo", "MemTotal:");
    double available = wpool__platform_find("/proc/meminfo", "MemAvailable:");
    return total > 0 && available >= 0 ? 100 - 100 * available / total : 0;
}

/* Percent of the last ten seconds in which something waited for a processor; 0: not known. */
static double wpool__platform_pressure(void) {
    double percent = wpool__platform_find("/proc/pressure/cpu", "some avg10=");
    return percent > 0 ? percent : 0;
}

/* CPUs, rounded up, that one control group's directory allows; 0: as many as there are. */
static unsigned wpool__platform_quota(const char *directory, bool is_v2) {
    long long period, none, quota;
    if (is_v2) {
        quota = wpool__platform_read(directory, "cpu.max", &period);
    } else {
        quota = wpool__platform_read(directory, "cpu.cfs_quota_us", &none);
        period = wpool__platform_read(directory, "cpu.cfs_period_us", &none);
    }
    if (quota <= 0 || period <= 0) return 0;
    long long cpus = quota / period + (quota % period != 0);
    return cpus < INT_MAX ? (unsigned)cpus : 0;
}

/* Is word one of the comma-separated ones in list? */
static bool wpool__platform_lists(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *p = list; p; p = strchr(p, ',')) {
        if (*p == ',') p++;
        if (strncmp(p, word, length) == 0 && (p[length] == ',' || p[length] == '\0')) return true;
    }
    return false;
}

/* Where the group `path` of the cpu controller is mounted: directory and the mount point's length.
   A line is "id parent device root mountpoint options... - type source superoptions". */
static bool wpool__platform_mount(const char *path, bool is_v2, char directory[4096], size_t *top) {
    char file[256], line[4096], root[1024], point[1024], type[64], super[1024];
    bool found = false;
    snprintf(file, sizeof file, "%s/proc/self/mountinfo", WPOOL_SYSTEM_ROOT);
    FILE *f = fopen(file, "re");
    if (!f) return false;
    while (fgets(line, sizeof line, f)) {
        const char *tail = strstr(line, " - ");
        if (!tail || sscanf(tail, " - %63s %*s %1023s", type, super) != 2) continue;
        if (sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) != 2) continue;
        if (is_v2 ? strcmp(type, "cgroup2") : strcmp(type, "cgroup")) continue;
        if (!is_v2 && !wpool__platform_lists(super, "cpu")) continue;
        size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
        bool is_below = strncmp(path, root, skip) == 0 && (!path[skip] || path[skip] == '/');
        if (found && !is_below) continue; /* the first one will do if none holds the group */
        const char *below = is_below ? path + skip : "";
        snprintf(directory, 4096, "%s%s%s", WPOOL_SYSTEM_ROOT, point, below);
        *top = strlen(WPOOL_SYSTEM_ROOT) + strlen(point);
        found = true;
        if (is_below) break;
    }
    fclose(f);
    return found;
}

/* The smallest quota from the group `path` up to its mount point; 0: none. */
static unsigned wpool__platform_quota_above(const char *path, bool is_v2) {
    char directory[4096];
    size_t top;
    unsigned least = 0;
    if (!wpool__platform_mount(path, is_v2, directory, &top)) return 0;
    for (;;) {
        unsigned quota = wpool__platform_quota(directory, is_v2);
        if (quota && (least == 0 || quota < least)) least = quota;
        char *slash = strrchr(directory, '/');
        if (!slash || (size_t)(slash - directory) < top) return least;
        *slash = '\0';
    }
}

/* CPUs that the process's control groups allow, v1 and v2; 0: no limit. */
static unsigned wpool__platform_cgroup(void) {
    char file[256], line[4096];
    unsigned least = 0;
    snprintf(file, sizeof file, "%s/proc/self/cgroup", WPOOL_SYSTEM_ROOT);
    FILE *f = fopen(file, "re");
    if (!f) return 0;
    while (fgets(line, sizeof line, f)) { /* "id:controllers:path", no controllers: v2 */
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        controllers++;
        bool is_v2 = *controllers == '\0';
        if (!is_v2 && !wpool__platform_lists(controllers, "cpu")) continue;
        unsigned quota = wpool__platform_quota_above(path, is_v2);
        if (quota && (least == 0 || quota < least)) least = quota;
    }
    fclose(f);
    return least;
}
#endif

static unsigned wpool__platform_cpus(void) {
    unsigned long mask[WPOOL__CPU_WORDS];
    unsigned count = wpool__platform_affinity(mask);
#ifdef __linux__
    unsigned quota = wpool__platform_cgroup();
    if (quota && quota < count) count = quota;
#endif
    return count;
}

/* A full fence in every thread of the process; false: there is none to be had. After
   wpool__platform_has_fence() was true once. */
#if defined(WPOOL_NO_THREADS)
#define WPOOL_HEAVY_FENCE() ((void)0)
static bool wpool__platform_has_fence(void) { return true; }
#elif defined(__linux__) && defined(SYS_membarrier) && !defined(WPOOL_NO_MEMBARRIER)
#define WPOOL_HEAVY_FENCE() ((void)syscall(SYS_membarrier, 8 /* private, expedited */, 0, 0))
static bool wpool__platform_has_fence(void) {
    return syscall(SYS_membarrier, 16 /* register for that */, 0, 0) == 0;
}
#else
static bool wpool__platform_has_fence(void) { return false; }
#endif

/* Fills bytes from the system's generator, or from clock and address where there is none. */
static void wpool__platform_random(unsigned char *bytes, size_t n) {
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, bytes, n) : -1;
    if (fd >= 0) close(fd);
    uint64_t x = (uint64_t)WPOOL_CLOCK() ^ (uint64_t)(uintptr_t)bytes;
    for (size_t i = got > 0 ? (size_t)got : 0; i < n; i++) { /* splitmix64 (Steele et al., 2014) */
        uint64_t z = x += UINT64_C(0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        bytes[i] = (unsigned char)(z >> 56);
    }
}

/* A descriptor that is readable while a token is in it: an eventfd, or else a pipe. False: there is
   none to be had. */
static bool wpool__token_open(int ends[2]) {
#if defined(__linux__) && !defined(WPOOL_NO_EVENTFD)
    ends[0] = ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ends[0] >= 0;
#else
    if (pipe(ends) != 0) return false;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    return true;
#endif
}

static void wpool__token_put(const int ends[2]) {
    const uint64_t one = 1;
    while (write(ends[1], &one, sizeof one) < 0 && errno == EINTR) {
    }
}

/* Takes it out. False: it is not in there. */
static bool wpool__token_get(const int ends[2]) {
    uint64_t one;
    ssize_t got;
    do {
        got = read(ends[0], &one, sizeof one);
    } while (got < 0 && errno == EINTR);
    return got > 0;
}

static void wpool__token_close(const int ends[2]) {
    close(ends[0]);
    if (ends[1] != ends[0]) close(ends[1]);
}

static long wpool__platform_process(void) { return (long)getpid(); }

/* Tells the process that made it from one that inherited it: a page that fork() wipes costs one
   load to ask; where there is none, the process id is compared. */
typedef struct wpool__guard {
    unsigned char *page; /* [0] is 1 here and 0 in a child; NULL: use pid */
    long pid;
} wpool__guard;

static void wpool__guard_init(wpool__guard *guard) {
    guard->page = NULL;
    guard->pid = wpool__platform_process();
#ifdef __linux__
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
        munmap(page, size);
        return;
    }
    guard->page = (unsigned char *)page;
    guard->page[0] = 1;
#endif
}

static bool wpool__guard_is_home(const wpool__guard *guard) {
    return guard->page ? guard->page[0] != 0 : guard->pid == wpool__platform_process();
}

static void wpool__guard_free(wpool__guard *guard) {
#ifdef __linux__
    if (guard->page) munmap(guard->page, (size_t)sysconf(_SC_PAGESIZE));
#endif
    guard->page = NULL;
}

#ifndef WPOOL_NO_THREADS
typedef pthread_t wpool__thread;

#ifndef WPOOL_THREAD_START /* true: the thread runs start(arg) */
#define WPOOL_THREAD_START(thread, attr, start, arg) \
    (pthread_create((thread), (attr), (start), (arg)) == 0)
#define WPOOL_THREAD_JOIN(thread) pthread_join((thread), NULL)
#endif

/* Undo something if the thread leaves by pthread_exit in between, or also when it does not; used in
   pairs, as a block. */
#ifndef WPOOL_CLEANUP_PUSH
#define WPOOL_CLEANUP_PUSH(undo, arg) pthread_cleanup_push((undo), (arg))
#define WPOOL_CLEANUP_POP(also_now) pthread_cleanup_pop(also_now)
#endif

/* Starts a thread that takes no signals but those its own instructions raise, and SIGPROF. */
static bool wpool__thread_start(wpool__thread *thread, void *(*start)(void *), void *arg,
                                size_t stack_size) {
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF};
    sigset_t all, before;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) return false;
    if (stack_size) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE), least = (size_t)PTHREAD_STACK_MIN;
        stack_size = ((stack_size < least ? least : stack_size) + page - 1) / page * page;
    }
    bool ok = stack_size == 0 || pthread_attr_setstacksize(&attr, stack_size) == 0;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = ok && WPOOL_THREAD_START(thread, &attr, start, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return ok;
}

static void wpool__thread_join(wpool__thread thread) { WPOOL_THREAD_JOIN(thread); }
static wpool__thread wpool__thread_self(void) { return pthread_self(); }

/* "name-which" for the calling thread; the system keeps 15 characters, so name is cut, not which.
   */
static void wpool__thread_name(const char *name, const char *which) {
    char text[32];
    snprintf(text, sizeof text, "%.*s-%.8s", 14 - (int)strlen(which), name, which);
#if defined(__linux__)
    prctl(PR_SET_NAME, text, 0, 0, 0);
#elif defined(__APPLE__)
    pthread_setname_np(text);
#endif
}

static void wpool__signal_ignore(int signal) { (void)signal; }

/* Can threads be interrupted by it? */
static bool wpool__signal_is_fit(int signal) {
    struct sigaction action;
    return signal > 0 && signal != SIGKILL && signal != SIGSTOP &&
           sigaction(signal, NULL, &action) == 0;
}

/* Gives it a handler, unless it has one: system calls are to return EINTR, not to begin again. */
static void wpool__signal_handle(int signal) {
    struct sigaction action;
    if (sigaction(signal, NULL, &action) != 0 || action.sa_flags & SA_SIGINFO) return;
    if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) return;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = wpool__signal_ignore;
    sigaction(signal, &action, NULL);
}

/* Lets the calling thread be interrupted by it. */
static void wpool__thread_admit(int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void wpool__thread_interrupt(wpool__thread thread, int signal) {
    pthread_kill(thread, signal);
}

/* Binds the calling thread to the index-th allowed CPU, counting round. */
static void wpool__thread_pin(unsigned index) {
#ifdef __linux__
    unsigned long mask[WPOOL__CPU_WORDS], one[WPOOL__CPU_WORDS] = {0};
    const unsigned word_bits = 8 * sizeof *mask;
    unsigned left = index % wpool__platform_affinity(mask);
    for (unsigned cpu = 0; cpu < WPOOL__CPU_WORDS * word_bits; cpu++) {
        unsigned long bit = 1ul << (cpu % word_bits);
        if (!(mask[cpu / word_bits] & bit) || left-- != 0) continue;
        one[cpu / word_bits] = bit;
        syscall(SYS_sched_setaffinity, 0, sizeof one, one);
        return;
    }
#else
    (void)index;
#endif
}
#else
#define WPOOL_CLEANUP_PUSH(undo, arg)         \
    {                                         \
        void (*wpool__undo)(void *) = (undo); \
        void *wpool__undo_arg = (arg);
#define WPOOL_CLEANUP_POP(also_now)             \
    if (also_now) wpool__undo(wpool__undo_arg); \
    }
#endif /* WPOOL_NO_THREADS */
#endif /* WPOOL_PLATFORM */
#endif /* WPOOL_CORE_ONLY */

/* ==== [parking] ==================================================================================
   A thread sleeps on a 32-bit word while the word has the value that the thread saw, and somebody
   who changes the word wakes it. On Linux that is a futex; elsewhere a bucket of a small table of
   mutexes and conditions, chosen by the word's address: the lot. Made of it: a lock and an event.
   */

#define WPOOL__NEVER INT64_MAX /* a deadline that does not come; 0 is one that has passed */

#ifdef WPOOL_CORE_ONLY
typedef char wpool__lot;
#elif defined(WPOOL_NO_THREADS) /* nobody else could change the word: only the time counts */
typedef char wpool__lot;
#define WPOOL_PARK(lot, word, value, deadline) \
    ((void)(lot), (void)(word), (void)(value), wpool__platform_nap(deadline))
#define WPOOL_UNPARK(lot, word, count) ((void)(lot), (void)(word))
#elif defined(WPOOL_PARK)
typedef char wpool__lot;
#elif defined(__linux__) && !defined(WPOOL_NO_FUTEX)
typedef char wpool__lot;
#define WPOOL_PARK(lot, word, value, deadline) \
    ((void)(lot), wpool__futex_wait(word, value, deadline))
#define WPOOL_UNPARK(lot, word, count) ((void)(lot), wpool__futex_wake(word, count))

static long wpool__futex(void *word, int op, uint32_t value, struct timespec *until) {
    long number = SYS_futex; /* the one that takes this program's struct timespec */
#ifdef SYS_futex_time64
    if (sizeof until->tv_sec > sizeof(long)) number = SYS_futex_time64;
#endif
    return syscall(number, word, op | 128 /* private */, value, until, NULL, 0xFFFFFFFFu);
}

static void wpool__futex_wait(WPOOL_ATOMIC(uint32_t) * word, uint32_t value, int64_t deadline) {
    struct timespec until;
    until.tv_sec = (time_t)(deadline / INT64_C(1000000000));
    until.tv_nsec = (long)(deadline % INT64_C(1000000000));
    wpool__futex(word, 9 /* wait bitset: absolute, monotonic */, value,
                 deadline == WPOOL__NEVER ? NULL : &until);
}

static void wpool__futex_wake(WPOOL_ATOMIC(uint32_t) * word, int count) {
    wpool__futex(word, 1 /* wake */, (uint32_t)count, NULL);
}
#else
#define WPOOL__BUCKETS 16
typedef struct wpool__lot {
    struct {
        pthread_mutex_t mutex; /* a word changes without it, but nobody is woken without it */
        pthread_cond_t changed;
    } buckets[WPOOL__BUCKETS];
    unsigned made;
} wpool__lot;
#define WPOOL__LOT_HAS_BUCKETS
#define WPOOL_PARK(lot, word, value, deadline) wpool__lot_wait(lot, word, value, deadline)
#define WPOOL_UNPARK(lot, word, count) ((void)(count), wpool__lot_wake(lot, word))

static unsigned wpool__lot_bucket(const void *word) {
    return (unsigned)(((uintptr_t)word >> 4) * 31 % WPOOL__BUCKETS);
}

static void wpool__lot_wait(wpool__lot *lot, WPOOL_ATOMIC(uint32_t) * word, uint32_t value,
                            int64_t deadline) {
    unsigned b = wpool__lot_bucket(word);
    struct timespec until;
    pthread_mutex_lock(&lot->buckets[b].mutex);
    /* relaxed: the mutex orders it with the waker, who changed the word before taking the mutex */
    if (wpool__load_relaxed(word) != value) {
        /* changed meanwhile */
    } else if (deadline == WPOOL__NEVER) {
        pthread_cond_wait(&lot->buckets[b].changed, &lot->buckets[b].mutex);
    } else {
#ifdef __APPLE__
        deadline -= WPOOL_CLOCK();
        if (deadline < 0) deadline = 0;
#endif
        until.tv_sec = (time_t)(deadline / INT64_C(1000000000));
        until.tv_nsec = (long)(deadline % INT64_C(1000000000));
#ifdef __APPLE__
        pthread_cond_timedwait_relative_np(&lot->buckets[b].changed, &lot->buckets[b].mutex,
                                           &until);
#else
        pthread_cond_timedwait(&lot->buckets[b].changed, &lot->buckets[b].mutex, &until);
#endif
    }
    pthread_mutex_unlock(&lot->buckets[b].mutex);
}

/* Wakes all in the bucket: words share it. */
static void wpool__lot_wake(wpool__lot *lot, const void *word) {
    unsigned b = wpool__lot_bucket(word);
    pthread_mutex_lock(&lot->buckets[b].mutex);
    pthread_cond_broadcast(&lot->buckets[b].changed);
    pthread_mutex_unlock(&lot->buckets[b].mutex);
}
#endif

#ifndef WPOOL_CORE_ONLY
static void wpool__lot_free(wpool__lot *lot) {
#ifdef WPOOL__LOT_HAS_BUCKETS
    while (lot->made > 0) {
        lot->made--;
        pthread_mutex_destroy(&lot->buckets[lot->made].mutex);
        pthread_cond_destroy(&lot->buckets[lot->made].changed);
    }
#else
    (void)lot;
#endif
}

/* False: the system has no more mutexes or conditions; free what was made. */
static bool wpool__lot_init(wpool__lot *lot) {
#ifdef WPOOL__LOT_HAS_BUCKETS
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0) return false;
#ifndef __APPLE__
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    for (lot->made = 0; lot->made < WPOOL__BUCKETS; lot->made++) {
        if (pthread_mutex_init(&lot->buckets[lot->made].mutex, NULL) != 0) break;
        if (pthread_cond_init(&lot->buckets[lot->made].changed, &attr) != 0) {
            pthread_mutex_destroy(&lot->buckets[lot->made].mutex);
            break;
        }
    }
    pthread_condattr_destroy(&attr);
    return lot->made == WPOOL__BUCKETS;
#else
    (void)lot;
    return true;
#endif
}

/* So much later, or never. */
static int64_t wpool__time_after(int64_t time, int64_t span) {
    return span >= WPOOL__NEVER - time ? WPOOL__NEVER : time + span;
}

/* The moment that is timeout from now. */
static int64_t wpool__deadline(int64_t timeout) {
    if (timeout < 0) return WPOOL__NEVER;
    return timeout == 0 ? 0 : wpool__time_after(WPOOL_CLOCK(), timeout);
}

static bool wpool__is_past(int64_t deadline) {
    return deadline != WPOOL__NEVER && (deadline == 0 || WPOOL_CLOCK() >= deadline);
}
#endif

#ifndef WPOOL_PAUSE
#if defined(__x86_64__) || defined(__i386__)
#define WPOOL_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__) || defined(__ARM_ARCH_7A__)
#define WPOOL_PAUSE() __asm__ volatile("yield")
#else
#define WPOOL_PAUSE() ((void)0)
#endif
#endif
#ifndef WPOOL_YIELD
#ifdef WPOOL_NO_THREADS
#define WPOOL_YIELD() ((void)0)
#else
#define WPOOL_YIELD() ((void)sched_yield())
#endif
#endif

/* Passes a moment between two looks at something that somebody else is about to change: pauses
   first, then lends the CPU. False: that was enough, sleep instead. */
static bool wpool__spin(unsigned *round) {
    const unsigned spins = WPOOL_SPINS, enough = spins + WPOOL_YIELDS;
    if (*round >= enough) return false;
    if ((*round)++ < spins) {
        WPOOL_PAUSE();
    } else {
        WPOOL_YIELD();
    }
    return true;
}

/* The same where there is nothing to sleep on, because the other is between two instructions. */
static void wpool__spin_on(unsigned *round) {
    if (!wpool__spin(round)) WPOOL_YIELD();
}

/* A lock for what is rare (a table grows, a reader moves results). The word: 0 free, 1 taken,
   2 taken and somebody may sleep; legal to be 2 with no sleeper, illegal to be 1 with one.
   (Drepper, Futexes Are Tricky, 2011, mutex 2.) */
typedef struct wpool__lock {
    WPOOL_ATOMIC(uint32_t) word;
} wpool__lock;

static bool wpool__lock_try(wpool__lock *lock) {
    uint32_t free = 0;
    /* [L1] acquires what the last holder left */
    return wpool__cas_acquire(&lock->word, &free, 1);
}

static bool wpool__lock_is_free(wpool__lock *lock) {
    return wpool__load_seq_cst(&lock->word) ==
           0; /* [E1] a waiter's look after it announced itself */
}

static void wpool__lock_take(wpool__lot *lot, wpool__lock *lock) {
    if (wpool__lock_try(lock)) return;
    /* [L1] as in try */
    while (wpool__exchange_acquire(&lock->word, 2) != 0)
        WPOOL_PARK(lot, &lock->word, 2, WPOOL__NEVER);
}

static void wpool__lock_release(wpool__lot *lot, wpool__lock *lock) {
    /* [L1] hands over to the next try or take; [E1] and before the driver's look for waiters */
    if (wpool__exchange_seq_cst(&lock->word, 0) == 2) WPOOL_UNPARK(lot, &lock->word, 1);
}

/* Threads sleep until a condition that others make true:
       to wait:  epoch = announce(e); if the condition holds, done; sleep(e, epoch); again
       to wake:  make the condition true; notify(e, how many)
   waiters counts announcements that nobody has answered. A notifier answers by taking some out of
   the count; nobody else lowers it, so it may be too high (one futile wake), never too low. */
typedef struct wpool__event {
    WPOOL_ATOMIC(uint32_t) epoch; /* changed by each notify: who saw the old one does not sleep */
    WPOOL_ATOMIC(uint32_t) waiters;
} wpool__event;

static uint32_t wpool__event_announce(wpool__event *event) {
    /* relaxed: if it is old, the sleep ends at once */
    uint32_t epoch = wpool__load_relaxed(&event->epoch);
    /* [E1] before the waiter's last look at the condition; the notifier reads it after its change
       */
    wpool__add_seq_cst(&event->waiters, 1);
    return epoch;
}

static void wpool__event_sleep(wpool__lot *lot, wpool__event *event, uint32_t epoch,
                               int64_t deadline) {
    WPOOL_PARK(lot, &event->epoch, epoch, deadline);
}

static bool wpool__event_has_waiters(wpool__event *event) {
    /* [E1] after the caller's change, which is sequentially consistent too */
    return wpool__load_seq_cst(&event->waiters) != 0;
}

static void wpool__event_notify(wpool__lot *lot, wpool__event *event, uint32_t count) {
    /* [E1] as in has_waiters */
    uint32_t waiters = wpool__load_seq_cst(&event->waiters);
    for (;;) {
        if (waiters == 0) return;
        uint32_t answered = count < waiters ? count : waiters;
        /* relaxed: only the count itself */
        if (wpool__cas_relaxed(&event->waiters, &waiters, waiters - answered)) break;
    }
    /* relaxed: the futex orders a change of the word with the comparison by the one going to sleep
       */
    wpool__add_relaxed(&event->epoch, 1);
    WPOOL_UNPARK(lot, &event->epoch, count < INT32_MAX ? (int)count : INT32_MAX);
}

static void wpool__event_notify_all(wpool__lot *lot, wpool__event *event) {
    wpool__event_notify(lot, event, UINT32_MAX);
}

/* A descriptor for poll, readable while the bell is up. It is up when a token is in the descriptor,
   or in the hands of who raised it and is about to put it there; there is never more than one.
       to wait:  poll; if the condition does not hold, lower(b), and if it was up look once more
       to wake:  make the condition true; ring(b)
   Who lowers it and finds the condition true after all rings it for the others. */
enum { WPOOL__BELL_NONE, WPOOL__BELL_DOWN, WPOOL__BELL_UP };

typedef struct wpool__bell {
    WPOOL_ATOMIC(uint32_t) state;
    int ends[2]; /* the descriptor, unless there is none */
} wpool__bell;

#if !defined(WPOOL_TOKEN_PUT) && !defined(WPOOL_CORE_ONLY)
#define WPOOL_TOKEN_PUT(ends) wpool__token_put(ends)
#define WPOOL_TOKEN_GET(ends) wpool__token_get(ends)
#define WPOOL_TOKEN_OPEN(ends) wpool__token_open(ends)
#define WPOOL_TOKEN_CLOSE(ends) wpool__token_close(ends)
#endif

#ifdef WPOOL_TOKEN_PUT
/* Could it be rung? */
static bool wpool__bell_is_down(wpool__bell *bell) {
    /* [E1] after the caller's change, before the look of who lowers it; [B1] the descriptor */
    return wpool__load_seq_cst(&bell->state) == WPOOL__BELL_DOWN;
}

static void wpool__bell_ring(wpool__bell *bell) {
    uint32_t down = WPOOL__BELL_DOWN;
    if (!wpool__bell_is_down(bell)) return;
    /* relaxed: who lowers it needs the token, and looks again after that */
    if (wpool__cas_relaxed(&bell->state, &down, WPOOL__BELL_UP)) WPOOL_TOKEN_PUT(bell->ends);
}

static void wpool__bell_free(wpool__bell *bell) {
    /* relaxed: no other thread any more */
    if (wpool__load_relaxed(&bell->state) != WPOOL__BELL_NONE) WPOOL_TOKEN_CLOSE(bell->ends);
}

/* True: it was up, so the caller looks at the condition again. */
static bool wpool__bell_lower(wpool__bell *bell) {
    /* [B1] the descriptor; up or not, who has the token is the only one who may lower it */
    if (wpool__load_acquire(&bell->state) != WPOOL__BELL_UP) return false;
    if (!WPOOL_TOKEN_GET(bell->ends)) return false;
    /* [E1] before the caller's next look */
    wpool__store_seq_cst(&bell->state, WPOOL__BELL_DOWN);
    return true;
}
#endif

/* ==== [memory] ===================================================================================
   Arrays, zeroed, on a cache line of their own, from the pool's allocator or the default one. */

#ifndef WPOOL_CALLOC
#define WPOOL_CALLOC(size) calloc(1, size)
#define WPOOL_FREE(ptr) free(ptr)
#elif !defined(WPOOL_FREE)
#error "wpool.h: define WPOOL_CALLOC and WPOOL_FREE together"
#endif

/* What stands right before an array. */
typedef struct wpool__block {
    void *start; /* of what the allocator gave */
    size_t size;
} wpool__block;

/* count elements of size bytes; NULL: too large, or none left. allocator NULL: the default one. */
static void *wpool__memory_alloc(const wpool_allocator *allocator, size_t count, size_t size) {
    const size_t extra = sizeof(wpool__block) + WPOOL_CACHE_LINE;
    if (size != 0 && count > (SIZE_MAX / 2 - extra) / size) return NULL;
    size_t total = count * size + extra;
    unsigned char *start =
        allocator ? allocator->alloc(total, allocator->user) : WPOOL_CALLOC(total);
    if (!start) return NULL;
    if (allocator)
        for (size_t i = 0; i < total; i++)
            start[i] = 0;
    size_t offset = extra - (uintptr_t)(start + extra) % WPOOL_CACHE_LINE;
    unsigned char *array = start + offset;
    wpool__block *block = (wpool__block *)(void *)(array - sizeof(wpool__block));
    block->start = start;
    block->size = total;
    return array;
}

static void wpool__memory_free(const wpool_allocator *allocator, void *array) {
    if (!array) return;
    wpool__block *block = (wpool__block *)(void *)((unsigned char *)array - sizeof(wpool__block));
    if (allocator) {
        allocator->free(block->start, block->size, allocator->user);
    } else {
        WPOOL_FREE(block->start);
    }
}

/* An array that grows without moving: its chunk k has first << k elements, zeroed at first. */
#define WPOOL__CHUNKS 26u

typedef struct wpool__shelf {
    const wpool_allocator *allocator;
    size_t size;    /* of an element */
    uint32_t first; /* elements of the first chunk */
    unsigned count; /* of chunks; under the lock of whoever lets it grow */
    WPOOL_ATOMIC(unsigned char *) chunks[WPOOL__CHUNKS];
} wpool__shelf;

/* One that has been zeroed. */
static void wpool__shelf_init(wpool__shelf *shelf, const wpool_allocator *allocator, size_t size,
                              uint32_t first) {
    shelf->allocator = allocator;
    shelf->size = size;
    shelf->first = first;
}

/* The chunk of element *i, which becomes its index there. */
static unsigned wpool__shelf_chunk(const wpool__shelf *shelf, uint32_t *i) {
    unsigned chunk = 0;
    if (*i < shelf->first) return 0;
    for (uint32_t firsts = (*i / shelf->first + 1) / 2; firsts != 0; firsts /= 2)
        chunk++;
    *i -= shelf->first * ((UINT32_C(1) << chunk) - 1);
    return chunk;
}

/* Element i, which is there. Any thread. */
static void *wpool__shelf_at(wpool__shelf *shelf, uint32_t i) {
    unsigned chunk = wpool__shelf_chunk(shelf, &i);
    return wpool__load_acquire(&shelf->chunks[chunk]) + i * shelf->size; /* [M1] it is zeroed */
}

/* The same, NULL: it is not there yet. */
static void *wpool__shelf_find(wpool__shelf *shelf, uint32_t i) {
    unsigned chunk = wpool__shelf_chunk(shelf, &i);
    if (chunk >= WPOOL__CHUNKS) return NULL;
    unsigned char *elements = wpool__load_acquire(&shelf->chunks[chunk]); /* [M1] as above */
    return elements && i < shelf->first << chunk ? elements + i * shelf->size : NULL;
}

/* How many elements there are. Under the lock. */
static uint32_t wpool__shelf_count(const wpool__shelf *shelf) {
    return shelf->first * ((UINT32_C(1) << shelf->count) - 1);
}

/* Adds a chunk. False: out of memory, or of numbers. Under the lock. */
static bool wpool__shelf_grow(wpool__shelf *shelf) {
    if (shelf->count >= WPOOL__CHUNKS) return false;
    size_t count = (size_t)shelf->first << shelf->count;
    unsigned char *elements = wpool__memory_alloc(shelf->allocator, count, shelf->size);
    /* [M1] hands them over, zeroed */
    if (elements) wpool__store_release(&shelf->chunks[shelf->count++], elements);
    return elements != NULL;
}

/* Sees to it that element i is there. False: out of memory. Under the lock. */
static bool wpool__shelf_has(wpool__shelf *shelf, uint32_t i) {
    return i < wpool__shelf_count(shelf) || wpool__shelf_grow(shelf);
}

static void wpool__shelf_free(wpool__shelf *shelf) {
    for (unsigned i = 0; i < WPOOL__CHUNKS; i++) /* relaxed: no other thread any more */
        wpool__memory_free(shelf->allocator, wpool__load_relaxed(&shelf->chunks[i]));
}

/* A stack of elements of a shelf (Treiber, 1986), each with a word that holds the index + 1
   of the one below. */
typedef struct wpool__stack {
    WPOOL_ATOMIC(uint64_t) top; /* how often it was changed, against ABA; index + 1, 0: empty */
} wpool__stack;

/* Puts first, and those below it down to the one with this word, onto the stack. */
static void wpool__stack_push(wpool__stack *stack, uint32_t first, WPOOL_ATOMIC(uint32_t) * below) {
    uint64_t top = wpool__load_relaxed(&stack->top), next; /* relaxed: the exchange checks it */
    do {
        wpool__store_relaxed(below, (uint32_t)top); /* relaxed: published by the exchange */
        next = ((top >> 32) + 1) << 32 | (first + 1);
        /* [M2] hands the elements over to who takes them; [I1] of jobs: before the look at who
           sleeps */
    } while (!wpool__cas_seq_cst(&stack->top, &top, next));
}

/* Takes the top, which is *index of the shelf; its word is at that offset. False: empty. */
static bool wpool__stack_pop(wpool__stack *stack, wpool__shelf *shelf, size_t offset,
                             uint32_t *index) {
    uint64_t top = wpool__load_acquire(&stack->top); /* [M2] the top's word */
    while ((uint32_t)top) {
        *index = (uint32_t)top - 1;
        unsigned char *element = wpool__shelf_at(shelf, *index);
        /* relaxed: if it is old, the change count makes the exchange fail */
        uint32_t below = wpool__load_relaxed((WPOOL_ATOMIC(uint32_t) *)(void *)(element + offset));
        /* [M2] the element is this thread's */
        if (wpool__cas_acq_rel(&stack->top, &top, ((top >> 32) + 1) << 32 | below)) return true;
    }
    return false;
}

static bool wpool__stack_is_empty(wpool__stack *stack) {
    return (uint32_t)wpool__load_seq_cst(&stack->top) == 0; /* [I1] a sleeper's look */
}

/* Lists without a lock of their own, whose elements know the word that points to them, so that each
   can be taken out of the middle. next and link are the two members of the elements; an argument
   may be evaluated several times. */
#define wpool__list_put(list, item, next, link)       \
    do {                                              \
        (item)->next = *(list);                       \
        (item)->link = (list);                        \
        if (*(list)) (*(list))->link = &(item)->next; \
        *(list) = (item);                             \
    } while (0)
#define wpool__list_take(item, next, link)                   \
    do {                                                     \
        *(item)->link = (item)->next;                        \
        if ((item)->next) (item)->next->link = (item)->link; \
    } while (0)

/* ==== [queue] ====================================================================================
   A bounded ring of calls for many producers and many consumers. The base is Vyukov's bounded MPMC
   queue (1024cores.net, 2010): a ticket number per slot says whether the slot has been filled for
   this round. Two differences: a claim takes any number of tickets at once, and consumers never
   write a slot. They read a batch of filled slots, then claim it with one compare-exchange on head;
   if that fails, the copy is thrown away (as a thief does on a deque).

   To grow, a larger ring is linked to the last one. The number of the ring that claims are for
   stands in the tail, so one addition to it says where the new ring begins. Consumers find that
   written in the ring, right after; who is suspended in between hides the calls in the new one.

   Invariants
       1. tail and head never fall; head <= tail. Tickets [0, head) are taken, [head, tail) queued.
       2. Ring r has the tickets that are claimed while tail says r: [its begin, the next's begin).
       3. Slot t % size of t's ring holds call t if and only if its ticket word is t + 1.
       4. Who claims ticket t has shown that t < until, and until <= head + size of the ring: nobody
          reads the slot's old call any more, or who still does will fail to claim it.
       5. The top bit of tail closes the queue: no ticket is claimed afterwards. The lowest bits are
          the number of calls ever accepted.
   Progress: lock-free but for one gap. A producer suspended between claim and put hides the calls
   behind its slot until it goes on. */

#define WPOOL__GATE_CLOSED (UINT64_C(1) << 63)
#define WPOOL__GATE_RING (UINT64_C(1) << 57) /* one ring further; each is twice the last at least */
#define WPOOL__GATE_COUNT (WPOOL__GATE_RING - 1)

/* What a queue holds: a function to call with an argument and the context of who calls it. */
typedef struct wpool__call {
    wpool_fn fn;
    void *arg;
} wpool__call;

typedef struct wpool__slot {
    WPOOL_ATOMIC(uint64_t) ticket; /* 1 + that of the call below */
    WPOOL_ATOMIC(wpool_fn) fn;
    WPOOL_ATOMIC(void *) arg;
} wpool__slot;

typedef struct wpool__ring {
    wpool__slot *slots;
    uint64_t mask;                /* size - 1, size a power of two */
    uint64_t number;              /* as it stands in the tail */
    WPOOL_ATOMIC(uint64_t) begin; /* its first ticket; WPOOL__GATE_COUNT: not yet known */
    WPOOL_ATOMIC(struct wpool__ring *) next;
} wpool__ring;

typedef struct wpool__queue {
    const wpool_allocator *allocator;
    WPOOL_ATOMIC(wpool__ring *) ring; /* no call is in one before it */
    wpool__ring first;
    /* written by producers */
    _Alignas(WPOOL_CACHE_LINE) WPOOL_ATOMIC(uint64_t) tail;
    /* written by consumers */
    _Alignas(WPOOL_CACHE_LINE) WPOOL_ATOMIC(uint64_t) head;
} wpool__queue;

/* A ring with room for at least capacity calls. False: out of memory. */
static bool wpool__ring_init(wpool__ring *ring, const wpool_allocator *allocator, size_t capacity) {
    size_t size = 1;
    while (size < capacity) {
        if (size > SIZE_MAX / 2) return false;
        size *= 2;
    }
    ring->slots = wpool__memory_alloc(allocator, size, sizeof *ring->slots);
    ring->mask = size - 1;
    return ring->slots != NULL;
}

static bool wpool__queue_init(wpool__queue *queue, const wpool_allocator *allocator,
                              size_t capacity) {
    queue->allocator = allocator;
    wpool__store_relaxed(&queue->ring, &queue->first); /* relaxed: no other thread yet */
    return wpool__ring_init(&queue->first, allocator, capacity);
}

static void wpool__queue_free(wpool__queue *queue) {
    /* relaxed: no other thread any more */
    wpool__ring *ring = wpool__load_relaxed(&queue->first.next);
    wpool__memory_free(queue->allocator, queue->first.slots);
    while (ring) {
        wpool__ring *next = wpool__load_relaxed(&ring->next); /* relaxed: as above */
        wpool__memory_free(queue->allocator, ring->slots);
        wpool__memory_free(queue->allocator, ring);
        ring = next;
    }
}

/* Room for at least capacity calls, to be used by who claims after this has returned. False: out of
   memory, nothing changed. One thread at a time, beside any others. */
static bool wpool__queue_grow(wpool__queue *queue, size_t capacity) {
    wpool__ring *last = &queue->first, *next;
    while ((next = wpool__load_acquire(&last->next)) != NULL) /* [Q3] */
        last = next;
    if (capacity <= last->mask + 1) return true;
    wpool__ring *ring = wpool__memory_alloc(queue->allocator, 1, sizeof *ring);
    if (!ring || !wpool__ring_init(ring, queue->allocator, capacity)) {
        wpool__memory_free(queue->allocator, ring);
        return false;
    }
    ring->number = last->number + 1;
    wpool__store_relaxed(&ring->begin, WPOOL__GATE_COUNT); /* relaxed: published by the next one */
    wpool__store_release(&last->next, ring);               /* [Q3] hands the ring over */
    /* [Q3] whoever claims from now on finds it */
    uint64_t tail = wpool__add_seq_cst(&queue->tail, WPOOL__GATE_RING);
    wpool__store_release(&ring->begin, tail & WPOOL__GATE_COUNT); /* [Q3] to consumers */
    return true;
}

/* Lets *count grow by up to `want` while it stays below until and the gate is open; *first is what
   it was. Returns how much, 0 with *is_closed or not: nothing to be had. Any thread. Lock-free. */
static size_t wpool__gate_claim(WPOOL_ATOMIC(uint64_t) * gate, uint64_t until, size_t want,
                                uint64_t *first, bool *is_closed) {
    /* relaxed: a stale value is too low, and then the exchange fails */
    uint64_t now = wpool__load_relaxed(gate);
    for (;;) {
        uint64_t count = now & WPOOL__GATE_COUNT;
        *is_closed = (now & WPOOL__GATE_CLOSED) != 0;
        if (*is_closed || count >= until) return 0;
        uint64_t n = until - count < want ? until - count : want;
        /* [I1] before the claimer's look at who sleeps; sleepers read the gate after they announced
           themselves. [Q3] the ring that it is for */
        if (wpool__cas_seq_cst(gate, &now, now + n)) {
            *first = now;
            return (size_t)n;
        }
    }
}

/* Closes for ever; false: it was closed. Any thread. */
static bool wpool__gate_close(WPOOL_ATOMIC(uint64_t) * gate) {
    /* [E1] before the closer's look for waiters */
    return (wpool__or_seq_cst(gate, WPOOL__GATE_CLOSED) & WPOOL__GATE_CLOSED) == 0;
}

static uint64_t wpool__gate_count(WPOOL_ATOMIC(uint64_t) * gate) {
    /* [I1] the sleeper's look after it announced itself; [E1] a waiter's */
    return wpool__load_seq_cst(gate) & WPOOL__GATE_COUNT;
}

static bool wpool__gate_is_closed(WPOOL_ATOMIC(uint64_t) * gate) {
    /* [E1] a waiter's look after it announced itself */
    return (wpool__load_seq_cst(gate) & WPOOL__GATE_CLOSED) != 0;
}

/* Fills the slot of a ticket that the caller has claimed: as the tail was, so with the ring's
   number. */
static inline void wpool__queue_put(wpool__queue *queue, uint64_t claimed, wpool__call call) {
    wpool__ring *ring = wpool__load_acquire(&queue->ring); /* [Q3] */
    while (ring->number != claimed / WPOOL__GATE_RING)
        ring = wpool__load_acquire(&ring->next); /* [Q3] the claim has seen it linked */
    uint64_t ticket = claimed & WPOOL__GATE_COUNT;
    wpool__slot *slot = &ring->slots[ticket & ring->mask];
    /* relaxed: published by the ticket below; a reader of the old call fails its claim */
    wpool__store_relaxed(&slot->fn, call.fn);
    wpool__store_relaxed(&slot->arg, call.arg);
    /* [Q1] hands the call over to take */
    wpool__store_release(&slot->ticket, ticket + 1);
}

/* The ring of a ticket that is not below head, or was not when the caller read it. */
static wpool__ring *wpool__queue_ring(wpool__queue *queue, uint64_t ticket) {
    wpool__ring *first = wpool__load_acquire(&queue->ring), *ring = first, *next; /* [Q3] */
    while ((next = wpool__load_acquire(&ring->next)) != NULL) {                   /* [Q3] */
        if (ticket < wpool__load_acquire(&next->begin)) break;                    /* [Q3] */
        ring = next;
    }
    if (ring != first) wpool__store_release(&queue->ring, ring); /* [Q3] or an older one, no harm */
    return ring;
}

/* At least the calls that were queued all the time (claimed, perhaps not yet put), perhaps more;
   not 0: there was one. */
static uint64_t wpool__queue_length(wpool__queue *queue) {
    /* [Q2] head first, so that the tail read after it is not below it */
    uint64_t head = wpool__load_acquire(&queue->head);
    return wpool__gate_count(&queue->tail) - head;
}

/* Takes up to max calls, in order. 0: empty, or the next one is not put yet. Any thread. Lock-free.
   */
static size_t wpool__queue_take(wpool__queue *queue, wpool__call *calls, size_t max) {
    /* relaxed: an old one finds no call of its round, or fails the exchange */
    uint64_t head = wpool__load_relaxed(&queue->head);
    for (;;) {
        size_t n = 0;
        wpool__ring *ring = wpool__queue_ring(queue, head);
        for (; n < max; n++) {
            wpool__slot *slot = &ring->slots[(head + n) & ring->mask];
            /* [Q1] if it is this round's, the call is complete; another ring's is not in here */
            if (wpool__load_acquire(&slot->ticket) != head + n + 1) break;
            /* relaxed: an overwritten call is never used, since head has moved then */
            calls[n].fn = wpool__load_relaxed(&slot->fn);
            calls[n].arg = wpool__load_relaxed(&slot->arg);
        }
        if (n == 0) {
            /* relaxed: another consumer may have moved on; who still sees work comes again */
            uint64_t now = wpool__load_relaxed(&queue->head);
            if (now == head) return 0;
            head = now;
        } else if (wpool__cas_acq_rel(&queue->head, &head,
                                      head + n)) { /* [Q2] the reads are done */
            return n;
        }
    }
}

#if WPOOL_DEBUG
/* Are the invariants kept? When nobody else touches the queue. */
static bool wpool__queue_is_valid(wpool__queue *queue) {
    uint64_t head = wpool__load_relaxed(&queue->head); /* relaxed, all: nobody else touches it */
    uint64_t tail = wpool__load_relaxed(&queue->tail) & WPOOL__GATE_COUNT;
    for (uint64_t t = head; t < tail; t++) {
        wpool__ring *ring = wpool__queue_ring(queue, t);
        if (wpool__load_relaxed(&ring->slots[t & ring->mask].ticket) != t + 1) return false;
    }
    return head <= tail;
}
#endif

/* ==== [deque] ====================================================================================
   One per worker: the owner pushes and pops at the bottom, thieves steal at the top. Chase and Lev
   (SPAA 2005) in the C11 form of Le, Pop, Cohen and Zappa Nardelli (PPoPP 2013), with sequentially
   consistent accesses to top and bottom in place of its fences: pop and push publish bottom so.

   The cost of that is the owner's full fence in each pop. So what it forks is private at first, an
   idea of Lace (van Dijk and van de Pol, 2014): thieves take freely what is open, and the owner
   opens more when it is asked to; if it computes and does not, a thief makes a heavy fence and
   takes the topmost private call.

       top <= ... open calls ... < open <= ... private calls ... < bottom

   Invariants
       1. The calls are those at [top, bottom); top never falls.
       2. Only the owner writes bottom, open, the cells and the array; whoever moves top from t to
          t + 1 owns call t, and nobody else does. (The owner moves it further when there is none.)
       3. pop takes call b without a compare-exchange only if it saw top < b after it had lowered
          bottom to b: then no thief that comes later looks at b. Or if it saw guard <= b then:
          a thief that comes for b raises guard first, makes a heavy fence, and looks at bottom.
       4. top <= guard and open <= guard, since guard is raised before them.
       5. Slot t gets another round's call only when top > t: a thief that read it late fails its
          claim.
       6. There is room for one more call, to be forked.
   Progress: steal lock-free, push and pop as well: they wait for nobody, but try again to raise
   guard as often as a thief does so meanwhile. */

typedef struct wpool__array {
    struct wpool__array *smaller; /* the one before: a slow thief may still read it */
    int64_t size;                 /* a power of two */
    wpool__cell cells[];
} wpool__array;

typedef struct wpool__deque {
    const wpool_allocator *allocator;
    /* written by the owner */
    WPOOL_ATOMIC(wpool__array *) array;
    _Alignas(WPOOL_CACHE_LINE) wpool__forks forks; /* guard and limit by thieves as well */
    WPOOL_ATOMIC(int64_t) open;
    /* written by thieves, and by the owner for the last call */
    _Alignas(WPOOL_CACHE_LINE) WPOOL_ATOMIC(int64_t) top;
} wpool__deque;

#ifndef WPOOL_HEAVY_FENCE
#define WPOOL_HEAVY_FENCE() ((void)0) /* never called: all is open */
#endif
#define WPOOL__ALL_OPEN INT64_MAX /* guard and open: there is no private part */

static wpool__array *wpool__deque_array(const wpool_allocator *allocator, int64_t size,
                                        wpool__array *smaller) {
    size_t cells = ((size_t)size * sizeof(wpool__cell)) + sizeof(wpool__array);
    wpool__array *array = wpool__memory_alloc(allocator, 1, cells);
    if (array) *array = (wpool__array){smaller, size};
    return array;
}

static void wpool__deque_use(wpool__deque *deque, wpool__array *array) {
    deque->forks.cells = array->cells;
    deque->forks.mask = array->size - 1;
    /* [D4] hands the copied cells over to thieves */
    wpool__store_release(&deque->array, array);
}

/* has_private: heavy fences are to be had. False: out of memory. */
static bool wpool__deque_init(wpool__deque *deque, const wpool_allocator *allocator,
                              bool has_private) {
    wpool__array *array = wpool__deque_array(allocator, WPOOL_DEQUE_SIZE, NULL);
    if (!array) return false;
    deque->allocator = allocator;
    wpool__deque_use(deque, array);
    if (has_private) return true;
    wpool__store_relaxed(&deque->forks.guard, WPOOL__ALL_OPEN); /* relaxed: no other thread yet */
    wpool__store_relaxed(&deque->open, WPOOL__ALL_OPEN);
    return true;
}

static void wpool__deque_free(wpool__deque *deque) {
    wpool__array *array =
        wpool__load_relaxed(&deque->array); /* relaxed: no other thread any more */
    while (array) {
        wpool__array *smaller = array->smaller;
        wpool__memory_free(deque->allocator, array);
        array = smaller;
    }
}

/* relaxed, both: ordered by bottom (push to steal) or by the owner being one thread (push to pop)
   */
static wpool__call wpool__cell_read(wpool__cell *cells, int64_t mask, int64_t i) {
    wpool__cell *cell = &cells[i & mask];
    return (wpool__call){wpool__load_relaxed(&cell->fn), wpool__load_relaxed(&cell->arg)};
}

static void wpool__cell_write(wpool__cell *cells, int64_t mask, int64_t i, wpool__call call) {
    wpool__cell *cell = &cells[i & mask];
    wpool__store_relaxed(&cell->fn, call.fn); /* relaxed: see read */
    wpool__store_relaxed(&cell->arg, call.arg);
}

/* Calls in it, at least those that were there all the time. Any thread. */
static int64_t wpool__deque_length(wpool__deque *deque) {
    /* relaxed: top only rises, so an old one makes it longer */
    int64_t top = wpool__load_relaxed(&deque->top);
    /* [D1] as steal does; [I1] the sleeper's look after it announced itself */
    int64_t length = wpool__load_seq_cst(&deque->forks.bottom) - top;
    return length > 0 ? length : 0;
}

/* Makes room for n more calls, and one. False: out of memory, nothing changed. Owner only. */
static bool wpool__deque_reserve(wpool__deque *deque, int64_t n) {
    wpool__forks *forks = &deque->forks;
    int64_t bottom = wpool__load_relaxed(&forks->bottom); /* relaxed: only the owner writes it */
    /* [D2] the thieves have read what is below top: its cells may be written */
    int64_t top = wpool__load_acquire(&deque->top);
    int64_t size = forks->mask + 1;
    if (bottom - top + n < size) return true;
    while (bottom - top + n >= size) {
        if (size > INT64_MAX / 4 || (uint64_t)size > SIZE_MAX / 4 / sizeof(wpool__cell))
            return false;
        size *= 2;
    }
    wpool__array *old = wpool__load_relaxed(&deque->array); /* relaxed: only the owner writes it */
    wpool__array *larger = wpool__deque_array(deque->allocator, size, old);
    if (!larger) return false;
    for (int64_t i = top; i < bottom; i++)
        wpool__cell_write(larger->cells, size - 1, i,
                          wpool__cell_read(forks->cells, forks->mask, i));
    wpool__deque_use(deque, larger);
    return true;
}

/* From now on the owner looks at top before it takes a call below `guard`. By the owner, or with a
   heavy fence after it. */
static void wpool__deque_raise_guard(wpool__deque *deque, int64_t guard) {
    /* relaxed, both: the fence. An exchange, for it must not fall */
    int64_t seen = wpool__load_relaxed(&deque->forks.guard);
    while (seen < guard && !wpool__cas_relaxed(&deque->forks.guard, &seen, guard)) {
    }
}

/* Opens the calls below `open` to thieves. Owner only. */
static void wpool__deque_open(wpool__deque *deque, int64_t open) {
    /* relaxed: only the owner writes it */
    if (open <= wpool__load_relaxed(&deque->open)) return;
    wpool__deque_raise_guard(deque, open);
    /* [D5] a thief that sees it sees all of bottom that the owner wrote without looking at top */
    wpool__store_release(&deque->open, open);
}

static void wpool__deque_open_half(wpool__deque *deque) {
    int64_t top = wpool__load_acquire(&deque->top); /* [D2] as in reserve */
    /* relaxed: only the owner writes it */
    int64_t bottom = wpool__load_relaxed(&deque->forks.bottom);
    wpool__deque_open(deque, top + (bottom - top + 1) / 2);
}

static void wpool__deque_open_all(wpool__deque *deque) {
    /* relaxed: only the owner writes it */
    wpool__deque_open(deque, wpool__load_relaxed(&deque->forks.bottom));
}

/* Pushes n calls, the last one to be popped first; the caller has reserved room. Owner only. */
static void wpool__deque_push(wpool__deque *deque, const wpool__call *calls, int64_t n) {
    wpool__forks *forks = &deque->forks;
    int64_t bottom = wpool__load_relaxed(&forks->bottom); /* relaxed: only the owner writes it */
    for (int64_t i = 0; i < n; i++)
        wpool__cell_write(forks->cells, forks->mask, bottom + i, calls[i]);
    wpool__deque_open(deque, bottom + n);
    /* [D1] hands the calls over to thieves; [I1] before the owner's look at who sleeps */
    wpool__store_seq_cst(&forks->bottom, bottom + n);
}

/* The deque is empty and ends at bottom: goes on above guard, where calls are private. */
static void wpool__deque_renew(wpool__deque *deque, int64_t bottom) {
    /* relaxed: the owner raised it, or a thief to bottom at most */
    int64_t guard = wpool__load_relaxed(&deque->forks.guard);
    if (guard > bottom && guard != WPOOL__ALL_OPEN) {
        bottom = guard;
        wpool__store_relaxed(&deque->top, bottom); /* relaxed: bottom publishes it */
    }
    wpool__store_release(&deque->forks.bottom, bottom); /* [D1] [D3] */
}

/* pop, having lowered bottom to an open call. False: a thief has it. */
static bool wpool__deque_pop_open(wpool__deque *deque, int64_t bottom) {
    /* [D3] before the look at top; a thief reads top before bottom */
    wpool__store_seq_cst(&deque->forks.bottom, bottom);
    int64_t top = wpool__load_seq_cst(&deque->top); /* [D3] */
    if (top < bottom) return true;
    /* [D2] the last one: compete with thieves */
    bool got = top == bottom && wpool__cas_seq_cst(&deque->top, &top, top + 1);
    wpool__deque_renew(deque, bottom + 1);
    return got;
}

/* Takes the newest call. False: none was there, *call is as it was. Owner only. */
static bool wpool__deque_pop(wpool__deque *deque, wpool__call *call) {
    wpool__forks *forks = &deque->forks;
    int64_t bottom = wpool__load_relaxed(&forks->bottom) - 1; /* relaxed: the owner's */
    /* relaxed: top only rises, so if it says empty, it is; otherwise it is read again */
    if (bottom < wpool__load_relaxed(&deque->top)) return false;
    wpool__call newest = wpool__cell_read(forks->cells, forks->mask, bottom);
    /* relaxed: it only rises, so what is open stays so; else it is read again */
    bool is_private =
        bottom >= wpool__load_relaxed(&forks->guard) && wpool__fork_lower(forks, bottom);
    if (!is_private && !wpool__deque_pop_open(deque, bottom)) return false;
    *call = newest;
    return true;
}

/* The topmost call is private, at `top`. Asks the owner to open it; after a moment, makes sure that
   the owner looks at top before it takes it: true. False: things have changed. Any thief. */
static bool wpool__deque_force(wpool__deque *deque, int64_t top) {
    wpool__store_seq_cst(&deque->forks.limit, 0); /* [D6] asks */
    for (unsigned i = WPOOL_PATIENCE; i > 0; i--) {
        WPOOL_PAUSE();
        /* relaxed, both: the thief looks again */
        if (wpool__load_relaxed(&deque->open) > top) return false;
        if (wpool__load_relaxed(&deque->forks.bottom) <= top) return false;
    }
    wpool__deque_raise_guard(deque, top + 1);
    WPOOL_HEAVY_FENCE(); /* [D5] between the looks at top and bottom, and after guard was raised */
    return true;
}

/* Is there an oldest call, and does pick like it? Any thread. */
static bool wpool__deque_has(wpool__deque *deque, bool (*pick)(wpool__call)) {
    int64_t top = wpool__load_seq_cst(&deque->top);                     /* [D1] [D3] as in steal */
    if (top >= wpool__load_seq_cst(&deque->forks.bottom)) return false; /* [D1] */
    wpool__array *array = wpool__load_acquire(&deque->array);           /* [D4] */
    return pick(wpool__cell_read(array->cells, array->size - 1, top));
}

/* Sets how far forks may go without a look around. Owner only. */
static void wpool__deque_set_limit(wpool__deque *deque) {
    /* relaxed: only the owner writes it */
    bool has_private = wpool__load_relaxed(&deque->open) != WPOOL__ALL_OPEN;
    int64_t top = wpool__load_acquire(&deque->top); /* [D2] as in reserve */
    /* [D6] before the owner's look at who sleeps or asks */
    wpool__store_seq_cst(&deque->forks.limit, has_private ? top + deque->forks.mask : 0);
}

/* Takes the oldest call, if pick (NULL: any) likes it. False: not so, or none was there; *call is
   as it was. Any thread. */
static bool wpool__deque_steal(wpool__deque *deque, wpool__call *call, bool (*pick)(wpool__call)) {
    for (;;) {
        int64_t top = wpool__load_seq_cst(&deque->top); /* [D3] before bottom */
        /* relaxed: a look that comes too early; who is about to sleep looks at length */
        if (top >= wpool__load_relaxed(&deque->forks.bottom)) return false;
        /* [D5] what the owner did before it opened this */
        if (top >= wpool__load_acquire(&deque->open) && !wpool__deque_force(deque, top)) continue;
        /* [D3] [D1] the calls below are complete */
        int64_t bottom = wpool__load_seq_cst(&deque->forks.bottom);
        if (top >= bottom) return false;
        /* [D4] an array that has the cells as they were when bottom was written, or a later one */
        wpool__array *array = wpool__load_acquire(&deque->array);
        wpool__call oldest = wpool__cell_read(array->cells, array->size - 1, top);
        if (pick && !pick(oldest)) return false;
        /* [D2] the read is done before top says so; [D3] orders it with the owner's pop */
        if (wpool__cas_seq_cst(&deque->top, &top, top + 1)) {
            *call = oldest;
            return true;
        }
    }
}

/* ==== [idle] =====================================================================================
   Who sleeps, and whom to wake. The sleepers form a stack (Treiber, 1986), so the last to sleep is
   the first to be woken: its cache is warm. At most one worker is searching: it has no work, is
   awake and will look everywhere. While there is one, nobody needs to be woken for new work.

       A worker without work: becomes the searcher if there is none, looks everywhere, then enters
       (one step: not the searcher, on the stack), looks everywhere *once more*, and if it sees work
       wakes the top of the stack, perhaps itself; then sleeps until it is woken.
       A searcher that found work stops searching, looks *once more*, and wakes the next one if
       there is more and somebody sleeps.
       Who made work (a gate's claim, a deque's push) looks at the word afterwards, and wakes one
       if somebody sleeps and nobody searches; the woken one is the searcher.

   So either the maker of work sees the sleeper, or the sleeper sees the work: both write, then
   read, sequentially consistent [I1]; and a searcher that the maker relied on looks after it has
   ceased to be one. The word:
       bits 0-15   top of the stack: index + 1, 0: nobody sleeps
       bits 16-30  how many sleep
       bit 31      somebody is searching. Legal to be set while the searcher is between two looks;
                   illegal to stay set when it runs a job or sleeps
       bits 32-63  changed by each push and pop, against ABA */

#define WPOOL__IDLE_SEARCHING (UINT64_C(1) << 31)
#define WPOOL__IDLE_ONE (UINT64_C(1) << 16)
#define WPOOL__IDLE_TAG (UINT64_C(1) << 32)

typedef struct wpool__sleeper {
    _Alignas(WPOOL_CACHE_LINE) WPOOL_ATOMIC(uint32_t) woken; /* 0: sleep; else a wpool__wake */
    WPOOL_ATOMIC(uint32_t)
    below; /* index + 1 of the one under it in the stack */
} wpool__sleeper;

typedef enum wpool__wake { WPOOL__WAKE_NOT, WPOOL__WAKE_SEARCH, WPOOL__WAKE_LOOK } wpool__wake;

typedef struct wpool__idle {
    wpool__shelf sleepers; /* by worker index */
    wpool__lot *lot;
    _Alignas(WPOOL_CACHE_LINE) WPOOL_ATOMIC(uint64_t) word;
} wpool__idle;

static wpool__sleeper *wpool__idle_sleeper(wpool__idle *idle, unsigned index) {
    return wpool__shelf_at(&idle->sleepers, index);
}

static unsigned wpool__idle_top(uint64_t word) { return (unsigned)(word & 0xFFFF); }
static unsigned wpool__idle_count(uint64_t word) { return (unsigned)(word >> 16) & 0x7FFF; }

static uint64_t wpool__idle_word(wpool__idle *idle) {
    /* [I1] after the caller made work; [W3] after all that those did who entered before */
    return wpool__load_seq_cst(&idle->word);
}

/* Is it for the maker of work to wake somebody? */
static bool wpool__idle_wants_waking(uint64_t word) {
    return wpool__idle_top(word) != 0 && (word & WPOOL__IDLE_SEARCHING) == 0;
}

/* Takes the top off the stack and wakes it. False: nobody sleeps, or somebody searches already and
   that suffices (WPOOL__WAKE_SEARCH). Any thread. Lock-free. */
static bool wpool__idle_wake_top(wpool__idle *idle, wpool__wake how) {
    uint64_t word = wpool__idle_word(idle), next;
    wpool__sleeper *sleeper;
    do {
        if (how == WPOOL__WAKE_SEARCH && !wpool__idle_wants_waking(word)) return false;
        if (wpool__idle_top(word) == 0) return false;
        sleeper = wpool__idle_sleeper(idle, wpool__idle_top(word) - 1);
        uint64_t below =
            wpool__load_relaxed(&sleeper->below); /* relaxed: old ones fail the exchange */
        next = ((word & ~UINT64_C(0xFFFF)) | below) - WPOOL__IDLE_ONE + WPOOL__IDLE_TAG;
        if (how == WPOOL__WAKE_SEARCH) next |= WPOOL__IDLE_SEARCHING;
        /* [I2] the sleeper is this thread's to wake */
    } while (!wpool__cas_seq_cst(&idle->word, &word, next));
    /* [I3] what the waker did is seen by the woken */
    wpool__store_release(&sleeper->woken, (uint32_t)how);
    WPOOL_UNPARK(idle->lot, &sleeper->woken, 1);
    return true;
}

/* Work was made: wakes one worker if that is needed. Any thread; one load if it is not. */
static void wpool__idle_wake(wpool__idle *idle) { wpool__idle_wake_top(idle, WPOOL__WAKE_SEARCH); }

/* Something else changed that everybody must see who sleeps now. Takes the whole stack, for those
   who are woken may enter it anew. */
static void wpool__idle_wake_all(wpool__idle *idle) {
    uint64_t word = wpool__idle_word(idle);
    do {
        if (wpool__idle_top(word) == 0) return;
        /* [I2] the sleepers are this thread's to wake */
    } while (!wpool__cas_seq_cst(&idle->word, &word,
                                 (word & ~(WPOOL__IDLE_SEARCHING - 1)) + WPOOL__IDLE_TAG));
    for (unsigned top = wpool__idle_top(word); top != 0;) {
        wpool__sleeper *sleeper = wpool__idle_sleeper(idle, top - 1);
        top = wpool__load_relaxed(&sleeper->below); /* relaxed: nobody else's, until it is woken */
        /* [I3] as in wake_top */
        wpool__store_release(&sleeper->woken, (uint32_t)WPOOL__WAKE_LOOK);
        WPOOL_UNPARK(idle->lot, &sleeper->woken, 1);
    }
}

#ifndef WPOOL_NO_THREADS
/* Becomes the searcher. False: there is one. */
static bool wpool__idle_search(wpool__idle *idle) {
    /* relaxed: a later stop or enter by this worker is what others rely on; this is its begin */
    return (wpool__or_relaxed(&idle->word, WPOOL__IDLE_SEARCHING) & WPOOL__IDLE_SEARCHING) == 0;
}

/* Ceases to be the searcher, having found work; the caller looks for more afterwards. */
static void wpool__idle_stop_search(wpool__idle *idle) {
    /* [I1] before the caller's look */
    wpool__and_seq_cst(&idle->word, ~WPOOL__IDLE_SEARCHING);
}

/* The same for a worker that leaves, searcher or not. */
static void wpool__idle_leave(wpool__idle *idle, bool is_searching) {
    /* [I1] before the caller's look; [W3] publishes the worker's counts, as enter does */
    wpool__and_seq_cst(&idle->word, is_searching ? ~WPOOL__IDLE_SEARCHING : UINT64_MAX);
}

/* Puts the worker on the stack, from where it can be woken; the caller looks for work afterwards.
   */
static void wpool__idle_enter(wpool__idle *idle, unsigned index, bool is_searching) {
    wpool__sleeper *sleeper = wpool__idle_sleeper(idle, index);
    uint64_t word = wpool__load_relaxed(&idle->word); /* relaxed: the exchange below checks it */
    uint64_t next;
    wpool__store_relaxed(&sleeper->woken, WPOOL__WAKE_NOT); /* relaxed: published by the exchange */
    do {
        wpool__store_relaxed(&sleeper->below, wpool__idle_top(word)); /* relaxed: the same */
        next = ((word & ~UINT64_C(0xFFFF)) | (index + 1u)) + WPOOL__IDLE_ONE + WPOOL__IDLE_TAG;
        if (is_searching) next &= ~WPOOL__IDLE_SEARCHING;
        /* [I1] before the caller's look for work; [I2] publishes below; [W3] and the worker's
           counts */
    } while (!wpool__cas_seq_cst(&idle->word, &word, next));
}

/* Sleeps, after enter, until woken; true: as the searcher. */
static bool wpool__idle_sleep(wpool__idle *idle, unsigned index) {
    WPOOL_ATOMIC(uint32_t) *woken = &wpool__idle_sleeper(idle, index)->woken;
    for (;;) {
        uint32_t how = wpool__load_acquire(woken); /* [I3] */
        if (how != WPOOL__WAKE_NOT) return how == WPOOL__WAKE_SEARCH;
        WPOOL_PARK(idle->lot, woken, WPOOL__WAKE_NOT, WPOOL__NEVER);
    }
}
#endif

/* ==== [job] ======================================================================================
   Records of jobs. A job's state word: bits 0-7 a wpool_state, bit 8 somebody sleeps on the word
   (legal to be set with no sleeper, illegal to be clear with one), bit 9 it was told to end, or not
   to start, bit 10 it counts as running, but is only being discarded. Of a job that was cancelled
   while it was queued: bit 11 it has been counted as discarded, bit 12 its call has left the queue.
   Bit 13: it is delayed, but accepted ([pace]); bit 14: others wait for its success; bit 15: it
   runs, but not once more.

   Jobs of the pool's own live in a table of chunks that only grows; an id is the record's place and
   its generation, which changes when the record is given back. The hold word of a record:
       bits 32-63  generation
       bit 31      owned: the result has not been delivered and nobody let go of the id
       bits 0-30   references: the queue's (until finished), then the results list's; and one for
                   each thread that looks at it now
   The record is given back when bits 0-31 become 0. A record whose generations are used up is
   never reused, so an id is never given twice. The first generation is random for each pool, so an
   id of another pool is as good as never taken for one of this pool (1 in 2^32). */

#define WPOOL__JOB_SLEPT_ON UINT32_C(0x100)
#define WPOOL__JOB_ENDING UINT32_C(0x400)
#define WPOOL__JOB_COUNTED UINT32_C(0x800)
#define WPOOL__JOB_LEFT UINT32_C(0x1000)
#define WPOOL__JOB_HELD UINT32_C(0x2000)
#define WPOOL__JOB_DEPENDED UINT32_C(0x4000)
#define WPOOL__JOB_LAST UINT32_C(0x8000)
#define WPOOL__JOB_TOLD UINT32_C(0x200) /* also in the word of a pool that was stopped hot */
#define WPOOL__HOLD_OWNED UINT64_C(0x80000000)
#define WPOOL__HOLD_MASK UINT64_C(0xFFFFFFFF)

typedef struct wpool__record {
    wpool_job job; /* first: a job with an id is the start of its record */
    WPOOL_ATOMIC(uint64_t) hold;
    WPOOL_ATOMIC(uint32_t) next_free; /* index + 1, while in the free stack */
    uint32_t index;
    bool has_asker; /* somebody was given the id */
    bool is_listed; /* these three: the results room's */
    struct wpool__record *next, *previous;
} wpool__record;

typedef struct wpool__table {
    wpool__lot *lot;
    uint32_t first_generation;
    wpool__lock growing;
    wpool__shelf records;
    _Alignas(WPOOL_CACHE_LINE) wpool__stack free;
} wpool__table;

static wpool_state wpool__job_state_of(const wpool_job *job) {
    /* [J1] if it is final, the result is complete; if running, thread is set. [E1] a waiter's look
       */
    return (wpool_state)(wpool__load_seq_cst((WPOOL_ATOMIC(uint32_t) *)&job->state) & 0xFF);
}

static bool wpool__job_is_finished(const wpool_job *job) {
    return wpool__job_state_of(job) >= WPOOL_STATE_SUCCEEDED;
}

/* What a wait for a job in this state answers; WPOOL_EMPTY: go on waiting. */
static wpool_status wpool__job_wait_status(const wpool_job *job, wpool_state state,
                                           const void *thread) {
    if (state >= WPOOL_STATE_SUCCEEDED) return WPOOL_OK;
    if (state == WPOOL_STATE_UNKNOWN) return WPOOL_UNKNOWN; /* it was not accepted after all */
    /* relaxed: it is this thread's only if this thread wrote it */
    bool is_below = state == WPOOL_STATE_RUNNING &&
                    wpool__load_relaxed((WPOOL_ATOMIC(const void *) *)&job->thread) == thread;
    return is_below ? WPOOL_DEADLOCK : WPOOL_EMPTY;
}

/* A caller-owned job that is in no pool becomes this submitter's; *before is its state. False: it
   is in one, or another submitter was first. */
static bool wpool__job_enter(wpool_job *job, wpool_state *before) {
    uint32_t state = wpool__load_relaxed(&job->state); /* relaxed: the exchange checks it */
    *before = (wpool_state)(state & 0xFF);
    if (*before != WPOOL_STATE_UNKNOWN && *before < WPOOL_STATE_SUCCEEDED) return false;
    /* [J1] its last run is complete. Delayed: neither in a queue nor finished */
    return wpool__cas_acquire(&job->state, &state, (uint32_t)WPOOL_STATE_DELAYED);
}

/* From delayed, as it is while nobody has accepted it, or held, to waiting. Submitter, or under the
   lock of [pace]; the job is not in the queue yet. True: it is not to start any more. */
static bool wpool__job_admit(wpool__lot *lot, wpool_job *job) {
    uint32_t old = WPOOL_STATE_DELAYED; /* or with bits, as the exchange will say */
    /* [J1] what it is, to who cancels it; the queue hands it to its runner */
    while (!wpool__cas_release(
        &job->state, &old, (old & (WPOOL__JOB_TOLD | WPOOL__JOB_DEPENDED)) | WPOOL_STATE_WAITING)) {
    }
    if (old & WPOOL__JOB_SLEPT_ON) WPOOL_UNPARK(lot, &job->state, INT32_MAX);
    return (old & WPOOL__JOB_TOLD) != 0;
}

/* From waiting to running, keeping the sleepers' bit; how: 0, or WPOOL__JOB_ENDING. False: somebody
   else has, or it is not to run (0). */
static bool wpool__job_set_running(wpool_job *job, uint32_t how) {
    bool is_to_run = how == 0;
    how |= WPOOL_STATE_RUNNING;
    uint32_t old = WPOOL_STATE_WAITING; /* or with bits, as the exchange will say */
    do {
        if ((old & 0xFF) != WPOOL_STATE_WAITING) return false;
        if (is_to_run && old & WPOOL__JOB_TOLD) return false;
        /* [J1] hands over what fork's thief wrote to those who see it running; [C2] before the
           runner's look whether the pool was stopped hot */
    } while (!wpool__cas_seq_cst(&job->state, &old,
                                 (old & (WPOOL__JOB_SLEPT_ON | WPOOL__JOB_DEPENDED)) | how));
    return true;
}

/* To delayed, and accepted: from the same, not accepted yet, or from running. Submitter or runner,
   under the lock of [pace]. False: it runs, and for the last time. */
static bool wpool__job_hold(wpool_job *job) {
    const uint32_t kept = WPOOL__JOB_SLEPT_ON | WPOOL__JOB_TOLD | WPOOL__JOB_DEPENDED;
    uint32_t old = wpool__load_relaxed(&job->state); /* relaxed: the exchange checks it */
    do {
        bool is_running = (old & 0xFF) == WPOOL_STATE_RUNNING;
        if (is_running && old & (WPOOL__JOB_TOLD | WPOOL__JOB_LAST)) return false;
        /* [J1] what it is, to who cancels it */
    } while (!wpool__cas_release(&job->state, &old,
                                 (old & kept) | WPOOL__JOB_HELD | WPOOL_STATE_DELAYED));
    return true;
}

/* Its state, and whether it is held, at the same instant. */
static wpool_state wpool__job_look_at(const wpool_job *job, bool *is_held) {
    /* [J1] as in state_of */
    uint32_t word = wpool__load_seq_cst((WPOOL_ATOMIC(uint32_t) *)&job->state);
    *is_held = (word & WPOOL__JOB_HELD) != 0;
    return (wpool_state)(word & 0xFF);
}

static bool wpool__job_is_held(const wpool_job *job) {
    bool is_held;
    (void)wpool__job_look_at(job, &is_held);
    return is_held;
}

/* From held to being discarded. Under the lock of [pace]. False: it is not held. */
static bool wpool__job_unhold(wpool_job *job) {
    uint32_t old = wpool__load_relaxed(&job->state); /* relaxed: the exchange checks it */
    do {
        if (!(old & WPOOL__JOB_HELD)) return false;
        /* [J1] what its submitter wrote */
    } while (!wpool__cas_acq_rel(&job->state, &old,
                                 (old & (WPOOL__JOB_SLEPT_ON | WPOOL__JOB_DEPENDED)) |
                                     WPOOL__JOB_ENDING | WPOOL_STATE_RUNNING));
    return true;
}

/* Somebody wants to know how it ends: its final state, or WPOOL_STATE_UNKNOWN, and then who ends it
   finds out. Under the lock of [pace]. */
static wpool_state wpool__job_depend(wpool_job *job) {
    uint32_t old = wpool__load_acquire(&job->state); /* [J1] what it did, if it has ended */
    do {
        if ((old & 0xFF) >= WPOOL_STATE_SUCCEEDED) return (wpool_state)(old & 0xFF);
        /* [J1] only if it fails; else the lock hands over what it will have done */
    } while (!wpool__cas_acq_rel(&job->state, &old, old | WPOOL__JOB_DEPENDED));
    return WPOOL_STATE_UNKNOWN;
}

/* It has become running, but will not run after all. Runner only. */
static void wpool__job_end(wpool_job *job) {
    wpool__or_relaxed(&job->state, WPOOL__JOB_ENDING); /* relaxed: for who tells it */
}

/* Tells the job to end (bits: WPOOL__JOB_TOLD), or not to run again (_LAST), or only looks (0).
   False: it does not run. Any thread that keeps it in memory. */
static bool wpool__job_tell(wpool_job *job, uint32_t bits) {
    uint32_t seen = wpool__load_seq_cst(&job->state); /* [C2] after the pool was stopped hot */
    do {
        if ((seen & (0xFF | WPOOL__JOB_ENDING)) != WPOOL_STATE_RUNNING) return false;
        /* [C1] what the teller did before is seen by the job */
    } while (bits && !wpool__cas_release(&job->state, &seen, seen | bits));
    return true;
}

/* The same for one that has not started: it will not. False: it has ended, or is about to be
   discarded. */
static bool wpool__job_doom(wpool_job *job) {
    uint32_t seen = wpool__load_relaxed(&job->state); /* relaxed: the exchange checks it */
    do {
        uint32_t state = seen & 0xFF;
        bool is_unfinished = state != WPOOL_STATE_UNKNOWN && state < WPOOL_STATE_SUCCEEDED;
        if (!is_unfinished || seen & WPOOL__JOB_ENDING) return false;
        /* [C1] as in tell */
    } while (!wpool__cas_release(&job->state, &seen, seen | WPOOL__JOB_TOLD));
    return true;
}

/* Does the job, which stays in memory, run on that thread? */
static bool wpool__job_runs_on(wpool_job *job, const void *thread) {
    unsigned round = 0;
    const void *runner = NULL;
    /* relaxed: only its value. Who made it running is about to write it, or ends it */
    while (wpool__job_tell(job, 0) && (runner = wpool__load_relaxed(&job->thread)) == NULL)
        wpool__spin_on(&round);
    return runner == thread;
}

static bool wpool__job_is_told(const wpool_job *job) {
    return (wpool__load_acquire(job->told) & WPOOL__JOB_TOLD) != 0; /* [C1] */
}

/* To another state, waking who sleeps on it. A final one is the last touch of the job: the address
   may be dead when the wake-up is sent, which then wakes nobody or somebody who looks again. Runner
   or submitter only. True: others wait for its success. */
static bool wpool__job_publish(wpool__lot *lot, wpool_job *job, uint32_t state) {
    /* [J1] hands over the result; [E1] before the look for waiting callers of an inline pool */
    uint32_t old = wpool__exchange_seq_cst(&job->state, state);
    if (old & WPOOL__JOB_SLEPT_ON) WPOOL_UNPARK(lot, &job->state, INT32_MAX);
    return (old & WPOOL__JOB_DEPENDED) != 0;
}

/* Announces a sleeper on the job; *slept_on is what the state is then. False: there is nothing to
   sleep for, or the state changed. */
static bool wpool__job_announce(wpool_job *job, uint32_t *slept_on) {
    /* relaxed: the caller looks again before it uses anything */
    uint32_t seen = wpool__load_relaxed(&job->state);
    uint32_t state = seen & 0xFF;
    if (state >= WPOOL_STATE_SUCCEEDED || state == WPOOL_STATE_UNKNOWN) return false;
    *slept_on = seen | WPOOL__JOB_SLEPT_ON;
    /* [D6] before a look for something to steal; also if another sleeper has set it already */
    return wpool__cas_seq_cst(&job->state, &seen, *slept_on);
}

/* Sleeps until the job is in that state no more, time is out, or for no reason. */
static void wpool__job_sleep(wpool__lot *lot, wpool_job *job, wpool_state state, int64_t deadline) {
    uint32_t slept_on;
    if (wpool__job_announce(job, &slept_on) && (slept_on & 0xFF) == state)
        WPOOL_PARK(lot, &job->state, slept_on, deadline);
}

/* Lets those who sleep on the job look around. */
static void wpool__job_stir(wpool__lot *lot, wpool_job *job) {
    /* [D6] the sleeper set it before it looked for something to steal */
    if ((wpool__load_seq_cst(&job->state) & WPOOL__JOB_SLEPT_ON) == 0) return;
    /* [D6] whoever is about to sleep finds the state changed */
    wpool__and_seq_cst(&job->state, ~WPOOL__JOB_SLEPT_ON);
    WPOOL_UNPARK(lot, &job->state, INT32_MAX);
}

/* Between two looks at the clock, perhaps on processors that are not quite in step. */
static int64_t wpool__job_span(int64_t from, int64_t to) { return to > from ? to - from : 0; }

static void wpool__job_describe(const wpool_job *job, wpool_state state, wpool_result *result) {
    *result = (wpool_result){
        .id = job->id,
        .name = job->name,
        .arg = job->arg,
        .data = job->data,
        .error = job->error,
        .state = state,
        .attempts = job->attempts,
        .worker = job->ran_by,
        .waited_ns =
            wpool__job_span(job->accepted_ns, job->attempts ? job->started_ns : job->finished_ns),
        .ran_ns = job->attempts ? wpool__job_span(job->started_ns, job->finished_ns) : 0,
    };
}

/* Jobs to be called when they are told to end, and those that the table does not have and the
   worker's orders do not tell: a list, under its lock. Who tells a job does so first and then looks
   at the list; who enters it looks afterwards whether it has been told. */
typedef struct wpool__listeners {
    wpool__lock lock;
    wpool_job *first;
} wpool__listeners;

/* Takes the job out of the list, if it is there; afterwards nobody calls. */
static void wpool__listeners_leave(wpool__lot *lot, wpool__listeners *list, wpool_job *job) {
    if (!job->is_listed) return;
    wpool__lock_take(lot, &list->lock);
    wpool__list_take(job, next, link);
    wpool__lock_release(lot, &list->lock);
    job->is_listed = false;
}

/* What to call (NULL: nothing), in place of what was there. False: it has been told already. */
static bool wpool__listeners_enter(wpool__lot *lot, wpool__listeners *list, wpool_job *job,
                                   void (*call)(void *), void *arg) {
    wpool__lock_take(lot, &list->lock);
    /* [L1] who tells it now looks at the list later */
    bool is_told = wpool__job_is_told(job);
    job->on_cancel = is_told ? NULL : call;
    job->cancel_arg = arg;
    if (!job->is_listed) {
        job->is_listed = true;
        wpool__list_put(&list->first, job, next, link);
    }
    wpool__lock_release(lot, &list->lock);
    return !is_told;
}

/* Tells those that run on that thread (NULL: on any) and that only the list knows of. */
static void wpool__listeners_tell(wpool__lot *lot, wpool__listeners *list, const void *thread) {
    wpool__lock_take(lot, &list->lock);
    for (wpool_job *job = list->first; job; job = job->next)
        if (!job->id && job->told == &job->state && (!thread || wpool__job_runs_on(job, thread)))
            wpool__job_tell(job, WPOOL__JOB_TOLD);
    wpool__lock_release(lot, &list->lock);
}

/* Calls those who have been told, each once. After telling. */
static void wpool__listeners_call(wpool__lot *lot, wpool__listeners *list) {
    wpool__lock_take(lot, &list->lock);
    for (wpool_job *job = list->first; job; job = job->next) {
        void (*call)(void *) = job->on_cancel;
        if (!call || !wpool__job_is_told(job)) continue;
        job->on_cancel = NULL;
        call(job->cancel_arg);
    }
    wpool__lock_release(lot, &list->lock);
}

/* The record at a place, NULL if there is none yet. */
static wpool__record *wpool__table_at(wpool__table *table, uint32_t index) {
    return wpool__shelf_find(&table->records, index);
}

/* Adds a chunk if there is still no free record. False: out of memory, or out of ids. */
static bool wpool__table_grow(wpool__table *table) {
    bool ok = true;
    wpool__lock_take(table->lot, &table->growing);
    if (wpool__stack_is_empty(&table->free)) {
        uint32_t base = wpool__shelf_count(&table->records);
        ok = wpool__shelf_grow(&table->records);
        uint32_t end = wpool__shelf_count(&table->records);
        for (uint32_t i = base; i < end; i++) {
            wpool__record *record = wpool__table_at(table, i);
            record->index = i; /* relaxed, both: published by the free stack */
            wpool__store_relaxed(&record->hold, (uint64_t)table->first_generation << 32);
            wpool__store_relaxed(&record->next_free, i + 2);
        }
        if (ok) wpool__stack_push(&table->free, base, &wpool__table_at(table, end - 1)->next_free);
    }
    wpool__lock_release(table->lot, &table->growing);
    return ok;
}

/* A record with a fresh id, owned, with one reference. NULL: out of memory. */
static wpool__record *wpool__table_new(wpool__table *table) {
    uint32_t index;
    while (!wpool__stack_pop(&table->free, &table->records, offsetof(wpool__record, next_free),
                             &index))
        if (!wpool__table_grow(table)) return NULL;
    wpool__record *record = wpool__table_at(table, index);
    /* relaxed: nobody has the id yet, so nobody else changes the word */
    uint64_t hold = wpool__load_relaxed(&record->hold);
    record->job.id = (hold & ~WPOOL__HOLD_MASK) | (record->index + 1);
    /* [J4] whoever pins the record sees it as it is now */
    wpool__store_release(&record->hold, hold | WPOOL__HOLD_OWNED | 1);
    return record;
}

/* Lets go of a reference; the last one, if nobody owns the result, gives the record back. */
static void wpool__table_drop(wpool__table *table, wpool__record *record) {
    /* [J4] what this thread did with the record is done before somebody reuses it */
    uint64_t hold = wpool__sub_acq_rel(&record->hold, 1) - 1;
    if (hold & WPOOL__HOLD_MASK) return;
    uint32_t generation = (uint32_t)(hold >> 32) + 1;
    if (generation == table->first_generation) return; /* used up: never again */
    /* relaxed: published by the free stack; a pin with an old id compares the generation */
    wpool__store_relaxed(&record->hold, (uint64_t)generation << 32);
    wpool__stack_push(&table->free, record->index, &record->next_free);
}

/* The record of an id, with a reference more; NULL: stale or foreign. */
static wpool__record *wpool__table_pin(wpool__table *table, wpool_id id) {
    wpool__record *record = (uint32_t)id ? wpool__table_at(table, (uint32_t)id - 1) : NULL;
    if (!record) return NULL;
    uint64_t hold = wpool__load_relaxed(&record->hold); /* relaxed: the exchange checks it */
    for (;;) {
        if ((hold ^ id) >> 32 || (hold & WPOOL__HOLD_MASK) == 0) return NULL;
        /* [J4] the record as it was made or last dropped */
        if (wpool__cas_acquire(&record->hold, &hold, hold + 1)) return record;
    }
}

/* Tells every job in the table that runs, on that thread (NULL: on any). */
static void wpool__table_tell(wpool__table *table, const void *thread) {
    wpool__record *record;
    for (uint32_t i = 0; (record = wpool__table_at(table, i)) != NULL; i++)
        if (!thread || wpool__job_runs_on(&record->job, thread))
            wpool__job_tell(&record->job, WPOOL__JOB_TOLD);
}

static bool wpool__record_is_owned(wpool__record *record) {
    return (wpool__load_relaxed(&record->hold) & WPOOL__HOLD_OWNED) != 0; /* relaxed: a hint */
}

/* Takes the right to deliver the result (or to let go of it). False: somebody else has. The caller
   holds a reference. */
static bool wpool__record_claim(wpool__record *record) {
    /* relaxed: it orders nothing that the reference does not */
    return (wpool__and_relaxed(&record->hold, ~WPOOL__HOLD_OWNED) & WPOOL__HOLD_OWNED) != 0;
}

/* ==== [results] ==================================================================================
   Finished records waiting for a reader. Who finishes a job pushes its record onto the inbox, a
   stack with one compare-exchange (Treiber, 1986), and never waits or needs memory: the record
   carries the link. Readers, under a lock among themselves, move the whole inbox to the end of the
   list in order of completion and take from its front. The list holds one reference per record.
   Progress: push lock-free; take blocking among readers, for a few instructions. */

typedef struct wpool__results {
    wpool__table *table;
    wpool__lot *lot;
    wpool__event event; /* readers sleep here */
    WPOOL_ATOMIC(uint32_t) is_closed;
    _Alignas(WPOOL_CACHE_LINE) WPOOL_ATOMIC(wpool__record *) inbox;
    /* under the lock */
    _Alignas(WPOOL_CACHE_LINE) wpool__lock lock;
    wpool__record *first, *last;
} wpool__results;

static bool wpool__results_is_closed(wpool__results *results) {
    /* [E1] a reader's look after it announced itself; [S2] a finisher's before it pushes */
    return wpool__load_seq_cst(&results->is_closed) != 0;
}

/* Gives the caller's reference to the list, and wakes a reader. */
static void wpool__results_push(wpool__results *results, wpool__record *record) {
    wpool__record *top = wpool__load_relaxed(&results->inbox); /* relaxed: the exchange checks it */
    do {
        record->next = top;
        /* [S1] hands the record over to the readers; after a reader's futile look it sees what that
           one announced before */
    } while (!wpool__cas_acq_rel(&results->inbox, &top, record));
    wpool__event_notify(results->lot, &results->event, 1);
}

static void wpool__results_unlink(wpool__results *results, wpool__record *record) {
    *(record->previous ? &record->previous->next : &results->first) = record->next;
    *(record->next ? &record->next->previous : &results->last) = record->previous;
    record->is_listed = false;
}

/* Moves the inbox to the end of the list; what nobody owns any more is dropped. Under the lock. */
static void wpool__results_refill(wpool__results *results) {
    /* [S1] the records in it; and who pushes later sees what the reader announced */
    wpool__record *newest = wpool__exchange_acq_rel(&results->inbox, NULL), *oldest = NULL;
    while (newest) {
        wpool__record *record = newest;
        newest = record->next;
        record->next = oldest;
        oldest = record;
    }
    while (oldest) {
        wpool__record *record = oldest;
        oldest = record->next;
        if (!wpool__record_is_owned(record)) {
            wpool__table_drop(results->table, record);
            continue;
        }
        record->next = NULL;
        record->previous = results->last;
        *(results->last ? &results->last->next : &results->first) = record;
        results->last = record;
        record->is_listed = true;
    }
}

/* The oldest record, the caller's to deliver and then to drop; NULL: none. */
static wpool__record *wpool__results_take(wpool__results *results) {
    wpool__record *record;
    wpool__lock_take(results->lot, &results->lock);
    for (;;) {
        if (!results->first) wpool__results_refill(results);
        record = results->first;
        if (!record) break;
        wpool__results_unlink(results, record);
        if (wpool__record_claim(record)) break;
        wpool__table_drop(results->table, record);
    }
    wpool__lock_release(results->lot, &results->lock);
    return record;
}

/* The record was delivered by id, or let go: it leaves the list if it is there. */
static void wpool__results_remove(wpool__results *results, wpool__record *record) {
    wpool__lock_take(results->lot, &results->lock);
    wpool__results_refill(results);
    if (record->is_listed) {
        wpool__results_unlink(results, record);
        wpool__table_drop(results->table, record);
    }
    wpool__lock_release(results->lot, &results->lock);
}

/* No more reading: lets go of what is there but for what can still be waited for by id. False:
   closed before. */
static bool wpool__results_close(wpool__results *results) {
    /* [S2] before the list is emptied; [E1] before the readers are woken */
    if (wpool__exchange_seq_cst(&results->is_closed, 1)) return false;
    wpool__lock_take(results->lot, &results->lock);
    wpool__results_refill(results);
    while (results->first) {
        wpool__record *record = results->first;
        wpool__results_unlink(results, record);
        if (!record->has_asker) wpool__record_claim(record);
        wpool__table_drop(results->table, record);
    }
    wpool__lock_release(results->lot, &results->lock);
    wpool__event_notify_all(results->lot, &results->event);
    return true;
}

/* ==== [timer] ====================================================================================
   What has a time, the soonest first: a pairing heap (Fredman, Sedgewick, Sleator and Tarjan,
   1986). It is made of the timers themselves, so that setting one needs no memory; that takes
   constant time, taking one out O(log n), amortised. Everything here is done under the heap's lock.
   */

typedef struct wpool__timers {
    wpool__lock lock;
    wpool__event changed; /* who keeps the time sleeps here */
    int64_t until;        /* and will look again then */
    wpool__timer *top;
} wpool__timers;

/* One heap of two; either may be NULL. */
static wpool__timer *wpool__timer_meld(wpool__timer *a, wpool__timer *b) {
    if (!a || !b) return a ? a : b;
    wpool__timer *top = b->when < a->when ? b : a, *below = top == a ? b : a;
    wpool__list_put(&top->child, below, next, link);
    return top;
}

/* One heap of a row of them: in pairs from the first to the last, then these from the last on. */
static wpool__timer *wpool__timer_pair(wpool__timer *first) {
    wpool__timer *pairs = NULL, *heap = NULL;
    while (first) {
        wpool__timer *a = first, *b = a->next;
        first = b ? b->next : NULL;
        a = wpool__timer_meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        wpool__timer *next = pairs->next;
        pairs->next = NULL;
        heap = wpool__timer_meld(heap, pairs);
        pairs = next;
    }
    return heap;
}

static void wpool__timers_put(wpool__timers *timers, wpool__timer *heap) {
    timers->top = wpool__timer_meld(timers->top, heap);
    if (timers->top) timers->top->link = &timers->top;
}

/* Takes it out, if it is in. */
static void wpool__timers_remove(wpool__timers *timers, wpool__timer *timer) {
    if (!timer->link) return;
    wpool__list_take(timer, next, link);
    wpool__timers_put(timers, wpool__timer_pair(timer->child));
    timer->child = timer->next = NULL;
    timer->link = NULL;
}

/* Sets it anew. True: who keeps the time is to look at it. */
static bool wpool__timers_set(wpool__timers *timers, wpool__timer *timer, int64_t when) {
    wpool__timers_remove(timers, timer);
    timer->when = when;
    if (when == WPOOL__NEVER) return false;
    wpool__timers_put(timers, timer);
    return when < timers->until;
}

/* The soonest one, if it is due by now; NULL: none is, so the next look is at `until`. */
static wpool__timer *wpool__timers_due(wpool__timers *timers, int64_t now) {
    wpool__timer *top = timers->top;
    timers->until = top ? top->when : WPOOL__NEVER;
    if (timers->until > now) return NULL;
    wpool__timers_remove(timers, top);
    return top;
}

/* ==== [order] ====================================================================================
   What is queued otherwise than in the queue: by priority, in a ring for each; last in, first out,
   on a stack; and jobs that had to wait for something else before ([pace]) and are ready now: lists
   of records, which need no memory, under a lock. Rings and stack are made when they are first
   asked for, and from then on looked at. */

enum { WPOOL__HAS_RANKS = 1, WPOOL__HAS_PILE = 2, WPOOL__RANKS = 3 };

/* A call on the stack. */
typedef struct wpool__card {
    WPOOL_ATOMIC(uint32_t) below;
    wpool__call call;
} wpool__card;

typedef struct wpool__jobs {
    wpool_job *first, **last; /* first NULL: empty */
} wpool__jobs;

typedef struct wpool__orders {
    wpool__lot *lot;
    wpool__queue ranks[WPOOL__RANKS]; /* by wpool_priority */
    wpool__shelf cards;
    wpool__stack pile, spare;
    WPOOL_ATOMIC(uint32_t) made; /* bits: which of these there are */
    /* under the lock */
    _Alignas(WPOOL_CACHE_LINE) wpool__lock lock;
    wpool__jobs ready[WPOOL__RANKS];
    WPOOL_ATOMIC(uint64_t) ready_count;
} wpool__orders;

static bool wpool__orders_has(wpool__orders *orders, uint32_t what) {
    /* [O1] they are there; [I1] also a sleeper's look */
    return (wpool__load_seq_cst(&orders->made) & what) != 0;
}

/* Room for so many calls in each of the rings. False: out of memory. As queue_grow. */
static bool wpool__orders_make_ranks(wpool__orders *orders, const wpool_allocator *allocator,
                                     size_t capacity) {
    for (int i = 0; i < WPOOL__RANKS; i++) {
        wpool__queue *rank = &orders->ranks[i];
        bool is_there = rank->first.slots != NULL;
        if (!(is_there ? wpool__queue_grow(rank, capacity)
                       : wpool__queue_init(rank, allocator, capacity)))
            return false;
    }
    wpool__or_seq_cst(&orders->made, WPOOL__HAS_RANKS); /* [O1] [I1] before one is put there */
    return true;
}

/* The same for the stack. */
static bool wpool__orders_make_pile(wpool__orders *orders, size_t capacity) {
    while (wpool__shelf_count(&orders->cards) < capacity) {
        uint32_t base = wpool__shelf_count(&orders->cards);
        if (!wpool__shelf_grow(&orders->cards)) return false;
        uint32_t end = wpool__shelf_count(&orders->cards);
        for (uint32_t i = base; i < end; i++) {
            wpool__card *card = wpool__shelf_at(&orders->cards, i);
            wpool__stack_push(&orders->spare, i, &card->below);
        }
    }
    wpool__or_seq_cst(&orders->made, WPOOL__HAS_PILE); /* [O1] [I1] before one is put there */
    return true;
}

static void wpool__orders_free(wpool__orders *orders) {
    for (int i = 0; i < WPOOL__RANKS; i++)
        if (orders->ranks[i].first.slots) wpool__queue_free(&orders->ranks[i]);
    wpool__shelf_free(&orders->cards);
}

/* Puts an accepted call where its priority says. There is room, by the capacity. Any thread. */
static void wpool__orders_put_rank(wpool__orders *orders, wpool_priority rank, wpool__call call) {
    wpool__queue *queue = &orders->ranks[rank];
    /* [I1] before the look at who sleeps; [Q3] the ring that it is for */
    wpool__queue_put(queue, wpool__add_seq_cst(&queue->tail, 1), call);
}

/* The same onto the stack. */
static void wpool__orders_put_pile(wpool__orders *orders, wpool__call call) {
    const size_t below = offsetof(wpool__card, below);
    uint32_t index;
    unsigned round = 0;
    while (!wpool__stack_pop(&orders->spare, &orders->cards, below, &index))
        wpool__spin_on(&round); /* who took the last one is about to give it back */
    wpool__card *card = wpool__shelf_at(&orders->cards, index);
    card->call = call;
    wpool__stack_push(&orders->pile, index, &card->below);
}

static bool wpool__orders_take_pile(wpool__orders *orders, wpool__call *call) {
    const size_t below = offsetof(wpool__card, below);
    uint32_t index;
    if (!wpool__stack_pop(&orders->pile, &orders->cards, below, &index)) return false;
    wpool__card *card = wpool__shelf_at(&orders->cards, index);
    *call = card->call;
    wpool__stack_push(&orders->spare, index, &card->below);
    return true;
}

/* A job becomes ready; from now on it is the taker's. */
static void wpool__orders_put_ready(wpool__orders *orders, wpool_priority rank, wpool_job *job) {
    wpool__lock_take(orders->lot, &orders->lock);
    wpool__jobs *list = &orders->ready[rank];
    job->next = NULL;
    *(list->first ? list->last : &list->first) = job;
    list->last = &job->next;
    wpool__add_seq_cst(&orders->ready_count, 1); /* [I1] before the look at who sleeps */
    wpool__lock_release(orders->lot, &orders->lock);
}

/* NULL: there is none. */
static wpool_job *wpool__orders_take_ready(wpool__orders *orders, wpool_priority rank) {
    /* relaxed: who sees an old one looks once more before it sleeps */
    if (wpool__load_relaxed(&orders->ready_count) == 0) return NULL;
    wpool__lock_take(orders->lot, &orders->lock);
    wpool_job *job = orders->ready[rank].first;
    if (job) {
        orders->ready[rank].first = job->next;
        wpool__add_relaxed(&orders->ready_count, UINT64_MAX); /* relaxed: only the count */
    }
    wpool__lock_release(orders->lot, &orders->lock);
    return job;
}

/* At least the calls that were there all the time, put or about to be. Not the ready jobs. */
static uint64_t wpool__orders_length(wpool__orders *orders) {
    uint64_t length = 0;
    if (wpool__orders_has(orders, WPOOL__HAS_RANKS))
        for (int i = 0; i < WPOOL__RANKS; i++)
            length += wpool__queue_length(&orders->ranks[i]);
    if (wpool__orders_has(orders, WPOOL__HAS_PILE)) length += !wpool__stack_is_empty(&orders->pile);
    return length;
}

static bool wpool__orders_has_ready(wpool__orders *orders) {
    return wpool__load_seq_cst(&orders->ready_count) != 0; /* [I1] a sleeper's look */
}

/* Is there nothing of all this to be looked at? */
static bool wpool__orders_are_unused(wpool__orders *orders) {
    /* relaxed, both: who sees old ones looks once more before it sleeps */
    return wpool__load_relaxed(&orders->made) == 0 &&
           wpool__load_relaxed(&orders->ready_count) == 0;
}

/* The i-th of the priorities to be looked at by who takes for the turn-th time: of 16 turns one
   begins with the low ones, and one with the normal ones. */
static wpool_priority wpool__orders_rank(uint32_t turn, unsigned i) {
    static const wpool_priority ranks[3][WPOOL__RANKS] = {
        {WPOOL_HIGH, WPOOL_NORMAL, WPOOL_LOW},
        {WPOOL_NORMAL, WPOOL_HIGH, WPOOL_LOW},
        {WPOOL_LOW, WPOOL_HIGH, WPOOL_NORMAL},
    };
    return ranks[turn % 16 == 15 ? 2 : turn % 16 == 7 ? 1 : 0][i];
}

/* ==== [watch] ====================================================================================
   The accounts. Each worker has one, which only it writes; one more is shared by all who end jobs
   without being a worker. An account is two numbers in one word, so any reader gets both of one
   instant: how many jobs it has finished, and how many it runs now (more than one: a job that waits
   and has another run inside of it). What is not success is counted aside, under a version that is
   odd while the two are out of step (a sequence lock: Lameter, 2005).

       left the queue  = finished + running           (over all accounts)
       waiting         = accepted - left the queue
       succeeded       = finished - failed - cancelled - discarded

   A job that is put back to run again counts as finished there, and aside as returned: both are
   taken off what is said above.

   All of it only grows but running, so reading finished before accepted never shows more finished
   than accepted. delivering is up while a job that counts as finished is still being handed over.
   */

#define WPOOL__RUNNING_BITS 14
#define WPOOL__FINISHED_ONE (UINT64_C(1) << WPOOL__RUNNING_BITS)
enum { WPOOL__FAILED, WPOOL__CANCELLED, WPOOL__DISCARDED, WPOOL__RETURNED, WPOOL__ENDINGS };
#define WPOOL__STATE_RETURNED ((wpool_state)(WPOOL_STATE_FAILED + WPOOL__RETURNED))

typedef struct wpool__account {
    _Alignas(WPOOL_CACHE_LINE) WPOOL_ATOMIC(uint64_t) progress; /* finished, running */
    WPOOL_ATOMIC(uint64_t) endings[WPOOL__ENDINGS];
    WPOOL_ATOMIC(uint64_t) job; /* the id of the innermost job that runs, if it has one */
    WPOOL_ATOMIC(uint32_t) version;
    WPOOL_ATOMIC(uint32_t) delivering;
    wpool__lock lock; /* of the shared one: for endings */
    bool is_shared;
    WPOOL_ATOMIC(uint32_t) presence; /* its worker's thread: a wpool__presence */
} wpool__account;

typedef enum wpool__presence { WPOOL__ABSENT, WPOOL__SERVES, WPOOL__LEAVES } wpool__presence;

typedef struct wpool__watch {
    wpool__shelf accounts;         /* 0 is the shared one, 1 + i worker i's */
    WPOOL_ATOMIC(uint32_t) count;  /* of them */
    wpool__event quiet;            /* who waits until nothing waits or runs sleeps here */
    wpool__event room;             /* who waits for room in the queue sleeps here */
    WPOOL_ATOMIC(uint64_t) direct; /* a gate, as the queue's tail: jobs accepted past the queue */
    WPOOL_ATOMIC(uint64_t) paced;  /* another one: jobs accepted without a place in the queue */
    WPOOL_ATOMIC(uint64_t) passed; /* how often jobs left that have none */
    WPOOL_ATOMIC(uint64_t) held;   /* of these, those that are not ready */
    WPOOL_ATOMIC(uint64_t) buried; /* calls that have left the queue after their jobs */
    wpool__account removed;        /* the shared one for jobs cancelled before they left it */
    WPOOL_ATOMIC(uint32_t) takers; /* jobs in wpool_take, and those below them on a stack */
    WPOOL_ATOMIC(uint32_t) takers_asleep; /* workers that sleep there */
    WPOOL_ATOMIC(uint32_t)
    is_takers_only; /* closed, and only such jobs were left, once: for ever */
} wpool__watch;

static wpool__account *wpool__watch_account(wpool__watch *watch, uint32_t i) {
    return wpool__shelf_at(&watch->accounts, i);
}

static uint32_t wpool__watch_count(wpool__watch *watch) {
    /* [K1] the accounts are there; and after a waiter announced itself, it is before the looks of
       workers that it does not count */
    return wpool__load_seq_cst(&watch->count);
}

static wpool__presence wpool__account_presence(wpool__account *account) {
    /* [K1] after a submitter announced itself, as for the count */
    return (wpool__presence)wpool__load_seq_cst(&account->presence);
}

/* How many jobs its worker runs, inside of each other. */
static uint32_t wpool__account_running(wpool__account *account) {
    /* relaxed: asked by the only writer, or a guess */
    return (uint32_t)(wpool__load_relaxed(&account->progress) % WPOOL__FINISHED_ONE);
}

/* Says which job runs now; the one before. */
static wpool_id wpool__account_name(wpool__account *account, wpool_id job) {
    /* relaxed: its only writer */
    wpool_id before = wpool__load_relaxed(&account->job);
    /* [W2] after the count of one that has ended before */
    if (!account->is_shared) wpool__store_release(&account->job, job);
    return before;
}

/* Are those as many as can be counted? */
static bool wpool__account_is_deep(wpool__account *account) {
    return wpool__account_running(account) == WPOOL__FINISHED_ONE - 1;
}

/* A job leaves the queue to be run. */
static void wpool__account_begin(wpool__account *account) {
    if (account->is_shared) {
        wpool__add_seq_cst(&account->progress, 1); /* [R1] before the look for who waits for room */
    } else {
        uint64_t progress = wpool__load_relaxed(&account->progress); /* relaxed: its only writer */
        /* [R1] before the look for who waits for room, who reads this after announcing itself */
        wpool__store_seq_cst(&account->progress, progress + 1);
    }
}

/* progress += delta, for what ends. */
static void wpool__account_add(wpool__account *account, uint64_t delta) {
    if (account->is_shared || delta == WPOOL__FINISHED_ONE) {
        /* [R1] a discarded one leaves the queue: before the look for who waits for room; [W1] [W2]
           [W3] as below, before settling */
        wpool__add_seq_cst(&account->progress, delta);
    } else {
        uint64_t progress = wpool__load_relaxed(&account->progress); /* relaxed: its only writer */
        /* [W1] what the job did, to who sees it finished; [W2] and its ending */
        wpool__store_release(&account->progress, progress + delta);
    }
}

static void wpool__account_count(wpool__lot *lot, wpool__account *account, wpool_state state,
                                 uint64_t delta) {
    if (state == WPOOL_STATE_SUCCEEDED) {
        wpool__account_add(account, delta);
        return;
    }
    if (account->is_shared) wpool__lock_take(lot, &account->lock);
    WPOOL_ATOMIC(uint64_t) *ending = &account->endings[state - WPOOL_STATE_FAILED];
    /* relaxed, these loads: the only writer, or under the lock */
    uint32_t version = wpool__load_relaxed(&account->version);
    uint64_t before = wpool__load_relaxed(ending);
    wpool__store_relaxed(&account->version,
                         version + 1);        /* relaxed: [W2] the next two publish it */
    wpool__store_release(ending, before + 1); /* [W2] who sees it sees an odd or later version */
    wpool__account_add(account, delta);
    wpool__store_release(&account->version, version + 2); /* [W2] who sees it sees both changes */
    if (account->is_shared) wpool__lock_release(lot, &account->lock);
}

/* A job that begin counted has ended so. */
static void wpool__account_end(wpool__lot *lot, wpool__account *account, wpool_state state) {
    wpool__account_count(lot, account, state, WPOOL__FINISHED_ONE - 1);
}

/* A job leaves the queue without being run, and has ended so. */
static void wpool__account_discard(wpool__lot *lot, wpool__account *account, wpool_state state) {
    wpool__account_count(lot, account, state, WPOOL__FINISHED_ONE);
}

static void wpool__account_deliver(wpool__account *account, bool begins) {
    uint32_t change = begins ? 1 : UINT32_MAX;
    if (account->is_shared) {
        wpool__add_seq_cst(&account->delivering, change); /* [W1] as below */
    } else {
        uint32_t now = wpool__load_relaxed(&account->delivering); /* relaxed: its only writer */
        /* [W1] down: the delivery is done; up: relaxed would do, the count that follows publishes
           it */
        wpool__store_release(&account->delivering, now + change);
    }
}

/* One consistent look at an account; stats gets its share. */
static void wpool__account_read(wpool__account *account, wpool_stats_snapshot *stats) {
    uint64_t endings[WPOOL__ENDINGS], progress;
    uint32_t version;
    unsigned round = 0;
    for (;; wpool__spin_on(&round)) {
        version = wpool__load_acquire(&account->version);   /* [W2] */
        progress = wpool__load_acquire(&account->progress); /* [W2] [W1] */
        for (int i = 0; i < WPOOL__ENDINGS; i++)
            endings[i] = wpool__load_acquire(&account->endings[i]); /* [W2] */
        /* relaxed: what was read above brought the version along with it */
        if (version % 2 == 0 && wpool__load_relaxed(&account->version) == version) break;
    }
    stats->running += progress % WPOOL__FINISHED_ONE;
    stats->failed += endings[WPOOL__FAILED];
    stats->cancelled += endings[WPOOL__CANCELLED];
    stats->discarded += endings[WPOOL__DISCARDED];
    stats->retries += endings[WPOOL__RETURNED];
    stats->succeeded += progress / WPOOL__FINISHED_ONE;
    for (int i = 0; i < WPOOL__ENDINGS; i++)
        stats->succeeded -= endings[i];
}

/* Jobs ever accepted. */
static uint64_t wpool__watch_accepted(wpool__watch *watch, wpool__queue *queue) {
    return wpool__gate_count(&queue->tail) + wpool__gate_count(&watch->direct) +
           wpool__gate_count(&watch->paced);
}

/* Calls that have left the queue, and one for each worker that runs none if places is 1. The share
   of an account never falls, for its two numbers are of one instant: so the sum is not above what
   it is at the end of the reading. The jobs that were removed count when their calls have left. */
static uint64_t wpool__watch_left(wpool__watch *watch, uint64_t places) {
    uint64_t left = wpool__load_seq_cst(&watch->buried); /* [R1] as below */
    uint32_t count = wpool__watch_count(watch);
    for (uint32_t i = 0; i < count; i++) {
        wpool__account *account = wpool__watch_account(watch, i);
        /* [R1] after the caller announced that it waits for room; [W1] and what it read is done */
        uint64_t progress = wpool__load_seq_cst(&account->progress);
        uint64_t running = progress % WPOOL__FINISHED_ONE;
        left += progress / WPOOL__FINISHED_ONE + running;
        if (places && !running && wpool__account_presence(account) == WPOOL__SERVES) left += places;
    }
    /* [R1] last: those that are counted above have been there before */
    uint64_t passed = wpool__load_seq_cst(&watch->passed);
    return left > passed ? left - passed : 0;
}

/* A job that has no place in the queue is about to count as having left. */
static void wpool__watch_pass(wpool__watch *watch) {
    wpool__add_seq_cst(&watch->passed, 1); /* [R1] before the account that counts it */
}

/* Jobs that run or have ended; *returned of them, where it is not NULL, are to run again: a job
   begins anew with each of its runs. */
static uint64_t wpool__watch_begun(wpool__watch *watch, uint64_t *returned) {
    uint64_t begun = wpool__load_seq_cst(&watch->removed.progress) / WPOOL__FINISHED_ONE; /* [X1] */
    uint32_t count = wpool__watch_count(watch);
    for (uint32_t i = 0; i < count; i++) {
        wpool__account *account = wpool__watch_account(watch, i);
        uint64_t progress = wpool__load_seq_cst(&account->progress); /* [X1] what its worker did */
        begun += progress / WPOOL__FINISHED_ONE + progress % WPOOL__FINISHED_ONE;
        if (returned) /* [W2] before that */
            *returned += wpool__load_acquire(&account->endings[WPOOL__RETURNED]);
    }
    return begun;
}

/* What a worker does, from its account. */
static void wpool__watch_worker(wpool__watch *watch, unsigned index, wpool_worker_info *info) {
    wpool__account *account = wpool__watch_account(watch, 1 + index);
    bool is_leaving = wpool__account_presence(account) == WPOOL__LEAVES;
    wpool_stats_snapshot stats;
    wpool_id job;
    uint64_t progress;
    unsigned round = 0;
    do { /* a look in which none begins, or ends; jobs with a name are not that quick for ever */
        progress = wpool__load_acquire(&account->progress); /* [W2] */
        stats = (wpool_stats_snapshot){0};
        wpool__account_read(account, &stats);
        job = wpool__load_acquire(&account->job); /* [W2] before the next look */
        /* relaxed: as in account_read */
    } while (wpool__load_relaxed(&account->progress) != progress && ++round < 32);
    *info = (wpool_worker_info){
        .worker = index,
        .activity = is_leaving      ? WPOOL_LEAVING
                    : stats.running ? WPOOL_BUSY
                                    : WPOOL_AVAILABLE,
        .running = (unsigned)stats.running,
        .job = stats.running ? job : 0,
        .finished = stats.succeeded + stats.failed + stats.cancelled,
        .failed = stats.failed,
        .cancelled = stats.cancelled,
    };
}

/* Jobs accepted and not finished, or finished and not handed over; exact when nobody submits. idle
   is read first: [W3] so that all is seen that workers did before they went to sleep. */
static uint64_t wpool__watch_unfinished(wpool__watch *watch, wpool__idle *idle,
                                        wpool__queue *queue) {
    uint64_t finished = 0, delivering = 0;
    (void)wpool__idle_word(idle);
    uint32_t count = wpool__watch_count(watch);
    for (uint32_t i = 0; i < count; i++) {
        wpool__account *account = wpool__watch_account(watch, i);
        /* [W1] so the delivery read next is that job's, or done; [W3] after the caller announced
           itself */
        finished += wpool__load_seq_cst(&account->progress) / WPOOL__FINISHED_ONE;
        finished -= wpool__load_acquire(&account->endings[WPOOL__RETURNED]); /* [W2] before that */
        delivering += wpool__load_seq_cst(&account->delivering);             /* [W1] [W3] */
    }
    /* [W1] [W3] the same */
    finished += wpool__load_seq_cst(&watch->removed.progress) / WPOOL__FINISHED_ONE;
    delivering += wpool__load_seq_cst(&watch->removed.delivering); /* [W1] [W3] */
    return wpool__watch_accepted(watch, queue) - finished + delivering;
}

/* A snapshot. accepted is read first, so that never more jobs seem to wait than there were; if more
   have left since, as many were accepted. */
static void wpool__watch_read(wpool__watch *watch, wpool__queue *queue,
                              wpool_stats_snapshot *stats) {
    uint64_t accepted = wpool__watch_accepted(watch, queue);
    uint64_t held = wpool__load_relaxed(&watch->held); /* relaxed: a count for onlookers */
    uint32_t count = wpool__watch_count(watch);
    *stats = (wpool_stats_snapshot){0};
    for (uint32_t i = 0; i < count; i++)
        wpool__account_read(wpool__watch_account(watch, i), stats);
    wpool__account_read(&watch->removed, stats);
    uint64_t left =
        stats->running + stats->succeeded + stats->failed + stats->cancelled + stats->discarded;
    stats->accepted = accepted > left ? accepted : left;
    stats->waiting = stats->accepted - left;
    stats->delayed = held < stats->waiting ? held : stats->waiting;
}

#ifndef WPOOL_CORE_ONLY
/* ==== [crew] =====================================================================================
   What a pool is made of; who works for it; who is told when work comes or ends. */

/* control, bits */
enum {
    WPOOL__PAUSED = 1,
    WPOOL__STOPPED = 2,
    WPOOL__LEFTOVERS = 4, /* workers that left, or are about to, may hold calls in their deques */
    WPOOL__EXIT = 8,
    WPOOL__THROTTLED = 16, /* the rate allows no job to start before its timer is due */
    WPOOL__HOT = WPOOL__JOB_TOLD
};

#define WPOOL__NAME_SIZE 32
#define WPOOL__LEAVE UINT32_C(1) /* orders, a bit: end after this job */

/* Do no jobs start? Once stopped, nothing is held back: what is left is to be discarded. */
static bool wpool__control_is_paused(uint32_t control) {
    return (control & (WPOOL__PAUSED | WPOOL__THROTTLED)) &&
           !(control & (WPOOL__STOPPED | WPOOL__EXIT));
}

/* Will they start again when it is time? */
static bool wpool__control_is_throttled(uint32_t control) {
    return wpool__control_is_paused(control) && !(control & WPOOL__PAUSED);
}

/* Which pools the calling thread works for at this moment, innermost first. */
typedef struct wpool__context {
    const wpool *pool;
    struct wpool_worker
        *worker; /* NULL: a caller that runs its own job (WPOOL_RUN), or ends some */
    struct wpool__context *outer;
    wpool_job *job;  /* the innermost one with a record, or of the caller's, that it runs */
    uint32_t taking; /* jobs on the stack up to the last one that is in wpool_take; 0: see outer */
    const WPOOL_ATOMIC(uint32_t) * told; /* of the innermost job; NULL: a plain one */
    bool is_ending;                      /* it only calls on_done of jobs that do not run */
    struct wpool__ending *ending;        /* the innermost on_done */
} wpool__context;

/* An on_done of a member that is being called. */
typedef struct wpool__ending {
    wpool_group *group;
    struct wpool__ending *outer;
} wpool__ending;

/* The only mutable object that is not in a pool: a job must be able to find the worker it is on.
   Its address tells threads apart. */
#ifdef WPOOL_THREAD_SLOT
#define wpool__contexts WPOOL_THREAD_SLOT
#else
static WPOOL_THREAD_LOCAL wpool__context *wpool__contexts;
#endif

typedef struct wpool_worker {
    /* set at creation */
    wpool *pool;
    wpool__account *account;
    unsigned index;                     /* among its like */
    bool is_guest;                      /* no worker, but a thread that takes part in a loop */
    bool is_new;                        /* started just now; under the crew's lock */
    wpool_job self;                     /* the context of plain jobs */
    WPOOL_ATOMIC(uint32_t) orders;      /* bits: WPOOL__LEAVE, WPOOL__JOB_TOLD */
    WPOOL_ATOMIC(const void *) address; /* of its thread's contexts, once it has begun */
    WPOOL_ATOMIC(int64_t) idle_since;   /* 0: it is not */
    WPOOL_ATOMIC(uint32_t) blocks; /* how often, one in the other, its jobs wait for something */
    WPOOL_ATOMIC(uint32_t) waits;  /* of these, for jobs */
    /* its own thread only */
    void *state;          /* from hooks.worker_start */
    uint32_t popped;      /* calls from its deque since it last looked at the queue */
    bool is_oldests_turn; /* it was, or the queue's, when it did */
    uint32_t turn;        /* times that it took a call while there were more kinds than that */
    uint32_t random;
    int64_t slot; /* where the part of the rate ends that it took last */

    /* with interrupt_signal, under the lock of the timers */
    const WPOOL_ATOMIC(uint32_t) *
        innermost;      /* says whether what it runs was told; NULL: nothing */
    wpool__timer nudge; /* while it was */
    unsigned nudges;    /* so far */
#ifndef WPOOL_NO_THREADS
    wpool__thread runner;
#endif
    /* its own thread only */
    bool has_left_nested; /* its thread is leaving by pthread_exit, out of a job inside of a job */
    bool is_busy_time;    /* the last sleep was short */
    bool is_searching;
    struct wpool__frame *stolen; /* forked jobs that it runs for others, innermost first */
#ifndef WPOOL_NO_THREADS
    wpool__thread thread; /* who starts the thread, before it lets it in */
    wpool__thread lost;   /* the thread before, that left by pthread_exit */
    bool has_lost;
#endif
    /* shared with thieves */
    wpool__deque deque;
} wpool_worker;

/* The workers: those without a thread first, for guests. */
typedef struct wpool__crew {
    wpool__shelf workers;
    WPOOL_ATOMIC(uint32_t) count;   /* of them, with a thread or not */
    WPOOL_ATOMIC(uint32_t) serving; /* threads that take jobs (inline: one) */
    WPOOL_ATOMIC(uint32_t) present; /* and those that are about to leave */
    wpool__lock lock;               /* who comes and goes; the configuration */
#ifndef WPOOL_NO_THREADS
    wpool__thread gone; /* the last one to leave, for the next one to join */
    bool has_gone;
#endif
} wpool__crew;

/* Who keeps the time: a thread that is started with the first timer (inline: who waits); and what
   waits for it, under the lock of the timers. */
typedef struct wpool__keeper {
    wpool__timers timers;
    wpool_job *held;             /* those that wait for their time, or for others */
    wpool_lane *lanes;           /* those in which jobs wait */
    wpool__event lane_room;      /* who waits for room in a lane sleeps here */
    struct wpool__rouse *idlers; /* workers that wait, and want to know what becomes ready */
    uint32_t random;
    bool is_news, is_ready, has_room; /* since the lock was taken: what to tell whom */
    bool is_started;
#ifndef WPOOL_NO_THREADS
    wpool__thread thread;
#endif
} wpool__keeper;

#define WPOOL__POKE_ONE (UINT64_C(1) << 40)
#define WPOOL__POKE_MOST UINT64_C(0x3FFFFF)
#define WPOOL__POKE_IDLE (UINT64_C(1) << 63) /* more jobs than workers are idle when one looks */
#define WPOOL__POKE_NEVER UINT64_MAX

/* Who changes the number of workers by the rules ([scaler]). */
typedef struct wpool__scaler {
    /* a submit is to wake it when so many jobs have been accepted: bits 0-39, which wrap; and so
       many wait at least: bits 40-61, chosen by the scaler alone; or as WPOOL__POKE_IDLE says */
    WPOOL_ATOMIC(uint64_t) poke;
    WPOOL_ATOMIC(uint32_t) is_on;
    WPOOL_ATOMIC(uint32_t) blocked;  /* workers that wait for something, or are in wpool_blocking */
    WPOOL_ATOMIC(uint32_t) sleepers; /* of these, those that wait for jobs */
    WPOOL_ATOMIC(uint32_t) lent;     /* workers added in place of such ones */
    WPOOL_ATOMIC(uint32_t) knocking; /* submitters that wait for room */
    WPOOL_ATOMIC(uint64_t) ups, downs;
    WPOOL_ATOMIC(uint32_t) wakes; /* how often one of the sleepers went on */
    wpool__timer timer, stall;    /* when to look again; when the pool is stalled */
    uint32_t stall_wakes;         /* wakes when that timer was set; under its lock */
    bool did_all_wait;            /* then */
    /* under the crew's lock */
    int64_t grown_at, shrunk_at, failed_at, marked_at;
    uint64_t mark; /* when so many have begun, all have that waited at marked_at */
} wpool__scaler;

/* A pool in the group that is its upstream. */
typedef struct wpool__upstream {
    wpool *pool;
    void (*stop)(wpool *pool);
    struct wpool__upstream *next, **link, *told;
    wpool__timer timer;
} wpool__upstream;

struct wpool {
    /* set at creation, but for what wpool_configure may change: that under the crew's lock */
    wpool__guard guard;
    wpool_config config; /* resolved */
    wpool_allocator allocator_copy;
    const wpool_allocator *allocator; /* that copy, or NULL: the default one */
    char name[WPOOL__NAME_SIZE];
    unsigned char uuid[16];
    bool is_inline;
    bool has_fence; /* heavy ones are to be had */
    /* rarely written */
    WPOOL_ATOMIC(size_t) capacity; /* 0: unbuffered */
    WPOOL_ATOMIC(uint32_t) when_full;
    WPOOL_ATOMIC(uint32_t) help;
    WPOOL_ATOMIC(uint32_t) order;
    wpool__bucket bucket;
    wpool__timer throttle;
    wpool__crew crew;
    WPOOL_ATOMIC(uint32_t) control;
    WPOOL_ATOMIC(uint32_t) guests;   /* bits: those in use */
    WPOOL_ATOMIC(uint32_t) visitors; /* who cancels groups, and will touch the pool once more */
    wpool__listeners listeners;
    wpool__lock driver; /* inline: who holds it is the worker */
    wpool__event drive; /* inline: who waits sleeps here, for whatever */
    wpool__lot lot;
    wpool__watch watch;
    /* written by producers: no ticket at or above it may be claimed without a new look. Above
       WPOOL__GATE_COUNT: how often the capacity was changed */
    _Alignas(WPOOL_CACHE_LINE) WPOOL_ATOMIC(uint64_t) room_until[2]; /* [1]: with an order */
    wpool__queue queue;
    wpool__orders orders;
    wpool__idle idle;
    wpool__table table;
    wpool__results results;
    wpool__bell bell; /* for readers of results that poll */
    wpool__keeper keeper;
    wpool__scaler scaler;
    wpool__upstream upstream;
};

static size_t wpool__pool_capacity(wpool *pool) {
    /* [E1] a submitter's look after it announced itself; [Q3] the ring has room for so many */
    return wpool__load_seq_cst(&pool->capacity);
}

static bool wpool__pool_is_unbuffered(wpool *pool) { return wpool__pool_capacity(pool) == 0; }

static wpool_when_full wpool__pool_policy(wpool *pool) {
    return (wpool_when_full)wpool__load_relaxed(&pool->when_full); /* relaxed: it orders nothing */
}

static wpool_order wpool__pool_order(wpool *pool) {
    return (wpool_order)wpool__load_acquire(&pool->order); /* [O1] what it needs is there */
}

static bool wpool__pool_has_rate(wpool *pool) {
    return wpool__load_relaxed(&pool->bucket.interval) != 0; /* relaxed: it orders nothing */
}

static wpool_help wpool__pool_help(wpool *pool) {
    return (wpool_help)wpool__load_relaxed(&pool->help); /* relaxed: it orders nothing */
}

static uint32_t wpool__crew_count(wpool *pool) {
    /* [K1] they are there; and for who announced itself as in the account's count */
    return wpool__load_seq_cst(&pool->crew.count);
}

/* Worker i of those, guests first. */
static wpool_worker *wpool__crew_at(wpool *pool, uint32_t i) {
    return wpool__shelf_at(&pool->crew.workers, i);
}

static uint32_t wpool__crew_present(wpool *pool) {
    return wpool__load_seq_cst(&pool->crew.present); /* [E1] a taker's look */
}

/* How many share the work, one at least. */
static uint32_t wpool__crew_serving(wpool *pool) {
    return wpool__load_relaxed(&pool->crew.serving); /* relaxed: a guess */
}

/* Counts a worker in or out. Under the lock. */
static void wpool__crew_count_in(wpool_worker *worker, wpool__presence presence) {
    wpool__crew *crew = &worker->pool->crew;
    wpool__account *account = worker->account;
    /* relaxed, this one: changed under the lock only */
    wpool__presence before = (wpool__presence)wpool__load_relaxed(&account->presence);
    uint32_t serving = (presence == WPOOL__SERVES) - (uint32_t)(before == WPOOL__SERVES);
    uint32_t present = (presence != WPOOL__ABSENT) - (uint32_t)(before != WPOOL__ABSENT);
    /* [K1] before the worker's first look at who waits; [E1] the last one before takers are woken
       */
    wpool__store_seq_cst(&account->presence, presence);
    wpool__add_relaxed(&crew->serving, serving); /* relaxed: a guess for who reads it */
    wpool__add_seq_cst(&crew->present, present); /* [E1] before takers are woken */
}

/* xorshift (Marsaglia, 2003); *random is not 0. */
static uint32_t wpool__random_next(uint32_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 17;
    return *random ^= *random << 5;
}

/* The innermost one of this pool, or NULL. */
static wpool__context *wpool__context_of(const wpool *pool) {
    wpool__context *context = wpool__contexts;
    while (context && context->pool != pool)
        context = context->outer;
    return context;
}

/* The worker, of whichever pool, whose job the calling thread runs; NULL: it runs none on one. */
static wpool_worker *wpool__worker_calling(void) {
    return wpool__contexts ? wpool__contexts->worker : NULL;
}

/* The calling thread's worker in this pool; *is_inside: or at least it runs a job of the pool. */
static wpool_worker *wpool__worker_here(const wpool *pool, bool *is_inside) {
    *is_inside = false;
    for (wpool__context *context = wpool__contexts; context; context = context->outer) {
        if (context->pool != pool) continue;
        *is_inside = true;
        if (context->worker) return context->worker;
    }
    return NULL;
}

static uint32_t wpool__worker_control(wpool *pool) {
    return wpool__load_acquire(&pool->control); /* [C1] */
}

/* Is there a call that no worker has taken? */
static bool wpool__worker_sees_queued(wpool *pool) {
    return wpool__queue_length(&pool->queue) != 0 || wpool__orders_length(&pool->orders) != 0 ||
           wpool__orders_has_ready(&pool->orders);
}

/* Is there a call that a worker could take? */
static bool wpool__worker_sees_work(wpool *pool) {
    /* [I1] the sleeper's look after it announced itself; resuming writes it, then wakes */
    if (wpool__control_is_paused(wpool__load_seq_cst(&pool->control))) return false;
    if (wpool__worker_sees_queued(pool)) return true;
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = 0; i < count; i++)
        if (wpool__deque_length(&wpool__crew_at(pool, i)->deque) != 0) return true;
    return false;
}

/* Inline: something changed that may let one of the waiting callers go on. */
static void wpool__worker_tell_drivers(wpool *pool) {
    if (pool->is_inline && wpool__event_has_waiters(&pool->drive))
        wpool__event_notify_all(&pool->lot, &pool->drive);
}

/* Does the calling thread call on_done of a job that had a place in the queue? */
static bool wpool__worker_is_ending(const wpool *pool) {
    for (wpool__context *context = wpool__contexts; context; context = context->outer)
        if (context->pool == pool && context->is_ending) return true;
    return false;
}

/* Places became free: lets as many submitters look again. */
static void wpool__worker_free_room(wpool *pool, uint32_t places) {
    wpool__worker_tell_drivers(pool);
    if (wpool__event_has_waiters(&pool->watch.room))
        wpool__event_notify(&pool->lot, &pool->watch.room,
                            wpool__pool_is_unbuffered(pool) ? UINT32_MAX : places);
}

static uint64_t wpool__worker_unfinished(wpool *pool) {
    return wpool__watch_unfinished(&pool->watch, &pool->idle, &pool->queue);
}

/* Of a closed pool: can nothing finish any more but the jobs that are in wpool_take? They leave it
   one by one, but for them the answer stays. */
static bool wpool__worker_only_takers_left(wpool *pool) {
    /* [W3] takers announce themselves before they look */
    if (wpool__worker_unfinished(pool) <= wpool__load_seq_cst(&pool->watch.takers))
        wpool__store_seq_cst(&pool->watch.is_takers_only, 1); /* [W3] before this one leaves */
    /* [W3] last: whoever is counted no more, because of this answer, has left it here */
    return wpool__load_seq_cst(&pool->watch.is_takers_only) != 0;
}

/* Tells those who wait for the end of all work, if it has come. Called after work ended, by whoever
   ended it: by workers after they entered idle [W3], by others after a change of the shared
   account. */
static void wpool__worker_settle(wpool *pool) {
    bool has_readers =
        wpool__gate_is_closed(&pool->queue.tail) &&
        (wpool__event_has_waiters(&pool->results.event) || wpool__bell_is_down(&pool->bell));
    wpool__worker_tell_drivers(pool);
    if (!has_readers && !wpool__event_has_waiters(&pool->watch.quiet)) return;
    if (wpool__worker_unfinished(pool) == 0)
        wpool__event_notify_all(&pool->lot, &pool->watch.quiet);
    if (has_readers && wpool__worker_only_takers_left(pool)) {
        wpool__event_notify_all(&pool->lot, &pool->results.event);
        wpool__bell_ring(&pool->bell);
    }
}

static wpool_state wpool__worker_outcome(const wpool_job *job, int error) {
    if (error == 0) return WPOOL_STATE_SUCCEEDED;
    return wpool__job_is_told(job) ? WPOOL_STATE_CANCELLED : WPOOL_STATE_FAILED;
}

/* Gives the finished record to the results, or lets go of it. */
static void wpool__worker_hand_over(wpool *pool, wpool__record *record) {
    bool is_closed = !pool->config.results || wpool__results_is_closed(&pool->results);
    if (!is_closed && wpool__record_is_owned(record)) {
        wpool__results_push(&pool->results, record);
        wpool__bell_ring(&pool->bell);
    } else {
        if (!record->has_asker) wpool__record_claim(record);
        wpool__table_drop(&pool->table, record);
    }
}

/* A queued call will not run: its place is free, unless it still lies there. */
static void wpool__worker_count_unrun(wpool *pool, wpool__account *account, bool is_paced,
                                      wpool_state state) {
    if (is_paced && account != &pool->watch.removed) wpool__watch_pass(&pool->watch);
    wpool__account_discard(&pool->lot, account, state);
    if (account != &pool->watch.removed) wpool__worker_free_room(pool, 1);
}

/* A job that was cancelled while it was queued has been counted, or its call has left the queue:
   who is the second to say so makes its place free. */
static void wpool__worker_note_removed(wpool *pool, wpool_job *job, uint32_t what) {
    const uint32_t both = WPOOL__JOB_COUNTED | WPOOL__JOB_LEFT;
    /* [R2] the first one's part is done, to those who then claim the place */
    if (((wpool__or_seq_cst(&job->state, what) | what) & both) != both) return;
    if (job->is_paced) wpool__watch_pass(&pool->watch);
    wpool__add_seq_cst(&pool->watch.buried, 1); /* [R1] before the look for who waits for room */
    wpool__worker_free_room(pool, 1);
}

/* Work was made: somebody shall do it. */
static void wpool__worker_announce(wpool *pool) {
    if (pool->is_inline) {
        wpool__worker_tell_drivers(pool);
    } else {
        wpool__idle_wake(&pool->idle);
    }
}

/* Something is ready, or may run now: who takes on a worker runs it. */
static void wpool__worker_let_takers_look(wpool *pool) {
    /* [E1] after that change; who takes looks at it after this count */
    if (wpool__load_seq_cst(&pool->watch.takers_asleep) != 0)
        wpool__event_notify_all(&pool->lot, &pool->results.event);
}

/* -- when the scaler is to look: it says at how many accepted jobs -- */

/* Jobs that do not wait in the queue any more, or not yet. */
static uint64_t wpool__scaler_left(wpool *pool) {
    uint64_t returned = 0, begun = wpool__watch_begun(&pool->watch, &returned);
    /* [X1] who makes one ready looks at poke then */
    return begun - returned + wpool__load_seq_cst(&pool->watch.held);
}

/* Jobs that wait in the queue, or for room there, when so many had left just before; or more:
   those that came and left since. */
static uint64_t wpool__scaler_waiting(wpool *pool, uint64_t left) {
    uint64_t accepted = wpool__watch_accepted(&pool->watch, &pool->queue);
    /* relaxed: who knocks wakes the scaler */
    return (accepted > left ? accepted - left : 0) + wpool__load_relaxed(&pool->scaler.knocking);
}

static int64_t wpool__worker_idle_since(wpool_worker *worker) {
    return wpool__load_relaxed(&worker->idle_since); /* relaxed: a guess, and see the scaler */
}

static uint64_t wpool__scaler_threshold(uint64_t word) {
    return word / WPOOL__POKE_ONE & WPOOL__POKE_MOST;
}

/* Do as many jobs wait as the word says? What waits is read before who is idle: a worker ceases to
   be idle before its job ceases to wait. */
static bool wpool__scaler_has_enough(wpool *pool, uint64_t word) {
    uint64_t left = wpool__scaler_left(pool);
    uint64_t waiting = wpool__scaler_waiting(pool, left), idle = 0;
    if (!(word & WPOOL__POKE_IDLE)) return waiting >= wpool__scaler_threshold(word);
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = WPOOL_GUESTS; i < count; i++)
        idle += wpool__worker_idle_since(wpool__crew_at(pool, i)) != 0;
    return waiting > idle;
}

/* The same word, for jobs accepted from now on. */
static uint64_t wpool__scaler_word(wpool *pool, uint64_t word) {
    const uint64_t count = WPOOL__POKE_ONE - 1;
    uint64_t until = wpool__scaler_left(pool) + wpool__scaler_threshold(word);
    return (word & ~count) | (until & count);
}

/* Is the word for fewer accepted jobs than the other? */
static bool wpool__scaler_is_sooner(uint64_t word, uint64_t other) {
    const uint64_t count = WPOOL__POKE_ONE - 1;
    return ((word - other) & count) > count / 2;
}

/* Work was made: is the scaler to look at it? One load if nothing scales. */
static bool wpool__scaler_wants(wpool *pool, bool is_ready) {
    WPOOL_ATOMIC(uint64_t) *poke = &pool->scaler.poke;
    uint64_t word = wpool__load_seq_cst(poke); /* [X1] after the work was made */
    while (word != WPOOL__POKE_NEVER) {
        uint64_t accepted = wpool__watch_accepted(&pool->watch, &pool->queue);
        if (!is_ready && wpool__scaler_is_sooner(accepted, word)) break; /* more are to come */
        uint64_t next = wpool__scaler_word(pool, word);
        bool is_enough = wpool__scaler_has_enough(pool, word);
        if (!is_enough && next == word) break;
        /* [X1] as the load; whoever fails finds another word */
        if (!wpool__cas_seq_cst(poke, &word, is_enough ? WPOOL__POKE_NEVER : next)) continue;
        if (is_enough) return true;
        /* one that was held has ceased to be: others may have looked for a later word meanwhile */
        is_ready = wpool__scaler_is_sooner(next, word) ||
                   wpool__scaler_is_sooner(wpool__scaler_word(pool, next), next);
        if (!is_ready) break;
        word = next;
    }
    return false;
}

/* -- the time: who sets a timer is not who keeps it. Under the lock nobody is told; that is done by
   who lets go of it -- */

static void wpool__keeper_lock(wpool *pool) {
    wpool__lock_take(&pool->lot, &pool->keeper.timers.lock);
}

/* Sets a timer of the pool, anew, or with WPOOL__NEVER takes it out. Under the lock. */
static void wpool__keeper_put(wpool *pool, wpool__timer *timer, int64_t when) {
    if (wpool__timers_set(&pool->keeper.timers, timer, when)) pool->keeper.is_news = true;
}

static void wpool__keeper_unlock(wpool *pool) {
    wpool__keeper *keeper = &pool->keeper;
    if (keeper->is_ready && wpool__scaler_wants(pool, true))
        wpool__keeper_put(pool, &pool->scaler.timer, WPOOL_CLOCK());
    bool is_news = keeper->is_news, is_ready = keeper->is_ready, has_room = keeper->has_room;
    keeper->is_news = keeper->is_ready = keeper->has_room = false;
    wpool__lock_release(&pool->lot, &keeper->timers.lock);
    if (is_news) wpool__event_notify_all(&pool->lot, &keeper->timers.changed);
    if (has_room) wpool__event_notify_all(&pool->lot, &keeper->lane_room);
    if (is_ready) wpool__worker_announce(pool);
    if (is_ready) wpool__worker_let_takers_look(pool);
    if (is_news || has_room) wpool__worker_tell_drivers(pool);
}

/* The same without it. */
static void wpool__keeper_set(wpool *pool, wpool__timer *timer, int64_t when) {
    wpool__keeper_lock(pool);
    wpool__keeper_put(pool, timer, when);
    wpool__keeper_unlock(pool);
}

/* -- with interrupt_signal: who keeps the time sends it to a worker, again and again while what
   runs there innermost has been told to end. So none is lost that comes just before a system call
   -- */

#ifdef WPOOL_NO_THREADS
#define wpool__worker_expose(worker, told) ((void)(worker), (void)(told), NULL)
#define wpool__worker_nudge_all(pool) ((void)(pool))
#else
/* Under the lock of the timers, which this lets go of. */
static void wpool__nudge_due(wpool *pool, wpool__timer *timer) {
    wpool_worker *worker =
        (wpool_worker *)(void *)((unsigned char *)timer - offsetof(wpool_worker, nudge));
    unsigned doubled = worker->nudges < 5 ? worker->nudges : 5;
    worker->nudges++;
    wpool__thread_interrupt(worker->runner, pool->config.interrupt_signal);
    wpool__keeper_put(pool, timer, timer->when + (WPOOL_MS(1) << doubled));
    wpool__keeper_unlock(pool);
}

/* Under the lock. */
static void wpool__worker_nudge(wpool_worker *worker) {
    if (!worker->innermost || worker->nudge.link) return;
    /* relaxed: who tells it has the lock after that, or had it before the worker */
    if (!(wpool__load_relaxed(worker->innermost) & WPOOL__JOB_TOLD)) return;
    worker->nudge.due = wpool__nudge_due;
    wpool__keeper_put(worker->pool, &worker->nudge, WPOOL_CLOCK());
}

/* Somebody has been told to end: those who run such a job are interrupted. */
static void wpool__worker_nudge_all(wpool *pool) {
    if (!pool->config.interrupt_signal || pool->is_inline) return;
    uint32_t count = wpool__crew_count(pool);
    wpool__keeper_lock(pool);
    for (uint32_t i = WPOOL_GUESTS; i < count; i++)
        wpool__worker_nudge(wpool__crew_at(pool, i));
    wpool__keeper_unlock(pool);
}

/* What the worker runs from now on (NULL: nothing); what it ran before. Its own thread. No signal
   that was meant for that comes later. */
static const WPOOL_ATOMIC(uint32_t) *
    wpool__worker_expose(wpool_worker *worker, const WPOOL_ATOMIC(uint32_t) * told) {
    if (!worker || worker->is_guest || !worker->pool->config.interrupt_signal) return NULL;
    wpool *pool = worker->pool;
    wpool__keeper_lock(pool);
    const WPOOL_ATOMIC(uint32_t) *before = worker->innermost;
    bool was_nudged = worker->nudges != 0;
    wpool__keeper_put(pool, &worker->nudge, WPOOL__NEVER);
    worker->nudges = 0;
    worker->innermost = told;
    worker->runner = wpool__thread_self();
    if (!pool->is_inline) wpool__worker_nudge(worker);
    wpool__keeper_unlock(pool);
    if (was_nudged) WPOOL_YIELD(); /* a system call: what was sent arrives before it returns */
    return before;
}
#endif

/* Somebody has been told to end: calls those who want to know. */
static void wpool__worker_call_told(wpool *pool) {
    wpool__listeners_call(&pool->lot, &pool->listeners);
    wpool__worker_nudge_all(pool);
}

/* When the job is too late: the earliest of its own deadline and its groups'. */
static int64_t wpool__job_deadline(const wpool_job *job) {
    int64_t earliest = job->deadline ? job->deadline : WPOOL__NEVER;
    for (wpool_group *group = job->group; group; group = group->parent) {
        int64_t deadline = wpool__load_relaxed(&group->deadline); /* relaxed: only its value */
        if (deadline && deadline < earliest) earliest = deadline;
    }
    return earliest;
}

static bool wpool__job_is_late(const wpool_job *job) {
    if (!job->deadline && !job->group) return false;
    int64_t deadline = wpool__job_deadline(job);
    return deadline != WPOOL__NEVER && WPOOL_CLOCK() >= deadline;
}

/* -- for the scaler: who makes work, and who waits, wakes it when that may change something -- */

static bool wpool__scaler_is_on(wpool *pool) {
    return wpool__load_relaxed(&pool->scaler.is_on) != 0; /* relaxed: a change wakes it as well */
}

/* Lets it look then, or sooner if it was to. */
static void wpool__scaler_look_at(wpool *pool, int64_t when) {
    wpool__timer *timer = &pool->scaler.timer;
    wpool__keeper_lock(pool);
    if (!timer->link || when < timer->when) wpool__keeper_put(pool, timer, when);
    wpool__keeper_unlock(pool);
}

/* Something changed that it is to see. */
static void wpool__scaler_wake(wpool *pool) {
    if (wpool__scaler_is_on(pool)) wpool__scaler_look_at(pool, WPOOL_CLOCK());
}

/* Work was made, or with is_ready is held back no more: wakes it if that is what it waits for. */
static void wpool__scaler_notice(wpool *pool, bool is_ready) {
    if (wpool__load_seq_cst(&pool->scaler.poke) == WPOOL__POKE_NEVER) return; /* [X1] as there */
    if (wpool__scaler_wants(pool, is_ready)) wpool__scaler_look_at(pool, WPOOL_CLOCK());
}

/* A submitter begins to wait for room, or no more. */
static void wpool__scaler_knock(wpool *pool, bool begins) {
    wpool__scaler *scaler = &pool->scaler;
    wpool__add_seq_cst(&scaler->knocking, begins ? 1 : UINT32_MAX); /* [X1] before it looks */
    if (!begins) return;
    /* [X1] who blocks later finds it knocking; relaxed: it only grows by a look of the scaler */
    bool is_lacking = wpool__load_seq_cst(&scaler->blocked) > wpool__load_relaxed(&scaler->lent);
    if (is_lacking || wpool__pool_is_unbuffered(pool)) wpool__scaler_wake(pool);
}

/* Of so many workers that wait, those that are not about to leave: for these there is nobody else
   to be had. */
static uint32_t wpool__scaler_of_serving(wpool *pool, uint32_t waiting, bool is_for_jobs) {
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = WPOOL_GUESTS; i < count && waiting; i++) {
        wpool_worker *worker = wpool__crew_at(pool, i);
        if (wpool__account_presence(worker->account) != WPOOL__LEAVES) continue;
        /* relaxed: who waits has written it before it was counted, and looks afterwards */
        waiting -= wpool__load_relaxed(is_for_jobs ? &worker->waits : &worker->blocks) != 0;
    }
    return waiting;
}

/* Do all that serve wait for jobs? */
static bool wpool__scaler_all_wait(wpool *pool) {
    uint32_t asleep = wpool__load_relaxed(&pool->scaler.sleepers); /* relaxed: a guess, confirmed */
    return wpool__scaler_of_serving(pool, asleep, true) >= wpool__crew_serving(pool);
}

/* All that work may be waiting for it, now that every worker waits for jobs: in a second somebody
   looks whether it still is so. */
static void wpool__worker_suspect(wpool *pool) {
    wpool__timer *timer = &pool->scaler.stall;
    if (!pool->config.hooks.stalled) return;
    /* relaxed: the last one to sleep sees them all, since it changed the same word */
    if (wpool__load_relaxed(&pool->scaler.sleepers) < wpool__crew_serving(pool)) return;
    wpool__keeper_lock(pool);
    if (!timer->link) {
        pool->scaler.stall_wakes = wpool__load_relaxed(&pool->scaler.wakes); /* relaxed: a guess */
        pool->scaler.did_all_wait = wpool__scaler_all_wait(pool);
        wpool__keeper_put(pool, timer, WPOOL_CLOCK() + WPOOL_SECONDS(1));
    }
    wpool__keeper_unlock(pool);
}

/* A level more or less. True: it was, or is, the only one. */
static bool wpool__worker_nests(WPOOL_ATOMIC(uint32_t) * levels, bool begins) {
    uint32_t before = wpool__load_relaxed(levels); /* relaxed, both: its only writer, and a guess */
    wpool__store_relaxed(levels, begins ? before + 1 : before - 1);
    return before == (begins ? 0 : 1);
}

/* A worker begins to wait in its job, or goes on; for jobs, or for something else. */
static void wpool__worker_block(wpool_worker *worker, bool begins, bool is_for_jobs) {
    if (!worker || worker->is_guest) return;
    wpool *pool = worker->pool;
    wpool__scaler *scaler = &pool->scaler;
    uint32_t change = begins ? 1 : UINT32_MAX;
    if (is_for_jobs && !begins) wpool__add_relaxed(&scaler->wakes, 1); /* relaxed: a guess */
    if (is_for_jobs && wpool__worker_nests(&worker->waits, begins))
        wpool__add_relaxed(&scaler->sleepers, change); /* relaxed: a guess */
    uint32_t blocked = 0;
    if (wpool__worker_nests(&worker->blocks, begins))
        blocked = wpool__add_seq_cst(&scaler->blocked, change) + 1; /* [X1] before it looks */
    if (!begins) return;
    /* relaxed: it only grows by a look of the scaler, which sees this one */
    if (blocked > wpool__load_relaxed(&scaler->lent)) wpool__scaler_wake(pool);
    if (is_for_jobs) wpool__worker_suspect(pool);
}

/* The same for the workers whose jobs the calling thread runs, one inside of the other. */
static void wpool__lend(bool begins, bool is_for_jobs) {
    for (wpool__context *context = wpool__contexts; context; context = context->outer)
        wpool__worker_block(context->worker, begins, is_for_jobs);
}

/* ==== [pace] =====================================================================================
   Jobs that are accepted and have no place in the queue. They are held: for others that must
   succeed before (after), then for their time (delay, period, retry), then for their turn in a
   lane. Then they are ready ([order]). All of it is under the lock of the timers, but for the
   buckets: these say when the next job is in step with a rate (the generic cell rate algorithm:
   ITU-T I.371, 1993). */

enum { WPOOL__PLACE_NONE, WPOOL__PLACE_HELD, WPOOL__PLACE_LANE }; /* in which list: job.place */
enum { WPOOL__LANE_NOT, WPOOL__LANE_WAITS, WPOOL__LANE_RUNS };    /* counted how: job.lane_part */

/* One that another one waits for, and the other one. */
typedef struct wpool__edge {
    wpool_job *after, *before;
    struct wpool__edge *next, **link; /* link NULL: that has ended */
} wpool__edge;

/* A worker that waits for a group (job NULL) or a job, and may run what becomes ready. */
typedef struct wpool__rouse {
    struct wpool__rouse *next, **link;
    wpool__lot *lot;
    WPOOL_ATOMIC(uint32_t) * woken;
    wpool_job *job;
} wpool__rouse;

/* -- rates -- */

static void wpool__bucket_set(wpool__bucket *bucket, const wpool_rate *rate) {
    int64_t interval = 0, burst = rate->burst ? (int64_t)rate->burst : 1;
    double apart = rate->per_second > 0 ? 1e9 / rate->per_second : 0;
    interval = (int64_t)(apart < 1e18 ? apart : 1e18);
    if ((double)interval < apart) interval++; /* never too often */
    if (interval > WPOOL__NEVER / 4 / burst) interval = WPOOL__NEVER / 4 / burst;
    int64_t soon = WPOOL_CLOCK() + burst * interval;
    wpool__store_relaxed(&bucket->window, (burst - 1) * interval); /* relaxed: only the value */
    /* [P1] before the look at next; who takes a part writes that, then looks here again */
    wpool__store_seq_cst(&bucket->interval, interval);
    int64_t next = wpool__load_seq_cst(&bucket->next); /* [P1]; relaxed below: only the value */
    while (next > soon && !wpool__cas_relaxed(&bucket->next, &next, soon)) {
    }
}

/* Takes a part of the rate that begins in so long at most, and ends at *slot: 0; or when to ask
   again. That is in one interval, or 0.1 s, at the latest, however far ahead next is: somebody may
   be about to correct it. */
static int64_t wpool__bucket_take_within(wpool__bucket *bucket, int64_t window, int64_t *slot) {
    int64_t interval = wpool__load_relaxed(&bucket->interval); /* relaxed, all: only the values */
    *slot = 0;
    if (interval == 0) return 0;
    int64_t now = WPOOL_CLOCK(), next = wpool__load_relaxed(&bucket->next), from;
    do {
        from = next > now ? next : now;
        int64_t when = from - window;
        int64_t most = now + (interval > WPOOL_MS(100) ? interval : WPOOL_MS(100));
        if (when > now) return when < most ? when : most;
        /* [P1] before the second look at the interval */
    } while (!wpool__cas_seq_cst(&bucket->next, &next, from + interval));
    int64_t changed = wpool__load_seq_cst(&bucket->interval) - interval; /* [P1] */
    if (changed) wpool__add_relaxed(&bucket->next, changed); /* relaxed, all: as above */
    *slot = from + interval;
    return 0;
}

/* One that begins as soon as the burst allows. Any thread. */
static int64_t wpool__bucket_take(wpool__bucket *bucket, int64_t *slot) {
    int64_t window = wpool__load_relaxed(&bucket->window); /* relaxed: only the value */
    return wpool__bucket_take_within(bucket, window, slot);
}

/* The same without asking: where it ends. */
static int64_t wpool__bucket_charge(wpool__bucket *bucket) {
    int64_t slot;
    (void)wpool__bucket_take_within(bucket, WPOOL__NEVER, &slot);
    return slot;
}

/* Gives back what is left of a part: what has passed of it nobody could use any more. */
static void wpool__bucket_refund(wpool__bucket *bucket, int64_t slot) {
    int64_t interval = wpool__load_relaxed(&bucket->interval); /* relaxed, both: only the values */
    int64_t left = slot - WPOOL_CLOCK();
    if (left > interval) left = interval;
    if (left > 0) wpool__add_relaxed(&bucket->next, -left);
}

/* -- being ready -- */

/* There is something ready, perhaps for this one. */
static void wpool__rouse_call(const wpool__rouse *rouse) {
    if (rouse->job) {
        wpool__job_stir(rouse->lot, rouse->job);
    } else {
        wpool__store_relaxed(rouse->woken, 1); /* relaxed: it takes the lock again */
        WPOOL_UNPARK(rouse->lot, rouse->woken, 1);
    }
}

/* Jobs became ready, or wait for something else now. */
static void wpool__rouse_all(wpool *pool) {
    if (pool->keeper.idlers) wpool__add_relaxed(&pool->scaler.wakes, 1); /* relaxed: a guess */
    for (wpool__rouse *rouse = pool->keeper.idlers; rouse; rouse = rouse->next)
        wpool__rouse_call(rouse);
}

static void wpool__rouse_enter(wpool *pool, wpool__rouse *rouse) {
    wpool__keeper_lock(pool);
    wpool__list_put(&pool->keeper.idlers, rouse, next, link);
    wpool__keeper_unlock(pool);
}

static void wpool__rouse_leave(wpool *pool, wpool__rouse *rouse) {
    wpool__keeper_lock(pool);
    wpool__list_take(rouse, next, link);
    wpool__keeper_unlock(pool);
}

static void wpool__pace_release(wpool_job *job) {
    wpool *pool = job->pool;
    bool is_ranked = wpool__pool_order(pool) == WPOOL_PRIORITY;
    wpool__add_seq_cst(&pool->watch.held, UINT64_MAX); /* [X1] before the look at poke */
    wpool__job_admit(&pool->lot, job);
    wpool__orders_put_ready(&pool->orders, is_ranked ? job->priority : WPOOL_NORMAL, job);
    pool->keeper.is_ready = true;
    wpool__rouse_all(pool);
}

/* Takes a held job out of the list that it is in; a lane where nobody waits out of that of lanes.
   */
static void wpool__pace_unlink(wpool_job *job) {
    wpool_lane *lane = job->place == WPOOL__PLACE_LANE ? job->lane : NULL;
    if (job->place == WPOOL__PLACE_NONE) return;
    wpool__list_take(job, next, link);
    if (lane && !job->next) lane->last = job->link;
    job->place = WPOOL__PLACE_NONE;
    if (!lane || lane->first) return;
    wpool__list_take(lane, next, link);
}

static void wpool__pace_keep(wpool_job *job) {
    job->place = WPOOL__PLACE_HELD;
    wpool__list_put(&job->pool->keeper.held, job, next, link);
}

/* -- lanes -- */

static bool wpool__lane_allows(wpool_lane *lane) {
    if (lane->running >= lane->max_running) return false;
    int64_t slot, when = wpool__bucket_take(&lane->bucket, &slot);
    if (when) wpool__keeper_put(lane->pool, &lane->timer, when);
    return when == 0;
}

static void wpool__lane_give_turn(wpool_job *job) {
    wpool_lane *lane = job->lane;
    lane->waiting--;
    lane->running++;
    lane->latest = job;
    job->lane_part = WPOOL__LANE_RUNS;
    if (lane->max_waiting) job->pool->keeper.has_room = true;
}

/* Puts the job at the end of its lane, if others are before it or none may run. */
static bool wpool__lane_enter(wpool_job *job) {
    wpool_lane *lane = job->lane;
    if (!lane->first && wpool__lane_allows(lane)) {
        wpool__lane_give_turn(job);
        return true;
    }
    if (!lane->first) {
        lane->last = &lane->first;
        wpool__list_put(&job->pool->keeper.lanes, lane, next, link);
    }
    job->place = WPOOL__PLACE_LANE;
    job->next = NULL;
    job->link = lane->last;
    *lane->last = job;
    lane->last = &job->next;
    return false;
}

/* Lets those run that may. */
static void wpool__lane_go_on(wpool_lane *lane) {
    while (lane->first && wpool__lane_allows(lane)) {
        wpool_job *job = lane->first;
        wpool__pace_unlink(job);
        wpool__lane_give_turn(job);
        wpool__pace_release(job);
    }
}

static void wpool__lane_due(wpool *pool, wpool__timer *timer) {
    wpool_lane *lane = (wpool_lane *)(void *)((unsigned char *)timer - offsetof(wpool_lane, timer));
    wpool__lane_go_on(lane);
    wpool__keeper_unlock(pool);
}

/* From now on the job counts as waiting in its lane. False: that is full. */
static bool wpool__lane_join(wpool_job *job, bool is_above_limit) {
    wpool_lane *lane = job->lane;
    bool is_full = lane->max_waiting && lane->waiting >= lane->max_waiting && !is_above_limit;
    if (is_full) return false;
    lane->waiting++;
    job->lane_part = WPOOL__LANE_WAITS;
    return true;
}

/* It is to take its turn again. */
static void wpool__lane_return(wpool_job *job) {
    wpool_lane *lane = job->lane;
    if (job->lane_part != WPOOL__LANE_RUNS) return;
    lane->running--;
    lane->waiting++;
    if (lane->latest == job) lane->latest = NULL;
    job->lane_part = WPOOL__LANE_WAITS;
    wpool__lane_go_on(lane);
}

/* The job, in no list any more, does not wait for its turn any longer. */
static void wpool__lane_leave(wpool_job *job) {
    if (job->lane_part != WPOOL__LANE_WAITS) return;
    job->lane->waiting--;
    job->lane_part = WPOOL__LANE_NOT;
    if (job->lane->max_waiting) job->pool->keeper.has_room = true;
}

/* A job that had its turn is about to end: in two steps, so that the next one begins after all that
   it does. Between them, no code of the user's runs, and the lane stays. */
static wpool_lane *wpool__lane_end(wpool_job *job) {
    wpool_lane *lane = job->lane;
    if (job->lane_part != WPOOL__LANE_RUNS) return NULL;
    wpool__keeper_lock(job->pool);
    lane->ending++;
    if (lane->latest == job) lane->latest = NULL;
    wpool__keeper_unlock(job->pool);
    return lane;
}

static void wpool__lane_ended(wpool *pool, wpool_lane *lane) {
    wpool__keeper_lock(pool);
    lane->ending--;
    lane->running--;
    wpool__lane_go_on(lane);
    wpool__keeper_unlock(pool);
}

/* -- the time of a job: one timer, set for the next of all that it has -- */

static int64_t wpool__job_next_time(const wpool_job *job, int64_t now) {
    int64_t next = wpool__job_deadline(job);
    if (next <= now) next = WPOOL__NEVER;
    if (job->ready_ns && job->ready_ns < next) next = job->ready_ns;
    return job->look_ns && job->look_ns < next ? job->look_ns : next;
}

/* now: 0, or what was due by then has been seen to. */
static void wpool__pace_arm(wpool_job *job, int64_t now) {
    if (!job->has_timer) job->has_timer = true; /* not written anew: its finisher may read it */
    wpool__keeper_put(job->pool, &job->timer, wpool__job_next_time(job, now));
}

/* -- being held -- */

/* A held job that is in no list: into the one where it waits next, or it is ready. */
static void wpool__pace_step(wpool_job *job) {
    wpool *pool = job->pool;
    if (job->is_barred) wpool__job_doom(job);
    /* relaxed, both: who tells it, or stops the pool, has the lock after that */
    bool is_over = (wpool__load_relaxed(&job->state) & WPOOL__JOB_TOLD) != 0 ||
                   (wpool__load_relaxed(&pool->control) & WPOOL__STOPPED) != 0;
    if (job->ready_ns && WPOOL_CLOCK() >= job->ready_ns) job->ready_ns = 0;
    if (!is_over && (job->blockers || job->ready_ns)) {
        wpool__pace_keep(job);
    } else if (is_over || job->lane_part != WPOOL__LANE_WAITS || wpool__lane_enter(job)) {
        wpool__pace_release(job);
        return;
    }
    wpool__rouse_all(pool);
}

/* The same for one that may be in a list. */
static void wpool__pace_step_on(wpool_job *job) {
    wpool__pace_unlink(job);
    wpool__pace_step(job);
}

/* A job has been accepted, and is about to be there for others. True: it was told to end before. */
static bool wpool__pace_admit(wpool_job *job) {
    wpool *pool = job->pool;
    if (!job->is_paced) return wpool__job_admit(&pool->lot, job);
    wpool__keeper_lock(pool);
    wpool__job_hold(job);
    wpool__pace_step(job);
    wpool__keeper_unlock(pool);
    return false; /* a worker will discard it */
}

/* What holds the held job back, as far as that can be told; NULL: nothing, or only time. Under the
   lock. */
static wpool_job *wpool__pace_blocker(const wpool_job *job) {
    if (job->place == WPOOL__PLACE_LANE) return job->lane->latest;
    for (size_t i = 0; job->edges && i < job->edge_count; i++)
        if (job->edges[i].link) return job->edges[i].before;
    return NULL;
}

/* A queued job that holds the held one back, as far as it can be told; only its address may be
   used. NULL: none. */
static wpool_job *wpool__pace_before(wpool *pool, wpool_job *job) {
    wpool__keeper_lock(pool);
    while (job && wpool__job_is_held(job))
        job = wpool__pace_blocker(job);
    if (job && wpool__job_state_of(job) != WPOOL_STATE_WAITING) job = NULL;
    wpool__keeper_unlock(pool);
    return job;
}

/* Can the held job not begin before one has ended that this thread runs? */
static bool wpool__pace_is_behind(wpool *pool, const wpool_job *job, const void *thread) {
    wpool__keeper_lock(pool);
    while (job && wpool__job_is_held(job)) {
        bool is_one_of_many = job->place == WPOOL__PLACE_LANE && job->lane->max_running > 1;
        job = is_one_of_many ? NULL : wpool__pace_blocker(job);
    }
    bool is_behind =
        job && wpool__job_wait_status(job, wpool__job_state_of(job), thread) == WPOOL_DEADLOCK;
    wpool__keeper_unlock(pool);
    return is_behind;
}

/* Tells a job that stays in memory to end, or not to start. A caller-owned one that is held is
   ready then, to be discarded. */
static void wpool__pace_doom(wpool_job *job) {
    if (!wpool__job_doom(job) || job->id || !wpool__job_is_held(job)) return;
    wpool *pool = job->pool;
    wpool__keeper_lock(pool);
    if (wpool__job_is_held(job)) wpool__pace_step_on(job);
    wpool__keeper_unlock(pool);
}

/* Takes a held job, to be ended by the caller. False: it is not held any more. Under the lock. */
static bool wpool__pace_take_locked(wpool *pool, wpool_job *job) {
    if (!wpool__job_unhold(job)) return false;
    wpool__pace_unlink(job);
    wpool__add_relaxed(&pool->watch.held, UINT64_MAX); /* relaxed: a count for onlookers */
    return true;
}

static bool wpool__pace_take(wpool *pool, wpool_job *job) {
    if (!wpool__job_is_held(job)) return false;
    wpool__keeper_lock(pool);
    bool is_taken = wpool__pace_take_locked(pool, job);
    wpool__keeper_unlock(pool);
    return is_taken;
}

/* The pool has been stopped: all are ready, to be discarded. */
static void wpool__pace_stop(wpool *pool) {
    wpool__keeper_lock(pool);
    while (pool->keeper.held)
        wpool__pace_step_on(pool->keeper.held);
    while (pool->keeper.lanes)
        wpool__pace_step_on(pool->keeper.lanes->first);
    wpool__keeper_unlock(pool);
}

/* Takes the periodic jobs that have run, and wait for their next time: a list of them, to be ended
   by the caller. */
static wpool_job *wpool__pace_take_periods(wpool *pool) {
    wpool_job *taken = NULL, *next;
    wpool__keeper_lock(pool);
    for (wpool_job *job = pool->keeper.held; job; job = next) {
        next = job->next;
        if (!job->period || !job->attempts || job->failures) continue;
        if (!wpool__pace_take_locked(pool, job)) continue;
        job->next = taken;
        taken = job;
    }
    wpool__keeper_unlock(pool);
    return taken;
}

/* -- after -- */

/* The job waits for these no more. Without the lock. */
static void wpool__after_leave(wpool_job *job) {
    wpool__keeper_lock(job->pool);
    for (size_t i = 0; i < job->edge_count; i++) {
        wpool__edge *edge = &job->edges[i];
        if (edge->link) wpool__list_take(edge, next, link);
    }
    wpool__keeper_unlock(job->pool);
    wpool__memory_free(job->pool->allocator, job->edges);
    job->edges = NULL;
}

/* The job, which nobody else knows yet, waits for that of a pinned record. */
static void wpool__after_wait_for(wpool_job *job, wpool__edge *edge, wpool_job *before) {
    wpool__keeper_lock(job->pool);
    wpool_state state = wpool__job_depend(before);
    edge->after = job;
    edge->before = before;
    if (state == WPOOL_STATE_UNKNOWN) {
        wpool__list_put(&before->dependents, edge, next, link);
        job->blockers++;
    } else if (state != WPOOL_STATE_SUCCEEDED) {
        job->is_barred = true;
    }
    wpool__keeper_unlock(job->pool);
}

static wpool_status wpool__after_enter(wpool_job *job, const wpool_id *ids, size_t count) {
    wpool *pool = job->pool;
    job->edges = wpool__memory_alloc(pool->allocator, count, sizeof *job->edges);
    if (!job->edges) return WPOOL_NO_MEMORY;
    job->edge_count = count;
    for (size_t i = 0; i < count; i++) {
        wpool__record *before = ids[i] == job->id ? NULL : wpool__table_pin(&pool->table, ids[i]);
        bool is_known = before && wpool__record_is_owned(before);
        if (is_known) wpool__after_wait_for(job, &job->edges[i], &before->job);
        if (before) wpool__table_drop(&pool->table, before);
        if (!is_known) return WPOOL_UNKNOWN;
    }
    return WPOOL_OK;
}

/* The job of a pinned record, which this lets go of, has ended so, and others wait for that. */
static void wpool__after_resolve(wpool *pool, wpool__record *record, wpool_state state) {
    wpool_job *job = &record->job;
    wpool__keeper_lock(pool);
    while (job->dependents) {
        wpool__edge *edge = job->dependents;
        wpool_job *after = edge->after;
        wpool__list_take(edge, next, link);
        edge->link = NULL;
        after->blockers--;
        if (state != WPOOL_STATE_SUCCEEDED) after->is_barred = true;
        if ((after->blockers == 0 || after->is_barred) && wpool__job_is_held(after))
            wpool__pace_step_on(after);
    }
    wpool__rouse_all(pool);
    wpool__keeper_unlock(pool);
    wpool__table_drop(&pool->table, record);
}

/* -- the watchdog. The word watched: when the job began, had it not waited since; negative: it
   waits, and had run for ~ so long before -- */

static void wpool__watchdog_begin(wpool_job *job) {
    int64_t now = WPOOL_CLOCK();
    job->pauses = 0;
    wpool__store_relaxed(&job->watched, now); /* relaxed: published by the lock */
    if (job->run_limit >= WPOOL__NEVER - now) return;
    wpool__keeper_lock(job->pool);
    job->is_reported = false;
    job->look_ns = now + job->run_limit;
    wpool__pace_arm(job, now);
    wpool__keeper_unlock(job->pool);
}

/* The job begins to wait (or goes on), on its own thread; perhaps while it already does. */
static void wpool__watchdog_pause(wpool_job *job, bool begins) {
    if (!job || !job->run_limit) return;
    if (begins ? job->pauses++ > 0 : --job->pauses > 0) return;
    int64_t now = WPOOL_CLOCK();
    int64_t word = wpool__load_relaxed(&job->watched); /* relaxed, both: one word, and a guess */
    wpool__store_relaxed(&job->watched, begins ? ~wpool__job_span(word, now) : now - ~word);
    if (begins || job->run_limit >= WPOOL__NEVER - now) return;
    wpool__keeper_lock(job->pool);
    if (!job->is_reported && !job->look_ns) { /* nobody looks at one that waits */
        job->look_ns = now + (~word < job->run_limit ? job->run_limit - ~word : 0);
        wpool__pace_arm(job, 0);
    }
    wpool__keeper_unlock(job->pool);
}

/* The same for those that the calling thread runs, one inside of the other. */
static void wpool__pause(bool begins) {
    for (wpool__context *context = wpool__contexts; context; context = context->outer)
        wpool__watchdog_pause(context->job, begins);
}

/* Has it run too long? Else looks again later. Under the lock; text has WPOOL__NAME_SIZE bytes. */
static bool wpool__watchdog_look(wpool_job *job, int64_t now, wpool_stuck *stuck, char *text) {
    if (!job->look_ns || now < job->look_ns) return false;
    int64_t word = wpool__load_relaxed(&job->watched); /* relaxed: a guess */
    int64_t ran = word < 0 ? ~word : wpool__job_span(word, now);
    bool is_stuck = word >= 0 && ran >= job->run_limit;
    job->look_ns = is_stuck || word < 0 ? 0 : now + job->run_limit - ran;
    job->is_reported = is_stuck;
    bool has_asker = job->id && ((wpool__record *)(void *)job)->has_asker;
    *stuck = (wpool_stuck){has_asker ? job->id : 0, NULL, job->ran_by, ran};
    if (is_stuck && job->name) {
        snprintf(text, WPOOL__NAME_SIZE, "%s", job->name);
        stuck->name = text;
    }
    return is_stuck;
}

/* -- again: a job that has failed, or whose period has passed -- */

/* So much later, but not never. */
static int64_t wpool__pace_when(int64_t now, int64_t delay) {
    int64_t when = wpool__time_after(now, delay);
    return when == WPOOL__NEVER ? WPOOL__NEVER - 1 : when;
}

/* How long to wait after so many failures. */
static int64_t wpool__retry_delay(const wpool_retry *retry, unsigned failures, uint32_t *random) {
    double delay = (double)(retry->delay ? retry->delay : WPOOL_MS(10));
    double most = (double)(retry->max_delay ? retry->max_delay : WPOOL_SECONDS(60));
    double factor = retry->factor > 0 ? retry->factor : 2;
    if (!retry->max_delay && most < delay) most = delay;
    if (most > 9.2e18) most = 9.2e18;
    for (unsigned i = 1; i < failures && delay < most && factor != 1; i++)
        delay *= factor;
    if (delay > most) delay = most;
    double part = wpool__random_next(random) / 4294967296.0;
    return (int64_t)(delay - delay * retry->jitter * part);
}

/* The first time after now that is a number of periods after the last. */
static int64_t wpool__period_next(const wpool_job *job, int64_t now) {
    int64_t late = (now - job->due_ns) / job->period * job->period;
    return wpool__pace_when(job->due_ns + late, job->period);
}

/* The job has ended so. Would it run again? */
static bool wpool__pace_wants_return(const wpool_job *job, wpool_state state) {
    if (state == WPOOL_STATE_SUCCEEDED) return job->period != 0;
    return state == WPOOL_STATE_FAILED && job->failures + 1 < job->retry.attempts &&
           (!job->retry.when || job->retry.when(job->error, job->arg));
}

/* It would. True: it will, and is in no worker's hands any more. */
static bool wpool__pace_return(wpool__account *account, wpool_job *job, bool is_retried) {
    wpool *pool = job->pool;
    int64_t now = WPOOL_CLOCK();
    wpool__keeper_lock(pool);
    /* relaxed: who stops the pool has the lock after that */
    bool is_over = (wpool__load_relaxed(&pool->control) & WPOOL__STOPPED) != 0 ||
                   (!is_retried && wpool__gate_is_closed(&pool->watch.direct));
    if (!is_over) {
        wpool__store_relaxed(&job->thread, NULL); /* relaxed: published with the state */
        is_over = !wpool__job_hold(job);
        /* relaxed: it is on this thread still, to its on_done */
        if (is_over) wpool__store_relaxed(&job->thread, &wpool__contexts);
    }
    if (!is_over) {
        job->is_paced = true;
        job->failures = is_retried ? job->failures + 1 : 0;
        if (!is_retried) job->due_ns = wpool__period_next(job, now);
        job->ready_ns = job->due_ns;
        if (is_retried)
            job->ready_ns = wpool__pace_when(
                now, wpool__retry_delay(&job->retry, job->failures, &pool->keeper.random));
        wpool__add_relaxed(&pool->watch.held, 1); /* relaxed: published by what follows */
        wpool__account_end(&pool->lot, account, WPOOL__STATE_RETURNED);
        job->look_ns = 0;
        wpool__pace_arm(job, now);
        if (!is_retried) wpool__lane_return(job);
        wpool__pace_step(job);
    }
    wpool__keeper_unlock(pool);
    if (!is_over) wpool__scaler_notice(pool, true); /* for a moment, it was held and ran */
    return !is_over;
}

/* ==== [group] ====================================================================================
   The members of a group that have not finished are in a list, under the lock of the tree. A group
   is in its parent's list while there is something in it. Who takes the last one out does not touch
   the group once the lock is free again: it may be gone then. */

/* Somebody who waits for a group, on its own stack. */
typedef struct wpool__group_waiter {
    struct wpool__group_waiter *next, **link; /* link NULL: taken out, by who woke it */
    wpool__lot *lot;
    WPOOL_ATOMIC(uint32_t) woken;
    bool is_helper; /* to be woken for each new member, too */
} wpool__group_waiter;

/* Takes the lock of the tree. It has no lot to sleep in: who waits lends the CPU. */
static wpool__lock *wpool__group_lock(wpool_group *group) {
    while (group->parent)
        group = group->parent;
    wpool__lock *lock = (wpool__lock *)(void *)&group->lock;
    unsigned round = 0;
    while (!wpool__lock_try(lock))
        wpool__spin_on(&round);
    return lock;
}

static void wpool__group_unlock(wpool__lock *lock) {
    wpool__store_release(&lock->word, 0); /* [L1] hands over to the next try */
}

static bool wpool__group_is_told(const wpool_group *group) {
    for (; group; group = group->parent) {
        /* [C1] what the canceller did before */
        if (wpool__load_acquire((WPOOL_ATOMIC(uint32_t) *)&group->told)) return true;
        /* relaxed: only its value */
        int64_t deadline = wpool__load_relaxed((WPOOL_ATOMIC(int64_t) *)&group->deadline);
        if (deadline && WPOOL_CLOCK() >= deadline) return true;
    }
    return false;
}

/* One more thing in the group: a job, or a pool that has it as upstream (no job). Under the lock.
   */
static void wpool__group_tie(wpool_group *group) {
    for (; group; group = group->parent) {
        if (group->ties++ != 0 || !group->parent) continue;
        wpool__list_put(&group->parent->children, group, next, link);
    }
}

/* Wakes who waits for the group, all or only those who run what is queued. Under the lock. */
static void wpool__group_wake(wpool_group *group, bool is_for_helpers) {
    wpool__group_waiter *next;
    for (wpool__group_waiter *waiter = group->waiters; waiter; waiter = next) {
        next = waiter->next;
        if (is_for_helpers && !waiter->is_helper) continue;
        wpool__list_take(waiter, next, link);
        waiter->link = NULL;
        wpool__store_relaxed(&waiter->woken, 1); /* relaxed: it takes the lock again */
        WPOOL_UNPARK(waiter->lot, &waiter->woken, 1);
    }
}

/* A member has been accepted: from now on it is waited for, and those who wait may run it. Until
   the lock is free nobody ends it. */
static bool wpool__group_admit(wpool_group *group, wpool_job *job) {
    wpool__lock *lock = wpool__group_lock(group);
    bool is_told = wpool__pace_admit(job);
    for (; group; group = group->parent) {
        group->unfinished++;
        wpool__group_wake(group, !job->pool->is_inline);
    }
    wpool__group_unlock(lock);
    return is_told;
}

/* As pace_return, for a member in an inline pool: who waits for it keeps its time. */
static bool wpool__group_return(wpool__account *account, wpool_job *job, bool is_retried) {
    wpool_group *group = job->group;
    wpool__lock *lock = wpool__group_lock(group);
    bool is_back = wpool__pace_return(account, job, is_retried);
    for (; is_back && group; group = group->parent)
        wpool__group_wake(group, false);
    wpool__group_unlock(lock);
    return is_back;
}

/* The job, or the pool, is no longer in it: the last touch. */
static void wpool__group_untie(wpool_group *group, unsigned jobs) {
    wpool__lock *lock = wpool__group_lock(group);
    for (wpool_group *parent; group; group = parent) {
        parent = group->parent;
        group->unfinished -= jobs;
        if (jobs && group->unfinished == 0) wpool__group_wake(group, false);
        if (--group->ties != 0 || !parent) continue;
        wpool__list_take(group, next, link);
    }
    wpool__group_unlock(lock);
}

/* The pool is not freed meanwhile. Under the lock of a group that it has something in. */
static void wpool__pool_visit(wpool *pool) {
    wpool__add_relaxed(&pool->visitors, 1); /* relaxed: the lock orders it before the end */
}

static void wpool__pool_part(wpool *pool) {
    wpool__sub_acq_rel(&pool->visitors, 1); /* [V1] the last touch */
}

/* What is to be told once the lock is free. */
typedef struct wpool__group_told {
    wpool_job *jobs; /* each with a reference, its pool with a visitor */
    wpool__upstream *pools;
} wpool__group_told;

/* Cancels the group and those below it, but for what needs the lock to be free. Under the lock. */
static void wpool__group_tell(wpool_group *group, wpool__group_told *told) {
    /* relaxed: changed under the lock only */
    if (wpool__load_relaxed(&group->told)) return;
    wpool__store_release(&group->told, 1); /* [C1] to who asks */
    for (wpool_job *job = group->members; job; job = job->group_next) {
        wpool__pace_doom(job); /* none of them starts any more */
        if (job->id && wpool__table_pin(&job->pool->table, job->id)) {
            wpool__pool_visit(job->pool);
            job->group_told = told->jobs;
            told->jobs = job;
        }
    }
    const wpool *last = NULL; /* caller-owned jobs are told while they stay */
    for (wpool_job *job = group->members; job; job = job->group_next) {
        if (!job->id && job->pool != last) wpool__worker_call_told(job->pool);
        if (!job->id) last = job->pool;
    }
    for (wpool__upstream *upstream = group->pools; upstream; upstream = upstream->next) {
        wpool__pool_visit(upstream->pool);
        upstream->told = told->pools;
        told->pools = upstream;
    }
    for (wpool_group *child = group->children; child; child = child->next)
        wpool__group_tell(child, told);
}

static wpool_status wpool__worker_cancel(wpool *pool, wpool__record *record, wpool_mode mode);

/* The rest of it. */
static void wpool__group_tell_rest(wpool__group_told *told) {
    while (told->jobs) {
        wpool_job *job = told->jobs;
        wpool *pool = job->pool;
        told->jobs = job->group_told;
        wpool__worker_cancel(pool, (wpool__record *)(void *)job, WPOOL_HOT);
        wpool__pool_part(pool);
    }
    while (told->pools) {
        wpool__upstream *upstream = told->pools;
        told->pools = upstream->told;
        upstream->stop(upstream->pool);
        wpool__pool_part(upstream->pool);
    }
}

/* The job has ended so: it is no longer a member, though the group is not done with it. */
static void wpool__group_leave(wpool_group *group, wpool_job *job, wpool_state state) {
    wpool__group_told told = {NULL, NULL};
    wpool__lock *lock = wpool__group_lock(group);
    wpool__list_take(job, group_next, group_link);
    for (wpool_group *above = group; above && job->error; above = above->parent) {
        if (!above->first_error) above->first_error = job->error;
        if (above->cancels_on_error && state == WPOOL_STATE_FAILED) wpool__group_tell(above, &told);
    }
    wpool__group_unlock(lock);
    wpool__group_tell_rest(&told);
}

/* ==== [worker] ===================================================================================
   What workers do: take a call, run it, finish it, look for the next; rest when there is none; help
   while a job waits. */

/* The job ends, as far as its time and all that it waited for are concerned. */
static void wpool__worker_settle_pace(wpool *pool, wpool_job *job) {
    if (job->edges) wpool__after_leave(job);
    if (!job->has_timer && job->lane_part != WPOOL__LANE_WAITS) return;
    wpool__keeper_lock(pool);
    wpool__keeper_put(pool, &job->timer, WPOOL__NEVER);
    wpool__lane_leave(job);
    wpool__keeper_unlock(pool);
}

/* Whoever waits for the group there waits for the caller. */
static void wpool__worker_call_done(void (*on_done)(void *, const wpool_result *), void *arg,
                                    const wpool_result *result, wpool_group *group) {
    wpool__context *context = wpool__contexts;
    wpool__ending ending = {group, context->ending};
    context->ending = &ending;
    on_done(arg, result);
    context->ending = ending.outer;
}

/* Ends a job that has a record and has run, or not: counts it, delivers it. Exactly once for each.
   */
static void wpool__worker_end(wpool *pool, wpool__account *account, wpool_job *job,
                              wpool_state state, bool has_run) {
    void (*on_done)(void *, const wpool_result *) = job->on_done;
    bool is_owned_by_caller = job->id == 0, was_removed = account == &pool->watch.removed;
    wpool_group *group = job->group;
    wpool_result result;
    void *arg = job->arg;
    job->finished_ns = WPOOL_CLOCK();
    if (group) wpool__group_leave(group, job, state);
    wpool__record *depended = NULL;
    wpool__worker_settle_pace(pool, job);
    wpool__job_describe(job, state, &result);
    wpool__account_deliver(account, true);
    /* first of all it is no longer queued: on_done may submit */
    if (!has_run) wpool__worker_count_unrun(pool, account, job->is_paced, state);
    if (was_removed) wpool__worker_note_removed(pool, job, WPOOL__JOB_COUNTED);
    if (on_done && !is_owned_by_caller) wpool__worker_call_done(on_done, arg, &result, group);
    if (has_run) wpool__account_end(&pool->lot, account, state);
    wpool_lane *lane = wpool__lane_end(job);
    /* a caller-owned job is no longer touched */
    if (wpool__job_publish(&pool->lot, job, state | (was_removed ? WPOOL__JOB_COUNTED : 0)))
        depended = wpool__table_pin(&pool->table, job->id);
    if (!is_owned_by_caller) wpool__worker_hand_over(pool, (wpool__record *)(void *)job);
    if (depended) wpool__after_resolve(pool, depended, state); /* its result is there */
    if (lane) wpool__lane_ended(pool, lane);
    if (on_done && is_owned_by_caller) wpool__worker_call_done(on_done, arg, &result, group);
    if (group) wpool__group_untie(group, 1);
    wpool__account_deliver(account, false);
    wpool__worker_tell_drivers(pool);
}

/* The same for one that has run, unless it is to run again. */
static void wpool__worker_finish(wpool *pool, wpool__account *account, wpool_job *job,
                                 wpool_state state) {
    bool may_return = job->retry.attempts > 1 || job->period;
    bool is_back = may_return && wpool__pace_wants_return(job, state);
    bool is_retried = state == WPOOL_STATE_FAILED;
    if (is_back && pool->is_inline && job->group) {
        is_back = wpool__group_return(account, job, is_retried);
    } else if (is_back) {
        is_back = wpool__pace_return(account, job, is_retried);
    }
    if (!is_back) wpool__worker_end(pool, account, job, state, true);
}

static wpool__account *wpool__worker_account(const wpool_job *self) {
    return self->worker ? self->worker->account : wpool__watch_account(&self->pool->watch, 0);
}

/* The job is to run where self does. */
static void wpool__worker_assign(const wpool_job *self, wpool_job *job) {
    job->worker = self->worker;
    job->forks = self->forks;
    job->ran_by = self->ran_by;
    wpool__store_relaxed(&job->thread, &wpool__contexts); /* relaxed: for this thread's own looks */
    job->data = NULL;
    job->error = 0;
    job->attempts++;
}

/* The job's function has returned: nobody calls it any more. */
static void wpool__worker_unlisten(wpool_job *job) {
    wpool__listeners_leave(&job->pool->lot, &job->pool->listeners, job);
}

/* Calls the job's function. */
static int wpool__worker_call(wpool_job *job) {
    wpool__context *context = wpool__context_of(job->pool);
    const WPOOL_ATOMIC(uint32_t) *before = context->told;
    context->told = job->told;
    bool is_seen = job->pool->config.interrupt_signal != 0;
    const WPOOL_ATOMIC(uint32_t) *outer = NULL;
    if (is_seen) outer = wpool__worker_expose(job->worker, job->told);
    int error = job->fn(job->arg, job);
    if (is_seen) (void)wpool__worker_expose(job->worker, outer);
    context->told = before;
    wpool__worker_unlisten(job);
    return error;
}

/* What a job with a record is in the queue: this function, with the job as its argument. It has
   become running. */
static int wpool__worker_run_record(void *arg, wpool_job *self) {
    wpool_job *job = (wpool_job *)arg;
    wpool__worker_assign(self, job);
    job->started_ns = WPOOL_CLOCK();
    if (!job->id && job->told == &job->state) {
        wpool__listeners_enter(&self->pool->lot, &self->pool->listeners, job, NULL, NULL);
    } else if (!job->id) {
        job->told = self->told;
    }
    /* [C2] after it is seen to run: who stops the pool or the worker hot looks for such jobs
       afterwards */
    if (wpool__load_seq_cst(self->told) & WPOOL__JOB_TOLD) wpool__job_tell(job, WPOOL__JOB_TOLD);
    if (job->run_limit) wpool__watchdog_begin(job);
    wpool__context *context = wpool__contexts;
    wpool_job *before = context->job;
    context->job = job;
    job->error = wpool__worker_call(job);
    context->job = before;
    wpool_state state = wpool__worker_outcome(job, job->error);
    wpool__worker_finish(self->pool, wpool__worker_account(self), job, state);
    return 0;
}

/* -- forked jobs: parts of the job that forked them, which ends after them. They are in no account,
   and what stops the pool does not stop them -- */

static bool wpool__worker_is_forked(wpool__call call) { return call.fn == wpool__fork_run; }
static bool wpool__worker_is_queued(wpool__call call) { return call.fn != wpool__fork_run; }

/* The same for a child, which fork has left as it was. */
static void wpool__worker_adopt(const wpool_job *self, wpool_job *child) {
    child->attempts = 0;
    wpool__worker_assign(self, child);
    child->pool = self->pool;
    child->is_listed = false;
    child->id = 0;
    child->name = NULL;
    child->accepted_ns = child->started_ns = child->finished_ns = child->run_limit = 0;
}

/* What a forked job is in a deque: this function, with the child as its argument. */
WPOOL_API int wpool__fork_run(void *arg, wpool_job *self) {
    wpool_job *child = (wpool_job *)arg;
    wpool__worker_adopt(self, child);
    (void)wpool__job_set_running(child, 0); /* nobody else would */
    child->error = wpool__worker_call(child);
    wpool__job_publish(&self->pool->lot, child, wpool__worker_outcome(child, child->error));
    return 0;
}

/* Ends a job that has become running, but will not run (again). */
static void wpool__worker_end_unrun(wpool *pool, wpool__account *account, wpool_job *job) {
    bool is_new = job->attempts == 0;
    job->error = wpool__job_is_late(job) ? WPOOL_TIMEOUT : WPOOL_CANCELLED;
    if (is_new) job->data = NULL;
    if (is_new) job->ran_by = WPOOL_INLINE;
    /* relaxed: for its on_done, where a wait for it is one for itself */
    wpool__store_relaxed(&job->thread, &wpool__contexts);
    wpool__worker_end(pool, account, job, is_new ? WPOOL_STATE_DISCARDED : WPOOL_STATE_CANCELLED,
                      false);
}

/* Ends the job of a pinned record, which it lets go of, if it is queued or held: if queued, the
   reference is the call's then. */
static bool wpool__worker_remove(wpool *pool, wpool_job *job) {
    bool is_queued = wpool__job_set_running(job, WPOOL__JOB_ENDING);
    if (!is_queued && !wpool__pace_take(pool, job)) return false;
    wpool__context context = {.pool = pool, .outer = wpool__contexts, .is_ending = true};
    wpool__contexts = &context; /* as if inside of a job: its on_done must not wait */
    wpool__worker_end_unrun(
        pool, is_queued ? &pool->watch.removed : wpool__watch_account(&pool->watch, 0), job);
    wpool__contexts = context.outer;
    wpool__worker_settle(pool);
    if (!is_queued) wpool__table_drop(&pool->table, (wpool__record *)(void *)job);
    return true;
}

/* Is it queued or held; or, if it is not to be told, has it begun just now? */
static bool wpool__worker_may_remove(wpool_job *job, bool is_told) {
    uint32_t word = wpool__load_seq_cst(&job->state); /* [C1] after it was told, or was not */
    uint32_t state = word & 0xFF;
    if (word & WPOOL__JOB_HELD || state == WPOOL_STATE_WAITING) return true;
    return !is_told && state == WPOOL_STATE_RUNNING && !(word & WPOOL__JOB_ENDING);
}

/* Cancels the job of a pinned record, which it lets go of. It may change its place meanwhile. */
static wpool_status wpool__worker_cancel(wpool *pool, wpool__record *record, wpool_mode mode) {
    wpool_job *job = &record->job;
    bool is_hot = mode == WPOOL_HOT, is_running, was_told = false;
    do {
        if (wpool__worker_remove(pool, job)) return WPOOL_OK;
        is_running = is_hot ? wpool__job_doom(job) : wpool__job_tell(job, WPOOL__JOB_LAST);
        was_told = was_told || is_running;
    } while ((is_hot || !is_running) && wpool__worker_may_remove(job, is_running));
    if (was_told && is_hot) wpool__worker_call_told(pool);
    wpool__table_drop(&pool->table, record);
    return !was_told ? WPOOL_ALREADY : is_hot ? WPOOL_CANCELLED : WPOOL_RUNNING;
}

/* Something of the job's is due. Under the lock of the timers, which this lets go of: a
   caller-owned job stays until its finisher has had that. */
static void wpool__worker_expire(wpool *pool, wpool__timer *timer) {
    wpool_job *job = (wpool_job *)(void *)((unsigned char *)timer - offsetof(wpool_job, timer));
    char text[WPOOL__NAME_SIZE];
    wpool_stuck stuck;
    wpool__record *record = NULL;
    const wpool_hooks *hooks = &pool->config.hooks;
    int64_t now = WPOOL_CLOCK();
    bool is_late = now >= wpool__job_deadline(job);
    bool is_stuck = wpool__watchdog_look(job, now, &stuck, text);
    if (job->ready_ns && now >= job->ready_ns) job->ready_ns = 0;
    if (is_late && job->id) record = wpool__table_pin(&pool->table, job->id);
    bool is_to_end = is_late && !job->id;
    if (is_to_end) wpool__job_doom(job);
    wpool__pace_arm(job, now);
    if (wpool__job_is_held(job) && (job->place == WPOOL__PLACE_HELD || is_to_end))
        wpool__pace_step_on(job);
    wpool__keeper_unlock(pool);
    if (record) {
        wpool__worker_cancel(pool, record, WPOOL_HOT);
    } else if (is_late) {
        wpool__worker_call_told(pool);
    }
    if (is_stuck && hooks->job_stuck) hooks->job_stuck(hooks->user, &stuck);
}

/* The call of a cancelled job has been taken out of the queue: it held a reference, and a place. */
static void wpool__worker_bury(wpool *pool, wpool_job *job) {
    wpool__worker_note_removed(pool, job, WPOOL__JOB_LEFT);
    wpool__table_drop(&pool->table, (wpool__record *)(void *)job);
}

/* Ends a queued call that will not run. */
static void wpool__worker_discard(wpool *pool, wpool__account *account, wpool__call call) {
    wpool_job *job = (wpool_job *)call.arg;
    if (call.fn != wpool__worker_run_record) {
        wpool__worker_count_unrun(pool, account, false, WPOOL_STATE_DISCARDED);
    } else if (wpool__job_set_running(job, WPOOL__JOB_ENDING)) {
        wpool__worker_end_unrun(pool, account, job);
    } else {
        wpool__worker_bury(pool, job);
    }
}

/* A part of the rate was taken, but no job started: whoever is held back may have it. */
static void wpool__worker_refund(wpool_worker *worker) {
    if (!worker || !wpool__pool_has_rate(worker->pool)) return;
    wpool *pool = worker->pool;
    wpool__keeper_lock(pool); /* who is held back looks at the rate under it */
    wpool__bucket_refund(&pool->bucket, worker->slot);
    if (wpool__worker_control(pool) & WPOOL__THROTTLED)
        wpool__keeper_put(pool, &pool->throttle, WPOOL_CLOCK());
    wpool__keeper_unlock(pool);
}

/* A call being run. */
typedef struct wpool__frame {
    wpool_job *self;
    wpool__account *account;
    wpool__call call;           /* fn NULL: ended */
    wpool_id outer_job;         /* that ran there before, if the call has a record */
    bool is_lost;               /* the thread left by pthread_exit, and that has been dealt with */
    struct wpool__frame *outer; /* of a forked job: in the worker's stolen ones */
} wpool__frame;

static void wpool__frame_run_forked(wpool__frame *frame) {
    wpool_worker *worker = frame->self->worker;
    frame->outer = worker->stolen;
    worker->stolen = frame;
    frame->call.fn(frame->call.arg, frame->self);
    worker->stolen = frame->outer;
    frame->call.fn = NULL;
}

/* Calls the function of a plain job, with interrupt_signal. */
static int wpool__frame_call(const wpool__frame *frame) {
    wpool_job *self = frame->self;
    const WPOOL_ATOMIC(uint32_t) *outer = wpool__worker_expose(self->worker, self->told);
    int error = frame->call.fn(frame->call.arg, self);
    (void)wpool__worker_expose(self->worker, outer);
    return error;
}

/* Runs the frame's call, or discards it if it is not to run. */
static void wpool__frame_run(wpool__frame *frame) {
    wpool *pool = frame->self->pool;
    wpool__call call = frame->call;
    if (wpool__worker_is_forked(call)) {
        wpool__frame_run_forked(frame);
        return;
    }
    bool has_record = call.fn == wpool__worker_run_record;
    wpool_job *job = (wpool_job *)call.arg;
    bool is_to_run = (wpool__worker_control(pool) & WPOOL__STOPPED) == 0;
    if (is_to_run && has_record) is_to_run = wpool__job_set_running(job, 0);
    bool is_late = is_to_run && has_record && wpool__job_is_late(job);
    if (!is_to_run || is_late) wpool__worker_refund(frame->self->worker);
    if (!is_to_run) {
        frame->call.fn = NULL;
        wpool__worker_discard(pool, frame->account, call);
        return;
    }
    if (is_late) {
        frame->call.fn = NULL;
        wpool__job_end(job);
        wpool__worker_end_unrun(pool, frame->account, job);
        return;
    }
    if (has_record) frame->outer_job = wpool__account_name(frame->account, job->id);
    if (has_record && job->is_paced) wpool__watch_pass(&pool->watch);
    wpool__account_begin(frame->account);
    wpool__worker_free_room(pool, 1);
    bool is_seen = pool->config.interrupt_signal && !has_record;
    int error = is_seen ? wpool__frame_call(frame) : call.fn(call.arg, frame->self);
    frame->call.fn = NULL;
    if (has_record) {
        wpool__account_name(frame->account, frame->outer_job);
    } else {
        wpool__account_end(&pool->lot, frame->account, wpool__worker_outcome(frame->self, error));
    }
}

/* The call left its thread by pthread_exit: it has failed. */
static void wpool__frame_abandon(void *arg) {
    wpool__frame *frame = (wpool__frame *)arg;
    wpool *pool = frame->self->pool;
    if (frame->call.fn == wpool__worker_run_record) {
        wpool_job *job = (wpool_job *)frame->call.arg;
        job->error = WPOOL_FAILED;
        wpool__contexts->job = NULL;
        wpool__worker_unlisten(job);
        wpool__worker_finish(pool, frame->account, job, WPOOL_STATE_FAILED);
        wpool__account_name(frame->account, frame->outer_job);
    } else if (wpool__worker_is_forked(frame->call)) {
        wpool_job *job = (wpool_job *)frame->call.arg;
        job->error = WPOOL_FAILED;
        wpool__worker_unlisten(job);
        frame->self->worker->stolen = frame->outer;
        wpool__job_publish(&pool->lot, job, WPOOL_STATE_FAILED);
    } else if (frame->call.fn) {
        wpool__account_end(&pool->lot, frame->account, WPOOL_STATE_FAILED);
    }
    frame->call.fn = NULL;
}

static void wpool__worker_leave_nested(void *arg) {
    wpool__frame *frame = (wpool__frame *)arg;
    (void)wpool__worker_expose(frame->self->worker, NULL);
    wpool__frame_abandon(frame);
    frame->self->worker->has_left_nested = true;
}

/* The same inside of a job: what that is told does not concern a plain one. */
static void wpool__frame_run_nested(wpool__frame *frame) {
    wpool__context *context = wpool__context_of(frame->self->pool);
    const WPOOL_ATOMIC(uint32_t) *outer = context->told;
    context->told = NULL;
    wpool__frame_run(frame);
    context->told = outer;
}

/* Runs a call inside of the job that the worker runs. */
static void wpool__worker_nest(wpool_worker *worker, wpool__call call) {
    wpool__frame frame = {.self = &worker->self, .account = worker->account, .call = call};
    WPOOL_CLEANUP_PUSH(wpool__worker_leave_nested, &frame);
    wpool__frame_run_nested(&frame);
    WPOOL_CLEANUP_POP(0);
    if (worker->is_guest) wpool__worker_settle(worker->pool); /* it never rests */
}

/* In place of a deque, for who has none: nobody could have what it forks. */
typedef struct wpool__alone {
    wpool__forks forks;
    wpool__cell cell;
} wpool__alone;

static wpool__forks *wpool__alone_forks(wpool__alone *alone) {
    *alone = (wpool__alone){.forks = {.guard = WPOOL__ALL_OPEN, .cells = &alone->cell}};
    return &alone->forks;
}

/* A thread that is no worker's runs a call of the pool: for itself, or, inline, as the worker. */
typedef struct wpool__guest {
    wpool__context context;
    wpool__frame frame;
    wpool_job self;
    wpool__alone alone;
} wpool__guest;

static void wpool__guest_leave(void *arg) {
    wpool__guest *guest = (wpool__guest *)arg;
    wpool *pool = guest->frame.self->pool;
    wpool__frame_abandon(&guest->frame);
    wpool__contexts = guest->context.outer;
    if (guest->context.worker) wpool__lock_release(&pool->lot, &pool->driver);
    wpool__worker_settle(pool);
}

static void wpool__guest_run(wpool *pool, wpool__call call) {
    wpool__guest guest = {.context = {.pool = pool, .outer = wpool__contexts},
                          .self = {.pool = pool, .told = &pool->control, .ran_by = WPOOL_INLINE}};
    guest.self.forks = wpool__alone_forks(&guest.alone);
    wpool__account *account = wpool__watch_account(&pool->watch, 0);
    guest.frame = (wpool__frame){.self = &guest.self, .account = account, .call = call};
    wpool__contexts = &guest.context;
    WPOOL_CLEANUP_PUSH(wpool__guest_leave, &guest);
    wpool__frame_run(&guest.frame);
    WPOOL_CLEANUP_POP(1);
}

/* How many calls a worker may take from the queue at once. */
static uint64_t wpool__worker_batch(wpool *pool) {
    bool is_exact = wpool__pool_is_unbuffered(pool) || wpool__pool_has_rate(pool) ||
                    wpool__pool_policy(pool) == WPOOL_DROP_OLDEST;
    return is_exact ? 1 : WPOOL_BATCH;
}

/* Takes a fair share of the queue: the first to be run, the rest for its own deque, in reverse, so
   that it is popped in order. */
static bool wpool__worker_fetch(wpool_worker *worker, wpool__call *call) {
    wpool *pool = worker->pool;
    wpool__call calls[WPOOL_BATCH], rest[WPOOL_BATCH];
    uint64_t length = wpool__queue_length(&pool->queue);
    if (length == 0) return false;
    uint64_t share = length / wpool__crew_serving(pool) + 1, most = wpool__worker_batch(pool);
    if (share > most) share = most;
    if (wpool__deque_length(&worker->deque) != 0) share = 1;
    size_t n = wpool__queue_take(&pool->queue, calls, (size_t)share);
    if (n == 0) {
        WPOOL_YIELD(); /* somebody was faster, or is about to put a call */
        return false;
    }
    *call = calls[0];
    worker->popped = 0;
    if (n == 1) return true;
    for (size_t i = 1; i < n; i++)
        rest[n - 1 - i] = calls[i];
    wpool__deque_push(&worker->deque, rest, (int64_t)n - 1);
    if (!worker->is_searching) wpool__idle_wake(&pool->idle);
    return true;
}

static bool wpool__worker_steal(wpool_worker *worker, wpool__call *call) {
    wpool *pool = worker->pool;
    uint32_t n = wpool__crew_count(pool);
    uint32_t random = wpool__random_next(&worker->random);
    for (uint32_t i = 0, at = random % n; i < n; i++, at = (at + 1) % n) {
        wpool_worker *victim = wpool__crew_at(pool, at);
        if (victim != worker && wpool__deque_steal(&victim->deque, call, NULL)) return true;
    }
    return false;
}

/* Takes a call that a worker held who has left, or is about to. */
static bool wpool__worker_find_leftover(wpool *pool, wpool__call *call) {
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = WPOOL_GUESTS; i < count; i++) {
        wpool_worker *victim = wpool__crew_at(pool, i);
        if (wpool__account_presence(victim->account) != WPOOL__SERVES &&
            wpool__deque_steal(&victim->deque, call, NULL))
            return true;
    }
    return false;
}

/* The same, first of all: nobody would come by while there is other work. */
static bool wpool__worker_take_leftover(wpool *pool, wpool__call *call) {
    if (wpool__worker_find_leftover(pool, call)) return true;
    /* [K2] before the next look; who leaves one behind says so afterwards */
    wpool__and_seq_cst(&pool->control, ~(uint32_t)WPOOL__LEFTOVERS);
    if (!wpool__worker_find_leftover(pool, call)) return false;
    wpool__or_seq_cst(&pool->control, WPOOL__LEFTOVERS); /* [K2] */
    return true;
}

/* Takes the next call from its own deque or the queue; now and then the oldest of the deque, which
   may lie there below others that always follow. */
static inline bool wpool__worker_take_plain(wpool_worker *worker, wpool__call *call) {
    bool is_queues_turn = worker->popped >= WPOOL_FAIR_TICKS;
    worker->popped = is_queues_turn ? 0 : worker->popped + 1;
    if (is_queues_turn) worker->is_oldests_turn = !worker->is_oldests_turn;
    if (is_queues_turn && worker->is_oldests_turn &&
        wpool__deque_steal(&worker->deque, call, wpool__worker_is_queued))
        return true;
    if (!is_queues_turn && wpool__deque_pop(&worker->deque, call)) return true;
    if (wpool__worker_fetch(worker, call)) return true;
    return is_queues_turn && wpool__deque_pop(&worker->deque, call);
}

/* Takes a ready job of that priority. */
static bool wpool__worker_take_ready(wpool *pool, wpool_priority rank, wpool__call *call) {
    wpool_job *job = wpool__orders_take_ready(&pool->orders, rank);
    if (job) *call = (wpool__call){wpool__worker_run_record, job};
    return job != NULL;
}

/* Takes what has a priority, or lies on the stack; the turn says which first. */
static bool wpool__worker_take_ordered(wpool *pool, uint32_t turn, wpool__call *call) {
    wpool__orders *orders = &pool->orders;
    bool has_ranks = wpool__orders_has(orders, WPOOL__HAS_RANKS);
    bool has_pile = wpool__orders_has(orders, WPOOL__HAS_PILE);
    bool is_readys_turn = (turn / 16 + turn) % 2 == 0;
    for (unsigned i = 0; i < WPOOL__RANKS; i++) {
        wpool_priority rank = wpool__orders_rank(turn, i);
        if (is_readys_turn && wpool__worker_take_ready(pool, rank, call)) return true;
        if (has_ranks && wpool__queue_take(&orders->ranks[rank], call, 1)) return true;
        if (has_pile && rank == WPOOL_NORMAL && wpool__orders_take_pile(orders, call)) return true;
        if (!is_readys_turn && wpool__worker_take_ready(pool, rank, call)) return true;
    }
    return false;
}

/* Takes the next call from wherever there is one. */
static bool wpool__worker_take(wpool_worker *worker, bool has_leftovers, wpool__call *call) {
    wpool *pool = worker->pool;
    if (has_leftovers && wpool__worker_take_leftover(pool, call)) return true;
    bool is_plain = wpool__orders_are_unused(&pool->orders);
    bool is_plains_turn = is_plain || ++worker->turn % 4 == 0;
    if (is_plains_turn && wpool__worker_take_plain(worker, call)) return true;
    if (!is_plain && wpool__worker_take_ordered(pool, worker->turn, call)) return true;
    if (!is_plains_turn && wpool__worker_take_plain(worker, call)) return true;
    return wpool__worker_steal(worker, call);
}

/* Does the rate allow to start a job? If not, and there are some, none starts before it does. */
static bool wpool__worker_is_allowed(wpool_worker *worker) {
    wpool *pool = worker->pool;
    if (wpool__bucket_take(&pool->bucket, &worker->slot) == 0) return true;
    if (!wpool__worker_sees_work(pool)) return false;
    wpool__keeper_lock(pool);
    /* the rate may be another one now */
    int64_t when = wpool__bucket_take(&pool->bucket, &worker->slot);
    if (when) {
        wpool__or_seq_cst(&pool->control, WPOOL__THROTTLED); /* [C1] before the timer ends it */
        wpool__keeper_put(pool, &pool->throttle, when);
    }
    wpool__keeper_unlock(pool);
    return when == 0;
}

/* What held the workers back no longer does. False: it did not. */
static bool wpool__worker_let_go_on(wpool *pool, uint32_t bit) {
    /* [C1] to workers; [I1] before they are woken */
    if (!(wpool__and_seq_cst(&pool->control, ~bit) & bit)) return false;
    wpool__worker_announce(pool);
    wpool__worker_let_takers_look(pool);
    wpool__worker_free_room(pool, 1);
    return true;
}

static void wpool__worker_allow_again(wpool *pool, wpool__timer *timer) {
    (void)timer;
    wpool__keeper_unlock(pool);
    wpool__worker_let_go_on(pool, WPOOL__THROTTLED);
}

/* The next call to run. False: none to be had, or paused. A pause may come between the look and the
   taking, and the call may have been submitted after it. Who takes a call has seen what came before
   its submit, so a second look tells, and the call goes back, unless a job that runs forked it. */
static bool wpool__worker_next(wpool_worker *worker, wpool__call *call) {
    uint32_t control = wpool__worker_control(worker->pool);
    if (wpool__control_is_paused(control)) return false;
    bool is_over = (control & (WPOOL__STOPPED | WPOOL__EXIT)) != 0;
    bool has_rate = !is_over && wpool__pool_has_rate(worker->pool);
    if (has_rate && !wpool__worker_is_allowed(worker)) return false;
    bool is_taken = wpool__worker_take(worker, (control & WPOOL__LEFTOVERS) != 0, call);
    if (has_rate && (!is_taken || wpool__worker_is_forked(*call))) wpool__worker_refund(worker);
    if (!is_taken) {
        call->fn = NULL; /* a try that failed may have left somebody else's */
        return false;
    }
    control = wpool__worker_control(worker->pool);
    if (!wpool__control_is_paused(control) || wpool__worker_is_forked(*call)) return true;
    if (!wpool__deque_reserve(&worker->deque, 1)) return true;
    wpool__deque_push(&worker->deque, call, 1);
    if (has_rate) wpool__worker_refund(worker);
    call->fn = NULL; /* it is in the caller's hands no more */
    return false;
}

#ifndef WPOOL_NO_THREADS
/* Somebody sleeps, and nobody searches: from now on forks look for sleepers, and what was forked
   before is seen. */
static void wpool__worker_ask_forks(wpool *pool) {
    bool is_any = false;
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = 0; i < count; i++) {
        WPOOL_ATOMIC(int64_t) *limit = &wpool__crew_at(pool, i)->deque.forks.limit;
        /* [D6] whoever raises it afterwards looks at who sleeps */
        if (wpool__load_seq_cst(limit) == 0) continue;
        wpool__store_seq_cst(limit, 0); /* [D6] */
        is_any = true;
    }
    if (is_any) WPOOL_HEAVY_FENCE(); /* [D5] before the look for work */
}

/* The worker has work: no longer the searcher, it wakes the next one if there is more. */
static void wpool__worker_end_search(wpool_worker *worker) {
    wpool__idle *idle = &worker->pool->idle;
    worker->is_searching = false;
    wpool__idle_stop_search(idle);
    if (!wpool__idle_wants_waking(wpool__idle_word(idle))) return;
    wpool__worker_ask_forks(worker->pool);
    if (wpool__worker_sees_work(worker->pool)) wpool__idle_wake(idle);
}

/* Is it to end, now that it runs nothing? */
static bool wpool__worker_is_leaving(wpool_worker *worker) {
    /* [I1] also the last look before it sleeps */
    return (wpool__load_seq_cst(&worker->orders) & WPOOL__LEAVE) != 0;
}

/* No work: sleeps. If the last sleep was short, work comes densely: then it first looks out for
   more, for a bounded while and as the only one; else that would only cost CPU and warmth
   elsewhere. */
static void wpool__worker_rest(wpool_worker *worker) {
    wpool *pool = worker->pool;
    unsigned round = 0;
    wpool__worker_settle(pool);
    if (!worker->is_searching) worker->is_searching = wpool__idle_search(&pool->idle);
    while (worker->is_busy_time && worker->is_searching && wpool__spin(&round))
        if (wpool__worker_sees_work(pool)) return;
    wpool__idle_enter(&pool->idle, worker->index, worker->is_searching);
    worker->is_searching = false;
    wpool__worker_ask_forks(pool);
    wpool__worker_settle(pool);
    if (wpool__pool_is_unbuffered(pool)) wpool__worker_free_room(pool, 1);
    /* [I1] the last look before sleeping, as for work */
    if (wpool__load_seq_cst(&pool->control) & WPOOL__EXIT || wpool__worker_is_leaving(worker)) {
        wpool__idle_wake_all(&pool->idle);
    } else if (wpool__worker_sees_work(pool)) {
        wpool__idle_wake(&pool->idle);
    }
    int64_t asleep_since = WPOOL_CLOCK();
    if (!wpool__worker_idle_since(worker)) /* relaxed: who sees it late looks again */
        wpool__store_relaxed(&worker->idle_since, asleep_since);
    worker->is_searching = wpool__idle_sleep(&pool->idle, worker->index);
    worker->is_busy_time = WPOOL_CLOCK() - asleep_since < WPOOL_SHORT_SLEEP;
}

/* One turn of the loop: a job, or a rest. False: the worker is to end. */
static bool wpool__worker_step(wpool_worker *worker, wpool__frame *frame) {
    /* read before the last look for work, so that none is left behind */
    bool is_to_exit = (wpool__worker_control(worker->pool) & WPOOL__EXIT) != 0;
    if (wpool__worker_is_leaving(worker)) return false;
    if (wpool__worker_next(worker, &frame->call)) {
        /* relaxed: published by the account, before the job ceases to wait */
        if (wpool__worker_idle_since(worker)) wpool__store_relaxed(&worker->idle_since, 0);
        if (worker->is_searching) wpool__worker_end_search(worker);
        wpool__frame_run(frame);
        return true;
    }
    if (is_to_exit) return false;
    wpool__worker_rest(worker);
    return true;
}
#endif

static void wpool__worker_begin(wpool_worker *worker) {
    const wpool_hooks *hooks = &worker->pool->config.hooks;
    worker->state = hooks->worker_start ? hooks->worker_start(hooks->user, worker->index) : NULL;
}

static void wpool__worker_leave(wpool_worker *worker) {
    const wpool_hooks *hooks = &worker->pool->config.hooks;
    if (hooks->worker_exit) hooks->worker_exit(hooks->user, worker->index, worker->state);
}

#ifdef WPOOL_NO_THREADS
#define wpool__worker_start(worker) ((void)(worker), false) /* not used: all pools are inline */
#else
static void *wpool__worker_main(void *arg);

static bool wpool__worker_start(wpool_worker *worker) {
    return wpool__thread_start(&worker->thread, wpool__worker_main, worker,
                               worker->pool->config.stack_size);
}

/* The worker leaves: what it holds, and what it was woken for, is for the others. */
static void wpool__worker_retire(wpool_worker *worker) {
    wpool *pool = worker->pool;
    wpool__deque_open_all(&worker->deque);
    if (wpool__deque_length(&worker->deque) != 0)
        wpool__or_seq_cst(&pool->control, WPOOL__LEFTOVERS); /* [K2] it is there */
    wpool__idle_leave(&pool->idle, worker->is_searching);
    worker->is_searching = false;
    wpool__worker_settle(pool);
    wpool__worker_ask_forks(pool);
    if (wpool__worker_sees_work(pool)) wpool__idle_wake(&pool->idle);
}

/* The last of it: its place is free, and the next one to leave waits for the end of this thread. */
static void wpool__worker_depart(wpool_worker *worker) {
    wpool *pool = worker->pool;
    wpool__crew *crew = &pool->crew;
    wpool__lock_take(&pool->lot, &crew->lock);
    /* relaxed, these: changed under the lock only */
    bool is_joined = wpool__load_relaxed(&worker->account->presence) == WPOOL__ABSENT;
    bool has_before = crew->has_gone && !is_joined;
    wpool__thread before = crew->gone;
    if (!is_joined) {
        crew->gone = wpool__thread_self();
        crew->has_gone = true;
        wpool__crew_count_in(worker, WPOOL__ABSENT);
    }
    wpool__lock_release(&pool->lot, &crew->lock);
    wpool__event_notify_all(&pool->lot, &pool->results.event); /* takers may be all that is left */
    wpool__scaler_wake(pool);
    if (has_before) wpool__thread_join(before);
}

static void wpool__worker_go(wpool_worker *worker) {
    bool is_leaving = wpool__worker_is_leaving(worker);
    if (is_leaving) wpool__worker_retire(worker);
    wpool__worker_leave(worker);
    wpool__contexts = NULL;
    if (is_leaving) wpool__worker_depart(worker);
}

/* A job has left the worker's thread by pthread_exit. Another thread takes over as soon as this one
   is gone; if there is none to be had, this one goes on from here (or tries again until there is
   one, if the job that left was inside of another). The replacement is made before the job ends, so
   that whoever sees the end finds the new thread. */
static void wpool__worker_lose(void *arg) {
    wpool__frame *frame = (wpool__frame *)arg;
    wpool_worker *worker = frame->self->worker;
    if (frame->is_lost) return; /* it went on from here and has left again: the same frame */
    frame->is_lost = true;
    (void)wpool__worker_expose(worker, NULL);
    if (wpool__worker_is_leaving(worker)) {
        wpool__frame_abandon(frame);
        wpool__worker_go(worker);
        return;
    }
    wpool__lock_take(&worker->pool->lot, &worker->pool->crew.lock);
    wpool__lock_release(&worker->pool->lot, &worker->pool->crew.lock); /* who started it is done */
    worker->lost = wpool__thread_self();
    worker->has_lost = true;
    bool is_replaced = wpool__worker_start(worker);
    while (!is_replaced &&
           worker->has_left_nested) { /* no going on with the cleanups of a dead stack */
        WPOOL_ATOMIC(uint32_t) nobodys = 0;
        WPOOL_PARK(&worker->pool->lot, &nobodys, 0, wpool__deadline(WPOOL_MS(10)));
        is_replaced = wpool__worker_start(worker);
    }
    if (!is_replaced) {
        worker->thread = worker->lost;
        worker->has_lost = false;
    }
    wpool__frame_abandon(frame);
    wpool__worker_leave(worker);
    wpool__contexts = NULL;
    if (!is_replaced) wpool__worker_main(worker);
}

static void *wpool__worker_main(void *arg) {
    wpool_worker *worker = (wpool_worker *)arg;
    wpool *pool = worker->pool;
    wpool__frame frame = {.self = &worker->self, .account = worker->account};
    wpool__context context = {.pool = pool, .worker = worker};
    int interrupt_signal = pool->config.interrupt_signal;
    if (interrupt_signal) wpool__thread_admit(interrupt_signal);
    if (worker->has_lost) wpool__thread_join(worker->lost);
    worker->has_lost = worker->has_left_nested = false;
    wpool__contexts = &context;
    wpool__store_relaxed(&worker->address, &wpool__contexts); /* relaxed: only its value */
    wpool__store_relaxed(&worker->idle_since, 0);             /* relaxed: a guess for others */
    char number[8];
    snprintf(number, sizeof number, "%u", worker->index % (WPOOL_MAX_WORKERS + 1));
    wpool__thread_name(pool->name, number);
    if (pool->config.pin_workers) wpool__thread_pin(worker->index);
    WPOOL_CLEANUP_PUSH(wpool__worker_lose, &frame);
    wpool__worker_begin(worker);
    while (wpool__worker_step(worker, &frame)) {
    }
    WPOOL_CLEANUP_POP(0);
    wpool__worker_go(worker);
    return NULL;
}
#endif

/* -- a thread that is no worker takes part: it gets a deque of the pool's for that time -- */

/* NULL: all are in use. */
static wpool_worker *wpool__visit_enter(wpool *pool) {
    uint32_t used = wpool__load_relaxed(&pool->guests); /* relaxed: the exchange checks it */
    for (unsigned i = 0; i < WPOOL_GUESTS;) {
        if (used >> i & 1) {
            i++;
        } else if (wpool__cas_acq_rel(&pool->guests, &used, used | UINT32_C(1) << i)) { /* [G1] */
            return wpool__crew_at(pool, i);
        }
    }
    return NULL;
}

static void wpool__visit_leave(const wpool_worker *guest) {
    wpool *pool = guest->pool;
    /* [G1] hands the deque over to the next guest */
    wpool__and_acq_rel(&pool->guests, ~(UINT32_C(1) << guest->index));
}

/* The calling thread as a worker of the pool: the one that it is, or else a guest. */
typedef struct wpool__visit {
    wpool_worker *worker;                /* NULL: there is no place for another guest */
    const WPOOL_ATOMIC(uint32_t) * told; /* of the job that it runs, or the pool's control */
    wpool__context context;
    bool is_guest;
} wpool__visit;

static void wpool__visit_begin(wpool__visit *visit, wpool *pool) {
    bool is_inside;
    const wpool__context *context = wpool__context_of(pool);
    visit->worker = wpool__worker_here(pool, &is_inside);
    visit->told = context && context->told ? context->told
                  : visit->worker          ? visit->worker->self.told
                                           : &pool->control;
    visit->is_guest = !visit->worker;
    if (!visit->is_guest) return;
    visit->worker = wpool__visit_enter(pool);
    visit->context = (wpool__context){.pool = pool, .outer = wpool__contexts, .told = visit->told};
    wpool__contexts = &visit->context;
}

static void wpool__visit_end(const wpool__visit *visit) {
    if (!visit->is_guest) return;
    wpool__contexts = visit->context.outer;
    if (visit->worker) wpool__visit_leave(visit->worker);
}

/* -- helping: a job waits, on a worker of its own pool, for another job -- */

/* Is it the job's? NULL: or is it any queued one? */
static bool wpool__worker_is_call_of(wpool__call call, const wpool_job *job) {
    if (!job) return wpool__worker_is_queued(call);
    return call.arg == job && (call.fn == wpool__worker_run_record || call.fn == wpool__fork_run);
}

/* Onto its own deque, where others can have it. Without the memory for that it is run: better than
   to wait for ever. */
static void wpool__worker_put_aside(wpool_worker *worker, wpool__call call) {
    if (wpool__deque_reserve(&worker->deque, 1)) {
        wpool__deque_push(&worker->deque, &call, 1);
    } else {
        wpool__worker_nest(worker, call);
    }
}

/* Steals up to n calls and pushes them onto the worker's own deque, until one is the job's. */
static bool wpool__worker_dig_deque(wpool_worker *worker, wpool__deque *from, const wpool_job *job,
                                    wpool__call *call) {
    for (int64_t n = wpool__deque_length(from); n > 0 && wpool__deque_steal(from, call, NULL);
         n--) {
        if (wpool__worker_is_call_of(*call, job)) return true;
        wpool__worker_put_aside(worker, *call);
    }
    return false;
}

/* Takes calls off the queue and pushes them onto the worker's own deque, until one is the job's. */
static bool wpool__worker_dig_queue(wpool_worker *worker, wpool__queue *queue, const wpool_job *job,
                                    wpool__call *call) {
    for (uint64_t n = wpool__queue_length(queue); n > 0 && wpool__queue_take(queue, call, 1); n--) {
        if (wpool__worker_is_call_of(*call, job)) return true;
        wpool__worker_put_aside(worker, *call);
    }
    return false;
}

/* The same with all that is queued otherwise, the lowest first. */
static bool wpool__worker_dig_orders(wpool_worker *worker, const wpool_job *job,
                                     wpool__call *call) {
    wpool__orders *orders = &worker->pool->orders;
    bool has_ranks = wpool__orders_has(orders, WPOOL__HAS_RANKS);
    bool has_pile = wpool__orders_has(orders, WPOOL__HAS_PILE);
    for (unsigned i = WPOOL__RANKS; i-- > 0;) {
        wpool_priority rank = wpool__orders_rank(0, i);
        if (has_ranks && wpool__worker_dig_queue(worker, &orders->ranks[rank], job, call))
            return true;
        while (job && wpool__worker_take_ready(worker->pool, rank, call)) {
            if (wpool__worker_is_call_of(*call, job)) return true;
            wpool__worker_put_aside(worker, *call);
        }
    }
    while (has_pile && wpool__orders_take_pile(orders, call)) {
        if (wpool__worker_is_call_of(*call, job)) return true;
        wpool__worker_put_aside(worker, *call);
    }
    return false;
}

/* Gets the call of a job that has not started (NULL: any queued call) out of wherever it lies, and
   puts what lies above it onto the worker's own deque, where others can have it. False: not met; it
   is in somebody's hands. */
static bool wpool__worker_dig(wpool_worker *worker, const wpool_job *job, bool is_forked,
                              wpool__call *call) {
    wpool *pool = worker->pool;
    bool is_met = wpool__deque_pop(&worker->deque, call); /* what it submitted last is often here */
    if (is_met && !wpool__worker_is_call_of(*call, job)) {
        wpool__deque_push(&worker->deque, call, 1);
        is_met = false;
    }
    wpool__deque_open_all(&worker->deque);
    if (!is_met) is_met = wpool__worker_dig_deque(worker, &worker->deque, job, call);
    if (!is_met && !is_forked) is_met = wpool__worker_dig_queue(worker, &pool->queue, job, call);
    if (!is_met && !is_forked) is_met = wpool__worker_dig_orders(worker, job, call);
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = 0; i < count && !is_met; i++) {
        wpool_worker *other = wpool__crew_at(pool, i);
        if (other != worker) is_met = wpool__worker_dig_deque(worker, &other->deque, job, call);
    }
    wpool__idle_wake(&pool->idle); /* for what was put aside */
    if (is_met && !is_forked) worker->slot = wpool__bucket_charge(&pool->bucket);
    return is_met;
}

/* ==== [scaler] ===================================================================================
   Who keeps the time, and who comes and goes: by hand, or by the rules. */

/* -- the keeper: does what is due -- */

/* Does one thing that is due. False: nothing is before *until. */
static bool wpool__keeper_turn(wpool *pool, int64_t *until) {
    wpool__timers *timers = &pool->keeper.timers;
    wpool__lock_take(&pool->lot, &timers->lock);
    wpool__timer *timer = wpool__timers_due(timers, timers->top ? WPOOL_CLOCK() : 0);
    *until = timers->until;
    if (timer) {
        timer->due(pool, timer); /* lets go of the lock */
    } else {
        wpool__lock_release(&pool->lot, &timers->lock);
    }
    return timer != NULL;
}

#ifndef WPOOL_NO_THREADS
static void *wpool__keeper_main(void *arg) {
    wpool *pool = (wpool *)arg;
    wpool__event *changed = &pool->keeper.timers.changed;
    wpool__thread_name(pool->name, "time");
    for (;;) {
        int64_t until;
        uint32_t epoch = wpool__event_announce(changed);
        while (!(wpool__worker_control(pool) & WPOOL__EXIT) && wpool__keeper_turn(pool, &until)) {
        }
        /* [E1] after it announced itself */
        if (wpool__load_seq_cst(&pool->control) & WPOOL__EXIT) return NULL;
        wpool__event_sleep(&pool->lot, changed, epoch, until);
    }
}

static void wpool__keeper_end(wpool *pool) {
    wpool__event_notify_all(&pool->lot, &pool->keeper.timers.changed);
    if (pool->keeper.is_started) wpool__thread_join(pool->keeper.thread);
}
#endif

/* From now on somebody keeps the time. False: the system has no thread. */
static bool wpool__keeper_start(wpool *pool) {
#ifdef WPOOL_NO_THREADS
    (void)pool;
    return true;
#else
    wpool__keeper *keeper = &pool->keeper;
    if (pool->is_inline) return true;
    wpool__lock_take(&pool->lot, &keeper->timers.lock);
    if (!keeper->is_started)
        keeper->is_started =
            wpool__thread_start(&keeper->thread, wpool__keeper_main, pool, pool->config.stack_size);
    bool is_started = keeper->is_started;
    wpool__lock_release(&pool->lot, &keeper->timers.lock);
    return is_started;
#endif
}

/* -- by hand -- */

static uint32_t wpool__crew_order(wpool_worker *worker, uint32_t bits) {
    /* [I1] before the caller wakes those who sleep; [C1] [C2] to what it runs or is about to run */
    return wpool__or_seq_cst(&worker->orders, bits);
}

/* Tells every job in the pool that runs. The pool has been stopped hot. */
static void wpool__crew_tell_all(wpool *pool) {
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = WPOOL_GUESTS; i < count; i++)
        wpool__crew_order(wpool__crew_at(pool, i), WPOOL__JOB_TOLD);
    wpool__table_tell(&pool->table, NULL);
    wpool__listeners_tell(&pool->lot, &pool->listeners, NULL);
    wpool__worker_call_told(pool);
}

/* Tells every job that runs on a worker, or begins there. */
static void wpool__crew_tell(wpool_worker *worker) {
    wpool *pool = worker->pool;
    wpool__crew_order(worker, WPOOL__JOB_TOLD);
    /* relaxed: its jobs have been seen to run on that address */
    const void *address = wpool__load_relaxed(&worker->address);
    if (address) {
        wpool__table_tell(&pool->table, address);
        wpool__listeners_tell(&pool->lot, &pool->listeners, address);
    }
    wpool__worker_call_told(pool);
}

/* One more worker, without a thread; index: as a worker, or as a guest. False: out of memory. Under
   the lock. */
static bool wpool__crew_add(wpool *pool) {
    uint32_t i = wpool__crew_count(pool), index = i < WPOOL_GUESTS ? i : i - WPOOL_GUESTS;
    wpool__watch *watch = &pool->watch;
    bool is_guest = i < WPOOL_GUESTS;
    if (!wpool__shelf_has(&pool->crew.workers, i)) return false;
    if (!is_guest && !wpool__shelf_has(&pool->idle.sleepers, index)) return false;
    if (!is_guest && !wpool__shelf_has(&watch->accounts, index + 1)) return false;
    wpool_worker *worker = wpool__crew_at(pool, i);
    if (!wpool__deque_init(&worker->deque, pool->allocator, pool->has_fence)) return false;
    worker->pool = pool;
    worker->account = wpool__watch_account(watch, is_guest ? 0 : index + 1);
    worker->index = index;
    worker->is_guest = is_guest;
    worker->random = i + 1;
    worker->self.pool = pool;
    worker->self.told = is_guest || pool->is_inline ? &pool->control : &worker->orders;
    worker->self.worker = worker;
    worker->self.forks = &worker->deque.forks;
    worker->self.ran_by = is_guest || pool->is_inline ? WPOOL_INLINE : index;
    /* [K1] hands them over, these two; before the worker's first look at who waits */
    if (!is_guest) wpool__store_seq_cst(&watch->count, index + 2);
    wpool__store_seq_cst(&pool->crew.count, i + 1); /* [K1] */
    return true;
}

/* Starts the thread of a worker that has none. False: the system has none. Under the lock. */
static bool wpool__crew_start(wpool_worker *worker) {
    wpool__store_relaxed(&worker->address, NULL); /* relaxed: for who tells it to end */
    /* [C2] before the look whether the pool was stopped hot; who does that tells it afterwards */
    wpool__store_seq_cst(&worker->orders, 0);
    if (wpool__load_seq_cst(&worker->pool->control) & WPOOL__HOT) /* [C2] */
        wpool__crew_order(worker, WPOOL__JOB_TOLD);
    wpool__crew_count_in(worker, WPOOL__SERVES);
    if (wpool__worker_start(worker)) return true;
    wpool__crew_count_in(worker, WPOOL__ABSENT);
    wpool__event_notify_all(&worker->pool->lot, &worker->pool->results.event); /* it is not there */
    return false;
}

/* Lets one worker go. Under the lock. */
static void wpool__crew_dismiss(wpool_worker *worker) {
    WPOOL_ATOMIC(uint32_t) *lent = &worker->pool->scaler.lent;
    wpool__crew_count_in(worker, WPOOL__LEAVES);
    /* relaxed, both: changed under the lock only */
    if (wpool__load_relaxed(lent) != 0) wpool__add_relaxed(lent, UINT32_MAX);
    wpool__crew_order(worker, WPOOL__LEAVE);
    wpool__or_seq_cst(&worker->pool->control, WPOOL__LEFTOVERS); /* [K2] what it holds now */
}

/* Lets n workers go, the highest first, those without a job before the others. Under the lock. */
static void wpool__crew_shrink(wpool *pool, uint32_t n, wpool_mode mode) {
    uint32_t count = wpool__crew_count(pool);
    for (int with_busy = 0; with_busy < 2; with_busy++) {
        for (uint32_t i = count; i > WPOOL_GUESTS && n > 0; i--) {
            wpool_worker *worker = wpool__crew_at(pool, i - 1);
            if (wpool__account_presence(worker->account) != WPOOL__SERVES) continue;
            if (!with_busy && wpool__account_running(worker->account) != 0) continue;
            wpool__crew_dismiss(worker);
            if (mode == WPOOL_HOT) wpool__crew_tell(worker);
            n--;
        }
    }
    wpool__idle_wake_all(&pool->idle);
}

/* The workers that were started just now stay, or leave again. Under the lock. */
static void wpool__crew_settle(wpool *pool, bool may_stay) {
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = WPOOL_GUESTS; i < count; i++) {
        wpool_worker *worker = wpool__crew_at(pool, i);
        if (worker->is_new && !may_stay) wpool__crew_dismiss(worker);
        worker->is_new = false;
    }
    if (!may_stay) wpool__idle_wake_all(&pool->idle);
}

/* Starts n workers, in the first places that are free. WPOOL_NO_MEMORY, WPOOL_NO_THREAD: none.
   Under the lock. */
static wpool_status wpool__crew_grow(wpool *pool, uint32_t n) {
    wpool_status status = WPOOL_OK;
    uint32_t started = 0;
    for (uint32_t i = WPOOL_GUESTS; started < n && status == WPOOL_OK; i++) {
        if (i == wpool__crew_count(pool) && !wpool__crew_add(pool)) {
            status = WPOOL_NO_MEMORY;
        } else if (wpool__account_presence(wpool__crew_at(pool, i)->account) != WPOOL__ABSENT) {
            continue;
        } else if (wpool__crew_start(wpool__crew_at(pool, i))) {
            wpool__crew_at(pool, i)->is_new = true;
            started++;
        } else {
            status = WPOOL_NO_THREAD;
        }
    }
    wpool__crew_settle(pool, status == WPOOL_OK);
    return status;
}

static uint32_t wpool__crew_least(const wpool *pool) {
    return pool->config.min_workers ? pool->config.min_workers : 1;
}

/* To a number of workers. Under the lock. */
static wpool_status wpool__crew_resize(wpool *pool, uint32_t workers, wpool_mode mode) {
    wpool_status status = WPOOL_OK;
    uint32_t serving = wpool__crew_serving(pool), present = wpool__crew_present(pool);
    uint32_t most = pool->config.max_workers ? pool->config.max_workers : WPOOL_MAX_WORKERS;
    if (workers < wpool__crew_least(pool) || workers > most) return WPOOL_INVALID;
    if (workers > serving) {
        if (present + (workers - serving) > most) return WPOOL_NO_THREAD;
        size_t places = wpool__pool_is_unbuffered(pool) ? workers : 0;
        if (!wpool__queue_grow(&pool->queue, places)) return WPOOL_NO_MEMORY;
        status = wpool__crew_grow(pool, workers - serving);
    } else {
        wpool__crew_shrink(pool, serving - workers, mode);
    }
    if (status == WPOOL_OK) pool->config.workers = workers;
    return status;
}

/* Lets one worker go; *was_running: its job. Under the lock. */
static wpool_status wpool__crew_stop(wpool *pool, unsigned index, wpool_mode mode,
                                     wpool_id *was_running) {
    uint32_t serving = wpool__crew_serving(pool);
    bool is_one = index < wpool__crew_count(pool) - WPOOL_GUESTS;
    wpool_worker *worker = is_one ? wpool__crew_at(pool, index + WPOOL_GUESTS) : NULL;
    wpool__presence presence = worker ? wpool__account_presence(worker->account) : WPOOL__ABSENT;
    if (presence == WPOOL__ABSENT) return WPOOL_UNKNOWN;
    if (presence == WPOOL__LEAVES) return WPOOL_ALREADY;
    if (serving <= wpool__crew_least(pool)) return WPOOL_INVALID;
    wpool__crew_dismiss(worker);
    wpool_worker_info info;
    wpool__watch_worker(&pool->watch, index, &info);
    if (mode == WPOOL_HOT) wpool__crew_tell(worker);
    if (!info.job) wpool__watch_worker(&pool->watch, index, &info); /* has it begun meanwhile? */
    *was_running = info.job;
    pool->config.workers = serving - 1;
    wpool__idle_wake_all(&pool->idle);
    return WPOOL_OK;
}

#ifndef WPOOL_NO_THREADS
/* Ends all threads: those that serve when there is nothing left to do. */
static void wpool__crew_end(wpool *pool) {
    wpool__crew *crew = &pool->crew;
    uint32_t count = wpool__crew_count(pool);
    wpool__idle_wake_all(&pool->idle);
    for (uint32_t i = WPOOL_GUESTS; i < count; i++) {
        wpool_worker *worker = wpool__crew_at(pool, i);
        wpool__lock_take(&pool->lot, &crew->lock);
        bool is_there = wpool__account_presence(worker->account) != WPOOL__ABSENT;
        /* relaxed: under the lock only; it tells a worker that leaves that it is joined here */
        wpool__store_relaxed(&worker->account->presence, WPOOL__ABSENT);
        wpool__lock_release(&pool->lot, &crew->lock);
        if (is_there) wpool__thread_join(worker->thread);
    }
    if (crew->has_gone) wpool__thread_join(crew->gone);
}
#endif

/* -- the scaler: by the rules of config.scaling. It is a timer: what is due looks at the pool, and
   acts until there is nothing more to be done; then it is set for when time alone may change that.
   Before its last look it publishes how many jobs must have been accepted for a submit to wake it
   [X1]. With explicit bounds, nobody else adds or dismisses workers but by hand -- */

typedef struct wpool__rules {
    unsigned min, max;
    wpool_scaling scaling; /* with defaults filled in */
    size_t capacity;       /* of the queue; 0: unbuffered */
} wpool__rules;

/* One snapshot. */
typedef struct wpool__view {
    int64_t now;
    unsigned workers;                       /* that serve */
    unsigned leaving;                       /* and that are about to leave */
    unsigned blocked, lent;                 /* workers; those added in place of such ones */
    unsigned idle, long_idle;               /* asleep; of these for scaling.idle or longer */
    int64_t idle_since;                     /* of the one that sleeps longest; WPOOL__NEVER: none */
    uint64_t waiting;                       /* jobs queued */
    int64_t oldest_since;                   /* or longer waits the oldest; WPOOL__NEVER: none */
    int64_t grown_at, shrunk_at, failed_at; /* the last time; INT64_MIN: never */
    bool is_pressed;                        /* memory or processors are short */
} wpool__view;

typedef struct wpool__decision {
    int delta;
    wpool_scale_reason reason;
    int64_t look_again; /* WPOOL__NEVER: only when woken */
    uint64_t poke_at;   /* jobs waiting for a submit to wake the scaler; UINT64_MAX: never */
} wpool__decision;

static int64_t wpool__scaler_after(int64_t time, int64_t span) {
    return time == INT64_MIN ? INT64_MIN : wpool__time_after(time, span);
}

static int64_t wpool__scaler_sooner(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t wpool__scaler_later(int64_t a, int64_t b) { return a > b ? a : b; }

/* So many waiting jobs for each worker. */
static uint64_t wpool__scaler_quota(const wpool__rules *rules, const wpool__view *view) {
    return (uint64_t)rules->scaling.jobs_per_worker * view->workers;
}

/* How many may wait until the queue is full; unbuffered, one who waits for a worker. */
static uint64_t wpool__scaler_room(const wpool__rules *rules) {
    return rules->capacity ? rules->capacity : 1;
}

/* Is the queue full before so many wait? Then that is too many, but says little: see grows_from. */
static bool wpool__scaler_is_cramped(const wpool__rules *rules, const wpool__view *view) {
    return wpool__scaler_room(rules) < wpool__scaler_quota(rules, view);
}

/* How many waiting jobs are too many; UINT64_MAX: none. */
static uint64_t wpool__scaler_load(const wpool__rules *rules, const wpool__view *view) {
    if (rules->scaling.jobs_per_worker == UINT32_MAX) return UINT64_MAX;
    return wpool__scaler_is_cramped(rules, view) ? wpool__scaler_room(rules)
                                                 : wpool__scaler_quota(rules, view);
}

static bool wpool__scaler_is_loaded(const wpool__rules *rules, const wpool__view *view) {
    uint64_t load = wpool__scaler_load(rules, view);
    return load != UINT64_MAX && view->waiting >= load;
}

/* How many are to be added, were there no limits; and why. */
static uint64_t wpool__scaler_want(const wpool__rules *rules, const wpool__view *view,
                                   wpool_scale_reason *reason) {
    const wpool_scaling *scaling = &rules->scaling;
    uint64_t lacking = view->blocked > view->lent ? view->blocked - view->lent : 0;
    uint64_t idle = view->idle;
    bool is_old = scaling->wait > 0 && view->oldest_since != WPOOL__NEVER &&
                  view->now >= wpool__scaler_after(view->oldest_since, scaling->wait);
    *reason = WPOOL_SCALE_NONE;
    if (view->workers < rules->min) {
        *reason = WPOOL_SCALE_MINIMUM;
        return rules->min - view->workers;
    }
    if (view->is_pressed) return 0;
    if (lacking && view->waiting > idle) {
        *reason = WPOOL_SCALE_BLOCKED;
        return lacking < view->waiting - idle ? lacking : view->waiting - idle;
    }
    if (wpool__scaler_is_loaded(rules, view)) *reason = WPOOL_SCALE_LOAD;
    if (*reason == WPOOL_SCALE_NONE && is_old) *reason = WPOOL_SCALE_WAIT;
    if (*reason == WPOOL_SCALE_NONE) return 0;
    return scaling->step ? scaling->step : view->workers;
}

/* From when on workers may be added for that reason. */
static int64_t wpool__scaler_grows_from(const wpool__rules *rules, const wpool__view *view,
                                        wpool_scale_reason reason) {
    int64_t from = wpool__scaler_after(view->failed_at, rules->scaling.cooldown);
    bool is_for_load = reason == WPOOL_SCALE_LOAD || reason == WPOOL_SCALE_WAIT;
    int64_t since_shrunk = wpool__scaler_after(view->shrunk_at, rules->scaling.cooldown);
    if (is_for_load) from = wpool__scaler_later(from, since_shrunk);
    if (reason != WPOOL_SCALE_LOAD || !wpool__scaler_is_cramped(rules, view)) return from;
    /* still full, though the last ones had time to begin */
    return wpool__scaler_later(from, wpool__scaler_after(view->grown_at, WPOOL_MS(10)));
}

/* Lets workers go, or says when it might. */
static void wpool__scaler_decide_shrink(const wpool__rules *rules, const wpool__view *view,
                                        wpool__decision *decision) {
    const wpool_scaling *scaling = &rules->scaling;
    const unsigned surplus = view->workers - rules->min; /* not less: that was seen to */
    int64_t from = wpool__scaler_after(view->grown_at, scaling->cooldown);
    if (view->is_pressed) {
        from = wpool__scaler_after(view->shrunk_at, scaling->cooldown);
        if (view->now >= from) {
            *decision = (wpool__decision){-1, WPOOL_SCALE_PRESSURE, view->now, UINT64_MAX};
        } else {
            decision->look_again = wpool__scaler_sooner(decision->look_again, from);
        }
        return;
    }
    if (scaling->idle < 0) return;
    bool is_loaded = wpool__scaler_is_loaded(rules, view);
    if (!is_loaded && view->long_idle && view->now >= from) {
        unsigned n = view->long_idle < surplus ? view->long_idle : surplus;
        *decision = (wpool__decision){-(int)n, WPOOL_SCALE_IDLE, view->now, UINT64_MAX};
        return;
    }
    /* while none is idle it looks now and then: who goes to sleep does not tell */
    bool is_idle = !is_loaded && view->idle_since != WPOOL__NEVER;
    int64_t since = is_idle ? view->idle_since : view->now;
    from = wpool__scaler_later(from, wpool__scaler_after(since, scaling->idle));
    decision->look_again = wpool__scaler_sooner(decision->look_again, from);
}

/* How many jobs must wait for the next decision, if none is to be made now; or only for blocked
   workers, since what is wanted otherwise must wait. */
static uint64_t wpool__scaler_poke_at(const wpool__rules *rules, const wpool__view *view,
                                      bool must_wait) {
    uint64_t most = must_wait ? UINT64_MAX : wpool__scaler_load(rules, view);
    uint64_t surplus = view->idle + UINT64_C(1);
    if (!must_wait && rules->scaling.wait > 0 && view->waiting == 0) most = 1;
    if (view->blocked > view->lent && view->waiting < surplus && surplus < most) most = surplus;
    return most;
}

/* What to do, and when to look again. Pure. */
static wpool__decision wpool__scaler_decide(const wpool__rules *rules, const wpool__view *view) {
    const wpool_scaling *scaling = &rules->scaling;
    wpool__decision decision = {0, WPOOL_SCALE_NONE, WPOOL__NEVER, UINT64_MAX};
    unsigned threads = view->workers + view->leaving;
    uint64_t room = threads < rules->max ? rules->max - threads : 0;
    uint64_t want = wpool__scaler_want(rules, view, &decision.reason);
    int64_t from = wpool__scaler_grows_from(rules, view, decision.reason);
    if (want && room && view->now >= from) {
        decision.delta = (int)(want < room ? want : room);
        decision.look_again = view->now;
        return decision;
    }
    decision.reason = WPOOL_SCALE_NONE;
    if (want && room) decision.look_again = from;
    bool may_grow = room && !view->is_pressed;
    if (may_grow) decision.poke_at = wpool__scaler_poke_at(rules, view, want != 0);
    if (may_grow && !want && scaling->wait > 0 && view->oldest_since != WPOOL__NEVER)
        decision.look_again = wpool__scaler_after(view->oldest_since, scaling->wait);
    if (view->workers > rules->min) wpool__scaler_decide_shrink(rules, view, &decision);
    bool has_rule = scaling->pressure || scaling->max_rss_bytes || scaling->max_memory_percent ||
                    scaling->max_cpu_percent;
    if (decision.delta == 0 && has_rule && (view->is_pressed || view->workers > rules->min))
        decision.look_again = wpool__scaler_sooner(
            decision.look_again, wpool__scaler_after(view->now, scaling->cooldown));
    return decision;
}

/* Is the pool to scale by itself? */
static bool wpool__scaler_rules(wpool *pool, wpool__rules *rules) {
    const wpool_config *config = &pool->config;
    rules->min = config->min_workers ? config->min_workers : config->workers;
    rules->max = config->max_workers;
    rules->capacity = wpool__pool_capacity(pool);
    rules->scaling = config->scaling;
    return !pool->is_inline && rules->max > rules->min;
}

static bool wpool__scaler_is_pressed(const wpool_scaling *scaling) {
    if (scaling->pressure) return scaling->pressure(scaling->user);
    return (scaling->max_rss_bytes && wpool__platform_rss() > scaling->max_rss_bytes) ||
           (scaling->max_memory_percent &&
            wpool__platform_memory() > scaling->max_memory_percent) ||
           (scaling->max_cpu_percent && wpool__platform_pressure() > scaling->max_cpu_percent);
}

/* What waits, and since when. Not more than that: who came and left during the look, or was held
   back at once, is no load. If it is less, for others left meanwhile, the last look sees to that
   ([X1]). Under the lock. */
static void wpool__scaler_look_queue(wpool *pool, wpool__view *view) {
    wpool__scaler *scaler = &pool->scaler;
    uint64_t begun = wpool__watch_begun(&pool->watch, NULL), left = wpool__scaler_left(pool);
    uint64_t waiting = wpool__scaler_waiting(pool, left), left_now = wpool__scaler_left(pool);
    uint64_t gone = left_now > left ? left_now - left : 0;
    waiting = waiting > gone ? waiting - gone : 0;
    if (begun >= scaler->mark || waiting == 0) { /* all have left that waited then */
        scaler->mark = begun + waiting;
        scaler->marked_at = view->now;
    }
    bool is_held_back = wpool__control_is_paused(wpool__worker_control(pool));
    view->waiting = is_held_back ? 0 : waiting;
    view->oldest_since = view->waiting ? scaler->marked_at : WPOOL__NEVER;
}

/* A snapshot, under the lock. What waits is read before who is idle: a worker ceases to be idle
   before its job ceases to wait. */
static void wpool__scaler_look(wpool *pool, const wpool__rules *rules, wpool__view *view) {
    wpool__scaler *scaler = &pool->scaler;
    view->now = WPOOL_CLOCK();
    wpool__scaler_look_queue(pool, view);
    view->workers = wpool__crew_serving(pool);
    view->leaving = wpool__crew_present(pool) - view->workers;
    /* [X1] who blocks looks afterwards */
    view->blocked = wpool__scaler_of_serving(pool, wpool__load_seq_cst(&scaler->blocked), false);
    view->lent = wpool__load_relaxed(&scaler->lent); /* relaxed: changed under the lock */
    view->idle = view->long_idle = 0;
    view->idle_since = WPOOL__NEVER;
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = WPOOL_GUESTS; i < count; i++) {
        wpool_worker *worker = wpool__crew_at(pool, i);
        int64_t since = wpool__worker_idle_since(worker);
        if (!since || wpool__account_presence(worker->account) != WPOOL__SERVES) continue;
        view->idle++;
        view->long_idle += rules->scaling.idle >= 0 && view->now - since >= rules->scaling.idle;
        if (since < view->idle_since) view->idle_since = since;
    }
    view->grown_at = scaler->grown_at;
    view->shrunk_at = scaler->shrunk_at;
    view->failed_at = scaler->failed_at;
}

/* Adds that many, one by one; how many there were threads for. Under the lock. */
static unsigned wpool__scaler_grow(wpool *pool, unsigned n) {
    unsigned done = 0;
    size_t places = wpool__pool_is_unbuffered(pool) ? wpool__crew_serving(pool) + n : 0;
    if (!wpool__queue_grow(&pool->queue, places)) return 0;
    while (done < n && wpool__crew_grow(pool, 1) == WPOOL_OK)
        done++;
    return done;
}

/* The worker that has been idle longest; NULL: none is. */
static wpool_worker *wpool__scaler_longest_idle(wpool *pool) {
    wpool_worker *longest = NULL;
    int64_t least = WPOOL__NEVER;
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = WPOOL_GUESTS; i < count; i++) {
        wpool_worker *worker = wpool__crew_at(pool, i);
        int64_t since = wpool__worker_idle_since(worker);
        if (wpool__account_presence(worker->account) != WPOOL__SERVES || !since || since >= least)
            continue;
        longest = worker;
        least = since;
    }
    return longest;
}

/* Lets that many go: those that have been idle longest, then others. Under the lock. */
static void wpool__scaler_shrink(wpool *pool, unsigned n) {
    wpool_worker *worker;
    for (; n > 0 && (worker = wpool__scaler_longest_idle(pool)) != NULL; n--)
        wpool__crew_dismiss(worker);
    wpool__crew_shrink(pool, n, WPOOL_GRACEFUL);
}

/* Carries a decision out. Under the lock. */
static void wpool__scaler_act(wpool *pool, const wpool__decision *decision,
                              const wpool__view *view) {
    wpool__scaler *scaler = &pool->scaler;
    unsigned done = 0;
    if (decision->delta > 0) {
        wpool__add_relaxed(&scaler->ups, 1); /* relaxed, these: published by those who come or go */
        done = wpool__scaler_grow(pool, (unsigned)decision->delta);
        if (done < (unsigned)decision->delta) scaler->failed_at = view->now;
        if (done) scaler->grown_at = view->now;
        if (!done) wpool__add_relaxed(&scaler->ups, UINT64_MAX);
        if (decision->reason == WPOOL_SCALE_BLOCKED) wpool__add_relaxed(&scaler->lent, done);
    } else {
        wpool__add_relaxed(&scaler->downs, 1);
        wpool__scaler_shrink(pool, (unsigned)-decision->delta);
        scaler->shrunk_at = view->now;
    }
    scaler->mark = 0; /* another one is to have waited so long */
}

/* Nothing to be done now: says when a submit is to wake it, and looks whether it should have. Under
   the lock. True: it should. */
static bool wpool__scaler_rest(wpool *pool, const wpool__decision *decision,
                               const wpool__view *view) {
    uint64_t most = decision->poke_at, word = WPOOL__POKE_NEVER;
    bool is_lacking = view->blocked > view->lent && view->idle && most == view->idle + UINT64_C(1);
    if (most <= WPOOL__POKE_MOST) /* more than that is never */
        word = wpool__scaler_word(pool, is_lacking ? WPOOL__POKE_IDLE | WPOOL__POKE_ONE
                                                   : most * WPOOL__POKE_ONE);
    /* [X1] before the look at what was accepted */
    wpool__store_seq_cst(&pool->scaler.poke, word);
    return word != WPOOL__POKE_NEVER && wpool__scaler_wants(pool, true);
}

/* One look, and what follows from it. True: once more. */
static bool wpool__scaler_turn(wpool *pool) {
    const wpool_hooks *hooks = &pool->config.hooks;
    wpool__rules rules;
    wpool__view view = {0};
    wpool__decision decision = {0, WPOOL_SCALE_NONE, WPOOL__NEVER, UINT64_MAX};
    bool is_again = false;
    wpool__lock_take(&pool->lot, &pool->crew.lock);
    bool is_on = wpool__scaler_rules(pool, &rules);
    wpool__lock_release(&pool->lot, &pool->crew.lock);
    view.is_pressed = is_on && wpool__scaler_is_pressed(&rules.scaling);
    wpool__lock_take(&pool->lot, &pool->crew.lock);
    is_on = wpool__scaler_rules(pool, &rules);
    if (is_on) {
        wpool__scaler_look(pool, &rules, &view);
        decision = wpool__scaler_decide(&rules, &view);
        uint32_t control = wpool__worker_control(pool);
        if (wpool__control_is_paused(control))
            decision.poke_at = UINT64_MAX; /* resuming wakes it */
        if (control & WPOOL__THROTTLED)
            decision.look_again = wpool__scaler_sooner(
                decision.look_again, wpool__scaler_after(view.now, rules.scaling.cooldown));
    }
    if (decision.delta) {
        wpool__scaler_act(pool, &decision, &view);
        is_again = true;
    } else {
        is_again = wpool__scaler_rest(pool, &decision, &view);
    }
    wpool_scale_event event = {decision.reason, view.workers, wpool__crew_serving(pool),
                               view.blocked, view.waiting};
    wpool__lock_release(&pool->lot, &pool->crew.lock);
    if (decision.delta && hooks->scaled) hooks->scaled(hooks->user, &event);
    if (!is_again) wpool__scaler_look_at(pool, decision.look_again);
    return is_again;
}

/* Every worker waited for jobs a second ago. */
static void wpool__scaler_stall_due(wpool *pool, wpool__timer *timer) {
    wpool__scaler *scaler = &pool->scaler;
    const wpool_hooks *hooks = &pool->config.hooks;
    uint32_t wakes = wpool__load_relaxed(&scaler->wakes); /* relaxed: a guess, confirmed */
    bool is_waiting = wpool__scaler_all_wait(pool);
    bool is_stalled = is_waiting && scaler->did_all_wait && wakes == scaler->stall_wakes &&
                      wpool__worker_sees_work(pool) &&
                      wpool__load_seq_cst(&scaler->poke) == WPOOL__POKE_NEVER; /* [X1] at max */
    scaler->stall_wakes = wakes;
    scaler->did_all_wait = is_waiting;
    if (is_waiting && !is_stalled)
        wpool__keeper_put(pool, timer, wpool__scaler_after(WPOOL_CLOCK(), WPOOL_SECONDS(1)));
    wpool__keeper_unlock(pool);
    if (is_stalled) hooks->stalled(hooks->user, pool);
}

static void wpool__scaler_due(wpool *pool, wpool__timer *timer) {
    (void)timer;
    wpool__keeper_unlock(pool);
    while (wpool__scaler_turn(pool)) {
    }
}

/* After a change of the rules, or at the beginning. Under the lock. False: nobody would keep the
   time. */
static bool wpool__scaler_start(wpool *pool) {
    wpool__rules rules;
    bool is_on = wpool__scaler_rules(pool, &rules);
    bool was_on = wpool__scaler_is_on(pool);
    if (is_on && !wpool__keeper_start(pool)) return false;
    wpool__store_relaxed(&pool->scaler.is_on, is_on); /* relaxed: it is told below */
    if (is_on || was_on) wpool__scaler_look_at(pool, WPOOL_CLOCK());
    return true;
}

/* -- by hand: its lower bound may be another one then -- */

/* To a number of workers (0: as many as there are), and delta more. */
static wpool_status wpool__pool_scale(wpool *pool, unsigned workers, int delta, wpool_mode mode) {
    wpool_status status = WPOOL_INVALID;
    wpool__lock_take(&pool->lot, &pool->crew.lock);
    int64_t target = (int64_t)(workers ? workers : wpool__crew_serving(pool)) + delta;
    if (target >= 1 && target <= WPOOL_MAX_WORKERS)
        status = wpool__crew_resize(pool, (uint32_t)target, mode);
    (void)wpool__scaler_start(pool);
    wpool__lock_release(&pool->lot, &pool->crew.lock);
    return status;
}

static wpool_status wpool__pool_stop_worker(wpool *pool, unsigned index, wpool_mode mode,
                                            wpool_id *was_running) {
    wpool__lock_take(&pool->lot, &pool->crew.lock);
    wpool_status status = wpool__crew_stop(pool, index, mode, was_running);
    (void)wpool__scaler_start(pool);
    wpool__lock_release(&pool->lot, &pool->crew.lock);
    return status;
}

/* ==== [pool] =====================================================================================
   Accepting jobs, waiting as somebody who is no worker, and the pool's life:

       created -> [paused <->] open -> closed -> [stopped] -> quiet -> destroyed

   Closed is the gates' top bit, so it excludes every later claim; paused, stopped, hot and exit are
   bits of control. Each is set once but paused, so calls in any order and number are harmless. */

/* Inline: runs one job as the worker, if there is one and nobody else is the worker now. */
static bool wpool__pool_drive(wpool *pool) {
    wpool_worker *worker = wpool__crew_at(pool, WPOOL_GUESTS);
    bool has_run = false;
    if (!wpool__lock_try(&pool->driver)) return false;
    wpool__guest guest = {.context = {.pool = pool, .worker = worker, .outer = wpool__contexts},
                          .frame = {.self = &worker->self, .account = worker->account}};
    wpool__contexts = &guest.context;
    WPOOL_CLEANUP_PUSH(wpool__guest_leave, &guest);
    has_run = wpool__worker_next(worker, &guest.frame.call);
    if (has_run) wpool__frame_run(&guest.frame);
    WPOOL_CLEANUP_POP(1);
    return has_run;
}

/* Sleeps until the event. The jobs that the caller runs, of whichever pools, wait meanwhile; their
   workers lend their places. */
static void wpool__pool_sleep(wpool *pool, wpool__event *event, uint32_t epoch, int64_t deadline) {
    bool is_for_room = event == &pool->watch.room || event == &pool->keeper.lane_room;
    if (!pool->is_inline) wpool__pause(true);
    if (!pool->is_inline) wpool__lend(true, !is_for_room);
    wpool__event_sleep(&pool->lot, event, epoch, deadline);
    if (!pool->is_inline) wpool__lend(false, !is_for_room);
    if (!pool->is_inline) wpool__pause(false);
}

/* Blocks a thread that is no worker of the pool until holds(ctx), which may act when it answers
   true. Inline, it runs jobs meanwhile, one at least. False: the deadline has passed (or nobody
   could ever make it true: a build without threads). */
static bool wpool__pool_await(wpool *pool, wpool__event *event, bool (*holds)(void *), void *ctx,
                              int64_t deadline) {
    if (pool->is_inline) event = &pool->drive;
    int64_t until = WPOOL__NEVER;
    for (bool has_driven = false;;) {
        if (holds(ctx)) return true;
        if (has_driven && wpool__is_past(deadline)) return false;
        has_driven = pool->is_inline && wpool__pool_drive(pool);
        if (has_driven || (pool->is_inline && wpool__keeper_turn(pool, &until))) continue;
        if (wpool__is_past(deadline)) return false;
        uint32_t epoch = wpool__event_announce(event);
        (void)wpool__lock_is_free(
            &pool->driver); /* inline: what its last holder did is seen below */
        if (holds(ctx)) return true;
        if (pool->is_inline && wpool__keeper_turn(pool, &until)) continue;
        if (pool->is_inline && wpool__worker_sees_work(pool) && wpool__lock_is_free(&pool->driver))
            continue;
#ifdef WPOOL_NO_THREADS
        if (until == WPOOL__NEVER) return false;
#endif
        wpool__pool_sleep(pool, event, epoch, until < deadline ? until : deadline);
    }
}

/* Why await came back without success: if not for the time, nobody could have made it true. */
static wpool_status wpool__pool_gave_up(int64_t deadline) {
    return deadline == WPOOL__NEVER ? WPOOL_DEADLOCK : WPOOL_TIMEOUT;
}

/* -- accepting -- */

/* What one submit hands in: calls, or one function with many arguments. */
typedef struct wpool__batch {
    const wpool__call *calls; /* NULL: fn and args */
    wpool_fn fn;
    void *const *args;
    size_t count;
    wpool_priority rank;
} wpool__batch;

static wpool__call wpool__batch_at(const wpool__batch *batch, size_t i) {
    return batch->calls ? batch->calls[i] : (wpool__call){batch->fn, batch->args[i]};
}

/* The gate of the jobs that come in that order. */
static WPOOL_ATOMIC(uint64_t) * wpool__pool_gate(wpool *pool, wpool_order order) {
    return order == WPOOL_FIFO ? &pool->queue.tail : &pool->watch.direct;
}

/* The first ticket of that gate that may not be claimed: capacity more than what has left the
   queue; unbuffered, each worker without a job is a place. What has left is read first, so that the
   bound errs to the safe side: jobs of the other gate that begin meanwhile are in its count. */
static uint64_t wpool__pool_until(wpool *pool, size_t capacity, wpool_order order) {
    bool has_places = false;
    if (capacity == 0 && order == WPOOL_FIFO && !pool->is_inline) {
        (void)wpool__idle_word(&pool->idle); /* [W3] what those ended who notified before a wait */
        /* [I1] a submitter's look after it announced itself; resuming writes it, then wakes */
        has_places = !wpool__control_is_paused(wpool__load_seq_cst(&pool->control));
    }
    uint64_t until = wpool__watch_left(&pool->watch, has_places) + capacity;
    wpool_order other = order == WPOOL_FIFO ? WPOOL_LIFO : WPOOL_FIFO;
    uint64_t direct = wpool__gate_count(wpool__pool_gate(pool, other));
    return until > direct ? until - direct : 0;
}

/* Claims up to want tickets; 0 with *is_closed, or the queue is full. */
static size_t wpool__pool_claim(wpool *pool, wpool_order order, size_t want, uint64_t *first,
                                bool *is_closed) {
    WPOOL_ATOMIC(uint64_t) *gate = wpool__pool_gate(pool, order);
    WPOOL_ATOMIC(uint64_t) *room_until = &pool->room_until[order != WPOOL_FIFO];
    /* [R2] who computed it saw the slots free, and the capacity as it is since its last change */
    uint64_t seen = wpool__load_acquire(room_until), until = seen & WPOOL__GATE_COUNT;
    size_t n = wpool__gate_claim(gate, until, want, first, is_closed);
    if (n != 0 || *is_closed) return n;
    size_t capacity = wpool__pool_capacity(pool);
    until = wpool__pool_until(pool, capacity, order);
    /* [R2] unless somebody else did, or the capacity was changed: then it is of no use */
    if (capacity != 0) wpool__cas_release(room_until, &seen, (seen & ~WPOOL__GATE_COUNT) | until);
    return wpool__gate_claim(gate, until, want, first, is_closed);
}

/* A submitter's look: may it go on, to claim or to be refused? */
static bool wpool__pool_has_room(void *ctx) {
    wpool *pool = (wpool *)ctx;
    size_t capacity = wpool__pool_capacity(pool);
    if (pool->is_inline && capacity == 0) return true; /* since lately: it runs the job itself */
    wpool_order order = wpool__pool_order(pool);
    return wpool__gate_is_closed(&pool->queue.tail) ||
           wpool__gate_count(wpool__pool_gate(pool, order)) <
               wpool__pool_until(pool, capacity, order);
}

/* A job has been accepted, and is about to be there for others. True: it was told to end before. */
static bool wpool__pool_admit(wpool_job *job) {
    return job->group ? wpool__group_admit(job->group, job) : wpool__pace_admit(job);
}

/* Puts an accepted call where its order says. */
static void wpool__pool_put(wpool *pool, wpool_order order, wpool_priority rank, uint64_t claimed,
                            wpool__call call) {
    wpool__record *record = NULL;
    wpool_job *job = (wpool_job *)call.arg;
    if (call.fn == wpool__worker_run_record && wpool__pool_admit(job))
        record = wpool__table_pin(&pool->table, job->id);
    if (order == WPOOL_FIFO) {
        wpool__queue_put(&pool->queue, claimed, call);
    } else if (order == WPOOL_LIFO) {
        wpool__orders_put_pile(&pool->orders, call);
    } else {
        wpool__orders_put_rank(&pool->orders, rank, call);
    }
    if (record) wpool__worker_cancel(pool, record, WPOOL_HOT);
}

/* Accepts a call past the queue, to be run by the caller or put onto its deque. */
static wpool_status wpool__pool_accept_direct(wpool *pool, wpool__call call) {
    uint64_t first;
    bool is_closed;
    if (!wpool__gate_claim(&pool->watch.direct, UINT64_MAX, 1, &first, &is_closed))
        return WPOOL_CLOSED;
    if (call.fn == wpool__worker_run_record) wpool__pool_admit((wpool_job *)call.arg);
    return WPOOL_OK;
}

static wpool_status wpool__pool_run_here(wpool *pool, wpool_worker *worker, wpool__call call) {
    wpool__account *account = worker ? worker->account : wpool__watch_account(&pool->watch, 0);
    if (wpool__account_is_deep(account)) return WPOOL_FULL;
    wpool_status status = wpool__pool_accept_direct(pool, call);
    if (status != WPOOL_OK) return status;
    int64_t slot = wpool__bucket_charge(&pool->bucket);
    if (worker) {
        worker->slot = slot;
        wpool__worker_nest(worker, call);
    } else {
        wpool__guest_run(pool, call);
    }
    return WPOOL_OK;
}

/* A worker is never blocked by its own full pool. */
static wpool_status wpool__pool_overflow(wpool *pool, wpool_worker *worker, wpool__call call) {
    if (!wpool__deque_reserve(&worker->deque, 1)) return WPOOL_NO_MEMORY;
    wpool_status status = wpool__pool_accept_direct(pool, call);
    if (status != WPOOL_OK) return status;
    wpool__deque_push(&worker->deque, &call, 1);
    wpool__idle_wake(&pool->idle);
    wpool__scaler_notice(pool, false);
    return WPOOL_OK;
}

static bool wpool__pool_take_ready(wpool *pool, wpool__call *call) {
    for (unsigned i = 0; i < WPOOL__RANKS; i++)
        if (wpool__worker_take_ready(pool, wpool__orders_rank(0, i), call)) return true;
    return false;
}

/* Any call that has a place in the queue, the oldest if none is in a deque, and of the lowest
   priority. */
static bool wpool__pool_take_out(wpool *pool, wpool__call *call) {
    wpool__orders *orders = &pool->orders;
    if (wpool__queue_take(&pool->queue, call, 1)) return true;
    for (unsigned i = WPOOL__RANKS; i-- > 0 && wpool__orders_has(orders, WPOOL__HAS_RANKS);)
        if (wpool__queue_take(&orders->ranks[wpool__orders_rank(0, i)], call, 1)) return true;
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = 0; i < count; i++) {
        wpool__deque *deque = &wpool__crew_at(pool, i)->deque;
        if (wpool__deque_steal(deque, call, wpool__worker_is_queued)) return true;
    }
    wpool__visit visit; /* it may lie under forked ones */
    wpool__visit_begin(&visit, pool);
    bool is_met = visit.worker && wpool__worker_dig(visit.worker, NULL, false, call);
    wpool__visit_end(&visit);
    return is_met;
}

/* Discards a queued call, as if inside of a job: its on_done must not wait for the pool. */
static void wpool__pool_discard(wpool *pool, wpool__call call) {
    wpool__context context = {.pool = pool, .outer = wpool__contexts, .is_ending = true};
    wpool__contexts = &context;
    wpool__worker_discard(pool, wpool__watch_account(&pool->watch, 0), call);
    wpool__contexts = context.outer;
}

static void wpool__pool_drop_oldest(wpool *pool) {
    wpool__call call;
    if (wpool__pool_take_out(pool, &call)) {
        wpool__pool_discard(pool, call);
        wpool__worker_settle(pool); /* it may have been the last, if the pool is closed meanwhile */
    } else {
        WPOOL_YIELD(); /* all in somebody's hands */
    }
}

static wpool_status wpool__pool_accept_ready(wpool *pool, wpool__call call);

/* The queue is full: does what when_full says for one call. WPOOL_OK: it has been accepted;
   WPOOL_EMPTY: there is room now, or was, try again; else it is not accepted. */
static wpool_status wpool__pool_when_full(wpool *pool, wpool__call call, wpool_when_full when_full,
                                          int64_t deadline) {
    bool is_inside;
    wpool_worker *worker = wpool__worker_here(pool, &is_inside);
    switch (when_full) {
    case WPOOL_REFUSE:
        return WPOOL_FULL;
    case WPOOL_RUN:
        return wpool__pool_run_here(pool, worker, call);
    case WPOOL_DROP_OLDEST:
        if (wpool__pool_is_unbuffered(pool)) return WPOOL_FULL;
        wpool__pool_drop_oldest(pool);
        return WPOOL_EMPTY;
    case WPOOL_BLOCK:
        break;
    }
    if (worker) return wpool__pool_overflow(pool, worker, call);
    if (wpool__worker_is_ending(pool)) return wpool__pool_accept_ready(pool, call);
    if (pool->is_inline && wpool__pool_is_unbuffered(pool))
        return wpool__pool_run_here(pool, NULL, call);
    for (unsigned i = WPOOL_YIELDS; i > 0 && !pool->is_inline; i--) {
        WPOOL_YIELD(); /* so that many places are free at once, if they become free quickly */
        if (wpool__pool_has_room(pool)) return WPOOL_EMPTY;
    }
    wpool__scaler_knock(pool, true);
    bool has_room =
        wpool__pool_await(pool, &pool->watch.room, wpool__pool_has_room, pool, deadline);
    wpool__scaler_knock(pool, false);
    return has_room ? WPOOL_EMPTY : wpool__pool_gave_up(deadline);
}

typedef struct wpool__ticket {
    wpool *pool;
    uint64_t number; /* as it was claimed */
} wpool__ticket;

static bool wpool__pool_is_taken(void *ctx) {
    const wpool__ticket *ticket = (const wpool__ticket *)ctx;
    /* since lately: who frees a place would wake it in vain */
    if (!wpool__pool_is_unbuffered(ticket->pool)) return true;
    (void)wpool__watch_left(&ticket->pool->watch,
                            0); /* [R1] the taker wrote it after head, then looked */
    uint64_t number = ticket->number & WPOOL__GATE_COUNT;
    return wpool__load_acquire(&ticket->pool->queue.head) > number; /* [Q2] */
}

/* Unbuffered: blocks until the call with this ticket has been taken; not a worker, nor inline. */
static void wpool__pool_hand_over(wpool *pool, uint64_t number, int64_t deadline) {
    wpool__ticket ticket = {pool, number};
    bool is_inside;
    if (wpool__worker_here(pool, &is_inside) || pool->is_inline) return;
    if (wpool__worker_is_ending(pool)) return;
    wpool__pool_await(pool, &pool->watch.room, wpool__pool_is_taken, &ticket, deadline);
}

/* Accepts the calls in order; how many, and in *why what stopped it. */
static size_t wpool__pool_accept(wpool *pool, const wpool__batch *batch, wpool_when_full when_full,
                                 int64_t deadline, wpool_status *why) {
    size_t done = 0;
    *why = WPOOL_OK;
    while (done < batch->count) {
        uint64_t first;
        bool is_closed;
        wpool_order order = wpool__pool_order(pool);
        size_t n = wpool__pool_claim(pool, order, batch->count - done, &first, &is_closed);
        if (n != 0) {
            for (size_t i = 0; i < n; i++)
                wpool__pool_put(pool, order, batch->rank, first + i,
                                wpool__batch_at(batch, done + i));
            wpool__worker_announce(pool);
            wpool__scaler_notice(pool, false);
            done += n;
            if (order == WPOOL_FIFO && wpool__pool_is_unbuffered(pool) && when_full == WPOOL_BLOCK)
                wpool__pool_hand_over(pool, first + n - 1, deadline);
            continue;
        }
        *why = is_closed
                   ? WPOOL_CLOSED
                   : wpool__pool_when_full(pool, wpool__batch_at(batch, done), when_full, deadline);
        if (*why == WPOOL_OK) {
            done++;
        } else if (*why != WPOOL_EMPTY) {
            return done;
        }
        *why = WPOOL_OK;
    }
    return done;
}

static wpool_status wpool__pool_accept_one(wpool *pool, wpool__call call, wpool_priority rank,
                                           wpool_when_full when_full, int64_t deadline) {
    wpool__batch batch = {&call, NULL, NULL, 1, rank};
    wpool_status why;
    wpool__pool_accept(pool, &batch, when_full, deadline, &why);
    return why;
}

/* Has the job entered its lane, or can it no more? */
static bool wpool__pool_joins_lane(void *ctx) {
    wpool_job *job = (wpool_job *)ctx;
    wpool *pool = job->pool;
    wpool__keeper_lock(pool);
    bool is_over = wpool__lane_join(job, false) || wpool__gate_is_closed(&pool->watch.paced);
    wpool__keeper_unlock(pool);
    return is_over;
}

/* A job enters its lane, if that has room, or somehow. */
static wpool_status wpool__pool_enter_lane(wpool_job *job, wpool_when_full when_full,
                                           int64_t deadline) {
    wpool *pool = job->pool;
    bool is_inside;
    if (wpool__pool_joins_lane(job)) return WPOOL_OK;
    if (when_full != WPOOL_BLOCK) return WPOOL_FULL;
    if (wpool__worker_here(pool, &is_inside) || wpool__worker_is_ending(pool)) {
        wpool__keeper_lock(pool);
        wpool__lane_join(job, true);
        wpool__keeper_unlock(pool);
        return WPOOL_OK;
    }
    wpool__event *event = &pool->keeper.lane_room;
    return wpool__pool_await(pool, event, wpool__pool_joins_lane, job, deadline)
               ? WPOOL_OK
               : wpool__pool_gave_up(deadline);
}

/* Accepts a job that has no place in the queue: it never seems to wait there before it is held. */
static wpool_status wpool__pool_accept_paced(wpool_job *job, wpool_when_full when_full,
                                             int64_t deadline) {
    uint64_t first;
    bool is_closed;
    wpool_status status = WPOOL_OK;
    wpool *pool = job->pool;
    if (job->lane) status = wpool__pool_enter_lane(job, when_full, deadline);
    if (status != WPOOL_OK) return status;
    wpool__add_relaxed(&pool->watch.held, 1); /* relaxed: published by what follows */
    if (wpool__gate_claim(&pool->watch.paced, UINT64_MAX, 1, &first, &is_closed)) {
        wpool__pool_admit(job);
    } else {
        wpool__add_seq_cst(&pool->watch.held, UINT64_MAX); /* [E1] [X1] before who takes looks */
        wpool__worker_let_takers_look(pool);
        status = WPOOL_CLOSED;
    }
    wpool__scaler_notice(pool, status != WPOOL_OK); /* for a moment, fewer seemed to wait */
    return status;
}

/* What is different from a job that runs once, as soon as it can. */
static void wpool__pool_pace(wpool_job *job, const wpool_options *options) {
    int64_t now = job->accepted_ns;
    const wpool_retry *retry = &options->retry;
    if (!retry->attempts) retry = &job->pool->config.retry;
    job->retry.attempts = retry->attempts;
    if (retry->attempts > 1) job->retry = *retry;
    job->priority = options->priority;
    job->lane = options->lane;
    job->period = options->period;
    job->run_limit = options->run_limit;
    job->ready_ns = options->delay ? wpool__pace_when(now, options->delay) : 0;
    job->due_ns = job->ready_ns ? job->ready_ns : now;
    job->is_delayed = job->ready_ns != 0;
    job->is_paced = job->lane || job->period || job->ready_ns || options->after_count;
    job->is_barred = job->has_timer = false;
    job->place = WPOOL__PLACE_NONE;
    job->lane_part = WPOOL__LANE_NOT;
    job->failures = job->blockers = 0;
    job->edges = job->dependents = NULL;
    job->look_ns = 0;
}

/* Fills in a job to be submitted, but for its state. */
static void wpool__pool_prepare(wpool *pool, wpool_job *job, const wpool_options *options) {
    static const wpool_options none = {.name = NULL};
    if (!options) options = &none;
    if (job->pool != pool) job->pool = pool; /* not written anew while somebody waits for it */
    job->name = options->name;
    job->on_done = options->on_done;
    job->group = options->group;
    job->is_listed = false;
    job->attempts = 0;
    wpool__store_relaxed(&job->thread, NULL); /* relaxed: published with the state */
    job->accepted_ns = WPOOL_CLOCK();
    job->deadline = 0;
    if (options->deadline > 0)
        job->deadline = wpool__time_after(job->accepted_ns, options->deadline);
    bool has_own_word = job->id || job->group || job->deadline;
    job->told = has_own_word ? &job->state : &pool->control;
    job->timer.due = wpool__worker_expire;
    job->timer.link = NULL;
    wpool__pool_pace(job, options);
}

/* Does it do anything at a time of its own, but for its deadline? */
static bool wpool__pool_wants_time(const wpool_job *job) {
    return job->is_delayed || job->period || job->run_limit || job->retry.attempts > 1;
}

/* Sets the job's timer, or takes it out. Under the lock of the group, if it has one. False: nobody
   would keep the time. */
static bool wpool__pool_arm(wpool_job *job) {
    wpool *pool = job->pool;
    bool has_deadline = wpool__job_deadline(job) != WPOOL__NEVER;
    if (!wpool__pool_wants_time(job) && !job->has_timer && !has_deadline) return true;
    if (!wpool__keeper_start(pool)) return false;
    if (!job->has_timer && !has_deadline && !job->is_delayed)
        return true; /* no time is known yet */
    wpool__keeper_lock(pool);
    wpool__pace_arm(job, 0);
    wpool__keeper_unlock(pool);
    return true;
}

/* A prepared job enters its group, and its time begins. Not WPOOL_OK: it has not entered. */
static wpool_status wpool__pool_enter_group(wpool_job *job) {
    wpool_group *group = job->group;
    if (!group) return wpool__pool_arm(job) ? WPOOL_OK : WPOOL_NO_THREAD;
    wpool_status status = WPOOL_OK;
    wpool__lock *lock = wpool__group_lock(group);
    if (wpool__group_is_told(group)) {
        status = WPOOL_CANCELLED;
    } else if (!wpool__pool_arm(job)) {
        status = WPOOL_NO_THREAD;
    } else {
        wpool__list_put(&group->members, job, group_next, group_link);
        wpool__group_tie(group);
    }
    wpool__group_unlock(lock);
    return status;
}

/* The same for all that it depends on. */
static wpool_status wpool__pool_enter(wpool_job *job, const wpool_options *options) {
    wpool_status status = WPOOL_OK;
    if (options && options->after_count)
        status = wpool__after_enter(job, options->after, options->after_count);
    if (status == WPOOL_OK && (job->group || job->deadline || wpool__pool_wants_time(job)))
        status = wpool__pool_enter_group(job);
    if (status != WPOOL_OK && job->edges) wpool__after_leave(job);
    return status;
}

/* It was not accepted: as if it had never entered. */
static void wpool__pool_withdraw(wpool_job *job) {
    wpool_group *group = job->group;
    job->error = 0;
    if (group) wpool__group_leave(group, job, WPOOL_STATE_UNKNOWN);
    wpool__worker_settle_pace(job->pool, job);
    if (group) wpool__group_untie(group, 0);
}

/* A job that has entered what it depends on is accepted, or withdrawn. */
static wpool_status wpool__pool_accept_job(wpool_job *job, wpool_when_full when_full,
                                           int64_t deadline) {
    wpool_status status;
    if (job->is_paced) {
        status = wpool__pool_accept_paced(job, when_full, deadline);
    } else {
        status = wpool__pool_accept_one(job->pool, (wpool__call){wpool__worker_run_record, job},
                                        job->priority, when_full, deadline);
    }
    if (status != WPOOL_OK) wpool__pool_withdraw(job);
    return status;
}

/* A record for a job, owned if somebody is to have its result: who asked for the id, or the
   results. */
static wpool__record *wpool__pool_record(wpool *pool, wpool_fn fn, void *arg,
                                         const wpool_options *options, bool has_asker) {
    wpool__record *record = wpool__table_new(&pool->table);
    if (!record) return NULL;
    record->job.fn = fn;
    record->job.arg = arg;
    wpool__pool_prepare(pool, &record->job, options);
    record->has_asker = has_asker;
    record->is_listed = false;
    /* relaxed: the id is not known yet, and the queue hands the record over to its runner */
    wpool__store_relaxed(&record->job.state, (uint32_t)WPOOL_STATE_DELAYED);
    if (!has_asker && !pool->config.results) wpool__record_claim(record);
    return record;
}

/* The job was not accepted: its record was never there. */
static void wpool__pool_unrecord(wpool *pool, wpool__record *record) {
    wpool__record_claim(record);
    wpool__job_publish(&pool->lot, &record->job, WPOOL_STATE_UNKNOWN);
    wpool__worker_tell_drivers(pool);
    wpool__table_drop(&pool->table, record);
}

/* Accepts a call above the capacity, for who must not wait: its job is ready, in a list. */
static wpool_status wpool__pool_accept_ready(wpool *pool, wpool__call call) {
    bool is_plain = call.fn != wpool__worker_run_record;
    wpool__record *record =
        is_plain ? wpool__pool_record(pool, call.fn, call.arg, NULL, false) : NULL;
    if (is_plain && !record) return WPOOL_NO_MEMORY;
    wpool_job *job = is_plain ? &record->job : (wpool_job *)call.arg;
    job->is_paced = true;
    wpool_status status = wpool__pool_accept_paced(job, WPOOL_BLOCK, WPOOL__NEVER);
    if (status != WPOOL_OK && is_plain) wpool__pool_unrecord(pool, record);
    return status;
}

static bool wpool__options_want_record(const wpool *pool, const wpool_options *options) {
    if (pool->config.retry.attempts > 1) return true;
    return options &&
           (options->name || options->on_done || options->group || options->lane ||
            options->deadline > 0 || options->delay > 0 || options->period > 0 ||
            options->run_limit > 0 || options->after_count || options->retry.attempts > 1);
}

static wpool_status wpool__pool_submit(wpool *pool, wpool_fn fn, void *arg,
                                       const wpool_options *options, wpool_when_full when_full,
                                       int64_t deadline, wpool_id *id) {
    if (!id && !pool->config.results && !wpool__options_want_record(pool, options)) {
        wpool_priority rank = options ? options->priority : WPOOL_NORMAL;
        return wpool__pool_accept_one(pool, (wpool__call){fn, arg}, rank, when_full, deadline);
    }
    wpool__record *record = wpool__pool_record(pool, fn, arg, options, id != NULL);
    if (!record) return WPOOL_NO_MEMORY;
    wpool_status status = wpool__pool_enter(&record->job, options);
    if (id) *id = record->job.id; /* before it can run: the job may look at it */
    if (status == WPOOL_OK) status = wpool__pool_accept_job(&record->job, when_full, deadline);
    if (status != WPOOL_OK) wpool__pool_unrecord(pool, record);
    return status;
}

#define WPOOL__RECORDS 64 /* made at a time for a batch */

/* A batch of jobs whose results are to be taken: up to WPOOL__RECORDS of them. */
static size_t wpool__pool_submit_records(wpool *pool, const wpool__batch *jobs, wpool_status *why) {
    wpool__call calls[WPOOL__RECORDS];
    size_t made = 0, done = 0;
    for (; made < jobs->count && made < WPOOL__RECORDS; made++) {
        wpool__record *record = wpool__pool_record(pool, jobs->fn, jobs->args[made], NULL, false);
        if (!record) break;
        calls[made] = (wpool__call){wpool__worker_run_record, &record->job};
    }
    wpool__batch batch = {calls, NULL, NULL, made, WPOOL_NORMAL};
    done = wpool__pool_accept(pool, &batch, wpool__pool_policy(pool), WPOOL__NEVER, why);
    if (made == 0) *why = WPOOL_NO_MEMORY;
    for (size_t i = done; i < made; i++)
        wpool__pool_unrecord(pool, (wpool__record *)calls[i].arg);
    return done;
}

/* -- waiting -- */

typedef struct wpool__waiting {
    const wpool_job *job;
    wpool_status status;
} wpool__waiting;

/* One look at a job. False: it has not finished. */
static bool wpool__pool_wait_now(void *ctx) {
    wpool__waiting *waiting = (wpool__waiting *)ctx;
    wpool_state state = wpool__job_state_of(waiting->job);
    waiting->status = wpool__job_wait_status(waiting->job, state, &wpool__contexts);
    return waiting->status != WPOOL_EMPTY;
}

/* Would who waits for the held job wait for itself? */
static bool wpool__pool_is_behind_caller(const wpool_job *job) {
    return wpool__job_is_held(job) && wpool__pace_is_behind(job->pool, job, &wpool__contexts);
}

/* Is there something to do for who waits inside of a job? */
static bool wpool__pool_is_movable(void *ctx) {
    const wpool_job *job = (const wpool_job *)ctx;
    wpool_state state = wpool__job_state_of(job);
    bool may_run = wpool__pool_help(job->pool) != WPOOL_HELP_NONE;
    return state >= WPOOL_STATE_SUCCEEDED || (may_run && state == WPOOL_STATE_WAITING);
}

/* Sleeps until the job changes, or something becomes ready that may hold it back. */
static void wpool__pool_sleep_or_help(wpool_worker *worker, wpool_job *job, wpool_state state,
                                      int64_t deadline) {
    wpool *pool = worker->pool;
    wpool__rouse rouse = {.lot = &pool->lot, .job = job};
    uint32_t slept_on;
    if (!wpool__job_is_held(job)) {
        wpool__job_sleep(&pool->lot, job, state, deadline);
        return;
    }
    wpool__rouse_enter(pool, &rouse);
    /* once more: it is known now who waits, and on which word */
    if (wpool__job_announce(job, &slept_on) && (slept_on & 0xFF) == WPOOL_STATE_DELAYED &&
        !wpool__pool_is_behind_caller(job) &&
        (wpool__pool_help(pool) == WPOOL_HELP_NONE || !wpool__pace_before(pool, job)))
        WPOOL_PARK(&pool->lot, &job->state, slept_on, deadline);
    wpool__rouse_leave(pool, &rouse);
}

/* Sleeps until there may be. Inline, who waits keeps the time. */
static wpool_status wpool__pool_sleep_inside(wpool_worker *worker, wpool_job *job,
                                             wpool_state state, int64_t deadline) {
    wpool *pool = worker->pool;
    if (wpool__pool_is_behind_caller(job)) return WPOOL_DEADLOCK;
    if (!pool->is_inline) {
        wpool__lend(true, true);
        wpool__pool_sleep_or_help(worker, job, state, deadline);
        wpool__lend(false, true);
    } else if (!wpool__pool_await(pool, &pool->drive, wpool__pool_is_movable, job, deadline)) {
        return wpool__pool_gave_up(deadline);
    }
    return WPOOL_OK;
}

/* Runs a job that holds the held one back. False: there is none to be had. */
static bool wpool__pool_clear_way(wpool_worker *worker, wpool_job *job) {
    wpool__call call;
    if (!wpool__job_is_held(job)) return false;
    wpool_job *before = wpool__pace_before(worker->pool, job);
    if (!before || !wpool__worker_dig(worker, before, false, &call)) return false;
    wpool__worker_nest(worker, call);
    return true;
}

/* The same as wait_now until it is true, on a worker, which may run jobs meanwhile. */
static wpool_status wpool__pool_wait_inside(wpool_worker *worker, wpool_job *job,
                                            int64_t deadline) {
    wpool *pool = worker->pool;
    unsigned round = 0;
    if (wpool__account_is_deep(worker->account)) return WPOOL_NO_MEMORY;
    for (;;) {
        wpool__call call;
        wpool_state state = wpool__job_state_of(job);
        wpool_status status = wpool__job_wait_status(job, state, &wpool__contexts);
        if (status != WPOOL_EMPTY) return status;
        if (wpool__is_past(deadline)) return WPOOL_TIMEOUT;
        wpool_help help = wpool__pool_help(pool);
        if (help == WPOOL_HELP_ANY && wpool__worker_next(worker, &call)) {
            wpool__worker_nest(worker, call);
        } else if (help != WPOOL_HELP_NONE && state == WPOOL_STATE_WAITING) {
            if (wpool__worker_dig(worker, job, false, &call)) {
                wpool__worker_nest(worker, call);
            } else {
                wpool__spin_on(&round);
            }
        } else if (help == WPOOL_HELP_NONE || !wpool__pool_clear_way(worker, job)) {
            status = wpool__pool_sleep_inside(worker, job, state, deadline);
            if (status != WPOOL_OK) return status;
        }
    }
}

/* Until the job has finished, by whoever calls. */
static wpool_status wpool__pool_wait(wpool *pool, wpool_job *job, int64_t timeout) {
    bool is_inside;
    wpool_worker *worker = wpool__worker_here(pool, &is_inside);
    int64_t deadline = wpool__deadline(timeout);
    wpool__waiting waiting = {job, WPOOL_EMPTY};
    if (worker) return wpool__pool_wait_inside(worker, job, deadline);
    if (pool->is_inline) {
        if (wpool__pool_await(pool, &pool->drive, wpool__pool_wait_now, &waiting, deadline))
            return waiting.status;
        return wpool__pool_gave_up(deadline);
    }
    while (!wpool__pool_wait_now(&waiting) && !wpool__is_past(deadline)) {
        wpool__lend(true, true);
        wpool__job_sleep(&pool->lot, job, wpool__job_state_of(job), deadline);
        wpool__lend(false, true);
    }
    return waiting.status == WPOOL_EMPTY ? WPOOL_TIMEOUT : waiting.status;
}

/* -- waiting for a group -- */

/* A look at a group. */
typedef struct wpool__group_view {
    wpool_group *group;
    const void *thread; /* NULL: the caller is no job */
    bool is_first;      /* look of a job: what is below on its stack stays there */
    wpool *home;        /* of which the caller is a worker, or NULL */
    wpool *pool;        /* the same, if it may run jobs of that */
    bool is_over;       /* no job is unfinished */
    bool is_own;        /* the caller is one of its jobs, inside of one, or before one */
    wpool_job *next;    /* one that the caller could run */
    wpool *drivable;    /* the inline pool of a job that waits for somebody to drive it */
    wpool *driven;      /* NULL: any will do for that */
    int first_error;
} wpool__group_view;

/* Does the thread run it, or what it must wait for? */
static bool wpool__group_is_own(const wpool_job *job, wpool_state state, const void *thread) {
    return wpool__job_is_held(job) ? wpool__pace_is_behind(job->pool, job, thread)
                                   : wpool__job_wait_status(job, state, thread) == WPOOL_DEADLOCK;
}

/* Under the lock. */
static void wpool__group_look_at(wpool_group *group, wpool__group_view *view) {
    for (wpool_job *job = group->members; job; job = job->group_next) {
        wpool_state state = wpool__job_state_of(job);
        bool is_paced = wpool__job_is_held(job);
        bool is_held = job->pool->is_inline && is_paced; /* who keeps its time? */
        if ((view->is_first || (view->thread && is_paced)) &&
            wpool__group_is_own(job, state, view->thread))
            view->is_own = true;
        wpool_job *before = NULL;
        if (job->pool == view->pool && is_paced) before = wpool__pace_before(job->pool, job);
        if (before) view->next = before;
        if (before && !view->is_first) return;
        if (state != WPOOL_STATE_WAITING && !is_held) continue;
        if (job->pool == view->pool && !is_held) {
            view->next = job;
            if (!view->is_first) return;
        } else if (job->pool->is_inline && (!view->driven || job->pool == view->driven)) {
            bool is_free = wpool__lock_is_free(&job->pool->driver);
            if (is_free || !view->drivable) view->drivable = job->pool;
            if (is_free && !view->is_first) return;
        }
    }
    for (wpool_group *child = group->children; child; child = child->next)
        if (view->is_first || (!view->next && !view->drivable)) wpool__group_look_at(child, view);
}

/* Does the calling thread call on_done of a member of the group, or of one below it? */
static bool wpool__group_is_ending(const wpool_group *group) {
    for (wpool__context *context = wpool__contexts; context; context = context->outer)
        for (wpool__ending *ending = context->ending; ending; ending = ending->outer)
            for (const wpool_group *g = ending->group; g; g = g->parent)
                if (g == group) return true;
    return false;
}

/* What is drivable gets a visitor if is_visited. */
static void wpool__group_view_now(wpool__group_view *view, bool is_visited) {
    wpool__lock *lock = wpool__group_lock(view->group);
    view->is_over = view->group->unfinished == 0;
    view->first_error = view->group->first_error;
    view->is_own = view->thread && wpool__group_is_ending(view->group);
    view->next = NULL;
    view->drivable = NULL;
    if (!view->is_over) wpool__group_look_at(view->group, view);
    if (view->drivable && is_visited) wpool__pool_visit(view->drivable);
    wpool__group_unlock(lock);
}

/* Is it over, or nothing left to drive there? */
static bool wpool__group_is_driven(void *ctx) {
    wpool__group_view *view = (wpool__group_view *)ctx;
    wpool__group_view_now(view, false);
    return view->is_over || !view->drivable;
}

/* Sleeps until the group is over, time is out, or (who helps) there may be something to run. False:
   out of memory. */
static bool wpool__group_sleep(wpool__group_view *view, int64_t deadline) {
    wpool__lot lot = {0};
    wpool__group_waiter waiter = {.lot = &lot, .is_helper = view->pool != NULL};
    wpool__rouse rouse = {.lot = &lot, .woken = &waiter.woken};
    if (!wpool__lot_init(&lot)) {
        wpool__lot_free(&lot);
        return false;
    }
    if (view->home) wpool__rouse_enter(view->home, &rouse);
    wpool__lock *lock = wpool__group_lock(view->group);
    wpool__list_put(&view->group->waiters, &waiter, next, link);
    wpool__group_unlock(lock);
    wpool__group_view_now(view, false); /* once more: it is known now who waits */
    bool is_idle = !view->is_over && !view->is_own && !view->next && !view->drivable;
    /* relaxed: what it says is found out under the lock */
    while (is_idle && !wpool__load_relaxed(&waiter.woken) && !wpool__is_past(deadline))
        WPOOL_PARK(&lot, &waiter.woken, 0, deadline);
    lock = wpool__group_lock(view->group);
    if (waiter.link) wpool__list_take(&waiter, next, link);
    wpool__group_unlock(lock);
    if (view->home) wpool__rouse_leave(view->home, &rouse);
    wpool__lot_free(&lot);
    return true;
}

/* Runs something meanwhile, if the caller is a worker and may. */
static bool wpool__group_help(wpool_worker *worker, wpool__group_view *view, unsigned *round) {
    wpool__call call;
    wpool_help help = worker ? wpool__pool_help(worker->pool) : WPOOL_HELP_NONE;
    if (help == WPOOL_HELP_NONE) return false;
    if ((view->next && wpool__worker_dig(worker, view->next, false, &call)) ||
        (help == WPOOL_HELP_ANY && wpool__worker_next(worker, &call))) {
        wpool__worker_nest(worker, call);
        return true;
    }
    if (view->next) wpool__spin_on(round); /* it is in somebody's hands */
    return view->next != NULL;
}

/* Runs something, or sleeps. WPOOL_EMPTY: go on; else that is the answer. */
static wpool_status wpool__group_pass(wpool_worker *worker, wpool__group_view *view,
                                      int64_t deadline, unsigned *round) {
    if (worker && wpool__account_is_deep(worker->account)) return WPOOL_NO_MEMORY;
    if (deadline == 0) return WPOOL_TIMEOUT;
    if (!wpool__group_help(worker, view, round)) {
        if (view->driven) {
            if (!wpool__pool_await(view->driven, &view->driven->drive, wpool__group_is_driven, view,
                                   deadline))
                return wpool__pool_gave_up(deadline);
            return WPOOL_EMPTY;
        }
#ifdef WPOOL_NO_THREADS
        return WPOOL_DEADLOCK;
#endif
        if (wpool__is_past(deadline)) return WPOOL_TIMEOUT;
        wpool__lend(true, true);
        bool has_slept = wpool__group_sleep(view, deadline);
        wpool__lend(false, true);
        if (!has_slept) return WPOOL_NO_MEMORY;
    }
    return wpool__is_past(deadline) ? WPOOL_TIMEOUT : WPOOL_EMPTY;
}

static void wpool__group_part(void *arg) {
    wpool__group_view *view = (wpool__group_view *)arg;
    if (view->driven) wpool__pool_part(view->driven);
    view->driven = NULL;
}

/* The same, after a look, with a pool that is visited or none. */
static wpool_status wpool__group_visit(wpool_worker *worker, wpool__group_view *view,
                                       int64_t deadline, unsigned *round) {
    wpool_status status;
    WPOOL_CLEANUP_PUSH(wpool__group_part, view);
    if (view->is_over || view->is_own) {
        status = view->is_over ? WPOOL_OK : WPOOL_DEADLOCK;
    } else {
        status = wpool__group_pass(worker, view, deadline, round);
    }
    WPOOL_CLEANUP_POP(1);
    return status;
}

static wpool_status wpool__group_wait(wpool__group_view *view, int64_t deadline) {
    wpool_worker *worker = wpool__worker_calling();
    unsigned round = 0;
    view->thread = wpool__contexts ? &wpool__contexts : NULL;
    view->is_first = view->thread != NULL;
    view->home = worker ? worker->pool : NULL;
    if (worker && wpool__pool_help(worker->pool) != WPOOL_HELP_NONE) view->pool = view->home;
    wpool_status status = WPOOL_EMPTY;
    while (status == WPOOL_EMPTY) {
        wpool__group_view_now(view, true);
        view->driven = view->drivable;
        view->is_first = false;
        status = wpool__group_visit(worker, view, deadline, &round);
    }
    return status;
}

static bool wpool__pool_is_quiet(void *ctx) {
    wpool *pool = (wpool *)ctx;
    return wpool__worker_unfinished(pool) == 0;
}

typedef struct wpool__taking {
    wpool *pool;
    wpool_result *result;
    bool is_inside, is_worker;
    bool is_throttled; /* when it went to sleep, as the next */
    uint32_t present;  /* workers */
    wpool_status status;
} wpool__taking;

/* Can nothing finish any more, as far as the reader is concerned? */
static bool wpool__pool_is_done(const wpool__taking *taking) {
    wpool *pool = taking->pool;
    if (!wpool__gate_is_closed(&pool->queue.tail)) return false;
    return taking->is_inside ? wpool__worker_only_takers_left(pool)
                             : wpool__worker_unfinished(pool) == 0;
}

/* One look for a result. False: nothing yet. */
static bool wpool__pool_take_look(wpool__taking *taking) {
    wpool *pool = taking->pool;
    if (wpool__results_is_closed(&pool->results)) {
        taking->status = WPOOL_CLOSED;
        return true;
    }
    bool is_done = wpool__pool_is_done(taking);
    wpool__record *record = wpool__results_take(&pool->results); /* after: what finished is in it */
    if (!record && !is_done) return false;
    /* closing lets results go: that must not look like having had them all */
    bool is_closed = !record && wpool__results_is_closed(&pool->results);
    taking->status = record ? WPOOL_OK : is_closed ? WPOOL_CLOSED : WPOOL_DONE;
    if (record) {
        if (taking->result)
            wpool__job_describe(&record->job, wpool__job_state_of(&record->job), taking->result);
        wpool__table_drop(&pool->table, record);
    }
    return true;
}

/* The same, and if there is nothing, the descriptor says so. */
static bool wpool__pool_take_now(void *ctx) {
    wpool__taking *taking = (wpool__taking *)ctx;
    wpool__bell *bell = &taking->pool->bell;
    if (wpool__pool_take_look(taking)) return true;
    if (!wpool__bell_lower(bell) || !wpool__pool_take_look(taking)) return false;
    wpool__bell_ring(bell); /* there may be more, and others who poll */
    return true;
}

/* The same for a worker, which is also to look at what it could run when there are others now. */
static bool wpool__pool_take_or_run(void *ctx) {
    wpool__taking *taking = (wpool__taking *)ctx;
    if (wpool__pool_take_now(taking)) return true;
    taking->status = WPOOL_EMPTY;
    uint32_t control = wpool__load_seq_cst(&taking->pool->control); /* [E1] as for has_ready */
    bool is_paused = wpool__control_is_paused(control);
    return wpool__crew_present(taking->pool) != taking->present ||
           (taking->is_throttled && !wpool__control_is_throttled(control)) ||
           (taking->is_worker && !is_paused && wpool__orders_has_ready(&taking->pool->orders));
}

/* Counts one more worker that sleeps there. False: it would be the last one, and nothing is
   delayed, nor held back by the rate. */
static bool wpool__pool_take_asleep(const wpool__taking *taking) {
    wpool *pool = taking->pool;
    uint32_t asleep = wpool__load_relaxed(&pool->watch.takers_asleep); /* relaxed: checked below */
    uint32_t next;
    do {
        bool is_last = asleep + 1 >= taking->present && !taking->is_throttled &&
                       wpool__load_seq_cst(&pool->watch.held) == 0; /* [E1] as below */
        next = is_last ? asleep : asleep + 1;
        /* [E1] before it looks whether something is ready; whoever comes last sees the others,
           since it changes the same word */
    } while (!wpool__cas_seq_cst(&pool->watch.takers_asleep, &asleep, next));
    return next != asleep;
}

/* Is there something that the last one could run, or wait for, though it found nothing just now?
   What has become ready meanwhile is there once the lock is free. */
static bool wpool__pool_take_sees_work(wpool *pool) {
    wpool__keeper_lock(pool);
    bool is_paused = wpool__control_is_paused(wpool__worker_control(pool));
    bool is_some = (!is_paused && wpool__worker_sees_queued(pool)) ||
                   wpool__load_relaxed(&pool->watch.held) != 0; /* relaxed: under the lock */
    wpool__keeper_unlock(pool);
    return is_some;
}

/* A job takes a result: it runs others first, and never puts the last worker to sleep. */
static wpool_status wpool__pool_take_inside(wpool *pool, wpool_worker *worker,
                                            wpool__taking *taking, int64_t deadline) {
    wpool__call call;
    for (;;) {
        if (wpool__pool_take_now(taking)) return taking->status;
        if (wpool__is_past(deadline)) return WPOOL_TIMEOUT;
        if (worker && wpool__worker_next(worker, &call)) {
            wpool__worker_nest(worker, call);
            continue;
        }
        taking->present = wpool__crew_present(pool);
        taking->is_throttled = wpool__control_is_throttled(wpool__worker_control(pool));
        bool is_last = worker && !wpool__pool_take_asleep(taking);
        if (is_last && wpool__pool_take_sees_work(pool)) continue;
        bool is_there = is_last ? wpool__pool_take_now(taking)
                                : wpool__pool_await(pool, &pool->results.event,
                                                    wpool__pool_take_or_run, taking, deadline);
        /* relaxed: only the count */
        if (worker && !is_last) wpool__add_relaxed(&pool->watch.takers_asleep, UINT32_MAX);
        if (!is_there) return is_last ? WPOOL_DEADLOCK : WPOOL_TIMEOUT;
        if (taking->status != WPOOL_EMPTY) return taking->status;
    }
}

/* Counts the job, and those below it on the stack that cannot go on before it returns, as jobs that
   take; once, if some of these take themselves. */
typedef struct wpool__taker {
    wpool *pool;
    wpool__context *context; /* the innermost one of the pool */
    uint32_t before, count;
} wpool__taker;

static WPOOL__NOINLINE wpool__taker wpool__taker_enter(wpool *pool) {
    wpool__taker taker = {pool, NULL, 0, 0};
    uint32_t counted = 0;
    for (wpool__context *context = wpool__contexts; context; context = context->outer) {
        if (context->pool != pool) continue;
        if (!taker.context) taker.context = context;
        if (!counted) counted = context->taking;
        taker.count += context->worker ? wpool__account_running(context->worker->account) : 1;
    }
    taker.before = taker.context->taking;
    taker.context->taking = taker.count;
    taker.count -= counted; /* of the count, what this taker adds */
    /* [W3] before this taker's look, and the others': they may be the only ones left now */
    wpool__add_seq_cst(&pool->watch.takers, taker.count);
    return taker;
}

static void wpool__taker_leave(void *arg) {
    wpool__taker *taker = (wpool__taker *)arg;
    wpool__add_seq_cst(&taker->pool->watch.takers, 0 - taker->count); /* [W3] */
    taker->context->taking = taker->before;
}

static wpool_status wpool__pool_take_counted(wpool *pool, wpool_worker *worker,
                                             wpool__taking *taking, int64_t deadline) {
    wpool_status status;
    wpool__taker taker = wpool__taker_enter(pool);
    WPOOL_CLEANUP_PUSH(wpool__taker_leave, &taker);
    wpool__worker_settle(pool);
    status = wpool__pool_take_inside(pool, worker, taking, deadline);
    WPOOL_CLEANUP_POP(1);
    return status;
}

static wpool_status wpool__pool_take(wpool *pool, int64_t timeout, wpool_result *result) {
    bool is_inside;
    wpool_worker *worker = wpool__worker_here(pool, &is_inside);
    wpool__taking taking = {pool, result, is_inside, worker != NULL, false, 0, WPOOL_OK};
    int64_t deadline = wpool__deadline(timeout);
    wpool_status status = WPOOL_TIMEOUT;
    if (is_inside) {
        if (worker && wpool__account_is_deep(worker->account)) return WPOOL_NO_MEMORY;
        status = wpool__pool_take_counted(pool, worker, &taking, deadline);
    } else if (timeout == WPOOL_NOW && !pool->is_inline) {
        if (wpool__pool_take_now(&taking)) return taking.status;
    } else {
        bool is_there =
            wpool__pool_await(pool, &pool->results.event, wpool__pool_take_now, &taking, deadline);
        if (is_there) return taking.status;
        status = wpool__pool_gave_up(deadline);
    }
    return status == WPOOL_TIMEOUT && timeout == WPOOL_NOW ? WPOOL_EMPTY : status;
}

/* The descriptor of the bell, made when it is asked for first; up, so that the first look is taken.
   -1: the system has none. */
static int wpool__pool_descriptor(wpool *pool) {
    wpool__bell *bell = &pool->bell;
    wpool__lock_take(&pool->lot, &pool->results.lock);
    /* relaxed: made under the lock */
    bool is_there = wpool__load_relaxed(&bell->state) != WPOOL__BELL_NONE;
    if (!is_there && WPOOL_TOKEN_OPEN(bell->ends)) {
        WPOOL_TOKEN_PUT(bell->ends);
        /* [B1] hands the descriptor over; what was finished before, the first look finds */
        wpool__store_seq_cst(&bell->state, WPOOL__BELL_UP);
        is_there = true;
    }
    wpool__lock_release(&pool->lot, &pool->results.lock);
    return is_there ? bell->ends[0] : -1;
}

/* -- life -- */

static bool wpool__pool_set(wpool *pool, uint32_t bits) {
    /* [C1] to workers; [I1] before the caller wakes them */
    return (wpool__or_seq_cst(&pool->control, bits) & bits) != bits;
}

static bool wpool__pool_resume(wpool *pool) {
    bool was_paused = wpool__worker_let_go_on(pool, WPOOL__PAUSED);
    if (was_paused) wpool__scaler_wake(pool);
    return was_paused;
}

static void wpool__pool_let_submitters_look(wpool *pool) {
    wpool__event_notify_all(&pool->lot, &pool->watch.room);
    wpool__event_notify_all(&pool->lot, &pool->keeper.lane_room);
}

/* Ends the periodic jobs that wait for their next time, as if inside of a job. */
static void wpool__pool_end_periods(wpool *pool) {
    wpool__context context = {.pool = pool, .outer = wpool__contexts, .is_ending = true};
    wpool__account *account = wpool__watch_account(&pool->watch, 0);
    wpool_job *next;
    wpool__contexts = &context;
    for (wpool_job *job = wpool__pace_take_periods(pool); job; job = next) {
        next = job->next;
        wpool__worker_end(pool, account, job, WPOOL_STATE_SUCCEEDED, false);
    }
    wpool__contexts = context.outer;
}

static bool wpool__pool_close(wpool *pool) {
    bool was_open = wpool__gate_close(&pool->watch.direct);
    wpool__gate_close(&pool->watch.paced);
    wpool__gate_close(&pool->queue.tail);
    wpool__pool_let_submitters_look(pool);
    if (was_open) wpool__pool_end_periods(pool);
    wpool__worker_settle(pool);
    return was_open;
}

/* Closes, and discards what is queued. */
static bool wpool__pool_stop(wpool *pool, wpool_mode mode) {
    wpool__call call;
    unsigned round = 0;
    wpool__pool_close(pool);
    bool is_news = wpool__pool_set(pool, WPOOL__STOPPED | (mode == WPOOL_HOT ? WPOOL__HOT : 0u));
    if (mode == WPOOL_HOT) wpool__crew_tell_all(pool);
    wpool__pace_stop(pool);
    for (;;) {
        if (wpool__pool_take_ready(pool, &call) || wpool__pool_take_out(pool, &call)) {
            wpool__pool_discard(pool, call);
        } else if (wpool__queue_length(&pool->queue) != 0 ||
                   wpool__orders_length(&pool->orders) != 0) {
            wpool__spin_on(&round); /* a claimed ticket that is not put yet will be, soon */
        } else {
            break;
        }
    }
    wpool__pool_let_submitters_look(pool);
    wpool__worker_settle(pool);
    return is_news;
}

/* -- upstream: the group that stops the pool when it is cancelled -- */

static void wpool__upstream_stop(wpool *pool) { wpool__pool_stop(pool, WPOOL_HOT); }

static void wpool__upstream_expire(wpool *pool, wpool__timer *timer) {
    (void)timer;
    wpool__keeper_unlock(pool);
    wpool__upstream_stop(pool);
}

/* Sets its timer by the deadlines of the group and those above. Under the lock. False: nobody would
   keep the time. */
static bool wpool__upstream_arm(wpool__upstream *upstream, wpool_group *group) {
    const wpool_job like = {.group = group};
    int64_t deadline = wpool__job_deadline(&like);
    if (deadline != WPOOL__NEVER && !wpool__keeper_start(upstream->pool)) return false;
    wpool__keeper_set(upstream->pool, &upstream->timer, deadline);
    return true;
}

static wpool_status wpool__upstream_enter(wpool *pool, wpool_group *group) {
    wpool__upstream *upstream = &pool->upstream;
    upstream->pool = pool;
    upstream->stop = wpool__upstream_stop;
    upstream->timer.due = wpool__upstream_expire;
    wpool__lock *lock = wpool__group_lock(group);
    bool is_told = wpool__group_is_told(group);
    bool is_armed = wpool__upstream_arm(upstream, group);
    wpool__list_put(&group->pools, upstream, next, link);
    wpool__group_tie(group);
    wpool__group_unlock(lock);
    if (is_told) wpool__upstream_stop(pool);
    return is_armed ? WPOOL_OK : WPOOL_NO_THREAD;
}

/* Sets the timers of all that is in the group and in those below. False: somewhere nobody keeps the
   time. Under the lock. */
static bool wpool__group_arm(wpool_group *group) {
    bool ok = true;
    for (wpool_job *job = group->members; job; job = job->group_next)
        ok = wpool__pool_arm(job) && ok;
    for (wpool__upstream *upstream = group->pools; upstream; upstream = upstream->next)
        ok = wpool__upstream_arm(upstream, group) && ok;
    for (wpool_group *child = group->children; child; child = child->next)
        ok = wpool__group_arm(child) && ok;
    return ok;
}

/* Waits for those who are about to stop the pool, or to cancel a job of it. */
static void wpool__upstream_leave(wpool *pool) {
    wpool__upstream *upstream = &pool->upstream;
    unsigned round = 0;
    if (upstream->pool) {
        wpool__lock *lock = wpool__group_lock(pool->config.group);
        wpool__list_take(upstream, next, link);
        wpool__group_unlock(lock);
        wpool__group_untie(pool->config.group, 0);
    }
    wpool__worker_tell_drivers(pool);                 /* also those who only wait for a group */
    while (wpool__load_acquire(&pool->visitors) != 0) /* [V1] */
        wpool__spin_on(&round);
}

/* Ends the threads and frees everything; also of a pool half made. */
static void wpool__pool_free(wpool *pool, bool is_whole) {
    wpool_allocator copy = pool->allocator_copy;
    const wpool_allocator *allocator = pool->allocator ? &copy : NULL;
    wpool__upstream_leave(pool);
    wpool__pool_set(pool, WPOOL__EXIT);
#ifndef WPOOL_NO_THREADS
    wpool__keeper_end(pool);
    if (!pool->is_inline) wpool__crew_end(pool);
#endif
    uint32_t count = wpool__crew_count(pool); /* the scaler adds none any more */
    while (pool->is_inline && is_whole && wpool__pool_drive(pool)) {
        /* calls of cancelled jobs that the rate held back */
    }
    if (pool->is_inline && is_whole) wpool__worker_leave(wpool__crew_at(pool, WPOOL_GUESTS));
#if WPOOL_DEBUG
    WPOOL_ASSERT(!is_whole ||
                 (wpool__queue_is_valid(&pool->queue) && !wpool__worker_sees_work(pool)));
    WPOOL_ASSERT(!is_whole || wpool__worker_unfinished(pool) == 0);
#endif
    for (uint32_t i = 0; i < count; i++)
        wpool__deque_free(&wpool__crew_at(pool, i)->deque);
    wpool__shelf_free(&pool->table.records);
    wpool__queue_free(&pool->queue);
    wpool__orders_free(&pool->orders);
    wpool__bell_free(&pool->bell);
    wpool__shelf_free(&pool->crew.workers);
    wpool__shelf_free(&pool->idle.sleepers);
    wpool__shelf_free(&pool->watch.accounts);
    wpool__guard_free(&pool->guard);
    wpool__lot_free(&pool->lot);
    wpool__memory_free(allocator, pool);
}

/* Fills in the defaults, but those of min_workers and max_workers: 0 is none of their own. */
static void wpool__config_resolve(wpool_config *config) {
    if (config->max_workers == WPOOL_INLINE) {
        config->workers = config->min_workers = 0;
    } else if (config->workers == 0) {
        unsigned most = config->max_workers ? config->max_workers : WPOOL_MAX_WORKERS;
        config->workers = config->min_workers ? config->min_workers : wpool__platform_cpus();
        if (config->workers > most) config->workers = most;
    }
    if (config->queue_capacity == 0) config->queue_capacity = WPOOL_QUEUE_CAPACITY;
    if (config->scaling.jobs_per_worker == 0) config->scaling.jobs_per_worker = 50;
    if (config->scaling.idle == 0) config->scaling.idle = WPOOL_SECONDS(10);
    if (config->scaling.cooldown == 0) config->scaling.cooldown = WPOOL_SECONDS(1);
    if (!config->name) config->name = "wpool";
}

static bool wpool__scaling_is_fit(const wpool_scaling *scaling) {
    return scaling->wait >= 0 && scaling->cooldown >= 0 && scaling->idle >= WPOOL_FOREVER &&
           scaling->step <= WPOOL_MAX_WORKERS && scaling->max_memory_percent <= 100 &&
           scaling->max_cpu_percent <= 100;
}

/* Not so if one is not a number. */
static bool wpool__rate_is_fit(const wpool_rate *rate) { return rate->per_second >= 0; }

static bool wpool__retry_is_fit(const wpool_retry *retry) {
    return retry->delay >= 0 && retry->max_delay >= 0 && retry->jitter >= 0 && retry->jitter <= 1 &&
           retry->factor >= 0 && retry->factor <= 1e9;
}

static bool wpool__options_are_fit(const wpool *pool, const wpool_options *options) {
    return !options ||
           ((unsigned)options->priority <= WPOOL_LOW && wpool__retry_is_fit(&options->retry) &&
            options->deadline >= 0 && options->delay >= 0 && options->period >= 0 &&
            options->run_limit >= 0 && (options->after || !options->after_count) &&
            (!options->lane || options->lane->pool == pool));
}

static bool wpool__config_same_retry(const wpool_retry *a, const wpool_retry *b) {
    return a->attempts == b->attempts && a->delay == b->delay && a->max_delay == b->max_delay &&
           !(a->factor < b->factor || a->factor > b->factor || a->jitter < b->jitter ||
             a->jitter > b->jitter) &&
           a->when == b->when;
}

/* A field of the resolved config that makes no sense; NULL: none. */
static const char *wpool__config_fault(const wpool_config *config) {
    const size_t most = SIZE_MAX / 4 / sizeof(wpool__slot);
    const wpool_allocator *allocator = config->allocator;
    if (config->max_workers != WPOOL_INLINE) {
        if (config->max_workers > WPOOL_MAX_WORKERS) return "max_workers";
        if (config->min_workers > config->workers) return "min_workers";
        if (config->workers > (config->max_workers ? config->max_workers : WPOOL_MAX_WORKERS))
            return "workers";
    }
    if (config->queue_capacity != WPOOL_UNBUFFERED && config->queue_capacity > most)
        return "queue_capacity";
    if ((unsigned)config->when_full > WPOOL_DROP_OLDEST) return "when_full";
    if ((unsigned)config->help > WPOOL_HELP_NONE) return "help";
    bool is_lifo = config->order == WPOOL_LIFO;
    if ((unsigned)config->order > WPOOL_PRIORITY) return "order";
    if (is_lifo && config->when_full == WPOOL_DROP_OLDEST) return "order";
    if (!wpool__scaling_is_fit(&config->scaling)) return "scaling";
    if (!wpool__rate_is_fit(&config->rate)) return "rate";
    if (!wpool__retry_is_fit(&config->retry)) return "retry";
#ifndef WPOOL_NO_THREADS
    if (config->interrupt_signal && !wpool__signal_is_fit(config->interrupt_signal))
        return "interrupt_signal";
#endif
    return allocator && !(allocator->alloc && allocator->free) ? "allocator" : NULL;
}

static bool wpool__config_same_hooks(const wpool_hooks *a, const wpool_hooks *b) {
    return a->worker_start == b->worker_start && a->worker_exit == b->worker_exit &&
           a->scaled == b->scaled && a->job_stuck == b->job_stuck && a->stalled == b->stalled &&
           a->user == b->user;
}

static bool wpool__config_same_allocator(const wpool_allocator *a, const wpool_allocator *b) {
    if (!a || !b) return a == b;
    return a->alloc == b->alloc && a->free == b->free && a->user == b->user;
}

/* A field in which the resolved config differs from the pool's, and that stays as it is; NULL: no
   such one. */
static const char *wpool__pool_difference(const wpool *pool, const wpool_config *b) {
    const wpool_config *a = &pool->config; /* what is compared never changes */
    if (strncmp(a->name, b->name, WPOOL__NAME_SIZE - 1) != 0) return "name";
    if (pool->is_inline != (b->max_workers == WPOOL_INLINE)) return "max_workers";
    if (a->results != b->results) return "results";
    if (!wpool__config_same_retry(&a->retry, &b->retry)) return "retry";
    if (a->start_paused != b->start_paused) return "start_paused";
    if (a->pin_workers != b->pin_workers) return "pin_workers";
    if (a->stack_size != b->stack_size) return "stack_size";
    if (a->group != b->group) return "group";
    if (a->interrupt_signal != b->interrupt_signal) return "interrupt_signal";
    if (!wpool__config_same_hooks(&a->hooks, &b->hooks)) return "hooks";
    return wpool__config_same_allocator(a->allocator, b->allocator) ? NULL : "allocator";
}

/* Room for so many queued jobs, in that order. False: out of memory, nothing has changed. Under the
   lock, or before there are other threads. */
static bool wpool__pool_make_room(wpool *pool, wpool_order order, size_t places) {
    wpool__orders *orders = &pool->orders;
    bool has_ranks = order == WPOOL_PRIORITY || wpool__orders_has(orders, WPOOL__HAS_RANKS);
    bool has_pile = order == WPOOL_LIFO || wpool__orders_has(orders, WPOOL__HAS_PILE);
    return (!has_ranks || wpool__orders_make_ranks(orders, pool->allocator, places)) &&
           (!has_pile || wpool__orders_make_pile(orders, places));
}

/* Sets what can be changed later, and fits. */
static void wpool__pool_adjust(wpool *pool, const wpool_config *config) {
    size_t capacity = config->queue_capacity == WPOOL_UNBUFFERED ? 0 : config->queue_capacity;
    pool->config.queue_capacity = config->queue_capacity;
    pool->config.when_full = config->when_full;
    pool->config.help = config->help;
    pool->config.order = config->order;
    pool->config.rate = config->rate;
    wpool__store_relaxed(&pool->when_full, config->when_full); /* relaxed, these: see who reads */
    wpool__store_relaxed(&pool->help, config->help);
    /* without places there is no order but that of coming */
    wpool__store_release(&pool->order, capacity ? config->order : WPOOL_FIFO); /* [O1] */
    wpool__bucket_set(&pool->bucket, &config->rate);
    wpool__store_seq_cst(&pool->capacity, capacity); /* [Q3] the ring is there; [E1] to waiters */
    for (int i = 0; i < 2; i++) {
        WPOOL_ATOMIC(uint64_t) *until = &pool->room_until[i];
        uint64_t seen = wpool__load_relaxed(until); /* relaxed: the exchange checks it */
        /* [R2] who has seen the old capacity leaves no bound here any more */
        while (!wpool__cas_release(until, &seen, (seen & ~WPOOL__GATE_COUNT) + WPOOL__GATE_RING)) {
        }
    }
}

/* The same of a pool that runs; the rate may let jobs start at once. */
static void wpool__pool_readjust(wpool *pool, const wpool_config *config) {
    wpool__keeper_lock(pool); /* who is held back looks at the rate under it */
    wpool__pool_adjust(pool, config);
    if (wpool__worker_control(pool) & WPOOL__THROTTLED)
        wpool__keeper_put(pool, &pool->throttle, WPOOL_CLOCK());
    wpool__keeper_unlock(pool);
}

/* How many workers there are to be after a change of the config: those asked for, but what the
   scaler has made of the same number stays, within the bounds. Under the lock. */
static uint32_t wpool__pool_target(wpool *pool, const wpool_config *before) {
    wpool__rules rules;
    uint32_t serving = wpool__crew_serving(pool);
    bool is_on = wpool__scaler_rules(pool, &rules);
    if (!is_on || pool->config.workers != before->workers) return pool->config.workers;
    return serving < rules.min ? rules.min : serving > rules.max ? rules.max : serving;
}

/* To another config, which is resolved and differs in nothing that cannot be changed. */
static wpool_status wpool__pool_reconfigure(wpool *pool, const wpool_config *config) {
    wpool_config *now = &pool->config;
    wpool__lock_take(&pool->lot, &pool->crew.lock);
    const wpool_config before = *now;
    wpool__rules rules;
    bool is_unbuffered = config->queue_capacity == WPOOL_UNBUFFERED;
    uint32_t present = wpool__crew_present(pool); /* the scaler's as well */
    size_t places = config->workers > present ? config->workers : present;
    if (!is_unbuffered) places = config->queue_capacity;
    wpool_status status = WPOOL_OK;
    if (!wpool__queue_grow(&pool->queue, places) ||
        (!is_unbuffered && !wpool__pool_make_room(pool, config->order, places)))
        status = WPOOL_NO_MEMORY;
    now->workers = config->workers;
    now->min_workers = config->min_workers;
    now->max_workers = config->max_workers;
    now->scaling = config->scaling;
    bool has_time = config->rate.per_second > 0 || wpool__scaler_rules(pool, &rules);
    if (status == WPOOL_OK && has_time && !wpool__keeper_start(pool)) status = WPOOL_NO_THREAD;
    if (status == WPOOL_OK && !pool->is_inline)
        status = wpool__crew_resize(pool, wpool__pool_target(pool, &before), WPOOL_GRACEFUL);
    if (status == WPOOL_OK) {
        now->workers = config->workers;
        wpool__pool_readjust(pool, config);
        (void)wpool__scaler_start(pool); /* somebody keeps the time */
    } else {                             /* the rest has not been touched */
        now->workers = before.workers;
        now->min_workers = before.min_workers;
        now->max_workers = before.max_workers;
        now->scaling = before.scaling;
    }
    wpool__lock_release(&pool->lot, &pool->crew.lock);
    wpool__worker_free_room(pool, UINT32_MAX);
    return status;
}

/* Sets the numbers and texts that follow from the config. */
static void wpool__pool_settle_in(wpool *pool, const wpool_config *config) {
    pool->config = *config;
    snprintf(pool->name, sizeof pool->name, "%s", config->name);
    pool->config.name = pool->name;
    pool->config.allocator = pool->allocator;
    pool->is_inline = config->max_workers == WPOOL_INLINE;
    pool->keeper.timers.until = WPOOL__NEVER;
    pool->throttle.due = wpool__worker_allow_again;
    pool->scaler.timer.due = wpool__scaler_due;
    pool->scaler.stall.due = wpool__scaler_stall_due;
    wpool__store_relaxed(&pool->scaler.poke, WPOOL__POKE_NEVER); /* relaxed: no other thread yet */
    pool->scaler.grown_at = pool->scaler.shrunk_at = pool->scaler.failed_at = INT64_MIN;
    wpool__pool_adjust(pool, config);
    wpool__platform_random(pool->uuid, sizeof pool->uuid);
    memcpy(&pool->table.first_generation, pool->uuid, sizeof pool->table.first_generation);
    memcpy(&pool->keeper.random, pool->uuid, sizeof pool->keeper.random);
    pool->keeper.random |= 1;
    pool->uuid[6] = (unsigned char)((pool->uuid[6] & 0x0F) | 0x40); /* version 4 (RFC 9562) */
    pool->uuid[8] = (unsigned char)((pool->uuid[8] & 0x3F) | 0x80);
}

/* Makes the rooms, all but the threads. False: out of memory. */
static bool wpool__pool_furnish(wpool *pool) {
    const wpool_allocator *a = pool->allocator;
    unsigned n = pool->is_inline ? 1 : pool->config.workers;
    size_t capacity = wpool__pool_capacity(pool);
    pool->has_fence = wpool__platform_has_fence();
    wpool__shelf_init(&pool->crew.workers, a, sizeof(wpool_worker), n + WPOOL_GUESTS);
    wpool__shelf_init(&pool->idle.sleepers, a, sizeof(wpool__sleeper), n);
    wpool__shelf_init(&pool->watch.accounts, a, sizeof(wpool__account), n + 1);
    wpool__shelf_init(&pool->table.records, a, sizeof(wpool__record), WPOOL_RECORDS);
    wpool__shelf_init(&pool->orders.cards, a, sizeof(wpool__card), WPOOL_RECORDS);
    pool->idle.lot = pool->table.lot = pool->results.lot = pool->orders.lot = &pool->lot;
    pool->results.table = &pool->table;
    if (!wpool__shelf_grow(&pool->watch.accounts)) return false;
    wpool__watch_account(&pool->watch, 0)->is_shared = pool->watch.removed.is_shared = true;
    /* unbuffered: a place for each worker without work */
    if (!wpool__queue_init(&pool->queue, a, capacity ? capacity : n)) return false;
    if (capacity && !wpool__pool_make_room(pool, pool->config.order, capacity)) return false;
    while (wpool__crew_count(pool) < n + WPOOL_GUESTS)
        if (!wpool__crew_add(pool)) return false;
    if (pool->is_inline) wpool__crew_count_in(wpool__crew_at(pool, WPOOL_GUESTS), WPOOL__SERVES);
    return true;
}

static wpool_status wpool__pool_create(wpool **out, const wpool_config *config) {
    const wpool_allocator *allocator = config->allocator;
    wpool *pool = wpool__memory_alloc(allocator, 1, sizeof *pool);
    if (!pool) return WPOOL_NO_MEMORY;
    if (allocator) {
        pool->allocator_copy = *allocator;
        pool->allocator = &pool->allocator_copy;
    }
    wpool__guard_init(&pool->guard);
    wpool__pool_settle_in(pool, config);
    bool is_made = wpool__lot_init(&pool->lot) && wpool__pool_furnish(pool);
    wpool_status status = is_made ? WPOOL_OK : WPOOL_NO_MEMORY;
    if (is_made && config->start_paused) wpool__pool_set(pool, WPOOL__PAUSED);
    if (is_made && pool->is_inline) wpool__worker_begin(wpool__crew_at(pool, WPOOL_GUESTS));
    if (is_made && !pool->is_inline) status = wpool__crew_grow(pool, config->workers);
    bool has_time = config->interrupt_signal || config->retry.attempts > 1 ||
                    config->rate.per_second > 0 || config->hooks.stalled;
    if (status == WPOOL_OK && has_time && !wpool__keeper_start(pool)) status = WPOOL_NO_THREAD;
    if (status == WPOOL_OK && !wpool__scaler_start(pool)) status = WPOOL_NO_THREAD;
    if (status == WPOOL_OK && config->group) status = wpool__upstream_enter(pool, config->group);
#ifndef WPOOL_NO_THREADS
    if (status == WPOOL_OK && config->interrupt_signal)
        wpool__signal_handle(config->interrupt_signal);
#endif
    if (status == WPOOL_OK) {
        *out = pool;
    } else {
        wpool__pool_free(pool, false);
    }
    return status;
}

/* Waits until nothing waits or runs. */
static bool wpool__pool_drain(wpool *pool, int64_t deadline) {
    wpool__pause(true);
    bool is_quiet =
        wpool__pool_await(pool, &pool->watch.quiet, wpool__pool_is_quiet, pool, deadline);
    wpool__pause(false);
    if (!is_quiet) return false;
    while (pool->is_inline && wpool__pool_drive(pool)) {
        /* calls of cancelled jobs are queued still */
    }
    return true;
}

/* Closes, lets everything queued run, and waits for the end. */
static bool wpool__pool_finish(wpool *pool, int64_t deadline) {
    wpool__pool_close(pool);
    wpool__pool_resume(pool);
    return wpool__pool_drain(pool, deadline);
}

/* ==== [parallel] =================================================================================
   The rest of fork, unfork and join; loops made of them. Whoever joins a child that another worker
   runs helps that worker meanwhile with what it forks (leapfrogging: Wagner and Calder, PPoPP 1993)
   and runs nothing else, so what it holds is never met again but by the child's own parts.

   fork looks around when the deque's limit says so, which is 0 as soon as somebody sleeps or asks
   for work. Who goes to sleep for lack of work, or ceases to search, sets all limits to 0, makes a
   heavy fence and looks at the deques; who waits for a child does so with the one of the worker
   that runs it. So either the fork's bottom is seen, or the fork sees the limit [D5]. Who raises
   the limit again looks at the sleepers afterwards [D6]. */

/* Nobody can have the child: it is the caller's to run. */
static void wpool__parallel_keep(wpool_job *child) {
    /* relaxed: seen by this thread only */
    wpool__store_relaxed(&child->state, (uint32_t)WPOOL_STATE_UNKNOWN);
}

/* Those who sleep on jobs that the worker runs for them may help with what it forked. */
static void wpool__parallel_stir(wpool_worker *worker) {
    for (wpool__frame *frame = worker->stolen; frame; frame = frame->outer)
        wpool__job_stir(&worker->pool->lot, (wpool_job *)frame->call.arg);
}

/* fork, having pushed the child: more room, more that is open, somebody to be woken. */
WPOOL_API void wpool__fork_look(wpool_job *self, wpool_job *child) {
    wpool_worker *worker = self->worker;
    wpool__forks *forks = self->forks;
    int64_t bottom = wpool__load_relaxed(&forks->bottom); /* relaxed: the owner's */
    wpool__call call;
    if (!worker) {
        wpool__store_relaxed(&forks->bottom, bottom - 1); /* relaxed: it has no thieves */
        wpool__parallel_keep(child);
        return;
    }
    wpool__deque *deque = &worker->deque;
    wpool__idle *idle = &worker->pool->idle;
    if (!wpool__deque_reserve(deque, 0)) {
        if (wpool__deque_pop(deque, &call)) wpool__parallel_keep(child);
        return;
    }
    /* relaxed: a guess, whoever needs to be woken is seen below */
    bool is_asked = wpool__load_relaxed(&forks->limit) == 0;
    wpool__deque_set_limit(deque);
    if (is_asked) wpool__deque_open_half(deque);
    wpool__store_seq_cst(&forks->bottom, bottom); /* [I1] before the look at who sleeps */
    wpool__parallel_stir(worker);
    if (!wpool__idle_wants_waking(wpool__idle_word(idle))) return;
    wpool__store_seq_cst(&forks->limit, 0); /* [D6] the next one looks again */
    wpool__idle_wake(idle);
}

/* A child that another worker runs: helps that one, or sleeps until the child has ended or there is
   something to help with. */
static void wpool__parallel_help(wpool_worker *worker, wpool_job *child, unsigned *round) {
    wpool__deque *deque = &child->worker->deque;
    wpool *pool = worker->pool;
    bool helps_all = wpool__pool_help(pool) == WPOOL_HELP_ANY && !worker->is_guest;
    wpool__call call;
    uint32_t slept_on;
    if (wpool__deque_steal(deque, &call, wpool__worker_is_forked)) {
        wpool__worker_nest(worker, call);
        *round = 0;
    } else if (helps_all && wpool__worker_next(worker, &call)) {
        wpool__worker_nest(worker, call);
    } else if (!wpool__spin(round) && wpool__job_announce(child, &slept_on)) {
        wpool__store_seq_cst(&deque->forks.limit, 0); /* [D6] asks */
        WPOOL_HEAVY_FENCE();                          /* [D5] before the last look */
        if (!wpool__deque_has(deque, wpool__worker_is_forked))
            WPOOL_PARK(&pool->lot, &child->state, slept_on, WPOOL__NEVER);
    }
}

/* unfork, the child not being the newest private call: gets it from wherever it lies (true), or
   waits until it has ended. */
WPOOL_API bool wpool__fork_take_back(wpool_job *self, wpool_job *child) {
    wpool__call call;
    unsigned round = 0;
    for (;;) {
        switch (wpool__job_state_of(child)) {
        case WPOOL_STATE_UNKNOWN:
            return true;
        case WPOOL_STATE_WAITING:
            if (wpool__worker_dig(self->worker, child, true, &call)) return true;
            wpool__spin_on(&round);
            break;
        case WPOOL_STATE_RUNNING:
            wpool__parallel_help(self->worker, child, &round);
            break;
        default:
            return false;
        }
    }
}

/* -- loops -- */

typedef struct wpool__loop {
    wpool_body body;
    void *arg;
    size_t grain;
    WPOOL_ATOMIC(uint32_t) has_failed;
} wpool__loop;

/* A part of a loop, to be forked. */
typedef struct wpool__span {
    wpool__loop *loop;
    size_t begin, end;
    wpool_job job;
} wpool__span;

static bool wpool__loop_is_over(wpool__loop *loop, const wpool_job *self) {
    /* relaxed: sooner or later */
    return wpool__load_relaxed(&loop->has_failed) || wpool__job_is_told(self);
}

/* How many chunks a loop has, if it is left to the pool: enough that the last ones to end do so at
   nearly the same time, few enough that they cost nothing. */
static size_t wpool__loop_chunks(wpool *pool) {
    size_t threads = pool->is_inline ? 1 : (size_t)wpool__crew_serving(pool) + 1;
    size_t chunks = 64 * threads;
    return chunks <= 1024 ? chunks : threads <= 128 ? 1024 : 8 * threads;
}

static int wpool__loop_run_span(void *arg, wpool_job *self);

/* Forks the second half, runs the first, and so on down to a chunk: all but the chunk that runs is
   there for others. Forking is so cheap that there is no need to do it only on demand. */
static void wpool__loop_run(wpool__loop *loop, size_t begin, size_t end, wpool_job *self) {
    while (end - begin > loop->grain) {
        size_t chunks = (end - begin - 1) / loop->grain + 1;
        wpool__span half; /* not initialised as a whole: the job in it is large */
        half.loop = loop;
        half.begin = begin + chunks / 2 * loop->grain;
        half.end = end;
        wpool_fork(self, &half.job, wpool__loop_run_span, &half);
        wpool__loop_run(loop, begin, half.begin, self);
        if (!wpool_unfork(self, &half.job)) return;
        begin = half.begin;
    }
    if (begin == end || wpool__loop_is_over(loop, self)) return;
    if (loop->body(begin, end, loop->arg, self) != 0)
        wpool__store_relaxed(&loop->has_failed, 1); /* relaxed: joining orders it */
    wpool__worker_unlisten(self);
}

static int wpool__loop_run_span(void *arg, wpool_job *self) {
    const wpool__span *span = (const wpool__span *)arg;
    wpool__loop_run(span->loop, span->begin, span->end, self);
    return 0;
}

/* Runs the loop on the calling thread, whatever that is, and all that help. */
static wpool_status wpool__parallel_for(wpool *pool, size_t begin, size_t end, wpool__loop *loop) {
    wpool__visit visit;
    wpool__visit_begin(&visit, pool);
    wpool_job self = {.pool = pool, .told = visit.told, .worker = visit.worker, .attempts = 1};
    wpool__alone alone;
    self.forks = self.worker ? &self.worker->deque.forks : wpool__alone_forks(&alone);
    self.ran_by = self.worker ? self.worker->self.ran_by : WPOOL_INLINE;
    wpool__loop_run(loop, begin, end, &self);
    wpool__visit_end(&visit);
    if (wpool__load_relaxed(&loop->has_failed)) return WPOOL_FAILED; /* relaxed: all have joined */
    return wpool__job_is_told(&self) ? WPOOL_CANCELLED : WPOOL_OK;
}

/* -- reduce: a loop over chunks, each with a partial result on cache lines of its own -- */

typedef struct wpool__reduction {
    wpool_fold fold;
    void *arg;
    const void *neutral;
    size_t begin, end, grain, size, stride;
    unsigned char *partials;
} wpool__reduction;

static int wpool__reduce_chunks(size_t from, size_t to, void *arg, wpool_job *job) {
    const wpool__reduction *r = (const wpool__reduction *)arg;
    int error = 0;
    for (size_t i = from; i < to && error == 0; i++) {
        size_t begin = r->begin + i * r->grain;
        size_t end = r->end - begin < r->grain ? r->end : begin + r->grain;
        void *partial = r->partials + i * r->stride;
        memcpy(partial, r->neutral, r->size);
        error = r->fold(begin, end, partial, r->arg, job);
    }
    return error;
}

static wpool_status wpool__parallel_reduce(wpool *pool, wpool__reduction *r, wpool_combine combine,
                                           void *result) {
    size_t count = r->end - r->begin;
    if (r->grain == 0) r->grain = count / 256 + (count % 256 != 0);
    count = count / r->grain + (count % r->grain != 0);
    r->stride = (r->size + WPOOL_CACHE_LINE - 1) / WPOOL_CACHE_LINE * WPOOL_CACHE_LINE;
    r->partials = wpool__memory_alloc(pool->allocator, count, r->stride);
    if (!r->partials) return WPOOL_NO_MEMORY;
    wpool__loop loop = {.body = wpool__reduce_chunks, .arg = r, .grain = 1};
    wpool_status status = wpool__parallel_for(pool, 0, count, &loop);
    for (size_t i = 0; i < count && status == WPOOL_OK; i++)
        combine(result, r->partials + i * r->stride, r->arg);
    wpool__memory_free(pool->allocator, r->partials);
    return status;
}

/* -- map -- */

typedef struct wpool__mapping {
    unsigned char *array;
    size_t size;
    wpool_fn fn;
} wpool__mapping;

static int wpool__map_elements(size_t begin, size_t end, void *arg, wpool_job *job) {
    const wpool__mapping *m = (const wpool__mapping *)arg;
    int error = 0;
    for (size_t i = begin; i < end && error == 0; i++)
        error = m->fn(m->array + i * m->size, job);
    return error;
}
#endif /* WPOOL_CORE_ONLY */

/* ==== [public] ===================================================================================
   The functions of [api]: check the arguments, call inward. */
#ifndef WPOOL_CORE_ONLY

static wpool_status wpool__check(const wpool *pool) {
    if (!pool) return WPOOL_INVALID;
    return wpool__guard_is_home(&pool->guard) ? WPOOL_OK : WPOOL_OTHER_PROCESS;
}

/* The same, for what a job of the pool must not do: wait for its own end. */
static wpool_status wpool__check_outside(const wpool *pool) {
    bool is_inside = false;
    wpool_status status = wpool__check(pool);
    if (status == WPOOL_OK) wpool__worker_here(pool, &is_inside);
    return is_inside ? WPOOL_DEADLOCK : status;
}

/* The same, for who lets workers come and go. */
static wpool_status wpool__check_crew(const wpool *pool, wpool_mode mode) {
    wpool_status status = wpool__check(pool);
    bool makes_sense = (unsigned)mode <= WPOOL_HOT && (status != WPOOL_OK || !pool->is_inline);
    return makes_sense ? status : WPOOL_INVALID;
}

WPOOL_API wpool_status wpool_create(wpool **pool, const wpool_config *config) {
    wpool_config resolved = {0};
    if (!pool) return WPOOL_INVALID;
    *pool = NULL;
    if (config) resolved = *config;
#ifdef WPOOL_NO_THREADS
    resolved.workers = resolved.min_workers = 0;
    resolved.max_workers = WPOOL_INLINE;
#endif
    wpool__config_resolve(&resolved);
    return wpool__config_fault(&resolved) ? WPOOL_INVALID : wpool__pool_create(pool, &resolved);
}

WPOOL_API wpool_status wpool_get_config(wpool *pool, wpool_config *config) {
    wpool_status status = wpool__check(pool);
    if (status != WPOOL_OK || !config) return status != WPOOL_OK ? status : WPOOL_INVALID;
    wpool__lock_take(&pool->lot, &pool->crew.lock);
    *config = pool->config;
    wpool__lock_release(&pool->lot, &pool->crew.lock);
    return WPOOL_OK;
}

WPOOL_API const char *wpool_config_conflict(wpool *pool, const wpool_config *config) {
    if (!config || wpool__check(pool) != WPOOL_OK) return "pool";
    wpool_config resolved = *config;
    wpool__config_resolve(&resolved);
    const char *fault = wpool__config_fault(&resolved);
    return fault ? fault : wpool__pool_difference(pool, &resolved);
}

WPOOL_API wpool_status wpool_configure(wpool *pool, const wpool_config *config) {
    wpool_status status = wpool__check(pool);
    if (status != WPOOL_OK || !config) return status != WPOOL_OK ? status : WPOOL_INVALID;
    if (wpool_config_conflict(pool, config)) return WPOOL_INVALID;
    wpool_config resolved = *config;
    wpool__config_resolve(&resolved);
    return wpool__pool_reconfigure(pool, &resolved);
}

WPOOL_API wpool_status wpool_scale(wpool *pool, int delta, wpool_mode mode) {
    wpool_status status = wpool__check_crew(pool, mode);
    return status == WPOOL_OK ? wpool__pool_scale(pool, 0, delta, mode) : status;
}

WPOOL_API wpool_status wpool_scale_to(wpool *pool, unsigned workers, wpool_mode mode) {
    wpool_status status = wpool__check_crew(pool, mode);
    if (status == WPOOL_OK && workers == 0) status = WPOOL_INVALID;
    return status == WPOOL_OK ? wpool__pool_scale(pool, workers, 0, mode) : status;
}

WPOOL_API wpool_status wpool_worker_stop(wpool *pool, unsigned worker, wpool_mode mode,
                                         wpool_id *was_running) {
    wpool_status status = wpool__check_crew(pool, mode);
    wpool_id job = 0;
    if (status == WPOOL_OK) status = wpool__pool_stop_worker(pool, worker, mode, &job);
    if (was_running) *was_running = job;
    return status;
}

WPOOL_API wpool_status wpool_start(wpool *pool) {
    wpool_status status = wpool__check(pool);
    if (status == WPOOL_OK && !wpool__pool_resume(pool)) status = WPOOL_ALREADY;
    return status;
}

WPOOL_API wpool_status wpool_pause(wpool *pool) {
    wpool_status status = wpool__check(pool);
    if (status == WPOOL_OK && !wpool__pool_set(pool, WPOOL__PAUSED)) status = WPOOL_ALREADY;
    return status;
}

WPOOL_API wpool_status wpool_close(wpool *pool) {
    wpool_status status = wpool__check(pool);
    if (status == WPOOL_OK && !wpool__pool_close(pool)) status = WPOOL_ALREADY;
    return status;
}

WPOOL_API wpool_status wpool_stop(wpool *pool, wpool_mode mode) {
    wpool_status status = wpool__check(pool);
    if ((unsigned)mode > WPOOL_HOT) return WPOOL_INVALID;
    if (status == WPOOL_OK && !wpool__pool_stop(pool, mode)) status = WPOOL_ALREADY;
    return status;
}

WPOOL_API wpool_status wpool_drain(wpool *pool, int64_t timeout) {
    wpool_status status = wpool__check_outside(pool);
    if (status != WPOOL_OK) return status;
    int64_t deadline = wpool__deadline(timeout);
    return wpool__pool_drain(pool, deadline) ? WPOOL_OK : wpool__pool_gave_up(deadline);
}

WPOOL_API wpool_status wpool_shutdown(wpool *pool, wpool_mode mode, int64_t timeout) {
    wpool_status status = wpool__check_outside(pool);
    if ((unsigned)mode > WPOOL_HOT) return WPOOL_INVALID;
    if (status != WPOOL_OK) return status;
    if (wpool__pool_finish(pool, wpool__deadline(timeout))) return WPOOL_OK;
    wpool__pool_stop(pool, mode);
    return WPOOL_TIMEOUT;
}

WPOOL_API wpool_status wpool_destroy(wpool *pool) {
    if (!pool) return WPOOL_OK;
    wpool_status status = wpool__check_outside(pool);
    if (status != WPOOL_OK) return status;
    wpool__pool_finish(pool, WPOOL__NEVER);
    wpool__pool_free(pool, true);
    return WPOOL_OK;
}

/* What to do when there is no room: what the options say, or the pool; and until when. */
static wpool_when_full wpool__patience(wpool *pool, const wpool_options *options,
                                       int64_t *deadline) {
    int64_t timeout = options ? options->timeout : 0;
    *deadline = timeout ? wpool__deadline(timeout) : WPOOL__NEVER;
    return timeout ? WPOOL_BLOCK : wpool__pool_policy(pool);
}

/* is_patient: else it is refused if there is no room. */
static inline wpool_status wpool__submit(wpool *pool, wpool_fn fn, void *arg,
                                         const wpool_options *options, bool is_patient,
                                         wpool_id *id) {
    wpool_status status = wpool__check(pool);
    if (status == WPOOL_OK && !(fn && wpool__options_are_fit(pool, options)))
        status = WPOOL_INVALID;
    if (status == WPOOL_OK) {
        int64_t deadline = 0;
        wpool_when_full when_full =
            is_patient ? wpool__patience(pool, options, &deadline) : WPOOL_REFUSE;
        status = wpool__pool_submit(pool, fn, arg, options, when_full, deadline, id);
    }
    if (id && status != WPOOL_OK) *id = 0;
    return status;
}

WPOOL_API wpool_status wpool_submit(wpool *pool, wpool_fn fn, void *arg, wpool_id *id) {
    return wpool__submit(pool, fn, arg, NULL, true, id);
}

WPOOL_API wpool_status wpool_try_submit(wpool *pool, wpool_fn fn, void *arg, wpool_id *id) {
    return wpool__submit(pool, fn, arg, NULL, false, id);
}

WPOOL_API wpool_status wpool_submit_with(wpool *pool, wpool_fn fn, void *arg,
                                         const wpool_options *options, wpool_id *id) {
    return wpool__submit(pool, fn, arg, options, true, id);
}

WPOOL_API size_t wpool_submit_many(wpool *pool, wpool_fn fn, void *const *args, size_t n,
                                   wpool_status *why) {
    wpool_status status = wpool__check(pool);
    size_t done = 0;
    if (status == WPOOL_OK && (!fn || (!args && n))) status = WPOOL_INVALID;
    bool is_plain = status == WPOOL_OK && !pool->config.results && pool->config.retry.attempts <= 1;
    if (is_plain) {
        wpool__batch batch = {NULL, fn, args, n, WPOOL_NORMAL};
        done = wpool__pool_accept(pool, &batch, wpool__pool_policy(pool), WPOOL__NEVER, &status);
    }
    while (status == WPOOL_OK && done < n) {
        wpool__batch jobs = {NULL, fn, args + done, n - done, WPOOL_NORMAL};
        done += wpool__pool_submit_records(pool, &jobs, &status);
    }
    if (why) *why = status;
    return done;
}

WPOOL_API void wpool_job_init(wpool_job *job, wpool_fn fn, void *arg) {
    if (!job) return;
    memset(job, 0, sizeof *job);
    job->fn = fn;
    job->arg = arg;
}

WPOOL_API wpool_status wpool_submit_job(wpool *pool, wpool_job *job, const wpool_options *options) {
    wpool_status status = wpool__check(pool);
    bool is_fit = status != WPOOL_OK || (job && job->fn && wpool__options_are_fit(pool, options));
    if (status != WPOOL_OK || !is_fit) return is_fit ? status : WPOOL_INVALID;
    wpool_state state;
    if (!wpool__job_enter(job, &state)) return WPOOL_ALREADY;
    const wpool_job before = {.error = job->error,
                              .name = job->name,
                              .on_done = job->on_done,
                              .accepted_ns = job->accepted_ns,
                              .attempts = job->attempts};
    wpool__pool_prepare(pool, job, options);
    status = wpool__pool_enter(job, options);
    if (status == WPOOL_OK) {
        int64_t deadline;
        wpool_when_full when_full = wpool__patience(pool, options, &deadline);
        status = wpool__pool_accept_job(job, when_full, deadline);
    }
    if (status != WPOOL_OK) { /* as it was */
        job->error = before.error;
        job->name = before.name;
        job->on_done = before.on_done;
        job->accepted_ns = before.accepted_ns;
        job->attempts = before.attempts;
        wpool__job_publish(&pool->lot, job, state);
        wpool__worker_tell_drivers(pool);
    }
    return status;
}

WPOOL_API wpool_status wpool_job_wait(wpool_job *job, int64_t timeout) {
    if (!job) return WPOOL_INVALID;
    bool is_held;
    wpool_state state = wpool__job_look_at(job, &is_held);
    if (state >= WPOOL_STATE_SUCCEEDED) return WPOOL_OK; /* its pool may be gone */
    /* delayed: a submitter is filling it in; in a forked child, for ever */
    bool is_entering = state == WPOOL_STATE_DELAYED && !is_held;
    if (state == WPOOL_STATE_UNKNOWN || is_entering) return WPOOL_UNKNOWN;
    wpool_status status = wpool__check(job->pool);
    if (status != WPOOL_OK) return status;
    wpool__pause(true);
    status = wpool__pool_wait(job->pool, job, timeout);
    wpool__pause(false);
    return status;
}

WPOOL_API wpool_status wpool_job_result(const wpool_job *job, wpool_result *result) {
    if (!job || !result) return WPOOL_INVALID;
    if (!wpool__job_is_finished(job)) return WPOOL_EMPTY;
    wpool__job_describe(job, wpool__job_state_of(job), result);
    return WPOOL_OK;
}

WPOOL_API wpool_status wpool_wait(wpool *pool, wpool_id id, int64_t timeout, wpool_result *result) {
    wpool_status status = wpool__check(pool);
    if (status != WPOOL_OK) return status;
    wpool__record *record = wpool__table_pin(&pool->table, id);
    if (!record) return WPOOL_UNKNOWN;
    status = WPOOL_UNKNOWN;
    wpool__pause(true);
    if (wpool__record_is_owned(record)) status = wpool__pool_wait(pool, &record->job, timeout);
    wpool__pause(false);
    if (status == WPOOL_OK && !wpool__record_claim(record)) status = WPOOL_UNKNOWN;
    if (status == WPOOL_OK) {
        if (result) wpool__job_describe(&record->job, wpool__job_state_of(&record->job), result);
        if (pool->config.results) wpool__results_remove(&pool->results, record);
    }
    wpool__table_drop(&pool->table, record);
    return status;
}

WPOOL_API wpool_status wpool_take(wpool *pool, int64_t timeout, wpool_result *result) {
    wpool_status status = wpool__check(pool);
    if (status == WPOOL_OK && !pool->config.results) status = WPOOL_INVALID;
    if (status != WPOOL_OK) return status;
    wpool__pause(true);
    status = wpool__pool_take(pool, timeout, result);
    wpool__pause(false);
    return status;
}

WPOOL_API wpool_status wpool_forget(wpool *pool, wpool_id id) {
    wpool_status status = wpool__check(pool);
    if (status != WPOOL_OK) return status;
    wpool__record *record = wpool__table_pin(&pool->table, id);
    if (!record) return WPOOL_UNKNOWN;
    if (!wpool__record_claim(record)) status = WPOOL_UNKNOWN;
    if (status == WPOOL_OK && pool->config.results) wpool__results_remove(&pool->results, record);
    wpool__table_drop(&pool->table, record);
    return status;
}

WPOOL_API wpool_status wpool_close_results(wpool *pool) {
    wpool_status status = wpool__check(pool);
    if (status == WPOOL_OK && !pool->config.results) status = WPOOL_INVALID;
    if (status != WPOOL_OK) return status;
    if (!wpool__results_close(&pool->results)) return WPOOL_ALREADY;
    wpool__bell_ring(&pool->bell);
    wpool__worker_tell_drivers(pool);
    return WPOOL_OK;
}

WPOOL_API int wpool_results_fd(wpool *pool) {
    if (wpool__check(pool) != WPOOL_OK || !pool->config.results) return -1;
    return wpool__pool_descriptor(pool);
}

WPOOL_API wpool_state wpool_job_state(wpool *pool, wpool_id id) {
    if (wpool__check(pool) != WPOOL_OK) return WPOOL_STATE_UNKNOWN;
    wpool__record *record = wpool__table_pin(&pool->table, id);
    if (!record) return WPOOL_STATE_UNKNOWN;
    wpool_state state = wpool__job_state_of(&record->job);
    if (!wpool__record_is_owned(record)) state = WPOOL_STATE_UNKNOWN; /* delivered meanwhile */
    wpool__table_drop(&pool->table, record);
    return state;
}

WPOOL_API wpool_status wpool_cancel(wpool *pool, wpool_id id, wpool_mode mode) {
    wpool_status status = wpool__check(pool);
    if ((unsigned)mode > WPOOL_HOT) return WPOOL_INVALID;
    if (status != WPOOL_OK) return status;
    wpool__record *record = wpool__table_pin(&pool->table, id);
    if (!record) return WPOOL_UNKNOWN;
    if (wpool__record_is_owned(record)) return wpool__worker_cancel(pool, record, mode);
    wpool__table_drop(&pool->table, record); /* delivered, or let go of, meanwhile */
    return WPOOL_UNKNOWN;
}

WPOOL_API size_t wpool_discard(wpool *pool, const wpool_id *ids, size_t n, wpool_mode mode) {
    size_t removed = 0;
    for (size_t i = 0; ids && i < n; i++)
        removed += wpool_cancel(pool, ids[i], mode) == WPOOL_OK;
    return removed;
}

WPOOL_API bool wpool_cancelled(const wpool_job *job) {
    return job && job->told && wpool__job_is_told(job);
}

WPOOL_API void wpool_set_result(wpool_job *job, void *data) {
    if (job) job->data = data;
}

WPOOL_API wpool_id wpool_job_id(const wpool_job *job) { return job ? job->id : 0; }

WPOOL_API unsigned wpool_job_attempt(const wpool_job *job) {
    return !job ? 0 : job->attempts ? job->attempts : 1; /* a plain job has one attempt */
}

WPOOL_API wpool *wpool_job_pool(const wpool_job *job) { return job ? job->pool : NULL; }

WPOOL_API void *wpool_worker_state(const wpool_job *job) {
    return job && job->worker ? job->worker->state : NULL;
}

WPOOL_API wpool_status wpool_on_cancel(wpool_job *job, void (*call)(void *arg), void *arg) {
    if (!job || !job->attempts) return WPOOL_INVALID; /* a plain job shares its context */
    wpool__listeners *listeners = &job->pool->listeners;
    if (wpool__listeners_enter(&job->pool->lot, listeners, job, call, arg) || !call)
        return WPOOL_OK;
    call(arg);
    return WPOOL_CANCELLED;
}

WPOOL_API void wpool_progress(wpool_job *job) {
    if (!job || !job->attempts || !job->run_limit) return;
    /* relaxed: one word, and a guess */
    wpool__store_relaxed(&job->watched, job->pauses ? ~INT64_C(0) : WPOOL_CLOCK());
}

WPOOL_API wpool_status wpool_blocking(wpool_job *job, void (*call)(void *arg), void *arg) {
    if (!job || !call) return WPOOL_INVALID;
    wpool__pause(true);
    wpool__lend(true, false);
    call(arg);
    wpool__lend(false, false);
    wpool__pause(false);
    return WPOOL_OK;
}

/* -- lanes -- */

WPOOL_API wpool_status wpool_lane_init(wpool_lane *lane, wpool *pool) {
    wpool_status status = wpool__check(pool);
    if (!lane || !wpool__rate_is_fit(&lane->rate)) return WPOOL_INVALID;
    if (status != WPOOL_OK) return status;
    if (lane->rate.per_second > 0 && !wpool__keeper_start(pool)) return WPOOL_NO_THREAD;
    *lane = (wpool_lane){.max_running = lane->max_running ? lane->max_running : 1,
                         .max_waiting = lane->max_waiting,
                         .rate = lane->rate,
                         .pool = pool,
                         .timer = {.due = wpool__lane_due}};
    wpool__bucket_set(&lane->bucket, &lane->rate);
    return WPOOL_OK;
}

WPOOL_API wpool_status wpool_lane_destroy(wpool_lane *lane) {
    if (!lane || !lane->pool) return WPOOL_INVALID;
    wpool *pool = lane->pool;
    wpool_status status = wpool__check(pool);
    if (status != WPOOL_OK) return status;
    unsigned round = 0;
    bool is_in_use, is_ending;
    do {
        wpool__keeper_lock(pool);
        is_in_use = lane->running > lane->ending || lane->waiting;
        is_ending = !is_in_use && lane->ending; /* another thread is about to be done with it */
        if (!is_in_use) wpool__keeper_put(pool, &lane->timer, WPOOL__NEVER);
        wpool__keeper_unlock(pool);
        if (is_ending) wpool__spin_on(&round);
    } while (is_ending);
    if (is_in_use) return WPOOL_RUNNING;
    lane->pool = NULL;
    return WPOOL_OK;
}

/* -- groups -- */

WPOOL_API wpool_status wpool_group_init(wpool_group *group, wpool_group *parent) {
    if (!group || group == parent) return WPOOL_INVALID;
    memset(group, 0, sizeof *group);
    group->parent = parent;
    group->process = wpool__platform_process();
    return WPOOL_OK;
}

static wpool_status wpool__check_group(const wpool_group *group) {
    if (!group) return WPOOL_INVALID;
    return group->process == wpool__platform_process() ? WPOOL_OK : WPOOL_OTHER_PROCESS;
}

WPOOL_API wpool_status wpool_group_cancel(wpool_group *group) {
    wpool__group_told told = {NULL, NULL};
    wpool_status status = wpool__check_group(group);
    if (status != WPOOL_OK) return status;
    wpool__lock *lock = wpool__group_lock(group);
    bool was_told = wpool__load_relaxed(&group->told) != 0; /* relaxed: under the lock */
    wpool__group_tell(group, &told);
    wpool__group_unlock(lock);
    wpool__group_tell_rest(&told);
    return was_told ? WPOOL_ALREADY : WPOOL_OK;
}

WPOOL_API wpool_status wpool_group_cancel_on_error(wpool_group *group) {
    wpool_status status = wpool__check_group(group);
    if (status != WPOOL_OK) return status;
    wpool__lock *lock = wpool__group_lock(group);
    group->cancels_on_error = true;
    wpool__group_unlock(lock);
    return WPOOL_OK;
}

WPOOL_API wpool_status wpool_group_deadline(wpool_group *group, int64_t timeout) {
    wpool_status status = wpool__check_group(group);
    if (status != WPOOL_OK) return status;
    int64_t now = WPOOL_CLOCK();
    int64_t deadline = timeout < 0 || timeout >= WPOOL__NEVER - now ? 0 : now + timeout;
    wpool__lock *lock = wpool__group_lock(group);
    wpool__store_relaxed(&group->deadline, deadline); /* relaxed: only its value */
    bool is_kept = wpool__group_arm(group);
    wpool__group_unlock(lock);
    return is_kept ? WPOOL_OK : WPOOL_NO_THREAD;
}

WPOOL_API wpool_status wpool_group_wait(wpool_group *group, int64_t timeout, int *first_error) {
    wpool__group_view view = {.group = group};
    wpool_status status = wpool__check_group(group);
    if (status != WPOOL_OK) return status;
    wpool__pause(true);
    status = wpool__group_wait(&view, wpool__deadline(timeout));
    wpool__pause(false);
    if (first_error) *first_error = view.first_error;
    return status;
}

WPOOL_API bool wpool_group_cancelled(const wpool_group *group) {
    return wpool__group_is_told(group);
}

/* -- parallel -- */

WPOOL_API void(wpool_fork)(wpool_job *self, wpool_job *child, wpool_fn fn, void *arg) {
    wpool__fork_push(self, child, fn, arg);
}

WPOOL_API bool(wpool_unfork)(wpool_job *self, wpool_job *child) {
    return wpool__fork_pop(self, child);
}

WPOOL_API void wpool_join(wpool_job *self, wpool_job *child) {
    if (wpool__job_is_finished(child) || !wpool_unfork(self, child)) return;
    wpool__worker_adopt(self, child);
    child->error = child->fn(child->arg, child);
    wpool__worker_unlisten(child);
    /* relaxed: who joins is who forked */
    wpool__store_relaxed(&child->state, (uint32_t)wpool__worker_outcome(child, child->error));
}

WPOOL_API wpool_status wpool_for(wpool *pool, size_t begin, size_t end, size_t grain,
                                 wpool_body body, void *arg) {
    wpool_status status = wpool__check(pool);
    if (status != WPOOL_OK) return status;
    if (begin > end || !body) return WPOOL_INVALID;
    wpool__loop loop = {.body = body, .arg = arg, .grain = grain};
    if (grain == 0) loop.grain = (end - begin) / wpool__loop_chunks(pool) + 1;
    return wpool__parallel_for(pool, begin, end, &loop);
}

WPOOL_API wpool_status wpool_reduce(wpool *pool, size_t begin, size_t end, size_t grain,
                                    wpool_fold fold, wpool_combine combine, void *arg, void *result,
                                    size_t size) {
    wpool_status status = wpool__check(pool);
    if (status != WPOOL_OK) return status;
    if (begin > end || !fold || !combine || !result || size == 0) return WPOOL_INVALID;
    if (size > SIZE_MAX / 2) return WPOOL_NO_MEMORY;
    wpool__reduction r = {fold, arg, result, begin, end, grain, size, 0, NULL};
    return begin == end ? WPOOL_OK : wpool__parallel_reduce(pool, &r, combine, result);
}

WPOOL_API wpool_status wpool_map(wpool *pool, void *array, size_t count, size_t size, size_t grain,
                                 wpool_fn fn) {
    if (count != 0 && (!array || size == 0)) return WPOOL_INVALID;
    wpool__mapping m = {(unsigned char *)array, size, fn};
    return wpool_for(pool, 0, count, grain, fn ? wpool__map_elements : NULL, &m);
}

/* -- watching -- */

WPOOL_API wpool_status wpool_stats(wpool *pool, wpool_stats_snapshot *stats) {
    wpool_status status = wpool__check(pool);
    if (stats) *stats = (wpool_stats_snapshot){0};
    if (status != WPOOL_OK || !stats) return status != WPOOL_OK ? status : WPOOL_INVALID;
    wpool__watch_read(&pool->watch, &pool->queue, stats);
    uint32_t present = pool->is_inline ? 0 : wpool__crew_present(pool); /* first: more may come */
    stats->workers = pool->is_inline ? 0 : wpool__crew_serving(pool);
    stats->workers_idle = wpool__idle_count(wpool__idle_word(&pool->idle));
    if (stats->workers_idle > stats->workers) stats->workers_idle = stats->workers;
    stats->workers_leaving = present > stats->workers ? present - stats->workers : 0;
    wpool__scaler *scaler = &pool->scaler; /* relaxed, these: each for itself */
    stats->workers_blocked =
        wpool__scaler_of_serving(pool, wpool__load_relaxed(&scaler->blocked), false);
    if (stats->workers_blocked > stats->workers) stats->workers_blocked = stats->workers;
    stats->scale_ups = wpool__load_relaxed(&scaler->ups);
    stats->scale_downs = wpool__load_relaxed(&scaler->downs);
    return WPOOL_OK;
}

WPOOL_API size_t wpool_workers(wpool *pool, wpool_worker_info *infos, size_t n) {
    if (wpool__check(pool) != WPOOL_OK) return 0;
    size_t found = 0;
    wpool__lock_take(&pool->lot, &pool->crew.lock);
    uint32_t count = wpool__crew_count(pool);
    for (uint32_t i = WPOOL_GUESTS; i < count; i++) {
        wpool_worker *worker = wpool__crew_at(pool, i);
        if (wpool__account_presence(worker->account) == WPOOL__ABSENT) continue;
        if (infos && found < n) {
            wpool__watch_worker(&pool->watch, worker->index, &infos[found]);
            infos[found].worker = worker->self.ran_by;
        }
        found++;
    }
    wpool__lock_release(&pool->lot, &pool->crew.lock);
    return found;
}

WPOOL_API wpool_status wpool_get_info(wpool *pool, wpool_info *info) {
    wpool_status status = wpool__check(pool);
    if (status != WPOOL_OK || !info) return status != WPOOL_OK ? status : WPOOL_INVALID;
    info->name = pool->name;
    info->id = 0;
    char *text = info->uuid;
    for (int i = 0; i < 16; i++) {
        if (i < 8) info->id = info->id << 8 | pool->uuid[i];
        if (i == 4 || i == 6 || i == 8 || i == 10) *text++ = '-';
        text += snprintf(text, 3, "%02x", pool->uuid[i]);
    }
    return WPOOL_OK;
}

WPOOL_API const char *wpool_strerror(wpool_status status) {
    switch (status) {
#define WPOOL_STATUS_TEXT(name, text) \
    case WPOOL_##name:                \
        return text;
        WPOOL_STATUS_LIST(WPOOL_STATUS_TEXT)
#undef WPOOL_STATUS_TEXT
    }
    return "not a wpool_status";
}

WPOOL_API unsigned wpool_version(void) { return WPOOL_VERSION; }

WPOOL_API unsigned wpool_cpus(void) { return wpool__platform_cpus(); }

WPOOL_API unsigned wpool_io_workers(void) {
    unsigned cpus = wpool__platform_cpus();
    return cpus > WPOOL_MAX_WORKERS / 10 ? WPOOL_MAX_WORKERS : cpus * 10;
}
#endif /* WPOOL_CORE_ONLY */
#endif /* WPOOL_IMPLEMENTATION */

/* ==== [history] ==================================================================================
   0.1.0 (2026-11)  the first: queue, deques, ids, results, policies, shutdown; fork and join,
                    loops; results through a descriptor, cancelling, groups, deadlines; workers
                    that come and go, by hand or by rules; changes while it runs; order, retry,
                    rate, delays, periods, dependencies, lanes, a watchdog

   Licence: MIT or Unlicense, as you like. See the file LICENSE; in short: do what you want with it,
   there is no warranty. */
