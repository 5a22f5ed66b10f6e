/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cmd/cmd.h"
#include "runtime/runtime.h"

#define LIST_MAX 64

enum { OPT_TTY = 1, OPT_INTERACTIVE, OPT_ENV, OPT_USER, OPT_WORKDIR };

static const struct cmd_option options[] = {
	{ OPT_TTY, "tty", 't', NULL, "give it a terminal of its own" },
	{ OPT_INTERACTIVE, "interactive", 'i', NULL, "accepted: standard input is always passed on" },
	{ OPT_ENV, "env", 'e', "NAME=VALUE", "set a variable; may be repeated" },
	{ OPT_USER, "user", 'u', "USER[:GROUP]", "run as this user of the environment" },
	{ OPT_WORKDIR, "workdir", 'w', "DIR", "working directory" },
	CMD_OPTIONS_END,
};

static int exec_in(struct cmd_run *run)
{
	const char *env[LIST_MAX] = { NULL };
	struct basin_exec_options exec = { .size = sizeof(exec), .env = env };
	struct basin_error err = { 0 };
	struct basin *basin;
	const char *value;
	size_t count = 0;
	int option;
	int status = 0;
	while ((option = cmd_next(run, &value)) > 0) {
		if (option == OPT_ENV && count + 1 >= LIST_MAX)
			return cmd_usage(run, "--env is given more than %d times", LIST_MAX - 1);
		if (option == OPT_ENV)
			env[count++] = value;
		else if (option == OPT_USER)
			exec.user = value;
		else if (option == OPT_WORKDIR)
			exec.workdir = value;
		else if (option == OPT_TTY)
			exec.tty = 1;
	}
	if (option < 0 || cmd_want_arguments(run, 2, -1) < 0)
		return BASIN_USAGE;
	/* "--" between the name and the command is customary, and not part of the command. */
	char **command = run->arguments + 1;
	if (strcmp(command[0], "--") == 0)
		command++;
	if (command[0] == NULL)
		return cmd_usage(run, "a command is needed");
	exec.args = (const char *const *)command;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = bsn_env_exec(basin, run->arguments[0], &exec, &status, &err);
	basin_close(basin);
	return r < 0 ? cmd_report(run, &err) : status;
}

const struct cmd_command cmd_env_exec = {
	.arguments = "NAME [--] COMMAND [ARGUMENT ...]",
	.options = options,
	.stop_after = 1,
	.run = exec_in,
};
