/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object: made exclusively under a name that was free, then owner, mode, attributes, time, in that order, through the
 * descriptor that made it (or one opened without following and compared). chown clears set-id bits and capabilities, so it comes
 * first.
 */
#include "image/extract_object.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "base/sys.h"

#define PAGE ((size_t)4096)
#define HOLE ((uint64_t)64 * 1024) /* zeros of this length and more are not written */

static const char zeros[HOLE];

int bsn_extract_fail(const struct bsn_tar_entry *entry, int sys, const char *what, struct basin_error *err)
{
	return bsn_fail_sys(err, sys, "\"%.300s\": cannot %s", entry->path, what);
}

static int give_owner(const struct bsn_extraction *x, int fd, const struct bsn_tar_entry *entry, struct basin_error *err)
{
	uint32_t uid;
	uint32_t gid;
	if (bsn_extract_id(x, entry->uid, &uid) < 0 || bsn_extract_id(x, entry->gid, &gid) < 0)
		return bsn_fail(err, BASIN_DAMAGED, ERANGE, "\"%.200s\": its owner %u:%u is not within the environment's %u ids",
				entry->path, entry->uid, entry->gid, x->options->id_count);
	if (x->plain_owner && uid == 0 && gid == 0)
		return 0;
	int r = bsn_sys_fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
	return r < 0 ? bsn_extract_fail(entry, -r, "set its owner", err) : 0;
}

static int give_time(int fd, const struct bsn_tar_entry *entry, struct basin_error *err)
{
	const struct timespec times[2] = { entry->mtime, entry->mtime };
	int r = bsn_sys_utimensat(fd, "", times, AT_EMPTY_PATH);
	return r < 0 ? bsn_extract_fail(entry, -r, "set its time", err) : 0;
}

