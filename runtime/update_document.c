/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "runtime/config_parse.h"
#include "runtime/update.h"

/* --- from options --- */

enum kind {
	COUNT,  /* 0 or more */
	NUMBER, /* negative ones too */
	BYTES,  /* as people and engines write them: "64m", "1.5G", -1 */
	TEXT
};

static const struct {
	const char *option;
	const char *section;
	const char *key;
	enum kind kind;
} places[] = {
	{ "blkio-weight", "blockIO", "weight", COUNT },
	{ "cpu-period", "cpu", "period", COUNT },
	{ "cpu-quota", "cpu", "quota", NUMBER },
	{ "cpu-burst", "cpu", "burst", COUNT },
	{ "cpu-share", "cpu", "shares", COUNT },
	{ "cpu-idle", "cpu", "idle", NUMBER },
	{ "cpu-rt-period", "cpu", "realtimePeriod", COUNT },
	{ "cpu-rt-runtime", "cpu", "realtimeRuntime", NUMBER },
	{ "cpuset-cpus", "cpu", "cpus", TEXT },
	{ "cpuset-mems", "cpu", "mems", TEXT },
	{ "kernel-memory", "memory", "kernel", BYTES },
	{ "kernel-memory-tcp", "memory", "kernelTCP", BYTES },
	{ "memory", "memory", "limit", BYTES },
	{ "memory-reservation", "memory", "reservation", BYTES },
	{ "memory-swap", "memory", "swap", BYTES },
	{ "pids-limit", "pids", "limit", NUMBER },
};

/* A number with a unit of 1024s, however it is written: "64m", "64M", "64MB" and "64MiB" are one, as for runc and docker. */
static int parse_bytes(const char *text, int64_t *ret)
{
	static const char units[] = "bkmgtp";
	char *end;
	if (bsn_streq(text, "-1")) {
		*ret = -1;
		return 0;
	}
	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	/* No exponent, no hexadecimal: digits and one point. */
	size_t length = strspn(text, "0123456789.");
	double number = strtod(text, &end);
	if ((size_t)(end - text) != length)
		return -EINVAL;
	end += *end == ' ';
	const char *unit = *end != '\0' ? strchr(units, *end | 0x20) : units;
	if (unit == NULL || *unit == '\0')
		return -EINVAL;
	bool plain = *end == '\0' || unit == units;
	end += *end != '\0';
	if (!plain && (*end | 0x20) == 'i')
		end++;
	if (!plain && (*end | 0x20) == 'b')
		end++;
	number *= (double)(1ull << (10 * (unit - units)));
	if (*end != '\0' || number >= (double)INT64_MAX)
		return -EINVAL;
	*ret = (int64_t)number;
	return 0;
}

static int parse_number(const char *text, enum kind kind, int64_t *ret)
{
	char *end;
	if (kind == BYTES)
		return parse_bytes(text, ret);
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || (kind == COUNT && number < 0))
		return -EINVAL;
	*ret = number;
	return 0;
}

/* The member, made empty where it is missing. */
static json_t *section_of(json_t *object, const char *key)
{
	json_t *section = json_object_get(object, key);
	if (section == NULL && json_object_set_new(object, key, json_object()) == 0)
		section = json_object_get(object, key);
	return section;
}

static int add_value(json_t *update, const struct bsn_update_value *value, struct basin_error *err)
{
	if (bsn_streq(value->option, "l3-cache-schema") || bsn_streq(value->option, "mem-bw-schema"))
		return 0; /* resctrl's, not a cgroup's: runtime/update.c */
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!bsn_streq(places[i].option, value->option))
			continue;
		int64_t number = 0;
		if (places[i].kind != TEXT && parse_number(value->value, places[i].kind, &number) < 0)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid value for %s: \"%s\"", value->option, value->value);
		json_t *json = places[i].kind == TEXT ? json_string(value->value) : json_integer(number);
		return json_object_set_new(section_of(update, places[i].section), places[i].key, json) < 0
			       ? bsn_fail_sys(err, ENOMEM, "cannot read the options")
			       : 0;
	}
	return bsn_fail(err, BASIN_INTERNAL, EINVAL, "\"%s\" is no option of update", value->option);
}

/* 0 in these is how engines write "not given". A limit of no tasks at all is one only since 1.3 (config_resources.c). */
static void drop_zeros(json_t *update, const char *oci_version)
{
	static const char *const zeros[][2] = {
		{ "memory", "limit" }, { "memory", "reservation" }, { "cpu", "shares" }, { "cpu", "quota" },
		{ "cpu", "period" },   { "blockIO", "weight" },     { "pids", "limit" },
	};
	bool old = strtol(oci_version + 2, NULL, 10) < 3;
	for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++) {
		json_t *section = json_object_get(update, zeros[i][0]);
		const json_t *value = json_object_get(section, zeros[i][1]);
		if (json_is_integer(value) && json_integer_value(value) == 0 && (old || !bsn_streq(zeros[i][0], "pids")))
			json_object_del(section, zeros[i][1]);
	}
}

