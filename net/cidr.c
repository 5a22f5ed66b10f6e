/* SPDX-License-Identifier: Apache-2.0 */
#include "net/cidr.h"

#include <arpa/inet.h>

#include "base/str.h"

static uint32_t mask_of(int prefix)
{
	return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

int bsn_ipv4_parse(const char *text, uint32_t *ret_address)
{
	struct in_addr address;
	/* inet_pton takes four decimal numbers and nothing else: no "10.1", no octal. */
	if (inet_pton(AF_INET, text, &address) != 1)
		return -EINVAL;
	*ret_address = ntohl(address.s_addr);
	return 0;
}

void bsn_ipv4_format(uint32_t address, char ret_text[BSN_IPV4_TEXT])
{
	const struct in_addr in = { .s_addr = htonl(address) };
	inet_ntop(AF_INET, &in, ret_text, BSN_IPV4_TEXT);
}

void bsn_cidr_format(const struct bsn_cidr *cidr, char ret_text[BSN_CIDR_TEXT])
{
	char address[BSN_IPV4_TEXT];
	bsn_ipv4_format(cidr->base, address);
	bsn_format(ret_text, BSN_CIDR_TEXT, "%s/%d", address, cidr->prefix);
}

uint32_t bsn_cidr_gateway(const struct bsn_cidr *cidr)
{
	return cidr->base + 1;
}

uint32_t bsn_cidr_first(const struct bsn_cidr *cidr)
{
	return cidr->base + 2;
}

uint32_t bsn_cidr_last(const struct bsn_cidr *cidr)
{
	return (cidr->base | ~mask_of(cidr->prefix)) - 1; /* one before the broadcast address */
}

uint32_t bsn_cidr_hosts(const struct bsn_cidr *cidr)
{
	return bsn_cidr_last(cidr) - bsn_cidr_first(cidr) + 1;
}

bool bsn_cidr_contains(const struct bsn_cidr *cidr, uint32_t address)
{
	return (address & mask_of(cidr->prefix)) == cidr->base;
}

bool bsn_cidr_overlaps(const struct bsn_cidr *a, const struct bsn_cidr *b)
{
	int shorter = a->prefix < b->prefix ? a->prefix : b->prefix;
	return ((a->base ^ b->base) & mask_of(shorter)) == 0;
}

int bsn_cidr_choose(const struct bsn_cidr *taken, size_t count, struct bsn_cidr *ret_cidr, struct basin_error *err)
{
	for (uint32_t third = 0; third < 256; third++) {
		const struct bsn_cidr candidate = { .base = 0x0a580000u | third << 8, .prefix = 24 };
		size_t i = 0;
		while (i < count && !bsn_cidr_overlaps(&taken[i], &candidate))
			i++;
		if (i == count) {
			*ret_cidr = candidate;
			return 0;
		}
	}
	return bsn_fail(err, BASIN_REFUSED, ENOSPC, "no free subnet is left in 10.88.0.0/16: choose one with --subnet");
}
