/* model.h - what the fuzzer knows about the pool: each job's fate, and what has begun and ended

   With several threads in flight most answers are not determined, but bounded: the model notes when
   a call begins and when it has returned, and what is between may or may not have happened. */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#define SCHEDULER_STEPS 1600000
#include "tests/schedule/scheduler.h"

#include <inttypes.h>
#include <stdarg.h>

enum {
    SCRIPTS = 6,
    SCRIPT_ACTIONS = 3,
    MODEL_JOBS = 48,
    MODEL_SLOTS = 4,
    MODEL_LISTENERS = 32, /* wpool_on_cancel so often */
    MODEL_GROUPS = 12,    /* the first one is none */
    MODEL_LANES = 4,      /* the same */
    MODEL_AFTER = 2,      /* jobs that one waits for */
    MODEL_DEPTH = 5,      /* jobs inside of jobs on one thread that still do something */
    MODEL_FAMILY = 3      /* generations of children */
};

typedef struct action {
    uint8_t kind, a, b;
} action;

typedef struct job_script {
    action actions[SCRIPT_ACTIONS];
    uint8_t answer;
} job_script;

typedef enum submission { SUBMIT_BEGUN, SUBMIT_ACCEPTED, SUBMIT_REFUSED } submission;

/* When a job runs, and how often. */
typedef struct model_pace {
    unsigned attempts;   /* until one succeeds; 1: no retry */
    bool is_patient;     /* no error is worth another attempt */
    bool is_held;        /* it has no place in the queue */
    bool is_plain_order; /* it takes its place in a lane at once */
    unsigned lane;       /* 0: none */
    int64_t delay, period, retry_delay, run_limit;
    unsigned after[MODEL_AFTER], after_count; /* jobs */
} model_pace;

/* A job of the pool's own: one call of a submit function. */
typedef struct model_job {
    wpool_id id;
    uint64_t number;
    const char *name;
    submission submission;
    unsigned script, family;
    bool has_id, has_record, has_on_done;
    int started, returned, reported, delivered; /* returned: not while it runs again */
    int readers;                                /* calls in flight that may deliver it */
    int error;                                  /* of its last run */
    model_pace pace;
    unsigned runs, failures, periods; /* failures: in a row; periods: runs that were no retries */
    unsigned most_runs;               /* if it was told to run no more */
    int64_t begun_ns, returned_ns;
    uint64_t lane_begun, lane_entered; /* when it was handed in, as calls come */
    unsigned stuck;                    /* reports of that */
    bool may_be_last;                  /* somebody has cancelled it, or tried to */
    void *data;
    bool is_surely_cancelled;
    unsigned group;     /* 0: none */
    int64_t late_after; /* 0: it has no deadline of its own */
    unsigned guards;    /* groups, as bits, that its failure cancels */
    wpool_state seen;   /* how it ended, as the pool said */
    /* wpool_cancel: calls in flight; then what is known */
    unsigned cancelling, hot_cancelling;
    bool is_removed, may_be_removed;      /* it answered WPOOL_OK; it may have */
    bool is_told, may_be_told, is_called; /* hot; called: whoever told it has returned */
} model_job;

/* A group: a lasting one, or one on the stack of who waits for its jobs. */
typedef struct model_group {
    wpool_group own, *at; /* at NULL: gone, or not there yet */
    unsigned parent;      /* 0: none */
    unsigned cancels;     /* calls of wpool_group_cancel, begun */
    bool cancel_done, guard_begun, guard_done;
    /* its deadline: not before the one time; surely after the other (0: none, or not known) */
    bool was_late;
    int64_t late_after, surely_after;
    unsigned deadlines, deadlines_in_flight;
    /* submissions below it: in flight; begun, of which so many are surely over */
    unsigned submitting, begun, quiet;
    int first_error; /* as it was seen */
} model_group;

/* What wpool_on_cancel was given: the callback's argument. */
typedef struct model_listener {
    const model_job *job; /* NULL: it can only be told with the whole pool */
    bool is_closed;       /* the job's function has returned, or there is another listener */
    int calls;
} model_listener;

