/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/pool_settings.h"

static const struct cmd_option options[] = {
	{ POOL_OPT_CPU, "cpu", 0, "CPUS", "its CPUs: 500m, 0.5, 2 (default: the parent's)" },
	{ POOL_OPT_MEMORY, "memory", 'm', "SIZE", "its memory: 512MiB, 1GB (default: the parent's)" },
	{ POOL_OPT_STORAGE, "storage", 0, "SIZE", "its storage (default: the parent's)" },
	{ POOL_OPT_PIDS, "pids", 0, "N", "its processes and threads (default: the parent's)" },
	{ POOL_OPT_GUARANTEE, "guarantee", 0, "LIST",
	  "what the pools above set aside for it: cpu=1,memory=256MiB (default: what it was given)" },
	{ POOL_OPT_OVERCOMMIT, "overcommit", 0, "LIST",
	  "how far promises may pass the capacity (default cpu=4,memory=1,storage=1,pids=1)" },
	{ POOL_OPT_DEFAULT, "default", 0, "LIST",
	  "the request of a member that asks for nothing (default cpu=100m,memory=64MiB,storage=128MiB,pids=256)" },
	{ POOL_OPT_ENFORCE, "enforce", 0, "MODE",
	  "required (the default), or available: count what the kernel cannot hold here" },
	{ POOL_OPT_CORDON, "cordon", 0, "YESNO", "yes: it takes no new members" },
	{ POOL_OPT_DRY_RUN, "dry-run", 0, NULL, "say whether it would fit, and change nothing" },
	{ POOL_OPT_FORMAT, "format", 0, "FORMAT", "table or json" },
	CMD_OPTIONS_END,
};

static int create(struct cmd_run *run)
{
	struct basin_error err = { 0 };
	struct pool_call call;
	struct basin *basin;
	char *json = NULL;
	if (pool_read_call(run, &call) < 0)
		return BASIN_USAGE;
	if (basin_open(&run->global->open, &basin, &err) < 0)
		return cmd_report(run, &err);
	int r = basin_pool_create(basin, run->arguments[0], &call.settings, pool_wants_answer(&call) ? &json : NULL, &err);
	basin_close(basin);
	return r < 0 ? cmd_report(run, &err) : pool_print_answer(run, &call, json);
}

const struct cmd_command cmd_pool_create = { .arguments = "POOL", .options = options, .run = create };
