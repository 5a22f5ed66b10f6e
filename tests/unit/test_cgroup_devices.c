/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device filter, run here by an interpreter of the few instructions that it is made of, against OCI's meaning of ordered rules;
 * and, where this is root on a host with cgroup2, put on a real cgroup.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool/cgroup.h"

#define R   BSN_DEVICE_READ
#define W   BSN_DEVICE_WRITE
#define M   BSN_DEVICE_MKNOD
#define ANY BSN_DEVICE_ANY

/* Runs the program; fails the test where it leaves its end or uses something else than it should. */
static int run(const struct bpf_insn *insns, size_t count, char type, unsigned int access, uint32_t major, uint32_t minor)
{
	unsigned int kernel = ((access & M) ? 1U : 0) | ((access & R) ? 2U : 0) | ((access & W) ? 4U : 0);
	const uint32_t context[3] = { (kernel << 16) | (type == 'b' ? 1U : 2U), major, minor };
	uint64_t reg[11] = { 0 };
	for (size_t at = 0; at < count; at++) {
		const struct bpf_insn *i = &insns[at];
		uint64_t from = BPF_SRC(i->code) == BPF_X ? reg[i->src_reg] : (uint64_t)(int64_t)i->imm;
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(i->src_reg, 1);
			assert_true(i->off % 4 == 0 && i->off < 12);
			reg[i->dst_reg] = context[i->off / 4];
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			reg[i->dst_reg] = (uint32_t)from;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			reg[i->dst_reg] = from;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			reg[i->dst_reg] = (uint32_t)reg[i->dst_reg] >> (uint32_t)from;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			reg[i->dst_reg] = (uint32_t)reg[i->dst_reg] & (uint32_t)from;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			reg[i->dst_reg] = from;
			break;
		case BPF_ALU64 | BPF_LSH | BPF_K:
			reg[i->dst_reg] <<= from;
			break;
		case BPF_ALU64 | BPF_OR | BPF_X:
			reg[i->dst_reg] |= from;
			break;
		case BPF_ALU64 | BPF_AND | BPF_X:
			reg[i->dst_reg] &= from;
			break;
		case BPF_ALU64 | BPF_XOR | BPF_X:
			reg[i->dst_reg] ^= from;
			break;
		case BPF_LD | BPF_DW | BPF_IMM:
			reg[i->dst_reg] = (uint32_t)i->imm | (uint64_t)(uint32_t)insns[at + 1].imm << 32;
			at++;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			at += reg[i->dst_reg] != from ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += reg[i->dst_reg] == from ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)reg[0];
		default:
			fail_msg("instruction %#x is not expected", i->code);
		}
	}
	fail_msg("the program runs past its end");
	return -1;
}

static int decide(const struct bsn_device_rule *rules, size_t count, char type, unsigned int access, uint32_t major,
		  uint32_t minor)
{
	auto_free struct bpf_insn *insns = NULL;
	size_t insn_count = 0;
	assert_int_equal(bsn_cgroup_devices_build(rules, count, &insns, &insn_count, NULL), 0);
	return insn_count == 0 ? 1 : run(insns, insn_count, type, access, major, minor);
}

#define DECIDE(rules, ...) decide(rules, sizeof(rules) / sizeof((rules)[0]), __VA_ARGS__)

static void nothing_is_denied(void **state)
{
	(void)state;
	assert_int_equal(decide(NULL, 0, 'c', R, 1, 3), 0);
}

static void defaults(void **state)
{
	(void)state;
	size_t count = 0;
	const struct bsn_device_rule *rules = bsn_cgroup_default_devices(&count);
	assert_int_equal(decide(rules, count, 'c', R | W, 1, 3), 1);
	assert_int_equal(decide(rules, count, 'c', R | W, 136, 77), 1);
	assert_int_equal(decide(rules, count, 'c', R, 10, 229), 0);
	assert_int_equal(decide(rules, count, 'b', R, 8, 0), 0);
	assert_int_equal(decide(rules, count, 'b', M, 8, 0), 1);
	assert_int_equal(decide(rules, count, 'b', M | R, 8, 0), 0);
	assert_int_equal(decide(rules, count, 'b', R, 1, 3), 0);
}

