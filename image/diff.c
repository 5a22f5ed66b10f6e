/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the tree, in tree order. What overlayfs keeps as marks becomes what OCI keeps as names: a character device 0:0 is
 * ".wh.NAME", trusted.overlay.opaque=y is ".wh..wh..opq" in the directory. The first name of a file with several is its body, the others are
 * hard links to it; overlayfs links its whiteouts to one another, so those are told apart before.
 *
 * A tree may be hostile (its container wrote it) but must be still: frozen, stopped, or a layer. Everything is opened in the directory
 * that the walk holds, never following a link and never blocking on a pipe, and compared with what the walk saw.
 */
#include "image/diff.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/sys.h"
#include "image/diff_xattr.h"
#include "image/mtree.h"

#define PIECE       (256 * 1024)
#define SPARSE_MIN  (1024 * 1024)
#define STRETCH_MAX 32768 /* more and the file is written whole: a reader limits the size of the list */

/* The first name of each file that has several, by inode: open addressing, at most half full. */
struct links {
	struct link {
		dev_t dev;
		ino_t ino;
		char *path; /* NULL: free */
	} * slots;
	size_t room; /* a power of two */
	size_t count;
};

struct run {
	const struct bsn_diff_options *options;
	struct bsn_tar_writer *writer;
	struct bsn_diff_result result;
	struct bsn_diff_xattrs xattrs;
	struct links links;
	char *piece;
	struct bsn_tar_stretch *stretches;
};

static void release(struct run *run)
{
	for (size_t i = 0; i < run->links.room; i++)
		free(run->links.slots[i].path);
	free(run->links.slots);
	free(run->piece);
	free(run->stretches);
	bsn_diff_xattrs_release(&run->xattrs);
}

/* --- hard links --- */

static struct link *slot_of(const struct links *links, dev_t dev, ino_t ino)
{
	size_t at = (size_t)((ino ^ dev * 31) * 0x9e3779b97f4a7c15ULL >> 20) & (links->room - 1);
	while (links->slots[at].path != NULL && (links->slots[at].dev != dev || links->slots[at].ino != ino))
		at = (at + 1) & (links->room - 1);
	return &links->slots[at];
}

static int grow_links(struct links *links)
{
	struct links bigger = { .room = links->room == 0 ? 64 : links->room * 2, .count = links->count };
	bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < links->room; i++)
		if (links->slots[i].path != NULL)
			*slot_of(&bigger, links->slots[i].dev, links->slots[i].ino) = links->slots[i];
	free(links->slots);
	*links = bigger;
	return 0;
}

/* *ret_first: the name under which the file was written already, or NULL, and then it is remembered. */
static int find_first_name(struct links *links, const struct stat *st, const char *path, const char **ret_first)
{
	if (links->count * 2 >= links->room && grow_links(links) < 0)
		return -ENOMEM;
	struct link *slot = slot_of(links, st->st_dev, st->st_ino);
	*ret_first = slot->path;
	if (slot->path != NULL)
		return 0;
	*slot = (struct link){ .dev = st->st_dev, .ino = st->st_ino, .path = strdup(path) };
	links->count += slot->path != NULL;
	return slot->path == NULL ? -ENOMEM : 0;
}

/* --- entries --- */

