/* SPDX-License-Identifier: Apache-2.0 */
/* From a reference to what a launcher needs: the layers in order, the config's defaults, and a lease that keeps them. */
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "image/manifest.h"
#include "image/store_parts.h"

#define LEASE_WAIT_MS 5000 /* removal holds the lock only while it unlinks */

static void free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

void bsn_image_free(struct bsn_image *image)
{
	if (image == NULL)
		return;
	if (image->lease >= 0)
		close(image->lease);
	free(image->ref);
	free(image->os);
	free(image->architecture);
	free(image->layers);
	free_list(image->layer_paths);
	free_list(image->entrypoint);
	free_list(image->cmd);
	free_list(image->env);
	free_list(image->exposed_ports);
	free(image->user);
	free(image->working_dir);
	free(image->stop_signal);
	free(image->manifest);
	free(image->config);
	free(image);
}

static int no_memory(struct basin_error *err)
{
	return bsn_fail_sys(err, ENOMEM, "cannot resolve the image");
}

static int take_layers(struct bsn_store *store, struct bsn_image *image, const json_t *layers, struct basin_error *err)
{
	size_t i;
	const json_t *layer;
	image->layers = calloc(json_array_size(layers), sizeof(*image->layers));
	image->layer_paths = calloc(json_array_size(layers) + 1, sizeof(*image->layer_paths));
	if (image->layers == NULL || image->layer_paths == NULL)
		return no_memory(err);
	json_array_foreach (layers, i, layer) {
		const char *diff_id = json_string_value(layer);
		int r = bsn_store_find_layer(store, diff_id, &image->layers[i], err);
		if (r < 0)
			return r;
		if (r == 0)
			return bsn_fail(err, BASIN_DAMAGED, ENOENT,
					"the image's layer \"%s\" is missing from the store: import the image again", diff_id);
		auto_str struct bsn_str path = { 0 };
		bsn_str_addf(&path, "layers/%s/diff", bsn_digest_hex(diff_id));
		image->layer_paths[i] = bsn_str_give(&path);
		if (image->layer_paths[i] == NULL)
			return no_memory(err);
		image->layer_count++;
	}
	return 0;
}

static int take_document(const json_t *record, const char *key, char **ret_text, struct basin_error *err)
{
	const char *text = "";
	int r = bsn_json_get_string(record, "image", key, &text, err);
	if (r < 0)
		return r;
	*ret_text = strdup(text);
	return *ret_text == NULL ? no_memory(err) : 0;
}

static int take_record(struct bsn_store *store, struct bsn_image *image, struct basin_error *err)
{
	auto_json json_t *record = NULL;
	const char *digest = "";
	int r = bsn_store_read_image(store, bsn_digest_hex(image->digest), &record, err);
	if (r >= 0)
		r = take_document(record, "manifest", &image->manifest, err);
	if (r >= 0)
		r = take_document(record, "config", &image->config, err);
	if (r >= 0)
		r = bsn_json_get_string(record, "image", "config_digest", &digest, err);
	if (r < 0)
		return r;
	bsn_format(image->config_digest, sizeof(image->config_digest), "%s", digest);
	r = bsn_image_take_config(image, err);
	return r < 0 ? r : take_layers(store, image, json_object_get(record, "layers"), err);
}

/* Finds what ref stands for and leases it. Between the two the name may have moved on: then it is looked up once more under the
 * lease. */
static int find_and_lease(struct bsn_store *store, const char *ref, struct bsn_image *image, char full[BSN_REF_ROOM],
			  struct basin_error *err)
{
	char before[BSN_DIGEST_ROOM] = "";
	for (;;) {
		int r = bsn_store_find_image(store, ref, image->digest, full, err);
		if (r < 0 || bsn_streq(before, image->digest))
			return r;
		memcpy(before, image->digest, sizeof(before));
		if (image->lease >= 0)
			close(image->lease);
		image->lease = -1;
		r = bsn_store_lock(store, "image", bsn_digest_hex(image->digest), BSN_LOCK_SHARED, LEASE_WAIT_MS, &image->lease);
		if (r == -EAGAIN)
			return bsn_fail(err, BASIN_BUSY, EBUSY, "image \"%.200s\" is being removed", ref);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot lease the image \"%.200s\"", ref);
	}
}

int bsn_image_resolve(struct bsn_store *store, const char *ref, struct bsn_image **ret_image, struct basin_error *err)
{
	char full[BSN_REF_ROOM];
	auto_of(bsn_image_free) struct bsn_image *image = calloc(1, sizeof(*image));
	if (image == NULL)
		return no_memory(err);
	image->lease = -1;
	int r = find_and_lease(store, ref, image, full, err);
	if (r < 0)
		return r;
	image->ref = full[0] != '\0' ? strdup(full) : NULL;
	if (full[0] != '\0' && image->ref == NULL)
		return no_memory(err);
	r = take_record(store, image, err);
	if (r < 0)
		return r == -ENOENT && err != NULL && err->code == BASIN_NOT_FOUND
			       ? r
			       : bsn_error_prefix(err, "image \"%.100s\"", ref);
	*ret_image = bsn_give(&image);
	return 0;
}
