/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet rules, in one table `inet basin` (`inet basin-SCOPE` for a basin whose data root is not the default one). Its rules are
 * static; a network is a few set elements and one chain with its masquerade rule; an environment is one set element, with its
 * name as the comment:
 *
 *   forward      between two networks: dropped; from a network with a source address that is nobody's: dropped
 *   input        from a network to another network's gateway: dropped
 *   postrouting  from a network to outside: the chain nat-NETWORK, which masquerades
 *
 * Every function is one transaction and idempotent. All network namespaces are the caller's own.
 */
#ifndef BSN_NET_NFT_H
#define BSN_NET_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/own.h"
#include "net/names.h"
#include "net/subnet.h"

struct bsn_nft;

/* table: "basin" or "basin-SCOPE". */
int bsn_nft_open(const char *table, struct bsn_nft **ret_nft, struct basin_error *err);
void bsn_nft_close(struct bsn_nft *nft);
BSN_OWNER(struct bsn_nft *, bsn_nft_close);

struct bsn_nft_network {
	char name[64];
	char bridge[BSN_LINK_NAME];
	struct bsn_subnet subnet;
	bool nat;
};

struct bsn_nft_member {
	char bridge[BSN_LINK_NAME];
	uint32_t address;
	char env[64];
};

/* The table too, when it is not there. */
int bsn_nft_network_create(struct bsn_nft *nft, const struct bsn_nft_network *network, struct basin_error *err);
/* Its members' elements too. The table goes with the last network. */
int bsn_nft_network_destroy(struct bsn_nft *nft, const struct bsn_nft_network *network, struct basin_error *err);

/* The table must be there: -ENOENT with BASIN_NOT_FOUND otherwise (after `nft flush ruleset`; create the network again). */
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

/* Replaces the whole table by this content, in one transaction. Without networks the table goes. */
int bsn_nft_reload(struct bsn_nft *nft, const struct bsn_nft_content *content, struct basin_error *err);

#endif
