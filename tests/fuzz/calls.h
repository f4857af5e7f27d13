/* calls.h - every call of the public API, each with the answers that the model allows

   An action is done by a thread of the input or by a job; whether the caller is inside of the pool
   decides what it must be told. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include "model.h"

static const char *const fuzz_name = "a job";
static void act(action todo);
static void act_drain(action todo);

/* -- the configuration, as far as it is known to a call -- */

static model_edit edit_join(model_edit a, model_edit b) {
    return (model_edit){.policies = a.policies | b.policies,
                        .helps = a.helps | b.helps,
                        .least = a.least < b.least ? a.least : b.least,
                        .most = a.most > b.most ? a.most : b.most,
                        .is_unbuffered = a.is_unbuffered || b.is_unbuffered,
                        .orders = a.orders | b.orders,
                        .rates = a.rates | b.rates};
}

/* Nothing starts before the first wpool_start, but in jobs that run. */
static bool is_still(void) {
    return model.config.start_paused && !model.start_begun && !model_may_be(WPOOL_RUN);
}

/* -- what may block for ever: nothing that only this thread could undo -- */

static bool may_block(void) {
    return sched.current != 0 || !(model.config.may_pause || model.config.takes_forever);
}

static int64_t choose_timeout(uint8_t b, bool may_be_forever) {
    switch (b & 3) {
    case 0:
        return WPOOL_NOW;
    case 1:
        return 1 + (b >> 2);
    case 2:
        return WPOOL_MS(1 + (b >> 2));
    default:
        return may_be_forever ? (b & 4 ? WPOOL_FOREVER : INT64_MIN) : WPOOL_SECONDS(1);
    }
}

/* Only jobs hand in the last slot: it is never in the hands of a submitter that is blocked. */
static bool is_inner(const model_slot *slot) { return slot == &model.slots[MODEL_SLOTS - 1]; }

/* A job may wait without limit for what is younger than itself: that cannot go round in a circle.
   When it may meet other jobs below itself, for its own children only. */
static bool may_wait_for(const model_job *job, const model_slot *slot) {
    const model_frame *frame = model_top();
    if (model_is_below(job, slot)) return true;
    if (!may_block()) return false;
    if (!frame) return true;
    if (model.config.takes_forever || model.config.help == WPOOL_HELP_NONE) return false;
    if (model.config.edits_help) return false;
    /* others may have to go before, and those wait for this one */
    if (job && (job->pace.lane || job->pace.after_count)) return false;
    if (slot && slot->pace.lane) return false;
    if (slot)
        return slot == frame->last_slot && is_inner(slot) && !model_may_be(WPOOL_RUN) &&
               !model.config.edits_policy && model.config.help == WPOOL_HELP_NARROW;
    if (job && job == frame->last_child) return true;
    return job && model.config.help == WPOOL_HELP_NARROW && !model_memory_fails() &&
           job->number > frame->number;
}

/* -- running -- */

static void check_context(const model_frame *frame) {
    wpool_job *context = frame->context;
    const void *state = CALL(wpool_worker_state(context));
    wpool_id id = CALL(wpool_job_id(context));
    MUST(CALL(wpool_job_pool(context)) == model.pool, "another pool");
    unsigned runs = frame->slot ? frame->slot->runs : frame->job->runs;
    MUST(CALL(wpool_job_attempt(context)) == runs, "another attempt, not %u", runs);
    if (state) {
        const int *own = (const int *)state;
        MUST(model.config.hooks && own >= model.hook_states &&
                 own < model.hook_states + SCHEDULER_THREADS,
             "a foreign worker state");
    }
    if (frame->slot) {
        MUST(id == 0 && context == &frame->slot->job, "a caller-owned job with an id");
    } else if (frame->job->has_id) {
        MUST(id != 0 && id == frame->job->id, "another id");
        wpool_state now = CALL(wpool_job_state(model.pool, id));
        bool is_let_go = frame->job->delivered || frame->job->readers;
        MUST(now == WPOOL_STATE_RUNNING || (is_let_go && now == WPOOL_STATE_UNKNOWN),
             "its own state is %d", (int)now);
    } else if (!frame->job->has_record) {
        MUST(id == 0, "a plain job with an id");
    }
}

static void check_start(void) {
    MUST(!model.is_over, "a job starts after the end of the pool");
    MUST(!model.is_done, "a job starts after WPOOL_DONE");
    close_listeners(model.depth[sched.current]);
    unsigned busy = 1; /* threads of the pool, with this one */
    for (int i = 1; i < sched.thread_count; i++)
        busy += i != sched.current && !model.is_client[i] && model.depth[i] > 0;
    if (model.config.max_workers && sched.current && !model.is_client[sched.current])
        MUST(busy <= model.config.max_workers, "%u workers run jobs", busy);
    if (model.stop_done)
        MUST(++model.started_after_stop <= model_hands(), "jobs start after wpool_stop");
    if (is_still())
        MUST(model_is_inside() || (model.config.is_inline && model.ever.is_unbuffered),
             "a job starts in a pool that was never started");
}

/* Whoever told the job has returned: so it was called, if it asked for that. */
static void check_called(const model_frame *frame) {
    if (!frame->listener) return;
    bool is_called = model.hot_done || (frame->job && frame->job->is_called);
    MUST(!is_called || frame->listener->calls == 1, "told, but not called");
}

/* Runs the script; leaves the result in *data. */
static void run_script(model_frame frame, unsigned number, void **data) {
    const job_script *script = &model.scripts[number];
    unsigned *depth = &model.depth[sched.current];
    model_frame *own = &model.frames[sched.current][*depth];
    *own = frame;
    ++*depth;
    for (unsigned i = 0; i < SCRIPT_ACTIONS && *depth <= MODEL_DEPTH; i++)
        act(script->actions[i]);
    check_called(own);
    --*depth;
    *data = own->data;
}

/* What the number-th run of a job with the script returns. Whatever runs again and again fails in
   the end. */
static int planned_error(unsigned script, const model_pace *pace, unsigned number) {
    uint8_t answer = model.scripts[script].answer;
    bool fails = answer >= 128;
    if (model_comes_back(pace) && number <= 7) fails = answer >> (number - 1) & 1;
    if (pace->period && number > 7) fails = true;
    return fails ? answer | 128 : 0;
}

static void check_pace(const model_job *job, bool is_first);
static void enter_lane(unsigned lane, const model_pace *pace, bool is_first);
static void leave_lane(unsigned lane);

/* A run begins, and ends. */
static void count_run(bool is_first, int last_error) {
    model.started += is_first;
    model.reruns += !is_first;
    model.returned -= !is_first;
    model.errors -= !is_first && last_error;
}

static void count_return(int error) {
    model.returned++;
    model.errors += error != 0;
}

static int run_job(void *arg, wpool_job *context) {
    model_job *job = (model_job *)arg;
    unsigned number = (unsigned)(job - model.jobs);
    bool is_first = job->runs == 0;
    check_start();
    MUST(job->started == job->returned, "job %u runs twice at once", number);
    MUST(is_first || model_comes_back(&job->pace), "job %u starts twice", number);
    MUST(job->submission != SUBMIT_REFUSED, "job %u was refused and starts", number);
    MUST(!job->is_removed, "job %u was cancelled and starts", number);
    MUST(!job->seen, "job %u was seen to end and starts", number);
    MUST(!(model.ended >> number & 1), "job %u starts after a drain found it ended", number);
    check_pace(job, is_first);
    count_run(is_first, job->error);
    job->started = 1;
    job->returned = 0;
    job->runs++;
    if (is_first || !job->error) job->periods++;
    enter_lane(job->pace.lane, &job->pace, is_first);
    for (unsigned i = job->group; i; i = model.groups[i].parent)
        job->guards |= (unsigned)model.groups[i].guard_done << i;
    run_script((model_frame){.job = job,
                             .context = context,
                             .number = job->number,
                             .family = job->family,
                             .group = job->group},
               job->script, &job->data);
    leave_lane(job->pace.lane);
    job->error = planned_error(job->script, &job->pace, job->runs);
    job->failures = job->error ? job->failures + 1 : 0;
    job->returned_ns = sched.now;
    job->is_surely_cancelled =
        job->error && (job->has_record ? model_is_told(job) : model.hot_done);
    model.surely_cancelled += job->is_surely_cancelled;
    count_return(job->error);
    job->returned = 1;
    return job->error;
}

static int run_slot(void *arg, wpool_job *context) {
    model_slot *slot = (model_slot *)arg;
    void *data;
    unsigned attempt = CALL(wpool_job_attempt(context));
    bool is_first = attempt == 1;
    check_start();
    slot->number = ++model.numbers;
    if (is_first) slot->runs = 0;
    MUST(attempt == ++slot->runs, "run %u, not %u", attempt, slot->runs);
    count_run(is_first, slot->error);
    slot->started += is_first;
    slot->returned -= !is_first;
    MUST(slot->started <= slot->begun, "a job runs more often than handed in");
    MUST(slot->started == slot->returned + 1, "a job runs twice at once");
    MUST(is_first || model_comes_back(&slot->pace), "a job runs twice");
    enter_lane(slot->pace.lane, &slot->pace, is_first);
    unsigned group = model.group_count - 1;
    while (group && (!context->group || model.groups[group].at != context->group))
        group--;
    MUST(!context->group == !group && (!group || (slot->groups >> group & 1)), "a foreign group");
    run_script((model_frame){.slot = slot,
                             .context = context,
                             .number = slot->number,
                             .family = slot->family,
                             .group = group},
               slot->script, &data);
    leave_lane(slot->pace.lane);
    slot->error = planned_error(slot->script, &slot->pace, attempt);
    slot->errors += slot->error != 0;
    model.surely_cancelled += slot->error && model.hot_done;
    count_return(slot->error);
    slot->returned++;
    return slot->error;
}

