/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/name.h"
#include "base/str.h"
#include "base/sys.h"

#define LOCK_WAIT_MS 10000
#define CONFIG_MAX   (16 << 20)

void bsn_container_release(struct bsn_container *container)
{
	if (container->tree_open)
		bsn_cgroup_tree_close(&container->tree);
	container->tree_open = false;
	bsn_own_close(&container->lock);
	bsn_own_close(&container->dir);
	bsn_own_close(&container->root);
	container->lock = container->dir = container->root = -1;
}

int bsn_container_open_root(const struct bsn_runtime *runtime, bool make, int *ret_fd, struct basin_error *err)
{
	auto_fd int fd = bsn_sys_openat(AT_FDCWD, runtime->root, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT && make) {
		int made = bsn_open_dirs(AT_FDCWD, runtime->root, 0711);
		fd = made;
	}
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the state root \"%s\"", runtime->root);
	if (make && bsn_check_trusted(fd, NULL) < 0)
		return bsn_fail(err, BASIN_DENIED, EPERM,
				"the state root \"%s\" belongs to another user, or anybody may write to it: use another --root",
				runtime->root);
	*ret_fd = bsn_fd_give(&fd);
	return 0;
}

static int take_lock(struct bsn_container *container, int timeout_ms, struct basin_error *err)
{
	int r = bsn_lock_take(container->dir, "lock", BSN_LOCK_EXCLUSIVE, timeout_ms, &container->lock);
	if (r == -EAGAIN)
		return bsn_fail(err, BASIN_BUSY, EBUSY, "container \"%s\" is being changed by another command", container->id);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot lock container \"%s\"", container->id) : 0;
}

/* Where descriptors are few our own are needed for it; the lock, too: all that it guarded has been unmade. */
static int remove_directory(struct bsn_container *container)
{
	int *const ours[] = { &container->dir, &container->lock };
	int r = bsn_remove_tree(container->root, container->id);
	for (size_t i = 0; i < 2 && r == -EMFILE; i++) {
		bsn_own_close(ours[i]);
		*ours[i] = -1;
		r = bsn_remove_tree(container->root, container->id);
	}
	return r == -EMFILE ? bsn_sys_unlinkat(container->root, container->id, AT_REMOVEDIR) : r;
}

int bsn_container_make(const struct bsn_runtime *runtime, const char *id, struct bsn_container *ret_container,
		       struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	container.runtime = runtime;
	container.id = id;
	int r = bsn_name_check_id(id, err);
	if (r >= 0)
		r = bsn_container_open_root(runtime, true, &container.root, err);
	if (r < 0)
		return r;
	r = bsn_sys_mkdirat(container.root, id, 0711);
	if (r == -EEXIST)
		return bsn_fail(err, BASIN_EXISTS, EEXIST,
				"container with given ID already exists: \"%s\"; remove it with delete, or use another id", id);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot make the directory of container \"%s\"", id);
	container.dir = bsn_sys_openat(container.root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	r = container.dir < 0 ? bsn_fail_sys(err, -container.dir, "cannot open the directory of container \"%s\"", id)
			      : take_lock(&container, 0, err);
	if (r < 0) {
		remove_directory(&container);
		return r;
	}
	*ret_container = container;
	container = (struct bsn_container)BSN_CONTAINER_INIT;
	return 0;
}

/* Whether the directory that we locked is still the one of that name: whoever held the lock before may have removed it. */
static bool still_there(const struct bsn_container *container)
{
	struct stat ours;
	struct stat now;
	return fstat(container->dir, &ours) == 0 && fstatat(container->root, container->id, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_ino == now.st_ino;
}

int bsn_container_look(const struct bsn_runtime *runtime, const char *id, struct bsn_container *ret_container,
		       struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	container.runtime = runtime;
	container.id = id;
	int r = bsn_name_check_id(id, err);
	if (r < 0)
		return r;
	container.root = bsn_sys_openat(AT_FDCWD, runtime->root, O_RDONLY | O_DIRECTORY, 0);
	container.dir =
		container.root < 0 ? container.root : bsn_sys_openat(container.root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (container.dir == -ENOENT)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "container does not exist: \"%s\"", id);
	if (container.dir < 0)
		return bsn_fail_sys(err, -container.dir, "cannot open the directory of container \"%s\"", id);
	*ret_container = container;
	container = (struct bsn_container)BSN_CONTAINER_INIT;
	return 0;
}

/* What is recorded there says whom to kill, which cgroup to remove and what to run: its owner would have us do it. */
static int check_owner(const struct bsn_container *container, struct basin_error *err)
{
	uid_t owner = 0;
	if (bsn_check_trusted(container->dir, &owner) >= 0)
		return 0;
	return bsn_fail(err, BASIN_DENIED, EPERM, "container \"%s\" belongs to user %u: act on it as that user", container->id,
			(unsigned int)owner);
}

int bsn_container_open(const struct bsn_runtime *runtime, const char *id, bool lock, struct bsn_container *ret_container,
		       struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	int r = bsn_container_look(runtime, id, &container, err);
	if (r >= 0)
		r = check_owner(&container, err);
	if (r < 0)
		return r;
	r = lock ? take_lock(&container, LOCK_WAIT_MS, err) : 0;
	if (r >= 0 && lock && !still_there(&container))
		r = bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "container does not exist: \"%s\"", id);
	if (r < 0)
		return r;
	*ret_container = container;
	container = (struct bsn_container)BSN_CONTAINER_INIT;
	return 0;
}

