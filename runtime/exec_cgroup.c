/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/exec_cgroup.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

/* "PATH", as version 2 has it; "CONTROLLER[,CONTROLLER...]:PATH" is version 1's, where each has a hierarchy of its own. */
static int check_form(const char *const *cgroups, struct basin_error *err)
{
	const char *path = cgroups[0];
	size_t prefix = strcspn(path, ":");
	if (path[prefix] == ':' && prefix > 0)
		return bsn_fail(
			err, BASIN_USAGE, EINVAL,
			"--cgroup: unknown controller %.*s in \"%s\": cgroup v2 has one tree for all, so give the path alone",
			(int)prefix, path, path);
	if (path[prefix] == ':')
		return bsn_fail(err, BASIN_USAGE, EINVAL, "--cgroup: \"%s\" has no controller before its colon", path);
	if (cgroups[1] != NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "--cgroup: \"%s\" and \"%s\": a process is in one cgroup", path,
				cgroups[1]);
	return 0;
}

static int open_below(struct bsn_run *run, const char *below, struct basin_error *err)
{
	const char *path = below + strspn(below, "/");
	int fd = bsn_sys_openat2(run->cgroup, *path != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0,
				 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (fd == -EXDEV)
		return bsn_fail(err, BASIN_USAGE, EXDEV, "--cgroup: %s is not a sub cgroup path", below);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot exec: error adding pid to cgroups: %s/%s/%s/cgroup.procs",
				    run->container.tree.mount, run->state.cgroup, path);
	close(run->cgroup);
	run->cgroup = fd;
	return 0;
}

/* Where it has places in version 1 too: a path alone is for all of them, and "CONTROLLERS:PATH" for theirs. */
static int descend(struct bsn_run *run, const char *const *cgroups, struct basin_error *err)
{
	int r = 0;
	for (; r >= 0 && *cgroups != NULL; cgroups++) {
		const char *colon = strchr(*cgroups, ':');
		size_t length = colon != NULL ? (size_t)(colon - *cgroups) : 0;
		uint32_t mask = colon != NULL ? bsn_legacy_controllers(*cgroups, length) : ~0u;
		if ((mask & bsn_legacy_mask(&run->legacy)) == 0)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "--cgroup: unknown controller %.*s in \"%s\"", (int)length,
					*cgroups, *cgroups);
		r = bsn_legacy_descend(&run->legacy, mask, colon != NULL ? colon + 1 : *cgroups, err);
		if (r >= 0 && colon == NULL)
			r = open_below(run, *cgroups, err);
	}
	return r;
}

int bsn_exec_cgroup(struct bsn_run *run, const struct bsn_exec_options *options, struct basin_error *err)
{
	const char *const *cgroups = options->cgroups;
	int r = bsn_container_cgroup(&run->container, &run->state, &run->cgroup, err);
	if (r < 0)
		return r;
	if (run->cgroup >= 0 && !options->ignore_paused && bsn_cgroup_frozen(run->cgroup) > 0)
		return bsn_fail(err, BASIN_CONFLICT, EBUSY, "cannot exec in a paused container");
	if (cgroups == NULL || cgroups[0] == NULL)
		return 0;
	if (run->legacy.count > 0)
		return descend(run, cgroups, err);
	r = check_form(cgroups, err);
	if (r >= 0 && run->cgroup < 0)
		r = bsn_fail(err, BASIN_USAGE, EINVAL, "--cgroup: container \"%s\" has no cgroup", options->id);
	return r < 0 ? r : open_below(run, cgroups[0], err);
}

/*
 * Where the init is, below the container's cgroup: from the v2 line of its cgroup file, as seen from the root of the mount. Whose file it
 * is holds as long as the pidfd is alive afterwards.
 */
static int find_init(const struct bsn_run *run, char **ret_below)
{
	char path[48];
	auto_free char *text = NULL;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)run->state.init.pid);
	int r = bsn_read_file(AT_FDCWD, path, 65536, &text, NULL);
	if (r >= 0)
		r = bsn_sys_pidfd_send_signal(run->process, 0);
	if (r < 0)
		return r;
	const size_t length = strlen(run->state.cgroup);
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		const char *at = line + strlen("0::/");
		if (!bsn_starts_with(line, "0::/") || strncmp(at, run->state.cgroup, length) != 0 || at[length] != '/')
			continue;
		*ret_below = strdup(at + length + 1);
		return *ret_below == NULL ? -ENOMEM : 0;
	}
	return -ENOENT;
}

int bsn_exec_cgroup_of_init(struct bsn_run *run, const struct bsn_exec_options *options, struct basin_error *err)
{
	auto_free char *below = NULL;
	bool chosen = options->cgroups != NULL && options->cgroups[0] != NULL;
	if (run->cgroup >= 0 && !chosen && find_init(run, &below) >= 0)
		return open_below(run, below, err);
	const char *path = chosen ? options->cgroups[0] + strspn(options->cgroups[0], "/") : "";
	return bsn_fail_sys(err, EBUSY, "cannot exec: error adding pid of the new process to cgroups: %s/%s/%s%scgroup.procs",
			    run->container.tree.mount, run->state.cgroup, path, *path != '\0' ? "/" : "");
}
