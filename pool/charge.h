/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charges: what an environment holds of a pool. Reserve -> (slow steps) -> bind, or cancel.
 *
 *     launch  reserve(all)            bind      when it runs         cancel   when a step failed
 *     stop    keep(storage)           cpu, memory and pids go back; what lies on disk stays charged
 *     start   reserve(all)            bind                            cancel   leaves it stopped, storage still charged
 *     resize  reserve(new amounts)    bind      after the kernel took them; until then the larger of old and new counts
 *     rm      release
 *
 * So one consumer has at most one bound row and one reserved row, and what it counts for is the larger of the two, resource by
 * resource. A reserved row belongs to a process; when that is dead, whoever reserves next, or sweeps, deletes the row, and the
 * bound one is what it was. Nothing is ever "given back" by subtracting: usage is the sum of the rows.
 */
#ifndef BSN_POOL_CHARGE_H
#define BSN_POOL_CHARGE_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/pool.h"

#define BSN_CONSUMER_MAX 64

/* What is asked for. Rules (each resource by itself): a missing request is the limit; with neither, the request is the pool's
 * default. A missing limit means "the pool's cap", except storage and pids, where it is the request. Storage is promised in full:
 * its request, if given, must equal its limit. A request above its limit is a USAGE error. */
struct bsn_ask {
	const char *pool;     /* NULL: /default, which must exist by then (bsn_pool_ensure_default) */
	const char *consumer; /* the environment's name */
	struct basin_amounts request;
	struct basin_amounts limit;
	int64_t cpu_weight;     /* 1-10000, BASIN_UNSET: from the request */
	unsigned int resources; /* which to charge: BSN_RESOURCES_ALL, or a part (create stopped: storage alone) */
};

struct bsn_charge {
	char consumer[BSN_CONSUMER_MAX];
	char pool[BSN_POOL_NAME_MAX];
	struct basin_amounts request; /* resolved; as asked even where not charged now */
	struct basin_amounts limit;   /* BASIN_UNSET: the pool's cap */
	int64_t cpu_weight;
	unsigned int resources; /* what it counts for now */
	bool bound;             /* false: a reservation, of owner */
	struct bsn_owner owner; /* reservations only */
	int64_t since;          /* seconds since the epoch */
};

/*
 * Admission and reservation in one transaction: checks the pool and every ancestor up to "/", and the host. REFUSED names the
 * pool, the resource, what was asked and what is free; CONFLICT when the consumer is charged to another pool or has a living
 * reservation. dry_run gives the verdict alone. *ret_charge (may be NULL) has the resolved amounts.
 */
int bsn_charge_reserve(struct bsn_ledger *ledger, const struct bsn_host *host, const struct bsn_ask *ask,
		       const struct bsn_owner *owner, bool dry_run, struct bsn_charge *ret_charge, struct basin_error *err);
/* Makes the reservation the bound charge; NOT_FOUND when there is none (swept: its owner had died). */
int bsn_charge_bind(struct bsn_ledger *ledger, const char *consumer, struct basin_error *err);
/* Gives the reservation up, if there is one: the bound charge, if there is one, is untouched. */
int bsn_charge_cancel(struct bsn_ledger *ledger, const char *consumer, struct basin_error *err);
/* Hands the reservation to another process (the launcher to the monitor's first start). NOT_FOUND when there is none. */
int bsn_charge_adopt(struct bsn_ledger *ledger, const char *consumer, const struct bsn_owner *owner, struct basin_error *err);
/* Keeps only these resources of the bound charge charged: stop keeps BSN_RESOURCE_BIT(BASIN_STORAGE). No charge: nothing to do.
 */
int bsn_charge_keep(struct bsn_ledger *ledger, const char *consumer, unsigned int resources, struct basin_error *err);
/* Removes both rows. "Already gone" is success. */
int bsn_charge_release(struct bsn_ledger *ledger, const char *consumer, struct basin_error *err);

/* The bound charge, or with bound=false the reservation. NOT_FOUND. */
int bsn_charge_get(struct bsn_ledger *ledger, const char *consumer, bool bound, struct bsn_charge *ret_charge,
		   struct basin_error *err);
/* Every row, of one pool (NULL: of all), by consumer, reservations after bound. Stops at the first negative result. fn may not
 * write. */
int bsn_charge_each(struct bsn_ledger *ledger, const char *pool, int (*fn)(const struct bsn_charge *charge, void *data),
		    void *data, struct basin_error *err);
/* Deletes the reservations of dead owners, calling fn (may be NULL) for each; dry_run only calls. Returns how many. */
int bsn_charge_sweep(struct bsn_ledger *ledger, bool dry_run, void (*fn)(const struct bsn_charge *charge, void *data), void *data,
		     struct basin_error *err);

#endif
