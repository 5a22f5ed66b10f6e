/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/lease.h"

#include <inttypes.h>
#include <time.h>

#include "base/str.h"
#include "pool/query.h"

const char *bsn_lease_kind_name(enum bsn_lease_kind kind)
{
	static const char *const names[] = { "address", "ids", "project", "port", "loop" };
	return names[kind];
}

/* Who holds a number: 1 and the owner's name, 0 when nobody does. */
static int holder(struct bsn_ledger *ledger, enum bsn_lease_kind kind, const char *scope, int64_t value,
		  char owner[BSN_LEASE_OWNER_MAX], struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err, "SELECT owner FROM lease WHERE kind = ? AND scope = ? AND value = ?", "iti",
			       (int64_t)kind, scope, value);
	if (r >= 0)
		r = bsn_query_next(&query, err);
	if (r <= 0)
		return r;
	r = bsn_query_copy(&query, 0, owner, BSN_LEASE_OWNER_MAX, err);
	return r < 0 ? r : 1;
}

/* The lowest number of the range that is not leased: leases are read in order, and the first gap is it. 1: found. */
static int lowest_free(struct bsn_ledger *ledger, const struct bsn_lease_range *range, const char *scope, int64_t step,
		       int64_t *ret_value, struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int64_t candidate = range->first;
	int r = bsn_query_open(&query, ledger, err,
			       "SELECT value FROM lease WHERE kind = ? AND scope = ? AND value BETWEEN ? AND ? ORDER BY value",
			       "itii", (int64_t)range->kind, scope, range->first, range->last);
	while (r >= 0 && (r = bsn_query_next(&query, err)) > 0) {
		int64_t taken = bsn_query_int(&query, 0);
		if (taken > candidate)
			break;
		/* A lease between two numbers of this step is of another configuration; it blocks only the number it is. */
		if (taken == candidate)
			candidate += step;
	}
	if (r < 0 || candidate > range->last)
		return r < 0 ? r : 0;
	*ret_value = candidate;
	return 1;
}

static int insert(struct bsn_ledger *ledger, enum bsn_lease_kind kind, const char *scope, int64_t value, const char *owner,
		  struct basin_error *err)
{
	int r = bsn_query_run(ledger, err, "INSERT INTO lease (kind, scope, value, owner, since) VALUES (?,?,?,?,?)", "ititi",
			      (int64_t)kind, scope, value, owner, (int64_t)time(NULL));
	return r < 0 ? r : 0;
}

static int take(struct bsn_ledger *ledger, const struct bsn_lease_range *range, int64_t wanted, const char *owner,
		int64_t *ret_value, struct basin_error *err)
{
	const char *scope = range->scope != NULL ? range->scope : "";
	const char *what = bsn_lease_kind_name(range->kind);
	int64_t step = range->step > 0 ? range->step : 1;
	char other[BSN_LEASE_OWNER_MAX];
	int r;
	if (wanted == BASIN_UNSET) {
		r = lowest_free(ledger, range, scope, step, &wanted, err);
		if (r == 0)
			return bsn_fail(err, BASIN_REFUSED, ENOSPC, "no free %s left%s%s: all %" PRId64 " are taken", what,
					*scope != '\0' ? " in " : "", scope,
					range->last < range->first ? 0 : (range->last - range->first) / step + 1);
	} else if (wanted < range->first || wanted > range->last || (wanted - range->first) % step != 0) {
		return bsn_fail(err, BASIN_USAGE, ERANGE, "%s %" PRId64 " is not one of %" PRId64 " to %" PRId64, what, wanted,
				range->first, range->last);
	} else {
		r = holder(ledger, range->kind, scope, wanted, other, err);
		if (r > 0 && !bsn_streq(other, owner))
			return bsn_fail(err, BASIN_CONFLICT, EADDRINUSE, "%s %" PRId64 " is taken by \"%s\"", what, wanted,
					other);
		if (r > 0)
			goto mine;
	}
	if (r >= 0)
		r = insert(ledger, range->kind, scope, wanted, owner, err);
	if (r < 0)
		return r;
mine:
	*ret_value = wanted;
	return 0;
}

