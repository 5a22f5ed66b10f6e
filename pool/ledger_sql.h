/* SPDX-License-Identifier: Apache-2.0 */
/* Between ledger.c and ledger_query.c alone: the SQLite connection. */
#ifndef BSN_POOL_LEDGER_SQL_H
#define BSN_POOL_LEDGER_SQL_H

#include <sqlite3.h>
#include <time.h>

#include "pool/ledger.h"

struct bsn_ledger {
	sqlite3 *db;
	int data_fd;
	int depth;               /* open brackets */
	bool reading;            /* the outermost bracket is for reading */
	struct timespec waiting; /* since when wait_turn waits */
};

/* The failure that SQLite reported last, said in our terms: what is "open", "read" or "write". */
int bsn_ledger_fail(const struct bsn_ledger *ledger, int result, const char *what, struct basin_error *err);

#endif
