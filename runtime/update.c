/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update: other resources for a container that is there. What changes is written to its cgroup, and nothing else: a knob that somebody
 * turned meanwhile (a manager of the machine, by hand) stays as it is unless the update names it. Where a write fails what went before
 * is taken back, as far as the container's config says what it was. The config that is kept then has the new resources, so that the
 * next update knows them.
 */
#include "runtime/update.h"

#include "base/log.h"
#include "runtime/config_parse.h"
#include "runtime/legacy.h"
#include "runtime/resctrl.h"
#include "runtime/scope.h"

/* The document as the kernel's values; released by the caller with bsn_cgroup_resources_release. */
static int parse_resources(json_t *document, const char *oci_version, struct bsn_cgroup_resources *ret_resources,
			   struct basin_error *err)
{
	struct bsn_config config = { .oci_version = oci_version, .resources = BSN_CGROUP_RESOURCES_INIT };
	int r = bsn_config_resources(&config, document, "resources", err);
	*ret_resources = config.resources;
	return r;
}

static int write_resources(struct bsn_container *container, const struct bsn_state *state, int cgroup,
			   const struct bsn_cgroup_resources *resources, bool devices, struct basin_error *err)
{
	struct bsn_cgroup_tree *tree;
	struct bsn_cgroup_resources knobs = *resources; /* what it points to stays the caller's */
	int r = bsn_container_tree(container, &tree, err);
	if (r >= 0)
		r = bsn_cgroup_check_memory(cgroup, resources, err);
	/* systemd first: it writes knobs of its own accord when properties change. */
	if (r >= 0)
		r = bsn_scope_update(state->scope, resources, err);
	if (state->scope != NULL)
		bsn_scope_round(&knobs);
	if (r >= 0)
		r = bsn_cgroup_update(tree, state->cgroup, &knobs, err);
	if (r >= 0 && devices)
		r = bsn_cgroup_devices_confine(cgroup, resources, err);
	return r;
}

/* As well as it can be done; the failure that made it necessary is the one to tell of. */
static void take_back(struct bsn_container *container, const struct bsn_state *state, int cgroup, const struct bsn_config *before,
		      bool devices)
{
	struct basin_error why = { 0 };
	if (write_resources(container, state, cgroup, &before->resources, devices, &why) < 0)
		bsn_warn("cannot take the update of container \"%s\" back: %s", container->id, why.text);
}

static int apply(struct bsn_container *container, struct bsn_state *state, int cgroup, struct bsn_config *config, json_t *update,
		 struct basin_error *err)
{
	struct bsn_cgroup_resources resources;
	json_t *linux_part = json_object_get(config->json, "linux");
	bool devices = json_array_size(json_object_get(update, "devices")) > 0;
	int r = bsn_update_merge(linux_part, update, err);
	if (r >= 0)
		r = bsn_update_complete(update, linux_part, err);
	if (r < 0)
		return r;
	/* Checked as a whole first; then version 1, where it holds controllers, takes its part out. */
	r = parse_resources(update, config->oci_version, &resources, err);
	const int64_t pids = resources.pids_max;
	bsn_cgroup_resources_release(&resources);
	if (r >= 0)
		r = bsn_legacy_update(container, state, update, pids, err);
	if (r < 0)
		return r;
	r = parse_resources(update, config->oci_version, &resources, err);
	if (r >= 0) {
		r = write_resources(container, state, cgroup, &resources, devices, err);
		if (r < 0)
			take_back(container, state, cgroup, config, devices);
	}
	bsn_cgroup_resources_release(&resources);
	return r < 0 ? r : bsn_json_write(container->dir, "config.json", config->json, false, err);
}

static const char *value_of(const struct bsn_update_options *options, const char *option)
{
	for (size_t i = 0; i < options->value_count; i++)
		if (bsn_streq(options->values[i].option, option) && options->values[i].value[0] != '\0')
			return options->values[i].value;
	return NULL;
}

/* Caches and memory bandwidth belong to resctrl and not to a cgroup. */
static int update_resctrl(const struct bsn_container *container, const struct bsn_config *config,
			  const struct bsn_update_options *options, struct basin_error *err)
{
	const char *l3 = value_of(options, "l3-cache-schema");
	const char *mb = value_of(options, "mem-bw-schema");
	if (l3 == NULL && mb == NULL)
		return 0;
	auto_fd int root = bsn_resctrl_open();
	if (root < 0)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP,
				"Intel RDT/%s is not enabled: mount resctrl on a processor that has it",
				l3 != NULL ? "CAT: l3 cache schema" : "MBA: memory bandwidth schema");
	if (!config->intel_rdt.given)
		return bsn_fail(err, BASIN_CONFLICT, EINVAL,
				"container \"%s\" has no group in resctrl: make it with linux.intelRdt in its config",
				container->id);
	return bsn_resctrl_update(root, &config->intel_rdt, container->id, l3, mb, err);
}

static int update_running(struct bsn_container *container, struct bsn_state *state, const struct bsn_update_options *options,
			  struct basin_error *err)
{
	struct bsn_config *config = NULL;
	auto_json json_t *update = NULL;
	int fd = -1;
	if (bsn_container_status(container, state) == BSN_STOPPED)
		return bsn_fail(err, BASIN_CONFLICT, ESRCH, "cannot update container \"%s\": container not running",
				container->id);
	int r = bsn_container_cgroup(container, state, &fd, err);
	auto_fd int cgroup = fd;
	if (r >= 0 && cgroup < 0)
		r = bsn_fail(err, BASIN_UNSUPPORTED, EOPNOTSUPP, "cannot update container \"%s\": it has no cgroup",
			     container->id);
	if (r >= 0)
		r = bsn_container_config(container, &config, err);
	if (r >= 0)
		r = bsn_update_parse(options, config->oci_version, &update, err);
	if (r >= 0)
		r = update_resctrl(container, config, options, err);
	if (r >= 0)
		r = apply(container, state, cgroup, config, update, err);
	bsn_config_free(config);
	return r;
}

int bsn_container_update(const struct bsn_runtime *runtime, const struct bsn_update_options *options, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_state struct bsn_state state = { .json = NULL };
	int r = bsn_container_open(runtime, options->id, true, &container, err);
	if (r >= 0)
		r = bsn_state_read(container.dir, options->id, &state, err);
	return r < 0 ? r : update_running(&container, &state, options, err);
}
