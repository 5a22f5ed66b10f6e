/* SPDX-License-Identifier: Apache-2.0 */
#include "net/nft.h"

#include <nftables/libnftables.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/str.h"

struct bsn_nft {
	struct nft_ctx *context;
	char table[32];
};

int bsn_nft_open(const char *table, struct bsn_nft **ret_nft, struct basin_error *err)
{
	struct bsn_nft *nft = calloc(1, sizeof(*nft));
	if (nft != NULL && bsn_format(nft->table, sizeof(nft->table), "%s", table) >= 0)
		nft->context = nft_ctx_new(NFT_CTX_DEFAULT);
	if (nft == NULL || nft->context == NULL || nft_ctx_buffer_output(nft->context) != 0 ||
	    nft_ctx_buffer_error(nft->context) != 0) {
		bsn_nft_close(nft);
		return bsn_fail_sys(err, ENOMEM, "cannot open nftables");
	}
	nft_ctx_output_set_flags(nft->context, NFT_CTX_OUTPUT_JSON);
	*ret_nft = nft;
	return 0;
}

void bsn_nft_close(struct bsn_nft *nft)
{
	if (nft == NULL)
		return;
	if (nft->context != NULL)
		nft_ctx_free(nft->context);
	free(nft);
}

/* Runs the commands as one transaction. libnftables says what failed in words only. */
static int run(struct bsn_nft *nft, const char *commands, const char *doing, const char *what, struct basin_error *err)
{
	int fault = bsn_fault_gate("nft");
	if (fault < 0)
		return bsn_fail_sys(err, -fault, "cannot %s \"%s\"", doing, what);
	if (nft_run_cmd_from_buffer(nft->context, commands) == 0)
		return 0;
	const char *said = nft_ctx_get_error_buffer(nft->context);
	int length = said != NULL ? (int)strcspn(said, "\n") : 0;
	if (said != NULL && strstr(said, "No such file or directory") != NULL)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "cannot %s \"%s\": nftables: %.*s", doing, what, length, said);
	if (said != NULL && strstr(said, "Operation not permitted") != NULL)
		return bsn_fail(err, BASIN_DENIED, EPERM, "cannot %s \"%s\": nftables: %.*s", doing, what, length, said);
	return bsn_fail(err, BASIN_INTERNAL, EIO, "cannot %s \"%s\": nftables: %.*s", doing, what, length,
			said != NULL ? said : "");
}

static int run_str(struct bsn_nft *nft, const struct bsn_str *commands, const char *doing, const char *what,
		   struct basin_error *err)
{
	if (commands->failed)
		return bsn_fail_sys(err, ENOMEM, "cannot %s \"%s\"", doing, what);
	return run(nft, bsn_str_text(commands), doing, what, err);
}

/* --- what the table is made of ------------------------------------------------------------------------------------------------ */

/* %T stands for the table. Adding what is there changes nothing, so this is run before every network. */
static const char *const skeleton[] = {
	"add table inet %T",
	"add set inet %T bridges { type ifname; comment \"the networks\"; }",
	"add set inet %T inside { type ifname; comment \"those behind NAT\"; }",
	"add set inet %T same { type ifname . ifname; }",
	"add set inet %T gateways { type ifname . ipv4_addr; }",
	"add set inet %T subnets { type ipv4_addr; flags interval; }",
	"add set inet %T members { type ifname . ipv4_addr; comment \"the environments\"; }",
	"add chain inet %T forward { type filter hook forward priority filter; policy accept; }",
	"flush chain inet %T forward",
	"add rule inet %T forward iifname . oifname @same accept",
	"add rule inet %T forward iifname @bridges oifname @bridges drop comment \"networks do not reach each other\"",
	"add rule inet %T forward meta nfproto ipv4 iifname @bridges iifname . ip saddr != @members drop comment \"nobody's "
	"address\"",
	"add rule inet %T forward oifname @inside ct state new ct status != dnat drop comment \"unasked\"",
	"add chain inet %T input { type filter hook input priority filter; policy accept; }",
	"flush chain inet %T input",
	"add rule inet %T input iifname @bridges ip daddr @subnets iifname . ip daddr != @gateways drop comment \"another's "
	"gateway\"",
};

static void add_skeleton(struct bsn_str *commands, const char *table)
{
	for (size_t i = 0; i < sizeof(skeleton) / sizeof(skeleton[0]); i++) {
		const char *mark = strstr(skeleton[i], "%T");
		bsn_str_add_bytes(commands, skeleton[i], (size_t)(mark - skeleton[i]));
		bsn_str_addf(commands, "%s%s\n", table, mark + 2);
	}
}

