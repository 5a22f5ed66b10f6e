/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and changing pools. A change is written first and judged then, inside one transaction: the tree is read before and after
 * it, compared, and the transaction rolled back when some pool does not admit it. So there is one arithmetic, and a dry run is
 * the same thing rolled back always.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/name.h"
#include "base/str.h"
#include "pool/cgroup.h"
#include "pool/pool.h"
#include "pool/pool_row.h"
#include "pool/pool_tree.h"
#include "pool/query.h"

#define MIB            (INT64_C(1) << 20)
#define OVERCOMMIT_MAX 1000000 /* a thousandfold */

static const struct basin_amounts built_in_overcommit = { { 4000, 1000, 1000, 1000 } };
static const struct basin_amounts built_in_defaults = { { 100, 64 * MIB, 128 * MIB, 256 } };

static void take_given(struct basin_amounts *amounts, const struct basin_amounts *given)
{
	for (int r = 0; r < BASIN_RESOURCES; r++)
		if (given->of[r] != BASIN_UNSET)
			amounts->of[r] = given->of[r];
}

static void take_settings(struct bsn_pool *pool, const struct bsn_pool_settings *settings)
{
	take_given(&pool->capacity, &settings->capacity);
	take_given(&pool->guarantee, &settings->guarantee);
	take_given(&pool->overcommit, &settings->overcommit);
	take_given(&pool->defaults, &settings->defaults);
	take_given(&pool->reserve, &settings->reserve);
	if (settings->enforce != BASIN_UNSET)
		pool->enforce = settings->enforce == BSN_ENFORCE_AVAILABLE ? BSN_ENFORCE_AVAILABLE : BSN_ENFORCE_REQUIRED;
	if (settings->cordoned != BASIN_UNSET)
		pool->cordoned = settings->cordoned != 0;
}

static int check_range(const struct bsn_pool *pool, const char *what, const struct basin_amounts *amounts, int64_t min,
		       int64_t max, struct basin_error *err)
{
	for (int r = 0; r < BASIN_RESOURCES; r++)
		if (amounts->of[r] != BASIN_UNSET && (amounts->of[r] < min || amounts->of[r] > max))
			return bsn_fail(err, BASIN_USAGE, ERANGE,
					"invalid %s of %s for pool \"%s\": %" PRId64 " is not between %" PRId64 " and %" PRId64,
					what, bsn_resource_name(r), pool->name, amounts->of[r], min, max);
	return 0;
}

static int check_root(const struct bsn_pool *pool, struct basin_error *err)
{
	for (int r = 0; r < BASIN_RESOURCES; r++)
		if (pool->capacity.of[r] != BASIN_UNSET || pool->guarantee.of[r] != BASIN_UNSET)
			return bsn_fail(err, BASIN_USAGE, EINVAL,
					"pool \"/\" is the host: its capacity is what the host has; keep a part of it back with "
					"\"--reserve %s=...\"",
					bsn_resource_name(r));
	return 0;
}

static int check_pool(const struct bsn_pool *pool, struct basin_error *err)
{
	char guarantee[32];
	char capacity[32];
	int r = check_range(pool, "capacity", &pool->capacity, 1, BSN_AMOUNT_MAX, err);
	if (r >= 0)
		r = check_range(pool, "guarantee", &pool->guarantee, 0, BSN_AMOUNT_MAX, err);
	if (r >= 0)
		r = check_range(pool, "overcommit (in thousandths)", &pool->overcommit, 1, OVERCOMMIT_MAX, err);
	if (r >= 0)
		r = check_range(pool, "default", &pool->defaults, 0, BSN_AMOUNT_MAX, err);
	if (r >= 0)
		r = check_range(pool, "reserve", &pool->reserve, 0, BSN_AMOUNT_MAX, err);
	if (r < 0 || bsn_streq(pool->name, "/"))
		return r < 0 ? r : check_root(pool, err);
	for (int i = 0; i < BASIN_RESOURCES; i++) {
		if (pool->reserve.of[i] != BASIN_UNSET)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "pool \"%s\" has no reserve: only \"/\", the host, has",
					pool->name);
		if (pool->capacity.of[i] != BASIN_UNSET && pool->guarantee.of[i] > pool->capacity.of[i])
			return bsn_fail(err, BASIN_USAGE, EINVAL, "pool \"%s\" cannot guarantee %s %s: its capacity is %s",
					pool->name, bsn_resource_name(i),
					bsn_resource_format(i, pool->guarantee.of[i], guarantee, sizeof(guarantee)),
					bsn_resource_format(i, pool->capacity.of[i], capacity, sizeof(capacity)));
	}
	return 0;
}

