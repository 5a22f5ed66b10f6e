/* SPDX-License-Identifier: Apache-2.0 */
/* --pid-file. */
#ifndef BSN_RUNTIME_PIDFILE_H
#define BSN_RUNTIME_PIDFILE_H

#include <sys/types.h>

#include "base/error.h"

/* Replaces the file at path by one with the number in it; a path of NULL is none. */
int bsn_pidfile_write(const char *path, pid_t pid, struct basin_error *err);

#endif
