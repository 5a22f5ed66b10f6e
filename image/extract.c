/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking an archive that may be hostile, beneath a directory.
 *
 * Why nothing lands outside: a name is split into its directory and its last part. The directory is opened by openat2 with
 * RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV, so "..", absolute paths and symbolic links (of this archive, or
 * already there) are resolved by the kernel as if the tree were "/". The last part is only ever given to calls that make it
 * exclusively, unlink it, or open it without following. Hard links' targets are resolved the same way. There is no second look-up
 * of a path, hence no race to win.
 *
 * Directories are made 0700 and get their owner, mode, attributes and time at the end, when nothing is put into them any more: a
 * walk of the finished tree finds each by its inode number (image/inodes.h), and writes the manifest in passing.
 */
#include "image/extract.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/extract_object.h"
#include "image/mtree.h"

#define NEAR_IDS    65536
#define SKIPPED_MAX 4096 /* more than any /dev has; looked through one by one */
#define RESOLVE     (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

const struct bsn_extract_limits bsn_extract_default_limits = {
    .tar =
        {
            .entries = (uint64_t)4 << 20,
            .path_bytes = PATH_MAX - 1,
            .depth = 1024,
            .extension_bytes = (size_t)2 << 20,
            .xattr_bytes = (size_t)256 << 10,
        },
    .bytes = (uint64_t)256 << 30,
    .logical = (uint64_t)1 << 40,
};

static void forget_parent(struct bsn_extraction *x)
{
	if (x->parent_fd >= 0)
		close(x->parent_fd);
	x->parent_fd = -1;
	free(bsn_give(&x->parent_path));
}

static int add_late(struct bsn_extraction *x, int fd, const struct bsn_late_directory *late)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	return bsn_inodes_add_directory(&x->inodes, st.st_ino, late);
}

/* Opens a directory beneath the root as the archive sees it. */
static int open_inside(const struct bsn_extraction *x, const char *path)
{
	return bsn_sys_openat2(x->root, path[0] != '\0' ? path : ".", O_PATH | O_DIRECTORY, 0, RESOLVE);
}

/*
 * What a directory that no entry spoke of will be: as in the layer below, else root's, 0755, of a fixed time so that two unpackings are
 * alike.
 */
