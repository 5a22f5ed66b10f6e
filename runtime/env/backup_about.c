/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/backup_about.h"

#include <sys/utsname.h>

#include "base/name.h"
#include "pool/pool.h"

/* Of a definition, what another host can use. Everything else is made anew there. */
static const char *const portable[] = { "version", "image",   "process",     "networks", "hostname",
					"labels",  "restart", "stop_signal", "autostart" };

static int no_memory(struct basin_error *err)
{
	return bsn_fail_sys(err, ENOMEM, "cannot describe the backup");
}

/* --- writing --- */

static json_t *environment_json(const struct bsn_env *env)
{
	json_t *json = json_pack("{ss ss ss}", "name", env->name, "pool", env->pool, "userns", env->own_ids ? "private" : "host");
	for (size_t i = 0; json != NULL && i < sizeof(portable) / sizeof(portable[0]); i++) {
		json_t *value = json_object_get(env->json, portable[i]);
		if (value != NULL)
			json_object_set(json, portable[i], value);
	}
	if (json != NULL)
		json_object_set(json, "resources", json_object_get(env->json, "resources"));
	return json;
}

static void put_amounts(json_t *object, const char *key, const struct basin_amounts *amounts)
{
	json_t *json = json_object();
	for (int i = 0; i < BASIN_RESOURCES; i++)
		if (amounts->of[i] != BASIN_UNSET)
			json_object_set_new(json, bsn_resource_name((enum basin_resource)i), json_integer(amounts->of[i]));
	json_object_set_new(object, key, json);
}

/* The pool and those above it, the uppermost first, as they were given: enough to make them again. */
static int pools_json(struct basin *basin, const char *name, json_t **ret_pools, struct basin_error *err)
{
	auto_json json_t *pools = json_array();
	struct bsn_ledger *ledger;
	char at[BSN_POOL_NAME_MAX];
	char above[BSN_POOL_NAME_MAX];

	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = bsn_format(at, sizeof(at), "%s", name);
	while (r >= 0 && !bsn_streq(at, "/")) {
		struct bsn_pool pool;
		r = bsn_pool_get(ledger, at, &pool, err);
		if (r < 0)
			return r;
		json_t *json = json_pack("{ss ss}", "name", pool.name, "enforce",
					 pool.enforce == BSN_ENFORCE_AVAILABLE ? "available" : "required");
		put_amounts(json, "capacity", &pool.capacity);
		put_amounts(json, "guarantee", &pool.guarantee);
		put_amounts(json, "overcommit", &pool.overcommit);
		put_amounts(json, "defaults", &pool.defaults);
		json_array_insert_new(pools, 0, json);
		bsn_pool_parent(at, above);
		r = bsn_format(at, sizeof(at), "%s", above);
	}
	*ret_pools = bsn_give(&pools);
	return r;
}

int bsn_backup_describe(struct basin *basin, const struct bsn_backup_facts *facts, json_t **ret_about, struct basin_error *err)
{
	auto_json json_t *pools = NULL;
	struct utsname host;

	int r = pools_json(basin, facts->env->pool, &pools, err);
	if (r < 0)
		return r;
	(void)uname(&host);
	auto_json json_t *about = json_pack(
		"{ss sI sb ss ss+ so sO s{ss ss ss ss} s{sI sI}}", "consistency", facts->running ? "frozen" : "stopped",
		"frozen_ms", (json_int_t)facts->frozen_ms, "running", facts->running, "kernel", host.release, "tool", "basin ",
		basin_version(), "environment", environment_json(facts->env), "pools", pools, "image", "ref", facts->env->image,
		"digest", facts->env->digest, "manifest", facts->image->manifest, "config", facts->image->config, "skipped",
		"sockets", (json_int_t)facts->own->sockets_skipped, "xattrs", (json_int_t)facts->own->xattrs_skipped);
	if (about == NULL)
		return no_memory(err);
	*ret_about = bsn_give(&about);
	return 0;
}

/* --- reading: of an archive that may be hostile --- */

static int read_amounts(json_t *resources, const char *key, struct basin_amounts *ret, struct basin_error *err)
{
	json_t *object = NULL;
	*ret = (struct basin_amounts)BASIN_AMOUNTS_UNSET;
	int r = bsn_json_get_object(resources, "resources", key, &object, err);
	for (int i = 0; r > 0 && i < BASIN_RESOURCES; i++) {
		int got = bsn_json_get_int(object, "resources", bsn_resource_name((enum basin_resource)i), 0, INT64_MAX,
					   &ret->of[i], err);
		if (got < 0)
			return got;
	}
	return r;
}

static int read_resources(json_t *environment, struct bsn_backup_wanted *wanted, struct basin_error *err)
{
	json_t *resources = NULL;
	wanted->cpu_weight = BASIN_UNSET;
	int r = bsn_json_get_object(environment, "environment", "resources", &resources, err);
	if (r >= 0)
		r = read_amounts(resources, "request", &wanted->request, err);
	if (r >= 0)
		r = read_amounts(resources, "limit", &wanted->limit, err);
	if (r >= 0)
		r = bsn_json_get_int(resources, "resources", "cpu_weight", 1, 10000, &wanted->cpu_weight, err);
	return r;
}

