/* SPDX-License-Identifier: Apache-2.0 */
/* Layers: staged, digested, synced, committed; found again; swept when no image has them. */
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/ahead.h"
#include "image/manifest.h"
#include "image/store_parts.h"

#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"
#define TELL_SYNC  ((uint64_t)256 << 20)

static int read_layer(const json_t *meta, struct bsn_layer *layer, struct basin_error *err)
{
	const char *diff_id = "";
	const char *blob = "";
	const char *media = "";
	int64_t size = 0;
	int64_t entries = 0;
	int64_t bytes = 0;
	int r = bsn_json_get_string(meta, "", "diff_id", &diff_id, err);
	if (r >= 0)
		r = bsn_json_get_string(meta, "", "blob_digest", &blob, err);
	if (r >= 0)
		r = bsn_json_get_string(meta, "", "media_type", &media, err);
	if (r >= 0)
		r = bsn_json_get_int(meta, "", "blob_size", 0, INT64_MAX, &size, err);
	if (r >= 0)
		r = bsn_json_get_int(meta, "", "entries", 0, INT64_MAX, &entries, err);
	if (r >= 0)
		r = bsn_json_get_int(meta, "", "bytes", 0, INT64_MAX, &bytes, err);
	if (r < 0)
		return r;
	r = bsn_digest_check(diff_id, err);
	if (r >= 0)
		r = bsn_digest_check(blob, err);
	if (r < 0)
		return r;
	*layer = (struct bsn_layer){ .blob_size = (uint64_t)size, .entries = (uint64_t)entries, .bytes = (uint64_t)bytes };
	memcpy(layer->diff_id, diff_id, BSN_DIGEST_ROOM - 1);
	memcpy(layer->blob_digest, blob, BSN_DIGEST_ROOM - 1);
	layer->compression = bsn_ends_with(media, "+gzip") ? BSN_GZIP : bsn_ends_with(media, "+zstd") ? BSN_ZSTD : BSN_PLAIN;
	return 0;
}

int bsn_store_find_layer(struct bsn_store *store, const char *diff_id, struct bsn_layer *ret_layer, struct basin_error *err)
{
	struct bsn_layer layer;
	auto_json json_t *meta = NULL;
	int r = bsn_digest_check(diff_id, err);
	if (r < 0)
		return r;
	auto_fd int fd = bsn_sys_openat(store->layers, bsn_digest_hex(diff_id), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the layer \"%s\"", diff_id);
	r = bsn_json_read(fd, "meta.json", &meta, err);
	if (r >= 0)
		r = read_layer(meta, &layer, err);
	if (r >= 0 && !bsn_streq(layer.diff_id, diff_id))
		r = -EBADMSG;
	if (r < 0)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG,
				"the store's layer \"%s\" has a damaged meta.json: run \"basin image check\"", diff_id);
	if (ret_layer != NULL)
		*ret_layer = layer;
	return 1;
}

/* The chain of streams of one unpacking, and what came out of it. */
struct unpacking {
	struct bsn_meter blob;
	struct bsn_inflate *inflate;
	struct bsn_meter diff; /* not used for a plain blob: its digest is the blob's */
	struct bsn_ahead *ahead;
	struct bsn_extract_result result;
};

static void release(struct unpacking *unpacking)
{
	bsn_ahead_free(unpacking->ahead);
	bsn_meter_release(&unpacking->diff);
	bsn_inflate_free(unpacking->inflate);
	bsn_meter_release(&unpacking->blob);
}

