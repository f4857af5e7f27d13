/* crew.h - calls that let workers come and go, and that edit the configuration

   Each of them is exclusive. One that was alone has one right answer, and the model knows the
   number of workers after it; of several at once it is learned anew. */
#ifndef FUZZ_CREW_H
#define FUZZ_CREW_H

typedef struct crew_look {
    wpool_mode mode;
    bool is_exact, may_leave;
    unsigned serving, epoch;
} crew_look;

static unsigned least_workers(void) {
    return model.config.min_workers ? model.config.min_workers : 1;
}

static unsigned most_workers(void) {
    return model.config.max_workers ? model.config.max_workers : WPOOL_MAX_WORKERS;
}

/* If nobody changes the number of workers now, it is this one. */
static void note_workers(unsigned epoch, unsigned workers) {
    model_crew *crew = &model.crew;
    if (model.config.is_scaled) {
        MUST(workers >= least_workers() && workers <= most_workers(), "%u workers", workers);
        return;
    }
    if (crew->in_flight || crew->epoch != epoch) return;
    MUST(!crew->is_known || crew->serving == workers, "%u workers, not %u", workers, crew->serving);
    crew->is_known = true;
    crew->serving = workers;
}

static void learn_crew(void) {
    wpool_config config;
    unsigned epoch = model.crew.epoch;
    if (model.crew.is_known || model.crew.in_flight) return;
    MUST(CALL(wpool_get_config(model.pool, &config)) == WPOOL_OK, "get_config");
    note_workers(epoch, config.workers);
}

/* Workers may leave. */
static void note_shrink(bool is_hot) {
    model.crew.may_leave = model.crew.may_have_gaps = true;
    model.crew.hot_begun |= is_hot;
    model.crew.hot_ever |= is_hot;
}

static crew_look begin_crew(wpool_mode mode) {
    model_crew *crew = &model.crew;
    learn_crew();
    crew_look look = {
        .mode = mode, .is_exact = crew->is_known && !crew->in_flight, .serving = crew->serving};
    crew->is_known = false;
    crew->hot_in_flight += mode == WPOOL_HOT;
    if (crew->in_flight++) note_shrink(crew->hot_in_flight != 0); /* the order is not known */
    look.epoch = ++crew->epoch;
    look.may_leave = crew->may_leave;
    crew->has_changed = true;
    return look;
}

/* Before a call that makes it so many; unknown: 0. */
static void note_target(const crew_look *look, unsigned target) {
    unsigned more = target > look->serving ? target - look->serving : 0;
    int left = model_threads_left();
    bool is_refused = target && (target < least_workers() || target > most_workers());
    bool may_shrink = !look->is_exact || !target || target < look->serving;
    if (is_refused) return;
    bool may_fail = left <= (int)more || model_memory_fails();
    if (may_shrink || may_fail) note_shrink(may_shrink && look->mode == WPOOL_HOT);
}

static void end_crew(const crew_look *look, bool is_known, unsigned serving) {
    model_crew *crew = &model.crew;
    crew->in_flight--;
    crew->hot_in_flight -= look->mode == WPOOL_HOT;
    bool was_alone = look->is_exact && crew->epoch == look->epoch;
    crew->is_known = was_alone && is_known && !model.config.is_scaled;
    crew->serving = serving;
}

