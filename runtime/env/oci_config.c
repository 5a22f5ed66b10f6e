/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/oci_config.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/str.h"
#include "runtime/env/oci_defaults.h"

#define CPU_PERIOD_US 100000

const char *bsn_env_class_name(enum bsn_env_class class)
{
	static const char *const names[] = { "guaranteed", "burstable", "besteffort" };
	return names[class];
}

enum bsn_env_class bsn_env_class(const struct bsn_env *env)
{
	const int64_t *request = env->request.of;
	const int64_t *limit = env->limit.of;
	if (request[BASIN_MEMORY] == BASIN_UNSET || request[BASIN_MEMORY] == 0)
		return BSN_CLASS_BESTEFFORT;
	return request[BASIN_CPU] == limit[BASIN_CPU] && request[BASIN_MEMORY] == limit[BASIN_MEMORY] ? BSN_CLASS_GUARANTEED
												      : BSN_CLASS_BURSTABLE;
}

/* Kubernetes' scale: the less was promised of the host's memory, the sooner a victim. */
static int oom_score(const struct bsn_env *env)
{
	int64_t pages = sysconf(_SC_PHYS_PAGES);
	int64_t total = pages * sysconf(_SC_PAGESIZE);
	switch (bsn_env_class(env)) {
	case BSN_CLASS_GUARANTEED:
		/* Below what we have ourselves only with CAP_SYS_RESOURCE, which some containers and CI machines withhold. */
		return prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1 && geteuid() == 0 ? -900 : 0;
	case BSN_CLASS_BESTEFFORT:
		return 900;
	case BSN_CLASS_BURSTABLE:
		break;
	}
	if (total <= 0)
		return 900;
	int64_t score = 1000 - 1000 * env->request.of[BASIN_MEMORY] / total;
	return score < 2 ? 2 : score > 900 ? 900 : (int)score;
}

/* The environment's own list, behind the few that every process wants, where it does not give them itself. */
static json_t *environment(const struct bsn_env_facts *facts)
{
	static const char *const wanted[] = { "PATH", "HOME", "HOSTNAME", "container" };
	const char *const values[] = { "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", facts->user->home,
				       facts->env->hostname, "basin" };
	json_t *list = json_array();
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		size_t at;
		json_t *item;
		bool given = false;
		size_t length = strlen(wanted[i]);
		json_array_foreach (facts->env->env, at, item) {
			const char *text = json_string_value(item);
			given = given || (strncmp(text, wanted[i], length) == 0 && text[length] == '=');
		}
		if (!given)
			json_array_append_new(list, json_sprintf("%s=%s", wanted[i], values[i]));
	}
	if (facts->env->env != NULL)
		json_array_extend(list, facts->env->env);
	return list;
}

