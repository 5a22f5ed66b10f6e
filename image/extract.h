/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacks a tar stream beneath a directory. Every name from the archive is resolved with openat2 inside that directory (a link's target
 * too, as chroot would), everything is done to descriptors, and no path is looked up twice. See extract.c for why it is safe.
 */
#ifndef BSN_IMAGE_EXTRACT_H
#define BSN_IMAGE_EXTRACT_H

#include <stdbool.h>

#include "image/digest.h"
#include "image/tar_read.h"

enum bsn_device_policy {
	BSN_DEVICES_SKIP,   /* counted, not made: a container gets its /dev from the runtime */
	BSN_DEVICES_CREATE, /* char 0:0 is refused all the same: it would be an overlay whiteout in disguise */
};

struct bsn_extract_limits {
	struct bsn_tar_limits tar;
	uint64_t bytes;   /* written as data, all files together */
	uint64_t logical; /* lengths of all files together, holes included */
};
/* The tar defaults, 256 GiB, 1 TiB. */
extern const struct bsn_extract_limits bsn_extract_default_limits;

struct bsn_extract_options {
	/*
	 * Added to every uid and gid (an environment's first host id). With it, ids from id_count on are refused, and security.capability
	 * is rewritten for the user namespace whose root that id is. Zero: ids as in the archive.
	 */
	uint32_t id_base;
	uint32_t id_count;
	/* OCI whiteouts (.wh.NAME, .wh..wh..opq) become overlayfs ones: char 0:0, trusted.overlay.opaque. Otherwise they are refused. */
	bool whiteouts;
	enum bsn_device_policy devices;
	/*
	 * The trees of the layers below, highest first: a directory that the archive only implies (by naming what is in it) takes its
	 * attributes from there, since overlayfs shows those of the highest layer that has it.
	 */
	const int *lowers;
	size_t lower_count;
	bool end_optional;                       /* as in bsn_tar_new */
	const struct bsn_extract_limits *limits; /* NULL: the defaults */
	/* Where the manifest of what was unpacked is written (image/mtree.h), -1: none. With id_base it holds the shifted ids. */
	int mtree_fd;
};

#define BSN_EXTRACT_OPTIONS_INIT                                                                                                 \
	{                                                                                                                        \
		.mtree_fd = -1                                                                                                   \
	}

struct bsn_extract_result {
	uint64_t entries;
	uint64_t bytes; /* lengths of the files */
	uint64_t devices_skipped;
	uint64_t xattrs_skipped; /* not on the allow-list: user.*, security.capability, system.posix_acl_*; never *.overlay.* */
	uint64_t far_ids;        /* owned by a uid or gid beyond the 65536 that an environment of its own user namespace has */
	char mtree_digest[BSN_DIGEST_ROOM]; /* "" without mtree_fd */
};

/*
 * root_fd is an open directory; it may have content (what the archive names replaces it, whole trees included, save that a directory
 * stays when a directory comes). On failure what was unpacked so far is left for the caller to remove. The stream is read to its end.
 */
int bsn_extract(int root_fd, struct bsn_stream *tar, const struct bsn_extract_options *options,
		struct bsn_extract_result *ret_result, struct basin_error *err);

#endif
