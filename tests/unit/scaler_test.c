/* What the scaler decides: a table of snapshots, and what holds for any snapshot at all. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "test.h"
#include <limits.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define NOW WPOOL_SECONDS(1000)

/* ---- the table ---- */

/* A snapshot, and what follows from it. Times are in milliseconds, from now on or ago; zero means
   default: between 2 and 16 workers, what wpool_scaling says, and never. */
typedef struct row {
    const char *what;
    unsigned min, max;
    wpool_scaling scaling;
    size_t capacity; /* zero: as many as there may be */
    bool is_unbuffered;
    unsigned workers, leaving, blocked, lent, idle, long_idle;
    uint64_t waiting;
    int64_t idle_for, oldest_for, grown, shrunk, failed;
    bool is_pressed;

    int delta;
    wpool_scale_reason reason;
    int64_t look_in;  /* the rest is not looked at where there is a delta */
    uint64_t poke_at; /* 0: never */
} row;

static int64_t ago(int64_t ms, int64_t never) { return ms ? NOW - WPOOL_MS(ms) : never; }

static wpool__rules rules_of(const row *r) {
    const size_t capacity = r->capacity || r->is_unbuffered ? r->capacity : SIZE_MAX;
    wpool__rules rules = {r->min ? r->min : 2, r->max ? r->max : 16, r->scaling, capacity};
    if (!rules.scaling.jobs_per_worker) rules.scaling.jobs_per_worker = 50;
    if (!rules.scaling.idle) rules.scaling.idle = WPOOL_SECONDS(10);
    if (!rules.scaling.cooldown) rules.scaling.cooldown = WPOOL_SECONDS(1);
    return rules;
}

static wpool__view view_of(const row *r) {
    return (wpool__view){.now = NOW,
                         .workers = r->workers,
                         .leaving = r->leaving,
                         .blocked = r->blocked,
                         .lent = r->lent,
                         .idle = r->idle,
                         .long_idle = r->long_idle,
                         .idle_since = ago(r->idle_for, INT64_MAX),
                         .waiting = r->waiting,
                         .oldest_since = ago(r->oldest_for, INT64_MAX),
                         .grown_at = ago(r->grown, INT64_MIN),
                         .shrunk_at = ago(r->shrunk, INT64_MIN),
                         .failed_at = ago(r->failed, INT64_MIN),
                         .is_pressed = r->is_pressed};
}

static void check_rows(const row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        const wpool__rules rules = rules_of(r);
        const wpool__view view = view_of(r);
        const wpool__decision d = wpool__scaler_decide(&rules, &view);
        const int64_t look_again = r->look_in ? NOW + WPOOL_MS(r->look_in) : INT64_MAX;
        const uint64_t poke_at = r->poke_at ? r->poke_at : UINT64_MAX;
        if (d.delta != r->delta || d.reason != r->reason ||
            (d.delta == 0 && (d.look_again != look_again || d.poke_at != poke_at)))
            test_end(TEST_FAILED,
                     "%s: delta %d, reason %d, look again %" PRId64 " ms from now, at %" PRIu64
                     " jobs",
                     r->what, d.delta, d.reason, (d.look_again - NOW) / 1000000, d.poke_at);
    }
}

/* Above the minimum while nobody is idle: who goes to sleep does not tell, so somebody looks. */
#define NOW_AND_THEN .look_in = 10000

#define CHECK_ROWS(rows) check_rows((rows), COUNT_OF(rows))

TEST(nothing_to_do) {
    static const row rows[] = {
        {"all busy, at the minimum", .workers = 2, .poke_at = 100},
        {"all busy, above it", .workers = 3, NOW_AND_THEN, .poke_at = 150},
        {"all busy, at the maximum", .workers = 16, NOW_AND_THEN},
        {"asleep at the minimum", .workers = 2, .idle = 2, .idle_for = 99999, .poke_at = 100},
        {"some jobs wait", .workers = 2, .waiting = 99, .oldest_for = 99999, .poke_at = 100},
        {"it has just grown", .workers = 2, .grown = 1, .poke_at = 100},
        {"it has just shrunk", .workers = 2, .shrunk = 1, .poke_at = 100},
    };
    CHECK_ROWS(rows);
}

