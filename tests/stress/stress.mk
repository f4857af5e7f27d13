# Included by the Makefile: the stress tests with counts instead of a time, and the long one.

stress_goal_before := $(.DEFAULT_GOAL)

SOAK_SECONDS ?= 1800
STRESS_LIMIT ?= 3600
stress_run = "WPOOL_TEST_LIMIT=$(STRESS_LIMIT) WPOOL_TEST_COUNT=$(1) \
    $(strip $(RUNNER) $(BUILD)/stress/$(2))"

stress-full: $(STRESS_PROGRAMS)  ## stress tests, 2 x 10^7 operations, 10^5 pools, 10^7 wake-ups, 10^4 forks
	@sh tests/run.sh $(call stress_run,10000000,pool_stress) $(call stress_run,10000000,race_stress) \
	    $(call stress_run,100000,life_stress) \
	    $(call stress_run,10000000,bounce_stress one_worker pools_of) \
	    $(call stress_run,1000000,bounce_stress three unbuffered semaphore two_pools) \
	    $(call stress_run,10000,fork_stress)

soak: $(BUILD)/stress/soak  ## everything under load for SOAK_SECONDS, with nothing growing
	@WPOOL_TEST_SECONDS=$(SOAK_SECONDS) $(RUNNER) $<

.PHONY: stress-full soak
.DEFAULT_GOAL := $(stress_goal_before)
