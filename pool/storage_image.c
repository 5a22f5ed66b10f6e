/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ext4 image of the loop back end. The promise is that an environment can write as many bytes as it was given, so the image is larger
 * by what the file system itself needs: inode tables, bitmaps, journal, and the share that ext4 keeps back. How much that is depends
 * on the layout, so it is not computed but tried: made, read back from the superblock, and made again with the difference (a few times
 * 20 ms, since mke2fs leaves the tables for later). The blocks are allocated at once, so the host's file system cannot run full
 * under an environment that stays within its size.
 */
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/own.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/storage_backend.h"

#define BLOCK           4096
#define BYTES_PER_INODE 16384
#define SLACK           (64 * BLOCK) /* how much more than promised is close enough */
#define TEMPLATE        "disk.new"

/* From fs/ext4/ext4.h: where in the image, and where in the superblock, little-endian. */
#define SUPERBLOCK          1024
#define S_INODES_COUNT      0x0
#define S_BLOCKS_COUNT      0x4
#define S_FREE_BLOCKS       0xc
#define S_FREE_INODES       0x10
#define S_LOG_BLOCK_SIZE    0x18
#define S_MAGIC             0x38
#define S_BLOCKS_COUNT_HIGH 0x150
#define S_FREE_BLOCKS_HIGH  0x158

static uint32_t field(const unsigned char *superblock, size_t offset)
{
	uint32_t value;
	memcpy(&value, superblock + offset, sizeof(value));
	return le32toh(value);
}

/* ext4_calculate_resv_clusters: a fiftieth, at most 4096 blocks. */
int64_t bsn_storage_image_kept(int64_t blocks, int64_t block_size)
{
	int64_t kept = blocks / 50;
	return (kept < 4096 ? kept : 4096) * block_size;
}

int bsn_storage_image_size(int dirfd, struct bsn_storage_image_size *ret_size, struct basin_error *err)
{
	unsigned char superblock[1024];
	auto_fd int fd = bsn_sys_openat(dirfd, BSN_STORAGE_IMAGE, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the image \"%s\"", BSN_STORAGE_IMAGE);
	ssize_t n = BSN_RETRY(pread(fd, superblock, sizeof(superblock), SUPERBLOCK));
	if (n != (ssize_t)sizeof(superblock) || (field(superblock, S_MAGIC) & 0xffff) != 0xef53 ||
	    field(superblock, S_LOG_BLOCK_SIZE) > 6)
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, "\"%s\" is not an ext4 image", BSN_STORAGE_IMAGE);
	struct bsn_storage_image_size size = {
		.block_size = 1024LL << field(superblock, S_LOG_BLOCK_SIZE),
		.blocks = (int64_t)field(superblock, S_BLOCKS_COUNT) | (int64_t)field(superblock, S_BLOCKS_COUNT_HIGH) << 32,
		.inodes = field(superblock, S_INODES_COUNT),
		.inodes_free = field(superblock, S_FREE_INODES),
	};
	int64_t free_blocks = (int64_t)field(superblock, S_FREE_BLOCKS) | (int64_t)field(superblock, S_FREE_BLOCKS_HIGH) << 32;
	size.available = free_blocks * size.block_size - bsn_storage_image_kept(size.blocks, size.block_size);
	*ret_size = size;
	return 0;
}

/* Runs one of e2fsprogs' programs; what it said goes into the message when it fails with more than the status allowed. */
static int run(const char *program, const char *const *argv, int allowed, struct basin_error *err)
{
	static const char *const folders[] = { "/sbin", "/usr/sbin", "/usr/local/sbin" };
	char path[64];
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], program);
		if (access(path, X_OK) != 0)
			continue;
		auto_free char *output = NULL;
		int status = 0;
		int r = bsn_spawn_capture(path, argv, NULL, &output, &status, err);
		if (r < 0 || status <= allowed)
			return r;
		output[strcspn(output, "\n")] = '\0';
		return bsn_fail(err, BASIN_INTERNAL, EIO, "%s failed with status %d: %s", program, status, output);
	}
	return bsn_fail(err, BASIN_UNSUPPORTED, ENOENT, "%s is not installed (install e2fsprogs)", program);
}

/* The image by a path that a child can open: through this process's descriptor, whatever the directory is called. */
static void name_of(int dirfd, const char *file, char *path, size_t room)
{
	snprintf(path, room, "/proc/%d/fd/%d/%s", (int)getpid(), dirfd, file);
}

/* Gives the file its blocks; a file system that cannot (fallocate) is left with a sparse one, and says so. */
static int allocate(int fd, int64_t size, struct basin_error *err)
{
	int r = bsn_sys_ftruncate(fd, size);
	if (r >= 0)
		r = bsn_sys_fallocate(fd, 0, 0, size);
	if (r == -EOPNOTSUPP) {
		bsn_warn("this file system cannot set blocks aside: an environment's storage is promised, not held");
		r = 0;
	}
	if (r == -ENOSPC || r == -EDQUOT)
		return bsn_fail(err, BASIN_REFUSED, -r, "the data root has no %" PRId64 " bytes left for the image", size);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot set aside %" PRId64 " bytes for the image", size) : 0;
}

