/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

enum { OPT_TIME = 1 };

static const struct cmd_option options[] = {
	{ OPT_TIME, "time", 't', "DURATION", "wait no longer than this (then exit status 14)" },
	CMD_OPTIONS_END,
};

static int wait_for(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	int64_t timeout = BASIN_UNSET;
	const char *value;
	int option;
	int status;
	while ((option = cmd_next(run, &value)) > 0)
		if (cmd_value_duration(run, "time", value, &timeout) < 0)
			return BASIN_USAGE;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_env_wait(basin, run->arguments[0], timeout, &status, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	printf("%d\n", status);
	return 0;
}

const struct cmd_command cmd_env_wait = { .arguments = "NAME", .options = options, .run = wait_for };
