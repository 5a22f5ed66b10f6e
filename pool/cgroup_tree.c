/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the cgroup2 mount is, which part of it is basin's, which controllers it has, and how they come down to a cgroup.
 *
 * The two usual places are tried before the table of mounts is read: that is one open and one fstatfs in a container's start, and
 * in a mount namespace where a fresh cgroup2 was mounted over an older one it finds the mount that paths lead to.
 *
 * A controller's files appear in a cgroup when its parent says so in cgroup.subtree_control. bsn_cgroup_enable is called only
 * when a file was found missing, so it may be slow and thorough: it goes down from the mount and says at which level it stopped.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/cgroup.h"
#include "pool/cgroup_knobs.h"

static const char *const controller_names[BSN_CONTROLLERS] = {
	[BSN_CONTROLLER_CPU] = "cpu",       [BSN_CONTROLLER_CPUSET] = "cpuset", [BSN_CONTROLLER_IO] = "io",
	[BSN_CONTROLLER_MEMORY] = "memory", [BSN_CONTROLLER_PIDS] = "pids",     [BSN_CONTROLLER_HUGETLB] = "hugetlb",
	[BSN_CONTROLLER_RDMA] = "rdma",     [BSN_CONTROLLER_MISC] = "misc",
};

const char *bsn_controller_name(enum bsn_controller controller)
{
	return controller_names[controller];
}

static bool is_cgroup2(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The mount point of the table's first cgroup2, unescaped (a blank is \040 there): -ENOENT when there is none. */
static int first_in_mountinfo(char *ret_path, size_t room)
{
	auto_free char *text = NULL;
	int r = bsn_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 * 1024 * 1024, &text, NULL);
	if (r < 0)
		return r;
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		char path[PATH_MAX];
		if (strstr(line, " - cgroup2 ") == NULL || sscanf(line, "%*s %*s %*s %*s %4095s", path) != 1)
			continue;
		size_t length = 0;
		for (const char *p = path; *p != '\0' && length + 1 < room; p++) {
			unsigned int code;
			if (*p == '\\' && sscanf(p + 1, "%3o", &code) == 1) {
				ret_path[length++] = (char)code;
				p += 3;
			} else {
				ret_path[length++] = *p;
			}
		}
		ret_path[length] = '\0';
		return 0;
	}
	return -ENOENT;
}

static int open_first_mount(struct bsn_cgroup_tree *tree, struct basin_error *err)
{
	static const char *const usual[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		auto_fd int fd = bsn_sys_openat(AT_FDCWD, usual[i], O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 || !is_cgroup2(fd))
			continue;
		tree->fd = bsn_fd_give(&fd);
		return bsn_format(tree->mount, sizeof(tree->mount), "%s", usual[i]);
	}
	int r = first_in_mountinfo(tree->mount, sizeof(tree->mount));
	if (r < 0)
		return bsn_fail(err, BASIN_UNSUPPORTED, -r,
				"no cgroup v2 file system is mounted (mount one with "
				"\"mount -t cgroup2 none /sys/fs/cgroup\")");
	tree->fd = bsn_sys_openat(AT_FDCWD, tree->mount, O_RDONLY | O_DIRECTORY, 0);
	if (tree->fd < 0)
		return bsn_fail_sys(err, -tree->fd, "cannot open the cgroup v2 mount \"%s\"", tree->mount);
	return 0;
}

static bool is_mount_root(int fd)
{
	struct statx sx;
	return syscall(SYS_statx, fd, "", AT_EMPTY_PATH, 0, &sx) == 0 && (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/*
 * An absolute root: its longest part that is the root of a cgroup2 mount is the mount, the rest (which need not exist yet) the
 * base. A plain directory that exists is taken as it is.
 */
static int open_absolute(const char *root, struct bsn_cgroup_tree *tree, struct basin_error *err)
{
	size_t length = strlen(root);
	while (length > 1 && root[length - 1] == '/')
		length--;
	const size_t whole = length;
	if (whole >= sizeof(tree->mount))
		return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "the cgroup root \"%.80s...\" is too long", root);
	for (; length > 0; length = (size_t)((const char *)memrchr(root, '/', length) - root)) {
		memcpy(tree->mount, root, length);
		tree->mount[length] = '\0';
		auto_fd int fd = bsn_sys_openat(AT_FDCWD, tree->mount, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 && fd != -ENOENT)
			return bsn_fail_sys(err, -fd, "cannot open the cgroup root \"%s\"", root);
		tree->fake = fd >= 0 && !is_cgroup2(fd);
		if (tree->fake && length < whole)
			break;
		if (fd < 0 || (!tree->fake && !is_mount_root(fd)))
			continue;
		tree->fd = bsn_fd_give(&fd);
		size_t base = whole - length;
		memcpy(tree->base, root + length + (base > 0), base);
		tree->base[base > 0 ? base - 1 : 0] = '\0';
		return 0;
	}
	return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "the cgroup root \"%s\" is not in a cgroup v2 mount", root);
}

