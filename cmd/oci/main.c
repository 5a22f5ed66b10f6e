/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basin: the OCI verbs, and the door to everything else. A noun it does not have itself (pool, env, net, image, ...) belongs to basin-manage,
 * which takes over this process with the same argv: so that this program stays small and quick to start, and carries no SQL, no TLS.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/program.h"

#ifndef BASIN_LIBEXECDIR
#define BASIN_LIBEXECDIR "/usr/local/libexec/basin"
#endif

#define HELPER "basin-manage"

static const struct cmd_entry entries[] = {
#define OCI(verb, summary)          { "", #verb, summary, false, &cmd_##verb },
#define MANAGE(noun, verb, summary) { #noun, #verb, summary, false, NULL },
#define NOUN(noun, summary)         { #noun, "", summary, false, NULL },
#define HIDDEN(noun, verb, summary) { #noun, #verb, summary, true, NULL },
#include "cmd/table.def"
};

/* In a build tree the helper lies beside this program; an installed one is in libexec, wherever the tree was moved to. */
static int manage(char **argv)
{
	static const char *const places[] = { "", "/../libexec/basin" };
	char self[PATH_MAX];
	char path[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			snprintf(path, sizeof(path), "%s%s/" HELPER, self, places[i]);
			execv(path, argv);
		}
	}
	snprintf(path, sizeof(path), "%s/" HELPER, BASIN_LIBEXECDIR);
	execv(path, argv);
	fprintf(stderr, "basin: cannot run %s: %s; is basin installed completely?\n", path, cmd_words(errno));
	return BASIN_UNSUPPORTED;
}

int main(int argc, char **argv)
{
	return cmd_program(argc, argv, entries, sizeof(entries) / sizeof(entries[0]), manage);
}
