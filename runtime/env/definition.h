/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an environment is: one JSON document, kept in the ledger (object kind "env") and, as a copy that people and a rebuilt ledger can
 * read, in <data root>/envs/<name>/env.json. It has what was asked for with every default resolved, so that neither a
 * changed image name nor a pool's changed defaults alters an environment that exists. basin(1) describes the keys ("env show").
 *
 * The ledger's row says in which of its lives an environment is:
 *
 *     (none) --launch--> creating --started--> ready --rm--> removing --> (none)
 *
 * creating and removing have an owner, the process that does it; when that is dead, whoever looks next undoes or finishes it. Whether
 * a ready one runs is not stored: it runs while its monitor's lock is held.
 */
#ifndef BSN_RUNTIME_ENV_DEFINITION_H
#define BSN_RUNTIME_ENV_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/own.h"
#include "pool/charge.h"
#include "pool/object.h"
#include "pool/storage.h"
#include "runtime/env/context.h"

#define BSN_ENV_KIND       "env"
#define BSN_ENV_CREATING   "creating"
#define BSN_ENV_READY      "ready"
#define BSN_ENV_REMOVING   "removing"
#define BSN_ENV_NETWORKS   8     /* at most so many per environment */
#define BSN_ENV_IDS        65536 /* user and group ids of an environment's own */
#define BSN_ENV_DEFINITION "env.json"

/* A definition, taken apart; strings and lists belong to json. */
struct bsn_env {
	json_t *json;
	char state[16];
	bool owned; /* by a living process: somebody is making or removing it */

	const char *name;
	const char *pool;
	const char *image;  /* as it was named */
	const char *digest; /* what it was then */
	int64_t created;
	struct basin_amounts request;
	struct basin_amounts limit; /* BASIN_UNSET: the pool's cap */
	int64_t cpu_weight;
	struct bsn_storage storage;
	bool own_ids;
	int64_t ids_first;
	const char *networks[BSN_ENV_NETWORKS];
	size_t network_count;
	json_t *args; /* arrays of strings */
	json_t *env;
	json_t *labels; /* object of strings */
	const char *user;
	const char *workdir;
	const char *hostname;
	bool init;
	bool autostart;
	const char *restart;
	int64_t restart_max;
	int stop_signal;
};

/* Takes a definition apart, checking it: it may come from an archive. Holds a reference to json. DAMAGED or USAGE name the key. */
int bsn_env_parse(json_t *json, struct bsn_env **ret_env, struct basin_error *err);
void bsn_env_free(struct bsn_env *env);
BSN_OWNER(struct bsn_env *, bsn_env_free);
#define auto_env __attribute__((cleanup(bsn_env_free_owned)))

/* The environment of that name, in whatever state; NOT_FOUND. */
int bsn_env_load(struct basin *basin, const char *name, struct bsn_env **ret_env, struct basin_error *err);
/* The same, refusing (CONFLICT) one that is being made or removed. */
int bsn_env_load_ready(struct basin *basin, const char *name, struct bsn_env **ret_env, struct basin_error *err);

/* Calls fn for every environment, by name; stops at the first negative result. */
int bsn_env_each(struct basin *basin, int (*fn)(const struct bsn_env *env, void *data), void *data, struct basin_error *err);

/* <data root>/envs/<name>, open; NOT_FOUND. */
int bsn_env_dir(const struct basin *basin, const char *name, int *ret_fd, struct basin_error *err);

/* Its cgroup, as a path below the cgroup2 mount (buffer of PATH_MAX), and open; NOT_FOUND while it does not run. */
int bsn_env_cgroup_path(const struct basin *basin, const struct bsn_env *env, char *buffer, size_t room, struct basin_error *err);
int bsn_env_cgroup_open(const struct basin *basin, const struct bsn_env *env, int *ret_fd, struct basin_error *err);

/* Held while somebody changes an environment (launch, start, stop, rm, restore, reconcile), never by its monitor. BUSY after timeout_ms. */
int bsn_env_lock(const struct basin *basin, const char *name, int timeout_ms, int *ret_fd, struct basin_error *err);

/* Removes the lock file of a name that no environment has; the lock is held. */
void bsn_env_forget_lock(struct basin *basin, const char *name);

/*
 * The payload runs (or the environment is complete, and left stopped): binds its charge and makes a new one "ready". CONFLICT when the
 * environment was taken away meanwhile.
 */
int bsn_env_commit(struct basin *basin, const char *name, struct basin_error *err);

/* "SIGTERM", "TERM", "15", "SIGRTMIN+3"; -EINVAL. */
int bsn_signal_parse(const char *text);

#endif
