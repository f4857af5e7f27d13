/* pace.h - jobs that have a time, come back, wait for others or go in lanes; who keeps the time

   What a job has to wait for is noted before it is handed in, and looked at when it starts. */
#ifndef FUZZ_PACE_H
#define FUZZ_PACE_H

static const int64_t spans[] = {0, 1, 60, 400, 3000, 20000, WPOOL_MS(1), WPOOL_MS(100)};

static bool is_pressed(void *user) {
    MUST(user == &model, "pressure: another user");
    return (sched.now >> 9 & 7) == 0;
}

/* It may be that of the pool from now on. */
static wpool_scaling choose_scaling(uint8_t a, uint8_t b) {
    static const unsigned loads[] = {1, 2, UINT32_MAX, 0};
    static const int64_t idles[] = {WPOOL_MS(1), WPOOL_MS(30), 0, WPOOL_FOREVER};
    model.may_be_pressed |= a >> 7 & 1;
    return (wpool_scaling){.jobs_per_worker = loads[a & 3],
                           .wait = a >> 2 & 1 ? spans[1 + (b & 3)] : 0,
                           .step = a >> 3 & 1,
                           .idle = idles[a >> 4 & 3],
                           .cooldown = a >> 6 & 1 ? WPOOL_MS(1) << (b >> 2 & 3) : 0,
                           .pressure = a >> 7 & 1 ? is_pressed : NULL,
                           .user = &model};
}

/* -- hooks -- */

static void on_scaled(void *user, const wpool_scale_event *event) {
    MUST(user == &model && !model_is_inside() && !model.is_over, "scaled: from where?");
    MUST(model.config.is_scaled || !model.config.max_workers, "nobody asked for scaling");
    MUST(event->before <= most_workers() && event->after <= most_workers(), "%u workers, then %u",
         event->before, event->after);
    MUST(event->after >= least_workers(), "%u workers, fewer than %u", event->after,
         least_workers());
    bool is_less = event->reason == WPOOL_SCALE_IDLE || event->reason == WPOOL_SCALE_PRESSURE;
    MUST(event->reason > WPOOL_SCALE_NONE && event->reason <= WPOOL_SCALE_MINIMUM, "reason %d",
         (int)event->reason);
    if (event->before == event->after)
        MUST(!is_less && (model_may_lack_threads() || model_memory_fails()), "no decision");
    else
        MUST(is_less == (event->after < event->before), "from %u to %u workers: reason %d",
             event->before, event->after, (int)event->reason);
    model.ups += event->after > event->before;
    model.downs += event->after < event->before;
}

static void on_stuck(void *user, const wpool_stuck *stuck) {
    MUST(user == &model && !model.is_over, "stuck: from where?");
    MUST(!stuck->name || strcmp(stuck->name, fuzz_name) == 0, "a job's name");
    for (unsigned i = 0; i < model.job_count; i++) {
        model_job *job = &model.jobs[i];
        if (!stuck->id || job->id != stuck->id) continue;
        MUST(job->pace.run_limit && stuck->ran_ns >= job->pace.run_limit, "stuck after %u ns",
             (unsigned)stuck->ran_ns);
        unsigned runs = job->runs + (job->started == job->returned); /* one may be beginning */
        MUST(++job->stuck <= runs, "%u runs, stuck %u times", job->runs, job->stuck);
    }
}

static void on_stalled(void *user, wpool *pool) {
    MUST(user == &model && pool == model.pool && !model.is_over, "stalled: from where?");
}

/* -- when a job starts -- */

static void check_times(const model_job *job, bool is_first) {
    const model_pace *pace = &job->pace;
    if (is_first) {
        MUST(sched.now >= job->begun_ns + pace->delay, "it starts before its delay has passed");
        return;
    }
    MUST(!job->is_surely_cancelled, "it was told to end, and failed, and runs again");
    MUST(!job->most_runs || job->runs < job->most_runs, "it was cancelled and runs again");
    if (!job->error) {
        MUST(pace->period, "it has succeeded and runs again");
        MUST(sched.now >= job->begun_ns + pace->delay + job->periods * pace->period,
             "it runs again before its period has passed");
    } else {
        MUST(job->failures < pace->attempts && !pace->is_patient, "it failed %u times, and again",
             job->failures);
        MUST(sched.now >= job->returned_ns + pace->retry_delay, "it is tried again too soon");
    }
}

/* Does it surely have a turn in its lane? */
static bool holds_turn(const model_job *job) {
    if (!job->started) return false;
    return !job->returned || (job->error && model_must_go_on(job));
}

