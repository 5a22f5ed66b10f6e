/* SPDX-License-Identifier: Apache-2.0 */
/* What of a container outlives a killed runtime: its cgroup, which is also the handle by which its processes are killed. */
#include <linux/mount.h>
#include <sys/xattr.h>

#include "base/log.h"
#include "base/sys.h"
#include "runtime/apply.h"
#include "runtime/facts.h"
#include "runtime/host_mounts.h"
#include "runtime/legacy.h"
#include "runtime/resctrl.h"
#include "runtime/scope.h"

/* An unprivileged user without a delegated cgroup runs without one, unless the config asked for something that needs it, or names it. */
static bool can_do_without(const struct bsn_run *run)
{
	enum bsn_rootless rootless = run->container.runtime->rootless;
	return bsn_cgroup_resources_controllers(&run->config->resources) == 0 && run->config->cgroups_path == NULL &&
	       (rootless == BSN_ROOTLESS_TRUE || (rootless == BSN_ROOTLESS_AUTO && !bsn_facts_host_root()));
}

/* Killing such a container's init leaves the rest of it running, out of reach. */
static int do_without(const struct bsn_run *run, int answer)
{
	const struct bsn_config *config = run->config;
	if (!config->namespaces[BSN_NS_PID].given || config->namespaces[BSN_NS_PID].path != NULL)
		bsn_warn("Creating a rootless container with no cgroup and no private pid namespace. Such configuration is "
			 "strongly "
			 "discouraged (as it is impossible to properly kill all container's processes)");
	return answer;
}

/* An absolute cgroupsPath is one below the mount: cleaned of doubled slashes, and never leading upwards. */
static int below_mount(const char *wanted, char *path, struct basin_error *err)
{
	size_t length = 0;
	for (const char *at = wanted; *at != '\0';) {
		at += strspn(at, "/");
		size_t part = strcspn(at, "/");
		if (part == 0)
			break;
		if (strncmp(at, "..", part) == 0 && part <= 2)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "linux.cgroupsPath: \"%s\" has \".\" or \"..\" in it", wanted);
		if (length + part + 2 > PATH_MAX)
			return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "linux.cgroupsPath: too long");
		if (length > 0)
			path[length++] = '/';
		memcpy(path + length, at, part);
		length += part;
		at += part;
	}
	path[length] = '\0';
	return length > 0 ? 0 : bsn_fail(err, BASIN_USAGE, EINVAL, "linux.cgroupsPath: \"%s\" is the whole tree", wanted);
}

static int intend_cgroup(void *data, struct bsn_str *value, struct basin_error *err)
{
	struct bsn_run *run = data;
	struct bsn_cgroup_tree *tree;
	char path[PATH_MAX];
	char rest[PATH_MAX];
	const char *wanted = run->config->cgroups_path;
	if (run->container.runtime->cgroup_manager == BSN_CGROUP_DISABLED)
		return BSN_STEP_SKIP;
	if (run->scope_cgroup != NULL)
		return bsn_str_add(value, run->scope_cgroup);
	int r = bsn_container_tree(&run->container, &tree, err);
	if (r < 0)
		return can_do_without(run) ? do_without(run, BSN_STEP_SKIP) : r;
	if (wanted != NULL && wanted[0] == '/') {
		r = below_mount(wanted, path, err);
	} else {
		r = wanted != NULL ? bsn_format(rest, sizeof(rest), "%s", wanted)
				   : bsn_format(rest, sizeof(rest), "oci/%s", run->container.id);
		r = r < 0 ? bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "linux.cgroupsPath: too long")
			  : bsn_cgroup_path(tree, rest, path, sizeof(path), err);
	}
	return r < 0 ? r : bsn_str_add(value, path);
}

/*
 * Whose a cgroup is stands on it, in an extended attribute that is set before anything runs in it. Undoing kills only in one that has
 * it; one that was there already and was refused, or taken by somebody else meanwhile, is left alone. trusted.* cannot be touched
 * from inside a container that the cgroup is delegated to.
 */
static const char *mark_name(void)
{
	return bsn_facts_host_root() ? "trusted.basin.container" : "user.basin.container";
}

