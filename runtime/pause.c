/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pause and resume: the freezer of the container's cgroup, which holds every process in it and beneath, whatever they do meanwhile.
 *
 * A file "paused" in the container's directory says that a user wants it so. The status does not depend on it (frozen is frozen); it
 * tells a pause from a freeze that a backup holds for a moment, which is neither to be resumed nor to be taken for a user's wish.
 */
#include "base/io.h"
#include "base/sys.h"
#include "runtime/container.h"

#define PATIENCE_MS 10000
#define MARK        "paused"

static int open_both(const struct bsn_runtime *runtime, const char *id, struct bsn_container *container, struct bsn_state *state,
		     int *ret_cgroup, struct basin_error *err)
{
	int r = bsn_container_open(runtime, id, true, container, err);
	if (r >= 0)
		r = bsn_state_read(container->dir, id, state, err);
	return r < 0 ? r : bsn_container_cgroup(container, state, ret_cgroup, err);
}

static int set_mark(const struct bsn_container *container, struct basin_error *err)
{
	auto_fd int fd = bsn_sys_openat(container->dir, MARK, O_WRONLY | O_CREAT, 0600);
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot note that container \"%s\" is paused", container->id) : 0;
}

bool bsn_container_is_paused(const struct bsn_container *container)
{
	return faccessat(container->dir, MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int bsn_container_pause(const struct bsn_runtime *runtime, const char *id, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_state struct bsn_state state = { .json = NULL };
	int fd = -1;
	int r = open_both(runtime, id, &container, &state, &fd, err);
	auto_fd int cgroup = fd;
	if (r < 0)
		return r;
	enum bsn_status status = bsn_container_status(&container, &state);
	if (status == BSN_STOPPED)
		return bsn_fail(err, BASIN_CONFLICT, ESRCH, "cannot pause container \"%s\": container not running", id);
	if (status == BSN_PAUSED)
		return bsn_fail(err, BASIN_CONFLICT, EBUSY, "cannot pause container \"%s\": it is paused already", id);
	if (cgroup < 0)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP, "cannot pause container \"%s\": it has no cgroup to freeze",
				id);
	r = set_mark(&container, err);
	if (r >= 0)
		r = bsn_cgroup_freeze(cgroup, true, PATIENCE_MS, err);
	if (r >= 0)
		return 0;
	bsn_sys_unlinkat(container.dir, MARK, 0);
	return bsn_error_prefix(err, "cannot pause container \"%s\"", id);
}

int bsn_container_resume(const struct bsn_runtime *runtime, const char *id, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_state struct bsn_state state = { .json = NULL };
	int fd = -1;
	int r = open_both(runtime, id, &container, &state, &fd, err);
	auto_fd int cgroup = fd;
	if (r < 0)
		return r;
	/* The cgroup of one that was killed while it was paused is frozen for ever. */
	if (cgroup < 0 || bsn_cgroup_frozen(cgroup) <= 0 || bsn_container_status(&container, &state) == BSN_STOPPED)
		return bsn_fail(err, BASIN_CONFLICT, EINVAL, "cannot resume container \"%s\": container not paused", id);
	if (state.managed && !bsn_container_is_paused(&container))
		return bsn_fail(err, BASIN_BUSY, EBUSY,
				"cannot resume container \"%s\": a backup of the environment holds it still for a moment", id);
	r = bsn_cgroup_freeze(cgroup, false, PATIENCE_MS, err);
	if (r < 0)
		return bsn_error_prefix(err, "cannot resume container \"%s\"", id);
	bsn_sys_unlinkat(container.dir, MARK, 0);
	return 0;
}
