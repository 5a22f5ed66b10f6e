/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside the container's root. The kernel resolves them with RESOLVE_IN_ROOT, so that no link and no ".." leads out,
 * whatever the image holds. Only where something must be made is the path walked here, one part at a time, links included: each
 * directory is opened in the same way and the new name is made in it.
 */
#include "runtime/child/child.h"

#define LINKS_MAX 40

/* A path being walked: `done` has no links and no dots in it, `todo` is what is left. */
struct walk {
	char done[PATH_ROOM];
	size_t done_length;
	char todo[2 * PATH_ROOM];
	int links;
};

static const char *below_root(const char *path)
{
	while (*path == '/')
		path++;
	return *path == '\0' ? "." : path;
}

int path_open(const struct child *child, const char *path, uint64_t resolve)
{
	return sys_openat2(child->root, below_root(path), O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
}

static void drop_last(struct walk *walk)
{
	while (walk->done_length > 0 && walk->done[--walk->done_length] != '/')
		;
	walk->done[walk->done_length] = '\0';
}

/* Moves the first part of todo to name: 1, or 0 when todo is used up. */
static int next_part(struct walk *walk, char *name, size_t room)
{
	const char *at = walk->todo;
	size_t length = 0;
	while (*at == '/')
		at++;
	if (*at == '\0')
		return 0;
	while (*at != '\0' && *at != '/') {
		if (length + 1 >= room)
			return -ENAMETOOLONG;
		name[length++] = *at++;
	}
	name[length] = '\0';
	size_t rest = 0;
	while ((walk->todo[rest] = at[rest]) != '\0')
		rest++;
	return 1;
}

static int is_last(const struct walk *walk)
{
	const char *at = walk->todo;
	while (*at == '/')
		at++;
	return *at == '\0';
}

/* What the link points to takes its place in the path. */
static int follow(struct walk *walk, int link)
{
	char target[PATH_ROOM];
	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	long n = SYS4(readlinkat, link, "", target, sizeof(target) - 1);
	if (n < 0)
		return (int)n;
	target[n] = '\0';
	if ((size_t)n + 1 + text_length(walk->todo) >= sizeof(walk->todo))
		return -ENAMETOOLONG;
	size_t rest = text_length(walk->todo);
	for (size_t i = rest + 1; i-- > 0;)
		walk->todo[(size_t)n + 1 + i] = walk->todo[i];
	for (size_t i = 0; i < (size_t)n; i++)
		walk->todo[i] = target[i];
	walk->todo[n] = '/';
	if (target[0] == '/')
		walk->done_length = 0;
	walk->done[walk->done_length] = '\0';
	return 0;
}

static int make_in(int parent, const char *name, uint32_t type, uint32_t mode)
{
	if (type == STAT_DIRECTORY)
		return (int)SYS3(mkdirat, parent, name, mode);
	int fd = sys_openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, (int)mode);
	if (fd >= 0)
		sys_close(fd);
	return fd < 0 ? fd : 0;
}

/* Goes one part further, making it if it is not there. */
static int step(const struct child *child, struct walk *walk, const char *name, uint32_t type, uint32_t mode, int *ret_made)
{
	struct statx st;
	if (text_same(name, "."))
		return 0;
	if (text_same(name, "..")) {
		drop_last(walk);
		return 0;
	}
	/* What is done had no links. One that has come since is somebody's who is at work in there now. */
	int parent =
		sys_openat2(child->root, below_root(walk->done), O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	if (parent < 0)
		return parent;
	int fd = sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);
	int r = fd;
	if (fd == -ENOENT) {
		uint32_t wanted = is_last(walk) ? type : STAT_DIRECTORY;
		r = make_in(parent, name, wanted, wanted == type ? mode : 0755);
		if (r == 0)
			*ret_made = 1;
	} else if (fd >= 0) {
		r = sys_statx(fd, &st);
		if (r >= 0 && (st.stx_mode & STAT_TYPE) == STAT_LINK) {
			r = follow(walk, fd);
			sys_close(fd);
			sys_close(parent);
			return r;
		}
	}
	if (fd >= 0)
		sys_close(fd);
	sys_close(parent);
	if (r < 0)
		return r;
	walk->done_length = text_add(walk->done, walk->done_length, sizeof(walk->done), "/");
	walk->done_length = text_add(walk->done, walk->done_length, sizeof(walk->done), name);
	return 0;
}

static int is_proc(const char *done)
{
	return text_starts(done, "/proc") && (done[5] == '\0' || done[5] == '/');
}

int path_make(const struct child *child, const char *path, uint32_t type, uint32_t mode, int *ret_found)
{
	struct walk walk; /* large: only what is used is set */
	char name[NAME_ROOM];
	int made = 0;
	int fd = path_open(child, path, RESOLVE_NO_SYMLINKS);

	if (ret_found != NULL)
		*ret_found = 0;
	if (fd != -ENOENT && fd != -ELOOP)
		return fd;
	if (text_length(path) >= PATH_ROOM)
		return -ENAMETOOLONG;
	walk.done[0] = '\0';
	walk.done_length = 0;
	walk.links = 0;
	text_add(walk.todo, 0, sizeof(walk.todo), path);
	int r;
	while ((r = next_part(&walk, name, sizeof(name))) > 0) {
		r = step(child, &walk, name, type, mode, &made);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (ret_found != NULL)
		*ret_found = (made ? PATH_MADE : 0) | (walk.links > 0 && is_proc(walk.done) ? PATH_PROC : 0);
	return path_open(child, walk.done, RESOLVE_NO_SYMLINKS);
}

void path_forget(struct child *child)
{
	if (child->parent >= 0)
		sys_close(child->parent);
	child->parent = -1;
}

/* Whether the directory in the first `length` bytes is the one that is open. */
static int is_known(const struct child *child, const char *path, size_t length)
{
	if (child->parent < 0 || child->parent_length != length)
		return 0;
	for (size_t i = 0; i < length; i++)
		if (child->parent_path[i] != path[i])
			return 0;
	return 1;
}

int path_parent(struct child *child, const char *path, char *name)
{
	char directory[PATH_ROOM];
	size_t end = text_length(path);
	while (end > 1 && path[end - 1] == '/')
		end--;
	size_t slash = end;
	while (slash > 0 && path[slash - 1] != '/')
		slash--;
	if (slash >= sizeof(directory) || slash == end || end - slash >= NAME_ROOM)
		return -EINVAL;
	for (size_t i = 0; i < end - slash; i++)
		name[i] = path[slash + i];
	name[end - slash] = '\0';
	if (text_same(name, ".") || text_same(name, ".."))
		return -EINVAL;
	if (is_known(child, path, slash))
		return child->parent;
	path_forget(child);
	for (size_t i = 0; i < slash; i++)
		directory[i] = path[i];
	directory[slash] = '\0';
	child->parent = path_make(child, directory, STAT_DIRECTORY, 0755, NULL);
	child->parent_path = path;
	child->parent_length = slash;
	return child->parent;
}
