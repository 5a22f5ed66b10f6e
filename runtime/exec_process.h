/* SPDX-License-Identifier: Apache-2.0 */
/* The process that exec is asked to run: the container's own changed by options, or one of the caller's that takes from the container's
 * what it leaves open. */
#ifndef BSN_RUNTIME_EXEC_PROCESS_H
#define BSN_RUNTIME_EXEC_PROCESS_H

#include "runtime/container.h"

/* *ret_process is the caller's (bsn_config_free), whether this fails or not, and points into config, which must outlive it. */
int bsn_exec_process_make(const struct bsn_container *container, const struct bsn_config *config,
			  const struct bsn_exec_options *options, struct bsn_config **ret_process, struct basin_error *err);

#endif
