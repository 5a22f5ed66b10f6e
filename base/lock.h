/* SPDX-License-Identifier: Apache-2.0 */
/* Locks that the kernel lets go of when their holder dies: open-file-description locks (fcntl(2), F_OFD_SETLK) on small files. */
#ifndef BSN_BASE_LOCK_H
#define BSN_BASE_LOCK_H

#include "base/error.h"

enum bsn_lock_mode { BSN_LOCK_SHARED, BSN_LOCK_EXCLUSIVE };

/* Takes the lock on dirfd/name (made if missing), waiting at most timeout_ms (-1 without limit, 0 not at all: -EAGAIN). The lock lasts
 * until *ret_fd is closed, by whoever holds a copy of it: a child that inherits the descriptor keeps it. */
int bsn_lock_take(int dirfd, const char *name, enum bsn_lock_mode mode, int timeout_ms, int *ret_fd);

/* Whether somebody holds dirfd/name exclusively: 1, 0, or -errno; a missing file is 0. */
int bsn_lock_held(int dirfd, const char *name);

#endif
