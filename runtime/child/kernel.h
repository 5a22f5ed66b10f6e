/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel as the child sees it: raw system calls that return a value or a negative errno, and the structures they take. */
#ifndef BSN_RUNTIME_CHILD_KERNEL_H
#define BSN_RUNTIME_CHILD_KERNEL_H

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
static inline long kernel6(long nr, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static inline long kernel6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
#else
#error "the child has no system call for this architecture yet"
#endif

#define SYS6(name, a, b, c, d, e, f) kernel6(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS5(name, a, b, c, d, e)    SYS6(name, a, b, c, d, e, 0)
#define SYS4(name, a, b, c, d)       SYS6(name, a, b, c, d, 0, 0)
#define SYS3(name, a, b, c)          SYS6(name, a, b, c, 0, 0, 0)
#define SYS2(name, a, b)             SYS6(name, a, b, 0, 0, 0, 0)
#define SYS1(name, a)                SYS6(name, a, 0, 0, 0, 0, 0)
#define SYS0(name)                   SYS6(name, 0, 0, 0, 0, 0, 0)

/* What is a file, without the layouts of struct stat: statx(2). */
#include <linux/stat.h>

static inline int sys_statx(int fd, struct statx *st)
{
	return (int)SYS5(statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, st);
}

static inline int sys_close(int fd)
{
	return (int)SYS1(close, fd);
}

static inline int sys_openat(int dirfd, const char *path, int flags, int mode)
{
	return (int)SYS4(openat, dirfd, path, flags | O_CLOEXEC, mode);
}

static inline int sys_openat2(int dirfd, const char *path, int flags, int mode, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
				.mode = (uint64_t)(unsigned int)mode,
				.resolve = resolve };
	long r;
	int tries = 0;
	do
		r = SYS4(openat2, dirfd, path, &how, sizeof(how));
	while ((r == -EAGAIN || r == -EINTR) && tries++ < 128);
	return (int)r;
}

static inline int sys_open_tree(int dirfd, const char *path, unsigned int flags)
{
	return (int)SYS3(open_tree, dirfd, path, flags | OPEN_TREE_CLOEXEC);
}

/* Attaches the detached mount from at the place that to is open on. */
static inline int sys_attach(int from, int to)
{
	return (int)SYS5(move_mount, from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static inline int sys_mount_setattr(int fd, const char *path, unsigned int flags, uint64_t set, uint64_t clear,
				    uint64_t propagation)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear, .propagation = propagation };
	return (int)SYS5(mount_setattr, fd, path, flags, &attr, MOUNT_ATTR_SIZE_VER0);
}

#define STAT_TYPE      0170000
#define STAT_DIRECTORY 0040000
#define STAT_FILE      0100000
#define STAT_LINK      0120000
#define STAT_CHAR      0020000
#define STAT_BLOCK     0060000
#define STAT_FIFO      0010000

/* <sys/mount.h> and <linux/fs.h> disagree with each other; these are all the child needs of them. */
#define MOUNT_RDONLY      1ul
#define MOUNT_NOSUID      2ul
#define MOUNT_NODEV       4ul
#define MOUNT_NOEXEC      8ul
#define MOUNT_SYNCHRONOUS 16ul
#define MOUNT_REMOUNT     32ul
#define MOUNT_MANDLOCK    64ul
#define MOUNT_DIRSYNC     128ul
#define MOUNT_NOSYMFOLLOW 256ul
#define MOUNT_NOATIME     1024ul
#define MOUNT_NODIRATIME  2048ul
#define MOUNT_BIND        4096ul
#define MOUNT_MOVE        8192ul
#define MOUNT_REC         16384ul
#define MOUNT_UNBINDABLE  (1ul << 17)
#define MOUNT_PRIVATE     (1ul << 18)
#define MOUNT_SLAVE       (1ul << 19)
#define MOUNT_SHARED      (1ul << 20)
#define MOUNT_RELATIME    (1ul << 21)
#define MOUNT_STRICTATIME (1ul << 24)
#define MOUNT_LAZYTIME    (1ul << 25)
#define UNMOUNT_DETACH    2
#define UNMOUNT_NOFOLLOW  8

/* statfs(2): the two words of it that are asked for. */
struct file_system {
	uint64_t type;
	uint64_t rest[9];
	uint64_t flags; /* ST_ */
	uint64_t spare[4];
};
#define ST_ATIMES      (1024ul | 2048ul | 4096ul)
#define ST_NOATIME     1024ul
#define ST_NODIRATIME  2048ul
#define ST_RELATIME    4096ul
#define ST_NOSYMFOLLOW 8192ul

static inline int sys_fstatfs(int fd, struct file_system *ret)
{
	return (int)SYS2(fstatfs, fd, ret);
}

#endif