#define MINIMUM .reason = WPOOL_SCALE_MINIMUM
TEST(never_fewer_than_the_minimum) {
    static const row rows[] = {
        {"one is missing", .workers = 1, .delta = 1, MINIMUM},
        {"all are missing", .min = 4, .delta = 4, MINIMUM},
        {"pressed", .workers = 1, .is_pressed = true, .delta = 1, MINIMUM},
        {"it has just shrunk", .workers = 1, .shrunk = 1, .delta = 1, MINIMUM},
        {"much waits", .workers = 1, .waiting = 1000, .oldest_for = 1, .delta = 1, MINIMUM},
        {"others block", .workers = 1, .blocked = 1, .waiting = 9, .delta = 1, MINIMUM},
        {"some leave", .min = 3, .max = 4, .workers = 1, .leaving = 2, .delta = 1, MINIMUM},
        {"too many leave", .min = 3, .max = 3, .workers = 1, .leaving = 2},
        {"there was no thread", .workers = 1, .failed = 999, .look_in = 1},
        {"long ago", .workers = 1, .failed = 1000, .delta = 1, MINIMUM},
    };
    CHECK_ROWS(rows);
}

#define PRESSURE .reason = WPOOL_SCALE_PRESSURE
#define PRESSED .is_pressed = true, .scaling = {.max_rss_bytes = 1}
TEST(pressure_lets_workers_go_and_none_come) {
    static const row rows[] = {
        {"one by one", PRESSED, .workers = 9, .delta = -1, PRESSURE},
        {"busy ones, too", PRESSED, .workers = 3, .waiting = 999, .delta = -1, PRESSURE},
        {"not idle ones at once", PRESSED, .workers = 9, .idle = 9, .long_idle = 9,
         .idle_for = 10000, .delta = -1, PRESSURE},
        {"the last one just now", PRESSED, .workers = 9, .shrunk = 1, .look_in = 999},
        {"and a while ago", PRESSED, .workers = 9, .shrunk = 1000, .delta = -1, PRESSURE},
        {"not below the minimum", PRESSED, .workers = 2, .look_in = 1000},
        {"none by load", PRESSED, .workers = 2, .waiting = 100, .oldest_for = 1, .look_in = 1000},
        {"none for blocked ones", PRESSED, .workers = 2, .blocked = 2, .waiting = 1,
         .oldest_for = 1, .look_in = 1000},
        {"none by wait", .is_pressed = true, .scaling = {.max_rss_bytes = 1, .wait = WPOOL_MS(20)},
         .workers = 2, .waiting = 1, .oldest_for = 20, .look_in = 1000},
    };
    CHECK_ROWS(rows);
}

static bool answer_no(void *user) { return (void)user, false; }

/* Once per cooldown, while it could matter: below the minimum nobody has to leave. */
TEST(where_there_may_be_pressure_it_is_looked_for) {
    static const row rows[] = {
        {"by nobody", .workers = 3, NOW_AND_THEN, .poke_at = 150},
        {"memory", .scaling = {.max_rss_bytes = 1}, .workers = 3, .look_in = 1000, .poke_at = 150},
        {"all memory", .scaling = {.max_memory_percent = 1}, .workers = 3, .look_in = 1000,
         .poke_at = 150},
        {"processors", .scaling = {.max_cpu_percent = 1}, .workers = 3, .look_in = 1000,
         .poke_at = 150},
        {"whatever", .scaling = {.pressure = answer_no}, .workers = 3, .look_in = 1000,
         .poke_at = 150},
        {"at the maximum", .scaling = {.max_rss_bytes = 1}, .workers = 16, .look_in = 1000},
        {"at the minimum", .scaling = {.max_rss_bytes = 1}, .workers = 2, .poke_at = 100},
        {"idle sooner", .scaling = {.max_rss_bytes = 1}, .workers = 3, .idle = 1, .idle_for = 9500,
         .look_in = 500, .poke_at = 150},
        {"idle later", .scaling = {.max_rss_bytes = 1}, .workers = 3, .idle = 1, .idle_for = 100,
         .look_in = 1000, .poke_at = 150},
    };
    CHECK_ROWS(rows);
}

