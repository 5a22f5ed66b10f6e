/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing tar: ustar headers, with a PAX header before them only where ustar cannot say it, and no GNU header types. The same entries
 * written twice are the same bytes: no names of users or groups, no access times, no process ids, fixed names for PAX headers. The
 * order is the caller's. An entry is the reader's (image/tar_read.h): what was read can be written again.
 */
#ifndef BSN_IMAGE_TAR_WRITE_H
#define BSN_IMAGE_TAR_WRITE_H

#include "base/str.h"
#include "image/stream.h"
#include "image/tar_read.h"

#define BSN_TAR_UNIT 512 /* everything in an archive is padded to a multiple of it */

/* One archive being written, in the caller's storage. */
struct bsn_tar_writer {
	struct bsn_sink *to;
	uint64_t written; /* bytes given to the sink */
	uint64_t left;    /* bytes of the current entry's data that are still to come */
	struct bsn_str pax;
};

void bsn_tar_writer_init(struct bsn_tar_writer *writer, struct bsn_sink *to);
void bsn_tar_writer_release(struct bsn_tar_writer *writer);
#define auto_tar_writer __attribute__((cleanup(bsn_tar_writer_release)))

/*
 * The entry's header. A file's data follows: exactly size bytes, in any pieces. A sparse one is written as PAX sparse 1.0, and only
 * the bytes of its stretches follow: they must be in order, and whole units but for the last (readers differ about others). Extended
 * attributes are written as they come: sort them.
 */
int bsn_tar_write_entry(struct bsn_tar_writer *writer, const struct bsn_tar_entry *entry, struct basin_error *err);
int bsn_tar_write_data(struct bsn_tar_writer *writer, const void *bytes, size_t length, struct basin_error *err);
/* Two blocks of zeros. */
int bsn_tar_write_end(struct bsn_tar_writer *writer, struct basin_error *err);

#endif
