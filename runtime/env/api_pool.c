/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basin_pool_...: pools as an embedding program and the commands see them. A pool is a row of the ledger and a cgroup; the row is
 * what counts, since the cgroup can be made from it again. So a pool is made row first and unmade cgroup first: a process that dies
 * in between leaves a pool, never a cgroup that nobody knows.
 */
#include <stdio.h>

#include "base/json.h"
#include "base/str.h"
#include "pool/pool.h"
#include "pool/pool_cgroup.h"
#include "runtime/env/context.h"
#include "runtime/env/pool_document.h"

static int read_enforce(const char *text, int *ret_enforce, struct basin_error *err)
{
	if (text == NULL)
		*ret_enforce = BASIN_UNSET;
	else if (bsn_streq(text, "required"))
		*ret_enforce = BSN_ENFORCE_REQUIRED;
	else if (bsn_streq(text, "available"))
		*ret_enforce = BSN_ENFORCE_AVAILABLE;
	else
		return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid way to enforce \"%.40s\": use \"required\" or \"available\"",
				text);
	return 0;
}

static int read_settings(const struct basin_pool_settings *given, struct bsn_pool_settings *ret_settings, struct basin_error *err)
{
	if (given->size < sizeof(*given))
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"the pool's settings do not say their size: begin with BASIN_POOL_SETTINGS_INIT");
	*ret_settings = (struct bsn_pool_settings){ .capacity = given->capacity,
						    .guarantee = given->guarantee,
						    .overcommit = given->overcommit,
						    .defaults = given->defaults,
						    .reserve = given->reserve,
						    .cordoned = given->cordoned };
	return read_enforce(given->enforce, &ret_settings->enforce, err);
}

static int format_one(struct basin *basin, const struct bsn_pool_view *view, const char *name, char **ret_json,
		      struct basin_error *err)
{
	auto_json json_t *documents = NULL;
	if (ret_json == NULL)
		return 0;
	int r = bsn_pool_documents(basin, view, name, &documents, err);
	return r < 0 ? r : bsn_json_format(json_array_get(documents, 0), true, ret_json, err);
}

static int format_verdict(const char *name, char **ret_json, struct basin_error *err)
{
	auto_json json_t *verdict = json_pack("{s:s, s:b, s:b}", "name", name, "dry_run", 1, "admitted", 1);
	return ret_json == NULL ? 0 : bsn_json_format(verdict, true, ret_json, err);
}

/* What create and set begin with: what is wanted, and the host and the ledger it is wanted of. */
static int prepare(struct basin *basin, const struct basin_pool_settings *given, struct bsn_pool_settings *ret_settings,
		   struct bsn_ledger **ret_ledger, struct bsn_pool_view *ret_view, struct basin_error *err)
{
	int r = read_settings(given, ret_settings, err);
	if (r >= 0)
		r = bsn_basin_ledger(basin, ret_ledger, err);
	return r < 0 ? r : bsn_pool_view_read(basin, ret_view, err);
}

int basin_pool_create(struct basin *basin, const char *name, const struct basin_pool_settings *settings, char **ret_json,
		      struct basin_error *err)
{
	struct bsn_pool_settings wanted;
	struct bsn_pool_view view = { 0 };
	struct bsn_ledger *ledger;
	int r = prepare(basin, settings, &wanted, &ledger, &view, err);
	if (r >= 0)
		r = bsn_pool_create(ledger, &view.host, name, &wanted, view.enforceable, settings->dry_run != 0, err);
	if (r < 0)
		return r;
	if (settings->dry_run != 0)
		return format_verdict(name, ret_json, err);
	r = bsn_pool_cgroup_ensure(ledger, &view.host, basin->cgroup_root, name, err);
	if (r < 0) {
		bsn_pool_cgroup_destroy(basin->cgroup_root, name, NULL);
		bsn_pool_remove(ledger, name, NULL);
		return r;
	}
	return format_one(basin, &view, name, ret_json, err);
}

/* --- set: the caps of the pool and of all beneath it, whose capacity may follow its --- */

struct renewal {
	struct basin *basin;
	struct bsn_ledger *ledger;
	const struct bsn_host *host;
	const char *top;
	struct basin_error *err;
};

static int renew_caps(const struct bsn_pool *pool, void *data)
{
	const struct renewal *renewal = data;
	size_t length = bsn_streq(renewal->top, "/") ? 0 : strlen(renewal->top);
	if (strncmp(pool->name, renewal->top, length) != 0 || (pool->name[length] != '/' && pool->name[length] != '\0'))
		return 0;
	return bsn_pool_cgroup_ensure(renewal->ledger, renewal->host, renewal->basin->cgroup_root, pool->name, renewal->err);
}

static int set_and_enforce(struct basin *basin, const struct bsn_pool_view *view, const char *name,
			   const struct bsn_pool_settings *wanted, struct bsn_ledger *ledger, struct basin_error *err)
{
	struct renewal renewal = { .basin = basin, .ledger = ledger, .host = &view->host, .top = name, .err = err };
	int r = bsn_pool_set(ledger, &view->host, name, wanted, view->enforceable, false, err);
	return r < 0 ? r : bsn_pool_each(ledger, renew_caps, &renewal, err);
}

int basin_pool_set(struct basin *basin, const char *name, const struct basin_pool_settings *settings, char **ret_json,
		   struct basin_error *err)
{
	struct bsn_pool_settings wanted;
	struct bsn_pool_view view = { 0 };
	struct bsn_ledger *ledger;
	int r = prepare(basin, settings, &wanted, &ledger, &view, err);
	if (r < 0)
		return r;
	if (settings->dry_run != 0) {
		r = bsn_pool_set(ledger, &view.host, name, &wanted, view.enforceable, true, err);
		return r < 0 ? r : format_verdict(name, ret_json, err);
	}
	/* The row and the caps change together, or not at all: the kernel has a say too (memory in use above a smaller cap). */
	r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	r = bsn_ledger_end(ledger, set_and_enforce(basin, &view, name, &wanted, ledger, err), err);
	if (r < 0) {
		struct renewal back = { .basin = basin, .ledger = ledger, .host = &view.host, .top = name };
		bsn_pool_each(ledger, renew_caps, &back, NULL);
		return r;
	}
	return format_one(basin, &view, name, ret_json, err);
}

int basin_pool_show(struct basin *basin, const char *name, char **ret_json, struct basin_error *err)
{
	struct bsn_pool_view view = { 0 };
	int r = bsn_pool_view_read(basin, &view, err);
	return r < 0 ? r : format_one(basin, &view, name, ret_json, err);
}

int basin_pool_list(struct basin *basin, char **ret_json, struct basin_error *err)
{
	auto_json json_t *documents = NULL;
	struct bsn_pool_view view = { 0 };
	int r = bsn_pool_view_read(basin, &view, err);
	if (r >= 0)
		r = bsn_pool_documents(basin, &view, NULL, &documents, err);
	return r < 0 ? r : bsn_json_format(documents, true, ret_json, err);
}

int basin_pool_remove(struct basin *basin, const char *name, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	/* Removed from the ledger only if its cgroup is gone. */
	r = bsn_pool_remove(ledger, name, err);
	if (r >= 0)
		r = bsn_pool_cgroup_destroy(basin->cgroup_root, name, err);
	return bsn_ledger_end(ledger, r, err);
}