#define BLOCKED .reason = WPOOL_SCALE_BLOCKED
TEST(blocked_workers_are_replaced) {
    static const row rows[] = {
        {"one", .workers = 2, .blocked = 1, .waiting = 1, .delta = 1, BLOCKED},
        {"all", .workers = 2, .blocked = 2, .waiting = 9, .delta = 2, BLOCKED},
        {"as many as there is work for", .workers = 3, .blocked = 3, .waiting = 2, .delta = 2,
         BLOCKED},
        {"as many as may be", .max = 5, .workers = 4, .blocked = 4, .waiting = 9, .delta = 1,
         BLOCKED},
        {"also for those that leave", .max = 5, .workers = 2, .leaving = 2, .blocked = 2,
         .waiting = 9, .delta = 1, BLOCKED},
        {"but once", .workers = 3, .blocked = 1, .lent = 1, .waiting = 1, NOW_AND_THEN,
         .poke_at = 150},
        {"and each", .workers = 6, .blocked = 4, .lent = 1, .waiting = 9, .delta = 3, BLOCKED},
        {"not at the maximum", .max = 3, .workers = 3, .blocked = 3, .waiting = 9, NOW_AND_THEN},
        {"not when nothing waits", .workers = 2, .blocked = 2, .poke_at = 1},
        {"not when another one is idle", .workers = 2, .blocked = 1, .idle = 1, .idle_for = 1,
         .waiting = 1, .poke_at = 2},
        {"when more wait than are idle", .workers = 4, .blocked = 3, .idle = 1, .idle_for = 1,
         .waiting = 3, .delta = 2, BLOCKED},
        {"though it has just shrunk", .workers = 2, .shrunk = 1, .blocked = 1, .waiting = 1,
         .delta = 1, BLOCKED},
        {"before the load counts", .workers = 2, .blocked = 1, .waiting = 100, .delta = 1, BLOCKED},
        {"there was no thread", .workers = 2, .failed = 1, .blocked = 1, .waiting = 1,
         .look_in = 999},
        {"long ago", .workers = 2, .failed = 1000, .blocked = 1, .waiting = 1, .delta = 1, BLOCKED},
    };
    CHECK_ROWS(rows);
}

#define LOAD .reason = WPOOL_SCALE_LOAD
TEST(load_makes_it_grow) {
    static const row rows[] = {
        {"2 workers and 100 jobs give 4", .workers = 2, .waiting = 100, .delta = 2, LOAD},
        {"one less does not", .workers = 2, .waiting = 99, .poke_at = 100},
        {"more give no more", .workers = 3, .waiting = 9999, .delta = 3, LOAD},
        {"one job", .scaling = {.jobs_per_worker = 1}, .workers = 2, .waiting = 2, .delta = 2,
         LOAD},
        {"up to the maximum", .workers = 10, .waiting = 500, .delta = 6, LOAD},
        {"not beyond", .workers = 16, .waiting = 9999, NOW_AND_THEN},
        {"those that leave count", .workers = 10, .leaving = 4, .waiting = 500, .delta = 2, LOAD},
        {"all the room is theirs", .workers = 10, .leaving = 6, .waiting = 500, NOW_AND_THEN},
        {"by steps", .scaling = {.step = 3}, .workers = 8, .waiting = 400, .delta = 3, LOAD},
        {"by a last step", .scaling = {.step = 3}, .workers = 14, .waiting = 700, .delta = 2, LOAD},
        {"by a giant step", .scaling = {.step = UINT_MAX}, .workers = 2, .waiting = 100,
         .delta = 14, LOAD},
        {"never", .scaling = {.jobs_per_worker = UINT_MAX}, .workers = 2, .waiting = UINT64_MAX},
        {"hardly ever", .scaling = {.jobs_per_worker = UINT_MAX - 1}, .workers = 2,
         .waiting = UINT_MAX, .poke_at = UINT64_C(2) * (UINT_MAX - 1)},
        {"for once", .scaling = {.jobs_per_worker = UINT_MAX - 1}, .workers = 4,
         .waiting = UINT64_C(4) * (UINT_MAX - 1), .delta = 4, LOAD},
        {"again and again", .workers = 4, .grown = 1, .waiting = 200, .delta = 4, LOAD},
        {"idle ones or not", .workers = 2, .idle = 1, .idle_for = 1, .waiting = 100, .delta = 2,
         LOAD},
        {"not soon after it has shrunk", .workers = 2, .shrunk = 999, .waiting = 100, .look_in = 1},
        {"but later", .workers = 2, .shrunk = 1000, .waiting = 100, .delta = 2, LOAD},
        {"nor when there was no thread", .workers = 2, .failed = 300, .waiting = 100,
         .look_in = 700},
        {"long ago", .workers = 2, .failed = 1000, .waiting = 100, .delta = 2, LOAD},
    };
    CHECK_ROWS(rows);
}

