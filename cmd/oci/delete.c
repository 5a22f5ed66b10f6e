/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/commands.h"
#include "runtime/runtime.h"

enum { FORCE = 1 };

static const struct cmd_option options[] = {
	{ FORCE, "force", 'f', NULL, "kill it first if it runs; a container that does not exist is no error" },
	CMD_OPTIONS_END,
};

static int run_delete(struct cmd_run *run)
{
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	bool force = false;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		force = true;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	if (bsn_container_delete(&runtime, run->arguments[0], force, &err) < 0)
		return cmd_report(run, &err);
	return 0;
}

const struct cmd_command cmd_delete = { .arguments = "ID", .options = options, .run = run_delete };
