/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "cmd/commands.h"
#include "runtime/runtime.h"

enum { STATS = 1, INTERVAL };

static const struct cmd_option options[] = {
	{ STATS, "stats", 0, NULL, "print once what the container uses, and end" },
	{ INTERVAL, "interval", 0, "DURATION", "how often to print that (default: 5s)" },
	CMD_OPTIONS_END,
};

/* A line at a time: who reads them waits for each. */
static int print_line(const char *line, void *data)
{
	(void)data;
	return printf("%s\n", line) < 0 || fflush(stdout) != 0 ? -errno : 0;
}

static int run_events(struct cmd_run *run)
{
	struct bsn_events_options events = { .interval_ms = 5000, .line = print_line };
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	bool once = false;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (option == STATS)
			once = true;
		else if (cmd_value_duration(run, "--interval", value, &events.interval_ms) < 0)
			return BASIN_FAILED;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	if (events.interval_ms <= 0)
		return cmd_usage(run, "duration interval must be greater than 0");
	if (once)
		events.interval_ms = 0;
	events.id = run->arguments[0];
	return bsn_container_events(&runtime, &events, &err) < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_events = { .arguments = "ID", .options = options, .run = run_events };
