/* test.h - a test program in one include: TEST, CHECK, SKIP and main

       #include "test.h"   first, or right after wpool.h with WPOOL_IMPLEMENTATION
       TEST(addition) { CHECK_EQ(1 + 1, 2); }

   Each test runs in a process of its own: it may crash, hang, leave threads behind, and CHECK on
   any of them. Arguments: parts of the names of the tests to run (none: all), or --list.
   Environment: WPOOL_TEST_LIMIT    seconds a test may take (60, and WPOOL_TEST_SECONDS on top)
                WPOOL_TEST_SECONDS  what test_seconds answers: how long a stress test goes on
                WPOOL_TEST_SEED     what test_seed answers (random; printed, for replay) */
#ifndef TEST_H
#define TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST(test_name)                                                         \
    static void test_run_##test_name(void);                                     \
    static test test_of_##test_name = {#test_name, test_run_##test_name, NULL}; \
    __attribute__((constructor)) static void test_add_##test_name(void) {       \
        *test_last = &test_of_##test_name;                                      \
        test_last = &test_of_##test_name.next;                                  \
    }                                                                           \
    static void test_run_##test_name(void)

/* A check that does not hold ends the test. CHECK_EQ is for integers, CHECK_STR for strings. */
#define CHECK(c) ((c) ? (void)0 : test_end(TEST_FAILED, "%s:%d: %s", __FILE__, __LINE__, #c))
#define CHECK_EQ(a, b) test_check_eq(__FILE__, __LINE__, #a " == " #b, (intmax_t)(a), (intmax_t)(b))
#define CHECK_STR(a, b) test_check_str(__FILE__, __LINE__, #a " == " #b, (a), (b))
#define SKIP(reason) test_end(TEST_SKIPPED, "%s", reason)

#define TEST_HELPER static __attribute__((unused))
TEST_HELPER uint64_t test_setting(const char *variable, uint64_t otherwise) {
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

TEST_HELPER uint64_t test_seconds(uint64_t usual) {
    return test_setting("WPOOL_TEST_SECONDS", usual);
}

TEST_HELPER int64_t test_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The next number of the sequence that *state stands for (splitmix64); start with any value. */
TEST_HELPER uint64_t test_random(uint64_t *state) {
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

TEST_HELPER uint64_t test_seed(void) {
    uint64_t state = (uint64_t)test_now_ns() ^ (uint64_t)getpid() << 32;
    uint64_t seed = test_setting("WPOOL_TEST_SEED", test_random(&state));
    printf("WPOOL_TEST_SEED=%" PRIu64 "\n", seed);
    return seed;
}

/* The rest is machinery. */

typedef struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
} test;

typedef enum test_outcome { TEST_RUNNING, TEST_PASSED, TEST_FAILED, TEST_SKIPPED } test_outcome;

/* What the process of a test leaves for its parent, in shared memory. */
typedef struct test_report {
    atomic_bool claimed;
    atomic_int outcome;
    char why[1000];
} test_report;

static test *test_first, **test_last = &test_first;
static test_report *test_current;
static volatile sig_atomic_t test_child, test_timed_out;

/* The first to come here, of all threads and processes of the test, says how it ended. */
__attribute__((format(printf, 2, 3))) TEST_HELPER _Noreturn void test_end(test_outcome outcome,
                                                                          const char *format, ...) {
    if (!atomic_exchange(&test_current->claimed, true)) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(test_current->why, sizeof test_current->why, format, arguments);
        va_end(arguments);
        atomic_store(&test_current->outcome, outcome);
    }
    while (atomic_load(&test_current->outcome) == TEST_RUNNING)
        sched_yield();
    if (outcome == TEST_PASSED) exit(0); /* leak and race checkers report, and change the status */
    fflush(stdout);
    _exit(0);
}

TEST_HELPER void test_check_eq(const char *file, int line, const char *text, intmax_t a,
                               intmax_t b) {
    if (a != b) test_end(TEST_FAILED, "%s:%d: %s: %jd, %jd", file, line, text, a, b);
}

TEST_HELPER void test_check_str(const char *file, int line, const char *text, const char *a,
                                const char *b) {
    if (!a) a = "(null)";
    if (!b) b = "(null)";
    if (strcmp(a, b)) test_end(TEST_FAILED, "%s:%d: %s: %s, %s", file, line, text, a, b);
}

static void test_on_signal(int number) {
    if (test_child > 0) kill(-(pid_t)test_child, SIGKILL);
    if (number != SIGALRM) _exit(128 + number);
    test_timed_out = 1;
}

/* Run one test; why (as large as test_report.why) gets what there is to say about the outcome. */
static test_outcome test_run(const test *t, unsigned limit_seconds, char *why) {
    test_report *outer = test_current;
    siginfo_t end;
    pid_t child;
    test_current = (test_report *)mmap(NULL, sizeof(test_report), PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (test_current == MAP_FAILED || (child = fork()) < 0) perror("test.h"), exit(2);
    if (child == 0) {
        setpgid(0, 0);
        t->run();
        test_end(TEST_PASSED, "%s", "");
    }
    setpgid(child, child);
    test_child = child;
    test_timed_out = 0;
    alarm(limit_seconds);
    while (waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT) != 0)
        continue; /* a signal came */
    alarm(0);
    kill(-child, SIGKILL); /* what the test left behind */
    test_child = 0;
    waitpid(child, NULL, 0);

    test_outcome outcome = (test_outcome)atomic_load(&test_current->outcome);
    memcpy(why, test_current->why, sizeof test_current->why);
    munmap(test_current, sizeof(test_report));
    test_current = outer;
    if (outcome == TEST_FAILED || (end.si_code == CLD_EXITED && end.si_status == 0 && outcome))
        return outcome;
    if (test_timed_out)
        sprintf(why, "hangs, killed after %u seconds", limit_seconds);
    else if (end.si_code == CLD_EXITED)
        sprintf(why, "exited with status %d", end.si_status);
    else
        sprintf(why, "crashed, %s", strsignal(end.si_status));
    return TEST_FAILED;
}

int main(int argc, char **argv) {
    static const char *const words[] = {"", "PASS", "FAIL", "SKIP"};
    const uint64_t limit = test_setting("WPOOL_TEST_LIMIT", 60) + test_seconds(0);
    const bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
    unsigned counts[4] = {0};
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash loses nothing, a fork doubles nothing */
    signal(SIGALRM, test_on_signal);
    signal(SIGINT, test_on_signal);
    signal(SIGTERM, test_on_signal);
    for (test *t = test_first; t; t = t->next) {
        char why[sizeof test_current->why];
        bool wanted = argc < 2;
        for (int i = 1; i < argc; i++)
            wanted = wanted || strstr(t->name, argv[i]);
        if (list) puts(t->name);
        if (list || !wanted) continue;
        test_outcome outcome = test_run(t, (unsigned)limit, why);
        counts[outcome]++;
        printf("%s %s%s%s\n", words[outcome], t->name, *why ? ": " : "", why);
    }
    if (list) return 0;
    printf("%u passed, %u failed", counts[TEST_PASSED], counts[TEST_FAILED]);
    if (counts[TEST_SKIPPED]) printf(", %u skipped", counts[TEST_SKIPPED]);
    puts("");
    return counts[TEST_FAILED] > 0 || (argc > 1 && counts[TEST_PASSED] + counts[TEST_SKIPPED] == 0);
}

#endif /* TEST_H */
