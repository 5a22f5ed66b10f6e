/* SPDX-License-Identifier: Apache-2.0 */
/* state, list and ps: nothing here changes anything. */
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "runtime/container.h"

/* The name of the user with that number in the host's passwd(5), "#1000" for one who is not there: as runc writes it. */
static void name_owner(uid_t uid, char *name, size_t room)
{
	auto_free char *passwd = NULL;
	snprintf(name, room, uid == 0 ? "root" : "#%u", (unsigned int)uid);
	if (uid == 0 || bsn_read_file(AT_FDCWD, "/etc/passwd", 1 << 20, &passwd, NULL) < 0)
		return;
	char *rest = NULL;
	for (char *line = strtok_r(passwd, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		unsigned int number;
		size_t length = strcspn(line, ":");
		if (sscanf(line + length, ":%*[^:]:%u:", &number) == 1 && number == uid) {
			snprintf(name, room, "%.*s", (int)length, line);
			return;
		}
	}
}

static int describe(struct bsn_container *container, json_t **ret_json, struct basin_error *err)
{
	char owner[64];
	struct stat st;
	auto_state struct bsn_state state = { .json = NULL };
	int r = bsn_state_read(container->dir, container->id, &state, err);
	if (r < 0)
		return r;
	if (fstat(container->dir, &st) == 0) {
		name_owner(st.st_uid, owner, sizeof(owner));
		state.owner = owner;
	}
	return bsn_state_object(&state, bsn_container_status(container, &state), ret_json, err);
}

int bsn_container_state(const struct bsn_runtime *runtime, const char *id, char **ret_json, struct basin_error *err)
{
	auto_container struct bsn_container container = BSN_CONTAINER_INIT;
	auto_json json_t *json = NULL;
	int r = bsn_container_look(runtime, id, &container, err);
	if (r >= 0)
		r = describe(&container, &json, err);
	return r < 0 ? r : bsn_json_format(json, true, ret_json, err);
}

void bsn_container_ids_free(char **ids)
{
	for (char **id = ids; id != NULL && *id != NULL; id++)
		free(*id);
	free(ids);
}
BSN_OWNER(char **, bsn_container_ids_free);

struct names {
	const regex_t *pattern; /* NULL: all */
	char **of;
	size_t count;
};

static int take_name(int dirfd, const char *name, void *data)
{
	struct names *names = data;
	(void)dirfd;
	if (name[0] == '.' || (names->pattern != NULL && regexec(names->pattern, name, 0, NULL, 0) != 0))
		return 0;
	char **of = reallocarray(names->of, names->count + 2, sizeof(*of));
	if (of == NULL)
		return -ENOMEM;
	names->of = of;
	of[names->count] = strdup(name);
	of[names->count + 1] = NULL;
	return of[names->count++] == NULL ? -ENOMEM : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in the state root, sorted. */
static int list_names(const struct bsn_runtime *runtime, const regex_t *pattern, char ***ret_ids, struct basin_error *err)
{
	int root = -1;
	struct names names = { .pattern = pattern, .of = calloc(1, sizeof(*names.of)) };
	int r = names.of == NULL ? bsn_fail_sys(err, ENOMEM, "cannot list the containers")
				 : bsn_container_open_root(runtime, false, &root, err);
	auto_fd int owned = root;
	if (r >= 0) {
		r = bsn_each_entry(owned, take_name, &names);
		if (r < 0)
			bsn_fail_sys(err, -r, "cannot list the containers");
	} else if (r == -ENOENT && !runtime->root_given) {
		r = 0; /* nothing was made yet */
	}
	if (r < 0) {
		bsn_container_ids_free(names.of);
		return r;
	}
	qsort(names.of, names.count, sizeof(*names.of), compare_names);
	*ret_ids = names.of;
	return 0;
}

int bsn_container_match(const struct bsn_runtime *runtime, const char *pattern, char ***ret_ids, struct basin_error *err)
{
	regex_t compiled;
	char why[128];
	int r = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB);
	if (r != 0) {
		regerror(r, &compiled, why, sizeof(why));
		return bsn_fail(err, BASIN_USAGE, EINVAL, "\"%s\" is not a regular expression: %s", pattern, why);
	}
	r = list_names(runtime, &compiled, ret_ids, err);
	regfree(&compiled);
	return r;
}

int bsn_container_list(const struct bsn_runtime *runtime, char **ret_json, struct basin_error *err)
{
	char **ids = NULL;
	auto_json json_t *array = json_array();
	int r = array == NULL ? bsn_fail_sys(err, ENOMEM, "cannot list the containers") : list_names(runtime, NULL, &ids, err);
	auto_of(bsn_container_ids_free) char **owned = ids;
	for (size_t i = 0; r >= 0 && owned[i] != NULL; i++) {
		auto_container struct bsn_container container = BSN_CONTAINER_INIT;
		json_t *json = NULL;
		/* One that is being made or removed is not there. */
		if (bsn_container_look(runtime, owned[i], &container, NULL) < 0 || describe(&container, &json, NULL) < 0)
			continue;
		if (json_array_append_new(array, json) < 0)
			r = bsn_fail_sys(err, ENOMEM, "cannot list the containers");
	}
	return r < 0 ? r : bsn_json_format(array, false, ret_json, err);
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
	int r = bsn_container_look(runtime, id, &container, err);
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
