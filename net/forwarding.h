/* SPDX-License-Identifier: Apache-2.0 */
/* net.ipv4.ip_forward: on while there is a network, then as it was found. The caller keeps others from changing it meanwhile. */
#ifndef BSN_NET_FORWARDING_H
#define BSN_NET_FORWARDING_H

#include "base/error.h"

/* Turns it on; the old value is kept in dirfd/"ip_forward" (a directory that a reboot empties, as it resets the sysctl), unless it
 * is kept there already. */
int bsn_forwarding_enable(int dirfd, struct basin_error *err);
/* Puts the kept value back and forgets it. Nothing kept: nothing done. */
int bsn_forwarding_restore(int dirfd, struct basin_error *err);
/* Whether one is kept: 1 or 0. */
int bsn_forwarding_kept(int dirfd);

#endif
