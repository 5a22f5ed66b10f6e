/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/manage.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"

#define ANSWER_MAX (1024 * 1024)

void bsn_manage_add(struct bsn_manage *command, const char *word)
{
	if (command->count + 1 < BSN_MANAGE_ARGUMENTS)
		command->argv[command->count++] = word;
	else
		command->full = true;
}

void bsn_manage_add_option(struct bsn_manage *command, const char *option, const char *value)
{
	if (value == NULL)
		return;
	bsn_manage_add(command, option);
	bsn_manage_add(command, value);
}

void bsn_manage_add_each(struct bsn_manage *command, const char *option, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++) {
		if (option != NULL)
			bsn_manage_add(command, option);
		bsn_manage_add(command, *list);
	}
}

const char *bsn_manage_own(struct bsn_manage *command, char *text)
{
	if (text == NULL || command->owned_count >= BSN_MANAGE_ARGUMENTS) {
		free(text);
		command->full = true;
		return NULL;
	}
	command->owned[command->owned_count++] = text;
	return text;
}

void bsn_manage_add_number(struct bsn_manage *command, const char *option, int64_t value, const char *unit)
{
	auto_str struct bsn_str text = { 0 };
	if (value == BASIN_UNSET)
		return;
	bsn_str_addf(&text, "%lld%s", (long long)value, unit);
	bsn_manage_add_option(command, option, bsn_manage_own(command, bsn_str_give(&text)));
}

void bsn_manage_release(struct bsn_manage *command)
{
	for (size_t i = 0; i < command->owned_count; i++)
		free(command->owned[i]);
}

int bsn_manage_begin(struct bsn_manage *command, const struct basin *basin, const char *noun, const char *verb,
		     struct basin_error *err)
{
	char *path = NULL;
	int r = bsn_helper_path("basin-manage", &path, err);
	if (r < 0)
		return r;
	*command = (struct bsn_manage){ 0 };
	bsn_manage_add(command, bsn_manage_own(command, path));
	bsn_manage_add_option(command, "--root", basin->root);
	bsn_manage_add_option(command, "--data-root", basin->data_root);
	bsn_manage_add_option(command, "--cgroup-root", basin->cgroup_root);
	bsn_manage_add(command, noun);
	bsn_manage_add(command, verb);
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

static int run_with(struct bsn_manage *command, const int *fds, int *ret_status, struct basin_error *err)
{
	bsn_manage_add(command, NULL);
	if (command->full)
		return bsn_fail_sys(err, E2BIG, "cannot run \"%s\"", command->argv[0]);
	const struct bsn_spawn spawn = { .path = command->argv[0], .argv = command->argv, .fds = fds, .fd_count = 3 };
	return bsn_spawn_wait(&spawn, ret_status, err);
}

int bsn_manage_pipe(struct bsn_manage *command, int in_fd, int out_fd, struct basin_error *err)
{
	int status = 0;
	auto_free char *said = NULL;
	auto_fd int messages = bsn_sys_memfd("messages", 0);
	if (messages < 0)
		return bsn_fail_sys(err, -messages, "cannot run \"%s\"", command->argv[0]);
	int r = run_with(command, (const int[]){ in_fd, out_fd, messages }, &status, err);
	if (r < 0 || status == 0)
		return r;
	lseek(messages, 0, SEEK_SET);
	r = bsn_read_fd(messages, ANSWER_MAX, &said, NULL);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot read what \"%s\" said", command->argv[0]) : pass_on(status, said, err);
}

int bsn_manage_capture(struct bsn_manage *command, char **ret_output, struct basin_error *err)
{
	return bsn_manage_capture_from(command, -1, ret_output, err);
}

int bsn_manage_capture_from(struct bsn_manage *command, int in_fd, char **ret_output, struct basin_error *err)
{
	auto_fd int out = bsn_sys_memfd("answer", 0);
	if (out < 0)
		return bsn_fail_sys(err, -out, "cannot run \"%s\"", command->argv[0]);
	int r = bsn_manage_pipe(command, in_fd, out, err);
	if (r < 0 || ret_output == NULL)
		return r;
	lseek(out, 0, SEEK_SET);
	r = bsn_read_fd(out, ANSWER_MAX, ret_output, NULL);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot read what \"%s\" answered", command->argv[0]) : 0;
}

int bsn_manage_run(struct bsn_manage *command, int *ret_status, struct basin_error *err)
{
	return run_with(command, (const int[]){ 0, 1, 2 }, ret_status, err);
}
