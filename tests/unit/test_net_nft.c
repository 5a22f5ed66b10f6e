/* SPDX-License-Identifier: Apache-2.0 */
/* net/nft: what the packet rules let pass and what not, with real packets between namespaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "net/nft.h"
#include "tests/unit/net_space.h"

#define LAB  "10.77.0.0/24"
#define PIT  "10.78.0.0/24"
#define OUT  "192.0.2.0/24"
#define ECHO 7

/* Two networks with an environment each, and a host outside; all of them answer at port ECHO, as does this host. */
static struct world {
	struct space lab;
	struct space pit;
	struct space out;
	pid_t servers[4];
	struct bsn_nft *nft;
} world;

static struct bsn_nft_network network_of(const char *name, const char *cidr, bool nat)
{
	struct bsn_nft_network network = { .nat = nat, .subnet = cidr_of(cidr) };
	bsn_format(network.name, sizeof(network.name), "%s", name);
	bsn_net_bridge_name(name, network.bridge);
	return network;
}

static struct bsn_nft_member member_of(const char *network, const char *env, const char *address)
{
	struct bsn_nft_member member = { 0 };
	bsn_net_bridge_name(network, member.bridge);
	bsn_format(member.env, sizeof(member.env), "%s", env);
	assert_int_equal(bsn_ipv4_parse(address, &member.address), 0);
	return member;
}

static void network_create(const char *name, const char *cidr, bool nat)
{
	const struct bsn_nft_network network = network_of(name, cidr, nat);
	struct basin_error err = { .text = "" };
	int r = bsn_nft_network_create(world.nft, &network, &err);
	assert_string_equal(r < 0 ? err.text : "", "");
}

static int member_create(const char *network, const char *env, const char *address)
{
	const struct bsn_nft_member member = member_of(network, env, address);
	return bsn_nft_member_create(world.nft, &member, NULL);
}

