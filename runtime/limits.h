/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that take privileges of the host, which a process in a user namespace has not: set from outside. */
#ifndef BSN_RUNTIME_LIMITS_H
#define BSN_RUNTIME_LIMITS_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/config.h"

/* lift: of each only the hard one, where that has to go up; the process does the rest. Its oomScoreAdj is set in any case. */
int bsn_limits_set(pid_t pid, const struct bsn_process_config *process, bool lift, struct basin_error *err);

#endif
