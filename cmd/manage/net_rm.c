/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_option options[] = { CMD_OPTIONS_END };

static int rm(struct cmd_run *run)
{
	return cmd_each(run, basin_net_remove);
}

const struct cmd_command cmd_net_rm = { .arguments = "NETWORK ...", .options = options, .run = rm };
