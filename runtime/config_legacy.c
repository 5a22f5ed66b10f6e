/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What linux.resources has for cgroup version 1 alone, checked wherever the config is read: whether a host has that version must not decide
 * whether a mistake is found. runtime/legacy.h applies it where it can be.
 */
#include "base/str.h"
#include "runtime/config_parse.h"

static const struct {
	const char *part;
	const char *key;
	bool is_bool;
	int64_t min;
	int64_t max;
} fields[] = {
	{ "memory", "kernel", false, -1, INT64_MAX },     { "memory", "kernelTCP", false, -1, INT64_MAX },
	{ "memory", "swappiness", false, 0, 100 },        { "memory", "disableOOMKiller", true, 0, 0 },
	{ "memory", "useHierarchy", true, 0, 0 },         { "cpu", "realtimeRuntime", false, -1, INT64_MAX },
	{ "cpu", "realtimePeriod", false, 0, INT64_MAX }, { "blockIO", "leafWeight", false, 0, 1000 },
	{ "network", "classID", false, 0, UINT32_MAX },
};

static int check_fields(const json_t *json, const char *path, struct basin_error *err)
{
	char at[BSN_CONFIG_PATH];
	int r = 0;
	for (size_t i = 0; r >= 0 && i < sizeof(fields) / sizeof(fields[0]); i++) {
		json_t *part = NULL;
		int64_t number;
		bool flag;
		r = bsn_json_get_object(json, path, fields[i].part, &part, err);
		if (r <= 0)
			continue;
		bsn_format(at, sizeof(at), "%s.%s", path, fields[i].part);
		r = fields[i].is_bool ? bsn_json_get_bool(part, at, fields[i].key, &flag, err)
				      : bsn_json_get_int(part, at, fields[i].key, fields[i].min, fields[i].max, &number, err);
	}
	return r;
}

static int check_list(struct bsn_config *config, const json_t *json, const char *path, const char *part, const char *key,
		      const char *name, const char *number, int64_t max, struct basin_error *err)
{
	json_t *object = NULL;
	json_t *array = NULL;
	char at[BSN_CONFIG_PATH];
	char here[BSN_CONFIG_PATH];
	const json_t *element;
	void *unused = NULL;
	int r = bsn_json_get_object(json, path, part, &object, err);
	if (r <= 0)
		return r;
	bsn_format(here, sizeof(here), "%s.%s", path, part);
	r = bsn_config_array(config, object, here, key, 1, &array, &unused, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		const char *text = NULL;
		int64_t value = 0;
		r = bsn_config_element(array, i, here, key, at, &element, err);
		if (r >= 0 && name != NULL)
			r = bsn_config_required(element, at, name, &text, err);
		if (r >= 0)
			r = bsn_json_get_int(element, at, number, 0, max, &value, err);
	}
	return r;
}

int bsn_config_legacy(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err)
{
	int r = check_fields(json, path, err);
	if (r >= 0)
		r = check_list(config, json, path, "blockIO", "weightDevice", NULL, "leafWeight", 1000, err);
	if (r >= 0)
		r = check_list(config, json, path, "network", "priorities", "name", "priority", UINT32_MAX, err);
	return r < 0 ? r : 0;
}
