/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "runtime/runtime.h"

enum { BUNDLE = 1, FILE_OPTION, ROOTLESS };

static const struct cmd_option options[] = {
	{ BUNDLE, "bundle", 'b', "DIR", "where to put config.json (default: the working directory)" },
	{ FILE_OPTION, "file", 'f', "FILE", "write this file instead, over what is there" },
	{ ROOTLESS, "rootless", 0, NULL, "for a container that an ordinary user runs" },
	CMD_OPTIONS_END,
};

static int fail(struct basin_error *err, const char *bundle, const char *name, int saved)
{
	if (saved == EEXIST)
		snprintf(err->text, sizeof(err->text), "\"%s/%s\" exists, remove it first", bundle, name);
	else
		snprintf(err->text, sizeof(err->text), "cannot write \"%s%s%s\": %s", name[0] != '/' ? bundle : "",
			 name[0] != '/' ? "/" : "", name, cmd_words(saved));
	return -1;
}

/* Never over a config.json that somebody may have edited; a file that was named is meant. */
static int write_config(const char *bundle, const char *file, const char *json, struct basin_error *err)
{
	const char *name = file != NULL ? file : "config.json";
	int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | (file != NULL ? O_TRUNC : O_EXCL), 0666);
	int saved = errno;
	if (dir >= 0)
		close(dir);
	if (fd < 0)
		return fail(err, bundle, name, saved);
	bool written = dprintf(fd, "%s\n", json) > 0;
	return close(fd) == 0 && written ? 0 : fail(err, bundle, name, errno);
}

static int run_spec(struct cmd_run *run)
{
	struct basin_error err = { .code = BASIN_FAILED };
	const char *bundle = ".";
	const char *file = NULL;
	bool rootless = false;
	char *json = NULL;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		if (option == BUNDLE)
			bundle = value;
		else if (option == FILE_OPTION)
			file = value;
		else
			rootless = true;
	}
	if (option < 0 || cmd_want_arguments(run, 0, 0) < 0)
		return BASIN_FAILED;
	int r = rootless ? bsn_runtime_spec_rootless(&json, &err) : bsn_runtime_spec(&json, &err);
	if (r >= 0)
		r = write_config(bundle, file, json, &err);
	free(json);
	return r < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_spec = { .options = options, .run = run_spec };
