/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What unpacking learned about each inode it made: a file's digest, so that the manifest needs no second reading; a directory's
 * final mode, owner, time and attributes, which can only be set once nothing more is put into it. Keyed by inode, not by path, so
 * it holds whatever links and symbolic links the archive plays with.
 */
#ifndef BSN_IMAGE_INODES_H
#define BSN_IMAGE_INODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "image/tar_read.h"

/* What a directory will be. xattrs are heap copies. */
struct bsn_late_directory {
	bool only_time; /* the top, when the archive does not name it: mode and owner
                     stay */
	mode_t mode;
	uint32_t uid;
	uint32_t gid;
	struct timespec mtime;
	struct bsn_tar_xattr *xattrs;
	size_t xattr_count;
	bool opaque;
};

struct bsn_inode {
	uint64_t ino; /* 0: an empty slot */
	union {
		unsigned char sha256[32]; /* of a file */
		struct bsn_late_directory *directory;
	} is;
	bool is_directory;
};

struct bsn_inodes {
	struct bsn_inode *slots; /* open addressing, a power of two of them */
	size_t room;
	size_t count;
};

void bsn_inodes_release(struct bsn_inodes *inodes);
/* The entry of ino, or NULL. */
struct bsn_inode *bsn_inodes_find(const struct bsn_inodes *inodes, uint64_t ino);
/* Remembers a file's digest, in place of what the number stood for before. -ENOMEM. */
int bsn_inodes_add_file(struct bsn_inodes *inodes, uint64_t ino, const unsigned char sha256[32]);
/* Remembers a directory, in place of what the number stood for before; xattrs are copied. -ENOMEM. */
int bsn_inodes_add_directory(struct bsn_inodes *inodes, uint64_t ino, const struct bsn_late_directory *directory);

#endif
