/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SQL statement against the ledger, with its values bound by a format string, one letter each:
 *
 *     t   const char *                   text, NULL allowed
 *     i   int64_t                        (cast what is not: these are variable arguments)
 *     a   const struct basin_amounts *   four columns, in the order of enum basin_resource
 *     o   const struct bsn_owner *       four columns: pid, start, pid namespace, boot; NULL: four nulls
 *
 * Only pool/ uses this; <sqlite3.h> stays behind it, in ledger.c and ledger_query.c.
 */
#ifndef BSN_POOL_QUERY_H
#define BSN_POOL_QUERY_H

#include "pool/ledger.h"

/* No amount is larger, so that sums of a few are far from overflowing. */
#define BSN_AMOUNT_MAX (INT64_C(1) << 60)

struct bsn_query {
	struct bsn_ledger *ledger;
	void *statement; /* sqlite3_stmt */
};

int bsn_query_open(struct bsn_query *query, struct bsn_ledger *ledger, struct basin_error *err, const char *sql,
		   const char *format, ...);
/* 1: a row is there, 0: no more, -errno. */
int bsn_query_next(struct bsn_query *query, struct basin_error *err);
void bsn_query_close(struct bsn_query *query);
#define auto_query __attribute__((cleanup(bsn_query_close)))

/* Columns of the row, from 0. Text lives until the next row or close, and is never NULL ("" for null). */
int64_t bsn_query_int(struct bsn_query *query, int column);
const char *bsn_query_text(struct bsn_query *query, int column);
bool bsn_query_null(struct bsn_query *query, int column);
/* DAMAGED when one is not an amount that can have come from us: BASIN_UNSET, or 0 to BSN_AMOUNT_MAX. */
int bsn_query_amounts(struct bsn_query *query, int column, struct basin_amounts *ret_amounts, struct basin_error *err);
void bsn_query_owner(struct bsn_query *query, int column, struct bsn_owner *ret_owner);
/* Copies a text column into a fixed buffer; DAMAGED when it is too long to have come from us. */
int bsn_query_copy(struct bsn_query *query, int column, char *buffer, size_t room, struct basin_error *err);

/* Runs a statement that returns no rows; the result is how many rows it changed. */
int bsn_query_run(struct bsn_ledger *ledger, struct basin_error *err, const char *sql, const char *format, ...);

/* As bsn_ledger_begin, for reading several things at one moment: takes no lock. Writing inside it is an error. */
int bsn_ledger_begin_read(struct bsn_ledger *ledger, struct basin_error *err);

#endif
