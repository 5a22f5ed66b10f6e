/* SPDX-License-Identifier: Apache-2.0 */
/* state, list and ps: nothing here changes anything. */
#include "base/io.h"
#include "runtime/container.h"

static int describe(struct bsn_container *container, json_t **ret_json, struct basin_error *err)
{
	auto_state struct bsn_state state = { .json = NULL };
	int r = bsn_state_read(container->dir, container->id, &state, err);
	if (r < 0)
		return r;
	return bsn_state_object(&state, bsn_container_status(container, &state), ret_json, err);
}

int bsn_container_state(const struct bsn_runtime *runtime, const char *id, char **ret_json, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_json json_t *json = NULL;
	int r = bsn_container_open(runtime, id, false, &container, err);
	if (r >= 0)
		r = describe(&container, &json, err);
	return r < 0 ? r : bsn_json_format(json, true, ret_json, err);
}

struct listing {
	const struct bsn_runtime *runtime;
	json_t *array;
};

static int list_entry(int dirfd, const char *name, void *data)
{
	const struct listing *listing = data;
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	json_t *json = NULL;
	(void)dirfd;
	if (name[0] == '.')
		return 0;
	/* One that is being made or removed is not there. */
	if (bsn_container_open(listing->runtime, name, false, &container, NULL) < 0 || describe(&container, &json, NULL) < 0)
		return 0;
	return json_array_append_new(listing->array, json) < 0 ? -ENOMEM : 0;
}

int bsn_container_list(const struct bsn_runtime *runtime, char **ret_json, struct basin_error *err)
{
	int root = -1;
	auto_json json_t *array = json_array();
	struct listing listing = { runtime, array };
	int r = array == NULL ? bsn_fail_sys(err, ENOMEM, "cannot list the containers")
			      : bsn_container_open_root(runtime, false, &root, err);
	auto_fd int owned = root;
	if (r >= 0) {
		r = bsn_each_entry(owned, list_entry, &listing);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot list the containers");
	} else if (r != -ENOENT) {
		return r;
	}
	return bsn_json_format(array, true, ret_json, err);
}

static int append_pids(json_t *array, int cgroup, struct basin_error *err)
{
	pid_t *pids = NULL;
	size_t count = 0;
	int r = bsn_cgroup_pids(cgroup, &pids, &count, err);
	auto_free void *owner = pids;
	(void)owner;
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (json_array_append_new(array, json_integer(pids[i])) < 0)
			r = bsn_fail_sys(err, ENOMEM, "cannot list the processes");
	return r;
}

int bsn_container_pids(const struct bsn_runtime *runtime, const char *id, char **ret_json, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_state struct bsn_state state = { .json = NULL };
	auto_json json_t *array = json_array();
	int fd = -1;
	int r = bsn_container_open(runtime, id, false, &container, err);
	if (r >= 0)
		r = bsn_state_read(container.dir, id, &state, err);
	if (r >= 0)
		r = bsn_container_cgroup(&container, &state, &fd, err);
	auto_fd int cgroup = fd;
	if (r >= 0 && cgroup >= 0)
		r = append_pids(array, cgroup, err);
	else if (r >= 0 && bsn_container_status(&container, &state) != BSN_STOPPED)
		json_array_append_new(array, json_integer(state.init.pid));
	return r < 0 ? r : bsn_json_format(array, false, ret_json, err);
}
