/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caps of pools, in force. A pool's cgroup may be gone at any time (a reboot) and is made again from the ledger by whoever
 * needs it, so nothing about it is recorded: its name is the pool's.
 */
#include "pool/pool_cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/param.h>

#include "base/str.h"
#include "pool/cgroup.h"
#include "pool/charge.h"
#include "pool/pool_tree.h"
#include "pool/query.h"
#include "pool/storage.h"

#define CPU_PERIOD 100000 /* µs */

int bsn_pool_cgroup_path(const char *pool, char *buffer, size_t room, struct basin_error *err)
{
	size_t at = 0;
	buffer[0] = '\0';
	while (*pool == '/' && pool[1] != '\0') {
		size_t length = strcspn(pool + 1, "/");
		int n = snprintf(buffer + at, room - at, "%spool-%.*s", at == 0 ? "" : "/", (int)length, pool + 1);
		if ((size_t)n >= room - at)
			return bsn_fail_sys(err, ENAMETOOLONG, "cannot name the cgroup of pool \"%.80s\"", pool);
		at += (size_t)n;
		pool += 1 + length;
	}
	return 0;
}

int bsn_pool_enforceable(const char *cgroup_root, int data_fd, unsigned int *ret_resources, struct basin_error *err)
{
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	struct bsn_storage_probe storage;
	uint32_t controllers = 0;
	unsigned int resources = 0;
	int r = bsn_storage_probe(data_fd, &storage, err);
	if (r < 0)
		return r;
	/* No cgroup2 at all is the same as one without controllers: it is for the pool to be refused, or not. */
	struct basin_error why = { 0 };
	r = bsn_cgroup_tree_open(cgroup_root, &tree, &why);
	if (r >= 0)
		r = bsn_cgroup_controllers(&tree, &controllers, &why);
	if (r < 0 && why.code != BASIN_UNSUPPORTED && why.code != BASIN_NOT_FOUND) {
		if (err != NULL)
			*err = why;
		return r;
	}
	if (storage.kind != BSN_STORAGE_PLAIN)
		resources |= BSN_RESOURCE_BIT(BASIN_STORAGE);
	if ((controllers & BSN_CONTROLLER_BIT(BSN_CONTROLLER_CPU)) != 0)
		resources |= BSN_RESOURCE_BIT(BASIN_CPU);
	if ((controllers & BSN_CONTROLLER_BIT(BSN_CONTROLLER_MEMORY)) != 0)
		resources |= BSN_RESOURCE_BIT(BASIN_MEMORY);
	if ((controllers & BSN_CONTROLLER_BIT(BSN_CONTROLLER_PIDS)) != 0)
		resources |= BSN_RESOURCE_BIT(BASIN_PIDS);
	*ret_resources = resources;
	return 0;
}

/* --- what is in force --- */

/*
 * Memory that members were promised is protected from reclaim for the sake of others: a member's own knob says so, but counts
 * against the rest of the host only as far as each cgroup above it says the same. So a pool's floors are its members' added up.
 * Where request and limit are one the floor is hard (memory.min), else soft (memory.low); an environment's own are set by the
 * same rule.
 */
struct floors {
	int64_t hard;
	int64_t soft;
};

struct chain {
	struct bsn_pool_tree pools;
	struct floors *floors; /* at the same index */
	char last[BSN_CONSUMER_MAX];
	int64_t counted; /* of last */
};

static void chain_release(struct chain *chain)
{
	bsn_pool_tree_release(&chain->pools);
	free(chain->floors);
}
#define auto_chain __attribute__((cleanup(chain_release)))

static int add_floor(const struct bsn_charge *charge, void *data)
{
	struct chain *chain = data;
	int64_t request = (charge->resources & BSN_RESOURCE_BIT(BASIN_MEMORY)) != 0 ? charge->request.of[BASIN_MEMORY] : 0;
	bool whole = charge->request.of[BASIN_MEMORY] == charge->limit.of[BASIN_MEMORY] &&
		     charge->request.of[BASIN_CPU] == charge->limit.of[BASIN_CPU];
	if (!bsn_streq(charge->consumer, chain->last))
		chain->counted = 0;
	memcpy(chain->last, charge->consumer, sizeof(chain->last));
	int64_t more = MAX(request - chain->counted, 0);
	chain->counted += more;
	for (int at = bsn_pool_tree_find(&chain->pools, charge->pool, NULL); at >= 0; at = chain->pools.nodes[at].parent) {
		int64_t *floor = whole ? &chain->floors[at].hard : &chain->floors[at].soft;
		*floor = MIN(bsn_add_saturated(*floor, more), chain->pools.nodes[at].capacity.of[BASIN_MEMORY]);
	}
	return 0;
}

