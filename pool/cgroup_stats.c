/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel counts for a cgroup. One row of a table is one number: the file, the key in it, the field. */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "pool/cgroup.h"

#define FILE_MAX (1024 * 1024)

int bsn_cgroup_read(int fd, const char *file, char **ret_text)
{
	char *text = NULL;
	size_t length = 0;
	int r = bsn_read_file(fd, file, FILE_MAX, &text, &length);
	if (r < 0)
		return r == -ENODEV ? -ENOENT : r;
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	*ret_text = text;
	return 0;
}

struct counter {
	const char *file;
	const char *key; /* NULL: the file is one number; "rbytes=" in io.stat: summed
                      over the devices */
	size_t field;
};

#define COUNTER(file, key, member)                                                                                               \
	{                                                                                                                        \
		file, key, offsetof(struct bsn_cgroup_stats, member)                                                             \
	}

/* Rows of one file stand together, so that it is read once. */
static const struct counter counters[] = {
	COUNTER("cpu.stat", "usage_usec", cpu_usage_us),
	COUNTER("cpu.stat", "user_usec", cpu_user_us),
	COUNTER("cpu.stat", "system_usec", cpu_system_us),
	COUNTER("cpu.stat", "nr_periods", cpu_periods),
	COUNTER("cpu.stat", "nr_throttled", cpu_throttled),
	COUNTER("cpu.stat", "throttled_usec", cpu_throttled_us),
	COUNTER("memory.current", NULL, memory_current),
	COUNTER("memory.peak", NULL, memory_peak),
	COUNTER("memory.max", NULL, memory_max),
	COUNTER("memory.swap.current", NULL, memory_swap_current),
	COUNTER("memory.swap.max", NULL, memory_swap_max),
	COUNTER("memory.stat", "anon", memory_anon),
	COUNTER("memory.stat", "file", memory_file),
	COUNTER("memory.stat", "kernel", memory_kernel),
	COUNTER("memory.stat", "slab", memory_slab),
	COUNTER("memory.events", "high", memory_events_high),
	COUNTER("memory.events", "max", memory_events_max),
	COUNTER("memory.events", "oom", memory_events_oom),
	COUNTER("memory.events", "oom_kill", memory_events_oom_kill),
	COUNTER("pids.current", NULL, pids_current),
	COUNTER("pids.max", NULL, pids_max),
	COUNTER("pids.events", "max", pids_events_max),
	COUNTER("io.stat", "rbytes=", io_read_bytes),
	COUNTER("io.stat", "wbytes=", io_write_bytes),
	COUNTER("io.stat", "rios=", io_reads),
	COUNTER("io.stat", "wios=", io_writes),
};

static int64_t number(const char *text)
{
	return bsn_starts_with(text, "max") ? BSN_CGROUP_MAX : (int64_t)strtoll(text, NULL, 10);
}

/* "key 12" at the start of a line. */
static int64_t keyed(const char *text, const char *key)
{
	size_t length = strlen(key);
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return number(line + length + 1);
	}
	return BSN_CGROUP_UNSET;
}

/* " key=12" anywhere, added up. */
static int64_t summed(const char *text, const char *key)
{
	int64_t sum = 0;
	for (const char *at = strstr(text, key); at != NULL; at = strstr(at + 1, key))
		if (at > text && at[-1] == ' ')
			sum += number(at + strlen(key));
	return sum;
}

int bsn_cgroup_stats(int fd, struct bsn_cgroup_stats *ret_stats, struct basin_error *err)
{
	struct bsn_cgroup_stats stats;
	auto_free char *text = NULL;
	const char *file = "";
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		const struct counter *counter = &counters[i];
		if (!bsn_streq(file, counter->file)) {
			free(text);
			text = NULL;
			file = counter->file;
			int r = bsn_cgroup_read(fd, file, &text);
			if (r < 0 && r != -ENOENT && r != -EOPNOTSUPP)
				return bsn_fail_sys(err, -r, "cannot read %s of the cgroup", file);
		}
		int64_t value = BSN_CGROUP_UNSET;
		if (text != NULL && counter->key == NULL)
			value = number(text);
		else if (text != NULL)
			value = bsn_ends_with(counter->key, "=") ? summed(text, counter->key) : keyed(text, counter->key);
		memcpy((char *)&stats + counter->field, &value, sizeof(value));
	}
	*ret_stats = stats;
	return 0;
}

int64_t bsn_cgroup_oom_kills(int fd)
{
	auto_free char *text = NULL;
	if (bsn_cgroup_read(fd, "memory.events", &text) < 0)
		return 0;
	int64_t kills = keyed(text, "oom_kill");
	return kills > 0 ? kills : 0;
}
