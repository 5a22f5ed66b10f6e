/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where version 1 holds controllers, and a container's directories there. The table of mounts says which hierarchy has which controller
 * and which part of it is mounted; /proc/self/cgroup where the caller is in it. Nothing here runs unless a config asks for it.
 */
#include "pool/cgroup_legacy.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "base/io.h"
#include "base/sys.h"
#include "pool/cgroup_knobs.h"

#define MARK      "trusted.basin.container"
#define TABLE_MAX (16u << 20)

static const struct {
	const char *name;
	uint32_t unified;
} controllers[BSN_LEGACY_CONTROLLERS] = {
	[BSN_LEGACY_CPU] = { "cpu", BSN_CONTROLLER_BIT(BSN_CONTROLLER_CPU) },
	[BSN_LEGACY_CPUSET] = { "cpuset", BSN_CONTROLLER_BIT(BSN_CONTROLLER_CPUSET) },
	[BSN_LEGACY_MEMORY] = { "memory", BSN_CONTROLLER_BIT(BSN_CONTROLLER_MEMORY) },
	[BSN_LEGACY_PIDS] = { "pids", BSN_CONTROLLER_BIT(BSN_CONTROLLER_PIDS) },
	[BSN_LEGACY_BLKIO] = { "blkio", BSN_CONTROLLER_BIT(BSN_CONTROLLER_IO) },
	[BSN_LEGACY_HUGETLB] = { "hugetlb", BSN_CONTROLLER_BIT(BSN_CONTROLLER_HUGETLB) },
	[BSN_LEGACY_DEVICES] = { "devices", 0 },
	[BSN_LEGACY_NET_CLS] = { "net_cls", 0 },
	[BSN_LEGACY_NET_PRIO] = { "net_prio", 0 },
	[BSN_LEGACY_CPUACCT] = { "cpuacct", 0 },
	[BSN_LEGACY_FREEZER] = { "freezer", 0 },
	[BSN_LEGACY_PERF_EVENT] = { "perf_event", 0 },
	[BSN_LEGACY_RDMA] = { "rdma", BSN_CONTROLLER_BIT(BSN_CONTROLLER_RDMA) },
	[BSN_LEGACY_SYSTEMD] = { "name=systemd", 0 },
};

uint32_t bsn_legacy_unified(uint32_t mask)
{
	uint32_t unified = 0;
	for (int i = 0; i < BSN_LEGACY_CONTROLLERS; i++)
		unified |= (mask & BSN_LEGACY_BIT(i)) != 0 ? controllers[i].unified : 0;
	return unified;
}

uint32_t bsn_legacy_mask(const struct bsn_legacy *legacy)
{
	uint32_t mask = 0;
	for (size_t i = 0; i < legacy->count; i++)
		mask |= legacy->places[i].mask;
	return mask;
}

void bsn_legacy_release(struct bsn_legacy *legacy)
{
	for (size_t i = 0; i < legacy->count; i++) {
		free(legacy->places[i].name);
		free(legacy->places[i].path);
	}
	legacy->count = 0;
}

bool bsn_legacy_host(void)
{
	struct statfs fs;
	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type != CGROUP2_SUPER_MAGIC;
}

uint32_t bsn_legacy_controllers(const char *list, size_t length)
{
	const char *end = list + length;
	uint32_t mask = 0;
	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		size_t word = (size_t)((comma != NULL ? comma : end) - list);
		for (int i = 0; i < BSN_LEGACY_CONTROLLERS; i++)
			if (strlen(controllers[i].name) == word && strncmp(list, controllers[i].name, word) == 0)
				mask |= BSN_LEGACY_BIT(i);
		list += word + 1;
	}
	return mask;
}

/* The caller's cgroup in the hierarchy that has one of mask: the part after "N:controllers:" in /proc/self/cgroup. */
static const char *own_cgroup(char *table, uint32_t mask)
{
	char *line = table;
	while (line != NULL && *line != '\0') {
		char *end = strchr(line, '\n');
		char *list = strchr(line, ':');
		char *path = list != NULL ? strchr(list + 1, ':') : NULL;
		if (path == NULL || (end != NULL && path > end))
			break;
		if ((bsn_legacy_controllers(list + 1, (size_t)(path - list - 1)) & mask) != 0) {
			if (end != NULL)
				*end = '\0';
			return path + 1;
		}
		line = end != NULL ? end + 1 : NULL;
	}
	return "/";
}

