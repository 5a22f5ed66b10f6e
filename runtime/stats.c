/* SPDX-License-Identifier: Apache-2.0 */
/* As text from the start: numbers of 64 bits without a sign are more than the JSON library holds. */
#include "runtime/stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"

/* What is not there counts as nothing. */
static uint64_t count(int64_t value)
{
	return value > 0 ? (uint64_t)value : 0;
}

static uint64_t limit(int64_t value)
{
	return value == BSN_CGROUP_MAX ? UINT64_MAX : count(value);
}

/* --- pressure --- */

/* "some avg10=0.12 avg60=0.00 avg300=0.00 total=1234": each word becomes a member as it is. false: not such a line. */
static bool add_pressure_line(struct bsn_str *text, const char *line, const char *kind, bool first)
{
	float avg10, avg60, avg300;
	uint64_t total;
	size_t length = strlen(kind);
	if (strncmp(line, kind, length) != 0 ||
	    sscanf(line + length, " avg10=%f avg60=%f avg300=%f total=%" SCNu64, &avg10, &avg60, &avg300, &total) != 4)
		return false;
	bsn_str_addf(text, "%s\"%s\":{\"avg10\":%.2f,\"avg60\":%.2f,\"avg300\":%.2f,\"total\":%" PRIu64 "}", first ? "" : ",",
		     kind, (double)avg10, (double)avg60, (double)avg300, total);
	return true;
}

/* A kernel without pressure information, or with it switched off (EOPNOTSUPP), has no such section. */
static void add_pressure(struct bsn_str *text, int cgroup, const char *file)
{
	auto_free char *all = NULL;
	if (bsn_cgroup_read(cgroup, file, &all) < 0 || *all == '\0')
		return;
	const char *second = strchr(all, '\n');
	bsn_str_add(text, ",\"psi\":{");
	bool some = add_pressure_line(text, all, "some", true);
	if (second != NULL)
		add_pressure_line(text, second + 1, "full", !some);
	bsn_str_add(text, "}");
}

/* --- sections --- */

static void add_cpu(struct bsn_str *text, int cgroup, const struct bsn_cgroup_stats *stats)
{
	bsn_str_addf(text,
		     "\"cpu\":{\"usage\":{\"total\":%" PRIu64 ",\"kernel\":%" PRIu64 ",\"user\":%" PRIu64 "},"
		     "\"throttling\":{\"periods\":%" PRIu64 ",\"throttledPeriods\":%" PRIu64 ",\"throttledTime\":%" PRIu64 "}",
		     count(stats->cpu_usage_us) * 1000, count(stats->cpu_system_us) * 1000, count(stats->cpu_user_us) * 1000,
		     count(stats->cpu_periods), count(stats->cpu_throttled), count(stats->cpu_throttled_us) * 1000);
	add_pressure(text, cgroup, "cpu.pressure");
	/* Version 2 has no counterpart of these; they are there because readers expect them. */
	bsn_str_add(text, "},\"cpuset\":{\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,\"memory_migrate\":0,"
			  "\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,\"sched_load_balance\":0,"
			  "\"sched_relax_domain_level\":0}");
}

static void add_amount(struct bsn_str *text, const char *name, uint64_t most, uint64_t usage, uint64_t peak, uint64_t failures)
{
	bsn_str_addf(text, "\"%s\":{\"limit\":%" PRIu64 ",\"usage\":%" PRIu64 ",\"max\":%" PRIu64 ",\"failcnt\":%" PRIu64 "},",
		     name, most, usage, peak, failures);
}

/* Every "key number" line of memory.stat. */
static void add_raw(struct bsn_str *text, int cgroup)
{
	auto_free char *all = NULL;
	bool first = true;
	bsn_str_add(text, "\"raw\":{");
	char *rest = bsn_cgroup_read(cgroup, "memory.stat", &all) < 0 ? NULL : all;
	for (const char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		char key[64];
		uint64_t value;
		if (sscanf(line, "%63[a-z_0-9] %" SCNu64, key, &value) != 2)
			continue;
		bsn_str_addf(text, "%s\"%s\":%" PRIu64, first ? "" : ",", key, value);
		first = false;
	}
	bsn_str_add(text, "}");
}

static void add_memory(struct bsn_str *text, int cgroup, const struct bsn_cgroup_stats *stats)
{
	uint64_t memory = limit(stats->memory_max);
	uint64_t swap = limit(stats->memory_swap_max);
	bool swaps = stats->memory_swap_current != BSN_CGROUP_UNSET;
	bsn_str_addf(text, "\"memory\":{\"cache\":%" PRIu64 ",", count(stats->memory_file));
	add_amount(text, "usage", memory, count(stats->memory_current), count(stats->memory_peak),
		   count(stats->memory_events_max));
	add_amount(text, "swap",
		   !swaps                                       ? 0
		   : memory == UINT64_MAX || swap == UINT64_MAX ? UINT64_MAX
								: memory + swap,
		   swaps ? count(stats->memory_current) + count(stats->memory_swap_current) : 0, 0, 0);
	add_amount(text, "kernel", 0, count(stats->memory_kernel), 0, 0);
	add_amount(text, "kernelTCP", 0, 0, 0, 0);
	add_raw(text, cgroup);
	add_pressure(text, cgroup, "memory.pressure");
	bsn_str_add(text, "}");
}

