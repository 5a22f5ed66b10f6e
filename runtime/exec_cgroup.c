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
		return bsn_fail(err, BASIN_USAGE, EXDEV, "--cgroup: bad sub cgroup path: %s is not a sub cgroup path", below);
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

/*
 * Where the init is: from the v2 line of its cgroup file, as seen from the root of the mount, without the first slash. Whose file it is holds
 * as long as the pidfd is alive afterwards.
 */
static int find_init(const struct bsn_run *run, char **ret_path)
{
	char path[48];
	auto_free char *text = NULL;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)run->state.init.pid);
	int r = bsn_read_file(AT_FDCWD, path, 65536, &text, NULL);
	if (r >= 0)
		r = bsn_sys_pidfd_send_signal(run->process, 0);
	if (r < 0)
		return r;
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		if (!bsn_starts_with(line, "0::/"))
			continue;
		*ret_path = strdup(line + strlen("0::/"));
		return *ret_path == NULL ? -ENOMEM : 0;
	}
	return -ENOENT;
}

/* The container's own is gone, which only happens where the init went elsewhere: what is executed goes there too, never where we are. */
static int follow_init(struct bsn_run *run, struct basin_error *err)
{
	auto_free char *path = NULL;
	struct bsn_cgroup_tree *tree;
	int r = bsn_container_tree(&run->container, &tree, err);
	if (r < 0)
		return r;
	r = find_init(run, &path);
	if (r >= 0 && *path != '\0')
		r = bsn_cgroup_open(tree, path, &run->cgroup, NULL);
	return r < 0 || run->cgroup < 0
		       ? bsn_fail(err, BASIN_CONFLICT, ENOENT,
				  "cannot exec: the cgroup \"%s\" is gone, and its init's cannot be opened", run->state.cgroup)
		       : 0;
}

int bsn_exec_cgroup(struct bsn_run *run, const struct bsn_exec_options *options, struct basin_error *err)
{
	const char *const *cgroups = options->cgroups;
	int r = bsn_container_cgroup(&run->container, &run->state, &run->cgroup, err);
	if (r >= 0 && run->cgroup < 0 && run->state.cgroup != NULL)
		r = follow_init(run, err);
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

int bsn_exec_cgroup_of_init(struct bsn_run *run, const struct bsn_exec_options *options, struct basin_error *err)
{
	auto_free char *path = NULL;
	const size_t length = strlen(run->state.cgroup);
	bool chosen = options->cgroups != NULL && options->cgroups[0] != NULL;
	if (run->cgroup >= 0 && !chosen && find_init(run, &path) >= 0 && strncmp(path, run->state.cgroup, length) == 0 &&
	    path[length] == '/')
		return open_below(run, path + length, err);
	const char *below = chosen ? options->cgroups[0] + strspn(options->cgroups[0], "/") : "";
	return bsn_fail_sys(err, EBUSY, "cannot exec: error adding pid of the new process to cgroups: %s/%s/%s%scgroup.procs",
			    run->container.tree.mount, run->state.cgroup, below, *below != '\0' ? "/" : "");
}
