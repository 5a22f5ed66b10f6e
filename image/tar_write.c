/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ustar is POSIX.1-1988's 512-byte header, all numbers octal text; PAX (POSIX.1-2001) is a file of "length key=value\n" records
 * that stands before the header it overrules. A field that PAX overrules is still filled as well as it can be, so that an old reader
 * shows something sensible; a number that does not fit is written as 0 there.
 */
#include "image/tar_write.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"

#define OCTAL_7 07777777U      /* the most that 7 digits hold: ids, device numbers */
#define OCTAL_11 077777777777U /* 11 digits: sizes, times */

/* The ustar header, field by field. */
struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char uname[32];
	char gname[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char unused[12];
};
_Static_assert(sizeof(struct header) == BSN_TAR_BLOCK, "a tar header is one block");

static const char zeros[2 * BSN_TAR_BLOCK];

int bsn_tar_sink_fd(void *data, const void *bytes, size_t length, struct basin_error *err)
{
	int r = bsn_write_all(*(int *)data, bytes, length);
	return r < 0 ? bsn_fail_sys(err, -r, "cannot write the archive") : 0;
}

void bsn_tar_writer_init(struct bsn_tar_writer *writer, bsn_tar_sink_fn *sink, void *data)
{
	*writer = (struct bsn_tar_writer){ .sink = sink, .data = data };
}

void bsn_tar_writer_release(struct bsn_tar_writer *writer)
{
	bsn_str_release(&writer->pax);
}

static int emit(struct bsn_tar_writer *writer, const void *bytes, size_t length, struct basin_error *err)
{
	int r = writer->sink(writer->data, bytes, length, err);
	if (r >= 0)
		writer->written += length;
	return r;
}

/* Zeros up to the next block. */
static int pad(struct bsn_tar_writer *writer, struct basin_error *err)
{
	size_t over = (size_t)(writer->written % BSN_TAR_BLOCK);
	return over == 0 ? 0 : emit(writer, zeros, BSN_TAR_BLOCK - over, err);
}

/* room - 1 octal digits and a NUL. */
static void put_octal(char *field, size_t room, uint64_t value, uint64_t max)
{
	char text[24];
	snprintf(text, sizeof(text), "%0*llo", (int)room - 1, (unsigned long long)(value > max ? 0 : value));
	memcpy(field, text, room);
}

static void put_text(char *field, size_t room, const char *text)
{
	memcpy(field, text, strnlen(text, room));
}

/* The sum of all bytes with the field itself blank: six digits, a NUL, and a blank. */
static void put_checksum(struct header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	unsigned int sum = 0;

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += bytes[i];
	put_octal(header->checksum, sizeof(header->checksum) - 1, sum, 0777777U);
}

static void start_header(struct header *header, char type)
{
	*header = (struct header){ .type = type };
	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
}

/* "LENGTH key=value\n", where LENGTH counts its own digits too. */
static void add_record(struct bsn_str *pax, const char *key, const void *value, size_t length)
{
	size_t rest = strlen(key) + length + 3; /* blank, '=', newline */
	size_t total = rest + 1;

	while (rest + (size_t)snprintf(NULL, 0, "%zu", total) > total)
		total++;
	bsn_str_addf(pax, "%zu %s=", total, key);
	bsn_str_add_bytes(pax, value, length);
	bsn_str_add(pax, "\n");
}

static void add_number(struct bsn_str *pax, const char *key, uint64_t value)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	add_record(pax, key, text, (size_t)length);
}

/* Decimal seconds with as many digits as it takes; -1.5 is what stat calls second -2 and 500000000 ns. */
static void add_time(struct bsn_str *pax, const char *key, int64_t seconds, uint32_t ns)
{
	char text[48];
	bool negative = seconds < 0;
	uint64_t whole = negative ? 0 - (uint64_t)seconds : (uint64_t)seconds;

	if (negative && ns > 0) {
		whole--;
		ns = 1000000000U - ns;
	}
	int length = snprintf(text, sizeof(text), "%s%llu", negative ? "-" : "", (unsigned long long)whole);
	if (ns > 0) {
		length += snprintf(text + length, sizeof(text) - (size_t)length, ".%09u", ns);
		while (text[length - 1] == '0')
			length--;
	}
	add_record(pax, key, text, (size_t)length);
}

