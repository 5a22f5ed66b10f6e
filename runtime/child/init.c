/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basin's init: the child program stays as pid 1, starts the payload as a process of its own, hands on the signals it gets, reaps
 * what is orphaned, and ends as the payload does. With no payload it waits for a signal that asks it to end.
 */
#include "runtime/child/child.h"

#include <linux/close_range.h>
#include <linux/prctl.h>

#define SIGHUP     1
#define SIGINT     2
#define SIGQUIT    3
#define SIGTERM    15
#define SIGCHLD    17
#define SIGPWR     30
#define SIGRTMIN_3 37 /* what systemd takes for "halt" */
#define WNOHANG    1
#define TIOCSPGRP  0x5410

static void block_signals(void)
{
	uint64_t all = ~0ull;
	SYS4(rt_sigprocmask, 0 /* SIG_BLOCK */, &all, NULL, sizeof(all));
}

static int next_signal(void)
{
	uint64_t all = ~0ull;
	long r;
	do
		r = SYS4(rt_sigtimedwait, &all, NULL, NULL, sizeof(all));
	while (r == -EINTR || r == -EAGAIN);
	return (int)r;
}

/* Reaps all that ended. Returns the exit status if the payload was among them, else -1. */
static int reap(long payload)
{
	int status;
	int result = -1;
	for (;;) {
		long pid = SYS4(wait4, -1, &status, WNOHANG, NULL);
		if (pid <= 0)
			return result;
		if (pid == payload)
			result = (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f);
	}
}

/* pid 1 needs no descriptor: one held here would keep pipes and terminals open, or the starter waiting. */
static void settle(void)
{
	SYS3(close_range, 0, ~0u, 0);
	SYS5(prctl, PR_SET_NAME, "basin-init", 0, 0, 0);
}

int op_init(struct child *child, const struct bsn_op *op)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	(void)op;
	block_signals();
	long pid = SYS2(clone3, &args, sizeof(args));
	if (pid < 0)
		return (int)pid;
	if (pid == 0) {
		/* A process group of its own, in the foreground: what is typed at a terminal goes to the payload alone. */
		int group = (int)SYS0(getpid);
		uint64_t none = 0;
		SYS2(setpgid, 0, 0);
		SYS3(ioctl, 0, TIOCSPGRP, &group);
		SYS4(rt_sigprocmask, 2 /* SIG_SETMASK */, &none, NULL, sizeof(none));
		return 0;
	}
	(void)child;
	settle();
	for (;;) {
		int signal = next_signal();
		int status = signal == SIGCHLD ? reap(pid) : -1;
		if (status >= 0)
			leave(status);
		if (signal > 0 && signal != SIGCHLD)
			SYS2(kill, pid, signal);
	}
}

int op_idle(struct child *child, const struct bsn_op *op)
{
	(void)child;
	(void)op;
	block_signals();
	settle();
	for (;;) {
		int signal = next_signal();
		if (signal == SIGCHLD)
			reap(0);
		if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP || signal == SIGPWR ||
		    signal == SIGRTMIN_3)
			leave(0);
	}
}
