/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of /dev: the nodes that every container has (config-linux.md, "Default Devices"), linux.devices, and the links. */
#include "runtime/plan.h"

#include <sys/stat.h>

static const struct bsn_device defaults[] = {
	{ .type = 'c', .path = "/dev/null", .major = 1, .minor = 3, .mode = 0666 },
	{ .type = 'c', .path = "/dev/zero", .major = 1, .minor = 5, .mode = 0666 },
	{ .type = 'c', .path = "/dev/full", .major = 1, .minor = 7, .mode = 0666 },
	{ .type = 'c', .path = "/dev/random", .major = 1, .minor = 8, .mode = 0666 },
	{ .type = 'c', .path = "/dev/urandom", .major = 1, .minor = 9, .mode = 0666 },
	{ .type = 'c', .path = "/dev/tty", .major = 5, .minor = 0, .mode = 0666 },
};

static const struct {
	const char *path;
	const char *target;
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },       { "/dev/stdin", "/proc/self/fd/0" }, { "/dev/stdout", "/proc/self/fd/1" },
	{ "/dev/stderr", "/proc/self/fd/2" }, { "/dev/ptmx", "pts/ptmx" },
};

/* A /dev that is the host's, or somebody's volume, is left alone. */
static bool dev_is_bound(const struct bsn_config *config)
{
	for (size_t i = 0; i < config->mount_count; i++) {
		const char *at = config->mounts[i].destination;
		if (config->mounts[i].bind && (bsn_streq(at, "/dev") || bsn_streq(at, "/dev/")))
			return true;
	}
	return false;
}

static mode_t type_bits(char type)
{
	return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

static void plan_device(struct bsn_plan *plan, const struct bsn_device *device, bool bind)
{
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_DEVICE, device->path);
	op->number[0] = type_bits(device->type) | device->mode;
	op->number[1] = device->type == 'p' ? 0 : (uint64_t)device->major << 32 | device->minor;
	op->number[2] = device->uid;
	op->number[3] = device->gid;
	op->flags = bind && device->type != 'p' ? BSN_OP_F_BIND : 0;
}

static bool is_listed(const struct bsn_config *config, const char *path)
{
	for (size_t i = 0; i < config->device_count; i++)
		if (bsn_streq(config->devices[i].path, path))
			return true;
	return false;
}

int bsn_plan_devices(struct bsn_plan *plan, const struct bsn_config *config, struct basin_error *err)
{
	(void)err;
	if (dev_is_bound(config))
		return 0;
	/* A user namespace may not make nodes; the host's are mounted. */
	bool bind = config->namespaces[BSN_NS_USER].given || !plan->privileged;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (!is_listed(config, defaults[i].path))
			plan_device(plan, &defaults[i], bind);
	for (size_t i = 0; i < config->device_count; i++)
		plan_device(plan, &config->devices[i], bind);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		uint32_t target = bsn_list_text(&plan->list, links[i].target);
		bsn_list_add_text(&plan->list, BSN_OP_SYMLINK, links[i].path)->text[1] = target;
	}
	return 0;
}
