/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup that a process of `exec` starts in: the container's, one beneath it, or where its init has gone. */
#ifndef BSN_RUNTIME_EXEC_CGROUP_H
#define BSN_RUNTIME_EXEC_CGROUP_H

#include "runtime/apply.h"

/* Opens run->cgroup (-1: the container has none). A paused container is refused unless the options say otherwise. */
int bsn_exec_cgroup(struct bsn_run *run, const struct bsn_exec_options *options, struct basin_error *err);

/*
 * The process could not start in run->cgroup (-EBUSY): the payload moved into cgroups of its own making and hands controllers down to
 * them, so no process may be in the container's cgroup itself. Opens that of its init instead, which is beneath it; where --cgroup
 * chose one, that choice stands and this is the failure that the user gets to see.
 */
int bsn_exec_cgroup_of_init(struct bsn_run *run, const struct bsn_exec_options *options, struct basin_error *err);

#endif
