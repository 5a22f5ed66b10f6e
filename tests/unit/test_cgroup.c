/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups in a plain directory that plays the mount: trees, paths, knobs, refusals, conversions, removal. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/str.h"
#include "pool/cgroup.h"

struct fixture {
	char path[64];
	struct bsn_cgroup_tree tree;
};

static void put(struct fixture *f, const char *file, const char *text)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", f->path, file);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void has(struct fixture *f, const char *file, const char *text)
{
	auto_free char *found = NULL;
	if (text == NULL) {
		assert_int_equal(bsn_read_file(f->tree.fd, file, 4096, &found, NULL), -ENOENT);
		return;
	}
	assert_true(bsn_read_file(f->tree.fd, file, 4096, &found, NULL) >= 0);
	assert_string_equal(found, text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->path, "/tmp/basin-test-cgroup-XXXXXX");
	if (mkdtemp(f->path) == NULL)
		return -1;
	*state = f;
	put(f, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
	return bsn_cgroup_tree_open(f->path, &f->tree, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	bsn_cgroup_tree_close(&f->tree);
	int r = bsn_remove_tree(AT_FDCWD, f->path);
	free(f);
	return r;
}

static void tree_of_a_directory(void **state)
{
	struct fixture *f = *state;
	assert_true(f->tree.fake);
	assert_string_equal(f->tree.mount, f->path);
	assert_string_equal(f->tree.base, "");
	struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	struct basin_error err;
	assert_int_equal(bsn_cgroup_tree_open("/tmp/does/not/exist", &tree, &err), -ENOENT);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_int_equal(bsn_cgroup_tree_open("a/../../b", &tree, &err), -EINVAL);
	assert_int_equal(err.code, BASIN_USAGE);
	assert_int_equal(tree.fd, -1);
}

static void paths(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	struct bsn_cgroup_tree tree = f->tree;
	strcpy(tree.base, "basin");
	assert_int_equal(bsn_cgroup_path(&tree, "/team/dev", path, sizeof(path), NULL), 0);
	assert_string_equal(path, "basin/team/dev");
	assert_int_equal(bsn_cgroup_path(&tree, "/", path, sizeof(path), NULL), 0);
	assert_string_equal(path, "basin");
	tree.base[0] = '\0';
	assert_int_equal(bsn_cgroup_path(&tree, "x", path, sizeof(path), NULL), 0);
	assert_string_equal(path, "x");
	struct basin_error err;
	assert_true(bsn_cgroup_path(&tree, "a/../../etc", path, sizeof(path), &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	assert_true(bsn_cgroup_path(&tree, "a/..b/c..", path, sizeof(path), NULL) == 0);
	assert_true(bsn_cgroup_path(&tree, "abcdefgh", path, 4, NULL) < 0);
}

static void knobs_are_written(void **state)
{
	struct fixture *f = *state;
	struct bsn_cgroup_resources r = BSN_CGROUP_RESOURCES_INIT;
	r.cpu_weight = 50;
	r.cpu_quota = 50000;
	r.cpu_period = 100000;
	r.memory_max = 1 << 20;
	r.memory_swap_max = 0;
	r.pids_max = BSN_CGROUP_MAX;
	struct bsn_cgroup_io io[] = { { BSN_IO_RBPS, 8, 0, 1000 } };
	struct bsn_cgroup_unified unified[] = { { (char *)"memory.high", (char *)"900000" } };
	r.io = io;
	r.io_count = 1;
	r.unified = unified;
	r.unified_count = 1;
	int fd = -1;
	assert_int_equal(bsn_cgroup_create(&f->tree, "a/b/c", &r, &fd, NULL), 0);
	assert_true(fd >= 0);
	close(fd);
	has(f, "a/b/c/cpu.weight", "50");
	has(f, "a/b/c/cpu.max", "50000 100000");
	has(f, "a/b/c/memory.max", "1048576");
	has(f, "a/b/c/memory.swap.max", "0");
	has(f, "a/b/c/pids.max", "max");
	has(f, "a/b/c/io.max", "8:0 rbps=1000");
	has(f, "a/b/c/memory.high", "900000");
	has(f, "a/b/c/cpu.idle", NULL);
	/* An update changes what it names and nothing else. */
	struct bsn_cgroup_resources less = BSN_CGROUP_RESOURCES_INIT;
	less.cpu_idle = 1;
	less.cpu_weight = 7;
	less.cpu_quota = BSN_CGROUP_MAX;
	assert_int_equal(bsn_cgroup_update(&f->tree, "a/b/c", &less, NULL), 0);
	has(f, "a/b/c/cpu.idle", "1");
	has(f, "a/b/c/cpu.weight", "50");
	has(f, "a/b/c/cpu.max", "max");
	has(f, "a/b/c/memory.max", "1048576");
}

/* Where BFQ's file is, it gets version 1's weight and the other one nothing. */
static void weights_of_io(void **state)
{
	struct fixture *f = *state;
	struct bsn_cgroup_resources r = BSN_CGROUP_RESOURCES_INIT;
	struct bsn_cgroup_io io[] = { { BSN_IO_WEIGHT, 8, 16, bsn_cgroup_io_weight(444) } };
	assert_int_equal(bsn_cgroup_create(&f->tree, "w", NULL, NULL, NULL), 0);
	r.io_weight = bsn_cgroup_io_weight(750);
	assert_int_equal(bsn_cgroup_update(&f->tree, "w", &r, NULL), 0);
	has(f, "w/io.weight", "7475");
	put(f, "w/io.bfq.weight", "");
	r.io_weight = bsn_cgroup_io_weight(333);
	assert_int_equal(bsn_cgroup_update(&f->tree, "w", &r, NULL), 0);
	has(f, "w/io.weight", "7475");
	has(f, "w/io.bfq.weight", "333");
	put(f, "w/io.bfq.weight", "");
	r.io_weight = BSN_CGROUP_UNSET;
	r.io = io;
	r.io_count = 1;
	assert_int_equal(bsn_cgroup_update(&f->tree, "w", &r, NULL), 0);
	has(f, "w/io.bfq.weight", "8:16 444");
	for (uint64_t weight = 10; weight <= 1000; weight++)
		assert_int_equal(bsn_cgroup_io_weight_bfq(bsn_cgroup_io_weight(weight)), weight);
}

static void limits_are_lifted(void **state)
{
	struct fixture *f = *state;
	struct bsn_cgroup_resources r = BSN_CGROUP_RESOURCES_INIT;
	r.pids_max = 5;
	r.memory_max = 4096;
	assert_int_equal(bsn_cgroup_create(&f->tree, "l", &r, NULL, NULL), 0);
	has(f, "l/pids.max", "5");
	r.pids_max = BSN_CGROUP_MAX;
	r.memory_max = BSN_CGROUP_MAX;
	assert_int_equal(bsn_cgroup_update(&f->tree, "l", &r, NULL), 0);
	has(f, "l/pids.max", "max");
	has(f, "l/memory.max", "max");
}

static void memory_in_use_is_not_cut(void **state)
{
	struct fixture *f = *state;
	struct bsn_cgroup_resources r = BSN_CGROUP_RESOURCES_INIT;
	struct basin_error err;
	assert_int_equal(bsn_cgroup_create(&f->tree, "m", NULL, NULL, NULL), 0);
	put(f, "m/memory.current", "5000\n");
	r.memory_max = 4000;
	r.memory_check = true;
	assert_int_equal(bsn_cgroup_update(&f->tree, "m", &r, &err), -EBUSY);
	assert_int_equal(err.code, BASIN_BUSY);
	assert_non_null(strstr(err.text, "5000"));
	has(f, "m/memory.max", NULL);
	has(f, "m/memory.reclaim", "1000");
	r.memory_check = false;
	assert_int_equal(bsn_cgroup_update(&f->tree, "m", &r, &err), 0);
	has(f, "m/memory.max", "4000");
}

static void missing_controller_is_named(void **state)
{
	struct fixture *f = *state;
	put(f, "cgroup.controllers", "hugetlb\n");
	struct bsn_cgroup_resources r = BSN_CGROUP_RESOURCES_INIT;
	struct basin_error err;
	r.memory_max = 1;
	r.pids_max = 1;
	assert_true(bsn_cgroup_create(&f->tree, "p", &r, NULL, &err) < 0);
	assert_int_equal(err.code, BASIN_UNSUPPORTED);
	assert_non_null(strstr(err.text, "no memory controller"));
	has(f, "p/memory.max", NULL);
	assert_int_equal(bsn_cgroup_open(&f->tree, "p", &(int){ -1 }, &err), -ENOENT);
	uint32_t mask = 0;
	assert_int_equal(bsn_cgroup_controllers(&f->tree, &mask, NULL), 0);
	assert_int_equal(mask, BSN_CONTROLLER_BIT(BSN_CONTROLLER_HUGETLB));
	uint32_t dropped = bsn_cgroup_resources_restrict(&r, mask);
	assert_int_equal(dropped, BSN_CONTROLLER_BIT(BSN_CONTROLLER_MEMORY) | BSN_CONTROLLER_BIT(BSN_CONTROLLER_PIDS));
	assert_int_equal(bsn_cgroup_resources_controllers(&r), 0);
	assert_int_equal(bsn_cgroup_create(&f->tree, "p", &r, NULL, &err), 0);
}

static void busy_ones_are_refused(void **state)
{
	struct fixture *f = *state;
	struct basin_error err;
	int fd = -1;
	assert_int_equal(bsn_cgroup_ensure(&f->tree, "x", NULL, NULL), 0);
	assert_int_equal(bsn_cgroup_create(&f->tree, "x", NULL, &fd, NULL), 0);
	assert_int_equal(bsn_cgroup_populated(fd), 0);
	put(f, "x/cgroup.events", "populated 1\nfrozen 0\n");
	assert_int_equal(bsn_cgroup_populated(fd), 1);
	assert_int_equal(bsn_cgroup_frozen(fd), 0);
	assert_int_equal(bsn_cgroup_create(&f->tree, "x", NULL, NULL, &err), -EBUSY);
	assert_non_null(strstr(err.text, "has processes"));
	assert_int_equal(bsn_cgroup_ensure(&f->tree, "x", NULL, NULL), 0);
	assert_int_equal(bsn_cgroup_remove_empty(&f->tree, "x", &err), -EBUSY);
	assert_int_equal(bsn_cgroup_wait_empty(fd, 20, &err), -ETIMEDOUT);
	assert_int_equal(err.code, BASIN_TIMEOUT);
	put(f, "x/cgroup.events", "populated 0\nfrozen 1\n");
	assert_int_equal(bsn_cgroup_create(&f->tree, "x", NULL, NULL, &err), -EBUSY);
	assert_non_null(strstr(err.text, "frozen"));
	close(fd);
}

static void removal_is_idempotent(void **state)
{
	struct fixture *f = *state;
	struct basin_error err;
	strcpy(f->tree.base, "base");
	assert_int_equal(bsn_cgroup_create(&f->tree, "base/oci/one", NULL, NULL, NULL), 0);
	assert_int_equal(bsn_cgroup_create(&f->tree, "base/oci/one/sub", NULL, NULL, NULL), 0);
	assert_int_equal(bsn_cgroup_destroy(&f->tree, "base/oci/one", &err), 0);
	assert_int_equal(bsn_cgroup_destroy(&f->tree, "base/oci/one", &err), 0);
	assert_int_equal(bsn_cgroup_remove_empty(&f->tree, "base/oci/one", &err), 0);
	assert_true(bsn_cgroup_destroy(&f->tree, "", &err) < 0);
	assert_int_equal(bsn_cgroup_create(&f->tree, "base/oci/two", NULL, NULL, NULL), 0);
	bsn_cgroup_prune(&f->tree, "base/oci/one");
	assert_int_equal(faccessat(f->tree.fd, "base/oci/two", F_OK, 0), 0);
	assert_int_equal(bsn_cgroup_destroy(&f->tree, "base/oci/two", &err), 0);
	bsn_cgroup_prune(&f->tree, "base/oci/two");
	assert_int_equal(faccessat(f->tree.fd, "base", F_OK, 0), -1);
	/* Nothing outside the base is pruned. */
	assert_int_equal(bsn_cgroup_ensure(&f->tree, "other/a", NULL, NULL), 0);
	assert_int_equal(bsn_cgroup_destroy(&f->tree, "other/a", NULL), 0);
	bsn_cgroup_prune(&f->tree, "other/a");
	assert_int_equal(faccessat(f->tree.fd, "other", F_OK, 0), 0);
}

static void bad_values_are_usage_errors(void **state)
{
	struct fixture *f = *state;
	struct basin_error err;
	struct bsn_cgroup_resources r = BSN_CGROUP_RESOURCES_INIT;
	struct bsn_cgroup_unified slash = { (char *)"../memory.max", (char *)"1" };
	struct bsn_cgroup_hugetlb huge = { (char *)"../2MB", 1 };
	r.unified = &slash;
	r.unified_count = 1;
	assert_true(bsn_cgroup_create(&f->tree, "u", &r, NULL, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	r.unified_count = 0;
	r.hugetlb = &huge;
	r.hugetlb_count = 1;
	assert_true(bsn_cgroup_create(&f->tree, "u", &r, NULL, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
}

static void statistics(void **state)
{
	struct fixture *f = *state;
	int fd = -1;
	struct bsn_cgroup_stats stats;
	assert_int_equal(bsn_cgroup_create(&f->tree, "s", NULL, &fd, NULL), 0);
	put(f, "s/cpu.stat", "usage_usec 12\nuser_usec 7\nsystem_usec 5\nnr_periods 3\nnr_throttled 1\nthrottled_usec 9\n");
	put(f, "s/memory.current", "4096\n");
	put(f, "s/memory.max", "max\n");
	put(f, "s/memory.events", "low 0\nhigh 0\nmax 4\noom 2\noom_kill 1\noom_group_kill 8\n");
	put(f, "s/memory.stat", "anon 10\nfile 20\nkernel_stack 99\nkernel 30\n");
	put(f, "s/io.stat", "8:0 rbytes=100 wbytes=1 rios=2 wios=3 dbytes=0\n8:16 rbytes=11 wbytes=0 rios=1 wios=0\n");
	assert_int_equal(bsn_cgroup_stats(fd, &stats, NULL), 0);
	assert_int_equal(stats.cpu_usage_us, 12);
	assert_int_equal(stats.cpu_throttled_us, 9);
	assert_int_equal(stats.memory_current, 4096);
	assert_int_equal(stats.memory_max, BSN_CGROUP_MAX);
	assert_int_equal(stats.memory_kernel, 30);
	assert_int_equal(stats.memory_slab, BSN_CGROUP_UNSET);
	assert_int_equal(stats.memory_events_oom_kill, 1);
	assert_int_equal(bsn_cgroup_oom_kills(fd), 1);
	assert_int_equal(stats.pids_current, BSN_CGROUP_UNSET);
	assert_int_equal(stats.io_read_bytes, 111);
	assert_int_equal(stats.io_writes, 3);
	close(fd);
}

static void conversions(void **state)
{
	(void)state;
	/* The three points of the curve, and values that runc's own formula gives. */
	static const struct {
		uint64_t shares;
		int64_t weight;
	} points[] = { { 2, 1 }, { 1024, 100 }, { 262144, 10000 }, { 0, 1 }, { 512, 59 }, { 2048, 174 }, { 100, 17 }, { 10, 4 } };
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		assert_int_equal(bsn_cgroup_weight_of_shares(points[i].shares), points[i].weight);
	assert_int_equal(bsn_cgroup_io_weight(10), 1);
	assert_int_equal(bsn_cgroup_io_weight(1000), 10000);
	assert_int_equal(bsn_cgroup_io_weight(505), 5000);
	int64_t swap = 0;
	assert_int_equal(bsn_cgroup_swap_of_total(100, 150, &swap, NULL), 0);
	assert_int_equal(swap, 50);
	assert_int_equal(bsn_cgroup_swap_of_total(100, BSN_CGROUP_MAX, &swap, NULL), 0);
	assert_int_equal(swap, BSN_CGROUP_MAX);
	struct basin_error err;
	assert_true(bsn_cgroup_swap_of_total(100, 50, &swap, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	assert_true(bsn_cgroup_swap_of_total(BSN_CGROUP_UNSET, 50, &swap, &err) < 0);
	/* No swap at all needs no limit of memory, and without one nothing is taken off. */
	assert_int_equal(bsn_cgroup_swap_of_total(BSN_CGROUP_UNSET, 0, &swap, NULL), 0);
	assert_int_equal(swap, 0);
	assert_int_equal(bsn_cgroup_swap_of_total(BSN_CGROUP_MAX, 50, &swap, NULL), 0);
	assert_int_equal(swap, 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tree_of_a_directory),
		TEST(paths),
		TEST(knobs_are_written),
		TEST(weights_of_io),
		TEST(limits_are_lifted),
		TEST(memory_in_use_is_not_cut),
		TEST(missing_controller_is_named),
		TEST(busy_ones_are_refused),
		TEST(removal_is_idempotent),
		TEST(bad_values_are_usage_errors),
		TEST(statistics),
		cmocka_unit_test(conversions),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
