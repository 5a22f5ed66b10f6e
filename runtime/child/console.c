/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal. The master is opened in the container's own devpts, found by the descriptor of the mount that was just made and
 * not by a path; our end comes from the master (TIOCGPTPEER), so no name in the container is trusted for either.
 */
#include "runtime/child/child.h"

#define TCGETS      0x5401
#define TCSETS      0x5402
#define ONLCR       4
#define TIOCSPTLCK  0x40045431
#define TIOCGPTPEER 0x5441
#define TIOCSCTTY   0x540E
#define TIOCSWINSZ  0x5414
#define O_RW_NOCTTY (O_RDWR | O_NOCTTY)

static int open_master(struct child *child)
{
	struct statx st;
	int fd = child->devpts >= 0
			 ? sys_openat(child->devpts, "ptmx", O_RW_NOCTTY, 0)
			 : sys_openat2(child->root >= 0 ? child->root : AT_FDCWD, child->root >= 0 ? "dev/ptmx" : "/dev/ptmx",
				       O_RW_NOCTTY, 0,
				       child->root >= 0 ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS : RESOLVE_NO_MAGICLINKS);
	int r = fd < 0 ? fd : sys_statx(fd, &st);
	if (r >= 0 && ((st.stx_mode & STAT_TYPE) != STAT_CHAR || st.stx_rdev_minor != 2 || st.stx_rdev_major != 5))
		return fail_plain(child, -ENOTTY, "/dev/ptmx in the container is not a terminal multiplexer", NULL, NULL, NULL);
	return r < 0 ? fail(child, r, "cannot open /dev/ptmx in the container", NULL, NULL, NULL) : fd;
}

/* Puts our end at /dev/console: on that name itself, wherever it may lead. */
static int bind_console(struct child *child, int terminal)
{
	char name[NAME_ROOM];
	int parent = path_parent(child, "/dev/console", name);
	int at = parent < 0 ? parent : sys_openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0620);
	if (at >= 0)
		sys_close(at);
	if (at >= 0 || at == -EEXIST)
		at = sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);
	int mount = at < 0 ? at : place_clone(child, terminal, 0);
	int r = mount < 0 ? mount : place_put(child, mount, at, "/dev/console", 0);
	if (r >= 0)
		sys_close(r);
	return r < 0 ? fail(child, r, "cannot put the terminal at /dev/console", NULL, NULL, NULL) : 0;
}

/* Lines come out as the payload writes them, so that they are the same in a file as on a terminal, which adds its own returns. */
static void plain_lines(int terminal)
{
	uint32_t termios[9] = { 0 }; /* struct termios of the kernel: iflag, oflag, ... */
	if (SYS3(ioctl, terminal, TCGETS, termios) < 0)
		return;
	termios[1] &= ~(uint32_t)ONLCR;
	SYS3(ioctl, terminal, TCSETS, termios);
}

static int take_terminal(int terminal)
{
	int r = 0;
	for (int fd = 0; r >= 0 && fd < 3; fd++)
		r = (int)SYS3(dup3, terminal, fd, 0);
	return r;
}

int op_console(struct child *child, const struct bsn_op *op)
{
	int unlock = 0;
	uint16_t size[4] = { (uint16_t)op->number[0], (uint16_t)op->number[1], 0, 0 };
	int master = open_master(child);
	if (master < 0)
		return master;
	int r = (int)SYS3(ioctl, master, TIOCSPTLCK, &unlock);
	int terminal = r < 0 ? r : (int)SYS3(ioctl, master, TIOCGPTPEER, O_RW_NOCTTY | O_CLOEXEC);
	if (terminal < 0)
		return terminal;
	if (op->number[3] != 0)
		plain_lines(terminal);
	if (size[0] != 0 || size[1] != 0)
		SYS3(ioctl, terminal, TIOCSWINSZ, size);
	/* The user must be able to open its own terminal; an id that is not mapped cannot be given, and then does not matter. */
	SYS5(fchownat, terminal, "", op->number[2], -1, AT_EMPTY_PATH);
	if (op->flags & BSN_OP_F_BIND)
		r = bind_console(child, terminal);
	if (r >= 0)
		r = send_message(child->channel, BSN_MESSAGE_CONSOLE, 0, child->op_number, "", master);
	sys_close(master);
	if (r >= 0)
		r = take_terminal(terminal);
	if (terminal > 2)
		sys_close(terminal);
	return r;
}

int op_control(struct child *child, const struct bsn_op *op)
{
	(void)child;
	(void)op;
	return (int)SYS3(ioctl, 0, TIOCSCTTY, 0);
}
