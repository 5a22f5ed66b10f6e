/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/oci/create.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"

/* What create and run have in common. 1: not one of these. */
int cmd_create_option(struct cmd_run *run, int option, const char *value, struct bsn_create_options *create)
{
	char *end;
	long number;
	switch (option) {
	case CMD_CREATE_BUNDLE:
		create->bundle = value;
		return 0;
	case CMD_CREATE_CONFIG:
		/* As crun: its own default, given, is the bundle's file wherever we are. */
		create->config = strcmp(value, "config.json") != 0 ? value : NULL;
		return 0;
	case CMD_CREATE_CONSOLE_SOCKET:
		create->console_socket = value;
		return 0;
	case CMD_CREATE_PIDFD_SOCKET:
		create->pidfd_socket = value;
		return 0;
	case CMD_CREATE_PID_FILE:
		create->pid_file = value;
		return 0;
	case CMD_CREATE_PRESERVE_FDS:
		number = strtol(value, &end, 10);
		if (value[0] == '\0' || *end != '\0' || number < 0 || number > 1 << 20) {
			cmd_usage(run, "--preserve-fds: \"%s\" is not a number of descriptors", value);
			return -1;
		}
		create->preserve_fds = (int)number;
		return 0;
	case CMD_CREATE_NO_PIVOT:
		create->no_pivot = true;
		return 0;
	case CMD_CREATE_NO_NEW_KEYRING:
		create->no_new_keyring = true;
		return 0;
	case CMD_CREATE_NO_SUBREAPER:
		create->no_subreaper = true;
		return 0;
	default:
		return 1;
	}
}

static const struct cmd_option options[] = { CMD_CREATE_OPTIONS, CMD_OPTIONS_END };

static int run_create(struct cmd_run *run)
{
	struct bsn_create_options create = BSN_CREATE_OPTIONS_INIT;
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (cmd_create_option(run, option, value, &create) < 0)
			return BASIN_FAILED;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	create.id = run->arguments[0];
	if (bsn_container_create(&runtime, &create, NULL, &err) < 0)
		return cmd_report(run, &err);
	return 0;
}

const struct cmd_command cmd_create = { .arguments = "ID", .options = options, .run = run_create };
