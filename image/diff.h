/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree as overlayfs keeps it (an environment's upper directory, or a layer of the store) written as the OCI layer that it stands for.
 * The reverse of image/extract.h: what extract made, diff writes back, and two runs over the same tree give the same bytes.
 */
#ifndef BSN_IMAGE_DIFF_H
#define BSN_IMAGE_DIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "image/tar_write.h"

struct bsn_diff_options {
	int root_fd; /* the tree; nobody writes in it meanwhile (a change that is noticed is an error, code CONFLICT) */
	/* Subtracted from every id, in POSIX ACLs and capabilities too: the environment's first host id. Ids outside are refused. 0: none. */
	uint32_t id_base;
	uint32_t id_count;
	/* Files with a MiB or more of holes are written as PAX sparse 1.0. The image specification advises against it in layers of images. */
	bool sparse;
	/* Called before each entry is written, with the path it has in the archive. May be NULL. */
	int (*entry)(void *data, const char *path, struct basin_error *err);
	/* Called as data is read, with the bytes so far. May be NULL. */
	void (*progress)(void *data, uint64_t bytes);
	void *data;
};

struct bsn_diff_result {
	uint64_t entries;
	uint64_t bytes; /* of files' data, without holes where those are written as such */
	uint64_t whiteouts;
	uint64_t sockets_skipped; /* tar has no word for them, and nobody listens behind a copy */
	uint64_t xattrs_skipped;  /* not among those that layers keep (bsn_mtree_keeps_xattr); overlayfs' own are not counted */
};

/*
 * Writes all entries; the caller ends the archive. Refused with the path in the text, code UNSUPPORTED: names that begin with ".wh.", what
 * metacopy or redirect_dir left (the tree says only in part what it stands for), paths beyond what extract takes.
 */
int bsn_diff_write(const struct bsn_diff_options *options, struct bsn_tar_writer *writer, struct bsn_diff_result *ret_result,
		   struct basin_error *err);

#endif
