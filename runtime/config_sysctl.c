/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json's linux.sysctl. Only what belongs to a namespace may be set, and only where the container has a namespace of that
 * kind to itself: anything else would be the host's setting. Keys come with dots or slashes, as for sysctl(8), and leave as paths.
 */
#include <string.h>

#include "base/str.h"
#include "runtime/config_parse.h"

/* Which namespace a key belongs to; the prefix ends in '/' for all below it. */
static const struct {
	const char *key;
	enum bsn_namespace kind;
} owners[] = {
	{ "net/", BSN_NS_NETWORK },        { "fs/mqueue/", BSN_NS_IPC },
	{ "kernel/msgmax", BSN_NS_IPC },   { "kernel/msgmnb", BSN_NS_IPC },
	{ "kernel/msgmni", BSN_NS_IPC },   { "kernel/sem", BSN_NS_IPC },
	{ "kernel/shmall", BSN_NS_IPC },   { "kernel/shmmax", BSN_NS_IPC },
	{ "kernel/shmmni", BSN_NS_IPC },   { "kernel/shm_rmid_forced", BSN_NS_IPC },
	{ "kernel/hostname", BSN_NS_UTS }, { "kernel/domainname", BSN_NS_UTS },
	{ "user/", BSN_NS_USER },
};

static int find_owner(const char *key)
{
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		bool below = bsn_ends_with(owners[i].key, "/");
		if (below ? bsn_starts_with(key, owners[i].key) : bsn_streq(key, owners[i].key))
			return owners[i].kind;
	}
	return -EINVAL;
}

/* "net.ipv4.conf.eth0/100.rp_filter": whichever separator comes first is the separator, the other one stands for a dot in a name. */
static char *path_of(struct bsn_config *config, const char *key)
{
	char *path = bsn_arena_strdup(config->arena, key);
	if (path == NULL || strpbrk(key, "./") == NULL || *strpbrk(key, "./") == '/')
		return path;
	for (char *at = path; *at != '\0'; at++)
		*at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
	return path;
}

static bool leaves(const char *path)
{
	return path[0] == '/' || strstr(path, "//") != NULL || bsn_starts_with(path, "../") || strstr(path, "/../") != NULL ||
	       bsn_ends_with(path, "/..") || bsn_ends_with(path, "/");
}

static int check_sysctl(const struct bsn_config *config, const struct bsn_pair *pair, const char *path, struct basin_error *err)
{
	const char *key = pair->key;
	int kind = find_owner(path);
	if (leaves(path))
		return bsn_config_wrong(err, "linux.sysctl[\"%s\"]: contains an invalid path", key);
	if (kind < 0)
		return bsn_config_wrong(err, "linux.sysctl[\"%s\"]: not a setting of a namespace, so it would change the host",
					key);
	if (!config->namespaces[kind].given)
		return bsn_config_wrong(err, "linux.sysctl[\"%s\"]: needs a namespace of type \"%s\" in linux.namespaces", key,
					bsn_namespace_name((enum bsn_namespace)kind));
	/* It has a field of its own, given or not. domainname had none before 1.1. */
	if (bsn_streq(path, "kernel/hostname"))
		return bsn_config_wrong(err, "linux.sysctl[\"%s\"]: not allowed as it conflicts with the OCI \"hostname\" field",
					key);
	if (bsn_streq(path, "kernel/domainname") && config->domainname != NULL && !bsn_streq(pair->value, config->domainname))
		return bsn_config_wrong(err, "linux.sysctl[\"%s\"]: conflicts with domainname", key);
	return 0;
}

int bsn_config_sysctl(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	int r = bsn_config_pairs(config, json, "linux", "sysctl", &config->sysctl, err);
	for (size_t i = 0; r >= 0 && i < config->sysctl.count; i++) {
		struct bsn_pair *pair = &config->sysctl.of[i];
		const char *path = path_of(config, pair->key);
		if (path == NULL)
			return bsn_config_no_memory(err);
		r = check_sysctl(config, pair, path, err);
		pair->key = path;
	}
	return r < 0 ? r : 0;
}
