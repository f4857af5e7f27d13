/* The watchdog, on a clock that the test moves: row H5. Jobs that run longer than their limit, and
   pools in which every worker waits. */
#include "sleepers.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "pace.h"

#define LIMIT WPOOL_MS(5)
#define STALL WPOOL_SECONDS(1)

#define EACH_WAY for (int way = 0; way < WAYS; way++)
#define EACH_POOL for (int is_inline = 0; is_inline < 2; is_inline++)

/* ---- what the hooks were told ---- */

typedef struct reports {
    atomic_uint stuck_count, stalled_count;
    wpool_stuck stuck[100];
    char names[100][32];
    int64_t at[100];
    pthread_t thread; /* the last one that said so */
    wpool *cancel_in; /* what is stuck is told to end */
    wpool *stalled;
} reports;

static void note_stuck(void *user, const wpool_stuck *stuck) {
    reports *r = (reports *)user;
    const unsigned i = atomic_load(&r->stuck_count);
    CHECK(i < COUNT_OF(r->stuck));
    r->stuck[i] = *stuck;
    snprintf(r->names[i], sizeof r->names[i], "%s", stuck->name ? stuck->name : "");
    r->at[i] = test_clock_now();
    r->thread = pthread_self();
    if (r->cancel_in) CHECK_EQ(wpool_cancel(r->cancel_in, stuck->id, WPOOL_HOT), WPOOL_CANCELLED);
    atomic_fetch_add(&r->stuck_count, 1);
}

static void note_stalled(void *user, wpool *pool) {
    reports *r = (reports *)user;
    r->stalled = pool;
    r->thread = pthread_self();
    atomic_fetch_add(&r->stalled_count, 1);
}

static wpool_config watched(unsigned workers, reports *r) {
    return (wpool_config){.workers = workers,
                          .results = true,
                          .queue_capacity = 20000,
                          .hooks = {.job_stuck = note_stuck, .stalled = note_stalled, .user = r}};
}

/* An inline pool is watched by who waits while another thread runs its job. */
typedef struct watched_scene {
    scene scene, second;
} watched_scene;

static wpool *watched_begin(watched_scene *w, bool is_inline, wpool_config config) {
    scene_begin(&w->scene, is_inline, config);
    w->second = (scene){.pool = w->scene.pool, .is_inline = is_inline};
    if (is_inline) helper_start(&w->second.driver, scene_drive, &w->second);
    return w->scene.pool;
}

static void watched_end(watched_scene *w) {
    scene_release(&w->second);
    scene_end(&w->scene);
}

static void await_stuck(reports *r, unsigned count) {
    AWAIT(atomic_load(&r->stuck_count) >= count);
    CHECK_EQ(atomic_load(&r->stuck_count), count);
}

/* However much time passes, and often, nobody says anything more. */
static void check_silence(reports *r, int64_t ns) {
    const unsigned stuck = atomic_load(&r->stuck_count), stalled = atomic_load(&r->stalled_count);
    for (int i = 0; i < 10; i++) {
        test_clock_advance(ns / 10);
        for (int j = 0; j < 10; j++)
            sched_yield();
    }
    test_let_others_run();
    CHECK_EQ(atomic_load(&r->stuck_count), stuck);
    CHECK_EQ(atomic_load(&r->stalled_count), stalled);
}

/* ---- jobs that run too long ---- */

TEST(a_job_that_runs_too_long_is_named_once) {
    EACH_POOL EACH_WAY for (int is_named = 0; is_named < 2; is_named++) {
        gate door = GATE_CLOSED;
        reports r = {.stuck_count = 0};
        paced p = {.door = &door};
        const wpool_options options = {.run_limit = LIMIT, .name = is_named ? "stuck" : NULL};
        watched_scene w;
        wpool *pool = watched_begin(&w, is_inline, watched(3, &r));
        paced_submit(pool, &p, way, &options);
        gate_await_count(&door, 1);
        sleepers_pass_nearly(LIMIT);
        CHECK_EQ(atomic_load(&r.stuck_count), 0);
        test_clock_advance(1);
        await_stuck(&r, 1);
        CHECK_EQ(r.stuck[0].id, way == WITH_ID ? p.id : 0);
        CHECK_EQ(r.stuck[0].ran_ns, LIMIT);
        CHECK_STR(r.names[0], is_named ? "stuck" : "");
        CHECK(is_named || !r.stuck[0].name);
        CHECK(!pthread_equal(r.thread, pthread_self()));
        check_silence(&r, 10 * LIMIT);
        gate_open(&door);
        paced_await_done(&p);
        paced_check(&p, WPOOL_STATE_SUCCEEDED, 0, 1); /* it is only said */
        CHECK_EQ(r.stuck[0].worker, p.result.worker);
        check_silence(&r, 10 * LIMIT);
        watched_end(&w);
    }
}

/* Good ones that end at once, and others that nearly take too long; some fail. */
TEST(among_ten_thousand_the_stuck_one_is_named) {
    enum { BATCH = 100, BATCHES = 100 };
    static int errors[] = {0, 0, 0, 5};
    for (int stuck_way = 0; stuck_way < WAYS; stuck_way++) {
        gate stuck_door = GATE_CLOSED;
        reports r = {.stuck_count = 0};
        paced stuck = {.door = &stuck_door};
        wpool_options options = {.run_limit = LIMIT, .name = "stuck"};
        wpool *pool = scene_pool(false, watched(3, &r));
        paced_submit(pool, &stuck, stuck_way, &options);
        gate_await_count(&stuck_door, 1);
        options.name = "good";
        for (int batch = 0; batch < BATCHES; batch++) {
            gate door = GATE_CLOSED;
            paced slow[2] = {{.door = &door}, {.door = &door}};
            static wpool_job jobs[BATCH];
            for (int i = 0; i < BATCH - 2; i++) {
                wpool_id id;
                CHECK_EQ(
                    way_submit(pool, i % WAYS, return_job, &errors[i % 4], &options, &jobs[i], &id),
                    WPOOL_OK);
                if (i % WAYS == WITH_ID) CHECK_EQ(wpool_forget(pool, id), WPOOL_OK);
            }
            for (int i = 0; i < 2; i++)
                paced_submit(pool, &slow[i], (batch + i) % WAYS, &options);
            gate_await_count(&door, 2);
            test_clock_advance(LIMIT - 1); /* those that have ended: how short they were! */
            test_let_others_run();
            gate_open(&door);
            for (int i = 0; i < 2; i++)
                paced_await_done(&slow[i]);
            if (batch > 1) await_stuck(&r, 1);
        }
        CHECK_STR(r.names[0], "stuck");
        CHECK_EQ(r.stuck[0].id, stuck.id);
        gate_open(&stuck_door);
        test_drain(pool);
        CHECK_EQ(pace_stats(pool).accepted, BATCH * BATCHES + 1);
        check_silence(&r, 2 * LIMIT);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&r.stuck_count), 1);
    }
}

