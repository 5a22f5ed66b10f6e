/* SPDX-License-Identifier: Apache-2.0 */
/* basin_backup_...: what an embedding program calls. Making and restoring fork, freeze and mount, so `basin-manage` does them. */
#include <unistd.h>

#include "base/json.h"
#include "image/backup_verify.h"
#include "runtime/env/manage.h"

int basin_backup_create(struct basin *basin, const char *env, const struct basin_backup_options *options, int fd,
			struct basin_error *err)
{
	auto_manage struct bsn_manage command = { 0 };

	if (options->size < sizeof(*options))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "basin_backup_options.size is %zu: set it to its sizeof",
				options->size);
	int r = bsn_manage_begin(&command, basin, "backup", "create", err);
	if (r < 0)
		return r;
	if (options->thin != 0)
		bsn_manage_add(&command, "--thin");
	bsn_manage_add_option(&command, "--output", "-");
	bsn_manage_add(&command, "--");
	bsn_manage_add(&command, env);
	return bsn_manage_pipe(&command, -1, fd, err);
}

int basin_backup_verify(struct basin *basin, int fd, const char *name, char **ret_json, struct basin_error *err)
{
	auto_json json_t *json = NULL;
	struct bsn_fd_stream stream;

	(void)basin;
	bsn_fd_stream_init(&stream, fd, name);
	int r = bsn_backup_verify(&stream.stream, name, &json, err);
	return r < 0 ? r : bsn_json_format(json, true, ret_json, err);
}

int basin_backup_restore(struct basin *basin, int fd, const struct basin_restore_options *options, char **ret_json,
			 struct basin_error *err)
{
	auto_manage struct bsn_manage command = { 0 };

	if (options->size < sizeof(*options))
		return bsn_fail(err, BASIN_USAGE, EINVAL, "basin_restore_options.size is %zu: set it to its sizeof",
				options->size);
	int r = bsn_manage_begin(&command, basin, "backup", "restore", err);
	if (r < 0)
		return r;
	bsn_manage_add_option(&command, "--format", "json");
	bsn_manage_add_option(&command, "--name", options->name);
	bsn_manage_add_option(&command, "--pool", options->pool);
	bsn_manage_add_each(&command, "--net", options->networks);
	if (options->networks != NULL && options->networks[0] == NULL)
		bsn_manage_add(&command, "--no-net");
	bsn_manage_add_option(&command, "--userns", options->userns);
	bsn_manage_add_option(&command, "--enforce", options->enforce);
	if (options->no_start != 0)
		bsn_manage_add(&command, "--no-start");
	if (options->dry_run != 0)
		bsn_manage_add(&command, "--dry-run");
	bsn_manage_add(&command, "-");
	return bsn_manage_capture_from(&command, fd, ret_json, err);
}