/* -- submitting -- */

static bool refuse_retry(int error, void *arg) {
    MUST(error >= 128 && arg, "no error that a job returned");
    return false;
}

typedef struct before {
    bool is_closed, is_done, are_results_closed, was_editing;
    model_edit edit;
    unsigned edits, started, accepted, delivered, removed, cancels_done, take_calls, jobs;
} before;

static before look_before(void) {
    return (before){.is_closed = model.close_done,
                    .is_done = model.is_done,
                    .are_results_closed = model.results_close_done,
                    .started = model.started,
                    .accepted = model.accepted,
                    .delivered = model.delivered,
                    .removed = model.removed,
                    .cancels_done = model.cancels_done,
                    .take_calls = model.take_calls,
                    .jobs = model.job_count,
                    .was_editing = model.edits_in_flight != 0,
                    .edit = model.now,
                    .edits = model.edits};
}

/* What the configuration was meanwhile. */
static model_edit edit_since(const before *was) {
    if (was->was_editing || was->edits != model.edits) return model.ever;
    return was->edit;
}

#define AS_CONFIGURED ((wpool_when_full)9)

static void check_capacity(void) {
    const model_edit *edit = &model.ever;
    if (model_may_discard() || model.may_lose) return;
    unsigned places = edit->most;
    if (edit->is_unbuffered && places < model_workers() + 1) places = model_workers() + 1;
    unsigned hands = is_still() && model.started == 0 ? 0 : model_hands();
    /* while the order is changed, submitters may pass each other */
    if ((edit->orders & 1) && edit->orders != 1) hands += model.config.threads;
    unsigned left = model.started + model.removed + model_cancelling() + model.held_begun;
    unsigned waiting = model.accepted > left ? model.accepted - left : 0;
    MUST(waiting <= places + hands + model.accepted_inside, "%u jobs wait, capacity %u", waiting,
         edit->most);
}

/* Notes what became of count jobs, of which the first `accepted` were taken, and checks why. */
static void check_submit(const before *was, unsigned count, unsigned accepted, wpool_status why,
                         wpool_when_full or_else, bool may_time_out) {
    const model_edit edit = edit_since(was);
    unsigned policies = or_else == AS_CONFIGURED ? edit.policies : 1u << or_else;
    bool may_be_full = (policies >> WPOOL_REFUSE & 1) ||
                       ((policies >> WPOOL_DROP_OLDEST & 1) && edit.is_unbuffered);
    unsigned refused = count - accepted;
    model.accepted += accepted;
    if (model_is_inside()) model.accepted_inside += accepted;
    if (accepted) {
        MUST(!was->is_closed, "accepted after close");
        check_capacity();
    }
    MUST((refused == 0) == (why == WPOOL_OK), "%u refused, yet status %d", refused, (int)why);
    if (refused && why == WPOOL_FULL) {
        MUST(may_be_full, "full, though that is not the policy");
        /* also of cancelled jobs; of one without a place that starts just now */
        unsigned claims = model.begun - model.refused - refused + model.held_begun;
        MUST(edit.is_unbuffered || claims - was->started >= edit.least, "full with %u of %u",
             claims - was->started, edit.least);
        MUST(!was->is_closed, "full after close");
    } else if (refused) {
        MUST(why == WPOOL_CLOSED || why == WPOOL_TIMEOUT || why == WPOOL_NO_MEMORY,
             "a strange status: %s", wpool_strerror(why));
        MUST(why != WPOOL_CLOSED || model.close_begun, "closed, though nobody closed");
        MUST(why != WPOOL_TIMEOUT || (may_time_out && !was->is_closed), "timed out");
        MUST(why != WPOOL_NO_MEMORY || model_memory_fails(), "no memory, though there is");
    }
    model.refused += refused;
}

/* As config or options say. */
static void set_retry(model_pace *pace, const wpool_retry *retry) {
    pace->attempts = retry->attempts ? retry->attempts : 1;
    pace->retry_delay = retry->delay ? retry->delay : WPOOL_MS(10);
    pace->is_patient = retry->when == refuse_retry;
}

static model_job *new_job(unsigned script) {
    const model_frame *frame = model_top();
    if (model.job_count == MODEL_JOBS || (frame && frame->family >= MODEL_FAMILY)) return NULL;
    model_job *job = &model.jobs[model.job_count++];
    *job = (model_job){.number = ++model.numbers,
                       .script = script % SCRIPTS,
                       .family = frame ? frame->family + 1 : 0,
                       .has_record = model.config.results || model.config.retry.attempts > 1};
    set_retry(&job->pace, &model.config.retry);
    model.held_begun += model_comes_back(&job->pace);
    model.begun++;
    model.begun_inside += frame != NULL;
    return job;
}

static void settle_job(model_job *job, wpool_status status) {
    model_frame *frame = model_top();
    job->submission = status == WPOOL_OK ? SUBMIT_ACCEPTED : SUBMIT_REFUSED;
    MUST(status == WPOOL_OK || !job->started, "a refused job ran");
    if (!job->has_id) return;
    MUST((status == WPOOL_OK) == (job->id != 0), "status %d, and the id is %s", (int)status,
         job->id ? "set" : "0");
    for (unsigned i = 0; job->id && i < model.job_count; i++)
        MUST(&model.jobs[i] == job || model.jobs[i].id != job->id, "an id was given twice");
    if (frame && status == WPOOL_OK) frame->last_child = job;
}

static void act_submit_badly(action todo) {
    static wpool_job nothing;
    wpool_id id = 1;
    wpool_status why = WPOOL_OK;
    switch (todo.b % 8) {
    case 0:
        MUST(CALL(wpool_submit(NULL, run_job, NULL, &id)) == WPOOL_INVALID && !id, "NULL pool");
        break;
    case 1:
        MUST(CALL(wpool_submit(model.pool, NULL, NULL, &id)) == WPOOL_INVALID && !id, "NULL fn");
        break;
    case 2:
        MUST(CALL(wpool_try_submit(model.pool, NULL, NULL, NULL)) == WPOOL_INVALID, "NULL fn");
        break;
    case 3:
        MUST(CALL(wpool_submit_many(model.pool, NULL, NULL, 0, &why)) == 0, "NULL fn");
        MUST(why == WPOOL_INVALID, "NULL fn");
        break;
    case 4:
        MUST(CALL(wpool_submit_many(model.pool, run_job, NULL, 1, NULL)) == 0, "NULL args");
        break;
    case 5:
        MUST(CALL(wpool_submit_job(model.pool, NULL, NULL)) == WPOOL_INVALID, "NULL job");
        break;
    case 6:
        MUST(CALL(wpool_submit_job(model.pool, &nothing, NULL)) == WPOOL_INVALID, "an empty job");
        break;
    default:
        MUST(CALL(wpool_submit_many(NULL, run_job, NULL, 0, &why)) == 0, "NULL pool");
        MUST(why == WPOOL_INVALID, "NULL pool");
    }
}

static void act_submit(action todo) {
    before was = look_before();
    wpool_when_full when_full = AS_CONFIGURED;
    bool may_time_out = false;
    unsigned how = todo.a >> 3 & 3;
    wpool_options options = {0};
    wpool_status status;
    if (how == 0 && model_may_be(WPOOL_BLOCK) && !may_block()) how = 1;
    model_job *job = new_job(todo.a & 7);
    if (!job) return;
    job->has_id = (todo.a & 32) != 0;
    job->has_record |= job->has_id;
    wpool_id *id = job->has_id ? &job->id : NULL;
    if (how == 0) {
        status = CALL(wpool_submit(model.pool, run_job, job, id));
    } else if (how == 1) {
        status = CALL(wpool_try_submit(model.pool, run_job, job, id));
        when_full = WPOOL_REFUSE;
    } else {
        job->has_on_done = (todo.a & 64) != 0;
        if (job->has_on_done) options.on_done = model_on_done;
        if (todo.a & 128) options.name = job->name = fuzz_name;
        job->has_record |= job->has_on_done || job->name;
        options.timeout = choose_timeout(todo.b, may_block());
        if (options.timeout == 0 && model_may_be(WPOOL_BLOCK) && !may_block()) options.timeout = 1;
        if (options.timeout) when_full = WPOOL_BLOCK;
        may_time_out = options.timeout > 0;
        status = CALL(wpool_submit_with(model.pool, run_job, job, &options, id));
    }
    check_submit(&was, 1, status == WPOOL_OK, status, when_full, may_time_out);
    settle_job(job, status);
}

static void act_submit_many(action todo) {
    before was = look_before();
    void *args[4];
    unsigned count = 0, wanted = todo.b & 3;
    wpool_status why = WPOOL_FAILED;
    if (model_may_be(WPOOL_BLOCK) && !may_block()) return;
    while (count <= wanted && (args[count] = new_job(todo.a & 7)) != NULL)
        count++;
    size_t accepted = CALL(wpool_submit_many(model.pool, run_job, args, count, &why));
    MUST(accepted <= count, "more were accepted than handed in");
    check_submit(&was, count, (unsigned)accepted, why, AS_CONFIGURED, false);
    for (unsigned i = 0; i < count; i++)
        settle_job((model_job *)args[i], i < accepted ? WPOOL_OK : why);
}

