/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/make.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"
#include "base/step.h"
#include "base/sys.h"
#include "image/store.h"
#include "pool/host.h"
#include "pool/lease.h"
#include "pool/pool_cgroup.h"
#include "runtime/env/monitor.h"
#include "runtime/env/network.h"

struct making {
	struct basin *basin;
	const struct bsn_env_make *make;
	struct bsn_ledger *ledger;
	struct bsn_host host;
	struct bsn_ask ask;
	const char *name;
	struct bsn_env *env;
};

/* --- reserve: the name, the charge, the ids, the addresses; one transaction --- */

static int put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

static int put_amounts(json_t *object, const char *key, const struct basin_amounts *amounts)
{
	json_t *value = json_object();
	int r = put(object, key, value);
	for (int i = 0; r >= 0 && i < BASIN_RESOURCES; i++)
		if (amounts->of[i] != BASIN_UNSET)
			r = put(value, bsn_resource_name((enum basin_resource)i), json_integer(amounts->of[i]));
	return r;
}

static int put_charge(struct making *making, const struct bsn_charge *charge, struct basin_error *err)
{
	json_t *json = making->make->json;
	json_t *resources = json_object();
	int r = put(json, "pool", json_string(charge->pool));
	if (r >= 0)
		r = put(json, "created", json_integer(time(NULL)));
	if (r >= 0)
		r = put(json, "resources", resources);
	if (r >= 0)
		r = put_amounts(resources, "request", &charge->request);
	if (r >= 0)
		r = put_amounts(resources, "limit", &charge->limit);
	if (r >= 0)
		r = put(resources, "cpu_weight", json_integer(charge->cpu_weight));
	return r < 0 ? bsn_fail_sys(err, -r, "cannot describe environment \"%s\"", making->name) : 0;
}

static int put_ids(struct making *making, struct basin_error *err)
{
	static const struct bsn_lease_range range = BSN_LEASE_RANGE_IDS;
	int64_t first;
	if (making->make->host_ids) {
		(void)json_object_del(making->make->json, "ids");
		return 0;
	}
	int r = making->make->dry_run ? 0 : bsn_lease_take(making->ledger, &range, BASIN_UNSET, making->name, &first, err);
	if (r < 0 || making->make->dry_run)
		return r;
	json_t *ids = json_pack("{sI si}", "first", (json_int_t)first, "count", BSN_ENV_IDS);
	r = put(making->make->json, "ids", ids);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot describe environment \"%s\"", making->name) : 0;
}

static int put_storage(struct making *making, const struct bsn_charge *charge, const struct bsn_storage_probe *probe,
		       struct basin_error *err)
{
	static const struct bsn_lease_range range = BSN_LEASE_RANGE_PROJECTS;
	int64_t project = 0;
	int r = 0;
	if (probe->kind == BSN_STORAGE_PROJECT && !making->make->dry_run)
		r = bsn_lease_take(making->ledger, &range, BASIN_UNSET, making->name, &project, err);
	if (r < 0)
		return r;
	json_t *storage = json_pack("{ss sI}", "kind", bsn_storage_kind_format(probe->kind), "bytes",
				    (json_int_t)charge->limit.of[BASIN_STORAGE]);
	r = put(making->make->json, "storage", storage);
	if (r >= 0 && project != 0)
		r = put(storage, "project", json_integer(project));
	return r < 0 ? bsn_fail_sys(err, -r, "cannot describe environment \"%s\"", making->name) : 0;
}

static int put_row(struct making *making, const struct bsn_owner *owner, struct basin_error *err)
{
	auto_free char *text = NULL;
	int r = bsn_json_format(making->make->json, false, &text, err);
	if (r >= 0)
		r = bsn_object_create(making->ledger, BSN_ENV_KIND, making->name, BSN_ENV_CREATING, text, owner, err);
	if (r >= 0)
		r = bsn_env_parse(making->make->json, &making->env, err);
	for (size_t i = 0; r >= 0 && i < making->env->network_count; i++) {
		struct bsn_network_address address;
		r = bsn_network_lease(making->basin, making->env->networks[i], making->name, &address, err);
	}
	return r;
}

