/* The implementation after other headers have settled what they declare (gnu11 only). */
#include <stdio.h>
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

int main(void) { return fflush(stdout) != 0 || wpool_version() != WPOOL_VERSION; }