static void check_already(const model_slot *slot, bool is_below, bool was_idle, bool is_alone,
                          wpool_status status) {
    if (is_below) MUST(status == WPOOL_ALREADY, "handed in while it runs");
    if (status == WPOOL_ALREADY)
        MUST(!(was_idle && is_alone), "slot %u has ended, yet ALREADY",
             (unsigned)(slot - model.slots));
}

/* What has no place in the queue: before the call, and what is known of it after that. */
typedef struct held_look {
    unsigned left; /* the lane, jobs */
    bool has_time, may_be_stale, is_stale, may_time_out, blocks;
} held_look;

static held_look look_held(const model_pace *pace, int64_t timeout, const before *was) {
    return (held_look){.left = model.lanes[pace->lane].left,
                       .has_time = pace->delay || pace->run_limit || model_comes_back(pace),
                       .may_time_out = timeout > 0,
                       .blocks = timeout || was->edit.policies == 1u << WPOOL_BLOCK};
}

static void begin_held(const model_pace *pace) {
    model.lanes[pace->lane].begun++;
    model.lanes[pace->lane].submitting++;
}

static void end_held(const model_pace *pace, held_look *look, wpool_status status) {
    model.lanes[pace->lane].submitting--;
    model.lanes[pace->lane].refused += status != WPOOL_OK;
    if (model.edits) look->blocks = false; /* it is not known any more */
}

/* A group before a call: is it cancelled, unless somebody sets another deadline meanwhile? */
typedef struct group_look {
    bool is_cancelled;
    unsigned deadlines;
} group_look;

static group_look look_group(unsigned group) {
    group_look look = {.is_cancelled = model_group_is_cancelled(group)};
    for (; group; group = model.groups[group].parent)
        look.deadlines += model.groups[group].deadlines;
    return look;
}

static bool was_group_cancelled(const group_look *was, unsigned group) {
    return was->is_cancelled && look_group(group).deadlines == was->deadlines;
}

/* Before the call with these options: what the model knows of group and deadline. */
static void note_bound(unsigned group, int64_t deadline) {
    for (; group; group = model.groups[group].parent) {
        model.groups[group].begun++;
        model.groups[group].submitting++;
    }
    model.may_lose |= deadline > 0;
}

/* The answer of a submit with a group or a deadline. True: it was refused because of these. */
static bool check_bound(unsigned group, int64_t deadline, const group_look *was,
                        wpool_status status) {
    bool has_time = deadline > 0;
    for (unsigned i = group; i; i = model.groups[i].parent) {
        has_time |= model.groups[i].deadlines != 0;
        model.groups[i].submitting--;
    }
    if (status == WPOOL_CANCELLED) {
        MUST(model_group_may_be_cancelled(group), "the group was not cancelled");
    } else if (status == WPOOL_NO_THREAD) {
        MUST(has_time && !model.config.is_inline && model_may_lack_threads(),
             "nobody to keep the time");
    } else {
        bool may_be_other =
            status == WPOOL_ALREADY || (status == WPOOL_NO_MEMORY && model_memory_fails());
        MUST(may_be_other || !was_group_cancelled(was, group), "the group was cancelled: %s",
             wpool_strerror(status));
        return false;
    }
    model.refused++;
    return true;
}

static int64_t choose_lane_timeout(uint8_t b);
static void set_slot_options(wpool_options *options, const model_slot *slot);
static void check_held(const before *was, const model_pace *pace, const held_look *look,
                       wpool_status status);

static void submit_slot(action todo, unsigned group, int64_t deadline) {
    before was = look_before();
    model_frame *frame = model_top();
    model_slot *slot = &model.slots[todo.a % (frame ? MODEL_SLOTS : MODEL_SLOTS - 1)];
    wpool_when_full when_full = AS_CONFIGURED;
    const group_look look = look_group(group);
    wpool_options options = {.on_done = slot->has_on_done ? model_on_slot_done : NULL,
                             .deadline = deadline,
                             .group = group ? model.groups[group].at : NULL};
    if (slot->begun == 12) return;
    options.timeout = choose_timeout(todo.b, may_block());
    if (options.timeout == 0 && model_may_be(WPOOL_BLOCK) && !may_block()) options.timeout = 1;
    if (slot->pace.lane) options.timeout = choose_lane_timeout(todo.b);
    if (options.timeout) when_full = WPOOL_BLOCK;
    set_slot_options(&options, slot);
    bool is_paced = slot->pace.is_held || model_comes_back(&slot->pace);
    bool has_options = options.on_done || options.timeout || options.group || deadline || is_paced;
    held_look held = look_held(&slot->pace, options.timeout, &was);
    held.has_time |= deadline > 0;
    bool is_below = model_is_below(NULL, slot);
    bool was_idle = slot->has_on_done && slot->reported == slot->accepted && !slot->in_flight;
    unsigned revision = ++slot->revision;
    slot->begun++;
    slot->in_flight++;
    model.begun++;
    model.begun_inside += frame != NULL;
    model.held_begun += is_paced;
    begin_held(&slot->pace);
    note_bound(group, deadline);
    slot->groups |= group ? 1u << group : 0;
    if (deadline && (!slot->late_after || sched.now + deadline < slot->late_after))
        slot->late_after = sched.now + deadline;
    wpool_status status =
        CALL(wpool_submit_job(model.pool, &slot->job, has_options ? &options : NULL));
    slot->in_flight--;
    end_held(&slot->pace, &held, status);
    check_already(slot, is_below, was_idle, revision == slot->revision, status);
    slot->revision++;
    if (check_bound(group, held.has_time, &look, status)) return;
    if (status == WPOOL_ALREADY) {
        model.refused++;
        return;
    }
    slot->accepted += status == WPOOL_OK;
    if (slot->pace.is_held)
        check_held(&was, &slot->pace, &held, status);
    else
        check_submit(&was, 1, status == WPOOL_OK, status, when_full, options.timeout > 0);
    if (frame && status == WPOOL_OK) frame->last_slot = slot;
}

static void act_submit_job(action todo) { submit_slot(todo, 0, 0); }

/* -- waiting -- */

static model_job *pick_job(uint8_t a, wpool_id *id) {
    *id = 0;
    if (a >= 248 || model.job_count == 0) {
        static const wpool_id strange[] = {0, 1, UINT64_MAX, UINT64_C(1) << 32};
        *id = a & 4 ? model.foreign : strange[a & 3];
        return NULL;
    }
    model_job *job = &model.jobs[model.job_count - 1 - a % 12 % model.job_count];
    bool is_known =
        job->has_id && (job->submission == SUBMIT_ACCEPTED || model_is_below(job, NULL));
    if (!is_known) return NULL;
    *id = job->id;
    return job;
}

static bool may_be_stale(const model_job *job) {
    return !job || job->delivered || job->readers || model.takes;
}

static void wait_for(model_job *job, wpool_id id, int64_t timeout) {
    bool is_stale = !job || job->delivered, is_below = job && model_is_below(job, NULL);
    wpool_result result;
    if (job) job->readers++;
    wpool_status status = CALL(wpool_wait(model.pool, id, timeout, &result));
    if (job) job->readers--;
    if (is_below) {
        MUST(status == WPOOL_DEADLOCK || (status == WPOOL_UNKNOWN && may_be_stale(job)),
             "waits for itself: %s", wpool_strerror(status));
        return;
    }
    switch (status) {
    case WPOOL_OK:
        MUST(!is_stale, "a stale id was waited for");
        check_result(job, &result);
        model_deliver(job, true);
        break;
    case WPOOL_UNKNOWN:
        MUST(may_be_stale(job), "unknown, though nobody had the result");
        break;
    case WPOOL_TIMEOUT:
        MUST(timeout >= 0, "timed out without a timeout");
        MUST(!is_stale, "a stale id is not unknown");
        break;
    default:
        MUST(status == WPOOL_DEADLOCK && job && model_may_be_behind(&job->pace), "wait: %s",
             wpool_strerror(status));
    }
}

static void act_wait(action todo) {
    wpool_id id;
    model_job *job = pick_job(todo.a, &id);
    wait_for(job, id, choose_timeout(todo.b, !job || may_wait_for(job, NULL)));
}

static void act_wait_child(action todo) {
    const model_frame *frame = model_top();
    model_job *job = frame ? frame->last_child : NULL;
    if (!job) return;
    wait_for(job, job->id, choose_timeout(todo.b, may_wait_for(job, NULL)));
}

/* For itself, or what it runs inside of. */
static void act_wait_self(action todo) {
    unsigned depth = model.depth[sched.current];
    if (depth == 0) return;
    const model_frame *frame = &model.frames[sched.current][todo.a % depth];
    if (frame->slot) {
        MUST(CALL(wpool_job_wait(&frame->slot->job, WPOOL_FOREVER)) == WPOOL_DEADLOCK,
             "waits for itself");
    } else if (frame->job->has_id) {
        wait_for(frame->job, frame->job->id, WPOOL_FOREVER);
    }
}

