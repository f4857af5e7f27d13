/* The room [deque], with a first size of two, one of which stays free: it grows at once, and its last
   call is near. */
#define _GNU_SOURCE 1
#include <stdatomic.h>
#include <stdbool.h>

static void before_claim(void);

/* What happens between a look and the claim that follows is up to the test. */
#define WPOOL_ATOMIC_CAS(p, expected, value, order, failed) \
    (before_claim(), atomic_compare_exchange_strong_explicit(p, expected, value, order, failed))

#include "atomics.h"

#define WPOOL_BATCH 2
#define WPOOL_DEQUE_SIZE 2
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "pools.h"

static wpool__deque deque;
static memory used;
static wpool_allocator allocator;

static void deque_begin(void) {
    allocator = memory_allocator(&used);
    CHECK(wpool__deque_init(&deque, &allocator, false));
}

static void deque_end(void) {
    wpool__deque_free(&deque);
    memory_check_empty(&used);
}

static int64_t deque_size(void) { return atomic_load(&deque.array)->size; }

static bool deque_push(uintptr_t number) {
    const wpool__call call = {count_job, (void *)number};
    if (!wpool__deque_reserve(&deque, 1)) return false;
    wpool__deque_push(&deque, &call, 1);
    return true;
}

/* 0: none. */
static uintptr_t deque_pop(void) {
    wpool__call call;
    if (!wpool__deque_pop(&deque, &call)) return 0;
    CHECK(call.fn == count_job);
    return (uintptr_t)call.arg;
}

static uintptr_t deque_steal(void) {
    wpool__call call;
    if (!wpool__deque_steal(&deque, &call, NULL)) return 0;
    CHECK(call.fn == count_job);
    return (uintptr_t)call.arg;
}

TEST(an_empty_deque_has_nothing) {
    deque_begin();
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(deque_pop(), 0);
        CHECK_EQ(deque_steal(), 0);
        CHECK_EQ(wpool__deque_length(&deque), 0);
    }
    deque_end();
}

TEST(the_owner_gets_the_newest_and_thieves_the_oldest) {
    deque_begin();
    for (uintptr_t i = 1; i <= 6; i++)
        CHECK(deque_push(i));
    CHECK_EQ(wpool__deque_length(&deque), 6);
    CHECK_EQ(deque_pop(), 6);
    CHECK_EQ(deque_steal(), 1);
    CHECK_EQ(deque_pop(), 5);
    CHECK_EQ(deque_steal(), 2);
    CHECK_EQ(deque_steal(), 3);
    CHECK_EQ(deque_pop(), 4);
    CHECK_EQ(deque_pop(), 0);
    CHECK_EQ(deque_steal(), 0);
    deque_end();
}

TEST(several_are_pushed_at_once_the_last_to_be_popped_first) {
    const wpool__call calls[] = {
        {count_job, (void *)1}, {count_job, (void *)2}, {count_job, (void *)3}};
    deque_begin();
    CHECK(wpool__deque_reserve(&deque, 3));
    wpool__deque_push(&deque, calls, 3);
    CHECK_EQ(deque_pop(), 3);
    CHECK_EQ(deque_pop(), 2);
    CHECK_EQ(deque_pop(), 1);
    deque_end();
}

TEST(it_goes_round_without_growing) {
    deque_begin();
    for (uintptr_t i = 1; i <= 1000; i++) {
        CHECK(deque_push(i));
        CHECK(deque_push(i + 5000));
        CHECK_EQ(deque_steal(), i);
        CHECK_EQ(i % 2 ? deque_pop() : deque_steal(), i + 5000);
        CHECK_EQ(deque_pop(), 0);
    }
    CHECK_EQ(deque_size(), 4);
    CHECK_EQ(atomic_load(&used.asked), 2);
    deque_end();
}

