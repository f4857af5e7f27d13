/* The same where the system has no heavy fences: all that is forked is open to thieves at once. */
#define WPOOL_NO_MEMBARRIER
#include "api_parallel_test.c"
