/* SPDX-License-Identifier: Apache-2.0 */
/* Entering namespaces: those that exist, those that are made, and the fork that some of them need. */
#include "runtime/child/child.h"

#include <linux/prctl.h>

#define NS_GET_NSTYPE 0xb703
#define SIGCHLD       17

int op_proc(struct child *child, const struct bsn_op *op)
{
	if (child->proc >= 0)
		sys_close(child->proc);
	child->proc = op->fd;
	return 0;
}

int op_wait_go(struct child *child, const struct bsn_op *op)
{
	(void)op;
	int r = expect_message(child->channel, BSN_MESSAGE_GO, NULL);
	SYS5(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	return r;
}

/*
 * A namespace belongs to a user namespace, and joining asks for privileges there. Those of the host's are joined before the user
 * namespace, those of the container's after it: all are tried first, and what was refused is tried again.
 */
int op_join(struct child *child, const struct bsn_op *op)
{
	uint32_t kind = (uint32_t)op->number[0];
	if (child->joined & kind)
		return 0;
	int r = (int)SYS2(setns, op->fd, kind);
	if (r == -EPERM && (op->flags & BSN_OP_F_TRY))
		return 0;
	/* Already there: a user namespace cannot be joined twice. Another kind of namespace is an error. */
	if (r == -EINVAL && kind == CLONE_NEWUSER && SYS3(ioctl, op->fd, NS_GET_NSTYPE, 0) == CLONE_NEWUSER)
		r = 0;
	if (r < 0)
		return fail(child, r, "failed to setns into ", op_text(child, op, 1), " namespace with path ",
			    op_text(child, op, 0));
	if (r >= 0) {
		child->joined |= kind;
		sys_close(op->fd);
	}
	return r;
}

int op_join_process(struct child *child, const struct bsn_op *op)
{
	int r = (int)SYS2(setns, op->fd, op->number[0]);
	if (r == -ESRCH)
		return fail_plain(child, r, "container not running", NULL, NULL, NULL);
	sys_close(op->fd);
	return r;
}

int op_time(struct child *child, const struct bsn_op *op)
{
	int r = (int)SYS1(unshare, CLONE_NEWTIME);
	const char *offsets = op_text(child, op, 0);
	return r < 0 || offsets[0] == '\0' ? r : proc_write(child, "self/timens_offsets", offsets);
}

/* A filter that was loaded before may not know clone3(2), or cannot look into its arguments. */
static long fork_sibling(uint64_t flags)
{
	struct clone_args args = { .flags = flags | CLONE_PARENT };
	return flags == 0 ? SYS5(clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) : SYS2(clone3, &args, sizeof(args));
}

int op_fork(struct child *child, const struct bsn_op *op)
{
	/* The successor does nothing before FORKED is said, and nothing at all where the joiner ends before it could say so. */
	int held[2];
	char said = 0;
	close_unneeded(child, op);
	int r = (int)SYS2(pipe2, held, O_CLOEXEC);
	if (r < 0)
		return r;
	long pid = fork_sibling(op->number[0]);
	if (pid < 0)
		return (int)pid;
	if (pid > 0) {
		r = send_message(child->channel, BSN_MESSAGE_FORKED, (int32_t)pid, child->op_number, "", -1);
		if (r >= 0)
			SYS3(write, held[1], &said, 1);
		leave(r < 0 ? 1 : 0);
	}
	sys_close(held[1]);
	if (SYS3(read, held[0], &said, 1) != 1)
		leave(1);
	sys_close(held[0]);
	return 0;
}

int op_unshare(struct child *child, const struct bsn_op *op)
{
	(void)child;
	return (int)SYS1(unshare, op->number[0]);
}

int op_become_root(struct child *child, const struct bsn_op *op)
{
	char digits[24];
	if (!(op->flags & BSN_OP_F_NO_GROUPS))
		SYS2(setgroups, 0, NULL); /* where the map denies it, there is nothing to drop either */
	int r = (int)SYS3(setresgid, op->number[1], op->number[1], op->number[1]);
	if (r >= 0)
		r = (int)SYS3(setresuid, op->number[0], op->number[0], op->number[0]);
	return r < 0 ? fail(child, r, "cannot become user ", text_number(digits, (int64_t)op->number[0]),
			    " of the user namespace", NULL)
		     : 0;
}

int op_hostname(struct child *child, const struct bsn_op *op)
{
	const char *name = op_text(child, op, 0);
	return (int)SYS2(sethostname, name, text_length(name));
}

int op_domainname(struct child *child, const struct bsn_op *op)
{
	const char *name = op_text(child, op, 0);
	return (int)SYS2(setdomainname, name, text_length(name));
}

int proc_write(struct child *child, const char *path, const char *text)
{
	int fd = sys_openat2(child->proc, path, O_WRONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV);
	if (fd < 0)
		return fd;
	long r = check_file_system(fd, PROC_MAGIC);
	if (r >= 0)
		r = SYS3(write, fd, text, text_length(text));
	sys_close(fd);
	return r < 0 ? (int)r : 0;
}

int op_sysctl(struct child *child, const struct bsn_op *op)
{
	char path[PATH_ROOM];
	size_t at = text_add(path, 0, sizeof(path), "sys/");
	text_add(path, at, sizeof(path), op_text(child, op, 0));
	return proc_write(child, path, op_text(child, op, 1));
}

int op_proc_write(struct child *child, const struct bsn_op *op)
{
	char path[PATH_ROOM];
	size_t at = text_add(path, 0, sizeof(path), "self/");
	text_add(path, at, sizeof(path), op_text(child, op, 0));
	int r = proc_write(child, path, op_text(child, op, 1));
	if (r == -ENOENT && op->number[0] != 0)
		return fail_plain(child, r, "apply apparmor profile `", op_text(child, op, 2), "`: profile not loaded", NULL);
	return r < 0 ? fail(child, r, "cannot set ", op_text(child, op, 2), " to ", op_text(child, op, 1)) : 0;
}

int op_network(struct child *child, const struct bsn_op *op)
{
	int fd = -1;
	(void)op;
	int r = expect_message(child->channel, BSN_MESSAGE_NETWORK, &fd);
	if (r >= 0)
		r = (int)SYS2(setns, fd, CLONE_NEWNET);
	if (fd >= 0)
		sys_close(fd);
	return r;
}

int op_loopback(struct child *child, const struct bsn_op *op)
{
	struct {
		char name[16];
		int16_t flags;
		char rest[22];
	} request = { .name = "lo", .flags = 1 /* IFF_UP */ };
	(void)child;
	(void)op;
	int fd = (int)SYS3(socket, 1 /* AF_UNIX: any socket reaches interfaces */, 0x80002 /* SOCK_DGRAM|CLOEXEC */, 0);
	if (fd < 0)
		return fd;
	int r = (int)SYS3(ioctl, fd, 0x8914 /* SIOCSIFFLAGS */, &request);
	sys_close(fd);
	return r;
}
