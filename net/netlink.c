/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnl does the framing, sequence numbers and waiting. It folds errno values into its own, fewer ones, so the kernel's are taken from
 * the answer itself, with the sentence that the kernel may add (NETLINK_EXT_ACK).
 */
#include "net/netlink.h"

#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/fault.h"
#include "base/str.h"
#include "base/sys.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

/* Finds the kernel's sentence behind an error: attributes that follow the request's copy, or the bare header where it was left out. */
static void keep_text(struct bsn_netlink *netlink, const struct nlmsgerr *answer)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)((const char *)answer - NLMSG_HDRLEN);
	size_t skip = sizeof(*answer);
	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(header->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(answer->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (header->nlmsg_len < NLMSG_HDRLEN + skip)
		return;
	struct nlattr *text = nla_find((struct nlattr *)((uintptr_t)answer + skip),
				       (int)(header->nlmsg_len - NLMSG_HDRLEN - skip), NLMSGERR_ATTR_MSG);
	if (text != NULL)
		nla_strlcpy(netlink->text, text, sizeof(netlink->text));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *answer, void *data)
{
	struct bsn_netlink *netlink = data;
	(void)from;
	netlink->sys = answer->error < 0 ? -answer->error : EIO;
	keep_text(netlink, answer);
	return NL_STOP;
}

static int connect_socket(struct bsn_netlink **ret_netlink)
{
	const int on = 1;
	struct bsn_netlink *netlink = calloc(1, sizeof(*netlink));
	if (netlink == NULL)
		return -ENOMEM;
	netlink->sock = nl_socket_alloc();
	if (netlink->sock == NULL || nl_connect(netlink->sock, NETLINK_ROUTE) < 0) {
		int sys = netlink->sock == NULL ? ENOMEM : errno;
		bsn_netlink_close(netlink);
		return sys > 0 ? -sys : -EIO;
	}
	nl_socket_modify_err_cb(netlink->sock, NL_CB_CUSTOM, on_error, netlink);
	setsockopt(nl_socket_get_fd(netlink->sock), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl_socket_get_fd(netlink->sock), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	*ret_netlink = netlink;
	return 0;
}

int bsn_netlink_open(struct bsn_netlink **ret_netlink, struct basin_error *err)
{
	int r = connect_socket(ret_netlink);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot open a netlink socket") : 0;
}

struct visit {
	int netns_fd;
	struct bsn_netlink *netlink;
	int result;
};

static void *visit_namespace(void *data)
{
	struct visit *visit = data;
	visit->result = bsn_sys_setns(visit->netns_fd, CLONE_NEWNET);
	if (visit->result >= 0)
		visit->result = connect_socket(&visit->netlink);
	return NULL;
}

int bsn_netlink_open_in(int netns_fd, struct bsn_netlink **ret_netlink, struct basin_error *err)
{
	struct visit visit = { .netns_fd = netns_fd };
	pthread_t thread;
	sigset_t all;
	sigset_t before;

	/* The thread must not run the caller's signal handlers. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&thread, NULL, visit_namespace, &visit);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r > 0)
		return bsn_fail_sys(err, r, "cannot enter a network namespace");
	pthread_join(thread, NULL);
	if (visit.result < 0)
		return bsn_fail_sys(err, -visit.result, "cannot open a netlink socket in another network namespace");
	*ret_netlink = visit.netlink;
	return 0;
}

void bsn_netlink_close(struct bsn_netlink *netlink)
{
	if (netlink == NULL)
		return;
	nl_socket_free(netlink->sock);
	free(netlink);
}

struct nl_msg *bsn_netlink_request(int type, int flags, const void *header, size_t length)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
	if (msg != NULL && nlmsg_append(msg, (void *)(uintptr_t)header, length, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return msg;
}

/* libnl failed without the kernel having said why. */
static int own_failure(const struct bsn_netlink *netlink, int nl_error)
{
	if (netlink->sys != 0)
		return -netlink->sys;
	return nl_error == -NLE_NOMEM ? -ENOMEM : -EIO;
}

int bsn_netlink_ask(struct bsn_netlink *netlink, struct nl_msg *msg)
{
	if (msg == NULL)
		return -ENOMEM;
	netlink->sys = 0;
	netlink->text[0] = '\0';
	int fault = bsn_fault_gate("netlink");
	if (fault < 0) {
		nlmsg_free(msg);
		return fault;
	}
	int r = nl_send_sync(netlink->sock, msg); /* frees msg */
	return r < 0 ? own_failure(netlink, r) : 0;
}

struct walk {
	int (*fn)(struct nlmsghdr *header, void *data);
	void *data;
	int result;
	bool ended;
};

/* A dump ends with a message that says so, a single object is followed by the acknowledgement. */
static int on_end(struct nl_msg *msg, void *data)
{
	struct walk *walk = data;
	(void)msg;
	walk->ended = true;
	return NL_STOP;
}

static int on_message(struct nl_msg *msg, void *data)
{
	struct walk *walk = data;
	if (walk->result >= 0)
		walk->result = walk->fn(nlmsg_hdr(msg), walk->data);
	return NL_OK;
}

int bsn_netlink_each(struct bsn_netlink *netlink, struct nl_msg *msg, int (*fn)(struct nlmsghdr *header, void *data), void *data)
{
	struct walk walk = { .fn = fn, .data = data };
	if (msg == NULL)
		return -ENOMEM;
	netlink->sys = 0;
	netlink->text[0] = '\0';
	nl_socket_modify_cb(netlink->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, &walk);
	nl_socket_modify_cb(netlink->sock, NL_CB_ACK, NL_CB_CUSTOM, on_end, &walk);
	nl_socket_modify_cb(netlink->sock, NL_CB_FINISH, NL_CB_CUSTOM, on_end, &walk);
	int r = nl_send_auto(netlink->sock, msg);
	nlmsg_free(msg);
	while (r >= 0 && !walk.ended)
		r = nl_recvmsgs_default(netlink->sock);
	nl_socket_modify_cb(netlink->sock, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	nl_socket_modify_cb(netlink->sock, NL_CB_ACK, NL_CB_DEFAULT, NULL, NULL);
	nl_socket_modify_cb(netlink->sock, NL_CB_FINISH, NL_CB_DEFAULT, NULL, NULL);
	return r < 0 ? own_failure(netlink, r) : walk.result;
}

void bsn_netlink_explain(struct basin_error *err, const struct bsn_netlink *netlink)
{
	if (err == NULL)
		return;
	size_t used = strlen(err->text);
	bsn_format(err->text + used, sizeof(err->text) - used, " (%s)", netlink->text);
}
