/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json's linux.resources, in the terms of cgroup version 2 (pool/cgroup.h). What only version 1 had (kernel memory, swappiness,
 * disabling the OOM killer, real-time budgets, network classes, leaf weights) has no counterpart and is ignored, as runc and crun do.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "runtime/config_parse.h"

/* Above it the kernel would say ERANGE; nobody has an exbibyte. */
#define AMOUNT_MAX INT64_MAX

/* -1 (any negative number) is "no limit"; 0 leaves the knob alone, since engines write it for "not given". */
static int parse_limit(const json_t *json, const char *path, const char *key, int64_t *ret, struct basin_error *err)
{
	int64_t value = 0;
	int r = bsn_json_get_int(json, path, key, INT64_MIN + 1, AMOUNT_MAX, &value, err);
	if (r > 0 && value != 0)
		*ret = value < 0 ? BSN_CGROUP_MAX : value;
	return r;
}

/* A total of 0 beside a limit is "not given" like every other 0; alone it can only be the wish for no swap at all, as crun reads it. */
static int parse_swap(const json_t *json, const char *path, int64_t *ret_total, struct basin_error *err)
{
	const json_t *swap = json_object_get(json, "swap");
	if (json_is_integer(swap) && json_integer_value(swap) == 0 && json_object_get(json, "limit") == NULL) {
		*ret_total = 0;
		return 0;
	}
	return parse_limit(json, path, "swap", ret_total, err);
}

static int parse_memory(struct bsn_cgroup_resources *resources, const json_t *json, const char *path, struct basin_error *err)
{
	int64_t total = BSN_CGROUP_UNSET;
	int r = parse_limit(json, path, "limit", &resources->memory_max, err);
	if (r >= 0)
		r = parse_limit(json, path, "reservation", &resources->memory_low, err);
	if (r >= 0)
		r = parse_swap(json, path, &total, err);
	if (r >= 0)
		r = bsn_json_get_bool(json, path, "checkBeforeUpdate", &resources->memory_check, err);
	if (r < 0 || total == BSN_CGROUP_UNSET)
		return r;
	r = bsn_cgroup_swap_of_total(resources->memory_max, total, &resources->memory_swap_max, err);
	return r < 0 ? bsn_error_prefix(err, "%s.swap", path) : 0;
}

static int parse_cpuset(const json_t *json, const char *path, const char *key, char **ret, struct basin_error *err)
{
	const char *list = NULL;
	int r = bsn_config_list(json, path, key, &list, err);
	if (r <= 0)
		return r;
	*ret = strdup(list);
	return *ret == NULL ? bsn_config_no_memory(err) : 0;
}

static int parse_cpu(struct bsn_cgroup_resources *resources, const json_t *json, const char *path, struct basin_error *err)
{
	uint64_t shares = 0;
	int r = bsn_json_get_u64(json, path, "shares", &shares, err);
	if (r > 0 && shares > 0)
		resources->cpu_weight = bsn_cgroup_weight_of_shares(shares);
	if (r >= 0)
		r = parse_limit(json, path, "quota", &resources->cpu_quota, err);
	if (r >= 0)
		r = parse_limit(json, path, "period", &resources->cpu_period, err);
	if (r >= 0 && resources->cpu_period == BSN_CGROUP_MAX)
		r = bsn_config_wrong(err, "%s.period: must not be negative", path);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "burst", 0, AMOUNT_MAX, &resources->cpu_burst, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "idle", 0, 1, &resources->cpu_idle, err);
	if (r >= 0)
		r = parse_cpuset(json, path, "cpus", &resources->cpuset_cpus, err);
	if (r >= 0)
		r = parse_cpuset(json, path, "mems", &resources->cpuset_mems, err);
	return r;
}

/* Makes room for count more elements of a heap array that bsn_cgroup_resources owns. */
static int grow(void *array, size_t used, size_t count, size_t size, struct basin_error *err)
{
	void *old;
	memcpy(&old, array, sizeof(old));
	void *fresh = reallocarray(old, used + count + 1, size);
	if (fresh == NULL)
		return bsn_config_no_memory(err);
	memset((char *)fresh + used * size, 0, (count + 1) * size);
	memcpy(array, &fresh, sizeof(fresh));
	return 0;
}