static struct bsn_late_directory implied_directory(const struct bsn_extraction *x, const char *path)
{
	const uint32_t base = x->options->id_base;
	struct bsn_late_directory late = { .mode = 0755, .uid = base, .gid = base };
	int fd = -ENOENT;
	for (size_t i = 0; i < x->options->lower_count && fd == -ENOENT; i++)
		fd = bsn_sys_openat2(x->options->lowers[i], path, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	struct stat st;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		late = (struct bsn_late_directory){
			.mode = st.st_mode & 07777, .uid = st.st_uid + base, .gid = st.st_gid + base, .mtime = st.st_mtim
		};
	if (fd >= 0)
		close(fd);
	return late;
}

static int make_implied(struct bsn_extraction *x, int at, const char *name, const char *path)
{
	const struct bsn_late_directory late = implied_directory(x, path);
	int r = bsn_sys_mkdirat(at, name, 0700);
	if (r < 0 && r != -EEXIST)
		return r;
	int fd = open_inside(x, path);
	if (fd >= 0 && r >= 0 && add_late(x, fd, &late) < 0) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}

int bsn_extract_open_dirs(struct bsn_extraction *x, const char *path)
{
	int found = open_inside(x, path);
	if (found != -ENOENT)
		return found;
	char prefix[PATH_MAX];
	auto_fd int at = open_inside(x, "");
	const char *rest = path;
	while (at >= 0) {
		rest += strspn(rest, "/");
		size_t length = strcspn(rest, "/");
		if (length == 0)
			return bsn_fd_give(&at);
		char name[NAME_MAX + 1];
		if (length > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, rest, length);
		name[length] = '\0';
		rest += length;
		memcpy(prefix, path, (size_t)(rest - path));
		prefix[rest - path] = '\0';
		int next = open_inside(x, prefix);
		if (next == -ENOENT)
			next = make_implied(x, at, name, prefix);
		close(at);
		at = next;
	}
	return at;
}

/* The directory of path, kept until another is asked for. */
static int open_parent(struct bsn_extraction *x, const char *path, const struct bsn_tar_entry *entry, struct basin_error *err)
{
	if (x->parent_path != NULL && bsn_streq(x->parent_path, path))
		return x->parent_fd;
	forget_parent(x);
	int fd = bsn_extract_open_dirs(x, path);
	if (fd < 0)
		return bsn_fail(err, fd == -ENOMEM || fd == -ENOSPC || fd == -EDQUOT ? BASIN_INTERNAL : BASIN_DAMAGED, -fd,
				"\"%.300s\": its directory cannot be had: %s", entry->path, strerror(-fd));
	x->parent_path = strdup(path);
	if (x->parent_path == NULL) {
		close(fd);
		return bsn_extract_fail(entry, ENOMEM, "unpack it", err);
	}
	x->parent_fd = fd;
	return fd;
}

/*
 * The path's parts joined by single slashes, without "." and without a leading slash, cut into directory and last part in place:
 * *ret_name is NULL for the top itself, *ret_parent is "" when the name is in the top.
 */
static int split(const char *path, char buffer[PATH_MAX], const char **ret_parent, const char **ret_name)
{
	size_t length = 0;
	size_t last = 0;
	for (const char *at = path; *at != '\0';) {
		size_t n = strcspn(at, "/");
		if (n > 0 && !(n == 1 && at[0] == '.')) {
			if (length > 0)
				buffer[length++] = '/';
			if (length + n + 1 >= PATH_MAX)
				return -ENAMETOOLONG;
			last = length;
			memcpy(buffer + length, at, n);
			length += n;
		}
		at += n;
		at += *at == '/';
	}
	buffer[length] = '\0';
	*ret_name = length == 0 ? NULL : buffer + last;
	*ret_parent = "";
	if (last > 0) {
		buffer[last - 1] = '\0';
		*ret_parent = buffer;
	}
	return length > 0 && bsn_streq(buffer + last, "..") ? -EINVAL : 0;
}

static int split_entry(const struct bsn_tar_entry *entry, const char *path, char buffer[PATH_MAX], const char **ret_parent,
		       const char **ret_name, struct basin_error *err)
{
	int r = split(path, buffer, ret_parent, ret_name);
	if (r < 0)
		return bsn_fail(err, BASIN_DAMAGED, -r, "\"%.200s\": \"%.200s\" cannot be a name", entry->path, path);
	return 0;
}

/* Removes what has the name. The last entry of a name wins, as with tar. */
static int make_room(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
		     struct basin_error *err)
{
	int r = bsn_remove_tree(parent, name);
	forget_parent(x);
	return r < 0 ? bsn_extract_fail(entry, -r, "replace what is there", err) : 0;
}

static int make_directory(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
			  struct basin_error *err)
{
	struct bsn_late_directory late = { .mode = entry->mode,
					   .mtime = entry->mtime,
					   .xattrs = (struct bsn_tar_xattr *)(uintptr_t)entry->xattrs,
					   .xattr_count = entry->xattr_count };
	if (bsn_extract_id(x, entry->uid, &late.uid) < 0 || bsn_extract_id(x, entry->gid, &late.gid) < 0)
		return bsn_fail(err, BASIN_DAMAGED, ERANGE, "\"%.200s\": its owner %u:%u is not within the environment's %u ids",
				entry->path, entry->uid, entry->gid, x->options->id_count);
	int r = bsn_streq(name, ".") ? -EEXIST : bsn_sys_mkdirat(parent, name, 0700);
	if (r < 0 && r != -EEXIST)
		return bsn_extract_fail(entry, -r, "make the directory", err);
	auto_fd int fd = bsn_sys_openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd == -ENOTDIR || fd == -ELOOP)
		return -EEXIST;
	r = fd < 0 ? fd : add_late(x, fd, &late);
	return r < 0 ? bsn_extract_fail(entry, -r, "open the directory", err) : 0;
}

