/* SPDX-License-Identifier: Apache-2.0 */
/* What an environment writes and reads: its log, and its input fifo. */
#ifndef BSN_RUNTIME_ENV_FOLLOW_H
#define BSN_RUNTIME_ENV_FOLLOW_H

#include "runtime/env/definition.h"

/* The last `lines` lines of the log (BASIN_UNSET: all of it; 0: none) to out_fd; with follow also what comes, until no monitor lives. in_fd
 * (-1: none) is copied to the environment's input meanwhile; its end ends the copying, not the following. */
int bsn_env_follow(struct basin *basin, const char *name, int64_t lines, bool follow, int in_fd, int out_fd,
		   struct basin_error *err);

#endif
