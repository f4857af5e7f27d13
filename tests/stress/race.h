/* race.h - every call meets every other one. A pool's life is a number of bouts: in each, the first
   racer makes one call again and again, the second one another, and a third one anything; after the
   last bout the books must balance. Every pair of calls has a bout before one has a second.

   Include it after wpool.h with WPOOL_IMPLEMENTATION. */
#ifndef RACE_H
#define RACE_H

#include "round.h"

enum {
    RACERS = 3,
    TURNS = 32, /* in a bout, at least */
    EXTRA = 32, /* so many times as many, at most */
    BOUTS = 12,
    CALLS = OPERATIONS - 1, /* all but the one that ends the pool at random; after these: */
    PAIRS = CALLS * (CALLS + 1) / 2,
    LAST_PAIRS = ENDINGS * (CALLS + ENDINGS),
    ANY = CALLS + ENDINGS
};

typedef struct pair {
    unsigned calls[2]; /* CALLS and above: the endings */
} pair;

/* All pairs, in a random order, which is another one each time. */
typedef struct deck {
    pair *pairs;
    unsigned count, next;
    uint64_t drawn;
} deck;

typedef struct race {
    round_ *round;
    pair pairs[BOUTS];
    atomic_uint arrived, bout; /* who waits for the next bout; the present one */
    atomic_uint ready;         /* who has taken the turns */
} race_;

typedef struct racer {
    race_ *race;
    unsigned number;
    client client;
} racer;

static pair deck_draw(deck *d, uint64_t *random) {
    if (d->next == 0)
        for (unsigned i = d->count; i > 1; i--) {
            const unsigned other = choose(random, i);
            const pair swap = d->pairs[i - 1];
            d->pairs[i - 1] = d->pairs[other];
            d->pairs[other] = swap;
        }
    const pair drawn = d->pairs[d->next];
    d->next = (d->next + 1) % d->count;
    d->drawn++;
    return drawn;
}

static deck deck_of_calls(pair *pairs) {
    unsigned count = 0;
    for (unsigned i = 0; i < CALLS; i++)
        for (unsigned j = 0; j <= i; j++)
            pairs[count++] = (pair){{i, j}};
    return (deck){.pairs = pairs, .count = count};
}

/* An ending and anything else, another ending too. */
static deck deck_of_endings(pair *pairs) {
    unsigned count = 0;
    for (unsigned i = CALLS; i < CALLS + ENDINGS; i++)
        for (unsigned j = 0; j < CALLS + ENDINGS; j++)
            pairs[count++] = (pair){{i, j}};
    return (deck){.pairs = pairs, .count = count};
}

/* Until all are here, so that they begin together; and with nothing left from before, which also
   shows that nobody was forgotten: no call that comes later wakes a worker now. */
static void line_up(race_ *r, unsigned bout) {
    if (atomic_fetch_add(&r->arrived, 1) + 1 == RACERS * (bout + 1)) {
        CHECK_EQ(wpool_drain(r->round->pool, WPOOL_FOREVER), WPOOL_OK);
        atomic_fetch_add(&r->bout, 1);
    }
    while (atomic_load(&r->bout) <= bout)
        sched_yield();
}

/* One call, which is worth so many turns; without one that is given, any. */
static unsigned race_call(racer *self, unsigned call) {
    if (call >= CALLS) call = choose(&self->client.random, CALLS);
    operation_run(&self->client, call);
    return operations[call].cost;
}

/* Each goes on until all have taken their turns, so that nobody is left alone; but not for ever,
   nor until there are no items left. */
static bool race_is_over(race_ *r, unsigned bout, unsigned turn) {
    if (turn < TURNS) return false;
    return atomic_load(&r->ready) >= RACERS * (bout + 1) || turn > EXTRA * TURNS ||
           atomic_load(&r->round->item_count) > ITEMS / 4;
}

/* The same call again and again, or any, and the end of the pool among them. */
static void race_bout(racer *self, unsigned bout, unsigned call) {
    const unsigned end_turn = choose(&self->client.random, TURNS);
    bool has_ended = call < CALLS || call == ANY, is_ready = false;
    for (unsigned turn = 0; !race_is_over(self->race, bout, turn);) {
        turn += race_call(self, call);
        if (!has_ended && turn > end_turn) {
            endings[call - CALLS].run(&self->client);
            has_ended = true;
        }
        if (!is_ready && turn >= TURNS) {
            atomic_fetch_add(&self->race->ready, 1);
            is_ready = true;
        }
    }
}

static void *racer_main(void *arg) {
    racer *self = (racer *)arg;
    race_ *r = self->race;
    for (unsigned bout = 0; bout < BOUTS; bout++) {
        line_up(r, bout);
        race_bout(self, bout, self->number < 2 ? r->pairs[bout].calls[self->number] : ANY);
    }
    operations_add(&self->client);
    atomic_fetch_sub(&r->round->clients_left, 1);
    return NULL;
}

/* Resumes again and again, so that nobody waits for ever because the pool is paused. */
static void referee(race_ *r) {
    const struct timespec awhile = {.tv_nsec = 50000};
    while (atomic_load(&r->round->clients_left)) {
        wpool_start(r->round->pool);
        nanosleep(&awhile, NULL);
    }
}

/* A pool's life; how many calls were made. */
static uint64_t race_run(uint64_t seed, deck *plain, deck *last) {
    race_ r = {.round = round_begin(seed)};
    uint64_t *random = &r.round->seed;
    racer racers[RACERS];
    for (unsigned i = 0; i < BOUTS; i++)
        r.pairs[i] = deck_draw(i < BOUTS - 1 ? plain : last, random);
    atomic_store(&r.round->clients_left, RACERS);
    for (unsigned i = 0; i < RACERS; i++) {
        racers[i] = (racer){.race = &r, .number = i};
        racers[i].client = (client){.round = r.round, .random = test_random(random)};
        racers[i].client.thread = thread_start(racer_main, &racers[i]);
    }
    referee(&r);
    uint64_t calls = 0;
    for (unsigned i = 0; i < RACERS; i++) {
        pthread_join(racers[i].client.thread, NULL);
        for (unsigned call = 0; call < CALLS; call++)
            calls += racers[i].client.counts[call];
    }
    round_end(r.round);
    return calls;
}

static void race(effort *e) {
    static pair plain_pairs[PAIRS], last_pairs[LAST_PAIRS];
    deck plain = deck_of_calls(plain_pairs), last = deck_of_endings(last_pairs);
    const surroundings before = surroundings_now();
    uint64_t seed = test_seed();
    while (effort_goes_on(e))
        e->done += race_run(test_random(&seed), &plain, &last);
    operations_print();
    printf("%u pairs of calls met %.1f times, %u with an ending %.1f times\n", plain.count,
           (double)plain.drawn / plain.count, last.count, (double)last.drawn / last.count);
    effort_print(e, "calls from 3 threads");
    surroundings_check(before);
}

#endif /* RACE_H */
