/* SPDX-License-Identifier: Apache-2.0 */
/* What `image ls` and `image show` answer, as JSON; basin(1) documents the keys. */
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "image/store_parts.h"

static int no_memory(struct basin_error *err)
{
	return bsn_fail_sys(err, ENOMEM, "cannot describe an image");
}

/* What list and show both say of an image, and its layers' sizes together. */
static int describe(struct bsn_store *store, const char *digest, json_t *names, json_t **ret_json, struct basin_error *err)
{
	auto_of(bsn_image_free) struct bsn_image *image = NULL;
	auto_json json_t *record = NULL;
	uint64_t bytes = 0;
	int r = bsn_image_resolve(store, digest, &image, err);
	if (r >= 0)
		r = bsn_store_read_image(store, bsn_digest_hex(digest), &record, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < image->layer_count; i++)
		bytes += image->layers[i].bytes;
	char platform[128];
	bsn_format(platform, sizeof(platform), "%.60s/%.60s", image->os, image->architecture);
	json_t *json = json_pack("{ss, sO, ss, ss, ss, sI, sI, sO?}", "digest", digest, "names", names, "platform", platform,
				 "os", image->os, "architecture", image->architecture, "size", (json_int_t)bytes, "layer_count",
				 (json_int_t)image->layer_count, "imported", json_object_get(record, "imported"));
	if (json == NULL)
		return no_memory(err);
	*ret_json = json;
	return 0;
}

struct listing {
	struct bsn_store *store;
	json_t *list;
	struct basin_error *err;
};

/* One row for each name, one without a name for an image that has none. */
static int add_rows(struct listing *listing, const json_t *image, const json_t *names)
{
	size_t count = json_array_size(names);
	for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
		json_t *row = json_copy((json_t *)(uintptr_t)image);
		json_object_del(row, "names");
		if (json_object_set(row, "ref", count > 0 ? json_array_get(names, i) : json_null()) < 0 ||
		    json_array_append_new(listing->list, row) < 0)
			return no_memory(listing->err);
	}
	return 0;
}

static int list_image(void *data, const char *hex)
{
	struct listing *listing = data;
	char digest[BSN_DIGEST_ROOM];
	auto_json json_t *names = NULL;
	auto_json json_t *image = NULL;
	struct basin_error why = { 0 };
	bsn_format(digest, sizeof(digest), "sha256:%s", hex);
	int r = bsn_store_names_of(listing->store, digest, &names, listing->err);
	if (r < 0)
		return r;
	r = describe(listing->store, digest, names, &image, &why);
	if (r < 0 && why.code == BASIN_NOT_FOUND)
		return 0; /* removed meanwhile */
	if (r < 0) {
		bsn_warn("%s", why.text);
		return 0;
	}
	return add_rows(listing, image, names);
}

static int compare_rows(const void *a, const void *b)
{
	const json_t *const *rows[] = { a, b };
	const char *text[2];
	for (int i = 0; i < 2; i++) {
		text[i] = json_string_value(json_object_get(*rows[i], "ref"));
		if (text[i] == NULL)
			text[i] = "~"; /* after all names */
	}
	int order = strcmp(text[0], text[1]);
	return order != 0 ? order
			  : strcmp(json_string_value(json_object_get(*rows[0], "digest")),
				   json_string_value(json_object_get(*rows[1], "digest")));
}

int bsn_image_list(struct bsn_store *store, json_t **ret_json, struct basin_error *err)
{
	auto_json json_t *list = json_array();
	struct listing listing = { store, list, err };
	if (list == NULL)
		return no_memory(err);
	int r = bsn_store_each_image(store, list_image, &listing, err);
	if (r < 0)
		return r;
	size_t count = json_array_size(list);
	auto_free json_t **rows = calloc(count + 1, sizeof(json_t *));
	auto_json json_t *sorted = json_array();
	if (rows == NULL || sorted == NULL)
		return no_memory(err);
	for (size_t i = 0; i < count; i++)
		rows[i] = json_array_get(list, i);
	if (count > 1)
		qsort(rows, count, sizeof(json_t *), compare_rows);
	for (size_t i = 0; i < count; i++)
		if (json_array_append(sorted, rows[i]) < 0)
			return no_memory(err);
	*ret_json = bsn_give(&sorted);
	return 0;
}

static int show_layers(const struct bsn_image *image, json_t *json, struct basin_error *err)
{
	auto_json json_t *layers = json_array();
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct bsn_layer *layer = &image->layers[i];
		json_t *item = json_pack("{ss, ss, sI, sI, sI}", "diff_id", layer->diff_id, "blob_digest", layer->blob_digest,
					 "blob_size", (json_int_t)layer->blob_size, "size", (json_int_t)layer->bytes, "entries",
					 (json_int_t)layer->entries);
		if (json_array_append_new(layers, item) < 0)
			return no_memory(err);
	}
	return json_object_set(json, "layers", layers) < 0 ? no_memory(err) : 0;
}

int bsn_image_show(struct bsn_store *store, const char *ref, json_t **ret_json, struct basin_error *err)
{
	auto_of(bsn_image_free) struct bsn_image *image = NULL;
	auto_json json_t *names = NULL;
	auto_json json_t *json = NULL;
	auto_json json_t *config = NULL;
	int r = bsn_image_resolve(store, ref, &image, err);
	if (r >= 0)
		r = bsn_store_names_of(store, image->digest, &names, err);
	if (r >= 0)
		r = describe(store, image->digest, names, &json, err);
	if (r >= 0)
		r = bsn_json_parse(image->config, strlen(image->config), "config", &config, err);
	if (r < 0)
		return r;
	json_t *runtime = json_object_get(config, "config");
	json_t *created = json_object_get(config, "created");
	if (json_object_set_new(json, "config_digest", json_string(image->config_digest)) < 0 ||
	    json_object_set(json, "created", created != NULL ? created : json_null()) < 0 ||
	    (runtime != NULL ? json_object_set(json, "config", runtime) : json_object_set_new(json, "config", json_object())) < 0)
		return no_memory(err);
	r = show_layers(image, json, err);
	if (r < 0)
		return r;
	*ret_json = bsn_give(&json);
	return 0;
}
