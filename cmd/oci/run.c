/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/commands.h"
#include "cmd/oci/create.h"

enum { DETACH = CMD_CREATE_LAST, KEEP };

static const struct cmd_option options[] = {
	CMD_CREATE_OPTIONS,
	{ DETACH, "detach", 'd', NULL, "return once the container has started" },
	{ KEEP, "keep", 0, NULL, "do not delete the container when it ends" },
	CMD_OPTIONS_END,
};

static int run_run(struct cmd_run *run)
{
	struct bsn_create_options create = BSN_CREATE_OPTIONS_INIT;
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	bool detach = false;
	bool keep = false;
	int status = 0;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		int r = cmd_create_option(run, option, value, &create);
		if (r < 0)
			return BASIN_FAILED;
		detach = detach || (r > 0 && option == DETACH);
		keep = keep || (r > 0 && option == KEEP);
	}
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	create.id = run->arguments[0];
	if (bsn_container_run(&runtime, &create, detach, keep, &status, &err) < 0)
		return cmd_report(run, &err);
	return status;
}

const struct cmd_command cmd_run = { .arguments = "ID", .options = options, .run = run_run };
