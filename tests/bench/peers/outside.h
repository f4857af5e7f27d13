/* Pools of other projects, each compared only where bench.mk has found it: libuv, GLib, oneTBB. */
#ifndef PEER_OUTSIDE_H
#define PEER_OUTSIDE_H

#include "absent.h"
#include "peer.h"

/* ---- libuv: its pool belongs to the process, the caller owns the records of the jobs, and each
        submitter needs a loop of its own ---- */
#ifdef HAVE_LIBUV
#include <uv.h>

typedef struct libuv_call {
    uv_work_t work; /* first: libuv hands this back */
    wpool_fn fn;
    void *arg;
} libuv_call;

typedef struct libuv_pool {
    const bench_load *load;
    uv_loop_t *loops;
    libuv_call *calls;
} libuv_pool;

static void libuv_run(uv_work_t *work) {
    libuv_call *call = (libuv_call *)work;
    call->fn(call->arg, NULL);
}

static void *libuv_create(const bench_load *load) {
    libuv_pool *pool = bench_alloc(1, sizeof *pool);
    char workers[16];
    snprintf(workers, sizeof workers, "%u", load->workers);
    setenv("UV_THREADPOOL_SIZE", workers, 1);
    pool->load = load;
    pool->loops = bench_alloc(load->submitters, sizeof *pool->loops);
    pool->calls = bench_alloc(load->jobs, sizeof *pool->calls);
    for (size_t i = 0; i < load->jobs; i++)
        pool->calls[i].fn = load->fn; /* touch all of it */
    for (unsigned i = 0; i < load->submitters; i++) {
        bench_check(uv_loop_init(&pool->loops[i]) == 0, "uv_loop_init");
    }
    return pool;
}

static void libuv_submit(void *pool, unsigned submitter, size_t first, size_t count) {
    const libuv_pool *self = pool;
    uv_loop_t *loop = &self->loops[submitter];
    for (size_t i = first; i < first + count; i++) {
        libuv_call *call = &self->calls[i];
        call->fn = self->load->fn;
        call->arg = &self->load->slots[i];
        bench_check(uv_queue_work(loop, &call->work, libuv_run, NULL) == 0, "uv_queue_work");
    }
}

static void libuv_drain(void *pool) {
    const libuv_pool *self = pool;
    for (unsigned i = 0; i < self->load->submitters; i++)
        uv_run(&self->loops[i], UV_RUN_DEFAULT);
}

static void libuv_destroy(void *pool) {
    libuv_pool *self = pool;
    for (unsigned i = 0; i < self->load->submitters; i++)
        uv_loop_close(&self->loops[i]);
    free(self->calls);
    free(self->loops);
    free(self);
}

static const bench_peer peer_libuv = {
    .name = "libuv",
    .create = libuv_create,
    .submit = libuv_submit,
    .drain = libuv_drain,
    .destroy = libuv_destroy,
};
#else
static const bench_peer peer_libuv = {.name = "libuv"};
#endif

/* ---- GLib: one function for the whole pool, so a job is the argument alone ---- */
#ifdef HAVE_GLIB
#include <glib.h>

typedef struct glib_pool {
    const bench_load *load;
    GThreadPool *pool;
} glib_pool;

static void glib_run(gpointer slot, gpointer user) {
    const bench_load *load = user;
    load->fn(slot, NULL);
}

static void *glib_create(const bench_load *load) {
    glib_pool *self = bench_alloc(1, sizeof *self);
    self->load = load;
    self->pool = g_thread_pool_new(glib_run, (gpointer)load, (gint)load->workers, TRUE, NULL);
    bench_check(self->pool != NULL, "g_thread_pool_new");
    return self;
}

static void glib_submit(void *pool, unsigned submitter, size_t first, size_t count) {
    const glib_pool *self = pool;
    (void)submitter;
    for (size_t i = first; i < first + count; i++) {
        g_thread_pool_push(self->pool, (gpointer)&self->load->slots[i], NULL);
    }
}

/* GLib waits for all jobs only where it frees the pool. */
static void glib_drain(void *pool) {
    const glib_pool *self = pool;
    g_thread_pool_free(self->pool, FALSE, TRUE);
}

static const bench_peer peer_glib = {
    .name = "GLib GThreadPool",
    .create = glib_create,
    .submit = glib_submit,
    .drain = glib_drain,
    .destroy = free,
};
#else
static const bench_peer peer_glib = {.name = "GLib GThreadPool"};
#endif

/* ---- oneTBB, in tbb.cc ---- */
#ifdef HAVE_TBB
#include "tbb.h"

static const bench_peer peer_tbb = {
    .name = "oneTBB (+caller)",
    .create = peer_tbb_create,
    .submit = peer_tbb_submit,
    .drain = peer_tbb_drain,
    .destroy = peer_tbb_destroy,
};
#else
static const bench_peer peer_tbb = {.name = "oneTBB (+caller)"};
#endif

#endif /* PEER_OUTSIDE_H */
