/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/update.h: from options to a document, laid over another, completed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "runtime/update.h"

static json_t *parse(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	assert_non_null(json);
	return json;
}

static void is_json(const json_t *json, const char *expected)
{
	auto_json json_t *wanted = parse(expected);
	auto_free char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	if (json_equal(json, wanted) != 1)
		fail_msg("expected %s, got %s", expected, text);
}

static json_t *update_of(const struct bsn_update_value *values, size_t count)
{
	const struct bsn_update_options options = { .values = values, .value_count = count };
	json_t *update = NULL;
	struct basin_error err = { 0 };
	if (bsn_update_parse(&options, "1.3.0", &update, &err) < 0)
		fail_msg("%s", err.text);
	return update;
}

static void options_become_a_document(void **state)
{
	(void)state;
	const struct bsn_update_value values[] = {
		{ "blkio-weight", "750" }, { "cpu-period", "900000" },  { "cpu-quota", "-1" },
		{ "cpu-burst", "0" },      { "cpu-share", "200" },      { "cpu-idle", "1" },
		{ "cpu-rt-period", "7" },  { "cpu-rt-runtime", "6" },   { "cpuset-cpus", "0-3" },
		{ "cpuset-mems", "0" },    { "kernel-memory", "1" },    { "kernel-memory-tcp", "2" },
		{ "memory", "64M" },       { "memory-swap", "128MiB" }, { "memory-reservation", "32m" },
		{ "pids-limit", "-1" },
	};
	auto_json json_t *update = update_of(values, sizeof(values) / sizeof(values[0]));
	is_json(update,
		"{\"blockIO\":{\"weight\":750},\"cpu\":{\"period\":900000,\"quota\":-1,\"burst\":0,\"shares\":200,\"idle\":1,"
		"\"realtimePeriod\":7,\"realtimeRuntime\":6,\"cpus\":\"0-3\",\"mems\":\"0\"},\"memory\":{\"kernel\":1,"
		"\"kernelTCP\":2,"
		"\"limit\":67108864,\"swap\":134217728,\"reservation\":33554432},\"pids\":{\"limit\":-1}}");
}

static void sizes_have_units_of_1024(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		long long bytes; /* -2: refused */
	} sizes[] = { { "0", 0 },          { "-1", -1 },         { "50", 50 },          { "50b", 50 },
		      { "50M", 50 << 20 }, { "50mb", 50 << 20 }, { "50MiB", 50 << 20 }, { "1.5g", 3 << 29 },
		      { "2 k", 2048 },     { "1p", 1ll << 50 },  { "-2", -2 },          { "", -2 },
		      { "M", -2 },         { "1e3", -2 },        { "0x10", -2 },        { "1.2.3", -2 },
		      { "1z", -2 },        { "1mx", -2 },        { "9999999p", -2 },    { "1bb", -2 } };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct bsn_update_value value = { "kernel-memory", sizes[i].text };
		const struct bsn_update_options options = { .values = &value, .value_count = 1 };
		auto_json json_t *update = NULL;
		struct basin_error err = { 0 };
		int r = bsn_update_parse(&options, "1.3.0", &update, &err);
		if ((r < 0) != (sizes[i].bytes == -2))
			fail_msg("\"%s\": %d %s", sizes[i].text, r, err.text);
		if (r < 0)
			assert_non_null(strstr(err.text, "invalid value for kernel-memory"));
		else
			assert_int_equal(json_integer_value(json_object_get(json_object_get(update, "memory"), "kernel")),
					 sizes[i].bytes);
	}
}

static void wrong_values_are_named(void **state)
{
	(void)state;
	static const struct bsn_update_value wrong[] = {
		{ "cpu-period", "-5" }, { "cpu-share", "1x" }, { "cpu-quota", "" }, { "pids-limit", "many" }, { "memory", "lots" }
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct bsn_update_options options = { .values = &wrong[i], .value_count = 1 };
		json_t *update = NULL;
		struct basin_error err = { 0 };
		assert_true(bsn_update_parse(&options, "1.3.0", &update, &err) < 0);
		assert_non_null(strstr(err.text, wrong[i].option));
	}
}

static json_t *document(const char *text, const char *version)
{
	const struct bsn_update_options options = { .resources_json = text };
	json_t *update = NULL;
	struct basin_error err = { 0 };
	if (bsn_update_parse(&options, version, &update, &err) < 0)
		fail_msg("%s", err.text);
	return update;
}