TEST(a_full_queue_is_load) {
    static const row rows[] = {
        {"full", .capacity = 150, .workers = 4, .waiting = 150, .delta = 4, LOAD},
        {"not quite", .capacity = 150, .workers = 4, .waiting = 149, NOW_AND_THEN, .poke_at = 150},
        {"and one more waits for room", .capacity = 150, .workers = 4, .waiting = 151, .delta = 4,
         LOAD},
        {"still, soon after the last step", .capacity = 150, .workers = 4, .waiting = 150,
         .grown = 9, .look_in = 1},
        {"and later", .capacity = 150, .workers = 4, .waiting = 150, .grown = 10, .delta = 4, LOAD},
        {"never mind", .scaling = {.jobs_per_worker = UINT_MAX}, .capacity = 150, .workers = 4,
         .waiting = 150, NOW_AND_THEN},
        {"at the maximum", .capacity = 150, .workers = 16, .waiting = 150, NOW_AND_THEN},
        {"it would hold more", .capacity = 201, .workers = 4, .waiting = 200, .grown = 1,
         .delta = 4, LOAD},
        {"it would hold no more", .capacity = 200, .workers = 4, .waiting = 200, .grown = 1,
         .delta = 4, LOAD},
        {"unbuffered, nobody waits", .is_unbuffered = true, .workers = 4, NOW_AND_THEN,
         .poke_at = 1},
        {"one does", .is_unbuffered = true, .workers = 4, .waiting = 1, .delta = 4, LOAD},
        {"soon after the last step", .is_unbuffered = true, .workers = 4, .waiting = 1, .grown = 9,
         .look_in = 1},
        {"by wait, sooner", .scaling = {.wait = WPOOL_MS(20)}, .capacity = 150, .workers = 4,
         .waiting = 149, .oldest_for = 20, .grown = 1, .delta = 4, .reason = WPOOL_SCALE_WAIT},
    };
    CHECK_ROWS(rows);
}

#define WAITED .reason = WPOOL_SCALE_WAIT
#define WAIT(ms) .scaling = {.wait = WPOOL_MS(ms)}
TEST(waiting_makes_it_grow) {
    static const row rows[] = {
        {"for so long", WAIT(20), .workers = 2, .waiting = 1, .oldest_for = 20, .delta = 2, WAITED},
        {"not yet", WAIT(20), .workers = 2, .waiting = 1, .oldest_for = 19, .look_in = 1,
         .poke_at = 100},
        {"not yet, and no load is too much",
         .scaling = {.wait = WPOOL_MS(20), .jobs_per_worker = UINT_MAX}, .workers = 2, .waiting = 1,
         .oldest_for = 19, .look_in = 1},
        {"only if there is a rule", .workers = 2, .waiting = 1, .oldest_for = 99999,
         .poke_at = 100},
        {"and a job", WAIT(20), .workers = 2, .poke_at = 1},
        {"up to the maximum", WAIT(20), .workers = 10, .waiting = 1, .oldest_for = 20, .delta = 6,
         WAITED},
        {"not beyond", WAIT(20), .workers = 16, .waiting = 1, .oldest_for = 20, NOW_AND_THEN},
        {"by steps", .scaling = {.wait = 1, .step = 3}, .workers = 8, .waiting = 1, .oldest_for = 1,
         .delta = 3, WAITED},
        {"again and again", WAIT(20), .workers = 4, .grown = 1, .waiting = 1, .oldest_for = 20,
         .delta = 4, WAITED},
        {"the load counts first", WAIT(20), .workers = 2, .waiting = 100, .oldest_for = 20,
         .delta = 2, LOAD},
        {"not soon after it has shrunk", WAIT(20), .workers = 2, .shrunk = 999, .waiting = 1,
         .oldest_for = 20, .look_in = 1},
        {"but later", WAIT(20), .workers = 2, .shrunk = 1000, .waiting = 1, .oldest_for = 20,
         .delta = 2, WAITED},
        {"nor when there was no thread", WAIT(20), .workers = 2, .failed = 300, .waiting = 1,
         .oldest_for = 20, .look_in = 700},
        {"no load is too much", .scaling = {.wait = 1, .jobs_per_worker = UINT_MAX}, .workers = 2,
         .waiting = 9999, .oldest_for = 1, .delta = 2, WAITED},
        {"a blocked one counts first", WAIT(20), .workers = 2, .blocked = 1, .waiting = 1,
         .oldest_for = 20, .delta = 1, BLOCKED},
    };
    CHECK_ROWS(rows);
}

