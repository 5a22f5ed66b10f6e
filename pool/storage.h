/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An environment's writable layer with a size that the kernel enforces. Two back ends, the better one that works is taken:
 *
 *   project   ext4 or xfs with project quota enforced: upper/ and work/ carry a project id, the quota of that id is the size
 *   loop      a fixed-size ext4 image, disk.img, with upper/ and work/ in it, mounted through a loop device
 *
 * The caller's directory (an environment's, held open) contains all of it. The project id is leased by the caller.
 */
#ifndef BSN_POOL_STORAGE_H
#define BSN_POOL_STORAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum bsn_storage_kind {
	BSN_STORAGE_PLAIN, /* directories without a limit: only where the host can do nothing better and was allowed (--enforce available) */
	BSN_STORAGE_PROJECT,
	BSN_STORAGE_LOOP
};

/* "plain", "project", "loop"; parse: -EINVAL. */
const char *bsn_storage_kind_format(enum bsn_storage_kind kind);
int bsn_storage_kind_parse(const char *text, enum bsn_storage_kind *ret_kind);

/* What this file system can do. */
struct bsn_storage_probe {
	enum bsn_storage_kind kind; /* the best that works */
	char file_system[32];       /* "ext4", "xfs", "btrfs", ... */
	char reason[400];           /* why no better one does, and the remedy; "" for project */
};

/* Changes nothing. data_fd: the data root or anything on its file system. */
int bsn_storage_probe(int data_fd, struct bsn_storage_probe *ret_probe, struct basin_error *err);

/* One environment's storage. */
struct bsn_storage {
	enum bsn_storage_kind kind;
	uint32_t project; /* project only */
	int64_t bytes;    /* what the environment can write; -1: without limit (plain and project only) */
	int64_t inodes;   /* -1: for loop one per 16 KiB, for project without limit */
	uid_t uid;        /* owner of upper/ and work/: the environment's root */
	gid_t gid;
};

/* Makes upper/ and work/ (or disk.img with them inside, and the mount point disk/) in dirfd. A half-made one is made anew. */
int bsn_storage_create(int dirfd, const struct bsn_storage *storage, struct basin_error *err);

/*
 * Opens the directory in which upper/ and work/ are. For loop that mounts the image on dirfd/disk, so the caller must be in a
 * private mount namespace, with which the mount (and at its last user's death, the loop device) goes away by itself; the same image
 * may be opened any number of times. dirfd must have been opened in that namespace, after the unshare: with one from before, the
 * mount stays detached, which is good for reading and writing, and for an overlay only on newer kernels (not on 6.1). The descriptor is not O_PATH.
 */
int bsn_storage_open(int dirfd, const struct bsn_storage *storage, int *ret_fd, struct basin_error *err);

struct bsn_storage_usage {
	int64_t bytes, bytes_max; /* max: -1 without limit */
	int64_t inodes, inodes_max;
};

/*
 * How much is used, now. live_fd: for loop, anything in the mounted file system or in an overlay over it, where the caller has such
 * a descriptor (-1 otherwise); it saves looking for the device.
 */
int bsn_storage_usage(int dirfd, const struct bsn_storage *storage, int live_fd, struct bsn_storage_usage *ret_usage,
		      struct basin_error *err);

/*
 * Changes the size to bytes. Below what is in use is refused (BASIN_BUSY, with the numbers). A loop image in use only grows; for that the
 * caller must be in a private mount namespace, as for open.
 */
int bsn_storage_resize(int dirfd, const struct bsn_storage *storage, int64_t bytes, struct basin_error *err);

/* Removes all that create made, frees the quota and a loop device that stayed behind. Idempotent. */
int bsn_storage_destroy(int dirfd, const struct bsn_storage *storage, struct basin_error *err);

/* Loop devices whose backing file is dirfd/disk.img: how many there are (normally 0 or 1), and their removal. For reconcile. */
int bsn_storage_loops(int dirfd, struct basin_error *err);

/* Project ids that have usage or limits on this file system, at least min: *ret_id is the next one; -ENOENT when there is none. */
int bsn_storage_next_project(int data_fd, uint32_t min, uint32_t *ret_id);

#endif
