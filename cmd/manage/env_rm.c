/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

enum { OPT_FORCE = 1 };

static const struct cmd_option options[] = {
	{ OPT_FORCE, "force", 'f', NULL, "kill it if it is running" },
	CMD_OPTIONS_END,
};

static int rm(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	const char *value;
	int option;
	int force = 0;
	int status = 0;
	while ((option = cmd_next(run, &value)) > 0)
		force = 1;
	if (option < 0 || cmd_want_arguments(run, 1, -1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	for (int i = 0; i < run->argument_count; i++)
		if (basin_env_remove(basin, run->arguments[i], force, &err) < 0)
			status = cmd_report(run, &err);
	basin_close(basin);
	return status;
}

const struct cmd_command cmd_env_rm = { .arguments = "NAME ...", .options = options, .run = rm };
