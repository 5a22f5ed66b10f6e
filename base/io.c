/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"

#define FIRST_READ 4096

int bsn_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	return bsn_sys_openat2(dirfd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

int bsn_open_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
	return bsn_sys_openat2(rootfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int bsn_fd_path(int fd, char *ret_path)
{
	char link[32];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret_path, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	ret_path[n] = '\0';
	return 0;
}

int bsn_read_fd(int fd, size_t max, char **ret_data, size_t *ret_length)
{
	char first[FIRST_READ];
	auto_free char *data = NULL;
	size_t room = 0;
	size_t length = 0;

	/* Most files are small: their length is known before memory is asked for. */
	while (length < sizeof(first)) {
		ssize_t n = BSN_RETRY(read(fd, first + length, sizeof(first) - length));
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	if (length > max)
		return -EFBIG;
	room = length < sizeof(first) ? length + 1 : 4 * sizeof(first);
	data = malloc(room);
	if (data == NULL)
		return -ENOMEM;
	memcpy(data, first, length);
	while (length >= sizeof(first)) {
		if (room - length < 2) {
			room *= 2;
			char *more = realloc(data, room);
			if (more == NULL)
				return -ENOMEM;
			data = more;
		}
		ssize_t n = BSN_RETRY(read(fd, data + length, room - length - 1));
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
		if (length > max)
			return -EFBIG;
	}
	data[length] = '\0';
	*ret_data = bsn_give(&data);
	if (ret_length != NULL)
		*ret_length = length;
	return 0;
}

int bsn_read_file(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_length)
{
	auto_fd int fd = bsn_sys_openat(dirfd, path, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	return bsn_read_fd(fd, max, ret_data, ret_length);
}

int bsn_write_all(int fd, const void *data, size_t length)
{
	const char *at = data;
	while (length > 0) {
		ssize_t n = bsn_sys_write(fd, at, length);
		if (n < 0)
			return (int)n;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

int bsn_write_file(int dirfd, const char *path, const char *text)
{
	auto_fd int fd = bsn_sys_openat(dirfd, path, O_WRONLY, 0);
	if (fd < 0)
		return fd;
	ssize_t n = bsn_sys_write(fd, text, strlen(text));
	return n < 0 ? (int)n : 0;
}

static int write_and_rename(int dirfd, const char *name, const char *temporary, const void *data, size_t length, mode_t mode,
			    bool durable)
{
	auto_fd int fd = bsn_sys_openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd < 0)
		return fd;
	int r = bsn_write_all(fd, data, length);
	if (r >= 0)
		r = bsn_sys_fchmod(fd, mode);
	if (r >= 0 && durable)
		r = bsn_sys_fsync(fd);
	if (r >= 0)
		r = bsn_sys_renameat2(dirfd, temporary, dirfd, name, 0);
	if (r < 0)
		unlinkat(dirfd, temporary, 0);
	return r;
}

int bsn_replace_file(int dirfd, const char *name, const void *data, size_t length, mode_t mode, bool durable)
{
	char temporary[NAME_MAX + 1];
	/* One fixed name per target: writers hold the object's lock, and what a killed one left is simply replaced. */
	if (bsn_format(temporary, sizeof(temporary), ".%s.new", name) < 0)
		return -ENAMETOOLONG;
	unlinkat(dirfd, temporary, 0);
	int r = write_and_rename(dirfd, name, temporary, data, length, mode, durable);
	return r >= 0 && durable ? bsn_sys_fsync(dirfd) : r;
}

int bsn_check_trusted(int dirfd, uid_t *ret_owner)
{
	struct stat st;
	if (fstat(dirfd, &st) < 0)
		return -errno;
	if (ret_owner != NULL)
		*ret_owner = st.st_uid;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return -EPERM;
	return (st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0 ? -EPERM : 0;
}

int bsn_open_dirs(int dirfd, const char *path, mode_t mode)
{
	auto_fd int at = bsn_sys_openat(dirfd, path[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY, 0);
	const char *rest = path;

	while (at >= 0) {
		rest += strspn(rest, "/");
		size_t length = strcspn(rest, "/");
		if (length == 0)
			return bsn_fd_give(&at);
		if (length > NAME_MAX)
			return -ENAMETOOLONG;
		char part[NAME_MAX + 1];
		memcpy(part, rest, length);
		part[length] = '\0';
		rest += length;
		int next = bsn_sys_openat(at, part, O_RDONLY | O_DIRECTORY, 0);
		if (next == -ENOENT) {
			int r = bsn_sys_mkdirat(at, part, mode);
			next = r < 0 && r != -EEXIST ? r : bsn_sys_openat(at, part, O_RDONLY | O_DIRECTORY, 0);
		}
		close(at);
		at = next;
	}
	return at;
}

int bsn_each_entry(int dirfd, int (*fn)(int dirfd, const char *name, void *data), void *data)
{
	int fd = bsn_sys_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	auto_dir DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		int saved = errno;
		close(fd);
		return -saved;
	}
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (entry == NULL)
			return errno > 0 ? -errno : 0;
		if (bsn_streq(entry->d_name, ".") || bsn_streq(entry->d_name, ".."))
			continue;
		int r = fn(fd, entry->d_name, data);
		if (r < 0)
			return r;
	}
}

/*
 * Emptying a tree of any depth with three descriptors: each entry of the top is removed; a directory there is emptied first, by
 * unlinking its files and moving its own sub-directories up to the top under fresh names, where a later scan finds them.
 */
struct emptying {
	int top;
	dev_t device;
	unsigned long next;
	unsigned int found;
};

/* Unlinks dirfd/name unless it is a directory on this file system: then 1. */
static int unlink_or_tell(const struct emptying *work, int dirfd, const char *name)
{
	int r = bsn_sys_unlinkat(dirfd, name, 0);
	if (r != -EISDIR && r != -EPERM)
		return r == -ENOENT ? 0 : r;
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return r;
	return st.st_dev == work->device ? 1 : -EXDEV;
}

static int empty_nested(int dirfd, const char *name, void *data)
{
	struct emptying *work = data;
	int r = unlink_or_tell(work, dirfd, name);
	while (r > 0) {
		char up[32];
		snprintf(up, sizeof(up), ".gone.%lu", work->next++);
		int moved = bsn_sys_renameat2(dirfd, name, work->top, up, RENAME_NOREPLACE);
		if (moved != -EEXIST)
			r = moved;
	}
	return r;
}

static int empty_at_top(int dirfd, const char *name, void *data)
{
	struct emptying *work = data;
	work->found++;
	int r = unlink_or_tell(work, dirfd, name);
	if (r <= 0)
		return r;
	auto_fd int sub = bsn_sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (sub < 0)
		return sub == -ENOENT ? 0 : sub;
	r = bsn_each_entry(sub, empty_nested, work);
	return r < 0 ? r : bsn_sys_unlinkat(dirfd, name, AT_REMOVEDIR);
}

static int empty_directory(int top)
{
	struct stat st;
	if (fstat(top, &st) < 0)
		return -errno;
	struct emptying work = { .top = top, .device = st.st_dev, .found = 1 };
	int r = 0;
	while (r >= 0 && work.found > 0) {
		work.found = 0;
		r = bsn_each_entry(top, empty_at_top, &work);
	}
	return r;
}

int bsn_remove_tree(int dirfd, const char *name)
{
	int r = bsn_sys_unlinkat(dirfd, name, 0);
	if (r >= 0 || r == -ENOENT)
		return 0;
	if (r != -EISDIR && r != -EPERM)
		return r;
	auto_fd int top = bsn_sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (top < 0)
		return top == -ENOENT ? 0 : top;
	r = empty_directory(top);
	if (r < 0)
		return r;
	r = bsn_sys_unlinkat(dirfd, name, AT_REMOVEDIR);
	return r == -ENOENT ? 0 : r;
}

int bsn_send_fds(int sock, const void *data, size_t length, const int *fds, size_t count)
{
	char control[CMSG_SPACE(16 * sizeof(int))] = { 0 };
	struct iovec io = { .iov_base = (void *)(uintptr_t)data, .iov_len = length };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1 };

	if (count > 16)
		return -EINVAL;
	if (count > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	}
	ssize_t n = BSN_RETRY(sendmsg(sock, &message, MSG_NOSIGNAL));
	return n < 0 ? -errno : 0;
}

ssize_t bsn_recv_fds(int sock, void *data, size_t room, int *ret_fds, size_t fd_room, size_t *ret_count)
{
	char control[CMSG_SPACE(16 * sizeof(int))];
	struct iovec io = { .iov_base = data, .iov_len = room };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };

	ssize_t n = BSN_RETRY(recvmsg(sock, &message, MSG_CMSG_CLOEXEC));
	if (n < 0)
		return -errno;
	size_t count = 0;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		size_t got = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < got; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (count < fd_room)
				ret_fds[count++] = fd;
			else
				close(fd);
		}
	}
	*ret_count = count;
	return n;
}
