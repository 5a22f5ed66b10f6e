/* SPDX-License-Identifier: Apache-2.0 */
/* References, "name[:tag]": the grammar of the OCI distribution-spec's <name> and <reference>, with an optional host and port
 * before. */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "image/store_parts.h"

#define TAG_MAX 128

/* One part between slashes: [a-z0-9]+ joined by ".", "_", "__" or any number of "-". */
static bool is_component(const char *text, size_t length)
{
	size_t at = 0;
	while (at < length) {
		size_t start = at;
		while (at < length && (islower((unsigned char)text[at]) || isdigit((unsigned char)text[at])))
			at++;
		if (at == start)
			return false;
		if (at == length)
			return true;
		size_t mark = at;
		while (at < length && text[at] == text[mark] && strchr("._-", text[at]) != NULL)
			at++;
		size_t marks = at - mark;
		if (marks == 0 || (text[mark] == '.' && marks > 1) || (text[mark] == '_' && marks > 2))
			return false;
	}
	return false;
}

/* The first part may be a host, told by a dot or a port: "registry.example:5000". */
static bool is_host(const char *text, size_t length)
{
	const char *colon = memchr(text, ':', length);
	size_t name = colon != NULL ? (size_t)(colon - text) : length;
	if (colon != NULL) {
		size_t digits = length - name - 1;
		if (digits == 0 || digits > 5 || strspn(colon + 1, "0123456789") < digits)
			return false;
	}
	return is_component(text, name);
}

static bool is_tag(const char *tag)
{
	size_t length = strlen(tag);
	if (length == 0 || length > TAG_MAX || tag[0] == '.' || tag[0] == '-')
		return false;
	for (const char *at = tag; *at != '\0'; at++)
		if (!isalnum((unsigned char)*at) && strchr("._-", *at) == NULL)
			return false;
	return true;
}

static bool is_name(const char *name, size_t length)
{
	const char *end = name + length;
	bool first = true;
	for (const char *at = name; at <= end; first = false) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash != NULL ? slash : end;
		size_t n = (size_t)(stop - at);
		bool host = first && slash != NULL;
		if (!(host ? is_host(at, n) : is_component(at, n)))
			return false;
		at = stop + 1;
	}
	return true;
}

int bsn_ref_normalise(const char *text, char ret_ref[BSN_REF_ROOM], struct basin_error *err)
{
	char ref[BSN_REF_ROOM];
	const char *slash = strrchr(text, '/');
	const char *colon = strrchr(slash != NULL ? slash : text, ':');
	const char *tag = colon != NULL ? colon + 1 : "latest";
	size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
	/* A name "sha256" could not be told from a digest. */
	bool digest = length == 6 && memcmp(text, "sha256", 6) == 0;
	if (length == 0 || digest || !is_name(text, length) || !is_tag(tag))
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"\"%.200s\" is not a reference: give NAME[:TAG], the name in lower-case letters, digits, \".\", "
				"\"_\", \"-\" and \"/\"",
				text);
	if (length >= BSN_REF_ROOM || bsn_format(ref, sizeof(ref), "%.*s:%s", (int)length, text, tag) < 0)
		return bsn_fail(err, BASIN_USAGE, ENAMETOOLONG, "the reference \"%.60s...\" is longer than %d bytes", text,
				BSN_REF_ROOM - 1);
	memcpy(ret_ref, ref, strlen(ref) + 1);
	return 0;
}

const char *bsn_ref_familiar(const char *ref)
{
	static const char prefix[] = "docker.io/library/";
	return ref != NULL && bsn_starts_with(ref, prefix) ? ref + strlen(prefix) : ref;
}

void bsn_ref_to_file(char *ref)
{
	for (char *at = ref; (at = strchr(at, '/')) != NULL;)
		*at = '%';
}

void bsn_ref_from_file(char *file)
{
	for (char *at = file; (at = strchr(at, '%')) != NULL;)
		*at = '/';
}
