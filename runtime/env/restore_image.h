/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a restored environment: the one it had, where the store has its layers; else one made of the layers that the backup brings, which
 * are the same files in archives of their own and so have other digests.
 */
#ifndef BSN_RUNTIME_ENV_RESTORE_IMAGE_H
#define BSN_RUNTIME_ENV_RESTORE_IMAGE_H

#include "image/backup_format.h"
#include "image/store.h"
#include "runtime/env/backup_about.h"

struct bsn_restore_image {
	bool has_source
		[BSN_BACKUP_LAYERS]; /* the store has this layer under its old diff id: what the backup has of it is not needed */
	char digest[BSN_DIGEST_ROOM]; /* the image's, known before it is there */
	char *manifest;               /* NULL: it is there */
	char *config;
	char *ref; /* to be given to it, where nobody has that name; NULL: none */
	int lease; /* on an image that is there already, -1 */
};

/* Decides, changing nothing. NOT_FOUND when a thin backup's layer is missing. */
int bsn_restore_image_plan(struct bsn_store *store, const struct bsn_backup *backup, const struct bsn_backup_wanted *wanted,
			   struct bsn_restore_image *ret_image, struct basin_error *err);
void bsn_restore_image_release(struct bsn_restore_image *image);

/* A base layer from the backup, into the store. */
int bsn_restore_image_add_layer(struct bsn_store *store, const struct bsn_backup_layer *layer, size_t index,
				struct bsn_stream *stream, struct basin_error *err);
/* The image itself, once all layers are there. */
int bsn_restore_image_commit(struct bsn_store *store, const struct bsn_restore_image *image, struct basin_error *err);

#endif
