/* SPDX-License-Identifier: Apache-2.0 */
/* config.json's linux object: namespaces and id mappings, paths, and the small settings. The larger parts have files of their own. */
#include <linux/mempolicy.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/personality.h>

#include "base/log.h"
#include "base/str.h"
#include "runtime/config_parse.h"

static const struct {
	const char *name;
	int flag;
} namespaces[BSN_NAMESPACES] = {
	[BSN_NS_USER] = { "user", CLONE_NEWUSER },       [BSN_NS_MOUNT] = { "mount", CLONE_NEWNS },
	[BSN_NS_PID] = { "pid", CLONE_NEWPID },          [BSN_NS_NETWORK] = { "network", CLONE_NEWNET },
	[BSN_NS_IPC] = { "ipc", CLONE_NEWIPC },          [BSN_NS_UTS] = { "uts", CLONE_NEWUTS },
	[BSN_NS_CGROUP] = { "cgroup", CLONE_NEWCGROUP }, [BSN_NS_TIME] = { "time", CLONE_NEWTIME },
};

const char *bsn_namespace_name(enum bsn_namespace kind)
{
	return namespaces[kind].name;
}

int bsn_namespace_flag(enum bsn_namespace kind)
{
	return namespaces[kind].flag;
}

static int find_namespace(const char *type)
{
	for (int kind = 0; kind < BSN_NAMESPACES; kind++)
		if (bsn_streq(type, namespaces[kind].name))
			return kind;
	return -EINVAL;
}

static int parse_namespace(struct bsn_config *config, const json_t *json, const char *at, struct basin_error *err)
{
	const char *type = NULL;
	const char *path = NULL;
	int r = bsn_config_required(json, at, "type", &type, err);
	if (r >= 0)
		r = bsn_json_get_string(json, at, "path", &path, err);
	if (r < 0)
		return r;
	int kind = find_namespace(type);
	if (kind < 0)
		return bsn_config_wrong(
			err, "%s.type: \"%s\" is not known, use one of user, mount, pid, network, ipc, uts, cgroup, time", at,
			type);
	struct bsn_namespace_config *ns = &config->namespaces[kind];
	if (ns->given)
		return bsn_config_wrong(err, "%s.type: a second namespace of type \"%s\"", at, type);
	if (path != NULL && path[0] == '\0')
		path = NULL;
	if (path != NULL && path[0] != '/')
		return bsn_config_wrong(err, "%s.path: \"%s\" is not an absolute path", at, path);
	*ns = (struct bsn_namespace_config){ .given = true, .path = path };
	return 0;
}

static int parse_namespaces(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	json_t *array = NULL;
	char path[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_json_get_array(json, "linux", "namespaces", &array, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		r = bsn_config_element(array, i, "linux", "namespaces", path, &element, err);
		if (r >= 0)
			r = parse_namespace(config, element, path, err);
	}
	return r;
}

static int parse_mappings(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	int r = bsn_config_id_maps(config, json, "linux", "uidMappings", &config->uid_maps, err);
	return r < 0 ? r : bsn_config_id_maps(config, json, "linux", "gidMappings", &config->gid_maps, err);
}

/* The ids that a range's host ids are outside the user namespace; the range must lie in one of its ranges. */
static bool translate(const struct bsn_id_maps *maps, struct bsn_id_map *range)
{
	for (size_t i = 0; i < maps->count; i++) {
		uint64_t offset = (uint64_t)range->host - maps->of[i].container;
		if (range->host < maps->of[i].container || offset + range->size > maps->of[i].size)
			continue;
		range->host = (uint32_t)(maps->of[i].host + offset);
		return true;
	}
	return false;
}

static int translate_all(const struct bsn_id_maps *maps, struct bsn_id_maps *ranges, size_t number, struct basin_error *err)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (!translate(maps, &ranges->of[i]))
			return bsn_config_wrong(err, "mounts[%zu].options: idmap has ids that the user namespace has not",
						number);
	return 0;
}

