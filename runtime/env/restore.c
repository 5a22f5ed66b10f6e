/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `backup restore`. The archive is read once, front to back, and is anybody's. Its first entries say what it is; with them the environment
 * is admitted and its place made (runtime/env/make.c) before anything that follows is read. The rest goes where it belongs as it comes:
 * base layers that the store lacks into the store, the environment's own layer into its upper directory, ids shifted into its new
 * range. Only when the archive's end has been found right does the environment become one. Killed before, it is one that was never finished,
 * which the next command or reconcile removes.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/backup_read.h"
#include "image/extract.h"
#include "runtime/env/backup_about.h"
#include "runtime/env/make.h"
#include "runtime/env/network.h"
#include "runtime/env/restore_image.h"
#include "runtime/env/show.h"
#include "runtime/runtime.h"

struct restoring {
	struct basin *basin;
	const struct basin_restore_options *options;
	struct bsn_backup_reader *reader;
	const struct bsn_backup *backup;
	struct bsn_backup_wanted wanted;
	struct bsn_restore_image image;
	pid_t parent;
};

/* --- what follows the account: in a process of make's, after admission --- */

static int fill_upper(const struct bsn_env *env, int layer_fd, struct bsn_stream *stream, struct basin_error *err)
{
	struct bsn_extract_options options = BSN_EXTRACT_OPTIONS_INIT;
	struct bsn_extract_result result;
	auto_fd int upper = bsn_sys_openat(layer_fd, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (upper < 0)
		return bsn_fail_sys(err, -upper, "cannot open the own layer of environment \"%s\"", env->name);
	options.whiteouts = true;
	options.devices = BSN_DEVICES_SKIP;
	if (env->own_ids) {
		options.id_base = (uint32_t)env->ids_first;
		options.id_count = BSN_ENV_IDS;
	}
	int r = bsn_extract(upper, stream, &options, &result, err);
	if (r < 0)
		return r;
	if (result.devices_skipped > 0)
		bsn_warn("%llu device nodes were left out: an environment gets its own",
			 (unsigned long long)result.devices_skipped);
	if (result.xattrs_skipped > 0)
		bsn_warn("%llu extended attributes were left out", (unsigned long long)result.xattrs_skipped);
	bsn_info("restored the environment's own layer: %llu entries", (unsigned long long)result.entries);
	r = bsn_sys_syncfs(upper);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write the own layer of environment \"%s\" to disk", env->name) : 0;
}

static int fill(void *data, const struct bsn_env *env, int layer_fd, struct basin_error *err)
{
	struct restoring *restoring = data;
	auto_fd int lease = -1;
	struct bsn_store *store;
	struct bsn_stream *stream;
	size_t index;

	/* Not a moment longer than who commits what is made here. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != restoring->parent)
		return bsn_fail(err, BASIN_CONFLICT, ECANCELED, "the restoring process died");
	int r = bsn_basin_store(restoring->basin, &store, err);
	if (r >= 0)
		r = bsn_store_hold(store, &lease, err);
	while (r >= 0 && (r = bsn_backup_next_layer(restoring->reader, &index, &stream, err)) > 0) {
		const struct bsn_backup_layer *layer = &restoring->backup->layers[index];
		if (!layer->base)
			r = fill_upper(env, layer_fd, stream, err);
		else if (!restoring->image.has_source[index])
			r = bsn_restore_image_add_layer(store, layer, index, stream, err);
	}
	return r < 0 ? r : bsn_restore_image_commit(store, &restoring->image, err);
}

/* --- what is decided before --- */

static int check_networks(struct restoring *restoring, struct basin_error *err)
{
	size_t i;
	json_t *network;
	int r = 0;

	json_array_foreach (json_object_get(restoring->wanted.definition, "networks"), i, network) {
		const char *name = json_string_value(network);
		if (name == NULL)
			return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "the backup's networks are not names");
		r = bsn_network_check(restoring->basin, name, err);
		if (r == -ENOENT)
			return bsn_fail(err, BASIN_NOT_FOUND, ENOENT,
					"network \"%s\" does not exist: give --net, or make it: basin net create %s", name, name);
		if (r < 0)
			return r;
	}
	return r;
}