static int reserve_in(struct making *making, const struct bsn_storage_probe *probe, struct basin_error *err)
{
	struct bsn_owner owner;
	struct bsn_charge charge;
	bool dry_run = making->make->dry_run;
	int r = bsn_owner_self(&owner, err);
	if (r >= 0)
		r = bsn_charge_reserve(making->ledger, &making->host, &making->ask, &owner, dry_run, &charge, err);
	if (r >= 0)
		r = put_charge(making, &charge, err);
	if (r >= 0)
		r = put_ids(making, err);
	if (r >= 0)
		r = put_storage(making, &charge, probe, err);
	if (r >= 0)
		r = dry_run ? bsn_env_parse(making->make->json, &making->env, err) : put_row(making, &owner, err);
	return r;
}

static int reserve(void *run, const char *name, struct basin_error *err)
{
	struct making *making = run;
	struct bsn_storage_probe probe;
	struct bsn_pool pool;
	(void)name;
	int r = bsn_pool_get(making->ledger, making->ask.pool != NULL ? making->ask.pool : BSN_POOL_DEFAULT, &pool, err);
	if (r >= 0)
		r = bsn_storage_probe(making->basin->data_fd, &probe, err);
	if (r < 0)
		return r;
	if (probe.kind == BSN_STORAGE_PLAIN && pool.enforce != BSN_ENFORCE_AVAILABLE)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"no way to limit storage on this host: %s; or use a pool with --enforce available", probe.reason);
	r = bsn_ledger_begin(making->ledger, err);
	if (r >= 0)
		r = bsn_ledger_end(making->ledger, reserve_in(making, &probe, err), err);
	return r;
}

static int unreserve_in(struct bsn_ledger *ledger, const char *name, struct basin_error *err)
{
	int r = bsn_charge_release(ledger, name, err);
	if (r >= 0)
		r = bsn_lease_give_all(ledger, BSN_LEASE_ANY, name, err);
	if (r >= 0)
		r = bsn_object_remove(ledger, BSN_ENV_KIND, name, err);
	return r;
}

static int unreserve(void *world, const char *name, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	int r = bsn_basin_ledger(world, &ledger, err);
	if (r >= 0)
		r = bsn_ledger_begin(ledger, err);
	if (r >= 0)
		r = bsn_ledger_end(ledger, unreserve_in(ledger, name, err), err);
	return r;
}

/* --- directory --- */

static int make_directory(void *run, const char *name, struct basin_error *err)
{
	struct making *making = run;
	auto_fd int envs = bsn_basin_data_dir(making->basin, "envs", err);
	if (envs < 0)
		return envs;
	int r = bsn_sys_mkdirat(envs, name, 0700);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make the directory of environment \"%s\"", name);
	auto_fd int dir = bsn_sys_openat(envs, name, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return bsn_fail_sys(err, -dir, "cannot open the directory of environment \"%s\"", name);
	r = bsn_sys_mkdirat(dir, "mnt", 0700);
	if (r >= 0)
		r = bsn_sys_mkdirat(dir, "etc", 0700);
	if (r >= 0)
		r = bsn_sys_fsync(envs);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make the directory of environment \"%s\"", name);
	return bsn_json_write(dir, BSN_ENV_DEFINITION, making->env->json, true, err);
}

static int remove_directory(void *world, const char *name, struct basin_error *err)
{
	struct basin *basin = world;
	auto_fd int envs = bsn_basin_data_dir(basin, "envs", err);
	int r = envs < 0 ? envs : bsn_remove_tree(envs, name);
	return r < 0 && envs >= 0 ? bsn_fail_sys(err, -r, "cannot remove the directory of environment \"%s\"", name) : r;
}

/* --- storage --- */

static int make_storage(void *run, const char *name, struct basin_error *err)
{
	struct making *making = run;
	auto_fd int dir = -1;
	int r = bsn_env_dir(making->basin, name, &dir, err);
	return r < 0 ? r : bsn_storage_create(dir, &making->env->storage, err);
}

