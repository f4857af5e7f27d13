/* The header again and again; DECLARATIONS_FIRST: the implementation last (gnu11 only). */
#ifdef DECLARATIONS_FIRST
#include "wpool.h"
#include "wpool.h"
#endif
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "wpool.h"
#undef WPOOL_IMPLEMENTATION
#include "wpool.h"

int main(void) { return wpool_version() != WPOOL_VERSION; }
