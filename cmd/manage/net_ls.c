/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_column columns[] = {
	{ "NETWORK", "name", CMD_TEXT },
	{ "SUBNET", "subnet", CMD_TEXT },
	{ "GATEWAY", "gateway", CMD_TEXT },
	{ "NAT", "nat", CMD_YESNO },
	{ "UP", "up", CMD_YESNO },
	{ "USED", "addresses.used", CMD_NUMBER },
	{ "FREE", "addresses.free", CMD_NUMBER },
};

static int ask(struct basin *basin, const char *none, char **ret_json, struct basin_error *err)
{
	(void)none;
	return basin_net_list(basin, ret_json, err);
}

static int list(struct cmd_run *run)
{
	return cmd_query(run,
			 &(const struct cmd_query){ 0, 0, ask, cmd_print_table, columns, sizeof(columns) / sizeof(columns[0]) });
}

const struct cmd_command cmd_net_ls = { .arguments = "", .options = cmd_query_options, .run = list };
