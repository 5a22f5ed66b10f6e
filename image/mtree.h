/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.mtree: what a layer's tree must look like, one line per object. First the top; then, directory by directory, all its names sorted
 * by bytes; the directories among them follow in that order, each with all beneath it:
 *
 *     path type mode uid gid mtime size nlink content xattrs
 *
 * path: relative, "." for the top; bytes outside 33-126, "\" and "#" are written \ooo. type: f d l c b p. mode: octal, four digits. mtime:
 * seconds.nanoseconds. size: of files, "-" else. content: a file's SHA-256 in hex, a link's target (escaped), a device's "major:minor", "-"
 * else. xattrs: the SHA-256 of "name=length:value" of all recorded ones sorted by name, "-" when there are none.
 */
#ifndef BSN_IMAGE_MTREE_H
#define BSN_IMAGE_MTREE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/str.h"
#include "image/digest.h"
#include "image/stream.h"

/* One object as the walk finds it; valid during the call. */
struct bsn_mtree_node {
	const char *path; /* not escaped; "." for the top */
	const char *line; /* the whole line without newline; NULL unless the walk was asked for lines */
	int dirfd;        /* its directory and its name there ("." at the top, with dirfd the top itself) */
	const char *name;
	struct stat st;
};

struct bsn_mtree_walk {
	int root_fd;
	bool lines;
	/* The content digest of a file when it is known without reading: 1 and ret filled, 0: read the file. NULL: always read. */
	int (*content)(void *data, const struct stat *st, unsigned char ret_sha256[32]);
	/* Sees each directory before its line is made and may change it: 1 when it did. May be NULL, as visit may. */
	int (*prepare)(void *data, const struct bsn_mtree_node *node, struct basin_error *err);
	int (*visit)(void *data, const struct bsn_mtree_node *node, struct basin_error *err);
	void *data;
};

/* Visits everything beneath root_fd in the order above; a negative answer of visit ends it. Crosses no mount, follows no link. */
int bsn_mtree_walk(const struct bsn_mtree_walk *walk, struct basin_error *err);

/*
 * Whether an extended attribute may come from an archive: user.* but not user.overlay.*, security.capability, POSIX ACLs. Those, and the
 * trusted.overlay.opaque that unpacking makes, are what a line records.
 */
bool bsn_mtree_keeps_xattr(const char *name);

/* Adds path in its escaped form. */
int bsn_mtree_escape(const char *path, struct bsn_str *str);

#endif
