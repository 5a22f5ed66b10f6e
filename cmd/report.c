/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages. Standard error gets one line, which is what people and most engines read; with --log the log gets the record too (cmd/log.c), and
 * then it alone gets warnings and details, as with runc. Where engines ask for json without a log, they read it here.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/program.h"

#define LINE_ROOM 2048

/*
 * What kind of line it is. Where engines put the name before it, tools look for the word "error" in it: it is there once. A program that
 * cannot be run is told of by the container's first process, as with runc: that line begins with the call.
 */
static const char *kind_of(const struct cmd_global *global, enum cmd_level level, const char *text)
{
	if (level == CMD_WARNING)
		return "warning: ";
	bool said = strncmp(text, "error ", strlen("error ")) == 0 || strncmp(text, "exec ", strlen("exec ")) == 0;
	return level == CMD_ERROR && global->bare && !said ? "error: " : "";
}

static void print_line(const struct cmd_global *global, enum cmd_level level, const char *text)
{
	char line[LINE_ROOM + 128];
	const char *name = global->bare ? "" : "basin: ";
	if (global->log_json || level == CMD_DEBUG)
		cmd_log_format(global->log_json, level, text, line, sizeof(line));
	else
		snprintf(line, sizeof(line), "%s%s%s\n", name, kind_of(global, level, text), text);
	fputs(line, stderr);
}

void cmd_report_line(const struct cmd_global *global, enum cmd_level level, const char *text)
{
	bool logged = global->log.kind != CMD_LOG_NONE;
	struct cmd_global plain = *global;
	if (level > global->level)
		return;
	if (logged)
		cmd_log_write(global, level, text);
	plain.log_json = global->log_json && !logged;
	if (!logged || level == CMD_ERROR || level == CMD_INFO)
		print_line(&plain, level, text);
}

static void from_library(void *data, const char *level, const char *text)
{
	int parsed = cmd_level_parse(level);
	cmd_report_line(data, parsed < 0 ? CMD_INFO : (enum cmd_level)parsed, text);
}

void cmd_report_library(const struct cmd_global *global)
{
	basin_set_log(from_library, (void *)global);
}

int cmd_report(const struct cmd_run *run, const struct basin_error *err)
{
	if (err->where[0] != '\0') {
		char text[128];
		snprintf(text, sizeof(text), "noticed by %s, errno %d", err->where, err->sys);
		cmd_report_line(run->global, CMD_DEBUG, text);
	}
	cmd_report_line(run->global, CMD_ERROR, err->text[0] != '\0' ? err->text : "failed without saying why");
	if (run->noun[0] == '\0')
		return BASIN_FAILED;
	return err->code > BASIN_OK ? err->code : BASIN_INTERNAL;
}

int cmd_usage(const struct cmd_run *run, const char *format, ...)
{
	char text[1024];
	char line[LINE_ROOM];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	const char *gap = run->noun[0] != '\0' && run->verb[0] != '\0' ? " " : "";
	bool named = run->noun[0] != '\0' || run->verb[0] != '\0';
	snprintf(line, sizeof(line), "%s%s%s%s%s; see \"basin%s%s%s%s --help\"", run->noun, gap, run->verb, named ? ": " : "",
		 text, named ? " " : "", run->noun, gap, run->verb);
	cmd_report_line(run->global, CMD_ERROR, line);
	return run->noun[0] != '\0' ? BASIN_USAGE : BASIN_FAILED;
}

const char *cmd_words(int sys)
{
	static char room[128];
	snprintf(room, sizeof(room), "%s", strerror(sys));
	if (room[0] != '\0' && islower((unsigned char)room[1]))
		room[0] = (char)tolower((unsigned char)room[0]);
	return room;
}
