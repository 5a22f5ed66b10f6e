/* SPDX-License-Identifier: Apache-2.0 */
#include "image/backup_write.h"

#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "image/stream.h"

#define PIECE (256 * 1024)

static int begin_blob(struct bsn_tar_writer *writer, const struct bsn_backup *backup, const char *name, uint64_t size,
		      struct basin_error *err)
{
	char path[BSN_BACKUP_PATH_ROOM];
	bsn_backup_path(name, path);
	struct bsn_tar_entry entry = bsn_backup_entry(path, size, backup->created);
	return bsn_tar_write_entry(writer, &entry, err);
}

static int write_text(struct bsn_tar_writer *writer, const struct bsn_backup *backup, const char *name, const char *text,
		      struct basin_error *err)
{
	int r = begin_blob(writer, backup, name, strlen(text), err);
	return r < 0 ? r : bsn_tar_write_data(writer, text, strlen(text), err);
}

static int copy_staged(struct bsn_tar_writer *writer, const struct bsn_backup_blob *blob, struct bsn_hash *hash,
		       struct basin_error *err)
{
	auto_free char *piece = malloc(PIECE);
	char digest[BSN_DIGEST_ROOM];
	uint64_t at = 0;

	if (piece == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot write the backup");
	while (at < blob->size) {
		size_t want = blob->size - at < PIECE ? (size_t)(blob->size - at) : PIECE;
		ssize_t n = BSN_RETRY(pread(blob->fd, piece, want, (off_t)at));
		if (n <= 0)
			return bsn_fail_sys(err, n < 0 ? errno : EIO, "cannot read what was staged for the backup");
		bsn_hash_add(hash, piece, (size_t)n);
		int r = bsn_tar_write_data(writer, piece, (size_t)n, err);
		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	int r = bsn_hash_finish(hash, digest, err);
	if (r >= 0 && !bsn_streq(digest, blob->digest))
		return bsn_fail(err, BASIN_DAMAGED, EIO, "what was staged for the backup came back changed: check the disk");
	return r;
}

static int write_blob(struct bsn_tar_writer *writer, const struct bsn_backup *backup, struct bsn_backup_blob *blob,
		      struct bsn_hash *hash, struct basin_error *err)
{
	int r = begin_blob(writer, backup, blob->digest, blob->size, err);
	if (r >= 0)
		r = copy_staged(writer, blob, hash, err);
	bsn_own_close(&blob->fd);
	blob->fd = -1;
	return r;
}

static int write_layers(struct bsn_tar_writer *writer, struct bsn_backup *backup, struct basin_error *err)
{
	auto_of(bsn_hash_free) struct bsn_hash *hash = NULL;

	int r = bsn_hash_new(&hash, err);
	for (size_t i = 0; r >= 0 && i < backup->layer_count; i++) {
		struct bsn_backup_layer *layer = &backup->layers[i];
		if (!layer->present)
			continue;
		r = write_blob(writer, backup, &layer->list, hash, err);
		if (r >= 0)
			r = write_blob(writer, backup, &layer->blob, hash, err);
	}
	return r;
}

int bsn_backup_write(struct bsn_backup *backup, struct bsn_sink *to, char ret_digest[BSN_DIGEST_ROOM], uint64_t *ret_size,
		     struct basin_error *err)
{
	auto_tar_writer struct bsn_tar_writer writer;
	auto_backup_documents struct bsn_backup_documents documents = { 0 };

	bsn_tar_writer_init(&writer, to);
	int r = bsn_backup_format(backup, &documents, err);
	if (r >= 0)
		r = write_text(&writer, backup, "oci-layout", BSN_BACKUP_LAYOUT, err);
	if (r >= 0)
		r = write_text(&writer, backup, "index.json", documents.index, err);
	if (r >= 0)
		r = write_text(&writer, backup, documents.manifest_digest, documents.manifest, err);
	if (r >= 0)
		r = write_text(&writer, backup, documents.config_digest, documents.config, err);
	if (r >= 0)
		r = write_layers(&writer, backup, err);
	if (r >= 0)
		r = bsn_tar_write_end(&writer, err);
	if (r < 0)
		return r;
	memcpy(ret_digest, documents.manifest_digest, BSN_DIGEST_ROOM);
	*ret_size = writer.written;
	return 0;
}
