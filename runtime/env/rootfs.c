/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/rootfs.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/idmap.h"

int bsn_userns_open(int64_t first, int64_t count, int *ret_fd, struct basin_error *err)
{
	struct bsn_id_map map = { .container = 0, .host = (uint32_t)first, .size = (uint32_t)count };
	const struct bsn_id_maps maps = { .of = &map, .count = 1 };
	return bsn_idmap_open(&maps, &maps, ret_fd, err);
}

/* --- the layers --- */

/* Where all is put together: mnt/ of the environment's directory with a tmpfs on it, seen by this process alone. */
static int open_workshop(int env_fd, int *ret_fd)
{
	char path[64];
	auto_fd int under = bsn_sys_openat(env_fd, "mnt", O_RDONLY | O_DIRECTORY, 0);
	if (under < 0)
		return under;
	int r = bsn_format(path, sizeof(path), "/proc/self/fd/%d", under);
	if (r >= 0)
		r = bsn_sys_mount("basin", path, "tmpfs", 0, "mode=700,size=1m");
	if (r >= 0)
		r = bsn_sys_openat(env_fd, "mnt", O_RDONLY | O_DIRECTORY, 0);
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}

static int attach_layer(int store_fd, const char *path, int userns, int workshop, const char *name)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	if (userns >= 0) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint64_t)userns;
	}
	auto_fd int tree = bsn_sys_open_tree(store_fd, path, OPEN_TREE_CLONE);
	if (tree < 0)
		return tree;
	int r = bsn_sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr);
	if (r < 0)
		return r;
	r = bsn_sys_mkdirat(workshop, name, 0755);
	return r < 0 ? r : bsn_sys_move_mount(tree, "", workshop, name, MOVE_MOUNT_F_EMPTY_PATH);
}

/* Attaches every layer and writes "lowerdir=2:1:0", the uppermost first. */
static int attach_layers(struct bsn_store *store, const struct bsn_env *env, const struct bsn_image *image, int workshop,
			 struct bsn_str *options, struct basin_error *err)
{
	auto_fd int userns = -1;
	int r = env->own_ids ? bsn_userns_open(env->ids_first, BSN_ENV_IDS, &userns, err) : 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < image->layer_count; i++) {
		char name[24];
		snprintf(name, sizeof(name), "%zu", i);
		r = attach_layer(bsn_store_fd(store), image->layer_paths[i], userns, workshop, name);
		if (r == -EINVAL && userns >= 0)
			return bsn_fail(err, BASIN_UNSUPPORTED, EINVAL,
					"the file system of the data root cannot map ids (idmapped mounts): keep it on ext4, xfs "
					"or btrfs with "
					"Linux 5.19 or newer, or use --userns host");
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot attach layer \"%s\"", image->layers[i].diff_id);
	}
	bsn_str_add(options, "lowerdir=");
	for (size_t i = image->layer_count; i-- > 0;)
		bsn_str_addf(options, i > 0 ? "%zu:" : "%zu", i);
	return 0;
}

static int mount_overlay(int workshop, int layer, struct bsn_str *options, int *ret_fd, struct basin_error *err)
{
	/* What a later backup reads as a plain difference: no redirects, no metadata-only copies. */
	int r = bsn_str_addf(
		options, ",upperdir=/proc/self/fd/%d/upper,workdir=/proc/self/fd/%d/work,index=off,metacopy=off,redirect_dir=off",
		layer, layer);
	if (r >= 0)
		r = bsn_sys_mkdirat(workshop, "root", 0755);
	if (r >= 0 && fchdir(workshop) < 0)
		r = -errno;
	if (r >= 0)
		r = bsn_sys_mount("overlay", "root", "overlay", 0, bsn_str_text(options));
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot mount the overlay \"%.300s\"", bsn_str_text(options));
	r = bsn_sys_open_tree(workshop, "root", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (chdir("/") < 0 || r < 0)
		return bsn_fail_sys(err, r < 0 ? -r : errno, "cannot take the overlay");
	*ret_fd = r;
	return 0;
}

int bsn_env_rootfs_open(struct basin *basin, const struct bsn_env *env, const struct bsn_image *image, int *ret_fd,
			struct basin_error *err)
{
	struct bsn_store *store;
	auto_fd int dir = -1;
	auto_fd int layer = -1;
	auto_fd int workshop = -1;
	auto_str struct bsn_str options = { 0 };
	int r = bsn_basin_store(basin, &store, err);
	if (r >= 0)
		r = bsn_env_dir(basin, env->name, &dir, err);
	if (r >= 0)
		r = bsn_storage_open(dir, &env->storage, &layer, err);
	if (r < 0)
		return r;
	r = open_workshop(dir, &workshop);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot prepare the mounts of environment \"%s\"", env->name);
	r = attach_layers(store, env, image, workshop, &options, err);
	return r < 0 ? r : mount_overlay(workshop, layer, &options, ret_fd, err);
}
