/* SPDX-License-Identifier: Apache-2.0 */
/* The systemd driver's pure parts: names from cgroupsPath, resources as properties, and GVariant's text form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/scope.h"
#include "runtime/systemd/variant.h"

/* --- names --- */

static void assert_name(const char *path, bool user, const char *slice, const char *unit)
{
	struct bsn_scope_name name;
	assert_int_equal(bsn_scope_parse(path, "web", user, &name, NULL), 0);
	assert_string_equal(name.slice, slice);
	assert_string_equal(name.unit, unit);
}

static void names_follow_the_path(void **state)
{
	(void)state;
	assert_name(NULL, false, "system.slice", "basin-web.scope");
	assert_name("", true, "user.slice", "basin-web.scope");
	assert_name("machine.slice:libpod:1234", false, "machine.slice", "libpod-1234.scope");
	assert_name("a-b-c.slice:p:n", false, "a-b-c.slice", "p-n.scope");
	assert_name(":docker:1", false, "system.slice", "docker-1.scope");
	assert_name("::1", true, "user.slice", "-1.scope");
	assert_name("-.slice:p:n", false, "-.slice", "p-n.scope");
}

static void bad_names_are_refused(void **state)
{
	static const char *const bad[] = {
		"/a/b",         "a.slice:b",    "a.slice:b:c:d", "a:b:c",         "a--b.slice:p:n",
		"-a.slice:p:n", "a-.slice:p:n", ".slice:p:n",    "a/b.slice:p:n", "a.slice:p:n.slice"
	};
	struct bsn_scope_name name;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bsn_scope_parse(bad[i], "web", false, &name, NULL), -EINVAL);
	char long_path[600];
	memset(long_path, 'x', sizeof(long_path) - 1);
	memcpy(long_path, "a.slice:p:", 10);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(bsn_scope_parse(long_path, "web", false, &name, NULL), -ENAMETOOLONG);
}

/* --- properties --- */

static void assert_properties(const struct bsn_cgroup_resources *resources, bool devices, const char *expected)
{
	auto_scope_words struct bsn_scope_words words = { .of = NULL };
	auto_str struct bsn_str all = { 0 };
	assert_int_equal(bsn_scope_properties(resources, devices, &words, NULL), 0);
	for (size_t i = 0; i < words.count; i++)
		bsn_str_addf(&all, "%s%s", i > 0 ? " | " : "", words.of[i]);
	assert_string_equal(bsn_str_text(&all), expected);
}

static void resources_become_properties(void **state)
{
	struct bsn_cgroup_resources resources = BSN_CGROUP_RESOURCES_INIT;
	(void)state;
	assert_properties(&resources, false, "");
	resources.memory_max = 1048576;
	resources.memory_swap_max = BSN_CGROUP_MAX;
	resources.pids_max = 20;
	assert_properties(&resources, false,
			  "MemoryMax=uint64 1048576 | MemorySwapMax=uint64 18446744073709551615 | TasksMax=uint64 20");
}

static void quotas_are_rounded_up(void **state)
{
	struct bsn_cgroup_resources resources = BSN_CGROUP_RESOURCES_INIT;
	(void)state;
	resources.cpu_quota = 40050;
	resources.cpu_period = 50000;
	assert_properties(&resources, false, "CPUQuotaPeriodUSec=uint64 50000 | CPUQuotaPerSecUSec=uint64 810000");
	resources.cpu_period = BSN_CGROUP_UNSET;
	assert_properties(&resources, false, "CPUQuotaPerSecUSec=uint64 410000");
	resources.cpu_quota = BSN_CGROUP_MAX;
	assert_properties(&resources, false, "CPUQuotaPerSecUSec=uint64 18446744073709551615");
}

static void rounding_is_systemds(void **state)
{
	struct bsn_cgroup_resources resources = BSN_CGROUP_RESOURCES_INIT;
	(void)state;
	bsn_scope_round(&resources);
	assert_true(resources.cpu_quota == BSN_CGROUP_UNSET);
	resources.cpu_quota = 500000;
	resources.cpu_period = 900000;
	bsn_scope_round(&resources);
	assert_true(resources.cpu_quota == 504000);
	resources.cpu_quota = BSN_CGROUP_MAX;
	bsn_scope_round(&resources);
	assert_true(resources.cpu_quota == BSN_CGROUP_MAX);
}

static void idle_is_a_weight_of_zero(void **state)
{
	struct bsn_cgroup_resources resources = BSN_CGROUP_RESOURCES_INIT;
	(void)state;
	resources.cpu_idle = 1;
	assert_properties(&resources, false, "CPUWeight=uint64 0");
	resources.cpu_idle = 0;
	resources.cpu_weight = 42;
	assert_properties(&resources, false, "CPUWeight=uint64 42");
}

static void lists_become_bits(void **state)
{
	char cpus[] = "0-1,3,9";
	struct bsn_cgroup_resources resources = BSN_CGROUP_RESOURCES_INIT;
	(void)state;
	resources.cpuset_cpus = cpus;
	assert_properties(&resources, false, "AllowedCPUs=@ay [11,2]");
	char hostile[] = "0-4000000000";
	resources.cpuset_cpus = hostile;
	assert_properties(&resources, false, "");
}

static void unified_comes_last(void **state)
{
	char cpu_max[] = "cpu.max", quota[] = "max 20000", memory_max[] = "memory.max", amount[] = "4096",
	     other[] = "hugetlb.2MB.max";
	struct bsn_cgroup_unified unified[] = { { cpu_max, quota }, { memory_max, amount }, { other, amount } };
	struct bsn_cgroup_resources resources = BSN_CGROUP_RESOURCES_INIT;
	(void)state;
	resources.memory_max = 1024;
	resources.unified = unified;
	resources.unified_count = 3;
	assert_properties(&resources, false,
			  "MemoryMax=uint64 1024 | MemoryMax=uint64 4096 | CPUQuotaPeriodUSec=uint64 20000 | "
			  "CPUQuotaPerSecUSec=uint64 18446744073709551615");
}

