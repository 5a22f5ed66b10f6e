/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups below our root whose owner is gone. Names say what each is: pool-<part> a pool's, env-<name> an environment's, monitor. One in
 * which something still runs is never touched here: its environment's row leads to it, or it is another basin's.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/cgroup.h"
#include "runtime/env/monitor.h"
#include "runtime/env/reconcile.h"

struct looking {
	struct bsn_reconcile *reconcile;
	const struct bsn_cgroup_tree *tree;
	struct bsn_str path; /* below the base: "pool-team/pool-dev" */
	struct bsn_str pool; /* "/team/dev" */
};

static int remove_empty(struct basin *basin, const char *path, struct basin_error *err)
{
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	char full[PATH_MAX];
	int r = bsn_cgroup_tree_open(basin->cgroup_root, &tree, err);
	if (r >= 0)
		r = bsn_cgroup_path(&tree, path, full, sizeof(full), err);
	return r < 0 ? r : bsn_cgroup_remove_empty(&tree, full, err);
}

/* Whether an environment's cgroup has an owner that is alive: then it is not ours to judge. */
static int has_owner(struct looking *looking, const char *name)
{
	int r = bsn_reconcile_is_env(looking->reconcile, name);
	return r <= 0 ? r : bsn_monitor_alive(looking->reconcile->basin, name);
}

static int pool_exists(struct looking *looking)
{
	struct bsn_pool pool;
	int r = bsn_pool_get(looking->reconcile->ledger, bsn_str_text(&looking->pool), &pool, NULL);
	return r >= 0 ? 1 : r == -ENOENT ? 0 : r;
}

static int look_below(struct looking *looking, int fd);

static int judge(struct looking *looking, int fd, const char *name)
{
	const char *what = "cgroup";
	int owned = 0;
	if (bsn_starts_with(name, "pool-")) {
		int r = look_below(looking, fd);
		owned = r < 0 ? r : pool_exists(looking);
	} else if (bsn_starts_with(name, "env-")) {
		owned = has_owner(looking, name + strlen("env-"));
	} else {
		return 0; /* monitor, oci: theirs to remove */
	}
	if (owned != 0)
		return owned < 0 ? owned : 0;
	if (bsn_cgroup_populated(fd) != 0)
		return 0;
	return bsn_reconcile_find(looking->reconcile, what, bsn_str_text(&looking->path), "remove: nothing owns it",
				  remove_empty);
}

static void cut(struct bsn_str *str, size_t length)
{
	str->length = length;
	if (str->data != NULL)
		str->data[length] = '\0';
}

static int look_at(int dirfd, const char *name, void *data)
{
	struct looking *looking = data;
	size_t path_length = looking->path.length;
	size_t pool_length = looking->pool.length;
	auto_fd int fd = bsn_sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd == -ENOTDIR || fd == -ENOENT ? 0 : fd; /* a knob, or gone meanwhile */
	bsn_str_addf(&looking->path, "%s%s", path_length > 0 ? "/" : "", name);
	if (bsn_starts_with(name, "pool-"))
		bsn_str_addf(&looking->pool, "/%s", name + strlen("pool-"));
	int r = judge(looking, fd, name);
	cut(&looking->path, path_length);
	cut(&looking->pool, pool_length);
	return r;
}

static int look_below(struct looking *looking, int fd)
{
	return bsn_each_entry(fd, look_at, looking);
}

int bsn_reconcile_cgroups(struct bsn_reconcile *reconcile, struct basin_error *err)
{
	auto_cgroup_tree struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	struct looking looking = { .reconcile = reconcile, .tree = &tree };
	auto_fd int root = bsn_sys_openat(AT_FDCWD, reconcile->basin->cgroup_root, O_RDONLY | O_DIRECTORY, 0);
	if (root < 0 || bsn_cgroup_tree_open(reconcile->basin->cgroup_root, &tree, NULL) < 0)
		return 0; /* there is none, so nothing in it */
	int r = look_below(&looking, root);
	bsn_str_release(&looking.path);
	bsn_str_release(&looking.pool);
	if (!reconcile->dry_run)
		(void)remove_empty(reconcile->basin, "monitor", NULL); /* the last monitor could not: it was in it */
	return r < 0 ? bsn_fail_sys(err, -r, "cannot look through the cgroups below \"%s\"", reconcile->basin->cgroup_root) : 0;
}
