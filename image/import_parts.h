/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of the archive formats share. */
#ifndef BSN_IMAGE_IMPORT_PARTS_H
#define BSN_IMAGE_IMPORT_PARTS_H

#include "image/archive.h"
#include "image/import.h"
#include "image/store_parts.h"

struct bsn_import {
	struct bsn_store *store;
	const struct bsn_import_options *options;
	const char *os;
	const char *architecture;
	json_t *answer; /* the array that bsn_image_import returns */
};

/* Commits an image whose layers were added, and puts it into the answer. reused: how many of the layers were there already. */
int bsn_import_commit(struct bsn_import *import, const char *manifest, const char *config, const char *ref, size_t reused,
		      struct basin_error *err);

/* The two kinds of archives. */
int bsn_import_oci(struct bsn_import *import, const struct bsn_archive *archive, struct basin_error *err);
int bsn_import_docker(struct bsn_import *import, const struct bsn_archive *archive, struct basin_error *err);
/* What an archive's manifest.json calls the image with that config: 1 and the name, or 0. */
int bsn_docker_tag(const struct bsn_archive *archive, const char *config_digest, char ret_ref[BSN_REF_ROOM]);

#endif
