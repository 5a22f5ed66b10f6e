/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 ranges in CIDR notation. Addresses are uint32_t in host byte order. */
#ifndef BSN_NET_SUBNET_H
#define BSN_NET_SUBNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BSN_ADDRESS_TEXT 16 /* "255.255.255.255" and NUL */
#define BSN_SUBNET_TEXT  19 /* "255.255.255.255/32" and NUL */

struct bsn_subnet {
	uint32_t base; /* the network address: host bits are zero */
	int prefix;    /* 8 to 29, so that there is room for the gateway and for environments */
};

/* "10.77.0.0/24". Host bits that are set, and a prefix out of range, are refused with the way to write it. */
int bsn_subnet_parse(const char *text, struct bsn_subnet *ret_subnet, struct basin_error *err);
void bsn_subnet_format(const struct bsn_subnet *subnet, char ret_text[BSN_SUBNET_TEXT]);

/* Dotted quad, nothing else. -EINVAL. */
int bsn_address_parse(const char *text, uint32_t *ret_address);
void bsn_address_format(uint32_t address, char ret_text[BSN_ADDRESS_TEXT]);

/* The first host address, which the bridge has. */
uint32_t bsn_subnet_gateway(const struct bsn_subnet *subnet);
/* The first and last address for environments. */
uint32_t bsn_subnet_first(const struct bsn_subnet *subnet);
uint32_t bsn_subnet_last(const struct bsn_subnet *subnet);
/* How many addresses there are for environments. */
uint32_t bsn_subnet_hosts(const struct bsn_subnet *subnet);

bool bsn_subnet_contains(const struct bsn_subnet *subnet, uint32_t address);
bool bsn_subnet_overlaps(const struct bsn_subnet *a, const struct bsn_subnet *b);

/* The first of 10.88.0.0/24, 10.88.1.0/24 ... 10.88.255.0/24 that overlaps none of the taken ones; BASIN_REFUSED when all do. */
int bsn_subnet_choose(const struct bsn_subnet *taken, size_t count, struct bsn_subnet *ret_subnet, struct basin_error *err);

#endif
