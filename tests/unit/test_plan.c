/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: from a config to the list of operations, without touching anything; and the list as the child will read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/plan.h"

#define PROCESS                                                                                                                  \
	"\"process\": {\"cwd\": \"/\", \"args\": [\"true\"], \"user\": {\"uid\": 0, \"gid\": 0}, \"env\": [\"PATH=/bin\"], "     \
	"\"noNewPrivileges\": true}"

struct made {
	struct bsn_config *config;
	struct bsn_plan *plan;
};

static void make(struct made *made, const char *json, bool wait)
{
	struct basin_error err = { 0 };
	int r = bsn_config_parse(json, strlen(json), 0, &made->config, &err);
	if (r < 0)
		fail_msg("%s", err.text);
	const struct bsn_plan_request request = {
		.config = made->config, .id = "id", .bundle = "/bundle", .wait_for_start = wait
	};
	r = bsn_plan_make(&request, &made->plan, &err);
	if (r < 0)
		fail_msg("%s", err.text);
}

static void drop(struct made *made)
{
	bsn_plan_free(made->plan);
	bsn_config_free(made->config);
}

/* The place of the nth operation of that kind, or -1. */
static int place(const struct bsn_plan *plan, enum bsn_op_code code, int nth)
{
	for (size_t i = 0; i < plan->list.count; i++)
		if (plan->list.ops[i].code == code && nth-- == 0)
			return (int)i;
	return -1;
}

static const char *text(const struct bsn_plan *plan, const struct bsn_op *op, int which)
{
	return op->text[which] == 0 ? NULL : plan->list.blob.data + op->text[which] - sizeof(struct bsn_list);
}

static void assert_order(const struct bsn_plan *plan, const enum bsn_op_code *codes, size_t count)
{
	int last = -1;
	for (size_t i = 0; i < count; i++) {
		int at = place(plan, codes[i], 0);
		if (at <= last)
			fail_msg("operation %d is at %d, which is not after %d", (int)codes[i], at, last);
		last = at;
	}
}

static void test_order(void **state)
{
	struct made made;
	(void)state;
	make(&made,
	     "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"rootfs\", \"readonly\": true}, \"hostname\": \"h\", " PROCESS
	     ", \"mounts\": [{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"}],"
	     " \"linux\": {\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"pid\"}, {\"type\": \"uts\"}, {\"type\": "
	     "\"network\"}, {\"type\": \"cgroup\"}],"
	     " \"maskedPaths\": [\"/proc/kcore\"], \"readonlyPaths\": [\"/proc/sys\"]}}",
	     true);
	static const enum bsn_op_code order[] = {
		BSN_OP_UNSHARE, BSN_OP_SESSION,      BSN_OP_LOOPBACK, BSN_OP_HOSTNAME, BSN_OP_PROPAGATE,
		BSN_OP_ROOT,    BSN_OP_MOUNT,        BSN_OP_DEVICE,   BSN_OP_SYMLINK,  BSN_OP_READ_ONLY,
		BSN_OP_MASK,    BSN_OP_REMOUNT,      BSN_OP_PIVOT,    BSN_OP_BOUNDING, BSN_OP_USER,
		BSN_OP_CAPS,    BSN_OP_NO_NEW_PRIVS, BSN_OP_LOOKUP,   BSN_OP_READY,    BSN_OP_EXEC,
	};
	assert_order(made.plan, order, sizeof(order) / sizeof(order[0]));
	assert_int_equal(made.plan->clone_flags, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNET);
	assert_false(made.plan->forks);
	assert_string_equal(made.plan->root_path, "/bundle/rootfs");
	/* proc is never mounted over a link. */
	assert_true(made.plan->list.ops[place(made.plan, BSN_OP_MOUNT, 0)].flags & BSN_OP_F_NO_FOLLOW);
	assert_true(made.plan->list.ops[place(made.plan, BSN_OP_READY, 0)].flags & BSN_OP_F_SOCKET);
	drop(&made);
}

static void test_run_does_not_wait(void **state)
{
	struct made made;
	(void)state;
	make(&made,
	     "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"/r\"}, " PROCESS
	     ", \"linux\": {\"namespaces\": [{\"type\": \"mount\"}]}}",
	     false);
	assert_int_equal(place(made.plan, BSN_OP_READY, 0), -1);
	assert_false(made.plan->ready);
	drop(&made);
}

