/* parallel.h - what the scenarios share that fork and loop: a tree, a loop, a reduction */
#ifndef PARALLEL_H
#define PARALLEL_H

#include "scenario.h"

HELPER void compute(void) { idle_points(pick(8)); }

/* -- a tree -- */

#define NODES 32

/* A node of a tree, forked by the one above it. */
typedef struct node {
    wpool_job job;
    unsigned *runs;              /* of each node of the tree, by number */
    unsigned number, depth, sum; /* sum: of the numbers in it, when it has been joined */
    bool is_joined;              /* by wpool_join, else by wpool_unfork */
} node;

static int node_run(void *arg, wpool_job *job);

HELPER void node_fork(wpool_job *self, node *child, const node *parent, unsigned i) {
    *child =
        (node){.runs = parent->runs, .number = parent->number * 2 + i, .depth = parent->depth - 1};
    child->is_joined = maybe();
    wpool_fork(self, &child->job, node_run, child);
}

HELPER unsigned node_end(wpool_job *self, node *child) {
    if (child->is_joined) {
        wpool_join(self, &child->job);
        SCHED_CHECK(child->job.error == (int)child->number);
    } else if (wpool_unfork(self, &child->job)) {
        SCHED_CHECK(node_run(child, self) == (int)child->number);
    }
    return child->sum;
}

/* Node n forks 2n and 2n + 1, and joins them in either order. */
static int node_run(void *arg, wpool_job *self) {
    node *n = (node *)arg;
    node children[2];
    SCHED_CHECK(n->number < NODES && n->runs[n->number]++ == 0);
    SCHED_CHECK(wpool_job_pool(self) == scene.pool);
    n->sum = n->number;
    if (n->depth > 0) {
        unsigned first = pick(2);
        node_fork(self, &children[0], n, 0);
        node_fork(self, &children[1], n, 1);
        if (maybe()) compute();
        n->sum += node_end(self, &children[first]);
        n->sum += node_end(self, &children[!first]);
    }
    return (int)n->number;
}

/* A tree of so many levels below the task; its number is 1. */
HELPER void tree_run(wpool_job *job, unsigned depth) {
    unsigned runs[NODES] = {0}, nodes = (2u << depth) - 1;
    node root = {.runs = runs, .number = 1, .depth = depth};
    node_run(&root, job);
    SCHED_CHECK(root.sum == nodes * (nodes + 1) / 2);
}

/* -- a loop -- */

typedef struct loop {
    size_t begin, end, grain;
    unsigned runs[16];
    size_t fails_at; /* an iteration, or more than there are */
} loop;

HELPER int loop_body(size_t begin, size_t end, void *arg, wpool_job *job) {
    loop *l = (loop *)arg;
    SCHED_CHECK(begin < end && begin >= l->begin && end <= l->end);
    SCHED_CHECK(l->grain == 0 || end - begin <= l->grain);
    SCHED_CHECK(wpool_job_pool(job) == scene.pool);
    if (pick(4) == 0) compute();
    for (size_t i = begin; i < end; i++) {
        SCHED_CHECK(l->runs[i]++ == 0);
        if (i == l->fails_at) return 1;
    }
    return 0;
}

/* Any loop. It may be cancelled only where a hot stop may have come. */
HELPER void loop_run(bool may_be_cancelled) {
    loop l = {.begin = pick(3)};
    l.end = l.begin + pick(12);
    l.grain = pick(4);
    l.fails_at = pick(3) ? 99 : pick(16);
    wpool_status status = wpool_for(scene.pool, l.begin, l.end, l.grain, loop_body, &l);
    bool fails = l.fails_at >= l.begin && l.fails_at < l.end;
    if (may_be_cancelled && status == WPOOL_CANCELLED) return;
    SCHED_CHECK(status == (fails ? WPOOL_FAILED : WPOOL_OK));
    for (size_t i = 0; i < 16 && !fails; i++)
        SCHED_CHECK(l.runs[i] == (i >= l.begin && i < l.end));
}

/* -- a reduction -- */

HELPER int digits(size_t begin, size_t end, void *partial, void *arg, wpool_job *job) {
    uint64_t *number = (uint64_t *)partial;
    (void)arg, (void)job;
    for (size_t i = begin; i < end; i++)
        *number = *number * 10 + i;
    return 0;
}

HELPER void append(void *into, const void *from, void *arg) {
    uint64_t *a = (uint64_t *)into;
    const uint64_t *b = (const uint64_t *)from;
    uint64_t scale = 1;
    (void)arg;
    for (uint64_t rest = *b; rest > 0; rest /= 10)
        scale *= 10;
    *a = *a * scale + *b;
}

HELPER wpool_status reduce_run(void) {
    uint64_t number = 0;
    wpool_status status =
        wpool_reduce(scene.pool, 1, 10, pick(5), digits, append, NULL, &number, sizeof number);
    SCHED_CHECK(number == (status == WPOOL_OK ? 123456789 : 0));
    return status;
}

#endif /* PARALLEL_H */
