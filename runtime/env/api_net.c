/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basin_net_...: networks as an embedding program and the commands see them. A network is a row of the ledger; what it has on the host
 * follows from the row and is made again whenever it is missing. So a network is made row first and unmade row last: a process that
 * dies in between leaves a network, never a bridge that nobody knows.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/name.h"
#include "base/str.h"
#include "base/sys.h"
#include "net/address.h"
#include "net/forwarding.h"
#include "net/link.h"
#include "net/netlink.h"
#include "pool/object.h"
#include "runtime/env/network_place.h"

/* --- the documents ----------------------------------------------------------------------------------------------------------- */

struct view {
	const struct bsn_network_host *host;
	struct bsn_link *links;
	size_t link_count;
	json_t *documents;
	const struct bsn_network_place *place; /* whose addresses are being listed */
	struct basin_error *err;
};

static int open_view(const struct bsn_network_host *host, struct view *ret_view, struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	*ret_view = (struct view){ .host = host, .documents = json_array(), .err = err };
	int r = bsn_netlink_open(&netlink, err);
	return r < 0 ? r : bsn_link_list(netlink, &ret_view->links, &ret_view->link_count, err);
}

static void release_view(struct view *view)
{
	free(view->links);
	json_decref(view->documents);
}
#define auto_view __attribute__((cleanup(release_view)))

static bool has_link(const struct view *view, const char *name, const char *alias)
{
	for (size_t i = 0; i < view->link_count; i++)
		if (bsn_streq(view->links[i].name, name) && bsn_streq(view->links[i].alias, alias))
			return true;
	return false;
}

static int count_lease(const struct bsn_lease *lease, void *data)
{
	(void)lease;
	(*(int64_t *)data)++;
	return 0;
}

