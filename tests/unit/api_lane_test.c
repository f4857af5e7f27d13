/* Lanes: jobs that run a few at a time, in their order: row F8. (With times: lane_clock_test.c.)
   Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"
#include "ways.h"
#include <limits.h>
#include <math.h>

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { LANES = 1000, PER_LANE = 20, ROUNDS = 300, STEPS = 500 };
#else
enum { LANES = 10000, PER_LANE = 100, ROUNDS = 5000, STEPS = 5000 };
#endif

/* More than a worker takes at once, and than its deque holds at first. */
enum { MANY = 3 * WPOOL_BATCH };

static void rider_submit(wpool *pool, request *r, int way, wpool_lane *lane) {
    request_submit(pool, r, way, (wpool_options){.lane = lane});
}

static void riders_submit(wpool *pool, request *riders, size_t count, wpool_lane *lane) {
    requests_submit(pool, riders, count, (wpool_options){.lane = lane});
}

static wpool_status submit_in(wpool *pool, wpool_fn fn, void *arg, wpool_lane *lane, wpool_id *id) {
    const wpool_options options = {.lane = lane};
    return wpool_submit_with(pool, fn, arg, &options, id);
}

/* ---- one after the other ---- */

/* What the jobs of a strict lane share: plain memory, for they run one after the other. */
typedef struct track {
    wpool_lane lane;
    unsigned next;
} track;

typedef struct seat {
    track *track;
    unsigned number;
} seat;

static int seat_job(void *arg, wpool_job *job) {
    seat *s = (seat *)arg;
    (void)job;
    CHECK_EQ(s->track->next, s->number);
    s->track->next++;
    return 0;
}

typedef struct car {
    seat seat;
    wpool_job job;
} car;

static void car_submit(wpool *pool, car *c, track *t, unsigned number, int way) {
    const wpool_options options = {.lane = &t->lane,
                                   .priority = (wpool_priority)(number % (WPOOL_LOW + 1))};
    wpool_id id;
    c->seat = (seat){t, number};
    CHECK_EQ(way_submit(pool, way, seat_job, &c->seat, &options, &c->job, &id), WPOOL_OK);
}

/* Whatever the pool's order is, and the priorities of its jobs. */
TEST(the_jobs_of_a_lane_run_one_after_the_other_in_their_order) {
    for (int in_order = WPOOL_FIFO; in_order <= WPOOL_PRIORITY; in_order++)
        for (unsigned workers = 1; workers <= 4; workers++)
            for (int is_paused = 0; is_paused < 2; is_paused++) {
                static track tracks[3];
                static car cars[3][MANY];
                wpool *pool = pool_from((wpool_config){.workers = workers,
                                                       .queue_capacity = 2,
                                                       .order = (wpool_order)in_order,
                                                       .start_paused = is_paused});
                for (int t = 0; t < 3; t++) {
                    lane_begin(&tracks[t].lane, pool, (unsigned)t % 2, 0);
                    tracks[t].next = 0;
                }
                for (unsigned i = 0; i < MANY; i++)
                    for (int t = 0; t < 3; t++)
                        car_submit(pool, &cars[t][i], &tracks[t], i, (int)i % WAYS);
                if (is_paused) test_start(pool);
                test_drain(pool);
                for (int t = 0; t < 3; t++) {
                    CHECK_EQ(tracks[t].next, MANY);
                    lane_end(&tracks[t].lane);
                }
                test_destroy(pool);
            }
}

TEST(jobs_wait_in_their_lane_while_another_runs) {
    NEEDS_WORKERS();
    static request riders[100];
    wpool_lane lane;
    hold h = HOLD_EMPTY;
    wpool *pool = pool_of(3);
    lane_begin(&lane, pool, 1, 0);
    hold_lane(&h, pool, &lane, 1);
    riders_submit(pool, riders, 100, &lane);
    test_let_others_run();
    for (int i = 0; i < 100; i++)
        CHECK_EQ(riders[i].task.run_count, 0);
    CHECK_EQ(wpool_job_state(pool, riders[WITH_ID].id), WPOOL_STATE_DELAYED);
    CHECK_EQ(test_stats(pool).waiting, 100);
    CHECK_EQ(test_stats(pool).delayed, 100);
    hold_release(&h, 1);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).delayed, 0);
    lane_end(&lane);
    test_destroy(pool);
    requests_check(riders, 100, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(as_many_run_at_once_as_the_lane_allows) {
    NEEDS_WORKERS();
    for (unsigned limit = 1; limit <= 4; limit++) {
        hold h = HOLD_EMPTY;
        wpool_lane lane;
        wpool *pool = pool_of(4);
        lane_begin(&lane, pool, limit, 0);
        hold_lane(&h, pool, &lane, 20);
        for (unsigned i = 0; i <= 20 - limit; i++) {
            gate_await_count(&h.running, limit + i);
            test_let_others_run();
            CHECK_EQ(test_stats(pool).running, limit);
            CHECK_EQ(test_stats(pool).waiting, 20 - limit - i);
            hold_release(&h, 1);
        }
        hold_release(&h, limit - 1);
        lane_and_pool_end(&lane, pool);
    }
}

TEST(a_limit_that_is_never_reached_holds_nobody_back) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    wpool_lane lane;
    wpool *pool = pool_of(4);
    lane_begin(&lane, pool, UINT_MAX, 0);
    hold_lane(&h, pool, &lane, 4);
    gate_await_count(&h.running, 4);
    hold_release(&h, 4);
    lane_and_pool_end(&lane, pool);
}

TEST(a_lane_at_its_limit_leaves_the_workers_to_the_others) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    static request riders[MANY];
    atomic_uint plain = 0, beside = 0;
    wpool_lane lane, other;
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0);
    lane_begin(&other, pool, 1, 0);
    hold_lane(&h, pool, &lane, 1);
    riders_submit(pool, riders, MANY, &lane);
    for (int i = 0; i < MANY; i++) {
        count_submit(pool, &plain, 1);
        CHECK_EQ(submit_in(pool, count_job, &beside, &other, NULL), WPOOL_OK);
    }
    while (atomic_load(&plain) + atomic_load(&beside) < 2 * MANY)
        sched_yield();
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(riders[i].task.run_count, 0);
    hold_release(&h, 1);
    test_drain(pool);
    lane_end(&lane);
    lane_end(&other);
    test_destroy(pool);
}