/* A job in the caller's own struct, handed in again and again. */
typedef struct model_slot {
    wpool_job job;
    uint64_t number; /* of the present run */
    unsigned script, family, revision;
    bool has_on_done;
    int forgotten; /* accepted before it was initialised anew */
    int begun, accepted, started, returned, reported, in_flight;
    int errors, cancelled_surely;
    model_pace pace;
    int error;          /* of its last run */
    unsigned runs;      /* since it was handed in */
    unsigned groups;    /* that it ever was in, as bits */
    int64_t late_after; /* the earliest deadline that it ever had; 0: none */
} model_slot;

/* A job being run, on the thread that runs it. */
typedef struct model_frame {
    model_job *job;
    model_slot *slot;
    wpool_job *context;
    uint64_t number;
    unsigned family, group;
    model_job *last_child;
    model_slot *last_slot;
    model_listener *listener;
    void *data;
} model_frame;

typedef struct configuration {
    uint64_t seed;
    unsigned workers, threads, capacity; /* capacity 0: unbuffered */
    wpool_when_full when_full;
    wpool_help help;
    bool is_inline, results, start_paused, may_pause, takes_forever, own_allocator, hooks;
    int fails_after, threads_left; /* negative: never */
    bool fails_on, edits_policy, edits_help;
    unsigned min_workers, max_workers; /* 0: none */
    int most_threads;                  /* of all kinds, ever */
    unsigned upstream;                 /* the group that stops the pool; 0: none */
    wpool_order order;
    unsigned rate; /* of the table */
    bool is_scaled, edits_order, edits_rate, edits_scaling, has_pace_hooks;
    wpool_scaling scaling;
    wpool_retry retry;
    uint8_t slots, lanes; /* which slots have a pace; what the lanes are, 0: there are none */
    unsigned ending;
    bool shuts_down;
} configuration;

/* The threads of the pool. Calls that change their number are exclusive; of those in flight
   together the order is not known. */
typedef struct model_crew {
    bool is_known;
    unsigned serving; /* if known */
    unsigned in_flight, hot_in_flight, epoch;
    bool has_changed; /* somebody came or went, maybe */
    bool may_leave, may_have_gaps, hot_begun, hot_ever;
} model_crew;

/* What the configuration may be: bits for the policies, the help, the order and the rate, bounds
   for the capacity. */
typedef struct model_edit {
    unsigned policies, helps;
    unsigned least, most;
    bool is_unbuffered; /* maybe */
    unsigned orders, rates;
} model_edit;

/* In lanes jobs run a few at a time. */
typedef struct model_lane {
    wpool_lane own;
    bool is_open, is_ending;
    unsigned max_running, max_waiting, burst;
    int64_t interval, since; /* of the rate; 0: none */
    unsigned submitting, begun, refused, starts;
    unsigned left;    /* jobs that have started and never come back to wait */
    unsigned running; /* functions, now */
} model_lane;

static struct {
    configuration config;
    model_crew crew;
    model_edit now, ever;
    unsigned edits_in_flight, edits; /* of the configuration, begun */
    model_group groups[MODEL_GROUPS];
    unsigned group_count; /* with the one that is none */
    model_lane lanes[MODEL_LANES];
    uint64_t lane_calls;
    bool may_be_pressed, was_paused; /* at any time */
    unsigned held_begun; /* submissions of jobs that have no place in the queue, or may come back */
    unsigned reruns;     /* begun */
    unsigned ups, downs; /* decisions of the scaler that were told */
    bool is_client[SCHEDULER_THREADS]; /* a thread of the input */
    bool may_lose;         /* a job may end without having run, because of a group or a deadline */
    bool is_stopped_above; /* the upstream group may have been cancelled */
    unsigned unspawned;    /* threads that are still to come */
    unsigned spawned;
    job_script scripts[SCRIPTS];
    wpool *pool, *other;
    model_job jobs[MODEL_JOBS];
    model_slot slots[MODEL_SLOTS];
    unsigned job_count;
    model_frame frames[SCHEDULER_THREADS][MODEL_DEPTH + 2];
    unsigned depth[SCHEDULER_THREADS];
    model_listener listeners[MODEL_LISTENERS];
    unsigned listener_count;
    unsigned done_depth[SCHEDULER_THREADS]; /* on_done inside of on_done */
    uint64_t numbers;
    /* submissions of all kinds, in jobs */
    unsigned begun, begun_inside, accepted, refused, accepted_inside, started, returned, errors;
    unsigned surely_cancelled, seen_cancelled, seen_failed, delivered;
    /* ids in calls of wpool_cancel: begun and returned, and those that never run because of it */
    unsigned cancels_begun, cancels_done, removed;
    uint64_t ended; /* jobs that were over when a drain ended, as bits */
    wpool_id foreign;
    /* what has begun and what has returned */
    bool close_begun, close_done, stop_begun, stop_done, hot_begun, hot_done, start_begun;
    bool has_no_records; /* at the end, all are delivered */
    bool has_descriptor; /* somebody asked for it, and was given it */
    bool results_close_begun, results_close_done, is_done, is_done_inside, is_over, is_ending;
    unsigned closes, stops, result_closes, pausing, takes, take_calls, started_after_stop,
        hooks_started, hooks_ended;
    wpool_info info;
    long blocks, bytes;
    uint32_t word; /* main sleeps here a little */
    int hook_states[SCHEDULER_THREADS];
} model;

