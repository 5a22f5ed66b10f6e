/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of criu's service: what is written, byte by byte, and what is read of a hostile answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "runtime/criu_wire.h"

static void fields_are_written(void **state)
{
	(void)state;
	static const unsigned char expected[] = {
		0x08, 0x00,                               /* 1: 0 */
		0x80, 0x04, 0x96, 0x01,                   /* 64: 150 */
		0x6a, 0x02, '/',  'r',                    /* 13: "/r" */
		0xba, 0x01, 0x06,                         /* 23: a pair */
		0x0a, 0x01, 'a',                          /*   1: "a" */
		0x12, 0x01, 'b',                          /*   2: "b" */
		0xb0, 0x02, 0x80, 0x80, 0x80, 0x80, 0x04, /* 38: 1 << 30 */
	};
	auto_str struct bsn_str message = { 0 };
	bsn_wire_number(&message, 1, 0);
	bsn_wire_number(&message, 64, 150);
	bsn_wire_text(&message, 13, "/r");
	bsn_wire_text(&message, 14, NULL);
	bsn_wire_pair(&message, 23, "a", "b");
	bsn_wire_number(&message, 38, 1u << 30);
	assert_false(message.failed);
	assert_int_equal(message.length, sizeof(expected));
	assert_memory_equal(message.data, expected, sizeof(expected));
}

static int read_all(const unsigned char *bytes, size_t length, int *ret_fields)
{
	struct bsn_wire_reader reader = { bytes, bytes + length };
	struct bsn_wire_field field;
	int r;
	*ret_fields = 0;
	while ((r = bsn_wire_next(&reader, &field)) > 0)
		(*ret_fields)++;
	return r;
}

static void fields_are_read(void **state)
{
	(void)state;
	static const unsigned char message[] = { 0x08, 0x96, 0x01, 0x12, 0x02, 'h', 'i', 0x1d, 1, 2, 3,
						 4,    0x21, 1,    2,    3,    4,   5,   6,    7, 8 };
	struct bsn_wire_reader reader = { message, message + sizeof(message) };
	struct bsn_wire_field field;
	int count;
	assert_int_equal(bsn_wire_next(&reader, &field), 1);
	assert_true(field.number == 1 && field.value == 150 && field.bytes == NULL);
	assert_int_equal(bsn_wire_next(&reader, &field), 1);
	assert_true(field.number == 2 && field.length == 2 && memcmp(field.bytes, "hi", 2) == 0);
	assert_int_equal(read_all(message, sizeof(message), &count), 0);
	assert_int_equal(count, 4);
	/* Cut anywhere it never reads beyond, and mostly says so. */
	for (size_t cut = 1; cut < sizeof(message); cut++)
		assert_true(read_all(message, cut, &count) <= 0 && count < 4);
	static const unsigned char endless[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
	static const unsigned char huge[] = { 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f };
	static const unsigned char group[] = { 0x0b };
	assert_int_equal(read_all(endless, sizeof(endless), &count), -EPROTO);
	assert_int_equal(read_all(huge, sizeof(huge), &count), -EPROTO);
	assert_int_equal(read_all(group, sizeof(group), &count), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_written),
		cmocka_unit_test(fields_are_read),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
