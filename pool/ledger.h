/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: what was promised to whom, and what is durable and countable (pools, charges, leases, named objects). One SQLite
 * file, <data root>/ledger.db, in WAL mode with synchronous=FULL: what a function here has returned is still true after a power
 * cut.
 *
 * Every function of pool/{pool,charge,lease,subnet,object}.h is one short transaction of its own (BEGIN IMMEDIATE: one writer at
 * a time, the others wait). To make several of them one, bracket them:
 *
 *     r = bsn_ledger_begin(ledger, err);
 *     ... bsn_object_create, bsn_charge_reserve, bsn_lease_take ...
 *     r = bsn_ledger_end(ledger, r, err);      // commits when r >= 0, rolls back otherwise; returns r, or the commit's failure
 *
 * Nothing slow may happen between the two: no mount, no fork, no file copying. Brackets nest; an inner failure dooms the whole.
 *
 * A ledger is for one thread, and must not be used across fork().
 */
#ifndef BSN_POOL_LEDGER_H
#define BSN_POOL_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/proc.h"

struct bsn_ledger;

/* Opens the ledger of the data root that data_fd holds open, made if missing. One written by a newer basin is refused (CONFLICT).
 */
int bsn_ledger_open(int data_fd, struct bsn_ledger **ret_ledger, struct basin_error *err);
void bsn_ledger_close(struct bsn_ledger *ledger);

int bsn_ledger_begin(struct bsn_ledger *ledger, struct basin_error *err);
int bsn_ledger_end(struct bsn_ledger *ledger, int result, struct basin_error *err);

/* Reads every page and every cross reference; DAMAGED names the first thing wrong. */
int bsn_ledger_check(struct bsn_ledger *ledger, struct basin_error *err);

/*
 * Who is in the middle of something: the process that reserved, and which boot and pid namespace it lives in. A process of
 * another pid namespace of this boot cannot be judged from here and counts as alive.
 */
struct bsn_owner {
	struct bsn_process process;
	uint64_t pid_namespace;
	char boot[37];
};

int bsn_owner_self(struct bsn_owner *ret_owner, struct basin_error *err);
/* The same for another living process (a monitor that takes an operation over); NOT_FOUND when there is none of that pid. */
int bsn_owner_of(pid_t pid, struct bsn_owner *ret_owner, struct basin_error *err);
bool bsn_owner_alive(const struct bsn_owner *owner);

#endif
