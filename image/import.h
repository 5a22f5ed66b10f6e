/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images from files: a plain root file system as tar, an OCI layout as tar (oci-archive), or what `docker save` writes; each may
 * be compressed with gzip or zstd. Which one it is shows in the archive's first names.
 */
#ifndef BSN_IMAGE_IMPORT_H
#define BSN_IMAGE_IMPORT_H

#include "image/store.h"

struct bsn_import_options {
	int fd;                   /* the archive, read from its current offset to its end; a pipe will
             do */
	const char *name;         /* for messages */
	const char *ref;          /* what to call the image; NULL: as the archive does. A plain
                      root file system needs one */
	const char *os;           /* NULL: linux */
	const char *architecture; /* in Go's names (amd64, arm64); NULL: this host's.
                               Of an archive for several, this one is taken */
	enum bsn_device_policy devices;
};

/*
 * *ret_json: an array, one object for each image: ref, digest, layer_count, layers_reused, size. A root file system is unpacked
 * as it streams in; an archive of blobs is staged in the store's tmp/ first.
 */
int bsn_image_import(struct bsn_store *store, const struct bsn_import_options *options, json_t **ret_json,
		     struct basin_error *err);

#endif
