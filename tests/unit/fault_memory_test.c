/* Memory runs out at the n-th allocation, for every n until nothing is denied
   any more, over a scenario that uses every function: each call answers with a
   status, nothing is left behind, each accepted job ends exactly once. */
#include <stddef.h>

static void *default_calloc(size_t size);
static void default_free(void *ptr);

#define WPOOL_CALLOC(size) default_calloc(size)
#define WPOOL_FREE(ptr) default_free(ptr)
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"
#include "ways.h"

/* What pools without an allocator of their own use. */
static memory default_memory;

static void *default_calloc(size_t size) {
    void *ptr = memory_alloc(size, &default_memory);
    return ptr ? memset(ptr, 0, size) : NULL;
}

static void default_free(void *ptr) {
    memory_free(ptr, ((memory_header *)ptr - 1)->size, &default_memory);
}

/* ---- a job that counts its ends, however it is handed in ---- */

enum { JOBS = 1000, ENTRY_ERROR = 8 };

typedef struct ledger {
    wpool *pool;
    wpool_group all; /* above all others */
    bool has_results;
    unsigned next, denied; /* jobs made, jobs not accepted */
    unsigned failed;       /* jobs that end so */
    struct entry {
        struct ledger *ledger;
        bool is_accepted, is_plain, is_removed, is_periodic;
        unsigned starts; /* the last one fails if it is periodic, all others if it is tried again */
        atomic_uint run_count, done_count;
        wpool_job job;
    } entries[JOBS];
} ledger;

typedef struct entry entry;

static void entry_told(void *arg) { CHECK(!arg); /* nobody is told */ }

static int entry_job(void *arg, wpool_job *job) {
    entry *e = (entry *)arg;
    const bool has_record = !e->is_plain || e->ledger->has_results;
    const unsigned start = atomic_fetch_add(&e->run_count, 1) + 1;
    CHECK(wpool_job_pool(job) == e->ledger->pool);
    CHECK(wpool_worker_state(job) == e->ledger);
    CHECK_EQ(wpool_job_attempt(job), start);
    CHECK(!wpool_cancelled(job));
    if (wpool_job_id(job)) CHECK(has_record);
    CHECK_EQ(wpool_on_cancel(job, entry_told, e), has_record ? WPOOL_OK : WPOOL_INVALID);
    wpool_set_result(job, e);
    return (start == e->starts) == e->is_periodic ? ENTRY_ERROR : 0;
}

static void *begin_work(void *user, unsigned worker) {
    (void)worker;
    return user;
}

static void entry_done(void *arg, const wpool_result *result) {
    (void)result;
    atomic_fetch_add(&((entry *)arg)->done_count, 1);
}

static const wpool_options entry_options = {.on_done = entry_done};

static entry *entry_new(ledger *l) {
    entry *e = &l->entries[l->next++];
    CHECK(l->next <= JOBS);
    e->ledger = l;
    e->starts = 1;
    return e;
}

/* Accepted or out of memory, nothing else. */
static bool entry_answered(entry *e, wpool_status status) {
    e->is_accepted = status == WPOOL_OK;
    if (!e->is_accepted) CHECK_EQ(status, WPOOL_NO_MEMORY);
    if (!e->is_accepted) e->ledger->denied++;
    return e->is_accepted;
}

static wpool_id submit_with_id(ledger *l) {
    entry *e = entry_new(l);
    wpool_id id = 77;
    bool ok = entry_answered(e, wpool_submit_with(l->pool, entry_job, e, &entry_options, &id));
    CHECK_EQ(id != 0, ok);
    return id;
}

static void submit_plain(ledger *l) {
    entry *e = entry_new(l);
    e->is_plain = true;
    entry_answered(e, wpool_submit(l->pool, entry_job, e, NULL));
}

/* group may be NULL. */
static entry *submit_embedded(ledger *l, wpool_group *group) {
    const wpool_options options = {.group = group, .on_done = entry_done};
    entry *e = entry_new(l);
    wpool_job_init(&e->job, entry_job, e);
    return entry_answered(e, wpool_submit_job(l->pool, &e->job, &options)) ? e : NULL;
}

