/* groups.h - jobs in groups, and with deadlines

   A few groups stay for the whole input, in a small tree; others are on the stack of who waits for
   their jobs, and are overwritten after that. */
#ifndef FUZZ_GROUPS_H
#define FUZZ_GROUPS_H

static unsigned new_group(wpool_group *at, unsigned parent) {
    if (model.group_count == MODEL_GROUPS) return 0;
    unsigned group = model.group_count++;
    model_group *it = &model.groups[group];
    *it = (model_group){.at = at ? at : &it->own, .parent = parent};
    MUST(CALL(wpool_group_init(it->at, parent ? model.groups[parent].at : NULL)) == WPOOL_OK,
         "init");
    return group;
}

static bool is_lasting(unsigned group) {
    return model.groups[group].at == &model.groups[group].own;
}

static unsigned pick_group(uint8_t a) {
    unsigned count = model.group_count - 1, group = a % count;
    while (!is_lasting(1 + group))
        group = (group + 1) % count;
    return 1 + group;
}

static int64_t choose_deadline(uint8_t b) {
    static const int64_t times[] = {1, 8, 60, 400, 3000, 20000, WPOOL_MS(1), WPOOL_SECONDS(60)};
    return times[b & 7];
}

/* Is the caller one of its jobs, or inside of one? */
static bool is_inside_group(unsigned group) {
    for (unsigned i = 0; i < model.depth[sched.current]; i++) {
        unsigned own = model.frames[sched.current][i].group;
        if (own && model_is_within(own, group)) return true;
    }
    return false;
}

static void act_group_init(action todo) {
    static wpool_group group;
    MUST(CALL(wpool_group_init(NULL, &group)) == WPOOL_INVALID, "NULL group");
    MUST(CALL(wpool_group_init(&group, &group)) == WPOOL_INVALID, "below itself");
    MUST(CALL(wpool_group_cancel(NULL)) == WPOOL_INVALID, "NULL group");
    MUST(CALL(wpool_group_cancel_on_error(NULL)) == WPOOL_INVALID, "NULL group");
    MUST(CALL(wpool_group_deadline(NULL, 1)) == WPOOL_INVALID, "NULL group");
    MUST(CALL(wpool_group_wait(NULL, WPOOL_FOREVER, NULL)) == WPOOL_INVALID, "NULL group");
    MUST(!CALL(wpool_group_cancelled(NULL)), "NULL group");
    if (model.group_count < 7) new_group(NULL, todo.a & 3 ? pick_group(todo.b) : 0);
}

/* -- submitting -- */

/* A job to hand in with options, or NULL: there are enough. */
static model_job *new_job_with(unsigned script, uint8_t how, unsigned group) {
    model_job *job = new_job(script);
    if (!job) return NULL;
    job->has_id = how & 1;
    job->has_on_done = (how & 2) != 0;
    job->name = how & 4 ? fuzz_name : NULL;
    job->group = group;
    return job;
}

static wpool_options job_options(const model_job *job, int64_t timeout) {
    return (wpool_options){.name = job->name,
                           .timeout = timeout,
                           .group = job->group ? model.groups[job->group].at : NULL,
                           .on_done = job->has_on_done ? model_on_done : NULL};
}

static wpool_status submit_with(model_job *job, const wpool_options *options) {
    return CALL(
        wpool_submit_with(model.pool, run_job, job, options, job->has_id ? &job->id : NULL));
}

/* The answer, where neither group nor lane has refused it. */
static void check_submit_one(const before *was, wpool_status status, int64_t timeout) {
    check_submit(was, 1, status == WPOOL_OK, status, timeout ? WPOOL_BLOCK : AS_CONFIGURED,
                 timeout > 0);
}

static void submit_bound(unsigned script, uint8_t how, int64_t timeout, unsigned group,
                         int64_t deadline) {
    before was = look_before();
    model_job *job = new_job_with(script, how, group);
    if (!job) return;
    const group_look look = look_group(group);
    job->has_record = true;
    job->late_after = deadline ? sched.now + deadline : 0;
    wpool_options options = job_options(job, timeout);
    options.deadline = deadline;
    note_bound(group, deadline);
    wpool_status status = submit_with(job, &options);
    if (!check_bound(group, deadline, &look, status)) check_submit_one(&was, status, timeout);
    settle_job(job, status);
}

static int64_t choose_submit_timeout(uint8_t b) {
    int64_t timeout = choose_timeout(b, may_block());
    return timeout == 0 && model_may_be(WPOOL_BLOCK) && !may_block() ? 1 : timeout;
}

