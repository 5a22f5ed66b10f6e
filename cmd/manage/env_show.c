/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

enum { OPT_FORMAT = 1 };

static const struct cmd_option options[] = {
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column columns[] = {
	{ "NAME", "name", CMD_TEXT },
	{ "STATUS", "status", CMD_TEXT },
	{ "PID", "pid", CMD_NUMBER },
	{ "IMAGE", "image.name", CMD_TEXT },
	{ "DIGEST", "image.digest", CMD_TEXT },
	{ "POOL", "pool", CMD_TEXT },
	{ "CLASS", "class", CMD_TEXT },
	{ "ADDRESS", "address", CMD_TEXT },
	{ "CPU REQUEST", "resources.request.cpu", CMD_CPU },
	{ "CPU LIMIT", "resources.limit.cpu", CMD_CPU },
	{ "MEMORY REQUEST", "resources.request.memory", CMD_BYTES },
	{ "MEMORY LIMIT", "resources.limit.memory", CMD_BYTES },
	{ "MEMORY USED", "usage.memory", CMD_BYTES },
	{ "STORAGE LIMIT", "resources.limit.storage", CMD_BYTES },
	{ "STORAGE USED", "usage.storage", CMD_BYTES },
	{ "STORAGE KIND", "storage.kind", CMD_TEXT },
	{ "PIDS LIMIT", "resources.limit.pids", CMD_NUMBER },
	{ "PIDS USED", "usage.pids", CMD_NUMBER },
	{ "FIRST ID", "ids.first", CMD_NUMBER },
	{ "RESTART", "restart.policy", CMD_TEXT },
	{ "AUTOSTART", "autostart", CMD_YESNO },
	{ "LAST EXIT", "last_exit.status", CMD_NUMBER },
	{ "CREATED", "created", CMD_TIME },
};

static int show(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	enum cmd_format format = CMD_TABLE;
	const char *value;
	char *json;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (cmd_value_format(run, value, &format) < 0)
			return BASIN_USAGE;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_env_show(basin, run->arguments[0], &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = cmd_print_fields(run, format, json, columns, sizeof(columns) / sizeof(columns[0]));
	basin_free(json);
	return r;
}

const struct cmd_command cmd_env_show = { .arguments = "NAME", .options = options, .run = show };
