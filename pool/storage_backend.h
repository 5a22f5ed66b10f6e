/* SPDX-License-Identifier: Apache-2.0 */
/* What a storage back end does; pool/storage.c chooses by kind. dirfd is the environment's directory, the rest as in pool/storage.h. */
#ifndef BSN_POOL_STORAGE_BACKEND_H
#define BSN_POOL_STORAGE_BACKEND_H

#include <stddef.h>

#include "pool/storage.h"

struct bsn_storage_backend {
	const char *name;
	/* 0 where it works; 1 where it does not, with reason (and remedy) filled; or a failure. */
	int (*probe)(int data_fd, const char *file_system, char *reason, size_t room, struct basin_error *err);
	int (*create)(int dirfd, const struct bsn_storage *storage, struct basin_error *err);
	int (*open)(int dirfd, int *ret_fd, struct basin_error *err);
	int (*usage)(int dirfd, const struct bsn_storage *storage, int live_fd, struct bsn_storage_usage *ret_usage,
		     struct basin_error *err);
	int (*resize)(int dirfd, const struct bsn_storage *storage, int64_t bytes, struct basin_error *err);
	int (*destroy)(int dirfd, const struct bsn_storage *storage, struct basin_error *err);
};

extern const struct bsn_storage_backend bsn_storage_project;
extern const struct bsn_storage_backend bsn_storage_loop;

/* Makes upper/ and work/ beneath dirfd, anew if they are there, owned by the environment's root. */
int bsn_storage_make_layers(int dirfd, const struct bsn_storage *storage, struct basin_error *err);
/* Refuses a new size below what is in use. */
int bsn_storage_check_size(const struct bsn_storage_usage *usage, int64_t bytes, struct basin_error *err);

/* --- storage_image.c: the ext4 image of the loop back end --- */

#define BSN_STORAGE_IMAGE "disk.img"
#define BSN_STORAGE_MOUNT "disk"

/* Makes disk.img so large that storage->bytes can be written into it, with upper/ and work/ in it. */
int bsn_storage_image_create(int dirfd, const struct bsn_storage *storage, struct basin_error *err);
/* Reads the sizes from the superblock of an image that is not mounted. */
struct bsn_storage_image_size {
	int64_t block_size, blocks, available; /* available: in bytes, to the environment */
	int64_t inodes, inodes_free;
};
int bsn_storage_image_size(int dirfd, struct bsn_storage_image_size *ret_size, struct basin_error *err);
/* The bytes that ext4 keeps back of a file system of so many blocks, besides what it shows as used. */
int64_t bsn_storage_image_kept(int64_t blocks, int64_t block_size);
/* Makes an image that is not in use larger or smaller, so that about as many bytes more or fewer can be written. */
int bsn_storage_image_resize(int dirfd, int64_t by, struct basin_error *err);

#endif
