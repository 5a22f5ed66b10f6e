/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/env/user.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/size.h"
#include "base/str.h"

#define FILE_MAX (1024 * 1024) /* of a passwd or group file that comes with an image */
#define FIELDS   7

static int read_in_root(int root_fd, const char *path, char **ret_text)
{
	auto_fd int fd = bsn_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	return bsn_read_fd(fd, FILE_MAX, ret_text, NULL);
}

/* Splits the next line of *rest at colons; returns the number of fields, -1 at the end. */
static int next_entry(char **rest, char *fields[FIELDS])
{
	char *line = strsep(rest, "\n");
	if (line == NULL)
		return -1;
	int count = 0;
	while (line != NULL && count < FIELDS)
		fields[count++] = strsep(&line, ":");
	return count;
}

static int parse_id(const char *text, uint32_t *ret)
{
	int64_t value;
	if (bsn_parse_count(text, &value) < 0 || value > UINT32_MAX - 1)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

/* The entry whose name is text, or whose number is, when text is one. */
static int find_user(char *passwd, const char *text, struct bsn_user *user, char **ret_name)
{
	char *fields[FIELDS];
	int count;
	uint32_t wanted = 0;
	bool numeric = parse_id(text, &wanted) == 0;
	while ((count = next_entry(&passwd, fields)) >= 0) {
		uint32_t uid, gid;
		if (count < 6 || parse_id(fields[2], &uid) < 0 || parse_id(fields[3], &gid) < 0)
			continue;
		if (!bsn_streq(fields[0], text) && !(numeric && uid == wanted))
			continue;
		user->uid = uid;
		user->gid = gid;
		if (fields[5][0] == '/')
			(void)bsn_format(user->home, sizeof(user->home), "%s", fields[5]);
		*ret_name = fields[0];
		return 0;
	}
	return -ENOENT;
}

static int find_group(char *text, const char *name, gid_t *ret_gid)
{
	char *fields[FIELDS];
	int count;
	while ((count = next_entry(&text, fields)) >= 0)
		if (count >= 3 && bsn_streq(fields[0], name))
			return parse_id(fields[2], ret_gid);
	return -ENOENT;
}

static bool is_member(char *members, const char *name)
{
	for (char *one = strsep(&members, ","); one != NULL; one = strsep(&members, ","))
		if (bsn_streq(one, name))
			return true;
	return false;
}

static void add_groups(char *text, const char *name, struct bsn_user *user)
{
	char *fields[FIELDS];
	int count;
	gid_t gid;
	while ((count = next_entry(&text, fields)) >= 0 && user->group_count < BSN_USER_GROUPS)
		if (count >= 4 && is_member(fields[3], name) && parse_id(fields[2], &gid) == 0 && gid != user->gid)
			user->groups[user->group_count++] = gid;
}

static int resolve_group(int root_fd, const char *name, struct bsn_user *user, struct basin_error *err)
{
	auto_free char *text = NULL;
	if (parse_id(name, &user->gid) == 0)
		return 0;
	if (read_in_root(root_fd, "etc/group", &text) < 0 || find_group(text, name, &user->gid) < 0)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "the image has no group \"%s\"", name);
	return 0;
}

int bsn_user_resolve(int root_fd, const char *text, struct bsn_user *ret_user, struct basin_error *err)
{
	struct bsn_user user = { .home = "/" };
	auto_free char *passwd = NULL;
	auto_free char *group = NULL;
	auto_free char *copy = strdup(text[0] == '\0' ? "0" : text);
	char *found = NULL;
	if (copy == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot find user \"%s\"", text);
	char *wanted_group = strchr(copy, ':');
	if (wanted_group != NULL)
		*wanted_group++ = '\0';
	(void)read_in_root(root_fd, "etc/passwd", &passwd);
	if ((passwd == NULL || find_user(passwd, copy, &user, &found) < 0) && parse_id(copy, &user.uid) < 0)
		return bsn_fail(err, BASIN_NOT_FOUND, ENOENT, "the image has no user \"%s\"", copy);
	if (wanted_group != NULL) {
		int r = resolve_group(root_fd, wanted_group, &user, err);
		if (r < 0)
			return r;
	} else if (found != NULL && read_in_root(root_fd, "etc/group", &group) >= 0) {
		add_groups(group, found, &user);
	}
	*ret_user = user;
	return 0;
}
