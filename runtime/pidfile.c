/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/pidfile.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>

#include "base/io.h"
#include "base/own.h"
#include "base/str.h"
#include "base/sys.h"

int bsn_pidfile_write(const char *path, pid_t pid, struct basin_error *err)
{
	char text[16];
	char directory[PATH_MAX];
	char name[PATH_MAX];
	if (path == NULL)
		return 0;
	if (bsn_format(directory, sizeof(directory), "%s", path) < 0 || bsn_format(name, sizeof(name), "%s", path) < 0)
		return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "the pid file's path is too long");
	snprintf(text, sizeof(text), "%d", (int)pid);
	auto_fd int dir = bsn_sys_openat(AT_FDCWD, dirname(directory), O_RDONLY | O_DIRECTORY, 0);
	int r = dir < 0 ? dir : bsn_replace_file(dir, basename(name), text, strlen(text), 0644, false);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write the pid file \"%s\"", path) : 0;
}
