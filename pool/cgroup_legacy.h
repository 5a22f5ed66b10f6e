/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version 1 hierarchies, for OCI containers on hosts that still hold controllers there (Documentation/admin-guide/cgroup-v1).
 *
 * A container's cgroup is in the v2 tree on such a host too: it is killed, frozen, filtered and counted there. A hierarchy of version 1
 * is joined only for a controller that the config, or a later update, asks something of; and all of them where the config names the place
 * (linux.cgroupsPath), since whoever names it looks for it in each, or mounts them into a user namespace, which cannot do so itself. What is joined for a container are
 * its places: one directory in each of those hierarchies. They are made by a step, which keeps them as text; each carries the container's
 * mark in an extended attribute, and removing takes nothing that lacks it.
 *
 * Where a place is: an absolute cgroupsPath is one below the hierarchy's mount; a relative one, and the container's id where there is none,
 * is below the caller's own cgroup, as runc has it.
 */
#ifndef BSN_POOL_CGROUP_LEGACY_H
#define BSN_POOL_CGROUP_LEGACY_H

#include "base/str.h"
#include "pool/cgroup.h"

enum bsn_legacy_controller {
	BSN_LEGACY_CPU,
	BSN_LEGACY_CPUSET,
	BSN_LEGACY_MEMORY,
	BSN_LEGACY_PIDS,
	BSN_LEGACY_BLKIO,
	BSN_LEGACY_HUGETLB,
	BSN_LEGACY_DEVICES,
	BSN_LEGACY_NET_CLS,
	BSN_LEGACY_NET_PRIO,
	BSN_LEGACY_CPUACCT, /* from here on nothing is written to them: they are joined where a config names its place */
	BSN_LEGACY_FREEZER,
	BSN_LEGACY_PERF_EVENT,
	BSN_LEGACY_RDMA,
	BSN_LEGACY_SYSTEMD, /* systemd's own hierarchy, which has no controller */
	BSN_LEGACY_CONTROLLERS
};
#define BSN_LEGACY_BIT(controller) (1U << (controller))

/* What version 2 calls it, as a BSN_CONTROLLER_BIT; 0 where it has none. */
uint32_t bsn_legacy_unified(uint32_t mask);

struct bsn_legacy_place {
	uint32_t mask; /* of the controllers in this hierarchy, BSN_LEGACY_BITs */
	char *name;    /* of the mount's directory: "cpu,cpuacct" */
	char *path;    /* absolute */
};

struct bsn_legacy {
	struct bsn_legacy_place places[BSN_LEGACY_CONTROLLERS];
	size_t count;
};

void bsn_legacy_release(struct bsn_legacy *legacy);
#define auto_legacy __attribute__((cleanup(bsn_legacy_release)))

/* Whether this host may hold controllers in version 1 (/sys/fs/cgroup is no cgroup2): one call. */
bool bsn_legacy_host(void);
/* The places for the controllers in mask that version 1 holds here. cgroups_path may be NULL. Makes nothing. */
int bsn_legacy_find(uint32_t mask, const char *cgroups_path, const char *id, struct bsn_legacy *ret_legacy,
		    struct basin_error *err);
/* All controllers of the places. */
uint32_t bsn_legacy_mask(const struct bsn_legacy *legacy);
/* The controllers in a list like "cpu,cpuacct", as BSN_LEGACY_BITs; what is unknown in it is left out. */
uint32_t bsn_legacy_controllers(const char *list, size_t length);
/* Goes one step down: the places of mask become those that are called path beneath them. Makes nothing. */
int bsn_legacy_descend(struct bsn_legacy *legacy, uint32_t mask, const char *path, struct basin_error *err);

/* The places as one line, and back. */
int bsn_legacy_format(const struct bsn_legacy *legacy, struct bsn_str *ret_text);
int bsn_legacy_parse(const char *text, struct bsn_legacy *ret_legacy, struct basin_error *err);

/* Makes the directories, with the mark; a cpuset gets its parent's CPUs and memory nodes. One that has processes is refused (BASIN_BUSY). */
int bsn_legacy_make(const struct bsn_legacy *legacy, const char *mark, struct basin_error *err);
/* Moves a process into all of them. */
int bsn_legacy_join(const struct bsn_legacy *legacy, pid_t pid, struct basin_error *err);
/* Opens the directory of one; checked to be of version 1. */
int bsn_legacy_open(const char *path, struct basin_error *err);
/* Removes those that carry the mark, with what is beneath; nothing may run in them any more. Already gone is success. */
int bsn_legacy_remove(const struct bsn_legacy *legacy, const char *mark, struct basin_error *err);
/* Whether the freezer of version 1 holds that absolute cgroupsPath frozen. */
bool bsn_legacy_frozen(const char *cgroups_path);

/* --- what is set (cgroup_legacy_knobs.c) --- */

/* One write. */
struct bsn_legacy_write {
	enum bsn_legacy_controller controller;
	char *file;        /* on the heap, as value */
	const char *other; /* static: tried where file is not there; NULL: none */
	bool optional;     /* no such file: nothing to do */
	char *value;
};

struct bsn_legacy_writes {
	struct bsn_legacy_write *of;
	size_t count;
	bool failed; /* memory ran out */
};

void bsn_legacy_writes_release(struct bsn_legacy_writes *writes);
#define auto_legacy_writes __attribute__((cleanup(bsn_legacy_writes_release)))
/* Adds one; the returned element is valid until the next. */
struct bsn_legacy_write *bsn_legacy_add(struct bsn_legacy_writes *writes, enum bsn_legacy_controller controller, const char *file,
					const char *format, ...) __attribute__((format(printf, 4, 5)));
/*
 * Writes them in order; what belongs to no place is version 2's business, and is left out. Many limits are only taken when others have been (a quota and its period, memory and memory with swap), so what is
 * refused waits and is tried again for as long as any other was taken.
 */
int bsn_legacy_set(const struct bsn_legacy *legacy, const struct bsn_legacy_writes *writes, struct basin_error *err);
/* Adds the device rules, after what every container may use. fresh: everything is denied first. */
void bsn_legacy_add_devices(struct bsn_legacy_writes *writes, const struct bsn_device_rule *rules, size_t count, bool fresh);

/* Fills in what the places count and stats does not have (BSN_CGROUP_UNSET). */
void bsn_legacy_stats(const struct bsn_legacy *legacy, struct bsn_cgroup_stats *stats);
/* How often the kernel killed for want of memory; 0 where no place has the controller. */
int64_t bsn_legacy_oom_kills(const struct bsn_legacy *legacy);
/* A descriptor that becomes readable (8 bytes) when memory runs out, just before something is killed; -ENOENT without the controller. */
int bsn_legacy_watch_oom(const struct bsn_legacy *legacy);

#endif