TEST(jobs_of_a_lane_have_no_place_in_the_queue) {
    static request riders[MANY];
    atomic_uint count = 0;
    wpool_lane lane;
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 2, .when_full = WPOOL_REFUSE, .start_paused = true});
    lane_begin(&lane, pool, 2, 0);
    riders_submit(pool, riders, MANY, &lane);
    count_submit(pool, &count, 2);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_FULL);
    CHECK_EQ(test_stats(pool).waiting, MANY + 2);
    test_start(pool);
    lane_and_pool_end(&lane, pool);
    requests_check(riders, MANY, WPOOL_STATE_SUCCEEDED, 0);
    CHECK_EQ(count, 2);
}

TEST(a_paused_pool_starts_no_job_of_a_lane) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    request next = {.id = 0};
    wpool_lane lane;
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0);
    hold_lane(&h, pool, &lane, 1);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    rider_submit(pool, &next, PLAIN, &lane);
    hold_release(&h, 1);
    test_await_running(pool, 0);
    test_let_others_run();
    CHECK_EQ(next.task.run_count, 0);
    test_start(pool);
    test_drain(pool);
    request_check(&next, WPOOL_STATE_SUCCEEDED, 0);
    lane_end(&lane);
    test_destroy(pool);
}

TEST(a_job_that_leaves_its_thread_leaves_its_lane) {
    NEEDS_WORKERS();
    request riders[10];
    wpool_lane lane;
    wpool *pool = test_pool_paused(2, 0);
    memset((void *)riders, 0, sizeof riders);
    lane_begin(&lane, pool, 1, 0);
    for (int i = 0; i < 10; i++)
        riders[i].task.leaves = i % 2;
    riders_submit(pool, riders, 10, &lane);
    test_start(pool);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).failed, 5);
    lane_end(&lane);
    test_destroy(pool);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(riders[i].task.done_count, 1);
}

TEST(failed_jobs_hold_nobody_up) {
    request riders[10];
    wpool_lane lane;
    wpool *pool = test_pool_paused(2, 0);
    memset((void *)riders, 0, sizeof riders);
    lane_begin(&lane, pool, 1, 0);
    for (int i = 0; i < 10; i++)
        riders[i].task.error = 7;
    riders_submit(pool, riders, 10, &lane);
    test_start(pool);
    lane_and_pool_end(&lane, pool);
    requests_check(riders, 10, WPOOL_STATE_FAILED, 7);
}

/* ---- a full lane ---- */

/* A pool with a lane in which one job runs and max_waiting are waiting: there is no room. */
typedef struct crowd {
    wpool *pool;
    wpool_lane lane;
    wpool_options options; /* they name the lane */
    hold hold;
    unsigned max_waiting;
} crowd;

static void crowd_begin(crowd *c, wpool_when_full when_full, unsigned max_waiting) {
    *c = (crowd){.options = {.lane = &c->lane}, .hold = HOLD_EMPTY, .max_waiting = max_waiting};
    c->pool = pool_from((wpool_config){.workers = 2, .when_full = when_full});
    lane_begin(&c->lane, c->pool, 1, max_waiting);
    hold_lane(&c->hold, c->pool, &c->lane, 1 + max_waiting);
}

static void crowd_end(crowd *c) {
    hold_release(&c->hold, 1 + c->max_waiting);
    test_drain(c->pool);
    lane_end(&c->lane);
    test_destroy(c->pool);
}

TEST(a_full_lane_refuses_whatever_the_pool_does_but_block) {
    NEEDS_WORKERS();
    for (int when_full = WPOOL_REFUSE; when_full <= WPOOL_DROP_OLDEST; when_full++)
        for (unsigned max_waiting = 1; max_waiting <= 100; max_waiting *= 10) {
            crowd c;
            request refused[WAYS] = {{.id = 77}, {.id = 77}, {.id = 77}};
            atomic_uint count = 0;
            wpool_group group;
            const wpool_options options = {.lane = &c.lane, .group = &group};
            CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
            crowd_begin(&c, (wpool_when_full)when_full, max_waiting);
            for (int way = 0; way < WAYS; way++)
                CHECK_EQ(request_try(c.pool, &refused[way], way, options), WPOOL_FULL);
            CHECK_EQ(refused[WITH_ID].id, 0);
            CHECK_EQ(wpool_job_wait(&refused[OWNED].job, WPOOL_NOW), WPOOL_UNKNOWN);
            CHECK_EQ(wpool_group_wait(&group, WPOOL_NOW, NULL), WPOOL_OK);
            CHECK_EQ(test_stats(c.pool).accepted, 1 + max_waiting);
            count_submit(c.pool, &count, 1);    /* the others have room */
            for (unsigned i = 1; i <= 3; i++) { /* each that starts lets one more in */
                hold_release(&c.hold, 1);
                gate_await_count(&c.hold.running, 1 + i);
                CHECK_EQ(submit_in(c.pool, hold_job, &c.hold, &c.lane, NULL), WPOOL_OK);
                CHECK_EQ(submit_in(c.pool, count_job, &count, &c.lane, NULL), WPOOL_FULL);
            }
            crowd_end(&c);
            CHECK_EQ(count, 1);
            for (int way = 0; way < WAYS; way++)
                CHECK_EQ(refused[way].task.run_count + refused[way].task.done_count, 0);
        }
}

enum { ATTEMPTS = 4 };

static void crowd_attempts_start(crowd *c, attempt *attempts, atomic_uint *returned) {
    const attempt one = {c->pool, hold_job, &c->hold, &c->options, .returned = returned};
    attempts_start(attempts, ATTEMPTS, one);
}

TEST(submitters_blocked_by_a_full_lane_go_on_one_by_one) {
    NEEDS_WORKERS();
    for (unsigned max_waiting = 1; max_waiting <= 10; max_waiting += 9) {
        crowd c;
        attempt attempts[ATTEMPTS];
        atomic_uint returned = 0, count = 0;
        crowd_begin(&c, WPOOL_BLOCK, max_waiting);
        crowd_attempts_start(&c, attempts, &returned);
        count_submit(c.pool, &count, 10); /* the others are not blocked, and free no room */
        while (atomic_load(&count) < 10)
            sched_yield();
        CHECK_EQ(returned, 0);
        for (unsigned i = 1; i <= ATTEMPTS; i++) {
            hold_release(&c.hold, 1);
            while (atomic_load(&returned) < i)
                sched_yield();
            gate_await_count(&c.hold.running, 1 + i);
            test_let_others_run();
            CHECK_EQ(returned, i);
            CHECK_EQ(test_stats(c.pool).waiting, max_waiting);
        }
        attempts_join(attempts, ATTEMPTS, WPOOL_OK);
        crowd_end(&c);
        CHECK_EQ(c.hold.running.count, 1 + max_waiting + ATTEMPTS);
    }
}

