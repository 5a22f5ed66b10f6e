/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "runtime/runtime.h"

enum { OPT_ALL = 1, OPT_AUTOSTART, OPT_FORMAT };

static const struct cmd_option options[] = {
	{ OPT_ALL, "all", 'a', NULL, "every environment" },
	{ OPT_AUTOSTART, "autostart", 0, NULL, "with --all: those that are to run after a boot" },
	{ OPT_FORMAT, "format", 0, "FORMAT", "with --all: table or json" },
	CMD_OPTIONS_END,
};

static int start_named(struct cmd_run *run, struct basin *basin)
{
	struct basin_error err = { 0 };
	int status = 0;
	for (int i = 0; i < run->argument_count; i++)
		if (bsn_env_start(basin, run->arguments[i], &err) < 0)
			status = cmd_report(run, &err);
	return status;
}

static int start_all(struct cmd_run *run, struct basin *basin, bool autostart, enum cmd_format format)
{
	static const struct cmd_column columns[] = {
		{ "NAME", "name", CMD_TEXT },
		{ "RESULT", "result", CMD_TEXT },
		{ "ERROR", "error", CMD_TEXT },
	};
	struct basin_error err = { 0 };
	char *json;
	int failed = bsn_env_start_all(basin, autostart, &json, &err);
	if (failed < 0)
		return cmd_report(run, &err);
	int r = cmd_print_table(run, format, json, columns, sizeof(columns) / sizeof(columns[0]));
	basin_free(json);
	return r == 0 && failed > 0 ? BASIN_FAILED : r;
}

static int start(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	enum cmd_format format = CMD_TABLE;
	bool all = false;
	bool autostart = false;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		all = all || option == OPT_ALL;
		autostart = autostart || option == OPT_AUTOSTART;
		if (option == OPT_FORMAT && cmd_value_format(run, value, &format) < 0)
			return BASIN_USAGE;
	}
	if (option < 0)
		return BASIN_USAGE;
	if (autostart && !all)
		return cmd_usage(run, "--autostart goes with --all");
	if (all != (run->argument_count == 0))
		return cmd_usage(run, "give the names of environments, or --all");
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int status = all ? start_all(run, basin, autostart, format) : start_named(run, basin);
	basin_close(basin);
	return status;
}

const struct cmd_command cmd_env_start = { .arguments = "[NAME ...]", .options = options, .run = start };
