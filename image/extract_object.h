/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one extraction, and the making of single objects in a directory that extract.c has resolved. */
#ifndef BSN_IMAGE_EXTRACT_OBJECT_H
#define BSN_IMAGE_EXTRACT_OBJECT_H

#include "image/extract.h"
#include "image/inodes.h"

/* A whiteout, kept until the whole layer is there: it hides what is below the layer, never what is in it, wherever in the archive
 * it is. */
struct bsn_whiteout {
	char *parent; /* path of the directory */
	char *name;   /* NULL: the directory is opaque */
};

struct bsn_extraction {
	int root;
	const struct bsn_extract_options *options;
	const struct bsn_extract_limits *limits;
	struct bsn_extract_result *result;
	struct bsn_tar *tar;
	struct bsn_hash *hash;
	struct bsn_inodes inodes;
	uint64_t written;
	uint64_t logical;
	bool root_named;
	bool plain_owner; /* a new file is owned by 0:0 by itself */
	char **skipped;   /* paths of devices that were left out: a hard link to one is left out too */
	size_t skipped_count;
	struct bsn_whiteout *whiteouts;
	size_t whiteout_count;
	/* The last directory resolved; files of one directory follow each other. Dropped when anything is removed. */
	char *parent_path;
	int parent_fd;
};

/* Fails with the entry's path before the text. */
int bsn_extract_fail(const struct bsn_tar_entry *entry, int sys, const char *what, struct basin_error *err);

/*
 * Each makes one object under a name that is free: -EEXIST, without *err, when it is not. parent is a descriptor; name has no
 * slash.
 */
int bsn_extract_file(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
		     struct basin_error *err);
int bsn_extract_symlink(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
			struct basin_error *err);
int bsn_extract_node(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
		     struct basin_error *err);

/* Opens the directory at path beneath the root, O_PATH, making what is missing of it as implied directories. */
int bsn_extract_open_dirs(struct bsn_extraction *x, const char *path);

#define BSN_WHITEOUT ".wh."
/* Keeps a whiteout (name begins with BSN_WHITEOUT) for the end, and makes them all then: opaque marks first, which make others needless. */
int bsn_extract_note_whiteout(struct bsn_extraction *x, const char *parent, const char *name, const struct bsn_tar_entry *entry,
			      struct basin_error *err);
int bsn_extract_whiteouts(struct bsn_extraction *x, struct basin_error *err);

/* Gives what is open behind fd (a descriptor for reading or O_PATH) the extended attributes that are kept. */
int bsn_extract_xattrs(struct bsn_extraction *x, int fd, const char *path, const struct bsn_tar_xattr *xattrs, size_t count,
		       struct basin_error *err);

/* An id from the archive as one of this host: -ERANGE when it is not in the range. */
int bsn_extract_id(const struct bsn_extraction *x, uint32_t id, uint32_t *ret_id);

#endif
