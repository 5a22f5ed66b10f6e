/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources as properties of a unit, in GVariant's text form. systemd would write a knob back to what it knows, so whatever it has a property for is
 * told to it; the knobs are written after that all the same, since there are some that it does not know.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/own.h"
#include "runtime/scope.h"

#define USUAL_PERIOD 100000   /* µs: the kernel's */
#define QUOTA_STEP   10000ull /* µs of a second: what systemd rounds to */
#define CPU_MAX      8192

void bsn_scope_words_release(struct bsn_scope_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->of[i]);
	free(words->of);
	*words = (struct bsn_scope_words){ .of = NULL };
}

void bsn_scope_add(struct bsn_scope_words *words, const char *format, ...)
{
	char **more = reallocarray(words->of, words->count + 2, sizeof(*more));
	va_list arguments;
	if (more == NULL) {
		words->failed = true;
		return;
	}
	words->of = more;
	va_start(arguments, format);
	int n = vasprintf(&words->of[words->count], format, arguments);
	va_end(arguments);
	words->failed |= n < 0;
	words->count += n >= 0;
	words->of[words->count] = NULL;
}

static void add_number(struct bsn_scope_words *words, const char *name, int64_t value)
{
	if (value == BSN_CGROUP_UNSET)
		return;
	bsn_scope_add(words, "%s=uint64 %" PRIu64, name, value == BSN_CGROUP_MAX ? UINT64_MAX : (uint64_t)value);
}

/* Of a second, rounded up, so that what the container is promised fits. */
static uint64_t per_second_of(int64_t quota, int64_t period)
{
	uint64_t per_second = (uint64_t)quota * 1000000 / (uint64_t)(period > 0 ? period : USUAL_PERIOD);
	return (per_second + QUOTA_STEP - 1) / QUOTA_STEP * QUOTA_STEP;
}

static bool is_quota(int64_t quota)
{
	return quota > 0 && quota < INT64_MAX / 1000000;
}

void bsn_scope_round(struct bsn_cgroup_resources *resources)
{
	int64_t period = resources->cpu_period > 0 ? resources->cpu_period : USUAL_PERIOD;
	if (is_quota(resources->cpu_quota))
		resources->cpu_quota = (int64_t)(per_second_of(resources->cpu_quota, period) * (uint64_t)period / 1000000);
}

static void add_quota(struct bsn_scope_words *words, int64_t quota, int64_t period)
{
	if (quota == BSN_CGROUP_UNSET && period == BSN_CGROUP_UNSET)
		return;
	if (period != BSN_CGROUP_UNSET)
		bsn_scope_add(words, "CPUQuotaPeriodUSec=uint64 %" PRId64, period);
	bsn_scope_add(words, "CPUQuotaPerSecUSec=uint64 %" PRIu64, is_quota(quota) ? per_second_of(quota, period) : UINT64_MAX);
}

/* "0-3,6" as systemd wants it: a bit for each, the lowest byte first. The list was checked where it was read, or the kernel will. */
static void add_set(struct bsn_scope_words *words, const char *name, const char *list)
{
	unsigned char bits[CPU_MAX / 8] = { 0 };
	size_t length = 0;
	auto_str struct bsn_str text = { 0 };
	while (list != NULL && *list != '\0') {
		char *end;
		unsigned long first = strtoul(list, &end, 10);
		unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
		if (end == list || last >= CPU_MAX || (*end != ',' && *end != '\0' && *end != '\n'))
			return;
		for (unsigned long i = first; i <= last; i++)
			bits[i / 8] |= (unsigned char)(1u << (i % 8));
		length = last / 8 + 1 > length ? last / 8 + 1 : length;
		list = end + strspn(end, ",\n");
	}
	for (size_t i = 0; i < length; i++)
		bsn_str_addf(&text, "%s%d", i > 0 ? "," : "", bits[i]);
	words->failed |= text.failed;
	if (length > 0)
		bsn_scope_add(words, "%s=@ay [%s]", name, bsn_str_text(&text));
}

/* systemd sets cpu.idle where the weight is 0, and then there is no other. */
static void add_weight(struct bsn_scope_words *words, int64_t weight, bool idle)
{
	if (idle && weight != BSN_CGROUP_UNSET)
		bsn_warn("unable to apply both the CPU weight and cpu.idle to systemd, ignoring the weight");
	add_number(words, "CPUWeight", idle ? 0 : weight);
}

/* --- resources.unified --- */

static int64_t number_of(const char *value)
{
	char *end;
	long long number = strtoll(value, &end, 10);
	if (bsn_starts_with(value, "max"))
		return BSN_CGROUP_MAX;
	return end == value || number < 0 ? BSN_CGROUP_UNSET : number;
}

