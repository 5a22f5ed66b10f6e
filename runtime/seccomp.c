/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling, with libseccomp. The cache is in runtime/seccomp_cache.c, the prologue for unknown system calls in seccomp_enosys.c. */
#include "runtime/seccomp.h"

#include <ctype.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/seccomp_parts.h"

static void release_context(scmp_filter_ctx *context)
{
	if (*context != NULL)
		seccomp_release(*context);
}

int bsn_seccomp_arch(const char *name, uint32_t *ret_arch)
{
	char lower[32];
	size_t i = 0;
	for (name += strlen("SCMP_ARCH_"); *name != '\0' && i < sizeof(lower) - 1; name++)
		lower[i++] = (char)tolower((unsigned char)*name);
	lower[i] = '\0';
	*ret_arch = seccomp_arch_resolve_name(lower);
	return *ret_arch == 0 ? -EINVAL : 0;
}

static int add_architectures(scmp_filter_ctx context, const struct bsn_seccomp_config *seccomp, struct basin_error *err)
{
	for (size_t i = 0; i < seccomp->architectures.count; i++) {
		uint32_t arch;
		int r = bsn_seccomp_arch(seccomp->architectures.of[i], &arch);
		if (r >= 0)
			r = seccomp_arch_add(context, arch);
		if (r < 0 && r != -EEXIST)
			return bsn_fail(err, BASIN_UNSUPPORTED, -r,
					"linux.seccomp.architectures[%zu]: libseccomp %s cannot filter \"%s\"", i,
					bsn_seccomp_version(), seccomp->architectures.of[i]);
	}
	return 0;
}

static enum scmp_compare comparison(const char *op)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} table[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE },
		{ "SCMP_CMP_LT", SCMP_CMP_LT },
		{ "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_GE", SCMP_CMP_GE },
		{ "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (bsn_streq(table[i].name, op))
			return table[i].op;
	return _SCMP_CMP_MIN; /* the parser lets no other name through; libseccomp refuses this one */
}

/*
 * One rule for one call. libseccomp takes each argument once per rule, all of them having to match; a profile that names an argument
 * twice means either, as runc reads it.
 */