static void devices_are_what_is_allowed(void **state)
{
	struct bsn_device_rule rules[] = { { false, 'a', BSN_DEVICE_ANY, BSN_DEVICE_ANY, 7 },
					   { true, 'b', 8, BSN_DEVICE_ANY, BSN_DEVICE_READ } };
	struct bsn_cgroup_resources resources = BSN_CGROUP_RESOURCES_INIT;
	auto_scope_words struct bsn_scope_words words = { .of = NULL };
	(void)state;
	resources.devices = rules;
	resources.device_count = 2;
	assert_int_equal(bsn_scope_properties(&resources, true, &words, NULL), 0);
	assert_string_equal(words.of[0], "DevicePolicy='strict'");
	assert_non_null(strstr(words.of[2], "DeviceAllow=@a(ss) [('block-8','r'),"));
	/* Any major with one minor is nothing that systemd can be told: it must not forbid what the filter allows. */
	rules[1] = (struct bsn_device_rule){ true, 'c', BSN_DEVICE_ANY, 3, BSN_DEVICE_READ };
	assert_properties(&resources, true, "DevicePolicy='auto' | DeviceAllow=@a(ss) []");
}

/* --- GVariant --- */

static void assert_type(const char *text, const char *expected)
{
	struct bsn_variant *variant = NULL;
	struct basin_error err = { .text = "" };
	char type[BSN_VARIANT_TYPE_MAX];
	if (bsn_variant_parse(text, &variant, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(bsn_variant_type(variant, type), 0);
	assert_string_equal(type, expected);
	bsn_variant_free(variant);
}

static void values_have_their_types(void **state)
{
	static const char *const good[][2] = {
		{ "true", "b" },
		{ "5", "i" },
		{ "-5", "i" },
		{ "0x10", "i" },
		{ "1.5", "d" },
		{ "1e3", "d" },
		{ "uint64 5", "t" },
		{ "byte 255", "y" },
		{ "'text'", "s" },
		{ "\"it's\"", "s" },
		{ "@t 5", "t" },
		{ "[1, 2]", "ai" },
		{ "[byte 1, 2]", "ay" },
		{ "[1, uint64 2]", "at" },
		{ "[1, 2.5]", "ad" },
		{ "@as []", "as" },
		{ "@ay [1, 255]", "ay" },
		{ "@a(iayu) [(2, [10, 0, 0, 1], 8)]", "a(iayu)" },
		{ "['a', 'b']", "as" },
		{ "[('a', uint32 1), ('b', 2)]", "a(su)" },
		{ "@a(ss) []", "a(ss)" },
		{ "(1, 'x', true)", "(isb)" },
		{ " uint32 7 ", "u" },
		{ "double 5", "d" },
		{ "[['a'], ['b']]", "aas" },
		{ "objectpath '/a'", "o" },
		{ "", "" },
	};
	(void)state;
	for (size_t i = 0; good[i][1][0] != '\0'; i++)
		assert_type(good[i][0], good[i][1]);
}

static void texts_are_unescaped(void **state)
{
	struct bsn_variant *variant = NULL;
	(void)state;
	assert_int_equal(bsn_variant_parse("'a\\'b\\n\\u00e9'", &variant, NULL), 0);
	assert_string_equal(variant->text, "a'b\n\xc3\xa9");
	bsn_variant_free(variant);
}

static void no_values_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   " ",
					   "x",
					   "'open",
					   "[1, 'a']",
					   "[1",
					   "byte 256",
					   "@ay [256]",
					   "uint32 -1",
					   "5 6",
					   "[]",
					   "()",
					   "@",
					   "@z 1",
					   "[[[[[[[[[1]]]]]]]]]",
					   "int16 40000",
					   "5x",
					   "99999999999",
					   "uint64 18446744073709551616",
					   "1,",
					   "@a{sv} {}",
					   "'\\u12'",
					   "'a\\",
					   "[1 2]",
					   "-",
					   "string 5",
					   "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
					   "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)" };
	struct bsn_variant *variant = NULL;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (bsn_variant_parse(bad[i], &variant, NULL) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
}

static void seconds_become_microseconds(void **state)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} good[] = { { "2", 2000000 }, { "uint64 3", 3000000 }, { "0.5", 500000 } };
	static const char *const bad[] = { "-1", "'2'", "uint64 18446744073709551615", "-0.5" };
	struct bsn_variant *variant = NULL;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(bsn_variant_parse(good[i].text, &variant, NULL), 0);
		assert_int_equal(bsn_variant_seconds(variant, NULL), 0);
		assert_int_equal(variant->type, 't');
		assert_true(variant->number == good[i].usec);
		bsn_variant_free(variant);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bsn_variant_parse(bad[i], &variant, NULL), 0);
		assert_int_equal(bsn_variant_seconds(variant, NULL), -EINVAL);
		bsn_variant_free(variant);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_the_path),       cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(resources_become_properties), cmocka_unit_test(quotas_are_rounded_up),
		cmocka_unit_test(rounding_is_systemds),        cmocka_unit_test(idle_is_a_weight_of_zero),
		cmocka_unit_test(lists_become_bits),           cmocka_unit_test(unified_comes_last),
		cmocka_unit_test(devices_are_what_is_allowed), cmocka_unit_test(values_have_their_types),
		cmocka_unit_test(texts_are_unescaped),         cmocka_unit_test(no_values_are_refused),
		cmocka_unit_test(seconds_become_microseconds),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
