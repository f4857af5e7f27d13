/* ways.h - jobs handed in in each way in which a job can be known: not at all, by an id, as memory
   of the caller's

   Include it after wpool.h with WPOOL_IMPLEMENTATION. */
#ifndef WAYS_H
#define WAYS_H

#include "pools.h"

enum { PLAIN, WITH_ID, OWNED, WAYS }; /* to hand in a job */

/* job and id are for the ways that have one; options may be NULL. */
TEST_HELPER wpool_status way_submit(wpool *pool, int way, wpool_fn fn, void *arg,
                                    const wpool_options *options, wpool_job *job, wpool_id *id) {
    if (way != OWNED) return wpool_submit_with(pool, fn, arg, options, way == PLAIN ? NULL : id);
    wpool_job_init(job, fn, arg);
    return wpool_submit_job(pool, job, options);
}

/* ---- a task, and how it is known ---- */

typedef struct request {
    task task;
    wpool_id id;
    wpool_job job;
} request;

/* on_done is ours. */
TEST_HELPER wpool_status request_try(wpool *pool, request *r, int way, wpool_options options) {
    options.on_done = task_done;
    return way_submit(pool, way, task_job, &r->task, &options, &r->job, &r->id);
}

TEST_HELPER void request_submit(wpool *pool, request *r, int way, wpool_options options) {
    CHECK_EQ(request_try(pool, r, way, options), WPOOL_OK);
}

/* In each way, in turn. */
TEST_HELPER void requests_submit(wpool *pool, request *requests, size_t count,
                                 wpool_options options) {
    for (size_t i = 0; i < count; i++)
        request_submit(pool, &requests[i], (int)(i % WAYS), options);
}

TEST_HELPER void request_await(request *r) {
    while (atomic_load(&r->task.done_count) == 0)
        sched_yield();
}

TEST_HELPER void requests_await(request *requests, size_t count) {
    for (size_t i = 0; i < count; i++)
        request_await(&requests[i]);
}

/* It has ended, once, and so. */
TEST_HELPER void request_check(request *r, wpool_state state, int error) {
    CHECK_EQ(atomic_load(&r->task.done_count), 1);
    CHECK_EQ(atomic_load(&r->task.state), state);
    CHECK_EQ(atomic_load(&r->task.seen_error), error);
    CHECK_EQ(atomic_load(&r->task.run_count), state != WPOOL_STATE_DISCARDED);
}

TEST_HELPER void requests_check(request *requests, size_t count, wpool_state state, int error) {
    for (size_t i = 0; i < count; i++)
        request_check(&requests[i], state, error);
}

TEST_HELPER void requests_check_not_ended(request *requests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(atomic_load(&requests[i].task.run_count), 0);
        CHECK_EQ(atomic_load(&requests[i].task.done_count), 0);
    }
}

#endif /* WAYS_H */
