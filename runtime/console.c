/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/console.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sys.h"

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

void bsn_console_open(struct bsn_console *console, int master)
{
	*console = (struct bsn_console){ .master = master, .input = STDIN_FILENO };
	console->is_terminal = tcgetattr(STDIN_FILENO, &console->was) == 0;
	if (!console->is_terminal)
		return;
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
