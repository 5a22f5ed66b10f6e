/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds: what the parent opened on the host, or what is opened here, gets its attributes and is attached.
 *
 * As mount(8)'s "bind": without options the mount is what its source is; with any, those not named are taken away, but for the access time,
 * which stays unless it is named. In a user namespace what the source forbids cannot be allowed: it stays if it was not named, and is an
 * error if it was.
 */
#include "runtime/child/child.h"

static uint64_t access_time(uint64_t st_flags)
{
	uint64_t time = st_flags & ST_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0;
	if (st_flags & ST_NOATIME)
		return time | MOUNT_ATTR_NOATIME;
	return time | (st_flags & ST_RELATIME ? MOUNT_ATTR_RELATIME : MOUNT_ATTR_STRICTATIME);
}

/* Takes out of *clear what the mount has and may not lose. */
static int keep_locked(struct child *child, const struct bsn_op *op, int fd, uint64_t set, uint64_t *clear)
{
	struct file_system fs;
	int r = sys_fstatfs(fd, &fs);
	if (r < 0)
		return r;
	uint64_t times = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	if (fs.flags & op->number[1] & LOCKABLE)
		return fail(child, -EPERM, "cannot clear locked flags of the mount at \"", op_text(child, op, 0), "\"", NULL);
	if (*clear & times && (set & times) != access_time(fs.flags))
		return fail(child, -EPERM, "cannot change locked atime flags of the mount at \"", op_text(child, op, 0), "\"",
			    NULL);
	*clear &= ~(fs.flags & LOCKABLE);
	return 0;
}

int attach_attributes(struct child *child, const struct bsn_op *op, int fd)
{
	uint64_t set = (uint32_t)op->number[0];
	uint64_t clear = op->number[0] >> 32;
	int locked = (op->flags & BSN_OP_F_LOCKED) != 0 && clear != 0;
	int r = locked ? keep_locked(child, op, fd, set, &clear) : 0;
	if (r >= 0)
		r = place_attributes(child, fd, 0, set, clear);
	/* A mount that came into our user namespace from outside. */
	if (r == -EPERM && !locked && clear != 0) {
		r = keep_locked(child, op, fd, set, &clear);
		if (r >= 0)
			r = place_attributes(child, fd, 0, set, clear);
	}
	return r < 0 ? r : place_attributes(child, fd, AT_RECURSIVE, (uint32_t)op->number[3], op->number[3] >> 32);
}

/* The source, when the parent did not bring it: a detached clone, or (old_mounts) what is to be bound. */
static int open_source(struct child *child, const struct bsn_op *op, unsigned int recursive)
{
	const char *path = op_text(child, op, 1);
	int link = op->flags & BSN_OP_F_NO_FOLLOW ? O_NOFOLLOW : 0;
	int fd = op->flags & BSN_OP_F_IN_ROOT ? path_open(child, path, 0) : sys_openat(AT_FDCWD, path, O_PATH | link, 0);
	int clone = fd < 0 ? fd : place_clone(child, fd, recursive);
	if (fd >= 0)
		sys_close(fd);
	return clone < 0 ? fail(child, clone, "cannot open the mount's source \"", path, "\"", NULL) : clone;
}

/* Only who made the file system may map its ids, and that is the parent. */
static int map_ids(struct child *child, const struct bsn_op *op, int mount)
{
	int r = send_message(child->channel, BSN_MESSAGE_MAP_IDS, (int32_t)op->count - 1, child->op_number, "", mount);
	return r < 0 ? r : expect_message(child->channel, BSN_MESSAGE_IDS_MAPPED, NULL);
}

/* What is dressed before it can be seen, where it can be. */
static int dress(struct child *child, const struct bsn_op *op, int fd)
{
	int r = attach_attributes(child, op, fd);
	if (r >= 0 && op->flags & BSN_OP_F_PROC && check_file_system(fd, PROC_MAGIC) < 0)
		return fail_plain(child, -EPERM, "\"/proc\" cannot be mounted because it is not of type proc", NULL, NULL, NULL);
	return r;
}

static int fail_mount(struct child *child, const struct bsn_op *op, int r)
{
	if (child->text[0] != '\0')
		return r;
	return fail(child, r, "cannot mount \"", op_text(child, op, 1), "\" at ", op_text(child, op, 0));
}

int op_attach(struct child *child, const struct bsn_op *op)
{
	struct statx st;
	int made;
	unsigned int recursive = op->flags & BSN_OP_F_RECURSIVE ? AT_RECURSIVE : 0;
	int fd = op->fd >= 0 ? op->fd : open_source(child, op, recursive);
	if (fd < 0)
		return fd;
	int r = sys_statx(fd, &st);
	if (r >= 0 && op->flags & BSN_OP_F_MAP_IDS)
		r = child->old_mounts ? -ENOSYS : map_ids(child, op, fd);
	if (r >= 0 && !child->old_mounts)
		r = dress(child, op, fd);
	if (r < 0)
		return fail_mount(child, op, r);
	uint32_t type = (st.stx_mode & STAT_TYPE) == STAT_DIRECTORY ? STAT_DIRECTORY : STAT_FILE;
	int at = place_open(child, op, type, &made);
	if (at < 0)
		return at;
	int mount = place_put(child, fd, at, op_text(child, op, 0), recursive);
	r = mount < 0 ? mount : 0;
	if (r >= 0 && child->old_mounts)
		r = dress(child, op, mount);
	if (r >= 0)
		r = place_settle(child, op, mount, op->number[2]);
	return r < 0 ? fail_mount(child, op, r) : 0;
}
