/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.json: what is known of a container that was made. Its status is never in it: that is derived, from the process, the start
 * socket and the cgroup, whenever it is asked for.
 */
#ifndef BSN_RUNTIME_STATE_H
#define BSN_RUNTIME_STATE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/own.h"
#include "base/proc.h"
#include "runtime/config.h"

enum bsn_status { BSN_CREATING, BSN_CREATED, BSN_RUNNING, BSN_PAUSED, BSN_STOPPED };

const char *bsn_status_name(enum bsn_status status);

/* A copy of what was read or is to be written; strings are the json's where it was read. */
struct bsn_state {
	json_t *json;            /* NULL while it is made */
	const char *oci_version; /* the config's */
	const char *id;
	struct bsn_process init;
	const char *bundle;
	const char *rootfs;  /* NULL: none on the host */
	const char *created; /* RFC 3339 */
	const char *cgroup;  /* below the cgroup2 mount; NULL: none */
	const char *scope;   /* systemd's unit around it (runtime/scope.h); NULL: none */
	const char *legacy;  /* where it is in hierarchies of version 1 (pool/cgroup_legacy.h); NULL: nowhere */
	bool managed;
	bool keyring;
	bool own_time;       /* restored, into a time namespace that the config does not ask for */
	bool host_pids;      /* without a pid namespace of its own: killing init does not end the rest */
	const char *owner;   /* name of the user whose directory it has; NULL: not asked for */
	bool hooks;          /* the config has some that run after create */
	json_t *annotations; /* borrowed */
};

#define auto_state __attribute__((cleanup(bsn_state_release)))
void bsn_state_release(struct bsn_state *state);

/* As the OCI document, with that status. pid is 0 in one that is stopped. Freed by the caller. */
int bsn_state_format(const struct bsn_state *state, enum bsn_status status, char **ret_text, struct basin_error *err);
/* The same as an object. */
int bsn_state_object(const struct bsn_state *state, enum bsn_status status, json_t **ret_json, struct basin_error *err);

/* dir is the container's directory. read: -ENOENT (BASIN_NOT_FOUND) where there is none. */
int bsn_state_write(int dir, const struct bsn_state *state, struct basin_error *err);
int bsn_state_read(int dir, const char *id, struct bsn_state *ret_state, struct basin_error *err);

#endif
