/* SPDX-License-Identifier: Apache-2.0 */
/* A pool as a JSON document: what it was given, what it promised, what the kernel says is used. */
#ifndef BSN_RUNTIME_ENV_POOL_DOCUMENT_H
#define BSN_RUNTIME_ENV_POOL_DOCUMENT_H

#include "base/json.h"
#include "pool/host.h"
#include "pool/storage.h"
#include "runtime/env/context.h"

/* What all pools' documents share, read once: the host, what it can enforce, and the storage back end. */
struct bsn_pool_view {
	struct bsn_host host;
	struct bsn_storage_probe storage;
	unsigned int enforceable; /* BSN_RESOURCE_BITs */
};

int bsn_pool_view_read(const struct basin *basin, struct bsn_pool_view *ret_view, struct basin_error *err);

/* The documents of the named pool, or of all (NULL), as an array in the order of names. Takes a twentieth of a second, to measure. */
int bsn_pool_documents(struct basin *basin, const struct bsn_pool_view *view, const char *name, json_t **ret_json,
		       struct basin_error *err);

#endif
