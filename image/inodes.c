/* SPDX-License-Identifier: Apache-2.0 */
#include "image/inodes.h"

#include <errno.h>
#include <string.h>

static void free_directory(struct bsn_late_directory *directory)
{
	if (directory == NULL)
		return;
	for (size_t i = 0; i < directory->xattr_count; i++) {
		free((void *)(uintptr_t)directory->xattrs[i].name);
		free((void *)(uintptr_t)directory->xattrs[i].value);
	}
	free(directory->xattrs);
	free(directory);
}

static void forget(struct bsn_inode *inode)
{
	if (inode->is_directory)
		free_directory(inode->is.directory);
	inode->is_directory = false;
}

void bsn_inodes_release(struct bsn_inodes *inodes)
{
	for (size_t i = 0; i < inodes->room; i++)
		forget(&inodes->slots[i]);
	free(inodes->slots);
	*inodes = (struct bsn_inodes){ 0 };
}

/* The slot of ino, or the empty one where it belongs. */
static struct bsn_inode *slot_of(struct bsn_inode *slots, size_t room, uint64_t ino)
{
	size_t at = (size_t)((ino * 0x9e3779b97f4a7c15ULL) >> 20) & (room - 1);
	while (slots[at].ino != 0 && slots[at].ino != ino)
		at = (at + 1) & (room - 1);
	return &slots[at];
}

struct bsn_inode *bsn_inodes_find(const struct bsn_inodes *inodes, uint64_t ino)
{
	if (inodes->room == 0)
		return NULL;
	struct bsn_inode *slot = slot_of(inodes->slots, inodes->room, ino);
	return slot->ino == ino ? slot : NULL;
}

static int grow(struct bsn_inodes *inodes)
{
	size_t room = inodes->room == 0 ? 1024 : inodes->room * 2;
	struct bsn_inode *slots = calloc(room, sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < inodes->room; i++)
		if (inodes->slots[i].ino != 0)
			*slot_of(slots, room, inodes->slots[i].ino) = inodes->slots[i];
	free(inodes->slots);
	inodes->slots = slots;
	inodes->room = room;
	return 0;
}

/* The slot for ino, empty now. */
static struct bsn_inode *take_slot(struct bsn_inodes *inodes, uint64_t ino)
{
	if (inodes->count * 3 >= inodes->room * 2 && grow(inodes) < 0)
		return NULL;
	struct bsn_inode *slot = slot_of(inodes->slots, inodes->room, ino);
	if (slot->ino == 0)
		inodes->count++;
	forget(slot);
	slot->ino = ino;
	return slot;
}

int bsn_inodes_add_file(struct bsn_inodes *inodes, uint64_t ino, const unsigned char sha256[32])
{
	struct bsn_inode *slot = take_slot(inodes, ino);
	if (slot == NULL)
		return -ENOMEM;
	memcpy(slot->is.sha256, sha256, 32);
	return 0;
}

static int copy_xattrs(struct bsn_late_directory *to, const struct bsn_late_directory *from)
{
	if (from->xattr_count == 0)
		return 0;
	to->xattrs = calloc(from->xattr_count, sizeof(*to->xattrs));
	if (to->xattrs == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < from->xattr_count; i++) {
		struct bsn_tar_xattr *xattr = &to->xattrs[to->xattr_count++];
		void *value = malloc(from->xattrs[i].size + 1);
		*xattr = (struct bsn_tar_xattr){ strdup(from->xattrs[i].name), value, from->xattrs[i].size };
		if (xattr->name == NULL || value == NULL)
			return -ENOMEM;
		memcpy(value, from->xattrs[i].value, xattr->size);
	}
	return 0;
}

int bsn_inodes_add_directory(struct bsn_inodes *inodes, uint64_t ino, const struct bsn_late_directory *directory)
{
	struct bsn_late_directory *copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return -ENOMEM;
	*copy = *directory;
	copy->xattrs = NULL;
	copy->xattr_count = 0;
	struct bsn_inode *slot = copy_xattrs(copy, directory) < 0 ? NULL : take_slot(inodes, ino);
	if (slot == NULL) {
		free_directory(copy);
		return -ENOMEM;
	}
	slot->is.directory = copy;
	slot->is_directory = true;
	return 0;
}
