/* SPDX-License-Identifier: Apache-2.0 */
/* The container's root: attached, made the root of this namespace, and the host's left behind. */
#include "runtime/child/child.h"

int op_propagate(struct child *child, const struct bsn_op *op)
{
	unsigned int recursive = op->number[0] & MOUNT_REC ? AT_RECURSIVE : 0;
	int r = child->old_mounts ? -ENOSYS : sys_mount_setattr(AT_FDCWD, "/", recursive, 0, 0, op->number[0] & ~MOUNT_REC);
	return r == -ENOSYS ? old_propagate(-1, "/", op->number[0]) : r;
}

int op_root_propagate(struct child *child, const struct bsn_op *op)
{
	return op_propagate(child, op);
}

/* The root's tree, detached; or what is to be bound, where there is no such thing. */
static int open_root(struct child *child, const struct bsn_op *op)
{
	const char *path = op_text(child, op, 1);
	int tree = op->fd;
	if (tree < 0 && !child->old_mounts)
		tree = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | AT_RECURSIVE);
	if (tree == -ENOSYS)
		child->old_mounts = 1;
	if (op->fd < 0 && child->old_mounts)
		tree = path == NULL ? -ENOSYS : sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	return tree;
}

/* Without detached mounts: the root on itself, and then what lies on top there. */
static int bind_root(int tree, const char *path, unsigned long propagation)
{
	int r = old_bind(tree, tree, AT_RECURSIVE);
	sys_close(tree);
	int top = r < 0 ? r : sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	r = top < 0 ? top : old_propagate(top, NULL, propagation | MOUNT_REC);
	return r < 0 ? r : top;
}

int op_root(struct child *child, const struct bsn_op *op)
{
	const char *path = op_text(child, op, 0);
	if (op->fd < 0 && op->text[1] == 0) {
		child->root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
		return child->root < 0 ? child->root : 0;
	}
	int tree = open_root(child, op);
	if (tree < 0)
		return fail(child, tree, "cannot open the root file system \"", op_text(child, op, 1), "\"", NULL);
	if (child->old_mounts) {
		child->root = bind_root(tree, op_text(child, op, 1), op->number[0]);
		return child->root < 0 ? child->root : 0;
	}
	/* Nothing that is mounted here may reach the host: a clone of a shared mount is its peer. */
	int r = sys_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, 0, 0, op->number[0]);
	/* Hooks look for the root at its own path; where that cannot be reached from this user namespace, any place serves. */
	int at = r < 0 || path == NULL ? -ENOENT : sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	if (r >= 0 && at < 0 && at != -ENOTDIR)
		at = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	if (r >= 0)
		r = at < 0 ? at : sys_attach(tree, at);
	if (at >= 0)
		sys_close(at);
	child->root = tree;
	return r;
}

/* Takes the host's mount away; where it is locked into this user namespace it is covered. One that went with another is gone. */
int op_hide(struct child *child, const struct bsn_op *op)
{
	const char *path = op_text(child, op, 0);
	int r = (int)SYS2(umount2, path, UNMOUNT_DETACH);
	(void)child;
	if (r == -EINVAL || r == -EPERM)
		r = (int)SYS5(mount, "none", path, "tmpfs", MOUNT_RDONLY, NULL);
	return r == -ENOENT ? 0 : r;
}

/* What was open for making mounts must not be what a working directory or a program finds open. */
static void close_ours(struct child *child)
{
	int *const ours[] = { &child->devpts, &child->mask_directory, &child->mask_file, &child->procfs, &child->sysfs };
	path_forget(child);
	for (size_t i = 0; i < ARRAY_COUNT(ours); i++) {
		if (*ours[i] >= 0)
			sys_close(*ours[i]);
		*ours[i] = -1;
	}
}

int op_chroot(struct child *child, const struct bsn_op *op)
{
	(void)op;
	close_ours(child);
	int r = (int)SYS1(fchdir, child->root);
	if (r >= 0)
		r = (int)SYS1(chroot, ".");
	return r < 0 ? r : (int)SYS1(chdir, "/");
}

/*
 * What lies at the very bottom, as an initramfs does, has nothing that it could be moved off: pivot_root refuses it. So a clone of it goes on
 * top, our root and the container's come with it, and that one is left behind. Returns the clone; the bottom's descriptor is closed.
 */
static int rise(struct child *child, int bottom)
{
	int clone = child->old_mounts ? -EINVAL : sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | AT_RECURSIVE);
	int r = clone < 0 ? clone : sys_attach(clone, bottom);
	sys_close(bottom);
	if (r >= 0)
		r = (int)SYS1(fchdir, clone);
	if (r >= 0)
		r = (int)SYS1(chroot, ".");
	if (r >= 0)
		r = sys_attach(child->root, clone);
	return r < 0 ? r : clone;
}

int op_pivot(struct child *child, const struct bsn_op *op)
{
	int r;
	close_ours(child);
	if (op->flags & BSN_OP_F_MOVE) {
		/* For a host whose root is an initramfs, which cannot be left behind. What is full of the host's handles was hidden. */
		r = (int)SYS1(fchdir, child->root);
		if (r >= 0)
			r = (int)SYS5(mount, ".", "/", NULL, MOUNT_MOVE, NULL);
		return r < 0 ? r : op_chroot(child, op);
	}
	int old = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	r = old < 0 ? old : (int)SYS1(fchdir, child->root);
	if (r >= 0)
		r = (int)SYS2(pivot_root, ".", ".");
	if (r == -EINVAL) {
		old = rise(child, old);
		r = old < 0 ? old : (int)SYS1(fchdir, child->root);
		if (r >= 0)
			r = (int)SYS2(pivot_root, ".", ".");
	}
	/* The old root is now on top of the new one. PROPAGATE left it no peers: unmounting it stays in this namespace. */
	if (r >= 0)
		r = (int)SYS1(fchdir, old);
	if (r >= 0)
		r = (int)SYS2(umount2, ".", UNMOUNT_DETACH);
	if (old >= 0)
		sys_close(old);
	return r < 0 ? r : (int)SYS1(chdir, "/");
}

int op_chdir(struct child *child, const struct bsn_op *op)
{
	char where[PATH_ROOM];
	/* Whoever may go there first is enough: the runtime, who sees more, or the user, where only he may look. The runtime does it before
	 * a filter is loaded, which may forbid all of this. */
	if (child->placed)
		return 0;
	int r = (int)SYS1(chdir, op_text(child, op, 0));
	if (r == -EACCES && op->flags & BSN_OP_F_TRY)
		return 0;
	if (r < 0)
		return fail(child, r, "chdir to cwd (\"", op_text(child, op, 0), "\") set in config.json failed", NULL);
	/* A descriptor that leaked in can lead out (/proc/self/fd/N): the kernel then has no path for where we are. */
	long n = SYS2(getcwd, where, sizeof(where));
	if (n < 0 || where[0] != '/')
		return fail_plain(child, -EPERM, "the working directory \"", op_text(child, op, 0),
				  "\" is outside the container's root", NULL);
	child->placed = 1;
	return 0;
}
