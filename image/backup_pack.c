/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain, from the tree to the disk, in one pass:
 *
 *     diff -> tar writer -> itemizer (a digest per entry) -> meter (diff id) -> zstd -> meter (blob digest) -> staged file
 *                               `-> list: zstd -> meter -> staged file
 */
#include "image/backup_pack.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/sys.h"
#include "image/compress.h"
#include "image/mtree.h"

#define LEVEL 3

/* A file that is written through zstd. */
struct staged {
	int fd;
	struct bsn_fd_sink file;
	struct bsn_meter_sink meter;
	struct bsn_deflate *deflate;
};

/* Notes where each entry of the archive that flows through begins. */
struct itemizer {
	struct bsn_sink sink;
	struct bsn_meter_sink to;
	struct bsn_hash *hash;
	uint64_t length;     /* of the entry so far */
	struct bsn_str path; /* of the entry */
	struct bsn_str line;
	bool begun;
	struct bsn_sink *list;
};

struct packing {
	const struct bsn_backup_pack *pack;
	struct staged layer;
	struct staged list;
	struct itemizer items;
};

/* A file that nobody can find and that goes with its last descriptor. */
static int open_staged(int scratch_fd, struct basin_error *err)
{
	char name[32] = ".staged.";
	int fd = bsn_sys_openat(scratch_fd, ".", O_RDWR | O_TMPFILE, 0600);
	if (fd >= 0 || (fd != -EOPNOTSUPP && fd != -EISDIR))
		return fd < 0 ? bsn_fail_sys(err, -fd, "cannot stage the backup") : fd;
	int r = bsn_random_hex(name + 8, 8);
	fd = r < 0 ? r : bsn_sys_openat(scratch_fd, name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot stage the backup");
	(void)bsn_sys_unlinkat(scratch_fd, name, 0);
	return fd;
}

static int start_staged(struct staged *staged, int scratch_fd, struct basin_error *err)
{
	staged->fd = open_staged(scratch_fd, err);
	if (staged->fd < 0)
		return staged->fd;
	bsn_fd_sink_init(&staged->file, staged->fd, "staged backup");
	int r = bsn_meter_sink_init(&staged->meter, &staged->file.sink, err);
	return r < 0 ? r : bsn_deflate_new(&staged->meter.sink, LEVEL, &staged->deflate, err);
}

static int finish_staged(struct staged *staged, struct bsn_backup_blob *ret_blob, struct basin_error *err)
{
	char digest[BSN_DIGEST_ROOM];
	int r = bsn_deflate_finish(staged->deflate, err);
	uint64_t size = staged->meter.count;
	if (r >= 0)
		r = bsn_meter_sink_finish(&staged->meter, digest, err);
	if (r < 0)
		return r;
	*ret_blob = (struct bsn_backup_blob){ .size = size, .fd = bsn_fd_give(&staged->fd) };
	memcpy(ret_blob->digest, digest, sizeof(digest));
	return 0;
}

static void release_staged(struct staged *staged)
{
	bsn_deflate_free(staged->deflate);
	bsn_meter_sink_release(&staged->meter);
	bsn_own_close(&staged->fd);
}

/* Writes the line of the entry that has just ended. */
static int end_item(struct itemizer *items, struct basin_error *err)
{
	unsigned char digest[32];
	char hex[BSN_DIGEST_HEX + 1];

	if (!items->begun)
		return 0;
	int r = bsn_hash_finish_raw(items->hash, digest, err);
	if (r < 0)
		return r;
	bsn_digest_format_hex(digest, sizeof(digest), hex);
	bsn_str_clear(&items->line);
	bsn_str_addf(&items->line, "%s %llu ", hex, (unsigned long long)items->length);
	bsn_mtree_escape(bsn_str_text(&items->path), &items->line);
	if (bsn_str_add(&items->line, "\n") < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot list the entries of a layer");
	return bsn_sink_write(items->list, items->line.data, items->line.length, err);
}

static int begin_item(void *data, const char *path, struct basin_error *err)
{
	struct itemizer *items = &((struct packing *)data)->items;
	int r = end_item(items, err);
	if (r < 0)
		return r;
	items->begun = true;
	items->length = 0;
	bsn_str_clear(&items->path);
	return bsn_str_add(&items->path, path) < 0 ? bsn_fail_sys(err, ENOMEM, "cannot list the entries of a layer") : 0;
}

static int pass_item(struct bsn_sink *sink, const void *bytes, size_t length, struct basin_error *err)
{
	struct itemizer *items = (struct itemizer *)sink;
	bsn_hash_add(items->hash, bytes, length);
	items->length += length;
	return bsn_sink_write(&items->to.sink, bytes, length, err);
}

static void report_progress(void *data, uint64_t bytes)
{
	const struct bsn_diff_options *diff = &((struct packing *)data)->pack->diff;
	if (diff->progress != NULL)
		diff->progress(diff->data, bytes);
}

static int start(struct packing *packing, struct basin_error *err)
{
	int scratch_fd = packing->pack->scratch_fd;
	struct itemizer *items = &packing->items;

	int r = start_staged(&packing->layer, scratch_fd, err);
	if (r >= 0)
		r = start_staged(&packing->list, scratch_fd, err);
	if (r >= 0)
		r = bsn_hash_new(&items->hash, err);
	if (r >= 0)
		r = bsn_meter_sink_init(&items->to, bsn_deflate_sink(packing->layer.deflate), err);
	if (r < 0)
		return r;
	items->sink.write = pass_item;
	items->list = bsn_deflate_sink(packing->list.deflate);
	return 0;
}

static int write_all(struct packing *packing, struct bsn_diff_result *ret_result, struct basin_error *err)
{
	auto_tar_writer struct bsn_tar_writer writer;
	struct bsn_diff_options diff = packing->pack->diff;

	diff.entry = begin_item;
	diff.progress = report_progress;
	diff.data = packing;
	bsn_tar_writer_init(&writer, &packing->items.sink);
	int r = bsn_diff_write(&diff, &writer, ret_result, err);
	if (r >= 0)
		r = begin_item(packing, "", err); /* the end counts as one: no byte is outside the list */
	if (r >= 0)
		r = bsn_tar_write_end(&writer, err);
	return r < 0 ? r : end_item(&packing->items, err);
}

static int finish(struct packing *packing, const struct bsn_diff_result *result, struct bsn_backup_layer *layer,
		  struct basin_error *err)
{
	struct bsn_backup_layer made = *layer;

	made.present = true;
	made.entries = result->entries;
	made.bytes = packing->items.to.count;
	made.blob.fd = made.list.fd = -1;
	int r = bsn_meter_sink_finish(&packing->items.to, made.diff_id, err);
	if (r >= 0)
		r = finish_staged(&packing->layer, &made.blob, err);
	if (r >= 0)
		r = finish_staged(&packing->list, &made.list, err);
	if (r < 0) {
		bsn_own_close(&made.blob.fd);
		return r;
	}
	*layer = made;
	return 0;
}

int bsn_backup_pack_layer(const struct bsn_backup_pack *pack, struct bsn_backup_layer *layer, struct bsn_diff_result *ret_result,
			  struct basin_error *err)
{
	struct packing packing = { .pack = pack, .layer.fd = -1, .list.fd = -1 };
	struct bsn_diff_result result = { 0 };

	int r = start(&packing, err);
	if (r >= 0)
		r = write_all(&packing, &result, err);
	if (r >= 0)
		r = finish(&packing, &result, layer, err);
	if (r >= 0)
		*ret_result = result;
	bsn_meter_sink_release(&packing.items.to);
	bsn_hash_free(packing.items.hash);
	bsn_str_release(&packing.items.path);
	bsn_str_release(&packing.items.line);
	release_staged(&packing.list);
	release_staged(&packing.layer);
	return r < 0 ? r : 0;
}
