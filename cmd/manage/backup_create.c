/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "runtime/runtime.h"

enum { OPT_OUTPUT = 1, OPT_THIN, OPT_FORMAT };

static const struct cmd_option options[] = {
	{ OPT_OUTPUT, "output", 'o', "FILE|-", "where the archive goes; - is standard output" },
	{ OPT_THIN, "thin", 0, NULL, "name the image's layers instead of containing them" },
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column fields[] = {
	{ "name", "name", CMD_TEXT },
	{ "digest", "digest", CMD_TEXT },
	{ "size", "size", CMD_BYTES },
	{ "consistency", "consistency", CMD_TEXT },
	{ "frozen (ms)", "frozen_ms", CMD_NUMBER },
};

static int create_in(struct cmd_run *run, const struct basin_backup_options *backup, const char *output, enum cmd_format format)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	char *json;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = bsn_backup_create(basin, run->arguments[0], backup, output, &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	/* Standard output is the archive's then. */
	r = strcmp(output, "-") == 0 ? 0 : cmd_print_fields(run, format, json, fields, sizeof(fields) / sizeof(fields[0]));
	basin_free(json);
	return r;
}

static int create(struct cmd_run *run)
{
	struct basin_backup_options backup = { .size = sizeof(backup) };
	enum cmd_format format = CMD_TABLE;
	const char *output = NULL;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		if (option == OPT_OUTPUT)
			output = value;
		else if (option == OPT_THIN)
			backup.thin = 1;
		else if (cmd_value_format(run, value, &format) < 0)
			return BASIN_USAGE;
	}
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0)
		return BASIN_USAGE;
	if (output == NULL)
		return cmd_usage(run, "say where the archive goes: --output FILE, or - for standard output");
	if (strcmp(output, "-") == 0 && isatty(STDOUT_FILENO))
		return cmd_usage(run, "an archive is not for a terminal: use --output FILE, or a pipe");
	return create_in(run, &backup, output, format);
}

const struct cmd_command cmd_backup_create = { .arguments = "ENVIRONMENT", .options = options, .run = create };
