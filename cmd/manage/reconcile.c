/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cmd/cmd.h"

enum { OPT_DRY_RUN = 1, OPT_FORMAT };

static const struct cmd_option options[] = {
	{ OPT_DRY_RUN, "dry-run", 0, NULL, "only say what would be done" },
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column columns[] = {
	{ "KIND", "kind", CMD_TEXT },  { "NAME", "name", CMD_TEXT },   { "ACTION", "action", CMD_TEXT },
	{ "DONE", "done", CMD_YESNO }, { "ERROR", "error", CMD_TEXT },
};

static int reconcile(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	enum cmd_format format = CMD_TABLE;
	const char *value;
	char *json;
	int option;
	int dry_run = 0;
	while ((option = cmd_next(run, &value)) > 0) {
		if (option == OPT_DRY_RUN)
			dry_run = 1;
		else if (cmd_value_format(run, value, &format) < 0)
			return BASIN_USAGE;
	}
	if (option < 0 || cmd_want_arguments(run, 0, 0) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_reconcile(basin, dry_run, &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	if (format == CMD_TABLE && strncmp(json, "[]", 2) == 0) {
		printf("nothing to do\n");
		r = 0;
	} else {
		r = cmd_print_table(run, format, json, columns, sizeof(columns) / sizeof(columns[0]));
	}
	basin_free(json);
	return r;
}

const struct cmd_command cmd_reconcile = { .arguments = "", .options = options, .run = reconcile };