static void later_rules_win(void **state)
{
	(void)state;
	const struct bsn_device_rule rules[] = {
		{ false, 'a', ANY, ANY, R | W | M },
		{ true, 'b', 8, ANY, R | W },
		{ false, 'b', 8, 1, W },
		{ true, 'b', 8, 17, M },
	};
	assert_int_equal(DECIDE(rules, 'b', R | W, 8, 0), 1);
	assert_int_equal(DECIDE(rules, 'b', R, 8, 1), 1);
	assert_int_equal(DECIDE(rules, 'b', W, 8, 1), 0);
	assert_int_equal(DECIDE(rules, 'b', R | W, 8, 1), 0);
	assert_int_equal(DECIDE(rules, 'b', R | W | M, 8, 17), 1);
	assert_int_equal(DECIDE(rules, 'b', M, 8, 16), 0);
	assert_int_equal(DECIDE(rules, 'c', R, 8, 0), 0);
}

static void accesses_add_up_over_rules(void **state)
{
	(void)state;
	const struct bsn_device_rule rules[] = { { true, 'c', 1, 1, R }, { true, 'c', ANY, 1, W } };
	assert_int_equal(DECIDE(rules, 'c', R | W, 1, 1), 1);
	assert_int_equal(DECIDE(rules, 'c', R | W, 2, 1), 0);
	assert_int_equal(DECIDE(rules, 'c', W, 2, 1), 1);
}

static void everything(void **state)
{
	(void)state;
	auto_free struct bpf_insn *insns = NULL;
	size_t count = 0;
	const struct bsn_device_rule all[] = { { false, 'c', 1, 3, R }, { true, 'a', 9, 9, 0 } };
	assert_int_equal(bsn_cgroup_devices_build(all, 2, &insns, &count, NULL), 0);
	assert_int_equal(count, 0);
	const struct bsn_device_rule but[] = { { true, 'a', ANY, ANY, 0 }, { false, 'c', 1, 3, R | W | M } };
	assert_int_equal(DECIDE(but, 'c', R, 1, 3), 0);
	assert_int_equal(DECIDE(but, 'c', R, 1, 4), 1);
	/* Numbers that no device has name nothing. */
	const struct bsn_device_rule huge[] = { { true, 'c', 4096, 0, R }, { true, 'c', 0, 1 << 20, R } };
	assert_int_equal(DECIDE(huge, 'c', R, 0, 0), 0);
	assert_int_equal(DECIDE(huge, 'c', R, 1, 0), 0);
	const struct bsn_device_rule none[] = { { true, 'a', ANY, ANY, 0 }, { false, 'a', ANY, ANY, 0 } };
	assert_int_equal(DECIDE(none, 'c', R, 1, 3), 0);
}

static void bad_rules(void **state)
{
	(void)state;
	auto_free struct bpf_insn *insns = NULL;
	size_t count = 0;
	struct basin_error err;
	const struct bsn_device_rule bad[] = {
		{ true, 'x', 1, 1, R }, { true, 0, 1, 1, R }, { true, 'c', -2, 1, R }, { true, 'c', 1, 1LL << 40, R }
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(bsn_cgroup_devices_build(&bad[i], 1, &insns, &count, &err) < 0);
		assert_int_equal(err.code, BASIN_USAGE);
	}
	assert_true(bsn_cgroup_devices_build(bad, 100000, &insns, &count, &err) < 0);
}