TEST(each_stuck_job_is_named) {
    enum { COUNT = 12 };
    gate door = GATE_CLOSED;
    reports r = {.stuck_count = 0};
    paced jobs[COUNT];
    bool is_named[COUNT] = {false};
    static const char *const names[COUNT] = {"0", "1", "2", "3", "4",  "5",
                                             "6", "7", "8", "9", "10", "11"};
    wpool *pool = scene_pool(false, watched(COUNT, &r));
    for (int i = 0; i < COUNT; i++) {
        const wpool_options options = {.run_limit = LIMIT + i / 3, .name = names[i]};
        jobs[i] = (paced){.door = &door};
        paced_submit(pool, &jobs[i], i % WAYS, &options);
    }
    gate_await_count(&door, COUNT);
    test_clock_advance(LIMIT - 1);
    for (int i = 0; i < COUNT / 3; i++) {
        await_stuck(&r, (unsigned)i * 3);
        sleepers_pass(1);
    }
    await_stuck(&r, COUNT);
    check_silence(&r, LIMIT);
    gate_open(&door);
    test_drain(pool);
    test_destroy(pool);
    for (unsigned i = 0; i < COUNT; i++) {
        const int which = atoi(r.names[i]);
        CHECK_EQ((unsigned)which / 3, i / 3);
        CHECK(!is_named[which]);
        is_named[which] = true;
        CHECK_EQ(r.stuck[i].id, jobs[which].id);
        CHECK_EQ(r.stuck[i].worker, jobs[which].result.worker);
        CHECK_EQ(r.stuck[i].ran_ns, LIMIT + which / 3);
    }
}

TEST(jobs_without_a_limit_and_pools_without_a_hook_are_not_watched) {
    for (int is_hook = 0; is_hook < 2; is_hook++)
        EACH_WAY {
            gate door = GATE_CLOSED;
            reports r = {.stuck_count = 0};
            paced p = {.door = &door};
            const wpool_options options = {.run_limit = is_hook ? 0 : LIMIT};
            wpool *pool =
                scene_pool(false, is_hook ? watched(2, &r) : (wpool_config){.workers = 2});
            paced_submit(pool, &p, way, &options);
            gate_await_count(&door, 1);
            check_silence(&r, 10 * LIMIT);
            gate_open(&door);
            test_drain(pool);
            test_destroy(pool);
            CHECK_EQ(atomic_load(&r.stuck_count), 0);
        }
}

TEST(only_running_counts) {
    EACH_POOL EACH_WAY {
        reports r = {.stuck_count = 0};
        paced queued = {.error = 0}, delayed = {.error = 0}, retried = {.error = 5},
              periodic = {.error = 0};
        wpool_options options = {.run_limit = LIMIT};
        scene s;
        wpool_config config = watched(1, &r);
        config.start_paused = true;
        scene_begin(&s, is_inline, config);
        paced_submit(s.pool, &queued, way, &options);
        check_silence(&r, 10 * LIMIT);
        CHECK_EQ(wpool_start(s.pool), WPOOL_OK);
        paced_await_done(&queued);
        options.delay = 20 * LIMIT;
        paced_submit(s.pool, &delayed, way, &options);
        options.delay = 0;
        options.retry = (wpool_retry){.attempts = 3, .delay = 30 * LIMIT};
        paced_submit(s.pool, &retried, way, &options);
        options.retry.attempts = 1;
        options.period = 7 * LIMIT;
        paced_submit(s.pool, &periodic, way, &options);
        pace_await_delayed(s.pool, 3);
        for (int i = 0;
             i < 200 || !atomic_load(&retried.done_count) || !atomic_load(&delayed.done_count);
             i++) {
            AWAIT(pace_stats(s.pool).running == 0); /* else it would run for longer and longer */
            test_clock_advance(LIMIT / 2);
            test_let_others_run();
        }
        CHECK_EQ(wpool_stop(s.pool, WPOOL_GRACEFUL), WPOOL_OK);
        scene_end(&s);
        CHECK_EQ(atomic_load(&r.stuck_count), 0);
    }
}

TEST(each_run_of_a_job_has_its_own_limit) {
    for (int is_period = 0; is_period < 2; is_period++)
        EACH_WAY {
            reports r = {.stuck_count = 0};
            gate doors[4] = {GATE_CLOSED, GATE_CLOSED, GATE_CLOSED, GATE_CLOSED};
            paced p = {.error = is_period ? 0 : 5, .door = &doors[0]};
            const wpool_options options = {
                .run_limit = LIMIT,
                .period = is_period ? 3 * LIMIT : 0,
                .retry = {.attempts = is_period ? 1 : 4, .delay = 3 * LIMIT, .factor = 1}};
            wpool *pool = scene_pool(false, watched(1, &r));
            paced_submit(pool, &p, way, &options);
            for (unsigned run = 0; run < 4; run++) {
                const bool is_stuck = run != 1;
                gate_await_count(&doors[run], 1);
                test_clock_advance(LIMIT - 1);
                await_stuck(&r, run > 1 ? run - 1 : run);
                if (is_stuck) {
                    sleepers_pass(1);
                    await_stuck(&r, run > 1 ? run : run + 1);
                }
                p.door = &doors[run + 1 < 4 ? run + 1 : 0];
                gate_open(&doors[run]);
                if (run == 3) break;
                pace_await_delayed(pool, 1);
                test_clock_advance((is_period ? p.began[run] : test_clock_now()) + 3 * LIMIT -
                                   test_clock_now());
            }
            test_destroy(pool);
            CHECK_EQ(atomic_load(&r.stuck_count), 3);
            CHECK_EQ(atomic_load(&p.done_count), 1);
        }
}

