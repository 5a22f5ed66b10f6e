/* SPDX-License-Identifier: Apache-2.0 */
/* Image records and names: written after the layers they speak of, removed before them. */
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/manifest.h"
#include "image/store_parts.h"

#define NAME_FILE_MAX 256

static int record_name(const char *hex, char ret_name[BSN_DIGEST_ROOM + 8])
{
	return bsn_format(ret_name, BSN_DIGEST_ROOM + 8, "%s.json", hex);
}

static int check_digests(const json_t *record, struct basin_error *err)
{
	const char *digest = json_string_value(json_object_get(record, "digest"));
	const json_t *layers = json_object_get(record, "layers");
	size_t i;
	const json_t *layer;
	int r = bsn_digest_check(digest != NULL ? digest : "", err);
	if (r >= 0 && json_array_size(layers) == 0)
		r = bsn_fail(err, BASIN_DAMAGED, EBADMSG, "it names no layers");
	json_array_foreach (layers, i, layer) {
		if (r >= 0)
			r = bsn_digest_check(json_is_string(layer) ? json_string_value(layer) : "", err);
	}
	return r;
}

int bsn_store_read_image(const struct bsn_store *store, const char *hex, json_t **ret_record, struct basin_error *err)
{
	char name[BSN_DIGEST_ROOM + 8];
	auto_json json_t *record = NULL;
	struct basin_error why;
	int r = record_name(hex, name);
	if (r >= 0)
		r = bsn_json_read(store->images, name, &record, &why);
	if (r == -ENOENT)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "there is no image \"sha256:%.12s\"", hex);
	if (r >= 0)
		r = check_digests(record, &why);
	if (r < 0)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the record of image \"sha256:%.12s\" is damaged: %.300s", hex,
				why.text);
	*ret_record = bsn_give(&record);
	return 0;
}

int bsn_store_read_name(const struct bsn_store *store, const char *file, char ret_digest[BSN_DIGEST_ROOM],
			struct basin_error *err)
{
	auto_free char *text = NULL;
	int r = bsn_read_file(store->names, file, NAME_FILE_MAX, &text, NULL);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read the name \"%s\"", file);
	text[strcspn(text, "\n")] = '\0';
	if (bsn_digest_check(text, NULL) < 0)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG,
				"the store's \"names/%s\" is damaged: remove the name or import the image again", file);
	memcpy(ret_digest, text, BSN_DIGEST_ROOM - 1);
	ret_digest[BSN_DIGEST_ROOM - 1] = '\0';
	return 1;
}

struct each {
	int (*fn)(void *data, const char *hex);
	void *data;
	bool called_failed; /* the error is fn's, which has said it */
};

static int show_record(int dirfd, const char *name, void *data)
{
	struct each *each = data;
	char digest[BSN_DIGEST_ROOM];
	(void)dirfd;
	/* What else lies there is a temporary of a writer. */
	if (!bsn_ends_with(name, ".json") || bsn_format(digest, sizeof(digest), "sha256:%.*s", (int)strlen(name) - 5, name) < 0 ||
	    bsn_digest_check(digest, NULL) < 0)
		return 0;
	int r = each->fn(each->data, bsn_digest_hex(digest));
	each->called_failed = r < 0;
	return r;
}

int bsn_store_each_image(const struct bsn_store *store, int (*fn)(void *data, const char *hex), void *data,
			 struct basin_error *err)
{
	struct each each = { fn, data, false };
	int r = bsn_each_entry(store->images, show_record, &each);
	return r < 0 && !each.called_failed ? bsn_fail_sys(err, -r, "cannot list the images") : r;
}

/* --- adding --- */

static int check_layers(struct bsn_store *store, const struct bsn_manifest *documents, struct basin_error *err)
{
	size_t i;
	const json_t *layer;
	json_array_foreach (documents->diff_ids, i, layer) {
		const char *diff_id = json_string_value(layer);
		int r = bsn_store_find_layer(store, diff_id, NULL, err);
		if (r < 0)
			return r;
		if (r == 0)
			return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "the image's layer \"%s\" is not in the store", diff_id);
	}
	return 0;
}

