/* Cancelling: wpool_cancel, wpool_discard, wpool_cancelled, wpool_on_cancel, and what loops, forked
   jobs, the capacity and the end of a pool make of it. Also built with WPOOL_NO_THREADS. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "api.h"

#ifdef TEST_IS_SANITIZED /* everything takes longer */
enum { RACES = 500, LOOKS = 5000 };
#else
enum { RACES = 5000, LOOKS = 100000 };
#endif

enum { QUEUED = 5 };

static const wpool_mode modes[] = {WPOOL_GRACEFUL, WPOOL_HOT};

static void check_ended(task *t, wpool_state state) {
    CHECK_EQ(atomic_load(&t->done_count), 1);
    CHECK_EQ(atomic_load(&t->state), state);
    CHECK_EQ(atomic_load(&t->run_count), state == WPOOL_STATE_DISCARDED ? 0 : 1);
}

static void submit_all(wpool *pool, task *tasks, wpool_id *ids, size_t count) {
    for (size_t i = 0; i < count; i++)
        task_submit(pool, &tasks[i], &ids[i]);
}

static void check_cancel(wpool *pool, wpool_id id, wpool_status expected) {
    for (size_t i = 0; i < COUNT_OF(modes); i++)
        CHECK_EQ(wpool_cancel(pool, id, modes[i]), expected);
}

static void check_result(const wpool_result *result, wpool_id id, wpool_state state, int error) {
    CHECK_EQ(result->id, id);
    CHECK_EQ(result->state, state);
    CHECK_EQ(result->error, error);
    CHECK_EQ(result->attempts, state != WPOOL_STATE_DISCARDED);
}

/* ---- a job that has not started ---- */

static pthread_t canceller;

static void done_by_canceller(void *arg, const wpool_result *result) {
    CHECK(pthread_equal(pthread_self(), canceller));
    check_result(result, result->id, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    CHECK_EQ(result->worker, WPOOL_INLINE);
    task_done(arg, result);
}

TEST(a_queued_job_that_is_cancelled_ends_at_once_and_never_runs) {
    const wpool_options options = {.name = "it", .on_done = done_by_canceller};
    canceller = pthread_self();
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        task t = {0};
        wpool_id id;
        wpool_result result;
        wpool *pool = test_pool_paused(2, 0);
        CHECK_EQ(wpool_submit_with(pool, task_job, &t, &options, &id), WPOOL_OK);
        CHECK_EQ(wpool_cancel(pool, id, modes[i]), WPOOL_OK);
        check_ended(&t, WPOOL_STATE_DISCARDED);
        CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_DISCARDED);
        CHECK_EQ(test_stats(pool).discarded, 1);
        CHECK_EQ(test_stats(pool).waiting, 0);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
        check_result(&result, id, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        CHECK(result.arg == &t && result.data == NULL);
        CHECK_STR(result.name, "it");
        CHECK_EQ(wpool_wait(pool, id, WPOOL_NOW, NULL), WPOOL_UNKNOWN);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        test_destroy(pool);
        check_ended(&t, WPOOL_STATE_DISCARDED);
    }
}

TEST(the_other_jobs_run_in_their_order) {
    enum { COUNT = 300 };
    static order ran;
    static step steps[COUNT];
    static wpool_id ids[COUNT];
    uint64_t random = test_seed();
    unsigned left = 0, cancelled = 0;
    wpool *pool = test_pool_paused(1, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        steps[i] = (step){&ran, i};
        CHECK_EQ(wpool_submit(pool, step_job, &steps[i], &ids[i]), WPOOL_OK);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        if (test_random(&random) % 3) continue;
        CHECK_EQ(wpool_cancel(pool, ids[i], modes[i % 2]), WPOOL_OK);
        CHECK_EQ(test_stats(pool).waiting, COUNT - ++cancelled);
        ids[i] = 0;
    }
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    for (unsigned i = 0; i < COUNT; i++)
        if (ids[i]) CHECK_EQ(ran.numbers[left++], i);
    CHECK_EQ(atomic_load(&ran.count), left);
    CHECK_EQ(test_stats(pool).discarded, cancelled);
    CHECK_EQ(test_stats(pool).succeeded, left);
    test_destroy(pool);
}

TEST(the_result_of_a_cancelled_job_is_taken_once) {
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        task tasks[3] = {{0}};
        wpool_id ids[3];
        wpool_result result;
        wpool *pool =
            pool_from((wpool_config){.workers = 1, .results = true, .start_paused = true});
        submit_all(pool, tasks, ids, 3);
        CHECK_EQ(wpool_cancel(pool, ids[1], modes[i]), WPOOL_OK);
        CHECK_EQ(wpool_take(pool, WPOOL_NOW, &result), WPOOL_OK);
        check_result(&result, ids[1], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        CHECK_EQ(wpool_take(pool, WPOOL_NOW, &result), WPOOL_EMPTY);
        CHECK_EQ(wpool_cancel(pool, ids[2], modes[i]), WPOOL_OK);
        CHECK_EQ(wpool_wait(pool, ids[2], WPOOL_NOW, &result), WPOOL_OK);
        CHECK_EQ(wpool_take(pool, WPOOL_NOW, &result), WPOOL_EMPTY);
        CHECK_EQ(wpool_cancel(pool, ids[0], modes[i]), WPOOL_OK);
        CHECK_EQ(wpool_close(pool), WPOOL_OK);
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_OK);
        check_result(&result, ids[0], WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
        CHECK_EQ(wpool_take(pool, WPOOL_FOREVER, &result), WPOOL_DONE);
        test_destroy(pool);
    }
}

/* ---- what else it answers ---- */

static int cancel_self(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_cancel(wpool_job_pool(job), wpool_job_id(job), WPOOL_GRACEFUL), WPOOL_RUNNING);
    CHECK(!wpool_cancelled(job));
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(wpool_cancel(wpool_job_pool(job), wpool_job_id(job), WPOOL_HOT), WPOOL_CANCELLED);
        CHECK(wpool_cancelled(job));
    }
    CHECK_EQ(wpool_cancel(wpool_job_pool(job), wpool_job_id(job), WPOOL_GRACEFUL), WPOOL_RUNNING);
    CHECK(wpool_cancelled(job));
    return *(int *)arg;
}

TEST(a_job_that_has_ended_is_left_as_it_is) {
    static const wpool_state states[] = {WPOOL_STATE_SUCCEEDED, WPOOL_STATE_FAILED,
                                         WPOOL_STATE_SUCCEEDED, WPOOL_STATE_CANCELLED,
                                         WPOOL_STATE_DISCARDED};
    static int errors[] = {0, 7};
    wpool_id ids[5];
    wpool *pool = test_pool_paused(1, 0);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(wpool_submit(pool, i < 2 ? return_job : cancel_self, &errors[i % 2], &ids[i]),
                 WPOOL_OK);
    CHECK_EQ(wpool_cancel(pool, ids[4], WPOOL_GRACEFUL), WPOOL_OK);
    check_cancel(pool, ids[4], WPOOL_ALREADY);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    test_drain(pool);
    for (int i = 0; i < 5; i++) {
        wpool_result result;
        check_cancel(pool, ids[i], WPOOL_ALREADY);
        CHECK_EQ(wpool_job_state(pool, ids[i]), states[i]);
        CHECK_EQ(wpool_wait(pool, ids[i], WPOOL_NOW, &result), WPOOL_OK);
        check_result(&result, ids[i], states[i], i == 4 ? WPOOL_CANCELLED : errors[i % 2]);
    }
    CHECK_EQ(test_stats(pool).cancelled, 1);
    test_destroy(pool);
}

TEST(a_job_that_was_discarded_by_other_means_has_ended) {
    task old = {0}, young = {0};
    wpool_id ids[2];
    wpool *pool = pool_from((wpool_config){
        .workers = 1, .queue_capacity = 1, .when_full = WPOOL_DROP_OLDEST, .start_paused = true});
    task_submit(pool, &old, &ids[0]);
    task_submit(pool, &young, &ids[1]);
    check_cancel(pool, ids[0], WPOOL_ALREADY);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    test_drain(pool); /* the worker may have had it in its hands */
    check_cancel(pool, ids[1], WPOOL_ALREADY);
    check_ended(&old, WPOOL_STATE_DISCARDED);
    check_ended(&young, WPOOL_STATE_DISCARDED);
    test_destroy(pool);
}

