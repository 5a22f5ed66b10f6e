/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/definition.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/name.h"
#include "base/size.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/cgroup.h"
#include "pool/pool_cgroup.h"

int bsn_signal_parse(const char *text)
{
	int64_t number;
	if (bsn_parse_count(text, &number) >= 0)
		return number > 0 && number < NSIG ? (int)number : -EINVAL;
	if (bsn_starts_with(text, "SIG"))
		text += 3;
	if (bsn_starts_with(text, "RTMIN")) {
		text += strlen("RTMIN");
		number = 0;
		if (text[0] != '\0' && (text[0] != '+' || bsn_parse_count(text + 1, &number) < 0))
			return -EINVAL;
		return SIGRTMIN + number <= SIGRTMAX ? SIGRTMIN + (int)number : -EINVAL;
	}
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *name = sigabbrev_np(i);
		if (name != NULL && bsn_streq(name, text))
			return i;
	}
	return -EINVAL;
}

void bsn_env_free(struct bsn_env *env)
{
	if (env == NULL)
		return;
	json_decref(env->json);
	free(env);
}

static int read_amounts(json_t *resources, const char *key, struct basin_amounts *ret, struct basin_error *err)
{
	static const char *const names[BASIN_RESOURCES] = { "cpu", "memory", "storage", "pids" };
	json_t *object = NULL;
	*ret = (struct basin_amounts)BASIN_AMOUNTS_UNSET;
	int r = bsn_json_get_object(resources, "resources", key, &object, err);
	for (int i = 0; r > 0 && i < BASIN_RESOURCES; i++) {
		int got = bsn_json_get_int(object, "resources", names[i], 0, INT64_MAX, &ret->of[i], err);
		if (got < 0)
			return got;
	}
	return r;
}

static int read_resources(struct bsn_env *env, struct basin_error *err)
{
	json_t *resources = NULL;
	env->cpu_weight = BASIN_UNSET;
	int r = bsn_json_get_object(env->json, "", "resources", &resources, err);
	if (r == 0)
		return bsn_fail(err, BASIN_DAMAGED, EINVAL, "resources: missing");
	if (r >= 0)
		r = read_amounts(resources, "request", &env->request, err);
	if (r >= 0)
		r = read_amounts(resources, "limit", &env->limit, err);
	if (r >= 0)
		r = bsn_json_get_int(resources, "resources", "cpu_weight", 1, 10000, &env->cpu_weight, err);
	return r;
}

static int read_storage(struct bsn_env *env, struct basin_error *err)
{
	json_t *storage = NULL;
	json_t *ids = NULL;
	const char *kind = "plain";
	int64_t project = 0;
	env->storage.inodes = -1;
	env->storage.bytes = -1;
	int r = bsn_json_get_object(env->json, "", "ids", &ids, err);
	if (r > 0) {
		env->own_ids = true;
		r = bsn_json_get_int(ids, "ids", "first", 0, INT32_MAX - BSN_ENV_IDS, &env->ids_first, err);
	}
	if (r >= 0)
		r = bsn_json_get_object(env->json, "", "storage", &storage, err);
	if (r <= 0)
		return r;
	r = bsn_json_get_string(storage, "storage", "kind", &kind, err);
	if (r >= 0)
		r = bsn_json_get_int(storage, "storage", "project", 0, UINT32_MAX, &project, err);
	if (r >= 0)
		r = bsn_json_get_int(storage, "storage", "bytes", 0, INT64_MAX, &env->storage.bytes, err);
	if (r < 0)
		return r;
	if (bsn_storage_kind_parse(kind, &env->storage.kind) < 0)
		return bsn_fail(err, BASIN_DAMAGED, EINVAL, "storage.kind: unknown kind \"%s\"", kind);
	env->storage.project = (uint32_t)project;
	env->storage.uid = (uid_t)env->ids_first;
	env->storage.gid = (gid_t)env->ids_first;
	return 0;
}

static int check_strings(const json_t *array, const char *path, struct basin_error *err)
{
	size_t i;
	json_t *item;
	json_array_foreach (array, i, item) {
		if (!json_is_string(item))
			return bsn_fail(err, BASIN_USAGE, EINVAL, "%s[%zu]: expected a string", path, i);
	}
	return 0;
}

