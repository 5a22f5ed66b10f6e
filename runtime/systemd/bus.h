/* SPDX-License-Identifier: Apache-2.0 */
/* The few calls to systemd's manager object that a scope takes (org.freedesktop.systemd1(5)). */
#ifndef BSN_RUNTIME_SYSTEMD_BUS_H
#define BSN_RUNTIME_SYSTEMD_BUS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct bsn_bus; /* a connection to one manager */

/* The manager of the system, or the calling user's own. BASIN_UNSUPPORTED where there is none to talk to. */
int bsn_bus_open(bool user, struct bsn_bus **ret_bus, struct basin_error *err);
void bsn_bus_close(struct bsn_bus *bus);

/*
 * Starts a transient scope that holds the calling process and waits until it is there. properties: "NAME=VALUE", count of them; what this version
 * of systemd does not know is left out. BASIN_BUSY: the unit exists.
 */
int bsn_bus_start_scope(struct bsn_bus *bus, const char *unit, const char *slice, const char *id, char *const *properties,
			size_t count, struct basin_error *err);
int bsn_bus_set(struct bsn_bus *bus, const char *unit, char *const *properties, size_t count, struct basin_error *err);
/* below: "", or "/NAME" of a cgroup below the unit's. */
int bsn_bus_attach(struct bsn_bus *bus, const char *unit, const char *below, pid_t pid, struct basin_error *err);
/* Stops it and forgets that it failed. Not there is success. */
int bsn_bus_stop(struct bsn_bus *bus, const char *unit, struct basin_error *err);
/* The cgroup of the manager ("" for the system's) or of a unit ("" where it has none, or is not there). Freed by the caller. */
int bsn_bus_cgroup(struct bsn_bus *bus, const char *unit, char **ret_path, struct basin_error *err);

#endif
