/* SPDX-License-Identifier: Apache-2.0 */
/* What is written to a container's places in version 1, and what is read from them. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/io.h"
#include "base/sys.h"
#include "pool/cgroup_legacy.h"

void bsn_legacy_writes_release(struct bsn_legacy_writes *writes)
{
	for (size_t i = 0; i < writes->count; i++) {
		free(writes->of[i].file);
		free(writes->of[i].value);
	}
	free(writes->of);
	*writes = (struct bsn_legacy_writes){ .count = 0 };
}

struct bsn_legacy_write *bsn_legacy_add(struct bsn_legacy_writes *writes, enum bsn_legacy_controller controller, const char *file,
					const char *format, ...)
{
	static struct bsn_legacy_write spare;
	va_list arguments;
	struct bsn_legacy_write *of = realloc(writes->of, (writes->count + 1) * sizeof(*of));
	char *value = NULL;
	va_start(arguments, format);
	int length = vasprintf(&value, format, arguments);
	va_end(arguments);
	if (of != NULL)
		writes->of = of;
	char *name = strdup(file);
	if (of == NULL || length < 0 || name == NULL) {
		writes->failed = true;
		free(name);
		if (length >= 0)
			free(value);
		return &spare;
	}
	of[writes->count] = (struct bsn_legacy_write){ .controller = controller, .file = name, .value = value };
	return &of[writes->count++];
}

static int put(const int *fds, const struct bsn_legacy_write *write)
{
	int dir = fds[write->controller];
	if (dir < 0)
		return 0;
	int r = bsn_write_file(dir, write->file, write->value);
	if (r == -ENOENT && write->other != NULL)
		r = bsn_write_file(dir, write->other, write->value);
	return r == -ENOENT && write->optional ? 0 : r;
}

static int fail_put(int r, const struct bsn_legacy_write *write, struct basin_error *err)
{
	switch (r) {
	case -ENODEV:
	case -ENOENT:
		return bsn_fail(err, BASIN_UNSUPPORTED, -r, "cannot set %s to \"%s\": this kernel has no such knob or device",
				write->file, write->value);
	case -EINVAL:
	case -ERANGE:
		return bsn_fail(err, BASIN_USAGE, -r, "the kernel does not take \"%s\" for %s", write->value, write->file);
	case -EBUSY:
		return bsn_fail(err, BASIN_BUSY, EBUSY, "cannot set %s to \"%s\": more than that is in use", write->file,
				write->value);
	default:
		return bsn_fail_sys(err, -r, "cannot set %s to \"%s\"", write->file, write->value);
	}
}

/* Rounds, until all are taken or a round takes none. */
static int put_all(const int *fds, const struct bsn_legacy_writes *writes, bool *taken, struct basin_error *err)
{
	for (;;) {
		const struct bsn_legacy_write *refused = NULL;
		bool any = false;
		int why = 0;
		for (size_t i = 0; i < writes->count; i++) {
			if (taken[i])
				continue;
			int r = put(fds, &writes->of[i]);
			taken[i] = r >= 0;
			any |= taken[i];
			if (r < 0 && refused == NULL) {
				refused = &writes->of[i];
				why = r;
			}
		}
		if (refused == NULL)
			return 0;
		if (!any)
			return fail_put(why, refused, err);
	}
}

int bsn_legacy_set(const struct bsn_legacy *legacy, const struct bsn_legacy_writes *writes, struct basin_error *err)
{
	int fds[BSN_LEGACY_CONTROLLERS];
	int opened[BSN_LEGACY_CONTROLLERS];
	auto_free bool *taken = calloc(writes->count + 1, sizeof(*taken));
	if (taken == NULL || writes->failed)
		return bsn_fail_sys(err, ENOMEM, "cannot set limits");
	for (int i = 0; i < BSN_LEGACY_CONTROLLERS; i++)
		fds[i] = -1;
	int r = 0;
	size_t count = 0;
	for (; r >= 0 && count < legacy->count; count++) {
		opened[count] = bsn_legacy_open(legacy->places[count].path, err);
		r = opened[count];
		for (int i = 0; r >= 0 && i < BSN_LEGACY_CONTROLLERS; i++)
			if ((legacy->places[count].mask & BSN_LEGACY_BIT(i)) != 0)
				fds[i] = opened[count];
	}
	if (r >= 0)
		r = put_all(fds, writes, taken, err);
	while (count-- > 0)
		bsn_own_close(&opened[count]);
	return r;
}

