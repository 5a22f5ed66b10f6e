/* SPDX-License-Identifier: Apache-2.0 */
/* pool/pool, charge, pool_report: admission through the ledger, its refusals, its races, and what a dead process leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"
#include "pool/charge.h"
#include "pool/ledger.h"
#include "pool/pool.h"
#include "pool/query.h"

#define MIB (INT64_C(1) << 20)
#define AMOUNTS(cpu, memory, storage, pids)                                                                                      \
	{                                                                                                                        \
		{                                                                                                                \
			cpu, memory, storage, pids                                                                               \
		}                                                                                                                \
	}
#define NONE BASIN_UNSET

/* 4 CPUs, 1000 MiB of which 50 are the host's, 4 GiB, 4000 tasks. */
static const struct bsn_host host = { .total = AMOUNTS(4000, 1000 * MIB, 4096 * MIB, 4000) };

struct scratch {
	char path[64];
	int fd;
	struct bsn_ledger *ledger;
	struct bsn_owner self;
};

static int set_up(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	strcpy(scratch->path, "/tmp/basin-unit.XXXXXX");
	if (mkdtemp(scratch->path) == NULL || bsn_owner_self(&scratch->self, NULL) < 0)
		return -1;
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

static int create(struct bsn_ledger *ledger, const char *name, struct basin_amounts capacity, struct basin_error *err)
{
	struct bsn_pool_settings settings = BSN_POOL_SETTINGS_UNSET;
	settings.capacity = capacity;
	return bsn_pool_create(ledger, &host, name, &settings, BSN_RESOURCES_ALL, false, err);
}

static void must_create(struct bsn_ledger *ledger, const char *name, struct basin_amounts capacity)
{
	struct basin_error err = { 0 };
	if (create(ledger, name, capacity, &err) < 0)
		fail_msg("%s", err.text);
}

static int reserve(const struct scratch *scratch, const char *pool, const char *consumer, struct basin_amounts limit,
		   struct basin_error *err)
{
	const struct bsn_ask ask = { .pool = pool,
				     .consumer = consumer,
				     .request = BASIN_AMOUNTS_UNSET,
				     .limit = limit,
				     .cpu_weight = BASIN_UNSET,
				     .resources = BSN_RESOURCES_ALL };
	return bsn_charge_reserve(scratch->ledger, &host, &ask, &scratch->self, false, NULL, err);
}

static int64_t promised(struct bsn_ledger *ledger, const char *pool, enum basin_resource resource)
{
	struct bsn_pool_report report;
	assert_int_equal(bsn_pool_report(ledger, &host, pool, &report, NULL), 0);
	return report.of[resource].promised;
}

/* --- pools --- */

static void test_root_exists(void **state)
{
	struct bsn_ledger *ledger = ((struct scratch *)*state)->ledger;
	struct bsn_pool_report report;
	struct basin_error err = { 0 };
	struct bsn_pool pool;
	assert_int_equal(bsn_pool_get(ledger, "/", &pool, &err), 0);
	assert_int_equal(bsn_pool_report(ledger, &host, "/", &report, &err), 0);
	assert_int_equal(report.of[BASIN_MEMORY].capacity, 1000 * MIB);
	assert_int_equal(report.of[BASIN_MEMORY].reserved, 50 * MIB);
	assert_int_equal(report.of[BASIN_MEMORY].allocatable, 950 * MIB);
	assert_int_equal(report.of[BASIN_CPU].free, 16000);
	assert_true(bsn_pool_remove(ledger, "/", &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	assert_true(create(ledger, "/", (struct basin_amounts)BASIN_AMOUNTS_UNSET, &err) < 0);
	assert_int_equal(err.code, BASIN_EXISTS);
}

static void test_create_checks(void **state)
{
	struct bsn_ledger *ledger = ((struct scratch *)*state)->ledger;
	struct basin_error err = { 0 };
	struct basin_amounts any = BASIN_AMOUNTS_UNSET;
	assert_true(create(ledger, "team", any, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	assert_true(create(ledger, "/team/dev", any, &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_true(create(ledger, "/team", (struct basin_amounts)AMOUNTS(0, NONE, NONE, NONE), &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	assert_true(create(ledger, "/team", (struct basin_amounts)AMOUNTS(4001, NONE, NONE, NONE), &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_true(create(ledger, "/team", (struct basin_amounts)AMOUNTS(NONE, 951 * MIB, NONE, NONE), &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	must_create(ledger, "/team", (struct basin_amounts)AMOUNTS(2000, 512 * MIB, 1024 * MIB, 1000));
	assert_true(create(ledger, "/team", any, &err) < 0);
	assert_int_equal(err.code, BASIN_EXISTS);
	/* Guarantees add up: 512 and 439 MiB are one more than 950. */
	assert_true(create(ledger, "/two", (struct basin_amounts)AMOUNTS(NONE, 439 * MIB, NONE, NONE), &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_non_null(strstr(err.text, "asked 439MiB, free 438MiB"));
	must_create(ledger, "/two", (struct basin_amounts)AMOUNTS(NONE, 438 * MIB, NONE, NONE));
	struct bsn_pool_settings settings = BSN_POOL_SETTINGS_UNSET;
	settings.capacity.of[BASIN_MEMORY] = 100 * MIB;
	settings.guarantee.of[BASIN_MEMORY] = 101 * MIB;
	assert_true(bsn_pool_create(ledger, &host, "/three", &settings, BSN_RESOURCES_ALL, false, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	settings.guarantee.of[BASIN_MEMORY] = 0;
	assert_int_equal(bsn_pool_create(ledger, &host, "/three", &settings, BSN_RESOURCES_ALL, true, &err), 0);
	struct bsn_pool pool;
	assert_true(bsn_pool_get(ledger, "/three", &pool, &err) < 0);
	assert_int_equal(bsn_pool_create(ledger, &host, "/three", &settings, BSN_RESOURCES_ALL, false, &err), 0);
}

static void test_enforcement(void **state)
{
	struct bsn_ledger *ledger = ((struct scratch *)*state)->ledger;
	struct basin_error err = { 0 };
	struct bsn_pool_settings settings = BSN_POOL_SETTINGS_UNSET;
	unsigned int some = BSN_RESOURCES_ALL & ~BSN_RESOURCE_BIT(BASIN_MEMORY);
	struct bsn_pool pool;
	assert_true(bsn_pool_create(ledger, &host, "/team", &settings, some, false, &err) < 0);
	assert_int_equal(err.code, BASIN_UNSUPPORTED);
	assert_non_null(strstr(err.text, "memory"));
	assert_non_null(strstr(err.text, "--enforce available"));
	settings.enforce = BSN_ENFORCE_AVAILABLE;
	assert_int_equal(bsn_pool_create(ledger, &host, "/team", &settings, some, false, &err), 0);
	assert_int_equal(bsn_pool_get(ledger, "/team", &pool, &err), 0);
	assert_int_equal(pool.enforced, some);
	assert_int_equal(bsn_pool_ensure_default(ledger, &host, BSN_RESOURCES_ALL, BSN_ENFORCE_REQUIRED, &err), 1);
	assert_int_equal(bsn_pool_ensure_default(ledger, &host, BSN_RESOURCES_ALL, BSN_ENFORCE_REQUIRED, &err), 0);
}

static void test_set(void **state)
{
	struct scratch *scratch = *state;
	struct bsn_ledger *ledger = scratch->ledger;
	struct basin_error err = { 0 };
	struct bsn_pool pool;
	must_create(ledger, "/team", (struct basin_amounts)AMOUNTS(2000, 512 * MIB, 1024 * MIB, 1000));
	must_create(ledger, "/team/dev", (struct basin_amounts)AMOUNTS(1000, 256 * MIB, 512 * MIB, 500));
	assert_int_equal(
		reserve(scratch, "/team/dev", "web", (struct basin_amounts)AMOUNTS(500, 200 * MIB, 300 * MIB, 100), &err), 0);
	struct bsn_pool_settings settings = BSN_POOL_SETTINGS_UNSET;
	settings.capacity.of[BASIN_MEMORY] = 199 * MIB;
	assert_true(bsn_pool_set(ledger, &host, "/team/dev", &settings, BSN_RESOURCES_ALL, false, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_non_null(strstr(err.text, "200MiB"));
	/* Below what the child was given. */
	settings.capacity.of[BASIN_MEMORY] = 255 * MIB;
	assert_true(bsn_pool_set(ledger, &host, "/team", &settings, BSN_RESOURCES_ALL, false, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	settings.capacity.of[BASIN_MEMORY] = 200 * MIB;
	assert_int_equal(bsn_pool_set(ledger, &host, "/team/dev", &settings, BSN_RESOURCES_ALL, true, &err), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_MEMORY), 256 * MIB);
	assert_int_equal(bsn_pool_set(ledger, &host, "/team/dev", &settings, BSN_RESOURCES_ALL, false, &err), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_MEMORY), 200 * MIB);
	assert_int_equal(bsn_pool_get(ledger, "/team/dev", &pool, &err), 0);
	assert_int_equal(pool.generation, 2);
	assert_int_equal(pool.capacity.of[BASIN_CPU], 1000);
	/* More than the parent has left: 950 - 512 is free, 200 held. */
	settings.capacity.of[BASIN_MEMORY] = 951 * MIB;
	assert_true(bsn_pool_set(ledger, &host, "/team", &settings, BSN_RESOURCES_ALL, false, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	settings = (struct bsn_pool_settings)BSN_POOL_SETTINGS_UNSET;
	settings.reserve.of[BASIN_MEMORY] = 489 * MIB;
	assert_true(bsn_pool_set(ledger, &host, "/", &settings, BSN_RESOURCES_ALL, false, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	settings.reserve.of[BASIN_MEMORY] = 488 * MIB;
	assert_int_equal(bsn_pool_set(ledger, &host, "/", &settings, BSN_RESOURCES_ALL, false, &err), 0);
	settings.capacity.of[BASIN_MEMORY] = MIB;
	assert_true(bsn_pool_set(ledger, &host, "/", &settings, BSN_RESOURCES_ALL, false, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
}

static int join_names(const struct bsn_pool *pool, void *data)
{
	strcat(strcat(data, pool->name), " ");
	return 0;
}

static void test_remove(void **state)
{
	struct scratch *scratch = *state;
	struct bsn_ledger *ledger = scratch->ledger;
	struct basin_amounts any = BASIN_AMOUNTS_UNSET;
	struct basin_error err = { 0 };
	char names[256] = "";
	must_create(ledger, "/a", any);
	must_create(ledger, "/a-b", any);
	must_create(ledger, "/a/b", any);
	must_create(ledger, "/a/b/c", any);
	assert_int_equal(bsn_pool_each(ledger, join_names, names, &err), 0);
	assert_string_equal(names, "/ /a /a-b /a/b /a/b/c ");
	assert_true(bsn_pool_remove(ledger, "/a", &err) < 0);
	assert_int_equal(err.code, BASIN_BUSY);
	assert_non_null(strstr(err.text, "\"/a/b\""));
	assert_int_equal(reserve(scratch, "/a/b/c", "web", any, &err), 0);
	assert_true(bsn_pool_remove(ledger, "/a/b/c", &err) < 0);
	assert_int_equal(err.code, BASIN_BUSY);
	assert_non_null(strstr(err.text, "\"web\""));
	assert_int_equal(bsn_charge_release(ledger, "web", &err), 0);
	assert_int_equal(bsn_pool_remove(ledger, "/a/b/c", &err), 0);
	assert_int_equal(bsn_pool_remove(ledger, "/a/b", &err), 0);
	assert_int_equal(bsn_pool_remove(ledger, "/a", &err), 0);
	assert_true(bsn_pool_remove(ledger, "/a", &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_int_equal(bsn_pool_remove(ledger, "/a-b", &err), 0);
}

/* --- charges --- */

static void test_what_is_not_given(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	struct bsn_charge charge;
	struct bsn_ask ask = { .pool = "/team", .consumer = "web", .cpu_weight = BASIN_UNSET, .resources = BSN_RESOURCES_ALL };
	must_create(scratch->ledger, "/team", (struct basin_amounts)AMOUNTS(2000, 512 * MIB, 1024 * MIB, 1000));
	ask.request = (struct basin_amounts)BASIN_AMOUNTS_UNSET;
	ask.limit = (struct basin_amounts)AMOUNTS(500, NONE, NONE, NONE);
	assert_int_equal(bsn_charge_reserve(scratch->ledger, &host, &ask, &scratch->self, true, &charge, &err), 0);
	assert_int_equal(charge.request.of[BASIN_CPU], 500);
	assert_int_equal(charge.cpu_weight, 50);
	assert_int_equal(charge.request.of[BASIN_MEMORY], 64 * MIB);
	assert_int_equal(charge.limit.of[BASIN_MEMORY], NONE);
	assert_int_equal(charge.limit.of[BASIN_STORAGE], 128 * MIB);
	assert_int_equal(charge.limit.of[BASIN_PIDS], 256);
	/* A default larger than the pool is the pool. */
	must_create(scratch->ledger, "/tiny", (struct basin_amounts)AMOUNTS(50, NONE, NONE, 100));
	ask.pool = "/tiny";
	ask.limit.of[BASIN_CPU] = NONE;
	assert_int_equal(bsn_charge_reserve(scratch->ledger, &host, &ask, &scratch->self, true, &charge, &err), 0);
	assert_int_equal(charge.request.of[BASIN_CPU], 50);
	assert_int_equal(charge.limit.of[BASIN_PIDS], 100);
	ask.pool = "/team";
	ask.limit.of[BASIN_CPU] = 500;
	ask.request = (struct basin_amounts)AMOUNTS(600, NONE, NONE, NONE);
	assert_true(bsn_charge_reserve(scratch->ledger, &host, &ask, &scratch->self, true, &charge, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	ask.request = (struct basin_amounts)AMOUNTS(NONE, NONE, 10 * MIB, NONE);
	ask.limit = (struct basin_amounts)AMOUNTS(NONE, NONE, 20 * MIB, NONE);
	assert_true(bsn_charge_reserve(scratch->ledger, &host, &ask, &scratch->self, true, &charge, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	ask.request.of[BASIN_STORAGE] = INT64_MAX;
	ask.limit.of[BASIN_STORAGE] = NONE;
	assert_true(bsn_charge_reserve(scratch->ledger, &host, &ask, &scratch->self, true, &charge, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	ask.pool = "/";
	assert_true(bsn_charge_reserve(scratch->ledger, &host, &ask, &scratch->self, true, &charge, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
	ask.pool = NULL;
	assert_true(bsn_charge_reserve(scratch->ledger, &host, &ask, &scratch->self, true, &charge, &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_int_equal(promised(scratch->ledger, "/team", BASIN_CPU), 0);
}

static void test_refusal_names_everything(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	struct basin_amounts small = AMOUNTS(100, 100 * MIB, 10 * MIB, 10);
	must_create(scratch->ledger, "/team", (struct basin_amounts)AMOUNTS(2000, 512 * MIB, 1024 * MIB, 1000));
	must_create(scratch->ledger, "/team/dev", (struct basin_amounts)AMOUNTS(1000, 256 * MIB, 512 * MIB, 500));
	assert_int_equal(reserve(scratch, "/team/dev", "web", small, &err), 0);
	assert_true(reserve(scratch, "/team/dev", "big", (struct basin_amounts)AMOUNTS(NONE, 1024 * MIB, NONE, NONE), &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_non_null(
		strstr(err.text, "pool \"/team/dev\" has not enough memory for \"big\": asked 1GiB, free 156MiB of 256MiB"));
	assert_int_equal(promised(scratch->ledger, "/team/dev", BASIN_MEMORY), 100 * MIB);
	/* A pool without a capacity of its own is bounded by the one above. */
	must_create(scratch->ledger, "/team/any", (struct basin_amounts)BASIN_AMOUNTS_UNSET);
	assert_true(reserve(scratch, "/team/any", "big", (struct basin_amounts)AMOUNTS(NONE, 257 * MIB, NONE, NONE), &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_non_null(strstr(err.text, "pool \"/team\", above \"/team/any\""));
	assert_non_null(strstr(err.text, "asked 257MiB, free 256MiB"));
	assert_int_equal(reserve(scratch, "/team/any", "big", (struct basin_amounts)AMOUNTS(NONE, 256 * MIB, NONE, NONE), &err),
			 0);
}

static void test_overcommit_to_the_unit(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	char name[16];
	must_create(scratch->ledger, "/team", (struct basin_amounts)AMOUNTS(1000, 900 * MIB, NONE, NONE));
	/* Built-in overcommit of 4 on one CPU: four whole CPUs may be promised and not a thousandth more. */
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(reserve(scratch, "/team", name, (struct basin_amounts)AMOUNTS(1000, MIB, MIB, 1), &err), 0);
	}
	assert_true(reserve(scratch, "/team", "more", (struct basin_amounts)AMOUNTS(1, MIB, MIB, 1), &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_non_null(strstr(err.text, "cpu"));
}

static void test_life_of_a_charge(void **state)
{
	struct scratch *scratch = *state;
	struct bsn_ledger *ledger = scratch->ledger;
	struct basin_error err = { 0 };
	struct bsn_charge charge;
	struct basin_amounts half = AMOUNTS(500, 300 * MIB, 600 * MIB, 500);
	must_create(ledger, "/team", (struct basin_amounts)AMOUNTS(2000, 512 * MIB, 1024 * MIB, 1000));
	assert_true(bsn_charge_bind(ledger, "web", &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_int_equal(reserve(scratch, "/team", "web", half, &err), 0);
	assert_true(reserve(scratch, "/team", "web", half, &err) < 0);
	assert_int_equal(err.code, BASIN_CONFLICT);
	assert_int_equal(bsn_charge_adopt(ledger, "web", &scratch->self, &err), 0);
	assert_int_equal(bsn_charge_bind(ledger, "web", &err), 0);
	assert_true(bsn_charge_get(ledger, "web", false, &charge, &err) < 0);
	assert_int_equal(bsn_charge_get(ledger, "web", true, &charge, &err), 0);
	assert_string_equal(charge.pool, "/team");
	/* Stopped: the disk stays, the rest is free for others. */
	assert_int_equal(bsn_charge_keep(ledger, "web", BSN_RESOURCE_BIT(BASIN_STORAGE), &err), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_MEMORY), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_STORAGE), 600 * MIB);
	assert_int_equal(reserve(scratch, "/team", "two", (struct basin_amounts)AMOUNTS(100, 300 * MIB, MIB, 10), &err), 0);
	/* Started again: admitted again, and refused, for its memory is taken now; the disk is not counted twice. */
	assert_true(reserve(scratch, "/team", "web", half, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_non_null(strstr(err.text, "asked 300MiB, free 212MiB"));
	assert_int_equal(bsn_charge_cancel(ledger, "two", &err), 0);
	assert_int_equal(reserve(scratch, "/team", "web", half, &err), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_STORAGE), 600 * MIB);
	assert_int_equal(promised(ledger, "/team", BASIN_MEMORY), 300 * MIB);
	assert_int_equal(bsn_charge_cancel(ledger, "web", &err), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_MEMORY), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_STORAGE), 600 * MIB);
	assert_int_equal(bsn_charge_release(ledger, "web", &err), 0);
	assert_int_equal(bsn_charge_release(ledger, "web", &err), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_STORAGE), 0);
}

static void test_resize_counts_the_difference(void **state)
{
	struct scratch *scratch = *state;
	struct bsn_ledger *ledger = scratch->ledger;
	struct basin_error err = { 0 };
	must_create(ledger, "/team", (struct basin_amounts)AMOUNTS(2000, 512 * MIB, 1024 * MIB, 1000));
	assert_int_equal(reserve(scratch, "/team", "web", (struct basin_amounts)AMOUNTS(500, 300 * MIB, MIB, 10), &err), 0);
	assert_int_equal(bsn_charge_bind(ledger, "web", &err), 0);
	assert_true(reserve(scratch, "/team", "web", (struct basin_amounts)AMOUNTS(500, 513 * MIB, MIB, 10), &err) < 0);
	assert_non_null(strstr(err.text, "free 512MiB"));
	assert_int_equal(reserve(scratch, "/team", "web", (struct basin_amounts)AMOUNTS(500, 512 * MIB, MIB, 10), &err), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_MEMORY), 512 * MIB);
	assert_int_equal(bsn_charge_bind(ledger, "web", &err), 0);
	/* Smaller: the larger counts until it is done. */
	assert_int_equal(reserve(scratch, "/team", "web", (struct basin_amounts)AMOUNTS(500, 100 * MIB, MIB, 10), &err), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_MEMORY), 512 * MIB);
	assert_int_equal(bsn_charge_bind(ledger, "web", &err), 0);
	assert_int_equal(promised(ledger, "/team", BASIN_MEMORY), 100 * MIB);
	must_create(ledger, "/two", (struct basin_amounts)BASIN_AMOUNTS_UNSET);
	assert_true(reserve(scratch, "/two", "web", (struct basin_amounts)AMOUNTS(NONE, NONE, NONE, NONE), &err) < 0);
	assert_int_equal(err.code, BASIN_CONFLICT);
}

static void test_cordon(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	struct bsn_pool_settings settings = BSN_POOL_SETTINGS_UNSET;
	struct basin_amounts small = AMOUNTS(10, MIB, MIB, 1);
	must_create(scratch->ledger, "/team", (struct basin_amounts)BASIN_AMOUNTS_UNSET);
	must_create(scratch->ledger, "/team/dev", (struct basin_amounts)BASIN_AMOUNTS_UNSET);
	assert_int_equal(reserve(scratch, "/team/dev", "old", small, &err), 0);
	assert_int_equal(bsn_charge_bind(scratch->ledger, "old", &err), 0);
	settings.cordoned = 1;
	assert_int_equal(bsn_pool_set(scratch->ledger, &host, "/team", &settings, BSN_RESOURCES_ALL, false, &err), 0);
	assert_true(reserve(scratch, "/team/dev", "new", small, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	assert_int_equal(reserve(scratch, "/team/dev", "old", small, &err), 0);
}

/* --- the dead --- */

static void test_reservation_of_the_dead_is_undone(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	struct basin_amounts all = AMOUNTS(500, 512 * MIB, MIB, 10);
	must_create(scratch->ledger, "/team", (struct basin_amounts)AMOUNTS(2000, 512 * MIB, 1024 * MIB, 1000));
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		struct scratch own = { .fd = scratch->fd };
		bsn_owner_self(&own.self, NULL);
		int r = bsn_ledger_open(own.fd, &own.ledger, NULL);
		r = r < 0 ? r : reserve(&own, "/team", "web", all, NULL);
		char said = r < 0 ? 'n' : 'y';
		if (write(ends[1], &said, 1) != 1)
			_exit(1);
		pause();
	}
	char said = 0;
	assert_int_equal(read(ends[0], &said, 1), 1);
	assert_int_equal(said, 'y');
	assert_int_equal(bsn_charge_sweep(scratch->ledger, false, NULL, NULL, &err), 0);
	assert_true(reserve(scratch, "/team", "two", all, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	/* Seen by a sweep, left by a dry one, and undone by whoever reserves next. */
	assert_int_equal(bsn_charge_sweep(scratch->ledger, true, NULL, NULL, &err), 1);
	assert_int_equal(promised(scratch->ledger, "/team", BASIN_MEMORY), 512 * MIB);
	assert_int_equal(reserve(scratch, "/team", "two", all, &err), 0);
	assert_true(bsn_charge_bind(scratch->ledger, "web", &err) < 0);
	assert_int_equal(bsn_charge_sweep(scratch->ledger, false, NULL, NULL, &err), 0);
	close(ends[0]);
	close(ends[1]);
}

/* --- the race for the last slot --- */

#define RACERS 50
#define ROUNDS 20

struct race {
	_Atomic int round;    /* which round may run */
	_Atomic int done;     /* racers that finished this round */
	_Atomic int winner;   /* racer that was admitted last */
	_Atomic int admitted; /* how many were, this round */
	_Atomic int wrong;    /* failed otherwise than refused */
};

static void race(const struct scratch *scratch, struct race *track, int racer)
{
	struct scratch own = { .fd = scratch->fd };
	struct basin_error err = { 0 };
	char name[16];
	snprintf(name, sizeof(name), "e%d", racer);
	if (bsn_owner_self(&own.self, NULL) < 0 || bsn_ledger_open(own.fd, &own.ledger, NULL) < 0)
		_exit(1);
	for (int round = 1; round <= ROUNDS; round++) {
		while (track->round < round)
			usleep(500);
		if (reserve(&own, "/team", name, (struct basin_amounts)AMOUNTS(100, 300 * MIB, MIB, 1), &err) >= 0) {
			track->winner = racer;
			track->admitted++;
		} else if (err.code != BASIN_REFUSED) {
			track->wrong++;
		}
		track->done++;
	}
	/* Whoever won the last round must live until that was seen: a dead winner's slot is free. */
	while (track->round <= ROUNDS)
		usleep(500);
	_exit(0);
}

static void test_fifty_race_for_the_last_slot(void **state)
{
	struct scratch *scratch = *state;
	struct basin_error err = { 0 };
	struct race *track = mmap(NULL, sizeof(*track), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char name[16];
	must_create(scratch->ledger, "/team", (struct basin_amounts)AMOUNTS(2000, 512 * MIB, 1024 * MIB, 1000));
	for (int i = 0; i < RACERS; i++)
		if (fork() == 0)
			race(scratch, track, i);
	for (int round = 1; round <= ROUNDS; round++) {
		track->done = 0;
		track->admitted = 0;
		track->round = round;
		while (track->done < RACERS)
			usleep(500);
		assert_int_equal(track->admitted, 1);
		assert_int_equal(track->wrong, 0);
		assert_int_equal(promised(scratch->ledger, "/team", BASIN_MEMORY), 300 * MIB);
		snprintf(name, sizeof(name), "e%d", track->winner);
		assert_int_equal(bsn_charge_bind(scratch->ledger, name, &err), 0);
		assert_int_equal(bsn_charge_release(scratch->ledger, name, &err), 0);
	}
	track->round = ROUNDS + 1;
	for (int i = 0; i < RACERS; i++) {
		int status = -1;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	munmap(track, sizeof(*track));
}

/* --- random histories: the ledger's numbers against a table kept by hand --- */

#define CONSUMERS 12

struct account {
	int64_t bound;    /* -1: no row */
	int64_t reserved; /* -1: no row */
};

static int64_t counted(const struct account *accounts)
{
	int64_t sum = 0;
	for (int i = 0; i < CONSUMERS; i++) {
		int64_t larger = accounts[i].bound > accounts[i].reserved ? accounts[i].bound : accounts[i].reserved;
		sum += larger > 0 ? larger : 0;
	}
	return sum;
}

static void random_step(struct scratch *scratch, struct account *account, int64_t sum, const char *name)
{
	struct basin_error err = { 0 };
	int64_t ask = 1 + random() % 400;
	int r = 0;
	switch (random() % 4) {
	case 0:
		r = reserve(scratch, "/team", name, (struct basin_amounts)AMOUNTS(ask, MIB, MIB, 1), &err);
		if (account->reserved >= 0) {
			assert_int_equal(err.code, BASIN_CONFLICT);
		} else {
			int64_t grows = ask > account->bound ? ask - (account->bound > 0 ? account->bound : 0) : 0;
			assert_int_equal(r >= 0, grows == 0 || sum + grows <= 1000);
			account->reserved = r >= 0 ? ask : -1;
		}
		break;
	case 1:
		r = bsn_charge_bind(scratch->ledger, name, &err);
		assert_int_equal(r >= 0, account->reserved >= 0);
		if (r >= 0)
			*account = (struct account){ .bound = account->reserved, .reserved = -1 };
		break;
	case 2:
		assert_int_equal(bsn_charge_cancel(scratch->ledger, name, &err), 0);
		account->reserved = -1;
		break;
	case 3:
		assert_int_equal(bsn_charge_release(scratch->ledger, name, &err), 0);
		*account = (struct account){ .bound = -1, .reserved = -1 };
		break;
	}
}

static void test_random_history(void **state)
{
	struct scratch *scratch = *state;
	struct bsn_pool_settings settings = BSN_POOL_SETTINGS_UNSET;
	struct account accounts[CONSUMERS];
	struct basin_error err = { 0 };
	char name[16];
	settings.capacity.of[BASIN_CPU] = 1000;
	settings.overcommit.of[BASIN_CPU] = 1000;
	assert_int_equal(bsn_pool_create(scratch->ledger, &host, "/team", &settings, BSN_RESOURCES_ALL, false, &err), 0);
	for (int i = 0; i < CONSUMERS; i++)
		accounts[i] = (struct account){ .bound = -1, .reserved = -1 };
	srandom(7);
	for (int step = 0; step < 600; step++) {
		int at = (int)(random() % CONSUMERS);
		snprintf(name, sizeof(name), "e%d", at);
		random_step(scratch, &accounts[at], counted(accounts), name);
		assert_int_equal(promised(scratch->ledger, "/team", BASIN_CPU), counted(accounts));
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_root_exists),
		TEST(test_create_checks),
		TEST(test_enforcement),
		TEST(test_set),
		TEST(test_remove),
		TEST(test_what_is_not_given),
		TEST(test_refusal_names_everything),
		TEST(test_overcommit_to_the_unit),
		TEST(test_life_of_a_charge),
		TEST(test_resize_counts_the_difference),
		TEST(test_cordon),
		TEST(test_reservation_of_the_dead_is_undone),
		TEST(test_fifty_race_for_the_last_slot),
		TEST(test_random_history),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