static int read_image(json_t *about, struct bsn_backup_wanted *wanted, struct basin_error *err)
{
	json_t *image = NULL;
	int r = bsn_json_get_object(about, "", "image", &image, err);
	if (r > 0)
		r = bsn_json_get_string(image, "image", "manifest", &wanted->image_manifest, err);
	if (r >= 0 && image != NULL)
		r = bsn_json_get_string(image, "image", "config", &wanted->image_config, err);
	return r;
}

static json_t *list_of(const char *const *list)
{
	json_t *array = json_array();
	for (; *list != NULL; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

static bool is_host_name(const char *text)
{
	size_t length = strlen(text);
	return length > 0 && length <= 64 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == length;
}

/* The definition: what is portable, under the new name, and on the networks that were asked for. */
static int make_definition(const struct bsn_backup *backup, json_t *environment, const struct basin_restore_options *options,
			   json_t **ret_definition, struct basin_error *err)
{
	const char *name = options->name != NULL ? options->name : backup->name;
	auto_json json_t *json = json_pack("{ss}", "name", name);
	const char *hostname = json_string_value(json_object_get(environment, "hostname"));

	if (json == NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "the name is not UTF-8");
	for (size_t i = 0; i < sizeof(portable) / sizeof(portable[0]); i++) {
		json_t *value = json_object_get(environment, portable[i]);
		if (value != NULL)
			json_object_set_new(json, portable[i], json_deep_copy(value));
	}
	/* Its host name was its name, unless somebody chose another; it goes into a file of names, and must be one. */
	if (hostname != NULL && (bsn_streq(hostname, backup->name) || !is_host_name(hostname)))
		json_object_set_new(json, "hostname", json_string(name));
	if (options->networks != NULL)
		json_object_set_new(json, "networks", list_of(options->networks));
	if (!json_is_object(json_object_get(json, "image")))
		json_object_set_new(json, "image", json_pack("{ss}", "name", ""));
	*ret_definition = bsn_give(&json);
	return bsn_name_check("environment", name, err);
}

int bsn_backup_read_wanted(const struct bsn_backup *backup, const struct basin_restore_options *options,
			   struct bsn_backup_wanted *ret_wanted, struct basin_error *err)
{
	struct bsn_backup_wanted wanted = { 0 };
	json_t *environment = NULL;
	const char *userns = "private";

	int r = bsn_json_get_object(backup->about, "", "environment", &environment, err);
	if (r == 0)
		r = bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the backup does not say what its environment was");
	if (r >= 0)
		r = bsn_json_get_string(environment, "environment", "pool", &wanted.pool, err);
	if (r > 0)
		r = bsn_name_check_pool(wanted.pool, err);
	if (r >= 0)
		r = bsn_json_get_string(environment, "environment", "userns", &userns, err);
	if (r >= 0)
		r = bsn_json_get_bool(backup->about, "", "running", &wanted.running, err);
	if (r >= 0)
		r = read_resources(environment, &wanted, err);
	if (r >= 0)
		r = read_image(backup->about, &wanted, err);
	if (r >= 0)
		r = make_definition(backup, environment, options, &wanted.definition, err);
	if (r < 0) {
		json_decref(wanted.definition);
		return r;
	}
	wanted.host_ids = bsn_streq(userns, "host");
	*ret_wanted = wanted;
	return 0;
}

static void add_amounts(const json_t *pool, const char *key, struct bsn_str *text)
{
	const json_t *amounts = json_object_get(pool, key);
	for (int i = 0; i < BASIN_RESOURCES; i++) {
		const char *name = bsn_resource_name((enum basin_resource)i);
		const json_t *amount = json_object_get(amounts, name);
		char buffer[32];
		if (json_is_integer(amount))
			bsn_str_addf(
				text, " --%s %s", name,
				bsn_resource_format((enum basin_resource)i, json_integer_value(amount), buffer, sizeof(buffer)));
	}
}

int bsn_backup_check_pool(struct basin *basin, const struct bsn_backup *backup, const char *pool, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	struct bsn_pool found;
	auto_str struct bsn_str how = { 0 };
	size_t i;
	json_t *one;

	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = bsn_pool_get(ledger, pool, &found, err);
	if (r != -ENOENT || bsn_streq(pool, BSN_POOL_DEFAULT))
		return r == -ENOENT ? 0 : r;
	json_array_foreach (json_object_get(backup->about, "pools"), i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));
		if (name == NULL || bsn_name_check_pool(name, NULL) < 0 || bsn_pool_get(ledger, name, &found, NULL) >= 0)
			continue;
		bsn_str_addf(&how, "%sbasin pool create %s", how.length > 0 ? " && " : "", name);
		add_amounts(one, "capacity", &how);
	}
	return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "pool \"%s\" does not exist: give --pool, or make it%s%.400s", pool,
			how.length > 0 ? " as it was: " : "", bsn_str_text(&how));
}
