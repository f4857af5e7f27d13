// C++ sees the structs as C does, and a job may throw, or end its thread, when it is guarded.
#include "wpool.h"
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <stdexcept>

extern "C" {
#include "layout.h"
}

static int throws(void *, wpool_job *) { throw std::runtime_error("not today"); }
static int leaves(void *, wpool_job *) { pthread_exit(nullptr); }
static int returns(void *arg, wpool_job *job) {
    wpool_set_result(job, arg);
    return 7;
}

static bool ends(wpool *pool, wpool_fn fn, void *arg, wpool_result &result) {
    wpool_id id;
    return wpool_submit(pool, fn, arg, &id) == WPOOL_OK &&
           wpool_wait(pool, id, WPOOL_FOREVER, &result) == WPOOL_OK &&
           result.state == WPOOL_STATE_FAILED;
}

int main() {
    const size_t layout[] = LAYOUT;
    wpool_config config = {};
    wpool_result result;
    wpool *pool;
    int x = 0;
    if (std::memcmp(layout, layout_in_c, sizeof layout) != 0) return 1;
    config.workers = 2;
    if (wpool_create(&pool, &config) != WPOOL_OK) return 2;
    if (!ends(pool, wpool_guarded<throws>, nullptr, result) || result.error != WPOOL_FAILED)
        return 3;
    if (!ends(pool, wpool_guarded<leaves>, nullptr, result)) return 4;
    if (!ends(pool, wpool_guarded<returns>, &x, result) || result.error != 7 || result.data != &x)
        return 5;
    return wpool_destroy(pool) != WPOOL_OK;
}
