/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload's reports to the service manager that started the runtime (sd_notify(3)). The manager's own socket is never shown to the
 * container: it gets one of ours, and of what it says there READY=1 and STOPPING=1 go on, nothing else. So a payload cannot name another
 * main process, store descriptors, or keep a watchdog quiet.
 */
#ifndef BSN_RUNTIME_NOTIFY_H
#define BSN_RUNTIME_NOTIFY_H

#include <sys/types.h>

#include "base/error.h"

#define BSN_NOTIFY_DIRECTORY "notify" /* in the container's directory */
#define BSN_NOTIFY_SOCKET    "notify" /* in that one */
#define BSN_NOTIFY_INSIDE                                                                                                        \
	"/run/notify" /* where the container sees it, unless the manager's own socket has a path: then there, as with crun */

/* NOTIFY_SOCKET of our environment; NULL where nobody wants to hear. */
const char *bsn_notify_host(void);
/* Makes the directory, in the container's. */
int bsn_notify_make(int dir, struct basin_error *err);
/* Binds the socket. *ret_fd is -1 where nobody wants to hear, or the container was made without the directory. */
int bsn_notify_bind(int dir, int *ret_fd, struct basin_error *err);
/* Waits until the payload behind pidfd says that it is ready, or ends; the manager then hears of it, and that pid is its main process. */
int bsn_notify_wait(int fd, int pidfd, pid_t pid, struct basin_error *err);
/* Hands one datagram on; pid: whose readiness it is, 0: nobody new's. 1 when it said READY=1, 0, or -errno. */
int bsn_notify_move(int fd, pid_t pid);

#endif
