/* SPDX-License-Identifier: Apache-2.0 */
/* net/cidr: ranges as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/cidr.h"

static void good_ranges_are_read(void **state)
{
	static const char *const ranges[] = { "10.77.0.0/24", "10.0.0.0/8", "192.168.7.8/29", "172.16.0.0/12" };
	struct bsn_cidr cidr;
	char text[BSN_CIDR_TEXT];
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		assert_int_equal(bsn_cidr_parse(ranges[i], &cidr, NULL), 0);
		bsn_cidr_format(&cidr, text);
		assert_string_equal(text, ranges[i]);
	}
}

static void bad_ranges_are_refused(void **state)
{
	static const char *const ranges[] = { "",
					      "10.77.0.0",
					      "10.77.0.0/",
					      "10.77.0.0/7",
					      "10.77.0.0/30",
					      "10.77.0.0/33",
					      "10.77.0/24",
					      "10.77.0.256/24",
					      "10.77.0.0/24x",
					      "10.77.0.0/-1",
					      "/24",
					      "fd00::/64",
					      " 10.77.0.0/24",
					      "010.77.0.0/24",
					      "10.77.0.0/99999999999999999999" };
	struct bsn_cidr cidr = { .prefix = 99 };
	struct basin_error err;
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		assert_int_equal(bsn_cidr_parse(ranges[i], &cidr, &err), -EINVAL);
		assert_int_equal(err.code, BASIN_USAGE);
	}
	assert_int_equal(cidr.prefix, 99);
}

static void host_bits_get_a_hint(void **state)
{
	struct bsn_cidr cidr;
	struct basin_error err;
	(void)state;
	assert_int_equal(bsn_cidr_parse("10.77.0.5/24", &cidr, &err), -EINVAL);
	assert_non_null(strstr(err.text, "did you mean 10.77.0.0/24"));
}

static void parts_of_a_range(void **state)
{
	struct bsn_cidr cidr;
	(void)state;
	assert_int_equal(bsn_cidr_parse("10.77.0.0/24", &cidr, NULL), 0);
	assert_int_equal(bsn_cidr_gateway(&cidr), 0x0a4d0001);
	assert_int_equal(bsn_cidr_first(&cidr), 0x0a4d0002);
	assert_int_equal(bsn_cidr_last(&cidr), 0x0a4d00fe);
	assert_int_equal(bsn_cidr_hosts(&cidr), 253);
	assert_true(bsn_cidr_contains(&cidr, 0x0a4d00ff));
	assert_false(bsn_cidr_contains(&cidr, 0x0a4d0100));
	assert_int_equal(bsn_cidr_parse("10.77.0.8/29", &cidr, NULL), 0);
	assert_int_equal(bsn_cidr_hosts(&cidr), 5);
}

static void overlaps_go_both_ways(void **state)
{
	struct bsn_cidr wide;
	struct bsn_cidr narrow;
	struct bsn_cidr other;
	const struct bsn_cidr all = { 0 };
	(void)state;
	bsn_cidr_parse("10.88.0.0/16", &wide, NULL);
	bsn_cidr_parse("10.88.7.0/24", &narrow, NULL);
	bsn_cidr_parse("10.89.0.0/24", &other, NULL);
	assert_true(bsn_cidr_overlaps(&wide, &narrow));
	assert_true(bsn_cidr_overlaps(&narrow, &wide));
	assert_true(bsn_cidr_overlaps(&wide, &wide));
	assert_false(bsn_cidr_overlaps(&wide, &other));
	assert_true(bsn_cidr_overlaps(&all, &other));
}

static void a_free_range_is_chosen(void **state)
{
	struct bsn_cidr taken[2];
	struct bsn_cidr chosen;
	struct basin_error err;
	char text[BSN_CIDR_TEXT];
	(void)state;
	assert_int_equal(bsn_cidr_choose(NULL, 0, &chosen, NULL), 0);
	bsn_cidr_format(&chosen, text);
	assert_string_equal(text, "10.88.0.0/24");
	bsn_cidr_parse("10.88.0.0/23", &taken[0], NULL);
	bsn_cidr_parse("10.88.2.16/28", &taken[1], NULL);
	assert_int_equal(bsn_cidr_choose(taken, 2, &chosen, NULL), 0);
	bsn_cidr_format(&chosen, text);
	assert_string_equal(text, "10.88.3.0/24");
	bsn_cidr_parse("10.0.0.0/8", &taken[0], NULL);
	assert_int_equal(bsn_cidr_choose(taken, 1, &chosen, &err), -ENOSPC);
	assert_int_equal(err.code, BASIN_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ranges_are_read),  cmocka_unit_test(bad_ranges_are_refused),
		cmocka_unit_test(host_bits_get_a_hint),  cmocka_unit_test(parts_of_a_range),
		cmocka_unit_test(overlaps_go_both_ways), cmocka_unit_test(a_free_range_is_chosen),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
