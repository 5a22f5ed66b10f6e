/* SPDX-License-Identifier: Apache-2.0 */
/* image/acl.c: what GNU tar and bsdtar write, brought into the kernel's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "image/acl.h"

static void numbers_become_binary_in_the_kernels_order(void **state)
{
	(void)state;
	static const unsigned char want[] = {
		2,    0, 0, 0,                     /* version */
		0x01, 0, 7, 0, 255, 255, 255, 255, /* user:: */
		0x02, 0, 4, 0, 77,  0,   0,   0,   /* user:77, from a name with its number */
		0x02, 0, 5, 0, 232, 3,   0,   0,   /* user:1000 */
		0x04, 0, 5, 0, 255, 255, 255, 255, /* group:: */
		0x10, 0, 7, 0, 255, 255, 255, 255, /* mask:: */
		0x20, 0, 0, 0, 255, 255, 255, 255, /* other:: */
	};
	const char *text = "user::rwx,group::r-x,other::---,user:1000:r-x\nuser:bob:r--:77,mask::rwx";
	unsigned char *value = NULL;
	size_t size = 0;
	assert_int_equal(bsn_acl_parse(text, strlen(text), &value, &size), 0);
	assert_int_equal(size, sizeof(want));
	assert_memory_equal(value, want, sizeof(want));
	free(value);
}

static void names_and_nonsense_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ "user:bob:rwx", -ENOTSUP }, { "group:staff:r--", -ENOTSUP },     { "user", -EBADMSG },
		{ "user:1", -EBADMSG },       { "queen::rwx", -EBADMSG },          { "user:1:rwz", -EBADMSG },
		{ "user:1:r:2:3", -EBADMSG }, { "user:4294967295:r--", -EBADMSG }, { "user:99999999999:r--", -ENOTSUP },
		{ "user:-1:r--", -ENOTSUP },
	};
	unsigned char *value = NULL;
	size_t size = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(bsn_acl_parse(cases[i].text, strlen(cases[i].text), &value, &size), cases[i].result);
	assert_null(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_become_binary_in_the_kernels_order),
		cmocka_unit_test(names_and_nonsense_are_refused),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
