/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link is found by its name and believed by its alias. The alias can only be set on a link that exists, so one that was made by a
 * process that died at once has basin's group number and no alias: its name, which is a hash of who it is for, has to do then.
 */
#include "net/link.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdlib.h>

#include "base/str.h"
#include "net/address.h"
#include "net/netlink.h"

static struct nl_msg *link_request(int type, int flags, int index, const char *name, unsigned int up)
{
	const struct ifinfomsg header = { .ifi_index = index, .ifi_flags = up, .ifi_change = up };
	struct nl_msg *msg = bsn_netlink_request(type, flags, &header, sizeof(header));
	if (msg != NULL && name != NULL)
		nla_put_string(msg, IFLA_IFNAME, name);
	return msg;
}

/* --- finding ----------------------------------------------------------------------------------------------------------------- */

struct found {
	struct bsn_link link;
	uint32_t group;
	int master;
};

static void read_link(struct nlmsghdr *message, struct found *found)
{
	const struct ifinfomsg *header = nlmsg_data(message);
	struct nlattr *attributes[IFLA_MAX + 1];
	struct nlattr *kind = NULL;

	*found = (struct found){ .link.index = header->ifi_index };
	if (nlmsg_parse(message, sizeof(*header), attributes, IFLA_MAX, NULL) < 0)
		return;
	if (attributes[IFLA_IFNAME] != NULL)
		nla_strlcpy(found->link.name, attributes[IFLA_IFNAME], sizeof(found->link.name));
	if (attributes[IFLA_IFALIAS] != NULL)
		nla_strlcpy(found->link.alias, attributes[IFLA_IFALIAS], sizeof(found->link.alias));
	if (attributes[IFLA_GROUP] != NULL)
		found->group = nla_get_u32(attributes[IFLA_GROUP]);
	if (attributes[IFLA_MASTER] != NULL)
		found->master = (int)nla_get_u32(attributes[IFLA_MASTER]);
	if (attributes[IFLA_LINKINFO] != NULL)
		kind = nla_find(nla_data(attributes[IFLA_LINKINFO]), nla_len(attributes[IFLA_LINKINFO]), IFLA_INFO_KIND);
	found->link.bridge = kind != NULL && nla_strcmp(kind, "bridge") == 0;
}

static int on_link(struct nlmsghdr *message, void *data)
{
	read_link(message, data);
	return 0;
}

/* -ENODEV when there is none of that name. */
static int find_link(struct bsn_netlink *netlink, const char *name, struct found *ret_found)
{
	return bsn_netlink_each(netlink, link_request(RTM_GETLINK, 0, 0, name, 0), on_link, ret_found);
}

static bool is_ours(const struct found *found, const char *alias)
{
	return bsn_streq(found->link.alias, alias) || (found->group == BSN_LINK_GROUP && found->link.alias[0] == '\0');
}

struct listing {
	struct bsn_link *links;
	size_t count;
};

static int add_link(struct nlmsghdr *message, void *data)
{
	struct listing *listing = data;
	struct found found;
	read_link(message, &found);
	if (found.group != BSN_LINK_GROUP)
		return 0;
	struct bsn_link *links = realloc(listing->links, (listing->count + 1) * sizeof(*links));
	if (links == NULL)
		return -ENOMEM;
	listing->links = links;
	links[listing->count++] = found.link;
	return 0;
}

int bsn_link_list(struct bsn_netlink *netlink, struct bsn_link **ret_links, size_t *ret_count, struct basin_error *err)
{
	struct listing listing = { 0 };
	int r = bsn_netlink_each(netlink, link_request(RTM_GETLINK, NLM_F_DUMP, 0, NULL, 0), add_link, &listing);
	if (r < 0) {
		free(listing.links);
		return bsn_netlink_fail(err, netlink, -r, "cannot list this host's links");
	}
	*ret_links = listing.links;
	*ret_count = listing.count;
	return 0;
}

/* --- changing ---------------------------------------------------------------------------------------------------------------- */

static int set_up(struct bsn_netlink *netlink, int index)
{
	return bsn_netlink_ask(netlink, link_request(RTM_NEWLINK, 0, index, NULL, IFF_UP));
}

static int set_alias(struct bsn_netlink *netlink, const char *name, const char *alias)
{
	struct nl_msg *msg = link_request(RTM_NEWLINK, 0, 0, name, 0);
	if (msg != NULL)
		nla_put_string(msg, IFLA_IFALIAS, alias);
	return bsn_netlink_ask(netlink, msg);
}

static int set_master(struct bsn_netlink *netlink, int index, int master)
{
	struct nl_msg *msg = link_request(RTM_NEWLINK, 0, index, NULL, IFF_UP);
	if (msg != NULL)
		nla_put_u32(msg, IFLA_MASTER, (uint32_t)master);
	return bsn_netlink_ask(netlink, msg);
}

static int add_bridge(struct bsn_netlink *netlink, const struct bsn_bridge *bridge)
{
	uint8_t mac[6];
	struct nl_msg *msg = link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, bridge->name, IFF_UP);
	if (msg == NULL)
		return -ENOMEM;
	/* A bridge without an address of its own takes its ports', and changes it as they come and go. */
	bsn_net_mac(bsn_cidr_gateway(&bridge->subnet), mac);
	nla_put(msg, IFLA_ADDRESS, sizeof(mac), mac);
	nla_put_u32(msg, IFLA_GROUP, BSN_LINK_GROUP);
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "bridge");
	nla_nest_end(msg, info);
	return bsn_netlink_ask(netlink, msg);
}