static int add_pids(struct bsn_str *text, int cgroup, const struct bsn_cgroup_stats *stats, struct basin_error *err)
{
	uint64_t current = count(stats->pids_current);
	if (stats->pids_current == BSN_CGROUP_UNSET) {
		auto_free pid_t *pids = NULL;
		size_t found = 0;
		int r = bsn_cgroup_pids(cgroup, &pids, &found, err);
		if (r < 0)
			return r;
		current = found;
	}
	bsn_str_addf(text, "\"pids\":{\"current\":%" PRIu64 ",\"limit\":%" PRIu64 "}", current, count(stats->pids_max));
	return 0;
}

/* io.stat has a line for each device, "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ..."; readers want an entry for each number, by table. */
static void add_io_table(struct bsn_str *text, const char *all, const char *name, const char *reads, const char *writes)
{
	const struct {
		const char *key;
		const char *op;
	} keys[] = { { reads, "Read" }, { writes, "Write" } };
	bool first = true;
	bsn_str_addf(text, "\"%s\":[", name);
	for (const char *line = all; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
		unsigned int major, minor;
		line += *line == '\n';
		const char *end = strchrnul(line, '\n');
		if (sscanf(line, "%u:%u ", &major, &minor) != 2)
			continue;
		for (size_t i = 0; i < 2; i++) {
			const char *at = strstr(line, keys[i].key);
			if (at == NULL || at >= end)
				continue;
			bsn_str_addf(text, "%s{\"major\":%u,\"minor\":%u,\"op\":\"%s\",\"value\":%" PRIu64 "}", first ? "" : ",",
				     major, minor, keys[i].op, (uint64_t)strtoull(at + strlen(keys[i].key), NULL, 10));
			first = false;
		}
	}
	bsn_str_add(text, "]");
}

static void add_io(struct bsn_str *text, int cgroup)
{
	auto_free char *all = NULL;
	const char *stat = bsn_cgroup_read(cgroup, "io.stat", &all) < 0 ? "" : all;
	bsn_str_add(text, "\"blkio\":{");
	add_io_table(text, stat, "ioServiceBytesRecursive", " rbytes=", " wbytes=");
	bsn_str_add(text, ",");
	add_io_table(text, stat, "ioServicedRecursive", " rios=", " wios=");
	add_pressure(text, cgroup, "io.pressure");
	bsn_str_add(text, "}");
}

struct pages {
	struct bsn_str *text;
	bool any;
};

/* For each "hugetlb.2MB.current"; its events say how often the limit was met. */
static int add_page_size(int cgroup, const char *name, void *data)
{
	struct pages *pages = data;
	char size[32];
	char file[64];
	uint64_t failures = 0;
	auto_free char *usage = NULL;
	auto_free char *events = NULL;
	if (sscanf(name, "hugetlb.%31[0-9KMGTB].", size) != 1 || bsn_format(file, sizeof(file), "hugetlb.%s.current", size) < 0 ||
	    strcmp(file, name) != 0 || bsn_cgroup_read(cgroup, name, &usage) < 0)
		return 0;
	bsn_format(file, sizeof(file), "hugetlb.%s.events", size);
	if (bsn_cgroup_read(cgroup, file, &events) >= 0)
		(void)sscanf(events, "max %" SCNu64, &failures);
	bsn_str_addf(pages->text, "%s\"%s\":{\"usage\":%" PRIu64 ",\"failcnt\":%" PRIu64 "}", pages->any ? "," : "", size,
		     (uint64_t)strtoull(usage, NULL, 10), failures);
	pages->any = true;
	return 0;
}

int bsn_stats_format(int cgroup, const struct bsn_cgroup_stats *stats, struct bsn_str *text, struct basin_error *err)
{
	struct pages pages = { .text = text };
	bsn_str_add(text, "{");
	add_cpu(text, cgroup, stats);
	bsn_str_add(text, ",");
	add_memory(text, cgroup, stats);
	bsn_str_add(text, ",");
	int r = add_pids(text, cgroup, stats, err);
	if (r < 0)
		return r;
	bsn_str_add(text, ",");
	add_io(text, cgroup);
	bsn_str_add(text, ",\"hugetlb\":{");
	r = bsn_each_entry(cgroup, add_page_size, &pages);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot list the files of the cgroup");
	bsn_str_add(text, "},\"intel_rdt\":{},\"network_interfaces\":null}");
	return text->failed ? bsn_fail_sys(err, ENOMEM, "cannot describe what the container uses") : 0;
}
