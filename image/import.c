/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Importing: look at the head of the input, find out what it is, and go one of three ways. A plain root file system becomes an
 * image of one layer whose config says nothing but platform and diff id, so that importing the same tar twice gives the same
 * image.
 */
#include "image/import.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/str.h"
#include "image/import_parts.h"
#include "image/manifest.h"

static int no_memory(struct basin_error *err)
{
	return bsn_fail_sys(err, ENOMEM, "cannot import the image");
}

static const char *host_architecture(void)
{
	static const struct {
		const char *machine;
		const char *architecture;
	} known[] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" }, { "i686", "386" } };
	static struct utsname host; /* the names that are the same in both worlds are
                                 returned from here */
	uname(&host);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (bsn_streq(host.machine, known[i].machine))
			return known[i].architecture;
	return host.machine;
}

int bsn_import_commit(struct bsn_import *import, const char *manifest, const char *config, const char *ref, size_t reused,
		      struct basin_error *err)
{
	char digest[BSN_DIGEST_ROOM];
	char full[BSN_REF_ROOM] = "";
	auto_of(bsn_image_free) struct bsn_image *image = NULL;
	uint64_t bytes = 0;
	int r = ref != NULL ? bsn_ref_normalise(ref, full, err) : 0;
	if (r >= 0)
		r = bsn_store_add_image(import->store, manifest, config, ref, digest, err);
	/* Resolving proves that what was written can be launched. */
	if (r >= 0)
		r = bsn_image_resolve(import->store, digest, &image, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < image->layer_count; i++)
		bytes += image->layers[i].bytes;
	json_t *item = json_pack("{ss?, ss, sI, sI, sI}", "ref", ref != NULL ? full : NULL, "digest", digest, "layer_count",
				 (json_int_t)image->layer_count, "layers_reused", (json_int_t)reused, "size", (json_int_t)bytes);
	return json_array_append_new(import->answer, item) < 0 ? no_memory(err) : 0;
}

/* --- a plain root file system --- */

static int format_config(const struct bsn_import *import, const struct bsn_layer *layer, char **ret_config,
			 struct basin_error *err)
{
	auto_json json_t *config = json_pack("{ss, ss, s{}, s{ss, s[s]}}", "architecture", import->architecture, "os", import->os,
					     "config", "rootfs", "type", "layers", "diff_ids", layer->diff_id);
	if (config == NULL)
		return no_memory(err);
	return bsn_json_format(config, false, ret_config, err);
}

static int import_rootfs(struct bsn_import *import, struct bsn_stream *input, struct basin_error *err)
{
	const struct bsn_import_options *options = import->options;
	const struct bsn_layer_source source = {
		.stream = input, .blob_size = -1, .devices = options->devices, .name = options->name
	};
	struct bsn_layer layer;
	auto_free char *config = NULL;
	auto_free char *manifest = NULL;
	if (options->ref == NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"\"%s\" is a root file system and has no name of its own: give one, as NAME:TAG", options->name);
	int r = bsn_store_add_layer(import->store, &source, &layer, err);
	if (r >= 0)
		r = format_config(import, &layer, &config, err);
	if (r >= 0)
		r = bsn_manifest_format(config, &layer, 1, &manifest, err);
	return r < 0 ? r : bsn_import_commit(import, manifest, config, options->ref, layer.reused, err);
}

/* --- what is it? --- */

/* Whether a first name is one that only an archive of blobs begins with. */
static bool is_archive_name(const char *path)
{
	static const char *const names[] = { "oci-layout", "index.json", "blobs", "manifest.json", "repositories" };
	while (bsn_starts_with(path, "./"))
		path += 2;
	size_t length = strcspn(path, "/");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && memcmp(names[i], path, length) == 0)
			return true;
	/* docker save: "<64 hex digits>", ".json" or ".tar" behind it, or as a directory */
	return strspn(path, "0123456789abcdef") == BSN_DIGEST_HEX &&
	       (length == BSN_DIGEST_HEX || bsn_streq(path + BSN_DIGEST_HEX, ".json") ||
		bsn_streq(path + BSN_DIGEST_HEX, ".tar"));
}

