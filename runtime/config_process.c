/* SPDX-License-Identifier: Apache-2.0 */
/* config.json's process object: what is run, as whom, and with which rights and limits. */
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/str.h"
#include "runtime/config_parse.h"

static const struct bsn_config_word rlimit_words[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
	{ NULL, 0 },
};

static int parse_console(struct bsn_process_config *process, const json_t *json, const char *path, struct basin_error *err)
{
	json_t *size = NULL;
	int64_t height = 0;
	int64_t width = 0;
	char at[BSN_CONFIG_PATH];
	int r = bsn_json_get_bool(json, path, "terminal", &process->terminal, err);
	if (r >= 0)
		r = bsn_json_get_object(json, path, "consoleSize", &size, err);
	if (r <= 0)
		return r;
	bsn_format(at, sizeof(at), "%s.consoleSize", path);
	r = bsn_json_get_int(size, at, "height", 0, UINT16_MAX, &height, err);
	if (r >= 0)
		r = bsn_json_get_int(size, at, "width", 0, UINT16_MAX, &width, err);
	if (r < 0)
		return r;
	process->console_height = (uint16_t)height;
	process->console_width = (uint16_t)width;
	return 0;
}

static int parse_command(struct bsn_config *config, const json_t *json, const char *path, unsigned int flags,
			 struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	int r = bsn_config_required(json, path, "cwd", &process->cwd, err);
	if (r >= 0 && process->cwd[0] != '/')
		r = bsn_config_wrong(err, "%s.cwd: \"%s\" is not an absolute path", path, process->cwd);
	if (r >= 0)
		r = bsn_config_strings(config, json, path, "args", &process->args, err);
	if (r >= 0 && process->args.count == 0 && (flags & BSN_CONFIG_NO_ARGS) == 0)
		r = bsn_config_wrong(err, "%s.args: must have at least one element, the program to run", path);
	if (r >= 0)
		r = bsn_config_strings(config, json, path, "env", &process->env, err);
	for (size_t i = 0; r >= 0 && i < process->env.count; i++)
		if (process->env.of[i][0] == '=' || strchr(process->env.of[i], '=') == NULL)
			r = bsn_config_wrong(err, "%s.env[%zu]: \"%s\" is not NAME=value", path, i, process->env.of[i]);
	return r;
}

static int parse_groups(struct bsn_config *config, const json_t *user, const char *path, struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	json_t *array = NULL;
	int r = bsn_config_array(config, user, path, "additionalGids", sizeof(*process->groups), &array, &process->groups, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		const json_t *element = json_array_get(array, i);
		json_int_t gid = json_integer_value(element);
		if (!json_is_integer(element) || gid < 0 || gid >= UINT32_MAX)
			return bsn_config_wrong(err, "%s.additionalGids[%zu]: expected a group id", path, i);
		process->groups[i] = (gid_t)gid;
	}
	process->group_count = json_array_size(array);
	return r;
}

static int parse_user(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err)
{
	json_t *user = NULL;
	int64_t uid = 0;
	int64_t gid = 0;
	int64_t umask = -1;
	char at[BSN_CONFIG_PATH];
	int r = bsn_json_get_object(json, path, "user", &user, err);
	if (r <= 0)
		return r;
	bsn_format(at, sizeof(at), "%s.user", path);
	r = bsn_json_get_int(user, at, "uid", 0, UINT32_MAX - 1, &uid, err);
	if (r >= 0)
		r = bsn_json_get_int(user, at, "gid", 0, UINT32_MAX - 1, &gid, err);
	if (r >= 0)
		r = bsn_json_get_int(user, at, "umask", 0, 0777, &umask, err);
	if (r >= 0)
		r = parse_groups(config, user, at, err);
	if (r < 0)
		return r;
	config->process.uid = (uid_t)uid;
	config->process.gid = (gid_t)gid;
	config->process.umask = (int)umask;
	return 0;
}

