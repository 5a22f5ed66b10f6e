/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/commands.h"
#include "runtime/runtime.h"

enum { ALL = 1 };

static const struct cmd_option options[] = {
	{ ALL, "all", 'a', NULL, "signal every process of the container" },
	CMD_OPTIONS_END,
};

/* "9", "KILL", "SIGKILL", "RTMIN+3", "SIGRTMAX-1"; -1 for anything else. */
static int parse_signal(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);
	if (end != text)
		return *end == '\0' && number > 0 && number <= SIGRTMAX ? (int)number : -1;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int signal = 1; signal < SIGRTMIN; signal++) {
		const char *name = sigabbrev_np(signal);
		if (name != NULL && strcasecmp(text, name) == 0)
			return signal;
	}
	if (strncasecmp(text, "RTMIN", 5) != 0 && strncasecmp(text, "RTMAX", 5) != 0)
		return -1;
	long offset = text[5] != '\0' ? strtol(text + 5, &end, 10) : 0;
	bool lowest = strncasecmp(text, "RTMIN", 5) == 0;
	if (text[5] != '\0' && (*end != '\0' || text[5] != (lowest ? '+' : '-')))
		return -1;
	long signal = (lowest ? SIGRTMIN : SIGRTMAX) + offset;
	return signal >= SIGRTMIN && signal <= SIGRTMAX ? (int)signal : -1;
}

static int run_kill(struct cmd_run *run)
{
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	bool all = false;
	int signal = SIGTERM;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		all = true;
	if (option < 0 || cmd_want_arguments(run, 1, 2) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	if (run->argument_count == 2)
		signal = parse_signal(run->arguments[1]);
	if (signal < 0)
		return cmd_usage(run, "\"%s\" is not a signal", run->arguments[1]);
	if (bsn_container_kill(&runtime, run->arguments[0], signal, all, &err) < 0)
		return cmd_report(run, &err);
	return 0;
}

const struct cmd_command cmd_kill = { .arguments = "ID [SIGNAL]", .options = options, .run = run_kill };
