/* The room [idle]: the last to sleep is the first to be woken, and one searches at a time. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "pools.h"

enum { WORKERS = 4 };

static wpool__sleeper sleepers[WPOOL_MAX_WORKERS];
static wpool__lot lot;
static wpool__idle idle = {.sleepers = {.size = sizeof *sleepers,
                                        .first = WPOOL_MAX_WORKERS,
                                        .chunks = {(unsigned char *)sleepers}},
                           .lot = &lot};

static unsigned top(void) { return wpool__idle_top(atomic_load(&idle.word)); }
static unsigned sleeping(void) { return wpool__idle_count(atomic_load(&idle.word)); }
static bool is_searching(void) { return (atomic_load(&idle.word) & WPOOL__IDLE_SEARCHING) != 0; }
static bool is_woken(unsigned index) { return atomic_load(&sleepers[index].woken) != 0; }

static void enter_all(unsigned count) {
    CHECK(wpool__lot_init(&lot));
    for (unsigned i = 0; i < count; i++)
        wpool__idle_enter(&idle, i, false);
}

TEST(nobody_to_wake_is_fine) {
    CHECK(!wpool__idle_wants_waking(atomic_load(&idle.word)));
    CHECK(!wpool__idle_wake_top(&idle, WPOOL__WAKE_SEARCH));
    CHECK(!wpool__idle_wake_top(&idle, WPOOL__WAKE_LOOK));
    wpool__idle_wake(&idle);
    wpool__idle_wake_all(&idle);
    CHECK_EQ(atomic_load(&idle.word), 0);
}

TEST(the_last_to_sleep_is_the_first_to_be_woken) {
    enter_all(WORKERS);
    for (unsigned i = WORKERS; i-- > 0;) {
        CHECK_EQ(top(), i + 1);
        CHECK_EQ(sleeping(), i + 1);
        CHECK(!is_woken(i));
        wpool__idle_wake(&idle);
        CHECK(is_woken(i));
        CHECK(is_searching());
        CHECK(wpool__idle_sleep(&idle, i)); /* returns at once, as the searcher */
        wpool__idle_stop_search(&idle);
    }
    CHECK_EQ(sleeping(), 0);
    CHECK_EQ(top(), 0);
}

TEST(nobody_is_woken_while_somebody_searches) {
    enter_all(WORKERS);
    CHECK(wpool__idle_search(&idle));
    CHECK(!wpool__idle_search(&idle));
    CHECK(!wpool__idle_wants_waking(atomic_load(&idle.word)));
    for (int i = 0; i < 5; i++)
        wpool__idle_wake(&idle);
    CHECK_EQ(sleeping(), WORKERS);
    wpool__idle_stop_search(&idle);
    CHECK(wpool__idle_wants_waking(atomic_load(&idle.word)));
    wpool__idle_wake(&idle);
    wpool__idle_wake(&idle); /* the woken one searches */
    CHECK_EQ(sleeping(), WORKERS - 1);
}

TEST(who_goes_to_sleep_ceases_to_search_in_the_same_step) {
    CHECK(wpool__lot_init(&lot));
    CHECK(wpool__idle_search(&idle));
    wpool__idle_enter(&idle, 0, true);
    CHECK(!is_searching());
    CHECK_EQ(sleeping(), 1);
    CHECK(wpool__idle_search(&idle));
    wpool__idle_enter(&idle, 1, false); /* another one searches, and goes on */
    CHECK(is_searching());
    CHECK_EQ(sleeping(), 2);
}

TEST(all_can_be_woken_to_look_also_while_somebody_searches) {
    enter_all(WORKERS);
    CHECK(wpool__idle_search(&idle));
    wpool__idle_wake_all(&idle);
    CHECK_EQ(sleeping(), 0);
    CHECK(is_searching());
    for (unsigned i = 0; i < WORKERS; i++)
        CHECK(!wpool__idle_sleep(&idle, i)); /* not as the searcher */
}

TEST(who_was_woken_sleeps_again) {
    enter_all(WORKERS);
    for (unsigned i = 0; i < 100; i++) {
        wpool__idle_wake(&idle);
        CHECK(wpool__idle_sleep(&idle, WORKERS - 1));
        wpool__idle_enter(&idle, WORKERS - 1, true);
        CHECK(!is_woken(WORKERS - 1));
        CHECK_EQ(sleeping(), WORKERS);
    }
}

