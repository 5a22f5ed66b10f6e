/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/reconcile.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/store.h"
#include "pool/cgroup.h"
#include "pool/lease.h"
#include "runtime/container.h"
#include "runtime/env/make.h"
#include "runtime/env/monitor.h"
#include "runtime/env/network.h"

int bsn_reconcile_find(struct bsn_reconcile *reconcile, const char *kind, const char *name, const char *action,
		       bsn_reconcile_fix *fix)
{
	struct basin_error err = { 0 };
	int r = reconcile->dry_run || fix == NULL ? 0 : fix(reconcile->basin, name, &err);
	bool done = !reconcile->dry_run && fix != NULL && r >= 0;
	json_t *finding = json_pack("{ss ss ss sb}", "kind", kind, "name", name, "action", action, "done", done);
	if (r < 0 && finding != NULL)
		json_object_set_new(finding, "error", json_string(err.text));
	return json_array_append_new(reconcile->findings, finding) < 0 ? -ENOMEM : 0;
}

int bsn_reconcile_is_env(struct bsn_reconcile *reconcile, const char *name)
{
	auto_free struct bsn_object *object = NULL;
	int r = bsn_object_get(reconcile->ledger, BSN_ENV_KIND, name, &object, NULL);
	return r >= 0 ? 1 : r == -ENOENT ? 0 : r;
}

/* --- environments --- */

static int finish_removal(struct basin *basin, const char *name, struct basin_error *err)
{
	int r = bsn_env_unmake(basin, name, err);
	bsn_env_forget_lock(basin, name);
	return r;
}

static int take_down(struct basin *basin, const char *name, struct basin_error *err)
{
	return bsn_env_down(basin, name, true, err);
}

static int keep_storage(struct basin *basin, const char *name, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	int r = bsn_basin_ledger(basin, &ledger, err);
	return r < 0 ? r : bsn_charge_keep(ledger, name, BSN_RESOURCE_BIT(BASIN_STORAGE), err);
}

static int thaw(struct basin *basin, const char *name, struct basin_error *err)
{
	auto_fd int cgroup = -1;
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_load(basin, name, &env, err);
	if (r >= 0)
		r = bsn_env_cgroup_open(basin, env, &cgroup, err);
	return r < 0 ? r : bsn_cgroup_freeze(cgroup, false, 5000, err);
}

/* Frozen, and not because its user paused it. */
static bool is_frozen(struct basin *basin, const struct bsn_env *env)
{
	auto_fd int cgroup = -1;
	const struct bsn_runtime runtime = bsn_basin_runtime(basin);
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	if (bsn_container_open(&runtime, env->name, false, &container, NULL) >= 0 && bsn_container_is_paused(&container))
		return false;
	return bsn_env_cgroup_open(basin, env, &cgroup, NULL) >= 0 && bsn_cgroup_frozen(cgroup) == 1;
}

