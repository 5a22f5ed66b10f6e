/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `backup create`. Only the environment's own layer needs it to hold still, and only until that layer is packed: the image's layers never
 * change, and what is packed waits in files without names. So the order is
 *
 *     lock, freeze, pack the own layer, thaw, unlock, check and pack the image's layers, write the archive, give it its name
 *
 * and a kill at any point leaves nothing behind but a frozen environment that its guard thaws (runtime/env/freeze.h).
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/size.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/backup_pack.h"
#include "image/backup_write.h"
#include "image/check.h"
#include "runtime/env/backup_about.h"
#include "runtime/env/freeze.h"
#include "runtime/env/make.h"
#include "runtime/env/monitor.h"
#include "runtime/runtime.h"

#define STEP_BYTES (256 << 20) /* progress is told so often */

struct creating {
	struct basin *basin;
	const struct basin_backup_options *options;
	struct bsn_env *env;
	struct bsn_store *store;
	struct bsn_image *image;
	struct bsn_backup backup;
	struct bsn_diff_result own;
	bool running;
	int64_t frozen_ms;
	uint64_t told;
	const char *layer;
};

/* --- packing --- */

static void tell(void *data, uint64_t bytes)
{
	struct creating *creating = data;
	char text[32];
	if (bytes < creating->told + STEP_BYTES)
		return;
	creating->told = bytes;
	bsn_info("packing %s: %s so far", creating->layer, bsn_format_bytes((int64_t)bytes, text, sizeof(text)));
}

static int pack(struct creating *creating, int tree_fd, bool own, struct bsn_backup_layer *layer,
		struct bsn_diff_result *ret_result, struct basin_error *err)
{
	const struct bsn_env *env = creating->env;
	struct bsn_backup_pack request = {
		.diff = { .root_fd = tree_fd, .progress = tell, .data = creating },
		.scratch_fd = creating->basin->data_fd,
	};
	char size[32];
	if (own && env->own_ids) {
		request.diff.id_base = (uint32_t)env->ids_first;
		request.diff.id_count = BSN_ENV_IDS;
	}
	request.diff.sparse = own;
	creating->told = 0;
	int r = bsn_backup_pack_layer(&request, layer, ret_result, err);
	if (r < 0)
		return bsn_error_prefix(err, "cannot back up environment \"%s\"", env->name);
	bsn_info("packed %s: %llu entries, %s", creating->layer, (unsigned long long)layer->entries,
		 bsn_format_bytes((int64_t)layer->blob.size, size, sizeof(size)));
	return 0;
}

static int pack_own(struct creating *creating, struct basin_error *err)
{
	struct bsn_backup_layer *layer = &creating->backup.layers[creating->backup.layer_count - 1];
	auto_fd int dir = -1;
	auto_fd int storage = -1;

	creating->layer = "the environment's own layer";
	int r = bsn_env_dir(creating->basin, creating->env->name, &dir, err);
	if (r >= 0)
		r = bsn_storage_open(dir, &creating->env->storage, &storage, err);
	if (r < 0)
		return r;
	auto_fd int upper = bsn_sys_openat(storage, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (upper < 0)
		return bsn_fail_sys(err, -upper, "cannot open the own layer of environment \"%s\"", creating->env->name);
	return pack(creating, upper, true, layer, &creating->own, err);
}

static int capture(struct creating *creating, struct basin_error *err)
{
	const struct bsn_env *env = creating->env;
	auto_freeze struct bsn_freeze freeze = BSN_FREEZE_INIT;

	int r = bsn_freeze_begin(creating->basin, env, &freeze, err);
	if (r < 0)
		return r;
	creating->running = freeze.cgroup >= 0;
	if (!creating->running && bsn_monitor_alive(creating->basin, env->name) > 0)
		return bsn_fail(err, BASIN_BUSY, EBUSY, "environment \"%s\" is between two runs: try again, or stop it",
				env->name);
	r = pack_own(creating, err);
	creating->frozen_ms = bsn_freeze_end(&freeze);
	if (r >= 0 && creating->running)
		bsn_info("environment \"%s\" was frozen for %lld ms", env->name, (long long)creating->frozen_ms);
	return r;
}

/* What has rotted in the store would be wrapped in fresh digests, and every later verify would call it whole. */
static int check_image(const struct creating *creating, struct basin_error *err)
{
	const struct bsn_check_options options = { .ref = creating->env->digest };
	auto_json json_t *json = NULL;
	struct basin_error damage = { 0 };

	if (creating->options->thin != 0)
		return 0;
	int r = bsn_store_check(creating->store, &options, &json, &damage, err);
	if (r >= 0 && damage.code != BASIN_OK)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG,
				"cannot back up environment \"%s\" with its image: %s; --thin leaves the image out",
				creating->env->name, damage.text);
	return r;
}

