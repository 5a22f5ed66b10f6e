/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search tree against libseccomp's plain list: the same answer for every number of every architecture, and for arguments at and beside
 * every constant. Both run in an interpreter of the kernel's instructions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "runtime/seccomp_parts.h"

#define BROKEN 0xdeadbeefu /* the program ran out of its end, or has an instruction that nobody knows */

static uint32_t execute(const struct bsn_seccomp_filter *filter, const struct seccomp_data *data)
{
	uint32_t answer;
	return bsn_seccomp_answer(filter, data, &answer) < 0 ? BROKEN : answer;
}

struct pair {
	struct bsn_seccomp_filter list;
	struct bsn_seccomp_filter tree;
};

static void make_pair(const char *profile, struct pair *pair)
{
	struct bsn_config *config = NULL;
	struct basin_error err;
	struct bsn_str text = { 0 };
	assert_int_equal(
		bsn_str_addf(&text,
			     "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"process\":{\"cwd\":\"/\",\"args\":[\"a\"]},"
			     "\"linux\":{\"seccomp\":%s}}",
			     profile),
		0);
	if (bsn_config_parse(bsn_str_text(&text), text.length, 0, &config, &err) < 0)
		fail_msg("%s", err.text);
	memset(pair, 0, sizeof(*pair));
	if (bsn_seccomp_make_list(&config->seccomp, &pair->list, &err) < 0 ||
	    bsn_seccomp_make_list(&config->seccomp, &pair->tree, &err) < 0)
		fail_msg("%s", err.text);
	bsn_seccomp_make_tree(&pair->tree);
	bsn_config_free(config);
	bsn_str_release(&text);
}

static void drop_pair(struct pair *pair)
{
	free(pair->list.code);
	free(pair->tree.code);
}

/* Every constant of both programs is a place where an answer may change. */
static size_t find_constants(const struct pair *pair, uint32_t *constants, size_t room)
{
	size_t count = 0;
	for (size_t i = 0; i < pair->list.count && count + 3 < room; i++) {
		if (BPF_CLASS(pair->list.code[i].code) != BPF_JMP || pair->list.code[i].code == (BPF_JMP | BPF_JA))
			continue;
		constants[count++] = pair->list.code[i].k;
		constants[count++] = pair->list.code[i].k - 1;
		constants[count++] = pair->list.code[i].k + 1;
	}
	return count;
}

static void compare(const struct pair *pair, const struct seccomp_data *data)
{
	uint32_t expected = execute(&pair->list, data);
	uint32_t found = execute(&pair->tree, data);
	if (expected == BROKEN || expected != found)
		fail_msg("arch %x number %d (arguments %llx %llx %llx): the list says %x, the tree %x", data->arch, data->nr,
			 (unsigned long long)data->args[0], (unsigned long long)data->args[1], (unsigned long long)data->args[2],
			 expected, found);
}

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static const uint32_t arches[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, AUDIT_ARCH_S390X, 0, 1,
				   UINT32_MAX };
#define ARCHES (sizeof(arches) / sizeof(arches[0]))

static void compare_everywhere(const struct pair *pair)
{
	static uint32_t constants[3 * BPF_MAXINSNS];
	size_t count = find_constants(pair, constants, sizeof(constants) / sizeof(constants[0]));
	struct seccomp_data data = { .nr = 0 };
	for (size_t arch = 0; arch < ARCHES; arch++) {
		data.arch = arches[arch];
		memset(data.args, 0, sizeof(data.args));
		for (uint32_t i = 0; i <= 700; i++) {
			for (int round = 0; round < 8; round++) {
				data.nr = (int)i;
				compare(pair, &data);
				data.nr = (int)(i | 0x40000000u); /* x32 */
				compare(pair, &data);
				for (int arg = 0; arg < 6 && count > 0; arg++)
					data.args[arg] = (uint64_t)constants[draw((uint32_t)count)] |
							 (draw(3) == 0 ? (uint64_t)constants[draw((uint32_t)count)] << 32 : 0);
			}
		}
		for (size_t i = 0; i < count; i++) {
			data.nr = (int)constants[i];
			compare(pair, &data);
		}
	}
}

