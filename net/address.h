/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and routes of links, by index. */
#ifndef BSN_NET_ADDRESS_H
#define BSN_NET_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/cidr.h"

struct bsn_netlink;

/* Already there: success. -errno; the caller says what for. */
int bsn_ipv4_add(struct bsn_netlink *netlink, int index, uint32_t address, int prefix);
/* Replaces the default route of that metric. */
int bsn_route_set_default(struct bsn_netlink *netlink, int index, uint32_t gateway);

/* The ranges that the interfaces have addresses in, but those of the link with the index except (0: all) and of lo. Freed by the
 * caller. */
int bsn_ipv4_list(struct bsn_netlink *netlink, int except, struct bsn_cidr **ret_ranges, size_t *ret_count,
		  struct basin_error *err);

#endif