static int pack_base(struct creating *creating, size_t index, struct basin_error *err)
{
	struct bsn_backup_layer *layer = &creating->backup.layers[index];
	struct bsn_diff_result result;
	char what[64];

	layer->base = true;
	memcpy(layer->source, creating->image->layers[index].diff_id, sizeof(layer->source));
	if (creating->options->thin != 0)
		return 0;
	(void)bsn_format(what, sizeof(what), "base layer %zu of %zu", index + 1, creating->image->layer_count);
	creating->layer = what;
	auto_fd int tree =
		bsn_open_beneath(bsn_store_fd(creating->store), creating->image->layer_paths[index], O_RDONLY | O_DIRECTORY, 0);
	if (tree < 0)
		return bsn_fail_sys(err, -tree, "cannot open layer \"%s\"", layer->source);
	return pack(creating, tree, false, layer, &result, err);
}

/* --- the parts in order --- */

/* Storage on a loop device is mounted to be read: where nobody else sees it, and for no longer than this process lives. */
static int enter_private(struct basin *basin, struct basin_error *err)
{
	int r = bsn_sys_unshare(CLONE_NEWNS);
	if (r >= 0)
		r = bsn_sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot make a private mount namespace") : bsn_basin_reopen(basin, err);
}

static int open_image(struct creating *creating, struct basin_error *err)
{
	int r = bsn_basin_store(creating->basin, &creating->store, err);
	if (r >= 0)
		r = bsn_image_resolve(creating->store, creating->env->digest, &creating->image, err);
	if (r >= 0 && creating->image->layer_count + 1 > BSN_BACKUP_LAYERS)
		return bsn_fail(err, BASIN_UNSUPPORTED, E2BIG, "the image has %zu layers, a backup holds %d",
				creating->image->layer_count, BSN_BACKUP_LAYERS - 1);
	return r;
}

/* All that needs the environment: while its lock is held. */
static int take(struct creating *creating, const char *name, struct basin_error *err)
{
	auto_fd int lock = -1;

	int r = bsn_env_load_ready(creating->basin, name, &creating->env, err); /* before a lock file is made for nothing */
	if (r < 0)
		return r;
	bsn_env_free(creating->env);
	creating->env = NULL;
	r = bsn_env_lock(creating->basin, name, 5000, &lock, err);
	if (r >= 0)
		r = bsn_env_load_ready(creating->basin, name, &creating->env, err);
	if (r >= 0)
		r = enter_private(creating->basin, err);
	if (r >= 0)
		r = open_image(creating, err);
	if (r < 0)
		return r;
	creating->backup.name = creating->env->name;
	creating->backup.created = time(NULL);
	creating->backup.layer_count = creating->image->layer_count + 1;
	return capture(creating, err);
}

static int describe(struct creating *creating, struct basin_error *err)
{
	const struct bsn_backup_facts facts = {
		.env = creating->env,
		.image = creating->image,
		.running = creating->running,
		.frozen_ms = creating->frozen_ms,
		.own = &creating->own,
	};
	int r = bsn_json_parse(creating->image->config, strlen(creating->image->config), "the image's config",
			       &creating->backup.config, err);
	return r < 0 ? r : bsn_backup_describe(creating->basin, &facts, &creating->backup.about, err);
}

static int answer(const struct creating *creating, const char *digest, uint64_t size, char **ret_json, struct basin_error *err)
{
	auto_json json_t *json =
		json_pack("{ss ss sI sI ss sI sb s{sI sI}}", "name", creating->env->name, "digest", digest, "created",
			  (json_int_t)creating->backup.created, "size", (json_int_t)size, "consistency",
			  creating->running ? "frozen" : "stopped", "frozen_ms", (json_int_t)creating->frozen_ms, "thin",
			  creating->options->thin != 0, "skipped", "sockets", (json_int_t)creating->own.sockets_skipped, "xattrs",
			  (json_int_t)creating->own.xattrs_skipped);
	return json == NULL ? bsn_fail_sys(err, ENOMEM, "cannot describe the backup")
			    : bsn_json_format(json, true, ret_json, err);
}