static int add_network(const struct bsn_network_place *place, void *data)
{
	struct view *view = data;
	char subnet[BSN_CIDR_TEXT];
	char gateway[BSN_IPV4_TEXT];
	int64_t used = 0;
	int64_t room = bsn_cidr_hosts(&place->subnet);
	int r = bsn_lease_each(view->host->ledger, BSN_LEASE_ADDRESS, place->name, NULL, count_lease, &used, view->err);
	if (r < 0)
		return r;
	auto_fd int dir = bsn_sys_openat(view->host->state_fd, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	bsn_cidr_format(&place->subnet, subnet);
	bsn_ipv4_format(bsn_cidr_gateway(&place->subnet), gateway);
	json_t *document =
		json_pack("{ss ss ss ss sb sb sb s{sI sI sI} sI}", "name", place->name, "subnet", subnet, "gateway", gateway,
			  "bridge", place->bridge, "nat", place->nat, "up", has_link(view, place->bridge, place->alias),
			  "name_server", dir >= 0 && bsn_dns_running(dir) == 1, "addresses", "total", (json_int_t)room, "used",
			  (json_int_t)used, "free", (json_int_t)(room - used), "created", (json_int_t)place->created);
	return json_array_append_new(view->documents, document) < 0 ? -ENOMEM : 0;
}

static int add_address(struct view *view, const char *kind, uint32_t address, const char *owner, bool attached, int64_t since)
{
	char text[BSN_IPV4_TEXT];
	char mac_text[BSN_MAC_TEXT];
	uint8_t mac[6];
	bsn_ipv4_format(address, text);
	bsn_net_mac(address, mac);
	bsn_net_format_mac(mac, mac_text);
	json_t *document =
		json_pack("{ss ss ss ss ss sb sb sI}", "network", view->place->name, "address", text, "kind", kind, "owner",
			  owner, "mac", mac_text, "nat", view->place->nat, "attached", attached, "since", (json_int_t)since);
	return json_array_append_new(view->documents, document) < 0 ? -ENOMEM : 0;
}

static int add_lease(const struct bsn_lease *lease, void *data)
{
	struct view *view = data;
	char name[BSN_LINK_NAME];
	char alias[BSN_LINK_ALIAS];
	bsn_net_veth_name(view->host->scope, view->place->name, lease->owner, name);
	bsn_net_veth_alias(view->host->scope, view->place->name, lease->owner, alias);
	return add_address(view, "environment", (uint32_t)lease->value, lease->owner, has_link(view, name, alias), lease->since);
}

static int add_allocations(const struct bsn_network_place *place, void *data)
{
	struct view *view = data;
	view->place = place;
	int r = add_address(view, "gateway", bsn_cidr_gateway(&place->subnet), "", has_link(view, place->bridge, place->alias),
			    place->created);
	return r < 0 ? r : bsn_lease_each(view->host->ledger, BSN_LEASE_ADDRESS, place->name, NULL, add_lease, view, view->err);
}

/* Of one network, or (name NULL) of all, as an array. */
static int build_on(const struct bsn_network_host *host, const char *name,
		    int (*fn)(const struct bsn_network_place *place, void *data), json_t **ret_documents, struct basin_error *err)
{
	auto_view struct view view = { 0 };
	struct bsn_network_place place;
	int r = name != NULL ? bsn_network_place_load(host, name, &place, err) : 0;
	if (r >= 0)
		r = open_view(host, &view, err);
	if (r >= 0)
		r = name != NULL ? fn(&place, &view) : bsn_network_each(host, fn, &view, err);
	if (r == -ENOMEM)
		return bsn_fail_sys(err, ENOMEM, "cannot describe the networks");
	if (r < 0)
		return r;
	*ret_documents = json_incref(view.documents);
	return 0;
}

static int build(struct basin *basin, const char *name, int (*fn)(const struct bsn_network_place *place, void *data),
		 json_t **ret_documents, struct basin_error *err)
{
	auto_network_host struct bsn_network_host host = BSN_NETWORK_HOST_INIT;
	int r = bsn_network_host_open(basin, BSN_LOCK_SHARED, &host, err);
	return r < 0 ? r : build_on(&host, name, fn, ret_documents, err);
}

int basin_net_show(struct basin *basin, const char *name, char **ret_json, struct basin_error *err)
{
	auto_json json_t *documents = NULL;
	int r = build(basin, name, add_network, &documents, err);
	return r < 0 ? r : bsn_json_format(json_array_get(documents, 0), true, ret_json, err);
}

int basin_net_list(struct basin *basin, char **ret_json, struct basin_error *err)
{
	auto_json json_t *documents = NULL;
	int r = build(basin, NULL, add_network, &documents, err);
	return r < 0 ? r : bsn_json_format(documents, true, ret_json, err);
}

int basin_net_allocations(struct basin *basin, const char *name, char **ret_json, struct basin_error *err)
{
	auto_json json_t *documents = NULL;
	int r = build(basin, name, add_allocations, &documents, err);
	return r < 0 ? r : bsn_json_format(documents, true, ret_json, err);
}

/* --- create ------------------------------------------------------------------------------------------------------------------- */

struct ranges {
	struct bsn_cidr *list;
	size_t count;
};

static int add_range(const struct bsn_network_place *place, void *data)
{
	struct ranges *ranges = data;
	struct bsn_cidr *list = realloc(ranges->list, (ranges->count + 1) * sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	ranges->list = list;
	list[ranges->count++] = place->subnet;
	return 0;
}

/* The one that was asked for, if the host's own interfaces leave it free; else the first free one of basin's. */
static int choose_subnet(const struct bsn_network_host *host, const char *wanted, struct bsn_cidr *ret_subnet,
			 struct basin_error *err)
{
	auto_of(bsn_netlink_close) struct bsn_netlink *netlink = NULL;
	struct ranges ranges = { 0 };
	struct bsn_subnet asked;
	int r = bsn_netlink_open(&netlink, err);
	if (r >= 0 && wanted != NULL)
		r = bsn_subnet_parse(wanted, &asked, err);
	if (r >= 0)
		r = bsn_ipv4_list(netlink, 0, &ranges.list, &ranges.count, err);
	if (r >= 0 && wanted == NULL) {
		r = bsn_network_each(host, add_range, &ranges, err);
		if (r >= 0)
			r = bsn_cidr_choose(ranges.list, ranges.count, ret_subnet, err);
	} else if (r >= 0) {
		*ret_subnet = (struct bsn_cidr){ .base = asked.network, .prefix = asked.prefix };
	}
	for (size_t i = 0; r >= 0 && wanted != NULL && i < ranges.count; i++) {
		char theirs[BSN_CIDR_TEXT];
		if (!bsn_cidr_overlaps(&ranges.list[i], ret_subnet))
			continue;
		bsn_cidr_format(&ranges.list[i], theirs);
		r = bsn_fail(err, BASIN_CONFLICT, EADDRINUSE,
			     "subnet %s overlaps %s, in which this host has an address: choose another", wanted, theirs);
	}
	free(ranges.list);
	return r;
}

static int record(const struct bsn_network_host *host, const char *name, const struct bsn_cidr *cidr, bool nat,
		  struct basin_error *err)
{
	const struct bsn_subnet subnet = { .network = cidr->base, .prefix = cidr->prefix };
	int r = bsn_ledger_begin(host->ledger, err);
	if (r < 0)
		return r;
	r = bsn_object_create(host->ledger, BSN_NETWORK_KIND, name, "ready", nat ? "{\"nat\":true}" : "{\"nat\":false}", NULL,
			      err);
	if (r >= 0)
		r = bsn_subnet_claim(host->ledger, name, &subnet, err);
	return bsn_ledger_end(host->ledger, r, err);
}

/* BASIN_BUSY while an environment has an address on it. */
static int forget(const struct bsn_network_host *host, const char *name, struct basin_error *err)
{
	int r = bsn_ledger_begin(host->ledger, err);
	if (r < 0)
		return r;
	r = bsn_subnet_disclaim(host->ledger, name, err);
	if (r >= 0)
		r = bsn_object_remove(host->ledger, BSN_NETWORK_KIND, name, err);
	return bsn_ledger_end(host->ledger, r, err);
}

static int count_network(const struct bsn_network_place *place, void *data)
{
	(void)place;
	(*(int64_t *)data)++;
	return 0;
}

/* The host as it was before the first network, once the last is gone. */
static int restore_host(const struct bsn_network_host *host, struct basin_error *err)
{
	int64_t left = 0;
	int r = bsn_network_each(host, count_network, &left, err);
	return r < 0 || left > 0 ? r : bsn_forwarding_restore(host->state_fd, err);
}

static int create_locked(const struct bsn_network_host *host, const char *name, const struct basin_net_options *options,
			 char **ret_json, struct basin_error *err)
{
	auto_json json_t *documents = NULL;
	auto_free struct bsn_object *taken = NULL;
	struct bsn_network_place place;
	struct bsn_cidr subnet;
	if (bsn_object_get(host->ledger, BSN_NETWORK_KIND, name, &taken, NULL) >= 0)
		return bsn_fail(err, BASIN_EXISTS, EEXIST, "network \"%s\" exists already", name);
	int r = choose_subnet(host, options->subnet, &subnet, err);
	if (r >= 0)
		r = record(host, name, &subnet, options->no_nat == 0, err);
	if (r < 0)
		return r;
	r = bsn_network_place_load(host, name, &place, err);
	if (r >= 0)
		r = bsn_network_raise(host, &place, 0, err);
	if (r >= 0 && ret_json != NULL)
		r = build_on(host, name, add_network, &documents, err);
	if (r >= 0 && ret_json != NULL)
		r = bsn_json_format(json_array_get(documents, 0), true, ret_json, err);
	if (r < 0) {
		bsn_network_place_name(host, name, &place);
		bsn_network_raze(host, &place, NULL);
		forget(host, name, NULL);
		restore_host(host, NULL);
	}
	return r;
}

int basin_net_create(struct basin *basin, const char *name, const struct basin_net_options *options, char **ret_json,
		     struct basin_error *err)
{
	static const struct basin_net_options none = BASIN_NET_OPTIONS_INIT;
	auto_network_host struct bsn_network_host host = BSN_NETWORK_HOST_INIT;
	if (options == NULL)
		options = &none;
	if (options->size < sizeof(*options))
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"the network's options do not say their size: begin with BASIN_NET_OPTIONS_INIT");
	int r = bsn_name_check("network", name, err);
	if (r >= 0)
		r = bsn_network_host_open(basin, BSN_LOCK_EXCLUSIVE, &host, err);
	if (r >= 0)
		r = create_locked(&host, name, options, ret_json, err);
	return r;
}

/* --- remove, reload ------------------------------------------------------------------------------------------------------------ */

static int refuse_user(const struct bsn_lease *lease, void *data)
{
	char address[BSN_IPV4_TEXT];
	bsn_ipv4_format((uint32_t)lease->value, address);
	return bsn_fail(data, BASIN_BUSY, EBUSY, "network \"%s\" is in use: environment \"%s\" has the address %s", lease->scope,
			lease->owner, address);
}

/* An address that is leased between the question and the end keeps the row, and its owner's start makes the rest again. */
static int remove_locked(const struct bsn_network_host *host, const char *name, struct basin_error *err)
{
	struct bsn_network_place place;
	int r = bsn_network_place_load(host, name, &place, err);
	if (r >= 0)
		r = bsn_lease_each(host->ledger, BSN_LEASE_ADDRESS, name, NULL, refuse_user, err, err);
	if (r >= 0)
		r = bsn_network_raze(host, &place, err);
	if (r >= 0)
		r = forget(host, name, err);
	return r < 0 ? r : restore_host(host, err);
}

int basin_net_remove(struct basin *basin, const char *name, struct basin_error *err)
{
	auto_network_host struct bsn_network_host host = BSN_NETWORK_HOST_INIT;
	int r = bsn_network_host_open(basin, BSN_LOCK_EXCLUSIVE, &host, err);
	return r < 0 ? r : remove_locked(&host, name, err);
}

struct reload {
	const struct bsn_network_host *host;
	struct basin_error *err;
};

static int reload_one(const struct bsn_network_place *place, void *data)
{
	const struct reload *reload = data;
	int64_t used = 0;
	int r = bsn_lease_each(reload->host->ledger, BSN_LEASE_ADDRESS, place->name, NULL, count_lease, &used, reload->err);
	return r < 0 ? r : bsn_network_raise(reload->host, place, BSN_RAISE_ALL | (used > 0 ? BSN_RAISE_NAMES : 0), reload->err);
}

int basin_net_reload(struct basin *basin, struct basin_error *err)
{
	auto_network_host struct bsn_network_host host = BSN_NETWORK_HOST_INIT;
	int r = bsn_network_host_open(basin, BSN_LOCK_EXCLUSIVE, &host, err);
	struct reload reload = { .host = &host, .err = err };
	return r < 0 ? r : bsn_network_each(&host, reload_one, &reload, err);
}
