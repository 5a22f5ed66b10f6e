/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_column columns[] = {
	{ "NAME", "name", CMD_TEXT },
	{ "STATUS", "status", CMD_TEXT },
	{ "IMAGE", "image.name", CMD_TEXT },
	{ "POOL", "pool", CMD_TEXT },
	{ "ADDRESS", "address", CMD_TEXT },
	{ "CPU", "resources.limit.cpu", CMD_CPU },
	{ "MEMORY", "resources.limit.memory", CMD_BYTES },
	{ "STORAGE", "resources.limit.storage", CMD_BYTES },
	{ "CREATED", "created", CMD_TIME },
};

static int ask(struct basin *basin, const char *none, char **ret_json, struct basin_error *err)
{
	(void)none;
	return basin_env_list(basin, ret_json, err);
}

static int list(struct cmd_run *run)
{
	return cmd_query(run,
			 &(const struct cmd_query){ 0, 0, ask, cmd_print_table, columns, sizeof(columns) / sizeof(columns[0]) });
}

const struct cmd_command cmd_env_ls = { .arguments = "", .options = cmd_query_options, .run = list };
