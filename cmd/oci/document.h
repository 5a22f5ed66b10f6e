/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON document that is named on the command line. */
#ifndef BSN_CMD_OCI_DOCUMENT_H
#define BSN_CMD_OCI_DOCUMENT_H

#include <stdbool.h>

#include "basin.h"

/* The whole file as text, at most 16 MiB (as config.json); dash: "-" is standard input. The caller frees it. NULL: *err says why. */
char *cmd_document_read(const char *path, bool dash, struct basin_error *err);

#endif