static int read_chain(struct bsn_ledger *ledger, const struct bsn_host *host, struct chain *chain, struct basin_error *err)
{
	int r = bsn_pool_tree_load(ledger, host, &chain->pools, err);
	if (r < 0)
		return r;
	chain->floors = calloc(chain->pools.count, sizeof(*chain->floors));
	if (chain->floors == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot read the pools");
	return bsn_charge_each(ledger, NULL, add_floor, chain, err);
}

/*
 * The weight says how processors are shared when siblings want more than there is: by what each has promised or was guaranteed.
 */
static void fill_resources(const struct chain *chain, int at, uint32_t controllers, struct bsn_cgroup_resources *resources)
{
	const struct bsn_node *node = &chain->pools.nodes[at];
	resources->memory_min = chain->floors[at].hard;
	resources->memory_low = chain->floors[at].soft;
	if (at > 0) {
		resources->cpu_quota = MAX(node->capacity.of[BASIN_CPU] * (CPU_PERIOD / 1000), 1000); /* the kernel's least */
		resources->cpu_period = CPU_PERIOD;
		resources->cpu_weight = MIN(MAX(node->charged.of[BASIN_CPU] / 10, 1), 10000);
		resources->memory_max = node->capacity.of[BASIN_MEMORY];
		resources->memory_swap_max = 0;
		resources->memory_check = true;
		resources->pids_max = node->capacity.of[BASIN_PIDS];
	}
	bsn_cgroup_resources_restrict(resources, controllers);
}

/*
 * From the top down, since a child's knobs appear when its parent hands the controllers on. "/" is basin's own cgroup: floors, no
 * caps.
 */
static int ensure_chain(const struct chain *chain, int at, const struct bsn_cgroup_tree *tree, uint32_t controllers,
			struct basin_error *err)
{
	struct bsn_cgroup_resources resources = BSN_CGROUP_RESOURCES_INIT;
	char name[BSN_POOL_CGROUP_MAX];
	char path[PATH_MAX];
	int r = at > 0 ? ensure_chain(chain, chain->pools.nodes[at].parent, tree, controllers, err) : 0;
	if (r < 0 || (at == 0 && tree->base[0] == '\0'))
		return r;
	r = bsn_pool_cgroup_path(chain->pools.pools[at].name, name, sizeof(name), err);
	if (r >= 0)
		r = bsn_cgroup_path(tree, name, path, sizeof(path), err);
	if (r < 0)
		return r;
	fill_resources(chain, at, controllers, &resources);
	r = bsn_cgroup_ensure(tree, path, &resources, err);
	return r < 0 ? bsn_error_prefix(err, "cannot set the caps of pool \"%s\"", chain->pools.pools[at].name) : 0;
}

int bsn_pool_cgroup_ensure(struct bsn_ledger *ledger, const struct bsn_host *host, const char *cgroup_root, const char *pool,
			   struct basin_error *err)
{
	auto_chain struct chain chain = { 0 };
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	uint32_t controllers;
	int r = bsn_ledger_begin_read(ledger, err);
	if (r < 0)
		return r;
	r = bsn_ledger_end(ledger, read_chain(ledger, host, &chain, err), err);
	if (r < 0)
		return r;
	int at = bsn_pool_tree_find(&chain.pools, pool, err);
	if (at < 0)
		return at;
	r = bsn_cgroup_tree_open(cgroup_root, &tree, err);
	if (r >= 0)
		r = bsn_cgroup_controllers(&tree, &controllers, err);
	return r < 0 ? r : ensure_chain(&chain, at, &tree, controllers, err);
}

int bsn_pool_cgroup_destroy(const char *cgroup_root, const char *pool, struct basin_error *err)
{
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	char name[BSN_POOL_CGROUP_MAX];
	char path[PATH_MAX];
	struct basin_error why = { 0 };
	int r = bsn_pool_cgroup_path(pool, name, sizeof(name), err);
	if (r < 0)
		return r;
	r = bsn_cgroup_tree_open(cgroup_root, &tree, &why);
	if (r < 0 && (why.code == BASIN_UNSUPPORTED || why.code == BASIN_NOT_FOUND))
		return 0; /* no cgroups, none to remove */
	if (r < 0 && err != NULL)
		*err = why;
	if (r >= 0)
		r = bsn_cgroup_path(&tree, name, path, sizeof(path), err);
	if (r >= 0)
		r = bsn_cgroup_remove_empty(&tree, path, err);
	/* The last pool takes basin's own cgroup along; an empty pool above keeps its, for its caps are to be seen there. */
	if (r >= 0 && strchr(name, '/') == NULL)
		bsn_cgroup_prune(&tree, path);
	return r;
}
