/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts. A new file system is configured, mounted detached and then attached where its destination, resolved inside the root,
 * is; a host's directory or file comes as a detached mount from the parent, or is cloned here where the parent may not.
 *
 * A detached mount that is closed without having been attached costs a grace period, so none is made that is not used.
 */
#include "runtime/child/child.h"

#define CREATE 6 /* FSCONFIG_CMD_CREATE */

static int configure(int fs, char *const *options)
{
	char key[256];
	for (; options != NULL && *options != NULL; options++) {
		size_t length = 0;
		const char *option = *options;
		while (option[length] != '\0' && option[length] != '=' && length + 1 < sizeof(key)) {
			key[length] = option[length];
			length++;
		}
		key[length] = '\0';
		int r = option[length] == '=' ? (int)SYS5(fsconfig, fs, FSCONFIG_SET_STRING, key, option + length + 1, 0)
					      : (int)SYS5(fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0);
		if (r < 0)
			return r;
	}
	return 0;
}

int mount_detached(struct child *child, const char *type, const char *source, char *const *options, uint64_t attributes)
{
	(void)child;
	int fs = (int)SYS2(fsopen, type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return fs;
	int r = source != NULL ? (int)SYS5(fsconfig, fs, FSCONFIG_SET_STRING, "source", source, 0) : 0;
	if (r >= 0)
		r = configure(fs, options);
	if (r >= 0)
		r = (int)SYS5(fsconfig, fs, CREATE, NULL, NULL, 0);
	if (r >= 0)
		r = (int)SYS3(fsmount, fs, FSMOUNT_CLOEXEC, attributes);
	sys_close(fs);
	return r;
}

static int is_root(const char *path)
{
	while (*path == '/')
		path++;
	return *path == '\0';
}

/* Where to mount; *ret_made tells that it was not there before. */
static int destination(struct child *child, const struct bsn_op *op, uint32_t type, int *ret_made)
{
	const char *path = op_text(child, op, 0);
	*ret_made = 0;
	if (op->flags & BSN_OP_F_NO_FOLLOW) {
		int fd = path_open(child, path, RESOLVE_NO_SYMLINKS);
		if (fd == -ELOOP)
			return fail_plain(child, -ELOOP, "cannot mount \"", path,
					  "\": it must be an ordinary directory, not a link", NULL);
		if (fd != -ENOENT)
			return fd;
	}
	int fd = path_make(child, path, type, type == STAT_DIRECTORY ? 0755 : 0644, ret_made);
	return fd < 0 ? fail(child, fd, "cannot make the mount's destination \"", path, "\"", NULL) : fd;
}

/* Attaches mount (and closes it, unless it stays in use) at the open destination. */
static int attach(struct child *child, const struct bsn_op *op, int mount, int at, uint64_t propagation)
{
	int r = sys_attach(mount, at);
	sys_close(at);
	if (r >= 0 && propagation != 0)
		r = sys_mount_setattr(mount, "", AT_EMPTY_PATH | (propagation & MOUNT_REC ? AT_RECURSIVE : 0), 0, 0,
				      propagation & ~MOUNT_REC);
	if (r >= 0 && is_root(op_text(child, op, 0)))
		child->root = mount;
	else
		sys_close(mount);
	return r;
}

/* "mode=..." of the directory that a tmpfs covers, where the config names none. */
static int inherited_mode(int at, char *option)
{
	struct statx st;
	int r = sys_statx(at, &st);
	if (r < 0)
		return r;
	size_t length = text_add(option, 0, 32, "mode=");
	for (int shift = 9; shift >= 0; shift -= 3)
		option[length++] = (char)('0' + (st.stx_mode >> shift & 7));
	option[length] = '\0';
	return 0;
}

static int new_mount(struct child *child, const struct bsn_op *op, int at, int made)
{
	char *const *options = op_vector(child, op, 2);
	char mode[32];
	char *more[64];
	size_t count = 0;
	if (op->flags & BSN_OP_F_INHERIT_MODE && !made && inherited_mode(at, mode) >= 0) {
		while (options != NULL && options[count] != NULL && count + 2 < ARRAY_COUNT(more)) {
			more[count] = options[count];
			count++;
		}
		more[count] = mode;
		more[count + 1] = NULL;
		options = more;
	}
	return mount_detached(child, op_text(child, op, 1), NULL, options, op->number[0]);
}

/* The host's own mount stands in: the descriptor that came along, or what is at the same path outside. */
static int stand_in(struct child *child, const struct bsn_op *op)
{
	int fd = op->fd >= 0 ? op->fd : sys_open_tree(AT_FDCWD, op_text(child, op, 0), OPEN_TREE_CLONE | AT_RECURSIVE);
	if (fd >= 0)
		sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, op->number[0] & MOUNT_ATTR_RDONLY, 0, 0);
	return fd;
}

