/* SPDX-License-Identifier: Apache-2.0 */
/* pool/pool_cgroup: the caps, weights and floors of pools, in a plain directory that plays the cgroup tree. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "pool/charge.h"
#include "pool/pool_cgroup.h"

#define MIB (INT64_C(1) << 20)

static const struct bsn_host host = { .total = { { 4000, 1000 * MIB, 4096 * MIB, 4000 } } };

struct scratch {
	char path[64];
	int fd;
	struct bsn_ledger *ledger;
	struct bsn_owner self;
	char cgroups[80];
};

static int set_up(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	strcpy(scratch->path, "/tmp/basin-unit.XXXXXX");
	if (mkdtemp(scratch->path) == NULL || bsn_owner_self(&scratch->self, NULL) < 0)
		return -1;
	snprintf(scratch->cgroups, sizeof(scratch->cgroups), "%s/cgroup", scratch->path);
	int cgroups = bsn_open_dirs(AT_FDCWD, scratch->cgroups, 0755);
	if (bsn_replace_file(cgroups, "cgroup.controllers", "cpu memory pids\n", 16, 0644, false) < 0)
		return -1;
	close(cgroups);
	scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = scratch;
	return bsn_ledger_open(scratch->fd, &scratch->ledger, NULL);
}

static int tear_down(void **state)
{
	struct scratch *scratch = *state;
	bsn_ledger_close(scratch->ledger);
	close(scratch->fd);
	int r = bsn_remove_tree(AT_FDCWD, scratch->path);
	free(scratch);
	return r;
}

static void has(const struct scratch *scratch, const char *file, const char *expected)
{
	char path[PATH_MAX];
	auto_free char *found = NULL;
	snprintf(path, sizeof(path), "cgroup/%s", file);
	if (bsn_read_file(scratch->fd, path, 4096, &found, NULL) < 0)
		fail_msg("there is no %s", file);
	assert_string_equal(found, expected);
}

static void create(struct scratch *scratch, const char *name, struct basin_amounts capacity)
{
	struct bsn_pool_settings settings = BSN_POOL_SETTINGS_UNSET;
	struct basin_error err = { 0 };
	settings.capacity = capacity;
	if (bsn_pool_create(scratch->ledger, &host, name, &settings, BSN_RESOURCES_ALL, false, &err) < 0 ||
	    bsn_pool_cgroup_ensure(scratch->ledger, &host, scratch->cgroups, name, &err) < 0)
		fail_msg("%s", err.text);
}

static void join(struct scratch *scratch, const char *name, int64_t memory_request, struct basin_amounts limit)
{
	struct bsn_ask ask = { .pool = "/team/dev",
			       .consumer = name,
			       .request = BASIN_AMOUNTS_UNSET,
			       .limit = limit,
			       .cpu_weight = BASIN_UNSET,
			       .resources = BSN_RESOURCES_ALL };
	struct basin_error err = { 0 };
	ask.request.of[BASIN_MEMORY] = memory_request;
	if (bsn_charge_reserve(scratch->ledger, &host, &ask, &scratch->self, false, NULL, &err) < 0 ||
	    bsn_charge_bind(scratch->ledger, name, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_paths(void **state)
{
	(void)state;
	char path[BSN_POOL_CGROUP_MAX];
	assert_int_equal(bsn_pool_cgroup_path("/", path, sizeof(path), NULL), 0);
	assert_string_equal(path, "");
	assert_int_equal(bsn_pool_cgroup_path("/team", path, sizeof(path), NULL), 0);
	assert_string_equal(path, "pool-team");
	assert_int_equal(bsn_pool_cgroup_path("/team/dev", path, sizeof(path), NULL), 0);
	assert_string_equal(path, "pool-team/pool-dev");
	assert_true(bsn_pool_cgroup_path("/team/dev", path, 12, NULL) < 0);
}

static void test_caps(void **state)
{
	struct scratch *scratch = *state;
	create(scratch, "/team", (struct basin_amounts){ { 1500, 512 * MIB, BASIN_UNSET, 300 } });
	create(scratch, "/team/dev", (struct basin_amounts)BASIN_AMOUNTS_UNSET);
	has(scratch, "pool-team/cpu.max", "150000 100000");
	has(scratch, "pool-team/memory.max", "536870912");
	has(scratch, "pool-team/memory.swap.max", "0");
	has(scratch, "pool-team/pids.max", "300");
	has(scratch, "pool-team/cpu.weight", "150");
	has(scratch, "pool-team/pool-dev/cpu.max", "150000 100000");
	has(scratch, "pool-team/pool-dev/cpu.weight", "1");
	has(scratch, "pool-team/memory.min", "0");
}

static void test_floors_are_the_members_added_up(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	create(scratch, "/team", (struct basin_amounts){ { 1500, 512 * MIB, BASIN_UNSET, 300 } });
	create(scratch, "/team/dev", (struct basin_amounts){ { 1000, 256 * MIB, BASIN_UNSET, BASIN_UNSET } });
	join(scratch, "hard", BASIN_UNSET, (struct basin_amounts){ { 200, 100 * MIB, 1, 1 } });
	join(scratch, "soft", 30 * MIB, (struct basin_amounts){ { 100, 60 * MIB, 1, 1 } });
	join(scratch, "away", BASIN_UNSET, (struct basin_amounts){ { 100, 20 * MIB, 1, 1 } });
	assert_int_equal(bsn_charge_keep(scratch->ledger, "away", BSN_RESOURCE_BIT(BASIN_STORAGE), &err), 0);
	assert_int_equal(bsn_pool_cgroup_ensure(scratch->ledger, &host, scratch->cgroups, "/team/dev", &err), 0);
	has(scratch, "pool-team/pool-dev/memory.min", "104857600");
	has(scratch, "pool-team/pool-dev/memory.low", "31457280");
	has(scratch, "pool-team/memory.min", "104857600");
	has(scratch, "pool-team/memory.low", "31457280");
	has(scratch, "pool-team/pool-dev/cpu.weight", "100");
}

static void test_made_again_and_removed(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	create(scratch, "/team", (struct basin_amounts){ { BASIN_UNSET, 512 * MIB, BASIN_UNSET, BASIN_UNSET } });
	create(scratch, "/team/dev", (struct basin_amounts)BASIN_AMOUNTS_UNSET);
	int cgroups = openat(scratch->fd, "cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(bsn_remove_tree(cgroups, "pool-team"), 0);
	assert_int_equal(bsn_pool_cgroup_ensure(scratch->ledger, &host, scratch->cgroups, "/team/dev", &err), 0);
	has(scratch, "pool-team/memory.max", "536870912");
	has(scratch, "pool-team/pool-dev/memory.max", "536870912");
	assert_true(bsn_pool_cgroup_ensure(scratch->ledger, &host, scratch->cgroups, "/nobody", &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_int_equal(bsn_pool_cgroup_destroy(scratch->cgroups, "/team/dev", &err), 0);
	assert_int_equal(bsn_pool_cgroup_destroy(scratch->cgroups, "/team/dev", &err), 0);
	assert_int_equal(faccessat(cgroups, "pool-team/pool-dev", F_OK, 0), -1);
	has(scratch, "pool-team/memory.max", "536870912");
	close(cgroups);
}

static void test_without_controllers(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	unsigned int enforceable = 0;
	assert_int_equal(bsn_pool_enforceable(scratch->cgroups, scratch->fd, &enforceable, &err), 0);
	assert_int_equal(enforceable & ~BSN_RESOURCE_BIT(BASIN_STORAGE), BSN_RESOURCES_ALL & ~BSN_RESOURCE_BIT(BASIN_STORAGE));
	int cgroups = openat(scratch->fd, "cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(bsn_replace_file(cgroups, "cgroup.controllers", "pids\n", 5, 0644, false), 0);
	assert_int_equal(bsn_pool_enforceable(scratch->cgroups, scratch->fd, &enforceable, &err), 0);
	assert_int_equal(enforceable & ~BSN_RESOURCE_BIT(BASIN_STORAGE), BSN_RESOURCE_BIT(BASIN_PIDS));
	create(scratch, "/team", (struct basin_amounts){ { 1000, 512 * MIB, BASIN_UNSET, 300 } });
	has(scratch, "pool-team/pids.max", "300");
	assert_int_equal(faccessat(cgroups, "pool-team/memory.max", F_OK, 0), -1);
	close(cgroups);
	/* No cgroup tree at all: nothing is enforceable, and that is an answer. */
	assert_int_equal(bsn_pool_enforceable("/tmp/does/not/exist", scratch->fd, &enforceable, &err), 0);
	assert_int_equal(enforceable & ~BSN_RESOURCE_BIT(BASIN_STORAGE), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_paths),
		TEST(test_caps),
		TEST(test_floors_are_the_members_added_up),
		TEST(test_made_again_and_removed),
		TEST(test_without_controllers),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("pool_cgroup", tests, NULL, NULL);
}
