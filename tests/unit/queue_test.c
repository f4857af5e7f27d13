/* The room [queue], with limits so small that it is always full, empty or at its seam; and the
   capacity of a pool, which is exact. */
#define WPOOL_QUEUE_CAPACITY 4
#define WPOOL_BATCH 4
#define WPOOL_DEQUE_SIZE 4
#define WPOOL_FAIR_TICKS 4
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "api.h"

/* ---- a queue of numbers ---- */

static wpool__queue queue;

static wpool__call call_of(uintptr_t number) { return (wpool__call){count_job, (void *)number}; }

static uintptr_t number_of(wpool__call call) {
    CHECK(call.fn == count_job);
    return (uintptr_t)call.arg;
}

/* As if `count` calls had gone through it before. */
static void queue_begin(size_t capacity, uint64_t count) {
    CHECK(wpool__queue_init(&queue, NULL, capacity));
    atomic_store(&queue.head, count);
    atomic_store(&queue.tail, count);
}

/* Claims up to `want`, no more than the ring holds. */
static size_t queue_claim(size_t want, uint64_t *first) {
    bool is_closed;
    const uint64_t until = atomic_load(&queue.head) + queue.first.mask + 1;
    return wpool__gate_claim(&queue.tail, until, want, first, &is_closed);
}

static bool queue_put(uintptr_t number) {
    uint64_t ticket;
    if (queue_claim(1, &ticket) == 0) return false;
    wpool__queue_put(&queue, ticket, call_of(number));
    return true;
}

/* The next number, 0: none. */
static uintptr_t queue_take(void) {
    wpool__call call;
    return wpool__queue_take(&queue, &call, 1) ? number_of(call) : 0;
}

TEST(calls_come_out_in_the_order_they_went_in) {
    queue_begin(4, 0);
    for (uintptr_t round = 0; round < 100; round++) {
        for (uintptr_t i = 1; i <= 3; i++)
            CHECK(queue_put(3 * round + i));
        CHECK_EQ(wpool__queue_length(&queue), 3);
        for (uintptr_t i = 1; i <= 3; i++)
            CHECK_EQ(queue_take(), 3 * round + i);
        CHECK_EQ(queue_take(), 0);
    }
    wpool__queue_free(&queue);
}

TEST(a_full_queue_gives_no_ticket_until_one_was_taken) {
    queue_begin(4, 0);
    for (uintptr_t i = 1; i <= 4; i++)
        CHECK(queue_put(i));
    for (uintptr_t i = 1; i <= 50; i++) {
        CHECK(!queue_put(99));
        CHECK_EQ(wpool__queue_length(&queue), 4);
        CHECK_EQ(queue_take(), i);
        CHECK(queue_put(i + 4));
    }
    wpool__queue_free(&queue);
}

TEST(a_batch_gets_as_many_tickets_in_a_row_as_there_are) {
    uint64_t first;
    queue_begin(4, 0);
    CHECK_EQ(queue_claim(3, &first), 3);
    CHECK_EQ(first, 0);
    CHECK_EQ(queue_claim(3, &first), 1);
    CHECK_EQ(first, 3);
    CHECK_EQ(queue_claim(3, &first), 0);
    wpool__queue_free(&queue);
}

TEST(a_batch_is_taken_up_to_its_size_and_to_the_end) {
    wpool__call calls[8];
    queue_begin(4, 0);
    for (uintptr_t i = 1; i <= 4; i++)
        CHECK(queue_put(i));
    CHECK_EQ(wpool__queue_take(&queue, calls, 3), 3);
    for (uintptr_t i = 0; i < 3; i++)
        CHECK_EQ(number_of(calls[i]), i + 1);
    CHECK(queue_put(5));
    CHECK_EQ(wpool__queue_take(&queue, calls, 8), 2);
    CHECK_EQ(number_of(calls[0]), 4);
    CHECK_EQ(number_of(calls[1]), 5);
    CHECK_EQ(wpool__queue_take(&queue, calls, 8), 0);
    wpool__queue_free(&queue);
}

TEST(a_ticket_not_yet_put_hides_those_behind_it) {
    uint64_t first;
    wpool__call calls[8];
    queue_begin(4, 0);
    for (int round = 0; round < 20; round++) { /* the slots hold calls of earlier rounds */
        CHECK_EQ(queue_claim(3, &first), 3);
        wpool__queue_put(&queue, first + 1, call_of(2));
        CHECK_EQ(wpool__queue_take(&queue, calls, 8), 0);
        CHECK_EQ(wpool__queue_length(&queue), 3);
        wpool__queue_put(&queue, first, call_of(1));
        CHECK_EQ(wpool__queue_take(&queue, calls, 8), 2);
        CHECK_EQ(number_of(calls[1]), 2);
        CHECK_EQ(queue_take(), 0);
        wpool__queue_put(&queue, first + 2, call_of(3));
        CHECK_EQ(queue_take(), 3);
    }
    wpool__queue_free(&queue);
}

