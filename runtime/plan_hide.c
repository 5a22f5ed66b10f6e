/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without pivot_root the host's mounts stay below the container's root. The kernel allows somebody in a user namespace a new procfs or sysfs
 * if a full one can be seen in the mount namespace, so every one that is full must go: not only those at /proc and /sys.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "runtime/plan.h"

#define MOUNTINFO_MAX (16 << 20)

/* "\040" and so on become what they stand for. */
static void unescape(char *text)
{
	char *to = text;
	for (; *text != '\0'; to++) {
		if (text[0] == '\\' && text[1] != '\0' && text[2] != '\0' && text[3] != '\0') {
			*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 4;
		} else {
			*to = *text++;
		}
	}
	*to = '\0';
}

/* A line of mountinfo: its mount point, when it is a whole procfs or sysfs; else NULL. */
static char *full_mount(char *line)
{
	char *root = NULL;
	char *point = NULL;
	char *kind = strstr(line, " - ");
	if (kind == NULL || (!bsn_starts_with(kind + 3, "proc ") && !bsn_starts_with(kind + 3, "sysfs ")))
		return NULL;
	for (int i = 0; i < 5; i++) {
		char *word = strsep(&line, " ");
		root = i == 3 ? word : root;
		point = i == 4 ? word : point;
	}
	if (root == NULL || point == NULL || !bsn_streq(root, "/"))
		return NULL;
	unescape(point);
	return point;
}

int bsn_plan_hide(struct bsn_plan *plan, struct basin_error *err)
{
	auto_free char *text = NULL;
	int r = bsn_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read /proc/self/mountinfo");
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		const char *point = full_mount(line);
		size_t length = plan->root_path != NULL ? strlen(plan->root_path) : 0;
		bool inside = length > 0 && point != NULL && strncmp(point, plan->root_path, length) == 0 &&
			      (point[length] == '/' || point[length] == '\0');
		if (point != NULL && !inside)
			bsn_list_add_text(&plan->list, BSN_OP_HIDE, point);
	}
	return 0;
}
