/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basin_env_...: what an embedding program calls. What only reads, waits or signals is done here, in the caller. What starts processes is
 * done by `basin-manage`, run with the arguments that a person would type: the caller's threads, signals and umask stay its own.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/env/follow.h"
#include "runtime/env/make.h"
#include "runtime/env/monitor.h"
#include "runtime/env/show.h"
#include "runtime/monitor/report.h"

#define STOP_PATIENCE_MS 10000
#define ARGUMENTS_MAX    256
#define ANSWER_MAX       (1024 * 1024)

/* --- running basin-manage --- */

struct command {
	const char *argv[ARGUMENTS_MAX];
	char *owned[ARGUMENTS_MAX];
	size_t count;
	size_t owned_count;
	bool full;
};

static void add(struct command *command, const char *word)
{
	if (command->count + 1 < ARGUMENTS_MAX)
		command->argv[command->count++] = word;
	else
		command->full = true;
}

static void add_option(struct command *command, const char *option, const char *value)
{
	if (value == NULL)
		return;
	add(command, option);
	add(command, value);
}

static void add_each(struct command *command, const char *option, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++) {
		if (option != NULL)
			add(command, option);
		add(command, *list);
	}
}

static void add_number(struct command *command, const char *option, int64_t value, const char *unit)
{
	auto_str struct bsn_str text = { 0 };
	if (value == BASIN_UNSET)
		return;
	bsn_str_addf(&text, "%lld%s", (long long)value, unit);
	char *copy = bsn_str_give(&text);
	if (copy == NULL || command->owned_count >= ARGUMENTS_MAX) {
		free(copy);
		command->full = true;
		return;
	}
	command->owned[command->owned_count++] = copy;
	add(command, option);
	add(command, copy);
}

static void release(struct command *command)
{
	for (size_t i = 0; i < command->owned_count; i++)
		free(command->owned[i]);
}

static int begin(struct command *command, struct basin *basin, const char *verb, char **ret_path, struct basin_error *err)
{
	int r = bsn_helper_path("basin-manage", ret_path, err);
	if (r < 0)
		return r;
	add(command, *ret_path);
	add_option(command, "--root", basin->root);
	add_option(command, "--data-root", basin->data_root);
	add_option(command, "--cgroup-root", basin->cgroup_root);
	add(command, "env");
	add(command, verb);
	return 0;
}

static int errno_of(int code)
{
	switch (code) {
	case BASIN_USAGE:
		return EINVAL;
	case BASIN_NOT_FOUND:
		return ENOENT;
	case BASIN_EXISTS:
		return EEXIST;
	case BASIN_DENIED:
		return EPERM;
	case BASIN_REFUSED:
		return ENOSPC;
	case BASIN_CONFLICT:
	case BASIN_BUSY:
		return EBUSY;
	case BASIN_UNSUPPORTED:
		return EOPNOTSUPP;
	case BASIN_TIMEOUT:
		return ETIMEDOUT;
	default:
		return EIO;
	}
}

/* The last line that the program said on its standard error, without its name. */
static int pass_on(int status, char *said, struct basin_error *err)
{
	size_t length = strlen(said);
	while (length > 0 && said[length - 1] == '\n')
		said[--length] = '\0';
	const char *line = strrchr(said, '\n');
	line = line == NULL ? said : line + 1;
	const char *text = strstr(line, ": ");
	text = text != NULL && bsn_starts_with(line, "basin") ? text + 2 : line;
	return bsn_fail(err, status, errno_of(status), "%s", text);
}

static int run_captured(struct command *command, char **ret_output, struct basin_error *err)
{
	int status = 0;
	auto_free char *said = NULL;
	auto_fd int out = bsn_sys_memfd("answer", 0);
	auto_fd int error = bsn_sys_memfd("messages", 0);
	add(command, NULL);
	if (command->full || out < 0 || error < 0)
		return bsn_fail_sys(err, command->full ? E2BIG : EMFILE, "cannot run \"%s\"", command->argv[0]);
	const int fds[] = { -1, out, error };
	const struct bsn_spawn spawn = { .path = command->argv[0], .argv = command->argv, .fds = fds, .fd_count = 3 };
	int r = bsn_spawn_wait(&spawn, &status, err);
	if (r < 0)
		return r;
	lseek(out, 0, SEEK_SET);
	lseek(error, 0, SEEK_SET);
	if (status != 0) {
		r = bsn_read_fd(error, ANSWER_MAX, &said, NULL);
		return r < 0 ? bsn_fail_sys(err, -r, "cannot read what \"%s\" said", command->argv[0])
			     : pass_on(status, said, err);
	}
	r = ret_output != NULL ? bsn_read_fd(out, ANSWER_MAX, ret_output, NULL) : 0;
	return r < 0 ? bsn_fail_sys(err, -r, "cannot read what \"%s\" answered", command->argv[0]) : 0;
}

