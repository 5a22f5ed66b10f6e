/* SPDX-License-Identifier: Apache-2.0 */
/* As runc: the table is ps(1)'s own, with the lines of other processes left out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "runtime/runtime.h"

enum { FORMAT = 1 };

static const struct cmd_option options[] = {
	{ FORMAT, "format", 'f', "table|json", "how to print: ps(1)'s table (the default), or the pids as JSON" },
	CMD_OPTIONS_END,
};

/* Runs ps with its output in a pipe. NULL: errno says why. */
static FILE *start_ps(char *const *arguments, pid_t *ret_pid)
{
	static const char *const usual[] = { "ps", "-ef", NULL };
	int ends[2];
	if (pipe(ends) < 0)
		return NULL;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execvp("ps", arguments != NULL ? arguments : (char *const *)usual);
		fprintf(stderr, "basin: cannot run ps: %s; --format json needs none\n", cmd_words(errno));
		_exit(BASIN_FAILED);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return NULL;
	}
	*ret_pid = pid;
	return fdopen(ends[0], "r");
}

/* The number of words before "PID" in the title line; -1 when there is no such column. */
static int find_column(const char *title)
{
	int column = 0;
	for (const char *at = title + strspn(title, " \t"); *at != '\0'; column++) {
		size_t length = strcspn(at, " \t\n");
		if (length == 3 && strncmp(at, "PID", 3) == 0)
			return column;
		at += length;
		at += strspn(at, " \t\n");
	}
	return -1;
}

static long number_in(const char *line, int column)
{
	const char *at = line + strspn(line, " \t");
	while (column-- > 0) {
		at += strcspn(at, " \t\n");
		at += strspn(at, " \t");
	}
	return strtol(at, NULL, 10);
}

/* json is "[1,2,3]", from our own library. */
static bool has_pid(const char *json, long pid)
{
	for (const char *at = json; *at != '\0';) {
		char *end;
		long number = strtol(at, &end, 10);
		if (end == at) {
			at++;
			continue;
		}
		if (number == pid)
			return true;
		at = end;
	}
	return false;
}

static int print_table(struct cmd_run *run, const char *pids)
{
	char *line = NULL;
	size_t room = 0;
	int column = -1;
	int status = 0;
	pid_t pid;
	if (run->argument_count > 1)
		run->arguments[0] = (char *)"ps";
	FILE *output = start_ps(run->argument_count > 1 ? run->arguments : NULL, &pid);
	if (output == NULL)
		return cmd_usage(run, "cannot run ps: %s", cmd_words(errno));
	if (getline(&line, &room, output) > 0) {
		column = find_column(line);
		fputs(column >= 0 ? line : "", stdout);
	}
	while (column >= 0 && getline(&line, &room, output) > 0)
		if (has_pid(pids, number_in(line, column)))
			fputs(line, stdout);
	free(line);
	fclose(output);
	waitpid(pid, &status, 0);
	if (column < 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return cmd_usage(run, "ps printed no column PID, by which to know the container's processes");
	return column < 0 ? BASIN_FAILED : 0;
}

static int run_ps(struct cmd_run *run)
{
	struct bsn_runtime runtime;
	struct basin_error err = { 0 };
	enum cmd_format format = CMD_TABLE;
	char *json = NULL;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (cmd_value_format(run, value, &format) < 0)
			return BASIN_FAILED;
	if (option < 0 || cmd_want_arguments(run, 1, -1) < 0 || cmd_runtime(run, &runtime) < 0)
		return BASIN_FAILED;
	if (bsn_container_pids(&runtime, run->arguments[0], &json, &err) < 0)
		return cmd_report(run, &err);
	int status = format == CMD_JSON ? cmd_print_json(run, json) : print_table(run, json);
	free(json);
	return status;
}

const struct cmd_command cmd_ps = { .arguments = "ID [PS-OPTION ...]", .options = options, .stop_after = 1, .run = run_ps };