static json_t *string_list(const char *const *list)
{
	json_t *array = json_array();
	for (; *list != NULL; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

static json_t *capabilities(void)
{
	json_t *list = string_list(bsn_env_capabilities);
	json_t *sets = json_pack("{sO sO sO}", "bounding", list, "effective", list, "permitted", list);
	json_decref(list);
	return sets;
}

static json_t *process(const struct bsn_env_facts *facts)
{
	const struct bsn_user *user = facts->user;
	json_t *groups = json_array();
	for (size_t i = 0; i < user->group_count; i++)
		json_array_append_new(groups, json_integer(user->groups[i]));
	json_t *id =
		json_pack("{sI sI so}", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid, "additionalGids", groups);
	json_t *json = json_pack("{sb so so ss so sb si}", "terminal", 0, "user", id, "env", environment(facts), "cwd",
				 facts->env->workdir, "capabilities", capabilities(), "noNewPrivileges", 0, "oomScoreAdj",
				 oom_score(facts->env));
	if (json_array_size(facts->env->args) > 0)
		json_object_set(json, "args", facts->env->args);
	return json;
}

static void add_mount(json_t *mounts, const char *destination, const char *type, const char *source, const char *options)
{
	json_t *list = json_array();
	for (const char *at = options; *at != '\0'; at += strspn(at, ",")) {
		size_t length = strcspn(at, ",");
		json_array_append_new(list, json_stringn(at, length));
		at += length;
	}
	json_array_append_new(
		mounts, json_pack("{ss ss ss so}", "destination", destination, "type", type, "source", source, "options", list));
}

/* The three files are read-only: they lie outside the writable layer, and what could be written there no limit would hold. */
static json_t *mounts(const struct bsn_env_facts *facts)
{
	static const char *const files[] = { "hosts", "hostname", "resolv.conf" };
	json_t *list = json_array();
	for (const struct bsn_env_mount *mount = bsn_env_mounts; mount->destination != NULL; mount++)
		add_mount(list, mount->destination, mount->type, mount->source, mount->options);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		auto_str struct bsn_str source = { 0 };
		auto_str struct bsn_str destination = { 0 };
		bsn_str_addf(&source, "%s/%s", facts->etc, files[i]);
		bsn_str_addf(&destination, "/etc/%s", files[i]);
		add_mount(list, bsn_str_text(&destination), "bind", bsn_str_text(&source),
			  "bind,ro,rprivate,nosuid,nodev,noexec");
	}
	return list;
}

static json_t *namespaces(const struct bsn_env *env)
{
	static const char *const kinds[] = { "pid", "network", "ipc", "uts", "mount", "cgroup", "user" };
	json_t *list = json_array();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (env->own_ids || !bsn_streq(kinds[i], "user"))
			json_array_append_new(list, json_pack("{ss}", "type", kinds[i]));
	return list;
}

static void set_string(json_t *object, const char *key, int64_t value)
{
	json_object_set_new(object, key, json_sprintf("%lld", (long long)value));
}

/* Limits go where OCI has a word for them, floors and weights through "unified", by the kernel's own names. */
static json_t *resources(const struct bsn_env_facts *facts)
{
	const struct bsn_env *env = facts->env;
	const int64_t *limit = env->limit.of;
	json_t *unified = json_object();
	json_t *json = json_pack("{s[{sb ss}]}", "devices", "allow", 0, "access", "rwm");
	if (facts->enforced & BSN_RESOURCE_BIT(BASIN_CPU)) {
		if (limit[BASIN_CPU] != BASIN_UNSET)
			json_object_set_new(json, "cpu",
					    json_pack("{sI si}", "quota", (json_int_t)(limit[BASIN_CPU] * CPU_PERIOD_US / 1000),
						      "period", CPU_PERIOD_US));
		if (env->cpu_weight != BASIN_UNSET)
			set_string(unified, "cpu.weight", env->cpu_weight);
	}
	if (facts->enforced & BSN_RESOURCE_BIT(BASIN_MEMORY)) {
		enum bsn_env_class class = bsn_env_class(env);
		if (limit[BASIN_MEMORY] != BASIN_UNSET)
			json_object_set_new(json, "memory",
					    json_pack("{sI sI}", "limit", (json_int_t)limit[BASIN_MEMORY], "swap",
						      (json_int_t)limit[BASIN_MEMORY]));
		if (class != BSN_CLASS_BESTEFFORT)
			set_string(unified, class == BSN_CLASS_GUARANTEED ? "memory.min" : "memory.low",
				   env->request.of[BASIN_MEMORY]);
		set_string(unified, "memory.oom.group", 1);
	}
	if ((facts->enforced & BSN_RESOURCE_BIT(BASIN_PIDS)) && limit[BASIN_PIDS] != BASIN_UNSET)
		json_object_set_new(json, "pids", json_pack("{sI}", "limit", (json_int_t)limit[BASIN_PIDS]));
	json_object_set_new(json, "unified", unified);
	return json;
}

static json_t *id_map(const struct bsn_env *env)
{
	return json_pack("[{si sI si}]", "containerID", 0, "hostID", (json_int_t)env->ids_first, "size", BSN_ENV_IDS);
}

static json_t *seccomp_rule(const char *const *names, const char *action, int error)
{
	return json_pack("{so ss si}", "names", string_list(names), "action", action, "errnoRet", error);
}

/* clone(2) and unshare(2) with CLONE_NEWUSER among the flags: a user namespace of one's own is where most kernel holes are reached from. */
static json_t *no_new_user(const char *name)
{
	return json_pack("{s[s] ss si s[{si sI sI ss}]}", "names", name, "action", "SCMP_ACT_ERRNO", "errnoRet", EPERM, "args",
			 "index", 0, "value", (json_int_t)CLONE_NEWUSER, "valueTwo", (json_int_t)CLONE_NEWUSER, "op",
			 "SCMP_CMP_MASKED_EQ");
}

static json_t *seccomp(void)
{
	static const char *const clone3[] = { "clone3", NULL };
	json_t *rules = json_array();
	json_array_append_new(rules, seccomp_rule(bsn_env_denied_calls, "SCMP_ACT_ERRNO", EPERM));
	/* Its flags are in memory, where a filter cannot look: programs fall back to clone. */
	json_array_append_new(rules, seccomp_rule(clone3, "SCMP_ACT_ERRNO", ENOSYS));
	json_array_append_new(rules, no_new_user("clone"));
	json_array_append_new(rules, no_new_user("unshare"));
	return json_pack("{ss s[sss] so}", "defaultAction", "SCMP_ACT_ALLOW", "architectures", "SCMP_ARCH_X86_64",
			 "SCMP_ARCH_X86", "SCMP_ARCH_X32", "syscalls", rules);
}

static json_t *linux_part(const struct bsn_env_facts *facts)
{
	const struct bsn_env *env = facts->env;
	json_t *json = json_pack("{so ss so so so so}", "namespaces", namespaces(env), "cgroupsPath", facts->cgroups_path,
				 "resources", resources(facts), "maskedPaths", string_list(bsn_env_masked_paths), "readonlyPaths",
				 string_list(bsn_env_readonly_paths), "seccomp", seccomp());
	if (env->own_ids) {
		json_object_set_new(json, "uidMappings", id_map(env));
		json_object_set_new(json, "gidMappings", id_map(env));
	}
	return json;
}

int bsn_env_oci_config(const struct bsn_env_facts *facts, char **ret_text, struct basin_error *err)
{
	const struct bsn_env *env = facts->env;
	auto_json json_t *json =
		json_pack("{ss s{ss} so ss so so s{ss ss ss}}", "ociVersion", "1.2.0", "root", "path", "rootfs", "process",
			  process(facts), "hostname", env->hostname, "mounts", mounts(facts), "linux", linux_part(facts),
			  "annotations", "basin.environment", env->name, "basin.pool", env->pool, "basin.image", env->image);
	if (json == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot describe the container of environment \"%s\"", env->name);
	return bsn_json_format(json, false, ret_text, err);
}
