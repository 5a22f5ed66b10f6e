/* SPDX-License-Identifier: Apache-2.0 */
/* `env launch` and `env start`: from what was asked for to a definition, and from a definition to a running environment. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/name.h"
#include "base/size.h"
#include "base/str.h"
#include "image/store.h"
#include "pool/host.h"
#include "runtime/env/make.h"
#include "runtime/env/monitor.h"
#include "runtime/env/network.h"
#include "runtime/env/show.h"
#include "runtime/monitor/report.h"

/* --- what was asked for, as a definition --- */

static json_t *list_of(const char *const *list)
{
	json_t *array = json_array();
	for (; list != NULL && *list != NULL; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

/* The command: the entrypoint of the image, then what was asked for or else the image's own; empty when there is nothing at all. */
static json_t *command_of(const struct basin_env_options *options, const struct bsn_image *image)
{
	json_t *args = list_of((const char *const *)image->entrypoint);
	json_t *rest =
		list_of(options->args != NULL && options->args[0] != NULL ? options->args : (const char *const *)image->cmd);
	json_array_extend(args, rest);
	json_decref(rest);
	return args;
}

/* The image's variables, then those asked for; a later one of the same name takes the earlier one's place. */
static int merge_variables(const struct basin_env_options *options, const struct bsn_image *image, json_t **ret,
			   struct basin_error *err)
{
	json_t *list = list_of((const char *const *)image->env);
	*ret = list;
	for (const char *const *one = options->env; one != NULL && *one != NULL; one++) {
		const char *equals = strchr(*one, '=');
		size_t at = 0;
		if (equals == NULL || equals == *one)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid variable \"%s\": write NAME=value", *one);
		size_t length = (size_t)(equals - *one) + 1;
		while (at < json_array_size(list) && strncmp(json_string_value(json_array_get(list, at)), *one, length) != 0)
			at++;
		if (at < json_array_size(list))
			json_array_set_new(list, at, json_string(*one));
		else
			json_array_append_new(list, json_string(*one));
	}
	return 0;
}

static int read_labels(const struct basin_env_options *options, json_t **ret, struct basin_error *err)
{
	*ret = json_object();
	for (const char *const *one = options->labels; one != NULL && *one != NULL; one++) {
		const char *equals = strchr(*one, '=');
		if (equals == NULL || equals == *one)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid label \"%s\": write key=value", *one);
		auto_free char *key = strndup(*one, (size_t)(equals - *one));
		if (key == NULL || json_object_set_new(*ret, key, json_string(equals + 1)) < 0)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid label \"%s\": it is not UTF-8", *one);
	}
	return 0;
}

/* "on-failure:3" and the like. */
static int read_restart(const char *text, json_t **ret, struct basin_error *err)
{
	int64_t max = 0;
	text = text == NULL ? "no" : text;
	size_t length = strcspn(text, ":");
	auto_free char *policy = strndup(text, length);
	bool counted = text[length] == ':';
	static const char *const words[] = { "no", "on-failure", "always", "unless-stopped" };
	bool known = false;
	for (size_t i = 0; policy != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		known = known || bsn_streq(policy, words[i]);
	if (!known ||
	    (counted && (!bsn_streq(policy, "on-failure") || bsn_parse_count(text + length + 1, &max) < 0 || max > INT32_MAX)))
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"invalid restart policy \"%s\": use no, on-failure[:n], always or unless-stopped", text);
	*ret = json_pack("{ss sI}", "policy", policy, "max", (json_int_t)max);
	return 0;
}

