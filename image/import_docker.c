/* SPDX-License-Identifier: Apache-2.0 */
/* What `docker save` writes: manifest.json, an array of { Config, RepoTags, Layers } whose strings name members of the archive. */
#include <string.h>

#include "base/str.h"
#include "image/import_parts.h"
#include "image/manifest.h"

static int read_manifests(const struct bsn_archive *archive, json_t **ret_manifests, struct basin_error *err)
{
	auto_free char *text = NULL;
	int r = bsn_archive_text(archive, "manifest.json", &text, err);
	if (r >= 0)
		r = bsn_damaged(bsn_json_parse(text, strlen(text), "manifest.json", ret_manifests, err), err);
	if (r >= 0 && !json_is_array(*ret_manifests)) {
		json_decref(bsn_give(ret_manifests));
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "manifest.json is not an array");
	}
	return r;
}

static int add_layers(struct bsn_import *import, const struct bsn_archive *archive, const json_t *paths, const json_t *diff_ids,
		      struct bsn_layer *layers, size_t *ret_reused, struct basin_error *err)
{
	size_t reused = 0;
	for (size_t i = 0; i < json_array_size(paths); i++) {
		const char *path = json_string_value(json_array_get(paths, i));
		const char *diff_id = json_string_value(json_array_get(diff_ids, i));
		auto_fd int fd = -1;
		struct bsn_fd_stream file;
		if (path == NULL || diff_id == NULL)
			return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "layer %zu has no path or no diff id", i);
		int r = bsn_archive_member(archive, path, NULL, &fd, err);
		if (r < 0)
			return r;
		bsn_fd_stream_init(&file, fd, path);
		const struct bsn_layer_source source = { .stream = &file.stream,
							 .blob_size = -1,
							 .diff_id = diff_id,
							 .devices = import->options->devices,
							 .lowers = layers,
							 .lower_count = i,
							 .name = path };
		r = bsn_store_add_layer(import->store, &source, &layers[i], err);
		if (r < 0)
			return r;
		reused += layers[i].reused;
	}
	*ret_reused = reused;
	return 0;
}

/* Gives the image its names: the one asked for, or all that the archive has. */
static int commit_names(struct bsn_import *import, const char *manifest, const char *config, const json_t *tags, size_t reused,
			struct basin_error *err)
{
	if (import->options->ref != NULL)
		return bsn_import_commit(import, manifest, config, import->options->ref, reused, err);
	if (json_array_size(tags) == 0)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" does not name its image: give a name, as NAME:TAG",
				import->options->name);
	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *tag = json_string_value(json_array_get(tags, i));
		int r = bsn_import_commit(import, manifest, config, tag != NULL ? bsn_ref_familiar(tag) : "", reused, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int import_one(struct bsn_import *import, const struct bsn_archive *archive, const json_t *entry, struct basin_error *err)
{
	const char *config_path = json_string_value(json_object_get(entry, "Config"));
	const json_t *paths = json_object_get(entry, "Layers");
	auto_free char *config = NULL;
	auto_free char *manifest = NULL;
	auto_json json_t *document = NULL;
	auto_free struct bsn_layer *layers = NULL;
	size_t reused = 0;
	if (config_path == NULL)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "manifest.json names no config");
	int r = bsn_archive_text(archive, config_path, &config, err);
	if (r >= 0)
		r = bsn_damaged(bsn_json_parse(config, strlen(config), "config", &document, err), err);
	if (r < 0)
		return r;
	const json_t *diff_ids = json_object_get(json_object_get(document, "rootfs"), "diff_ids");
	size_t count = json_array_size(paths);
	if (count == 0 || count != json_array_size(diff_ids))
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the image has %zu layers and %zu diff ids", count,
				json_array_size(diff_ids));
	layers = calloc(count, sizeof(*layers));
	if (layers == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot import the image");
	r = add_layers(import, archive, paths, diff_ids, layers, &reused, err);
	if (r >= 0)
		r = bsn_manifest_format(config, layers, count, &manifest, err);
	return r < 0 ? r : commit_names(import, manifest, config, json_object_get(entry, "RepoTags"), reused, err);
}

int bsn_import_docker(struct bsn_import *import, const struct bsn_archive *archive, struct basin_error *err)
{
	auto_json json_t *manifests = NULL;
	int r = read_manifests(archive, &manifests, err);
	if (r < 0)
		return r;
	size_t count = json_array_size(manifests);
	if (count == 0)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "\"%s\" holds no image", import->options->name);
	if (count > 1 && import->options->ref != NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" holds %zu images: leave the name out, and each gets its own",
				import->options->name, count);
	for (size_t i = 0; i < count && r >= 0; i++)
		r = import_one(import, archive, json_array_get(manifests, i), err);
	return r;
}

int bsn_docker_tag(const struct bsn_archive *archive, const char *config_digest, char ret_ref[BSN_REF_ROOM])
{
	auto_json json_t *manifests = NULL;
	struct basin_error ignored;
	if (!bsn_archive_has(archive, "manifest.json") || read_manifests(archive, &manifests, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const json_t *entry = json_array_get(manifests, i);
		const char *config = json_string_value(json_object_get(entry, "Config"));
		const char *tag = json_string_value(json_array_get(json_object_get(entry, "RepoTags"), 0));
		if (config != NULL && tag != NULL && strstr(config, bsn_digest_hex(config_digest)) != NULL &&
		    bsn_ref_normalise(bsn_ref_familiar(tag), ret_ref, NULL) >= 0)
			return 1;
	}
	return 0;
}
