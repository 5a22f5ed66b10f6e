/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json's linux.seccomp, checked; runtime/seccomp.c turns it into a program. Before the path, what is wrong with an action, an
 * operator or a flag begins with crun's words for it, by which callers tell these mistakes apart.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "base/str.h"
#include "runtime/config_parse.h"

/* From Linux 5.19; older headers lack it. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define SECCOMP       "linux.seccomp"
#define MAX_ERRNO     4095
#define DEFAULT_ERRNO 1 /* EPERM, config-linux.md */

static const struct bsn_config_word action_words[] = {
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO },
	{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE },
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
	{ "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF },
	{ NULL, 0 },
};

static const struct bsn_config_word flag_words[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
	{ NULL, 0 },
};

static const char *const architectures[] = {
	"SCMP_ARCH_X86",         "SCMP_ARCH_X86_64", "SCMP_ARCH_X32",       "SCMP_ARCH_ARM",     "SCMP_ARCH_AARCH64",
	"SCMP_ARCH_MIPS",        "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64",
	"SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",    "SCMP_ARCH_PPC64",     "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390",
	"SCMP_ARCH_S390X",       "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64",  "SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64",
	"SCMP_ARCH_M68K",        "SCMP_ARCH_SH",     "SCMP_ARCH_SHEB",
};

static const char *const operators[] = {
	"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
};

#define KNOWN(list, name) is_in((list), sizeof(list) / sizeof((list)[0]), (name))

static bool is_in(const char *const *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (bsn_streq(list[i], name))
			return true;
	return false;
}

/* An action with its errno: only ERRNO and TRACE carry one, and giving one to another is an error by the spec. */
static int parse_action(const json_t *json, const char *path, const char *key, const char *errno_key, uint32_t *ret,
			struct basin_error *err)
{
	uint64_t action = 0;
	int64_t number = DEFAULT_ERRNO;
	int r = bsn_config_word(json, path, key, action_words, &action, err);
	if (r < 0)
		return bsn_error_prefix(err, "seccomp get action");
	if (r == 0)
		return bsn_config_wrong(err, "%s.%s: must be given", path, key);
	bool traced = action == SECCOMP_RET_TRACE;
	r = bsn_json_get_int(json, path, errno_key, 0, traced ? SECCOMP_RET_DATA : MAX_ERRNO, &number, err);
	if (r < 0)
		return r;
	bool carries = traced || action == SECCOMP_RET_ERRNO;
	if (r > 0 && !carries)
		return bsn_config_wrong(err, "%s.%s: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE have one", path, errno_key);
	*ret = (uint32_t)action | (carries ? (uint32_t)number : 0);
	return 0;
}

static int parse_arg(const json_t *json, const char *path, struct bsn_seccomp_arg *arg, struct basin_error *err)
{
	int64_t index = -1;
	int r = bsn_json_get_int(json, path, "index", 0, 5, &index, err);
	if (r == 0)
		r = bsn_config_wrong(err, "%s.index: must be given", path);
	if (r >= 0)
		r = bsn_config_required(json, path, "op", &arg->op, err);
	if (r >= 0 && !KNOWN(operators, arg->op))
		r = bsn_config_wrong(err, "seccomp get operator: %s.op: \"%s\" is not known", path, arg->op);
	if (r >= 0)
		r = bsn_json_get_u64(json, path, "value", &arg->value, err);
	if (r == 0)
		r = bsn_config_wrong(err, "%s.value: must be given", path);
	if (r >= 0)
		r = bsn_json_get_u64(json, path, "valueTwo", &arg->value_two, err);
	arg->index = (unsigned int)index;
	return r;
}

