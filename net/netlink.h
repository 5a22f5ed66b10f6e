/* SPDX-License-Identifier: Apache-2.0 */
/* One rtnetlink conversation: a socket in a network namespace, over which the functions of net/link.h and net/address.h talk. */
#ifndef BSN_NET_NETLINK_H
#define BSN_NET_NETLINK_H

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "base/error.h"
#include "base/own.h"

struct bsn_netlink {
	struct nl_sock *sock;
	int sys;        /* the kernel's answer to the last request, a positive errno */
	char text[160]; /* and what it said about it, "" when nothing */
};

/* In the caller's network namespace. */
int bsn_netlink_open(struct bsn_netlink **ret_netlink, struct basin_error *err);
/* In another: the socket belongs to the namespace it was made in, so a short-lived thread enters it and makes it there; the
 * calling thread stays where it is. */
int bsn_netlink_open_in(int netns_fd, struct bsn_netlink **ret_netlink, struct basin_error *err);
void bsn_netlink_close(struct bsn_netlink *netlink);
BSN_OWNER(struct bsn_netlink *, bsn_netlink_close);

/* A request with its fixed header; NULL without memory. The adders of attributes are libnl's NLA_PUT and nla_put. */
struct nl_msg *bsn_netlink_request(int type, int flags, const void *header, size_t length);
/* Sends it, waits for the answer, frees it: 0 or the kernel's -errno. NULL is -ENOMEM. */
int bsn_netlink_ask(struct bsn_netlink *netlink, struct nl_msg *msg);
/* The same for a request that is answered by messages (a dump, or one object): fn gets each. */
int bsn_netlink_each(struct bsn_netlink *netlink, struct nl_msg *msg, int (*fn)(struct nlmsghdr *header, void *data), void *data);

/* Fails with what the kernel said: "cannot make the bridge \"x\": File exists (RTNETLINK's own words)". */
#define bsn_netlink_fail(err, netlink, sys, ...)                                                                                 \
	((netlink)->text[0] != '\0' ? (bsn_fail_sys((err), (sys), __VA_ARGS__), bsn_netlink_explain((err), (netlink)), -(sys))   \
				    : bsn_fail_sys((err), (sys), __VA_ARGS__))
void bsn_netlink_explain(struct basin_error *err, const struct bsn_netlink *netlink);

#endif