/* The hook may do something about it. */
TEST(a_stuck_job_may_be_cancelled_there) {
    EACH_POOL {
        gate door = GATE_CLOSED;
        reports r = {.stuck_count = 0};
        paced p = {.door = &door, .is_patient = true, .error = 5};
        const wpool_options options = {.run_limit = LIMIT};
        watched_scene w;
        r.cancel_in = watched_begin(&w, is_inline, watched(2, &r));
        paced_submit(r.cancel_in, &p, WITH_ID, &options);
        gate_await_count(&door, 1);
        gate_open(&door);
        sleepers_pass(LIMIT);
        paced_await_done(&p);
        paced_check(&p, WPOOL_STATE_CANCELLED, 5, 1);
        watched_end(&w);
        CHECK_EQ(atomic_load(&r.stuck_count), 1);
    }
}

TEST(nothing_is_watched_when_all_have_ended) {
    reports r = {.stuck_count = 0};
    atomic_uint count = 0;
    const wpool_options options = {.run_limit = LIMIT};
    wpool *pool = scene_pool(false, watched(2, &r));
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(wpool_submit_with(pool, count_job, &count, &options, NULL), WPOOL_OK);
    test_drain(pool);
    sleepers_await_none();
    check_silence(&r, 10 * LIMIT);
    CHECK_EQ(sleepers_first(), INT64_MAX);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&r.stuck_count), 0);
}

/* ---- progress ---- */

/* One turn of a job that says that it gets on; the test opens the doors. */
typedef struct progress {
    gate doors[12];
    unsigned turns; /* the first so many end with wpool_progress */
    atomic_uint door;
} progress;

static int progress_job(void *arg, wpool_job *job) {
    progress *p = (progress *)arg;
    for (unsigned i = 0; i < COUNT_OF(p->doors); i++) {
        gate_job(&p->doors[i], job);
        if (i < p->turns) wpool_progress(job);
        atomic_fetch_add(&p->door, 1);
    }
    return 0;
}

static void progress_init(progress *p, unsigned turns) {
    memset((void *)p, 0, sizeof *p);
    for (unsigned i = 0; i < COUNT_OF(p->doors); i++)
        p->doors[i] = (gate)GATE_CLOSED;
    p->turns = turns;
}

static void progress_turn(progress *p, unsigned i, int64_t takes) {
    gate_await_count(&p->doors[i], 1);
    test_clock_advance(takes);
    test_let_others_run();
    gate_open(&p->doors[i]);
    AWAIT(atomic_load(&p->door) == i + 1);
}

TEST(a_job_that_gets_on_is_not_stuck) {
    EACH_POOL EACH_WAY for (int is_limited = 0; is_limited < 2; is_limited++) {
        reports r = {.stuck_count = 0};
        const wpool_options options = {.run_limit = is_limited ? LIMIT : 0};
        progress p;
        wpool_job job;
        wpool_id id;
        watched_scene w;
        wpool *pool = watched_begin(&w, is_inline, watched(2, &r));
        progress_init(&p, 9);
        CHECK_EQ(way_submit(pool, way, progress_job, &p, &options, &job, &id), WPOOL_OK);
        for (unsigned i = 0; i < 9; i++)
            progress_turn(&p, i, LIMIT - 1);
        await_stuck(&r, 0);
        gate_await_count(&p.doors[9], 1);
        test_clock_advance(LIMIT - 1);
        test_let_others_run();
        await_stuck(&r, 0);
        if (is_limited) sleepers_pass(1);
        await_stuck(&r, (unsigned)is_limited);
        if (is_limited) CHECK_EQ(r.stuck[0].ran_ns, LIMIT); /* since then */
        progress_turn(&p, 9, LIMIT);
        progress_turn(&p, 10, LIMIT);
        progress_turn(&p, 11, LIMIT);
        test_drain(pool);
        watched_end(&w);
        CHECK_EQ(atomic_load(&r.stuck_count), is_limited);
    }
}

/* Once for each run, however it goes on. */
TEST(a_job_that_was_stuck_and_gets_on_is_not_named_again) {
    reports r = {.stuck_count = 0};
    const wpool_options options = {.run_limit = LIMIT};
    progress p;
    wpool *pool = scene_pool(false, watched(1, &r));
    progress_init(&p, 12);
    CHECK_EQ(wpool_submit_with(pool, progress_job, &p, &options, NULL), WPOOL_OK);
    gate_await_count(&p.doors[0], 1);
    sleepers_pass(LIMIT);
    await_stuck(&r, 1);
    for (unsigned i = 0; i < 12; i++)
        progress_turn(&p, i, 3 * LIMIT);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&r.stuck_count), 1);
}

/* A forked child has no limit of its own, and its progress is nobody's: it stays as it is. */
typedef struct forker {
    progress progress; /* of the child */
    pthread_t parent;
    bool is_stolen; /* the child is to be, and has begun before it is joined */
    gate may_join;
} forker;