static int remove_storage(void *world, const char *name, struct basin_error *err)
{
	struct basin *basin = world;
	auto_fd int dir = -1;
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_load(basin, name, &env, err);
	if (r >= 0)
		r = bsn_env_dir(basin, name, &dir, err);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : bsn_storage_destroy(dir, &env->storage, err);
}

/* --- contents --- */

int bsn_env_in_private(int (*fn)(void *data, struct basin_error *err), void *data, struct basin_error *err)
{
	int ends[2];
	int status = 0;
	int r = bsn_sys_pipe(ends);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a pipe");
	auto_fd int out = ends[0];
	auto_fd int in = ends[1];
	const pid_t self = getpid();
	pid_t pid = fork();
	if (pid < 0)
		return bsn_fail_sys(err, errno, "cannot fork");
	if (pid == 0) {
		struct basin_error failure = { 0 };
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(1);
		r = bsn_sys_unshare(CLONE_NEWNS);
		if (r >= 0)
			r = bsn_sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		r = r < 0 ? bsn_fail_sys(&failure, -r, "cannot make a private mount namespace") : fn(data, &failure);
		if (r < 0)
			(void)bsn_sys_write(in, &failure, sizeof(failure));
		_exit(r < 0 ? 1 : 0);
	}
	close(bsn_fd_give(&in));
	struct basin_error failure;
	ssize_t n = BSN_RETRY(read(out, &failure, sizeof(failure)));
	if (BSN_RETRY(waitpid(pid, &status, 0)) < 0)
		return bsn_fail_sys(err, errno, "cannot wait for a process");
	if (n == (ssize_t)sizeof(failure)) {
		if (err != NULL)
			*err = failure;
		return failure.sys > 0 ? -failure.sys : -EIO;
	}
	return status == 0 ? 0 : bsn_fail(err, BASIN_INTERNAL, EIO, "a process in a private mount namespace died");
}

static int fill_in(void *data, struct basin_error *err)
{
	const struct making *making = data;
	auto_fd int dir = -1;
	auto_fd int layer = -1;
	int r = bsn_basin_reopen(making->basin, err);
	if (r >= 0)
		r = bsn_env_dir(making->basin, making->name, &dir, err);
	if (r >= 0)
		r = bsn_storage_open(dir, &making->env->storage, &layer, err);
	return r < 0 ? r : making->make->fill(making->make->data, making->env, layer, err);
}

static int fill(void *run, const char *name, struct basin_error *err)
{
	struct making *making = run;
	(void)name;
	return making->make->fill == NULL ? 0 : bsn_env_in_private(fill_in, making, err);
}

/* --- start --- */

/* Started, it is "ready" and its charge bound: `env up` does both, the moment the payload runs. Else that is done here. */
static int start(void *run, const char *name, struct basin_error *err)
{
	struct making *making = run;
	if (making->make->start)
		return bsn_monitor_start(making->basin, making->env, err);
	return bsn_env_commit(making->basin, name, err);
}

static int bring_down(void *world, const char *name, struct basin_error *err)
{
	return bsn_monitor_stop(world, name, 0, err);
}

