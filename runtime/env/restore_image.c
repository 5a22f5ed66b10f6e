/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/restore_image.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

void bsn_restore_image_release(struct bsn_restore_image *image)
{
	free(image->manifest);
	free(image->config);
	free(image->ref);
	bsn_own_close(&image->lease);
	image->lease = -1;
}

/* Which layers the store has, and that the backup has the others. */
static int find_layers(struct bsn_store *store, const struct bsn_backup *backup, struct bsn_restore_image *image, bool *ret_all,
		       struct basin_error *err)
{
	*ret_all = true;
	for (size_t i = 0; i + 1 < backup->layer_count; i++) {
		const struct bsn_backup_layer *layer = &backup->layers[i];
		int r = bsn_store_find_layer(store, layer->source, NULL, err);
		if (r < 0)
			return r;
		image->has_source[i] = r > 0;
		*ret_all = *ret_all && r > 0;
		if (r == 0 && !layer->present)
			return bsn_fail(err, BASIN_NOT_FOUND, ENOENT,
					"the backup was made with --thin and the store lacks its base layer \"%s\": import the "
					"image first",
					layer->source);
	}
	return 0;
}

/* Takes the image that it had, where it is here or can be written again to the byte: 1; 0 where it cannot. */
static int take_original(struct bsn_store *store, const struct bsn_backup_wanted *wanted, struct bsn_restore_image *image,
			 struct basin_error *err)
{
	const char *digest = json_string_value(json_object_get(json_object_get(wanted->definition, "image"), "digest"));
	char actual[BSN_DIGEST_ROOM];
	struct bsn_image *found = NULL;

	if (digest == NULL || bsn_digest_check(digest, NULL) < 0)
		return 0;
	memcpy(image->digest, digest, sizeof(image->digest));
	if (bsn_image_resolve(store, digest, &found, NULL) >= 0) {
		image->lease = bsn_fd_give(&found->lease);
		bsn_image_free(found);
		return 1;
	}
	if (wanted->image_manifest == NULL || wanted->image_config == NULL)
		return 0;
	int r = bsn_digest_of(wanted->image_manifest, strlen(wanted->image_manifest), actual, err);
	if (r < 0 || !bsn_streq(actual, digest))
		return r < 0 ? r : 0;
	image->manifest = strdup(wanted->image_manifest);
	image->config = strdup(wanted->image_config);
	return image->manifest == NULL || image->config == NULL ? bsn_fail_sys(err, ENOMEM, "cannot restore the backup") : 1;
}

/* Descriptor and diff id of each layer as the new image has it. */
static int list_layers(struct bsn_store *store, const struct bsn_backup *backup, const struct bsn_restore_image *image,
		       json_t *layers, json_t *diff_ids, struct basin_error *err)
{
	for (size_t i = 0; i + 1 < backup->layer_count; i++) {
		const struct bsn_backup_layer *layer = &backup->layers[i];
		struct bsn_layer known;
		int r = image->has_source[i] ? bsn_store_find_layer(store, layer->source, &known, err) : 0;
		if (r < 0)
			return r;
		auto_str struct bsn_str type = { 0 };
		bsn_str_addf(&type, "application/vnd.oci.image.layer.v1.tar%s",
			     bsn_compression_suffix(r > 0 ? known.compression : BSN_ZSTD));
		json_array_append_new(layers, json_pack("{ss ss sI}", "mediaType", bsn_str_text(&type), "digest",
							r > 0 ? known.blob_digest : layer->blob.digest, "size",
							(json_int_t)(r > 0 ? known.blob_size : layer->blob.size)));
		json_array_append_new(diff_ids, json_string(r > 0 ? layer->source : layer->diff_id));
	}
	return 0;
}

