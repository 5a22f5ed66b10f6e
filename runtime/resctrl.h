/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.intelRdt (config-linux.md "IntelRdt"): shares of the processor's cache and memory bandwidth, through the kernel's resctrl file system
 * (Documentation/filesystems/resctrl.rst). A class of service is a directory there, with the shares in "schemata" and the processes in
 * "tasks". A container has a class of its own, named as it is, or is put into one that the config names, which is not ours to remove.
 * With enableMonitoring it has a monitoring group of its own in that one.
 *
 * `root` is a descriptor of the file system's root everywhere: tests give a directory.
 */
#ifndef BSN_RUNTIME_RESCTRL_H
#define BSN_RUNTIME_RESCTRL_H

#include "base/str.h"
#include "runtime/config.h"
#include "runtime/runtime.h"

/* The root of the mounted resctrl, a descriptor; -ENODEV where there is none. */
int bsn_resctrl_open(void);

/* Makes the class and writes its shares; a class that the config names and gives no shares must be there already. */
int bsn_resctrl_make(int root, const struct bsn_intel_rdt *rdt, const char *id, struct basin_error *err);
/* Puts a process into the class; what it forks is in it too. */
int bsn_resctrl_enter(int root, const struct bsn_intel_rdt *rdt, const char *id, pid_t pid, struct basin_error *err);
/* Removes "NAME" or "NAME/mon_groups/ID"; gone already is fine. */
int bsn_resctrl_remove(int root, const char *path, struct basin_error *err);
/* Writes new shares of a container that is there: `update --l3-cache-schema`, `--mem-bw-schema`. NULL: as they are. */
int bsn_resctrl_update(int root, const struct bsn_intel_rdt *rdt, const char *id, const char *l3, const char *mb,
		       struct basin_error *err);

/* The container's step (runtime/steps.c), and what apply does with the child. */
int bsn_resctrl_intend(void *run, struct bsn_str *value, struct basin_error *err);
int bsn_resctrl_apply(void *run, const char *value, struct basin_error *err);
int bsn_resctrl_undo(void *world, const char *value, struct basin_error *err);

#endif
