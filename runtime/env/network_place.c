/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/network_place.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "base/sys.h"
#include "net/forwarding.h"
#include "net/link.h"
#include "net/netlink.h"
#include "pool/object.h"

#define LOCK    ".lock"
#define LOCK_MS 60000
/* Name servers run as an unprivileged user, who may walk to the hosts files but list nothing on the way. */
#define WALK_MODE 0711

int bsn_network_host_open(struct basin *basin, enum bsn_lock_mode mode, struct bsn_network_host *ret_host,
			  struct basin_error *err)
{
	auto_network_host struct bsn_network_host host = BSN_NETWORK_HOST_INIT;
	host.basin = basin;
	bsn_net_scope(basin->data_root, host.scope);
	int r = bsn_basin_ledger(basin, &host.ledger, err);
	if (r < 0)
		return r;
	host.state_fd = bsn_basin_state_dir(basin, BSN_NETWORK_STATE, err);
	if (host.state_fd < 0)
		return host.state_fd;
	r = bsn_lock_take(host.state_fd, LOCK, mode, LOCK_MS, &host.lock_fd);
	if (r == -EAGAIN)
		return bsn_fail(err, BASIN_TIMEOUT, EAGAIN,
				"cannot lock the networks: another command has had them for a minute");
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot lock the networks");
	*ret_host = host;
	host.state_fd = host.lock_fd = -1;
	return 0;
}

void bsn_network_host_release(struct bsn_network_host *host)
{
	bsn_own_close(&host->state_fd);
	bsn_own_close(&host->lock_fd);
	host->state_fd = host->lock_fd = -1;
}

int bsn_network_nft_open(const struct bsn_network_host *host, struct bsn_nft **ret_nft, struct basin_error *err)
{
	char table[32];
	if (bsn_streq(host->basin->data_root, "/var/lib/basin"))
		return bsn_nft_open("basin", ret_nft, err);
	bsn_format(table, sizeof(table), "basin-%s", host->scope);
	return bsn_nft_open(table, ret_nft, err);
}

void bsn_network_place_name(const struct bsn_network_host *host, const char *name, struct bsn_network_place *ret_place)
{
	*ret_place = (struct bsn_network_place){ 0 };
	bsn_format(ret_place->name, sizeof(ret_place->name), "%s", name);
	bsn_net_bridge_name(name, ret_place->bridge);
	bsn_net_bridge_alias(host->scope, name, ret_place->alias);
}

static int read_definition(const struct bsn_network_host *host, const struct bsn_object *object,
			   struct bsn_network_place *ret_place, struct basin_error *err)
{
	auto_json json_t *json = NULL;
	struct bsn_subnet subnet;
	int r = bsn_json_parse(object->json, strlen(object->json), object->name, &json, err);
	if (r >= 0)
		r = bsn_subnet_get(host->ledger, object->name, &subnet, err);
	if (r < 0)
		return r;
	bsn_network_place_name(host, object->name, ret_place);
	ret_place->subnet = (struct bsn_cidr){ .base = subnet.network, .prefix = subnet.prefix };
	ret_place->nat = true;
	ret_place->created = object->created;
	r = bsn_json_get_bool(json, object->name, "nat", &ret_place->nat, err);
	return r < 0 ? r : 0;
}

int bsn_network_place_load(const struct bsn_network_host *host, const char *name, struct bsn_network_place *ret_place,
			   struct basin_error *err)
{
	auto_free struct bsn_object *object = NULL;
	int r = bsn_object_get(host->ledger, BSN_NETWORK_KIND, name, &object, err);
	if (r == -ENOENT)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "network \"%s\" does not exist: make it with basin net create",
				name);
	return r < 0 ? r : read_definition(host, object, ret_place, err);
}

struct walk {
	const struct bsn_network_host *host;
	struct bsn_network_place *places;
	size_t count;
	struct basin_error *err;
};

static int collect(const struct bsn_object *object, void *data)
{
	struct walk *walk = data;
	struct bsn_network_place *places = realloc(walk->places, (walk->count + 1) * sizeof(*places));
	if (places == NULL)
		return -ENOMEM;
	walk->places = places;
	int r = read_definition(walk->host, object, &places[walk->count], walk->err);
	walk->count += r >= 0;
	return r;
}

int bsn_network_each(const struct bsn_network_host *host, int (*fn)(const struct bsn_network_place *place, void *data),
		     void *data, struct basin_error *err)
{
	struct walk walk = { .host = host, .err = err };
	int r = bsn_object_each(host->ledger, BSN_NETWORK_KIND, collect, &walk, err);
	for (size_t i = 0; r >= 0 && i < walk.count; i++)
		r = fn(&walk.places[i], data);
	free(walk.places);
	return r;
}

