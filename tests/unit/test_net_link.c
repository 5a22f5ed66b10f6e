/* SPDX-License-Identifier: Apache-2.0 */
/* net/link and net/forwarding on a real kernel, in a network namespace of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/str.h"
#include "net/forwarding.h"
#include "tests/unit/net_space.h"

#define LAB "10.77.0.0/24"

static void a_bridge_is_made_once(void **state)
{
	struct basin_error err;
	(void)state;
	assert_int_equal(bridge_up("lab", LAB, &err), 1);
	assert_int_equal(bridge_up("lab", LAB, &err), 0);
	assert_int_equal(bridge_down("lab", &err), 0);
	assert_int_equal(bridge_down("lab", &err), 0);
	assert_int_equal(bridge_up("lab", LAB, &err), 1);
	assert_int_equal(bridge_down("lab", &err), 0);
}

static void links_are_listed_with_their_owner(void **state)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	struct bsn_link *links = NULL;
	struct bsn_cidr *ranges = NULL;
	struct bsn_net_owner owner;
	size_t count = 0;
	char text[BSN_CIDR_TEXT];
	(void)state;
	assert_int_equal(bridge_up("lab", LAB, NULL), 1);
	assert_int_equal(bsn_netlink_open(&netlink, NULL), 0);
	assert_int_equal(bsn_link_list(netlink, &links, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_true(links[0].bridge);
	assert_string_equal(links[0].name, "bsn-lab");
	assert_int_equal(bsn_net_parse_alias(SCOPE, links[0].alias, &owner), 0);
	assert_string_equal(owner.network, "lab");
	assert_int_equal(bsn_ipv4_list(netlink, 0, &ranges, &count, NULL), 0);
	assert_int_equal(count, 1);
	bsn_cidr_format(&ranges[0], text);
	assert_string_equal(text, LAB);
	free(ranges);
	assert_int_equal(bsn_ipv4_list(netlink, links[0].index, &ranges, &count, NULL), 0);
	assert_int_equal(count, 0);
	free(ranges);
	free(links);
	assert_int_equal(bridge_down("lab", NULL), 0);
}

static void a_strangers_link_is_left_alone(void **state)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	struct bsn_bridge theirs = { .name = "bsn-lab", .alias = "somebody else's", .subnet = cidr_of(LAB) };
	struct basin_error err;
	(void)state;
	assert_int_equal(bsn_netlink_open(&netlink, NULL), 0);
	assert_int_equal(bsn_bridge_create(netlink, &theirs, NULL), 1);
	assert_int_equal(bridge_up("lab", LAB, &err), -EEXIST);
	assert_int_equal(err.code, BASIN_EXISTS);
	assert_int_equal(bridge_down("lab", &err), -EEXIST);
	assert_int_equal(err.code, BASIN_CONFLICT);
	assert_non_null(strstr(err.text, "somebody else's"));
	assert_int_equal(bsn_link_destroy(netlink, theirs.name, theirs.alias, &err), 0);
}

static void two_environments_talk(void **state)
{
	struct space web = space_open();
	struct space cli = space_open();
	char seen[64] = "";
	struct basin_error err;
	(void)state;
	assert_int_equal(bridge_up("lab", LAB, &err), 1);
	assert_int_equal(space_attach(&web, "lab", "web", LAB, "10.77.0.2", &err), 0);
	assert_int_equal(space_attach(&cli, "lab", "cli", LAB, "10.77.0.3", &err), 0);
	pid_t server = echo_server(web.fd, 7);
	assert_true(reaches(cli.fd, "10.77.0.2", 7, 3000, seen));
	assert_string_equal(seen, "10.77.0.3");
	assert_true(reaches(web.fd, "127.0.0.1", 7, 3000, NULL)); /* lo is up */
	assert_true(reaches(-1, "10.77.0.2", 7, 3000, seen));
	assert_string_equal(seen, "10.77.0.1");
	assert_int_equal(space_detach("lab", "web", &err), 0);
	assert_int_equal(space_detach("lab", "web", &err), 0);
	assert_false(reaches(cli.fd, "10.77.0.2", 7, 300, NULL));
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	space_close(&web);
	space_close(&cli);
	assert_int_equal(bridge_down("lab", &err), 0);
}