int op_mount(struct child *child, const struct bsn_op *op)
{
	const char *type = op_text(child, op, 1);
	int made;
	int at = destination(child, op, STAT_DIRECTORY, &made);
	if (at < 0)
		return at;
	int mount = new_mount(child, op, at, made);
	if (mount < 0 && op->flags & BSN_OP_F_FALLBACK) {
		int other = stand_in(child, op);
		mount = other >= 0 ? other : mount;
	}
	if (mount >= 0 && op->flags & BSN_OP_F_COPY_UP) {
		int r = copy_up(child, at, mount);
		if (r < 0)
			return r;
	}
	if (mount < 0)
		return fail(child, mount, "cannot mount ", type, " at ", op_text(child, op, 0));
	if (text_same(type, "devpts")) {
		sys_close(child->devpts);
		child->devpts = sys_openat(mount, ".", O_PATH | O_DIRECTORY, 0);
	}
	return attach(child, op, mount, at, op->number[1]);
}

int op_mount_old(struct child *child, const struct bsn_op *op)
{
	int made;
	int at = destination(child, op, STAT_DIRECTORY, &made);
	if (at < 0)
		return at;
	/* mount(2) takes a path: the destination becomes the working directory. */
	int r = (int)SYS1(fchdir, at);
	if (r >= 0)
		r = (int)SYS5(mount, "none", ".", op_text(child, op, 1), op->number[2], op_text(child, op, 2));
	SYS1(chdir, "/");
	sys_close(at);
	if (r < 0)
		return fail(child, r, "cannot mount ", op_text(child, op, 1), " at ", op_text(child, op, 0));
	int top = path_open(child, op_text(child, op, 0), 0);
	if (top >= 0 && op->number[0] != 0)
		r = sys_mount_setattr(top, "", AT_EMPTY_PATH, op->number[0], 0, 0);
	if (top >= 0 && r >= 0 && op->number[1] != 0)
		r = sys_mount_setattr(top, "", AT_EMPTY_PATH, 0, 0, op->number[1] & ~MOUNT_REC);
	sys_close(top);
	return r;
}

static int clone_source(struct child *child, const struct bsn_op *op)
{
	int recursive = op->flags & BSN_OP_F_RECURSIVE ? AT_RECURSIVE : 0;
	int fd = sys_open_tree(AT_FDCWD, op_text(child, op, 1), OPEN_TREE_CLONE | (unsigned int)recursive);
	if (fd < 0)
		return fail(child, fd, "cannot open the mount's source \"", op_text(child, op, 1), "\"", NULL);
	int r = sys_mount_setattr(fd, "", AT_EMPTY_PATH, op->number[0], op->number[1], 0);
	if (r >= 0 && op->number[3] != 0)
		r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, op->number[3], 0, 0);
	return r < 0 ? r : fd;
}

int op_attach(struct child *child, const struct bsn_op *op)
{
	struct statx st;
	int made;
	int fd = op->fd >= 0 ? op->fd : clone_source(child, op);
	if (fd < 0)
		return fd;
	int r = sys_statx(fd, &st);
	if (r < 0)
		return r;
	uint32_t type = (st.stx_mode & STAT_TYPE) == STAT_DIRECTORY ? STAT_DIRECTORY : STAT_FILE;
	int at = destination(child, op, type, &made);
	if (at < 0)
		return at;
	r = attach(child, op, fd, at, op->number[2]);
	return r < 0 ? fail(child, r, "cannot mount \"", op_text(child, op, 1), "\" at ", op_text(child, op, 0)) : 0;
}

int op_remount(struct child *child, const struct bsn_op *op)
{
	int fd = path_open(child, op_text(child, op, 0), 0);
	if (fd < 0)
		return fd;
	int recursive = op->flags & BSN_OP_F_RECURSIVE ? AT_RECURSIVE : 0;
	int r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | (unsigned int)recursive, op->number[0], op->number[1], 0);
	sys_close(fd);
	return r;
}

int op_directory(struct child *child, const struct bsn_op *op)
{
	int fd = path_make(child, op_text(child, op, 0), STAT_DIRECTORY, (uint32_t)op->number[0], NULL);
	if (fd >= 0)
		sys_close(fd);
	return fd < 0 ? fd : 0;
}
