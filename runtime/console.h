/* SPDX-License-Identifier: Apache-2.0 */
/* A container's terminal on our side: handed to an engine's socket, or connected with our own. */
#ifndef BSN_RUNTIME_CONSOLE_H
#define BSN_RUNTIME_CONSOLE_H

#include <stdint.h>
#include <termios.h>

/* The size of our own terminal; untouched where we have none. */
void bsn_console_size(uint16_t *ret_height, uint16_t *ret_width);

struct bsn_console {
	int master;
	int input;          /* our standard input, -1 once it has ended */
	struct termios was; /* what to give back */
	int is_terminal;    /* input is one */
};

/* Makes our terminal, if we have one, transparent, and gives the container's its size. */
void bsn_console_open(struct bsn_console *console, int master);
void bsn_console_close(struct bsn_console *console);
void bsn_console_resize(const struct bsn_console *console);
/* Moves what is there, input to master or master to output. 0 at the end of the source, else > 0 or -errno. */
int bsn_console_move(int from, int to);

#endif
