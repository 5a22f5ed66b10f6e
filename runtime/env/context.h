/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct basin, the handle: where this basin lives, with the directories open. The ledger and the image store are opened by the first
 * call that needs them, so that a command which needs neither pays for neither.
 */
#ifndef BSN_RUNTIME_ENV_CONTEXT_H
#define BSN_RUNTIME_ENV_CONTEXT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/own.h"
#include "basin.h"
#include "runtime/runtime.h"

struct bsn_ledger; /* pool/ledger.h */
struct bsn_store;  /* image/store.h */

struct basin {
	char *root;        /* state root, absolute */
	char *data_root;   /* data root, absolute */
	char *cgroup_root; /* a directory in a cgroup2 mount, absolute; it may not exist yet */
	int root_fd;       /* O_RDONLY | O_DIRECTORY, made 0700 */
	int data_fd;       /* the same */
	bool rootless;     /* not root of the first user namespace's making: the defaults are the user's own directories */
	struct bsn_ledger *ledger;
	struct bsn_store *store;
};

/* The ledger in <data root>/ledger.db, the store in <data root>/store; owned by the handle. */
int bsn_basin_ledger(struct basin *basin, struct bsn_ledger **ret_ledger, struct basin_error *err);
int bsn_basin_store(struct basin *basin, struct bsn_store **ret_store, struct basin_error *err);

/*
 * Opens the roots anew, by path: after unshare(CLONE_NEWNS) the old descriptors are of mounts in the namespace that was left, where
 * nothing may be mounted or cloned any more. The store is opened again when it is next wanted; images got before stay good, their leases too.
 */
int bsn_basin_reopen(struct basin *basin, struct basin_error *err);

/* What the runtime's entry points want, borrowed from the handle. */
struct bsn_runtime bsn_basin_runtime(const struct basin *basin);

/* Opens (and makes, 0700) <data root>/<name> or <root>/<name>: "envs", "nets", ... Returns the descriptor or -errno. */
int bsn_basin_data_dir(const struct basin *basin, const char *name, struct basin_error *err);
int bsn_basin_state_dir(const struct basin *basin, const char *name, struct basin_error *err);

BSN_OWNER(struct basin *, basin_close);

#endif