/* What would make the kernel able to hold the first resource it cannot hold now. */
static const char *remedy(enum basin_resource resource, char *buffer, size_t room)
{
	static const enum bsn_controller controllers[] = {
		[BASIN_CPU] = BSN_CONTROLLER_CPU, [BASIN_MEMORY] = BSN_CONTROLLER_MEMORY, [BASIN_PIDS] = BSN_CONTROLLER_PIDS
	};
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	if (resource == BASIN_STORAGE || bsn_cgroup_tree_open(NULL, &tree, NULL) < 0)
		return "\"basin doctor\" says what would make it able";
	return bsn_cgroup_remedy(&tree, controllers[resource], buffer, room);
}

static int settle_enforcement(struct bsn_pool *pool, unsigned int enforceable, struct basin_error *err)
{
	char buffer[400];
	pool->enforced = enforceable & BSN_RESOURCES_ALL;
	for (int r = 0; r < BASIN_RESOURCES; r++)
		if ((pool->enforced & BSN_RESOURCE_BIT(r)) == 0 && pool->enforce == BSN_ENFORCE_REQUIRED)
			return bsn_fail(err, BASIN_UNSUPPORTED, ENOTSUP,
					"this host cannot hold pool \"%s\" to its %s: %s; or count it without holding it: "
					"\"--enforce available\"",
					pool->name, bsn_resource_name(r), remedy(r, buffer, sizeof(buffer)));
	return 0;
}

/* A pool larger than its parent says something that can never be true. Only what this change brought about is refused. */
static int check_sizes(const struct bsn_pool_tree *before, const struct bsn_pool_tree *after, const char *changed,
		       struct basin_error *err)
{
	char asked[32];
	char has[32];
	for (size_t i = 1; i < after->count; i++)
		for (int r = 0; r < BASIN_RESOURCES; r++) {
			const struct bsn_node *node = &after->nodes[i];
			const struct bsn_node *parent = &after->nodes[node->parent];
			if (node->capacity.of[r] <= parent->capacity.of[r])
				continue;
			int was = bsn_pool_tree_find(before, after->pools[i].name, NULL);
			if (was >= 0 &&
			    before->nodes[was].capacity.of[r] > before->nodes[before->nodes[was].parent].capacity.of[r])
				continue;
			bsn_resource_format(r, node->capacity.of[r], asked, sizeof(asked));
			bsn_resource_format(r, parent->capacity.of[r], has, sizeof(has));
			const char *above = after->pools[node->parent].name;
			if (bsn_streq(after->pools[i].name, changed))
				return bsn_fail(err, BASIN_REFUSED, ENOSPC,
						"pool \"%s\" cannot have %s of %s: \"%s\" above it has %s", changed, asked,
						bsn_resource_name(r), above, has);
			return bsn_fail(err, BASIN_REFUSED, ENOSPC, "pool \"%s\" cannot shrink to %s of %s: \"%s\" in it has %s",
					above, has, bsn_resource_name(r), after->pools[i].name, asked);
		}
	return 0;
}

static int refuse(const struct bsn_pool_tree *before, const struct bsn_pool_tree *after, const char *name, int at,
		  enum basin_resource r, struct basin_error *err)
{
	char first[32];
	char second[32];
	const struct bsn_node *node = &after->nodes[at];
	if (bsn_streq(after->pools[at].name, name))
		return bsn_fail(err, BASIN_REFUSED, ENOSPC, "pool \"%s\" has promised %s of %s already: it cannot shrink to %s",
				name, bsn_resource_format(r, node->promised.of[r], first, sizeof(first)), bsn_resource_name(r),
				bsn_resource_format(r, bsn_node_bound(node, r), second, sizeof(second)));
	int was = bsn_pool_tree_find(before, after->pools[at].name, NULL);
	int self = bsn_pool_tree_find(after, name, NULL);
	return bsn_fail(err, BASIN_REFUSED, ENOSPC,
			"pool \"%s\" has not enough %s for pool \"%s\": asked %s, free %s; ask for less, or set less aside with "
			"\"--guarantee %s=...\"",
			after->pools[at].name, bsn_resource_name(r), name,
			bsn_resource_format(r, after->nodes[self].charged.of[r], first, sizeof(first)),
			bsn_resource_format(r, bsn_nodes_room(before->nodes, (size_t)was, r), second, sizeof(second)),
			bsn_resource_name(r));
}

/* Writes the row and judges; the caller's bracket takes it back on failure. */
static int write_judged(struct bsn_ledger *ledger, const struct bsn_host *host, const struct bsn_pool *pool,
			struct basin_error *err)
{
	auto_pool_tree struct bsn_pool_tree before = { 0 };
	auto_pool_tree struct bsn_pool_tree after = { 0 };
	enum basin_resource resource;
	int r = bsn_pool_tree_load(ledger, host, &before, err);
	if (r >= 0)
		r = bsn_pool_row_write(ledger, pool, err);
	if (r >= 0)
		r = bsn_pool_tree_load(ledger, host, &after, err);
	if (r >= 0)
		r = check_sizes(&before, &after, pool->name, err);
	if (r < 0)
		return r;
	int at = bsn_pool_tree_compare(&before, &after, &resource);
	if (at == -ENOMEM)
		return bsn_fail_sys(err, ENOMEM, "cannot judge the change of pool \"%s\"", pool->name);
	return at >= 0 ? refuse(&before, &after, pool->name, at, resource, err) : 0;
}

