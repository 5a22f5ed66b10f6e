/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of /dev: the nodes that every container has (config-linux.md, "Default Devices"), linux.devices, and the links. */
#include "runtime/plan.h"

#include "runtime/device_nodes.h"
#include "runtime/facts.h"

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
	{ "/dev/stderr", "/proc/self/fd/2" }, { "/dev/core", "/proc/kcore" },
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

static void plan_device(struct bsn_plan *plan, const struct bsn_device *device, uint16_t flags, uint32_t number)
{
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_DEVICE, device->path);
	op->number[0] = bsn_device_type_bits(device->type) | device->mode;
	op->number[1] = device->type == 'p' ? 0 : (uint64_t)device->major << 32 | device->minor;
	op->number[2] = device->uid;
	op->number[3] = device->gid;
	op->flags = flags;
	op->count = number;
}

static bool is_listed(const struct bsn_config *config, const char *path)
{
	for (size_t i = 0; i < config->device_count; i++)
		if (bsn_streq(config->devices[i].path, path))
			return true;
	return false;
}

static bool is_ptmx(const struct bsn_device *device)
{
	return bsn_streq(device->path, "/dev/ptmx");
}

/* All that are made, in order; the default ones first. */
static int collect(struct bsn_plan *plan, const struct bsn_config *config, struct basin_error *err)
{
	const size_t usual = sizeof(defaults) / sizeof(defaults[0]);
	plan->devices = bsn_arena_array(plan->arena, usual + config->device_count, sizeof(*plan->devices));
	if (plan->devices == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot plan the devices");
	for (size_t i = 0; i < usual; i++)
		if (!is_listed(config, defaults[i].path))
			plan->devices[plan->device_count++] = defaults[i];
	for (size_t i = 0; i < config->device_count; i++)
		if (!is_ptmx(&config->devices[i]))
			plan->devices[plan->device_count++] = config->devices[i];
	return 0;
}

static void plan_links(struct bsn_plan *plan)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		uint32_t target = bsn_list_text(&plan->list, links[i].target);
		bsn_list_add_text(&plan->list, BSN_OP_SYMLINK, links[i].path)->text[1] = target;
	}
	/* The container's own, whatever the image has there. */
	uint32_t target = bsn_list_text(&plan->list, "pts/ptmx");
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_SYMLINK, "/dev/ptmx");
	op->text[1] = target;
	op->flags = BSN_OP_F_MOVE;
}

int bsn_plan_devices(struct bsn_plan *plan, const struct bsn_config *config, struct basin_error *err)
{
	if (dev_is_bound(config))
		return 0;
	int r = collect(plan, config, err);
	if (r < 0)
		return r;
	/* A user namespace may not make nodes. Ours are mounted where we know whose ids they must have, else the host's. */
	bool bind = config->namespaces[BSN_NS_USER].given || !plan->privileged;
	bool made =
		bind && plan->privileged && config->namespaces[BSN_NS_USER].path == NULL && bsn_facts_initial_user_namespace();
	if (made)
		bsn_list_add(&plan->list, BSN_OP_DEVICES)->fd = bsn_plan_handle(plan, BSN_HANDLE_DEVICES, NULL, NULL);
	for (size_t i = 0; i < plan->device_count; i++) {
		const struct bsn_device *device = &plan->devices[i];
		plan_device(plan, device, bind && device->type != 'p' ? BSN_OP_F_BIND : 0, made ? (uint32_t)i + 1 : 0);
	}
	if (made)
		bsn_list_add(&plan->list, BSN_OP_DEVICES);
	plan_links(plan);
	return 0;
}
