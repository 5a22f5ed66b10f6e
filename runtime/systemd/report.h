/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between basin and basin-systemd. The helper begins with one end of a SOCK_SEQPACKET pair as descriptor 0, sends one report over it and ends;
 * `start` sends it when the scope exists and then stays in the scope until the other end is closed, so that the scope is never empty, and
 * gone by itself, before the container's first process is in it.
 *
 *     basin-systemd start BUS UNIT SLICE ID [NAME=VALUE ...]   makes the scope, with the helper in it
 *     basin-systemd set BUS UNIT [NAME=VALUE ...]              changes properties, until the unit ends
 *     basin-systemd attach BUS UNIT PID BELOW                  moves a process into the scope, or a cgroup below it, where the caller may not
 *     basin-systemd stop BUS UNIT                              ends an empty scope and forgets a failed one; one that is gone is success
 *
 * BUS is "system" or "user"; VALUE is in GVariant's text form (runtime/systemd/variant.h).
 */
#ifndef BSN_RUNTIME_SYSTEMD_REPORT_H
#define BSN_RUNTIME_SYSTEMD_REPORT_H

#include <stdint.h>

#include "basin.h"

#define BSN_SCOPE_REPORT_MAGIC 0x62737379u
#define BSN_SCOPE_CGROUP_MAX   4096

struct bsn_scope_report {
	uint32_t magic;
	int32_t result; /* 0, or a negative errno that err explains */
	struct basin_error err;
	char cgroup[BSN_SCOPE_CGROUP_MAX]; /* start: the scope's, below the cgroup2 mount, without a leading slash */
};

#endif
