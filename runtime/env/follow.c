/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/follow.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sys.h"
#include "runtime/env/monitor.h"
#include "runtime/monitor/report.h"

#define CHUNK   16384
#define LOOK_MS 100

struct following {
	struct basin *basin;
	const char *name;
	int dir;
	int log;
	int in;
	int out;
	int fifo;
	char pending[CHUNK]; /* read from in, not taken by the fifo yet */
	size_t pending_length;
};

static int open_log(int dir, const char *name)
{
	int fd = bsn_sys_openat(dir, name, O_RDONLY | O_NOFOLLOW, 0);
	return fd == -ENOENT ? -1 : fd;
}

static int64_t count_lines(int fd)
{
	char chunk[CHUNK];
	int64_t lines = 0;
	ssize_t n;
	off_t at = 0;
	while (fd >= 0 && (n = pread(fd, chunk, sizeof(chunk), at)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			lines += chunk[i] == '\n';
		at += n;
	}
	return lines;
}

/* Copies from the descriptor's position to the end, leaving out the first *skip lines. */
static int copy_lines(int fd, int out, int64_t *skip)
{
	char chunk[CHUNK];
	ssize_t n;
	while (fd >= 0 && (n = BSN_RETRY(read(fd, chunk, sizeof(chunk)))) > 0) {
		ssize_t at = 0;
		while (at<n && * skip> 0)
			*skip -= chunk[at++] == '\n';
		int r = bsn_write_all(out, chunk + at, (size_t)(n - at));
		if (r < 0)
			return r;
	}
	return 0;
}

static int copy_past(struct following *following, int64_t lines)
{
	auto_fd int old = open_log(following->dir, BSN_MONITOR_LOG ".1");
	following->log = open_log(following->dir, BSN_MONITOR_LOG);
	int64_t skip = 0;
	if (lines != BASIN_UNSET) {
		skip = count_lines(old) + count_lines(following->log) - lines;
		skip = skip < 0 ? 0 : skip;
	}
	int r = copy_lines(old, following->out, &skip);
	return r < 0 ? r : copy_lines(following->log, following->out, &skip);
}

/* Copies what has come; when the file was rotated away, goes on with the new one. */
static int copy_new(struct following *following)
{
	struct stat held;
	struct stat named;
	int64_t none = 0;
	int r = copy_lines(following->log, following->out, &none);
	if (r < 0 || fstatat(following->dir, BSN_MONITOR_LOG, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return r;
	if (following->log >= 0 && fstat(following->log, &held) == 0 && held.st_ino == named.st_ino)
		return 0;
	r = copy_lines(following->log, following->out, &none); /* what was added between the two looks */
	bsn_own_close(&following->log);
	following->log = open_log(following->dir, BSN_MONITOR_LOG);
	return r < 0 ? r : copy_lines(following->log, following->out, &none);
}

static void push_input(struct following *following)
{
	if (following->pending_length == 0) {
		ssize_t n = BSN_RETRY(read(following->in, following->pending, sizeof(following->pending)));
		if (n <= 0) {
			following->in = -1;
			return;
		}
		following->pending_length = (size_t)n;
	}
	ssize_t n = bsn_sys_write(following->fifo, following->pending, following->pending_length);
	if (n <= 0)
		return;
	following->pending_length -= (size_t)n;
	memmove(following->pending, following->pending + n, following->pending_length);
}

static int follow_on(struct following *following)
{
	for (;;) {
		int alive = bsn_monitor_alive(following->basin, following->name); /* before the last look: nothing is missed */
		int r = copy_new(following);
		if (r < 0 || alive <= 0)
			return r < 0 ? r : alive;
		bool full = following->pending_length > 0;
		struct pollfd fd = { .fd = full ? following->fifo : following->in, .events = full ? POLLOUT : POLLIN };
		if (following->in < 0 && !full)
			fd.fd = -1;
		if (bsn_sys_poll(&fd, 1, LOOK_MS) > 0)
			push_input(following);
	}
}

static void release(struct following *following)
{
	bsn_own_close(&following->log);
	bsn_own_close(&following->fifo);
	bsn_own_close(&following->dir);
}

int bsn_env_follow(struct basin *basin, const char *name, int64_t lines, bool follow, int in_fd, int out_fd,
		   struct basin_error *err)
{
	__attribute__((cleanup(release))) struct following following = {
		.basin = basin, .name = name, .dir = -1, .log = -1, .in = in_fd, .out = out_fd, .fifo = -1
	};
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_load(basin, name, &env, err);
	if (r >= 0)
		r = bsn_env_dir(basin, name, &following.dir, err);
	if (r < 0)
		return r;
	if (in_fd >= 0) {
		if (bsn_monitor_alive(basin, name) <= 0)
			return bsn_fail(err, BASIN_CONFLICT, ESRCH, "environment \"%s\" is not running", name);
		following.fifo = bsn_sys_openat(following.dir, BSN_MONITOR_STDIN, O_WRONLY | O_NONBLOCK | O_NOFOLLOW, 0);
		if (following.fifo < 0)
			return bsn_fail_sys(err, -following.fifo, "cannot open the input of environment \"%s\"", name);
	}
	r = copy_past(&following, lines);
	if (r >= 0 && follow)
		r = follow_on(&following);
	if (r == -EPIPE)
		return 0; /* the reader has had enough */
	return r < 0 ? bsn_fail_sys(err, -r, "cannot copy the log of environment \"%s\"", name) : 0;
}
