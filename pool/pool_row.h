/* SPDX-License-Identifier: Apache-2.0 */
/* Between pool.c and pool_change.c: a pool as a row. */
#ifndef BSN_POOL_POOL_ROW_H
#define BSN_POOL_POOL_ROW_H

#include "pool/pool.h"

/* Replaces the row of that name, or inserts it. */
int bsn_pool_row_write(struct bsn_ledger *ledger, const struct bsn_pool *pool, struct basin_error *err);

#endif
