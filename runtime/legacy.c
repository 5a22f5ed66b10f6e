/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/legacy.h"

#include <linux/capability.h>
#include <string.h>

#include "base/sys.h"
#include "runtime/config_parse.h"
#include "runtime/facts.h"

#define FREEZE_MS 2000

/* Only the machine's root may write there. */
static bool is_possible(void)
{
	return bsn_facts_capable(CAP_SYS_ADMIN) && bsn_facts_initial_user_namespace() && bsn_legacy_host();
}

/* Files of version 2 for a controller that it does not have here. */
static int refuse_unified(const struct bsn_config *config, struct basin_error *err)
{
	const struct bsn_cgroup_resources *resources = &config->resources;
	auto_legacy struct bsn_legacy all = { .count = 0 };
	int r = bsn_legacy_find(~0u, NULL, "", &all, err);
	uint32_t held = bsn_legacy_unified(bsn_legacy_mask(&all));
	for (size_t i = 0; r >= 0 && i < resources->unified_count; i++) {
		struct bsn_cgroup_resources one = BSN_CGROUP_RESOURCES_INIT;
		one.unified = &resources->unified[i];
		one.unified_count = 1;
		if ((bsn_cgroup_resources_controllers(&one) & held) != 0)
			r = bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				     "invalid configuration: linux.resources.unified[\"%s\"]: cgroup v1 has this controller here "
				     "(boot with \"systemd.unified_cgroup_hierarchy=1\")",
				     resources->unified[i].file);
	}
	return r;
}

static const json_t *resources_of(const struct bsn_config *config)
{
	return json_object_get(json_object_get(config->json, "linux"), "resources");
}

/*
 * Whether the container belongs in every hierarchy: one that names its cgroup is looked for in each; and one that has a user namespace, no
 * cgroup namespace, and a mount of version 1's type, could never mount a hierarchy itself: it has those that it is shown.
 */
static bool wants_all(const struct bsn_config *config)
{
	if (config->cgroups_path != NULL)
		return true;
	if (!config->namespaces[BSN_NS_USER].given || config->namespaces[BSN_NS_CGROUP].given)
		return false;
	for (size_t i = 0; i < config->mount_count; i++)
		if (!config->mounts[i].bind && config->mounts[i].type != NULL && strcmp(config->mounts[i].type, "cgroup") == 0)
			return true;
	return false;
}

/* Whether there is anything but a denial of all devices, which everybody writes. */
static bool asks(const struct bsn_config *config, const json_t *resources)
{
	if (wants_all(config))
		return true;
	for (size_t i = 0; i < config->resources.device_count; i++)
		if (config->resources.devices[i].allow)
			return true;
	return json_object_size(resources) > (json_object_get(resources, "devices") != NULL ? 1u : 0u);
}

int bsn_legacy_prepare(struct bsn_run *run, struct basin_error *err)
{
	struct bsn_config *config = run->config;
	struct bsn_cgroup_resources *v2 = &config->resources;
	const json_t *resources = resources_of(config);
	if (run->options->managed || run->container.runtime->cgroup_manager != BSN_CGROUPFS || !asks(config, resources) ||
	    !is_possible())
		return 0;
	if (config->cgroups_path != NULL && config->cgroups_path[0] == '/' && bsn_legacy_frozen(config->cgroups_path))
		return bsn_fail(err, BASIN_BUSY, EBUSY, "container's cgroup unexpectedly frozen: \"%s\" (thaw or remove it)",
				config->cgroups_path);
	struct bsn_legacy_wish wish = { .pids_of_zero = v2->pids_max };
	int r = v2->unified_count > 0 ? refuse_unified(config, err) : 0;
	if (r >= 0)
		r = bsn_legacy_read(resources, &wish, err);
	if (r >= 0)
		bsn_legacy_read_devices(v2->devices, v2->device_count, &wish);
	if (r >= 0)
		r = bsn_legacy_find(wants_all(config) ? ~0u : wish.mask, config->cgroups_path, run->options->id, &run->legacy,
				    err);
	run->legacy_writes = wish.writes;
	if (r >= 0)
		bsn_cgroup_resources_restrict(v2, ~bsn_legacy_unified(bsn_legacy_mask(&run->legacy)));
	return r;
}

int bsn_legacy_intend(void *data, struct bsn_str *value, struct basin_error *err)
{
	const struct bsn_run *run = data;
	if (run->legacy.count == 0)
		return BSN_STEP_SKIP;
	return bsn_legacy_format(&run->legacy, value) < 0 ? bsn_fail_sys(err, ENOMEM, "cannot name cgroups") : 0;
}

int bsn_legacy_apply(void *data, const char *value, struct basin_error *err)
{
	struct bsn_run *run = data;
	struct bsn_container_mark mark;
	int r = bsn_container_mark(&run->container, &mark, err);
	if (r >= 0)
		r = bsn_legacy_make(&run->legacy, mark.text, err);
	if (r >= 0)
		r = bsn_legacy_set(&run->legacy, &run->legacy_writes, err);
	if (r < 0)
		return r;
	run->legacy_text = strdup(value);
	return run->legacy_text == NULL ? bsn_fail_sys(err, ENOMEM, "cannot name cgroups") : 0;
}

int bsn_legacy_undo(void *world, const char *value, struct basin_error *err)
{
	const struct bsn_container *container = world;
	auto_legacy struct bsn_legacy legacy = { .count = 0 };
	int r = bsn_legacy_parse(value, &legacy, err);
	struct bsn_container_mark mark;
	if (r >= 0)
		r = bsn_container_mark(container, &mark, err);
	return r < 0 ? r : bsn_legacy_remove(&legacy, mark.text, err);
}

