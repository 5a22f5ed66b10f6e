/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on this host against what the ledger says, under the exclusive lock, so that no attach is half way. Removed is what has no
 * owner: a network that is not defined, an environment that does not exist or has no address there, a member or a name of an environment
 * that has no link (it is not running). Made again is what a network lacks that has running environments. A network in nobody's use
 * may lack anything: the next launch makes it.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "net/forwarding.h"
#include "net/link.h"
#include "net/netlink.h"
#include "pool/object.h"
#include "runtime/env/network.h"
#include "runtime/env/network_place.h"

struct look {
	struct bsn_network_host host;
	bool dry_run;
	bsn_network_env_fn *is_env;
	void *data;
	json_t *entries;
	struct bsn_netlink *netlink;
	struct bsn_nft *nft;
	struct bsn_link *links;
	size_t link_count;
	struct bsn_nft_content rules;
	const char *network; /* whose hosts files are being looked at */
	int dir;
};

static void release_look(struct look *look)
{
	bsn_network_host_release(&look->host);
	if (look->netlink != NULL)
		bsn_netlink_close(look->netlink);
	bsn_nft_close(look->nft);
	free(look->links);
	bsn_nft_content_release(&look->rules);
}

/* A finding whose remedy gave result (in a dry run: was not tried). */
static int report(struct look *look, const char *kind, const char *name, const char *network, const char *env, const char *action,
		  int result, const struct basin_error *err)
{
	json_t *entry = json_pack("{ss ss ss ss ss sb}", "kind", kind, "name", name, "network", network, "env", env, "action",
				  action, "done", !look->dry_run && result >= 0);
	if (result < 0 && entry != NULL)
		json_object_set_new(entry, "error", json_string(err->text));
	return json_array_append_new(look->entries, entry) < 0 ? -ENOMEM : 0;
}

static bool is_network(const struct look *look, const char *name)
{
	auto_free struct bsn_object *object = NULL;
	return bsn_object_get(look->host.ledger, BSN_NETWORK_KIND, name, &object, NULL) >= 0;
}

static int take_address(const struct bsn_lease *lease, void *data)
{
	*(uint32_t *)data = (uint32_t)lease->value;
	return 0;
}

/* The environment's address on the network; 0 when it has none, or is none. */
static uint32_t address_of(const struct look *look, const char *network, const char *env)
{
	uint32_t address = 0;
	if (!is_network(look, network) || look->is_env(look->data, env) == 0)
		return 0;
	bsn_lease_each(look->host.ledger, BSN_LEASE_ADDRESS, network, env, take_address, &address, NULL);
	return address;
}

static bool has_link(const struct look *look, const char *network, const char *env)
{
	char name[BSN_LINK_NAME];
	bsn_net_veth_name(look->host.scope, network, env, name);
	for (size_t i = 0; i < look->link_count; i++)
		if (bsn_streq(look->links[i].name, name))
			return true;
	return false;
}

/* --- links ------------------------------------------------------------------------------------------------------------------- */

static int drop_link(struct look *look, const struct bsn_link *link, const struct bsn_net_owner *owner)
{
	struct basin_error err = { 0 };
	int r = look->dry_run ? 0 : bsn_link_destroy(look->netlink, link->name, link->alias, &err);
	return report(look, "link", link->name, owner->network, owner->env, "remove: it has no owner", r, &err);
}

static int look_at_link(struct look *look, const struct bsn_link *link)
{
	struct bsn_net_owner owner = { 0 };
	/* Without an alias: its maker died at once. A bridge of a network is taken up by its next use. */
	if (link->alias[0] == '\0' && !link->bridge)
		return drop_link(look, link, &owner);
	if (bsn_net_parse_alias(look->host.scope, link->alias, &owner) < 0)
		return 0;
	bool owned = owner.env[0] != '\0' ? address_of(look, owner.network, owner.env) != 0 : is_network(look, owner.network);
	return owned ? 0 : drop_link(look, link, &owner);
}

/* --- rules ------------------------------------------------------------------------------------------------------------------- */

static const char *network_of_bridge(const struct look *look, const char *bridge)
{
	for (size_t i = 0; i < look->rules.network_count; i++)
		if (bsn_streq(look->rules.networks[i].bridge, bridge))
			return look->rules.networks[i].name;
	return "";
}

static int look_at_member(struct look *look, const struct bsn_nft_member *member)
{
	struct basin_error err = { 0 };
	const char *network = network_of_bridge(look, member->bridge);
	if (address_of(look, network, member->env) == member->address && has_link(look, network, member->env))
		return 0;
	int r = look->dry_run ? 0 : bsn_nft_member_destroy(look->nft, member, &err);
	return report(look, "rule", member->env, network, member->env, "remove: it is for nobody who runs", r, &err);
}

static int look_at_network_rules(struct look *look, const struct bsn_nft_network *network)
{
	struct basin_error err = { 0 };
	if (is_network(look, network->name))
		return 0;
	int r = look->dry_run ? 0 : bsn_nft_network_destroy(look->nft, network->name, network->bridge, &err);
	return report(look, "rules", network->name, network->name, "", "remove: no such network", r, &err);
}

/* --- names ------------------------------------------------------------------------------------------------------------------- */

