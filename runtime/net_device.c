/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/net_device.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sys.h"

#define BODY_ROOM     512
#define ANSWER_ROOM   32768
#define ADDRESSES_MAX 128
#define ADDRESS_ROOM  128

struct message {
	struct nlmsghdr head;
	char body[BODY_ROOM];
};

struct link {
	int index;
	unsigned int flags; /* IFF_ */
};

/* What RTM_NEWADDR takes to make one again: ifaddrmsg and its attributes, but for the index. */
struct address {
	uint16_t length;
	_Alignas(NLMSG_ALIGNTO) char body[ADDRESS_ROOM];
};

struct addresses {
	int index;
	size_t count;
	bool too_many;
	struct address of[ADDRESSES_MAX];
};

/* --- the conversation --- */

static void begin(struct message *message, uint16_t type, uint16_t flags, const void *fixed, size_t size)
{
	message->head = (struct nlmsghdr){ .nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
					   .nlmsg_type = type,
					   .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) };
	memcpy(message->body, fixed, size);
}

/* The room is enough for what is put in here: names, numbers, addresses. */
static void attribute(struct message *message, uint16_t type, const void *data, size_t size)
{
	struct rtattr *at = (struct rtattr *)(void *)((char *)message + NLMSG_ALIGN(message->head.nlmsg_len));
	at->rta_type = type;
	at->rta_len = (uint16_t)RTA_LENGTH(size);
	memcpy(RTA_DATA(at), data, size);
	message->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(message->head.nlmsg_len) + RTA_LENGTH(size));
}

typedef void take_fn(const struct nlmsghdr *head, void *data);

/* One datagram of the answer: 1 where more will come. */
static int read_answer(int fd, take_fn *take, void *data)
{
	_Alignas(NLMSG_ALIGNTO) static char answer[ANSWER_ROOM];
	ssize_t n = BSN_RETRY(recv(fd, answer, sizeof(answer), 0));
	if (n < 0)
		return -errno;
	int length = (int)n;
	for (const struct nlmsghdr *head = (const void *)answer; NLMSG_OK(head, (unsigned int)length);
	     head = NLMSG_NEXT(head, length)) {
		if (head->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
		if (head->nlmsg_type == NLMSG_DONE)
			return 0;
		if (take != NULL)
			take(head, data);
	}
	return 1;
}

static int exchange(int fd, struct message *message, take_fn *take, void *data)
{
	if ((message->head.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		message->head.nlmsg_flags |= NLM_F_ACK;
	if (BSN_RETRY(send(fd, message, message->head.nlmsg_len, 0)) < 0)
		return -errno;
	int r;
	do
		r = read_answer(fd, take, data);
	while (r > 0);
	return r;
}

static int open_socket(void)
{
	return bsn_sys_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

/* A socket belongs to the namespace that it was made in, and goes on working when its maker has left. */
static int open_socket_in(int ns)
{
	auto_fd int own = bsn_sys_openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
	int r = own < 0 ? own : bsn_sys_setns(ns, CLONE_NEWNET);
	if (r < 0)
		return r;
	auto_fd int fd = open_socket();
	r = bsn_sys_setns(own, CLONE_NEWNET);
	return r < 0 ? r : bsn_fd_give(&fd);
}

/* --- links and addresses --- */

static void take_link(const struct nlmsghdr *head, void *data)
{
	const struct ifinfomsg *info = NLMSG_DATA(head);
	struct link *link = data;
	if (head->nlmsg_type == RTM_NEWLINK)
		*link = (struct link){ .index = info->ifi_index, .flags = info->ifi_flags };
}

static int find_link(int fd, const char *name, struct link *ret_link)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	struct message message;
	begin(&message, RTM_GETLINK, 0, &info, sizeof(info));
	attribute(&message, IFLA_IFNAME, name, strlen(name) + 1);
	return exchange(fd, &message, take_link, ret_link);
}

static int set_up(int fd, int index, bool up)
{
	const struct ifinfomsg info = {
		.ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP
	};
	struct message message;
	begin(&message, RTM_SETLINK, 0, &info, sizeof(info));
	return exchange(fd, &message, NULL, NULL);
}

static int hand_over(int fd, int index, int ns, const char *name)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct message message;
	begin(&message, RTM_SETLINK, 0, &info, sizeof(info));
	attribute(&message, IFLA_NET_NS_FD, &ns, sizeof(ns));
	attribute(&message, IFLA_IFNAME, name, strlen(name) + 1);
	return exchange(fd, &message, NULL, NULL);
}

/* Only what would be lost and nobody makes again by itself: no leases, no link-local ones. */
static void take_address(const struct nlmsghdr *head, void *data)
{
	struct addresses *addresses = data;
	const struct ifaddrmsg *info = NLMSG_DATA(head);
	if (head->nlmsg_type != RTM_NEWADDR || (int)info->ifa_index != addresses->index || info->ifa_scope != RT_SCOPE_UNIVERSE ||
	    (info->ifa_flags & IFA_F_PERMANENT) == 0)
		return;
	if (addresses->count == ADDRESSES_MAX) {
		addresses->too_many = true;
		return;
	}
	struct message message;
	begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, info, sizeof(*info));
	int length = (int)IFA_PAYLOAD(head);
	for (const struct rtattr *at = IFA_RTA(info); RTA_OK(at, length); at = RTA_NEXT(at, length))
		if ((at->rta_type == IFA_LOCAL || at->rta_type == IFA_ADDRESS || at->rta_type == IFA_BROADCAST) &&
		    RTA_PAYLOAD(at) <= 16)
			attribute(&message, at->rta_type, RTA_DATA(at), RTA_PAYLOAD(at));
	struct address *address = &addresses->of[addresses->count++];
	address->length = (uint16_t)(message.head.nlmsg_len - NLMSG_HDRLEN);
	memcpy(address->body, message.body, address->length);
}

static int read_addresses(int fd, struct addresses *addresses)
{
	const struct ifaddrmsg info = { .ifa_family = AF_UNSPEC };
	struct message message;
	begin(&message, RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
	int r = exchange(fd, &message, take_address, addresses);
	return r >= 0 && addresses->too_many ? -E2BIG : r;
}

static int add_address(int fd, int index, const struct address *address)
{
	struct message message;
	begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address->body, address->length);
	struct ifaddrmsg *info = (struct ifaddrmsg *)(void *)message.body;
	info->ifa_index = (uint32_t)index;
	info->ifa_flags = IFA_F_PERMANENT;
	int r = exchange(fd, &message, NULL, NULL);
	return r == -EEXIST ? 0 : r; /* coming up may have brought it back */
}

/* --- one device --- */

static int arrive(int inside, const char *name, const struct addresses *addresses, struct basin_error *err)
{
	struct link link = { .index = 0 };
	int r = find_link(inside, name, &link);
	if (r >= 0)
		r = set_up(inside, link.index, true);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot bring up the network device \"%s\" in the container", name);
	for (size_t i = 0; i < addresses->count; i++) {
		r = add_address(inside, link.index, &addresses->of[i]);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot give the network device \"%s\" its address number %zu again", name,
					    i + 1);
	}
	return 0;
}

