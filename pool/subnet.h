/* SPDX-License-Identifier: Apache-2.0 */
/* Networks' address ranges: which network has which subnet (none overlaps another) and the addresses leased inside. IPv4. */
#ifndef BSN_POOL_SUBNET_H
#define BSN_POOL_SUBNET_H

#include <stdint.h>

#include "pool/lease.h"

/* Host byte order. prefix 8 to 30. The first host address is the gateway's. */
struct bsn_subnet {
	uint32_t network;
	int prefix;
};

#define BSN_ADDRESS_TEXT_MAX 16

/* "10.77.0.0/24"; one with host bits set ("10.77.0.5/24") is refused. */
int bsn_subnet_parse(const char *text, struct bsn_subnet *ret_subnet, struct basin_error *err);
/* "10.77.0.2" */
int bsn_address_parse(const char *text, uint32_t *ret_address, struct basin_error *err);
const char *bsn_address_format(uint32_t address, char buffer[BSN_ADDRESS_TEXT_MAX]);

static inline uint32_t bsn_subnet_gateway(const struct bsn_subnet *subnet)
{
	return subnet->network + 1;
}
static inline uint32_t bsn_subnet_broadcast(const struct bsn_subnet *subnet)
{
	return subnet->network | (uint32_t)(0xffffffffu >> subnet->prefix);
}

/* Claims the subnet for a network; CONFLICT names the network that it overlaps. Claiming one's own again is success. */
int bsn_subnet_claim(struct bsn_ledger *ledger, const char *network, const struct bsn_subnet *subnet, struct basin_error *err);
/* Lets go of it; BUSY, naming one holder, while an address in it is leased. "Already gone" is success. */
int bsn_subnet_disclaim(struct bsn_ledger *ledger, const char *network, struct basin_error *err);
/* The subnet that a network claimed; NOT_FOUND. */
int bsn_subnet_get(struct bsn_ledger *ledger, const char *network, struct bsn_subnet *ret_subnet, struct basin_error *err);

/*
 * Leases a host address of the network's subnet, never the network's, the gateway's or the broadcast address. wanted: 0 for the
 * lowest free one. The same owner asking the same network again gets the address that it has. REFUSED when all are in use.
 */
int bsn_address_take(struct bsn_ledger *ledger, const char *network, uint32_t wanted, const char *owner, uint32_t *ret_address,
		     struct basin_error *err);
/* Gives back what the owner has in that network. */
int bsn_address_give(struct bsn_ledger *ledger, const char *network, const char *owner, struct basin_error *err);

#endif
