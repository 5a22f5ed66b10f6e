/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls, wrapped: each returns >= 0 or a negative errno, retries EINTR where that is right, sets close-on-exec wherever a
 * descriptor is made, and passes the fault gate. Whatever changes the host goes through here (or through a library call that
 * a step brackets). Plain reads of things already open (read, fstat, getdents) may be called directly.
 */
#ifndef BSN_BASE_SYS_H
#define BSN_BASE_SYS_H

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h> /* struct clone_args */
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#ifndef RENAME_NOREPLACE /* <linux/fs.h>, which quarrels with <sys/mount.h> */
#define RENAME_NOREPLACE 1u
#endif

struct mount_attr;

/* --- files; O_CLOEXEC is added to every flags --- */
int bsn_sys_openat(int dirfd, const char *path, int flags, mode_t mode);
int bsn_sys_openat2(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve);
int bsn_sys_mkdirat(int dirfd, const char *path, mode_t mode);
int bsn_sys_unlinkat(int dirfd, const char *path, int flags);
int bsn_sys_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags);
int bsn_sys_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int bsn_sys_symlinkat(const char *target, int dirfd, const char *path);
int bsn_sys_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev);
int bsn_sys_fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags);
int bsn_sys_fchmod(int fd, mode_t mode);
int bsn_sys_fchmodat(int dirfd, const char *path, mode_t mode);
int bsn_sys_utimensat(int dirfd, const char *path, const struct timespec times[2], int flags);
int bsn_sys_fsetxattr(int fd, const char *name, const void *value, size_t size);
int bsn_sys_setxattr(const char *path, const char *name, const void *value, size_t size);
int bsn_sys_ftruncate(int fd, off_t size);
int bsn_sys_fallocate(int fd, int mode, off_t offset, off_t length);
int bsn_sys_fsync(int fd);
int bsn_sys_syncfs(int fd);
ssize_t bsn_sys_write(int fd, const void *data, size_t length);
ssize_t bsn_sys_pwrite(int fd, const void *data, size_t length, off_t offset);
int bsn_sys_ioctl(int fd, unsigned long request, void *argument);
/* bpf(2); attr is a union bpf_attr. */
int bsn_sys_bpf(int command, void *attr, size_t size);
/* quotactl_fd(2): the quota of the file system that fd is on. */
int bsn_sys_quotactl_fd(int fd, unsigned int command, uint32_t id, void *argument);
int bsn_sys_memfd(const char *name, unsigned int flags);

/* --- mounts, by descriptor (see mount_setattr(2), open_tree(2), fsopen(2)) --- */
int bsn_sys_fsopen(const char *type);
int bsn_sys_fsconfig(int fd, unsigned int command, const char *key, const void *value, int aux);
int bsn_sys_fsmount(int fd, unsigned int attributes);
int bsn_sys_open_tree(int dirfd, const char *path, unsigned int flags);
int bsn_sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags);
int bsn_sys_mount_setattr(int dirfd, const char *path, unsigned int flags, struct mount_attr *attr);
int bsn_sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);

/* --- processes --- */
int bsn_sys_clone3(struct clone_args *args);
int bsn_sys_unshare(int flags);
int bsn_sys_setns(int fd, int flags);
int bsn_sys_pidfd_open(pid_t pid);
int bsn_sys_pidfd_send_signal(int pidfd, int signal);
/* A copy of another process's descriptor, of the same open file description. */
int bsn_sys_pidfd_getfd(int pidfd, int fd);
/* Waits for the child behind pidfd; *ret_info as waitid(2). flags: WEXITED and friends. */
int bsn_sys_waitid_pidfd(int pidfd, siginfo_t *ret_info, int flags);
/* -1 waits without limit. Returns the number of ready descriptors, 0 on time-out. */
struct pollfd;
int bsn_sys_poll(struct pollfd *fds, size_t count, int timeout_ms);

/* --- sockets and pipes --- */
int bsn_sys_socket(int domain, int type, int protocol);
int bsn_sys_socketpair(int type, int ret_fds[2]);
int bsn_sys_pipe(int ret_fds[2]);

/* Waits until errno is not EINTR: ssize_t n = BSN_RETRY(read(fd, ...)); */
#define BSN_RETRY(call)                                                                                                          \
	({                                                                                                                       \
		__typeof__(call) result_;                                                                                        \
		do                                                                                                               \
			result_ = (call);                                                                                        \
		while (result_ == -1 && errno == EINTR);                                                                         \
		result_;                                                                                                         \
	})

#endif