static int check_path(const char *path, struct basin_error *err)
{
	const char *rest = path;
	while (*rest != '\0') {
		size_t length = strcspn(rest, "/");
		if (length == 2 && strncmp(rest, "..", 2) == 0)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "the cgroup path \"%s\" must not contain \"..\"", path);
		rest += length + (rest[length] == '/');
	}
	return 0;
}

int bsn_cgroup_tree_open(const char *root, struct bsn_cgroup_tree *ret_tree, struct basin_error *err)
{
	if (root == NULL)
		root = getenv("BASIN_CGROUP_ROOT");
	if (root == NULL || *root == '\0')
		root = "basin";
	struct bsn_cgroup_tree tree = BSN_CGROUP_TREE_INIT;
	int r = check_path(root, err);
	if (r < 0)
		return r;
	if (*root == '/') {
		r = open_absolute(root, &tree, err);
	} else {
		r = open_first_mount(&tree, err);
		if (r >= 0 && bsn_format(tree.base, sizeof(tree.base), "%s", root) < 0)
			r = bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "the cgroup root \"%.80s...\" is too long", root);
	}
	if (r < 0) {
		bsn_cgroup_tree_close(&tree);
		return r;
	}
	*ret_tree = tree;
	return 0;
}

void bsn_cgroup_tree_close(struct bsn_cgroup_tree *tree)
{
	bsn_own_close(&tree->fd);
	tree->fd = -1;
}

int bsn_cgroup_path(const struct bsn_cgroup_tree *tree, const char *rest, char *buffer, size_t room, struct basin_error *err)
{
	rest += strspn(rest, "/");
	int r = check_path(rest, err);
	if (r < 0)
		return r;
	bool both = tree->base[0] != '\0' && *rest != '\0';
	r = bsn_format(buffer, room, "%s%s%s", tree->base, both ? "/" : "", rest);
	if (r < 0)
		return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "the cgroup path \"%.80s...\" is too long", rest);
	return 0;
}

/* The controllers that a file of the tree names. */
static int read_controllers(const struct bsn_cgroup_tree *tree, const char *file, uint32_t *ret_mask)
{
	auto_free char *text = NULL;
	int r = bsn_read_file(tree->fd, file, 4096, &text, NULL);
	if (r < 0 && r != -ENOENT)
		return r;
	uint32_t mask = 0;
	char *rest = text;
	for (const char *word = strsep(&rest, " \n"); word != NULL; word = strsep(&rest, " \n"))
		for (int i = 0; i < BSN_CONTROLLERS; i++)
			if (bsn_streq(word, controller_names[i]))
				mask |= BSN_CONTROLLER_BIT(i);
	*ret_mask = mask;
	return 0;
}

int bsn_cgroup_controllers(const struct bsn_cgroup_tree *tree, uint32_t *ret_mask, struct basin_error *err)
{
	int r = read_controllers(tree, "cgroup.controllers", ret_mask);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot read \"%s/cgroup.controllers\"", tree->mount) : 0;
}

/*
 * What /proc/cgroups says of a controller: -1 when it does not list it, else 1 if a v1 hierarchy holds it, 2 if it is switched
 * off.
 */
static int look_up_v1(const char *name)
{
	auto_free char *text = NULL;
	if (bsn_read_file(AT_FDCWD, "/proc/cgroups", 65536, &text, NULL) < 0)
		return -1;
	char *rest = text;
	for (const char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		char found[64];
		int hierarchy, enabled;
		if (sscanf(line, "%63s %d %*d %d", found, &hierarchy, &enabled) != 3 || !bsn_streq(found, name))
			continue;
		return enabled == 0 ? 2 : hierarchy != 0 ? 1 : 0;
	}
	return -1;
}

const char *bsn_cgroup_remedy(const struct bsn_cgroup_tree *tree, enum bsn_controller controller, char *buffer, size_t room)
{
	const char *name = controller_names[controller];
	const char *v1_name = controller == BSN_CONTROLLER_IO ? "blkio" : name;
	switch (tree->fake ? -1 : look_up_v1(v1_name)) {
	case 0:
		snprintf(buffer, room,
			 "it is not delegated to \"%s\": enable it in the "
			 "cgroup.subtree_control above, or run in a systemd unit with "
			 "Delegate=yes",
			 tree->mount);
		break;
	case 1:
		snprintf(buffer, room,
			 "a cgroup v1 hierarchy holds it: boot with "
			 "\"systemd.unified_cgroup_hierarchy=1\", or \"cgroup_no_v1=%s\"",
			 v1_name);
		break;
	case 2:
		snprintf(buffer, room,
			 "it is switched off: boot with \"cgroup_enable=%s\" and without "
			 "\"cgroup_disable=%s\"",
			 name, name);
		break;
	default:
		snprintf(buffer, room, "this kernel was built without it");
	}
	return buffer;
}