int bsn_update_parse(const struct bsn_update_options *options, const char *oci_version, json_t **ret_update,
		     struct basin_error *err)
{
	auto_json json_t *update = NULL;
	int r = 0;
	if (options->resources_json != NULL)
		r = bsn_json_parse(options->resources_json, strlen(options->resources_json), "--resources", &update, err);
	else if ((update = json_object()) == NULL)
		r = bsn_fail_sys(err, ENOMEM, "cannot read the options");
	if (r >= 0 && !json_is_object(update))
		r = bsn_fail(err, BASIN_USAGE, EINVAL, "--resources: expected an object, found %s", bsn_json_type(update));
	for (size_t i = 0; r >= 0 && options->resources_json == NULL && i < options->value_count; i++)
		r = add_value(update, &options->values[i], err);
	if (r < 0)
		return r;
	bsn_config_resources_spell(update);
	drop_zeros(update, oci_version);
	/* What may have any amount of memory may have any amount of swap, unless it is said otherwise. */
	json_t *memory = json_object_get(update, "memory");
	const json_t *limit = json_object_get(memory, "limit");
	if (json_is_integer(limit) && json_integer_value(limit) < 0 && json_object_get(memory, "swap") == NULL)
		json_object_set_new(memory, "swap", json_integer(-1));
	*ret_update = bsn_give(&update);
	return 0;
}

/* --- laid over what is there --- */

static bool same(const json_t *a, const json_t *b, const char *key)
{
	return json_equal(json_object_get(a, key), json_object_get(b, key)) == 1 ||
	       json_object_get(a, key) == json_object_get(b, key);
}

/* Whether two elements are for the same thing: a size of pages, or a device. */
static bool same_thing(const json_t *a, const json_t *b)
{
	return same(a, b, "pageSize") && same(a, b, "major") && same(a, b, "minor");
}

static int merge_array(json_t *to, json_t *from)
{
	size_t i;
	json_t *element;
	json_array_foreach (from, i, element) {
		size_t at = 0;
		while (at < json_array_size(to) && !same_thing(json_array_get(to, at), element))
			at++;
		int r = at < json_array_size(to) ? json_array_set(to, at, element) : json_array_append(to, element);
		if (r < 0)
			return -ENOMEM;
	}
	return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document, which the parser limits */
static int merge_object(json_t *to, json_t *from)
{
	const char *key;
	json_t *value;
	json_object_foreach (from, key, value) {
		json_t *old = json_object_get(to, key);
		int r;
		if (json_is_null(value))
			continue;
		if (json_is_object(old) && json_is_object(value))
			r = merge_object(old, value);
		else if (json_is_array(old) && json_is_array(value) && !bsn_streq(key, "devices"))
			r = merge_array(old, value);
		else
			r = json_object_set(to, key, value) < 0 ? -ENOMEM : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int bsn_update_merge(json_t *linux_part, const json_t *update, struct basin_error *err)
{
	/* A copy: what is kept must not change with what is added to the update afterwards. */
	auto_json json_t *copy = json_deep_copy(update);
	json_t *resources = section_of(linux_part, "resources");
	if (copy == NULL || resources == NULL || merge_object(resources, copy) < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot lay the update over the container's resources");
	return 0;
}

/* Copies the key's value from the merged document where the update has it not. */
static void take_over(json_t *update, const json_t *merged, const char *section, const char *key)
{
	json_t *to = json_object_get(update, section);
	json_t *value = json_object_get(json_object_get(merged, section), key);
	if (value != NULL && json_object_get(to, key) == NULL)
		json_object_set(to, key, value);
}

static bool has(const json_t *update, const char *section, const char *key)
{
	return json_object_get(json_object_get(update, section), key) != NULL;
}

int bsn_update_complete(json_t *update, const json_t *merged, struct basin_error *err)
{
	static const char *const together[][3] = { { "cpu", "quota", "period" }, { "memory", "limit", "swap" } };
	const json_t *resources = json_object_get(merged, "resources");
	(void)err;
	for (size_t i = 0; i < sizeof(together) / sizeof(together[0]); i++) {
		if (has(update, together[i][0], together[i][1]))
			take_over(update, resources, together[i][0], together[i][2]);
		else if (has(update, together[i][0], together[i][2]))
			take_over(update, resources, together[i][0], together[i][1]);
	}
	if (has(update, "cpu", "idle"))
		take_over(update, resources, "cpu", "shares");
	return 0;
}
