/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where messages go besides standard error: a file of records ({"level","msg","time"} as runc writes them, or the same as text), syslog, or
 * the journal. Opened for each message: a command says one at most, and a descriptor that stayed open could be taken for one that the
 * caller wants to hand on (--preserve-fds).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "cmd/program.h"

#define LINE_ROOM      2048
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const char *const names[] = {
	[CMD_ERROR] = "error", [CMD_WARNING] = "warning", [CMD_INFO] = "info", [CMD_DEBUG] = "debug"
};
static const int priorities[] = {
	[CMD_ERROR] = LOG_ERR, [CMD_WARNING] = LOG_WARNING, [CMD_INFO] = LOG_INFO, [CMD_DEBUG] = LOG_DEBUG
};

const char *cmd_level_name(enum cmd_level level)
{
	return names[level];
}

int cmd_level_parse(const char *name)
{
	for (int level = CMD_ERROR; level <= CMD_DEBUG; level++)
		if (strcmp(name, names[level]) == 0)
			return level;
	return -1;
}

void cmd_log_parse(const char *value, struct cmd_log *ret_log)
{
	static const struct {
		const char *prefix;
		enum cmd_log_kind kind;
	} kinds[] = { { "file:", CMD_LOG_FILE }, { "syslog:", CMD_LOG_SYSLOG }, { "journald:", CMD_LOG_JOURNAL } };
	*ret_log = (struct cmd_log){ value[0] != '\0' ? CMD_LOG_FILE : CMD_LOG_NONE, value };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t length = strlen(kinds[i].prefix);
		if (strncmp(value, kinds[i].prefix, length) == 0)
			*ret_log = (struct cmd_log){ kinds[i].kind, value + length };
	}
}

static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd;
}

int cmd_log_check(const struct cmd_log *log)
{
	if (log->kind != CMD_LOG_FILE)
		return 0;
	int fd = open_file(log->name);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

/* Bytes of the UTF-8 character at text; 0: it is none. Names of files may be anything, records are read as UTF-8. */
static size_t character(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/* text with what JSON (or a quoted log value) does not take escaped; cut where it does not fit. */
static void escape(const char *text, char *buffer, size_t room)
{
	size_t at = 0;
	while (*text != '\0' && at + 8 < room) {
		unsigned char c = (unsigned char)*text;
		size_t length = character(text);
		if (length == 0)
			at += (size_t)snprintf(buffer + at, room - at, "\\ufffd");
		else if (c == '"' || c == '\\')
			at += (size_t)snprintf(buffer + at, room - at, "\\%c", c);
		else if (c < 0x20)
			at += (size_t)snprintf(buffer + at, room - at, "\\u%04x", c);
		else
			for (size_t i = 0; i < length; i++)
				buffer[at++] = text[i];
		text += length > 0 ? length : 1;
	}
	buffer[at] = '\0';
}

void cmd_log_format(bool json, enum cmd_level level, const char *text, char *line, size_t room)
{
	char escaped[LINE_ROOM];
	char when[40];
	struct tm now;
	time_t seconds = time(NULL);
	escape(text, escaped, sizeof(escaped));
	if (gmtime_r(&seconds, &now) == NULL || strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &now) == 0)
		when[0] = '\0';
	if (json)
		snprintf(line, room, "{\"level\":\"%s\",\"msg\":\"%s\",\"time\":\"%s\"}\n", names[level], escaped, when);
	else
		snprintf(line, room, "time=\"%s\" level=%s msg=\"%s\"\n", when, names[level], escaped);
}

/* One write, so that lines of several processes do not mix. A log that cannot be written any more must not hide the message itself. */
static void append(const char *path, const char *line)
{
	int fd = open_file(path);
	if (fd < 0)
		return;
	ssize_t written = write(fd, line, strlen(line));
	(void)written;
	close(fd);
}

/* systemd's native protocol: one datagram of NAME=value lines. The text is one line already. */
static void tell_journal(const char *name, enum cmd_level level, const char *text)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	char record[LINE_ROOM + 256];
	int length = snprintf(record, sizeof(record), "PRIORITY=%d\nSYSLOG_IDENTIFIER=%.100s\nMESSAGE=%.*s\n", priorities[level],
			      name, LINE_ROOM, text);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	ssize_t sent = sendto(fd, record, (size_t)length, MSG_NOSIGNAL, (const struct sockaddr *)&address, sizeof(address));
	(void)sent;
	close(fd);
}

void cmd_log_write(const struct cmd_global *global, enum cmd_level level, const char *text)
{
	const char *name = global->log.name != NULL && global->log.name[0] != '\0' ? global->log.name : global->program;
	char line[LINE_ROOM + 128];
	switch (global->log.kind) {
	case CMD_LOG_FILE:
		cmd_log_format(global->log_json, level, text, line, sizeof(line));
		append(global->log.name, line);
		break;
	case CMD_LOG_SYSLOG:
		openlog(name, LOG_PID, LOG_DAEMON);
		syslog(priorities[level], "%s", text);
		closelog();
		break;
	case CMD_LOG_JOURNAL:
		tell_journal(name, level, text);
		break;
	case CMD_LOG_NONE:
		break;
	}
}
