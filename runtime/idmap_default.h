/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of a new user namespace for which the config names none: the payload's user is the caller, and the ids around it are those that
 * /etc/subuid and /etc/subgid give the caller, as in crun.
 */
#ifndef BSN_RUNTIME_IDMAP_DEFAULT_H
#define BSN_RUNTIME_IDMAP_DEFAULT_H

#include "runtime/config.h"

/* Fills in whichever of the two maps is missing; nothing when there is no new user namespace. */
int bsn_idmap_default(struct bsn_config *config, struct basin_error *err);

/* The same from texts, for tests: subids as in /etc/subuid; owner and name are who asks; id: the container's for `own`. Up to 3 ranges. */
size_t bsn_idmap_default_ranges(const char *subids, uint32_t owner, const char *name, uint32_t id, uint32_t own,
				struct bsn_id_map ranges[3]);

#endif
