/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

enum { OPT_FORMAT = 1, OPT_OS, OPT_ARCH, OPT_DEVICES };

static const struct cmd_option options[] = {
	{ OPT_OS, "os", 0, "OS", "the image's operating system (linux)" },
	{ OPT_ARCH, "arch", 0, "ARCH", "its architecture: amd64, arm64, ... (this host's)" },
	{ OPT_DEVICES, "allow-devices", 0, NULL, "make device nodes as the archive has them, instead of leaving them out" },
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column columns[] = {
	{ "REF", "ref", CMD_TEXT },
	{ "DIGEST", "digest", CMD_TEXT },
	{ "LAYERS", "layer_count", CMD_NUMBER },
	{ "SIZE", "size", CMD_BYTES },
};

static int take(struct cmd_run *run, int option, const char *value, struct basin_image_import_options *import,
		enum cmd_format *format)
{
	switch (option) {
	case OPT_OS:
		import->os = value;
		return 0;
	case OPT_ARCH:
		import->architecture = value;
		return 0;
	case OPT_DEVICES:
		import->allow_devices = 1;
		return 0;
	default:
		return cmd_value_format(run, value, format);
	}
}

static int import_from(struct cmd_run *run, const struct basin_image_import_options *import, enum cmd_format format)
{
	struct basin_error err = { 0 };
	struct basin *basin;
	char *json;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_image_import(basin, import, &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = cmd_print_table(run, format, json, columns, sizeof(columns) / sizeof(columns[0]));
	basin_free(json);
	return r;
}

static int import_image(struct cmd_run *run)
{
	struct basin_image_import_options import = { .size = sizeof(import), .fd = STDIN_FILENO };
	enum cmd_format format = CMD_TABLE;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (take(run, option, value, &import, &format) < 0)
			return BASIN_USAGE;
	if (option < 0 || cmd_want_arguments(run, 1, 2) < 0)
		return BASIN_USAGE;
	import.name = run->arguments[0];
	import.ref = run->argument_count > 1 ? run->arguments[1] : NULL;
	if (strcmp(import.name, "-") == 0) {
		import.name = "standard input";
		return import_from(run, &import, format);
	}
	import.fd = open(import.name, O_RDONLY | O_CLOEXEC);
	if (import.fd < 0)
		return cmd_usage(run, "cannot open \"%s\": %s", import.name, cmd_words(errno));
	int status = import_from(run, &import, format);
	close(import.fd);
	return status;
}

const struct cmd_command cmd_image_import = { .arguments = "FILE|- [NAME[:TAG]]", .options = options, .run = import_image };
