/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

enum { OPT_FORMAT = 1 };

static const struct cmd_option options[] = {
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column columns[] = {
	{ "NAMES", "names", CMD_TEXT },
	{ "DIGEST", "digest", CMD_TEXT },
	{ "CONFIG DIGEST", "config_digest", CMD_TEXT },
	{ "PLATFORM", "platform", CMD_TEXT },
	{ "LAYERS", "layer_count", CMD_NUMBER },
	{ "SIZE", "size", CMD_BYTES },
	{ "CREATED", "created", CMD_TEXT },
	{ "IMPORTED", "imported", CMD_TIME },
	{ "ENTRYPOINT", "config.Entrypoint", CMD_TEXT },
	{ "COMMAND", "config.Cmd", CMD_TEXT },
	{ "ENVIRONMENT", "config.Env", CMD_TEXT },
	{ "USER", "config.User", CMD_TEXT },
	{ "WORKING DIR", "config.WorkingDir", CMD_TEXT },
	{ "STOP SIGNAL", "config.StopSignal", CMD_TEXT },
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
	int r = basin_image_show(basin, run->arguments[0], &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = cmd_print_fields(run, format, json, columns, sizeof(columns) / sizeof(columns[0]));
	basin_free(json);
	return r;
}

const struct cmd_command cmd_image_show = { .arguments = "NAME[:TAG]|DIGEST", .options = options, .run = show };
