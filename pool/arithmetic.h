/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of admission, pure: a tree of pools with what each was given and what its members requested; no ledger, no host.
 * For each resource by itself:
 *
 *     capacity(p)   as given, or the parent's; at the root the host's total less its reserve
 *     guarantee(p)  as given, or the capacity if that was given, or 0; never more than the capacity
 *     promised(p) = sum of requests of p's members + sum of charged(c) over its children c
 *     charged(p)  = max(guarantee(p), min(promised(p), capacity(p)))
 *     bound(p)    = capacity(p) * overcommit(p)
 *
 * A change is admitted when every pool whose promised grows or whose bound shrinks by it stays within its bound. So a pool's
 * guarantee is its own: a request within it changes nothing above, and is admitted even when the host has shrunk below its
 * promises.
 */
#ifndef BSN_POOL_ARITHMETIC_H
#define BSN_POOL_ARITHMETIC_H

#include <stdbool.h>
#include <stddef.h>

#include "basin.h"

struct bsn_node {
	int parent; /* index; -1: the root, which is node 0. A parent stands before its children. */
	/* given; thousandths for overcommit; BASIN_UNSET as above */
	struct basin_amounts given_capacity;
	struct basin_amounts given_guarantee;
	struct basin_amounts overcommit;
	struct basin_amounts requested; /* by members, added up */
	/* computed */
	struct basin_amounts capacity;
	struct basin_amounts guarantee;
	struct basin_amounts promised;
	struct basin_amounts charged;
};

/* Fills in the computed members of all nodes. Sums that would overflow stay at INT64_MAX, which is in no one's bound. */
void bsn_nodes_compute(struct bsn_node *nodes, size_t count);

int64_t bsn_node_bound(const struct bsn_node *node, enum basin_resource resource);

/* The largest request that a new member of nodes[at] could make; 0 when there is no room. Nodes are computed. */
int64_t bsn_nodes_room(const struct bsn_node *nodes, size_t at, enum basin_resource resource);

/*
 * Compares the tree before a change with the one after it, both computed, with the same pools at the same places (a pool that was
 * not there before is a zeroed node). Returns the index of a pool that does not admit the change, the one nearest the leaves, and
 * *ret_resource; -1 when all admit it.
 */
int bsn_nodes_compare(const struct bsn_node *before, const struct bsn_node *after, size_t count,
		      enum basin_resource *ret_resource);

static inline int64_t bsn_add_saturated(int64_t a, int64_t b)
{
	int64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

#endif