TEST(it_grows_and_keeps_all_wherever_it_began) {
    for (uintptr_t begin = 0; begin < 5; begin++) {
        uintptr_t next = 1;
        deque_begin();
        for (uintptr_t i = 0; i < begin; i++) {
            CHECK(deque_push(99));
            CHECK_EQ(deque_steal(), 99);
        }
        for (uintptr_t i = 1; i <= 100; i++)
            CHECK(deque_push(i));
        CHECK_EQ(deque_size(), 128);
        for (uintptr_t i = 0; i < 50; i++)
            CHECK_EQ(deque_steal(), next++);
        for (uintptr_t i = 100; i > 50; i--)
            CHECK_EQ(deque_pop(), i);
        CHECK_EQ(deque_pop(), 0);
        deque_end();
    }
}

TEST(without_memory_it_does_not_grow_and_keeps_all) {
    deque_begin();
    CHECK(deque_push(1));
    used.first_denied = 1;
    used.last_denied = UINT32_MAX;
    CHECK(!deque_push(2));
    CHECK(!wpool__deque_reserve(&deque, 100));
    CHECK(!wpool__deque_reserve(&deque, INT64_MAX / 2));
    CHECK(wpool__deque_reserve(&deque, 0));
    CHECK_EQ(wpool__deque_length(&deque), 1);
    used.last_denied = 0;
    CHECK(deque_push(2));
    CHECK(deque_push(3));
    CHECK_EQ(deque_pop(), 3);
    CHECK_EQ(deque_steal(), 1);
    CHECK_EQ(deque_pop(), 2);
    deque_end();
}

TEST(without_memory_there_is_none) {
    used.first_denied = 1;
    used.last_denied = UINT32_MAX;
    allocator = memory_allocator(&used);
    CHECK(!wpool__deque_init(&deque, &allocator, false));
    wpool__deque_free(&deque);
    memory_check_empty(&used);
}

/* ---- one gets in between the look and the claim of another ---- */

static void (*meanwhile)(void); /* done once, before the next claim of the thread that set it */
static pthread_t meanwhile_thread;
static uintptr_t meanwhile_got;

static void before_claim(void) {
    void (*act)(void) = meanwhile;
    if (!act || !pthread_equal(meanwhile_thread, pthread_self())) return;
    meanwhile = NULL;
    act();
}

static void set_meanwhile(void (*act)(void)) {
    meanwhile_thread = pthread_self();
    meanwhile_got = 0;
    meanwhile = act;
}

static void steal_meanwhile(void) { meanwhile_got = deque_steal(); }
static void pop_meanwhile(void) { meanwhile_got = deque_pop(); }

/* A thief that had looked before the owner said what it wants. */
static void claim_meanwhile(void) {
    int64_t top = atomic_load(&deque.top);
    CHECK(atomic_compare_exchange_strong(&deque.top, &top, top + 1));
    meanwhile_got = 1;
}

/* Another thief takes the call and the owner fills its cell again: what was read is old. */
static void replace_meanwhile(void) {
    meanwhile_got = deque_steal();
    CHECK(deque_push(3));
    CHECK(deque_push(4));
}

TEST(a_thief_that_is_late_gets_the_next_call) {
    deque_begin();
    CHECK(deque_push(1));
    CHECK(deque_push(2));
    set_meanwhile(steal_meanwhile);
    CHECK_EQ(deque_steal(), 2);
    CHECK_EQ(meanwhile_got, 1);
    CHECK_EQ(deque_steal(), 0);
    deque_end();
}

TEST(a_thief_that_is_late_for_the_last_call_gets_none) {
    deque_begin();
    CHECK(deque_push(1));
    set_meanwhile(pop_meanwhile);
    CHECK_EQ(deque_steal(), 0);
    CHECK_EQ(meanwhile_got, 1);
    CHECK_EQ(wpool__deque_length(&deque), 0);
    deque_end();
}

TEST(an_owner_that_is_late_for_the_last_call_gets_none) {
    deque_begin();
    CHECK(deque_push(1));
    set_meanwhile(claim_meanwhile);
    CHECK_EQ(deque_pop(), 0);
    CHECK_EQ(meanwhile_got, 1);
    CHECK_EQ(wpool__deque_length(&deque), 0);
    CHECK(deque_push(2));
    CHECK_EQ(deque_pop(), 2);
    deque_end();
}

