/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop. At any moment one of four things is under way, and only its end (or
 * SIGTERM) moves on:
 *
 *     up ----started----> init runs ----exit----> down ----policy says
 * again----> waiting ----time----> up | ^  |                              |
 *      +----failed---------------------------------+  +----policy says no---->
 * end <-+ SIGTERM
 *
 * SIGTERM means "stop and stay down": it is passed on to init as the payload's
 * stop signal, and ends a wait. SIGKILL for a payload that does not listen is
 * the caller's part (basin env stop), which has the cgroup for it.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "base/proc.h"
#include "base/sys.h"
#include "runtime/monitor/monitor.h"

#define START_FAILED                                                                                                             \
	125 /* the status of an end that was no end of the payload: it could not be  \
         started */

void bsn_monitor_tell(struct bsn_monitor *monitor, enum bsn_report_kind kind, const struct basin_error *err)
{
	if (monitor->told)
		return;
	monitor->told = true;
	struct bsn_report report = {
		.magic = BSN_REPORT_MAGIC, .kind = kind, .pid = monitor->init, .stop_signal = monitor->stop_signal
	};
	if (err != NULL)
		report.err = *err;
	if (monitor->report_fd >= 0) {
		(void)bsn_sys_write(monitor->report_fd, &report, sizeof(report));
		close(bsn_fd_give(&monitor->report_fd));
	}
}

static void note(struct bsn_monitor *monitor, const char *text)
{
	char line[sizeof(((struct basin_error *)NULL)->text) + 32];
	snprintf(line, sizeof(line), "basin-monitor: %s\n", text);
	bsn_monitor_log_text(monitor, line);
}

/* Runs `basin-manage ROOTS env VERB NAME`, with the payload's input and output,
 * the report pipe and the lock. */
static pid_t run_manage(struct bsn_monitor *monitor, const char *verb, const char *flag, int report, struct basin_error *err)
{
	const char *argv[] = { monitor->manage,
			       "--root",
			       monitor->root,
			       "--data-root",
			       monitor->data_root,
			       "--cgroup-root",
			       monitor->cgroup_root,
			       "env",
			       verb,
			       monitor->name,
			       flag,
			       NULL };
	const int fds[] = { monitor->fifo, monitor->pipe_out, monitor->pipe_out, report, monitor->lock_fd };
	const struct bsn_spawn spawn = { .path = monitor->manage, .argv = argv, .fds = fds, .fd_count = 5 };
	pid_t pid;
	int r = bsn_spawn(&spawn, &pid, err);
	return r < 0 ? r : pid;
}

static void begin_down(struct bsn_monitor *monitor, bool final)
{
	struct basin_error err = { 0 };
	monitor->final = final;
	pid_t pid = run_manage(monitor, "down", final ? "--final" : NULL, -1, &err);
	if (pid > 0) {
		monitor->down = pid;
		return;
	}
	/* Reconcile finds what is left: nobody holds the lock then, and the record is
   * there. */
	note(monitor, err.text);
	monitor->finished = true;
}

/* After init's end, or a start that failed: decide now, so that what a restart
 * will need again is not given away. */
static void after_end(struct bsn_monitor *monitor, int64_t ran_ms)
{
	bool first_failed = !monitor->told;
	int64_t delay = first_failed ? -1 : bsn_monitor_restart_delay(monitor, ran_ms);
	(void)bsn_monitor_write_exit(monitor);
	monitor->restart_at = delay < 0 ? 0 : bsn_monitor_now_ms() + delay;
	begin_down(monitor, delay < 0);
}

static void start_failed(struct bsn_monitor *monitor, const struct basin_error *err)
{
	monitor->status = START_FAILED;
	monitor->started_at = time(NULL);
	note(monitor, err->text);
	if (!monitor->told && monitor->up_report >= 0)
		close(bsn_fd_give(&monitor->up_report));
	after_end(monitor, 0);
	bsn_monitor_tell(monitor, BSN_REPORT_FAILED, err);
}

static void begin_up(struct bsn_monitor *monitor)
{
	struct basin_error err = { 0 };
	int ends[2];
	monitor->restart_at = 0;
	int r = bsn_sys_pipe(ends);
	if (r < 0) {
		bsn_fail_sys(&err, -r, "cannot make a pipe");
		start_failed(monitor, &err);
		return;
	}
	pid_t pid = run_manage(monitor, "up", NULL, ends[1], &err);
	close(ends[1]);
	monitor->up_report = ends[0];
	if (pid < 0) {
		start_failed(monitor, &err);
		return;
	}
	monitor->up = pid;
}

