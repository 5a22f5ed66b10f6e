/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the child program is started. Its image goes into a sealed memory file and is executed from there, so what a container can find
 * as /proc/PID/exe is never a file of the host's, and never writable (CVE-2019-5736). Where memory files may not be executed it goes
 * onto a tmpfs of its own that was never attached and is read-only before anything runs from it.
 *
 * Between clone3 and execveat the child shares our memory and we sleep: it only makes system calls, on a stack of its own.
 */
#include "runtime/process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/clone.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define STACK_SIZE (64 * 1024)

extern const char bsn_child_image[] __attribute__((visibility("hidden")));
extern const char bsn_child_image_end[] __attribute__((visibility("hidden")));

void bsn_child_release(struct bsn_child *child)
{
	if (child->pidfd >= 0)
		close(child->pidfd);
	if (child->channel >= 0)
		close(child->channel);
	child->pidfd = -1;
	child->channel = -1;
}

/* --- the image --- */

static int sealed_image(void)
{
	auto_fd int fd = bsn_sys_memfd("basin-child", MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd == -EINVAL) {
		/* Before Linux 6.3 the flag is unknown, and every memory file may be executed. */
		int plain = bsn_sys_memfd("basin-child", MFD_ALLOW_SEALING);
		fd = plain;
	}
	if (fd < 0)
		return fd;
	int r = bsn_write_all(fd, bsn_child_image, (size_t)(bsn_child_image_end - bsn_child_image));
	if (r >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		r = -errno;
	return r < 0 ? r : bsn_fd_give(&fd);
}

static int write_program(int mount)
{
	auto_fd int file = bsn_sys_openat(mount, "basin-child", O_WRONLY | O_CREAT | O_EXCL, 0555);
	if (file < 0)
		return file;
	return bsn_write_all(file, bsn_child_image, (size_t)(bsn_child_image_end - bsn_child_image));
}

static int mounted_image(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_fd int fs = bsn_sys_fsopen("tmpfs");
	int r = fs < 0 ? fs : bsn_sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	auto_fd int mount = r < 0 ? r : bsn_sys_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	r = mount < 0 ? mount : write_program(mount);
	if (r >= 0)
		r = bsn_sys_mount_setattr(mount, "", AT_EMPTY_PATH, &attr);
	return r < 0 ? r : bsn_sys_openat(mount, "basin-child", O_PATH, 0);
}

static int open_image(struct basin_error *err)
{
	int fd = sealed_image();
	if (fd == -EACCES || fd == -EPERM)
		fd = mounted_image();
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot make the child program's file") : fd;
}

/* --- between clone3 and execveat --- */

struct handover {
	const struct bsn_child_start *start;
	int image;
	int procs;   /* the cgroup.procs to enter first, -1: none */
	bool began;  /* set by the child, read by us: the memory is shared */
	int failure; /* the same */
	char list[16];
};

/* In a new user namespace no id is mapped yet, and an execve keeps capabilities only through the ambient set. */
static void keep_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) < 0)
		return;
	for (int half = 0; half < 2; half++)
		data[half].inheritable = data[half].permitted;
	if (syscall(SYS_capset, &header, data) < 0)
		return;
	for (int cap = 0; cap < 64; cap++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0 && errno == EINVAL)
			break;
}

/* What clone3 does with CLONE_INTO_CGROUP: be there before the namespace that shows this cgroup as its root is made. */
static int enter_cgroup(const struct handover *handover)
{
	if (syscall(SYS_write, handover->procs, "0", 1) < 0)
		return -errno;
	return handover->start->flags & CLONE_NEWCGROUP && syscall(SYS_unshare, CLONE_NEWCGROUP) < 0 ? -errno : 0;
}

static void become_child(void *data)
{
	struct handover *handover = data;
	const struct bsn_child_start *start = handover->start;
	char *const argv[] = { (char *)(uintptr_t) "basin-init", handover->list, NULL };
	char *const envp[] = { NULL };

	handover->began = true;
	if (handover->procs >= 0 && (handover->failure = -enter_cgroup(handover)) != 0)
		_exit(127);
	fcntl(start->list, F_SETFD, 0);
	fcntl(start->channel, F_SETFD, 0);
	for (size_t i = 0; i < start->pass_count; i++)
		if (start->pass[i] >= 0)
			fcntl(start->pass[i], F_SETFD, 0);
	if (start->flags & CLONE_NEWUSER)
		keep_capabilities();
	syscall(SYS_execveat, handover->image, "", argv, envp, AT_EMPTY_PATH);
	handover->failure = errno;
	_exit(127);
}

static int cloned(struct bsn_child *child, const struct handover *handover, long pid, int pidfd, struct basin_error *err)
{
	if (pid < 0 && (pid == -EPERM || pid == -EACCES))
		return bsn_fail_sys(err, (int)-pid, "cannot make the container's namespaces");
	if (pid < 0)
		return bsn_fail_sys(err, (int)-pid, "cannot clone the container's first process");
	child->pid = (pid_t)pid;
	child->pidfd = pidfd;
	if (handover->failure == 0)
		return 0;
	bsn_child_kill(child);
	return bsn_fail_sys(err, handover->failure, "cannot execute the child program");
}

