/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caps of pools, in force. A pool's cgroup may be gone at any time (a reboot) and is made again from the ledger by whoever
 * needs it, so nothing about it is recorded: its name is the pool's.
 */
#include "pool/pool_cgroup.h"

#include <stdio.h>
#include <sys/param.h>

#include "base/str.h"
#include "pool/cgroup.h"
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
	if (r < 0 && why.code != BASIN_UNSUPPORTED) {
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

/* The weight says how processors are shared when siblings want more than there is: by what each was guaranteed. */
static void fill_resources(const struct bsn_node *node, uint32_t controllers, struct bsn_cgroup_resources *resources)
{
	int64_t quota = node->capacity.of[BASIN_CPU] * (CPU_PERIOD / 1000);
	resources->cpu_quota = MAX(quota, 1000); /* the kernel's least */
	resources->cpu_period = CPU_PERIOD;
	resources->cpu_weight = MIN(MAX(node->guarantee.of[BASIN_CPU] / 10, 1), 10000);
	resources->memory_max = node->capacity.of[BASIN_MEMORY];
	resources->memory_swap_max = 0;
	resources->memory_check = true;
	resources->pids_max = node->capacity.of[BASIN_PIDS];
	bsn_cgroup_resources_restrict(resources, controllers);
}

/* From the top down, since a child's knobs appear when its parent hands the controllers on. */
static int ensure_chain(const struct bsn_pool_tree *pools, int at, const struct bsn_cgroup_tree *tree, uint32_t controllers,
			struct basin_error *err)
{
	struct bsn_cgroup_resources resources = BSN_CGROUP_RESOURCES_INIT;
	char name[BSN_POOL_CGROUP_MAX];
	char path[PATH_MAX];
	if (at == 0)
		return 0;
	int r = ensure_chain(pools, pools->nodes[at].parent, tree, controllers, err);
	if (r >= 0)
		r = bsn_pool_cgroup_path(pools->pools[at].name, name, sizeof(name), err);
	if (r >= 0)
		r = bsn_cgroup_path(tree, name, path, sizeof(path), err);
	if (r < 0)
		return r;
	fill_resources(&pools->nodes[at], controllers, &resources);
	r = bsn_cgroup_ensure(tree, path, &resources, err);
	return r < 0 ? bsn_error_prefix(err, "cannot set the caps of pool \"%s\": ", pools->pools[at].name) : 0;
}

int bsn_pool_cgroup_ensure(struct bsn_ledger *ledger, const struct bsn_host *host, const char *cgroup_root, const char *pool,
			   struct basin_error *err)
{
	auto_pool_tree struct bsn_pool_tree pools = { 0 };
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	uint32_t controllers;
	int r = bsn_ledger_begin_read(ledger, err);
	if (r < 0)
		return r;
	r = bsn_ledger_end(ledger, bsn_pool_tree_load(ledger, host, &pools, err), err);
	if (r < 0)
		return r;
	int at = bsn_pool_tree_find(&pools, pool, err);
	if (at < 0)
		return at;
	r = bsn_cgroup_tree_open(cgroup_root, &tree, err);
	if (r >= 0)
		r = bsn_cgroup_controllers(&tree, &controllers, err);
	return r < 0 ? r : ensure_chain(&pools, at, &tree, controllers, err);
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
	if (r < 0 && why.code == BASIN_UNSUPPORTED)
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