/* What the kernel asks of a program: jumps stay inside, and the last instruction answers. */
static void check_form(const struct bsn_seccomp_filter *filter)
{
	assert_in_range(filter->count, 1, BPF_MAXINSNS);
	for (size_t i = 0; i < filter->count; i++) {
		const struct sock_filter *at = &filter->code[i];
		if (at->code == (BPF_JMP | BPF_JA))
			assert_true(i + 1 + at->k < filter->count);
		else if (BPF_CLASS(at->code) == BPF_JMP)
			assert_true(i + 1 + at->jt < filter->count && i + 1 + at->jf < filter->count);
	}
	assert_int_equal(BPF_CLASS(filter->code[filter->count - 1].code), BPF_RET);
}

static void both(const char *profile, size_t at_most)
{
	struct pair pair;
	make_pair(profile, &pair);
	check_form(&pair.tree);
	if (pair.tree.count > at_most)
		fail_msg("the tree has %zu instructions, the list %zu", pair.tree.count, pair.list.count);
	compare_everywhere(&pair);
	drop_pair(&pair);
}

#define ALL_ARCHES                                                                                                               \
	"\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\",\"SCMP_ARCH_AARCH64\",\"SCMP_ARCH_ARM\"]"

static void small_profiles_are_the_same(void **state)
{
	(void)state;
	both("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", 64);
	both("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":6,\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_"
	     "ACT_ALLOW\"}]}",
	     64);
	both("{\"defaultAction\":\"SCMP_ACT_ALLOW\"," ALL_ARCHES
	     ",\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
	     128);
	both("{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ALL_ARCHES ",\"syscalls\":[{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_"
	     "ALLOW\",\"args\":[{\"index\":0,\"value\":2114060288,\"op\":"
	     "\"SCMP_CMP_MASKED_EQ\"}]},{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":"
	     "40,\"op\":"
	     "\"SCMP_CMP_NE\"}]},{\"names\":[\"dup3\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":2,\"op\":"
	     "\"SCMP_CMP_GT\"}]},{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":0,"
	     "\"op\":"
	     "\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":4294967295,\"op\":\"SCMP_CMP_EQ\"}]}]}",
	     256);
}

static const char *const names[] = {
	"accept",       "accept4",        "access",        "alarm",        "bind",
	"brk",          "capget",         "capset",        "chdir",        "chmod",
	"chown",        "clock_getres",   "clock_gettime", "clone",        "close",
	"connect",      "creat",          "dup",           "dup2",         "dup3",
	"epoll_create", "epoll_ctl",      "epoll_pwait",   "epoll_wait",   "eventfd",
	"eventfd2",     "execve",         "execveat",      "exit",         "exit_group",
	"faccessat",    "fadvise64",      "fallocate",     "fchdir",       "fchmod",
	"fchmodat",     "fchown",         "fchownat",      "fcntl",        "fdatasync",
	"fgetxattr",    "flock",          "fork",          "fstat",        "fstatfs",
	"fsync",        "ftruncate",      "futex",         "getcpu",       "getcwd",
	"getdents",     "getdents64",     "getegid",       "geteuid",      "getgid",
	"getpid",       "getrandom",      "getsockopt",    "gettid",       "getuid",
	"inotify_init", "io_setup",       "ioctl",         "keyctl",       "kill",
	"lchown",       "link",           "linkat",        "listen",       "lseek",
	"lstat",        "madvise",        "mbind",         "memfd_create", "mincore",
	"mkdir",        "mkdirat",        "mknod",         "mlock",        "mmap",
	"mount",        "mprotect",       "mremap",        "msgget",       "munmap",
	"nanosleep",    "newfstatat",     "open",          "openat",       "openat2",
	"pause",        "personality",    "pipe",          "pipe2",        "poll",
	"ppoll",        "prctl",          "pread64",       "prlimit64",    "process_vm_readv",
	"ptrace",       "pwrite64",       "read",          "readlink",     "reboot",
	"recvfrom",     "recvmsg",        "rename",        "renameat2",    "rmdir",
	"rt_sigaction", "rt_sigreturn",   "sched_yield",   "seccomp",      "select",
	"semget",       "sendfile",       "sendmsg",       "setgid",       "setns",
	"setpgid",      "setsid",         "setuid",        "shmat",        "socket",
	"socketpair",   "splice",         "stat",          "statfs",       "statx",
	"symlink",      "sync",           "sysinfo",       "tee",          "tgkill",
	"time",         "timerfd_create", "truncate",      "umask",        "umount2",
	"uname",        "unlink",         "unlinkat",      "unshare",      "utime",
	"utimensat",    "vfork",          "vmsplice",      "wait4",        "waitid",
	"write",        "writev",
};
#define NAMES ((uint32_t)(sizeof(names) / sizeof(names[0])))