static int build_world(void **state)
{
	struct basin_error err = { .text = "" };
	(void)state;
	write_text("/proc/sys/net/ipv4/ip_forward", "1");
	world.lab = space_open();
	world.pit = space_open();
	world.out = space_open();
	if (bridge_up("lab", LAB, &err) != 1 || bridge_up("pit", PIT, &err) != 1 || bridge_up("out", OUT, &err) != 1 ||
	    space_attach(&world.lab, "lab", "web", LAB, "10.77.0.2", &err) < 0 ||
	    space_attach(&world.pit, "pit", "web", PIT, "10.78.0.2", &err) < 0 ||
	    space_attach(&world.out, "out", "peer", OUT, "192.0.2.2", &err) < 0 || bsn_nft_open("basin", &world.nft, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	world.servers[0] = echo_server(world.lab.fd, ECHO);
	world.servers[1] = echo_server(world.pit.fd, ECHO);
	world.servers[2] = echo_server(world.out.fd, ECHO);
	world.servers[3] = echo_server(-1, ECHO);
	return 0;
}

static int end_world(void **state)
{
	(void)state;
	bsn_nft_close(world.nft);
	for (size_t i = 0; i < 4; i++) {
		kill(world.servers[i], SIGKILL);
		waitpid(world.servers[i], NULL, 0);
	}
	space_close(&world.lab);
	space_close(&world.pit);
	space_close(&world.out);
	return 0;
}

static int drop_table(void **state)
{
	const struct bsn_nft_content nothing = { 0 };
	(void)state;
	return bsn_nft_reload(world.nft, &nothing, NULL);
}

/* Without rules everything reaches everything: what the others test would otherwise prove nothing. */
static void without_rules_all_is_open(void **state)
{
	char seen[64] = "";
	(void)state;
	assert_true(reaches(world.lab.fd, "10.78.0.2", ECHO, 3000, NULL));
	assert_true(reaches(world.lab.fd, "10.78.0.1", ECHO, 3000, NULL));
	assert_true(reaches(world.out.fd, "10.77.0.2", ECHO, 3000, NULL));
	assert_true(reaches(world.lab.fd, "192.0.2.2", ECHO, 3000, seen));
	assert_string_equal(seen, "10.77.0.2");
}

static void networks_do_not_reach_each_other(void **state)
{
	(void)state;
	network_create("lab", LAB, true);
	network_create("pit", PIT, false);
	assert_int_equal(member_create("lab", "web", "10.77.0.2"), 0);
	assert_int_equal(member_create("pit", "web", "10.78.0.2"), 0);
	assert_false(reaches(world.lab.fd, "10.78.0.2", ECHO, 500, NULL));
	assert_false(reaches(world.pit.fd, "10.77.0.2", ECHO, 500, NULL));
	assert_false(reaches(world.lab.fd, "10.78.0.1", ECHO, 500, NULL));
	assert_true(reaches(world.lab.fd, "10.77.0.1", ECHO, 3000, NULL));
	assert_true(reaches(-1, "10.77.0.2", ECHO, 3000, NULL));
}

static void nat_hides_the_network(void **state)
{
	char seen[64] = "";
	(void)state;
	network_create("lab", LAB, true);
	network_create("pit", PIT, false);
	assert_int_equal(member_create("lab", "web", "10.77.0.2"), 0);
	assert_int_equal(member_create("pit", "web", "10.78.0.2"), 0);
	assert_true(reaches(world.lab.fd, "192.0.2.2", ECHO, 3000, seen));
	assert_string_equal(seen, "192.0.2.1");
	assert_false(reaches(world.out.fd, "10.77.0.2", ECHO, 500, NULL));
	/* Without NAT: its own address, and reachable. */
	assert_true(reaches(world.pit.fd, "192.0.2.2", ECHO, 3000, seen));
	assert_string_equal(seen, "10.78.0.2");
	assert_true(reaches(world.out.fd, "10.78.0.2", ECHO, 3000, NULL));
}

static void only_members_get_out(void **state)
{
	const struct bsn_nft_member member = member_of("lab", "web", "10.77.0.2");
	(void)state;
	network_create("lab", LAB, true);
	assert_false(reaches(world.lab.fd, "192.0.2.2", ECHO, 500, NULL));
	assert_int_equal(bsn_nft_member_create(world.nft, &member, NULL), 0);
	assert_int_equal(bsn_nft_member_create(world.nft, &member, NULL), 0);
	assert_true(reaches(world.lab.fd, "192.0.2.2", ECHO, 3000, NULL));
	assert_int_equal(bsn_nft_member_destroy(world.nft, &member, NULL), 0);
	assert_int_equal(bsn_nft_member_destroy(world.nft, &member, NULL), 0);
	assert_false(reaches(world.lab.fd, "192.0.2.2", ECHO, 500, NULL));
}

static void content_is_listed(void **state)
{
	auto_nft_content struct bsn_nft_content content = { 0 };
	(void)state;
	assert_int_equal(bsn_nft_list(world.nft, &content, NULL), 0);
	assert_false(content.table);
	bsn_nft_content_release(&content);
	network_create("lab", LAB, true);
	network_create("lab", LAB, true);
	network_create("pit-with-a-long-name", PIT, false);
	assert_int_equal(member_create("lab", "web", "10.77.0.2"), 0);
	assert_int_equal(member_create("lab", "cli", "10.77.0.3"), 0);
	assert_int_equal(bsn_nft_list(world.nft, &content, NULL), 0);
	assert_true(content.table);
	assert_int_equal(content.network_count, 2);
	assert_int_equal(content.member_count, 2);
	size_t lab = bsn_streq(content.networks[0].name, "lab") ? 0 : 1;
	assert_string_equal(content.networks[lab].name, "lab");
	assert_string_equal(content.networks[lab].bridge, "bsn-lab");
	assert_true(content.networks[lab].nat);
	assert_string_equal(content.networks[1 - lab].name, "pit-with-a-long-name");
	assert_false(content.networks[1 - lab].nat);
	assert_int_equal(content.networks[1 - lab].subnet.base, 0x0a4e0000);
	assert_int_equal(content.networks[1 - lab].subnet.prefix, 24);
	size_t web = bsn_streq(content.members[0].env, "web") ? 0 : 1;
	assert_string_equal(content.members[web].env, "web");
	assert_string_equal(content.members[web].bridge, "bsn-lab");
	assert_int_equal(content.members[web].address, 0x0a4d0002);
}

static void a_network_goes_alone(void **state)
{
	auto_nft_content struct bsn_nft_content content = { 0 };
	(void)state;
	network_create("lab", LAB, true);
	network_create("pit", PIT, true);
	assert_int_equal(member_create("lab", "web", "10.77.0.2"), 0);
	assert_int_equal(member_create("pit", "web", "10.78.0.2"), 0);
	assert_int_equal(bsn_nft_network_destroy(world.nft, "pit", "bsn-pit", NULL), 0);
	assert_int_equal(bsn_nft_network_destroy(world.nft, "pit", "bsn-pit", NULL), 0);
	assert_int_equal(bsn_nft_list(world.nft, &content, NULL), 0);
	assert_int_equal(content.network_count, 1);
	assert_int_equal(content.member_count, 1);
	assert_string_equal(content.networks[0].name, "lab");
	assert_true(reaches(world.lab.fd, "192.0.2.2", ECHO, 3000, NULL));
	bsn_nft_content_release(&content);
	assert_int_equal(bsn_nft_network_destroy(world.nft, "lab", "bsn-lab", NULL), 0);
	assert_int_equal(bsn_nft_network_destroy(world.nft, "lab", "bsn-lab", NULL), 0);
	assert_int_equal(bsn_nft_list(world.nft, &content, NULL), 0);
	assert_false(content.table);
}

static void a_reload_restores_everything(void **state)
{
	auto_nft_content struct bsn_nft_content content = { 0 };
	struct basin_error err;
	(void)state;
	network_create("lab", LAB, true);
	assert_int_equal(member_create("lab", "web", "10.77.0.2"), 0);
	assert_int_equal(bsn_nft_list(world.nft, &content, NULL), 0);
	drop_table(NULL);
	const struct bsn_nft_member member = member_of("lab", "web", "10.77.0.2");
	assert_int_equal(bsn_nft_member_create(world.nft, &member, &err), -ENOENT);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	assert_int_equal(bsn_nft_member_destroy(world.nft, &member, NULL), 0);
	assert_int_equal(bsn_nft_reload(world.nft, &content, NULL), 0);
	char seen[64] = "";
	assert_true(reaches(world.lab.fd, "192.0.2.2", ECHO, 3000, seen));
	assert_string_equal(seen, "192.0.2.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(without_rules_all_is_open, drop_table),
		cmocka_unit_test_teardown(networks_do_not_reach_each_other, drop_table),
		cmocka_unit_test_teardown(nat_hides_the_network, drop_table),
		cmocka_unit_test_teardown(only_members_get_out, drop_table),
		cmocka_unit_test_teardown(content_is_listed, drop_table),
		cmocka_unit_test_teardown(a_network_goes_alone, drop_table),
		cmocka_unit_test_teardown(a_reload_restores_everything, drop_table),
	};
	enter_private_network();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, build_world, end_world);
}
