/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar of blobs (an OCI layout, what `docker save` writes), staged so that its members can be had in any order. Members are kept under
 * numbers: a name from the archive never becomes a path, and a link in it is only another name for a member, never followed on disk.
 */
#ifndef BSN_IMAGE_ARCHIVE_H
#define BSN_IMAGE_ARCHIVE_H

#include <stdbool.h>

#include "image/store_parts.h"

struct bsn_archive;

/* Reads tar (not compressed any more) to its end. name is for messages, and must outlive the archive. */
int bsn_archive_open(const struct bsn_store *store, struct bsn_stream *tar, const char *name, struct bsn_archive **ret_archive,
		     struct basin_error *err);
void bsn_archive_close(struct bsn_archive *archive);
BSN_OWNER(struct bsn_archive *, bsn_archive_close);

bool bsn_archive_has(const struct bsn_archive *archive, const char *path);
/* Opens a member for reading; *ret_size may be NULL. Code DAMAGED when the archive has none of that name. */
int bsn_archive_member(const struct bsn_archive *archive, const char *path, uint64_t *ret_size, int *ret_fd,
		       struct basin_error *err);
/* Reads a member of at most 4 MiB as text without NUL bytes: freed by the caller. */
int bsn_archive_text(const struct bsn_archive *archive, const char *path, char **ret_text, struct basin_error *err);

#endif
