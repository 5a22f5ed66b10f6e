/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/network.h"

#include <fcntl.h>

#include "base/str.h"
#include "base/sys.h"
#include "net/link.h"
#include "net/netlink.h"
#include "runtime/env/network_place.h"

/* For what only reads the ledger. No lock: it may be part of a caller's transaction, which must not wait for one. */
static int load(struct basin *basin, const char *network, struct bsn_network_host *ret_host, struct bsn_network_place *ret_place,
		struct basin_error *err)
{
	*ret_host = (struct bsn_network_host)BSN_NETWORK_HOST_INIT;
	ret_host->basin = basin;
	bsn_net_scope(basin->data_root, ret_host->scope);
	int r = bsn_basin_ledger(basin, &ret_host->ledger, err);
	return r < 0 ? r : bsn_network_place_load(ret_host, network, ret_place, err);
}

int bsn_network_check(struct basin *basin, const char *network, struct basin_error *err)
{
	struct bsn_network_host host;
	struct bsn_network_place place;
	return load(basin, network, &host, &place, err);
}

/* --- leases --- */

static void describe(const struct bsn_network_place *place, uint32_t address, struct bsn_network_address *ret_address)
{
	uint8_t mac[6];
	bsn_format(ret_address->network, sizeof(ret_address->network), "%s", place->name);
	bsn_ipv4_format(address, ret_address->address);
	ret_address->prefix = place->subnet.prefix;
	bsn_ipv4_format(bsn_cidr_gateway(&place->subnet), ret_address->gateway);
	bsn_net_mac(address, mac);
	bsn_net_format_mac(mac, ret_address->mac);
}

int bsn_network_lease(struct basin *basin, const char *network, const char *env, struct bsn_network_address *ret_address,
		      struct basin_error *err)
{
	struct bsn_network_host host;
	struct bsn_network_place place;
	uint32_t address;
	int r = load(basin, network, &host, &place, err);
	if (r >= 0)
		r = bsn_address_take(host.ledger, network, 0, env, &address, err);
	if (r < 0)
		return r;
	if (ret_address != NULL)
		describe(&place, address, ret_address);
	return 0;
}

int bsn_network_release(struct basin *basin, const char *network, const char *env, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	int r = bsn_basin_ledger(basin, &ledger, err);
	return r < 0 ? r : bsn_address_give(ledger, network, env, err);
}

static int take_value(const struct bsn_lease *lease, void *data)
{
	*(uint32_t *)data = (uint32_t)lease->value;
	return 0;
}

/* --- up, attach, detach --- */

int bsn_network_up(struct basin *basin, const char *network, struct basin_error *err)
{
	auto_network_host struct bsn_network_host host = BSN_NETWORK_HOST_INIT;
	struct bsn_network_place place;
	int r = bsn_network_host_open(basin, BSN_LOCK_EXCLUSIVE, &host, err);
	if (r >= 0)
		r = bsn_network_place_load(&host, network, &place, err);
	return r < 0 ? r : bsn_network_raise(&host, &place, BSN_RAISE_NAMES, err);
}

static int attach_link(const struct bsn_network_host *host, const struct bsn_network_place *place, const char *env,
		       uint32_t address, int netns_fd, const char *interface, struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	char name[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS];
	struct bsn_veth veth = {
		.name = name,
		.alias = alias,
		.bridge = place->bridge,
		.netns_fd = netns_fd,
		.peer = interface,
		.address = address,
		.prefix = place->subnet.prefix,
		.gateway = bsn_streq(interface, "eth0") ? bsn_cidr_gateway(&place->subnet) : 0,
	};
	bsn_net_veth_name(host->scope, place->name, env, name);
	bsn_net_veth_alias(host->scope, place->name, env, alias);
	bsn_net_mac(address, veth.mac);
	int r = bsn_netlink_open(&netlink, err);
	return r < 0 ? r : bsn_veth_create(netlink, &veth, err);
}

static int attach_rules(const struct bsn_network_host *host, const struct bsn_network_place *place, const char *env,
			uint32_t address, struct basin_error *err)
{
	auto_of(bsn_nft_close) struct bsn_nft *nft = NULL;
	struct bsn_nft_member member = { .address = address };
	bsn_format(member.bridge, sizeof(member.bridge), "%s", place->bridge);
	bsn_format(member.env, sizeof(member.env), "%s", env);
	int r = bsn_network_nft_open(host, &nft, err);
	return r < 0 ? r : bsn_nft_member_create(nft, &member, err);
}

