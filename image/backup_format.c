/* SPDX-License-Identifier: Apache-2.0 */
#include "image/backup_format.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define INDEX_TYPE    "application/vnd.oci.image.index.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar+zstd"

void bsn_backup_init(struct bsn_backup *backup)
{
	*backup = (struct bsn_backup){ 0 };
	for (size_t i = 0; i < BSN_BACKUP_LAYERS; i++)
		backup->layers[i].blob.fd = backup->layers[i].list.fd = -1;
}

void bsn_backup_release(struct bsn_backup *backup)
{
	json_decref(backup->config);
	json_decref(backup->about);
	for (size_t i = 0; i < backup->layer_count; i++) {
		bsn_own_close(&backup->layers[i].blob.fd);
		bsn_own_close(&backup->layers[i].list.fd);
	}
	bsn_backup_init(backup);
}

void bsn_backup_documents_release(struct bsn_backup_documents *documents)
{
	free(documents->index);
	free(documents->manifest);
	free(documents->config);
	*documents = (struct bsn_backup_documents){ 0 };
}

void bsn_backup_path(const char *digest_or_name, char ret_path[BSN_BACKUP_PATH_ROOM])
{
	bool digest = bsn_starts_with(digest_or_name, "sha256:");
	snprintf(ret_path, BSN_BACKUP_PATH_ROOM, "%s%s", digest ? "blobs/sha256/" : "",
		 digest ? bsn_digest_hex(digest_or_name) : digest_or_name);
}

struct bsn_tar_entry bsn_backup_entry(const char *path, uint64_t size, int64_t created)
{
	return (struct bsn_tar_entry){
		.path = path, .link = "", .type = BSN_TAR_FILE, .mode = 0644, .size = size, .mtime = { .tv_sec = created }
	};
}

/* --- writing --- */

static int no_memory(struct basin_error *err)
{
	return bsn_fail_sys(err, ENOMEM, "cannot describe the backup");
}

static void format_time(int64_t seconds, char ret_text[32])
{
	time_t when = (time_t)seconds;
	struct tm tm;
	gmtime_r(&when, &tm);
	strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static json_t *blob_json(const struct bsn_backup_blob *blob)
{
	return json_pack("{ss sI}", "digest", blob->digest, "size", (json_int_t)blob->size);
}

static json_t *layer_json(const struct bsn_backup_layer *layer)
{
	json_t *json = json_pack("{ss sb}", "role", layer->base ? "base" : "environment", "present", layer->present);
	if (json == NULL)
		return NULL;
	if (layer->base)
		json_object_set_new(json, "source", json_string(layer->source));
	if (!layer->present)
		return json;
	json_object_set_new(json, "diff_id", json_string(layer->diff_id));
	json_object_set_new(json, "blob", blob_json(&layer->blob));
	json_object_set_new(json, "list", blob_json(&layer->list));
	json_object_set_new(json, "entries", json_integer((json_int_t)layer->entries));
	json_object_set_new(json, "bytes", json_integer((json_int_t)layer->bytes));
	return json;
}

static int format_config(const struct bsn_backup *backup, char **ret_text, struct basin_error *err)
{
	auto_json json_t *config = backup->config != NULL ? json_deep_copy(backup->config) : json_object();
	json_t *about = backup->about != NULL ? json_deep_copy(backup->about) : json_object();
	json_t *layers = json_array();
	json_t *diff_ids = json_array();
	char created[32];

	format_time(backup->created, created);
	for (size_t i = 0; i < backup->layer_count; i++) {
		json_array_append_new(layers, layer_json(&backup->layers[i]));
		if (backup->layers[i].present)
			json_array_append_new(diff_ids, json_string(backup->layers[i].diff_id));
	}
	json_object_set_new(about, "version", json_integer(BSN_BACKUP_VERSION));
	json_object_set_new(about, "name", json_string(backup->name));
	json_object_set_new(about, "created", json_integer(backup->created));
	json_object_set_new(about, "layers", layers);
	json_object_del(config, "history"); /* it tells of layers that are not these */
	json_object_set_new(config, "created", json_string(created));
	json_object_set_new(config, "rootfs", json_pack("{ss so}", "type", "layers", "diff_ids", diff_ids));
	if (json_object_set_new(config, BSN_BACKUP_MEMBER, about) < 0)
		return no_memory(err);
	return bsn_json_format(config, false, ret_text, err);
}

static json_t *descriptor(const char *type, const char *digest, uint64_t size)
{
	return json_pack("{ss ss sI}", "mediaType", type, "digest", digest, "size", (json_int_t)size);
}

/* For people and tools that look at manifests only; the config has the same, and that is what restore goes by. */
static json_t *annotations_json(const struct bsn_backup *backup)
{
	static const char *const keys[] = { "consistency", "kernel", "tool" };
	char created[32];

	format_time(backup->created, created);
	json_t *json = json_pack("{ss ss}", "org.opencontainers.image.created", created, BSN_BACKUP_MEMBER ".name", backup->name);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char key[64];
		json_t *value = json_object_get(backup->about, keys[i]);
		snprintf(key, sizeof(key), "%s.%s", BSN_BACKUP_MEMBER, keys[i]);
		if (json_is_string(value))
			json_object_set(json, key, value);
	}
	return json;
}

