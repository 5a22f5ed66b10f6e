/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_column columns[] = {
	{ "NETWORK", "network", CMD_TEXT },    { "ADDRESS", "address", CMD_TEXT }, { "KIND", "kind", CMD_TEXT },
	{ "OWNER", "owner", CMD_TEXT },        { "MAC", "mac", CMD_TEXT },         { "NAT", "nat", CMD_YESNO },
	{ "ATTACHED", "attached", CMD_YESNO }, { "SINCE", "since", CMD_TIME },
};

static int allocations(struct cmd_run *run)
{
	return cmd_query(run, &(const struct cmd_query){ 0, 1, basin_net_allocations, cmd_print_table, columns,
							 sizeof(columns) / sizeof(columns[0]) });
}

const struct cmd_command cmd_net_allocations = { .arguments = "[NETWORK]", .options = cmd_query_options, .run = allocations };
