/* Without a futex a pool has mutexes and conditions of the system: the n-th of them is denied, for
   every n until none is denied any more. */
#ifndef WPOOL_NO_FUTEX
#define WPOOL_NO_FUTEX
#endif
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

static unsigned asked, first_denied;
static int made_count; /* and not destroyed */

static bool is_denied(void) { return ++asked == first_denied; }

/* Counts what was made, passing on whether it was. */
static int counted(int answer) {
    made_count += answer == 0;
    return answer;
}

#define pthread_mutex_init(mutex, attr) \
    counted(is_denied() ? ENOMEM : pthread_mutex_init(mutex, attr))
#define pthread_cond_init(cond, attr) counted(is_denied() ? ENOMEM : pthread_cond_init(cond, attr))
#define pthread_condattr_init(attr) counted(is_denied() ? ENOMEM : pthread_condattr_init(attr))
#define pthread_mutex_destroy(mutex) (made_count--, pthread_mutex_destroy(mutex))
#define pthread_cond_destroy(cond) (made_count--, pthread_cond_destroy(cond))
#define pthread_condattr_destroy(attr) (made_count--, pthread_condattr_destroy(attr))
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#undef pthread_mutex_init
#undef pthread_cond_init
#undef pthread_condattr_init
#undef pthread_mutex_destroy
#undef pthread_cond_destroy
#undef pthread_condattr_destroy

#include "pools.h"

static void check_each_failure(wpool_config config) {
    memory used = {0};
    const wpool_allocator allocator = memory_allocator(&used);
    config.allocator = &allocator;
    first_denied = 0;
    do {
        wpool *pool = (wpool *)&used;
        asked = 0;
        first_denied++;
        const wpool_status status = wpool_create(&pool, &config);
        CHECK_EQ(status, asked < first_denied ? WPOOL_OK : WPOOL_NO_MEMORY);
        CHECK_EQ(pool != NULL, status == WPOOL_OK);
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
        CHECK_EQ(made_count, 0);
        memory_check_empty(&used);
    } while (asked >= first_denied);
    CHECK(first_denied > 2 * WPOOL__BUCKETS);
}

TEST(without_mutexes_and_conditions_there_is_no_pool) {
    const surroundings before = surroundings_now();
    check_each_failure((wpool_config){.workers = 2});
    check_each_failure((wpool_config){.max_workers = WPOOL_INLINE});
    surroundings_check(before);
}

TEST(without_mutexes_and_conditions_nobody_sleeps_for_a_group) {
    wpool *pool = pool_from((wpool_config){.workers = 1, .start_paused = true});
    wpool_group group;
    const wpool_options member = {.group = &group};
    const int made_before = made_count;
    wpool_status status = WPOOL_NO_MEMORY;
    atomic_uint count = 0;
    CHECK_EQ(wpool_group_init(&group, NULL), WPOOL_OK);
    CHECK_EQ(wpool_submit_with(pool, count_job, &count, &member, NULL), WPOOL_OK);
    for (first_denied = 1; status == WPOOL_NO_MEMORY; first_denied++) {
        asked = 0;
        status = wpool_group_wait(&group, WPOOL_MS(1), NULL);
        CHECK_EQ(made_count, made_before);
    }
    CHECK_EQ(status, WPOOL_TIMEOUT);
    CHECK(first_denied > 2 * WPOOL__BUCKETS);
    first_denied = 0;
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 1);
}

/* The words of many pools share a bucket with others: each is woken none the less. */
TEST(pools_do_without_a_futex) {
    wpool *pools[20];
    atomic_uint count = 0;
    for (unsigned i = 0; i < 20; i++)
        pools[i] = pool_of(1 + i % 3);
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 20; i++) {
            wpool_id id;
            CHECK_EQ(wpool_submit(pools[i], count_job, &count, &id), WPOOL_OK);
            CHECK_EQ(wpool_wait(pools[i], id, WPOOL_FOREVER, NULL), WPOOL_OK);
        }
    for (int i = 0; i < 20; i++)
        CHECK_EQ(wpool_destroy(pools[i]), WPOOL_OK);
    CHECK_EQ(atomic_load(&count), 400);
    CHECK_EQ(made_count, 0);
}
