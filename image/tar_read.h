/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads tar archives: old V7, ustar, PAX (x and g headers), GNU (L and K names, base-256 numbers, S sparse files) and PAX sparse 0.0, 0.1
 * and 1.0. Pulls, entry by entry; trusts nothing; knows nothing of file systems (image/extract.h does).
 *
 * What it refuses, with code DAMAGED and the entry's number and offset in the text: a bad check sum, a NUL inside a PAX path, numbers out
 * of range, unknown types, sizes and sparse maps that disagree, a torn archive, an archive without its two zero blocks (unless allowed),
 * and whatever passes the limits.
 */
#ifndef BSN_IMAGE_TAR_READ_H
#define BSN_IMAGE_TAR_READ_H

#include <stdbool.h>
#include <time.h>

#include "base/own.h"
#include "image/stream.h"

enum bsn_tar_type { BSN_TAR_FILE, BSN_TAR_HARDLINK, BSN_TAR_SYMLINK, BSN_TAR_CHAR, BSN_TAR_BLOCK, BSN_TAR_DIR, BSN_TAR_FIFO };

struct bsn_tar_xattr {
	const char *name; /* without "SCHILY.xattr." */
	const void *value;
	size_t size;
};

/* A stretch of a sparse file that has data; what no stretch covers is zero. */
struct bsn_tar_stretch {
	uint64_t offset;
	uint64_t length;
};

/* One entry; every pointer is valid until the next call of bsn_tar_next. */
struct bsn_tar_entry {
	const char *path; /* as written, without trailing slashes; "" never ("./" is ".") */
	const char *link; /* target of a symbolic or hard link, else "" */
	enum bsn_tar_type type;
	mode_t mode; /* permission bits, 07777 */
	uint32_t uid;
	uint32_t gid;
	uint64_t size; /* of a file: its length, holes included; else 0 */
	struct timespec mtime;
	uint32_t major;
	uint32_t minor;
	const struct bsn_tar_xattr *
		xattrs; /* the last of each name; textual ACLs are among them, unless they hold names without numbers (acl_dropped) */
	size_t xattr_count;
	bool acl_dropped;
	bool sparse; /* stretches hold; otherwise there is one, the whole */
	const struct bsn_tar_stretch *stretches;
	size_t stretch_count;
	uint64_t number; /* counted from 0 */
};

struct bsn_tar_limits {
	uint64_t entries;       /* headers, extension headers too */
	size_t path_bytes;      /* of a path or link target */
	unsigned int depth;     /* parts of a path */
	size_t extension_bytes; /* of one x, g, L or K header, and of a sparse map */
	size_t xattr_bytes;     /* of one entry: names and values */
};
/* 4 Mi entries, 4095 bytes, 1024 parts, 2 MiB, 256 KiB. */
extern const struct bsn_tar_limits bsn_tar_default_limits;

struct bsn_tar;

/* limits NULL: the defaults. end_optional: the end of the stream may stand for the two zero blocks (where a digest covers the whole). */
int bsn_tar_new(struct bsn_stream *from, const struct bsn_tar_limits *limits, bool end_optional, struct bsn_tar **ret_tar,
		struct basin_error *err);
void bsn_tar_free(struct bsn_tar *tar);
BSN_OWNER(struct bsn_tar *, bsn_tar_free);

/* The next entry (what is left of the last one's data is skipped): 1, 0 after the last, -errno. The rest of the stream is not drained. */
int bsn_tar_next(struct bsn_tar *tar, const struct bsn_tar_entry **ret_entry, struct basin_error *err);

/*
 * The next piece of the current file's data, without copying: its length, 0 at the end. *ret_offset is where it belongs in the file;
 * pieces come in rising order. *ret_data is valid until the next call.
 */
ssize_t bsn_tar_data(struct bsn_tar *tar, const void **ret_data, uint64_t *ret_offset, struct basin_error *err);

#endif
