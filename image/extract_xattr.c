/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes from an archive: an allow-list, and the ids inside file capabilities and ACLs brought into the
 * environment's range. Attributes of overlayfs are never taken from an archive: as root they would redirect a lookup or bare
 * another layer's files.
 */
#include <endian.h>
#include <string.h>

#include "base/str.h"
#include "base/sys.h"
#include "image/extract_object.h"
#include "image/mtree.h"

/* struct vfs_ns_cap_data of the kernel, little-endian: magic, two pairs of masks, and in revision 3 the namespace's root. */
#define CAP_REVISION_MASK 0xff000000U
#define CAP_REVISION_2    0x02000000U
#define CAP_REVISION_3    0x03000000U
#define CAP_SIZE_2        20
#define CAP_SIZE_3        24

#define ACL_VERSION 2U
#define ACL_ENTRY   8 /* u16 tag, u16 permissions, u32 id */
#define ACL_USER    0x02
#define ACL_GROUP   0x08

int bsn_extract_id(const struct bsn_extraction *x, uint32_t id, uint32_t *ret_id)
{
	const struct bsn_extract_options *options = x->options;
	if (options->id_base != 0 && (id >= options->id_count || id > UINT32_MAX - 1 - options->id_base))
		return -ERANGE;
	*ret_id = id + options->id_base;
	return 0;
}

static uint32_t load32(const unsigned char *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static void store32(unsigned char *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

/* Rewrites a file capability for where it will live: its size, 0 when it must not be set at all. */
static size_t translate_capability(const struct bsn_extraction *x, const struct bsn_tar_xattr *xattr,
				   unsigned char value[CAP_SIZE_3])
{
	uint32_t root = 0;
	uint32_t shifted;
	if (xattr->size != CAP_SIZE_2 && xattr->size != CAP_SIZE_3)
		return 0;
	memcpy(value, xattr->value, xattr->size);
	uint32_t magic = load32(value);
	uint32_t revision = magic & CAP_REVISION_MASK;
	if (revision != (xattr->size == CAP_SIZE_2 ? CAP_REVISION_2 : CAP_REVISION_3))
		return 0;
	if (revision == CAP_REVISION_3)
		root = load32(value + CAP_SIZE_2);
	if (bsn_extract_id(x, root, &shifted) < 0)
		return 0;
	/* A layer is shared by all environments and holds the plain form; one for another namespace's root means nothing there.
	 * */
	if (x->options->id_base == 0) {
		store32(value, (magic & ~CAP_REVISION_MASK) | CAP_REVISION_2);
		return root == 0 ? CAP_SIZE_2 : 0;
	}
	store32(value, (magic & ~CAP_REVISION_MASK) | CAP_REVISION_3);
	store32(value + CAP_SIZE_2, shifted);
	return CAP_SIZE_3;
}

/* The ids of named users and groups in a binary ACL; false when it is malformed. */
static bool translate_acl(const struct bsn_extraction *x, unsigned char *value, size_t size)
{
	if (size < 4 || (size - 4) % ACL_ENTRY != 0 || load32(value) != ACL_VERSION)
		return false;
	for (unsigned char *at = value + 4; at < value + size; at += ACL_ENTRY) {
		unsigned int tag = at[0] | (unsigned int)at[1] << 8;
		uint32_t id;
		if (tag != ACL_USER && tag != ACL_GROUP)
			continue;
		if (bsn_extract_id(x, load32(at + 4), &id) < 0)
			return false;
		store32(at + 4, id);
	}
	return true;
}

static int set_xattr(int fd, const char *name, const void *value, size_t size)
{
	int r = bsn_sys_fsetxattr(fd, name, value, size);
	if (r != -EBADF)
		return r;
	/* An O_PATH descriptor: what it stands for has a name under /proc. */
	char path[40];
	r = bsn_format(path, sizeof(path), "/proc/self/fd/%d", fd);
	return r < 0 ? r : bsn_sys_setxattr(path, name, value, size);
}

/* 1 when it was set, 0 when it was left out. */
static int apply(const struct bsn_extraction *x, int fd, const struct bsn_tar_xattr *xattr)
{
	unsigned char capability[CAP_SIZE_3];
	int r;
	if (!bsn_mtree_keeps_xattr(xattr->name))
		return 0;
	if (bsn_streq(xattr->name, "security.capability")) {
		size_t size = translate_capability(x, xattr, capability);
		r = size > 0 ? set_xattr(fd, xattr->name, capability, size) : -EOPNOTSUPP;
	} else if (bsn_starts_with(xattr->name, "system.posix_acl_")) {
		auto_free unsigned char *acl = malloc(xattr->size + 1);
		if (acl == NULL)
			return -ENOMEM;
		memcpy(acl, xattr->value, xattr->size);
		r = translate_acl(x, acl, xattr->size) ? set_xattr(fd, xattr->name, acl, xattr->size) : -EOPNOTSUPP;
	} else {
		r = set_xattr(fd, xattr->name, xattr->value, xattr->size);
	}
	return r >= 0 ? 1 : r == -EOPNOTSUPP ? 0 : r;
}

int bsn_extract_xattrs(struct bsn_extraction *x, int fd, const char *path, const struct bsn_tar_xattr *xattrs, size_t count,
		       struct basin_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = apply(x, fd, &xattrs[i]);
		if (r < 0)
			return bsn_fail_sys(err, -r, "\"%.200s\": cannot set the extended attribute \"%s\"", path,
					    xattrs[i].name);
		x->result->xattrs_skipped += r == 0;
	}
	return 0;
}