static uint64_t fuzz_calls;
static bool fuzz_is_tracing;
static const char *fuzz_call_text[SCHEDULER_THREADS]; /* the last one of each thread */

__attribute__((format(printf, 1, 2))) static void violation(const char *format, ...) {
    va_list list;
    va_start(list, format);
    int n = snprintf(sched.text, sizeof sched.text, "T%d in %.90s: ", sched.current,
                     fuzz_call_text[sched.current]);
    vsnprintf(sched.text + n, sizeof sched.text - (size_t)n, format, list);
    va_end(list);
    sched_end(sched.text);
}

/* The frames above the calling thread's present one are over, and so are their listeners. */
static void close_listeners(unsigned depth) {
    for (unsigned i = depth; i < MODEL_DEPTH + 2; i++) {
        model_frame *frame = &model.frames[sched.current][i];
        if (frame->listener) frame->listener->is_closed = true;
        frame->listener = NULL;
    }
}

static void count_call(const char *text) {
    close_listeners(model.depth[sched.current]);
    fuzz_calls++;
    fuzz_call_text[sched.current] = text;
    if (fuzz_is_tracing)
        printf("%6" PRIu64 " T%d depth %u %s\n", sched.steps, sched.current,
               model.depth[sched.current], text);
}
#define CALL(call) (count_call(#call), (call))

/* Checks; what follows the condition is the sentence, with its arguments. */
#define MUST(condition, ...) ((condition) ? (void)0 : violation(__VA_ARGS__))

static bool model_is_inside(void) { return model.depth[sched.current] > 0; }

static model_frame *model_top(void) {
    unsigned depth = model.depth[sched.current];
    return depth ? &model.frames[sched.current][depth - 1] : NULL;
}

static bool model_is_below(const model_job *job, const model_slot *slot) {
    for (unsigned i = 0; i < model.depth[sched.current]; i++) {
        const model_frame *frame = &model.frames[sched.current][i];
        if ((job && frame->job == job) || (slot && frame->slot == slot)) return true;
    }
    return false;
}

/* May it be that what has this pace cannot begin before a job has ended that the thread runs?
   seen: those that were looked at, as bits. */
static bool model_may_come_after(const model_pace *pace, uint64_t *seen) {
    for (unsigned i = 0; pace->lane && i < model.depth[sched.current]; i++) {
        const model_frame *frame = &model.frames[sched.current][i];
        const model_pace *below = frame->slot ? &frame->slot->pace : &frame->job->pace;
        if (below->lane == pace->lane) return true;
    }
    for (unsigned i = 0; i < pace->after_count; i++) {
        const model_job *before = &model.jobs[pace->after[i]];
        if (*seen >> pace->after[i] & 1) continue;
        *seen |= UINT64_C(1) << pace->after[i];
        if (model_is_below(before, NULL) || model_may_come_after(&before->pace, seen)) return true;
    }
    return false;
}

static bool model_may_be_behind(const model_pace *pace) {
    uint64_t seen = 0;
    return model_may_come_after(pace, &seen);
}

