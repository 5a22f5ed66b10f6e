/* SPDX-License-Identifier: Apache-2.0 */
/* "NAME=VALUE" as an element of the array of properties in a message to systemd. */
#ifndef BSN_RUNTIME_SYSTEMD_PROPERTIES_H
#define BSN_RUNTIME_SYSTEMD_PROPERTIES_H

#include <systemd/sd-bus.h>

#include "base/error.h"

/* version: systemd's; a property that it does not know yet, and that has a knob of the cgroup's beside it, is left out. */
int bsn_property_add(sd_bus_message *message, const char *property, int version, struct basin_error *err);

#endif
