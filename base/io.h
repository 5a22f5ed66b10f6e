/* SPDX-License-Identifier: Apache-2.0 */
/* Files beneath a directory that is held open: nothing here follows a link out of it, and nothing reads without a limit. */
#ifndef BSN_BASE_IO_H
#define BSN_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Opens path below dirfd. _beneath refuses to leave it by .. or a link; _in_root takes dirfd for "/" as chroot would. -errno. */
int bsn_open_beneath(int dirfd, const char *path, int flags, mode_t mode);
int bsn_open_in_root(int rootfd, const char *path, int flags, mode_t mode);

/* Where the kernel says fd lies: a name to print or to hand on, not one to open again. Room for PATH_MAX bytes. */
int bsn_fd_path(int fd, char *ret_path);

/* Reads a whole file of at most max bytes (-EFBIG beyond). *ret_data is NUL-terminated and freed by the caller. */
int bsn_read_fd(int fd, size_t max, char **ret_data, size_t *ret_length);
int bsn_read_file(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_length);

int bsn_write_all(int fd, const void *data, size_t length);

/* Writes an existing file in place with one write(2), as /proc, /sys and cgroup files want it. */
int bsn_write_file(int dirfd, const char *path, const char *text);

/*
 * Replaces dirfd/name with data so that a reader, or a power cut, sees the old file or the new one and nothing between: temporary
 * file, fsync, rename, fsync of the directory. name has no slash. durable=false leaves the two fsyncs out (tmpfs).
 */
int bsn_replace_file(int dirfd, const char *name, const void *data, size_t length, mode_t mode, bool durable);

/* Makes every missing directory of path below dirfd (AT_FDCWD and an absolute path are allowed) and opens the last one, O_RDONLY. */
int bsn_open_dirs(int dirfd, const char *path, mode_t mode);

/*
 * Whether nobody but root and we can change what is in the directory: 0, -EPERM where it is another user's or anybody may rename in it.
 * *ret_owner (may be NULL) is its owner in either case.
 */
int bsn_check_trusted(int dirfd, uid_t *ret_owner);

/* Removes dirfd/name and all below it, by descriptors, crossing no mount. "Already gone" is success. */
int bsn_remove_tree(int dirfd, const char *name);

/* Calls fn for every entry of the directory but . and ..; stops at the first negative result and returns it. */
int bsn_each_entry(int dirfd, int (*fn)(int dirfd, const char *name, void *data), void *data);

/* Sends and receives descriptors with one message over a unix socket; count <= 16. bsn_recv_fds returns the bytes of data. */
int bsn_send_fds(int sock, const void *data, size_t length, const int *fds, size_t count);
ssize_t bsn_recv_fds(int sock, void *data, size_t room, int *ret_fds, size_t fd_room, size_t *ret_count);

#endif
