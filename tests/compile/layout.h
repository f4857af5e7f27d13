/* Sizes and places that C and C++ must agree on. */
extern const size_t layout_in_c[];
#define LAYOUT                                                                             \
    {                                                                                      \
        sizeof(wpool_job), offsetof(wpool_job, fn), offsetof(wpool_job, ran_by),           \
            sizeof(wpool_config), offsetof(wpool_config, allocator), sizeof(wpool_result), \
            sizeof(wpool_options), sizeof(wpool_stats_snapshot), sizeof(wpool_info)        \
    }
