/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's archive compared with the list of its entries while it is read: what tells which path is damaged. */
#ifndef BSN_IMAGE_BACKUP_ITEMS_H
#define BSN_IMAGE_BACKUP_ITEMS_H

#include "base/str.h"
#include "image/compress.h"
#include "image/stream.h"

/* Reads the unpacked archive from "from"; a stream itself. */
struct bsn_backup_items {
	struct bsn_stream stream;
	struct bsn_stream *from;
	struct bsn_memory_stream list_bytes;
	struct bsn_inflate *list;
	struct bsn_str lines; /* of the list, unpacked and not yet used: from lines_at on */
	size_t lines_at;
	struct bsn_str path; /* of the current entry, escaped; "" is the archive's end */
	char digest[BSN_DIGEST_HEX + 1];
	uint64_t left; /* of the current entry */
	struct bsn_hash *hash;
	uint64_t entries;
	bool ended;
	bool damaged; /* the layer is, at path; false when something else failed, as reading the list */
};

/* list: the compressed list, already compared with its own digest; it must outlive the items. */
int bsn_backup_items_init(struct bsn_backup_items *items, struct bsn_stream *from, const struct bsn_str *list,
			  struct basin_error *err);
void bsn_backup_items_release(struct bsn_backup_items *items);

#endif