static int format_manifest(const struct bsn_backup *backup, const char *config_digest, size_t config_size, char **ret_text,
			   struct basin_error *err)
{
	json_t *layers = json_array();
	for (size_t i = 0; i < backup->layer_count; i++) {
		const struct bsn_backup_layer *layer = &backup->layers[i];
		if (layer->present)
			json_array_append_new(layers, descriptor(LAYER_TYPE, layer->blob.digest, layer->blob.size));
	}
	auto_json json_t *manifest =
		json_pack("{si ss ss so so so}", "schemaVersion", 2, "mediaType", MANIFEST_TYPE, "artifactType",
			  BSN_BACKUP_ARTIFACT, "config", descriptor(CONFIG_TYPE, config_digest, config_size), "layers", layers,
			  "annotations", annotations_json(backup));
	return manifest == NULL ? no_memory(err) : bsn_json_format(manifest, false, ret_text, err);
}

int bsn_backup_format_index(const char *name, const char *manifest_digest, size_t manifest_size, char **ret_index,
			    struct basin_error *err)
{
	json_t *entry = descriptor(MANIFEST_TYPE, manifest_digest, manifest_size);
	json_object_set_new(entry, "artifactType", json_string(BSN_BACKUP_ARTIFACT));
	json_object_set_new(entry, "annotations", json_pack("{ss}", "org.opencontainers.image.ref.name", name));
	auto_json json_t *index = json_pack("{si ss s[o]}", "schemaVersion", 2, "mediaType", INDEX_TYPE, "manifests", entry);
	return index == NULL ? no_memory(err) : bsn_json_format(index, false, ret_index, err);
}

int bsn_backup_format(const struct bsn_backup *backup, struct bsn_backup_documents *ret_documents, struct basin_error *err)
{
	auto_backup_documents struct bsn_backup_documents made = { 0 };

	int r = format_config(backup, &made.config, err);
	if (r >= 0)
		r = bsn_digest_of(made.config, strlen(made.config), made.config_digest, err);
	if (r >= 0)
		r = format_manifest(backup, made.config_digest, strlen(made.config), &made.manifest, err);
	if (r >= 0)
		r = bsn_digest_of(made.manifest, strlen(made.manifest), made.manifest_digest, err);
	if (r >= 0)
		r = bsn_backup_format_index(backup->name, made.manifest_digest, strlen(made.manifest), &made.index, err);
	if (r < 0)
		return r;
	*ret_documents = made;
	made = (struct bsn_backup_documents){ 0 };
	return 0;
}

/* --- reading: all of it may be hostile --- */

static int damaged(struct basin_error *err, const char *what)
{
	return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "%s", what);
}