static int choose_ids(const struct restoring *restoring, bool *ret_host, struct basin_error *err)
{
	const char *userns = restoring->options->userns;
	*ret_host = userns != NULL && bsn_streq(userns, "host");
	if (userns != NULL && !*ret_host && !bsn_streq(userns, "private"))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid user namespace \"%s\": use host or private", userns);
	if (restoring->wanted.host_ids && userns == NULL)
		bsn_warn("it had the host's ids (--userns host); it gets ids of its own unless you say --userns host too");
	return 0;
}

static int make(struct restoring *restoring, struct bsn_env **ret_env, struct basin_error *err)
{
	const struct basin_restore_options *options = restoring->options;
	const struct bsn_backup_wanted *wanted = &restoring->wanted;
	struct bsn_env_make make = {
		.json = wanted->definition,
		.ask = { .pool = options->pool != NULL ? options->pool : wanted->pool,
			 .request = wanted->request,
			 .limit = wanted->limit,
			 .cpu_weight = wanted->cpu_weight },
		.dry_run = options->dry_run != 0,
		.start = wanted->running && options->no_start == 0,
		.fill = fill,
		.data = restoring,
	};

	int r = choose_ids(restoring, &make.host_ids, err);
	make.enforce_available = options->enforce != NULL && bsn_streq(options->enforce, "available");
	if (options->enforce != NULL && !make.enforce_available && !bsn_streq(options->enforce, "required"))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "invalid enforcement \"%s\": use available or required",
				options->enforce);
	if (r >= 0 && make.ask.pool != NULL)
		r = bsn_backup_check_pool(restoring->basin, restoring->backup, make.ask.pool, err);
	if (r >= 0)
		r = check_networks(restoring, err);
	return r < 0 ? r : bsn_env_make(restoring->basin, &make, ret_env, err);
}

static int restore(struct restoring *restoring, char **ret_json, struct basin_error *err)
{
	auto_env struct bsn_env *env = NULL;
	struct bsn_store *store;
	json_t *image;

	int r = bsn_backup_read_wanted(restoring->backup, restoring->options, &restoring->wanted, err);
	if (r >= 0)
		r = bsn_basin_store(restoring->basin, &store, err);
	if (r >= 0)
		r = bsn_restore_image_plan(store, restoring->backup, &restoring->wanted, &restoring->image, err);
	if (r < 0)
		return r;
	image = json_object_get(restoring->wanted.definition, "image");
	if (json_object_set_new(image, "digest", json_string(restoring->image.digest)) < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot restore the backup");
	r = make(restoring, &env, err);
	if (r < 0)
		return r;
	if (restoring->options->dry_run == 0)
		return bsn_env_describe(restoring->basin, env, true, ret_json, err);
	auto_json json_t *json = json_pack("{ss ss sb sO*}", "name", env->name, "pool", env->pool, "admitted", 1, "resources",
					   json_object_get(env->json, "resources"));
	return bsn_json_format(json, true, ret_json, err);
}

int bsn_backup_restore(struct basin *basin, const char *path, const struct basin_restore_options *options, char **ret_json,
		       struct basin_error *err)
{
	struct restoring restoring = { .basin = basin, .options = options, .image.lease = -1, .parent = getpid() };
	auto_backup_reader struct bsn_backup_reader *reader = NULL;
	auto_fd int file = -1;
	struct bsn_fd_stream stream;
	bool standard = bsn_streq(path, "-");

	if (!standard) {
		file = bsn_sys_openat(AT_FDCWD, path, O_RDONLY, 0);
		if (file < 0)
			return bsn_fail(err, file == -ENOENT ? BASIN_NOT_FOUND : bsn_error_code_of(-file), -file,
					"cannot open \"%s\": %s", path, strerror(-file));
	}
	bsn_fd_stream_init(&stream, standard ? STDIN_FILENO : file, standard ? "standard input" : path);
	int r = bsn_backup_open(&stream.stream, stream.name, &reader, err);
	if (r < 0)
		return r;
	restoring.reader = reader;
	restoring.backup = bsn_backup_described(reader);
	r = restore(&restoring, ret_json, err);
	json_decref(restoring.wanted.definition);
	bsn_restore_image_release(&restoring.image);
	return r;
}
