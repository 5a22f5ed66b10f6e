/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_column columns[] = {
	{ "CHECK", "check", CMD_TEXT },
	{ "RESULT", "result", CMD_TEXT },
	{ "FOUND", "found", CMD_TEXT },
	{ "REMEDY", "remedy", CMD_TEXT },
};

static int ask(struct basin *basin, const char *none, char **ret_json, struct basin_error *err)
{
	(void)none;
	return basin_doctor(basin, ret_json, err);
}

static int doctor(struct cmd_run *run)
{
	return cmd_query(run,
			 &(const struct cmd_query){ 0, 0, ask, cmd_print_table, columns, sizeof(columns) / sizeof(columns[0]) });
}

const struct cmd_command cmd_doctor = { .arguments = "", .options = cmd_query_options, .run = doctor };
