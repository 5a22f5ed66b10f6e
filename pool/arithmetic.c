/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/arithmetic.h"

#include <sys/param.h>

static void resolve(struct bsn_node *nodes, size_t at, int r)
{
	struct bsn_node *node = &nodes[at];
	int64_t given = node->given_capacity.of[r];
	int64_t capacity = given != BASIN_UNSET ? given : node->parent >= 0 ? nodes[node->parent].capacity.of[r] : 0;
	int64_t guarantee = node->given_guarantee.of[r];
	if (guarantee == BASIN_UNSET)
		guarantee = given != BASIN_UNSET ? given : 0;
	node->capacity.of[r] = capacity;
	/* The root is not charged to anything. A capacity that follows the parent's may have shrunk below the guarantee. */
	node->guarantee.of[r] = node->parent < 0 ? 0 : MIN(guarantee, capacity);
}

void bsn_nodes_compute(struct bsn_node *nodes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int r = 0; r < BASIN_RESOURCES; r++) {
			resolve(nodes, i, r);
			nodes[i].promised.of[r] = nodes[i].requested.of[r];
		}
	/* Children stand behind their parents: when a node's turn comes from the end, its promises are complete. */
	for (size_t i = count; i-- > 0;)
		for (int r = 0; r < BASIN_RESOURCES; r++) {
			struct bsn_node *node = &nodes[i];
			int64_t used = MIN(node->promised.of[r], node->capacity.of[r]);
			node->charged.of[r] = MAX(node->guarantee.of[r], used);
			if (node->parent >= 0) {
				int64_t *above = &nodes[node->parent].promised.of[r];
				*above = bsn_add_saturated(*above, node->charged.of[r]);
			}
		}
}

int64_t bsn_node_bound(const struct bsn_node *node, enum basin_resource resource)
{
	__int128 bound = (__int128)node->capacity.of[resource] * node->overcommit.of[resource] / 1000;
	/* INT64_MAX is what a sum that overflowed says: no bound may reach it. */
	return bound >= INT64_MAX ? INT64_MAX - 1 : (int64_t)bound;
}

/*
 * By how much promised(node) may grow. A growth is seen by the parent only beyond what charged is already, and no further than
 * the capacity; so the parent's room limits it to charged + room, unless the capacity is reached first.
 */
static int64_t growth(const struct bsn_node *nodes, size_t at, enum basin_resource resource)
{
	const struct bsn_node *node = &nodes[at];
	int64_t most = bsn_node_bound(node, resource);
	if (node->parent >= 0) {
		int64_t seen = bsn_add_saturated(node->charged.of[resource], growth(nodes, (size_t)node->parent, resource));
		if (seen < node->capacity.of[resource])
			most = MIN(most, seen);
	}
	return MAX(most - node->promised.of[resource], 0);
}

int64_t bsn_nodes_room(const struct bsn_node *nodes, size_t at, enum basin_resource resource)
{
	return growth(nodes, at, resource);
}

int bsn_nodes_compare(const struct bsn_node *before, const struct bsn_node *after, size_t count,
		      enum basin_resource *ret_resource)
{
	for (size_t i = count; i-- > 0;)
		for (int r = 0; r < BASIN_RESOURCES; r++) {
			int64_t promised = after[i].promised.of[r];
			int64_t bound = bsn_node_bound(&after[i], r);
			if (promised <= bound)
				continue;
			if (promised > before[i].promised.of[r] || bound < bsn_node_bound(&before[i], r)) {
				*ret_resource = r;
				return (int)i;
			}
		}
	return -1;
}
