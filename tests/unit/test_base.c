/* SPDX-License-Identifier: Apache-2.0 */
/* base/: errors, strings, sizes, names, files, locks and the step engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/name.h"
#include "base/own.h"
#include "base/proc.h"
#include "base/size.h"
#include "base/step.h"
#include "base/sys.h"

static int scratch_open(char path[64])
{
	strcpy(path, "/tmp/basin-unit.XXXXXX");
	assert_non_null(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void scratch_close(int fd, const char *path)
{
	close(fd);
	assert_int_equal(bsn_remove_tree(AT_FDCWD, path), 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void errors_are_filled_and_prefixed(void **state)
{
	(void)state;
	struct basin_error err;
	assert_int_equal(bsn_fail(&err, BASIN_NOT_FOUND, ENOENT, "pool \"%s\" does not exist", "/a"), -ENOENT);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_string_equal(err.where, "errors_are_filled_and_prefixed");
	assert_int_equal(bsn_error_prefix(&err, "cannot launch \"%s\"", "web"), -ENOENT);
	assert_string_equal(err.text, "cannot launch \"web\": pool \"/a\" does not exist");
	assert_int_equal(bsn_fail_sys(&err, EACCES, "%s", err.text), -EACCES);
	assert_string_equal(err.text, "cannot launch \"web\": pool \"/a\" does not exist: permission denied");
	assert_int_equal(err.code, BASIN_DENIED);
	assert_int_equal(bsn_fail(NULL, BASIN_USAGE, 0, "x"), -EIO);
}

static void sizes_are_exact_or_refused(void **state)
{
	(void)state;
	int64_t n = 0;
	assert_int_equal(bsn_parse_cpu("500m", &n), 0);
	assert_int_equal(n, 500);
	assert_int_equal(bsn_parse_cpu("0.25", &n), 0);
	assert_int_equal(n, 250);
	assert_int_equal(bsn_parse_cpu("2", &n), 0);
	assert_int_equal(n, 2000);
	static const char *const bad_cpus[] = { "", "m", "-1", "1.", "1.2345", "1x", "0.5m", "9223372036854775807" };
	for (size_t i = 0; i < sizeof(bad_cpus) / sizeof(bad_cpus[0]); i++)
		assert_true(bsn_parse_cpu(bad_cpus[i], &n) < 0);
	assert_int_equal(bsn_parse_bytes("1GiB", &n), 0);
	assert_int_equal(n, INT64_C(1) << 30);
	assert_int_equal(bsn_parse_bytes("1.5KiB", &n), 0);
	assert_int_equal(n, 1536);
	assert_int_equal(bsn_parse_bytes("3MB", &n), 0);
	assert_int_equal(n, 3000000);
	static const char *const bad_bytes[] = { "", "10M", "1g", "1.5", "MiB", "-1MiB", "99999999999TiB", "1 MiB" };
	for (size_t i = 0; i < sizeof(bad_bytes) / sizeof(bad_bytes[0]); i++)
		assert_true(bsn_parse_bytes(bad_bytes[i], &n) < 0);
	assert_int_equal(bsn_parse_duration("1.5s", &n), 0);
	assert_int_equal(n, 1500);
	char text[32];
	assert_string_equal(bsn_format_bytes(INT64_C(128) << 20, text, sizeof(text)), "128MiB");
	assert_string_equal(bsn_format_bytes((INT64_C(3) << 30) / 2, text, sizeof(text)), "1.5GiB");
	assert_string_equal(bsn_format_cpu(1500, text, sizeof(text)), "1.5");
	assert_string_equal(bsn_format_cpu(500, text, sizeof(text)), "500m");
	assert_string_equal(bsn_format_cpu(1250, text, sizeof(text)), "1.250");
}

static void names_follow_the_rules(void **state)
{
	(void)state;
	assert_int_equal(bsn_name_check_pool("/team/dev", NULL), 0);
	static const char *const bad_pools[] = { "", "/", "team", "/team/", "//a", "/A", "/a/../b", "/-a", "/1/2/3/4/5/6/7/8/9" };
	for (size_t i = 0; i < sizeof(bad_pools) / sizeof(bad_pools[0]); i++)
		assert_true(bsn_name_check_pool(bad_pools[i], NULL) < 0);
	assert_int_equal(bsn_name_check("environment", "web-2", NULL), 0);
	assert_true(bsn_name_check("environment", "web-", NULL) < 0);
	assert_true(bsn_name_check("environment", "../etc", NULL) < 0);
	assert_int_equal(bsn_name_check_id("My_ctr+1.2", NULL), 0);
	assert_true(bsn_name_check_id("..", NULL) < 0);
	assert_true(bsn_name_check_id(".hidden", NULL) < 0);
	assert_true(bsn_name_check_id("a/b", NULL) < 0);
}

static void removes_deep_and_odd_trees(void **state)
{
	(void)state;
	char path[64];
	int fd = scratch_open(path);
	int at = dup(fd);
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(mkdirat(at, "d", 0700), 0);
		int file = openat(at, ".gone.1", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(file >= 0);
		close(file);
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
	assert_int_equal(symlinkat("/etc", fd, "link"), 0);
	assert_int_equal(mkdirat(fd, ".gone.0", 0700), 0);
	scratch_close(fd, path);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

static void opens_stay_beneath(void **state)
{
	(void)state;
	char path[64];
	int fd = scratch_open(path);
	assert_int_equal(symlinkat("/etc", fd, "out"), 0);
	assert_true(bsn_open_beneath(fd, "out/passwd", O_RDONLY, 0) < 0);
	assert_true(bsn_open_beneath(fd, "../tmp", O_RDONLY, 0) < 0);
	assert_int_equal(bsn_open_in_root(fd, "out/passwd", O_RDONLY, 0), -ENOENT);
	scratch_close(fd, path);
}

static void files_are_replaced_whole(void **state)
{
	(void)state;
	char path[64];
	int fd = scratch_open(path);
	assert_int_equal(bsn_replace_file(fd, "f", "one", 3, 0600, true), 0);
	assert_int_equal(bsn_replace_file(fd, "f", "second", 6, 0640, true), 0);
	auto_free char *text = NULL;
	assert_int_equal(bsn_read_file(fd, "f", 100, &text, NULL), 0);
	assert_string_equal(text, "second");
	char *too_big = NULL;
	assert_int_equal(bsn_read_file(fd, "f", 3, &too_big, NULL), -EFBIG);
	assert_null(too_big);
	scratch_close(fd, path);
}

static void locks_die_with_their_holder(void **state)
{
	(void)state;
	char path[64];
	int fd = scratch_open(path);
	int held[2];
	assert_int_equal(pipe(held), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int lock;
		_exit(bsn_lock_take(fd, "lock", BSN_LOCK_EXCLUSIVE, 0, &lock) < 0 || write(held[1], "x", 1) != 1 || pause());
	}
	char byte;
	assert_int_equal(read(held[0], &byte, 1), 1);
	int lock = -1;
	assert_int_equal(bsn_lock_held(fd, "lock"), 1);
	assert_int_equal(bsn_lock_take(fd, "lock", BSN_LOCK_SHARED, 20, &lock), -EAGAIN);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(bsn_lock_held(fd, "lock"), 0);
	assert_int_equal(bsn_lock_take(fd, "lock", BSN_LOCK_EXCLUSIVE, 0, &lock), 0);
	close(lock);
	close(held[0]);
	close(held[1]);
	scratch_close(fd, path);
}

/* A little host of three flags, and steps that set and clear them. */
static int host[3];
static int fail_at = -1;