static void check_turn(const model_job *job, bool is_first) {
    const model_lane *lane = &model.lanes[job->pace.lane];
    unsigned turns = 1;
    for (unsigned i = 0; i < model.job_count; i++) {
        const model_job *other = &model.jobs[i];
        if (other == job || other->pace.lane != job->pace.lane) continue;
        turns += holds_turn(other);
        bool is_before = is_first && job->pace.is_plain_order && other->pace.is_plain_order &&
                         other->lane_entered && other->lane_entered < job->lane_begun;
        if (is_before && lane->max_running == 1)
            MUST(other->started || model_may_remove(other), "it overtakes job %u in its lane", i);
    }
    MUST(turns <= lane->max_running, "%u have a turn in a lane for %u", turns, lane->max_running);
}

static void check_pace(const model_job *job, bool is_first) {
    check_times(job, is_first);
    for (unsigned i = 0; i < job->pace.after_count; i++) {
        const model_job *first = &model.jobs[job->pace.after[i]];
        MUST(first->returned && !first->error && !first->is_removed,
             "it starts before job %u has succeeded", job->pace.after[i]);
        MUST(!model_must_go_on(first), "it starts before job %u has ended", job->pace.after[i]);
    }
    if (job->pace.lane) check_turn(job, is_first);
}

static void enter_lane(unsigned number, const model_pace *pace, bool is_first) {
    model_lane *lane = &model.lanes[number];
    if (!number) return;
    MUST(lane->is_open, "it runs in a lane that is gone");
    MUST(++lane->running <= lane->max_running, "%u run in a lane for %u", lane->running,
         lane->max_running);
    lane->left += is_first && !model_comes_back(pace);
    lane->starts += is_first;
    if (lane->interval)
        MUST(lane->starts <= lane->burst + (sched.now - lane->since) / lane->interval + 1,
             "%u have started within %u ns", lane->starts, (unsigned)(sched.now - lane->since));
}

static void leave_lane(unsigned number) {
    if (number) model.lanes[number].running--;
}

/* -- lanes -- */

static void init_lane(unsigned number, uint8_t how) {
    static const wpool_rate limits[] = {{0, 0}, {0, 0}, {1e7, 2}, {1e6, 0}};
    model_lane *lane = &model.lanes[number];
    const wpool_rate *rate = &limits[how >> 4 & 3];
    *lane = (model_lane){.is_ending = true, /* or beginning */
                         .max_running = 1 + (how & 3u) % 3,
                         .max_waiting = how >> 2 & 3,
                         .burst = rate->burst ? rate->burst : 1,
                         .interval = rate->per_second > 0 ? (int64_t)(1e9 / rate->per_second) : 0,
                         .since = sched.now};
    lane->own.max_running = how & 3 ? lane->max_running : 0;
    lane->own.max_waiting = lane->max_waiting;
    lane->own.rate = *rate;
    wpool_status status = CALL(wpool_lane_init(&lane->own, model.pool));
    MUST(status == WPOOL_OK ||
             (status == WPOOL_NO_THREAD && lane->interval && model_may_lack_threads()),
         "lane: %s", wpool_strerror(status));
    lane->is_open = status == WPOOL_OK;
    lane->is_ending = false;
}

static void act_lane_init(action todo) {
    wpool_lane bad = {.rate = {.per_second = -1}};
    MUST(CALL(wpool_lane_init(NULL, model.pool)) == WPOOL_INVALID, "NULL lane");
    MUST(CALL(wpool_lane_init(&bad, model.pool)) == WPOOL_INVALID, "a rate below 0");
    bad.rate.per_second = 0;
    MUST(CALL(wpool_lane_init(&bad, NULL)) == WPOOL_INVALID, "NULL pool");
    unsigned number = 1 + todo.a % (MODEL_LANES - 1);
    const model_lane *lane = &model.lanes[number];
    if (!lane->is_open && !lane->is_ending && !lane->submitting) init_lane(number, todo.b);
}

/* How many jobs of the lane have not ended: at least, or at most. */
static unsigned in_lane(unsigned number, bool at_most) {
    unsigned count = 0;
    for (unsigned i = 0; i < model.job_count; i++) {
        const model_job *job = &model.jobs[i];
        if (job->pace.lane != number || job->submission != SUBMIT_ACCEPTED) continue;
        bool is_over = (model.ended >> i & 1) || job->is_removed;
        count += at_most ? !is_over : !model_has_ended(job);
    }
    for (unsigned i = 0; i < MODEL_SLOTS; i++) {
        const model_slot *slot = &model.slots[i];
        if (slot->pace.lane == number)
            count += at_most ? slot->begun != 0 : slot->started > slot->returned;
    }
    return count;
}