static void a_document_is_read_as_go_reads_it(void **state)
{
	(void)state;
	auto_json json_t *update =
		document("{\"CPU\":{\"Cpus\":\"1\",\"quota\":0,\"period\":0,\"shares\":0},\"Memory\":{\"Limit\":-1},"
			 "\"hugepageLimits\":[{\"pagesize\":\"2MB\",\"limit\":1}],\"pids\":{\"limit\":0},"
			 "\"blockIO\":{\"throttlereadbpsdevice\":[{\"Major\":8,\"minor\":0,\"Rate\":5}]}}",
			 "1.2.0");
	is_json(update, "{\"cpu\":{\"cpus\":\"1\"},\"memory\":{\"limit\":-1,\"swap\":-1},\"hugepageLimits\":[{\"pageSize\":"
			"\"2MB\",\"limit\":1}],"
			"\"pids\":{},\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":5}]}}");
	auto_json json_t *twice =
		document("{\"cpu\":{\"shares\":5,\"cpus\":\"0\"},\"CPU\":{\"Mems\":\"1\",\"cpus\":\"2\"}}", "1.2.0");
	is_json(twice, "{\"cpu\":{\"shares\":5,\"cpus\":\"2\",\"mems\":\"1\"}}");
	auto_json json_t *none = document("{\"pids\":{\"limit\":0}}", "1.3.0");
	is_json(none, "{\"pids\":{\"limit\":0}}");
	const struct bsn_update_options options = { .resources_json = "[1]" };
	struct basin_error err = { 0 };
	json_t *wrong = NULL;
	assert_true(bsn_update_parse(&options, "1.3.0", &wrong, &err) < 0);
	assert_string_equal(err.text, "--resources: expected an object, found an array");
}

static void an_update_is_laid_over_the_rest(void **state)
{
	(void)state;
	auto_json json_t *kept = parse("{\"resources\":{\"cpu\":{\"quota\":5,\"period\":10},\"devices\":[{\"allow\":false}],"
				       "\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1},{\"major\":"
				       "8,\"minor\":1,\"rate\":2}]},"
				       "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}],\"unified\":{\"a.b\":\"1\"}}}");
	auto_json json_t *update =
		parse("{\"cpu\":{\"period\":20},\"devices\":[{\"allow\":true}],\"memory\":{\"limit\":9},\"pids\":null,"
		      "\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":3},{\"major\":9,\"minor\":0,"
		      "\"rate\":4}]},"
		      "\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":2},{\"pageSize\":\"2MB\",\"limit\":3}],\"unified\":{"
		      "\"c.d\":\"2\"}}");
	assert_int_equal(bsn_update_merge(kept, update, NULL), 0);
	is_json(kept,
		"{\"resources\":{\"cpu\":{\"quota\":5,\"period\":20},\"devices\":[{\"allow\":true}],\"memory\":{\"limit\":9},"
		"\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1},{\"major\":8,\"minor\":1,\"rate\":"
		"3},"
		"{\"major\":9,\"minor\":0,\"rate\":4}]},\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":3},{\"pageSize\":"
		"\"1GB\",\"limit\":2}],"
		"\"unified\":{\"a.b\":\"1\",\"c.d\":\"2\"}}}");
	auto_json json_t *empty = json_object();
	assert_int_equal(bsn_update_merge(empty, update, NULL), 0);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json_object_get(empty, "resources"), "memory"), "limit")), 9);
}

static void what_goes_together_is_completed(void **state)
{
	(void)state;
	auto_json json_t *kept =
		parse("{\"resources\":{\"cpu\":{\"quota\":5,\"period\":10,\"shares\":99},\"memory\":{\"limit\":6,\"swap\":8}}}");
	auto_json json_t *period = parse("{\"cpu\":{\"period\":10}}");
	assert_int_equal(bsn_update_complete(period, kept, NULL), 0);
	is_json(period, "{\"cpu\":{\"quota\":5,\"period\":10}}");
	auto_json json_t *swap = parse("{\"memory\":{\"swap\":8},\"cpu\":{\"idle\":0}}");
	assert_int_equal(bsn_update_complete(swap, kept, NULL), 0);
	is_json(swap, "{\"memory\":{\"limit\":6,\"swap\":8},\"cpu\":{\"idle\":0,\"shares\":99}}");
	auto_json json_t *other = parse("{\"pids\":{\"limit\":3},\"cpu\":{\"burst\":0}}");
	assert_int_equal(bsn_update_complete(other, kept, NULL), 0);
	is_json(other, "{\"pids\":{\"limit\":3},\"cpu\":{\"burst\":0}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_become_a_document),       cmocka_unit_test(sizes_have_units_of_1024),
		cmocka_unit_test(wrong_values_are_named),          cmocka_unit_test(a_document_is_read_as_go_reads_it),
		cmocka_unit_test(an_update_is_laid_over_the_rest), cmocka_unit_test(what_goes_together_is_completed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
