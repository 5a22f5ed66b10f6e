/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include <string.h>

#include "base/str.h"

#define ID_MAX         255 /* it is the name of a directory and of a cgroup */
#define LABEL_MAX      40
#define POOL_DEPTH_MAX 8

static bool is_alnum_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int bsn_name_check_id(const char *id, struct basin_error *err)
{
	/* The words before the colon are runc's, those behind it crun's. */
	static const char words[] = "invalid container ID format";
	size_t length = strlen(id);
	size_t good = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-");
	if (good != length)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"%s: invalid character `%c` in the ID \"%.100s\", use letters, digits and _+-.", words,
				(unsigned char)id[good] >= ' ' && (unsigned char)id[good] < 0x7f ? id[good] : '?', id);
	/* "." and "..", and what would be a hidden directory among the containers. */
	if (length == 0 || id[0] == '.')
		return bsn_fail(err, BASIN_USAGE, EINVAL, "%s: \"%s\" is %s", words, id,
				length == 0 ? "no name" : "not to begin with a dot");
	if (length > ID_MAX)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "%s: it has %zu characters, %d are possible", words, length, ID_MAX);
	return 0;
}

static bool is_label(const char *text, size_t length)
{
	if (length == 0 || length > LABEL_MAX || !is_alnum_lower(text[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!is_alnum_lower(text[i]) && text[i] != '-')
			return false;
	return text[length - 1] != '-';
}

int bsn_name_check(const char *what, const char *name, struct basin_error *err)
{
	if (!is_label(name, strlen(name)))
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"invalid %s name \"%.100s\": use up to %d lower-case letters, digits and inner hyphens", what,
				name, LABEL_MAX);
	return 0;
}

int bsn_name_check_pool(const char *pool, struct basin_error *err)
{
	const char *at = pool;
	int depth = 0;

	while (*at == '/' && depth < POOL_DEPTH_MAX) {
		size_t length = strcspn(at + 1, "/");
		if (!is_label(at + 1, length))
			break;
		at += 1 + length;
		depth++;
	}
	if (depth == 0 || *at != '\0')
		return bsn_fail(
			err, BASIN_USAGE, EINVAL,
			"invalid pool name \"%.100s\": write it as a path of lower-case names, like /team/dev, at most %d deep",
			pool, POOL_DEPTH_MAX);
	return 0;
}