static void submit_many(ledger *l, size_t count) {
    void *args[100];
    wpool_status why;
    for (size_t i = 0; i < count; i++) {
        entry *e = entry_new(l);
        e->is_plain = true;
        args[i] = e;
    }
    size_t accepted = wpool_submit_many(l->pool, entry_job, args, count, &why);
    CHECK(accepted == count ? why == WPOOL_OK : why == WPOOL_NO_MEMORY);
    for (size_t i = 0; i < count; i++)
        entry_answered((entry *)args[i], i < accepted ? WPOOL_OK : why);
}

/* Each accepted job has run as often as it should and ended once, each other neither. Returns how
   many were accepted. */
static unsigned ledger_check(ledger *l) {
    unsigned accepted = 0;
    for (unsigned i = 0; i < l->next; i++) {
        entry *e = &l->entries[i];
        CHECK_EQ(atomic_load(&e->run_count), e->is_accepted && !e->is_removed ? e->starts : 0);
        CHECK_EQ(atomic_load(&e->done_count), e->is_accepted && !e->is_plain);
        accepted += e->is_accepted;
    }
    return accepted;
}

/* ---- the scenario ---- */

/* Until none is left unfinished: the first error is so, and nobody touches the group any more. */
static void end_group(wpool_group *group, int expected) {
    int error = 77;
    CHECK_EQ(wpool_group_wait(group, WPOOL_FOREVER, &error), WPOOL_OK);
    CHECK_EQ(error, expected);
    memset((void *)group, 0xA5, sizeof *group);
}

/* On a worker: more jobs than the queue and the first deque hold, half of them of a group, and a
   wait for one below, and for the group. */