static bool is_marked(int fd, const char *wanted)
{
	char mark[1100];
	ssize_t n = fgetxattr(fd, "trusted.basin.container", mark, sizeof(mark));
	if (n < 0)
		n = fgetxattr(fd, "user.basin.container", mark, sizeof(mark));
	return n >= 0 && (size_t)n == strlen(wanted) && memcmp(mark, wanted, (size_t)n) == 0;
}

/* A new cgroup has no limits: where its controller is missing, "no limit" needs none. */
static int drop_unlimited(struct bsn_run *run, struct basin_error *err)
{
	struct bsn_cgroup_resources *resources = &run->config->resources;
	struct {
		int64_t *value;
		enum bsn_controller controller;
	} limits[] = {
		{ &resources->pids_max, BSN_CONTROLLER_PIDS },          { &resources->cpu_quota, BSN_CONTROLLER_CPU },
		{ &resources->memory_max, BSN_CONTROLLER_MEMORY },      { &resources->memory_high, BSN_CONTROLLER_MEMORY },
		{ &resources->memory_swap_max, BSN_CONTROLLER_MEMORY },
	};
	uint32_t available = 0;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (*limits[i].value != BSN_CGROUP_MAX)
			continue;
		int r = available == 0 ? bsn_cgroup_controllers(&run->container.tree, &available, err) : 0;
		if (r < 0)
			return r;
		if ((available & BSN_CONTROLLER_BIT(limits[i].controller)) == 0)
			*limits[i].value = BSN_CGROUP_UNSET;
		available |= BSN_CONTROLLER_BIT(BSN_CONTROLLERS); /* read */
	}
	return 0;
}

/* The host's id of the user who runs the payload; UINT32_MAX: it has none. */
static uint32_t owner_of(const struct bsn_run *run)
{
	const struct bsn_config *config = run->config;
	uint32_t uid = run->options->init ? 0 : config->process.uid;
	if (!config->namespaces[BSN_NS_USER].given || config->uid_maps.count == 0)
		return uid;
	for (size_t i = 0; i < config->uid_maps.count; i++) {
		const struct bsn_id_map *map = &config->uid_maps.of[i];
		if (uid >= map->container && uid - map->container < map->size)
			return map->host + (uid - map->container);
	}
	return UINT32_MAX;
}

/*
 * Whose user may divide the cgroup further: where it is the root of a cgroup namespace of the container's own and seen through a writable
 * mount at the usual place (config-linux.md, "Cgroup ownership").
 */
static int delegate(const struct bsn_run *run, struct basin_error *err)
{
	const struct bsn_config *config = run->config;
	const struct bsn_namespace_config *namespace = &config->namespaces[BSN_NS_CGROUP];
	bool writable = false;
	if (!namespace->given || namespace->path != NULL)
		return 0;
	for (size_t i = 0; i < config->mount_count; i++) {
		const struct bsn_mount *mount = &config->mounts[i];
		if (mount->type != NULL && bsn_starts_with(mount->type, "cgroup") &&
		    bsn_streq(mount->destination, "/sys/fs/cgroup"))
			writable = (mount->attr_set & MOUNT_ATTR_RDONLY) == 0;
	}
	uint32_t uid = owner_of(run);
	if (!writable || uid == UINT32_MAX || uid == geteuid())
		return 0;
	return bsn_cgroup_delegate(run->cgroup, uid, (gid_t)-1, err);
}

/* Systemd enables what it knows; the others come down to the scope as with the cgroupfs driver. Not further: the helper is in it. */
static void enable_in_scope(const struct bsn_run *run, const struct bsn_cgroup_tree *tree, const char *path)
{
	char scope[PATH_MAX];
	const char *unit = strstr(path, bsn_scope_unit(run->scope));
	size_t length = unit != NULL ? (size_t)(unit - path) + strlen(bsn_scope_unit(run->scope)) : strlen(path);
	if (bsn_format(scope, sizeof(scope), "%.*s", (int)length, path) >= 0)
		bsn_cgroup_enable_all(tree, scope);
}