static int write_record(struct bsn_store *store, const struct bsn_manifest *documents, const char *manifest, const char *config,
			struct basin_error *err)
{
	char name[BSN_DIGEST_ROOM + 8];
	int r = record_name(bsn_digest_hex(documents->digest), name);
	/* The same digest is the same image: the first record, with its date, stays. */
	if (r >= 0 && faccessat(store->images, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	auto_json json_t *record = json_pack("{ss, ss, ss, ss, sO, sI}", "digest", documents->digest, "config_digest",
					     documents->config_digest, "manifest", manifest, "config", config, "layers",
					     documents->diff_ids, "imported", (json_int_t)time(NULL));
	if (r < 0 || record == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot describe the image");
	return bsn_json_write(store->images, name, record, true, err);
}

static int write_name(struct bsn_store *store, const char *ref, const char *digest, struct basin_error *err)
{
	char file[BSN_REF_ROOM];
	char text[BSN_DIGEST_ROOM + 1];
	bsn_format(file, sizeof(file), "%s", ref);
	bsn_ref_to_file(file);
	bsn_format(text, sizeof(text), "%s\n", digest);
	int r = bsn_replace_file(store->names, file, text, strlen(text), 0600, true);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write the name \"%s\"", ref) : 0;
}

static int add_documents(struct bsn_store *store, const struct bsn_manifest *documents, const char *manifest, const char *config,
			 const char *ref, struct basin_error *err)
{
	char full[BSN_REF_ROOM] = "";
	auto_fd int lock = -1;
	int r = ref != NULL ? bsn_ref_normalise(ref, full, err) : 0;
	if (r >= 0)
		r = check_layers(store, documents, err);
	if (r < 0)
		return r;
	r = bsn_store_lock(store, "names", NULL, BSN_LOCK_EXCLUSIVE, -1, &lock);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot lock the image store");
	r = write_record(store, documents, manifest, config, err);
	return r >= 0 && ref != NULL ? write_name(store, full, documents->digest, err) : r;
}

int bsn_store_add_image(struct bsn_store *store, const char *manifest, const char *config, const char *ref,
			char ret_digest[BSN_DIGEST_ROOM], struct basin_error *err)
{
	struct bsn_manifest documents = { 0 };
	int r = bsn_manifest_parse(manifest, config, &documents, err);
	if (r >= 0)
		r = add_documents(store, &documents, manifest, config, ref, err);
	if (r >= 0)
		memcpy(ret_digest, documents.digest, BSN_DIGEST_ROOM);
	bsn_manifest_release(&documents);
	return r < 0 ? r : 0;
}

/* --- finding --- */

struct prefix_search {
	const char *prefix;
	unsigned int found;
	char digest[BSN_DIGEST_ROOM];
};

static int match_prefix(void *data, const char *hex)
{
	struct prefix_search *search = data;
	if (bsn_starts_with(hex, search->prefix)) {
		search->found++;
		bsn_format(search->digest, sizeof(search->digest), "sha256:%s", hex);
	}
	return 0;
}

static int find_by_prefix(const struct bsn_store *store, const char *prefix, char ret_digest[BSN_DIGEST_ROOM],
			  struct basin_error *err)
{
	struct prefix_search search = { .prefix = prefix };
	size_t length = strlen(prefix);
	if (length < 12 || length > BSN_DIGEST_HEX || strspn(prefix, "0123456789abcdef") < length)
		return 0;
	int r = bsn_store_each_image(store, match_prefix, &search, err);
	if (r < 0)
		return r;
	if (search.found > 1)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" is the beginning of %u images' digests: give more of it",
				prefix, search.found);
	memcpy(ret_digest, search.digest, BSN_DIGEST_ROOM);
	return search.found == 1;
}

int bsn_store_find_image(const struct bsn_store *store, const char *ref, char ret_digest[BSN_DIGEST_ROOM],
			 char ret_ref[BSN_REF_ROOM], struct basin_error *err)
{
	char file[BSN_REF_ROOM];
	int r = find_by_prefix(store, bsn_starts_with(ref, "sha256:") ? ref + 7 : ref, ret_digest, err);
	ret_ref[0] = '\0';
	if (r != 0)
		return r < 0 ? r : 0;
	if (!bsn_starts_with(ref, "sha256:")) {
		r = bsn_ref_normalise(ref, ret_ref, err);
		if (r < 0)
			return r;
		memcpy(file, ret_ref, BSN_REF_ROOM);
		bsn_ref_to_file(file);
		r = bsn_store_read_name(store, file, ret_digest, err);
	}
	if (r == 0)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT,
				"image \"%.200s\" is not in the store: see \"basin image ls\", or import it", ref);
	return r < 0 ? r : 0;
}
