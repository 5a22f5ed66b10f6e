/* SPDX-License-Identifier: Apache-2.0 */
/* What extension headers say about the next entry: PAX records, and the maps of sparse files in their four spellings. */
#ifndef BSN_IMAGE_TAR_PAX_H
#define BSN_IMAGE_TAR_PAX_H

#include "image/tar_read.h"

struct bsn_pax {
	char *path; /* NULL: not said; the same for link */
	char *link;
	bool has_size;
	bool has_uid;
	bool has_gid;
	bool has_mtime;
	uint64_t size;
	uint32_t uid;
	uint32_t gid;
	struct timespec mtime;
	struct bsn_tar_xattr *xattrs; /* names and values are heap copies */
	size_t xattr_count;
	size_t xattr_bytes;
	bool acl_dropped;
	/* sparse files */
	char *sparse_name;
	bool has_sparse_size;
	uint64_t sparse_size;
	unsigned int sparse_major; /* 1: the map is at the head of the data */
	bool half_stretch;         /* 0.0: an offset came, its length has not */
	struct bsn_tar_stretch *stretches;
	size_t stretch_count;
	bool sparse; /* any GNU.sparse key was there */
};

void bsn_pax_release(struct bsn_pax *pax);

/*
 * Takes the records of one x header (global: of a g header, which may only give ids and times). On a malformed record
 * *ret_problem says what is wrong with it and -EBADMSG is returned; -ENOMEM otherwise.
 */
int bsn_pax_parse(struct bsn_pax *pax, const char *data, size_t length, bool global, const struct bsn_tar_limits *limits,
		  const char **ret_problem);

/* Adds a stretch to the map, which must rise and stay within 2^63: 0, -EBADMSG, -ENOMEM. */
int bsn_pax_add_stretch(struct bsn_pax *pax, uint64_t offset, uint64_t length, const struct bsn_tar_limits *limits);

/* Decimal digits of exactly length bytes, at most max: 0 or -EBADMSG. */
int bsn_pax_parse_number(const char *text, size_t length, uint64_t max, uint64_t *ret_value);

#endif
