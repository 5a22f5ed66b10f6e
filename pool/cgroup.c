/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a cgroup: made, looked up, its knobs set, taken away. See pool/cgroup.h for whose a cgroup is.
 *
 * Creating is written for the case that all is in place: mkdir, open, and the knobs. Only what is found missing is made good: a
 * parent that is not there, a controller that a parent has not handed down. A removal tries rmdir first, which is all it takes
 * once the container has ended by itself; whatever still lives is killed with cgroup.kill, which no fork escapes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/cgroup.h"
#include "pool/cgroup_knobs.h"

#define KILL_TIMEOUT_MS 10000

void bsn_cgroup_enable_all(const struct bsn_cgroup_tree *tree, const char *path)
{
	uint32_t available;
	if (bsn_cgroup_controllers(tree, &available, NULL) < 0 || bsn_cgroup_enable(tree, path, available, NULL) >= 0)
		return;
	for (int i = 0; i < BSN_CONTROLLERS; i++)
		if ((available & BSN_CONTROLLER_BIT(i)) != 0)
			bsn_cgroup_enable(tree, path, BSN_CONTROLLER_BIT(i), NULL);
}

/* A parent that somebody else made (an engine's --cgroup-parent) may hand nothing down. One look at a file that nearly every tree has. */
static void check_parent(const struct bsn_cgroup_tree *tree, const char *path, int fd)
{
	size_t base = strlen(tree->base);
	uint32_t available;
	bool ours = base > 0 && strncmp(path, tree->base, base) == 0 && path[base] == '/';
	if (!ours && faccessat(fd, "memory.max", F_OK, 0) < 0 && bsn_cgroup_controllers(tree, &available, NULL) >= 0 &&
	    (available & BSN_CONTROLLER_BIT(BSN_CONTROLLER_MEMORY)) != 0)
		bsn_cgroup_enable_all(tree, path);
}

static int make_parents(const struct bsn_cgroup_tree *tree, const char *path, struct basin_error *err)
{
	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		char parent[PATH_MAX];
		int r = bsn_format(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
		if (r >= 0)
			r = bsn_sys_mkdirat(tree->fd, parent, 0755);
		if (r < 0 && r != -EEXIST)
			return bsn_fail_sys(err, -r, "cannot create the cgroup \"%s/%s\"", tree->mount, parent);
	}
	bsn_cgroup_enable_all(tree, path);
	return 0;
}

/* 1: made here; 0: it was there. Somebody's prune may take a parent away between two calls, so it is tried more than once. */
static int make(const struct bsn_cgroup_tree *tree, const char *path, struct basin_error *err)
{
	int r = -ENOENT;
	for (int tries = 0; r == -ENOENT && tries < 8; tries++) {
		if (tries > 0) {
			r = make_parents(tree, path, err);
			if (r < 0 && r != -ENOENT)
				return r;
		}
		r = bsn_sys_mkdirat(tree->fd, path, 0755);
	}
	if (r < 0 && r != -EEXIST)
		return bsn_fail_sys(err, -r, "cannot create the cgroup \"%s/%s\"", tree->mount, path);
	return r == -EEXIST ? 0 : 1;
}

static int check_free(int fd, const char *path, struct basin_error *err)
{
	if (bsn_cgroup_populated(fd) > 0)
		return bsn_fail(err, BASIN_BUSY, EBUSY,
				"the cgroup \"%s\" exists and has processes in it: container's cgroup is not empty", path);
	if (bsn_cgroup_frozen(fd) > 0)
		return bsn_fail(err, BASIN_BUSY, EBUSY,
				"the cgroup \"%s\" exists and is frozen: container's cgroup unexpectedly frozen", path);
	return 0;
}

/* Sets the knobs; where one's file is missing, brings the controllers down and tries once more. */
static int set_knobs(const struct bsn_cgroup_tree *tree, const char *path, int fd, const struct bsn_cgroup_resources *resources,
		     bool fresh, struct basin_error *err)
{
	uint32_t mask = resources != NULL ? bsn_cgroup_resources_controllers(resources) : 0;
	/* A new cgroup has no limits that could be lifted. */
	if (resources == NULL || (fresh && mask == 0 && resources->unified_count == 0))
		return 0;
	struct basin_error why = { 0 };
	int r = tree->fake ? bsn_cgroup_require(tree, mask, &why) : 0;
	if (r >= 0)
		r = bsn_cgroup_write_knobs(fd, tree->fake, resources, &why);
	if (r == -ENOENT && !tree->fake) {
		r = bsn_cgroup_thread(tree, path, &why);
		if (r >= 0)
			r = bsn_cgroup_enable(tree, path, mask, &why);
		if (r >= 0)
			r = bsn_cgroup_write_knobs(fd, false, resources, &why);
	}
	if (r >= 0)
		return 0;
	if (err != NULL)
		*err = why;
	return bsn_error_prefix(err, "cgroup \"%s\"", path);
}

