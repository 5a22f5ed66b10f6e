/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor runs, and nobody else: `env up` and `env down`. */
#include "cmd/cmd.h"
#include "runtime/runtime.h"

enum { OPT_FINAL = 1 };

static const struct cmd_option up_options[] = { CMD_OPTIONS_END };
static const struct cmd_option down_options[] = {
	{ OPT_FINAL, "final", 0, NULL, "it will not be started again: give its CPU, memory and pids back" },
	CMD_OPTIONS_END,
};

static int up(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	const char *value;
	if (cmd_next(run, &value) != 0 || cmd_want_arguments(run, 1, 1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = bsn_env_up(basin, run->arguments[0], &err);
	basin_close(basin);
	return r < 0 ? err.code : 0; /* the monitor logs the text of the report */
}

static int down(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	const char *value;
	bool final = false;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		final = true;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = bsn_env_down(basin, run->arguments[0], final, &err);
	basin_close(basin);
	return r < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_env_up = { .arguments = "NAME", .options = up_options, .run = up };
const struct cmd_command cmd_env_down = { .arguments = "NAME", .options = down_options, .run = down };