static int parse_blob(json_t *object, const char *path, struct bsn_backup_blob *ret_blob, struct basin_error *err)
{
	const char *digest = NULL;
	int64_t size = -1;

	int r = bsn_json_get_string(object, path, "digest", &digest, err);
	if (r >= 0)
		r = bsn_json_get_int(object, path, "size", 0, INT64_MAX / 2, &size, err);
	if (r < 0)
		return r;
	if (digest == NULL || size < 0 || bsn_digest_check(digest, NULL) < 0)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "%s: no descriptor of a blob", path);
	*ret_blob = (struct bsn_backup_blob){ .size = (uint64_t)size, .fd = -1 };
	return bsn_format(ret_blob->digest, sizeof(ret_blob->digest), "%s", digest);
}

static bool is_text(const json_t *object, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value != NULL && bsn_streq(value, text);
}

int bsn_backup_parse_index(const char *text, size_t length, struct bsn_backup_blob *ret_manifest, struct basin_error *err)
{
	auto_json json_t *index = NULL;
	json_t *manifests = NULL;

	int r = bsn_json_parse(text, length, "index.json", &index, err);
	if (r >= 0)
		r = bsn_json_get_array(index, "index.json", "manifests", &manifests, err);
	if (r < 0)
		return r;
	if (json_array_size(manifests) != 1 || !is_text(json_array_get(manifests, 0), "artifactType", BSN_BACKUP_ARTIFACT))
		return damaged(err, "index.json names no backup made by basin");
	return parse_blob(json_array_get(manifests, 0), "index.json manifests[0]", ret_manifest, err);
}

int bsn_backup_parse_manifest(const char *text, size_t length, json_t **ret_manifest, struct bsn_backup_blob *ret_config,
			      struct basin_error *err)
{
	auto_json json_t *manifest = NULL;

	int r = bsn_json_parse(text, length, "manifest", &manifest, err);
	if (r < 0)
		return r;
	if (!is_text(manifest, "mediaType", MANIFEST_TYPE) || !is_text(manifest, "artifactType", BSN_BACKUP_ARTIFACT) ||
	    json_object_get(manifest, "manifests") != NULL)
		return damaged(err, "the manifest is not a backup's");
	json_t *config = json_object_get(manifest, "config");
	if (!json_is_object(config) || !is_text(config, "mediaType", CONFIG_TYPE))
		return damaged(err, "the manifest names no config");
	r = parse_blob(config, "manifest.config", ret_config, err);
	if (r >= 0)
		*ret_manifest = bsn_give(&manifest);
	return r;
}

static int parse_digest(json_t *object, const char *path, const char *key, char ret_digest[BSN_DIGEST_ROOM],
			struct basin_error *err)
{
	const char *digest = NULL;
	int r = bsn_json_get_string(object, path, key, &digest, err);
	if (r < 0)
		return r;
	if (digest == NULL || bsn_digest_check(digest, NULL) < 0)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "%s.%s: expected a digest", path, key);
	return bsn_format(ret_digest, BSN_DIGEST_ROOM, "%s", digest);
}

static int parse_count(json_t *object, const char *path, const char *key, uint64_t *ret, struct basin_error *err)
{
	int64_t value = 0;
	int r = bsn_json_get_int(object, path, key, 0, INT64_MAX / 2, &value, err);
	*ret = (uint64_t)value;
	return r < 0 ? r : 0;
}

static int parse_present(json_t *json, const char *path, struct bsn_backup_layer *layer, struct basin_error *err)
{
	json_t *blob = NULL;
	json_t *list = NULL;

	int r = parse_digest(json, path, "diff_id", layer->diff_id, err);
	if (r >= 0)
		r = bsn_json_get_object(json, path, "blob", &blob, err);
	if (r >= 0)
		r = bsn_json_get_object(json, path, "list", &list, err);
	if (r >= 0)
		r = parse_blob(blob, path, &layer->blob, err);
	if (r >= 0)
		r = parse_blob(list, path, &layer->list, err);
	if (r >= 0)
		r = parse_count(json, path, "entries", &layer->entries, err);
	if (r >= 0)
		r = parse_count(json, path, "bytes", &layer->bytes, err);
	return r;
}

