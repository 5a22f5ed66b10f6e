/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/env/network: environments on networks, with the ledger, in a network namespace and roots of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "net/nft.h"
#include "runtime/env/context.h"
#include "runtime/env/network.h"
#include "runtime/env/network_place.h"
#include "tests/unit/net_space.h"

static char top[] = "/tmp/basin-network.XXXXXX";
static char state_root[64];
static char data_root[64];
static struct basin *basin;

static struct basin *open_basin(void)
{
	const struct basin_options options = {
		.size = sizeof(options), .root = state_root, .data_root = data_root, .cgroup_root = "/sys/fs/cgroup/basin-unused"
	};
	struct basin *opened = NULL;
	struct basin_error err = { .text = "" };
	if (basin_open(&options, &opened, &err) < 0)
		fprintf(stderr, "# %s\n", err.text);
	return opened;
}

static int build_world(void **state)
{
	(void)state;
	if (mkdtemp(top) == NULL)
		return -1;
	chmod(top, 0755);
	bsn_format(state_root, sizeof(state_root), "%s/run", top);
	bsn_format(data_root, sizeof(data_root), "%s/data", top);
	basin = open_basin();
	return basin == NULL ? -1 : 0;
}

static int end_world(void **state)
{
	(void)state;
	basin_close(basin);
	return bsn_remove_tree(AT_FDCWD, top);
}

static int make_lab(void **state)
{
	const struct basin_net_options options = { .size = sizeof(options), .subnet = "10.77.0.0/24" };
	struct basin_error err = { .text = "" };
	(void)state;
	int r = basin_net_create(basin, "lab", &options, NULL, &err);
	if (r < 0)
		fprintf(stderr, "# %s\n", err.text);
	return r;
}

static int drop_lab(void **state)
{
	struct basin_error err = { .text = "" };
	(void)state;
	int r = basin_net_remove(basin, "lab", &err);
	if (r < 0)
		fprintf(stderr, "# %s\n", err.text);
	return r;
}

static void attach(const char *env, const struct space *space, struct bsn_network_address *ret_address)
{
	struct basin_error err = { .text = "" };
	int r = bsn_network_up(basin, "lab", &err);
	if (r >= 0)
		r = bsn_network_attach(basin, "lab", env, space->fd, "eth0", ret_address, &err);
	assert_string_equal(r < 0 ? err.text : "", "");
}

static void leave(const char *env)
{
	assert_int_equal(bsn_network_detach(basin, "lab", env, NULL), 0);
	assert_int_equal(bsn_network_detach(basin, "lab", env, NULL), 0);
	assert_int_equal(bsn_network_release(basin, "lab", env, NULL), 0);
	assert_int_equal(bsn_network_release(basin, "lab", env, NULL), 0);
}

static void two_environments_reach_each_other(void **state)
{
	struct space web = space_open();
	struct space cli = space_open();
	struct bsn_network_address first;
	struct bsn_network_address second;
	struct basin_error err;
	(void)state;
	attach("web", &web, &first);
	attach("cli", &cli, &second);
	assert_string_equal(first.address, "10.77.0.2");
	assert_string_equal(second.address, "10.77.0.3");
	assert_string_equal(first.gateway, "10.77.0.1");
	assert_string_equal(first.mac, "02:62:0a:4d:00:02");
	assert_int_equal(first.prefix, 24);
	pid_t server = echo_server(web.fd, 7);
	assert_true(reaches(cli.fd, first.address, 7, 3000, NULL));
	assert_int_equal(basin_net_remove(basin, "lab", &err), -EBUSY);
	assert_int_equal(err.code, BASIN_BUSY);
	assert_non_null(strstr(err.text, "web"));
	assert_true(reaches(cli.fd, first.address, 7, 3000, NULL)); /* the refusal took nothing down */
	leave("web");
	assert_false(reaches(cli.fd, first.address, 7, 300, NULL));
	leave("cli");
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	space_close(&web);
	space_close(&cli);
}

