/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors that the plan asked for. Mounts of the host's things are detached here, with their attributes already on them, so that
 * the child attaches what was opened on the host and never looks a host path up inside the container.
 */
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include "base/sys.h"
#include "runtime/apply.h"
#include "runtime/device_nodes.h"
#include "runtime/idmap.h"
#include "runtime/start.h"

static int open_proc(const char *path, struct basin_error *err)
{
	struct statfs fs;
	auto_fd int fd = bsn_sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open \"%s\"", path);
	if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return bsn_fail(err, BASIN_UNSUPPORTED, ENODEV, "\"%s\" is not procfs: mount it (mount -t proc proc /proc)",
				path);
	return bsn_fd_give(&fd);
}

static int open_root(const struct bsn_run *run, const char *path, struct basin_error *err)
{
	int fd;
	if (run->options->rootfs_fd >= 0)
		fd = fcntl(run->options->rootfs_fd, F_DUPFD_CLOEXEC, 3);
	else
		fd = bsn_sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | AT_RECURSIVE);
	if (fd == -1)
		fd = -errno;
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot open the root file system \"%s\"", path != NULL ? path : "(a descriptor)")
		      : fd;
}

static int set_propagation(int fd, uint64_t propagation)
{
	struct mount_attr attr = { .propagation = propagation };
	return propagation == 0 ? 0 : bsn_sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr);
}

static int open_namespace(const char *path, struct basin_error *err)
{
	int fd = bsn_sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot open the namespace \"%s\"", path) : fd;
}

static int open_append(const char *path, struct basin_error *err)
{
	int fd = bsn_sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot open \"%s\" for what hooks write", path) : fd;
}

static int map_ids(const struct bsn_run *run, int fd, const struct bsn_mount *mount, struct basin_error *err)
{
	int user = -1;
	bool own = mount->uid_maps.count > 0;
	const char *joined = run->config->namespaces[BSN_NS_USER].path;
	int r;
	if (!own && joined != NULL)
		r = user = open_namespace(joined, err);
	else
		r = bsn_idmap_open(own ? &mount->uid_maps : &run->config->uid_maps,
				   own ? &mount->gid_maps : &run->config->gid_maps, &user, err);
	auto_fd int owned = user;
	if (r < 0)
		return r;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)owned };
	r = bsn_sys_mount_setattr(fd, "", AT_EMPTY_PATH | (mount->idmap_recursive ? AT_RECURSIVE : 0u), &attr);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot map the ids of \"%s\" (its file system may not be able to)", mount->source)
		     : 0;
}

/* A clone of a mount that is shared on the host is its peer: unless that was asked for, what happens inside must stay there. */
static uint64_t own_propagation(const struct bsn_mount *mount)
{
	for (size_t i = 0; i < mount->propagation_count; i++)
		if (mount->propagation[i] & MS_SHARED)
			return 0;
	return MS_SLAVE;
}

static int open_bind(const struct bsn_run *run, const struct bsn_handle *handle, struct basin_error *err)
{
	unsigned int flags = OPEN_TREE_CLONE | (handle->mount->bind_recursive ? AT_RECURSIVE : 0u) |
			     (handle->mount->source_nofollow ? AT_SYMLINK_NOFOLLOW : 0u);
	auto_fd int fd = bsn_sys_open_tree(AT_FDCWD, handle->path, flags);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the mount's source \"%s\" (for \"%s\")", handle->path,
				    handle->mount->destination);
	int r = set_propagation(fd, own_propagation(handle->mount));
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot set the propagation of the mount of \"%s\"", handle->path);
	r = handle->mount->idmap ? map_ids(run, fd, handle->mount, err) : 0;
	return r < 0 ? r : bsn_fd_give(&fd);
}

/* The container's part of the tree; where it has none, the tree as everybody sees it. */
static int open_cgroup(const struct bsn_run *run, const struct bsn_handle *handle, struct basin_error *err)
{
	auto_fd int fd = run->cgroup >= 0 ? bsn_sys_open_tree(run->cgroup, "", OPEN_TREE_CLONE | AT_EMPTY_PATH)
					  : bsn_sys_open_tree(AT_FDCWD, "/sys/fs/cgroup", OPEN_TREE_CLONE | AT_RECURSIVE);
	int r = fd < 0 ? fd : set_propagation(fd, own_propagation(handle->mount));
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot mount the container's cgroup at \"%s\"", handle->mount->destination);
	return bsn_fd_give(&fd);
}