static const struct bsn_step steps[] = {
	{ "reserve", NULL, reserve, unreserve },
	{ "directory", NULL, make_directory, remove_directory },
	{ "storage", NULL, make_storage, remove_storage },
	{ "contents", NULL, fill, NULL },
	{ "start", NULL, start, bring_down },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static int walk_back(struct basin *basin, const char *name, size_t from, struct basin_error *err)
{
	for (size_t i = from; i-- > 0;) {
		if (steps[i].undo == NULL)
			continue;
		/* Not past a failure: what is under it may still be in use, and the ledger's row must stay to be found. */
		int r = bsn_fault_gate(steps[i].name);
		r = r < 0 ? bsn_fail_sys(err, -r, "undoing \"%s\"", steps[i].name) : steps[i].undo(basin, name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk(struct making *making, struct basin_error *err)
{
	for (size_t i = 0; i < STEPS; i++) {
		int r = bsn_fault_gate(steps[i].name);
		r = r < 0 ? bsn_fail_sys(err, -r, "step \"%s\"", steps[i].name) : steps[i].apply(making, making->name, err);
		if (r >= 0)
			continue;
		struct basin_error second = { 0 };
		if (i > 0 && walk_back(making->basin, making->name, i + 1, &second) < 0)
			bsn_warn("%s; \"basin reconcile\" will finish removing environment \"%s\"", second.text, making->name);
		return r;
	}
	return 0;
}

/* The row says who is at it, unless it has gone. */
static int claim_removal(struct basin *basin, const char *name, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	struct bsn_owner owner;
	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = bsn_owner_self(&owner, err);
	struct bsn_object_change change = BSN_OBJECT_CHANGE_INIT;
	change.state = BSN_ENV_REMOVING;
	change.owner = &owner;
	if (r >= 0)
		r = bsn_object_set(ledger, BSN_ENV_KIND, name, &change, err);
	return r == -ENOENT ? 0 : r;
}

int bsn_env_unmake(struct basin *basin, const char *name, struct basin_error *err)
{
	int r = claim_removal(basin, name, err);
	return r < 0 ? r : walk_back(basin, name, STEPS, err);
}

/* Refuses a name that is in use; clears one that a dead process left. */
static int clear_name(struct basin *basin, const char *name, struct basin_error *err)
{
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_load(basin, name, &env, NULL);
	if (r >= 0 && !bsn_streq(env->state, BSN_ENV_READY) && !env->owned) {
		bsn_info("removing what a dead process left of environment \"%s\"", name);
		r = bsn_env_unmake(basin, name, err);
		return r;
	}
	if (r >= 0)
		return bsn_fail(err, BASIN_EXISTS, EEXIST, "environment \"%s\" exists", name);
	if (faccessat(basin->root_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return bsn_fail(err, BASIN_EXISTS, EEXIST,
				"container \"%s\" exists: environments and containers share their names", name);
	return 0;
}

static int prepare(struct making *making, struct basin_error *err)
{
	const struct bsn_env_make *make = making->make;
	unsigned int enforceable = 0;
	making->ask = make->ask;
	making->ask.consumer = making->name;
	making->ask.resources = make->start ? BSN_RESOURCES_ALL : BSN_RESOURCE_BIT(BASIN_STORAGE);
	int r = bsn_basin_ledger(making->basin, &making->ledger, err);
	if (r >= 0)
		r = bsn_host_read(making->basin->data_fd, &making->host, err);
	if (r < 0 || (making->ask.pool != NULL && !bsn_streq(making->ask.pool, BSN_POOL_DEFAULT)))
		return r;
	r = bsn_pool_enforceable(making->basin->cgroup_root, making->basin->data_fd, &enforceable, err);
	if (r >= 0)
		r = bsn_pool_ensure_default(making->ledger, &making->host, enforceable,
					    make->enforce_available ? BSN_ENFORCE_AVAILABLE : BSN_ENFORCE_REQUIRED, err);
	return r;
}

int bsn_env_make(struct basin *basin, const struct bsn_env_make *make, struct bsn_env **ret_env, struct basin_error *err)
{
	auto_fd int lock = -1;
	const char *name = json_string_value(json_object_get(make->json, "name"));
	struct making making = { .basin = basin, .make = make, .name = name };
	int r = bsn_env_lock(basin, name, 0, &lock, err);
	if (r >= 0)
		r = clear_name(basin, name, err);
	if (r >= 0)
		r = prepare(&making, err);
	if (r >= 0)
		r = make->dry_run ? reserve(&making, name, err) : walk(&making, err);
	if (r >= 0 && !make->dry_run) {
		/* As it is now, "ready": what the steps went by is from before. */
		bsn_env_free(making.env);
		making.env = NULL;
		r = bsn_env_load(basin, name, &making.env, err);
	}
	if (r < 0) {
		bsn_env_free(making.env);
		if (lock >= 0)
			bsn_env_forget_lock(basin, name);
		return r;
	}
	*ret_env = making.env;
	return 0;
}