static void act_submit_bound(action todo) {
    unsigned group = todo.a & 24 ? pick_group(todo.b >> 2 & 7) : 0;
    int64_t deadline = (todo.a & 24) == 24 || !group ? choose_deadline(todo.b >> 5) : 0;
    submit_bound(todo.a & 7, todo.a >> 5, choose_submit_timeout(todo.b & 63), group, deadline);
}

static void act_submit_job_bound(action todo) {
    unsigned group = todo.a & 24 ? pick_group(todo.b >> 2 & 7) : 0;
    int64_t deadline = (todo.a & 24) == 24 || !group ? choose_deadline(todo.b >> 5) : 0;
    submit_slot((action){.a = todo.a & 7, .b = todo.b & 63}, group, deadline);
}

/* -- cancelling -- */

/* Could somebody but the caller have cancelled the group, not by a deadline? */
static bool may_be_switched(unsigned group) {
    const model_group *it = &model.groups[group];
    if (it->cancels > 1 || (it->guard_begun && model_may_have_failed(group))) return true;
    while ((group = it->parent) != 0) {
        it = &model.groups[group];
        if (it->cancels || (it->guard_begun && model_may_have_failed(group))) return true;
    }
    return false;
}

/* The caller has cancelled the group: was it the one who stopped the pool? */
static bool has_stopped_pool(unsigned group) {
    unsigned upstream = model.config.upstream, cancels = 0;
    if (!upstream || !model_is_within(upstream, group)) return false;
    for (unsigned i = upstream; i; i = model.groups[i].parent) {
        cancels += model.groups[i].cancels;
        if (model.groups[i].guard_begun) return false;
    }
    return cancels == 1;
}

static void cancel_group(unsigned group) {
    model_group *it = &model.groups[group];
    uint64_t accepted = accepted_now();
    bool was_cancelled = it->cancel_done;
    it->cancels++;
    model.may_lose = true;
    wpool_status status = CALL(wpool_group_cancel(it->at));
    model_publish();
    it->cancel_done = true;
    if (has_stopped_pool(group)) model.close_done = model.stop_done = model.hot_done = true;
    MUST(status == WPOOL_OK || status == WPOOL_ALREADY, "cancel: %s", wpool_strerror(status));
    MUST(status == WPOOL_ALREADY || !was_cancelled, "cancelled twice");
    MUST(status == WPOOL_OK || may_be_switched(group), "already cancelled, though nobody did");
    for (unsigned i = 0; i < model.job_count; i++) {
        model_job *job = &model.jobs[i];
        bool is_member = (accepted >> i & 1) && job->group && model_is_within(job->group, group);
        if (!is_member || job->returned) continue;
        job->is_told = true;
        job->is_called |= status == WPOOL_OK && job->started;
    }
}

static void act_group_cancel(action todo) {
    if (todo.b >= 144) cancel_group(pick_group(todo.a));
}

static void guard_group(unsigned group) {
    model_group *it = &model.groups[group];
    it->guard_begun = model.may_lose = true;
    MUST(CALL(wpool_group_cancel_on_error(it->at)) == WPOOL_OK, "cancel_on_error");
    model_publish();
    it->guard_done = true;
}

static void act_group_on_error(action todo) {
    if (todo.b >= 128) guard_group(pick_group(todo.a));
}

static void set_group_deadline(unsigned group, int64_t timeout) {
    model_group *it = &model.groups[group];
    int64_t old = it->late_after, late_after = timeout < 0 ? 0 : sched.now + timeout;
    bool was_alone = it->deadlines_in_flight++ == 0;
    unsigned calls = ++it->deadlines;
    it->was_late |= model_is_past(old);
    if (!old || (late_after && late_after < old)) it->late_after = late_after;
    model.may_lose |= late_after != 0;
    wpool_status status = CALL(wpool_group_deadline(it->at, timeout));
    model_publish();
    it->deadlines_in_flight--;
    it->was_late |= model_is_past(it->late_after);
    was_alone &= calls == it->deadlines;
    if (was_alone) it->late_after = late_after;
    it->surely_after = was_alone && late_after ? sched.now + timeout : 0;
    bool has_some =
        it->begun || (model.config.upstream && model_is_within(model.config.upstream, group));
    MUST(status == WPOOL_OK || (status == WPOOL_NO_THREAD && has_some && !model.config.is_inline &&
                                model_may_lack_threads()),
         "deadline: %s", wpool_strerror(status));
}

