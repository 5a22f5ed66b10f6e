/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/monitor/report.h"

#define KILL_EVERY_MS 50
#define END_WAIT_MS   (30 * 1000) /* after SIGKILL: for the kernel, and for `env down` */

int bsn_monitor_alive(const struct basin *basin, const char *name)
{
	auto_fd int dir = -1;
	int r = bsn_env_dir(basin, name, &dir, NULL);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : bsn_lock_held(dir, BSN_MONITOR_LOCK);
}

static void nap(int64_t ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	nanosleep(&time, NULL);
}

int bsn_monitor_wait(const struct basin *basin, const char *name, int64_t timeout_ms)
{
	int64_t step = 2;
	for (int64_t waited = 0;; waited += step) {
		int r = bsn_monitor_alive(basin, name);
		if (r <= 0)
			return r;
		if (timeout_ms >= 0 && waited >= timeout_ms)
			return -EAGAIN;
		nap(step);
		if (step < 50)
			step += 2;
	}
}

int bsn_monitor_set_intent(const struct basin *basin, const char *name, bool running, struct basin_error *err)
{
	auto_fd int dir = -1;
	const char *text = running ? "running\n" : "stopped\n";
	int r = bsn_env_dir(basin, name, &dir, err);
	if (r < 0)
		return r;
	r = bsn_replace_file(dir, BSN_MONITOR_INTENT, text, strlen(text), 0600, true);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot note that environment \"%s\" is to be %s", name,
				    running ? "running" : "stopped")
		     : 0;
}

bool bsn_monitor_intent_running(const struct basin *basin, const char *name)
{
	auto_fd int dir = -1;
	auto_free char *text = NULL;
	if (bsn_env_dir(basin, name, &dir, NULL) < 0 || bsn_read_file(dir, BSN_MONITOR_INTENT, 64, &text, NULL) < 0)
		return false;
	return bsn_starts_with(text, "running");
}

/* --- start --- */

static int spawn_monitor(struct basin *basin, const struct bsn_env *env, int report, pid_t *ret_pid, struct basin_error *err)
{
	auto_free char *monitor = NULL;
	auto_free char *manage = NULL;
	char max[24];
	snprintf(max, sizeof(max), "%lld", (long long)env->restart_max);
	int r = bsn_helper_path("basin-monitor", &monitor, err);
	if (r >= 0)
		r = bsn_helper_path("basin-manage", &manage, err);
	if (r < 0)
		return r;
	const char *argv[] = { monitor,
			       "--manage",
			       manage,
			       "--root",
			       basin->root,
			       "--data-root",
			       basin->data_root,
			       "--cgroup-root",
			       basin->cgroup_root,
			       "--restart",
			       env->restart,
			       "--restart-max",
			       max,
			       env->name,
			       NULL };
	const int fds[] = { -1, -1, -1, report };
	const struct bsn_spawn spawn = { .path = monitor, .argv = argv, .fds = fds, .fd_count = 4 };
	return bsn_spawn(&spawn, ret_pid, err);
}

static int read_report(int fd, const char *name, struct basin_error *err)
{
	struct bsn_report report;
	ssize_t n = BSN_RETRY(read(fd, &report, sizeof(report)));
	if (n != (ssize_t)sizeof(report) || report.magic != BSN_REPORT_MAGIC)
		return bsn_fail(err, BASIN_INTERNAL, EIO, "the monitor of environment \"%s\" died while starting it", name);
	if (report.kind == BSN_REPORT_STARTED)
		return 0;
	report.err.text[sizeof(report.err.text) - 1] = '\0';
	report.err.where[sizeof(report.err.where) - 1] = '\0';
	if (err != NULL)
		*err = report.err;
	return report.err.sys > 0 ? -report.err.sys : -EIO;
}

int bsn_monitor_start(struct basin *basin, const struct bsn_env *env, struct basin_error *err)
{
	pid_t pid;
	int ends[2];
	int r = bsn_monitor_set_intent(basin, env->name, true, err);
	if (r < 0)
		return r;
	r = bsn_sys_pipe(ends);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a pipe");
	auto_fd int in = ends[0];
	r = spawn_monitor(basin, env, ends[1], &pid, err);
	close(ends[1]);
	if (r >= 0)
		r = read_report(in, env->name, err);
	if (r < 0) {
		/* It cleans up after a failed start before it ends, and whoever comes next may count on that. */
		(void)bsn_monitor_wait(basin, env->name, END_WAIT_MS);
		(void)waitpid(pid, NULL, WNOHANG);
	}
	return r;
}

/* --- stop --- */

/* Tells the living monitor to stop; its lock file has its pid, and its start time so that a pid used again is not taken for it. */
static void signal_monitor(const struct basin *basin, const char *name)
{
	auto_fd int dir = -1;
	auto_free char *text = NULL;
	struct bsn_process process;
	unsigned long long start;
	int pid;
	if (bsn_env_dir(basin, name, &dir, NULL) < 0 || bsn_read_file(dir, BSN_MONITOR_LOCK, 64, &text, NULL) < 0)
		return;
	if (sscanf(text, "%d %llu", &pid, &start) != 2)
		return;
	process = (struct bsn_process){ .pid = pid, .start = start };
	auto_fd int pidfd = bsn_process_open(&process);
	if (pidfd >= 0)
		(void)bsn_sys_pidfd_send_signal(pidfd, SIGTERM);
}

/* Again and again, since `env up` may be about to make the very container that is to be killed. */
static int kill_until_gone(struct basin *basin, const char *name, struct basin_error *err)
{
	struct bsn_runtime runtime = bsn_basin_runtime(basin);
	for (int waited = 0; waited < END_WAIT_MS; waited += KILL_EVERY_MS) {
		(void)bsn_container_kill(&runtime, name, SIGKILL, true, NULL);
		int r = bsn_monitor_wait(basin, name, KILL_EVERY_MS);
		if (r != -EAGAIN)
			return r < 0 ? bsn_fail_sys(err, -r, "cannot see whether environment \"%s\" is down", name) : 0;
	}
	return bsn_fail(err, BASIN_TIMEOUT, ETIMEDOUT, "environment \"%s\" did not go down within %d s after SIGKILL", name,
			END_WAIT_MS / 1000);
}

/* What a monitor that died left: the container, if there is one, and everything `env down` takes away. */
static int clean_up(struct basin *basin, const char *name, struct basin_error *err)
{
	int r = bsn_env_down(basin, name, true, err);
	return r == -ENOENT ? 0 : r;
}

int bsn_monitor_stop(struct basin *basin, const char *name, int64_t timeout_ms, struct basin_error *err)
{
	int r = bsn_monitor_alive(basin, name);
	if (r > 0) {
		r = bsn_monitor_set_intent(basin, name, false, err);
		if (r < 0)
			return r;
		signal_monitor(basin, name);
		r = bsn_monitor_wait(basin, name, timeout_ms);
		if (r == -EAGAIN)
			r = kill_until_gone(basin, name, err);
		if (r < 0)
			return r;
	}
	return clean_up(basin, name, err);
}
