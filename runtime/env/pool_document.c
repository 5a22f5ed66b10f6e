/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/pool_document.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "base/sys.h"
#include "pool/cgroup.h"
#include "pool/charge.h"
#include "pool/pool.h"
#include "pool/pool_cgroup.h"
#include "runtime/env/definition.h"
#include "runtime/env/show.h"

#define SAMPLE_MS 50

int bsn_pool_view_read(const struct basin *basin, struct bsn_pool_view *ret_view, struct basin_error *err)
{
	struct bsn_pool_view view;
	int r = bsn_host_read(basin->data_fd, &view.host, err);
	if (r >= 0)
		r = bsn_storage_probe(basin->data_fd, &view.storage, err);
	if (r >= 0)
		r = bsn_pool_enforceable(basin->cgroup_root, basin->data_fd, &view.enforceable, err);
	if (r >= 0)
		*ret_view = view;
	return r;
}

/* --- what is collected of one pool before it is written --- */

struct entry {
	struct bsn_pool pool;
	struct bsn_pool_report report;
	json_t *members;
	int64_t used[BASIN_RESOURCES]; /* BASIN_UNSET: not known */
	int cgroup;                    /* -1: there is none now */
	int64_t cpu_before;
	struct timespec before;
};

struct entries {
	struct entry *of;
	size_t count;
	const char *only; /* NULL: all */
	struct basin *basin;
};

static void entries_release(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		json_decref(entries->of[i].members);
		if (entries->of[i].cgroup >= 0)
			close(entries->of[i].cgroup);
	}
	free(entries->of);
}
#define auto_entries __attribute__((cleanup(entries_release)))

static int add_pool(const struct bsn_pool *pool, void *data)
{
	struct entries *entries = data;
	if (entries->only != NULL && !bsn_streq(entries->only, pool->name))
		return 0;
	struct entry *more = reallocarray(entries->of, entries->count + 1, sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	entries->of = more;
	more[entries->count++] = (struct entry){ .pool = *pool, .members = json_array(), .cgroup = -1 };
	return 0;
}

static bool is_within(const char *pool, const char *ancestor)
{
	size_t length = strlen(ancestor);
	return bsn_streq(ancestor, "/") ||
	       (strncmp(pool, ancestor, length) == 0 && (pool[length] == '/' || pool[length] == '\0'));
}

/* What a member has written, as its own file system or quota says: asked through its root while it runs, for then only that is exact. */
static int64_t storage_used(struct basin *basin, const char *name)
{
	auto_env struct bsn_env *env = NULL;
	auto_fd int dir = -1;
	auto_fd int live = -1;
	struct bsn_storage_usage usage;
	char root[48];
	pid_t pid;
	if (bsn_env_load(basin, name, &env, NULL) < 0 || bsn_env_dir(basin, name, &dir, NULL) < 0)
		return 0;
	bsn_env_status(basin, env, &pid);
	snprintf(root, sizeof(root), "/proc/%d/root", (int)pid);
	if (pid > 0)
		live = bsn_sys_openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0);
	return bsn_storage_usage(dir, &env->storage, live, &usage, NULL) < 0 ? 0 : usage.bytes;
}

/* One row of a member: its name to its pool, what it wrote to that and all above. The bound row comes first. */
static int add_member(const struct bsn_charge *charge, void *data)
{
	struct entries *entries = data;
	int64_t used = BASIN_UNSET;
	for (size_t i = 0; i < entries->count; i++) {
		struct entry *entry = &entries->of[i];
		size_t members = json_array_size(entry->members);
		if (!is_within(charge->pool, entry->pool.name))
			continue;
		if (bsn_streq(charge->pool, entry->pool.name)) {
			const char *last = members == 0 ? "" : json_string_value(json_array_get(entry->members, members - 1));
			if (bsn_streq(last, charge->consumer))
				return 0;
			json_array_append_new(entry->members, json_string(charge->consumer));
		}
		if (!charge->bound)
			continue;
		if (used == BASIN_UNSET)
			used = storage_used(entries->basin, charge->consumer);
		entry->used[BASIN_STORAGE] += used;
	}
	return 0;
}

/* --- what the kernel counts --- */

static void open_cgroup(struct entry *entry, const struct bsn_cgroup_tree *tree)
{
	char name[BSN_POOL_CGROUP_MAX];
	char path[PATH_MAX];
	if (bsn_pool_cgroup_path(entry->pool.name, name, sizeof(name), NULL) < 0 ||
	    bsn_cgroup_path(tree, name, path, sizeof(path), NULL) < 0 || bsn_cgroup_open(tree, path, &entry->cgroup, NULL) < 0)
		entry->cgroup = -1;
}

static int64_t known(int64_t value)
{
	return value < 0 ? BASIN_UNSET : value;
}

static void measure_first(struct entry *entry)
{
	struct bsn_cgroup_stats stats;
	pid_t *pids = NULL;
	size_t count = 0;
	if (entry->cgroup < 0)
		return; /* nothing runs in it */
	if (bsn_cgroup_stats(entry->cgroup, &stats, NULL) < 0) {
		entry->used[BASIN_CPU] = entry->used[BASIN_MEMORY] = entry->used[BASIN_PIDS] = BASIN_UNSET;
		return;
	}
	entry->cpu_before = stats.cpu_usage_us;
	clock_gettime(CLOCK_MONOTONIC, &entry->before);
	entry->used[BASIN_MEMORY] = known(stats.memory_current);
	entry->used[BASIN_PIDS] = known(stats.pids_current);
	/* Without the controller the processes can still be counted, though not their threads. */
	if (entry->used[BASIN_PIDS] == BASIN_UNSET && bsn_cgroup_pids(entry->cgroup, &pids, &count, NULL) >= 0)
		entry->used[BASIN_PIDS] = (int64_t)count;
	free(pids);
}

