/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/attend.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "runtime/console.h"
#include "runtime/notify.h"

enum { PROCESS, SIGNALS, INPUT, MASTER, REPORTS, WATCHED };

int bsn_attend_begin(bool adopt, struct basin_error *err)
{
	sigset_t set;
	memset(&set, 0xff, sizeof(set)); /* really all: sigfillset leaves out what a C library keeps for itself */
	/* These are about ourselves. */
	if (!adopt)
		sigdelset(&set, SIGCHLD);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGFPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		return bsn_fail_sys(err, errno, "cannot watch for signals");
	if (adopt)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return fd;
}

/* All that ended, but for the process itself, whose status is still wanted. */
static void reap_adopted(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 && info.si_pid != pid) {
		waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
		info.si_pid = 0;
	}
}

static void hand_on(const struct bsn_attend *attend, const struct bsn_console *console)
{
	struct signalfd_siginfo info;
	if (BSN_RETRY(read(attend->signals, &info, sizeof(info))) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH && console->master >= 0)
		bsn_console_resize(console);
	else if (info.ssi_signo == SIGCHLD)
		reap_adopted(attend->pid);
	else if (info.ssi_signo != SIGPIPE && info.ssi_signo != SIGURG)
		bsn_sys_pidfd_send_signal(attend->pidfd, (int)info.ssi_signo);
}

static int end_of(int pidfd, int *ret_status, struct basin_error *err)
{
	siginfo_t info = { 0 };
	int r = bsn_sys_waitid_pidfd(pidfd, &info, WEXITED);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot wait for the container's process");
	*ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return 0;
}

/* What was written last is still in the terminal when its writers are gone. */
static void drain(const struct bsn_console *console)
{
	struct pollfd ready = { .fd = console->master, .events = POLLIN };
	while (console->master >= 0 && bsn_sys_poll(&ready, 1, 0) > 0 && bsn_console_move(console->master, STDOUT_FILENO) > 0)
		;
}

static int watch(const struct bsn_attend *attend, struct bsn_console *console, struct basin_error *err)
{
	int reports = attend->notify;
	int output = console->master;
	for (;;) {
		struct pollfd fds[WATCHED] = {
			[PROCESS] = { .fd = attend->pidfd, .events = POLLIN },
			[SIGNALS] = { .fd = attend->signals, .events = POLLIN },
			[INPUT] = { .fd = console->master >= 0 ? console->input : -1, .events = POLLIN },
			[MASTER] = { .fd = output, .events = POLLIN },
			[REPORTS] = { .fd = reports, .events = POLLIN },
		};
		int r = bsn_sys_poll(fds, WATCHED, -1);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot wait for the container's process");
		if (fds[SIGNALS].revents != 0)
			hand_on(attend, console);
		if (fds[MASTER].revents != 0 && bsn_console_move(console->master, STDOUT_FILENO) <= 0)
			output = -1;
		if (fds[INPUT].revents != 0 && bsn_console_move(console->input, console->master) <= 0)
			console->input = -1;
		/* For the manager the service is we, and stays that: whoever waits for us waits for the payload. */
		if (fds[REPORTS].revents != 0 && bsn_notify_move(reports, getpid()) < 0)
			reports = -1;
		if (fds[PROCESS].revents != 0)
			return 0;
	}
}

int bsn_attend(const struct bsn_attend *attend, int *ret_status, struct basin_error *err)
{
	struct bsn_console console = { .master = -1, .input = -1 };
	if (attend->master >= 0)
		bsn_console_open(&console, attend->master);
	int r = watch(attend, &console, err);
	drain(&console);
	bsn_console_close(&console);
	return r < 0 ? r : end_of(attend->pidfd, ret_status, err);
}