/* The answer of a call that makes it so many workers; 0: it depends on others. */
static void check_target(const crew_look *look, unsigned target, bool may_allocate,
                         wpool_status status) {
    bool was_alone = look->is_exact && model.crew.epoch == look->epoch;
    if (model.config.is_inline || (target && (target < least_workers() || target > most_workers())))
        MUST(status == WPOOL_INVALID, "to %u workers: %s", target, wpool_strerror(status));
    else if (target)
        MUST(status != WPOOL_INVALID, "to %u workers is invalid", target);
    bool is_out_of_memory = status == WPOOL_NO_MEMORY && may_allocate;
    if (was_alone && target && target <= look->serving && status != WPOOL_INVALID &&
        !is_out_of_memory)
        MUST(status == WPOOL_OK, "to %u workers of %u: %s", target, look->serving,
             wpool_strerror(status));
    if (status == WPOOL_NO_THREAD)
        MUST(model_may_lack_threads() ||
                 (model.config.max_workers && (look->may_leave || model.crew.may_leave)),
             "no thread, though there are some");
    else if (status == WPOOL_NO_MEMORY)
        MUST(model_memory_fails(), "no memory, though there is");
    else
        MUST(status == WPOOL_OK || status == WPOOL_INVALID, "to %u workers: %s", target,
             wpool_strerror(status));
}

/* What scaling by delta comes to; 0: unknown, or less than one. */
static unsigned scaled(const crew_look *look, int delta) {
    if (!look->is_exact || (int)look->serving + delta < 1) return 0;
    return (unsigned)((int)look->serving + delta);
}

static void act_scale(action todo) {
    wpool_mode mode = todo.b & 1 ? WPOOL_HOT : WPOOL_GRACEFUL;
    int delta = (int)(todo.a % 7) - 3;
    if (todo.a >= 240) delta = todo.a & 1 ? INT32_MIN : INT32_MAX;
    MUST(CALL(wpool_scale(NULL, delta, mode)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_scale(model.pool, delta, (wpool_mode)2)) == WPOOL_INVALID, "mode");
    crew_look look = begin_crew(mode);
    bool is_absurd = todo.a >= 240;
    unsigned target = is_absurd ? 0 : scaled(&look, delta);
    if (!is_absurd) note_target(&look, target);
    wpool_status status = CALL(wpool_scale(model.pool, delta, mode));
    bool was_alone = look.is_exact && model.crew.epoch == look.epoch;
    if (is_absurd || (was_alone && !target))
        MUST(status == WPOOL_INVALID, "by %d: %s", delta, wpool_strerror(status));
    if (delta == 0 && !model.config.is_inline)
        MUST(status == WPOOL_OK, "by none: %s", wpool_strerror(status));
    check_target(&look, was_alone ? target : 0, false, status);
    end_crew(&look, true, status == WPOOL_OK && target ? target : look.serving);
}

static void act_scale_to(action todo) {
    wpool_mode mode = todo.b & 1 ? WPOOL_HOT : WPOOL_GRACEFUL;
    unsigned target = todo.a % 6;
    MUST(CALL(wpool_scale_to(NULL, target, mode)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_scale_to(model.pool, target, (wpool_mode)-1)) == WPOOL_INVALID, "mode");
    MUST(CALL(wpool_scale_to(model.pool, 0, mode)) == WPOOL_INVALID, "to none");
    MUST(CALL(wpool_scale_to(model.pool, WPOOL_MAX_WORKERS + 1, mode)) == WPOOL_INVALID,
         "too many");
    if (target == 0) return;
    crew_look look = begin_crew(mode);
    note_target(&look, target);
    wpool_status status = CALL(wpool_scale_to(model.pool, target, mode));
    check_target(&look, target, false, status);
    end_crew(&look, true, status == WPOOL_OK ? target : look.serving);
}

/* The job that the worker ran as it was let go. */
static void check_was_running(wpool_id id, uint64_t ended, wpool_mode mode) {
    for (unsigned i = 0; i < model.job_count; i++) {
        model_job *job = &model.jobs[i];
        if (!id || !job->has_id || job->id != id) continue;
        MUST(!(ended >> i & 1), "job %u was over, yet it runs", i);
        /* one that comes back may have left the worker before that was told */
        if (mode == WPOOL_HOT && job->started && !job->returned && !model_comes_back(&job->pace))
            job->is_told = job->is_called = true;
        return;
    }
}