int bsn_network_dir(const struct bsn_network_host *host, const char *name, struct basin_error *err)
{
	int r = bsn_sys_mkdirat(host->state_fd, name, WALK_MODE);
	int fd = r < 0 && r != -EEXIST ? r : bsn_sys_openat(host->state_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return fd < 0 ? bsn_fail_sys(err, -fd, "cannot open the state directory of network \"%s\"", name) : fd;
}

struct bsn_nft_network bsn_network_rules(const struct bsn_network_place *place)
{
	struct bsn_nft_network rules = { .subnet = place->subnet, .nat = place->nat };
	bsn_format(rules.name, sizeof(rules.name), "%s", place->name);
	bsn_format(rules.bridge, sizeof(rules.bridge), "%s", place->bridge);
	return rules;
}

/* --- mending what is attached: after the bridge or the rules had to be made again --- */

struct mending {
	const struct bsn_network_host *host;
	const struct bsn_network_place *place;
	struct bsn_netlink *netlink;
	struct bsn_nft *nft;
	const struct bsn_link *links;
	size_t link_count;
	int dir;
	struct basin_error *err;
};

static const struct bsn_link *find_link(const struct mending *mending, const char *env)
{
	char name[BSN_LINK_NAME];
	bsn_net_veth_name(mending->host->scope, mending->place->name, env, name);
	for (size_t i = 0; i < mending->link_count; i++)
		if (bsn_streq(mending->links[i].name, name))
			return &mending->links[i];
	return NULL;
}

static int mend_lease(const struct bsn_lease *lease, void *data)
{
	const struct mending *mending = data;
	const struct bsn_network_place *place = mending->place;
	struct bsn_nft_member member = { .address = (uint32_t)lease->value };
	const struct bsn_link *link = find_link(mending, lease->owner);
	if (link == NULL)
		return 0; /* it is not running */
	bsn_format(member.bridge, sizeof(member.bridge), "%s", place->bridge);
	bsn_format(member.env, sizeof(member.env), "%s", lease->owner);
	int r = bsn_veth_rejoin(mending->netlink, link->name, link->alias, place->bridge, mending->err);
	if (r >= 0)
		r = bsn_nft_member_create(mending->nft, &member, mending->err);
	if (r >= 0)
		r = bsn_dns_host_create(mending->dir, place->name, lease->owner, member.address, mending->err);
	return r;
}

static int mend_attached(struct mending *mending)
{
	struct bsn_link *links = NULL;
	int r = bsn_link_list(mending->netlink, &links, &mending->link_count, mending->err);
	if (r < 0)
		return r;
	mending->links = links;
	r = bsn_lease_each(mending->host->ledger, BSN_LEASE_ADDRESS, mending->place->name, NULL, mend_lease, mending,
			   mending->err);
	free(links);
	return r;
}

/* --- the network on this host --- */

static int raise_names(const struct bsn_network_host *host, const struct bsn_network_place *place, int dir, bool anew,
		       struct basin_error *err)
{
	auto_str struct bsn_str path = { 0 };
	bsn_str_addf(&path, "%s/" BSN_NETWORK_STATE "/%s", host->basin->root, place->name);
	const struct bsn_dns dns = {
		.dirfd = dir,
		.path = bsn_str_text(&path),
		.network = place->name,
		.bridge = place->bridge,
		.subnet = place->subnet,
	};
	int r = anew ? bsn_dns_stop(dir, err) : 0;
	if (r >= 0 && bsn_dns_running(dir) != 1) {
		bsn_sys_fchmod(host->basin->root_fd, WALK_MODE);
		bsn_sys_fchmod(host->state_fd, WALK_MODE);
		bsn_sys_fchmod(dir, WALK_MODE);
	}
	return r < 0 ? r : bsn_dns_start(&dns, err);
}

int bsn_network_raise(const struct bsn_network_host *host, const struct bsn_network_place *place, unsigned int flags,
		      struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	auto_of(bsn_nft_close) struct bsn_nft *nft = NULL;
	const struct bsn_bridge bridge = { .name = place->bridge, .alias = place->alias, .subnet = place->subnet };
	const struct bsn_nft_network rules = bsn_network_rules(place);
	auto_fd int dir = bsn_network_dir(host, place->name, err);
	int r = dir < 0 ? dir : bsn_netlink_open(&netlink, err);
	if (r >= 0)
		r = bsn_network_nft_open(host, &nft, err);
	if (r >= 0)
		r = bsn_forwarding_enable(host->state_fd, err);
	if (r < 0)
		return r;
	int bridge_made = bsn_bridge_create(netlink, &bridge, err);
	if (bridge_made < 0)
		return bridge_made;
	int has_rules = bsn_nft_network_exists(nft, place->bridge, err);
	r = has_rules == 0 ? bsn_nft_network_create(nft, &rules, err) : has_rules;
	struct mending mending = { .host = host, .place = place, .netlink = netlink, .nft = nft, .dir = dir, .err = err };
	if (r >= 0 && (bridge_made || !has_rules || (flags & BSN_RAISE_ALL)))
		r = mend_attached(&mending);
	if (r >= 0 && (flags & BSN_RAISE_NAMES))
		r = raise_names(host, place, dir, bridge_made, err);
	return r < 0 ? r : 0;
}

/* A bridge of that name that is not ours is in nobody's way here: it is left alone. */
static int remove_bridge(const struct bsn_network_place *place, struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	struct basin_error problem = { 0 };
	int r = bsn_netlink_open(&netlink, err);
	if (r < 0)
		return r;
	r = bsn_link_destroy(netlink, place->bridge, place->alias, &problem);
	if (r < 0 && problem.code == BASIN_CONFLICT)
		return 0;
	if (r < 0 && err != NULL)
		*err = problem;
	return r;
}

int bsn_network_raze(const struct bsn_network_host *host, const struct bsn_network_place *place, struct basin_error *err)
{
	auto_of(bsn_nft_close) struct bsn_nft *nft = NULL;
	auto_fd int dir = bsn_network_dir(host, place->name, err);
	int r = dir < 0 ? dir : bsn_dns_stop(dir, err);
	if (r >= 0)
		r = bsn_network_nft_open(host, &nft, err);
	if (r >= 0)
		r = bsn_nft_network_destroy(nft, place->name, place->bridge, err);
	if (r >= 0)
		r = remove_bridge(place, err);
	if (r < 0)
		return r;
	r = bsn_remove_tree(host->state_fd, place->name);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot remove the state directory of network \"%s\"", place->name) : 0;
}