static int open_legacy(const struct bsn_run *run, const struct bsn_handle *handle, struct basin_error *err)
{
	(void)run;
	auto_fd int place = bsn_legacy_open(handle->path, err);
	if (place < 0)
		return place;
	auto_fd int fd = bsn_sys_open_tree(place, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	int r = fd < 0 ? fd : set_propagation(fd, own_propagation(handle->mount));
	return r < 0 ? bsn_fail_sys(err, -r, "cannot mount the cgroup \"%s\"", handle->path) : bsn_fd_give(&fd);
}

static int open_handle(struct bsn_run *run, const struct bsn_handle *handle, struct basin_error *err)
{
	switch (handle->kind) {
	case BSN_HANDLE_PROC:
		return open_proc(handle->path, err);
	case BSN_HANDLE_ROOT:
		return open_root(run, handle->path, err);
	case BSN_HANDLE_BIND:
		return open_bind(run, handle, err);
	case BSN_HANDLE_CGROUP:
		return open_cgroup(run, handle, err);
	case BSN_HANDLE_LEGACY:
		return open_legacy(run, handle, err);
	case BSN_HANDLE_DEVICES:
		return bsn_device_nodes(run->plan->devices, run->plan->device_count, &run->config->uid_maps,
					&run->config->gid_maps, err);
	case BSN_HANDLE_NAMESPACE:
		return open_namespace(handle->path, err);
	case BSN_HANDLE_APPEND:
		return open_append(handle->path, err);
	case BSN_HANDLE_START:
		return bsn_start_listen(run->container.dir, err);
	case BSN_HANDLE_PROCESS:
		break;
	}
	int fd = fcntl(run->process, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? bsn_fail_sys(err, errno, "cannot pass the container's process on") : fd;
}

int bsn_run_map_ids(const struct bsn_run *run, int32_t number, int mount, struct basin_error *err)
{
	if (mount < 0 || number < 0 || (size_t)number >= run->config->mount_count || !run->config->mounts[number].idmap)
		return bsn_fail(err, BASIN_INTERNAL, EPROTO, "the container's first process sent no mount to map");
	int r = map_ids(run, mount, &run->config->mounts[number], err);
	return r < 0 ? r : bsn_child_send(run->child.channel, BSN_MESSAGE_IDS_MAPPED, -1, err);
}

/* Without open_tree(2) nothing can be handed over: the child mounts it all, with mount(2). */
static bool is_mount(enum bsn_handle_kind kind)
{
	return kind == BSN_HANDLE_ROOT || kind == BSN_HANDLE_BIND || kind == BSN_HANDLE_CGROUP || kind == BSN_HANDLE_LEGACY ||
	       kind == BSN_HANDLE_DEVICES;
}

int bsn_run_open_handles(struct bsn_run *run, struct basin_error *err)
{
	const struct bsn_plan *plan = run->plan;
	run->handles = malloc((plan->handle_count + 1) * sizeof(*run->handles));
	if (run->handles == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot open what the container needs");
	for (size_t i = 0; i < plan->handle_count; i++)
		run->handles[i] = -1;
	for (size_t i = 0; i < plan->handle_count; i++) {
		if (run->old_mounts && is_mount(plan->handles[i].kind)) {
			if (plan->handles[i].mount != NULL && plan->handles[i].mount->idmap)
				return bsn_fail(err, BASIN_UNSUPPORTED, ENOSYS, "the idmapped mount at \"%s\" needs Linux 5.12",
						plan->handles[i].mount->destination);
			continue;
		}
		run->handles[i] = open_handle(run, &plan->handles[i], err);
		if (run->handles[i] == -ENOSYS && is_mount(plan->handles[i].kind))
			run->old_mounts = true;
		else if (run->handles[i] < 0)
			return run->handles[i];
	}
	return 0;
}
