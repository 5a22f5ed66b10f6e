/* SPDX-License-Identifier: Apache-2.0 */
/* Which back end holds an environment's writable layer, and what all of them share. See pool/storage.h. */
#include "pool/storage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/storage_backend.h"

#define XFS_MAGIC 0x58465342

/* --- plain: directories, and the host's free space is the limit --- */

int bsn_storage_make_layers(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	static const char *const names[] = { "upper", "work" };
	for (size_t i = 0; i < 2; i++) {
		int r = bsn_remove_tree(dirfd, names[i]);
		if (r >= 0)
			r = bsn_sys_mkdirat(dirfd, names[i], 0755);
		if (r >= 0)
			r = bsn_sys_fchmodat(dirfd, names[i], 0755);
		if (r >= 0)
			r = bsn_sys_fchownat(dirfd, names[i], storage->uid, storage->gid, AT_SYMLINK_NOFOLLOW);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot make the directory \"%s\" of the writable layer", names[i]);
	}
	return 0;
}

static int probe_plain(int data_fd, const char *file_system, char *reason, size_t room, struct basin_error *err)
{
	(void)data_fd, (void)file_system, (void)reason, (void)room, (void)err;
	return 0;
}

static int open_plain(int dirfd, int *ret_fd, struct basin_error *err)
{
	int fd = bsn_sys_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the writable layer");
	*ret_fd = fd;
	return 0;
}

static int measure_plain(int dirfd, const struct bsn_storage *storage, int live_fd, struct bsn_storage_usage *ret_usage,
			 struct basin_error *err)
{
	(void)dirfd, (void)storage, (void)live_fd, (void)err;
	*ret_usage = (struct bsn_storage_usage){ -1, -1, -1, -1 };
	return 0;
}

static int resize_plain(int dirfd, const struct bsn_storage *storage, int64_t bytes, struct basin_error *err)
{
	(void)dirfd, (void)storage, (void)bytes, (void)err;
	return 0;
}

static int destroy_plain(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	(void)storage;
	static const char *const names[] = { "upper", "work" };
	for (size_t i = 0; i < 2; i++) {
		int r = bsn_remove_tree(dirfd, names[i]);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot remove the directory \"%s\" of the writable layer", names[i]);
	}
	return 0;
}

static const struct bsn_storage_backend plain = {
	.name = "plain",
	.probe = probe_plain,
	.create = bsn_storage_make_layers,
	.open = open_plain,
	.usage = measure_plain,
	.resize = resize_plain,
	.destroy = destroy_plain,
};

static const struct bsn_storage_backend *const backends[] = {
	[BSN_STORAGE_PLAIN] = &plain,
	[BSN_STORAGE_PROJECT] = &bsn_storage_project,
	[BSN_STORAGE_LOOP] = &bsn_storage_loop,
};

#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

const char *bsn_storage_kind_format(enum bsn_storage_kind kind)
{
	return backends[kind]->name;
}

int bsn_storage_kind_parse(const char *text, enum bsn_storage_kind *ret_kind)
{
	for (size_t i = 0; i < BACKENDS; i++)
		if (bsn_streq(text, backends[i]->name)) {
			*ret_kind = (enum bsn_storage_kind)i;
			return 0;
		}
	return -EINVAL;
}

/* --- which one works here --- */

static void name_file_system(int fd, char *name, size_t room)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} known[] = {
		{ EXT4_SUPER_MAGIC, "ext4" },         { XFS_MAGIC, "xfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },       { TMPFS_MAGIC, "tmpfs" },
		{ OVERLAYFS_SUPER_MAGIC, "overlay" },
	};
	struct statfs fs;
	snprintf(name, room, "unknown");
	if (fstatfs(fd, &fs) < 0)
		return;
	snprintf(name, room, "%#lx", (unsigned long)fs.f_type);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((unsigned long)fs.f_type == known[i].magic)
			snprintf(name, room, "%s", known[i].name);
}

int bsn_storage_probe(int data_fd, struct bsn_storage_probe *ret_probe, struct basin_error *err)
{
	static const enum bsn_storage_kind order[] = { BSN_STORAGE_PROJECT, BSN_STORAGE_LOOP, BSN_STORAGE_PLAIN };
	struct bsn_storage_probe probe = { .kind = BSN_STORAGE_PLAIN };
	name_file_system(data_fd, probe.file_system, sizeof(probe.file_system));
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		char reason[sizeof(probe.reason) / 2] = "";
		probe.kind = order[i];
		int r = backends[order[i]]->probe(data_fd, probe.file_system, reason, sizeof(reason), err);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		size_t length = strlen(probe.reason);
		snprintf(probe.reason + length, sizeof(probe.reason) - length, "%s%s", length > 0 ? "; " : "", reason);
	}
	*ret_probe = probe;
	return 0;
}

/* --- by kind --- */

int bsn_storage_create(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	return backends[storage->kind]->create(dirfd, storage, err);
}

int bsn_storage_open(int dirfd, const struct bsn_storage *storage, int *ret_fd, struct basin_error *err)
{
	return backends[storage->kind]->open(dirfd, ret_fd, err);
}

int bsn_storage_usage(int dirfd, const struct bsn_storage *storage, int live_fd, struct bsn_storage_usage *ret_usage,
		      struct basin_error *err)
{
	return backends[storage->kind]->usage(dirfd, storage, live_fd, ret_usage, err);
}

int bsn_storage_check_size(const struct bsn_storage_usage *usage, int64_t bytes, struct basin_error *err)
{
	if (bytes >= 0 && usage->bytes > bytes)
		return bsn_fail(err, BASIN_BUSY, EBUSY,
				"the storage cannot shrink to %" PRId64 " bytes: %" PRId64 " are in use (remove files first)",
				bytes, usage->bytes);
	return 0;
}

int bsn_storage_resize(int dirfd, const struct bsn_storage *storage, int64_t bytes, struct basin_error *err)
{
	return backends[storage->kind]->resize(dirfd, storage, bytes, err);
}

int bsn_storage_destroy(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	/* The directories first, whatever the kind: a limit holds as long as there is something. */
	int r = destroy_plain(dirfd, storage, err);
	return r < 0 || storage->kind == BSN_STORAGE_PLAIN ? r : backends[storage->kind]->destroy(dirfd, storage, err);
}