static void wait_for_slot(model_slot *slot, int64_t timeout) {
    bool is_below = model_is_below(NULL, slot), was_accepted = slot->accepted > slot->forgotten;
    unsigned revision = slot->revision;
    slot->in_flight++;
    wpool_status status = CALL(wpool_job_wait(&slot->job, timeout));
    slot->in_flight--;
    bool is_alone = revision == slot->revision && slot->begun == slot->accepted;
    bool may_be_behind = revision != slot->revision || model_may_be_behind(&slot->pace);
    MUST(status == WPOOL_DEADLOCK ? is_below || may_be_behind : !is_below, "runs below: %d, %s",
         is_below, wpool_strerror(status));
    switch (status) {
    case WPOOL_OK:
        MUST(slot->started || model_may_discard() || model_slot_may_expire(slot),
             "never started, yet waited for");
        if (is_alone)
            MUST(slot->returned == slot->accepted || model_may_discard() ||
                     model_slot_may_expire(slot),
                 "it runs, yet waited for");
        break;
    case WPOOL_UNKNOWN:
        MUST(!was_accepted || !is_alone, "it was handed in, yet unknown");
        break;
    case WPOOL_TIMEOUT:
        MUST(timeout >= 0, "timed out without a timeout");
        MUST(!is_alone || slot->begun, "never handed in, yet timed out");
        break;
    default:
        MUST(status == WPOOL_DEADLOCK, "job wait: %s", wpool_strerror(status));
    }
}

static void act_wait_slot(action todo) {
    const model_frame *frame = model_top();
    model_slot *slot = &model.slots[todo.a % MODEL_SLOTS];
    if (todo.a >= 252) {
        MUST(CALL(wpool_job_wait(NULL, WPOOL_FOREVER)) == WPOOL_INVALID, "NULL job");
        return;
    }
    if (todo.a & 64 && frame && frame->last_slot) slot = frame->last_slot;
    bool may_be_forever = may_wait_for(NULL, slot);
    int64_t timeout = choose_timeout(todo.b, may_be_forever);
    /* a worker looks again and again while the submitter has the job, and its clock hardly moves */
    if (frame && !may_be_forever && timeout > 64) timeout = 64;
    wait_for_slot(slot, timeout);
}

static void act_slot_result(action todo) {
    model_slot *slot = &model.slots[todo.a % MODEL_SLOTS];
    wpool_result result;
    int returned = slot->returned;
    unsigned revision = slot->revision;
    MUST(CALL(wpool_job_result(NULL, &result)) == WPOOL_INVALID, "NULL job");
    MUST(CALL(wpool_job_result(&slot->job, NULL)) == WPOOL_INVALID, "NULL result");
    wpool_status status = CALL(wpool_job_result(&slot->job, &result));
    MUST(status == WPOOL_OK || status == WPOOL_EMPTY, "job result: %s", wpool_strerror(status));
    bool is_quiet = revision == slot->revision && !slot->in_flight;
    if (!is_quiet || slot->returned != returned) return;
    if (status == WPOOL_OK) {
        MUST(slot->accepted > 0, "the result of a job never handed in");
        MUST(result.state >= WPOOL_STATE_SUCCEEDED, "a result that is none");
        MUST(result.arg == slot, "the result of another job");
        bool is_failure =
            result.state == WPOOL_STATE_FAILED || result.state == WPOOL_STATE_CANCELLED;
        MUST(!is_failure || result.error != 0, "a failure without an error");
        if (todo.b & 1 && !model_is_below(NULL, slot)) {
            CALL(wpool_job_init(&slot->job, run_slot, slot));
            slot->forgotten = slot->accepted;
            slot->revision++;
        }
    } else if (slot->has_on_done && slot->begun == slot->accepted) {
        MUST(slot->accepted == 0 || slot->reported < slot->accepted || slot->revision, "empty");
    }
}

/* -- results -- */

static void check_taken(const before *was, const wpool_result *result) {
    model_job *job = (model_job *)result->arg;
    MUST(job >= model.jobs && job < model.jobs + model.job_count, "no such job was submitted");
    MUST(!was->is_done, "a result after WPOOL_DONE");
    check_result(job, result);
    model_deliver(job, true);
}

/* To an outside reader: everything accepted has ended, and is delivered or about to be. */
static void check_done(uint64_t accepted) {
    for (unsigned i = 0; i < model.job_count; i++) {
        const model_job *job = &model.jobs[i];
        if (!(accepted >> i & 1)) continue;
        MUST(model_has_ended(job), "WPOOL_DONE, but job %u has not ended", i);
        MUST(may_be_stale(job), "WPOOL_DONE, but job %u was not taken", i);
    }
    model.is_done = true;
}

static uint64_t accepted_now(void) {
    uint64_t accepted = 0;
    for (unsigned i = 0; i < model.job_count; i++)
        if (model.jobs[i].submission == SUBMIT_ACCEPTED) accepted |= UINT64_C(1) << i;
    return accepted;
}

/* Jobs that are over for all who ask now. */
static uint64_t ended_now(void) {
    uint64_t ended = model.ended;
    for (unsigned i = 0; i < model.job_count; i++)
        if (model.jobs[i].is_removed) ended |= UINT64_C(1) << i;
    return ended;
}

/* Nothing can make the descriptor readable: each job was over, and nobody is about to close. */
static bool is_calm(void) {
    if (!model.has_descriptor || model.takes || model.close_begun || model.results_close_begun)
        return false;
    uint64_t ended = ended_now();
    for (unsigned i = 0; i < model.job_count; i++) {
        const model_job *job = &model.jobs[i];
        if (job->submission == SUBMIT_BEGUN) return false;
        if (job->submission == SUBMIT_ACCEPTED && !(ended >> i & 1)) return false;
    }
    return true;
}

/* Does a job that had ended before still lie there, with nobody else who may have its result? */
static bool is_result_left(uint64_t ended) {
    for (unsigned i = 0; i < model.job_count && model.takes == 0; i++) {
        const model_job *job = &model.jobs[i];
        if ((ended >> i & 1) && !may_be_stale(job)) return true;
    }
    return false;
}

/* What only jobs that take are told: once it is over for one of them, it is over for all. */
static void check_take_inside(wpool_status status, bool was_done) {
    MUST(!was_done || status == WPOOL_OK || status == WPOOL_DONE || status == WPOOL_CLOSED,
         "after WPOOL_DONE inside: %s", wpool_strerror(status));
    model.is_done_inside |= status == WPOOL_DONE;
}

/* Nothing was there; and nobody else has taken or submitted meanwhile. */
static void check_unreadable(const before *was) {
    bool is_alone = model.take_calls == was->take_calls + 1 && model.job_count == was->jobs;
    MUST(!is_alone || !is_calm() || !sched.token,
         "nothing there, nothing on its way, yet the descriptor is readable");
}

/* What it may say, but for a result. */
static void check_take(wpool_status status, int64_t timeout, uint64_t accepted, bool is_inside) {
    switch (status) {
    case WPOOL_OK:
        break;
    case WPOOL_EMPTY:
        MUST(timeout == WPOOL_NOW, "empty");
        break;
    case WPOOL_TIMEOUT:
        MUST(timeout > 0, "timed out");
        break;
    case WPOOL_DONE:
        MUST(model.close_begun, "done, but not closed");
        if (!is_inside) check_done(accepted);
        break;
    case WPOOL_CLOSED:
        MUST(model.results_close_begun, "results closed, though nobody closed them");
        break;
    default:
        MUST(status == WPOOL_DEADLOCK && is_inside, "take: %s", wpool_strerror(status));
        MUST(timeout != WPOOL_NOW, "a poll is a deadlock");
    }
}

static wpool_status take(int64_t timeout) {
    before was = look_before();
    wpool_result result;
    bool is_inside = model_is_inside(), was_done_inside = model.is_done_inside;
    uint64_t ended = ended_now();
    uint64_t accepted = accepted_now();
    bool was_calm = is_calm();
    model.takes++;
    model.take_calls++;
    wpool_status status = CALL(wpool_take(model.pool, timeout, &result));
    model.takes--;
    if (was_calm && status == WPOOL_EMPTY) check_unreadable(&was);
    model.take_calls++;
    if (!model.config.results) {
        MUST(status == WPOOL_INVALID, "taken from a pool without results");
        return status;
    }
    if (was.are_results_closed)
        MUST(status == WPOOL_CLOSED, "results are closed, yet: %s", wpool_strerror(status));
    if (status != WPOOL_OK && !model.results_close_begun)
        MUST(!is_result_left(ended), "no result, yet one is left: %s", wpool_strerror(status));
    if (is_inside) check_take_inside(status, was_done_inside);
    if (status == WPOOL_OK) check_taken(&was, &result);
    check_take(status, timeout, accepted, is_inside);
    MUST(!was.is_done || status == WPOOL_DONE || status == WPOOL_CLOSED || is_inside,
         "after WPOOL_DONE: %s", wpool_strerror(status));
    return status;
}

static void act_take(action todo) {
    bool may_be_forever = model.config.results && may_block();
    if (model_is_inside()) may_be_forever = model.config.takes_forever && sched.current != 0;
    if (sched.current == 0 && !model.close_done) may_be_forever = false;
    take(choose_timeout(todo.b, may_be_forever));
}

static void act_forget(action todo) {
    wpool_id id;
    model_job *job = pick_job(todo.a, &id);
    bool is_stale = !job || job->delivered;
    if (job) job->readers++;
    wpool_status status = CALL(wpool_forget(model.pool, id));
    if (job) job->readers--;
    if (status == WPOOL_OK) {
        MUST(!is_stale, "a stale id was forgotten");
        model_deliver(job, false);
    } else {
        MUST(status == WPOOL_UNKNOWN, "forget: %s", wpool_strerror(status));
        MUST(may_be_stale(job), "unknown, though nobody had the result");
    }
}

