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

/* The node to mount: one of those that were made for this container, or the host's at the same path. */
static int open_node(struct child *child, const struct bsn_op *op)
{
	char digits[24];
	int fd = op->count > 0 && child->devices >= 0
			 ? sys_openat(child->devices, text_number(digits, op->count), O_PATH | O_NOFOLLOW, 0)
			 : sys_openat(AT_FDCWD, op_text(child, op, 0), O_PATH, 0);
	int r = fd < 0 ? fd : same_device(fd, op);
	if (r == 0)
		r = fail_plain(child, -ENODEV, "the host's \"", op_text(child, op, 0), "\" is not the device that was asked for",
			       NULL);
	if (r < 0) {
		if (fd >= 0)
			sys_close(fd);
		return r;
	}
	int node = place_clone(child, fd, 0);
	sys_close(fd);
	return node;
}

/* What the node is mounted on: itself, even if it is a link. */
static int open_place(struct child *child, const struct bsn_op *op)
{
	char name[NAME_ROOM];
	int parent = path_parent(child, op_text(child, op, 0), name);
	if (parent < 0)
		return parent;
	int r = sys_openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
	if (r >= 0)
		sys_close(r);
	return r < 0 && r != -EEXIST ? r : sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);
}

static int bind_node(struct child *child, const struct bsn_op *op)
{
	int at = open_place(child, op);
	if (at < 0)
		return at;
	/* Mounting a node on a name of this directory leaves what is known of the directory true. */
	int parent = child->parent;
	child->parent = -1;
	int node = open_node(child, op);
	int r = node < 0 ? node : place_put(child, node, at, op_text(child, op, 0), 0);
	child->parent = parent;
	if (r >= 0)
		sys_close(r);
	return r < 0 ? r : 0;
}

static size_t add_numbers(char *text, size_t at, size_t room, uint64_t major, uint64_t minor)
{
	char digits[24];
	at = text_add(text, at, room, text_number(digits, (int64_t)major));
	at = text_add(text, at, room, ":");
	return text_add(text, at, room, text_number(digits, (int64_t)minor));
}

/* Something is there already: it has to be what was asked for (runtime-spec, linux.devices). */
static int accept_existing(struct child *child, const struct bsn_op *op, int parent, const char *name)
{
	struct statx st;
	char numbers[96];
	int fd = sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);
	int same = fd < 0 ? fd : same_device(fd, op);
	int r = fd < 0 ? fd : sys_statx(fd, &st);
	if (fd >= 0)
		sys_close(fd);
	/* A directory stays: crun has it so, and nothing takes it for a device. */
	if (r < 0 || same != 0 || (st.stx_mode & STAT_TYPE) == STAT_DIRECTORY)
		return r;
	if ((st.stx_mode & STAT_TYPE) != (op->number[0] & STAT_TYPE))
		return fail_plain(child, -EEXIST, op_text(child, op, 0),
				  " has incorrect ftype: it exists and is not the device that was asked for", NULL, NULL);
	size_t at = add_numbers(numbers, 0, sizeof(numbers), st.stx_rdev_major, st.stx_rdev_minor);
	at = text_add(numbers, at, sizeof(numbers), " doesn't match expected ");
	add_numbers(numbers, at, sizeof(numbers), op->number[1] >> 32, op->number[1] & 0xffffffffu);
	return fail_plain(child, -EEXIST, op_text(child, op, 0), " has incorrect major:minor: ", numbers, NULL);
}

