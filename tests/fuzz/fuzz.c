/* fuzz.c - the public API under the deterministic scheduler, driven by the bytes of an input

   An input is a schedule's seed, a configuration, scripts for jobs and actions for one to three
   threads. The model (model.h) bounds each answer (calls.h); whatever is outside of the bounds, a
   lost wake-up, a livelock or a leak ends the program with a sentence.

       with clang -fsanitize=fuzzer   a libFuzzer target
       with -DFUZZ_STANDALONE         a program:
           fuzz FILE...               runs these inputs; without one, those in tests/fuzz/corpus
           fuzz -t SECONDS [SEED]     random inputs for so long
           fuzz -n COUNT [SEED]       so many random inputs
   FUZZ_TRACE=1 in the environment prints each call. */
#include "tests/fuzz/calls.h"

#include <time.h>

enum { HEADER = 8, SCRIPT_BYTES = 3 * SCRIPT_ACTIONS + 1, ACTION_BYTES = 4, ACTIONS = 38 };
enum { TAIL_AT = HEADER + SCRIPTS * SCRIPT_BYTES + ACTIONS * ACTION_BYTES, TAIL = 8 };
enum { INPUT_MAX = TAIL_AT + TAIL };

static struct {
    const uint8_t *bytes;
    size_t size;
} input;

static uint8_t input_at(size_t i) { return i < input.size ? input.bytes[i] : 0; }

/* What came later is at the end: inputs without that have none of it. */
static void read_pace(configuration *config) {
    uint8_t what = input_at(TAIL_AT), edits = input_at(TAIL_AT + 1), lanes = input_at(TAIL_AT + 2);
    unsigned least = config->min_workers ? config->min_workers : config->workers;
    config->order = (wpool_order)((what & 3) % 3);
    if (config->order == WPOOL_LIFO && config->when_full == WPOOL_DROP_OLDEST)
        config->order = WPOOL_PRIORITY;
    config->rate = (what >> 2 & 3) == 3 ? what >> 4 & 3 : 0;
    config->has_pace_hooks = what >> 6 & 1;
    if (what >> 7 & 1) config->retry = choose_retry(edits);
    config->edits_order = edits & 1;
    config->edits_rate = edits >> 1 & 1;
    config->edits_scaling = edits >> 2 & 1;
    config->slots = input_at(TAIL_AT + 3);
    config->scaling = choose_scaling(input_at(TAIL_AT + 4), input_at(TAIL_AT + 5));
    config->is_scaled = !config->is_inline && config->max_workers > least;
    config->lanes = lanes;
}

static void read_configuration(configuration *config) {
    uint8_t shape = input_at(4), more = input_at(5), memory = input_at(6), end = input_at(7);
    for (size_t i = 0; i < 4; i++)
        config->seed = config->seed << 8 | input_at(i);
    config->workers = shape & 3;
    config->is_inline = config->workers == 0;
    config->threads = 1u + (shape >> 2 & 3u) % 3u;
    config->when_full = (wpool_when_full)(shape >> 4 & 3);
    config->results = shape >> 6 & 1;
    config->start_paused = shape >> 7 & 1;
    config->capacity = (more & 7u) % 5;
    config->help = (wpool_help)((more >> 3 & 3) % 3);
    config->may_pause = config->start_paused || (more >> 5 & 1);
    config->takes_forever = more >> 6 & 1;
    config->own_allocator = more >> 7 & 1;
    config->fails_after = memory < 192 ? -1 : memory & 31;
    config->fails_on = memory < 224;
    if (memory < 192) {
        config->edits_policy = memory & 1;
        config->edits_help = memory >> 1 & 1;
    }
    if (memory >> 6 == 1) config->upstream = 1 + (memory & 1);
    if (memory < 192 && !config->is_inline) {
        unsigned limits = memory >> 2 & 3;
        config->min_workers = limits == 3 ? config->workers : 0;
        config->max_workers = limits ? config->workers + limits : 0;
    }
    config->most_threads = SCHEDULER_THREADS - (memory < 192 ? memory >> 4 & 3 : 0);
    config->ending = end & 7u;
    config->shuts_down = (end >> 3 & 1) == 0;
    config->hooks = end >> 4 & 1;
    config->threads_left = end >> 5 == 7 ? 1 : end >> 5 == 6 ? 0 : -1;
    read_pace(config);
}

