/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse files' maps where they are not in the PAX header: GNU's blocks, and the text at the head of the data. */
#include "image/tar_reader.h"

static int add_gnu_stretches(struct bsn_tar *tar, const char *map, size_t count)
{
	for (size_t i = 0; i < count; i++, map += 24) {
		int64_t offset;
		int64_t length;
		if (map[0] == '\0')
			return 0;
		if (bsn_tar_parse_field(map, 12, &offset) < 0 || bsn_tar_parse_field(map + 12, 12, &length) < 0 || offset < 0 ||
		    length < 0)
			return -EBADMSG;
		int r = bsn_pax_add_stretch(&tar->pax, (uint64_t)offset, (uint64_t)length, &tar->limits);
		if (r < 0)
			return r;
	}
	return 0;
}

int bsn_tar_read_gnu_map(struct bsn_tar *tar, const struct bsn_tar_header *header, struct basin_error *err)
{
	int64_t size;
	bool more = header->tail.gnu.more != '\0';
	int r = bsn_tar_parse_field(header->tail.gnu.real_size, sizeof(header->tail.gnu.real_size), &size);
	if (r >= 0 && size >= 0)
		r = add_gnu_stretches(tar, header->tail.gnu.map[0], 4);
	while (r >= 0 && more) {
		const char *block;
		int got = bsn_tar_next_block(tar, &block, err);
		if (got < 0)
			return got;
		if (got == 0)
			return bsn_tar_damaged(tar, err, "the archive ends in the middle of a sparse map");
		more = block[504] != '\0';
		r = add_gnu_stretches(tar, block, 21);
	}
	if (r == -ENOMEM)
		return bsn_tar_no_memory(err);
	if (r < 0 || size < 0)
		return bsn_tar_damaged(tar, err, "a malformed sparse map");
	tar->pax.sparse = true;
	tar->pax.has_sparse_size = true;
	tar->pax.sparse_size = (uint64_t)size;
	return 0;
}

/* PAX sparse 1.0: "count\noffset\nlength\n..." at the head of the data, in whole blocks. One number of it. */
static int next_map_number(struct bsn_tar *tar, const char **block, size_t *at, uint64_t *ret_number, struct basin_error *err)
{
	char digits[24];
	size_t length = 0;
	for (;;) {
		if (*at == BSN_TAR_UNIT) {
			int r = tar->left < BSN_TAR_UNIT ? 0 : bsn_tar_next_block(tar, block, err);
			if (r <= 0)
				return r < 0 ? r : bsn_tar_damaged(tar, err, "a sparse map that does not end");
			tar->left -= BSN_TAR_UNIT;
			*at = 0;
		}
		char c = (*block)[(*at)++];
		if (c == '\n')
			break;
		if (length == sizeof(digits))
			return bsn_tar_damaged(tar, err, "a malformed sparse map");
		digits[length++] = c;
	}
	if (bsn_pax_parse_number(digits, length, INT64_MAX, ret_number) < 0)
		return bsn_tar_damaged(tar, err, "a malformed sparse map");
	return 0;
}

int bsn_tar_read_inline_map(struct bsn_tar *tar, struct basin_error *err)
{
	const char *block = NULL;
	size_t at = BSN_TAR_UNIT;
	uint64_t count = 0;
	int r = next_map_number(tar, &block, &at, &count, err);
	for (uint64_t i = 0; i < count && r >= 0; i++) {
		uint64_t offset;
		uint64_t length;
		r = next_map_number(tar, &block, &at, &offset, err);
		if (r >= 0)
			r = next_map_number(tar, &block, &at, &length, err);
		if (r < 0)
			break;
		r = bsn_pax_add_stretch(&tar->pax, offset, length, &tar->limits);
		if (r == -ENOMEM)
			return bsn_tar_no_memory(err);
		if (r < 0)
			return bsn_tar_damaged(tar, err, "a malformed sparse map");
	}
	return r;
}

int bsn_tar_check_map(const struct bsn_tar *tar, struct basin_error *err)
{
	const struct bsn_pax *pax = &tar->pax;
	uint64_t stored = 0;
	for (size_t i = 0; i < pax->stretch_count; i++) {
		stored += pax->stretches[i].length;
		if (pax->stretches[i].offset + pax->stretches[i].length > pax->sparse_size || stored > tar->left)
			return bsn_tar_damaged(tar, err, "a sparse map that does not fit the file");
	}
	if (!pax->has_sparse_size || pax->half_stretch || stored != tar->left)
		return bsn_tar_damaged(tar, err, "a sparse map that does not fit the file");
	return 0;
}