static void add_network(struct bsn_str *commands, const char *table, const struct bsn_nft_network *network)
{
	char subnet[BSN_CIDR_TEXT];
	char gateway[BSN_IPV4_TEXT];
	const char *name = network->name;
	const char *bridge = network->bridge;

	bsn_cidr_format(&network->subnet, subnet);
	bsn_ipv4_format(bsn_cidr_gateway(&network->subnet), gateway);
	bsn_str_addf(commands, "add element inet %s bridges { \"%s\" comment \"%s\" }\n", table, bridge, name);
	bsn_str_addf(commands, "add element inet %s same { \"%s\" . \"%s\" comment \"%s\" }\n", table, bridge, bridge, name);
	bsn_str_addf(commands, "add element inet %s gateways { \"%s\" . %s comment \"%s\" }\n", table, bridge, gateway, name);
	bsn_str_addf(commands, "add element inet %s subnets { %s comment \"%s\" }\n", table, subnet, name);
	if (!network->nat)
		return;
	bsn_str_addf(commands, "add element inet %s inside { \"%s\" comment \"%s\" }\n", table, bridge, name);
	bsn_str_addf(commands, "add chain inet %s nat-%s { type nat hook postrouting priority srcnat; policy accept; }\n", table,
		     name);
	bsn_str_addf(commands, "flush chain inet %s nat-%s\n", table, name);
	bsn_str_addf(commands, "add rule inet %s nat-%s ip saddr %s oifname != \"%s\" masquerade comment \"%s\"\n", table, name,
		     subnet, bridge, name);
}

static void add_member(struct bsn_str *commands, const char *table, const struct bsn_nft_member *member)
{
	char address[BSN_IPV4_TEXT];
	bsn_ipv4_format(member->address, address);
	bsn_str_addf(commands, "add element inet %s members { \"%s\" . %s comment \"%s\" }\n", table, member->bridge, address,
		     member->env);
}

int bsn_nft_network_create(struct bsn_nft *nft, const struct bsn_nft_network *network, struct basin_error *err)
{
	auto_str struct bsn_str commands = { 0 };
	add_skeleton(&commands, nft->table);
	add_network(&commands, nft->table, network);
	return run_str(nft, &commands, "make the packet rules of network", network->name, err);
}

int bsn_nft_network_exists(struct bsn_nft *nft, const char *bridge, struct basin_error *err)
{
	auto_str struct bsn_str commands = { 0 };
	struct basin_error problem;
	bsn_str_addf(&commands, "get element inet %s bridges { \"%s\" }\n", nft->table, bridge);
	int r = run_str(nft, &commands, "look for the packet rules of", bridge, &problem);
	if (r < 0 && r != -ENOENT && err != NULL)
		*err = problem;
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int bsn_nft_member_create(struct bsn_nft *nft, const struct bsn_nft_member *member, struct basin_error *err)
{
	auto_str struct bsn_str commands = { 0 };
	add_member(&commands, nft->table, member);
	return run_str(nft, &commands, "let packets pass for", member->env, err);
}

int bsn_nft_member_destroy(struct bsn_nft *nft, const struct bsn_nft_member *member, struct basin_error *err)
{
	char address[BSN_IPV4_TEXT];
	auto_str struct bsn_str commands = { 0 };
	struct basin_error problem;
	bsn_ipv4_format(member->address, address);
	bsn_str_addf(&commands, "delete element inet %s members { \"%s\" . %s }\n", nft->table, member->bridge, address);
	int r = run_str(nft, &commands, "withdraw the packet rules of", member->env, &problem);
	if (r < 0 && r != -ENOENT && err != NULL)
		*err = problem;
	return r == -ENOENT ? 0 : r;
}

int bsn_nft_reload(struct bsn_nft *nft, const struct bsn_nft_content *content, struct basin_error *err)
{
	auto_str struct bsn_str commands = { 0 };
	bsn_str_addf(&commands, "add table inet %s\ndelete table inet %s\n", nft->table, nft->table);
	if (content->network_count > 0)
		add_skeleton(&commands, nft->table);
	for (size_t i = 0; i < content->network_count; i++)
		add_network(&commands, nft->table, &content->networks[i]);
	for (size_t i = 0; i < content->member_count; i++)
		add_member(&commands, nft->table, &content->members[i]);
	return run_str(nft, &commands, "reload the table", nft->table, err);
}

/* --- what is there ------------------------------------------------------------------------------------------------------------ */

/* The table as libnftables' JSON; NULL in *ret_list when there is none. */
static int list_table(struct bsn_nft *nft, json_t **ret_list, struct basin_error *err)
{
	auto_str struct bsn_str commands = { 0 };
	auto_json json_t *answer = NULL;
	struct basin_error problem;

	bsn_str_addf(&commands, "list table inet %s\n", nft->table);
	int r = run_str(nft, &commands, "list the table", nft->table, &problem);
	if (r == -ENOENT) {
		*ret_list = NULL;
		return 0;
	}
	if (r < 0 && err != NULL)
		*err = problem;
	if (r < 0)
		return r;
	const char *text = nft_ctx_get_output_buffer(nft->context);
	r = bsn_json_parse(text, strlen(text), "the answer of nftables", &answer, err);
	if (r >= 0)
		*ret_list = json_incref(json_object_get(answer, "nftables"));
	return r;
}

static bool has_chain(const json_t *list, const char *prefix, const char *network)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *chain = json_object_get(json_array_get(list, i), "chain");
		const char *name = json_string_value(json_object_get(chain, "name"));
		if (name != NULL && bsn_starts_with(name, prefix) && bsn_streq(name + strlen(prefix), network))
			return true;
	}
	return false;
}