static void a_left_over_link_is_replaced(void **state)
{
	struct space first = space_open();
	struct space second = space_open();
	struct basin_error err;
	(void)state;
	assert_int_equal(bridge_up("lab", LAB, &err), 1);
	assert_int_equal(space_attach(&first, "lab", "web", LAB, "10.77.0.2", &err), 0);
	assert_int_equal(space_attach(&second, "lab", "web", LAB, "10.77.0.2", &err), 0);
	pid_t server = echo_server(second.fd, 7);
	assert_true(reaches(-1, "10.77.0.2", 7, 3000, NULL));
	/* The name is taken inside: refused, and nothing new stays outside. */
	assert_int_equal(space_attach(&second, "lab", "again", LAB, "10.77.0.9", &err), -EEXIST);
	assert_int_equal(space_detach("lab", "again", &err), 0);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	space_close(&first);
	space_close(&second);
	assert_int_equal(bridge_down("lab", &err), 0);
}

static void links_rejoin_a_bridge_made_again(void **state)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	struct space web = space_open();
	char name[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS];
	struct basin_error err;
	(void)state;
	bsn_net_veth_name(SCOPE, "lab", "web", name);
	bsn_net_veth_alias(SCOPE, "lab", "web", alias);
	assert_int_equal(bridge_up("lab", LAB, &err), 1);
	assert_int_equal(space_attach(&web, "lab", "web", LAB, "10.77.0.2", &err), 0);
	pid_t server = echo_server(web.fd, 7);
	assert_int_equal(bridge_down("lab", &err), 0);
	assert_int_equal(bridge_up("lab", LAB, &err), 1);
	assert_false(reaches(-1, "10.77.0.2", 7, 300, NULL));
	assert_int_equal(bsn_netlink_open(&netlink, NULL), 0);
	assert_int_equal(bsn_veth_rejoin(netlink, name, alias, "bsn-lab", &err), 0);
	assert_true(reaches(-1, "10.77.0.2", 7, 3000, NULL));
	assert_int_equal(bsn_veth_rejoin(netlink, name, alias, "bsn-lab", &err), 0);
	assert_int_equal(bsn_veth_rejoin(netlink, "bsvmissing", alias, "bsn-lab", &err), 0);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	space_close(&web);
	assert_int_equal(bridge_down("lab", &err), 0);
}

static void a_missing_bridge_is_reported(void **state)
{
	struct space web = space_open();
	struct basin_error err;
	(void)state;
	assert_int_equal(space_attach(&web, "nowhere", "web", LAB, "10.77.0.2", &err), -ENODEV);
	assert_non_null(strstr(err.text, "bsn-nowhere"));
	space_close(&web);
}

static char forwarding_now(void)
{
	auto_free char *text = NULL;
	assert_true(bsn_read_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", 16, &text, NULL) >= 0);
	return text[0];
}

static void forwarding_is_restored(void **state)
{
	char path[] = "/tmp/basin-forwarding.XXXXXX";
	struct basin_error err;
	(void)state;
	assert_non_null(mkdtemp(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int before = '0'; before <= '1'; before++) {
		const char text[] = { (char)before, '\0' };
		write_text("/proc/sys/net/ipv4/ip_forward", text);
		assert_int_equal(bsn_forwarding_enable(dir, &err), 0);
		assert_int_equal(bsn_forwarding_enable(dir, &err), 0);
		assert_int_equal(forwarding_now(), '1');
		assert_int_equal(bsn_forwarding_restore(dir, &err), 0);
		assert_int_equal(forwarding_now(), before);
	}
	/* Nothing kept: nothing done. */
	write_text("/proc/sys/net/ipv4/ip_forward", "1");
	assert_int_equal(bsn_forwarding_restore(dir, &err), 0);
	assert_int_equal(forwarding_now(), '1');
	close(dir);
	assert_int_equal(rmdir(path), 0); /* no file of ours stays */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bridge_is_made_once),          cmocka_unit_test(links_are_listed_with_their_owner),
		cmocka_unit_test(a_strangers_link_is_left_alone), cmocka_unit_test(two_environments_talk),
		cmocka_unit_test(a_left_over_link_is_replaced),   cmocka_unit_test(links_rejoin_a_bridge_made_again),
		cmocka_unit_test(a_missing_bridge_is_reported),   cmocka_unit_test(forwarding_is_restored),
	};
	enter_private_network();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