static int read_process(struct bsn_env *env, struct basin_error *err)
{
	json_t *process = NULL;
	int r = bsn_json_get_object(env->json, "", "process", &process, err);
	if (r <= 0)
		return r;
	r = bsn_json_get_array(process, "process", "args", &env->args, err);
	if (r > 0)
		r = check_strings(env->args, "process.args", err);
	if (r >= 0)
		r = bsn_json_get_array(process, "process", "env", &env->env, err);
	if (r > 0)
		r = check_strings(env->env, "process.env", err);
	if (r >= 0)
		r = bsn_json_get_string(process, "process", "user", &env->user, err);
	if (r >= 0)
		r = bsn_json_get_string(process, "process", "workdir", &env->workdir, err);
	if (r >= 0)
		r = bsn_json_get_bool(process, "process", "init", &env->init, err);
	return r;
}

static int read_networks(struct bsn_env *env, struct basin_error *err)
{
	json_t *networks = NULL;
	size_t i;
	json_t *item;
	int r = bsn_json_get_array(env->json, "", "networks", &networks, err);
	if (r <= 0)
		return r;
	if (json_array_size(networks) > BSN_ENV_NETWORKS)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "networks: at most %d", BSN_ENV_NETWORKS);
	r = check_strings(networks, "networks", err);
	if (r < 0)
		return r;
	json_array_foreach (networks, i, item) {
		env->networks[i] = json_string_value(item);
		r = bsn_name_check("network", env->networks[i], err);
		if (r < 0)
			return r;
	}
	env->network_count = json_array_size(networks);
	return 0;
}

static int read_policy(struct bsn_env *env, struct basin_error *err)
{
	json_t *restart = NULL;
	const char *signal_name = "SIGTERM";
	env->restart = "no";
	int r = bsn_json_get_object(env->json, "", "restart", &restart, err);
	if (r > 0)
		r = bsn_json_get_string(restart, "restart", "policy", &env->restart, err);
	if (r > 0)
		r = bsn_json_get_int(restart, "restart", "max", 0, INT32_MAX, &env->restart_max, err);
	if (r >= 0)
		r = bsn_json_get_string(env->json, "", "stop_signal", &signal_name, err);
	if (r >= 0)
		r = bsn_json_get_bool(env->json, "", "autostart", &env->autostart, err);
	if (r < 0)
		return r;
	env->stop_signal = bsn_signal_parse(signal_name);
	if (env->stop_signal < 0)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "stop_signal: unknown signal \"%s\"", signal_name);
	return 0;
}

static int read_identity(struct bsn_env *env, struct basin_error *err)
{
	json_t *image = NULL;
	int r = bsn_json_get_string(env->json, "", "name", &env->name, err);
	if (r > 0)
		r = bsn_name_check("environment", env->name, err);
	else if (r == 0)
		r = bsn_fail(err, BASIN_DAMAGED, EINVAL, "name: missing");
	if (r >= 0)
		r = bsn_json_get_string(env->json, "", "pool", &env->pool, err);
	if (r >= 0)
		r = bsn_json_get_string(env->json, "", "hostname", &env->hostname, err);
	if (r >= 0)
		r = bsn_json_get_int(env->json, "", "created", 0, INT64_MAX, &env->created, err);
	if (r >= 0)
		r = bsn_json_get_object(env->json, "", "labels", &env->labels, err);
	if (r >= 0)
		r = bsn_json_get_object(env->json, "", "image", &image, err);
	if (r > 0)
		r = bsn_json_get_string(image, "image", "name", &env->image, err);
	if (r >= 0 && image != NULL)
		r = bsn_json_get_string(image, "image", "digest", &env->digest, err);
	return r;
}