static bool model_memory_fails(void) { return model.config.fails_after >= 0; }

static bool model_may_be(wpool_when_full policy) { return model.ever.policies >> policy & 1; }

static bool model_may_discard(void) { return model.stop_begun || model_may_be(WPOOL_DROP_OLDEST); }

/* -- groups and deadlines -- */

static bool model_is_past(int64_t when) { return when && sched.now >= when; }

static bool model_is_within(unsigned group, unsigned above) {
    while (group && group != above)
        group = model.groups[group].parent;
    return group == above;
}

static bool model_is_any_within(unsigned groups, unsigned above) {
    for (unsigned i = 1; i < model.group_count; i++)
        if ((groups >> i & 1) && model_is_within(i, above)) return true;
    return false;
}

/* May a job of the group, or of one below it, have failed? */
static bool model_may_have_failed(unsigned group) {
    for (unsigned i = 0; i < model.job_count; i++) {
        const model_job *job = &model.jobs[i];
        if (job->group && job->error && model_is_within(job->group, group)) return true;
    }
    for (unsigned i = 0; i < MODEL_SLOTS; i++)
        if (model.slots[i].errors && model_is_any_within(model.slots[i].groups, group)) return true;
    return false;
}

static bool model_group_may_be_late(unsigned group) {
    for (; group; group = model.groups[group].parent) {
        const model_group *it = &model.groups[group];
        if (it->was_late || model_is_past(it->late_after)) return true;
    }
    return false;
}

static bool model_group_may_be_cancelled(unsigned group) {
    for (unsigned i = group; i; i = model.groups[i].parent) {
        const model_group *it = &model.groups[i];
        if (it->cancels || (it->guard_begun && model_may_have_failed(i))) return true;
    }
    return model_group_may_be_late(group);
}

/* Is it so for all who ask now, but for deadlines: are all its jobs told? */
static bool model_group_is_told(unsigned group) {
    for (; group; group = model.groups[group].parent) {
        if (model.groups[group].cancel_done) return true;
        for (unsigned i = 0; i < model.job_count; i++) {
            const model_job *job = &model.jobs[i];
            if (job->seen == WPOOL_STATE_FAILED && (job->guards >> group & 1)) return true;
        }
    }
    return false;
}

/* And with deadlines? */
static bool model_group_is_cancelled(unsigned group) {
    for (unsigned i = group; i; i = model.groups[i].parent) {
        const model_group *it = &model.groups[i];
        if (!it->deadlines_in_flight && model_is_past(it->surely_after)) return true;
    }
    return model_group_is_told(group);
}

static bool model_may_be_late(const model_job *job) {
    return model_is_past(job->late_after) || model_group_may_be_late(job->group);
}

/* Is there a reason in groups and deadlines to end the job? */
static bool model_may_expire(const model_job *job) {
    return model_is_past(job->late_after) || model_group_may_be_cancelled(job->group);
}

static bool model_slot_may_expire(const model_slot *slot) {
    if (model_is_past(slot->late_after)) return true;
    for (unsigned i = 1; i < model.group_count; i++)
        if ((slot->groups >> i & 1) && model_group_may_be_cancelled(i)) return true;
    return false;
}

static bool model_may_any_slot_expire(void) {
    bool may = false;
    for (unsigned i = 0; i < MODEL_SLOTS; i++)
        may |= model_slot_may_expire(&model.slots[i]);
    return may;
}

/* So many can still be started. */
static int model_threads_left(void) {
    return model.config.most_threads - sched.thread_count - (int)model.unspawned;
}

/* Could the pool have been told that there is no thread? */
static bool model_may_lack_threads(void) { return model_threads_left() <= 0; }

/* Called at each step: no more threads than there may be; and the pool may have been stopped. */
static void model_step(void) {
    int left = model_threads_left();
    sched.threads_left = left > 0 ? left : 0;
    if (!model.config.upstream || model.is_stopped_above) return;
    if (!model_group_may_be_cancelled(model.config.upstream)) return;
    model.is_stopped_above = true;
    model.close_begun = model.stop_begun = model.hot_begun = true;
    model.stops++;
}