static void act_close_results(action todo) {
    (void)todo;
    bool was_done = model.results_close_done;
    model.result_closes++;
    if (model.config.results) model.results_close_begun = true;
    wpool_status status = CALL(wpool_close_results(model.pool));
    if (!model.config.results) {
        MUST(status == WPOOL_INVALID, "closed results that are not there");
        return;
    }
    MUST(status == WPOOL_OK || status == WPOOL_ALREADY, "close: %s", wpool_strerror(status));
    MUST(status == WPOOL_ALREADY || !was_done, "closed twice");
    MUST(status == WPOOL_OK || model.result_closes > 1, "already?");
    model.results_close_done = true;
}

/* Always the same one. When a result lies there, or it is over, it is readable, as soon as whoever
   makes it so has come to that. */
static void check_descriptor(bool is_surely_readable) {
    int descriptor = CALL(wpool_results_fd(model.pool));
    MUST(descriptor == (model.config.results ? 3 : -1), "descriptor %d", descriptor);
    if (!model.config.results) return;
    model.has_descriptor = true;
    for (unsigned i = 0; i < 4000 && !sched.token; i++) {
        bool is_readable = is_surely_readable || model.is_done || model.results_close_done;
        if (!is_readable && !is_result_left(ended_now())) return;
        sched_point(true);
    }
    MUST(sched.token, "there is an answer, but the descriptor is unreadable");
}

static void act_results_fd(action todo) {
    check_descriptor(false);
    if (model_is_inside() || !(todo.a & 1)) return;
    if (todo.a & 2) act_drain((action){.b = todo.b});
    for (unsigned i = 0; i < 8 && take(WPOOL_NOW) == WPOOL_OK; i++) {
    }
    check_descriptor(false);
}

/* -- cancelling one -- */

/* Is the job over for all who ask now? */
static bool is_over(const model_job *job) {
    bool is_drained = model.ended >> (job - model.jobs) & 1;
    return is_drained || job->is_removed || (job->seen && !job->has_on_done);
}

static void begin_cancel(model_job *job, wpool_mode mode) {
    model.cancels_begun++;
    if (!job) return;
    job->may_be_last = true;
    job->cancelling++;
    job->hot_cancelling += mode == WPOOL_HOT;
}

static void end_cancel(model_job *job, wpool_mode mode) {
    model.cancels_done++;
    if (!job) return;
    job->cancelling--;
    job->hot_cancelling -= mode == WPOOL_HOT;
}

static void note_removed(model_job *job) {
    MUST(job->started == job->returned, "cancelled in time, yet it runs");
    MUST(!job->started || model_comes_back(&job->pace), "cancelled in time, yet it has started");
    MUST(!job->is_removed, "cancelled in time twice");
    if (job->has_on_done) MUST(job->reported == 1, "cancelled, but on_done was not called");
    job->is_removed = true;
    model_see(job, job->started ? WPOOL_STATE_CANCELLED : WPOOL_STATE_DISCARDED);
}

/* It runs no more, but for a run that may have been about to begin. */
static void note_last(model_job *job) {
    unsigned runs = job->runs + (job->started == job->returned);
    if (!job->most_runs || runs < job->most_runs) job->most_runs = runs;
}

/* It runs, is just beginning or ending to, or is being discarded by somebody else. */
static void check_running(const model_job *job) {
    MUST(job->started || !is_still() || model.started || model_may_remove(job),
         "it runs, but nothing can have started");
}

/* Told to end, hot: if it has become ready meanwhile, a worker discards it because of that. */
static void note_ready(model_job *job) {
    bool may_be_ready = job->pace.is_held || model_comes_back(&job->pace);
    if (!may_be_ready || job->started != job->returned || job->is_removed) return;
    job->may_be_removed = model.may_lose = true;
}

static void check_cancel(model_job *job, wpool_mode mode, bool was_stale, bool was_over,
                         bool was_reported, wpool_status status) {
    if (status == WPOOL_UNKNOWN) {
        MUST(may_be_stale(job), "unknown, though nobody had the result");
        return;
    }
    MUST(!was_stale, "a stale id: %s", wpool_strerror(status));
    if (status != WPOOL_OK && mode == WPOOL_HOT) note_ready(job);
    if (status == WPOOL_ALREADY) {
        MUST(model_has_ended(job), "it has not ended");
        return;
    }
    MUST(!was_over, "it has ended: %s", wpool_strerror(status));
    if (status == WPOOL_OK) {
        MUST(!was_reported, "it has ended: %s", wpool_strerror(status));
        model.removed += !job->started;
        note_removed(job);
        return;
    }
    MUST(status == (mode == WPOOL_HOT ? WPOOL_CANCELLED : WPOOL_RUNNING), "cancel: %s",
         wpool_strerror(status));
    check_running(job);
    note_last(job);
    if (mode == WPOOL_HOT) job->is_told = job->is_called = true;
}

static void cancel(model_job *job, wpool_id id, wpool_mode mode) {
    bool was_stale = !job || job->delivered, was_over = job && is_over(job);
    bool was_reported = job && job->reported;
    begin_cancel(job, mode);
    wpool_status status = CALL(wpool_cancel(model.pool, id, mode));
    end_cancel(job, mode);
    check_cancel(job, mode, was_stale, was_over, was_reported, status);
}

static void act_cancel(action todo) {
    wpool_id id;
    model_job *job = pick_job(todo.a, &id);
    MUST(CALL(wpool_cancel(model.pool, id, (wpool_mode)(2 + todo.b % 3))) == WPOOL_INVALID, "mode");
    MUST(CALL(wpool_cancel(NULL, id, WPOOL_HOT)) == WPOOL_INVALID, "NULL pool");
    if (job) MUST(CALL(wpool_cancel(model.other, id, WPOOL_HOT)) == WPOOL_UNKNOWN, "a foreign id");
    cancel(job, id, todo.b & 1 ? WPOOL_HOT : WPOOL_GRACEFUL);
}

/* Itself, or what it runs inside of. */
static void act_cancel_self(action todo) {
    unsigned depth = model.depth[sched.current];
    if (depth == 0) return;
    model_job *job = model.frames[sched.current][todo.a % depth].job;
    if (job && job->has_id) cancel(job, job->id, todo.b & 1 ? WPOOL_HOT : WPOOL_GRACEFUL);
}

#define DISCARDS 4

/* How many of them never run; which ones, only if it is all or none of those that could be. */
static void note_discarded(model_job *const *jobs, unsigned count, unsigned possible,
                           unsigned removed) {
    unsigned left = 0;
    bool are_sure = true; /* else it may have removed one between two runs */
    for (unsigned i = 0; i < count; i++) {
        if (!jobs[i] || !(possible >> i & 1) || jobs[i]->is_removed) continue;
        left += !jobs[i]->started || model_comes_back(&jobs[i]->pace);
        are_sure &= !model_comes_back(&jobs[i]->pace);
    }
    MUST(removed <= left, "%u never run, but only %u can be", removed, left);
    for (unsigned i = 0; i < count; i++) {
        model_job *job = jobs[i];
        bool is_possible = job && (possible >> i & 1) && !job->is_removed &&
                           (!job->started || model_comes_back(&job->pace));
        if (!is_possible || removed == 0) continue;
        if (removed == left && are_sure)
            note_removed(job);
        else
            job->may_be_removed = true;
    }
    if (are_sure)
        model.removed += removed;
    else if (removed)
        model.may_lose = true;
}

/* It was one of those that were to be cancelled hot. */
static void note_hot_discard(model_job *job) {
    bool is_running = job->started && !job->returned && !may_be_stale(job);
    job->is_told |= is_running;
    job->is_called |= is_running;
    job->may_be_told |= !job->is_removed;
    note_ready(job);
}

static void act_discard(action todo) {
    model_job *jobs[DISCARDS];
    wpool_id ids[DISCARDS];
    unsigned count = todo.b >> 1 & 3, possible = 0;
    wpool_mode mode = todo.b & 1 ? WPOOL_HOT : WPOOL_GRACEFUL;
    for (unsigned i = 0; i <= count; i++) {
        jobs[i] = pick_job((uint8_t)(todo.a + i * (1 + (todo.b >> 3))), &ids[i]);
        bool is_new = jobs[i] && !jobs[i]->delivered && !is_over(jobs[i]) && !jobs[i]->reported;
        for (unsigned j = 0; j < i; j++)
            is_new &= jobs[j] != jobs[i];
        possible |= (unsigned)is_new << i;
    }
    for (unsigned i = 0; i <= count; i++)
        begin_cancel(jobs[i], mode);
    size_t removed = CALL(wpool_discard(model.pool, ids, count + 1, mode));
    MUST(removed <= count + 1, "more than there are");
    for (unsigned i = 0; i <= count; i++) {
        end_cancel(jobs[i], mode);
        if (jobs[i] && mode == WPOOL_HOT) note_hot_discard(jobs[i]);
    }
    note_discarded(jobs, count + 1, possible, (unsigned)removed);
    MUST(CALL(wpool_discard(model.pool, ids, 0, mode)) == 0, "none");
    MUST(CALL(wpool_discard(model.pool, NULL, 1, mode)) == 0, "NULL ids");
    MUST(CALL(wpool_discard(model.pool, ids, 1, (wpool_mode)2)) == 0, "mode");
}

