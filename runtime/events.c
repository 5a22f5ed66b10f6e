/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events: what happens in a container, as lines of JSON in runc's form, until its last process ends: what it uses, at intervals, and each
 * time that the kernel killed in it for want of memory. The kernel tells of the latter and of the end by POLLPRI on memory.events and
 * cgroup.events, so nothing is missed between two intervals.
 */
#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "base/sys.h"
#include "runtime/container.h"
#include "runtime/legacy.h"
#include "runtime/stats.h"

#define STARVED_LOOKS 20
#define STARVED_MS    50

struct watch {
	const struct bsn_events_options *options;
	const struct bsn_legacy *legacy; /* what version 1 counts */
	int cgroup;
	int64_t kills; /* that were told of */
	int looks;     /* that are left after version 1 said that memory ran out */
};

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int emit(const struct watch *watch, struct bsn_str *line, struct basin_error *err)
{
	if (line->failed)
		return bsn_fail_sys(err, ENOMEM, "cannot write an event");
	int r = watch->options->line(bsn_str_text(line), watch->options->data);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write an event") : 0;
}

static int tell_stats(const struct watch *watch, struct basin_error *err)
{
	struct bsn_cgroup_stats stats;
	auto_str struct bsn_str line = { 0 };
	int r = bsn_cgroup_stats(watch->cgroup, &stats, err);
	if (r < 0)
		return r;
	bsn_legacy_stats(watch->legacy, &stats);
	bsn_str_addf(&line, "{\"type\":\"stats\",\"id\":\"%s\",\"data\":", watch->options->id);
	r = bsn_stats_format(watch->cgroup, &stats, &line, err);
	bsn_str_add(&line, "}");
	return r < 0 ? r : emit(watch, &line, err);
}

static int64_t count_kills(const struct watch *watch)
{
	return bsn_cgroup_oom_kills(watch->cgroup) + bsn_legacy_oom_kills(watch->legacy);
}

static int tell_kills(struct watch *watch, struct basin_error *err)
{
	int r = 0;
	int64_t kills = count_kills(watch);
	for (; r >= 0 && watch->kills < kills; watch->kills++) {
		auto_str struct bsn_str line = { 0 };
		bsn_str_addf(&line, "{\"type\":\"oom\",\"id\":\"%s\"}", watch->options->id);
		r = emit(watch, &line, err);
	}
	return r;
}

/* The kernel tells of a change since the file was last read, so it is read once before it is waited for. */
static int open_watched(int cgroup, const char *file)
{
	char text[512];
	int fd = bsn_sys_openat(cgroup, file, O_RDONLY, 0);
	if (fd >= 0 && pread(fd, text, sizeof(text), 0) < 0)
		text[0] = '\0';
	return fd;
}

static void reread(const struct pollfd *fds, size_t count)
{
	char text[512];
	for (size_t i = 0; i < count; i++)
		if (fds[i].revents != 0 && pread(fds[i].fd, text, sizeof(text), 0) < 0)
			continue;
}

/* Version 1 tells before it kills: then the count is looked at again soon, for a while. */
static int64_t until_next(struct watch *watch, const struct pollfd *starved, int64_t left)
{
	uint64_t times;
	if (starved->revents != 0 && read(starved->fd, &times, sizeof(times)) == sizeof(times))
		watch->looks = STARVED_LOOKS;
	if (watch->looks == 0)
		return left;
	watch->looks--;
	return left < STARVED_MS ? left : STARVED_MS;
}

/* Until nothing is left in the cgroup. What was killed last is told of before that ends it. */
static int follow(struct watch *watch, struct basin_error *err)
{
	auto_fd int memory = open_watched(watch->cgroup, "memory.events");
	auto_fd int cgroup = open_watched(watch->cgroup, "cgroup.events");
	int64_t next = now_ms() + watch->options->interval_ms;
	auto_fd int starved = bsn_legacy_watch_oom(watch->legacy);
	struct pollfd fds[] = { { .fd = cgroup, .events = POLLPRI },
				{ .fd = memory, .events = POLLPRI },
				{ .fd = starved, .events = POLLIN } };
	for (;;) {
		int populated = bsn_cgroup_populated(watch->cgroup);
		int r = tell_kills(watch, err);
		if (r < 0 || populated <= 0)
			return r;
		int64_t left = next - now_ms();
		if (left <= 0) {
			r = tell_stats(watch, err);
			if (r < 0)
				return bsn_cgroup_populated(watch->cgroup) <= 0 ? 0 : r;
			next = now_ms() + watch->options->interval_ms;
			continue;
		}
		left = until_next(watch, &fds[2], left);
		r = bsn_sys_poll(fds, 3, left < INT32_MAX ? (int)left : INT32_MAX);
		if (r < 0 && r != -EINTR)
			return bsn_fail_sys(err, -r, "cannot wait for events");
		reread(fds, 2);
	}
}

int bsn_container_events(const struct bsn_runtime *runtime, const struct bsn_events_options *options, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_state struct bsn_state state = { .json = NULL };
	auto_legacy struct bsn_legacy legacy = { .count = 0 };
	int fd = -1;
	int r = bsn_container_look(runtime, options->id, &container, err);
	if (r >= 0)
		r = bsn_state_read(container.dir, options->id, &state, err);
	if (r < 0)
		return r;
	if (bsn_container_status(&container, &state) == BSN_STOPPED)
		return bsn_fail(err, BASIN_CONFLICT, ESRCH, "container with id %s is not running", options->id);
	r = bsn_container_cgroup(&container, &state, &fd, err);
	auto_fd int cgroup = fd;
	if (r >= 0 && cgroup < 0)
		r = bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP, "container \"%s\" has no cgroup, which would count for it",
			     options->id);
	if (r >= 0)
		r = bsn_legacy_take(&state, &legacy, err);
	if (r < 0)
		return r;
	struct watch watch = { .options = options, .legacy = &legacy, .cgroup = cgroup };
	watch.kills = count_kills(&watch);
	return options->interval_ms == 0 ? tell_stats(&watch, err) : follow(&watch, err);
}