static int check_networks(struct basin *basin, const struct basin_env_options *options, struct basin_error *err)
{
	size_t count = 0;
	for (const char *const *one = options->networks; one != NULL && *one != NULL; one++) {
		for (const char *const *before = options->networks; before < one; before++)
			if (bsn_streq(*before, *one))
				return bsn_fail(err, BASIN_USAGE, EINVAL, "network \"%s\" is named twice", *one);
		if (++count > BSN_ENV_NETWORKS)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "an environment has at most %d networks", BSN_ENV_NETWORKS);
		int r = bsn_network_check(basin, *one, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *first(const char *a, const char *b, const char *c)
{
	return a != NULL ? a : b != NULL && b[0] != '\0' ? b : c;
}

static int define_process(const struct basin_env_options *options, const struct bsn_image *image, json_t **ret,
			  struct basin_error *err)
{
	json_t *variables = NULL;
	const char *workdir = first(options->workdir, image->working_dir, "/");
	if (workdir[0] != '/')
		return bsn_fail(err, BASIN_USAGE, EINVAL, "the working directory \"%s\" is not absolute", workdir);
	int r = merge_variables(options, image, &variables, err);
	if (r < 0) {
		json_decref(variables);
		return r;
	}
	json_t *args = command_of(options, image);
	bool init = options->init != 0 || json_array_size(args) == 0;
	*ret = json_pack("{so so ss ss sb}", "args", args, "env", variables, "user", first(options->user, image->user, "0"),
			 "workdir", workdir, "init", init);
	return *ret == NULL ? bsn_fail(err, BASIN_USAGE, EINVAL, "the command or its variables are not UTF-8") : 0;
}

static int define(const struct basin_env_options *options, const struct bsn_image *image, json_t **ret, struct basin_error *err)
{
	auto_json json_t *process = NULL;
	auto_json json_t *labels = NULL;
	auto_json json_t *restart = NULL;
	const char *stop = first(options->stop_signal, image->stop_signal, "SIGTERM");
	if (bsn_signal_parse(stop) < 0)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "unknown stop signal \"%s\"", stop);
	int r = define_process(options, image, &process, err);
	if (r >= 0)
		r = read_labels(options, &labels, err);
	if (r >= 0)
		r = read_restart(options->restart, &restart, err);
	if (r < 0)
		return r;
	*ret = json_pack("{si ss s{ss ss} sO so ss sO sO ss sb}", "version", 1, "name", options->name, "image", "name",
			 options->image, "digest", image->digest, "process", process, "networks", list_of(options->networks),
			 "hostname", first(options->hostname, NULL, options->name), "labels", labels, "restart", restart,
			 "stop_signal", stop, "autostart", options->autostart != 0);
	return *ret == NULL
		       ? bsn_fail(err, BASIN_USAGE, EINVAL, "the description of environment \"%s\" is not UTF-8", options->name)
		       : 0;
}

static int check_word(const char *option, const char *value, const char *a, const char *b, bool *ret_is_a,
		      struct basin_error *err)
{
	*ret_is_a = value != NULL && bsn_streq(value, a);
	if (value == NULL || *ret_is_a || bsn_streq(value, b))
		return 0;
	return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid %s \"%s\": use %s or %s", option, value, a, b);
}

static int dry_answer(const struct bsn_env *env, char **ret_json, struct basin_error *err)
{
	auto_json json_t *json = json_pack("{ss ss sb sO*}", "name", env->name, "pool", env->pool, "admitted", 1, "resources",
					   json_object_get(env->json, "resources"));
	return bsn_json_format(json, true, ret_json, err);
}

int bsn_env_launch(struct basin *basin, const struct basin_env_options *options, char **ret_json, struct basin_error *err)
{
	struct bsn_store *store;
	auto_of(bsn_image_free) struct bsn_image *image =
		NULL; /* held until the environment is defined: nobody can remove it meanwhile */
	auto_json json_t *json = NULL;
	auto_env struct bsn_env *env = NULL;
	struct bsn_env_make make = { .start = true, .dry_run = options->dry_run != 0 };
	if (basin->rootless)
		return bsn_fail(err, BASIN_DENIED, EPERM,
				"environments need root: their mounts, networks and id ranges are the host's");
	int r = bsn_name_check("environment", options->name, err);
	if (r >= 0 && options->pool != NULL)
		r = bsn_name_check_pool(options->pool, err);
	if (r >= 0)
		r = check_word("user namespace", options->userns, "host", "private", &make.host_ids, err);
	if (r >= 0)
		r = check_word("enforcement", options->enforce, "available", "required", &make.enforce_available, err);
	if (r >= 0)
		r = check_networks(basin, options, err);
	if (r >= 0)
		r = bsn_basin_store(basin, &store, err);
	if (r >= 0)
		r = bsn_image_resolve(store, options->image, &image, err);
	if (r >= 0)
		r = define(options, image, &json, err);
	if (r < 0)
		return r;
	make.json = json;
	make.ask = (struct bsn_ask){
		.pool = options->pool, .request = options->request, .limit = options->limit, .cpu_weight = options->cpu_weight
	};
	r = bsn_env_make(basin, &make, &env, err);
	if (r < 0)
		return r;
	return make.dry_run ? dry_answer(env, ret_json, err) : bsn_env_describe(basin, env, true, ret_json, err);
}

