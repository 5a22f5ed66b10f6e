/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk keeps one directory open at a time: it visits all names of a directory, remembers the directories among them, and goes
 * on with the first of those. So depth costs memory, not descriptors, and a tree that an attacker nested a thousand deep is only
 * long.
 */
#include "image/mtree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"

#define XATTR_LIST_ROOM 65536

struct names {
	char **items;
	size_t count;
	size_t room;
};

struct walker {
	const struct bsn_mtree_walk *walk;
	struct bsn_hash *hash;
	struct names pending; /* directories to go into, the next one last; paths from
                           the top, "" the top */
	struct bsn_str path;
	struct bsn_str line;
	char *list; /* of extended attribute names */
	char *value;
};

bool bsn_mtree_keeps_xattr(const char *name)
{
	if (bsn_starts_with(name, "user."))
		return !bsn_starts_with(name, "user.overlay.") && !bsn_streq(name, "user.rootlesscontainers");
	return bsn_streq(name, "security.capability") || bsn_streq(name, "system.posix_acl_access") ||
	       bsn_streq(name, "system.posix_acl_default");
}

int bsn_mtree_escape(const char *path, struct bsn_str *str)
{
	for (const unsigned char *at = (const unsigned char *)path; *at != '\0'; at++)
		if (*at < 33 || *at > 126 || *at == '\\' || *at == '#')
			bsn_str_addf(str, "\\%03o", *at);
		else
			bsn_str_add_bytes(str, at, 1);
	return str->failed ? -ENOMEM : 0;
}

static int add_name(struct names *names, const char *name)
{
	if (names->count == names->room) {
		size_t room = names->room == 0 ? 32 : names->room * 2;
		char **items = realloc(names->items, room * sizeof(*items));
		if (items == NULL)
			return -ENOMEM;
		names->items = items;
		names->room = room;
	}
	names->items[names->count] = strdup(name);
	return names->items[names->count++] == NULL ? -ENOMEM : 0;
}

static void release_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int take_name(int dirfd, const char *name, void *data)
{
	(void)dirfd;
	return add_name(data, name);
}

static int fail(const struct walker *walker, int sys, struct basin_error *err)
{
	return bsn_fail_sys(err, sys, "cannot examine \"%s\"", bsn_str_text(&walker->path));
}

static bool is_recorded(const char *name)
{
	return bsn_mtree_keeps_xattr(name) || bsn_streq(name, "trusted.overlay.opaque");
}

/* The recorded attributes' names, sorted, in names. Through /proc/self/fd, since there is no llistxattrat; the last part is not
 * followed. */
static int list_xattrs(struct walker *walker, const char *proc_path, struct names *names, struct basin_error *err)
{
	ssize_t n = llistxattr(proc_path, walker->list, XATTR_LIST_ROOM);
	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : fail(walker, errno, err);
	for (const char *at = walker->list; at < walker->list + n; at += strlen(at) + 1)
		if (is_recorded(at) && add_name(names, at) < 0)
			return fail(walker, ENOMEM, err);
	if (names->count > 1)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
	return 0;
}

static int add_xattrs(struct walker *walker, const struct bsn_mtree_node *node, struct basin_error *err)
{
	char path[sizeof("/proc/self/fd/") + 12 + 256];
	struct names names = { 0 };
	unsigned char bytes[32];
	char hex[65];
	int r = bsn_format(path, sizeof(path), "/proc/self/fd/%d/%s", node->dirfd, node->name);
	r = r < 0 ? fail(walker, -r, err) : list_xattrs(walker, path, &names, err);
	for (size_t i = 0; i < names.count && r >= 0; i++) {
		char head[300];
		ssize_t n = lgetxattr(path, names.items[i], walker->value, XATTR_LIST_ROOM);
		if (n < 0)
			r = fail(walker, errno, err);
		else {
			snprintf(head, sizeof(head), "%s=%zd:", names.items[i], n);
			bsn_hash_add(walker->hash, head, strlen(head));
			bsn_hash_add(walker->hash, walker->value, (size_t)n);
		}
	}
	if (r >= 0 && names.count > 0) {
		r = bsn_hash_finish_raw(walker->hash, bytes, err);
		bsn_digest_format_hex(bytes, sizeof(bytes), hex);
	}
	if (r >= 0)
		bsn_str_addf(&walker->line, " %s", names.count > 0 ? hex : "-");
	release_names(&names);
	return r;
}

static int digest_file(struct walker *walker, const struct bsn_mtree_node *node, struct basin_error *err)
{
	char digest[BSN_DIGEST_ROOM];
	unsigned char bytes[32];
	char hex[65];
	int known = walker->walk->content != NULL ? walker->walk->content(walker->walk->data, &node->st, bytes) : 0;
	if (known > 0) {
		bsn_digest_format_hex(bytes, sizeof(bytes), hex);
		bsn_str_addf(&walker->line, " %s", hex);
		return 0;
	}
	auto_fd int fd = bsn_sys_openat(node->dirfd, node->name, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0);
	if (fd < 0)
		return fail(walker, -fd, err);
	int r = bsn_digest_of_fd(fd, digest, err);
	if (r < 0)
		return bsn_error_prefix(err, "\"%s\"", node->path);
	bsn_str_addf(&walker->line, " %s", bsn_digest_hex(digest));
	return 0;
}