static int write_entry(struct run *run, const struct bsn_tar_entry *entry, struct basin_error *err)
{
	const struct bsn_tar_limits *limits = &bsn_tar_default_limits;
	unsigned int depth = 1;

	for (const char *slash = strchr(entry->path, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
		depth++;
	if (strlen(entry->path) >= limits->path_bytes || depth > limits->depth)
		return bsn_fail(err, BASIN_UNSUPPORTED, ENAMETOOLONG,
				"the path \"%.200s...\" is longer or deeper than an archive may hold", entry->path);
	int r = run->options->entry == NULL ? 0 : run->options->entry(run->options->data, entry->path, err);
	if (r >= 0)
		r = bsn_tar_write_entry(run->writer, entry, err);
	run->result.entries += r >= 0;
	return r;
}

/* An empty file "directory/NAME" in the layer, where NAME says something about the layers below. */
static int write_mark(struct run *run, const char *directory, size_t length, const char *name, const char *rest,
		      struct basin_error *err)
{
	auto_str struct bsn_str path = { 0 };

	bsn_str_add_bytes(&path, directory, length);
	if (length > 0)
		bsn_str_add(&path, "/");
	bsn_str_add(&path, name);
	if (bsn_str_add(&path, rest) < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot write a whiteout");
	struct bsn_tar_entry entry = { .path = bsn_str_text(&path), .link = "", .type = BSN_TAR_FILE };
	return write_entry(run, &entry, err);
}

static int write_whiteout(struct run *run, const struct bsn_mtree_node *node, struct basin_error *err)
{
	const char *slash = strrchr(node->path, '/');
	run->result.whiteouts++;
	return write_mark(run, node->path, slash == NULL ? 0 : (size_t)(slash - node->path), ".wh.", node->name, err);
}

static int fill_entry(struct run *run, const struct bsn_mtree_node *node, struct bsn_tar_entry *entry, struct basin_error *err)
{
	const struct stat *st = &node->st;

	*entry = (struct bsn_tar_entry){
		.path = node->path,
		.link = "",
		.mode = st->st_mode & 07777,
		.mtime = st->st_mtim,
		.xattrs = run->xattrs.list,
		.xattr_count = run->xattrs.count,
	};
	if (bsn_diff_id(run->options, st->st_uid, &entry->uid) < 0 || bsn_diff_id(run->options, st->st_gid, &entry->gid) < 0)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOVERFLOW,
				"\"%s\" belongs to %u:%u, outside the environment's ids %u to %u: give it to one of them",
				node->path, st->st_uid, st->st_gid, run->options->id_base,
				run->options->id_base + run->options->id_count - 1);
	return 0;
}

static int write_directory(struct run *run, const struct bsn_mtree_node *node, struct bsn_tar_entry *entry, bool opaque,
			   struct basin_error *err)
{
	bool top = bsn_streq(node->path, ".");
	entry->type = BSN_TAR_DIR;
	int r = write_entry(run, entry, err);
	if (r < 0 || !opaque)
		return r;
	run->result.whiteouts++;
	return write_mark(run, node->path, top ? 0 : strlen(node->path), ".wh..wh..opq", "", err);
}

static int write_link(struct run *run, const struct bsn_mtree_node *node, struct bsn_tar_entry *entry, struct basin_error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(node->dirfd, node->name, target, sizeof(target));
	if (n < 0 || (size_t)n >= sizeof(target))
		return bsn_fail_sys(err, n < 0 ? errno : ENAMETOOLONG, "cannot read the link \"%s\"", node->path);
	target[n] = '\0';
	entry->type = BSN_TAR_SYMLINK;
	entry->link = target;
	return write_entry(run, entry, err);
}

/* --- files --- */

static int fail_changed(const char *path, struct basin_error *err)
{
	return bsn_fail(err, BASIN_CONFLICT, EAGAIN, "\"%s\" changed while it was read", path);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int check_same(int fd, const struct bsn_mtree_node *node, struct basin_error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return bsn_fail_sys(err, errno, "cannot read \"%s\"", node->path);
	return same(&st, &node->st) ? 0 : fail_changed(node->path, err);
}

static int copy_stretch(struct run *run, int fd, const char *path, struct bsn_tar_stretch stretch, struct basin_error *err)
{
	while (stretch.length > 0) {
		size_t want = stretch.length < PIECE ? (size_t)stretch.length : PIECE;
		ssize_t n = BSN_RETRY(pread(fd, run->piece, want, (off_t)stretch.offset));
		if (n < 0)
			return bsn_fail_sys(err, errno, "cannot read \"%s\"", path);
		if (n == 0)
			return fail_changed(path, err);
		int r = bsn_tar_write_data(run->writer, run->piece, (size_t)n, err);
		if (r < 0)
			return r;
		stretch.offset += (uint64_t)n;
		stretch.length -= (uint64_t)n;
		run->result.bytes += (uint64_t)n;
		if (run->options->progress != NULL)
			run->options->progress(run->options->data, run->result.bytes);
	}
	return 0;
}

/*
 * Finds the stretches that have data, widened to whole units; 0 when the file is to be written whole. A hole at the end is told by an
 * empty stretch, as GNU tar does and expects.
 */
static size_t find_stretches(struct run *run, int fd, off_t size)
{
	size_t count = 0;
	off_t at = 0;
	off_t holes = 0;

	while (at < size && count < STRETCH_MAX) {
		off_t from = lseek(fd, at, SEEK_DATA);
		if (from < 0 && errno == ENXIO)
			from = size;
		off_t to = from < 0 || from == size ? from : lseek(fd, from, SEEK_HOLE);
		if (from < 0 || to < 0)
			return 0;
		from -= from < size ? from % BSN_TAR_UNIT : 0;
		to += to < size ? (BSN_TAR_UNIT - to % BSN_TAR_UNIT) % BSN_TAR_UNIT : 0;
		to = to > size ? size : to;
		run->stretches[count++] = (struct bsn_tar_stretch){ (uint64_t)from, (uint64_t)(to - from) };
		holes += from - at;
		at = to;
	}
	return holes < SPARSE_MIN || count == STRETCH_MAX ? 0 : count;
}

static int make_room(struct run *run, struct basin_error *err)
{
	if (run->piece == NULL)
		run->piece = malloc(PIECE);
	if (run->stretches == NULL)
		run->stretches = malloc(STRETCH_MAX * sizeof(*run->stretches));
	return run->piece == NULL || run->stretches == NULL ? bsn_fail_sys(err, ENOMEM, "cannot read files") : 0;
}

static int write_file(struct run *run, const struct bsn_mtree_node *node, struct bsn_tar_entry *entry, struct basin_error *err)
{
	struct bsn_tar_stretch whole = { 0, (uint64_t)node->st.st_size };
	auto_fd int fd = bsn_sys_openat(node->dirfd, node->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME, 0);
	if (fd == -ENOENT || fd == -ELOOP)
		return fail_changed(node->path, err);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot read \"%s\"", node->path);
	int r = check_same(fd, node, err);
	if (r >= 0)
		r = make_room(run, err);
	if (r < 0)
		return r;
	entry->type = BSN_TAR_FILE;
	entry->size = whole.length;
	entry->stretches = run->stretches;
	entry->stretch_count = run->options->sparse ? find_stretches(run, fd, node->st.st_size) : 0;
	entry->sparse = entry->stretch_count > 0;
	r = write_entry(run, entry, err);
	const struct bsn_tar_stretch *list = entry->sparse ? entry->stretches : &whole;
	for (size_t i = 0; r >= 0 && i < (entry->sparse ? entry->stretch_count : 1); i++)
		r = copy_stretch(run, fd, node->path, list[i], err);
	return r < 0 ? r : check_same(fd, node, err);
}

/* --- the walk --- */

static int write_leaf(struct run *run, const struct bsn_mtree_node *node, struct bsn_tar_entry *entry, struct basin_error *err)
{
	const struct stat *st = &node->st;
	const char *first = NULL;

	if (st->st_nlink > 1 && find_first_name(&run->links, st, node->path, &first) < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot remember \"%s\"", node->path);
	if (first != NULL) {
		entry->type = BSN_TAR_HARDLINK;
		entry->link = first;
		return write_entry(run, entry, err);
	}
	if (S_ISREG(st->st_mode))
		return write_file(run, node, entry, err);
	if (S_ISLNK(st->st_mode))
		return write_link(run, node, entry, err);
	entry->type = S_ISCHR(st->st_mode) ? BSN_TAR_CHAR : S_ISBLK(st->st_mode) ? BSN_TAR_BLOCK : BSN_TAR_FIFO;
	entry->major = entry->type == BSN_TAR_FIFO ? 0 : major(st->st_rdev);
	entry->minor = entry->type == BSN_TAR_FIFO ? 0 : minor(st->st_rdev);
	return write_entry(run, entry, err);
}

static int visit(void *data, const struct bsn_mtree_node *node, struct basin_error *err)
{
	struct run *run = data;
	const struct stat *st = &node->st;
	struct bsn_diff_marks marks;
	struct bsn_tar_entry entry;
	uint64_t skipped = 0;

	if (bsn_starts_with(node->name, ".wh."))
		return bsn_fail(err, BASIN_UNSUPPORTED, EINVAL,
				"\"%s\" cannot be told from a whiteout in a layer: rename what begins with \".wh.\"", node->path);
	if (S_ISCHR(st->st_mode) && st->st_rdev == 0)
		return write_whiteout(run, node, err);
	if (S_ISSOCK(st->st_mode)) {
		run->result.sockets_skipped++;
		return 0;
	}
	int r = bsn_diff_xattrs_read(run->options, node->dirfd, node->name, node->path, &run->xattrs, &marks, &skipped, err);
	if (r < 0)
		return r;
	if (marks.partial)
		return bsn_fail(err, BASIN_UNSUPPORTED, EINVAL,
				"\"%s\" has its content elsewhere: the overlay was once mounted with metacopy or redirect_dir",
				node->path);
	if (marks.whiteout && S_ISREG(st->st_mode) && st->st_size == 0)
		return write_whiteout(run, node, err);
	r = fill_entry(run, node, &entry, err);
	if (r < 0)
		return r;
	r = S_ISDIR(st->st_mode) ? write_directory(run, node, &entry, marks.opaque, err) : write_leaf(run, node, &entry, err);
	run->result.xattrs_skipped += entry.type == BSN_TAR_HARDLINK ? 0 : skipped; /* counted with the body */
	return r;
}

int bsn_diff_write(const struct bsn_diff_options *options, struct bsn_tar_writer *writer, struct bsn_diff_result *ret_result,
		   struct basin_error *err)
{
	struct run run = { .options = options, .writer = writer };
	struct bsn_mtree_walk walk = { .root_fd = options->root_fd, .visit = visit, .data = &run };

	int r = bsn_mtree_walk(&walk, err);
	if (r >= 0)
		*ret_result = run.result;
	release(&run);
	return r < 0 ? r : 0;
}
