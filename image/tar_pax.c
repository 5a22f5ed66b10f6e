/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PAX records are "LENGTH KEY=VALUE\n", where LENGTH counts itself. VALUE is bytes: only the length ends it. Each key that
 * matters has its taker in one table; the others are skipped.
 */
#include "image/tar_pax.h"

#include <limits.h>
#include <string.h>

#include "base/own.h"
#include "base/str.h"
#include "image/acl.h"

#define XATTR_PREFIX "SCHILY.xattr."

static void free_xattr(struct bsn_tar_xattr *xattr)
{
	free((void *)(uintptr_t)xattr->name);
	free((void *)(uintptr_t)xattr->value);
}

void bsn_pax_release(struct bsn_pax *pax)
{
	for (size_t i = 0; i < pax->xattr_count; i++)
		free_xattr(&pax->xattrs[i]);
	free(pax->xattrs);
	free(pax->stretches);
	free(pax->sparse_name);
	free(pax->path);
	free(pax->link);
	*pax = (struct bsn_pax){ 0 };
}

int bsn_pax_parse_number(const char *text, size_t length, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (length == 0)
		return -EBADMSG;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EBADMSG;
		uint64_t digit = (uint64_t)(text[i] - '0');
		if (digit > max || value > (max - digit) / 10)
			return -EBADMSG;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return 0;
}

int bsn_pax_add_stretch(struct bsn_pax *pax, uint64_t offset, uint64_t length, const struct bsn_tar_limits *limits)
{
	const struct bsn_tar_stretch *last = pax->stretch_count > 0 ? &pax->stretches[pax->stretch_count - 1] : NULL;
	if (length > INT64_MAX || offset > INT64_MAX - length || (last != NULL && offset < last->offset + last->length))
		return -EBADMSG;
	if ((pax->stretch_count + 1) * sizeof(*last) > limits->extension_bytes)
		return -EBADMSG;
	/* The room doubles: it is full at every power of two. */
	if ((pax->stretch_count & (pax->stretch_count - 1)) == 0) {
		size_t room = pax->stretch_count == 0 ? 1 : pax->stretch_count * 2;
		struct bsn_tar_stretch *more = realloc(pax->stretches, room * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		pax->stretches = more;
	}
	pax->stretches[pax->stretch_count++] = (struct bsn_tar_stretch){ offset, length };
	return 0;
}

struct value {
	const char *bytes;
	size_t length;
	const struct bsn_tar_limits *limits;
};

/* A name or link target. An empty value takes back what was said before, as POSIX has it. */
static int take_text(char **text, const struct value *value)
{
	free(*text);
	*text = NULL;
	if (value->length == 0)
		return 0;
	if (memchr(value->bytes, '\0', value->length) != NULL || value->length > value->limits->path_bytes + 1)
		return -EBADMSG;
	*text = strndup(value->bytes, value->length);
	return *text == NULL ? -ENOMEM : 0;
}

static int take_path(struct bsn_pax *pax, const struct value *value)
{
	return take_text(&pax->path, value);
}

static int take_link(struct bsn_pax *pax, const struct value *value)
{
	return take_text(&pax->link, value);
}

static int take_number(bool *has, uint64_t *number, uint64_t max, const struct value *value)
{
	*has = value->length > 0;
	return *has ? bsn_pax_parse_number(value->bytes, value->length, max, number) : 0;
}

static int take_size(struct bsn_pax *pax, const struct value *value)
{
	return take_number(&pax->has_size, &pax->size, INT64_MAX, value);
}

static int take_uid(struct bsn_pax *pax, const struct value *value)
{
	uint64_t id = 0;
	int r = take_number(&pax->has_uid, &id, UINT32_MAX - 1, value);
	pax->uid = (uint32_t)id;
	return r;
}

static int take_gid(struct bsn_pax *pax, const struct value *value)
{
	uint64_t id = 0;
	int r = take_number(&pax->has_gid, &id, UINT32_MAX - 1, value);
	pax->gid = (uint32_t)id;
	return r;
}

/* "[-]SECONDS[.FRACTION]"; digits beyond nanoseconds are cut. */
static int take_mtime(struct bsn_pax *pax, const struct value *value)
{
	const char *at = value->bytes;
	const char *end = at + value->length;
	pax->has_mtime = value->length > 0;
	if (!pax->has_mtime)
		return 0;
	bool negative = *at == '-';
	at += negative;
	const char *dot = memchr(at, '.', (size_t)(end - at));
	uint64_t seconds;
	int r = bsn_pax_parse_number(at, (size_t)((dot != NULL ? dot : end) - at), INT64_MAX / 4, &seconds);
	if (r < 0)
		return r;
	long nanoseconds = 0;
	long unit = 100000000;
	for (at = dot != NULL ? dot + 1 : end; at < end; at++, unit /= 10) {
		if (*at < '0' || *at > '9')
			return -EBADMSG;
		nanoseconds += (*at - '0') * unit;
	}
	pax->mtime = (struct timespec){ negative ? -(time_t)seconds : (time_t)seconds, nanoseconds };
	if (negative && nanoseconds > 0)
		pax->mtime = (struct timespec){ -(time_t)seconds - 1, 1000000000 - nanoseconds };
	return 0;
}

static int take_sparse_name(struct bsn_pax *pax, const struct value *value)
{
	return take_text(&pax->sparse_name, value);
}

static int take_sparse_size(struct bsn_pax *pax, const struct value *value)
{
	return take_number(&pax->has_sparse_size, &pax->sparse_size, INT64_MAX, value);
}

static int take_sparse_major(struct bsn_pax *pax, const struct value *value)
{
	uint64_t major;
	int r = bsn_pax_parse_number(value->bytes, value->length, 1, &major);
	if (r >= 0)
		pax->sparse_major = (unsigned int)major;
	return r;
}

static int take_sparse_minor(struct bsn_pax *pax, const struct value *value)
{
	uint64_t minor;
	(void)pax;
	return bsn_pax_parse_number(value->bytes, value->length, 1, &minor);
}

static int take_sparse_offset(struct bsn_pax *pax, const struct value *value)
{
	uint64_t offset;
	int r = pax->half_stretch ? -EBADMSG : bsn_pax_parse_number(value->bytes, value->length, INT64_MAX, &offset);
	if (r >= 0)
		r = bsn_pax_add_stretch(pax, offset, 0, value->limits);
	pax->half_stretch = r >= 0;
	return r;
}

static int take_sparse_length(struct bsn_pax *pax, const struct value *value)
{
	uint64_t length;
	int r = pax->half_stretch ? bsn_pax_parse_number(value->bytes, value->length, INT64_MAX, &length) : -EBADMSG;
	if (r < 0)
		return r;
	struct bsn_tar_stretch *last = &pax->stretches[pax->stretch_count - 1];
	if (last->offset > INT64_MAX - length)
		return -EBADMSG;
	last->length = length;
	pax->half_stretch = false;
	return 0;
}

/* 0.1: "offset,length,offset,length,..." */
static int take_sparse_map(struct bsn_pax *pax, const struct value *value)
{
	const char *at = value->bytes;
	const char *end = at + value->length;
	uint64_t numbers[2];
	unsigned int have = 0;
	int r = 0;
	while (at < end && r >= 0) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma != NULL ? comma : end;
		r = bsn_pax_parse_number(at, (size_t)(stop - at), INT64_MAX, &numbers[have++]);
		if (r >= 0 && have == 2) {
			r = bsn_pax_add_stretch(pax, numbers[0], numbers[1], value->limits);
			have = 0;
		}
		at = stop + 1;
	}
	return r >= 0 && have != 0 ? -EBADMSG : r;
}

