# Included by the Makefile: the public API with random calls, under the scheduler of tests/schedule.

fuzz_goal_before := $(.DEFAULT_GOAL)

FUZZ_SEED ?=
FUZZ_MAX := 228# bytes of an input, INPUT_MAX of fuzz.c

# why it is off here, if it is
FUZZ_OFF := $(if $(filter x86_64%,$(shell $(CC) -dumpmachine 2>/dev/null)),,only for x86-64)
ifneq ($(findstring thread,$(SAN)),)
FUZZ_OFF := ThreadSanitizer does not know its coroutines
endif

FUZZ_PROGRAM = $(if $(FUZZ_OFF),,$(BUILD)/fuzz/fuzz)
FUZZ_CLANG = $(if $(FUZZ_OFF),,$(call found,clang))
FUZZ_LIBFUZZER = $(if $(FUZZ_CLANG),$(BUILD)/fuzz/libfuzzer)
FUZZ_CORPUS = $(BUILD)/fuzz/corpus

fuzz_skip = $(call skip,fuzz: $(FUZZ_OFF))
FUZZ_LOG = $(BUILD)/fuzz/libfuzzer.log
FUZZ_CLANG_RUN = "$(FUZZ_LIBFUZZER) -max_total_time=$(TEST_SECONDS) -timeout=20 -max_len=$(FUZZ_MAX) \
    -artifact_prefix=$(BUILD)/fuzz/ $(FUZZ_CORPUS) tests/fuzz/corpus 2>$(FUZZ_LOG) || \
    { grep -aE 'VIOLATION|ERROR|Test unit' $(FUZZ_LOG); exit 1; }"
FUZZ_RUNS = $(if $(FUZZ_OFF),$(fuzz_skip),"$(FUZZ_PROGRAM)" \
    "$(FUZZ_PROGRAM) -t $(TEST_SECONDS) $(FUZZ_SEED)" \
    $(if $(FUZZ_CLANG),$(FUZZ_CLANG_RUN),$(call skip,libFuzzer: clang is not installed)))

$(BUILD)/fuzz/fuzz: tests/fuzz/fuzz.c $(BUILD)/flags
	$(call compile,-DFUZZ_STANDALONE)

$(BUILD)/fuzz/libfuzzer: tests/fuzz/fuzz.c $(BUILD)/flags
	@mkdir -p $(FUZZ_CORPUS)
	@echo CC $@
	$(if $(V),,@)clang $(FLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -MT $@ -o $@ $< -pthread

fuzz: $(FUZZ_PROGRAM) $(FUZZ_LIBFUZZER)  ## random API calls under the scheduler, TEST_SECONDS each way
	@V=$(if $(RUN_JOBS),,1) $(RUN) $(FUZZ_RUNS)

test: $(FUZZ_PROGRAM)
test: EXAMPLE_RUNS += $(if $(FUZZ_OFF),$(fuzz_skip),"$(FUZZ_PROGRAM)")

.PHONY: fuzz
.DEFAULT_GOAL := $(fuzz_goal_before)
