/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <string.h>

#include "base/io.h"
#include "base/str.h"

#define JSON_MAX ((size_t)16 * 1024 * 1024)

int bsn_json_parse(const char *text, size_t length, const char *name, json_t **ret_json, struct basin_error *err)
{
	json_error_t problem;
	if (length > JSON_MAX)
		return bsn_fail(err, BASIN_USAGE, EFBIG, "\"%s\" is larger than 16 MiB", name);
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
	if (json == NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" is not valid JSON: line %d, column %d: %s", name, problem.line,
				problem.column, problem.text);
	*ret_json = json;
	return 0;
}

int bsn_json_read(int dirfd, const char *path, json_t **ret_json, struct basin_error *err)
{
	auto_free char *text = NULL;
	size_t length;
	int r = bsn_read_file(dirfd, path, JSON_MAX, &text, &length);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read \"%s\"", path);
	return bsn_json_parse(text, length, path, ret_json, err);
}

int bsn_json_format(const json_t *json, bool pretty, char **ret_text, struct basin_error *err)
{
	char *text = json_dumps(json, (pretty ? JSON_INDENT(2) : JSON_COMPACT) | JSON_ENCODE_ANY);
	if (text == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot format JSON");
	*ret_text = text;
	return 0;
}

int bsn_json_write(int dirfd, const char *name, const json_t *json, bool durable, struct basin_error *err)
{
	auto_free char *text = NULL;
	int r = bsn_json_format(json, false, &text, err);
	if (r < 0)
		return r;
	r = bsn_replace_file(dirfd, name, text, strlen(text), 0600, durable);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write \"%s\"", name) : 0;
}

static const char *type_name(const json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	default:
		return "null";
	}
}

static int wrong(const json_t *value, const char *path, const char *key, const char *expected, struct basin_error *err)
{
	return bsn_fail(err, BASIN_USAGE, EINVAL, "%s%s%s: expected %s, found %s", path, path[0] != '\0' ? "." : "", key,
			expected, type_name(value));
}

static const json_t *present(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return value == NULL || json_is_null(value) ? NULL : value;
}

int bsn_json_get_string(const json_t *object, const char *path, const char *key, const char **ret, struct basin_error *err)
{
	const json_t *value = present(object, key);
	if (value == NULL)
		return 0;
	if (!json_is_string(value))
		return wrong(value, path, key, "a string", err);
	*ret = json_string_value(value);
	return 1;
}

int bsn_json_get_bool(const json_t *object, const char *path, const char *key, bool *ret, struct basin_error *err)
{
	const json_t *value = present(object, key);
	if (value == NULL)
		return 0;
	if (!json_is_boolean(value))
		return wrong(value, path, key, "true or false", err);
	*ret = json_is_true(value);
	return 1;
}

int bsn_json_get_int(const json_t *object, const char *path, const char *key, int64_t min, int64_t max, int64_t *ret,
		     struct basin_error *err)
{
	const json_t *value = present(object, key);
	if (value == NULL)
		return 0;
	if (!json_is_integer(value))
		return wrong(value, path, key, "an integer", err);
	json_int_t number = json_integer_value(value);
	if (number < min || number > max)
		return bsn_fail(err, BASIN_USAGE, ERANGE, "%s%s%s: %lld is not between %lld and %lld", path,
				path[0] != '\0' ? "." : "", key, (long long)number, (long long)min, (long long)max);
	*ret = number;
	return 1;
}

int bsn_json_get_object(const json_t *object, const char *path, const char *key, json_t **ret, struct basin_error *err)
{
	const json_t *value = present(object, key);
	if (value == NULL)
		return 0;
	if (!json_is_object(value))
		return wrong(value, path, key, "an object", err);
	*ret = json_object_get(object, key);
	return 1;
}

int bsn_json_get_array(const json_t *object, const char *path, const char *key, json_t **ret, struct basin_error *err)
{
	const json_t *value = present(object, key);
	if (value == NULL)
		return 0;
	if (!json_is_array(value))
		return wrong(value, path, key, "an array", err);
	*ret = json_object_get(object, key);
	return 1;
}