TEST(submitters_blocked_by_a_full_lane_are_sent_home) {
    NEEDS_WORKERS();
    for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
        crowd c;
        attempt attempts[ATTEMPTS];
        atomic_uint returned = 0;
        crowd_begin(&c, WPOOL_BLOCK, 2);
        crowd_attempts_start(&c, attempts, &returned);
        CHECK_EQ(is_stopped ? wpool_stop(c.pool, WPOOL_GRACEFUL) : wpool_close(c.pool), WPOOL_OK);
        attempts_join(attempts, ATTEMPTS, WPOOL_CLOSED);
        crowd_end(&c);
        CHECK_EQ(c.hold.running.count, is_stopped ? 1 : 3);
    }
}

TEST(a_submit_to_a_full_lane_gives_up_when_time_is_out) {
    NEEDS_WORKERS();
    for (int when_full = WPOOL_BLOCK; when_full <= WPOOL_DROP_OLDEST; when_full++) {
        crowd c;
        request late[WAYS] = {{.id = 77}, {.id = 77}, {.id = 77}};
        const wpool_options options = {.lane = &c.lane, .timeout = WPOOL_MS(1)};
        crowd_begin(&c, (wpool_when_full)when_full, 3);
        for (int way = 0; way < WAYS; way++)
            CHECK_EQ(request_try(c.pool, &late[way], way, options), WPOOL_TIMEOUT);
        CHECK_EQ(late[WITH_ID].id, 0);
        CHECK_EQ(test_stats(c.pool).accepted, 4);
        crowd_end(&c);
        for (int way = 0; way < WAYS; way++)
            CHECK_EQ(late[way].task.done_count, 0);
    }
}

/* Nobody but it may be there to make room. */
typedef struct breed {
    wpool_lane lane;
    atomic_uint ran;
    unsigned accepted, refused;
} breed;

static int breed_job(void *arg, wpool_job *job) {
    breed *b = (breed *)arg;
    for (int i = 0; i < 100; i++) {
        const wpool_status status =
            submit_in(wpool_job_pool(job), count_job, &b->ran, &b->lane, NULL);
        CHECK(status == WPOOL_OK || status == WPOOL_FULL);
        *(status == WPOOL_OK ? &b->accepted : &b->refused) += 1;
    }
    return 0;
}

TEST(a_worker_is_not_blocked_by_a_full_lane_of_its_own_pool) {
    for (int when_full = WPOOL_BLOCK; when_full <= WPOOL_DROP_OLDEST; when_full++)
        for (int is_inside = 0; is_inside < 2; is_inside++) { /* the job is of that lane */
            breed b = {.ran = 0};
            wpool *pool =
                pool_from((wpool_config){.workers = 1, .when_full = (wpool_when_full)when_full});
            lane_begin(&b.lane, pool, 1, 5);
            CHECK_EQ(is_inside ? submit_in(pool, breed_job, &b, &b.lane, NULL)
                               : wpool_submit(pool, breed_job, &b, NULL),
                     WPOOL_OK);
            test_drain(pool);
            CHECK_EQ(b.accepted + b.refused, 100);
            CHECK_EQ(b.ran, b.accepted);
            if (when_full == WPOOL_BLOCK) CHECK_EQ(b.refused, 0);
            if (when_full != WPOOL_BLOCK && is_inside) CHECK_EQ(b.accepted, 5);
            lane_end(&b.lane);
            test_destroy(pool);
        }
}

TEST(a_cancelled_job_makes_room_in_its_lane) {
    NEEDS_WORKERS();
    crowd c;
    request riders[2] = {{.id = 0}}, more = {.id = 0};
    crowd_begin(&c, WPOOL_REFUSE, 0);
    wpool_lane lane;
    lane_begin(&lane, c.pool, 1, 2);
    CHECK_EQ(submit_in(c.pool, hold_job, &c.hold, &lane, NULL), WPOOL_OK);
    gate_await_count(&c.hold.running, 2);
    for (int i = 0; i < 2; i++)
        rider_submit(c.pool, &riders[i], WITH_ID, &lane);
    CHECK_EQ(request_try(c.pool, &more, WITH_ID, (wpool_options){.lane = &lane}), WPOOL_FULL);
    CHECK_EQ(wpool_cancel(c.pool, riders[0].id, WPOOL_GRACEFUL), WPOOL_OK);
    rider_submit(c.pool, &more, WITH_ID, &lane);
    hold_release(&c.hold, 1);
    crowd_end(&c);
    CHECK_EQ(more.task.run_count + riders[1].task.run_count, 2);
}

/* ---- nonsense ---- */

TEST(a_lane_of_another_pool_is_invalid) {
    request r[WAYS] = {{.id = 77}, {.id = 77}, {.id = 77}};
    wpool_lane lane;
    wpool *pool = pool_of(1), *other = pool_of(1);
    lane_begin(&lane, other, 1, 0);
    for (int way = 0; way < WAYS; way++)
        CHECK_EQ(request_try(pool, &r[way], way, (wpool_options){.lane = &lane}), WPOOL_INVALID);
    CHECK_EQ(r[WITH_ID].id, 0);
    CHECK_EQ(test_stats(pool).accepted + test_stats(other).accepted, 0);
    lane_end(&lane);
    test_destroy(pool);
    test_destroy(other);
}

TEST(nonsense_is_invalid) {
    static const wpool_rate rates[] = {{.per_second = -1}, {.per_second = NAN}};
    wpool_lane lane = {.max_running = 1};
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_lane_init(NULL, pool), WPOOL_INVALID);
    CHECK_EQ(wpool_lane_init(&lane, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_lane_destroy(NULL), WPOOL_INVALID);
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        lane = (wpool_lane){.rate = rates[i]};
        CHECK_EQ(wpool_lane_init(&lane, pool), WPOOL_INVALID);
    }
    test_destroy(pool);
}

TEST(a_child_process_cannot_use_lanes_of_its_parent) {
    wpool_lane lane, other = {.max_running = 1};
    atomic_uint count = 0;
    wpool *pool = pool_of(1);
    lane_begin(&lane, pool, 1, 0);
    const pid_t child = fork();
    if (child == 0) {
        CHECK_EQ(wpool_lane_init(&other, pool), WPOOL_OTHER_PROCESS);
        CHECK_EQ(submit_in(pool, count_job, &count, &lane, NULL), WPOOL_OTHER_PROCESS);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_OTHER_PROCESS);
        _exit(0);
    }
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    lane_end(&lane);
    test_destroy(pool);
}

