/* SPDX-License-Identifier: Apache-2.0 */
#include "image/archive.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/tar_read.h"

#define MEMBERS_MAX 65536
#define TEXT_MAX    ((size_t)4 << 20)
#define LINKS_MAX   8
#define TELL_EVERY  ((uint64_t)256 << 20)

struct member {
	char *path;
	char *link; /* NULL: a file; else the path of what it stands for */
	uint64_t size;
};

struct bsn_archive {
	struct bsn_staging staging;
	const char *name;
	struct member *members;
	size_t count;
	uint64_t bytes;
};

static int no_memory(struct basin_error *err)
{
	return bsn_fail_sys(err, ENOMEM, "cannot stage the archive");
}

/* Appends path to base, part by part, as names only: "." and empty parts vanish, ".." takes one away. -EINVAL above the top. */
static int join(char buffer[PATH_MAX], const char *base, const char *path)
{
	size_t length = strlen(base);
	memmove(buffer, base, length);
	while (*path != '\0') {
		size_t n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			if (length == 0)
				return -EINVAL;
			while (length > 0 && buffer[--length] != '/')
				;
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (length + n + 2 >= PATH_MAX)
				return -ENAMETOOLONG;
			if (length > 0)
				buffer[length++] = '/';
			memcpy(buffer + length, path, n);
			length += n;
		}
		path += n;
		path += *path == '/';
	}
	buffer[length] = '\0';
	return 0;
}

/* The path that a link means; a symbolic link's is relative to its own directory. */
static int link_path(const struct bsn_tar_entry *entry, const char *path, char buffer[PATH_MAX])
{
	char base[PATH_MAX] = "";
	const char *slash = strrchr(path, '/');
	if (entry->type == BSN_TAR_SYMLINK && slash != NULL && entry->link[0] != '/') {
		memcpy(base, path, (size_t)(slash - path));
		base[slash - path] = '\0';
	}
	return join(buffer, base, entry->link);
}

static void member_file(size_t number, char ret_name[32])
{
	snprintf(ret_name, 32, "%zu", number);
}

static int copy_data(struct bsn_archive *archive, struct bsn_tar *tar, int fd, struct basin_error *err)
{
	for (;;) {
		const void *data;
		uint64_t offset;
		ssize_t n = bsn_tar_data(tar, &data, &offset, err);
		if (n <= 0)
			return (int)n;
		int r = bsn_write_all(fd, data, (size_t)n);
		if (r < 0)
			return bsn_fail_sys(err, -r, "cannot stage \"%s\"", archive->name);
		if ((archive->bytes + (uint64_t)n) / TELL_EVERY != archive->bytes / TELL_EVERY)
			bsn_info("staging \"%s\": %llu MiB", archive->name, (unsigned long long)archive->bytes >> 20);
		archive->bytes += (uint64_t)n;
	}
}

static int stage_file(struct bsn_archive *archive, struct bsn_tar *tar, const struct bsn_tar_entry *entry,
		      struct basin_error *err)
{
	char name[32];
	if (entry->sparse)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "\"%s\" has the sparse member \"%.200s\"", archive->name,
				entry->path);
	member_file(archive->count, name);
	auto_fd int fd = bsn_sys_openat(archive->staging.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot stage \"%s\"", archive->name);
	return copy_data(archive, tar, fd, err);
}

static int add_member(struct bsn_archive *archive, struct bsn_tar *tar, const struct bsn_tar_entry *entry,
		      struct basin_error *err)
{
	char path[PATH_MAX];
	char link[PATH_MAX] = "";
	bool is_link = entry->type == BSN_TAR_SYMLINK || entry->type == BSN_TAR_HARDLINK;
	if (entry->type == BSN_TAR_DIR)
		return 0;
	if (!is_link && entry->type != BSN_TAR_FILE)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "\"%s\" has \"%.200s\", which is neither a file nor a link",
				archive->name, entry->path);
	if (join(path, "", entry->path) < 0 || path[0] == '\0' || (is_link && link_path(entry, path, link) < 0))
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "\"%s\" has a member that names something outside it: \"%.200s\"",
				archive->name, entry->path);
	if (archive->count == MEMBERS_MAX)
		return bsn_fail(err, BASIN_DAMAGED, EFBIG, "\"%s\" has more than %d members", archive->name, MEMBERS_MAX);
	if ((archive->count & (archive->count - 1)) == 0) {
		size_t room = archive->count == 0 ? 1 : archive->count * 2;
		struct member *more = realloc(archive->members, room * sizeof(*more));
		if (more == NULL)
			return no_memory(err);
		archive->members = more;
	}
	int r = is_link ? 0 : stage_file(archive, tar, entry, err);
	if (r < 0)
		return r;
	struct member *member = &archive->members[archive->count++];
	*member = (struct member){ strdup(path), is_link ? strdup(link) : NULL, entry->size };
	return member->path == NULL || (is_link && member->link == NULL) ? no_memory(err) : 0;
}

