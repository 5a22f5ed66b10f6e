/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charges as rows. A reservation is written first and judged then (as pool_change.c does): the tree of pools is read before and
 * after, and the transaction is rolled back when a pool does not admit it. Queueing for the one writer's place makes this exact:
 * of fifty processes that want the last slot one finds it free.
 */
#include "pool/charge.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/param.h>
#include <time.h>

#include "base/own.h"
#include "base/str.h"
#include "pool/pool_tree.h"
#include "pool/query.h"

#define CHARGE_COLUMNS                                                                                                           \
	"consumer, pool, cpu_request, memory_request, storage_request, pids_request, cpu_limit, memory_limit, "                  \
	"storage_limit, pids_limit, cpu_weight, resources, bound, owner_pid, owner_start, owner_namespace, owner_boot, since"

static int read_row(struct bsn_query *query, struct bsn_charge *ret_charge, struct basin_error *err)
{
	struct bsn_charge charge = { .cpu_weight = bsn_query_int(query, 10),
				     .resources = (unsigned int)bsn_query_int(query, 11) & BSN_RESOURCES_ALL,
				     .bound = bsn_query_int(query, 12) != 0,
				     .since = bsn_query_int(query, 17) };
	int r = bsn_query_copy(query, 0, charge.consumer, sizeof(charge.consumer), err);
	if (r >= 0)
		r = bsn_query_copy(query, 1, charge.pool, sizeof(charge.pool), err);
	if (r >= 0)
		r = bsn_query_amounts(query, 2, &charge.request, err);
	if (r >= 0)
		r = bsn_query_amounts(query, 6, &charge.limit, err);
	if (r < 0)
		return r;
	if (!charge.bound)
		bsn_query_owner(query, 13, &charge.owner);
	*ret_charge = charge;
	return 0;
}

int bsn_charge_get(struct bsn_ledger *ledger, const char *consumer, bool bound, struct bsn_charge *ret_charge,
		   struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err, "SELECT " CHARGE_COLUMNS " FROM charge WHERE consumer = ? AND bound = ?",
			       "ti", consumer, (int64_t)bound);
	if (r >= 0)
		r = bsn_query_next(&query, err);
	if (r < 0)
		return r;
	if (r == 0)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "environment \"%s\" has no %s in any pool", consumer,
				bound ? "charge" : "reservation");
	return read_row(&query, ret_charge, err);
}

static int each(struct bsn_ledger *ledger, const char *pool, bool reserved_only,
		int (*fn)(const struct bsn_charge *charge, void *data), void *data, struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err,
			       "SELECT " CHARGE_COLUMNS
			       " FROM charge WHERE (?1 IS NULL OR pool = ?1) AND bound <= ?2 ORDER BY consumer, bound DESC",
			       "ti", pool, (int64_t)!reserved_only);
	while (r >= 0 && (r = bsn_query_next(&query, err)) > 0) {
		struct bsn_charge charge;
		r = read_row(&query, &charge, err);
		if (r >= 0)
			r = fn(&charge, data);
	}
	return r;
}

int bsn_charge_each(struct bsn_ledger *ledger, const char *pool, int (*fn)(const struct bsn_charge *charge, void *data),
		    void *data, struct basin_error *err)
{
	return each(ledger, pool, false, fn, data, err);
}

/* --- what is asked, resolved --- */

static int resolve_amount(const struct bsn_ask *ask, int64_t otherwise, enum basin_resource r, struct bsn_charge *charge,
			  struct basin_error *err)
{
	char first[32];
	char second[32];
	int64_t request = ask->request.of[r];
	int64_t limit = ask->limit.of[r];
	bool whole = r == BASIN_STORAGE || r == BASIN_PIDS; /* these cannot be lent: there is no request without its limit */
	if (request < BASIN_UNSET || limit < BASIN_UNSET || request > BSN_AMOUNT_MAX || limit > BSN_AMOUNT_MAX)
		return bsn_fail(err, BASIN_USAGE, ERANGE, "invalid amount of %s for \"%s\"", bsn_resource_name(r), ask->consumer);
	if (request == BASIN_UNSET)
		request = limit != BASIN_UNSET ? limit : otherwise;
	if (limit == BASIN_UNSET && whole)
		limit = request;
	if (limit != BASIN_UNSET && request > limit)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" requests %s of %s, more than its limit of %s", ask->consumer,
				bsn_resource_format(r, request, first, sizeof(first)), bsn_resource_name(r),
				bsn_resource_format(r, limit, second, sizeof(second)));
	if (r == BASIN_STORAGE && request != limit)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"\"%s\" requests %s of storage with a limit of %s: storage is promised in full, leave one out",
				ask->consumer, bsn_resource_format(r, request, first, sizeof(first)),
				bsn_resource_format(r, limit, second, sizeof(second)));
	charge->request.of[r] = request;
	charge->limit.of[r] = limit;
	return 0;
}