static int add_place(struct bsn_legacy *legacy, uint32_t mask, const char *mount, const char *above, const char *below,
		     struct basin_error *err)
{
	auto_str struct bsn_str path = { 0 };
	const char *name = strrchr(mount, '/');
	const char *part;
	bsn_str_add(&path, mount);
	for (int i = 0; i < 2; i++)
		for (part = i == 0 ? above : below; *part != '\0'; part += strcspn(part, "/")) {
			part += strspn(part, "/");
			size_t length = strcspn(part, "/");
			if (length == 0)
				break;
			if (length <= 2 && strncmp(part, "..", length) == 0)
				return bsn_fail(err, BASIN_USAGE, EINVAL, "linux.cgroupsPath: \"%s\" has \".\" or \"..\" in it",
						below);
			bsn_str_add(&path, "/");
			bsn_str_add_bytes(&path, part, length);
		}
	if (strpbrk(bsn_str_text(&path), "\t\n") != NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "linux.cgroupsPath: \"%s\" has control characters in it", below);
	struct bsn_legacy_place *place = &legacy->places[legacy->count];
	place->mask = mask;
	place->name = strdup(name != NULL ? name + 1 : mount);
	place->path = strdup(bsn_str_text(&path));
	legacy->count++;
	return path.failed || place->name == NULL || place->path == NULL ? bsn_fail_sys(err, ENOMEM, "cannot name cgroups") : 0;
}

/* One line of mountinfo: "... root mountpoint options - type source superoptions". Mounts with blanks in their path are not used. */
static int take_mount(struct bsn_legacy *legacy, const char *line, uint32_t mask, const char *cgroups_path, const char *id,
		      char *own, struct basin_error *err)
{
	char root[PATH_MAX];
	char mount[PATH_MAX];
	char list[256];
	const char *tail = strstr(line, " - cgroup ");
	if (tail == NULL || sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) != 2 ||
	    sscanf(tail, " - cgroup %*s %255s", list) != 1)
		return 0;
	uint32_t has = bsn_legacy_controllers(list, strlen(list));
	if ((has & mask & ~bsn_legacy_mask(legacy)) == 0 || strchr(mount, '\\') != NULL)
		return 0;
	if (cgroups_path != NULL && cgroups_path[0] == '/')
		return add_place(legacy, has, mount, "", cgroups_path, err);
	auto_free char *table = strdup(own);
	if (table == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot name cgroups");
	/* Where a part of the hierarchy is mounted, the caller's cgroup is looked for below that part. */
	const char *above = own_cgroup(table, has);
	size_t length = strlen(root);
	if (length > 1 && strncmp(above, root, length) == 0)
		above += length;
	return add_place(legacy, has, mount, above, cgroups_path != NULL ? cgroups_path : id, err);
}

int bsn_legacy_find(uint32_t mask, const char *cgroups_path, const char *id, struct bsn_legacy *ret_legacy,
		    struct basin_error *err)
{
	auto_legacy struct bsn_legacy legacy = { .count = 0 };
	auto_free char *mounts = NULL;
	auto_free char *own = NULL;
	int r = bsn_read_file(AT_FDCWD, "/proc/self/mountinfo", TABLE_MAX, &mounts, NULL);
	if (r >= 0)
		r = bsn_read_file(AT_FDCWD, "/proc/self/cgroup", TABLE_MAX, &own, NULL);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read where the cgroups are");
	char *rest = mounts;
	for (const char *line = strsep(&rest, "\n"); line != NULL && r >= 0; line = strsep(&rest, "\n"))
		r = take_mount(&legacy, line, mask, cgroups_path, id, own, err);
	if (r < 0)
		return r;
	*ret_legacy = legacy;
	legacy.count = 0;
	return 0;
}

int bsn_legacy_format(const struct bsn_legacy *legacy, struct bsn_str *ret_text)
{
	for (size_t i = 0; i < legacy->count; i++)
		bsn_str_addf(ret_text, "%s%x %s\t%s", i > 0 ? "\t" : "", legacy->places[i].mask, legacy->places[i].name,
			     legacy->places[i].path);
	return ret_text->failed ? -ENOMEM : 0;
}