/* The lane ends, if it has no jobs; nobody hands in one meanwhile. */
static void destroy_lane(unsigned number, bool are_over) {
    model_lane *lane = &model.lanes[number];
    if (!lane->is_open || lane->is_ending || lane->submitting) return;
    unsigned least = in_lane(number, false), most = in_lane(number, true);
    lane->is_ending = true;
    wpool_status status = CALL(wpool_lane_destroy(&lane->own));
    lane->is_ending = false;
    MUST(status == WPOOL_OK || status == WPOOL_RUNNING, "lane: %s", wpool_strerror(status));
    MUST(status == WPOOL_OK || (most && !are_over), "a lane without jobs has some");
    MUST(status == WPOOL_RUNNING || !least || !in_lane(number, false), "a lane with jobs ends");
    lane->is_open = status == WPOOL_RUNNING;
    if (status == WPOOL_OK) memset(&lane->own, 0xA5, sizeof lane->own);
}

static void act_lane_destroy(action todo) {
    unsigned number = 1 + todo.a % (MODEL_LANES - 1);
    MUST(CALL(wpool_lane_destroy(NULL)) == WPOOL_INVALID, "NULL lane");
    for (unsigned i = 0; i < MODEL_SLOTS; i++)
        if (model.slots[i].pace.lane == number) return; /* they will come back */
    if (todo.b >= 160) destroy_lane(number, false);
}

/* -- submitting -- */

/* What the options of a job are, but for after, which is in ids. */
static void set_options(wpool_options *options, const model_pace *pace, uint8_t how) {
    options->delay = pace->delay;
    options->period = pace->period;
    options->run_limit = pace->run_limit;
    options->lane = pace->lane ? &model.lanes[pace->lane].own : NULL;
    options->priority = (wpool_priority)(how % 3);
}

static void finish_pace(model_pace *pace) {
    pace->is_held = pace->delay || pace->period || pace->lane || pace->after_count;
    pace->is_plain_order = pace->lane && !pace->delay && !pace->period && !pace->after_count;
}

/* 0: none. Nobody may wait behind a job that takes until the others have ended. */
static unsigned pick_lane(uint8_t a) {
    if (model.config.takes_forever) return 0;
    unsigned number = 1 + a % (MODEL_LANES - 1);
    return model.lanes[number].is_open && !model.lanes[number].is_ending ? number : 0;
}

/* The answer of a submit of such a job. */
static void check_held(const before *was, const model_pace *pace, const held_look *look,
                       wpool_status status) {
    const model_lane *lane = &model.lanes[pace->lane];
    model.accepted += status == WPOOL_OK;
    if (status == WPOOL_OK) {
        if (model_is_inside()) model.accepted_inside++;
        MUST(!was->is_closed, "accepted after close");
        MUST(!look->is_stale, "accepted after a stale id");
        return;
    }
    model.refused++;
    switch (status) {
    case WPOOL_CLOSED:
        MUST(model.close_begun, "closed, though nobody closed");
        break;
    case WPOOL_UNKNOWN:
        MUST(look->may_be_stale, "it is to wait for no stale id");
        break;
    case WPOOL_NO_MEMORY:
        MUST(model_memory_fails(), "no memory, though there is");
        break;
    case WPOOL_NO_THREAD:
        MUST(look->has_time && !model.config.is_inline && model_may_lack_threads(),
             "nobody keeps the time");
        break;
    case WPOOL_TIMEOUT:
        MUST(pace->lane && lane->max_waiting && look->may_time_out && !was->is_closed, "timed out");
        break;
    default:
        MUST(status == WPOOL_FULL && pace->lane && !look->blocks, "a strange status: %s",
             wpool_strerror(status));
        MUST(lane->max_waiting && lane->begun - lane->refused - look->left >= lane->max_waiting,
             "a lane for %u is full with %u", lane->max_waiting,
             lane->begun - lane->refused - look->left);
    }
}

/* Picks jobs to wait for. True: one is stale already. */
static bool pick_after(model_pace *pace, wpool_id *ids, uint8_t a, unsigned count) {
    bool is_stale = false;
    for (unsigned i = 0; i < count; i++) {
        const model_job *first = pick_job((uint8_t)(a + 5 * i), &ids[i]);
        is_stale |= !first || first->delivered;
        if (first) pace->after[pace->after_count++] = (unsigned)(first - model.jobs);
    }
    return is_stale;
}