static const char *const actions[] = {
	"\"SCMP_ACT_ALLOW\"", "\"SCMP_ACT_ERRNO\",\"errnoRet\":13", "\"SCMP_ACT_KILL_PROCESS\"", "\"SCMP_ACT_LOG\"",
	"\"SCMP_ACT_TRAP\"",  "\"SCMP_ACT_TRACE\",\"errnoRet\":7",  "\"SCMP_ACT_ERRNO\"",
};
static const char *const comparisons[] = { "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ" };
static const char *const values[] = { "0",     "1",          "2",          "255",        "3840",
				      "65536", "2114060288", "4294967295", "4294967296", "68719476735" };

static void add_args(struct bsn_str *text)
{
	uint32_t count = 1 + draw(3);
	bsn_str_add(text, ",\"args\":[");
	for (uint32_t i = 0; i < count; i++)
		bsn_str_addf(text, "%s{\"index\":%u,\"op\":\"SCMP_CMP_%s\",\"value\":%s,\"valueTwo\":%s}", i > 0 ? "," : "",
			     draw(4), comparisons[draw(7)], values[draw(10)], values[draw(10)]);
	bsn_str_add(text, "]");
}

/* A call has rules with arguments or one without: libseccomp refuses contradictions, and so would a person. */
static void random_profile(struct bsn_str *text)
{
	uint32_t share = 1 + draw(10);
	uint32_t rules = 0;
	bsn_str_addf(text, "{\"defaultAction\":%s,",
		     draw(3) == 0 ? "\"SCMP_ACT_ALLOW\"" : "\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1");
	if (draw(3) != 0)
		bsn_str_add(text, ALL_ARCHES ",");
	bsn_str_add(text, "\"syscalls\":[");
	for (uint32_t i = 0; i < NAMES; i++) {
		if (draw(10) >= share)
			continue;
		const char *action = actions[draw(4) == 0 ? draw(7) : 0];
		uint32_t with_args = draw(4) == 0 ? 1 + draw(3) : 0;
		for (uint32_t rule = 0; rule < (with_args > 0 ? with_args : 1); rule++) {
			bsn_str_addf(text, "%s{\"names\":[\"%s\"],\"action\":%s", rules++ > 0 ? "," : "", names[i], action);
			if (with_args > 0)
				add_args(text);
			bsn_str_add(text, "}");
		}
	}
	bsn_str_add(text, "]}");
}

static void random_profiles_are_the_same(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 24; round++) {
		struct bsn_str text = { 0 };
		seed = 12345 + round;
		random_profile(&text);
		both(bsn_str_text(&text), BPF_MAXINSNS);
		bsn_str_release(&text);
	}
}

static void a_long_list_becomes_short(void **state)
{
	(void)state;
	struct pair pair;
	struct bsn_str text = { 0 };
	bsn_str_add(&text, "{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ALL_ARCHES
			   ",\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[");
	for (uint32_t i = 0; i < NAMES; i++)
		bsn_str_addf(&text, "%s\"%s\"", i > 0 ? "," : "", names[i]);
	bsn_str_add(&text, "]}]}");
	make_pair(bsn_str_text(&text), &pair);
	check_form(&pair.tree);
	compare_everywhere(&pair);
	assert_true(pair.tree.count < pair.list.count);
	drop_pair(&pair);
	bsn_str_release(&text);
}

/* Programs that libseccomp does not write. */
static void what_is_not_understood_stays(void **state)
{
	(void)state;
	const struct sock_filter bits[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
	};
	const struct sock_filter scratch[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_STMT(BPF_ST, 0),
		BPF_STMT(BPF_LD | BPF_MEM, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
	};
	struct bsn_seccomp_filter filter = { .code = (struct sock_filter *)(uintptr_t)bits, .count = 4 };
	bsn_seccomp_make_tree(&filter);
	assert_ptr_equal(filter.code, bits);
	filter = (struct bsn_seccomp_filter){ .code = (struct sock_filter *)(uintptr_t)scratch, .count = 6 };
	bsn_seccomp_make_tree(&filter);
	assert_ptr_equal(filter.code, scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_profiles_are_the_same),
		cmocka_unit_test(random_profiles_are_the_same),
		cmocka_unit_test(a_long_list_becomes_short),
		cmocka_unit_test(what_is_not_understood_stays),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