/* ---- thousands of lanes, and nobody starves ---- */

TEST(thousands_of_lanes_each_keep_their_order) {
    enum { WAITING = 4 };
    static track tracks[LANES];
    static seat seats[LANES][PER_LANE];
    atomic_uint plain = 0;
    wpool *pool = test_pool_paused(3, 0);
    for (int t = 0; t < LANES; t++) {
        lane_begin(&tracks[t].lane, pool, 1, WAITING);
        tracks[t].next = 0;
    }
    for (unsigned i = 0; i < PER_LANE; i++) {
        for (int t = 0; t < LANES; t++) {
            seats[t][i] = (seat){&tracks[t], i};
            CHECK_EQ(submit_in(pool, seat_job, &seats[t][i], &tracks[t].lane, NULL), WPOOL_OK);
        }
        if (i == WAITING - 1) test_start(pool); /* all lanes are full of jobs */
        count_submit(pool, &plain, 1);
    }
    test_drain(pool);
    for (int t = 0; t < LANES; t++) {
        CHECK_EQ(tracks[t].next, PER_LANE);
        lane_end(&tracks[t].lane);
    }
    CHECK_EQ(plain, PER_LANE);
    test_destroy(pool);
}

/* Jobs without end, in a lane or in none: each one submits the next, until those that are counted
   have run. */
typedef struct stream {
    wpool_lane *lane;
    atomic_uint *count;
    unsigned end;
    atomic_uint starts;
} stream;

static int stream_job(void *arg, wpool_job *job) {
    stream *s = (stream *)arg;
    atomic_fetch_add(&s->starts, 1);
    if (atomic_load(s->count) < s->end)
        CHECK_EQ(submit_in(wpool_job_pool(job), stream_job, s, s->lane, NULL), WPOOL_OK);
    return 0;
}

/* What is counted is submitted at once, by a worker, when the streams are there. */
typedef struct herd {
    wpool_lane *lane;
    atomic_uint count;
} herd;

static int herd_job(void *arg, wpool_job *job) {
    herd *h = (herd *)arg;
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(submit_in(wpool_job_pool(job), count_job, &h->count, h->lane, NULL), WPOOL_OK);
    return 0;
}

/* Each stream, and what is counted: in lane 0 or 1, or in none (2). */
static void check_progress(int of_stream, int of_counted, int in_order, unsigned workers) {
    enum { WIDTH = 20 };
    wpool_lane lanes[2];
    herd h = {.count = 0};
    stream s = {.count = &h.count, .end = MANY};
    wpool *pool = pool_from(
        (wpool_config){.workers = workers, .order = (wpool_order)in_order, .start_paused = true});
    for (int i = 0; i < 2; i++)
        lane_begin(&lanes[i], pool, 1, 0);
    s.lane = of_stream < 2 ? &lanes[of_stream] : NULL;
    h.lane = of_counted < 2 ? &lanes[of_counted] : NULL;
    for (int i = 0; i < WIDTH; i++)
        CHECK_EQ(submit_in(pool, stream_job, &s, s.lane, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, herd_job, &h, NULL), WPOOL_OK);
    test_start(pool);
    test_drain(pool);
    CHECK_EQ(h.count, MANY);
    for (int i = 0; i < 2; i++)
        lane_end(&lanes[i]);
    test_destroy(pool);
}

TEST(lanes_and_plain_jobs_both_make_progress) {
    for (unsigned workers = 1; workers <= 2; workers++)
        for (int in_order = WPOOL_FIFO; in_order <= WPOOL_PRIORITY; in_order++) {
            if (in_order == WPOOL_LIFO) continue; /* there the stream may come first for ever */
            check_progress(2, 0, in_order, workers);
            check_progress(0, 2, in_order, workers);
        }
}

TEST(a_lane_does_not_starve_another_one) {
    for (unsigned workers = 1; workers <= 2; workers++)
        for (int in_order = WPOOL_FIFO; in_order <= WPOOL_PRIORITY; in_order++)
            if (in_order != WPOOL_LIFO) check_progress(0, 1, in_order, workers);
}

TEST(a_lane_is_fair_to_those_who_use_it) {
    for (unsigned workers = 1; workers <= 2; workers++)
        check_progress(0, 0, WPOOL_FIFO, workers);
}

/* ---- retries keep their place ---- */

typedef struct tried {
    step step;
    trial trial;
} tried;

static int tried_job(void *arg, wpool_job *job) {
    tried *t = (tried *)arg;
    step_job(&t->step, job);
    return trial_job(&t->trial, job);
}

TEST(a_job_that_is_tried_again_keeps_its_place) {
    enum { JOBS = 20, ATTEMPTS_EACH = 3 };
    for (unsigned workers = 1; workers <= 3; workers++)
        for (unsigned failures = 0; failures <= ATTEMPTS_EACH; failures++) {
            static tried jobs[JOBS];
            static order ran;
            wpool_lane lane;
            unsigned place = 0;
            wpool *pool = test_pool_paused(workers, 0);
            lane_begin(&lane, pool, 1, 0);
            atomic_store(&ran.count, 0);
            for (unsigned i = 0; i < JOBS; i++) {
                const wpool_options options = {
                    .lane = &lane,
                    .retry = {.attempts = ATTEMPTS_EACH, .delay = 1000, .max_delay = 1000}};
                jobs[i] = (tried){{&ran, i}, {.failures = i % 3 == 1 ? failures : 0}};
                CHECK_EQ(wpool_submit_with(pool, tried_job, &jobs[i], &options, NULL), WPOOL_OK);
            }
            test_start(pool);
            test_drain(pool);
            for (unsigned i = 0; i < JOBS; i++) {
                const trial *t = &jobs[i].trial;
                const unsigned expected =
                    t->failures < ATTEMPTS_EACH ? t->failures + 1 : ATTEMPTS_EACH;
                CHECK_EQ(t->starts, expected);
                for (unsigned n = 0; n < expected; n++)
                    CHECK_EQ(ran.numbers[place++], i);
            }
            CHECK_EQ(ran.count, place);
            lane_end(&lane);
            test_destroy(pool);
        }
}

/* ---- cancelling what waits in a lane ---- */