TEST(stale_foreign_and_forgotten_ids_are_unknown) {
    atomic_uint count = 0;
    wpool_id ids[4], foreign;
    wpool *pool = pool_from((wpool_config){.workers = 1, .results = true, .start_paused = true});
    wpool *other = test_pool_paused(1, 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[i]), WPOOL_OK);
    CHECK_EQ(wpool_submit(other, count_job, &count, &foreign), WPOOL_OK);
    check_cancel(pool, 0, WPOOL_UNKNOWN);
    check_cancel(pool, UINT64_MAX, WPOOL_UNKNOWN);
    check_cancel(pool, ids[0] ^ UINT64_C(1) << 40, WPOOL_UNKNOWN);
    check_cancel(pool, foreign, WPOOL_UNKNOWN);
    CHECK_EQ(wpool_forget(pool, ids[0]), WPOOL_OK); /* and it is queued still */
    check_cancel(pool, ids[0], WPOOL_UNKNOWN);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, ids[1], WPOOL_FOREVER, NULL), WPOOL_OK);
    check_cancel(pool, ids[1], WPOOL_UNKNOWN);
    test_drain(pool);
    CHECK_EQ(wpool_take(pool, WPOOL_NOW, NULL), WPOOL_OK);
    check_cancel(pool, ids[2], WPOOL_UNKNOWN);
    check_cancel(pool, ids[3], WPOOL_ALREADY);
    test_destroy(pool);
    test_destroy(other);
    CHECK_EQ(atomic_load(&count), 5);
}

TEST(nonsense_is_invalid) {
    task t = {0};
    wpool_id id;
    wpool *pool = test_pool_paused(1, 0);
    task_submit(pool, &t, &id);
    check_cancel(NULL, id, WPOOL_INVALID);
    CHECK_EQ(wpool_cancel(pool, id, (wpool_mode)2), WPOOL_INVALID);
    CHECK_EQ(wpool_cancel(pool, id, (wpool_mode)-1), WPOOL_INVALID);
    CHECK_EQ(wpool_discard(NULL, &id, 1, WPOOL_HOT), 0);
    CHECK_EQ(wpool_discard(pool, &id, 1, (wpool_mode)2), 0);
    CHECK_EQ(wpool_discard(pool, NULL, 1, WPOOL_HOT), 0);
    CHECK_EQ(wpool_discard(pool, NULL, 0, WPOOL_HOT), 0);
    CHECK_EQ(wpool_discard(pool, &id, 0, WPOOL_HOT), 0);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_WAITING);
    test_destroy(pool);
    check_ended(&t, WPOOL_STATE_SUCCEEDED);
}

TEST(a_child_process_cannot_cancel_jobs_of_its_parent) {
    task t = {0};
    wpool_id id;
    int status;
    wpool *pool = test_pool_paused(1, 0);
    task_submit(pool, &t, &id);
    pid_t child = fork();
    if (child == 0) {
        check_cancel(pool, id, WPOOL_OTHER_PROCESS);
        check_cancel(pool, 0, WPOOL_OTHER_PROCESS);
        CHECK_EQ(wpool_discard(pool, &id, 1, WPOOL_HOT), 0);
        CHECK_EQ(atomic_load(&t.done_count), 0);
        _exit(0);
    }
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_OK);
    test_destroy(pool);
    check_ended(&t, WPOOL_STATE_DISCARDED);
}

/* ---- a job that runs ---- */

/* Four tasks that run at once, of which [1] and [2] are cancelled; [0] and [1] return errors. */
static void cancel_two_of_four(wpool_mode mode, task tasks[4]) {
    gate door = GATE_CLOSED;
    wpool_id ids[4];
    wpool_status expected = mode == WPOOL_HOT ? WPOOL_CANCELLED : WPOOL_RUNNING;
    wpool *pool = pool_of(4);
    for (int i = 0; i < 4; i++)
        tasks[i] = (task){.door = &door, .error = i < 2 ? 7 : 0};
    submit_all(pool, tasks, ids, 4);
    gate_await_count(&door, 4);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(wpool_cancel(pool, ids[i % 2 + 1], mode), expected);
    CHECK_EQ(test_stats(pool).running, 4);
    CHECK_EQ(wpool_job_state(pool, ids[1]), WPOOL_STATE_RUNNING);
    gate_open(&door);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).cancelled, mode == WPOOL_HOT);
    CHECK_EQ(test_stats(pool).discarded, 0);
    test_destroy(pool);
    check_ended(&tasks[0], WPOOL_STATE_FAILED);
    check_ended(&tasks[2], WPOOL_STATE_SUCCEEDED);
    check_ended(&tasks[3], WPOOL_STATE_SUCCEEDED);
}

TEST(a_graceful_cancel_leaves_what_runs_alone) {
    NEEDS_WORKERS();
    task tasks[4];
    cancel_two_of_four(WPOOL_GRACEFUL, tasks);
    check_ended(&tasks[1], WPOOL_STATE_FAILED);
    for (int i = 0; i < 4; i++)
        CHECK(!atomic_load(&tasks[i].was_told));
}

TEST(a_hot_cancel_tells_that_job_and_no_other) {
    NEEDS_WORKERS();
    task tasks[4];
    cancel_two_of_four(WPOOL_HOT, tasks);
    check_ended(&tasks[1], WPOOL_STATE_CANCELLED);
    CHECK_EQ(atomic_load(&tasks[1].seen_error), 7);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(atomic_load(&tasks[i].was_told), i == 1 || i == 2);
}

TEST(a_patient_job_ends_when_it_is_cancelled) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    task t = {.door = &door, .is_patient = true, .error = 3};
    wpool_id id;
    wpool_result result;
    wpool *pool = pool_of(2);
    task_submit(pool, &t, &id);
    gate_open(&door);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    check_result(&result, id, WPOOL_STATE_CANCELLED, 3);
    test_destroy(pool);
    check_ended(&t, WPOOL_STATE_CANCELLED);
}

static int is_told_job(void *arg, wpool_job *job) {
    CHECK(!wpool_cancelled(job));
    return count_job(arg, job);
}

TEST(a_record_that_is_used_again_has_not_been_told) {
    static int error = 4;
    atomic_uint count = 0;
    wpool_id id;
    wpool *pool = pool_of(1);
    for (unsigned i = 0; i < 3 * WPOOL_RECORDS; i++) {
        CHECK_EQ(wpool_submit(pool, cancel_self, &error, &id), WPOOL_OK);
        CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
        for (unsigned j = 0; j < 2; j++) {
            CHECK_EQ(wpool_submit(pool, is_told_job, &count, &id), WPOOL_OK);
            CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, NULL), WPOOL_OK);
        }
    }
    CHECK_EQ(test_stats(pool).cancelled, 3 * WPOOL_RECORDS);
    CHECK_EQ(atomic_load(&count), 6 * WPOOL_RECORDS);
    test_destroy(pool);
}

TEST(records_of_cancelled_jobs_are_used_again) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    atomic_uint count = 0;
    wpool_id ids[QUEUED];
    wpool *pool = pool_from((wpool_config){.workers = 2, .allocator = &allocator});
    const unsigned before = atomic_load(&used.asked);
    for (unsigned round = 0; round < 5 * WPOOL_RECORDS; round++) {
        CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        for (int i = 0; i < QUEUED; i++)
            CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[i]), WPOOL_OK);
        CHECK_EQ(wpool_discard(pool, ids, QUEUED, WPOOL_GRACEFUL), QUEUED);
        for (int i = 0; i < QUEUED; i++)
            CHECK_EQ(wpool_wait(pool, ids[i], WPOOL_NOW, NULL), WPOOL_OK);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
        test_drain(pool);
        test_await_idle(pool);
        CHECK_EQ(atomic_load(&used.asked), before + 1);
    }
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 5 * WPOOL_RECORDS);
    memory_check_empty(&used);
}