static int create(const struct bsn_cgroup_tree *tree, const char *path, const struct bsn_cgroup_resources *resources, bool shared,
		  int *ret_fd, struct basin_error *err)
{
	int made = make(tree, path, err);
	if (made < 0)
		return made;
	auto_fd int fd = bsn_sys_openat(tree->fd, path, O_RDONLY | O_DIRECTORY, 0);
	int r = fd < 0 ? bsn_fail_sys(err, -fd, "cannot open the cgroup \"%s/%s\"", tree->mount, path) : 0;
	if (r >= 0 && made == 0 && !shared)
		r = check_free(fd, path, err);
	if (r >= 0 && !shared && !tree->fake)
		check_parent(tree, path, fd);
	if (r >= 0)
		r = set_knobs(tree, path, fd, resources, made == 1, err);
	if (r < 0) {
		if (made == 1)
			bsn_cgroup_destroy(tree, path, NULL);
		return r;
	}
	if (ret_fd != NULL)
		*ret_fd = bsn_fd_give(&fd);
	return 0;
}

int bsn_cgroup_create(const struct bsn_cgroup_tree *tree, const char *path, const struct bsn_cgroup_resources *resources,
		      int *ret_fd, struct basin_error *err)
{
	return create(tree, path, resources, false, ret_fd, err);
}

int bsn_cgroup_ensure(const struct bsn_cgroup_tree *tree, const char *path, const struct bsn_cgroup_resources *resources,
		      struct basin_error *err)
{
	return create(tree, path, resources, true, NULL, err);
}

int bsn_cgroup_open(const struct bsn_cgroup_tree *tree, const char *path, int *ret_fd, struct basin_error *err)
{
	int fd = bsn_sys_openat(tree->fd, *path != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "the cgroup \"%s/%s\" does not exist", tree->mount, path);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the cgroup \"%s/%s\"", tree->mount, path);
	*ret_fd = fd;
	return 0;
}

int bsn_cgroup_update(const struct bsn_cgroup_tree *tree, const char *path, const struct bsn_cgroup_resources *resources,
		      struct basin_error *err)
{
	auto_fd int fd = -1;
	int r = bsn_cgroup_open(tree, path, &fd, err);
	return r < 0 ? r : set_knobs(tree, path, fd, resources, false, err);
}

int bsn_cgroup_remove_dirs(int dirfd, const char *name)
{
	for (int tries = 0;; tries++) {
		int r = bsn_sys_unlinkat(dirfd, name, AT_REMOVEDIR);
		if (r >= 0 || r == -ENOENT)
			return 0;
		if ((r != -EBUSY && r != -ENOTEMPTY) || tries >= 50)
			return r;
		if (tries > 0)
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
		int fd = bsn_sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
		if (fd == -ENOENT)
			return 0;
		auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
		if (dir == NULL)
			return fd < 0 ? fd : -ENOMEM;
		for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
			if (entry->d_type != DT_DIR || bsn_streq(entry->d_name, ".") || bsn_streq(entry->d_name, ".."))
				continue;
			r = bsn_cgroup_remove_dirs(fd, entry->d_name);
			if (r < 0)
				return r;
		}
	}
}

static int kill_and_wait(const struct bsn_cgroup_tree *tree, const char *path, struct basin_error *err)
{
	auto_fd int fd = bsn_sys_openat(tree->fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the cgroup \"%s/%s\"", tree->mount, path);
	int r = bsn_cgroup_kill(fd, err);
	if (r >= 0)
		r = bsn_cgroup_wait_empty(fd, KILL_TIMEOUT_MS, err);
	return r < 0 ? bsn_error_prefix(err, "cgroup \"%s\"", path) : 0;
}

int bsn_cgroup_destroy(const struct bsn_cgroup_tree *tree, const char *path, struct basin_error *err)
{
	if (*path == '\0')
		return bsn_fail(err, BASIN_USAGE, EINVAL, "the whole cgroup tree \"%s\" is not removed", tree->mount);
	int r = bsn_sys_unlinkat(tree->fd, path, AT_REMOVEDIR);
	if (r >= 0 || r == -ENOENT)
		return 0;
	if (tree->fake) {
		r = bsn_remove_tree(tree->fd, path);
	} else {
		r = kill_and_wait(tree, path, err);
		if (r < 0)
			return r;
		r = bsn_cgroup_remove_dirs(tree->fd, path);
	}
	return r < 0 ? bsn_fail_sys(err, -r, "cannot remove the cgroup \"%s/%s\"", tree->mount, path) : 0;
}

int bsn_cgroup_remove_empty(const struct bsn_cgroup_tree *tree, const char *path, struct basin_error *err)
{
	auto_fd int fd = *path != '\0' ? bsn_sys_openat(tree->fd, path, O_RDONLY | O_DIRECTORY, 0) : -EINVAL;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the cgroup \"%s/%s\"", tree->mount, path);
	if (bsn_cgroup_populated(fd) > 0)
		return bsn_fail(err, BASIN_BUSY, EBUSY, "the cgroup \"%s/%s\" has processes in it", tree->mount, path);
	int r = tree->fake ? bsn_remove_tree(tree->fd, path) : bsn_cgroup_remove_dirs(tree->fd, path);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot remove the cgroup \"%s/%s\"", tree->mount, path) : 0;
}

void bsn_cgroup_prune(const struct bsn_cgroup_tree *tree, const char *path)
{
	char level[PATH_MAX];
	size_t base = strlen(tree->base);
	if (base == 0 || bsn_format(level, sizeof(level), "%s", path) < 0)
		return;
	for (char *slash = strrchr(level, '/'); slash != NULL; slash = strrchr(level, '/')) {
		*slash = '\0';
		bool ours = strncmp(level, tree->base, base) == 0 && (level[base] == '\0' || level[base] == '/');
		if (!ours || bsn_sys_unlinkat(tree->fd, level, AT_REMOVEDIR) < 0)
			return;
	}
}
