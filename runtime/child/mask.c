/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked and read-only paths. A file is hidden by the host's /dev/null, taken from outside the container and checked to be that
 * device, never by what the image calls /dev/null. All hidden directories share one empty tmpfs.
 */
#include "runtime/child/child.h"

static int open_null(struct child *child)
{
	struct statx st;
	int fd = sys_openat(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW, 0);
	int r = fd < 0 ? fd : sys_statx(fd, &st);
	if (r >= 0 && ((st.stx_mode & STAT_TYPE) != STAT_CHAR || st.stx_rdev_major != 1 || st.stx_rdev_minor != 3))
		r = fail_plain(child, -ENODEV, "the host's /dev/null is not the null device", NULL, NULL, NULL);
	return r < 0 ? r : fd;
}

/* Puts a clone of what `from` is open on at the place. */
static int cover(struct child *child, int from, int at, const char *path)
{
	int mount = place_clone(child, from, 0);
	if (mount < 0)
		return mount;
	int top = place_put(child, mount, at, path, 0);
	if (top >= 0)
		sys_close(top);
	return top < 0 ? top : 0;
}

static int hide_file(struct child *child, int at, const char *path)
{
	if (child->mask_file < 0)
		child->mask_file = open_null(child);
	return child->mask_file < 0 ? child->mask_file : cover(child, child->mask_file, at, path);
}

static int hide_directory(struct child *child, int at, const char *path)
{
	char *options[] = { (char *)"size=4k", (char *)"nr_inodes=2", (char *)"mode=755", NULL };
	const uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	if (child->mask_directory >= 0)
		return cover(child, child->mask_directory, at, path);
	if (child->old_mounts) {
		int r = old_file_system(at, "tmpfs", options, attributes, 0);
		sys_close(at);
		child->mask_directory = r < 0 ? r : path_open(child, path, 0);
	} else {
		int mount = mount_detached("tmpfs", options, attributes);
		child->mask_directory = mount < 0 ? mount : place_put(child, mount, at, path, 0);
	}
	return child->mask_directory < 0 ? child->mask_directory : 0;
}

/* What is not there needs no mask: the same list is used for every kernel. */
static int is_absent(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -EACCES;
}

/*
 * What is in procfs or sysfs is looked up in the very mount that was made, so that whoever moves its directory in the image meanwhile
 * takes the masks along.
 */
static int open_target(const struct child *child, const char *path)
{
	if (child->procfs >= 0 && text_starts(path, "/proc/"))
		return sys_openat2(child->procfs, path + 6, O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	if (child->sysfs >= 0 && text_starts(path, "/sys/"))
		return sys_openat2(child->sysfs, path + 5, O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	return path_open(child, path, 0);
}

int op_mask(struct child *child, const struct bsn_op *op)
{
	struct statx st;
	const char *path = op_text(child, op, 0);
	int at = open_target(child, path);
	if (is_absent(at))
		return 0;
	int r = at < 0 ? at : sys_statx(at, &st);
	if (r < 0)
		return r;
	if (op->flags & BSN_OP_F_MOUNTED && st.stx_attributes_mask & ~st.stx_attributes & STATX_ATTR_MOUNT_ROOT) {
		sys_close(at);
		return 0;
	}
	return (st.stx_mode & STAT_TYPE) == STAT_DIRECTORY ? hide_directory(child, at, path) : hide_file(child, at, path);
}

int op_read_only(struct child *child, const struct bsn_op *op)
{
	const char *path = op_text(child, op, 0);
	int at = open_target(child, path);
	if (is_absent(at))
		return 0;
	int mount = at < 0 ? at : place_clone(child, at, AT_RECURSIVE);
	int r = mount < 0 ? mount : 0;
	/* Its other attributes are a clone's already. */
	if (r >= 0 && !child->old_mounts)
		r = place_attributes(child, mount, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0);
	if (r < 0)
		return r;
	mount = place_put(child, mount, at, path, AT_RECURSIVE);
	r = mount < 0 ? mount : 0;
	if (r >= 0 && child->old_mounts)
		r = place_attributes(child, mount, 0, MOUNT_ATTR_RDONLY, 0);
	if (mount >= 0)
		sys_close(mount);
	return r;
}