/* Runs a job with an id inside of itself, which is cancelled; a loop of its own is not. */
static int wait_for_a_cancelled_one(void *arg, wpool_job *job) {
    static int errors[] = {4};
    wpool *pool = wpool_job_pool(job);
    wpool_id id;
    wpool_result result;
    atomic_uint counts[10] = {0};
    CHECK_EQ(wpool_submit(pool, cancel_self, errors, &id), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, id, WPOOL_FOREVER, &result), WPOOL_OK);
    check_result(&result, id, WPOOL_STATE_CANCELLED, 4);
    CHECK(!wpool_cancelled(job));
    CHECK_EQ(wpool_map(pool, counts, 10, sizeof *counts, 1, is_told_job), WPOOL_OK);
    if (wpool_job_id(job)) { /* and then it is cancelled itself */
        CHECK_EQ(wpool_cancel(pool, wpool_job_id(job), WPOOL_HOT), WPOOL_CANCELLED);
        CHECK_EQ(wpool_map(pool, counts, 10, sizeof *counts, 1, count_job), WPOOL_CANCELLED);
        CHECK_EQ(atomic_load(&counts[0]), 1);
    }
    return count_job(arg, job);
}

TEST(the_job_around_a_cancelled_one_is_not_told) {
    atomic_uint count = 0;
    wpool_id id;
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_submit(pool, wait_for_a_cancelled_one, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, wait_for_a_cancelled_one, &count, &id), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(atomic_load(&count), 2);
    test_destroy(pool);
}

/* ---- jobs and on_done cancel others ---- */

typedef struct family {
    wpool *pool;
    task tasks[QUEUED];
    wpool_id ids[QUEUED];
    unsigned on_done_next; /* the job that the next on_done cancels */
} family;

static int cancel_all_but_the_last(void *arg, wpool_job *job) {
    family *f = (family *)arg;
    CHECK_EQ(wpool_discard(f->pool, f->ids, QUEUED - 1, WPOOL_HOT), QUEUED - 1);
    for (int i = 0; i < QUEUED - 1; i++)
        check_ended(&f->tasks[i], WPOOL_STATE_DISCARDED);
    CHECK(!wpool_cancelled(job));
    return 0;
}

TEST(a_job_cancels_those_queued_behind_it) {
    family f = {.pool = test_pool_paused(1, 0)};
    CHECK_EQ(wpool_submit(f.pool, cancel_all_but_the_last, &f, NULL), WPOOL_OK);
    submit_all(f.pool, f.tasks, f.ids, QUEUED);
    CHECK_EQ(wpool_start(f.pool), WPOOL_OK);
    test_drain(f.pool);
    check_ended(&f.tasks[QUEUED - 1], WPOOL_STATE_SUCCEEDED);
    CHECK_EQ(test_stats(f.pool).discarded, QUEUED - 1);
    CHECK_EQ(test_stats(f.pool).succeeded, 2);
    test_destroy(f.pool);
}

static int family_job(void *arg, wpool_job *job) {
    (void)arg, (void)job;
    CHECK(false);
    return 0;
}

/* Each cancels the next, one inside of the other; and it must not wait for the pool. */
static void cancel_the_next(void *arg, const wpool_result *result) {
    family *f = (family *)arg;
    CHECK_EQ(result->state, WPOOL_STATE_DISCARDED);
    CHECK_EQ(wpool_drain(f->pool, WPOOL_NOW), WPOOL_DEADLOCK);
    if (++f->on_done_next < QUEUED)
        CHECK_EQ(wpool_cancel(f->pool, f->ids[f->on_done_next], WPOOL_GRACEFUL), WPOOL_OK);
}

TEST(on_done_cancels_another) {
    const wpool_options options = {.on_done = cancel_the_next};
    family f = {.pool = test_pool_paused(1, 0)};
    for (int i = 0; i < QUEUED; i++)
        CHECK_EQ(wpool_submit_with(f.pool, family_job, &f, &options, &f.ids[i]), WPOOL_OK);
    CHECK_EQ(wpool_cancel(f.pool, f.ids[0], WPOOL_HOT), WPOOL_OK);
    CHECK_EQ(f.on_done_next, QUEUED);
    CHECK_EQ(test_stats(f.pool).discarded, QUEUED);
    test_drain(f.pool);
    test_destroy(f.pool);
}

/* ---- many at once ---- */

TEST(discard_counts_those_that_had_not_started) {
    static const wpool_state states[] = {WPOOL_STATE_SUCCEEDED, WPOOL_STATE_RUNNING,
                                         WPOOL_STATE_DISCARDED, WPOOL_STATE_DISCARDED,
                                         WPOOL_STATE_WAITING,   WPOOL_STATE_DISCARDED};
    NEEDS_WORKERS();
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        gate door = GATE_CLOSED;
        task tasks[6] = {{0}};
        wpool_id ids[6], list[8];
        wpool *pool = pool_of(1);
        task_submit(pool, &tasks[0], &ids[0]);
        test_drain(pool);
        tasks[1].door = &door;
        submit_all(pool, tasks + 1, ids + 1, 5);
        gate_await_count(&door, 1);
        for (unsigned i = 0; i < COUNT_OF(list); i++) /* twice [2], not [4], an unknown one */
            list[i] = i == 4 ? ids[2] : i == 6 ? 0 : ids[i % 6];
        list[7] = ids[1] ^ UINT64_C(1) << 50;
        CHECK_EQ(wpool_discard(pool, list, COUNT_OF(list), modes[m]), 3);
        for (int i = 0; i < 6; i++)
            CHECK_EQ(wpool_job_state(pool, ids[i]), states[i]);
        CHECK_EQ(test_stats(pool).waiting, 1);
        gate_open(&door);
        test_drain(pool);
        CHECK_EQ(atomic_load(&tasks[1].was_told), modes[m] == WPOOL_HOT);
        check_ended(&tasks[4], WPOOL_STATE_SUCCEEDED);
        CHECK_EQ(test_stats(pool).discarded, 3);
        test_destroy(pool);
    }
}

static void append_done(void *arg, const wpool_result *result) {
    const step *s = (const step *)arg;
    CHECK_EQ(result->state, WPOOL_STATE_DISCARDED);
    order_add(s->order, s->number);
}

TEST(discard_goes_from_the_first_to_the_last) {
    const wpool_options options = {.on_done = append_done};
    static order ended;
    step steps[200];
    wpool_id ids[200];
    wpool *pool = test_pool_paused(3, 0);
    for (unsigned i = 0; i < 200; i++) {
        steps[i] = (step){&ended, i};
        CHECK_EQ(wpool_submit_with(pool, step_job, &steps[i], &options, &ids[i]), WPOOL_OK);
    }
    CHECK_EQ(wpool_discard(pool, ids, 200, WPOOL_GRACEFUL), 200);
    order_check(&ended, 0, 200);
    CHECK_EQ(wpool_discard(pool, ids, 200, WPOOL_HOT), 0);
    test_destroy(pool);
    order_check(&ended, 0, 200);
}

/* ---- the capacity ---- */

static void fill(wpool *pool, atomic_uint *count, wpool_id *ids, unsigned capacity) {
    for (unsigned i = 0; i < capacity; i++)
        CHECK_EQ(wpool_try_submit(pool, count_job, count, &ids[i]), WPOOL_OK);
    CHECK_EQ(wpool_try_submit(pool, count_job, count, NULL), WPOOL_FULL);
}

TEST(the_places_of_cancelled_jobs_become_free_when_a_worker_comes_by) {
    for (unsigned workers = 1; workers <= 3; workers++) {
        atomic_uint count = 0;
        wpool_id ids[QUEUED];
        wpool *pool = test_pool_paused(workers, QUEUED);
        for (unsigned round = 1; round <= 20; round++) {
            fill(pool, &count, ids, QUEUED);
            CHECK_EQ(wpool_discard(pool, ids, QUEUED, modes[round % 2]), QUEUED);
            CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
            for (int i = 0; i < 3 * QUEUED; i++)
                CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
            test_drain(pool);
            test_await_idle(pool);
            CHECK_EQ(atomic_load(&count), 3 * QUEUED * round);
            CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        }
        fill(pool, &count, ids, QUEUED);
        CHECK_EQ(test_stats(pool).discarded, 20 * QUEUED);
        test_destroy(pool);
    }
}