/* Opens the trees of the layers below, highest first. */
static int open_lowers(const struct bsn_store *store, const struct bsn_layer_source *source, int *fds, struct basin_error *err)
{
	for (size_t i = 0; i < source->lower_count; i++) {
		char path[BSN_DIGEST_ROOM + 8];
		const struct bsn_layer *layer = &source->lowers[source->lower_count - 1 - i];
		bsn_format(path, sizeof(path), "%s/diff", bsn_digest_hex(layer->diff_id));
		fds[i] = bsn_sys_openat(store->layers, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
		if (fds[i] < 0)
			return bsn_fail_sys(err, -fds[i], "cannot open the layer \"%s\"", layer->diff_id);
	}
	return 0;
}

static void close_lowers(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
}

static int unpack_into(struct unpacking *unpacking, const struct bsn_layer_source *source, int diff, int mtree, const int *lowers,
		       struct basin_error *err)
{
	struct bsn_extract_options options = BSN_EXTRACT_OPTIONS_INIT;
	uint64_t max = source->blob_size >= 0 ? (uint64_t)source->blob_size : UINT64_MAX;
	options.whiteouts = true;
	options.devices = source->devices;
	/* Where a digest covers the blob, a missing end cannot be a cut. */
	options.end_optional = source->blob_digest != NULL || source->diff_id != NULL;
	options.mtree_fd = mtree;
	options.lowers = lowers;
	options.lower_count = source->lower_count;
	int r = bsn_meter_init(&unpacking->blob, source->stream, max, source->name != NULL ? source->name : "layer", err);
	if (r >= 0)
		r = bsn_inflate_new(&unpacking->blob.stream, &unpacking->inflate, err);
	if (r < 0)
		return r;
	struct bsn_stream *top = bsn_inflate_stream(unpacking->inflate);
	if (bsn_inflate_kind(unpacking->inflate) != BSN_PLAIN) {
		r = bsn_meter_init(&unpacking->diff, top, UINT64_MAX, "layer", err);
		top = &unpacking->diff.stream;
	}
	if (r >= 0)
		r = bsn_ahead_new(top, &unpacking->ahead, err);
	if (r >= 0)
		r = bsn_extract(diff, bsn_ahead_stream(unpacking->ahead), &options, &unpacking->result, err);
	return r;
}

/* What came must be what was announced. */
static int compare(const struct bsn_layer_source *source, const struct bsn_layer *layer, struct basin_error *err)
{
	if (source->blob_size >= 0 && layer->blob_size != (uint64_t)source->blob_size)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the layer has %llu bytes, not the %lld it is said to have",
				(unsigned long long)layer->blob_size, (long long)source->blob_size);
	if (source->blob_digest != NULL && !bsn_streq(source->blob_digest, layer->blob_digest))
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the layer's digest is %s, not %s", layer->blob_digest,
				source->blob_digest);
	if (source->diff_id != NULL && !bsn_streq(source->diff_id, layer->diff_id))
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the unpacked layer's digest is %s, not %s", layer->diff_id,
				source->diff_id);
	return 0;
}

static int measure(struct unpacking *unpacking, struct bsn_layer *layer, struct basin_error *err)
{
	layer->blob_size = unpacking->blob.count;
	layer->compression = bsn_inflate_kind(unpacking->inflate);
	layer->entries = unpacking->result.entries;
	layer->bytes = unpacking->result.bytes;
	int r = bsn_meter_finish(&unpacking->blob, layer->blob_digest, err);
	if (r >= 0 && layer->compression != BSN_PLAIN)
		return bsn_meter_finish(&unpacking->diff, layer->diff_id, err);
	memcpy(layer->diff_id, layer->blob_digest, sizeof(layer->diff_id));
	return r;
}

