/* SPDX-License-Identifier: Apache-2.0 */
#include "image/check.h"

#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/store_parts.h"

#define MTREE_MAX  ((size_t)2 << 30)
#define PATHS_TOLD 20

struct check {
	struct bsn_store *store;
	const struct bsn_check_options *options;
	json_t *problems;
	json_t *layers;
	json_t *done; /* hex digits of layers already checked, as keys */
	uint64_t images;
	uint64_t entries;
	uint64_t damaged;
	struct basin_error first; /* what was found first */
	struct basin_error *err;
};

static int no_memory(struct basin_error *err)
{
	return bsn_fail_sys(err, ENOMEM, "cannot check the store");
}

#define tell_first(check, ...)                                                                                                   \
	do {                                                                                                                     \
		if ((check)->damaged++ == 0)                                                                                     \
			bsn_fail(&(check)->first, BASIN_DAMAGED, EBADMSG, __VA_ARGS__);                                          \
	} while (0)

static int __attribute__((format(printf, 2, 3))) add_problem(struct check *check, const char *format, ...)
{
	auto_str struct bsn_str text = { 0 };
	va_list arguments;
	va_start(arguments, format);
	bsn_str_vaddf(&text, format, arguments);
	va_end(arguments);
	tell_first(check, "%s", bsn_str_text(&text));
	return json_array_append_new(check->problems, json_string(bsn_str_text(&text))) < 0 ? no_memory(check->err) : 0;
}

/* The layer's manifest, after proving that it is the one meta.json speaks of. */
static int read_mtree(int layer, char **ret_text, struct basin_error *err)
{
	auto_json json_t *meta = NULL;
	auto_free char *text = NULL;
	size_t length;
	const char *wanted = "";
	char digest[BSN_DIGEST_ROOM];
	int r = bsn_json_read(layer, "meta.json", &meta, err);
	if (r >= 0)
		r = bsn_json_get_string(meta, "meta.json", "mtree", &wanted, err);
	if (r < 0)
		return r;
	r = bsn_read_file(layer, "files.mtree", MTREE_MAX, &text, &length);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read files.mtree");
	r = bsn_digest_of(text, length, digest, err);
	if (r >= 0 && (!bsn_streq(digest, wanted) || strlen(text) != length))
		r = bsn_fail(err, BASIN_DAMAGED, EBADMSG, "files.mtree does not match its digest");
	if (r >= 0)
		*ret_text = bsn_give(&text);
	return r;
}