#define IDLE .reason = WPOOL_SCALE_IDLE
TEST(idleness_makes_it_shrink) {
    static const row rows[] = {
        {"to the minimum", .workers = 16, .idle = 16, .long_idle = 16, .idle_for = 10000,
         .delta = -14, IDLE},
        {"those that are idle", .workers = 9, .idle = 5, .long_idle = 3, .idle_for = 10000,
         .delta = -3, IDLE},
        {"not below", .workers = 2, .idle = 2, .long_idle = 2, .idle_for = 10000, .poke_at = 100},
        {"not yet", .workers = 3, .idle = 1, .idle_for = 9999, .look_in = 1, .poke_at = 150},
        {"never", .scaling = {.idle = WPOOL_FOREVER}, .workers = 3, .idle = 1, .idle_for = 99999,
         .poke_at = 150},
        {"though jobs wait", .workers = 4, .idle = 1, .long_idle = 1, .idle_for = 10000,
         .waiting = 199, .delta = -1, IDLE},
        {"but not so many", .workers = 16, .idle = 1, .long_idle = 1, .idle_for = 10000,
         .waiting = 800, NOW_AND_THEN},
        {"no load is too much", .scaling = {.jobs_per_worker = UINT_MAX}, .workers = 4, .idle = 1,
         .long_idle = 1, .idle_for = 10000, .waiting = UINT64_MAX, .delta = -1, IDLE},
        {"though it has just shrunk", .workers = 4, .shrunk = 1, .idle = 1, .long_idle = 1,
         .idle_for = 10000, .delta = -1, IDLE},
        {"not soon after it has grown", .workers = 4, .grown = 999, .idle = 1, .long_idle = 1,
         .idle_for = 10000, .look_in = 1, .poke_at = 200},
        {"but later", .workers = 4, .grown = 1000, .idle = 1, .long_idle = 1, .idle_for = 10000,
         .delta = -1, IDLE},
        {"blocked ones are not idle", .workers = 4, .blocked = 2, .lent = 2, .idle = 1,
         .long_idle = 1, .idle_for = 10000, .delta = -1, IDLE},
    };
    CHECK_ROWS(rows);
}

/* Nothing that is added to the longest times is more than there is. */
TEST(times_without_end) {
    static const row rows[] = {
        {"idle", .scaling = {.idle = INT64_MAX}, .workers = 4, .idle = 4, .idle_for = 1,
         .poke_at = 200},
        {"wait", .scaling = {.wait = INT64_MAX}, .workers = 2, .waiting = 1, .oldest_for = 1,
         .poke_at = 100},
        {"load after it has shrunk", .scaling = {.cooldown = INT64_MAX}, .workers = 2, .shrunk = 1,
         .waiting = 100},
        {"load after it has not", .scaling = {.cooldown = INT64_MAX}, .workers = 2, .waiting = 100,
         .delta = 2, LOAD},
        {"idle after it has grown", .scaling = {.cooldown = INT64_MAX}, .workers = 4, .grown = 1,
         .idle = 1, .long_idle = 1, .idle_for = 10000, .poke_at = 200},
        {"idle after it has not", .scaling = {.cooldown = INT64_MAX}, .workers = 4, .idle = 1,
         .long_idle = 1, .idle_for = 10000, .delta = -1, IDLE},
        {"pressure", .is_pressed = true, .scaling = {.max_rss_bytes = 1, .cooldown = INT64_MAX},
         .workers = 4, .shrunk = 1},
    };
    CHECK_ROWS(rows);
}

/* ---- any snapshot ---- */

static uint64_t seed_state;

