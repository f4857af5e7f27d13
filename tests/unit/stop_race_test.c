/* Races that a thread wins only now and then, every time: who has changed a certain word is held
   right there, through the seam of the atomic operations. */
#define _GNU_SOURCE 1
#include <stdatomic.h>
#include <stdbool.h>

static void after_change(char operation, const volatile void *word);

#define WPOOL_ATOMIC_CAS(p, expected, value, order, failed)                             \
    __extension__({                                                                     \
        const bool has_changed =                                                        \
            atomic_compare_exchange_strong_explicit(p, expected, value, order, failed); \
        if (has_changed) after_change('c', p);                                          \
        has_changed;                                                                    \
    })
#define WPOOL_ATOMIC_AND(p, value, order)                                  \
    __extension__({                                                        \
        __typeof__(atomic_load_explicit(p, memory_order_relaxed)) before = \
            atomic_fetch_and_explicit(p, value, order);                    \
        after_change('a', p);                                              \
        before;                                                            \
    })
#include "atomics.h"
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "pools.h"

/* Who changes `word` by this operation, compare-exchange or and, waits at the door; but for the
   thread that set the trap. */
static struct {
    atomic_char operation;
    _Atomic(const volatile void *) word;
    pthread_t owner;
    gate door;
} trap = {.door = GATE_CLOSED};

static void after_change(char operation, const volatile void *word) {
    if (operation != trap.operation) return;
    if (word != atomic_load(&trap.word) || pthread_equal(pthread_self(), trap.owner)) return;
    atomic_store(&trap.word, NULL);
    gate_count_up(&trap.door);
    gate_wait(&trap.door);
}

static void trap_set(char operation, const volatile void *word) {
    trap.operation = operation;
    trap.owner = pthread_self();
    atomic_store(&trap.word, word);
}

/* ---- what a worker has in its hands when the pool is paused and stopped ---- */

/* The pool has been stopped, but a worker still had jobs in its hands: it ends them too. */
static void check_all_end(wpool *pool, uint64_t accepted) {
    gate_open(&trap.door);
    CHECK_EQ(wpool_drain(pool, WPOOL_SECONDS(10)), WPOOL_OK);
    CHECK_EQ(pool_stats(pool).accepted, accepted);
    CHECK_EQ(pool_stats(pool).waiting + pool_stats(pool).running, 0);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

static void check_jobs_just_taken(bool pauses) {
    atomic_uint count = 0;
    wpool *pool = pool_from((wpool_config){.workers = 1, .start_paused = true});
    count_submit(pool, &count, 10);
    trap_set('c', &pool->queue.head);
    CHECK_EQ(wpool_start(pool), WPOOL_OK);
    gate_await_count(&trap.door, 1);
    if (pauses) CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    check_all_end(pool, 10);
    CHECK_EQ(atomic_load(&count), 0);
}

TEST(jobs_just_taken_from_the_queue_of_a_pool_then_stopped_are_discarded) {
    check_jobs_just_taken(false);
}

TEST(jobs_just_taken_from_the_queue_of_a_pool_then_paused_and_stopped_are_discarded) {
    check_jobs_just_taken(true);
}

static void *submit_it(void *job) {
    wpool_submit_job(((wpool_job *)job)->pool, (wpool_job *)job, NULL);
    return NULL;
}

/* Nor does it hang in a forked child, where that submitter will never go on. */
TEST(a_wait_for_a_job_that_is_being_submitted_does_not_wait_for_the_submitter) {
    atomic_uint count = 0;
    wpool_job job;
    wpool *pool = pool_from((wpool_config){.workers = 1});
    wpool_job_init(&job, count_job, &count);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    job.pool = pool;
    trap_set('c', &job.state);
    pthread_t thread = thread_start(submit_it, &job);
    gate_await_count(&trap.door, 1);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_NOW), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_UNKNOWN);
    gate_open(&trap.door);
    pthread_join(thread, NULL);
    CHECK_EQ(wpool_job_wait(&job, WPOOL_FOREVER), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
}

typedef struct submitting {
    gate door;
    atomic_uint count;
} submitting;

static int submit_job(void *arg, wpool_job *job) {
    submitting *s = (submitting *)arg;
    gate_job(&s->door, job);
    CHECK_EQ(wpool_submit(wpool_job_pool(job), count_job, &s->count, NULL), WPOOL_OK);
    return 0;
}