static int compare_tree(const struct check *check, int layer, json_t *damaged, uint64_t *ret_count, uint64_t *ret_entries,
			struct basin_error *err)
{
	auto_free char *mtree = NULL;
	int r = read_mtree(layer, &mtree, err);
	if (r < 0)
		return r;
	auto_fd int diff = bsn_sys_openat(layer, "diff", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (diff < 0)
		return bsn_fail_sys(err, -diff, "cannot open the tree");
	return bsn_mtree_compare(diff, mtree, check->options->quick, PATHS_TOLD, damaged, ret_count, ret_entries, err);
}

static int check_layer(struct check *check, const char *diff_id)
{
	auto_json json_t *damaged = json_array();
	uint64_t count = 0;
	uint64_t entries = 0;
	struct basin_error why = { 0 };
	const char *hex = bsn_digest_hex(diff_id);
	if (json_object_get(check->done, hex) != NULL)
		return 0;
	if (damaged == NULL || json_object_set_new(check->done, hex, json_true()) < 0)
		return no_memory(check->err);
	bsn_debug("checking layer %.19s", diff_id);
	auto_fd int layer = bsn_sys_openat(check->store->layers, hex, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (layer < 0)
		return add_problem(check, "layer %s is missing: import the image again", diff_id);
	int r = compare_tree(check, layer, damaged, &count, &entries, &why);
	if (r < 0 && add_problem(check, "layer %s: %s", diff_id, why.text) < 0)
		return -ENOMEM;
	check->entries += entries;
	if (count > 0) {
		const json_t *first = json_array_get(damaged, 0);
		char more[40] = "";
		if (count > 1)
			bsn_format(more, sizeof(more), ", and %llu more", (unsigned long long)count - 1);
		tell_first(check, "layer %.19s: \"%.300s\": %.200s%s", diff_id, json_string_value(json_object_get(first, "path")),
			   json_string_value(json_object_get(first, "problem")), more);
		check->damaged += count - 1;
	}
	json_t *item = json_pack("{ss, sI, sb, sI, sO}", "diff_id", diff_id, "entries", (json_int_t)entries, "ok",
				 r >= 0 && count == 0, "damaged_count", (json_int_t)count, "damaged", damaged);
	return json_array_append_new(check->layers, item) < 0 ? no_memory(check->err) : 0;
}

/* The documents of an image against their digests. */
static int check_documents(struct check *check, const char *hex, const json_t *record)
{
	static const char *const pairs[][2] = { { "manifest", "digest" }, { "config", "config_digest" } };
	int r = 0;
	for (size_t i = 0; i < 2 && r >= 0; i++) {
		const char *text = json_string_value(json_object_get(record, pairs[i][0]));
		const char *wanted = json_string_value(json_object_get(record, pairs[i][1]));
		char digest[BSN_DIGEST_ROOM] = "";
		if (text != NULL)
			r = bsn_digest_of(text, strlen(text), digest, check->err);
		if (r >= 0 && (wanted == NULL || !bsn_streq(digest, wanted)))
			r = add_problem(check, "image sha256:%.12s: its %s does not match its digest", hex, pairs[i][0]);
	}
	const char *digest = json_string_value(json_object_get(record, "digest"));
	if (r >= 0 && !bsn_streq(bsn_digest_hex(digest), hex))
		r = add_problem(check, "image sha256:%.12s: its record is another image's", hex);
	return r;
}

static int check_image(void *data, const char *hex)
{
	struct check *check = data;
	auto_json json_t *record = NULL;
	struct basin_error why = { 0 };
	size_t i;
	const json_t *layer;
	check->images++;
	if (bsn_store_read_image(check->store, hex, &record, &why) < 0)
		return add_problem(check, "%s", why.text);
	int r = check_documents(check, hex, record);
	json_array_foreach (json_object_get(record, "layers"), i, layer) {
		if (r >= 0)
			r = check_layer(check, json_string_value(layer));
	}
	return r;
}

static int check_name(int dirfd, const char *file, void *data)
{
	struct check *check = data;
	char digest[BSN_DIGEST_ROOM];
	auto_json json_t *record = NULL;
	struct basin_error why = { 0 };
	(void)dirfd;
	if (file[0] == '.')
		return 0;
	int r = bsn_store_read_name(check->store, file, digest, &why);
	if (r >= 0)
		r = bsn_store_read_image(check->store, bsn_digest_hex(digest), &record, &why);
	return r < 0 ? add_problem(check, "name \"%s\": %s", file, why.text) : 0;
}

/* A layer that no image has is no damage, but its data is checked too: an import may be about to use it. */
static int check_unused(int dirfd, const char *name, void *data)
{
	char digest[BSN_DIGEST_ROOM];
	(void)dirfd;
	if (bsn_format(digest, sizeof(digest), "sha256:%s", name) < 0 || bsn_digest_check(digest, NULL) < 0)
		return add_problem(data, "\"layers/%s\" is not a layer", name);
	return check_layer(data, digest);
}

static int run(struct check *check)
{
	char digest[BSN_DIGEST_ROOM];
	char full[BSN_REF_ROOM];
	if (check->options->ref != NULL) {
		int r = bsn_store_find_image(check->store, check->options->ref, digest, full, check->err);
		return r < 0 ? r : check_image(check, bsn_digest_hex(digest));
	}
	int r = bsn_store_each_image(check->store, check_image, check, check->err);
	if (r >= 0)
		r = bsn_each_entry(check->store->layers, check_unused, check);
	if (r >= 0)
		r = bsn_each_entry(check->store->names, check_name, check);
	return r;
}

int bsn_store_check(struct bsn_store *store, const struct bsn_check_options *options, json_t **ret_json,
		    struct basin_error *ret_damage, struct basin_error *err)
{
	auto_json json_t *problems = json_array();
	auto_json json_t *layers = json_array();
	auto_json json_t *done = json_object();
	auto_fd int lease = -1;
	struct check check = {
		.store = store, .options = options, .problems = problems, .layers = layers, .done = done, .err = err
	};
	if (problems == NULL || layers == NULL || done == NULL)
		return no_memory(err);
	/* Nothing that is being looked at is swept meanwhile. */
	int r = bsn_store_hold(store, &lease, err);
	if (r >= 0)
		r = run(&check);
	if (r < 0)
		return r;
	json_t *json = json_pack("{sb, ss, sI, sI, sI, sI, sO, sO}", "ok", check.damaged == 0, "result",
				 check.damaged == 0 ? "sound" : "damaged", "images", (json_int_t)check.images, "layer_count",
				 (json_int_t)json_array_size(layers), "entries", (json_int_t)check.entries, "damaged_count",
				 (json_int_t)check.damaged, "layers", layers, "problems", problems);
	if (json == NULL)
		return no_memory(err);
	if (ret_damage != NULL)
		*ret_damage = check.first;
	*ret_json = json;
	return 0;
}