/* An idmapped mount without mappings of its own takes the container's. */
static int check_idmapped_mounts(struct bsn_config *config, struct basin_error *err)
{
	for (size_t i = 0; i < config->mount_count; i++)
		if (config->mounts[i].idmap && config->mounts[i].uid_maps.count == 0 && !config->namespaces[BSN_NS_USER].given)
			return bsn_config_wrong(err, "mounts[%zu]: idmap needs uidMappings and gidMappings, or a user namespace",
						i);
	for (size_t i = 0; i < config->mount_count; i++) {
		struct bsn_mount *mount = &config->mounts[i];
		int r = mount->uid_maps_relative ? translate_all(&config->uid_maps, &mount->uid_maps, i, err) : 0;
		if (r >= 0 && mount->gid_maps_relative)
			r = translate_all(&config->gid_maps, &mount->gid_maps, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_offset(const json_t *offsets, const char *clock, struct bsn_time_offset *ret, struct basin_error *err)
{
	json_t *json = NULL;
	int64_t seconds = 0;
	int64_t nanoseconds = 0;
	char path[BSN_CONFIG_PATH];
	int r = bsn_json_get_object(offsets, "linux.timeOffsets", clock, &json, err);
	if (r <= 0)
		return r;
	bsn_format(path, sizeof(path), "linux.timeOffsets.%s", clock);
	r = bsn_json_get_int(json, path, "secs", INT64_MIN, INT64_MAX, &seconds, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "nanosecs", 0, 999999999, &nanoseconds, err);
	if (r < 0)
		return r;
	*ret = (struct bsn_time_offset){ .given = true, .seconds = seconds, .nanoseconds = (uint32_t)nanoseconds };
	return 0;
}

static int parse_time_offsets(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	json_t *offsets = NULL;
	int r = bsn_json_get_object(json, "linux", "timeOffsets", &offsets, err);
	if (r < 0 || json_object_size(offsets) == 0)
		return r;
	const char *clock;
	json_t *value;
	json_object_foreach (offsets, clock, value)
		if (!bsn_streq(clock, "boottime") && !bsn_streq(clock, "monotonic"))
			return bsn_config_wrong(err, "linux.timeOffsets.%s: only boottime and monotonic have offsets", clock);
	if (!config->namespaces[BSN_NS_TIME].given || config->namespaces[BSN_NS_TIME].path != NULL)
		return bsn_config_wrong(err, "linux.timeOffsets: needs a new namespace of type \"time\" in linux.namespaces");
	r = parse_offset(offsets, "boottime", &config->boottime, err);
	return r < 0 ? r : parse_offset(offsets, "monotonic", &config->monotonic, err);
}

static const struct bsn_config_word propagation_words[] = {
	{ "private", MS_PRIVATE },
	{ "rprivate", MS_PRIVATE | MS_REC },
	{ "slave", MS_SLAVE },
	{ "rslave", MS_SLAVE | MS_REC },
	{ "shared", MS_SHARED },
	{ "rshared", MS_SHARED | MS_REC },
	{ "unbindable", MS_UNBINDABLE },
	{ "runbindable", MS_UNBINDABLE | MS_REC },
	{ "", 0 },
	{ NULL, 0 },
};

static int parse_personality(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	static const struct bsn_config_word domains[] = { { "LINUX", PER_LINUX }, { "LINUX32", PER_LINUX32 }, { NULL, 0 } };
	json_t *object = NULL;
	json_t *flags = NULL;
	uint64_t domain = PER_LINUX;
	int r = bsn_json_get_object(json, "linux", "personality", &object, err);
	if (r <= 0)
		return r;
	r = bsn_config_word(object, "linux.personality", "domain", domains, &domain, err);
	if (r == 0)
		r = bsn_config_wrong(err, "linux.personality.domain: must be given");
	if (r >= 0)
		r = bsn_json_get_array(object, "linux.personality", "flags", &flags, err);
	if (r >= 0 && json_array_size(flags) > 0 && !config->kept)
		bsn_warn("linux.personality.flags: without effect, the runtime-spec defines none yet");
	if (r < 0)
		return r;
	config->personality_given = true;
	config->personality = domain;
	return 0;
}

/* Of a checked list. */
static size_t count_nodes(const char *list)
{
	size_t count = 0;
	for (char *end = NULL; *list != '\0'; list = *end == ',' ? end + 1 : end) {
		unsigned long first = strtoul(list, &end, 10);
		count += *end == '-' ? strtoul(end + 1, &end, 10) - first + 1 : 1;
	}
	return count;
}

static int parse_memory_policy(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	static const struct bsn_config_word modes[] = {
		{ "MPOL_DEFAULT", MPOL_DEFAULT },       { "MPOL_BIND", MPOL_BIND },
		{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE }, { "MPOL_WEIGHTED_INTERLEAVE", 6 /* headers before 6.9 lack it */ },
		{ "MPOL_PREFERRED", MPOL_PREFERRED },   { "MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY },
		{ "MPOL_LOCAL", MPOL_LOCAL },           { NULL, 0 },
	};
	static const struct bsn_config_word flag_words[] = {
		{ "MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING },
		{ "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
		{ "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
		{ NULL, 0 },
	};
	struct bsn_memory_policy *policy = &config->memory_policy;
	json_t *object = NULL;
	uint64_t mode = MPOL_DEFAULT;
	uint64_t flags = 0;
	int r = bsn_json_get_object(json, "linux", "memoryPolicy", &object, err);
	if (r <= 0)
		return r;
	/* runc's words come before the field's. */
	r = bsn_config_word(object, "linux.memoryPolicy", "mode", modes, &mode, err);
	if (r == 0)
		r = bsn_config_wrong(err, "linux.memoryPolicy.mode: must be given");
	if (r < 0)
		return bsn_error_prefix(err, "invalid memory policy mode");
	if (bsn_config_list(object, "linux.memoryPolicy", "nodes", &policy->nodes, err) < 0)
		return bsn_error_prefix(err, "invalid memory policy nodes");
	if (bsn_config_word_mask(object, "linux.memoryPolicy", "flags", flag_words, &flags, NULL, err) < 0)
		return bsn_error_prefix(err, "invalid memory policy flag");
	bool no_nodes = mode == MPOL_DEFAULT || mode == MPOL_LOCAL;
	if (no_nodes && policy->nodes != NULL)
		return bsn_config_wrong(err,
					"memory policy mode requires 0 nodes but got %zu: linux.memoryPolicy.nodes: leave it out "
					"(set_mempolicy: invalid argument)",
					count_nodes(policy->nodes));
	if (!no_nodes && mode != MPOL_PREFERRED && policy->nodes == NULL)
		return bsn_config_wrong(err, "memory policy mode requires at least one node but got 0: linux.memoryPolicy.nodes: "
					     "this mode needs a list of nodes");
	policy->given = true;
	policy->mode = (int)mode;
	policy->flags = (unsigned int)flags;
	return 0;
}

static int parse_intel_rdt(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	struct bsn_intel_rdt *rdt = &config->intel_rdt;
	json_t *object = NULL;
	int r = bsn_json_get_object(json, "linux", "intelRdt", &object, err);
	if (r <= 0)
		return r;
	rdt->given = true;
	r = bsn_json_get_string(object, "linux.intelRdt", "closID", &rdt->clos_id, err);
	if (r > 0 && (rdt->clos_id[0] == '\0' || strchr(rdt->clos_id, '/') != NULL || bsn_streq(rdt->clos_id, "..") ||
		      bsn_streq(rdt->clos_id, ".")))
		r = bsn_config_wrong(err, "linux.intelRdt.closID: \"%s\" is not the name of a group", rdt->clos_id);
	if (r >= 0)
		r = bsn_config_strings(config, object, "linux.intelRdt", "schemata", &rdt->schemata, err);
	if (r >= 0)
		r = bsn_json_get_string(object, "linux.intelRdt", "l3CacheSchema", &rdt->l3_schema, err);
	if (r >= 0)
		r = bsn_json_get_string(object, "linux.intelRdt", "memBwSchema", &rdt->mb_schema, err);
	if (r >= 0)
		r = bsn_json_get_bool(object, "linux.intelRdt", "enableMonitoring", &rdt->enable_monitoring, err);
	return r;
}

/* The spec has them absolute; runc and crun take a relative one from the root of the container, and so do we. */
static int parse_readonly_paths(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	struct bsn_strings *paths = &config->readonly_paths;
	int r = bsn_config_strings(config, json, "linux", "readonlyPaths", paths, err);
	for (size_t i = 0; r >= 0 && i < paths->count; i++) {
		if (paths->of[i][0] == '/')
			continue;
		paths->of[i] = bsn_arena_format(config->arena, "/%s", paths->of[i]);
		if (paths->of[i] == NULL)
			r = bsn_config_no_memory(err);
	}
	return r;
}

static int parse_paths(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	uint64_t propagation = 0;
	int r = bsn_config_paths(config, json, "linux", "maskedPaths", &config->masked_paths, err);
	if (r >= 0)
		r = parse_readonly_paths(config, json, err);
	if (r >= 0)
		r = bsn_config_word(json, "linux", "rootfsPropagation", propagation_words, &propagation, err);
	if (r >= 0)
		r = bsn_json_get_string(json, "linux", "mountLabel", &config->mount_label, err);
	if (r >= 0)
		r = bsn_json_get_string(json, "linux", "cgroupsPath", &config->cgroups_path, err);
	if (config->mount_label != NULL && config->mount_label[0] == '\0')
		config->mount_label = NULL;
	if (config->cgroups_path != NULL && config->cgroups_path[0] == '\0')
		config->cgroups_path = NULL;
	if (r >= 0 && config->cgroups_path != NULL && strchr(config->cgroups_path, '\n') != NULL)
		r = bsn_config_wrong(err, "linux.cgroupsPath: a cgroup's name cannot hold a newline");
	config->rootfs_propagation = propagation;
	return r;
}

int bsn_config_linux(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	json_t *resources = NULL;
	int r = parse_namespaces(config, json, err);
	if (r >= 0)
		r = parse_mappings(config, json, err);
	if (r >= 0)
		r = check_idmapped_mounts(config, err);
	if (r >= 0)
		r = parse_time_offsets(config, json, err);
	if (r >= 0)
		r = parse_paths(config, json, err);
	if (r >= 0)
		r = bsn_config_devices(config, json, err);
	if (r >= 0)
		r = bsn_json_get_object(json, "linux", "resources", &resources, err);
	if (r > 0) {
		bsn_config_resources_spell(resources);
		r = bsn_config_resources(config, resources, "linux.resources", err);
	}
	if (r >= 0)
		r = parse_personality(config, json, err);
	if (r >= 0)
		r = parse_memory_policy(config, json, err);
	if (r >= 0)
		r = parse_intel_rdt(config, json, err);
	return r < 0 ? r : bsn_config_seccomp(config, json, err);
}