int bsn_legacy_parse(const char *text, struct bsn_legacy *ret_legacy, struct basin_error *err)
{
	auto_legacy struct bsn_legacy legacy = { .count = 0 };
	auto_free char *copy = strdup(text);
	char *rest = copy;
	while (rest != NULL && *rest != '\0' && legacy.count < BSN_LEGACY_CONTROLLERS) {
		struct bsn_legacy_place *place = &legacy.places[legacy.count];
		const char *head = strsep(&rest, "\t");
		const char *path = strsep(&rest, "\t");
		char *name;
		unsigned long mask = strtoul(head, &name, 16);
		if (path == NULL || path[0] != '/' || *name != ' ')
			return bsn_fail(err, BASIN_INTERNAL, EINVAL, "\"%s\" does not say where cgroups are", text);
		*place = (struct bsn_legacy_place){ .mask = (uint32_t)mask, .name = strdup(name + 1), .path = strdup(path) };
		legacy.count++;
		if (place->name == NULL || place->path == NULL)
			return bsn_fail_sys(err, ENOMEM, "cannot read where cgroups are");
	}
	*ret_legacy = legacy;
	legacy.count = 0;
	return 0;
}

int bsn_legacy_descend(struct bsn_legacy *legacy, uint32_t mask, const char *path, struct basin_error *err)
{
	for (const char *part = path + strspn(path, "/"); *part != '\0'; part += strcspn(part, "/"), part += strspn(part, "/"))
		if (strcspn(part, "/") <= 2 && strncmp(part, "..", strcspn(part, "/")) == 0)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "--cgroup: bad sub cgroup path: %s is not a sub cgroup path",
					path);
	for (size_t i = 0; i < legacy->count; i++) {
		struct bsn_legacy_place *place = &legacy->places[i];
		char *below = NULL;
		if ((place->mask & mask) == 0 || path[strspn(path, "/")] == '\0')
			continue;
		if (asprintf(&below, "%s/%s", place->path, path + strspn(path, "/")) < 0)
			return bsn_fail_sys(err, ENOMEM, "cannot name cgroups");
		free(place->path);
		place->path = below;
	}
	return 0;
}

/* --- making, joining, removing --- */

static int open_checked(const char *path)
{
	struct statfs fs;
	auto_fd int fd = bsn_sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	return fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC ? bsn_fd_give(&fd) : -ENODEV;
}

int bsn_legacy_open(const char *path, struct basin_error *err)
{
	int fd = open_checked(path);
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot open the cgroup \"%s\"", path) : fd;
}

static bool is_marked(int fd, const char *mark)
{
	char found[1100];
	ssize_t n = fgetxattr(fd, MARK, found, sizeof(found));
	return n >= 0 && (size_t)n == strlen(mark) && memcmp(found, mark, (size_t)n) == 0;
}

/* A new cpuset is empty and takes no process: what its parent has is handed down, from the first that has something. */
static int inherit(int fd, const char *file)
{
	auto_free char *own = NULL;
	auto_free char *theirs = NULL;
	int r = bsn_read_file(fd, file, 65536, &own, NULL);
	if (r < 0 || own[strspn(own, " \n")] != '\0')
		return r;
	auto_fd int above = bsn_sys_openat(fd, "..", O_RDONLY | O_DIRECTORY, 0);
	struct statfs fs;
	if (above < 0 || fstatfs(above, &fs) < 0 || fs.f_type != CGROUP_SUPER_MAGIC)
		return above < 0 ? above : -ENODEV;
	r = inherit(above, file);
	if (r >= 0)
		r = bsn_read_file(above, file, 65536, &theirs, NULL);
	return r < 0 ? r : bsn_write_file(fd, file, theirs);
}

/* Neither processes in it nor cgroups below it, in which there may be some: a directory has a link for itself, one from above, one for each. */
static int check_empty(int fd, const char *path, struct basin_error *err)
{
	auto_free char *text = NULL;
	struct stat st;
	int r = bsn_read_file(fd, "cgroup.procs", TABLE_MAX, &text, NULL);
	if (r >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read \"%s/cgroup.procs\"", path);
	return text[0] == '\0' && st.st_nlink <= 2
		       ? 0
		       : bsn_fail(err, BASIN_BUSY, EBUSY,
				  "container's cgroup is not empty: \"%s\" exists and has processes or cgroups in it", path);
}

