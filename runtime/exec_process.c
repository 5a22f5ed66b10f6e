/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/exec_process.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "base/str.h"
#include "runtime/console.h"

/* What a caller's process leaves open is as the container's own has it, as runc does. */
static void inherit(struct bsn_process_config *process, const struct bsn_process_config *own)
{
	if (!process->capabilities_given) {
		memcpy(process->capabilities, own->capabilities, sizeof(process->capabilities));
		process->capabilities_given = own->capabilities_given;
	}
	if (process->rlimit_count == 0) {
		process->rlimits = own->rlimits;
		process->rlimit_count = own->rlimit_count;
	}
	if (process->apparmor_profile == NULL)
		process->apparmor_profile = own->apparmor_profile;
	if (process->selinux_label == NULL)
		process->selinux_label = own->selinux_label;
	if (!process->scheduler.given)
		process->scheduler = own->scheduler;
	if (process->io_priority < 0)
		process->io_priority = own->io_priority;
	if (process->cpu_initial == NULL && process->cpu_final == NULL) {
		process->cpu_initial = own->cpu_initial;
		process->cpu_final = own->cpu_final;
	}
	if (process->umask < 0)
		process->umask = own->umask;
	if (!process->oom_score_adj_given) {
		process->oom_score_adj_given = own->oom_score_adj_given;
		process->oom_score_adj = own->oom_score_adj;
	}
}

/* The one in process_json, or the container's own for options to change. */
static int load_process(const struct bsn_container *container, const struct bsn_config *config,
			const struct bsn_exec_options *options, struct bsn_config **ret_process, struct basin_error *err)
{
	if (options->process_json == NULL)
		return bsn_container_config(container, ret_process, err);
	int r = bsn_config_parse_process(options->process_json, strlen(options->process_json), ret_process, err);
	if (r >= 0)
		inherit(&(*ret_process)->process, &config->process);
	return r;
}

static size_t count_of(const char *const *strings)
{
	size_t count = 0;
	while (strings != NULL && strings[count] != NULL)
		count++;
	return count;
}

/* An option without a value is none, as with runc. */
static bool given(const char *value)
{
	return value != NULL && value[0] != '\0';
}

static int set_strings(struct bsn_config *config, struct bsn_strings *list, const char *const *first, size_t first_count,
		       const char *const *more)
{
	size_t count = count_of(more);
	const char **of = bsn_arena_array(config->arena, first_count + count + 1, sizeof(*of));
	if (of == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < first_count; i++)
		of[i] = first[i];
	for (size_t i = 0; i < count; i++)
		of[first_count + i] = more[i];
	*list = (struct bsn_strings){ .of = of, .count = first_count + count };
	return 0;
}

/* "uid[:gid]", numbers only: names are the image's, and the runtime does not read them. */
static int set_user(struct bsn_process_config *process, const char *user, struct basin_error *err)
{
	char *end;
	errno = 0;
	unsigned long uid = strtoul(user, &end, 10);
	unsigned long gid = *end == ':' ? strtoul(end + 1, &end, 10) : process->gid;
	if (user[0] < '0' || user[0] > '9' || *end != '\0' || errno != 0 || uid > UINT32_MAX - 1 || gid > UINT32_MAX - 1)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "--user: \"%s\" is not \"uid\" or \"uid:gid\" in numbers", user);
	process->uid = (uid_t)uid;
	process->gid = (gid_t)gid;
	return 0;
}

/* As runc: for the process itself; what it executes gets them too (ambient) only where the container hands on some already. */
static void add_caps(struct bsn_process_config *process, const char *const *caps)
{
	bool inherits = process->capabilities[BSN_CAP_INHERITABLE] != 0;
	for (size_t i = 0; caps != NULL && caps[i] != NULL; i++) {
		int cap = bsn_cap_parse(caps[i]);
		if (cap < 0) {
			bsn_warn("--cap: \"%s\" is not a capability known here; left out", caps[i]);
			continue;
		}
		process->capabilities[BSN_CAP_BOUNDING] |= 1ull << cap;
		process->capabilities[BSN_CAP_EFFECTIVE] |= 1ull << cap;
		process->capabilities[BSN_CAP_PERMITTED] |= 1ull << cap;
		if (inherits)
			process->capabilities[BSN_CAP_AMBIENT] |= 1ull << cap;
	}
}