static int format(int dirfd, int64_t size, const struct bsn_storage *storage, struct basin_error *err)
{
	auto_fd int fd = bsn_sys_openat(dirfd, BSN_STORAGE_IMAGE, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot make the image \"%s\"", BSN_STORAGE_IMAGE);
	int r = allocate(fd, size, err);
	if (r < 0)
		return r;
	char image[64], template[64], density[32];
	name_of(dirfd, BSN_STORAGE_IMAGE, image, sizeof(image));
	name_of(dirfd, TEMPLATE, template, sizeof(template));
	int64_t per_inode = storage->inodes > 0 ? size / storage->inodes : BYTES_PER_INODE;
	per_inode = per_inode < 1024 ? 1024 : per_inode > 4 * 1024 * 1024 ? 4 * 1024 * 1024 : per_inode;
	snprintf(density, sizeof(density), "%" PRId64, per_inode);
	/* nodiscard: mke2fs would give the blocks back that were just set aside. */
	const char *const argv[] = { "mke2fs", "-q",   "-F",     "-t", "ext4",
				     "-b",     "4096", "-m",     "0",  "-i",
				     density,  "-d",   template, "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1",
				     image,    NULL };
	return run("mke2fs", argv, 0, err);
}

/* The two directories of the writable layer as mke2fs -d copies them, with their owners. */
static int make_template(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	int r = bsn_remove_tree(dirfd, TEMPLATE);
	if (r >= 0)
		r = bsn_sys_mkdirat(dirfd, TEMPLATE, 0700);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make the directory \"%s\"", TEMPLATE);
	auto_fd int fd = bsn_sys_openat(dirfd, TEMPLATE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the directory \"%s\"", TEMPLATE);
	return bsn_storage_make_layers(fd, storage, err);
}

int bsn_storage_image_create(int dirfd, const struct bsn_storage *storage, struct basin_error *err)
{
	int r = storage->bytes < BLOCK ? bsn_fail(err, BASIN_USAGE, EINVAL, "a storage image needs a size") : 0;
	if (r >= 0)
		r = make_template(dirfd, storage, err);
	/* A good guess, so that the first or second try fits: the data, an inode of 256 bytes for each 16 KiB, the journal, the rest. */
	int64_t size = storage->bytes + storage->bytes / 48 + 8 * 1024 * 1024;
	for (int tries = 0; r >= 0 && tries < 6; tries++) {
		struct bsn_storage_image_size found = { 0 };
		size = (size + BLOCK - 1) / BLOCK * BLOCK;
		r = format(dirfd, size, storage, err);
		if (r >= 0)
			r = bsn_storage_image_size(dirfd, &found, err);
		int64_t missing = storage->bytes - found.available;
		if (r < 0 || (missing <= 0 && missing >= -SLACK))
			break;
		/* Too small after several corrections means that the layout jumps there: then rather too large than too small. */
		size += missing + (tries < 3 ? SLACK / 2 : missing > 0 ? 4 * 1024 * 1024 : 0);
		if (tries >= 3 && missing <= 0)
			break;
	}
	if (r < 0)
		bsn_sys_unlinkat(dirfd, BSN_STORAGE_IMAGE, 0);
	bsn_remove_tree(dirfd, TEMPLATE);
	return r;
}

/* resize2fs to so many bytes more (or fewer). A file that grows gets its blocks first, one that shrinks is cut afterwards. */
static int stretch(int dirfd, const struct bsn_storage_image_size *size, int64_t by, struct basin_error *err)
{
	int64_t blocks = size->blocks + by / size->block_size;
	char image[64], target[32];
	name_of(dirfd, BSN_STORAGE_IMAGE, image, sizeof(image));
	snprintf(target, sizeof(target), "%" PRId64, blocks);
	const char *const check[] = { "e2fsck", "-f", "-p", image, NULL };
	const char *const resize[] = { "resize2fs", image, target, NULL };
	auto_fd int fd = bsn_sys_openat(dirfd, BSN_STORAGE_IMAGE, O_WRONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the image \"%s\"", BSN_STORAGE_IMAGE);
	int r = by > 0 ? allocate(fd, blocks * size->block_size, err) : 0;
	if (r >= 0)
		r = run("e2fsck", check, 1, err);
	if (r >= 0)
		r = run("resize2fs", resize, 0, err);
	if (r < 0 || by > 0)
		return r;
	r = bsn_sys_ftruncate(fd, blocks * size->block_size);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot cut the image \"%s\"", BSN_STORAGE_IMAGE) : 0;
}

int bsn_storage_image_resize(int dirfd, int64_t by, struct basin_error *err)
{
	struct bsn_storage_image_size size;
	int r = bsn_storage_image_size(dirfd, &size, err);
	if (r < 0)
		return r;
	if (by < 0)
		return stretch(dirfd, &size, by, err);
	/* More blocks need more tables: go on until as much more can be written as was asked for. */
	int64_t wanted = size.available + by;
	for (int tries = 0; tries < 6 && size.available < wanted; tries++) {
		int64_t missing = wanted - size.available;
		r = stretch(dirfd, &size, (missing + missing / 48 + BLOCK - 1) / BLOCK * BLOCK, err);
		if (r >= 0)
			r = bsn_storage_image_size(dirfd, &size, err);
		if (r < 0)
			return r;
	}
	return 0;
}
