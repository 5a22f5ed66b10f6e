/* SPDX-License-Identifier: Apache-2.0 */
/* delete: what the record names goes, then the directory, then the poststop hooks hear of it. */
#include <poll.h>
#include <signal.h>

#include "base/sys.h"
#include "runtime/container.h"
#include "runtime/hooks.h"

#define KILL_WAIT_MS 10000
#define ENDING_MS    100 /* for what was sent a signal a moment ago: we may be here before it has run again */

/* Kills the first process and waits for its end; undoing the cgroup step ends all others. */
static int end_process(const struct bsn_state *state, struct basin_error *err)
{
	auto_fd int pidfd = bsn_container_pidfd(state);
	if (pidfd < 0)
		return 0;
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int r = bsn_sys_pidfd_send_signal(pidfd, SIGKILL);
	if (r >= 0)
		r = bsn_sys_poll(&ended, 1, KILL_WAIT_MS);
	if (r == 0)
		return bsn_fail(err, BASIN_TIMEOUT, ETIMEDOUT, "container \"%s\" did not end when it was killed", state->id);
	return r < 0 && r != -ESRCH ? bsn_fail_sys(err, -r, "cannot kill container \"%s\"", state->id) : 0;
}

static bool is_ending(const struct bsn_state *state)
{
	auto_fd int pidfd = bsn_container_pidfd(state);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	return pidfd < 0 || bsn_sys_poll(&ended, 1, ENDING_MS) > 0;
}

static int check_deletable(struct bsn_container *container, const struct bsn_state *state, bool force, struct basin_error *err)
{
	int r = bsn_container_refuse_managed(container->runtime, state, "rm", err);
	if (r < 0)
		return r;
	enum bsn_status status = bsn_container_status(container, state);
	/* As runc: one that was made but never started goes too. */
	if (status == BSN_STOPPED || status == BSN_CREATED || force || (status == BSN_RUNNING && is_ending(state)))
		return end_process(state, err);
	return bsn_fail(err, BASIN_CONFLICT, EBUSY, "cannot delete container \"%s\" that is not stopped: %s", state->id,
			bsn_status_name(status));
}

static int delete_known(struct bsn_container *container, const struct bsn_state *state, bool force, struct basin_error *err)
{
	struct bsn_config *config = NULL;
	int r = check_deletable(container, state, force, err);
	if (r < 0)
		return r;
	/* A config that cannot be read any more must not keep the container from being removed. */
	if (state->hooks && bsn_container_config(container, &config, NULL) < 0)
		config = NULL;
	r = bsn_container_undo(container, err);
	if (r >= 0 && config != NULL)
		bsn_hooks_run_last(config, state);
	bsn_config_free(config);
	return r;
}

int bsn_container_delete(const struct bsn_runtime *runtime, const char *id, bool force, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_state struct bsn_state state = { .json = NULL };
	int r = bsn_container_open(runtime, id, true, &container, err);
	if (r == -ENOENT && force)
		return 0;
	if (r < 0)
		return r;
	r = bsn_state_read(container.dir, id, &state, err);
	if (r >= 0)
		return delete_known(&container, &state, force, err);
	/* We hold its lock, so whoever was making it is gone: what it recorded is all there is. */
	return bsn_container_undo(&container, err);
}
