/* SPDX-License-Identifier: Apache-2.0 */
/* The values of options, with one message per kind that says what would have been right. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

static int amount(const struct cmd_run *run, const char *option, enum basin_resource resource, const char *value, int64_t *ret)
{
	static const char *const examples[BASIN_RESOURCES] = {
		[BASIN_CPU] = "CPUs like 500m, 0.5 or 2",
		[BASIN_MEMORY] = "a size like 512MiB or 1GiB",
		[BASIN_STORAGE] = "a size like 512MiB or 1GiB",
		[BASIN_PIDS] = "a number",
	};
	int64_t parsed;
	if (basin_parse_amount(resource, value, &parsed) < 0) {
		cmd_usage(run, "%s: \"%s\" is not %s", option, value, examples[resource]);
		return -1;
	}
	*ret = parsed;
	return 0;
}

int cmd_value_cpu(const struct cmd_run *run, const char *option, const char *value, int64_t *ret)
{
	return amount(run, option, BASIN_CPU, value, ret);
}

int cmd_value_bytes(const struct cmd_run *run, const char *option, const char *value, int64_t *ret)
{
	return amount(run, option, BASIN_MEMORY, value, ret);
}

int cmd_value_count(const struct cmd_run *run, const char *option, const char *value, int64_t *ret)
{
	return amount(run, option, BASIN_PIDS, value, ret);
}

int cmd_value_duration(const struct cmd_run *run, const char *option, const char *value, int64_t *ret_ms)
{
	int64_t parsed;
	if (basin_parse_duration(value, &parsed) < 0) {
		cmd_usage(run, "%s: \"%s\" is not a time like 10s, 500ms or 2m", option, value);
		return -1;
	}
	*ret_ms = parsed;
	return 0;
}

int cmd_value_amounts(const struct cmd_run *run, const char *option, const char *value, struct basin_amounts *ret)
{
	static const char *const names[BASIN_RESOURCES] = {
		[BASIN_CPU] = "cpu", [BASIN_MEMORY] = "memory", [BASIN_STORAGE] = "storage", [BASIN_PIDS] = "pids"
	};
	struct basin_amounts parsed = *ret;
	while (*value != '\0') {
		size_t length = strcspn(value, ",");
		size_t key = strcspn(value, "=");
		char text[64];
		int resource = 0;
		while (resource < BASIN_RESOURCES && (strncmp(names[resource], value, key) != 0 || names[resource][key] != '\0'))
			resource++;
		if (key >= length || resource == BASIN_RESOURCES || length - key > sizeof(text)) {
			cmd_usage(run, "%s: \"%.*s\" is not one of cpu=, memory=, storage=, pids=", option, (int)length, value);
			return -1;
		}
		snprintf(text, sizeof(text), "%.*s", (int)(length - key - 1), value + key + 1);
		if (amount(run, option, (enum basin_resource)resource, text, &parsed.of[resource]) < 0)
			return -1;
		value += length + (value[length] == ',');
	}
	*ret = parsed;
	return 0;
}

int cmd_value_format(const struct cmd_run *run, const char *value, enum cmd_format *ret)
{
	if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0) {
		cmd_usage(run, "--format: \"%s\" is neither table nor json", value);
		return -1;
	}
	*ret = value[0] == 'j' ? CMD_JSON : CMD_TABLE;
	return 0;
}
