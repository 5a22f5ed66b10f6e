/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

enum { OPT_FORMAT = 1 };

static const struct cmd_option options[] = {
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column fields[] = {
	{ "POOL", "name", CMD_TEXT },
	{ "PARENT", "parent", CMD_TEXT },
	{ "MEMBERS", "members", CMD_TEXT },
	{ "CHILDREN", "children", CMD_NUMBER },
	{ "ENFORCE", "enforce", CMD_TEXT },
	{ "CORDONED", "cordoned", CMD_YESNO },
	{ "OVER", "over", CMD_YESNO },
	{ "CREATED", "created", CMD_TIME },
	{ "STORAGE", "storage.backend", CMD_TEXT },
	{ "FILE SYSTEM", "storage.file_system", CMD_TEXT },
	{ "WHY NOT BETTER", "storage.reason", CMD_TEXT },
};

/* One line per resource: amounts in that resource's unit. */
static const struct cmd_column figures[] = {
	{ "RESOURCE", "resource", CMD_TEXT },     { "CAPACITY", "capacity", CMD_AMOUNT },  { "RESERVED", "reserved", CMD_AMOUNT },
	{ "GUARANTEE", "guarantee", CMD_AMOUNT }, { "OVERCOMMIT", "overcommit", CMD_CPU }, { "PROMISED", "promised", CMD_AMOUNT },
	{ "LIMITS", "limit_sum", CMD_AMOUNT },    { "USED", "used", CMD_AMOUNT },          { "FREE", "free", CMD_AMOUNT },
	{ "DEFAULT", "default", CMD_AMOUNT },     { "ENFORCED", "enforced", CMD_YESNO },
};

static int print(const struct cmd_run *run, enum cmd_format format, const char *json)
{
	int status = cmd_print_fields(run, format, json, fields, sizeof(fields) / sizeof(fields[0]));
	if (status != 0 || format == CMD_JSON)
		return status;
	putchar('\n');
	return cmd_print_resources(run, json, figures, sizeof(figures) / sizeof(figures[0]));
}

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
	int r = basin_pool_show(basin, run->arguments[0], &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = print(run, format, json);
	basin_free(json);
	return r;
}

const struct cmd_command cmd_pool_show = { .arguments = "POOL", .options = options, .run = show };
