/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

enum { OPT_FORMAT = 1 };

static const struct cmd_option options[] = {
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column columns[] = {
	{ "NETWORK", "network", CMD_TEXT },    { "ADDRESS", "address", CMD_TEXT }, { "KIND", "kind", CMD_TEXT },
	{ "OWNER", "owner", CMD_TEXT },        { "MAC", "mac", CMD_TEXT },         { "NAT", "nat", CMD_YESNO },
	{ "ATTACHED", "attached", CMD_YESNO }, { "SINCE", "since", CMD_TIME },
};

static int allocations(struct cmd_run *run)
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
	if (option < 0 || cmd_want_arguments(run, 0, 1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_net_allocations(basin, run->argument_count > 0 ? run->arguments[0] : NULL, &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = cmd_print_table(run, format, json, columns, sizeof(columns) / sizeof(columns[0]));
	basin_free(json);
	return r;
}

const struct cmd_command cmd_net_allocations = { .arguments = "[NETWORK]", .options = options, .run = allocations };
