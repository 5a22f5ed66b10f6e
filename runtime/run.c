/* SPDX-License-Identifier: Apache-2.0 */
/* run: create, start and, unless it is detached, attend the payload to its end and remove what was made. */
#include "runtime/apply.h"
#include "runtime/attend.h"
#include "runtime/hooks.h"
#include "runtime/notify.h"
#include "runtime/pidfile.h"

static void take_back(struct bsn_run *run)
{
	bsn_child_kill(&run->child);
	bsn_container_undo(&run->container, NULL);
	bsn_hooks_run_last(run->config, &run->state);
}

/* READY came: hooks of startContainer wait for START. Then the end of the channel says that the payload runs. */
static int start_payload(struct bsn_run *run, struct basin_error *err)
{
	int fd = -1;
	int r = bsn_hooks_state(&run->state, BSN_CREATED, &fd, err);
	auto_fd int owned = fd;
	if (r >= 0)
		r = bsn_child_send(run->child.channel, BSN_MESSAGE_START, owned, err);
	if (r >= 0)
		r = bsn_run_follow(run, err);
	return r < 0 ? r : 0;
}

static int started(struct bsn_run *run, struct basin_error *err)
{
	int r = run->plan->ready ? start_payload(run, err) : 0;
	if (r < 0)
		bsn_hooks_run_despite(run->config, &run->state);
	if (r >= 0)
		r = bsn_pidfile_write(run->options->pid_file, run->child.pid, err);
	if (r >= 0)
		r = bsn_hooks_run(run->config, BSN_HOOK_POSTSTART, &run->state, BSN_RUNNING, err);
	return r;
}

/* The end of it. Somebody else may have deleted it meanwhile: then there is nothing left to do. */
static int finish(struct bsn_run *run, struct basin_error *err)
{
	auto_container struct bsn_container again = BSN_CONTAINER_INIT;
	int r = bsn_container_open(run->container.runtime, run->options->id, true, &again, err);
	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = bsn_container_undo(&again, err);
	bsn_hooks_run_last(run->config, &run->state);
	return r;
}

/* Without a pid namespace of its own a container's orphans would become the host's init's. */
static bool keeps_orphans(const struct bsn_config *config)
{
	const struct bsn_namespace_config *pid = &config->namespaces[BSN_NS_PID];
	return !pid->given || pid->path != NULL;
}

/* The service manager waits for us to end, and then for the payload. */
static int await_ready(struct bsn_run *run, struct basin_error *err)
{
	bsn_own_close(&run->container.lock);
	run->container.lock = -1;
	return bsn_notify_wait(run->notify, run->child.pidfd, run->child.pid, err);
}

int bsn_container_run(const struct bsn_runtime *runtime, const struct bsn_create_options *options, bool detach, bool keep,
		      int *ret_status, struct basin_error *err)
{
	auto_run struct bsn_run run = BSN_RUN_INIT;
	run.options = options;
	int r = bsn_run_prepare(&run, runtime, err);
	if (r >= 0 && detach && run.config->process.terminal && options->console_socket == NULL)
		r = bsn_fail(err, BASIN_USAGE, EINVAL,
			     "process.terminal: cannot allocate tty if basin will detach without setting console socket: use "
			     "--console-socket");
	if (r < 0)
		return r;
	auto_fd int signals = detach ? -1 : bsn_attend_begin(!options->no_subreaper && keeps_orphans(run.config), err);
	if (!detach && signals < 0)
		return signals;
	r = bsn_run_apply(&run, err);
	if (r < 0)
		return r;
	r = started(&run, err);
	if (r < 0) {
		take_back(&run);
		return r;
	}
	*ret_status = 0;
	if (detach)
		return run.notify >= 0 ? await_ready(&run, err) : 0;
	/* exec, kill and delete of others must not find it locked while it runs. */
	bsn_own_close(&run.container.lock);
	run.container.lock = -1;
	const struct bsn_attend attend = {
		.signals = signals, .pidfd = run.child.pidfd, .pid = run.child.pid, .master = run.console, .notify = run.notify
	};
	r = bsn_attend(&attend, ret_status, err);
	if (r < 0 || keep)
		return r;
	return finish(&run, err);
}