int bsn_network_attach(struct basin *basin, const char *network, const char *env, int netns_fd, const char *interface,
		       struct bsn_network_address *ret_address, struct basin_error *err)
{
	auto_network_host struct bsn_network_host host = BSN_NETWORK_HOST_INIT;
	struct bsn_network_place place;
	uint32_t address = 0;
	int r = bsn_network_host_open(basin, BSN_LOCK_SHARED, &host, err);
	if (r >= 0)
		r = bsn_network_place_load(&host, network, &place, err);
	if (r >= 0)
		r = bsn_address_take(host.ledger, network, 0, env, &address, err);
	if (r >= 0)
		r = attach_link(&host, &place, env, address, netns_fd, interface, err);
	if (r >= 0)
		r = attach_rules(&host, &place, env, address, err);
	if (r >= 0) {
		auto_fd int dir = bsn_network_dir(&host, network, err);
		r = dir < 0 ? dir : bsn_dns_host_create(dir, network, env, address, err);
	}
	if (r < 0) {
		bsn_network_host_release(&host);
		bsn_network_detach(basin, network, env, NULL);
		return r;
	}
	if (ret_address != NULL)
		describe(&place, address, ret_address);
	return 0;
}

static int detach_name(const struct bsn_network_host *host, const char *network, const char *env, struct basin_error *err)
{
	auto_fd int dir = bsn_sys_openat(host->state_fd, network, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return dir < 0 ? 0 : bsn_dns_host_destroy(dir, env, err);
}

static int detach_rules(const struct bsn_network_host *host, const char *network, const char *env, struct basin_error *err)
{
	auto_of(bsn_nft_close) struct bsn_nft *nft = NULL;
	struct bsn_nft_member member = { 0 };
	bsn_net_bridge_name(network, member.bridge);
	bsn_format(member.env, sizeof(member.env), "%s", env);
	int r = bsn_lease_each(host->ledger, BSN_LEASE_ADDRESS, network, env, take_value, &member.address, err);
	/* Without a lease there is no address to withdraw: a member of that name would be a stray, which reconcile removes. */
	if (r < 0 || member.address == 0)
		return r;
	r = bsn_network_nft_open(host, &nft, err);
	return r < 0 ? r : bsn_nft_member_destroy(nft, &member, err);
}

static int detach_link(const struct bsn_network_host *host, const char *network, const char *env, struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	char name[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS];
	bsn_net_veth_name(host->scope, network, env, name);
	bsn_net_veth_alias(host->scope, network, env, alias);
	int r = bsn_netlink_open(&netlink, err);
	return r < 0 ? r : bsn_link_destroy(netlink, name, alias, err);
}

int bsn_network_detach(struct basin *basin, const char *network, const char *env, struct basin_error *err)
{
	auto_network_host struct bsn_network_host host = BSN_NETWORK_HOST_INIT;
	int r = bsn_network_host_open(basin, BSN_LOCK_SHARED, &host, err);
	if (r < 0)
		return r;
	r = detach_name(&host, network, env, err);
	int rules = detach_rules(&host, network, env, r < 0 ? NULL : err);
	r = r < 0 ? r : rules;
	int link = detach_link(&host, network, env, r < 0 ? NULL : err);
	return r < 0 ? r : link;
}

int bsn_network_resolv_conf(const struct bsn_network_address *addresses, size_t count, char **ret_text, struct basin_error *err)
{
	auto_str struct bsn_str text = { 0 };
	for (size_t i = 0; i < count; i++)
		bsn_str_addf(&text, "%s%s", i == 0 ? "search " : " ", addresses[i].network);
	if (count > 0)
		bsn_str_add(&text, "\n");
	/* A resolver library reads three. */
	for (size_t i = 0; i < count && i < 3; i++)
		bsn_str_addf(&text, "nameserver %s\n", addresses[i].gateway);
	bsn_str_add(&text, "");
	char *given = bsn_str_give(&text);
	if (given == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot write resolv.conf");
	*ret_text = given;
	return 0;
}
