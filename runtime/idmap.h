/* SPDX-License-Identifier: Apache-2.0 */
/* Id maps: writing those of a new user namespace, and a user namespace that only holds maps, for idmapped mounts. */
#ifndef BSN_RUNTIME_IDMAP_H
#define BSN_RUNTIME_IDMAP_H

#include <sys/types.h>

#include "base/error.h"
#include "runtime/config.h"

/*
 * Writes the maps of the user namespace that pid is in. Where this process may not (it is not root), one line that maps its own id
 * is written with setgroups denied, and more than that goes through newuidmap(1) and newgidmap(1).
 */
int bsn_idmap_write(pid_t pid, const struct bsn_id_maps *uids, const struct bsn_id_maps *gids, struct basin_error *err);

/* A descriptor of a new user namespace with these maps and nobody in it, as mount_setattr(2) wants it for MOUNT_ATTR_IDMAP. */
int bsn_idmap_open(const struct bsn_id_maps *uids, const struct bsn_id_maps *gids, int *ret_fd, struct basin_error *err);

#endif