/* Thousandths of a CPU, over the time since measure_first. */
static void measure_cpu(struct entry *entry)
{
	struct bsn_cgroup_stats stats;
	struct timespec now;
	if (entry->cgroup < 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t passed_us = (now.tv_sec - entry->before.tv_sec) * 1000000 + (now.tv_nsec - entry->before.tv_nsec) / 1000;
	if (passed_us <= 0 || entry->cpu_before < 0 || bsn_cgroup_stats(entry->cgroup, &stats, NULL) < 0 ||
	    stats.cpu_usage_us < 0)
		entry->used[BASIN_CPU] = BASIN_UNSET;
	else
		entry->used[BASIN_CPU] = (stats.cpu_usage_us - entry->cpu_before) * 1000 / passed_us;
}

static void measure(struct entries *entries, const char *cgroup_root)
{
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	const struct timespec nap = { .tv_nsec = SAMPLE_MS * 1000000L };
	bool any = false;
	if (bsn_cgroup_tree_open(cgroup_root, &tree, NULL) < 0)
		return;
	for (size_t i = 0; i < entries->count; i++) {
		open_cgroup(&entries->of[i], &tree);
		measure_first(&entries->of[i]);
		any = any || entries->of[i].cgroup >= 0;
	}
	if (any)
		nanosleep(&nap, NULL);
	for (size_t i = 0; i < entries->count; i++)
		measure_cpu(&entries->of[i]);
}

/* --- writing --- */

static json_t *known_integer(int64_t value)
{
	return value == BASIN_UNSET ? json_null() : json_integer(value);
}

static json_t *resource_document(const struct entry *entry, enum basin_resource r, unsigned int enforceable)
{
	const struct bsn_pool_figures *figures = &entry->report.of[r];
	bool root = bsn_streq(entry->pool.name, "/");
	bool enforced = !root && figures->enforced && (enforceable & BSN_RESOURCE_BIT(r)) != 0;
	return json_pack("{s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:b, s:b}", "capacity",
			 (json_int_t)figures->capacity, "inherited", !root && entry->pool.capacity.of[r] == BASIN_UNSET,
			 "reserved", (json_int_t)figures->reserved, "allocatable", (json_int_t)figures->allocatable, "guarantee",
			 (json_int_t)figures->guarantee, "overcommit", (json_int_t)figures->overcommit, "default",
			 (json_int_t)entry->pool.defaults.of[r], "promised", (json_int_t)figures->promised, "charged",
			 (json_int_t)figures->charged, "limit_sum", (json_int_t)figures->limit_sum, "used",
			 known_integer(entry->used[r]), "free", (json_int_t)figures->free, "accounted", 1, "enforced", enforced);
}

static json_t *pool_document(const struct entry *entry, const struct bsn_pool_view *view)
{
	char parent[BSN_POOL_NAME_MAX];
	json_t *resources = json_object();
	bool root = bsn_streq(entry->pool.name, "/");
	bsn_pool_parent(entry->pool.name, parent);
	for (int r = 0; r < BASIN_RESOURCES; r++)
		json_object_set_new(resources, bsn_resource_name(r), resource_document(entry, r, view->enforceable));
	return json_pack("{s:s, s:o, s:I, s:I, s:s, s:b, s:b, s:O, s:I, s:o, s:{s:s, s:s, s:s}}", "name", entry->pool.name,
			 "parent", root ? json_null() : json_string(parent), "created", (json_int_t)entry->pool.created,
			 "generation", (json_int_t)entry->pool.generation, "enforce",
			 entry->pool.enforce == BSN_ENFORCE_AVAILABLE ? "available" : "required", "cordoned",
			 entry->pool.cordoned, "over", entry->report.over, "members", entry->members, "children",
			 (json_int_t)entry->report.children, "resources", resources, "storage", "backend",
			 bsn_storage_kind_format(view->storage.kind), "file_system", view->storage.file_system, "reason",
			 view->storage.reason);
}

static int collect(struct bsn_ledger *ledger, const struct bsn_pool_view *view, struct entries *entries, struct basin_error *err)
{
	int r = bsn_pool_each(ledger, add_pool, entries, err);
	if (r == -ENOMEM)
		return bsn_fail_sys(err, ENOMEM, "cannot list the pools");
	if (r >= 0 && entries->count == 0)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "pool \"%s\" does not exist: see \"basin pool ls\"", entries->only);
	for (size_t i = 0; i < entries->count && r >= 0; i++)
		r = bsn_pool_report(ledger, &view->host, entries->of[i].pool.name, &entries->of[i].report, err);
	return r < 0 ? r : bsn_charge_each(ledger, NULL, add_member, entries, err);
}

int bsn_pool_documents(struct basin *basin, const struct bsn_pool_view *view, const char *name, json_t **ret_json,
		       struct basin_error *err)
{
	auto_entries struct entries entries = { .only = name, .basin = basin };
	auto_json json_t *documents = json_array();
	struct bsn_ledger *ledger;
	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = collect(ledger, view, &entries, err);
	if (r < 0)
		return r;
	measure(&entries, basin->cgroup_root);
	for (size_t i = 0; i < entries.count; i++)
		if (json_array_append_new(documents, pool_document(&entries.of[i], view)) < 0)
			return bsn_fail_sys(err, ENOMEM, "cannot describe pool \"%s\"", entries.of[i].pool.name);
	*ret_json = bsn_give(&documents);
	return 0;
}
