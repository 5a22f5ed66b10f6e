/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "runtime/runtime.h"

enum { BUNDLE = 1, ROOTLESS };

static const struct cmd_option options[] = {
	{ BUNDLE, "bundle", 'b', "DIR", "where to put config.json (default: the working directory)" },
	{ ROOTLESS, "rootless", 0, NULL, "for a container that an ordinary user runs" },
	CMD_OPTIONS_END,
};

/* Never over a file that somebody may have edited. */
static int write_config(const char *bundle, const char *json, struct basin_error *err)
{
	int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int saved = errno;
	if (dir >= 0)
		close(dir);
	if (fd < 0 && saved == EEXIST)
		snprintf(err->text, sizeof(err->text), "\"%s/config.json\" exists, remove it first", bundle);
	else if (fd < 0)
		snprintf(err->text, sizeof(err->text), "cannot write \"%s/config.json\": %s", bundle, strerror(saved));
	if (fd < 0)
		return -1;
	bool written = dprintf(fd, "%s\n", json) > 0;
	if (close(fd) == 0 && written)
		return 0;
	snprintf(err->text, sizeof(err->text), "cannot write \"%s/config.json\": %s", bundle, strerror(errno));
	return -1;
}

static int run_spec(struct cmd_run *run)
{
	struct basin_error err = { .code = BASIN_FAILED };
	const char *bundle = ".";
	bool rootless = false;
	char *json = NULL;
	const char *value;
	int option;
	while ((option = cmd_next(run, &value)) > 0) {
		if (option == BUNDLE)
			bundle = value;
		else
			rootless = true;
	}
	if (option < 0 || cmd_want_arguments(run, 0, 0) < 0)
		return BASIN_FAILED;
	int r = rootless ? bsn_runtime_spec_rootless(&json, &err) : bsn_runtime_spec(&json, &err);
	if (r >= 0)
		r = write_config(bundle, json, &err);
	free(json);
	return r < 0 ? cmd_report(run, &err) : 0;
}

const struct cmd_command cmd_spec = { .options = options, .run = run_spec };
