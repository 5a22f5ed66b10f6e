/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep: what a removal left to whoever comes next, or a killed command half done, and no record names any more. Layers first, which are
 * told of; then lock files of things that are gone and temporaries of writers that died, which nobody need hear about.
 */
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/store_parts.h"

struct sweep {
	struct bsn_store *store;
	bool dry_run;
	bsn_store_swept_fn *swept;
	void *data;
	json_t *used; /* diff ids in hex, as keys */
	struct basin_error *err;
};

static int mark_image(void *data, const char *hex)
{
	struct sweep *sweep = data;
	auto_json json_t *record = NULL;
	size_t i;
	const json_t *layer;
	/* An image that cannot be read keeps every layer: nothing is swept until it is repaired or removed. */
	int r = bsn_store_read_image(sweep->store, hex, &record, sweep->err);
	if (r < 0)
		return r;
	json_array_foreach (json_object_get(record, "layers"), i, layer) {
		if (json_object_set_new(sweep->used, bsn_digest_hex(json_string_value(layer)), json_true()) < 0)
			return bsn_fail_sys(sweep->err, ENOMEM, "cannot look for unused layers");
	}
	return 0;
}

static int sweep_layer(int dirfd, const char *name, void *data)
{
	struct sweep *sweep = data;
	if (json_object_get(sweep->used, name) != NULL)
		return 0;
	int r = sweep->dry_run ? 0 : bsn_store_discard(sweep->store, dirfd, name);
	if (r < 0)
		return bsn_fail_sys(sweep->err, -r, "cannot remove the unused layer \"%s\"", name);
	if (sweep->swept != NULL)
		sweep->swept(sweep->data, name);
	return 0;
}

/* A lock whose layer or image is gone. Nobody who could want it is past the store's lock, which is ours; a launcher's is seen by trying. */
static int sweep_lock(int dirfd, const char *name, void *data)
{
	const struct sweep *sweep = data;
	char record[BSN_DIGEST_ROOM + 8];
	auto_fd int fd = -1;
	bool image = bsn_starts_with(name, "image-");
	if (!image && !bsn_starts_with(name, "layer-"))
		return 0;
	if (bsn_format(record, sizeof(record), image ? "%s.json" : "%s", name + strlen("image-")) < 0)
		return 0;
	if (faccessat(image ? sweep->store->images : sweep->store->layers, record, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (bsn_lock_take(dirfd, name, BSN_LOCK_EXCLUSIVE, 0, &fd) >= 0)
		bsn_sys_unlinkat(dirfd, name, 0);
	return 0;
}

static int sweep_temporary(int dirfd, const char *name, void *data)
{
	(void)data;
	if (name[0] == '.' && bsn_ends_with(name, ".new"))
		bsn_sys_unlinkat(dirfd, name, 0);
	return 0;
}

/* Writers of records and names hold the lock; when it cannot be had, one is at work, or our caller is. */
static void sweep_temporaries(const struct bsn_store *store)
{
	auto_fd int lock = -1;
	if (bsn_store_lock(store, "names", NULL, BSN_LOCK_EXCLUSIVE, 0, &lock) < 0)
		return;
	bsn_each_entry(store->images, sweep_temporary, NULL);
	bsn_each_entry(store->names, sweep_temporary, NULL);
}

int bsn_store_sweep(struct bsn_store *store, bool dry_run, bsn_store_swept_fn *swept, void *data, struct basin_error *err)
{
	auto_fd int lock = -1;
	auto_json json_t *used = json_object();
	struct sweep sweep = { store, dry_run, swept, data, used, err };
	int r = bsn_store_lock(store, "store", NULL, BSN_LOCK_EXCLUSIVE, 0, &lock);
	if (r == -EAGAIN)
		return 0;
	if (r < 0 || used == NULL)
		return bsn_fail_sys(err, used == NULL ? ENOMEM : -r, "cannot look for unused layers");
	r = bsn_store_each_image(store, mark_image, &sweep, err);
	if (r >= 0)
		r = bsn_each_entry(store->layers, sweep_layer, &sweep);
	if (r < 0 || dry_run)
		return r;
	bsn_each_entry(store->locks, sweep_lock, &sweep);
	sweep_temporaries(store);
	return 0;
}
