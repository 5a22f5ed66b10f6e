/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reconcile: what should be (the ledger, the image store) against what is (cgroups, links, rules, directories, processes), both ways.
 *
 * It holds no state of its own and decides nothing twice: an environment that a dead process was making or removing is undone by the walk back
 * of runtime/env/make.c, one whose monitor died by `env down`; only what those cannot find, because no row names it, is looked for here.
 * Whatever a living process holds the lock of is left to that process.
 */
#ifndef BSN_RUNTIME_ENV_RECONCILE_H
#define BSN_RUNTIME_ENV_RECONCILE_H

#include "runtime/env/definition.h"

struct bsn_reconcile {
	struct basin *basin;
	struct bsn_ledger *ledger;
	bool dry_run;
	json_t *findings; /* { "kind", "name", "action", "done", "error" } each */
};

/* Adds a finding and, unless this is a dry run, does it; fix may be NULL: nothing can be done here. A fix that fails is part of the
 * finding, not a failure. Returns 0 or -ENOMEM. */
typedef int bsn_reconcile_fix(struct basin *basin, const char *name, struct basin_error *err);
int bsn_reconcile_find(struct bsn_reconcile *reconcile, const char *kind, const char *name, const char *action,
		       bsn_reconcile_fix *fix);

/* Whether an environment of that name is in the ledger: 1, 0 or -errno. */
int bsn_reconcile_is_env(struct bsn_reconcile *reconcile, const char *name);

/* reconcile_cgroups.c */
int bsn_reconcile_cgroups(struct bsn_reconcile *reconcile, struct basin_error *err);

#endif
