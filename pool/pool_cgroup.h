/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool's cgroup: where its cap is in force. "/team/dev" is <cgroup root>/pool-team/pool-dev, an environment in it
 * <cgroup root>/pool-team/pool-dev/env-<name>; the prefixes keep the two from ever meaning the same directory.
 */
#ifndef BSN_POOL_POOL_CGROUP_H
#define BSN_POOL_POOL_CGROUP_H

#include "pool/pool.h"

/* The cgroup of a pool below the cgroup root, "" for "/": "pool-team/pool-dev". buffer of BSN_POOL_CGROUP_MAX. */
#define BSN_POOL_CGROUP_MAX (BSN_POOL_NAME_MAX + 5 * 8)
int bsn_pool_cgroup_path(const char *pool, char *buffer, size_t room, struct basin_error *err);

/*
 * The resources that this host can hold a pool to: cpu, memory and pids when the cgroup2 tree has their controllers, storage when
 * the data root's file system can limit an environment. cgroup_root NULL: the default.
 */
int bsn_pool_enforceable(const char *cgroup_root, int data_fd, unsigned int *ret_resources, struct basin_error *err);

/*
 * Makes the pool's cgroup and its ancestors' where they are missing (a reboot takes them), turns the controllers on along the
 * path, and writes the caps. Idempotent: called by pool create and set, and before every start. BUSY when the members use more
 * memory than the cap would be.
 */
int bsn_pool_cgroup_ensure(struct bsn_ledger *ledger, const struct bsn_host *host, const char *cgroup_root, const char *pool,
			   struct basin_error *err);
/* Removes the pool's own cgroup; "already gone" is success, BUSY while something is in it. */
int bsn_pool_cgroup_destroy(const char *cgroup_root, const char *pool, struct basin_error *err);

#endif
