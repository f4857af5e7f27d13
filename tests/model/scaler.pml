/* When workers come by themselves: submit, the scaler, the keeper of the timers, workers that are
   blocked, close, stop and destroy, for Spin. Run by spin.sh; README.md says what it found.

   A step is one atomic, sequentially consistent access to what is shared, or a critical section
   under the lock of the timers. A time has passed, is to come, or never comes. Time passes TICKS
   times; when nobody can move any more the pool is at rest, and `rest` says what must hold then. So
   a look that time alone would bring hides no lost poke.

   The rules: grow when LOAD jobs wait for each worker, or, with more workers blocked than others
   were lent for, when more jobs wait than workers are idle; let an idle worker go when time has
   passed. HOLDS times the scaler may not do what it wants to: it cools down, memory is short, or
   the system has no thread. A job ends at once, or runs, or blocks until the owner releases it.

   The macros in capitals in spin.sh break the protocol, each in one place. */

#ifndef SUBMITTERS
#define SUBMITTERS 1
#endif
#ifndef JOBS
#define JOBS 3 /* of all of them */
#endif
#ifndef QUEUED
#define QUEUED 0 /* jobs, to begin with */
#endif
#ifndef MIN
#define MIN 1
#endif
#ifndef MAX
#define MAX 2
#endif
#ifndef LOAD
#define LOAD 2
#endif
#ifndef TICKS
#define TICKS 0
#endif
#ifndef HOLDS
#define HOLDS 0
#endif
#ifndef BLOCKS
#define BLOCKS 1 /* may jobs block? */
#endif

#define PAST 0
#define LATER 1
#define NEVER 2
#define NOBODY 255 /* no submit has to poke */

/* the gate, the queue and the accounts */
bool closed, stopped;
byte jobs = JOBS, accepted = QUEUED, queued = QUEUED, left, finished;

/* workers: those that serve; present: those about to leave, too; threads: not yet to be joined */
#ifdef RAISE
byte max = MAX - 1; /* at first */
#else
byte max = MAX;
#endif
byte workers = MIN, present = MIN, threads = MIN, starting = MIN;
byte idle, dismissed, blocked;

/* the scaler's */
byte poke_at = NOBODY, poke_by; /* one word: at how many accepted jobs, and the threshold */
byte lent, holds = HOLDS;
bool held; /* it wants to, and may not yet */

/* the timers: the scaler's, due for its first look; what the keeper sleeps until, and on */
byte when = PAST, until = NEVER, ticks = TICKS;
bool waiters, changed; /* changed: the epoch is not the one that the keeper saw */
bool is_by_time;

/* the owner's */
byte returned;
bool released, exit, keeper_ended, freed;

#define touch assert(!freed)

/* ---- the event, and setting the scaler's timer ---- */

inline notify() {
    if
    :: atomic { waiters -> touch; waiters = false };
        atomic { touch; changed = true }
    :: else
    fi
}

/* To that time, or sooner if it was to be. Under the lock of the timers, but for the notify. */
inline look_at(time) {
    atomic {
        touch;
        is_news = time < until;
#ifdef SET_ANEW
        when = time
#else
        when = (time < when -> time : when)
#endif
    };
#ifndef NO_NOTIFY
    if
    :: is_news -> is_news = false; notify()
    :: else
    fi
#endif
}

/* ---- submit ---- */

/* Threshold 1 stands for the rule of blocked workers. */
#ifdef IDLE_IS_ENOUGH
#define is_short_of(waiting, resting) ((waiting) > 0 && (resting) == 0)
#else
#define is_short_of(waiting, resting) ((waiting) > (resting))
#endif
#ifdef STALE_IDLE
#define is_enough(waiting, resting, by) ((waiting) >= (by))
#else
#define is_enough(waiting, resting, by) \
    ((waiting) >= (by) && ((by) > 1 || is_short_of(waiting, resting)))
#endif

inline read_poke() { atomic { touch; seen = poke_at; by = poke_by } }

inline notice() {
    do
    :: true ->
#ifndef SWAP_CLAIM_LOOK
        read_poke();
#endif
        if
        :: ticket < seen -> break
        :: else
        fi;
        atomic { touch; gone = left };
        atomic {
            others = idle;
            next = (is_enough(ticket - gone, others, by) -> NOBODY : gone + by);
            gone = 0;
            others = 0
        };
        if
        :: atomic { poke_at == seen && poke_by == by -> touch; poke_at = next };
            if
            :: next == NOBODY -> look_at(PAST)
            :: else
            fi;
            break
        :: else
        fi;
#ifdef NO_SECOND_LOOK
        break;
#endif
#ifdef SWAP_CLAIM_LOOK
        read_poke()
#endif
    od;
    atomic { seen = 0; by = 0; next = 0 }
}

active [SUBMITTERS] proctype submitter() {
    byte ticket, seen, by, next, gone, others;
    bool is_news;

    do
    :: atomic { jobs > 0 -> jobs-- };
#ifdef SWAP_CLAIM_LOOK
        read_poke();
#endif
        atomic {
            touch;
            if
            :: closed -> break
            :: else -> accepted++; ticket = accepted
            fi
        };
        atomic { touch; queued++ }; /* and wakes a worker: who is idle can move from now on */
        notice()
    :: atomic { jobs == 0 -> ticket = 0; break }
    od;
    returned++
}

/* ---- workers ---- */

inline block() {
#ifdef BLOCK_LATE
    if
    :: blocked + 1 > lent -> look_at(PAST)
    :: else
    fi;
    blocked++;
#else
    atomic { touch; blocked++; now_blocked = blocked };
    if
    :: atomic { now_blocked > lent -> now_blocked = 0 }; look_at(PAST)
    :: atomic { now_blocked <= lent -> now_blocked = 0 }
    fi;
#endif
    released;
    atomic { touch; blocked-- }
}