static void an_address_is_kept_while_it_is_leased(void **state)
{
	struct bsn_network_address first;
	struct bsn_network_address again;
	struct space space = space_open();
	(void)state;
	assert_int_equal(bsn_network_lease(basin, "lab", "web", &first, NULL), 0);
	attach("web", &space, &again);
	assert_string_equal(first.address, again.address);
	assert_int_equal(bsn_network_detach(basin, "lab", "web", NULL), 0);
	assert_int_equal(bsn_network_lease(basin, "lab", "cli", &again, NULL), 0);
	assert_string_not_equal(first.address, again.address);
	assert_int_equal(bsn_network_lease(basin, "lab", "web", &again, NULL), 0);
	assert_string_equal(first.address, again.address);
	leave("web");
	leave("cli");
	space_close(&space);
}

static void what_was_destroyed_is_mended(void **state)
{
	auto_of(bsn_nft_close) struct bsn_nft *nft = NULL;
	auto_network_host struct bsn_network_host host = BSN_NETWORK_HOST_INIT;
	const struct bsn_nft_content nothing = { 0 };
	struct space web = space_open();
	struct bsn_network_address address;
	struct basin_error err = { .text = "" };
	(void)state;
	attach("web", &web, &address);
	assert_int_equal(bsn_network_host_open(basin, BSN_LOCK_EXCLUSIVE, &host, NULL), 0);
	assert_int_equal(bsn_network_nft_open(&host, &nft, NULL), 0);
	assert_int_equal(bsn_nft_reload(nft, &nothing, NULL), 0);
	char alias[BSN_LINK_ALIAS];
	bsn_net_bridge_alias(host.scope, "lab", alias);
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	assert_int_equal(bsn_netlink_open(&netlink, NULL), 0);
	assert_int_equal(bsn_link_destroy(netlink, "bsn-lab", alias, NULL), 0);
	bsn_network_host_release(&host);
	pid_t server = echo_server(web.fd, 7);
	assert_false(reaches(-1, address.address, 7, 300, NULL));
	assert_int_equal(bsn_network_up(basin, "lab", &err), 0);
	assert_true(reaches(-1, address.address, 7, 3000, NULL));
	auto_nft_content struct bsn_nft_content content = { 0 };
	assert_int_equal(bsn_nft_list(nft, &content, NULL), 0);
	assert_int_equal(content.member_count, 1);
	assert_string_equal(content.members[0].env, "web");
	leave("web");
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	space_close(&web);
}

static int nobody(void *data, const char *env)
{
	(void)data;
	(void)env;
	return 0;
}

static int everybody(void *data, const char *env)
{
	(void)data;
	(void)env;
	return 1;
}

static size_t reconcile(bool dry_run, bsn_network_env_fn *is_env)
{
	auto_json json_t *entries = json_array();
	struct basin_error err = { .text = "" };
	int r = bsn_network_reconcile(basin, dry_run, is_env, NULL, entries, &err);
	assert_string_equal(r < 0 ? err.text : "", "");
	for (size_t i = 0; i < json_array_size(entries); i++)
		assert_null(json_object_get(json_array_get(entries, i), "error"));
	return json_array_size(entries);
}

static void what_a_dead_environment_left_is_removed(void **state)
{
	struct space web = space_open();
	(void)state;
	attach("web", &web, NULL);
	assert_int_equal(reconcile(true, everybody), 0);
	/* Its link, its member, its name; it is gone from the ledger. */
	assert_int_equal(reconcile(true, nobody), 3);
	assert_int_equal(reconcile(false, nobody), 3);
	assert_int_equal(reconcile(true, nobody), 0);
	/* It exists, but its namespace has died under it: the kernel took the link, the rest is found. */
	attach("web", &web, NULL);
	space_close(&web);
	for (int tries = 0; tries < 100 && reconcile(true, everybody) != 2; tries++)
		usleep(20 * 1000);
	assert_int_equal(reconcile(false, everybody), 2);
	assert_int_equal(reconcile(true, everybody), 0);
	leave("web");
}

static void a_dead_name_server_is_found(void **state)
{
	struct space web = space_open();
	char command[128];
	(void)state;
	attach("web", &web, NULL);
	bsn_format(command, sizeof(command), "kill -9 $(pgrep -f -- '[-]-hostsdir=%s/')", state_root);
	assert_int_equal(system(command), 0);
	for (int tries = 0; tries < 100 && reconcile(true, everybody) != 1; tries++)
		usleep(20 * 1000);
	assert_int_equal(reconcile(false, everybody), 1);
	assert_int_equal(reconcile(true, everybody), 0);
	leave("web");
	space_close(&web);
}

#define PROCESSES 10
#define EACH      25 /* 250 ask for 253 addresses */

