/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages. Standard error gets one line, "basin: ...", which is what people and most engines read; with --log the file gets one too, in
 * the format engines parse ({"level","msg","time"}, as runc writes it). Where engines ask for json without a file, they read it here.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/program.h"

#define LINE_ROOM 2048

/* text with what JSON (or a quoted log value) does not take escaped; cut where it does not fit. */
static void escape(const char *text, char *buffer, size_t room)
{
	size_t at = 0;
	for (; *text != '\0' && at + 8 < room; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			at += (size_t)snprintf(buffer + at, room - at, "\\%c", c);
		else if (c < 0x20)
			at += (size_t)snprintf(buffer + at, room - at, "\\u%04x", c);
		else
			buffer[at++] = (char)c;
	}
	buffer[at] = '\0';
}

static void format_record(bool json, const char *level, const char *text, char *line, size_t room)
{
	char escaped[LINE_ROOM];
	char when[40];
	struct tm now;
	time_t seconds = time(NULL);
	escape(text, escaped, sizeof(escaped));
	if (gmtime_r(&seconds, &now) == NULL || strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &now) == 0)
		when[0] = '\0';
	snprintf(line, room, json ? "{\"level\":\"%s\",\"msg\":\"%s\",\"time\":\"%s\"}\n" : "level=%s msg=\"%s\" time=\"%s\"\n",
		 level, escaped, when);
}

/* One write, so that lines of several processes do not mix. A log that cannot be written must not hide the message itself. */
static void append(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	ssize_t written = write(fd, line, strlen(line));
	(void)written;
	close(fd);
}

void cmd_report_line(const struct cmd_global *global, const char *level, const char *text)
{
	char line[LINE_ROOM + 128];
	bool plain = strcmp(level, "error") == 0 || strcmp(level, "info") == 0;
	if (global->log != NULL) {
		format_record(global->log_json, level, text, line, sizeof(line));
		append(global->log, line);
	}
	if (global->log == NULL && global->log_json)
		format_record(true, level, text, line, sizeof(line));
	else
		snprintf(line, sizeof(line), "basin: %s%s%s\n", plain ? "" : level, plain ? "" : ": ", text);
	fputs(line, stderr);
}

static void from_library(void *data, const char *level, const char *text)
{
	const struct cmd_global *global = data;
	if (strcmp(level, "debug") != 0 || global->debug)
		cmd_report_line(global, level, text);
}

void cmd_report_library(const struct cmd_global *global)
{
	basin_set_log(from_library, (void *)global);
}

int cmd_report(const struct cmd_run *run, const struct basin_error *err)
{
	cmd_report_line(run->global, "error", err->text[0] != '\0' ? err->text : "failed without saying why");
	if (run->global->debug && err->where[0] != '\0') {
		char text[128];
		snprintf(text, sizeof(text), "noticed by %s, errno %d", err->where, err->sys);
		cmd_report_line(run->global, "debug", text);
	}
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
	cmd_report_line(run->global, "error", line);
	return run->noun[0] != '\0' ? BASIN_USAGE : BASIN_FAILED;
}
