/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp: programs that do what the profile says (run by the kernel, in a child), and the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "runtime/seccomp.h"

static struct bsn_config *config_with(const char *seccomp)
{
	struct bsn_config *config = NULL;
	struct basin_error err;
	char text[4096];
	assert_true(bsn_format(text, sizeof(text),
			       "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"process\":{\"cwd\":\"/\",\"args\":[\"a\"]},"
			       "\"linux\":{\"seccomp\":%s}}",
			       seccomp) >= 0);
	if (bsn_config_parse(text, strlen(text), 0, &config, &err) < 0)
		fail_msg("%s", err.text);
	return config;
}

static struct bsn_seccomp_filter *compiled(const char *seccomp, int cache)
{
	struct bsn_config *config = config_with(seccomp);
	struct bsn_seccomp_filter *filter = NULL;
	struct basin_error err;
	if (bsn_seccomp_compile(&config->seccomp, cache, false, &filter, &err) < 0)
		fail_msg("%s", err.text);
	bsn_config_free(config);
	return filter;
}

/* The errno of a raw system call under the filter; 0 when it succeeded. */
static int answer(const char *seccomp, long number, long first)
{
	struct bsn_seccomp_filter *filter = compiled(seccomp, -1);
	struct sock_fprog program = { .len = (unsigned short)filter->count, .filter = filter->code };
	pid_t pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
			_exit(255);
		long r = syscall(number, first, 0, 0, 0);
		/* Not _exit: a sanitizer looks for leaks there, with calls that the filter forbids. */
		syscall(SYS_exit_group, r < 0 ? errno : 0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	bsn_seccomp_filter_free(filter);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define ALLOW_ALL_BUT(rule) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" rule "]}"

static void rules_hold(void **state)
{
	(void)state;
	const char *no_pid =
		ALLOW_ALL_BUT("{\"names\":[\"getppid\",\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":99}");
	assert_int_equal(answer(no_pid, SYS_getppid, 0), 99);
	assert_int_equal(answer(no_pid, SYS_getpid, 0), 0);
	const char *killed = ALLOW_ALL_BUT("{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"}");
	assert_int_equal(answer(killed, SYS_getppid, 0), 1000 + SIGSYS);
	/* What equals the default needs no rule. */
	assert_int_equal(answer(ALLOW_ALL_BUT("{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ALLOW\"}"), SYS_getppid, 0), 0);
}

#define ARG(op, value) "{\"index\":0,\"op\":\"SCMP_CMP_" op "\",\"value\":" value "}"

static void arguments_are_compared(void **state)
{
	(void)state;
	const char *one =
		ALLOW_ALL_BUT("{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[" ARG("EQ", "8") "]}");
	assert_int_equal(answer(one, SYS_personality, 8), EPERM);
	assert_int_equal(answer(one, SYS_personality, 0xffffffff), 0);
	/* One argument named twice: either. */
	const char *either = ALLOW_ALL_BUT(
		"{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[" ARG("EQ", "8") "," ARG("EQ", "0") "]}");
	assert_int_equal(answer(either, SYS_personality, 8), EPERM);
	assert_int_equal(answer(either, SYS_personality, 0), EPERM);
	assert_int_equal(answer(either, SYS_personality, 0xffffffff), 0);
	const char *masked = ALLOW_ALL_BUT("{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,"
					   "\"op\":\"SCMP_CMP_MASKED_EQ\",\"value\":4,\"valueTwo\":4}]}");
	assert_int_equal(answer(masked, SYS_personality, 12), EPERM);
	assert_int_equal(answer(masked, SYS_personality, 8), 0);
}