active [MAX] proctype worker() {
    byte now_blocked;
    bool is_news;

end_absent:
    atomic { starting > 0 -> touch; starting-- };
search:
    if
    :: atomic { queued > 0 -> touch; queued--; left++ };
        if
        :: true /* ends at once, or is discarded */
        :: !stopped -> released
        :: BLOCKS && !stopped -> block()
        fi;
        atomic { touch; finished++ };
        goto search
    :: atomic { queued == 0 -> touch; idle++ }
    fi;
    if
    :: atomic { queued > 0 && idle > 0 -> touch; idle-- };
        goto search
    :: atomic { exit && idle > 0 -> touch; idle--; present-- }
    :: atomic { dismissed > 0 -> touch; dismissed-- };
        atomic { touch; present-- };
#ifndef GONE_SILENTLY
        look_at(PAST)
#endif
    fi;
    atomic { touch; threads-- };
    goto end_absent
}

/* ---- the keeper; what it does when the timer is due is the scaler ---- */

inline look() {
#ifdef IDLE_FIRST
    resting = idle;
#endif
    atomic { touch; gone = left };
    atomic { touch; waiting = accepted - gone };
#ifndef IDLE_FIRST
    resting = idle;
#endif
}

/* The poke word for the threshold, and the look that follows: has it been passed already? */
inline publish(threshold) {
    atomic { touch; gone = left };
    atomic {
        touch;
        poke_by = threshold;
        poke_at = gone + threshold;
        gone = 0
    };
#ifndef SWAP_PUBLISH_CHECK
    look();
    wants = is_enough(waiting, resting, poke_by);
#endif
}

#ifdef STALE_IDLE
#define threshold_for_blocked (resting + 1)
#else
#define threshold_for_blocked 1
#endif

#ifdef LEAVING_NOT_COUNTED
#define may_start (workers < max)
#else
#define may_start (present < max)
#endif

/* Looks, and acts or says when to poke. wants: once more. */
inline turn() {
    look();
    is_blocked = blocked > lent;
    atomic {
        is_lacking = is_blocked && is_short_of(waiting, resting);
        wants = (is_lacking || waiting >= LOAD * workers) && workers < max;
        by = (is_blocked -> threshold_for_blocked : LOAD * workers);
        waiting = 0;
        resting = 0
    };
    if
    :: wants ->
        if
        :: atomic { may_start -> touch; workers++; present++; threads++; starting++ };
            assert(!keeper_ended && workers <= max && present <= max);
            lent = (is_lacking -> lent + 1 : lent)
        :: atomic { !may_start -> poke_at = NOBODY; wants = false }
        :: atomic { holds > 0 -> holds--; held = true; poke_at = NOBODY; wants = false }
        fi
    :: else ->
        if
        :: atomic { is_by_time && workers > MIN && idle > 0 ->
            touch;
            idle--;
            dismissed++;
            workers--;
            is_by_time = false;
            wants = true
        };
#ifndef KEEP_LENT
            lent = (lent > 0 -> lent - 1 : 0)
#endif
        :: workers < max -> publish(by)
        :: workers == max -> poke_at = NOBODY
        fi
    fi;
    atomic { by = 0; waiting = 0; resting = 0; is_blocked = false; is_lacking = false }
}

active proctype keeper() {
    byte gone, waiting, resting, by;
    bool is_blocked, is_lacking, wants, is_due, is_news;

    do
    :: atomic { touch; changed = false };
        atomic { touch; waiters = true };
        do
        :: atomic {
            touch;
            until = when;
            is_due = when == PAST;
            if
            :: is_due -> when = NEVER; held = false; is_due = false
            :: else -> break
            fi
        };
            do
            :: turn();
                if
                :: wants -> wants = false
                :: else -> break
                fi
            od;
            is_by_time = false;
            look_at((held || workers > MIN -> LATER : NEVER))
        od;
        if
        :: exit -> break
        :: else
        fi;
        if
        :: changed
        :: atomic { until == LATER && ticks > 0 ->
            ticks--;
            is_by_time = true;
            when = PAST
        }
        fi
    od;
    keeper_ended = true
}

/* ---- the owner: close or stop, and destroy ---- */

#define waits (accepted - left)
#define is_short (blocked > lent || blocked == workers)
#define wants_more (workers < max && (waits >= LOAD * workers || (waits > 0 && is_short)))

inline rest() {
    assert(queued == waits);
    assert(!wants_more || held);
    assert(workers == max || held || poke_at <= left + (blocked > lent -> 1 : LOAD * workers));
    assert(when == until && when == (held || workers > MIN -> LATER : NEVER))
}

inline stop() {
    closed = true;
    stopped = true;
    do
    :: atomic { queued > 0 -> queued--; left++; finished++ }
    :: left == accepted -> break
    od
}

inline destroy() {
    returned == SUBMITTERS; /* no other call may be in progress */
    closed = true;
    finished == accepted;
    exit = true;
#ifdef JOIN_WORKERS_FIRST
    threads == 0;
#endif
#ifndef EXIT_WITHOUT_NOTIFY
    notify();
#endif
    keeper_ended;
#ifndef JOIN_WORKERS_FIRST
    threads == 0;
#endif
    freed = true;
    assert(threads == 0)
}

active proctype owner() {
    bool is_news;

#ifdef END
    if
    :: closed = true
    :: stop()
    :: returned == SUBMITTERS
    fi;
    released = true;
#else
    timeout;
    rest();
#ifdef RAISE
    max++;
#ifndef RAISE_SILENTLY
    look_at(PAST);
#endif
    timeout;
    rest();
#endif
    released = true;
    timeout;
    rest();
#endif
    destroy()
}