/* --- start --- */

static int reserve_again(struct basin *basin, const struct bsn_env *env, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	struct bsn_host host;
	struct bsn_owner owner;
	const struct bsn_ask ask = {
		.pool = env->pool,
		.consumer = env->name,
		.request = env->request,
		.limit = env->limit,
		.cpu_weight = env->cpu_weight,
		.resources = BSN_RESOURCES_ALL,
	};
	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = bsn_host_read(basin->data_fd, &host, err);
	if (r >= 0)
		r = bsn_owner_self(&owner, err);
	return r < 0 ? r : bsn_charge_reserve(ledger, &host, &ask, &owner, false, NULL, err);
}

static int start_locked(struct basin *basin, const char *name, struct basin_error *err)
{
	auto_env struct bsn_env *env = NULL;
	struct bsn_ledger *ledger;
	int r = bsn_env_load_ready(basin, name, &env, err);
	if (r >= 0)
		r = bsn_monitor_alive(basin, name);
	if (r > 0) /* it runs; perhaps its monitor is about to give up: then this is the word that it should not */
		return bsn_monitor_set_intent(basin, name, true, err);
	if (r >= 0 && faccessat(basin->root_fd, name, F_OK, 0) == 0)
		r = bsn_env_down(basin, name, true, err); /* its monitor died */
	if (r >= 0)
		r = reserve_again(basin, env, err);
	if (r < 0)
		return r;
	r = bsn_monitor_start(basin, env, err);
	if (r < 0 && bsn_basin_ledger(basin, &ledger, NULL) >= 0)
		(void)bsn_charge_cancel(ledger, name, NULL);
	return r;
}

int bsn_env_start(struct basin *basin, const char *name, struct basin_error *err)
{
	auto_fd int lock = -1;
	int r = bsn_env_lock(basin, name, 5000, &lock, err);
	if (r >= 0)
		r = start_locked(basin, name, err);
	if (r < 0 && lock >= 0)
		bsn_env_forget_lock(basin, name);
	return r;
}

struct starting {
	struct basin *basin;
	bool autostart_only;
	json_t *results;
	int failed;
};

/* "always" comes up after a boot even when it had been stopped, "unless-stopped" does not: as everywhere. */
static bool wanted_at_boot(const struct starting *starting, const struct bsn_env *env)
{
	if (env->autostart || bsn_streq(env->restart, "always"))
		return true;
	return bsn_streq(env->restart, "unless-stopped") && bsn_monitor_intent_running(starting->basin, env->name);
}

static int start_one(const struct bsn_env *env, void *data)
{
	struct starting *starting = data;
	struct basin_error err = { 0 };
	if (!bsn_streq(env->state, BSN_ENV_READY) || (starting->autostart_only && !wanted_at_boot(starting, env)))
		return 0;
	int r = bsn_env_start(starting->basin, env->name, &err);
	json_t *result = json_pack("{ss ss}", "name", env->name, "result", r < 0 ? "failed" : "started");
	if (r < 0) {
		json_object_set_new(result, "error", json_string(err.text));
		json_object_set_new(result, "code", json_integer(err.code));
		starting->failed++;
	}
	return json_array_append_new(starting->results, result) < 0 ? -ENOMEM : 0;
}

int bsn_env_start_all(struct basin *basin, bool autostart_only, char **ret_json, struct basin_error *err)
{
	auto_json json_t *results = json_array();
	struct starting starting = { .basin = basin, .autostart_only = autostart_only, .results = results };
	int r = bsn_env_each(basin, start_one, &starting, err);
	if (r >= 0)
		r = bsn_json_format(results, true, ret_json, err);
	return r < 0 ? r : starting.failed;
}
