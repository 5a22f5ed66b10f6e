/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

enum { OPT_FOLLOW = 1, OPT_TAIL };

static const struct cmd_option options[] = {
	{ OPT_FOLLOW, "follow", 'f', NULL, "go on until the environment is down" },
	{ OPT_TAIL, "tail", 'n', "N", "the last N lines only" },
	CMD_OPTIONS_END,
};

static int logs(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	int64_t tail = BASIN_UNSET;
	const char *value;
	int option;
	int follow = 0;
	while ((option = cmd_next(run, &value)) > 0) {
		if (option == OPT_FOLLOW)
			follow = 1;
		else if (cmd_value_count(run, "tail", value, &tail) < 0)
			return BASIN_USAGE;
	}
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_env_logs(basin, run->arguments[0], tail, follow, 1, &err);
	basin_close(basin);
	return r < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_env_logs = { .arguments = "NAME", .options = options, .run = logs };