/* Devices that were left out are remembered by path, for the hard links to them. */
static int note_skipped(struct bsn_extraction *x, const char *parent, const char *name, const struct bsn_tar_entry *entry,
			struct basin_error *err)
{
	auto_str struct bsn_str path = { 0 };
	x->result->devices_skipped++;
	if (x->skipped_count == SKIPPED_MAX)
		return 0;
	bsn_str_addf(&path, "%s/%s", parent, name);
	char **more = realloc(x->skipped, (x->skipped_count + 1) * sizeof(*more));
	if (more == NULL || path.failed)
		return bsn_extract_fail(entry, ENOMEM, "leave it out", err);
	x->skipped = more;
	x->skipped[x->skipped_count++] = bsn_str_give(&path);
	return 0;
}

static bool was_skipped(const struct bsn_extraction *x, const char *parent, const char *name)
{
	size_t length = strlen(parent);
	for (size_t i = 0; i < x->skipped_count; i++)
		if (strncmp(x->skipped[i], parent, length) == 0 && x->skipped[i][length] == '/' &&
		    bsn_streq(x->skipped[i] + length + 1, name))
			return true;
	return false;
}

static int make_hard_link(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
			  struct basin_error *err)
{
	char buffer[PATH_MAX];
	const char *target_parent;
	const char *target_name;
	int r = split_entry(entry, entry->link, buffer, &target_parent, &target_name, err);
	if (r < 0)
		return r;
	auto_fd int at = target_name != NULL ? open_inside(x, target_parent) : -EISDIR;
	r = at < 0 ? at : bsn_sys_linkat(at, target_name, parent, name, 0);
	if (r == -EEXIST) {
		/* Making room must not remove the target: a link to itself is what is there already. */
		struct stat there;
		struct stat target;
		if (fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
		    fstatat(at, target_name, &target, AT_SYMLINK_NOFOLLOW) < 0)
			return bsn_extract_fail(entry, errno, "examine it", err);
		return there.st_ino == target.st_ino ? 0 : -EEXIST;
	}
	if (r == -ENOENT && was_skipped(x, target_parent, target_name)) {
		x->result->devices_skipped++;
		return 0;
	}
	if (r < 0)
		return bsn_fail(err, BASIN_DAMAGED, -r,
				"\"%.200s\": cannot be a hard link to \"%.200s\", which must be in the same layer: %s",
				entry->path, entry->link, strerror(-r));
	return 0;
}

static int make_object(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
		       struct basin_error *err)
{
	switch (entry->type) {
	case BSN_TAR_DIR:
		return make_directory(x, parent, name, entry, err);
	case BSN_TAR_FILE:
		return bsn_extract_file(x, parent, name, entry, err);
	case BSN_TAR_HARDLINK:
		return make_hard_link(x, parent, name, entry, err);
	case BSN_TAR_SYMLINK:
		return bsn_extract_symlink(x, parent, name, entry, err);
	default:
		return bsn_extract_node(x, parent, name, entry, err);
	}
}

static int extract_entry(struct bsn_extraction *x, const struct bsn_tar_entry *entry, struct basin_error *err)
{
	char buffer[PATH_MAX];
	const char *parent_path;
	const char *name;
	int r = split_entry(entry, entry->path, buffer, &parent_path, &name, err);
	if (r < 0)
		return r;
	if (name == NULL) {
		x->root_named = true;
		if (entry->type != BSN_TAR_DIR)
			return bsn_fail(err, BASIN_DAMAGED, EINVAL, "\"%.200s\": the top of the tree can only be a directory",
					entry->path);
		return make_directory(x, x->root, ".", entry, err);
	}
	if (bsn_starts_with(name, BSN_WHITEOUT))
		return bsn_extract_note_whiteout(x, parent_path, name, entry, err);
	bool device = entry->type == BSN_TAR_CHAR || entry->type == BSN_TAR_BLOCK;
	if (device && x->options->devices == BSN_DEVICES_SKIP &&
	    (entry->type == BSN_TAR_BLOCK || entry->major != 0 || entry->minor != 0)) {
		return note_skipped(x, parent_path, name, entry, err);
	}
	int parent = open_parent(x, parent_path, entry, err);
	if (parent < 0)
		return parent;
	r = make_object(x, parent, name, entry, err);
	if (r != -EEXIST)
		return r;
	r = make_room(x, parent, name, entry, err);
	if (r < 0)
		return r;
	parent = open_parent(x, parent_path, entry, err);
	r = parent < 0 ? parent : make_object(x, parent, name, entry, err);
	return r == -EEXIST ? bsn_extract_fail(entry, EEXIST, "replace what is there", err) : r;
}

