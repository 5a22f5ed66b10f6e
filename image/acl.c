/* SPDX-License-Identifier: Apache-2.0 */
#include "image/acl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define ENTRIES_MAX 1024
#define NO_ID       UINT32_MAX

/* linux/posix_acl_xattr.h: a version, then entries, all little-endian; the kernel wants them by tag, then by id. */
#define VERSION    2
#define ENTRY_SIZE 8

enum { USER_OBJ = 0x01, USER = 0x02, GROUP_OBJ = 0x04, GROUP = 0x08, MASK = 0x10, OTHER = 0x20 };

struct entry {
	uint16_t tag;
	uint16_t permissions;
	uint32_t id;
};

struct field {
	const char *at;
	size_t length;
};

static bool is_word(const struct field *field, const char *word)
{
	return field->length == strlen(word) && memcmp(field->at, word, field->length) == 0;
}

static int parse_id(const struct field *field, uint32_t *ret_id)
{
	uint64_t id = 0;
	if (field->length == 0 || field->length > 10)
		return -ENOTSUP;
	for (size_t i = 0; i < field->length; i++) {
		if (field->at[i] < '0' || field->at[i] > '9')
			return -ENOTSUP;
		id = id * 10 + (uint64_t)(field->at[i] - '0');
	}
	if (id >= NO_ID)
		return -EBADMSG;
	*ret_id = (uint32_t)id;
	return 0;
}

static int parse_permissions(const struct field *field, uint16_t *ret_permissions)
{
	uint16_t permissions = 0;
	for (size_t i = 0; i < field->length; i++) {
		switch (field->at[i]) {
		case 'r':
			permissions |= 4;
			break;
		case 'w':
			permissions |= 2;
			break;
		case 'x':
			permissions |= 1;
			break;
		case '-':
			break;
		default:
			return -EBADMSG;
		}
	}
	*ret_permissions = permissions;
	return 0;
}

static int parse_tag(const struct field *type, bool named, uint16_t *ret_tag)
{
	if (is_word(type, "user") || is_word(type, "u"))
		*ret_tag = named ? USER : USER_OBJ;
	else if (is_word(type, "group") || is_word(type, "g"))
		*ret_tag = named ? GROUP : GROUP_OBJ;
	else if (is_word(type, "mask") || is_word(type, "m"))
		*ret_tag = MASK;
	else if (is_word(type, "other") || is_word(type, "o"))
		*ret_tag = OTHER;
	else
		return -EBADMSG;
	return 0;
}

static int parse_entry(const char *at, const char *end, struct entry *ret_entry)
{
	struct field fields[4] = { 0 };
	size_t count = 0;
	while (at <= end) {
		const char *colon = memchr(at, ':', (size_t)(end - at));
		const char *stop = colon != NULL ? colon : end;
		if (count == 4)
			return -EBADMSG;
		fields[count++] = (struct field){ at, (size_t)(stop - at) };
		at = stop + 1;
	}
	if (count < 3)
		return -EBADMSG;
	struct entry entry = { .id = NO_ID };
	int r = parse_tag(&fields[0], fields[1].length > 0, &entry.tag);
	if (r >= 0)
		r = parse_permissions(&fields[2], &entry.permissions);
	/* The number behind the permissions is the id that the name had where the archive was written. */
	if (r >= 0 && (entry.tag == USER || entry.tag == GROUP))
		r = parse_id(count == 4 ? &fields[3] : &fields[1], &entry.id);
	if (r >= 0)
		*ret_entry = entry;
	return r;
}

static int by_tag_and_id(const void *a, const void *b)
{
	const struct entry *one = a;
	const struct entry *two = b;
	if (one->tag != two->tag)
		return one->tag < two->tag ? -1 : 1;
	return one->id < two->id ? -1 : one->id > two->id;
}

static void store(unsigned char *at, uint32_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

static int format(const struct entry *entries, size_t count, unsigned char **ret_value, size_t *ret_size)
{
	size_t size = 4 + count * ENTRY_SIZE;
	unsigned char *value = malloc(size);
	if (value == NULL)
		return -ENOMEM;
	store(value, VERSION, 4);
	for (size_t i = 0; i < count; i++) {
		unsigned char *at = value + 4 + i * ENTRY_SIZE;
		store(at, entries[i].tag, 2);
		store(at + 2, entries[i].permissions, 2);
		store(at + 4, entries[i].id, 4);
	}
	*ret_value = value;
	*ret_size = size;
	return 0;
}

int bsn_acl_parse(const char *text, size_t length, unsigned char **ret_value, size_t *ret_size)
{
	auto_free struct entry *entries = calloc(ENTRIES_MAX, sizeof(*entries));
	const char *end = text + length;
	size_t count = 0;
	if (entries == NULL)
		return -ENOMEM;
	for (const char *at = text; at < end;) {
		const char *stop = at;
		while (stop < end && *stop != ',' && *stop != '\n')
			stop++;
		if (count == ENTRIES_MAX)
			return -EBADMSG;
		int r = stop > at ? parse_entry(at, stop, &entries[count]) : 0;
		if (r < 0)
			return r;
		count += stop > at;
		at = stop + 1;
	}
	qsort(entries, count, sizeof(*entries), by_tag_and_id);
	return format(entries, count, ret_value, ret_size);
}
