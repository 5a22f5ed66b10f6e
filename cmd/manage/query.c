/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

enum { OPT_FORMAT = 1 };

const struct cmd_option cmd_query_options[] = {
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

int cmd_query(struct cmd_run *run, const struct cmd_query *query)
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
	if (option < 0 || cmd_want_arguments(run, query->min, query->max) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = query->ask(basin, run->argument_count > 0 ? run->arguments[0] : NULL, &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = query->print(run, format, json, query->columns, query->count);
	basin_free(json);
	return r;
}

int cmd_each(struct cmd_run *run, int (*act)(struct basin *basin, const char *argument, struct basin_error *err))
{
	struct basin_error err = { 0 };
	struct basin *basin;
	const char *value;
	int status = 0;
	if (cmd_next(run, &value) < 0 || cmd_want_arguments(run, 1, -1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	for (int i = 0; i < run->argument_count; i++)
		if (act(basin, run->arguments[i], &err) < 0)
			status = cmd_report(run, &err);
	basin_close(basin);
	return status;
}