static int parse_io_value(const json_t *json, const char *path, struct bsn_cgroup_io *io, struct basin_error *err)
{
	uint64_t value = 0;
	bool weight = io->kind == BSN_IO_WEIGHT;
	int r = bsn_json_get_u64(json, path, weight ? "weight" : "rate", &value, err);
	if (r < 0)
		return r;
	if (weight && (value < 10 || value > 1000))
		return bsn_config_wrong(err, "%s.weight: must be from 10 to 1000", path);
	if (weight)
		io->value = bsn_cgroup_io_weight(value);
	else
		io->value = value == 0 || value > INT64_MAX ? BSN_CGROUP_MAX : (int64_t)value;
	return 0;
}

static int parse_io_devices(struct bsn_cgroup_resources *resources, const json_t *json, const char *path, const char *key,
			    enum bsn_cgroup_io_kind kind, struct basin_error *err)
{
	json_t *array = NULL;
	char at[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_json_get_array(json, path, key, &array, err);
	if (r <= 0)
		return r;
	r = grow(&resources->io, resources->io_count, json_array_size(array), sizeof(*resources->io), err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		struct bsn_cgroup_io *io = &resources->io[resources->io_count];
		int64_t major = -1;
		int64_t minor = -1;
		r = bsn_config_element(array, i, path, key, at, &element, err);
		if (r >= 0)
			r = bsn_json_get_int(element, at, "major", 0, UINT32_MAX, &major, err);
		if (r >= 0)
			r = bsn_json_get_int(element, at, "minor", 0, UINT32_MAX, &minor, err);
		if (r >= 0 && (major < 0 || minor < 0))
			r = bsn_config_wrong(err, "%s: major and minor must be given", at);
		io->kind = kind;
		io->major = (unsigned int)major;
		io->minor = (unsigned int)minor;
		if (r >= 0)
			r = parse_io_value(element, at, io, err);
		if (r >= 0)
			resources->io_count++;
	}
	return r;
}

static int parse_block_io(struct bsn_cgroup_resources *resources, const json_t *json, const char *path, struct basin_error *err)
{
	static const struct {
		const char *key;
		enum bsn_cgroup_io_kind kind;
	} lists[] = {
		{ "weightDevice", BSN_IO_WEIGHT },           { "throttleReadBpsDevice", BSN_IO_RBPS },
		{ "throttleWriteBpsDevice", BSN_IO_WBPS },   { "throttleReadIOPSDevice", BSN_IO_RIOPS },
		{ "throttleWriteIOPSDevice", BSN_IO_WIOPS },
	};
	uint64_t weight = 0;
	int r = bsn_json_get_u64(json, path, "weight", &weight, err);
	if (r > 0 && weight != 0) {
		if (weight < 10 || weight > 1000)
			return bsn_config_wrong(err, "%s.weight: must be from 10 to 1000", path);
		resources->io_weight = bsn_cgroup_io_weight(weight);
	}
	for (size_t i = 0; r >= 0 && i < sizeof(lists) / sizeof(lists[0]); i++)
		r = parse_io_devices(resources, json, path, lists[i].key, lists[i].kind, err);
	return r;
}

static int parse_hugepages(struct bsn_cgroup_resources *resources, const json_t *json, const char *path, struct basin_error *err)
{
	json_t *array = NULL;
	char at[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_json_get_array(json, path, "hugepageLimits", &array, err);
	if (r <= 0)
		return r;
	r = grow(&resources->hugetlb, resources->hugetlb_count, json_array_size(array), sizeof(*resources->hugetlb), err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		const char *size = NULL;
		uint64_t limit = 0;
		r = bsn_config_element(array, i, path, "hugepageLimits", at, &element, err);
		if (r >= 0)
			r = bsn_config_required(element, at, "pageSize", &size, err);
		if (r >= 0 && (size[strspn(size, "0123456789")] == '\0' || strspn(size, "0123456789") == 0 ||
			       !bsn_ends_with(size, "B") || strchr(size, '/') != NULL))
			r = bsn_config_wrong(err, "%s.pageSize: \"%s\" is not a size like \"2MB\" or \"1GB\"", at, size);
		if (r >= 0)
			r = bsn_json_get_u64(element, at, "limit", &limit, err);
		if (r < 0)
			return r;
		struct bsn_cgroup_hugetlb *hugetlb = &resources->hugetlb[resources->hugetlb_count++];
		hugetlb->limit = limit > INT64_MAX ? BSN_CGROUP_MAX : (int64_t)limit;
		hugetlb->page_size = strdup(size);
		if (hugetlb->page_size == NULL)
			r = bsn_config_no_memory(err);
	}
	return r;
}

static int parse_rdma(struct bsn_cgroup_resources *resources, const json_t *json, const char *path, struct basin_error *err)
{
	json_t *map = NULL;
	const char *device;
	json_t *limits;
	int r = bsn_json_get_object(json, path, "rdma", &map, err);
	if (r <= 0 || json_object_size(map) == 0)
		return r;
	r = grow(&resources->rdma, resources->rdma_count, json_object_size(map), sizeof(*resources->rdma), err);
	if (r < 0)
		return r;
	json_object_foreach (map, device, limits) {
		char at[BSN_CONFIG_PATH];
		bsn_format(at, sizeof(at), "%s.rdma[\"%.64s\"]", path, device);
		if (!json_is_object(limits))
			return bsn_config_wrong(err, "%s: expected an object, found %s", at, bsn_json_type(limits));
		struct bsn_cgroup_rdma *rdma = &resources->rdma[resources->rdma_count++];
		rdma->handles = BSN_CGROUP_UNSET;
		rdma->objects = BSN_CGROUP_UNSET;
		rdma->device = strdup(device);
		if (rdma->device == NULL)
			return bsn_config_no_memory(err);
		r = bsn_json_get_int(limits, at, "hcaHandles", 0, UINT32_MAX, &rdma->handles, err);
		if (r >= 0)
			r = bsn_json_get_int(limits, at, "hcaObjects", 0, UINT32_MAX, &rdma->objects, err);
		if (r < 0)
			return r;
		if (rdma->handles == BSN_CGROUP_UNSET && rdma->objects == BSN_CGROUP_UNSET)
			return bsn_config_wrong(err, "%s: hcaHandles or hcaObjects must be given", at);
	}
	return 0;
}

static int parse_unified(struct bsn_cgroup_resources *resources, const json_t *json, const char *path, struct basin_error *err)
{
	json_t *map = NULL;
	const char *file;
	json_t *value;
	int r = bsn_json_get_object(json, path, "unified", &map, err);
	if (r <= 0 || json_object_size(map) == 0)
		return r;
	r = grow(&resources->unified, resources->unified_count, json_object_size(map), sizeof(*resources->unified), err);
	if (r < 0)
		return r;
	json_object_foreach (map, file, value) {
		if (!json_is_string(value))
			return bsn_config_wrong(err, "%s.unified[\"%s\"]: expected a string, found %s", path, file,
						bsn_json_type(value));
		if (strchr(file, '/') != NULL || strchr(file, '.') == NULL || file[0] == '.')
			return bsn_config_wrong(
				err,
				"%s.unified[\"%s\"]: not a file of a cgroup like \"memory.high\": the specified key has "
				"not the form CONTROLLER.VALUE `%s`",
				path, file, file);
		if (bsn_starts_with(file, "cgroup.") && !bsn_starts_with(file, "cgroup.max."))
			return bsn_config_wrong(
				err,
				"%s.unified[\"%s\"]: no resource; it would move or end processes, or change the cgroup itself",
				path, file);
		struct bsn_cgroup_unified *unified = &resources->unified[resources->unified_count++];
		unified->file = strdup(file);
		unified->value = strdup(json_string_value(value));
		if (unified->file == NULL || unified->value == NULL)
			return bsn_config_no_memory(err);
	}
	return 0;
}

static int parse_access(const json_t *json, const char *path, unsigned int *ret_access, struct basin_error *err)
{
	const char *text = "rwm";
	unsigned int access = 0;
	int r = bsn_json_get_string(json, path, "access", &text, err);
	if (r < 0)
		return r;
	for (const char *at = text; *at != '\0'; at++) {
		/* "a" is not the spec's, but runc's own tests and v1's devices.allow have it. */
		unsigned int bit = *at == 'r'   ? BSN_DEVICE_READ
				   : *at == 'w' ? BSN_DEVICE_WRITE
				   : *at == 'm' ? BSN_DEVICE_MKNOD
				   : *at == 'a' ? BSN_DEVICE_READ | BSN_DEVICE_WRITE | BSN_DEVICE_MKNOD
						: 0;
		if (bit == 0)
			return bsn_config_wrong(err, "%s.access: \"%s\" has letters other than r, w and m", path, text);
		access |= bit;
	}
	*ret_access = access == 0 ? BSN_DEVICE_READ | BSN_DEVICE_WRITE | BSN_DEVICE_MKNOD : access;
	return 0;
}

static int parse_device_rule(const json_t *json, const char *path, struct bsn_device_rule *rule, struct basin_error *err)
{
	static const struct bsn_config_word types[] = { { "a", 'a' }, { "c", 'c' }, { "u", 'c' },
							{ "b", 'b' }, { "", 'a' },  { NULL, 0 } };
	uint64_t type = 'a';
	rule->major = BSN_DEVICE_ANY;
	rule->minor = BSN_DEVICE_ANY;
	int r = bsn_json_get_bool(json, path, "allow", &rule->allow, err);
	if (r == 0)
		r = bsn_config_wrong(err, "%s.allow: must be given", path);
	if (r >= 0)
		r = bsn_config_word(json, path, "type", types, &type, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "major", BSN_DEVICE_ANY, UINT32_MAX, &rule->major, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "minor", BSN_DEVICE_ANY, UINT32_MAX, &rule->minor, err);
	rule->type = (char)type;
	return r < 0 ? r : parse_access(json, path, &rule->access, err);
}

static int parse_device_rules(struct bsn_cgroup_resources *resources, const json_t *json, const char *path,
			      struct basin_error *err)
{
	json_t *array = NULL;
	char at[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_json_get_array(json, path, "devices", &array, err);
	if (r <= 0)
		return r;
	r = grow(&resources->devices, resources->device_count, json_array_size(array), sizeof(*resources->devices), err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		r = bsn_config_element(array, i, path, "devices", at, &element, err);
		if (r >= 0)
			r = parse_device_rule(element, at, &resources->devices[resources->device_count++], err);
	}
	return r;
}

/*
 * 0: until 1.3 the spec said "no limit" and podman writes it for that; since then it is a limit like any other, of which the payload
 * itself is the first task.
 */
static int64_t limit_of_zero(const char *version)
{
	return version != NULL && strtol(version + 2, NULL, 10) >= 3 ? 1 : BSN_CGROUP_MAX;
}

static int parse_pids(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err)
{
	int64_t limit = BSN_CGROUP_UNSET;
	char at[BSN_CONFIG_PATH];
	bsn_format(at, sizeof(at), "%s.pids", path);
	int r = bsn_json_get_int(json, at, "limit", INT64_MIN + 1, AMOUNT_MAX, &limit, err);
	if (r > 0)
		config->resources.pids_max = limit > 0 ? limit : limit == 0 ? limit_of_zero(config->oci_version) : BSN_CGROUP_MAX;
	return r;
}

int bsn_config_resources(struct bsn_config *config, const json_t *json, const char *path, struct basin_error *err)
{
	struct bsn_cgroup_resources *resources = &config->resources;
	json_t *part = NULL;
	char at[BSN_CONFIG_PATH];
	int r = bsn_json_get_object(json, path, "memory", &part, err);
	if (r > 0) {
		bsn_format(at, sizeof(at), "%s.memory", path);
		r = parse_memory(resources, part, at, err);
	}
	if (r >= 0)
		r = bsn_json_get_object(json, path, "cpu", &part, err);
	if (r > 0) {
		bsn_format(at, sizeof(at), "%s.cpu", path);
		r = parse_cpu(resources, part, at, err);
	}
	if (r >= 0)
		r = bsn_json_get_object(json, path, "blockIO", &part, err);
	if (r > 0) {
		bsn_format(at, sizeof(at), "%s.blockIO", path);
		r = parse_block_io(resources, part, at, err);
	}
	if (r >= 0)
		r = bsn_json_get_object(json, path, "pids", &part, err);
	if (r > 0)
		r = parse_pids(config, part, path, err);
	if (r >= 0)
		r = parse_hugepages(resources, json, path, err);
	if (r >= 0)
		r = parse_rdma(resources, json, path, err);
	if (r >= 0)
		r = parse_unified(resources, json, path, err);
	if (r >= 0)
		r = bsn_config_legacy(config, json, path, err);
	return r < 0 ? r : parse_device_rules(resources, json, path, err);
}
