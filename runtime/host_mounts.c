/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/host_mounts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/sys.h"

#define FDINFO_MAX 4096

/* The mount namespace that we are in, and the mount that lies on top at path, as "INODE:ID". */
static int look(const char *path, char *text, size_t size)
{
	struct stat space;
	char name[48];
	auto_free char *info = NULL;
	auto_fd int fd = bsn_sys_openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	if (stat("/proc/self/ns/mnt", &space) < 0)
		return -errno;
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	int r = bsn_read_file(AT_FDCWD, name, FDINFO_MAX, &info, NULL);
	const char *id = r < 0 ? NULL : strstr(info, "mnt_id:");
	if (id == NULL)
		return r < 0 ? r : -EOPNOTSUPP;
	return bsn_format(text, size, "%llx:%lx", (unsigned long long)space.st_ino, strtoul(id + strlen("mnt_id:"), NULL, 10));
}

int bsn_host_mounts_intend(void *data, struct bsn_str *value, struct basin_error *err)
{
	const struct bsn_run *run = data;
	char before[64];
	const char *path = run->plan->root_path;
	if (run->config->namespaces[BSN_NS_MOUNT].given || run->restored || path == NULL || bsn_streq(path, "/") ||
	    strchr(path, '\n') != NULL || look(path, before, sizeof(before)) < 0)
		return BSN_STEP_SKIP;
	return bsn_str_addf(value, "%s %s", before, path) < 0 ? bsn_fail_sys(err, ENOMEM, "cannot name the root's mount") : 0;
}

/* The child makes it (BSN_OP_ROOT). */
int bsn_host_mounts_apply(void *run, const char *value, struct basin_error *err)
{
	(void)run;
	(void)value;
	(void)err;
	return 0;
}

int bsn_host_mounts_undo(void *world, const char *value, struct basin_error *err)
{
	(void)world;
	char now[64];
	const char *path = strchr(value, ' ');
	if (path == NULL)
		return bsn_fail(err, BASIN_INTERNAL, EINVAL, "\"%s\" does not say where a root is mounted", value);
	path++;
	int r = look(path, now, sizeof(now));
	const size_t space = strcspn(value, ":");
	if (r < 0 || strncmp(now, value, space + 1) != 0 || strncmp(now, value, (size_t)(path - value) - 1) == 0)
		return r < 0 && r != -ENOENT ? bsn_fail_sys(err, -r, "cannot look at \"%s\"", path) : 0;
	r = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
	return r < 0 && r != -EINVAL ? bsn_fail_sys(err, -r, "cannot unmount \"%s\"", path) : 0;
}