static void newer_calls_do_not_exist(void **state)
{
	(void)state;
	const char *profile =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"exit_group\",\"exit\",\"openat2\"],"
		"\"action\":\"SCMP_ACT_ALLOW\"}]}";
	assert_int_equal(answer(profile, SYS_getppid, 0), EPERM);
	assert_int_equal(answer(profile, SYS_openat2 + 1, 0), ENOSYS);
	assert_int_equal(answer(profile, 1000, 0), ENOSYS);
	/* No prologue where unknown calls are allowed anyway. */
	assert_int_equal(
		answer(ALLOW_ALL_BUT("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":7}"), SYS_getpid, 0), 0);
}

static void other_architectures_are_covered(void **state)
{
	(void)state;
	struct bsn_seccomp_filter *one = compiled("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],"
						  "\"action\":\"SCMP_ACT_ALLOW\"}]}",
						  -1);
	struct bsn_seccomp_filter *two = compiled("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\","
						  "\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\",\"SCMP_ARCH_AARCH64\"],"
						  "\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
						  -1);
	assert_true(two->count > one->count);
	bsn_seccomp_filter_free(one);
	bsn_seccomp_filter_free(two);
}

static void an_unknown_call_is_fatal_where_asked(void **state)
{
	(void)state;
	struct bsn_config *config = config_with(ALLOW_ALL_BUT("{\"names\":[\"no_such\"],\"action\":\"SCMP_ACT_ERRNO\"}"));
	struct bsn_seccomp_filter *filter = NULL;
	struct basin_error err;
	config->seccomp.unknown_is_error = true;
	assert_int_equal(bsn_seccomp_compile(&config->seccomp, -1, false, &filter, &err), -EINVAL);
	assert_true(bsn_starts_with(err.text, "linux.seccomp.syscalls[0].names[0]: \"no_such\""));
	bsn_config_free(config);
}

static int only_file(int dirfd, const char *name, void *data)
{
	(void)dirfd;
	snprintf(data, 128, ".seccomp/%s", name);
	return 0;
}

/* The program as it is compiled, whatever the cache holds. */
static void same_as(const struct bsn_seccomp_filter *a, const struct bsn_seccomp_filter *b)
{
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->code, b->code, a->count * sizeof(*a->code));
}

static void the_cache_gives_back_what_it_got(void **state)
{
	(void)state;
	const char *profile = ALLOW_ALL_BUT("{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"}");
	char path[] = "/tmp/basin-unit.XXXXXX";
	char file[128] = "";
	assert_non_null(mkdtemp(path));
	int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bsn_seccomp_filter *plain = compiled(profile, -1);
	struct bsn_seccomp_filter *first = compiled(profile, root);
	struct bsn_seccomp_filter *second = compiled(profile, root);
	assert_false(first->from_cache);
	assert_true(second->from_cache);
	same_as(plain, first);
	same_as(plain, second);
	bsn_seccomp_filter_free(first);
	bsn_seccomp_filter_free(second);

	int dir = openat(root, ".seccomp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(bsn_each_entry(dir, only_file, file), 0);
	close(dir);
	char *data = NULL;
	size_t length;
	assert_int_equal(bsn_read_file(root, file, 1 << 20, &data, &length), 0);
	/* Cut short anywhere, or with another text of the same digest, it is not used. */
	for (size_t cut = 0; cut < length; cut += 7) {
		int fd = openat(root, file, O_WRONLY | O_TRUNC | O_CLOEXEC);
		assert_int_equal(bsn_write_all(fd, data, cut), 0);
		close(fd);
		second = compiled(profile, root);
		assert_false(second->from_cache);
		same_as(plain, second);
		bsn_seccomp_filter_free(second);
	}
	char *text = memmem(data, length, "getppid", 7);
	assert_non_null(text);
	text[3] = 'x';
	int fd = openat(root, file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(bsn_write_all(fd, data, length), 0);
	close(fd);
	second = compiled(profile, root);
	assert_false(second->from_cache);
	same_as(plain, second);
	bsn_seccomp_filter_free(second);
	bsn_seccomp_filter_free(plain);
	free(data);
	close(root);
	assert_int_equal(bsn_remove_tree(AT_FDCWD, path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_hold),
		cmocka_unit_test(arguments_are_compared),
		cmocka_unit_test(newer_calls_do_not_exist),
		cmocka_unit_test(other_architectures_are_covered),
		cmocka_unit_test(an_unknown_call_is_fatal_where_asked),
		cmocka_unit_test(the_cache_gives_back_what_it_got),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
