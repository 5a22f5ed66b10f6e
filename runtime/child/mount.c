/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New file systems: configured, mounted detached, and then attached where the destination, resolved inside the root, is; and changes of
 * those that are there.
 *
 * A detached mount that is closed without having been attached costs a grace period, so none is made that is not used.
 */
#include "runtime/child/child.h"

#define CREATE               6 /* FSCONFIG_CMD_CREATE */
#define RECONFIGURE          7
#define FSPICK_CLOEXEC_EMPTY 9 /* FSPICK_CLOEXEC | FSPICK_EMPTY_PATH */

int configure(int fs, char *const *options)
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

int mount_detached(const char *type, char *const *options, uint64_t attributes)
{
	int fs = (int)SYS2(fsopen, type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return fs;
	int r = configure(fs, options);
	if (r >= 0)
		r = (int)SYS5(fsconfig, fs, CREATE, NULL, NULL, 0);
	if (r >= 0)
		r = (int)SYS3(fsmount, fs, FSMOUNT_CLOEXEC, attributes);
	sys_close(fs);
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

/* Makes the file system; detached, or with mount(2) at the open place, where *ret_done then says so. */
static int new_mount(struct child *child, const struct bsn_op *op, int at, int made, int *ret_done)
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
	if (!child->old_mounts && (op->flags & BSN_OP_F_OLD) == 0)
		return mount_detached(op_text(child, op, 1), options, op->number[0]);
	int r = old_file_system(at, op_text(child, op, 1), options, op->number[0], op->number[2]);
	*ret_done = r >= 0;
	return r < 0 ? r : path_open(child, op_text(child, op, 0), 0);
}

/* The host's own mount stands in: the descriptor that came along, or what is at the same path outside. */
static int stand_in(const struct child *child, const struct bsn_op *op)
{
	int fd = op->fd >= 0 ? op->fd : sys_openat(AT_FDCWD, op_text(child, op, 0), O_PATH, 0);
	if (fd >= 0 && op->fd < 0) {
		int clone = place_clone(child, fd, AT_RECURSIVE);
		sys_close(fd);
		fd = clone;
	}
	if (fd >= 0 && !child->old_mounts)
		place_attributes(child, fd, AT_RECURSIVE, op->number[0] & LOCKABLE, 0);
	return fd;
}

int op_mount(struct child *child, const struct bsn_op *op)
{
	const char *type = op_text(child, op, 1);
	const char *path = op_text(child, op, 0);
	int made;
	int done = 0;
	int at = place_open(child, op, STAT_DIRECTORY, &made);
	if (at < 0)
		return at;
	int mount = new_mount(child, op, at, made, &done);
	if (mount < 0 && !done && op->flags & BSN_OP_F_FALLBACK) {
		int other = stand_in(child, op);
		mount = other >= 0 ? other : mount;
	}
	if (mount >= 0 && op->flags & BSN_OP_F_COPY_UP) {
		int r = copy_up(child, at, mount);
		if (r < 0)
			return r;
	}
	if (mount >= 0 && text_same(type, "devpts")) {
		if (child->devpts >= 0)
			sys_close(child->devpts);
		child->devpts = sys_openat(mount, ".", O_PATH | O_DIRECTORY, 0);
	}
	if (done)
		sys_close(at);
	else if (mount >= 0)
		mount = place_put(child, mount, at, path, AT_RECURSIVE);
	path_forget(child);
	int r = mount < 0 ? mount : place_settle(child, op, mount, op->number[1]);
	return r < 0 ? fail(child, r, "cannot mount ", type, " at ", path) : 0;
}

/* Changes the file system itself. */
static int reconfigure(int fd, char *const *options)
{
	int fs = (int)SYS3(fspick, fd, "", FSPICK_CLOEXEC_EMPTY);
	int r = fs < 0 ? fs : configure(fs, options);
	if (r >= 0)
		r = (int)SYS5(fsconfig, fs, RECONFIGURE, NULL, NULL, 0);
	if (fs >= 0)
		sys_close(fs);
	return r;
}

int op_remount(struct child *child, const struct bsn_op *op)
{
	int fd = path_open(child, op_text(child, op, 0), 0);
	if (fd < 0)
		return fd;
	int r = op->text[2] != 0 ? reconfigure(fd, op_vector(child, op, 2)) : 0;
	if (r >= 0)
		r = attach_attributes(child, op, fd);
	sys_close(fd);
	return r;
}

static int is_kernels(int fd)
{
	return check_file_system(fd, PROC_MAGIC) >= 0 || check_file_system(fd, SYSFS_MAGIC) >= 0;
}

/*
 * By its name in an open directory, since there is no other way to unmount a file. Links that the container has put into the path may lead
 * to its masks: what is mounted in the kernel's own file systems stays.
 */
int op_unmount(struct child *child, const struct bsn_op *op)
{
	char name[NAME_ROOM];
	const char *path = op_text(child, op, 0);
	int parent = path_parent(child, path, name);
	if (parent < 0)
		return parent;
	int target = sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);
	if (target < 0)
		return target;
	int refuse = is_kernels(parent) || is_kernels(target);
	sys_close(target);
	if (refuse)
		return fail_plain(child, -EPERM, "cannot unmount \"", path, "\": it is in /proc or /sys", NULL);
	int r = (int)SYS1(fchdir, parent);
	if (r >= 0)
		r = (int)SYS2(umount2, name, UNMOUNT_DETACH | UNMOUNT_NOFOLLOW);
	SYS1(chdir, "/");
	return r == -EINVAL ? fail_plain(child, r, "nothing is mounted at \"", path, "\"", NULL) : r;
}

int op_directory(struct child *child, const struct bsn_op *op)
{
	int fd = path_make(child, op_text(child, op, 0), STAT_DIRECTORY, (uint32_t)op->number[0], NULL);
	if (fd >= 0)
		sys_close(fd);
	return fd < 0 ? fd : 0;
}