static int finish_directory(struct bsn_extraction *x, int fd, const struct bsn_late_directory *late, const char *path,
			    struct basin_error *err)
{
	const struct timespec times[2] = { late->mtime, late->mtime };
	int r = 0;
	if (!late->only_time)
		r = bsn_sys_fchownat(fd, "", late->uid, late->gid, AT_EMPTY_PATH);
	if (r >= 0 && !late->only_time)
		r = bsn_sys_fchmod(fd, late->mode);
	if (r >= 0 && late->opaque)
		r = bsn_sys_fsetxattr(fd, "trusted.overlay.opaque", "y", 1);
	if (r < 0)
		return bsn_fail_sys(err, -r, "\"%.300s\": cannot set the directory's attributes", path);
	r = bsn_extract_xattrs(x, fd, path, late->xattrs, late->xattr_count, err);
	if (r < 0)
		return r;
	r = bsn_sys_utimensat(fd, "", times, AT_EMPTY_PATH);
	return r < 0 ? bsn_fail_sys(err, -r, "\"%.300s\": cannot set the directory's time", path) : 0;
}

/* The walk over the finished tree: directories get what was kept for them ... */
static int prepare_node(void *data, const struct bsn_mtree_node *node, struct basin_error *err)
{
	struct bsn_extraction *x = data;
	const struct bsn_inode *inode = bsn_inodes_find(&x->inodes, node->st.st_ino);
	if (inode == NULL || !inode->is_directory)
		return 0;
	auto_fd int fd = bsn_sys_openat(node->dirfd, node->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open \"%.300s\"", node->path);
	int r = finish_directory(x, fd, inode->is.directory, node->path, err);
	return r < 0 ? r : 1;
}

/* ... and files their digests. */
static int known_content(void *data, const struct stat *st, unsigned char ret_sha256[32])
{
	const struct bsn_extraction *x = data;
	const struct bsn_inode *inode = bsn_inodes_find(&x->inodes, st->st_ino);
	if (inode == NULL || inode->is_directory)
		return 0;
	memcpy(ret_sha256, inode->is.sha256, 32);
	return 1;
}

/* The manifest is written in larger pieces than lines. */
struct manifest {
	struct bsn_extraction *x;
	struct bsn_fd_sink file;
	struct bsn_meter_sink meter;
	struct bsn_str text;
};

static int flush_manifest(struct manifest *manifest, struct basin_error *err)
{
	int r = manifest->text.failed ? bsn_fail_sys(err, ENOMEM, "cannot write files.mtree") : 0;
	if (r >= 0 && manifest->text.length > 0)
		r = bsn_sink_write(&manifest->meter.sink, manifest->text.data, manifest->text.length, err);
	bsn_str_clear(&manifest->text);
	return r;
}

static int prepare_line(void *data, const struct bsn_mtree_node *node, struct basin_error *err)
{
	return prepare_node(((struct manifest *)data)->x, node, err);
}

static int content_line(void *data, const struct stat *st, unsigned char ret_sha256[32])
{
	return known_content(((struct manifest *)data)->x, st, ret_sha256);
}

static int write_line(void *data, const struct bsn_mtree_node *node, struct basin_error *err)
{
	struct manifest *manifest = data;
	bsn_str_add(&manifest->text, node->line);
	bsn_str_add(&manifest->text, "\n");
	return manifest->text.length > 65536 || manifest->text.failed ? flush_manifest(manifest, err) : 0;
}

