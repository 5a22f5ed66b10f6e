/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cmd/cmd.h"
#include "runtime/runtime.h"

#define LIST_MAX 64

enum {
	OPT_POOL = 1,
	OPT_NET,
	OPT_CPU,
	OPT_MEMORY,
	OPT_STORAGE,
	OPT_PIDS,
	OPT_REQUEST,
	OPT_WEIGHT,
	OPT_INIT,
	OPT_RESTART,
	OPT_USERNS,
	OPT_ENV,
	OPT_LABEL,
	OPT_USER,
	OPT_WORKDIR,
	OPT_HOSTNAME,
	OPT_STOP_SIGNAL,
	OPT_AUTOSTART,
	OPT_ENFORCE,
	OPT_DRY_RUN,
	OPT_FORMAT
};

static const struct cmd_option options[] = {
	{ OPT_POOL, "pool", 'p', "POOL", "the pool that it is charged to (default /default, made on first use)" },
	{ OPT_NET, "net", 'n', "NETWORK", "attach it to this network; may be repeated, the first has the default route" },
	{ OPT_CPU, "cpu", 0, "CPUS", "CPU limit: 500m, 0.5, 2" },
	{ OPT_MEMORY, "memory", 'm', "SIZE", "memory limit: 128MiB, 1GB" },
	{ OPT_STORAGE, "storage", 0, "SIZE", "size of its writable layer" },
	{ OPT_PIDS, "pids", 0, "N", "limit on processes and threads" },
	{ OPT_REQUEST, "request", 0, "LIST", "what it is promised, where that is not the limit: cpu=250m,memory=64MiB" },
	{ OPT_WEIGHT, "cpu-weight", 0, "N", "share of CPU under contention, 1 to 10000 (default from the request)" },
	{ OPT_INIT, "init", 0, NULL, "put basin's small init before the command: it reaps zombies and passes signals on" },
	{ OPT_RESTART, "restart", 0, "POLICY", "no, on-failure[:n], always, unless-stopped (default no)" },
	{ OPT_USERNS, "userns", 0, "MODE", "host: no user namespace of its own (default private)" },
	{ OPT_ENV, "env", 'e', "NAME=VALUE", "set a variable; may be repeated" },
	{ OPT_LABEL, "label", 'l', "KEY=VALUE", "attach a label; may be repeated" },
	{ OPT_USER, "user", 'u', "USER[:GROUP]", "run as this user of the image" },
	{ OPT_WORKDIR, "workdir", 'w', "DIR", "working directory" },
	{ OPT_HOSTNAME, "hostname", 0, "NAME", "host name inside (default the environment's name)" },
	{ OPT_STOP_SIGNAL, "stop-signal", 0, "SIGNAL", "what stop sends first (default the image's, else SIGTERM)" },
	{ OPT_AUTOSTART, "autostart", 0, NULL, "start it at boot" },
	{ OPT_ENFORCE, "enforce", 0, "MODE", "available: let /default be made where the kernel cannot enforce every resource" },
	{ OPT_DRY_RUN, "dry-run", 0, NULL, "say whether it would be admitted, and change nothing" },
	{ OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

struct launch {
	struct basin_env_options options;
	const char *networks[LIST_MAX];
	const char *env[LIST_MAX];
	const char *labels[LIST_MAX];
	enum cmd_format format;
};

static int add(const struct cmd_run *run, const char *option, const char **list, const char *value)
{
	size_t count = 0;
	while (list[count] != NULL)
		count++;
	if (count + 1 >= LIST_MAX) {
		cmd_usage(run, "--%s is given more than %d times", option, LIST_MAX - 1);
		return -1;
	}
	list[count] = value;
	return 0;
}

static int take_text(struct launch *launch, int option, const char *value)
{
	switch (option) {
	case OPT_POOL:
		launch->options.pool = value;
		return 1;
	case OPT_RESTART:
		launch->options.restart = value;
		return 1;
	case OPT_USERNS:
		launch->options.userns = value;
		return 1;
	case OPT_USER:
		launch->options.user = value;
		return 1;
	case OPT_WORKDIR:
		launch->options.workdir = value;
		return 1;
	case OPT_HOSTNAME:
		launch->options.hostname = value;
		return 1;
	case OPT_STOP_SIGNAL:
		launch->options.stop_signal = value;
		return 1;
	case OPT_ENFORCE:
		launch->options.enforce = value;
		return 1;
	case OPT_INIT:
		launch->options.init = 1;
		return 1;
	case OPT_AUTOSTART:
		launch->options.autostart = 1;
		return 1;
	case OPT_DRY_RUN:
		launch->options.dry_run = 1;
		return 1;
	default:
		return 0;
	}
}

static int take(const struct cmd_run *run, struct launch *launch, int option, const char *value)
{
	switch (option) {
	case OPT_NET:
		return add(run, "net", launch->networks, value);
	case OPT_ENV:
		return add(run, "env", launch->env, value);
	case OPT_LABEL:
		return add(run, "label", launch->labels, value);
	case OPT_CPU:
		return cmd_value_cpu(run, "cpu", value, &launch->options.limit.of[BASIN_CPU]);
	case OPT_MEMORY:
		return cmd_value_bytes(run, "memory", value, &launch->options.limit.of[BASIN_MEMORY]);
	case OPT_STORAGE:
		return cmd_value_bytes(run, "storage", value, &launch->options.limit.of[BASIN_STORAGE]);
	case OPT_PIDS:
		return cmd_value_count(run, "pids", value, &launch->options.limit.of[BASIN_PIDS]);
	case OPT_REQUEST:
		return cmd_value_amounts(run, "request", value, &launch->options.request);
	case OPT_WEIGHT:
		return cmd_value_count(run, "cpu-weight", value, &launch->options.cpu_weight);
	case OPT_FORMAT:
		return cmd_value_format(run, value, &launch->format);
	default:
		return take_text(launch, option, value) ? 0 : -1;
	}
}

static int print(const struct cmd_run *run, const struct launch *launch, const char *json)
{
	static const struct cmd_column made[] = {
		{ "NAME", "name", CMD_TEXT },
		{ "STATUS", "status", CMD_TEXT },
		{ "POOL", "pool", CMD_TEXT },
		{ "ADDRESS", "address", CMD_TEXT },
	};
	static const struct cmd_column admitted[] = {
		{ "NAME", "name", CMD_TEXT },
		{ "POOL", "pool", CMD_TEXT },
		{ "ADMITTED", "admitted", CMD_YESNO },
		{ "CPU", "resources.request.cpu", CMD_CPU },
		{ "MEMORY", "resources.request.memory", CMD_BYTES },
		{ "STORAGE", "resources.request.storage", CMD_BYTES },
		{ "PIDS", "resources.request.pids", CMD_NUMBER },
	};
	if (launch->options.dry_run)
		return cmd_print_fields(run, launch->format, json, admitted, sizeof(admitted) / sizeof(admitted[0]));
	return cmd_print_fields(run, launch->format, json, made, sizeof(made) / sizeof(made[0]));
}

static int launch_env(struct cmd_run *run)
{
	struct launch launch = { .options = BASIN_ENV_OPTIONS_INIT, .format = CMD_TABLE };
	struct basin_error err = { 0 };
	struct basin *basin;
	const char *value;
	char *json;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (take(run, &launch, option, value) < 0)
			return BASIN_USAGE;
	if (option < 0)
		return BASIN_USAGE;
	char **command = cmd_after_dashes(run);
	int named = command != NULL ? (int)(command - run->arguments) : run->argument_count;
	if (named != 2)
		return cmd_usage(run, "an image and a name are needed%s", named > 2 ? "; the command comes after \"--\"" : "");
	launch.options.image = run->arguments[0];
	launch.options.name = run->arguments[1];
	launch.options.args = (const char *const *)command;
	launch.options.networks = launch.networks;
	launch.options.env = launch.env;
	launch.options.labels = launch.labels;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = bsn_env_launch(basin, &launch.options, &json, &err);
	basin_close(basin);
	if (r < 0)
		return cmd_report(run, &err);
	r = print(run, &launch, json);
	basin_free(json);
	return r;
}

const struct cmd_command cmd_env_launch = {
	.arguments = "IMAGE NAME [-- COMMAND ...]",
	.options = options,
	.run = launch_env,
};
