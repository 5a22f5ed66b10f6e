/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cmd/commands.h"
#include "runtime/runtime.h"

static int run_features(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	char *json = NULL;
	const char *value;
	if (cmd_next(run, &value) < 0 || cmd_want_arguments(run, 0, 0) < 0)
		return BASIN_FAILED;
	if (bsn_runtime_features(&json, &err) < 0)
		return cmd_report(run, &err);
	int status = cmd_print_json(run, json);
	free(json);
	return status;
}

const struct cmd_command cmd_features = { .run = run_features };
