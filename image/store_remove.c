/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a name, and with its last name the image; and listing names, which the same question needs. */
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/store_parts.h"

struct name_search {
	const struct bsn_store *store;
	const char *digest;
	json_t *names;
};

static int match_name(int dirfd, const char *file, void *data)
{
	const struct name_search *search = data;
	char digest[BSN_DIGEST_ROOM];
	char ref[BSN_REF_ROOM];
	(void)dirfd;
	if (file[0] == '.')
		return 0;
	/* A damaged name stands for nothing; one that cannot be read may stand for this image, which must then stay. */
	int r = bsn_store_read_name(search->store, file, digest, NULL);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (r <= 0 || !bsn_streq(digest, search->digest))
		return 0;
	if (bsn_format(ref, sizeof(ref), "%s", file) < 0)
		return 0;
	bsn_ref_from_file(ref);
	return json_array_append_new(search->names, json_string(ref)) < 0 ? -ENOMEM : 0;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

int bsn_store_names_of(const struct bsn_store *store, const char *digest, json_t **ret_names, struct basin_error *err)
{
	auto_json json_t *found = json_array();
	struct name_search search = { store, digest, found };
	int r = found == NULL ? -ENOMEM : bsn_each_entry(store->names, match_name, &search);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot list the names of images");
	size_t count = json_array_size(found);
	json_t **items = calloc(count + 1, sizeof(*items));
	json_t *sorted = json_array();
	for (size_t i = 0; items != NULL && i < count; i++)
		items[i] = json_array_get(found, i);
	if (items != NULL && count > 1)
		qsort(items, count, sizeof(*items), compare_strings);
	for (size_t i = 0; items != NULL && i < count; i++)
		json_array_append(sorted, items[i]);
	free(items);
	if (sorted == NULL || json_array_size(sorted) != count) {
		json_decref(sorted);
		return bsn_fail_sys(err, ENOMEM, "cannot list the names of images");
	}
	*ret_names = sorted;
	return 0;
}

static int unlink_name(const struct bsn_store *store, const char *ref, struct basin_error *err)
{
	char file[BSN_REF_ROOM];
	bsn_format(file, sizeof(file), "%s", ref);
	bsn_ref_to_file(file);
	int r = bsn_sys_unlinkat(store->names, file, 0);
	if (r >= 0 || r == -ENOENT)
		r = bsn_sys_fsync(store->names);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot remove the name \"%s\"", ref) : 0;
}

/* Refuses while somebody has the image. */
static int check_users(const char *ref, const char *digest, bsn_image_users_fn *users, void *data, struct basin_error *err)
{
	char **list = NULL;
	auto_str struct bsn_str text = { 0 };
	int r = users != NULL ? users(data, digest, &list, err) : 0;
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		bsn_str_addf(&text, "%s%s", i > 0 ? ", " : "", list[i]);
		free(list[i]);
	}
	free(list);
	if (r >= 0 && text.length > 0)
		return bsn_fail(err, BASIN_BUSY, EBUSY, "image \"%.200s\" is in use by %.300s: remove that first", ref,
				text.data);
	return r;
}

static int unlink_all(const struct bsn_store *store, const char *digest, const json_t *names, struct basin_error *err)
{
	char file[BSN_DIGEST_ROOM + 8];
	size_t i;
	const json_t *name;
	int r = 0;
	json_array_foreach (names, i, name) {
		if (r >= 0)
			r = unlink_name(store, json_string_value(name), err);
	}
	if (r < 0)
		return r;
	bsn_format(file, sizeof(file), "%s.json", bsn_digest_hex(digest));
	r = bsn_sys_unlinkat(store->images, file, 0);
	if (r >= 0 || r == -ENOENT)
		r = bsn_sys_fsync(store->images);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot remove the image \"%s\"", digest);
	/* Its lock goes with it; who waits for it sees that the file is gone and begins anew. */
	bsn_format(file, sizeof(file), "image-%s", bsn_digest_hex(digest));
	bsn_sys_unlinkat(store->locks, file, 0);
	return 0;
}

static int remove_locked(struct bsn_store *store, const char *ref, bsn_image_users_fn *users, void *data, struct basin_error *err)
{
	char digest[BSN_DIGEST_ROOM];
	char full[BSN_REF_ROOM];
	auto_json json_t *names = NULL;
	auto_fd int lock = -1;
	int r = bsn_store_find_image(store, ref, digest, full, err);
	if (r >= 0)
		r = bsn_store_names_of(store, digest, &names, err);
	if (r < 0)
		return r;
	if (full[0] != '\0' && json_array_size(names) > 1)
		return unlink_name(store, full, err);
	r = bsn_store_lock(store, "image", bsn_digest_hex(digest), BSN_LOCK_EXCLUSIVE, 0, &lock);
	if (r == -EAGAIN)
		return bsn_fail(err, BASIN_BUSY, EBUSY,
				"image \"%.200s\" is in use by another command: try again when it is done", ref);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot lock the image \"%.200s\"", ref);
	r = check_users(ref, digest, users, data, err);
	return r < 0 ? r : unlink_all(store, digest, names, err);
}

int bsn_image_remove(struct bsn_store *store, const char *ref, bsn_image_users_fn *users, void *data, struct basin_error *err)
{
	auto_fd int lock = -1;
	int r = bsn_store_lock(store, "names", NULL, BSN_LOCK_EXCLUSIVE, -1, &lock);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot lock the image store");
	r = remove_locked(store, ref, users, data, err);
	return r < 0 ? r : bsn_store_sweep(store, false, NULL, NULL, err);
}
