/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/oci/document.h"
#include "runtime/runtime.h"

/* What runc exits with when exec itself fails (but for wrong usage, which is 1), so that it is not taken for the command's own status. */
#define EXEC_FAILED 255

enum {
	CONSOLE_SOCKET = 1,
	PIDFD_SOCKET,
	CWD,
	ENV,
	TTY,
	USER,
	ADDITIONAL_GIDS,
	PROCESS,
	DETACH,
	PID_FILE,
	NO_NEW_PRIVS,
	CAP,
	PRESERVE_FDS,
	CGROUP,
	PROCESS_LABEL,
	APPARMOR,
	IGNORE_PAUSED,
};

static const struct cmd_option options[] = {
	{ CONSOLE_SOCKET, "console-socket", 0, "PATH", "unix socket that receives the terminal's master" },
	{ PIDFD_SOCKET, "pidfd-socket", 0, "PATH", "unix socket that receives a pidfd of the process" },
	{ CWD, "cwd", 0, "DIR", "working directory" },
	{ ENV, "env", 'e', "NAME=VALUE", "add to the environment; may be given again" },
	{ TTY, "tty", 't', NULL, "give it a terminal" },
	{ USER, "user", 'u', "UID[:GID]", "run as this user" },
	{ ADDITIONAL_GIDS, "additional-gids", 'g', "GID", "a further group; may be given again" },
	{ PROCESS, "process", 'p', "FILE", "a process object, as in config.json, instead of options and command" },
	{ DETACH, "detach", 'd', NULL, "return once it has started" },
	{ PID_FILE, "pid-file", 0, "FILE", "write its pid there" },
	{ NO_NEW_PRIVS, "no-new-privs", 0, NULL, "it cannot gain privileges by an exec" },
	{ CAP, "cap", 'c', "NAME", "add a capability; may be given again" },
	{ PRESERVE_FDS, "preserve-fds", 0, "N", "hand N more descriptors, from 3 on, to it" },
	{ CGROUP, "cgroup", 0, "PATH", "run in this cgroup below the container's (with v1: CONTROLLER:PATH)" },
	{ PROCESS_LABEL, "process-label", 0, "LABEL", "SELinux label" },
	{ APPARMOR, "apparmor", 0, "PROFILE", "AppArmor profile" },
	{ IGNORE_PAUSED, "ignore-paused", 0, NULL, "wait in a paused container instead of failing" },
	CMD_OPTIONS_END,
};

/* Lists that grow by one and end with NULL. They live as long as the process, which is short. */
static int add(const char ***list, size_t *count, const char *value)
{
	const char **more = reallocarray(*list, *count + 2, sizeof(**list));
	if (more == NULL)
		return -1;
	more[(*count)++] = value;
	more[*count] = NULL;
	*list = more;
	return 0;
}

struct lists {
	const char **env, **caps, **groups, **cgroups;
	size_t env_count, cap_count, group_count, cgroup_count;
	const char *process_file;
};

static int set_number(struct cmd_run *run, const char *value, int *ret)
{
	char *end;
	long number = strtol(value, &end, 10);
	if (value[0] == '\0' || *end != '\0' || number < 0 || number > 1 << 20) {
		cmd_usage(run, "--preserve-fds: \"%s\" is not a number of descriptors", value);
		return -1;
	}
	*ret = (int)number;
	return 0;
}

static int set_option(struct cmd_run *run, int option, const char *value, struct bsn_exec_options *exec, struct lists *lists)
{
	switch (option) {
	case CONSOLE_SOCKET:
		exec->console_socket = value;
		return 0;
	case PIDFD_SOCKET:
		exec->pidfd_socket = value;
		return 0;
	case CWD:
		exec->cwd = value;
		return 0;
	case ENV:
		return add(&lists->env, &lists->env_count, value);
	case TTY:
		exec->tty = true;
		return 0;
	case USER:
		exec->user = value;
		return 0;
	case ADDITIONAL_GIDS:
		return add(&lists->groups, &lists->group_count, value);
	case PROCESS:
		lists->process_file = value;
		return 0;
	case DETACH:
		exec->detach = true;
		return 0;
	case PID_FILE:
		exec->pid_file = value;
		return 0;
	case NO_NEW_PRIVS:
		exec->no_new_privs = true;
		return 0;
	case CAP:
		return add(&lists->caps, &lists->cap_count, value);
	case PRESERVE_FDS:
		return set_number(run, value, &exec->preserve_fds);
	case CGROUP:
		return add(&lists->cgroups, &lists->cgroup_count, value);
	case PROCESS_LABEL:
		exec->process_label = value;
		return 0;
	case APPARMOR:
		exec->apparmor = value;
		return 0;
	case IGNORE_PAUSED:
		exec->ignore_paused = true;
		return 0;
	default:
		return -1;
	}
}

static int run_exec(struct cmd_run *run)
{
	struct bsn_exec_options exec = { 0 };
	struct lists lists = { 0 };
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	char *process = NULL;
	int status = 0;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (set_option(run, option, value, &exec, &lists) < 0)
			return BASIN_FAILED;
	if (option < 0 || cmd_want_arguments(run, 1, -1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	if (run->argument_count < 2 && lists.process_file == NULL) {
		cmd_usage(run, "a command is missing, or --process");
		return EXEC_FAILED;
	}
	exec.id = run->arguments[0];
	exec.args = (const char *const *)(run->arguments + 1);
	exec.env = lists.env;
	exec.caps = lists.caps;
	exec.additional_gids = lists.groups;
	exec.cgroups = lists.cgroups;
	if (lists.process_file != NULL) {
		/* "-" is not special, as in runc. */
		process = cmd_document_read(lists.process_file, false, &err);
		exec.process_json = process;
	}
	int r = lists.process_file != NULL && process == NULL ? -1 : bsn_container_exec(&runtime, &exec, &status, &err);
	free(process);
	free(lists.env);
	free(lists.caps);
	free(lists.groups);
	free(lists.cgroups);
	if (r >= 0)
		return status;
	cmd_report(run, &err);
	return EXEC_FAILED;
}

const struct cmd_command cmd_exec = {
	.arguments = "ID COMMAND [ARGUMENT ...]", .options = options, .stop_after = 1, .run = run_exec
};
