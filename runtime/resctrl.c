/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/resctrl.h"

#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/apply.h"

#ifndef RDTGROUP_SUPER_MAGIC
#define RDTGROUP_SUPER_MAGIC 0x7655821
#endif
#define PLACE       "/sys/fs/resctrl"
#define SCHEMAS_MAX 65536

/* --- the file system --- */

static int open_place(const char *path)
{
	struct statfs fs;
	auto_fd int fd = bsn_sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	return fstatfs(fd, &fs) == 0 && fs.f_type == RDTGROUP_SUPER_MAGIC ? bsn_fd_give(&fd) : -ENODEV;
}

/* Somebody may have mounted it elsewhere: the fifth field of the line that has " - resctrl " in it. */
static int find_place(void)
{
	auto_free char *mounts = NULL;
	if (bsn_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mounts, NULL) < 0)
		return -ENODEV;
	char *rest = mounts;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		if (strstr(line, " - resctrl ") == NULL)
			continue;
		char *field = strsep(&line, " ");
		for (int i = 1; i < 5 && line != NULL; i++)
			field = strsep(&line, " ");
		return open_place(field);
	}
	return -ENODEV;
}

int bsn_resctrl_open(void)
{
	int fd = open_place(PLACE);
	if (fd < 0)
		fd = find_place();
	return fd >= 0 ? fd : -ENODEV;
}

static const char *group_of(const struct bsn_intel_rdt *rdt, const char *id)
{
	return rdt->clos_id != NULL ? rdt->clos_id : id;
}

/* What went wrong, in the kernel's own words where it has some (info/last_cmd_status). */
static int fail_group(int root, const char *group, int r, const char *what, struct basin_error *err)
{
	auto_free char *status = NULL;
	if (bsn_read_file(root, "info/last_cmd_status", 512, &status, NULL) >= 0)
		status[strcspn(status, "\n")] = '\0';
	bool said = status != NULL && status[0] != '\0' && !bsn_streq(status, "ok");
	return bsn_fail_sys(err, -r, "linux.intelRdt: cannot %s the group \"%s\" of resctrl%s%s", what, group,
			    said ? ", last_cmd_status: " : "", said ? status : "");
}

/* --- shares --- */

/* The value of `cache` in a line "L3:0=ff;1=c0", without the zeros and blanks in front of it; NULL: none. */
static const char *share_of(const char *line, const char *cache, size_t cache_length, size_t *ret_length)
{
	for (const char *at = strchr(line, ':'); at != NULL; at = strchr(at, ';')) {
		at += 1 + strspn(at + 1, " ");
		size_t name = strcspn(at, "=;");
		if (at[name] != '=' || name != cache_length || strncmp(at, cache, name) != 0)
			continue;
		at += name + 1;
		at += strspn(at, " 0");
		*ret_length = strcspn(at, "; \t");
		return at;
	}
	return NULL;
}

/* Whether the schemata say, of each cache in the wanted line, the same. */
static bool says(const char *schemata, const char *wanted)
{
	size_t kind = strcspn(wanted, ":");
	const char *line = schemata;
	line += strspn(line, " ");
	while (*line != '\0' && (strncmp(line, wanted, kind) != 0 || line[kind] != ':')) {
		line += strcspn(line, "\n");
		line += strspn(line, "\n ");
	}
	auto_free char *own = strndup(line, strcspn(line, "\n"));
	for (const char *at = wanted[kind] == ':' ? wanted + kind + 1 : NULL; own != NULL && at != NULL && *at != '\0';) {
		size_t cache = strcspn(at, "=;");
		size_t want_length = 0;
		size_t own_length = 0;
		const char *want = share_of(wanted, at, cache, &want_length);
		const char *have = share_of(own, at, cache, &own_length);
		if (want == NULL || have == NULL || want_length != own_length || strncmp(want, have, want_length) != 0)
			return false;
		at += strcspn(at, ";");
		at += strspn(at, "; ");
	}
	return own != NULL && *line != '\0';
}