static const char *unified_value(const struct bsn_cgroup_resources *resources, const char *file)
{
	for (size_t i = 0; i < resources->unified_count; i++)
		if (bsn_streq(resources->unified[i].file, file))
			return resources->unified[i].value + strspn(resources->unified[i].value, " \t\n");
	return NULL;
}

static void add_unified(struct bsn_scope_words *words, const struct bsn_cgroup_resources *resources)
{
	static const struct {
		const char *file;
		const char *property;
	} numbers[] = {
		{ "memory.min", "MemoryMin" }, { "memory.low", "MemoryLow" },          { "memory.high", "MemoryHigh" },
		{ "memory.max", "MemoryMax" }, { "memory.swap.max", "MemorySwapMax" }, { "pids.max", "TasksMax" },
	};
	const char *value;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if ((value = unified_value(resources, numbers[i].file)) != NULL)
			add_number(words, numbers[i].property, number_of(value));
	value = unified_value(resources, "cpu.max");
	if (value != NULL) {
		size_t first = strcspn(value, " ");
		add_quota(words, number_of(value), value[first] != '\0' ? number_of(value + first + 1) : USUAL_PERIOD);
	}
	const char *idle = unified_value(resources, "cpu.idle");
	value = unified_value(resources, "cpu.weight");
	bool is_idle = idle != NULL && number_of(idle) == 1;
	if (value != NULL || is_idle)
		add_weight(words, value != NULL ? number_of(value) : BSN_CGROUP_UNSET, is_idle);
	add_set(words, "AllowedCPUs", unified_value(resources, "cpuset.cpus"));
	add_set(words, "AllowedMemoryNodes", unified_value(resources, "cpuset.mems"));
}

/* --- devices --- */

static void name_devices(const struct bsn_device_rule *rule, char type, struct bsn_str *list)
{
	const char *kind = type == 'c' ? "char" : "block";
	bsn_str_addf(list, "%s('", list->length > 0 ? "," : "");
	if (rule->major == BSN_DEVICE_ANY || rule->type == 'a')
		bsn_str_addf(list, "%s-*", kind);
	else if (rule->minor == BSN_DEVICE_ANY)
		bsn_str_addf(list, "%s-%" PRId64, kind, rule->major);
	else
		bsn_str_addf(list, "/dev/%s/%" PRId64 ":%" PRId64, kind, rule->major, rule->minor);
	bsn_str_addf(list, "','%s%s%s')", rule->access & BSN_DEVICE_READ ? "r" : "", rule->access & BSN_DEVICE_WRITE ? "w" : "",
		     rule->access & BSN_DEVICE_MKNOD ? "m" : "");
}

/*
 * systemd's list only allows, and a device must pass it and our own filter, which is exact. So it gets all that is allowed anywhere; where that cannot
 * be said (any major with one minor), or is everything, it gets no list.
 */
static void add_devices(struct bsn_scope_words *words, const struct bsn_cgroup_resources *resources)
{
	auto_str struct bsn_str list = { 0 };
	size_t usual_count;
	const struct bsn_device_rule *usual = bsn_cgroup_default_devices(&usual_count);
	bool all = false;
	for (size_t i = 0; i < resources->device_count + usual_count; i++) {
		const struct bsn_device_rule *rule =
			i < resources->device_count ? &resources->devices[i] : &usual[i - resources->device_count];
		if (!rule->allow)
			continue;
		all |= rule->type == 'a' || (rule->major == BSN_DEVICE_ANY && rule->minor != BSN_DEVICE_ANY);
		name_devices(rule, rule->type, &list);
	}
	words->failed |= list.failed;
	bsn_scope_add(words, "DevicePolicy='%s'", all ? "auto" : "strict");
	bsn_scope_add(words, "DeviceAllow=@a(ss) []");
	if (!all)
		bsn_scope_add(words, "DeviceAllow=@a(ss) [%s]", bsn_str_text(&list));
}

int bsn_scope_properties(const struct bsn_cgroup_resources *resources, bool devices, struct bsn_scope_words *words,
			 struct basin_error *err)
{
	add_number(words, "MemoryMax", resources->memory_max);
	add_number(words, "MemoryLow", resources->memory_low);
	add_number(words, "MemoryMin", resources->memory_min);
	add_number(words, "MemoryHigh", resources->memory_high);
	add_number(words, "MemorySwapMax", resources->memory_swap_max);
	add_weight(words, resources->cpu_weight, resources->cpu_idle == 1);
	add_quota(words, resources->cpu_quota, resources->cpu_period);
	add_number(words, "TasksMax", resources->pids_max);
	add_number(words, "IOWeight", resources->io_weight);
	add_set(words, "AllowedCPUs", resources->cpuset_cpus);
	add_set(words, "AllowedMemoryNodes", resources->cpuset_mems);
	add_unified(words, resources);
	if (devices)
		add_devices(words, resources);
	return words->failed ? bsn_fail_sys(err, ENOMEM, "cannot tell systemd of the container's limits") : 0;
}
