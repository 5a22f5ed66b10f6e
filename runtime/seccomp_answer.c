/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter answers: the kernel's instructions, as far as filters of system calls use them, carried out here. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include "runtime/seccomp.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#define OUR_ARCH 0 /* no filter knows it */
#endif

static int load(const struct seccomp_data *data, uint32_t at, uint32_t *ret_value)
{
	if (at % sizeof(*ret_value) != 0 || at > sizeof(*data) - sizeof(*ret_value))
		return -EINVAL;
	memcpy(ret_value, (const char *)data + at, sizeof(*ret_value));
	return 0;
}

/* How many instructions a jump leaves out. */
static int skip(const struct sock_filter *at, uint32_t value, size_t *ret_count)
{
	bool yes = false;
	switch (at->code) {
	case BPF_JMP | BPF_JA:
		*ret_count = at->k;
		return 0;
	case BPF_JMP | BPF_JEQ | BPF_K:
		yes = value == at->k;
		break;
	case BPF_JMP | BPF_JGT | BPF_K:
		yes = value > at->k;
		break;
	case BPF_JMP | BPF_JGE | BPF_K:
		yes = value >= at->k;
		break;
	case BPF_JMP | BPF_JSET | BPF_K:
		yes = (value & at->k) != 0;
		break;
	default:
		return -EINVAL;
	}
	*ret_count = yes ? at->jt : at->jf;
	return 0;
}

int bsn_seccomp_answer(const struct bsn_seccomp_filter *filter, const struct seccomp_data *data, uint32_t *ret_answer)
{
	uint32_t value = 0;
	for (size_t pc = 0; pc < filter->count; pc++) {
		const struct sock_filter *at = &filter->code[pc];
		size_t count = 0;
		int r = 0;
		if (at->code == (BPF_RET | BPF_K)) {
			*ret_answer = at->k;
			return 0;
		}
		if (at->code == (BPF_LD | BPF_W | BPF_ABS))
			r = load(data, at->k, &value);
		else if (at->code == (BPF_ALU | BPF_AND | BPF_K))
			value &= at->k;
		else
			r = skip(at, value, &count);
		if (r < 0)
			return r;
		pc += count;
	}
	return -EINVAL;
}

bool bsn_seccomp_allows(const struct bsn_seccomp_filter *filter, const struct bsn_call *call)
{
	struct seccomp_data data = { .nr = call->number, .arch = OUR_ARCH };
	uint32_t answer;
	for (size_t i = 0; i < sizeof(call->args) / sizeof(call->args[0]); i++)
		data.args[i] = call->args[i];
	if (bsn_seccomp_answer(filter, &data, &answer) < 0)
		return false;
	answer &= SECCOMP_RET_ACTION_FULL;
	return answer == SECCOMP_RET_ALLOW || answer == SECCOMP_RET_LOG;
}
