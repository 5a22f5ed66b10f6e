/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service manager hands to the runtime for the payload (sd_listen_fds(3), sd_notify(3)): descriptors that listen already, from 3 on,
 * and a socket to report to. An environment's payload is nobody's service, and gets neither.
 */
#ifndef BSN_RUNTIME_ACTIVATION_H
#define BSN_RUNTIME_ACTIVATION_H

#include "runtime/apply.h"

/* How many descriptors from 3 on LISTEN_FDS promises to us; 0 where it does not, or speaks to another process (LISTEN_PID). */
int bsn_activation_count(void);
/* Puts LISTEN_FDS and what belongs to it into the payload's environment, and for NOTIFY_SOCKET the container's own socket and its mount. */
int bsn_activation_prepare(struct bsn_run *run, struct basin_error *err);

#endif