/* on_done is inside of the pool, and may cancel others. */
static void act_in_on_done(uint8_t how) {
    unsigned *depth = &model.done_depth[sched.current];
    MUST(CALL(wpool_drain(model.pool, WPOOL_FOREVER)) == WPOOL_DEADLOCK, "from inside");
    if ((how & 3) != 1 || *depth == 2) return;
    ++*depth;
    act_cancel((action){.a = how >> 3, .b = how >> 2});
    --*depth;
}

/* -- watching -- */

static void act_state(action todo) {
    wpool_id id;
    model_job *job = pick_job(todo.a, &id);
    bool was_stale = !job || job->delivered, was_started = job && job->started;
    /* on_done sees the end before the state says so; a reader in flight may let go of it then */
    bool was_seen = job && job->seen && (!job->has_on_done || job->is_removed);
    wpool_state state = CALL(wpool_job_state(model.pool, id));
    MUST(CALL(wpool_job_state(NULL, id)) == WPOOL_STATE_UNKNOWN, "NULL pool");
    if (was_stale) MUST(state == WPOOL_STATE_UNKNOWN, "a stale id has state %d", (int)state);
    switch (state) {
    case WPOOL_STATE_UNKNOWN:
        MUST(may_be_stale(job), "unknown, though nobody had the result");
        break;
    case WPOOL_STATE_WAITING:
        MUST((!was_started || model_comes_back(&job->pace)) && !was_seen,
             "a job that has started or ended waits");
        break;
    case WPOOL_STATE_DELAYED:
        MUST(job->pace.is_held || (model_comes_back(&job->pace) && job->started), "delayed");
        MUST(!was_seen, "a job that was seen to end is delayed");
        break;
    case WPOOL_STATE_RUNNING:
        MUST(!was_seen, "a job that was seen to end runs");
        break;
    case WPOOL_STATE_DISCARDED:
        MUST(!job->started && model_may_remove(job), "discarded");
        break;
    default:
        MUST(job->returned, "state %d", (int)state);
        MUST((state == WPOOL_STATE_SUCCEEDED) == (job->error == 0) ||
                 (state == WPOOL_STATE_CANCELLED && model_may_be_cut(job)),
             "state %d, error %d", (int)state, job->error);
        MUST(!model_must_go_on(job), "it has ended after %u runs, error %d", job->runs, job->error);
        model_see(job, state);
    }
}

/* With the crew as it was before the call. */
static void check_workers(const model_crew *crew, const wpool_stats_snapshot *stats) {
    MUST(stats->workers_idle <= stats->workers, "%u idle of %u", stats->workers_idle,
         stats->workers);
    MUST(stats->workers_blocked <= stats->workers, "%u blocked of %u", stats->workers_blocked,
         stats->workers);
    if (model.config.max_workers)
        MUST(stats->workers + stats->workers_leaving <= model.config.max_workers,
             "%u workers, %u leave, %u may be", stats->workers, stats->workers_leaving,
             model.config.max_workers);
    MUST(stats->workers >= model.config.min_workers, "%u workers, fewer than %u", stats->workers,
         model.config.min_workers);
    if (model.config.is_scaled && crew->epoch == 0 && model.crew.epoch == 0)
        MUST(stats->workers >= model.config.workers, "%u workers, fewer than %u", stats->workers,
             model.config.workers);
    if (crew->in_flight || model.crew.epoch != crew->epoch) return;
    MUST(stats->workers + stats->workers_leaving <= model_workers(), "%u workers, %u leave",
         stats->workers, stats->workers_leaving);
    MUST(crew->may_leave || stats->workers_leaving == 0, "%u leave, though none has to",
         stats->workers_leaving);
    MUST(stats->workers >= !model.config.is_inline, "no workers");
    MUST(!crew->is_known || stats->workers == crew->serving, "%u workers, not %u", stats->workers,
         crew->serving);
    if (stats->workers_leaving == 0 && !model.config.is_scaled) model.crew.may_leave = false;
}

static void act_stats(action todo) {
    before was = look_before();
    model_crew crew = model.crew;
    wpool_stats_snapshot stats;
    unsigned reruns = model.reruns, ups = model.ups, downs = model.downs;
    (void)todo;
    MUST(CALL(wpool_stats(model.pool, NULL)) == WPOOL_INVALID, "NULL stats");
    MUST(CALL(wpool_stats(model.pool, &stats)) == WPOOL_OK, "stats");
    uint64_t ran = stats.succeeded + stats.failed + stats.cancelled;
    MUST(stats.accepted == stats.waiting + stats.running + ran + stats.discarded, "the sum");
    MUST(stats.accepted >= was.accepted && stats.accepted <= model.begun, "accepted %u",
         (unsigned)stats.accepted);
    MUST(stats.waiting <= model.begun, "waiting is negative");
    /* more are waiting if a worker handed them in, or for a moment if the caller is to run them */
    unsigned more = model.begun_inside + model.held_begun;
    if ((model.ever.orders & 1) && model.ever.orders != 1) more += model.config.threads;
    if (model_may_be(WPOOL_RUN)) more += model.config.threads;
    MUST(model.ever.is_unbuffered || stats.waiting <= model.ever.most + more,
         "%u wait, the capacity is %u", (unsigned)stats.waiting, model.ever.most);
    MUST(stats.succeeded <= model.returned - model.errors, "too many have succeeded");
    MUST(stats.failed + stats.cancelled <= model.errors + model_cuts(), "too many errors");
    MUST(stats.discarded >= was.removed, "discarded %u", (unsigned)stats.discarded);
    MUST(stats.discarded <= model.removed + model_cancelling() || model_may_discard() ||
             model.may_lose,
         "discarded without a reason");
    MUST(model.hot_begun || model.crew.hot_ever || stats.cancelled <= model_told(),
         "cancelled without a reason");
    MUST(ran + stats.discarded >= was.delivered, "fewer have ended than were delivered");
    MUST(ran + stats.running <= model.started + model_hands() * (MODEL_DEPTH + 1), "running");
    MUST(stats.delayed <= stats.waiting, "%u are delayed, %u wait", (unsigned)stats.delayed,
         (unsigned)stats.waiting);
    MUST(stats.delayed <= model.held_begun, "%u are delayed", (unsigned)stats.delayed);
    MUST(stats.retries >= reruns, "%u retries, %u runs again", (unsigned)stats.retries, reruns);
    MUST(stats.scale_ups >= ups && stats.scale_downs >= downs, "%u decisions up, %u down",
         (unsigned)stats.scale_ups, (unsigned)stats.scale_downs);
    check_workers(&crew, &stats);
}

static void act_info(action todo) {
    wpool_info info;
    MUST(CALL(wpool_get_info(model.pool, NULL)) == WPOOL_INVALID, "NULL info");
    MUST(CALL(wpool_get_info(model.pool, &info)) == WPOOL_OK, "info");
    if (!model.info.name) model.info = info;
    MUST(strcmp(info.name, "fuzz") == 0 && info.id == model.info.id, "name or id");
    MUST(strlen(info.uuid) == 36 && info.uuid[14] == '4', "uuid");
    MUST(CALL(wpool_strerror((wpool_status)todo.a)) != NULL, "no text");
    MUST(CALL(wpool_version()) == WPOOL_VERSION, "version");
    MUST(CALL(wpool_cpus()) >= 1 && CALL(wpool_io_workers()) >= 1, "processors");
}

/* -- in a job -- */

/* With a deadline of its own that has passed, who keeps the time will tell it. */
static void check_late(const model_frame *frame) {
    const wpool_job *context = frame->context;
    if (model.config.is_inline || !model_is_past(context->deadline)) return;
    for (unsigned i = 0; i < 20000; i++) {
        if (context->state & WPOOL__JOB_TOLD) return;
        sched_point(true);
    }
    violation("it is late, and nobody tells it");
}

static void act_look_cancelled(action todo) {
    const model_frame *frame = model_top();
    if (!frame) return;
    model_job *job = frame->job && frame->job->has_record ? frame->job : NULL;
    for (unsigned i = 0; i <= (todo.a & 3u); i++) {
        bool was_told = model_is_frame_told(frame), is_told = CALL(wpool_cancelled(frame->context));
        MUST(is_told || !was_told, "a job was not told to end");
        MUST(!is_told || model_may_be_told(job), "a job was told to end without a reason");
        if (job && is_told) job->is_told = true;
        sched_point(true);
    }
    check_late(frame);
    MUST(!CALL(wpool_cancelled(NULL)), "NULL job");
}

/* Calls that end no later than the job's function, and only for a reason. */
static void on_cancel(void *arg) {
    model_listener *listener = (model_listener *)arg;
    MUST(++listener->calls == 1, "called %d times", listener->calls);
    MUST(model_may_be_told(listener->job), "called without a reason");
    for (int i = 0; i < 3; i++) {
        MUST(!listener->is_closed, "called after the job's function has returned");
        MUST(!listener->job || !listener->job->seen, "called after the job has ended");
        sched_point(true);
    }
}

