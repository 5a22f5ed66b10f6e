/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

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

static int print(const struct cmd_run *run, enum cmd_format format, const char *json, const struct cmd_column *columns,
		 size_t count)
{
	int status = cmd_print_fields(run, format, json, columns, count);
	if (status != 0 || format == CMD_JSON)
		return status;
	putchar('\n');
	return cmd_print_resources(run, json, figures, sizeof(figures) / sizeof(figures[0]));
}

static int show(struct cmd_run *run)
{
	return cmd_query(run,
			 &(const struct cmd_query){ 1, 1, basin_pool_show, print, fields, sizeof(fields) / sizeof(fields[0]) });
}

const struct cmd_command cmd_pool_show = { .arguments = "POOL", .options = cmd_query_options, .run = show };
