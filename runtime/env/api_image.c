/* SPDX-License-Identifier: Apache-2.0 */
/* basin_image_...: the store's functions as an embedding program calls them. Who has an image is known to the ledger, so it is asked here. */
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "image/check.h"
#include "image/import.h"
#include "image/store.h"
#include "pool/object.h"
#include "runtime/env/context.h"
#include "runtime/env/definition.h"

#define WHOLE(options, field) ((options)->size >= offsetof(__typeof__(*(options)), field) + sizeof((options)->field))

/* Gives the document as text and lets go of it. */
static int give_text(json_t *json, char **ret_json, struct basin_error *err)
{
	int r = bsn_json_format(json, true, ret_json, err);
	json_decref(json);
	return r;
}

int basin_image_import(struct basin *basin, const struct basin_image_import_options *options, char **ret_json,
		       struct basin_error *err)
{
	struct bsn_store *store;
	json_t *json;
	if (!WHOLE(options, allow_devices))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "basin_image_import: the options' size is not set");
	const struct bsn_import_options import = { .fd = options->fd,
						   .name = options->name != NULL ? options->name : "archive",
						   .ref = options->ref,
						   .os = options->os,
						   .architecture = options->architecture,
						   .devices = options->allow_devices ? BSN_DEVICES_CREATE : BSN_DEVICES_SKIP };
	int r = bsn_basin_store(basin, &store, err);
	if (r >= 0)
		r = bsn_image_import(store, &import, &json, err);
	return r < 0 ? r : give_text(json, ret_json, err);
}

int basin_image_list(struct basin *basin, char **ret_json, struct basin_error *err)
{
	struct bsn_store *store;
	json_t *json;
	int r = bsn_basin_store(basin, &store, err);
	if (r >= 0)
		r = bsn_image_list(store, &json, err);
	return r < 0 ? r : give_text(json, ret_json, err);
}

int basin_image_show(struct basin *basin, const char *ref, char **ret_json, struct basin_error *err)
{
	struct bsn_store *store;
	json_t *json;
	int r = bsn_basin_store(basin, &store, err);
	if (r >= 0)
		r = bsn_image_show(store, ref, &json, err);
	return r < 0 ? r : give_text(json, ret_json, err);
}

struct search {
	const char *digest;
	char **users;
	size_t count;
};

/* An environment's definition names its image by digest. */
static int match_env(const struct bsn_object *object, void *data)
{
	struct search *search = data;
	auto_json json_t *definition = NULL;
	struct basin_error ignored;
	if (bsn_json_parse(object->json, strlen(object->json), object->name, &definition, &ignored) < 0)
		return 0;
	const char *digest = json_string_value(json_object_get(json_object_get(definition, "image"), "digest"));
	if (digest == NULL || !bsn_streq(digest, search->digest))
		return 0;
	char **more = realloc(search->users, (search->count + 2) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	search->users = more;
	auto_str struct bsn_str text = { 0 };
	bsn_str_addf(&text, "environment \"%s\"", object->name);
	more[search->count] = bsn_str_give(&text);
	more[search->count + 1] = NULL;
	return more[search->count++] == NULL ? -ENOMEM : 0;
}

static int find_users(void *data, const char *digest, char ***ret_users, struct basin_error *err)
{
	struct basin *basin = data;
	struct bsn_ledger *ledger;
	struct search search = { .digest = digest };
	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = bsn_object_each(ledger, BSN_ENV_KIND, match_env, &search, err);
	*ret_users = search.users;
	return r < 0 ? r : 0;
}

int basin_image_remove(struct basin *basin, const char *ref, struct basin_error *err)
{
	struct bsn_store *store;
	int r = bsn_basin_store(basin, &store, err);
	return r < 0 ? r : bsn_image_remove(store, ref, find_users, basin, err);
}

int basin_image_check(struct basin *basin, const char *ref, int quick, char **ret_json, struct basin_error *ret_damage,
		      struct basin_error *err)
{
	const struct bsn_check_options options = { .ref = ref, .quick = quick != 0 };
	struct bsn_store *store;
	json_t *json;
	int r = bsn_basin_store(basin, &store, err);
	if (r >= 0)
		r = bsn_store_check(store, &options, &json, ret_damage, err);
	return r < 0 ? r : give_text(json, ret_json, err);
}
