/* 07_worker_state - give each worker something of its own that its jobs use without locks: a
   database connection, a large buffer, a random generator. Here it is a "connection".

   Shows: hooks.worker_start, hooks.worker_exit, wpool_worker_state.
   Build: cc -std=c11 -I.. 07_worker_state.c -o 07_worker_state -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WORKERS 3
#define QUERIES 3000

struct connection {
    unsigned owner;
    unsigned queries; /* no atomic: one worker uses it, and one job at a time */
};

struct database {
    unsigned opened[WORKERS], closed[WORKERS], queries[WORKERS]; /* each worker has its own place */
};

/* On the worker's thread, before its first job. */
static void *open_connection(void *user, unsigned worker) {
    struct database *database = (struct database *)user;
    struct connection *connection = (struct connection *)malloc(sizeof *connection);
    if (!connection) return NULL; /* the jobs there will see NULL */
    connection->owner = worker;
    connection->queries = 0;
    database->opened[worker]++;
    return connection;
}

/* On the same thread, after its last job. */
static void close_connection(void *user, unsigned worker, void *state) {
    struct database *database = (struct database *)user;
    struct connection *connection = (struct connection *)state;
    if (!connection) return;
    database->closed[worker]++;
    database->queries[worker] = connection->queries;
    free(connection);
}

static int query(void *arg, wpool_job *job) {
    struct connection *connection = (struct connection *)wpool_worker_state(job);
    (void)arg;
    if (!connection) return ENOTCONN;
    connection->queries++;
    return 0;
}

int main(void) {
    struct database database = {{0}, {0}, {0}};
    const wpool_config config = {.workers = WORKERS,
                                 .hooks = {.worker_start = open_connection,
                                           .worker_exit = close_connection,
                                           .user = &database}};
    unsigned sum = 0;
    wpool *pool;
    int wrong = 0;

    if (wpool_create(&pool, &config) != WPOOL_OK) return 1;
    for (int i = 0; i < QUERIES; i++)
        if (wpool_submit(pool, query, NULL, NULL) != WPOOL_OK) return 1;
    wpool_destroy(pool); /* runs the exit hooks, too */

    for (unsigned worker = 0; worker < WORKERS; worker++) {
        printf("worker %u: %u queries\n", worker, database.queries[worker]);
        sum += database.queries[worker];
        wrong |= database.opened[worker] != database.closed[worker];
    }
    printf("%u queries over %d connections\n", sum, WORKERS);
    return wrong || sum != QUERIES;
}
