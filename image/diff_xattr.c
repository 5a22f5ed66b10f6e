/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attributes are read through "/proc/self/fd/<directory>/<name>" with the calls that do not follow a link: one lookup in a directory
 * that is held open, and the only way that reaches every kind of object (opening a device or a pipe for its attributes would be wrong).
 *
 * Two kinds of values hold ids. security.capability, version 3, has the root of the user namespace that it counts in; the container's own
 * root makes it version 2, which is how the container itself sees it. POSIX ACLs name users and groups; the kernel hands them to us
 * in the host's terms.
 */
#include "image/diff_xattr.h"

#include <endian.h>
#include <linux/capability.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "image/mtree.h"

#define BUFFER_SIZE 65536 /* XATTR_LIST_MAX, XATTR_SIZE_MAX */

void bsn_diff_xattrs_release(struct bsn_diff_xattrs *xattrs)
{
	bsn_str_release(&xattrs->names);
	bsn_str_release(&xattrs->values);
	free(xattrs->list);
	free(xattrs->buffer);
	*xattrs = (struct bsn_diff_xattrs){ 0 };
}

int bsn_diff_id(const struct bsn_diff_options *options, uint32_t host, uint32_t *ret_id)
{
	if (options->id_base > 0 && (host < options->id_base || host - options->id_base >= options->id_count))
		return -EOVERFLOW;
	*ret_id = host - options->id_base;
	return 0;
}

/* 1: keep it, its length perhaps changed; 0: it counts in another container's terms. */
static int translate_capability(const struct bsn_diff_options *options, char *value, size_t *length)
{
	struct vfs_ns_cap_data cap;
	uint32_t rootid;

	if (*length != XATTR_CAPS_SZ_3)
		return 1;
	memcpy(&cap, value, sizeof(cap));
	uint32_t magic = le32toh(cap.magic_etc);
	if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3)
		return 1;
	if (bsn_diff_id(options, le32toh(cap.rootid), &rootid) < 0)
		return 0;
	cap.rootid = htole32(rootid);
	if (rootid == 0) {
		cap.magic_etc = htole32((magic & ~VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_2);
		*length = XATTR_CAPS_SZ_2;
	}
	memcpy(value, &cap, *length);
	return 1;
}

static int translate_acl(const struct bsn_diff_options *options, char *value, size_t length)
{
	struct posix_acl_xattr_entry entry;

	for (size_t at = sizeof(struct posix_acl_xattr_header); at + sizeof(entry) <= length; at += sizeof(entry)) {
		memcpy(&entry, value + at, sizeof(entry));
		uint16_t tag = le16toh(entry.e_tag);
		uint32_t id;
		if (tag != 0x02 && tag != 0x08) /* ACL_USER, ACL_GROUP: the others have no id */
			continue;
		if (bsn_diff_id(options, le32toh(entry.e_id), &id) < 0)
			return -EOVERFLOW;
		entry.e_id = htole32(id);
		memcpy(value + at, &entry, sizeof(entry));
	}
	return 1;
}

static int translate(const struct bsn_diff_options *options, const char *name, char *value, size_t *length)
{
	if (bsn_streq(name, "security.capability"))
		return translate_capability(options, value, length);
	if (bsn_starts_with(name, "system.posix_acl_"))
		return translate_acl(options, value, *length);
	return 1;
}

static void note_mark(const char *path, const char *name, struct bsn_diff_marks *marks)
{
	const char *mark = name + strlen("trusted.overlay.");
	if (bsn_streq(mark, "opaque")) {
		char value = 0;
		marks->opaque = lgetxattr(path, name, &value, 1) == 1 && value == 'y';
	} else if (bsn_streq(mark, "whiteout")) {
		marks->whiteout = true;
	} else if (bsn_streq(mark, "metacopy") || bsn_streq(mark, "redirect")) {
		marks->partial = true;
	}
}

