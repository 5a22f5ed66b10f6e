/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/commands.h"
#include "cmd/oci/each.h"

struct request {
	int signal;
	bool all;
};

enum { ALL = 1, REGEX };

static const struct cmd_option options[] = {
	{ ALL, "all", 'a', NULL, "signal every process of the container" },
	{ REGEX, "regex", 'r', NULL, "ID is an extended regular expression: every container that matches" },
	CMD_OPTIONS_END,
};

/* What the numbers are called, and where real-time signals begin for the programs that get them: glibc's choice, whatever ours is. */
static const char *const names[] = {
	[SIGHUP] = "HUP",       [SIGINT] = "INT",   [SIGQUIT] = "QUIT",   [SIGILL] = "ILL",   [SIGTRAP] = "TRAP",
	[SIGABRT] = "ABRT",     [SIGBUS] = "BUS",   [SIGFPE] = "FPE",     [SIGKILL] = "KILL", [SIGUSR1] = "USR1",
	[SIGSEGV] = "SEGV",     [SIGUSR2] = "USR2", [SIGPIPE] = "PIPE",   [SIGALRM] = "ALRM", [SIGTERM] = "TERM",
	[SIGSTKFLT] = "STKFLT", [SIGCHLD] = "CHLD", [SIGCONT] = "CONT",   [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",
	[SIGTTIN] = "TTIN",     [SIGTTOU] = "TTOU", [SIGURG] = "URG",     [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ",
	[SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGWINCH] = "WINCH", [SIGIO] = "IO",     [SIGPWR] = "PWR",
	[SIGSYS] = "SYS",
};
enum { SIGNALS = sizeof(names) / sizeof(names[0]), RT_FIRST = 34, RT_LAST = 64 };

/* "9", "0" (is it there?), "KILL", "SIGKILL", "RTMIN+3", "SIGRTMAX-1"; -1 for anything else. */
static int parse_signal(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);
	if (end != text)
		return *end == '\0' && number >= 0 && number <= RT_LAST ? (int)number : -1;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int signal = 1; signal < SIGNALS; signal++)
		if (names[signal] != NULL && strcasecmp(text, names[signal]) == 0)
			return signal;
	if (strncasecmp(text, "RTMIN", 5) != 0 && strncasecmp(text, "RTMAX", 5) != 0)
		return -1;
	long offset = text[5] != '\0' ? strtol(text + 5, &end, 10) : 0;
	bool lowest = strncasecmp(text, "RTMIN", 5) == 0;
	if (text[5] != '\0' && (*end != '\0' || text[5] != (lowest ? '+' : '-')))
		return -1;
	long signal = (lowest ? RT_FIRST : RT_LAST) + offset;
	return signal >= RT_FIRST && signal <= RT_LAST ? (int)signal : -1;
}

static int kill_one(const struct bsn_runtime *runtime, const char *id, const void *data, struct basin_error *err)
{
	const struct request *request = data;
	return bsn_container_kill(runtime, id, request->signal, request->all, err);
}

static int run_kill(struct cmd_run *run)
{
	struct bsn_runtime runtime;
	struct request request = { .signal = SIGTERM };
	bool regex = false;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		request.all |= option == ALL;
		regex |= option == REGEX;
	}
	if (option < 0 || cmd_want_arguments(run, 1, 2) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	if (run->argument_count == 2)
		request.signal = parse_signal(run->arguments[1]);
	if (request.signal < 0)
		return cmd_usage(run, "unknown signal \"%s\"", run->arguments[1]);
	return cmd_each(run, &runtime, regex, kill_one, &request);
}

const struct cmd_command cmd_kill = { .arguments = "ID [SIGNAL]", .options = options, .run = run_kill };