static int forked_job(void *arg, wpool_job *self) {
    forker *f = (forker *)arg;
    unsigned char before[sizeof *self];
    CHECK_EQ(pthread_equal(f->parent, pthread_self()) == 0, f->is_stolen);
    memcpy(before, (void *)self, sizeof before);
    progress_job(&f->progress, self);
    CHECK_EQ(memcmp(before, (void *)self, sizeof before), 0);
    gate_open(&f->may_join);
    return 0;
}

static int forker_job(void *arg, wpool_job *job) {
    forker *f = (forker *)arg;
    wpool_job child;
    memset((void *)&child, 0x7F, sizeof child); /* any memory */
    f->parent = pthread_self();
    wpool_fork(job, &child, forked_job, f);
    if (f->is_stolen) gate_wait(&f->may_join);
    wpool_join(job, &child);
    return 0;
}

TEST(the_progress_of_a_forked_child_is_not_that_of_its_job) {
    for (int is_stolen = 0; is_stolen < 2; is_stolen++)
        EACH_WAY {
            reports r = {.stuck_count = 0};
            forker f = {.is_stolen = is_stolen, .may_join = GATE_CLOSED};
            const wpool_options options = {.run_limit = LIMIT, .name = "parent"};
            wpool_job job;
            wpool_id id;
            wpool *pool = scene_pool(false, watched(is_stolen ? 2 : 1, &r));
            progress_init(&f.progress, COUNT_OF(f.progress.doors));
            CHECK_EQ(way_submit(pool, way, forker_job, &f, &options, &job, &id), WPOOL_OK);
            progress_turn(&f.progress, 0, LIMIT / 2);
            progress_turn(&f.progress, 1, LIMIT / 2 - 1);
            gate_await_count(&f.progress.doors[2], 1);
            await_stuck(&r, 0);
            sleepers_pass(1);
            await_stuck(&r, 1);
            CHECK_STR(r.names[0], "parent");
            CHECK_EQ(r.stuck[0].id, way == WITH_ID ? id : 0);
            CHECK_EQ(r.stuck[0].ran_ns, LIMIT); /* since it began */
            for (unsigned i = 2; i < COUNT_OF(f.progress.doors); i++)
                progress_turn(&f.progress, i, 3 * LIMIT);
            test_drain(pool);
            test_destroy(pool);
            CHECK_EQ(atomic_load(&r.stuck_count), 1);
        }
}

/* ---- waiting is not running ---- */

/* Runs, then waits in one way or another, then runs again: three doors. */
typedef struct pausing {
    gate before, meanwhile, after;
    int how;
    wpool *other; /* whose job it waits for; NULL: its own pool's */
    wpool_lane lane;
    wpool_job job;
    wpool_job *running;    /* itself */
    helper self;           /* its thread */
    atomic_bool is_inside; /* what it waits for runs there too */
} pausing;

enum {
    BLOCKS,
    BLOCKS_INSIDE, /* these three: in wpool_blocking, and stay there */
    GETS_ON_INSIDE,
    WAITS_INSIDE,
    WAITS_BY_ID,
    WAITS_FOR_JOB,
    WAITS_FOR_GROUP,
    TAKES,
    HOWS,
    DRAINS = HOWS,
    SHUTS_DOWN,
    DESTROYS,
    ENDS, /* another pool */
    SUBMITS = ENDS,
    SUBMITS_JOB,
    SUBMITS_MANY,
    SUBMITS_TO_LANE,
    SUBMITS_END /* to another full pool */
};

/* What it waits for. */
static int meanwhile_job(void *arg, wpool_job *job) {
    pausing *p = (pausing *)arg;
    atomic_store(&p->is_inside, pthread_equal(p->self.id, pthread_self()) != 0);
    return gate_job(&p->meanwhile, job);
}

static void call_shortly(void *arg) { (void)arg; }

static void block_call(void *arg) {
    static atomic_uint count;
    pausing *p = (pausing *)arg;
    wpool *pool = p->other ? p->other : wpool_job_pool(p->running);
    wpool_id id;
    if (p->how == BLOCKS_INSIDE) CHECK_EQ(wpool_blocking(p->running, call_shortly, NULL), WPOOL_OK);
    if (p->how == GETS_ON_INSIDE) wpool_progress(p->running);
    if (p->how == WAITS_INSIDE) {
        CHECK_EQ(wpool_submit(pool, count_job, &count, &id), WPOOL_OK);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
    }
    meanwhile_job(arg, NULL);
}

static int pausing_job(void *arg, wpool_job *job) {
    pausing *p = (pausing *)arg;
    wpool *pool = p->other ? p->other : wpool_job_pool(job);
    wpool_group group;
    const wpool_options member = {.group = &group};
    const wpool_options in_lane = {.lane = &p->lane};
    void *args[] = {p, p};
    wpool_job child;
    wpool_id id;
    p->running = job;
    p->self.id = pthread_self();
    atomic_store(&p->self.system_id, (int)syscall(SYS_gettid));
    gate_job(&p->before, job);
    wpool_job_init(&child, meanwhile_job, p);
    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
    switch (p->how) {
    case BLOCKS:
    case BLOCKS_INSIDE:
    case GETS_ON_INSIDE:
    case WAITS_INSIDE:
        CHECK_EQ(wpool_blocking(job, block_call, p), WPOOL_OK);
        break;
    case WAITS_BY_ID:
        CHECK_EQ(wpool_submit(pool, meanwhile_job, p, &id), WPOOL_OK);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
        break;
    case WAITS_FOR_JOB:
        CHECK_EQ(wpool_submit_job(pool, &child, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&child, WPOOL_FOREVER), WPOOL_OK);
        break;
    case WAITS_FOR_GROUP:
        CHECK_EQ(wpool_submit_with(pool, meanwhile_job, p, &member, NULL), WPOOL_OK);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
        break;
    case TAKES:
        CHECK_EQ(wpool_submit(pool, meanwhile_job, p, NULL), WPOOL_OK);
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_OK);
        break;
    case SUBMITS:
        CHECK_EQ(wpool_submit(pool, meanwhile_job, p, NULL), WPOOL_OK);
        break;
    case SUBMITS_JOB:
        CHECK_EQ(wpool_submit_job(pool, &child, NULL), WPOOL_OK);
        CHECK_EQ(wpool_job_wait(&child, WPOOL_FOREVER), WPOOL_OK);
        break;
    case SUBMITS_MANY:
        CHECK_EQ(wpool_submit_many(pool, meanwhile_job, args, COUNT_OF(args), NULL), 2);
        break;
    case SUBMITS_TO_LANE:
        CHECK_EQ(wpool_submit_with(pool, meanwhile_job, p, &in_lane, NULL), WPOOL_OK);
        break;
    default:
        CHECK_EQ(wpool_submit(pool, meanwhile_job, p, NULL), WPOOL_OK);
        CHECK_EQ(p->how == DRAINS       ? wpool_drain(pool, WPOOL_FOREVER)
                 : p->how == SHUTS_DOWN ? wpool_shutdown(pool, WPOOL_HOT, WPOOL_FOREVER)
                                        : wpool_destroy(pool),
                 WPOOL_OK);
    }
    gate_job(&p->after, job);
    return 0;
}

