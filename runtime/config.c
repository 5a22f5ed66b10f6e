/* SPDX-License-Identifier: Apache-2.0 */
/* The top of config.json: version, root, names, hooks, annotations; and the config's life. */
#include "runtime/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "runtime/config_parse.h"

static const char *const hook_names[BSN_HOOK_KINDS] = {
	[BSN_HOOK_PRESTART] = "prestart",
	[BSN_HOOK_CREATE_RUNTIME] = "createRuntime",
	[BSN_HOOK_CREATE_CONTAINER] = "createContainer",
	[BSN_HOOK_START_CONTAINER] = "startContainer",
	[BSN_HOOK_POSTSTART] = "poststart",
	[BSN_HOOK_POSTSTOP] = "poststop",
};

const char *bsn_hook_name(enum bsn_hook_kind kind)
{
	return hook_names[kind];
}

static int parse_hook(struct bsn_config *config, const json_t *json, const char *path, struct bsn_hook *ret,
		      struct basin_error *err)
{
	int64_t timeout = 0;
	int r = bsn_config_required(json, path, "path", &ret->path, err);
	if (r >= 0 && ret->path[0] != '/')
		r = bsn_config_wrong(err, "%s.path: \"%s\" is not an absolute path", path, ret->path);
	if (r >= 0)
		r = bsn_config_strings(config, json, path, "args", &ret->args, err);
	if (r >= 0)
		r = bsn_config_strings(config, json, path, "env", &ret->env, err);
	if (r >= 0)
		r = bsn_json_get_int(json, path, "timeout", 1, INT32_MAX, &timeout, err);
	if (r < 0)
		return r;
	ret->env_given = json_is_array(json_object_get(json, "env"));
	ret->timeout = (int)timeout;
	return 0;
}

static int parse_hook_list(struct bsn_config *config, const json_t *hooks, enum bsn_hook_kind kind, struct basin_error *err)
{
	struct bsn_hooks *list = &config->hooks[kind];
	json_t *array = NULL;
	char path[BSN_CONFIG_PATH];
	const json_t *element;
	int r = bsn_config_array(config, hooks, "hooks", hook_names[kind], sizeof(*list->of), &array, &list->of, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(array); i++) {
		r = bsn_config_element(array, i, "hooks", hook_names[kind], path, &element, err);
		if (r >= 0)
			r = parse_hook(config, element, path, &list->of[i], err);
	}
	list->count = json_array_size(array);
	return r;
}

int bsn_config_hooks(struct bsn_config *config, const json_t *root, struct basin_error *err)
{
	json_t *hooks = NULL;
	int r = bsn_json_get_object(root, "", "hooks", &hooks, err);
	for (int kind = 0; r >= 0 && hooks != NULL && kind < BSN_HOOK_KINDS; kind++)
		r = parse_hook_list(config, hooks, (enum bsn_hook_kind)kind, err);
	return r;
}

/* Semantic versions 1.0.x to 1.3.x, with or without a suffix ("1.0.2-dev"). */
static bool version_is_supported(const char *version)
{
	unsigned int major;
	unsigned int minor;
	unsigned int patch;
	int end = 0;
	if (!isdigit((unsigned char)version[0]) || sscanf(version, "%u.%u.%u%n", &major, &minor, &patch, &end) != 3 || end == 0)
		return false;
	return major == 1 && minor <= 3 && (version[end] == '\0' || version[end] == '-' || version[end] == '+');
}

static int parse_top(struct bsn_config *config, const json_t *root, struct basin_error *err)
{
	json_t *object = NULL;
	int r = bsn_config_required(root, "", "ociVersion", &config->oci_version, err);
	if (r >= 0 && !version_is_supported(config->oci_version))
		r = bsn_config_wrong(err, "ociVersion: \"%s\" is not supported, 1.0.0 to 1.3.x are", config->oci_version);
	if (r >= 0)
		r = bsn_json_get_object(root, "", "root", &object, err);
	if (r >= 0 && object == NULL)
		r = bsn_config_wrong(err, "root: must be given");
	if (r >= 0)
		r = bsn_config_required(object, "root", "path", &config->root_path, err);
	if (r >= 0)
		r = bsn_json_get_bool(object, "root", "readonly", &config->root_readonly, err);
	if (r >= 0)
		r = bsn_json_get_string(root, "", "hostname", &config->hostname, err);
	if (r >= 0)
		r = bsn_json_get_string(root, "", "domainname", &config->domainname, err);
	if (r >= 0)
		r = bsn_config_pairs(config, root, "", "annotations", &config->annotations, err);
	if (r >= 0 && bsn_config_annotation(config, "") != NULL)
		r = bsn_config_wrong(err, "annotations[\"\"]: a key must not be empty");
	return r;
}