/* What the caller did is seen by all who learn of it from the model. */
static void model_publish(void) { sched_flush(&sched.threads[sched.current]); }

/* -- jobs -- */

static bool model_comes_back(const model_pace *pace) { return pace->attempts > 1 || pace->period; }

/* May it end without having run (again)? */
static bool model_may_remove(const model_job *job);

/* May it end without success? */
static bool model_may_fail(const model_job *job) {
    return job->error || job->pace.period || model_may_remove(job);
}

static bool model_may_remove(const model_job *job) {
    if (model_may_discard() || job->is_removed || job->may_be_removed || job->cancelling)
        return true;
    for (unsigned i = 0; i < job->pace.after_count; i++)
        if (model_may_fail(&model.jobs[job->pace.after[i]])) return true;
    return model_may_expire(job);
}

/* Has its last run returned in a way after which another one must follow? */
static bool model_must_go_on(const model_job *job) {
    if (!job->returned || job->may_be_last || model_may_remove(job)) return false;
    if (model.hot_begun || model.crew.hot_begun || model.crew.hot_ever || job->is_told ||
        job->may_be_told)
        return false;
    if (job->error) return job->failures < job->pace.attempts && !job->pace.is_patient;
    return job->pace.period && !model.close_begun;
}

/* Has the accepted job come to its end, as far as the model can see? */
static bool model_has_ended(const model_job *job) {
    return job->returned ? !model_must_go_on(job) : !job->started && model_may_remove(job);
}

/* May it have ended between two of its runs? */
static bool model_may_be_cut(const model_job *job) {
    return job->returned && model_comes_back(&job->pace) &&
           (model_may_remove(job) || job->is_told || job->may_be_told);
}
static bool model_may_slot_be_cut(const model_slot *slot) {
    return model_comes_back(&slot->pace) && (model_may_discard() || model_slot_may_expire(slot));
}

/* Has the running job been told to end (NULL: one that can only be told with the whole pool)? */
static bool model_is_told(const model_job *job) {
    return model.hot_done || (job && (job->is_told || model_group_is_told(job->group)));
}
static bool model_may_be_told(const model_job *job) {
    if (model.hot_begun || model.crew.hot_begun) return true;
    if (!job) return model.may_lose && model_may_any_slot_expire();
    return job->is_told || job->may_be_told || job->hot_cancelling || model_may_expire(job);
}

static bool model_is_frame_told(const model_frame *frame) {
    const model_job *job = frame->job && frame->job->has_record ? frame->job : NULL;
    return model_is_told(job) || model_group_is_told(frame->group);
}

/* So many jobs whose last run was a success may have ended as cancelled. */
static unsigned model_cuts(void) {
    unsigned cuts = 0;
    for (unsigned i = 0; i < model.job_count; i++)
        cuts +=
            model.jobs[i].pace.period && !model.jobs[i].error && model_may_be_cut(&model.jobs[i]);
    for (unsigned i = 0; i < MODEL_SLOTS; i++)
        if (model.slots[i].pace.period && model_may_slot_be_cut(&model.slots[i]))
            cuts += (unsigned)model.slots[i].accepted;
    return cuts;
}

/* So many ids are in calls of wpool_cancel now. */
static unsigned model_cancelling(void) { return model.cancels_begun - model.cancels_done; }

/* So many jobs may have ended as cancelled. */
static unsigned model_told(void) {
    unsigned told = 0;
    for (unsigned i = 0; i < model.job_count; i++)
        told += (model_may_be_told(&model.jobs[i]) && model.jobs[i].error) ||
                model_may_be_cut(&model.jobs[i]);
    for (unsigned i = 0; i < MODEL_SLOTS; i++)
        if (model_slot_may_expire(&model.slots[i]) || model_may_slot_be_cut(&model.slots[i]))
            told += (unsigned)model.slots[i].accepted;
    return told;
}

/* So many threads of the pool there may have been. */
static unsigned model_workers(void) {
    if (!model.crew.has_changed) return model.config.workers;
    return (unsigned)sched.thread_count - 1 - model.spawned;
}

/* Threads that may have a call in their hands. */
static unsigned model_hands(void) { return model_workers() + model.config.threads; }

/* -- the end of a job -- */