int bsn_container_tree(struct bsn_container *container, struct bsn_cgroup_tree **ret_tree, struct basin_error *err)
{
	if (!container->tree_open) {
		int r = bsn_cgroup_tree_open(container->runtime->cgroup_root, &container->tree, err);
		if (r < 0)
			return r;
		container->tree_open = true;
	}
	*ret_tree = &container->tree;
	return 0;
}

int bsn_container_cgroup(struct bsn_container *container, const struct bsn_state *state, int *ret_fd, struct basin_error *err)
{
	struct bsn_cgroup_tree *tree;
	int fd = -1;
	if (state->cgroup != NULL) {
		int r = bsn_container_tree(container, &tree, err);
		if (r >= 0)
			r = bsn_cgroup_open(tree, state->cgroup, &fd, err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	*ret_fd = fd;
	return 0;
}

int bsn_container_mark(const struct bsn_container *container, struct bsn_container_mark *ret_mark, struct basin_error *err)
{
	struct stat st;
	if (fstat(container->dir, &st) < 0)
		return bsn_fail_sys(err, errno, "cannot look at the directory of container \"%s\"", container->id);
	int r = bsn_format(ret_mark->text, sizeof(ret_mark->text), "%s %llx:%llx", container->id, (unsigned long long)st.st_dev,
			   (unsigned long long)st.st_ino);
	return r < 0 ? bsn_fail_sys(err, -r, "container \"%s\"", container->id) : 0;
}

int bsn_container_pidfd(const struct bsn_state *state)
{
	return bsn_process_open(&state->init);
}

enum bsn_status bsn_container_status(struct bsn_container *container, const struct bsn_state *state)
{
	int cgroup = -1;
	auto_fd int pidfd = bsn_container_pidfd(state);
	if (pidfd < 0)
		return BSN_STOPPED;
	if (faccessat(container->dir, "start", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return bsn_container_is_paused(container) ? BSN_PAUSED : BSN_CREATED;
	bsn_container_cgroup(container, state, &cgroup, NULL);
	auto_fd int owned = cgroup;
	return owned >= 0 && bsn_cgroup_frozen(owned) > 0 ? BSN_PAUSED : BSN_RUNNING;
}

int bsn_container_refuse_managed(const struct bsn_runtime *runtime, const struct bsn_state *state, const char *verb,
				 struct basin_error *err)
{
	if (!state->managed || runtime->managing)
		return 0;
	return bsn_fail(err, BASIN_CONFLICT, EBUSY, "\"%s\" is an environment: use \"basin env %s %s\"", state->id, verb,
			state->id);
}

int bsn_container_config(const struct bsn_container *container, struct bsn_config **ret_config, struct basin_error *err)
{
	auto_free char *text = NULL;
	size_t length;
	int r = bsn_read_file(container->dir, "config.json", CONFIG_MAX, &text, &length);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read the config of container \"%s\"", container->id);
	return bsn_config_parse(text, length, BSN_CONFIG_NO_ARGS | BSN_CONFIG_KEPT, ret_config, err);
}

int bsn_container_undo(struct bsn_container *container, struct basin_error *err)
{
	struct bsn_record *record = NULL;
	int r = bsn_record_open(container->dir, "record", false, &record, err);
	/* Where one cannot be made (a full file system) there was none: nothing was ever intended. */
	bool none = r < 0 && faccessat(container->dir, "record", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
	if (r < 0 && !none)
		return r;
	r = none ? 0 : bsn_steps_undo(bsn_container_steps, bsn_container_step_count, record, container, err);
	bsn_record_close(record);
	if (r < 0)
		return r;
	r = remove_directory(container);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot remove the directory of container \"%s\"", container->id) : 0;
}
