/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/query.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pool/ledger_sql.h"

static void bind_owner(sqlite3_stmt *statement, int *at, const struct bsn_owner *owner)
{
	if (owner == NULL) {
		*at += 4; /* unbound is null */
		return;
	}
	sqlite3_bind_int64(statement, (*at)++, owner->process.pid);
	sqlite3_bind_int64(statement, (*at)++, (int64_t)owner->process.start);
	sqlite3_bind_int64(statement, (*at)++, (int64_t)owner->pid_namespace);
	sqlite3_bind_text(statement, (*at)++, owner->boot, -1, SQLITE_TRANSIENT);
}

/* The only thing that can fail here is memory, which the first step would report too. */
static void bind_all(sqlite3_stmt *statement, const char *format, va_list arguments)
{
	int at = 1;
	for (; *format != '\0'; format++) {
		const struct basin_amounts *amounts;
		switch (*format) {
		case 't':
			sqlite3_bind_text(statement, at++, va_arg(arguments, const char *), -1, SQLITE_TRANSIENT);
			break;
		case 'i':
			sqlite3_bind_int64(statement, at++, va_arg(arguments, int64_t));
			break;
		case 'a':
			amounts = va_arg(arguments, const struct basin_amounts *);
			for (int i = 0; i < BASIN_RESOURCES; i++)
				sqlite3_bind_int64(statement, at++, amounts->of[i]);
			break;
		case 'o':
			bind_owner(statement, &at, va_arg(arguments, const struct bsn_owner *));
			break;
		}
	}
}

static int prepare(struct bsn_query *query, struct bsn_ledger *ledger, const char *sql, const char *format, va_list arguments,
		   struct basin_error *err)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL);
	if (result != SQLITE_OK)
		return bsn_ledger_fail(ledger, result, "read", err);
	bind_all(statement, format, arguments);
	*query = (struct bsn_query){ .ledger = ledger, .statement = statement };
	return 0;
}

int bsn_query_open(struct bsn_query *query, struct bsn_ledger *ledger, struct basin_error *err, const char *sql,
		   const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int r = prepare(query, ledger, sql, format, arguments, err);
	va_end(arguments);
	return r;
}

int bsn_query_next(struct bsn_query *query, struct basin_error *err)
{
	int result = sqlite3_step(query->statement);
	if (result == SQLITE_ROW)
		return 1;
	if (result == SQLITE_DONE)
		return 0;
	return bsn_ledger_fail(query->ledger, result, sqlite3_stmt_readonly(query->statement) ? "read" : "write", err);
}

void bsn_query_close(struct bsn_query *query)
{
	sqlite3_finalize(query->statement);
	query->statement = NULL;
}

int64_t bsn_query_int(struct bsn_query *query, int column)
{
	return sqlite3_column_int64(query->statement, column);
}

const char *bsn_query_text(struct bsn_query *query, int column)
{
	const char *text = (const char *)sqlite3_column_text(query->statement, column);
	return text == NULL ? "" : text;
}

bool bsn_query_null(struct bsn_query *query, int column)
{
	return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

int bsn_query_amounts(struct bsn_query *query, int column, struct basin_amounts *ret_amounts, struct basin_error *err)
{
	for (int i = 0; i < BASIN_RESOURCES; i++) {
		int64_t amount = bsn_query_int(query, column + i);
		if (amount < BASIN_UNSET || amount > BSN_AMOUNT_MAX)
			return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, "the ledger is damaged: %lld is not an amount",
					(long long)amount);
		ret_amounts->of[i] = amount;
	}
	return 0;
}

void bsn_query_owner(struct bsn_query *query, int column, struct bsn_owner *ret_owner)
{
	*ret_owner = (struct bsn_owner){ .process = { .pid = (pid_t)bsn_query_int(query, column),
						      .start = (uint64_t)bsn_query_int(query, column + 1) },
					 .pid_namespace = (uint64_t)bsn_query_int(query, column + 2) };
	const char *boot = bsn_query_text(query, column + 3);
	/* One of another length is nobody's: left empty, it is no boot's id, and its owner is dead. */
	if (strlen(boot) < sizeof(ret_owner->boot))
		memcpy(ret_owner->boot, boot, strlen(boot) + 1);
}

int bsn_query_copy(struct bsn_query *query, int column, char *buffer, size_t room, struct basin_error *err)
{
	const char *text = bsn_query_text(query, column);
	size_t length = strlen(text);
	if (length >= room)
		return bsn_fail(err, BASIN_DAMAGED, EUCLEAN, "the ledger is damaged: \"%.60s...\" is too long", text);
	memcpy(buffer, text, length + 1);
	return 0;
}

/* In a bracket always: an own one where the caller has none. */
int bsn_query_run(struct bsn_ledger *ledger, struct basin_error *err, const char *sql, const char *format, ...)
{
	auto_query struct bsn_query query = { 0 };
	va_list arguments;
	int r = bsn_ledger_begin(ledger, err);
	if (r < 0)
		return r;
	va_start(arguments, format);
	r = prepare(&query, ledger, sql, format, arguments, err);
	va_end(arguments);
	if (r >= 0)
		r = bsn_query_next(&query, err);
	if (r >= 0)
		r = sqlite3_changes(ledger->db);
	bsn_query_close(&query);
	return bsn_ledger_end(ledger, r, err);
}