static unsigned choose(unsigned count) { return (unsigned)(test_random(&seed_state) % count); }

/* One of some times, in milliseconds, that meet each other often; or the last one. */
static int64_t choose_ms(int64_t otherwise) {
    static const int64_t some[] = {1, 2, 5, 9, 10, 11, 15, 20, 50};
    const unsigned i = choose(COUNT_OF(some) + 3);
    return i < COUNT_OF(some) ? WPOOL_MS(some[i]) : otherwise;
}

static int64_t choose_past(int64_t never) {
    const int64_t since = choose_ms(INT64_MAX);
    return since == INT64_MAX ? never : NOW - since;
}

static wpool__rules choose_rules(void) {
    wpool__rules rules = {.min = 1 + choose(4)};
    rules.max = rules.min + 1 + choose(8);
    rules.scaling = (wpool_scaling){.jobs_per_worker = choose(8) ? 1 + choose(5) : UINT_MAX,
                                    .wait = choose(2) ? choose_ms(0) : 0,
                                    .step = choose(3),
                                    .idle = choose_ms(choose(2) ? WPOOL_FOREVER : INT64_MAX),
                                    .cooldown = choose_ms(INT64_MAX),
                                    .max_rss_bytes = choose(4) == 0};
    rules.capacity = SIZE_MAX;
    return rules;
}

static wpool__view view_at(const wpool__rules *rules, wpool__view view, int64_t now) {
    const int64_t idle = rules->scaling.idle;
    const bool is_long = view.idle > 0 && idle >= 0 && now - view.idle_since >= idle;
    view.now = now;
    if (!is_long) view.long_idle = 0;
    if (is_long && view.long_idle == 0) view.long_idle = 1;
    return view;
}

static wpool__view choose_view(const wpool__rules *rules) {
    wpool__view view = {.workers = choose(rules->max + 1)};
    const uint64_t enough = (uint64_t)rules->scaling.jobs_per_worker * view.workers;
    view.leaving = choose(3) ? 0 : choose(rules->max - view.workers + 1);
    view.blocked = choose(2) ? 0 : choose(view.workers + 1);
    view.lent = choose(view.blocked + 2);
    view.idle = choose(2) ? 0 : choose(view.workers - view.blocked + 1);
    view.long_idle = view.idle ? 1 + choose(view.idle) : 0;
    view.idle_since = view.idle ? NOW - choose_ms(0) : INT64_MAX;
    view.waiting = choose(3) ? choose(10) : enough + choose(2) - (enough && choose(2));
    view.oldest_since = view.waiting ? NOW - choose_ms(0) : INT64_MAX;
    view.grown_at = choose_past(INT64_MIN);
    view.shrunk_at = choose_past(INT64_MIN);
    view.failed_at = choose(2) ? INT64_MIN : choose_past(INT64_MIN);
    view.is_pressed = rules->scaling.max_rss_bytes && choose(2);
    return view_at(rules, view, NOW);
}

/* When something may end that began then: nothing that never began. */
static int64_t end_of(int64_t begin, int64_t length) {
    if (begin == INT64_MIN || begin == INT64_MAX || length < 0) return INT64_MAX;
    return length > INT64_MAX - begin ? INT64_MAX : begin + length;
}

/* All the times at which a snapshot that stays as it is may mean something else. */
enum { BY_IDLENESS, BY_WAIT, AFTER_GROWTH, AFTER_SHRINKING, AFTER_FAILURE, TURNS };
static void turns_of(const wpool__rules *rules, const wpool__view *view, int64_t turns[TURNS]) {
    const wpool_scaling *s = &rules->scaling;
    turns[BY_IDLENESS] = end_of(view->idle_since, s->idle);
    turns[BY_WAIT] = end_of(view->oldest_since, s->wait ? s->wait : WPOOL_FOREVER);
    turns[AFTER_GROWTH] = end_of(view->grown_at, s->cooldown);
    turns[AFTER_SHRINKING] = end_of(view->shrunk_at, s->cooldown);
    turns[AFTER_FAILURE] = end_of(view->failed_at, s->cooldown);
}

static wpool__decision decide_at(const wpool__rules *rules, const wpool__view *view, int64_t now) {
    const wpool__view later = view_at(rules, *view, now);
    return wpool__scaler_decide(rules, &later);
}

