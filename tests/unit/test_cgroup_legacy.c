/* SPDX-License-Identifier: Apache-2.0 */
/* Version 1: what a resources object is written as, and the line that says where a container is. The directories themselves: tests/cli/legacy.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "runtime/legacy.h"

/* "file=value;..." in the order of writing. */
static void expect(const char *json, bool update, uint32_t mask, const char *writes)
{
	struct basin_error err = { 0 };
	struct bsn_legacy_wish wish = { .update = update, .pids_of_zero = BSN_CGROUP_MAX };
	auto_json json_t *resources = NULL;
	auto_str struct bsn_str text = { 0 };
	assert_int_equal(bsn_json_parse(json, strlen(json), "test", &resources, &err), 0);
	int r = bsn_legacy_read(resources, &wish, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
	for (size_t i = 0; i < wish.writes.count; i++)
		bsn_str_addf(&text, "%s=%s;", wish.writes.of[i].file, wish.writes.of[i].value);
	assert_string_equal(bsn_str_text(&text), writes);
	assert_int_equal(wish.mask, mask);
	bsn_legacy_writes_release(&wish.writes);
}

#define BIT(name) BSN_LEGACY_BIT(BSN_LEGACY_##name)

static void keys_are_files(void **state)
{
	(void)state;
	expect("{}", false, 0, "");
	expect("{\"cpu\": {}}", false, BIT(CPU), "");
	expect("{\"memory\": {\"limit\": 4096, \"reservation\": 2048, \"swap\": 8192, \"swappiness\": 0, \"kernel\": 1}}", false,
	       BIT(MEMORY),
	       "memory.limit_in_bytes=4096;memory.memsw.limit_in_bytes=8192;memory.soft_limit_in_bytes=2048;memory.swappiness="
	       "0;");
	expect("{\"cpu\": {\"shares\": 100, \"quota\": -1, \"period\": 1000, \"cpus\": \"0-1\", \"mems\": \"\"}}", false,
	       BIT(CPU) | BIT(CPUSET), "cpu.shares=100;cpu.cfs_period_us=1000;cpu.cfs_quota_us=-1;cpuset.cpus=0-1;");
	expect("{\"blockIO\": {\"weight\": 500, \"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 1024}]}}",
	       false, BIT(BLKIO), "blkio.weight=500;blkio.throttle.read_bps_device=8:0 1024;");
	expect("{\"network\": {\"classID\": 1048577, \"priorities\": [{\"name\": \"lo\", \"priority\": 500}]}}", false,
	       BIT(NET_CLS) | BIT(NET_PRIO), "net_cls.classid=1048577;net_prio.ifpriomap=lo 500;");
	expect("{\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 2097152}]}", false, BIT(HUGETLB),
	       "hugetlb.2MB.limit_in_bytes=2097152;hugetlb.2MB.rsvd.limit_in_bytes=2097152;");
}

static void nothing_given_is_nothing_written(void **state)
{
	(void)state;
	expect("{\"memory\": {\"limit\": 0, \"disableOOMKiller\": false}, \"cpu\": {\"shares\": 0, \"quota\": 0}}", false,
	       BIT(MEMORY) | BIT(CPU), "");
	expect("{\"memory\": {\"disableOOMKiller\": false}}", true, BIT(MEMORY), "memory.oom_control=0;");
}

static void no_limit_takes_the_one_above_along(void **state)
{
	(void)state;
	expect("{\"memory\": {\"limit\": -1}}", true, BIT(MEMORY), "memory.limit_in_bytes=-1;memory.memsw.limit_in_bytes=-1;");
	expect("{\"memory\": {\"limit\": -1, \"swap\": 4096}}", true, BIT(MEMORY),
	       "memory.limit_in_bytes=-1;memory.memsw.limit_in_bytes=4096;");
	expect("{\"pids\": {\"limit\": 0}}", false, BIT(PIDS), "pids.max=max;");
	expect("{\"pids\": {\"limit\": -5}}", false, BIT(PIDS), "pids.max=max;");
	expect("{\"pids\": {\"limit\": 7}}", false, BIT(PIDS), "pids.max=7;");
}

static void an_idle_group_has_no_share(void **state)
{
	(void)state;
	expect("{\"cpu\": {\"shares\": 100, \"idle\": 1}}", true, BIT(CPU), "cpu.idle=1;");
	expect("{\"cpu\": {\"shares\": 100, \"idle\": 0}}", true, BIT(CPU), "cpu.shares=100;cpu.idle=0;");
}

static void places_are_a_line(void **state)
{
	(void)state;
	struct basin_error err = { 0 };
	auto_legacy struct bsn_legacy legacy = { .count = 0 };
	auto_str struct bsn_str line = { 0 };
	const char *text = "201 cpu,cpuacct\t/sys/fs/cgroup/cpu,cpuacct/a b/c\t4 memory\t/sys/fs/cgroup/memory/c";
	assert_int_equal(bsn_legacy_parse(text, &legacy, &err), 0);
	assert_int_equal(legacy.count, 2);
	assert_string_equal(legacy.places[0].name, "cpu,cpuacct");
	assert_string_equal(legacy.places[0].path, "/sys/fs/cgroup/cpu,cpuacct/a b/c");
	assert_int_equal(bsn_legacy_mask(&legacy), 0x205);
	assert_int_equal(bsn_legacy_format(&legacy, &line), 0);
	assert_string_equal(bsn_str_text(&line), text);
	struct bsn_legacy none = { .count = 0 };
	assert_true(bsn_legacy_parse("4 memory", &none, &err) < 0);
	assert_true(bsn_legacy_parse("4 memory\trelative", &none, &err) < 0);
	assert_int_equal(none.count, 0);
}

static void a_step_down_never_leads_up(void **state)
{
	(void)state;
	struct basin_error err = { 0 };
	auto_legacy struct bsn_legacy legacy = { .count = 0 };
	assert_int_equal(bsn_legacy_parse("1 cpu\t/c\t4 memory\t/m", &legacy, &err), 0);
	assert_int_equal(bsn_legacy_descend(&legacy, bsn_legacy_controllers("memory,none", 11), "/x/y", &err), 0);
	assert_string_equal(legacy.places[0].path, "/c");
	assert_string_equal(legacy.places[1].path, "/m/x/y");
	assert_int_equal(bsn_legacy_descend(&legacy, ~0u, "/", &err), 0);
	assert_string_equal(legacy.places[0].path, "/c");
	assert_true(bsn_legacy_descend(&legacy, ~0u, "..", &err) < 0);
	assert_true(bsn_legacy_descend(&legacy, ~0u, "a/../../b", &err) < 0);
	assert_string_equal(legacy.places[0].path, "/c");
}

static void an_update_keeps_what_is_version_2s(void **state)
{
	(void)state;
	struct basin_error err = { 0 };
	auto_json json_t *resources = NULL;
	const char *json = "{\"memory\": {}, \"pids\": {}, \"hugepageLimits\": [], \"devices\": []}";
	assert_int_equal(bsn_json_parse(json, strlen(json), "test", &resources, &err), 0);
	bsn_legacy_take_out(resources, BIT(MEMORY) | BIT(DEVICES));
	assert_null(json_object_get(resources, "memory"));
	assert_non_null(json_object_get(resources, "pids"));
	assert_non_null(json_object_get(resources, "hugepageLimits"));
	assert_non_null(json_object_get(resources, "devices"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_files),
		cmocka_unit_test(nothing_given_is_nothing_written),
		cmocka_unit_test(no_limit_takes_the_one_above_along),
		cmocka_unit_test(an_idle_group_has_no_share),
		cmocka_unit_test(places_are_a_line),
		cmocka_unit_test(a_step_down_never_leads_up),
		cmocka_unit_test(an_update_keeps_what_is_version_2s),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
