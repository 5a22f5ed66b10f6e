/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd cgroup driver, as the runtime sees it. With it a container's cgroup is a transient scope of systemd's, which must have a process from
 * the moment it is made, while the container's first process is cloned straight into its cgroup. So the helper (libexec's basin-systemd) puts
 * itself into the scope, and holds it until the container's process is there:
 *
 *     step "scope"    basin-systemd start: the unit exists, its cgroup holds the helper
 *     step "cgroup"   the knobs that systemd has no property for, the mark, the device filter
 *     clone3          into the cgroup; where that is forbidden (an ordinary user's session is elsewhere in the tree) systemd is asked to move it
 *     release         the helper ends
 *
 * Whoever is killed in between leaves a scope that ends with its helper. Undone, the cgroup goes first (all in it is killed if it bears our mark),
 * then the unit, which is left alone where it has processes: those are not ours.
 */
#ifndef BSN_RUNTIME_SCOPE_H
#define BSN_RUNTIME_SCOPE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "pool/cgroup.h"
#include "runtime/config.h"

/* Of "slice:prefix:name" in linux.cgroupsPath; every part may be empty. */
struct bsn_scope_name {
	char unit[256];
	char slice[256];
};

/* cgroups_path NULL or "": basin-ID.scope. user: for the user's own systemd, whose default slice is another. */
int bsn_scope_parse(const char *cgroups_path, const char *id, bool user, struct bsn_scope_name *ret_name,
		    struct basin_error *err);

/* A list of "NAME=VALUE" for the helper, on the heap. */
struct bsn_scope_words {
	char **of; /* NULL-terminated once anything was added */
	size_t count;
	bool failed; /* out of memory: everything after it was dropped */
};
void bsn_scope_words_release(struct bsn_scope_words *words);
#define auto_scope_words __attribute__((cleanup(bsn_scope_words_release)))
void bsn_scope_add(struct bsn_scope_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The properties that these resources are. devices: the rules too (a user's systemd cannot enforce them). */
int bsn_scope_properties(const struct bsn_cgroup_resources *resources, bool devices, struct bsn_scope_words *words,
			 struct basin_error *err);

/* Makes of the CPU quota what systemd makes of it (CPUQuota counts in hundredths of a processor), so that the two agree, as with runc. */
void bsn_scope_round(struct bsn_cgroup_resources *resources);

/* The helper that holds a scope. */
struct bsn_scope_holder {
	pid_t pid; /* -1: there is none */
	int channel;
};
#define BSN_SCOPE_HOLDER_INIT                                                                                                    \
	{                                                                                                                        \
		.pid = -1, .channel = -1                                                                                         \
	}
/* Lets the helper end, and waits for it. */
void bsn_scope_release(struct bsn_scope_holder *holder);

/*
 * A scope by what stands in the record and in state.json: "system UNIT" or "user UNIT". A scope that is gone needs no stopping. update: before the knobs
 * are written, since systemd writes some of them when its properties change; scope NULL is success. attach: into cgroup, the scope's or one below it.
 */
int bsn_scope_attach(const char *scope, const char *cgroup, pid_t pid, struct basin_error *err);
int bsn_scope_update(const char *scope, const struct bsn_cgroup_resources *resources, struct basin_error *err);
int bsn_scope_stop(const char *scope, struct basin_error *err);
/* The unit in it. */
const char *bsn_scope_unit(const char *scope);

/* The step (runtime/steps.c); data is the struct bsn_run, world the struct bsn_container. */
int bsn_scope_intend(void *data, struct bsn_str *value, struct basin_error *err);
int bsn_scope_apply(void *data, const char *value, struct basin_error *err);
int bsn_scope_undo(void *world, const char *value, struct basin_error *err);

#endif
