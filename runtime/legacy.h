/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources where version 1 holds the controllers (pool/cgroup_legacy.h): which of them a config asks for, and what is written
 * there. On a host with nothing but version 2 all of it ends at the first question, which one call answers; where a config asks nothing,
 * not even that is asked.
 */
#ifndef BSN_RUNTIME_LEGACY_H
#define BSN_RUNTIME_LEGACY_H

#include "pool/cgroup_legacy.h"
#include "runtime/apply.h"

/* --- what a linux.resources object asks of version 1 (legacy_wish.c) --- */

struct bsn_legacy_wish {
	bool update;          /* of a running container: what is not named stays */
	int64_t pids_of_zero; /* the limit that pids.limit 0 means, BSN_CGROUP_MAX, or 0: none */
	uint32_t mask;        /* the controllers */
	struct bsn_legacy_writes writes;
};

int bsn_legacy_read(const json_t *resources, struct bsn_legacy_wish *wish, struct basin_error *err);
/* Enforced in the v2 tree; who reads devices.list finds a config's own rules there too. */
void bsn_legacy_read_devices(const struct bsn_device_rule *rules, size_t count, struct bsn_legacy_wish *wish);
/* Removes the sections that are for controllers in mask. */
void bsn_legacy_take_out(json_t *resources, uint32_t mask);

/* --- the container --- */

/*
 * Reads the host: finds the places for what the config asks of controllers in version 1, and takes it out of config->resources, which are
 * for version 2. Environments are of version 2 alone.
 */
int bsn_legacy_prepare(struct bsn_run *run, struct basin_error *err);

/* The step "cgroup-v1"; undone after the container's own cgroup, so that nothing runs there any more. */
int bsn_legacy_intend(void *run, struct bsn_str *value, struct basin_error *err);
int bsn_legacy_apply(void *run, const char *value, struct basin_error *err);
int bsn_legacy_undo(void *world, const char *value, struct basin_error *err);
/* The places in the state of a container: what exec joins. */
int bsn_legacy_take(const struct bsn_state *state, struct bsn_legacy *ret_legacy, struct basin_error *err);

/*
 * For update: applies what resources (an object like linux.resources) asks of controllers in version 1, joining hierarchies that the
 * container is not in yet, and removes it from the object; what is left is for version 2. pids_of_zero: as in the wish.
 */
int bsn_legacy_update(struct bsn_container *container, struct bsn_state *state, json_t *resources, int64_t pids_of_zero,
		      struct basin_error *err);

#endif
