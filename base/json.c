/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json_seed.h"
#include "base/str.h"

#define JSON_MAX ((size_t)16 * 1024 * 1024)

static size_t skip_string(const char *text)
{
	const char *at = text + 1;
	for (; *at != '"' && *at != '\0'; at++)
		if (*at == '\\' && at[1] != '\0')
			at++;
	return (size_t)(at - text) + (*at == '"');
}

/* Whether a number token stands here that fits an unsigned 64-bit integer and not a signed one. */
static bool is_big_integer(const char *text, const char *at, size_t length, unsigned long long *ret_number)
{
	if (length < 19 || length > 20 || strchr(".eE", at[length] != '\0' ? at[length] : ' ') != NULL)
		return false;
	if (at > text && strchr("-.eE+", at[-1]) != NULL)
		return false;
	errno = 0;
	*ret_number = strtoull(at, NULL, 10);
	return errno == 0 && *ret_number > INT64_MAX;
}

/* Writes the integers between INT64_MAX and UINT64_MAX as their two's complement, which jansson can hold. */
static json_t *parse_with_big_integers(const char *text, size_t length, json_error_t *ret_problem)
{
	auto_free char *copy = strndup(text, length);
	auto_str struct bsn_str wrapped = { 0 };
	for (const char *at = copy; at != NULL && *at != '\0';) {
		size_t digits = strspn(at, "0123456789");
		size_t step = *at == '"' ? skip_string(at) : digits > 0 ? digits : 1;
		unsigned long long number;
		if (is_big_integer(copy, at, digits, &number))
			bsn_str_addf(&wrapped, "%lld", (long long)number);
		else
			bsn_str_add_bytes(&wrapped, at, step);
		at += step;
	}
	return json_loads(bsn_str_text(&wrapped), JSON_REJECT_DUPLICATES, ret_problem);
}

int bsn_json_parse(const char *text, size_t length, const char *name, json_t **ret_json, struct basin_error *err)
{
	json_error_t problem;
	bsn_json_seed();
	if (length > JSON_MAX)
		return bsn_fail(err, BASIN_USAGE, EFBIG, "\"%s\" is larger than 16 MiB", name);
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
	if (json == NULL && json_error_code(&problem) == json_error_numeric_overflow)
		json = parse_with_big_integers(text, length, &problem);
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

static int add_text(const char *text, size_t length, void *data)
{
	return bsn_str_add_bytes(data, text, length);
}

/* Into memory of ours: what json_dumps returns is the library's to free. */
int bsn_json_format(const json_t *json, bool pretty, char **ret_text, struct basin_error *err)
{
	auto_str struct bsn_str text = { 0 };
	int r = json_dump_callback(json, add_text, &text, (pretty ? JSON_INDENT(2) : JSON_COMPACT) | JSON_ENCODE_ANY);
	char *whole = r == 0 ? bsn_str_give(&text) : NULL;
	if (whole == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot format JSON");
	*ret_text = whole;
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

const char *bsn_json_type(const json_t *json)
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
			expected, bsn_json_type(value));
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

int bsn_json_get_u64(const json_t *object, const char *path, const char *key, uint64_t *ret, struct basin_error *err)
{
	const json_t *value = present(object, key);
	if (value == NULL)
		return 0;
	if (!json_is_integer(value))
		return wrong(value, path, key, "an integer", err);
	*ret = (uint64_t)json_integer_value(value);
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
