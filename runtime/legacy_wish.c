/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources in version 1's own terms, which the spec was written in: one key is one file. */
#include <inttypes.h>
#include <stdio.h>

#include "runtime/config_parse.h"
#include "runtime/legacy.h"

/* -1 and below is "no limit"; 0 is what engines write for "not given". Returns 1 when there is something to write. */
static int get_limit(const json_t *json, const char *path, const char *key, int64_t *ret, struct basin_error *err)
{
	int64_t value = 0;
	int r = bsn_json_get_int(json, path, key, INT64_MIN, INT64_MAX, &value, err);
	*ret = value < 0 ? -1 : value;
	return r > 0 && value == 0 ? 0 : r;
}

static int wish_limit(struct bsn_legacy_wish *wish, enum bsn_legacy_controller controller, const char *file, const json_t *json,
		      const char *path, const char *key, struct basin_error *err)
{
	int64_t value;
	int r = get_limit(json, path, key, &value, err);
	if (r > 0)
		bsn_legacy_add(&wish->writes, controller, file, "%" PRId64, value);
	return r;
}

/* A number for which 0 is one like the others. */
static int wish_number(struct bsn_legacy_wish *wish, enum bsn_legacy_controller controller, const char *file, const json_t *json,
		       const char *path, const char *key, struct basin_error *err)
{
	int64_t value;
	int r = bsn_json_get_int(json, path, key, INT64_MIN, INT64_MAX, &value, err);
	if (r > 0)
		bsn_legacy_add(&wish->writes, controller, file, "%" PRId64, value);
	return r;
}

static int wish_text(struct bsn_legacy_wish *wish, const char *file, const json_t *json, const char *path, const char *key,
		     struct basin_error *err)
{
	const char *text = "";
	int r = bsn_json_get_string(json, path, key, &text, err);
	if (r <= 0 || text[0] == '\0')
		return r;
	wish->mask |= BSN_LEGACY_BIT(BSN_LEGACY_CPUSET);
	bsn_legacy_add(&wish->writes, BSN_LEGACY_CPUSET, file, "%s", text);
	return r;
}

/* Kernel memory is no longer limited apart from the rest: its key is ignored. */
static int wish_memory(struct bsn_legacy_wish *wish, const json_t *json, const char *path, struct basin_error *err)
{
	int64_t limit = 0;
	int64_t swap = 0;
	bool no_killer = false;
	wish->mask |= BSN_LEGACY_BIT(BSN_LEGACY_MEMORY);
	int r = get_limit(json, path, "limit", &limit, err);
	if (r > 0)
		bsn_legacy_add(&wish->writes, BSN_LEGACY_MEMORY, "memory.limit_in_bytes", "%" PRId64, limit);
	if (r >= 0)
		r = get_limit(json, path, "swap", &swap, err);
	/* Without a limit of memory, one of memory and swap together would hold it after all. */
	if (r == 0 && limit == -1)
		bsn_legacy_add(&wish->writes, BSN_LEGACY_MEMORY, "memory.memsw.limit_in_bytes", "-1")->optional = true;
	if (r > 0)
		bsn_legacy_add(&wish->writes, BSN_LEGACY_MEMORY, "memory.memsw.limit_in_bytes", "%" PRId64, swap);
	if (r >= 0)
		r = wish_limit(wish, BSN_LEGACY_MEMORY, "memory.soft_limit_in_bytes", json, path, "reservation", err);
	if (r >= 0)
		r = wish_limit(wish, BSN_LEGACY_MEMORY, "memory.kmem.tcp.limit_in_bytes", json, path, "kernelTCP", err);
	if (r >= 0)
		r = wish_number(wish, BSN_LEGACY_MEMORY, "memory.swappiness", json, path, "swappiness", err);
	if (r >= 0)
		r = bsn_json_get_bool(json, path, "disableOOMKiller", &no_killer, err);
	if (r > 0 && (no_killer || wish->update))
		bsn_legacy_add(&wish->writes, BSN_LEGACY_MEMORY, "memory.oom_control", "%d", no_killer);
	return r;
}

