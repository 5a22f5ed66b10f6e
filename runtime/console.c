/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/console.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sys.h"

#define LINES_AHEAD 8 /* of at most 4 KiB: the container's terminal holds as many unread */

void bsn_console_size(uint16_t *ret_height, uint16_t *ret_width)
{
	struct winsize size;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || (size.ws_row == 0 && size.ws_col == 0))
		return;
	*ret_height = size.ws_row;
	*ret_width = size.ws_col;
}

void bsn_console_resize(const struct bsn_console *console)
{
	struct winsize size;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		ioctl(console->master, TIOCSWINSZ, &size);
}

/*
 * What was typed ahead is taken while the terminal still gives lines: in raw mode the end of input that waits among them would be read as
 * a NUL, which nobody typed. It goes on as what was typed.
 */
static void take_lines(const struct bsn_console *console)
{
	struct pollfd typed = { .fd = STDIN_FILENO, .events = POLLIN };
	for (int i = 0; i < LINES_AHEAD && bsn_sys_poll(&typed, 1, 0) > 0 && (typed.revents & POLLIN) != 0; i++)
		if (bsn_console_move(STDIN_FILENO, console->master) <= 0) {
			bsn_write_all(console->master, &console->was.c_cc[VEOF], 1);
			return;
		}
}

void bsn_console_open(struct bsn_console *console, int master)
{
	*console = (struct bsn_console){ .master = master, .input = STDIN_FILENO };
	console->is_terminal = tcgetattr(STDIN_FILENO, &console->was) == 0;
	if (!console->is_terminal)
		return;
	if ((console->was.c_lflag & ICANON) != 0)
		take_lines(console);
	struct termios raw = console->was;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* the container leaves it to ours to begin lines at their beginning */
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	bsn_console_resize(console);
}

void bsn_console_close(struct bsn_console *console)
{
	if (console->is_terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &console->was);
	console->is_terminal = 0;
}

int bsn_console_move(int from, int to)
{
	char buffer[8192];
	ssize_t n = BSN_RETRY(read(from, buffer, sizeof(buffer)));
	if (n < 0)
		return errno == EIO ? 0 : -errno; /* EIO: nobody has the other end of the terminal open any more */
	if (n == 0)
		return 0;
	int r = bsn_write_all(to, buffer, (size_t)n);
	return r < 0 ? r : (int)n;
}