/* Who is never blocked submits and drains in turn: drain is a place where an inline pool works. */
TEST(try_submit_and_drain_in_turn_get_on) {
    atomic_uint count = 0;
    wpool_id ids[QUEUED];
    wpool_status status = WPOOL_FULL;
    wpool *pool = test_pool_paused(1, QUEUED);
    fill(pool, &count, ids, QUEUED);
    CHECK_EQ(wpool_discard(pool, ids, QUEUED, WPOOL_GRACEFUL), QUEUED);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    for (int i = 0; i < 1000000 && status == WPOOL_FULL; i++) {
        status = wpool_try_submit(pool, count_job, &count, NULL);
        test_drain(pool);
        sched_yield();
    }
    CHECK_EQ(status, WPOOL_OK);
    test_destroy(pool);
}

TEST(a_full_pool_of_cancelled_jobs_drops_those_first) {
    atomic_uint count = 0;
    wpool_id ids[QUEUED];
    wpool *pool = pool_from((wpool_config){.workers = 1,
                                           .queue_capacity = QUEUED,
                                           .when_full = WPOOL_DROP_OLDEST,
                                           .start_paused = true});
    fill(pool, &count, ids, QUEUED);
    CHECK_EQ(wpool_discard(pool, ids, QUEUED, WPOOL_HOT), QUEUED);
    for (int i = 0; i < QUEUED; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &count, &ids[i]), WPOOL_OK);
    CHECK_EQ(test_stats(pool).discarded, QUEUED);
    CHECK_EQ(wpool_cancel(pool, ids[1], WPOOL_HOT), WPOOL_OK);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK); /* in place of the oldest */
    CHECK_EQ(wpool_job_state(pool, ids[0]), WPOOL_STATE_DISCARDED);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK); /* of the cancelled one */
    CHECK_EQ(wpool_job_state(pool, ids[2]), WPOOL_STATE_WAITING);
    CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_state(pool, ids[2]), WPOOL_STATE_DISCARDED);
    CHECK_EQ(test_stats(pool).discarded, QUEUED + 3);
    CHECK_EQ(test_stats(pool).waiting, QUEUED);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), QUEUED);
}

/* Fills its own pool, beyond the capacity, and cancels all but one of these. */
static int submit_and_cancel(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    wpool_id ids[QUEUED];
    for (int i = 0; i < QUEUED; i++)
        CHECK_EQ(wpool_submit(pool, count_job, arg, &ids[i]), WPOOL_OK);
    wpool_discard(pool, ids + 1, QUEUED - 1, WPOOL_GRACEFUL);
    return 0;
}

TEST(an_unbuffered_pool_has_its_places_again) {
    for (unsigned workers = 1; workers <= 2; workers++) {
        atomic_uint count = 0;
        hold h = HOLD_EMPTY;
        wpool *pool = test_pool_of(workers, WPOOL_UNBUFFERED);
        for (unsigned round = 1; round <= 50; round++) {
            CHECK_EQ(wpool_submit(pool, submit_and_cancel, &count, NULL), WPOOL_OK);
            test_drain(pool);
            wpool_stats_snapshot s = test_stats(pool);
            CHECK_EQ(s.accepted, (QUEUED + 1) * round);
            CHECK_EQ(s.succeeded, atomic_load(&count) + round);
            /* else others, or the submit itself, run them before they are cancelled */
            if (workers == 1 && !POOL_IS_INLINE) CHECK_EQ(s.discarded, (QUEUED - 1) * round);
        }
        if (!POOL_IS_INLINE) {
            hold_workers(&h, pool, workers);
            CHECK_EQ(wpool_try_submit(pool, count_job, &count, NULL), WPOOL_FULL);
            hold_release(&h, workers);
        }
        test_destroy(pool);
    }
}

static void submit_blocked(void *arg) {
    task *t = (task *)arg;
    const wpool_options options = {.timeout = t->error ? WPOOL_SECONDS(1000) : 0,
                                   .on_done = task_done};
    wpool *pool = (wpool *)(void *)t->door; /* not a door here */
    t->door = NULL;
    CHECK_EQ(wpool_submit_with(pool, task_job, t, &options, NULL), WPOOL_OK);
}

/* The only thing that makes room is the cancelled job's call, when the worker comes to it. */
TEST(a_blocked_submitter_gets_the_place_of_a_cancelled_job) {
    NEEDS_WORKERS();
    for (int is_timed = 0; is_timed < 2; is_timed++) {
        hold h = HOLD_EMPTY;
        atomic_uint count = 0;
        wpool_id id;
        helper submitter;
        wpool *pool = test_pool_of(1, 1);
        task t = {.error = is_timed, .door = (gate *)(void *)pool};
        hold_workers(&h, pool, 1);
        fill(pool, &count, &id, 1);
        helper_start(&submitter, submit_blocked, &t);
        helper_await_sleep(&submitter);
        CHECK_EQ(wpool_cancel(pool, id, WPOOL_GRACEFUL), WPOOL_OK);
        hold_release(&h, 1);
        helper_join(&submitter);
        test_destroy(pool);
        CHECK_EQ(atomic_load(&t.run_count), 1);
        CHECK_EQ(atomic_load(&count), 0);
    }
}

typedef struct futile {
    wpool *pool;
    wpool_id id;
    atomic_bool is_over;
} futile;

static void cancel_in_vain(void *arg) {
    futile *f = (futile *)arg;
    while (!atomic_load(&f->is_over))
        CHECK_EQ(wpool_cancel(f->pool, f->id, WPOOL_GRACEFUL), WPOOL_ALREADY);
}

TEST(cancels_of_a_job_that_has_ended_make_no_room) {
    NEEDS_THREADS();
    atomic_uint count = 0;
    helper threads[6];
    futile f = {.pool = test_pool_paused(1, 1)};
    fill(f.pool, &count, &f.id, 1);
    CHECK_EQ(wpool_cancel(f.pool, f.id, WPOOL_GRACEFUL), WPOOL_OK);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        helper_start(&threads[i], cancel_in_vain, &f);
    for (int i = 0; i < LOOKS; i++) {
        CHECK_EQ(wpool_try_submit(f.pool, count_job, &count, NULL), WPOOL_FULL);
        if (i % 500 == 0) sched_yield(); /* so that others stop where they may be */
    }
    atomic_store(&f.is_over, true);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        helper_join(&threads[i]);
    test_destroy(f.pool);
    CHECK_EQ(atomic_load(&count), 0);
}

/* A paused pool of 200 places, whose first job has succeeded. */
static wpool *pool_after_a_job(wpool_when_full when_full, atomic_uint *count, wpool_id *id) {
    wpool *pool =
        pool_from((wpool_config){.workers = 1, .queue_capacity = 200, .when_full = when_full});
    CHECK_EQ(wpool_submit(pool, count_job, count, id), WPOOL_OK);
    test_drain(pool);
    test_await_idle(pool);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    return pool;
}

TEST(cancels_of_a_job_that_has_ended_take_no_room) {
    NEEDS_THREADS();
    static const wpool_when_full ways[] = {WPOOL_BLOCK, WPOOL_REFUSE, WPOOL_DROP_OLDEST};
    for (size_t way = 0; way < COUNT_OF(ways); way++) {
        atomic_uint count = 0;
        helper threads[3];
        futile f = {.id = 0};
        f.pool = pool_after_a_job(ways[way], &count, &f.id);
        for (size_t i = 0; i < COUNT_OF(threads); i++)
            helper_start(&threads[i], cancel_in_vain, &f);
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < 200; i++)
                CHECK_EQ(wpool_submit(f.pool, count_job, &count, NULL), WPOOL_OK);
            CHECK_EQ(test_stats(f.pool).discarded, 0);
            CHECK_EQ(wpool_start(f.pool), WPOOL_OK);
            test_drain(f.pool);
            test_await_idle(f.pool);
            CHECK_EQ(wpool_pause(f.pool), WPOOL_OK);
        }
        atomic_store(&f.is_over, true);
        for (size_t i = 0; i < COUNT_OF(threads); i++)
            helper_join(&threads[i]);
        test_destroy(f.pool);
    }
}

