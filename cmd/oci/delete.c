/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/commands.h"
#include "cmd/oci/each.h"

enum { FORCE = 1, REGEX };

static const struct cmd_option options[] = {
	{ FORCE, "force", 'f', NULL, "kill it first if it runs; a container that does not exist is no error" },
	{ REGEX, "regex", 'r', NULL, "ID is an extended regular expression: every container that matches" },
	CMD_OPTIONS_END,
};

static int delete_one(const struct bsn_runtime *runtime, const char *id, const void *data, struct basin_error *err)
{
	const bool *force = data;
	return bsn_container_delete(runtime, id, *force, err);
}

static int run_delete(struct cmd_run *run)
{
	struct bsn_runtime runtime;
	bool force = false;
	bool regex = false;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		force |= option == FORCE;
		regex |= option == REGEX;
	}
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	return cmd_each(run, &runtime, regex, delete_one, &force);
}

const struct cmd_command cmd_delete = { .arguments = "ID", .options = options, .run = run_delete };