/* Looks at the first name in the head of the input. What cannot be read yet is told by whoever reads the whole. */
static bool is_archive(const void *head, size_t length)
{
	struct bsn_memory_stream memory;
	auto_of(bsn_inflate_free) struct bsn_inflate *inflate = NULL;
	auto_of(bsn_tar_free) struct bsn_tar *tar = NULL;
	const struct bsn_tar_entry *entry;
	bsn_memory_stream_init(&memory, head, length);
	if (bsn_inflate_new(&memory.stream, &inflate, NULL) < 0 ||
	    bsn_tar_new(bsn_inflate_stream(inflate), NULL, true, &tar, NULL) < 0)
		return false;
	while (bsn_tar_next(tar, &entry, NULL) > 0)
		if (!bsn_streq(entry->path, "."))
			return is_archive_name(entry->path);
	return false;
}

static int import_archive(struct bsn_import *import, struct bsn_stream *input, struct basin_error *err)
{
	auto_of(bsn_inflate_free) struct bsn_inflate *inflate = NULL;
	auto_of(bsn_archive_close) struct bsn_archive *archive = NULL;
	int r = bsn_inflate_new(input, &inflate, err);
	if (r >= 0)
		r = bsn_archive_open(import->store, bsn_inflate_stream(inflate), import->options->name, &archive, err);
	if (r < 0)
		return r;
	if (bsn_archive_has(archive, "index.json") && bsn_archive_has(archive, "oci-layout"))
		return bsn_import_oci(import, archive, err);
	if (bsn_archive_has(archive, "manifest.json"))
		return bsn_import_docker(import, archive, err);
	return bsn_fail(err, BASIN_DAMAGED, EBADMSG,
			"\"%s\" looks like an image archive but has neither index.json nor manifest.json", import->options->name);
}

static int import_stream(struct bsn_import *import, struct basin_error *err)
{
	enum { HEAD = 256 * 1024 };
	struct bsn_fd_stream file;
	struct bsn_peek_stream input;
	auto_free char *head = malloc(HEAD);
	size_t length = 0;
	ssize_t n = 1;
	if (head == NULL)
		return no_memory(err);
	bsn_fd_stream_init(&file, import->options->fd, import->options->name);
	while (length < HEAD && n > 0) {
		n = bsn_stream_read(&file.stream, head + length, HEAD - length, err);
		if (n < 0)
			return (int)n;
		length += (size_t)n;
	}
	if (length == 0)
		return bsn_fail(err, BASIN_DAMAGED, ENODATA, "\"%s\" is empty", import->options->name);
	bsn_peek_stream_init(&input, head, length, &file.stream);
	return is_archive(head, length) ? import_archive(import, &input.stream, err) : import_rootfs(import, &input.stream, err);
}

int bsn_image_import(struct bsn_store *store, const struct bsn_import_options *options, json_t **ret_json,
		     struct basin_error *err)
{
	char full[BSN_REF_ROOM];
	auto_json json_t *answer = json_array();
	auto_fd int lease = -1;
	struct bsn_import import = { .store = store,
				     .options = options,
				     .os = options->os != NULL ? options->os : "linux",
				     .architecture = options->architecture != NULL ? options->architecture : host_architecture(),
				     .answer = answer };
	if (answer == NULL)
		return no_memory(err);
	/* A name that is no name is told before gigabytes are unpacked. */
	int r = options->ref != NULL ? bsn_ref_normalise(options->ref, full, err) : 0;
	if (r >= 0)
		r = bsn_store_hold(store, &lease, err);
	if (r >= 0)
		r = import_stream(&import, err);
	if (r < 0) {
		/* Layers that were added before it failed belong to no image. */
		if (lease >= 0)
			close(bsn_fd_give(&lease));
		bsn_store_sweep(store, false, NULL, NULL, NULL);
		return r;
	}
	*ret_json = bsn_give(&answer);
	return 0;
}
