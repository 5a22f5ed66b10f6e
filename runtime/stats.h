/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container uses, in the form of runc's `events --stats` ("data" of a "stats" event), which containerd and others read: sections
 * cpu, cpuset, memory, pids, blkio, hugetlb, intel_rdt and network_interfaces; times in nanoseconds, "no limit" of memory as 2^64-1 and
 * of tasks as 0, memory's swap as memory and swap together.
 */
#ifndef BSN_RUNTIME_STATS_H
#define BSN_RUNTIME_STATS_H

#include "base/str.h"
#include "pool/cgroup.h"

/*
 * Appends the document, without blanks: of what was counted, and of what only files of the cgroup (whose directory is open) say. What this
 * kernel or tree does not count is left out or 0.
 */
int bsn_stats_format(int cgroup, const struct bsn_cgroup_stats *stats, struct bsn_str *text, struct basin_error *err);

#endif