/* The time before and after counts, and nothing in between. */
static void check_pause(pausing *p, wpool *pool, reports *r, int way) {
    const wpool_options options = {.run_limit = LIMIT, .name = "pausing"};
    const int64_t rest = p->how == GETS_ON_INSIDE ? LIMIT : LIMIT / 2;
    wpool_id id;
    CHECK_EQ(way_submit(pool, way, pausing_job, p, &options, &p->job, &id), WPOOL_OK);
    gate_await_count(&p->before, 1);
    test_clock_advance(LIMIT / 2);
    gate_open(&p->before);
    gate_await_count(&p->meanwhile, 1);
    AWAIT(atomic_load(&p->is_inside) || pace_stats(pool).workers_blocked == 1 ||
          (p->how >= HOWS && atomic_load(&p->job.watched) < 0)); /* it lends no place */
    helper_await_sleep(&p->self);
    check_silence(r, 10 * LIMIT);
    gate_open(&p->meanwhile);
    gate_await_count(&p->after, 1);
    await_stuck(r, 0);
    test_clock_advance(rest - 1);
    test_let_others_run();
    await_stuck(r, 0);
    sleepers_await(test_clock_now() + 1);
    test_clock_advance(1);
    await_stuck(r, 1);
    CHECK_STR(r->names[0], "pausing");
    CHECK_EQ(r->stuck[0].ran_ns, LIMIT);
    gate_open(&p->after);
}

/* On the worker that waits (only one), or on another one, while it sleeps or may help. */
TEST(a_job_that_waits_does_not_run) {
    for (int how = 0; how < HOWS; how++)
        for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_NONE; help++)
            for (unsigned workers = 1; workers < 4; workers += 2)
                EACH_WAY {
                    if (workers == 1 && help == WPOOL_HELP_NONE && how >= WAITS_INSIDE) continue;
                    reports r = {.stuck_count = 0};
                    wpool_config config = watched(workers, &r);
                    config.help = (wpool_help)help;
                    config.results = how == TAKES;
                    pausing p = {GATE_CLOSED, GATE_CLOSED, GATE_CLOSED, .how = how};
                    wpool *pool = scene_pool(false, config);
                    check_pause(&p, pool, &r, way);
                    if (how == TAKES) CHECK_EQ(wpool_close_results(pool), WPOOL_OK);
                    test_drain(pool);
                    test_destroy(pool);
                    CHECK_EQ(atomic_load(&r.stuck_count), 1);
                }
}

TEST(a_job_that_waits_for_another_pool_does_not_run) {
    for (int how = WAITS_INSIDE; how < HOWS; how++)
        EACH_WAY {
            reports r = {.stuck_count = 0}, others = {.stuck_count = 0};
            pausing p = {GATE_CLOSED, GATE_CLOSED, GATE_CLOSED, .how = how};
            wpool_config config = watched(1, &others);
            config.results = how == TAKES;
            p.other = scene_pool(false, config);
            wpool *pool = scene_pool(false, watched(1, &r));
            check_pause(&p, pool, &r, way);
            test_drain(pool);
            test_destroy(pool);
            test_destroy(p.other);
            CHECK_EQ(atomic_load(&r.stuck_count), 1);
            CHECK_EQ(atomic_load(&others.stuck_count), 0);
        }
}

TEST(a_job_that_waits_for_the_end_of_another_pool_does_not_run) {
    for (int how = DRAINS; how < ENDS; how++) {
        reports r = {.stuck_count = 0};
        pausing p = {GATE_CLOSED, GATE_CLOSED, GATE_CLOSED, .how = how};
        p.other = pool_of(1);
        wpool *pool = scene_pool(false, watched(1, &r));
        check_pause(&p, pool, &r, OWNED);
        test_drain(pool);
        test_destroy(pool);
        if (how != DESTROYS) test_destroy(p.other);
        CHECK_EQ(atomic_load(&r.stuck_count), 1);
    }
}

/* Its worker is busy, and another job waits. */
TEST(a_job_that_submits_to_another_full_pool_does_not_run) {
    for (int how = SUBMITS; how < SUBMITS_END; how++)
        EACH_WAY {
            reports r = {.stuck_count = 0};
            pausing p = {GATE_CLOSED, GATE_CLOSED, GATE_CLOSED, .how = how};
            const wpool_options options = {.lane = how == SUBMITS_TO_LANE ? &p.lane : NULL};
            p.other = test_pool_of(1, 1);
            lane_begin(&p.lane, p.other, 1, 1);
            for (int i = 0; i < 2; i++)
                CHECK_EQ(wpool_submit_with(p.other, gate_job, &p.meanwhile, &options, NULL),
                         WPOOL_OK);
            gate_await_count(&p.meanwhile, 1);
            wpool *pool = scene_pool(false, watched(1, &r));
            check_pause(&p, pool, &r, way);
            test_drain(pool);
            test_destroy(pool);
            lane_and_pool_end(&p.lane, p.other);
            CHECK_EQ(atomic_load(&r.stuck_count), 1);
        }
}