static int intend_flag(void *run, struct bsn_str *value, struct basin_error *err)
{
	(void)err;
	int *next = run;
	return bsn_str_addf(value, "flag %d", (*next)++);
}

static int apply_flag(void *run, const char *value, struct basin_error *err)
{
	(void)run;
	int i = value[5] - '0';
	if (i == fail_at)
		return bsn_fail(err, BASIN_INTERNAL, EIO, "flag %d is stuck", i);
	host[i] = 1;
	return 0;
}

static int undo_flag(void *world, const char *value, struct basin_error *err)
{
	(void)err;
	assert_ptr_equal(world, host);
	host[value[5] - '0'] = 0;
	return 0;
}

static int skip_it(void *run, struct bsn_str *value, struct basin_error *err)
{
	(void)run;
	(void)value;
	(void)err;
	return BSN_STEP_SKIP;
}

static const struct bsn_step steps[] = {
	{ "one", intend_flag, apply_flag, undo_flag },
	{ "none", skip_it, NULL, NULL },
	{ "two", intend_flag, apply_flag, undo_flag },
	{ "three", intend_flag, apply_flag, undo_flag },
};

static void steps_apply_undo_and_recover(void **state)
{
	(void)state;
	char path[64];
	int fd = scratch_open(path);
	struct bsn_record *record;
	struct basin_error err;

	int next = 0;
	assert_int_equal(bsn_record_open(fd, "record", false, &record, &err), 0);
	assert_int_equal(bsn_steps_apply(steps, 4, record, &next, host, &err), 0);
	assert_int_equal(host[0] + host[1] + host[2], 3);
	assert_null(bsn_record_value(record, "none"));
	bsn_record_close(record);

	/* Another process, with the record alone, takes everything down; doing it twice is harmless. */
	assert_int_equal(bsn_record_open(fd, "record", true, &record, &err), 0);
	assert_true(bsn_record_done(record, "two"));
	assert_int_equal(bsn_steps_undo(steps, 4, record, host, &err), 0);
	assert_true(bsn_record_clean(record));
	assert_int_equal(bsn_steps_undo(steps, 4, record, host, &err), 0);
	assert_int_equal(host[0] + host[1] + host[2], 0);

	/* A step that fails takes those before it along, and its error is the one that is told. */
	next = 0;
	fail_at = 2;
	assert_int_equal(bsn_steps_apply(steps, 4, record, &next, host, &err), -EIO);
	assert_string_equal(err.text, "flag 2 is stuck");
	assert_int_equal(host[0] + host[1] + host[2], 0);
	assert_true(bsn_record_clean(record));
	bsn_record_close(record);
	fail_at = -1;
	scratch_close(fd, path);
}

