/* SPDX-License-Identifier: Apache-2.0 */
/* kill: a signal to a container's first process by its pidfd, or to all that its cgroup holds. */
#include <signal.h>
#include <stdlib.h>

#include "base/sys.h"
#include "runtime/container.h"

static int signal_all(struct bsn_container *container, const struct bsn_state *state, int signal, struct basin_error *err)
{
	int fd = -1;
	int r = bsn_container_cgroup(container, state, &fd, err);
	auto_fd int cgroup = fd;
	if (r < 0 || cgroup < 0)
		return r;
	return signal == SIGKILL ? bsn_cgroup_kill(cgroup, err) : bsn_cgroup_signal(cgroup, signal, err);
}

/* Whether anything of it lives, its first process or another in its cgroup. */
static bool lives(struct bsn_container *container, const struct bsn_state *state)
{
	pid_t *pids = NULL;
	size_t count = 0;
	int fd = -1;
	auto_fd int pidfd = bsn_container_pidfd(state);
	if (pidfd >= 0)
		return true;
	bsn_container_cgroup(container, state, &fd, NULL);
	auto_fd int cgroup = fd;
	if (cgroup >= 0)
		bsn_cgroup_pids(cgroup, &pids, &count, NULL);
	free(pids);
	return count > 0;
}

int bsn_container_kill(const struct bsn_runtime *runtime, const char *id, int signal, bool all, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_state struct bsn_state state = { .json = NULL };
	int r = bsn_container_open(runtime, id, false, &container, err);
	if (r >= 0)
		r = bsn_state_read(container.dir, id, &state, err);
	if (r < 0)
		return r;
	/* With --all what is left behind of a stopped container is meant too, and nothing left is no error. */
	if (all && state.cgroup != NULL)
		return signal_all(&container, &state, signal, err);
	/* Where the end of the first process does not end the others, it is no end of the container: as in runc. */
	if (signal == SIGKILL && state.host_pids && state.cgroup != NULL && lives(&container, &state))
		return signal_all(&container, &state, signal, err);
	auto_fd int pidfd = bsn_container_pidfd(&state);
	r = pidfd < 0 ? pidfd : bsn_sys_pidfd_send_signal(pidfd, signal);
	if (r == -ESRCH)
		return all ? 0 : bsn_fail(err, BASIN_CONFLICT, ESRCH, "container not running");
	return r < 0 ? bsn_fail_sys(err, -r, "cannot send signal %d to container \"%s\"", signal, id) : 0;
}
