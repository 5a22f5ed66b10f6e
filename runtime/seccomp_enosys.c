/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prologue. For each architecture of the profile:
 *
 *     is it this architecture? else the next
 *     load the number
 *     is it above the highest that the profile names? then ENOSYS
 *     go on with the filter
 *
 * x86-64 and x32 are one architecture to the kernel; bit 30 of the number tells them apart.
 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/seccomp_parts.h"

#define X32_BIT    0x40000000U
#define GROUP      8 /* instructions per architecture, at most */
#define MAX_ARCHES 16

struct arches {
	struct {
		uint32_t token;
		uint32_t highest; /* UINT32_MAX: the profile names no call of it */
	} of[MAX_ARCHES];
	size_t count;
};

static void add_arch(struct arches *arches, uint32_t token)
{
	for (size_t i = 0; i < arches->count; i++)
		if (arches->of[i].token == token)
			return;
	if (arches->count == MAX_ARCHES)
		return;
	arches->of[arches->count].token = token;
	arches->of[arches->count++].highest = UINT32_MAX;
}

static void find_highest(const struct bsn_seccomp_config *seccomp, uint32_t token, uint32_t *highest)
{
	for (size_t i = 0; i < seccomp->rule_count; i++) {
		const struct bsn_seccomp_rule *rule = &seccomp->rules[i];
		for (size_t j = 0; j < rule->names.count; j++) {
			int call = seccomp_syscall_resolve_name_arch(token, rule->names.of[j]);
			/* Number 0 alone is not enough to tell how old the profile is; runc does not count it either. */
			if (call > 0 && (*highest == UINT32_MAX || (uint32_t)call > *highest))
				*highest = (uint32_t)call;
		}
	}
}

static size_t emit_plain(struct sock_filter *at, uint32_t arch, uint32_t highest)
{
	const struct sock_filter group[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, highest, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_JMP | BPF_JA, 0), /* to the filter; filled in at the end */
	};
	memcpy(at, group, sizeof(group));
	return sizeof(group) / sizeof(group[0]);
}

/* Where the profile has nothing of x32, its calls are left to the filter: no number is above UINT32_MAX. */
static size_t emit_x86_64(struct sock_filter *at, uint32_t highest, uint32_t highest_x32)
{
	const struct sock_filter group[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, highest, 2, 0),
		BPF_STMT(BPF_JMP | BPF_JA, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, highest_x32, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_JMP | BPF_JA, 0),
	};
	memcpy(at, group, sizeof(group));
	return sizeof(group) / sizeof(group[0]);
}

static size_t emit_prologue(const struct arches *arches, struct sock_filter *code)
{
	uint32_t x32 = UINT32_MAX;
	size_t count = 0;
	for (size_t i = 0; i < arches->count; i++)
		if (arches->of[i].token == SCMP_ARCH_X32)
			x32 = arches->of[i].highest;
	code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < arches->count; i++) {
		uint32_t highest = arches->of[i].highest;
		if (highest == UINT32_MAX || arches->of[i].token == SCMP_ARCH_X32)
			continue;
		if (arches->of[i].token == SCMP_ARCH_X86_64)
			count += emit_x86_64(code + count, highest, x32);
		else
			count += emit_plain(code + count, arches->of[i].token, highest);
	}
	for (size_t i = 0; i < count; i++)
		if (code[i].code == (BPF_JMP | BPF_JA))
			code[i].k = (uint32_t)(count - i - 1);
	return count;
}

/* A profile that allows, or hands to a tracer, what it does not name has no newer calls to speak of. */
static bool is_permissive(uint32_t action)
{
	uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
	return kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG || kind == SECCOMP_RET_TRACE;
}

int bsn_seccomp_join_enosys(const struct bsn_seccomp_config *seccomp, const struct sock_filter *code, size_t count,
			    struct bsn_seccomp_filter *filter, struct basin_error *err)
{
	struct sock_filter prologue[1 + GROUP * MAX_ARCHES];
	struct arches arches = { .count = 0 };
	size_t prologue_count = 0;
	add_arch(&arches, seccomp_arch_native());
	for (size_t i = 0; i < seccomp->architectures.count; i++) {
		uint32_t token;
		if (bsn_seccomp_arch(seccomp->architectures.of[i], &token) >= 0)
			add_arch(&arches, token);
	}
	if (!is_permissive(seccomp->default_action)) {
		for (size_t i = 0; i < arches.count; i++)
			find_highest(seccomp, arches.of[i].token, &arches.of[i].highest);
		prologue_count = emit_prologue(&arches, prologue);
	}
	if (prologue_count + count > BPF_MAXINSNS)
		return bsn_fail(err, BASIN_UNSUPPORTED, E2BIG,
				"linux.seccomp: the filter has %zu instructions, the kernel takes %d", prologue_count + count,
				BPF_MAXINSNS);
	filter->code = calloc(prologue_count + count + 1, sizeof(*filter->code));
	if (filter->code == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot keep the seccomp filter");
	memcpy(filter->code, prologue, prologue_count * sizeof(*prologue));
	memcpy(filter->code + prologue_count, code, count * sizeof(*code));
	filter->count = prologue_count + count;
	return 0;
}
