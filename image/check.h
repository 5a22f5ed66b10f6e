/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the store holds what it was given: records, names, and every layer's tree against its files.mtree. */
#ifndef BSN_IMAGE_CHECK_H
#define BSN_IMAGE_CHECK_H

#include "image/store.h"

struct bsn_check_options {
	const char *ref; /* only this image; NULL: the whole store */
	bool quick;      /* everything but the contents of files */
};

/*
 * *ret_json as basin(1) describes it ("image check"). Damage is an answer, not a failure of the call: *ret_damage (may be NULL) then has
 * code DAMAGED and the first of it as text, else code 0.
 */
int bsn_store_check(struct bsn_store *store, const struct bsn_check_options *options, json_t **ret_json,
		    struct basin_error *ret_damage, struct basin_error *err);

/*
 * Compares a tree with a manifest (text, NUL-terminated, changed by the call): appends up to max objects {path, problem} to damaged and
 * counts all in *ret_count.
 */
int bsn_mtree_compare(int root_fd, char *manifest, bool quick, size_t max, json_t *damaged, uint64_t *ret_count,
		      uint64_t *ret_entries, struct basin_error *err);

#endif