/* A default that is more than the whole pool would be of no use to it: it is the whole pool then. */
static int resolve(const struct bsn_ask *ask, const struct bsn_pool *pool, const struct bsn_node *node,
		   struct bsn_charge *ret_charge, struct basin_error *err)
{
	struct bsn_charge charge = { .resources = ask->resources & BSN_RESOURCES_ALL, .since = time(NULL) };
	if (ask->consumer[0] == '\0' || bsn_format(charge.consumer, sizeof(charge.consumer), "%s", ask->consumer) < 0)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid name \"%.80s\" for a charge", ask->consumer);
	memcpy(charge.pool, pool->name, sizeof(charge.pool));
	for (int r = 0; r < BASIN_RESOURCES; r++) {
		int failed = resolve_amount(ask, MIN(pool->defaults.of[r], node->capacity.of[r]), r, &charge, err);
		if (failed < 0)
			return failed;
	}
	charge.cpu_weight =
		ask->cpu_weight != BASIN_UNSET ? ask->cpu_weight : MIN(MAX(charge.request.of[BASIN_CPU] / 10, 1), 10000);
	if (charge.cpu_weight < 1 || charge.cpu_weight > 10000)
		return bsn_fail(err, BASIN_USAGE, ERANGE, "invalid cpu weight %lld for \"%s\": use 1 to 10000",
				(long long)charge.cpu_weight, ask->consumer);
	*ret_charge = charge;
	return 0;
}

/* --- reserve --- */

static int write_reservation(struct bsn_ledger *ledger, const struct bsn_charge *charge, const struct bsn_owner *owner,
			     struct basin_error *err)
{
	int r = bsn_query_run(ledger, err, "INSERT INTO charge (" CHARGE_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			      "ttaaiiioi", charge->consumer, charge->pool, &charge->request, &charge->limit, charge->cpu_weight,
			      (int64_t)charge->resources, (int64_t)0, owner, charge->since);
	return r < 0 ? r : 0;
}

/* One consumer is in one pool, and one process at a time is in the middle of something with it. */
static int check_rows(struct bsn_ledger *ledger, const struct bsn_ask *ask, const char *pool, struct basin_error *err)
{
	struct bsn_charge row;
	if (bsn_charge_get(ledger, ask->consumer, true, &row, NULL) >= 0 && !bsn_streq(row.pool, pool))
		return bsn_fail(err, BASIN_CONFLICT, EINVAL,
				"environment \"%s\" is charged to pool \"%s\": it cannot reserve in \"%s\" too", ask->consumer,
				row.pool, pool);
	if (bsn_charge_get(ledger, ask->consumer, false, &row, NULL) >= 0)
		return bsn_fail(err, BASIN_CONFLICT, EALREADY,
				"process %d is starting or changing environment \"%s\" at this moment: try again when it is done",
				(int)row.owner.process.pid, ask->consumer);
	return 0;
}

/* What the consumer counts for now: it may use that again, so it is free to it. */
static int64_t held_already(struct bsn_ledger *ledger, const char *consumer, enum basin_resource r)
{
	struct bsn_charge row;
	if (bsn_charge_get(ledger, consumer, true, &row, NULL) < 0 || (row.resources & BSN_RESOURCE_BIT(r)) == 0)
		return 0;
	return row.request.of[r];
}

