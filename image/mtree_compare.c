/* SPDX-License-Identifier: Apache-2.0 */
/* A tree against its manifest: the walk makes the line of each object anew, and where it is not the recorded one the fields tell why. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/str.h"
#include "image/check.h"
#include "image/mtree.h"

enum field { PATH, TYPE, MODE, UID, GID, MTIME, SIZE, NLINK, CONTENT, XATTRS, FIELDS };

struct line {
	const char *path; /* escaped; the rest of the line follows its NUL */
	bool seen;
};

struct comparison {
	struct line *lines; /* sorted by path */
	size_t count;
	bool quick;
	size_t max;
	json_t *damaged;
	uint64_t damaged_count;
	uint64_t entries;
	time_t last;
};

static int compare_lines(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->path, ((const struct line *)b)->path);
}

static int load(struct comparison *work, char *manifest, struct basin_error *err)
{
	size_t count = 0;
	for (const char *at = manifest; (at = strchr(at, '\n')) != NULL; at++)
		count++;
	work->lines = calloc(count + 1, sizeof(*work->lines));
	if (work->lines == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot compare a layer");
	for (char *at = manifest, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		*end = '\0';
		char *space = strchr(at, ' ');
		if (space == NULL)
			return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "files.mtree has a malformed line");
		*space = '\0';
		work->lines[work->count++].path = at;
	}
	if (work->count > 1)
		qsort(work->lines, work->count, sizeof(*work->lines), compare_lines);
	return 0;
}

static int add_damage(struct comparison *work, const char *escaped, const char *problem, struct basin_error *err)
{
	if (work->damaged_count++ >= work->max)
		return 0;
	/* The escaped form: JSON is UTF-8, file names need not be. */
	json_t *item = json_pack("{ss, ss}", "path", escaped, "problem", problem);
	return json_array_append_new(work->damaged, item) < 0 ? bsn_fail_sys(err, ENOMEM, "cannot compare a layer") : 0;
}

/* Cuts the fields after the path in place; false when there are not as many as there must be. */
static bool cut(char *text, const char *fields[FIELDS])
{
	fields[PATH] = "";
	for (int i = TYPE; i < FIELDS; i++)
		if ((fields[i] = strsep(&text, " ")) == NULL)
			return false;
	return text == NULL;
}

/* What differs, in words. Of a file whose content differs, that is what matters, not that its time does too. */
static bool describe(const struct comparison *work, const char *const is[FIELDS], const char *const was[FIELDS], char *text,
		     size_t room)
{
	static const struct {
		enum field field;
		const char *name;
	} order[] = { { TYPE, "type" },
		      { SIZE, "size" },
		      { CONTENT, "content" },
		      { MODE, "mode" },
		      { UID, "uid" },
		      { GID, "gid" },
		      { XATTRS, "extended attributes" },
		      { NLINK, "number of links" },
		      { MTIME, "time" } };
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		enum field field = order[i].field;
		if (bsn_streq(is[field], was[field]) || (field == CONTENT && work->quick && was[TYPE][0] == 'f'))
			continue;
		if (field == XATTRS || (field == CONTENT && was[TYPE][0] == 'f'))
			bsn_format(text, room, "its %s differs from what was imported", order[i].name);
		else if (bsn_format(text, room, "its %s is %s, not %s", order[i].name, is[field], was[field]) < 0)
			bsn_format(text, room, "its %s differs from what was imported", order[i].name);
		return true;
	}
	return false;
}

static int compare_node(void *data, const struct bsn_mtree_node *node, struct basin_error *err)
{
	struct comparison *work = data;
	auto_free char *is_text = strdup(node->line);
	auto_free char *was_text = NULL;
	char problem[300];
	const char *is[FIELDS];
	const char *was[FIELDS];
	struct timespec now;
	if (is_text == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot compare a layer");
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (++work->entries > 1 && now.tv_sec - work->last >= 2) {
		bsn_info("checking: %llu of %zu entries", (unsigned long long)work->entries, work->count);
		work->last = now.tv_sec;
	}
	char *rest = is_text;
	const struct line wanted = { .path = strsep(&rest, " ") };
	struct line *line = bsearch(&wanted, work->lines, work->count, sizeof(*work->lines), compare_lines);
	if (line == NULL)
		return add_damage(work, wanted.path, "it was not in the layer", err);
	line->seen = true;
	was_text = strdup(line->path + strlen(line->path) + 1);
	if (was_text == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot compare a layer");
	if (!cut(rest, is) || !cut(was_text, was))
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "files.mtree has a malformed line");
	return describe(work, is, was, problem, sizeof(problem)) ? add_damage(work, line->path, problem, err) : 0;
}

static int no_content(void *data, const struct stat *st, unsigned char ret_sha256[32])
{
	(void)data;
	(void)st;
	memset(ret_sha256, 0, 32);
	return 1;
}

int bsn_mtree_compare(int root_fd, char *manifest, bool quick, size_t max, json_t *damaged, uint64_t *ret_count,
		      uint64_t *ret_entries, struct basin_error *err)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	struct comparison work = { .quick = quick, .max = max, .damaged = damaged, .last = now.tv_sec };
	const struct bsn_mtree_walk walk = {
		.root_fd = root_fd, .lines = true, .content = quick ? no_content : NULL, .visit = compare_node, .data = &work
	};
	int r = load(&work, manifest, err);
	if (r >= 0)
		r = bsn_mtree_walk(&walk, err);
	for (size_t i = 0; i < work.count && r >= 0; i++)
		if (!work.lines[i].seen)
			r = add_damage(&work, work.lines[i].path, "it is missing", err);
	free(work.lines);
	if (r < 0)
		return r;
	*ret_count = work.damaged_count;
	*ret_entries = work.entries;
	return 0;
}
