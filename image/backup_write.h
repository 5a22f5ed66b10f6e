/* SPDX-License-Identifier: Apache-2.0 */
/* A backup, written: from layers that are packed and an account of what they are, to one archive on a sink. */
#ifndef BSN_IMAGE_BACKUP_WRITE_H
#define BSN_IMAGE_BACKUP_WRITE_H

#include "image/backup_format.h"

/*
 * Writes the archive; each staged layer is closed as soon as it has been copied, so that its room is free again. What is copied is
 * digested once more: a staged file that the disk gave back changed is noticed here, not at the restore. ret_size: of the archive.
 */
int bsn_backup_write(struct bsn_backup *backup, struct bsn_sink *to, char ret_digest[BSN_DIGEST_ROOM], uint64_t *ret_size,
		     struct basin_error *err);

#endif