static void many_at_once_get_different_addresses(void **state)
{
	struct bsn_network_address address;
	struct basin_error err;
	char name[32];
	int failures = 0;
	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		struct basin *own = open_basin();
		for (int j = 0; own != NULL && j < EACH; j++) {
			bsn_format(name, sizeof(name), "env-%d-%d", i, j);
			if (bsn_network_lease(own, "lab", name, &address, NULL) < 0)
				_exit(1);
		}
		_exit(own == NULL);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status = 1;
		wait(&status);
		failures += status != 0;
	}
	assert_int_equal(failures, 0);
	auto_free char *text = NULL;
	auto_json json_t *seen = json_object();
	auto_json json_t *list = NULL;
	assert_int_equal(basin_net_allocations(basin, "lab", &text, NULL), 0);
	assert_int_equal(bsn_json_parse(text, strlen(text), "allocations", &list, NULL), 0);
	for (size_t i = 0; i < json_array_size(list); i++)
		json_object_set(seen, json_string_value(json_object_get(json_array_get(list, i), "address")), json_true());
	assert_int_equal(json_object_size(seen), PROCESSES * EACH + 1); /* and the gateway's */
	for (int i = 0; i < 3; i++) {
		bsn_format(name, sizeof(name), "last-%d", i);
		assert_int_equal(bsn_network_lease(basin, "lab", name, &address, NULL), 0);
		assert_int_equal(bsn_network_lease(basin, "lab", name, &address, NULL), 0);
	}
	assert_true(bsn_network_lease(basin, "lab", "too-many", &address, &err) < 0);
	assert_int_equal(err.code, BASIN_REFUSED);
	for (int i = 0; i < PROCESSES; i++)
		for (int j = 0; j < EACH; j++) {
			bsn_format(name, sizeof(name), "env-%d-%d", i, j);
			assert_int_equal(bsn_network_release(basin, "lab", name, NULL), 0);
		}
	for (int i = 0; i < 3; i++) {
		bsn_format(name, sizeof(name), "last-%d", i);
		assert_int_equal(bsn_network_release(basin, "lab", name, NULL), 0);
	}
}

static void a_failed_attach_leaves_nothing(void **state)
{
	struct space web = space_open();
	struct space cli = space_open();
	struct basin_error err;
	(void)state;
	attach("web", &web, NULL);
	/* The interface is taken in there. */
	assert_true(bsn_network_attach(basin, "lab", "cli", web.fd, "eth0", NULL, &err) < 0);
	assert_int_equal(reconcile(true, everybody), 0);
	assert_true(bsn_network_attach(basin, "nowhere", "cli", cli.fd, "eth0", NULL, &err) < 0);
	assert_int_equal(err.code, BASIN_NOT_FOUND);
	leave("web");
	leave("cli");
	space_close(&web);
	space_close(&cli);
}

static void resolv_conf_lists_the_networks(void **state)
{
	const struct bsn_network_address addresses[] = { { .network = "lab", .gateway = "10.77.0.1" },
							 { .network = "pit", .gateway = "10.78.0.1" } };
	auto_free char *two = NULL;
	auto_free char *none = NULL;
	(void)state;
	assert_int_equal(bsn_network_resolv_conf(addresses, 2, &two, NULL), 0);
	assert_string_equal(two, "search lab pit\nnameserver 10.77.0.1\nnameserver 10.78.0.1\n");
	assert_int_equal(bsn_network_resolv_conf(NULL, 0, &none, NULL), 0);
	assert_string_equal(none, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_environments_reach_each_other, make_lab, drop_lab),
		cmocka_unit_test_setup_teardown(an_address_is_kept_while_it_is_leased, make_lab, drop_lab),
		cmocka_unit_test_setup_teardown(what_was_destroyed_is_mended, make_lab, drop_lab),
		cmocka_unit_test_setup_teardown(what_a_dead_environment_left_is_removed, make_lab, drop_lab),
		cmocka_unit_test_setup_teardown(a_dead_name_server_is_found, make_lab, drop_lab),
		cmocka_unit_test_setup_teardown(many_at_once_get_different_addresses, make_lab, drop_lab),
		cmocka_unit_test_setup_teardown(a_failed_attach_leaves_nothing, make_lab, drop_lab),
		cmocka_unit_test(resolv_conf_lists_the_networks),
	};
	enter_private_network();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, build_world, end_world);
}
