/* platform.h - stands in for the room [platform] under the deterministic scheduler: no system at all */

typedef int wpool__thread;
typedef char wpool__guard;

#define WPOOL_CLEANUP_PUSH(undo, arg)                                                     \
    {                                                                                     \
        sched_cleanup sched_own = {(undo), (arg), sched.threads[sched.current].cleanups}; \
        sched.threads[sched.current].cleanups = &sched_own;
#define WPOOL_CLEANUP_POP(also_now)                          \
    sched.threads[sched.current].cleanups = sched_own.outer; \
    if (also_now) sched_own.undo(sched_own.arg);             \
    }

static bool wpool__thread_start(wpool__thread *thread, void *(*start)(void *), void *arg,
                                size_t size) {
    (void)size;
    if (sched.threads_left >= 0 && sched.threads_left-- == 0) return false;
    *thread = sched_spawn(start, arg);
    return true;
}

static void wpool__thread_join(wpool__thread thread) { sched_join(thread); }
static wpool__thread wpool__thread_self(void) { return sched.current; }
static void wpool__thread_name(const char *name, const char *which) { (void)name, (void)which; }
static void wpool__thread_pin(unsigned index) { (void)index; }
static bool wpool__signal_is_fit(int signal) { return signal > 0; }
static void wpool__signal_handle(int signal) { (void)signal; }
static void wpool__thread_admit(int signal) { (void)signal; }
static void wpool__thread_interrupt(wpool__thread thread, int signal) {
    SCHED_CHECK(thread > 0 && signal > 0);
}
static unsigned wpool__platform_cpus(void) { return 2; }
static uint64_t wpool__platform_rss(void) { return 0; }
static double wpool__platform_memory(void) { return 0; }
static double wpool__platform_pressure(void) { return 0; }
static bool wpool__platform_has_fence(void) { return sched.has_fences; }
static void wpool__platform_random(unsigned char *bytes, size_t n) {
    while (n-- > 0)
        bytes[n] = (unsigned char)sched_random();
}

/* One descriptor at a time, and never two tokens in it; sched_poll waits for one. */
static bool wpool__token_open(int ends[2]) {
    SCHED_CHECK(!sched.has_token);
    ends[0] = ends[1] = 3;
    return sched.has_token = true;
}
static void wpool__token_put(const int ends[2]) {
    SCHED_CHECK(sched.has_token && ends[1] == 3 && !sched.token);
    sched.token = 1;
    sched_unpark(SCHED_HERE(ends), &sched.token, INT32_MAX);
}
static bool wpool__token_get(const int ends[2]) {
    SCHED_CHECK(sched.has_token && ends[0] == 3);
    sched_point(false);
    bool is_there = sched.token != 0;
    sched.token = 0;
    return is_there;
}
static void wpool__token_close(const int ends[2]) {
    SCHED_CHECK(sched.has_token && ends[0] == 3);
    sched.has_token = false;
}

static long wpool__platform_process(void) { return 1; }
static void wpool__guard_init(wpool__guard *guard) { *guard = 1; }
static bool wpool__guard_is_home(const wpool__guard *guard) { return *guard != 0; }
static void wpool__guard_free(wpool__guard *guard) { *guard = 0; }