/* An image of the layers as they will be in the store; its config is the backup's without what made it one. */
static int compose(struct bsn_store *store, const struct bsn_backup *backup, struct bsn_restore_image *image,
		   struct basin_error *err)
{
	auto_json json_t *config = json_deep_copy(backup->config);
	auto_json json_t *layers = json_array();
	auto_json json_t *diff_ids = json_array();
	char digest[BSN_DIGEST_ROOM];

	int r = list_layers(store, backup, image, layers, diff_ids, err);
	if (r < 0)
		return r;
	json_object_del(config, BSN_BACKUP_MEMBER);
	json_object_set_new(config, "rootfs", json_pack("{ss sO}", "type", "layers", "diff_ids", diff_ids));
	r = bsn_json_format(config, false, &image->config, err);
	if (r >= 0)
		r = bsn_digest_of(image->config, strlen(image->config), digest, err);
	if (r < 0)
		return r;
	auto_json json_t *manifest =
		json_pack("{si ss s{ss ss sI} sO}", "schemaVersion", 2, "mediaType", "application/vnd.oci.image.manifest.v1+json",
			  "config", "mediaType", "application/vnd.oci.image.config.v1+json", "digest", digest, "size",
			  (json_int_t)strlen(image->config), "layers", layers);
	r = bsn_json_format(manifest, false, &image->manifest, err);
	return r < 0 ? r : bsn_digest_of(image->manifest, strlen(image->manifest), image->digest, err);
}

/* The name that it had, if it is one and nobody has it. */
static int choose_ref(struct bsn_store *store, const struct bsn_backup_wanted *wanted, struct bsn_restore_image *image,
		      struct basin_error *err)
{
	const char *name = json_string_value(json_object_get(json_object_get(wanted->definition, "image"), "name"));
	char ref[BSN_REF_ROOM];
	struct bsn_image *found = NULL;

	if (name == NULL || bsn_starts_with(name, "sha256:") || bsn_ref_normalise(name, ref, NULL) < 0)
		return 0;
	int r = bsn_image_resolve(store, ref, &found, NULL);
	bsn_image_free(found);
	if (r != -ENOENT)
		return 0;
	image->ref = strdup(ref);
	return image->ref == NULL ? bsn_fail_sys(err, ENOMEM, "cannot restore the backup") : 0;
}

int bsn_restore_image_plan(struct bsn_store *store, const struct bsn_backup *backup, const struct bsn_backup_wanted *wanted,
			   struct bsn_restore_image *ret_image, struct basin_error *err)
{
	struct bsn_restore_image image = { .lease = -1 };
	bool all = false;

	int r = find_layers(store, backup, &image, &all, err);
	if (r >= 0 && all)
		r = take_original(store, wanted, &image, err);
	if (r == 0)
		r = compose(store, backup, &image, err);
	if (r >= 0 && image.manifest != NULL)
		r = choose_ref(store, wanted, &image, err);
	if (r < 0) {
		bsn_restore_image_release(&image);
		return r;
	}
	*ret_image = image;
	return 0;
}

int bsn_restore_image_add_layer(struct bsn_store *store, const struct bsn_backup_layer *layer, size_t index,
				struct bsn_stream *stream, struct basin_error *err)
{
	struct bsn_layer added;
	char name[64];
	(void)bsn_format(name, sizeof(name), "base layer %zu", index + 1);
	const struct bsn_layer_source source = {
		.stream = stream,
		.blob_size = -1,
		.diff_id = layer->diff_id,
		.devices = BSN_DEVICES_SKIP,
		.name = name,
	};
	return bsn_store_add_layer(store, &source, &added, err);
}

int bsn_restore_image_commit(struct bsn_store *store, const struct bsn_restore_image *image, struct basin_error *err)
{
	char digest[BSN_DIGEST_ROOM];
	if (image->manifest == NULL)
		return 0;
	int r = bsn_store_add_image(store, image->manifest, image->config, image->ref, digest, err);
	if (r >= 0 && image->ref != NULL)
		bsn_info("added image \"%s\"", image->ref);
	return r < 0 ? r : 0;
}
