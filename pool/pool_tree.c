/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/pool_tree.h"

#include <stdlib.h>
#include <sys/param.h>

#include "base/own.h"
#include "base/str.h"
#include "pool/charge.h"
#include "pool/query.h"

void bsn_pool_tree_release(struct bsn_pool_tree *tree)
{
	free(tree->pools);
	free(tree->nodes);
	*tree = (struct bsn_pool_tree){ 0 };
}

static const char *name_of(const void *pool)
{
	return ((const struct bsn_pool *)pool)->name;
}

static int compare_name(const void *name, const void *pool)
{
	return strcmp(name, name_of(pool));
}

static int find(const struct bsn_pool_tree *tree, const char *name)
{
	const struct bsn_pool *pool = bsearch(name, tree->pools, tree->count, sizeof(*pool), compare_name);
	return pool == NULL ? -1 : (int)(pool - tree->pools);
}

int bsn_pool_tree_find(const struct bsn_pool_tree *tree, const char *name, struct basin_error *err)
{
	int at = find(tree, name);
	if (at < 0)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "pool \"%s\" does not exist: see \"basin pool ls\"", name);
	return at;
}

int bsn_pool_tree_compare(const struct bsn_pool_tree *before, const struct bsn_pool_tree *after,
			  enum basin_resource *ret_resource)
{
	auto_free struct bsn_node *was = calloc(after->count, sizeof(*was));
	if (was == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < after->count; i++) {
		int at = find(before, after->pools[i].name);
		if (at >= 0)
			was[i] = before->nodes[at];
	}
	return bsn_nodes_compare(was, after->nodes, after->count, ret_resource);
}

int64_t bsn_pool_reserve(const struct bsn_pool *root, const struct bsn_host *host, enum basin_resource resource)
{
	int64_t given = root->reserve.of[resource];
	if (given == BASIN_UNSET)
		given = resource == BASIN_MEMORY ? host->total.of[resource] / 20 : 0;
	return MIN(given, host->total.of[resource]);
}

struct loading {
	struct bsn_pool_tree *tree;
	const struct bsn_host *host;
	size_t room;
};

static int grow(struct bsn_pool_tree *tree, size_t *room)
{
	size_t more = *room == 0 ? 16 : *room * 2;
	struct bsn_pool *pools = reallocarray(tree->pools, more, sizeof(*pools));
	if (pools == NULL)
		return -ENOMEM;
	tree->pools = pools;
	struct bsn_node *nodes = reallocarray(tree->nodes, more, sizeof(*nodes));
	if (nodes == NULL)
		return -ENOMEM;
	tree->nodes = nodes;
	*room = more;
	return 0;
}

static int add_pool(const struct bsn_pool *pool, void *data)
{
	struct loading *loading = data;
	struct bsn_pool_tree *tree = loading->tree;
	char parent[BSN_POOL_NAME_MAX];
	if (tree->count == loading->room && grow(tree, &loading->room) < 0)
		return -ENOMEM;
	struct bsn_node *node = &tree->nodes[tree->count];
	*node = (struct bsn_node){
		.parent = -1, .given_capacity = pool->capacity, .given_guarantee = pool->guarantee, .overcommit = pool->overcommit
	};
	if (tree->count == 0) {
		if (!bsn_streq(pool->name, "/"))
			return -EUCLEAN;
		for (int r = 0; r < BASIN_RESOURCES; r++)
			node->given_capacity.of[r] = loading->host->total.of[r] - bsn_pool_reserve(pool, loading->host, r);
	} else {
		bsn_pool_parent(pool->name, parent);
		node->parent = find(tree, parent);
		if (node->parent < 0)
			return -EUCLEAN;
	}
	tree->pools[tree->count++] = *pool;
	return 0;
}

/* What one consumer counts for is, resource by resource, the larger of its bound row and its reserved one. */
static int add_requests(struct bsn_ledger *ledger, struct bsn_pool_tree *tree, struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	char last[BSN_CONSUMER_MAX] = "";
	struct basin_amounts counted = { 0 };
	int r = bsn_query_open(
		&query, ledger, err,
		"SELECT consumer, pool, resources, cpu_request, memory_request, storage_request, pids_request FROM charge "
		"ORDER BY consumer, bound",
		"");
	while (r >= 0 && (r = bsn_query_next(&query, err)) > 0) {
		struct basin_amounts request;
		if (!bsn_streq(last, bsn_query_text(&query, 0))) {
			counted = (struct basin_amounts){ 0 };
			r = bsn_query_copy(&query, 0, last, sizeof(last), err);
			if (r < 0)
				return r;
		}
		int at = bsn_pool_tree_find(tree, bsn_query_text(&query, 1), err);
		if (at < 0)
			return bsn_fail(err, BASIN_DAMAGED, EUCLEAN,
					"the ledger is damaged: \"%s\" is charged to a pool that does not exist", last);
		unsigned int resources = (unsigned int)bsn_query_int(&query, 2);
		r = bsn_query_amounts(&query, 3, &request, err);
		if (r < 0)
			return r;
		for (int i = 0; i < BASIN_RESOURCES; i++) {
			int64_t *sum = &tree->nodes[at].requested.of[i];
			if ((resources & BSN_RESOURCE_BIT(i)) == 0 || request.of[i] <= counted.of[i])
				continue;
			*sum = bsn_add_saturated(*sum, request.of[i] - counted.of[i]);
			counted.of[i] = request.of[i];
		}
	}
	return r;
}

int bsn_pool_tree_load(struct bsn_ledger *ledger, const struct bsn_host *host, struct bsn_pool_tree *ret_tree,
		       struct basin_error *err)
{
	auto_pool_tree struct bsn_pool_tree tree = { 0 };
	struct loading loading = { .tree = &tree, .host = host };
	int r = bsn_pool_each(ledger, add_pool, &loading, err);
	if (r == -ENOMEM)
		return bsn_fail_sys(err, ENOMEM, "cannot read the pools");
	if (r == -EUCLEAN)
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, "the ledger is damaged: a pool stands without its parent");
	if (r >= 0 && tree.count == 0)
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, "the ledger is damaged: it has no host");
	if (r < 0)
		return r;
	r = add_requests(ledger, &tree, err);
	if (r < 0)
		return r;
	bsn_nodes_compute(tree.nodes, tree.count);
	*ret_tree = tree;
	tree = (struct bsn_pool_tree){ 0 };
	return 0;
}
