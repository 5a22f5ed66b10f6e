/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named objects whose definition is theirs to shape (environments, networks): the ledger holds the name space, a state word, and
 * one JSON document, and guarantees that a name is taken once. An object in the making has the process that makes it as its
 * owner, so that one left behind by a dead process can be told from one in use.
 */
#ifndef BSN_POOL_OBJECT_H
#define BSN_POOL_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/ledger.h"

struct bsn_object {
	const char *kind; /* "env", "net" */
	const char *name;
	const char *state; /* a word of the kind's own: "creating", "ready", "removing" */
	const char *json;
	int64_t generation; /* 1, then one more with each change */
	int64_t created;    /* seconds since the epoch */
	bool owned;         /* somebody is in the middle of something with it */
	struct bsn_owner owner;
};

/* EXISTS when the name is taken: the text says so and the object is unchanged. owner may be NULL. */
int bsn_object_create(struct bsn_ledger *ledger, const char *kind, const char *name, const char *state, const char *json,
		      const struct bsn_owner *owner, struct basin_error *err);

/* What to change: NULL and false keep. generation: the one that was read (CONFLICT when it is another by now), or BASIN_UNSET. */
struct bsn_object_change {
	const char *state;
	const char *json;
	const struct bsn_owner *owner;
	bool disown;
	int64_t generation;
};
#define BSN_OBJECT_CHANGE_INIT                                                                                                   \
	{                                                                                                                        \
		.generation = BASIN_UNSET                                                                                        \
	}
int bsn_object_set(struct bsn_ledger *ledger, const char *kind, const char *name, const struct bsn_object_change *change,
		   struct basin_error *err);
/* "Already gone" is success. */
int bsn_object_remove(struct bsn_ledger *ledger, const char *kind, const char *name, struct basin_error *err);

/* A copy, freed in one piece with free(); NOT_FOUND. */
int bsn_object_get(struct bsn_ledger *ledger, const char *kind, const char *name, struct bsn_object **ret_object,
		   struct basin_error *err);
/* Every object of a kind (NULL: of all), by name. The strings live until fn returns; fn may not write. Stops at the first
 * negative. */
int bsn_object_each(struct bsn_ledger *ledger, const char *kind, int (*fn)(const struct bsn_object *object, void *data),
		    void *data, struct basin_error *err);

#endif
