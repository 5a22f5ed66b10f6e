/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manage/pool_settings.h"

#include <string.h>

/* "cpu=2,memory=1.5": ratios, kept in thousandths. */
static int read_ratios(const struct cmd_run *run, const char *value, struct basin_amounts *ret)
{
	static const char *const names[] = { "cpu", "memory", "storage", "pids" };
	while (*value != '\0') {
		char number[32];
		size_t length = strcspn(value, ",");
		size_t key = strcspn(value, "=");
		int resource = 0;
		while (resource < BASIN_RESOURCES &&
		       (strlen(names[resource]) != key || strncmp(value, names[resource], key) != 0))
			resource++;
		if (key >= length || length - key > sizeof(number) || resource == BASIN_RESOURCES ||
		    memchr(value + key, 'm', length - key) != NULL) {
			cmd_usage(run, "--overcommit: \"%.*s\" is not like cpu=4 or memory=1.2", (int)length, value);
			return -1;
		}
		memcpy(number, value + key + 1, length - key - 1);
		number[length - key - 1] = '\0';
		if (cmd_value_cpu(run, "--overcommit", number, &ret->of[resource]) < 0)
			return -1;
		value += length + (value[length] == ',');
	}
	return 0;
}

static int read_yes_or_no(const struct cmd_run *run, const char *option, const char *value, int *ret)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
		cmd_usage(run, "%s: \"%s\" is neither yes nor no", option, value);
		return -1;
	}
	*ret = strcmp(value, "yes") == 0;
	return 0;
}

static int read_option(const struct cmd_run *run, int option, const char *value, struct pool_call *call)
{
	struct basin_pool_settings *settings = &call->settings;
	switch ((enum pool_option)option) {
	case POOL_OPT_CPU:
		return cmd_value_cpu(run, "--cpu", value, &settings->capacity.of[BASIN_CPU]);
	case POOL_OPT_MEMORY:
		return cmd_value_bytes(run, "--memory", value, &settings->capacity.of[BASIN_MEMORY]);
	case POOL_OPT_STORAGE:
		return cmd_value_bytes(run, "--storage", value, &settings->capacity.of[BASIN_STORAGE]);
	case POOL_OPT_PIDS:
		return cmd_value_count(run, "--pids", value, &settings->capacity.of[BASIN_PIDS]);
	case POOL_OPT_GUARANTEE:
		return cmd_value_amounts(run, "--guarantee", value, &settings->guarantee);
	case POOL_OPT_OVERCOMMIT:
		return read_ratios(run, value, &settings->overcommit);
	case POOL_OPT_DEFAULT:
		return cmd_value_amounts(run, "--default", value, &settings->defaults);
	case POOL_OPT_RESERVE:
		return cmd_value_amounts(run, "--reserve", value, &settings->reserve);
	case POOL_OPT_ENFORCE:
		settings->enforce = value;
		return 0;
	case POOL_OPT_CORDON:
		return read_yes_or_no(run, "--cordon", value, &settings->cordoned);
	case POOL_OPT_DRY_RUN:
		settings->dry_run = 1;
		return 0;
	case POOL_OPT_FORMAT:
		return cmd_value_format(run, value, &call->format);
	}
	return -1;
}

int pool_read_call(struct cmd_run *run, struct pool_call *ret_call)
{
	struct pool_call call = { .settings = BASIN_POOL_SETTINGS_INIT, .format = CMD_TABLE };
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0)
		if (read_option(run, option, value, &call) < 0)
			return -1;
	if (option < 0 || cmd_want_arguments(run, 1, 1) < 0)
		return -1;
	*ret_call = call;
	return 0;
}

bool pool_wants_answer(const struct pool_call *call)
{
	return call->format == CMD_JSON;
}

int pool_print_answer(const struct cmd_run *run, const struct pool_call *call, char *json)
{
	int status = 0;
	if (call->format == CMD_JSON)
		status = cmd_print_json(run, json);
	else if (call->settings.dry_run)
		puts("admitted: it would fit; nothing was changed");
	basin_free(json);
	return status;
}