static void test_joins(void **state)
{
	struct made made;
	(void)state;
	make(&made,
	     "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"/r\"}, " PROCESS
	     ", \"linux\": {\"namespaces\": [{\"type\": \"mount\"},"
	     " {\"type\": \"pid\"}, {\"type\": \"network\", \"path\": \"/n\"}, {\"type\": \"user\", \"path\": \"/u\"}]}}",
	     false);
	/* The host's namespace is tried before the user namespace is entered, and again after it. */
	assert_true(made.plan->forks);
	assert_int_equal(made.plan->clone_flags, 0);
	const struct bsn_op *first = &made.plan->list.ops[place(made.plan, BSN_OP_JOIN, 0)];
	const struct bsn_op *user = &made.plan->list.ops[place(made.plan, BSN_OP_JOIN, 1)];
	const struct bsn_op *again = &made.plan->list.ops[place(made.plan, BSN_OP_JOIN, 2)];
	assert_string_equal(text(made.plan, first, 0), "/n");
	assert_true(first->flags & BSN_OP_F_TRY);
	assert_int_equal(user->number[0], CLONE_NEWUSER);
	assert_string_equal(text(made.plan, again, 0), "/n");
	assert_false(again->flags & BSN_OP_F_TRY);
	assert_int_equal(first->fd, again->fd);
	const struct bsn_op *made_new = &made.plan->list.ops[place(made.plan, BSN_OP_FORK, 0)];
	assert_int_equal(made_new->number[0], CLONE_NEWNS | CLONE_NEWPID);
	/* Nothing of ours is needed any more where root of that namespace could be after it. */
	assert_true(place(made.plan, BSN_OP_WAIT_GO, 0) < place(made.plan, BSN_OP_JOIN, 0));
	drop(&made);
}

static void test_filter_without_no_new_privs(void **state)
{
	struct sock_filter code[1] = { { 0 } };
	const struct bsn_seccomp_filter filter = { .code = code, .count = 1 };
	struct made made = { NULL, NULL };
	struct basin_error err = { 0 };
	const char *json =
		"{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"/r\"}, \"process\": {\"cwd\": \"/\", \"args\": [\"true\"], "
		"\"user\": {\"uid\": 0, \"gid\": 0}},"
		" \"linux\": {\"namespaces\": [{\"type\": \"mount\"}], \"seccomp\": {\"defaultAction\": \"SCMP_ACT_ALLOW\"}}}";
	(void)state;
	assert_true(bsn_config_parse(json, strlen(json), 0, &made.config, &err) >= 0);
	const struct bsn_plan_request request = {
		.config = made.config, .id = "id", .bundle = "/b", .wait_for_start = true, .filter = &filter
	};
	assert_true(bsn_plan_make(&request, &made.plan, &err) >= 0);
	/* Loading takes a privilege that the payload will not have: it comes first, and the wait before it. */
	static const enum bsn_op_code order[] = { BSN_OP_READY, BSN_OP_SECCOMP, BSN_OP_USER, BSN_OP_CAPS, BSN_OP_EXEC };
	assert_order(made.plan, order, sizeof(order) / sizeof(order[0]));
	drop(&made);
}

static void make_exec(struct made *made, const char *more, const struct bsn_seccomp_filter *filter)
{
	char json[1024];
	struct basin_error err = { 0 };
	snprintf(json, sizeof(json),
		 "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"/r\"}, \"process\": {\"cwd\": \"/\", \"args\": [\"true\"], "
		 "\"user\": {\"uid\": 0, \"gid\": 0}, \"oomScoreAdj\": 5, \"terminal\": true, "
		 "\"rlimits\": [{\"type\": \"RLIMIT_NPROC\", \"soft\": 1, \"hard\": 1}]%s},"
		 " \"linux\": {\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"pid\"}]}}",
		 more);
	if (bsn_config_parse(json, strlen(json), 0, &made->config, &err) < 0)
		fail_msg("%s", err.text);
	const struct bsn_plan_exec request = {
		.config = made->config, .process = made->config, .id = "id", .filter = filter, .console_sent = true
	};
	assert_true(bsn_plan_make_exec(&request, &made->plan, &err) >= 0);
}