static void add_device(struct bsn_legacy_writes *writes, const struct bsn_device_rule *rule)
{
	char major[24] = "*";
	char minor[24] = "*";
	const char *file = rule->allow ? "devices.allow" : "devices.deny";
	if (rule->type == 'a') {
		bsn_legacy_add(writes, BSN_LEGACY_DEVICES, file, "a");
		return;
	}
	if (rule->major != BSN_DEVICE_ANY)
		snprintf(major, sizeof(major), "%" PRId64, rule->major);
	if (rule->minor != BSN_DEVICE_ANY)
		snprintf(minor, sizeof(minor), "%" PRId64, rule->minor);
	bsn_legacy_add(writes, BSN_LEGACY_DEVICES, file, "%c %s:%s %s%s%s", rule->type, major, minor,
		       (rule->access & BSN_DEVICE_READ) != 0 ? "r" : "", (rule->access & BSN_DEVICE_WRITE) != 0 ? "w" : "",
		       (rule->access & BSN_DEVICE_MKNOD) != 0 ? "m" : "");
}

void bsn_legacy_add_devices(struct bsn_legacy_writes *writes, const struct bsn_device_rule *rules, size_t count, bool fresh)
{
	size_t usual_count;
	const struct bsn_device_rule *usual = bsn_cgroup_default_devices(&usual_count);
	if (fresh)
		bsn_legacy_add(writes, BSN_LEGACY_DEVICES, "devices.deny", "a");
	for (size_t i = 0; i < count; i++)
		/* A denial of everything came first, or would open a gap in what runs. */
		if (rules[i].allow || rules[i].type != 'a')
			add_device(writes, &rules[i]);
	for (size_t i = 0; fresh && i < usual_count; i++)
		add_device(writes, &usual[i]);
}

/* --- reading --- */

/* A file's number; what the kernel writes for "no limit" is a number of pages just below 2^63. */
static void read_number(int fd, const char *file, int64_t *value)
{
	auto_free char *text = NULL;
	if (*value != BSN_CGROUP_UNSET || bsn_read_file(fd, file, 4096, &text, NULL) < 0)
		return;
	if (bsn_starts_with(text, "max")) {
		*value = BSN_CGROUP_MAX;
		return;
	}
	int64_t number = strtoll(text, NULL, 10);
	*value = number >= INT64_MAX / 65536 * 65536 ? BSN_CGROUP_MAX : number;
}

/* "key value" lines. */
static void read_key(const char *text, const char *key, int64_t *value)
{
	size_t length = strlen(key);
	for (const char *line = text; *value == BSN_CGROUP_UNSET && line != NULL && *line != '\0';) {
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			*value = strtoll(line + length + 1, NULL, 10);
		line = strchr(line, '\n');
		line += line != NULL;
	}
}

