/* SPDX-License-Identifier: Apache-2.0 */
/* An environment's root file system: an overlay of its writable layer over its image's layers, as one detached mount. */
#ifndef BSN_RUNTIME_ENV_ROOTFS_H
#define BSN_RUNTIME_ENV_ROOTFS_H

#include "image/store.h"
#include "runtime/env/definition.h"

/*
 * The caller is in a private mount namespace: layers whose ids are mapped, and the file system of a loop image, are attached there for as
 * long as the overlay is being put together, since older kernels (6.1 among them) refuse an overlay of detached mounts. *ret_fd is what
 * bsn_container_create takes as rootfs_fd; it keeps all of them alive.
 */
int bsn_env_rootfs_open(struct basin *basin, const struct bsn_env *env, const struct bsn_image *image, int *ret_fd,
			struct basin_error *err);

/* A user namespace in which ids 0 to count-1 are those from first on here; for mount_setattr(2). */
int bsn_userns_open(int64_t first, int64_t count, int *ret_fd, struct basin_error *err);

#endif
