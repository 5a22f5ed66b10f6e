/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basin_env_...: what an embedding program calls. What only reads, waits or signals is done here, in the caller. What starts processes is
 * done by `basin-manage`, run with the arguments that a person would type: the caller's threads, signals and umask stay its own.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "runtime/env/follow.h"
#include "runtime/env/make.h"
#include "runtime/env/manage.h"
#include "runtime/env/monitor.h"
#include "runtime/env/show.h"
#include "runtime/monitor/report.h"

#define STOP_PATIENCE_MS 10000

static int check_size(const char *what, size_t size, size_t wanted, struct basin_error *err)
{
	return size >= wanted
		       ? 0
		       : bsn_fail(err, BASIN_USAGE, EINVAL, "%s.size is %zu: set it to sizeof(struct %s)", what, size, what);
}

static void add_launch(struct bsn_manage *command, const struct basin_env_options *options)
{
	static const char *const names[BASIN_RESOURCES] = { "--cpu", "--memory", "--storage", "--pids" };
	static const char *const keys[BASIN_RESOURCES] = { "cpu=", "memory=", "storage=", "pids=" };
	static const char *const units[BASIN_RESOURCES] = { "m", "", "", "" };
	auto_str struct bsn_str request = { 0 };
	for (int i = 0; i < BASIN_RESOURCES; i++) {
		bsn_manage_add_number(command, names[i], options->limit.of[i], units[i]);
		if (options->request.of[i] != BASIN_UNSET)
			bsn_str_addf(&request, "%s%s%lld%s", request.length > 0 ? "," : "", keys[i],
				     (long long)options->request.of[i], units[i]);
	}
	if (request.length > 0)
		bsn_manage_add_option(command, "--request", bsn_manage_own(command, bsn_str_give(&request)));
	bsn_manage_add_number(command, "--cpu-weight", options->cpu_weight, "");
	bsn_manage_add_option(command, "--pool", options->pool);
	bsn_manage_add_each(command, "--net", options->networks);
	bsn_manage_add_each(command, "--env", options->env);
	bsn_manage_add_each(command, "--label", options->labels);
	bsn_manage_add_option(command, "--user", options->user);
	bsn_manage_add_option(command, "--workdir", options->workdir);
	bsn_manage_add_option(command, "--hostname", options->hostname);
	bsn_manage_add_option(command, "--restart", options->restart);
	bsn_manage_add_option(command, "--stop-signal", options->stop_signal);
	bsn_manage_add_option(command, "--userns", options->userns);
	bsn_manage_add_option(command, "--enforce", options->enforce);
	if (options->init != 0)
		bsn_manage_add(command, "--init");
	if (options->autostart != 0)
		bsn_manage_add(command, "--autostart");
	if (options->dry_run != 0)
		bsn_manage_add(command, "--dry-run");
}

int basin_env_launch(struct basin *basin, const struct basin_env_options *options, char **ret_json, struct basin_error *err)
{
	auto_manage struct bsn_manage command = { 0 };
	int r = check_size("basin_env_options", options->size, sizeof(*options), err);
	if (r >= 0 && (options->image == NULL || options->name == NULL))
		r = bsn_fail(err, BASIN_USAGE, EINVAL, "an environment needs an image and a name");
	if (r >= 0)
		r = bsn_manage_begin(&command, basin, "env", "launch", err);
	if (r < 0)
		return r;
	bsn_manage_add_option(&command, "--format", "json");
	add_launch(&command, options);
	bsn_manage_add(&command, options->image);
	bsn_manage_add(&command, options->name);
	if (options->args != NULL && options->args[0] != NULL)
		bsn_manage_add(&command, "--");
	bsn_manage_add_each(&command, NULL, options->args);
	return bsn_manage_capture(&command, ret_json, err);
}

int basin_env_start(struct basin *basin, const char *name, struct basin_error *err)
{
	auto_manage struct bsn_manage command = { 0 };
	int r = bsn_manage_begin(&command, basin, "env", "start", err);
	if (r < 0)
		return r;
	bsn_manage_add(&command, name);
	return bsn_manage_capture(&command, NULL, err);
}

int basin_env_exec(struct basin *basin, const char *name, const struct basin_exec_options *options, int *ret_status,
		   struct basin_error *err)
{
	auto_manage struct bsn_manage command = { 0 };
	int r = check_size("basin_exec_options", options->size, sizeof(*options), err);
	if (r >= 0)
		r = bsn_manage_begin(&command, basin, "env", "exec", err);
	if (r < 0)
		return r;
	bsn_manage_add_each(&command, "--env", options->env);
	bsn_manage_add_option(&command, "--user", options->user);
	bsn_manage_add_option(&command, "--workdir", options->workdir);
	if (options->tty != 0)
		bsn_manage_add(&command, "--tty");
	bsn_manage_add(&command, name);
	bsn_manage_add(&command, "--");
	bsn_manage_add_each(&command, NULL, options->args);
	return bsn_manage_run(&command, ret_status, err);
}

int basin_env_stop(struct basin *basin, const char *name, int64_t timeout_ms, struct basin_error *err)
{
	auto_fd int lock = -1;
	auto_env struct bsn_env *env = NULL;
	int r = bsn_env_lock(basin, name, 5000, &lock, err);
	if (r >= 0)
		r = bsn_env_load_ready(basin, name, &env, err);
	if (r >= 0)
		r = bsn_monitor_set_intent(basin, name, false, err);
	if (r >= 0)
		return bsn_monitor_stop(basin, name, timeout_ms == BASIN_UNSET ? STOP_PATIENCE_MS : timeout_ms, err);
	if (lock >= 0)
		bsn_env_forget_lock(basin, name);
	return r;
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
