/* SPDX-License-Identifier: Apache-2.0 */
/* An image's two documents, manifest and config, as text from anywhere: what is wrong with them is damage, not misuse. */
#ifndef BSN_IMAGE_MANIFEST_H
#define BSN_IMAGE_MANIFEST_H

#include "image/store.h"

/* A malformed document of an archive is not its user's mistake: makes USAGE into DAMAGED, and returns r. */
static inline int bsn_damaged(int r, struct basin_error *err)
{
	if (r < 0 && err != NULL && err->code == BASIN_USAGE)
		err->code = BASIN_DAMAGED;
	return r;
}

/* A manifest and its config, parsed and found to agree: the config's digest, and as many layers as diff ids. */
struct bsn_manifest {
	json_t *manifest;
	json_t *config;
	json_t *diff_ids; /* within config; each a string that is a digest */
	char digest[BSN_DIGEST_ROOM];
	char config_digest[BSN_DIGEST_ROOM];
};

int bsn_manifest_parse(const char *manifest, const char *config, struct bsn_manifest *ret_manifest, struct basin_error *err);
void bsn_manifest_release(struct bsn_manifest *manifest);

/* Writes an OCI manifest over a config and layers: freed by the caller. */
int bsn_manifest_format(const char *config, const struct bsn_layer *layers, size_t count, char **ret_manifest,
			struct basin_error *err);

/* Fills what image->config says: platform, command, environment, user, ... */
int bsn_image_take_config(struct bsn_image *image, struct basin_error *err);

#endif
