/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

static const struct cmd_option options[] = { CMD_OPTIONS_END };

static int reload(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	const char *value;
	if (cmd_next(run, &value) < 0 || cmd_want_arguments(run, 0, 0) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_net_reload(basin, &err);
	basin_close(basin);
	return r < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_net_reload = { .arguments = "", .options = options, .run = reload };