int bsn_env_parse(json_t *json, struct bsn_env **ret_env, struct basin_error *err)
{
	auto_env struct bsn_env *env = calloc(1, sizeof(*env));
	if (env == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot read an environment");
	env->json = json_incref(json);
	env->pool = BSN_POOL_DEFAULT;
	env->image = env->digest = env->user = "";
	env->workdir = "/";
	int r = read_identity(env, err);
	if (r >= 0)
		r = read_resources(env, err);
	if (r >= 0)
		r = read_storage(env, err);
	if (r >= 0)
		r = read_process(env, err);
	if (r >= 0)
		r = read_networks(env, err);
	if (r >= 0)
		r = read_policy(env, err);
	if (r < 0)
		return bsn_error_prefix(err, "definition of an environment");
	if (env->hostname == NULL)
		env->hostname = env->name;
	*ret_env = bsn_give(&env);
	return 0;
}

static int parse_object(const struct bsn_object *object, struct bsn_env **ret_env, struct basin_error *err)
{
	auto_json json_t *json = NULL;
	int r = bsn_json_parse(object->json, strlen(object->json), object->name, &json, err);
	if (r >= 0)
		r = bsn_env_parse(json, ret_env, err);
	if (r < 0)
		return r;
	(*ret_env)->owned = object->owned && bsn_owner_alive(&object->owner);
	bsn_format((*ret_env)->state, sizeof((*ret_env)->state), "%s", object->state);
	return 0;
}

int bsn_env_load(struct basin *basin, const char *name, struct bsn_env **ret_env, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	auto_free struct bsn_object *object = NULL;
	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = bsn_object_get(ledger, BSN_ENV_KIND, name, &object, err);
	if (r == -ENOENT)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "environment \"%s\" does not exist", name);
	return r < 0 ? r : parse_object(object, ret_env, err);
}

int bsn_env_load_ready(struct basin *basin, const char *name, struct bsn_env **ret_env, struct basin_error *err)
{
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_load(basin, name, &env, err);
	if (r < 0)
		return r;
	if (bsn_streq(env->state, BSN_ENV_CREATING))
		return bsn_fail(err, BASIN_CONFLICT, EBUSY, "environment \"%s\" is being made%s", name,
				env->owned ? "" : ", by a process that died: run \"basin reconcile\"");
	if (!bsn_streq(env->state, BSN_ENV_READY))
		return bsn_fail(err, BASIN_CONFLICT, EBUSY, "environment \"%s\" is being removed%s", name,
				env->owned ? "" : ", by a process that died: run \"basin reconcile\"");
	*ret_env = bsn_give(&env);
	return 0;
}

/* Environments are collected first: what is done with one may write to the ledger. */
struct names {
	char **of;
	size_t count;
	size_t room;
};

static int collect(const struct bsn_object *object, void *data)
{
	struct names *names = data;
	if (names->count == names->room) {
		size_t room = names->room == 0 ? 16 : names->room * 2;
		char **of = realloc(names->of, room * sizeof(*of));
		if (of == NULL)
			return -ENOMEM;
		names->of = of;
		names->room = room;
	}
	names->of[names->count] = strdup(object->name);
	return names->of[names->count++] == NULL ? -ENOMEM : 0;
}

static int visit(struct basin *basin, const char *name, int (*fn)(const struct bsn_env *env, void *data), void *data,
		 struct basin_error *err)
{
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_load(basin, name, &env, err);
	if (r == -ENOENT)
		return 0; /* removed meanwhile */
	return r < 0 ? r : fn(env, data);
}

int bsn_env_each(struct basin *basin, int (*fn)(const struct bsn_env *env, void *data), void *data, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	struct names names = { 0 };
	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = bsn_object_each(ledger, BSN_ENV_KIND, collect, &names, err);
	for (size_t i = 0; i < names.count; i++) {
		if (r >= 0)
			r = visit(basin, names.of[i], fn, data, err);
		free(names.of[i]);
	}
	free(names.of);
	return r;
}

int bsn_env_dir(const struct basin *basin, const char *name, int *ret_fd, struct basin_error *err)
{
	char path[NAME_MAX + 8];
	int r = bsn_format(path, sizeof(path), "envs/%s", name);
	int fd = r < 0 ? r : bsn_open_beneath(basin->data_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "environment \"%s\" has no directory in \"%s/envs\"", name,
				basin->data_root);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the directory of environment \"%s\"", name);
	*ret_fd = fd;
	return 0;
}

