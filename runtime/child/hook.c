/* SPDX-License-Identifier: Apache-2.0 */
/* The container's own hooks: createContainer before the pivot, startContainer before the program. What they write is kept, and its end told
 * when one fails. */
#include "runtime/child/child.h"

#include <linux/close_range.h>

#define WAIT_PIDFD  3
#define WAIT_EXITED 4
#define EXITED      1 /* CLD_EXITED */
#define POLL_IN     1
#define END_OF_FILE 2 /* SEEK_END */
#define SAID_ROOM   256

#define SIGNAL_CHILD  17
#define SIGNAL_SYSTEM 31 /* SIGSYS, in runc's words */

struct poll_fd {
	int32_t fd;
	int16_t events;
	int16_t revents;
};

__attribute__((noreturn)) static void become_hook(struct child *child, const struct bsn_op *op, int said)
{
	char *empty[] = { NULL };
	char *const *argv = op_vector(child, op, 1);
	char *const *envp = op_vector(child, op, 2);
	if (envp == NULL)
		envp = child->envp != NULL ? child->envp : empty;
	if (child->state >= 0) {
		SYS3(lseek, child->state, 0, 0);
		SYS3(dup3, child->state, 0, 0);
	}
	for (int stream = 1; stream <= 2; stream++) {
		int to = child->hook_output[stream - 1] >= 0 ? child->hook_output[stream - 1] : said;
		if (to >= 0)
			SYS3(dup3, to, stream, 0);
	}
	if (op->number[2] != 0)
		SYS1(fchdir, child->root);
	SYS3(close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
	int r = (int)SYS3(execve, op_text(child, op, 0), argv, envp);
	const char *why = r == -ENOENT   ? "no such file or directory"
			  : r == -EACCES ? "permission denied"
					 : "it cannot be executed";
	SYS3(write, 2, why, text_length(why));
	leave(r == -ENOENT ? 127 : 126);
}

/* The end of what it wrote, on one line. */
static void add_said(struct child *child, size_t at, int said)
{
	char text[SAID_ROOM];
	long size = said < 0 ? 0 : SYS3(lseek, said, 0, END_OF_FILE);
	long from = size > SAID_ROOM - 1 ? size - (SAID_ROOM - 1) : 0;
	long n = size > 0 ? SYS4(pread64, said, text, SAID_ROOM - 1, from) : 0;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	if (n <= 0)
		return;
	text[n] = '\0';
	for (long i = 0; i < n; i++)
		if (text[i] == '\n' || text[i] == '\t')
			text[i] = ' ';
	at = text_add(child->text, at, sizeof(child->text), ": ");
	text_add(child->text, at, sizeof(child->text), text);
}

/* "error running createContainer hook #1: failed with exit code 1: "/bin/false": ..."; the first half is runc's. */
static int tell(struct child *child, const struct bsn_op *op, const char *what, int64_t number, int said)
{
	char digits[24];
	const size_t room = sizeof(child->text);
	fail_plain(child, 0, "error running ", op->number[2] != 0 ? "createContainer" : "startContainer", " hook #",
		   text_number(digits, (int64_t)op->number[1]));
	size_t at = text_add(child->text, text_length(child->text), room, what);
	at = text_add(child->text, at, room, text_number(digits, number));
	at = text_add(child->text, at, room, ": \"");
	at = text_add(child->text, at, room, op_text(child, op, 0));
	at = text_add(child->text, at, room, "\"");
	add_said(child, at, said);
	return -EIO;
}

/* waitid(2)'s code and value; the first is EXITED or a signal's. */
static int wait_for(int pidfd, int *ret_code, int *ret_value)
{
	int32_t info[32] = { 0 }; /* siginfo_t: signo, errno, code, pad, pid, uid, status */
	long r;
	do
		r = SYS5(waitid, WAIT_PIDFD, pidfd, info, WAIT_EXITED, NULL);
	while (r == -EINTR);
	*ret_code = info[2];
	*ret_value = info[6];
	return r < 0 ? (int)r : 0;
}

/* 1: it took too long and was killed. */
static int limit(const struct bsn_op *op, int pidfd)
{
	struct poll_fd poll = { .fd = pidfd, .events = POLL_IN };
	int64_t timeout[2] = { (int64_t)op->number[0], 0 };
	int r;
	if (op->number[0] == 0)
		return 0;
	do
		r = (int)SYS5(ppoll, &poll, 1, timeout, NULL, 8);
	while (r == -EINTR);
	if (r != 0)
		return 0;
	SYS4(pidfd_send_signal, pidfd, 9, NULL, 0);
	return 1;
}

/* A filter that cannot look into clone3's arguments answers ENOSYS to it, and startContainer hooks run under the container's. */
static long fork_hook(int *pidfd)
{
	struct clone_args args = { .flags = CLONE_PIDFD, .exit_signal = SIGNAL_CHILD, .pidfd = (uint64_t)(uintptr_t)pidfd };
	long pid = SYS2(clone3, &args, sizeof(args));
	return pid == -ENOSYS || pid == -EPERM ? SYS3(clone, CLONE_PIDFD | SIGNAL_CHILD, NULL, pidfd) : pid;
}

int op_hook_output(struct child *child, const struct bsn_op *op)
{
	child->hook_output[op->number[0] == 1 ? 0 : 1] = op->fd;
	return 0;
}

/* One of createContainer may have the environment of whoever runs basin, which nobody inside is to find in this process while it waits. */
static void forget(char *const *envp)
{
	for (; envp != NULL && *envp != NULL; envp++)
		for (volatile char *at = *envp; *at != '\0'; at++)
			*at = '\0';
}

int op_hook(struct child *child, const struct bsn_op *op)
{
	int pidfd = -1;
	int code = 0;
	int value = 0;
	/* Appending, since both streams go there. Without it (a kernel's limits) they stay what they are. */
	int said = (int)SYS2(memfd_create, "hook", 1u /* MFD_CLOEXEC */);
	if (said >= 0)
		SYS3(fcntl, said, 4 /* F_SETFL */, O_APPEND);
	long pid = fork_hook(&pidfd);
	if (pid == 0)
		become_hook(child, op, said);
	int r = pid < 0 ? (int)pid : 0;
	int late = r == 0 && limit(op, pidfd);
	if (r == 0)
		r = wait_for(pidfd, &code, &value);
	if (late)
		r = tell(child, op, ": ran past its timeout of seconds: ", (int64_t)op->number[0], said);
	else if (r == 0 && code != EXITED)
		r = tell(child, op,
			 value == SIGNAL_SYSTEM ? "\" was killed: bad system call, signal " : ": was killed by signal ", value,
			 said);
	else if (r == 0 && value != 0)
		r = tell(child, op, ": failed with exit code ", value, said);
	if (op->number[2] != 0)
		forget(op_vector(child, op, 2));
	if (pidfd >= 0)
		sys_close(pidfd);
	if (said >= 0)
		sys_close(said);
	return r;
}
