/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and removing an environment: one table of steps, forwards and backwards.
 *
 * The record of these steps is the ledger's row. It is there (state "creating") before anything is made and goes when everything is
 * gone; every object's name follows from the environment's; and each undo takes "already gone" for success. So undoing needs nothing
 * but the name: a failed launch, rm, and reconcile after a crash are the same walk back.
 */
#ifndef BSN_RUNTIME_ENV_MAKE_H
#define BSN_RUNTIME_ENV_MAKE_H

#include "runtime/env/definition.h"

/*
 * Fills a new environment's writable layer, before its first start; layer_fd holds upper/ and work/. It runs in a forked process with a
 * private mount namespace: what it leaves in memory is lost, and it must not use the ledger.
 */
typedef int bsn_env_fill_fn(void *data, const struct bsn_env *env, int layer_fd, struct basin_error *err);

struct bsn_env_make {
	/* The definition. What it must have: name, image.digest. What making it decides and puts in: created, pool, resources, ids,
	 * storage. The rest is taken as it is. */
	json_t *json;
	struct bsn_ask ask; /* consumer and resources are set here */
	bool host_ids;      /* no user namespace of its own */
	bool enforce_available;
	bool dry_run;
	bool start; /* else it is left stopped: only its storage is charged */
	bsn_env_fill_fn *fill;
	void *data;
};

/*
 * Admits, makes, fills and starts. On failure nothing is left. A name that is taken is EXISTS; one that a dead process left half-made or
 * half-removed is cleared first. With dry_run the definition is what it would be.
 */
int bsn_env_make(struct basin *basin, const struct bsn_env_make *make, struct bsn_env **ret_env, struct basin_error *err);

/* Stops it, hard, and removes all it had. The caller holds the environment's lock. Idempotent; goes on from wherever it was interrupted. */
int bsn_env_unmake(struct basin *basin, const char *name, struct basin_error *err);

/* Runs fn in a forked process with a private mount namespace; its error comes back. */
int bsn_env_in_private(int (*fn)(void *data, struct basin_error *err), void *data, struct basin_error *err);

#endif
