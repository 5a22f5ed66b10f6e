/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing tar: ustar headers, with a PAX header before them only where ustar cannot say it, and nothing of GNU's own. The same members
 * written twice are the same bytes: no names of users or groups, no access times, no process ids, fixed names for PAX headers. The
 * order is the caller's.
 */
#ifndef BSN_IMAGE_TAR_WRITE_H
#define BSN_IMAGE_TAR_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

#define BSN_TAR_BLOCK 512

/* Where the bytes go. */
typedef int bsn_tar_sink_fn(void *data, const void *bytes, size_t length, struct basin_error *err);

/* A sink for a descriptor: data points to an int. */
int bsn_tar_sink_fd(void *data, const void *bytes, size_t length, struct basin_error *err);

struct bsn_tar_xattr {
	const char *name; /* "user.x", "security.capability": written as SCHILY.xattr.<name> */
	const void *value;
	size_t length;
};

/* A run of data in a sparse file; what lies between the runs is a hole. */
struct bsn_tar_extent {
	uint64_t offset;
	uint64_t length;
};

struct bsn_tar_member {
	const char *path;   /* relative, without "./" before it or "/" behind it; "." is the root itself */
	const char *target; /* of a symbolic link: its text; of a hard link: the path of the member that has the body */
	bool hard_link;     /* mode's type is that of the body; no size, no extended attributes */
	mode_t mode;        /* type and permissions */
	uint32_t uid;
	uint32_t gid;
	int64_t mtime;      /* seconds, may be negative */
	uint32_t mtime_ns;
	uint64_t size;      /* of a regular file, holes included */
	unsigned int major; /* of a device */
	unsigned int minor;
	const struct bsn_tar_xattr *xattrs; /* sorted by the caller */
	size_t xattr_count;
	const struct bsn_tar_extent *extents; /* NULL: an ordinary file. Else PAX sparse 1.0, and only the runs' bytes are written as data */
	size_t extent_count;
};

/* One archive being written. In the caller's storage. */
struct bsn_tar_writer {
	bsn_tar_sink_fn *sink;
	void *data;
	uint64_t written; /* bytes given to the sink */
	uint64_t left;    /* bytes of the current member's data that are still to come */
	struct bsn_str pax;
};

void bsn_tar_writer_init(struct bsn_tar_writer *writer, bsn_tar_sink_fn *sink, void *data);
void bsn_tar_writer_release(struct bsn_tar_writer *writer);
#define auto_tar_writer __attribute__((cleanup(bsn_tar_writer_release)))

/* The member's header. A regular file's data follows: exactly size bytes (of a sparse one: the sum of its runs) in any pieces. */
int bsn_tar_write_member(struct bsn_tar_writer *writer, const struct bsn_tar_member *member, struct basin_error *err);
int bsn_tar_write_data(struct bsn_tar_writer *writer, const void *bytes, size_t length, struct basin_error *err);
/* Two blocks of zeros. Everything after it belongs to somebody else. */
int bsn_tar_write_end(struct bsn_tar_writer *writer, struct basin_error *err);

#endif
