# Included by the Makefile: most benchmarks compare with other projects, as far as pkg-config or the
# compiler finds them.

bench_goal_before := $(.DEFAULT_GOAL)

# $(call bench_has,PACKAGE): the package if it is installed. Its headers are system headers: their
# warnings are not ours.
bench_has = $(shell pkg-config --exists $(1) 2>/dev/null && echo $(1))
bench_cflags = $(if $(strip $(1)),$(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(1))))
bench_libs = $(if $(strip $(1)),$(shell pkg-config --libs $(1)))

BENCH_LIBUV = $(call bench_has,libuv)
BENCH_GLIB = $(call bench_has,glib-2.0)
BENCH_TBB := $(if $(shell command -v $(CXX) 2>/dev/null),$(call bench_has,tbb))

# looked for when it is needed, in a recipe
BENCH_OPENMP = $(shell echo 'int main(void) { return 0; }' | \
    $(CC) -fopenmp -x c - -o /dev/null 2>/dev/null && echo -fopenmp)

bench_queues := $(if $(call found,$(CXX)),$(BUILD)/bench.queues.o)

bench_tbb_cflags = $(BENCH_TBB:%=-DHAVE_TBB)
bench_tbb_libs = $(if $(BENCH_TBB),$(BUILD)/bench.tbb.o $(call bench_libs,tbb) -lstdc++)
CFLAGS_wake = $(BENCH_LIBUV:%=-DHAVE_LIBUV) $(BENCH_GLIB:%=-DHAVE_GLIB) \
              $(call bench_cflags,$(BENCH_LIBUV) $(BENCH_GLIB))
LIBS_wake = $(call bench_libs,$(BENCH_LIBUV) $(BENCH_GLIB))
CFLAGS_submit = $(CFLAGS_wake) $(bench_tbb_cflags)
LIBS_submit = $(LIBS_wake) $(bench_tbb_libs)
CFLAGS_fork = $(BENCH_OPENMP) $(bench_tbb_cflags)
LIBS_fork = $(bench_tbb_libs)
CFLAGS_loop = $(CFLAGS_fork)
LIBS_loop = $(LIBS_fork)
CFLAGS_queue = $(bench_tbb_cflags) $(bench_queues:%=-DHAVE_CXX)
LIBS_queue = $(bench_queues) $(bench_tbb_libs) $(bench_queues:%=-lstdc++)
CFLAGS_growth = $(CFLAGS_wake) $(CFLAGS_fork)
LIBS_growth = $(LIBS_wake) $(LIBS_fork)

$(patsubst %,$(BUILD)/bench/%,submit fork loop queue growth): $(BENCH_TBB:%=$(BUILD)/bench.tbb.o)
$(BUILD)/bench/queue: $(bench_queues)
$(BUILD)/bench.%.o: tests/bench/peers/%.cc $(wildcard tests/bench/peers/*.h) wpool.h
	@mkdir -p $(@D)
	@echo "CXX $@"
	$(if $(V),,@)$(CXX) -O2 -std=c++14 -pthread -I. $(call bench_cflags,$(BENCH_TBB)) -c $< -o $@

.DEFAULT_GOAL := $(bench_goal_before)
