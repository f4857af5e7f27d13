/* The system denies what a pool asks of it besides memory and threads: random bytes, the affinity
   mask, a page that fork() wipes, attributes of threads. The pool does without, or is not made. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct { bool mmap, madvise, affinity, attributes, stack_size; } denied;
static long online_cpus; /* 0: as many as there are */
static int mapped;       /* pages */

#define mmap(...) (denied.mmap ? MAP_FAILED : (mapped++, mmap(__VA_ARGS__)))
#define munmap(...) (mapped--, munmap(__VA_ARGS__))
#define madvise(...) (denied.madvise ? -1 : madvise(__VA_ARGS__))
#define pthread_attr_init(attr) (denied.attributes ? ENOMEM : pthread_attr_init(attr))
#define pthread_attr_setstacksize(attr, size) \
    (denied.stack_size ? EINVAL : pthread_attr_setstacksize(attr, size))
#define sysconf(name) ((name) == _SC_NPROCESSORS_ONLN && online_cpus ? online_cpus : sysconf(name))
static const long affinity_number = SYS_sched_getaffinity;
#undef SYS_sched_getaffinity
#define SYS_sched_getaffinity (denied.affinity ? -1L : affinity_number)
#define WPOOL_SYSTEM_ROOT "/nowhere" /* no control groups */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#undef mmap
#undef munmap
#undef madvise
#undef pthread_attr_init
#undef pthread_attr_setstacksize
#undef sysconf

#include "api.h"
#include <sys/resource.h>

/* ---- random bytes ---- */

static wpool_info info_of_new_pool(void) {
    wpool *pool = pool_of(1);
    wpool_info info;
    CHECK_EQ(wpool_get_info(pool, &info), WPOOL_OK);
    test_destroy(pool);
    return info;
}

static void set_descriptor_limit(rlim_t limit) {
    struct rlimit now;
    getrlimit(RLIMIT_NOFILE, &now);
    now.rlim_cur = limit;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &now), 0);
}

TEST(pools_differ_without_the_generator_of_the_system) {
    enum { POOLS = 20 };
    wpool_info infos[POOLS];
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    set_descriptor_limit(0);
    for (int i = 0; i < POOLS; i++)
        infos[i] = info_of_new_pool();
    set_descriptor_limit(before.rlim_cur);
    for (int i = 0; i < POOLS; i++) {
        CHECK_EQ(infos[i].uuid[14], '4');
        CHECK(strchr("89ab", infos[i].uuid[19]) != NULL);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(infos[i].uuid, infos[j].uuid) != 0 && infos[i].id != infos[j].id);
    }
}

/* ---- processors ---- */

TEST(without_the_affinity_mask_the_processors_that_are_there_count) {
    denied.affinity = true;
    CHECK_EQ(wpool_cpus(), sysconf(_SC_NPROCESSORS_ONLN));
    online_cpus = 5;
    CHECK_EQ(wpool_cpus(), 5);
    CHECK_EQ(wpool_io_workers(), 50);
    online_cpus = -1; /* nobody knows */
    CHECK_EQ(wpool_cpus(), 1);
}

TEST(no_more_workers_than_a_pool_can_have_are_proposed) {
    denied.affinity = true;
    online_cpus = WPOOL_MAX_WORKERS / 10;
    CHECK_EQ(wpool_io_workers(), WPOOL_MAX_WORKERS / 10 * 10);
    online_cpus = WPOOL_MAX_WORKERS / 10 + 1;
    CHECK_EQ(wpool_io_workers(), WPOOL_MAX_WORKERS);
}

TEST(workers_are_pinned_nowhere_without_the_affinity_mask) {
    atomic_uint count = 0;
    denied.affinity = true;
    wpool *pool = pool_from((wpool_config){.workers = 3, .pin_workers = true});
    count_submit(pool, &count, 10);
    test_destroy(pool);
    CHECK_EQ(atomic_load(&count), 10);
}

/* ---- a page that fork() wipes ---- */

static void check_child_is_told(void) {
    const surroundings before = surroundings_now();
    int status;
    wpool *pool = pool_of(1);
    CHECK_EQ(mapped, 0);
    const pid_t child = fork();
    if (child == 0)
        _exit(wpool_close(pool) == WPOOL_OTHER_PROCESS && wpool_destroy(pool) != WPOOL_OK ? 7 : 8);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    test_destroy(pool);
    surroundings_check(before);
}

TEST(a_child_is_told_where_no_page_can_be_had) {
    denied.mmap = true;
    check_child_is_told();
}

TEST(a_child_is_told_where_fork_wipes_no_page) {
    denied.madvise = true;
    check_child_is_told();
}

/* ---- attributes of threads ---- */

static void check_no_thread(wpool_config config) {
    const surroundings before = surroundings_now();
    wpool *pool;
    CHECK_EQ(wpool_create(&pool, &config), WPOOL_NO_THREAD);
    CHECK(pool == NULL);
    surroundings_check(before);
}

TEST(without_attributes_there_is_no_thread) {
    denied.attributes = true;
    check_no_thread((wpool_config){.workers = 2});
}

TEST(without_the_stack_that_was_asked_for_there_is_no_thread) {
    denied.stack_size = true;
    check_no_thread((wpool_config){.workers = 2, .stack_size = 100000});
    test_destroy(pool_of(2));
}
