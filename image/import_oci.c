/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI image layout: index.json names manifests (or further indexes), a manifest names config and layers, all by digest and
 * size, and both are compared when a blob is read. A digest becomes a member's name only after it has passed the grammar.
 */
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "image/import_parts.h"
#include "image/manifest.h"

#define INDEX_DEPTH 3
#define CHOSEN_MAX  64

/* A manifest that fits the platform, and what the archive calls it. */
struct chosen {
	const json_t *descriptor;
	const char *ref;
};

struct search {
	const struct bsn_import *import;
	const struct bsn_archive *archive;
	json_t *documents; /* keeps what descriptors point into */
	struct chosen chosen[CHOSEN_MAX];
	size_t count;
	size_t passed_over; /* manifests for other platforms */
};

/* A descriptor's digest and size, and the member that has the blob. kind is for messages. */
static int read_descriptor(const json_t *descriptor, const char *kind, const char **ret_digest, int64_t *ret_size,
			   char ret_path[96], struct basin_error *err)
{
	const char *digest = "";
	int64_t size = -1;
	int r = bsn_json_get_string(descriptor, kind, "digest", &digest, err);
	if (r >= 0)
		r = bsn_json_get_int(descriptor, kind, "size", 0, INT64_MAX, &size, err);
	if (r >= 0)
		r = bsn_digest_check(digest, err);
	if (r >= 0 && size < 0)
		r = bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the %s %s has no size", kind, digest);
	if (r < 0)
		return bsn_damaged(r, err);
	bsn_format(ret_path, 96, "blobs/sha256/%s", bsn_digest_hex(digest));
	*ret_digest = digest;
	*ret_size = size;
	return 0;
}

/* The JSON behind a descriptor, verified. */
static int read_blob(const struct bsn_archive *archive, const json_t *descriptor, const char *kind, char **ret_text,
		     struct basin_error *err)
{
	const char *digest;
	int64_t size;
	char path[96];
	char found[BSN_DIGEST_ROOM];
	auto_free char *text = NULL;
	int r = read_descriptor(descriptor, kind, &digest, &size, path, err);
	if (r >= 0)
		r = bsn_archive_text(archive, path, &text, err);
	if (r >= 0)
		r = bsn_digest_of(text, strlen(text), found, err);
	if (r < 0)
		return r;
	if (!bsn_streq(found, digest) || strlen(text) != (size_t)size)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the %s %s does not match its descriptor", kind, digest);
	*ret_text = bsn_give(&text);
	return 0;
}

static int parse(const char *text, const char *name, json_t **ret_json, struct basin_error *err)
{
	return bsn_damaged(bsn_json_parse(text, strlen(text), name, ret_json, err), err);
}

static bool fits(const struct bsn_import *import, const json_t *descriptor)
{
	const json_t *platform = json_object_get(descriptor, "platform");
	const char *os = json_string_value(json_object_get(platform, "os"));
	const char *architecture = json_string_value(json_object_get(platform, "architecture"));
	return (os == NULL || bsn_streq(os, import->os)) &&
	       (architecture == NULL || bsn_streq(architecture, import->architecture));
}

static const char *annotated_ref(const json_t *descriptor)
{
	const json_t *annotations = json_object_get(descriptor, "annotations");
	const char *ref = json_string_value(json_object_get(annotations, "io.containerd.image.name"));
	return ref != NULL ? ref : json_string_value(json_object_get(annotations, "org.opencontainers.image.ref.name"));
}

static bool is_index(const json_t *descriptor)
{
	const char *type = json_string_value(json_object_get(descriptor, "mediaType"));
	return type != NULL && (bsn_streq(type, "application/vnd.oci.image.index.v1+json") ||
				bsn_streq(type, "application/vnd.docker.distribution.manifest.list.v2+json"));
}

static int search_index(struct search *search, const json_t *index, const char *ref, int depth, struct basin_error *err);

static int search_nested(struct search *search, const json_t *descriptor, const char *ref, int depth, struct basin_error *err)
{
	auto_free char *text = NULL;
	json_t *index = NULL;
	if (depth == 0)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "indexes are nested more than %d deep", INDEX_DEPTH);
	int r = read_blob(search->archive, descriptor, "index", &text, err);
	if (r >= 0)
		r = parse(text, "index", &index, err);
	if (r < 0)
		return r;
	if (json_array_append_new(search->documents, index) < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot import the image");
	return search_index(search, index, ref, depth - 1, err);
}

