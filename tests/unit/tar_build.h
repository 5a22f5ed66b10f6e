/* SPDX-License-Identifier: Apache-2.0 */
/* Writes tar archives byte by byte, well formed or not, so that a test holds exactly the archive it speaks of. */
#ifndef TESTS_UNIT_TAR_BUILD_H
#define TESTS_UNIT_TAR_BUILD_H

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "image/tar_header.h"

struct entry {
	const char *name;
	char type; /* '0' when 0 */
	unsigned int mode;
	unsigned long uid;
	unsigned long gid;
	unsigned long long size; /* as the header says; data is added apart */
	unsigned long mtime;
	const char *link;
	unsigned int major;
	unsigned int minor;
	const char *prefix;
	const char *magic; /* eight bytes; ustar when NULL, "" for V7 */
};

static inline void seal(struct bsn_tar_header *header)
{
	unsigned int sum = 0;
	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += ((unsigned char *)header)[i];
	snprintf(header->checksum, sizeof(header->checksum), "%06o", sum);
}

static inline struct bsn_tar_header header_of(const struct entry *entry)
{
	struct bsn_tar_header header;
	memset(&header, 0, sizeof(header));
	memcpy(header.name, entry->name, strnlen(entry->name, sizeof(header.name)));
	snprintf(header.mode, 8, "%07o", entry->mode & 07777777);
	snprintf(header.uid, 8, "%07lo", entry->uid & 07777777);
	snprintf(header.gid, 8, "%07lo", entry->gid & 07777777);
	snprintf(header.size, 12, "%011llo", entry->size & 077777777777ULL);
	snprintf(header.mtime, 12, "%011lo", entry->mtime & 077777777777UL);
	header.type = entry->type != 0 ? entry->type : '0';
	if (entry->link != NULL)
		memcpy(header.link, entry->link, strnlen(entry->link, sizeof(header.link)));
	if (entry->magic == NULL)
		memcpy(header.magic, "ustar\00000", 8);
	else if (entry->magic[0] != '\0')
		memcpy(header.magic, entry->magic, 8);
	snprintf(header.major, 8, "%07o", entry->major);
	snprintf(header.minor, 8, "%07o", entry->minor);
	if (entry->prefix != NULL)
		strncpy(header.tail.prefix, entry->prefix, sizeof(header.tail.prefix));
	seal(&header);
	return header;
}

static inline void add_header(struct bsn_str *tar, struct bsn_tar_header header)
{
	seal(&header);
	bsn_str_add_bytes(tar, &header, sizeof(header));
}

/* Data and what fills it up to whole blocks. */
static inline void add_data(struct bsn_str *tar, const void *data, size_t length)
{
	static const char zeros[512];
	bsn_str_add_bytes(tar, data, length);
	bsn_str_add_bytes(tar, zeros, (512 - length % 512) % 512);
}

/* An entry without data. */
static inline void add_entry(struct bsn_str *tar, struct entry entry)
{
	struct bsn_tar_header header = header_of(&entry);
	bsn_str_add_bytes(tar, &header, sizeof(header));
}

static inline void add_file(struct bsn_str *tar, const char *name, const char *text)
{
	add_entry(tar, (struct entry){ .name = name, .mode = 0644, .size = strlen(text) });
	add_data(tar, text, strlen(text));
}

static inline void add_dir(struct bsn_str *tar, const char *name, unsigned int mode)
{
	add_entry(tar, (struct entry){ .name = name, .type = '5', .mode = mode });
}

static inline void add_symlink(struct bsn_str *tar, const char *name, const char *target)
{
	add_entry(tar, (struct entry){ .name = name, .type = '2', .mode = 0777, .link = target });
}

static inline void add_hardlink(struct bsn_str *tar, const char *name, const char *target)
{
	add_entry(tar, (struct entry){ .name = name, .type = '1', .mode = 0644, .link = target });
}

/* One PAX record into body, its length worked out. */
static inline void add_record(struct bsn_str *body, const char *key, const void *value, size_t size)
{
	size_t rest = strlen(key) + size + 3; /* space, equals, newline */
	size_t length = rest + 1;
	char digits[24];
	while ((size_t)snprintf(digits, sizeof(digits), "%zu", length) + rest != length)
		length = rest + strlen(digits);
	bsn_str_addf(body, "%s %s=", digits, key);
	bsn_str_add_bytes(body, value, size);
	bsn_str_add(body, "\n");
}

/* An extension header of any kind around body. */
static inline void add_extension(struct bsn_str *tar, char type, const void *body, size_t length)
{
	add_entry(tar, (struct entry){ .name = "extension", .type = type, .mode = 0644, .size = length });
	add_data(tar, body, length);
}

/* An x header with one record. */
static inline void add_pax(struct bsn_str *tar, const char *key, const void *value, size_t size)
{
	struct bsn_str body = { 0 };
	add_record(&body, key, value, size);
	add_extension(tar, 'x', body.data, body.length);
	bsn_str_release(&body);
}

static inline void add_end(struct bsn_str *tar)
{
	static const char zeros[1024];
	bsn_str_add_bytes(tar, zeros, sizeof(zeros));
}

#endif