/* Job i is cancelled if bit i is set: the first in the lane, those behind it, the last. */
TEST(jobs_that_wait_in_a_lane_are_cancelled_and_the_others_keep_their_order) {
    enum { JOBS = 6 };
    for (unsigned cancelled = 0; cancelled < 1u << JOBS; cancelled++) {
        static order ran;
        step steps[JOBS];
        wpool_id ids[JOBS], doomed[JOBS];
        wpool_lane lane;
        unsigned place = 0, doomed_count = 0;
        wpool *pool = test_pool_paused(2, 0);
        lane_begin(&lane, pool, 1, 0);
        atomic_store(&ran.count, 0);
        for (unsigned i = 0; i < JOBS; i++) {
            const bool is_doomed = (cancelled >> i & 1) != 0;
            steps[i] = (step){&ran, is_doomed ? 77 : place++};
            CHECK_EQ(submit_in(pool, step_job, &steps[i], &lane, &ids[i]), WPOOL_OK);
            if (is_doomed) doomed[doomed_count++] = ids[i];
        }
        if (doomed_count > 0) CHECK_EQ(wpool_cancel(pool, doomed[0], WPOOL_GRACEFUL), WPOOL_OK);
        CHECK_EQ(wpool_discard(pool, doomed, doomed_count, WPOOL_HOT),
                 doomed_count > 0 ? doomed_count - 1 : 0);
        test_start(pool);
        test_drain(pool);
        order_check(&ran, 0, place);
        CHECK_EQ(test_stats(pool).discarded, doomed_count);
        CHECK_EQ(test_stats(pool).delayed, 0);
        lane_end(&lane);
        test_destroy(pool);
    }
}

TEST(members_of_a_cancelled_group_leave_their_lane) {
    enum { JOBS = 4 * WAYS };
    for (int is_held = 0; is_held < 2; is_held++) {
        if (is_held && POOL_IS_INLINE) continue;
        request members[JOBS], others[JOBS];
        hold h = HOLD_EMPTY;
        wpool_group group;
        wpool_lane lane;
        wpool *pool = is_held ? pool_of(2) : test_pool_paused(2, 0);
        memset((void *)members, 0, sizeof members);
        memset((void *)others, 0, sizeof others);
        lane_begin(&lane, pool, 1, 0);
        CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
        hold_lane(&h, pool, &lane, (unsigned)is_held);
        for (int i = 0; i < JOBS; i++) {
            const wpool_options options = {.lane = &lane, .group = &group};
            request_submit(pool, &members[i], i % WAYS, options);
            rider_submit(pool, &others[i], i % WAYS, &lane);
        }
        CHECK_EQ(wpool_group_cancel(&group), WPOOL_OK);
        if (is_held)
            hold_release(&h, 1);
        else
            test_start(pool);
        CHECK_EQ(wpool_group_wait(&group, WPOOL_FOREVER, NULL), WPOOL_OK);
        lane_and_pool_end(&lane, pool);
        requests_check(members, JOBS, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        requests_check(others, JOBS, WPOOL_STATE_SUCCEEDED, 0);
    }
}

TEST(a_job_that_runs_in_a_lane_is_told_to_end) {
    NEEDS_WORKERS();
    request patient = {.task = {.is_patient = true, .error = 5}}, next = {.id = 0};
    wpool_lane lane;
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0);
    rider_submit(pool, &patient, WITH_ID, &lane);
    rider_submit(pool, &next, WITH_ID, &lane);
    while (atomic_load(&patient.task.run_count) == 0)
        sched_yield();
    CHECK_EQ(wpool_cancel(pool, patient.id, WPOOL_GRACEFUL), WPOOL_RUNNING);
    CHECK_EQ(next.task.run_count, 0);
    CHECK_EQ(wpool_cancel(pool, patient.id, WPOOL_HOT), WPOOL_CANCELLED);
    test_drain(pool);
    request_check(&patient, WPOOL_STATE_CANCELLED, 5);
    request_check(&next, WPOOL_STATE_SUCCEEDED, 0);
    lane_end(&lane);
    test_destroy(pool);
}

/* ---- the end of a lane, and of the pool ---- */

TEST(a_lane_with_jobs_is_not_destroyed) {
    NEEDS_WORKERS();
    hold h = HOLD_EMPTY;
    wpool_lane lane;
    wpool *pool = pool_of(2);
    lane_begin(&lane, pool, 1, 0);
    lane_end(&lane); /* it never had any */
    lane_begin(&lane, pool, 1, 0);
    hold_lane(&h, pool, &lane, 2);
    for (unsigned ended = 0; ended < 2; ended++) {
        gate_await_count(&h.running, 1 + ended);
        CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
        hold_release(&h, 1);
    }
    lane_and_pool_end(&lane, pool);
}

TEST(a_lane_whose_only_job_waits_is_not_destroyed) {
    request r = {.id = 0};
    wpool_lane lane;
    wpool *pool = test_pool_paused(1, 0);
    lane_begin(&lane, pool, 1, 0);
    rider_submit(pool, &r, WITH_ID, &lane);
    CHECK_EQ(wpool_lane_destroy(&lane), WPOOL_RUNNING);
    test_start(pool);
    CHECK_EQ(wpool_wait(pool, r.id, WPOOL_FOREVER, NULL), WPOOL_OK);
    lane_end(&lane); /* it has no job that has not finished */
    test_destroy(pool);
    request_check(&r, WPOOL_STATE_SUCCEEDED, 0);
}

/* Whoever has seen the last job end may free the lane as soon as it may be destroyed. */
TEST(a_lane_is_freed_right_after_it_was_destroyed) {
    wpool *pool = pool_of(2);
    for (int i = 0; i < ROUNDS; i++) {
        wpool_lane *lane = (wpool_lane *)malloc(sizeof *lane);
        request *riders = (request *)calloc(WAYS, sizeof *riders);
        CHECK(lane != NULL && riders != NULL);
        lane_begin(lane, pool, 1 + (unsigned)i % 2, 0);
        for (int way = 0; way < WAYS; way++) {
            wpool_job_init(&riders[way].job, task_job, &riders[way].task);
            const wpool_options options = {.lane = lane};
            CHECK_EQ(wpool_submit_job(pool, &riders[way].job, &options), WPOOL_OK);
        }
        for (int way = 0; way < WAYS; way++)
            CHECK_EQ(wpool_job_wait(&riders[way].job, WPOOL_FOREVER), WPOOL_OK);
        wpool_status status;
        while ((status = wpool_lane_destroy(lane)) == WPOOL_RUNNING)
            sched_yield();
        CHECK_EQ(status, WPOOL_OK);
        memset((void *)lane, 0xA5, sizeof *lane);
        free(lane);
        free(riders);
    }
    test_destroy(pool);
}

