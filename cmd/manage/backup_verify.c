/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

enum { OPT_FORMAT = 1 };

static const struct cmd_option options[] = {
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column fields[] = {
	{ "name", "name", CMD_TEXT },  { "digest", "digest", CMD_TEXT },           { "created", "created", CMD_TIME },
	{ "size", "size", CMD_BYTES }, { "entries", "entries", CMD_NUMBER },       { "image", "image", CMD_TEXT },
	{ "pool", "pool", CMD_TEXT },  { "consistency", "consistency", CMD_TEXT }, { "whole", "whole", CMD_YESNO },
};

static int verify_fd(struct cmd_run *run, int fd, const char *name, enum cmd_format format)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	char *json;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_backup_verify(basin, fd, name, &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = cmd_print_fields(run, format, json, fields, sizeof(fields) / sizeof(fields[0]));
	basin_free(json);
	return r;
}

static int verify(struct cmd_run *run)
{
	enum cmd_format format = CMD_TABLE;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (cmd_value_format(run, value, &format) < 0)
			return BASIN_USAGE;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0)
		return BASIN_USAGE;
	const char *name = run->arguments[0];
	if (strcmp(name, "-") == 0)
		return verify_fd(run, STDIN_FILENO, "standard input", format);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		int code = errno == ENOENT ? BASIN_NOT_FOUND : BASIN_USAGE;
		cmd_usage(run, "cannot open \"%s\": %s", name, cmd_words(errno));
		return code;
	}
	int status = verify_fd(run, fd, name, format);
	close(fd);
	return status;
}

const struct cmd_command cmd_backup_verify = { .arguments = "FILE|-", .options = options, .run = verify };
