/* The declarations alone: complete types, no warning, nothing else needed. */
#include "wpool.h"

size_t c11_sizes(void);
size_t c11_sizes(void) {
    return sizeof(wpool_job) + sizeof(wpool_config) + sizeof(wpool_options) + sizeof(wpool_result) +
           sizeof(wpool_stats_snapshot) + sizeof(wpool_info);
}