static void for_any_snapshot(void (*check)(const wpool__rules *, const wpool__view *,
                                           const wpool__decision *)) {
    seed_state = test_seed();
    for (int i = 0; i < 300000; i++) {
        const wpool__rules rules = choose_rules();
        const wpool__view view = choose_view(&rules);
        const wpool__decision decision = wpool__scaler_decide(&rules, &view);
        check(&rules, &view, &decision);
    }
}

static void check_bounds(const wpool__rules *rules, const wpool__view *view,
                         const wpool__decision *d) {
    const int64_t after = (int64_t)view->workers + d->delta;
    CHECK_EQ(d->delta == 0, d->reason == WPOOL_SCALE_NONE);
    if (d->delta > 0) CHECK(after + view->leaving <= rules->max);
    if (d->delta < 0) CHECK(after >= rules->min);
    if (d->delta > 0 && view->is_pressed) CHECK(after <= rules->min);
}

TEST(the_bounds_hold) { for_any_snapshot(check_bounds); }

/* Nobody has to look before look_again, unless something else changes. */
static void check_time(const wpool__rules *rules, const wpool__view *view,
                       const wpool__decision *d) {
    int64_t turns[TURNS];
    bool will_change = false;
    if (d->delta != 0) return;
    CHECK(d->look_again > NOW);
    turns_of(rules, view, turns);
    for (int i = 0; i < TURNS; i++) {
        if (turns[i] <= NOW || turns[i] == INT64_MAX) continue;
        const bool does_change = decide_at(rules, view, turns[i]).delta != 0;
        if (does_change) CHECK(turns[i] >= d->look_again);
        will_change |= does_change;
    }
    if (will_change || rules->scaling.max_rss_bytes) return;
    if (d->look_again == turns[BY_WAIT]) return; /* it sees then that a cooldown goes on for ever */
    if (view->workers <= rules->min || rules->scaling.idle < 0)
        CHECK_EQ(d->look_again, INT64_MAX);
    else /* somebody may go to sleep */
        CHECK(d->look_again >= end_of(NOW, rules->scaling.idle));
}

TEST(it_looks_again_when_time_may_have_changed_its_mind) { for_any_snapshot(check_time); }

/* Nobody has to tell it of fewer jobs than poke_at: they change neither what it does, nor when it
   looks again. */
static void check_poke(const wpool__rules *rules, const wpool__view *view,
                       const wpool__decision *d) {
    if (d->delta != 0) return;
    CHECK(d->poke_at > view->waiting);
    for (int i = 0; i < 10; i++) {
        wpool__view more = *view;
        more.waiting = i ? view->waiting + (unsigned)i : d->poke_at - 1;
        if (more.waiting <= view->waiting || more.waiting >= d->poke_at) continue;
        if (view->waiting == 0) more.oldest_since = NOW;
        const wpool__decision then = wpool__scaler_decide(rules, &more);
        CHECK_EQ(then.delta, 0);
        CHECK(then.look_again >= d->look_again);
    }
}

TEST(it_is_poked_when_more_jobs_may_change_its_mind) { for_any_snapshot(check_poke); }

/* Do as it says, at one instant, until there is nothing to do: that goes one way, and ends. */
static void check_direction(const wpool__rules *rules, const wpool__view *start,
                            const wpool__decision *first) {
    wpool__view view = *start;
    wpool__decision d = *first;
    if (view.blocked > view.lent) return; /* they are replaced as soon as jobs wait for it */
    for (int i = 0; d.delta != 0; i++) {
        CHECK(i < 20);
        CHECK_EQ(d.delta > 0, first->delta > 0);
        view.workers = (unsigned)((int)view.workers + d.delta);
        *(d.delta > 0 ? &view.grown_at : &view.shrunk_at) = NOW;
        if (d.reason == WPOOL_SCALE_IDLE) {
            const unsigned gone = (unsigned)-d.delta;
            view.idle -= gone;
            view.long_idle -= gone;
            if (view.idle == 0) view.idle_since = INT64_MAX;
        } else if (view.idle > view.workers) {
            view.idle = view.long_idle = 0;
            view.idle_since = INT64_MAX;
        }
        d = wpool__scaler_decide(rules, &view);
    }
}

TEST(it_does_not_change_its_mind_at_once) { for_any_snapshot(check_direction); }