/* is_whole: the workers that serve are the first ones, and there are no others. */
static void check_worker_stop(const crew_look *look, bool is_whole, unsigned which,
                              wpool_status status) {
    bool was_alone = look->is_exact && model.crew.epoch == look->epoch;
    if (model.config.is_inline) {
        MUST(status == WPOOL_INVALID, "inline: %s", wpool_strerror(status));
    } else if (was_alone && is_whole) { /* all that there ever were are there */
        wpool_status right = which >= look->serving             ? WPOOL_UNKNOWN
                             : look->serving <= least_workers() ? WPOOL_INVALID
                                                                : WPOOL_OK;
        MUST(status == right, "worker %u of %u: %s", which, look->serving, wpool_strerror(status));
    } else {
        MUST(status == WPOOL_OK || status == WPOOL_ALREADY || status == WPOOL_UNKNOWN ||
                 status == WPOOL_INVALID,
             "worker %u: %s", which, wpool_strerror(status));
        MUST(which < model_workers() || status == WPOOL_UNKNOWN, "worker %u: %s", which,
             wpool_strerror(status));
        if (was_alone)
            MUST((status != WPOOL_OK || look->serving > least_workers()) &&
                     (status != WPOOL_INVALID || look->serving <= least_workers()),
                 "one of %u: %s", look->serving, wpool_strerror(status));
    }
}

static void act_worker_stop(action todo) {
    wpool_mode mode = todo.b & 1 ? WPOOL_HOT : WPOOL_GRACEFUL;
    unsigned which = todo.a % 6;
    wpool_id id = 1;
    if (todo.a >= 250) which = WPOOL_INLINE;
    MUST(CALL(wpool_worker_stop(NULL, which, mode, &id)) == WPOOL_INVALID && !id, "NULL pool");
    MUST(CALL(wpool_worker_stop(model.pool, which, (wpool_mode)2, NULL)) == WPOOL_INVALID, "mode");
    crew_look look = begin_crew(mode);
    const model_crew was = model.crew;
    uint64_t ended = ended_now();
    if (!model.config.is_inline) note_target(&look, 0);
    id = 1;
    wpool_status status = CALL(wpool_worker_stop(model.pool, which, mode, todo.b & 2 ? NULL : &id));
    bool was_alone = look.is_exact && model.crew.epoch == look.epoch;
    if (todo.b & 2) id = 0;
    MUST(status == WPOOL_OK || !id, "no worker was let go, yet its job is known");
    check_worker_stop(&look, !was.may_have_gaps, which, status);
    if (status == WPOOL_OK) check_was_running(id, ended, mode);
    if (status != WPOOL_OK && was_alone && !model.config.is_scaled) { /* nobody leaves for it */
        model.crew.may_leave = was.may_leave;
        model.crew.may_have_gaps = was.may_have_gaps;
        model.crew.hot_begun = was.hot_begun;
        model.crew.hot_ever = was.hot_ever;
    }
    end_crew(&look, true, look.serving - (status == WPOOL_OK));
}

static void act_workers(action todo) {
    wpool_worker_info infos[SCHEDULER_THREADS];
    model_crew crew = model.crew;
    uint64_t finished = 0;
    size_t room = todo.a % (SCHEDULER_THREADS + 1u);
    MUST(CALL(wpool_workers(NULL, infos, room)) == 0, "NULL pool");
    size_t count = CALL(wpool_workers(model.pool, infos, room));
    unsigned most = model.config.is_inline ? 1 : model_workers();
    MUST(count >= 1 && count <= most, "%u workers of %u", (unsigned)count, most);
    if (!crew.in_flight && crew.epoch == model.crew.epoch && crew.is_known &&
        !model.config.is_inline)
        MUST(count == crew.serving || (count > crew.serving && crew.may_leave),
             "%u workers, not %u", (unsigned)count, crew.serving);
    for (size_t i = 0; i < count && i < room; i++) {
        const wpool_worker_info *info = &infos[i];
        MUST(info->worker < most || model.config.is_inline, "no such worker");
        MUST(info->activity != WPOOL_LEAVING || crew.may_leave || model.crew.may_leave,
             "it leaves without a reason");
        MUST(info->failed + info->cancelled <= info->finished, "more failed than finished");
        for (size_t j = 0; j < i; j++)
            MUST(infos[j].worker != info->worker, "a worker is there twice");
        finished += info->finished;
    }
    MUST(finished <= model.returned, "more have finished than returned");
}

