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

static int hide_file(struct child *child, int at)
{
	if (child->mask_file < 0)
		child->mask_file = open_null(child);
	if (child->mask_file < 0)
		return child->mask_file;
	int mount = sys_open_tree(child->mask_file, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	if (mount < 0)
		return mount;
	int r = sys_attach(mount, at);
	sys_close(mount);
	return r;
}

static int hide_directory(struct child *child, int at)
{
	if (child->mask_directory < 0) {
		char *options[] = { (char *)"size=4k", (char *)"nr_inodes=2", (char *)"mode=755", NULL };
		int mount = mount_detached(child, "tmpfs", NULL, options,
					   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
		if (mount < 0)
			return mount;
		child->mask_directory = mount;
		return sys_attach(mount, at);
	}
	int mount = sys_open_tree(child->mask_directory, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	if (mount < 0)
		return mount;
	int r = sys_attach(mount, at);
	sys_close(mount);
	return r;
}

/* What is not there needs no mask: the same list is used for every kernel. */
static int is_absent(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -EACCES;
}

int op_mask(struct child *child, const struct bsn_op *op)
{
	struct statx st;
	int at = path_open(child, op_text(child, op, 0), 0);
	if (is_absent(at))
		return 0;
	int r = at < 0 ? at : sys_statx(at, &st);
	if (r >= 0)
		r = (st.stx_mode & STAT_TYPE) == STAT_DIRECTORY ? hide_directory(child, at) : hide_file(child, at);
	if (at >= 0)
		sys_close(at);
	return r;
}

int op_read_only(struct child *child, const struct bsn_op *op)
{
	int at = path_open(child, op_text(child, op, 0), 0);
	if (is_absent(at))
		return 0;
	int mount = at < 0 ? at : sys_open_tree(at, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE);
	int r = mount < 0 ? mount : sys_mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0, 0);
	if (r >= 0)
		r = sys_attach(mount, at);
	if (mount >= 0)
		sys_close(mount);
	if (at >= 0)
		sys_close(at);
	return r;
}
