/* SPDX-License-Identifier: Apache-2.0 */
/* config.json's linux.devices and linux.netDevices: what is made in, or moved into, the container. */
#include <ctype.h>
#include <net/if.h>
#include <string.h>

#include "base/str.h"
#include "runtime/config_parse.h"

static int parse_numbers(const json_t *json, const char *path, struct bsn_device *device, struct basin_error *err)
{
	int64_t major = -1;
	int64_t minor = -1;
	int r = bsn_json_get_int(json, path, "major", 0, (1 << 12) - 1, &major, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "minor", 0, (1 << 20) - 1, &minor, err);
	if (r < 0)
		return r;
	if (device->type != 'p' && (major < 0 || minor < 0))
		return bsn_config_wrong(err, "%s: major and minor must be given, unless type is \"p\"", path);
	device->major = major < 0 ? 0 : (unsigned int)major;
	device->minor = minor < 0 ? 0 : (unsigned int)minor;
	return 0;
}

static int parse_owner(const json_t *json, const char *path, struct bsn_device *device, struct basin_error *err)
{
	int64_t mode = 0666;
	int64_t uid = 0;
	int64_t gid = 0;
	/* fileMode may come with the file type's bits, as from stat(2). */
	int r = bsn_json_get_int(json, path, "fileMode", 0, UINT32_MAX, &mode, err);
	device->mode_given = r > 0;
	if (r >= 0)
		r = bsn_json_get_int(json, path, "uid", 0, UINT32_MAX - 1, &uid, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "gid", 0, UINT32_MAX - 1, &gid, err);
	device->mode = (mode_t)(mode & 07777);
	device->uid = (uid_t)uid;
	device->gid = (gid_t)gid;
	return r;
}

static int parse_device(const json_t *json, const char *path, struct bsn_device *device, struct basin_error *err)
{
	static const struct bsn_config_word types[] = { { "c", 'c' }, { "u", 'c' }, { "b", 'b' }, { "p", 'p' }, { NULL, 0 } };
	uint64_t type = 0;
	int r = bsn_config_word(json, path, "type", types, &type, err);
	if (r == 0)
		r = bsn_config_wrong(err, "%s.type: must be given", path);
	device->type = (char)type;
	if (r >= 0)
		r = bsn_config_required(json, path, "path", &device->path, err);
	if (r >= 0 && device->path[0] != '/')
		r = bsn_config_wrong(err, "%s.path: \"%s\" is not an absolute path", path, device->path);
	if (r >= 0)
		r = parse_numbers(json, path, device, err);
	return r < 0 ? r : parse_owner(json, path, device, err);
}

/* As the kernel's dev_valid_name. */
static bool is_link_name(const char *name)
{
	if (name[0] == '\0' || strlen(name) >= IFNAMSIZ || bsn_streq(name, ".") || bsn_streq(name, ".."))
		return false;
	for (; *name != '\0'; name++)
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name))
			return false;
	return true;
}

static int parse_net_devices(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	json_t *map = NULL;
	int r = bsn_json_get_object(json, "linux", "netDevices", &map, err);
	if (r < 0 || json_object_size(map) == 0)
		return r;
	struct bsn_pairs *pairs = &config->net_devices;
	if (!config->namespaces[BSN_NS_NETWORK].given)
		return bsn_config_wrong(err, "unable to move network devices without a NET namespace: linux.netDevices: needs a "
					     "namespace of type \"network\" in linux.namespaces");
	pairs->of = bsn_arena_array(config->arena, json_object_size(map), sizeof(*pairs->of));
	if (pairs->of == NULL)
		return bsn_config_no_memory(err);
	const char *host;
	json_t *device;
	json_object_foreach (map, host, device) {
		char path[BSN_CONFIG_PATH];
		const char *name = host;
		bsn_format(path, sizeof(path), "linux.netDevices[\"%.64s\"]", host);
		if (!json_is_object(device))
			return bsn_config_wrong(err, "%s: expected an object, found %s", path, bsn_json_type(device));
		r = bsn_json_get_string(device, path, "name", &name, err);
		if (r < 0)
			return r;
		if (name[0] == '\0')
			name = host;
		if (!is_link_name(host) || !is_link_name(name))
			return bsn_config_wrong(err, "%s: not the name of a network device", path);
		for (size_t i = 0; i < pairs->count; i++)
			if (bsn_streq(pairs->of[i].value, name))
				return bsn_config_wrong(err, "%s.name: \"%s\" is given twice", path, name);
		pairs->of[pairs->count++] = (struct bsn_pair){ .key = host, .value = name };
	}
	return 0;
}

int bsn_config_devices(struct bsn_config *config, const json_t *json, struct basin_error *err)
{
	json_t *array = NULL;
	char path[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_config_array(config, json, "linux", "devices", sizeof(*config->devices), &array, &config->devices, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		r = bsn_config_element(array, i, "linux", "devices", path, &element, err);
		if (r >= 0)
			r = parse_device(element, path, &config->devices[i], err);
	}
	config->device_count = json_array_size(array);
	return r < 0 ? r : parse_net_devices(config, json, err);
}