static void act_group_deadline(action todo) {
    if (todo.b < 64) return;
    int64_t timeout = todo.b & 1 ? choose_deadline(todo.b >> 1) : WPOOL_FOREVER;
    if (todo.b >= 252) timeout = WPOOL_NOW;
    set_group_deadline(pick_group(todo.a), timeout);
}

static void act_group_cancelled(action todo) {
    unsigned group = pick_group(todo.a);
    const group_look look = look_group(group);
    bool is = CALL(wpool_group_cancelled(model.groups[group].at));
    MUST(is || !was_group_cancelled(&look, group), "a cancelled group says it is not");
    MUST(!is || model_group_may_be_cancelled(group), "a group is cancelled without a reason");
}

/* -- waiting -- */

/* Is one of its jobs known to have ended with an error? */
static bool has_seen_error(unsigned group) {
    for (unsigned i = 0; i < model.job_count; i++) {
        const model_job *job = &model.jobs[i];
        if (job->seen > WPOOL_STATE_SUCCEEDED && job->group && model_is_within(job->group, group))
            return true;
    }
    return false;
}

/* Can a job of the group have ended so? */
static bool may_have_ended_with(unsigned group, int error) {
    bool is_lost = error == WPOOL_CANCELLED || error == WPOOL_TIMEOUT;
    for (unsigned i = 0; i < model.job_count; i++) {
        const model_job *job = &model.jobs[i];
        if (!job->group || !model_is_within(job->group, group)) continue;
        if (!is_lost && job->error == error) return true;
        bool is_between = !job->started || model_comes_back(&job->pace);
        if (error == WPOOL_CANCELLED && is_between && model_may_remove(job)) return true;
        if (error == WPOOL_TIMEOUT && is_between && model_may_be_late(job)) return true;
    }
    for (unsigned i = 0; i < MODEL_SLOTS; i++) {
        const model_slot *slot = &model.slots[i];
        if (!model_is_any_within(slot->groups, group)) continue;
        if (is_lost && (model_may_discard() || model_slot_may_expire(slot))) return true;
        if (!is_lost && slot->errors && (model.scripts[slot->script].answer | 128) == error)
            return true;
    }
    return false;
}

/* May one of its jobs come after one that the thread runs? */
static bool may_be_behind(unsigned group) {
    for (unsigned i = 0; i < model.job_count; i++) {
        const model_job *job = &model.jobs[i];
        if (job->group && model_is_within(job->group, group) && model_may_be_behind(&job->pace))
            return true;
    }
    for (unsigned i = 0; i < MODEL_SLOTS; i++) {
        const model_slot *slot = &model.slots[i];
        if (model_is_any_within(slot->groups, group) && model_may_be_behind(&slot->pace))
            return true;
    }
    return false;
}

static wpool_status wait_for_group(unsigned group, int64_t timeout) {
    model_group *it = &model.groups[group];
    bool is_own = is_inside_group(group), was_quiet = it->begun == it->quiet;
    bool had_error = has_seen_error(group);
    bool was_submitting = it->submitting != 0;
    unsigned begun = it->begun;
    uint64_t accepted = accepted_now();
    int error = -1, known = it->first_error;
    wpool_status status = CALL(wpool_group_wait(it->at, timeout, &error));
    MUST(status == WPOOL_DEADLOCK ? is_own || may_be_behind(group) : !is_own, "its own: %d, %s",
         is_own, wpool_strerror(status));
    MUST(error || !had_error, "a job has failed, yet there is no first error");
    MUST(!known || error == known, "the first error was %d, now it is %d", known, error);
    MUST(!error || error == known || may_have_ended_with(group, error), "no job ended with %d",
         error);
    if (error) it->first_error = error;
    if (status == WPOOL_DEADLOCK) return status;
    MUST(status == WPOOL_OK || status == WPOOL_TIMEOUT, "group wait: %s", wpool_strerror(status));
    MUST(status == WPOOL_OK || timeout >= 0, "timed out without a timeout");
    MUST(status == WPOOL_OK || !was_quiet || it->begun != begun, "it is empty, yet timed out");
    if (status != WPOOL_OK) return status;
    for (unsigned i = 0; i < model.job_count; i++)
        if (!model.jobs[i].group || !model_is_within(model.jobs[i].group, group))
            accepted &= ~(UINT64_C(1) << i);
    check_quiet(accepted);
    if (it->begun == begun && !was_submitting) it->quiet = begun;
    return status;
}

