/* SPDX-License-Identifier: Apache-2.0 */
/* net/cidr: ranges as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/cidr.h"

static struct bsn_cidr range(const char *address, int prefix)
{
	struct bsn_cidr cidr = { .prefix = prefix };
	assert_int_equal(bsn_ipv4_parse(address, &cidr.base), 0);
	return cidr;
}

static void only_dotted_quads_are_addresses(void **state)
{
	static const char *const texts[] = { "",           "10.77.0",      "10.77.0.256", "10.77.0.1 ",
					     "010.77.0.1", "10.77.0.1/24", "fd00::1",     "ten" };
	uint32_t address = 99;
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(bsn_ipv4_parse(texts[i], &address), -EINVAL);
	assert_int_equal(address, 99);
	assert_int_equal(bsn_ipv4_parse("255.255.255.255", &address), 0);
	assert_int_equal(address, UINT32_MAX);
}

static void parts_of_a_range(void **state)
{
	struct bsn_cidr cidr = range("10.77.0.0", 24);
	char text[BSN_CIDR_TEXT];
	(void)state;
	bsn_cidr_format(&cidr, text);
	assert_string_equal(text, "10.77.0.0/24");
	assert_int_equal(bsn_cidr_gateway(&cidr), 0x0a4d0001);
	assert_int_equal(bsn_cidr_first(&cidr), 0x0a4d0002);
	assert_int_equal(bsn_cidr_last(&cidr), 0x0a4d00fe);
	assert_int_equal(bsn_cidr_hosts(&cidr), 253);
	assert_true(bsn_cidr_contains(&cidr, 0x0a4d00ff));
	assert_false(bsn_cidr_contains(&cidr, 0x0a4d0100));
	cidr = range("10.77.0.8", 29);
	assert_int_equal(bsn_cidr_hosts(&cidr), 5);
	cidr = range("10.77.0.8", 30);
	assert_int_equal(bsn_cidr_hosts(&cidr), 1);
}

static void overlaps_go_both_ways(void **state)
{
	const struct bsn_cidr wide = range("10.88.0.0", 16);
	const struct bsn_cidr narrow = range("10.88.7.0", 24);
	const struct bsn_cidr other = range("10.89.0.0", 24);
	const struct bsn_cidr all = { 0 };
	(void)state;
	assert_true(bsn_cidr_overlaps(&wide, &narrow));
	assert_true(bsn_cidr_overlaps(&narrow, &wide));
	assert_true(bsn_cidr_overlaps(&wide, &wide));
	assert_false(bsn_cidr_overlaps(&wide, &other));
	assert_true(bsn_cidr_overlaps(&all, &other));
}

static void a_free_range_is_chosen(void **state)
{
	struct bsn_cidr taken[2] = { range("10.88.0.0", 23), range("10.88.2.16", 28) };
	struct bsn_cidr chosen;
	struct basin_error err;
	char text[BSN_CIDR_TEXT];
	(void)state;
	assert_int_equal(bsn_cidr_choose(NULL, 0, &chosen, NULL), 0);
	bsn_cidr_format(&chosen, text);
	assert_string_equal(text, "10.88.0.0/24");
	assert_int_equal(bsn_cidr_choose(taken, 2, &chosen, NULL), 0);
	bsn_cidr_format(&chosen, text);
	assert_string_equal(text, "10.88.3.0/24");
	taken[0] = range("10.0.0.0", 8);
	assert_int_equal(bsn_cidr_choose(taken, 1, &chosen, &err), -ENOSPC);
	assert_int_equal(err.code, BASIN_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_dotted_quads_are_addresses),
		cmocka_unit_test(parts_of_a_range),
		cmocka_unit_test(overlaps_go_both_ways),
		cmocka_unit_test(a_free_range_is_chosen),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
