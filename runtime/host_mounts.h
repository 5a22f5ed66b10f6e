/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container without a mount namespace has its mounts in the caller's, where they outlive it. They all lie on its root, which is mounted on
 * itself: that one mount is the step "mounts", undone when nothing runs there any more.
 *
 * What lies at the root's path is somebody else's as long as it is the mount that was there before; and from another mount namespace it is
 * not looked at at all.
 */
#ifndef BSN_RUNTIME_HOST_MOUNTS_H
#define BSN_RUNTIME_HOST_MOUNTS_H

#include "base/str.h"
#include "runtime/apply.h"

int bsn_host_mounts_intend(void *run, struct bsn_str *value, struct basin_error *err);
int bsn_host_mounts_apply(void *run, const char *value, struct basin_error *err);
int bsn_host_mounts_undo(void *world, const char *value, struct basin_error *err);

#endif
