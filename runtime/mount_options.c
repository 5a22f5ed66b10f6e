/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mount_options.h"

#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	NOTHING, /* known, and the default */
	SET,     /* value into the mount's attributes */
	CLEAR,   /* and out of them */
	SET_ALL, /* the same for the mount and all below it */
	CLEAR_ALL,
	SUPER, /* value into the superblock's flags */
	SUPER_CLEAR,
	READ_ONLY, /* both mount and superblock */
	READ_WRITE,
	PROPAGATION,
	BIND,
	BIND_ALL,
	REMOUNT,
	IDMAP,
	IDMAP_ALL,
	COPY_UP,
	COPY_SYMLINK,
	SOURCE_NOFOLLOW,
	DESTINATION_NOFOLLOW
};

struct option {
	const char *name;
	enum kind kind;
	unsigned long value;
};

/* Sorted by name, for bsearch. The access times are one field of two bits (MOUNT_ATTR__ATIME), of which relatime is 0.
 * What is a file system's own has no recursive form in the kernel: rsync and its kin (crun's) are for that file system, as without the r. */
static const struct option options[] = {
	{ "acl", SUPER, MS_POSIXACL },
	{ "async", SUPER_CLEAR, MS_SYNCHRONOUS },
	{ "atime", CLEAR, MOUNT_ATTR_NOATIME },
	{ "bind", BIND, 0 },
	{ "copy-symlink", COPY_SYMLINK, 0 },
	{ "defaults", NOTHING, 0 },
	{ "dest-nofollow", DESTINATION_NOFOLLOW, 0 },
	{ "dev", CLEAR, MOUNT_ATTR_NODEV },
	{ "diratime", CLEAR, MOUNT_ATTR_NODIRATIME },
	{ "dirsync", SUPER, MS_DIRSYNC },
	{ "exec", CLEAR, MOUNT_ATTR_NOEXEC },
	{ "idmap", IDMAP, 0 },
	{ "iversion", SUPER, MS_I_VERSION },
	{ "lazytime", SUPER, MS_LAZYTIME },
	{ "loud", SUPER_CLEAR, MS_SILENT },
	{ "mand", SUPER, MS_MANDLOCK },
	{ "noacl", SUPER_CLEAR, MS_POSIXACL },
	{ "noatime", SET, MOUNT_ATTR_NOATIME },
	{ "nodev", SET, MOUNT_ATTR_NODEV },
	{ "nodiratime", SET, MOUNT_ATTR_NODIRATIME },
	{ "noexec", SET, MOUNT_ATTR_NOEXEC },
	{ "noiversion", SUPER_CLEAR, MS_I_VERSION },
	{ "nolazytime", SUPER_CLEAR, MS_LAZYTIME },
	{ "nomand", SUPER_CLEAR, MS_MANDLOCK },
	{ "norelatime", CLEAR, MOUNT_ATTR_STRICTATIME },
	{ "nostrictatime", CLEAR, MOUNT_ATTR_STRICTATIME },
	{ "nosuid", SET, MOUNT_ATTR_NOSUID },
	{ "nosymfollow", SET, MOUNT_ATTR_NOSYMFOLLOW },
	{ "private", PROPAGATION, MS_PRIVATE },
	{ "rasync", SUPER_CLEAR, MS_SYNCHRONOUS },
	{ "ratime", CLEAR_ALL, MOUNT_ATTR_NOATIME },
	{ "rbind", BIND_ALL, 0 },
	{ "rdev", CLEAR_ALL, MOUNT_ATTR_NODEV },
	{ "rdiratime", CLEAR_ALL, MOUNT_ATTR_NODIRATIME },
	{ "rdirsync", SUPER, MS_DIRSYNC },
	{ "relatime", SET, MOUNT_ATTR_RELATIME },
	{ "remount", REMOUNT, 0 },
	{ "rexec", CLEAR_ALL, MOUNT_ATTR_NOEXEC },
	{ "ridmap", IDMAP_ALL, 0 },
	{ "rmand", SUPER, MS_MANDLOCK },
	{ "rnoatime", SET_ALL, MOUNT_ATTR_NOATIME },
	{ "rnodev", SET_ALL, MOUNT_ATTR_NODEV },
	{ "rnodiratime", SET_ALL, MOUNT_ATTR_NODIRATIME },
	{ "rnoexec", SET_ALL, MOUNT_ATTR_NOEXEC },
	{ "rnomand", SUPER_CLEAR, MS_MANDLOCK },
	{ "rnorelatime", CLEAR_ALL, MOUNT_ATTR_STRICTATIME },
	{ "rnostrictatime", CLEAR_ALL, MOUNT_ATTR_STRICTATIME },
	{ "rnosuid", SET_ALL, MOUNT_ATTR_NOSUID },
	{ "rnosymfollow", SET_ALL, MOUNT_ATTR_NOSYMFOLLOW },
	{ "ro", READ_ONLY, 0 },
	{ "rprivate", PROPAGATION, MS_PRIVATE | MS_REC },
	{ "rrelatime", SET_ALL, MOUNT_ATTR_RELATIME },
	{ "rro", SET_ALL, MOUNT_ATTR_RDONLY },
	{ "rrw", CLEAR_ALL, MOUNT_ATTR_RDONLY },
	{ "rshared", PROPAGATION, MS_SHARED | MS_REC },
	{ "rslave", PROPAGATION, MS_SLAVE | MS_REC },
	{ "rstrictatime", SET_ALL, MOUNT_ATTR_STRICTATIME },
	{ "rsuid", CLEAR_ALL, MOUNT_ATTR_NOSUID },
	{ "rsymfollow", CLEAR_ALL, MOUNT_ATTR_NOSYMFOLLOW },
	{ "rsync", SUPER, MS_SYNCHRONOUS },
	{ "runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC },
	{ "rw", READ_WRITE, 0 },
	{ "shared", PROPAGATION, MS_SHARED },
	{ "silent", SUPER, MS_SILENT },
	{ "slave", PROPAGATION, MS_SLAVE },
	{ "src-nofollow", SOURCE_NOFOLLOW, 0 },
	{ "strictatime", SET, MOUNT_ATTR_STRICTATIME },
	{ "suid", CLEAR, MOUNT_ATTR_NOSUID },
	{ "symfollow", CLEAR, MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", SUPER, MS_SYNCHRONOUS },
	{ "tmpcopyup", COPY_UP, 0 },
	{ "unbindable", PROPAGATION, MS_UNBINDABLE },
};

#define COUNT (sizeof(options) / sizeof(options[0]))

static int compare(const void *name, const void *option)
{
	return strcmp(name, ((const struct option *)option)->name);
}

static bool is_access_time(unsigned long value)
{
	return (value & ~(unsigned long)MOUNT_ATTR__ATIME) == 0;
}

static void set_attribute(uint64_t *set, uint64_t *clear, unsigned long value)
{
	if (is_access_time(value)) {
		*set &= ~(uint64_t)MOUNT_ATTR__ATIME;
		*clear |= MOUNT_ATTR__ATIME;
	} else {
		*clear &= ~(uint64_t)value;
	}
	*set |= value;
}

static void clear_attribute(uint64_t *set, uint64_t *clear, unsigned long value)
{
	if (is_access_time(value)) {
		if ((*set & MOUNT_ATTR__ATIME) == value)
			*set &= ~(uint64_t)MOUNT_ATTR__ATIME;
		*clear |= MOUNT_ATTR__ATIME;
	} else {
		*set &= ~(uint64_t)value;
		*clear |= value;
	}
}

#define TIMES (MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME)

static bool keeps_time(unsigned long value)
{
	return (value & ~(unsigned long)TIMES) == 0;
}

static void set_super(struct bsn_mount *mount, unsigned long value, bool on)
{
	mount->sb_flags = on ? mount->sb_flags | value : mount->sb_flags & ~value;
	mount->sb_clear = on ? mount->sb_clear & ~value : mount->sb_clear | value;
}

static void apply_attribute(struct bsn_mount *mount, const struct option *option)
{
	switch (option->kind) {
	case SET:
		set_attribute(&mount->attr_set, &mount->attr_clear, option->value);
		mount->access_time |= keeps_time(option->value);
		break;
	case CLEAR:
		clear_attribute(&mount->attr_set, &mount->attr_clear, option->value);
		if (keeps_time(option->value) && (mount->attr_set & TIMES) == 0)
			mount->access_time = false;
		break;
	case SET_ALL:
		set_attribute(&mount->rec_set, &mount->rec_clear, option->value);
		break;
	case CLEAR_ALL:
		clear_attribute(&mount->rec_set, &mount->rec_clear, option->value);
		break;
	case READ_ONLY:
		set_attribute(&mount->attr_set, &mount->attr_clear, MOUNT_ATTR_RDONLY);
		set_super(mount, MS_RDONLY, true);
		break;
	case READ_WRITE:
		clear_attribute(&mount->attr_set, &mount->attr_clear, MOUNT_ATTR_RDONLY);
		set_super(mount, MS_RDONLY, false);
		break;
	case SUPER:
	case SUPER_CLEAR:
		set_super(mount, option->value, option->kind == SUPER);
		break;
	default:
		break;
	}
}

static void apply_kind(struct bsn_mount *mount, enum kind kind)
{
	switch (kind) {
	case BIND:
	case BIND_ALL:
		mount->bind = true;
		mount->bind_recursive = mount->bind_recursive || kind == BIND_ALL;
		break;
	case REMOUNT:
		mount->remount = true;
		break;
	case IDMAP:
	case IDMAP_ALL:
		mount->idmap = true;
		mount->idmap_recursive = mount->idmap_recursive || kind == IDMAP_ALL;
		break;
	case COPY_UP:
		mount->tmpcopyup = true;
		break;
	case COPY_SYMLINK:
		mount->copy_symlink = true;
		break;
	case SOURCE_NOFOLLOW:
		mount->source_nofollow = true;
		break;
	case DESTINATION_NOFOLLOW:
		mount->destination_nofollow = true;
		break;
	default:
		break;
	}
}

bool bsn_mount_option_apply(struct bsn_mount *mount, const char *name, unsigned long *ret_propagation)
{
	const struct option *option = bsearch(name, options, COUNT, sizeof(options[0]), compare);
	*ret_propagation = 0;
	if (option == NULL)
		return false;
	if (option->kind == PROPAGATION)
		*ret_propagation = option->value;
	apply_attribute(mount, option);
	apply_kind(mount, option->kind);
	return true;
}

const char *bsn_mount_option_name(size_t i)
{
	return i < COUNT ? options[i].name : NULL;
}