/* Whether something of a run is there: the container's directory, its cgroup, or a device of its image. */
static bool has_remains(struct basin *basin, const struct bsn_env *env)
{
	auto_fd int dir = -1;
	auto_fd int cgroup = -1;
	if (faccessat(basin->root_fd, env->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    bsn_env_cgroup_open(basin, env, &cgroup, NULL) >= 0)
		return true;
	return env->storage.kind == BSN_STORAGE_LOOP && bsn_env_dir(basin, env->name, &dir, NULL) >= 0 &&
	       bsn_storage_loops(dir, NULL) > 0;
}

/* One that is not running, by the lock. It may have remains, and it may still be charged as if it ran. 1: it is to be started again. */
static int look_at_stopped(struct bsn_reconcile *reconcile, const struct bsn_env *env)
{
	struct bsn_charge charge;
	bool restart = bsn_streq(env->restart, "always") || bsn_streq(env->restart, "unless-stopped");
	if (has_remains(reconcile->basin, env)) {
		int r = bsn_reconcile_find(reconcile, "environment", env->name, "take down what its dead monitor left",
					   take_down);
		return r < 0 ? r : restart && bsn_monitor_intent_running(reconcile->basin, env->name);
	}
	if (bsn_charge_get(reconcile->ledger, env->name, true, &charge, NULL) >= 0 &&
	    (charge.resources & ~BSN_RESOURCE_BIT(BASIN_STORAGE)) != 0)
		return bsn_reconcile_find(reconcile, "charge", env->name, "release cpu, memory and pids: it does not run",
					  keep_storage);
	return 0;
}

static int look_at_locked(struct bsn_reconcile *reconcile, const char *name)
{
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_load(reconcile->basin, name, &env, NULL);
	if (r < 0)
		return r == -ENOENT ? 0
				    : bsn_reconcile_find(reconcile, "environment", name, "its definition cannot be read", NULL);
	if (!bsn_streq(env->state, BSN_ENV_READY)) {
		if (env->owned)
			return 0;
		const char *action =
			bsn_streq(env->state, BSN_ENV_CREATING) ? "remove: it was never finished" : "finish removing";
		return bsn_reconcile_find(reconcile, "environment", name, action, finish_removal);
	}
	if (bsn_monitor_alive(reconcile->basin, name) == 0)
		return look_at_stopped(reconcile, env);
	/* Who freezes an environment holds its lock until it is thawed; we hold it now. */
	return is_frozen(reconcile->basin, env) ? bsn_reconcile_find(reconcile, "environment", name, "thaw", thaw) : 0;
}

/* Who made or removed it has died. What it was just starting has its descriptors, the lock among them, until it executes. */
#define DEAD_LOCK_MS 5000

static int look_at(const struct bsn_env *env, void *data)
{
	struct bsn_reconcile *reconcile = data;
	auto_fd int lock = -1;
	bool abandoned = !bsn_streq(env->state, BSN_ENV_READY) && !env->owned;
	int r = bsn_env_lock(reconcile->basin, env->name, abandoned ? DEAD_LOCK_MS : 0, &lock, NULL);
	if (r < 0)
		return r == -EBUSY ? 0 : r; /* somebody is at it */
	r = look_at_locked(reconcile, env->name);
	bsn_own_close(&lock);
	lock = -1; /* a start takes it itself */
	if (r > 0)
		r = bsn_reconcile_find(reconcile, "environment", env->name, "start again, as its restart policy says",
				       basin_env_start);
	return r;
}

/* --- what no environment's row leads to --- */

struct strays {
	struct bsn_reconcile *reconcile;
	char (*names)[BSN_LEASE_OWNER_MAX];
	size_t count;
	size_t room;
};

static int add_stray(struct strays *strays, const char *name)
{
	for (size_t i = 0; i < strays->count; i++)
		if (bsn_streq(strays->names[i], name))
			return 0;
	if (strays->count == strays->room) {
		size_t room = strays->room == 0 ? 16 : 2 * strays->room;
		void *names = realloc(strays->names, room * sizeof(*strays->names));
		if (names == NULL)
			return -ENOMEM;
		strays->names = names;
		strays->room = room;
	}
	return bsn_format(strays->names[strays->count++], BSN_LEASE_OWNER_MAX, "%s", name);
}

static int look_at_lease(const struct bsn_lease *lease, void *data)
{
	return strchr(lease->owner, ':') != NULL ? 0 : add_stray(data, lease->owner); /* "net:lab" is a network's own */
}

static int look_at_charge(const struct bsn_charge *charge, void *data)
{
	return charge->bound ? add_stray(data, charge->consumer) : 0;
}

static int give_leases(struct basin *basin, const char *name, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	int r = bsn_basin_ledger(basin, &ledger, err);
	return r < 0 ? r : bsn_lease_give_all(ledger, BSN_LEASE_ANY, name, err);
}

static int release_charge(struct basin *basin, const char *name, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	int r = bsn_basin_ledger(basin, &ledger, err);
	return r < 0 ? r : bsn_charge_release(ledger, name, err);
}

/* Under its lock: nobody is launching one of that name between the look and the deed. */
static int settle_one(struct bsn_reconcile *reconcile, const char *kind, const char *name, bsn_reconcile_fix *fix)
{
	auto_fd int lock = -1;
	int r = bsn_env_lock(reconcile->basin, name, 0, &lock, NULL);
	if (r < 0)
		return r == -EBUSY ? 0 : r;
	r = bsn_reconcile_is_env(reconcile, name);
	if (r == 0)
		r = bsn_reconcile_find(reconcile, kind, name, "release: no such environment", fix);
	bsn_env_forget_lock(reconcile->basin, name);
	return r;
}

static int settle(struct strays *strays, const char *kind, bsn_reconcile_fix *fix)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && i < strays->count; i++) {
		r = bsn_reconcile_is_env(strays->reconcile, strays->names[i]);
		if (r == 0)
			r = settle_one(strays->reconcile, kind, strays->names[i], fix);
	}
	free(strays->names);
	strays->names = NULL;
	strays->count = strays->room = 0;
	return r;
}