int bsn_cgroup_require(const struct bsn_cgroup_tree *tree, uint32_t mask, struct basin_error *err)
{
	uint32_t available;
	int r = bsn_cgroup_controllers(tree, &available, err);
	if (r < 0)
		return r;
	for (int i = 0; i < BSN_CONTROLLERS; i++) {
		if ((mask & ~available & BSN_CONTROLLER_BIT(i)) == 0)
			continue;
		char remedy[256];
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP, "the cgroup v2 tree \"%s\" has no %s controller (%s)",
				tree->mount, controller_names[i],
				bsn_cgroup_remedy(tree, (enum bsn_controller)i, remedy, sizeof(remedy)));
	}
	return 0;
}

/* Switches the controllers on for the children of one level. */
static int enable_level(const struct bsn_cgroup_tree *tree, const char *level, uint32_t mask, struct basin_error *err)
{
	char file[PATH_MAX], text[256] = "";
	int r = bsn_format(file, sizeof(file), "%s%scgroup.subtree_control", level, *level != '\0' ? "/" : "");
	if (r < 0)
		return r;
	for (int i = 0; i < BSN_CONTROLLERS; i++)
		if ((mask & BSN_CONTROLLER_BIT(i)) != 0) {
			strcat(text, *text != '\0' ? " +" : "+");
			strcat(text, controller_names[i]);
		}
	r = bsn_write_file(tree->fd, file, text);
	/* Above what was delegated to an ordinary user, somebody else has to have done it. */
	uint32_t enabled = 0;
	if ((r == -EACCES || r == -EPERM) && read_controllers(tree, file, &enabled) >= 0 && (mask & ~enabled) == 0)
		return 0;
	if (r == -EBUSY)
		return bsn_fail(err, BASIN_UNSUPPORTED, EBUSY,
				"cannot enable \"%s\" below the cgroup \"%s/%s\": processes run in it "
				"directly (move them into a child of it)",
				text, tree->mount, level);
	if (r == -EOPNOTSUPP)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"cannot enter cgroupv2 \"%s/%s\" with domain controllers -- it is in threaded mode (\"%s\" is "
				"refused there)",
				tree->mount, level, text);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot write \"%s\" to \"%s/%s\"", text, tree->mount, file);
	return 0;
}

int bsn_cgroup_enable(const struct bsn_cgroup_tree *tree, const char *path, uint32_t mask, struct basin_error *err)
{
	if (tree->fake || mask == 0)
		return bsn_cgroup_require(tree, mask, err);
	int r = bsn_cgroup_require(tree, mask, err);
	if (r >= 0)
		r = enable_level(tree, "", mask, err);
	for (const char *slash = strchr(path, '/'); r >= 0 && slash != NULL; slash = strchr(slash + 1, '/')) {
		char level[PATH_MAX];
		memcpy(level, path, (size_t)(slash - path));
		level[slash - path] = '\0';
		r = enable_level(tree, level, mask, err);
	}
	return r;
}

/* 1: it was invalid and is threaded now. A cgroup without such a file is the root. */
static int thread_level(const struct bsn_cgroup_tree *tree, const char *level, struct basin_error *err)
{
	char file[PATH_MAX];
	auto_free char *type = NULL;
	if (bsn_format(file, sizeof(file), "%s/cgroup.type", level) < 0 || bsn_read_file(tree->fd, file, 64, &type, NULL) < 0 ||
	    !bsn_starts_with(type, "domain invalid"))
		return 0;
	int r = bsn_write_file(tree->fd, file, "threaded");
	return r < 0 ? bsn_fail_sys(err, -r, "cannot make the cgroup \"%s/%s\" threaded", tree->mount, level) : 1;
}

int bsn_cgroup_thread(const struct bsn_cgroup_tree *tree, const char *path, struct basin_error *err)
{
	int changed = 0;
	for (const char *slash = strchrnul(path, '/');; slash = strchrnul(slash + 1, '/')) {
		char level[PATH_MAX];
		memcpy(level, path, (size_t)(slash - path));
		level[slash - path] = '\0';
		int r = thread_level(tree, level, err);
		if (r < 0)
			return r;
		changed |= r;
		if (*slash == '\0')
			return changed;
	}
}
