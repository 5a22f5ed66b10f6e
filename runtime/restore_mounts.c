/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/restore_mounts.h"

#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"

/* Makes the last part of path; the rest is there. */
static int make_one(int root, char *path, bool directory)
{
	char leaf[NAME_MAX + 1];
	char *slash = strrchr(path, '/');
	if (snprintf(leaf, sizeof(leaf), "%s", slash == NULL ? path : slash + 1) >= (int)sizeof(leaf))
		return -ENAMETOOLONG;
	if (slash != NULL)
		*slash = '\0';
	auto_fd int parent =
		bsn_sys_openat2(root, slash == NULL || path[0] == '\0' ? "." : path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
	if (parent < 0)
		return parent;
	if (directory)
		return bsn_sys_mkdirat(parent, leaf, 0755);
	auto_fd int file = bsn_sys_openat(parent, leaf, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0755);
	return file < 0 ? file : 0;
}

/* Opens what path names in the root, making what is missing of it: directories, and at its end a file unless directory. */
static int make_in_root(int root, const char *path, bool directory)
{
	char part[PATH_MAX];
	size_t length = strlen(path);
	while (length > 1 && path[length - 1] == '/')
		length--;
	if (length >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t end = 0; end < length;) {
		end += strspn(path + end, "/");
		end += strcspn(path + end, "/");
		memcpy(part, path, end);
		part[end] = '\0';
		auto_fd int there = bsn_sys_openat2(root, part, O_PATH, 0, RESOLVE_IN_ROOT);
		if (there >= 0)
			continue;
		if (there != -ENOENT)
			return there;
		int r = make_one(root, part, end < length || directory);
		if (r < 0)
			return r;
	}
	return bsn_sys_openat2(root, path, O_PATH, 0, RESOLVE_IN_ROOT);
}

static bool is_on_tmpfs(const struct bsn_config *config, const char *path)
{
	for (size_t i = 0; i < config->mount_count; i++) {
		const struct bsn_mount *mount = &config->mounts[i];
		size_t length = strlen(mount->destination);
		if (mount->type != NULL && bsn_streq(mount->type, "tmpfs") && strncmp(path, mount->destination, length) == 0 &&
		    path[length] == '/')
			return true;
	}
	return false;
}

/* Where in the root fd is. */
static const char *place_in(struct bsn_arena *arena, int root, int fd)
{
	char outer[PATH_MAX];
	char inner[PATH_MAX];
	if (bsn_fd_path(root, outer) < 0 || bsn_fd_path(fd, inner) < 0 || !bsn_starts_with(inner, outer))
		return NULL;
	return bsn_arena_strdup(arena, inner + (bsn_streq(outer, "/") ? 0 : strlen(outer)));
}

static int cannot_find(const struct bsn_mount *mount, int error, struct basin_error *err)
{
	return bsn_fail_sys(err, error, "cannot find the source \"%s\" of \"%s\"", mount->source, mount->destination);
}

/* A bind mount is attached, so that what is mounted inside it finds its place in its source. */
static int make_destination(int root, const struct bsn_config *config, const struct bsn_mount *mount,
			    struct bsn_restore_mount *known, struct basin_error *err)
{
	struct stat st = { .st_mode = S_IFDIR };
	if (known->source != NULL && stat(known->source, &st) < 0)
		return cannot_find(mount, errno, err);
	auto_fd int at = make_in_root(root, mount->destination, S_ISDIR(st.st_mode));
	if (at < 0)
		return bsn_fail_sys(err, -at, "cannot make the destination \"%s\"", mount->destination);
	const char *real = place_in(config->arena, root, at);
	if (real != NULL)
		known->destination = real;
	if (known->source == NULL)
		return 0;
	auto_fd int tree = bsn_sys_open_tree(AT_FDCWD, known->source, OPEN_TREE_CLONE | AT_RECURSIVE);
	int r = tree < 0 ? tree : bsn_sys_move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot mount \"%s\" at \"%s\"", known->source, mount->destination) : 0;
}