static void report_sweep(const struct bsn_charge *charge, void *data)
{
	struct bsn_reconcile *reconcile = data;
	json_array_append_new(reconcile->findings,
			      json_pack("{ss ss ss sb}", "kind", "reservation", "name", charge->consumer, "action",
					"release: who reserved it has died", "done", !reconcile->dry_run));
}

static int look_at_ledger(struct bsn_reconcile *reconcile, struct basin_error *err)
{
	struct strays strays = { .reconcile = reconcile };
	int r = bsn_lease_each(reconcile->ledger, BSN_LEASE_ANY, NULL, NULL, look_at_lease, &strays, err);
	if (r >= 0)
		r = settle(&strays, "lease", give_leases);
	if (r >= 0)
		r = bsn_charge_each(reconcile->ledger, NULL, look_at_charge, &strays, err);
	if (r >= 0)
		r = settle(&strays, "charge", release_charge);
	return r < 0 ? r : bsn_charge_sweep(reconcile->ledger, reconcile->dry_run, report_sweep, reconcile, err);
}

/* A directory that the ledger does not know is somebody's data, whatever happened to the ledger: told of, never removed. */
static int look_at_directory(int dirfd, const char *name, void *data)
{
	struct bsn_reconcile *reconcile = data;
	(void)dirfd;
	int r = bsn_reconcile_is_env(reconcile, name);
	return r != 0 ? r
		      : bsn_reconcile_find(reconcile, "directory", name, "left alone: the ledger has no such environment", NULL);
}

static int look_at_lock(int dirfd, const char *name, void *data)
{
	struct bsn_reconcile *reconcile = data;
	auto_fd int lock = -1;
	(void)dirfd;
	if (!bsn_starts_with(name, "env-") || reconcile->dry_run || bsn_reconcile_is_env(reconcile, name + strlen("env-")) != 0)
		return 0;
	/* Not a finding: an empty file that a killed command left, and that the next one would have used. */
	if (bsn_env_lock(reconcile->basin, name + strlen("env-"), 0, &lock, NULL) >= 0)
		bsn_env_forget_lock(reconcile->basin, name + strlen("env-"));
	return 0;
}

static int look_in(struct bsn_reconcile *reconcile, const char *directory, int (*fn)(int, const char *, void *),
		   struct basin_error *err)
{
	auto_fd int dir = bsn_basin_data_dir(reconcile->basin, directory, err);
	int r = dir < 0 ? dir : bsn_each_entry(dir, fn, reconcile);
	return r < 0 && dir >= 0 ? bsn_fail_sys(err, -r, "cannot look through \"%s/%s\"", reconcile->basin->data_root, directory)
				 : r;
}

static void report_layer(void *data, const char *hex)
{
	struct bsn_reconcile *reconcile = data;
	json_array_append_new(reconcile->findings, json_pack("{ss ss ss sb}", "kind", "layer", "name", hex, "action",
							     "remove: no image has it", "done", !reconcile->dry_run));
}

static int answer_is_env(void *data, const char *name)
{
	return bsn_reconcile_is_env(data, name);
}

int basin_reconcile(struct basin *basin, int dry_run, char **ret_json, struct basin_error *err)
{
	auto_json json_t *findings = json_array();
	struct bsn_store *store;
	struct bsn_reconcile reconcile = { .basin = basin, .dry_run = dry_run != 0, .findings = findings };
	int r = bsn_basin_ledger(basin, &reconcile.ledger, err);
	if (r >= 0)
		r = bsn_basin_store(basin, &store, err); /* opening it clears what dead processes were staging */
	if (r >= 0)
		r = bsn_store_sweep(store, dry_run != 0, report_layer, &reconcile, err);
	if (r >= 0)
		r = bsn_env_each(basin, look_at, &reconcile, err);
	if (r >= 0)
		r = look_at_ledger(&reconcile, err);
	if (r >= 0)
		r = bsn_network_reconcile(basin, dry_run != 0, answer_is_env, &reconcile, findings, err);
	if (r >= 0)
		r = bsn_reconcile_cgroups(&reconcile, err);
	if (r >= 0)
		r = look_in(&reconcile, "envs", look_at_directory, err);
	if (r >= 0)
		r = look_in(&reconcile, "locks", look_at_lock, err);
	return r < 0 ? r : bsn_json_format(findings, true, ret_json, err);
}