/* --- calls --- */

static int check_size(const char *what, size_t size, size_t wanted, struct basin_error *err)
{
	return size >= wanted
		       ? 0
		       : bsn_fail(err, BASIN_USAGE, EINVAL, "%s.size is %zu: set it to sizeof(struct %s)", what, size, what);
}

static void add_launch(struct command *command, const struct basin_env_options *options)
{
	static const char *const names[BASIN_RESOURCES] = { "--cpu", "--memory", "--storage", "--pids" };
	static const char *const keys[BASIN_RESOURCES] = { "cpu=", "memory=", "storage=", "pids=" };
	static const char *const units[BASIN_RESOURCES] = { "m", "", "", "" };
	auto_str struct bsn_str request = { 0 };
	for (int i = 0; i < BASIN_RESOURCES; i++) {
		add_number(command, names[i], options->limit.of[i], units[i]);
		if (options->request.of[i] != BASIN_UNSET)
			bsn_str_addf(&request, "%s%s%lld%s", request.length > 0 ? "," : "", keys[i],
				     (long long)options->request.of[i], units[i]);
	}
	if (request.length > 0 && command->owned_count < ARGUMENTS_MAX) {
		command->owned[command->owned_count] = bsn_str_give(&request);
		add_option(command, "--request", command->owned[command->owned_count++]);
	}
	add_number(command, "--cpu-weight", options->cpu_weight, "");
	add_option(command, "--pool", options->pool);
	add_each(command, "--net", options->networks);
	add_each(command, "--env", options->env);
	add_each(command, "--label", options->labels);
	add_option(command, "--user", options->user);
	add_option(command, "--workdir", options->workdir);
	add_option(command, "--hostname", options->hostname);
	add_option(command, "--restart", options->restart);
	add_option(command, "--stop-signal", options->stop_signal);
	add_option(command, "--userns", options->userns);
	add_option(command, "--enforce", options->enforce);
	if (options->init != 0)
		add(command, "--init");
	if (options->autostart != 0)
		add(command, "--autostart");
	if (options->dry_run != 0)
		add(command, "--dry-run");
}

int basin_env_launch(struct basin *basin, const struct basin_env_options *options, char **ret_json, struct basin_error *err)
{
	auto_free char *path = NULL;
	__attribute__((cleanup(release))) struct command command = { 0 };
	int r = check_size("basin_env_options", options->size, sizeof(*options), err);
	if (r >= 0 && (options->image == NULL || options->name == NULL))
		r = bsn_fail(err, BASIN_USAGE, EINVAL, "an environment needs an image and a name");
	if (r >= 0)
		r = begin(&command, basin, "launch", &path, err);
	if (r < 0)
		return r;
	add_option(&command, "--format", "json");
	add_launch(&command, options);
	add(&command, options->image);
	add(&command, options->name);
	if (options->args != NULL && options->args[0] != NULL)
		add(&command, "--");
	add_each(&command, NULL, options->args);
	return run_captured(&command, ret_json, err);
}

int basin_env_start(struct basin *basin, const char *name, struct basin_error *err)
{
	auto_free char *path = NULL;
	__attribute__((cleanup(release))) struct command command = { 0 };
	int r = begin(&command, basin, "start", &path, err);
	if (r < 0)
		return r;
	add(&command, name);
	return run_captured(&command, NULL, err);
}