static void read_scripts(void) {
    for (size_t i = 0; i < SCRIPTS; i++) {
        size_t at = HEADER + i * SCRIPT_BYTES;
        for (size_t j = 0; j < SCRIPT_ACTIONS; j++, at += 3)
            model.scripts[i].actions[j] =
                (action){input_at(at), input_at(at + 1), input_at(at + 2)};
        model.scripts[i].answer = input_at(at);
    }
}

/* -- what the pool is given -- */

static void *own_alloc(size_t size, void *user) {
    int *left = (int *)user;
    if (*left == 0) {
        if (!model.config.fails_on) *left = -1;
        return NULL;
    }
    if (*left > 0) --*left;
    void *block = malloc(size);
    if (!block) abort();
    memset(block, 0xA5, size);
    model.blocks++;
    model.bytes += (long)size;
    return block;
}

/* Is it a chunk of the pool's records? Then nobody holds one any more. */
static void check_records(const char *block, size_t size) {
    for (unsigned i = 0; i < WPOOL__CHUNKS; i++) {
        const wpool__record *records = (void *)model.pool->table.records.chunks[i];
        if (!records || (const char *)records < block || (const char *)records >= block + size)
            continue;
        for (unsigned j = 0; j < (unsigned)WPOOL_RECORDS << i; j++)
            MUST((records[j].hold & WPOOL__HOLD_MASK) == 0, "record %u of chunk %u is lost", j, i);
    }
}

static void own_free(void *block, size_t size, void *user) {
    (void)user;
    if (model.has_no_records) check_records(block, size);
    model.blocks--;
    model.bytes -= (long)size;
    free(block);
}

static void *on_worker_start(void *user, unsigned worker) {
    MUST(user == &model && worker < SCHEDULER_THREADS, "hook: no such worker");
    MUST(++model.hook_states[worker] % 2 == 1, "a worker starts twice");
    model.hooks_started++;
    return &model.hook_states[worker];
}

static void on_worker_exit(void *user, unsigned worker, void *state) {
    MUST(user == &model && state == &model.hook_states[worker], "hook: another worker");
    MUST(++model.hook_states[worker] % 2 == 0, "a worker exits twice");
    model.hooks_ended++;
}

static bool create_pool(int *allocations_left) {
    const configuration *config = &model.config;
    wpool_allocator allocator = {own_alloc, own_free, allocations_left};
    wpool_config asked = {
        .name = "fuzz",
        .workers = config->workers,
        .min_workers = config->min_workers,
        .max_workers = config->is_inline ? WPOOL_INLINE : config->max_workers,
        .queue_capacity = config->capacity ? config->capacity : WPOOL_UNBUFFERED,
        .when_full = config->when_full,
        .results = config->results,
        .start_paused = config->start_paused,
        .help = config->help,
        .order = config->order,
        .rate = rates[config->rate],
        .retry = config->retry,
        .scaling = config->scaling,
        .allocator = config->own_allocator ? &allocator : NULL,
        .group = config->upstream ? &model.groups[config->upstream].own : NULL,
    };
    if (config->hooks || config->has_pace_hooks) asked.hooks.user = &model;
    if (config->hooks) {
        asked.hooks.worker_start = on_worker_start;
        asked.hooks.worker_exit = on_worker_exit;
    }
    if (config->has_pace_hooks) {
        asked.hooks.scaled = on_scaled;
        asked.hooks.job_stuck = on_stuck;
        asked.hooks.stalled = on_stalled;
    }
    *allocations_left = config->fails_after;
    sched.allocations_left = config->own_allocator ? -1 : config->fails_after;
    sched.threads_left = config->threads_left;
    model.ever = model.now = (model_edit){.policies = 1u << config->when_full,
                                          .helps = 1u << config->help,
                                          .least = config->capacity,
                                          .most = config->capacity,
                                          .is_unbuffered = !config->capacity,
                                          .orders = 1u << config->order,
                                          .rates = 1u << config->rate};
    model.crew.is_known = !config->is_scaled;
    model.crew.may_leave = model.crew.may_have_gaps = model.crew.has_changed = config->is_scaled;
    model.crew.serving = config->workers;
    unsigned threads = config->workers; /* and somebody who keeps the time */
    threads +=
        config->is_scaled || config->rate || config->retry.attempts > 1 || config->has_pace_hooks;
    wpool_status status = CALL(wpool_create(&model.pool, &asked));
    sched.threads_left = -1;
    if (status == WPOOL_OK) return true;
    MUST((status == WPOOL_NO_MEMORY && model_memory_fails()) ||
             (status == WPOOL_NO_THREAD && config->threads_left >= 0 &&
              (unsigned)config->threads_left < threads),
         "create: %s", wpool_strerror(status));
    MUST(!model.pool && model.blocks == 0, "something is left of a pool that was not made");
    return false;
}