TEST(an_inline_job_that_waits_does_not_run) {
    for (int how = 0; how < HOWS; how++)
        EACH_WAY {
            reports r = {.stuck_count = 0};
            pausing p = {GATE_CLOSED, GATE_CLOSED, GATE_CLOSED, .how = how};
            watched_scene w;
            wpool_config config = watched(1, &r);
            config.results = how == TAKES;
            wpool *pool = watched_begin(&w, true, config);
            check_pause(&p, pool, &r, way);
            test_drain(pool);
            watched_end(&w);
            CHECK_EQ(atomic_load(&r.stuck_count), 1);
        }
}

/* It waits for a job that is stuck itself: that one is named. */
typedef struct outer {
    paced *inner;
    gate after;
} outer;

static int outer_job(void *arg, wpool_job *job) {
    outer *o = (outer *)arg;
    const wpool_options options = {.run_limit = LIMIT, .name = "inner"};
    paced_submit(wpool_job_pool(job), o->inner, OWNED, &options);
    CHECK_EQ(wpool_job_wait(&o->inner->job, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(of_jobs_inside_of_each_other_the_innermost_runs) {
    EACH_POOL for (unsigned workers = 1; workers < 3; workers++) {
        gate door = GATE_CLOSED;
        reports r = {.stuck_count = 0};
        paced inner = {.door = &door};
        outer o = {.inner = &inner, .after = GATE_CLOSED};
        const wpool_options options = {.run_limit = LIMIT, .name = "outer"};
        watched_scene w;
        wpool *pool = watched_begin(&w, is_inline, watched(workers, &r));
        CHECK_EQ(wpool_submit_with(pool, outer_job, &o, &options, NULL), WPOOL_OK);
        gate_await_count(&door, 1);
        sleepers_pass_nearly(LIMIT);
        await_stuck(&r, 0);
        test_clock_advance(1);
        await_stuck(&r, 1);
        check_silence(&r, 10 * LIMIT);
        gate_open(&door);
        test_drain(pool);
        watched_end(&w);
        CHECK_EQ(atomic_load(&r.stuck_count), 1);
        CHECK_STR(r.names[0], "inner");
    }
}

/* ---- stalled pools ---- */

/* When all are there, submits a child that nobody can run, and waits for it for a time. */
typedef struct parent {
    gate *door;
    int how;
    int64_t timeout;
    wpool_job job;
    atomic_uint *children;
    wpool_status status;
    wpool_group group;
} parent;

static int parent_job(void *arg, wpool_job *job) {
    parent *p = (parent *)arg;
    wpool *pool = wpool_job_pool(job);
    const wpool_options member = {.group = &p->group};
    wpool_id id;
    if (p->door) gate_job(p->door, job);
    wpool_job_init(&p->job, count_job, p->children);
    CHECK_EQ(wpool_group_init(&p->group, NULL), WPOOL_OK);
    if (p->how == WAITS_BY_ID) {
        CHECK_EQ(wpool_submit(pool, count_job, p->children, &id), WPOOL_OK);
        p->status = wpool_wait(pool, id, p->timeout, NULL);
    } else if (p->how == WAITS_FOR_JOB) {
        CHECK_EQ(wpool_submit_job(pool, &p->job, NULL), WPOOL_OK);
        p->status = wpool_job_wait(&p->job, p->timeout);
    } else {
        CHECK_EQ(wpool_submit_with(pool, count_job, p->children, &member, NULL), WPOOL_OK);
        p->status = wpool_group_wait(&p->group, p->timeout, NULL);
    }
    return 0;
}

static wpool_config sleepy(unsigned workers, reports *r) {
    wpool_config config = watched(workers, r);
    config.help = WPOOL_HELP_NONE;
    return config;
}

/* So many parents wait, and their children are queued. */
static void parents_begin(parent *parents, unsigned count, wpool *pool, int how, int64_t timeout,
                          atomic_uint *children) {
    static gate door = GATE_CLOSED;
    door = (gate)GATE_CLOSED;
    for (unsigned i = 0; i < count; i++) {
        parents[i] = (parent){&door, how, timeout, .children = children};
        CHECK_EQ(wpool_submit(pool, parent_job, &parents[i], NULL), WPOOL_OK);
    }
    gate_await_count(&door, count);
    gate_open(&door);
    AWAIT(pace_stats(pool).running == count && pace_stats(pool).waiting == count);
}

static void await_stalled(reports *r, unsigned count) {
    AWAIT(atomic_load(&r->stalled_count) >= count);
    CHECK_EQ(atomic_load(&r->stalled_count), count);
}

TEST(a_pool_whose_workers_all_wait_is_stalled) {
    for (int how = WAITS_BY_ID; how <= WAITS_FOR_GROUP; how++)
        for (unsigned workers = 1; workers < 4; workers++) {
            reports r = {.stuck_count = 0};
            parent parents[3];
            atomic_uint children = 0;
            wpool *pool = scene_pool(false, sleepy(workers, &r));
            parents_begin(parents, workers, pool, how, 10 * STALL, &children);
            sleepers_pass_nearly(STALL);
            await_stalled(&r, 0);
            test_clock_advance(1);
            await_stalled(&r, 1);
            CHECK(r.stalled == pool);
            CHECK(!pthread_equal(r.thread, pthread_self()));
            check_silence(&r, 8 * STALL);
            CHECK_EQ(atomic_load(&children), 0);
            PASS_UNTIL(atomic_load(&children) == workers); /* they give up, and can run them */
            test_drain(pool);
            check_silence(&r, 10 * STALL);
            test_destroy(pool);
            CHECK_EQ(atomic_load(&r.stalled_count), 1);
        }
}

/* Another worker by hand ends it. */
TEST(a_pool_is_stalled_a_second_after_its_last_worker_began_to_wait) {
    reports r = {.stuck_count = 0};
    pausing p[2] = {{.how = WAITS_FOR_JOB}, {.how = WAITS_FOR_JOB}};
    wpool *pool = scene_pool(false, sleepy(2, &r));
    for (int i = 0; i < 2; i++) {
        p[i].before = p[i].meanwhile = p[i].after = (gate)GATE_CLOSED;
        gate_open(&p[i].meanwhile);
        gate_open(&p[i].after);
        CHECK_EQ(wpool_submit(pool, pausing_job, &p[i], NULL), WPOOL_OK);
        gate_await_count(&p[i].before, 1);
    }
    gate_open(&p[0].before);
    AWAIT(pace_stats(pool).waiting == 1);
    check_silence(&r, 3 * STALL); /* one is busy */
    gate_open(&p[1].before);
    AWAIT(pace_stats(pool).waiting == 2);
    sleepers_pass_nearly(STALL);
    await_stalled(&r, 0);
    test_clock_advance(1);
    await_stalled(&r, 1);
    check_silence(&r, 3 * STALL);
    CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&r.stalled_count), 1);
}

TEST(a_pool_with_a_busy_worker_is_not_stalled) {
    reports r = {.stuck_count = 0};
    parent waits;
    gate door = GATE_CLOSED;
    atomic_uint children = 0;
    wpool *pool = scene_pool(false, sleepy(2, &r));
    CHECK_EQ(wpool_submit(pool, gate_job, &door, NULL), WPOOL_OK);
    gate_await_count(&door, 1);
    waits = (parent){.how = WAITS_BY_ID, .timeout = WPOOL_FOREVER, .children = &children};
    CHECK_EQ(wpool_submit(pool, parent_job, &waits, NULL), WPOOL_OK);
    AWAIT(pace_stats(pool).running == 2 && pace_stats(pool).waiting == 1);
    check_silence(&r, 10 * STALL);
    gate_open(&door);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(waits.status, WPOOL_OK);
    CHECK_EQ(atomic_load(&r.stalled_count), 0);
}

/* Of three one waits and is to leave, and one waits. */
TEST(a_worker_that_leaves_does_not_count_as_waiting_for_a_busy_one) {
    enum { LEAVES, WAITS, IS_BUSY, WORKERS };
    for (int mode = WPOOL_GRACEFUL; mode <= WPOOL_HOT; mode++) {
        reports r = {.stuck_count = 0};
        gate doors[WORKERS] = {GATE_CLOSED, GATE_CLOSED, GATE_CLOSED};
        parent parents[WORKERS];
        wpool_id ids[WORKERS];
        wpool_worker_info infos[WORKERS];
        atomic_uint children = 0;
        wpool *pool = scene_pool(false, sleepy(WORKERS, &r));
        for (int i = 0; i < WORKERS; i++) {
            parents[i] = (parent){&doors[i], WAITS_BY_ID, WPOOL_FOREVER, .children = &children};
            CHECK_EQ(wpool_submit(pool, parent_job, &parents[i], &ids[i]), WPOOL_OK);
            gate_await_count(&doors[i], 1);
        }
        gate_open(&doors[LEAVES]);
        AWAIT(pace_stats(pool).waiting == 1);
        CHECK_EQ(wpool_workers(pool, infos, WORKERS), WORKERS);
        for (int i = 0; i < WORKERS; i++)
            if (infos[i].job == ids[LEAVES])
                CHECK_EQ(wpool_worker_stop(pool, infos[i].worker, (wpool_mode)mode, NULL),
                         WPOOL_OK);
        CHECK_EQ(pace_stats(pool).workers_leaving, 1);
        gate_open(&doors[WAITS]);
        AWAIT(sleepers_still() == 3); /* these two, and who keeps the time */
        check_silence(&r, 10 * STALL);
        AWAIT(sleepers_still() == 3);
        gate_open(&doors[IS_BUSY]);
        AWAIT(pace_stats(pool).waiting == 3);
        sleepers_pass(STALL);
        await_stalled(&r, 1);
        CHECK_EQ(wpool_scale(pool, 1, WPOOL_GRACEFUL), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(atomic_load(&children), WORKERS);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&r.stalled_count), 1);
    }
}