TEST(the_word_never_repeats_when_the_stack_does) {
    enter_all(2);
    const uint64_t before = atomic_load(&idle.word);
    wpool__idle_wake(&idle);
    wpool__idle_stop_search(&idle);
    const uint64_t between = atomic_load(&idle.word);
    wpool__idle_enter(&idle, 1, false);
    CHECK(atomic_load(&idle.word) != before);
    CHECK_EQ(atomic_load(&idle.word) & UINT32_MAX, before & UINT32_MAX);
    wpool__idle_wake(&idle);
    wpool__idle_stop_search(&idle);
    CHECK(atomic_load(&idle.word) != between);
}

TEST(there_is_room_for_the_largest_number_of_workers) {
    enter_all(WPOOL_MAX_WORKERS);
    CHECK_EQ(sleeping(), WPOOL_MAX_WORKERS);
    CHECK(!is_searching());
    for (unsigned i = WPOOL_MAX_WORKERS; i-- > 0;) {
        CHECK_EQ(top(), i + 1);
        CHECK(wpool__idle_wake_top(&idle, WPOOL__WAKE_LOOK));
        CHECK(is_woken(i));
        CHECK_EQ(sleeping(), i);
    }
    CHECK(!is_searching());
}

/* ---- no wake-up is lost: workers of the room alone, whose work is a number of tokens ---- */

enum { TOKENS = 20000 };

static atomic_uint tokens, consumed;
static atomic_bool is_over;

static bool take_token(void) {
    unsigned now = atomic_load(&tokens);
    while (now > 0)
        if (atomic_compare_exchange_weak(&tokens, &now, now - 1)) return true;
    return false;
}

static void *work(void *arg) {
    const unsigned index = *(unsigned *)arg;
    bool searches = false;
    while (!atomic_load(&is_over)) {
        if (take_token()) {
            if (searches) wpool__idle_stop_search(&idle);
            if (searches && atomic_load(&tokens) > 0) wpool__idle_wake(&idle);
            searches = false;
            atomic_fetch_add(&consumed, 1);
            continue;
        }
        wpool__idle_enter(&idle, index, searches);
        if (atomic_load(&is_over)) wpool__idle_wake_all(&idle);
        if (atomic_load(&tokens) > 0) wpool__idle_wake(&idle);
        searches = wpool__idle_sleep(&idle, index);
    }
    return NULL;
}

static void *make_tokens(void *arg) {
    const unsigned pause = *(unsigned *)arg;
    for (int i = 0; i < TOKENS; i++) {
        atomic_fetch_add(&tokens, 1);
        wpool__idle_wake(&idle);
        if (pause && (unsigned)i % pause == 0) sched_yield();
    }
    return NULL;
}

static void check_no_loss(unsigned worker_count, unsigned pause) {
    static unsigned numbers[] = {0, 1, 2, 3};
    pthread_t workers[WORKERS], makers[2];
    CHECK(wpool__lot_init(&lot));
    for (unsigned i = 0; i < worker_count; i++)
        workers[i] = thread_start(work, &numbers[i]);
    for (int i = 0; i < 2; i++)
        makers[i] = thread_start(make_tokens, &pause);
    for (int i = 0; i < 2; i++)
        pthread_join(makers[i], NULL);
    while (atomic_load(&consumed) < 2 * TOKENS) /* hangs if a wake-up was lost */
        sched_yield();
    atomic_store(&is_over, true);
    wpool__idle_wake_all(&idle);
    for (unsigned i = 0; i < worker_count; i++)
        pthread_join(workers[i], NULL);
    CHECK_EQ(sleeping(), 0);
    wpool__lot_free(&lot);
}

TEST(no_wake_up_is_lost_with_one_worker) { check_no_loss(1, 1); }
TEST(no_wake_up_is_lost_with_four_workers) { check_no_loss(4, 1); }
TEST(no_wake_up_is_lost_in_a_burst) { check_no_loss(3, 0); }
TEST(no_wake_up_is_lost_now_and_then) { check_no_loss(2, 7); }
