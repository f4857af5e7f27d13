# Included by the Makefile: which lines and branches of wpool.h the tests run, by gcc and gcov.

coverage_goal_before := $(.DEFAULT_GOAL)

COVERAGE_CC ?= gcc
GCOV ?= gcov
COVERAGE_SECONDS ?= 5
COVERAGE = build/coverage
# atomic: or threads lose each other's counts
coverage_make = $(MAKE) CC=$(COVERAGE_CC) CFLAGS='-O0 --coverage -fprofile-update=atomic' SAN=

# Three kinds of pools cannot be had in one program: with a futex, without, and without threads.
COVERAGE_RUNS = "$(coverage_make) unit CONFIG=coverage" \
    "$(coverage_make) unit CONFIG=coverage/no-futex DEFINES='-DWPOOL_NO_FUTEX -DWPOOL_NO_EVENTFD'" \
    "$(coverage_make) unit CONFIG=coverage/no-threads DEFINES=-DWPOOL_NO_THREADS \
     UNIT='$(NO_THREADS)' INLINE=" \
    "$(coverage_make) stress CONFIG=coverage TEST_SECONDS=$(COVERAGE_SECONDS)" \
    "$(coverage_make) schedule CONFIG=coverage SCHEDULE_MS=300" \
    "GCOV=$(GCOV) sh tests/coverage/coverage.sh $(COVERAGE)"

# One after another, the last reads what the others left.
coverage:  ## lines and branches of wpool.h that the tests run; complains of the unlisted rest
	@find $(COVERAGE) -name '*.gcda' -exec rm -f {} + 2>/dev/null || true
	+@RUN_JOBS= sh tests/run.sh $(if $(call found,$(GCOV)),$(COVERAGE_RUNS),$(call skip,$(GCOV): not installed))
	@[ ! -f $(COVERAGE)/report ] || cat $(COVERAGE)/report

.PHONY: coverage
.DEFAULT_GOAL := $(coverage_goal_before)
