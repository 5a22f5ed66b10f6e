/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sys.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fault.h"

#ifndef SYS_quotactl_fd /* the same on every architecture; older headers lack it */
#define SYS_quotactl_fd 443
#endif

/* One gate, one call, one convention for the result. */
#define GATED(name, call)                                                                                                        \
	do {                                                                                                                     \
		int fault = bsn_fault_gate(name);                                                                                \
		if (fault < 0)                                                                                                   \
			return fault;                                                                                            \
		__typeof__(call) r = BSN_RETRY(call);                                                                            \
		return r == -1 ? -errno : r;                                                                                     \
	} while (0)

int bsn_sys_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	GATED("openat", openat(dirfd, path, flags | O_CLOEXEC, mode));
}

int bsn_sys_openat2(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(unsigned int)flags | O_CLOEXEC, .mode = mode, .resolve = resolve };
	int fault = bsn_fault_gate("openat2");
	if (fault < 0)
		return fault;
	/* RESOLVE_* walks answer EAGAIN when a rename happened meanwhile: try a bounded number of times. */
	for (int tries = 0;; tries++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EINTR && (errno != EAGAIN || tries >= 128))
			return -errno;
	}
}

int bsn_sys_mkdirat(int dirfd, const char *path, mode_t mode)
{
	GATED("mkdirat", mkdirat(dirfd, path, mode));
}

int bsn_sys_unlinkat(int dirfd, const char *path, int flags)
{
	GATED("unlinkat", unlinkat(dirfd, path, flags));
}

int bsn_sys_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	GATED("renameat2", (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags));
}

int bsn_sys_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	GATED("linkat", linkat(from_fd, from, to_fd, to, flags));
}

int bsn_sys_symlinkat(const char *target, int dirfd, const char *path)
{
	GATED("symlinkat", symlinkat(target, dirfd, path));
}

int bsn_sys_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
	GATED("mknodat", mknodat(dirfd, path, mode, dev));
}

int bsn_sys_fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags)
{
	GATED("fchownat", fchownat(dirfd, path, uid, gid, flags));
}

int bsn_sys_fchmod(int fd, mode_t mode)
{
	GATED("fchmod", fchmod(fd, mode));
}

int bsn_sys_fchmodat(int dirfd, const char *path, mode_t mode)
{
	GATED("fchmodat", fchmodat(dirfd, path, mode, 0));
}

int bsn_sys_utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
	GATED("utimensat", utimensat(dirfd, path, times, flags));
}

int bsn_sys_fsetxattr(int fd, const char *name, const void *value, size_t size)
{
	GATED("fsetxattr", fsetxattr(fd, name, value, size, 0));
}

int bsn_sys_setxattr(const char *path, const char *name, const void *value, size_t size)
{
	GATED("setxattr", setxattr(path, name, value, size, 0));
}

int bsn_sys_ftruncate(int fd, off_t size)
{
	GATED("ftruncate", ftruncate(fd, size));
}

int bsn_sys_fallocate(int fd, int mode, off_t offset, off_t length)
{
	GATED("fallocate", fallocate(fd, mode, offset, length));
}

int bsn_sys_fsync(int fd)
{
	GATED("fsync", fsync(fd));
}

int bsn_sys_syncfs(int fd)
{
	GATED("syncfs", syncfs(fd));
}

ssize_t bsn_sys_write(int fd, const void *data, size_t length)
{
	GATED("write", write(fd, data, length));
}

ssize_t bsn_sys_pwrite(int fd, const void *data, size_t length, off_t offset)
{
	GATED("pwrite", pwrite(fd, data, length, offset));
}

int bsn_sys_ioctl(int fd, unsigned long request, void *argument)
{
	GATED("ioctl", ioctl(fd, request, argument));
}

int bsn_sys_bpf(int command, void *attr, size_t size)
{
	GATED("bpf", (int)syscall(SYS_bpf, command, attr, size));
}

int bsn_sys_quotactl_fd(int fd, unsigned int command, uint32_t id, void *argument)
{
	GATED("quotactl_fd", (int)syscall(SYS_quotactl_fd, fd, command, id, argument));
}

int bsn_sys_memfd(const char *name, unsigned int flags)
{
	GATED("memfd_create", memfd_create(name, flags | MFD_CLOEXEC));
}

int bsn_sys_fsopen(const char *type)
{
	GATED("fsopen", (int)syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */));
}

int bsn_sys_fsconfig(int fd, unsigned int command, const char *key, const void *value, int aux)
{
	GATED("fsconfig", (int)syscall(SYS_fsconfig, fd, command, key, value, aux));
}

int bsn_sys_fsmount(int fd, unsigned int attributes)
{
	GATED("fsmount", (int)syscall(SYS_fsmount, fd, 1 /* FSMOUNT_CLOEXEC */, attributes));
}

int bsn_sys_open_tree(int dirfd, const char *path, unsigned int flags)
{
	GATED("open_tree", (int)syscall(SYS_open_tree, dirfd, path, flags | O_CLOEXEC));
}

int bsn_sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	GATED("move_mount", (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags));
}

int bsn_sys_mount_setattr(int dirfd, const char *path, unsigned int flags, struct mount_attr *attr)
{
	GATED("mount_setattr", (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, 32 /* MOUNT_ATTR_SIZE_VER0 */));
}

int bsn_sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
	GATED("mount", mount(source, target, type, flags, data));
}

int bsn_sys_clone3(struct clone_args *args)
{
	GATED("clone3", (int)syscall(SYS_clone3, args, sizeof(*args)));
}

int bsn_sys_unshare(int flags)
{
	GATED("unshare", unshare(flags));
}

int bsn_sys_setns(int fd, int flags)
{
	GATED("setns", setns(fd, flags));
}

int bsn_sys_pidfd_open(pid_t pid)
{
	GATED("pidfd_open", (int)syscall(SYS_pidfd_open, pid, 0));
}

int bsn_sys_pidfd_send_signal(int pidfd, int signal)
{
	GATED("pidfd_send_signal", (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int bsn_sys_pidfd_getfd(int pidfd, int fd)
{
	GATED("pidfd_getfd", (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0));
}

int bsn_sys_waitid_pidfd(int pidfd, siginfo_t *ret_info, int flags)
{
	int r = BSN_RETRY(waitid(P_PIDFD, (id_t)pidfd, ret_info, flags));
	return r < 0 ? -errno : 0;
}

int bsn_sys_poll(struct pollfd *fds, size_t count, int timeout_ms)
{
	int r = BSN_RETRY(poll(fds, count, timeout_ms));
	return r < 0 ? -errno : r;
}

int bsn_sys_socket(int domain, int type, int protocol)
{
	GATED("socket", socket(domain, type | SOCK_CLOEXEC, protocol));
}

int bsn_sys_socketpair(int type, int ret_fds[2])
{
	GATED("socketpair", socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds));
}

int bsn_sys_pipe(int ret_fds[2])
{
	GATED("pipe2", pipe2(ret_fds, O_CLOEXEC));
}