static void act_group_wait(action todo) {
    unsigned group = pick_group(todo.a);
    bool is_inside = model_is_inside(), is_own = is_inside_group(group);
    bool may_be_forever = is_own || (!is_inside && may_block() && !model.config.takes_forever);
    int64_t timeout = choose_timeout(todo.b, may_be_forever);
    /* as for a caller-owned job: meanwhile a worker looks again and again */
    if (is_inside && !is_own && timeout > 64) timeout = 64;
    wait_for_group(group, timeout);
}

/* -- a group on the stack, for jobs that nobody else knows -- */

static void check_untouched(const wpool_group *group) {
    for (size_t i = 0; i < sizeof *group; i++)
        MUST(((const unsigned char *)group)[i] == 0xA5, "a group was touched after its end");
}

static void act_group_here(action todo) {
    wpool_group here;
    const configuration *config = &model.config;
    const model_frame *frame = model_top();
    if (!may_block() || config->takes_forever || model_memory_fails()) return;
    if (frame && (config->help == WPOOL_HELP_NONE || config->edits_help)) return;
    unsigned group = new_group(&here, todo.a & 1 ? pick_group(todo.a >> 4) : 0);
    if (!group) return;
    if ((todo.a & 6) == 2) guard_group(group);
    if ((todo.a & 6) == 4) set_group_deadline(group, choose_deadline(todo.b >> 4));
    for (unsigned i = 0; i <= (todo.b & 3u); i++)
        submit_bound(todo.b >> 2 & 7, (uint8_t)(todo.a >> 3 ^ i), 0, group,
                     todo.a & 8 ? choose_deadline(todo.b >> 5) : 0);
    if ((todo.a & 6) == 6) cancel_group(group);
    wait_for_group(group, WPOOL_FOREVER);
    model.groups[group].at = NULL;
    memset(&here, 0xA5, sizeof here);
    for (unsigned i = 0; i <= (todo.a >> 5 & 7u); i++)
        sched_point(true);
    check_untouched(&here);
}

static int run_other(void *arg, wpool_job *context);

/* A job of the other pool, which is inline: who waits for the group runs it. */
static void act_other_in_group(action todo) {
    wpool_group here;
    int runs = 0, error = -1;
    const wpool_options options = {.group = &here,
                                   .deadline = todo.a & 4 ? choose_deadline(todo.b) : 0};
    MUST(CALL(wpool_group_init(&here, NULL)) == WPOOL_OK, "init");
    wpool_status status = CALL(wpool_submit_with(model.other, run_other, &runs, &options, NULL));
    if (status == WPOOL_NO_MEMORY && model_memory_fails()) return;
    MUST(status == WPOOL_OK, "submit: %s", wpool_strerror(status));
    if (todo.a & 1) {
        MUST(CALL(wpool_group_cancel(&here)) == WPOOL_OK, "cancel");
        status = CALL(wpool_submit_with(model.other, run_other, &runs, &options, NULL));
        MUST(status == WPOOL_CANCELLED || (status == WPOOL_NO_MEMORY && model_memory_fails()),
             "submit: %s", wpool_strerror(status));
        MUST(CALL(wpool_group_cancel(&here)) == WPOOL_ALREADY, "cancel");
    }
    MUST(CALL(wpool_group_wait(&here, WPOOL_FOREVER, &error)) == WPOOL_OK, "group wait");
    MUST(runs <= 1 && (runs == 0) == (error != 0), "it ran %d times, error %d", runs, error);
    MUST(runs || todo.a & 5, "it did not run");
    MUST(error == 0 || (error == WPOOL_TIMEOUT && todo.a & 4) ||
             (error == WPOOL_CANCELLED && todo.a & 1),
         "error %d", error);
    memset(&here, 0xA5, sizeof here);
    for (unsigned i = todo.a >> 5 & 7u; i > 0; i--)
        sched_point(true);
    check_untouched(&here);
}

/* -- at the end, without the pool -- */

static void check_groups_at_end(void) {
    for (unsigned i = 1; i < model.group_count; i++) {
        const wpool_group *group = model.groups[i].at;
        if (!group) continue;
        wait_for_group(i, WPOOL_FOREVER);
        MUST(!group->members && !group->children && !group->pools && !group->waiters,
             "something is left in group %u", i);
        MUST(group->ties == 0 && group->unfinished == 0, "group %u: %u ties", i,
             (unsigned)group->ties);
    }
}

#endif /* FUZZ_GROUPS_H */
