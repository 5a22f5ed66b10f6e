/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar_header.h"

#include <errno.h>
#include <string.h>

int bsn_tar_parse_field(const char *field, size_t size, int64_t *ret_value)
{
	const unsigned char *bytes = (const unsigned char *)field;
	if ((bytes[0] & 0x80) != 0) {
		bool negative = (bytes[0] & 0x40) != 0;
		uint64_t value = negative ? UINT64_MAX : 0;
		for (size_t i = 0; i < size; i++) {
			unsigned char byte = i == 0 ? (unsigned char)(negative ? bytes[0] | 0x80 : bytes[0] & 0x7f) : bytes[i];
			if (value >> 55 != (negative ? 0x1ff : 0))
				return -EBADMSG;
			value = value << 8 | byte;
		}
		*ret_value = (int64_t)value;
		return 0;
	}
	size_t i = 0;
	int64_t value = 0;
	while (i < size && (field[i] == ' ' || field[i] == '\0'))
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		value = value * 8 + (field[i] - '0');
	for (; i < size; i++)
		if (field[i] != ' ' && field[i] != '\0')
			return -EBADMSG;
	*ret_value = value;
	return 0;
}

bool bsn_tar_is_zero(const char *block)
{
	static const char zero[BSN_TAR_UNIT];
	return memcmp(block, zero, BSN_TAR_UNIT) == 0;
}

/* The sum of all bytes, the field itself taken as spaces. Old archivers added signed characters. */
bool bsn_tar_checksum_matches(const struct bsn_tar_header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	size_t from = offsetof(struct bsn_tar_header, checksum);
	int64_t is_unsigned = 0;
	int64_t is_signed = 0;
	int64_t wanted;
	for (size_t i = 0; i < BSN_TAR_UNIT; i++) {
		unsigned char byte = i >= from && i < from + sizeof(header->checksum) ? ' ' : bytes[i];
		is_unsigned += byte;
		is_signed += (signed char)byte;
	}
	return bsn_tar_parse_field(header->checksum, sizeof(header->checksum), &wanted) >= 0 &&
	       (wanted == is_unsigned || wanted == is_signed);
}