int bsn_lease_take(struct bsn_ledger *ledger, const struct bsn_lease_range *range, int64_t wanted, const char *owner,
		   int64_t *ret_value, struct basin_error *err)
{
	int64_t value = 0;
	if (owner[0] == '\0' || strlen(owner) >= BSN_LEASE_OWNER_MAX ||
	    (range->scope != NULL && strlen(range->scope) >= BSN_LEASE_SCOPE_MAX))
		return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "invalid owner \"%.80s\" for a lease", owner);
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	r = bsn_ledger_end(ledger, take(ledger, range, wanted, owner, &value, err), err);
	if (r < 0)
		return r;
	*ret_value = value;
	return 0;
}

static int give(struct bsn_ledger *ledger, enum bsn_lease_kind kind, const char *scope, int64_t value, const char *owner,
		struct basin_error *err)
{
	char other[BSN_LEASE_OWNER_MAX];
	int r = holder(ledger, kind, scope, value, other, err);
	if (r <= 0)
		return r;
	if (!bsn_streq(other, owner))
		return bsn_fail(err, BASIN_CONFLICT, EPERM, "%s %" PRId64 " is leased to \"%s\", not to \"%s\"",
				bsn_lease_kind_name(kind), value, other, owner);
	r = bsn_query_run(ledger, err, "DELETE FROM lease WHERE kind = ? AND scope = ? AND value = ?", "iti", (int64_t)kind,
			  scope, value);
	return r < 0 ? r : 0;
}

int bsn_lease_give(struct bsn_ledger *ledger, enum bsn_lease_kind kind, const char *scope, int64_t value, const char *owner,
		   struct basin_error *err)
{
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	return bsn_ledger_end(ledger, give(ledger, kind, scope != NULL ? scope : "", value, owner, err), err);
}

int bsn_lease_give_all(struct bsn_ledger *ledger, int kind, const char *owner, struct basin_error *err)
{
	return bsn_query_run(ledger, err, "DELETE FROM lease WHERE owner = ?1 AND (?2 = -1 OR kind = ?2)", "ti", owner,
			     (int64_t)kind);
}

static int read_row(struct bsn_query *query, struct bsn_lease *ret_lease, struct basin_error *err)
{
	int64_t kind = bsn_query_int(query, 0);
	if (kind < 0 || kind >= BSN_LEASE_KINDS)
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, "the ledger is damaged: a lease of unknown kind %" PRId64, kind);
	struct bsn_lease lease = { .kind = (enum bsn_lease_kind)kind,
				   .value = bsn_query_int(query, 2),
				   .since = bsn_query_int(query, 4) };
	int r = bsn_query_copy(query, 1, lease.scope, sizeof(lease.scope), err);
	if (r >= 0)
		r = bsn_query_copy(query, 3, lease.owner, sizeof(lease.owner), err);
	if (r >= 0)
		*ret_lease = lease;
	return r;
}

int bsn_lease_each(struct bsn_ledger *ledger, int kind, const char *scope, const char *owner,
		   int (*fn)(const struct bsn_lease *lease, void *data), void *data, struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(
		&query, ledger, err,
		"SELECT kind, scope, value, owner, since FROM lease WHERE (?1 = -1 OR kind = ?1) AND (?2 IS NULL OR scope = ?2) "
		"AND (?3 IS NULL OR owner = ?3) ORDER BY kind, scope, value",
		"itt", (int64_t)kind, scope, owner);
	while (r >= 0 && (r = bsn_query_next(&query, err)) > 0) {
		struct bsn_lease lease;
		r = read_row(&query, &lease, err);
		if (r >= 0)
			r = fn(&lease, data);
	}
	return r;
}