/* -- the configuration -- */

static const wpool_rate rates[] = {{0, 0}, {1e8, 1}, {1e6, 3}, {1e7, 0}};

/* Which of them it is. */
static unsigned rate_number(const wpool_rate *rate) {
    unsigned i = 0;
    while (i < 3 && (rates[i].burst != rate->burst || rates[i].per_second < rate->per_second ||
                     rates[i].per_second > rate->per_second))
        i++;
    return i;
}

static wpool_scaling choose_scaling(uint8_t a, uint8_t b);

static size_t capacity_of(const wpool_config *config) {
    if (config->queue_capacity == WPOOL_UNBUFFERED) return 0;
    return config->queue_capacity ? config->queue_capacity : WPOOL_QUEUE_CAPACITY;
}

static void check_config(const model_edit *edit, const wpool_config *config) {
    const configuration *own = &model.config;
    size_t capacity = capacity_of(config);
    MUST(edit->policies >> config->when_full & 1, "policy %d", (int)config->when_full);
    MUST(edit->helps >> config->help & 1, "help %d", (int)config->help);
    MUST(edit->orders >> config->order & 1, "order %d", (int)config->order);
    MUST(edit->rates >> rate_number(&config->rate) & 1, "rate %g", config->rate.per_second);
    MUST(config->retry.attempts == own->retry.attempts, "another retry");
    MUST(capacity ? capacity >= edit->least && capacity <= edit->most : edit->is_unbuffered,
         "capacity %u", (unsigned)capacity);
    MUST(strcmp(config->name, "fuzz") == 0 && config->results == own->results &&
             config->start_paused == own->start_paused && !config->pin_workers &&
             !config->stack_size && !config->interrupt_signal,
         "another configuration");
    MUST(config->max_workers == (own->is_inline ? WPOOL_INLINE : own->max_workers) &&
             config->min_workers == own->min_workers,
         "workers from %u to %u", config->min_workers, config->max_workers);
    MUST(config->group == (own->upstream ? &model.groups[own->upstream].own : NULL), "a group");
    MUST((config->allocator != NULL) == own->own_allocator, "another allocator");
    MUST((config->hooks.user != NULL) == (own->hooks || own->has_pace_hooks), "other hooks");
}

static wpool_config look_config(void) {
    wpool_config config;
    before was = look_before();
    unsigned epoch = model.crew.epoch;
    bool is_free = model.crew.in_flight == 0;
    MUST(CALL(wpool_get_config(model.pool, &config)) == WPOOL_OK, "get_config");
    model_edit edit = edit_since(&was);
    check_config(&edit, &config);
    if (is_free) note_workers(epoch, config.workers);
    return config;
}

static void act_get_config(action todo) {
    wpool_config config;
    (void)todo;
    MUST(CALL(wpool_get_config(NULL, &config)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_get_config(model.pool, NULL)) == WPOOL_INVALID, "NULL config");
    config = look_config();
    MUST(!CALL(wpool_config_conflict(model.pool, &config)), "its own configuration");
}

static const char *const workers_text = "workers";

/* The number of workers that the config asks for; *conflict: what is wrong with it, or NULL. */
static unsigned asked_workers(const wpool_config *config, const char **conflict) {
    unsigned workers = config->workers, least = config->min_workers, most = config->max_workers;
    *conflict = NULL;
    if (most == WPOOL_INLINE) return 0;
    if (workers == 0) {
        workers = least ? least : wpool_cpus();
        if (most && workers > most) workers = most;
    }
    if (least > workers) *conflict = "min_workers";
    if (most && workers > most) *conflict = workers_text;
    return workers;
}

