/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a mount goes, and how it gets there. The destination is opened beneath the root and held: what is mounted goes onto that
 * descriptor, so a name that is exchanged meanwhile changes nothing. Nothing may come to lie inside /proc by way of a link, since what is
 * written there later (labels, limits) must reach the kernel.
 */
#include "runtime/child/child.h"

int check_file_system(int fd, uint64_t magic)
{
	struct file_system fs;
	int r = sys_fstatfs(fd, &fs);
	if (r < 0)
		return r;
	return fs.type == magic ? 0 : -EXDEV;
}

/* The destination itself, if it is a link: dest-nofollow. */
static int open_link(struct child *child, const char *path, uint32_t type, int *ret_made)
{
	char name[NAME_ROOM];
	int parent = path_parent(child, path, name);
	if (parent < 0)
		return parent;
	int fd = sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);
	return fd == -ENOENT ? path_make(child, path, type, type == STAT_DIRECTORY ? 0755 : 0644, ret_made) : fd;
}

int place_open(struct child *child, const struct bsn_op *op, uint32_t type, int *ret_made)
{
	const char *path = op_text(child, op, 0);
	int found = 0;
	int fd = -ENOENT;
	*ret_made = 0;
	if (op->code != BSN_OP_ATTACH && op->flags & BSN_OP_F_NO_FOLLOW) {
		fd = sys_openat2(child->root, path, O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
		if (fd == -ELOOP || fd == -ENOTDIR)
			return fail_plain(child, fd, "filesystem \"", op_text(child, op, 1),
					  "\" must be mounted on ordinary directory: ", path);
	} else if (op->flags & BSN_OP_F_LINK) {
		fd = open_link(child, path, type, &found);
	}
	if (fd == -ENOENT)
		fd = path_make(child, path, type, type == STAT_DIRECTORY ? 0755 : 0644, &found);
	if (fd >= 0 && found & PATH_PROC) {
		sys_close(fd);
		return fail_plain(child, -EPERM, "\"", path, "\" cannot be mounted because it is inside /proc", NULL);
	}
	*ret_made = found & PATH_MADE;
	return fd < 0 ? fail(child, fd, "cannot make the mount's destination \"", path, "\"", NULL) : fd;
}

/* A directory goes onto a directory, a file onto a file. move_mount calls what is not so EINVAL, mount(2) ENOTDIR, which engines know. */
static int name_mismatch(int r, int from, int at)
{
	struct statx what;
	struct statx where;
	if (r != -EINVAL || sys_statx(from, &what) < 0 || sys_statx(at, &where) < 0)
		return r;
	return ((what.stx_mode & STAT_TYPE) == STAT_DIRECTORY) != ((where.stx_mode & STAT_TYPE) == STAT_DIRECTORY) ? -ENOTDIR : r;
}

int place_put(struct child *child, int from, int at, const char *path, unsigned int flags)
{
	path_forget(child);
	int r = child->old_mounts ? old_bind(from, at, flags) : name_mismatch(sys_attach(from, at), from, at);
	sys_close(at);
	if (r >= 0 && !child->old_mounts)
		return from;
	sys_close(from);
	/* mount(2) gives no descriptor: what is now on top is it. */
	return r < 0 ? r : path_open(child, path, 0);
}

int place_clone(const struct child *child, int fd, unsigned int flags)
{
	return child->old_mounts ? (int)SYS3(fcntl, fd, 1030 /* F_DUPFD_CLOEXEC */, 3)
				 : sys_open_tree(fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | flags);
}

int place_attributes(const struct child *child, int fd, unsigned int flags, uint64_t set, uint64_t clear)
{
	if ((set | clear) == 0)
		return 0;
	return child->old_mounts ? old_attributes(fd, flags, set, clear)
				 : sys_mount_setattr(fd, "", AT_EMPTY_PATH | flags, set, clear, 0);
}

int place_propagate(const struct child *child, int fd, uint64_t changes)
{
	static const unsigned long kinds[] = { 0, MOUNT_PRIVATE, MOUNT_SLAVE, MOUNT_SHARED, MOUNT_UNBINDABLE };
	int r = 0;
	for (; r >= 0 && changes != 0; changes >>= 8) {
		unsigned int kind = changes & 7;
		int recursive = (changes & BSN_PROPAGATION_RECURSIVE) != 0;
		if (kind == 0 || kind >= ARRAY_COUNT(kinds))
			return -EINVAL;
		r = child->old_mounts
			    ? old_propagate(fd, NULL, kinds[kind] | (recursive ? MOUNT_REC : 0))
			    : sys_mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u), 0, 0, kinds[kind]);
	}
	return r;
}

/* Who keeps the mount open: the one that became the root, and the kernel's own, whose masks are made in them wherever they then are. */
static int *keeper(struct child *child, const char *path)
{
	while (path[0] == '/' && path[1] == '/')
		path++;
	if (text_same(path, "/"))
		return &child->root;
	if (text_same(path, "/proc"))
		return &child->procfs;
	return text_same(path, "/sys") ? &child->sysfs : NULL;
}

int place_settle(struct child *child, const struct bsn_op *op, int mount, uint64_t propagation)
{
	int r = place_propagate(child, mount, propagation);
	int *keep = keeper(child, op_text(child, op, 0));
	if (r >= 0 && keep != NULL)
		*keep = mount;
	else
		sys_close(mount);
	return r;
}
