/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets on which an engine waits for a descriptor of ours: --console-socket, --pidfd-socket. */
#ifndef BSN_RUNTIME_RECEIVER_H
#define BSN_RUNTIME_RECEIVER_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

/* Sends fd, with text, to the listening stream socket at path; option is what the path came from, for messages. */
int bsn_receiver_send(const char *path, const char *option, const char *text, int fd, struct basin_error *err);
/* The address of a socket; a path that begins with '@' is an abstract one. */
int bsn_receiver_address(const char *path, const char *option, struct sockaddr_un *ret_address, socklen_t *ret_length,
			 struct basin_error *err);

#endif
