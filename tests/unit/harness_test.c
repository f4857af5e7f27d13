/* The harness itself: each way in which a test can end, and what a test program prints. */
#include "test.h"
#include <pthread.h>

static char why[sizeof test_current->why];

static test_outcome outcome_of(void (*run)(void)) {
    const test inner = {"inner", run, NULL};
    return test_run(&inner, 1, why);
}

static void pass(void) { CHECK_EQ(2, 2u); }
enum { FAIL_LINE = __LINE__ + 1 };
static void fail(void) { CHECK(1 == 2); }
static void skip(void) { SKIP("not here"); }

TEST(a_test_passes) {
    CHECK_EQ(outcome_of(pass), TEST_PASSED);
    CHECK_STR(why, "");
}

TEST(a_failed_check_ends_the_test_and_says_where) {
    char expected[sizeof why];
    CHECK_EQ(outcome_of(fail), TEST_FAILED);
    snprintf(expected, sizeof expected, "%s:%d: 1 == 2", __FILE__, FAIL_LINE);
    CHECK_STR(why, expected);
}

static void compare_numbers(void) { CHECK_EQ(6 * 7, -1); }

TEST(different_numbers_are_shown) {
    CHECK_EQ(outcome_of(compare_numbers), TEST_FAILED);
    CHECK(strstr(why, "6 * 7 == -1: 42, -1"));
}

static void compare_texts(void) { CHECK_STR("one", NULL); }

TEST(different_texts_are_shown) {
    CHECK_EQ(outcome_of(compare_texts), TEST_FAILED);
    CHECK(strstr(why, "\"one\" == NULL: one, (null)"));
}

static void *fail_in_thread(void *arg) {
    CHECK(arg != NULL);
    return NULL;
}

static void fail_on_another_thread(void) {
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, fail_in_thread, NULL), 0);
    pthread_join(thread, NULL);
}

TEST(a_check_fails_on_another_thread) {
    CHECK_EQ(outcome_of(fail_on_another_thread), TEST_FAILED);
    CHECK(strstr(why, "arg != NULL"));
}

static void fail_in_another_process(void) {
    pid_t child = fork();
    if (child == 0) fail();
    waitpid(child, NULL, 0);
}

TEST(a_check_fails_in_another_process) {
    CHECK_EQ(outcome_of(fail_in_another_process), TEST_FAILED);
    CHECK(strstr(why, "1 == 2"));
}

TEST(a_crash_has_a_name) {
    CHECK_EQ(outcome_of(abort), TEST_FAILED);
    CHECK(strstr(why, "crashed, Aborted"));
}

static void hang(void) {
    fork(); /* the second process must go with the first */
    for (;;)
        pause();
}

TEST(a_hang_is_killed) {
    CHECK_EQ(outcome_of(hang), TEST_FAILED);
    CHECK_STR(why, "hangs, killed after 1 seconds");
}

static void leave(void) { exit(0); }

TEST(leaving_is_not_passing) {
    CHECK_EQ(outcome_of(leave), TEST_FAILED);
    CHECK_STR(why, "exited with status 0");
}

static void complain(void) { _exit(23); }
static void pass_with_complaint(void) { atexit(complain); }

TEST(a_leak_checker_has_the_last_word) {
    CHECK_EQ(outcome_of(pass_with_complaint), TEST_FAILED);
    CHECK_STR(why, "exited with status 23");
}

/* Run main over three tests and compare what it prints. */
static int status_of_main(const char *argument, const char *expected) {
    static test tests[] = {
        {"good", pass, &tests[1]}, {"bad", fail, &tests[2]}, {"absent", skip, NULL}};
    char name[] = "harness_test", copy[20], printed[1000];
    char *argv[] = {name, copy, NULL};
    int out[2], saved = dup(1), status;
    ssize_t length;
    CHECK_EQ(pipe(out), 0);
    dup2(out[1], 1);
    test_first = tests;
    snprintf(copy, sizeof copy, "%s", argument ? argument : "");
    status = main(argument ? 2 : 1, argv);
    dup2(saved, 1);
    length = read(out[0], printed, sizeof printed - 1);
    CHECK(length >= 0);
    printed[length] = '\0';
    CHECK_STR(printed, expected);
    return status;
}

TEST(results_and_counts_are_printed) {
    char expected[1000];
    snprintf(expected, sizeof expected,
             "PASS good\nFAIL bad: %s:%d: 1 == 2\nSKIP absent: not here\n"
             "1 passed, 1 failed, 1 skipped\n",
             __FILE__, FAIL_LINE);
    CHECK_EQ(status_of_main(NULL, expected), 1);
}

TEST(names_select_tests) {
    CHECK_EQ(status_of_main("goo", "PASS good\n1 passed, 0 failed\n"), 0);
    CHECK_EQ(status_of_main("no such test", "0 passed, 0 failed\n"), 1);
}

TEST(names_are_listed) { CHECK_EQ(status_of_main("--list", "good\nbad\nabsent\n"), 0); }

TEST(a_seed_repeats_its_sequence) {
    uint64_t state, again;
    setenv("WPOOL_TEST_SEED", "0x2a", 1);
    state = again = test_seed();
    CHECK_EQ(state, 42);
    CHECK_EQ(test_random(&state), test_random(&again));
    CHECK(test_random(&state) != test_random(&state));
}
