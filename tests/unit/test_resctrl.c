/* SPDX-License-Identifier: Apache-2.0 */
/* resctrl: a directory plays the file system. What the kernel makes in a new group (schemata, tasks, mon_groups) is made beforehand. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "runtime/resctrl.h"

static int root = -1;

static void put(const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void group(const char *name, const char *schemata)
{
	char path[128];
	assert_int_equal(mkdirat(root, name, 0700), 0);
	snprintf(path, sizeof(path), "%s/schemata", name);
	put(path, schemata);
	snprintf(path, sizeof(path), "%s/tasks", name);
	put(path, "");
	snprintf(path, sizeof(path), "%s/mon_groups", name);
	assert_int_equal(mkdirat(root, path, 0700), 0);
}

static void says(const char *path, const char *expected)
{
	char *text = NULL;
	assert_true(bsn_read_file(root, path, 4096, &text, NULL) >= 0);
	assert_string_equal(text, expected);
	free(text);
}

static int make(void **state)
{
	char path[] = "/tmp/basin-resctrl.XXXXXX";
	if (mkdtemp(path) == NULL)
		return -1;
	*state = strdup(path);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(root, "info", 0700);
	mkdirat(root, "info/L3", 0700);
	mkdirat(root, "info/MB", 0700);
	return root < 0 ? -1 : 0;
}

static int unmake(void **state)
{
	close(root);
	int r = bsn_remove_tree(AT_FDCWD, *state);
	free(*state);
	return r < 0 ? -1 : 0;
}

static void a_class_of_its_own_gets_what_the_config_says(void **state)
{
	(void)state;
	const char *lines[] = { "L3:0=f0;1=f", "L2:0=3" };
	struct basin_error err = { 0 };
	struct bsn_intel_rdt rdt = { .given = true, .l3_schema = "L3:0=ff;1=ff", .mb_schema = "MB:0=20" };
	group("c1", ""); /* a file keeps what is not written over; the kernel's does not */
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), 0);
	says("c1/schemata", "L3:0=ff;1=ff\nMB:0=20\n");
	rdt = (struct bsn_intel_rdt){ .given = true, .schemata = { lines, 2 } };
	put("c1/schemata", "");
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), 0);
	says("c1/schemata", "L3:0=f0;1=f\nL2:0=3\n");
	assert_int_equal(bsn_resctrl_enter(root, &rdt, "c1", 4711, &err), 0);
	says("c1/tasks", "4711");
	put("c1/schemata", "");
	assert_int_equal(bsn_resctrl_update(root, &rdt, "c1", "L3:0=1", NULL, &err), 0);
	says("c1/schemata", "L3:0=1\n");
}

static void a_named_class_is_used_as_it_is(void **state)
{
	(void)state;
	struct basin_error err = { 0 };
	struct bsn_intel_rdt rdt = { .given = true, .clos_id = "gold" };
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), -ENOENT);
	assert_non_null(strstr(err.text, "must be pre-created"));
	assert_int_not_equal(faccessat(root, "gold", F_OK, 0), 0);
	group("gold", "    L3:0=00ff;1=fffff\n    MB:0= 20;1=100\n");
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), 0);
	/* Zeros, blanks, the order of caches and caches that are not spoken of do not matter. */
	rdt.l3_schema = "L3:1=fffff;0=ff";
	rdt.mb_schema = "MB:0=20";
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), 0);
	says("gold/schemata", "    L3:0=00ff;1=fffff\n    MB:0= 20;1=100\n");
	rdt.l3_schema = "L3:0=f";
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), -EEXIST);
	rdt.l3_schema = "L3:2=ff";
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), -EEXIST);
	rdt.l3_schema = "L2:0=ff";
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), -EEXIST);
	assert_non_null(strstr(err.text, "\"gold\" exists"));
}

static void monitoring_has_a_group_below(void **state)
{
	(void)state;
	struct basin_error err = { 0 };
	const struct bsn_intel_rdt rdt = { .given = true, .clos_id = "gold", .enable_monitoring = true };
	group("gold", "");
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), -EOPNOTSUPP);
	mkdirat(root, "info/L3_MON", 0700);
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), 0);
	assert_int_equal(bsn_resctrl_remove(root, "gold/mon_groups/c1", &err), 0);
	assert_int_equal(bsn_resctrl_remove(root, "gold/mon_groups/c1", &err), 0);
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), 0);
	put("gold/mon_groups/c1/tasks", "");
	assert_int_equal(bsn_resctrl_enter(root, &rdt, "c1", 12, &err), 0);
	says("gold/tasks", "12");
	says("gold/mon_groups/c1/tasks", "12");
}

static void what_the_processor_lacks_is_refused(void **state)
{
	(void)state;
	struct basin_error err = { 0 };
	struct bsn_intel_rdt rdt = { .given = true, .l3_schema = "L3:0=f" };
	unlinkat(root, "info/L3", AT_REMOVEDIR);
	unlinkat(root, "info/MB", AT_REMOVEDIR);
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "Intel RDT/CAT is not enabled"));
	rdt = (struct bsn_intel_rdt){ .given = true, .mb_schema = "MB:0=10" };
	assert_int_equal(bsn_resctrl_make(root, &rdt, "c1", &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "Intel RDT/MBA is not enabled"));
	/* The kernel's own words come along. */
	put("info/last_cmd_status", "Mask out of range\n");
	rdt = (struct bsn_intel_rdt){ .given = true };
	assert_int_equal(bsn_resctrl_enter(root, &rdt, "nosuch", 1, &err), -ENOENT);
	assert_non_null(strstr(err.text, "last_cmd_status: Mask out of range"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_class_of_its_own_gets_what_the_config_says, make, unmake),
		cmocka_unit_test_setup_teardown(a_named_class_is_used_as_it_is, make, unmake),
		cmocka_unit_test_setup_teardown(monitoring_has_a_group_below, make, unmake),
		cmocka_unit_test_setup_teardown(what_the_processor_lacks_is_refused, make, unmake),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