TEST(a_thief_that_has_read_an_old_call_gets_the_present_one) {
    deque_begin();
    CHECK(deque_push(1));
    CHECK(deque_push(2));
    set_meanwhile(replace_meanwhile);
    CHECK_EQ(deque_steal(), 2);
    CHECK_EQ(meanwhile_got, 1);
    CHECK_EQ(deque_steal(), 3);
    CHECK_EQ(deque_pop(), 4);
    CHECK_EQ(deque_pop(), 0);
    deque_end();
}

/* ---- thieves ---- */

enum { THIEVES = 3, NUMBERS = 50000 };

static atomic_uchar seen[NUMBERS + 1];
static atomic_uint got_count;
static atomic_bool is_over;

static void got(uintptr_t number) {
    CHECK(number <= NUMBERS);
    CHECK_EQ(atomic_fetch_add(&seen[number], 1), 0);
    atomic_fetch_add(&got_count, 1);
}

/* Steals until it is over; what one thief gets is in order, since the oldest goes first. */
static void *thief(void *arg) {
    uintptr_t last = 0;
    (void)arg;
    while (!atomic_load(&is_over)) {
        const uintptr_t number = deque_steal();
        if (number == 0) {
            sched_yield();
            continue;
        }
        CHECK(number > last);
        last = number;
        got(number);
    }
    return NULL;
}

/* The owner pushes all numbers and after each `depth` of them pops `popped`. */
static void check_conservation(unsigned depth, unsigned popped) {
    pthread_t threads[THIEVES];
    deque_begin();
    for (int i = 0; i < THIEVES; i++)
        threads[i] = thread_start(thief, NULL);
    for (uintptr_t next = 1; next <= NUMBERS; next++) {
        CHECK(deque_push(next));
        for (unsigned i = 0; next % depth == 0 && i < popped; i++) {
            const uintptr_t number = deque_pop();
            if (number) got(number);
        }
    }
    for (uintptr_t number; (number = deque_pop());)
        got(number);
    while (atomic_load(&got_count) < NUMBERS)
        sched_yield();
    atomic_store(&is_over, true);
    for (int i = 0; i < THIEVES; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i <= NUMBERS; i++)
        CHECK_EQ(atomic_load(&seen[i]), 1);
    CHECK_EQ(wpool__deque_length(&deque), 0);
    deque_end();
}

TEST(each_call_goes_to_one_when_the_owner_keeps_up) { check_conservation(1, 1); }
TEST(each_call_goes_to_one_with_few_in_it) { check_conservation(3, 3); }
TEST(each_call_goes_to_one_while_it_grows) { check_conservation(100, 20); }
TEST(each_call_goes_to_one_when_only_thieves_take) { check_conservation(NUMBERS, 0); }

/* ---- the last call, which the owner and a thief both want ---- */

enum { ROUNDS = 20000 };

static atomic_uint rounds_begun, rounds_ended, stolen_count;

static void *steal_last(void *arg) {
    (void)arg;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        while (atomic_load(&rounds_begun) < round)
            sched_yield();
        const uintptr_t number = deque_steal();
        if (number) CHECK_EQ(number, round);
        if (number) atomic_fetch_add(&stolen_count, 1);
        atomic_store(&rounds_ended, round);
    }
    return NULL;
}

TEST(the_last_call_goes_to_the_owner_or_to_the_thief) {
    unsigned popped = 0;
    deque_begin();
    pthread_t thread = thread_start(steal_last, NULL);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        CHECK(deque_push(round));
        atomic_store(&rounds_begun, round);
        for (unsigned i = 0; i < round % 64; i++) /* so that they meet in all ways */
            atomic_load(&rounds_ended);
        const uintptr_t number = deque_pop();
        if (number) CHECK_EQ(number, round);
        popped += number != 0;
        while (atomic_load(&rounds_ended) < round)
            sched_yield();
        CHECK_EQ(popped + atomic_load(&stolen_count), round);
        CHECK_EQ(wpool__deque_length(&deque), 0);
    }
    pthread_join(thread, NULL);
    CHECK_EQ(deque_size(), 2);
    deque_end();
}
