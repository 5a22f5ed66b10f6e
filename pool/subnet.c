/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/subnet.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/size.h"
#include "base/str.h"
#include "pool/query.h"

int bsn_address_parse(const char *text, uint32_t *ret_address, struct basin_error *err)
{
	struct in_addr address;
	if (inet_pton(AF_INET, text, &address) != 1)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid address \"%.60s\": write it like 10.77.0.2", text);
	*ret_address = ntohl(address.s_addr);
	return 0;
}

const char *bsn_address_format(uint32_t address, char buffer[BSN_ADDRESS_TEXT_MAX])
{
	snprintf(buffer, BSN_ADDRESS_TEXT_MAX, "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff,
		 address & 0xff);
	return buffer;
}

int bsn_subnet_parse(const char *text, struct bsn_subnet *ret_subnet, struct basin_error *err)
{
	char address[BSN_ADDRESS_TEXT_MAX + 1];
	const char *slash = strchr(text, '/');
	int64_t prefix;
	uint32_t network = 0;
	if (slash == NULL || slash - text >= BSN_ADDRESS_TEXT_MAX || bsn_parse_count(slash + 1, &prefix) < 0 || prefix < 8 ||
	    prefix > 30)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"invalid subnet \"%.60s\": write it like 10.77.0.0/24, with 8 to 30 bits", text);
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	int r = bsn_address_parse(address, &network, err);
	if (r < 0)
		return r;
	uint32_t mask = ~(UINT32_C(0xffffffff) >> prefix);
	if ((network & ~mask) != 0)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid subnet \"%.60s\": its network is %s/%d", text,
				bsn_address_format(network & mask, address), (int)prefix);
	/* 0.0.0.0/8, loopback, and what is not for hosts. */
	if (network >> 24 == 0 || network >> 24 == 127 || network >> 28 >= 14)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"invalid subnet \"%.60s\": take one of a private range, such as 10.77.0.0/24", text);
	*ret_subnet = (struct bsn_subnet){ .network = network, .prefix = (int)prefix };
	return 0;
}

int bsn_subnet_get(struct bsn_ledger *ledger, const char *network, struct bsn_subnet *ret_subnet, struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err, "SELECT first, prefix FROM subnet WHERE network = ?", "t", network);
	if (r >= 0)
		r = bsn_query_next(&query, err);
	if (r < 0)
		return r;
	if (r == 0)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "network \"%s\" has no subnet", network);
	int64_t prefix = bsn_query_int(&query, 1);
	if (prefix < 8 || prefix > 30)
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, "the ledger is damaged: network \"%s\" has a subnet of %lld bits",
				network, (long long)prefix);
	*ret_subnet = (struct bsn_subnet){ .network = (uint32_t)bsn_query_int(&query, 0), .prefix = (int)prefix };
	return 0;
}

static int claim(struct bsn_ledger *ledger, const char *network, const struct bsn_subnet *subnet, struct basin_error *err)
{
	char mine[BSN_ADDRESS_TEXT_MAX];
	char theirs[BSN_ADDRESS_TEXT_MAX];
	int64_t first = subnet->network;
	int64_t last = bsn_subnet_broadcast(subnet);
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(
		&query, ledger, err,
		"SELECT network, first, prefix, last FROM subnet WHERE network = ?1 OR (first <= ?3 AND last >= ?2)", "tii",
		network, first, last);
	if (r >= 0)
		r = bsn_query_next(&query, err);
	if (r < 0)
		return r;
	if (r > 0 && bsn_streq(bsn_query_text(&query, 0), network) && bsn_query_int(&query, 1) == first &&
	    bsn_query_int(&query, 3) == last)
		return 0;
	if (r > 0)
		return bsn_fail(err, BASIN_CONFLICT, EADDRINUSE,
				"subnet %s/%d for network \"%s\" overlaps %s/%d of network \"%s\"",
				bsn_address_format(subnet->network, mine), subnet->prefix, network,
				bsn_address_format((uint32_t)bsn_query_int(&query, 1), theirs), (int)bsn_query_int(&query, 2),
				bsn_query_text(&query, 0));
	r = bsn_query_run(ledger, err, "INSERT INTO subnet (network, first, last, prefix) VALUES (?,?,?,?)", "tiii", network,
			  first, last, (int64_t)subnet->prefix);
	return r < 0 ? r : 0;
}

int bsn_subnet_claim(struct bsn_ledger *ledger, const char *network, const struct bsn_subnet *subnet, struct basin_error *err)
{
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	return bsn_ledger_end(ledger, claim(ledger, network, subnet, err), err);
}