static void init_ended(struct bsn_monitor *monitor, int status)
{
	monitor->init = 0;
	monitor->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	while (bsn_monitor_log_pump(monitor) > 0)
		;
	after_end(monitor, bsn_monitor_now_ms() - monitor->started_ms);
}

static void up_ended(struct bsn_monitor *monitor, int status)
{
	struct bsn_report report;
	monitor->up = 0;
	ssize_t n = BSN_RETRY(read(monitor->up_report, &report, sizeof(report)));
	close(bsn_fd_give(&monitor->up_report));
	if (n != sizeof(report) || report.magic != BSN_REPORT_MAGIC) {
		bsn_fail(&report.err, BASIN_INTERNAL, EIO, "the start of environment \"%s\" ended without a word, with status %d",
			 monitor->name, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		report.kind = BSN_REPORT_FAILED;
	}
	if (report.kind != BSN_REPORT_STARTED) {
		report.err.text[sizeof(report.err.text) - 1] = '\0';
		start_failed(monitor, &report.err);
		return;
	}
	monitor->init = report.pid;
	monitor->stop_signal = report.stop_signal;
	monitor->started_ms = bsn_monitor_now_ms();
	monitor->started_at = time(NULL);
	bsn_monitor_tell(monitor, BSN_REPORT_STARTED, NULL);
	siginfo_t info;
	if (waitid(P_PID, (id_t)monitor->init, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
		/* Not ours: it ended while up lived, and somebody took its status. */
		note(monitor, "the payload ended before it could be watched");
		init_ended(monitor, START_FAILED << 8 /* as wait(2) has it */);
	} else if (monitor->stopping) {
		kill(monitor->init, monitor->stop_signal); /* ours, and not reaped yet: the pid is its */
	}
}

static void down_ended(struct bsn_monitor *monitor, int status)
{
	monitor->down = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		note(monitor, "cleaning up failed: run \"basin reconcile\"");
	if (monitor->final)
		monitor->finished = true;
	else if (monitor->stopping || bsn_monitor_user_stopped(monitor))
		begin_down(monitor, true);
}

/* While `env up` runs nobody else is taken: an init whose end overtook the
 * report waits as a zombie until its pid is known. */
static void reap(struct bsn_monitor *monitor)
{
	int status;
	if (monitor->up != 0) {
		if (BSN_RETRY(waitpid(monitor->up, &status, WNOHANG)) != monitor->up)
			return;
		up_ended(monitor, status);
	}
	for (;;) {
		pid_t pid = BSN_RETRY(waitpid(-1, &status, WNOHANG));
		if (pid <= 0)
			return;
		if (pid == monitor->init)
			init_ended(monitor, status);
		else if (pid == monitor->down)
			down_ended(monitor, status);
	}
}

static void take_signals(struct bsn_monitor *monitor)
{
	struct signalfd_siginfo info;
	while (BSN_RETRY(read(monitor->signals, &info, sizeof(info))) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		monitor->stopping = true;
		if (monitor->init != 0)
			kill(monitor->init, monitor->stop_signal);
	}
	reap(monitor);
	if (monitor->stopping && monitor->restart_at != 0 && monitor->down == 0) {
		monitor->restart_at = 0;
		begin_down(monitor, true);
	}
}

static int wait_ms(const struct bsn_monitor *monitor)
{
	if (monitor->restart_at == 0 || monitor->down != 0)
		return -1;
	int64_t left = monitor->restart_at - bsn_monitor_now_ms();
	return left < 0 ? 0 : (int)left;
}

int bsn_monitor_watch(struct bsn_monitor *monitor)
{
	begin_up(monitor);
	while (!monitor->finished) {
		struct pollfd fds[] = { { .fd = monitor->signals, .events = POLLIN },
					{ .fd = monitor->pipe_in, .events = POLLIN } };
		int n = bsn_sys_poll(fds, 2, wait_ms(monitor));
		if (n > 0 && fds[1].revents != 0)
			bsn_monitor_log_pump(monitor);
		if (n > 0 && fds[0].revents != 0)
			take_signals(monitor);
		if (wait_ms(monitor) == 0) {
			monitor->restarts++;
			begin_up(monitor);
		}
	}
	while (bsn_monitor_log_pump(monitor) > 0)
		;
	return monitor->status == START_FAILED ? 1 : 0;
}