static int take_xattr(struct bsn_pax *pax, const char *name, size_t name_length, const struct value *value)
{
	if (name_length == 0 || name_length > 255 || memchr(name, '\0', name_length) != NULL || value->length > 65536)
		return -EBADMSG;
	pax->xattr_bytes += name_length + value->length;
	if (pax->xattr_bytes > value->limits->xattr_bytes)
		return -EBADMSG;
	struct bsn_tar_xattr *more = realloc(pax->xattrs, (pax->xattr_count + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	pax->xattrs = more;
	struct bsn_tar_xattr xattr = { strndup(name, name_length), malloc(value->length + 1), value->length };
	if (xattr.name == NULL || xattr.value == NULL) {
		free_xattr(&xattr);
		return -ENOMEM;
	}
	memcpy((void *)(uintptr_t)xattr.value, value->bytes, value->length);
	for (size_t i = 0; i < pax->xattr_count; i++)
		if (bsn_streq(pax->xattrs[i].name, xattr.name)) {
			free_xattr(&pax->xattrs[i]);
			pax->xattrs[i] = xattr;
			return 0;
		}
	pax->xattrs[pax->xattr_count++] = xattr;
	return 0;
}

/*
 * An ACL as text. With numbers it becomes the xattr it stands for, unless that is there too (the binary form is the one that travels well); with
 * names of the host that wrote it, it is dropped.
 */
static int take_acl(struct bsn_pax *pax, const char *name, const struct value *value)
{
	auto_free unsigned char *binary = NULL;
	size_t size = 0;
	for (size_t i = 0; i < pax->xattr_count; i++)
		if (bsn_streq(pax->xattrs[i].name, name))
			return 0;
	int r = bsn_acl_parse(value->bytes, value->length, &binary, &size);
	if (r == -ENOTSUP) {
		pax->acl_dropped = true;
		return 0;
	}
	if (r < 0)
		return r;
	const struct value converted = { .bytes = (const char *)binary, .length = size, .limits = value->limits };
	return take_xattr(pax, name, strlen(name), &converted);
}

static int take_access_acl(struct bsn_pax *pax, const struct value *value)
{
	return take_acl(pax, "system.posix_acl_access", value);
}

static int take_default_acl(struct bsn_pax *pax, const struct value *value)
{
	return take_acl(pax, "system.posix_acl_default", value);
}

static const struct {
	const char *key;
	int (*take)(struct bsn_pax *pax, const struct value *value);
	bool global; /* may stand in a g header */
	const char *problem;
} keys[] = {
	{ "path", take_path, false, "a path that is too long or holds a NUL byte" },
	{ "linkpath", take_link, false, "a link target that is too long or holds a NUL byte" },
	{ "size", take_size, false, "a size that is out of range" },
	{ "uid", take_uid, true, "a uid that is out of range" },
	{ "gid", take_gid, true, "a gid that is out of range" },
	{ "mtime", take_mtime, true, "a time that is out of range" },
	{ "GNU.sparse.name", take_sparse_name, false, "a path that is too long or holds a NUL byte" },
	{ "GNU.sparse.size", take_sparse_size, false, "a sparse size that is out of range" },
	{ "GNU.sparse.realsize", take_sparse_size, false, "a sparse size that is out of range" },
	{ "GNU.sparse.major", take_sparse_major, false, "a sparse version that is not known" },
	{ "GNU.sparse.minor", take_sparse_minor, false, "a sparse version that is not known" },
	{ "GNU.sparse.offset", take_sparse_offset, false, "a malformed sparse map" },
	{ "GNU.sparse.numbytes", take_sparse_length, false, "a malformed sparse map" },
	{ "GNU.sparse.map", take_sparse_map, false, "a malformed sparse map" },
	{ "SCHILY.acl.access", take_access_acl, false, "a malformed ACL" },
	{ "SCHILY.acl.default", take_default_acl, false, "a malformed ACL" },
};

static int take_record(struct bsn_pax *pax, const char *key, size_t key_length, const struct value *value, bool global,
		       const char **ret_problem)
{
	*ret_problem = "a global header with something only an entry's own header may say";
	bool sparse = key_length > 11 && memcmp(key, "GNU.sparse.", 11) == 0;
	if (key_length >= strlen(XATTR_PREFIX) && memcmp(key, XATTR_PREFIX, strlen(XATTR_PREFIX)) == 0) {
		if (global)
			return -EBADMSG;
		*ret_problem = "an extended attribute with a malformed name, or too many";
		return take_xattr(pax, key + strlen(XATTR_PREFIX), key_length - strlen(XATTR_PREFIX), value);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].key) != key_length || memcmp(keys[i].key, key, key_length) != 0)
			continue;
		if (global && !keys[i].global)
			return -EBADMSG;
		*ret_problem = keys[i].problem;
		pax->sparse |= sparse;
		return keys[i].take(pax, value);
	}
	return 0;
}

int bsn_pax_parse(struct bsn_pax *pax, const char *data, size_t length, bool global, const struct bsn_tar_limits *limits,
		  const char **ret_problem)
{
	const char *at = data;
	const char *end = data + length;
	while (at < end) {
		*ret_problem = "a malformed PAX record";
		const char *space = memchr(at, ' ', (size_t)(end - at));
		uint64_t record;
		if (space == NULL || bsn_pax_parse_number(at, (size_t)(space - at), length, &record) < 0)
			return -EBADMSG;
		const char *key = space + 1;
		if (record > (uint64_t)(end - at) || record < (uint64_t)(key - at) + 2 || at[record - 1] != '\n')
			return -EBADMSG;
		const char *stop = at + record - 1;
		const char *equals = memchr(key, '=', (size_t)(stop - key));
		if (equals == NULL || equals == key)
			return -EBADMSG;
		const struct value value = { equals + 1, (size_t)(stop - equals - 1), limits };
		int r = take_record(pax, key, (size_t)(equals - key), &value, global, ret_problem);
		if (r < 0)
			return r;
		at += record;
	}
	return 0;
}