static int disclaim(struct bsn_ledger *ledger, const char *network, struct basin_error *err)
{
	char address[BSN_ADDRESS_TEXT_MAX];
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err,
			       "SELECT value, owner FROM lease WHERE kind = ? AND scope = ? ORDER BY value LIMIT 1", "it",
			       (int64_t)BSN_LEASE_ADDRESS, network);
	if (r >= 0)
		r = bsn_query_next(&query, err);
	if (r > 0)
		return bsn_fail(err, BASIN_BUSY, EBUSY, "network \"%s\" is in use: \"%s\" has the address %s", network,
				bsn_query_text(&query, 1), bsn_address_format((uint32_t)bsn_query_int(&query, 0), address));
	if (r >= 0)
		r = bsn_query_run(ledger, err, "DELETE FROM subnet WHERE network = ?", "t", network);
	return r < 0 ? r : 0;
}

int bsn_subnet_disclaim(struct bsn_ledger *ledger, const char *network, struct basin_error *err)
{
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	return bsn_ledger_end(ledger, disclaim(ledger, network, err), err);
}

/* --- addresses --- */

/* The address that owner has in the network: 1, or 0 when it has none. */
static int own_address(struct bsn_ledger *ledger, const char *network, const char *owner, int64_t *ret_value,
		       struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err,
			       "SELECT value FROM lease WHERE kind = ? AND scope = ? AND owner = ? ORDER BY value LIMIT 1", "itt",
			       (int64_t)BSN_LEASE_ADDRESS, network, owner);
	if (r >= 0)
		r = bsn_query_next(&query, err);
	if (r > 0)
		*ret_value = bsn_query_int(&query, 0);
	return r;
}

static int take(struct bsn_ledger *ledger, const char *network, uint32_t wanted, const char *owner, int64_t *ret_value,
		struct basin_error *err)
{
	struct bsn_subnet subnet;
	char text[BSN_ADDRESS_TEXT_MAX];
	char holder[BSN_ADDRESS_TEXT_MAX];
	int r = bsn_subnet_get(ledger, network, &subnet, err);
	if (r >= 0)
		r = own_address(ledger, network, owner, ret_value, err);
	if (r < 0 || (r > 0 && (wanted == 0 || *ret_value == wanted)))
		return r < 0 ? r : 0;
	if (r > 0)
		return bsn_fail(err, BASIN_CONFLICT, EADDRINUSE, "\"%s\" has the address %s in network \"%s\" already", owner,
				bsn_address_format((uint32_t)*ret_value, holder), network);
	const struct bsn_lease_range range = { .kind = BSN_LEASE_ADDRESS,
					       .scope = network,
					       .first = bsn_subnet_gateway(&subnet) + INT64_C(1),
					       .last = bsn_subnet_broadcast(&subnet) - INT64_C(1) };
	if (wanted != 0 && (wanted < range.first || wanted > range.last))
		return bsn_fail(err, BASIN_USAGE, ERANGE, "address %s cannot be given out in network \"%s\", %s/%d",
				bsn_address_format(wanted, text), network, bsn_address_format(subnet.network, holder),
				subnet.prefix);
	struct basin_error why = { 0 };
	r = bsn_lease_take(ledger, &range, wanted == 0 ? BASIN_UNSET : (int64_t)wanted, owner, ret_value, &why);
	if (r >= 0)
		return 0;
	if (why.code == BASIN_REFUSED)
		return bsn_fail(err, BASIN_REFUSED, ENOSPC,
				"network \"%s\" has no free address: all %" PRId64 " of %s/%d are taken", network,
				range.last - range.first + 1, bsn_address_format(subnet.network, text), subnet.prefix);
	if (why.code == BASIN_CONFLICT)
		return bsn_fail(err, BASIN_CONFLICT, EADDRINUSE,
				"address %s in network \"%s\" is taken: see \"basin net allocations %s\"",
				bsn_address_format(wanted, text), network, network);
	if (err != NULL)
		*err = why;
	return r;
}

int bsn_address_take(struct bsn_ledger *ledger, const char *network, uint32_t wanted, const char *owner, uint32_t *ret_address,
		     struct basin_error *err)
{
	int64_t value = 0;
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	r = bsn_ledger_end(ledger, take(ledger, network, wanted, owner, &value, err), err);
	if (r < 0)
		return r;
	*ret_address = (uint32_t)value;
	return 0;
}

int bsn_address_give(struct bsn_ledger *ledger, const char *network, const char *owner, struct basin_error *err)
{
	int r = bsn_query_run(ledger, err, "DELETE FROM lease WHERE kind = ? AND scope = ? AND owner = ?", "itt",
			      (int64_t)BSN_LEASE_ADDRESS, network, owner);
	return r < 0 ? r : 0;
}
