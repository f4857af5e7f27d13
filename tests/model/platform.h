/* Stands in for the room [platform] under GenMC, with MODEL_WHOLE: threads, and a clock that
   stands still. */

#include <string.h>

#define WPOOL_CLOCK() INT64_C(0)
#define snprintf(...) 0
#define WPOOL_CLEANUP_PUSH(undo, arg)        \
    {                                        \
        void (*model_undo)(void *) = (undo); \
        void *model_arg = (arg);
#define WPOOL_CLEANUP_POP(also_now)      \
    if (also_now) model_undo(model_arg); \
    }

typedef pthread_t wpool__thread;
typedef char wpool__guard;

static bool wpool__thread_start(wpool__thread *thread, void *(*start)(void *), void *arg,
                                size_t size) {
    (void)size;
    return pthread_create(thread, NULL, start, arg) == 0;
}
static void wpool__thread_join(wpool__thread thread) { pthread_join(thread, NULL); }
static wpool__thread wpool__thread_self(void) { return pthread_self(); }
static bool wpool__signal_is_fit(int signal) { return signal > 0; }
static void wpool__signal_handle(int signal) { (void)signal; }
static void wpool__thread_admit(int signal) { (void)signal; }
static void wpool__thread_interrupt(wpool__thread thread, int signal) {
    (void)thread, (void)signal;
}
static void wpool__thread_name(const char *name, const char *which) { (void)name, (void)which; }
static void wpool__thread_pin(unsigned index) { (void)index; }
static unsigned wpool__platform_cpus(void) { return 1; }
static uint64_t wpool__platform_rss(void) { return 0; }
static double wpool__platform_memory(void) { return 0; }
static double wpool__platform_pressure(void) { return 0; }
static bool wpool__platform_has_fence(void) { return false; }
static void wpool__platform_random(unsigned char *bytes, size_t n) { (void)bytes, (void)n; }
static bool wpool__token_open(int ends[2]) { return (void)ends, false; }
static void wpool__token_put(const int ends[2]) { (void)ends; }
static bool wpool__token_get(const int ends[2]) { return (void)ends, false; }
static void wpool__token_close(const int ends[2]) { (void)ends; }
static long wpool__platform_process(void) { return 1; }
static void wpool__guard_init(wpool__guard *guard) { *guard = 1; }
static bool wpool__guard_is_home(const wpool__guard *guard) { return *guard != 0; }
static void wpool__guard_free(wpool__guard *guard) { *guard = 0; }