static int wish_cpu(struct bsn_legacy_wish *wish, const json_t *json, const char *path, struct basin_error *err)
{
	static const struct {
		const char *key;
		const char *file;
		bool zero;
	} numbers[] = {
		{ "shares", "cpu.shares", false },
		{ "period", "cpu.cfs_period_us", false },
		{ "quota", "cpu.cfs_quota_us", false },
		{ "burst", "cpu.cfs_burst_us", true },
		{ "realtimePeriod", "cpu.rt_period_us", false },
		{ "realtimeRuntime", "cpu.rt_runtime_us", false },
		{ "idle", "cpu.idle", true },
	};
	bool idle = json_integer_value(json_object_get(json, "idle")) == 1;
	int r = 0;
	wish->mask |= BSN_LEGACY_BIT(BSN_LEGACY_CPU);
	/* One that is idle has no share. */
	for (size_t i = idle ? 1 : 0; r >= 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		r = (numbers[i].zero ? wish_number : wish_limit)(wish, BSN_LEGACY_CPU, numbers[i].file, json, path,
								 numbers[i].key, err);
	if (r >= 0)
		r = wish_text(wish, "cpuset.cpus", json, path, "cpus", err);
	return r < 0 ? r : wish_text(wish, "cpuset.mems", json, path, "mems", err);
}

static int wish_pids(struct bsn_legacy_wish *wish, const json_t *json, const char *path, struct basin_error *err)
{
	int64_t limit = 0;
	int r = bsn_json_get_int(json, path, "limit", INT64_MIN, INT64_MAX, &limit, err);
	wish->mask |= BSN_LEGACY_BIT(BSN_LEGACY_PIDS);
	if (r > 0 && limit == 0)
		limit = wish->pids_of_zero;
	if (r > 0 && limit > 0)
		bsn_legacy_add(&wish->writes, BSN_LEGACY_PIDS, "pids.max", "%" PRId64, limit);
	else if (r > 0 && limit < 0)
		bsn_legacy_add(&wish->writes, BSN_LEGACY_PIDS, "pids.max", "max");
	return r;
}

static int wish_device_weight(struct bsn_legacy_wish *wish, const json_t *json, const char *path, unsigned int major,
			      unsigned int minor, struct basin_error *err)
{
	int64_t weight = 0;
	int64_t leaf = 0;
	int r = bsn_json_get_int(json, path, "weight", 0, 1000, &weight, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "leafWeight", 0, 1000, &leaf, err);
	if (r >= 0 && weight > 0)
		bsn_legacy_add(&wish->writes, BSN_LEGACY_BLKIO, "blkio.weight_device", "%u:%u %" PRId64, major, minor, weight)
			->other = "blkio.bfq.weight_device";
	if (r >= 0 && leaf > 0)
		bsn_legacy_add(&wish->writes, BSN_LEGACY_BLKIO, "blkio.leaf_weight_device", "%u:%u %" PRId64, major, minor, leaf);
	return r;
}

/* file NULL: weights. */
static int wish_devices(struct bsn_legacy_wish *wish, const json_t *json, const char *path, const char *key, const char *file,
			struct basin_error *err)
{
	json_t *array = NULL;
	char at[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_json_get_array(json, path, key, &array, err);
	for (size_t i = 0; r > 0 && i < json_array_size(array); i++) {
		int64_t major = 0;
		int64_t minor = 0;
		uint64_t rate = 0;
		r = bsn_config_element(array, i, path, key, at, &element, err);
		if (r >= 0)
			r = bsn_json_get_int(element, at, "major", 0, UINT32_MAX, &major, err);
		if (r >= 0)
			r = bsn_json_get_int(element, at, "minor", 0, UINT32_MAX, &minor, err);
		if (r >= 0 && file == NULL)
			r = wish_device_weight(wish, element, at, (unsigned int)major, (unsigned int)minor, err);
		else if (r >= 0)
			r = bsn_json_get_u64(element, at, "rate", &rate, err);
		if (r >= 0 && file != NULL)
			bsn_legacy_add(&wish->writes, BSN_LEGACY_BLKIO, file, "%" PRId64 ":%" PRId64 " %" PRIu64, major, minor,
				       rate);
		r = r < 0 ? r : 1;
	}
	return r;
}

static int wish_block_io(struct bsn_legacy_wish *wish, const json_t *json, const char *path, struct basin_error *err)
{
	static const struct {
		const char *key;
		const char *file;
	} lists[] = {
		{ "weightDevice", NULL },
		{ "throttleReadBpsDevice", "blkio.throttle.read_bps_device" },
		{ "throttleWriteBpsDevice", "blkio.throttle.write_bps_device" },
		{ "throttleReadIOPSDevice", "blkio.throttle.read_iops_device" },
		{ "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device" },
	};
	wish->mask |= BSN_LEGACY_BIT(BSN_LEGACY_BLKIO);
	int r = wish_limit(wish, BSN_LEGACY_BLKIO, "blkio.weight", json, path, "weight", err);
	if (r > 0 && !wish->writes.failed)
		wish->writes.of[wish->writes.count - 1].other = "blkio.bfq.weight";
	if (r >= 0)
		r = wish_limit(wish, BSN_LEGACY_BLKIO, "blkio.leaf_weight", json, path, "leafWeight", err);
	for (size_t i = 0; r >= 0 && i < sizeof(lists) / sizeof(lists[0]); i++)
		r = wish_devices(wish, json, path, lists[i].key, lists[i].file, err);
	return r;
}

static int wish_network(struct bsn_legacy_wish *wish, const json_t *json, const char *path, struct basin_error *err)
{
	json_t *array = NULL;
	char at[BSN_CONFIG_PATH];
	const json_t *element;
	wish->mask |= BSN_LEGACY_BIT(BSN_LEGACY_NET_CLS) | BSN_LEGACY_BIT(BSN_LEGACY_NET_PRIO);
	int r = wish_limit(wish, BSN_LEGACY_NET_CLS, "net_cls.classid", json, path, "classID", err);
	if (r >= 0)
		r = bsn_json_get_array(json, path, "priorities", &array, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		const char *name = NULL;
		int64_t priority = 0;
		r = bsn_config_element(array, i, path, "priorities", at, &element, err);
		if (r >= 0)
			r = bsn_config_required(element, at, "name", &name, err);
		if (r >= 0)
			r = bsn_json_get_int(element, at, "priority", 0, UINT32_MAX, &priority, err);
		if (r >= 0)
			bsn_legacy_add(&wish->writes, BSN_LEGACY_NET_PRIO, "net_prio.ifpriomap", "%s %" PRId64, name, priority);
	}
	return r;
}

static int wish_hugepages(struct bsn_legacy_wish *wish, const json_t *resources, const char *path, struct basin_error *err)
{
	json_t *array = NULL;
	char at[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_json_get_array(resources, path, "hugepageLimits", &array, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		const char *size = NULL;
		uint64_t limit = 0;
		char file[64];
		r = bsn_config_element(array, i, path, "hugepageLimits", at, &element, err);
		if (r >= 0)
			r = bsn_config_required(element, at, "pageSize", &size, err);
		if (r >= 0)
			r = bsn_json_get_u64(element, at, "limit", &limit, err);
		if (r < 0)
			return r;
		wish->mask |= BSN_LEGACY_BIT(BSN_LEGACY_HUGETLB);
		if (strchr(size, '/') != NULL || bsn_format(file, sizeof(file), "hugetlb.%s.limit_in_bytes", size) < 0)
			return bsn_config_wrong(err, "%s.pageSize: \"%s\" is not a size like \"2MB\" or \"1GB\"", at, size);
		bsn_legacy_add(&wish->writes, BSN_LEGACY_HUGETLB, file, "%" PRIu64, limit);
		bsn_format(file, sizeof(file), "hugetlb.%s.rsvd.limit_in_bytes", size);
		bsn_legacy_add(&wish->writes, BSN_LEGACY_HUGETLB, file, "%" PRIu64, limit)->optional = true;
	}
	return r;
}

/* The sections, and which controllers each is for: what version 1 takes is taken out of an update. */
static const struct {
	const char *key;
	int (*read)(struct bsn_legacy_wish *wish, const json_t *json, const char *path, struct basin_error *err);
	uint32_t mask;
} sections[] = {
	{ "memory", wish_memory, BSN_LEGACY_BIT(BSN_LEGACY_MEMORY) },
	{ "cpu", wish_cpu, BSN_LEGACY_BIT(BSN_LEGACY_CPU) | BSN_LEGACY_BIT(BSN_LEGACY_CPUSET) },
	{ "pids", wish_pids, BSN_LEGACY_BIT(BSN_LEGACY_PIDS) },
	{ "blockIO", wish_block_io, BSN_LEGACY_BIT(BSN_LEGACY_BLKIO) },
	{ "network", wish_network, BSN_LEGACY_BIT(BSN_LEGACY_NET_CLS) | BSN_LEGACY_BIT(BSN_LEGACY_NET_PRIO) },
	{ "hugepageLimits", NULL, BSN_LEGACY_BIT(BSN_LEGACY_HUGETLB) },
};

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

int bsn_legacy_read(const json_t *resources, struct bsn_legacy_wish *wish, struct basin_error *err)
{
	const char *path = "linux.resources";
	int r = 0;
	for (size_t i = 0; r >= 0 && i < SECTIONS; i++) {
		json_t *part = NULL;
		char at[BSN_CONFIG_PATH];
		if (sections[i].read == NULL)
			continue;
		r = bsn_json_get_object(resources, path, sections[i].key, &part, err);
		bsn_format(at, sizeof(at), "%s.%s", path, sections[i].key);
		if (r > 0)
			r = sections[i].read(wish, part, at, err);
	}
	if (r >= 0)
		r = wish_hugepages(wish, resources, path, err);
	return r < 0 ? r : wish->writes.failed ? bsn_config_no_memory(err) : 0;
}

void bsn_legacy_read_devices(const struct bsn_device_rule *rules, size_t count, struct bsn_legacy_wish *wish)
{
	bool own = false;
	for (size_t i = 0; i < count; i++)
		own |= rules[i].allow;
	if (!own)
		return;
	wish->mask |= BSN_LEGACY_BIT(BSN_LEGACY_DEVICES);
	bsn_legacy_add_devices(&wish->writes, rules, count, !wish->update);
}

void bsn_legacy_take_out(json_t *resources, uint32_t mask)
{
	for (size_t i = 0; i < SECTIONS; i++)
		if ((sections[i].mask & mask) != 0)
			json_object_del(resources, sections[i].key);
}