/* What comes before the fork cannot be taken over from inside the container. */
static void test_exec_forks_last(void **state)
{
	struct sock_filter allow[] = { { BPF_RET | BPF_K, 0, 0, 0x7fff0000 /* SECCOMP_RET_ALLOW */ } };
	struct sock_filter deny[] = { { BPF_RET | BPF_K, 0, 0, 0x00050001 /* EPERM */ } };
	const struct bsn_seccomp_filter lets = { .code = allow, .count = 1 };
	const struct bsn_seccomp_filter refuses = { .code = deny, .count = 1 };
	static const enum bsn_op_code last[] = { BSN_OP_JOIN_PROCESS, BSN_OP_CONSOLE, BSN_OP_RLIMIT, BSN_OP_BOUNDING,
						 BSN_OP_USER,         BSN_OP_CAPS,    BSN_OP_FORK,   BSN_OP_SESSION,
						 BSN_OP_CONTROL,      BSN_OP_EXEC };
	static const enum bsn_op_code first[] = { BSN_OP_JOIN_PROCESS, BSN_OP_FORK, BSN_OP_SESSION, BSN_OP_CONTROL,
						  BSN_OP_USER,         BSN_OP_CAPS, BSN_OP_EXEC };
	const struct {
		const char *more;
		const struct bsn_seccomp_filter *filter;
		bool last;
	} cases[] = {
		{ "", NULL, true },
		{ "", &lets, true },
		{ ", \"noNewPrivileges\": true", &refuses, true },
		{ "", &refuses, false },
		{ ", \"scheduler\": {\"policy\": \"SCHED_OTHER\"}", NULL, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made made = { NULL, NULL };
		make_exec(&made, cases[i].more, cases[i].filter);
		if (cases[i].last)
			assert_order(made.plan, last, sizeof(last) / sizeof(last[0]));
		else
			assert_order(made.plan, first, sizeof(first) / sizeof(first[0]));
		int closes_proc = place(made.plan, BSN_OP_PROC, 1);
		assert_true(closes_proc > 0 && closes_proc < place(made.plan, BSN_OP_USER, 0));
		assert_int_equal(made.plan->list.ops[closes_proc].fd, -1);
		/* A limit of processes does not count the joiner. */
		assert_int_equal(place(made.plan, BSN_OP_RLIMIT, 1) > place(made.plan, BSN_OP_FORK, 0), cases[i].last);
		drop(&made);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *linux_part;
		const char *says;
	} wrong[] = {
		{ "\"namespaces\": [], \"maskedPaths\": [\"/proc/kcore\"]", "mount namespace" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char json[1024];
		struct bsn_config *config = NULL;
		struct bsn_plan *plan = NULL;
		struct basin_error err = { 0 };
		snprintf(json, sizeof(json),
			 "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"/r\"}, " PROCESS ", \"linux\": {%s}}",
			 wrong[i].linux_part);
		int r = bsn_config_parse(json, strlen(json), 0, &config, &err);
		const struct bsn_plan_request request = { .config = config, .id = "id", .bundle = "/b" };
		if (r >= 0)
			r = bsn_plan_make(&request, &plan, &err);
		assert_true(r < 0);
		assert_non_null(strstr(err.text, wrong[i].says));
		bsn_config_free(config);
	}
}

/* The list as a file: the child checks the same things before it believes it. */
static void test_list(void **state)
{
	struct bsn_list_builder list;
	static const char *const words[] = { "one", "two" };
	const int handles[] = { 42 };
	struct basin_error err = { 0 };
	struct stat st;
	int fd = -1;
	(void)state;
	bsn_list_init(&list);
	uint32_t vector = bsn_list_vector(&list, words, 2);
	struct bsn_op *op = bsn_list_add_text(&list, BSN_OP_LOOKUP, "text");
	op->text[1] = vector;
	op->fd = 0;
	for (int i = 0; i < 300; i++)
		bsn_list_add_number(&list, BSN_OP_UMASK, (uint64_t)i);
	assert_int_equal(bsn_list_write(&list, (struct bsn_list){ .channel = 7 }, handles, 1, &fd, &err), 0);
	assert_int_equal(fstat(fd, &st), 0);
	char *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(base, MAP_FAILED);
	const struct bsn_list *header = (const struct bsn_list *)(void *)base;
	const struct bsn_op *ops = (const struct bsn_op *)(void *)(base + header->ops_at);
	assert_int_equal(header->magic, BSN_LIST_MAGIC);
	assert_int_equal(header->size, st.st_size);
	assert_int_equal(header->op_count, 301);
	assert_int_equal(header->ops_at % 8, 0);
	assert_int_equal(base[header->ops_at - 1], 0);
	assert_int_equal(ops[0].fd, 42);
	assert_int_equal(ops[1].fd, -1);
	assert_int_equal(ops[300].number[0], 299);
	assert_string_equal(base + ops[0].text[0], "text");
	const uint64_t *offsets = (const uint64_t *)(void *)(base + ops[0].text[1]);
	assert_string_equal(base + offsets[0], "one");
	assert_string_equal(base + offsets[1], "two");
	assert_int_equal(offsets[2], 0);
	munmap(base, (size_t)st.st_size);
	close(fd);
	bsn_list_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),           cmocka_unit_test(test_run_does_not_wait),
		cmocka_unit_test(test_joins),           cmocka_unit_test(test_filter_without_no_new_privs),
		cmocka_unit_test(test_refusals),        cmocka_unit_test(test_list),
		cmocka_unit_test(test_exec_forks_last),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
