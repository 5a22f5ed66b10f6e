/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools: named shares of the host, nested like paths. "/" is the host itself and always exists; "/default" is made on first use.
 *
 * For each resource a pool has a capacity (the hard cap, written to its cgroup), a guarantee (what its ancestors set aside for it
 * even while it is empty), an overcommit ratio (how far the promises inside it may pass its capacity) and a default (the request
 * of a member that asks for nothing). A capacity that is not given follows the parent's, and its guarantee is then 0; a guarantee
 * that is not given equals a given capacity. The arithmetic is in pool/arithmetic.h.
 */
#ifndef BSN_POOL_POOL_H
#define BSN_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/host.h"
#include "pool/ledger.h"

#define BSN_POOL_NAME_MAX 336 /* 8 parts of 40 bytes, 8 slashes, NUL, rounded up */
#define BSN_POOL_DEFAULT  "/default"

/* Bits of a set of resources: 1u << BASIN_CPU ... */
#define BSN_RESOURCE_BIT(resource) (1u << (resource))
#define BSN_RESOURCES_ALL          ((1u << BASIN_RESOURCES) - 1)

/* "cpu", "memory", "storage", "pids": JSON keys and words of messages. */
const char *bsn_resource_name(enum basin_resource resource);
/* "500m", "1.5GiB", "256": an amount of that resource for messages. buffer of 32 bytes. Returns buffer. */
const char *bsn_resource_format(enum basin_resource resource, int64_t amount, char *buffer, size_t room);

/* What to do where the kernel cannot enforce a resource: refuse the pool, or count it and say that it is not enforced. */
enum bsn_enforce { BSN_ENFORCE_REQUIRED, BSN_ENFORCE_AVAILABLE };

struct bsn_pool {
	char name[BSN_POOL_NAME_MAX];
	struct basin_amounts capacity;   /* as given; BASIN_UNSET follows the parent */
	struct basin_amounts guarantee;  /* as given; BASIN_UNSET: the capacity if given, else 0 */
	struct basin_amounts overcommit; /* thousandths: 1000 is exactly the capacity */
	struct basin_amounts defaults;   /* request of a member that asks for nothing; at most the capacity */
	struct basin_amounts reserve;    /* "/" only: kept for the host */
	enum bsn_enforce enforce;
	unsigned int enforced; /* resources that the kernel held when the pool was made or last set */
	bool cordoned;         /* takes no new members */
	int64_t generation;    /* grows with every change */
	int64_t created;       /* seconds since the epoch */
};

/* Changes to a pool, or a new pool's settings: BASIN_UNSET keeps (or takes the default). */
struct bsn_pool_settings {
	struct basin_amounts capacity;
	struct basin_amounts guarantee;
	struct basin_amounts overcommit; /* thousandths */
	struct basin_amounts defaults;
	struct basin_amounts reserve; /* "/" only */
	int enforce;                  /* enum bsn_enforce, BASIN_UNSET */
	int cordoned;                 /* 0, 1, BASIN_UNSET */
};
#define BSN_POOL_SETTINGS_UNSET                                                                                                  \
	{                                                                                                                        \
		.capacity = BASIN_AMOUNTS_UNSET, .guarantee = BASIN_AMOUNTS_UNSET, .overcommit = BASIN_AMOUNTS_UNSET,            \
		.defaults = BASIN_AMOUNTS_UNSET, .reserve = BASIN_AMOUNTS_UNSET, .enforce = BASIN_UNSET, .cordoned = BASIN_UNSET \
	}

/*
 * Makes a pool: its parent must exist (NOT_FOUND), its name be free (EXISTS), its guarantee fit into every ancestor (REFUSED).
 * enforceable: the resources that this host can hold a pool to, a set of BSN_RESOURCE_BIT; when one is missing and enforce is
 * required, UNSUPPORTED. dry_run gives the verdict and changes nothing. The cgroup is the caller's next step
 * (pool/pool_cgroup.h).
 */
int bsn_pool_create(struct bsn_ledger *ledger, const struct bsn_host *host, const char *name,
		    const struct bsn_pool_settings *settings, unsigned int enforceable, bool dry_run, struct basin_error *err);
/* Changes it under the same rules: what it and its ancestors have promised must still fit (REFUSED), and members under its new
 * cap. */
int bsn_pool_set(struct bsn_ledger *ledger, const struct bsn_host *host, const char *name,
		 const struct bsn_pool_settings *settings, unsigned int enforceable, bool dry_run, struct basin_error *err);
/* Removes it; BUSY while it has members or children. Of no pool: NOT_FOUND. */
int bsn_pool_remove(struct bsn_ledger *ledger, const char *name, struct basin_error *err);

/* Fills *ret_pool; NOT_FOUND. "/" is always found, "/default" only once it was made. */
int bsn_pool_get(struct bsn_ledger *ledger, const char *name, struct bsn_pool *ret_pool, struct basin_error *err);
/* Makes sure that /default exists. Returns 1 when it was made now (so that the caller makes its cgroup), 0 when it was there. */
int bsn_pool_ensure_default(struct bsn_ledger *ledger, const struct bsn_host *host, unsigned int enforceable,
			    enum bsn_enforce enforce, struct basin_error *err);
/* Calls fn for every pool, parents first, in the order of names; stops at the first negative result. */
int bsn_pool_each(struct bsn_ledger *ledger, int (*fn)(const struct bsn_pool *pool, void *data), void *data,
		  struct basin_error *err);

/* "/team/dev" -> "/team", "/team" -> "/". buffer of BSN_POOL_NAME_MAX. */
void bsn_pool_parent(const char *name, char *buffer);

/* --- numbers --- */

/* What a pool has and has promised, per resource, in base units, resolved against its ancestors and the host. */
struct bsn_pool_figures {
	int64_t capacity;    /* hard cap; of "/": the host's total */
	int64_t reserved;    /* "/": host reserve; else 0 */
	int64_t allocatable; /* capacity - reserved */
	int64_t guarantee;
	int64_t overcommit; /* thousandths */
	int64_t promised;   /* what members requested plus what children are charged with */
	int64_t limit_sum;  /* the members' limits added up, children's members included; members without a limit are not in it */
	int64_t charged;    /* what its parent is charged with for it */
	int64_t free;       /* the largest request that would fit now, every ancestor considered; never negative */
	bool enforced;
};
struct bsn_pool_report {
	struct bsn_pool_figures of[BASIN_RESOURCES];
	int64_t members; /* environments charged directly to it */
	int64_t children;
	bool over; /* promises no longer fit (the host shrank) */
};
int bsn_pool_report(struct bsn_ledger *ledger, const struct bsn_host *host, const char *name, struct bsn_pool_report *ret_report,
		    struct basin_error *err);

#endif
