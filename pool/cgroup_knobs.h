/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of pool/cgroup*.c: setting knobs, and bringing down the controllers that have them. */
#ifndef BSN_POOL_CGROUP_KNOBS_H
#define BSN_POOL_CGROUP_KNOBS_H

#include "pool/cgroup.h"

/*
 * Writes every knob that is set. fd: the cgroup's directory; create: make the files (a plain directory plays the cgroup). -ENOENT
 * with *err filled when a knob's file is missing, because its controller is not enabled there or not in this kernel.
 */
int bsn_cgroup_write_knobs(int fd, bool create, const struct bsn_cgroup_resources *resources, struct basin_error *err);

/* Enables the controllers on every level above path, so that path has their files. */
int bsn_cgroup_enable(const struct bsn_cgroup_tree *tree, const char *path, uint32_t mask, struct basin_error *err);

/*
 * rmdir of dirfd/name and of the cgroups in it, deepest first. A cgroup that has only just become empty can be busy for a moment.
 */
int bsn_cgroup_remove_dirs(int dirfd, const char *name);

#endif