/* Names of the host are set in the UTS namespace, and the kernel has 64 bytes for each. */
static int check_name(struct bsn_config *config, const char *key, const char **name, struct basin_error *err)
{
	if (*name != NULL && (*name)[0] == '\0')
		*name = NULL;
	if (*name == NULL)
		return 0;
	if (strlen(*name) > 64)
		return bsn_config_wrong(err, "%s: longer than 64 bytes", key);
	if (!config->namespaces[BSN_NS_UTS].given)
		return bsn_config_wrong(err, "%s: needs a namespace of type \"uts\" in linux.namespaces", key);
	return 0;
}

static int parse_document(struct bsn_config *config, unsigned int flags, struct basin_error *err)
{
	const json_t *root = config->json;
	json_t *process = NULL;
	json_t *linux_part = NULL;
	if (!json_is_object(root))
		return bsn_config_wrong(err, "config.json: expected an object, found %s", bsn_json_type(root));
	int r = parse_top(config, root, err);
	if (r >= 0)
		r = bsn_json_get_object(root, "", "process", &process, err);
	if (r >= 0 && process == NULL)
		r = bsn_config_wrong(err, "process: must be given");
	if (r >= 0)
		r = bsn_config_process(config, process, "process", flags, err);
	if (r >= 0)
		r = bsn_config_mounts(config, root, false, err);
	if (r >= 0)
		r = bsn_config_hooks(config, root, err);
	if (r >= 0)
		r = bsn_json_get_object(root, "", "linux", &linux_part, err);
	if (r >= 0)
		r = bsn_config_linux(config, linux_part, err);
	if (r >= 0)
		r = check_name(config, "hostname", &config->hostname, err);
	if (r >= 0)
		r = check_name(config, "domainname", &config->domainname, err);
	if (r >= 0)
		r = bsn_config_sysctl(config, linux_part, err);
	if (r >= 0 && (flags & BSN_CONFIG_ANY) == 0)
		r = bsn_config_refuse(config, err);
	return r < 0 ? r : 0;
}

static struct bsn_config *config_new(struct basin_error *err)
{
	struct bsn_config *config = calloc(1, sizeof(*config));
	struct bsn_arena *arena = bsn_arena_new();
	if (config == NULL || arena == NULL) {
		free(config);
		bsn_arena_free(arena);
		bsn_config_no_memory(err);
		return NULL;
	}
	config->arena = arena;
	config->resources = (struct bsn_cgroup_resources)BSN_CGROUP_RESOURCES_INIT;
	config->process.umask = -1;
	config->process.io_priority = -1;
	return config;
}

int bsn_config_parse(const char *text, size_t length, unsigned int flags, struct bsn_config **ret_config, struct basin_error *err)
{
	auto_of(bsn_config_free) struct bsn_config *config = config_new(err);
	if (config == NULL)
		return -ENOMEM;
	config->kept = (flags & BSN_CONFIG_KEPT) != 0;
	int r = bsn_json_parse(text, length, "config.json", &config->json, err);
	if (r >= 0)
		r = parse_document(config, flags, err);
	if (r < 0)
		return r;
	*ret_config = bsn_give(&config);
	return 0;
}

int bsn_config_parse_process(const char *text, size_t length, struct bsn_config **ret_config, struct basin_error *err)
{
	auto_of(bsn_config_free) struct bsn_config *config = config_new(err);
	if (config == NULL)
		return -ENOMEM;
	int r = bsn_json_parse(text, length, "process", &config->json, err);
	if (r >= 0 && !json_is_object(config->json))
		r = bsn_config_wrong(err, "process: expected an object, found %s", bsn_json_type(config->json));
	if (r >= 0)
		r = bsn_config_process(config, config->json, "process", 0, err);
	if (r < 0)
		return r;
	*ret_config = bsn_give(&config);
	return 0;
}

int bsn_config_parse_mounts(const char *text, size_t length, bool destinations_only, struct bsn_config **ret_config,
			    struct basin_error *err)
{
	auto_of(bsn_config_free) struct bsn_config *config = config_new(err);
	if (config == NULL)
		return -ENOMEM;
	int r = bsn_json_parse(text, length, "mounts", &config->json, err);
	if (r >= 0 && json_is_array(config->json)) {
		json_t *object = json_object();
		if (object == NULL || json_object_set_new(object, "mounts", config->json) < 0) {
			json_decref(object);
			config->json = NULL;
			return bsn_config_no_memory(err);
		}
		config->json = object;
	}
	if (r >= 0 && !json_is_array(json_object_get(config->json, "mounts")))
		r = bsn_config_wrong(err, "mounts: expected an array of mounts");
	if (r >= 0)
		r = bsn_config_mounts(config, config->json, destinations_only, err);
	if (r < 0)
		return r;
	*ret_config = bsn_give(&config);
	return 0;
}

void bsn_config_free(struct bsn_config *config)
{
	if (config == NULL)
		return;
	bsn_cgroup_resources_release(&config->resources);
	bsn_arena_free(config->arena);
	json_decref(config->json);
	free(config);
}

const char *bsn_config_annotation(const struct bsn_config *config, const char *key)
{
	for (size_t i = 0; i < config->annotations.count; i++)
		if (bsn_streq(config->annotations.of[i].key, key))
			return config->annotations.of[i].value;
	return NULL;
}