int bsn_legacy_take(const struct bsn_state *state, struct bsn_legacy *ret_legacy, struct basin_error *err)
{
	return state->legacy == NULL ? 0 : bsn_legacy_parse(state->legacy, ret_legacy, err);
}

/* --- updating --- */

struct update {
	struct bsn_container *container;
	struct bsn_state *state;
	struct bsn_legacy fresh; /* joined now */
	struct bsn_legacy all;
};

static void release_update(struct update *update)
{
	bsn_legacy_release(&update->fresh);
	bsn_legacy_release(&update->all);
}

/* Moves what the container runs; frozen meanwhile, so that nothing forks past it. */
static int move_processes(struct update *update, struct basin_error *err)
{
	int fd = -1;
	pid_t *pids = NULL;
	size_t count = 0;
	int r = bsn_container_cgroup(update->container, update->state, &fd, err);
	auto_fd int cgroup = fd;
	if (r < 0 || cgroup < 0)
		return r < 0 ? r : bsn_legacy_join(&update->fresh, update->state->init.pid, err);
	bool freeze = bsn_cgroup_frozen(cgroup) == 0;
	if (freeze)
		r = bsn_cgroup_freeze(cgroup, true, FREEZE_MS, err);
	if (r >= 0)
		r = bsn_cgroup_pids(cgroup, &pids, &count, err);
	auto_free pid_t *owned = pids;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		r = bsn_legacy_join(&update->fresh, owned[i], err);
		r = r == -ESRCH ? 0 : r;
	}
	if (freeze)
		bsn_cgroup_freeze(cgroup, false, FREEZE_MS, NULL);
	return r;
}

static int intend_update(void *data, struct bsn_str *value, struct basin_error *err)
{
	const struct update *update = data;
	return bsn_legacy_format(&update->all, value) < 0 ? bsn_fail_sys(err, ENOMEM, "cannot name cgroups") : 0;
}

static int apply_update(void *data, const char *value, struct basin_error *err)
{
	struct update *update = data;
	struct bsn_container_mark mark;
	int r = bsn_container_mark(update->container, &mark, err);
	if (r >= 0)
		r = bsn_legacy_make(&update->fresh, mark.text, err);
	if (r >= 0)
		r = move_processes(update, err);
	update->state->legacy = value;
	return r < 0 ? r : bsn_state_write(update->container->dir, update->state, err);
}

/* The container goes on running in them: they stay in the record, for delete. */
static int keep_update(void *world, const char *value, struct basin_error *err)
{
	(void)world;
	return bsn_fail(err, BASIN_BUSY, EBUSY, "\"%s\" is in use", value);
}

static int join_fresh(struct update *update, struct basin_error *err)
{
	static const struct bsn_step step = { "cgroup-v1", intend_update, apply_update, keep_update };
	struct bsn_record *record = NULL;
	auto_str struct bsn_str text = { 0 };
	if (update->state->legacy != NULL)
		bsn_str_addf(&text, "%s\t", update->state->legacy);
	bsn_legacy_format(&update->fresh, &text);
	bsn_legacy_release(&update->all);
	int r = text.failed ? bsn_fail_sys(err, ENOMEM, "cannot name cgroups")
			    : bsn_legacy_parse(bsn_str_text(&text), &update->all, err);
	if (r >= 0)
		r = bsn_record_open(update->container->dir, "record", false, &record, err);
	if (r >= 0)
		r = bsn_steps_apply(&step, 1, record, update, update->container, err);
	bsn_record_close(record);
	return r;
}

static int read_update(const struct update *update, json_t *resources, struct bsn_legacy_wish *wish, struct basin_error *err)
{
	struct bsn_config scratch = { .resources = BSN_CGROUP_RESOURCES_INIT };
	int r = bsn_legacy_read(resources, wish, err);
	if (r < 0 || (bsn_legacy_mask(&update->all) & BSN_LEGACY_BIT(BSN_LEGACY_DEVICES)) == 0)
		return r;
	auto_json json_t *devices = json_pack("{s:O*}", "devices", json_object_get(resources, "devices"));
	r = bsn_config_resources(&scratch, devices, "linux.resources", err);
	if (r >= 0)
		bsn_legacy_read_devices(scratch.resources.devices, scratch.resources.device_count, wish);
	bsn_cgroup_resources_release(&scratch.resources);
	return r;
}

static int update_places(struct update *update, const struct bsn_legacy_wish *wish, struct basin_error *err)
{
	struct bsn_config *config = NULL;
	uint32_t missing = wish->mask & ~bsn_legacy_mask(&update->all);
	int r = 0;
	if (missing != 0) {
		r = bsn_container_config(update->container, &config, err);
		if (r >= 0)
			r = bsn_legacy_find(missing, config->cgroups_path, update->container->id, &update->fresh, err);
		bsn_config_free(config);
	}
	if (r >= 0 && update->fresh.count > 0)
		r = join_fresh(update, err);
	return r < 0 ? r : bsn_legacy_set(&update->all, &wish->writes, err);
}

int bsn_legacy_update(struct bsn_container *container, struct bsn_state *state, json_t *resources, int64_t pids_of_zero,
		      struct basin_error *err)
{
	struct update update = { .container = container, .state = state };
	struct bsn_legacy_wish wish = { .update = true, .pids_of_zero = pids_of_zero };
	const char *before = state->legacy;
	if (!is_possible())
		return 0;
	int r = bsn_legacy_take(state, &update.all, err);
	if (r >= 0)
		r = read_update(&update, resources, &wish, err);
	if (r >= 0)
		r = update_places(&update, &wish, err);
	if (r >= 0)
		bsn_legacy_take_out(resources, bsn_legacy_mask(&update.all));
	state->legacy = before;
	bsn_legacy_writes_release(&wish.writes);
	release_update(&update);
	return r;
}