static int add_content(struct walker *walker, const struct bsn_mtree_node *node, struct basin_error *err)
{
	char target[4096];
	switch (node->st.st_mode & S_IFMT) {
	case S_IFREG:
		return digest_file(walker, node, err);
	case S_IFLNK: {
		ssize_t n = readlinkat(node->dirfd, node->name, target, sizeof(target) - 1);
		if (n < 0)
			return fail(walker, errno, err);
		target[n] = '\0';
		bsn_str_add(&walker->line, " ");
		bsn_mtree_escape(target, &walker->line);
		return 0;
	}
	case S_IFCHR:
	case S_IFBLK:
		bsn_str_addf(&walker->line, " %u:%u", major(node->st.st_rdev), minor(node->st.st_rdev));
		return 0;
	default:
		bsn_str_add(&walker->line, " -");
		return 0;
	}
}

static char type_letter(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	default:
		return 's';
	}
}

static int make_line(struct walker *walker, const struct bsn_mtree_node *node, struct basin_error *err)
{
	const struct stat *st = &node->st;
	struct bsn_str *line = &walker->line;
	bsn_str_clear(line);
	bsn_mtree_escape(node->path, line);
	/* A link's mode means nothing, and how many links a directory has is the file system's own affair. */
	bsn_str_addf(line, " %c %04o %u %u %" PRId64 ".%09ld", type_letter(st->st_mode),
		     S_ISLNK(st->st_mode) ? 0777 : st->st_mode & 07777, st->st_uid, st->st_gid, (int64_t)st->st_mtim.tv_sec,
		     st->st_mtim.tv_nsec);
	if (S_ISREG(st->st_mode))
		bsn_str_addf(line, " %" PRIu64, (uint64_t)st->st_size);
	else
		bsn_str_add(line, " -");
	bsn_str_addf(line, " %u", S_ISDIR(st->st_mode) ? 1U : (unsigned int)st->st_nlink);
	int r = add_content(walker, node, err);
	if (r >= 0)
		r = add_xattrs(walker, node, err);
	return r >= 0 && line->failed ? fail(walker, ENOMEM, err) : r;
}

/* Shows one object to the visitor. prepare may still change it, so the line is made after. */
static int visit(struct walker *walker, int dirfd, const char *name, const char *path, struct stat *ret_st,
		 struct basin_error *err)
{
	const struct bsn_mtree_walk *walk = walker->walk;
	struct bsn_mtree_node node = { .path = path, .dirfd = dirfd, .name = name };
	if (fstatat(dirfd, name, &node.st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(walker, errno, err);
	if (walk->prepare != NULL && S_ISDIR(node.st.st_mode)) {
		int r = walk->prepare(walk->data, &node, err);
		if (r < 0)
			return r;
		if (r > 0 && fstatat(dirfd, name, &node.st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(walker, errno, err);
	}
	int r = walk->lines ? make_line(walker, &node, err) : 0;
	if (r < 0)
		return r;
	node.line = walk->lines ? walker->line.data : NULL;
	*ret_st = node.st;
	return walk->visit != NULL ? walk->visit(walk->data, &node, err) : 0;
}

static int visit_names(struct walker *walker, int dirfd, const char *directory, const struct names *names,
		       struct basin_error *err)
{
	size_t first = walker->pending.count;
	int r = 0;
	for (size_t i = 0; i < names->count && r >= 0; i++) {
		struct stat st;
		bsn_str_clear(&walker->path);
		bsn_str_addf(&walker->path, "%s%s%s", directory, directory[0] != '\0' ? "/" : "", names->items[i]);
		if (walker->path.failed)
			return bsn_fail_sys(err, ENOMEM, "cannot examine a tree");
		r = visit(walker, dirfd, names->items[i], walker->path.data, &st, err);
		if (r >= 0 && S_ISDIR(st.st_mode) && add_name(&walker->pending, walker->path.data) < 0)
			r = fail(walker, ENOMEM, err);
	}
	/* A stack gives back the last first: turn what this directory added around. */
	for (size_t a = first, b = walker->pending.count; a + 1 < b; a++) {
		char *swapped = walker->pending.items[--b];
		walker->pending.items[b] = walker->pending.items[a];
		walker->pending.items[a] = swapped;
	}
	return r;
}

static int walk_directory(struct walker *walker, const char *directory, struct basin_error *err)
{
	struct names names = { 0 };
	bsn_str_clear(&walker->path);
	bsn_str_add(&walker->path, directory);
	auto_fd int fd =
		bsn_sys_openat2(walker->walk->root_fd, directory[0] != '\0' ? directory : ".",
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	int r = fd < 0 ? fd : bsn_each_entry(fd, take_name, &names);
	if (r < 0)
		r = fail(walker, -r, err);
	if (r >= 0 && names.count > 1)
		qsort(names.items, names.count, sizeof(*names.items), compare_names);
	if (r >= 0)
		r = visit_names(walker, fd, directory, &names, err);
	release_names(&names);
	return r;
}

static int walk_all(struct walker *walker, struct basin_error *err)
{
	struct stat st;
	walker->list = malloc(XATTR_LIST_ROOM);
	walker->value = malloc(XATTR_LIST_ROOM);
	if (walker->list == NULL || walker->value == NULL || add_name(&walker->pending, "") < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot examine a tree");
	int r = bsn_hash_new(&walker->hash, err);
	if (r >= 0)
		r = visit(walker, walker->walk->root_fd, ".", ".", &st, err);
	while (r >= 0 && walker->pending.count > 0) {
		auto_free char *directory = walker->pending.items[--walker->pending.count];
		r = walk_directory(walker, directory, err);
	}
	return r;
}

int bsn_mtree_walk(const struct bsn_mtree_walk *walk, struct basin_error *err)
{
	struct walker walker = { .walk = walk };
	int r = walk_all(&walker, err);
	release_names(&walker.pending);
	bsn_str_release(&walker.path);
	bsn_str_release(&walker.line);
	bsn_hash_free(walker.hash);
	free(walker.list);
	free(walker.value);
	return r;
}