static int parse_args(struct bsn_config *config, const json_t *json, const char *path, struct bsn_seccomp_rule *rule,
		      struct basin_error *err)
{
	json_t *array = NULL;
	char at[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_config_array(config, json, path, "args", sizeof(*rule->args), &array, &rule->args, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		r = bsn_config_element(array, i, path, "args", at, &element, err);
		if (r >= 0)
			r = parse_arg(element, at, &rule->args[i], err);
	}
	rule->arg_count = json_array_size(array);
	return r;
}

static int parse_rule(struct bsn_config *config, const json_t *json, const char *path, struct bsn_seccomp_rule *rule,
		      struct basin_error *err)
{
	int r = bsn_config_strings(config, json, path, "names", &rule->names, err);
	if (r >= 0 && rule->names.count == 0)
		r = bsn_config_wrong(err, "%s.names: must have at least one element", path);
	if (r >= 0)
		r = parse_action(json, path, "action", "errnoRet", &rule->action, err);
	if (r >= 0)
		r = parse_args(config, json, path, rule, err);
	if (r < 0)
		return r;
	if (rule->action != SECCOMP_RET_USER_NOTIF)
		return 0;
	/* The number of the listener's descriptor has to be written, before anybody could answer. */
	for (size_t i = 0; i < rule->names.count; i++)
		if (bsn_streq(rule->names.of[i], "write"))
			return bsn_config_wrong(err, "%s.action: SCMP_ACT_NOTIFY cannot be used for the write syscall", path);
	config->seccomp.notify = true;
	return 0;
}

static int parse_rules(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	struct bsn_seccomp_config *seccomp = &config->seccomp;
	json_t *array = NULL;
	char path[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_config_array(config, json, SECCOMP, "syscalls", sizeof(*seccomp->rules), &array, &seccomp->rules, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		r = bsn_config_element(array, i, SECCOMP, "syscalls", path, &element, err);
		if (r >= 0)
			r = parse_rule(config, element, path, &seccomp->rules[i], err);
	}
	seccomp->rule_count = json_array_size(array);
	return r;
}

static int parse_flags(struct bsn_seccomp_config *seccomp, const json_t *json, struct basin_error *err)
{
	uint64_t flags = 0;
	bool given = false;
	int r = bsn_config_word_mask(json, SECCOMP, "flags", flag_words, &flags, &given, err);
	if (r < 0)
		return bsn_error_prefix(err, "unknown seccomp option");
	/* As runc: without a word about flags, a filter does not cost the payload its speculation. */
	seccomp->flags = given ? (unsigned int)flags : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	return r;
}

static int parse_listener(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	struct bsn_seccomp_config *seccomp = &config->seccomp;
	int r = bsn_json_get_string(json, SECCOMP, "listenerPath", &seccomp->listener_path, err);
	if (r >= 0)
		r = bsn_json_get_string(json, SECCOMP, "listenerMetadata", &seccomp->listener_metadata, err);
	if (r < 0)
		return r;
	if (seccomp->listener_path != NULL && seccomp->listener_path[0] == '\0')
		seccomp->listener_path = NULL;
	if (seccomp->listener_path == NULL)
		seccomp->listener_path = bsn_config_annotation(config, "run.oci.seccomp.receiver");
	if (seccomp->listener_path == NULL && seccomp->listener_metadata[0] != '\0')
		return bsn_config_wrong(err, SECCOMP ".listenerMetadata: needs a listenerPath");
	if (seccomp->notify && seccomp->listener_path == NULL)
		return bsn_config_wrong(err, SECCOMP ".listenerPath: must be given, since a rule has SCMP_ACT_NOTIFY");
	return 0;
}

/* The text that identifies the filter: the listener does not belong to it, and its metadata differs from container to container. */
static int keep_source(struct bsn_config *config, json_t *json, struct basin_error *err)
{
	auto_json json_t *plain = json_copy(json);
	auto_free char *text = NULL;
	if (plain == NULL)
		return bsn_config_no_memory(err);
	json_object_del(plain, "listenerPath");
	json_object_del(plain, "listenerMetadata");
	int r = bsn_json_format(plain, false, &text, err);
	if (r < 0)
		return r;
	config->seccomp.source = bsn_arena_format(config->arena, "%s%s", config->seccomp.unknown_is_error ? "strict" : "", text);
	return config->seccomp.source == NULL ? bsn_config_no_memory(err) : 0;
}

/* The value of a digit of RFC 4648's base64; 64 for what is none. */
static unsigned int digit_value(char digit)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = digit == '\0' ? NULL : strchr(digits, digit);
	return at == NULL ? 64 : (unsigned int)(at - digits);
}

/* Bytes written to out (which has room for three of every four digits), or -EINVAL. */
static ssize_t decode_base64(const char *text, unsigned char *out)
{
	unsigned int bits = 0;
	uint32_t held = 0;
	size_t count = 0;
	size_t length = strlen(text);
	size_t padding = length - strcspn(text, "=");
	if (length % 4 != 0 || padding > 2 || strspn(text + length - padding, "=") != padding)
		return -EINVAL;
	for (size_t i = 0; i < length - padding; i++) {
		unsigned int value = digit_value(text[i]);
		if (value == 64)
			return -EINVAL;
		held = held << 6 | value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[count++] = (unsigned char)(held >> bits);
		}
	}
	return (ssize_t)count;
}