/* A scope's cgroup is there, with the helper in it; systemd has enabled the controllers that it knows. */
static int take_scope(struct bsn_run *run, const char *path, struct basin_error *err)
{
	struct bsn_cgroup_tree *tree;
	int r = bsn_container_tree(&run->container, &tree, err);
	if (r >= 0)
		r = drop_unlimited(run, err);
	if (r >= 0)
		enable_in_scope(run, tree, path);
	/* It may be one below the scope, and a cgroup that hands controllers down has no processes: the helper goes there too. */
	if (r >= 0)
		r = bsn_cgroup_ensure(tree, path, NULL, err);
	if (r >= 0)
		r = bsn_cgroup_open(tree, path, &run->cgroup, err);
	if (r >= 0 && !bsn_ends_with(path, bsn_scope_unit(run->scope)))
		r = bsn_cgroup_attach(run->cgroup, run->holder.pid, err);
	bsn_scope_round(&run->config->resources);
	return r < 0 ? r : bsn_cgroup_update(tree, path, &run->config->resources, err);
}

static int make_cgroup(struct bsn_run *run, const char *path, struct basin_error *err)
{
	int r = drop_unlimited(run, err);
	return r < 0 ? r : bsn_cgroup_create(&run->container.tree, path, &run->config->resources, &run->cgroup, err);
}

static int apply_cgroup(void *data, const char *value, struct basin_error *err)
{
	struct bsn_run *run = data;
	int r = run->scope != NULL ? take_scope(run, value, err) : make_cgroup(run, value, err);
	bool refused = run->scope == NULL && (r == -EACCES || r == -EPERM || r == -EROFS);
	if (refused && can_do_without(run))
		return do_without(run, 0);
	if (refused && !bsn_facts_host_root())
		return bsn_error_prefix(err,
					"unable to apply cgroup configuration: rootless needs no limits + no cgrouppath when no "
					"permission is granted for cgroups");
	if (r < 0)
		return r;
	struct bsn_container_mark mark;
	r = bsn_container_mark(&run->container, &mark, err);
	if (r < 0)
		return r;
	r = bsn_sys_fsetxattr(run->cgroup, mark_name(), mark.text, strlen(mark.text));
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot mark cgroup \"%s\" as the container's", value);
	run->cgroup_path = strdup(value);
	if (run->cgroup_path == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot make cgroup \"%s\"", value);
	r = delegate(run, err);
	if (r < 0)
		return r;
	/* In a user namespace BPF on a cgroup is not to be had, and device nodes are not to be made. */
	if (!bsn_facts_host_root())
		return 0;
	return bsn_cgroup_devices_confine_new(&run->container.tree, run->cgroup, &run->config->resources, err);
}

static int undo_cgroup(void *world, const char *value, struct basin_error *err)
{
	struct bsn_container *container = world;
	struct bsn_cgroup_tree *tree;
	struct bsn_container_mark mark;
	int fd = -1;
	int r = bsn_container_tree(container, &tree, err);
	if (r >= 0)
		r = bsn_container_mark(container, &mark, err);
	if (r >= 0)
		r = bsn_cgroup_open(tree, value, &fd, err);
	auto_fd int owned = fd;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (is_marked(owned, mark.text))
		return bsn_cgroup_destroy(tree, value, err);
	/* Made, but killed before it was marked: empty then. Anything else is not ours, and a frozen one was refused. */
	r = bsn_cgroup_frozen(owned) > 0 ? 0 : bsn_sys_unlinkat(tree->fd, value, AT_REMOVEDIR);
	return r >= 0 || r == -ENOENT || r == -EBUSY || r == -ENOTEMPTY
		       ? 0
		       : bsn_fail_sys(err, -r, "cannot remove cgroup \"%s\"", value);
}

const struct bsn_step bsn_container_steps[] = {
	{ "mounts", bsn_host_mounts_intend, bsn_host_mounts_apply, bsn_host_mounts_undo },
	{ "scope", bsn_scope_intend, bsn_scope_apply, bsn_scope_undo },
	{ "cgroup-v1", bsn_legacy_intend, bsn_legacy_apply, bsn_legacy_undo },
	{ "cgroup", intend_cgroup, apply_cgroup, undo_cgroup },
	{ "resctrl", bsn_resctrl_intend, bsn_resctrl_apply, bsn_resctrl_undo },
};
const size_t bsn_container_step_count = sizeof(bsn_container_steps) / sizeof(bsn_container_steps[0]);
