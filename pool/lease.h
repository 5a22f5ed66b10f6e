/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: numbers of which only one may be given to anybody (addresses, id ranges, project ids, ports, loop devices). A lease has
 * an owner, a string: an environment's name, or "net:lab" for a network's own. No two owners ever hold the same number.
 *
 *     take      the wanted number, or the lowest free one of a range
 *     give      one number back; "already gone" is success, another owner's is CONFLICT
 *     give_all  everything an owner holds: the last step of rm, and what reconcile does for an owner that no longer exists
 */
#ifndef BSN_POOL_LEASE_H
#define BSN_POOL_LEASE_H

#include <stdint.h>

#include "pool/ledger.h"

#define BSN_LEASE_SCOPE_MAX 64
#define BSN_LEASE_OWNER_MAX 64

enum bsn_lease_kind {
	BSN_LEASE_ADDRESS, /* scope: the network; value: IPv4 in host byte order (see pool/subnet.h) */
	BSN_LEASE_IDS,     /* scope "": value: first of 65536 user and group ids */
	BSN_LEASE_PROJECT, /* scope: "" or the file system; value: quota project id */
	BSN_LEASE_PORT,    /* scope: "tcp" or "udp", with "/address" behind it when not for all; value: host port */
	BSN_LEASE_LOOP,    /* scope "": value: loop device number */
	BSN_LEASE_KINDS
};
#define BSN_LEASE_ANY (-1)

/* "address", "ids", "project", "port", "loop". */
const char *bsn_lease_kind_name(enum bsn_lease_kind kind);

struct bsn_lease {
	enum bsn_lease_kind kind;
	char scope[BSN_LEASE_SCOPE_MAX];
	int64_t value;
	char owner[BSN_LEASE_OWNER_MAX];
	int64_t since; /* seconds since the epoch */
};

/* Where to take from: first, first+step, ... up to last. */
struct bsn_lease_range {
	enum bsn_lease_kind kind;
	const char *scope; /* NULL: "" */
	int64_t first;
	int64_t last;
	int64_t step; /* 0: 1 */
};

/* The range for id ranges, 65536 wide, and for project ids, unless configured otherwise. */
#define BSN_LEASE_RANGE_IDS                                                                                                      \
	{                                                                                                                        \
		.kind = BSN_LEASE_IDS, .first = 0x10000000, .last = 0x6fff0000, .step = 65536                                    \
	}
#define BSN_LEASE_RANGE_PROJECTS                                                                                                 \
	{                                                                                                                        \
		.kind = BSN_LEASE_PROJECT, .first = 0x10000000, .last = 0x1fffffff                                               \
	}

/* wanted: BASIN_UNSET for the lowest free one. One that another holds is CONFLICT and names the holder (one's own is given
 * again); none free is REFUSED and says how many there are. */
int bsn_lease_take(struct bsn_ledger *ledger, const struct bsn_lease_range *range, int64_t wanted, const char *owner,
		   int64_t *ret_value, struct basin_error *err);
int bsn_lease_give(struct bsn_ledger *ledger, enum bsn_lease_kind kind, const char *scope, int64_t value, const char *owner,
		   struct basin_error *err);
/* kind: enum bsn_lease_kind or BSN_LEASE_ANY. Returns how many there were. */
int bsn_lease_give_all(struct bsn_ledger *ledger, int kind, const char *owner, struct basin_error *err);

/* Every lease of a kind (or BSN_LEASE_ANY), of one scope and one owner (NULL: any), in order. fn may not write. */
int bsn_lease_each(struct bsn_ledger *ledger, int kind, const char *scope, const char *owner,
		   int (*fn)(const struct bsn_lease *lease, void *data), void *data, struct basin_error *err);

#endif