static int parse_layer(json_t *json, size_t number, struct bsn_backup_layer *layer, struct basin_error *err)
{
	char path[64];
	snprintf(path, sizeof(path), "%s.layers[%zu]", BSN_BACKUP_MEMBER, number);
	layer->blob.fd = layer->list.fd = -1;
	layer->base = is_text(json, "role", "base");
	if (!json_is_object(json) || (!layer->base && !is_text(json, "role", "environment")))
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "%s: neither a base layer nor the environment's", path);
	int r = bsn_json_get_bool(json, path, "present", &layer->present, err);
	if (r >= 0 && layer->base)
		r = parse_digest(json, path, "source", layer->source, err);
	if (r >= 0 && layer->present)
		r = parse_present(json, path, layer, err);
	if (r >= 0 && !layer->present && !layer->base)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "%s: the environment's own layer is missing", path);
	return r;
}

/* What other tools go by (manifest, rootfs.diff_ids) and what we go by must be the same. */
static int check_agreement(const struct bsn_backup *backup, json_t *manifest, struct basin_error *err)
{
	json_t *layers = json_object_get(manifest, "layers");
	json_t *diff_ids = json_object_get(json_object_get(backup->config, "rootfs"), "diff_ids");
	size_t at = 0;

	for (size_t i = 0; i < backup->layer_count; i++) {
		const struct bsn_backup_layer *layer = &backup->layers[i];
		struct bsn_backup_blob blob;
		if (layer->base == (i + 1 == backup->layer_count))
			return damaged(err, "the config does not have the environment's own layer last");
		if (!layer->present)
			continue;
		const char *diff_id = json_string_value(json_array_get(diff_ids, at));
		int r = parse_blob(json_array_get(layers, at++), "manifest.layers", &blob, err);
		if (r < 0)
			return r;
		if (!bsn_streq(blob.digest, layer->blob.digest) || blob.size != layer->blob.size || diff_id == NULL ||
		    !bsn_streq(diff_id, layer->diff_id) || layer->list.size > BSN_BACKUP_LIST)
			return damaged(err, "manifest and config disagree about the layers");
	}
	if (at == 0 || json_array_size(layers) != at || json_array_size(diff_ids) != at)
		return damaged(err, "manifest and config disagree about the layers");
	return 0;
}

static int parse_about(struct bsn_backup *backup, struct basin_error *err)
{
	json_t *layers = NULL;
	int64_t version = 0;

	int r = bsn_json_get_int(backup->about, BSN_BACKUP_MEMBER, "version", 1, INT32_MAX, &version, err);
	if (r >= 0 && version != BSN_BACKUP_VERSION)
		return bsn_fail(err, BASIN_UNSUPPORTED, EPROTONOSUPPORT,
				"the backup has format version %lld, this basin reads %d", (long long)version,
				BSN_BACKUP_VERSION);
	if (r >= 0)
		r = bsn_json_get_string(backup->about, BSN_BACKUP_MEMBER, "name", &backup->name, err);
	if (r >= 0)
		r = bsn_json_get_int(backup->about, BSN_BACKUP_MEMBER, "created", 0, INT64_MAX, &backup->created, err);
	if (r >= 0)
		r = bsn_json_get_array(backup->about, BSN_BACKUP_MEMBER, "layers", &layers, err);
	if (r < 0)
		return r;
	backup->layer_count = json_array_size(layers);
	if (backup->name == NULL || backup->layer_count == 0 || backup->layer_count > BSN_BACKUP_LAYERS) {
		backup->layer_count = 0;
		return damaged(err, "the config's account of the backup has no name, or not from 1 to 256 layers");
	}
	for (size_t i = 0; r >= 0 && i < backup->layer_count; i++)
		r = parse_layer(json_array_get(layers, i), i, &backup->layers[i], err);
	return r;
}

int bsn_backup_parse_config(const char *text, size_t length, json_t *manifest, struct bsn_backup *backup, struct basin_error *err)
{
	int r = bsn_json_parse(text, length, "config", &backup->config, err);
	if (r >= 0)
		r = bsn_json_get_object(backup->config, "config", BSN_BACKUP_MEMBER, &backup->about, err);
	if (r < 0)
		return r;
	if (backup->about == NULL)
		return damaged(err, "the config has no account of a backup");
	json_incref(backup->about);
	r = parse_about(backup, err);
	return r < 0 ? r : check_agreement(backup, manifest, err);
}