static int add_line(struct bsn_str *text, const char *line)
{
	return line == NULL || line[0] == '\0' ? 0 : bsn_str_addf(text, "%s\n", line);
}

/* All lines that the config has; a later one of the same kind holds, so those of schemata come last. */
static void collect(const struct bsn_intel_rdt *rdt, struct bsn_str *text)
{
	add_line(text, rdt->l3_schema);
	add_line(text, rdt->mb_schema);
	for (size_t i = 0; i < rdt->schemata.count; i++)
		add_line(text, rdt->schemata.of[i]);
}

/* A class that is there has its shares from somebody else: they must be those, and are never changed behind his back. */
static int compare(int root, const char *group, const struct bsn_str *wanted, struct basin_error *err)
{
	char path[PATH_MAX];
	auto_free char *schemata = NULL;
	auto_free char *lines = strdup(bsn_str_text(wanted));
	bsn_format(path, sizeof(path), "%s/schemata", group);
	int r = lines == NULL ? -ENOMEM : bsn_read_file(root, path, SCHEMAS_MAX, &schemata, NULL);
	if (r < 0)
		return fail_group(root, group, r, "read", err);
	char *rest = lines;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
		if (line[0] != '\0' && !says(schemata, line))
			return bsn_fail(err, BASIN_CONFLICT, EEXIST,
					"linux.intelRdt: the group \"%s\" exists, and its schemata do not say \"%s\"", group,
					line);
	return 0;
}

static int write_schemata(int root, const char *group, const struct bsn_str *text, struct basin_error *err)
{
	char path[PATH_MAX];
	if (text->failed)
		return bsn_fail_sys(err, ENOMEM, "linux.intelRdt: cannot write the schemata");
	if (text->length == 0)
		return 0;
	bsn_format(path, sizeof(path), "%s/schemata", group);
	int r = bsn_write_file(root, path, bsn_str_text(text));
	return r < 0 ? fail_group(root, group, r, "write the schemata of", err) : 0;
}

/* --- groups --- */

static bool has(int root, const char *feature)
{
	return faccessat(root, feature, F_OK, 0) == 0;
}

static int check_features(int root, const struct bsn_intel_rdt *rdt, struct basin_error *err)
{
	if (rdt->l3_schema != NULL && rdt->l3_schema[0] != '\0' && !has(root, "info/L3"))
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled");
	if (rdt->mb_schema != NULL && rdt->mb_schema[0] != '\0' && !has(root, "info/MB"))
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled");
	if (rdt->enable_monitoring && !has(root, "info/L3_MON"))
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"intelRdt.enableMonitoring is specified in config, but Intel RDT monitoring is not enabled");
	return 0;
}

int bsn_resctrl_make(int root, const struct bsn_intel_rdt *rdt, const char *id, struct basin_error *err)
{
	char monitor[PATH_MAX];
	struct stat st;
	auto_str struct bsn_str shares = { 0 };
	const char *group = group_of(rdt, id);
	collect(rdt, &shares);
	int r = check_features(root, rdt, err);
	if (r < 0)
		return r;
	bool there = fstatat(root, group, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!there && rdt->clos_id != NULL && shares.length == 0)
		return bsn_fail(
			err, BASIN_NOT_FOUND, ENOENT,
			"linux.intelRdt: clos dir \"%s\" not accessible (must be pre-created when l3CacheSchema and memBwSchema "
			"are empty)",
			group);
	if (!there) {
		r = bsn_sys_mkdirat(root, group, 0755);
		if (r < 0)
			return fail_group(root, group, r, "make", err);
	}
	r = there && rdt->clos_id != NULL ? compare(root, group, &shares, err) : write_schemata(root, group, &shares, err);
	if (r < 0 || !rdt->enable_monitoring)
		return r;
	bsn_format(monitor, sizeof(monitor), "%s/mon_groups/%s", group, id);
	r = bsn_sys_mkdirat(root, monitor, 0755);
	return r < 0 && r != -EEXIST ? fail_group(root, monitor, r, "make", err) : 0;
}

