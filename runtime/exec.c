/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: one more process in a running container. It is what its first process is, changed by what the caller asks for; it starts in the
 * container's cgroup, and the child enters the namespaces itself, by the pidfd of the container's init, once it runs from its own file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/size.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/apply.h"
#include "runtime/attend.h"
#include "runtime/console.h"
#include "runtime/exec_cgroup.h"
#include "runtime/legacy.h"
#include "runtime/pidfile.h"

/* The process to run: the one in process_json, or the container's own with the options' changes. Both live in `process`. */
static int load_process(struct bsn_run *run, const struct bsn_exec_options *options, struct bsn_config **ret_process,
			struct basin_error *err)
{
	if (options->process_json != NULL)
		return bsn_config_parse_process(options->process_json, strlen(options->process_json), ret_process, err);
	return bsn_container_config(&run->container, ret_process, err);
}

static size_t count_of(const char *const *strings)
{
	size_t count = 0;
	while (strings != NULL && strings[count] != NULL)
		count++;
	return count;
}

static int set_strings(struct bsn_config *config, struct bsn_strings *list, const char *const *first, size_t first_count,
		       const char *const *more)
{
	size_t count = count_of(more);
	const char **of = bsn_arena_array(config->arena, first_count + count + 1, sizeof(*of));
	if (of == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < first_count; i++)
		of[i] = first[i];
	for (size_t i = 0; i < count; i++)
		of[first_count + i] = more[i];
	*list = (struct bsn_strings){ .of = of, .count = first_count + count };
	return 0;
}

/* "uid[:gid]", numbers only: names are the image's, and the runtime does not read them. */
static int set_user(struct bsn_process_config *process, const char *user, struct basin_error *err)
{
	char *end;
	errno = 0;
	unsigned long uid = strtoul(user, &end, 10);
	unsigned long gid = *end == ':' ? strtoul(end + 1, &end, 10) : process->gid;
	if (user[0] < '0' || user[0] > '9' || *end != '\0' || errno != 0 || uid > UINT32_MAX - 1 || gid > UINT32_MAX - 1)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "--user: \"%s\" is not \"uid\" or \"uid:gid\" in numbers", user);
	process->uid = (uid_t)uid;
	process->gid = (gid_t)gid;
	return 0;
}

static int add_caps(struct bsn_process_config *process, const char *const *caps, struct basin_error *err)
{
	for (size_t i = 0; caps != NULL && caps[i] != NULL; i++) {
		int cap = bsn_cap_parse(caps[i]);
		if (cap < 0)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "--cap: \"%s\" is no capability", caps[i]);
		for (int set = 0; set < BSN_CAP_SETS; set++)
			process->capabilities[set] |= 1ull << cap;
	}
	return 0;
}

static int add_groups(struct bsn_config *config, const char *const *groups, struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	size_t count = count_of(groups);
	if (count == 0)
		return 0;
	gid_t *all = bsn_arena_array(config->arena, process->group_count + count, sizeof(*all));
	if (all == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot read the groups");
	for (size_t i = 0; i < process->group_count; i++)
		all[i] = process->groups[i];
	for (size_t i = 0; i < count; i++) {
		int64_t gid;
		if (bsn_parse_count(groups[i], &gid) < 0 || gid > UINT32_MAX - 1)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "--additional-gids: \"%s\" is no group's number", groups[i]);
		all[process->group_count + i] = (gid_t)gid;
	}
	process->groups = all;
	process->group_count += count;
	return 0;
}