static int move(int outside, int inside, int ns, const struct bsn_pair *device, struct basin_error *err)
{
	static struct addresses addresses;
	struct link link = { .index = 0 };
	struct link other;
	int r = find_link(outside, device->key, &link);
	if (r < 0)
		return bsn_fail_sys(err, -r, "linux.netDevices[\"%s\"]: link not found for interface on runtime namespace",
				    device->key);
	/* The kernel moves first and renames then: a name that is taken must be found before. */
	if (find_link(inside, device->value, &other) >= 0)
		return bsn_fail(err, BASIN_CONFLICT, EEXIST,
				"linux.netDevices[\"%s\"]: the container has a device named \"%s\" already", device->key,
				device->value);
	addresses = (struct addresses){ .index = link.index };
	r = read_addresses(outside, &addresses);
	if (r < 0)
		return bsn_fail_sys(err, -r, "linux.netDevices[\"%s\"]: cannot read its addresses", device->key);
	r = set_up(outside, link.index, false);
	if (r >= 0)
		r = hand_over(outside, link.index, ns, device->value);
	if (r >= 0)
		return arrive(inside, device->value, &addresses, err);
	if (link.flags & IFF_UP)
		set_up(outside, link.index, true);
	return bsn_fail_sys(err, -r, "linux.netDevices[\"%s\"]: cannot move it into the container", device->key);
}

int bsn_net_devices_move(const struct bsn_pairs *devices, int ns, struct basin_error *err)
{
	auto_fd int outside = open_socket();
	auto_fd int inside = outside < 0 ? outside : open_socket_in(ns);
	if (inside < 0)
		return bsn_fail_sys(err, -inside, "cannot reach the container's network namespace for linux.netDevices");
	int r = 0;
	for (size_t i = 0; r >= 0 && i < devices->count; i++)
		r = move(outside, inside, ns, &devices->of[i], err);
	return r;
}
