/* SPDX-License-Identifier: Apache-2.0 */
/* config.json's mounts: each with its options turned into flags (runtime/mount_options.c) and the rest kept as the file system's data. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "runtime/config_parse.h"
#include "runtime/mount_options.h"

/* "0-1000-10#10-2000-5": container id, host id, how many. */
static int parse_ranges(struct bsn_config *config, const char *text, size_t length, struct bsn_id_maps *maps)
{
	const char *end = text + length;
	size_t count = 1;
	for (size_t i = 0; i < length; i++)
		count += text[i] == '#';
	maps->of = bsn_arena_array(config->arena, count, sizeof(*maps->of));
	if (maps->of == NULL)
		return -ENOMEM;
	for (maps->count = 0; text < end; maps->count++) {
		uint32_t *const to[] = { &maps->of[maps->count].container, &maps->of[maps->count].host,
					 &maps->of[maps->count].size };
		for (size_t part = 0; part < 3; part++) {
			char *stop;
			if (*text < '0' || *text > '9')
				return -EINVAL;
			unsigned long long value = strtoull(text, &stop, 10);
			if (value > UINT32_MAX || stop > end || (part < 2 && *stop != '-') ||
			    (part == 2 && stop != end && *stop != '#'))
				return -EINVAL;
			*to[part] = (uint32_t)value;
			text = stop < end ? stop + 1 : end;
		}
		if (maps->of[maps->count].size == 0)
			return -EINVAL;
	}
	return maps->count > 0 ? 0 : -EINVAL;
}

/* crun's "idmap=uids=0-1-10#10-11-10;gids=0-100-10"; an "@" before the ranges makes their host ids those of the user namespace. */
static int parse_idmap_option(struct bsn_config *config, const char *value, struct bsn_mount *mount)
{
	while (*value != '\0') {
		size_t length = strcspn(value, ";");
		bool uids = bsn_starts_with(value, "uids=");
		if (!uids && !bsn_starts_with(value, "gids="))
			return -EINVAL;
		bool relative = value[5] == '@';
		size_t head = relative ? 6 : 5;
		int r = parse_ranges(config, value + head, length - head, uids ? &mount->uid_maps : &mount->gid_maps);
		if (r < 0)
			return r;
		*(uids ? &mount->uid_maps_relative : &mount->gid_maps_relative) = relative;
		value += length;
		value += *value == ';';
	}
	return 0;
}

/* Up to the comma that ends an option as mount(2) reads them; quotes are SELinux's, "\," is overlay's. */
static size_t data_length(const char *option)
{
	bool quoted = false;
	size_t length = 0;
	for (; option[length] != '\0' && (quoted || option[length] != ','); length++) {
		quoted ^= option[length] == '"';
		if (option[length] == '\\' && option[length + 1] != '\0')
			length++;
	}
	return length;
}

/* Data for the file system: "size=1m,mode=700" may be one element of the array, since mount(2) takes all of them joined by commas. */
static int parse_data(struct bsn_config *config, const char *option, struct bsn_mount *mount)
{
	while (*option != '\0') {
		size_t length = data_length(option);
		if (option[0] == '=')
			return -EINVAL;
		const char *one = option[length] == '\0' ? option : bsn_arena_format(config->arena, "%.*s", (int)length, option);
		if (one == NULL)
			return -ENOMEM;
		if (length > 0)
			mount->data.of[mount->data.count++] = one;
		option += length;
		option += *option == ',';
	}
	return 0;
}

static size_t data_count(const struct bsn_strings *options)
{
	size_t count = options->count + 1;
	for (size_t i = 0; i < options->count; i++)
		for (const char *at = options->of[i]; (at = strchr(at, ',')) != NULL; at++)
			count++;
	return count;
}

/* An option that is not in the table: ids to map, or data. */
static int parse_other(struct bsn_config *config, const char *option, struct bsn_mount *mount)
{
	const char *value = strchr(option, '=');
	if (!bsn_starts_with(option, "idmap=") && !bsn_starts_with(option, "ridmap="))
		return parse_data(config, option, mount);
	mount->idmap = true;
	mount->idmap_recursive |= option[0] == 'r';
	return parse_idmap_option(config, value + 1, mount);
}

