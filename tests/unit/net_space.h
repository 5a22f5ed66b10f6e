/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private network to test in: the program moves into a network namespace of its own (and, unless it is root, a user namespace), so no
 * packet leaves it; "hosts" are further namespaces, each kept by a sleeping child.
 */
#ifndef TESTS_UNIT_NET_SPACE_H
#define TESTS_UNIT_NET_SPACE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/address.h"
#include "net/link.h"
#include "net/netlink.h"

#define SCOPE "testtest"

struct space {
	pid_t pid;
	int fd; /* its network namespace */
};

/* A range that is written as it should be. */
static inline struct bsn_cidr cidr_of(const char *text)
{
	struct bsn_cidr cidr = { 0 };
	char address[BSN_IPV4_TEXT];
	if (sscanf(text, "%15[0-9.]/%d", address, &cidr.prefix) != 2 || bsn_ipv4_parse(address, &cidr.base) < 0)
		abort();
	return cidr;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "cannot write %s\n", path);
	if (fd >= 0)
		close(fd);
}

static void bring_up_lo(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ioctl(sock, SIOCSIFFLAGS, &request) < 0)
		perror("lo");
	close(sock);
}

/* Leaves the machine's network, or prints why it cannot and ends the program. */
static void enter_private_network(void)
{
	char map[64];
	bool root = geteuid() == 0;
	snprintf(map, sizeof(map), "0 %d 1", (int)geteuid());
	if (unshare(CLONE_NEWNET | (root ? 0 : CLONE_NEWUSER)) < 0) {
		printf("1..0 # SKIP no network namespaces here\n");
		exit(0);
	}
	if (!root) {
		write_text("/proc/self/setgroups", "deny");
		write_text("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "0 %d 1", (int)getegid());
		write_text("/proc/self/gid_map", map);
	}
	bring_up_lo();
}

static inline struct space space_open(void)
{
	struct space space = { .fd = -1 };
	char path[64];
	char ready;
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		abort();
	space.pid = fork();
	if (space.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0 || write(pipes[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	if (read(pipes[0], &ready, 1) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)space.pid);
		space.fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	close(pipes[0]);
	if (space.fd < 0)
		abort();
	return space;
}

static inline void space_close(struct space *space)
{
	close(space->fd);
	kill(space->pid, SIGKILL);
	waitpid(space->pid, NULL, 0);
}

/* The environment env of network: its veth, made in space. Returns bsn_veth_create's result. */
static inline int space_attach(const struct space *space, const char *network, const char *env, const char *cidr_text,
			       const char *address_text, struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	char name[BSN_LINK_NAME];
	char bridge[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS];
	const struct bsn_cidr cidr = cidr_of(cidr_text);
	uint32_t address;
	struct bsn_veth veth = { .name = name, .alias = alias, .bridge = bridge, .netns_fd = space->fd, .peer = "eth0" };

	if (bsn_netlink_open(&netlink, err) < 0)
		return -1;
	bsn_ipv4_parse(address_text, &address);
	bsn_net_veth_name(SCOPE, network, env, name);
	bsn_net_veth_alias(SCOPE, network, env, alias);
	bsn_net_bridge_name(network, bridge);
	bsn_net_mac(address, veth.mac);
	veth.address = address;
	veth.prefix = cidr.prefix;
	veth.gateway = bsn_cidr_gateway(&cidr);
	return bsn_veth_create(netlink, &veth, err);
}

static inline int space_detach(const char *network, const char *env, struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	char name[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS];
	if (bsn_netlink_open(&netlink, err) < 0)
		return -1;
	bsn_net_veth_name(SCOPE, network, env, name);
	bsn_net_veth_alias(SCOPE, network, env, alias);
	return bsn_link_destroy(netlink, name, alias, err);
}

static inline int bridge_up(const char *network, const char *cidr_text, struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	char name[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS];
	const struct bsn_bridge bridge = { .name = name, .alias = alias, .subnet = cidr_of(cidr_text) };
	if (bsn_netlink_open(&netlink, err) < 0)
		return -1;
	bsn_net_bridge_name(network, name);
	bsn_net_bridge_alias(SCOPE, network, alias);
	return bsn_bridge_create(netlink, &bridge, err);
}

static inline int bridge_down(const char *network, struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	char name[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS];
	if (bsn_netlink_open(&netlink, err) < 0)
		return -1;
	bsn_net_bridge_name(network, name);
	bsn_net_bridge_alias(SCOPE, network, alias);
	return bsn_link_destroy(netlink, name, alias, err);
}

static inline struct sockaddr_in at(const char *address, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, address, &in.sin_addr);
	return in;
}

/* A UDP echo server in a namespace (-1: ours): answers each datagram with its sender's address as text. Ends with the program. */
static inline pid_t echo_server(int netns_fd, uint16_t port)
{
	int pipes[2];
	char ready;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		abort();
	pid_t pid = fork();
	if (pid > 0) {
		close(pipes[1]);
		if (read(pipes[0], &ready, 1) != 1)
			abort();
		close(pipes[0]);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (netns_fd >= 0 && setns(netns_fd, CLONE_NEWNET) < 0)
		_exit(1);
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in me = at("0.0.0.0", port);
	if (bind(sock, (struct sockaddr *)&me, sizeof(me)) < 0 || write(pipes[1], "x", 1) != 1)
		_exit(1);
	for (;;) {
		char text[64];
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		if (recvfrom(sock, text, sizeof(text), 0, (struct sockaddr *)&from, &length) < 0)
			_exit(1);
		inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
		sendto(sock, text, strlen(text) + 1, 0, (struct sockaddr *)&from, length);
	}
}

/* Whether the echo server at address answers a client in the namespace; seen (may be NULL) gets the address it saw. */
static inline bool reaches(int netns_fd, const char *address, uint16_t port, int timeout_ms, char seen[64])
{
	int pipes[2];
	char text[64] = "";
	if (pipe2(pipes, O_CLOEXEC) < 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		struct sockaddr_in there = at(address, port);
		if (netns_fd >= 0 && setns(netns_fd, CLONE_NEWNET) < 0)
			_exit(2);
		int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		struct pollfd readable = { .fd = sock, .events = POLLIN };
		for (int waited = 0; waited < timeout_ms; waited += 100) {
			if (sendto(sock, "hello", 5, 0, (struct sockaddr *)&there, sizeof(there)) < 0 ||
			    poll(&readable, 1, 100) <= 0 || recv(sock, text, sizeof(text), 0) <= 0)
				continue;
			_exit(write(pipes[1], text, sizeof(text)) == sizeof(text) ? 0 : 2);
		}
		_exit(1);
	}
	close(pipes[1]);
	bool got = read(pipes[0], text, sizeof(text)) == sizeof(text);
	close(pipes[0]);
	waitpid(pid, NULL, 0);
	if (got && seen != NULL)
		memcpy(seen, text, sizeof(text));
	return got;
}

#endif
