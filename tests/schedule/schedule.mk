# Included by the Makefile: the pool under a deterministic scheduler. SCHEDULE_MS is the time for each
# scenario; SCHEDULE_TEST_MS that in `make test`.

schedule_goal_before := $(.DEFAULT_GOAL)

SCHEDULE_MS ?= 1200
SCHEDULE_TEST_MS ?= 500
SCHEDULE = $(sort $(basename $(notdir $(wildcard tests/schedule/*_schedule.c))))
SCHEDULE_PROGRAMS = $(if $(SCHEDULE_OFF),,$(SCHEDULE:%=$(BUILD)/schedule/%))

# why it is off here, if it is
SCHEDULE_MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
SCHEDULE_OFF := $(if $(filter x86_64%,$(SCHEDULE_MACHINE)),,only for x86-64)
ifneq ($(findstring thread,$(SAN)),)
SCHEDULE_OFF := ThreadSanitizer does not know its coroutines
endif

# $(call schedule_runs,MS): for tests/run.sh
schedule_runs = $(if $(SCHEDULE_OFF),$(call skip,schedule: $(SCHEDULE_OFF)),\
    $(foreach p,$(SCHEDULE_PROGRAMS),"SCHEDULE_MS=$(1) $p"))

$(BUILD)/schedule/%: tests/schedule/%.c $(BUILD)/flags
	$(compile)

schedule: $(SCHEDULE_PROGRAMS)  ## the pool under a deterministic scheduler, SCHEDULE_MS a scenario
	@$(RUN) $(call schedule_runs,$(SCHEDULE_MS))

test: $(SCHEDULE_PROGRAMS)
test: EXAMPLE_RUNS += $(call schedule_runs,$(SCHEDULE_TEST_MS))

plant: $(if $(SCHEDULE_OFF),,tests/schedule/plant.sh)  ## bugs planted in a copy of the header: does it find them?
	@$(if $(SCHEDULE_OFF),echo 'SKIP plant: $(SCHEDULE_OFF)',CC='$(CC)' sh tests/schedule/plant.sh $(PLANT))

.PHONY: schedule plant
.DEFAULT_GOAL := $(schedule_goal_before)