/* A set of the list by its name; NULL when it is missing. */
static const json_t *find_set(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *set = json_object_get(json_array_get(list, i), "set");
		const char *found = json_string_value(json_object_get(set, "name"));
		if (found != NULL && bsn_streq(found, name))
			return json_object_get(set, "elem");
	}
	return NULL;
}

/* An element's key and comment: one with a comment is { elem: { val, comment } }. */
static const json_t *element_key(const json_t *element, const char **ret_comment)
{
	const json_t *detailed = json_object_get(element, "elem");
	const char *comment = json_string_value(json_object_get(detailed, "comment"));
	*ret_comment = comment != NULL ? comment : "";
	return detailed != NULL ? json_object_get(detailed, "val") : element;
}

static const char *part_of(const json_t *key, size_t i)
{
	const char *text = json_string_value(json_array_get(json_object_get(key, "concat"), i));
	return text != NULL ? text : "";
}

/* The range of the network that an element's comment names. */
static void find_range(const json_t *list, const char *set, const char *network, struct bsn_cidr *ret_range)
{
	const json_t *elements = find_set(list, set);
	const char *comment;
	for (size_t i = 0; i < json_array_size(elements); i++) {
		const json_t *prefix = json_object_get(element_key(json_array_get(elements, i), &comment), "prefix");
		const char *address = json_string_value(json_object_get(prefix, "addr"));
		if (address == NULL || !bsn_streq(comment, network))
			continue;
		ret_range->prefix = (int)json_integer_value(json_object_get(prefix, "len"));
		bsn_ipv4_parse(address, &ret_range->base);
	}
}

static void read_networks(const json_t *list, struct bsn_nft_content *content)
{
	const json_t *bridges = find_set(list, "bridges");
	const char *name;
	for (size_t i = 0; i < json_array_size(bridges); i++) {
		struct bsn_nft_network *network = &content->networks[content->network_count++];
		const char *bridge = json_string_value(element_key(json_array_get(bridges, i), &name));
		bsn_format(network->name, sizeof(network->name), "%s", name);
		bsn_format(network->bridge, sizeof(network->bridge), "%s", bridge != NULL ? bridge : "");
		find_range(list, "subnets", name, &network->subnet);
		network->nat = has_chain(list, "nat-", name);
	}
}

static void read_members(const json_t *list, struct bsn_nft_content *content)
{
	const json_t *members = find_set(list, "members");
	const char *env;
	for (size_t i = 0; i < json_array_size(members); i++) {
		struct bsn_nft_member *member = &content->members[content->member_count];
		const json_t *key = element_key(json_array_get(members, i), &env);
		if (bsn_ipv4_parse(part_of(key, 1), &member->address) < 0)
			continue;
		bsn_format(member->bridge, sizeof(member->bridge), "%s", part_of(key, 0));
		bsn_format(member->env, sizeof(member->env), "%s", env);
		content->member_count++;
	}
}

int bsn_nft_list(struct bsn_nft *nft, struct bsn_nft_content *ret_content, struct basin_error *err)
{
	auto_json json_t *list = NULL;
	struct bsn_nft_content content = { 0 };
	int r = list_table(nft, &list, err);
	if (r < 0)
		return r;
	content.table = list != NULL;
	content.networks = calloc(json_array_size(find_set(list, "bridges")) + 1, sizeof(*content.networks));
	content.members = calloc(json_array_size(find_set(list, "members")) + 1, sizeof(*content.members));
	if (content.networks == NULL || content.members == NULL) {
		bsn_nft_content_release(&content);
		return bsn_fail_sys(err, ENOMEM, "cannot list the table \"%s\"", nft->table);
	}
	read_networks(list, &content);
	read_members(list, &content);
	*ret_content = content;
	return 0;
}

void bsn_nft_content_release(struct bsn_nft_content *content)
{
	free(content->networks);
	free(content->members);
	*content = (struct bsn_nft_content){ 0 };
}

/* The network is left out and the rest put back, which needs no list of what a network consists of. */
int bsn_nft_network_destroy(struct bsn_nft *nft, const char *name, const char *bridge, struct basin_error *err)
{
	auto_nft_content struct bsn_nft_content content = { 0 };
	size_t kept = 0;
	int r = bsn_nft_list(nft, &content, err);
	if (r < 0 || !content.table)
		return r;
	for (size_t i = 0; i < content.network_count; i++)
		if (!bsn_streq(content.networks[i].name, name))
			content.networks[kept++] = content.networks[i];
	content.network_count = kept;
	kept = 0;
	for (size_t i = 0; i < content.member_count; i++)
		if (!bsn_streq(content.members[i].bridge, bridge))
			content.members[kept++] = content.members[i];
	content.member_count = kept;
	return bsn_nft_reload(nft, &content, err);
}
