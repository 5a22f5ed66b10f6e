/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that take one container, or with --regex all that match. */
#ifndef BSN_CMD_OCI_EACH_H
#define BSN_CMD_OCI_EACH_H

#include "cmd/cmd.h"
#include "runtime/runtime.h"

typedef int cmd_each_fn(const struct bsn_runtime *runtime, const char *id, const void *data, struct basin_error *err);

/*
 * Calls fn for the container that the first argument names, or, with regex, for every one whose id it matches: one that fails is reported
 * and the others go on. Returns the exit status.
 */
int cmd_each(const struct cmd_run *run, const struct bsn_runtime *runtime, bool regex, cmd_each_fn *fn, const void *data);

#endif