/* ---- who waits for the job, or for the end of all, is woken ---- */

typedef struct awaited {
    wpool *pool;
    wpool_id id;
    int64_t timeout;
} awaited;

static void wait_for_it(void *arg) {
    const awaited *a = (const awaited *)arg;
    wpool_result result;
    CHECK_EQ(wpool_wait(a->pool, a->id, a->timeout, &result), WPOOL_OK);
    check_result(&result, a->id, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
}

static void take_it(void *arg) {
    const awaited *a = (const awaited *)arg;
    wpool_result result;
    CHECK_EQ(wpool_take(a->pool, a->timeout, &result), WPOOL_OK);
    check_result(&result, a->id, WPOOL_STATE_DISCARDED, WPOOL_CANCELLED);
    CHECK_EQ(wpool_take(a->pool, a->timeout, &result), WPOOL_DONE);
}

static void drain_it(void *arg) {
    const awaited *a = (const awaited *)arg;
    CHECK_EQ(wpool_drain(a->pool, a->timeout), WPOOL_OK);
}

TEST(who_waits_is_woken_by_the_cancel) {
    NEEDS_THREADS();
    static void (*const ways[])(void *) = {wait_for_it, take_it, drain_it};
    for (size_t way = 0; way < COUNT_OF(ways); way++)
        for (int is_timed = 0; is_timed < 2; is_timed++) {
            atomic_uint count = 0;
            helper waiter;
            awaited a = {.timeout = is_timed ? WPOOL_SECONDS(1000) : WPOOL_FOREVER};
            a.pool = pool_from((wpool_config){.workers = 2, .results = true, .start_paused = true});
            CHECK_EQ(wpool_submit(a.pool, count_job, &count, &a.id), WPOOL_OK);
            CHECK_EQ(wpool_close(a.pool), WPOOL_OK);
            test_await_idle(a.pool);
            helper_start(&waiter, ways[way], &a);
            helper_await_sleep(&waiter);
            CHECK_EQ(wpool_cancel(a.pool, a.id, modes[is_timed]), WPOOL_OK);
            helper_join(&waiter);
            test_destroy(a.pool);
            CHECK_EQ(atomic_load(&count), 0);
        }
}

/* On the only worker, which sleeps meanwhile. */
static int wait_without_help(void *arg, wpool_job *job) {
    awaited *a = (awaited *)arg;
    (void)job;
    wait_for_it(a);
    return 0;
}

TEST(a_worker_that_sleeps_for_the_job_is_woken) {
    NEEDS_WORKERS();
    for (int is_timed = 0; is_timed < 2; is_timed++) {
        awaited a = {.timeout = is_timed ? WPOOL_SECONDS(1000) : WPOOL_FOREVER};
        atomic_uint count = 0;
        a.pool =
            pool_from((wpool_config){.workers = 1, .help = WPOOL_HELP_NONE, .start_paused = true});
        CHECK_EQ(wpool_submit(a.pool, wait_without_help, &a, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(a.pool, count_job, &count, &a.id), WPOOL_OK);
        CHECK_EQ(wpool_start(a.pool), WPOOL_OK);
        test_await_running(a.pool, 1);
        test_let_others_run();
        CHECK_EQ(wpool_cancel(a.pool, a.id, WPOOL_HOT), WPOOL_OK);
        test_drain(a.pool);
        test_destroy(a.pool);
        CHECK_EQ(atomic_load(&count), 0);
    }
}

/* ---- pools of nothing but cancelled jobs end ---- */

static void end_by_drain(wpool *pool) {
    CHECK_EQ(wpool_drain(pool, WPOOL_NOW), WPOOL_OK);
    test_drain(pool);
}

static void end_by_shutdown(wpool *pool) {
    CHECK_EQ(wpool_shutdown(pool, WPOOL_GRACEFUL, WPOOL_NOW), WPOOL_OK);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, WPOOL_FOREVER), WPOOL_OK);
}

static void end_by_stop(wpool *pool) { CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK); }

static void end_by_start(wpool *pool) { CHECK_EQ(wpool_start(pool), WPOOL_OK); }

static void end_by_destroy(wpool *pool) { (void)pool; }

/* Of the jobs, the first one runs if the pool was ever started. */
static void check_end(void (*end)(wpool *), bool is_started, bool is_inline, bool has_results) {
    const wpool_state first = is_started ? WPOOL_STATE_SUCCEEDED : WPOOL_STATE_DISCARDED;
    task tasks[QUEUED] = {{0}};
    wpool_id ids[QUEUED];
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    wpool *pool = pool_from((wpool_config){.workers = is_inline ? 0 : 2,
                                           .max_workers = is_inline ? WPOOL_INLINE : 0,
                                           .queue_capacity = QUEUED,
                                           .results = has_results,
                                           .start_paused = true,
                                           .allocator = &allocator});
    submit_all(pool, tasks, ids, QUEUED);
    CHECK_EQ(wpool_discard(pool, ids + is_started, QUEUED - is_started, WPOOL_HOT),
             QUEUED - is_started);
    if (is_started) {
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    }
    end(pool);
    test_destroy(pool);
    for (int i = 0; i < QUEUED; i++)
        check_ended(&tasks[i], i ? WPOOL_STATE_DISCARDED : first);
    memory_check_empty(&used);
}

TEST(a_pool_of_cancelled_jobs_has_nothing_to_wait_for) {
    static void (*const ends[])(wpool *) = {end_by_drain, end_by_shutdown, end_by_stop,
                                            end_by_start, end_by_destroy};
    const surroundings before = surroundings_now();
    for (int round = 0; round < 10; round++)
        for (size_t i = 0; i < COUNT_OF(ends); i++)
            for (int way = 0; way < 8; way++)
                check_end(ends[i], way & 1, way & 2, way & 4);
    surroundings_check(before);
}

/* ---- wpool_on_cancel ---- */

enum { RINGS_FIRST, RINGS_SECOND, RINGS_NONE };

/* Registers one bell; then perhaps the other, or none, in its place. */
typedef struct listener {
    int way;
    bool leaves;
    gate door;
    bell bells[2];
    wpool_job child;
} listener;

static int listen_job(void *arg, wpool_job *job) {
    listener *l = (listener *)arg;
    CHECK_EQ(wpool_on_cancel(job, bell_ring, &l->bells[0]), WPOOL_OK);
    if (l->way == RINGS_SECOND) CHECK_EQ(wpool_on_cancel(job, bell_ring, &l->bells[1]), WPOOL_OK);
    if (l->way == RINGS_NONE) CHECK_EQ(wpool_on_cancel(job, NULL, l), WPOOL_OK);
    gate_job(&l->door, job);
    if (l->leaves) pthread_exit(NULL);
    return wpool_cancelled(job);
}

static void check_bells(const listener *l, unsigned first, unsigned second) {
    CHECK_EQ(l->bells[0].count, first);
    CHECK_EQ(l->bells[1].count, second);
}

