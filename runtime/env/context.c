/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/context.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/store.h"
#include "pool/cgroup.h"
#include "pool/ledger.h"

#define DIR_MODE 0700

void basin_free(void *pointer)
{
	free(pointer);
}

static const char *first_of(const char *option, const char *variable)
{
	if (option != NULL && option[0] != '\0')
		return option;
	const char *value = secure_getenv(variable);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* An absolute copy of path; a relative one is meant from the working directory of now. */
static int make_absolute(const char *path, char **ret_path)
{
	auto_str struct bsn_str text = { 0 };
	if (path[0] != '/') {
		char cwd[PATH_MAX];
		if (getcwd(cwd, sizeof(cwd)) == NULL)
			return -errno;
		bsn_str_addf(&text, "%s/", cwd);
	}
	bsn_str_add(&text, path);
	*ret_path = bsn_str_give(&text);
	return *ret_path == NULL ? -ENOMEM : 0;
}

/* The user's own place: $variable/basin, or $HOME/<fallback>/basin, or -ENOENT. */
static int user_path(const char *variable, const char *fallback, char **ret_path)
{
	auto_str struct bsn_str text = { 0 };
	const char *value = secure_getenv(variable);
	const char *home = secure_getenv("HOME");
	if (value != NULL && value[0] == '/')
		bsn_str_addf(&text, "%s/basin", value);
	else if (fallback != NULL && home != NULL && home[0] == '/')
		bsn_str_addf(&text, "%s/%s/basin", home, fallback);
	else
		return -ENOENT;
	*ret_path = bsn_str_give(&text);
	return *ret_path == NULL ? -ENOMEM : 0;
}

static int choose_root(struct basin *basin, const char *given, struct basin_error *err)
{
	const char *path = first_of(given, "BASIN_ROOT");
	int r = path != NULL || !basin->rootless ? make_absolute(path != NULL ? path : "/run/basin", &basin->root)
						 : user_path("XDG_RUNTIME_DIR", NULL, &basin->root);
	if (r == -ENOENT)
		return bsn_fail(err, BASIN_USAGE, ENOENT, "no state root: XDG_RUNTIME_DIR is not set; set it, or give --root");
	return r < 0 ? bsn_fail_sys(err, -r, "cannot name the state root") : 0;
}

static int choose_data_root(struct basin *basin, const char *given, struct basin_error *err)
{
	const char *path = first_of(given, "BASIN_DATA_ROOT");
	int r = path != NULL || !basin->rootless ? make_absolute(path != NULL ? path : "/var/lib/basin", &basin->data_root)
						 : user_path("XDG_DATA_HOME", ".local/share", &basin->data_root);
	if (r == -ENOENT)
		return bsn_fail(err, BASIN_USAGE, ENOENT, "no data root: HOME is not set; set it, or give --data-root");
	return r < 0 ? bsn_fail_sys(err, -r, "cannot name the data root") : 0;
}

/* Rootless: the highest cgroup above ours that is still ours, which is what the service manager delegated. */
static void add_delegated(struct bsn_str *path, const char *mount)
{
	auto_free char *text = NULL;
	auto_free char *best = NULL;
	if (bsn_read_file(AT_FDCWD, "/proc/self/cgroup", 64 * 1024, &text, NULL) < 0)
		return;
	char *own = strstr(text, "0::/");
	if (own == NULL)
		return;
	own += strlen("0::");
	own[strcspn(own, "\n")] = '\0';
	while (own[0] != '\0') {
		auto_str struct bsn_str at = { 0 };
		struct stat st;
		bsn_str_addf(&at, "%s%s", mount, own);
		if (stat(bsn_str_text(&at), &st) < 0 || st.st_uid != geteuid())
			break;
		free(best);
		best = strdup(own);
		*strrchr(own, '/') = '\0';
	}
	if (best != NULL)
		bsn_str_add(path, best);
}

static int choose_cgroup_root(struct basin *basin, const char *given, struct basin_error *err)
{
	const char *path = first_of(given, "BASIN_CGROUP_ROOT");
	auto_str struct bsn_str text = { 0 };
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	int r = 0;
	if (path != NULL) {
		r = make_absolute(path, &basin->cgroup_root);
		return r < 0 ? bsn_fail_sys(err, -r, "cannot name the cgroup root") : 0;
	}
	/* A host without cgroup2 still has images, backups and networks: the path is a promise that the first cgroup call tests. */
	r = bsn_cgroup_tree_open("basin", &tree, NULL);
	bsn_str_add(&text, r < 0 ? "/sys/fs/cgroup" : tree.mount);
	if (basin->rootless && r >= 0)
		add_delegated(&text, tree.mount);
	bsn_str_add(&text, "/basin");
	basin->cgroup_root = bsn_str_give(&text);
	return basin->cgroup_root == NULL ? bsn_fail_sys(err, ENOMEM, "cannot name the cgroup root") : 0;
}

static int open_root(const char *path, int *ret_fd, struct basin_error *err)
{
	int fd = bsn_open_dirs(AT_FDCWD, path, DIR_MODE);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the directory \"%s\"", path);
	*ret_fd = fd;
	return 0;
}

