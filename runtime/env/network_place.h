/* SPDX-License-Identifier: Apache-2.0 */
/* One network as the ledger defines it, with the names that follow and its state directory open; shared by the files of this noun. */
#ifndef BSN_RUNTIME_ENV_NETWORK_PLACE_H
#define BSN_RUNTIME_ENV_NETWORK_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "net/dns.h"
#include "net/names.h"
#include "net/nft.h"
#include "pool/ledger.h"
#include "pool/subnet.h"
#include "runtime/env/context.h"

#define BSN_NETWORK_KIND "net"
/* Below the state root; no container id has an "@". */
#define BSN_NETWORK_STATE "@nets"

/* What all networks of a basin share. */
struct bsn_network_host {
	struct basin *basin;
	struct bsn_ledger *ledger;
	char scope[BSN_NET_SCOPE];
	int state_fd; /* <state root>/@nets: one directory per network, the old ip_forward, the lock */
	int lock_fd;  /* shared to attach and detach, exclusive to change networks */
};

int bsn_network_host_open(struct basin *basin, enum bsn_lock_mode mode, struct bsn_network_host *ret_host,
			  struct basin_error *err);
void bsn_network_host_release(struct bsn_network_host *host);
#define auto_network_host __attribute__((cleanup(bsn_network_host_release)))
#define BSN_NETWORK_HOST_INIT                                                                                                    \
	{                                                                                                                        \
		.state_fd = -1, .lock_fd = -1                                                                                    \
	}

int bsn_network_nft_open(const struct bsn_network_host *host, struct bsn_nft **ret_nft, struct basin_error *err);

struct bsn_network_place {
	char name[64];
	struct bsn_cidr subnet;
	bool nat;
	int64_t created;
	char bridge[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS]; /* of the bridge */
};

/* BASIN_NOT_FOUND when the ledger has none of that name. */
int bsn_network_place_load(const struct bsn_network_host *host, const char *name, struct bsn_network_place *ret_place,
			   struct basin_error *err);
/* The names alone, for taking down what no definition is left of. */
void bsn_network_place_name(const struct bsn_network_host *host, const char *name, struct bsn_network_place *ret_place);

/* The network's state directory, made if missing: -errno, reported. */
int bsn_network_dir(const struct bsn_network_host *host, const char *name, struct basin_error *err);

struct bsn_nft_network bsn_network_rules(const struct bsn_network_place *place);

/* Under the exclusive lock: makes what the network lacks on this host, and takes away what it has. */
enum bsn_network_raise {
	BSN_RAISE_NAMES = 1, /* its name server too */
	BSN_RAISE_ALL = 2,   /* look after everything that is attached, even where bridge and rules are there */
};
int bsn_network_raise(const struct bsn_network_host *host, const struct bsn_network_place *place, unsigned int flags,
		      struct basin_error *err);
int bsn_network_raze(const struct bsn_network_host *host, const struct bsn_network_place *place, struct basin_error *err);

/* Calls fn for every network that is defined, by name. */
int bsn_network_each(const struct bsn_network_host *host, int (*fn)(const struct bsn_network_place *place, void *data),
		     void *data, struct basin_error *err);

#endif
