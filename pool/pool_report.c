/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's numbers, worked out anew from the rows each time. */
#include <sys/param.h>

#include "base/str.h"
#include "pool/charge.h"
#include "pool/pool.h"
#include "pool/pool_tree.h"
#include "pool/query.h"

struct limits {
	const struct bsn_pool_tree *tree;
	int at;
	struct bsn_pool_report *report;
	char last[BSN_CONSUMER_MAX];
};

static bool is_within(const struct bsn_pool_tree *tree, int at, int ancestor)
{
	while (at > ancestor)
		at = tree->nodes[at].parent;
	return at == ancestor;
}

/* Rows of one consumer come together, the bound one first: it is counted once, and its limit as the bound one says. */
static int add_charge(const struct bsn_charge *charge, void *data)
{
	struct limits *limits = data;
	if (bsn_streq(charge->consumer, limits->last))
		return 0;
	memcpy(limits->last, charge->consumer, sizeof(limits->last));
	int pool = bsn_pool_tree_find(limits->tree, charge->pool, NULL);
	if (pool < 0 || !is_within(limits->tree, pool, limits->at))
		return 0;
	if (pool == limits->at)
		limits->report->members++;
	for (int r = 0; r < BASIN_RESOURCES; r++)
		if (charge->limit.of[r] != BASIN_UNSET && (charge->resources & BSN_RESOURCE_BIT(r)) != 0)
			limits->report->of[r].limit_sum = bsn_add_saturated(limits->report->of[r].limit_sum, charge->limit.of[r]);
	return 0;
}

static void add_figures(const struct bsn_pool_tree *tree, const struct bsn_host *host, int at, struct bsn_pool_report *report)
{
	const struct bsn_node *node = &tree->nodes[at];
	for (int r = 0; r < BASIN_RESOURCES; r++) {
		struct bsn_pool_figures *figures = &report->of[r];
		figures->capacity = at == 0 ? host->total.of[r] : node->capacity.of[r];
		figures->reserved = at == 0 ? bsn_pool_reserve(&tree->pools[0], host, r) : 0;
		figures->allocatable = node->capacity.of[r];
		figures->guarantee = node->guarantee.of[r];
		figures->overcommit = node->overcommit.of[r];
		figures->promised = node->promised.of[r];
		figures->charged = at == 0 ? 0 : node->charged.of[r];
		figures->free = bsn_nodes_room(tree->nodes, (size_t)at, r);
		figures->enforced = (tree->pools[at].enforced & BSN_RESOURCE_BIT(r)) != 0;
		report->over = report->over || node->promised.of[r] > bsn_node_bound(node, r);
	}
	for (size_t i = 1; i < tree->count; i++)
		report->children += tree->nodes[i].parent == at;
}

static int report_on(struct bsn_ledger *ledger, const struct bsn_host *host, const char *name, struct bsn_pool_report *report,
		     struct basin_error *err)
{
	auto_pool_tree struct bsn_pool_tree tree = { 0 };
	int r = bsn_pool_tree_load(ledger, host, &tree, err);
	if (r < 0)
		return r;
	int at = bsn_pool_tree_find(&tree, name, err);
	if (at < 0)
		return at;
	struct limits limits = { .tree = &tree, .at = at, .report = report };
	add_figures(&tree, host, at, report);
	return bsn_charge_each(ledger, NULL, add_charge, &limits, err);
}

int bsn_pool_report(struct bsn_ledger *ledger, const struct bsn_host *host, const char *name, struct bsn_pool_report *ret_report,
		    struct basin_error *err)
{
	struct bsn_pool_report report = { 0 };
	int r = bsn_ledger_begin_read(ledger, err);
	if (r < 0)
		return r;
	r = bsn_ledger_end(ledger, report_on(ledger, host, name, &report, err), err);
	if (r < 0)
		return r;
	*ret_report = report;
	return 0;
}
