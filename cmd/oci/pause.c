/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/commands.h"
#include "runtime/runtime.h"

static int run_pause(struct cmd_run *run)
{
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	const char *value;
	if (cmd_next(run, &value) < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	return bsn_container_pause(&runtime, run->arguments[0], &err) < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_pause = { .arguments = "ID", .run = run_pause };
