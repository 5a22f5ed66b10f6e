/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bridges and veth pairs, as steps need them: names are chosen first (net/names.h), create tolerates what an interrupted run left,
 * destroy takes "already gone" for success and removes nothing whose alias is not the one it was told.
 */
#ifndef BSN_NET_LINK_H
#define BSN_NET_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/cidr.h"
#include "net/names.h"

struct bsn_netlink;

struct bsn_bridge {
	const char *name;
	const char *alias;
	struct bsn_cidr subnet; /* the bridge gets the gateway address */
};

/* Makes the bridge, or mends it: address there, up. Returns 1 when it had to be made, 0 when it was there. BASIN_EXISTS when a link of
 * that name is somebody else's. */
int bsn_bridge_create(struct bsn_netlink *netlink, const struct bsn_bridge *bridge, struct basin_error *err);
/* Removes a bridge (or a veth end) with that name and alias. */
int bsn_link_destroy(struct bsn_netlink *netlink, const char *name, const char *alias, struct basin_error *err);

struct bsn_veth {
	const char *name; /* the host's end */
	const char *alias;
	const char *bridge; /* that it becomes a port of */
	int netns_fd;       /* where the other end is made */
	const char *peer;   /* its name there: "eth0" */
	uint8_t mac[6];     /* its address there */
	uint32_t address;
	int prefix;
	uint32_t gateway; /* of the default route; 0: none */
};

/* Makes the pair, configures both ends, and brings up lo in there. What an interrupted run left of that name is replaced. */
int bsn_veth_create(struct bsn_netlink *netlink, const struct bsn_veth *veth, struct basin_error *err);

/* Puts a veth end that lost its bridge (deleted and made again) back on it. Already there, or no such link: success. */
int bsn_veth_rejoin(struct bsn_netlink *netlink, const char *name, const char *alias, const char *bridge,
		    struct basin_error *err);

/* One of the links with basin's group number, of any scope. */
struct bsn_link {
	int index;
	char name[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS]; /* "" when its maker died before it could say */
	bool bridge;                /* else a veth end */
};
/* All of them, by name; freed by the caller. */
int bsn_link_list(struct bsn_netlink *netlink, struct bsn_link **ret_links, size_t *ret_count, struct basin_error *err);

#endif
