/* Pools come and go: small ones, of each kind, with a few jobs and ended in every way. None leaves a
   thread, a descriptor or memory. WPOOL_TEST_COUNT is the number of pools. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "stress.h"

enum { JOBS = 8, WARM_UP = 1000, MAY_GROW_KIB = 1024 };

typedef struct life {
    wpool *pool;
    memory used;
    wpool_allocator allocator;
    unsigned accepted;
    atomic_uint ended, begun_workers, ended_workers;
    wpool_job jobs[JOBS];
} life;

static int life_job(void *arg, wpool_job *job) {
    (void)arg;
    return wpool_cancelled(job);
}

static void life_done(void *arg, const wpool_result *result) {
    CHECK(result->state >= WPOOL_STATE_SUCCEEDED);
    atomic_fetch_add(&((life *)arg)->ended, 1);
}

static void *life_worker_start(void *user, unsigned worker) {
    (void)worker;
    atomic_fetch_add(&((life *)user)->begun_workers, 1);
    return user;
}

static void life_worker_exit(void *user, unsigned worker, void *state) {
    CHECK(user == state && worker < 4);
    atomic_fetch_add(&((life *)user)->ended_workers, 1);
}

static wpool_config life_config(life *l, uint64_t *random) {
    const size_t capacities[] = {0, 1, 4, WPOOL_UNBUFFERED};
    l->allocator = memory_allocator(&l->used);
    return (wpool_config){
        .workers = 1 + choose(random, 4),
        .max_workers = choose(random, 16) ? 0 : WPOOL_INLINE,
        .queue_capacity = capacities[choose(random, 4)],
        .when_full = choose(random, 2) ? WPOOL_REFUSE : WPOOL_RUN,
        .results = choose(random, 4) == 0,
        .start_paused = choose(random, 4) == 0,
        .hooks = {.worker_start = life_worker_start, .worker_exit = life_worker_exit, .user = l},
        .allocator = choose(random, 2) ? &l->allocator : NULL,
    };
}

static void life_submit(life *l, uint64_t *random) {
    const wpool_options options = {.on_done = life_done};
    const unsigned count = choose(random, JOBS + 1);
    for (unsigned i = 0; i < count; i++) {
        wpool_id id;
        wpool_status status;
        if (choose(random, 2)) {
            wpool_job_init(&l->jobs[i], life_job, l);
            status = wpool_submit_job(l->pool, &l->jobs[i], &options);
        } else {
            status =
                wpool_submit_with(l->pool, life_job, l, &options, choose(random, 2) ? &id : NULL);
        }
        CHECK(status == WPOOL_OK || status == WPOOL_FULL);
        l->accepted += status == WPOOL_OK;
    }
}

/* What comes before wpool_destroy. */
static void life_end(life *l, uint64_t *random) {
    const wpool_mode mode = choose(random, 2) ? WPOOL_HOT : WPOOL_GRACEFUL;
    wpool_status status = WPOOL_OK;
    switch (choose(random, 6)) {
    case 0:
        status = wpool_close(l->pool);
        break;
    case 1:
        status = wpool_stop(l->pool, mode);
        break;
    case 2:
        status = wpool_shutdown(l->pool, mode, WPOOL_FOREVER);
        break;
    case 3:
        status = wpool_shutdown(l->pool, mode, choose(random, 50000));
        if (status == WPOOL_TIMEOUT) status = WPOOL_OK;
        break;
    case 4:
        wpool_start(l->pool);
        status = wpool_drain(l->pool, WPOOL_FOREVER);
        break;
    default:
        break;
    }
    CHECK_EQ(status, WPOOL_OK);
}

static void life_run(uint64_t *random) {
    life l = {.accepted = 0};
    const wpool_config config = life_config(&l, random);
    CHECK_EQ(wpool_create(&l.pool, &config), WPOOL_OK);
    life_submit(&l, random);
    life_end(&l, random);
    CHECK_EQ(wpool_destroy(l.pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&l.ended), l.accepted);
    CHECK_EQ(atomic_load(&l.begun_workers), config.max_workers ? 1 : config.workers);
    CHECK_EQ(atomic_load(&l.ended_workers), atomic_load(&l.begun_workers));
    memory_check_empty(&l.used);
}

/* A sanitizer keeps memory for itself. */
static void check_flat(uint64_t before, uint64_t after) {
    printf("resident: %" PRIu64 " KiB after %u pools, %" PRIu64 " KiB at the end\n", before,
           WARM_UP, after);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(after <= before + MAY_GROW_KIB);
#endif
}

TEST(a_pool_leaves_nothing_behind) {
    const surroundings before = surroundings_now();
    uint64_t seed = test_seed(), resident = 0;
    effort e = effort_begin(1);
    while (effort_next(&e, 1)) {
        life_run(&seed);
        if (e.done <= WARM_UP) resident = resident_kib();
    }
    check_flat(resident, resident_kib());
    effort_print(&e, "pools");
    surroundings_check(before);
    printf("before and after: %u threads, %u descriptors\n", before.threads - 2, /* ".", ".." */
           before.descriptors - 3);                                              /* and its own */
}
