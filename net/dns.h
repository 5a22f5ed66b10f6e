/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: one dnsmasq per network, on the bridge's address, that answers from a directory with one hosts file per environment (it
 * watches the directory itself) and asks the host's own resolvers for the rest.
 *
 * It is told from any other dnsmasq by its log file in the network's directory: an open-file-description lock on the very
 * descriptor that dnsmasq holds says that it lives, the kernel lets go of it when it dies, and no pid is ever written down.
 */
#ifndef BSN_NET_DNS_H
#define BSN_NET_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "net/cidr.h"

struct bsn_dns {
	int dirfd;           /* the network's state directory: hosts/, dns.log, dns.lock live there */
	const char *path;    /* the same, absolute: dnsmasq wants paths */
	const char *network; /* also the domain: "web" and "web.lab" */
	const char *bridge;
	struct bsn_cidr subnet;
};

/* Starts it unless it runs, and returns once it answers: 1 when it was started. It inherits the caller's mount and network
 * namespace: call it before entering a private one. BASIN_UNSUPPORTED when dnsmasq is not installed. */
int bsn_dns_start(const struct bsn_dns *dns, struct basin_error *err);
/* Ends it and waits. Not running: success. */
int bsn_dns_stop(int dirfd, struct basin_error *err);
/* 1, 0 or -errno. */
int bsn_dns_running(int dirfd);

/* The hosts file of one environment. */
int bsn_dns_host_create(int dirfd, const char *network, const char *env, uint32_t address, struct basin_error *err);
int bsn_dns_host_destroy(int dirfd, const char *env, struct basin_error *err);
/* Calls fn for each of them (dirfd is the hosts directory; a name that begins with a dot is a write that was cut short). */
typedef int bsn_dns_host_fn(int dirfd, const char *env, void *data);
int bsn_dns_host_list(int dirfd, bsn_dns_host_fn *fn, void *data, struct basin_error *err);

#endif