static void act_on_cancel(action todo) {
    model_frame *frame = model_top();
    MUST(CALL(wpool_on_cancel(NULL, on_cancel, NULL)) == WPOOL_INVALID, "NULL job");
    if (!frame || model.listener_count == MODEL_LISTENERS) return;
    model_listener *listener = &model.listeners[model.listener_count++];
    bool is_plain = frame->job && !frame->job->has_record, was_told = model_is_frame_told(frame);
    bool is_none = todo.a >= 224;
    listener->job = frame->job;
    check_called(frame);
    wpool_status status =
        CALL(wpool_on_cancel(frame->context, is_none ? NULL : on_cancel, listener));
    MUST(is_plain == (status == WPOOL_INVALID), "on_cancel: %s", wpool_strerror(status));
    if (is_plain) return;
    if (frame->listener) frame->listener->is_closed = true;
    frame->listener = is_none ? NULL : listener;
    if (status == WPOOL_CANCELLED) {
        MUST(!is_none && listener->calls == 1, "called %d times", listener->calls);
        if (frame->job) frame->job->is_told = true;
    } else {
        MUST(status == WPOOL_OK, "on_cancel: %s", wpool_strerror(status));
        MUST(is_none || !was_told, "told, yet not called");
    }
    if (todo.b & 1) act_look_cancelled(todo);
    for (unsigned i = todo.b >> 3; i > 0; i--)
        sched_point(true);
    check_called(frame);
}

static void act_set_result(action todo) {
    model_frame *frame = model_top();
    CALL(wpool_set_result(NULL, NULL));
    if (!frame) return;
    frame->data = &model.scripts[todo.a % SCRIPTS];
    CALL(wpool_set_result(frame->context, frame->data));
}

static void act_context(action todo) {
    const model_frame *frame = model_top();
    (void)todo;
    if (frame) check_context(frame);
    MUST(CALL(wpool_job_id(NULL)) == 0 && CALL(wpool_job_attempt(NULL)) == 0, "NULL job");
    MUST(!CALL(wpool_job_pool(NULL)) && !CALL(wpool_worker_state(NULL)), "NULL job");
}

/* -- parallel: children and iterations count, and let others go on -- */

#define CHILDREN 3

typedef struct model_child {
    unsigned runs, pauses;
    bool listens;
    const model_job *job; /* that it is a part of; NULL: it can only be told with the whole pool */
    model_listener *listener;
} model_child;

static void listen_as_child(model_child *child, wpool_job *context) {
    if (!child->listens || model.listener_count == MODEL_LISTENERS) return;
    child->listener = &model.listeners[model.listener_count++];
    child->listener->job = child->job;
    wpool_status status = CALL(wpool_on_cancel(context, on_cancel, child->listener));
    MUST(status == WPOOL_OK || status == WPOOL_CANCELLED, "on_cancel: %s", wpool_strerror(status));
    MUST(status == WPOOL_OK || child->listener->calls == 1, "told, yet not called");
}

static int run_child(void *arg, wpool_job *context) {
    model_child *child = (model_child *)arg;
    bool was_told = model_is_told(child->job), is_told = CALL(wpool_cancelled(context));
    MUST(is_told || !was_told, "a child was not told to end");
    MUST(!is_told || model_may_be_told(child->job), "a child was told to end without a reason");
    MUST(CALL(wpool_job_pool(context)) == model.pool, "another pool");
    listen_as_child(child, context);
    for (unsigned i = child->pauses; i > 0; i--)
        sched_point(true);
    MUST(++child->runs == 1, "a child runs twice");
    bool is_called = model.hot_done || (child->job && child->job->is_called);
    MUST(!child->listener || !is_called || child->listener->calls == 1, "told, but not called");
    return 0;
}

static void end_child(wpool_job *self, wpool_job *job, model_child *child, bool is_joined) {
    if (is_joined) {
        CALL(wpool_join(self, job));
        CALL(wpool_join(self, job));
    } else if (CALL(wpool_unfork(self, job))) {
        child->listens = false; /* that would be in place of what the caller has set */
        run_child(child, self);
    }
    MUST(child->runs == 1, "a child that was joined has not run");
    if (child->listener) child->listener->is_closed = true;
}

static void act_fork(action todo) {
    const model_frame *frame = model_top();
    wpool_job jobs[CHILDREN];
    model_child children[CHILDREN];
    unsigned count = 1 + todo.a % CHILDREN;
    if (!frame) return;
    for (unsigned i = 0; i < count; i++) {
        children[i] = (model_child){.pauses = todo.b >> i & 7u, .listens = todo.b >> i & 1};
        if (frame->job && frame->job->has_record) children[i].job = frame->job;
        CALL(wpool_fork(frame->context, &jobs[i], run_child, &children[i]));
    }
    for (unsigned i = todo.a >> 2 & 7; i > 0; i--)
        sched_point(true);
    for (unsigned i = 0; i < count; i++) {
        unsigned which = todo.a & 64 ? i : count - 1 - i;
        end_child(frame->context, &jobs[which], &children[which], todo.b >> (i + 4) & 1);
    }
}

static int run_iterations(size_t begin, size_t end, void *arg, wpool_job *context) {
    unsigned *runs = (unsigned *)arg;
    MUST(CALL(wpool_job_pool(context)) == model.pool && begin < end, "a strange chunk");
    for (size_t i = begin; i < end; i++)
        MUST(++runs[i] == 1, "an iteration runs twice");
    sched_point(true);
    return 0;
}

static void act_for(action todo) {
    unsigned runs[16] = {0};
    size_t begin = todo.a & 3, end = begin + (todo.a >> 2) % 13, grain = todo.b & 3;
    /* a worker that waits for its part may run any job, and that one wait for this thread, or
       until all others have ended */
    bool may_be_any = model.config.help == WPOOL_HELP_ANY || model.config.edits_help;
    if (may_be_any && (model.config.takes_forever || !may_block())) return;
    const model_frame *frame = model_top();
    const model_job *job = frame && frame->job && frame->job->has_record ? frame->job : NULL;
    bool was_hot = frame ? model_is_frame_told(frame) : model.hot_done;
    wpool_status status = CALL(wpool_for(model.pool, begin, end, grain, run_iterations, runs));
    MUST(status == (was_hot ? WPOOL_CANCELLED : WPOOL_OK) ||
             (status == WPOOL_CANCELLED && model_may_be_told(job)),
         "a loop: %s", wpool_strerror(status));
    for (size_t i = 0; i < 16 && status == WPOOL_OK; i++)
        MUST(runs[i] == (i >= begin && i < end), "an iteration was left out");
    MUST(CALL(wpool_for(model.pool, 1, 0, 0, run_iterations, runs)) == WPOOL_INVALID, "backwards");
    MUST(CALL(wpool_for(NULL, 0, 1, 0, run_iterations, runs)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_for(model.pool, 0, 1, 0, NULL, runs)) == WPOOL_INVALID, "NULL body");
}

/* -- life -- */

static void act_start(action todo) {
    (void)todo;
    model.start_begun = true;
    wpool_status status = CALL(wpool_start(model.pool));
    MUST(status == WPOOL_OK || status == WPOOL_ALREADY, "start: %s", wpool_strerror(status));
    MUST(status == WPOOL_ALREADY || model.config.may_pause, "started, but never paused");
}

static void act_pause(action todo) {
    if (!model.config.may_pause || model.is_ending) return;
    model.pausing++;
    model.was_paused = true;
    wpool_status status = CALL(wpool_pause(model.pool));
    model.pausing--;
    MUST(status == WPOOL_OK || status == WPOOL_ALREADY, "pause: %s", wpool_strerror(status));
    if (todo.a & 1) act_start(todo);
}

static void note_close(wpool_status status, bool was_done) {
    model.closes += status == WPOOL_OK;
    MUST(model.closes <= 1, "closed twice");
    MUST(status == WPOOL_ALREADY || !was_done, "closed again");
    MUST(status == WPOOL_OK || status == WPOOL_ALREADY, "close: %s", wpool_strerror(status));
    model.close_done = true;
}

static void act_close(action todo) {
    bool was_done = model.close_done;
    (void)todo;
    model.close_begun = true;
    note_close(CALL(wpool_close(model.pool)), was_done);
}

static void act_stop(action todo) {
    wpool_mode mode = todo.a & 1 ? WPOOL_HOT : WPOOL_GRACEFUL;
    bool was_done = mode == WPOOL_HOT ? model.hot_done : model.stop_done;
    MUST(CALL(wpool_stop(model.pool, (wpool_mode)(2 + todo.a % 3))) == WPOOL_INVALID, "mode");
    if (todo.b < 160 && !model.is_ending) return;
    model.stops++;
    model.close_begun = model.stop_begun = true;
    model.hot_begun |= mode == WPOOL_HOT;
    wpool_status status = CALL(wpool_stop(model.pool, mode));
    MUST(status == WPOOL_OK || status == WPOOL_ALREADY, "stop: %s", wpool_strerror(status));
    MUST(status == WPOOL_ALREADY || !was_done, "stopped twice");
    MUST(status == WPOOL_OK || model.stops > 1, "already stopped, though nobody did");
    model.close_done = model.stop_done = true;
    model.hot_done |= mode == WPOOL_HOT;
}

static void check_quiet(uint64_t accepted) {
    for (unsigned i = 0; i < model.job_count; i++) {
        if (!(accepted >> i & 1)) continue;
        MUST(model_has_ended(&model.jobs[i]), "quiet, but job %u has not ended", i);
        if (model.jobs[i].has_on_done) MUST(model.jobs[i].reported, "quiet before on_done");
    }
    model.ended |= accepted;
}

