/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes and links in /dev. Where mknod is not allowed (a user namespace), the host's own node is mounted instead. */
#include "runtime/child/child.h"

static int same_device(int fd, const struct bsn_op *op)
{
	struct statx st;
	int r = sys_statx(fd, &st);
	if (r < 0)
		return r;
	uint64_t dev = (uint64_t)st.stx_rdev_major << 32 | st.stx_rdev_minor;
	return (st.stx_mode & STAT_TYPE) == (op->number[0] & STAT_TYPE) && dev == op->number[1];
}

static int bind_node(struct child *child, const struct bsn_op *op)
{
	const char *path = op_text(child, op, 0);
	int mount = op->fd >= 0 ? op->fd : sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE);
	if (mount < 0)
		return mount;
	int r = same_device(mount, op);
	if (r == 0)
		r = fail_plain(child, -ENODEV, "the host's \"", path, "\" is not the device that was asked for", NULL);
	int at = r < 0 ? r : path_make(child, path, STAT_FILE, 0666, NULL);
	r = at < 0 ? at : sys_attach(mount, at);
	if (at >= 0)
		sys_close(at);
	sys_close(mount);
	return r;
}

static int make_node(struct child *child, const struct bsn_op *op)
{
	const char *name;
	int parent = path_parent(child, op_text(child, op, 0), &name);
	if (parent < 0)
		return parent;
	/* The kernel's encoding of a device number, as mknod(2) takes it. */
	uint64_t major = op->number[1] >> 32;
	uint64_t minor = op->number[1] & 0xffffffffu;
	uint64_t dev = (minor & 0xff) | (major << 8) | ((minor & ~0xffull) << 12);
	int r = (int)SYS4(mknodat, parent, name, op->number[0], dev);
	if (r == -EEXIST) {
		int fd = sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);
		int same = fd < 0 ? fd : same_device(fd, op);
		if (fd >= 0)
			sys_close(fd);
		sys_close(parent);
		if (same == 0)
			return fail_plain(child, r, "\"", op_text(child, op, 0),
					  "\" exists and is not the device that was asked for", NULL);
		return same < 0 ? same : 0;
	}
	/* The mode again, since mknod applies the umask. */
	if (r >= 0)
		r = (int)SYS3(fchmodat, parent, name, op->number[0] & 07777);
	if (r >= 0 && (op->number[2] != 0 || op->number[3] != 0))
		r = (int)SYS5(fchownat, parent, name, op->number[2], op->number[3], AT_SYMLINK_NOFOLLOW);
	sys_close(parent);
	return r;
}

int op_device(struct child *child, const struct bsn_op *op)
{
	int r = op->flags & BSN_OP_F_BIND ? -EPERM : make_node(child, op);
	/* Root of a user namespace has all capabilities there and still may not make nodes. */
	return r == -EPERM && (op->number[0] & STAT_TYPE) != STAT_FIFO ? bind_node(child, op) : r;
}

int op_symlink(struct child *child, const struct bsn_op *op)
{
	const char *name;
	int parent = path_parent(child, op_text(child, op, 0), &name);
	if (parent < 0)
		return parent;
	int r = (int)SYS3(symlinkat, op_text(child, op, 1), parent, name);
	sys_close(parent);
	return r == -EEXIST ? 0 : r;
}
