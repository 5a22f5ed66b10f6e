/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cmd/commands.h"
#include "runtime/runtime.h"

enum { FORMAT = 1, QUIET };

static const struct cmd_option options[] = {
	{ FORMAT, "format", 'f', "table|json", "how to print (default: table)" },
	{ QUIET, "quiet", 'q', NULL, "print the ids alone" },
	CMD_OPTIONS_END,
};

static const struct cmd_column columns[] = {
	{ "ID", "id", CMD_TEXT },         { "PID", "pid", CMD_NUMBER },       { "STATUS", "status", CMD_TEXT },
	{ "BUNDLE", "bundle", CMD_TEXT }, { "CREATED", "created", CMD_TEXT }, { "OWNER", "owner", CMD_TEXT },
};

static int run_list(struct cmd_run *run)
{
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	enum cmd_format format = CMD_TABLE;
	bool quiet = false;
	char *json = NULL;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		if (option == QUIET)
			quiet = true;
		else if (cmd_value_format(run, value, &format) < 0)
			return BASIN_FAILED;
	}
	if (option < 0 || cmd_want_arguments(run, 0, 0) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	if (bsn_container_list(&runtime, &json, &err) < 0)
		return cmd_report(run, &err);
	int status = quiet ? cmd_print_lines(run, json, "id")
			   : cmd_print_table(run, format, json, columns, sizeof(columns) / sizeof(columns[0]));
	free(json);
	return status;
}

const struct cmd_command cmd_list = { .options = options, .run = run_list };
