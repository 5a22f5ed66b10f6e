/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backup says about its environment: the part of a definition that means something on another host, and back. Left out are the
 * ids, addresses and storage that were this host's; what comes back is taken key by key, since an archive is anybody's.
 */
#ifndef BSN_RUNTIME_ENV_BACKUP_ABOUT_H
#define BSN_RUNTIME_ENV_BACKUP_ABOUT_H

#include "image/backup_format.h"
#include "image/diff.h"
#include "image/store.h"
#include "runtime/env/definition.h"

struct bsn_backup_facts {
	const struct bsn_env *env;
	const struct bsn_image *image;
	bool running;
	int64_t frozen_ms;
	const struct bsn_diff_result *own; /* of the environment's own layer */
};

/* backup->about: "environment", "pools", "image", "consistency", "frozen_ms", "running", "kernel", "tool", "skipped". */
int bsn_backup_describe(struct basin *basin, const struct bsn_backup_facts *facts, json_t **ret_about, struct basin_error *err);

/* What restore takes from the archive. */
struct bsn_backup_wanted {
	json_t *definition; /* as bsn_env_make wants it; image.digest is the caller's to set. Owned */
	const char *pool;   /* as it was */
	struct basin_amounts request;
	struct basin_amounts limit;
	int64_t cpu_weight;
	bool host_ids; /* it had no user namespace of its own */
	bool running;
	const char *image_manifest; /* the image's documents to the byte; may be NULL */
	const char *image_config;
};

int bsn_backup_read_wanted(const struct bsn_backup *backup, const struct basin_restore_options *options,
			   struct bsn_backup_wanted *ret_wanted, struct basin_error *err);

/* Refuses (NOT_FOUND) a pool that is not here, with the command that would make one of the shape it had. */
int bsn_backup_check_pool(struct basin *basin, const struct bsn_backup *backup, const char *pool, struct basin_error *err);

#endif
