/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_column columns[] = {
	{ "NAME", "name", CMD_TEXT },
	{ "STATUS", "status", CMD_TEXT },
	{ "PID", "pid", CMD_NUMBER },
	{ "IMAGE", "image.name", CMD_TEXT },
	{ "DIGEST", "image.digest", CMD_TEXT },
	{ "POOL", "pool", CMD_TEXT },
	{ "CLASS", "class", CMD_TEXT },
	{ "ADDRESS", "address", CMD_TEXT },
	{ "CPU REQUEST", "resources.request.cpu", CMD_CPU },
	{ "CPU LIMIT", "resources.limit.cpu", CMD_CPU },
	{ "MEMORY REQUEST", "resources.request.memory", CMD_BYTES },
	{ "MEMORY LIMIT", "resources.limit.memory", CMD_BYTES },
	{ "MEMORY USED", "usage.memory", CMD_BYTES },
	{ "STORAGE LIMIT", "resources.limit.storage", CMD_BYTES },
	{ "STORAGE USED", "usage.storage", CMD_BYTES },
	{ "STORAGE KIND", "storage.kind", CMD_TEXT },
	{ "PIDS LIMIT", "resources.limit.pids", CMD_NUMBER },
	{ "PIDS USED", "usage.pids", CMD_NUMBER },
	{ "FIRST ID", "ids.first", CMD_NUMBER },
	{ "RESTART", "restart.policy", CMD_TEXT },
	{ "AUTOSTART", "autostart", CMD_YESNO },
	{ "LAST EXIT", "last_exit.status", CMD_NUMBER },
	{ "CREATED", "created", CMD_TIME },
};

static int show(struct cmd_run *run)
{
	return cmd_query(run, &(const struct cmd_query){ 1, 1, basin_env_show, cmd_print_fields, columns,
							 sizeof(columns) / sizeof(columns[0]) });
}

const struct cmd_command cmd_env_show = { .arguments = "NAME", .options = cmd_query_options, .run = show };