int bsn_archive_open(const struct bsn_store *store, struct bsn_stream *tar, const char *name, struct bsn_archive **ret_archive,
		     struct basin_error *err)
{
	auto_of(bsn_archive_close) struct bsn_archive *archive = calloc(1, sizeof(*archive));
	auto_of(bsn_tar_free) struct bsn_tar *reader = NULL;
	const struct bsn_tar_entry *entry;
	if (archive == NULL)
		return no_memory(err);
	archive->staging = (struct bsn_staging)BSN_STAGING_INIT;
	archive->name = name;
	int r = bsn_staging_open(store, &archive->staging, err);
	if (r >= 0)
		r = bsn_tar_new(tar, NULL, false, &reader, err);
	while (r >= 0 && (r = bsn_tar_next(reader, &entry, err)) > 0)
		r = add_member(archive, reader, entry, err);
	if (r >= 0)
		r = bsn_stream_drain(tar, err);
	if (r < 0)
		return r;
	*ret_archive = bsn_give(&archive);
	return 0;
}

void bsn_archive_close(struct bsn_archive *archive)
{
	if (archive == NULL)
		return;
	for (size_t i = 0; i < archive->count; i++) {
		free(archive->members[i].path);
		free(archive->members[i].link);
	}
	free(archive->members);
	bsn_staging_close(&archive->staging);
	free(archive);
}

/* The member that path, or what it is a link to, stands for: its number, or -ENOENT. The last of a name counts. */
static ssize_t find(const struct bsn_archive *archive, const char *path)
{
	char wanted[PATH_MAX];
	if (join(wanted, "", path) < 0)
		return -ENOENT;
	for (int links = 0; links < LINKS_MAX; links++) {
		size_t i = archive->count;
		while (i > 0 && !bsn_streq(archive->members[i - 1].path, wanted))
			i--;
		if (i == 0)
			return -ENOENT;
		const struct member *member = &archive->members[i - 1];
		if (member->link == NULL)
			return (ssize_t)i - 1;
		memcpy(wanted, member->link, strlen(member->link) + 1);
	}
	return -ENOENT;
}

bool bsn_archive_has(const struct bsn_archive *archive, const char *path)
{
	return find(archive, path) >= 0;
}

int bsn_archive_member(const struct bsn_archive *archive, const char *path, uint64_t *ret_size, int *ret_fd,
		       struct basin_error *err)
{
	char name[32];
	ssize_t number = find(archive, path);
	if (number < 0)
		return bsn_fail(err, BASIN_DAMAGED, ENOENT, "\"%s\" lacks its member \"%.200s\"", archive->name, path);
	member_file((size_t)number, name);
	int fd = bsn_sys_openat(archive->staging.fd, name, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return bsn_fail_sys(err, -fd, "cannot open the staged \"%.200s\"", path);
	if (ret_size != NULL)
		*ret_size = archive->members[number].size;
	*ret_fd = fd;
	return 0;
}

int bsn_archive_text(const struct bsn_archive *archive, const char *path, char **ret_text, struct basin_error *err)
{
	auto_fd int fd = -1;
	auto_free char *text = NULL;
	size_t length;
	int r = bsn_archive_member(archive, path, NULL, &fd, err);
	if (r < 0)
		return r;
	r = bsn_read_fd(fd, TEXT_MAX, &text, &length);
	if (r == -EFBIG)
		return bsn_fail(err, BASIN_DAMAGED, EFBIG, "\"%s\": \"%.200s\" is longer than 4 MiB", archive->name, path);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot read the staged \"%.200s\"", path);
	if (strlen(text) != length)
		return bsn_fail(err, BASIN_DAMAGED, EBADMSG, "\"%s\": \"%.200s\" holds a NUL byte", archive->name, path);
	*ret_text = bsn_give(&text);
	return 0;
}
