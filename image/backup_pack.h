/* SPDX-License-Identifier: Apache-2.0 */
/* One layer of a backup, made: a tree becomes tar+zstd in a staged file without a name, with its digests and the list of its entries. */
#ifndef BSN_IMAGE_BACKUP_PACK_H
#define BSN_IMAGE_BACKUP_PACK_H

#include "image/backup_format.h"
#include "image/diff.h"

struct bsn_backup_pack {
	/* root_fd, id_base, id_count, sparse, progress, data; entry is taken. */
	struct bsn_diff_options diff;
	int scratch_fd; /* a directory with room for the compressed layer; what is staged there has no name, so nothing is left by a crash */
};

/* Fills present, diff_id, blob, list, entries and bytes of *layer; the caller owns its descriptors then. */
int bsn_backup_pack_layer(const struct bsn_backup_pack *pack, struct bsn_backup_layer *layer, struct bsn_diff_result *ret_result,
			  struct basin_error *err);

#endif
