/* SPDX-License-Identifier: Apache-2.0 */
/* The table lists what is damaged; the exit status says whether anything is. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

enum { OPT_FORMAT = 1, OPT_QUICK };

static const struct cmd_option options[] = {
	{ OPT_QUICK, "quick", 'q', NULL, "look at everything but the contents of files" },
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column columns[] = {
	{ "RESULT", "result", CMD_TEXT },     { "IMAGES", "images", CMD_NUMBER },         { "LAYERS", "layer_count", CMD_NUMBER },
	{ "ENTRIES", "entries", CMD_NUMBER }, { "DAMAGED", "damaged_count", CMD_NUMBER },
};

static int report(struct cmd_run *run, enum cmd_format format, const char *json, const struct basin_error *damage)
{
	int r = cmd_print_fields(run, format, json, columns, sizeof(columns) / sizeof(columns[0]));
	return r == 0 && damage->code != 0 ? cmd_report(run, damage) : r;
}

static int check(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin_error damage = { 0 };
	struct basin *basin;
	enum cmd_format format = CMD_TABLE;
	const char *value;
	char *json;
	int option;
	int quick = 0;
	while ((option = cmd_next(run, &value)) > 0)
		if (option == OPT_QUICK)
			quick = 1;
		else if (cmd_value_format(run, value, &format) < 0)
			return BASIN_USAGE;
	if (option < 0 || cmd_want_arguments(run, 0, 1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_image_check(basin, run->argument_count > 0 ? run->arguments[0] : NULL, quick, &json, &damage, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = report(run, format, json, &damage);
	basin_free(json);
	return r;
}

const struct cmd_command cmd_image_check = { .arguments = "[NAME[:TAG]|DIGEST]", .options = options, .run = check };
