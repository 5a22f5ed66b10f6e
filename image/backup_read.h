/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup, read from a stream in one pass, for verify and restore alike: nothing comes out of it that has not been compared with its digest,
 * entry by entry within a layer. What is not as the writer wrote it is code DAMAGED, with the blob and, inside a layer, the first
 * damaged path in the text. The archive may be hostile: everything has a limit, and nothing in it is believed.
 */
#ifndef BSN_IMAGE_BACKUP_READ_H
#define BSN_IMAGE_BACKUP_READ_H

#include "base/own.h"
#include "image/backup_format.h"
#include "image/stream.h"

struct bsn_backup_reader;

/* Reads as far as the account of the backup; name is for messages. from and name must outlive the reader. */
int bsn_backup_open(struct bsn_stream *from, const char *name, struct bsn_backup_reader **ret_reader, struct basin_error *err);
void bsn_backup_close(struct bsn_backup_reader *reader);
BSN_OWNER(struct bsn_backup_reader *, bsn_backup_close);
#define auto_backup_reader __attribute__((cleanup(bsn_backup_close_owned)))

const struct bsn_backup *bsn_backup_described(const struct bsn_backup_reader *reader);
/* The digest of the manifest, which stands for the whole. */
const char *bsn_backup_digest(const struct bsn_backup_reader *reader);

/*
 * Goes on to the next layer that is in the archive, after reading what was left of the one before: 1 with its index among the described
 * ones and its unpacked tar archive as a stream, or 0 once the archive's end has been reached and found right. An entry's bytes may reach
 * the caller before its digest has been compared; the failure comes with a later read, and no end of the stream before it.
 */
int bsn_backup_next_layer(struct bsn_backup_reader *reader, size_t *ret_index, struct bsn_stream **ret_stream,
			  struct basin_error *err);

/* How many bytes of the archive have been read. */
uint64_t bsn_backup_position(const struct bsn_backup_reader *reader);

#endif