static int make_node(struct child *child, const struct bsn_op *op)
{
	char name[NAME_ROOM];
	int parent = path_parent(child, op_text(child, op, 0), name);
	if (parent < 0)
		return parent;
	/* The kernel's encoding of a device number, as mknod(2) takes it. */
	uint64_t major = op->number[1] >> 32;
	uint64_t minor = op->number[1] & 0xffffffffu;
	uint64_t dev = (minor & 0xff) | (major << 8) | ((minor & ~0xffull) << 12);
	/* The mode is given here and not set afterwards: by then the name could be a link, which chmod follows, out of the root. */
	long mask = SYS1(umask, 0);
	int r = (int)SYS4(mknodat, parent, name, op->number[0], dev);
	SYS1(umask, mask);
	if (r == -EEXIST)
		return accept_existing(child, op, parent, name);
	if (r >= 0 && (op->number[2] != 0 || op->number[3] != 0))
		r = (int)SYS5(fchownat, parent, name, op->number[2], op->number[3], AT_SYMLINK_NOFOLLOW);
	return r;
}

int op_device(struct child *child, const struct bsn_op *op)
{
	int r = op->flags & BSN_OP_F_BIND ? -EPERM : make_node(child, op);
	/* Root of a user namespace has all capabilities there and still may not make nodes. */
	return r == -EPERM && (op->number[0] & STAT_TYPE) != STAT_FIFO ? bind_node(child, op) : r;
}

/*
 * Only a mount of this namespace can be cloned before Linux 6.15, so the nodes' file system is attached while they are taken from it: on
 * the root, where lookups that begin at the root do not see it.
 */
int op_devices(struct child *child, const struct bsn_op *op)
{
	int r;
	if (op->fd >= 0) {
		child->devices = op->fd;
		return sys_attach(op->fd, child->root);
	}
	/* Old kernels: there were none, the host's are used. */
	if (child->devices < 0)
		return 0;
	r = (int)SYS1(fchdir, child->devices);
	if (r >= 0)
		r = (int)SYS2(umount2, ".", UNMOUNT_DETACH);
	SYS1(chdir, "/");
	sys_close(child->devices);
	child->devices = -1;
	return r;
}

/* A link that is there already: it is the same, or it goes. */
static int replace_link(struct child *child, const struct bsn_op *op, int parent, const char *name)
{
	char target[PATH_ROOM];
	long n = SYS4(readlinkat, parent, name, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	if (n > 0 && text_same(target, op_text(child, op, 1)))
		return 0;
	if (op->flags & BSN_OP_F_TRY)
		return fail_plain(child, -EEXIST, "\"", op_text(child, op, 0), "\" already exists with a different content",
				  NULL);
	int r = (int)SYS3(unlinkat, parent, name, 0);
	return r < 0 ? r : (int)SYS3(symlinkat, op_text(child, op, 1), parent, name);
}

int op_symlink(struct child *child, const struct bsn_op *op)
{
	char name[NAME_ROOM];
	int parent = path_parent(child, op_text(child, op, 0), name);
	if (parent < 0)
		return parent;
	int r = (int)SYS3(symlinkat, op_text(child, op, 1), parent, name);
	if (r == -EEXIST && op->flags & (BSN_OP_F_MOVE | BSN_OP_F_TRY))
		return replace_link(child, op, parent, name);
	return r == -EEXIST ? 0 : r;
}

static int is_null(int fd)
{
	struct statx st;
	return sys_statx(fd, &st) == 0 && (st.stx_mode & STAT_TYPE) == STAT_CHAR && st.stx_rdev_major == 1 &&
	       st.stx_rdev_minor == 3;
}

/*
 * A stream that leads to nowhere leads to the container's own nowhere: it keeps nothing of the host's in there, and what criu is to write
 * down must not lie outside. Where the container has no such device it stays what it is.
 */
int op_null(struct child *child, const struct bsn_op *op)
{
	int looked_at = path_open(child, "/dev/null", 0);
	int fd = looked_at >= 0 && is_null(looked_at)
			 ? sys_openat2(child->root, "dev/null", O_RDWR | O_NOCTTY, 0, RESOLVE_IN_ROOT)
			 : -1;
	for (int i = 0; fd >= 0 && is_null(fd) && i < 3; i++)
		if (op->number[0] >> i & 1)
			SYS3(dup3, fd, i, 0);
	if (fd >= 0)
		sys_close(fd);
	if (looked_at >= 0)
		sys_close(looked_at);
	return 0;
}
