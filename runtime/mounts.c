/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of a running container. What is the host's is opened here and handed over as detached mounts; the child, which is not traceable and
 * runs from its own file, enters the container's namespaces and attaches them to descriptors that were resolved beneath the container's root.
 * So whatever the container does meanwhile moves a mount only within itself, and never into its /proc.
 */
#include <sys/wait.h>

#include "base/io.h"
#include "base/sys.h"
#include "runtime/apply.h"

#define FILE_SIZE_MAX (1 << 20)

static int read_mounts(const char *file, bool remove, struct bsn_config **ret_mounts, struct basin_error *err)
{
	auto_free char *text = NULL;
	size_t length;
	int r = bsn_read_file(AT_FDCWD, file, FILE_SIZE_MAX, &text, &length);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read \"%s\"", file);
	return bsn_config_parse_mounts(text, length, remove, ret_mounts, err);
}

static int open_container(struct bsn_run *run, const struct bsn_runtime *runtime, const char *id, struct basin_error *err)
{
	int r = bsn_container_open(runtime, id, false, &run->container, err);
	if (r >= 0)
		r = bsn_state_read(run->container.dir, id, &run->state, err);
	if (r < 0)
		return r;
	run->process = bsn_container_pidfd(&run->state);
	if (run->process == -ESRCH)
		return bsn_fail(err, BASIN_CONFLICT, ESRCH, "container not running");
	if (run->process < 0)
		return bsn_fail_sys(err, -run->process, "cannot hold container \"%s\"", id);
	return bsn_container_config(&run->container, &run->config, err);
}

/* The child stays out of the container's cgroup, which may be frozen; only a mount of it may be wanted. */
static int open_handles(struct bsn_run *run, struct basin_error *err)
{
	int cgroup = -1;
	int r = 0;
	for (size_t i = 0; r >= 0 && cgroup < 0 && i < run->plan->handle_count; i++)
		if (run->plan->handles[i].kind == BSN_HANDLE_CGROUP)
			r = bsn_container_cgroup(&run->container, &run->state, &cgroup, err);
	auto_fd int owned = cgroup;
	run->cgroup = owned;
	r = r < 0 ? r : bsn_run_open_handles(run, err);
	run->cgroup = -1;
	return r;
}

static int carry_out(struct bsn_run *run, struct basin_error *err)
{
	static const struct bsn_process_config nothing;
	siginfo_t info;
	int r = open_handles(run, err);
	if (r >= 0 && run->old_mounts)
		r = bsn_fail(err, BASIN_UNSUPPORTED, ENOSYS, "mounts of a running container need Linux 5.12");
	if (r >= 0)
		r = bsn_run_start(run, 0, err);
	if (r >= 0)
		r = bsn_run_enter(run, &nothing, err);
	if (r >= 0)
		r = bsn_run_follow(run, err);
	if (r < 0)
		bsn_run_abandon(run);
	else
		r = bsn_sys_waitid_pidfd(run->child.pidfd, &info, WEXITED);
	return r < 0 ? r : 0;
}

static int change(const struct bsn_runtime *runtime, const char *id, const char *file, bool remove, struct basin_error *err)
{
	auto_run struct bsn_run run = BSN_RUN_INIT;
	auto_of(bsn_config_free) struct bsn_config *mounts = NULL;
	int r = read_mounts(file, remove, &mounts, err);
	if (r >= 0)
		r = open_container(&run, runtime, id, err);
	if (r < 0)
		return r;
	run.config->mounts = mounts->mounts;
	run.config->mount_count = mounts->mount_count;
	const struct bsn_plan_live request = { .config = run.config, .bundle = run.state.bundle, .remove = remove };
	r = bsn_plan_make_live(&request, &run.plan, err);
	return r < 0 ? r : carry_out(&run, err);
}

int bsn_container_mounts_add(const struct bsn_runtime *runtime, const char *id, const char *file, struct basin_error *err)
{
	return change(runtime, id, file, false, err);
}

int bsn_container_mounts_remove(const struct bsn_runtime *runtime, const char *id, const char *file, struct basin_error *err)
{
	return change(runtime, id, file, true, err);
}
