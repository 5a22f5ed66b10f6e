/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's directories, its locks, staging, and clearing up after processes
 * that died.
 *
 * Locks, in the order in which they are taken:
 *     store          shared while layers are added that no image names yet;
 * exclusive to sweep layers (tried, never waited for) layer-<hex>    exclusive
 * while that layer is made: a second process waits and then finds it done names
 * exclusive while image records and names are written or removed; short
 *     image-<hex>    shared while a launcher holds the image; exclusive to
 * remove it (tried, never waited for) tmp/<n>.lock   exclusive as long as
 * whoever stages in tmp/<n> lives
 */
#include "image/store.h"

#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/store_parts.h"

#define VERSION     "1\n"
#define LOCK_SUFFIX ".lock"

int bsn_store_lock(const struct bsn_store *store, const char *kind, const char *what, enum bsn_lock_mode mode, int timeout_ms,
		   int *ret_fd)
{
	char name[128];
	int r = bsn_format(name, sizeof(name), "%s%s%s", kind, what != NULL ? "-" : "", what != NULL ? what : "");
	return r < 0 ? r : bsn_lock_take(store->locks, name, mode, timeout_ms, ret_fd);
}

int bsn_store_hold(struct bsn_store *store, int *ret_lease, struct basin_error *err)
{
	int r = bsn_store_lock(store, "store", NULL, BSN_LOCK_SHARED, -1, ret_lease);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot lock the image store") : 0;
}

int bsn_store_discard(const struct bsn_store *store, int parent, const char *name)
{
	char random[17];
	int r = bsn_random_hex(random, 8);
	if (r >= 0)
		r = bsn_sys_renameat2(parent, name, store->trash, random, RENAME_NOREPLACE);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : bsn_remove_tree(store->trash, random);
}

int bsn_staging_open(const struct bsn_store *store, struct bsn_staging *staging, struct basin_error *err)
{
	char boot[37] = "";
	char random[13];
	char lock[80];
	auto_fd int lock_fd = -1;
	int r = bsn_boot_id(boot);
	if (r >= 0)
		r = bsn_random_hex(random, 6);
	if (r >= 0)
		r = bsn_format(staging->name, sizeof(staging->name), "%.8s.%d.%s", boot, getpid(), random);
	/* First the lock, then what it guards: a directory without a held lock is anybody's to clear. */
	if (r >= 0)
		r = bsn_format(lock, sizeof(lock), "%s" LOCK_SUFFIX, staging->name);
	if (r >= 0)
		r = bsn_lock_take(store->tmp, lock, BSN_LOCK_EXCLUSIVE, 0, &lock_fd);
	if (r >= 0)
		r = bsn_sys_mkdirat(store->tmp, staging->name, 0700);
	if (r >= 0)
		r = staging->fd = bsn_sys_openat(store->tmp, staging->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot stage in the image store");
	staging->store = store;
	staging->lock = bsn_fd_give(&lock_fd);
	return 0;
}

void bsn_staging_close(struct bsn_staging *staging)
{
	char lock[80];
	if (staging->lock < 0)
		return;
	close(staging->fd);
	int r = bsn_store_discard(staging->store, staging->store->tmp, staging->name);
	if (r >= 0 && bsn_format(lock, sizeof(lock), "%s" LOCK_SUFFIX, staging->name) >= 0)
		r = bsn_sys_unlinkat(staging->store->tmp, lock, 0);
	if (r < 0)
		bsn_warn("the image store's \"tmp/%s\" could not be removed and will be by the next command: %s", staging->name,
			 strerror(-r));
	close(staging->lock);
	staging->lock = staging->fd = -1;
}

int bsn_staging_commit(const struct bsn_staging *staging, int parent, const char *name)
{
	int r = bsn_sys_fsync(staging->fd);
	if (r >= 0)
		r = bsn_sys_renameat2(staging->store->tmp, staging->name, parent, name, RENAME_NOREPLACE);
	return r < 0 ? r : bsn_sys_fsync(parent);
}

/* One name in tmp/: removed when the process that holds its lock is gone. */
static int clear_staging(int tmp, const char *name, void *data)
{
	const struct bsn_store *store = data;
	char base[NAME_MAX + 1];
	char lock[NAME_MAX + 1];
	auto_fd int fd = -1;
	bool is_lock = bsn_ends_with(name, LOCK_SUFFIX);
	snprintf(base, sizeof(base), "%.*s", (int)(strlen(name) - (is_lock ? strlen(LOCK_SUFFIX) : 0)), name);
	if (bsn_format(lock, sizeof(lock), "%s" LOCK_SUFFIX, base) < 0 ||
	    bsn_lock_take(tmp, lock, BSN_LOCK_EXCLUSIVE, 0, &fd) < 0)
		return 0;
	int r = bsn_store_discard(store, tmp, base);
	if (r >= 0)
		bsn_sys_unlinkat(tmp, lock, 0);
	else
		bsn_warn("the image store's \"tmp/%s\" could not be removed: %s", base, strerror(-r));
	return 0;
}

static int clear_trash(int trash, const char *name, void *data)
{
	(void)data;
	int r = bsn_remove_tree(trash, name);
	if (r < 0)
		bsn_warn("the image store's \"trash/%s\" could not be removed: %s", name, strerror(-r));
	return 0;
}

static int check_version(const struct bsn_store *store, struct basin_error *err)
{
	auto_free char *text = NULL;
	int r = bsn_read_file(store->fd, "version", 64, &text, NULL);
	if (r == -ENOENT)
		r = bsn_replace_file(store->fd, "version", VERSION, strlen(VERSION), 0600, true);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read the image store's version");
	if (text != NULL && !bsn_streq(text, VERSION))
		return bsn_fail(err, BASIN_UNSUPPORTED, ENOTSUP,
				"the image store has version %.*s, this basin knows version 1: use the newer basin",
				(int)strcspn(text, "\n"), text);
	return 0;
}

static int open_directories(struct bsn_store *store, int data_fd, struct basin_error *err)
{
	struct {
		const char *name;
		int *fd;
	} const parts[] = { { "layers", &store->layers }, { "images", &store->images }, { "names", &store->names },
			    { "tmp", &store->tmp },       { "trash", &store->trash },   { "locks", &store->locks } };
	int r = store->fd = bsn_open_dirs(data_fd, "store", 0700);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && r >= 0; i++)
		r = *parts[i].fd = bsn_open_dirs(store->fd, parts[i].name, 0700);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot open the image store") : 0;
}

int bsn_store_open(int data_fd, struct bsn_store **ret_store, struct basin_error *err)
{
	auto_of(bsn_store_close) struct bsn_store *store = malloc(sizeof(*store));
	auto_fd int trash_lock = -1;
	if (store == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot open the image store");
	*store = (struct bsn_store){ -1, -1, -1, -1, -1, -1, -1 };
	int r = open_directories(store, data_fd, err);
	if (r >= 0)
		r = check_version(store, err);
	if (r < 0)
		return r;
	bsn_each_entry(store->tmp, clear_staging, store);
	/* Two that empty the trash at once would only trip over each other. */
	if (bsn_store_lock(store, "trash", NULL, BSN_LOCK_EXCLUSIVE, 0, &trash_lock) >= 0)
		bsn_each_entry(store->trash, clear_trash, NULL);
	*ret_store = bsn_give(&store);
	return 0;
}

void bsn_store_close(struct bsn_store *store)
{
	if (store == NULL)
		return;
	const int fds[] = { store->fd, store->layers, store->images, store->names, store->tmp, store->trash, store->locks };
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(store);
}

int bsn_store_fd(const struct bsn_store *store)
{
	return store->fd;
}