TEST(the_function_is_called_once_by_who_cancels) {
    NEEDS_WORKERS();
    for (int way = RINGS_FIRST; way <= RINGS_NONE; way++) {
        listener told = {.way = way, .door = GATE_CLOSED}, other = {.door = GATE_CLOSED};
        wpool_id ids[2];
        wpool *pool = pool_of(2);
        CHECK_EQ(wpool_submit(pool, listen_job, &told, &ids[0]), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, listen_job, &other, &ids[1]), WPOOL_OK);
        gate_await_count(&told.door, 1);
        gate_await_count(&other.door, 1);
        CHECK_EQ(wpool_cancel(pool, ids[0], WPOOL_GRACEFUL), WPOOL_RUNNING);
        check_bells(&told, 0, 0);
        for (int i = 0; i < 2; i++) {
            CHECK_EQ(wpool_cancel(pool, ids[0], WPOOL_HOT), WPOOL_CANCELLED);
            check_bells(&told, way == RINGS_FIRST, way == RINGS_SECOND);
            check_bells(&other, 0, 0);
        }
        if (way != RINGS_NONE) CHECK(pthread_equal(told.bells[way].thread, pthread_self()));
        gate_open(&told.door);
        gate_open(&other.door);
        test_drain(pool);
        check_cancel(pool, ids[1], WPOOL_ALREADY);
        CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
        check_bells(&told, way == RINGS_FIRST, way == RINGS_SECOND);
        check_bells(&other, 0, 0);
        test_destroy(pool);
    }
}

/* Cancelled by itself: before, and with a bell. */
static int listen_when_told(void *arg, wpool_job *job) {
    listener *l = (listener *)arg;
    wpool *pool = wpool_job_pool(job);
    wpool_id id = wpool_job_id(job);
    if (l->way == RINGS_FIRST) CHECK_EQ(wpool_on_cancel(job, bell_ring, &l->bells[0]), WPOOL_OK);
    CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
    check_bells(l, l->way == RINGS_FIRST, 0);
    CHECK_EQ(wpool_on_cancel(job, NULL, NULL), WPOOL_OK);
    for (unsigned i = 1; i <= 3; i++) {
        CHECK_EQ(wpool_on_cancel(job, bell_ring, &l->bells[1]), WPOOL_CANCELLED);
        CHECK_EQ(l->bells[1].count, i);
        CHECK(pthread_equal(l->bells[1].thread, pthread_self()));
    }
    CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
    CHECK_EQ(l->bells[1].count, 3);
    return 1;
}

TEST(a_job_that_has_been_told_already_is_called_at_once) {
    for (int way = RINGS_FIRST; way <= RINGS_SECOND; way++) {
        listener l = {.way = way};
        wpool_id id;
        wpool *pool = pool_of(1);
        CHECK_EQ(wpool_submit(pool, listen_when_told, &l, &id), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_CANCELLED);
        test_destroy(pool);
        check_bells(&l, way == RINGS_FIRST, 3);
    }
}

static int plain_job(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_on_cancel(job, bell_ring, arg), WPOOL_INVALID);
    CHECK_EQ(wpool_on_cancel(job, NULL, NULL), WPOOL_INVALID);
    CHECK_EQ(wpool_on_cancel(NULL, bell_ring, arg), WPOOL_INVALID);
    CHECK_EQ(wpool_stop(wpool_job_pool(job), WPOOL_HOT), WPOOL_OK);
    return 0;
}

TEST(a_plain_job_cannot_be_called) {
    bell b = {.count = 0};
    wpool *pool = pool_of(1);
    CHECK_EQ(wpool_submit(pool, plain_job, &b, NULL), WPOOL_OK);
    test_drain(pool);
    CHECK_EQ(test_stats(pool).succeeded, 1);
    test_destroy(pool);
    CHECK_EQ(b.count, 0);
}

/* With an id, caller-owned, forked: registers and ends. */
static int listen_and_end(void *arg, wpool_job *job) {
    CHECK_EQ(wpool_on_cancel(job, bell_ring, arg), WPOOL_OK);
    return 0;
}

static int fork_listeners(void *arg, wpool_job *job) {
    listener *l = (listener *)arg;
    for (int i = 0; i < 2; i++) {
        wpool_job child;
        wpool_fork(job, &child, listen_and_end, &l->bells[i]);
        test_let_others_run(); /* perhaps another worker takes it */
        wpool_join(job, &child);
        memset(&child, 0xA5, sizeof child);
    }
    return 0;
}

static int listen_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    CHECK(begin < end);
    return listen_and_end(arg, job);
}

TEST(who_has_returned_is_not_called) {
    for (unsigned round = 0; round < 20; round++) {
        bell with_id = {.count = 0}, owned = {.count = 0}, looped = {.count = 0};
        listener forker = {.door = GATE_CLOSED};
        wpool_id id;
        wpool_job mine;
        wpool *pool = pool_of(1 + round % 2);
        CHECK_EQ(wpool_submit(pool, listen_and_end, &with_id, &id), WPOOL_OK);
        wpool_job_init(&mine, listen_and_end, &owned);
        CHECK_EQ(wpool_submit_job(pool, &mine, NULL), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, fork_listeners, &forker, NULL), WPOOL_OK);
        CHECK_EQ(wpool_for(pool, 0, 20, 1, listen_body, &looped), WPOOL_OK);
        test_drain(pool);
        memset(&mine, 0xA5, sizeof mine);
        check_cancel(pool, id, WPOOL_ALREADY);
        CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
        test_destroy(pool);
        CHECK_EQ(with_id.count + owned.count + looped.count, 0);
        check_bells(&forker, 0, 0);
    }
}

static int fork_one_listener(void *arg, wpool_job *job) {
    listener *l = (listener *)arg;
    wpool_job child;
    wpool_fork(job, &child, listen_job, l);
    gate_await_count(&l->door, 1); /* another worker has it */
    CHECK_EQ(wpool_on_cancel(job, bell_ring, &l->bells[1]), WPOOL_OK);
    gate_count_up(&l->door);
    wpool_join(job, &child);
    return wpool_cancelled(job);
}

/* With an id, caller-owned, and a forked child with its parent: four at once. */
TEST(a_hot_stop_calls_all) {
    NEEDS_WORKERS();
    listener l[3] = {{.door = GATE_CLOSED}, {.door = GATE_CLOSED}, {.door = GATE_CLOSED}};
    wpool_id id;
    wpool_job mine, parent;
    wpool *pool = pool_of(4);
    CHECK_EQ(wpool_submit(pool, listen_job, &l[0], &id), WPOOL_OK);
    wpool_job_init(&mine, listen_job, &l[1]);
    CHECK_EQ(wpool_submit_job(pool, &mine, NULL), WPOOL_OK);
    wpool_job_init(&parent, fork_one_listener, &l[2]);
    CHECK_EQ(wpool_submit_job(pool, &parent, NULL), WPOOL_OK);
    for (unsigned i = 0; i < 3; i++)
        gate_await_count(&l[i].door, 1 + i / 2);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    for (int i = 0; i < 3; i++)
        check_bells(&l[i], 0, 0);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    for (int i = 0; i < 3; i++) {
        check_bells(&l[i], 1, i == 2);
        CHECK(pthread_equal(l[i].bells[0].thread, pthread_self()));
        gate_open(&l[i].door);
    }
    test_drain(pool);
    CHECK_EQ(test_stats(pool).cancelled, 3);
    test_destroy(pool);
}

TEST(a_hot_cancel_calls_the_forked_children_too) {
    NEEDS_WORKERS();
    listener l = {.door = GATE_CLOSED};
    wpool_id id;
    wpool *pool = pool_of(2);
    CHECK_EQ(wpool_submit(pool, fork_one_listener, &l, &id), WPOOL_OK);
    gate_await_count(&l.door, 2);
    check_bells(&l, 0, 0);
    CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
    check_bells(&l, 1, 1);
    gate_open(&l.door);
    test_drain(pool);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_CANCELLED);
    test_destroy(pool);
    check_bells(&l, 1, 1);
}

TEST(a_job_that_leaves_its_thread_is_called_no_more) {
    NEEDS_WORKERS();
    listener l[2] = {{.door = GATE_CLOSED, .leaves = true}, {.door = GATE_CLOSED, .leaves = true}};
    wpool_id id;
    wpool_job mine;
    wpool *pool = pool_of(2);
    CHECK_EQ(wpool_submit(pool, listen_job, &l[0], &id), WPOOL_OK);
    wpool_job_init(&mine, listen_job, &l[1]);
    CHECK_EQ(wpool_submit_job(pool, &mine, NULL), WPOOL_OK);
    for (int i = 0; i < 2; i++)
        gate_await_count(&l[i].door, 1);
    CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
    check_bells(&l[0], 1, 0);
    gate_open(&l[0].door);
    gate_open(&l[1].door);
    test_drain(pool);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_FAILED);
    CHECK_EQ(mine.error, WPOOL_FAILED);
    memset(&mine, 0xA5, sizeof mine);
    CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    test_destroy(pool);
    check_bells(&l[0], 1, 0);
    check_bells(&l[1], 0, 0);
}