static void check_conflict(const wpool_config *config, const char *right) {
    const char *conflict = CALL(wpool_config_conflict(model.pool, config));
    MUST(right ? conflict && strcmp(conflict, right) == 0 : !conflict, "conflict: %s, not %s",
         conflict ? conflict : "none", right ? right : "none");
    if (right) MUST(CALL(wpool_configure(model.pool, config)) == WPOOL_INVALID, "conflicts");
}

static void configure(const wpool_config *config, unsigned workers) {
    unsigned capacity = (unsigned)capacity_of(config);
    model_edit edit = {.policies = 1u << config->when_full,
                       .helps = 1u << config->help,
                       .least = capacity,
                       .most = capacity,
                       .is_unbuffered = capacity == 0,
                       .orders = 1u << config->order,
                       .rates = 1u << rate_number(&config->rate)};
    crew_look look = begin_crew(WPOOL_GRACEFUL);
    if (workers) note_target(&look, workers);
    const model_edit old = model.now;
    bool was_editing = model.edits_in_flight++ != 0;
    unsigned edits = ++model.edits;
    model.ever = edit_join(model.ever, edit);
    wpool_status status = CALL(wpool_configure(model.pool, config));
    model_publish();
    model.edits_in_flight--;
    bool was_alone = !was_editing && edits == model.edits;
    model.now = !was_alone ? model.ever : status == WPOOL_OK ? edit : old;
    if (model.config.is_inline)
        MUST(status == WPOOL_OK || (status == WPOOL_NO_MEMORY && model_memory_fails()),
             "configure: %s", wpool_strerror(status));
    else if (status != WPOOL_NO_THREAD || config->rate.per_second <= 0 || !model_may_lack_threads())
        check_target(&look, workers, true, status); /* a rate needs somebody who keeps the time */
    if (status == WPOOL_NO_MEMORY) MUST(model_memory_fails(), "no memory, though there is");
    end_crew(&look, true, status == WPOOL_OK ? workers : look.serving);
}

static void act_configure(action todo) {
    static const size_t capacities[] = {1, 2, 3, 4, 6, 9, 0, WPOOL_UNBUFFERED};
    const configuration *own = &model.config;
    wpool_config config = look_config();
    const char *conflict;
    if (todo.a & 1) config.queue_capacity = capacities[todo.b & 7];
    if (todo.a & 2 && own->edits_policy) {
        wpool_when_full policy = (wpool_when_full)(todo.b >> 3 & 3);
        /* the first thread must not be blocked unawares */
        bool may_be_block =
            own->when_full == WPOOL_BLOCK || !(own->may_pause || own->takes_forever);
        if (policy != WPOOL_BLOCK || may_be_block) config.when_full = policy;
    }
    if (todo.a & 4 && own->edits_help) config.help = (wpool_help)(todo.b >> 5 & 3) % 3;
    if (todo.a & 8) config.workers = (unsigned)(todo.a >> 5) % 6;
    if (todo.a & 16 && own->edits_order) config.order = (wpool_order)(todo.b >> 1 & 3) % 3;
    if (todo.a & 16 && own->edits_rate) config.rate = rates[todo.b >> 3 & 3];
    if (todo.a & 16 && own->edits_scaling) config.scaling = choose_scaling(todo.b, todo.a);
    unsigned workers = asked_workers(&config, &conflict);
    if (!conflict && config.order == WPOOL_LIFO && config.when_full == WPOOL_DROP_OLDEST)
        conflict = "order";
    check_conflict(&config, conflict);
    if (!conflict) configure(&config, workers);
}

static void *no_start(void *user, unsigned worker) { return (void)worker, user; }

