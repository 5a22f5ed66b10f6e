/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cmd/commands.h"
#include "runtime/runtime.h"

static int run_mounts(struct cmd_run *run)
{
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	const char *value;
	if (cmd_next(run, &value) < 0 || cmd_want_arguments(run, 3, 3) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	bool add = strcmp(run->arguments[0], "add") == 0;
	if (!add && strcmp(run->arguments[0], "remove") != 0)
		return cmd_usage(run, "\"%s\" is neither \"add\" nor \"remove\"", run->arguments[0]);
	int r = add ? bsn_container_mounts_add(&runtime, run->arguments[1], run->arguments[2], &err)
		    : bsn_container_mounts_remove(&runtime, run->arguments[1], run->arguments[2], &err);
	return r < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_mounts = { .arguments = "add|remove ID FILE", .run = run_mounts };
