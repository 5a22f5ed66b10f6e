/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sys.h"

static int set_lock(int fd, int command, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };
	return BSN_RETRY(fcntl(fd, command, &lock)) < 0 ? -errno : 0;
}

/* A file that was unlinked while we waited protects nothing any more. */
static int still_named(int fd, int dirfd, const char *name)
{
	struct stat held;
	struct stat named;
	if (fstat(fd, &held) < 0)
		return -errno;
	if (fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

static int take_once(int dirfd, const char *name, short type, int *timeout_ms, int *ret_fd)
{
	auto_fd int fd = bsn_sys_openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	int r = *timeout_ms < 0 ? set_lock(fd, F_OFD_SETLKW, type) : set_lock(fd, F_OFD_SETLK, type);
	while (r == -EAGAIN && *timeout_ms > 0) {
		const struct timespec nap = { .tv_nsec = 5 * 1000 * 1000 };
		nanosleep(&nap, NULL);
		*timeout_ms -= *timeout_ms < 5 ? *timeout_ms : 5;
		r = set_lock(fd, F_OFD_SETLK, type);
	}
	if (r >= 0)
		r = still_named(fd, dirfd, name);
	if (r > 0)
		*ret_fd = bsn_fd_give(&fd);
	return r;
}

int bsn_lock_take(int dirfd, const char *name, enum bsn_lock_mode mode, int timeout_ms, int *ret_fd)
{
	int r;
	do
		r = take_once(dirfd, name, mode == BSN_LOCK_SHARED ? F_RDLCK : F_WRLCK, &timeout_ms, ret_fd);
	while (r == 0);
	return r < 0 ? r : 0;
}

int bsn_lock_held(int dirfd, const char *name)
{
	auto_fd int fd = bsn_sys_openat(dirfd, name, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type == F_WRLCK;
}
