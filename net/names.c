/* SPDX-License-Identifier: Apache-2.0 */
#include "net/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "base/str.h"

/* FNV-1a, 64 bits, over strings with a separator between them. It need not resist an adversary: what it names is checked by alias. */
static uint64_t hash(const char *const *parts, size_t count)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < count; i++) {
		for (const char *at = parts[i]; *at != '\0'; at++)
			h = (h ^ (unsigned char)*at) * 0x100000001b3u;
		h = (h ^ 0xff) * 0x100000001b3u;
	}
	/* FNV leaves the last bytes in the low bits only: mix, since the names below use some of them. */
	h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93u;
	return h ^ (h >> 32);
}

/* count digits of base 32 (0-9a-v), 5 bits each. */
static void add_digits(char *text, uint64_t value, int count)
{
	for (int i = 0; i < count; i++, value >>= 5)
		text[i] = "0123456789abcdefghijklmnopqrstuv"[value & 31];
	text[count] = '\0';
}

void bsn_net_scope(const char *data_root, char ret_scope[BSN_NET_SCOPE])
{
	add_digits(ret_scope, hash(&data_root, 1), BSN_NET_SCOPE - 1);
}

void bsn_net_bridge_name(const char *network, char ret_name[BSN_LINK_NAME])
{
	if (bsn_format(ret_name, BSN_LINK_NAME, BSN_LINK_PREFIX_BRIDGE "%s", network) >= 0)
		return;
	memcpy(ret_name, BSN_LINK_PREFIX_BRIDGE, 4);
	add_digits(ret_name + 4, hash(&network, 1), 11);
}

void bsn_net_veth_name(const char *scope, const char *network, const char *env, char ret_name[BSN_LINK_NAME])
{
	const char *const parts[] = { scope, network, env };
	memcpy(ret_name, BSN_LINK_PREFIX_VETH, 3);
	add_digits(ret_name + 3, hash(parts, 3), 12);
}

void bsn_net_bridge_alias(const char *scope, const char *network, char ret_alias[BSN_LINK_ALIAS])
{
	bsn_format(ret_alias, BSN_LINK_ALIAS, "basin %s network %s", scope, network);
}

void bsn_net_veth_alias(const char *scope, const char *network, const char *env, char ret_alias[BSN_LINK_ALIAS])
{
	bsn_format(ret_alias, BSN_LINK_ALIAS, "basin %s environment %s network %s", scope, env, network);
}

int bsn_net_parse_alias(const char *scope, const char *alias, struct bsn_net_owner *ret_owner)
{
	struct bsn_net_owner owner = { 0 };
	char again[BSN_LINK_ALIAS];
	char found[BSN_NET_SCOPE];

	if (sscanf(alias, "basin %8s environment %63s network %63s", found, owner.env, owner.network) == 3)
		bsn_net_veth_alias(scope, owner.network, owner.env, again);
	else if (sscanf(alias, "basin %8s network %63s", found, owner.network) == 2)
		bsn_net_bridge_alias(scope, owner.network, again);
	else
		return -EINVAL;
	if (!bsn_streq(again, alias))
		return -EINVAL;
	*ret_owner = owner;
	return 0;
}

void bsn_net_mac(uint32_t address, uint8_t ret_mac[6])
{
	ret_mac[0] = 0x02;
	ret_mac[1] = 0x62;
	for (int i = 0; i < 4; i++)
		ret_mac[2 + i] = (uint8_t)(address >> (24 - 8 * i));
}

void bsn_net_format_mac(const uint8_t mac[6], char ret_text[BSN_MAC_TEXT])
{
	bsn_format(ret_text, BSN_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}