static int refuse(struct bsn_ledger *ledger, const struct bsn_pool_tree *before, const struct bsn_charge *charge, int at,
		  enum basin_resource r, struct basin_error *err)
{
	char asked[32];
	char room[32];
	char has[32];
	int own = bsn_pool_tree_find(before, charge->pool, NULL);
	int64_t free_now = bsn_nodes_room(before->nodes, (size_t)own, r);
	free_now = bsn_add_saturated(free_now, held_already(ledger, charge->consumer, r));
	bsn_resource_format(r, charge->request.of[r], asked, sizeof(asked));
	bsn_resource_format(r, free_now, room, sizeof(room));
	bsn_resource_format(r, bsn_node_bound(&before->nodes[at], r), has, sizeof(has));
	if (at == own)
		return bsn_fail(err, BASIN_REFUSED, ENOSPC,
				"pool \"%s\" has not enough %s for \"%s\": asked %s, free %s of %s; ask for less, or enlarge it "
				"with \"basin pool set\"",
				charge->pool, bsn_resource_name(r), charge->consumer, asked, room, has);
	return bsn_fail(err, BASIN_REFUSED, ENOSPC,
			"pool \"%s\", above \"%s\", has not enough %s for \"%s\": asked %s, free %s; ask for less, or enlarge it "
			"with \"basin pool set\"",
			before->pools[at].name, charge->pool, bsn_resource_name(r), charge->consumer, asked, room);
}

static int judge(struct bsn_ledger *ledger, const struct bsn_host *host, const struct bsn_pool_tree *before,
		 const struct bsn_charge *charge, struct basin_error *err)
{
	auto_pool_tree struct bsn_pool_tree after = { 0 };
	enum basin_resource resource;
	int r = bsn_pool_tree_load(ledger, host, &after, err);
	if (r < 0)
		return r;
	int at = bsn_nodes_compare(before->nodes, after.nodes, after.count, &resource);
	return at >= 0 ? refuse(ledger, before, charge, at, resource, err) : 0;
}

/* A pool with the bolt shut, here or above, takes no one in; who is in already may start again. */
static int check_cordon(struct bsn_ledger *ledger, const struct bsn_pool_tree *tree, int at, const char *consumer,
			struct basin_error *err)
{
	struct bsn_charge row;
	if (bsn_charge_get(ledger, consumer, true, &row, NULL) >= 0)
		return 0;
	for (; at >= 0; at = tree->nodes[at].parent)
		if (tree->pools[at].cordoned)
			return bsn_fail(
				err, BASIN_REFUSED, EPERM,
				"pool \"%s\" is cordoned: it takes no new environments until \"basin pool set %s --cordon no\"",
				tree->pools[at].name, tree->pools[at].name);
	return 0;
}

static int reserve(struct bsn_ledger *ledger, const struct bsn_host *host, const struct bsn_ask *ask,
		   const struct bsn_owner *owner, struct bsn_charge *ret_charge, struct basin_error *err)
{
	auto_pool_tree struct bsn_pool_tree before = { 0 };
	const char *pool = ask->pool != NULL ? ask->pool : BSN_POOL_DEFAULT;
	int r = bsn_charge_sweep(ledger, false, NULL, NULL, err);
	if (r >= 0)
		r = bsn_pool_tree_load(ledger, host, &before, err);
	if (r < 0)
		return r;
	int at = bsn_pool_tree_find(&before, pool, err);
	if (at < 0)
		return at;
	if (at == 0)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"environments cannot be in pool \"/\" itself: make a pool for them with \"basin pool create\"");
	r = check_rows(ledger, ask, pool, err);
	if (r >= 0)
		r = check_cordon(ledger, &before, at, ask->consumer, err);
	if (r >= 0)
		r = resolve(ask, &before.pools[at], &before.nodes[at], ret_charge, err);
	if (r >= 0)
		r = write_reservation(ledger, ret_charge, owner, err);
	return r < 0 ? r : judge(ledger, host, &before, ret_charge, err);
}

int bsn_charge_reserve(struct bsn_ledger *ledger, const struct bsn_host *host, const struct bsn_ask *ask,
		       const struct bsn_owner *owner, bool dry_run, struct bsn_charge *ret_charge, struct basin_error *err)
{
	struct bsn_charge charge;
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	r = reserve(ledger, host, ask, owner, &charge, err);
	if (r >= 0 && dry_run)
		bsn_ledger_end(ledger, -ECANCELED, NULL);
	else
		r = bsn_ledger_end(ledger, r, err);
	if (r < 0)
		return r;
	charge.owner = *owner;
	if (ret_charge != NULL)
		*ret_charge = charge;
	return 0;
}

