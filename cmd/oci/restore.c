/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/commands.h"
#include "cmd/oci/checkpoint.h"

enum { DETACH = CMD_CRIU_LAST, TCP_CLOSE, LSM_PROFILE, LSM_MOUNT_CONTEXT };

static const struct cmd_option options[] = {
	CMD_CREATE_OPTIONS,
	CMD_CRIU_OPTIONS,
	{ DETACH, "detach", 'd', NULL, "return once the container runs again" },
	{ TCP_CLOSE, "tcp-close", 0, NULL, "restore connected TCP sockets closed" },
	{ LSM_PROFILE, "lsm-profile", 0, "TYPE:NAME", "restore with that profile (apparmor:NAME, selinux:NAME)" },
	{ LSM_MOUNT_CONTEXT, "lsm-mount-context", 0, "CONTEXT", "mount with that SELinux context" },
	CMD_OPTIONS_END,
};

static int run_restore(struct cmd_run *run)
{
	struct bsn_create_options create = BSN_CREATE_OPTIONS_INIT;
	struct bsn_criu_options criu = BSN_CRIU_OPTIONS_INIT;
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	bool detach = false;
	int status = 0;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		int r = cmd_create_option(run, option, value, &create);
		if (r > 0)
			r = cmd_criu_option(run, option, value, &criu);
		if (r < 0)
			return BASIN_FAILED;
		detach = detach || option == DETACH;
		criu.tcp_close = criu.tcp_close || option == TCP_CLOSE;
		if (option == LSM_PROFILE)
			criu.lsm_profile = value;
		else if (option == LSM_MOUNT_CONTEXT)
			criu.lsm_mount_context = value;
	}
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	create.id = run->arguments[0];
	cmd_criu_warn(run);
	if (bsn_container_restore(&runtime, &create, &criu, detach, &status, &err) < 0)
		return cmd_report(run, &err);
	return status;
}

const struct cmd_command cmd_restore = { .arguments = "ID", .options = options, .run = run_restore };