static int cgroup_path(const struct bsn_cgroup_tree *tree, const struct bsn_env *env, char *buffer, size_t room,
		       struct basin_error *err)
{
	char below[BSN_POOL_CGROUP_MAX];
	auto_str struct bsn_str leaf = { 0 };
	int r = bsn_pool_cgroup_path(env->pool, below, sizeof(below), err);
	if (r < 0)
		return r;
	bsn_str_addf(&leaf, "%s%senv-%s", below, below[0] != '\0' ? "/" : "", env->name);
	return bsn_cgroup_path(tree, bsn_str_text(&leaf), buffer, room, err);
}

int bsn_env_cgroup_path(const struct basin *basin, const struct bsn_env *env, char *buffer, size_t room, struct basin_error *err)
{
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	int r = bsn_cgroup_tree_open(basin->cgroup_root, &tree, err);
	return r < 0 ? r : cgroup_path(&tree, env, buffer, room, err);
}

int bsn_env_cgroup_open(const struct basin *basin, const struct bsn_env *env, int *ret_fd, struct basin_error *err)
{
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	char path[PATH_MAX];
	int r = bsn_cgroup_tree_open(basin->cgroup_root, &tree, err);
	if (r >= 0)
		r = cgroup_path(&tree, env, path, sizeof(path), err);
	return r < 0 ? r : bsn_cgroup_open(&tree, path, ret_fd, err);
}

int bsn_env_lock(const struct basin *basin, const char *name, int timeout_ms, int *ret_fd, struct basin_error *err)
{
	char file[NAME_MAX];
	auto_fd int dir = bsn_basin_data_dir(basin, "locks", err);
	if (dir < 0)
		return dir;
	int r = bsn_format(file, sizeof(file), "env-%s", name);
	if (r >= 0)
		r = bsn_lock_take(dir, file, BSN_LOCK_EXCLUSIVE, timeout_ms, ret_fd);
	if (r == -EAGAIN)
		return bsn_fail(err, BASIN_BUSY, EBUSY, "another basin command is busy with environment \"%s\"", name);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot lock environment \"%s\"", name) : 0;
}

void bsn_env_forget_lock(struct basin *basin, const char *name)
{
	auto_env struct bsn_env *env = NULL;
	char path[NAME_MAX];
	if (bsn_env_load(basin, name, &env, NULL) == -ENOENT && bsn_format(path, sizeof(path), "locks/env-%s", name) >= 0)
		(void)bsn_sys_unlinkat(basin->data_fd, path, 0);
}

static int commit_in(struct bsn_ledger *ledger, const char *name, struct basin_error *err)
{
	auto_free struct bsn_object *object = NULL;
	struct bsn_charge charge;
	struct bsn_object_change change = BSN_OBJECT_CHANGE_INIT;
	int r = bsn_object_get(ledger, BSN_ENV_KIND, name, &object, err);
	if (r < 0)
		return r;
	bool creating = bsn_streq(object->state, BSN_ENV_CREATING);
	if (!creating && !bsn_streq(object->state, BSN_ENV_READY))
		return bsn_fail(err, BASIN_CONFLICT, ECANCELED, "environment \"%s\" is being removed", name);
	if (bsn_charge_get(ledger, name, false, &charge, NULL) >= 0)
		r = bsn_charge_bind(ledger, name, err);
	else if (creating || bsn_charge_get(ledger, name, true, &charge, NULL) < 0 || charge.resources != BSN_RESOURCES_ALL)
		/* Restarted by its monitor it would still be charged; started by hand, whoever reserved has died. */
		r = bsn_fail(err, BASIN_CONFLICT, ECANCELED, "environment \"%s\" lost its reservation: start it again", name);
	if (r < 0 || !creating)
		return r;
	change.state = BSN_ENV_READY;
	change.disown = true;
	change.generation = object->generation;
	return bsn_object_set(ledger, BSN_ENV_KIND, name, &change, err);
}

int bsn_env_commit(struct basin *basin, const char *name, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	int r = bsn_basin_ledger(basin, &ledger, err);
	if (r >= 0)
		r = bsn_ledger_begin(ledger, err);
	if (r >= 0)
		r = bsn_ledger_end(ledger, commit_in(ledger, name, err), err);
	return r;
}
