# `make help` lists what can be made. Everything is built below build/, another configuration (a
# sanitizer, a compiler of the matrix) in a directory of its own there.

SAN ?=
# A sanitizer loses nothing without optimisation, which would take four times as long to compile.
CFLAGS ?= $(if $(SAN),-O0,-O2) -g
RUNNER ?= $(if $(findstring thread,$(SAN)),$(FIXED_ADDRESSES))
TEST_SECONDS ?= 2
DEFINES ?=
PREFIX ?= /usr/local
MATRIX_CC ?= gcc clang
MATRIX_OPT ?= -O0 -O2 -O3
MATRIX_SAN ?= none address,undefined thread

comma := ,
with_dashes = $(subst $(comma),-,$(1))
found = $(shell command -v $(1) 2>/dev/null)

CONFIG ?= $(call with_dashes,$(SAN))
BUILD = build$(addprefix /,$(CONFIG))
WARNINGS = -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror
SANITIZE = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
FLAGS = $(WARNINGS) -I. -Itests/support $(CFLAGS) $(DEFINES) $(SANITIZE)

# ThreadSanitizer wants a fixed layout of the memory; not every machine lets setarch arrange it.
FIXED_ADDRESSES = $(shell setarch `uname -m` -R true 2>/dev/null && echo setarch `uname -m` -R)
TIME_LIMIT := $(if $(call found,timeout),timeout 120)

MAKEFLAGS += --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
export CC V
.DEFAULT_GOAL = help

# ---- programs ----
# These may set, for a program NAME: CFLAGS_NAME, LIBS_NAME, and OFF_NAME = why it is not built here.
-include $(wildcard examples/*.mk tests/*/*.mk)

names = $(sort $(basename $(notdir $(wildcard $(1)/$(2).c))))
UNIT ?= $(call names,tests/unit,*_test)
INLINE ?= $(filter api_%,$(UNIT))
STRESS = $(call names,tests/stress,*_stress)
EXAMPLES = $(call names,examples,*)
BENCHES = $(call names,tests/bench,*)

programs = $(foreach n,$(2),$(if $(OFF_$n),,$(BUILD)/$(1)/$n))
UNIT_PROGRAMS = $(call programs,unit,$(UNIT))
STRESS_PROGRAMS = $(call programs,stress,$(STRESS))
EXAMPLE_PROGRAMS = $(call programs,examples,$(EXAMPLES))
BENCH_PROGRAMS = $(call programs,bench,$(BENCHES))

define compile
@mkdir -p $(@D)
@echo CC $@
$(if $(V),,@)$(CC) $(FLAGS) $(1) $(CFLAGS_$*) -MMD -MP -MF $@.d -MT $@ -o $@ $< $(LIBS_$*) -pthread
endef

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/flags
	$(compile)
$(BUILD)/stress/%: tests/stress/%.c $(BUILD)/flags
	$(compile)
$(BUILD)/examples/%: examples/%.c $(BUILD)/flags
	$(compile)
$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/flags
	$(call compile,-O2)

# newer only when the compiler or its flags are others
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(FLAGS)' | cmp -s - $@ || echo '$(CC) $(FLAGS)' >$@
FORCE:

