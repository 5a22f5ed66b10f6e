/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/query.h"

static const struct cmd_option options[] = { CMD_OPTIONS_END };

static int rm(struct cmd_run *run)
{
	return cmd_each(run, basin_pool_remove);
}

const struct cmd_command cmd_pool_rm = { .arguments = "POOL ...", .options = options, .run = rm };
