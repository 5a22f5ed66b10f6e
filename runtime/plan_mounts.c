/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of mounts[]. What is the host's comes as a detached mount with its attributes already on it; a new file system is made by
 * the child in its own namespaces. A read-only tmpfs becomes so at the very end: others are mounted below it first.
 */
#include "runtime/plan.h"

#include <linux/mount.h>
#include <stdlib.h>
#include <sys/mount.h>

#define FSCONFIG_TEXT_MAX 255 /* fsconfig(2) takes no longer value */

/* The propagation that a mount ends with; 0: as it is. */
static uint64_t propagation_of(const struct bsn_mount *mount)
{
	return mount->propagation_count > 0 ? mount->propagation[mount->propagation_count - 1] : 0;
}

static bool is_type(const struct bsn_mount *mount, const char *type)
{
	return mount->type != NULL && bsn_streq(mount->type, type);
}

static bool is_cgroup(const struct bsn_mount *mount)
{
	return is_type(mount, "cgroup") || is_type(mount, "cgroup2");
}

static const char *absolute_source(struct bsn_plan *plan, const struct bsn_plan_request *request, const struct bsn_mount *mount)
{
	if (mount->source == NULL || mount->source[0] == '/')
		return mount->source;
	return bsn_arena_format(plan->arena, "%s/%s", request->bundle, mount->source);
}

static int plan_bind(struct bsn_plan *plan, const struct bsn_plan_request *request, const struct bsn_mount *mount,
		     struct basin_error *err)
{
	const char *source = absolute_source(plan, request, mount);
	if (source == NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "mounts: the bind mount at \"%s\" has no source", mount->destination);
	uint32_t at = bsn_list_text(&plan->list, source);
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_ATTACH, mount->destination);
	op->text[1] = at;
	op->flags = mount->bind_recursive ? BSN_OP_F_RECURSIVE : 0;
	op->number[0] = mount->attr_set;
	op->number[1] = mount->attr_clear;
	op->number[2] = propagation_of(mount);
	op->number[3] = mount->rec_set;
	if (plan->privileged)
		op->fd = bsn_plan_handle(plan, BSN_HANDLE_BIND, source, mount);
	else if (mount->idmap)
		return bsn_fail(err, BASIN_UNSUPPORTED, EPERM, "the idmapped mount at \"%s\" needs privileges on the host",
				mount->destination);
	return 0;
}

static void plan_remount(struct bsn_plan *plan, const struct bsn_mount *mount)
{
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_REMOUNT, mount->destination);
	op->number[0] = mount->attr_set;
	op->number[1] = mount->attr_clear;
	if ((mount->rec_set | mount->rec_clear) != 0) {
		op = bsn_list_add_text(&plan->list, BSN_OP_REMOUNT, mount->destination);
		op->number[0] = mount->rec_set;
		op->number[1] = mount->rec_clear;
		op->flags = BSN_OP_F_RECURSIVE;
	}
}

/* Without a cgroup namespace a cgroup2 mount would show the whole tree: the container gets its own part of it. */
static void plan_cgroup_bind(struct bsn_plan *plan, const struct bsn_mount *mount)
{
	uint32_t source = bsn_list_text(&plan->list, "cgroup");
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_ATTACH, mount->destination);
	op->text[1] = source;
	op->number[2] = propagation_of(mount);
	op->fd = bsn_plan_handle(plan, BSN_HANDLE_CGROUP, NULL, mount);
}

/* As programs for version 1 expect it: a directory for each hierarchy that the container is in, and "unified" for version 2. */
static void plan_cgroup_legacy(struct bsn_plan *plan, const struct bsn_plan_request *request, const struct bsn_mount *mount)
{
	static const char *const options[] = { "source=tmpfs", "mode=755" };
	const struct bsn_legacy *legacy = request->legacy;
	uint32_t type = bsn_list_text(&plan->list, "tmpfs");
	uint32_t vector = bsn_list_vector(&plan->list, options, 2);
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_MOUNT, mount->destination);
	op->text[1] = type;
	op->text[2] = vector;
	op->number[0] = mount->attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY;
	op->number[1] = propagation_of(mount);
	for (size_t i = 0; i <= legacy->count; i++) {
		const struct bsn_legacy_place *place = i < legacy->count ? &legacy->places[i] : NULL;
		uint32_t source = bsn_list_text(&plan->list, "cgroup");
		op = bsn_list_add_text(
			&plan->list, BSN_OP_ATTACH,
			bsn_arena_format(plan->arena, "%s/%s", mount->destination, place != NULL ? place->name : "unified"));
		op->text[1] = source;
		op->fd = place != NULL ? bsn_plan_handle(plan, BSN_HANDLE_LEGACY, place->path, mount)
				       : bsn_plan_handle(plan, BSN_HANDLE_CGROUP, NULL, mount);
	}
	if ((mount->attr_set & MOUNT_ATTR_RDONLY) != 0)
		bsn_list_add_text(&plan->list, BSN_OP_REMOUNT, mount->destination)->number[0] = MOUNT_ATTR_RDONLY;
}

static bool id_is_mapped(const struct bsn_config *config, const struct bsn_id_maps *maps, unsigned long id)
{
	if (!config->namespaces[BSN_NS_USER].given || maps->count == 0)
		return true;
	for (size_t i = 0; i < maps->count; i++)
		if (id >= maps->of[i].container && id - maps->of[i].container < maps->of[i].size)
			return true;
	return false;
}

