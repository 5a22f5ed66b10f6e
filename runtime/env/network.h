/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks of environments: pool/'s leases and net/'s links, rules and names put together.
 *
 * All of them are idempotent, and what they make is found again from the names alone, so that one step per network in a launcher's
 * table is enough: intend writes the network's name, apply is bsn_network_attach, undo is bsn_network_detach. The lease is a step of
 * its own (bsn_network_lease, bsn_network_release): a stopped environment keeps its address.
 *
 * Links, rules and name servers are those of the network namespace the caller is in.
 */
#ifndef BSN_RUNTIME_ENV_NETWORK_H
#define BSN_RUNTIME_ENV_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "basin.h"

/* What an environment has on one network, as text. */
struct bsn_network_address {
	char network[64];
	char address[16]; /* "10.77.0.2" */
	int prefix;       /* 24 */
	char gateway[16]; /* of the network, which is its name server too */
	char mac[18];
};

/* BASIN_NOT_FOUND when there is no such network. */
int bsn_network_check(struct basin *basin, const char *network, struct basin_error *err);

/* The environment's address on the network: the one it has, or a free one, taken in the ledger. BASIN_REFUSED when none is left. */
int bsn_network_lease(struct basin *basin, const char *network, const char *env, struct bsn_network_address *ret_address,
		      struct basin_error *err);
/* Gives it back; none: success. Detach first. */
int bsn_network_release(struct basin *basin, const char *network, const char *env, struct basin_error *err);

/*
 * Makes what the network needs on this host and mends what is missing (after a reboot, `nft flush ruleset`, a dead name server): bridge,
 * forwarding, rules, name server, and the members that are attached. Cheap when nothing is missing. Call it before entering a
 * private mount namespace: the name server that it may start would hold that for ever.
 */
int bsn_network_up(struct basin *basin, const char *network, struct basin_error *err);

/*
 * Gives the network namespace its end: leases the address if that was not done, makes the link (interface: "eth0", "eth1", ...; lo is
 * brought up too; the default route goes to the first, "eth0"), lets its address pass, publishes its name. bsn_network_up first.
 * ret_address may be NULL.
 */
int bsn_network_attach(struct basin *basin, const char *network, const char *env, int netns_fd, const char *interface,
		       struct bsn_network_address *ret_address, struct basin_error *err);
/* Takes all that away again but the lease. Goes on past a failing part and returns the first failure. */
int bsn_network_detach(struct basin *basin, const char *network, const char *env, struct basin_error *err);

/* The text of resolv.conf for an environment on these networks, the first one's domain searched first; freed by the caller. */
int bsn_network_resolv_conf(const struct bsn_network_address *addresses, size_t count, char **ret_text, struct basin_error *err);

/*
 * Compares links, rules, hosts files and name servers with the ledger, both ways, and removes what has no owner; leases of environments
 * that are unknown to is_env are given back. Appends one object { "kind", "name", "network", "env", "action", "done" } per finding to
 * entries. dry_run only reports. is_env answers whether an environment of that name is defined or being made.
 */
typedef int bsn_network_env_fn(void *data, const char *env);
int bsn_network_reconcile(struct basin *basin, bool dry_run, bsn_network_env_fn *is_env, void *data, json_t *entries,
			  struct basin_error *err);

#endif
