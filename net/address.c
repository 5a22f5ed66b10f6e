/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "net/netlink.h"

static int put_address(struct nl_msg *msg, int attribute, uint32_t address)
{
	const uint32_t wire = htonl(address);
	return nla_put(msg, attribute, sizeof(wire), &wire);
}

int bsn_ipv4_add(struct bsn_netlink *netlink, int index, uint32_t address, int prefix)
{
	const struct ifaddrmsg header = { .ifa_family = AF_INET,
					  .ifa_prefixlen = (unsigned char)prefix,
					  .ifa_index = (unsigned int)index };
	const uint32_t broadcast = prefix < 31 ? address | (UINT32_MAX >> prefix) : address;
	struct nl_msg *msg = bsn_netlink_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
	if (msg == NULL)
		return -ENOMEM;
	put_address(msg, IFA_LOCAL, address);
	put_address(msg, IFA_ADDRESS, address);
	put_address(msg, IFA_BROADCAST, broadcast);
	int r = bsn_netlink_ask(netlink, msg);
	return r == -EEXIST ? 0 : r;
}

int bsn_route_set_default(struct bsn_netlink *netlink, int index, uint32_t gateway)
{
	const struct rtmsg header = {
		.rtm_family = AF_INET,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	struct nl_msg *msg = bsn_netlink_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
	if (msg == NULL)
		return -ENOMEM;
	put_address(msg, RTA_GATEWAY, gateway);
	nla_put_u32(msg, RTA_OIF, (uint32_t)index);
	return bsn_netlink_ask(netlink, msg);
}

struct listing {
	int except;
	struct bsn_cidr *ranges;
	size_t count;
};

static int add_range(struct nlmsghdr *message, void *data)
{
	struct listing *listing = data;
	const struct ifaddrmsg *header = nlmsg_data(message);
	struct nlattr *address = nlmsg_find_attr(message, sizeof(*header), IFA_LOCAL);
	if (header->ifa_family != AF_INET || address == NULL || nla_len(address) != 4)
		return 0;
	uint32_t host = ntohl(nla_get_u32(address));
	if ((int)header->ifa_index == listing->except || host >> 24 == 127)
		return 0;
	struct bsn_cidr *ranges = realloc(listing->ranges, (listing->count + 1) * sizeof(*ranges));
	if (ranges == NULL)
		return -ENOMEM;
	listing->ranges = ranges;
	int prefix = header->ifa_prefixlen;
	ranges[listing->count++] = (struct bsn_cidr){
		.base = prefix == 0 ? 0 : host & (UINT32_MAX << (32 - prefix)),
		.prefix = prefix,
	};
	return 0;
}

int bsn_ipv4_list(struct bsn_netlink *netlink, int except, struct bsn_cidr **ret_ranges, size_t *ret_count,
		  struct basin_error *err)
{
	const struct ifaddrmsg header = { .ifa_family = AF_INET };
	struct listing listing = { .except = except };
	int r = bsn_netlink_each(netlink, bsn_netlink_request(RTM_GETADDR, NLM_F_DUMP, &header, sizeof(header)), add_range,
				 &listing);
	if (r < 0) {
		free(listing.ranges);
		return bsn_netlink_fail(err, netlink, -r, "cannot list this host's addresses");
	}
	*ret_ranges = listing.ranges;
	*ret_count = listing.count;
	return 0;
}