typedef struct terminus {
    wpool_lane *lane;
    _Atomic(wpool_status) status;
} terminus;

static void terminus_done(void *arg, const wpool_result *result) {
    terminus *t = (terminus *)arg;
    (void)result;
    atomic_store(&t->status, wpool_lane_destroy(t->lane));
}

static int terminus_job(void *arg, wpool_job *job) {
    (void)arg;
    (void)job;
    return 0;
}

/* A job of the pool's own is not done before its on_done is; a caller-owned one is. */
TEST(a_lane_is_destroyed_in_the_on_done_of_its_last_job_if_that_is_ones_own) {
    for (int way = 0; way < WAYS; way++)
        for (int results = 0; results < 2; results++) {
            wpool_lane lane;
            wpool_job job;
            wpool_id id;
            terminus t = {&lane, WPOOL_INVALID};
            const wpool_options options = {.lane = &lane, .on_done = terminus_done};
            wpool *pool = pool_from((wpool_config){.workers = 2, .results = results});
            lane_begin(&lane, pool, 1, 0);
            CHECK_EQ(way_submit(pool, way, terminus_job, &t, &options, &job, &id), WPOOL_OK);
            test_drain(pool);
            CHECK_EQ(t.status, way == OWNED ? WPOOL_OK : WPOOL_RUNNING);
            if (way != OWNED) lane_end(&lane);
            test_destroy(pool);
        }
}

static void seat_done(void *arg, const wpool_result *result) {
    seat *s = (seat *)arg;
    CHECK_EQ(result->state, WPOOL_STATE_SUCCEEDED);
    test_let_others_run();
    CHECK_EQ(s->track->next, s->number + 1);
}

/* (ThreadSanitizer sees it, too: next is not atomic.) */
TEST(the_next_one_begins_after_the_on_done_of_the_one_before) {
    static seat seats[MANY];
    wpool *pool = pool_of(3);
    track t = {.next = 0};
    const wpool_options options = {.lane = &t.lane, .on_done = seat_done};
    lane_begin(&t.lane, pool, 1, 0);
    for (unsigned i = 0; i < MANY; i++) {
        wpool_id id;
        seats[i] = (seat){&t, i};
        CHECK_EQ(wpool_submit_with(pool, seat_job, &seats[i], &options, i % 2 ? &id : NULL),
                 WPOOL_OK);
    }
    test_drain(pool);
    CHECK_EQ(t.next, MANY);
    lane_end(&t.lane);
    test_destroy(pool);
}

TEST(what_waits_in_a_lane_still_runs_when_the_pool_is_closed_or_destroyed) {
    for (int how = 0; how < 3; how++)
        for (unsigned workers = 1; workers <= 3; workers++) {
            static request riders[MANY];
            memory used = {0};
            const wpool_allocator allocator = memory_allocator(&used);
            wpool_lane lanes[2];
            wpool *pool = pool_from(
                (wpool_config){.workers = workers, .start_paused = true, .allocator = &allocator});
            memset((void *)riders, 0, sizeof riders);
            for (int i = 0; i < 2; i++)
                lane_begin(&lanes[i], pool, 1 + (unsigned)i, 0);
            for (int i = 0; i < MANY; i++)
                rider_submit(pool, &riders[i], i % WAYS, &lanes[i / WAYS % 2]);
            if (how == 0) CHECK_EQ(wpool_close(pool), WPOOL_OK);
            if (how == 1) CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_FOREVER), WPOOL_OK);
            test_destroy(pool);
            requests_check(riders, MANY, WPOOL_STATE_SUCCEEDED, 0);
            memory_check_empty(&used);
        }
}

TEST(a_stop_discards_what_waits_in_a_lane) {
    for (int mode = WPOOL_GRACEFUL; mode <= WPOOL_HOT; mode++)
        for (int is_held = 0; is_held < 2; is_held++) {
            if (is_held && POOL_IS_INLINE) continue;
            static request riders[MANY];
            memory used = {0};
            const wpool_allocator allocator = memory_allocator(&used);
            hold h = HOLD_EMPTY;
            wpool_lane lane;
            wpool *pool = pool_from(
                (wpool_config){.workers = 2, .start_paused = !is_held, .allocator = &allocator});
            memset((void *)riders, 0, sizeof riders);
            lane_begin(&lane, pool, 1, 0);
            hold_lane(&h, pool, &lane, (unsigned)is_held);
            riders_submit(pool, riders, MANY, &lane);
            CHECK_EQ(wpool_stop(pool, (wpool_mode)mode), WPOOL_OK);
            CHECK_EQ(test_stats(pool).delayed, 0);
            while (test_stats(pool).waiting > 0) /* a worker may have some in its hands */
                sched_yield();
            CHECK_EQ(submit_in(pool, hold_job, &h, &lane, NULL), WPOOL_CLOSED);
            hold_release(&h, 1);
            lane_and_pool_end(&lane, pool);
            requests_check(riders, MANY, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
            memory_check_empty(&used);
        }
}

TEST(a_closed_pool_lets_lanes_come_and_go) {
    wpool_lane lane;
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    lane_begin(&lane, pool, 1, 0);
    CHECK_EQ(submit_in(pool, hold_job, NULL, &lane, NULL), WPOOL_CLOSED);
    lane_end(&lane);
    test_destroy(pool);
}

TEST(in_each_order_workers_come_and_go_beside_lanes) {
    NEEDS_WORKERS();
    for (int in_order = WPOOL_FIFO; in_order <= WPOOL_PRIORITY; in_order++) {
        static track t;
        static car cars[MANY];
        wpool *pool = pool_from(
            (wpool_config){.workers = 4, .max_workers = 4, .order = (wpool_order)in_order});
        lane_begin(&t.lane, pool, 1, 0);
        t.next = 0;
        for (unsigned i = 0; i < MANY; i++) {
            car_submit(pool, &cars[i], &t, i, (int)i % WAYS);
            if (i % 16 == 0) {
                const wpool_status status = wpool_scale_to(pool, 1 + i / 16 % 3, WPOOL_GRACEFUL);
                CHECK(status == WPOOL_OK || status == WPOOL_NO_THREAD);
            }
        }
        test_drain(pool);
        CHECK_EQ(t.next, MANY);
        lane_end(&t.lane);
        test_destroy(pool);
    }
}

TEST(results_of_a_lane_come_in_its_order) {
    wpool_id ids[MANY];
    atomic_uint count = 0;
    wpool_lane lane;
    wpool *pool = pool_from((wpool_config){.workers = 3, .results = true, .start_paused = true});
    lane_begin(&lane, pool, 1, 0);
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(submit_in(pool, count_job, &count, &lane, &ids[i]), WPOOL_OK);
    test_start(pool);
    CHECK_EQ(wpool_close(pool), WPOOL_OK);
    for (int i = 0; i < MANY; i++) {
        wpool_result result;
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
        CHECK(result.id == ids[i]);
    }
    CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, NULL), WPOOL_DONE);
    lane_end(&lane);
    test_destroy(pool);
}

