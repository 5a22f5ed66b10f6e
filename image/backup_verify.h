/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a backup is whole: every byte of it against its digest, in one pass, writing nothing. */
#ifndef BSN_IMAGE_BACKUP_VERIFY_H
#define BSN_IMAGE_BACKUP_VERIFY_H

#include "base/json.h"
#include "image/stream.h"

/* *ret_json: what the backup is; basin(1) has the keys ("backup verify"). Code DAMAGED names what is not whole. */
int bsn_backup_verify(struct bsn_stream *from, const char *name, json_t **ret_json, struct basin_error *err);

#endif