static bool is_zero(const char *data, size_t length)
{
	return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

static int put(int fd, const char *data, size_t length, uint64_t offset)
{
	while (length > 0) {
		ssize_t n = bsn_sys_pwrite(fd, data, length, (off_t)offset);
		if (n < 0)
			return (int)n;
		data += n;
		length -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/*
 * Writes a piece but for its zeros. *run is how many zeros, not written, come before the piece and is left as how many end it; a
 * run that turns out too short for a hole is written when its end is seen.
 */
static int put_sparsely(int fd, const char *data, size_t length, uint64_t offset, uint64_t *run)
{
	size_t start = 0; /* of what is to be written */
	size_t at = 0;
	while (at < length) {
		size_t n = length - at < PAGE ? length - at : PAGE;
		if (is_zero(data + at, n)) {
			*run += n;
			at += n;
			continue;
		}
		uint64_t before = *run > at ? *run - at : 0; /* zeros of earlier pieces */
		int r = 0;
		if (*run >= HOLE) {
			if (*run < at)
				r = put(fd, data + start, at - (size_t)*run - start, offset + start);
			start = at;
		} else if (before > 0) {
			r = put(fd, zeros, (size_t)before, offset - before);
		}
		if (r < 0)
			return r;
		*run = 0;
		at += n;
	}
	return *run < length - start ? put(fd, data + start, length - start - (size_t)*run, offset + start) : 0;
}

static void hash_zeros(struct bsn_extraction *x, uint64_t length)
{
	while (length > 0) {
		size_t some = length < HOLE ? (size_t)length : HOLE;
		bsn_hash_add(x->hash, zeros, some);
		length -= some;
	}
}

static int write_data(struct bsn_extraction *x, int fd, const struct bsn_tar_entry *entry, struct basin_error *err)
{
	uint64_t end = 0; /* of what was seen */
	uint64_t run = 0;
	for (;;) {
		const void *data;
		uint64_t offset;
		ssize_t n = bsn_tar_data(x->tar, &data, &offset, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		x->written += (uint64_t)n;
		if (x->written > x->limits->bytes)
			return bsn_fail(err, BASIN_DAMAGED, EFBIG, "\"%.200s\": the archive unpacks to more than %llu bytes",
					entry->path, (unsigned long long)x->limits->bytes);
		if (offset > end) {
			hash_zeros(x, offset - end);
			run = 0;
		}
		bsn_hash_add(x->hash, data, (size_t)n);
		int r = put_sparsely(fd, data, (size_t)n, offset, &run);
		if (r < 0)
			return bsn_extract_fail(entry, -r, "write its data", err);
		end = offset + (uint64_t)n;
	}
	hash_zeros(x, entry->size - end);
	if (run == 0 && end == entry->size)
		return 0;
	int r = bsn_sys_ftruncate(fd, (off_t)entry->size);
	return r < 0 ? bsn_extract_fail(entry, -r, "set its length", err) : 0;
}

static int remember_file(struct bsn_extraction *x, int fd, const struct bsn_tar_entry *entry, struct basin_error *err)
{
	unsigned char sha256[32];
	struct stat st;
	int r = bsn_hash_finish_raw(x->hash, sha256, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return bsn_extract_fail(entry, errno, "examine it", err);
	r = bsn_inodes_add_file(&x->inodes, st.st_ino, sha256);
	return r < 0 ? bsn_extract_fail(entry, -r, "remember it", err) : 0;
}

int bsn_extract_file(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
		     struct basin_error *err)
{
	x->logical += entry->size;
	if (entry->size > x->limits->logical || x->logical > x->limits->logical)
		return bsn_fail(err, BASIN_DAMAGED, EFBIG, "\"%.200s\": the archive's files are together longer than %llu bytes",
				entry->path, (unsigned long long)x->limits->logical);
	auto_fd int fd = bsn_sys_openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0) {
		x->logical -= entry->size;
		return fd == -EEXIST ? fd : bsn_extract_fail(entry, -fd, "make the file", err);
	}
	int r = write_data(x, fd, entry, err);
	if (r >= 0)
		r = give_owner(x, fd, entry, err);
	if (r >= 0) {
		r = bsn_sys_fchmod(fd, entry->mode);
		if (r < 0)
			r = bsn_extract_fail(entry, -r, "set its mode", err);
	}
	if (r >= 0)
		r = bsn_extract_xattrs(x, fd, entry->path, entry->xattrs, entry->xattr_count, err);
	if (r >= 0)
		r = give_time(fd, entry, err);
	if (r >= 0)
		r = remember_file(x, fd, entry, err);
	x->result->bytes += entry->size;
	return r;
}

/* Opens what was just made, without following and without side effects. */
static int open_made(int parent, const char *name, const struct bsn_tar_entry *entry, mode_t type, struct basin_error *err)
{
	struct stat st;
	auto_fd int fd = bsn_sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return bsn_extract_fail(entry, -fd, "open it again", err);
	if (fstat(fd, &st) < 0)
		return bsn_extract_fail(entry, errno, "examine it", err);
	if ((st.st_mode & S_IFMT) != type)
		return bsn_fail(err, BASIN_CONFLICT, EAGAIN, "\"%.200s\" was exchanged while it was unpacked", entry->path);
	return bsn_fd_give(&fd);
}

int bsn_extract_symlink(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
			struct basin_error *err)
{
	int r = bsn_sys_symlinkat(entry->link, parent, name);
	if (r < 0)
		return r == -EEXIST ? r : bsn_extract_fail(entry, -r, "make the symbolic link", err);
	auto_fd int fd = open_made(parent, name, entry, S_IFLNK, err);
	if (fd < 0)
		return fd;
	r = give_owner(x, fd, entry, err);
	/* Links carry no attributes of the kinds we keep. */
	x->result->xattrs_skipped += entry->xattr_count;
	return r < 0 ? r : give_time(fd, entry, err);
}

static int give_node_mode(int fd, const struct bsn_tar_entry *entry, struct basin_error *err)
{
	char path[40];
	int r = bsn_format(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (r >= 0)
		r = bsn_sys_fchmodat(AT_FDCWD, path, entry->mode);
	return r < 0 ? bsn_extract_fail(entry, -r, "set its mode", err) : 0;
}

int bsn_extract_node(struct bsn_extraction *x, int parent, const char *name, const struct bsn_tar_entry *entry,
		     struct basin_error *err)
{
	bool device = entry->type != BSN_TAR_FIFO;
	mode_t type = entry->type == BSN_TAR_CHAR ? S_IFCHR : entry->type == BSN_TAR_BLOCK ? S_IFBLK : S_IFIFO;
	if (entry->type == BSN_TAR_CHAR && entry->major == 0 && entry->minor == 0)
		return bsn_fail(err, BASIN_DAMAGED, EINVAL,
				"\"%.200s\": a character device 0:0 in an archive is a disguised whiteout", entry->path);
	int r = bsn_sys_mknodat(parent, name, type | 0600, device ? makedev(entry->major, entry->minor) : 0);
	if (r < 0)
		return r == -EEXIST ? r : bsn_extract_fail(entry, -r, device ? "make the device" : "make the fifo", err);
	auto_fd int fd = open_made(parent, name, entry, type, err);
	if (fd < 0)
		return fd;
	r = give_owner(x, fd, entry, err);
	if (r >= 0)
		r = give_node_mode(fd, entry, err);
	if (r >= 0)
		r = bsn_extract_xattrs(x, fd, entry->path, entry->xattrs, entry->xattr_count, err);
	return r < 0 ? r : give_time(fd, entry, err);
}