static int finish_with_manifest(struct bsn_extraction *x, struct basin_error *err)
{
	struct manifest manifest = { .x = x };
	bsn_fd_sink_init(&manifest.file, x->options->mtree_fd, "files.mtree");
	int r = bsn_meter_sink_init(&manifest.meter, &manifest.file.sink, err);
	if (r < 0)
		return r;
	const struct bsn_mtree_walk walk = { .root_fd = x->root,
					     .lines = true,
					     .content = content_line,
					     .prepare = prepare_line,
					     .visit = write_line,
					     .data = &manifest };
	r = bsn_mtree_walk(&walk, err);
	if (r >= 0)
		r = flush_manifest(&manifest, err);
	if (r >= 0)
		r = bsn_meter_sink_finish(&manifest.meter, x->result->mtree_digest, err);
	bsn_str_release(&manifest.text);
	bsn_meter_sink_release(&manifest.meter);
	return r;
}

static int finish(struct bsn_extraction *x, struct basin_error *err)
{
	const struct bsn_late_directory top = { .only_time = true };
	int r = x->root_named ? 0 : add_late(x, x->root, &top);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot unpack");
	r = bsn_extract_whiteouts(x, err);
	if (r < 0)
		return r;
	if (x->options->mtree_fd >= 0)
		return finish_with_manifest(x, err);
	const struct bsn_mtree_walk walk = { .root_fd = x->root, .prepare = prepare_node, .data = x };
	return bsn_mtree_walk(&walk, err);
}

/* Says every two seconds how far it is. */
static void report(const struct bsn_extraction *x, time_t *last)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (*last != 0 && now.tv_sec - *last >= 2)
		bsn_info("unpacking: %llu entries, %llu MiB", (unsigned long long)x->result->entries,
			 (unsigned long long)x->result->bytes >> 20);
	if (*last == 0 || now.tv_sec - *last >= 2)
		*last = now.tv_sec;
}

static int extract_all(struct bsn_extraction *x, struct bsn_stream *stream, struct basin_error *err)
{
	const struct bsn_tar_entry *entry;
	time_t last = 0;
	int r;
	while ((r = bsn_tar_next(x->tar, &entry, err)) > 0) {
		r = extract_entry(x, entry, err);
		if (r < 0)
			return r;
		x->result->entries++;
		x->result->xattrs_skipped += entry->acl_dropped;
		x->result->far_ids += entry->uid >= NEAR_IDS || entry->gid >= NEAR_IDS;
		if (x->result->entries % 64 == 0)
			report(x, &last);
	}
	if (r < 0)
		return r;
	r = bsn_stream_drain(stream, err);
	return r < 0 ? r : finish(x, err);
}

static void release(struct bsn_extraction *x)
{
	forget_parent(x);
	for (size_t i = 0; i < x->whiteout_count; i++) {
		free(x->whiteouts[i].parent);
		free(x->whiteouts[i].name);
	}
	free(x->whiteouts);
	for (size_t i = 0; i < x->skipped_count; i++)
		free(x->skipped[i]);
	free(x->skipped);
	bsn_inodes_release(&x->inodes);
	bsn_hash_free(x->hash);
	bsn_tar_free(x->tar);
}

int bsn_extract(int root_fd, struct bsn_stream *tar, const struct bsn_extract_options *options,
		struct bsn_extract_result *ret_result, struct basin_error *err)
{
	struct bsn_extract_result result = { 0 };
	struct bsn_extraction x = { .root = root_fd,
				    .options = options,
				    .limits = options->limits != NULL ? options->limits : &bsn_extract_default_limits,
				    .result = &result,
				    .parent_fd = -1 };
	struct stat st;
	if (fstat(root_fd, &st) < 0)
		return bsn_fail_sys(err, errno, "cannot unpack");
	/* In a set-group-id directory a new file's group is the directory's. */
	x.plain_owner = geteuid() == 0 && getegid() == 0 && (st.st_mode & S_ISGID) == 0 && options->id_base == 0;
	int r = bsn_tar_new(tar, &x.limits->tar, options->end_optional, &x.tar, err);
	if (r >= 0)
		r = bsn_hash_new(&x.hash, err);
	if (r >= 0)
		r = extract_all(&x, tar, err);
	release(&x);
	if (r >= 0)
		*ret_result = result;
	return r < 0 ? r : 0;
}