/* -- threads -- */

static void run_actions(unsigned thread) {
    for (size_t i = 0; i < ACTIONS; i++) {
        size_t at = HEADER + SCRIPTS * SCRIPT_BYTES + i * ACTION_BYTES;
        if (at >= input.size) return;
        if (input_at(at) % model.config.threads != thread) continue;
        act((action){input_at(at + 1), input_at(at + 2), input_at(at + 3)});
    }
}

static void *thread_main(void *arg) {
    run_actions((unsigned)(uintptr_t)arg);
    return NULL;
}

/* Lets every thread come to its end. */
static void end_threads(const int *threads) {
    const action hot = {.a = 1}, graceful = {.a = 0};
    model.is_ending = true;
    while (model.pausing)
        sched_point(true);
    act_start(graceful);
    switch (model.config.ending) {
    case 0:
        break;
    case 1:
        act_stop(graceful);
        break;
    case 2:
        act_stop(hot);
        break;
    case 3:
        shut_down(WPOOL_GRACEFUL, WPOOL_FOREVER);
        break;
    case 4:
        shut_down(WPOOL_HOT, 20);
        break;
    case 5:
        act_close_results(graceful);
        break;
    default:
        take_all();
    }
    act_close(graceful);
    for (unsigned i = 1; i < model.config.threads; i++)
        sched_join(threads[i]);
}

/* Everything that nobody has had yet is there, once. */
static void collect_results(void) {
    bool takes = model.config.results && !model.results_close_begun;
    model.has_no_records = takes || !model.config.results;
    if (takes)
        while (take(WPOOL_FOREVER) == WPOOL_OK) {
        }
    MUST(!takes || model.is_done, "the results do not end");
    if (model.has_descriptor) check_descriptor(true);
    for (unsigned i = 0; i < model.job_count; i++) {
        model_job *job = &model.jobs[i];
        if (job->submission != SUBMIT_ACCEPTED) continue;
        if (takes) MUST(job->delivered == 1, "the result of job %u is lost", i);
        if (!job->has_id) continue;
        cancel(job, job->id, i % 2 ? WPOOL_HOT : WPOOL_GRACEFUL);
        wait_for(job, job->id, WPOOL_NOW);
        MUST(job->delivered == 1, "the result of job %u is lost", i);
        MUST(CALL(wpool_wait(model.pool, job->id, WPOOL_FOREVER, NULL)) == WPOOL_UNKNOWN, "stale");
        MUST(CALL(wpool_job_state(model.pool, job->id)) == WPOOL_STATE_UNKNOWN, "stale");
        MUST(CALL(wpool_cancel(model.pool, job->id, WPOOL_HOT)) == WPOOL_UNKNOWN, "stale");
    }
}

static void end_pool(void) {
    if (model.config.shuts_down) {
        wpool_stats_snapshot stats;
        shut_down(WPOOL_GRACEFUL, WPOOL_FOREVER);
        MUST(CALL(wpool_stats(model.pool, &stats)) == WPOOL_OK, "stats");
        check_stats_at_end(&stats);
        for (unsigned i = 1; i < MODEL_LANES; i++)
            destroy_lane(i, true);
        collect_results();
    }
    model.start_begun = true;
    bool has_keeper = model.pool->keeper.is_started;
    MUST(CALL(wpool_destroy(model.pool)) == WPOOL_OK, "destroy");
    model.is_over = true;
    check_jobs_at_end();
    check_groups_at_end();
    MUST(model.blocks == 0 && model.bytes == 0, "%ld blocks, %ld bytes are left", model.blocks,
         model.bytes);
    unsigned threads = (unsigned)sched.thread_count - 1 - model.spawned - has_keeper;
    unsigned workers = model.config.is_inline ? 1 : threads, hooks = model.hooks_started;
    if (!model.config.hooks) return;
    MUST(hooks == model.hooks_ended, "hooks: %u, %u", hooks, model.hooks_ended);
    /* the keeper may have come while wpool_destroy waited */
    MUST(hooks == workers || (hooks + 1 == workers && !has_keeper && !model.config.shuts_down),
         "%u workers, hooks: %u", workers, hooks);
}

