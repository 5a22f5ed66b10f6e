/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/show.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "pool/cgroup.h"
#include "pool/lease.h"
#include "pool/subnet.h"
#include "runtime/env/monitor.h"
#include "runtime/env/oci_config.h"
#include "runtime/monitor/report.h"

const char *bsn_env_status(struct basin *basin, const struct bsn_env *env, pid_t *ret_pid)
{
	struct bsn_runtime runtime = bsn_basin_runtime(basin);
	auto_free char *text = NULL;
	auto_json json_t *state = NULL;
	const char *status = "";
	int64_t pid = 0;
	if (ret_pid != NULL)
		*ret_pid = 0;
	if (!bsn_streq(env->state, BSN_ENV_READY))
		return bsn_streq(env->state, BSN_ENV_CREATING) ? "creating" : "removing";
	if (bsn_monitor_alive(basin, env->name) <= 0)
		return "stopped";
	if (bsn_container_state(&runtime, env->name, &text, NULL) >= 0 &&
	    bsn_json_parse(text, strlen(text), env->name, &state, NULL) >= 0) {
		(void)bsn_json_get_string(state, "", "status", &status, NULL);
		(void)bsn_json_get_int(state, "", "pid", 0, INT32_MAX, &pid, NULL);
	}
	bool up = bsn_streq(status, "running") || bsn_streq(status, "paused");
	if (up && ret_pid != NULL)
		*ret_pid = (pid_t)pid;
	if (bsn_streq(status, "running") || bsn_streq(status, "paused"))
		return bsn_streq(status, "running") ? "running" : "paused";
	/* Between two runs, or after the last. */
	return bsn_streq(env->restart, "no") || !bsn_monitor_intent_running(basin, env->name) ? "stopping" : "restarting";
}

static int add_address(const struct bsn_lease *lease, void *data)
{
	char text[BSN_ADDRESS_TEXT_MAX];
	json_t *entry =
		json_pack("{ss ss}", "network", lease->scope, "address", bsn_address_format((uint32_t)lease->value, text));
	return json_array_append_new(data, entry) < 0 ? -ENOMEM : 0;
}

static int64_t known(int64_t value)
{
	return value == BSN_CGROUP_UNSET ? 0 : value;
}

/* What the cgroup and the storage say. What cannot be read (no controller, not running) is left out. */
static json_t *usage(struct basin *basin, const struct bsn_env *env, pid_t pid)
{
	char root[48];
	auto_fd int cgroup = -1;
	auto_fd int dir = -1;
	struct bsn_cgroup_stats stats;
	struct bsn_storage_usage storage;
	json_t *json = json_object();
	snprintf(root, sizeof(root), "/proc/%d/root", (int)pid);
	auto_fd int live = pid > 0 ? bsn_sys_openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0) : -1;
	if (bsn_env_dir(basin, env->name, &dir, NULL) >= 0 && bsn_storage_usage(dir, &env->storage, live, &storage, NULL) >= 0)
		json_object_set_new(json, "storage", json_integer(storage.bytes));
	if (bsn_env_cgroup_open(basin, env, &cgroup, NULL) < 0 || bsn_cgroup_stats(cgroup, &stats, NULL) < 0)
		return json;
	if (stats.cpu_usage_us != BSN_CGROUP_UNSET)
		json_object_set_new(json, "cpu_us", json_integer(stats.cpu_usage_us));
	if (stats.memory_current != BSN_CGROUP_UNSET) {
		json_object_set_new(json, "memory", json_integer(stats.memory_current));
		json_object_set_new(json, "oom_kills", json_integer(known(stats.memory_events_oom_kill)));
	}
	if (stats.pids_current != BSN_CGROUP_UNSET)
		json_object_set_new(json, "pids", json_integer(stats.pids_current));
	return json;
}

static void add_last_exit(struct basin *basin, const struct bsn_env *env, json_t *json)
{
	auto_fd int dir = -1;
	json_t *last = NULL;
	if (bsn_env_dir(basin, env->name, &dir, NULL) >= 0 && bsn_json_read(dir, BSN_MONITOR_EXIT, &last, NULL) >= 0)
		json_object_set_new(json, "last_exit", last);
}

int bsn_env_show_json(struct basin *basin, const struct bsn_env *env, bool full, json_t **ret_json, struct basin_error *err)
{
	struct bsn_ledger *ledger;
	pid_t pid;
	auto_json json_t *json = json_copy(env->json);
	json_t *addresses = json_array();
	const char *status = bsn_env_status(basin, env, &pid);
	int r = bsn_basin_ledger(basin, &ledger, err);
	if (json == NULL || json_object_set_new(json, "addresses", addresses) < 0)
		r = bsn_fail_sys(err, ENOMEM, "cannot show environment \"%s\"", env->name);
	if (r >= 0)
		r = bsn_lease_each(ledger, BSN_LEASE_ADDRESS, NULL, env->name, add_address, addresses, err);
	if (r < 0)
		return r;
	json_object_set_new(json, "status", json_string(status));
	json_object_set_new(json, "class", json_string(bsn_env_class_name(bsn_env_class(env))));
	if (pid > 0)
		json_object_set_new(json, "pid", json_integer(pid));
	if (json_array_size(addresses) > 0)
		json_object_set(json, "address", json_object_get(json_array_get(addresses, 0), "address"));
	add_last_exit(basin, env, json);
	if (full)
		json_object_set_new(json, "usage", usage(basin, env, pid));
	*ret_json = bsn_give(&json);
	return 0;
}

int bsn_env_describe(struct basin *basin, const struct bsn_env *env, bool full, char **ret_text, struct basin_error *err)
{
	auto_json json_t *json = NULL;
	int r = bsn_env_show_json(basin, env, full, &json, err);
	return r < 0 ? r : bsn_json_format(json, true, ret_text, err);
}
