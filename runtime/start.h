/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start socket: a created container's first process listens on "start" in the container's directory. Whoever starts it connects,
 * sends START with the state document, and hears ERROR, or the end of the connection when the payload runs. The file is there
 * exactly as long as the container waits.
 */
#ifndef BSN_RUNTIME_START_H
#define BSN_RUNTIME_START_H

#include "base/error.h"

/* Binds and listens; a descriptor. */
int bsn_start_listen(int dir, struct basin_error *err);
/* Connects to it. */
int bsn_start_connect(int dir, int *ret_fd, struct basin_error *err);

#endif