static int add_groups(struct bsn_config *config, const char *const *groups, struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	size_t count = count_of(groups);
	if (count == 0)
		return 0;
	gid_t *all = bsn_arena_array(config->arena, process->group_count + count, sizeof(*all));
	if (all == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot read the groups");
	for (size_t i = 0; i < process->group_count; i++)
		all[i] = process->groups[i];
	for (size_t i = 0; i < count; i++) {
		int64_t gid;
		if (bsn_parse_count(groups[i], &gid) < 0 || gid > UINT32_MAX - 1)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "--additional-gids: \"%s\" is no group's number", groups[i]);
		all[process->group_count + i] = (gid_t)gid;
	}
	process->groups = all;
	process->group_count += count;
	return 0;
}

static int check_options(const struct bsn_exec_options *options, struct basin_error *err)
{
	for (size_t i = 0; i < count_of(options->env); i++)
		if (options->env[i][0] == '=' || strchr(options->env[i], '=') == NULL)
			return bsn_fail(err, BASIN_USAGE, EINVAL, "--env: \"%s\" is not NAME=value", options->env[i]);
	if (given(options->cwd) && options->cwd[0] != '/')
		return bsn_fail(err, BASIN_USAGE, EINVAL, "--cwd: \"%s\" is not an absolute path", options->cwd);
	return 0;
}

/* The container's own process, changed by what stands on the command line. */
static int take_options(struct bsn_config *config, const struct bsn_exec_options *options, struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	int r = check_options(options, err);
	if (r < 0)
		return r;
	/* The container's terminal and its memory of who asked for it are its own. */
	process->terminal = false;
	r = count_of(options->args) > 0 ? set_strings(config, &process->args, NULL, 0, options->args) : 0;
	if (r >= 0)
		r = set_strings(config, &process->env, process->env.of, process->env.count, options->env);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read the process");
	if (given(options->cwd))
		process->cwd = options->cwd;
	if (options->no_new_privs)
		process->no_new_privileges = true;
	if (given(options->process_label))
		process->selinux_label = options->process_label;
	if (given(options->apparmor))
		process->apparmor_profile = options->apparmor;
	if (given(options->user))
		r = set_user(process, options->user, err);
	if (r >= 0)
		r = add_groups(config, options->additional_gids, err);
	add_caps(process, options->caps);
	return r;
}

static int change_process(struct bsn_config *config, const struct bsn_exec_options *options, struct basin_error *err)
{
	struct bsn_process_config *process = &config->process;
	int r = options->process_json == NULL ? take_options(config, options, err) : 0;
	if (options->tty)
		process->terminal = true;
	if (process->terminal && options->console_socket == NULL)
		bsn_console_size(&process->console_height, &process->console_width);
	if (r >= 0 && process->args.count == 0)
		r = bsn_fail(err, BASIN_USAGE, EINVAL, "exec needs a command");
	if (r >= 0 && process->terminal && options->detach && options->console_socket == NULL)
		r = bsn_fail(err, BASIN_USAGE, EINVAL,
			     "cannot allocate tty if basin will detach without setting console socket: use --console-socket");
	if (r >= 0 && !process->terminal && options->console_socket != NULL)
		r = bsn_fail(err, BASIN_USAGE, EINVAL,
			     "cannot use console socket if basin will not allocate tty: leave --console-socket out");
	return r;
}

int bsn_exec_process_make(const struct bsn_container *container, const struct bsn_config *config,
			  const struct bsn_exec_options *options, struct bsn_config **ret_process, struct basin_error *err)
{
	int r = load_process(container, config, options, ret_process, err);
	return r < 0 ? r : change_process(*ret_process, options, err);
}