static void act_drain(action todo) {
    bool is_inside = model_is_inside();
    uint64_t accepted = accepted_now();
    int64_t timeout = choose_timeout(todo.b, is_inside || may_block());
    if (timeout < 0 && !is_inside && model.config.takes_forever) timeout = 1;
    wpool_status status = CALL(wpool_drain(model.pool, timeout));
    MUST(is_inside == (status == WPOOL_DEADLOCK), "inside: %d, %s", is_inside,
         wpool_strerror(status));
    if (is_inside) return;
    MUST(status == WPOOL_OK || status == WPOOL_TIMEOUT, "drain: %s", wpool_strerror(status));
    MUST(status == WPOOL_OK || timeout >= 0, "timed out without a timeout");
    if (status == WPOOL_OK) check_quiet(accepted);
}

static void shut_down(wpool_mode mode, int64_t timeout) {
    bool is_inside = model_is_inside();
    uint64_t accepted = accepted_now();
    if (!is_inside) {
        model.close_begun = model.start_begun = true;
        model.stop_begun |= timeout >= 0;
        model.stops += timeout >= 0;
        model.hot_begun |= timeout >= 0 && mode == WPOOL_HOT;
    }
    wpool_status status = CALL(wpool_shutdown(model.pool, mode, timeout));
    MUST(is_inside == (status == WPOOL_DEADLOCK), "inside: %d, %s", is_inside,
         wpool_strerror(status));
    if (is_inside) return;
    model.close_done = true;
    MUST(status == WPOOL_OK || (status == WPOOL_TIMEOUT && timeout >= 0), "shutdown: %s",
         wpool_strerror(status));
    if (status == WPOOL_OK) check_quiet(accepted);
    if (status == WPOOL_TIMEOUT) {
        model.stop_done = true;
        model.hot_done |= mode == WPOOL_HOT;
    }
}

static void act_shutdown(action todo) {
    bool is_inside = model_is_inside();
    MUST(CALL(wpool_shutdown(model.pool, (wpool_mode)-1, WPOOL_FOREVER)) == WPOOL_INVALID, "mode");
    MUST(CALL(wpool_shutdown(NULL, WPOOL_HOT, WPOOL_FOREVER)) == WPOOL_INVALID, "NULL pool");
    if (!is_inside && todo.b < 160) return;
    shut_down(todo.a & 1 ? WPOOL_HOT : WPOOL_GRACEFUL, choose_timeout(todo.b, may_block()));
}

static void act_destroy(action todo) {
    (void)todo;
    MUST(CALL(wpool_destroy(NULL)) == WPOOL_OK, "NULL pool");
    if (model_is_inside()) MUST(CALL(wpool_destroy(model.pool)) == WPOOL_DEADLOCK, "from inside");
}

static void act_nulls(action todo) {
    wpool_config config = {.workers = 1, .queue_capacity = todo.b % 3};
    wpool *pool = model.pool;
    MUST(CALL(wpool_create(NULL, &config)) == WPOOL_INVALID, "NULL pool");
    static const wpool_allocator none;
    if (todo.a % 5 == 0) config.when_full = (wpool_when_full)4;
    if (todo.a % 5 == 1) config.help = (wpool_help)-1;
    if (todo.a % 5 == 2) config.workers = WPOOL_MAX_WORKERS + 1;
    if (todo.a % 5 == 3) config.min_workers = 2;
    if (todo.a % 5 == 4) config.allocator = &none;
    MUST(CALL(wpool_create(&pool, &config)) == WPOOL_INVALID && !pool, "a bad config");
    MUST(CALL(wpool_start(NULL)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_pause(NULL)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_close(NULL)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_stop(NULL, WPOOL_HOT)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_drain(NULL, WPOOL_FOREVER)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_wait(NULL, 1, WPOOL_FOREVER, NULL)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_take(NULL, WPOOL_FOREVER, NULL)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_forget(NULL, 1)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_cancel(NULL, 1, WPOOL_HOT)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_discard(NULL, &model.foreign, 1, WPOOL_HOT)) == 0, "NULL pool");
    MUST(CALL(wpool_discard(model.pool, NULL, 1, WPOOL_HOT)) == 0, "NULL ids");
    MUST(CALL(wpool_results_fd(NULL)) == -1, "NULL pool");
    MUST(CALL(wpool_close_results(NULL)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_stats(NULL, NULL)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_get_info(NULL, NULL)) == WPOOL_INVALID, "NULL pool");
    CALL(wpool_job_init(NULL, run_job, NULL));
}

/* -- another pool, an inline one, used from anywhere -- */

static int run_other(void *arg, wpool_job *context) {
    MUST(CALL(wpool_job_pool(context)) == model.other, "another pool");
    if (model_is_inside())
        MUST(CALL(wpool_drain(model.pool, WPOOL_FOREVER)) == WPOOL_DEADLOCK, "from inside");
    MUST(CALL(wpool_destroy(model.other)) == WPOOL_DEADLOCK, "from inside");
    ++*(int *)arg;
    return 0;
}

static void act_other(action todo) {
    int runs = 0;
    wpool_id id;
    wpool_result result;
    bool is_removed = false;
    wpool_status status = CALL(wpool_submit(model.other, run_other, &runs, &id));
    if (status == WPOOL_NO_MEMORY && model_memory_fails()) return;
    MUST(status == WPOOL_OK, "submit: %s", wpool_strerror(status));
    model.foreign = id;
    MUST(CALL(wpool_wait(model.pool, id, WPOOL_FOREVER, NULL)) == WPOOL_UNKNOWN, "a foreign id");
    MUST(CALL(wpool_cancel(model.pool, id, WPOOL_HOT)) == WPOOL_UNKNOWN, "a foreign id");
    if (todo.a & 1) {
        status = CALL(wpool_cancel(model.other, id, WPOOL_GRACEFUL));
        is_removed = status == WPOOL_OK;
        MUST(is_removed || status == (runs ? WPOOL_ALREADY : WPOOL_RUNNING) ||
                 status == WPOOL_RUNNING,
             "cancel: %s", wpool_strerror(status));
    }
    status = CALL(wpool_wait(model.other, id, WPOOL_FOREVER, &result));
    MUST(status == WPOOL_OK && result.arg == &runs, "wait: %s", wpool_strerror(status));
    MUST(runs == !is_removed && (result.state == WPOOL_STATE_DISCARDED) == is_removed,
         "runs %d times, cancelled in time: %d", runs, is_removed);
    MUST(CALL(wpool_results_fd(model.other)) == -1, "a descriptor without results");
}

#include "crew.h"
#include "groups.h"
#include "pace.h"

static void act_nothing(action todo) {
    for (unsigned i = 0; i < (todo.a & 7u); i++)
        sched_point(true);
}

enum { ACT_PACE = 72 }; /* from there on: pace.h */

static void (*const act_table[])(action) = {
    act_nothing, act_submit, act_submit, act_submit, act_submit, act_submit_many, act_submit_job,
    act_submit_job, act_wait, act_wait, act_wait_child, act_wait_child, act_wait_self,
    act_wait_slot, act_wait_slot, act_slot_result, act_take, act_take, act_take, act_forget,
    act_state, act_state, act_stats, act_info, act_look_cancelled, act_set_result, act_context,
    act_start, act_pause, act_close_results, act_close, act_stop, act_drain, act_shutdown,
    act_destroy, act_nulls, act_other, act_submit_badly, act_fork, act_fork, act_for, act_cancel,
    act_cancel, act_cancel, act_cancel_self, act_discard, act_on_cancel, act_on_cancel,
    act_results_fd,
    /* 49 */
    act_scale, act_scale, act_scale_to, act_worker_stop, act_workers, act_get_config, act_configure,
    act_configure, act_configure_badly, act_group_init, act_submit_bound, act_submit_bound,
    act_submit_bound, act_submit_job_bound, act_submit_job_bound, act_group_cancel,
    act_group_on_error, act_group_deadline, act_group_cancelled, act_group_wait, act_group_wait,
    act_group_here, act_other_in_group,
    /* 72 */
    act_submit_paced, act_submit_paced, act_submit_paced, act_submit_paced, act_submit_after,
    act_submit_after, act_submit_lane, act_submit_lane, act_submit_lane, act_lane_init,
    act_lane_destroy, act_lane_destroy, act_blocking, act_blocking, act_run_long,
    act_block_for_child};

static void act(action todo) {
    act_table[todo.kind % (sizeof act_table / sizeof *act_table)](todo);
}

/* May a job take results, now or later? */
static bool do_jobs_take(void) {
    bool takes = false;
    for (unsigned i = 0; i < SCRIPTS * SCRIPT_ACTIONS; i++) {
        const action *todo = &model.scripts[i / SCRIPT_ACTIONS].actions[i % SCRIPT_ACTIONS];
        takes |= act_table[todo->kind % (sizeof act_table / sizeof *act_table)] == act_take;
    }
    return takes;
}

/* The only reader takes without limit until it has the result of the last job: nothing else, such
   as the end of the pool, would wake it. */
static void take_all(void) {
    if (!model.config.results || model.config.threads > 1 || do_jobs_take()) return;
    model_job *job = new_job(0);
    if (!job) return;
    before was = look_before();
    wpool_status status = CALL(wpool_try_submit(model.pool, run_job, job, NULL));
    check_submit(&was, 1, status == WPOOL_OK, status, WPOOL_REFUSE, false);
    settle_job(job, status);
    while (status == WPOOL_OK && !job->delivered)
        status = take(WPOOL_FOREVER);
    MUST(!job->delivered || status == WPOOL_OK, "taken, but: %s", wpool_strerror(status));
    MUST(job->submission == SUBMIT_REFUSED || job->delivered || model.results_close_begun,
         "the last result does not come: %s", wpool_strerror(status));
}

#endif /* FUZZ_CALLS_H */
