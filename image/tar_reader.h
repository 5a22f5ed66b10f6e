/* SPDX-License-Identifier: Apache-2.0 */
/* The tar reader from the inside, for tar_read.c and tar_sparse.c. */
#ifndef BSN_IMAGE_TAR_READER_H
#define BSN_IMAGE_TAR_READER_H

#include "image/tar_header.h"
#include "image/tar_pax.h"
#include "image/tar_read.h"

#define BSN_TAR_BUFFER ((size_t)256 * 1024)

struct bsn_tar {
	struct bsn_stream *from;
	struct bsn_tar_limits limits;
	bool end_optional;
	bool ended;      /* the stream has no more */
	bool finished;   /* the end of the archive was read */
	uint64_t offset; /* of buffer[at] in the stream */
	uint64_t headers;
	uint64_t left;  /* data of the current entry not yet handed out or skipped, map
                    of a sparse 1.0 file excluded */
	size_t padding; /* what follows it up to a whole block */
	size_t stretch; /* the stretch that the next piece belongs to, and how much of
                     it is done */
	uint64_t stretch_done;
	struct bsn_tar_stretch whole;
	struct bsn_tar_entry entry;
	struct bsn_pax pax;
	struct bsn_pax global;
	char *long_path; /* from GNU L and K entries */
	char *long_link;
	char *path; /* the entry's */
	char *link;
	size_t at;
	size_t length;
	char buffer[BSN_TAR_BUFFER];
};

/* Fails with the entry's number and the offset before the text. */
int bsn_tar_damaged(const struct bsn_tar *tar, struct basin_error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int bsn_tar_no_memory(struct basin_error *err);

/* The next block, consumed: 1, or 0 at the end of the stream. Valid until the next one is asked for. */
int bsn_tar_next_block(struct bsn_tar *tar, const char **ret_block, struct basin_error *err);

/* The map of GNU's own sparse type: four stretches in the header, 21 in each block that follows. */
int bsn_tar_read_gnu_map(struct bsn_tar *tar, const struct bsn_tar_header *header, struct basin_error *err);
/* PAX sparse 1.0: the map is text at the head of the data. */
int bsn_tar_read_inline_map(struct bsn_tar *tar, struct basin_error *err);
/* A sparse file's stretches must lie within its length and add up to the data that is stored. */
int bsn_tar_check_map(const struct bsn_tar *tar, struct basin_error *err);

#endif
