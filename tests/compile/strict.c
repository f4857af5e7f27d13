/* The implementation as the first include, under -std=c11. Other files here link against it. */
#define WPOOL_IMPLEMENTATION
#include "wpool.h"
#include "layout.h"

const size_t layout_in_c[] = LAYOUT;