static void model_see(model_job *job, wpool_state state) {
    MUST(job->seen == WPOOL_STATE_UNKNOWN || job->seen == state, "job %u ended as %d, then as %d",
         (unsigned)(job - model.jobs), (int)job->seen, (int)state);
    if (job->seen) return;
    job->seen = state;
    model.seen_cancelled += state == WPOOL_STATE_CANCELLED;
    model.seen_failed += state == WPOOL_STATE_FAILED;
}

static void check_ending(const model_job *job, const wpool_result *result) {
    if (result->state == WPOOL_STATE_DISCARDED) {
        MUST(!job->started, "a job that had started is reported as discarded");
        MUST(model_may_remove(job), "a job was discarded without a reason");
        MUST(result->error == WPOOL_CANCELLED || result->error == WPOOL_TIMEOUT, "error %d",
             result->error);
        MUST(result->error == WPOOL_CANCELLED || model_may_be_late(job), "it was not late");
        MUST(result->attempts == 0, "a strange discarded job");
        MUST(result->worker == WPOOL_INLINE, "a discarded job has a worker");
        MUST(result->ran_ns == 0 && result->waited_ns >= 0, "times of a discarded job");
        return;
    }
    MUST(job->returned, "a job is reported as ended, but runs or never ran");
    MUST(result->attempts == job->runs, "%u attempts, not %u", result->attempts, job->runs);
    if (result->state == WPOOL_STATE_CANCELLED && result->error != job->error) {
        MUST(model_may_be_cut(job), "a job was cancelled between two runs without a reason");
        MUST(result->error == WPOOL_CANCELLED ||
                 (result->error == WPOOL_TIMEOUT && model_may_be_late(job)),
             "cancelled between two runs: error %d", result->error);
        return;
    }
    MUST(!model_must_go_on(job), "it has ended after %u runs, error %d", job->runs, job->error);
    MUST(result->error == job->error, "the job's error is %d, not %d", result->error, job->error);
    MUST(result->waited_ns >= 0 && result->ran_ns >= 0, "times go backwards");
    MUST(result->worker < model_workers() || result->worker == WPOOL_INLINE, "no such worker");
    if (job->error == 0) {
        MUST(result->state == WPOOL_STATE_SUCCEEDED, "state %d of a success", (int)result->state);
    } else if (result->state == WPOOL_STATE_CANCELLED) {
        MUST(model_may_be_told(job), "a job counts as cancelled, but nobody cancelled");
    } else {
        MUST(result->state == WPOOL_STATE_FAILED, "state %d of an error", (int)result->state);
        MUST(!job->is_surely_cancelled, "a cancelled job counts as failed");
    }
}

static void check_result(model_job *job, const wpool_result *result) {
    MUST(result->arg == job, "the result of another job");
    MUST(job->submission != SUBMIT_REFUSED, "a refused job has a result");
    MUST(result->name == job->name, "another name");
    MUST(!job->has_id || result->id == job->id, "another id");
    MUST(result->id != 0, "a result without an id");
    check_ending(job, result);
    if (result->state != WPOOL_STATE_DISCARDED)
        MUST(result->data == job->data, "the result is not what the job left");
    model_see(job, result->state);
    job->id = result->id;
}

static void act_in_on_done(uint8_t how);

static void model_on_done(void *arg, const wpool_result *result) {
    model_job *job = (model_job *)arg;
    MUST(++job->reported == 1, "on_done was called %d times", job->reported);
    MUST(job->has_on_done, "on_done of a job that has none");
    MUST(!model.is_over, "on_done after the end");
    MUST(!job->is_removed, "on_done after wpool_cancel has returned");
    check_result(job, result);
    act_in_on_done(model.scripts[job->script].answer);
}

static void model_on_slot_done(void *arg, const wpool_result *result) {
    model_slot *slot = (model_slot *)arg;
    MUST((result->attempts == 0) == (result->state == WPOOL_STATE_DISCARDED), "%u attempts",
         result->attempts);
    MUST(result->attempts <= 1 || model_comes_back(&slot->pace), "%u attempts", result->attempts);
    slot->reported++;
    MUST(slot->has_on_done, "on_done of a job that has none");
    MUST(!model.is_over, "on_done after the end");
    MUST(slot->reported <= slot->begun, "on_done more often than handed in");
    MUST(result->arg == slot && result->id == 0, "the result of another job");
    if (result->state == WPOOL_STATE_DISCARDED)
        MUST(model_may_discard() || model_slot_may_expire(slot),
             "a job was discarded without a reason");
    act_in_on_done(model.scripts[slot->script].answer);
}

