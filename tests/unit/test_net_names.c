/* SPDX-License-Identifier: Apache-2.0 */
/* net/names: what links are called, and what their aliases say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "net/names.h"

static void short_names_are_readable(void **state)
{
	char name[BSN_LINK_NAME];
	(void)state;
	bsn_net_bridge_name("lab", name);
	assert_string_equal(name, "bsn-lab");
	bsn_net_bridge_name("elevenchars", name);
	assert_string_equal(name, "bsn-elevenchars");
}

static void long_names_fit_and_differ(void **state)
{
	char a[BSN_LINK_NAME];
	char b[BSN_LINK_NAME];
	(void)state;
	bsn_net_bridge_name("a-network-with-a-long-name-1", a);
	bsn_net_bridge_name("a-network-with-a-long-name-2", b);
	assert_int_equal(strlen(a), 15);
	assert_true(bsn_starts_with(a, "bsn-"));
	assert_string_not_equal(a, b);
}

static void veth_names_depend_on_all_three(void **state)
{
	char a[BSN_LINK_NAME];
	char b[BSN_LINK_NAME];
	(void)state;
	bsn_net_veth_name("scope001", "lab", "web", a);
	assert_int_equal(strlen(a), 15);
	bsn_net_veth_name("scope001", "lab", "web", b);
	assert_string_equal(a, b);
	bsn_net_veth_name("scope002", "lab", "web", b);
	assert_string_not_equal(a, b);
	bsn_net_veth_name("scope001", "la", "bweb", b);
	assert_string_not_equal(a, b);
	bsn_net_veth_name("scope001", "lab", "web2", b);
	assert_string_not_equal(a, b);
}

static void scopes_differ_by_path(void **state)
{
	char a[BSN_NET_SCOPE];
	char b[BSN_NET_SCOPE];
	(void)state;
	bsn_net_scope("/var/lib/basin", a);
	bsn_net_scope("/var/lib/basin2", b);
	assert_int_equal(strlen(a), 8);
	assert_string_not_equal(a, b);
}

static void aliases_are_read_back(void **state)
{
	char alias[BSN_LINK_ALIAS];
	struct bsn_net_owner owner;
	(void)state;
	bsn_net_veth_alias("scope001", "lab", "web", alias);
	assert_int_equal(bsn_net_parse_alias("scope001", alias, &owner), 0);
	assert_string_equal(owner.network, "lab");
	assert_string_equal(owner.env, "web");
	bsn_net_bridge_alias("scope001", "lab", alias);
	assert_int_equal(bsn_net_parse_alias("scope001", alias, &owner), 0);
	assert_string_equal(owner.network, "lab");
	assert_string_equal(owner.env, "");
}

static void foreign_aliases_are_refused(void **state)
{
	static const char *const aliases[] = { "",
					       "uplink",
					       "basin",
					       "basin scope001 network",
					       "basin scope002 network lab",
					       "basin scope001 network lab ",
					       "basin scope001 environment web network lab more" };
	struct bsn_net_owner owner = { .network = "untouched" };
	(void)state;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		assert_int_equal(bsn_net_parse_alias("scope001", aliases[i], &owner), -EINVAL);
	assert_string_equal(owner.network, "untouched");
}

static void mac_follows_address(void **state)
{
	uint8_t mac[6];
	char text[BSN_MAC_TEXT];
	(void)state;
	bsn_net_mac(0x0a4d0002, mac);
	bsn_net_format_mac(mac, text);
	assert_string_equal(text, "02:62:0a:4d:00:02");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_names_are_readable),
		cmocka_unit_test(long_names_fit_and_differ),
		cmocka_unit_test(veth_names_depend_on_all_three),
		cmocka_unit_test(scopes_differ_by_path),
		cmocka_unit_test(aliases_are_read_back),
		cmocka_unit_test(foreign_aliases_are_refused),
		cmocka_unit_test(mac_follows_address),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