/* The list of runs that PAX sparse 1.0 puts before the data: a count, then offset and length of each, a line each. */
static int format_map(const struct bsn_tar_member *member, struct bsn_str *map)
{
	bsn_str_addf(map, "%zu\n", member->extent_count);
	for (size_t i = 0; i < member->extent_count; i++)
		bsn_str_addf(map, "%llu\n%llu\n", (unsigned long long)member->extents[i].offset,
			     (unsigned long long)member->extents[i].length);
	return bsn_str_add_bytes(map, zeros, (BSN_TAR_BLOCK - map->length % BSN_TAR_BLOCK) % BSN_TAR_BLOCK);
}

static int collect_xattrs(struct bsn_str *pax, const struct bsn_tar_member *member)
{
	for (size_t i = 0; i < member->xattr_count && !member->hard_link; i++) {
		char key[300];
		if (bsn_format(key, sizeof(key), "SCHILY.xattr.%s", member->xattrs[i].name) < 0)
			return -ENAMETOOLONG;
		add_record(pax, key, member->xattrs[i].value, member->xattrs[i].length);
	}
	return pax->failed ? -ENOMEM : 0;
}

/* What ustar cannot say about the member. stored: bytes that follow the header. */
static int collect_pax(struct bsn_str *pax, const struct bsn_tar_member *member, const char *name, uint64_t stored)
{
	bool sparse = S_ISREG(member->mode) && !member->hard_link && member->extents != NULL;

	bsn_str_clear(pax);
	if (sparse) {
		add_number(pax, "GNU.sparse.major", 1);
		add_number(pax, "GNU.sparse.minor", 0);
		add_record(pax, "GNU.sparse.name", name, strlen(name));
		add_number(pax, "GNU.sparse.realsize", member->size);
	} else if (strlen(name) > sizeof(((struct header *)0)->name)) {
		add_record(pax, "path", name, strlen(name));
	}
	if (member->target != NULL && strlen(member->target) > sizeof(((struct header *)0)->link))
		add_record(pax, "linkpath", member->target, strlen(member->target));
	if (stored > OCTAL_11)
		add_number(pax, "size", stored);
	if (member->uid > OCTAL_7)
		add_number(pax, "uid", member->uid);
	if (member->gid > OCTAL_7)
		add_number(pax, "gid", member->gid);
	if (member->mtime_ns > 0 || member->mtime < 0 || (uint64_t)member->mtime > OCTAL_11)
		add_time(pax, "mtime", member->mtime, member->mtime_ns);
	return collect_xattrs(pax, member);
}

static int write_pax(struct bsn_tar_writer *writer, struct basin_error *err)
{
	struct header header;

	start_header(&header, 'x');
	put_text(header.name, sizeof(header.name), "PaxHeaders/member");
	put_octal(header.mode, sizeof(header.mode), 0644, OCTAL_7);
	put_octal(header.uid, sizeof(header.uid), 0, OCTAL_7);
	put_octal(header.gid, sizeof(header.gid), 0, OCTAL_7);
	put_octal(header.size, sizeof(header.size), writer->pax.length, OCTAL_11);
	put_octal(header.mtime, sizeof(header.mtime), 0, OCTAL_11);
	put_checksum(&header);
	int r = emit(writer, &header, sizeof(header), err);
	if (r >= 0)
		r = emit(writer, writer->pax.data, writer->pax.length, err);
	return r < 0 ? r : pad(writer, err);
}

static char type_of(const struct bsn_tar_member *member)
{
	if (member->hard_link)
		return '1';
	switch (member->mode & S_IFMT) {
	case S_IFREG:
		return '0';
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return '6';
	default:
		return 0;
	}
}

static int write_header(struct bsn_tar_writer *writer, const struct bsn_tar_member *member, const char *name, uint64_t stored,
			struct basin_error *err)
{
	struct header header;

	start_header(&header, type_of(member));
	put_text(header.name, sizeof(header.name), name);
	put_octal(header.mode, sizeof(header.mode), member->mode & 07777, OCTAL_7);
	put_octal(header.uid, sizeof(header.uid), member->uid, OCTAL_7);
	put_octal(header.gid, sizeof(header.gid), member->gid, OCTAL_7);
	put_octal(header.size, sizeof(header.size), stored, OCTAL_11);
	put_octal(header.mtime, sizeof(header.mtime), member->mtime < 0 ? 0 : (uint64_t)member->mtime, OCTAL_11);
	if (member->target != NULL)
		put_text(header.link, sizeof(header.link), member->target);
	if (!member->hard_link && (S_ISCHR(member->mode) || S_ISBLK(member->mode))) {
		put_octal(header.major, sizeof(header.major), member->major, OCTAL_7);
		put_octal(header.minor, sizeof(header.minor), member->minor, OCTAL_7);
	}
	put_checksum(&header);
	return emit(writer, &header, sizeof(header), err);
}