/* A delivery (or letting go) by id or by take: once for each job. */
static void model_deliver(model_job *job, bool is_ended) {
    model.delivered += is_ended;
    MUST(++job->delivered == 1, "job %u was delivered twice", (unsigned)(job - model.jobs));
    if (is_ended) MUST(model_has_ended(job), "delivered, but not ended");
}

/* -- after all -- */

static void check_jobs_at_end(void) {
    unsigned removed = 0;
    for (unsigned i = 0; i < model.job_count; i++) {
        const model_job *job = &model.jobs[i];
        bool is_accepted = job->submission == SUBMIT_ACCEPTED;
        MUST(job->started <= (is_accepted ? 1 : 0), "job %u was refused and ran", i);
        MUST(job->started == job->returned, "job %u started and did not return", i);
        MUST(!model_must_go_on(job), "job %u ran %u times, and then no more", i, job->runs);
        if (is_accepted) MUST(job->started || model_may_remove(job), "job %u was lost", i);
        removed += is_accepted && !job->started;
        if (job->has_on_done)
            MUST(job->reported == (is_accepted ? 1 : 0), "job %u: on_done %d times, accepted: %d",
                 i, job->reported, is_accepted);
    }
    MUST(removed == model.removed ||
             (removed > model.removed && (model_may_discard() || model.may_lose)),
         "%u never ran, %u were cancelled in time", removed, model.removed);
    for (unsigned i = 0; i < MODEL_SLOTS; i++) {
        const model_slot *slot = &model.slots[i];
        MUST(slot->started == slot->returned, "slot %u did not return", i);
        MUST(slot->started <= slot->accepted, "slot %u ran too often", i);
        MUST(slot->started == slot->accepted || model_may_discard() || model_slot_may_expire(slot),
             "slot %u was lost", i);
        if (slot->has_on_done)
            MUST(slot->reported == slot->accepted, "slot %u: accepted %d, on_done %d", i,
                 slot->accepted, slot->reported);
    }
}

/* When nothing waits or runs any more. */
static void check_stats_at_end(const wpool_stats_snapshot *stats) {
    MUST(stats->waiting == 0 && stats->running == 0, "something waits or runs at the end");
    MUST(stats->accepted == model.accepted, "accepted: %u, stats: %u", model.accepted,
         (unsigned)stats->accepted);
    unsigned cut = model_cuts();
    unsigned succeeded = model.returned - model.errors;
    MUST(stats->succeeded <= succeeded && stats->succeeded + cut >= succeeded,
         "succeeded: %u, stats: %u", succeeded, (unsigned)stats->succeeded);
    MUST(stats->succeeded + stats->failed + stats->cancelled == model.returned,
         "errors: %u, stats: %u", model.errors, (unsigned)(stats->failed + stats->cancelled));
    MUST(stats->delayed == 0 && stats->retries >= model.reruns, "%u runs again, retries: stats %u",
         model.reruns, (unsigned)stats->retries);
    MUST(stats->discarded == model.accepted - model.started, "discarded: %u, stats: %u",
         model.accepted - model.started, (unsigned)stats->discarded);
    MUST(stats->cancelled >= model.surely_cancelled && stats->cancelled >= model.seen_cancelled,
         "cancelled: stats %u", (unsigned)stats->cancelled);
    MUST(stats->failed >= model.seen_failed, "failed: stats %u", (unsigned)stats->failed);
    MUST(model.hot_begun || model.crew.hot_ever || stats->cancelled <= model_told(),
         "cancelled without a reason");
    MUST(stats->discarded == model.removed ||
             (stats->discarded > model.removed && (model_may_discard() || model.may_lose)),
         "discarded: stats %u, cancelled in time: %u", (unsigned)stats->discarded, model.removed);
}

#endif /* FUZZ_MODEL_H */
