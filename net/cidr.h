/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 ranges: whoever asks for one wrote it, and had it checked, elsewhere. Addresses are uint32_t in host byte order. */
#ifndef BSN_NET_CIDR_H
#define BSN_NET_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BSN_IPV4_TEXT 16 /* "255.255.255.255" and NUL */
#define BSN_CIDR_TEXT 19 /* "255.255.255.255/32" and NUL */

struct bsn_cidr {
	uint32_t base; /* the network address: host bits are zero */
	int prefix;    /* 8 to 30 */
};

/* "10.77.0.0/24" */
void bsn_cidr_format(const struct bsn_cidr *cidr, char ret_text[BSN_CIDR_TEXT]);

/* Dotted quad, nothing else. -EINVAL. */
int bsn_ipv4_parse(const char *text, uint32_t *ret_address);
void bsn_ipv4_format(uint32_t address, char ret_text[BSN_IPV4_TEXT]);

/* The first host address, which the bridge has. */
uint32_t bsn_cidr_gateway(const struct bsn_cidr *cidr);
/* The first and last address for environments. */
uint32_t bsn_cidr_first(const struct bsn_cidr *cidr);
uint32_t bsn_cidr_last(const struct bsn_cidr *cidr);
/* How many addresses there are for environments. */
uint32_t bsn_cidr_hosts(const struct bsn_cidr *cidr);

bool bsn_cidr_contains(const struct bsn_cidr *cidr, uint32_t address);
bool bsn_cidr_overlaps(const struct bsn_cidr *a, const struct bsn_cidr *b);

/* The first of 10.88.0.0/24, 10.88.1.0/24 ... 10.88.255.0/24 that overlaps none of the taken ones; BASIN_REFUSED when all do. */
int bsn_cidr_choose(const struct bsn_cidr *taken, size_t count, struct bsn_cidr *ret_cidr, struct basin_error *err);

#endif
