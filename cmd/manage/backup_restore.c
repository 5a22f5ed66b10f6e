/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "runtime/runtime.h"

#define NETWORKS_MAX 16

enum { OPT_NAME = 1, OPT_POOL, OPT_NET, OPT_NO_NET, OPT_USERNS, OPT_ENFORCE, OPT_NO_START, OPT_DRY_RUN, OPT_FORMAT };

static const struct cmd_option options[] = {
	{ OPT_NAME, "name", 0, "NAME", "the new environment's name (default the one it had)" },
	{ OPT_POOL, "pool", 'p', "POOL", "the pool that it is charged to (default the one it was in)" },
	{ OPT_NET, "net", 'n', "NETWORK", "attach it to this network instead of those it had; may be repeated" },
	{ OPT_NO_NET, "no-net", 0, NULL, "attach it to none" },
	{ OPT_USERNS, "userns", 0, "MODE", "host: no user namespace of its own (default private, whatever it had)" },
	{ OPT_ENFORCE, "enforce", 0, "MODE", "available: let /default be made where the kernel cannot enforce every resource" },
	{ OPT_NO_START, "no-start", 0, NULL, "leave it stopped, though it ran when it was backed up" },
	{ OPT_DRY_RUN, "dry-run", 0, NULL, "say whether it would be admitted, and change nothing" },
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static const struct cmd_column fields[] = {
	{ "name", "name", CMD_TEXT },
	{ "status", "status", CMD_TEXT },
	{ "image", "image.name", CMD_TEXT },
	{ "pool", "pool", CMD_TEXT },
	{ "address", "address", CMD_TEXT },
	{ "cpu", "resources.limit.cpu", CMD_CPU },
	{ "memory", "resources.limit.memory", CMD_BYTES },
	{ "storage", "resources.limit.storage", CMD_BYTES },
};

static const struct cmd_column verdict[] = {
	{ "name", "name", CMD_TEXT },
	{ "pool", "pool", CMD_TEXT },
	{ "admitted", "admitted", CMD_YESNO },
};

struct restore {
	struct basin_restore_options options;
	const char *networks[NETWORKS_MAX + 1];
	size_t network_count;
	enum cmd_format format;
};

static int add_network(struct cmd_run *run, struct restore *restore, const char *value)
{
	if (restore->network_count == NETWORKS_MAX) {
		cmd_usage(run, "--net is given more than %d times", NETWORKS_MAX);
		return -1;
	}
	restore->networks[restore->network_count++] = value;
	restore->options.networks = restore->networks;
	return 0;
}

static int take(struct cmd_run *run, struct restore *restore, int option, const char *value)
{
	switch (option) {
	case OPT_NAME:
		restore->options.name = value;
		return 0;
	case OPT_POOL:
		restore->options.pool = value;
		return 0;
	case OPT_NET:
		return add_network(run, restore, value);
	case OPT_NO_NET:
		restore->options.networks = restore->networks;
		return 0;
	case OPT_USERNS:
		restore->options.userns = value;
		return 0;
	case OPT_ENFORCE:
		restore->options.enforce = value;
		return 0;
	case OPT_NO_START:
		restore->options.no_start = 1;
		return 0;
	case OPT_DRY_RUN:
		restore->options.dry_run = 1;
		return 0;
	default:
		return cmd_value_format(run, value, &restore->format);
	}
}

static int print(struct cmd_run *run, const struct restore *restore, const char *json)
{
	if (restore->options.dry_run != 0)
		return cmd_print_fields(run, restore->format, json, verdict, sizeof(verdict) / sizeof(verdict[0]));
	return cmd_print_fields(run, restore->format, json, fields, sizeof(fields) / sizeof(fields[0]));
}

static int restore_backup(struct cmd_run *run)
{
	struct restore restore = { .options.size = sizeof(restore.options) };
	struct basin_error err = { 0 };
	struct basin *basin;
	const char *value;
	char *json;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (take(run, &restore, option, value) < 0)
			return BASIN_USAGE;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = bsn_backup_restore(basin, run->arguments[0], &restore.options, &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = print(run, &restore, json);
	basin_free(json);
	return r;
}

const struct cmd_command cmd_backup_restore = { .arguments = "FILE|-", .options = options, .run = restore_backup };