/* --- the other verbs --- */

static int no_reservation(const char *consumer, struct basin_error *err)
{
	return bsn_fail(err, BASIN_NOT_FOUND, ENOENT,
			"environment \"%s\" has no reservation: the process that made it was taken for dead", consumer);
}

int bsn_charge_bind(struct bsn_ledger *ledger, const char *consumer, struct basin_error *err)
{
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	r = bsn_query_run(ledger, err,
			  "DELETE FROM charge WHERE consumer = ?1 AND bound = 1 AND EXISTS "
			  "(SELECT 1 FROM charge WHERE consumer = ?1 AND bound = 0)",
			  "t", consumer);
	if (r >= 0)
		r = bsn_query_run(ledger, err,
				  "UPDATE charge SET bound = 1, owner_pid = NULL, owner_start = NULL, owner_namespace = NULL, "
				  "owner_boot = NULL "
				  "WHERE consumer = ? AND bound = 0",
				  "t", consumer);
	if (r == 0)
		r = no_reservation(consumer, err);
	r = bsn_ledger_end(ledger, r, err);
	return r < 0 ? r : 0;
}

int bsn_charge_cancel(struct bsn_ledger *ledger, const char *consumer, struct basin_error *err)
{
	int r = bsn_query_run(ledger, err, "DELETE FROM charge WHERE consumer = ? AND bound = 0", "t", consumer);
	return r < 0 ? r : 0;
}

int bsn_charge_adopt(struct bsn_ledger *ledger, const char *consumer, const struct bsn_owner *owner, struct basin_error *err)
{
	int r = bsn_query_run(ledger, err,
			      "UPDATE charge SET (owner_pid, owner_start, owner_namespace, owner_boot) = (?,?,?,?) WHERE "
			      "consumer = ? AND bound = 0",
			      "ot", owner, consumer);
	return r < 0 ? r : r == 0 ? no_reservation(consumer, err) : 0;
}

int bsn_charge_keep(struct bsn_ledger *ledger, const char *consumer, unsigned int resources, struct basin_error *err)
{
	int r = bsn_query_run(ledger, err, "UPDATE charge SET resources = resources & ? WHERE consumer = ? AND bound = 1", "it",
			      (int64_t)resources, consumer);
	return r < 0 ? r : 0;
}

int bsn_charge_release(struct bsn_ledger *ledger, const char *consumer, struct basin_error *err)
{
	int r = bsn_query_run(ledger, err, "DELETE FROM charge WHERE consumer = ?", "t", consumer);
	return r < 0 ? r : 0;
}

/* --- reservations of the dead --- */

struct sweep {
	struct bsn_charge *dead;
	size_t count;
};

static int collect_dead(const struct bsn_charge *charge, void *data)
{
	struct sweep *sweep = data;
	if (bsn_owner_alive(&charge->owner))
		return 0;
	struct bsn_charge *more = reallocarray(sweep->dead, sweep->count + 1, sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	sweep->dead = more;
	sweep->dead[sweep->count++] = *charge;
	return 0;
}

static int sweep_rows(struct bsn_ledger *ledger, bool dry_run, void (*fn)(const struct bsn_charge *charge, void *data),
		      void *data, struct basin_error *err)
{
	struct sweep sweep = { 0 };
	int r = each(ledger, NULL, true, collect_dead, &sweep, err);
	auto_free struct bsn_charge *dead = sweep.dead;
	if (r == -ENOMEM)
		return bsn_fail_sys(err, ENOMEM, "cannot look for abandoned reservations");
	for (size_t i = 0; i < sweep.count && r >= 0; i++) {
		if (fn != NULL)
			fn(&dead[i], data);
		if (!dry_run)
			r = bsn_charge_cancel(ledger, dead[i].consumer, err);
	}
	return r < 0 ? r : (int)sweep.count;
}

int bsn_charge_sweep(struct bsn_ledger *ledger, bool dry_run, void (*fn)(const struct bsn_charge *charge, void *data), void *data,
		     struct basin_error *err)
{
	int r = dry_run ? bsn_ledger_begin_read(ledger, err) : bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	return bsn_ledger_end(ledger, sweep_rows(ledger, dry_run, fn, data, err), err);
}