TEST(a_pool_whose_workers_are_all_busy_is_not_stalled) {
    reports r = {.stuck_count = 0};
    hold h = HOLD_EMPTY;
    atomic_uint count = 0;
    wpool *pool = scene_pool(false, sleepy(2, &r));
    hold_workers(&h, pool, 2);
    count_submit(pool, &count, 10);
    check_silence(&r, 10 * STALL);
    hold_release(&h, 2);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&r.stalled_count), 0);
}

/* Never for a second, until it does. */
static int impatient_job(void *arg, wpool_job *job) {
    wpool_id id;
    CHECK_EQ(wpool_submit(wpool_job_pool(job), count_job, arg, &id), WPOOL_OK);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(wpool_wait(wpool_job_pool(job), id, i < 9 ? STALL - 1 : 4 * STALL, NULL),
                 WPOOL_TIMEOUT);
    return 0;
}

TEST(a_pool_whose_workers_wait_again_and_again_is_not_stalled) {
    reports r = {.stuck_count = 0};
    atomic_uint count = 0;
    wpool *pool = scene_pool(false, sleepy(1, &r));
    CHECK_EQ(wpool_submit(pool, impatient_job, &count, NULL), WPOOL_OK);
    for (int i = 0; i < 9; i++) {
        AWAIT(sleepers_count(test_clock_now() + STALL - 1) == 1);
        test_clock_advance(STALL - 1);
        await_stalled(&r, 0);
    }
    AWAIT(sleepers_count(test_clock_now() + 4 * STALL) == 1);
    /* it looks once a second: at first the worker has just begun to wait */
    for (int looks = 0; looks < 3 && atomic_load(&r.stalled_count) == 0; looks++) {
        const int64_t now = test_clock_now();
        int64_t next = 0;
        AWAIT(((next = sleepers_first()) > now && next <= now + STALL) ||
              atomic_load(&r.stalled_count) != 0);
        if (next > now && next <= now + STALL) test_clock_advance(next - now);
    }
    await_stalled(&r, 1);
    PASS_UNTIL(atomic_load(&count) == 1);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&r.stalled_count), 1);
}

