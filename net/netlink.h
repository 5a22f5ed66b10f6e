/* SPDX-License-Identifier: Apache-2.0 */
/* One rtnetlink conversation: a socket in a network namespace, over which the link functions talk. */
#ifndef BSN_NET_NETLINK_H
#define BSN_NET_NETLINK_H

#include "base/error.h"
#include "base/own.h"

struct nl_sock;

/* In the caller's network namespace. */
int bsn_netlink_open(struct nl_sock **ret_sock, struct basin_error *err);
/* In another: the socket belongs to the namespace it was made in, so a short-lived thread enters it and makes it there; the
 * calling thread stays where it is. */
int bsn_netlink_open_in(int netns_fd, struct nl_sock **ret_sock, struct basin_error *err);
void bsn_netlink_close(struct nl_sock *sock);

/* libnl's negative error as a negative errno. */
int bsn_netlink_errno(int nl_error);

BSN_OWNER(struct nl_sock *, bsn_netlink_close);

#endif