int basin_open(const struct basin_options *options, struct basin **ret_basin, struct basin_error *err)
{
	static const struct basin_options none = { .size = sizeof(none) };
	if (options == NULL)
		options = &none;
	if (options->size < sizeof(*options))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "basin_options.size is %zu: set it to sizeof(struct basin_options)",
				options->size);

	auto_of(basin_close) struct basin *basin = calloc(1, sizeof(*basin));
	if (basin == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot open basin");
	basin->root_fd = -1;
	basin->data_fd = -1;
	basin->rootless = geteuid() != 0;
	int r = choose_root(basin, options->root, err);
	if (r >= 0)
		r = choose_data_root(basin, options->data_root, err);
	if (r >= 0)
		r = choose_cgroup_root(basin, options->cgroup_root, err);
	if (r >= 0)
		r = open_root(basin->root, &basin->root_fd, err);
	if (r >= 0)
		r = open_root(basin->data_root, &basin->data_fd, err);
	if (r < 0)
		return r;
	*ret_basin = bsn_give(&basin);
	return 0;
}

void basin_close(struct basin *basin)
{
	if (basin == NULL)
		return;
	if (basin->ledger != NULL)
		bsn_ledger_close(basin->ledger);
	if (basin->store != NULL)
		bsn_store_close(basin->store);
	bsn_own_close(&basin->root_fd);
	bsn_own_close(&basin->data_fd);
	free(basin->root);
	free(basin->data_root);
	free(basin->cgroup_root);
	free(basin);
}

int bsn_basin_reopen(struct basin *basin, struct basin_error *err)
{
	if (basin->store != NULL)
		bsn_store_close(basin->store);
	basin->store = NULL;
	bsn_own_close(&basin->root_fd);
	bsn_own_close(&basin->data_fd);
	basin->root_fd = -1;
	basin->data_fd = -1;
	int r = open_root(basin->root, &basin->root_fd, err);
	return r < 0 ? r : open_root(basin->data_root, &basin->data_fd, err);
}

int bsn_basin_ledger(struct basin *basin, struct bsn_ledger **ret_ledger, struct basin_error *err)
{
	int r = basin->ledger == NULL ? bsn_ledger_open(basin->data_fd, &basin->ledger, err) : 0;
	if (r < 0)
		return r;
	*ret_ledger = basin->ledger;
	return 0;
}

int bsn_basin_store(struct basin *basin, struct bsn_store **ret_store, struct basin_error *err)
{
	int r = basin->store == NULL ? bsn_store_open(basin->data_fd, &basin->store, err) : 0;
	if (r < 0)
		return r;
	*ret_store = basin->store;
	return 0;
}

struct bsn_runtime bsn_basin_runtime(const struct basin *basin)
{
	return (struct bsn_runtime){ .root = basin->root, .cgroup_root = basin->cgroup_root, .managing = true };
}

static int open_below(int dirfd, const char *root, const char *name, struct basin_error *err)
{
	int fd = bsn_open_dirs(dirfd, name, DIR_MODE);
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot open the directory \"%s/%s\"", root, name) : fd;
}

int bsn_basin_data_dir(const struct basin *basin, const char *name, struct basin_error *err)
{
	return open_below(basin->data_fd, basin->data_root, name, err);
}

int bsn_basin_state_dir(const struct basin *basin, const char *name, struct basin_error *err)
{
	return open_below(basin->root_fd, basin->root, name, err);
}