TEST(a_closed_queue_gives_no_ticket_and_what_is_in_it) {
    uint64_t first = 77;
    bool is_closed = false;
    queue_begin(4, 0);
    CHECK(queue_put(1));
    CHECK(queue_put(2));
    CHECK(!wpool__gate_is_closed(&queue.tail));
    CHECK(wpool__gate_close(&queue.tail));
    CHECK(!wpool__gate_close(&queue.tail));
    CHECK(wpool__gate_is_closed(&queue.tail));
    CHECK_EQ(wpool__gate_claim(&queue.tail, UINT64_MAX, 1, &first, &is_closed), 0);
    CHECK(is_closed);
    CHECK_EQ(first, 77);
    CHECK_EQ(wpool__gate_count(&queue.tail), 2);
    CHECK_EQ(wpool__queue_length(&queue), 2);
    CHECK_EQ(queue_take(), 1);
    CHECK_EQ(queue_take(), 2);
    CHECK_EQ(queue_take(), 0);
    wpool__queue_free(&queue);
}

TEST(the_ring_is_the_next_power_of_two) {
    const size_t sizes[][2] = {{1, 1}, {2, 2}, {3, 4}, {4, 4}, {5, 8}, {1000, 1024}};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        queue_begin(sizes[i][0], 0);
        CHECK_EQ(queue.first.mask + 1, sizes[i][1]);
        wpool__queue_free(&queue);
    }
}

TEST(counts_beyond_32_bits_go_on) {
    const uint64_t starts[] = {UINT32_MAX - 5, UINT64_C(0xFFFFFFFFFFFF), UINT64_C(1) << 56};
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        queue_begin(4, starts[i]);
        for (uintptr_t n = 1; n <= 20; n++) {
            CHECK(queue_put(n));
            CHECK_EQ(queue_take(), n);
        }
        CHECK_EQ(wpool__gate_count(&queue.tail), starts[i] + 20);
        wpool__queue_free(&queue);
    }
}

TEST(a_queue_without_memory_is_none) {
    memory none = {.first_denied = 1, .last_denied = UINT32_MAX};
    const wpool_allocator allocator = memory_allocator(&none);
    CHECK(!wpool__queue_init(&queue, &allocator, 4));
    CHECK(!wpool__queue_init(&queue, NULL, SIZE_MAX));
    CHECK(!wpool__queue_init(&queue, NULL, SIZE_MAX / 2 + 2));
    memory_check_empty(&none);
}

/* ---- each ticket exactly once, by any number of threads ---- */

enum { PRODUCERS = 3, CONSUMERS = 3, CALLS = 20000 };

static atomic_uint produced, consumed;
static atomic_uchar seen[PRODUCERS * CALLS + 1];

/* Numbers of its own, rising; batches of one to three. */
static void *produce(void *arg) {
    const uintptr_t base = (uintptr_t)arg * CALLS;
    uintptr_t next = 1;
    while (next <= CALLS) {
        uint64_t first;
        const size_t left = CALLS + 1 - next;
        size_t n = queue_claim(next % 3 + 1 < left ? next % 3 + 1 : left, &first);
        for (size_t i = 0; i < n; i++)
            wpool__queue_put(&queue, first + i, call_of(base + next++));
        if (n == 0) sched_yield();
    }
    return NULL;
}

static void *consume(void *arg) {
    uintptr_t last[PRODUCERS] = {0};
    (void)arg;
    while (atomic_load(&consumed) < PRODUCERS * CALLS) {
        wpool__call calls[3];
        const size_t n = wpool__queue_take(&queue, calls, 3);
        for (size_t i = 0; i < n; i++) {
            const uintptr_t number = number_of(calls[i]);
            CHECK(number > last[(number - 1) / CALLS]); /* in the order of its producer */
            last[(number - 1) / CALLS] = number;
            CHECK_EQ(atomic_fetch_add(&seen[number], 1), 0);
        }
        atomic_fetch_add(&consumed, (unsigned)n);
        if (n == 0) sched_yield();
    }
    return NULL;
}