static void a_torn_record_line_is_not_believed(void **state)
{
	(void)state;
	char path[64];
	int fd = scratch_open(path);
	const char *text = "intend one flag 0\ndone one\nintend two fl";
	assert_int_equal(bsn_replace_file(fd, "record", text, strlen(text), 0600, false), 0);
	struct bsn_record *record;
	assert_int_equal(bsn_record_open(fd, "record", false, &record, NULL), 0);
	assert_string_equal(bsn_record_value(record, "one"), "flag 0");
	assert_null(bsn_record_value(record, "two"));
	bsn_record_close(record);
	scratch_close(fd, path);
}

static void json_says_where_it_is_wrong(void **state)
{
	(void)state;
	struct basin_error err;
	auto_json json_t *json = NULL;
	const char *text = "{\"uid\": \"x\", \"big\": 70000, \"none\": null}";
	assert_int_equal(bsn_json_parse(text, strlen(text), "test", &json, &err), 0);
	int64_t n = 7;
	assert_true(bsn_json_get_int(json, "process.user", "uid", 0, 10, &n, &err) < 0);
	assert_string_equal(err.text, "process.user.uid: expected an integer, found a string");
	assert_true(bsn_json_get_int(json, "", "big", 0, 65535, &n, &err) < 0);
	assert_string_equal(err.text, "big: 70000 is not between 0 and 65535");
	assert_int_equal(bsn_json_get_int(json, "", "none", 0, 1, &n, &err), 0);
	assert_int_equal(n, 7);
	json_t *bad = NULL;
	assert_true(bsn_json_parse("{\"a\":1,\"a\":2}", 13, "test", &bad, &err) < 0);
	assert_int_equal(err.code, BASIN_USAGE);
}

static void programs_run_without_a_shell(void **state)
{
	(void)state;
	char *output = NULL;
	int status = -1;
	static const char *const argv[] = { "sh", "-c", "cat; echo \"$1\" >&2; exit 3", "sh", "a b;c", NULL };
	assert_int_equal(bsn_spawn_capture("/bin/sh", argv, "in ", &output, &status, NULL), 0);
	assert_string_equal(output, "in a b;c\n");
	assert_int_equal(status, 3);
	free(output);
	struct basin_error err;
	assert_true(bsn_spawn_capture("/nonexistent", argv, NULL, &output, &status, &err) < 0);
	struct bsn_process self;
	assert_int_equal(bsn_process_identify(getpid(), &self), 0);
	int pidfd = bsn_process_open(&self);
	assert_true(pidfd >= 0);
	close(pidfd);
	self.start++;
	assert_int_equal(bsn_process_open(&self), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_filled_and_prefixed),
		cmocka_unit_test(sizes_are_exact_or_refused),
		cmocka_unit_test(names_follow_the_rules),
		cmocka_unit_test(removes_deep_and_odd_trees),
		cmocka_unit_test(opens_stay_beneath),
		cmocka_unit_test(files_are_replaced_whole),
		cmocka_unit_test(locks_die_with_their_holder),
		cmocka_unit_test(steps_apply_undo_and_recover),
		cmocka_unit_test(a_torn_record_line_is_not_believed),
		cmocka_unit_test(json_says_where_it_is_wrong),
		cmocka_unit_test(programs_run_without_a_shell),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
