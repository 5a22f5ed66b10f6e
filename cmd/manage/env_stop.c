/* SPDX-License-Identifier: Apache-2.0 */
/* stop and restart: restart is a stop with a start behind it. */
#include "cmd/cmd.h"
#include "runtime/runtime.h"

enum { OPT_TIME = 1 };

static const struct cmd_option options[] = {
	{ OPT_TIME, "time", 't', "DURATION", "how long the stop signal is given before SIGKILL (default 10s)" },
	CMD_OPTIONS_END,
};

static int stop_each(struct cmd_run *run, bool again)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	int64_t patience = BASIN_UNSET;
	const char *value;
	int option;
	int status = 0;
	while ((option = cmd_next(run, &value)) > 0)
		if (cmd_value_duration(run, "time", value, &patience) < 0)
			return BASIN_USAGE;
	if (option < 0 || cmd_want_arguments(run, 1, -1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	for (int i = 0; i < run->argument_count; i++) {
		int r = basin_env_stop(basin, run->arguments[i], patience, &err);
		if (r >= 0 && again)
			r = bsn_env_start(basin, run->arguments[i], &err);
		if (r < 0)
			status = cmd_report(run, &err);
	}
	basin_close(basin);
	return status;
}

static int stop(struct cmd_run *run)
{
	return stop_each(run, false);
}

static int restart(struct cmd_run *run)
{
	return stop_each(run, true);
}

const struct cmd_command cmd_env_stop = { .arguments = "NAME ...", .options = options, .run = stop };
const struct cmd_command cmd_env_restart = { .arguments = "NAME ...", .options = options, .run = restart };
