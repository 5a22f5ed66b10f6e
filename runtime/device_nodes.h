/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device nodes of a container that may not make them itself, for its user namespace is not the host's. They are made here, on a
 * file system of their own, so that nothing that is done to them (chmod, chown) reaches the host's nodes.
 */
#ifndef BSN_RUNTIME_DEVICE_NODES_H
#define BSN_RUNTIME_DEVICE_NODES_H

#include "runtime/config.h"

/*
 * A detached file system whose files "1", "2"... are the devices in their order, with their modes, owned by what the maps make of
 * their owners. Returns a descriptor.
 */
int bsn_device_nodes(const struct bsn_device *devices, size_t count, const struct bsn_id_maps *uids,
		     const struct bsn_id_maps *gids, struct basin_error *err);

/* S_IFCHR and so on. */
mode_t bsn_device_type_bits(char type);

#endif