static void submit_paced(unsigned script, uint8_t how, model_pace pace, const wpool_retry *retry,
                         unsigned after_count, uint8_t after, int64_t timeout, unsigned group) {
    before was = look_before();
    wpool_id ids[MODEL_AFTER];
    bool is_stale = pick_after(&pace, ids, after, after_count);
    model_job *job = new_job_with(script, how, group);
    if (!job) return;
    const group_look look = look_group(group);
    set_retry(&pace, retry->attempts ? retry : &model.config.retry);
    finish_pace(&pace);
    pace.is_held |= after_count != 0;
    bool is_paced = pace.is_held || pace.run_limit || model_comes_back(&pace);
    job->has_record |= job->has_id || job->has_on_done || job->name || group || is_paced;
    model.held_begun += is_paced - model_comes_back(&job->pace);
    job->pace = pace;
    job->begun_ns = sched.now;
    job->lane_begun = ++model.lane_calls;
    model.may_lose |= after_count != 0;
    wpool_options options = job_options(job, timeout);
    options.retry = *retry;
    options.after = after_count ? ids : NULL;
    options.after_count = after_count;
    set_options(&options, &pace, how >> 3);
    held_look held = look_held(&pace, timeout, &was);
    begin_held(&pace);
    note_bound(group, 0);
    wpool_status status = submit_with(job, &options);
    end_held(&pace, &held, status);
    if (status == WPOOL_OK) job->lane_entered = ++model.lane_calls;
    held.is_stale = held.may_be_stale = is_stale;
    for (unsigned i = 0; i < pace.after_count; i++)
        held.may_be_stale |= may_be_stale(&model.jobs[pace.after[i]]);
    if (!check_bound(group, held.has_time, &look, status)) {
        if (pace.is_held)
            check_held(&was, &pace, &held, status);
        else
            check_submit_one(&was, status, timeout);
    }
    settle_job(job, status);
}

static wpool_retry choose_retry(uint8_t a) {
    return (wpool_retry){.attempts = a & 3,
                         .delay = spans[1 + (a >> 2 & 3)],
                         .factor = a >> 4 & 1 ? 1 : 0,
                         .when = (a >> 5 & 7) == 7 ? refuse_retry : NULL};
}

/* For a lane: when the caller may be the only one to let the others go on, it does not block. */
static int64_t choose_lane_timeout(uint8_t b) {
    if (model_is_inside()) return 1 + (b & 31);
    return choose_submit_timeout(b);
}

static void act_submit_paced(action todo) {
    model_pace pace = {.delay = todo.a & 8 ? spans[todo.b & 7] : 0,
                       .period = todo.a & 16 ? spans[1 + (todo.b >> 3 & 3)] : 0,
                       .run_limit = todo.a & 32 ? WPOOL_MS(1) << (todo.b >> 2 & 3) : 0};
    const wpool_retry retry = choose_retry(todo.a & 64 ? todo.b ^ todo.a : 0);
    submit_paced(todo.a & 7, (uint8_t)(todo.b ^ todo.a >> 7), pace, &retry, 0, 0,
                 choose_submit_timeout(todo.b >> 2),
                 todo.a & 128 && todo.b & 64 ? pick_group(todo.b >> 3) : 0);
}

static void act_submit_after(action todo) {
    if (model.config.takes_forever) return; /* as for lanes */
    model_pace pace = {.delay = todo.a & 128 ? spans[todo.b & 3] : 0,
                       .lane = todo.a & 64 ? pick_lane(todo.b) : 0};
    const wpool_retry retry = {.attempts = todo.a & 32 ? 2 : 0, .delay = 60};
    submit_paced(todo.a & 7, (uint8_t)(1 | todo.b >> 4), pace, &retry, 1 + (todo.a >> 3 & 1),
                 todo.b, choose_lane_timeout(todo.b), 0);
}

static void act_submit_lane(action todo) {
    model_pace pace = {.lane = pick_lane(todo.b >> 2),
                       .delay = (todo.a & 24) == 24 ? spans[1 + (todo.b & 3)] : 0,
                       .period = (todo.a & 56) == 32 ? spans[1 + (todo.b & 3)] : 0};
    const wpool_retry retry = choose_retry(todo.a & 64 ? todo.b : 0);
    submit_paced(todo.a & 7, (uint8_t)(todo.a >> 5 ^ todo.b), pace, &retry, 0, 0,
                 choose_lane_timeout(todo.b >> 4), todo.a & 128 ? pick_group(todo.b) : 0);
}

/* -- in a job -- */

static void block_a_little(void *arg) {
    int64_t *span = (int64_t *)arg;
    MUST(*span >= 0, "called twice");
    if (*span) sched_park(SCHED_HERE(model.word), &model.word, 0, sched.now + *span);
    *span = -1;
}

