/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts without open_tree(2), move_mount(2), fsopen(2) and mount_setattr(2): an old kernel, or a sandbox around us that knows no such
 * calls. mount(2) takes paths; what is meant is a descriptor, so the path is always that of /proc/self/fd, in the host's procfs, which
 * is still there until the root is changed. One mount at a time only: attributes of all that lies below cannot be set.
 */
#include "runtime/child/child.h"

#define FD_PATH 48

static const char *fd_path(char *buffer, int fd)
{
	char digits[24];
	size_t length = text_add(buffer, 0, FD_PATH, "/proc/self/fd/");
	text_add(buffer, length, FD_PATH, text_number(digits, fd));
	return buffer;
}

int old_bind(int from, int at, unsigned int flags)
{
	char source[FD_PATH];
	char target[FD_PATH];
	return (int)SYS5(mount, fd_path(source, from), fd_path(target, at), NULL,
			 MOUNT_BIND | (flags & AT_RECURSIVE ? MOUNT_REC : 0), NULL);
}

/* MOUNT_ATTR_... as mount(2) has them. */
static unsigned long flags_of(uint64_t attributes)
{
	/* The first four are the same numbers in all three interfaces: read-only, nosuid, nodev, noexec. */
	unsigned long flags = attributes & 15;
	if (attributes & MOUNT_ATTR_NODIRATIME)
		flags |= MOUNT_NODIRATIME;
	if (attributes & MOUNT_ATTR_NOSYMFOLLOW)
		flags |= MOUNT_NOSYMFOLLOW;
	if ((attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME)
		return flags | MOUNT_NOATIME;
	return flags | ((attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME ? MOUNT_STRICTATIME : MOUNT_RELATIME);
}

/* statfs's flags as attributes. */
static uint64_t attributes_of(uint64_t st_flags)
{
	uint64_t attributes = st_flags & 15;
	if (st_flags & ST_NOSYMFOLLOW)
		attributes |= MOUNT_ATTR_NOSYMFOLLOW;
	if (st_flags & ST_NODIRATIME)
		attributes |= MOUNT_ATTR_NODIRATIME;
	if (st_flags & ST_NOATIME)
		return attributes | MOUNT_ATTR_NOATIME;
	return attributes | (st_flags & ST_RELATIME ? MOUNT_ATTR_RELATIME : MOUNT_ATTR_STRICTATIME);
}

int old_attributes(int fd, unsigned int flags, uint64_t set, uint64_t clear)
{
	struct file_system fs;
	char target[FD_PATH];
	if (flags & AT_RECURSIVE)
		return -ENOSYS;
	int r = sys_fstatfs(fd, &fs);
	if (r < 0)
		return r;
	uint64_t all = (attributes_of(fs.flags) & ~clear) | set;
	return (int)SYS5(mount, NULL, fd_path(target, fd), NULL, MOUNT_REMOUNT | MOUNT_BIND | flags_of(all), NULL);
}

int old_propagate(int fd, const char *path, unsigned long propagation)
{
	char target[FD_PATH];
	return (int)SYS5(mount, NULL, path != NULL ? path : fd_path(target, fd), NULL, propagation, NULL);
}

/* An option that mount(2) takes as a flag; 0: it is the file system's own. */
static unsigned long option_flag(const char *option)
{
	static const struct {
		const char *name;
		unsigned long flag;
	} known[] = { { "sync", MOUNT_SYNCHRONOUS },
		      { "dirsync", MOUNT_DIRSYNC },
		      { "mand", MOUNT_MANDLOCK },
		      { "lazytime", MOUNT_LAZYTIME } };
	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (text_same(option, known[i].name))
			return known[i].flag;
	return 0;
}

int old_file_system(int at, const char *type, char *const *options, uint64_t attributes, unsigned long flags)
{
	char data[PATH_ROOM];
	const char *source = "none";
	size_t length = 0;
	flags |= flags_of(attributes);
	data[0] = '\0';
	for (; options != NULL && *options != NULL; options++) {
		unsigned long flag = option_flag(*options);
		flags |= flag;
		if (flag != 0)
			continue;
		if (text_starts(*options, "source=")) {
			source = *options + 7;
			continue;
		}
		length = text_add(data, length, sizeof(data), length > 0 ? "," : "");
		length = text_add(data, length, sizeof(data), *options);
		if (length + 1 >= sizeof(data))
			return -E2BIG;
	}
	/* mount(2) takes a path: the destination becomes the working directory. */
	int r = (int)SYS1(fchdir, at);
	if (r >= 0)
		r = (int)SYS5(mount, source, ".", type, flags, data);
	SYS1(chdir, "/");
	return r;
}