static void check_conservation(size_t capacity) {
    pthread_t threads[PRODUCERS + CONSUMERS];
    queue_begin(capacity, 0);
    for (uintptr_t i = 0; i < PRODUCERS; i++)
        threads[i] = thread_start(produce, (void *)i);
    for (int i = 0; i < CONSUMERS; i++)
        threads[PRODUCERS + i] = thread_start(consume, NULL);
    for (int i = 0; i < PRODUCERS + CONSUMERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(atomic_load(&consumed), PRODUCERS * CALLS);
    for (int i = 1; i <= PRODUCERS * CALLS; i++)
        CHECK_EQ(atomic_load(&seen[i]), 1);
    CHECK_EQ(wpool__queue_length(&queue), 0);
    wpool__queue_free(&queue);
}

TEST(each_call_comes_out_once_of_a_queue_of_one) { check_conservation(1); }
TEST(each_call_comes_out_once_of_a_queue_of_four) { check_conservation(4); }
TEST(each_call_comes_out_once_of_a_large_queue) { check_conservation(1024); }

/* Tickets claimed before the close come out; no claim succeeds after it. */
static void *claim_until_closed(void *arg) {
    bool is_closed = false;
    (void)arg;
    while (!is_closed) {
        uint64_t first;
        const uint64_t until = atomic_load(&queue.head) + queue.first.mask + 1;
        if (wpool__gate_claim(&queue.tail, until, 1, &first, &is_closed) == 0) {
            sched_yield();
            continue;
        }
        atomic_fetch_add(&produced, 1);
        wpool__queue_put(&queue, first, call_of(first + 1));
    }
    return NULL;
}

static bool take_or_yield(void) {
    if (queue_take()) return true;
    sched_yield();
    return false;
}

TEST(what_was_claimed_before_the_close_comes_out_and_nothing_else) {
    for (int round = 0; round < 200; round++) {
        pthread_t threads[2];
        uintptr_t taken = 0;
        atomic_store(&produced, 0);
        queue_begin(4, 0);
        for (int i = 0; i < 2; i++)
            threads[i] = thread_start(claim_until_closed, NULL);
        while (taken < 20)
            taken += take_or_yield();
        CHECK(wpool__gate_close(&queue.tail));
        const uint64_t accepted = wpool__gate_count(&queue.tail);
        while (taken < accepted)
            taken += take_or_yield();
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        CHECK_EQ(wpool__gate_count(&queue.tail), accepted);
        CHECK_EQ(atomic_load(&produced), accepted);
        CHECK_EQ(queue_take(), 0);
        wpool__queue_free(&queue);
    }
}

/* ---- the capacity of a pool is exact, also where the ring is larger ---- */

TEST(a_pool_accepts_exactly_its_capacity) {
    const size_t capacities[][2] = {{0, 4}, {1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {7, 7}};
    for (size_t i = 0; i < COUNT_OF(capacities); i++) {
        const unsigned capacity = (unsigned)capacities[i][1];
        atomic_uint count = 0;
        wpool *pool = pool_from((wpool_config){.workers = 2,
                                               .queue_capacity = capacities[i][0],
                                               .when_full = WPOOL_REFUSE,
                                               .start_paused = true});
        for (unsigned round = 1; round <= 20; round++) {
            for (unsigned n = 0; n < capacity; n++)
                CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_OK);
            CHECK_EQ(wpool_submit(pool, count_job, &count, NULL), WPOOL_FULL);
            CHECK_EQ(wpool_start(pool), WPOOL_OK);
            CHECK_EQ(wpool_drain(pool, WPOOL_FOREVER), WPOOL_OK);
            CHECK_EQ(wpool_pause(pool), WPOOL_OK);
            CHECK_EQ(atomic_load(&count), round * capacity);
        }
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    }
}

static atomic_uint run_count, accepted_count;

static void *try_submit(void *arg) {
    for (int i = 0; i < 100; i++)
        if (wpool_try_submit((wpool *)arg, count_job, &run_count, NULL) == WPOOL_OK)
            atomic_fetch_add(&accepted_count, 1);
    return NULL;
}

TEST(a_pool_accepts_exactly_its_capacity_from_many_threads) {
    for (unsigned round = 1; round <= 50; round++) {
        pthread_t threads[4];
        atomic_store(&accepted_count, 0);
        atomic_store(&run_count, 0);
        wpool *pool =
            pool_from((wpool_config){.workers = 1, .queue_capacity = 3, .start_paused = true});
        for (int i = 0; i < 4; i++)
            threads[i] = thread_start(try_submit, pool);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        CHECK_EQ(atomic_load(&accepted_count), 3);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        CHECK_EQ(atomic_load(&run_count), 3);
    }
}

TEST(a_lone_worker_runs_jobs_in_their_order) {
    static order o;
    static step steps[500];
    wpool *pool =
        pool_from((wpool_config){.workers = 1, .queue_capacity = 500, .start_paused = true});
    steps_submit(pool, steps, &o, 0, 500, NULL);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    order_check(&o, 0, 500);
}

TEST(each_job_of_a_pool_with_small_limits_runs_once) {
    static atomic_uint counts[5000];
    wpool *pool = pool_of(3);
    for (int i = 0; i < 5000; i++)
        CHECK_EQ(wpool_submit(pool, count_job, &counts[i], NULL), WPOOL_OK);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    for (int i = 0; i < 5000; i++)
        CHECK_EQ(atomic_load(&counts[i]), 1);
}