static int create_row(struct bsn_ledger *ledger, const struct bsn_host *host, struct bsn_pool *pool, struct basin_error *err)
{
	char parent[BSN_POOL_NAME_MAX];
	struct bsn_pool other;
	if (bsn_pool_get(ledger, pool->name, &other, NULL) >= 0)
		return bsn_fail(err, BASIN_EXISTS, EEXIST, "pool \"%s\" exists already: change it with \"basin pool set\"",
				pool->name);
	bsn_pool_parent(pool->name, parent);
	int r = bsn_pool_get(ledger, parent, &other, err);
	if (r < 0)
		return bsn_error_prefix(err, "cannot make pool \"%s\"", pool->name);
	return write_judged(ledger, host, pool, err);
}

/* Ends the bracket; a dry run that went well is taken back and is still well. */
static int end(struct bsn_ledger *ledger, int r, bool dry_run, struct basin_error *err)
{
	if (r < 0 || !dry_run)
		return bsn_ledger_end(ledger, r, err);
	bsn_ledger_end(ledger, -ECANCELED, NULL);
	return r;
}

int bsn_pool_create(struct bsn_ledger *ledger, const struct bsn_host *host, const char *name,
		    const struct bsn_pool_settings *settings, unsigned int enforceable, bool dry_run, struct basin_error *err)
{
	struct bsn_pool pool = { .capacity = BASIN_AMOUNTS_UNSET,
				 .guarantee = BASIN_AMOUNTS_UNSET,
				 .overcommit = built_in_overcommit,
				 .defaults = built_in_defaults,
				 .reserve = BASIN_AMOUNTS_UNSET,
				 .generation = 1,
				 .created = time(NULL) };
	if (bsn_streq(name, "/"))
		return bsn_fail(err, BASIN_EXISTS, EEXIST,
				"pool \"/\" is the host and exists: change it with \"basin pool set /\"");
	int r = bsn_name_check_pool(name, err);
	if (r >= 0)
		r = bsn_format(pool.name, sizeof(pool.name), "%s", name) < 0
			    ? bsn_fail_sys(err, ENAMETOOLONG, "pool \"%s\"", name)
			    : 0;
	if (r < 0)
		return r;
	take_settings(&pool, settings);
	r = check_pool(&pool, err);
	if (r >= 0)
		r = settle_enforcement(&pool, enforceable, err);
	if (r >= 0)
		r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	return end(ledger, create_row(ledger, host, &pool, err), dry_run, err);
}

static int set_row(struct bsn_ledger *ledger, const struct bsn_host *host, const char *name,
		   const struct bsn_pool_settings *settings, unsigned int enforceable, struct basin_error *err)
{
	struct bsn_pool pool;
	int r = bsn_pool_get(ledger, name, &pool, err);
	if (r < 0)
		return r;
	take_settings(&pool, settings);
	pool.generation++;
	r = check_pool(&pool, err);
	if (r >= 0 && !bsn_streq(name, "/"))
		r = settle_enforcement(&pool, enforceable, err);
	return r < 0 ? r : write_judged(ledger, host, &pool, err);
}

int bsn_pool_set(struct bsn_ledger *ledger, const struct bsn_host *host, const char *name,
		 const struct bsn_pool_settings *settings, unsigned int enforceable, bool dry_run, struct basin_error *err)
{
	int r = bsn_streq(name, "/") ? 0 : bsn_name_check_pool(name, err);
	if (r >= 0)
		r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	return end(ledger, set_row(ledger, host, name, settings, enforceable, err), dry_run, err);
}

int bsn_pool_ensure_default(struct bsn_ledger *ledger, const struct bsn_host *host, unsigned int enforceable,
			    enum bsn_enforce enforce, struct basin_error *err)
{
	struct bsn_pool_settings settings = BSN_POOL_SETTINGS_UNSET;
	struct bsn_pool pool;
	struct basin_error miss = { 0 };
	/* Almost always it is there: no need to queue for that. */
	int r = bsn_pool_get(ledger, BSN_POOL_DEFAULT, &pool, &miss);
	if (r >= 0)
		return 0;
	if (miss.code != BASIN_NOT_FOUND) {
		if (err != NULL)
			*err = miss;
		return r;
	}
	settings.enforce = enforce;
	r = bsn_pool_create(ledger, host, BSN_POOL_DEFAULT, &settings, enforceable, false, &miss);
	if (r < 0 && miss.code == BASIN_EXISTS)
		return 0;
	if (r < 0 && err != NULL)
		*err = miss;
	return r < 0 ? r : 1;
}
