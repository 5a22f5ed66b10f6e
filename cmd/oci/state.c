/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cmd/commands.h"
#include "runtime/runtime.h"

static int run_state(struct cmd_run *run)
{
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	char *json = NULL;
	const char *value;
	if (cmd_next(run, &value) < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	if (bsn_container_state(&runtime, run->arguments[0], &json, &err) < 0)
		return cmd_report(run, &err);
	int status = cmd_print_json(run, json);
	free(json);
	return status;
}

const struct cmd_command cmd_state = { .arguments = "ID", .run = run_state };
