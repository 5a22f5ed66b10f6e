/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/criu_wire.h"

#include <errno.h>
#include <string.h>

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static void put_varint(struct bsn_str *message, uint64_t value)
{
	unsigned char bytes[10];
	size_t count = 0;
	do {
		bytes[count] = (unsigned char)(value & 0x7f);
		value >>= 7;
		if (value != 0)
			bytes[count] |= 0x80;
		count++;
	} while (value != 0);
	bsn_str_add_bytes(message, bytes, count);
}

static void put_bytes(struct bsn_str *message, unsigned int field, const void *bytes, size_t length)
{
	put_varint(message, field << 3 | BYTES);
	put_varint(message, length);
	if (length > 0)
		bsn_str_add_bytes(message, bytes, length);
}

void bsn_wire_number(struct bsn_str *message, unsigned int field, uint64_t value)
{
	put_varint(message, field << 3 | VARINT);
	put_varint(message, value);
}

void bsn_wire_text(struct bsn_str *message, unsigned int field, const char *text)
{
	if (text != NULL)
		put_bytes(message, field, text, strlen(text));
}

void bsn_wire_message(struct bsn_str *message, unsigned int field, const struct bsn_str *inner)
{
	message->failed |= inner->failed;
	put_bytes(message, field, inner->data, inner->length);
}

void bsn_wire_pair(struct bsn_str *message, unsigned int field, const char *first, const char *second)
{
	auto_str struct bsn_str pair = { 0 };
	bsn_wire_text(&pair, 1, first);
	bsn_wire_text(&pair, 2, second);
	bsn_wire_message(message, field, &pair);
}

static int take_varint(struct bsn_wire_reader *reader, uint64_t *ret_value)
{
	uint64_t value = 0;
	for (unsigned int shift = 0; shift < 64; shift += 7) {
		if (reader->at == reader->end)
			return -EPROTO;
		unsigned char byte = *reader->at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*ret_value = value;
			return 0;
		}
	}
	return -EPROTO;
}

int bsn_wire_next(struct bsn_wire_reader *reader, struct bsn_wire_field *ret_field)
{
	uint64_t tag;
	uint64_t length = 0;
	if (reader->at == reader->end)
		return 0;
	int r = take_varint(reader, &tag);
	if (r < 0)
		return r;
	*ret_field = (struct bsn_wire_field){ .number = (unsigned int)(tag >> 3) };
	switch (tag & 7) {
	case VARINT:
		r = take_varint(reader, &ret_field->value);
		return r < 0 ? r : 1;
	case BYTES:
		r = take_varint(reader, &length);
		break;
	case FIXED64:
		length = 8;
		break;
	case FIXED32:
		length = 4;
		break;
	default:
		return -EPROTO;
	}
	if (r < 0 || length > (size_t)(reader->end - reader->at))
		return -EPROTO;
	ret_field->bytes = reader->at;
	ret_field->length = (size_t)length;
	reader->at += length;
	return 1;
}