/* Adds one attribute to the list; its value goes to the end of values, and becomes a pointer once all are there. */
static int add_xattr(const struct bsn_diff_options *options, const char *path, const char *name, struct bsn_diff_xattrs *xattrs)
{
	char *value = xattrs->buffer;
	ssize_t n = lgetxattr(path, name, value, BUFFER_SIZE);
	if (n < 0)
		return errno == ENODATA ? -EAGAIN : -errno;
	size_t length = (size_t)n;
	int r = translate(options, name, value, &length);
	if (r <= 0)
		return r;
	if (xattrs->count == xattrs->room) {
		size_t room = xattrs->room == 0 ? 8 : xattrs->room * 2;
		struct bsn_tar_xattr *list = reallocarray(xattrs->list, room, sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		xattrs->list = list;
		xattrs->room = room;
	}
	xattrs->list[xattrs->count++] = (struct bsn_tar_xattr){ .name = name, .size = length };
	r = bsn_str_add_bytes(&xattrs->values, value, length);
	return r < 0 ? r : 1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bsn_tar_xattr *)a)->name, ((const struct bsn_tar_xattr *)b)->name);
}

static void point_and_sort(struct bsn_diff_xattrs *xattrs)
{
	size_t at = 0;
	for (size_t i = 0; i < xattrs->count; i++) {
		xattrs->list[i].value = bsn_str_text(&xattrs->values) + at;
		at += xattrs->list[i].size;
	}
	if (xattrs->count > 1)
		qsort(xattrs->list, xattrs->count, sizeof(*xattrs->list), by_name);
}

/* The names, NUL after NUL, in xattrs->names. */
static int read_names(const char *path, struct bsn_diff_xattrs *xattrs)
{
	if (xattrs->buffer == NULL)
		xattrs->buffer = malloc(BUFFER_SIZE);
	if (xattrs->buffer == NULL)
		return -ENOMEM;
	ssize_t n = llistxattr(path, xattrs->buffer, BUFFER_SIZE);
	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	return n == 0 ? 0 : bsn_str_add_bytes(&xattrs->names, xattrs->buffer, (size_t)n);
}

static int read_all(const struct bsn_diff_options *options, const char *path, struct bsn_diff_xattrs *xattrs,
		    struct bsn_diff_marks *ret_marks, uint64_t *skipped)
{
	int r = read_names(path, xattrs);
	const char *end = bsn_str_text(&xattrs->names) + xattrs->names.length;

	for (const char *name = bsn_str_text(&xattrs->names); r >= 0 && name < end; name += strlen(name) + 1) {
		if (bsn_mtree_keeps_xattr(name)) {
			r = add_xattr(options, path, name, xattrs);
			*skipped += r == 0;
		} else if (bsn_starts_with(name, "trusted.overlay.")) {
			note_mark(path, name, ret_marks);
		} else {
			(*skipped)++;
		}
	}
	return r;
}

int bsn_diff_xattrs_read(const struct bsn_diff_options *options, int dirfd, const char *name, const char *path,
			 struct bsn_diff_xattrs *xattrs, struct bsn_diff_marks *ret_marks, uint64_t *skipped,
			 struct basin_error *err)
{
	char proc[320];

	bsn_str_clear(&xattrs->names);
	bsn_str_clear(&xattrs->values);
	xattrs->count = 0;
	*ret_marks = (struct bsn_diff_marks){ 0 };
	int r = bsn_format(proc, sizeof(proc), "/proc/self/fd/%d/%s", dirfd, name);
	if (r >= 0)
		r = read_all(options, proc, xattrs, ret_marks, skipped);
	if (r == -EOVERFLOW)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOVERFLOW,
				"an access list of \"%s\" names an id outside the environment's range", path);
	if (r == -EAGAIN || r == -ENOENT)
		return bsn_fail(err, BASIN_CONFLICT, EAGAIN, "\"%s\" changed while it was read", path);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read the extended attributes of \"%s\"", path);
	if (xattrs->values.length > bsn_tar_default_limits.xattr_bytes)
		return bsn_fail(err, BASIN_UNSUPPORTED, E2BIG,
				"\"%s\" has %zu bytes of extended attributes, more than an archive may hold", path,
				xattrs->values.length);
	point_and_sort(xattrs);
	return 0;
}
