/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar reader on anything: every entry, and of every other one the data, behind whatever decompressor the first bytes ask for. What a
 * reader returns must keep its promises: pieces in order and within the file, text that ends.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/compress.h"
#include "image/tar_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_data(struct bsn_tar *tar, const struct bsn_tar_entry *entry)
{
	uint64_t end = 0;
	uint64_t offset;
	const void *piece;
	ssize_t n;
	struct basin_error err;
	while ((n = bsn_tar_data(tar, &piece, &offset, &err)) > 0) {
		if (offset < end || offset + (uint64_t)n > entry->size)
			abort();
		end = offset + (uint64_t)n;
	}
}

static void check_entry(const struct bsn_tar_entry *entry)
{
	if (strlen(entry->path) == 0 || strlen(entry->path) > bsn_tar_default_limits.path_bytes || entry->mtime.tv_nsec < 0 ||
	    entry->mtime.tv_nsec > 999999999 || (entry->mode & ~07777U) != 0)
		abort();
	for (size_t i = 0; i < entry->xattr_count; i++)
		if (strlen(entry->xattrs[i].name) == 0 || entry->xattrs[i].size > bsn_tar_default_limits.xattr_bytes)
			abort();
}

/* Makes the check sums of what looks like headers right: a fuzzer would hardly ever guess one. */
static uint8_t *with_checksums(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);
	memcpy(copy, data, size);
	for (size_t at = 0; at + 512 <= size; at += 512) {
		unsigned int sum = 0;
		uint8_t *field = copy + at + 148;
		if (memcmp(copy + at + 257, "ustar", 5) != 0)
			continue;
		memset(field, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += copy[at + i];
		for (int i = 5; i >= 0; i--, sum >>= 3)
			field[i] = (uint8_t)('0' + (sum & 7));
		field[6] = 0;
	}
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bsn_memory_stream memory;
	struct bsn_inflate *inflate = NULL;
	struct bsn_tar *tar = NULL;
	const struct bsn_tar_entry *entry;
	struct basin_error err;
	if (size == 0)
		return 0;
	uint8_t *copy = with_checksums(data, size);
	bsn_memory_stream_init(&memory, copy, size);
	if (bsn_inflate_new(&memory.stream, &inflate, &err) >= 0 &&
	    bsn_tar_new(bsn_inflate_stream(inflate), NULL, size % 2 == 0, &tar, &err) >= 0)
		while (bsn_tar_next(tar, &entry, &err) > 0) {
			check_entry(entry);
			if (entry->number % 2 == 0)
				check_data(tar, entry);
		}
	bsn_tar_free(tar);
	bsn_inflate_free(inflate);
	free(copy);
	return 0;
}