/*
 * Since a mending of cgroup.kill (Linux 6.14, and stable ones from 5.15 on) the kernel holds the caller's cgroup against the one that clone3
 * goes into: where one of them was killed once and the other was not, it ends the child before its first instruction. Such a child is
 * made again, outside, and goes in by itself.
 */
static long clone_again(struct clone_args *args, struct handover *handover, int *pidfd, void *stack)
{
	siginfo_t info;
	bsn_sys_waitid_pidfd(*pidfd, &info, WEXITED);
	bsn_own_close(pidfd);
	*pidfd = -1;
	auto_fd int procs = bsn_sys_openat((int)args->cgroup, "cgroup.procs", O_WRONLY, 0);
	if (procs < 0)
		return procs;
	handover->procs = procs;
	args->flags &= ~(uint64_t)(CLONE_INTO_CGROUP | CLONE_NEWCGROUP);
	return bsn_clone_shared(args, stack, STACK_SIZE, become_child, handover);
}

int bsn_child_start(const struct bsn_child_start *start, struct bsn_child *child, struct basin_error *err)
{
	struct handover handover = { .start = start, .procs = -1 };
	int pidfd = -1;
	struct clone_args args = {
		.flags = start->flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	if (start->cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)start->cgroup;
	}
	snprintf(handover.list, sizeof(handover.list), "%d", start->list);
	auto_fd int image = open_image(err);
	if (image < 0)
		return image;
	handover.image = image;
	/* One is enough: we sleep until the child has left it, and there are no threads. */
	static _Alignas(16) unsigned char stack[STACK_SIZE];
	long pid = bsn_clone_shared(&args, stack, sizeof(stack), become_child, &handover);
	if (pid > 0 && !handover.began && start->cgroup >= 0)
		pid = clone_again(&args, &handover, &pidfd, stack);
	return cloned(child, &handover, pid, pidfd, err);
}

/* --- the conversation --- */

/* The child's words and the errno's. */
static int explain(struct bsn_message *message, struct basin_error *err)
{
	char reason[BSN_ERROR_WORDS];
	/* It may quote a path of the config's, and those may hold anything but NUL. A message is one line. */
	for (char *at = message->text; *at != '\0'; at++)
		if ((unsigned char)*at < ' ')
			*at = '?';
	if (message->text[0] == '\0')
		return bsn_fail(err, BASIN_INTERNAL, EPROTO, "the container's first process failed without a word");
	int sys = message->value > 0 ? message->value : EIO;
	/* What is missing in there is what the config named: the command, a directory. */
	int code = message->value == ENOENT ? BASIN_NOT_FOUND : bsn_error_code_of(message->value);
	if (message->value <= 0)
		return bsn_fail(err, BASIN_FAILED, sys, "%s", message->text);
	return bsn_fail(err, code, sys, "%s: %s", message->text, bsn_error_words(sys, reason));
}

int bsn_child_receive(int channel, struct bsn_message *ret_message, int *ret_fd, struct basin_error *err)
{
	struct bsn_message message = { .type = BSN_MESSAGE_NONE };
	int fd = -1;
	size_t count = 0;
	ssize_t n = bsn_recv_fds(channel, &message, sizeof(message) - 1, &fd, 1, &count);
	/* That it has ended without reading all of ours is told before its own last words are. */
	if (n == -ECONNRESET)
		n = bsn_recv_fds(channel, &message, sizeof(message) - 1, &fd, 1, &count);
	if (n == 0 || n == -ECONNRESET)
		return 0;
	if (n < 0)
		return bsn_fail_sys(err, (int)-n, "cannot hear the container's first process");
	auto_fd int got = count > 0 ? fd : -1;
	if ((size_t)n < BSN_MESSAGE_HEAD)
		return bsn_fail(err, BASIN_INTERNAL, EPROTO, "the container's first process sent a short message");
	((char *)&message)[n] = '\0';
	if (message.type == BSN_MESSAGE_ERROR)
		return explain(&message, err);
	*ret_message = message;
	if (ret_fd != NULL)
		*ret_fd = bsn_fd_give(&got);
	return 1;
}

int bsn_child_expect(int channel, uint32_t type, struct bsn_message *ret_message, int *ret_fd, struct basin_error *err)
{
	int fd = -1;
	int r = bsn_child_receive(channel, ret_message, &fd, err);
	auto_fd int got = fd;
	if (r == 0)
		return bsn_fail(err, BASIN_INTERNAL, EPROTO, "the container's first process ended without a word");
	if (r > 0 && ret_message->type != type)
		r = bsn_fail(err, BASIN_INTERNAL, EPROTO, "the container's first process sent message %u in place of %u",
			     ret_message->type, type);
	if (r >= 0 && ret_fd != NULL)
		*ret_fd = bsn_fd_give(&got);
	return r < 0 ? r : 0;
}

int bsn_child_send(int channel, uint32_t type, int fd, struct basin_error *err)
{
	const struct bsn_message message = { .type = type };
	int r = bsn_send_fds(channel, &message, BSN_MESSAGE_HEAD, &fd, fd >= 0 ? 1 : 0);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot talk to the container's first process") : 0;
}

void bsn_child_kill(struct bsn_child *child)
{
	siginfo_t info;
	if (child->pidfd < 0)
		return;
	bsn_sys_pidfd_send_signal(child->pidfd, SIGKILL);
	bsn_sys_waitid_pidfd(child->pidfd, &info, WEXITED);
}
