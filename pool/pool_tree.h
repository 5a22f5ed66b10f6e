/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All pools with their arithmetic, as the ledger has them at this moment: what admission, reports and caps are worked out from.
 */
#ifndef BSN_POOL_POOL_TREE_H
#define BSN_POOL_POOL_TREE_H

#include "pool/arithmetic.h"
#include "pool/pool.h"

struct bsn_pool_tree {
	struct bsn_pool *pools; /* by name, "/" first: parents before children */
	struct bsn_node *nodes; /* at the same index */
	size_t count;
};

/* Reads and computes. Within a transaction when what is decided by it is then written. */
int bsn_pool_tree_load(struct bsn_ledger *ledger, const struct bsn_host *host, struct bsn_pool_tree *ret_tree,
		       struct basin_error *err);
void bsn_pool_tree_release(struct bsn_pool_tree *tree);
#define auto_pool_tree __attribute__((cleanup(bsn_pool_tree_release)))

/* The index of a pool; NOT_FOUND. */
int bsn_pool_tree_find(const struct bsn_pool_tree *tree, const char *name, struct basin_error *err);

/*
 * bsn_nodes_compare for two loads of the tree, between which pools may have come or gone: an index into after, -1 when the change
 * is admitted, or -ENOMEM.
 */
int bsn_pool_tree_compare(const struct bsn_pool_tree *before, const struct bsn_pool_tree *after,
			  enum basin_resource *ret_resource);

/* The host's reserve: as set on "/", or 5 % of its memory and nothing of the rest. */
int64_t bsn_pool_reserve(const struct bsn_pool *root, const struct bsn_host *host, enum basin_resource resource);

#endif
