/* SPDX-License-Identifier: Apache-2.0 */
/* The options that pool create and pool set share: a pool's settings. */
#ifndef BSN_CMD_MANAGE_POOL_SETTINGS_H
#define BSN_CMD_MANAGE_POOL_SETTINGS_H

#include "cmd/cmd.h"

enum pool_option {
	POOL_OPT_CPU = 1,
	POOL_OPT_MEMORY,
	POOL_OPT_STORAGE,
	POOL_OPT_PIDS,
	POOL_OPT_GUARANTEE,
	POOL_OPT_OVERCOMMIT,
	POOL_OPT_DEFAULT,
	POOL_OPT_RESERVE,
	POOL_OPT_ENFORCE,
	POOL_OPT_CORDON,
	POOL_OPT_DRY_RUN,
	POOL_OPT_FORMAT
};

struct pool_call {
	struct basin_pool_settings settings;
	enum cmd_format format;
};

/* Reads the options and the one argument, the pool's name. Returns 0, or -1 when something malformed was reported. */
int pool_read_call(struct cmd_run *run, struct pool_call *ret_call);

/* Whether the library need describe the pool at all: it takes its time to measure. */
bool pool_wants_answer(const struct pool_call *call);

/* Prints the answer of create and set: nothing but the JSON that was asked for, or the verdict of a dry run. Frees json. */
int pool_print_answer(const struct cmd_run *run, const struct pool_call *call, char *json);

#endif
