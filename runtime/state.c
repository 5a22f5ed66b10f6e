/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/state.h"

#include <stdio.h>
#include <time.h>

#include "base/io.h"
#include "base/str.h"
#include "runtime/scope.h"

const char *bsn_status_name(enum bsn_status status)
{
	static const char *const names[] = {
		[BSN_CREATING] = "creating", [BSN_CREATED] = "created", [BSN_RUNNING] = "running",
		[BSN_PAUSED] = "paused",     [BSN_STOPPED] = "stopped",
	};
	return names[status];
}

void bsn_state_release(struct bsn_state *state)
{
	json_decref(state->json);
	state->json = NULL;
}

int bsn_state_object(const struct bsn_state *state, enum bsn_status status, json_t **ret_json, struct basin_error *err)
{
	int pid = status == BSN_STOPPED ? 0 : (int)state->init.pid;
	/* In runc's order, which some match as text. */
	json_t *json = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s*, s:s, s:O*, s:s*, s:s*}", "ociVersion", state->oci_version, "id",
				 state->id, "pid", pid, "status", bsn_status_name(status), "bundle", state->bundle, "rootfs",
				 state->rootfs, "created", state->created, "annotations", state->annotations, "owner",
				 state->owner, "systemd-scope", state->scope != NULL ? bsn_scope_unit(state->scope) : NULL);
	if (json == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot describe container \"%s\"", state->id);
	*ret_json = json;
	return 0;
}

int bsn_state_format(const struct bsn_state *state, enum bsn_status status, char **ret_text, struct basin_error *err)
{
	auto_json json_t *json = NULL;
	int r = bsn_state_object(state, status, &json, err);
	return r < 0 ? r : bsn_json_format(json, true, ret_text, err);
}

static int put_text(json_t *json, const char *key, const char *text)
{
	return text == NULL ? 0 : json_object_set_new(json, key, json_string(text));
}

int bsn_state_write(int dir, const struct bsn_state *state, struct basin_error *err)
{
	auto_json json_t *json = json_object();
	/* A line for each. Texts that are not there are left out. */
	int r = put_text(json, "ociVersion", state->oci_version);
	r |= put_text(json, "id", state->id);
	r |= json_object_set_new(json, "pid", json_integer(state->init.pid));
	r |= json_object_set_new(json, "start", json_integer((json_int_t)state->init.start));
	r |= put_text(json, "bundle", state->bundle);
	r |= put_text(json, "rootfs", state->rootfs);
	r |= put_text(json, "created", state->created);
	r |= put_text(json, "cgroup", state->cgroup);
	r |= put_text(json, "scope", state->scope);
	r |= put_text(json, "legacy", state->legacy);
	r |= json_object_set_new(json, "managed", json_boolean(state->managed));
	r |= json_object_set_new(json, "keyring", json_boolean(state->keyring));
	r |= json_object_set_new(json, "hooks", json_boolean(state->hooks));
	r |= json_object_set_new(json, "hostPids", json_boolean(state->host_pids));
	if (state->own_time)
		r |= json_object_set_new(json, "ownTime", json_true());
	if (state->annotations != NULL)
		r |= json_object_set(json, "annotations", state->annotations);
	if (r != 0)
		return bsn_fail_sys(err, ENOMEM, "cannot write the state of container \"%s\"", state->id);
	return bsn_json_write(dir, "state.json", json, false, err);
}

static int take_fields(struct bsn_state *state, struct basin_error *err)
{
	int64_t pid = 0;
	int64_t start = 0;
	const json_t *json = state->json;
	int r = bsn_json_get_string(json, "state", "bundle", &state->bundle, err);
	if (r >= 0)
		r = bsn_json_get_string(json, "state", "rootfs", &state->rootfs, err);
	if (r >= 0)
		r = bsn_json_get_string(json, "state", "created", &state->created, err);
	if (r >= 0)
		r = bsn_json_get_string(json, "state", "cgroup", &state->cgroup, err);
	if (r >= 0)
		r = bsn_json_get_string(json, "state", "legacy", &state->legacy, err);
	if (r >= 0)
		r = bsn_json_get_string(json, "state", "scope", &state->scope, err);
	if (r >= 0)
		r = bsn_json_get_bool(json, "state", "managed", &state->managed, err);
	if (r >= 0)
		r = bsn_json_get_bool(json, "state", "keyring", &state->keyring, err);
	if (r >= 0)
		r = bsn_json_get_bool(json, "state", "hooks", &state->hooks, err);
	if (r >= 0)
		r = bsn_json_get_bool(json, "state", "hostPids", &state->host_pids, err);
	if (r >= 0)
		r = bsn_json_get_bool(json, "state", "ownTime", &state->own_time, err);
	if (r >= 0)
		r = bsn_json_get_string(json, "state", "ociVersion", &state->oci_version, err);
	if (r >= 0)
		r = bsn_json_get_int(json, "state", "pid", 0, INT32_MAX, &pid, err);
	if (r >= 0)
		r = bsn_json_get_int(json, "state", "start", 0, INT64_MAX, &start, err);
	if (r >= 0)
		r = bsn_json_get_object(json, "state", "annotations", &state->annotations, err);
	state->init = (struct bsn_process){ .pid = (pid_t)pid, .start = (uint64_t)start };
	return r < 0 ? r : 0;
}

int bsn_state_read(int dir, const char *id, struct bsn_state *ret_state, struct basin_error *err)
{
	auto_free char *text = NULL;
	size_t length;
	struct bsn_state state = { .oci_version = BSN_OCI_VERSION, .id = id, .bundle = "", .created = "" };
	int r = bsn_read_file(dir, "state.json", 1 << 20, &text, &length);
	if (r == -ENOENT)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "container does not exist: \"%s\"", id);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read the state of container \"%s\"", id);
	r = bsn_json_parse(text, length, "state.json", &state.json, err);
	if (r >= 0)
		r = take_fields(&state, err);
	if (r < 0) {
		bsn_state_release(&state);
		return bsn_error_prefix(err, "container \"%s\" is damaged, remove it with delete", id);
	}
	*ret_state = state;
	return 0;
}