/* The options for fsconfig(2), in order; *ret_long when one of them is too long for it. */
static const char **options_of(struct bsn_plan *plan, const struct bsn_config *config, const struct bsn_mount *mount,
			       size_t *ret_count, bool *ret_long, bool *ret_mode)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} flags[] = {
		{ MS_SYNCHRONOUS, "sync" }, { MS_DIRSYNC, "dirsync" }, { MS_MANDLOCK, "mand" }, { MS_LAZYTIME, "lazytime" }
	};
	const char **options = bsn_arena_array(plan->arena, mount->data.count + 6, sizeof(*options));
	size_t count = 0;
	if (options == NULL)
		return NULL;
	if (mount->source != NULL && !is_cgroup(mount))
		options[count++] = bsn_arena_format(plan->arena, "source=%s", mount->source);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (mount->sb_flags & flags[i].flag)
			options[count++] = flags[i].name;
	for (size_t i = 0; i < mount->data.count; i++) {
		const char *option = mount->data.of[i];
		*ret_long |= strlen(option) > FSCONFIG_TEXT_MAX;
		*ret_mode |= bsn_starts_with(option, "mode=");
		/* The usual "gid=5" where the user namespace has no such group: the kernel would refuse the mount. */
		if (is_type(mount, "devpts") && bsn_starts_with(option, "gid=") &&
		    !id_is_mapped(config, &config->gid_maps, strtoul(option + 4, NULL, 10)))
			continue;
		options[count++] = option;
	}
	*ret_count = count;
	return options;
}

static bool is_read_only_late(const struct bsn_mount *mount)
{
	return !mount->bind && !mount->remount && is_type(mount, "tmpfs") && (mount->attr_set & MOUNT_ATTR_RDONLY) != 0;
}

static uint64_t attributes_of(const struct bsn_mount *mount)
{
	uint64_t attributes = mount->attr_set | mount->rec_set;
	return is_read_only_late(mount) ? attributes & ~(uint64_t)MOUNT_ATTR_RDONLY : attributes;
}

static void plan_old_mount(struct bsn_plan *plan, const struct bsn_mount *mount)
{
	uint32_t type = bsn_list_text(&plan->list, mount->type);
	uint32_t data = bsn_list_text(&plan->list, mount->data_joined);
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_MOUNT_OLD, mount->destination);
	op->text[1] = type;
	op->text[2] = data;
	op->number[0] = attributes_of(mount);
	op->number[1] = propagation_of(mount);
	op->number[2] = mount->sb_flags & ~(unsigned long)MS_RDONLY;
}

static int plan_new_mount(struct bsn_plan *plan, const struct bsn_config *config, const struct bsn_mount *mount,
			  struct basin_error *err)
{
	size_t count = 0;
	bool too_long = false;
	bool has_mode = false;
	const char **options = options_of(plan, config, mount, &count, &too_long, &has_mode);
	if (options == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot plan the mount at \"%s\"", mount->destination);
	if (mount->type == NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "mounts: the mount at \"%s\" has no type and is no bind mount",
				mount->destination);
	if (too_long) {
		plan_old_mount(plan, mount);
		return 0;
	}
	uint32_t type = bsn_list_text(&plan->list, is_cgroup(mount) ? "cgroup2" : mount->type);
	uint32_t vector = count > 0 ? bsn_list_vector(&plan->list, options, count) : 0;
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_MOUNT, mount->destination);
	op->text[1] = type;
	op->text[2] = vector;
	op->number[0] = attributes_of(mount);
	op->number[1] = propagation_of(mount);
	if (is_type(mount, "proc") || is_type(mount, "sysfs"))
		op->flags |= BSN_OP_F_NO_FOLLOW;
	/* sysfs belongs to a network namespace: one of another owner cannot be mounted, the host's is shown instead. */
	if (is_type(mount, "sysfs") && config->namespaces[BSN_NS_USER].given)
		op->flags |= BSN_OP_F_FALLBACK;
	if (is_type(mount, "tmpfs") && !has_mode)
		op->flags |= BSN_OP_F_INHERIT_MODE;
	if (mount->tmpcopyup)
		op->flags |= BSN_OP_F_COPY_UP;
	return 0;
}

int bsn_plan_mounts(struct bsn_plan *plan, const struct bsn_plan_request *request, struct basin_error *err)
{
	const struct bsn_config *config = request->config;
	int r = 0;
	for (size_t i = 0; r >= 0 && i < config->mount_count; i++) {
		const struct bsn_mount *mount = &config->mounts[i];
		if (mount->remount)
			plan_remount(plan, mount);
		else if (mount->bind)
			r = plan_bind(plan, request, mount, err);
		else if (is_type(mount, "cgroup") && request->legacy != NULL && request->legacy->count > 0)
			plan_cgroup_legacy(plan, request, mount);
		else if (is_cgroup(mount) && !config->namespaces[BSN_NS_CGROUP].given)
			plan_cgroup_bind(plan, mount);
		else
			r = plan_new_mount(plan, config, mount, err);
	}
	return r;
}

static void plan_read_only(struct bsn_plan *plan, const char *destination)
{
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_REMOUNT, destination);
	op->number[0] = MOUNT_ATTR_RDONLY;
}

void bsn_plan_masks(struct bsn_plan *plan, const struct bsn_config *config)
{
	for (size_t i = 0; i < config->readonly_paths.count; i++)
		bsn_list_add_text(&plan->list, BSN_OP_READ_ONLY, config->readonly_paths.of[i]);
	for (size_t i = 0; i < config->masked_paths.count; i++)
		bsn_list_add_text(&plan->list, BSN_OP_MASK, config->masked_paths.of[i]);
	for (size_t i = 0; i < config->mount_count; i++)
		if (is_read_only_late(&config->mounts[i]))
			plan_read_only(plan, config->mounts[i].destination);
	if (config->root_readonly)
		plan_read_only(plan, "/");
}
