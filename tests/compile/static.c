/* Everything static, almost nothing used: no warning about that. */
#define WPOOL_STATIC
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

int main(void) { return wpool_version() != WPOOL_VERSION; }
