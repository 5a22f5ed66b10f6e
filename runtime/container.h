/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's directory in the state root, and what is in it: "lock" (held while the container is made, started or removed), "record"
 * (the steps), "config.json" (a copy, for exec), "state.json" (once its first process exists) and "start" (the socket of one that waits).
 */
#ifndef BSN_RUNTIME_CONTAINER_H
#define BSN_RUNTIME_CONTAINER_H

#include "base/own.h"
#include "base/step.h"
#include "pool/cgroup.h"
#include "runtime/runtime.h"
#include "runtime/state.h"

struct bsn_container {
	const struct bsn_runtime *runtime;
	const char *id;
	int root; /* the state root */
	int dir;
	int lock; /* -1 when not held */
	struct bsn_cgroup_tree tree;
	bool tree_open;
};

#define BSN_CONTAINER_INIT                                                                                                       \
	{                                                                                                                        \
		.root = -1, .dir = -1, .lock = -1, .tree = BSN_CGROUP_TREE_INIT                                                  \
	}
void bsn_container_release(struct bsn_container *container);
#define auto_container __attribute__((cleanup(bsn_container_release)))

/* Opens the state root. make: for what is to be kept in it; it is made if missing, and refused where others could change that. */
int bsn_container_open_root(const struct bsn_runtime *runtime, bool make, int *ret_fd, struct basin_error *err);
/* Makes the directory of a new container and takes its lock; BASIN_EXISTS. */
int bsn_container_make(const struct bsn_runtime *runtime, const char *id, struct bsn_container *ret_container,
		       struct basin_error *err);
/* Opens one that is there, to look at it; BASIN_NOT_FOUND. */
int bsn_container_look(const struct bsn_runtime *runtime, const char *id, struct bsn_container *ret_container,
		       struct basin_error *err);
/* Opens one that is there and is ours; BASIN_NOT_FOUND, BASIN_DENIED. lock: takes the lock, waiting a while. */
int bsn_container_open(const struct bsn_runtime *runtime, const char *id, bool lock, struct bsn_container *ret_container,
		       struct basin_error *err);
/* The cgroup tree, opened when first asked for. */
int bsn_container_tree(struct bsn_container *container, struct bsn_cgroup_tree **ret_tree, struct basin_error *err);
/* Opens the container's cgroup; -1 in *ret_fd where it has none, or has lost it. */
int bsn_container_cgroup(struct bsn_container *container, const struct bsn_state *state, int *ret_fd, struct basin_error *err);

/*
 * What stands on its cgroups to say whose they are: its id, and which directory is its own, since another state root may have one of the
 * same id.
 */
struct bsn_container_mark {
	char text[1100];
};
int bsn_container_mark(const struct bsn_container *container, struct bsn_container_mark *ret_mark, struct basin_error *err);

/* A pidfd of its first process; -ESRCH when that has ended. */
int bsn_container_pidfd(const struct bsn_state *state);
/* What it is doing now. */
enum bsn_status bsn_container_status(struct bsn_container *container, const struct bsn_state *state);

/* Whether its user paused it (bsn_container_pause); one that a backup holds still is frozen without that. */
bool bsn_container_is_paused(const struct bsn_container *container);

/* Refuses (BASIN_CONFLICT) to do verb to an environment's container, which only the environment's own commands may. */
int bsn_container_refuse_managed(const struct bsn_runtime *runtime, const struct bsn_state *state, const char *verb,
				 struct basin_error *err);
/* The config that the container was made from, as it was kept. */
int bsn_container_config(const struct bsn_container *container, struct bsn_config **ret_config, struct basin_error *err);

/* Removes what the record names, and then the directory. */
int bsn_container_undo(struct bsn_container *container, struct basin_error *err);

/* The steps of a container (runtime/steps.c); their world is the struct bsn_container. */
extern const struct bsn_step bsn_container_steps[];
extern const size_t bsn_container_step_count;

#endif
