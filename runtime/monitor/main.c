/* SPDX-License-Identifier: Apache-2.0 */
/* basin-monitor: reads its few options, lets go of whoever started it, and
 * watches. See runtime/monitor/monitor.h. */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/proc.h"
#include "base/size.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/monitor/monitor.h"

#define LOG_MAX      (10 * 1024 * 1024)
#define LOCK_WAIT_MS 2000

enum { OPT_MANAGE = 1, OPT_ROOT, OPT_DATA_ROOT, OPT_CGROUP_ROOT, OPT_RESTART, OPT_RESTART_MAX, OPT_LOG_MAX };

static int parse(struct bsn_monitor *monitor, int argc, char **argv)
{
	static const struct option options[] = {
		{ "manage", required_argument, NULL, OPT_MANAGE },
		{ "root", required_argument, NULL, OPT_ROOT },
		{ "data-root", required_argument, NULL, OPT_DATA_ROOT },
		{ "cgroup-root", required_argument, NULL, OPT_CGROUP_ROOT },
		{ "restart", required_argument, NULL, OPT_RESTART },
		{ "restart-max", required_argument, NULL, OPT_RESTART_MAX },
		{ "log-max", required_argument, NULL, OPT_LOG_MAX },
		{ NULL, 0, NULL, 0 },
	};
	int option;
	int r = 0;
	while (r >= 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case OPT_MANAGE:
			monitor->manage = optarg;
			break;
		case OPT_ROOT:
			monitor->root = optarg;
			break;
		case OPT_DATA_ROOT:
			monitor->data_root = optarg;
			break;
		case OPT_CGROUP_ROOT:
			monitor->cgroup_root = optarg;
			break;
		case OPT_RESTART:
			r = bsn_monitor_parse_restart(optarg, &monitor->restart);
			break;
		case OPT_RESTART_MAX:
			r = bsn_parse_count(optarg, &monitor->restart_max);
			break;
		case OPT_LOG_MAX:
			r = bsn_parse_count(optarg, &monitor->log_max);
			break;
		default:
			r = -EINVAL;
		}
	if (r < 0 || optind != argc - 1 || !monitor->manage || !monitor->root || !monitor->data_root || !monitor->cgroup_root)
		return -EINVAL;
	monitor->name = argv[optind];
	return 0;
}

static int take_lock(struct bsn_monitor *monitor, struct basin_error *err)
{
	struct bsn_process self;
	char text[64];
	auto_str struct bsn_str path = { 0 };
	bsn_str_addf(&path, "%s/envs/%s", monitor->data_root, monitor->name);
	monitor->env_fd = bsn_sys_openat(AT_FDCWD, bsn_str_text(&path), O_RDONLY | O_DIRECTORY, 0);
	if (monitor->env_fd < 0)
		return bsn_fail_sys(err, -monitor->env_fd, "cannot open \"%s\"", bsn_str_text(&path));
	int r = bsn_lock_take(monitor->env_fd, BSN_MONITOR_LOCK, BSN_LOCK_EXCLUSIVE, LOCK_WAIT_MS, &monitor->lock_fd);
	if (r == -EAGAIN)
		return bsn_fail(err, BASIN_CONFLICT, EAGAIN, "environment \"%s\" is running already", monitor->name);
	if (r >= 0)
		r = bsn_process_identify(getpid(), &self);
	if (r >= 0)
		r = bsn_format(text, sizeof(text), "%d %llu\n", (int)self.pid, (unsigned long long)self.start);
	if (r >= 0)
		r = bsn_sys_ftruncate(monitor->lock_fd, 0);
	if (r >= 0)
		r = (int)bsn_sys_pwrite(monitor->lock_fd, text, strlen(text), 0);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot lock environment \"%s\"", monitor->name) : 0;
}

static int open_pipes(struct bsn_monitor *monitor, struct basin_error *err)
{
	int ends[2];
	int r = bsn_sys_pipe(ends);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make a pipe");
	monitor->pipe_in = ends[0];
	monitor->pipe_out = ends[1];
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	if (mkfifoat(monitor->env_fd, BSN_MONITOR_STDIN, 0600) < 0 && errno != EEXIST)
		return bsn_fail_sys(err, errno, "cannot make the input fifo of environment \"%s\"", monitor->name);
	monitor->fifo = bsn_sys_openat(monitor->env_fd, BSN_MONITOR_STDIN, O_RDWR | O_NOFOLLOW, 0);
	return monitor->fifo < 0
		       ? bsn_fail_sys(err, -monitor->fifo, "cannot open the input fifo of environment \"%s\"", monitor->name)
		       : 0;
}

static int open_signals(struct bsn_monitor *monitor, struct basin_error *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	monitor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return monitor->signals < 0 ? bsn_fail_sys(err, errno, "cannot watch signals") : 0;
}

/* Into <cgroup root>/monitor, outside every pool and outside the caller's
 * session, which may be killed as a whole. A host that does not let us is still
 * served from where we are. */
static void join_cgroup(const struct bsn_monitor *monitor)
{
	auto_str struct bsn_str path = { 0 };
	bsn_str_addf(&path, "%s/monitor", monitor->cgroup_root);
	auto_fd int fd = bsn_open_dirs(AT_FDCWD, bsn_str_text(&path), 0755);
	if (fd >= 0)
		(void)bsn_write_file(fd, "cgroup.procs", "0");
}

static int set_up(struct bsn_monitor *monitor, struct basin_error *err)
{
	(void)fcntl(monitor->report_fd, F_SETFD, FD_CLOEXEC);
	umask(022); /* env up makes cgroups and directories that the environment may look into */
	setsid();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return bsn_fail_sys(err, errno, "cannot become the reaper of environment \"%s\"", monitor->name);
	join_cgroup(monitor);
	int r = take_lock(monitor, err);
	if (r >= 0)
		r = open_signals(monitor, err);
	if (r >= 0)
		r = bsn_monitor_log_open(monitor, err);
	if (r >= 0)
		r = open_pipes(monitor, err);
	if (r >= 0 && chdir("/") < 0)
		r = bsn_fail_sys(err, errno, "cannot change to \"/\"");
	return r;
}

int main(int argc, char **argv)
{
	static struct bsn_monitor monitor = {
		.log_max = LOG_MAX,
		.env_fd = -1,
		.lock_fd = -1,
		.report_fd = BSN_MONITOR_REPORT_FD,
		.log_fd = -1,
		.up_report = -1,
		.stop_signal = SIGTERM,
	};
	struct basin_error err = { 0 };
	if (parse(&monitor, argc, argv) < 0) {
		fprintf(stderr, "basin-monitor: this is run by \"basin env launch\" and "
				"\"basin env start\", not by hand\n");
		return BASIN_USAGE;
	}
	if (set_up(&monitor, &err) < 0) {
		bsn_monitor_tell(&monitor, BSN_REPORT_FAILED, &err);
		return 1;
	}
	return bsn_monitor_watch(&monitor);
}