static int change_process(struct bsn_config *config, const struct bsn_exec_options *options, struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	int r = 0;
	if (options->process_json == NULL) {
		/* The container's terminal and its memory of who asked for it are its own. */
		process->terminal = options->tty;
		r = count_of(options->args) > 0 ? set_strings(config, &process->args, NULL, 0, options->args) : 0;
		if (r >= 0)
			r = set_strings(config, &process->env, process->env.of, process->env.count, options->env);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot read the process");
	}
	if (options->tty)
		process->terminal = true;
	if (process->terminal && options->console_socket == NULL)
		bsn_console_size(&process->console_height, &process->console_width);
	if (options->cwd != NULL)
		process->cwd = options->cwd;
	if (options->no_new_privs)
		process->no_new_privileges = true;
	if (options->process_label != NULL)
		process->selinux_label = options->process_label;
	if (options->apparmor != NULL)
		process->apparmor_profile = options->apparmor;
	if (options->user != NULL)
		r = set_user(process, options->user, err);
	if (r >= 0)
		r = add_groups(config, options->additional_gids, err);
	if (r >= 0)
		r = add_caps(process, options->caps, err);
	if (r >= 0 && process->args.count == 0)
		r = bsn_fail(err, BASIN_USAGE, EINVAL, "exec needs a command");
	if (r >= 0 && process->terminal && options->detach && options->console_socket == NULL)
		r = bsn_fail(err, BASIN_USAGE, EINVAL, "a detached process with a terminal needs --console-socket");
	return r;
}

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
	r = bsn_exec_cgroup(run, options, err);
	if (r >= 0)
		r = bsn_legacy_take(&run->state, &run->legacy, err);
	return r < 0 ? r : bsn_container_config(&run->container, &run->config, err);
}

static int make_plan(struct bsn_run *run, const struct bsn_config *process, const struct bsn_exec_options *options,
		     struct basin_error *err)
{
	if (run->config->seccomp.given) {
		int r = bsn_seccomp_compile(&run->config->seccomp, run->container.root, &run->filter, err);
		if (r < 0)
			return r;
	}
	const struct bsn_plan_exec request = {
		.config = run->config,
		.process = process,
		.id = options->id,
		.filter = run->filter,
		.no_new_keyring = !run->state.keyring,
		.legacy = run->legacy.count > 0,
	};
	return bsn_plan_make_exec(&request, &run->plan, err);
}

/* In the container's cgroup; where the payload keeps processes out of that, in its init's. */
static int start_child(struct bsn_run *run, const struct bsn_exec_options *options, struct basin_error *err)
{
	int r = bsn_run_start(run, options->preserve_fds, err);
	if (r != -EBUSY || run->cgroup < 0 || run->child.pidfd >= 0)
		return r;
	r = bsn_exec_cgroup_of_init(run, options, err);
	if (r < 0)
		return r;
	bsn_child_release(&run->child);
	return bsn_run_start(run, options->preserve_fds, err);
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
		bsn_child_kill(&run->child);
	return r;
}

static int exec_process(struct bsn_run *run, struct bsn_config *process, const struct bsn_exec_options *options, int *ret_status,
			struct basin_error *err)
{
	int r = change_process(process, options, err);
	if (r >= 0)
		r = make_plan(run, process, options, err);
	if (r < 0)
		return r;
	auto_fd int signals = options->detach ? -1 : bsn_attend_begin(err);
	if (!options->detach && signals < 0)
		return signals;
	r = begin(run, process, options, err);
	if (r < 0)
		return r;
	*ret_status = 0;
	return options->detach ? 0 : bsn_attend(run->child.pidfd, signals, run->console, ret_status, err);
}

int bsn_container_exec(const struct bsn_runtime *runtime, const struct bsn_exec_options *options, int *ret_status,
		       struct basin_error *err)
{
	auto_run struct bsn_run run = BSN_RUN_INIT;
	struct bsn_config *process = NULL;
	int r = bsn_check_kept(options->preserve_fds, err);
	if (r >= 0)
		r = open_container(&run, runtime, options, err);
	run.console_socket = options->console_socket;
	if (r >= 0)
		r = load_process(&run, options, &process, err);
	if (r >= 0)
		r = exec_process(&run, process, options, ret_status, err);
	bsn_config_free(process);
	return r;
}