/* ---- loops and forked jobs inside of a job that is cancelled ---- */

enum { PARTS = 3 };

typedef struct looping {
    gate all_here;
    bell bells[PARTS];
    double result; /* of a reduction */
    wpool_status status;
} looping;

static int wait_until_told(looping *l, size_t part, wpool_job *job) {
    CHECK(part < PARTS && !wpool_cancelled(job));
    CHECK_EQ(wpool_on_cancel(job, bell_ring, &l->bells[part]), WPOOL_OK);
    gate_count_up(&l->all_here);
    while (!atomic_load(&l->bells[part].is_rung))
        sched_yield();
    CHECK(wpool_cancelled(job));
    CHECK_EQ(wpool_on_cancel(job, NULL, NULL), WPOOL_OK);
    return 0;
}

static int wait_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    CHECK_EQ(end - begin, 1);
    return wait_until_told((looping *)arg, begin, job);
}

static int wait_fold(size_t begin, size_t end, void *partial, void *arg, wpool_job *job) {
    *(double *)partial += 1;
    return wait_body(begin, end, arg, job);
}

static void add_combine(void *into, const void *from, void *arg) {
    (void)arg;
    *(double *)into += *(const double *)from;
}

static int for_job(void *arg, wpool_job *job) {
    looping *l = (looping *)arg;
    l->status = wpool_for(wpool_job_pool(job), 0, PARTS, 1, wait_body, l);
    return wpool_cancelled(job);
}

static int reduce_job(void *arg, wpool_job *job) {
    looping *l = (looping *)arg;
    l->status = wpool_reduce(wpool_job_pool(job), 0, PARTS, 1, wait_fold, add_combine, l,
                             &l->result, sizeof l->result);
    return wpool_cancelled(job);
}

static int forked_job(void *arg, wpool_job *job) {
    looping *l = (looping *)arg;
    CHECK_EQ(wpool_job_id(job), 0);
    wait_until_told(l, 1, job);
    return 5;
}

static int forking_job(void *arg, wpool_job *job) {
    looping *l = (looping *)arg;
    wpool_job children[2];
    wpool_result result;
    wpool_fork(job, &children[0], forked_job, l);
    gate_await_count(&l->all_here, 1); /* another worker has it */
    wpool_fork(job, &children[1], return_job, &(int){6});
    wait_until_told(l, 0, job);
    wpool_join(job, &children[1]);
    wpool_join(job, &children[0]);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(wpool_job_result(&children[i], &result), WPOOL_OK);
        CHECK_EQ(result.error, 5 + i);
        /* the second one may have been stolen, and have ended, before */
        CHECK(result.state == WPOOL_STATE_CANCELLED || (i && result.state == WPOOL_STATE_FAILED));
    }
    return wpool_cancelled(job);
}

static void check_parts(wpool_fn fn, unsigned parts, bool is_stopped, looping *l) {
    wpool_id id, other;
    gate door = GATE_CLOSED;
    task beside = {.door = &door, .error = 1};
    wpool *pool = pool_of(PARTS + 1);
    task_submit(pool, &beside, &other);
    gate_await_count(&door, 1);
    CHECK_EQ(wpool_submit(pool, fn, l, &id), WPOOL_OK);
    gate_await_count(&l->all_here, parts);
    if (is_stopped)
        CHECK_EQ(wpool_stop(pool, WPOOL_HOT), WPOOL_OK);
    else
        CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
    gate_open(&door);
    test_drain(pool);
    CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_CANCELLED);
    CHECK_EQ(atomic_load(&beside.was_told), is_stopped);
    test_destroy(pool);
    for (unsigned i = 0; i < parts; i++) {
        CHECK_EQ(l->bells[i].count, 1);
        CHECK(pthread_equal(l->bells[i].thread, pthread_self()));
    }
}

TEST(all_parts_of_a_loop_are_told_on_whatever_worker) {
    NEEDS_WORKERS();
    static const wpool_fn ways[] = {for_job, reduce_job, forking_job};
    for (int round = 0; round < 10; round++)
        for (size_t i = 0; i < COUNT_OF(ways); i++)
            for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
                looping l = {.all_here = GATE_CLOSED, .result = 8, .status = WPOOL_CANCELLED};
                check_parts(ways[i], ways[i] == forking_job ? 2 : PARTS, is_stopped, &l);
                CHECK_EQ(l.status, WPOOL_CANCELLED);
                CHECK(l.result == 8);
            }
}

/* The first iteration registers, the second one comes after it on the same thread. */
static int listen_at_0(size_t begin, size_t end, void *arg, wpool_job *job) {
    CHECK_EQ(end - begin, 1);
    if (begin == 0) CHECK_EQ(wpool_on_cancel(job, bell_ring, arg), WPOOL_OK);
    if (begin == 1) CHECK_EQ(wpool_stop(wpool_job_pool(job), WPOOL_HOT), WPOOL_OK);
    return 0;
}

TEST(a_body_that_has_returned_is_not_called) {
    bell b = {.count = 0};
    wpool *pool = test_pool_paused(1, 0);
    CHECK_EQ(wpool_for(pool, 0, 2, 1, listen_at_0, &b), WPOOL_CANCELLED);
    CHECK_EQ(b.count, 0);
    test_destroy(pool);
}

typedef struct cancelling {
    wpool_id id;
    atomic_uint ran;
} cancelling;

static int cancel_at_7(size_t begin, size_t end, void *arg, wpool_job *job) {
    cancelling *c = (cancelling *)arg;
    CHECK_EQ(end - begin, 1);
    atomic_fetch_add(&c->ran, 1);
    if (begin == 7) CHECK_EQ(wpool_cancel(wpool_job_pool(job), c->id, WPOOL_HOT), WPOOL_CANCELLED);
    return 0;
}

static int fold_at_7(size_t begin, size_t end, void *partial, void *arg, wpool_job *job) {
    *(double *)partial += 1;
    return cancel_at_7(begin, end, arg, job);
}

static int cancel_own_loops(void *arg, wpool_job *job) {
    wpool *pool = wpool_job_pool(job);
    cancelling c = {.id = wpool_job_id(job)};
    double sum = 3;
    if (arg)
        CHECK_EQ(wpool_for(pool, 0, 1000, 1, cancel_at_7, &c), WPOOL_CANCELLED);
    else
        CHECK_EQ(wpool_reduce(pool, 0, 1000, 1, fold_at_7, add_combine, &c, &sum, sizeof sum),
                 WPOOL_CANCELLED);
    CHECK(sum == 3 && wpool_cancelled(job));
    CHECK(atomic_load(&c.ran) < 1000);
    const unsigned ran = atomic_load(&c.ran);
    CHECK_EQ(wpool_for(pool, 0, 1000, 1, cancel_at_7, &c), WPOOL_CANCELLED);
    CHECK_EQ(atomic_load(&c.ran), ran);
    return 0;
}

TEST(a_loop_ends_early_when_its_job_is_cancelled) {
    for (unsigned workers = 1; workers <= 2; workers++) {
        wpool_id ids[2];
        atomic_uint counts[10] = {0};
        wpool *pool = pool_of(workers);
        CHECK_EQ(wpool_submit(pool, cancel_own_loops, NULL, &ids[0]), WPOOL_OK);
        CHECK_EQ(wpool_submit(pool, cancel_own_loops, pool, &ids[1]), WPOOL_OK);
        test_drain(pool);
        CHECK_EQ(wpool_job_state(pool, ids[0]), WPOOL_STATE_SUCCEEDED);
        CHECK_EQ(wpool_map(pool, counts, 10, sizeof *counts, 1, is_told_job), WPOOL_OK);
        test_destroy(pool);
    }
}