static void scenario(void) {
    int threads[4] = {0}, allocations_left;
    const wpool_config small = {.max_workers = WPOOL_INLINE, .queue_capacity = 2};
    MUST(CALL(wpool_create(&model.other, &small)) == WPOOL_OK, "the other pool");
    model.group_count = 1;
    new_group(NULL, 0);
    new_group(NULL, 1);
    new_group(NULL, 0);
    if (create_pool(&allocations_left)) {
        for (unsigned i = 0; i < MODEL_SLOTS; i++) {
            model_slot *slot = &model.slots[i];
            CALL(wpool_job_init(&slot->job, run_slot, slot));
            slot->script = i;
            slot->family = 1;
            slot->has_on_done = i % 2 == 0;
        }
        for (unsigned i = 1; i < MODEL_LANES && model.config.lanes; i++)
            init_lane(i, (uint8_t)((unsigned)model.config.lanes << i | i));
        pace_slots();
        model.unspawned = model.config.threads - 1;
        sched.look = model_step;
        for (unsigned i = 1; i < model.config.threads; i++) {
            sched_flush(&sched.threads[sched.current]);
            threads[i] = sched_thread(thread_main, (void *)(uintptr_t)i);
            model.is_client[threads[i]] = true;
            model.unspawned--;
            model.spawned++;
            sched_point(false);
        }
        run_actions(0);
        end_threads(threads);
        end_pool();
    }
    MUST(CALL(wpool_destroy(model.other)) == WPOOL_OK, "destroy");
}

/* NULL: good. */
static const char *fuzz_one(const uint8_t *bytes, size_t size) {
    memset(&model, 0, sizeof model);
    input.bytes = bytes;
    input.size = size;
    read_configuration(&model.config);
    read_scripts();
    const char *verdict = sched_run(model.config.seed, scenario);
    if (verdict && fuzz_is_tracing) sched_print(300);
    return verdict;
}

static uint64_t fuzz_inputs;
static double fuzz_began;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void print_totals(void) {
    printf("%" PRIu64 " inputs, %" PRIu64 " calls, %.0f calls/s\n", fuzz_inputs, fuzz_calls,
           (double)fuzz_calls / (seconds_now() - fuzz_began));
    fflush(stdout);
}

#ifndef FUZZ_STANDALONE
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    fuzz_began = seconds_now();
    return atexit(print_totals);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *verdict = fuzz_one(bytes, size);
    fuzz_inputs++;
    if (!verdict) return 0;
    print_totals();
    fprintf(stderr, "VIOLATION %s\n", verdict);
    abort();
}
#else

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { FUZZ_LIMIT = 20 }; /* seconds for an input, or for 64 random ones */
#define FUZZ_FAILURE "build/fuzz-failure"

static char input_name[512]; /* of the present input */
static unsigned fuzz_passed, fuzz_failed;

static void print_verdict(const char *verdict) {
    fuzz_inputs++;
    ++*(verdict ? &fuzz_failed : &fuzz_passed);
    if (verdict) printf("FAIL %s: %s\n", input_name, verdict);
}

static int print_summary(void) {
    print_totals();
    printf("%u passed, %u failed\n", fuzz_passed, fuzz_failed);
    fflush(stdout);
    return fuzz_failed || !fuzz_passed;
}

static void keep_input(void) {
    int file = open(FUZZ_FAILURE, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0) return;
    if (write(file, input.bytes, input.size) != (ssize_t)input.size) unlink(FUZZ_FAILURE);
    close(file);
}

/* A crash or a hang: says in which input, then ends. Not strictly allowed in a handler, but there
   is nothing to lose. */
