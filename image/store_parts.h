/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's files share: its directories, staging, and the sweep. */
#ifndef BSN_IMAGE_STORE_PARTS_H
#define BSN_IMAGE_STORE_PARTS_H

#include "base/lock.h"
#include "image/store.h"

struct bsn_store {
	int fd;
	int layers;
	int images;
	int names;
	int tmp;
	int trash;
	int locks;
};

/* A directory in tmp/ that nobody else clears while its lock is held. */
struct bsn_staging {
	const struct bsn_store *store;
	char name[64];
	int lock;
	int fd; /* of the directory, 0700 */
};

#define BSN_STAGING_INIT                                                                                                         \
	{                                                                                                                        \
		.lock = -1, .fd = -1                                                                                             \
	}

int bsn_staging_open(const struct bsn_store *store, struct bsn_staging *staging, struct basin_error *err);
/* Removes what is still there. Does nothing for one that was never opened. */
void bsn_staging_close(struct bsn_staging *staging);
/* Moves the directory to its place, durably: -EEXIST when the place is taken. Everything in it was synced before. */
int bsn_staging_commit(const struct bsn_staging *staging, int parent, const char *name);

/* Moves parent/name to the trash and removes it there: whoever looks sees it whole or not at all. "Already gone" is success. */
int bsn_store_discard(const struct bsn_store *store, int parent, const char *name);

/* Takes locks/<kind>-<what>; kind alone when what is NULL. -EAGAIN as bsn_lock_take. */
int bsn_store_lock(const struct bsn_store *store, const char *kind, const char *what, enum bsn_lock_mode mode, int timeout_ms,
		   int *ret_fd);

/* The record of an image, by the hex digits of its digest. NOT_FOUND when there is none. */
int bsn_store_read_image(const struct bsn_store *store, const char *hex, json_t **ret_record, struct basin_error *err);
/* What a name stands for: 1 with the digest, 0 when there is no such name. */
int bsn_store_read_name(const struct bsn_store *store, const char *file, char ret_digest[BSN_DIGEST_ROOM],
			struct basin_error *err);
/* What ref (a name or a digest, see bsn_image_resolve) stands for; *ret_ref is the whole name, "" when it was a digest.
 * NOT_FOUND. */
int bsn_store_find_image(const struct bsn_store *store, const char *ref, char ret_digest[BSN_DIGEST_ROOM],
			 char ret_ref[BSN_REF_ROOM], struct basin_error *err);
/* The short form of a name that an archive gives: without "docker.io/library/". NULL stays NULL. */
const char *bsn_ref_familiar(const char *ref);
/* How a reference is spelled as a file name, and back; in place, since it stays as long. */
void bsn_ref_to_file(char *ref);
void bsn_ref_from_file(char *file);

/* The names that stand for an image, as a sorted JSON array. */
int bsn_store_names_of(const struct bsn_store *store, const char *digest, json_t **ret_names, struct basin_error *err);

/* Calls fn with the hex digits of every image. */
int bsn_store_each_image(const struct bsn_store *store, int (*fn)(void *data, const char *hex), void *data,
			 struct basin_error *err);

#endif