static int make_directory(const char *path, struct basin_error *err)
{
	int r = bsn_sys_mkdirat(AT_FDCWD, path, 0755);
	if (r == -ENOENT) {
		auto_free char *above = strdup(path);
		char *slash = above != NULL ? strrchr(above, '/') : NULL;
		if (slash == NULL || slash == above)
			return bsn_fail_sys(err, ENOENT, "cannot create the cgroup \"%s\"", path);
		*slash = '\0';
		r = make_directory(above, err);
		if (r < 0)
			return r;
		r = bsn_sys_mkdirat(AT_FDCWD, path, 0755);
	}
	if (r < 0 && r != -EEXIST)
		return bsn_fail_sys(err, -r, "cannot create the cgroup \"%s\"", path);
	return r == -EEXIST ? 0 : 1;
}

static int make_place(const struct bsn_legacy_place *place, const char *mark, struct basin_error *err)
{
	int made = make_directory(place->path, err);
	if (made < 0)
		return made;
	auto_fd int fd = bsn_legacy_open(place->path, err);
	int r = fd;
	if (r >= 0 && made == 0)
		r = is_marked(fd, mark) ? 0 : check_empty(fd, place->path, err);
	if (r < 0)
		return r;
	r = bsn_sys_fsetxattr(fd, MARK, mark, strlen(mark));
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot mark cgroup \"%s\" as the container's", place->path);
	if ((place->mask & BSN_LEGACY_BIT(BSN_LEGACY_CPUSET)) == 0)
		return 0;
	r = inherit(fd, "cpuset.cpus");
	if (r >= 0)
		r = inherit(fd, "cpuset.mems");
	return r < 0 ? bsn_fail_sys(err, -r, "cannot give cgroup \"%s\" the CPUs of its parent", place->path) : 0;
}

int bsn_legacy_make(const struct bsn_legacy *legacy, const char *mark, struct basin_error *err)
{
	for (size_t i = 0; i < legacy->count; i++) {
		int r = make_place(&legacy->places[i], mark, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int bsn_legacy_join(const struct bsn_legacy *legacy, pid_t pid, struct basin_error *err)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", (int)pid);
	for (size_t i = 0; i < legacy->count; i++) {
		auto_fd int fd = open_checked(legacy->places[i].path);
		int r = fd < 0 ? fd : bsn_write_file(fd, "cgroup.procs", number);
		if (r < 0)
			return bsn_fail_sys(err, -r, "error adding pid %s to cgroups: %s/cgroup.procs", number,
					    legacy->places[i].path);
	}
	return 0;
}

static int remove_place(const struct bsn_legacy_place *place, const char *mark, struct basin_error *err)
{
	auto_fd int fd = open_checked(place->path);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the cgroup \"%s\"", place->path);
	int r;
	if (is_marked(fd, mark)) {
		r = bsn_cgroup_remove_dirs(AT_FDCWD, place->path);
	} else {
		/* Made, but killed before it was marked: empty then. Anything else is not ours. */
		r = bsn_sys_unlinkat(AT_FDCWD, place->path, AT_REMOVEDIR);
		r = r == -EBUSY || r == -ENOTEMPTY || r == -ENOENT ? 0 : r;
	}
	return r < 0 ? bsn_fail_sys(err, -r, "cannot remove the cgroup \"%s\"", place->path) : 0;
}

int bsn_legacy_remove(const struct bsn_legacy *legacy, const char *mark, struct basin_error *err)
{
	int first = 0;
	for (size_t i = legacy->count; i-- > 0;) {
		int r = remove_place(&legacy->places[i], mark, first < 0 ? NULL : err);
		first = first < 0 ? first : r;
	}
	return first;
}

bool bsn_legacy_frozen(const char *cgroups_path)
{
	char path[PATH_MAX];
	auto_free char *state = NULL;
	if (bsn_format(path, sizeof(path), "/sys/fs/cgroup/freezer/%s/freezer.state", cgroups_path) < 0 ||
	    bsn_read_file(AT_FDCWD, path, 64, &state, NULL) < 0)
		return false;
	return bsn_starts_with(state, "FR");
}