static int look_at_name(int dirfd, const char *env, void *data)
{
	struct look *look = data;
	struct basin_error err = { 0 };
	if (env[0] == '.') {
		if (!look->dry_run)
			bsn_sys_unlinkat(dirfd, env, 0); /* a write that was cut short, and that nobody reads */
		return 0;
	}
	if (address_of(look, look->network, env) != 0 && has_link(look, look->network, env))
		return 0;
	int r = look->dry_run ? 0 : bsn_dns_host_destroy(look->dir, env, &err);
	return report(look, "name", env, look->network, env, "withdraw: it is for nobody who runs", r, &err);
}

static int look_at_state(int dirfd, const char *name, void *data)
{
	struct look *look = data;
	struct bsn_network_place place;
	struct basin_error err = { 0 };
	auto_fd int dir = bsn_sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (dir < 0) { /* the lock, the old ip_forward, or a write that was cut short */
		if (bsn_ends_with(name, ".new") && !look->dry_run)
			bsn_sys_unlinkat(dirfd, name, 0);
		return 0;
	}
	if (!is_network(look, name)) {
		bsn_network_place_name(&look->host, name, &place);
		int r = look->dry_run ? 0 : bsn_network_raze(&look->host, &place, &err);
		return report(look, "network", name, name, "", "remove what is left of it: no such network", r, &err);
	}
	look->network = name;
	look->dir = dir;
	return bsn_dns_host_list(dir, look_at_name, look, NULL);
}

/* --- networks that are in use and lack something ------------------------------------------------------------------------------- */

static bool is_attached(const struct look *look, const struct bsn_network_place *place)
{
	for (size_t i = 0; i < look->link_count; i++) {
		struct bsn_net_owner owner;
		if (bsn_net_parse_alias(look->host.scope, look->links[i].alias, &owner) >= 0 && owner.env[0] != '\0' &&
		    bsn_streq(owner.network, place->name) && address_of(look, owner.network, owner.env) != 0)
			return true;
	}
	return false;
}

static const char *what_it_lacks(const struct look *look, const struct bsn_network_place *place)
{
	bool bridge = false;
	bool rules = false;
	for (size_t i = 0; i < look->link_count; i++)
		bridge |= bsn_streq(look->links[i].name, place->bridge);
	for (size_t i = 0; i < look->rules.network_count; i++)
		rules |= bsn_streq(look->rules.networks[i].name, place->name);
	auto_fd int dir = bsn_sys_openat(look->host.state_fd, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (!bridge)
		return "make its bridge again";
	if (!rules)
		return "make its packet rules again";
	return dir < 0 || bsn_dns_running(dir) != 1 ? "start its name server again" : NULL;
}

static int look_at_network(const struct bsn_network_place *place, void *data)
{
	struct look *look = data;
	struct basin_error err = { 0 };
	const char *action = is_attached(look, place) ? what_it_lacks(look, place) : NULL;
	if (action == NULL)
		return 0;
	int r = look->dry_run ? 0 : bsn_network_raise(&look->host, place, BSN_RAISE_NAMES | BSN_RAISE_ALL, &err);
	return report(look, "network", place->name, place->name, "", action, r, &err);
}

static int count_network(const struct bsn_network_place *place, void *data)
{
	(void)place;
	(*(size_t *)data)++;
	return 0;
}

static int look_at_forwarding(struct look *look, struct basin_error *err)
{
	struct basin_error problem = { 0 };
	size_t count = 0;
	int r = bsn_network_each(&look->host, count_network, &count, err);
	if (r < 0 || count > 0 || bsn_forwarding_kept(look->host.state_fd) == 0)
		return r;
	r = look->dry_run ? 0 : bsn_forwarding_restore(look->host.state_fd, &problem);
	return report(look, "sysctl", "net.ipv4.ip_forward", "", "", "restore: there is no network any more", r, &problem);
}

/* --- all of it ----------------------------------------------------------------------------------------------------------------- */

static int look_around(struct look *look, struct basin_error *err)
{
	int r = bsn_netlink_open(&look->netlink, err);
	if (r >= 0)
		r = bsn_link_list(look->netlink, &look->links, &look->link_count, err);
	if (r >= 0)
		r = bsn_network_nft_open(&look->host, &look->nft, err);
	return r < 0 ? r : bsn_nft_list(look->nft, &look->rules, err);
}

int bsn_network_reconcile(struct basin *basin, bool dry_run, bsn_network_env_fn *is_env, void *data, json_t *entries,
			  struct basin_error *err)
{
	__attribute__((cleanup(release_look))) struct look look = {
		.host = BSN_NETWORK_HOST_INIT, .dry_run = dry_run, .is_env = is_env, .data = data, .entries = entries
	};
	int r = bsn_network_host_open(basin, BSN_LOCK_EXCLUSIVE, &look.host, err);
	if (r >= 0)
		r = look_around(&look, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < look.link_count; i++)
		r = look_at_link(&look, &look.links[i]);
	for (size_t i = 0; r >= 0 && i < look.rules.member_count; i++)
		r = look_at_member(&look, &look.rules.members[i]);
	for (size_t i = 0; r >= 0 && i < look.rules.network_count; i++)
		r = look_at_network_rules(&look, &look.rules.networks[i]);
	if (r >= 0)
		r = bsn_each_entry(look.host.state_fd, look_at_state, &look);
	if (r >= 0)
		r = bsn_network_each(&look.host, look_at_network, &look, err);
	if (r >= 0)
		r = look_at_forwarding(&look, err);
	return r < 0 && (err == NULL || err->text[0] == '\0') ? bsn_fail_sys(err, -r, "cannot compare the networks") : r;
}