/* ---- on workers that wait ---- */

typedef struct mates {
    wpool_lane lane;
    request mate[WAYS];
    bool is_inside; /* the lane, with the only place in it */
} mates;

static int wait_for_mates_job(void *arg, wpool_job *job) {
    mates *m = (mates *)arg;
    wpool *pool = wpool_job_pool(job);
    const wpool_status status = m->is_inside ? WPOOL_DEADLOCK : WPOOL_OK;
    riders_submit(pool, m->mate, WAYS, &m->lane);
    CHECK_EQ(wpool_job_wait(&m->mate[OWNED].job, WPOOL_FOREVER), status);
    CHECK_EQ(wpool_wait(pool, m->mate[WITH_ID].id, WPOOL_FOREVER, NULL), status);
    for (int way = 0; way < WAYS && m->is_inside; way++) /* nobody passes it, not even to help */
        CHECK_EQ(m->mate[way].task.run_count, 0);
    return 0;
}

static void check_mates(unsigned workers, wpool_help help, bool is_inside) {
    mates m = {.is_inside = is_inside};
    wpool *pool = pool_from((wpool_config){.workers = workers, .help = help});
    lane_begin(&m.lane, pool, 1, 0);
    CHECK_EQ(is_inside ? submit_in(pool, wait_for_mates_job, &m, &m.lane, NULL)
                       : wpool_submit(pool, wait_for_mates_job, &m, NULL),
             WPOOL_OK);
    lane_and_pool_end(&m.lane, pool);
    requests_check(m.mate, WAYS, WPOOL_STATE_SUCCEEDED, 0);
}

TEST(who_waits_in_a_lane_for_the_next_one_there_would_wait_for_itself) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_NONE; help++)
        for (unsigned workers = 1; workers <= 3; workers++)
            check_mates(workers, (wpool_help)help, true);
}

/* Where two may run, another one makes way. */
static int wait_for_two_job(void *arg, wpool_job *job) {
    mates *m = (mates *)arg;
    riders_submit(wpool_job_pool(job), m->mate, WAYS, &m->lane);
    CHECK_EQ(wpool_job_wait(&m->mate[OWNED].job, WPOOL_FOREVER), WPOOL_OK);
    return 0;
}

TEST(who_waits_in_a_lane_for_two_does_not_wait_for_itself) {
    for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++)
        for (unsigned workers = 1; workers <= 2; workers++) {
            mates m = {.is_inside = true};
            wpool *pool = pool_from((wpool_config){.workers = workers, .help = (wpool_help)help});
            lane_begin(&m.lane, pool, 2, 0);
            CHECK_EQ(submit_in(pool, wait_for_two_job, &m, &m.lane, NULL), WPOOL_OK);
            test_drain(pool);
            lane_end(&m.lane);
            test_destroy(pool);
            requests_check(m.mate, WAYS, WPOOL_STATE_SUCCEEDED, 0);
        }
}

/* The only worker runs those before it, too. */
TEST(a_worker_waits_for_the_last_one_of_a_lane) {
    for (unsigned workers = 1; workers <= 3; workers++)
        for (int help = WPOOL_HELP_NARROW; help <= WPOOL_HELP_ANY; help++)
            check_mates(workers, (wpool_help)help, false);
}

TEST(a_worker_that_may_not_help_waits_for_the_last_one_of_a_lane_that_others_run) {
    NEEDS_WORKERS();
    check_mates(2, WPOOL_HELP_NONE, false);
}

/* The first one of a lane can start: a narrow wait on the only worker runs it. */
static int wait_for_first_job(void *arg, wpool_job *job) {
    mates *m = (mates *)arg;
    rider_submit(wpool_job_pool(job), &m->mate[0], OWNED, &m->lane);
    CHECK_EQ(wpool_job_wait(&m->mate[0].job, WPOOL_FOREVER), WPOOL_OK);
    rider_submit(wpool_job_pool(job), &m->mate[1], WITH_ID, &m->lane);
    CHECK_EQ(wpool_wait(wpool_job_pool(job), m->mate[1].id, WPOOL_FOREVER, NULL), WPOOL_OK);
    return 0;
}

TEST(a_worker_runs_the_first_one_of_a_lane_that_it_waits_for) {
    for (int in_order = WPOOL_FIFO; in_order <= WPOOL_PRIORITY; in_order++)
        for (unsigned workers = 1; workers <= 2; workers++) {
            mates m = {.is_inside = false};
            wpool *pool =
                pool_from((wpool_config){.workers = workers, .order = (wpool_order)in_order});
            lane_begin(&m.lane, pool, 1, 0);
            CHECK_EQ(wpool_submit(pool, wait_for_first_job, &m, NULL), WPOOL_OK);
            lane_and_pool_end(&m.lane, pool);
            requests_check(m.mate, 2, WPOOL_STATE_SUCCEEDED, 0);
        }
}

/* ---- memory ---- */

TEST(jobs_of_ones_own_in_lanes_need_no_memory) {
    static track tracks[100];
    static car cars[100][10];
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    wpool *pool =
        pool_from((wpool_config){.workers = 1, .start_paused = true, .allocator = &allocator});
    used.first_denied = atomic_load(&used.asked) + 1;
    used.last_denied = UINT_MAX;
    for (size_t t = 0; t < COUNT_OF(tracks); t++) {
        lane_begin(&tracks[t].lane, pool, 1, 0);
        for (unsigned i = 0; i < 10; i++)
            car_submit(pool, &cars[t][i], &tracks[t], i, OWNED);
    }
    test_start(pool);
    test_drain(pool);
    for (size_t t = 0; t < COUNT_OF(tracks); t++) {
        CHECK_EQ(tracks[t].next, 10);
        lane_end(&tracks[t].lane);
    }
    test_destroy(pool);
    memory_check_empty(&used);
}

