/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI whiteouts become overlayfs's. They are kept until the whole layer is there, because they hide what is below it and never what is in
 * it, wherever in the archive they stand: an opaque mark may follow what it does not hide.
 */
#include <string.h>

#include "base/str.h"
#include "base/sys.h"
#include "image/extract_object.h"

#define OPAQUE ".wh..wh..opq"

int bsn_extract_note_whiteout(struct bsn_extraction *x, const char *parent, const char *name, const struct bsn_tar_entry *entry,
			      struct basin_error *err)
{
	const char *hidden = name + strlen(BSN_WHITEOUT);
	bool opaque = bsn_streq(name, OPAQUE);
	if (!x->options->whiteouts)
		return bsn_fail(err, BASIN_DAMAGED, EINVAL, "\"%.200s\": a name that begins with .wh. cannot be kept",
				entry->path);
	/* .wh..wh.NAME, the opaque mark aside, was aufs's own book-keeping. */
	if (bsn_starts_with(hidden, BSN_WHITEOUT) && !opaque)
		return 0;
	if (!opaque && (hidden[0] == '\0' || bsn_streq(hidden, ".") || bsn_streq(hidden, "..")))
		return bsn_fail(err, BASIN_DAMAGED, EINVAL, "\"%.200s\" is a whiteout of nothing", entry->path);
	if ((x->whiteout_count & (x->whiteout_count - 1)) == 0) {
		size_t room = x->whiteout_count == 0 ? 1 : x->whiteout_count * 2;
		struct bsn_whiteout *more = realloc(x->whiteouts, room * sizeof(*more));
		if (more == NULL)
			return bsn_extract_fail(entry, ENOMEM, "remember the whiteout", err);
		x->whiteouts = more;
	}
	struct bsn_whiteout *whiteout = &x->whiteouts[x->whiteout_count++];
	*whiteout = (struct bsn_whiteout){ strdup(parent), opaque ? NULL : strdup(hidden) };
	if (whiteout->parent == NULL || (!opaque && whiteout->name == NULL))
		return bsn_extract_fail(entry, ENOMEM, "remember the whiteout", err);
	return 0;
}

static int whiteout_fail(const struct bsn_whiteout *whiteout, int sys, struct basin_error *err)
{
	return bsn_fail_sys(err, sys, "cannot make the whiteout \"%.200s/%s\"", whiteout->parent,
			    whiteout->name != NULL ? whiteout->name : OPAQUE);
}

/* The late directory behind fd; made up from what it is when the archive did not make it (it was there before). */
static struct bsn_late_directory *late_of(struct bsn_extraction *x, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return NULL;
	struct bsn_inode *inode = bsn_inodes_find(&x->inodes, st.st_ino);
	if (inode == NULL || !inode->is_directory) {
		const struct bsn_late_directory late = {
			.mode = st.st_mode & 07777, .uid = st.st_uid, .gid = st.st_gid, .mtime = st.st_mtim
		};
		if (bsn_inodes_add_directory(&x->inodes, st.st_ino, &late) < 0)
			return NULL;
		inode = bsn_inodes_find(&x->inodes, st.st_ino);
	}
	return inode->is.directory;
}

static int make_whiteout(struct bsn_extraction *x, const struct bsn_whiteout *whiteout, struct basin_error *err)
{
	static const struct timespec times[2];
	auto_fd int parent = bsn_extract_open_dirs(x, whiteout->parent);
	if (parent < 0)
		return whiteout_fail(whiteout, -parent, err);
	struct bsn_late_directory *late = late_of(x, parent);
	if (late == NULL)
		return whiteout_fail(whiteout, ENOMEM, err);
	if (whiteout->name == NULL) {
		late->opaque = true;
		return 0;
	}
	/* An opaque directory hides all that is below it anyway, and overlayfs wants no whiteouts in one. */
	if (late->opaque)
		return 0;
	int r = bsn_sys_mknodat(parent, whiteout->name, S_IFCHR | 0, 0);
	if (r >= 0) {
		uint32_t id = x->options->id_base;
		r = id != 0 ? bsn_sys_fchownat(parent, whiteout->name, id, id, AT_SYMLINK_NOFOLLOW) : 0;
		if (r >= 0)
			r = bsn_sys_utimensat(parent, whiteout->name, times, AT_SYMLINK_NOFOLLOW);
		return r < 0 ? whiteout_fail(whiteout, -r, err) : 0;
	}
	if (r != -EEXIST)
		return whiteout_fail(whiteout, -r, err);
	/* The layer has its own: a file needs nothing more, a directory must not show the one below. */
	auto_fd int own = bsn_sys_openat(parent, whiteout->name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	late = own >= 0 ? late_of(x, own) : NULL;
	if (late != NULL)
		late->opaque = true;
	return own >= 0 && late == NULL ? whiteout_fail(whiteout, ENOMEM, err) : 0;
}

int bsn_extract_whiteouts(struct bsn_extraction *x, struct basin_error *err)
{
	int r = 0;
	for (int opaque = 1; opaque >= 0; opaque--)
		for (size_t i = 0; i < x->whiteout_count && r >= 0; i++)
			if ((x->whiteouts[i].name == NULL) == opaque)
				r = make_whiteout(x, &x->whiteouts[i], err);
	return r;
}
