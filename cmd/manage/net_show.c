/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_column columns[] = {
	{ "NETWORK", "name", CMD_TEXT },
	{ "SUBNET", "subnet", CMD_TEXT },
	{ "GATEWAY", "gateway", CMD_TEXT },
	{ "BRIDGE", "bridge", CMD_TEXT },
	{ "NAT", "nat", CMD_YESNO },
	{ "UP", "up", CMD_YESNO },
	{ "NAME SERVER", "name_server", CMD_YESNO },
	{ "ADDRESSES", "addresses.total", CMD_NUMBER },
	{ "USED", "addresses.used", CMD_NUMBER },
	{ "FREE", "addresses.free", CMD_NUMBER },
	{ "CREATED", "created", CMD_TIME },
};

static int show(struct cmd_run *run)
{
	return cmd_query(run, &(const struct cmd_query){ 1, 1, basin_net_show, cmd_print_fields, columns,
							 sizeof(columns) / sizeof(columns[0]) });
}

const struct cmd_command cmd_net_show = { .arguments = "NETWORK", .options = cmd_query_options, .run = show };