static int check_member(const struct bsn_tar_member *member, struct basin_error *err)
{
	if (type_of(member) == 0)
		return bsn_fail(err, BASIN_UNSUPPORTED, EINVAL, "\"%s\" is of a kind that tar has no word for", member->path);
	if (member->major > OCTAL_7 || member->minor > OCTAL_7)
		return bsn_fail(err, BASIN_UNSUPPORTED, EOVERFLOW, "device \"%s\" has a number that tar cannot hold", member->path);
	if (member->mtime_ns >= 1000000000U)
		return bsn_fail(err, BASIN_INTERNAL, EINVAL, "\"%s\" has more than a second of nanoseconds", member->path);
	uint64_t end = 0;
	for (size_t i = 0; member->extents != NULL && i < member->extent_count; i++) {
		const struct bsn_tar_extent *run = &member->extents[i];
		if (run->offset < end || run->offset > member->size || run->length > member->size - run->offset)
			return bsn_fail(err, BASIN_INTERNAL, EINVAL, "the runs of sparse file \"%s\" are not in order", member->path);
		end = run->offset + run->length;
	}
	return 0;
}

static uint64_t data_size(const struct bsn_tar_member *member)
{
	uint64_t size = 0;
	if (!S_ISREG(member->mode) || member->hard_link)
		return 0;
	if (member->extents == NULL)
		return member->size;
	for (size_t i = 0; i < member->extent_count; i++)
		size += member->extents[i].length;
	return size;
}

static int write_named(struct bsn_tar_writer *writer, const struct bsn_tar_member *member, const char *name, struct basin_error *err)
{
	auto_str struct bsn_str map = { 0 };
	uint64_t data = data_size(member);

	if (S_ISREG(member->mode) && !member->hard_link && member->extents != NULL && format_map(member, &map) < 0)
		return bsn_fail_sys(err, ENOMEM, "cannot write \"%s\" to the archive", member->path);
	int r = collect_pax(&writer->pax, member, name, map.length + data);
	if (r < 0)
		return bsn_fail_sys(err, -r, "cannot write \"%s\" to the archive", member->path);
	if (writer->pax.length > 0)
		r = write_pax(writer, err);
	if (r >= 0)
		r = write_header(writer, member, name, map.length + data, err);
	if (r >= 0 && map.length > 0)
		r = emit(writer, map.data, map.length, err);
	if (r >= 0)
		writer->left = data;
	return r;
}

int bsn_tar_write_member(struct bsn_tar_writer *writer, const struct bsn_tar_member *member, struct basin_error *err)
{
	auto_str struct bsn_str name = { 0 };

	if (writer->left > 0)
		return bsn_fail(err, BASIN_INTERNAL, EINVAL, "\"%s\" begins before the member before it is complete", member->path);
	int r = check_member(member, err);
	if (r < 0)
		return r;
	bsn_str_add(&name, member->path);
	if (S_ISDIR(member->mode) && !member->hard_link)
		bsn_str_add(&name, "/");
	if (name.failed)
		return bsn_fail_sys(err, ENOMEM, "cannot write \"%s\" to the archive", member->path);
	return write_named(writer, member, bsn_str_text(&name), err);
}

int bsn_tar_write_data(struct bsn_tar_writer *writer, const void *bytes, size_t length, struct basin_error *err)
{
	if (length == 0)
		return 0;
	if (length > writer->left)
		return bsn_fail(err, BASIN_INTERNAL, EFBIG, "an archive member got more data than its header says");
	int r = emit(writer, bytes, length, err);
	if (r < 0)
		return r;
	writer->left -= length;
	return writer->left == 0 ? pad(writer, err) : 0;
}

int bsn_tar_write_end(struct bsn_tar_writer *writer, struct basin_error *err)
{
	if (writer->left > 0)
		return bsn_fail(err, BASIN_INTERNAL, EINVAL, "the archive ends before its last member is complete");
	return emit(writer, zeros, sizeof(zeros), err);
}
