/* SPDX-License-Identifier: Apache-2.0 */
/* What a config lacks where an ordinary user brings it. */
#ifndef BSN_RUNTIME_ROOTLESS_H
#define BSN_RUNTIME_ROOTLESS_H

#include "runtime/config.h"

/*
 * Gives it a new user namespace if it has none, without which an ordinary user makes no other either; as crun does, with a warning. text is the config
 * as it will be kept, replaced by one that says so. Root's container without one has no use for id mappings: they are dropped, with a warning.
 */
int bsn_rootless_complete(struct bsn_config *config, char **text, struct basin_error *err);

#endif
