/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/oci/document.h"
#include "runtime/runtime.h"

enum { RESOURCES = 1, FIRST_VALUE };

/* All but the first are values that the runtime understands by the option's name (runtime/update_document.c). */
static const struct cmd_option options[] = {
	{ RESOURCES, "resources", 'r', "FILE", "a linux.resources object, as in config.json; - is standard input" },
	{ FIRST_VALUE, "blkio-weight", 0, "N", "share of block I/O, 10 to 1000" },
	{ FIRST_VALUE + 1, "cpu-period", 0, "US", "what a quota of processor time is of, in microseconds" },
	{ FIRST_VALUE + 2, "cpu-quota", 0, "US", "processor time in each period; -1: no limit" },
	{ FIRST_VALUE + 3, "cpu-burst", 0, "US", "what of unused quota may be spent at once" },
	{ FIRST_VALUE + 4, "cpu-share", 0, "N", "share of the processors, 2 to 262144" },
	{ FIRST_VALUE + 5, "cpu-idle", 0, "0|1", "run only where nobody else wants to" },
	{ FIRST_VALUE + 6, "cpu-rt-period", 0, "US", "real-time period (cgroup v1)" },
	{ FIRST_VALUE + 7, "cpu-rt-runtime", 0, "US", "real-time budget in each period (cgroup v1)" },
	{ FIRST_VALUE + 8, "cpuset-cpus", 0, "LIST", "processors to run on (0-3,7)" },
	{ FIRST_VALUE + 9, "cpuset-mems", 0, "LIST", "memory nodes to use" },
	{ FIRST_VALUE + 10, "kernel-memory", 0, "SIZE", "accepted; the kernel has no such limit any more" },
	{ FIRST_VALUE + 11, "kernel-memory-tcp", 0, "SIZE", "accepted, as --kernel-memory" },
	{ FIRST_VALUE + 12, "memory", 0, "SIZE", "limit of memory (64M, 1G); -1: none" },
	{ FIRST_VALUE + 13, "memory-reservation", 0, "SIZE", "memory that is protected from others' need" },
	{ FIRST_VALUE + 14, "memory-swap", 0, "SIZE", "limit of memory and swap together; -1: none" },
	{ FIRST_VALUE + 15, "pids-limit", 0, "N", "number of processes and threads; -1: no limit" },
	{ FIRST_VALUE + 16, "l3-cache-schema", 0, "TEXT", "cache allocation (resctrl)" },
	{ FIRST_VALUE + 17, "mem-bw-schema", 0, "TEXT", "memory bandwidth allocation (resctrl)" },
	CMD_OPTIONS_END,
};

#define VALUES_MAX 64

static int run_update(struct cmd_run *run)
{
	struct bsn_update_value values[VALUES_MAX];
	struct bsn_update_options update = { .values = values };
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	const char *file = NULL;
	char *text = NULL;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		if (option == RESOURCES)
			file = value;
		else if (update.value_count == VALUES_MAX)
			return cmd_usage(run, "too many options");
		else
			values[update.value_count++] = (struct bsn_update_value){ options[option - 1].name, value };
	}
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	update.id = run->arguments[0];
	if (file != NULL && (text = cmd_document_read(file, true, &err)) == NULL)
		return cmd_report(run, &err);
	update.resources_json = text;
	int r = bsn_container_update(&runtime, &update, &err);
	free(text);
	return r < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_update = { .arguments = "ID", .options = options, .run = run_update };