static int add_call(scmp_filter_ctx context, const struct bsn_seccomp_rule *rule, int call)
{
	struct scmp_arg_cmp compare[6];
	bool twice = rule->arg_count > 6;
	unsigned int seen = 0;
	for (size_t i = 0; i < rule->arg_count; i++) {
		twice = twice || (seen & (1U << rule->args[i].index)) != 0;
		seen |= 1U << rule->args[i].index;
	}
	for (size_t i = 0; i < rule->arg_count; i++) {
		const struct bsn_seccomp_arg *arg = &rule->args[i];
		struct scmp_arg_cmp one = { arg->index, comparison(arg->op), arg->value, arg->value_two };
		if (!twice) {
			compare[i] = one;
			continue;
		}
		int r = seccomp_rule_add_array(context, rule->action, call, 1, &one);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return twice ? 0 : seccomp_rule_add_array(context, rule->action, call, (unsigned int)rule->arg_count, compare);
}

static int add_rule(scmp_filter_ctx context, const struct bsn_seccomp_config *seccomp, size_t index, struct basin_error *err)
{
	const struct bsn_seccomp_rule *rule = &seccomp->rules[index];
	/* What happens anyway needs no rule, and libseccomp refuses it. */
	if (rule->action == seccomp->default_action)
		return 0;
	for (size_t i = 0; i < rule->names.count; i++) {
		int call = seccomp_syscall_resolve_name(rule->names.of[i]);
		if (call == __NR_SCMP_ERROR) {
			if (seccomp->unknown_is_error)
				return bsn_fail(err, BASIN_USAGE, EINVAL,
						"linux.seccomp.syscalls[%zu].names[%zu]: \"%s\" is not a system call known here",
						index, i, rule->names.of[i]);
			bsn_debug("linux.seccomp.syscalls[%zu].names[%zu]: \"%s\" is not a system call known here; left out",
				  index, i, rule->names.of[i]);
			continue;
		}
		int r = add_call(context, rule, call);
		if (r < 0 && r != -EEXIST)
			return bsn_fail_sys(err, -r,
					    "linux.seccomp.syscalls[%zu]: libseccomp %s does not take the rule for \"%s\"", index,
					    bsn_seccomp_version(), rule->names.of[i]);
	}
	return 0;
}

/* libseccomp 2.5 writes a program to a descriptor only. */
static int export_code(scmp_filter_ctx context, char **ret_code, size_t *ret_length, struct basin_error *err)
{
	auto_fd int fd = bsn_sys_memfd("seccomp", 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot make a memory file for the seccomp filter");
	int r = seccomp_export_bpf(context, fd);
	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r >= 0)
		r = bsn_read_fd(fd, BPF_MAXINSNS * sizeof(struct sock_filter), ret_code, ret_length);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot export the seccomp filter") : 0;
}

int bsn_seccomp_make_list(const struct bsn_seccomp_config *seccomp, struct bsn_seccomp_filter *filter, struct basin_error *err)
{
	auto_free char *code = NULL;
	size_t length = 0;
	__attribute__((cleanup(release_context))) scmp_filter_ctx context = seccomp_init(seccomp->default_action);
	if (context == NULL)
		return bsn_fail(err, BASIN_UNSUPPORTED, EINVAL, "linux.seccomp.defaultAction: libseccomp %s does not take it",
				bsn_seccomp_version());
	int r = add_architectures(context, seccomp, err);
	for (size_t i = 0; r >= 0 && i < seccomp->rule_count; i++)
		r = add_rule(context, seccomp, i, err);
	if (r >= 0)
		r = export_code(context, &code, &length, err);
	if (r < 0)
		return r;
	return bsn_seccomp_join_enosys(seccomp, (const struct sock_filter *)(const void *)code,
				       length / sizeof(struct sock_filter), filter, err);
}

/* From Linux 5.19; older headers lack it. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/*
 * TSYNC is about the other threads of a process, and the one that loads the filter has none. WAIT_KILLABLE_RECV is about a listener, and
 * without one the kernel refuses it.
 */
static unsigned int load_flags(const struct bsn_seccomp_config *seccomp, bool listener)
{
	unsigned int flags = seccomp->flags & ~(unsigned int)SECCOMP_FILTER_FLAG_TSYNC;
	return listener ? flags | SECCOMP_FILTER_FLAG_NEW_LISTENER
			: flags & ~(unsigned int)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
}

/* The program that an annotation carries is taken as it is: the kernel checks it. */
static int copy_program(const struct bsn_seccomp_config *seccomp, struct bsn_seccomp_filter *filter, struct basin_error *err)
{
	filter->code = malloc(seccomp->program_size);
	if (filter->code == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot keep the seccomp filter");
	memcpy(filter->code, seccomp->program, seccomp->program_size);
	filter->count = seccomp->program_size / sizeof(*filter->code);
	return 0;
}

int bsn_seccomp_compile(const struct bsn_seccomp_config *seccomp, int cache_dir, bool listener,
			struct bsn_seccomp_filter **ret_filter, struct basin_error *err)
{
	auto_of(bsn_seccomp_filter_free) struct bsn_seccomp_filter *filter = calloc(1, sizeof(*filter));
	if (filter == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot keep the seccomp filter");
	if (seccomp->program != NULL) {
		int r = copy_program(seccomp, filter, err);
		if (r < 0)
			return r;
	} else if (cache_dir >= 0 && bsn_seccomp_cache_get(cache_dir, seccomp->source, filter) >= 0) {
		filter->from_cache = true;
	} else {
		int r = bsn_seccomp_make_list(seccomp, filter, err);
		if (r < 0)
			return r;
		bsn_seccomp_make_tree(filter);
		if (cache_dir >= 0)
			r = bsn_seccomp_cache_put(cache_dir, seccomp->source, filter);
		if (r < 0)
			bsn_debug("cannot keep the compiled seccomp filter: %s", strerror(-r));
	}
	filter->flags = load_flags(seccomp, listener);
	filter->listener = listener;
	bsn_debug("seccomp filter flags: %u", filter->flags);
	*ret_filter = bsn_give(&filter);
	return 0;
}

void bsn_seccomp_filter_free(struct bsn_seccomp_filter *filter)
{
	if (filter == NULL)
		return;
	free(filter->code);
	free(filter);
}

const char *bsn_seccomp_version(void)
{
	static char text[32];
	const struct scmp_version *version = seccomp_version();
	snprintf(text, sizeof(text), "%u.%u.%u", version->major, version->minor, version->micro);
	return text;
}