int bsn_bridge_create(struct bsn_netlink *netlink, const struct bsn_bridge *bridge, struct basin_error *err)
{
	struct found found = { 0 };
	int made = 1;
	int r = add_bridge(netlink, bridge);
	if (r == -EEXIST) {
		made = 0;
		r = 0;
	}
	if (r >= 0)
		r = find_link(netlink, bridge->name, &found);
	if (r < 0)
		return bsn_netlink_fail(err, netlink, -r, "cannot make the bridge \"%s\"", bridge->name);
	if (!found.link.bridge || !is_ours(&found, bridge->alias))
		return bsn_fail(err, BASIN_EXISTS, EEXIST,
				"there is a link \"%s\" already, and it is not this network's (alias \"%.100s\")", bridge->name,
				found.link.alias);
	if (found.link.alias[0] == '\0')
		r = set_alias(netlink, bridge->name, bridge->alias);
	if (r >= 0)
		r = bsn_ipv4_add(netlink, found.link.index, bsn_cidr_gateway(&bridge->subnet), bridge->subnet.prefix);
	if (r >= 0 && !made)
		r = set_up(netlink, found.link.index);
	return r < 0 ? bsn_netlink_fail(err, netlink, -r, "cannot set up the bridge \"%s\"", bridge->name) : made;
}

int bsn_link_destroy(struct bsn_netlink *netlink, const char *name, const char *alias, struct basin_error *err)
{
	struct found found = { 0 };
	int r = find_link(netlink, name, &found);
	if (r == -ENODEV)
		return 0;
	if (r >= 0 && !is_ours(&found, alias))
		return bsn_fail(err, BASIN_CONFLICT, EEXIST,
				"the link \"%s\" is not \"%s\": it says \"%.100s\" and is left alone", name, alias,
				found.link.alias);
	if (r >= 0)
		r = bsn_netlink_ask(netlink, link_request(RTM_DELLINK, 0, found.link.index, NULL, 0));
	if (r < 0 && r != -ENODEV)
		return bsn_netlink_fail(err, netlink, -r, "cannot remove the link \"%s\"", name);
	return 0;
}

/* Both ends in one message: the host's a port of the bridge and up, the other in its namespace with its name and address. */
static int add_veth(struct bsn_netlink *netlink, const struct bsn_veth *veth, int master)
{
	const struct ifinfomsg peer = { 0 }; /* not up: it has no other end yet when the kernel gets to it */
	struct nl_msg *msg = link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, veth->name, IFF_UP);
	if (msg == NULL)
		return -ENOMEM;
	nla_put_u32(msg, IFLA_GROUP, BSN_LINK_GROUP);
	nla_put_u32(msg, IFLA_MASTER, (uint32_t)master);
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "veth");
	struct nlattr *data = nla_nest_start(msg, IFLA_INFO_DATA);
	struct nlattr *nest = nla_nest_start(msg, VETH_INFO_PEER);
	nlmsg_append(msg, (void *)(uintptr_t)&peer, sizeof(peer), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, veth->peer);
	nla_put(msg, IFLA_ADDRESS, sizeof(veth->mac), veth->mac);
	nla_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)veth->netns_fd);
	nla_nest_end(msg, nest);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return bsn_netlink_ask(netlink, msg);
}

static int configure_peer(const struct bsn_veth *veth, struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *inside = NULL;
	struct found found = { 0 };
	int r = bsn_netlink_open_in(veth->netns_fd, &inside, err);
	if (r < 0)
		return r;
	r = set_up(inside, 1); /* lo is always the first link of a namespace */
	if (r >= 0)
		r = find_link(inside, veth->peer, &found);
	if (r >= 0)
		r = bsn_ipv4_add(inside, found.link.index, veth->address, veth->prefix);
	if (r >= 0)
		r = set_up(inside, found.link.index);
	if (r >= 0 && veth->gateway != 0)
		r = bsn_route_set_default(inside, found.link.index, veth->gateway);
	return r < 0 ? bsn_netlink_fail(err, inside, -r, "cannot configure \"%s\" inside the environment", veth->peer) : 0;
}

int bsn_veth_create(struct bsn_netlink *netlink, const struct bsn_veth *veth, struct basin_error *err)
{
	struct found bridge = { 0 };
	int r = find_link(netlink, veth->bridge, &bridge);
	if (r < 0)
		return bsn_netlink_fail(err, netlink, -r, "cannot find the bridge \"%s\"", veth->bridge);
	r = add_veth(netlink, veth, bridge.link.index);
	if (r == -EEXIST) {
		r = bsn_link_destroy(netlink, veth->name, veth->alias, err);
		if (r < 0)
			return r;
		r = add_veth(netlink, veth, bridge.link.index);
	}
	if (r == -EXFULL)
		return bsn_fail(err, BASIN_REFUSED, EXFULL,
				"the bridge \"%s\" is full: it takes 1023 links, make another network", veth->bridge);
	if (r >= 0)
		r = set_alias(netlink, veth->name, veth->alias);
	if (r < 0)
		return bsn_netlink_fail(err, netlink, -r, "cannot make the link \"%s\"", veth->name);
	r = configure_peer(veth, err);
	if (r < 0)
		bsn_link_destroy(netlink, veth->name, veth->alias, NULL);
	return r;
}

int bsn_veth_rejoin(struct bsn_netlink *netlink, const char *name, const char *alias, const char *bridge, struct basin_error *err)
{
	struct found veth = { 0 };
	struct found master = { 0 };
	int r = find_link(netlink, name, &veth);
	if (r == -ENODEV || (r >= 0 && !is_ours(&veth, alias)))
		return 0;
	if (r >= 0)
		r = find_link(netlink, bridge, &master);
	if (r >= 0 && veth.master != master.link.index)
		r = set_master(netlink, veth.link.index, master.link.index);
	return r < 0 ? bsn_netlink_fail(err, netlink, -r, "cannot put the link \"%s\" on the bridge \"%s\"", name, bridge) : 0;
}
