/* How many CPUs may be used: the affinity mask, and the quotas of control groups as a tree of files
   of the test's own tells them, in the place of /proc and /sys. */
#define _GNU_SOURCE 1
static char system_root[64];
#define WPOOL_SYSTEM_ROOT system_root
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include "pools.h"
#include <ftw.h>
#include <sys/stat.h>

/* ---- a tree of files ---- */

static void path_of(char path[300], const char *name) {
    CHECK(snprintf(path, 300, "%s%s", system_root, name) < 300);
}

/* Write a file below the root, making its directories. */
static void put(const char *name, const char *text) {
    char path[300];
    path_of(path, name);
    for (char *slash = path + strlen(system_root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fputs(text, file);
    fclose(file);
}

static void tree_begin(void) {
    strcpy(system_root, "/tmp/wpool_platform_XXXXXX");
    CHECK(mkdtemp(system_root) != NULL);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

/* Take the tree away and say what it meant: 0 is no limit. */
static unsigned tree_quota(void) {
    const unsigned quota = wpool__platform_cgroup();
    const unsigned cpus = wpool_cpus();
    unsigned long mask[WPOOL__CPU_WORDS];
    const unsigned allowed = wpool__platform_affinity(mask);
    nftw(system_root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    CHECK_EQ(cpus, quota && quota < allowed ? quota : allowed);
    return quota;
}

#define OTHER_MOUNTS                                                                      \
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"                            \
    "25 22 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:13 - proc proc rw\n"       \
    "31 22 0:27 / /sys/fs/cgroup/cpuset rw,relatime shared:9 - cgroup cgroup rw,cpuset\n" \
    "32 22 0:28 / /sys/fs/cgroup/systemd rw shared:8 - cgroup systemd rw,name=systemd\n"

#define V2_MOUNT "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

/* A system of the second version, whose process is in /a/b. */
static void tree_v2(const char *mount) {
    tree_begin();
    put("/proc/self/cgroup", "0::/a/b\n");
    put("/proc/self/mountinfo", mount);
}

static unsigned quota_v2(const char *text) {
    tree_v2(OTHER_MOUNTS V2_MOUNT);
    put("/sys/fs/cgroup/a/b/cpu.max", text);
    return tree_quota();
}

TEST(a_quota_counts_in_whole_cpus_rounded_up) {
    CHECK_EQ(quota_v2("100000 100000\n"), 1);
    CHECK_EQ(quota_v2("50000 100000\n"), 1);
    CHECK_EQ(quota_v2("1000 100000\n"), 1);
    CHECK_EQ(quota_v2("100001 100000\n"), 2);
    CHECK_EQ(quota_v2("150000 100000\n"), 2);
    CHECK_EQ(quota_v2("200000 100000\n"), 2);
    CHECK_EQ(quota_v2("1600000 50000\n"), 32);
}

TEST(no_quota_is_no_limit) {
    CHECK_EQ(quota_v2("max 100000\n"), 0);
    CHECK_EQ(quota_v2("max\n"), 0);
}

TEST(nonsense_is_no_limit) {
    CHECK_EQ(quota_v2(""), 0);
    CHECK_EQ(quota_v2("100000\n"), 0);
    CHECK_EQ(quota_v2("100000 0\n"), 0);
    CHECK_EQ(quota_v2("-5 100000\n"), 0);
    CHECK_EQ(quota_v2("0 100000\n"), 0);
    CHECK_EQ(quota_v2("many 100000\n"), 0);
}

TEST(the_smallest_quota_from_the_group_up_counts) {
    tree_v2(OTHER_MOUNTS V2_MOUNT);
    put("/sys/fs/cgroup/a/b/cpu.max", "800000 100000\n");
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    CHECK_EQ(tree_quota(), 3);
    tree_v2(V2_MOUNT);
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/a/cpu.max", "400000 100000\n");
    CHECK_EQ(tree_quota(), 4);
    tree_v2(V2_MOUNT);
    put("/sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    CHECK_EQ(tree_quota(), 2);
    tree_v2(V2_MOUNT);
    put("/sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n"); /* the root of a namespace has one */
    CHECK_EQ(tree_quota(), 1);
}

TEST(a_neighbours_quota_does_not_count) {
    tree_v2(V2_MOUNT);
    put("/sys/fs/cgroup/a/b/cpu.max", "800000 100000\n");
    put("/sys/fs/cgroup/a/c/cpu.max", "100000 100000\n");
    put("/sys/fs/cgroup/a/b/c/cpu.max", "100000 100000\n");
    put("/sys/fs/cpu.max", "100000 100000\n"); /* above the mount point */
    put("/cpu.max", "100000 100000\n");
    CHECK_EQ(tree_quota(), 8);
}

TEST(a_process_at_the_root_of_its_namespace_is_found) {
    tree_begin();
    put("/proc/self/cgroup", "0::/\n");
    put("/proc/self/mountinfo", V2_MOUNT);
    put("/sys/fs/cgroup/cpu.max", "500000 100000\n");
    CHECK_EQ(tree_quota(), 5);
}

TEST(a_quota_beyond_all_measure_is_no_limit) {
    const unsigned wraps = quota_v2("4294968296000 1000\n"); /* 2^32 + 1 CPUs */
    CHECK(wraps == 0 || wraps > 1000000);
    const unsigned largest = quota_v2("9223372036854775807 100000\n");
    CHECK(largest == 0 || largest > 1000000);
}

/* ---- the first version: a tree for each controller, or for some together ---- */

static void tree_v1(const char *group, const char *mount) {
    char lines[200];
    tree_begin();
    snprintf(lines, sizeof lines, "9:cpuset:/elsewhere\n4:%s\n1:name=systemd:/session\n", group);
    put("/proc/self/cgroup", lines);
    snprintf(lines, sizeof lines, "%s\n", mount);
    put("/proc/self/mountinfo", mount);
}

static void put_v1(const char *directory, const char *quota, const char *period) {
    char name[200];
    snprintf(name, sizeof name, "%s/cpu.cfs_quota_us", directory);
    put(name, quota);
    snprintf(name, sizeof name, "%s/cpu.cfs_period_us", directory);
    put(name, period);
}

TEST(the_cpu_controller_of_the_first_version_is_asked) {
    tree_v1("cpu:/a/b",
            OTHER_MOUNTS "33 22 0:29 / /sys/fs/cgroup/cpu rw shared:7 - cgroup cgroup rw,cpu\n");
    put_v1("/sys/fs/cgroup/cpuset/a/b", "100000\n", "100000\n");
    put_v1("/sys/fs/cgroup/cpu/a/b", "150000\n", "100000\n");
    put_v1("/sys/fs/cgroup/cpu/a", "-1\n", "100000\n");
    put_v1("/sys/fs/cgroup/cpu", "-1\n", "100000\n");
    CHECK_EQ(tree_quota(), 2);
}

TEST(a_quota_above_counts_in_the_first_version_too) {
    tree_v1("cpu:/a/b", "33 22 0:29 / /sys/fs/cgroup/cpu rw shared:7 - cgroup cgroup rw,cpu\n");
    put_v1("/sys/fs/cgroup/cpu/a/b", "-1\n", "100000\n");
    put_v1("/sys/fs/cgroup/cpu/a", "250000\n", "50000\n");
    put_v1("/sys/fs/cgroup/cpu", "-1\n", "100000\n");
    CHECK_EQ(tree_quota(), 5);
}

TEST(no_quota_in_the_first_version_is_no_limit) {
    tree_v1("cpu:/a/b", "33 22 0:29 / /sys/fs/cgroup/cpu rw shared:7 - cgroup cgroup rw,cpu\n");
    put_v1("/sys/fs/cgroup/cpu/a/b", "-1\n", "100000\n");
    CHECK_EQ(tree_quota(), 0);
}

TEST(the_cpu_controller_is_found_among_others) {
    tree_v1("cpu,cpuacct:/a", OTHER_MOUNTS
            "33 22 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:7 - cgroup cgroup rw,cpu,cpuacct\n");
    put_v1("/sys/fs/cgroup/cpu,cpuacct/a", "300000\n", "100000\n");
    CHECK_EQ(tree_quota(), 3);
    tree_v1("cpuacct,cpu:/a", OTHER_MOUNTS
            "33 22 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:7 - cgroup cgroup rw,cpuacct,cpu\n");
    put_v1("/sys/fs/cgroup/cpu,cpuacct/a", "400000\n", "100000\n");
    CHECK_EQ(tree_quota(), 4);
}

TEST(a_controller_with_a_longer_name_is_another_one) {
    tree_v1("cpuacct:/a", "33 22 0:29 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n");
    put_v1("/sys/fs/cgroup/cpuacct/a", "100000\n", "100000\n");
    CHECK_EQ(tree_quota(), 0);
    tree_v1("cpu:/a", "33 22 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n");
    put_v1("/sys/fs/cgroup/cpuset/a", "100000\n", "100000\n");
    CHECK_EQ(tree_quota(), 0);
}

TEST(with_both_versions_the_smaller_quota_counts) {
    tree_begin();
    put("/proc/self/cgroup", "4:cpu:/a\n0::/b\n");
    put("/proc/self/mountinfo",
        "33 22 0:29 / /sys/fs/cgroup/cpu rw shared:7 - cgroup cgroup rw,cpu\n"
        "34 22 0:30 / /sys/fs/cgroup/unified rw shared:6 - cgroup2 cgroup2 rw\n");
    put_v1("/sys/fs/cgroup/cpu/a", "600000\n", "100000\n");
    put("/sys/fs/cgroup/unified/b/cpu.max", "200000 100000\n");
    CHECK_EQ(tree_quota(), 2);
}

/* ---- what containers make of it: only a part of the tree is mounted ---- */

TEST(a_mounted_part_is_found_at_its_mount_point) {
    const char *mount = "33 22 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
    tree_v1("cpu:/docker/abc", mount);
    put_v1("/sys/fs/cgroup/cpu", "200000\n", "100000\n");
    CHECK_EQ(tree_quota(), 2);
    tree_v1("cpu:/docker/abc/inner", mount);
    put_v1("/sys/fs/cgroup/cpu", "600000\n", "100000\n");
    put_v1("/sys/fs/cgroup/cpu/inner", "300000\n", "100000\n");
    CHECK_EQ(tree_quota(), 3);
    tree_v2("30 22 0:26 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/b/cpu.max", "400000 100000\n");
    put("/sys/fs/cgroup/a/b/cpu.max", "100000 100000\n"); /* not this one */
    CHECK_EQ(tree_quota(), 4);
}

TEST(a_group_outside_of_the_mounted_part_is_that_part) {
    tree_begin();
    put("/proc/self/cgroup", "0::/\n");
    put("/proc/self/mountinfo", "30 22 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/cpu.max", "700000 100000\n");
    CHECK_EQ(tree_quota(), 7);
}

TEST(a_part_with_a_similar_name_does_not_hold_the_group) {
    tree_begin();
    put("/proc/self/cgroup", "0::/ab/c\n");
    put("/proc/self/mountinfo", "30 22 0:26 /a /mnt rw - cgroup2 cgroup2 rw\n" V2_MOUNT);
    put("/mntb/c/cpu.max", "100000 100000\n"); /* "/mnt" and what follows "/a" */
    put("/mnt/cpu.max", "100000 100000\n");
    put("/sys/fs/cgroup/ab/c/cpu.max", "600000 100000\n");
    CHECK_EQ(tree_quota(), 6);
}

TEST(a_mount_that_holds_the_group_is_preferred) {
    tree_begin();
    put("/proc/self/cgroup", "0::/a/b\n");
    put("/proc/self/mountinfo", "29 22 0:26 /other /mnt rw - cgroup2 cgroup2 rw\n" V2_MOUNT);
    put("/mnt/cpu.max", "100000 100000\n");
    put("/sys/fs/cgroup/a/b/cpu.max", "600000 100000\n");
    CHECK_EQ(tree_quota(), 6);
}

/* ---- nothing there ---- */

TEST(without_control_groups_there_is_no_limit) {
    tree_begin();
    CHECK_EQ(tree_quota(), 0);
    tree_begin();
    put("/proc/self/cgroup", "");
    CHECK_EQ(tree_quota(), 0);
    tree_begin();
    put("/proc/self/cgroup", "garbage\n::\n:::\n0:\n");
    put("/proc/self/mountinfo", "garbage\n - \n1 2 3 - cgroup2\n");
    CHECK_EQ(tree_quota(), 0);
    tree_v2(OTHER_MOUNTS);
    CHECK_EQ(tree_quota(), 0);
    tree_v2(V2_MOUNT); /* mounted, but its files are not there */
    CHECK_EQ(tree_quota(), 0);
}

TEST(a_long_path_is_no_trouble) {
    char line[4000], name[3901];
    memset(name, 'x', 3900);
    name[3900] = '\0';
    snprintf(line, sizeof line, "0::/%s\n", name);
    tree_begin();
    put("/proc/self/cgroup", line);
    put("/proc/self/mountinfo", V2_MOUNT);
    put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
    CHECK_EQ(tree_quota(), 3);
}

/* ---- the affinity mask ---- */

static int count_allowed(void) {
    cpu_set_t all;
    CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    return CPU_COUNT(&all);
}

TEST(only_the_cpus_of_the_affinity_mask_count) {
    cpu_set_t all, some;
    CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&some);
    tree_begin();
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all)) continue;
        CPU_SET(cpu, &some);
        CHECK_EQ(sched_setaffinity(0, sizeof some, &some), 0);
        CHECK_EQ(wpool_cpus(), CPU_COUNT(&some));
        CHECK_EQ(wpool_io_workers(), 10 * CPU_COUNT(&some));
        wpool *pool = pool_from((wpool_config){0});
        CHECK_EQ(pool_stats(pool).workers, CPU_COUNT(&some));
        CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    }
    CHECK_EQ(tree_quota(), 0);
}

TEST(a_pool_has_one_worker_per_cpu_of_the_quota) {
    tree_v2(V2_MOUNT);
    put("/sys/fs/cgroup/a/b/cpu.max", "60000 100000\n");
    CHECK_EQ(wpool_cpus(), 1);
    CHECK_EQ(wpool_io_workers(), 10);
    wpool *pool = pool_from((wpool_config){0});
    CHECK_EQ(pool_stats(pool).workers, 1);
    CHECK_EQ(wpool_destroy(pool), WPOOL_OK);
    CHECK_EQ(tree_quota(), 1);
}

TEST(a_quota_above_the_affinity_mask_gives_no_more_cpus) {
    tree_v2(V2_MOUNT);
    put("/sys/fs/cgroup/a/b/cpu.max", "6400000 100000\n");
    CHECK_EQ(wpool_cpus(), count_allowed());
    CHECK_EQ(tree_quota(), 64);
}

/* ---- the real thing ---- */

static bool write_file(const char *directory, const char *name, const char *text) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (!file) return false;
    const bool has_written = fputs(text, file) >= 0;
    return fclose(file) == 0 && has_written;
}

TEST(a_real_control_group_of_the_first_version_limits) {
    const char *top = "/sys/fs/cgroup/cpu";
    char group[100];
    snprintf(group, sizeof group, "%s/wpool_test_%ld", top, (long)getpid());
    if (count_allowed() < 2) SKIP("only one CPU to be had");
    const unsigned free_cpus = wpool_cpus(); /* system_root is empty: the real tree */
    if (mkdir(group, 0700) != 0) SKIP("cannot make a control group of the first version");
    const bool is_set = write_file(group, "cpu.cfs_period_us", "100000") &&
                        write_file(group, "cpu.cfs_quota_us", "90000") &&
                        write_file(group, "tasks", "0");
    const unsigned limited_cpus = wpool_cpus();
    const bool is_wide = is_set && write_file(group, "cpu.cfs_quota_us", "110000");
    const unsigned wider_cpus = wpool_cpus();
    write_file(top, "tasks", "0");
    rmdir(group);
    if (!is_set || !is_wide) SKIP("cannot set a quota of the first version");
    CHECK_EQ(limited_cpus, 1);
    CHECK_EQ(wider_cpus, 2);
    CHECK_EQ(wpool_cpus(), free_cpus);
}