static void on_signal(int number) {
    signal(SIGALRM, SIG_DFL);
    alarm(2);
    keep_input();
    print_verdict(number == SIGALRM ? "no end within the time limit" : strsignal(number));
    print_summary();
    _exit(1);
}

static void guard_inputs(void) {
    static char stack[64 * 1024]; /* a coroutine's own may be full */
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction on_error = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    sigaction(SIGALRM, &on_error, NULL);
#ifndef SCHEDULER_ASAN /* it tells more */
    sigaltstack(&other, NULL);
    sigaction(SIGSEGV, &on_error, NULL);
    sigaction(SIGBUS, &on_error, NULL);
    sigaction(SIGABRT, &on_error, NULL);
#else
    (void)other;
#endif
}

static void run_file(const char *name) {
    static uint8_t bytes[64 * 1024];
    snprintf(input_name, sizeof input_name, "%s", name);
    FILE *file = fopen(name, "rb");
    const char *verdict = "cannot be read";
    if (file) {
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        alarm(FUZZ_LIMIT);
        verdict = fuzz_one(bytes, size);
    }
    print_verdict(verdict);
}

static void run_folder(const char *folder) {
    char name[512];
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') run_file(name);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

static uint64_t input_random;
static uint8_t random_byte(void) { /* splitmix64 (Steele et al., 2014) */
    uint64_t z = input_random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint8_t)(z >> 56);
}

/* Half of what threads and scripts do becomes something of pace.h. */
static void favour_pace(uint8_t *bytes, size_t actions) {
    const size_t first = ACT_PACE, count = sizeof act_table / sizeof *act_table - first;
    for (size_t i = 0; i < SCRIPTS * SCRIPT_ACTIONS + actions; i++) {
        size_t at = HEADER + i / SCRIPT_ACTIONS * SCRIPT_BYTES + i % SCRIPT_ACTIONS * 3;
        if (i >= SCRIPTS * SCRIPT_ACTIONS)
            at =
                HEADER + SCRIPTS * SCRIPT_BYTES + (i - SCRIPTS * SCRIPT_ACTIONS) * ACTION_BYTES + 1;
        if (random_byte() & 1) bytes[at] = (uint8_t)(first + random_byte() % count);
    }
}

/* Random inputs, until the time is out, count of them have run, or one fails. One more test, passed
   or failed. */
static void run_random(double seconds, uint64_t count, uint64_t seed) {
    static uint8_t bytes[INPUT_MAX];
    const char *verdict = NULL;
    for (uint64_t done = 0; done < count && !verdict; done++) {
        if (done % 64 == 0) {
            alarm(FUZZ_LIMIT);
            if (done && seconds_now() - fuzz_began >= seconds) break;
        }
        input_random = seed + done;
        snprintf(input_name, sizeof input_name, "input of seed %" PRIu64 ", see " FUZZ_FAILURE,
                 seed + done);
        const size_t actions = random_byte() % (size_t)ACTIONS;
        const size_t size = HEADER + SCRIPTS * SCRIPT_BYTES + actions * ACTION_BYTES;
        for (size_t i = 0; i < INPUT_MAX; i++)
            bytes[i] = i < size || i >= TAIL_AT ? random_byte() : 0;
        if (random_byte() < 96) favour_pace(bytes, actions);
        verdict = fuzz_one(bytes, sizeof bytes);
        fuzz_inputs++;
    }
    if (verdict) keep_input();
    fuzz_inputs--;
    print_verdict(verdict);
}

int main(int argc, char **argv) {
    const char *option = argc > 2 ? argv[1] : "";
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)time(NULL) << 20;
    fuzz_is_tracing = getenv("FUZZ_TRACE") != NULL;
    fuzz_began = seconds_now();
    guard_inputs();
    if (argc < 2) {
        run_folder("tests/fuzz/corpus");
    } else if (strcmp(option, "-t") == 0) {
        run_random(atof(argv[2]), UINT64_MAX, seed);
    } else if (strcmp(option, "-n") == 0) {
        run_random(1e9, strtoull(argv[2], NULL, 0), seed);
    } else {
        for (int i = 1; i < argc; i++)
            run_file(argv[i]);
    }
    return print_summary();
}
#endif
