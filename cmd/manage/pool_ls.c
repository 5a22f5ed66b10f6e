/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_column columns[] = {
	{ "POOL", "name", CMD_TEXT },
	{ "CPU", "resources.cpu.allocatable", CMD_CPU },
	{ "FREE", "resources.cpu.free", CMD_CPU },
	{ "MEMORY", "resources.memory.allocatable", CMD_BYTES },
	{ "FREE", "resources.memory.free", CMD_BYTES },
	{ "STORAGE", "resources.storage.allocatable", CMD_BYTES },
	{ "FREE", "resources.storage.free", CMD_BYTES },
	{ "PIDS", "resources.pids.allocatable", CMD_NUMBER },
	{ "FREE", "resources.pids.free", CMD_NUMBER },
	{ "MEMBERS", "members", CMD_TEXT },
};

static int ask(struct basin *basin, const char *none, char **ret_json, struct basin_error *err)
{
	(void)none;
	return basin_pool_list(basin, ret_json, err);
}

static int list(struct cmd_run *run)
{
	return cmd_query(run,
			 &(const struct cmd_query){ 0, 0, ask, cmd_print_table, columns, sizeof(columns) / sizeof(columns[0]) });
}

const struct cmd_command cmd_pool_ls = { .arguments = "", .options = cmd_query_options, .run = list };
