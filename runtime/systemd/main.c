/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basin-systemd: has systemd make, change and end the scope that is a container's cgroup. A program of its own, since libsystemd has no static
 * library and only those who ask for systemd's scopes should pay for a message bus; runtime/systemd/report.h has how it is called.
 */
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/systemd/bus.h"
#include "runtime/systemd/report.h"

static const char *mount_point(void)
{
	/* On a hybrid host the first is a tmpfs with the version 1 hierarchies in it. */
	return access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 || access("/sys/fs/cgroup/unified", F_OK) != 0
		       ? "/sys/fs/cgroup"
		       : "/sys/fs/cgroup/unified";
}

/* Whether cgroup.events of the cgroup says "WORD 1"; a cgroup that is not there says nothing. */
static bool has_event(const char *cgroup, const char *word)
{
	auto_str struct bsn_str path = { 0 };
	auto_str struct bsn_str line = { 0 };
	auto_free char *text = NULL;
	bsn_str_addf(&path, "%s%s/cgroup.events", mount_point(), cgroup);
	bsn_str_addf(&line, "%s 1\n", word);
	if (path.failed || line.failed || bsn_read_file(AT_FDCWD, bsn_str_text(&path), 4096, &text, NULL) < 0)
		return false;
	return strstr(text, bsn_str_text(&line)) != NULL;
}

/* "/a.slice/a-b.slice" of "a-b.slice": each dash is a level. "-.slice" is the root. */
static void expand_slice(const char *slice, struct bsn_str *path)
{
	for (const char *dash = strchr(slice + 1, '-'); slice[0] != '-' && dash != NULL; dash = strchr(dash + 1, '-'))
		bsn_str_addf(path, "/%.*s.slice", (int)(dash - slice), slice);
	if (slice[0] != '-')
		bsn_str_addf(path, "/%s", slice);
}

/* Who enters a frozen cgroup freezes, and that would be us: looked at before systemd is asked. */
static int check_free(struct bsn_bus *bus, const char *unit, const char *slice, struct basin_error *err)
{
	auto_free char *manager = NULL;
	auto_str struct bsn_str path = { 0 };
	int r = bsn_bus_cgroup(bus, NULL, &manager, err);
	if (r < 0)
		return r;
	bsn_str_add(&path, bsn_streq(manager, "/") ? "" : manager);
	expand_slice(slice, &path);
	bsn_str_addf(&path, "/%s", unit);
	if (path.failed)
		return bsn_fail_sys(err, ENOMEM, "cannot look at the unit \"%s\"", unit);
	if (has_event(bsn_str_text(&path), "populated"))
		return bsn_fail(err, BASIN_BUSY, EBUSY, "container's cgroup is not empty: processes run in the unit \"%s\"",
				unit);
	if (has_event(bsn_str_text(&path), "frozen"))
		return bsn_fail(err, BASIN_BUSY, EBUSY, "container's cgroup unexpectedly frozen: \"%s\"", bsn_str_text(&path));
	return 0;
}

/* Systemd has moved us into the scope: where we are is where it is. */
static int find_ourselves(const char *unit, char *ret_path, struct basin_error *err)
{
	auto_free char *text = NULL;
	int r = bsn_read_file(AT_FDCWD, "/proc/self/cgroup", 65536, &text, NULL);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read /proc/self/cgroup");
	char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	char *path = line != NULL ? strchr(line, '/') + 1 : NULL;
	if (path != NULL)
		path[strcspn(path, "\n")] = '\0';
	if (path == NULL || !bsn_ends_with(path, unit))
		return bsn_fail(err, BASIN_FAILED, EIO, "systemd did not put the unit \"%s\" into a cgroup of version 2", unit);
	return bsn_format(ret_path, BSN_SCOPE_CGROUP_MAX, "%s", path) < 0
		       ? bsn_fail(err, BASIN_FAILED, ENAMETOOLONG, "the cgroup's path is too long")
		       : 0;
}

static int start(struct bsn_bus *bus, char **words, int count, char *ret_cgroup, struct basin_error *err)
{
	const char *unit = words[0];
	const char *slice = words[1];
	int r = check_free(bus, unit, slice, err);
	if (r >= 0)
		r = bsn_bus_start_scope(bus, unit, slice, words[2], words + 3, (size_t)(count - 3), err);
	return r < 0 ? r : find_ourselves(unit, ret_cgroup, err);
}

/* What still has processes now is not the container's, which were killed before: systemd must not be asked to end it. */
static int stop(struct bsn_bus *bus, const char *unit, struct basin_error *err)
{
	auto_free char *cgroup = NULL;
	int r = bsn_bus_cgroup(bus, unit, &cgroup, err);
	if (r < 0)
		return r;
	return cgroup[0] != '\0' && has_event(cgroup, "populated") ? 0 : bsn_bus_stop(bus, unit, err);
}

static int attach(struct bsn_bus *bus, const char *unit, const char *below, const char *pid, struct basin_error *err)
{
	char *end;
	long number = strtol(pid, &end, 10);
	if (*end != '\0' || number <= 0 || number > INT_MAX)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" is not a pid", pid);
	return bsn_bus_attach(bus, unit, below, (pid_t)number, err);
}

static int act(const char *verb, const char *which, char **words, int count, struct bsn_scope_report *report)
{
	struct bsn_bus *bus = NULL;
	bool user = bsn_streq(which, "user");
	int r = bsn_bus_open(user, &bus, &report->err);
	/* A user's systemd that has ended has no units any more, nor has one that is not this host's init. */
	if (r < 0)
		return bsn_streq(verb, "stop") && (user || r == -ENOTCONN) ? 0 : r;
	if (bsn_streq(verb, "start") && count >= 3)
		r = start(bus, words, count, report->cgroup, &report->err);
	else if (bsn_streq(verb, "set"))
		r = bsn_bus_set(bus, words[0], words + 1, (size_t)(count - 1), &report->err);
	else if (bsn_streq(verb, "attach") && count == 3)
		r = attach(bus, words[0], words[2], words[1], &report->err);
	else if (bsn_streq(verb, "stop"))
		r = stop(bus, words[0], &report->err);
	else
		r = bsn_fail(&report->err, BASIN_USAGE, EINVAL, "basin-systemd: \"%s\" is not one of its verbs", verb);
	bsn_bus_close(bus);
	return r;
}

int main(int argc, char **argv)
{
	struct bsn_scope_report report = { .magic = BSN_SCOPE_REPORT_MAGIC };
	char byte;
	if (argc < 4)
		return 2;
	report.result = act(argv[1], argv[2], argv + 3, argc - 3, &report);
	if (send(STDIN_FILENO, &report, sizeof(report), MSG_NOSIGNAL) < 0)
		return 1;
	/* In the scope until nobody needs it to be held any more. */
	if (report.result >= 0 && bsn_streq(argv[1], "start"))
		while (BSN_RETRY(recv(STDIN_FILENO, &byte, 1, 0)) > 0)
			;
	return report.result < 0;
}
