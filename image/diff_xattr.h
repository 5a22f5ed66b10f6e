/* SPDX-License-Identifier: Apache-2.0 */
/* The extended attributes of one object as a layer records them: chosen, sorted, ids in the container's terms; and overlayfs' own marks. */
#ifndef BSN_IMAGE_DIFF_XATTR_H
#define BSN_IMAGE_DIFF_XATTR_H

#include "base/str.h"
#include "image/diff.h"

/* What overlayfs noted on the object. */
struct bsn_diff_marks {
	bool opaque;   /* a directory that hides what is below it */
	bool whiteout; /* an empty file that stands for one */
	bool partial;  /* metacopy or redirect: the content, or the children, are somewhere else */
};

/* Used again for each object. */
struct bsn_diff_xattrs {
	struct bsn_str names;
	struct bsn_str values;
	struct bsn_tar_xattr *list;
	size_t count;
	size_t room;
	char *buffer; /* for one list of names or one value: 64 KiB, the kernel's limit for both */
};

void bsn_diff_xattrs_release(struct bsn_diff_xattrs *xattrs);

/* Fills *xattrs and *ret_marks for dirfd/name; a link is not followed. Adds to *skipped what is left out. path is for messages. */
int bsn_diff_xattrs_read(const struct bsn_diff_options *options, int dirfd, const char *name, const char *path,
			 struct bsn_diff_xattrs *xattrs, struct bsn_diff_marks *ret_marks, uint64_t *skipped,
			 struct basin_error *err);

/* An id of the host as the container has it; -EOVERFLOW outside the range. */
int bsn_diff_id(const struct bsn_diff_options *options, uint32_t host, uint32_t *ret_id);

#endif