/* In wpool_blocking it waits for no job. */
static int block_job(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_blocking(job, block_call, arg), WPOOL_OK);
    return 0;
}

TEST(a_pool_whose_workers_are_all_in_system_calls_is_not_stalled) {
    reports r = {.stuck_count = 0};
    pausing p = {.meanwhile = GATE_CLOSED};
    atomic_uint count = 0;
    wpool *pool = scene_pool(false, sleepy(2, &r));
    p.self.id = pthread_self();
    for (int i = 0; i < 2; i++)
        CHECK_EQ(wpool_submit(pool, block_job, &p, NULL), WPOOL_OK);
    gate_await_count(&p.meanwhile, 2);
    count_submit(pool, &count, 10);
    check_silence(&r, 10 * STALL);
    gate_open(&p.meanwhile);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&r.stalled_count), 0);
}

/* They wait for another pool, and nothing is queued; then something is. */
TEST(a_pool_with_nothing_queued_is_not_stalled) {
    enum { WORKERS = 2 };
    reports r = {.stuck_count = 0}, others = {.stuck_count = 0};
    gate before = GATE_CLOSED, after = GATE_CLOSED;
    pausing p[WORKERS];
    atomic_uint count = 0;
    wpool *other = scene_pool(false, watched(WORKERS, &others));
    wpool *pool = scene_pool(false, sleepy(WORKERS, &r));
    gate_open(&before);
    gate_open(&after);
    for (int i = 0; i < WORKERS; i++) {
        p[i] = (pausing){before, GATE_CLOSED, after, .how = WAITS_FOR_JOB, .other = other};
        CHECK_EQ(wpool_submit(pool, pausing_job, &p[i], NULL), WPOOL_OK);
    }
    for (int i = 0; i < WORKERS; i++)
        gate_await_count(&p[i].meanwhile, 1);
    check_silence(&r, 10 * STALL);
    const wpool_options later = {.delay = 5 * STALL};
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &later, NULL), WPOOL_OK);
    check_silence(&r, 5 * STALL - 10); /* that is not queued yet */
    count_submit(pool, &count, 1);
    PASS_UNTIL(atomic_load(&r.stalled_count) != 0); /* the keeper may have looked late */
    await_stalled(&r, 1);
    for (int i = 0; i < WORKERS; i++)
        gate_open(&p[i].meanwhile);
    PASS_UNTIL(atomic_load(&count) == 2);
    test_drain(pool);
    test_destroy(pool);
    test_destroy(other);
    CHECK_EQ(atomic_load(&r.stalled_count), 1);
    CHECK_EQ(atomic_load(&others.stalled_count), 0);
}

TEST(a_pool_to_which_a_worker_may_be_added_is_not_stalled) {
    reports r = {.stuck_count = 0};
    parent parents[2];
    atomic_uint children = 0;
    wpool_config config = sleepy(2, &r);
    config.min_workers = 2;
    config.max_workers = 3;
    wpool *pool = scene_pool(false, config);
    for (int i = 0; i < 2; i++) {
        parents[i] = (parent){.how = WAITS_BY_ID, .timeout = WPOOL_FOREVER, .children = &children};
        CHECK_EQ(wpool_submit(pool, parent_job, &parents[i], NULL), WPOOL_OK);
    }
    PASS_UNTIL(atomic_load(&children) == 2);
    test_drain(pool);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&r.stalled_count), 0);
}

TEST(a_pool_whose_workers_help_is_not_stalled) {
    EACH_POOL for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++) {
        reports r = {.stuck_count = 0};
        parent parents[4];
        atomic_uint children = 0;
        wpool_config config = sleepy(2, &r);
        scene s;
        config.help = (wpool_help)help;
        scene_begin(&s, is_inline, config);
        for (int i = 0; i < 4; i++) {
            parents[i] = (parent){
                .how = WAITS_BY_ID + i % 3, .timeout = WPOOL_FOREVER, .children = &children};
            CHECK_EQ(wpool_submit(s.pool, parent_job, &parents[i], NULL), WPOOL_OK);
        }
        AWAIT(atomic_load(&children) == 4);
        test_drain(s.pool);
        check_silence(&r, 10 * STALL);
        scene_end(&s);
        CHECK_EQ(atomic_load(&r.stalled_count), 0);
    }
}

/* Its worker waits for a time, which comes: nothing is queued before. */
static int wait_for_time_job(void *arg, wpool_job *job) {
    const wpool_options options = {.delay = 5 * STALL};
    wpool_job child;
    wpool_job_init(&child, count_job, arg);
    CHECK_EQ(wpool_submit_job(wpool_job_pool(job), &child, &options), WPOOL_OK);
    CHECK_EQ(wpool_job_wait(&child, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(a_pool_whose_workers_wait_for_a_time_is_not_stalled) {
    EACH_POOL {
        reports r = {.stuck_count = 0};
        atomic_uint count = 0;
        watched_scene w;
        wpool *pool = watched_begin(&w, is_inline, watched(1, &r));
        CHECK_EQ(wpool_submit(pool, wait_for_time_job, &count, NULL), WPOOL_OK);
        pace_await_delayed(pool, 1);
        check_silence(&r, 4 * STALL);
        test_clock_advance(STALL);
        AWAIT(atomic_load(&count) == 1);
        test_drain(pool);
        watched_end(&w);
        CHECK_EQ(atomic_load(&r.stalled_count), 0);
    }
}
