/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet rules: one table of family inet that is basin's alone. Its rules are static; a network is a few set elements and, with NAT, a
 * chain holding its masquerade rule; an environment is one set element, with its name as the comment.
 *
 *   forward      between two networks, from a network with a source address that is nobody's, and unasked from outside into a
 *                network behind NAT: dropped
 *   input        from a network to another network's gateway: dropped
 *   nat-NETWORK  from the network to anywhere else: masqueraded
 *
 * Every change is one transaction. Creating what is there and destroying what is not is success. The caller holds a lock, shared to
 * change members and exclusive to change networks. The rules are those of the network namespace that the caller is in.
 */
#ifndef BSN_NET_NFT_H
#define BSN_NET_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/own.h"
#include "net/cidr.h"
#include "net/names.h"

struct bsn_nft;

/* table: its name; copied. */
int bsn_nft_open(const char *table, struct bsn_nft **ret_nft, struct basin_error *err);
void bsn_nft_close(struct bsn_nft *nft);
BSN_OWNER(struct bsn_nft *, bsn_nft_close);

struct bsn_nft_network {
	char name[64];
	char bridge[BSN_LINK_NAME];
	struct bsn_cidr subnet;
	bool nat;
};

struct bsn_nft_member {
	char bridge[BSN_LINK_NAME];
	uint32_t address;
	char env[64];
};

/* With the table, when it is not there. */
int bsn_nft_network_create(struct bsn_nft *nft, const struct bsn_nft_network *network, struct basin_error *err);
/* 1 or 0. */
int bsn_nft_network_exists(struct bsn_nft *nft, const char *bridge, struct basin_error *err);
/* With its members, and the table with the last network. */
int bsn_nft_network_destroy(struct bsn_nft *nft, const char *name, const char *bridge, struct basin_error *err);

/* -ENOENT (BASIN_NOT_FOUND) when the table is gone, as after `nft flush ruleset`: create the network again. */
int bsn_nft_member_create(struct bsn_nft *nft, const struct bsn_nft_member *member, struct basin_error *err);
int bsn_nft_member_destroy(struct bsn_nft *nft, const struct bsn_nft_member *member, struct basin_error *err);

/* What is there now. */
struct bsn_nft_content {
	bool table;
	struct bsn_nft_network *networks;
	size_t network_count;
	struct bsn_nft_member *members;
	size_t member_count;
};
int bsn_nft_list(struct bsn_nft *nft, struct bsn_nft_content *ret_content, struct basin_error *err);
void bsn_nft_content_release(struct bsn_nft_content *content);
#define auto_nft_content __attribute__((cleanup(bsn_nft_content_release)))

/* Replaces the whole table by this content, at once. Without networks the table goes. */
int bsn_nft_reload(struct bsn_nft *nft, const struct bsn_nft_content *content, struct basin_error *err);

#endif