TEST(without_memory_a_job_does_not_enter_its_lane) {
    bool was_denied = true;
    unsigned refused = 0;
    for (unsigned n = 1; was_denied; n++) {
        static request riders[200];
        bool is_accepted[200];
        memory used = {0};
        const wpool_allocator allocator = memory_allocator(&used);
        wpool_lane lane;
        wpool *pool =
            pool_from((wpool_config){.workers = 1, .start_paused = true, .allocator = &allocator});
        memset((void *)riders, 0, sizeof riders);
        lane_begin(&lane, pool, 1, 0);
        used.first_denied = used.last_denied = atomic_load(&used.asked) + n;
        for (int i = 0; i < 200; i++) {
            const wpool_status status =
                request_try(pool, &riders[i], i % WAYS, (wpool_options){.lane = &lane});
            CHECK(status == WPOOL_OK || (status == WPOOL_NO_MEMORY && i % WAYS != OWNED));
            is_accepted[i] = status == WPOOL_OK;
            refused += !is_accepted[i];
        }
        was_denied = atomic_load(&used.asked) >= used.first_denied;
        test_start(pool);
        lane_and_pool_end(&lane, pool);
        for (int i = 0; i < 200; i++) {
            CHECK_EQ(riders[i].task.run_count, is_accepted[i]);
            CHECK_EQ(riders[i].task.done_count, is_accepted[i]);
        }
        memory_check_empty(&used);
    }
    CHECK(refused > 0);
}

/* ---- everything at once ---- */

enum { STORM_LANES = 7, SUBMITTERS = 3 };

typedef struct storm {
    wpool *pool;
    uint64_t seed;
    atomic_bool is_over;
    struct storm_lane {
        wpool_lane lane;
        atomic_uint running;
        unsigned last[SUBMITTERS]; /* the number of each one's last job; in strict lanes only */
    } lanes[STORM_LANES];
    struct passenger {
        task task;
        struct storm *storm;
        struct storm_lane *lane;
        wpool_job job;
        _Atomic(wpool_id) id;
        unsigned submitter, number, failures;
        atomic_uint starts;
        bool is_accepted;
    } passengers[SUBMITTERS][STEPS];
    struct storm_thread {
        struct storm *storm;
        unsigned submitter;
        helper helper;
    } threads[SUBMITTERS];
} storm;

typedef struct passenger passenger;

static int passenger_job(void *arg, wpool_job *job) {
    passenger *p = (passenger *)arg;
    struct storm_lane *l = p->lane;
    CHECK(atomic_fetch_add(&l->running, 1) < l->lane.max_running);
    if (l->lane.max_running == 1) {
        CHECK(l->last[p->submitter] <= p->number); /* the same: once more */
        l->last[p->submitter] = p->number;
    }
    if (p->number % 16 == 0) sched_yield();
    atomic_fetch_sub(&l->running, 1);
    (void)job;
    return atomic_fetch_add(&p->starts, 1) < p->failures;
}

static void passenger_done(void *arg, const wpool_result *result) {
    passenger *p = (passenger *)arg;
    atomic_store(&p->task.state, result->state);
    atomic_fetch_add(&p->task.done_count, 1);
}

static void ride_at_random(void *arg) {
    struct storm_thread *thread = (struct storm_thread *)arg;
    storm *s = thread->storm;
    for (unsigned i = 0; i < STEPS; i++) {
        passenger *p = &s->passengers[thread->submitter][i];
        p->storm = s;
        p->lane = &s->lanes[test_choose(s->seed, STORM_LANES)];
        p->submitter = thread->submitter;
        p->number = i;
        p->failures = (unsigned)test_choose(s->seed, 30) == 0 ? 1 : 0;
        const wpool_options options = {.lane = &p->lane->lane,
                                       .on_done = passenger_done,
                                       .retry = {.attempts = 2, .delay = 1000}};
        wpool_status status;
        wpool_id id = 0;
        switch (test_choose(s->seed, WAYS)) {
        case PLAIN:
            status = wpool_submit_with(s->pool, passenger_job, p, &options, NULL);
            break;
        case WITH_ID:
            status = wpool_submit_with(s->pool, passenger_job, p, &options, &id);
            atomic_store(&p->id, id);
            break;
        default:
            wpool_job_init(&p->job, passenger_job, p);
            status = wpool_submit_job(s->pool, &p->job, &options);
        }
        CHECK_EQ(status, WPOOL_OK);
        p->is_accepted = true;
        if (test_choose(s->seed, 10) == 0) {
            const uint64_t back = test_choose(s->seed, 8); /* one of those that still wait */
            passenger *q =
                &s->passengers[test_choose(s->seed, SUBMITTERS)][i < back ? 0 : i - back];
            wpool_cancel(s->pool, atomic_load(&q->id), WPOOL_GRACEFUL);
        }
    }
}

TEST(a_storm_in_lanes_keeps_limits_and_order_and_loses_no_job) {
    NEEDS_WORKERS();
    const surroundings before = surroundings_now();
    static storm s;
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    uint64_t ran = 0;
    s.seed = test_seed();
    s.pool = pool_from((wpool_config){.workers = 3, .allocator = &allocator});
    for (unsigned i = 0; i < STORM_LANES; i++)
        lane_begin(&s.lanes[i].lane, s.pool, 1 + i / 3, i % 3 * 5);
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        s.threads[i] = (struct storm_thread){.storm = &s, .submitter = i};
        helper_start(&s.threads[i].helper, ride_at_random, &s.threads[i]);
    }
    for (unsigned i = 0; i < SUBMITTERS; i++)
        helper_join(&s.threads[i].helper);
    test_drain(s.pool);
    for (unsigned i = 0; i < SUBMITTERS; i++)
        for (unsigned j = 0; j < STEPS; j++) {
            passenger *p = &s.passengers[i][j];
            CHECK(p->is_accepted);
            CHECK_EQ(p->task.done_count, 1);
            const bool has_run = p->task.state == WPOOL_STATE_SUCCEEDED;
            CHECK(has_run ? p->starts == 1 + p->failures : p->starts <= p->failures);
            ran += has_run;
        }
    CHECK_EQ(test_stats(s.pool).succeeded, ran);
    for (unsigned i = 0; i < STORM_LANES; i++)
        lane_end(&s.lanes[i].lane);
    test_destroy(s.pool);
    memory_check_empty(&used);
    surroundings_check(before);
    printf("%ju of %u ran\n", (uintmax_t)ran, SUBMITTERS * STEPS);
}