TEST(a_job_just_accepted_above_the_capacity_of_a_pool_then_paused_and_stopped_is_discarded) {
    submitting s = {.door = GATE_CLOSED};
    wpool *pool = pool_from((wpool_config){.workers = 1, .queue_capacity = 1});
    CHECK_EQ(wpool_submit(pool, submit_job, &s, NULL), WPOOL_OK);
    gate_await_count(&s.door, 1);
    CHECK_EQ(wpool_submit(pool, count_job, &s.count, NULL), WPOOL_OK); /* it is full now */
    trap_set('c', &pool->watch.direct);
    gate_open(&s.door);
    gate_await_count(&trap.door, 1);
    CHECK_EQ(wpool_pause(pool), WPOOL_OK);
    CHECK_EQ(wpool_stop(pool, WPOOL_GRACEFUL), WPOOL_OK);
    check_all_end(pool, 3);
    CHECK_EQ(atomic_load(&s.count), 0);
}

static void *drain_for_a_moment(void *arg) {
    CHECK_EQ(wpool_drain((wpool *)arg, WPOOL_NOW), WPOOL_TIMEOUT);
    return NULL;
}

/* Inline, who drains has the job in its hands, puts it back, and leaves it alone. */
TEST(a_job_that_an_inline_pool_puts_back_since_it_is_paused_has_not_ended) {
    for (int is_plain = 0; is_plain < 2; is_plain++) {
        task t = {0};
        wpool *pool = pool_from((wpool_config){.max_workers = WPOOL_INLINE});
        CHECK_EQ(wpool_submit_with(pool, task_job, &t, is_plain ? NULL : task_options(), NULL),
                 WPOOL_OK);
        trap.door = (gate)GATE_CLOSED;
        trap_set('c', &pool->queue.head);
        pthread_t thread = thread_start(drain_for_a_moment, pool);
        gate_await_count(&trap.door, 1);
        CHECK_EQ(wpool_pause(pool), WPOOL_OK);
        gate_open(&trap.door);
        pthread_join(thread, NULL);
        CHECK_EQ(pool_stats(pool).waiting, 1);
        CHECK_EQ(wpool_start(pool), WPOOL_OK);
        CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
        CHECK_EQ(pool_stats(pool).succeeded, 1);
        CHECK_EQ(atomic_load(&t.run_count), 1);
        CHECK_EQ(atomic_load(&t.done_count), !is_plain);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    }
}

/* ---- two want one result ---- */

typedef struct reader {
    wpool *pool;
    wpool_id id;
    wpool_status status;
    wpool_result result;
} reader;

static void *wait_for_id(void *arg) {
    reader *r = (reader *)arg;
    r->status = wpool_wait(r->pool, r->id, WPOOL_FOREVER, &r->result);
    return NULL;
}

static void *forget_id(void *arg) {
    reader *r = (reader *)arg;
    r->status = wpool_forget(r->pool, r->id);
    return NULL;
}

/* The one who has laid claim to the result is held: nobody else gets it. */
static void check_one_delivery(void *(*claim)(void *), bool is_listed) {
    atomic_uint count = 0;
    wpool_result result;
    reader r;
    r.pool = pool_from((wpool_config){.workers = 1, .results = true});
    CHECK_EQ(wpool_submit(r.pool, count_job, &count, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit(r.pool, count_job, &count, &r.id), WPOOL_OK);
    CHECK_EQ(wpool_drain(r.pool, WPOOL_FOREVER), WPOOL_OK);
    if (is_listed) CHECK_EQ(wpool_take(r.pool, WPOOL_NOW, NULL), WPOOL_OK); /* of the other job */
    wpool__record *record = wpool__table_pin(&r.pool->table, r.id);
    wpool__table_drop(&r.pool->table, record);
    trap_set('a', &record->hold);
    pthread_t thread = thread_start(claim, &r);
    gate_await_count(&trap.door, 1);
    if (!is_listed) CHECK_EQ(wpool_take(r.pool, WPOOL_NOW, &result), WPOOL_OK);
    CHECK_EQ(wpool_take(r.pool, WPOOL_NOW, &result), WPOOL_EMPTY);
    CHECK_EQ(wpool_wait(r.pool, r.id, WPOOL_FOREVER, &result), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_forget(r.pool, r.id), WPOOL_UNKNOWN);
    CHECK_EQ(wpool_job_state(r.pool, r.id), WPOOL_STATE_UNKNOWN);
    gate_open(&trap.door);
    pthread_join(thread, NULL);
    CHECK_EQ(r.status, WPOOL_OK);
    CHECK_EQ(wpool_close(r.pool), WPOOL_OK);
    CHECK_EQ(wpool_take(r.pool, WPOOL_FOREVER, &result), WPOOL_DONE);
    CHECK_EQ(wpool_destroy(r.pool), WPOOL_OK);
}

TEST(a_result_that_is_being_waited_for_is_not_taken_too) { check_one_delivery(wait_for_id, true); }

TEST(a_result_that_is_being_forgotten_is_not_taken_too) { check_one_delivery(forget_id, true); }

TEST(a_result_that_no_reader_has_seen_yet_is_not_taken_by_two) {
    check_one_delivery(wait_for_id, false);
}
