/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and configs: pure, from text to structs and back. What they say of digests, layers and settings ends here or not at all. */
#include "image/manifest.h"

#include <string.h>

#include "base/str.h"

#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar"

static int no_memory(struct basin_error *err)
{
	return bsn_fail_sys(err, ENOMEM, "cannot read or write an image's documents");
}

void bsn_manifest_release(struct bsn_manifest *documents)
{
	json_decref(documents->manifest);
	json_decref(documents->config);
}

static int check_diff_ids(const json_t *diff_ids, struct basin_error *err)
{
	size_t i;
	const json_t *diff_id;
	int r = 0;
	json_array_foreach (diff_ids, i, diff_id)
		if (r >= 0)
			r = bsn_digest_check(json_is_string(diff_id) ? json_string_value(diff_id) : "", err);
	return r;
}

static int check_manifest(const struct bsn_manifest *documents, struct basin_error *err)
{
	json_t *config = NULL;
	json_t *layers = NULL;
	const char *digest = "";
	int r = bsn_json_get_object(documents->manifest, "manifest", "config", &config, err);
	if (r >= 0)
		r = bsn_json_get_array(documents->manifest, "manifest", "layers", &layers, err);
	if (r >= 0 && config != NULL)
		r = bsn_json_get_string(config, "manifest.config", "digest", &digest, err);
	if (r < 0)
		return r;
	if (json_object_get(documents->manifest, "manifests") != NULL)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the manifest has both layers and manifests");
	if (!bsn_streq(digest, documents->config_digest))
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the config's digest is %s, not the manifest's \"%.80s\"",
				documents->config_digest, digest);
	if (json_array_size(layers) != json_array_size(documents->diff_ids) || json_array_size(layers) == 0)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the manifest has %zu layers, the config %zu diff ids",
				json_array_size(layers), json_array_size(documents->diff_ids));
	return check_diff_ids(documents->diff_ids, err);
}

static int parse(const char *manifest, const char *config, struct bsn_manifest *documents, struct basin_error *err)
{
	json_t *rootfs = NULL;
	int r = bsn_json_parse(manifest, strlen(manifest), "manifest", &documents->manifest, err);
	if (r >= 0)
		r = bsn_json_parse(config, strlen(config), "config", &documents->config, err);
	if (r >= 0)
		r = bsn_digest_of(manifest, strlen(manifest), documents->digest, err);
	if (r >= 0)
		r = bsn_digest_of(config, strlen(config), documents->config_digest, err);
	if (r >= 0)
		r = bsn_json_get_object(documents->config, "config", "rootfs", &rootfs, err);
	if (r >= 0 && rootfs != NULL)
		r = bsn_json_get_array(rootfs, "config.rootfs", "diff_ids", &documents->diff_ids, err);
	return r < 0 ? r : check_manifest(documents, err);
}

int bsn_manifest_parse(const char *manifest, const char *config, struct bsn_manifest *ret_manifest, struct basin_error *err)
{
	struct bsn_manifest documents = { 0 };
	int r = bsn_damaged(parse(manifest, config, &documents, err), err);
	if (r < 0) {
		bsn_manifest_release(&documents);
		return r;
	}
	*ret_manifest = documents;
	return 0;
}

int bsn_manifest_format(const char *config, const struct bsn_layer *layers, size_t count, char **ret_manifest,
			struct basin_error *err)
{
	char digest[BSN_DIGEST_ROOM];
	auto_json json_t *list = json_array();
	int r = bsn_digest_of(config, strlen(config), digest, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		char type[64];
		bsn_format(type, sizeof(type), "%s%s", LAYER_TYPE, bsn_compression_suffix(layers[i].compression));
		json_t *item = json_pack("{ss, ss, sI}", "mediaType", type, "digest", layers[i].blob_digest, "size",
					 (json_int_t)layers[i].blob_size);
		if (json_array_append_new(list, item) < 0)
			return no_memory(err);
	}
	auto_json json_t *manifest =
		json_pack("{si, ss, s{ss, ss, sI}, sO}", "schemaVersion", 2, "mediaType", MANIFEST_TYPE, "config", "mediaType",
			  CONFIG_TYPE, "digest", digest, "size", (json_int_t)strlen(config), "layers", list);
	if (manifest == NULL)
		return no_memory(err);
	return bsn_json_format(manifest, false, ret_manifest, err);
}

/* --- the config's settings --- */

/* An array of strings as a NULL-terminated list; NULL when the key is missing. */
static int take_list(const json_t *config, const char *key, char ***ret_list, struct basin_error *err)
{
	json_t *array = NULL;
	size_t i;
	const json_t *item;
	int r = bsn_json_get_array(config, "config.config", key, &array, err);
	if (r <= 0)
		return r;
	char **list = calloc(json_array_size(array) + 1, sizeof(*list));
	*ret_list = list;
	if (list == NULL)
		return no_memory(err);
	json_array_foreach (array, i, item) {
		if (!json_is_string(item))
			return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "config.config.%s[%zu]: expected a string", key, i);
		list[i] = strdup(json_string_value(item));
		if (list[i] == NULL)
			return no_memory(err);
	}
	return 0;
}

static int take_ports(const json_t *config, char ***ret_list, struct basin_error *err)
{
	json_t *object = NULL;
	const char *port;
	json_t *unused;
	size_t count = 0;
	int r = bsn_json_get_object(config, "config.config", "ExposedPorts", &object, err);
	if (r <= 0)
		return r;
	char **list = calloc(json_object_size(object) + 1, sizeof(*list));
	*ret_list = list;
	if (list == NULL)
		return no_memory(err);
	json_object_foreach (object, port, unused) {
		list[count] = strdup(port);
		if (list[count++] == NULL)
			return no_memory(err);
	}
	return 0;
}

static int take_string(const json_t *object, const char *path, const char *key, char **ret_text, struct basin_error *err)
{
	const char *text = "";
	int r = bsn_json_get_string(object, path, key, &text, err);
	if (r < 0)
		return r;
	*ret_text = strdup(text);
	return *ret_text == NULL ? no_memory(err) : 0;
}

static int take_settings(struct bsn_image *image, struct basin_error *err)
{
	auto_json json_t *document = NULL;
	json_t *config = NULL;
	int r = bsn_json_parse(image->config, strlen(image->config), "config", &document, err);
	if (r >= 0)
		r = bsn_json_get_object(document, "config", "config", &config, err);
	if (r >= 0)
		r = take_string(document, "config", "os", &image->os, err);
	if (r >= 0)
		r = take_string(document, "config", "architecture", &image->architecture, err);
	if (r >= 0)
		r = take_list(config, "Entrypoint", &image->entrypoint, err);
	if (r >= 0)
		r = take_list(config, "Cmd", &image->cmd, err);
	if (r >= 0)
		r = take_list(config, "Env", &image->env, err);
	if (r >= 0)
		r = take_ports(config, &image->exposed_ports, err);
	if (r >= 0)
		r = take_string(config, "config.config", "User", &image->user, err);
	if (r >= 0)
		r = take_string(config, "config.config", "WorkingDir", &image->working_dir, err);
	if (r >= 0)
		r = take_string(config, "config.config", "StopSignal", &image->stop_signal, err);
	return r;
}

int bsn_image_take_config(struct bsn_image *image, struct basin_error *err)
{
	return bsn_damaged(take_settings(image, err), err);
}
