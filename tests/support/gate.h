/* gate.h - threads that wait for each other in tests, without sleeping

   A gate is closed until gate_open; any number of threads wait at it. It also counts: gate_count_up
   says "one more is here", gate_await_count(n) blocks until n have said so. */
#ifndef GATE_H
#define GATE_H

#include "test.h"
#include <pthread.h>

typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned count;
    bool is_open;
} gate;

#define GATE_CLOSED \
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false }

TEST_HELPER void gate_open(gate *g) {
    pthread_mutex_lock(&g->mutex);
    g->is_open = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

TEST_HELPER void gate_wait(gate *g) {
    pthread_mutex_lock(&g->mutex);
    while (!g->is_open)
        pthread_cond_wait(&g->changed, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

TEST_HELPER void gate_count_up(gate *g) {
    pthread_mutex_lock(&g->mutex);
    g->count++;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

TEST_HELPER void gate_await_count(gate *g, unsigned count) {
    pthread_mutex_lock(&g->mutex);
    while (g->count < count)
        pthread_cond_wait(&g->changed, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

/* A job that counts up when it has started, and ends when the gate (its argument) is open. */
struct wpool_job;
TEST_HELPER int gate_job(void *arg, struct wpool_job *job) {
    gate *g = (gate *)arg;
    (void)job;
    gate_count_up(g);
    gate_wait(g);
    return 0;
}

#endif /* GATE_H */
