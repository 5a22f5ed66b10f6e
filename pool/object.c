/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/object.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/own.h"
#include "base/str.h"
#include "pool/query.h"

#define OBJECT_COLUMNS "kind, name, state, json, generation, created, owner_pid, owner_start, owner_namespace, owner_boot"

/* What the kind is called in messages. */
static const char *noun(const char *kind)
{
	return bsn_streq(kind, "env") ? "environment" : bsn_streq(kind, "net") ? "network" : kind;
}

static int not_found(const char *kind, const char *name, struct basin_error *err)
{
	return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "%s \"%s\" does not exist: see \"basin %s ls\"", noun(kind), name, kind);
}

/* The strings belong to the row. */
static struct bsn_object read_row(struct bsn_query *query)
{
	struct bsn_object object = { .kind = bsn_query_text(query, 0),
				     .name = bsn_query_text(query, 1),
				     .state = bsn_query_text(query, 2),
				     .json = bsn_query_text(query, 3),
				     .generation = bsn_query_int(query, 4),
				     .created = bsn_query_int(query, 5),
				     .owned = !bsn_query_null(query, 6) };
	if (object.owned)
		bsn_query_owner(query, 6, &object.owner);
	return object;
}

static int find(struct bsn_query *query, struct bsn_ledger *ledger, const char *kind, const char *name, struct basin_error *err)
{
	int r = bsn_query_open(query, ledger, err, "SELECT " OBJECT_COLUMNS " FROM object WHERE kind = ? AND name = ?", "tt",
			       kind, name);
	return r < 0 ? r : bsn_query_next(query, err);
}

static int create(struct bsn_ledger *ledger, const struct bsn_object *object, const struct bsn_owner *owner,
		  struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = find(&query, ledger, object->kind, object->name, err);
	if (r > 0)
		return bsn_fail(err, BASIN_EXISTS, EEXIST, "%s \"%s\" exists already: choose another name", noun(object->kind),
				object->name);
	if (r == 0)
		r = bsn_query_run(ledger, err, "INSERT INTO object (" OBJECT_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?)", "ttttiio",
				  object->kind, object->name, object->state, object->json, (int64_t)1, (int64_t)time(NULL),
				  owner);
	return r < 0 ? r : 0;
}

int bsn_object_create(struct bsn_ledger *ledger, const char *kind, const char *name, const char *state, const char *json,
		      const struct bsn_owner *owner, struct basin_error *err)
{
	const struct bsn_object object = { .kind = kind, .name = name, .state = state, .json = json };
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	return bsn_ledger_end(ledger, create(ledger, &object, owner, err), err);
}

static int set(struct bsn_ledger *ledger, const char *kind, const char *name, const struct bsn_object_change *change,
	       struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = find(&query, ledger, kind, name, err);
	if (r <= 0)
		return r < 0 ? r : not_found(kind, name, err);
	struct bsn_object was = read_row(&query);
	if (change->generation != BASIN_UNSET && change->generation != was.generation)
		return bsn_fail(err, BASIN_CONFLICT, ESTALE, "%s \"%s\" was changed by somebody else meanwhile: try again",
				noun(kind), name);
	const struct bsn_owner *owner = change->owner != NULL ? change->owner : was.owned && !change->disown ? &was.owner : NULL;
	r = bsn_query_run(ledger, err,
			  "UPDATE object SET (state, json, generation, owner_pid, owner_start, owner_namespace, owner_boot) = "
			  "(?,?,?,?,?,?,?) "
			  "WHERE kind = ? AND name = ?",
			  "ttiott", change->state != NULL ? change->state : was.state,
			  change->json != NULL ? change->json : was.json, was.generation + 1, owner, kind, name);
	return r < 0 ? r : 0;
}

int bsn_object_set(struct bsn_ledger *ledger, const char *kind, const char *name, const struct bsn_object_change *change,
		   struct basin_error *err)
{
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	return bsn_ledger_end(ledger, set(ledger, kind, name, change, err), err);
}

int bsn_object_remove(struct bsn_ledger *ledger, const char *kind, const char *name, struct basin_error *err)
{
	int r = bsn_query_run(ledger, err, "DELETE FROM object WHERE kind = ? AND name = ?", "tt", kind, name);
	return r < 0 ? r : 0;
}

/* The struct and its strings in one block. */
static struct bsn_object *copy(const struct bsn_object *object)
{
	const char *const from[] = { object->kind, object->name, object->state, object->json };
	const char *to[4];
	size_t size = sizeof(*object);
	for (size_t i = 0; i < 4; i++)
		size += strlen(from[i]) + 1;
	struct bsn_object *made = malloc(size);
	if (made == NULL)
		return NULL;
	char *at = (char *)(made + 1);
	for (size_t i = 0; i < 4; i++) {
		to[i] = at;
		at = stpcpy(at, from[i]) + 1;
	}
	*made = *object;
	made->kind = to[0];
	made->name = to[1];
	made->state = to[2];
	made->json = to[3];
	return made;
}

int bsn_object_get(struct bsn_ledger *ledger, const char *kind, const char *name, struct bsn_object **ret_object,
		   struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = find(&query, ledger, kind, name, err);
	if (r <= 0)
		return r < 0 ? r : not_found(kind, name, err);
	struct bsn_object row = read_row(&query);
	struct bsn_object *made = copy(&row);
	if (made == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot read %s \"%s\"", noun(kind), name);
	*ret_object = made;
	return 0;
}

int bsn_object_each(struct bsn_ledger *ledger, const char *kind, int (*fn)(const struct bsn_object *object, void *data),
		    void *data, struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err,
			       "SELECT " OBJECT_COLUMNS " FROM object WHERE ?1 IS NULL OR kind = ?1 ORDER BY kind, name", "t",
			       kind);
	while (r >= 0 && (r = bsn_query_next(&query, err)) > 0) {
		struct bsn_object object = read_row(&query);
		r = fn(&object, data);
	}
	return r;
}