/* Makes the config one that is to be refused; returns the conflict's name. */
static const char *spoil(wpool_config *config, action todo) {
    static wpool_group strange;
    static const wpool_allocator none,
        other = {(void *(*)(size_t, void *))1, (void (*)(void *, size_t, void *))1, NULL};
    const char *right = NULL;
    switch (todo.a >= 200 ? todo.a : todo.a % 19) {
    case 200:
        config->order = (wpool_order)3, right = "order";
        break;
    case 201:
        config->order = WPOOL_LIFO, config->when_full = WPOOL_DROP_OLDEST, right = "order";
        break;
    case 202:
        config->scaling.wait = -1, right = "scaling";
        break;
    case 203:
        config->rate.per_second = todo.b & 1 ? -1 : 0.0 / 0.0, right = "rate";
        break;
    case 204:
        config->retry.jitter = 2, right = "retry";
        break;
    case 205:
        config->retry.attempts++, right = "retry";
        break;
    case 206:
        config->hooks.job_stuck = (void (*)(void *, const wpool_stuck *))1, right = "hooks";
        break;
    case 0:
        config->name = todo.b & 1 ? NULL : "other", right = "name";
        break;
    case 1:
        config->results = !config->results, right = "results";
        break;
    case 2:
        config->start_paused = !config->start_paused, right = "start_paused";
        break;
    case 3:
        config->pin_workers = true, right = "pin_workers";
        break;
    case 4:
        config->stack_size = 1 + todo.b, right = "stack_size";
        break;
    case 5:
        config->group = &strange, right = "group";
        break;
    case 6:
        config->interrupt_signal = todo.b & 1 ? 10 : -1, right = "interrupt_signal";
        break;
    case 7:
        config->hooks.worker_start = no_start, right = "hooks";
        break;
    case 8:
        config->hooks.user = &strange, right = "hooks";
        break;
    case 9:
        config->allocator = &none, right = "allocator";
        break;
    case 10:
        config->allocator = &other, right = "allocator";
        break;
    case 11:
        config->when_full = (wpool_when_full)4, right = "when_full";
        break;
    case 12:
        config->help = (wpool_help)3, right = "help";
        break;
    case 13:
        config->queue_capacity = SIZE_MAX / 2, right = "queue_capacity";
        break;
    case 14:
        config->max_workers = model.config.is_inline ? 0 : WPOOL_INLINE, right = "max_workers";
        break;
    case 15:
        config->max_workers = WPOOL_MAX_WORKERS + 1, right = "max_workers";
        break;
    case 16:
        config->max_workers = 2, config->workers = 3, config->min_workers = 0;
        right = workers_text;
        break;
    case 17:
        config->max_workers = 0, config->workers = 2, config->min_workers = 3;
        right = "min_workers";
        break;
    default:
        config->max_workers = 0, config->min_workers = 0, config->workers = WPOOL_MAX_WORKERS + 1;
        right = workers_text;
    }
    return right;
}

static void act_configure_badly(action todo) {
    unsigned epoch = model.crew.epoch, edits = model.edits;
    bool is_free = !model.crew.in_flight && !model.edits_in_flight;
    wpool_config config = look_config(), after;
    const wpool_config good = config;
    const char *right = "pool";
    MUST(strcmp(CALL(wpool_config_conflict(NULL, &config)), right) == 0, "NULL pool");
    MUST(strcmp(CALL(wpool_config_conflict(model.pool, NULL)), right) == 0, "NULL config");
    MUST(CALL(wpool_configure(NULL, &config)) == WPOOL_INVALID, "NULL pool");
    MUST(CALL(wpool_configure(model.pool, NULL)) == WPOOL_INVALID, "NULL config");
    right = spoil(&config, todo);
    check_conflict(&config, right);
    MUST(CALL(wpool_get_config(model.pool, &after)) == WPOOL_OK, "get_config");
    if (is_free && epoch == model.crew.epoch && edits == model.edits)
        MUST(memcmp(&good, &after, sizeof good) == 0, "refused, yet it has changed");
}

#endif /* FUZZ_CREW_H */
