/* SPDX-License-Identifier: Apache-2.0 */
/* What the host has: the root of all pools, "/". Read afresh each time, since memory, processors and disks come and go. */
#ifndef BSN_POOL_HOST_H
#define BSN_POOL_HOST_H

#include "base/error.h"

/*
 * Totals, before the reserve: processors this process may run on; MemTotal; free space of the data root's file system plus what
 * the environments hold there already (held, in bytes: their part of a full disk is theirs, not missing); kernel.pid_max or
 * threads-max.
 */
struct bsn_host {
	struct basin_amounts total;
	int64_t held;
};

/* Reads all of it; may walk the environments' directories, so not inside a transaction. data_fd: the data root. */
int bsn_host_read(int data_fd, struct bsn_host *ret_host, struct basin_error *err);

#endif