static int crowd_job(void *arg, wpool_job *job) {
    ledger *l = (ledger *)arg;
    wpool_group group;
    (void)job;
    group_begin(&group, &l->all);
    entry *bottom = submit_embedded(l, NULL);
    for (int i = 0; i < 75; i++) {
        submit_plain(l);
        submit_embedded(l, &group);
    }
    if (bottom) {
        wpool_result result;
        CHECK_EQ(wpool_job_wait(&bottom->job, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(wpool_job_result(&bottom->job, &result), WPOOL_OK);
        CHECK(result.data == bottom);
    }
    end_group(&group, 0);
    return 0;
}

/* More ids at once than the first chunks hold; some are waited for, some let
 * go, some kept. */
static void use_ids(ledger *l) {
    wpool_id ids[250];
    for (int i = 0; i < 250; i++)
        ids[i] = submit_with_id(l);
    for (int i = 0; i < 250; i++) {
        const wpool_status expected = ids[i] ? WPOOL_OK : WPOOL_UNKNOWN;
        CHECK_EQ(wpool_job_state(l->pool, ids[i]) != WPOOL_STATE_UNKNOWN, ids[i] != 0);
        if (i % 3 == 0) CHECK_EQ(wpool_wait(l->pool, ids[i], WPOOL_FOREVER, NULL), expected);
        if (i % 3 == 1) CHECK_EQ(wpool_forget(l->pool, ids[i]), expected);
    }
}

/* While nothing starts, jobs are cancelled, one by one and together. */
static void use_cancel(ledger *l) {
    wpool_id ids[8];
    size_t removed = 0;
    CHECK_EQ(wpool_pause(l->pool), WPOOL_OK);
    for (int i = 0; i < 8; i++) {
        ids[i] = submit_with_id(l);
        l->entries[l->next - 1].is_removed = ids[i] != 0;
        removed += i >= 4 && ids[i] != 0;
    }
    for (int i = 0; i < 4; i++)
        CHECK_EQ(wpool_cancel(l->pool, ids[i], WPOOL_HOT), ids[i] ? WPOOL_OK : WPOOL_UNKNOWN);
    CHECK_EQ(wpool_discard(l->pool, ids + 4, 4, WPOOL_GRACEFUL), removed);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(wpool_wait(l->pool, ids[i], WPOOL_NOW, NULL), ids[i] ? WPOOL_OK : WPOOL_UNKNOWN);
    CHECK_EQ(wpool_start(l->pool), WPOOL_OK);
}

/* While nothing starts, jobs of a group are handed in in each way after two others; the last one
   after no job as well. */
static void use_after(ledger *l) {
    wpool_group group;
    unsigned delayed = 0;
    group_begin(&group, &l->all);
    CHECK_EQ(wpool_pause(l->pool), WPOOL_OK);
    for (int i = 0; i < 4; i++) {
        const wpool_id before[] = {submit_with_id(l), i < 3 ? submit_with_id(l) : 0};
        const wpool_options options = {.after = before,
                                       .after_count = COUNT_OF(before),
                                       .group = &group,
                                       .on_done = entry_done};
        entry *e = entry_new(l);
        wpool_id id = 77;
        wpool_job_init(&e->job, entry_job, e);
        const wpool_status status =
            i % 2 ? wpool_submit_job(l->pool, &e->job, &options)
                  : wpool_submit_with(l->pool, entry_job, e, &options, i ? &id : NULL);
        if (before[0] && before[1])
            delayed += entry_answered(e, status);
        else
            CHECK(status == WPOOL_UNKNOWN || status == WPOOL_NO_MEMORY);
        CHECK_EQ(test_stats(l->pool).delayed, delayed);
    }
    CHECK_EQ(wpool_start(l->pool), WPOOL_OK);
    end_group(&group, 0);
    CHECK_EQ(wpool_drain(l->pool, WPOOL_FOREVER), WPOOL_OK);
}

/* Jobs that have a time, in each way, of a group or of none (NULL). */
static void submit_timed(ledger *l, wpool_group *group, bool is_removed) {
    static const wpool_options kinds[] = {
        {.delay = 1000}, {.retry = {.attempts = 3, .delay = 1000}}, {.period = 1000}};
    for (int i = 0; i < (int)COUNT_OF(kinds) * WAYS; i++) {
        wpool_options options = kinds[i / WAYS];
        wpool_id id = 77;
        entry *e = entry_new(l);
        options.group = group;
        options.on_done = entry_done;
        e->is_removed = is_removed;
        e->is_periodic = options.period != 0;
        e->starts = options.delay ? 1 : 3;
        if (entry_answered(e, way_submit(l->pool, i % WAYS, entry_job, e, &options, &e->job, &id)))
            l->failed += e->is_periodic && !is_removed;
    }
}

static void use_times(ledger *l) {
    submit_timed(l, NULL, false);
    CHECK_EQ(wpool_drain(l->pool, WPOOL_FOREVER), WPOOL_OK);
}

/* Jobs of a group run. */
static void use_group(ledger *l) {
    const unsigned failed = l->failed;
    wpool_group group;
    group_begin(&group, &l->all);
    submit_timed(l, &group, false);
    end_group(&group, l->failed > failed ? ENTRY_ERROR : 0);
}

/* While nothing starts, those of a group are cancelled with the group above. */
static void use_group_cancel(ledger *l) {
    const unsigned denied = l->denied, next = l->next;
    wpool_group above, group;
    group_begin(&above, &l->all);
    group_begin(&group, &above);
    CHECK_EQ(wpool_pause(l->pool), WPOOL_OK);
    submit_timed(l, &group, true);
    CHECK(!wpool_group_cancelled(&group));
    CHECK_EQ(wpool_group_cancel(&above), WPOOL_OK);
    CHECK_EQ(wpool_group_cancel(&above), WPOOL_ALREADY);
    CHECK(wpool_group_cancelled(&above) && wpool_group_cancelled(&group));
    CHECK_EQ(wpool_start(l->pool), WPOOL_OK);
    const bool has_some = l->denied - denied < l->next - next;
    end_group(&group, has_some ? WPOOL_CANCELLED : 0);
    end_group(&above, has_some ? WPOOL_CANCELLED : 0);
}

/* One that fails cancels its group: no other one enters. */
static void use_cancel_on_error(ledger *l) {
    wpool_group group;
    const wpool_options options = {.group = &group, .period = 1000, .on_done = entry_done};
    entry *e = entry_new(l);
    group_begin(&group, &l->all);
    CHECK_EQ(wpool_group_cancel_on_error(&group), WPOOL_OK);
    e->is_periodic = true;
    wpool_status status = wpool_submit_with(l->pool, entry_job, e, &options, NULL);
    const bool has_failed = entry_answered(e, status);
    l->failed += has_failed;
    CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(wpool_group_cancelled(&group), has_failed);
    if (has_failed) {
        status = wpool_submit_with(l->pool, entry_job, e, &options, NULL);
        CHECK(status == WPOOL_CANCELLED || status == WPOOL_NO_MEMORY);
    }
    end_group(&group, has_failed ? ENTRY_ERROR : 0);
}

/* How it ends. */
static wpool_state entry_end(const entry *e) {
    return e->is_removed    ? WPOOL_STATE_DISCARDED
           : e->is_periodic ? WPOOL_STATE_FAILED
                            : WPOOL_STATE_SUCCEEDED;
}

static void use_results(ledger *l) {
    wpool_result result;
    CHECK(wpool_results_fd(l->pool) >= 0);
    submit_many(l, 100);
    CHECK_EQ(wpool_drain(l->pool, WPOOL_FOREVER), WPOOL_OK);
    while (wpool_take(l->pool, WPOOL_NOW, &result) == WPOOL_OK) {
        const entry *e = (entry *)result.arg;
        const bool is_entry = e >= l->entries && e < l->entries + JOBS;
        CHECK_EQ(result.state, is_entry ? entry_end(e) : WPOOL_STATE_SUCCEEDED);
    }
    CHECK_EQ(wpool_close_results(l->pool), WPOOL_OK);
}

/* On a worker: more children than its deque holds at first. */
static int fork_job(void *arg, wpool_job *job) {
    wpool_job children[100];
    for (int i = 0; i < 100; i++)
        wpool_fork(job, &children[i], count_job, arg);
    for (int i = 100; i-- > 0;)
        if (i % 2)
            wpool_join(job, &children[i]);
        else if (wpool_unfork(job, &children[i]))
            count_job(arg, &children[i]);
    return 0;
}

static int count_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    (void)job;
    atomic_fetch_add((atomic_uint *)arg, (unsigned)(end - begin));
    return 0;
}

static int sum_fold(size_t begin, size_t end, void *partial, void *arg, wpool_job *job) {
    (void)arg, (void)job;
    for (size_t i = begin; i < end; i++)
        *(size_t *)partial += i;
    return 0;
}

static void sum_combine(void *into, const void *from, void *arg) {
    (void)arg;
    *(size_t *)into += *(const size_t *)from;
}

/* Returns whether its job was accepted. */
static bool use_loops(ledger *l) {
    atomic_uint count = 0, elements[50] = {0};
    size_t sum = 0;
    const bool ok = wpool_submit(l->pool, fork_job, &count, NULL) == WPOOL_OK;
    CHECK_EQ(wpool_drain(l->pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_exchange(&count, 0), ok ? 100 : 0);
    CHECK_EQ(wpool_for(l->pool, 0, 1000, 3, count_body, &count), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 1000);
    CHECK_EQ(wpool_map(l->pool, elements, 50, sizeof *elements, 1, count_job), WPOOL_OK);
    for (int i = 0; i < 50; i++)
        CHECK_EQ(atomic_load(&elements[i]), 1);
    const wpool_status status =
        wpool_reduce(l->pool, 0, 1000, 10, sum_fold, sum_combine, NULL, &sum, sizeof sum);
    CHECK(status == WPOOL_OK || status == WPOOL_NO_MEMORY);
    CHECK_EQ(sum, status == WPOOL_OK ? 1000 * 999 / 2 : 0);
    l->denied += status != WPOOL_OK;
    return ok;
}

/* What is not OK is out of memory, and has changed nothing. */
static bool is_edited(wpool *pool, const wpool_config *before, wpool_status status) {
    const wpool_config now = pool_config(pool);
    if (status == WPOOL_OK) return true;
    CHECK_EQ(status, WPOOL_NO_MEMORY);
    pool_check_same_config(&now, before);
    if (!POOL_IS_INLINE) CHECK_EQ(test_stats(pool).workers, before->workers);
    return false;
}

/* More workers and places, and fewer. */
static void use_edit(ledger *l) {
    static const unsigned workers[] = {6, 20, 1, 2};
    static const size_t capacities[] = {300, 7, 50, 20};
    for (int i = 0; i < 4; i++) {
        wpool_config before = pool_config(l->pool), config = before;
        if (!POOL_IS_INLINE) {
            config.workers = workers[i];
            const wpool_status status = wpool_scale_to(l->pool, workers[i], WPOOL_GRACEFUL);
            l->denied += !is_edited(l->pool, &before, status);
            before = pool_config(l->pool);
            config.workers = workers[3 - i];
        }
        config.queue_capacity = capacities[i];
        CHECK(wpool_config_conflict(l->pool, &config) == NULL);
        l->denied += !is_edited(l->pool, &before, wpool_configure(l->pool, &config));
        submit_many(l, 30);
        CHECK_EQ(wpool_drain(l->pool, WPOOL_FOREVER), WPOOL_OK);
    }
}

static void use_the_rest(ledger *l) {
    entry *e = entry_new(l);
    wpool_info info;
    CHECK_EQ(wpool_version(), WPOOL_VERSION);
    CHECK(wpool_cpus() > 0 && wpool_io_workers() >= wpool_cpus());
    CHECK_STR(wpool_strerror(WPOOL_NO_MEMORY), "out of memory");
    e->is_plain = true;
    entry_answered(e, wpool_try_submit(l->pool, entry_job, e, NULL));
    CHECK_EQ(wpool_pause(l->pool), WPOOL_OK);
    CHECK_EQ(wpool_start(l->pool), WPOOL_OK);
    CHECK_EQ(wpool_get_info(l->pool, &info), WPOOL_OK);
    CHECK_EQ(wpool_group_cancel(&l->all), WPOOL_OK); /* nobody is left below */
    CHECK_EQ(wpool_drain(l->pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_shutdown(l->pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_close(l->pool), WPOOL_ALREADY);
    CHECK_EQ(wpool_stop(l->pool, WPOOL_HOT), WPOOL_OK);
}

/* Returns whether nothing was denied. */
static bool scenario(const wpool_allocator *allocator, wpool_order start_order, bool has_results) {
    ledger *l = calloc(1, sizeof *l);
    unsigned crowds = 0; /* jobs that are not in the ledger */
    wpool_config config = test_config();
    config.workers = 2;
    config.queue_capacity = 20;
    config.order = start_order;
    config.results = has_results;
    config.allocator = allocator;
    config.hooks = (wpool_hooks){.worker_start = begin_work, .user = l};
    l->has_results = has_results;
    const wpool_status status = wpool_create(&l->pool, &config);
    if (status != WPOOL_OK) {
        CHECK_EQ(status, WPOOL_NO_MEMORY);
        CHECK(l->pool == NULL);
        free(l);
        return false;
    }
    group_begin(&l->all, NULL);
    for (int i = 0; i < 2; i++) { /* one at a time: the ledger has one writer */
        if (wpool_submit(l->pool, crowd_job, l, NULL) == WPOOL_OK) crowds++;
        CHECK_EQ(wpool_drain(l->pool, WPOOL_FOREVER), WPOOL_OK);
    }
    for (int i = 0; !POOL_IS_INLINE && i < 50; i++)
        submit_embedded(l, NULL);
    if (use_loops(l)) crowds++;
    use_ids(l);
    CHECK_EQ(wpool_drain(l->pool, WPOOL_FOREVER), WPOOL_OK);
    use_cancel(l);
    use_after(l);
    use_times(l);
    use_group(l);
    use_group_cancel(l);
    use_cancel_on_error(l);
    use_edit(l);
    if (has_results) use_results(l);
    use_the_rest(l);
    CHECK_EQ(ledger_check(l) + crowds, test_stats(l->pool).accepted);
    const wpool_stats_snapshot stats = test_stats(l->pool);
    CHECK_EQ(stats.succeeded + stats.failed + stats.discarded, stats.accepted);
    CHECK_EQ(stats.failed, l->failed);
    CHECK_EQ(wpool_destroy(l->pool), WPOOL_OK);
    ledger_check(l);
    const bool is_complete = l->denied == 0 && crowds == 3;
    free(l);
    return is_complete;
}

/* Deny the n-th allocation and `more` after it, for each n, until the scenario
 * asks for fewer. */
static void check_each_failure(memory *m, const wpool_allocator *allocator, wpool_order start_order,
                               bool has_results, unsigned more) {
    const surroundings before = surroundings_now();
    unsigned n = 0;
    bool has_failed = true;
    while (has_failed) {
        n++;
        m->first_denied = n;
        m->last_denied = more > UINT32_MAX - n ? UINT32_MAX : n + more;
        atomic_store(&m->asked, 0);
        const bool is_complete = scenario(allocator, start_order, has_results);
        has_failed = atomic_load(&m->asked) >= n;
        if (!has_failed) CHECK(is_complete);
        memory_check_empty(m);
    }
    CHECK(n > 8); /* the pool, three arrays, two deques, the queue, and chunks of
                   records */
    surroundings_check(before);
}

static void check_own_allocator(wpool_order start_order, bool has_results, unsigned more) {
    memory m = {0};
    const wpool_allocator allocator = memory_allocator(&m);
    check_each_failure(&m, &allocator, start_order, has_results, more);
    CHECK_EQ(atomic_load(&default_memory.asked), 0); /* a pool with an allocator uses no other */
}

TEST(one_allocation_fails) { check_own_allocator(WPOOL_FIFO, false, 0); }
TEST(one_allocation_fails_with_results) { check_own_allocator(WPOOL_FIFO, true, 0); }
TEST(allocations_fail_from_one_on) { check_own_allocator(WPOOL_FIFO, false, UINT32_MAX); }
TEST(allocations_fail_from_one_on_with_results) {
    check_own_allocator(WPOOL_FIFO, true, UINT32_MAX);
}

TEST(one_allocation_fails_in_the_other_orders) {
    check_own_allocator(WPOOL_LIFO, true, 0);
    check_own_allocator(WPOOL_PRIORITY, true, 0);
}

TEST(one_allocation_of_the_default_allocator_fails) {
    check_each_failure(&default_memory, NULL, WPOOL_FIFO, false, 0);
}

TEST(allocations_of_the_default_allocator_fail_from_one_on) {
    check_each_failure(&default_memory, NULL, WPOOL_FIFO, true, UINT32_MAX);
}

TEST(an_array_too_large_to_be_counted_is_not_asked_for) {
    memory m = {0};
    const wpool_allocator allocator = memory_allocator(&m);
    CHECK(wpool__memory_alloc(&allocator, SIZE_MAX / 2, 2) == NULL);
    CHECK(wpool__memory_alloc(&allocator, 3, SIZE_MAX / 3) == NULL);
    CHECK(wpool__memory_alloc(&allocator, SIZE_MAX / 16 + 2, 16) == NULL);
    CHECK(wpool__memory_alloc(&allocator, SIZE_MAX, 1) == NULL);
    CHECK_EQ(atomic_load(&m.asked), 0);
    memory_check_empty(&m);
}

/* ---- a pool that is made otherwise ---- */

static wpool_status edit_workers(wpool *pool) { return wpool_scale(pool, 4, WPOOL_GRACEFUL); }

static wpool_status edit_capacity(wpool *pool) {
    wpool_config config = pool_config(pool);
    config.queue_capacity = 1000;
    return wpool_configure(pool, &config);
}

static wpool_status edit_order(wpool *pool, wpool_order to) {
    wpool_config config = pool_config(pool);
    config.order = to;
    config.queue_capacity = 11; /* another one as well */
    return wpool_configure(pool, &config);
}

static wpool_status edit_to_lifo(wpool *pool) { return edit_order(pool, WPOOL_LIFO); }
static wpool_status edit_to_priority(wpool *pool) { return edit_order(pool, WPOOL_PRIORITY); }

static wpool_status edit_all(wpool *pool) {
    wpool_config config = pool_config(pool);
    if (!POOL_IS_INLINE) config.workers = config.max_workers = 9, config.min_workers = 5;
    config.queue_capacity = 1000;
    pool_change_policies(&config);
    return wpool_configure(pool, &config);
}

/* The n-th allocation of the change is denied (0: none): nothing changes; then it is made, and the
   pool has no more memory than after the change alone. False: it has no such allocation. */
static bool check_denied(wpool_status (*edit)(wpool *), unsigned n, size_t *blocks, size_t *bytes) {
    memory m = {0};
    const wpool_allocator allocator = memory_allocator(&m);
    const surroundings around = surroundings_now();
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.workers = 2,
                                           .queue_capacity = 10,
                                           .rate = {.per_second = 1e6, .burst = 1000},
                                           .start_paused = true,
                                           .allocator = &allocator});
    const wpool_config before = pool_config(pool);
    count_submit(pool, &count, 10);
    atomic_store(&m.asked, 0);
    m.first_denied = m.last_denied = n;
    const bool is_denied = !is_edited(pool, &before, edit(pool));
    m.first_denied = m.last_denied = 0;
    if (is_denied) {
        CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
        while (wpool_workers(pool, NULL, 0) != (POOL_IS_INLINE ? 1 : 2))
            sched_yield(); /* those that were started leave */
        /* the workers, and who keeps the time */
        if (!POOL_IS_INLINE) surroundings_await_threads(around.threads + 3);
        CHECK_EQ(edit(pool), WPOOL_OK);
    }
    if (n == 0) *blocks = atomic_load(&m.blocks), *bytes = atomic_load(&m.bytes);
    CHECK_EQ(atomic_load(&m.blocks), *blocks);
    CHECK_EQ(atomic_load(&m.bytes), *bytes);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 10);
    memory_check_empty(&m);
    return is_denied;
}

static void check_edit(wpool_status (*edit)(wpool *)) {
    size_t blocks, bytes;
    unsigned n = 1;
    CHECK(!check_denied(edit, 0, &blocks, &bytes));
    while (check_denied(edit, n, &blocks, &bytes))
        n++;
    CHECK(n > 1);
}

TEST(an_allocation_of_a_change_fails) {
    if (!POOL_IS_INLINE) check_edit(edit_workers);
    check_edit(edit_capacity);
    check_edit(edit_to_lifo);
    check_edit(edit_to_priority);
    check_edit(edit_all);
}

/* ---- what goes on without memory ---- */

TEST(plain_and_embedded_jobs_need_no_memory_once_the_pool_is_made) {
    memory m = {0};
    const wpool_allocator allocator = memory_allocator(&m);
    wpool *pool = pool_from((wpool_config){.workers = 2, .allocator = &allocator});
    static wpool_job jobs[500];
    atomic_uint count = 0;
    const unsigned asked = atomic_load(&m.asked);
    for (int i = 0; i < 500; i++) {
        wpool_job_init(&jobs[i], count_job, &count);
        CHECK_EQ(wpool_submit_job(pool, &jobs[i], NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    }
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 1000);
    CHECK_EQ(atomic_load(&m.asked), asked);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    memory_check_empty(&m);
}

TEST(jobs_with_ids_need_no_memory_once_there_are_enough_records) {
    memory m = {0};
    const wpool_allocator allocator = memory_allocator(&m);
    wpool *pool = pool_from((wpool_config){.workers = 2, .allocator = &allocator});
    atomic_uint count = 0;
    unsigned asked = 0;
    for (int i = 0; i < 1000; i++) {
        wpool_id id;
        CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
        if (i == 0) asked = atomic_load(&m.asked);
    }
    CHECK_EQ(atomic_load(&m.asked), asked);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    memory_check_empty(&m);
}

/* A worker fills its deque and has no memory for more, then waits for a job in
 * the queue below. */
typedef struct crowded {
    memory used;
    unsigned accepted;
    atomic_uint count;
    wpool_job bottom;
} crowded;

static int wait_below_job(void *arg, wpool_job *job) {
    crowded *c = (crowded *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_status status;
    c->used.first_denied = 1;
    c->used.last_denied = UINT32_MAX;
    CHECK_EQ(wpool_submit_job(pool, &c->bottom, NULL), WPOOL_OK); /* the queue is full now */
    while ((status = wpool_submit(pool, count_job, &c->count, NULL)) == WPOOL_OK)
        c->accepted++;
    CHECK_EQ(status, WPOOL_NO_MEMORY);
    CHECK_EQ(wpool_job_wait(&c->bottom, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(a_worker_without_memory_refuses_more_and_reaches_what_it_waits_for) {
    crowded c = {.count = 0};
    const wpool_allocator allocator = memory_allocator(&c.used);
    wpool *pool =
        pool_from((wpool_config){.workers = 1, .queue_capacity = 1, .allocator = &allocator});
    wpool_job_init(&c.bottom, count_job, &c.count);
    CHECK_EQ(wpool_submit(pool, wait_below_job, &c, NULL), WPOOL_OK);
    CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
    CHECK(c.accepted > WPOOL_DEQUE_SIZE / 2);
    CHECK_EQ(atomic_load(&c.count), c.accepted + 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    memory_check_empty(&c.used);
}
