/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What basin calls the links it makes. A link name has 15 characters, a network or environment name up to 40, so names are derived:
 * by whoever makes the link and by whoever looks for it later, with nothing but the ids.
 *
 * Every link also carries an alias ("basin SCOPE network lab", "basin SCOPE environment web network lab") and a group number. A
 * derived name proves nothing (somebody else may have a link of that name); the alias does.
 */
#ifndef BSN_NET_NAMES_H
#define BSN_NET_NAMES_H

#include <stdint.h>

#include "base/error.h"

#define BSN_LINK_NAME          16 /* IFNAMSIZ: 15 characters and NUL */
#define BSN_LINK_ALIAS         256
#define BSN_LINK_PREFIX_BRIDGE "bsn-"
#define BSN_LINK_PREFIX_VETH   "bsv"

/* Marks a link as basin's from the moment it exists; the alias can only be added to a link that is there already. */
#define BSN_LINK_GROUP 0xba51

/* Two basins with data roots of their own may share a host: the scope, a hash of the data root's path, keeps them apart. */
#define BSN_NET_SCOPE 9
void bsn_net_scope(const char *data_root, char ret_scope[BSN_NET_SCOPE]);

/* "bsn-lab"; "bsn-" and a hash where the network's name is longer than 11 characters. */
void bsn_net_bridge_name(const char *network, char ret_name[BSN_LINK_NAME]);
/* The host's end of an environment's link to a network: "bsv" and a hash of the three. */
void bsn_net_veth_name(const char *scope, const char *network, const char *env, char ret_name[BSN_LINK_NAME]);

void bsn_net_bridge_alias(const char *scope, const char *network, char ret_alias[BSN_LINK_ALIAS]);
void bsn_net_veth_alias(const char *scope, const char *network, const char *env, char ret_alias[BSN_LINK_ALIAS]);

/* What an alias says. env is "" for a bridge. -EINVAL when it is not one of ours or of another scope. */
struct bsn_net_owner {
	char network[64];
	char env[64];
};
int bsn_net_parse_alias(const char *scope, const char *alias, struct bsn_net_owner *ret_owner);

/* A locally administered MAC address that follows from the IPv4 address (host byte order), so that neighbours' caches stay true when
 * an environment is restarted: 02:62:0a:4d:00:02 for 10.77.0.2. */
#define BSN_MAC_TEXT 18
void bsn_net_mac(uint32_t address, uint8_t ret_mac[6]);
void bsn_net_format_mac(const uint8_t mac[6], char ret_text[BSN_MAC_TEXT]);

#endif
