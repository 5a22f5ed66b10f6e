/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: one more process in a running container. It is what its first process is, changed by what the caller asks for; it starts in the
 * container's cgroup, and the child enters the namespaces itself, by the pidfd of the container's init, once it runs from its own file.
 */
#include "base/str.h"
#include "base/sys.h"
#include "runtime/activation.h"
#include "runtime/attend.h"
#include "runtime/exec_cgroup.h"
#include "runtime/exec_process.h"
#include "runtime/legacy.h"
#include "runtime/pidfile.h"

static int open_container(struct bsn_run *run, const struct bsn_runtime *runtime, const struct bsn_exec_options *options,
			  struct basin_error *err)
{
	int r = bsn_container_open(runtime, options->id, false, &run->container, err);
	if (r >= 0)
		r = bsn_state_read(run->container.dir, options->id, &run->state, err);
	if (r < 0)
		return r;
	run->process = bsn_container_pidfd(&run->state);
	if (run->process == -ESRCH)
		return bsn_fail(err, BASIN_CONFLICT, ESRCH, "cannot exec in a stopped container: container not running");
	if (run->process < 0)
		return bsn_fail_sys(err, -run->process, "cannot hold container \"%s\"", options->id);
	run->scope = run->state.scope;
	r = bsn_legacy_take(&run->state, &run->legacy, err);
	if (r >= 0)
		r = bsn_exec_cgroup(run, options, err);
	if (r >= 0)
		r = bsn_container_config(&run->container, &run->config, err);
	if (r >= 0 && run->state.own_time)
		run->config->namespaces[BSN_NS_TIME].given = true;
	return r;
}

static int make_plan(struct bsn_run *run, const struct bsn_config *process, const struct bsn_exec_options *options,
		     struct basin_error *err)
{
	if (run->config->seccomp.given) {
		int r = bsn_run_compile_filter(run, run->container.root, err);
		if (r < 0)
			return r;
	}
	const struct bsn_plan_exec request = {
		.config = run->config,
		.process = process,
		.id = options->id,
		.filter = run->filter,
		.no_new_keyring = !run->state.keyring,
		.console_sent = options->console_socket != NULL,
		.moved = run->legacy.count > 0 || bsn_run_may_be_moved(run),
	};
	return bsn_plan_make_exec(&request, &run->plan, err);
}

/* In the container's cgroup; where the payload keeps processes out of that, in its init's. */
static int start_child(struct bsn_run *run, const struct bsn_exec_options *options, struct basin_error *err)
{
	int r = bsn_run_start(run, options->preserve_fds + bsn_activation_count(), err);
	if (r != -EBUSY || run->cgroup < 0 || run->child.pidfd >= 0)
		return r;
	r = bsn_exec_cgroup_of_init(run, options, err);
	if (r < 0)
		return r;
	bsn_child_release(&run->child);
	return bsn_run_start(run, options->preserve_fds + bsn_activation_count(), err);
}

static int begin(struct bsn_run *run, const struct bsn_config *process, const struct bsn_exec_options *options,
		 struct basin_error *err)
{
	int r = bsn_run_open_handles(run, err);
	if (r >= 0)
		r = start_child(run, options, err);
	if (r >= 0)
		r = bsn_run_enter(run, &process->process, err);
	if (r >= 0)
		r = bsn_run_follow(run, err);
	if (r >= 0)
		r = bsn_pidfile_write(options->pid_file, run->child.pid, err);
	if (r < 0)
		bsn_run_abandon(run);
	return r;
}

static int exec_process(struct bsn_run *run, const struct bsn_config *process, const struct bsn_exec_options *options,
			int *ret_status, struct basin_error *err)
{
	int r = make_plan(run, process, options, err);
	if (r < 0)
		return r;
	auto_fd int signals = options->detach ? -1 : bsn_attend_begin(false, err);
	if (!options->detach && signals < 0)
		return signals;
	r = begin(run, process, options, err);
	if (r < 0)
		return r;
	*ret_status = 0;
	if (options->detach)
		return 0;
	const struct bsn_attend attend = {
		.signals = signals, .pidfd = run->child.pidfd, .pid = run->child.pid, .master = run->console, .notify = -1
	};
	return bsn_attend(&attend, ret_status, err);
}

int bsn_container_exec(const struct bsn_runtime *runtime, const struct bsn_exec_options *options, int *ret_status,
		       struct basin_error *err)
{
	auto_run struct bsn_run run = BSN_RUN_INIT;
	struct bsn_config *process = NULL;
	int r = bsn_check_kept(options->preserve_fds, bsn_activation_count(), err);
	if (r >= 0)
		r = open_container(&run, runtime, options, err);
	run.console_socket = options->console_socket;
	run.pidfd_socket = options->pidfd_socket;
	if (r >= 0)
		r = bsn_exec_process_make(&run.container, run.config, options, &process, err);
	if (r >= 0)
		r = exec_process(&run, process, options, ret_status, err);
	bsn_config_free(process);
	return r;
}