static int create(struct creating *creating, const char *name, int fd, char **ret_json, struct basin_error *err)
{
	struct bsn_fd_sink sink;
	char digest[BSN_DIGEST_ROOM];
	uint64_t size;

	int r = take(creating, name, err);
	if (r >= 0)
		r = check_image(creating, err);
	for (size_t i = 0; r >= 0 && i + 1 < creating->backup.layer_count; i++)
		r = pack_base(creating, i, err);
	if (r >= 0)
		r = describe(creating, err);
	if (r < 0)
		return r;
	if (creating->own.sockets_skipped > 0)
		bsn_info("%llu sockets were left out", (unsigned long long)creating->own.sockets_skipped);
	bsn_fd_sink_init(&sink, fd, "the backup");
	r = bsn_backup_write(&creating->backup, &sink.sink, digest, &size, err);
	return r < 0 ? r : answer(creating, digest, size, ret_json, err);
}

static void release(struct creating *creating)
{
	bsn_backup_release(&creating->backup);
	bsn_image_free(creating->image);
	bsn_env_free(creating->env);
}

/* --- where it goes --- */

/* A file that is to appear when it is whole. */
struct target {
	int dir;
	int fd;
	char name[NAME_MAX + 1];
	char temporary[NAME_MAX + 1]; /* "": the file has no name yet */
};

static void release_target(struct target *target)
{
	if (target->dir >= 0 && target->temporary[0] != '\0')
		(void)bsn_sys_unlinkat(target->dir, target->temporary, 0);
	bsn_own_close(&target->fd);
	bsn_own_close(&target->dir);
}

static int choose_temporary(struct target *target)
{
	char random[17];
	int r = bsn_random_hex(random, 8);
	/* A long name is cut here only. */
	return r < 0 ? r : bsn_format(target->temporary, sizeof(target->temporary), ".%.200s.%s", target->name, random);
}

static int open_target(const char *path, struct target *target, struct basin_error *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *directory = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (directory == NULL || bsn_format(target->name, sizeof(target->name), "%s", slash == NULL ? path : slash + 1) < 0 ||
	    target->name[0] == '\0')
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" is no name for a file", path);
	target->dir = bsn_sys_openat(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
	if (target->dir < 0)
		return bsn_fail_sys(err, -target->dir, "cannot open \"%s\"", directory);
	target->fd = bsn_sys_openat(target->dir, ".", O_RDWR | O_TMPFILE, 0600);
	if (target->fd >= 0)
		return 0;
	int r = choose_temporary(target);
	if (r >= 0)
		r = target->fd = bsn_sys_openat(target->dir, target->temporary, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (r < 0)
		target->temporary[0] = '\0';
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write \"%s\"", path) : 0;
}

static int link_temporary(struct target *target)
{
	char path[64];
	int r = choose_temporary(target);
	if (r >= 0)
		r = bsn_format(path, sizeof(path), "/proc/self/fd/%d", target->fd);
	if (r >= 0)
		r = bsn_sys_linkat(AT_FDCWD, path, target->dir, target->temporary, AT_SYMLINK_FOLLOW);
	if (r < 0)
		target->temporary[0] = '\0';
	return r;
}

/* On disk first, then under its name, in place of what had it. */
static int finish_target(struct target *target, const char *path, struct basin_error *err)
{
	int r = bsn_sys_fsync(target->fd);
	if (r >= 0 && target->temporary[0] == '\0')
		r = link_temporary(target);
	if (r >= 0)
		r = bsn_sys_renameat2(target->dir, target->temporary, target->dir, target->name, 0);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot write \"%s\"", path);
	target->temporary[0] = '\0';
	r = bsn_sys_fsync(target->dir);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write \"%s\"", path) : 0;
}

static int create_file(struct creating *creating, const char *name, const char *path, char **ret_json, struct basin_error *err)
{
	__attribute__((cleanup(release_target))) struct target target = { .dir = -1, .fd = -1 };
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		/* A pipe or a device is written as it is. */
		auto_fd int fd = bsn_sys_openat(AT_FDCWD, path, O_WRONLY, 0);
		return fd < 0 ? bsn_fail_sys(err, -fd, "cannot write \"%s\"", path) : create(creating, name, fd, ret_json, err);
	}
	char *json = NULL;
	int r = open_target(path, &target, err);
	if (r >= 0)
		r = create(creating, name, target.fd, &json, err);
	if (r >= 0)
		r = finish_target(&target, path, err);
	if (r < 0) {
		free(json);
		return r;
	}
	*ret_json = json;
	return 0;
}

int bsn_backup_create(struct basin *basin, const char *env, const struct basin_backup_options *options, const char *path,
		      char **ret_json, struct basin_error *err)
{
	struct creating creating = { .basin = basin, .options = options };

	bsn_backup_init(&creating.backup);
	int r = bsn_streq(path, "-") ? create(&creating, env, STDOUT_FILENO, ret_json, err)
				     : create_file(&creating, env, path, ret_json, err);
	release(&creating);
	return r;
}