static void act_blocking(action todo) {
    const model_frame *frame = model_top();
    int64_t span = spans[todo.a & 7];
    MUST(CALL(wpool_blocking(NULL, block_a_little, &span)) == WPOOL_INVALID, "NULL job");
    CALL(wpool_progress(NULL));
    if (!frame) return;
    MUST(CALL(wpool_blocking(frame->context, NULL, &span)) == WPOOL_INVALID, "NULL call");
    MUST(CALL(wpool_blocking(frame->context, block_a_little, &span)) == WPOOL_OK, "blocking");
    MUST(span == -1, "not called");
    if (todo.b & 1) CALL(wpool_progress(frame->context));
}

/* Threads of the pool that are there, but for the one that keeps the time. */
static unsigned threads_there(void) {
    unsigned count = 0;
    for (int i = 1; i < sched.thread_count; i++)
        count += !model.is_client[i] && sched.threads[i].state != THREAD_ENDED;
    return count - 1;
}

/* May the scaler refuse to add a worker in place of one that blocks, though there may be more? */
static bool may_lack_place(void) {
    const configuration *config = &model.config;
    return !config->is_scaled || model.may_be_pressed || model.was_paused || is_still() ||
           model.ever.rates != 1 || model_memory_fails() || model_threads_left() <= 1 ||
           threads_there() >= config->max_workers;
}

/* Until a job has begun that this one has submitted: somebody must take its place to run it. */
static void block_for(void *arg) {
    const model_job *job = (const model_job *)arg;
    for (unsigned i = 0; i < 50 && !job->started && !model_has_ended(job); i++)
        sched_park(SCHED_HERE(model.word), &model.word, 0, sched.now + WPOOL_MS(100));
    for (unsigned i = 0; i < 20000 && !job->started && !model_has_ended(job); i++) {
        if (may_lack_place()) return;
        sched_point(true);
    }
    MUST(job->started || model_has_ended(job), "it waits, and nobody takes the place");
}

static void act_block_for_child(action todo) {
    const model_frame *frame = model_top();
    if (!frame || sched.current == 0 || model.is_client[sched.current] || may_lack_place()) return;
    before was = look_before();
    model_job *job = new_job(todo.a & 7);
    if (!job) return;
    wpool_status status = CALL(wpool_try_submit(model.pool, run_job, job, NULL));
    check_submit(&was, 1, status == WPOOL_OK, status, WPOOL_REFUSE, false);
    settle_job(job, status);
    if (status != WPOOL_OK) return;
    MUST(CALL(wpool_blocking(frame->context, block_for, job)) == WPOOL_OK, "blocking");
}

/* Runs for longer than its limit, until that is reported. */
static void act_run_long(action todo) {
    const model_frame *frame = model_top();
    (void)todo;
    if (!frame) return;
    CALL(wpool_progress(frame->context));
    model_job *job = frame->job;
    bool is_seen = job && job->has_id && job->pace.run_limit;
    if (!is_seen || !model.config.has_pace_hooks || model.config.is_inline) return;
    if (job->stuck) return;
    for (unsigned i = 0; i < 40000 && !job->stuck; i++)
        sched_point(true);
    MUST(job->stuck, "it runs for ever, and nobody says so");
}

/* -- before and after all -- */

/* Some of the slots have a pace, that stays. */
static void pace_slots(void) {
    for (unsigned i = 0; i < MODEL_SLOTS; i++) {
        model_slot *slot = &model.slots[i];
        uint8_t how = model.config.slots;
        bool is_last = i == MODEL_SLOTS - 1;
        set_retry(&slot->pace, &model.config.retry);
        if (!(how >> i & 1)) continue;
        slot->pace.delay = how >> 4 & 1 ? spans[2] : 0;
        slot->pace.period = how >> 5 & 1 && !is_last ? spans[3] : 0;
        slot->pace.lane = how >> 6 & 1 && !is_last ? pick_lane(0) : 0;
        if (how >> 7 & 1) set_retry(&slot->pace, &(wpool_retry){.attempts = 2, .delay = 60});
        finish_pace(&slot->pace);
    }
}

static void set_slot_options(wpool_options *options, const model_slot *slot) {
    set_options(options, &slot->pace, 0);
    if (slot->pace.attempts > 1)
        options->retry = (wpool_retry){.attempts = slot->pace.attempts,
                                       .delay = slot->pace.retry_delay,
                                       .when = slot->pace.is_patient ? refuse_retry : NULL};
}

#endif /* FUZZ_PACE_H */
