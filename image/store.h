/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store beneath the data root. No database and no file that two writers share: a record is one file, and what is there is whole.
 *
 *     store/version            "1\n"
 *     store/layers/<hex>/      an unpacked layer, by diff id, never changed: diff/ (ids as in the image), meta.json, files.mtree
 *     store/images/<hex>.json  an image, by manifest digest: the manifest and the config to the byte, the diff ids in order
 *     store/names/<ref>        the digest that a reference stands for ("/" is written "%")
 *     store/tmp/ trash/        being made, being removed; whatever no living process holds is cleared by the next that opens the store
 *     store/locks/             see store.c for which lock guards what
 *
 * Commit, always in the order data, layer, image, name, removal in reverse: stage in tmp/ while hashing, compare digests, syncfs, write
 * meta.json, fsync, renameat2(RENAME_NOREPLACE), fsync the parent. A power cut at any moment leaves each object whole or absent.
 */
#ifndef BSN_IMAGE_STORE_H
#define BSN_IMAGE_STORE_H

#include <stdbool.h>

#include "base/json.h"
#include "base/own.h"
#include "image/compress.h"
#include "image/digest.h"
#include "image/extract.h"
#include "image/stream.h"

struct bsn_store;

/* Opens data_fd/store, made if missing, and clears what dead processes left in tmp/ and trash/. */
int bsn_store_open(int data_fd, struct bsn_store **ret_store, struct basin_error *err);
void bsn_store_close(struct bsn_store *store);
BSN_OWNER(struct bsn_store *, bsn_store_close);

/* The store's directory, for opening the paths that struct bsn_image holds; owned by the store. */
int bsn_store_fd(const struct bsn_store *store);

/* Keeps layers that no image names yet from being swept, until *ret_lease is closed: taken around add_layer ... add_image. */
int bsn_store_hold(struct bsn_store *store, int *ret_lease, struct basin_error *err);

/* --- layers --- */

struct bsn_layer;

/* A layer to add. What is known in advance is checked; NULL and -1 are not known. */
struct bsn_layer_source {
	struct bsn_stream *stream; /* the blob: tar, tar+gzip or tar+zstd */
	const char *blob_digest;
	int64_t blob_size;
	const char *diff_id; /* known: waits for another process that adds the same layer, and reuses it */
	enum bsn_device_policy devices;
	const struct bsn_layer *lowers; /* those below it, lowest first: see struct bsn_extract_options */
	size_t lower_count;
	const char *name; /* for progress and messages; NULL: the digest */
};

struct bsn_layer {
	char diff_id[BSN_DIGEST_ROOM];
	char blob_digest[BSN_DIGEST_ROOM];
	uint64_t blob_size;
	enum bsn_compression compression;
	uint64_t entries;
	uint64_t bytes;
	bool reused; /* it was there */
};

/*
 * Unpacks and commits a layer; the stream is read to its end unless the layer was there already and diff_id said so (then it is not read
 * at all, and blob_digest and blob_size are those of the first time). Nothing is left on failure.
 */
int bsn_store_add_layer(struct bsn_store *store, const struct bsn_layer_source *source, struct bsn_layer *ret_layer,
			struct basin_error *err);
/* 1 and *ret_layer (may be NULL) filled, or 0 when there is none. */
int bsn_store_find_layer(struct bsn_store *store, const char *diff_id, struct bsn_layer *ret_layer, struct basin_error *err);

/* --- images --- */

/*
 * Commits an image whose layers are all there. manifest and config are kept to the byte; the digest is the manifest's. ref may be NULL
 * (an image without a name, as a restored backup's), else it is made to stand for this image.
 */
int bsn_store_add_image(struct bsn_store *store, const char *manifest, const char *config, const char *ref,
			char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err);

/* An image as a launcher wants it. Lists are NULL-terminated, NULL where the config has none. */
struct bsn_image {
	char digest[BSN_DIGEST_ROOM]; /* of the manifest: what an environment remembers */
	char config_digest[BSN_DIGEST_ROOM];
	char *ref; /* as asked, with its tag; NULL when it was asked for by digest */
	char *os;
	char *architecture;
	struct bsn_layer *layers; /* lowest first */
	char **layer_paths;       /* each layer's tree beneath bsn_store_fd: "layers/<hex>/diff"; lowest first */
	size_t layer_count;
	char **entrypoint;
	char **cmd;
	char **env;           /* "NAME=value" */
	char **exposed_ports; /* "80/tcp" */
	char *user;           /* "" when not given */
	char *working_dir;
	char *stop_signal;
	char *manifest; /* the documents to the byte */
	char *config;
	int lease; /* while open, the image cannot be removed */
};

/* ref: "debian:12", "debian" (tag latest), or a digest, whole ("sha256:...") or its first 12 and more hex digits. NOT_FOUND otherwise. */
int bsn_image_resolve(struct bsn_store *store, const char *ref, struct bsn_image **ret_image, struct basin_error *err);
void bsn_image_free(struct bsn_image *image);
BSN_OWNER(struct bsn_image *, bsn_image_free);

/*
 * Removes a name, and with its last name the image and the layers that no other image has; by digest, all its names too. users says who
 * has the image ("environment web"), as a NULL-terminated list on the heap, NULL for nobody: then it is refused with BUSY. It is asked
 * while the image cannot be resolved, so nobody can come to have it after the answer. users may be NULL.
 */
typedef int bsn_image_users_fn(void *data, const char *digest, char ***ret_users, struct basin_error *err);
int bsn_image_remove(struct bsn_store *store, const char *ref, bsn_image_users_fn *users, void *data, struct basin_error *err);

/* JSON for `image ls` (an array) and `image show` (an object); basin(1) has the keys. */
int bsn_image_list(struct bsn_store *store, json_t **ret_json, struct basin_error *err);
int bsn_image_show(struct bsn_store *store, const char *ref, json_t **ret_json, struct basin_error *err);

/*
 * Removes the layers that no image has (dry_run: only tells of them), and what killed commands left of locks and temporaries; swept, which may
 * be NULL, gets the hex digits of each layer. While somebody adds layers nothing is done: whoever removes or adds next does it.
 */
typedef void bsn_store_swept_fn(void *data, const char *hex);
int bsn_store_sweep(struct bsn_store *store, bool dry_run, bsn_store_swept_fn *swept, void *data, struct basin_error *err);

/* --- references --- */

/* Checks name[:tag] and writes it with its tag ("latest" where none is given); code USAGE. */
#define BSN_REF_ROOM 241
int bsn_ref_normalise(const char *text, char ret_ref[BSN_REF_ROOM], struct basin_error *err);

#endif