int basin_env_exec(struct basin *basin, const char *name, const struct basin_exec_options *options, int *ret_status,
		   struct basin_error *err)
{
	auto_free char *path = NULL;
	__attribute__((cleanup(release))) struct command command = { 0 };
	static const int fds[] = { 0, 1, 2 };
	int r = check_size("basin_exec_options", options->size, sizeof(*options), err);
	if (r >= 0)
		r = begin(&command, basin, "exec", &path, err);
	if (r < 0)
		return r;
	add_each(&command, "--env", options->env);
	add_option(&command, "--user", options->user);
	add_option(&command, "--workdir", options->workdir);
	if (options->tty != 0)
		add(&command, "--tty");
	add(&command, name);
	add(&command, "--");
	add_each(&command, NULL, options->args);
	add(&command, NULL);
	if (command.full)
		return bsn_fail_sys(err, E2BIG, "cannot run a program in environment \"%s\"", name);
	const struct bsn_spawn spawn = { .path = path, .argv = command.argv, .fds = fds, .fd_count = 3 };
	return bsn_spawn_wait(&spawn, ret_status, err);
}

int basin_env_stop(struct basin *basin, const char *name, int64_t timeout_ms, struct basin_error *err)
{
	auto_fd int lock = -1;
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_load_ready(basin, name, &env, err);
	if (r >= 0)
		r = bsn_env_lock(basin, name, 5000, &lock, err);
	if (r >= 0)
		r = bsn_monitor_set_intent(basin, name, false, err);
	return r < 0 ? r : bsn_monitor_stop(basin, name, timeout_ms == BASIN_UNSET ? STOP_PATIENCE_MS : timeout_ms, err);
}

int basin_env_remove(struct basin *basin, const char *name, int force, struct basin_error *err)
{
	auto_fd int lock = -1;
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_lock(basin, name, 5000, &lock, err);
	if (r >= 0)
		r = bsn_env_load(basin, name, &env, err);
	if (r >= 0 && !force && bsn_streq(env->state, BSN_ENV_READY) && bsn_monitor_alive(basin, name) > 0)
		r = bsn_fail(err, BASIN_BUSY, EBUSY, "environment \"%s\" is running: stop it first, or use --force", name);
	if (r >= 0)
		r = bsn_env_unmake(basin, name, err);
	if (lock >= 0)
		bsn_env_forget_lock(basin, name);
	return r;
}

static int append(const struct bsn_env *env, void *data)
{
	void **pair = data;
	json_t *json;
	int r = bsn_env_show_json(pair[0], env, false, &json, pair[2]);
	return r < 0 ? r : json_array_append_new(pair[1], json);
}

int basin_env_list(struct basin *basin, char **ret_json, struct basin_error *err)
{
	auto_json json_t *list = json_array();
	void *pair[] = { basin, list, err };
	int r = bsn_env_each(basin, append, pair, err);
	return r < 0 ? r : bsn_json_format(list, true, ret_json, err);
}

int basin_env_show(struct basin *basin, const char *name, char **ret_json, struct basin_error *err)
{
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_load(basin, name, &env, err);
	return r < 0 ? r : bsn_env_describe(basin, env, true, ret_json, err);
}

int basin_env_wait(struct basin *basin, const char *name, int64_t timeout_ms, int *ret_status, struct basin_error *err)
{
	auto_fd int dir = -1;
	auto_env struct bsn_env *env = NULL;
	auto_json json_t *json = NULL;
	int64_t status = -1;
	int r = bsn_env_load(basin, name, &env, err);
	if (r >= 0)
		r = bsn_env_dir(basin, name, &dir, err);
	if (r < 0)
		return r;
	r = bsn_monitor_wait(basin, name, timeout_ms == BASIN_UNSET ? -1 : timeout_ms);
	if (r == -EAGAIN)
		return bsn_fail(err, BASIN_TIMEOUT, ETIMEDOUT, "environment \"%s\" is still running", name);
	if (r >= 0 && bsn_json_read(dir, BSN_MONITOR_EXIT, &json, NULL) >= 0)
		(void)bsn_json_get_int(json, "", "status", 0, 255, &status, NULL);
	if (status < 0)
		return bsn_fail(err, BASIN_CONFLICT, ENODATA, "environment \"%s\" has not ended yet, not once", name);
	*ret_status = (int)status;
	return 0;
}

int basin_env_logs(struct basin *basin, const char *name, int64_t tail, int follow, int fd, struct basin_error *err)
{
	return bsn_env_follow(basin, name, tail, follow != 0, -1, fd, err);
}

int basin_env_attach(struct basin *basin, const char *name, int in_fd, int out_fd, struct basin_error *err)
{
	return bsn_env_follow(basin, name, 0, true, in_fd, out_fd, err);
}
