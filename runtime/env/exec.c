/* SPDX-License-Identifier: Apache-2.0 */
/* `env exec`: a program in a running environment, as a user of its own passwd file. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/sys.h"
#include "runtime/env/show.h"
#include "runtime/env/user.h"

static int resolve_user(pid_t pid, const char *user, struct bsn_user *ret_user, struct basin_error *err)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	/* A path into the environment's own file system: everything below is looked up as in a chroot. */
	auto_fd int root = bsn_sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	if (root < 0)
		return bsn_fail_sys(err, -root, "cannot open the root of the environment");
	return bsn_user_resolve(root, user, ret_user, err);
}

/* The kind of terminal and HOME of that user, then what was asked for. */
static const char **exec_variables(const struct basin_exec_options *options, const char *home, const char *term)
{
	size_t count = 0;
	while (options->env != NULL && options->env[count] != NULL)
		count++;
	const char **list = calloc(count + 3, sizeof(*list));
	if (list == NULL)
		return NULL;
	size_t at = 0;
	if (options->tty != 0)
		list[at++] = term;
	if (home != NULL)
		list[at++] = home;
	for (size_t i = 0; i < count; i++)
		list[at++] = options->env[i];
	return list;
}

int bsn_env_exec(struct basin *basin, const char *name, const struct basin_exec_options *options, int *ret_status,
		 struct basin_error *err)
{
	struct bsn_runtime runtime = bsn_basin_runtime(basin);
	auto_env struct bsn_env *env = NULL;
	struct bsn_user user;
	char id[32];
	char term[64];
	char home[BSN_USER_HOME + 8];
	pid_t pid;
	int r = bsn_env_load_ready(basin, name, &env, err);
	if (r < 0)
		return r;
	const char *status = bsn_env_status(basin, env, &pid);
	if (!bsn_streq(status, "running"))
		return bsn_fail(err, BASIN_CONFLICT, ESRCH, "environment \"%s\" is %s: start it with \"basin env start %s\"",
				name, status, name);
	bool other = options->user != NULL && options->user[0] != '\0';
	if (other) {
		r = resolve_user(pid, options->user, &user, err);
		if (r < 0)
			return r;
		snprintf(id, sizeof(id), "%u:%u", (unsigned int)user.uid, (unsigned int)user.gid);
		snprintf(home, sizeof(home), "HOME=%s", user.home);
	}
	const char *terminal = getenv("TERM");
	snprintf(term, sizeof(term), "TERM=%s", terminal != NULL && terminal[0] != '\0' ? terminal : "xterm");
	auto_free const char **variables = exec_variables(options, other ? home : NULL, term);
	if (variables == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot run a program in environment \"%s\"", name);
	const struct bsn_exec_options exec = {
		.id = name,
		.args = options->args,
		.env = variables,
		.cwd = options->workdir,
		.user = other ? id : NULL,
		.tty = options->tty != 0,
	};
	return bsn_container_exec(&runtime, &exec, ret_status, err);
}