/* ---- a hot shutdown whose time is out ---- */

static void destroy_it(void *pool) { test_destroy((wpool *)pool); }

TEST(a_hot_shutdown_tells_those_that_look) {
    NEEDS_WORKERS();
    gate door = GATE_CLOSED;
    listener plain = {.door = GATE_CLOSED};
    task tasks[3] = {{0}};
    wpool_id ids[2], listening;
    wpool *pool = pool_of(3);
    for (int i = 0; i < 2; i++)
        tasks[i] = (task){.door = &door, .is_patient = true, .error = i};
    submit_all(pool, tasks, ids, 2);
    CHECK_EQ(wpool_submit(pool, listen_job, &plain, &listening), WPOOL_OK);
    gate_await_count(&door, 2);
    gate_await_count(&plain.door, 1);
    task_submit(pool, &tasks[2], NULL);
    gate_open(&door);
    CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, 1), WPOOL_TIMEOUT);
    check_bells(&plain, 1, 0);
    check_ended(&tasks[2], WPOOL_STATE_DISCARDED);
    CHECK_EQ(wpool_wait(pool, ids[0], WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(wpool_wait(pool, ids[1], WPOOL_FOREVER, NULL), WPOOL_OK);
    CHECK_EQ(wpool_job_state(pool, listening), WPOOL_STATE_RUNNING);
    gate_open(&plain.door);
    test_destroy(pool);
    check_ended(&tasks[0], WPOOL_STATE_SUCCEEDED);
    check_ended(&tasks[1], WPOOL_STATE_CANCELLED);
}

TEST(a_hot_shutdown_comes_back_from_a_job_that_does_not_look) {
    NEEDS_WORKERS();
    for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
        hold h = HOLD_EMPTY;
        helper destroyer;
        wpool_id id;
        hold_init(&h);
        wpool *pool = pool_of(1);
        CHECK_EQ(wpool_submit(pool, hold_job, &h, &id), WPOOL_OK);
        gate_await_count(&h.running, 1);
        if (is_cancelled) CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
        CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, WPOOL_MS(1)), WPOOL_TIMEOUT);
        CHECK_EQ(wpool_shutdown(pool, WPOOL_HOT, WPOOL_NOW), WPOOL_TIMEOUT);
        CHECK_EQ(wpool_job_state(pool, id), WPOOL_STATE_RUNNING);
        CHECK_EQ(wpool_cancel(pool, id, WPOOL_HOT), WPOOL_CANCELLED);
        helper_start(&destroyer, destroy_it, pool);
        helper_await_sleep(&destroyer);
        CHECK(!atomic_load(&destroyer.is_finished));
        hold_release(&h, 1);
        helper_join(&destroyer);
    }
}

/* ---- everything at once ---- */

enum { RACERS = 4 };

/* A job of the race, and what was answered about it. */
typedef struct runner {
    _Atomic(wpool_id) id;
    atomic_uint removed, told, delivered, ran;
    unsigned done, state; /* on_done's */
    bell bell;
    unsigned number;
} runner;

typedef struct race {
    wpool *pool;
    uint64_t seed;
    atomic_uint next;
    runner *runners;
} race;

static int runner_job(void *arg, wpool_job *job) {
    runner *r = (runner *)arg;
    bell own = {.count = 0};
    CHECK_EQ(atomic_fetch_add(&r->ran, 1), 0);
    if (r->number % 3 == 0) return wpool_cancelled(job);
    const bool is_own = r->number % 3 == 1; /* on this stack, until it returns */
    wpool_on_cancel(job, bell_ring, is_own ? &own : &r->bell);
    for (unsigned i = 0; i < r->number % 50 && !wpool_cancelled(job); i++)
        sched_yield();
    if (is_own) wpool_on_cancel(job, NULL, NULL);
    CHECK(own.count <= 1 && (own.count == 0 || wpool_cancelled(job)));
    return wpool_cancelled(job);
}

static void runner_done(void *arg, const wpool_result *result) {
    runner *r = (runner *)arg;
    r->done++;
    r->state = result->state;
    CHECK_EQ(r->bell.count != 0 && result->state == WPOOL_STATE_DISCARDED, 0);
}

/* Cancels, waits for or forgets a job that has been submitted, whosever it is. */
static void meddle(race *x) {
    const unsigned count = atomic_load(&x->next);
    runner *r = &x->runners[test_choose(x->seed, count < RACES ? count : RACES)];
    const wpool_id id = atomic_load(&r->id);
    const wpool_mode mode = modes[test_choose(x->seed, 2)];
    wpool_status status;
    if (id == 0) return;
    if (test_choose(x->seed, 3) == 0) {
        status = wpool_wait(x->pool, id, test_choose(x->seed, 2) ? WPOOL_FOREVER : WPOOL_NOW, NULL);
        if (status == WPOOL_OK) atomic_fetch_add(&r->delivered, 1);
        CHECK(status == WPOOL_OK || status == WPOOL_UNKNOWN || status == WPOOL_TIMEOUT);
        return;
    }
    status = wpool_cancel(x->pool, id, mode);
    if (status == WPOOL_OK) atomic_fetch_add(&r->removed, 1);
    if (status == WPOOL_CANCELLED) atomic_fetch_add(&r->told, 1);
    CHECK(status == WPOOL_OK || status == WPOOL_ALREADY || status == WPOOL_UNKNOWN ||
          status == (mode == WPOOL_HOT ? WPOOL_CANCELLED : WPOOL_RUNNING));
}

static void race_thread(void *arg) {
    static const wpool_options options = {.on_done = runner_done};
    race *x = (race *)arg;
    for (unsigned i; (i = atomic_fetch_add(&x->next, 1)) < RACES;) {
        wpool_id id;
        x->runners[i].number = i;
        CHECK_EQ(wpool_submit_with(x->pool, runner_job, &x->runners[i], &options, &id), WPOOL_OK);
        atomic_store(&x->runners[i].id, id);
        for (int j = 0; j < 4; j++)
            meddle(x);
    }
}

static void check_runner(runner *r, wpool_stats_snapshot *expected) {
    const bool was_removed = atomic_load(&r->removed) != 0;
    const bool is_cancelled = r->state == WPOOL_STATE_CANCELLED;
    CHECK_EQ(r->done, 1);
    CHECK_EQ(atomic_load(&r->ran) + atomic_load(&r->removed), 1);
    CHECK_EQ(r->state == WPOOL_STATE_DISCARDED, was_removed);
    CHECK(r->state != WPOOL_STATE_FAILED);
    CHECK(atomic_load(&r->delivered) <= 1);
    CHECK(!is_cancelled || atomic_load(&r->told) != 0);
    CHECK(r->bell.count <= (atomic_load(&r->told) != 0));
    expected->discarded += was_removed;
    expected->cancelled += is_cancelled;
}

static void run_race(unsigned workers, size_t capacity, uint64_t seed) {
    static runner runners[RACES];
    helper threads[RACERS];
    wpool_stats_snapshot expected = {0};
    race x = {.pool = test_pool_of(workers, capacity), .seed = seed, .runners = runners};
    memset((void *)runners, 0, sizeof runners);
    for (int i = 0; i < RACERS; i++)
        helper_start(&threads[i], race_thread, &x);
    for (int i = 0; i < RACERS; i++)
        helper_join(&threads[i]);
    test_drain(x.pool);
    for (int i = 0; i < RACES; i++)
        check_runner(&runners[i], &expected);
    const wpool_stats_snapshot s = test_stats(x.pool);
    CHECK_EQ(s.accepted, RACES);
    CHECK_EQ(s.discarded, expected.discarded);
    CHECK_EQ(s.cancelled, expected.cancelled);
    CHECK_EQ(s.failed + s.waiting + s.running, 0);
    test_destroy(x.pool);
}

TEST(threads_submit_cancel_and_wait) {
    NEEDS_THREADS();
    const uint64_t seed = test_seed();
    run_race(1, 0, seed);
    run_race(1, 4, seed);
    run_race(3, 64, seed);
    run_race(2, WPOOL_UNBUFFERED, seed);
}