static int search_index(struct search *search, const json_t *index, const char *ref, int depth, struct basin_error *err)
{
	json_t *manifests = NULL;
	size_t i;
	const json_t *descriptor;
	int r = bsn_damaged(bsn_json_get_array(index, "index", "manifests", &manifests, err), err);
	if (r < 0)
		return r;
	if (manifests == NULL || json_object_get(index, "layers") != NULL)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "an index without manifests, or with layers");
	json_array_foreach (manifests, i, descriptor) {
		const char *own = annotated_ref(descriptor);
		if (own == NULL)
			own = ref;
		if (is_index(descriptor)) {
			r = search_nested(search, descriptor, own, depth, err);
		} else if (!fits(search->import, descriptor)) {
			search->passed_over++;
		} else if (search->count == CHOSEN_MAX) {
			r = bsn_fail(err, BASIN_DAMAGED, EFBIG, "the archive holds more than %d images", CHOSEN_MAX);
		} else {
			search->chosen[search->count++] = (struct chosen){ descriptor, own };
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_layer(struct bsn_import *import, const struct bsn_archive *archive, const json_t *descriptor, const char *diff_id,
		     struct bsn_layer *layers, size_t below, struct basin_error *err)
{
	const char *digest;
	int64_t size;
	char path[96];
	auto_fd int fd = -1;
	struct bsn_fd_stream file;
	int r = read_descriptor(descriptor, "layer", &digest, &size, path, err);
	if (r >= 0)
		r = bsn_archive_member(archive, path, NULL, &fd, err);
	if (r < 0)
		return r;
	bsn_fd_stream_init(&file, fd, path);
	const struct bsn_layer_source source = { .stream = &file.stream,
						 .blob_digest = digest,
						 .blob_size = size,
						 .diff_id = diff_id,
						 .devices = import->options->devices,
						 .lowers = layers,
						 .lower_count = below,
						 .name = digest };
	return bsn_store_add_layer(import->store, &source, &layers[below], err);
}

static int add_layers(struct bsn_import *import, const struct bsn_archive *archive, const json_t *descriptors,
		      const json_t *diff_ids, size_t *ret_reused, struct basin_error *err)
{
	size_t count = json_array_size(descriptors);
	size_t reused = 0;
	if (count == 0 || count != json_array_size(diff_ids))
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the manifest has %zu layers, the config %zu diff ids", count,
				json_array_size(diff_ids));
	auto_free struct bsn_layer *layers = calloc(count, sizeof(*layers));
	if (layers == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot import the image");
	for (size_t i = 0; i < count; i++) {
		const char *diff_id = json_string_value(json_array_get(diff_ids, i));
		if (diff_id == NULL)
			return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "a diff id of the config is not a string");
		int r = add_layer(import, archive, json_array_get(descriptors, i), diff_id, layers, i, err);
		if (r < 0)
			return r;
		reused += layers[i].reused;
	}
	*ret_reused = reused;
	return 0;
}

/* Refuses what is no image before anything is unpacked. */
static int check_kind(const json_t *manifest, struct basin_error *err)
{
	const char *artifact = json_string_value(json_object_get(manifest, "artifactType"));
	if (artifact != NULL && strstr(artifact, "basin.backup") != NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "this is a backup: use \"basin backup restore\"");
	if (artifact != NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "this is not an image but an artifact of the type \"%.100s\"",
				artifact);
	if (json_object_get(manifest, "manifests") != NULL)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "a manifest that claims to be an index too");
	return 0;
}

static int import_manifest(struct bsn_import *import, const struct bsn_archive *archive, const struct chosen *chosen,
			   struct basin_error *err)
{
	char tag[BSN_REF_ROOM];
	char digest[BSN_DIGEST_ROOM];
	auto_free char *manifest = NULL;
	auto_free char *config = NULL;
	auto_json json_t *document = NULL;
	auto_json json_t *settings = NULL;
	size_t reused = 0;
	int r = read_blob(archive, chosen->descriptor, "manifest", &manifest, err);
	if (r >= 0)
		r = parse(manifest, "manifest", &document, err);
	if (r >= 0)
		r = check_kind(document, err);
	if (r >= 0)
		r = read_blob(archive, json_object_get(document, "config"), "config", &config, err);
	if (r >= 0)
		r = parse(config, "config", &settings, err);
	if (r >= 0)
		r = bsn_digest_of(config, strlen(config), digest, err);
	if (r < 0)
		return r;
	const char *ref = import->options->ref;
	if (ref == NULL)
		ref = bsn_docker_tag(archive, digest, tag) > 0 ? tag : bsn_ref_familiar(chosen->ref);
	if (ref == NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" does not name its image: give a name, as NAME:TAG",
				import->options->name);
	r = bsn_ref_normalise(ref, tag, err);
	if (r >= 0)
		r = add_layers(import, archive, json_object_get(document, "layers"),
			       json_object_get(json_object_get(settings, "rootfs"), "diff_ids"), &reused, err);
	return r < 0 ? r : bsn_import_commit(import, manifest, config, ref, reused, err);
}

static int import_chosen(struct bsn_import *import, const struct search *search, struct basin_error *err)
{
	int r = 0;
	if (search->count == 0)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT,
				"\"%s\" holds no image for %s/%s, and %zu for other platforms: see --os and --arch",
				import->options->name, import->os, import->architecture, search->passed_over);
	if (search->count > 1 && import->options->ref != NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" holds %zu images: leave the name out, and each gets its own",
				import->options->name, search->count);
	for (size_t i = 0; i < search->count && r >= 0; i++)
		r = import_manifest(import, search->archive, &search->chosen[i], err);
	return r;
}

int bsn_import_oci(struct bsn_import *import, const struct bsn_archive *archive, struct basin_error *err)
{
	auto_free char *layout_text = NULL;
	auto_free char *index_text = NULL;
	auto_json json_t *layout = NULL;
	auto_json json_t *index = NULL;
	auto_json json_t *documents = json_array();
	auto_free struct search *search = calloc(1, sizeof(*search));
	const char *version = "";
	if (documents == NULL || search == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot import the image");
	*search = (struct search){ .import = import, .archive = archive, .documents = documents };
	int r = bsn_archive_text(archive, "oci-layout", &layout_text, err);
	if (r >= 0)
		r = parse(layout_text, "oci-layout", &layout, err);
	if (r >= 0)
		r = bsn_damaged(bsn_json_get_string(layout, "", "imageLayoutVersion", &version, err), err);
	if (r >= 0 && !bsn_starts_with(version, "1."))
		return bsn_fail(err, BASIN_UNSUPPORTED, ENOTSUP, "the OCI layout has version \"%.40s\", this basin knows 1",
				version);
	if (r >= 0)
		r = bsn_archive_text(archive, "index.json", &index_text, err);
	if (r >= 0)
		r = parse(index_text, "index.json", &index, err);
	if (r >= 0)
		r = search_index(search, index, NULL, INDEX_DEPTH, err);
	return r < 0 ? r : import_chosen(import, search, err);
}