static void read_memory(int fd, struct bsn_cgroup_stats *stats)
{
	auto_free char *text = NULL;
	auto_free char *control = NULL;
	int64_t both = BSN_CGROUP_UNSET;
	read_number(fd, "memory.usage_in_bytes", &stats->memory_current);
	read_number(fd, "memory.max_usage_in_bytes", &stats->memory_peak);
	read_number(fd, "memory.limit_in_bytes", &stats->memory_max);
	read_number(fd, "memory.kmem.usage_in_bytes", &stats->memory_kernel);
	read_number(fd, "memory.failcnt", &stats->memory_events_max);
	read_number(fd, "memory.memsw.usage_in_bytes", &both);
	if (both != BSN_CGROUP_UNSET && stats->memory_swap_current == BSN_CGROUP_UNSET)
		stats->memory_swap_current = both > stats->memory_current ? both - stats->memory_current : 0;
	if (bsn_read_file(fd, "memory.stat", 65536, &text, NULL) >= 0) {
		read_key(text, "total_rss", &stats->memory_anon);
		read_key(text, "total_cache", &stats->memory_file);
	}
	if (bsn_read_file(fd, "memory.oom_control", 4096, &control, NULL) >= 0)
		read_key(control, "oom_kill", &stats->memory_events_oom_kill);
}

static void read_cpu(int fd, struct bsn_cgroup_stats *stats)
{
	auto_free char *text = NULL;
	if (bsn_read_file(fd, "cpu.stat", 4096, &text, NULL) < 0)
		return;
	int64_t throttled_ns = BSN_CGROUP_UNSET;
	read_key(text, "nr_periods", &stats->cpu_periods);
	read_key(text, "nr_throttled", &stats->cpu_throttled);
	read_key(text, "throttled_time", &throttled_ns);
	if (stats->cpu_throttled_us == BSN_CGROUP_UNSET && throttled_ns != BSN_CGROUP_UNSET)
		stats->cpu_throttled_us = throttled_ns / 1000;
}

static void read_pids(int fd, struct bsn_cgroup_stats *stats)
{
	auto_free char *text = NULL;
	read_number(fd, "pids.current", &stats->pids_current);
	read_number(fd, "pids.max", &stats->pids_max);
	if (bsn_read_file(fd, "pids.events", 4096, &text, NULL) >= 0)
		read_key(text, "max", &stats->pids_events_max);
}

void bsn_legacy_stats(const struct bsn_legacy *legacy, struct bsn_cgroup_stats *stats)
{
	for (size_t i = 0; i < legacy->count; i++) {
		auto_fd int fd = bsn_legacy_open(legacy->places[i].path, NULL);
		uint32_t mask = fd < 0 ? 0 : legacy->places[i].mask;
		if ((mask & BSN_LEGACY_BIT(BSN_LEGACY_MEMORY)) != 0)
			read_memory(fd, stats);
		if ((mask & BSN_LEGACY_BIT(BSN_LEGACY_CPU)) != 0)
			read_cpu(fd, stats);
		if ((mask & BSN_LEGACY_BIT(BSN_LEGACY_PIDS)) != 0)
			read_pids(fd, stats);
	}
}

static int open_memory(const struct bsn_legacy *legacy)
{
	for (size_t i = 0; i < legacy->count; i++)
		if ((legacy->places[i].mask & BSN_LEGACY_BIT(BSN_LEGACY_MEMORY)) != 0)
			return bsn_legacy_open(legacy->places[i].path, NULL);
	return -ENOENT;
}

int64_t bsn_legacy_oom_kills(const struct bsn_legacy *legacy)
{
	int64_t kills = BSN_CGROUP_UNSET;
	auto_free char *text = NULL;
	auto_fd int fd = open_memory(legacy);
	if (fd < 0 || bsn_read_file(fd, "memory.oom_control", 4096, &text, NULL) < 0)
		return 0;
	read_key(text, "oom_kill", &kills);
	return kills > 0 ? kills : 0;
}

int bsn_legacy_watch_oom(const struct bsn_legacy *legacy)
{
	char line[32];
	auto_fd int fd = open_memory(legacy);
	if (fd < 0)
		return fd;
	auto_fd int control = bsn_sys_openat(fd, "memory.oom_control", O_RDONLY, 0);
	auto_fd int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control < 0 || event < 0)
		return control < 0 ? control : -errno;
	snprintf(line, sizeof(line), "%d %d", event, control);
	int r = bsn_write_file(fd, "cgroup.event_control", line);
	return r < 0 ? r : bsn_fd_give(&event);
}