-include $(wildcard $(BUILD)/*/*.d)

# ---- commands for tests/run.sh, which adds up their results ----
# Two at a time: most tests wait more than they run.
RUN = RUN_JOBS=$${RUN_JOBS:-2} sh tests/run.sh
skip = "echo 'SKIP $(1)'; echo '0 passed, 0 failed, 1 skipped'"
run = $(foreach p,$(1),"$(strip $(RUNNER) $p)")
UNIT_RUNS = $(call run,$(UNIT_PROGRAMS)) \
    $(foreach p,$(call programs,unit,$(INLINE)),"TEST_INLINE=1 $(strip $(RUNNER) $p)")
STRESS_RUNS = $(call run,$(STRESS_PROGRAMS))
CHECK_RUNS = $(foreach c,$(wildcard tests/compile/check_*.sh tests/style/check_*.sh),\
    "$(strip $(TIME_LIMIT) sh $c)")
EXAMPLE_RUNS = "$(strip sh tests/examples/examples_test.sh $(RUNNER) $(BUILD)/examples)" \
    $(foreach n,$(EXAMPLES),$(if $(OFF_$n),$(call skip,example $n: $(OFF_$n)),\
        $(foreach t,$(wildcard tests/examples/$n_test.sh),"$(strip sh $t $(RUNNER) $(BUILD)/examples/$n)")))
MATRIX_RUNS = $(foreach cc,$(MATRIX_CC),$(if $(call found,$(cc)),\
    $(foreach opt,$(MATRIX_OPT),$(foreach san,$(MATRIX_SAN),\
        "$(MAKE) unit CC=$(cc) CFLAGS='$(opt) -g' SAN=$(san:none=) \
         CONFIG=$(cc)$(opt)-$(call with_dashes,$(san))")),\
    $(call skip,$(cc): not installed)))
NO_THREADS = $(basename $(notdir $(shell grep -l WPOOL_NO_THREADS tests/unit/*_test.c)))
PORTABLE_RUNS = "$(MAKE) unit CONFIG=no-futex DEFINES='-DWPOOL_NO_FUTEX -DWPOOL_NO_EVENTFD'" \
    "$(MAKE) unit CONFIG=no-threads DEFINES=-DWPOOL_NO_THREADS \
     UNIT='$(NO_THREADS)' INLINE=" \
    $(if $(call found,musl-gcc),"$(MAKE) unit CONFIG=musl CC=musl-gcc",\
        $(call skip,musl-gcc: not installed))

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: CC CFLAGS DEFINES SAN (address,undefined) RUNNER (valgrind) TEST_SECONDS PREFIX"
	@echo "           MATRIX_CC MATRIX_OPT MATRIX_SAN, and V=1 to see everything"

run: $(BUILD)/examples/wc  ## build and run the main example, which counts words (ARGS=FOLDER)
	@$(RUNNER) $< $(WC_FLAGS) $(ARGS)

test: $(UNIT_PROGRAMS) $(EXAMPLE_PROGRAMS)  ## unit tests, compile tests, style checks, examples
	@$(RUN) $(UNIT_RUNS) $(CHECK_RUNS) $(EXAMPLE_RUNS)

unit: $(UNIT_PROGRAMS)  ## unit tests only
	@$(RUN) $(UNIT_RUNS)

stress: $(STRESS_PROGRAMS)  ## stress tests, TEST_SECONDS each
	@WPOOL_TEST_SECONDS=$(TEST_SECONDS) $(RUN) $(STRESS_RUNS)

programs: $(UNIT_PROGRAMS) $(STRESS_PROGRAMS) $(EXAMPLE_PROGRAMS)  ## unit, stress and examples
	@WPOOL_TEST_SECONDS=$(TEST_SECONDS) $(RUN) $(UNIT_RUNS) $(STRESS_RUNS) $(EXAMPLE_RUNS)

examples: $(EXAMPLE_PROGRAMS)  ## build the examples, but those whose libraries are missing

bench: $(BENCH_PROGRAMS)  ## build and run the benchmarks; figures and plots go to build/bench
	@RUNNER='$(RUNNER)' sh tests/bench/run.sh $(BUILD)/bench $(BENCH_PROGRAMS)

asan:  ## programs, under AddressSanitizer
	@$(MAKE) programs SAN=address

ubsan:  ## programs, under UndefinedBehaviorSanitizer
	@$(MAKE) programs SAN=undefined

tsan:  ## programs, under ThreadSanitizer
	@$(MAKE) programs SAN=thread

# Not the examples: clang does not know all that libc writes, stat's answer for one.
msan:  ## unit and stress tests, under MemorySanitizer (clang)
	@$(if $(call found,clang),$(MAKE) unit stress CC=clang SAN=memory,\
	    echo 'SKIP msan: clang is not installed')

valgrind:  ## unit tests, under valgrind
	@WPOOL_TEST_LIMIT=600 $(MAKE) unit RUNNER="valgrind -q --fair-sched=yes --error-exitcode=9 \
	    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite"

# Not those tests that have atomic operations of their own.
OWN_ATOMICS = $(basename $(notdir $(shell grep -l WPOOL_ATOMIC_ tests/unit/*_test.c)))
delays:  ## unit tests, threads held up at random between their steps (tests/support/delays.h)
	@WPOOL_TEST_LIMIT=600 $(MAKE) unit CONFIG=delays CFLAGS=-O1 DEFINES='-include delays.h' \
	    UNIT='$(filter-out $(OWN_ATOMICS),$(UNIT))'

matrix:  ## unit tests, compilers x optimisation x sanitizers
	+@sh tests/run.sh $(MATRIX_RUNS)

portable:  ## unit tests without futex, without threads, with musl
	+@sh tests/run.sh $(PORTABLE_RUNS)

symbols:  ## only wpool_* is exported, nothing mutable is global
	@sh tests/style/check_symbols.sh

# ---- the text ----
FORMATTED = wpool.h $(wildcard tests/*/*.[ch] tests/*/*.cc examples/*.[ch])

format:  ## clang-format everything
	clang-format -i $(FORMATTED)

format-check:  ## complain of what `make format` would change
	@sh tests/run.sh $(if $(call found,clang-format),"clang-format --dry-run -Werror $(FORMATTED)",\
	    $(call skip,clang-format: not installed))

# The header as a file of its own: as an included one it would hardly be looked at.
CLANG_ANALYZE = clang --analyze --analyzer-output text -Xanalyzer -analyzer-werror -x c
CPPCHECK = cppcheck -q --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
    --language=c -D__linux__ -DCLOCK_MONOTONIC=1
analyze:  ## clang's analyzer and cppcheck, on the implementation
	@sh tests/run.sh \
	    $(if $(call found,clang),"$(CLANG_ANALYZE) -std=c11 -DWPOOL_IMPLEMENTATION wpool.h",\
	        $(call skip,clang: not installed)) \
	    $(if $(call found,cppcheck),"$(CPPCHECK) --std=c11 -DWPOOL_IMPLEMENTATION wpool.h",\
	        $(call skip,cppcheck: not installed))

install:  ## copy the header to PREFIX/include
	install -d $(DESTDIR)$(PREFIX)/include
	install -m 644 wpool.h $(DESTDIR)$(PREFIX)/include/wpool.h

uninstall:  ## and take it away again
	rm -f $(DESTDIR)$(PREFIX)/include/wpool.h

clean:  ## remove build/
	rm -rf build

.PHONY: help run test unit stress programs examples bench asan ubsan tsan msan valgrind delays \
    matrix portable symbols format format-check analyze install uninstall clean FORCE
