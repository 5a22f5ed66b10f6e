/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format of criu's service (protocol buffers, criu's rpc.proto), as far as it is used: numbers (varints) and bytes, each behind
 * its field's number. A message is built in a struct bsn_str; a failed allocation sticks there.
 */
#ifndef BSN_RUNTIME_CRIU_WIRE_H
#define BSN_RUNTIME_CRIU_WIRE_H

#include <stdint.h>

#include "base/str.h"

void bsn_wire_number(struct bsn_str *message, unsigned int field, uint64_t value);
/* Nothing where text is NULL. */
void bsn_wire_text(struct bsn_str *message, unsigned int field, const char *text);
void bsn_wire_message(struct bsn_str *message, unsigned int field, const struct bsn_str *inner);
/* A message of two texts, fields 1 and 2, which most maps are. */
void bsn_wire_pair(struct bsn_str *message, unsigned int field, const char *first, const char *second);

struct bsn_wire_reader {
	const unsigned char *at;
	const unsigned char *end;
};

struct bsn_wire_field {
	unsigned int number;
	uint64_t value; /* of a varint */
	const unsigned char *bytes;
	size_t length; /* of bytes; NULL and 0 for a varint */
};

/* The next field: 1, 0 at the end, -EPROTO for what is cut short or of a kind that is not used. */
int bsn_wire_next(struct bsn_wire_reader *reader, struct bsn_wire_field *ret_field);

#endif