static void every_rule_against_a_model(void **state)
{
	(void)state;
	/* The meaning said another way: each access by itself, the last rule that names it decides. */
	srand(7);
	for (int round = 0; round < 2000; round++) {
		struct bsn_device_rule rules[6];
		for (size_t i = 0; i < 6; i++)
			rules[i] = (struct bsn_device_rule){ rand() % 2, "abcc"[rand() % 4], rand() % 3 - 1, rand() % 3 - 1,
							     (unsigned int)(rand() % 8) };
		char type = "bc"[rand() % 2];
		uint32_t major = (uint32_t)(rand() % 2), minor = (uint32_t)(rand() % 2);
		unsigned int access = 1U + (unsigned int)(rand() % 7);
		int expected = 1;
		for (unsigned int bit = 1; bit <= 4; bit <<= 1) {
			bool allowed = false;
			for (size_t i = 0; i < 6; i++) {
				const struct bsn_device_rule *r = &rules[i];
				bool same = r->type == type && (r->major == ANY || r->major == (int64_t)major) &&
					    (r->minor == ANY || r->minor == (int64_t)minor) && (r->access & bit) != 0;
				if (r->type == 'a' || same)
					allowed = r->allow;
			}
			if ((access & bit) != 0 && !allowed)
				expected = 0;
		}
		assert_int_equal(DECIDE(rules, type, access, major, minor), expected);
	}
}

/* In a child in the cgroup: the errno of opening path, 0 when it opens. */
static int open_in(int cgroup, const char *path)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (bsn_cgroup_attach(cgroup, 0, NULL) < 0)
			_exit(255);
		_exit(open(path, O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

/* The program of the default rules is kept under a name: when it changes, so must BSN_CGROUP_DEVICES, and then the sum here. */
static void the_kept_program_has_its_name(void **state)
{
	(void)state;
	size_t count;
	size_t insn_count;
	struct bpf_insn *insns = NULL;
	uint64_t sum = 0xcbf29ce484222325u;
	const struct bsn_device_rule *rules = bsn_cgroup_default_devices(&count);
	assert_int_equal(bsn_cgroup_devices_build(rules, count, &insns, &insn_count, NULL), 0);
	const unsigned char *bytes = (const unsigned char *)insns;
	for (size_t i = 0; i < insn_count * sizeof(*insns); i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3u;
	free(insns);
	assert_string_equal(BSN_CGROUP_DEVICES, "devices-1");
	assert_int_equal(sum, 0xaee927b2fc257b34u);
}

static void on_a_real_cgroup(void **state)
{
	(void)state;
	struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	char path[64];
	snprintf(path, sizeof(path), "basin-test-devices-%d", (int)getpid());
	int fd = -1;
	if (geteuid() != 0 || bsn_cgroup_tree_open("basin", &tree, NULL) < 0 ||
	    bsn_cgroup_create(&tree, path, NULL, &fd, NULL) < 0) {
		bsn_cgroup_tree_close(&tree);
		skip();
	}
	struct basin_error err = { 0 };
	const struct bsn_device_rule null_only[] = { { true, 'c', 1, 3, R | W } };
	const struct bsn_device_rule zero_only[] = { { true, 'c', 1, 5, R | W } };
	const struct bsn_device_rule all[] = { { true, 'a', ANY, ANY, 0 } };
	int r = bsn_cgroup_devices_attach(fd, null_only, 1, &err);
	int results[6] = { open_in(fd, "/dev/null"), open_in(fd, "/dev/zero") };
	int again = bsn_cgroup_devices_attach(fd, zero_only, 1, &err);
	results[2] = open_in(fd, "/dev/null");
	results[3] = open_in(fd, "/dev/zero");
	int lifted = bsn_cgroup_devices_attach(fd, all, 1, &err);
	results[4] = open_in(fd, "/dev/null");
	results[5] = open_in(fd, "/dev/zero");
	close(fd);
	int removed = bsn_cgroup_destroy(&tree, path, &err);
	bsn_cgroup_tree_close(&tree);
	assert_string_equal(err.text, "");
	assert_int_equal(r | again | lifted | removed, 0);
	const int expected[6] = { 0, EPERM, EPERM, 0, 0, 0 };
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(results[i], expected[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_denied),
		cmocka_unit_test(defaults),
		cmocka_unit_test(later_rules_win),
		cmocka_unit_test(accesses_add_up_over_rules),
		cmocka_unit_test(everything),
		cmocka_unit_test(bad_rules),
		cmocka_unit_test(every_rule_against_a_model),
		cmocka_unit_test(the_kept_program_has_its_name),
		cmocka_unit_test(on_a_real_cgroup),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
