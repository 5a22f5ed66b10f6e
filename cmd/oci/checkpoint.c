/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/oci/checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/program.h"

enum { LEAVE_RUNNING = CMD_CRIU_LAST, TCP_SKIP_IN_FLIGHT, STATUS_FD, PAGE_SERVER, PRE_DUMP };

static const struct cmd_option options[] = {
	CMD_CRIU_OPTIONS,
	{ LEAVE_RUNNING, "leave-running", 0, NULL, "let the container go on" },
	{ TCP_SKIP_IN_FLIGHT, "tcp-skip-in-flight", 0, NULL, "leave TCP connections that are being made out" },
	{ STATUS_FD, "status-fd", 0, "FD", "write a NUL there once the pages of --lazy-pages can be had" },
	{ PAGE_SERVER, "page-server", 0, "ADDRESS:PORT", "send memory there" },
	{ PRE_DUMP, "pre-dump", 0, NULL, "write memory only, and let the container go on" },
	CMD_OPTIONS_END,
};

void cmd_criu_warn(const struct cmd_run *run)
{
	if (geteuid() != 0)
		cmd_report_line(run->global, CMD_WARNING, "checkpoint and restore are untested with rootless containers");
}

int cmd_criu_option(struct cmd_run *run, int option, const char *value, struct bsn_criu_options *criu)
{
	switch (option) {
	case CMD_CRIU_IMAGE_PATH:
		criu->image_path = value;
		return 0;
	case CMD_CRIU_WORK_PATH:
		criu->work_path = value;
		return 0;
	case CMD_CRIU_TCP_ESTABLISHED:
		criu->tcp_established = true;
		return 0;
	case CMD_CRIU_EXT_UNIX_SK:
		criu->ext_unix_sk = true;
		return 0;
	case CMD_CRIU_SHELL_JOB:
		criu->shell_job = true;
		return 0;
	case CMD_CRIU_FILE_LOCKS:
		criu->file_locks = true;
		return 0;
	case CMD_CRIU_MANAGE_CGROUPS_MODE:
		criu->manage_cgroups_mode = value;
		return 0;
	case CMD_CRIU_EMPTY_NS:
		if (strcmp(value, "network") == 0)
			return 0;
		cmd_usage(run, "--empty-ns: namespace \"%s\" is not supported", value);
		return -1;
	case CMD_CRIU_AUTO_DEDUP:
		criu->auto_dedup = true;
		return 0;
	case CMD_CRIU_LAZY_PAGES:
		criu->lazy_pages = true;
		return 0;
	case CMD_CRIU_LINK_REMAP:
		criu->link_remap = true;
		return 0;
	case CMD_CRIU_PARENT_PATH:
		criu->parent_path = value;
		return 0;
	case CMD_CRIU_NETWORK_LOCK:
		criu->network_lock = value;
		return 0;
	default:
		return 1;
	}
}

static int set_option(struct cmd_run *run, int option, const char *value, struct bsn_criu_options *criu)
{
	char *end;
	switch (option) {
	case LEAVE_RUNNING:
		criu->leave_running = true;
		return 0;
	case TCP_SKIP_IN_FLIGHT:
		criu->tcp_skip_in_flight = true;
		return 0;
	case STATUS_FD:
		criu->status_fd = (int)strtol(value, &end, 10);
		if (value[0] != '\0' && *end == '\0')
			return 0;
		cmd_usage(run, "--status-fd: \"%s\" is not a descriptor", value);
		return -1;
	case PAGE_SERVER:
		criu->page_server = value;
		return 0;
	case PRE_DUMP:
		criu->pre_dump = true;
		return 0;
	default:
		return cmd_criu_option(run, option, value, criu);
	}
}

static int run_checkpoint(struct cmd_run *run)
{
	struct bsn_criu_options criu = BSN_CRIU_OPTIONS_INIT;
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (set_option(run, option, value, &criu) < 0)
			return BASIN_FAILED;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	cmd_criu_warn(run);
	return bsn_container_checkpoint(&runtime, run->arguments[0], &criu, &err) < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_checkpoint = { .arguments = "ID", .options = options, .run = run_checkpoint };