static int add_task(int root, const char *group, pid_t pid, struct basin_error *err)
{
	char path[PATH_MAX];
	char text[16];
	bsn_format(path, sizeof(path), "%s/tasks", group);
	snprintf(text, sizeof(text), "%d", (int)pid);
	int r = bsn_write_file(root, path, text);
	return r < 0 ? fail_group(root, group, r, "put the container into", err) : 0;
}

int bsn_resctrl_enter(int root, const struct bsn_intel_rdt *rdt, const char *id, pid_t pid, struct basin_error *err)
{
	char monitor[PATH_MAX];
	const char *group = group_of(rdt, id);
	int r = add_task(root, group, pid, err);
	if (r < 0 || !rdt->enable_monitoring)
		return r;
	bsn_format(monitor, sizeof(monitor), "%s/mon_groups/%s", group, id);
	return add_task(root, monitor, pid, err);
}

int bsn_resctrl_remove(int root, const char *path, struct basin_error *err)
{
	int r = bsn_sys_unlinkat(root, path, AT_REMOVEDIR);
	return r < 0 && r != -ENOENT ? fail_group(root, path, r, "remove", err) : 0;
}

int bsn_resctrl_update(int root, const struct bsn_intel_rdt *rdt, const char *id, const char *l3, const char *mb,
		       struct basin_error *err)
{
	auto_str struct bsn_str shares = { 0 };
	const struct bsn_intel_rdt wanted = { .l3_schema = l3, .mb_schema = mb };
	int r = check_features(root, &wanted, err);
	add_line(&shares, l3);
	add_line(&shares, mb);
	return r < 0 ? r : write_schemata(root, group_of(rdt, id), &shares, err);
}

/* --- the step --- */

/* Nothing of the host's file system is asked for: then it need not be there. */
static bool asks_nothing(const struct bsn_intel_rdt *rdt)
{
	return !rdt->given || (rdt->clos_id == NULL && rdt->schemata.count == 0 && rdt->l3_schema == NULL &&
			       rdt->mb_schema == NULL && !rdt->enable_monitoring);
}

int bsn_resctrl_intend(void *data, struct bsn_str *value, struct basin_error *err)
{
	const struct bsn_run *run = data;
	const struct bsn_intel_rdt *rdt = &run->config->intel_rdt;
	if (asks_nothing(rdt))
		return BSN_STEP_SKIP;
	auto_fd int root = bsn_resctrl_open();
	if (root < 0 && rdt->l3_schema != NULL)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled");
	if (root < 0 && rdt->mb_schema != NULL)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled");
	if (root < 0)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"linux.intelRdt: resctrl is not mounted (mount -t resctrl resctrl " PLACE
				", where the processor has Intel RDT)");
	if (rdt->clos_id == NULL)
		return bsn_str_add(value, run->options->id);
	/* A class with a name is left as it is. "-": nothing of ours in it. */
	return rdt->enable_monitoring ? bsn_str_addf(value, "%s/mon_groups/%s", rdt->clos_id, run->options->id)
				      : bsn_str_add(value, "-");
}

int bsn_resctrl_apply(void *data, const char *value, struct basin_error *err)
{
	const struct bsn_run *run = data;
	(void)value;
	auto_fd int root = bsn_resctrl_open();
	if (root < 0)
		return bsn_fail_sys(err, -root, "linux.intelRdt: resctrl is gone");
	return bsn_resctrl_make(root, &run->config->intel_rdt, run->options->id, err);
}

int bsn_resctrl_undo(void *world, const char *value, struct basin_error *err)
{
	(void)world;
	if (bsn_streq(value, "-"))
		return 0;
	auto_fd int root = bsn_resctrl_open();
	return root < 0 ? 0 : bsn_resctrl_remove(root, value, err);
}
