/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a cgroup, taken as a whole: killed, signalled, frozen, counted, waited for.
 *
 * The kernel tells of a change of cgroup.events by POLLPRI on it; every wait here is read, test, poll, so that a change between
 * two of them is not lost. A cgroup that is gone (ENOENT, ENODEV) has no processes and is not frozen.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/cgroup.h"

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

/* The value of "key N" in the open events file; 0 where it is not there. */
static int read_event(int events, const char *key)
{
	char text[256];
	ssize_t n = BSN_RETRY(pread(events, text, sizeof(text) - 1, 0));
	if (n < 0)
		return is_gone(-errno) ? 0 : -errno;
	text[n] = '\0';
	size_t length = strlen(key);
	char *rest = text;
	for (const char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return line[length + 1] == '1';
	return 0;
}

static int look(int fd, const char *key)
{
	auto_fd int events = bsn_sys_openat(fd, "cgroup.events", O_RDONLY, 0);
	if (events < 0)
		return is_gone(events) ? 0 : events;
	return read_event(events, key);
}

int bsn_cgroup_populated(int fd)
{
	return look(fd, "populated");
}

int bsn_cgroup_frozen(int fd)
{
	return look(fd, "frozen");
}

static int64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Waits until the event has the value: 0, -ETIMEDOUT or -errno. */
static int wait_event(int fd, const char *key, int value, int timeout_ms)
{
	auto_fd int events = bsn_sys_openat(fd, "cgroup.events", O_RDONLY, 0);
	if (events < 0)
		return is_gone(events) ? 0 : events;
	int64_t deadline = now_ms() + timeout_ms;
	for (;;) {
		int found = read_event(events, key);
		if (found < 0 || found == value)
			return found < 0 ? found : 0;
		int64_t left = timeout_ms < 0 ? -1 : deadline - now_ms();
		if (timeout_ms >= 0 && left <= 0)
			return -ETIMEDOUT;
		struct pollfd wait = { .fd = events, .events = POLLPRI };
		int r = bsn_sys_poll(&wait, 1, (int)left);
		if (r < 0 && r != -EINTR)
			return r;
	}
}

int bsn_cgroup_wait_empty(int fd, int timeout_ms, struct basin_error *err)
{
	int r = wait_event(fd, "populated", 0, timeout_ms);
	if (r == -ETIMEDOUT)
		return bsn_fail(err, BASIN_TIMEOUT, ETIMEDOUT, "processes still run in it after %d ms", timeout_ms);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot wait for its processes to end") : 0;
}

int bsn_cgroup_freeze(int fd, bool freeze, int timeout_ms, struct basin_error *err)
{
	int r = bsn_write_file(fd, "cgroup.freeze", freeze ? "1" : "0");
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot %s its processes", freeze ? "freeze" : "thaw");
	r = wait_event(fd, "frozen", freeze, timeout_ms);
	if (r < 0 && freeze)
		bsn_write_file(fd, "cgroup.freeze", "0");
	if (r == -ETIMEDOUT)
		return bsn_fail(err, BASIN_TIMEOUT, ETIMEDOUT, "its processes did not %s within %d ms",
				freeze ? "freeze" : "thaw", timeout_ms);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot %s its processes", freeze ? "freeze" : "thaw") : 0;
}

/* --- which they are --- */

struct pids {
	pid_t *list;
	size_t count;
	size_t room;
};

static int add_pid(struct pids *pids, pid_t pid)
{
	if (pids->count == pids->room) {
		size_t room = pids->room > 0 ? pids->room * 2 : 64;
		pid_t *list = realloc(pids->list, room * sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		pids->list = list;
		pids->room = room;
	}
	pids->list[pids->count++] = pid;
	return 0;
}

/* The process that a thread belongs to: the thread itself where that cannot be told. */
static pid_t process_of(pid_t thread)
{
	char path[48];
	auto_free char *text = NULL;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	if (bsn_read_file(AT_FDCWD, path, 65536, &text, NULL) < 0)
		return thread;
	const char *line = strstr(text, "\nTgid:");
	long pid = line != NULL ? strtol(line + 6, NULL, 10) : 0;
	return pid > 0 ? (pid_t)pid : thread;
}

static bool has_pid(const struct pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->count; i++)
		if (pids->list[i] == pid)
			return true;
	return false;
}

/* This cgroup's own processes. A threaded one (EOPNOTSUPP) lists threads alone, whose processes are looked up. */
static int collect_here(int fd, struct pids *pids)
{
	auto_free char *text = NULL;
	int r = bsn_read_file(fd, "cgroup.procs", 64 * 1024 * 1024, &text, NULL);
	bool threaded = r == -EOPNOTSUPP;
	if (threaded)
		r = bsn_read_file(fd, "cgroup.threads", 64 * 1024 * 1024, &text, NULL);
	if (r < 0)
		return is_gone(r) ? 0 : r;
	char *rest = text;
	for (const char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		pid_t pid = (pid_t)strtol(line, NULL, 10);
		if (pid > 0 && threaded)
			pid = process_of(pid);
		r = pid > 0 && !(threaded && has_pid(pids, pid)) ? add_pid(pids, pid) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int collect(int fd, struct pids *pids)
{
	int r = collect_here(fd, pids);
	if (r < 0)
		return r;
	int own = bsn_sys_openat(fd, ".", O_RDONLY | O_DIRECTORY, 0);
	auto_dir DIR *dir = own < 0 ? NULL : fdopendir(own);
	if (dir == NULL)
		return own >= 0 ? -ENOMEM : is_gone(own) ? 0 : own;
	for (const struct dirent *entry = readdir(dir); r >= 0 && entry != NULL; entry = readdir(dir)) {
		if (entry->d_type != DT_DIR || bsn_streq(entry->d_name, ".") || bsn_streq(entry->d_name, ".."))
			continue;
		auto_fd int child = bsn_sys_openat(own, entry->d_name, O_RDONLY | O_DIRECTORY, 0);
		if (child >= 0)
			r = collect(child, pids);
		else if (!is_gone(child))
			r = child;
	}
	return r;
}

int bsn_cgroup_pids(int fd, pid_t **ret_pids, size_t *ret_count, struct basin_error *err)
{
	struct pids pids = { 0 };
	int r = collect(fd, &pids);
	if (r < 0) {
		free(pids.list);
		return bsn_fail_sys(err, -r, "cannot list its processes");
	}
	*ret_pids = pids.list;
	*ret_count = pids.count;
	return 0;
}

static int signal_each(int fd, int signal, struct basin_error *err)
{
	auto_free pid_t *pids = NULL;
	size_t count = 0;
	int r = bsn_cgroup_pids(fd, &pids, &count, err);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		auto_fd int pidfd = bsn_sys_pidfd_open(pids[i]);
		int sent = pidfd < 0 ? pidfd : bsn_sys_pidfd_send_signal(pidfd, signal);
		if (sent < 0 && sent != -ESRCH)
			r = bsn_fail_sys(err, -sent, "cannot send signal %d to process %d", signal, (int)pids[i]);
	}
	return r;
}

/*
 * Frozen processes neither fork nor end, so the list stays true and no pid in it becomes another's. A cgroup that was frozen before stays
 * so. One that does not freeze in time is signalled all the same.
 */
static int signal_frozen(int fd, int signal, struct basin_error *err)
{
	bool freeze = bsn_cgroup_frozen(fd) == 0 && bsn_cgroup_freeze(fd, true, 1000, NULL) >= 0;
	int r = signal_each(fd, signal, err);
	if (freeze)
		bsn_write_file(fd, "cgroup.freeze", "0");
	return r;
}

/* A threaded cgroup cannot be killed as a whole: what runs in it are parts of processes. */
int bsn_cgroup_kill(int fd, struct basin_error *err)
{
	int r = bsn_write_file(fd, "cgroup.kill", "1");
	if (r == -EOPNOTSUPP)
		return signal_frozen(fd, SIGKILL, err);
	return r < 0 && !is_gone(r) ? bsn_fail_sys(err, -r, "cannot kill its processes") : 0;
}

int bsn_cgroup_signal(int fd, int signal, struct basin_error *err)
{
	return signal == SIGKILL ? bsn_cgroup_kill(fd, err) : signal_frozen(fd, signal, err);
}

int bsn_cgroup_attach(int fd, pid_t pid, struct basin_error *err)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", (int)pid);
	int r = bsn_write_file(fd, "cgroup.procs", text);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot move process %d into the cgroup", (int)pid) : 0;
}

/* The kernel says which files a delegate may write (cgroups(7), "Cgroup delegation"); not all of them are in every cgroup. */
int bsn_cgroup_delegate(int fd, uid_t uid, gid_t gid, struct basin_error *err)
{
	static const char *const usual = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n";
	auto_free char *text = NULL;
	if (bsn_read_file(AT_FDCWD, "/sys/kernel/cgroup/delegate", 4096, &text, NULL) < 0)
		text = strdup(usual);
	if (text == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot hand the cgroup over");
	int r = bsn_sys_fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
	char *rest = text;
	for (const char *file = strsep(&rest, "\n"); r >= 0 && file != NULL; file = strsep(&rest, "\n")) {
		r = *file != '\0' ? bsn_sys_fchownat(fd, file, uid, gid, 0) : 0;
		if (r == -ENOENT)
			r = 0;
	}
	return r < 0 ? bsn_fail_sys(err, -r, "cannot hand the cgroup over to user %u", (unsigned int)uid) : 0;
}
