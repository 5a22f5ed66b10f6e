/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.netDevices (config-linux.md "Network Devices"): devices of the host that become the container's, with their hardware address, MTU and
 * permanent global addresses, and up. Nothing has to be given back: when the container's network namespace ends, the kernel moves
 * hardware back to the host's, and what was made by software ends with it.
 *
 * A few rtnetlink messages by hand: net/, which has a library for them, belongs to environments and not to the hot program.
 */
#ifndef BSN_RUNTIME_NET_DEVICE_H
#define BSN_RUNTIME_NET_DEVICE_H

#include "runtime/config.h"

/* Moves each device (its name here, its name there) into the network namespace ns, in order. The first that cannot be moved stays. */
int bsn_net_devices_move(const struct bsn_pairs *devices, int ns, struct basin_error *err);

#endif