static int write_meta(int staging, const struct bsn_layer *layer, const struct bsn_extract_result *result,
		      struct basin_error *err)
{
	char media[64];
	bsn_format(media, sizeof(media), "%s%s", LAYER_TYPE, bsn_compression_suffix(layer->compression));
	auto_json json_t *meta = json_pack(
		"{ss, ss, sI, ss, sI, sI, ss, sI, sI, ss+, sI}", "diff_id", layer->diff_id, "blob_digest", layer->blob_digest,
		"blob_size", (json_int_t)layer->blob_size, "media_type", media, "entries", (json_int_t)layer->entries, "bytes",
		(json_int_t)layer->bytes, "mtree", result->mtree_digest, "devices_skipped", (json_int_t)result->devices_skipped,
		"xattrs_skipped", (json_int_t)result->xattrs_skipped, "tool", "basin ", basin_version(), "created",
		(json_int_t)time(NULL));
	if (meta == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot describe the layer");
	return bsn_json_write(staging, "meta.json", meta, true, err);
}

/* Unpacks into the staging directory and brings the data to the disk. */
static int stage(const struct bsn_layer_source *source, const struct bsn_staging *staging, struct bsn_layer *layer,
		 struct bsn_extract_result *ret_result, struct basin_error *err)
{
	int r = bsn_sys_mkdirat(staging->fd, "diff", 0700);
	auto_fd int diff = r < 0 ? r : bsn_sys_openat(staging->fd, "diff", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	auto_fd int mtree = diff < 0 ? diff : bsn_sys_openat(staging->fd, "files.mtree", O_WRONLY | O_CREAT | O_EXCL, 0600);
	r = mtree < 0 ? mtree : bsn_sys_fchmod(diff, 0755);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot stage the layer");
	struct unpacking unpacking = { 0 };
	int *lowers = malloc((source->lower_count + 1) * sizeof(*lowers));
	if (lowers == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot stage the layer");
	memset(lowers, -1, source->lower_count * sizeof(*lowers));
	r = open_lowers(staging->store, source, lowers, err);
	if (r >= 0)
		r = unpack_into(&unpacking, source, diff, mtree, lowers, err);
	close_lowers(lowers, source->lower_count);
	if (r >= 0)
		r = measure(&unpacking, layer, err);
	*ret_result = unpacking.result;
	release(&unpacking);
	if (r >= 0)
		r = compare(source, layer, err);
	if (r < 0)
		return source->name != NULL ? bsn_error_prefix(err, "\"%s\"", source->name) : r;
	if (layer->bytes > TELL_SYNC)
		bsn_info("unpacked %llu MiB, bringing them to the disk", (unsigned long long)layer->bytes >> 20);
	r = bsn_sys_syncfs(staging->fd);
	if (r >= 0)
		return write_meta(staging->fd, layer, ret_result, err);
	return bsn_fail_sys(err, -r, "cannot bring the layer to the disk");
}

static int lock_layer(const struct bsn_store *store, const char *diff_id, int *ret_fd, struct basin_error *err)
{
	int r = bsn_store_lock(store, "layer", bsn_digest_hex(diff_id), BSN_LOCK_EXCLUSIVE, 0, ret_fd);
	if (r == -EAGAIN) {
		bsn_info("waiting for another process that adds the layer %.19s", diff_id);
		r = bsn_store_lock(store, "layer", bsn_digest_hex(diff_id), BSN_LOCK_EXCLUSIVE, -1, ret_fd);
	}
	return r < 0 ? bsn_fail_sys(err, -r, "cannot lock the layer \"%s\"", diff_id) : 0;
}

static void tell_skipped(const struct bsn_extract_result *result)
{
	if (result->devices_skipped > 0)
		bsn_info("left out %llu device nodes: a container gets its /dev from the runtime",
			 (unsigned long long)result->devices_skipped);
	if (result->far_ids > 0)
		bsn_warn(
			"%llu entries belong to ids above 65535: only an environment with --userns host will show whose they are",
			(unsigned long long)result->far_ids);
	if (result->xattrs_skipped > 0)
		bsn_info("left out %llu extended attributes that a layer does not keep",
			 (unsigned long long)result->xattrs_skipped);
}

/* The layer's lock is held as soon as its digest is known: from the beginning, or once it was unpacked. */
static int add_staged(struct bsn_store *store, const struct bsn_layer_source *source, const struct bsn_staging *staging,
		      int *lock, struct bsn_layer *layer, struct basin_error *err)
{
	struct bsn_extract_result result;
	int r = stage(source, staging, layer, &result, err);
	if (r >= 0)
		tell_skipped(&result);
	if (r >= 0 && *lock < 0)
		r = lock_layer(store, layer->diff_id, lock, err);
	if (r >= 0)
		r = bsn_store_find_layer(store, layer->diff_id, NULL, err);
	if (r < 0)
		return r;
	layer->reused = r > 0;
	if (layer->reused)
		return 0;
	r = bsn_staging_commit(staging, store->layers, bsn_digest_hex(layer->diff_id));
	return r < 0 ? bsn_fail_sys(err, -r, "cannot commit the layer \"%s\"", layer->diff_id) : 0;
}

int bsn_store_add_layer(struct bsn_store *store, const struct bsn_layer_source *source, struct bsn_layer *ret_layer,
			struct basin_error *err)
{
	struct bsn_staging staging = BSN_STAGING_INIT;
	struct bsn_layer layer = { 0 };
	auto_fd int lock = -1;
	int r = source->blob_digest != NULL ? bsn_damaged(bsn_digest_check(source->blob_digest, err), err) : 0;
	if (r >= 0 && source->diff_id != NULL) {
		r = bsn_damaged(bsn_digest_check(source->diff_id, err), err);
		if (r >= 0)
			r = lock_layer(store, source->diff_id, &lock, err);
		if (r >= 0)
			r = bsn_store_find_layer(store, source->diff_id, &layer, err);
		if (r > 0) {
			layer.reused = true;
			*ret_layer = layer;
			return 0;
		}
	}
	if (r >= 0)
		r = bsn_staging_open(store, &staging, err);
	if (r >= 0)
		r = add_staged(store, source, &staging, &lock, &layer, err);
	bsn_staging_close(&staging);
	if (r >= 0)
		*ret_layer = layer;
	return r < 0 ? r : 0;
}
