/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of compiled filters: <state root>/.seccomp/<digest>, each file a header, the section's text, the program. The digest only
 * finds the file; what counts is that header and text are the same, byte for byte.
 */
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/sys.h"
#include "runtime/seccomp_parts.h"

#define CACHE_DIR    ".seccomp"
#define CACHE_FORMAT 2
#define MAX_SOURCE   ((size_t)4 * 1024 * 1024)

struct header {
	char magic[8];
	uint32_t format;
	uint32_t arch;
	uint32_t library[3]; /* another libseccomp may know more system calls */
	uint32_t source_length;
	uint32_t count;
};

static void fill_header(struct header *header, size_t source_length, size_t count)
{
	const struct scmp_version *version = seccomp_version();
	memset(header, 0, sizeof(*header));
	memcpy(header->magic, "bsn-bpf", sizeof(header->magic));
	header->format = CACHE_FORMAT;
	header->arch = seccomp_arch_native();
	header->library[0] = version->major;
	header->library[1] = version->minor;
	header->library[2] = version->micro;
	header->source_length = (uint32_t)source_length;
	header->count = (uint32_t)count;
}

/* FNV-1a, 64 bits. */
static void name_file(const char *source, char name[32])
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (const unsigned char *at = (const unsigned char *)source; *at != '\0'; at++)
		hash = (hash ^ *at) * UINT64_C(1099511628211);
	snprintf(name, 32, "%016" PRIx64, hash);
}

int bsn_seccomp_cache_get(int root, const char *source, struct bsn_seccomp_filter *filter)
{
	auto_free char *data = NULL;
	char name[32];
	size_t length;
	size_t source_length = strlen(source);
	struct header expected;
	struct header found;
	if (source_length > MAX_SOURCE)
		return -EFBIG;
	name_file(source, name);
	auto_fd int dir = bsn_sys_openat(root, CACHE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	/* Whoever else can write it decides what containers may do. */
	int r = dir < 0 ? dir : bsn_check_trusted(dir, NULL);
	if (r < 0)
		return r;
	r = bsn_read_file(dir, name, sizeof(found) + MAX_SOURCE + BPF_MAXINSNS * sizeof(struct sock_filter), &data, &length);
	if (r < 0)
		return r;
	if (length < sizeof(found))
		return -EINVAL;
	memcpy(&found, data, sizeof(found));
	fill_header(&expected, source_length, found.count);
	size_t bytes = (size_t)found.count * sizeof(struct sock_filter);
	if (memcmp(&found, &expected, sizeof(found)) != 0 || found.count == 0 || found.count > BPF_MAXINSNS ||
	    length != sizeof(found) + source_length + bytes || memcmp(data + sizeof(found), source, source_length) != 0)
		return -EINVAL;
	filter->code = malloc(bytes);
	if (filter->code == NULL)
		return -ENOMEM;
	memcpy(filter->code, data + sizeof(found) + source_length, bytes);
	filter->count = found.count;
	return 0;
}

int bsn_seccomp_cache_put(int root, const char *source, const struct bsn_seccomp_filter *filter)
{
	size_t source_length = strlen(source);
	size_t bytes = filter->count * sizeof(struct sock_filter);
	char name[32];
	if (source_length > MAX_SOURCE)
		return -EFBIG;
	int r = bsn_sys_mkdirat(root, CACHE_DIR, 0700);
	if (r < 0 && r != -EEXIST)
		return r;
	auto_fd int dir = bsn_sys_openat(root, CACHE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	r = dir < 0 ? dir : bsn_check_trusted(dir, NULL);
	if (r < 0)
		return r;
	auto_free char *data = malloc(sizeof(struct header) + source_length + bytes);
	if (data == NULL)
		return -ENOMEM;
	fill_header((struct header *)(void *)data, source_length, filter->count);
	memcpy(data + sizeof(struct header), source, source_length);
	memcpy(data + sizeof(struct header) + source_length, filter->code, bytes);
	name_file(source, name);
	return bsn_replace_file(dir, name, data, sizeof(struct header) + source_length + bytes, 0600, false);
}