/* crun's run.oci.seccomp_bpf_data: the program itself, ready made. It takes the place of the section. */
static int take_program(struct bsn_config *config, const char *text, struct basin_error *err)
{
	struct bsn_seccomp_config *seccomp = &config->seccomp;
	ssize_t size = -EINVAL;
	unsigned char *bytes = bsn_arena_array(config->arena, strlen(text) / 4 + 1, 3);
	if (bytes == NULL)
		return bsn_config_no_memory(err);
	if (strlen(text) <= 2 * BPF_MAXINSNS * sizeof(struct sock_filter))
		size = decode_base64(text, bytes);
	if (size <= 0 || (size_t)size % sizeof(struct sock_filter) != 0 ||
	    (size_t)size / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return bsn_config_wrong(err, "annotations[\"run.oci.seccomp_bpf_data\"]: not a BPF program in base64");
	seccomp->given = true;
	seccomp->program = bytes;
	seccomp->program_size = (size_t)size;
	seccomp->source = "";
	seccomp->flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	return 0;
}

int bsn_config_seccomp(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	struct bsn_seccomp_config *seccomp = &config->seccomp;
	json_t *section = NULL;
	const char *strict = bsn_config_annotation(config, "run.oci.seccomp_fail_unknown_syscall");
	const char *program = bsn_config_annotation(config, "run.oci.seccomp_bpf_data");
	seccomp->listener_metadata = "";
	if (program != NULL)
		return take_program(config, program, err);
	int r = bsn_json_get_object(json, "linux", "seccomp", &section, err);
	/* As runc: a section that says nothing is none. */
	if (r <= 0 ||
	    (json_object_get(section, "defaultAction") == NULL && json_array_size(json_object_get(section, "syscalls")) == 0))
		return r < 0 ? r : 0;
	seccomp->given = true;
	seccomp->unknown_is_error = strict != NULL && (bsn_streq(strict, "1") || bsn_streq(strict, "true"));
	r = parse_action(section, SECCOMP, "defaultAction", "defaultErrnoRet", &seccomp->default_action, err);
	if (r >= 0 && seccomp->default_action == SECCOMP_RET_USER_NOTIF)
		r = bsn_config_wrong(err, SECCOMP ".defaultAction: SCMP_ACT_NOTIFY cannot be used as default action");
	if (r >= 0)
		r = bsn_config_strings(config, section, SECCOMP, "architectures", &seccomp->architectures, err);
	for (size_t i = 0; r >= 0 && i < seccomp->architectures.count; i++)
		if (!KNOWN(architectures, seccomp->architectures.of[i]))
			r = bsn_config_wrong(err, SECCOMP ".architectures[%zu]: \"%s\" is not known", i,
					     seccomp->architectures.of[i]);
	if (r >= 0)
		r = parse_flags(seccomp, section, err);
	if (r >= 0)
		r = parse_rules(config, section, err);
	if (r >= 0)
		r = parse_listener(config, section, err);
	return r < 0 ? r : keep_source(config, section, err);
}
