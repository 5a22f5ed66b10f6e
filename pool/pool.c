/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools as rows of the ledger: names, reading, removing. How they are made and changed is in pool_change.c, numbers in
 * pool_report.c.
 */
#include "pool/pool.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/name.h"
#include "base/size.h"
#include "base/str.h"
#include "pool/pool_row.h"
#include "pool/query.h"

const char *bsn_resource_name(enum basin_resource resource)
{
	static const char *const names[] = { "cpu", "memory", "storage", "pids" };
	return names[resource];
}

const char *bsn_resource_format(enum basin_resource resource, int64_t amount, char *buffer, size_t room)
{
	if (resource == BASIN_CPU)
		return bsn_format_cpu(amount, buffer, room);
	if (resource != BASIN_PIDS)
		return bsn_format_bytes(amount, buffer, room);
	snprintf(buffer, room, "%" PRId64, amount);
	return buffer;
}

void bsn_pool_parent(const char *name, char *buffer)
{
	const char *slash = strrchr(name, '/');
	size_t length = slash == NULL || slash == name ? 1 : (size_t)(slash - name);
	memcpy(buffer, name, length);
	buffer[length] = '\0';
}

#define POOL_COLUMNS                                                                                                             \
	"name, cpu_capacity, memory_capacity, storage_capacity, pids_capacity, "                                                 \
	"cpu_guarantee, memory_guarantee, storage_guarantee, pids_guarantee, "                                                   \
	"cpu_overcommit, memory_overcommit, storage_overcommit, pids_overcommit, "                                               \
	"cpu_default, memory_default, storage_default, pids_default, "                                                           \
	"cpu_reserve, memory_reserve, storage_reserve, pids_reserve, "                                                           \
	"enforce, enforced, cordoned, generation, created"

static int read_row(struct bsn_query *query, struct bsn_pool *ret_pool, struct basin_error *err)
{
	struct bsn_pool pool = { .enforce = bsn_query_int(query, 21) == BSN_ENFORCE_AVAILABLE ? BSN_ENFORCE_AVAILABLE
											      : BSN_ENFORCE_REQUIRED,
				 .enforced = (unsigned int)bsn_query_int(query, 22) & BSN_RESOURCES_ALL,
				 .cordoned = bsn_query_int(query, 23) != 0,
				 .generation = bsn_query_int(query, 24),
				 .created = bsn_query_int(query, 25) };
	struct basin_amounts *const amounts[] = { &pool.capacity, &pool.guarantee, &pool.overcommit, &pool.defaults,
						  &pool.reserve };
	int r = bsn_query_copy(query, 0, pool.name, sizeof(pool.name), err);
	for (int i = 0; i < 5 && r >= 0; i++)
		r = bsn_query_amounts(query, 1 + i * BASIN_RESOURCES, amounts[i], err);
	if (r < 0)
		return r;
	*ret_pool = pool;
	return 0;
}

int bsn_pool_get(struct bsn_ledger *ledger, const char *name, struct bsn_pool *ret_pool, struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err, "SELECT " POOL_COLUMNS " FROM pool WHERE name = ?", "t", name);
	if (r >= 0)
		r = bsn_query_next(&query, err);
	if (r < 0)
		return r;
	if (r == 0)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "pool \"%s\" does not exist: see \"basin pool ls\"", name);
	return read_row(&query, ret_pool, err);
}

int bsn_pool_each(struct bsn_ledger *ledger, int (*fn)(const struct bsn_pool *pool, void *data), void *data,
		  struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err, "SELECT " POOL_COLUMNS " FROM pool ORDER BY name", "");
	while (r >= 0 && (r = bsn_query_next(&query, err)) > 0) {
		struct bsn_pool pool;
		r = read_row(&query, &pool, err);
		if (r >= 0)
			r = fn(&pool, data);
	}
	return r;
}

#define POOL_PLACES "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"

int bsn_pool_row_write(struct bsn_ledger *ledger, const struct bsn_pool *pool, struct basin_error *err)
{
	static const char *const statements[] = { "UPDATE pool SET (" POOL_COLUMNS ") = (" POOL_PLACES ") WHERE name = ?1",
						  "INSERT INTO pool (" POOL_COLUMNS ") VALUES (" POOL_PLACES ")" };
	int r = 0;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]) && r == 0; i++)
		r = bsn_query_run(ledger, err, statements[i], "taaaaaiiiii", pool->name, &pool->capacity, &pool->guarantee,
				  &pool->overcommit, &pool->defaults, &pool->reserve, (int64_t)pool->enforce,
				  (int64_t)pool->enforced, (int64_t)pool->cordoned, pool->generation, pool->created);
	return r < 0 ? r : 0;
}

/* A row that stands in the way of removing the pool: *ret_found is a copy of its first column, "" when there is none. */
static int blocked_by(struct bsn_ledger *ledger, const char *sql, const char *name, char *buffer, size_t room,
		      struct basin_error *err)
{
	auto_query struct bsn_query query = { 0 };
	int r = bsn_query_open(&query, ledger, err, sql, "t", name);
	if (r >= 0)
		r = bsn_query_next(&query, err);
	return r <= 0 ? r : bsn_query_copy(&query, 0, buffer, room, err) < 0 ? -EUCLEAN : 1;
}

static int remove_row(struct bsn_ledger *ledger, const char *name, struct basin_error *err)
{
	struct bsn_pool pool;
	char blocker[BSN_POOL_NAME_MAX];
	int r = bsn_pool_get(ledger, name, &pool, err);
	if (r < 0)
		return r;
	r = blocked_by(ledger, "SELECT name FROM pool WHERE substr(name, 1, length(?1) + 1) = ?1 || '/' ORDER BY name LIMIT 1",
		       name, blocker, sizeof(blocker), err);
	if (r > 0)
		return bsn_fail(err, BASIN_BUSY, EBUSY, "cannot remove pool \"%s\": it has the child \"%s\"; remove that first",
				name, blocker);
	if (r == 0)
		r = blocked_by(ledger, "SELECT consumer FROM charge WHERE pool = ?1 ORDER BY consumer LIMIT 1", name, blocker,
			       sizeof(blocker), err);
	if (r > 0)
		return bsn_fail(err, BASIN_BUSY, EBUSY,
				"cannot remove pool \"%s\": environment \"%s\" is charged to it; remove that first with \"basin "
				"env rm %s\"",
				name, blocker, blocker);
	if (r < 0)
		return r;
	r = bsn_query_run(ledger, err, "DELETE FROM pool WHERE name = ?", "t", name);
	return r < 0 ? r : 0;
}

int bsn_pool_remove(struct bsn_ledger *ledger, const char *name, struct basin_error *err)
{
	if (bsn_streq(name, "/"))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "cannot remove pool \"/\": it is the host");
	int r = bsn_name_check_pool(name, err);
	if (r >= 0)
		r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	return bsn_ledger_end(ledger, remove_row(ledger, name, err), err);
}