/* An unknown capability is a warning, as the spec asks: a config made for a newer kernel still runs, with less. */
static int parse_cap_set(const struct bsn_config *config, const json_t *caps, const char *path, const char *key,
			 uint64_t *ret_mask, struct basin_error *err)
{
	json_t *array = NULL;
	int r = bsn_json_get_array(caps, path, key, &array, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *element = json_array_get(array, i);
		if (!json_is_string(element))
			return bsn_config_wrong(err, "%s.%s[%zu]: expected a string, found %s", path, key, i,
						bsn_json_type(element));
		int cap = bsn_cap_parse(json_string_value(element));
		if (cap >= 0)
			*ret_mask |= UINT64_C(1) << cap;
		else if (!config->kept)
			bsn_warn("%s.%s[%zu]: \"%s\" is not a capability known here; left out", path, key, i,
				 json_string_value(element));
	}
	return 0;
}

static int parse_caps(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	json_t *caps = NULL;
	char at[BSN_CONFIG_PATH];
	int r = bsn_json_get_object(json, path, "capabilities", &caps, err);
	if (r <= 0)
		return r;
	bsn_format(at, sizeof(at), "%s.capabilities", path);
	process->capabilities_given = true;
	for (int set = 0; r >= 0 && set < BSN_CAP_SETS; set++)
		r = parse_cap_set(config, caps, at, bsn_cap_set_name((enum bsn_cap_set)set), &process->capabilities[set], err);
	return r;
}

static int parse_rlimit(const json_t *json, const char *path, struct bsn_rlimit *ret, struct basin_error *err)
{
	uint64_t resource = 0;
	int r = bsn_config_word(json, path, "type", rlimit_words, &resource, err);
	if (r == 0)
		r = bsn_config_wrong(err, "%s.type: must be given", path);
	if (r < 0)
		return r;
	int soft = bsn_json_get_u64(json, path, "soft", &ret->soft, err);
	int hard = soft < 0 ? soft : bsn_json_get_u64(json, path, "hard", &ret->hard, err);
	if (hard < 0)
		return hard;
	if (soft == 0 || hard == 0)
		return bsn_config_wrong(err, "%s: soft and hard must both be given", path);
	if (ret->soft > ret->hard)
		return bsn_config_wrong(err, "%s.soft: %llu is above the hard limit %llu", path, (unsigned long long)ret->soft,
					(unsigned long long)ret->hard);
	ret->resource = (int)resource;
	return 0;
}

static int parse_rlimits(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	json_t *array = NULL;
	char at[BSN_CONFIG_PATH];
	const json_t *element;
	unsigned int seen = 0;
	int r = bsn_config_array(config, json, path, "rlimits", sizeof(*process->rlimits), &array, &process->rlimits, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		r = bsn_config_element(array, i, path, "rlimits", at, &element, err);
		if (r >= 0)
			r = parse_rlimit(element, at, &process->rlimits[i], err);
		if (r >= 0 && (seen & (1U << process->rlimits[i].resource)) != 0)
			r = bsn_config_wrong(err, "%s.type: given twice", at);
		if (r >= 0)
			seen |= 1U << process->rlimits[i].resource;
	}
	process->rlimit_count = json_array_size(array);
	return r;
}

int bsn_config_process(struct bsn_config *config, const json_t *json, const char *path, unsigned int flags,
		       struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	int64_t oom = 0;
	process->given = true;
	int r = parse_console(process, json, path, err);
	if (r >= 0)
		r = parse_command(config, json, path, flags, err);
	if (r >= 0)
		r = parse_user(config, json, path, err);
	if (r >= 0)
		r = parse_caps(config, json, path, err);
	if (r >= 0)
		r = parse_rlimits(config, json, path, err);
	if (r >= 0)
		r = bsn_json_get_bool(json, path, "noNewPrivileges", &process->no_new_privileges, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "oomScoreAdj", -1000, 1000, &oom, err);
	if (r > 0) {
		process->oom_score_adj_given = true;
		process->oom_score_adj = (int)oom;
	}
	if (r >= 0)
		r = bsn_json_get_string(json, path, "apparmorProfile", &process->apparmor_profile, err);
	if (r >= 0)
		r = bsn_json_get_string(json, path, "selinuxLabel", &process->selinux_label, err);
	if (process->apparmor_profile != NULL && process->apparmor_profile[0] == '\0')
		process->apparmor_profile = NULL;
	if (process->selinux_label != NULL && process->selinux_label[0] == '\0')
		process->selinux_label = NULL;
	if (r >= 0)
		r = bsn_config_process_policy(config, json, path, err);
	return r < 0 ? r : 0;
}