static int make_destinations(const char *root, const struct bsn_config *config, struct bsn_restore_mount *mounts,
			     struct basin_error *err)
{
	auto_fd int fd = bsn_sys_openat(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0);
	int r = fd < 0 ? bsn_fail_sys(err, -fd, "cannot open the root for criu") : 0;
	for (size_t i = 0; r >= 0 && i < config->mount_count; i++) {
		const struct bsn_mount *mount = &config->mounts[i];
		/* A cgroup file system appears below one that criu mounts, and what is in a tmpfs criu has saved. */
		if (mount->remount || (mount->type != NULL && bsn_starts_with(mount->type, "cgroup")) ||
		    is_on_tmpfs(config, mount->destination))
			continue;
		r = make_destination(fd, config, mount, &mounts[i], err);
	}
	return r;
}

/* Where on the host the source is; a relative one is the bundle's. criu takes the path apart by its text: no "." may be left in it. */
static int find_source(struct bsn_arena *arena, int bundle, const struct bsn_mount *mount, const char **ret,
		       struct basin_error *err)
{
	char real[PATH_MAX];
	auto_fd int fd = bsn_sys_openat(bundle, mount->source, O_PATH, 0);
	int r = fd < 0 ? fd : bsn_fd_path(fd, real);
	if (r < 0)
		return cannot_find(mount, -r, err);
	*ret = bsn_arena_strdup(arena, real);
	return *ret == NULL ? bsn_fail_sys(err, ENOMEM, "cannot list the mounts") : 0;
}

static int list_mounts(struct bsn_restore_place *place, const char *bundle, const struct bsn_config *config,
		       struct basin_error *err)
{
	place->mounts = bsn_arena_array(config->arena, config->mount_count + 1, sizeof(*place->mounts));
	if (place->mounts == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot list the mounts");
	auto_fd int dir = bsn_sys_openat(AT_FDCWD, bundle, O_PATH | O_DIRECTORY, 0);
	int r = dir < 0 ? bsn_fail_sys(err, -dir, "cannot open the bundle \"%s\"", bundle) : 0;
	for (size_t i = 0; r >= 0 && i < config->mount_count; i++) {
		const struct bsn_mount *mount = &config->mounts[i];
		place->mounts[i] = (struct bsn_restore_mount){ .destination = mount->destination };
		if (mount->bind && mount->source != NULL)
			r = find_source(config->arena, dir, mount, &place->mounts[i].source, err);
	}
	return r;
}

static int attach_root(int rootfs, const char *root, struct basin_error *err)
{
	auto_fd int tree = bsn_sys_open_tree(rootfs, "", OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH);
	int r = tree < 0 ? tree : bsn_sys_move_mount(tree, "", AT_FDCWD, root, MOVE_MOUNT_F_EMPTY_PATH);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot mount the root for criu") : 0;
}

int bsn_restore_enter(struct bsn_restore_place *place, const char *root, const char *rootfs, const char *bundle,
		      const struct bsn_config *config, struct basin_error *err)
{
	int r = list_mounts(place, bundle, config, err);
	if (r < 0)
		return r;
	place->host = bsn_sys_openat(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY, 0);
	place->directory = bsn_sys_openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
	if (place->host < 0 || place->directory < 0)
		return bsn_fail_sys(err, place->host < 0 ? -place->host : -place->directory, "cannot note the mount namespace");
	r = bsn_sys_unshare(CLONE_NEWNS);
	/* Slaves, not private: a container's mounts may be slaves of the host's, and criu takes from here whose. */
	if (r >= 0)
		r = bsn_sys_mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a mount namespace for criu");
	auto_fd int from = bsn_sys_openat(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY, 0);
	if (from < 0)
		return bsn_fail_sys(err, -from, "cannot open the root file system \"%s\"", rootfs);
	r = attach_root(from, root, err);
	if (r >= 0)
		r = make_destinations(root, config, place->mounts, err);
	if (r >= 0 && umount2(root, MNT_DETACH) < 0)
		r = bsn_fail_sys(err, errno, "cannot take the mounts at \"%s\" away", root);
	return r >= 0 ? attach_root(from, root, err) : r;
}

int bsn_restore_leave(struct bsn_restore_place *place, struct basin_error *err)
{
	int r = place->host < 0 ? 0 : bsn_sys_setns(place->host, CLONE_NEWNS);
	if (r >= 0 && place->directory >= 0 && fchdir(place->directory) < 0)
		r = -errno;
	bsn_own_close(&place->host);
	bsn_own_close(&place->directory);
	*place = (struct bsn_restore_place)BSN_RESTORE_PLACE_INIT;
	return r < 0 ? bsn_fail_sys(err, -r, "cannot go back to the mount namespace") : 0;
}