static int parse_options(struct bsn_config *config, const json_t *json, const char *path, struct bsn_mount *mount,
			 struct basin_error *err)
{
	struct bsn_strings options = { 0 };
	int r = bsn_config_strings(config, json, path, "options", &options, err);
	if (r < 0)
		return r;
	if (options.count > 0) {
		mount->data.of = bsn_arena_array(config->arena, data_count(&options), sizeof(*mount->data.of));
		mount->propagation = bsn_arena_array(config->arena, options.count, sizeof(*mount->propagation));
		if (mount->data.of == NULL || mount->propagation == NULL)
			return bsn_config_no_memory(err);
	}
	for (size_t i = 0; i < options.count; i++) {
		unsigned long propagation;
		if (options.of[i][0] == '\0')
			continue; // buildah writes one
		if (!bsn_mount_option_apply(mount, options.of[i], &propagation)) {
			r = parse_other(config, options.of[i], mount);
			if (r == -ENOMEM)
				return bsn_config_no_memory(err);
			if (r < 0)
				return bsn_config_wrong(err, "%s.options[%zu]: \"%s\" is not an option", path, i, options.of[i]);
		} else if (propagation != 0) {
			mount->propagation[mount->propagation_count++] = propagation;
		}
	}
	return 0;
}

static int parse_idmap(struct bsn_config *config, const json_t *json, const char *path, struct bsn_mount *mount,
		       struct basin_error *err)
{
	int r = 0;
	if (json_object_get(json, "uidMappings") != NULL)
		r = bsn_config_id_maps(config, json, path, "uidMappings", &mount->uid_maps, err);
	if (r >= 0 && json_object_get(json, "gidMappings") != NULL)
		r = bsn_config_id_maps(config, json, path, "gidMappings", &mount->gid_maps, err);
	if (r < 0)
		return r;
	if ((mount->uid_maps.count > 0) != (mount->gid_maps.count > 0))
		return bsn_config_wrong(err, "invalid mount: %s: uidMappings and gidMappings must be given together", path);
	if (mount->uid_maps.count > 0)
		mount->idmap = true;
	if (mount->idmap && !mount->bind)
		return bsn_config_wrong(err, "invalid mount: %s: ids can be mapped for a bind mount only", path);
	return 0;
}

static int check_mount(const struct bsn_mount *mount, const char *path, struct basin_error *err)
{
	if (mount->bind && mount->source == NULL && !mount->remount)
		return bsn_config_wrong(err, "%s.source: a bind mount needs one", path);
	if (!mount->bind && !mount->remount && mount->type == NULL)
		return bsn_config_wrong(err, "%s.type: must be given, unless options has \"bind\" or \"rbind\"", path);
	if (mount->tmpcopyup && (mount->bind || mount->type == NULL || !bsn_streq(mount->type, "tmpfs")))
		return bsn_config_wrong(err, "%s.options: tmpcopyup is for type \"tmpfs\" only", path);
	return 0;
}

static int parse_destination(struct bsn_config *config, const json_t *json, const char *path, struct bsn_mount *mount,
			     struct basin_error *err)
{
	int r = bsn_config_required(json, path, "destination", &mount->destination, err);
	if (r < 0 || mount->destination[0] == '/')
		return r < 0 ? r : 0;
	mount->destination = bsn_arena_format(config->arena, "/%s", mount->destination);
	return mount->destination == NULL ? bsn_config_no_memory(err) : 0;
}

static int parse_mount(struct bsn_config *config, const json_t *json, const char *path, struct bsn_mount *mount,
		       struct basin_error *err)
{
	int r = parse_destination(config, json, path, mount, err);
	if (r >= 0)
		r = bsn_json_get_string(json, path, "source", &mount->source, err);
	if (r >= 0)
		r = bsn_json_get_string(json, path, "type", &mount->type, err);
	if (r < 0)
		return r;
	if (mount->source != NULL && mount->source[0] == '\0')
		mount->source = NULL;
	if (mount->type != NULL && mount->type[0] == '\0')
		mount->type = NULL;
	mount->bind = mount->type != NULL && bsn_streq(mount->type, "bind");
	r = parse_options(config, json, path, mount, err);
	if (r >= 0)
		r = parse_idmap(config, json, path, mount, err);
	return r < 0 ? r : check_mount(mount, path, err);
}

int bsn_config_mounts(struct bsn_config *config, const json_t *root, bool destinations_only, struct basin_error *err)
{
	json_t *array = NULL;
	char path[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_config_array(config, root, "", "mounts", sizeof(*config->mounts), &array, &config->mounts, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		r = bsn_config_element(array, i, "", "mounts", path, &element, err);
		if (r >= 0)
			r = destinations_only ? parse_destination(config, element, path, &config->mounts[i], err)
					      : parse_mount(config, element, path, &config->mounts[i], err);
	}
	config->mount_count = json_array_size(array);
	return r;
}
