/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/idmap_default.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"

#define FILE_MAX_SIZE (4 << 20)

/* Whether the line ("name:first:count") is about the user, and its numbers. */
static bool is_for(const char *line, const char *owner, const char *name, uint32_t *ret_first, uint32_t *ret_count)
{
	size_t length = strcspn(line, ":\n");
	if (line[length] != ':' || (strlen(owner) != length || strncmp(line, owner, length) != 0)) {
		if (name == NULL || line[length] != ':' || strlen(name) != length || strncmp(line, name, length) != 0)
			return false;
	}
	return sscanf(line + length, ":%u:%u", ret_first, ret_count) == 2 && *ret_count > 0;
}

size_t bsn_idmap_default_ranges(const char *subids, uint32_t owner, const char *name, uint32_t id, uint32_t own,
				struct bsn_id_map ranges[3])
{
	char number[16];
	uint32_t first = 0;
	uint32_t left = 0;
	size_t count = 0;
	snprintf(number, sizeof(number), "%u", owner);
	for (const char *line = subids; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL)
		if (is_for(line, number, name, &first, &left))
			break;
	if (id > 0 && left > 0) {
		uint32_t below = id < left ? id : left;
		ranges[count++] = (struct bsn_id_map){ .container = 0, .host = first, .size = below };
		first += below;
		left -= below;
	}
	ranges[count++] = (struct bsn_id_map){ .container = id, .host = own, .size = 1 };
	if (left > 0)
		ranges[count++] = (struct bsn_id_map){ .container = id + 1, .host = first, .size = left };
	return count;
}

/* The caller's name, without asking name services: NULL when /etc/passwd has none. */
static char *own_name(void)
{
	auto_free char *passwd = NULL;
	char *name = NULL;
	char *rest;
	if (bsn_read_file(AT_FDCWD, "/etc/passwd", FILE_MAX_SIZE, &passwd, NULL) < 0)
		return NULL;
	rest = passwd;
	for (char *line; name == NULL && (line = strsep(&rest, "\n")) != NULL;) {
		char *user = strsep(&line, ":");
		strsep(&line, ":");
		const char *uid = strsep(&line, ":");
		if (uid != NULL && uid[0] != '\0' && strtoul(uid, NULL, 10) == geteuid())
			name = strdup(user);
	}
	return name;
}

static int fill(struct bsn_config *config, const char *file, const char *name, uint32_t id, uint32_t own,
		struct bsn_id_maps *maps)
{
	auto_free char *subids = NULL;
	maps->of = bsn_arena_array(config->arena, 3, sizeof(*maps->of));
	if (maps->of == NULL)
		return -ENOMEM;
	if (bsn_read_file(AT_FDCWD, file, FILE_MAX_SIZE, &subids, NULL) < 0)
		subids = NULL;
	maps->count = bsn_idmap_default_ranges(subids, geteuid(), name, id, own, maps->of);
	return 0;
}

int bsn_idmap_default(struct bsn_config *config, struct basin_error *err)
{
	const struct bsn_namespace_config *user = &config->namespaces[BSN_NS_USER];
	int r = 0;
	if (!user->given || user->path != NULL || (config->uid_maps.count > 0 && config->gid_maps.count > 0))
		return 0;
	auto_free char *name = own_name();
	if (config->uid_maps.count == 0)
		r = fill(config, "/etc/subuid", name, config->process.uid, geteuid(), &config->uid_maps);
	if (r >= 0 && config->gid_maps.count == 0)
		r = fill(config, "/etc/subgid", name, config->process.gid, getegid(), &config->gid_maps);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot map the ids of the user namespace") : 0;
}
